/*
 * Evaluating trees: names, look-ups, slices, operators, calls.
 *
 * A missing key is not an error until it is used: it becomes an undefined value, which prints as nothing
 * and is false, but cannot be looked into. Work, depth and bytes are counted, as templates are untrusted:
 * whoever handles n items or bytes charges for them.
 */
#include <stdarg.h>

#include "base/check.h"
#include "base/limits.h"
#include "template/expr/expr_priv.h"
#include "template/expr/time_priv.h"

#define QUOTED_BYTES_MAX 120 /* of the expression in an error message */

/* ---- failing ---- */

bool
eval_fail(struct eval *ev, enum expr_failure failure, const char *format, ...)
{
    struct str source = str_slice(ev->expr->source, 0, QUOTED_BYTES_MAX);
    char words[ERR_MESSAGE_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof(words), format, args);
    va_end(args);
    ev->scope->failure = failure;
    err_set(ev->err, failure == EXPR_FAILED_LIMIT ? E_LIMIT : E_EXPRESSION, "The expression \"%.*s%s\" failed: %s",
            STR_ARG(source), source.len < ev->expr->source.len ? "..." : "", words);
    return false;
}

bool
eval_fail_undefined(struct eval *ev, struct value undefined)
{
    return eval_fail(ev, EXPR_FAILED_UNDEFINED, "\"%.*s\" is missing there, so it cannot be looked into or calculated with",
                     STR_ARG(undefined.text));
}

bool
eval_full(struct eval *ev)
{
    return eval_fail(ev, EXPR_FAILED_LIMIT, "it needs more memory than an expression may have");
}

bool
eval_charge(struct eval *ev, size_t steps)
{
    if (ev->scope->steps_left < steps) {
        ev->scope->steps_left = 0;
        return eval_fail(ev, EXPR_FAILED_LIMIT, "it does more than %d steps", LIMIT_EXPRESSION_STEPS);
    }
    ev->scope->steps_left -= (unsigned)steps;
    if (ev->arena->used_bytes - ev->arena_start_bytes > LIMIT_EXPRESSION_MEMORY_BYTES)
        return eval_full(ev);
    return true;
}

struct value
eval_missing(struct str what)
{
    return (struct value){.type = VALUE_UNDEFINED, .text = what};
}

bool
eval_text(struct eval *ev, struct value v, struct str *text_out)
{
    struct str text = value_to_python(ev->arena, v);
    if (str_is_none(text))
        return eval_full(ev);
    *text_out = text;
    return true;
}

bool
eval_take_buf(struct eval *ev, struct buf *b, struct value *value_out)
{
    struct str text = buf_ok(b) ? str_copy(ev->arena, buf_str(b)) : STR_NONE;
    buf_release(b);
    if (str_is_none(text))
        return eval_full(ev);
    *value_out = value_str(text);
    return true;
}

/* ---- look-ups ---- */

static struct str
canonical_name(struct str name)
{
    if (str_eq(name, STR("stream_interval")) || str_eq(name, STR("stream_partition")))
        return STR("stream_slice");
    return name;
}

const struct value *
eval_find_variable(const struct expr_scope *scope, struct str name)
{
    for (size_t i = 0; i < scope->count; i++)
        if (str_eq(scope->variables[i].name, name))
            return &scope->variables[i].value;
    struct str other = canonical_name(name);
    return other.ptr != name.ptr ? eval_find_variable(scope, other) : NULL;
}

static bool
eval_name(struct eval *ev, const struct node *node, struct value *value_out)
{
    for (const struct binding *b = ev->locals; b; b = b->next)
        if (str_eq(b->name, node->name)) {
            *value_out = b->value;
            return true;
        }
    const struct value *value = eval_find_variable(ev->scope, node->name);
    if (!value && find_function(node->name))
        return eval_fail(ev, EXPR_FAILED_TYPE, "\"%.*s\" is a function: call it with ()", STR_ARG(node->name));
    *value_out = value ? *value : eval_missing(node->name);
    return true;
}

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

/* ---- slices ---- */

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

static bool
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

/* ---- nodes ---- */

