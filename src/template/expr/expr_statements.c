/*
 * Running statements: if, for, set, with, filter blocks, and the text between them.
 *
 * What makes it hard: where names live. A loop's body is a scope of its own whose assignments vanish with
 * each turn (a namespace is the way out), an `if` is none. Locals are a linked list; leaving a scope means
 * to forget its newest ones. Loops are bounded by the steps of the evaluation.
 */
#include "base/limits.h"
#include "template/expr/expr_priv.h"

bool
eval_bind(struct eval *ev, struct str name, struct value value)
{
    for (struct binding *b = ev->locals; b != ev->scope_floor; b = b->next)
        if (str_eq(b->name, name)) {
            b->value = value;
            return true;
        }
    struct binding *binding = ARENA_NEW(ev->arena, struct binding);
    if (!binding)
        return eval_full(ev);
    *binding = (struct binding){name, value, ev->locals};
    ev->locals = binding;
    return true;
}

static bool
unpack(struct eval *ev, const struct statement *statement, struct value value)
{
    if (statement->target_count == 1)
        return eval_bind(ev, statement->targets[0], value);
    if (!value_is_iterable(value))
        return eval_fail(ev, EXPR_FAILED_TYPE, "a %s cannot be unpacked into %zu names", value_type_name(value),
                         statement->target_count);
    struct value_iter it;
    struct value item;
    size_t count = 0;
    value_iter_init(&it, value);
    while (value_iter_next(&it, &item)) {
        if (count == statement->target_count)
            return eval_fail(ev, EXPR_FAILED_VALUE, "there are too many values to unpack (%zu names)", count);
        if (!eval_bind(ev, statement->targets[count++], item))
            return false;
    }
    if (count < statement->target_count)
        return eval_fail(ev, EXPR_FAILED_VALUE, "there are too few values to unpack (%zu of %zu)", count,
                         statement->target_count);
    return true;
}

/* {% set ns.name = ... %} writes into the namespace object, wherever it was made. */
static bool
set_attribute(struct eval *ev, const struct statement *statement, struct value value)
{
    for (struct binding *b = ev->locals; b; b = b->next) {
        if (!str_eq(b->name, statement->targets[0]))
            continue;
        if (b->value.type != VALUE_DICT || !b->value.flag)
            break;
        return value_dict_put(ev->arena, b->value, statement->attribute, value) || eval_full(ev);
    }
    return eval_fail(ev, EXPR_FAILED_TYPE, "\"%.*s\" is no namespace, so nothing in it can be set",
                     STR_ARG(statement->targets[0]));
}

static bool
run_set(struct eval *ev, const struct statement *statement)
{
    struct value value;
    if (!eval_node(ev, statement->expression, &value))
        return false;
    return str_is_none(statement->attribute) ? unpack(ev, statement, value) : set_attribute(ev, statement, value);
}

/* The filters of a block hang on a constant at the far left of their chain, bound to a name of ours. */
static bool
run_filters(struct eval *ev, const struct node *chain, struct value text, struct value *value_out)
{
    if (!chain || chain->type == NODE_CONSTANT) {
        *value_out = text;
        return true;
    }
    struct value inside;
    if (!run_filters(ev, chain->left, text, &inside))
        return false;
    struct node constant = {.type = NODE_CONSTANT, .constant = inside, .depth = 1}, step = *chain;
    step.left = &constant;
    return eval_node(ev, &step, value_out);
}

/* What the body prints, through the filters, as a value. */
static bool
capture(struct eval *ev, const struct statement *statement, struct value *value_out)
{
    struct buf b;
    struct value text;
    struct binding *locals = ev->locals, *floor = ev->scope_floor;
    buf_init(&b, LIMIT_EXPRESSION_RESULT_BYTES);
    ev->scope_floor = locals;
    bool ok = eval_statements(ev, statement->body, &b);
    ev->locals = locals;
    ev->scope_floor = floor;
    if (!ok) {
        buf_release(&b);
        return false;
    }
    return eval_take_buf(ev, &b, &text) && run_filters(ev, statement->expression, text, value_out);
}

static bool
run_set_block(struct eval *ev, const struct statement *statement)
{
    struct value value;
    if (!capture(ev, statement, &value))
        return false;
    return str_is_none(statement->attribute) ? eval_bind(ev, statement->targets[0], value)
                                             : set_attribute(ev, statement, value);
}

static bool
run_filter_block(struct eval *ev, const struct statement *statement, struct buf *out)
{
    struct value value;
    if (!capture(ev, statement, &value))
        return false;
    return value_add_str(out, value) || eval_full(ev);
}

/* ---- loops ---- */

static bool
put_loop_entry(struct eval *ev, struct value loop, const char *name, struct value value)
{
    return value_dict_put(ev->arena, loop, str_from_c(name), value) || eval_full(ev);
}

