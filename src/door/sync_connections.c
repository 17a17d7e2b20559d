/*
 * Connections in doors 000 and 003. Both documents' bodies are one request after normalising: `credentials`
 * and `config` are one object, `platform` and `provider` one word, `apiKey` the template's primary secret.
 */
#include "door/routes_priv.h"
#include "door/views_priv.h"

#define LIMIT_OTHERWISE 10
#define SECRET_BYTES_MAX (64 * 1024)
#define WEBHOOK_SECRET_BYTES_MAX 1024

struct page_of {
    struct request *request;
    struct connection_filter filter;
    struct connection *rows;
    size_t count;
    int64_t total;
};

static bool
read_page(struct db *db, void *ctx, struct err *err)
{
    struct page_of *p = ctx;
    return store_connection_list(db, p->request->arena, p->request->tenant.id, &p->filter, &p->rows, &p->count,
                                 &p->total, err);
}

bool
connections_list(struct request *r, struct err *err)
{
    struct paging paging;
    struct page_of p = {.request = r, .filter = CONNECTION_FILTER_ALL};
    if (!request_paging(r, LIMIT_OTHERWISE, &paging, err) ||
        !request_query_bool(r, "enabled", &p.filter.enabled, err))
        return false;
    struct str platform = request_query(r, "platform");
    p.filter.template_name = str_is_none(platform) ? request_query(r, "provider") : platform;
    p.filter.before = paging.after;
    p.filter.offset = paging.offset;
    p.filter.limit = (size_t)paging.limit;
    if (!store_read(request_parts(r)->store, read_page, &p, err))
        return false;
    struct json_writer *w = reply_begin(r, 200);
    json_begin_array(w, NULL);
    for (size_t i = 0; i < p.count; i++) {
        json_begin_object(w, NULL);
        view_connection(w, &p.rows[i]);
        json_end_object(w);
    }
    json_end_array(w);
    bool more = p.count == (size_t)paging.limit;
    struct str next = more ? list_cursor_text(r->arena, p.rows[p.count - 1].id) : STR_NONE;
    return reply_end_list(r, &paging, p.total, next, err);
}

/* Copies the members of an object into another; the later one wins. */
static void
merge_members(yyjson_mut_doc *doc, yyjson_mut_val *into, yyjson_val *from)
{
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(from, index, max, key, value) {
        yyjson_mut_obj_put(into, yyjson_val_mut_copy(doc, key), yyjson_val_mut_copy(doc, value));
    }
}

/* `config` and `credentials` as one object; NULL when neither was sent. */
static bool
read_config(struct request *r, struct connection_change *change, struct err *err)
{
    yyjson_val *config, *credentials;
    if (!request_body_object(r, "config", &config, err) || !request_body_object(r, "credentials", &credentials, err))
        return false;
    change->pointer_prefix = credentials ? STR("/credentials") : STR("/config");
    change->config = credentials ? credentials : config;
    if (!config || !credentials)
        return true;
    yyjson_mut_doc *doc = json_mut_doc(r->arena);
    yyjson_mut_val *merged = doc ? yyjson_mut_obj(doc) : NULL;
    if (!merged)
        return err_no_memory(err);
    merge_members(doc, merged, config);
    merge_members(doc, merged, credentials);
    change->config = json_freeze(r->arena, merged);
    return change->config || err_no_memory(err);
}

/* The engine checks what the words mean; here only that they are words, lists and objects. */
static bool
read_words(struct request *r, struct connection_change *change, struct err *err)
{
    return request_body_str(r, "name", LIMIT_NAME_BYTES, &change->name, err) &&
           request_body_str(r, "apiKey", SECRET_BYTES_MAX, &change->api_key, err) &&
           request_body_bool(r, "enabled", &change->enabled, err) &&
           request_body_removable(r, "direction", LIMIT_NAME_BYTES, &change->direction, err) &&
           request_body_removable(r, "match", LIMIT_NAME_BYTES, &change->match, err) &&
           request_body_removable(r, "conflictPolicy", LIMIT_NAME_BYTES, &change->conflict_policy, err) &&
           request_body_removable(r, "webhookTrust", LIMIT_NAME_BYTES, &change->webhook_trust, err) &&
           request_body_removable(r, "webhookSecret", WEBHOOK_SECRET_BYTES_MAX, &change->webhook_secret, err);
}

