/*
 * Methods of text, as Python's str has them. One row each at the end.
 *
 * Places and counts are of characters, not bytes; case follows Unicode.
 */
#include "base/limits.h"
#include "template/expr/expr_priv.h"

static bool
give_str(struct call *c, struct str s, struct value *value_out)
{
    *value_out = value_str(s);
    return !str_is_none(s) || eval_full(c->ev);
}

static bool
method_lower(struct call *c, struct value *value_out)
{
    return give_str(c, pytext_lower(c->ev->arena, c->subject.text), value_out);
}

static bool
method_upper(struct call *c, struct value *value_out)
{
    return give_str(c, pytext_upper(c->ev->arena, c->subject.text), value_out);
}

/* Strips blanks, or any of the characters given. */
static bool
strip(struct call *c, bool left, bool right, struct value *value_out)
{
    struct str s = c->subject.text, set;
    if (!call_given(c, 0) || c->args[0].type == VALUE_NONE) {
        *value_out = value_str(pytext_strip(s, left, right));
        return true;
    }
    if (!call_str(c, c->args[0], &set))
        return false;
    while (left && s.len && str_contains(set, str_slice(s, 0, pytext_step(s, 0))))
        s = str_skip(s, pytext_step(s, 0));
    while (right && s.len) {
        size_t at = s.len - 1;
        while (at > 0 && s.len - at < 4 && ((unsigned char)s.ptr[at] & 0xc0) == 0x80)
            at--;
        if (!str_contains(set, str_skip(s, at)))
            break;
        s.len = at;
    }
    *value_out = value_str(s);
    return true;
}

static bool
method_strip(struct call *c, struct value *value_out)
{
    return strip(c, true, true, value_out);
}

static bool
method_lstrip(struct call *c, struct value *value_out)
{
    return strip(c, true, false, value_out);
}

static bool
method_rstrip(struct call *c, struct value *value_out)
{
    return strip(c, false, true, value_out);
}

static bool
add_piece(struct call *c, struct value list, struct str piece)
{
    if (!eval_charge(c->ev, 1))
        return false;
    return value_list_add(c->ev->arena, list, value_str(piece.len ? piece : STR(""))) || eval_full(c->ev);
}

static bool
split_blanks(struct call *c, struct value list, int64_t left)
{
    struct str s = pytext_strip(c->subject.text, true, false);
    while (s.len) {
        size_t at = 0;
        while (at < s.len && !pytext_is_blank(pytext_decode(s, at)))
            at += pytext_step(s, at);
        if (left-- == 0)
            return add_piece(c, list, pytext_strip(s, false, true));
        if (!add_piece(c, list, str_slice(s, 0, at)))
            return false;
        s = pytext_strip(str_skip(s, at), true, false);
    }
    return true;
}

static bool
split_at(struct call *c, struct value list, struct str separator, int64_t left)
{
    struct str s = c->subject.text;
    for (;;) {
        ptrdiff_t at = left-- == 0 ? -1 : str_find_str(s, separator);
        if (at < 0)
            return add_piece(c, list, s);
        if (!add_piece(c, list, str_slice(s, 0, (size_t)at)))
            return false;
        s = str_skip(s, (size_t)at + separator.len);
    }
}

static bool
method_split(struct call *c, struct value *value_out)
{
    struct str separator;
    int64_t left = -1;
    struct value list = value_list_new(c->ev->arena);
    if (list.type == VALUE_UNDEFINED)
        return eval_full(c->ev);
    *value_out = list;
    if (call_given(c, 1) && !call_integer(c, c->args[1], &left))
        return false;
    if (!call_given(c, 0) || c->args[0].type == VALUE_NONE)
        return split_blanks(c, list, left);
    if (!call_str(c, c->args[0], &separator))
        return false;
    if (separator.len == 0)
        return eval_fail(c->ev, EXPR_FAILED_VALUE, "the separator is empty");
    return split_at(c, list, separator, left);
}

