/*
 * Requests in the form in which two readers are compared, and answers from a file of recorded exchanges.
 *
 * A request takes the first unused exchange with the same method, URL, query and body, else the first
 * unused one with the same method and URL. A token request may be repeated and gets its answer again; so does a
 * parent's, which other readers keep in a cache, once there is no answer of its own.
 */
#include "template/exchange.h"

#include <stdlib.h>

#include "base/encode.h"
#include "base/limits.h"
#include "json/writer.h"

#define REPEATS_MAX 20000 /* per stream: more parents than a replay describes */

static bool
is_unreserved(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || memchr("-._~", c, 4);
}

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 32);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Unreserved characters raw, other escapes in upper case, what may not stand in a path escaped. */
static void
add_path(struct buf *b, struct str path)
{
    for (size_t i = 0; i < path.len; i++) {
        unsigned char c = (unsigned char)path.ptr[i];
        bool escaped = c == '%' && i + 2 < path.len + 0 && hex_digit(path.ptr[i + 1]) >= 0 && hex_digit(path.ptr[i + 2]) >= 0;
        if (escaped) {
            c = (unsigned char)(hex_digit(path.ptr[i + 1]) * 16 + hex_digit(path.ptr[i + 2]));
            i += 2;
        }
        if (is_unreserved(c) || (!escaped && memchr("!$&'()*+,;=:@/", c, 14)))
            buf_add_char(b, (char)c);
        else
            buf_addf(b, "%%%02X", c);
    }
}

static int
compare_pairs(const void *left, const void *right)
{
    const struct http_pair *a = left, *b = right;
    int names = str_compare(a->name, b->name);
    return names ? names : str_compare(a->value, b->value);
}

static void
add_pairs(struct json_writer *w, struct arena *a, const char *key, struct str text)
{
    struct http_pair *pairs = NULL;
    size_t count = 0;
    json_begin_array(w, key);
    if (text.len && http_query_parse(a, text, &pairs, &count) && count)
        qsort(pairs, count, sizeof(*pairs), compare_pairs);
    for (size_t i = 0; i < count; i++) {
        json_begin_array(w, NULL);
        json_add_str(w, NULL, pairs[i].name.ptr ? pairs[i].name : STR(""));
        json_add_str(w, NULL, pairs[i].value.ptr ? pairs[i].value : STR(""));
        json_end_array(w);
    }
    json_end_array(w);
}

static void
add_headers(struct json_writer *w, struct arena *a, const struct http_headers *headers)
{
    json_begin_object(w, "headers");
    for (size_t i = 0; i < headers->count; i++) {
        json_add_key(w, str_lower(a, headers->items[i].name));
        json_add_str(w, NULL, headers->items[i].value.ptr ? headers->items[i].value : STR(""));
    }
    json_end_object(w);
}

static void
add_bytes(struct json_writer *w, struct str body)
{
    struct buf b;
    if (str_is_utf8(body)) {
        json_add_str(w, "text", body);
        return;
    }
    buf_init(&b, 2 * body.len + 8);
    base64_encode(&b, body, BASE64_STANDARD);
    json_add_str(w, "base64", buf_str(&b));
    buf_release(&b);
}

static void
add_body(struct json_writer *w, struct arena *a, const struct http_request *request)
{
    struct err ignored = {0};
    struct str type = http_header_get(&request->headers, "content-type");
    if (request->body.len == 0) {
        json_add_null(w, "body");
        return;
    }
    yyjson_val *json = str_find_str(type, STR("json")) >= 0
                           ? json_parse(a, request->body, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, &ignored) : NULL;
    json_begin_object(w, "body");
    if (json)
        json_add_val(w, "json", json);
    else if (str_starts_nocase(type, STR("application/x-www-form-urlencoded")))
        add_pairs(w, a, "form", request->body);
    else
        add_bytes(w, request->body);
    json_end_object(w);
}

yyjson_val *
exchange_request_json(struct arena *a, const struct http_request *request)
{
    struct buf b, url;
    struct json_writer w;
    struct http_url parts;
    struct err ignored = {0};
    buf_init(&b, 64 << 20);
    buf_init(&url, 1 << 20);
    json_writer_init(&w, &b);
    bool parsed = http_url_parse(request->url, &parts);
    if (parsed) {
        buf_add(&url, str_lower(a, str_span(request->url.ptr, parts.host.ptr + parts.host.len)));
        const char *path = parts.path.ptr ? parts.path.ptr : request->url.ptr + request->url.len;
        if (path > parts.host.ptr + parts.host.len) /* a port */
            buf_add(&url, str_span(parts.host.ptr + parts.host.len, path));
        add_path(&url, parts.path.len ? parts.path : STR("/"));
    } else {
        buf_add(&url, request->url);
    }
    json_begin_object(&w, NULL);
    json_add_str(&w, "method", request->method.len ? request->method : STR("GET"));
    json_add_str(&w, "url", buf_str(&url));
    add_pairs(&w, a, "query", parsed ? parts.query : STR(""));
    add_headers(&w, a, &request->headers);
    add_body(&w, a, request);
    json_end_object(&w);
    yyjson_val *json = buf_ok(&b) ? json_parse(a, buf_str(&b), JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR + 4, &ignored) : NULL;
    buf_release(&b);
    buf_release(&url);
    return json;
}

