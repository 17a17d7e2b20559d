/*
 * One page: what the vendor sent becomes what is stored, in one transaction (I-2).
 *
 *     page_prepare   on the worker: maps each record, takes its fingerprint, collapses duplicates
 *     page_commit    inside ONE store closure: fence, look-up, decisions, batch writes, mark
 *
 * page_commit may run twice for the same page, so everything it decides stands in memory that is rewound
 * when it begins. Preparing touches no database and committing touches nothing else: that is why a page
 * can be prepared while the one before it is being committed.
 */
#ifndef TIDEMARK_ENGINE_PAGE_H
#define TIDEMARK_ENGINE_PAGE_H

#include "base/rng.h"
#include "engine/page_merge.h"
#include "engine/raw.h"
#include "store/store_run.h"
#include "store/store_stream.h"
#include "template/mapping.h"
#include "template/reader.h"

/* A stream of the same connection that parents may come from. */
struct page_parent {
    struct str name;
    int64_t stream;
    bool owns;                     /* what hangs on its records is erased with them (kind_owns_children) */
};

/* What stays the same for all pages of a stream; the worker's own. */
struct page_context {
    int64_t tenant, connection;
    struct str connection_uuid;
    struct stream stream;
    struct mapping *mapping;
    yyjson_val *config;            /* effective; for expressions of the mapping */
    int64_t now_us;                /* what now_utc() says: when the run began */
    int64_t clock_offset_us;       /* database clock minus ours: observations are told by the former */
    struct str region;             /* default for phones */
    bool match;                    /* link contacts of several connections */
    bool looks_up;                 /* a push looks for whom it would make, whatever the kind */
    bool full;                     /* keep what was seen, for deletes */
    int64_t parent_stream;         /* of a substream: whose maps its slices name; 0: not known */
    bool pushing;                  /* the page is an answer to a push: what differs still was not sent on purpose */
    bool pushes;                   /* the connection takes our changes */
    bool forget_states;            /* a filter left records out: the reader's marks are not kept */
    enum conflict_policy policy;
    const struct page_parent *parents;
    size_t parent_count;
    struct raw_packer *packer;
    struct rng *rng;
    int64_t lease_ms;
};

enum page_action {
    PAGE_SKIP,
    PAGE_CREATE,
    PAGE_LINK,        /* a new external id of a record that another connection made */
    PAGE_UPDATE,
    PAGE_TOMBSTONE,
    PAGE_REJECT,      /* looked up only to know that it still exists */
};

#define PAGE_KEYS_MAX 2 /* e-mail and phone */

struct page_item {
    struct mapped mapped;
    yyjson_val *value;             /* the vendor's record */
    struct str raw;                /* packed; STR_NONE: not yet */
    struct str keys[PAGE_KEYS_MAX];/* match keys; STR_NONE: none */
    bool keys_made;
    bool key_free[PAGE_KEYS_MAX];  /* nobody had it when this try looked */
    bool eager;                    /* raw and keys were made by page_prepare: they outlive a rewind */
    bool rejected;
    size_t copies;                 /* how often more it came on this page */
    unsigned char fingerprint[FINGERPRINT_BYTES];

    /* set by page_commit, anew each time */
    enum page_action action;
    const struct map_row *known;
    const struct record_row *old;
    int64_t record, parent;
    struct str data;               /* what the record becomes */
    struct str title, status;
    struct str history;
    struct str base;               /* of this map; STR_NONE: it agrees */
    bool base_set;                 /* write base, also when it is STR_NONE */
    bool parent_missing;
    int64_t erased_parent;         /* PAGE_SKIP of something new: it hangs on a record that was erased, and is not to come either; 0: no */
    bool merged;
    struct str theirs;             /* merged: what the source says, in our spelling (alias.h) */
    struct str conflict;           /* merge_records' conflict_values, for a person to decide; STR_NONE: none */

    /* set by a push for what the vendor answered, between page_decide and page_apply */
    struct str agreed;             /* PAGE_LINK: what both sides agree on from now; STR_NONE: nothing yet */
    struct str alias;              /* of the map from now on, when alias_set */
    bool alias_set;
};

struct page_batch {
    const struct page_context *context;
    struct arena *arena;           /* the page's; the closure's work too */
    struct arena_mark mark;        /* closure work is rewound to here */
    struct page_item *items;       /* distinct external ids */
    size_t item_count;
    struct rejected_write *rejected;
    size_t rejected_count;
    size_t duplicates;             /* collapsed: counted as skipped */
    uint64_t content_hash;         /* of the ids, for loop detection */
    struct buf lines;              /* run log of the page so far: warnings and rejections; heap */
    int64_t line_count;
    size_t lines_prepared;         /* length and count before the closure adds its line */
    int64_t lines_prepared_count;