/* The engine takes away what null names. */
static bool
read_change(struct request *r, struct connection_change *change, struct err *err)
{
    *change = (struct connection_change){.enabled = -1, .created_by = r->who.subject};
    if (!read_words(r, change, err) || !read_config(r, change, err) || !request_body_array(r, "streams", &change->streams, err))
        return false;
    if (yyjson_is_null(json_get_c(r->body, "streams")))
        change->streams = json_get_c(r->body, "streams");
    return request_body_removable_object(r, "schedule", &change->schedule, err) &&
           request_body_removable_object(r, "rules", &change->rules, err) &&
           request_body_removable_object(r, "mapping", &change->mapping, err);
}

static bool
read_provider(struct request *r, struct str *provider_out, struct err *err)
{
    struct str platform, provider;
    if (!request_body_str(r, "platform", LIMIT_NAME_BYTES, &platform, err) ||
        !request_body_str(r, "provider", LIMIT_NAME_BYTES, &provider, err))
        return false;
    if (platform.len && provider.len && !str_eq(platform, provider))
        return request_fault(r, err, "/provider", "is another platform than \"platform\": send one of the two");
    *provider_out = platform.len ? platform : provider;
    return provider_out->len || request_fault(r, err, "/platform", "is required: the name of a template, e.g. chatwoot");
}

static bool
tell_platform(const struct request *r, struct err *err)
{
    if (err->code == E_PLATFORM_NOT_SUPPORTED && err->item_count == 0)
        err_add_item(err, json_get_c(r->body, "platform") ? STR("/platform") : STR("/provider"), "%s", err->message);
    return false;
}

bool
connections_create(struct request *r, struct err *err)
{
    struct connection_change change;
    struct connection connection;
    int test;
    if (!read_change(r, &change, err) || !read_provider(r, &change.provider, err) ||
        !request_query_bool(r, "test", &test, err))
        return false;
    if (!engine_connection_create(request_parts(r)->engine, r->arena, r->tenant.id, &change, test != 0, &connection, err))
        return tell_platform(r, err);
    struct json_writer *w = reply_begin(r, 201);
    return view_connection_whole(r, w, &connection, err) && reply_end(r, err);
}

bool
connections_create_again(struct request *r, struct str uuid, struct err *err)
{
    struct connection connection;
    if (!find_connection(r, uuid, &connection, err))
        return false;
    struct json_writer *w = reply_begin(r, 201);
    return view_connection_whole(r, w, &connection, err) && reply_end(r, err);
}

bool
connections_get(struct request *r, struct err *err)
{
    struct connection connection;
    if (!find_connection(r, request_path_param(r, 0), &connection, err))
        return false;
    struct json_writer *w = reply_begin(r, 200);
    return view_connection_whole(r, w, &connection, err) && reply_end(r, err);
}

bool
connections_change(struct request *r, struct err *err)
{
    struct connection_change change;
    struct connection connection;
    int test;
    if (!read_change(r, &change, err) || !request_query_bool(r, "test", &test, err))
        return false;
    if (!engine_connection_change(request_parts(r)->engine, r->arena, r->tenant.id, request_path_param(r, 0), &change,
                                  test != 0, &connection, err))
        return false;
    struct json_writer *w = reply_begin(r, 200);
    return view_connection_whole(r, w, &connection, err) && reply_end(r, err);
}

bool
connections_delete(struct request *r, struct err *err)
{
    int purge;
    if (!request_query_bool(r, "purge", &purge, err))
        return false;
    inbox_unregister(request_parts(r)->inbox, r->arena, r->tenant.id, request_path_param(r, 0));
    if (!engine_connection_delete(request_parts(r)->engine, r->tenant.id, request_path_param(r, 0), purge == 1, err))
        return false;
    return reply_empty(r, 204);
}

bool
connections_test(struct request *r, struct err *err)
{
    struct connection connection;
    if (!find_connection(r, request_path_param(r, 0), &connection, err) || !request_may_try(r, connection.uuid, err) ||
        !engine_connection_test(request_parts(r)->engine, r->arena, r->tenant.id, connection.uuid, &connection, err))
        return false;
    struct json_writer *w = reply_object(r, 200);
    json_add_str(w, "id", connection.uuid);
    json_add_c(w, "status", view_connection_status(connection.status));
    json_add_c(w, "message", "Connection test succeeded");
    json_add_time(w, "lastTestedAt", connection.last_tested_us);
    return reply_object_end(r, err);
}
