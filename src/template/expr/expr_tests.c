/*
 * Tests: what may stand behind `is`. One row each at the end.
 */
#include "template/expr/expr_priv.h"

#define TEST(name, condition)                                                                             \
    static bool test_##name(struct call *c, struct value *value_out)                                      \
    {                                                                                                     \
        *value_out = value_bool(condition);                                                               \
        return true;                                                                                      \
    }

TEST(defined, c->subject.type != VALUE_UNDEFINED)
TEST(undefined, c->subject.type == VALUE_UNDEFINED)
TEST(none, c->subject.type == VALUE_NONE)
TEST(boolean, c->subject.type == VALUE_BOOL)
TEST(false, c->subject.type == VALUE_BOOL && !c->subject.flag)
TEST(true, c->subject.type == VALUE_BOOL && c->subject.flag)
TEST(integer, c->subject.type == VALUE_INT || c->subject.type == VALUE_BIGINT)
TEST(float, c->subject.type == VALUE_FLOAT)
TEST(number, value_is_number(c->subject))
TEST(string, c->subject.type == VALUE_STR)
TEST(mapping, value_is_mapping(c->subject))
TEST(iterable, value_is_iterable(c->subject))
TEST(sequence, value_is_iterable(c->subject))
TEST(never, c->subject.type > VALUE_DURATION) /* callable, escaped: nothing here is */

/* Numbers modulo 2 and the like, with Python's errors for what is no number. */
static bool
modulo_is(struct call *c, struct value divisor, int64_t wanted, struct value *value_out)
{
    struct value rest;
    if (!value_is_number(c->subject))
        return call_fail_type(c, c->subject, "a number");
    if (!eval_arithmetic(c->ev, OPERATOR_MODULO, c->subject, divisor, &rest))
        return false;
    *value_out = value_bool(value_compare_numbers(rest, value_int(wanted)) == 0);
    return true;
}

static bool
test_odd(struct call *c, struct value *value_out)
{
    return modulo_is(c, value_int(2), 1, value_out);
}

static bool
test_even(struct call *c, struct value *value_out)
{
    return modulo_is(c, value_int(2), 0, value_out);
}

static bool
test_divisibleby(struct call *c, struct value *value_out)
{
    return modulo_is(c, c->args[0], 0, value_out);
}

/* Has letters, and all of them of that case. */
static bool
is_case(struct call *c, bool upper, struct value *value_out)
{
    struct str text, same, other;
    if (!eval_text(c->ev, c->subject, &text))
        return false;
    same = upper ? pytext_upper(c->ev->arena, text) : pytext_lower(c->ev->arena, text);
    other = upper ? pytext_lower(c->ev->arena, text) : pytext_upper(c->ev->arena, text);
    *value_out = value_bool(str_eq(text, same) && !str_eq(same, other));
    return true;
}

static bool
test_lower(struct call *c, struct value *value_out)
{
    return is_case(c, false, value_out);
}

static bool
test_upper(struct call *c, struct value *value_out)
{
    return is_case(c, true, value_out);
}

static bool
compare(struct call *c, enum operator operator, struct value *value_out)
{
    bool result;
    if (!eval_compare(c->ev, operator, c->subject, c->args[0], &result))
        return false;
    *value_out = value_bool(result);
    return true;
}

#define COMPARISON(name, operator)                                                                        \
    static bool test_##name(struct call *c, struct value *value_out)                                      \
    {                                                                                                     \
        return compare(c, operator, value_out);                                                           \
    }

COMPARISON(eq, OPERATOR_EQUAL)
COMPARISON(ne, OPERATOR_NOT_EQUAL)
COMPARISON(lt, OPERATOR_LESS)
COMPARISON(le, OPERATOR_LESS_EQUAL)
COMPARISON(gt, OPERATOR_GREATER)
COMPARISON(ge, OPERATOR_GREATER_EQUAL)
COMPARISON(in, OPERATOR_IN)

