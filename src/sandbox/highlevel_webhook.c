/*
 * HighLevel's webhooks: a delivery as the vendor would send it, signed with Ed25519 over the raw body.
 *
 * An address that was given with POST /_webhooks {"url"} (at the vendor: the settings page of the app) is told of each change.
 * A test may also ask for one delivery, and send it itself, altered if it likes. The key is made from the sandbox's seed, so it
 * is the same on every start; GET /_webhooks/key shows its public half.
 */
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/encode.h"
#include "base/limits.h"
#include "sandbox/core.h"
#include "sandbox/courier.h"
#include "sandbox/highlevel_priv.h"

#define KEY_BYTES 32
#define PEM_BYTES 256
#define SIGNATURE_BYTES 64

static EVP_PKEY *
signing_key(const struct sandbox_core *core)
{
    unsigned char seed[KEY_BYTES];
    for (size_t i = 0; i < sizeof(seed); i++)
        seed[i] = (unsigned char)people_mix(core->options.seed, 1000 + i);
    return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof(seed));
}

static struct str
public_pem(EVP_PKEY *key, struct arena *a)
{
    char *text = NULL;
    BIO *bio = BIO_new(BIO_s_mem());
    bool ok = bio != NULL && PEM_write_bio_PUBKEY(bio, key) == 1;
    long len = ok ? BIO_get_mem_data(bio, &text) : 0;
    struct str pem = len > 0 ? str_copy(a, (struct str){text, (size_t)len}) : STR("");
    BIO_free(bio);
    return pem;
}

static struct str
signature_of(EVP_PKEY *key, struct str body, struct arena *a)
{
    unsigned char bytes[SIGNATURE_BYTES];
    size_t len = sizeof(bytes);
    struct buf b;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ok = context != NULL && EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
              EVP_DigestSign(context, bytes, &len, (const unsigned char *)body.ptr, body.len) == 1;
    EVP_MD_CTX_free(context);
    buf_init(&b, 2 * SIGNATURE_BYTES);
    if (ok)
        base64_encode(&b, (struct str){(const char *)bytes, len}, BASE64_STANDARD);
    struct str text = str_copy(a, buf_str(&b));
    buf_release(&b);
    return text;
}

/* How an object stands in an event: the collection, the writer, what the vendor calls it. */
static const struct kind {
    const char *name, *created, *updated, *deleted;  /* NULL: not told */
    void (*write)(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w);
} kinds[] = {
    {"contacts", "ContactCreate", "ContactUpdate", "ContactDelete", highlevel_write_contact},
    {"messages", "InboundMessage", NULL, NULL, highlevel_write_message},
    {"opportunities", "OpportunityCreate", "OpportunityUpdate", "OpportunityDelete", highlevel_write_opportunity},
    {"appointments", "AppointmentCreate", "AppointmentUpdate", "AppointmentDelete", highlevel_write_appointment},
};

static const struct kind *
kind_of(struct str type)
{
    static const char *const begins[ARRAY_LEN(kinds)] = {"Contact", NULL, "Opportunity", "Appointment"};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (begins[i] != NULL && str_starts(type, str_from_c(begins[i])))
            return &kinds[i];
    return str_ends(type, STR("Message")) ? &kinds[1] : NULL;
}

static void
write_object(struct world *world, const struct kind *kind, struct collection *c, uint32_t index, struct str id, struct arena *a,
             struct json_writer *w)
{
    if (index == OBJECT_NONE) {
        json_begin_object(w, NULL);
        json_add_str(w, "id", id);
        json_add_str(w, "locationId", highlevel_location_of(world));
    } else {
        kind->write(world, c, index, a, w);
        buf_truncate(w->buf, w->buf->len - 1); /* its closing brace */
    }
    w->comma = true;
}

/* The object's members flat beside type, as the vendor has them; an appointment stands in a member of its own. */
static bool
write_body(struct world *world, struct str type, struct str id, struct arena *a, struct buf *b)
{
    struct json_writer w;
    char delivery[PEOPLE_UUID_BYTES];
    const struct kind *kind = kind_of(type);
    struct collection *c = kind ? world_collection(world, str_from_c(kind->name)) : NULL;
    uint32_t index = c ? highlevel_find(world, c, id) : OBJECT_NONE;
    bool nested = kind == &kinds[3];
    int64_t now_us = clock_wall_us(world->clock);
    json_writer_init(&w, b);
    if (c == NULL || (index == OBJECT_NONE && !str_ends(type, STR("Delete"))))
        return false;
    if (nested) {
        json_begin_object(&w, NULL);
        json_add_str(&w, "locationId", highlevel_location_of(world));
        json_add_key(&w, STR("appointment"));
    }
    write_object(world, kind, c, index, id, a, &w);
    if (nested)
        json_end_object(&w);
    if (kind == &kinds[1])
        json_add_str(&w, "messageId", id);
    json_add_str(&w, "type", type);
    json_add_time(&w, "timestamp", now_us);
    json_add_c(&w, "webhookId", people_uuid((uint64_t)now_us, (uint64_t)world->changes, delivery));
    json_end_object(&w);
    return buf_ok(b);
}