static bool
eval_items(struct eval *ev, const struct node *node, struct value *value_out)
{
    struct value list = node->type == NODE_TUPLE ? value_tuple_new(ev->arena) : value_list_new(ev->arena), item;
    for (size_t i = 0; list.type == VALUE_LIST && i < node->count; i++) {
        if (!eval_node(ev, node->items[i], &item))
            return false;
        if (!value_list_add(ev->arena, list, item))
            return eval_full(ev);
    }
    *value_out = list;
    return list.type == VALUE_LIST || eval_full(ev);
}

static bool
eval_dict(struct eval *ev, const struct node *node, struct value *value_out)
{
    struct value dict = value_dict_new(ev->arena), key, item;
    for (size_t i = 0; dict.type == VALUE_DICT && i + 1 < node->count; i += 2) {
        if (!eval_node(ev, node->items[i], &key) || !eval_node(ev, node->items[i + 1], &item))
            return false;
        if (!value_is_hashable(key))
            return eval_fail(ev, EXPR_FAILED_TYPE, "a %s cannot be a key", value_type_name(key));
        if (!value_dict_put_value(ev->arena, dict, key, item))
            return eval_full(ev);
    }
    *value_out = dict;
    return dict.type == VALUE_DICT || eval_full(ev);
}

static bool
eval_concat(struct eval *ev, const struct node *node, struct value *value_out)
{
    struct buf b;
    struct value item;
    buf_init(&b, LIMIT_EXPRESSION_RESULT_BYTES);
    for (size_t i = 0; i < node->count; i++) {
        bool ok = eval_node(ev, node->items[i], &item);
        if (!ok || !value_add_str(&b, item)) {
            buf_release(&b);
            return ok ? eval_full(ev) : false;
        }
    }
    return eval_take_buf(ev, &b, value_out);
}

/* a < b < c holds when each step does; an operand is evaluated once, and not after the first "no". */
static bool
eval_comparison(struct eval *ev, const struct node *node, struct value *value_out)
{
    struct value left, right;
    bool result = true;
    if (!eval_node(ev, node->left, &left))
        return false;
    for (size_t i = 0; result && i < node->count; i++, left = right)
        if (!eval_node(ev, node->items[i], &right) || !eval_compare(ev, node->operators[i], left, right, &result))
            return false;
    *value_out = value_bool(result);
    return true;
}

static bool
eval_condition(struct eval *ev, const struct node *node, struct value *value_out)
{
    struct value test;
    if (!eval_node(ev, node->right, &test))
        return false;
    if (value_is_true(test))
        return eval_node(ev, node->left, value_out);
    if (node->third)
        return eval_node(ev, node->third, value_out);
    *value_out = eval_missing(STR("the else of an inline if"));
    return true;
}

static bool
eval_and_or(struct eval *ev, const struct node *node, struct value *value_out)
{
    if (!eval_node(ev, node->left, value_out))
        return false;
    return value_is_true(*value_out) == (node->type == NODE_OR) || eval_node(ev, node->right, value_out);
}

/* ---- calls ---- */

static bool
eval_arguments(struct eval *ev, const struct node *node, struct arguments *arguments_out)
{
    struct value *positional = ARENA_ARRAY(ev->arena, struct value, node->count + 1);
    struct named_value *named = ARENA_ARRAY(ev->arena, struct named_value, node->named_count + 1);
    if (!positional || !named)
        return eval_full(ev);
    for (size_t i = 0; i < node->count; i++)
        if (!eval_node(ev, node->items[i], &positional[i]))
            return false;
    for (size_t i = 0; i < node->named_count; i++) {
        named[i].name = node->named[i].name;
        if (!eval_node(ev, node->named[i].node, &named[i].value))
            return false;
    }
    *arguments_out = (struct arguments){positional, node->count, named, node->named_count};
    return true;
}

static bool
eval_function(struct eval *ev, const struct node *node, struct value *value_out)
{
    struct arguments arguments;
    const struct value *variable = eval_find_variable(ev->scope, node->name);
    if (variable)
        return eval_fail(ev, EXPR_FAILED_TYPE, "\"%.*s\" is a %s and cannot be called", STR_ARG(node->name),
                         value_type_name(*variable));
    if (!node->callable)
        return eval_fail(ev, EXPR_FAILED_UNKNOWN, "there is no function \"%.*s\"", STR_ARG(node->name));
    return eval_arguments(ev, node, &arguments) &&
           call_invoke(ev, node->callable, "function", value_undefined(), arguments, node, value_out);
}

