#include "door/views_priv.h"

#include "base/rng.h"
#include "engine/ends.h"
#include "store/store_push.h"
#include "template/oauth.h"

const char *
view_connection_status(enum connection_status status)
{
    return status == CONNECTION_ACTIVE ? "connected" : connection_status_name(status);
}

static const struct {
    enum run_state state;
    const char *word;
} run_words[] = {
    {RUN_QUEUED, "pending"}, {RUN_RUNNING, "in_progress"}, {RUN_WAITING, "in_progress"}, {RUN_PAUSED, "paused"},
    {RUN_SUCCEEDED, "success"}, {RUN_FAILED, "error"}, {RUN_CANCELLED, "cancelled"},
};

const char *
view_run_status(enum run_state state)
{
    for (size_t i = 0; i < ARRAY_LEN(run_words); i++)
        if (run_words[i].state == state)
            return run_words[i].word;
    return "error";
}

unsigned
view_run_states(struct str word)
{
    unsigned bits = 0;
    for (size_t i = 0; i < ARRAY_LEN(run_words); i++)
        if (str_eq_c(word, run_words[i].word))
            bits |= RUN_STATE_BIT(run_words[i].state);
    return bits;
}

/* The store keeps the core's word of the last finished run. */
static const char *
last_sync_word(struct str state_name)
{
    enum run_state state;
    return state_name.len && run_state_from_name(state_name, &state) ? view_run_status(state) : NULL;
}

static struct str
or_none(struct str text)
{
    return text.len ? text : STR_NONE;
}

/* After so many failures in a row an alert was raised; it stays until the connection works again (contract, section 1). */
static void
view_alert(struct json_writer *w, const struct connection *c)
{
    if (!c->alerted) {
        json_add_null(w, "alert");
        return;
    }
    json_begin_object(w, "alert");
    json_add_c(w, "code", "connection_failing");
    json_add_i64(w, "failures", c->failures);
    json_add_str(w, "message", or_none(c->error_message));
    json_add_time(w, "nextTestAt", c->reconnect_us);
    json_end_object(w);
}

void
view_connection(struct json_writer *w, const struct connection *c)
{
    json_add_str(w, "id", c->uuid);
    json_add_str(w, "name", c->name);
    json_add_str(w, "platform", c->template_name);
    json_add_str(w, "provider", c->template_name);
    json_add_bool(w, "enabled", c->enabled);
    json_add_c(w, "status", view_connection_status(c->status));
    json_add_time(w, "lastSyncAt", c->last_sync_us);
    json_add_c(w, "lastSyncStatus", last_sync_word(c->last_sync_status));
    json_add_i64(w, "syncedRecords", c->records);
    json_add_time(w, "lastTestedAt", c->last_tested_us);
    json_add_str(w, "errorCode", or_none(c->error_code));
    json_add_str(w, "errorMessage", or_none(c->error_message));
    view_alert(w, c);
    json_add_time(w, "nextSyncAt", c->next_run_us);
    json_add_time(w, "createdAt", c->created_us);
    json_add_time(w, "updatedAt", c->updated_us);
}

void
view_connection_detail(struct json_writer *w, const struct connection *c, yyjson_val *config)
{
    view_connection(w, c);
    json_add_val(w, "config", config);
    json_add_raw(w, "streams", c->streams);
    json_add_str(w, "direction", c->direction.len ? c->direction : STR("pull"));
    json_add_raw(w, "schedule", c->schedule);
    json_add_str(w, "match", or_none(c->match));
    json_add_str(w, "conflictPolicy", or_none(c->conflict_policy));
    json_add_raw(w, "rules", c->rules);
    json_add_str(w, "webhookTrust", or_none(c->webhook_trust));
    json_add_raw(w, "mapping", c->mapping);
    json_add_time(w, "nextFullSyncAt", c->next_full_us);
    json_add_time(w, "reconnectAt", c->reconnect_us);
    json_add_bool(w, "sandbox", c->sandbox);
}

static void
view_ends(struct json_writer *w, const struct ends *n)
{
    json_begin_object(w, NULL);
    json_add_c(w, "state", ends_state_name(n->state));
    json_add_str(w, "message", n->message);
    json_add_str(w, "api", n->api);
    json_add_str(w, "version", or_none(n->version));
    json_add_str(w, "successor", or_none(n->successor));
    json_add_str(w, "endsOn", n->date);
    json_add_i64(w, "daysLeft", n->days);
    json_add_val(w, "streams", n->streams);
    json_end_object(w);
}

/* The vendor no longer takes the credential, and a person can sign in there. */
static struct str
reconnect_url(struct request *r, const struct connection *c)
{
    struct err ignored = {0};
    struct str url = request_parts(r)->public_url;
    bool refused = str_eq_c(c->error_code, "AUTH_EXPIRED") || str_eq_c(c->error_code, "INVALID_CREDENTIALS");
    struct template *t = c->status == CONNECTION_ERROR && refused
                             ? registry_get(request_parts(r)->templates, c->template_name, &ignored) : NULL;
    bool known = t != NULL && template_has_oauth(t);
    template_unref(t);
    return known ? str_format(r->arena, "%.*s/api/v1/oauth/start?connectionId=%.*s", STR_ARG(url), STR_ARG(c->uuid)) : STR_NONE;
}

