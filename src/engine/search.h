/*
 * Text search, fed in the background (design, section 5): a page never pays for it.
 *
 * A round takes one small batch: records not yet walked while the index is being built, else what the change
 * feed tells, and moves the index's place in the same write. Killed anywhere, the next round goes on there. It
 * keeps out of the way of pages: while runs commit, it works a quarter of the time.
 */
#ifndef TIDEMARK_ENGINE_SEARCH_H
#define TIDEMARK_ENGINE_SEARCH_H

#include "engine/engine.h"

/*
 * Case, accents and width folded, white space made one blank, so that "JOSÉ" and "jose" are the same text.
 * At most bytes_max bytes, cut at a character. STR_NONE: the arena is full. Bytes that are no UTF-8 are left out.
 */
struct str search_fold(struct arena *a, struct str text, size_t bytes_max);
/* What a person asks for: folded, and a text that looks like a phone number without its signs. */
struct str search_question(struct arena *a, struct str text);

/* One batch. *more_out: there is more to do at once. */
MUST_USE bool search_round(struct store *store, bool *more_out, struct err *err);

#endif
