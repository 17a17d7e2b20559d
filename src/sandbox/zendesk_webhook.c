/*
 * Zendesk's webhooks: registered by the API, and told of each change that they subscribed to.
 *
 * The body names the object and what happened, its ids as text; the signature is over the time and the body. Source: the
 * vendor's pages on webhook event types and on verifying; a member of the answer, signing_secret, holds the key.
 */
#include "base/encode.h"
#include "base/limits.h"
#include "crypt/digest.h"
#include "sandbox/core.h"
#include "sandbox/courier.h"
#include "sandbox/zendesk_priv.h"

#define BODY_BYTES_MAX (64 * 1024)

static yyjson_val *
webhook_of(const struct object *o, struct arena *a)
{
    struct err err = {0};
    return o->deleted ? NULL : json_parse(a, (struct str){o->written, o->written_bytes}, JSON_PLAIN, LIMIT_JSON_DEPTH_API, &err);
}

static struct str
secret_of(const struct world *world, const struct object *o, struct arena *a)
{
    char text[PEOPLE_UUID_BYTES];
    return str_copy(a, str_from_c(people_uuid(world->seed ^ 77, (uint64_t)o->id, text)));
}

static void
write_members(struct sandbox_request *r, struct json_writer *w, const struct object *o)
{
    yyjson_val *written = webhook_of(o, r->arena);
    json_add_str(w, "id", str_format(r->arena, "01SIM%lld", (long long)o->id));
    json_add_val(w, "name", json_get_c(written, "name"));
    json_add_val(w, "endpoint", json_get_c(written, "endpoint"));
    json_add_val(w, "subscriptions", json_get_c(written, "subscriptions"));
    json_add_c(w, "status", "active");
}

/* The list shows no secret. */
static void
list(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct json_writer w;
    struct collection *c = zendesk_of(r->world).webhooks;
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_begin_array(&w, "webhooks");
    for (uint32_t i = 0; i < c->count; i++) {
        if (world_object(c, i)->deleted)
            continue;
        json_begin_object(&w, NULL);
        write_members(r, &w, world_object(c, i));
        json_end_object(&w);
    }
    json_end_array(&w);
    json_begin_object(&w, "meta");
    json_add_bool(&w, "has_more", false);
    json_end_object(&w);
    json_end_object(&w);
}

static void
show(struct sandbox_request *r, struct sandbox_reply *reply, int status, const struct object *o)
{
    struct json_writer w;
    reply_json(reply, status);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_begin_object(&w, "webhook");
    write_members(r, &w, o);
    json_begin_object(&w, "signing_secret");
    json_add_c(&w, "algorithm", "SHA256");
    json_add_str(&w, "secret", secret_of(r->world, o, r->arena));
    json_end_object(&w);
    json_end_object(&w);
    json_end_object(&w);
}

static void
create(struct sandbox_request *r, struct sandbox_reply *reply)
{
    yyjson_val *body = zendesk_body(r, reply), *members = json_get_c(body, "webhook");
    struct collection *c = zendesk_of(r->world).webhooks;
    if (body == NULL)
        return;
    if (json_str(json_get_c(members, "endpoint")).len == 0 || json_str(json_get_c(members, "name")).len == 0)
        return zendesk_error(reply, 400, "InvalidWebhook", "A webhook needs a name and an endpoint");
    uint32_t index = world_add_written(r->world, c, clock_wall_us(r->world->clock), OBJECT_NONE, json_to_text(r->arena, members));
    if (index == OBJECT_NONE)
        return zendesk_error(reply, 500, "InternalError", "out of memory");
    show(r, reply, 201, world_object(c, index));
}

void
zendesk_webhooks(struct sandbox_request *r, struct sandbox_reply *reply)
{
    int64_t id;
    struct collection *c = zendesk_of(r->world).webhooks;
    struct str text = r->segment_count > 3 ? r->segments[3] : STR("");
    if (text.len == 0 && request_is(r, "POST"))
        return create(r, reply);
    if (text.len == 0)
        return request_is(r, "GET") ? list(r, reply) : zendesk_error(reply, 404, "InvalidEndpoint", "Not found");
    uint32_t index = str_starts(text, STR("01SIM")) && str_to_i64(str_skip(text, 5), 1, INT64_MAX, &id) ? world_find(c, id) : OBJECT_NONE;
    if (index == OBJECT_NONE)
        return zendesk_error(reply, 404, "RecordNotFound", "Not found");
    if (request_is(r, "GET"))
        return show(r, reply, 200, world_object(c, index));
    world_remove(r->world, c, index);
    reply_text(reply, 204, NULL, STR(""));
}

