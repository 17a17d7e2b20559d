/*
 * Reading a Python literal: what the result text of an expression becomes.
 *
 * The reference hands every result to Python's ast.literal_eval and keeps the text where that fails. So
 * the grammar here is Python's own, quirks included: "1,2" is a tuple, "0123" stays text, "(5)" is 5,
 * a comment may follow. The one rule that makes it simple: at the first thing that is no literal, the
 * whole text stays text. Sets, bytes, complex numbers and the ellipsis stay text too, as JSON has none.
 */
#include "base/limits.h"
#include "template/expr/expr.h"
#include "template/expr/value_priv.h"

struct reader {
    struct arena *arena;
    struct str rest;
    const char *begin;
    unsigned open_brackets; /* inside them newlines are blanks */
    unsigned steps_left;
};

static bool
read_value(struct reader *r, unsigned depth, struct value *value_out);

static char
peek(const struct reader *r, size_t ahead)
{
    return ahead < r->rest.len ? r->rest.ptr[ahead] : '\0';
}

static void
skip_comment(struct reader *r)
{
    while (r->rest.len && r->rest.ptr[0] != '\n')
        r->rest = str_skip(r->rest, 1);
}

/* Blanks, joined lines, and, inside brackets, newlines and comments. */
static void
skip_blanks(struct reader *r)
{
    for (;;) {
        char c = peek(r, 0);
        if (r->rest.len == 0)
            return;
        if (c == ' ' || c == '\t' || c == '\f' || (c == '\n' && r->open_brackets))
            r->rest = str_skip(r->rest, 1);
        else if (c == '\\' && peek(r, 1) == '\n')
            r->rest = str_skip(r->rest, 2);
        else if (c == '#' && r->open_brackets)
            skip_comment(r);
        else
            return;
    }
}

static bool
take(struct reader *r, char c)
{
    skip_blanks(r);
    if (r->rest.len == 0 || r->rest.ptr[0] != c)
        return false;
    r->rest = str_skip(r->rest, 1);
    return true;
}

