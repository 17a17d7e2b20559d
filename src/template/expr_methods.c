/*
 * Methods of values: what Python's str, list, dict, datetime and timedelta offer. One row each.
 *
 * `append` and `update` change the object, but only one that the expression itself made: documents of the
 * vendor and the configuration are shared and never change.
 */
#include <math.h>

#include "base/limits.h"
#include "template/expr_priv.h"
#include "template/time_priv.h"

static bool
give_str(struct call *c, struct str s, struct value *value_out)
{
    *value_out = value_str(s);
    return !str_is_none(s) || eval_full(c->ev);
}

/* ---- str ---- */

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

/* ---- list ---- */

static bool
fail_shared(struct call *c)
{
    return eval_fail(c->ev, EXPR_FAILED_TYPE, "%s cannot change a value that the expression did not make", c->what);
}

static bool
method_append(struct call *c, struct value *value_out)
{
    if (c->subject.type != VALUE_LIST || c->subject.list->tuple)
        return fail_shared(c);
    *value_out = value_none();
    return value_list_add(c->ev->arena, c->subject, c->args[0]) || eval_full(c->ev);
}

static bool
method_extend(struct call *c, struct value *value_out)
{
    struct value_iter it;
    struct value item;
    if (c->subject.type != VALUE_LIST || c->subject.list->tuple)
        return fail_shared(c);
    if (!value_is_iterable(c->args[0]))
        return call_fail_type(c, c->args[0], "a list");
    size_t count = value_count(c->args[0]); /* a list extended by itself must end */
    value_iter_init(&it, c->args[0]);
    for (size_t i = 0; i < count && value_iter_next(&it, &item); i++) {
        if (!eval_charge(c->ev, 1))
            return false;
        if (!value_list_add(c->ev->arena, c->subject, item))
            return eval_full(c->ev);
    }
    *value_out = value_none();
    return true;
}

static bool
method_index(struct call *c, struct value *value_out)
{
    struct value_iter it;
    struct value item;
    bool equal = false;
    int64_t place = 0;
    value_iter_init(&it, c->subject);
    for (; value_iter_next(&it, &item); place++) {
        if (!eval_equal(c->ev, item, c->args[0], &equal))
            return false;
        if (equal) {
            *value_out = value_int(place);
            return true;
        }
    }
    return eval_fail(c->ev, EXPR_FAILED_VALUE, "the value is not in the list");
}

static bool
method_count_items(struct call *c, struct value *value_out)
{
    struct value_iter it;
    struct value item;
    int64_t count = 0;
    value_iter_init(&it, c->subject);
    while (value_iter_next(&it, &item)) {
        bool equal;
        if (!eval_equal(c->ev, item, c->args[0], &equal))
            return false;
        count += equal;
    }
    *value_out = value_int(count);
    return true;
}

static bool
method_pop(struct call *c, struct value *value_out)
{
    int64_t place = -1;
    if (c->subject.type != VALUE_LIST || c->subject.list->tuple)
        return fail_shared(c);
    struct value_list *list = c->subject.list;
    if (call_given(c, 0) && !call_integer(c, c->args[0], &place))
        return false;
    place += place < 0 ? (int64_t)list->count : 0;
    if (place < 0 || (uint64_t)place >= list->count)
        return eval_fail(c->ev, EXPR_FAILED_VALUE, "there is no item at that place");
    *value_out = list->items[place];
    for (size_t i = (size_t)place; i + 1 < list->count; i++)
        list->items[i] = list->items[i + 1];
    list->count--;
    return eval_charge(c->ev, list->count / BYTES_PER_STEP);
}

/* ---- dict ---- */

static bool
method_get(struct call *c, struct value *value_out)
{
    if (c->args[0].type == VALUE_UNDEFINED && !value_is_hashable(c->args[0]))
        return eval_fail_undefined(c->ev, c->args[0]);
    if (!value_is_hashable(c->args[0]))
        return call_fail_type(c, c->args[0], "a key");
    *value_out = value_lookup(c->subject, c->args[0]);
    if (value_out->type == VALUE_UNDEFINED)
        *value_out = call_given(c, 1) ? c->args[1] : value_none();
    return true;
}

