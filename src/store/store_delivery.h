/*
 * Deliveries: one event on its way to one subscription.
 *
 * The row holds no payload: what is sent is made from the event anew each time, so that nothing of a record stands
 * here. `uuid` is the delivery's own name, the same in every attempt and replay: a receiver knows by it what it
 * has had already.
 */
#ifndef TIDEMARK_STORE_STORE_DELIVERY_H
#define TIDEMARK_STORE_STORE_DELIVERY_H

#include "store/store_subscription.h"

struct delivery {
    int64_t id, tenant;
    struct str uuid;
    int64_t subscription, event;  /* event: its seq */
    struct str type;
    struct str state;             /* "pending", "delivered", "failed" */
    int64_t attempts, replays;
    int64_t next_us;              /* of the next attempt; 0: none */
    int64_t first_us, last_us;    /* attempts; 0: none yet */
    int64_t last_status;          /* HTTP; 0: no answer */
    struct str last_error, last_response; /* or STR_NONE; response: short, redacted by the caller */
    int64_t duration_ms;
    int64_t created_us;           /* when the event happened */
};

/* Makes deliveries of events, all due now. uuids come from the clock and grow. */
MUST_USE bool store_delivery_add(struct db *db, const struct subscription *s, const struct event *event, int64_t now_us,
                                 struct err *err);
/* Due now, in the order in which they are to be sent. */
MUST_USE bool store_delivery_due(struct db *db, struct arena *a, const struct subscription *s, int64_t now_us, size_t limit,
                                 struct delivery **rows_out, size_t *count_out, struct err *err);
/* How many wait, counted no further than most. */
MUST_USE bool store_delivery_waiting(struct db *db, const struct subscription *s, int64_t most, int64_t *count_out,
                                     struct err *err);
enum row store_delivery_get(struct db *db, struct arena *a, int64_t tenant, int64_t subscription, struct str uuid,
                            struct delivery *delivery_out, struct err *err);
/* Newest first. state STR_NONE: any. total_out: counted no further than most. */
MUST_USE bool store_delivery_list(struct db *db, struct arena *a, int64_t tenant, int64_t subscription, struct str state,
                                  int64_t before, size_t offset, size_t limit, int64_t most, struct delivery **rows_out,
                                  size_t *count_out, int64_t *total_out, struct err *err);
/* Writes state, next_us, last_us, last_status, last_error, last_response, duration_ms; counts the attempt. */
MUST_USE bool store_delivery_tried(struct db *db, const struct delivery *d, struct err *err);
MUST_USE bool store_delivery_replay(struct db *db, const struct delivery *d, int64_t now_us, struct err *err);

#endif
