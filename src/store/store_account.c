#include "store/store_account.h"

#include "store/store_priv.h"

#define NAME_TRIES 1000              /* milliseconds to look ahead for a free name */
#define SIGN_INS_KEPT_US (INT64_C(7) * 24 * 3600 * 1000000)

/* ---- syncs ---- */

static void
read_sync(struct row_reader *r, void *item)
{
    struct account_sync *s = item;
    s->sync_id = read_text(r);
    s->user_id = read_text(r);
    s->run = read_i64(r);
    s->connection = read_i64(r);
}

bool
store_account_sync_name(struct db *db, struct arena *a, int64_t tenant, int64_t connection, int64_t run, struct str user_id,
                        int64_t now_us, struct str *sync_id_out, struct err *err)
{
    if (!db_exec(db, SQL_ACCOUNT_SYNC_FORGET, DB_ARGS(DB_I(tenant), DB_I(connection)), NULL, err))
        return false;
    for (int64_t ms = now_us / 1000, last = ms + NAME_TRIES; ms < last; ms++) {
        int64_t changed = 0;
        struct str name = str_format(a, "sync_%.*s_%lld", STR_ARG(user_id), (long long)ms);
        if (!name.ptr)
            return STORE_ARENA_FULL(err);
        if (!db_exec(db, SQL_ACCOUNT_SYNC_INSERT,
                     DB_ARGS(DB_I(tenant), DB_T(name), DB_T(user_id), DB_I(connection), DB_I(run), DB_I(now_us)), &changed, err))
            return false;
        if (changed > 0) {
            *sync_id_out = name;
            return true;
        }
    }
    return err_set(err, E_UNAVAILABLE, "No name is free for this sync: try again");
}

enum row
store_account_sync_find(struct db *db, struct arena *a, int64_t tenant, struct str sync_id, struct account_sync *sync_out, struct err *err)
{
    return store_row(db, SQL_ACCOUNT_SYNC_FIND, DB_ARGS(DB_I(tenant), DB_T(sync_id)), a, sync_out, sizeof(*sync_out), read_sync, err);
}

enum row
store_account_sync_of_run(struct db *db, struct arena *a, int64_t tenant, int64_t run, struct account_sync *sync_out, struct err *err)
{
    return store_row(db, SQL_ACCOUNT_SYNC_OF_RUN, DB_ARGS(DB_I(tenant), DB_I(run)), a, sync_out, sizeof(*sync_out), read_sync, err);
}

enum row
store_account_run_at(struct db *db, int64_t tenant, int64_t connection, int64_t ms, int64_t *run_out, struct err *err)
{
    return db_query_i64(db, SQL_ACCOUNT_SYNC_RUN_AT, DB_ARGS(DB_I(tenant), DB_I(connection), DB_I(ms * 1000)), run_out, err);
}

/* ---- rows ---- */

static void
read_row(struct row_reader *r, void *item)
{
    struct account_row *row = item;
    row->id = read_i64(r);
    row->uuid = read_text(r);
    row->data = read_text(r);
    row->occurred_us = read_i64(r);
    row->synced_us = read_i64(r);
}

bool
store_account_rows(struct db *db, struct arena *a, int64_t tenant, const struct account_row_filter *f, struct account_row **rows_out,
                   size_t *count_out, struct err *err)
{
    struct list list = LIST_OF(a, struct account_row);
    if (!store_rows(db, SQL_ACCOUNT_ROWS,
                    DB_ARGS(DB_I(tenant), DB_I(f->collection), DB_I(f->stream), DB_T(f->status), DB_T(f->title), DB_I(f->from_us),
                            DB_I(f->to_us), DB_I(f->synced_since_us), DB_I(f->parent), DB_I(f->after), DB_I((int64_t)f->limit),
                            DB_I((int64_t)f->offset)),
                    &list, read_row, err))
        return false;
    *rows_out = list.items;
    *count_out = list.count;
    return true;
}