enum part { PART_KEY, PART_VALUE, PART_BOTH };

static bool
collect(struct call *c, enum part part, struct value *value_out)
{
    struct value_iter it;
    struct value key, item, list = value_list_new(c->ev->arena);
    value_iter_init(&it, c->subject);
    while (list.type == VALUE_LIST && value_iter_next_entry(&it, &key, &item)) {
        struct value one = part == PART_KEY ? key : item;
        if (!eval_charge(c->ev, 1))
            return false;
        if (part == PART_BOTH) {
            one = value_tuple_new(c->ev->arena);
            if (!value_list_add(c->ev->arena, one, key) || !value_list_add(c->ev->arena, one, item))
                return eval_full(c->ev);
        }
        if (!value_list_add(c->ev->arena, list, one))
            return eval_full(c->ev);
    }
    *value_out = list;
    return list.type == VALUE_LIST || eval_full(c->ev);
}

static bool
method_keys(struct call *c, struct value *value_out)
{
    return collect(c, PART_KEY, value_out);
}

static bool
method_values(struct call *c, struct value *value_out)
{
    return collect(c, PART_VALUE, value_out);
}

bool
call_items(struct call *c, struct value *value_out)
{
    return collect(c, PART_BOTH, value_out);
}

static bool
method_update(struct call *c, struct value *value_out)
{
    *value_out = value_none();
    return c->subject.type == VALUE_DICT ? call_fill_dict(c, c->subject) : fail_shared(c);
}

static bool
method_copy(struct call *c, struct value *value_out)
{
    struct call copy = *c;
    copy.args = &c->subject;
    copy.given_count = 1;
    *value_out = value_dict_new(c->ev->arena);
    return call_fill_dict(&copy, *value_out);
}

static bool
method_setdefault(struct call *c, struct value *value_out)
{
    if (c->subject.type != VALUE_DICT)
        return fail_shared(c);
    if (!value_is_hashable(c->args[0]))
        return call_fail_type(c, c->args[0], "a key");
    struct value *found = value_dict_find(c->subject, c->args[0]);
    *value_out = found ? *found : call_given(c, 1) ? c->args[1] : value_none();
    return found || value_dict_put_value(c->ev->arena, c->subject, c->args[0], *value_out) || eval_full(c->ev);
}

/* ---- times ---- */

static bool
method_strftime(struct call *c, struct value *value_out)
{
    struct str format;
    struct buf b;
    if (!call_str(c, c->args[0], &format) || !eval_charge(c->ev, format.len / 8))
        return false;
    buf_init(&b, LIMIT_EXPRESSION_RESULT_BYTES);
    time_strftime(&b, c->subject, format);
    return eval_take_buf(c->ev, &b, value_out);
}

/* timespec: how much of the second's fraction to write. */
static bool
method_isoformat(struct call *c, struct value *value_out)
{
    struct str separator = STR("T"), spec = STR("auto");
    struct buf b;
    if ((call_given(c, 0) && !call_str(c, c->args[0], &separator)) || (call_given(c, 1) && !call_str(c, c->args[1], &spec)))
        return false;
    if (separator.len != 1)
        return eval_fail(c->ev, EXPR_FAILED_TYPE, "the separator must be one character");
    int digits = str_eq(spec, STR("auto")) ? -1 : str_eq(spec, STR("seconds")) ? 0
               : str_eq(spec, STR("milliseconds")) ? 3 : str_eq(spec, STR("microseconds")) ? 6 : -2;
    if (digits == -2)
        return eval_fail(c->ev, EXPR_FAILED_VALUE, "the timespec \"%.*s\" is not known", STR_ARG(spec));
    buf_init(&b, LIMIT_EXPRESSION_RESULT_BYTES);
    time_add_iso_digits(&b, c->subject, separator.ptr[0], digits);
    return eval_take_buf(c->ev, &b, value_out);
}

static bool
method_timestamp(struct call *c, struct value *value_out)
{
    *value_out = value_float((double)c->subject.integer / 1e6);
    return true;
}

