/*
 * What a person does to an integration (002, chapters 3, 9, 10): test, activate, disconnect, sync.
 *
 * A test is always answered with 200: that the vendor refused is its result, not its failure.
 */
#include "door/integrations_view_priv.h"
#include "door/routes_priv.h"
#include "engine/operation.h"

struct step {
    struct request *request;
    struct connection connection;
};

/* The vendor's name in a sentence: "Acme", where the template is shown as "Acme CRM". */
static struct str
vendor_name(const struct template_info *info)
{
    struct str name = json_str(json_get_c(info->tidemark, "vendor_name"));
    return name.len ? name : info->display_name;
}

/* Our own words in front of the vendor's give way to the document's. */
static struct str
vendor_words(const char *message)
{
    static const char *const ours[] = {"Connection test failed: ", "The vendor could not be reached: "};
    struct str words = str_from_c(message), status, rest;
    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        if (str_starts(words, str_from_c(ours[i])))
            words = str_skip(words, strlen(ours[i]));
    /* "The vendor refused stream contacts with status 401: Invalid token": what follows is the vendor's. */
    ptrdiff_t at = str_starts(words, STR("The vendor refused ")) ? str_find_str(words, STR(" with status ")) : -1;
    if (at >= 0 && str_cut(str_skip(words, (size_t)at + strlen(" with status ")), ':', &status, &rest) && rest.len > 1)
        words = str_trim(rest);
    return words;
}

/* Is it the answer to the question, or did the question fail? */
static bool
is_result(enum err_code code)
{
    switch ((int)code) {
    case E_INVALID_CREDENTIALS:
    case E_VENDOR_UNAVAILABLE:
    case E_VENDOR_REFUSED:
    case E_VENDOR_RATE_LIMITED:
    case E_AUTH_EXPIRED:
    case E_ADDRESS_REFUSED:
    case E_PLATFORM_NOT_SUPPORTED:
    case E_TEMPLATE_REFUSED: return true;
    default: return false;
    }
}

static bool
reply_failure(struct request *r, const struct err *why, struct err *err)
{
    struct json_writer *w = reply_bare(r, 200);
    struct str words = vendor_words(why->message);
    json_add_bool(w, "success", false);
    if (why->code == E_TEMPLATE_REFUSED)
        json_add_str(w, "message", words);
    else
        json_add_str(w, "message", str_format(r->arena, "Connection failed: %.*s", STR_ARG(words)));
    return reply_end(r, err);
}

/* The first list in what an action gave, counted; -1 when there is none. */
static int64_t
count_of(yyjson_val *result)
{
    size_t index, max;
    yyjson_val *key, *value;
    if (yyjson_is_arr(result))
        return (int64_t)yyjson_arr_size(result);
    if (!yyjson_is_obj(result))
        return -1;
    yyjson_obj_foreach(result, index, max, key, value) {
        if (yyjson_is_arr(value))
            return (int64_t)yyjson_arr_size(value);
    }
    return -1;
}

/* What the template says a test shows besides: {locationsCount: {action: search-locations}}. Failing is no failure. */
static void
write_test_data(struct request *r, const struct connection *c, const struct template_info *info)
{
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_val *shown = json_get_c(info->tidemark, "test_data");
    if (!yyjson_is_obj(shown))
        return;
    yyjson_obj_foreach(shown, index, max, key, value) {
        struct err ignored = {0};
        yyjson_val *result = NULL;
        struct operation_call call = {.tenant = c->tenant, .connection = c->uuid, .section = STR("actions"),
                                      .name = json_str(json_get_c(value, "action"))};
        if (!engine_operation(request_parts(r)->engine, r->arena, &call, &result, &ignored) || count_of(result) < 0)
            continue;
        json_add_key(&r->w, json_str(key));
        json_add_i64(&r->w, NULL, count_of(result));
    }
}

static bool
reply_success(struct request *r, const struct connection *c, struct err *err)
{
    struct template *t = registry_get(request_parts(r)->templates, c->template_name, err);
    yyjson_val *config = t ? engine_connection_config(request_parts(r)->engine, r->arena, c, err) : NULL;
    if (config) {
        const struct template_info *info = template_info(t);
        struct str version = json_str(json_get_c(config, "apiVersion"));
        struct json_writer *w = reply_bare(r, 200);
        json_add_bool(w, "success", true);
        json_add_str(w, "message", str_format(r->arena, "Successfully connected to %.*s", STR_ARG(vendor_name(info))));
        json_begin_object(w, "data");
        if (version.len || info->api_version.len)
            json_add_str(w, "apiVersion", version.len ? version : info->api_version);
        write_test_data(r, c, info);
        json_end_object(w);
    }
    template_unref(t);
    return config && reply_end(r, err);
}