static ptrdiff_t
find_last(struct str s, struct str part)
{
    for (size_t at = s.len >= part.len ? s.len - part.len + 1 : 0; at > 0; at--)
        if (str_starts(str_skip(s, at - 1), part))
            return (ptrdiff_t)at - 1;
    return -1;
}

static bool
method_rsplit(struct call *c, struct value *value_out)
{
    struct str separator, s = c->subject.text;
    int64_t left = -1;
    struct value reversed = value_list_new(c->ev->arena);
    if (!call_given(c, 0) || c->args[0].type == VALUE_NONE)
        return method_split(c, value_out);
    if (!call_str(c, c->args[0], &separator) || (call_given(c, 1) && !call_integer(c, c->args[1], &left)))
        return false;
    if (separator.len == 0)
        return eval_fail(c->ev, EXPR_FAILED_VALUE, "the separator is empty");
    if (left < 0)
        return method_split(c, value_out);
    for (ptrdiff_t at; left-- > 0 && (at = find_last(s, separator)) >= 0; s = str_slice(s, 0, (size_t)at))
        if (!add_piece(c, reversed, str_skip(s, (size_t)at + separator.len)))
            return false;
    if (!add_piece(c, reversed, s))
        return false;
    for (size_t i = 0, j = value_count(reversed) - 1; i < j; i++, j--) {
        struct value swapped = reversed.list->items[i];
        reversed.list->items[i] = reversed.list->items[j];
        reversed.list->items[j] = swapped;
    }
    *value_out = reversed;
    return true;
}

static bool
method_splitlines(struct call *c, struct value *value_out)
{
    struct str s = c->subject.text, line;
    struct value list = value_list_new(c->ev->arena);
    if (list.type == VALUE_UNDEFINED)
        return eval_full(c->ev);
    while (s.len) {
        str_cut(s, '\n', &line, &s);
        if (!add_piece(c, list, str_ends(line, STR("\r")) ? str_slice(line, 0, line.len - 1) : line))
            return false;
    }
    *value_out = list;
    return true;
}

static bool
method_join(struct call *c, struct value *value_out)
{
    struct value_iter it;
    struct value item;
    struct buf b;
    bool first = true, ok = true;
    if (!value_is_iterable(c->args[0]) || c->args[0].type == VALUE_UNDEFINED)
        return call_fail_type(c, c->args[0], "a list of text");
    buf_init(&b, LIMIT_EXPRESSION_RESULT_BYTES);
    value_iter_init(&it, c->args[0]);
    for (; ok && value_iter_next(&it, &item); first = false) {
        struct str text;
        ok = call_str(c, item, &text) && eval_charge(c->ev, 1);
        ok = ok && (((first || buf_add(&b, c->subject.text)) && buf_add(&b, text)) || eval_full(c->ev));
    }
    if (ok)
        return eval_take_buf(c->ev, &b, value_out);
    buf_release(&b);
    return false;
}

/* Empty `old` goes between all characters, as in Python. */
static bool
add_replaced(struct call *c, struct buf *b, struct str old, struct str new, int64_t left)
{
    struct str s = c->subject.text;
    while (left-- != 0) {
        ptrdiff_t at = old.len ? str_find_str(s, old) : 0;
        if (at < 0)
            break;
        if (!eval_charge(c->ev, 1))
            return false;
        size_t step = old.len ? old.len : s.len ? pytext_step(s, 0) : 0;
        buf_add(b, str_slice(s, 0, (size_t)at));
        buf_add(b, new);
        if (old.len == 0)
            buf_add(b, str_slice(s, 0, step));
        s = str_skip(s, (size_t)at + step);
        if (old.len == 0 && step == 0)
            return buf_ok(b) || eval_full(c->ev);
    }
    return buf_add(b, s) || eval_full(c->ev);
}

bool
call_replace(struct call *c, struct str old, struct str new, int64_t count, struct value *value_out)
{
    struct buf b;
    buf_init(&b, LIMIT_EXPRESSION_RESULT_BYTES);
    if (add_replaced(c, &b, old, new, count))
        return eval_take_buf(c->ev, &b, value_out);
    buf_release(&b);
    return false;
}

