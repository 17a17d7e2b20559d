/*
 * Errands: small calls to the outside that must not be forgotten.
 */
#include "store/store_errand.h"

#include "store/store_priv.h"

static void
errand_read(struct row_reader *r, void *item)
{
    struct errand *e = item;
    e->id = read_i64(r);
    e->tenant = read_i64(r);
    e->kind = read_text(r);
    e->record = read_i64(r);
    e->connection = read_i64(r);
    e->round = read_i64(r);
    e->tries = read_i64(r);
    e->next_us = read_i64(r);
    e->error = read_text(r);
}

bool
store_errand_add(struct db *db, int64_t tenant, struct str kind, int64_t record, int64_t connection, int64_t now_us,
                 struct err *err)
{
    return db_exec(db, SQL_ERRAND_ADD, DB_ARGS(DB_I(tenant), DB_T(kind), DB_I(record), DB_I0(connection), DB_I(now_us)), NULL, err);
}

bool
store_errand_due(struct db *db, struct arena *a, int64_t now_us, size_t limit, struct errand **rows_out, size_t *count_out,
                 struct err *err)
{
    struct list list = LIST_OF(a, struct errand);
    if (!store_rows(db, SQL_ERRAND_DUE, DB_ARGS(DB_I(now_us), DB_I(limit)), &list, errand_read, err))
        return false;
    *rows_out = list.items;
    *count_out = list.count;
    return true;
}

bool
store_errand_take(struct db *db, struct errand *e, struct str node, int64_t until_us, bool *taken_out, struct err *err)
{
    int64_t changed;
    if (!db_exec(db, SQL_ERRAND_TAKE, DB_ARGS(DB_I(e->tenant), DB_I(e->id), DB_I(e->round), DB_I(e->next_us), DB_I(until_us), DB_T(node)),
                 &changed, err))
        return false;
    *taken_out = changed == 1;
    return true;
}

bool
store_errand_take_back(struct db *db, struct str node, int64_t now_us, struct err *err)
{
    return db_exec(db, SQL_ERRAND_TAKE_BACK, DB_ARGS(DB_T(node), DB_I(now_us)), NULL, err);
}

bool
store_errand_done(struct db *db, const struct errand *e, struct err *err)
{
    return db_exec(db, SQL_ERRAND_DONE, DB_ARGS(DB_I(e->tenant), DB_I(e->id), DB_I(e->round)), NULL, err);
}

bool
store_errand_again(struct db *db, const struct errand *e, int64_t next_us, struct str error, int64_t now_us, struct err *err)
{
    return db_exec(db, SQL_ERRAND_AGAIN,
                   DB_ARGS(DB_I(e->tenant), DB_I(e->id), DB_I(e->round), DB_I0(next_us), DB_T(error), DB_I(now_us)), NULL, err);
}

bool
store_stream_lock(struct db *db, int64_t tenant, int64_t stream, struct err *err)
{
    return db_exec_one(db, SQL_ERRAND_LOCK_STREAM, DB_ARGS(DB_I(tenant), DB_I(stream)), E_CONNECTION_NOT_FOUND, err);
}
