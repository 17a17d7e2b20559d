/*
 * The page transaction, in batches.
 *
 * engine/page.c decides what each record becomes; these functions look up and write many rows at once,
 * because that is what makes PostgreSQL fast (set statements over arrays) and costs SQLite nothing. All
 * run inside one write closure, in the order of this file; the first of them is the fence.
 *
 * Ids inside are small integers that grow (`connection`, `stream`, `record`, `map`); UUIDs are for outside.
 */
#ifndef TIDEMARK_STORE_STORE_PAGE_H
#define TIDEMARK_STORE_STORE_PAGE_H

#include "store/store.h"
#include "store/store_run_record.h"

#define FINGERPRINT_BYTES 16

/* run_fence() of store_run.h makes it from a claimed run. */
struct page_fence {
    int64_t tenant;
    int64_t run;             /* runs.id */
    int64_t epoch;
    int64_t page_seq;        /* number of this page within the run, from 1; the row must stand at page_seq - 1 */
};

/*
 * Checks run id, epoch, state running, page_seq, and that no pause or cancel was asked for; touches the
 * run's row. E_FENCED when another worker has it; E_CANCELLED when the run may not go on (the caller looks
 * at the run to see why). Also: extends the lease.
 */
MUST_USE bool store_page_fence(struct db *db, const struct page_fence *fence, int64_t lease_until_us, struct err *err);

/* What is known of one external id. */
struct map_row {
    int64_t map;             /* entity_map.id; 0: none */
    int64_t record;          /* records.id */
    unsigned char fingerprint[FINGERPRINT_BYTES];
    struct str version;      /* source_version */
    int64_t observed_us;
    bool deleted;            /* the map row is a tombstone */
    bool linked;             /* other maps that are no tombstones share its record */
    bool has_base;           /* the record does not agree with this source, or the source spells some of it otherwise */
    bool erased;             /* a person had it erased: never bring it back */
};
/* rows_out has `count` places, in the order of ids (distinct); texts live in a. */
MUST_USE bool store_map_lookup(struct db *db, struct arena *a, int64_t tenant, int64_t stream, const struct str *ids,
                               size_t count, struct map_row *rows_out, struct err *err);

/*
 * Do these maps still say what store_map_lookup told? To be asked when their records are locked (store_records_load): whoever wrote one in
 * between has committed by then. He may have brought a newer state than the one about to be written, edited the record (then the map has
 * a base now), linked another to it, or taken the two apart. Else E_STORE_BUSY, and the store repeats the closure, which looks up anew.
 * One writer: always.
 */
MUST_USE bool store_maps_are_as_seen(struct db *db, struct arena *scratch, int64_t tenant, const struct map_row *const *seen,
                                     size_t count, struct err *err);

/*
 * Match keys: which record has this e-mail or phone. `key` is "email:ana@example.com" or
 * "phone:+5581999990000", already normalised. record_out: the record, 0 for none, -1 for ambiguous
 * (several records have it: links nothing).
 */
MUST_USE bool store_match_lookup(struct db *db, int64_t tenant, int64_t collection, const struct str *keys, size_t count,
                                 int64_t *records_out, struct err *err);
/* Claims keys for records (the lock between connections): a key someone else took meanwhile becomes ambiguous. */
MUST_USE bool store_match_claim(struct db *db, int64_t tenant, int64_t collection, const struct str *keys,
                                const int64_t *records, size_t count, struct err *err);
/*
 * Are these still the claimants' alone? For keys that nobody had when the closure looked, and that it has just claimed: whoever took
 * one in between is known now, so the closure must run again and find him. E_STORE_BUSY, and the store repeats it. One writer: always.
 */
MUST_USE bool store_match_is_ours(struct db *db, int64_t tenant, int64_t collection, const struct str *keys, const int64_t *records,
                                  size_t count, int64_t *scratch, struct err *err);
MUST_USE bool store_match_release(struct db *db, int64_t tenant, int64_t collection, const struct str *keys,
                                  const int64_t *records, size_t count, struct err *err);
/* Does this connection already map a record of its own to that record (any of its streams of this kind)? */
MUST_USE bool store_record_has_map_of(struct db *db, int64_t tenant, int64_t record, int64_t connection, bool *has_out,
                                      struct err *err);

struct record_write {
    int64_t record;          /* 0 on insert: filled with the new id */
    char uuid[37];           /* filled by the caller on insert (UUIDv7, ordered) */
    struct str data;         /* canonical JSON */
    struct str title, status;
    int64_t occurred_us;     /* 0: NULL */
    int64_t parent;          /* records.id of the parent; 0: none */
    bool deleted;            /* sets or clears deleted_at */
    struct str changed;      /* on update: JSON of the changed fields' old values, for the history; empty: none */
};
/* Inserts; ids are taken in order. Updates raise version and set updated_at. */
MUST_USE bool store_records_insert(struct db *db, int64_t tenant, int64_t collection, struct record_write *records,
                                   size_t count, int64_t now_us, struct err *err);
MUST_USE bool store_records_update(struct db *db, int64_t tenant, int64_t collection, const struct record_write *records,
                                   size_t count, int64_t connection, int64_t run, int64_t now_us, struct err *err);
