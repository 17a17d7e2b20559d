/*
 * Functions of the expression language: now_utc() and the other date macros of manifests, max and min,
 * dict and namespace. One row each at the end of the file.
 */
#include <unicode/ucal.h>
#include <unicode/ustring.h>

#include "base/limits.h"
#include "template/expr/expr_priv.h"
#include "template/expr/time_priv.h"

/* ---- now ---- */

static bool
function_now_utc(struct call *c, struct value *value_out)
{
    *value_out = value_datetime(c->ev->scope->now_us, 0, true);
    return true;
}

static bool
function_today_utc(struct call *c, struct value *value_out)
{
    *value_out = value_date(c->ev->scope->now_us);
    return true;
}

/* The offset of an IANA zone at a moment; false when there is no such zone. */
static bool
zone_offset_ms(struct str name, int64_t us, int64_t *offset_ms_out)
{
    UChar zone[64], canonical[64];
    UErrorCode status = U_ZERO_ERROR;
    UBool is_system = false;
    int32_t length = 0;
    if (name.len == 0 || name.len >= ARRAY_LEN(zone))
        return false;
    u_strFromUTF8(zone, ARRAY_LEN(zone), &length, name.ptr, (int32_t)name.len, &status);
    ucal_getCanonicalTimeZoneID(zone, length, canonical, ARRAY_LEN(canonical), &is_system, &status);
    if (U_FAILURE(status) || !is_system)
        return false;
    UCalendar *calendar = ucal_open(zone, length, "en", UCAL_GREGORIAN, &status);
    ucal_setMillis(calendar, (double)(us / US_PER_MS), &status);
    *offset_ms_out = ucal_get(calendar, UCAL_ZONE_OFFSET, &status) + ucal_get(calendar, UCAL_DST_OFFSET, &status);
    ucal_close(calendar);
    return U_SUCCESS(status);
}

static bool
function_today_with_timezone(struct call *c, struct value *value_out)
{
    struct str zone;
    int64_t offset_ms;
    if (!call_str(c, c->args[0], &zone))
        return false;
    if (!zone_offset_ms(zone, c->ev->scope->now_us, &offset_ms))
        return eval_fail(c->ev, EXPR_FAILED_VALUE, "there is no time zone \"%.*s\": use an IANA name", STR_ARG(zone));
    *value_out = value_date(c->ev->scope->now_us + offset_ms * US_PER_MS);
    return true;
}

/* Takes a result of strftime into the arena. */
static bool
format_value(struct call *c, struct value v, struct str format, struct value *value_out)
{
    struct buf b;
    buf_init(&b, LIMIT_EXPRESSION_RESULT_BYTES);
    if (!eval_charge(c->ev, format.len / 8))
        return false;
    time_strftime(&b, v, format);
    return eval_take_buf(c->ev, &b, value_out);
}

static bool
function_day_delta(struct call *c, struct value *value_out)
{
    struct str format = STR("%Y-%m-%dT%H:%M:%S.%f%z");
    struct value now = value_datetime(c->ev->scope->now_us, 0, true), shifted;
    if (!value_is_number(c->args[0]))
        return call_fail_type(c, c->args[0], "a number of days");
    if (call_given(c, 1) && !call_str(c, c->args[1], &format))
        return false;
    double us = value_to_double(c->args[0]) * (double)US_PER_DAY;
    if (!(us > -9e17 && us < 9e17) || !time_shift(now, value_duration((struct duration){.us = (int64_t)us}), 1, &shifted))
        return eval_fail(c->ev, EXPR_FAILED_VALUE, "that many days lead out of the years 1 to 9999");
    return format_value(c, shifted, format, value_out);
}

/* ---- times from text ---- */

static bool
parse_time(struct call *c, struct value text, struct value *value_out)
{
    struct str s;
    struct value v;
    if (!call_str(c, text, &s))
        return false;
    if (!time_parse_iso(s, &v))
        return eval_fail(c->ev, EXPR_FAILED_VALUE, "%s cannot read this as an ISO 8601 date", c->what);
    *value_out = value_datetime(v.integer, 0, true);
    return true;
}

static bool
function_str_to_datetime(struct call *c, struct value *value_out)
{
    return parse_time(c, c->args[0], value_out);
}

/* A number becomes whole, a text the float of its epoch second. */
static bool
function_timestamp(struct call *c, struct value *value_out)
{
    struct value v = c->args[0], time;
    if (v.type == VALUE_FLOAT) {
        if (!(v.number > -9.2e18 && v.number < 9.2e18))
            return eval_fail(c->ev, EXPR_FAILED_VALUE, "this number is no time");
        *value_out = value_int((int64_t)v.number);
        return true;
    }
    if (value_is_number(v)) {
        *value_out = v.type == VALUE_BOOL ? value_int(v.flag) : v;
        return true;
    }
    if (!parse_time(c, v, &time))
        return false;
    *value_out = value_float((double)time.integer / 1e6);
    return true;
}

