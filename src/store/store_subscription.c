#include "store/store_subscription.h"

#include "store/store_priv.h"

#define DELETE_BATCH 500

static void
subscription_read(struct row_reader *r, void *item)
{
    struct subscription *s = item;
    s->id = read_i64(r);
    s->tenant = read_i64(r);
    s->uuid = read_text(r);
    s->name = read_text(r);
    s->url = read_text(r);
    s->types = read_text(r);
    s->enabled = read_bool(r);
    s->disabled_reason = read_text(r);
    s->secret = read_text(r);
    s->secret_old = read_text(r);
    s->secret_old_until_us = read_i64(r);
    s->place.transaction = read_i64(r);
    s->place.seq = read_i64(r);
    s->epoch = read_i64(r);
    s->not_before_us = read_i64(r);
    s->failing_since_us = read_i64(r);
    s->last_success_us = read_i64(r);
    s->created_by = read_text(r);
    s->created_us = read_i64(r);
    s->updated_us = read_i64(r);
}

bool
store_subscription_create(struct db *db, struct arena *a, struct subscription *s, int64_t now_us, struct err *err)
{
    if (str_is_none(s->uuid))
        s->uuid = store_new_uuid(a);
    if (str_is_none(s->uuid))
        return STORE_ARENA_FULL(err);
    s->created_us = s->updated_us = now_us;
    db_note_effect(db, "webhook_subscription", s->uuid);
    return store_event_newest(db, s->tenant, &s->place, err) &&
           db_query_i64(db, SQL_SUBSCRIPTION_INSERT,
                        DB_ARGS(DB_I(s->tenant), DB_T(s->uuid), DB_T(s->name), DB_T(s->url), DB_T(s->types), DB_BOOL(s->enabled),
                                DB_T(s->secret), DB_I(s->place.transaction), DB_I(s->place.seq), DB_T(s->created_by),
                                DB_I(now_us)), &s->id, err) == ROW_FOUND;
}

enum row
store_subscription_get(struct db *db, struct arena *a, int64_t tenant, struct str uuid, struct subscription *subscription_out,
                       struct err *err)
{
    return store_row(db, SQL_SUBSCRIPTION_GET, DB_ARGS(DB_I(tenant), DB_T(uuid)), a, subscription_out,
                     sizeof(*subscription_out), subscription_read, err);
}

bool
store_subscription_list(struct db *db, struct arena *a, int64_t tenant, int64_t before, size_t offset, size_t limit,
                        struct subscription **rows_out, size_t *count_out, int64_t *total_out, struct err *err)
{
    struct list list = LIST_OF(a, struct subscription);
    if (total_out && db_query_i64(db, SQL_SUBSCRIPTION_COUNT, DB_ARGS(DB_I(tenant)), total_out, err) == ROW_FAILED)
        return false;
    if (!store_rows(db, SQL_SUBSCRIPTION_LIST, DB_ARGS(DB_I(tenant), DB_I(before), DB_I(limit), DB_I(offset)), &list,
                    subscription_read, err))
        return false;
    *rows_out = list.items;
    *count_out = list.count;
    return true;
}

bool
store_subscription_lock(struct db *db, int64_t tenant, struct str uuid, struct err *err)
{
    return db_can(db, DB_ONE_WRITER) || db_exec(db, SQL_SUBSCRIPTION_LOCK, DB_ARGS(DB_I(tenant), DB_T(uuid)), NULL, err);
}

bool
store_subscription_update(struct db *db, const struct subscription *s, bool restart, int64_t now_us, struct err *err)
{
    struct event_place newest;
    if (!db_exec_one(db, SQL_SUBSCRIPTION_UPDATE, DB_ARGS(DB_I(s->tenant), DB_I(s->id), DB_T(s->name), DB_T(s->url),
                     DB_T(s->types), DB_BOOL(s->enabled), DB_T(s->disabled_reason), DB_I(now_us)), E_NOT_FOUND, err))
        return false;
    return !restart || (store_event_newest(db, s->tenant, &newest, err) && store_subscription_place(db, s, newest, err));
}

bool
store_subscription_secret(struct db *db, const struct subscription *s, int64_t now_us, struct err *err)
{
    db_note_effect(db, "webhook_subscription", s->uuid);
    return db_exec_one(db, SQL_SUBSCRIPTION_SECRET, DB_ARGS(DB_I(s->tenant), DB_I(s->id), DB_T(s->secret), DB_T(s->secret_old),
                       DB_I0(s->secret_old_until_us), DB_I(now_us)), E_NOT_FOUND, err);
}

