/*
 * Expressions: the public face. Compiling once, evaluating, and what a result becomes.
 *
 * Most expressions are nothing but a look-up ({{ record.id }}): they give their value straight away, and
 * only text that could begin a Python literal is read as one. All others print into a buffer whose text
 * is then read. The result is the same either way, as printing and reading a value gives it back; only
 * what holds times or undefined values prints as something that cannot be read, and stays text.
 */
#include "template/expr/expr.h"

#include <math.h>

#include "base/check.h"
#include "base/limits.h"
#include "template/expr/expr_priv.h"
#include "template/expr/time_priv.h"

/* ---- compiling ---- */

/* The last line break of a text does not count. */
static struct str
normalize_lines(struct arena *a, struct str text)
{
    text = pytext_lines(a, text);
    return str_ends(text, STR("\n")) ? str_slice(text, 0, text.len - 1) : text;
}

static bool
has_tags(struct str text)
{
    for (size_t i = 0; i + 1 < text.len; i++)
        if (text.ptr[i] == '{' && (text.ptr[i + 1] == '{' || text.ptr[i + 1] == '%' || text.ptr[i + 1] == '#'))
            return true;
    return false;
}

static bool
contains_name(const struct str *names, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq(names[i], name))
            return true;
    return false;
}

/* What must come from the scope: looked up, never assigned, and no function. */
static bool
find_free_names(struct parser *p, struct expr *e)
{
    e->free_names = ARENA_ARRAY(p->arena, struct str, p->name_count + 1);
    if (!e->free_names)
        return false;
    for (size_t i = 0; i < p->name_count; i++)
        if (!contains_name(p->assigned, p->assigned_count, p->names[i]) && !find_function(p->names[i]))
            e->free_names[e->free_name_count++] = p->names[i];
    e->names = p->names;
    e->name_count = p->name_count;
    return true;
}

static bool
is_lookup(const struct node *node)
{
    for (; node->type != NODE_NAME; node = node->left) {
        bool constant_item = node->type == NODE_ITEM && node->right->type == NODE_CONSTANT;
        if (node->type != NODE_ATTRIBUTE && !constant_item)
            return false;
    }
    return true;
}

static struct expr *
compile_tags(struct arena *a, struct expr *e, struct str text)
{
    struct parser p = {.arena = a, .lexer = {.source = text, .tag = TAG_NONE}};
    if (text.len > LIMIT_EXPRESSION_BYTES) {
        e->error = "the expression is too long";
        return e;
    }
    e->body = parse_statements(&p);
    e->error = p.error;
    if (e->error)
        return e;
    const struct statement *only = e->body && !e->body->next ? e->body : NULL;
    if (only && only->type == STATEMENT_OUTPUT)
        e->single = only->expression;
    e->lookup_only = e->single && is_lookup(e->single);
    return find_free_names(&p, e) ? e : NULL;
}

struct expr *
expr_compile(struct arena *a, struct str text)
{
    struct expr *e = ARENA_NEW(a, struct expr);
    if (!e)
        return NULL;
    e->source = text.ptr ? text : STR("");
    struct str normal = normalize_lines(a, e->source);
    if (str_is_none(normal))
        return NULL;
    if (has_tags(normal))
        return compile_tags(a, e, normal);
    e->plain = true;
    e->plain_text = normal;
    e->plain_value = value_from_literal(a, normal);
    return e;
}

struct str
expr_source(const struct expr *e)
{
    return e->source;
}

bool
expr_is_plain(const struct expr *e)
{
    return e->plain;
}

const char *
expr_syntax_error(const struct expr *e)
{
    return e->error;
}

bool
expr_uses(const struct expr *e, struct str variable)
{
    if (contains_name(e->names, e->name_count, variable))
        return true;
    return str_eq(variable, STR("stream_slice")) && (contains_name(e->names, e->name_count, STR("stream_interval")) ||
                                                     contains_name(e->names, e->name_count, STR("stream_partition")));
}

/* ---- the scope ---- */

void
expr_scope_init(struct expr_scope *scope, struct arena *a, int64_t now_us)
{
    scope->arena = a;
    scope->now_us = now_us;
    scope->steps_left = LIMIT_EXPRESSION_STEPS;
    scope->failure = EXPR_FAILED_NOT;
    scope->as_reference = false;
    scope->keep_types = false;
    scope->count = 0;
}

void
expr_scope_set(struct expr_scope *scope, struct str name, struct value value)
{
    size_t i = 0;
    while (i < scope->count && !str_eq(scope->variables[i].name, name))
        i++;
    CHECK(i < EXPR_VARIABLES_MAX);
    scope->variables[i].name = name;
    scope->variables[i].value = value;
    if (i == scope->count)
        scope->count++;
}

/* ---- evaluating ---- */

static bool
check_names(struct eval *ev)
{
    const struct expr *e = ev->expr;
    if (e->error)
        return eval_fail(ev, EXPR_FAILED_SYNTAX, "%s", e->error);
    for (size_t i = 0; i < e->free_name_count; i++)
        if (!eval_find_variable(ev->scope, e->free_names[i]))
            return eval_fail(ev, EXPR_FAILED_UNKNOWN, "there is no variable \"%.*s\" here", STR_ARG(e->free_names[i]));
    return true;
}

static struct eval
eval_begin(const struct expr *e, struct expr_scope *scope, struct err *err)
{
    return (struct eval){.expr = e, .scope = scope, .arena = scope->arena, .err = err,
                         .arena_start_bytes = scope->arena->used_bytes};
}

