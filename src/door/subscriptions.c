/*
 * Subscriptions to events, and what became of each delivery (contract, sections 8 and 9).
 *
 * A secret is made by us, shown in the answer that made it and never again. A new one does not break a receiver:
 * for a day both sign.
 */
#include <arpa/inet.h>

#include "base/log.h"
#include "base/rng.h"
#include "door/audit_priv.h"
#include "door/door_priv.h"
#include "door/routes_priv.h"
#include "hook/event_view.h"
#include "hook/out.h"

#define LIMIT_OTHERWISE 20
#define SUBSCRIPTIONS_MAX 50     /* of one tenant */
#define URL_BYTES_MAX 2000

struct ask {
    struct request *request;
    struct subscription s;
    bool restart;                /* switched on again */
    const char *action;
    struct str uuid, delivery_uuid;
    struct delivery delivery;
    struct subscription *rows;
    struct delivery *deliveries;
    struct paging paging;
    struct str state;
    size_t count;
    int64_t total;
    bool found, done;
};

/* ---- reading what was sent ---- */

static bool
host_is_allowed(const struct address_policy *policy, struct arena *a, struct str host)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    if (host.len > 2 && host.ptr[0] == '[')
        host = str_slice(host, 1, host.len - 1);
    char *text = str_cstr(a, host);
    if (text && inet_pton(AF_INET, text, &v4.sin_addr) == 1)
        return address_is_allowed(policy, (const struct sockaddr *)&v4);
    if (text && inet_pton(AF_INET6, text, &v6.sin6_addr) == 1)
        return address_is_allowed(policy, (const struct sockaddr *)&v6);
    return text != NULL; /* a name: judged when it is connected to */
}

/* I-33: refused here where it can be seen, and at every connection anyway. */
static bool
read_url(struct request *r, struct str *url_out, struct err *err)
{
    struct http_url url;
    struct str text;
    const struct address_policy *policy = r->door->policy;
    if (!request_body_str(r, "url", URL_BYTES_MAX, &text, err))
        return false;
    if (!text.len)
        return true;
    if (!http_url_parse(text, &url) || url.has_userinfo || url.fragment.len)
        return request_fault(r, err, "/url", "must be an address such as https://example.com/hooks, without a password in it");
    if (policy && !policy->allow_http && str_eq_nocase(url.scheme, STR("http")))
        return request_fault(r, err, "/url", "must be https: plain http is switched off here");
    if (policy && !host_is_allowed(policy, r->arena, url.host))
        return request_fault(r, err, "/url", "may not be called: it lies in a private or reserved network");
    *url_out = text;
    return true;
}

