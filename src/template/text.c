/*
 * Fields that hold expressions, and what the expressions can see.
 *
 * Nearly every text of a manifest is an expression, but most are plain words: those are recognised when
 * the manifest is loaded and cost nothing afterwards. A map of request inputs leaves out entries that
 * come out null or empty (manifest-format, rules 8, 11, 12).
 */
#include "template/plan_priv.h"

#include <stdarg.h>

bool
compile_full(struct compiler *c)
{
    return err_set(c->err, E_TOO_LARGE, "The template is too large to hold in memory");
}

bool
refuse(struct compiler *c, const char *format, ...)
{
    char words[300];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof(words), format, args);
    va_end(args);
    return err_set(c->err, E_TEMPLATE_REFUSED, "%s", words);
}

bool
refuse_component(struct compiler *c, const struct node *component)
{
    struct str class_name = node_text_at(component, "class_name"), type = node_text_at(component, "type");
    if (class_name.len) {
        ptrdiff_t dot = str_find_last(class_name, '.');
        struct str name = str_skip(class_name, (size_t)(dot + 1));
        return refuse(c, "needs Python: class %.*s", STR_ARG(name));
    }
    if (!type.len)
        return refuse(c, "has a component without a type at line %u", component ? component->line : 0);
    return refuse(c, "needs %.*s, which is not supported", STR_ARG(type));
}

static bool
scalar_text(const struct node *n, struct str *text_out)
{
    switch (n->type) {
    case NODE_STR:
    case NODE_INT:
    case NODE_FLOAT: *text_out = n->text; return true;
    case NODE_BOOL: *text_out = n->flag ? STR("True") : STR("False"); return true;
    case NODE_NULL:
    case NODE_LIST:
    case NODE_MAP: break;
    }
    return false;
}

void
text_note_fault(struct compiler *c, const struct node *at, struct str words)
{
    struct template_fault *f = c->owner ? ARENA_NEW(c->arena, struct template_fault) : NULL;
    if (!f)
        return;
    *f = (struct template_fault){.next = c->owner->faults, .line = at->line, .words = words};
    c->owner->faults = f;
}

/* A broken expression does not take the template down: it fails where it is used (manifest-format, section 3). */
static void
note_broken(struct compiler *c, const struct node *at, const char *why)
{
    if (why)
        text_note_fault(c, at, str_format(c->arena, "the expression fails when it is used: %s", why));
}

bool
text_compile(struct compiler *c, const struct node *component, const struct node *value, struct text *text_out)
{
    struct str source;
    if (!scalar_text(value, &source))
        return err_set(c->err, E_TEMPLATE_INVALID, "line %u, column %u: a text is expected here", value->line, value->column);
    *text_out = (struct text){.expr = expr_compile(c->arena, source)};
    if (!text_out->expr)
        return compile_full(c);
    note_broken(c, value, expr_syntax_error(text_out->expr));
    const struct node *parameters = node_get_c(component, "$parameters");
    if (parameters && !expr_is_plain(text_out->expr) && !(text_out->parameters = node_to_json(c->arena, parameters)))
        return compile_full(c);
    if (!expr_is_plain(text_out->expr))
        return true;
    struct value literal = value_from_literal(c->arena, source);
    if (literal.type == VALUE_STR && str_eq(literal.text, source))
        text_out->constant = source.ptr ? source : STR("");
    return true;
}

bool
text_field(struct compiler *c, const struct node *component, const char *field, struct text *text_out)
{
    const struct node *value = node_get_c(component, field);
    *text_out = (struct text){0};
    if (!value || value->type == NODE_NULL)
        return true;
    return text_compile(c, component, value, text_out);
}

bool
text_list_field(struct compiler *c, const struct node *component, const char *field, struct text **texts_out, size_t *count_out)
{
    const struct node *list = node_get_c(component, field);
    *texts_out = NULL, *count_out = 0;
    if (!list || list->type == NODE_NULL)
        return true;
    if (list->type != NODE_LIST)
        return err_set(c->err, E_TEMPLATE_INVALID, "line %u, column %u: %s must be a list", list->line, list->column, field);
    struct text *texts = ARENA_ARRAY(c->arena, struct text, list->count + 1);
    if (!texts)
        return compile_full(c);
    for (size_t i = 0; i < list->count; i++)
        if (!text_compile(c, component, list->items[i], &texts[i]))
            return false;
    *texts_out = texts, *count_out = list->count;
    return true;
}

