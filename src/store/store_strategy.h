/*
 * Strategies: named ways in which a user of a sub-account treats leads. Door 002's flow gives a lead the first
 * strategy of the first user; what a strategy does is none of our business.
 */
#ifndef TIDEMARK_STORE_STORE_STRATEGY_H
#define TIDEMARK_STORE_STORE_STRATEGY_H

#include "store/db.h"

struct strategy {
    int64_t id, tenant;      /* id: small integer, shown by door 002 */
    struct str uuid;
    int64_t user;            /* users.id */
    struct str name;
    int64_t created_us, updated_us;
};

/* Fills id, uuid and times. E_NOT_FOUND when the tenant has no such user. */
MUST_USE bool store_strategy_create(struct db *db, struct arena *a, struct strategy *strategy, int64_t now_us, struct err *err);
/* By integer in text, or UUID. */
enum row store_strategy_get(struct db *db, struct arena *a, int64_t tenant, struct str id, struct strategy *strategy_out,
                            struct err *err);
/* Those with id > after, by id; user 0: of all users. */
MUST_USE bool store_strategy_list(struct db *db, struct arena *a, int64_t tenant, int64_t user, int64_t after, size_t offset,
                                  size_t limit, struct strategy **rows_out, size_t *count_out, int64_t *total_out, struct err *err);
/* ROW_NONE: he has none. */
enum row store_strategy_first(struct db *db, int64_t tenant, int64_t user, int64_t *strategy_out, struct err *err);
/* Nobody else writes to it until the transaction ends: before it is read to be written. One writer: nothing to do. */
MUST_USE bool store_strategy_hold(struct db *db, int64_t tenant, int64_t strategy, struct err *err);
/* Name and user. E_NOT_FOUND when it, or the user, is not this tenant's. */
MUST_USE bool store_strategy_update(struct db *db, const struct strategy *strategy, int64_t now_us, struct err *err);
MUST_USE bool store_strategy_delete(struct db *db, int64_t tenant, int64_t strategy, struct err *err);

#endif
