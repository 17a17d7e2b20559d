/*
 * Looking into values: object.name, object[key] and object[from:to:step].
 *
 * What makes it hard: all of them follow Python and Jinja, where a name may be a key and a key a name, places count
 * from the end when they are negative, and the bounds of a slice are bent into the sequence instead of failing. A
 * template is untrusted, so walking to a place is charged by what it costs.
 */
#include "base/limits.h"
#include "template/expr/expr_priv.h"
#include "template/expr/time_priv.h"

/* A place in a sequence of `count`, negative ones from the end. False when outside. */
static bool
place_of(int64_t index, size_t count, size_t *place_out)
{
    if (index < 0)
        index += (int64_t)count;
    *place_out = (size_t)index;
    return index >= 0 && (uint64_t)index < count;
}

static struct value
item_at(struct value object, int64_t index)
{
    size_t place;
    if (value_is_sequence(object) && place_of(index, value_count(object), &place))
        return value_at(object, place);
    if (object.type == VALUE_STR && place_of(index, value_count(object), &place))
        return value_str(pytext_slice(object.text, place, place + 1));
    return value_undefined();
}

bool
eval_item(struct eval *ev, struct value object, struct value key, struct value *value_out)
{
    if (object.type == VALUE_UNDEFINED)
        return eval_fail_undefined(ev, object);
    size_t work = object.type == VALUE_STR ? object.text.len : object.type == VALUE_JSON ? yyjson_get_len(object.json) : 0;
    if (!eval_charge(ev, work / BYTES_PER_STEP))
        return false;
    struct value found = value_undefined();
    if (value_is_mapping(object) && value_is_hashable(key))
        found = value_lookup(object, key);
    else if (value_is_integer(key))
        found = item_at(object, value_to_integer(key));
    else if (key.type == VALUE_STR)
        return eval_attribute(ev, object, key.text, value_out);
    if (found.type == VALUE_UNDEFINED && str_is_none(found.text)) {
        struct str what = STR_NONE;
        if (!eval_text(ev, key, &what))
            return false;
        found = eval_missing(what);
    }
    *value_out = found;
    return true;
}

/* The fields of the time types: .year, .days. */
static bool
time_field(struct value object, struct str name, struct value *value_out)
{
    if (object.type == VALUE_DURATION) {
        int64_t us = object.integer, days = us / US_PER_DAY - (us % US_PER_DAY < 0);
        int64_t rest = us - days * US_PER_DAY;
        *value_out = value_int(str_eq(name, STR("days")) ? days : str_eq(name, STR("seconds")) ? rest / US_PER_S : rest % US_PER_S);
        return str_eq(name, STR("days")) || str_eq(name, STR("seconds")) || str_eq(name, STR("microseconds"));
    }
    if (object.type != VALUE_DATETIME && object.type != VALUE_DATE)
        return false;
    struct civil c = time_wall(object);
    const struct {
        const char *name;
        int value;
        bool of_date;
    } fields[] = {{"year", c.year, true},      {"month", c.month, true},    {"day", c.day, true},
                  {"hour", c.hour, false},     {"minute", c.minute, false}, {"second", c.second, false},
                  {"microsecond", c.microsecond, false}};
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (str_eq_c(name, fields[i].name) && (fields[i].of_date || object.type == VALUE_DATETIME)) {
            *value_out = value_int(fields[i].value);
            return true;
        }
    return false;
}

bool
eval_attribute(struct eval *ev, struct value object, struct str name, struct value *value_out)
{
    if (object.type == VALUE_UNDEFINED)
        return eval_fail_undefined(ev, object);
    if (time_field(object, name, value_out))
        return true;
    struct value found = value_lookup(object, value_str(name));
    *value_out = found.type == VALUE_UNDEFINED && str_is_none(found.text) ? eval_missing(name) : found;
    return true;
}

struct slice {
    int64_t from, to, step;
};

