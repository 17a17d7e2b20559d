/*
 * Equality and order of values, as Python has them.
 *
 * Numbers are compared exactly across their kinds: 2**53 + 1 is not 2.0**53. Values may contain themselves, so that
 * every comparison has a budget and a depth.
 */
#include "template/expr/value_priv.h"

#include <math.h>

#include "base/limits.h"

static int
compare_bigints(struct value a, struct value b)
{
    char left_buffer[BIGINT_TEXT_BYTES], right_buffer[BIGINT_TEXT_BYTES];
    struct str left = value_bigint_text(a, left_buffer), right = value_bigint_text(b, right_buffer);
    bool left_negative = str_starts(left, STR("-")), right_negative = str_starts(right, STR("-"));
    if (left_negative != right_negative)
        return left_negative ? -1 : 1;
    int order = left.len != right.len ? (left.len < right.len ? -1 : 1) : str_compare(left, right);
    return left_negative ? -order : (order > 0) - (order < 0);
}

/* A big integer against one that fits: its sign decides. */
static int
compare_wholes(struct value left, struct value right)
{
    if (left.type == VALUE_BIGINT && right.type == VALUE_BIGINT)
        return compare_bigints(left, right);
    if (left.type == VALUE_BIGINT)
        return str_starts(left.text, STR("-")) ? -1 : 1;
    if (right.type == VALUE_BIGINT)
        return str_starts(right.text, STR("-")) ? 1 : -1;
    int64_t a = value_to_integer(left), b = value_to_integer(right);
    return (a > b) - (a < b);
}

/* An integer against a double, exactly: 2**53 + 1 is not 2.0**53. */
static int
compare_integer_double(int64_t integer, double number)
{
    if (number >= 9223372036854775808.0)
        return -1;
    if (number < -9223372036854775808.0)
        return 1;
    int64_t whole = (int64_t)number;
    if (integer != whole)
        return integer < whole ? -1 : 1;
    double rest = number - (double)whole;
    return rest > 0 ? -1 : rest < 0;
}

int
value_compare_numbers(struct value left, struct value right)
{
    if (left.type != VALUE_FLOAT && right.type != VALUE_FLOAT)
        return compare_wholes(left, right);
    double a = value_to_double(left), b = value_to_double(right);
    if (isnan(a) || isnan(b))
        return 2;
    if (value_is_integer(left))
        return compare_integer_double(value_to_integer(left), b);
    if (value_is_integer(right))
        return -compare_integer_double(value_to_integer(right), a);
    return (a > b) - (a < b);
}

static bool
sequences_equal(struct value left, struct value right, unsigned *steps_left, unsigned depth);

static bool
mappings_equal(struct value left, struct value right, unsigned *steps_left, unsigned depth);

static bool
equal_times(struct value left, struct value right)
{
    if (left.type != right.type)
        return false;
    if (left.type == VALUE_DATETIME && left.flag != right.flag)
        return false;
    return left.integer == right.integer && left.months == right.months;
}

static bool
equal_at(struct value left, struct value right, unsigned *steps_left, unsigned depth)
{
    if (*steps_left == 0 || depth > LIMIT_VALUE_DEPTH) {
        *steps_left = 0;
        return false;
    }
    --*steps_left;
    if (value_is_number(left) && value_is_number(right))
        return value_compare_numbers(left, right) == 0;
    if (left.type == VALUE_STR && right.type == VALUE_STR)
        return str_eq(left.text, right.text);
    if (value_is_sequence(left) && value_is_sequence(right))
        return sequences_equal(left, right, steps_left, depth);
    if (value_is_mapping(left) && value_is_mapping(right))
        return mappings_equal(left, right, steps_left, depth);
    if (value_is_missing(left) || value_is_missing(right))
        return left.type == right.type;
    bool times = left.type == VALUE_DATETIME || left.type == VALUE_DATE || left.type == VALUE_DURATION;
    return times && equal_times(left, right);
}

static bool
is_tuple(struct value v)
{
    return v.type == VALUE_LIST && v.list->tuple;
}

static bool
sequences_equal(struct value left, struct value right, unsigned *steps_left, unsigned depth)
{
    if (is_tuple(left) != is_tuple(right) || value_count(left) != value_count(right))
        return false;
    struct value_iter a, b;
    struct value x, y;
    value_iter_init(&a, left);
    value_iter_init(&b, right);
    while (value_iter_next(&a, &x) && value_iter_next(&b, &y))
        if (!equal_at(x, y, steps_left, depth + 1))
            return false;
    return true;
}

static bool
mappings_equal(struct value left, struct value right, unsigned *steps_left, unsigned depth)
{
    if (value_count(left) != value_count(right))
        return false;
    struct value_iter it;
    struct value key, item;
    value_iter_init(&it, left);
    while (value_iter_next_entry(&it, &key, &item)) {
        struct value other = value_lookup(right, key);
        if (other.type == VALUE_UNDEFINED || !equal_at(item, other, steps_left, depth + 1))
            return false;
    }
    return true;
}

bool
value_equal_within(struct value left, struct value right, unsigned *steps_left)
{
    return equal_at(left, right, steps_left, 0);
}

bool
value_equal(struct value left, struct value right)
{
    unsigned steps = LIMIT_EXPRESSION_STEPS * 10;
    return equal_at(left, right, &steps, 0);
}
