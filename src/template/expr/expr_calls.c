/*
 * Calling functions, filters, tests and methods: binding arguments to the parameters of a register row.
 */
#include "template/expr/expr_priv.h"

const struct callable *
callable_find(const struct callable *rows, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq_c(name, rows[i].name))
            return &rows[i];
    return NULL;
}

static size_t
parameter_count(const char *parameters)
{
    size_t count = parameters[0] != '\0';
    for (const char *c = parameters; *c; c++)
        count += *c == ' ';
    return count;
}

/* The place of a name among "format input_format"; false when it is none of them. */
static bool
parameter_index(const char *parameters, struct str name, size_t *index_out)
{
    struct str rest = str_from_c(parameters), one;
    for (size_t i = 0; rest.len; i++) {
        str_cut(rest, ' ', &one, &rest);
        if (str_eq(one, name)) {
            *index_out = i;
            return true;
        }
    }
    return false;
}

static bool
bind_named(struct call *c, const struct callable *row, struct arguments arguments)
{
    for (size_t i = 0; i < arguments.named_count; i++) {
        size_t index;
        if (!parameter_index(row->parameters, arguments.named[i].name, &index))
            return eval_fail(c->ev, EXPR_FAILED_TYPE, "%s has no argument \"%.*s\"", c->what, STR_ARG(arguments.named[i].name));
        if (c->given[index])
            return eval_fail(c->ev, EXPR_FAILED_TYPE, "%s is given \"%.*s\" twice", c->what, STR_ARG(arguments.named[i].name));
        c->args[index] = arguments.named[i].value;
        c->given[index] = true;
    }
    return true;
}

static bool
bind_arguments(struct call *c, const struct callable *row, struct arguments arguments)
{
    size_t parameters = parameter_count(row->parameters);
    if (!row->variadic && arguments.count > parameters)
        return eval_fail(c->ev, EXPR_FAILED_TYPE, "%s takes at most %zu arguments, not %zu", c->what, parameters, arguments.count);
    c->count = arguments.count > parameters ? arguments.count : parameters;
    c->given_count = arguments.count;
    c->args = ARENA_ARRAY(c->ev->arena, struct value, c->count + 1);
    if (!c->args)
        return eval_full(c->ev);
    for (size_t i = 0; i < arguments.count; i++) {
        c->args[i] = arguments.positional[i];
        if (i < CALL_PARAMETERS_MAX)
            c->given[i] = true;
    }
    if (row->variadic) {
        c->named = (struct named_value *)(uintptr_t)arguments.named;
        c->named_count = arguments.named_count;
    } else if (!bind_named(c, row, arguments)) {
        return false;
    }
    for (size_t i = 0; i < row->required; i++)
        if (i >= CALL_PARAMETERS_MAX || !c->given[i])
            return eval_fail(c->ev, EXPR_FAILED_TYPE, "%s needs %u arguments", c->what, row->required);
    return true;
}

bool
call_invoke(struct eval *ev, const struct callable *row, const char *kind, struct value subject,
            struct arguments arguments, const struct node *node, struct value *value_out)
{
    char what[64];
    snprintf(what, sizeof(what), "%s \"%s\"", kind, row->name);
    struct call c = {.ev = ev, .what = what, .subject = subject, .node = node};
    struct value result = value_none();
    if (!bind_arguments(&c, row, arguments) || !row->call(&c, &result))
        return false;
    *value_out = result;
    return true;
}

bool
call_given(const struct call *c, size_t index)
{
    return index < CALL_PARAMETERS_MAX && c->given[index];
}

bool
call_fail_type(struct call *c, struct value got, const char *wanted)
{
    if (got.type == VALUE_UNDEFINED)
        return eval_fail_undefined(c->ev, got);
    return eval_fail(c->ev, EXPR_FAILED_TYPE, "%s wants %s, not a %s", c->what, wanted, value_type_name(got));
}

bool
call_str(struct call *c, struct value v, struct str *text_out)
{
    if (v.type != VALUE_STR)
        return call_fail_type(c, v, "text");
    if (!eval_charge(c->ev, v.text.len / BYTES_PER_STEP))
        return false;
    *text_out = v.text;
    return true;
}

bool
call_integer(struct call *c, struct value v, int64_t *integer_out)
{
    if (!value_is_integer(v))
        return call_fail_type(c, v, "a whole number");
    *integer_out = value_to_integer(v);
    return true;
}
