/*
 * Values as text: str() and repr() of Python.
 *
 * What makes it hard: a dict inside mixed text is rendered in Python's notation and read back as a Python
 * literal afterwards, so floats, quotes and escapes must come out exactly as Python writes them. Amounts
 * and ids keep their text (I-10): a float whose JSON text carries more digits than a double can hold is
 * printed as it came, where Python would round it.
 */
#include "template/expr/value_priv.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "template/expr/time_priv.h"

#define FIXED_POINT_MIN (-4) /* Python writes exponents outside 1e-4 .. 1e16 */
#define FIXED_POINT_MAX 16
#define DECIMAL_DIGITS_MAX 40

/* ---- floats ---- */

struct decimal {
    char digits[DECIMAL_DIGITS_MAX];
    int count;
    int point; /* the value is 0.DIGITS * 10^point */
};

static void
strip_zeros(struct decimal *d)
{
    int leading = 0;
    while (leading < d->count - 1 && d->digits[leading] == '0')
        leading++;
    memmove(d->digits, d->digits + leading, (size_t)(d->count - leading));
    d->count -= leading;
    d->point -= leading;
    while (d->count > 1 && d->digits[d->count - 1] == '0')
        d->count--;
}

/* Takes "-123.45e-6" apart; false when it has more digits than fit. The sign is skipped. */
static bool
decimal_of(struct str text, struct decimal *d)
{
    bool fraction = false, exponent_negative = false;
    size_t i = str_starts(text, STR("-"));
    int exponent = 0;
    *d = (struct decimal){.count = 0};
    for (; i < text.len && (text.ptr[i] | 0x20) != 'e'; i++) {
        if (text.ptr[i] == '.') {
            fraction = true;
            continue;
        }
        if (d->count == DECIMAL_DIGITS_MAX)
            return false;
        d->digits[d->count++] = text.ptr[i];
        d->point += !fraction;
    }
    for (i++; i < text.len && exponent < 100000; i++) {
        if (text.ptr[i] == '-')
            exponent_negative = true;
        else if (text.ptr[i] != '+')
            exponent = exponent * 10 + (text.ptr[i] - '0');
    }
    d->point += exponent_negative ? -exponent : exponent;
    strip_zeros(d);
    return true;
}

/* The shortest digits that read back as the same double: yyjson finds them. */
static void
shortest_decimal(double number, struct decimal *d)
{
    char pool[1024];
    yyjson_alc alc;
    yyjson_val value = {0};
    size_t length = 0;
    yyjson_alc_pool_init(&alc, pool, sizeof(pool));
    yyjson_set_real(&value, number);
    const char *text = yyjson_val_write_opts(&value, 0, &alc, &length, NULL);
    decimal_of((struct str){text, text ? length : 0}, d);
}

static char *
put(char *p, const char *text)
{
    size_t length = strlen(text);
    memcpy(p, text, length);
    return p + length;
}

static char *
put_fixed(char *p, const struct decimal *d)
{
    if (d->point <= 0)
        p = put(p, "0.");
    for (int i = d->point; i < 0; i++)
        *p++ = '0';
    for (int i = 0; i < d->count || i < d->point; i++) {
        if (i == d->point && i > 0)
            *p++ = '.';
        *p++ = i < d->count ? d->digits[i] : '0';
    }
    return d->count <= d->point ? put(p, ".0") : p;
}

static char *
put_exponent(char *p, const struct decimal *d)
{
    *p++ = d->digits[0];
    if (d->count > 1)
        *p++ = '.';
    for (int i = 1; i < d->count; i++)
        *p++ = d->digits[i];
    int exponent = d->point - 1;
    *p++ = 'e';
    *p++ = exponent < 0 ? '-' : '+';
    return p + snprintf(p, 8, "%02d", abs(exponent));
}

size_t
float_to_python(double number, char text[static FLOAT_TEXT_BYTES])
{
    char *p = text;
    struct decimal d;
    if (isnan(number))
        return (size_t)(put(p, "nan") - text);
    if (signbit(number))
        *p++ = '-';
    if (isinf(number))
        return (size_t)(put(p, "inf") - text);
    if (number == 0)
        return (size_t)(put(p, "0.0") - text);
    shortest_decimal(number, &d);
    bool fixed = d.point > FIXED_POINT_MIN && d.point <= FIXED_POINT_MAX;
    return (size_t)((fixed ? put_fixed(p, &d) : put_exponent(p, &d)) - text);
}

/* Would printing the double lose digits that JSON had? */
static bool
loses_digits(struct value v)
{
    struct decimal exact, rounded;
    if (v.text.len <= 15 || !isfinite(v.number) || v.number == 0)
        return v.text.len > 15 && !isfinite(v.number);
    if (!decimal_of(v.text, &exact))
        return true;
    shortest_decimal(v.number, &rounded);
    return exact.count != rounded.count || exact.point != rounded.point ||
           memcmp(exact.digits, rounded.digits, (size_t)exact.count) != 0;
}