static bool
method_replace(struct call *c, struct value *value_out)
{
    struct str old, new;
    int64_t count = -1;
    return call_str(c, c->args[0], &old) && call_str(c, c->args[1], &new) &&
           (!call_given(c, 2) || call_integer(c, c->args[2], &count)) && call_replace(c, old, new, count, value_out);
}

static bool
starts_or_ends(struct call *c, bool (*matches)(struct str, struct str), struct value *value_out)
{
    struct value_iter it;
    struct value item;
    struct str part;
    bool result = false;
    if (c->args[0].type == VALUE_STR) {
        *value_out = value_bool(matches(c->subject.text, c->args[0].text));
        return true;
    }
    if (c->args[0].type != VALUE_LIST || !c->args[0].list->tuple)
        return call_fail_type(c, c->args[0], "text or a tuple of texts");
    value_iter_init(&it, c->args[0]);
    while (value_iter_next(&it, &item)) {
        if (!call_str(c, item, &part))
            return false;
        result = result || matches(c->subject.text, part);
    }
    *value_out = value_bool(result);
    return true;
}

static bool
method_startswith(struct call *c, struct value *value_out)
{
    return starts_or_ends(c, str_starts, value_out);
}

static bool
method_endswith(struct call *c, struct value *value_out)
{
    return starts_or_ends(c, str_ends, value_out);
}

static bool
method_find(struct call *c, struct value *value_out)
{
    struct str part;
    if (!call_str(c, c->args[0], &part))
        return false;
    ptrdiff_t at = str_find_str(c->subject.text, part);
    *value_out = value_int(at < 0 ? -1 : (int64_t)pytext_count(str_slice(c->subject.text, 0, (size_t)at)));
    return true;
}

static bool
method_rfind(struct call *c, struct value *value_out)
{
    struct str part;
    if (!call_str(c, c->args[0], &part))
        return false;
    ptrdiff_t at = find_last(c->subject.text, part);
    *value_out = value_int(at < 0 ? -1 : (int64_t)pytext_count(str_slice(c->subject.text, 0, (size_t)at)));
    return true;
}

static bool
method_count(struct call *c, struct value *value_out)
{
    struct str part, rest = c->subject.text;
    int64_t count = 0;
    if (!call_str(c, c->args[0], &part))
        return false;
    if (part.len == 0) {
        *value_out = value_int((int64_t)pytext_count(rest) + 1);
        return true;
    }
    for (ptrdiff_t at; (at = str_find_str(rest, part)) >= 0; count++)
        rest = str_skip(rest, (size_t)at + part.len);
    *value_out = value_int(count);
    return true;
}

/* All characters are of a kind, and there is one. */
static bool
all_between(struct str s, char low, char high)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] < low || s.ptr[i] > high)
            return false;
    return s.len > 0;
}

static bool
method_isdigit(struct call *c, struct value *value_out)
{
    *value_out = value_bool(all_between(c->subject.text, '0', '9'));
    return true;
}

static bool
method_isalpha(struct call *c, struct value *value_out)
{
    struct str lower = str_lower(c->ev->arena, c->subject.text);
    *value_out = value_bool(all_between(lower, 'a', 'z'));
    return true;
}

/* First letter of the text, or of each word, upper case, the rest lower. */
bool
call_capitalize(struct call *c, struct str s, bool each_word, struct value *value_out)
{
    struct buf b;
    bool inside = false, ok = true;
    buf_init(&b, LIMIT_EXPRESSION_RESULT_BYTES);
    for (size_t at = 0; ok && at < s.len;) {
        size_t step = pytext_step(s, at);
        struct str letter = str_slice(s, at, at + step), lower = letter, upper = letter;
        if (step > 1 || (unsigned char)s.ptr[at] >= 'A') {
            lower = pytext_lower(c->ev->arena, letter);
            upper = pytext_upper(c->ev->arena, letter);
        }
        bool is_letter = !str_eq(lower, upper);
        ok = eval_charge(c->ev, step > 1) && (buf_add(&b, inside ? lower : upper) || eval_full(c->ev));
        inside = each_word ? is_letter : true;
        at += step;
    }
    if (ok)
        return eval_take_buf(c->ev, &b, value_out);
    buf_release(&b);
    return false;
}