static int64_t
clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* Python's slice.indices(count): where a slice really begins and ends. */
static bool
slice_bounds(struct eval *ev, const struct value *parts, size_t count, struct slice *slice_out)
{
    struct slice s = {.step = 1};
    int64_t length = (int64_t)count;
    if (parts[2].type != VALUE_NONE)
        s.step = value_to_integer(parts[2]);
    if (s.step == 0 || s.step == INT64_MIN)
        return eval_fail(ev, EXPR_FAILED_VALUE, "the step of a slice cannot be that");
    int64_t low = s.step > 0 ? 0 : -1, high = s.step > 0 ? length : length - 1;
    s.from = s.step > 0 ? low : high;
    s.to = s.step > 0 ? high : low;
    for (size_t i = 0; i < 2; i++) {
        if (parts[i].type == VALUE_NONE)
            continue;
        int64_t at = clamp(value_to_integer(parts[i]), -length - 1, length);
        at = clamp(at < 0 ? at + length : at, low, high);
        *(i ? &s.to : &s.from) = at;
    }
    *slice_out = s;
    return true;
}

/* The items (or characters) of a sequence as an array, so that places are reached at once. */
static bool
items_of(struct eval *ev, struct value v, struct value *list_out)
{
    if (v.type == VALUE_LIST) {
        *list_out = v;
        return true;
    }
    struct value list = value_list_new(ev->arena), item;
    struct value_iter it;
    value_iter_init(&it, v);
    while (list.type == VALUE_LIST && value_iter_next(&it, &item)) {
        if (!eval_charge(ev, 1))
            return false;
        if (!value_list_add(ev->arena, list, item))
            return eval_full(ev);
    }
    *list_out = list;
    return list.type == VALUE_LIST || eval_full(ev);
}

static bool
slice_items(struct eval *ev, struct value list, struct slice s, bool as_text, struct value *value_out)
{
    struct value result = list.list->tuple ? value_tuple_new(ev->arena) : value_list_new(ev->arena);
    struct buf b;
    buf_init(&b, LIMIT_EXPRESSION_RESULT_BYTES);
    bool ok = result.type == VALUE_LIST || eval_full(ev);
    for (int64_t i = s.from; ok && (s.step > 0 ? i < s.to : i > s.to);) {
        struct value item = list.list->items[i];
        ok = eval_charge(ev, 1) && ((as_text ? buf_add(&b, item.text) : value_list_add(ev->arena, result, item)) || eval_full(ev));
        if (__builtin_add_overflow(i, s.step, &i))
            break;
    }
    if (ok && as_text)
        return eval_take_buf(ev, &b, value_out);
    buf_release(&b);
    *value_out = result;
    return ok;
}

bool
eval_slice(struct eval *ev, const struct node *node, struct value *value_out)
{
    struct value object, parts[3], list = value_none();
    struct slice s = {0};
    if (!eval_node(ev, node->left, &object))
        return false;
    for (size_t i = 0; i < 3; i++)
        if (!eval_node(ev, node->items[i], &parts[i]))
            return false;
    if (object.type == VALUE_UNDEFINED)
        return eval_fail_undefined(ev, object);
    if (object.type != VALUE_STR && !value_is_sequence(object))
        return eval_fail(ev, EXPR_FAILED_TYPE, "a %s cannot be sliced", value_type_name(object));
    for (size_t i = 0; i < 3; i++)
        if (parts[i].type != VALUE_NONE && !value_is_integer(parts[i]))
            return eval_fail(ev, EXPR_FAILED_TYPE, "a %s cannot bound a slice", value_type_name(parts[i]));
    if (!slice_bounds(ev, parts, value_count(object), &s))
        return false;
    if (object.type == VALUE_STR && s.step == 1) { /* the usual case: bytes are shared */
        *value_out = value_str(pytext_slice(object.text, (size_t)s.from, (size_t)(s.to > s.from ? s.to : s.from)));
        return eval_charge(ev, object.text.len / BYTES_PER_STEP);
    }
    return items_of(ev, object, &list) && slice_items(ev, list, s, object.type == VALUE_STR, value_out);
}
