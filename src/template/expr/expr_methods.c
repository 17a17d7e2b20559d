/*
 * Methods of values: what Python's list, dict, datetime and timedelta offer. One row each; those of text
 * stand in expr_methods_str.c.
 *
 * `append` and `update` change the object, but only one that the expression itself made: documents of the
 * vendor and the configuration are shared and never change.
 */
#include <math.h>

#include "base/limits.h"
#include "template/expr/expr_priv.h"
#include "template/expr/time_priv.h"

/* ---- list ---- */

static bool
fail_shared(struct call *c)
{
    return eval_fail(c->ev, EXPR_FAILED_TYPE, "%s cannot change a value that the expression did not make", c->what);
}

static bool
method_append(struct call *c, struct value *value_out)
{
    if (c->subject.type != VALUE_LIST || c->subject.list->tuple)
        return fail_shared(c);
    *value_out = value_none();
    return value_list_add(c->ev->arena, c->subject, c->args[0]) || eval_full(c->ev);
}

static bool
method_extend(struct call *c, struct value *value_out)
{
    struct value_iter it;
    struct value item;
    if (c->subject.type != VALUE_LIST || c->subject.list->tuple)
        return fail_shared(c);
    if (!value_is_iterable(c->args[0]))
        return call_fail_type(c, c->args[0], "a list");
    size_t count = value_count(c->args[0]); /* a list extended by itself must end */
    value_iter_init(&it, c->args[0]);
    for (size_t i = 0; i < count && value_iter_next(&it, &item); i++) {
        if (!eval_charge(c->ev, 1))
            return false;
        if (!value_list_add(c->ev->arena, c->subject, item))
            return eval_full(c->ev);
    }
    *value_out = value_none();
    return true;
}

static bool
method_index(struct call *c, struct value *value_out)
{
    struct value_iter it;
    struct value item;
    bool equal = false;
    int64_t place = 0;
    value_iter_init(&it, c->subject);
    for (; value_iter_next(&it, &item); place++) {
        if (!eval_equal(c->ev, item, c->args[0], &equal))
            return false;
        if (equal) {
            *value_out = value_int(place);
            return true;
        }
    }
    return eval_fail(c->ev, EXPR_FAILED_VALUE, "the value is not in the list");
}

static bool
method_count_items(struct call *c, struct value *value_out)
{
    struct value_iter it;
    struct value item;
    int64_t count = 0;
    value_iter_init(&it, c->subject);
    while (value_iter_next(&it, &item)) {
        bool equal;
        if (!eval_equal(c->ev, item, c->args[0], &equal))
            return false;
        count += equal;
    }
    *value_out = value_int(count);
    return true;
}

static bool
method_pop(struct call *c, struct value *value_out)
{
    int64_t place = -1;
    if (c->subject.type != VALUE_LIST || c->subject.list->tuple)
        return fail_shared(c);
    struct value_list *list = c->subject.list;
    if (call_given(c, 0) && !call_integer(c, c->args[0], &place))
        return false;
    place += place < 0 ? (int64_t)list->count : 0;
    if (place < 0 || (uint64_t)place >= list->count)
        return eval_fail(c->ev, EXPR_FAILED_VALUE, "there is no item at that place");
    *value_out = list->items[place];
    for (size_t i = (size_t)place; i + 1 < list->count; i++)
        list->items[i] = list->items[i + 1];
    list->count--;
    return eval_charge(c->ev, list->count / BYTES_PER_STEP);
}

/* ---- dict ---- */

static bool
method_get(struct call *c, struct value *value_out)
{
    if (c->args[0].type == VALUE_UNDEFINED && !value_is_hashable(c->args[0]))
        return eval_fail_undefined(c->ev, c->args[0]);
    if (!value_is_hashable(c->args[0]))
        return call_fail_type(c, c->args[0], "a key");
    *value_out = value_lookup(c->subject, c->args[0]);
    if (value_out->type == VALUE_UNDEFINED)
        *value_out = call_given(c, 1) ? c->args[1] : value_none();
    return true;
}

enum part { PART_KEY, PART_VALUE, PART_BOTH };

static bool
collect(struct call *c, enum part part, struct value *value_out)
{
    struct value_iter it;
    struct value key, item, list = value_list_new(c->ev->arena);
    value_iter_init(&it, c->subject);
    while (list.type == VALUE_LIST && value_iter_next_entry(&it, &key, &item)) {
        struct value one = part == PART_KEY ? key : item;
        if (!eval_charge(c->ev, 1))
            return false;
        if (part == PART_BOTH) {
            one = value_tuple_new(c->ev->arena);
            if (!value_list_add(c->ev->arena, one, key) || !value_list_add(c->ev->arena, one, item))
                return eval_full(c->ev);
        }
        if (!value_list_add(c->ev->arena, list, one))
            return eval_full(c->ev);
    }
    *value_out = list;
    return list.type == VALUE_LIST || eval_full(c->ev);
}