bool
exchanges_init(struct exchanges *x, struct arena *a, yyjson_val *list, struct err *err)
{
    size_t count = yyjson_arr_size(list);
    *x = (struct exchanges){.arena = a, .list = list};
    x->used = ARENA_ARRAY(a, bool, count + 1);
    x->asked = ARENA_ARRAY(a, struct str, count + 1);
    return (x->used && x->asked) || err_no_memory(err);
}

static bool
same_member(yyjson_val *match, yyjson_val *request, const char *name)
{
    yyjson_val *left = json_get_c(match, name), *right = json_get_c(request, name);
    bool left_empty = !left || yyjson_is_null(left) || (yyjson_is_arr(left) && yyjson_arr_size(left) == 0);
    bool right_empty = !right || yyjson_is_null(right) || (yyjson_is_arr(right) && yyjson_arr_size(right) == 0);
    return left_empty || right_empty ? left_empty == right_empty : json_equal(left, right);
}

static bool
matches(yyjson_val *match, yyjson_val *request, bool exactly)
{
    return same_member(match, request, "method") && same_member(match, request, "url") &&
           (!exactly || (same_member(match, request, "query") && same_member(match, request, "body")));
}

static struct str
reply_body(struct arena *a, yyjson_val *reply)
{
    yyjson_val *json = json_get_c(reply, "body"), *text = json_get_c(reply, "text");
    struct str bytes;
    if (json_str(json_get_c(reply, "base64")).ptr)
        return base64_decode(a, json_str(json_get_c(reply, "base64")), BASE64_STANDARD, &bytes) ? bytes : STR("");
    if (text)
        return json_str_or(text, STR(""));
    return json ? json_to_text(a, json) : STR("");
}

static const struct http_reply *
make_reply(struct exchanges *x, size_t index, int64_t now_us)
{
    yyjson_val *reply = json_get_c(yyjson_arr_get(x->list, index), "reply"), *headers = json_get_c(reply, "headers");
    int64_t status = 200;
    size_t at, max, count = 0;
    yyjson_val *key, *item;
    struct http_header *items = ARENA_ARRAY(x->arena, struct http_header, yyjson_obj_size(headers) + 1);
    if (!json_to_i64(json_get_c(reply, "status"), &status))
        status = 200;
    if (headers && items)
        yyjson_obj_foreach(headers, at, max, key, item) {
            struct str value = yyjson_is_str(item) ? json_str(item) : json_number_text(x->arena, item);
            items[count++] = (struct http_header){json_str(key), value};
        }
    x->reply = (struct http_reply){.status = (int)status, .headers = {items, count}, .body = reply_body(x->arena, reply),
                                   .sent_wall_us = now_us};
    return &x->reply;
}

static const struct http_reply *
take_unused(struct exchanges *x, yyjson_val *request, bool exactly, struct str asked, int64_t now_us)
{
    size_t count = yyjson_arr_size(x->list);
    for (size_t i = 0; i < count; i++) {
        yyjson_val *match = json_get_c(yyjson_arr_get(x->list, i), "match");
        if (x->used[i] || !matches(match, request, exactly))
            continue;
        x->used[i] = true;
        x->asked[i] = asked;
        return make_reply(x, i, now_us);
    }
    return NULL;
}

static const struct http_reply *
repeat(struct exchanges *x, struct str asked, bool good_only, int64_t now_us)
{
    size_t count = yyjson_arr_size(x->list);
    for (size_t i = 0; asked.ptr && i < count; i++) {
        if (!x->asked[i].ptr || !str_eq(x->asked[i], asked))
            continue;
        const struct http_reply *reply = make_reply(x, i, now_us);
        if (!good_only || reply->status < 400)
            return reply;
    }
    return NULL;
}

const struct http_reply *
exchanges_answer(struct exchanges *x, yyjson_val *request, enum exchange_repeats repeats, int64_t now_us)
{
    const struct http_reply *reply = NULL;
    struct str asked = repeats != EXCHANGE_ONCE ? json_to_text(x->arena, request) : STR_NONE;
    if (repeats == EXCHANGE_TOKEN)
        reply = repeat(x, asked, false, now_us);
    if (!reply)
        reply = take_unused(x, request, true, asked, now_us);
    if (!reply && repeats == EXCHANGE_CACHED && x->repeated++ < REPEATS_MAX) /* a parent's paging may go in circles */
        reply = repeat(x, asked, true, now_us);
    return reply ? reply : take_unused(x, request, false, asked, now_us);
}
