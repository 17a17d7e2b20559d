/*
 * Statements: if, for, set, with, filter blocks, and the text between them; reading and running.
 *
 * What makes it hard: where names live. A loop's body is a scope of its own whose assignments vanish with
 * each turn (a namespace is the way out), an `if` is none. Locals are a linked list; leaving a scope means
 * to forget its newest ones. Loops are bounded by the steps of the evaluation.
 */
#include <string.h>

#include "base/limits.h"
#include "template/expr/expr_priv.h"

/* ---- reading ---- */

static struct statement *
new_statement(struct parser *p, enum statement_type type)
{
    struct statement *statement = ARENA_NEW(p->arena, struct statement);
    if (!statement)
        return parser_fail(p, "the expression does not fit into memory");
    statement->type = type;
    return statement;
}

static bool
expect_tag_end(struct parser *p)
{
    if (p->token.type == TOKEN_TAG_END && !p->error)
        return true;
    return parser_fail(p, "the end of the tag was expected");
}

static bool
expect_name(struct parser *p, const char *name)
{
    if (!parser_at_name(p, name))
        return parser_fail(p, "\"%s\" was expected", name);
    parser_advance(p);
    return true;
}

/*
 * Statements up to a tag that begins with one of the `ends` words (blank-separated), whose word is then
 * the current token. NULL ends: up to the end of the text. An empty list is not an error: see p->error.
 */
static struct statement *
parse_block(struct parser *p, const char *ends);

static struct statement *
parse_if(struct parser *p)
{
    struct statement *statement = new_statement(p, STATEMENT_IF);
    if (!statement || !(statement->expression = parse_condition(p, true)) || !expect_tag_end(p))
        return NULL;
    statement->body = parse_block(p, "elif else endif");
    if (p->error)
        return NULL;
    if (parser_at_name(p, "elif")) {
        parser_advance(p);
        if (++p->depth > LIMIT_EXPRESSION_DEPTH)
            return parser_fail(p, "there are too many branches");
        statement->otherwise = parse_if(p);
        p->depth--;
        return p->error ? NULL : statement;
    }
    if (parser_at_name(p, "else")) {
        parser_advance(p);
        if (!expect_tag_end(p))
            return NULL;
        statement->otherwise = parse_block(p, "endif");
        if (p->error)
            return NULL;
    }
    return expect_name(p, "endif") ? statement : NULL;
}

/* `a`, `a, b` or `(a, b)`. */
static bool
parse_targets(struct parser *p, struct statement *statement)
{
    struct str names[8];
    size_t count = 0;
    bool brackets = parser_skip(p, "(");
    do {
        if (count && (parser_at_name(p, "in") || parser_at(p, "=") || parser_at(p, ")")))
            break;
        if (p->token.type != TOKEN_NAME || count == ARRAY_LEN(names))
            return parser_fail(p, "the name of a variable was expected");
        names[count++] = p->token.text;
        if (!parser_note_assigned(p, p->token.text))
            return false;
        parser_advance(p);
    } while (parser_skip(p, ","));
    if (brackets && !parser_expect(p, ")"))
        return false;
    statement->targets = ARENA_ARRAY(p->arena, struct str, count);
    if (!statement->targets)
        return parser_fail(p, "the expression does not fit into memory");
    memcpy(statement->targets, names, count * sizeof(names[0]));
    statement->target_count = count;
    return true;
}

static struct statement *
parse_for(struct parser *p)
{
    struct statement *statement = new_statement(p, STATEMENT_FOR);
    if (!statement || !parse_targets(p, statement) || !expect_name(p, "in"))
        return NULL;
    statement->expression = parse_condition(p, false);
    unsigned loop_names = p->loop_names;
    if (statement->expression && parser_at_name(p, "if")) {
        parser_advance(p);
        statement->condition = parse_condition(p, true);
        if (!statement->condition)
            return NULL;
    }
    if (!statement->expression || !expect_tag_end(p) || !parser_note_assigned(p, STR("loop")))
        return NULL;
    statement->body = parse_block(p, "endfor else");
    statement->uses_loop = p->loop_names != loop_names;
    if (p->error)
        return NULL;
    if (parser_at_name(p, "else")) {
        parser_advance(p);
        if (!expect_tag_end(p))
            return NULL;
        statement->otherwise = parse_block(p, "endfor");
    }
    return !p->error && expect_name(p, "endfor") ? statement : NULL;
}

static struct statement *
parse_set_block(struct parser *p, struct statement *statement)
{
    struct node *none = parser_new_node(p, NODE_CONSTANT, NULL, NULL);
    statement->type = STATEMENT_SET_BLOCK;
    if (none && parser_at(p, "|"))
        statement->expression = parse_filter_chain(p, none, false);
    if (p->error || !expect_tag_end(p))
        return NULL;
    statement->body = parse_block(p, "endset");
    return !p->error && expect_name(p, "endset") ? statement : NULL;
}

