/*
 * HubSpot's webhooks: a delivery as the vendor would send it, a list of one event, signed the way of 2026 (v3) and the old
 * one (v1) that subscriptions still announce.
 *
 * Nothing is sent from here: a test takes body and headers and sends them itself, altered if it likes. The key is the app's
 * client secret, ?secret=; the address that will be called is part of what is signed, ?url=.
 */
#include "base/encode.h"
#include "crypt/digest.h"
#include "sandbox/core.h"
#include "sandbox/hubspot_priv.h"

#define SECRET_DEFAULT "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
#define TEXT_BYTES_MAX (1024 * 1024)

static void
add_id(struct json_writer *w, const char *key, struct str text)
{
    json_add_raw(w, key, text.len ? text : STR("0"));
}

static void
add_merge(struct sandbox_request *r, struct json_writer *w, struct str id)
{
    struct str loser = request_param(r, "merged");
    add_id(w, "primaryObjectId", id);
    add_id(w, "newObjectId", id);
    json_begin_array(w, "mergedObjectIds");
    add_id(w, NULL, id);
    add_id(w, NULL, loser);
    json_end_array(w);
    json_add_i64(w, "numberOfPropertiesMoved", 3);
}

static void
write_event(struct sandbox_request *r, struct str type, struct str id, struct json_writer *w)
{
    int64_t now_us = clock_wall_us(r->world->clock);
    struct str property = request_param(r, "property");
    json_begin_array(w, NULL);
    json_begin_object(w, NULL);
    json_add_i64(w, "eventId", now_us % 4000000000);
    json_add_i64(w, "subscriptionId", 12345);
    json_add_i64(w, "portalId", r->world->account);
    json_add_i64(w, "appId", 54321);
    json_add_i64(w, "occurredAt", now_us / US_PER_MS);
    json_add_str(w, "subscriptionType", type);
    json_add_i64(w, "attemptNumber", 0);
    add_id(w, "objectId", id);
    if (request_param(r, "objectTypeId").len)
        json_add_str(w, "objectTypeId", request_param(r, "objectTypeId"));
    json_add_c(w, "changeSource", "CRM");
    if (property.len)
        json_add_str(w, "propertyName", property);
    if (property.len)
        json_add_str(w, "propertyValue", request_param(r, "value"));
    if (str_ends(type, STR(".merge")))
        add_merge(r, w, id);
    json_end_object(w);
    json_end_array(w);
}

static struct str
sign_v3(struct arena *a, struct str secret, struct str text)
{
    struct digest digest;
    struct err err = {0};
    struct buf b;
    buf_init(&b, TEXT_BYTES_MAX);
    if (digest_hmac(DIGEST_SHA256, secret, text, &digest, &err))
        base64_encode(&b, digest_bytes(&digest), BASE64_STANDARD);
    struct str signature = str_copy(a, buf_str(&b));
    buf_release(&b);
    return signature;
}

void
hubspot_webhook(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct buf b;
    struct json_writer w;
    char old[SHA256_TEXT_BYTES];
    struct err err = {0};
    struct str type = r->segment_count > 1 ? r->segments[1] : STR(""), id = r->segment_count > 2 ? r->segments[2] : STR("");
    struct str secret = request_param(r, "secret").len ? request_param(r, "secret") : STR(SECRET_DEFAULT), url = request_param(r, "url");
    struct str time = str_format(r->arena, "%lld", (long long)(clock_wall_us(r->world->clock) / US_PER_MS));
    int64_t number;
    if (!str_to_i64(id, 1, INT64_MAX, &number))
        return hubspot_error(r, reply, 404, "OBJECT_NOT_FOUND", STR("There is no such object"));
    buf_init(&b, TEXT_BYTES_MAX);
    json_writer_init(&w, &b);
    write_event(r, type, id, &w);
    struct str body = str_copy(r->arena, buf_str(&b));
    buf_release(&b);
    struct str text = str_format(r->arena, "POST%.*s%.*s%.*s", STR_ARG(url), STR_ARG(body), STR_ARG(time));
    if (!sha256_hex(str_join2(r->arena, secret, body), old, &err))
        old[0] = '\0';
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_begin_object(&w, "headers");
    json_add_c(&w, "content-type", "application/json");
    json_add_str(&w, "x-hubspot-signature-v3", sign_v3(r->arena, secret, text));
    json_add_str(&w, "x-hubspot-request-timestamp", time);
    json_add_c(&w, "x-hubspot-signature", old);
    json_add_c(&w, "x-hubspot-signature-version", "v1");
    json_end_object(&w);
    json_add_str(&w, "body", body);
    json_end_object(&w);
}
