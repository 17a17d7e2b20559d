/*
 * Operators of an expression, from the tightest to the loosest: one function per level of Jinja's
 * precedence, each calling the next tighter one.
 */
#include "base/limits.h"
#include "template/expr/expr_priv.h"

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
            compare ? parser_grow(p, compare->operators, compare->count, sizeof(*operators)) : NULL;
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
        if (value && !parser_deepen(p, value, otherwise))
            return NULL;
        if (value)
            value->third = otherwise;
    }
    p->depth--;
    return p->error ? NULL : value;
}
