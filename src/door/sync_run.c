/*
 * Starting a run. 000 sends a body and wants an answer at once; 003 sends none and expects the counts, so
 * that reply waits. `Prefer` (RFC 7240) chooses explicitly. Who waits holds one thread of the pool.
 */
#include "door/routes_priv.h"
#include "door/views_priv.h"
#include "store/store_rejected.h"

#define WAIT_MAX_MS 30000

static bool
read_run(struct request *r, struct run_request *ask, struct err *err)
{
    int full;
    struct str platform;
    if (!request_body_bool(r, "fullSync", &full, err) ||
        !request_body_str(r, "connectionId", LIMIT_NAME_BYTES, &ask->connection, err) ||
        !request_body_str(r, "provider", LIMIT_NAME_BYTES, &ask->provider, err) ||
        !request_body_str(r, "platform", LIMIT_NAME_BYTES, &platform, err) ||
        !request_body_str(r, "entityType", LIMIT_NAME_BYTES, &ask->stream, err) ||
        !request_body_str(r, "direction", LIMIT_NAME_BYTES, &ask->direction, err))
        return false;
    ask->full = full == 1;
    if (str_is_none(ask->provider))
        ask->provider = platform;
    ask->trigger = STR("api");
    return true;
}

static bool
reply_accepted(struct request *r, const struct run *run, struct err *err)
{
    struct json_writer *w = reply_object(r, 202);
    json_add_str(w, "runId", run->uuid);
    json_add_str(w, "connectionId", run->connection_uuid);
    json_add_c(w, "status", "pending");
    json_add_time(w, "createdAt", run->created_us);
    return reply_object_end(r, err);
}

bool
run_start_again(struct request *r, struct str uuid, struct err *err)
{
    struct run run;
    return find_run(r, uuid, &run, err) && reply_accepted(r, &run, err);
}

bool
run_start(struct request *r, struct err *err)
{
    struct run_request ask = {0};
    struct run run;
    if (!read_run(r, &ask, err))
        return false;
    if (!ask.connection.len && !ask.provider.len)
        return request_fault(r, err, "/connectionId", "is required, or a provider that has one connection");
    return engine_run_start(request_parts(r)->engine, r->arena, r->tenant.id, &ask, &run, err) && reply_accepted(r, &run, err);
}

static bool
reply_started(struct request *r, const struct run *run, struct err *err)
{
    struct json_writer *w = reply_object(r, 202);
    json_add_str(w, "runId", run->uuid);
    json_add_c(w, "status", "in_progress");
    json_add_c(w, "message", "Sync job started");
    return reply_object_end(r, err);
}

struct errors_of {
    struct request *request;
    int64_t run;
    struct rejected *rows;
    size_t count;
};

static bool
read_errors(struct db *db, void *ctx, struct err *err)
{
    struct errors_of *e = ctx;
    return store_rejected_of_run(db, e->request->arena, e->request->tenant.id, e->run, LIMIT_ERROR_MESSAGES, &e->rows,
                                 &e->count, err);
}

static bool
reply_counts(struct request *r, const struct run *run, struct err *err)
{
    struct errors_of e = {.request = r, .run = run->id};
    if (!store_read(request_parts(r)->store, read_errors, &e, err))
        return false;
    const struct page_counts *n = &run->counts;
    struct json_writer *w = reply_object(r, 200);
    json_add_str(w, "runId", run->uuid);
    json_add_c(w, "status", view_run_status(run->state));
    json_add_i64(w, "synced", n->created + n->updated + n->skipped);
    json_add_i64(w, "created", n->created);
    json_add_i64(w, "updated", n->updated);
    json_add_i64(w, "skipped", n->skipped);
    json_add_i64(w, "deleted", n->deleted);
    json_add_i64(w, "errors", n->errors);
    json_begin_array(w, "errorMessages");
    if (run->error_message.len)
        json_add_str(w, NULL, run->error_message);
    for (size_t i = 0; i < e.count; i++)
        json_add_str(w, NULL, e.rows[i].reason);
    json_end_array(w);
    json_add_c(w, "verdict", run_verdict_name(run->verdict));
    json_add_str(w, "verdictReason", run->verdict_reason.len ? run->verdict_reason : STR_NONE);
    return reply_object_end(r, err);
}

/* 0: answer at once. */
static int64_t
wait_wanted_ms(struct request *r)
{
    int64_t wait_ms = prefer_wait_ms(http_header_get(&r->x->headers, "Prefer"), WAIT_MAX_MS);
    if (wait_ms >= 0) {
        reply_add_header(r, "Preference-Applied",
                     wait_ms ? str_format(r->arena, "wait=%lld", (long long)(wait_ms / 1000)) : STR("respond-async"));
        return wait_ms;
    }
    return r->body ? 0 : WAIT_MAX_MS;
}

/* Waits for it as the request wants. */
static bool
reply_sync(struct request *r, struct run *run, struct err *err)
{
    int64_t wait_ms = wait_wanted_ms(r);
    if (wait_ms > 0 &&
        !engine_run_wait(request_parts(r)->engine, r->arena, r->tenant.id, run->uuid, wait_ms, run, err))
        return false;
    return run_state_is_terminal(run->state) ? reply_counts(r, run, err) : reply_started(r, run, err);
}

bool
connection_sync_again(struct request *r, struct str uuid, struct err *err)
{
    struct run run;
    return find_run(r, uuid, &run, err) && reply_sync(r, &run, err);
}

bool
connection_sync(struct request *r, struct err *err)
{
    struct run_request ask = {0};
    struct run run;
    if (!read_run(r, &ask, err))
        return false;
    ask.connection = request_path_param(r, 0);
    ask.provider = STR_NONE;
    return engine_run_start(request_parts(r)->engine, r->arena, r->tenant.id, &ask, &run, err) && reply_sync(r, &run, err);
}
