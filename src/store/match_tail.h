/*
 * The tail of SQLite's match keys, in memory: keys that have changed and are not in their tree yet.
 *
 * A row of a random key costs its whole page, read, logged and copied, and a synced contact brings two such
 * keys. So changes wait here, grouped by the top bits of their hash, and go into the tree one group after
 * another: then a page of the tree takes many of them at once. store_match.c reads and writes the table that
 * this is a copy of, and says why the copy is never ahead of it or behind. No SQL here. One thread.
 */
#ifndef TIDEMARK_STORE_MATCH_TAIL_H
#define TIDEMARK_STORE_MATCH_TAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MATCH_HASH_BITS 63
#define MATCH_BUCKET_BITS 11
#define MATCH_BUCKETS (1u << MATCH_BUCKET_BITS)

#define MATCH_NONE 0             /* as `record`: nobody has the key */
#define MATCH_AMBIGUOUS (-1)     /* several have it */

struct match_entry {
    uint64_t hash;
    int64_t record;
    uint32_t rest, tenant;
};

/* Which hashes of a bucket the tree may hold: a Bloom filter, so that a new key need not look there. */
struct match_filter {
    unsigned char *bits;         /* owned; NULL: not known, look */
    uint32_t bytes;              /* a power of two */
    uint32_t count;              /* keys added */
};

struct match_bucket {
    struct match_entry *entries; /* owned; sorted by hash */
    uint32_t count, size;
    struct match_filter filter;
};

struct match_tail {
    struct match_bucket buckets[MATCH_BUCKETS];
    size_t count;                /* entries in all of them */
    int64_t last_id;             /* newest row of the table */
    int64_t merged_id;           /* rows up to this one are wholly in the tree */
    int64_t sweep_id;            /* newest row when this round of the sweep began */
    unsigned sweep_bucket;       /* the next to go */
    int64_t trimmed_id;          /* rows up to this one are gone from the table */
    bool changed, changed_in_savepoint; /* since the transaction, since the savepoint began */
};

struct match_tail *match_tail_new(void);                 /* empty; NULL: no memory */
void match_tail_free(struct match_tail *tail);           /* accepts NULL */
static inline unsigned
match_bucket_of(uint64_t hash)
{
    return (unsigned)(hash >> (MATCH_HASH_BITS - MATCH_BUCKET_BITS));
}
/* NULL: not here, the tree says. Valid until the next put or drop. */
const struct match_entry *match_tail_find(const struct match_tail *tail, uint64_t hash);
/* Adds, or replaces what stood under that hash. False: no memory. */
bool match_tail_put(struct match_tail *tail, const struct match_entry *entry);
/* A filter with room for `count` keys of a bucket, empty: whoever calls adds all that the tree holds. False: no memory. */
bool match_filter_begin(struct match_tail *tail, unsigned bucket, size_t count);
void match_filter_add(struct match_tail *tail, uint64_t hash);
/* Has it room for so many more keys, or is it as large as it may be? False where there is none, too. */
bool match_filter_fits(const struct match_tail *tail, unsigned bucket, size_t more);
/* False: the tree does not hold it. True: it may. */
bool match_filter_may_hold(const struct match_tail *tail, uint64_t hash);
/* Drops the entries of one bucket; its filter stays. */
void match_tail_drop(struct match_tail *tail, unsigned bucket);

#endif
