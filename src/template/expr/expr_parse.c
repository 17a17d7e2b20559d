/*
 * Reading an expression: from tokens to a tree. Primaries, look-ups, calls, filters and tests are here,
 * the operators in expr_parse_operators.c.
 *
 * The text is untrusted: the parser's recursion is counted, and each node carries the depth of its tree,
 * because `a + a + a ...` recurses nowhere here but would when it is evaluated. The first error is kept
 * and everything unwinds with NULL.
 */
#include <stdarg.h>

#include "base/limits.h"
#include "template/expr/expr_priv.h"

void *
parser_fail(struct parser *p, const char *format, ...)
{
    if (p->error)
        return NULL;
    va_list args;
    va_start(args, format);
    struct str words = str_vformat(p->arena, format, args);
    va_end(args);
    struct str error = str_format(p->arena, "%.*s, at byte %zu", STR_ARG(words), p->token.position);
    p->error = str_is_none(error) ? "the expression does not fit into memory" : error.ptr;
    return NULL;
}

void
parser_advance(struct parser *p)
{
    p->token = p->has_ahead ? p->ahead : lexer_next_token(&p->lexer);
    p->has_ahead = false;
    if (p->token.type == TOKEN_BAD)
        parser_fail(p, p->token.text.len == 0 ? "the tag is not closed" : "this character cannot stand here");
}

struct token
parser_peek(struct parser *p)
{
    if (!p->has_ahead && p->token.type != TOKEN_TAG_END) {
        p->ahead = lexer_next_token(&p->lexer);
        p->has_ahead = true;
    }
    return p->ahead;
}

bool
parser_at(const struct parser *p, const char *operator_text)
{
    return p->token.type == TOKEN_OPERATOR && str_eq_c(p->token.text, operator_text);
}

bool
parser_at_name(const struct parser *p, const char *name)
{
    return p->token.type == TOKEN_NAME && str_eq_c(p->token.text, name);
}

bool
parser_skip(struct parser *p, const char *operator_text)
{
    if (!parser_at(p, operator_text))
        return false;
    parser_advance(p);
    return true;
}

bool
parser_expect(struct parser *p, const char *operator_text)
{
    if (parser_skip(p, operator_text))
        return true;
    parser_fail(p, "\"%s\" was expected", operator_text);
    return false;
}

static bool
note(struct parser *p, struct str **list, size_t *count, size_t *size, struct str name)
{
    for (size_t i = 0; i < *count; i++)
        if (str_eq((*list)[i], name))
            return true;
    if (*count == *size) {
        size_t more = *size ? *size * 2 : 8;
        struct str *grown = arena_grow(p->arena, *list, *size * sizeof(name), more * sizeof(name));
        if (!grown)
            return parser_fail(p, "the expression does not fit into memory");
        *list = grown;
        *size = more;
    }
    (*list)[(*count)++] = name;
    return true;
}

bool
parser_note_name(struct parser *p, struct str name)
{
    return note(p, &p->names, &p->name_count, &p->name_size, name);
}

bool
parser_note_assigned(struct parser *p, struct str name)
{
    return note(p, &p->assigned, &p->assigned_count, &p->assigned_size, name);
}

/* ---- nodes ---- */

bool
parser_deepen(struct parser *p, struct node *parent, const struct node *child)
{
    if (child && child->depth >= parent->depth)
        parent->depth = child->depth + 1;
    if (parent->depth > LIMIT_EXPRESSION_TREE_DEPTH)
        return parser_fail(p, "the expression is nested too deeply");
    return true;
}

struct node *
parser_new_node(struct parser *p, enum node_type type, struct node *left, struct node *right)
{
    struct node *node = ARENA_NEW(p->arena, struct node);
    if (!node)
        return parser_fail(p, "the expression does not fit into memory");
    *node = (struct node){.type = type, .left = left, .right = right, .depth = 1};
    return parser_deepen(p, node, left) && parser_deepen(p, node, right) ? node : NULL;
}

void *
parser_grow(struct parser *p, void *items, size_t count, size_t item_bytes)
{
    if (count > 0 && (count < 4 || (count & (count - 1)) != 0))
        return items;
    size_t size = count ? count * 2 : 4;
    void *grown = arena_grow(p->arena, items, count * item_bytes, size * item_bytes);
    return grown ? grown : parser_fail(p, "the expression does not fit into memory");
}