bool
store_subscription_delete(struct db *db, int64_t tenant, int64_t subscription, bool *done_out, struct err *err)
{
    int64_t removed = 0;
    if (!db_exec(db, SQL_SUBSCRIPTION_DELETE_DELIVERIES, DB_ARGS(DB_I(tenant), DB_I(subscription), DB_I(DELETE_BATCH)), &removed,
                 err))
        return false;
    *done_out = removed < DELETE_BATCH;
    return !*done_out || db_exec(db, SQL_SUBSCRIPTION_DELETE, DB_ARGS(DB_I(tenant), DB_I(subscription)), NULL, err);
}

bool
store_subscription_free(struct db *db, struct arena *a, int64_t now_us, size_t limit,
                        struct subscription **rows_out, size_t *count_out, struct err *err)
{
    struct list list = LIST_OF(a, struct subscription);
    if (!store_rows(db, SQL_SUBSCRIPTION_FREE, DB_ARGS(DB_I(now_us), DB_I(limit)), &list, subscription_read, err))
        return false;
    *rows_out = list.items;
    *count_out = list.count;
    return true;
}

bool
store_subscription_free_node(struct db *db, struct str node, struct err *err)
{
    return db_exec(db, SQL_SUBSCRIPTION_FREE_NODE, DB_ARGS(DB_T(node)), NULL, err);
}

bool
store_subscription_take(struct db *db, struct subscription *s, struct str node, int64_t until_us, int64_t now_us,
                        bool *taken_out, struct err *err)
{
    enum row row = db_query_i64(db, SQL_SUBSCRIPTION_TAKE, DB_ARGS(DB_I(s->tenant), DB_I(s->id), DB_T(node), DB_I(until_us),
                                DB_I(s->epoch), DB_I(now_us)), &s->epoch, err);
    *taken_out = row == ROW_FOUND;
    return row != ROW_FAILED;
}

bool
store_subscription_hold(struct db *db, const struct subscription *s, int64_t until_us, struct err *err)
{
    int64_t enabled = 0;
    enum row row = db_query_i64(db, SQL_SUBSCRIPTION_HOLD, DB_ARGS(DB_I(s->tenant), DB_I(s->id), DB_I(s->epoch),
                                DB_I(until_us)), &enabled, err);
    return row != ROW_FAILED && (enabled || err_set(err, E_FENCED, NULL));
}

bool
store_subscription_release(struct db *db, const struct subscription *s, int64_t not_before_us, int64_t now_us, struct err *err)
{
    return db_exec(db, SQL_SUBSCRIPTION_RELEASE, DB_ARGS(DB_I(s->tenant), DB_I(s->id), DB_I(s->epoch), DB_I(now_us),
                   DB_I(not_before_us)), NULL, err);
}

bool
store_subscription_place(struct db *db, const struct subscription *s, struct event_place place, struct err *err)
{
    return db_exec_one(db, SQL_SUBSCRIPTION_PLACE, DB_ARGS(DB_I(s->tenant), DB_I(s->id), DB_I(place.transaction),
                       DB_I(place.seq)), E_NOT_FOUND, err);
}

bool
store_subscription_succeeded(struct db *db, const struct subscription *s, int64_t now_us, struct err *err)
{
    return db_exec(db, SQL_SUBSCRIPTION_SUCCEEDED, DB_ARGS(DB_I(s->tenant), DB_I(s->id), DB_I(now_us)), NULL, err);
}

bool
store_subscription_failed(struct db *db, const struct subscription *s, int64_t now_us, struct err *err)
{
    return db_exec(db, SQL_SUBSCRIPTION_FAILED, DB_ARGS(DB_I(s->tenant), DB_I(s->id), DB_I(now_us)), NULL, err);
}

bool
store_subscription_disable(struct db *db, const struct subscription *s, struct str reason, int64_t now_us, bool *disabled_out,
                           struct err *err)
{
    int64_t changed = 0;
    if (!db_exec(db, SQL_SUBSCRIPTION_DISABLE, DB_ARGS(DB_I(s->tenant), DB_I(s->id), DB_T(reason), DB_I(now_us)), &changed, err))
        return false;
    *disabled_out = changed > 0;
    return true;
}