bool
view_notices(struct request *r, struct json_writer *w, const struct connection *c, struct err *err)
{
    struct ends *ends = NULL;
    size_t count = 0;
    if (!engine_connection_ends(request_parts(r)->engine, r->arena, c, &ends, &count, err))
        return false;
    json_begin_array(w, "notices");
    for (size_t i = 0; i < count; i++)
        view_ends(w, &ends[i]);
    json_end_array(w);
    return true;
}

struct waiting {
    const struct connection *connection;
    struct push_waiting push;
};

static bool
count_waiting(struct db *db, void *ctx, struct err *err)
{
    struct waiting *k = ctx;
    return store_push_count(db, k->connection->tenant, k->connection->id, store_now(db), &k->push, err);
}

/* What waits to be sent there. */
static bool
view_push(struct request *r, struct json_writer *w, const struct connection *c, struct err *err)
{
    struct waiting k = {.connection = c};
    bool pushes = connection_pushes(c);
    if (!pushes) {
        json_add_null(w, "push");
        return true;
    }
    if (!store_read(request_parts(r)->store, count_waiting, &k, err))
        return false;
    json_begin_object(w, "push");
    json_add_i64(w, "waiting", k.push.count);
    json_add_i64(w, "due", k.push.due);
    json_end_object(w);
    return true;
}

bool
view_connection_whole(struct request *r, struct json_writer *w, const struct connection *c, struct err *err)
{
    yyjson_val *config = engine_connection_config(request_parts(r)->engine, r->arena, c, err);
    if (!config)
        return false;
    json_begin_object(w, NULL);
    view_connection_detail(w, c, config);
    json_add_str(w, "reconnectUrl", reconnect_url(r, c));
    bool ok = view_push(r, w, c, err) && view_notices(r, w, c, err);
    json_end_object(w);
    return ok;
}

static void
view_run_counts(struct json_writer *w, const struct run *run)
{
    const struct page_counts *n = &run->counts;
    json_add_i64(w, "recordsSynced", n->created + n->updated + n->skipped);
    json_add_i64(w, "recordsCreated", n->created);
    json_add_i64(w, "recordsUpdated", n->updated);
    json_add_i64(w, "recordsSkipped", n->skipped);
    json_add_i64(w, "recordsDeleted", n->deleted);
    json_add_i64(w, "recordsErrors", n->errors);
    json_add_i64(w, "recordsReceived", n->received);
    json_add_i64(w, "recordsMissing", run->missing);
}

static void
view_run_time(struct json_writer *w, const struct run *run, int64_t now_us)
{
    char text[DURATION_TEXT_BYTES];
    int64_t end_us = run->finished_us ? run->finished_us : now_us;
    json_add_time(w, "startedAt", run->started_us);
    json_add_time(w, "completedAt", run->finished_us);
    json_add_c(w, "duration", run->started_us ? duration_format(end_us - run->started_us, text) : NULL);
}

void
view_run(struct json_writer *w, const struct run *run, int64_t now_us)
{
    json_add_str(w, "id", run->uuid);
    json_add_str(w, "connectionId", or_none(run->connection_uuid));
    json_add_c(w, "status", view_run_status(run->state));
    view_run_counts(w, run);
    view_run_time(w, run, now_us);
    json_add_i64(w, "pages", run->page_seq);
    json_add_bool(w, "fullSync", run->full);
    json_add_str(w, "entityType", or_none(run->entity));
    json_add_str(w, "direction", run->direction);
    json_add_str(w, "trigger", or_none(run->trigger));
    json_add_c(w, "verdict", run_verdict_name(run->verdict));
    json_add_str(w, "verdictReason", or_none(run->verdict_reason));
    json_add_str(w, "errorCode", or_none(run->error_code));
    json_add_str(w, "errorMessage", or_none(run->error_message));
    json_add_time(w, "createdAt", run->created_us);
}

struct search {
    struct request *request;
    struct str id;
    struct connection *connection;
    struct run *run;
    bool found;
};

static bool
search_connection(struct db *db, void *ctx, struct err *err)
{
    struct search *s = ctx;
    enum row row = store_connection_get(db, s->request->arena, s->request->tenant.id, s->id, s->connection, err);
    s->found = row == ROW_FOUND;
    return row != ROW_FAILED;
}

static bool
search_run(struct db *db, void *ctx, struct err *err)
{
    struct search *s = ctx;
    enum row row = store_run_get(db, s->request->arena, s->request->tenant.id, s->id, s->run, err);
    s->found = row == ROW_FOUND;
    return row != ROW_FAILED;
}

bool
find_connection(struct request *r, struct str id, struct connection *connection_out, struct err *err)
{
    struct search s = {.request = r, .id = id, .connection = connection_out};
    if (!store_read(request_parts(r)->store, search_connection, &s, err))
        return false;
    return s.found || err_set(err, E_CONNECTION_NOT_FOUND, NULL);
}

bool
find_run(struct request *r, struct str id, struct run *run_out, struct err *err)
{
    struct search s = {.request = r, .id = id, .run = run_out};
    if (uuid_is_valid(id) && !store_read(request_parts(r)->store, search_run, &s, err))
        return false;
    return s.found || err_set(err, E_RUN_NOT_FOUND, NULL);
}