bool
parser_append(struct parser *p, struct node *parent, struct node *item)
{
    struct node **items = item ? parser_grow(p, parent->items, parent->count, sizeof(*items)) : NULL;
    if (!items || !parser_deepen(p, parent, item))
        return false;
    parent->items = items;
    parent->items[parent->count++] = item;
    return true;
}

static struct node *
constant_node(struct parser *p, struct value value)
{
    struct node *node = parser_new_node(p, NODE_CONSTANT, NULL, NULL);
    if (node)
        node->constant = value;
    return node;
}

/* ---- primaries ---- */

static struct node *
parse_strings(struct parser *p)
{
    struct str text = STR(""), part;
    while (p->token.type == TOKEN_STRING && !p->error) {
        if (!pytext_unescape(p->arena, p->token.text, false, &part))
            return parser_fail(p, "the string has a broken escape");
        text = text.len ? str_join2(p->arena, text, part) : part;
        if (text.len > LIMIT_EXPRESSION_BYTES)
            return parser_fail(p, "the string is too long");
        parser_advance(p);
    }
    return constant_node(p, value_str(text.len ? text : STR("")));
}

static struct node *
parse_number(struct parser *p)
{
    struct value value;
    double number;
    struct str text = p->token.text;
    if (p->token.type == TOKEN_FLOAT) {
        if (!pytext_read_float(text, &number))
            return parser_fail(p, "the number is not valid");
        value = value_float(number);
    } else {
        bool zeros_first = text.len > 1 && text.ptr[0] == '0' && text.ptr[1] >= '1' && text.ptr[1] <= '9';
        if (zeros_first || !pytext_to_int(p->arena, text, 0, &value))
            return parser_fail(p, "the number is not valid");
    }
    parser_advance(p);
    return constant_node(p, value);
}

static struct node *
parse_name(struct parser *p)
{
    static const struct {
        const char *name;
        enum value_type type;
        bool flag;
    } constants[] = {{"true", VALUE_BOOL, true},   {"True", VALUE_BOOL, true},  {"false", VALUE_BOOL, false},
                     {"False", VALUE_BOOL, false}, {"none", VALUE_NONE, false}, {"None", VALUE_NONE, false}};
    struct str name = p->token.text;
    parser_advance(p);
    for (size_t i = 0; i < ARRAY_LEN(constants); i++)
        if (str_eq_c(name, constants[i].name))
            return constant_node(p, (struct value){.type = constants[i].type, .flag = constants[i].flag});
    struct node *node = parser_new_node(p, NODE_NAME, NULL, NULL);
    if (!node || !parser_note_name(p, name))
        return NULL;
    p->loop_names += str_eq_c(name, "loop");
    node->name = name;
    return node;
}

static struct node *
parse_list(struct parser *p)
{
    struct node *node = parser_new_node(p, NODE_LIST, NULL, NULL);
    parser_advance(p);
    while (node && !p->error && !parser_at(p, "]")) {
        if (node->count && !parser_expect(p, ","))
            return NULL;
        if (parser_at(p, "]"))
            break;
        if (!parser_append(p, node, parse_condition(p, true)))
            return NULL;
    }
    return node && parser_expect(p, "]") ? node : NULL;
}

static struct node *
parse_dict(struct parser *p)
{
    struct node *node = parser_new_node(p, NODE_DICT, NULL, NULL);
    parser_advance(p);
    while (node && !p->error && !parser_at(p, "}")) {
        if (node->count && !parser_expect(p, ","))
            return NULL;
        if (parser_at(p, "}"))
            break;
        if (!parser_append(p, node, parse_condition(p, true)) || !parser_expect(p, ":") ||
            !parser_append(p, node, parse_condition(p, true)))
            return NULL;
    }
    return node && parser_expect(p, "}") ? node : NULL;
}

static bool
ends_tuple(const struct parser *p)
{
    return p->token.type == TOKEN_TAG_END || parser_at(p, ")") || p->error;
}

/* `a` or `a, b`; in brackets `()` is a tuple too. */
static struct node *
parse_tuple(struct parser *p, bool in_brackets)
{
    if (in_brackets && parser_at(p, ")"))
        return parser_new_node(p, NODE_TUPLE, NULL, NULL);
    struct node *first = parse_condition(p, true);
    if (!first || !parser_at(p, ","))
        return first;
    struct node *tuple = parser_new_node(p, NODE_TUPLE, NULL, NULL);
    if (!tuple || !parser_append(p, tuple, first))
        return NULL;
    while (parser_skip(p, ",") && !ends_tuple(p))
        if (!parser_append(p, tuple, parse_condition(p, true)))
            return NULL;
    return tuple;
}

