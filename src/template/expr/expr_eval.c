/*
 * Evaluating trees: names, operators, calls; what looks into values is in expr_items.c.
 *
 * A missing key is not an error until it is used: it becomes an undefined value, which prints as nothing
 * and is false, but cannot be looked into. Work, depth and bytes are counted, as templates are untrusted:
 * whoever handles n items or bytes charges for them.
 */
#include <stdarg.h>

#include "base/check.h"
#include "base/limits.h"
#include "template/expr/expr_priv.h"

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
