#include "store/store_run.h"

#include "store/store_priv.h"

bool
store_run_streams_init(struct db *db, const struct page_fence *fence, const int64_t *streams, size_t count, int64_t now_us,
                       struct err *err)
{
    bool asked;
    if (!store_run_asked(db, fence, &asked, err))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!db_exec(db, SQL_RUN_STREAM_INSERT, DB_ARGS(DB_I(fence->tenant), DB_I(fence->run), DB_I(streams[i]), DB_I(i),
                     DB_I(now_us)), NULL, err))
            return false;
    return true;
}

static void
run_stream_read(struct row_reader *r, void *item)
{
    struct run_stream *s = item;
    s->stream = read_i64(r);
    s->stream_name = read_text(r);
    s->kind = read_text(r);
    s->position = read_text(r);
    read_counts(r, &s->counts);
    s->pages = read_i64(r);
    s->declared_first = read_i64_or(r, -1);
    s->declared_last = read_i64_or(r, -1);
    s->done = read_bool(r);
    s->error_code = read_text(r);
    s->error_message = read_text(r);
    s->started_us = read_i64(r);
    s->updated_us = read_i64(r);
}

bool
store_run_streams(struct db *db, struct arena *a, int64_t tenant, int64_t run, struct run_stream **rows_out,
                  size_t *count_out, struct err *err)
{
    struct list list = LIST_OF(a, struct run_stream);
    if (!store_rows(db, SQL_RUN_STREAM_LIST, DB_ARGS(DB_I(tenant), DB_I(run)), &list, run_stream_read, err))
        return false;
    *rows_out = list.items;
    *count_out = list.count;
    return true;
}

bool
store_run_stream_end(struct db *db, const struct page_fence *fence, int64_t stream, struct str error_code,
                     struct str error_message, int64_t now_us, struct err *err)
{
    bool asked;
    return store_run_asked(db, fence, &asked, err) &&
           db_exec_one(db, SQL_RUN_STREAM_END, DB_ARGS(DB_I(fence->tenant), DB_I(fence->run), DB_I(stream), DB_T(error_code),
                       DB_T(error_message), DB_I(now_us)), E_NOT_FOUND, err);
}

static void
token_read(struct row_reader *r, void *item)
{
    *(uint64_t *)item = (uint64_t)read_i64(r);
}

bool
store_run_tokens(struct db *db, struct arena *a, int64_t tenant, int64_t run, int64_t stream, uint64_t **hashes_out,
                 size_t *count_out, struct err *err)
{
    struct list list = LIST_OF(a, uint64_t);
    if (!store_rows(db, SQL_RUN_TOKENS, DB_ARGS(DB_I(tenant), DB_I(run), DB_I(stream)), &list, token_read, err))
        return false;
    *hashes_out = list.items;
    *count_out = list.count;
    return true;
}
