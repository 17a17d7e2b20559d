/*
 * Looking at runs and steering them.
 */
#include "door/routes_priv.h"
#include "door/views_priv.h"
#include "store/store_rejected.h"
#include "store/store_request.h"

#define LIMIT_OTHERWISE 20

struct page_of {
    struct request *request;
    struct run_filter filter;
    struct str connection;
    struct run *rows;
    size_t count;
    int64_t total;
};

static bool
read_page(struct db *db, void *ctx, struct err *err)
{
    struct page_of *p = ctx;
    struct request *r = p->request;
    struct connection connection;
    if (p->connection.ptr) {
        enum row row = store_connection_get(db, r->arena, r->tenant.id, p->connection, &connection, err);
        if (row != ROW_FOUND)
            return row == ROW_FAILED ? false : err_set(err, E_CONNECTION_NOT_FOUND, NULL);
        p->filter.connection = connection.id;
    }
    return store_run_list(db, r->arena, r->tenant.id, &p->filter, &p->rows, &p->count, &p->total, err);
}

static bool
read_status(struct request *r, unsigned *states_out, struct err *err)
{
    static const char *const statuses[] = {"pending", "in_progress", "paused", "success", "error", "cancelled", NULL};
    struct str word;
    if (!request_query_word(r, "status", statuses, &word, err))
        return false;
    *states_out = view_run_states(word);
    return true;
}

static void
write_connection(struct json_writer *w, const struct run *run)
{
    json_begin_object(w, "connection");
    json_add_str(w, "name", run->connection_name);
    json_add_str(w, "platform", run->template_name);
    json_end_object(w);
}

bool
runs_list(struct request *r, struct err *err)
{
    struct paging paging;
    struct page_of p = {.request = r, .connection = request_query(r, "connectionId")};
    if (!request_paging(r, LIMIT_OTHERWISE, &paging, err) || !read_status(r, &p.filter.states, err) ||
        !request_query_time(r, "from", &p.filter.from_us, err) || !request_query_time(r, "to", &p.filter.to_us, err))
        return false;
    p.filter.before = paging.after;
    p.filter.offset = paging.offset;
    p.filter.limit = (size_t)paging.limit;
    if (!store_read(request_parts(r)->store, read_page, &p, err))
        return false;
    int64_t now_us = clock_wall_us(request_parts(r)->clock);
    struct json_writer *w = reply_begin(r, 200);
    json_begin_array(w, NULL);
    for (size_t i = 0; i < p.count; i++) {
        json_begin_object(w, NULL);
        view_run(w, &p.rows[i], now_us);
        write_connection(w, &p.rows[i]);
        json_end_object(w);
    }
    json_end_array(w);
    bool more = p.count == (size_t)paging.limit;
    struct str next = more ? list_cursor_text(r->arena, p.rows[p.count - 1].id) : STR_NONE;
    return reply_end_counted_list(r, &paging, p.total, next, err);
}

/* ---- one run ---- */

struct detail {
    struct request *request;
    struct run run;
    bool found;
    struct rejected *errors;
    size_t error_count;
    struct run_stream *streams;
    size_t stream_count;
    int64_t requests_kept;
};

static bool
read_detail(struct db *db, void *ctx, struct err *err)
{
    struct detail *d = ctx;
    struct request *r = d->request;
    enum row row = store_run_get(db, r->arena, r->tenant.id, request_path_param(r, 0), &d->run, err);
    d->found = row == ROW_FOUND;
    if (row != ROW_FOUND)
        return row == ROW_NONE;
    return store_rejected_of_run(db, r->arena, r->tenant.id, d->run.id, LIMIT_ERROR_MESSAGES, &d->errors,
                                 &d->error_count, err) &&
           store_run_streams(db, r->arena, r->tenant.id, d->run.id, &d->streams, &d->stream_count, err) &&
           store_requests_kept(db, r->tenant.id, d->run.id, &d->requests_kept, err);
}

static const char *
stream_status(const struct run_stream *s)
{
    if (s->error_code.len)
        return "error";
    return s->done ? "success" : s->pages || s->position.len ? "in_progress" : "pending";
}