static bool
add_float(struct buf *b, struct value v)
{
    char text[FLOAT_TEXT_BYTES];
    if (loses_digits(v))
        return buf_add(b, v.text);
    return buf_add(b, (struct str){text, float_to_python(v.number, text)});
}

/* ---- repr ---- */

static bool
add_escaped(struct buf *b, uint32_t c)
{
    switch (c) {
    case '\n': return buf_add(b, STR("\\n"));
    case '\r': return buf_add(b, STR("\\r"));
    case '\t': return buf_add(b, STR("\\t"));
    default: return buf_addf(b, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", (unsigned)c);
    }
}

static bool
add_quoted(struct buf *b, struct str s)
{
    char quote = str_find(s, '\'') >= 0 && str_find(s, '"') < 0 ? '"' : '\'';
    buf_add_char(b, quote);
    size_t plain = 0; /* where the stretch that needs no escape begins */
    for (size_t at = 0; at < s.len;) {
        uint32_t c = pytext_decode(s, at);
        size_t step = pytext_step(s, at);
        bool special = c == '\\' || c == (unsigned char)quote;
        if (special || !pytext_is_printable(c) || (step == 1 && c >= 0x80)) {
            buf_add(b, str_slice(s, plain, at));
            special ? (void)(buf_add_char(b, '\\'), buf_add_char(b, (char)c)) : (void)add_escaped(b, c);
            plain = at + step;
        }
        at += step;
    }
    buf_add(b, str_skip(s, plain));
    return buf_add_char(b, quote);
}

static bool
add_repr_at(struct buf *b, struct value v, unsigned depth);

static bool
add_sequence(struct buf *b, struct value v, unsigned depth)
{
    struct value_iter it;
    struct value item;
    bool tuple = v.type == VALUE_LIST && v.list->tuple;
    size_t count = 0;
    buf_add_char(b, tuple ? '(' : '[');
    value_iter_init(&it, v);
    while (value_iter_next(&it, &item)) {
        if (count++)
            buf_add(b, STR(", "));
        if (!add_repr_at(b, item, depth + 1))
            return false;
    }
    if (tuple && count == 1)
        buf_add_char(b, ',');
    return buf_add_char(b, tuple ? ')' : ']');
}

static bool
add_mapping(struct buf *b, struct value v, unsigned depth)
{
    struct value_iter it;
    struct value key, item;
    size_t count = 0;
    buf_add(b, v.type == VALUE_DICT && v.flag ? STR("<Namespace {") : STR("{"));
    value_iter_init(&it, v);
    while (value_iter_next_entry(&it, &key, &item)) {
        if (count++)
            buf_add(b, STR(", "));
        if (!add_repr_at(b, key, depth + 1) || !buf_add(b, STR(": ")) || !add_repr_at(b, item, depth + 1))
            return false;
    }
    return buf_add(b, v.type == VALUE_DICT && v.flag ? STR("}>") : STR("}"));
}

static bool
add_repr_at(struct buf *b, struct value v, unsigned depth)
{
    if (depth > LIMIT_VALUE_DEPTH)
        return !(b->failed = true);
    if (v.type == VALUE_STR)
        return add_quoted(b, v.text);
    if (v.type == VALUE_UNDEFINED)
        return buf_add(b, STR("Undefined"));
    if (value_is_sequence(v))
        return add_sequence(b, v, depth);
    if (value_is_mapping(v))
        return add_mapping(b, v, depth);
    if (v.type == VALUE_DATETIME || v.type == VALUE_DATE || v.type == VALUE_DURATION)
        return time_add_repr(b, v);
    return value_add_str(b, v);
}

bool
value_add_repr(struct buf *b, struct value v)
{
    return add_repr_at(b, v, 0);
}

bool
value_add_str(struct buf *b, struct value v)
{
    char digits[BIGINT_TEXT_BYTES];
    switch (v.type) {
    case VALUE_UNDEFINED: return buf_ok(b);
    case VALUE_NONE: return buf_add(b, STR("None"));
    case VALUE_BOOL: return buf_add_c(b, v.flag ? "True" : "False");
    case VALUE_INT: return buf_add_i64(b, v.integer);
    case VALUE_BIGINT: return buf_add(b, value_bigint_text(v, digits));
    case VALUE_FLOAT: return add_float(b, v);
    case VALUE_STR: return buf_add(b, v.text);
    case VALUE_DATETIME:
    case VALUE_DATE:
    case VALUE_DURATION: return time_add_str(b, v);
    case VALUE_LIST:
    case VALUE_DICT:
    case VALUE_JSON: break;
    }
    return add_repr_at(b, v, 0);
}

struct str
value_to_python(struct arena *a, struct value v)
{
    if (v.type == VALUE_STR)
        return str_is_none(v.text) ? STR("") : v.text;
    struct buf b;
    buf_init(&b, LIMIT_EXPRESSION_RESULT_BYTES);
    struct str text = value_add_str(&b, v) && buf_ok(&b) ? str_copy(a, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    return text;
}

/* ---- json.dumps ---- */
