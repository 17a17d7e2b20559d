/*
 * Shopify's webhooks: each subscription is of one topic and one address. The body is the object as the old API shows it, the
 * headers say topic, shop, delivery and time, and the signature is over the raw body with the app's secret.
 */
#include "base/encode.h"
#include "base/limits.h"
#include "crypt/digest.h"
#include "sandbox/core.h"
#include "sandbox/courier.h"
#include "sandbox/shopify_priv.h"
#include "sandbox/written.h"

#define BODY_BYTES_MAX (64 * 1024)

static struct str
topic_of(struct world *world, const struct change *change, struct arena *a)
{
    static const char *const nouns[] = {"products", NULL, "collections", "customers", "orders"};
    size_t kind = (size_t)(change->collection - world->collections);
    const char *noun = kind < ARRAY_LEN(nouns) ? nouns[kind] : NULL;
    bool order = noun != NULL && kind == 4;
    const char *verb = change->kind == CHANGE_CREATE ? "create" : change->kind == CHANGE_DELETE ? "delete" : order ? "updated" : "update";
    return noun == NULL ? STR_NONE : str_format(a, "%s/%s", noun, verb);
}

/* "orders/updated" as the subscription names it: ORDERS_UPDATED. */
static bool
is_topic(struct str wanted, struct str topic)
{
    if (wanted.len != topic.len)
        return false;
    for (size_t i = 0; i < topic.len; i++) {
        char c = topic.ptr[i] == '/' ? '_' : (char)(topic.ptr[i] - 'a' + 'A');
        if (wanted.ptr[i] != c)
            return false;
    }
    return true;
}

static void
write_body(struct world *world, const struct change *change, struct arena *a, struct buf *b)
{
    struct json_writer w;
    char text[TIME_TEXT_BYTES];
    static const char *const types[] = {"Product", "ProductVariant", "Collection", "Customer", "Order"};
    size_t kind = (size_t)(change->collection - world->collections);
    struct collection *c = &world->collections[kind];
    uint32_t index = world_find(c, change->object_id);
    json_writer_init(&w, b);
    json_begin_object(&w, NULL);
    json_add_i64(&w, "id", change->object_id);
    if (index != OBJECT_NONE) {
        json_add_str(&w, "admin_graphql_api_id", str_format(a, "gid://shopify/%s/%lld", types[kind], (long long)change->object_id));
        json_add_str(&w, "updated_at", str_format(a, "%.19s-00:00", time_format_ms(world_object(c, index)->updated_us, text)));
        if (kind == 3)
            json_add_str(&w, "email", shopify_email(world, c, index, a));
    }
    json_end_object(&w);
}

static struct str
signature_of(struct str body, struct arena *a)
{
    struct digest digest;
    struct err err = {0};
    struct buf b;
    buf_init(&b, BODY_BYTES_MAX);
    if (digest_hmac(DIGEST_SHA256, STR(SHOP_SECRET), body, &digest, &err))
        base64_encode(&b, digest_bytes(&digest), BASE64_STANDARD);
    struct str text = str_copy(a, buf_str(&b));
    buf_release(&b);
    return text;
}

static void
tell(struct sandbox_core *core, struct world *world, const struct change *change, struct str url, struct str topic, struct arena *a)
{
    struct buf b;
    char delivery[PEOPLE_UUID_BYTES], event[PEOPLE_UUID_BYTES], time[TIME_TEXT_BYTES];
    buf_init(&b, BODY_BYTES_MAX);
    write_body(world, change, a, &b);
    struct str body = str_copy(a, buf_str(&b));
    buf_release(&b);
    struct http_header headers[] = {
        {STR("Content-Type"), STR("application/json")},
        {STR("X-Shopify-Topic"), topic},
        {STR("X-Shopify-Shop-Domain"), STR(SHOP_DOMAIN)},
        {STR("X-Shopify-Hmac-Sha256"), signature_of(body, a)},
        {STR("X-Shopify-Webhook-Id"), str_from_c(people_uuid(world->seed ^ 96, (uint64_t)change->seq, delivery))},
        {STR("X-Shopify-Event-Id"), str_from_c(people_uuid(world->seed ^ 97, (uint64_t)change->seq, event))},
        {STR("X-Shopify-Triggered-At"), str_from_c(time_format_ms(change->at_us, time))},
        {STR("X-Shopify-API-Version"), STR("2026-10")},
    };
    struct http_headers list = {headers, ARRAY_LEN(headers)};
    courier_send(core->courier, url, &list, body);
}

void
shopify_announce(struct sandbox_core *core, struct world *world, const struct change *change, struct arena *a)
{
    struct collection *webhooks = shopify_of(world).webhooks;
    struct str topic = topic_of(world, change, a);
    for (uint32_t i = 0; topic.len && i < webhooks->count; i++) {
        const struct object *o = world_object(webhooks, i);
        yyjson_val *webhook = o->deleted ? NULL : written_of(o, a);
        if (webhook != NULL && is_topic(json_str(json_get_c(webhook, "topic")), topic))
            tell(core, world, change, json_str(json_get_c(webhook, "uri")), topic, a);
    }
}
