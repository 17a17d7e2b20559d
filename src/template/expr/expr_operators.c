/*
 * Operators on values, with Python's meaning: arithmetic, order, equality, `in`, and text % values.
 *
 * Whole numbers have 64 bits here; what passes them fails by name instead of wrapping or rounding (I-10).
 */
#include <math.h>
#include <string.h>

#include "base/limits.h"
#include "template/expr/expr_priv.h"
#include "template/expr/time_priv.h"

static const char *
operator_text(enum operator operator)
{
    static const char *const texts[] = {"+", "-", "*", "/", "//", "%", "**", "==", "!=", "<", "<=", ">", ">=", "in", "not in"};
    return texts[operator];
}

static bool
fail_types(struct eval *ev, enum operator operator, struct value left, struct value right)
{
    if (left.type == VALUE_UNDEFINED)
        return eval_fail_undefined(ev, left);
    if (right.type == VALUE_UNDEFINED)
        return eval_fail_undefined(ev, right);
    return eval_fail(ev, EXPR_FAILED_TYPE, "\"%s\" does not work between a %s and a %s", operator_text(operator),
                     value_type_name(left), value_type_name(right));
}

static bool
fail_overflow(struct eval *ev)
{
    return eval_fail(ev, EXPR_FAILED_VALUE, "the result is too large a number");
}

static bool
fail_zero(struct eval *ev)
{
    return eval_fail(ev, EXPR_FAILED_VALUE, "division by zero");
}

/* ---- numbers ---- */

static int64_t
floor_divide(int64_t a, int64_t b)
{
    return a / b - (a % b != 0 && (a % b < 0) != (b < 0));
}

static bool
power_integer(struct eval *ev, int64_t base, int64_t exponent, struct value *value_out)
{
    int64_t result = 1;
    if (exponent < 0) {
        if (base == 0)
            return fail_zero(ev);
        *value_out = value_float(pow((double)base, (double)exponent));
        return true;
    }
    for (; exponent > 0; exponent >>= 1) {
        if ((exponent & 1) && __builtin_mul_overflow(result, base, &result))
            return fail_overflow(ev);
        if (exponent > 1 && __builtin_mul_overflow(base, base, &base))
            return fail_overflow(ev);
    }
    *value_out = value_int(result);
    return true;
}

static bool
integers(struct eval *ev, enum operator operator, int64_t a, int64_t b, struct value *value_out)
{
    int64_t result = 0;
    bool overflow = false, divides = operator == OPERATOR_DIVIDE || operator == OPERATOR_FLOOR_DIVIDE || operator == OPERATOR_MODULO;
    if (divides && b == 0)
        return fail_zero(ev);
    if (operator == OPERATOR_POWER)
        return power_integer(ev, a, b, value_out);
    if (operator == OPERATOR_DIVIDE) {
        *value_out = value_float((double)a / (double)b);
        return true;
    }
    if (operator == OPERATOR_ADD)
        overflow = __builtin_add_overflow(a, b, &result);
    else if (operator == OPERATOR_SUBTRACT)
        overflow = __builtin_sub_overflow(a, b, &result);
    else if (operator == OPERATOR_MULTIPLY)
        overflow = __builtin_mul_overflow(a, b, &result);
    else if (b == -1)
        overflow = operator == OPERATOR_FLOOR_DIVIDE && __builtin_sub_overflow(INT64_C(0), a, &result);
    else
        result = operator == OPERATOR_FLOOR_DIVIDE ? floor_divide(a, b) : a - floor_divide(a, b) * b;
    *value_out = value_int(result);
    return !overflow || fail_overflow(ev);
}

