/*
 * Text search: which records hold some text.
 *
 * What can be found of a record is one text, folded by the caller (case, accents, white space: one blank). Candidates
 * are found by pieces of three characters (FTS5's trigrams on SQLite, a tsvector of our own on PostgreSQL), then
 * every word asked for must stand in the text: any part of a word is found. Words of one or two characters have no
 * piece; they are looked for in the texts of the list itself, newest first.
 *
 * The index follows the change feed and is behind it by a moment; it holds nothing that records do not hold and is
 * built anew when its state is missing. The caller of store_search_state_take moves it, one node at a time.
 */
#ifndef TIDEMARK_STORE_STORE_SEARCH_H
#define TIDEMARK_STORE_STORE_SEARCH_H

#include "store/store_event.h"

#define SEARCH_WORDS_MAX 3       /* further ones only narrow: they are left out */
#define SEARCH_TEXT_BYTES_MAX 4096 /* of one record; what is beyond cannot be found */

/* What a list is asked for, made ready for the database. */
struct search_terms {
    struct str match;            /* pieces, in the database's words; STR_NONE: every word is too short */
    struct str like;             /* the first word as a pattern, when match is STR_NONE; STR_NONE: nothing is asked for */
    struct str words[SEARCH_WORDS_MAX]; /* empty ones stand in any text */
};
/* E_TOO_LARGE when the arena is full. An empty text asks for nothing. */
MUST_USE bool store_search_terms(struct db *db, struct arena *a, struct str folded, struct search_terms *terms_out,
                                 struct err *err);

/* How far the index is. */
struct search_state {
    struct event_place place;    /* in the feed of all tenants */
    bool building;               /* records are walked, in the order of (tenant, id), from here on */
    int64_t tenant, record;
    int64_t checked_us;          /* when it was last known to be whole: a feed kept for less has a gap */
};
/*
 * In a write. taken_out false: another node is at it. A state that is missing or not ours begins a new index at
 * the feed's newest place.
 */
MUST_USE bool store_search_state_take(struct db *db, struct arena *a, struct search_state *state_out, bool *taken_out,
                                      struct err *err);
/* Only looks. known_out false: there is none yet. */
MUST_USE bool store_search_state_read(struct db *db, struct arena *a, struct search_state *state_out, bool *known_out,
                                      struct err *err);
MUST_USE bool store_search_state_save(struct db *db, const struct search_state *state, struct err *err);

struct search_record {
    int64_t id, tenant, collection;
    struct str kind, title, data;
};
MUST_USE bool store_search_walk(struct db *db, struct arena *a, const struct search_state *state, size_t limit,
                                struct search_record **rows_out, size_t *count_out, struct err *err);
enum row store_search_record(struct db *db, struct arena *a, int64_t tenant, int64_t record, struct search_record *record_out,
                             struct err *err);
/* Writes what can be found of a record; nothing when it is the same. An empty text removes it. */
MUST_USE bool store_search_put(struct db *db, struct arena *scratch, const struct search_record *record, struct str folded,
                               struct err *err);
MUST_USE bool store_search_remove(struct db *db, int64_t tenant, int64_t record, struct err *err);
/*
 * Before records are taken away for good, first in the transaction: nodes that move the index wait until it ends. Without it one that
 * has read a record could write what it read after store_search_remove, and nothing would ever take that away again.
 */
MUST_USE bool store_search_hold(struct db *db, struct err *err);

#endif