static bool
function_duration(struct call *c, struct value *value_out)
{
    struct str text;
    struct duration d;
    if (!call_str(c, c->args[0], &text))
        return false;
    if (!iso_duration_parse(text, &d))
        return eval_fail(c->ev, EXPR_FAILED_VALUE, "\"%.*s\" is no ISO 8601 duration such as P1D",
                         STR_ARG(str_slice(text, 0, 40)));
    *value_out = value_duration(d);
    return true;
}

/* A whole number is read by the input format, by default as epoch seconds. */
static bool
read_input(struct call *c, struct value *value_out)
{
    struct str format = STR("%s"), text;
    struct value v = c->args[0];
    int64_t us;
    bool has_format = call_given(c, 2) && value_is_true(c->args[2]);
    if (has_format && !call_str(c, c->args[2], &format))
        return false;
    if (!value_is_integer(v) && !has_format)
        return parse_time(c, v, value_out);
    if (value_is_integer(v)) {
        if (!eval_text(c->ev, v.type == VALUE_BOOL ? value_int(v.flag) : v, &text))
            return false;
        if (!datetime_parse(text, format, &us))
            return eval_fail(c->ev, EXPR_FAILED_VALUE, "the date does not fit its input format");
        *value_out = value_datetime(us, 0, true);
        return true;
    }
    if (!call_str(c, v, &text))
        return false;
    if (!time_strptime(text, format, value_out))
        return eval_fail(c->ev, EXPR_FAILED_VALUE, "the date does not fit its input format");
    if (!value_out->flag)
        *value_out = value_datetime(value_out->integer, 0, true);
    return true;
}

static bool
function_format_datetime(struct call *c, struct value *value_out)
{
    struct str format, text;
    struct value v;
    if (!call_str(c, c->args[1], &format))
        return false;
    if (c->args[0].type == VALUE_DATETIME)
        return format_value(c, c->args[0], format, value_out);
    if (!read_input(c, &v))
        return false;
    text = time_format_value(c->ev->arena, v, format);
    if (str_is_none(text))
        return eval_full(c->ev);
    *value_out = value_str(text);
    return true;
}

/* ---- numbers and text ---- */

/* Of the arguments, or of the items of a single one. sign 1 for max. The first of equals wins. */
static bool
extreme(struct call *c, int sign, struct value *value_out)
{
    struct value_iter it;
    struct value source = c->args[0], item, best = value_undefined();
    if (c->given_count > 1) {
        struct value_list *list = ARENA_NEW(c->ev->arena, struct value_list);
        if (!list)
            return eval_full(c->ev);
        *list = (struct value_list){.items = c->args, .count = c->given_count, .size = c->given_count};
        source = (struct value){.type = VALUE_LIST, .list = list};
    }
    if (source.type == VALUE_UNDEFINED)
        return eval_fail_undefined(c->ev, source);
    if (!value_is_iterable(source))
        return call_fail_type(c, source, "a list, or several values");
    bool any = false;
    for (value_iter_init(&it, source); value_iter_next(&it, &item); any = true) {
        int order = 1;
        if (any && !eval_order(c->ev, item, best, &order))
            return false;
        if (!any || (order != 2 && order * sign > 0))
            best = item;
    }
    if (!any)
        return eval_fail(c->ev, EXPR_FAILED_VALUE, "%s was given an empty list", c->what);
    *value_out = best;
    return true;
}

static bool
function_max(struct call *c, struct value *value_out)
{
    return extreme(c, 1, value_out);
}

static bool
function_min(struct call *c, struct value *value_out)
{
    return extreme(c, -1, value_out);
}

static bool
function_sanitize_url(struct call *c, struct value *value_out)
{
    struct str text;
    struct buf b;
    if (!call_str(c, c->args[0], &text))
        return false;
    buf_init(&b, LIMIT_EXPRESSION_RESULT_BYTES);
    for (struct str rest = text; rest.len;) {
        struct str word;
        bool blank = str_cut(rest, ' ', &word, &rest);
        buf_add_percent(&b, word, "");
        if (blank)
            buf_add_char(&b, '+');
        if (!blank)
            break;
    }
    return eval_take_buf(c->ev, &b, value_out);
}