static double
modulo_double(double a, double b)
{
    double rest = fmod(a, b);
    return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

static bool
doubles(struct eval *ev, enum operator operator, double a, double b, struct value *value_out)
{
    double result = 0;
    bool divides = operator == OPERATOR_DIVIDE || operator == OPERATOR_FLOOR_DIVIDE || operator == OPERATOR_MODULO;
    if (divides && b == 0)
        return fail_zero(ev);
    if (operator == OPERATOR_ADD)
        result = a + b;
    else if (operator == OPERATOR_SUBTRACT)
        result = a - b;
    else if (operator == OPERATOR_MULTIPLY)
        result = a * b;
    else if (operator == OPERATOR_DIVIDE)
        result = a / b;
    else if (operator == OPERATOR_POWER)
        result = pow(a, b);
    else
        result = operator == OPERATOR_MODULO ? modulo_double(a, b) : floor((a - modulo_double(a, b)) / b + 0.5);
    if (operator == OPERATOR_POWER && (isnan(result) || (isinf(result) && isfinite(a) && isfinite(b))))
        return fail_overflow(ev);
    *value_out = value_float(result);
    return true;
}

static bool
numbers(struct eval *ev, enum operator operator, struct value left, struct value right, struct value *value_out)
{
    if (value_is_integer(left) && value_is_integer(right))
        return integers(ev, operator, value_to_integer(left), value_to_integer(right), value_out);
    if (left.type != VALUE_FLOAT && right.type != VALUE_FLOAT)
        return fail_overflow(ev);
    return doubles(ev, operator, value_to_double(left), value_to_double(right), value_out);
}

/* ---- sequences ---- */

static bool
join_texts(struct eval *ev, struct str left, struct str right, struct value *value_out)
{
    if (left.len + right.len > LIMIT_EXPRESSION_RESULT_BYTES)
        return eval_full(ev);
    struct str joined = str_join2(ev->arena, left, right);
    if (str_is_none(joined))
        return eval_full(ev);
    *value_out = value_str(joined);
    return eval_charge(ev, joined.len / BYTES_PER_STEP);
}

static bool
append_all(struct eval *ev, struct value list, struct value source)
{
    struct value_iter it;
    struct value item;
    value_iter_init(&it, source);
    while (value_iter_next(&it, &item)) {
        if (!eval_charge(ev, 1))
            return false;
        if (!value_list_add(ev->arena, list, item))
            return eval_full(ev);
    }
    return true;
}

static bool
is_tuple(struct value v)
{
    return v.type == VALUE_LIST && v.list->tuple;
}

static bool
join_sequences(struct eval *ev, struct value left, struct value right, struct value *value_out)
{
    if (is_tuple(left) != is_tuple(right))
        return fail_types(ev, OPERATOR_ADD, left, right);
    *value_out = is_tuple(left) ? value_tuple_new(ev->arena) : value_list_new(ev->arena);
    if (value_out->type == VALUE_UNDEFINED)
        return eval_full(ev);
    return append_all(ev, *value_out, left) && append_all(ev, *value_out, right);
}

static bool
repeat(struct eval *ev, struct value v, int64_t times, struct value *value_out)
{
    if (v.type != VALUE_STR) {
        *value_out = is_tuple(v) ? value_tuple_new(ev->arena) : value_list_new(ev->arena);
        for (int64_t i = 0; value_out->type == VALUE_LIST && value_count(v) > 0 && i < times; i++)
            if (!append_all(ev, *value_out, v))
                return false;
        return value_out->type == VALUE_LIST || eval_full(ev);
    }
    size_t bytes;
    times = times < 0 ? 0 : times;
    if (__builtin_mul_overflow(v.text.len, (size_t)times, &bytes) || bytes > LIMIT_EXPRESSION_RESULT_BYTES)
        return eval_full(ev);
    char *text = arena_alloc_bytes(ev->arena, bytes + 1);
    for (size_t i = 0; text && v.text.len && i < bytes; i += v.text.len)
        memcpy(text + i, v.text.ptr, v.text.len);
    *value_out = value_str((struct str){text, bytes});
    return text ? eval_charge(ev, bytes / BYTES_PER_STEP) : eval_full(ev);
}

/* ---- times ---- */

static bool
is_day(struct value v)
{
    return v.type == VALUE_DATETIME || v.type == VALUE_DATE;
}

static bool
shift_time(struct eval *ev, struct value time, struct value duration, int sign, struct value *value_out)
{
    return time_shift(time, duration, sign, value_out) ||
           eval_fail(ev, EXPR_FAILED_VALUE, "the resulting date is outside the years 1 to 9999");
}

static bool
scale_duration(struct eval *ev, struct value duration, double factor, struct value *value_out)
{
    double us = (double)duration.integer * factor;
    if (!(fabs(us) < 9e18))
        return fail_overflow(ev);
    *value_out = value_duration((struct duration){.us = (int64_t)llrint(us), .months = duration.months * (int64_t)factor});
    return true;
}

static bool
add_durations(struct eval *ev, struct value left, struct value right, int sign, struct value *value_out)
{
    struct duration d;
    if (__builtin_mul_overflow(right.integer, sign, &d.us) || __builtin_add_overflow(left.integer, d.us, &d.us) ||
        __builtin_mul_overflow(right.months, sign, &d.months) || __builtin_add_overflow(left.months, d.months, &d.months))
        return fail_overflow(ev);
    *value_out = value_duration(d);
    return true;
}

static bool
times(struct eval *ev, enum operator operator, struct value left, struct value right, struct value *value_out)
{
    bool adds = operator == OPERATOR_ADD, subtracts = operator == OPERATOR_SUBTRACT;
    int sign = adds ? 1 : -1;
    bool right_duration = right.type == VALUE_DURATION, left_duration = left.type == VALUE_DURATION;
    if ((adds || subtracts) && left_duration && right_duration)
        return add_durations(ev, left, right, sign, value_out);
    if ((adds || subtracts) && is_day(left) && right_duration)
        return shift_time(ev, left, right, sign, value_out);
    if (adds && left_duration && is_day(right))
        return shift_time(ev, right, left, 1, value_out);
    if (subtracts && is_day(left) && left.type == right.type && left.flag == right.flag) {
        *value_out = value_duration((struct duration){.us = left.integer - right.integer});
        return true;
    }
    if (operator == OPERATOR_MULTIPLY && left_duration && value_is_number(right))
        return scale_duration(ev, left, value_to_double(right), value_out);
    if (operator == OPERATOR_MULTIPLY && right_duration && value_is_number(left))
        return scale_duration(ev, right, value_to_double(left), value_out);
    if (operator == OPERATOR_DIVIDE && left_duration && right_duration && !left.months && !right.months)
        return right.integer == 0 ? fail_zero(ev)
                                  : (*value_out = value_float((double)left.integer / (double)right.integer), true);
    if (operator == OPERATOR_DIVIDE && left_duration && value_is_number(right) && !left.months)
        return value_to_double(right) == 0 ? fail_zero(ev) : scale_duration(ev, left, 1 / value_to_double(right), value_out);
    return fail_types(ev, operator, left, right);
}

bool
eval_arithmetic(struct eval *ev, enum operator operator, struct value left, struct value right, struct value *value_out)
{
    if (value_is_number(left) && value_is_number(right))
        return numbers(ev, operator, left, right, value_out);
    if (operator == OPERATOR_ADD && left.type == VALUE_STR && right.type == VALUE_STR)
        return join_texts(ev, left.text, right.text, value_out);
    if (operator == OPERATOR_MODULO && left.type == VALUE_STR)
        return is_tuple(right) ? eval_printf(ev, left.text, right.list->items, right.list->count, value_out)
                               : eval_printf(ev, left.text, &right, 1, value_out);
    if (operator == OPERATOR_ADD && value_is_sequence(left) && value_is_sequence(right))
        return join_sequences(ev, left, right, value_out);
    bool left_repeats = left.type == VALUE_STR || value_is_sequence(left);
    bool right_repeats = right.type == VALUE_STR || value_is_sequence(right);
    if (operator == OPERATOR_MULTIPLY && left_repeats && value_is_integer(right))
        return repeat(ev, left, value_to_integer(right), value_out);
    if (operator == OPERATOR_MULTIPLY && right_repeats && value_is_integer(left))
        return repeat(ev, right, value_to_integer(left), value_out);
    return times(ev, operator, left, right, value_out);
}

bool
eval_negative(struct eval *ev, struct value v, struct value *value_out)
{
    char buffer[BIGINT_TEXT_BYTES];
    if (v.type == VALUE_FLOAT) {
        *value_out = value_float(-v.number);
        return true;
    }
    if (v.type == VALUE_BIGINT) {
        struct str digits = value_bigint_text(v, buffer);
        bool negative = str_starts(digits, STR("-"));
        *value_out = value_integer_from_text(ev->arena, negative ? str_skip(digits, 1) : str_join2(ev->arena, STR("-"), digits));
        return value_out->type != VALUE_UNDEFINED || eval_full(ev);
    }
    if (value_is_integer(v))
        return integers(ev, OPERATOR_SUBTRACT, 0, value_to_integer(v), value_out);
    if (v.type == VALUE_DURATION)
        return add_durations(ev, value_duration((struct duration){0}), v, -1, value_out);
    if (v.type == VALUE_UNDEFINED)
        return eval_fail_undefined(ev, v);
    return eval_fail(ev, EXPR_FAILED_TYPE, "a %s has no negative", value_type_name(v));
}

/* ---- comparing ---- */

bool
eval_equal(struct eval *ev, struct value left, struct value right, bool *equal_out)
{
    unsigned steps = ev->scope->steps_left;
    *equal_out = value_equal_within(left, right, &steps);
    unsigned used = ev->scope->steps_left - steps;
    return steps > 0 ? eval_charge(ev, used) : eval_charge(ev, (size_t)ev->scope->steps_left + 1);
}

static bool
order_sequences(struct eval *ev, struct value left, struct value right, int *order_out)
{
    struct value_iter a, b;
    struct value x, y;
    value_iter_init(&a, left);
    value_iter_init(&b, right);
    for (;;) {
        bool has_left = value_iter_next(&a, &x), has_right = value_iter_next(&b, &y), equal;
        if (!has_left || !has_right) {
            *order_out = has_left - has_right;
            return true;
        }
        if (!eval_equal(ev, x, y, &equal))
            return false;
        if (!equal) {
            if (++ev->depth > LIMIT_VALUE_DEPTH)
                return eval_full(ev);
            bool ok = eval_order(ev, x, y, order_out);
            ev->depth--;
            return ok;
        }
    }
}

bool
eval_order(struct eval *ev, struct value left, struct value right, int *order_out)
{
    if (!eval_charge(ev, 1))
        return false;
    if (value_is_number(left) && value_is_number(right)) {
        *order_out = value_compare_numbers(left, right);
        return true;
    }
    if (left.type == VALUE_STR && right.type == VALUE_STR) {
        int order = str_compare(left.text, right.text);
        *order_out = (order > 0) - (order < 0);
        return true;
    }
    if (value_is_sequence(left) && value_is_sequence(right) && is_tuple(left) == is_tuple(right))
        return order_sequences(ev, left, right, order_out);
    bool comparable = left.type == right.type && left.flag == right.flag && !left.months && !right.months;
    if ((is_day(left) || left.type == VALUE_DURATION) && comparable) {
        *order_out = (left.integer > right.integer) - (left.integer < right.integer);
        return true;
    }
    return fail_types(ev, OPERATOR_LESS, left, right);
}

bool
eval_contains(struct eval *ev, struct value container, struct value item, bool *contains_out)
{
    struct value_iter it;
    struct value candidate;
    *contains_out = false;
    if (container.type == VALUE_STR) {
        if (item.type != VALUE_STR) /* also where it is missing: text can only hold text */
            return eval_fail(ev, EXPR_FAILED_TYPE, "only text can be \"in\" text, not a %s", value_type_name(item));
        *contains_out = str_contains(container.text, item.text);
        return eval_charge(ev, container.text.len / BYTES_PER_STEP);
    }
    if (value_is_mapping(container)) {
        if (!value_is_hashable(item))
            return fail_types(ev, OPERATOR_IN, item, container);
        *contains_out = value_lookup(container, item).type != VALUE_UNDEFINED || value_dict_find(container, item);
        return true;
    }
    if (!value_is_iterable(container))
        return fail_types(ev, OPERATOR_IN, item, container);
    value_iter_init(&it, container);
    while (!*contains_out && value_iter_next(&it, &candidate))
        if (!eval_equal(ev, candidate, item, contains_out))
            return false;
    return true;
}

bool
eval_compare(struct eval *ev, enum operator operator, struct value left, struct value right, bool *result_out)
{
    int order;
    if (operator == OPERATOR_EQUAL || operator == OPERATOR_NOT_EQUAL) {
        if (!eval_equal(ev, left, right, result_out))
            return false;
        *result_out = *result_out == (operator == OPERATOR_EQUAL);
        return true;
    }
    if (operator == OPERATOR_IN || operator == OPERATOR_NOT_IN) {
        if (!eval_contains(ev, right, left, result_out))
            return false;
        *result_out = *result_out == (operator == OPERATOR_IN);
        return true;
    }
    if (!eval_order(ev, left, right, &order))
        return false;
    *result_out = order != 2 && (operator == OPERATOR_LESS ? order < 0 : operator == OPERATOR_LESS_EQUAL ? order <= 0
                               : operator == OPERATOR_GREATER ? order > 0 : order >= 0);
    return true;
}