struct node *
parse_primary(struct parser *p)
{
    switch (p->token.type) {
    case TOKEN_NAME: return parse_name(p);
    case TOKEN_STRING: return parse_strings(p);
    case TOKEN_INTEGER:
    case TOKEN_FLOAT: return parse_number(p);
    case TOKEN_TAG_END: return parser_fail(p, "an expression was expected before the end of the tag");
    case TOKEN_BAD: return parser_fail(p, "the tag is not closed");
    case TOKEN_OPERATOR: break;
    }
    if (parser_at(p, "["))
        return parse_list(p);
    if (parser_at(p, "{"))
        return parse_dict(p);
    if (!parser_skip(p, "("))
        return parser_fail(p, "\"%.*s\" cannot stand here", STR_ARG(p->token.text));
    struct node *inside = parse_tuple(p, true);
    return inside && parser_expect(p, ")") ? inside : NULL;
}

/* ---- calls and look-ups ---- */

static bool
parse_keyword(struct parser *p, struct node *call)
{
    struct str name = p->token.text;
    parser_advance(p);
    parser_advance(p);
    struct node *value = parse_condition(p, true);
    struct named_node *named = value ? parser_grow(p, call->named, call->named_count, sizeof(*named)) : NULL;
    if (!named || !parser_deepen(p, call, value))
        return false;
    call->named = named;
    call->named[call->named_count++] = (struct named_node){name, value};
    return true;
}

static bool
at_keyword(struct parser *p)
{
    struct token next = p->token.type == TOKEN_NAME ? parser_peek(p) : p->token;
    return p->token.type == TOKEN_NAME && next.type == TOKEN_OPERATOR && str_eq_c(next.text, "=");
}

/* The arguments behind an opening bracket, which is the current token. */
static bool
parse_arguments(struct parser *p, struct node *call)
{
    parser_advance(p);
    for (bool first = true; !parser_at(p, ")"); first = false) {
        if (!first && (!parser_expect(p, ",") || parser_at(p, ")")))
            break;
        if (parser_at(p, "*") || parser_at(p, "**"))
            return parser_fail(p, "unpacked arguments are not supported");
        if (at_keyword(p)) {
            if (!parse_keyword(p, call))
                return false;
            continue;
        }
        if (call->named_count)
            return parser_fail(p, "a positional argument cannot follow a keyword");
        if (!parser_append(p, call, parse_condition(p, true)))
            return false;
    }
    return parser_expect(p, ")");
}

static struct node *
parse_call(struct parser *p, struct node *callee)
{
    struct node *call;
    if (callee->type == NODE_NAME) {
        call = parser_new_node(p, NODE_FUNCTION, NULL, NULL);
        if (call)
            call->callable = find_function(callee->name);
    } else if (callee->type == NODE_ATTRIBUTE) {
        call = parser_new_node(p, NODE_METHOD, callee->left, NULL);
    } else {
        return parser_fail(p, "only functions and methods can be called");
    }
    if (!call)
        return NULL;
    call->name = callee->name;
    return parse_arguments(p, call) ? call : NULL;
}

static struct node *
parse_slice(struct parser *p, struct node *object, struct node *first)
{
    struct node *slice = parser_new_node(p, NODE_SLICE, object, NULL);
    struct node *none = constant_node(p, value_none());
    if (!slice || !none || !parser_append(p, slice, first ? first : none))
        return NULL;
    while (slice->count < 3 && parser_skip(p, ":")) {
        bool empty = parser_at(p, "]") || parser_at(p, ":");
        if (!parser_append(p, slice, empty ? none : parse_condition(p, true)))
            return NULL;
    }
    while (slice->count < 3)
        if (!parser_append(p, slice, none))
            return NULL;
    return slice;
}

static struct node *
parse_subscript(struct parser *p, struct node *object)
{
    parser_advance(p);
    struct node *node;
    if (parser_at(p, ":")) {
        node = parse_slice(p, object, NULL);
    } else {
        struct node *index = parse_condition(p, true);
        if (!index)
            return NULL;
        node = parser_at(p, ":") ? parse_slice(p, object, index) : parser_new_node(p, NODE_ITEM, object, index);
    }
    return node && parser_expect(p, "]") ? node : NULL;
}