/* ---- numbers ---- */

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool
is_word_character(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

/* The extent of a number: word characters, dots, and the sign of an exponent. */
static struct str
number_extent(struct str s)
{
    bool hex = s.len > 1 && s.ptr[0] == '0' && (s.ptr[1] | 0x20) == 'x';
    size_t i = 0;
    for (; i < s.len; i++) {
        char c = s.ptr[i];
        bool sign = (c == '+' || c == '-') && i > 0 && !hex && (s.ptr[i - 1] | 0x20) == 'e';
        if (!is_word_character(c) && c != '.' && !sign)
            break;
    }
    return str_slice(s, 0, i);
}

static bool
is_prefixed(struct str s)
{
    char letter = s.len > 2 && s.ptr[0] == '0' ? (char)(s.ptr[1] | 0x20) : '\0';
    return letter == 'x' || letter == 'o' || letter == 'b';
}

/* Decimal integers may not begin with 0, unless they are nothing but zeros. */
static bool
is_decimal_integer(struct str s)
{
    bool zeros = true;
    for (size_t i = 0; i < s.len; i++) {
        bool inside = i > 0 && i + 1 < s.len && s.ptr[i - 1] != '_';
        if (!is_digit(s.ptr[i]) && !(s.ptr[i] == '_' && inside))
            return false;
        zeros = zeros && (s.ptr[i] == '0' || s.ptr[i] == '_');
    }
    return s.len > 0 && is_digit(s.ptr[s.len - 1]) && (s.ptr[0] != '0' || zeros);
}

static bool
read_number(struct reader *r, struct value *value_out)
{
    struct str extent = number_extent(r->rest);
    double number;
    r->rest = str_skip(r->rest, extent.len);
    if (r->rest.len && str_find(STR(" \t\f\n,#\\)]}:"), r->rest.ptr[0]) < 0)
        return false; /* the usual case: a date */
    if (is_prefixed(extent))
        return !str_contains(extent, STR(".")) && pytext_to_int(r->arena, extent, 0, value_out);
    if (is_decimal_integer(extent))
        return pytext_to_int(r->arena, extent, 10, value_out);
    if (str_find(extent, '.') < 0 && str_find(extent, 'e') < 0 && str_find(extent, 'E') < 0)
        return false;
    if (!pytext_read_float(extent, &number))
        return false;
    *value_out = value_float(number);
    return true;
}

static struct value
negated(struct arena *a, struct value v)
{
    char buffer[BIGINT_TEXT_BYTES];
    if (v.type == VALUE_FLOAT)
        return value_float(-v.number);
    if (v.type == VALUE_INT)
        return value_int(-v.integer);
    return value_integer_from_text(a, str_join2(a, STR("-"), value_bigint_text(v, buffer)));
}

/* One sign, as literal_eval allows it: before a number, also before one in brackets. */
static bool
read_signed(struct reader *r, unsigned depth, struct value *value_out)
{
    bool negative = r->rest.ptr[0] == '-';
    r->rest = str_skip(r->rest, 1);
    skip_blanks(r);
    char c = peek(r, 0);
    if (!is_digit(c) && c != '.' && c != '(')
        return false;
    struct value v;
    if (!read_value(r, depth + 1, &v) || (v.type != VALUE_INT && v.type != VALUE_BIGINT && v.type != VALUE_FLOAT))
        return false;
    *value_out = negative ? negated(r->arena, v) : v;
    return value_out->type != VALUE_UNDEFINED;
}

/* ---- strings ---- */

/* r, u and their upper case forms; bytes and formatted strings are no text literals. */
static bool
begins_string(struct str s, bool *is_raw, size_t *prefix)
{
    size_t i = s.len > 0 && ((s.ptr[0] | 0x20) == 'r' || (s.ptr[0] | 0x20) == 'u');
    *is_raw = i == 1 && (s.ptr[0] | 0x20) == 'r';
    *prefix = i;
    return i < s.len && (s.ptr[i] == '\'' || s.ptr[i] == '"');
}

/* The bytes up to the closing quotes; false when there are none, or a newline comes first. */
static bool
string_extent(struct str s, struct str quotes, struct str *inside_out)
{
    for (size_t i = 0; i < s.len; i++) {
        if (str_starts(str_skip(s, i), quotes)) {
            *inside_out = str_slice(s, 0, i);
            return true;
        }
        if (s.ptr[i] == '\n' && quotes.len == 1)
            return false;
        if (s.ptr[i] == '\\')
            i++;
    }
    return false;
}

static bool
read_one_string(struct reader *r, struct str *text_out)
{
    bool is_raw;
    size_t prefix;
    struct str inside;
    if (!begins_string(r->rest, &is_raw, &prefix))
        return false;
    struct str from = str_skip(r->rest, prefix);
    bool triple = from.len >= 3 && from.ptr[1] == from.ptr[0] && from.ptr[2] == from.ptr[0];
    struct str quotes = str_slice(from, 0, triple ? 3 : 1);
    if (!string_extent(str_skip(from, quotes.len), quotes, &inside))
        return false;
    r->rest = str_skip(from, 2 * quotes.len + inside.len);
    return pytext_unescape(r->arena, inside, is_raw, text_out);
}

/* Neighbours are joined: 'a' "b" is 'ab'. */
static bool
read_string(struct reader *r, struct value *value_out)
{
    struct str text, more;
    bool is_raw;
    size_t prefix;
    if (!read_one_string(r, &text))
        return false;
    for (skip_blanks(r); begins_string(r->rest, &is_raw, &prefix); skip_blanks(r)) {
        if (r->steps_left-- == 0 || !read_one_string(r, &more))
            return false;
        text = str_join2(r->arena, text, more);
        if (str_is_none(text) || text.len > LIMIT_EXPRESSION_RESULT_BYTES)
            return false;
    }
    *value_out = value_str(text.len ? text : STR(""));
    return true;
}

/* ---- containers ---- */

/* Items up to the closing bracket, which is taken; a comma may close the list. */
static bool
read_items(struct reader *r, struct value list, char close, unsigned depth, bool *comma_out)
{
    *comma_out = false;
    while (!take(r, close)) {
        struct value item;
        if (value_count(list) && !*comma_out)
            return false;
        if (!read_value(r, depth + 1, &item) || !value_list_add(r->arena, list, item))
            return false;
        *comma_out = take(r, ',');
    }
    return true;
}

static bool
read_list(struct reader *r, unsigned depth, struct value *value_out)
{
    bool comma;
    struct value list = value_list_new(r->arena);
    r->open_brackets++;
    if (list.type == VALUE_UNDEFINED || !take(r, '[') || !read_items(r, list, ']', depth, &comma))
        return false;
    r->open_brackets--;
    *value_out = list;
    return true;
}

/* (5) is 5, (5,) and () are tuples. */
static bool
read_brackets(struct reader *r, unsigned depth, struct value *value_out)
{
    bool comma;
    struct value tuple = value_tuple_new(r->arena);
    r->open_brackets++;
    if (tuple.type == VALUE_UNDEFINED || !take(r, '(') || !read_items(r, tuple, ')', depth, &comma))
        return false;
    r->open_brackets--;
    *value_out = value_count(tuple) == 1 && !comma ? value_at(tuple, 0) : tuple;
    return true;
}

static bool
read_entry(struct reader *r, struct value dict, unsigned depth)
{
    struct value key, item;
    return read_value(r, depth + 1, &key) && value_is_hashable(key) && take(r, ':') &&
           read_value(r, depth + 1, &item) && value_dict_put_value(r->arena, dict, key, item);
}

static bool
read_dict(struct reader *r, unsigned depth, struct value *value_out)
{
    struct value dict = value_dict_new(r->arena);
    r->open_brackets++;
    if (dict.type == VALUE_UNDEFINED || !take(r, '{'))
        return false;
    bool comma = true;
    while (!take(r, '}')) {
        if (!comma || !read_entry(r, dict, depth))
            return false;
        comma = take(r, ',');
    }
    r->open_brackets--;
    *value_out = dict;
    return true;
}

/* ---- the rest ---- */

static bool
read_word(struct reader *r, struct value *value_out)
{
    static const struct {
        struct str word;
        enum value_type type;
        bool flag;
    } words[] = {{{"None", 4}, VALUE_NONE, false}, {{"True", 4}, VALUE_BOOL, true}, {{"False", 5}, VALUE_BOOL, false}};
    size_t length = 0;
    while (length < r->rest.len && is_word_character(r->rest.ptr[length]))
        length++;
    struct str word = str_slice(r->rest, 0, length);
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_eq(word, words[i].word)) {
            r->rest = str_skip(r->rest, length);
            *value_out = (struct value){.type = words[i].type, .flag = words[i].flag};
            return true;
        }
    return false;
}

