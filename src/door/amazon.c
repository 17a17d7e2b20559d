/*
 * Door 004: an Amazon account, its syncs and their progress, in the words of that document.
 *
 * The account is the tenant's connection; a sync is a run of it under a name of its own (engine/account_sync.h).
 */
#include "door/amazon_priv.h"

#include "base/log.h"
#include "door/dialect_priv.h"
#include "door/identity_priv.h"
#include "engine/ends.h"
#include "engine/oauth.h"

#define CANCEL_WAIT_MS 3000     /* a page that ends meanwhile lets the answer say "cancelled" (I-24) */
#define SYNC_ID_BYTES 400

bool
amazon_owner(struct request *r, struct account_owner *owner_out, struct err *err)
{
    struct str connection = request_query(r, "connectionId");
    if (str_is_none(connection) && r->body && !request_body_str(r, "connectionId", LIMIT_NAME_BYTES, &connection, err))
        return false;
    *owner_out = (struct account_owner){.tenant = r->tenant.id, .template_name = AMAZON_TEMPLATE, .subject = r->who.subject,
                                        .user_id = account_user_id(r->who.subject), .connection = connection};
    return true;
}

bool
amazon_connection(struct request *r, bool any, struct account_owner *owner_out, struct connection *connection_out, struct err *err)
{
    if (!amazon_owner(r, owner_out, err))
        return false;
    enum row row = engine_account_find(request_parts(r)->engine, r->arena, owner_out, any, connection_out, err);
    return row == ROW_FOUND || (row == ROW_NONE && err_set(err, E_NOT_CONNECTED, NULL));
}

struct json_writer *
amazon_reply(struct request *r)
{
    struct json_writer *w = reply_bare(r, 200);
    json_add_bool(w, "success", true);
    return w;
}

struct str
amazon_sign_in_address(struct request *r)
{
    struct str url = request_parts(r)->public_url;
    return str_join2(r->arena, url.len ? url : STR(""), STR("/api/v1/integrations/amazon/auth/start"));
}

/* ---- starting ---- */

/* The document's own answer to a fault of ours; the cause is in the log. */
static bool
reply_not_started(struct request *r, struct err *err)
{
    log_err(LOG_ERROR, "a sync could not be started", err);
    amazon_reply(r);
    buf_clear(&r->reply.body);
    buf_add(&r->reply.body, STR("{\"success\":false,\"message\":\"Failed to start sync. Please try again later.\","
                                "\"error\":\"internal_server_error\"}"));
    r->reply.status = 500;
    return true;
}

bool
amazon_sync(struct request *r, struct err *err)
{
    struct account_owner owner;
    struct str sync_id = STR_NONE;
    char usual[DURATION_TEXT_BYTES];
    int64_t usual_us = 0;
    if (!amazon_owner(r, &owner, err))
        return false;
    if (!engine_account_sync_start(request_parts(r)->engine, r->arena, &owner, &sync_id, &usual_us, err))
        return !r->as_problem && !dialect_is_ours_to_tell(err) && dialect_status(err) >= 500 ? reply_not_started(r, err) : false;
    struct json_writer *w = amazon_reply(r);
    json_add_str(w, "syncId", sync_id);
    json_add_c(w, "message", "Sync started successfully");
    json_add_c(w, "status", "in_progress");
    json_add_c(w, "estimatedDuration", usual_us > 0 ? duration_format(usual_us < US_PER_S ? US_PER_S : usual_us, usual) : NULL);
    return reply_end(r, err);
}

/* ---- progress ---- */

static const char *
status_word(enum run_state state)
{
    switch (state) {
    case RUN_SUCCEEDED: return "completed";
    case RUN_FAILED: return "failed";
    case RUN_CANCELLED: return "cancelled";
    case RUN_QUEUED:
    case RUN_RUNNING:
    case RUN_WAITING:
    case RUN_PAUSED: break;
    }
    return "running";
}

