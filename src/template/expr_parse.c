/*
 * Reading an expression: from tokens to a tree, by recursive descent along Jinja's precedence.
 *
 * The text is untrusted: the parser's recursion is counted, and each node carries the depth of its tree,
 * because `a + a + a ...` recurses nowhere here but would when it is evaluated. The first error is kept
 * and everything unwinds with NULL.
 */
#include <stdarg.h>

#include "base/limits.h"
#include "template/expr_priv.h"

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

static bool
deepen(struct parser *p, struct node *parent, const struct node *child)
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
    return deepen(p, node, left) && deepen(p, node, right) ? node : NULL;
}

/* Arrays grow when their count is a power of two: no size needs to be kept. */
static void *
grow_array(struct parser *p, void *items, size_t count, size_t item_bytes)
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
    struct node **items = item ? grow_array(p, parent->items, parent->count, sizeof(*items)) : NULL;
    if (!items || !deepen(p, parent, item))
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

static struct node *
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
    struct named_node *named = value ? grow_array(p, call->named, call->named_count, sizeof(*named)) : NULL;
    if (!named || !deepen(p, call, value))
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

static struct node *
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

/* ---- operators, from the tightest to the loosest ---- */

static struct node *
parse_unary(struct parser *p, bool with_filter)
{
    struct node *node;
    if (++p->depth > LIMIT_EXPRESSION_DEPTH)
        return parser_fail(p, "the expression is nested too deeply");
    bool negative = parser_at(p, "-");
    if (negative || parser_at(p, "+")) {
        parser_advance(p);
        struct node *operand = parse_unary(p, false);
        node = operand ? parser_new_node(p, negative ? NODE_NEGATIVE : NODE_POSITIVE, operand, NULL) : NULL;
    } else {
        node = parse_primary(p);
    }
    node = parse_postfix(p, node);
    if (node && with_filter)
        node = parse_filter_chain(p, node, false);
    p->depth--;
    return node;
}

struct level {
    const char *text;
    enum operator operator;
};

/* One level of left-associative operators above `next`. */
static struct node *
parse_level(struct parser *p, const struct level *level, size_t count, struct node *(*next)(struct parser *))
{
    struct node *left = next(p);
    while (left && !p->error) {
        size_t i = 0;
        while (i < count && !parser_at(p, level[i].text))
            i++;
        if (i == count)
            return left;
        parser_advance(p);
        struct node *right = next(p);
        left = right ? parser_new_node(p, NODE_ARITHMETIC, left, right) : NULL;
        if (left)
            left->operator = level[i].operator;
    }
    return NULL;
}

static struct node *
parse_filtered_unary(struct parser *p)
{
    return parse_unary(p, true);
}

static struct node *
parse_power(struct parser *p)
{
    static const struct level level[] = {{"**", OPERATOR_POWER}};
    return parse_level(p, level, ARRAY_LEN(level), parse_filtered_unary);
}

static struct node *
parse_product(struct parser *p)
{
    static const struct level level[] = {{"*", OPERATOR_MULTIPLY}, {"/", OPERATOR_DIVIDE},
                                         {"//", OPERATOR_FLOOR_DIVIDE}, {"%", OPERATOR_MODULO}};
    return parse_level(p, level, ARRAY_LEN(level), parse_power);
}

static struct node *
parse_concat(struct parser *p)
{
    struct node *first = parse_product(p);
    if (!first || !parser_at(p, "~"))
        return first;
    struct node *concat = parser_new_node(p, NODE_CONCAT, NULL, NULL);
    if (!concat || !parser_append(p, concat, first))
        return NULL;
    while (parser_skip(p, "~"))
        if (!parser_append(p, concat, parse_product(p)))
            return NULL;
    return concat;
}

static struct node *
parse_sum(struct parser *p)
{
    static const struct level level[] = {{"+", OPERATOR_ADD}, {"-", OPERATOR_SUBTRACT}};
    return parse_level(p, level, ARRAY_LEN(level), parse_concat);
}