static bool
read_value(struct reader *r, unsigned depth, struct value *value_out)
{
    bool is_raw;
    size_t prefix;
    skip_blanks(r);
    if (depth > LIMIT_VALUE_DEPTH || r->rest.len == 0 || r->steps_left-- == 0)
        return false;
    char c = r->rest.ptr[0];
    if (c == '-' || c == '+')
        return read_signed(r, depth, value_out);
    if (is_digit(c) || (c == '.' && is_digit(peek(r, 1))))
        return read_number(r, value_out);
    if (begins_string(r->rest, &is_raw, &prefix))
        return read_string(r, value_out);
    switch (c) {
    case '[': return read_list(r, depth, value_out);
    case '(': return read_brackets(r, depth, value_out);
    case '{': return read_dict(r, depth, value_out);
    default: return read_word(r, value_out);
    }
}

static size_t
count_blanks(struct str s)
{
    size_t blanks = 0;
    while (blanks < s.len && (s.ptr[blanks] == ' ' || s.ptr[blanks] == '\t' || s.ptr[blanks] == '\f'))
        blanks++;
    return blanks;
}

/* After the value only blanks, empty lines and comments may come; a last line of blanks is an indent to Python. */
static bool
at_end(struct reader *r)
{
    bool joined = r->rest.ptr > r->begin && r->rest.ptr[-1] == '\n'; /* a backslash before the end joins nothing */
    for (bool first = true;; first = false) {
        size_t blanks = count_blanks(r->rest);
        if (blanks == r->rest.len)
            return (first || blanks == 0) && !(joined && first);
        r->rest = str_skip(r->rest, blanks);
        if (r->rest.ptr[0] != '#' && r->rest.ptr[0] != '\n')
            return false;
        skip_comment(r);
        r->rest = str_skip(r->rest, 1);
    }
}