/* The names a body may ask of `loop`; the items are all known, as generators do not exist here. */
static bool
bind_loop(struct eval *ev, struct value items, size_t index)
{
    size_t count = value_count(items);
    struct value loop = value_dict_new(ev->arena);
    if (loop.type == VALUE_UNDEFINED)
        return eval_full(ev);
    loop.flag = true;
    struct value previous = index > 0 ? value_at(items, index - 1) : eval_missing(STR("loop.previtem"));
    struct value next = index + 1 < count ? value_at(items, index + 1) : eval_missing(STR("loop.nextitem"));
    return put_loop_entry(ev, loop, "index", value_int((int64_t)index + 1)) &&
           put_loop_entry(ev, loop, "index0", value_int((int64_t)index)) &&
           put_loop_entry(ev, loop, "revindex", value_int((int64_t)(count - index))) &&
           put_loop_entry(ev, loop, "revindex0", value_int((int64_t)(count - index) - 1)) &&
           put_loop_entry(ev, loop, "first", value_bool(index == 0)) &&
           put_loop_entry(ev, loop, "last", value_bool(index + 1 == count)) &&
           put_loop_entry(ev, loop, "length", value_int((int64_t)count)) &&
           put_loop_entry(ev, loop, "depth", value_int(1)) && put_loop_entry(ev, loop, "depth0", value_int(0)) &&
           put_loop_entry(ev, loop, "previtem", previous) && put_loop_entry(ev, loop, "nextitem", next) &&
           eval_bind(ev, STR("loop"), loop);
}

/* Leaves out what the loop's own `if` refuses, before the first turn: `loop.length` counts what is left. */
static bool
collect_items(struct eval *ev, const struct statement *statement, struct value source, struct value items)
{
    struct value_iter it;
    struct value item, test;
    struct binding *locals = ev->locals, *floor = ev->scope_floor;
    value_iter_init(&it, source);
    while (value_iter_next(&it, &item)) {
        bool wanted = true;
        if (!eval_charge(ev, 1))
            return false;
        if (statement->condition) {
            ev->scope_floor = locals;
            bool ok = unpack(ev, statement, item) && eval_node(ev, statement->condition, &test);
            ev->locals = locals;
            ev->scope_floor = floor;
            if (!ok)
                return false;
            wanted = value_is_true(test);
        }
        if (wanted && !value_list_add(ev->arena, items, item))
            return eval_full(ev);
    }
    return true;
}

static bool
run_turn(struct eval *ev, const struct statement *statement, struct value items, size_t index, struct buf *out)
{
    struct binding *locals = ev->locals, *floor = ev->scope_floor;
    ev->scope_floor = locals;
    bool ok = unpack(ev, statement, value_at(items, index)) &&
              (!statement->uses_loop || bind_loop(ev, items, index)) && eval_statements(ev, statement->body, out);
    ev->locals = locals;
    ev->scope_floor = floor;
    return ok;
}

static bool
run_for(struct eval *ev, const struct statement *statement, struct buf *out)
{
    struct value source, items = value_list_new(ev->arena);
    if (items.type == VALUE_UNDEFINED)
        return eval_full(ev);
    if (!eval_node(ev, statement->expression, &source))
        return false;
    if (!value_is_iterable(source))
        return eval_fail(ev, EXPR_FAILED_TYPE, "a %s cannot be looped over", value_type_name(source));
    if (!collect_items(ev, statement, source, items))
        return false;
    size_t count = value_count(items);
    for (size_t i = 0; i < count; i++)
        if (!run_turn(ev, statement, items, i, out))
            return false;
    return count > 0 || eval_statements(ev, statement->otherwise, out);
}

static bool
run_with(struct eval *ev, const struct statement *statement, struct buf *out)
{
    struct binding *locals = ev->locals, *floor = ev->scope_floor;
    ev->scope_floor = locals;
    bool ok = eval_statements(ev, statement->body, out);
    ev->locals = locals;
    ev->scope_floor = floor;
    return ok;
}

static bool
run_if(struct eval *ev, const struct statement *statement, struct buf *out)
{
    struct value test;
    if (!eval_node(ev, statement->expression, &test))
        return false;
    return eval_statements(ev, value_is_true(test) ? statement->body : statement->otherwise, out);
}

static bool
run_output(struct eval *ev, const struct statement *statement, struct buf *out)
{
    struct value value;
    if (!eval_node(ev, statement->expression, &value))
        return false;
    return value_add_str(out, value) || eval_full(ev);
}

static bool
run_statement(struct eval *ev, const struct statement *statement, struct buf *out)
{
    switch (statement->type) {
    case STATEMENT_TEXT: return buf_add(out, statement->text) || eval_full(ev);
    case STATEMENT_OUTPUT: return run_output(ev, statement, out);
    case STATEMENT_IF: return run_if(ev, statement, out);
    case STATEMENT_FOR: return run_for(ev, statement, out);
    case STATEMENT_SET: return run_set(ev, statement);
    case STATEMENT_SET_BLOCK: return run_set_block(ev, statement);
    case STATEMENT_WITH: return run_with(ev, statement, out);
    case STATEMENT_FILTER: return run_filter_block(ev, statement, out);
    }
    return false;
}

bool
eval_statements(struct eval *ev, const struct statement *first, struct buf *out)
{
    for (const struct statement *s = first; s; s = s->next)
        if (!eval_charge(ev, 1) || !run_statement(ev, s, out))
            return false;
    return true;
}