static struct node *
parse_attribute(struct parser *p, struct node *object)
{
    parser_advance(p);
    if (p->token.type == TOKEN_INTEGER) {
        struct node *index = parse_number(p);
        return index ? parser_new_node(p, NODE_ITEM, object, index) : NULL;
    }
    if (p->token.type != TOKEN_NAME)
        return parser_fail(p, "a name was expected after the dot");
    struct node *node = parser_new_node(p, NODE_ATTRIBUTE, object, NULL);
    if (node)
        node->name = p->token.text;
    parser_advance(p);
    return node;
}

struct node *
parse_postfix(struct parser *p, struct node *node)
{
    while (node && !p->error) {
        if (parser_at(p, "."))
            node = parse_attribute(p, node);
        else if (parser_at(p, "["))
            node = parse_subscript(p, node);
        else if (parser_at(p, "("))
            node = parse_call(p, node);
        else
            return node;
    }
    return NULL;
}

/* ---- filters and tests ---- */

/* Dotted names of filters and tests do not occur with us: an unknown one fails when it is used. */
static struct node *
parse_filter(struct parser *p, struct node *subject)
{
    if (p->token.type != TOKEN_NAME)
        return parser_fail(p, "the name of a filter was expected");
    struct node *node = parser_new_node(p, NODE_FILTER, subject, NULL);
    if (!node)
        return NULL;
    node->name = p->token.text;
    node->callable = find_filter(node->name);
    if (!node->callable && p->branch_depth == 0)
        return parser_fail(p, "there is no filter \"%.*s\"", STR_ARG(node->name));
    parser_advance(p);
    if (parser_at(p, "(") && !parse_arguments(p, node))
        return NULL;
    bool regex = str_eq_c(node->name, "regex_search") || str_eq_c(node->name, "regex_replace");
    if (regex && node->count > 0 && node->items[0]->type == NODE_CONSTANT && value_is_str(node->items[0]->constant))
        node->regex = regex_prepare(p->arena, node->items[0]->constant.text);
    return node;
}

static bool
begins_test_argument(const struct parser *p)
{
    if (p->token.type == TOKEN_STRING || p->token.type == TOKEN_INTEGER || p->token.type == TOKEN_FLOAT)
        return true;
    if (p->token.type == TOKEN_NAME)
        return !parser_at_name(p, "else") && !parser_at_name(p, "or") && !parser_at_name(p, "and") &&
               !parser_at_name(p, "is") && !parser_at_name(p, "if") && !parser_at_name(p, "in") &&
               !parser_at_name(p, "not");
    return parser_at(p, "[") || parser_at(p, "{");
}

/* `x is divisibleby(3)`, `x is eq 3`, `x is not none`. */
static struct node *
parse_test(struct parser *p, struct node *subject)
{
    parser_advance(p);
    bool negated = parser_at_name(p, "not");
    if (negated)
        parser_advance(p);
    if (p->token.type != TOKEN_NAME)
        return parser_fail(p, "the name of a test was expected");
    struct node *node = parser_new_node(p, NODE_TEST, subject, NULL);
    if (!node)
        return NULL;
    node->name = p->token.text;
    node->callable = find_test(node->name);
    if (!node->callable && p->branch_depth == 0)
        return parser_fail(p, "there is no test \"%.*s\"", STR_ARG(node->name));
    parser_advance(p);
    if (parser_at(p, "(")) {
        if (!parse_arguments(p, node))
            return NULL;
    } else if (begins_test_argument(p)) {
        struct node *argument = parse_primary(p);
        if (!argument || !parser_append(p, node, parse_postfix(p, argument)))
            return NULL;
    }
    return negated ? parser_new_node(p, NODE_NOT, node, NULL) : node;
}

struct node *
parse_filter_chain(struct parser *p, struct node *node, bool first_is_named)
{
    if (first_is_named)
        node = parse_filter(p, node);
    while (node && !p->error) {
        if (parser_skip(p, "|"))
            node = parse_filter(p, node);
        else if (parser_at_name(p, "is"))
            node = parse_test(p, node);
        else if (parser_at(p, "("))
            node = parse_call(p, node);
        else
            return node;
    }
    return NULL;
}

struct node *
parse_expression(struct parser *p)
{
    return parse_tuple(p, false);
}