static bool
function_camel_case_to_snake_case(struct call *c, struct value *value_out)
{
    struct str text, lower;
    struct buf b;
    struct value spaced;
    if (!call_str(c, c->args[0], &text))
        return false;
    buf_init(&b, LIMIT_EXPRESSION_RESULT_BYTES);
    for (size_t i = 0; i < text.len; i++) {
        if (i > 0 && text.ptr[i] >= 'A' && text.ptr[i] <= 'Z')
            buf_add_char(&b, '_');
        buf_add_char(&b, text.ptr[i]);
    }
    if (!eval_take_buf(c->ev, &b, &spaced))
        return false;
    lower = pytext_lower(c->ev->arena, spaced.text);
    *value_out = value_str(lower);
    return !str_is_none(lower) || eval_full(c->ev);
}

/* A key file that a person pasted as text, say. */
static bool
function_json_loads(struct call *c, struct value *value_out)
{
    struct str text;
    struct err ignored = {0};
    if (!call_str(c, c->args[0], &text) || !eval_charge(c->ev, text.len / BYTES_PER_STEP))
        return false;
    yyjson_val *json = json_parse(c->ev->arena, text, JSON_NUMBERS_RAW, LIMIT_VALUE_DEPTH, &ignored);
    if (!json)
        return eval_fail(c->ev, EXPR_FAILED_VALUE, "json_loads was given no valid JSON");
    *value_out = value_from_json(json);
    return true;
}

/* ---- dicts ---- */

/* Copies a mapping, or a sequence of pairs, into a dict. */
static bool
copy_into(struct call *c, struct value dict, struct value source)
{
    struct value_iter it;
    struct value key, item;
    value_iter_init(&it, source);
    while (value_is_mapping(source) && value_iter_next_entry(&it, &key, &item)) {
        if (!eval_charge(c->ev, 1))
            return false;
        if (!value_dict_put_value(c->ev->arena, dict, key, item))
            return eval_full(c->ev);
    }
    while (value_is_sequence(source) && value_iter_next(&it, &item)) {
        if (!value_is_sequence(item) || value_count(item) != 2 || !value_is_hashable(value_at(item, 0)))
            return call_fail_type(c, item, "pairs of a key and a value");
        if (!eval_charge(c->ev, 1))
            return false;
        if (!value_dict_put_value(c->ev->arena, dict, value_at(item, 0), value_at(item, 1)))
            return eval_full(c->ev);
    }
    return true;
}

/* dict(a=1), namespace(a=1), and d.update(a=1): positional sources, then keywords. */
bool
call_fill_dict(struct call *c, struct value dict)
{
    if (dict.type == VALUE_UNDEFINED)
        return eval_full(c->ev);
    for (size_t i = 0; i < c->given_count; i++) {
        if (!value_is_mapping(c->args[i]) && !value_is_sequence(c->args[i]))
            return call_fail_type(c, c->args[i], "a dict");
        if (!copy_into(c, dict, c->args[i]))
            return false;
    }
    for (size_t i = 0; i < c->named_count; i++)
        if (!value_dict_put(c->ev->arena, dict, c->named[i].name, c->named[i].value))
            return eval_full(c->ev);
    return true;
}

static bool
function_dict(struct call *c, struct value *value_out)
{
    *value_out = value_dict_new(c->ev->arena);
    return call_fill_dict(c, *value_out);
}

static bool
function_namespace(struct call *c, struct value *value_out)
{
    *value_out = value_dict_new(c->ev->arena);
    value_out->flag = true;
    return call_fill_dict(c, *value_out);
}

const struct callable *
find_function(struct str name)
{
    static const struct callable functions[] = {
        {.name = "now_utc", .call = function_now_utc, .parameters = ""},
        {.name = "today_utc", .call = function_today_utc, .parameters = ""},
        {.name = "today_with_timezone", .call = function_today_with_timezone, .parameters = "timezone", .required = 1},
        {.name = "day_delta", .call = function_day_delta, .parameters = "num_days format", .required = 1},
        {.name = "duration", .call = function_duration, .parameters = "datestring", .required = 1},
        {.name = "format_datetime", .call = function_format_datetime, .parameters = "dt format input_format", .required = 2},
        {.name = "str_to_datetime", .call = function_str_to_datetime, .parameters = "s", .required = 1},
        {.name = "timestamp", .call = function_timestamp, .parameters = "dt", .required = 1},
        {.name = "max", .call = function_max, .parameters = "args", .required = 1, .variadic = true},
        {.name = "min", .call = function_min, .parameters = "args", .required = 1, .variadic = true},
        {.name = "sanitize_url", .call = function_sanitize_url, .parameters = "value", .required = 1},
        {.name = "camel_case_to_snake_case", .call = function_camel_case_to_snake_case, .parameters = "value", .required = 1},
        {.name = "json_loads", .call = function_json_loads, .parameters = "text", .required = 1},
        {.name = "dict", .call = function_dict, .parameters = "", .variadic = true},
        {.name = "namespace", .call = function_namespace, .parameters = "", .variadic = true},
    };
    return callable_find(functions, ARRAY_LEN(functions), name);
}
