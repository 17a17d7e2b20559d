/*
 * Filters over single values: numbers, text, encodings. One row each at the end; those over sequences
 * stand in expr_sequences.c.
 */
#include <math.h>
#include <string.h>

#include "base/encode.h"
#include "base/limits.h"
#include "template/expr/expr_priv.h"

/* str() of what is piped, as most text filters begin. */
static bool
subject_text(struct call *c, struct str *text_out)
{
    return eval_text(c->ev, c->subject, text_out) && eval_charge(c->ev, text_out->len / BYTES_PER_STEP);
}

static bool
give_str(struct call *c, struct str s, struct value *value_out)
{
    *value_out = value_str(s);
    return !str_is_none(s) || eval_full(c->ev);
}

/* ---- numbers ---- */

/* int() of a float cuts; of what is too large for 64 bits it fails here. */
static bool
float_to_int(double number, struct value *value_out)
{
    if (!(number > -9.2e18 && number < 9.2e18))
        return false;
    *value_out = value_int((int64_t)number);
    return true;
}

static bool
filter_int(struct call *c, struct value *value_out)
{
    int64_t base = 10;
    double number;
    struct value v = c->subject;
    *value_out = call_given(c, 0) ? c->args[0] : value_int(0);
    if (call_given(c, 1) && !call_integer(c, c->args[1], &base))
        return false;
    if (v.type == VALUE_UNDEFINED)
        return eval_fail_undefined(c->ev, v);
    if (value_is_integer(v) || v.type == VALUE_BIGINT)
        *value_out = v.type == VALUE_BOOL ? value_int(v.flag) : v;
    else if (v.type == VALUE_FLOAT)
        float_to_int(v.number, value_out);
    else if (v.type == VALUE_STR && !pytext_to_int(c->ev->arena, v.text, base > 36 || base < 0 ? 99 : (int)base, value_out) &&
             pytext_to_float(v.text, &number))
        float_to_int(number, value_out);
    return true;
}

static bool
filter_float(struct call *c, struct value *value_out)
{
    double number;
    struct value v = c->subject;
    *value_out = call_given(c, 0) ? c->args[0] : value_float(0);
    if (v.type == VALUE_UNDEFINED)
        return eval_fail_undefined(c->ev, v);
    if (v.type == VALUE_FLOAT)
        *value_out = v;
    else if (value_is_number(v))
        *value_out = value_float(value_to_double(v));
    else if (v.type == VALUE_STR && pytext_to_float(v.text, &number))
        *value_out = value_float(number);
    return true;
}

/* Python's abs() and round() refuse a missing value by its type: it is not the look-up that fails. */
static bool
fail_no_number(struct call *c)
{
    return eval_fail(c->ev, EXPR_FAILED_TYPE, "%s wants a number, not a %s", c->what, value_type_name(c->subject));
}

static bool
filter_abs(struct call *c, struct value *value_out)
{
    struct value zero = value_int(0);
    if (!value_is_number(c->subject))
        return fail_no_number(c);
    *value_out = c->subject.type == VALUE_BOOL ? value_int(c->subject.flag) : c->subject;
    return value_compare_numbers(c->subject, zero) != -1 || eval_negative(c->ev, c->subject, value_out);
}

/* Rounds as decimal text does: Python's round() is correct to the last digit, half to even. */
static double
round_decimal(double number, int digits)
{
    char text[400];
    double result;
    if (!isfinite(number) || digits > 300 || digits < -300 || fabs(number) > 1e300)
        return number;
    if (digits < 0) {
        double scale = pow(10, -digits);
        return nearbyint(number / scale) * scale;
    }
    int length = snprintf(text, sizeof(text), "%.*f", digits, fabs(number));
    if (length <= 0 || (size_t)length >= sizeof(text) || !pytext_read_float((struct str){text, (size_t)length}, &result))
        return number;
    return signbit(number) ? -result : result;
}