bool
store_account_row_count(struct db *db, int64_t tenant, const struct account_row_filter *f, int64_t most, int64_t *count_out,
                        struct err *err)
{
    return store_row_must(db_query_i64(db, SQL_ACCOUNT_ROW_COUNT,
                                       DB_ARGS(DB_I(tenant), DB_I(f->collection), DB_I(f->stream), DB_T(f->status), DB_T(f->title),
                                               DB_I(f->from_us), DB_I(f->to_us), DB_I(f->synced_since_us), DB_I(f->parent), DB_I(most)),
                                       count_out, err),
                          E_STORE, err);
}

/* ---- sign-ins ---- */

static void
read_sign_in(struct row_reader *r, void *item)
{
    struct sign_in *s = item;
    s->connection = read_i64(r);
    s->asked_by = read_text(r);
    s->by_session = read_bool(r);
    s->redirect_uri = read_text(r);
    s->return_to = read_text(r);
    s->verifier = read_text(r);
    s->state = read_text(r);
    s->error_message = read_text(r);
    s->created_us = read_i64(r);
    s->expires_us = read_i64(r);
    s->used_us = read_i64(r);
}

bool
store_sign_in_create(struct db *db, int64_t tenant, struct str hash, const struct sign_in *s, int64_t most, struct err *err)
{
    int64_t open = 0;
    if (!db_exec(db, SQL_SIGN_IN_FORGET, DB_ARGS(DB_I(tenant), DB_I(s->created_us - SIGN_INS_KEPT_US)), NULL, err) ||
        !store_row_must(db_query_i64(db, SQL_SIGN_IN_OPEN, DB_ARGS(DB_I(tenant), DB_I(s->created_us)), &open, err), E_STORE, err))
        return false;
    if (open >= most)
        return err_set(err, E_RATE_LIMITED, "Too many sign-ins are under way: finish one, or wait until they run out");
    return db_exec(db, SQL_SIGN_IN_INSERT,
                   DB_ARGS(DB_I(tenant), DB_T(hash), DB_I(s->connection), DB_T(s->asked_by), DB_I(s->by_session), DB_T(s->redirect_uri),
                           DB_T(s->return_to), DB_T(s->verifier), DB_I(s->created_us), DB_I(s->expires_us)),
                   NULL, err);
}

enum row
store_sign_in_get(struct db *db, struct arena *a, int64_t tenant, struct str hash, struct sign_in *sign_in_out, struct err *err)
{
    return store_row(db, SQL_SIGN_IN_GET, DB_ARGS(DB_I(tenant), DB_T(hash)), a, sign_in_out, sizeof(*sign_in_out), read_sign_in, err);
}

enum row
store_sign_in_newest(struct db *db, struct arena *a, int64_t tenant, int64_t connection, struct sign_in *sign_in_out, struct err *err)
{
    return store_row(db, SQL_SIGN_IN_NEWEST, DB_ARGS(DB_I(tenant), DB_I(connection)), a, sign_in_out, sizeof(*sign_in_out), read_sign_in,
                     err);
}

bool
store_sign_in_take(struct db *db, int64_t tenant, struct str hash, int64_t now_us, bool *taken_out, struct err *err)
{
    int64_t changed = 0;
    if (!db_exec(db, SQL_SIGN_IN_TAKE, DB_ARGS(DB_I(tenant), DB_T(hash), DB_I(now_us)), &changed, err))
        return false;
    *taken_out = changed > 0;
    return true;
}

bool
store_sign_in_end(struct db *db, int64_t tenant, struct str hash, struct str error_message, struct err *err)
{
    struct str state = str_is_none(error_message) ? STR("done") : STR("failed");
    return db_exec(db, SQL_SIGN_IN_END, DB_ARGS(DB_I(tenant), DB_T(hash), DB_T(state), DB_T(error_message)), NULL, err);
}