/* Identity: of scalars that cannot be told apart, the same value of the same type. */
static bool
test_sameas(struct call *c, struct value *value_out)
{
    bool equal;
    if (!eval_equal(c->ev, c->subject, c->args[0], &equal))
        return false;
    bool container = value_is_mapping(c->subject) || value_is_sequence(c->subject);
    bool same_container = container && c->subject.type == c->args[0].type && c->subject.list == c->args[0].list;
    *value_out = value_bool(c->subject.type == c->args[0].type && (container ? same_container : equal));
    return true;
}

static bool
test_filter(struct call *c, struct value *value_out)
{
    *value_out = value_bool(c->subject.type == VALUE_STR && find_filter(c->subject.text));
    return true;
}

static bool
test_test(struct call *c, struct value *value_out)
{
    *value_out = value_bool(c->subject.type == VALUE_STR && find_test(c->subject.text));
    return true;
}

const struct callable *
find_test(struct str name)
{
    static const struct callable tests[] = {
        {.name = "boolean", .call = test_boolean, .parameters = ""},
        {.name = "callable", .call = test_never, .parameters = ""},
        {.name = "defined", .call = test_defined, .parameters = ""},
        {.name = "divisibleby", .call = test_divisibleby, .parameters = "num", .required = 1},
        {.name = "==", .call = test_eq, .parameters = "other", .required = 1},
        {.name = "eq", .call = test_eq, .parameters = "other", .required = 1},
        {.name = "equalto", .call = test_eq, .parameters = "other", .required = 1},
        {.name = "escaped", .call = test_never, .parameters = ""},
        {.name = "even", .call = test_even, .parameters = ""},
        {.name = "false", .call = test_false, .parameters = ""},
        {.name = "filter", .call = test_filter, .parameters = ""},
        {.name = "float", .call = test_float, .parameters = ""},
        {.name = ">=", .call = test_ge, .parameters = "other", .required = 1},
        {.name = "ge", .call = test_ge, .parameters = "other", .required = 1},
        {.name = ">", .call = test_gt, .parameters = "other", .required = 1},
        {.name = "gt", .call = test_gt, .parameters = "other", .required = 1},
        {.name = "greaterthan", .call = test_gt, .parameters = "other", .required = 1},
        {.name = "in", .call = test_in, .parameters = "seq", .required = 1},
        {.name = "integer", .call = test_integer, .parameters = ""},
        {.name = "iterable", .call = test_iterable, .parameters = ""},
        {.name = "<=", .call = test_le, .parameters = "other", .required = 1},
        {.name = "le", .call = test_le, .parameters = "other", .required = 1},
        {.name = "<", .call = test_lt, .parameters = "other", .required = 1},
        {.name = "lt", .call = test_lt, .parameters = "other", .required = 1},
        {.name = "lessthan", .call = test_lt, .parameters = "other", .required = 1},
        {.name = "lower", .call = test_lower, .parameters = ""},
        {.name = "mapping", .call = test_mapping, .parameters = ""},
        {.name = "!=", .call = test_ne, .parameters = "other", .required = 1},
        {.name = "ne", .call = test_ne, .parameters = "other", .required = 1},
        {.name = "none", .call = test_none, .parameters = ""},
        {.name = "number", .call = test_number, .parameters = ""},
        {.name = "odd", .call = test_odd, .parameters = ""},
        {.name = "sameas", .call = test_sameas, .parameters = "other", .required = 1},
        {.name = "sequence", .call = test_sequence, .parameters = ""},
        {.name = "string", .call = test_string, .parameters = ""},
        {.name = "test", .call = test_test, .parameters = ""},
        {.name = "true", .call = test_true, .parameters = ""},
        {.name = "undefined", .call = test_undefined, .parameters = ""},
        {.name = "upper", .call = test_upper, .parameters = ""},
    };
    return callable_find(tests, ARRAY_LEN(tests), name);
}