static void
write_streams(struct json_writer *w, const struct detail *d)
{
    json_begin_array(w, "streams");
    for (size_t i = 0; i < d->stream_count; i++) {
        const struct run_stream *s = &d->streams[i];
        json_begin_object(w, NULL);
        json_add_str(w, "name", s->stream_name);
        json_add_str(w, "entityType", s->kind);
        json_add_c(w, "status", stream_status(s));
        json_add_i64(w, "pages", s->pages);
        json_add_i64(w, "recordsReceived", s->counts.received);
        json_add_i64(w, "recordsCreated", s->counts.created);
        json_add_i64(w, "recordsUpdated", s->counts.updated);
        json_add_i64(w, "recordsSkipped", s->counts.skipped);
        json_add_i64(w, "recordsDeleted", s->counts.deleted);
        json_add_i64(w, "recordsErrors", s->counts.errors);
        json_add_i64(w, "recordsRead", s->counts.records_read);
        if (s->declared_last >= 0)
            json_add_i64(w, "total", s->declared_last);
        else
            json_add_null(w, "total");
        json_add_str(w, "errorMessage", s->error_message.len ? s->error_message : STR_NONE);
        json_end_object(w);
    }
    json_end_array(w);
}

static void
write_errors(struct json_writer *w, const struct detail *d)
{
    json_begin_array(w, "errors");
    for (size_t i = 0; i < d->error_count; i++) {
        json_begin_object(w, NULL);
        json_add_str(w, "entityType", d->errors[i].kind);
        json_add_str(w, "externalId", d->errors[i].external_id);
        json_add_str(w, "message", d->errors[i].reason);
        json_end_object(w);
    }
    json_end_array(w);
}

static void
write_waiting(struct json_writer *w, const struct run *run)
{
    if (!run->wait_code.len) {
        json_add_null(w, "waiting");
        return;
    }
    json_begin_object(w, "waiting");
    json_add_str(w, "code", run->wait_code);
    json_add_str(w, "message", run->wait_message);
    json_add_time(w, "until", run->not_before_us);
    json_end_object(w);
}

static void
write_log_url(struct request *r, struct json_writer *w, const struct run *run)
{
    struct str base = request_parts(r)->public_url;
    json_add_str(w, "logUrl", str_format(r->arena, "%.*s/api/v1/sync/runs/%.*s/logs", STR_ARG(base), STR_ARG(run->uuid)));
}

bool
runs_get(struct request *r, struct err *err)
{
    struct detail d = {.request = r};
    if (!store_read(request_parts(r)->store, read_detail, &d, err))
        return false;
    if (!d.found)
        return err_set(err, E_RUN_NOT_FOUND, NULL);
    struct json_writer *w = reply_object(r, 200);
    view_run(w, &d.run, clock_wall_us(request_parts(r)->clock));
    write_connection(w, &d.run);
    write_errors(w, &d);
    write_streams(w, &d);
    if (d.run.declared_total >= 0)
        json_add_i64(w, "recordsTotal", d.run.declared_total);
    else
        json_add_null(w, "recordsTotal");
    write_waiting(w, &d.run);
    json_add_bool(w, "pauseRequested", d.run.pause_asked);
    json_add_bool(w, "cancelRequested", d.run.cancel_asked);
    write_log_url(r, w, &d.run);
    json_add_i64(w, "requestsSent", d.run.requests);
    json_add_i64(w, "requestsKept", d.requests_kept);
    return reply_object_end(r, err);
}

/* ---- steering ---- */

typedef bool steer_fn(struct engine *e, struct arena *a, int64_t tenant, struct str run_uuid, struct run *run_out,
                      struct err *err);

static bool
steer(struct request *r, steer_fn *fn, struct err *err)
{
    struct run run;
    if (!find_run(r, request_path_param(r, 0), &run, err) ||
        !fn(request_parts(r)->engine, r->arena, r->tenant.id, run.uuid, &run, err))
        return false;
    struct json_writer *w = reply_object(r, 200);
    view_run(w, &run, clock_wall_us(request_parts(r)->clock));
    json_add_bool(w, "pauseRequested", run.pause_asked);
    json_add_bool(w, "cancelRequested", run.cancel_asked);
    return reply_object_end(r, err);
}

bool
runs_cancel(struct request *r, struct err *err)
{
    return steer(r, engine_run_cancel, err);
}

bool
runs_pause(struct request *r, struct err *err)
{
    return steer(r, engine_run_pause, err);
}

bool
runs_resume(struct request *r, struct err *err)
{
    return steer(r, engine_run_resume, err);
}
