/*
 * Reading a request, as every vendor's file does: its query, its body as JSON or as a form, the token it shows.
 */
#include "base/limits.h"
#include "sandbox/vendor.h"

struct str
request_param(const struct sandbox_request *request, const char *name)
{
    /* The last one counts, as in Rack. */
    for (size_t i = request->pair_count; i > 0; i--)
        if (str_eq_c(request->pairs[i - 1].name, name))
            return request->pairs[i - 1].value;
    return STR_NONE;
}

int64_t
request_number(const struct sandbox_request *request, const char *name, int64_t min, int64_t max, int64_t otherwise)
{
    int64_t value;
    return str_to_i64(request_param(request, name), min, max, &value) ? value : otherwise;
}

int64_t
request_page(const struct sandbox_request *request, const char *name)
{
    return request->loop ? 1 : request_number(request, name, 1, INT32_MAX, 1);
}

bool
request_day(struct str text, int64_t *us_out)
{
    struct str year, month, day, rest;
    int64_t y, m, d;
    str_cut(text, '-', &year, &rest);
    str_cut(rest, '-', &month, &day);
    if (!str_to_i64(year, 1970, 2200, &y) || !str_to_i64(month, 1, 12, &m) || !str_to_i64(day, 1, civil_days_in_month((int)y, (int)m), &d))
        return false;
    *us_out = civil_to_us((struct civil){.year = (int)y, .month = (int)m, .day = (int)d});
    return true;
}

bool
request_is(const struct sandbox_request *request, const char *method)
{
    return str_eq_c(request->method, method);
}

struct str
request_form_value(const struct sandbox_request *request, const char *name)
{
    struct http_pair *pairs = NULL;
    size_t count = 0;
    if (!http_query_parse(request->arena, request->body, &pairs, &count))
        return STR_NONE;
    for (size_t i = 0; i < count; i++)
        if (str_eq_c(pairs[i].name, name))
            return pairs[i].value;
    return STR_NONE;
}

static yyjson_val *
parsed(const struct sandbox_request *request, struct str text)
{
    struct err err = {0};
    yyjson_val *body = json_parse(request->arena, text, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_API, &err);
    return yyjson_is_obj(body) ? body : NULL;
}

struct str
request_body_value(const struct sandbox_request *request, const char *name)
{
    yyjson_val *body = str_starts(request->body, STR("{")) ? parsed(request, request->body) : NULL;
    return body != NULL ? json_str(json_get_c(body, name)) : request_form_value(request, name);
}

yyjson_val *
request_object(const struct sandbox_request *request)
{
    return parsed(request, request->body.len ? request->body : STR("{}"));
}

struct str
request_bearer(const struct sandbox_request *request)
{
    struct str shown = http_header_get(request->headers, "authorization");
    return str_starts_nocase(shown, STR("Bearer ")) ? str_trim(str_skip(shown, 7)) : STR_NONE;
}
