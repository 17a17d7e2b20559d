/*
 * The inbox: webhook events, kept before they are answered, applied later (I-20 to I-22).
 *
 * An event belongs to one connection; a delivery that several connections take is an event for each. It is due while it
 * waits to be applied. Who applies a connection's events holds its queue: a lease with an epoch, as runs have, so that
 * they go in order and a worker that lost the queue cannot write. A queue that was not given back counts as a crash; its
 * next holder is careful.
 */
#ifndef TIDEMARK_STORE_STORE_INBOX_H
#define TIDEMARK_STORE_STORE_INBOX_H

#include "store/db.h"

#define INBOX_DELIVERY_BYTES 16                   /* of a digest: two deliveries do not meet by chance */
#define INBOX_WINDOW_US (7 * US_PER_DAY)          /* in which a delivery is known again (I-21) */

struct inbox_event {
    int64_t id, tenant, connection;
    struct str uuid;
    struct str type;
    struct str external_id;      /* of the (first) record it is about, or STR_NONE */
    struct str delivery;         /* the vendor's id of it, or STR_NONE */
    struct str trust;            /* "signed", "token", "payload", "hint" */
    struct str status;           /* "pending", "applied", "failed", "unhandled" */
    int64_t due_us;              /* 0: done */
    int64_t attempts;
    struct str error_code, error_message; /* or STR_NONE */
    int64_t received_us, finished_us;
    int64_t bytes;               /* of the body as it came */
    struct str content;          /* packed by the caller; lists leave it out */
    struct str connection_uuid, template_name; /* lists and one; STR_NONE when the connection is gone */
};

/*
 * Keeps an event. delivery: INBOX_DELIVERY_BYTES that name the delivery, or STR_NONE where nothing does. *duplicate_out: it
 * came within the window before, or its connection has been deleted since the caller looked it up, and nothing was written. uuid is
 * the caller's.
 */
MUST_USE bool store_inbox_add(struct db *db, const struct inbox_event *event, struct str delivery, bool *duplicate_out,
                              struct err *err);

/* What came for a connection that was deleted at the same moment, with its queue. Nothing where the connection is still there. */
MUST_USE bool store_inbox_forget_gone(struct db *db, int64_t tenant, int64_t connection, struct err *err);

struct inbox_queue {
    int64_t tenant, connection;
    int64_t epoch;
    int64_t crashes;             /* of holders in a row, since it was last emptied */
};
/* Queues with something due that nobody holds. */
MUST_USE bool store_inbox_ready(struct db *db, struct arena *a, int64_t now_us, size_t limit, struct inbox_queue **rows_out,
                                size_t *count_out, struct err *err);
/* When the next event is due; INT64_MAX: none waits. */
MUST_USE bool store_inbox_next_due(struct db *db, int64_t now_us, int64_t *due_out, struct err *err);
/* Fills epoch and crashes. ROW_NONE: another worker was faster. */
enum row store_inbox_claim(struct db *db, struct inbox_queue *queue, struct str node, int64_t now_us, int64_t until_us,
                           struct err *err);
/* The first statement of whatever a holder writes; extends the lease. E_FENCED. */
MUST_USE bool store_inbox_fence(struct db *db, const struct inbox_queue *queue, int64_t until_us, struct err *err);
/* emptied: its crashes are forgotten. A queue that was lost already is no error. */
MUST_USE bool store_inbox_release(struct db *db, const struct inbox_queue *queue, bool emptied, struct err *err);
/* Its crashes are forgotten while it is held. A queue that was lost already is no error. */
MUST_USE bool store_inbox_forget_crashes(struct db *db, const struct inbox_queue *queue, struct err *err);
/* At start: queues that this node held when it died are free at once. */
MUST_USE bool store_inbox_take_back(struct db *db, struct str node, struct err *err);

/* In the order of their arrival; none when none is due. Those due within join_us come along. */
MUST_USE bool store_inbox_due(struct db *db, struct arena *a, const struct inbox_queue *queue, int64_t now_us, int64_t join_us,
                              size_t limit, struct inbox_event **rows_out, size_t *count_out, struct err *err);
/* When the queue's connection was changed last; 0 where there is none. */
MUST_USE bool store_inbox_changed(struct db *db, const struct inbox_queue *queue, int64_t *changed_us_out, struct err *err);
/* Counts a try before it is made. */
MUST_USE bool store_inbox_attempt(struct db *db, int64_t tenant, int64_t event, struct err *err);
MUST_USE bool store_inbox_finish(struct db *db, int64_t tenant, int64_t event, struct str status, struct str code,
                                 struct str message, int64_t now_us, struct err *err);
MUST_USE bool store_inbox_later(struct db *db, int64_t tenant, int64_t event, int64_t due_us, int64_t attempts,
                                struct str code, struct str message, struct err *err);
/* E_NOT_FOUND. */
MUST_USE bool store_inbox_replay(struct db *db, int64_t tenant, struct str uuid, int64_t now_us, struct err *err);
MUST_USE bool store_inbox_pending(struct db *db, int64_t *count_out, struct err *err);

struct inbox_filter {
    struct str connection;       /* uuid, or STR_NONE: any */
    struct str type, status;     /* exact, or STR_NONE */
    struct str text;             /* part of type, external id, delivery or failure; STR_NONE: any */
    int64_t from_us, until_us;   /* of reception; 0: any */
    int64_t before;              /* keyset: only id < before; 0: from the newest */
    size_t offset, limit;
};
/* Newest first, without content. */
MUST_USE bool store_inbox_list(struct db *db, struct arena *a, int64_t tenant, const struct inbox_filter *filter,
                               struct inbox_event **rows_out, size_t *count_out, struct err *err);
/* How many match, whatever `before` says; at most count_max. */
MUST_USE bool store_inbox_total(struct db *db, struct arena *a, int64_t tenant, const struct inbox_filter *filter,
                                int64_t count_max, int64_t *total_out, struct err *err);
enum row store_inbox_get(struct db *db, struct arena *a, int64_t tenant, struct str uuid, struct inbox_event *event_out,
                         struct err *err);

/* What accepting an event needs to know of a connection. */
struct inbox_connection {
    int64_t tenant, id;
    struct str uuid, tenant_uuid, template_name;
    struct str account;          /* or STR_NONE */
    bool enabled;
    struct str trust;            /* "payload", "hint" or STR_NONE */
    struct str keys, config;     /* sealed */
};
/* Those of a template with this account (STR_NONE: all of the template), of all tenants. */
MUST_USE bool store_inbox_connections(struct db *db, struct arena *a, struct str template_name, struct str account, size_t limit,
                                      struct inbox_connection **rows_out, size_t *count_out, struct err *err);
enum row store_inbox_connection(struct db *db, struct arena *a, struct str uuid, struct inbox_connection *connection_out,
                                struct err *err);
/* Replaces the sealed keys. E_CONFLICT when they are no longer `before`. */
MUST_USE bool store_inbox_keys_set(struct db *db, int64_t tenant, int64_t connection, struct str keys, struct str before,
                                   struct err *err);

#endif
