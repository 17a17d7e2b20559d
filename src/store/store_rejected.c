#include "store/store_rejected.h"

#include "store/store_priv.h"

static void
rejected_read(struct row_reader *r, void *item)
{
    struct rejected *row = item;
    row->id = read_i64(r);
    row->stream = read_i64(r);
    row->run = read_i64(r);
    row->uuid = read_text(r);
    row->stream_name = read_text(r);
    row->kind = read_text(r);
    row->external_id = read_text(r);
    row->reason = read_text(r);
    row->payload = read_text(r);
    row->first_us = read_i64(r);
    row->last_us = read_i64(r);
    row->times = read_i64(r);
    row->push_record = read_i64(r);
}

static bool
read_rows(struct db *db, unsigned statement, const struct db_value *values, size_t value_count, struct arena *a,
          struct rejected **rows_out, size_t *count_out, struct err *err)
{
    struct list list = LIST_OF(a, struct rejected);
    if (!store_rows(db, statement, values, value_count, &list, rejected_read, err))
        return false;
    *rows_out = list.items;
    *count_out = list.count;
    return true;
}

bool
store_rejected_list(struct db *db, struct arena *a, int64_t tenant, int64_t connection, int64_t stream, int64_t run,
                    int64_t before, size_t offset, size_t limit, struct rejected **rows_out, size_t *count_out, int64_t *total_out,
                    struct err *err)
{
    if (total_out && db_query_i64(db, SQL_REJECTED_COUNT, DB_ARGS(DB_I(tenant), DB_I(connection), DB_I(stream), DB_I(run)),
                                  total_out, err) == ROW_FAILED)
        return false;
    return read_rows(db, SQL_REJECTED_LIST, DB_ARGS(DB_I(tenant), DB_I(connection), DB_I(stream), DB_I(before), DB_I(limit),
                     DB_I(offset), DB_I(run)), a, rows_out, count_out, err);
}

bool
store_rejected_of_run(struct db *db, struct arena *a, int64_t tenant, int64_t run, size_t limit, struct rejected **rows_out,
                      size_t *count_out, struct err *err)
{
    return read_rows(db, SQL_REJECTED_OF_RUN, DB_ARGS(DB_I(tenant), DB_I(run), DB_I(limit)), a, rows_out, count_out, err);
}

enum row
store_rejected_get(struct db *db, struct arena *a, int64_t tenant, struct str uuid, struct rejected *rejected_out,
                   struct err *err)
{
    return store_row(db, SQL_REJECTED_GET, DB_ARGS(DB_I(tenant), DB_T(uuid)), a, rejected_out, sizeof(*rejected_out),
                     rejected_read, err);
}

/* The row goes, and the stream has one less. */
static bool
accept(struct db *db, int64_t tenant, int64_t rejected, struct err *err)
{
    int64_t stream;
    enum row row = db_query_i64(db, SQL_REJECTED_ACCEPTED, DB_ARGS(DB_I(tenant), DB_I(rejected)), &stream, err);
    return row == ROW_NONE || (row == ROW_FOUND && db_exec_one(db, SQL_STREAM_COUNT, DB_ARGS(DB_I(tenant), DB_I(stream),
                               DB_I(0), DB_I(0), DB_I(-1)), E_NOT_FOUND, err));
}

bool
store_rejected_replayed(struct db *db, int64_t tenant, int64_t rejected, bool accepted, struct str reason, int64_t now_us,
                        struct err *err)
{
    if (accepted)
        return accept(db, tenant, rejected, err);
    return db_exec(db, SQL_REJECTED_AGAIN, DB_ARGS(DB_I(tenant), DB_I(rejected), DB_T(reason), DB_I(now_us)), NULL, err);
}
