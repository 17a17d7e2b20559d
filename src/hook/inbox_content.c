/*
 * What is kept of an event: the headers that its template's table names, and the body, byte for byte.
 *
 * Four bytes with the length of the headers' JSON, that JSON, the body; packed as raw records are. Signatures, tokens and
 * cookies are not among the headers: no table names them.
 */
#include "hook/inbox_priv.h"

#include <sched.h>
#include <string.h>

#include "json/writer.h"

#define HEADERS_BYTES_MAX (LIMIT_HEADER_BYTES * 4)
#define HEADERS_BYTES_USUAL 240
#define PREFIX_BYTES 4

static void
write_header(struct json_writer *w, struct str name, struct str value)
{
    if (str_is_none(value))
        return;
    json_add_key(w, name);
    json_add_str(w, NULL, value);
}

static void
write_headers(struct buf *b, const struct targets *t, const struct inbox_request *r)
{
    struct json_writer w;
    json_writer_init(&w, b);
    json_begin_object(&w, NULL);
    write_header(&w, STR("Content-Type"), http_header_get(r->headers, "Content-Type"));
    write_header(&w, STR("User-Agent"), http_header_get(r->headers, "User-Agent"));
    for (size_t i = 0; i < t->header_count; i++) {
        char *name = str_cstr(r->arena, t->headers[i]);
        if (name != NULL)
            write_header(&w, t->headers[i], http_header_get(r->headers, name));
    }
    json_end_object(&w);
}

/* The one whose tables lie in this core's cache; another thread may use it all the same, and then one of them waits. */
static struct raw_packer *
packer_at_hand(const struct inbox *in)
{
    int core = sched_getcpu();
    return in->packers[core > 0 ? (unsigned)core % INBOX_PACKERS : 0];
}

static struct str
join(struct arena *a, struct str headers, struct str body)
{
    size_t len = PREFIX_BYTES + headers.len + body.len;
    char *bytes = arena_alloc_bytes(a, len);
    if (bytes == NULL)
        return STR_NONE;
    for (int i = 0; i < PREFIX_BYTES; i++)
        bytes[i] = (char)(headers.len >> (8 * i) & 0xff);
    memcpy(bytes + PREFIX_BYTES, headers.ptr, headers.len);
    memcpy(bytes + PREFIX_BYTES + headers.len, body.ptr, body.len);
    return (struct str){bytes, len};
}

struct str
content_pack(struct inbox *in, struct arena *a, const struct targets *t, const struct inbox_request *r)
{
    struct buf headers;
    buf_init(&headers, HEADERS_BYTES_MAX);
    buf_reserve(&headers, HEADERS_BYTES_USUAL);
    write_headers(&headers, t, r);
    struct str text = buf_ok(&headers) ? join(a, buf_str(&headers), r->body) : STR_NONE;
    buf_release(&headers);
    return str_is_none(text) ? STR_NONE : raw_pack(packer_at_hand(in), a, text);
}

static bool
split(struct arena *a, struct str content, struct str *headers_out, struct str *body_out, struct err *err)
{
    struct str text;
    if (!raw_unpack(a, content, &text, err))
        return false;
    size_t len = 0;
    for (size_t i = 0; text.len >= PREFIX_BYTES && i < PREFIX_BYTES; i++)
        len |= (size_t)(unsigned char)text.ptr[i] << (8 * i);
    if (text.len < PREFIX_BYTES || len > text.len - PREFIX_BYTES)
        return err_set(err, E_STORE_CORRUPT, "A kept event cannot be read");
    *headers_out = str_slice(text, PREFIX_BYTES, PREFIX_BYTES + len);
    *body_out = str_skip(text, PREFIX_BYTES + len);
    return true;
}

bool
inbox_content(struct arena *a, struct str content, yyjson_val **headers_out, struct str *body_out, struct err *err)
{
    struct str headers;
    if (!split(a, content, &headers, body_out, err))
        return false;
    *headers_out = json_parse(a, headers, JSON_PLAIN, 4, err);
    return *headers_out != NULL;
}

static bool
fill_headers(struct arena *a, yyjson_val *object, struct http_headers *out, struct err *err)
{
    size_t index, max;
    yyjson_val *key, *value;
    *out = (struct http_headers){.items = ARENA_ARRAY(a, struct http_header, yyjson_obj_size(object) + 1)};
    if (out->items == NULL)
        return err_no_memory(err);
    yyjson_obj_foreach(object, index, max, key, value)
        out->items[out->count++] = (struct http_header){json_str(key), json_str(value)};
    return true;
}

bool
content_open(struct arena *a, const struct template *t, struct str content, struct http_headers *headers_out,
             struct webhook_body *body_out, struct err *err)
{
    yyjson_val *headers;
    struct str body;
    if (!inbox_content(a, content, &headers, &body, err) || !fill_headers(a, headers, headers_out, err))
        return false;
    yyjson_val *json = json_parse(a, body, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_API, err);
    *body_out = (struct webhook_body){.block = template_webhooks(t), .body = json, .headers = headers_out, .arena = a};
    if (json != NULL && body_out->block == NULL)
        return err_set(err, E_TEMPLATE_REFUSED, "The template takes no webhooks any more");
    return json != NULL;
}