static bool
method_capitalize(struct call *c, struct value *value_out)
{
    return call_capitalize(c, c->subject.text, false, value_out);
}

static bool
method_title(struct call *c, struct value *value_out)
{
    return call_capitalize(c, c->subject.text, true, value_out);
}

static bool
method_zfill(struct call *c, struct value *value_out)
{
    int64_t width;
    struct buf b;
    struct str s = c->subject.text;
    size_t sign = str_starts(s, STR("-")) || str_starts(s, STR("+"));
    if (!call_integer(c, c->args[0], &width))
        return false;
    if (width > LIMIT_EXPRESSION_RESULT_BYTES)
        return eval_full(c->ev);
    buf_init(&b, LIMIT_EXPRESSION_RESULT_BYTES);
    buf_add(&b, str_slice(s, 0, sign));
    for (int64_t i = (int64_t)pytext_count(s); i < width; i++)
        buf_add_char(&b, '0');
    buf_add(&b, str_skip(s, sign));
    return eval_take_buf(c->ev, &b, value_out);
}

static bool
method_removeprefix(struct call *c, struct value *value_out)
{
    struct str part;
    if (!call_str(c, c->args[0], &part))
        return false;
    *value_out = value_str(str_starts(c->subject.text, part) ? str_skip(c->subject.text, part.len) : c->subject.text);
    return true;
}

static bool
method_removesuffix(struct call *c, struct value *value_out)
{
    struct str part, s = c->subject.text;
    if (!call_str(c, c->args[0], &part))
        return false;
    *value_out = value_str(part.len && str_ends(s, part) ? str_slice(s, 0, s.len - part.len) : s);
    return true;
}

const struct callable str_methods[] = {
    {.name = "lower", .call = method_lower, .parameters = ""},
    {.name = "upper", .call = method_upper, .parameters = ""},
    {.name = "strip", .call = method_strip, .parameters = "chars"},
    {.name = "lstrip", .call = method_lstrip, .parameters = "chars"},
    {.name = "rstrip", .call = method_rstrip, .parameters = "chars"},
    {.name = "split", .call = method_split, .parameters = "sep maxsplit"},
    {.name = "rsplit", .call = method_rsplit, .parameters = "sep maxsplit"},
    {.name = "splitlines", .call = method_splitlines, .parameters = ""},
    {.name = "join", .call = method_join, .parameters = "iterable", .required = 1},
    {.name = "replace", .call = method_replace, .parameters = "old new count", .required = 2},
    {.name = "startswith", .call = method_startswith, .parameters = "prefix", .required = 1},
    {.name = "endswith", .call = method_endswith, .parameters = "suffix", .required = 1},
    {.name = "find", .call = method_find, .parameters = "sub", .required = 1},
    {.name = "rfind", .call = method_rfind, .parameters = "sub", .required = 1},
    {.name = "count", .call = method_count, .parameters = "sub", .required = 1},
    {.name = "isdigit", .call = method_isdigit, .parameters = ""},
    {.name = "isnumeric", .call = method_isdigit, .parameters = ""},
    {.name = "isalpha", .call = method_isalpha, .parameters = ""},
    {.name = "capitalize", .call = method_capitalize, .parameters = ""},
    {.name = "title", .call = method_title, .parameters = ""},
    {.name = "zfill", .call = method_zfill, .parameters = "width", .required = 1},
    {.name = "removeprefix", .call = method_removeprefix, .parameters = "prefix", .required = 1},
    {.name = "removesuffix", .call = method_removesuffix, .parameters = "suffix", .required = 1},
    {.name = "format", .call = method_format, .parameters = "", .variadic = true},
};
const size_t str_method_count = ARRAY_LEN(str_methods);
