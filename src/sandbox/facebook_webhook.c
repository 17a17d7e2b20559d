/*
 * Lead webhooks: a delivery as the vendor would send it, signed with the app's secret.
 *
 * Nothing is sent from here: a test takes body and headers and sends them itself, altered if it likes. The delivery says only
 * which lead is new; the lead itself must be asked for.
 */
#include "base/encode.h"
#include "crypt/digest.h"
#include "sandbox/core.h"
#include "sandbox/facebook_priv.h"

#define BODY_BYTES_MAX (64 * 1024)

static void
add_number(struct sandbox_request *r, struct json_writer *w, const char *name, int64_t id)
{
    json_add_str(w, name, str_format(r->arena, "%lld", (long long)id));
}

static void
write_delivery(struct sandbox_request *r, struct str page, const struct object *lead, const struct object *form, struct json_writer *w)
{
    int64_t now_us = clock_wall_us(r->world->clock);
    json_begin_object(w, NULL);
    json_add_c(w, "object", "page");
    json_begin_array(w, "entry");
    json_begin_object(w, NULL);
    json_add_str(w, "id", page);
    json_add_i64(w, "time", now_us / US_PER_S);
    json_begin_array(w, "changes");
    json_begin_object(w, NULL);
    json_add_c(w, "field", "leadgen");
    json_begin_object(w, "value");
    add_number(r, w, "leadgen_id", lead->id);
    json_add_str(w, "page_id", page);
    if (form)
        add_number(r, w, "form_id", form->id);
    json_add_i64(w, "created_time", lead->created_us / US_PER_S);
    json_end_object(w);
    json_end_object(w);
    json_end_array(w);
    json_end_object(w);
    json_end_array(w);
    json_end_object(w);
}

static struct str
sign(struct arena *a, struct str secret, struct str body)
{
    struct digest digest;
    struct err err = {0};
    struct buf b;
    buf_init(&b, 256);
    if (digest_hmac(DIGEST_SHA256, secret, body, &digest, &err))
        hex_encode(&b, digest_bytes(&digest));
    struct str text = str_format(a, "sha256=%.*s", STR_ARG(buf_str(&b)));
    buf_release(&b);
    return text;
}

void
facebook_webhook(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct buf b;
    struct json_writer w;
    int64_t number;
    struct facebook fb = facebook_of(r->world);
    struct str id = r->segment_count > 2 ? r->segments[2] : STR("");
    struct str secret = request_param(r, "secret").len ? request_param(r, "secret") : STR(FB_APP_SECRET);
    struct str page = request_param(r, "page").len ? request_param(r, "page") : STR(FB_PAGE);
    uint32_t index = str_to_i64(id, 1, INT64_MAX, &number) ? world_find(fb.leads, number) : OBJECT_NONE;
    if (index == OBJECT_NONE)
        return facebook_error(reply, 404, 100, 33, "GraphMethodException", "There is no such lead");
    const struct object *lead = world_object(fb.leads, index);
    buf_init(&b, BODY_BYTES_MAX);
    json_writer_init(&w, &b);
    write_delivery(r, page, lead, lead->parent == OBJECT_NONE ? NULL : world_object(fb.forms, lead->parent), &w);
    struct str body = str_copy(r->arena, buf_str(&b));
    buf_release(&b);
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_begin_object(&w, "headers");
    json_add_c(&w, "content-type", "application/json");
    json_add_str(&w, "x-hub-signature-256", sign(r->arena, secret, body));
    json_end_object(&w);
    json_add_str(&w, "body", body);
    json_end_object(&w);
}