static bool
read_types(struct request *r, struct str *types_out, struct err *err)
{
    yyjson_val *list, *item, *member = json_get_c(r->body, "types");
    size_t index, count;
    struct buf b;
    if (member && yyjson_is_null(member)) {
        *types_out = STR_NONE;
        return true;
    }
    if (!request_body_array(r, "types", &list, err))
        return false;
    if (!list)
        return true;
    buf_init(&b, EVENT_TYPES_BYTES_MAX);
    yyjson_arr_foreach(list, index, count, item) {
        if (!event_type_is_known(json_str(item))) {
            buf_release(&b);
            return request_fault(r, err, "/types", "knows run.succeeded, run.failed, connection.status_changed, records.changed, "
                                                   "conflict.opened and alert.raised");
        }
        if (index)
            buf_add_char(&b, ',');
        buf_add(&b, json_str(item));
    }
    bool ok = buf_ok(&b) && b.len > 0;
    *types_out = ok ? str_copy(r->arena, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    return ok || request_fault(r, err, "/types", "must name at least one type; leave it out for all");
}

static bool
read_fields(struct request *r, struct subscription *s, int *enabled_out, struct err *err)
{
    struct str name;
    if (!request_body_str(r, "name", LIMIT_NAME_BYTES, &name, err) || !read_url(r, &s->url, err) ||
        !read_types(r, &s->types, err) || !request_body_bool(r, "enabled", enabled_out, err))
        return false;
    if (name.ptr)
        s->name = name.len ? name : STR_NONE;
    return true;
}

/* ---- showing ---- */

static void
write_types(struct json_writer *w, struct str types)
{
    struct str one, rest = types;
    if (str_is_none(types)) {
        json_add_null(w, "types");
        return;
    }
    json_begin_array(w, "types");
    while (rest.len) {
        str_cut(rest, ',', &one, &rest);
        json_add_str(w, NULL, one);
    }
    json_end_array(w);
}

static void
write_subscription(struct json_writer *w, const struct subscription *s)
{
    json_add_str(w, "id", s->uuid);
    json_add_str(w, "name", s->name);
    json_add_str(w, "url", s->url);
    write_types(w, s->types);
    json_add_bool(w, "enabled", s->enabled);
    json_add_str(w, "disabledReason", s->disabled_reason);
    json_add_time(w, "failingSince", s->failing_since_us);
    json_add_time(w, "lastSuccessAt", s->last_success_us);
    json_add_time(w, "oldSecretUntil", s->secret_old.len ? s->secret_old_until_us : 0);
    json_add_time(w, "createdAt", s->created_us);
    json_add_time(w, "updatedAt", s->updated_us);
}

static bool
reply_subscription(struct request *r, int status, const struct subscription *s, struct str secret, struct err *err)
{
    struct json_writer *w = reply_object(r, status);
    write_subscription(w, s);
    if (secret.len)
        json_add_str(w, "secret", secret);
    return reply_object_end(r, err);
}

static bool
find(struct db *db, struct ask *ask, struct err *err)
{
    enum row row = store_subscription_get(db, ask->request->arena, ask->request->tenant.id, ask->uuid, &ask->s, err);
    return row == ROW_FOUND || (row == ROW_NONE && err_set(err, E_NOT_FOUND, NULL));
}

static bool
find_closure(struct db *db, void *ctx, struct err *err)
{
    return find(db, ctx, err);
}

static bool
load(struct request *r, struct ask *ask, struct err *err)
{
    *ask = (struct ask){.request = r, .uuid = request_path_param(r, 0)};
    if (!uuid_is_valid(ask->uuid))
        return err_set(err, E_NOT_FOUND, NULL);
    return store_read(request_parts(r)->store, find_closure, ask, err);
}

/* ---- subscriptions ---- */

static bool
read_list(struct db *db, void *ctx, struct err *err)
{
    struct ask *ask = ctx;
    struct request *r = ask->request;
    return store_subscription_list(db, r->arena, r->tenant.id, ask->paging.after, ask->paging.offset,
                                   (size_t)ask->paging.limit, &ask->rows, &ask->count, &ask->total, err);
}

bool
subscriptions_list(struct request *r, struct err *err)
{
    struct ask ask = {.request = r};
    if (!request_paging(r, LIMIT_OTHERWISE, &ask.paging, err) || !store_read(request_parts(r)->store, read_list, &ask, err))
        return false;
    struct json_writer *w = reply_begin(r, 200);
    json_begin_array(w, NULL);
    for (size_t i = 0; i < ask.count; i++) {
        json_begin_object(w, NULL);
        write_subscription(w, &ask.rows[i]);
        json_end_object(w);
    }
    json_end_array(w);
    bool full = ask.count == (size_t)ask.paging.limit;
    return reply_end_list(r, &ask.paging, ask.total, full ? list_cursor_text(r->arena, ask.rows[ask.count - 1].id) : STR_NONE, err);
}

static bool
create(struct db *db, void *ctx, struct err *err)
{
    struct ask *ask = ctx;
    struct request *r = ask->request;
    struct subscription *rows;
    size_t count;
    int64_t total;
    if (!store_subscription_list(db, r->arena, r->tenant.id, 0, 0, 1, &rows, &count, &total, err))
        return false;
    if (total >= SUBSCRIPTIONS_MAX)
        return err_set(err, E_LIMIT, "A tenant may have %d subscriptions: delete one first", SUBSCRIPTIONS_MAX);
    return store_subscription_create(db, r->arena, &ask->s, store_now(db), err) &&
           audit_add(db, r, r->tenant.id, "webhook_subscription.create", ask->s.uuid, err);
}

static bool
make_secret(struct request *r, struct str subscription_uuid, struct str *secret_out, struct str *sealed_out, struct err *err)
{
    struct seal_place place = out_secret_place(&r->tenant, subscription_uuid);
    return out_secret_new(r->arena, secret_out, err) &&
           keyring_seal(r->door->keys, r->tenant.id, &place, *secret_out, r->arena, sealed_out, err);
}

bool
subscriptions_create(struct request *r, struct err *err)
{
    char uuid[UUID_TEXT_BYTES];
    int enabled = -1;
    struct str secret;
    struct ask ask = {.request = r, .s = {.tenant = r->tenant.id, .created_by = r->who.subject}};
    if (!read_fields(r, &ask.s, &enabled, err))
        return false;
    if (!ask.s.url.len)
        return request_fault(r, err, "/url", "is required: where events are sent");
    ask.s.enabled = enabled != 0;
    ask.s.uuid = str_copy(r->arena, str_from_c(uuid_v7_now(uuid)));
    return make_secret(r, ask.s.uuid, &secret, &ask.s.secret, err) &&
           store_write(request_parts(r)->store, create, &ask, err) && reply_subscription(r, 201, &ask.s, secret, err);
}

bool
subscriptions_get(struct request *r, struct err *err)
{
    struct ask ask;
    return load(r, &ask, err) && reply_subscription(r, 200, &ask.s, STR_NONE, err);
}

/*
 * What was sent over what it is now: looked at before, it may have been changed since, or switched off because nothing could be
 * delivered.
 */
static bool
lay_over(struct db *db, struct ask *ask, struct err *err)
{
    int enabled = -1;
    if (!store_subscription_lock(db, ask->request->tenant.id, ask->uuid, err) || !find(db, ask, err) ||
        !read_fields(ask->request, &ask->s, &enabled, err))
        return false;
    ask->restart = enabled == 1 && !ask->s.enabled;
    if (enabled >= 0)
        ask->s.enabled = enabled == 1;
    if (ask->s.enabled)
        ask->s.disabled_reason = STR_NONE;
    return true;
}

static bool
change(struct db *db, void *ctx, struct err *err)
{
    struct ask *ask = ctx;
    struct request *r = ask->request;
    return lay_over(db, ask, err) && store_subscription_update(db, &ask->s, ask->restart, store_now(db), err) &&
           audit_add(db, r, r->tenant.id, "webhook_subscription.change", ask->s.uuid, err) && find(db, ask, err);
}

bool
subscriptions_change(struct request *r, struct err *err)
{
    struct ask ask;
    int enabled = -1;
    if (!load(r, &ask, err) || !read_fields(r, &ask.s, &enabled, err)) /* what is wrong with it is said before anybody waits */
        return false;
    return store_write(request_parts(r)->store, change, &ask, err) && reply_subscription(r, 200, &ask.s, STR_NONE, err);
}

static bool
delete_batch(struct db *db, void *ctx, struct err *err)
{
    struct ask *ask = ctx;
    struct request *r = ask->request;
    return store_subscription_delete(db, r->tenant.id, ask->s.id, &ask->done, err) &&
           (!ask->done || audit_add(db, r, r->tenant.id, "webhook_subscription.delete", ask->s.uuid, err));
}

bool
subscriptions_delete(struct request *r, struct err *err)
{
    struct ask ask;
    if (!load(r, &ask, err))
        return false;
    do
        if (!store_write(request_parts(r)->store, delete_batch, &ask, err))
            return false;
    while (!ask.done);
    return reply_empty(r, 204);
}

static bool
change_secret(struct db *db, void *ctx, struct err *err)
{
    struct ask *ask = ctx;
    struct request *r = ask->request;
    struct str fresh = ask->s.secret;
    /* The one that is put away must be the one that the last caller was told. */
    if (!store_subscription_lock(db, r->tenant.id, ask->uuid, err) || !find(db, ask, err))
        return false;
    int64_t now_us = store_now(db);
    ask->s.secret_old = ask->s.secret;
    ask->s.secret_old_until_us = now_us + OUT_SECRET_OVERLAP_US;
    ask->s.secret = fresh;
    return store_subscription_secret(db, &ask->s, now_us, err) &&
           audit_add(db, r, r->tenant.id, "webhook_subscription.secret", ask->s.uuid, err);
}

bool
subscriptions_secret(struct request *r, struct err *err)
{
    struct ask ask;
    struct str secret;
    return load(r, &ask, err) && make_secret(r, ask.s.uuid, &secret, &ask.s.secret, err) &&
           store_write(request_parts(r)->store, change_secret, &ask, err) && reply_subscription(r, 200, &ask.s, secret, err);
}

/* ---- deliveries ---- */

static void
write_delivery(struct json_writer *w, const struct delivery *d)
{
    json_add_str(w, "id", d->uuid);
    json_add_str(w, "type", d->type);
    json_add_str(w, "state", d->state);
    json_add_i64(w, "attempts", d->attempts);
    json_add_i64(w, "replays", d->replays);
    json_add_time(w, "eventAt", d->created_us);
    json_add_time(w, "firstAttemptAt", d->first_us);
    json_add_time(w, "lastAttemptAt", d->last_us);
    json_add_time(w, "nextAttemptAt", d->next_us);
    if (d->last_status)
        json_add_i64(w, "status", d->last_status);
    else
        json_add_null(w, "status");
    json_add_str(w, "error", d->last_error);
    json_add_str(w, "response", d->last_response);
    if (d->last_us)
        json_add_i64(w, "durationMs", d->duration_ms);
    else
        json_add_null(w, "durationMs");
}

static bool
read_deliveries(struct db *db, void *ctx, struct err *err)
{
    struct ask *ask = ctx;
    struct request *r = ask->request;
    return store_delivery_list(db, r->arena, r->tenant.id, ask->s.id, ask->state, ask->paging.after, ask->paging.offset,
                               (size_t)ask->paging.limit, LIMIT_COUNT_EXACT + 1, &ask->deliveries, &ask->count, &ask->total, err);
}

bool
deliveries_list(struct request *r, struct err *err)
{
    struct ask ask;
    static const char *const states[] = {"pending", "delivered", "failed", NULL};
    struct str state;
    if (!request_query_word(r, "state", states, &state, err))
        return false;
    if (!load(r, &ask, err) || !request_paging(r, LIMIT_OTHERWISE, &ask.paging, err))
        return false;
    ask.state = state;
    if (!store_read(request_parts(r)->store, read_deliveries, &ask, err))
        return false;
    struct json_writer *w = reply_begin(r, 200);
    json_begin_array(w, NULL);
    for (size_t i = 0; i < ask.count; i++) {
        json_begin_object(w, NULL);
        write_delivery(w, &ask.deliveries[i]);
        json_end_object(w);
    }
    json_end_array(w);
    bool full = ask.count == (size_t)ask.paging.limit;
    return reply_end_counted_list(r, &ask.paging, ask.total,
                                  full ? list_cursor_text(r->arena, ask.deliveries[ask.count - 1].id) : STR_NONE, err);
}

static bool
find_delivery(struct db *db, void *ctx, struct err *err)
{
    struct ask *ask = ctx;
    struct request *r = ask->request;
    if (!find(db, ask, err))
        return false;
    enum row row = store_delivery_get(db, r->arena, r->tenant.id, ask->s.id, ask->delivery_uuid, &ask->delivery, err);
    return row == ROW_FOUND || (row == ROW_NONE && err_set(err, E_NOT_FOUND, NULL));
}

static bool
replay(struct db *db, void *ctx, struct err *err)
{
    struct ask *ask = ctx;
    return find_delivery(db, ctx, err) && store_delivery_replay(db, &ask->delivery, store_now(db), err) &&
           find_delivery(db, ctx, err);
}

static bool
reply_delivery(struct request *r, const struct delivery *d, struct err *err)
{
    write_delivery(reply_object(r, 200), d);
    return reply_object_end(r, err);
}

bool
deliveries_get(struct request *r, struct err *err)
{
    struct ask ask = {.request = r, .uuid = request_path_param(r, 0), .delivery_uuid = request_path_param(r, 1)};
    return store_read(request_parts(r)->store, find_delivery, &ask, err) && reply_delivery(r, &ask.delivery, err);
}

bool
deliveries_replay(struct request *r, struct err *err)
{
    struct ask ask = {.request = r, .uuid = request_path_param(r, 0), .delivery_uuid = request_path_param(r, 1)};
    return store_write(request_parts(r)->store, replay, &ask, err) && reply_delivery(r, &ask.delivery, err);
}

bool
deliveries_replay_again(struct request *r, struct str uuid, struct err *err)
{
    (void)uuid; /* the path's */
    return deliveries_get(r, err);
}