static bool
eval_method(struct eval *ev, const struct node *node, struct value *value_out)
{
    struct value object;
    struct arguments arguments;
    if (!eval_node(ev, node->left, &object))
        return false;
    if (object.type == VALUE_UNDEFINED)
        return eval_fail_undefined(ev, object);
    const struct callable *method = find_method(object, node->name);
    if (!method) {
        struct value member = value_lookup(object, value_str(node->name));
        if (member.type == VALUE_UNDEFINED)
            return eval_fail(ev, EXPR_FAILED_UNDEFINED, "a %s has no method \"%.*s\"", value_type_name(object), STR_ARG(node->name));
        return eval_fail(ev, EXPR_FAILED_TYPE, "\"%.*s\" is a %s and cannot be called", STR_ARG(node->name), value_type_name(member));
    }
    return eval_arguments(ev, node, &arguments) &&
           call_invoke(ev, method, "method", object, arguments, node, value_out);
}

static bool
eval_filter_or_test(struct eval *ev, const struct node *node, struct value *value_out)
{
    struct value subject;
    struct arguments arguments;
    const char *kind = node->type == NODE_FILTER ? "filter" : "test";
    if (!node->callable)
        return eval_fail(ev, EXPR_FAILED_UNKNOWN, "there is no %s \"%.*s\"", kind, STR_ARG(node->name));
    return eval_node(ev, node->left, &subject) && eval_arguments(ev, node, &arguments) &&
           call_invoke(ev, node->callable, kind, subject, arguments, node, value_out);
}

static bool
eval_unary(struct eval *ev, const struct node *node, struct value *value_out)
{
    struct value v;
    if (!eval_node(ev, node->left, &v))
        return false;
    if (node->type == NODE_NEGATIVE)
        return eval_negative(ev, v, value_out);
    if (node->type == NODE_NOT)
        v = value_bool(!value_is_true(v));
    else if (v.type == VALUE_UNDEFINED)
        return eval_fail_undefined(ev, v);
    else if (!value_is_number(v))
        return eval_fail(ev, EXPR_FAILED_TYPE, "a %s has no sign", value_type_name(v));
    *value_out = v.type == VALUE_BOOL && node->type == NODE_POSITIVE ? value_int(v.flag) : v;
    return true;
}

static bool
eval_binary(struct eval *ev, const struct node *node, struct value *value_out)
{
    struct value left, right;
    if (!eval_node(ev, node->left, &left) || !eval_node(ev, node->right, &right))
        return false;
    return node->type == NODE_ITEM ? eval_item(ev, left, right, value_out)
                                   : eval_arithmetic(ev, node->operator, left, right, value_out);
}

static bool
eval_by_type(struct eval *ev, const struct node *node, struct value *value_out)
{
    struct value object;
    switch (node->type) {
    case NODE_CONSTANT: *value_out = node->constant; return true;
    case NODE_NAME: return eval_name(ev, node, value_out);
    case NODE_LIST:
    case NODE_TUPLE: return eval_items(ev, node, value_out);
    case NODE_DICT: return eval_dict(ev, node, value_out);
    case NODE_ATTRIBUTE: return eval_node(ev, node->left, &object) && eval_attribute(ev, object, node->name, value_out);
    case NODE_ITEM:
    case NODE_ARITHMETIC: return eval_binary(ev, node, value_out);
    case NODE_SLICE: return eval_slice(ev, node, value_out);
    case NODE_FUNCTION: return eval_function(ev, node, value_out);
    case NODE_METHOD: return eval_method(ev, node, value_out);
    case NODE_FILTER:
    case NODE_TEST: return eval_filter_or_test(ev, node, value_out);
    case NODE_NOT:
    case NODE_NEGATIVE:
    case NODE_POSITIVE: return eval_unary(ev, node, value_out);
    case NODE_AND:
    case NODE_OR: return eval_and_or(ev, node, value_out);
    case NODE_CONCAT: return eval_concat(ev, node, value_out);
    case NODE_COMPARE: return eval_comparison(ev, node, value_out);
    case NODE_CONDITION: return eval_condition(ev, node, value_out);
    }
    UNREACHABLE("every node type is above");
}

bool
eval_node(struct eval *ev, const struct node *node, struct value *value_out)
{
    return eval_charge(ev, 1) && eval_by_type(ev, node, value_out);
}