/* The data of one record, in a. ROW_NONE when it does not exist. */
enum row store_record_data(struct db *db, struct arena *a, int64_t tenant, int64_t record, struct str *data_out,
                           struct err *err);

/* Is it there (deleted ones are)? ROW_NONE: it was erased, or purged. */
enum row store_record_stands(struct db *db, int64_t tenant, int64_t record, struct err *err);

/* What stands in many records, in the order asked: an update needs the old values (history, merge, match keys). */
struct record_row {
    bool found;
    bool deleted;
    struct str data, title, status;
    int64_t occurred_us, parent;
};
/* records are distinct ids; rows_out has `count` places; texts live in a. */
MUST_USE bool store_records_load(struct db *db, struct arena *a, int64_t tenant, const int64_t *records, size_t count,
                                 struct record_row *rows_out, struct err *err);

/*
 * Nobody else writes to these records until the transaction ends: for those who look first (at a base, at a map) and decide by what they
 * saw. Those that are gone are passed over. One writer: nothing to do.
 */
MUST_USE bool store_records_hold(struct db *db, int64_t tenant, const int64_t *records, size_t count, struct err *err);

struct map_write {
    int64_t map;             /* 0: insert, filled with the new id */
    int64_t record;
    struct str external_id;
    unsigned char fingerprint[FINGERPRINT_BYTES];
    struct str version;
    bool deleted;
    struct str raw;          /* the vendor's record, already compressed by the caller; empty: keep what is there */
    struct str url;
};
MUST_USE bool store_maps_write(struct db *db, int64_t tenant, int64_t stream, struct map_write *maps, size_t count,
                               int64_t observed_us, int64_t now_us, struct err *err);
/*
 * A tombstone for an id that is not known here and never shall be: what it stands for hung on `record`, which was erased, or is that
 * record. Not for an id that has a map; on PostgreSQL one that got it meanwhile is E_CONFLICT, and the store repeats the closure.
 */
MUST_USE bool store_map_bury(struct db *db, int64_t tenant, int64_t stream, int64_t record, struct str external_id, int64_t observed_us,
                             int64_t now_us, struct err *err);
/* A single fetch found the record as it is known: older events must not change it. */
MUST_USE bool store_map_observed(struct db *db, int64_t tenant, int64_t stream, struct str external_id, int64_t observed_us,
                                 struct err *err);
/* Bases of other maps of a record that is about to change (copy on write, design section 5). */
struct base_row {
    int64_t map, stream;
    struct str base;         /* JSON, or STR_NONE: the record agrees with this source */
    struct str alias;        /* values that it keeps in its own spelling: {pointer: [ours, theirs]}; or STR_NONE */
};
MUST_USE bool store_bases_load(struct db *db, struct arena *a, int64_t tenant, int64_t record, struct base_row **rows_out,
                               size_t *count_out, struct err *err);
MUST_USE bool store_base_save(struct db *db, int64_t tenant, int64_t map, struct str base, struct err *err);

struct rejected_write {
    struct str external_id;  /* may be STR_NONE */
    struct str reason;
    struct str payload;      /* the vendor's record as JSON */
};
/* One row per (stream, external id): a newer rejection replaces the older; a success removes it. */
MUST_USE bool store_rejected_write(struct db *db, int64_t tenant, int64_t stream, int64_t run,
                                   const struct rejected_write *rows, size_t count, int64_t now_us, struct err *err);
MUST_USE bool store_rejected_clear(struct db *db, int64_t tenant, int64_t stream, const struct str *ids, size_t count,
                                   struct err *err);

struct page_counts {
    int64_t received, created, updated, skipped, deleted, errors; /* received = sum of the others (I-3) */
    int64_t records_read;    /* before the template's filters */
};

/* Requests to the vendor that were made since the last ones were stored (store_request.h). All 0: none. */
struct page_requests {
    struct str packed;       /* log_pack of `count` lines */
    int64_t count, failed;
    int64_t made;            /* count, and those there was no room for */
};

/* What the page leaves behind besides records: its row, its mark, its log, its feed row. */
struct page_mark {
    struct page_fence fence;
    int64_t tenant, connection, stream;
    struct page_counts counts;
    struct str position;     /* of the run in this stream: JSON */
    uint64_t token_hash;     /* 0: none */
    int64_t declared_total;  /* -1: not told */
    const struct str *partitions, *states; /* watermarks to save, state_count of each */
    size_t state_count;
    struct str log;          /* compressed lines of this page; empty: none */
    int64_t log_lines;
    struct page_requests requests;
    const int64_t *changed_records; /* for the change feed: one row per page, ids packed */
    size_t changed_count;
    const struct run_touch *touched; /* what became of each record that is counted and was not rejected */
    size_t touched_count;
    const int64_t *seen_maps;       /* full pass: what was seen, for deletes; packed into one row */
    size_t seen_count;
    const int64_t *visited_maps;    /* full pass of a substream: map ids of parents read to their end with this page */
    size_t visited_count;
    bool stream_done;
    int64_t observed_us, now_us;
};
MUST_USE bool store_page_finish(struct db *db, const struct page_mark *mark, struct err *err);

#endif
