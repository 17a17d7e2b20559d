#include "store/store_delivery.h"

#include "base/rng.h"
#include "store/store_priv.h"

static void
delivery_read(struct row_reader *r, void *item)
{
    struct delivery *d = item;
    d->id = read_i64(r);
    d->tenant = read_i64(r);
    d->uuid = read_text(r);
    d->subscription = read_i64(r);
    d->event = read_i64(r);
    d->type = read_text(r);
    d->state = read_text(r);
    d->attempts = read_i64(r);
    d->replays = read_i64(r);
    d->next_us = read_i64(r);
    d->first_us = read_i64(r);
    d->last_us = read_i64(r);
    d->last_status = read_i64(r);
    d->last_error = read_text(r);
    d->last_response = read_text(r);
    d->duration_ms = read_i64(r);
    d->created_us = read_i64(r);
}

bool
store_delivery_add(struct db *db, const struct subscription *s, const struct event *event, int64_t now_us, struct err *err)
{
    char uuid[UUID_TEXT_BYTES];
    return db_exec(db, SQL_DELIVERY_INSERT, DB_ARGS(DB_I(s->tenant), DB_T(str_from_c(uuid_v7_now(uuid))), DB_I(s->id),
                   DB_I(event->place.seq), DB_T(event->type), DB_I(now_us), DB_I(event->at_us)), NULL, err);
}

bool
store_delivery_due(struct db *db, struct arena *a, const struct subscription *s, int64_t now_us, size_t limit,
                   struct delivery **rows_out, size_t *count_out, struct err *err)
{
    struct list list = LIST_OF(a, struct delivery);
    if (!store_rows(db, SQL_DELIVERY_DUE, DB_ARGS(DB_I(s->tenant), DB_I(s->id), DB_I(now_us), DB_I(limit)), &list,
                    delivery_read, err))
        return false;
    *rows_out = list.items;
    *count_out = list.count;
    return true;
}

bool
store_delivery_waiting(struct db *db, const struct subscription *s, int64_t most, int64_t *count_out, struct err *err)
{
    return db_query_i64(db, SQL_DELIVERY_WAITING, DB_ARGS(DB_I(s->tenant), DB_I(s->id), DB_I(most)), count_out, err) == ROW_FOUND;
}

enum row
store_delivery_get(struct db *db, struct arena *a, int64_t tenant, int64_t subscription, struct str uuid,
                   struct delivery *delivery_out, struct err *err)
{
    return store_row(db, SQL_DELIVERY_GET, DB_ARGS(DB_I(tenant), DB_I(subscription), DB_T(uuid)), a, delivery_out,
                     sizeof(*delivery_out), delivery_read, err);
}

bool
store_delivery_list(struct db *db, struct arena *a, int64_t tenant, int64_t subscription, struct str state, int64_t before,
                    size_t offset, size_t limit, int64_t most, struct delivery **rows_out, size_t *count_out,
                    int64_t *total_out, struct err *err)
{
    struct list list = LIST_OF(a, struct delivery);
    if (db_query_i64(db, SQL_DELIVERY_COUNT, DB_ARGS(DB_I(tenant), DB_I(subscription), DB_T(state), DB_I(most)), total_out,
                     err) == ROW_FAILED)
        return false;
    if (!store_rows(db, SQL_DELIVERY_LIST, DB_ARGS(DB_I(tenant), DB_I(subscription), DB_T(state), DB_I(before), DB_I(limit),
                    DB_I(offset)), &list, delivery_read, err))
        return false;
    *rows_out = list.items;
    *count_out = list.count;
    return true;
}

bool
store_delivery_tried(struct db *db, const struct delivery *d, struct err *err)
{
    return db_exec(db, SQL_DELIVERY_TRIED, DB_ARGS(DB_I(d->tenant), DB_I(d->id), DB_T(d->state), DB_I0(d->next_us),
                   DB_I(d->last_us), DB_I0(d->last_status), DB_T(d->last_error), DB_T(d->last_response),
                   DB_I(d->duration_ms)), NULL, err);
}

bool
store_delivery_replay(struct db *db, const struct delivery *d, int64_t now_us, struct err *err)
{
    db_note_effect(db, "delivery", d->uuid);
    return db_exec_one(db, SQL_DELIVERY_REPLAY, DB_ARGS(DB_I(d->tenant), DB_I(d->id), DB_I(now_us)), E_NOT_FOUND, err);
}
