/*
 * Strategies: named ways in which a user of a sub-account treats leads.
 */
#include "store/store_strategy.h"

#include "base/rng.h"
#include "store/store_priv.h"

static void
strategy_read(struct row_reader *r, void *item)
{
    struct strategy *s = item;
    s->id = read_i64(r);
    s->tenant = read_i64(r);
    s->uuid = read_text(r);
    s->user = read_i64(r);
    s->name = read_text(r);
    s->created_us = read_i64(r);
    s->updated_us = read_i64(r);
}

bool
store_strategy_create(struct db *db, struct arena *a, struct strategy *s, int64_t now_us, struct err *err)
{
    s->uuid = store_new_uuid(a);
    if (str_is_none(s->uuid))
        return STORE_ARENA_FULL(err);
    s->created_us = s->updated_us = now_us;
    db_note_effect(db, "strategy", s->uuid);
    enum row row = db_query_i64(db, SQL_STRATEGY_INSERT,
        DB_ARGS(DB_I(s->tenant), DB_T(s->uuid), DB_I(s->user), DB_T(s->name), DB_I(now_us)), &s->id, err);
    return row == ROW_NONE ? err_set(err, E_NOT_FOUND, "User not found") : row == ROW_FOUND;
}

enum row
store_strategy_get(struct db *db, struct arena *a, int64_t tenant, struct str id, struct strategy *strategy_out, struct err *err)
{
    int64_t number = 0;
    struct str uuid = STR_NONE;
    enum row given = store_id_read(a, id, &number, &uuid, err);
    if (given != ROW_FOUND)
        return given;
    return store_row(db, SQL_STRATEGY_GET, DB_ARGS(DB_I(tenant), DB_I(number), DB_T(uuid)), a, strategy_out,
                     sizeof(*strategy_out), strategy_read, err);
}

bool
store_strategy_list(struct db *db, struct arena *a, int64_t tenant, int64_t user, int64_t after, size_t offset, size_t limit,
                    struct strategy **rows_out, size_t *count_out, int64_t *total_out, struct err *err)
{
    struct list list = LIST_OF(a, struct strategy);
    if (!store_rows(db, SQL_STRATEGY_LIST, DB_ARGS(DB_I(tenant), DB_I(after), DB_I(limit), DB_I(user), DB_I(offset)), &list,
                    strategy_read, err) ||
        db_query_i64(db, SQL_STRATEGY_TOTAL, DB_ARGS(DB_I(tenant), DB_I(user)), total_out, err) != ROW_FOUND)
        return false;
    *rows_out = list.items;
    *count_out = list.count;
    return true;
}

enum row
store_strategy_first(struct db *db, int64_t tenant, int64_t user, int64_t *strategy_out, struct err *err)
{
    return db_query_i64(db, SQL_STRATEGY_FIRST, DB_ARGS(DB_I(tenant), DB_I(user)), strategy_out, err);
}

bool
store_strategy_hold(struct db *db, int64_t tenant, int64_t strategy, struct err *err)
{
    return db_can(db, DB_ONE_WRITER) || db_exec(db, SQL_STRATEGY_HOLD, DB_ARGS(DB_I(tenant), DB_I(strategy)), NULL, err);
}

bool
store_strategy_update(struct db *db, const struct strategy *s, int64_t now_us, struct err *err)
{
    return db_exec_one(db, SQL_STRATEGY_UPDATE, DB_ARGS(DB_I(s->tenant), DB_I(s->id), DB_T(s->name), DB_I(s->user), DB_I(now_us)),
                       E_NOT_FOUND, err);
}

bool
store_strategy_delete(struct db *db, int64_t tenant, int64_t strategy, struct err *err)
{
    return db_exec_one(db, SQL_STRATEGY_DELETE, DB_ARGS(DB_I(tenant), DB_I(strategy)), E_NOT_FOUND, err);
}
