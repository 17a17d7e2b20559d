#include "store/store_request.h"

#include "base/limits.h"
#include "store/store_log.h"
#include "store/store_priv.h"

bool
store_requests_append(struct db *db, const struct page_fence *fence, const struct page_requests *q, int64_t now_us, struct err *err)
{
    if (q->made == 0)
        return true;
    return (q->count == 0 ||
            db_defer(db, SQL_REQUEST_INSERT, DB_ARGS(DB_I(fence->tenant), DB_I(fence->run), DB_I(fence->epoch), DB_I(q->count),
                     DB_I(q->failed), DB_I(q->packed.len), DB_I(now_us), DB_B(q->packed)), err)) &&
           db_defer(db, SQL_REQUEST_COUNT, DB_ARGS(DB_I(fence->tenant), DB_I(fence->run), DB_I(fence->epoch), DB_I(q->made)), err) &&
           db_defer(db, SQL_REQUEST_TRIM, DB_ARGS(DB_I(fence->tenant), DB_I(fence->run), DB_I(LIMIT_RUN_REQUESTS_FIRST),
                    DB_I(LIMIT_RUN_REQUESTS_LAST)), err);
}

static void
chunk_read(struct row_reader *r, void *item)
{
    struct request_chunk *chunk = item;
    chunk->first_number = read_i64(r);
    chunk->count = read_i64(r);
    chunk->failed = read_i64(r);
    chunk->packed = read_blob(r);
}

bool
store_requests_read(struct db *db, struct arena *a, int64_t tenant, int64_t run, int64_t after, size_t limit,
                    struct request_chunk **rows_out, size_t *count_out, struct err *err)
{
    struct list list = LIST_OF(a, struct request_chunk);
    if (!store_rows(db, SQL_REQUEST_CHUNKS, DB_ARGS(DB_I(tenant), DB_I(run), DB_I(after), DB_I(limit)), &list, chunk_read, err))
        return false;
    *rows_out = list.items;
    *count_out = list.count;
    return true;
}

enum row
store_requests_newest(struct db *db, struct arena *a, int64_t tenant, int64_t run, struct request_chunk *row_out, struct err *err)
{
    return store_row(db, SQL_REQUEST_NEWEST, DB_ARGS(DB_I(tenant), DB_I(run)), a, row_out, sizeof(*row_out), chunk_read, err);
}

bool
store_requests_kept(struct db *db, int64_t tenant, int64_t run, int64_t *kept_out, struct err *err)
{
    return db_query_i64(db, SQL_REQUEST_KEPT, DB_ARGS(DB_I(tenant), DB_I(run)), kept_out, err) == ROW_FOUND;
}

bool
request_line_next(struct str *lines, struct request_line *line_out)
{
    struct str line, head, json;
    if (lines->len == 0)
        return false;
    str_cut(*lines, '\n', &line, lines);
    int64_t page;
    if (line.len < 4 || !str_cut(str_skip(line, 1), ' ', &head, &json) || !str_to_i64(head, 0, INT64_MAX, &page))
        return false;
    *line_out = (struct request_line){.failed = line.ptr[0] == '!', .page = page, .json = json};
    return true;
}