static bool
input_items(struct compiler *c, const struct node *component, const struct node *value, struct input *in)
{
    in->count = value->count;
    in->items = ARENA_ARRAY(c->arena, struct input, value->count + 1);
    in->keys = value->type == NODE_MAP ? ARENA_ARRAY(c->arena, struct text, value->count + 1) : NULL;
    if (!in->items || (value->type == NODE_MAP && !in->keys))
        return compile_full(c);
    for (size_t i = 0; i < value->count; i++) {
        struct node key = {.type = NODE_STR, .text = value->type == NODE_MAP ? value->keys[i] : STR_NONE};
        if (in->keys && !text_compile(c, component, &key, &in->keys[i]))
            return false;
        if (!input_compile(c, component, value->items[i], &in->items[i]))
            return false;
    }
    return true;
}

bool
input_compile(struct compiler *c, const struct node *component, const struct node *value, struct input *input_out)
{
    *input_out = (struct input){.kind = INPUT_NONE};
    if (!value)
        return true;
    switch (value->type) {
    case NODE_STR: input_out->kind = INPUT_TEXT; return text_compile(c, component, value, &input_out->text);
    case NODE_MAP: input_out->kind = INPUT_MAP; return input_items(c, component, value, input_out);
    case NODE_LIST: input_out->kind = INPUT_LIST; return input_items(c, component, value, input_out);
    case NODE_NULL:
    case NODE_BOOL:
    case NODE_INT:
    case NODE_FLOAT: break;
    }
    input_out->kind = INPUT_CONSTANT;
    input_out->constant = node_to_json(c->arena, value);
    return input_out->constant || compile_full(c);
}

static bool
inject_from_text(struct str text, enum inject *into_out)
{
    static const struct {
        const char *word;
        enum inject into;
    } words[] = {
        {"request_parameter", INJECT_QUERY}, {"header", INJECT_HEADER},
        {"body_data", INJECT_FORM}, {"body_json", INJECT_JSON},
    };
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_eq_c(text, words[i].word)) {
            *into_out = words[i].into;
            return true;
        }
    return false;
}

bool
request_option_compile(struct compiler *c, const struct node *n, struct request_option **option_out)
{
    *option_out = NULL;
    if (!n || n->type == NODE_NULL)
        return true;
    struct request_option *o = ARENA_NEW(c->arena, struct request_option);
    if (!o)
        return compile_full(c);
    if (!inject_from_text(node_text_at(n, "inject_into"), &o->into))
        return err_set(c->err, E_TEMPLATE_INVALID,
                       "line %u: inject_into must be request_parameter, header, body_data or body_json", n->line);
    if (!text_field(c, n, "field_name", &o->name) || !text_list_field(c, n, "field_path", &o->path, &o->path_count))
        return false;
    if (text_given(&o->name) == (o->path_count > 0))
        return refuse(c, "has a RequestOption with %s in line %u",
                      text_given(&o->name) ? "both field_name and field_path" : "neither field_name nor field_path", n->line);
    if (o->path_count && o->into != INJECT_JSON)
        return err_set(c->err, E_TEMPLATE_INVALID, "line %u: field_path works in body_json only", n->line);
    *option_out = o;
    return true;
}

bool
text_given(const struct text *t)
{
    return t->expr != NULL;
}

void
scene_scope(const struct scene *s, struct expr_scope *scope_out)
{
    expr_scope_init(scope_out, s->arena, s->now_us);
    scope_out->as_reference = s->as_reference;
    expr_scope_set(scope_out, STR("config"), value_from_json(s->config));
    expr_scope_set(scope_out, STR("parameters"), value_dict_new(s->arena));
    expr_scope_set(scope_out, STR("stream_slice"), s->slice ? value_from_json(s->slice) : value_dict_new(s->arena));
    struct value token = value_none();
    if (!value_is_missing(s->token)) {
        token = value_dict_new(s->arena);
        if (token.type == VALUE_DICT && !value_dict_put(s->arena, token, STR("next_page_token"), s->token))
            token = value_none();
    }
    expr_scope_set(scope_out, STR("next_page_token"), token);
    if (s->input) {
        expr_scope_set(scope_out, STR("input"), value_from_json(s->input));
        scope_out->keep_types = true;
    }
    size_t index, max;
    yyjson_val *key, *item;
    JSON_EACH_MEMBER(s->extra_fields, index, max, key, item) {
        if (scope_out->count < EXPR_VARIABLES_MAX - 8) /* room for record, response, headers ... */
            expr_scope_set(scope_out, json_str(key), value_from_json(item));
    }
}

static void
use_parameters(const struct text *t, struct expr_scope *scope)
{
    if (t->parameters)
        expr_scope_set(scope, STR("parameters"), value_from_json(t->parameters));
}

bool
text_value(const struct text *t, struct expr_scope *scope, struct value *value_out, struct err *err)
{
    if (!t->expr) {
        *value_out = value_undefined();
        return true;
    }
    if (t->constant.ptr) {
        *value_out = value_str(t->constant);
        return true;
    }
    use_parameters(t, scope);
    return expr_eval(t->expr, scope, value_out, err);
}