/* A comma outside brackets makes a tuple of the whole text. */
static bool
read_bare_tuple(struct reader *r, struct value first, struct value *value_out)
{
    struct value tuple = value_tuple_new(r->arena), item;
    if (tuple.type == VALUE_UNDEFINED || !value_list_add(r->arena, tuple, first))
        return false;
    while (take(r, ',')) {
        skip_blanks(r);
        if (r->rest.len == 0 || peek(r, 0) == '\n' || peek(r, 0) == '#')
            break;
        if (!read_value(r, 1, &item) || !value_list_add(r->arena, tuple, item))
            return false;
    }
    *value_out = tuple;
    return true;
}

/* Lines before the value may be empty, but a value that is indented then is an error of Python's. */
static bool
skip_first_lines(struct reader *r)
{
    while (r->rest.len && (r->rest.ptr[0] == ' ' || r->rest.ptr[0] == '\t'))
        r->rest = str_skip(r->rest, 1);
    for (bool moved = true; moved;) {
        size_t blanks = count_blanks(r->rest);
        moved = blanks < r->rest.len && (r->rest.ptr[blanks] == '\n' || r->rest.ptr[blanks] == '#');
        if (!moved)
            return blanks == 0 || r->rest.ptr[0] == '\f';
        r->rest = str_skip(r->rest, blanks);
        skip_comment(r);
        r->rest = str_skip(r->rest, 1);
    }
    return true;
}

bool
pyliteral_may_begin(struct str text)
{
    if (text.len == 0)
        return false;
    char c = text.ptr[0];
    if (is_digit(c))
        return true;
    switch (c) {
    case '\'': case '"': case '[': case '(': case '{': case '-': case '+': case '.': case ' ': case '\t':
    case '\n': case '\r': case '\f': case '#': case '\\':
        return true;
    case 'N': return str_starts(text, STR("None"));
    case 'T': return str_starts(text, STR("True"));
    case 'F': return str_starts(text, STR("False"));
    case 'r': case 'R': case 'u': case 'U':
        return text.len > 1 && (text.ptr[1] == '\'' || text.ptr[1] == '"');
    default: return false;
    }
}

struct value
value_from_literal(struct arena *a, struct str text)
{
    struct value v;
    struct arena_mark mark = arena_mark(a);
    if (!pyliteral_may_begin(text) || str_find(text, '\0') >= 0)
        return value_str(text);
    struct str lines = pytext_lines(a, text);
    struct reader r = {.arena = a, .rest = lines, .begin = lines.ptr, .steps_left = LIMIT_EXPRESSION_STEPS * 10};
    bool ok = skip_first_lines(&r) && read_value(&r, 0, &v);
    if (ok && (skip_blanks(&r), peek(&r, 0) == ','))
        ok = read_bare_tuple(&r, v, &v);
    if (ok && at_end(&r))
        return v;
    arena_rewind(a, mark);
    return value_str(text);
}