static const struct account_stream *
stream_of(const struct account_sync_view *v, const char *name)
{
    for (size_t i = 0; i < v->stream_count; i++)
        if (str_eq_c(v->streams[i].name, name))
            return &v->streams[i];
    return NULL;
}

static const char *
result_word(const struct account_sync_view *v, const struct account_stream *s)
{
    if (s && s->error_code.len)
        return "failed";
    if (s && s->done)
        return "success";
    if (v->run.state == RUN_CANCELLED)
        return "cancelled";
    if (v->run.state == RUN_FAILED)
        return "failed";
    return s && s->begun ? "running" : "pending";
}

static void
add_result(struct json_writer *w, const struct account_sync_view *v, const char *name)
{
    const struct account_stream *s = stream_of(v, name);
    json_begin_object(w, name);
    json_add_i64(w, "count", s ? s->count : 0);
    json_add_c(w, "status", result_word(v, s));
    json_end_object(w);
}

static int64_t
count_of(const struct account_sync_view *v, const char *name)
{
    const struct account_stream *s = stream_of(v, name);
    return s ? s->count : 0;
}

/* The members of the view sync_progress, and the run's id. */
static void
add_metadata(struct json_writer *w, const struct account_sync_view *v)
{
    json_begin_object(w, "metadata");
    json_add_i64(w, "ordersProcessed", count_of(v, "orders"));
    if (v->run.state == RUN_SUCCEEDED)
        json_add_i64(w, "totalOrders", count_of(v, "orders"));
    else
        json_add_null(w, "totalOrders");
    json_add_i64(w, "claimsDetected", count_of(v, "claims"));
    json_add_i64(w, "inventoryProcessed", count_of(v, "inventory"));
    json_add_str(w, "error", v->run.error_message.len ? v->run.error_message : STR_NONE);
    json_add_str(w, "runId", v->run.uuid);
    json_end_object(w);
}

static bool
reply_progress(struct request *r, const struct account_sync_view *v, const char *message, struct err *err)
{
    struct json_writer *w = amazon_reply(r);
    json_add_str(w, "syncId", v->sync_id);
    json_add_c(w, "status", status_word(v->run.state));
    json_add_i64(w, "progress", v->progress);
    json_add_str(w, "message", message ? str_from_c(message) : v->message);
    json_add_i64(w, "step", v->step);
    json_add_i64(w, "totalSteps", ACCOUNT_STEPS);
    json_add_time(w, "startedAt", v->run.started_us ? v->run.started_us : v->run.created_us);
    json_add_time(w, "completedAt", v->run.finished_us);
    json_begin_object(w, "results");
    add_result(w, v, "claims");
    add_result(w, v, "inventory");
    add_result(w, v, "orders");
    json_end_object(w);
    add_metadata(w, v);
    return reply_end(r, err);
}

bool
amazon_sync_status(struct request *r, struct err *err)
{
    struct account_owner owner;
    struct account_sync_view v;
    struct str sync_id = request_query(r, "syncId");
    if (!str_is_none(sync_id) && (sync_id.len == 0 || sync_id.len > SYNC_ID_BYTES))
        return request_query_fault("syncId", "must be the name that starting the sync gave", err);
    if (!amazon_owner(r, &owner, err) || !engine_account_sync_get(request_parts(r)->engine, r->arena, &owner, sync_id, &v, err))
        return false;
    return reply_progress(r, &v, NULL, err);
}

bool
amazon_sync_cancel(struct request *r, struct err *err)
{
    struct account_owner owner;
    struct account_sync_view v;
    struct str sync_id;
    if (!request_body_str(r, "syncId", SYNC_ID_BYTES, &sync_id, err))
        return false;
    if (sync_id.len == 0)
        return request_fault(r, err, "/syncId", "is required: the name that starting the sync gave");
    if (!amazon_owner(r, &owner, err) ||
        !engine_account_sync_cancel(request_parts(r)->engine, r->arena, &owner, sync_id, CANCEL_WAIT_MS, &v, err))
        return false;
    return reply_progress(r, &v, v.run.state == RUN_CANCELLED ? NULL : "The sync ends after its present page", err);
}