static bool
type_is(struct value v, struct str wanted)
{
    if (str_eq(wanted, STR("string")))
        return v.type == VALUE_STR;
    if (str_eq(wanted, STR("integer")))
        return v.type == VALUE_INT || v.type == VALUE_BIGINT || v.type == VALUE_BOOL;
    if (str_eq(wanted, STR("number")))
        return v.type == VALUE_FLOAT;
    return v.type == VALUE_BOOL;
}

bool
text_typed_value(const struct text *t, struct str type, struct expr_scope *scope, struct value *value_out, struct err *err)
{
    if (!type.len || t->constant.ptr) {
        if (!text_value(t, scope, value_out, err))
            return false;
        if (value_out->type == VALUE_UNDEFINED)
            *value_out = value_str(STR(""));
        return true;
    }
    struct str text;
    use_parameters(t, scope);
    if (!expr_eval_text(t->expr, scope, &text, err))
        return false;
    *value_out = value_from_literal(scope->arena, text);
    if (!type_is(*value_out, type))
        *value_out = value_str(text);
    return true;
}

bool
text_str(const struct text *t, struct expr_scope *scope, struct str *str_out, struct err *err)
{
    struct value v;
    if (t->constant.ptr || !t->expr) {
        *str_out = t->constant;
        return true;
    }
    if (!text_value(t, scope, &v, err))
        return false;
    *str_out = v.type == VALUE_UNDEFINED ? STR("") : v.type == VALUE_STR ? v.text : value_to_python(scope->arena, v);
    return str_out->ptr || str_out->len == 0 || err_no_memory(err);
}

bool
text_bool(const struct text *t, struct expr_scope *scope, bool *result_out, struct err *err)
{
    use_parameters(t, scope);
    return expr_eval_bool(t->expr, scope, result_out, err);
}

/* An entry whose expression looks into something missing is left out, not an error (rule 12). */
static bool
drop_undefined(const struct expr_scope *scope, struct value *value_out)
{
    *value_out = value_none();
    return scope->failure == EXPR_FAILED_UNDEFINED;
}

/* In queries and forms a text that reads as number or boolean stays text; lists are understood. */
static bool
value_of_text(const struct text *t, struct expr_scope *scope, bool keep_text, struct value *value_out, struct err *err)
{
    struct str text;
    if (!keep_text || t->constant.ptr)
        return text_value(t, scope, value_out, err) || drop_undefined(scope, value_out);
    use_parameters(t, scope);
    if (scope->keep_types)
        return expr_eval(t->expr, scope, value_out, err) || drop_undefined(scope, value_out);
    if (!expr_eval_text(t->expr, scope, &text, err))
        return drop_undefined(scope, value_out);
    struct value literal = value_from_literal(scope->arena, text);
    bool is_list = literal.type == VALUE_LIST && !literal.list->tuple;
    *value_out = literal.type == VALUE_STR || is_list ? literal : value_str(text);
    return true;
}

static bool
is_left_out(struct value v)
{
    return value_is_missing(v) || (v.type == VALUE_STR && v.text.len == 0);
}

static bool
input_map(const struct input *in, struct expr_scope *scope, bool keep_text, struct value *value_out, struct err *err)
{
    struct value dict = value_dict_new(scope->arena);
    if (dict.type != VALUE_DICT)
        return err_no_memory(err);
    for (size_t i = 0; i < in->count; i++) {
        struct str key;
        struct value item;
        if (!text_str(&in->keys[i], scope, &key, err) || !input_value(&in->items[i], scope, keep_text, &item, err))
            return false;
        if (!is_left_out(item) && !value_dict_put(scope->arena, dict, key, item))
            return err_no_memory(err);
    }
    *value_out = dict;
    return true;
}

static bool
input_list(const struct input *in, struct expr_scope *scope, bool keep_text, struct value *value_out, struct err *err)
{
    struct value list = value_list_new(scope->arena);
    if (list.type != VALUE_LIST)
        return err_no_memory(err);
    for (size_t i = 0; i < in->count; i++) {
        struct value item;
        if (!input_value(&in->items[i], scope, keep_text, &item, err))
            return false;
        if (!value_list_add(scope->arena, list, is_left_out(item) ? value_none() : item))
            return err_no_memory(err);
    }
    *value_out = list;
    return true;
}

bool
input_value(const struct input *in, struct expr_scope *scope, bool keep_text, struct value *value_out, struct err *err)
{
    switch (in->kind) {
    case INPUT_NONE: *value_out = value_undefined(); return true;
    case INPUT_CONSTANT: *value_out = value_from_json(in->constant); return true;
    case INPUT_TEXT: return value_of_text(&in->text, scope, keep_text, value_out, err);
    case INPUT_MAP: return input_map(in, scope, keep_text, value_out, err);
    case INPUT_LIST: return input_list(in, scope, keep_text, value_out, err);
    }
    return false;
}
