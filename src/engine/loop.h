/*
 * Does this run get anywhere? (I-8)
 *
 * A vendor that hands out a cursor it has handed out before, or page after page with nothing new, would
 * keep a run busy for ever. The guard remembers the identity of every request of the present stream and
 * counts pages that bring nothing. After a restart the store's page rows fill it again. One thread.
 */
#ifndef TIDEMARK_ENGINE_LOOP_H
#define TIDEMARK_ENGINE_LOOP_H

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

struct loop_guard {
    uint64_t *tokens;        /* owned; open addressing, 0 is an empty place */
    size_t token_count, token_size;
    uint64_t slice_hash;     /* of the slice the last page belonged to */
    uint64_t content_hash;   /* of the last page's ids */
    int64_t idle_pages;      /* pages without progress in a row */
    int64_t same_pages;      /* those among them that repeat the one before */
    int64_t pages, bytes;    /* of the whole run */
    int64_t began_us;        /* monotonic */
};

struct loop_page {
    uint64_t token_hash;     /* identity of the next request; 0: there is none */
    uint64_t content_hash;   /* of the ids on this page; 0: no records */
    struct str slice;
    int64_t bytes;           /* of the vendor's answer */
};

void loop_init(struct loop_guard *guard, int64_t monotonic_us);
void loop_release(struct loop_guard *guard);
/* A new stream begins: its requests are its own. Page and byte totals go on. */
void loop_begin_stream(struct loop_guard *guard);
/* What an earlier process of this run has seen: a token, or the number of pages. */
MUST_USE bool loop_restore_token(struct loop_guard *guard, uint64_t token_hash, struct err *err);
/*
 * Judges a page before it is stored. E_CURSOR_LOOP: its next request was made before in this stream, or the
 * vendor gives the same page whatever it is asked for;
 * E_RUN_LIMIT: too many pages, bytes, hours, or pages that brought nothing; E_NO_MEMORY.
 */
MUST_USE bool loop_check_page(struct loop_guard *guard, const struct loop_page *page, int64_t monotonic_us,
                              struct err *err);

#endif
