/*
 * Cutting a template text into plain text and tags, and a tag into tokens.
 *
 * What makes it hard: a tag's end may occur inside it (`{{ {'a': {}} }}`), so brackets are counted; a
 * minus at a tag's edge eats the blanks of the text beside it; comments and raw blocks are no tags.
 */
#include "template/expr/expr_priv.h"

static char
peek(const struct lexer *lexer, size_t ahead)
{
    size_t at = lexer->position + ahead;
    return at < lexer->source.len ? lexer->source.ptr[at] : '\0';
}

static struct str
rest_of(const struct lexer *lexer)
{
    return str_skip(lexer->source, lexer->position);
}

static bool
is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct str
strip_right(struct str s)
{
    while (s.len && is_blank(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

static void
skip_blanks(struct lexer *lexer)
{
    while (lexer->position < lexer->source.len && is_blank(lexer->source.ptr[lexer->position]))
        lexer->position++;
}

/* ---- text between tags ---- */

/* Where the next tag or comment begins, or the end. */
static size_t
find_tag(struct str source, size_t from)
{
    for (size_t i = from; i + 1 < source.len; i++)
        if (source.ptr[i] == '{' && (source.ptr[i + 1] == '{' || source.ptr[i + 1] == '%' || source.ptr[i + 1] == '#'))
            return i;
    return source.len;
}

static bool
skip_comment(struct lexer *lexer)
{
    lexer->position += 2;
    ptrdiff_t end = str_find_str(rest_of(lexer), STR("#}"));
    if (end < 0)
        return false;
    bool strips = end > 0 && peek(lexer, (size_t)end - 1) == '-';
    lexer->position += (size_t)end + 2;
    if (strips)
        skip_blanks(lexer);
    return true;
}

/* Does a `word` tag ({% raw -%}) begin at the position? Then what lies behind it, and its minuses. */
static bool
match_word_tag(struct str s, struct str word, size_t *length_out, bool *strips_before, bool *strips_after)
{
    struct lexer l = {.source = s, .position = 2};
    if (!str_starts(s, STR("{%")))
        return false;
    *strips_before = peek(&l, 0) == '-';
    if (peek(&l, 0) == '-' || peek(&l, 0) == '+')
        l.position++;
    skip_blanks(&l);
    if (!str_starts(rest_of(&l), word))
        return false;
    l.position += word.len;
    skip_blanks(&l);
    *strips_after = peek(&l, 0) == '-';
    if (peek(&l, 0) == '-' || peek(&l, 0) == '+')
        l.position++;
    if (!str_starts(rest_of(&l), STR("%}")))
        return false;
    *length_out = l.position + 2;
    return true;
}

/* The inside of a raw block, whose opening tag is behind the position. */
static bool
take_raw(struct lexer *lexer, bool strips, struct str *text_out)
{
    if (strips)
        skip_blanks(lexer);
    size_t begin = lexer->position;
    for (size_t i = begin; i < lexer->source.len; i++) {
        size_t length;
        bool before, after;
        if (!match_word_tag(str_skip(lexer->source, i), STR("endraw"), &length, &before, &after))
            continue;
        struct str inside = str_slice(lexer->source, begin, i);
        lexer->position = i + length;
        *text_out = before ? strip_right(inside) : inside;
        if (after)
            skip_blanks(lexer);
        return true;
    }
    return false;
}

static void
enter_tag(struct lexer *lexer, enum tag tag)
{
    lexer->position += 2;
    lexer->tag = tag;
    lexer->brackets = 0;
    if (peek(lexer, 0) == '-' || (tag == TAG_STATEMENT && peek(lexer, 0) == '+'))
        lexer->position++;
}

bool
lexer_next_text(struct lexer *lexer, struct str *text_out, enum tag *tag_out)
{
    size_t begin = lexer->position, at = find_tag(lexer->source, begin), length;
    bool before, after;
    *text_out = str_slice(lexer->source, begin, at);
    *tag_out = TAG_NONE;
    lexer->position = at;
    if (at == lexer->source.len)
        return true;
    if (text_out->len > 0 && match_word_tag(rest_of(lexer), STR("raw"), &length, &before, &after)) {
        *tag_out = TAG_OUTPUT; /* the text first; the raw block is met again with no text before it */
        *text_out = before ? strip_right(*text_out) : *text_out;
        return true;
    }
    if (match_word_tag(rest_of(lexer), STR("raw"), &length, &before, &after)) {
        lexer->position += length;
        *tag_out = TAG_OUTPUT;
        return take_raw(lexer, after, text_out);
    }
    if (peek(lexer, 2) == '-')
        *text_out = strip_right(*text_out);
    if (peek(lexer, 1) == '#') {
        *tag_out = TAG_OUTPUT;
        return skip_comment(lexer);
    }
    *tag_out = peek(lexer, 1) == '{' ? TAG_OUTPUT : TAG_STATEMENT;
    enter_tag(lexer, *tag_out);
    return true;
}

/* ---- tokens ---- */

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool
is_name_character(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static struct token
token_of(struct lexer *lexer, enum token_type type, size_t length)
{
    struct token token = {type, str_slice(lexer->source, lexer->position, lexer->position + length), lexer->position};
    lexer->position += length;
    return token;
}

/* Length of a tag's end at the position, or 0. */
static size_t
tag_end(const struct lexer *lexer)
{
    struct str end = lexer->tag == TAG_OUTPUT ? STR("}}") : STR("%}");
    bool plus = lexer->tag == TAG_STATEMENT && peek(lexer, 0) == '+';
    size_t sign = peek(lexer, 0) == '-' || plus;
    return str_starts(str_skip(rest_of(lexer), sign), end) ? sign + 2 : 0;
}

static struct token
leave_tag(struct lexer *lexer, size_t length)
{
    struct token token = token_of(lexer, TOKEN_TAG_END, length);
    if (token.text.ptr[0] == '-')
        skip_blanks(lexer);
    lexer->tag = TAG_NONE;
    return token;
}

static size_t
digits_length(const struct lexer *lexer, size_t from)
{
    size_t i = from;
    while (is_digit(peek(lexer, i)) || (i > from && peek(lexer, i) == '_' && is_name_character(peek(lexer, i + 1))))
        i++;
    return i - from;
}

/* 12, 1_000, 0x1f, 1.5, 1e5; `1.x` is the integer 1 and an attribute. */
static struct token
number_token(struct lexer *lexer)
{
    char letter = peek(lexer, 0) == '0' ? (char)(peek(lexer, 1) | 0x20) : '\0';
    if (letter == 'x' || letter == 'o' || letter == 'b') {
        size_t length = 2;
        while (is_name_character(peek(lexer, length)))
            length++;
        return token_of(lexer, TOKEN_INTEGER, length);
    }
    size_t length = digits_length(lexer, 0);
    enum token_type type = TOKEN_INTEGER;
    if (peek(lexer, length) == '.' && is_digit(peek(lexer, length + 1))) {
        length += 1 + digits_length(lexer, length + 1);
        type = TOKEN_FLOAT;
    }
    size_t sign = peek(lexer, length + 1) == '+' || peek(lexer, length + 1) == '-';
    if ((peek(lexer, length) | 0x20) == 'e' && is_digit(peek(lexer, length + 1 + sign))) {
        length += 1 + sign + digits_length(lexer, length + 1 + sign);
        type = TOKEN_FLOAT;
    }
    return token_of(lexer, type, length);
}

static struct token
string_token(struct lexer *lexer)
{
    char quote = peek(lexer, 0);
    struct str rest = rest_of(lexer);
    for (size_t i = 1; i < rest.len; i++) {
        if (rest.ptr[i] == quote) {
            struct token token = token_of(lexer, TOKEN_STRING, i + 1);
            token.text = str_slice(token.text, 1, i);
            return token;
        }
        i += rest.ptr[i] == '\\';
    }
    return token_of(lexer, TOKEN_BAD, rest.len);
}

static struct token
operator_token(struct lexer *lexer)
{
    static const char *const doubles[] = {"==", "!=", "<=", ">=", "//", "**"};
    char c = peek(lexer, 0);
    for (size_t i = 0; i < ARRAY_LEN(doubles); i++)
        if (str_starts(rest_of(lexer), str_from_c(doubles[i])))
            return token_of(lexer, TOKEN_OPERATOR, 2);
    if (c == '\0' || str_find(STR("+-*/%~<>=.,:|()[]{}"), c) < 0)
        return token_of(lexer, TOKEN_BAD, lexer->position < lexer->source.len);
    if (c == '(' || c == '[' || c == '{')
        lexer->brackets++;
    if ((c == ')' || c == ']' || c == '}') && lexer->brackets > 0)
        lexer->brackets--;
    return token_of(lexer, TOKEN_OPERATOR, 1);
}

struct token
lexer_next_token(struct lexer *lexer)
{
    if (lexer->tag == TAG_NONE)
        return (struct token){TOKEN_TAG_END, STR_NONE, lexer->position};
    skip_blanks(lexer);
    size_t end = lexer->brackets == 0 ? tag_end(lexer) : 0;
    if (end)
        return leave_tag(lexer, end);
    char c = peek(lexer, 0);
    if (is_digit(c))
        return number_token(lexer);
    if (c == '\'' || c == '"')
        return string_token(lexer);
    if (!is_name_character(c))
        return operator_token(lexer);
    size_t length = 1;
    while (is_name_character(peek(lexer, length)))
        length++;
    return token_of(lexer, TOKEN_NAME, length);
}
