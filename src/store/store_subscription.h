/*
 * Subscriptions: addresses that events are sent to.
 *
 * A subscription keeps its place in the change feed of its tenant. Whoever holds its lease turns what comes after the
 * place into deliveries (store_delivery.h) and sends those that are due. The lease carries an epoch: every
 * write of a holder names it, so that one who slept past its end can change nothing.
 *
 * `secret` is sealed by the caller; this room never sees it clear.
 */
#ifndef TIDEMARK_STORE_STORE_SUBSCRIPTION_H
#define TIDEMARK_STORE_STORE_SUBSCRIPTION_H

#include "store/store_event.h"

struct subscription {
    int64_t id, tenant;
    struct str uuid, name;       /* name: or STR_NONE */
    struct str url;
    struct str types;            /* "run.failed,alert.raised", or STR_NONE: all */
    bool enabled;
    struct str disabled_reason;  /* why we switched it off, or STR_NONE */
    struct str secret, secret_old; /* sealed; old: or STR_NONE */
    int64_t secret_old_until_us; /* until then both sign */
    struct event_place place;
    int64_t epoch;
    int64_t not_before_us;       /* it failed just now: nothing is sent before */
    int64_t failing_since_us;    /* first failure since the last success; 0: none */
    int64_t last_success_us;
    struct str created_by;
    int64_t created_us, updated_us;
};

/* Begins at the feed's newest place. Fills id, uuid (in a, unless given), times. */
MUST_USE bool store_subscription_create(struct db *db, struct arena *a, struct subscription *s, int64_t now_us,
                                        struct err *err);
enum row store_subscription_get(struct db *db, struct arena *a, int64_t tenant, struct str uuid,
                                struct subscription *subscription_out, struct err *err);
/* Newest first; before 0: from the newest. total_out may be NULL. */
MUST_USE bool store_subscription_list(struct db *db, struct arena *a, int64_t tenant, int64_t before, size_t offset,
                                      size_t limit, struct subscription **rows_out, size_t *count_out, int64_t *total_out,
                                      struct err *err);
/* Nobody else writes to it until the transaction ends: before it is read to be written. One writer: nothing to do. */
MUST_USE bool store_subscription_lock(struct db *db, int64_t tenant, struct str uuid, struct err *err);
/* Writes name, url, types, enabled, disabled_reason. One switched on again goes on with what comes. */
MUST_USE bool store_subscription_update(struct db *db, const struct subscription *s, bool restart, int64_t now_us,
                                        struct err *err);
MUST_USE bool store_subscription_secret(struct db *db, const struct subscription *s, int64_t now_us, struct err *err);
/* One batch of deliveries, then the row: done_out false means call again in another write. */
MUST_USE bool store_subscription_delete(struct db *db, int64_t tenant, int64_t subscription, bool *done_out, struct err *err);

/* Of all tenants: those that are free and have something to do, longest not looked at first. */
MUST_USE bool store_subscription_free(struct db *db, struct arena *a, int64_t now_us, size_t limit,
                                      struct subscription **rows_out, size_t *count_out, struct err *err);
/* At start: leases of this node are those of a process that died. */
MUST_USE bool store_subscription_free_node(struct db *db, struct str node, struct err *err);
/* Takes the lease; s->epoch is the one it was read with, and the new one after. taken_out false: somebody else has it. */
MUST_USE bool store_subscription_take(struct db *db, struct subscription *s, struct str node, int64_t until_us, int64_t now_us,
                                      bool *taken_out, struct err *err);
/* E_FENCED: another one has it, or it is gone or switched off. First in every write of a holder. */
MUST_USE bool store_subscription_hold(struct db *db, const struct subscription *s, int64_t until_us, struct err *err);
/* Gives it back; nothing happens when it was lost. now_us orders those that wait. */
MUST_USE bool store_subscription_release(struct db *db, const struct subscription *s, int64_t not_before_us, int64_t now_us,
                                         struct err *err);

MUST_USE bool store_subscription_place(struct db *db, const struct subscription *s, struct event_place place, struct err *err);
MUST_USE bool store_subscription_succeeded(struct db *db, const struct subscription *s, int64_t now_us, struct err *err);
MUST_USE bool store_subscription_failed(struct db *db, const struct subscription *s, int64_t now_us, struct err *err);
/* disabled_out false: it was off already. */
MUST_USE bool store_subscription_disable(struct db *db, const struct subscription *s, struct str reason, int64_t now_us,
                                         bool *disabled_out, struct err *err);

#endif
