/*
 * Does it add up? (I-3; contract, section 1)
 *
 * Every run ends with a verdict: `complete`, `partial` (records were rejected, or deletes wait for a
 * person), or `suspicious`, which is a failure: what was read is not what the vendor said there is. Pure.
 */
#ifndef TIDEMARK_ENGINE_VERDICT_H
#define TIDEMARK_ENGINE_VERDICT_H

#include "base/arena.h"
#include "base/err.h"
#include "store/store_run.h"

/*
 * The vendor's total while a stream is read: totals move, so for each slice the smaller of the first and
 * the last page's counts, and slices are summed. Saved with the position of each page.
 */
struct declared {
    int64_t closed;      /* sum of the slices that are done */
    int64_t first, last; /* of the present slice; -1: not told */
    bool untold;         /* some slice told nothing: the sum says nothing */
};
#define DECLARED_INIT ((struct declared){.first = -1, .last = -1})
void declared_page(struct declared *d, int64_t declared_total, bool slice_done);
/* The sum so far, the present slice included; -1: nothing was told. */
int64_t declared_total(const struct declared *d);

struct verdict_stream {
    struct str name;
    struct page_counts counts;
    int64_t declared;    /* declared_total(), -1: not told */
    bool full;           /* an unfiltered full pass: only then the vendor's total means anything */
    bool finished;       /* read to its end */
    bool guarded;        /* its deletes wait for a person (I-9) */
    bool pushed;         /* they are ours, for the vendor */
    enum err_code failed;/* E_OK, or why it ended early */
    struct str message;
    struct str notice;   /* what the vendor said of its answers' quality, or STR_NONE */
};

struct verdict {
    enum run_verdict kind;
    enum err_code code;  /* E_OK, E_UNRECONCILED, E_DELETE_GUARD (partial), or the failed stream's */
    struct str reason;   /* for a person; in a */
};

/* So many deletions at once, of so many records: nobody believes that (I-9). */
bool verdict_is_unbelievable(int64_t deletions, int64_t live);

/* The connection or its vendor is the trouble, whatever is read there: it does not work at present. */
bool verdict_blames_connection(enum err_code code);

void verdict_of(struct arena *a, const struct verdict_stream *streams, size_t count, struct verdict *verdict_out);
/* Streams were left out, because what says which ones there are could not be read: partial at best. words: as long as v. */
void verdict_lack(enum err_code code, struct str words, struct verdict *v);

#endif
