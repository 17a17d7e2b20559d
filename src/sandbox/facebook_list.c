/*
 * Facebook's edges: newest first, 25 a page unless `limit` says otherwise, cursors; and objects by their id.
 *
 * Archived objects are listed only when `effective_status` asks for them, deleted ones never: to ask for those is an error.
 */
#include "base/encode.h"
#include "base/limits.h"
#include "sandbox/core.h"
#include "sandbox/facebook_priv.h"

#define PAGE_DEFAULT 25
#define PAGE_MAX 500

struct str
facebook_param(const struct sandbox_request *r, const char *name)
{
    struct http_pair *pairs = NULL;
    size_t count = 0;
    struct err err = {0};
    struct str value = request_param(r, name);
    if (!str_is_none(value) || r->body.len == 0)
        return value;
    if (r->body.ptr[0] == '{') {
        yyjson_val *member = json_get_c(json_parse(r->arena, r->body, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_API, &err), name);
        return !member || yyjson_is_str(member) ? json_str(member) : json_to_text(r->arena, member);
    }
    if (!http_query_parse(r->arena, r->body, &pairs, &count))
        return STR_NONE;
    for (size_t i = 0; i < count; i++)
        if (str_eq_c(pairs[i].name, name))
            return pairs[i].value;
    return STR_NONE;
}

static struct str
cursor_of(struct arena *a, size_t place)
{
    struct buf b;
    buf_init(&b, 128);
    base64_encode(&b, str_format(a, "place:%zu", place), BASE64_STANDARD);
    struct str text = str_copy(a, buf_str(&b));
    buf_release(&b);
    return text;
}

bool
facebook_page(struct sandbox_request *r, struct sandbox_reply *reply, struct facebook_span *span)
{
    struct str after = r->loop ? STR_NONE : request_param(r, "after"), text;
    int64_t place = 0, limit = request_number(r, "limit", 1, PAGE_MAX, PAGE_DEFAULT);
    bool sound = !after.len || (base64_decode(r->arena, after, BASE64_STANDARD, &text) && str_starts(text, STR("place:")) &&
                                str_to_i64(str_skip(text, 6), 0, INT32_MAX, &place));
    if (!sound) {
        facebook_error(reply, 400, 100, 0, "OAuthException", "(#100) Invalid cursor");
        return false;
    }
    span->from = !span->found && (size_t)place < span->count ? (size_t)place : span->found ? 0 : span->count;
    while (span->found && after.len && span->from < span->count && span->found[span->from] >= (uint32_t)place)
        span->from++;
    span->to = span->count - span->from > (size_t)limit ? span->from + (size_t)limit : span->count;
    return true;
}

void
facebook_page_end(struct sandbox_request *r, struct json_writer *w, const struct facebook_span *span)
{
    if (span->from == span->to)
        return;
    size_t last = span->found ? span->found[span->to - 1] : span->to;
    struct str after = cursor_of(r->arena, last);
    json_begin_object(w, "paging");
    json_begin_object(w, "cursors");
    json_add_str(w, "before", cursor_of(r->arena, span->found ? span->found[span->from] : span->from));
    json_add_str(w, "after", after);
    json_end_object(w);
    if (span->to < span->count)
        json_add_str(w, "next", str_format(r->arena, "https://graph.facebook.com%.*s?after=%.*s", STR_ARG(r->path), STR_ARG(after)));
    json_end_object(w);
}

static bool
wants_field(struct str fields, struct str name)
{
    struct str one, rest = fields;
    if (!fields.len)
        return true;
    for (bool more = true; more;) {
        more = str_cut(rest, ',', &one, &rest);
        str_cut(one, '{', &one, &(struct str){0});
        if (str_eq(one, name))
            return true;
    }
    return str_eq(name, STR("id"));
}