static bool
filter_round(struct call *c, struct value *value_out)
{
    int64_t digits = 0;
    struct str method = STR("common");
    if (call_given(c, 0) && !call_integer(c, c->args[0], &digits))
        return false;
    if (call_given(c, 1) && !call_str(c, c->args[1], &method))
        return false;
    if (!value_is_number(c->subject))
        return fail_no_number(c);
    if (digits > 300 || digits < -300)
        return eval_fail(c->ev, EXPR_FAILED_VALUE, "that many digits cannot be rounded to");
    bool ceil_it = str_eq(method, STR("ceil")), floor_it = str_eq(method, STR("floor"));
    if (!ceil_it && !floor_it && !str_eq(method, STR("common")))
        return eval_fail(c->ev, EXPR_FAILED_VALUE, "the method must be common, ceil or floor");
    double number = value_to_double(c->subject), scale = pow(10, (double)digits);
    if (ceil_it || floor_it)
        *value_out = value_float((ceil_it ? ceil(number * scale) : floor(number * scale)) / scale);
    else if (c->subject.type == VALUE_FLOAT)
        *value_out = value_float(round_decimal(number, (int)digits));
    else if (digits >= 0)
        *value_out = c->subject.type == VALUE_BOOL ? value_int(c->subject.flag) : c->subject;
    else
        *value_out = value_int((int64_t)round_decimal(number, (int)digits));
    return true;
}

/* ---- text ---- */

/* What is no text is printed as JSON in triple quotes, which reading the literal then takes off again. */
static bool
filter_string(struct call *c, struct value *value_out)
{
    struct buf b;
    const char *bad_type = NULL;
    if (c->subject.type == VALUE_STR) {
        *value_out = c->subject;
        return true;
    }
    buf_init(&b, LIMIT_EXPRESSION_RESULT_BYTES);
    buf_add(&b, STR("\"\"\""));
    bool ok = value_add_json(&b, c->subject, JSON_STYLE_DUMPS, &bad_type);
    buf_add(&b, STR("\"\"\""));
    if (ok)
        return eval_take_buf(c->ev, &b, value_out);
    buf_release(&b);
    return bad_type ? eval_fail(c->ev, EXPR_FAILED_TYPE, "JSON cannot hold a %s", bad_type) : eval_full(c->ev);
}

static bool
filter_tojson(struct call *c, struct value *value_out)
{
    struct buf b;
    const char *bad_type = NULL;
    buf_init(&b, LIMIT_EXPRESSION_RESULT_BYTES);
    if (value_add_json(&b, c->subject, JSON_STYLE_SORTED | JSON_STYLE_HTML, &bad_type))
        return eval_take_buf(c->ev, &b, value_out);
    buf_release(&b);
    return bad_type ? eval_fail(c->ev, EXPR_FAILED_TYPE, "JSON cannot hold a %s", bad_type) : eval_full(c->ev);
}

static bool
filter_lower(struct call *c, struct value *value_out)
{
    struct str text;
    return subject_text(c, &text) && give_str(c, pytext_lower(c->ev->arena, text), value_out);
}

static bool
filter_upper(struct call *c, struct value *value_out)
{
    struct str text;
    return subject_text(c, &text) && give_str(c, pytext_upper(c->ev->arena, text), value_out);
}

static bool
filter_capitalize(struct call *c, struct value *value_out)
{
    struct str text;
    return subject_text(c, &text) && call_capitalize(c, text, false, value_out);
}

/* Jinja's words end at blanks, hyphens and opening brackets. */
static bool
filter_title(struct call *c, struct value *value_out)
{
    struct str text;
    struct buf b;
    bool ok = true;
    if (!subject_text(c, &text))
        return false;
    buf_init(&b, LIMIT_EXPRESSION_RESULT_BYTES);
    for (size_t at = 0; ok && at < text.len;) {
        size_t end = at;
        while (end < text.len && !strchr("-([{< \t\n\r\f\v", text.ptr[end] ? text.ptr[end] : 'x'))
            end++;
        struct value word;
        ok = call_capitalize(c, str_slice(text, at, end), false, &word);
        while (end < text.len && strchr("-([{< \t\n\r\f\v", text.ptr[end] ? text.ptr[end] : 'x'))
            end++;
        if (ok) {
            buf_add(&b, word.text);
            ok = buf_add(&b, str_slice(text, at + word.text.len, end)) || eval_full(c->ev);
        }
        at = end;
    }
    if (ok)
        return eval_take_buf(c->ev, &b, value_out);
    buf_release(&b);
    return false;
}

