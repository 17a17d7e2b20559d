/*
 * The change feed: what happened, in commit order, one row per event and one per page of records.
 *
 * PostgreSQL gives sequence numbers out of commit order; a row therefore carries its transaction, readers
 * go by (transaction, seq) and stop below the oldest transaction in flight. SQLite has one writer: its
 * transaction number is 0 and seq suffices.
 */
#ifndef TIDEMARK_STORE_STORE_EVENT_H
#define TIDEMARK_STORE_STORE_EVENT_H

#include "store/db.h"

struct event_place {         /* zeroed: from the oldest that is kept */
    int64_t transaction, seq;
};
struct event {
    struct event_place place;
    int64_t tenant, connection, run; /* 0: none */
    struct str type;         /* "run.succeeded", "records.changed", "connection.status_changed", ... */
    struct str kind;         /* of records.changed, else STR_NONE */
    struct str data;         /* JSON, or STR_NONE */
    const int64_t *records;  /* of records.changed: records.id */
    size_t record_count;
    int64_t at_us;
    struct str connection_uuid, run_uuid; /* when read; STR_NONE: none, or gone */
};

/* place is given by the store. records is packed into one blob. */
MUST_USE bool store_event_add(struct db *db, const struct event *event, struct err *err);
/* The same, its kind being that of a stream. */
MUST_USE bool store_event_add_of_stream(struct db *db, const struct event *event, int64_t stream, struct err *err);
/* After a place, in order, at most limit. tenant 0: of all tenants (for delivery). */
MUST_USE bool store_event_read(struct db *db, struct arena *a, int64_t tenant, struct event_place after, size_t limit,
                               struct event **rows_out, size_t *count_out, struct err *err);
/* The newest place: where a reader begins who wants only what comes. */
MUST_USE bool store_event_newest(struct db *db, int64_t tenant, struct event_place *place_out, struct err *err);
/* One event by its seq. */
enum row store_event_get(struct db *db, struct arena *a, int64_t tenant, int64_t seq, struct event *event_out, struct err *err);
/* What its records are called outside, in their order; those that are gone are left out. */
MUST_USE bool store_event_uuids(struct db *db, struct arena *a, const struct event *event, struct str **uuids_out,
                                size_t *count_out, struct err *err);

#endif