/* ---- telling */

static struct str
event_of(struct world *world, const struct change *change, struct arena *a)
{
    static const char *const happened[3][3] = {
        {"created", "details_changed", "deleted"}, {"created", "name_changed", "deleted"}, {"created", "status_changed", "soft_deleted"}};
    static const char *const kinds[] = {"user", "organization", "ticket"};
    size_t kind = (size_t)(change->collection - world->collections);
    return kind < ARRAY_LEN(kinds) ? str_format(a, "%s.%s", kinds[kind], happened[kind][change->kind]) : STR_NONE;
}

static struct str
body_of(struct world *world, const struct change *change, struct str event, struct arena *a)
{
    struct buf b;
    struct json_writer w;
    char delivery[PEOPLE_UUID_BYTES];
    struct str kind, rest;
    str_cut(event, '.', &kind, &rest);
    buf_init(&b, BODY_BYTES_MAX);
    json_writer_init(&w, &b);
    json_begin_object(&w, NULL);
    json_add_i64(&w, "account_id", world->account);
    json_begin_object(&w, "detail");
    json_add_str(&w, "id", str_format(a, "%lld", (long long)change->object_id));
    json_end_object(&w);
    json_begin_object(&w, "event");
    json_end_object(&w);
    json_add_c(&w, "id", people_uuid(world->seed, (uint64_t)change->seq, delivery));
    json_add_str(&w, "subject", str_format(a, "zen:%.*s:%lld", STR_ARG(kind), (long long)change->object_id));
    json_add_time(&w, "time", change->at_us);
    json_add_str(&w, "type", str_format(a, "zen:event-type:%.*s", STR_ARG(event)));
    json_add_c(&w, "zendesk_event_version", "2022-11-06");
    json_end_object(&w);
    struct str body = str_copy(a, buf_str(&b));
    buf_release(&b);
    return body;
}

static bool
subscribes(yyjson_val *webhook, struct str event)
{
    size_t index, max;
    yyjson_val *item;
    yyjson_arr_foreach(json_get_c(webhook, "subscriptions"), index, max, item) {
        if (str_starts(json_str(item), STR("zen:event-type:")) && str_eq(str_skip(json_str(item), 15), event))
            return true;
    }
    return false;
}

static void
tell(struct sandbox_core *core, struct str url, struct str secret, struct str body, struct str time, struct arena *a)
{
    struct digest digest;
    struct err err = {0};
    struct buf b;
    buf_init(&b, BODY_BYTES_MAX);
    if (digest_hmac(DIGEST_SHA256, secret, str_join2(a, time, body), &digest, &err))
        base64_encode(&b, digest_bytes(&digest), BASE64_STANDARD);
    struct http_header headers[] = {
        {STR("Content-Type"), STR("application/json")},
        {STR("X-Zendesk-Webhook-Signature-Timestamp"), time},
        {STR("X-Zendesk-Webhook-Signature"), str_copy(a, buf_str(&b))},
    };
    struct http_headers list = {headers, ARRAY_LEN(headers)};
    buf_release(&b);
    courier_send(core->courier, url, &list, body);
}

void
zendesk_announce(struct sandbox_core *core, struct world *world, const struct change *change, struct arena *a)
{
    char text[TIME_TEXT_BYTES];
    struct collection *webhooks = zendesk_of(world).webhooks;
    struct str event = event_of(world, change, a);
    struct str time = str_format(a, "%.19sZ", time_format_ms(clock_wall_us(world->clock), text));
    for (uint32_t i = 0; event.len && i < webhooks->count; i++) {
        const struct object *o = world_object(webhooks, i);
        yyjson_val *webhook = webhook_of(o, a);
        if (webhook != NULL && subscribes(webhook, event))
            tell(core, json_str(json_get_c(webhook, "endpoint")), secret_of(world, o, a), body_of(world, change, event, a), time, a);
    }
}