static bool
method_keys(struct call *c, struct value *value_out)
{
    return collect(c, PART_KEY, value_out);
}

static bool
method_values(struct call *c, struct value *value_out)
{
    return collect(c, PART_VALUE, value_out);
}

bool
call_items(struct call *c, struct value *value_out)
{
    return collect(c, PART_BOTH, value_out);
}

static bool
method_update(struct call *c, struct value *value_out)
{
    *value_out = value_none();
    return c->subject.type == VALUE_DICT ? call_fill_dict(c, c->subject) : fail_shared(c);
}

static bool
method_copy(struct call *c, struct value *value_out)
{
    struct call copy = *c;
    copy.args = &c->subject;
    copy.given_count = 1;
    *value_out = value_dict_new(c->ev->arena);
    return call_fill_dict(&copy, *value_out);
}

static bool
method_setdefault(struct call *c, struct value *value_out)
{
    if (c->subject.type != VALUE_DICT)
        return fail_shared(c);
    if (!value_is_hashable(c->args[0]))
        return call_fail_type(c, c->args[0], "a key");
    struct value *found = value_dict_find(c->subject, c->args[0]);
    *value_out = found ? *found : call_given(c, 1) ? c->args[1] : value_none();
    return found || value_dict_put_value(c->ev->arena, c->subject, c->args[0], *value_out) || eval_full(c->ev);
}

/* ---- times ---- */

static bool
method_strftime(struct call *c, struct value *value_out)
{
    struct str format;
    struct buf b;
    if (!call_str(c, c->args[0], &format) || !eval_charge(c->ev, format.len / 8))
        return false;
    buf_init(&b, LIMIT_EXPRESSION_RESULT_BYTES);
    time_strftime(&b, c->subject, format);
    return eval_take_buf(c->ev, &b, value_out);
}

/* timespec: how much of the second's fraction to write. */
static bool
method_isoformat(struct call *c, struct value *value_out)
{
    struct str separator = STR("T"), spec = STR("auto");
    struct buf b;
    if ((call_given(c, 0) && !call_str(c, c->args[0], &separator)) || (call_given(c, 1) && !call_str(c, c->args[1], &spec)))
        return false;
    if (separator.len != 1)
        return eval_fail(c->ev, EXPR_FAILED_TYPE, "the separator must be one character");
    int digits = str_eq(spec, STR("auto")) ? -1 : str_eq(spec, STR("seconds")) ? 0
               : str_eq(spec, STR("milliseconds")) ? 3 : str_eq(spec, STR("microseconds")) ? 6 : -2;
    if (digits == -2)
        return eval_fail(c->ev, EXPR_FAILED_VALUE, "the timespec \"%.*s\" is not known", STR_ARG(spec));
    buf_init(&b, LIMIT_EXPRESSION_RESULT_BYTES);
    time_add_iso_digits(&b, c->subject, separator.ptr[0], digits);
    return eval_take_buf(c->ev, &b, value_out);
}

static bool
method_timestamp(struct call *c, struct value *value_out)
{
    *value_out = value_float((double)c->subject.integer / 1e6);
    return true;
}

static bool
method_weekday(struct call *c, struct value *value_out)
{
    *value_out = value_int((civil_weekday(time_wall(c->subject)) + 6) % 7);
    return true;
}

static bool
method_isoweekday(struct call *c, struct value *value_out)
{
    *value_out = value_int((civil_weekday(time_wall(c->subject)) + 6) % 7 + 1);
    return true;
}

static bool
method_date(struct call *c, struct value *value_out)
{
    *value_out = value_date(c->subject.integer + c->subject.offset_s * US_PER_S);
    return true;
}

static bool
method_total_seconds(struct call *c, struct value *value_out)
{
    if (c->subject.months)
        return eval_fail(c->ev, EXPR_FAILED_TYPE, "months and years have no fixed number of seconds");
    *value_out = value_float((double)c->subject.integer / 1e6);
    return true;
}