static bool
method_weekday(struct call *c, struct value *value_out)
{
    *value_out = value_int((civil_weekday(time_wall(c->subject)) + 6) % 7);
    return true;
}

static bool
method_isoweekday(struct call *c, struct value *value_out)
{
    *value_out = value_int((civil_weekday(time_wall(c->subject)) + 6) % 7 + 1);
    return true;
}

static bool
method_date(struct call *c, struct value *value_out)
{
    *value_out = value_date(c->subject.integer + c->subject.offset_s * US_PER_S);
    return true;
}

static bool
method_total_seconds(struct call *c, struct value *value_out)
{
    if (c->subject.months)
        return eval_fail(c->ev, EXPR_FAILED_TYPE, "months and years have no fixed number of seconds");
    *value_out = value_float((double)c->subject.integer / 1e6);
    return true;
}

/* replace(hour=0, minute=0): fields by keyword. */
static bool
method_replace_fields(struct call *c, struct value *value_out)
{
    struct civil civil = time_wall(c->subject);
    int *const fields[] = {&civil.year, &civil.month, &civil.day, &civil.hour, &civil.minute, &civil.second, &civil.microsecond};
    static const char *const names[] = {"year", "month", "day", "hour", "minute", "second", "microsecond"};
    static const int low[] = {1, 1, 1, 0, 0, 0, 0}, high[] = {9999, 12, 31, 23, 59, 59, 999999};
    for (size_t i = 0; i < c->named_count; i++) {
        size_t field = 0;
        int64_t number;
        while (field < ARRAY_LEN(names) && !str_eq_c(c->named[i].name, names[field]))
            field++;
        if (field == ARRAY_LEN(names))
            return eval_fail(c->ev, EXPR_FAILED_TYPE, "%s cannot replace \"%.*s\"", c->what, STR_ARG(c->named[i].name));
        if (!call_integer(c, c->named[i].value, &number))
            return false;
        if (number < low[field] || number > high[field])
            return eval_fail(c->ev, EXPR_FAILED_VALUE, "there is no %s %lld", names[field], (long long)number);
        *fields[field] = (int)number;
    }
    if (c->given_count || civil.day > civil_days_in_month(civil.year, civil.month))
        return eval_fail(c->ev, EXPR_FAILED_VALUE, "there is no such day");
    *value_out = c->subject;
    value_out->integer = civil_to_us(civil) - c->subject.offset_s * US_PER_S;
    return true;
}

static bool
method_is_integer(struct call *c, struct value *value_out)
{
    *value_out = value_bool(isfinite(c->subject.number) && floor(c->subject.number) == c->subject.number);
    return true;
}

