/*
 * Records read: what lists, the detail page and exports show. Writing them is store_page.h.
 */
#ifndef TIDEMARK_STORE_STORE_RECORD_H
#define TIDEMARK_STORE_STORE_RECORD_H

#include "store/db.h"

struct record {
    int64_t id, tenant, collection;
    struct str uuid, kind;
    struct str title, status; /* or STR_NONE */
    int64_t occurred_us;     /* 0: none */
    int64_t parent;          /* records.id, or 0 */
    struct str parent_uuid;  /* or STR_NONE */
    struct str data;         /* JSON: the mapped fields */
    int64_t version;         /* from 1, raised by every change */
    int64_t created_us, updated_us;
    int64_t deleted_us;      /* 0: not deleted */
};

/* kind STR_NONE: any. Deleted ones are found too. */
enum row store_record_get(struct db *db, struct arena *a, int64_t tenant, struct str kind, struct str uuid,
                          struct record *record_out, struct err *err);
enum row store_record_get_by_id(struct db *db, struct arena *a, int64_t tenant, int64_t record, struct record *record_out,
                                struct err *err);
/*
 * Many, of ids in any order, some of them twice; rows_out has `count` places in the same order, zeroed where there is no such record.
 */
MUST_USE bool store_records_by_ids(struct db *db, struct arena *a, int64_t tenant, const int64_t *ids, size_t count,
                                   struct record *rows_out, struct err *err);
/* By what the vendor calls it. */
enum row store_record_by_external(struct db *db, struct arena *a, int64_t tenant, int64_t stream, struct str external_id,
                                  struct record *record_out, struct err *err);

enum record_order {
    RECORD_NEWEST,           /* by id, newest first: for people */
    RECORD_UPDATED,          /* by (updated_at, id), oldest first: for those who follow along */
    RECORD_OLDEST,           /* by id, oldest first: for exports */
};
struct record_place {        /* where a page ended; zeroed: from the start */
    int64_t updated_us, id;
    char uuid[37];           /* stays a place when its record is erased */
};
struct record_filter {
    enum record_order order;
    int64_t updated_since_us; /* 0: any; inclusive */
    bool include_deleted;
    bool only_deleted;       /* of a stream: those that it says are gone, though another source may keep the record */
    int64_t stream;          /* only what this stream maps; 0: any */
    struct str status;       /* exact, or STR_NONE */
    int64_t parent;          /* 0: any */
    struct str text;         /* words that must be found (store_search.h), folded by the caller; STR_NONE: any */
    struct record_place after;
    size_t offset, limit;
};
/*
 * Of each record: id, uuid, kind, parent_uuid, data, version, created, updated and deleted.
 * next_out: zeroed when there is no more. With RECORD_UPDATED rows that a transaction still in flight could
 * overtake are left for the next call, so that nobody who follows loses a row.
 */
MUST_USE bool store_record_list(struct db *db, struct arena *a, int64_t tenant, int64_t collection,
                                const struct record_filter *filter, struct record **rows_out, size_t *count_out,
                                struct record_place *next_out, struct err *err);
/* The same without a list: calls each for every record (without its id), whose texts end with that call. False of it ends all. */
typedef bool record_fn(void *ctx, const struct record *record, struct err *err);
MUST_USE bool store_record_each(struct db *db, struct arena *a, int64_t tenant, int64_t collection,
                                const struct record_filter *filter, record_fn *each, void *ctx, size_t *count_out,
                                struct record_place *next_out, struct err *err);
/* Counts no further than `most`; exact and cheap (a counter) for a filter that asks for nothing. */
MUST_USE bool store_record_count(struct db *db, int64_t tenant, int64_t collection, const struct record_filter *filter,
                                 int64_t most, int64_t *count_out, struct err *err);

struct record_source {       /* one external id of a record */
    int64_t map, connection, stream;
    struct str connection_uuid, connection_name, template_name, stream_name, external_id, url, version;
    int64_t observed_us, created_us, updated_us, deleted_us;
};
MUST_USE bool store_record_sources(struct db *db, struct arena *a, int64_t tenant, int64_t record,
                                   struct record_source **rows_out, size_t *count_out, struct err *err);
/* The vendor's record as kept, still compressed by the page's caller. */
enum row store_record_raw(struct db *db, struct arena *a, int64_t tenant, int64_t map, struct str *raw_out, struct err *err);

struct record_change {       /* one entry of the history */
    int64_t id, version;     /* the version that these values were replaced at */
    int64_t connection, run; /* who did it; 0: a local edit */
    struct str fields;       /* JSON of the old values */
    int64_t at_us;
    struct str actor;        /* of a local edit: "user:<sub>", "key:<uuid>"; or STR_NONE */
    struct str connection_uuid, run_uuid; /* STR_NONE: none, or gone */
};
/* Newest first. */
MUST_USE bool store_record_history(struct db *db, struct arena *a, int64_t tenant, int64_t record, size_t limit,
                                   struct record_change **rows_out, size_t *count_out, struct err *err);

#endif