/* ---- the connection ---- */

static const char *
connection_word(const struct connection *c)
{
    switch (c->status) {
    case CONNECTION_ACTIVE: return "connected";
    case CONNECTION_PENDING: return "pending";
    case CONNECTION_ERROR: return "error";
    case CONNECTION_DISCONNECTED: break;
    }
    return "disconnected";
}

/* What will stop working at the vendor, and when. */
static bool
add_notices(struct request *r, struct json_writer *w, const struct connection *c, struct err *err)
{
    struct connection nobody = {.template_name = AMAZON_TEMPLATE};
    struct ends *ends = NULL;
    size_t count = 0;
    if (!engine_connection_ends(request_parts(r)->engine, r->arena, c ? c : &nobody, &ends, &count, err))
        return false;
    json_begin_array(w, "notices");
    for (size_t i = 0; i < count; i++)
        json_add_str(w, NULL, ends[i].message);
    json_end_array(w);
    return true;
}

static void
add_account(struct request *r, struct json_writer *w, const struct connection *c)
{
    struct err ignored = {0};
    yyjson_val *config = engine_connection_config(request_parts(r)->engine, r->arena, c, &ignored);
    if (json_str(json_get_c(config, "sellerId")).len)
        json_add_str(w, "sellerId", json_str(json_get_c(config, "sellerId")));
    if (yyjson_is_arr(json_get_c(config, "marketplaceIds")))
        json_add_val(w, "marketplaceIds", json_get_c(config, "marketplaceIds"));
}

/* Nobody has signed in yet, or what that brought is dead. */
static bool
needs_sign_in(struct request *r, const struct connection *c, bool *needs_out, struct err *err)
{
    *needs_out = c && c->status == CONNECTION_ERROR &&
                 (str_eq_c(c->error_code, "AUTH_EXPIRED") || str_eq_c(c->error_code, "INVALID_CREDENTIALS"));
    return !c || *needs_out || engine_oauth_awaited(request_parts(r)->engine, r->arena, c, needs_out, err);
}

static bool
reply_status(struct request *r, const struct connection *c, struct err *err)
{
    bool signs_in;
    if (!needs_sign_in(r, c, &signs_in, err))
        return false;
    struct json_writer *w = amazon_reply(r);
    json_add_bool(w, "connected", c && c->enabled && !signs_in);
    json_add_c(w, "status", c ? connection_word(c) : "not_connected");
    json_add_time(w, "lastSync", c ? c->last_sync_us : 0);
    if (c) {
        json_add_str(w, "connectionId", c->uuid);
        add_account(r, w, c);
    }
    json_add_str(w, "message", c && c->error_message.len ? c->error_message : STR_NONE);
    json_add_str(w, "reconnectUrl", signs_in ? amazon_sign_in_address(r) : STR_NONE);
    json_add_bool(w, "sandbox", c && c->sandbox);
    return add_notices(r, w, c, err) && reply_end(r, err);
}

bool
amazon_status(struct request *r, struct err *err)
{
    struct account_owner owner;
    struct connection c;
    if (amazon_connection(r, true, &owner, &c, err))
        return reply_status(r, &c, err);
    return err->code == E_NOT_CONNECTED && reply_status(r, NULL, err);
}

bool
amazon_disconnect(struct request *r, struct err *err)
{
    struct account_owner owner;
    struct connection c;
    struct connection_change change = {.enabled = 0};
    if (!amazon_connection(r, true, &owner, &c, err) ||
        !engine_connection_change(request_parts(r)->engine, r->arena, r->tenant.id, c.uuid, &change, false, &c, err))
        return false;
    struct json_writer *w = amazon_reply(r);
    json_add_c(w, "message", "Amazon account disconnected. What was synced stays.");
    json_add_c(w, "status", connection_word(&c));
    json_add_str(w, "connectionId", c.uuid);
    return reply_end(r, err);
}