    /* from the reader's event */
    int64_t records_read;
    int64_t observed_us;
    struct str position;           /* the engine's own JSON */
    uint64_t token_hash;
    int64_t declared_total;
    struct str *partitions, *states;
    size_t state_count;

    struct page_requests requests; /* to be stored with it; packed in the arena */
    struct page_fence fence;       /* page_seq set when it is handed to the store */
    size_t bytes;                  /* of its arena when it was handed over */
    void *owner;                   /* whose commit it is; the run's own */
    size_t stream_at;              /* index of the run's stream */
    struct str visited;            /* full pass of a substream: the parent that was read to its end; STR_NONE: none */
    bool stream_done;
    bool clear_rejected;           /* the stream has rejected records: accepted ids leave that list */
    const struct map_row *looked_up; /* what the map says of the only item, seen in this very transaction; NULL: to be looked up */

    /* results, valid after the commit */
    struct page_counts counts;
    int64_t *seen_maps, *changed_records;
    size_t seen_count, changed_count;
};

/* Fills batch from an event. E_TOO_LARGE or E_LIMIT: the page as a whole is refused. */
MUST_USE bool page_prepare(struct page_batch *batch, const struct page_context *context, struct arena *arena,
                           const struct reader_event *event, bool eager, struct err *err);
/* The last step before page_commit: what was put into the arena until now stays. */
void page_ready(struct page_batch *batch, const struct page_fence *fence);
/* Drops what is not in the arena. Accepts a zeroed struct. */
void page_batch_release(struct page_batch *batch);
/* A store_fn; ctx is the batch. E_FENCED, E_CANCELLED, or the store's codes. */
bool page_commit(struct db *db, void *ctx, struct err *err);

/* ---- between the files of the page ---- */

/* Match keys of an item, made once. */
void page_item_keys(const struct page_batch *batch, struct page_item *item);
/* The packed raw record, made once. False: the arena is full. */
MUST_USE bool page_item_raw(const struct page_batch *batch, struct page_item *item, struct err *err);
/* What is stored as the fingerprint of a record whose parent is not known yet. */
void page_fingerprint_without_parent(const struct page_item *item, unsigned char marked[FINGERPRINT_BYTES]);
/* Actions of all items from what the map knows; no record is read yet. */
MUST_USE bool page_decide(struct page_batch *batch, struct db *db, struct err *err);
/* Turns creations into links where exactly one record of another connection has the same key. */
MUST_USE bool page_link(struct page_batch *batch, struct db *db, struct err *err);
/* Loads old values of what changes; sets data, history and bases. */
MUST_USE bool page_apply(struct page_batch *batch, struct db *db, struct err *err);
/*
 * Of the fields in conflict those that a person here wrote later than the vendor says it was changed there. Where the vendor tells
 * no time, or a page wrote ours: none.
 */
MUST_USE bool page_conflict_newer_here(struct page_batch *batch, struct db *db, const struct page_item *item, const struct merged *merged,
                                       struct str **pointers_out, size_t *count_out, struct err *err);
/* What the vendor said and what our push will write over stays in the record's history. */
MUST_USE bool page_conflict_keep_lost(struct page_batch *batch, struct db *db, const struct page_item *item, const struct merged *merged,
                                      struct err *err);
/* Releases and claims match keys; records have their ids by then. */
MUST_USE bool page_write_keys(struct page_batch *batch, struct db *db, struct err *err);
/*
 * The vendor has merged records into some of these: what other platforms have linked to those that lost goes over to the one that won.
 * After page_write.
 */
MUST_USE bool page_follow(struct page_batch *batch, struct db *db, int64_t now_us, struct err *err);
/* The ids in a record's `merged`, at most PAGE_MERGED_MAX. */
#define PAGE_MERGED_MAX 16
size_t page_merged_ids(struct str merged, struct str ids[PAGE_MERGED_MAX]);
/* How many records more than its items the page may change by that. */
size_t page_follow_most(const struct page_batch *batch);
/* Writes records, keys, maps, bases, rejections. */
MUST_USE bool page_write(struct page_batch *batch, struct db *db, int64_t now_us, struct err *err);

#endif
