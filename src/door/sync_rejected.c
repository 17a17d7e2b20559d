/*
 * Rejected records: nothing is dropped silently, and what was refused can be tried again.
 */
#include "door/routes_priv.h"
#include "door/views_priv.h"
#include "store/store_rejected.h"
#include "store/store_stream.h"

#define LIMIT_OTHERWISE 20

struct page_of {
    struct request *request;
    int64_t connection, run;     /* run 0: any */
    struct str stream_name;
    struct paging paging;
    struct rejected *rows;
    size_t count;
    int64_t total;
};

static bool
read_page(struct db *db, void *ctx, struct err *err)
{
    struct page_of *p = ctx;
    struct request *r = p->request;
    struct stream stream = {0};
    if (p->stream_name.len) {
        enum row row = store_stream_find(db, r->arena, r->tenant.id, p->connection, p->stream_name, &stream, err);
        if (row != ROW_FOUND)
            return row == ROW_NONE; /* nothing was ever read there */
    }
    return store_rejected_list(db, r->arena, r->tenant.id, p->connection, stream.id, p->run, p->paging.after, p->paging.offset,
                               (size_t)p->paging.limit, &p->rows, &p->count, &p->total, err);
}

static void
write_row(struct json_writer *w, const struct rejected *row)
{
    json_begin_object(w, NULL);
    json_add_str(w, "id", row->uuid);
    json_add_str(w, "stream", row->stream_name);
    json_add_str(w, "entityType", row->kind);
    json_add_str(w, "externalId", row->external_id);
    json_add_c(w, "direction", row->push_record ? "push" : "pull");
    json_add_str(w, "reason", row->reason);
    json_add_raw(w, "payload", row->payload);
    json_add_time(w, "firstAt", row->first_us);
    json_add_time(w, "lastAt", row->last_us);
    json_add_i64(w, "times", row->times);
    json_end_object(w);
}

/* Only those that this run rejected last. */
static bool
find_run_asked(struct request *r, int64_t *run_out, struct err *err)
{
    struct run run = {0};
    struct str id = request_query(r, "runId");
    if (!str_is_none(id) && !find_run(r, id, &run, err))
        return false;
    *run_out = run.id;
    return true;
}

bool
rejected_list(struct request *r, struct err *err)
{
    struct connection connection;
    struct page_of p = {.request = r, .stream_name = request_query(r, "stream")};
    if (!request_paging(r, LIMIT_OTHERWISE, &p.paging, err) || !find_connection(r, request_path_param(r, 0), &connection, err))
        return false;
    p.connection = connection.id;
    if (!find_run_asked(r, &p.run, err) || !store_read(request_parts(r)->store, read_page, &p, err))
        return false;
    struct json_writer *w = reply_begin(r, 200);
    json_begin_array(w, NULL);
    for (size_t i = 0; i < p.count; i++)
        write_row(w, &p.rows[i]);
    json_end_array(w);
    bool more = p.count == (size_t)p.paging.limit;
    struct str next = more ? list_cursor_text(r->arena, p.rows[p.count - 1].id) : STR_NONE;
    return reply_end_list(r, &p.paging, p.total, next, err);
}

bool
rejected_replay(struct request *r, struct err *err)
{
    struct str stream;
    struct replay_counts counts;
    struct connection connection;
    if (!request_body_str(r, "stream", LIMIT_NAME_BYTES, &stream, err) ||
        !find_connection(r, request_path_param(r, 0), &connection, err))
        return false;
    if (!engine_rejected_replay(request_parts(r)->engine, r->tenant.id, connection.uuid, stream, &counts, err))
        return false;
    struct json_writer *w = reply_object(r, 200);
    json_add_i64(w, "tried", counts.tried);
    json_add_i64(w, "accepted", counts.accepted);
    json_add_i64(w, "rejected", counts.rejected);
    return reply_object_end(r, err);
}