static bool
print_statements(struct eval *ev, struct str *text_out)
{
    struct buf b;
    struct value text;
    buf_init(&b, LIMIT_EXPRESSION_RESULT_BYTES);
    if (!eval_statements(ev, ev->expr->body, &b)) {
        buf_release(&b);
        return false;
    }
    if (!eval_take_buf(ev, &b, &text))
        return false;
    *text_out = text.text;
    return true;
}

/* Types that do not go together: the reference then takes the template's own text as the result. */
static bool
takes_source(const struct expr *e, const struct expr_scope *scope, struct str *text_out, struct err *err)
{
    if (!scope->as_reference || scope->keep_types || scope->failure != EXPR_FAILED_TYPE)
        return false;
    *err = (struct err){.items = err->items};
    *text_out = expr_source(e);
    return true;
}

static bool
eval_as_text(const struct expr *e, struct expr_scope *scope, struct str *text_out, struct err *err)
{
    struct eval ev = eval_begin(e, scope, err);
    struct value v;
    if (e->plain) {
        *text_out = e->plain_text;
        return true;
    }
    if (!check_names(&ev))
        return false;
    if (e->single)
        return eval_node(&ev, e->single, &v) && eval_text(&ev, v, text_out);
    return print_statements(&ev, text_out);
}

/* Would printing the value and reading it as a literal give it back? Counts what it looks at. */
static bool
is_literal(struct eval *ev, struct value v, unsigned depth, bool *literal_out)
{
    struct value_iter it;
    struct value key, item;
    *literal_out = !(v.type == VALUE_FLOAT && !isfinite(v.number)) && !value_is_missing(v) && v.type < VALUE_DATETIME &&
                   !(v.type == VALUE_DICT && v.flag);
    if (v.type == VALUE_NONE)
        *literal_out = true;
    if (!*literal_out || (v.type != VALUE_LIST && v.type != VALUE_DICT))
        return true;
    if (depth > LIMIT_VALUE_DEPTH)
        return eval_full(ev);
    value_iter_init(&it, v);
    while (*literal_out && (v.type == VALUE_DICT ? value_iter_next_entry(&it, &key, &item) : value_iter_next(&it, &item)))
        if (!eval_charge(ev, 1) || !is_literal(ev, item, depth + 1, literal_out))
            return false;
    return true;
}

/* The value that the printed text would be read as. */
static bool
coerce(struct eval *ev, struct value v, struct value *value_out)
{
    bool literal;
    struct str text;
    if (v.type == VALUE_STR || v.type == VALUE_UNDEFINED) {
        *value_out = v.type == VALUE_STR ? value_from_literal(ev->arena, v.text)
                   : ev->expr->lookup_only ? value_undefined() : value_str(STR(""));
        return true;
    }
    if (!is_literal(ev, v, 0, &literal))
        return false;
    if (literal) {
        *value_out = v;
        return true;
    }
    if (!eval_text(ev, v, &text))
        return false;
    *value_out = value_from_literal(ev->arena, text);
    return true;
}

bool
expr_eval_text(const struct expr *e, struct expr_scope *scope, struct str *text_out, struct err *err)
{
    return eval_as_text(e, scope, text_out, err) || takes_source(e, scope, text_out, err);
}

static bool
eval_value(const struct expr *e, struct expr_scope *scope, struct value *value_out, struct err *err)
{
    struct eval ev = eval_begin(e, scope, err);
    struct value v;
    struct str text;
    if (e->plain) {
        *value_out = scope->keep_types ? value_str(e->plain_text) : e->plain_value;
        return true;
    }
    if (!check_names(&ev))
        return false;
    if (e->single && scope->keep_types)
        return eval_node(&ev, e->single, value_out);
    if (e->single)
        return eval_node(&ev, e->single, &v) && coerce(&ev, v, value_out);
    if (!print_statements(&ev, &text))
        return false;
    *value_out = scope->keep_types ? value_str(text) : value_from_literal(ev.arena, text);
    return true;
}

static bool
is_false_text(struct str text)
{
    static const char *const texts[] = {"", "False", "false", "{}", "[]", "()", "0", "0.0"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (str_eq_c(text, texts[i]))
            return true;
    return false;
}

/* What equals one of the reference's false values: None does not, and neither does a blank. */
static bool
is_false(struct value v)
{
    if (v.type == VALUE_UNDEFINED)
        return true;
    if (v.type == VALUE_STR)
        return is_false_text(v.text);
    return v.type != VALUE_NONE && !value_is_true(v);
}

bool
expr_eval(const struct expr *e, struct expr_scope *scope, struct value *value_out, struct err *err)
{
    struct str source;
    if (eval_value(e, scope, value_out, err))
        return true;
    if (!takes_source(e, scope, &source, err))
        return false;
    *value_out = value_str(source);
    return true;
}

bool
expr_eval_bool(const struct expr *e, struct expr_scope *scope, bool *result_out, struct err *err)
{
    struct value v;
    scope->failure = EXPR_FAILED_NOT;
    if (!expr_eval(e, scope, &v, err)) {
        if (scope->failure != EXPR_FAILED_UNDEFINED)
            return false;
        *result_out = false; /* looking into what is missing: the default of a condition, which is false */
        return true;
    }
    *result_out = !is_false(v);
    return true;
}