static const struct callable methods[] = {
    {.name = "get", .call = method_get, .parameters = "key default", .required = 1, .types = TYPES_MAPPING},
    {.name = "items", .call = call_items, .parameters = "", .types = TYPES_MAPPING},
    {.name = "keys", .call = method_keys, .parameters = "", .types = TYPES_MAPPING},
    {.name = "values", .call = method_values, .parameters = "", .types = TYPES_MAPPING},
    {.name = "update", .call = method_update, .parameters = "", .variadic = true, .types = TYPES_MAPPING},
    {.name = "copy", .call = method_copy, .parameters = "", .types = TYPES_MAPPING},
    {.name = "setdefault", .call = method_setdefault, .parameters = "key default", .required = 1, .types = TYPES_MAPPING},
    {.name = "append", .call = method_append, .parameters = "object", .required = 1, .types = TYPES_SEQUENCE},
    {.name = "extend", .call = method_extend, .parameters = "iterable", .required = 1, .types = TYPES_SEQUENCE},
    {.name = "index", .call = method_index, .parameters = "value", .required = 1, .types = TYPES_SEQUENCE},
    {.name = "count", .call = method_count_items, .parameters = "value", .required = 1, .types = TYPES_SEQUENCE},
    {.name = "pop", .call = method_pop, .parameters = "index", .types = TYPES_SEQUENCE},
    {.name = "lower", .call = method_lower, .parameters = "", .types = TYPES_STR},
    {.name = "upper", .call = method_upper, .parameters = "", .types = TYPES_STR},
    {.name = "strip", .call = method_strip, .parameters = "chars", .types = TYPES_STR},
    {.name = "lstrip", .call = method_lstrip, .parameters = "chars", .types = TYPES_STR},
    {.name = "rstrip", .call = method_rstrip, .parameters = "chars", .types = TYPES_STR},
    {.name = "split", .call = method_split, .parameters = "sep maxsplit", .types = TYPES_STR},
    {.name = "rsplit", .call = method_rsplit, .parameters = "sep maxsplit", .types = TYPES_STR},
    {.name = "splitlines", .call = method_splitlines, .parameters = "", .types = TYPES_STR},
    {.name = "join", .call = method_join, .parameters = "iterable", .required = 1, .types = TYPES_STR},
    {.name = "replace", .call = method_replace, .parameters = "old new count", .required = 2, .types = TYPES_STR},
    {.name = "startswith", .call = method_startswith, .parameters = "prefix", .required = 1, .types = TYPES_STR},
    {.name = "endswith", .call = method_endswith, .parameters = "suffix", .required = 1, .types = TYPES_STR},
    {.name = "find", .call = method_find, .parameters = "sub", .required = 1, .types = TYPES_STR},
    {.name = "rfind", .call = method_rfind, .parameters = "sub", .required = 1, .types = TYPES_STR},
    {.name = "count", .call = method_count, .parameters = "sub", .required = 1, .types = TYPES_STR},
    {.name = "isdigit", .call = method_isdigit, .parameters = "", .types = TYPES_STR},
    {.name = "isnumeric", .call = method_isdigit, .parameters = "", .types = TYPES_STR},
    {.name = "isalpha", .call = method_isalpha, .parameters = "", .types = TYPES_STR},
    {.name = "capitalize", .call = method_capitalize, .parameters = "", .types = TYPES_STR},
    {.name = "title", .call = method_title, .parameters = "", .types = TYPES_STR},
    {.name = "zfill", .call = method_zfill, .parameters = "width", .required = 1, .types = TYPES_STR},
    {.name = "removeprefix", .call = method_removeprefix, .parameters = "prefix", .required = 1, .types = TYPES_STR},
    {.name = "removesuffix", .call = method_removesuffix, .parameters = "suffix", .required = 1, .types = TYPES_STR},
    {.name = "format", .call = method_format, .parameters = "", .variadic = true, .types = TYPES_STR},
    {.name = "strftime", .call = method_strftime, .parameters = "format", .required = 1, .types = TYPES_DAY},
    {.name = "isoformat", .call = method_isoformat, .parameters = "sep timespec", .types = TYPES_DAY},
    {.name = "weekday", .call = method_weekday, .parameters = "", .types = TYPES_DAY},
    {.name = "isoweekday", .call = method_isoweekday, .parameters = "", .types = TYPES_DAY},
    {.name = "replace", .call = method_replace_fields, .parameters = "", .variadic = true, .types = TYPES_DAY},
    {.name = "timestamp", .call = method_timestamp, .parameters = "", .types = TYPE_BIT(VALUE_DATETIME)},
    {.name = "date", .call = method_date, .parameters = "", .types = TYPE_BIT(VALUE_DATETIME)},
    {.name = "total_seconds", .call = method_total_seconds, .parameters = "", .types = TYPE_BIT(VALUE_DURATION)},
    {.name = "is_integer", .call = method_is_integer, .parameters = "", .types = TYPE_BIT(VALUE_FLOAT)},
};

/* A JSON value is either an array or an object: rows for the other kind do not count. */
static bool
has_type(const struct callable *row, struct value object)
{
    if (!(row->types & TYPE_BIT(object.type)))
        return false;
    return object.type != VALUE_JSON || value_is_mapping(object) == (row->types == TYPES_MAPPING);
}

const struct callable *
find_method(struct value object, struct str name)
{
    if (object.type == VALUE_DICT && object.flag) /* a namespace or loop has no methods of a dict */
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (has_type(&methods[i], object) && str_eq_c(name, methods[i].name))
            return &methods[i];
    return NULL;
}
