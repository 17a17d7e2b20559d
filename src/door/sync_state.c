/*
 * Cursors: how far each stream of a connection has been read. Resetting makes the next run full.
 */
#include "door/routes_priv.h"
#include "door/views_priv.h"
#include "store/store_state.h"
#include "store/store_stream.h"

struct state_of {
    struct request *request;
    int64_t connection, stream;
    struct str stream_name;      /* or STR_NONE: all */
    struct stream *streams;
    size_t stream_count;
    struct state_row *rows;
    size_t row_count;
    int64_t removed;
};

static bool
read_state(struct db *db, void *ctx, struct err *err)
{
    struct state_of *s = ctx;
    struct request *r = s->request;
    return store_stream_list(db, r->arena, r->tenant.id, s->connection, &s->streams, &s->stream_count, err) &&
           store_state_list(db, r->arena, r->tenant.id, s->connection, 0, 0, STR_NONE, LIMIT_LIST_MAX, &s->rows,
                            &s->row_count, err);
}

static void
write_partitions(struct json_writer *w, const struct state_of *s, int64_t stream)
{
    json_begin_array(w, "partitions");
    for (size_t i = 0; i < s->row_count; i++) {
        if (s->rows[i].stream != stream)
            continue;
        json_begin_object(w, NULL);
        json_add_raw(w, "partition", s->rows[i].partition);
        json_add_raw(w, "state", s->rows[i].state);
        json_add_time(w, "updatedAt", s->rows[i].updated_us);
        json_end_object(w);
    }
    json_end_array(w);
}

static void
write_stream(struct json_writer *w, const struct state_of *s, const struct stream *stream)
{
    json_begin_object(w, NULL);
    json_add_str(w, "stream", stream->name);
    json_add_str(w, "entityType", stream->kind);
    json_add_i64(w, "records", stream->records);
    json_add_i64(w, "deleted", stream->deleted);
    json_add_i64(w, "rejected", stream->rejected);
    json_add_time(w, "lastFullSyncAt", stream->last_full_us);
    write_partitions(w, s, stream->id);
    json_end_object(w);
}

/* More partitions than a list may hold are left out, and that is said. */
bool
state_get(struct request *r, struct err *err)
{
    struct connection connection;
    if (!find_connection(r, request_path_param(r, 0), &connection, err))
        return false;
    struct state_of s = {.request = r, .connection = connection.id};
    if (!store_read(request_parts(r)->store, read_state, &s, err))
        return false;
    struct json_writer *w = reply_object(r, 200);
    json_add_str(w, "connectionId", connection.uuid);
    json_begin_array(w, "streams");
    for (size_t i = 0; i < s.stream_count; i++)
        write_stream(w, &s, &s.streams[i]);
    json_end_array(w);
    json_add_bool(w, "truncated", s.row_count == LIMIT_LIST_MAX);
    return reply_object_end(r, err);
}

static bool
reset(struct db *db, void *ctx, struct err *err)
{
    struct state_of *s = ctx;
    struct request *r = s->request;
    s->stream = 0;
    if (s->stream_name.len) {
        struct stream stream;
        enum row row = store_stream_find(db, r->arena, r->tenant.id, s->connection, s->stream_name, &stream, err);
        if (row != ROW_FOUND)
            return row == ROW_FAILED ? false : err_set(err, E_NOT_FOUND, "This connection has no stream of that name");
        s->stream = stream.id;
    }
    return store_state_reset(db, r->tenant.id, s->connection, s->stream, &s->removed, err);
}

bool
state_reset(struct request *r, struct err *err)
{
    struct connection connection;
    if (!find_connection(r, request_path_param(r, 0), &connection, err))
        return false;
    struct state_of s = {.request = r, .connection = connection.id, .stream_name = request_query(r, "stream")};
    return store_write(request_parts(r)->store, reset, &s, err) && reply_empty(r, 204);
}