/* The first test that succeeds switches on what was never switched off (chapter 3). */
static bool
switch_on(struct request *r, struct connection *c, struct err *err)
{
    struct connection_change change = {.enabled = 1};
    if (c->enabled || c->status == CONNECTION_DISCONNECTED)
        return true;
    return engine_connection_change(request_parts(r)->engine, r->arena, c->tenant, c->uuid, &change, false, c, err);
}

bool
integrations_test(struct request *r, struct err *err)
{
    struct connection c;
    struct err why = {0};
    if (!find_integration(r, &c, err) || !request_may_try(r, c.uuid, err))
        return false;
    if (engine_connection_test(request_parts(r)->engine, r->arena, c.tenant, c.uuid, &c, &why))
        return switch_on(r, &c, err) && reply_success(r, &c, err);
    if (!is_result(why.code))
        return err_set(err, why.code, "%s", why.message);
    return reply_failure(r, &why, err);
}

static bool
write_active(struct db *db, void *ctx, struct err *err)
{
    struct step *s = ctx;
    struct connection_result result = {.status = CONNECTION_ACTIVE};
    struct connection *c = &s->connection;
    return store_connection_result(db, c->tenant, c->id, &result, store_now(db), err) &&
           store_connection_get_by_id(db, s->request->arena, c->tenant, c->id, c, err) == ROW_FOUND;
}

/* Switched on, then tested: its status says what the vendor said. Where there is no test a person's word is taken. */
bool
integrations_activate(struct request *r, struct err *err)
{
    struct step s = {.request = r};
    struct connection_change change = {.enabled = 1};
    struct engine *engine = request_parts(r)->engine;
    struct err why = {0};
    struct connection *c = &s.connection;
    if (!find_integration(r, c, err) ||
        !engine_connection_change(engine, r->arena, c->tenant, c->uuid, &change, false, c, err))
        return false;
    if (!engine_connection_test(engine, r->arena, c->tenant, c->uuid, c, &why)) {
        if (!is_result(why.code))
            return err_set(err, why.code, "%s", why.message);
        if (why.code == E_TEMPLATE_REFUSED && !store_write(request_parts(r)->store, write_active, &s, err))
            return false;
    }
    return integration_audit(r, "integration.activate", c, err) && integration_reply(r, 200, c, err);
}

static bool
write_disconnected(struct db *db, void *ctx, struct err *err)
{
    struct step *s = ctx;
    struct connection *c = &s->connection;
    return store_connection_disconnect(db, c->tenant, c->id, store_now(db), err) &&
           store_connection_get_by_id(db, s->request->arena, c->tenant, c->id, c, err) == ROW_FOUND;
}

bool
integrations_disconnect(struct request *r, struct err *err)
{
    struct step s = {.request = r};
    if (!find_integration(r, &s.connection, err))
        return false;
    inbox_unregister(request_parts(r)->inbox, r->arena, s.connection.tenant, s.connection.uuid);
    if (!store_write(request_parts(r)->store, write_disconnected, &s, err))
        return false;
    return integration_audit(r, "integration.disconnect", &s.connection, err) && integration_reply(r, 200, &s.connection, err);
}

bool
integrations_sync_again(struct request *r, struct str run_uuid, struct err *err)
{
    struct json_writer *w = reply_bare(r, 200);
    json_add_bool(w, "success", true);
    json_add_c(w, "message", "Sync job started");
    json_add_str(w, "runId", run_uuid);
    json_add_c(w, "status", "in_progress");
    return reply_end(r, err);
}

bool
integrations_sync(struct request *r, struct err *err)
{
    struct connection c;
    struct run run;
    int full;
    if (!request_body_bool(r, "fullSync", &full, err) || !find_integration(r, &c, err))
        return false;
    struct run_request ask = {.connection = c.uuid, .full = full == 1, .trigger = STR("manual")};
    return engine_run_start(request_parts(r)->engine, r->arena, c.tenant, &ask, &run, err) &&
           integrations_sync_again(r, run.uuid, err);
}
