/*
 * Reading statements: if, for, set, with and filter blocks, the values printed between them, and plain text.
 *
 * What makes it hard: the end of a block is known only by the word of the tag behind it, and each kind of block
 * has other words ("elif else endif"). So a block is read up to a tag with one of its own words, which is then the
 * current token, and whoever began the block looks which one it was. Names that are assigned are noted on the
 * way: what a text asks of its surroundings is what it does not assign itself.
 */
#include <string.h>

#include "base/limits.h"
#include "template/expr/expr_priv.h"

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