/* replace(hour=0, minute=0): fields by keyword. */
static bool
method_replace_fields(struct call *c, struct value *value_out)
{
    struct civil civil = time_wall(c->subject);
    int *const fields[] = {&civil.year, &civil.month, &civil.day, &civil.hour, &civil.minute, &civil.second, &civil.microsecond};
    static const char *const names[] = {"year", "month", "day", "hour", "minute", "second", "microsecond"};
    static const int low[] = {1, 1, 1, 0, 0, 0, 0}, high[] = {9999, 12, 31, 23, 59, 59, 999999};
    for (size_t i = 0; i < c->named_count; i++) {
        size_t field = 0;
        int64_t number;
        while (field < ARRAY_LEN(names) && !str_eq_c(c->named[i].name, names[field]))
            field++;
        if (field == ARRAY_LEN(names))
            return eval_fail(c->ev, EXPR_FAILED_TYPE, "%s cannot replace \"%.*s\"", c->what, STR_ARG(c->named[i].name));
        if (!call_integer(c, c->named[i].value, &number))
            return false;
        if (number < low[field] || number > high[field])
            return eval_fail(c->ev, EXPR_FAILED_VALUE, "there is no %s %lld", names[field], (long long)number);
        *fields[field] = (int)number;
    }
    if (c->given_count || civil.day > civil_days_in_month(civil.year, civil.month))
        return eval_fail(c->ev, EXPR_FAILED_VALUE, "there is no such day");
    *value_out = c->subject;
    value_out->integer = civil_to_us(civil) - c->subject.offset_s * US_PER_S;
    return true;
}

static bool
method_is_integer(struct call *c, struct value *value_out)
{
    *value_out = value_bool(isfinite(c->subject.number) && floor(c->subject.number) == c->subject.number);
    return true;
}

static const struct callable methods[] = {
    {.name = "get", .call = method_get, .parameters = "key default", .required = 1, .types = TYPES_MAPPING},
    {.name = "items", .call = call_items, .parameters = "", .types = TYPES_MAPPING},
    {.name = "keys", .call = method_keys, .parameters = "", .types = TYPES_MAPPING},
    {.name = "values", .call = method_values, .parameters = "", .types = TYPES_MAPPING},
    {.name = "update", .call = method_update, .parameters = "", .variadic = true, .types = TYPES_MAPPING},
    {.name = "copy", .call = method_copy, .parameters = "", .types = TYPES_MAPPING},
    {.name = "setdefault", .call = method_setdefault, .parameters = "key default", .required = 1, .types = TYPES_MAPPING},
    {.name = "append", .call = method_append, .parameters = "object", .required = 1, .types = TYPES_SEQUENCE},
    {.name = "extend", .call = method_extend, .parameters = "iterable", .required = 1, .types = TYPES_SEQUENCE},
    {.name = "index", .call = method_index, .parameters = "value", .required = 1, .types = TYPES_SEQUENCE},
    {.name = "count", .call = method_count_items, .parameters = "value", .required = 1, .types = TYPES_SEQUENCE},
    {.name = "pop", .call = method_pop, .parameters = "index", .types = TYPES_SEQUENCE},
    {.name = "strftime", .call = method_strftime, .parameters = "format", .required = 1, .types = TYPES_DAY},
    {.name = "isoformat", .call = method_isoformat, .parameters = "sep timespec", .types = TYPES_DAY},
    {.name = "weekday", .call = method_weekday, .parameters = "", .types = TYPES_DAY},
    {.name = "isoweekday", .call = method_isoweekday, .parameters = "", .types = TYPES_DAY},
    {.name = "replace", .call = method_replace_fields, .parameters = "", .variadic = true, .types = TYPES_DAY},
    {.name = "timestamp", .call = method_timestamp, .parameters = "", .types = TYPE_BIT(VALUE_DATETIME)},
    {.name = "date", .call = method_date, .parameters = "", .types = TYPE_BIT(VALUE_DATETIME)},
    {.name = "total_seconds", .call = method_total_seconds, .parameters = "", .types = TYPE_BIT(VALUE_DURATION)},
    {.name = "is_integer", .call = method_is_integer, .parameters = "", .types = TYPE_BIT(VALUE_FLOAT)},
};

/* A JSON value is either an array or an object: rows for the other kind do not count. */
static bool
has_type(const struct callable *row, struct value object)
{
    if (!(row->types & TYPE_BIT(object.type)))
        return false;
    return object.type != VALUE_JSON || value_is_mapping(object) == (row->types == TYPES_MAPPING);
}

const struct callable *
find_method(struct value object, struct str name)
{
    if (object.type == VALUE_DICT && object.flag) /* a namespace or loop has no methods of a dict */
        return NULL;
    if (object.type == VALUE_STR)
        return callable_find(str_methods, str_method_count, name);
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (has_type(&methods[i], object) && str_eq_c(name, methods[i].name))
            return &methods[i];
    return NULL;
}