static bool
filter_trim(struct call *c, struct value *value_out)
{
    struct str text, set;
    if (!subject_text(c, &text))
        return false;
    if (!call_given(c, 0) || c->args[0].type == VALUE_NONE) {
        *value_out = value_str(pytext_strip(text, true, true));
        return true;
    }
    if (!call_str(c, c->args[0], &set))
        return false;
    while (text.len && str_find(set, text.ptr[0]) >= 0)
        text = str_skip(text, 1);
    while (text.len && str_find(set, text.ptr[text.len - 1]) >= 0)
        text.len--;
    *value_out = value_str(text);
    return true;
}

static bool
filter_replace(struct call *c, struct value *value_out)
{
    struct str text, old, new;
    int64_t count = -1;
    if (!subject_text(c, &text) || !eval_text(c->ev, c->args[0], &old) || !eval_text(c->ev, c->args[1], &new))
        return false;
    if (call_given(c, 2) && c->args[2].type != VALUE_NONE && !call_integer(c, c->args[2], &count))
        return false;
    struct call on_text = *c;
    on_text.subject = value_str(text);
    return call_replace(&on_text, old, new, count, value_out);
}

static bool
filter_format(struct call *c, struct value *value_out)
{
    struct str format;
    struct value dict = value_dict_new(c->ev->arena);
    if (!subject_text(c, &format) || dict.type == VALUE_UNDEFINED)
        return false;
    if (c->named_count && c->given_count)
        return eval_fail(c->ev, EXPR_FAILED_TYPE, "format takes places or names, not both");
    for (size_t i = 0; i < c->named_count; i++)
        if (!value_dict_put(c->ev->arena, dict, c->named[i].name, c->named[i].value))
            return eval_full(c->ev);
    return c->named_count ? eval_printf(c->ev, format, &dict, 1, value_out)
                          : eval_printf(c->ev, format, c->args, c->given_count, value_out);
}

static bool
filter_truncate(struct call *c, struct value *value_out)
{
    struct str text, end = STR("...");
    int64_t length = 255, leeway = 5;
    if (!subject_text(c, &text) || (call_given(c, 0) && !call_integer(c, c->args[0], &length)))
        return false;
    if ((call_given(c, 2) && !call_str(c, c->args[2], &end)) || (call_given(c, 3) && !call_integer(c, c->args[3], &leeway)))
        return false;
    int64_t tail = (int64_t)pytext_count(end);
    if (length < tail || length > LIMIT_EXPRESSION_RESULT_BYTES || leeway < 0 || leeway > LIMIT_EXPRESSION_RESULT_BYTES)
        return eval_fail(c->ev, EXPR_FAILED_VALUE, "the length is shorter than what marks the cut");
    *value_out = value_str(text);
    if ((int64_t)pytext_count(text) <= length + leeway)
        return true;
    struct str kept = pytext_slice(text, 0, (size_t)(length - tail));
    ptrdiff_t blank = str_find_last(kept, ' ');
    bool kill_words = call_given(c, 1) && value_is_true(c->args[1]);
    if (!kill_words && blank >= 0)
        kept = str_slice(kept, 0, (size_t)blank);
    return give_str(c, str_join2(c->ev->arena, kept, end), value_out);
}

static bool
filter_wordcount(struct call *c, struct value *value_out)
{
    struct str text;
    int64_t words = 0;
    bool inside = false;
    if (!subject_text(c, &text))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char ch = text.ptr[i];
        bool word = ch == '_' || (ch >= '0' && ch <= '9') || ((ch | 0x20) >= 'a' && (ch | 0x20) <= 'z') || (unsigned char)ch >= 0x80;
        words += word && !inside;
        inside = word;
    }
    *value_out = value_int(words);
    return true;
}

