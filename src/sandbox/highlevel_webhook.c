/*
 * HighLevel's webhooks: a delivery as the vendor would send it, signed with Ed25519 over the raw body.
 *
 * Nothing is sent from here: a test takes body and headers and sends them itself, altered if it likes. The key is made from
 * the sandbox's seed, so it is the same on every start; GET /_webhooks/key shows its public half.
 */
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/encode.h"
#include "sandbox/core.h"
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

/* The object's members flat beside type, as the vendor has them. */
static bool
write_body(struct sandbox_request *r, struct str type, struct str id, struct buf *b)
{
    struct json_writer w;
    char delivery[PEOPLE_UUID_BYTES];
    struct highlevel hl = highlevel_of(r->world);
    bool message = str_ends(type, STR("Message"));
    uint32_t index = highlevel_find(r->world, message ? hl.messages : hl.contacts, id);
    int64_t now_us = clock_wall_us(r->world->clock);
    json_writer_init(&w, b);
    if (index == OBJECT_NONE && !str_eq_c(type, "ContactDelete"))
        return false;
    if (index == OBJECT_NONE) {
        json_begin_object(&w, NULL);
        json_add_str(&w, "id", id);
        json_add_str(&w, "locationId", highlevel_location_of(r->world));
    } else if (message) {
        highlevel_write_message(r->world, hl.messages, index, r->arena, &w);
    } else {
        highlevel_write_contact(r->world, hl.contacts, index, r->arena, &w);
    }
    if (index != OBJECT_NONE)
        buf_truncate(b, b->len - 1); /* its closing brace */
    w.comma = true;
    if (message)
        json_add_str(&w, "messageId", id);
    json_add_str(&w, "type", type);
    json_add_time(&w, "timestamp", now_us);
    json_add_c(&w, "webhookId", people_uuid((uint64_t)now_us, (uint64_t)r->world->changes, delivery));
    json_end_object(&w);
    return buf_ok(b);
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
    if (key == NULL || world == NULL || (!only_key && !write_body(r, type, id, &body))) {
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