/* The settings page of the app: who is told from now on. */
static void
set_address(struct sandbox_request *r, struct sandbox_reply *reply, struct world *world)
{
    struct err err = {0};
    yyjson_val *body = json_parse(r->arena, r->body, JSON_PLAIN, LIMIT_JSON_DEPTH_API, &err);
    struct str url = json_str(json_get_c(body, "url"));
    if (url.len == 0 ||
        world_add_written(world, highlevel_of(world).webhooks, clock_wall_us(world->clock), OBJECT_NONE, url) == OBJECT_NONE)
        return highlevel_error(reply, 400, "url is missing");
    reply_text(reply, 204, NULL, STR(""));
}

void
highlevel_webhook(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct buf body;
    struct json_writer w;
    struct str type = r->segment_count > 1 ? r->segments[1] : STR(""), id = r->segment_count > 2 ? r->segments[2] : STR("");
    EVP_PKEY *key = signing_key(r->core);
    struct str location = request_param(r, "locationId");
    struct world *world = highlevel_location(r, location.len ? location : STR(HL_LOCATION_DEFAULT));
    buf_init(&body, REPLY_BYTES_MAX);
    bool only_key = str_eq_c(type, "key");
    if (type.len == 0 && world != NULL && request_is(r, "POST")) {
        set_address(r, reply, world);
    } else if (key == NULL || world == NULL || (!only_key && !write_body(world, type, id, r->arena, &body))) {
        highlevel_error(reply, 404, "There is no such object");
    } else {
        reply_json(reply, 200);
        json_writer_init(&w, &reply->body);
        json_begin_object(&w, NULL);
        json_add_str(&w, "publicKey", public_pem(key, r->arena));
        if (!only_key) {
            json_begin_object(&w, "headers");
            json_add_c(&w, "content-type", "application/json");
            json_add_str(&w, "x-ghl-signature", signature_of(key, buf_str(&body), r->arena));
            json_end_object(&w);
            json_add_str(&w, "body", buf_str(&body));
        }
        json_end_object(&w);
    }
    buf_release(&body);
    EVP_PKEY_free(key);
}

/* ---- telling */

static const char *
event_of(struct world *world, const struct change *change, const struct collection *c)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (!str_eq_c(str_from_c(c->name), kinds[i].name))
            continue;
        if (change->kind == CHANGE_CREATE && i == 1) {
            uint32_t index = world_find((struct collection *)(uintptr_t)c, change->object_id);
            bool outbound = index != OBJECT_NONE && world_object(highlevel_of(world).messages, index)->state != 0;
            return outbound ? "OutboundMessage" : kinds[i].created;
        }
        return change->kind == CHANGE_CREATE ? kinds[i].created : change->kind == CHANGE_UPDATE ? kinds[i].updated : kinds[i].deleted;
    }
    return NULL;
}

void
highlevel_announce(struct sandbox_core *core, struct world *world, const struct change *change, struct arena *a)
{
    char id[HL_ID_BYTES];
    struct buf body;
    struct collection *webhooks = highlevel_of(world).webhooks;
    const char *event = webhooks->live > 0 ? event_of(world, change, change->collection) : NULL;
    if (event == NULL)
        return;
    EVP_PKEY *key = signing_key(core);
    buf_init(&body, REPLY_BYTES_MAX);
    highlevel_id(world, change->collection, change->object_id, id);
    if (key != NULL && write_body(world, str_from_c(event), str_from_c(id), a, &body)) {
        struct http_header headers[] = {
            {STR("Content-Type"), STR("application/json")},
            {STR("x-ghl-signature"), signature_of(key, buf_str(&body), a)},
        };
        struct http_headers list = {headers, ARRAY_LEN(headers)};
        for (uint32_t i = 0; i < webhooks->count; i++) {
            const struct object *o = world_object(webhooks, i);
            if (!o->deleted)
                courier_send(core->courier, (struct str){o->written, o->written_bytes}, &list, buf_str(&body));
        }
    }
    buf_release(&body);
    EVP_PKEY_free(key);
}