static struct statement *
parse_set(struct parser *p)
{
    struct statement *statement = new_statement(p, STATEMENT_SET);
    if (!statement)
        return NULL;
    struct token next = parser_peek(p);
    if (p->token.type == TOKEN_NAME && next.type == TOKEN_OPERATOR && str_eq_c(next.text, ".")) {
        statement->targets = ARENA_NEW(p->arena, struct str);
        if (!statement->targets || !parser_note_name(p, p->token.text))
            return parser_fail(p, "the expression does not fit into memory");
        statement->targets[statement->target_count++] = p->token.text;
        parser_advance(p);
        parser_advance(p);
        if (p->token.type != TOKEN_NAME)
            return parser_fail(p, "a name was expected after the dot");
        statement->attribute = p->token.text;
        parser_advance(p);
    } else if (!parse_targets(p, statement)) {
        return NULL;
    }
    if (!parser_at(p, "="))
        return parse_set_block(p, statement);
    parser_advance(p);
    statement->expression = parse_expression(p);
    return statement->expression && expect_tag_end(p) ? statement : NULL;
}

/* {% with a = 1, b = 2 %}: the assignments become the first statements of the body. */
static struct statement *
parse_with(struct parser *p)
{
    struct statement *with = new_statement(p, STATEMENT_WITH), **tail = with ? &with->body : NULL;
    for (bool first = true; with && !p->error && p->token.type != TOKEN_TAG_END; first = false) {
        if (!first && !parser_expect(p, ","))
            return NULL;
        struct statement *set = new_statement(p, STATEMENT_SET);
        if (!set || p->token.type != TOKEN_NAME)
            return parser_fail(p, "the name of a variable was expected");
        set->targets = ARENA_NEW(p->arena, struct str);
        if (!set->targets || !parser_note_assigned(p, p->token.text))
            return parser_fail(p, "the expression does not fit into memory");
        set->targets[set->target_count++] = p->token.text;
        parser_advance(p);
        if (!parser_expect(p, "=") || !(set->expression = parse_condition(p, true)))
            return NULL;
        *tail = set;
        tail = &set->next;
    }
    if (!with || p->error)
        return NULL;
    *tail = parse_block(p, "endwith");
    return !p->error && expect_name(p, "endwith") ? with : NULL;
}

static struct statement *
parse_filter_block(struct parser *p)
{
    struct statement *statement = new_statement(p, STATEMENT_FILTER);
    struct node *none = parser_new_node(p, NODE_CONSTANT, NULL, NULL);
    if (!statement || !none || !(statement->expression = parse_filter_chain(p, none, true)) || !expect_tag_end(p))
        return NULL;
    statement->body = parse_block(p, "endfilter");
    return !p->error && expect_name(p, "endfilter") ? statement : NULL;
}

static struct statement *
parse_tag(struct parser *p)
{
    static const struct {
        const char *name;
        struct statement *(*parse)(struct parser *);
    } tags[] = {{"if", parse_if}, {"for", parse_for}, {"set", parse_set}, {"with", parse_with}, {"filter", parse_filter_block}};
    struct statement *statement = NULL;
    if (++p->depth > LIMIT_EXPRESSION_DEPTH)
        return parser_fail(p, "the statements are nested too deeply");
    for (size_t i = 0; i < ARRAY_LEN(tags); i++)
        if (parser_at_name(p, tags[i].name)) {
            parser_advance(p);
            p->branch_depth++;
            statement = tags[i].parse(p);
            p->branch_depth--;
            p->depth--;
            return statement && expect_tag_end(p) ? statement : NULL;
        }
    return parser_fail(p, "the tag \"%.*s\" is not known here", STR_ARG(p->token.text));
}

static struct statement *
parse_output(struct parser *p)
{
    struct statement *statement = new_statement(p, STATEMENT_OUTPUT);
    parser_advance(p);
    if (!statement || p->error)
        return NULL;
    statement->expression = parse_expression(p);
    return statement->expression && expect_tag_end(p) ? statement : NULL;
}

static bool
is_one_of(struct str word, const char *words)
{
    struct str rest = str_from_c(words), one;
    while (rest.len) {
        str_cut(rest, ' ', &one, &rest);
        if (str_eq(one, word))
            return true;
    }
    return false;
}

static struct statement *
parse_text(struct parser *p, struct str text)
{
    struct statement *statement = new_statement(p, STATEMENT_TEXT);
    if (statement)
        statement->text = text;
    return statement;
}

static struct statement *
parse_block(struct parser *p, const char *ends)
{
    struct statement *first = NULL, **tail = &first;
    for (;;) {
        struct str text;
        enum tag tag;
        if (!lexer_next_text(&p->lexer, &text, &tag))
            return parser_fail(p, "a comment or raw block is not closed");
        if (text.len) {
            if (!(*tail = parse_text(p, text)))
                return NULL;
            tail = &(*tail)->next;
        }
        if (tag == TAG_NONE)
            return ends ? parser_fail(p, "\"%s\" is missing at the end", ends) : first;
        if (p->lexer.tag == TAG_NONE)
            continue; /* a comment or raw block: no tag was entered */
        if (p->lexer.tag == TAG_STATEMENT) {
            parser_advance(p);
            if (ends && p->token.type == TOKEN_NAME && is_one_of(p->token.text, ends))
                return first;
        }
        *tail = tag == TAG_STATEMENT ? parse_tag(p) : parse_output(p);
        if (!*tail)
            return NULL;
        tail = &(*tail)->next;
    }
}

struct statement *
parse_statements(struct parser *p)
{
    return parse_block(p, NULL);
}

/* ---- running ---- */

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