/* Takes a comparison operator; false when there is none. */
static bool
take_comparison(struct parser *p, enum operator *operator_out)
{
    static const struct level level[] = {{"==", OPERATOR_EQUAL}, {"!=", OPERATOR_NOT_EQUAL},
                                         {"<", OPERATOR_LESS}, {"<=", OPERATOR_LESS_EQUAL},
                                         {">", OPERATOR_GREATER}, {">=", OPERATOR_GREATER_EQUAL}};
    for (size_t i = 0; i < ARRAY_LEN(level); i++)
        if (parser_skip(p, level[i].text)) {
            *operator_out = level[i].operator;
            return true;
        }
    *operator_out = parser_at_name(p, "in") ? OPERATOR_IN : OPERATOR_NOT_IN;
    if (parser_at_name(p, "not")) {
        struct token next = parser_peek(p);
        if (next.type != TOKEN_NAME || !str_eq_c(next.text, "in"))
            return false;
        parser_advance(p);
    }
    if (!parser_at_name(p, "in"))
        return false;
    parser_advance(p);
    return true;
}

static struct node *
parse_compare(struct parser *p)
{
    struct node *left = parse_sum(p), *compare = NULL;
    enum operator operator;
    while (left && !p->error && take_comparison(p, &operator)) {
        if (!compare)
            compare = parser_new_node(p, NODE_COMPARE, left, NULL);
        enum operator *operators =
            compare ? grow_array(p, compare->operators, compare->count, sizeof(*operators)) : NULL;
        if (!operators)
            return NULL;
        compare->operators = operators;
        compare->operators[compare->count] = operator;
        if (!parser_append(p, compare, parse_sum(p)))
            return NULL;
    }
    return compare && left ? compare : left;
}

static struct node *
parse_not(struct parser *p)
{
    if (!parser_at_name(p, "not"))
        return parse_compare(p);
    if (++p->depth > LIMIT_EXPRESSION_DEPTH)
        return parser_fail(p, "the expression is nested too deeply");
    parser_advance(p);
    struct node *operand = parse_not(p);
    p->depth--;
    return operand ? parser_new_node(p, NODE_NOT, operand, NULL) : NULL;
}

static struct node *
parse_words(struct parser *p, const char *word, enum node_type type, struct node *(*next)(struct parser *))
{
    struct node *left = next(p);
    while (left && !p->error && parser_at_name(p, word)) {
        parser_advance(p);
        struct node *right = next(p);
        left = right ? parser_new_node(p, type, left, right) : NULL;
    }
    return p->error ? NULL : left;
}

static struct node *
parse_and(struct parser *p)
{
    return parse_words(p, "and", NODE_AND, parse_not);
}

static struct node *
parse_or(struct parser *p)
{
    return parse_words(p, "or", NODE_OR, parse_and);
}

struct node *
parse_condition(struct parser *p, bool with_inline_if)
{
    if (++p->depth > LIMIT_EXPRESSION_DEPTH)
        return parser_fail(p, "the expression is nested too deeply");
    struct node *value = parse_or(p);
    while (value && with_inline_if && parser_at_name(p, "if")) {
        parser_advance(p);
        struct node *test = parse_or(p), *otherwise = NULL;
        if (!test)
            return NULL;
        bool has_else = parser_at_name(p, "else");
        if (has_else) {
            parser_advance(p);
            otherwise = parse_condition(p, true);
        }
        value = has_else && !otherwise ? NULL : parser_new_node(p, NODE_CONDITION, value, test);
        if (value && !deepen(p, value, otherwise))
            return NULL;
        if (value)
            value->third = otherwise;
    }
    p->depth--;
    return p->error ? NULL : value;
}

struct node *
parse_expression(struct parser *p)
{
    return parse_tuple(p, false);
}