static bool
filter_escape(struct call *c, struct value *value_out)
{
    static const struct {
        char from;
        const char *to;
    } escapes[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'\'', "&#39;"}, {'"', "&#34;"}};
    struct str text;
    struct buf b;
    if (!subject_text(c, &text))
        return false;
    buf_init(&b, LIMIT_EXPRESSION_RESULT_BYTES);
    for (size_t i = 0; i < text.len; i++) {
        size_t e = 0;
        while (e < ARRAY_LEN(escapes) && escapes[e].from != text.ptr[i])
            e++;
        e < ARRAY_LEN(escapes) ? buf_add_c(&b, escapes[e].to) : buf_add_char(&b, text.ptr[i]);
    }
    return eval_take_buf(c->ev, &b, value_out);
}

static bool
filter_safe(struct call *c, struct value *value_out)
{
    *value_out = c->subject;
    return true;
}

/* ---- encodings ---- */

/* RFC 3986 with a slash left alone; as part of a query the slash is escaped and a blank is a plus. */
static bool
add_url_quoted(struct buf *b, struct str s, bool query)
{
    struct str word, rest = s;
    if (!query)
        return buf_add_percent(b, s, "/");
    while (str_cut(rest, ' ', &word, &rest)) {
        buf_add_percent(b, word, "");
        buf_add_char(b, '+');
    }
    return buf_add_percent(b, word, "");
}

static bool
add_url_pair(struct call *c, struct buf *b, struct value key, struct value item)
{
    struct str key_text, item_text;
    if (!eval_charge(c->ev, 1) || !eval_text(c->ev, key, &key_text) || !eval_text(c->ev, item, &item_text))
        return false;
    if (b->len)
        buf_add_char(b, '&');
    return (add_url_quoted(b, key_text, true) && buf_add_char(b, '=') && add_url_quoted(b, item_text, true)) || eval_full(c->ev);
}

static bool
add_url_pairs(struct call *c, struct buf *b)
{
    struct value_iter it;
    struct value key, item;
    value_iter_init(&it, c->subject);
    if (value_is_mapping(c->subject)) {
        while (value_iter_next_entry(&it, &key, &item))
            if (!add_url_pair(c, b, key, item))
                return false;
        return true;
    }
    while (value_iter_next(&it, &item)) {
        if (!value_is_sequence(item) || value_count(item) != 2)
            return call_fail_type(c, item, "pairs of a key and a value");
        if (!add_url_pair(c, b, value_at(item, 0), value_at(item, 1)))
            return false;
    }
    return true;
}

static bool
filter_urlencode(struct call *c, struct value *value_out)
{
    struct buf b;
    struct str text;
    bool pairs = value_is_mapping(c->subject) || value_is_sequence(c->subject);
    buf_init(&b, LIMIT_EXPRESSION_RESULT_BYTES);
    bool ok = pairs ? add_url_pairs(c, &b)
                    : subject_text(c, &text) && (add_url_quoted(&b, text, false) || eval_full(c->ev));
    if (ok)
        return eval_take_buf(c->ev, &b, value_out);
    buf_release(&b);
    return false;
}

static bool
filter_base64encode(struct call *c, struct value *value_out)
{
    struct str text;
    struct buf b;
    if (!call_str(c, c->subject, &text))
        return false;
    buf_init(&b, LIMIT_EXPRESSION_RESULT_BYTES);
    base64_encode(&b, text, BASE64_STANDARD);
    return eval_take_buf(c->ev, &b, value_out);
}

/* As Python reads it: foreign characters are skipped, but the padding must be there. */
static bool
filter_base64decode(struct call *c, struct value *value_out)
{
    struct str text, bytes;
    if (!call_str(c, c->subject, &text))
        return false;
    char *clean = arena_alloc_bytes(c->ev->arena, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; clean && i < text.len; i++) {
        char ch = text.ptr[i];
        bool letter = (ch >= '0' && ch <= '9') || ((ch | 0x20) >= 'a' && (ch | 0x20) <= 'z');
        if (letter || ch == '+' || ch == '/' || ch == '=')
            clean[len++] = ch;
    }
    if (!clean)
        return eval_full(c->ev);
    if (!base64_decode(c->ev->arena, (struct str){clean, len}, BASE64_STANDARD, &bytes) || !str_is_utf8(bytes))
        return eval_fail(c->ev, EXPR_FAILED_VALUE, "the text is not base64 of UTF-8 text");
    *value_out = value_str(bytes.len ? bytes : STR(""));
    return true;
}