/* The object with the members that `fields` asks for. */
static void
write_fields(struct sandbox_request *r, struct collection *c, facebook_write_fn *write, uint32_t index, struct json_writer *w)
{
    struct buf b;
    struct json_writer own;
    struct err err = {0};
    size_t at, max;
    yyjson_val *key, *item;
    buf_init(&b, LIMIT_RECORD_BYTES);
    json_writer_init(&own, &b);
    write(r->world, c, index, r->arena, &own);
    yyjson_val *whole = json_parse(r->arena, buf_str(&b), JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_API, &err);
    json_begin_object(w, NULL);
    yyjson_obj_foreach(whole, at, max, key, item) {
        if (!wants_field(request_param(r, "fields"), json_str(key)))
            continue;
        json_add_key(w, json_str(key));
        json_add_val(w, NULL, item);
    }
    json_end_object(w);
    buf_release(&b);
}

void
facebook_show(struct sandbox_request *r, struct sandbox_reply *reply, struct collection *c, facebook_write_fn *write, uint32_t index)
{
    struct json_writer w;
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    write_fields(r, c, write, index, &w);
    reply_served(reply, c->name, world_object(c, index)->id);
}

/* `filtering`: the lower bound of a time, and nothing else is understood. */
static bool
bound_of(struct sandbox_request *r, int64_t *after_us_out)
{
    struct err err = {0};
    size_t at, max;
    yyjson_val *item;
    int64_t number = 0;
    yyjson_val *list = json_parse(r->arena, request_param(r, "filtering").len ? request_param(r, "filtering") : STR("[]"), JSON_NUMBERS_RAW,
                                  LIMIT_JSON_DEPTH_API, &err);
    *after_us_out = INT64_MIN;
    if (!yyjson_is_arr(list))
        return false;
    yyjson_arr_foreach(list, at, max, item) {
        struct str field = json_str(json_get_c(item, "field"));
        bool known = str_ends(field, STR("updated_time")) || str_eq_c(field, "time_created");
        yyjson_val *value = json_get_c(item, "value");
        bool fits = json_to_i64(value, &number) || str_to_i64(json_str(value), 0, INT64_C(100000000000), &number);
        if (!known || !str_eq_c(json_str(json_get_c(item, "operator")), "GREATER_THAN") || !fits)
            return false;
        *after_us_out = number * US_PER_S;
    }
    return true;
}

static bool
status_wanted(struct sandbox_request *r, struct collection *c, struct str status)
{
    struct facebook fb = facebook_of(r->world);
    struct str wanted = request_param(r, "effective_status");
    if (c == fb.forms || c == fb.leads)
        return true;
    if (!wanted.len)
        return !str_eq_c(status, "ARCHIVED");
    return str_find_str(wanted, str_format(r->arena, "\"%.*s\"", STR_ARG(status))) >= 0;
}

void
facebook_list(struct sandbox_request *r, struct sandbox_reply *reply, struct collection *c, facebook_write_fn *write, uint32_t parent)
{
    int64_t after_us;
    struct facebook_span span = {0};
    struct json_writer w;
    uint32_t *found = ARENA_ARRAY(r->arena, uint32_t, c->count + 1);
    if (str_find_str(request_param(r, "effective_status"), STR("\"DELETED\"")) >= 0)
        return facebook_error(reply, 400, 100, 1815001, "OAuthException", "(#100) Cannot Request for Deleted Objects");
    if (!found || !bound_of(r, &after_us))
        return facebook_error(reply, 400, 100, 0, "OAuthException", "(#100) Filtering field is invalid");
    for (size_t i = c->count; i-- > 0;) {
        const struct object *o = world_object(c, (uint32_t)i);
        bool in = !o->deleted && (parent == OBJECT_NONE || o->parent == parent) && o->updated_us > after_us;
        if (in && status_wanted(r, c, facebook_status(o)))
            found[span.count++] = (uint32_t)i;
    }
    span.found = found;
    if (!facebook_page(r, reply, &span))
        return;
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_begin_array(&w, "data");
    for (size_t i = span.from; i < span.to; i++) {
        write_fields(r, c, write, found[i], &w);
        reply_served(reply, c->name, world_object(c, found[i])->id);
    }
    json_end_array(&w);
    facebook_page_end(r, &w, &span);
    json_end_object(&w);
}
