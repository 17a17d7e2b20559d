#include "store/store_overview.h"

#include "store/store_priv.h"

static void
need_read(struct row_reader *r, void *item)
{
    struct overview_need *n = item;
    n->rank = read_i64(r);
    n->kind = read_text(r);
    n->connection_uuid = read_text(r);
    n->name = read_text(r);
    n->run_uuid = read_text(r);
    n->subscription_uuid = read_text(r);
    n->count = read_i64(r);
    n->since_us = read_i64(r);
    n->message = read_text(r);
}

bool
store_overview_needs(struct db *db, struct arena *a, int64_t tenant, int64_t overdue_us, size_t limit,
                     struct overview_need **rows_out, size_t *count_out, struct err *err)
{
    struct list list = LIST_OF(a, struct overview_need);
    if (!store_rows(db, SQL_OVERVIEW_NEEDS, DB_ARGS(DB_I(tenant), DB_I(overdue_us), DB_I(limit)), &list, need_read, err))
        return false;
    *rows_out = list.items;
    *count_out = list.count;
    return true;
}

static void
stream_read(struct row_reader *r, void *item)
{
    struct overview_stream *s = item;
    s->connection_uuid = read_text(r);
    s->connection_name = read_text(r);
    s->template_name = read_text(r);
    s->name = read_text(r);
    s->kind = read_text(r);
    s->records = read_i64(r);
    s->deleted = read_i64(r);
    s->rejected = read_i64(r);
    s->last_full_us = read_i64(r);
    s->last_page_us = read_i64(r);
}

bool
store_overview_streams(struct db *db, struct arena *a, int64_t tenant, size_t limit, struct overview_stream **rows_out,
                       size_t *count_out, struct err *err)
{
    struct list list = LIST_OF(a, struct overview_stream);
    if (!store_rows(db, SQL_OVERVIEW_STREAMS, DB_ARGS(DB_I(tenant), DB_I(limit)), &list, stream_read, err))
        return false;
    *rows_out = list.items;
    *count_out = list.count;
    return true;
}

static void
hour_read(struct row_reader *r, void *item)
{
    struct overview_hour *h = item;
    h->at_us = read_i64(r);
    h->counts.received = read_i64(r);
    h->counts.created = read_i64(r);
    h->counts.updated = read_i64(r);
    h->counts.skipped = read_i64(r);
    h->counts.deleted = read_i64(r);
    h->counts.errors = read_i64(r);
}

bool
store_overview_hours(struct db *db, struct arena *a, int64_t tenant, int64_t since_us, struct overview_hour **rows_out,
                     size_t *count_out, struct err *err)
{
    struct list list = LIST_OF(a, struct overview_hour);
    if (!store_rows(db, SQL_OVERVIEW_HOURS, DB_ARGS(DB_I(tenant), DB_I(since_us)), &list, hour_read, err))
        return false;
    *rows_out = list.items;
    *count_out = list.count;
    return true;
}

static void
activity_read(struct row_reader *r, void *item)
{
    struct overview_activity *h = item;
    h->connection_uuid = read_text(r);
    h->at_us = read_i64(r);
    h->received = read_i64(r);
    h->errors = read_i64(r);
}

bool
store_overview_activity(struct db *db, struct arena *a, int64_t tenant, int64_t since_us, size_t limit,
                        struct overview_activity **rows_out, size_t *count_out, struct err *err)
{
    struct list list = LIST_OF(a, struct overview_activity);
    if (!store_rows(db, SQL_OVERVIEW_ACTIVITY_HOURS, DB_ARGS(DB_I(tenant), DB_I(since_us), DB_I(limit)), &list, activity_read, err))
        return false;
    *rows_out = list.items;
    *count_out = list.count;
    return true;
}

static void
newest_read(struct row_reader *r, void *item)
{
    struct overview_newest *n = item;
    n->connection_uuid = read_text(r);
    n->run_uuid = read_text(r);
    n->state = read_text(r);
    n->verdict = read_text(r);
    n->verdict_reason = read_text(r);
}

bool
store_overview_newest_runs(struct db *db, struct arena *a, int64_t tenant, size_t limit, struct overview_newest **rows_out,
                           size_t *count_out, struct err *err)
{
    struct list list = LIST_OF(a, struct overview_newest);
    if (!store_rows(db, SQL_OVERVIEW_NEWEST_RUNS, DB_ARGS(DB_I(tenant), DB_I(limit)), &list, newest_read, err))
        return false;
    *rows_out = list.items;
    *count_out = list.count;
    return true;
}

struct ended {
    int64_t succeeded, failed;
};

static void
ended_read(struct row_reader *r, void *item)
{
    struct ended *ended = item;
    ended->succeeded = read_i64(r);
    ended->failed = read_i64(r);
}

bool
store_overview_runs(struct db *db, int64_t tenant, int64_t since_us, int64_t *succeeded_out, int64_t *failed_out,
                    struct err *err)
{
    struct ended ended = {0};
    if (store_row(db, SQL_OVERVIEW_RUNS, DB_ARGS(DB_I(tenant), DB_I(since_us)), NULL, &ended, sizeof(ended), ended_read, err) ==
        ROW_FAILED)
        return false;
    *succeeded_out = ended.succeeded;
    *failed_out = ended.failed;
    return true;
}

static void
parked_read(struct row_reader *r, void *item)
{
    struct overview_parked *p = item;
    p->run_uuid = read_text(r);
    p->until_us = read_i64(r);
    p->code = read_text(r);
    p->message = read_text(r);
}

enum row
store_overview_parked(struct db *db, struct arena *a, int64_t tenant, int64_t connection, struct overview_parked *parked_out,
                      struct err *err)
{
    return store_row(db, SQL_OVERVIEW_PARKED, DB_ARGS(DB_I(tenant), DB_I(connection)), a, parked_out, sizeof(*parked_out),
                     parked_read, err);
}