/* ---- any value ---- */

static bool
filter_default(struct call *c, struct value *value_out)
{
    bool also_false = call_given(c, 1) && value_is_true(c->args[1]);
    bool missing = c->subject.type == VALUE_UNDEFINED || (also_false && !value_is_true(c->subject));
    struct value otherwise = call_given(c, 0) ? c->args[0] : value_str(STR(""));
    *value_out = missing ? otherwise : c->subject;
    return true;
}

static bool
filter_length(struct call *c, struct value *value_out)
{
    if (!value_is_iterable(c->subject))
        return call_fail_type(c, c->subject, "something that has a length");
    if (!eval_charge(c->ev, c->subject.type == VALUE_STR ? c->subject.text.len / BYTES_PER_STEP : 0))
        return false;
    *value_out = value_int((int64_t)value_count(c->subject));
    return true;
}

static bool
filter_attr(struct call *c, struct value *value_out)
{
    struct str name;
    return call_str(c, c->args[0], &name) && eval_attribute(c->ev, c->subject, name, value_out);
}

static bool
filter_items(struct call *c, struct value *value_out)
{
    if (c->subject.type != VALUE_UNDEFINED && !value_is_mapping(c->subject))
        return call_fail_type(c, c->subject, "a dict");
    return call_items(c, value_out);
}

static const struct callable filters[] = {
    {.name = "abs", .call = filter_abs, .parameters = ""},
    {.name = "attr", .call = filter_attr, .parameters = "name", .required = 1},
    {.name = "base64decode", .call = filter_base64decode, .parameters = ""},
    {.name = "base64encode", .call = filter_base64encode, .parameters = ""},
    {.name = "base64binascii_decode", .call = filter_base64encode, .parameters = ""}, /* the reference encodes too */
    {.name = "capitalize", .call = filter_capitalize, .parameters = ""},
    {.name = "count", .call = filter_length, .parameters = ""},
    {.name = "d", .call = filter_default, .parameters = "default_value boolean"},
    {.name = "default", .call = filter_default, .parameters = "default_value boolean"},
    {.name = "e", .call = filter_escape, .parameters = ""},
    {.name = "escape", .call = filter_escape, .parameters = ""},
    {.name = "float", .call = filter_float, .parameters = "default"},
    {.name = "forceescape", .call = filter_escape, .parameters = ""},
    {.name = "format", .call = filter_format, .parameters = "", .variadic = true},
    {.name = "hash", .call = filter_hash, .parameters = "hash_type salt"},
    {.name = "hmac", .call = filter_hmac, .parameters = "key hash_type", .required = 1},
    {.name = "int", .call = filter_int, .parameters = "default base"},
    {.name = "items", .call = filter_items, .parameters = ""},
    {.name = "length", .call = filter_length, .parameters = ""},
    {.name = "lower", .call = filter_lower, .parameters = ""},
    {.name = "regex_replace", .call = filter_regex_replace, .parameters = "regex replacement", .required = 2},
    {.name = "regex_search", .call = filter_regex_search, .parameters = "regex", .required = 1},
    {.name = "replace", .call = filter_replace, .parameters = "old new count", .required = 2},
    {.name = "round", .call = filter_round, .parameters = "precision method"},
    {.name = "safe", .call = filter_safe, .parameters = ""},
    {.name = "string", .call = filter_string, .parameters = ""},
    {.name = "title", .call = filter_title, .parameters = ""},
    {.name = "tojson", .call = filter_tojson, .parameters = ""},
    {.name = "trim", .call = filter_trim, .parameters = "chars"},
    {.name = "truncate", .call = filter_truncate, .parameters = "length killwords end leeway"},
    {.name = "upper", .call = filter_upper, .parameters = ""},
    {.name = "urlencode", .call = filter_urlencode, .parameters = ""},
    {.name = "wordcount", .call = filter_wordcount, .parameters = ""},
};

const struct callable *
find_filter(struct str name)
{
    const struct callable *found = callable_find(filters, ARRAY_LEN(filters), name);
    return found ? found : callable_find(sequence_filters, sequence_filter_count, name);
}
