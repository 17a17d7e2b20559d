/*
 * Text with places for values, both of Python's kinds: '%s of %03d' % (a, b) and '{} of {name:>5}'.format().
 *
 * Widths and precisions come from the template, so they are capped by the size of a result.
 */
#include <math.h>
#include <string.h>

#include "base/limits.h"
#include "template/expr/expr_priv.h"

struct spec {
    bool minus, zero, plus, blank, alternate, comma;
    char align;      /* '<', '>', '^', or '\0' */
    struct str fill; /* one character */
    int64_t width;
    int64_t precision; /* -1: none */
    char type;       /* '\0': the value's own */
};

static bool
take_number(struct str *s, int64_t *number_out)
{
    size_t digits = 0;
    while (digits < s->len && s->ptr[digits] >= '0' && s->ptr[digits] <= '9')
        digits++;
    if (digits == 0)
        return true;
    bool ok = str_to_i64(str_slice(*s, 0, digits), 0, LIMIT_EXPRESSION_RESULT_BYTES, number_out);
    *s = str_skip(*s, digits);
    return ok;
}

static bool
add_fill(struct buf *b, struct str fill, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (!buf_add(b, fill))
            return false;
    return true;
}

/* Pads `body` to the width; zeros go between sign and digits. */
static bool
add_padded(struct buf *b, const struct spec *spec, struct str body, bool number)
{
    int64_t missing = spec->width - (int64_t)pytext_count(body);
    char align = spec->align ? spec->align : number ? '>' : '<';
    struct str fill = spec->fill.len ? spec->fill : STR(" ");
    if (missing <= 0)
        return buf_add(b, body);
    if (spec->zero && number && !spec->align) {
        size_t sign = body.len && (body.ptr[0] == '-' || body.ptr[0] == '+' || body.ptr[0] == ' ');
        return buf_add(b, str_slice(body, 0, sign)) && add_fill(b, STR("0"), missing) && buf_add(b, str_skip(body, sign));
    }
    int64_t before = align == '>' ? missing : align == '^' ? missing / 2 : 0;
    return add_fill(b, fill, before) && buf_add(b, body) && add_fill(b, fill, missing - before);
}

static bool
add_grouped(struct buf *b, struct str digits)
{
    ptrdiff_t dot = str_find(digits, '.');
    size_t sign = str_starts(digits, STR("-")), whole = dot < 0 ? digits.len : (size_t)dot;
    buf_add(b, str_slice(digits, 0, sign));
    for (size_t i = sign; i < whole; i++) {
        if (i > sign && (whole - i) % 3 == 0)
            buf_add_char(b, ',');
        buf_add_char(b, digits.ptr[i]);
    }
    return buf_add(b, str_skip(digits, whole));
}

static bool
add_integer_digits(struct buf *b, int64_t value, char type, bool alternate)
{
    uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;
    char digits[72];
    size_t at = sizeof(digits);
    unsigned base = type == 'x' || type == 'X' ? 16 : type == 'o' ? 8 : type == 'b' ? 2 : 10;
    const char *letters = type == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    do
        digits[--at] = letters[magnitude % base];
    while ((magnitude /= base) > 0);
    if (value < 0)
        buf_add_char(b, '-');
    if (alternate && base != 10)
        buf_addf(b, "0%c", type);
    return buf_add(b, (struct str){digits + at, sizeof(digits) - at});
}

static bool
add_float_digits(struct buf *b, double value, const struct spec *spec, char type)
{
    int precision = spec->precision < 0 ? 6 : spec->precision > 500 ? 500 : (int)spec->precision;
    if (!isfinite(value))
        return buf_add_c(b, isnan(value) ? "nan" : value < 0 ? "-inf" : "inf");
    switch (type) {
    case 'e': return buf_addf(b, "%.*e", precision, value);
    case 'E': return buf_addf(b, "%.*E", precision, value);
    case 'g': return buf_addf(b, "%.*g", precision ? precision : 1, value);
    case 'G': return buf_addf(b, "%.*G", precision ? precision : 1, value);
    case '%': return buf_addf(b, "%.*f%%", precision, value * 100);
    default: return buf_addf(b, "%.*f", precision, value);
    }
}

/* Digits of a number by the spec's type, with sign and grouping, padded. */
static bool
add_number(struct buf *out, struct value v, const struct spec *spec, char type)
{
    struct buf raw, signed_text;
    buf_init(&raw, LIMIT_EXPRESSION_RESULT_BYTES);
    buf_init(&signed_text, LIMIT_EXPRESSION_RESULT_BYTES);
    bool integral = strchr("dixXobu", type) != NULL;
    if (integral && v.type == VALUE_BIGINT)
        value_add_str(&raw, v);
    else if (integral)
        add_integer_digits(&raw, value_to_integer(v), type, spec->alternate);
    else
        add_float_digits(&raw, value_to_double(v), spec, type);
    bool negative = str_starts(buf_str(&raw), STR("-"));
    if (!negative && (spec->plus || spec->blank))
        buf_add_char(&signed_text, spec->plus ? '+' : ' ');
    spec->comma ? add_grouped(&signed_text, buf_str(&raw)) : buf_add(&signed_text, buf_str(&raw));
    bool ok = buf_ok(&raw) && buf_ok(&signed_text) && add_padded(out, spec, buf_str(&signed_text), true);
    buf_release(&raw);
    buf_release(&signed_text);
    return ok;
}

/* str() or repr() of a value, cut to the precision, padded. */
static bool
add_text(struct buf *out, struct value v, const struct spec *spec, bool repr)
{
    struct buf text;
    buf_init(&text, LIMIT_EXPRESSION_RESULT_BYTES);
    bool ok = repr ? value_add_repr(&text, v) : value_add_str(&text, v);
    struct str body = buf_str(&text);
    if (spec->precision >= 0)
        body = pytext_slice(body, 0, (size_t)spec->precision);
    ok = ok && add_padded(out, spec, body, false);
    buf_release(&text);
    return ok;
}

/* ---- % ---- */

static void
take_flags(struct str *s, struct spec *spec)
{
    for (; s->len; *s = str_skip(*s, 1)) {
        switch (s->ptr[0]) {
        case '-': spec->minus = true; break;
        case '0': spec->zero = true; break;
        case '+': spec->plus = true; break;
        case ' ': spec->blank = true; break;
        case '#': spec->alternate = true; break;
        default: return;
        }
    }
}

static bool
add_percent(struct eval *ev, struct buf *b, const struct spec *spec, struct value v)
{
    char type = spec->type;
    if (v.type == VALUE_UNDEFINED && type != 's' && type != 'r')
        return eval_fail_undefined(ev, v);
    if (type == 's' || type == 'r' || type == 'a')
        return add_text(b, v, spec, type != 's') || eval_full(ev);
    if (strchr("dixXo", type)) {
        if (v.type == VALUE_FLOAT && strchr("di", type) && fabs(v.number) < 9e18)
            v = value_int((int64_t)v.number);
        if (!value_is_integer(v) && v.type != VALUE_BIGINT)
            return eval_fail(ev, EXPR_FAILED_TYPE, "%%%c wants a number, not a %s", type, value_type_name(v));
        return add_number(b, v, spec, type) || eval_full(ev);
    }
    if (!strchr("eEfFgG", type))
        return eval_fail(ev, EXPR_FAILED_VALUE, "%%%c is no known place for a value", type);
    if (!value_is_number(v))
        return eval_fail(ev, EXPR_FAILED_TYPE, "%%%c wants a number, not a %s", type, value_type_name(v));
    return add_number(b, v, spec, type) || eval_full(ev);
}

/* One %... whose percent sign is behind us. */
static bool
expand_percent(struct eval *ev, struct buf *b, struct str *rest, const struct value *args, size_t count, size_t *used)
{
    struct spec spec = {.precision = -1};
    struct value v = value_undefined();
    if (str_starts(*rest, STR("%"))) {
        *rest = str_skip(*rest, 1);
        return buf_add_char(b, '%');
    }
    bool by_key = str_starts(*rest, STR("("));
    if (by_key) {
        struct str key;
        if (!str_cut(str_skip(*rest, 1), ')', &key, rest) || count != 1 || !value_is_mapping(args[0]))
            return eval_fail(ev, EXPR_FAILED_TYPE, "%%(...) wants a dict");
        v = value_get(args[0], key);
        *used = 1;
    }
    take_flags(rest, &spec);
    if (!take_number(rest, &spec.width))
        return eval_full(ev);
    if (str_starts(*rest, STR("."))) {
        spec.precision = 0;
        *rest = str_skip(*rest, 1);
        if (!take_number(rest, &spec.precision))
            return eval_full(ev);
    }
    if (rest->len == 0)
        return eval_fail(ev, EXPR_FAILED_VALUE, "the format ends inside a %% place");
    spec.type = rest->ptr[0];
    spec.align = spec.minus ? '<' : spec.zero && strchr("dixXoeEfFgG", spec.type) ? '\0' : '>';
    *rest = str_skip(*rest, 1);
    if (!by_key && *used == count)
        return eval_fail(ev, EXPR_FAILED_TYPE, "there are too few values for the format");
    return add_percent(ev, b, &spec, by_key ? v : args[(*used)++]);
}

bool
eval_printf(struct eval *ev, struct str format, const struct value *args, size_t count, struct value *value_out)
{
    struct buf b;
    size_t used = 0;
    bool ok = true;
    buf_init(&b, LIMIT_EXPRESSION_RESULT_BYTES);
    while (ok && format.len) {
        if (format.ptr[0] != '%') {
            ptrdiff_t next = str_find(format, '%');
            size_t plain = next < 0 ? format.len : (size_t)next;
            ok = buf_add(&b, str_slice(format, 0, plain)) || eval_full(ev);
            format = str_skip(format, plain);
            continue;
        }
        format = str_skip(format, 1);
        ok = eval_charge(ev, 1) && expand_percent(ev, &b, &format, args, count, &used);
    }
    bool may_be_unused = count == 1 && (value_is_mapping(args[0]) || value_is_sequence(args[0]) || args[0].type == VALUE_UNDEFINED);
    bool left_over = ok && used < count && !may_be_unused;
    if (left_over)
        ok = eval_fail(ev, EXPR_FAILED_TYPE, "there are more values than places in the format");
    if (ok)
        return eval_take_buf(ev, &b, value_out);
    buf_release(&b);
    return false;
}

/* ---- {} ---- */

static bool
is_align(char c)
{
    return c == '<' || c == '>' || c == '^';
}

static bool
parse_spec(struct eval *ev, struct str s, struct spec *spec)
{
    size_t first = s.len ? pytext_step(s, 0) : 0;
    *spec = (struct spec){.precision = -1};
    if (s.len > first && is_align(s.ptr[first])) {
        spec->fill = str_slice(s, 0, first);
        spec->align = s.ptr[first];
        s = str_skip(s, first + 1);
    } else if (s.len && is_align(s.ptr[0])) {
        spec->align = s.ptr[0];
        s = str_skip(s, 1);
    }
    bool align_given = spec->align != '\0';
    take_flags(&s, spec);
    if (spec->zero && align_given && !spec->fill.len)
        spec->fill = STR("0");
    if (!take_number(&s, &spec->width))
        return eval_full(ev);
    if (str_starts(s, STR(","))) {
        spec->comma = true;
        s = str_skip(s, 1);
    }
    if (str_starts(s, STR("."))) {
        spec->precision = 0;
        s = str_skip(s, 1);
        if (!take_number(&s, &spec->precision))
            return eval_full(ev);
    }
    spec->type = s.len ? s.ptr[0] : '\0';
    return s.len <= 1 || eval_fail(ev, EXPR_FAILED_VALUE, "the format specification is not understood");
}

static bool
add_formatted(struct eval *ev, struct buf *b, struct value v, const struct spec *spec)
{
    char type = spec->type;
    bool number = value_is_number(v) && v.type != VALUE_BOOL;
    bool float_type = type && strchr("eEfFgG%", type), integer_type = type && strchr("dxXob", type);
    if (number && (float_type || (v.type != VALUE_FLOAT && (integer_type || type == '\0'))))
        return add_number(b, v, spec, type ? type : 'd') || eval_full(ev);
    if (number && v.type == VALUE_FLOAT && type == '\0' && spec->precision >= 0)
        return add_number(b, v, spec, 'g') || eval_full(ev);
    if (type && type != 's')
        return eval_fail(ev, EXPR_FAILED_VALUE, "a %s cannot be formatted as \"%c\"", value_type_name(v), type);
    if (spec->width == 0 && spec->precision < 0)
        return value_add_str(b, v) || eval_full(ev);
    struct spec padded = *spec;
    padded.align = spec->align ? spec->align : number ? '>' : '<';
    return add_text(b, v, &padded, false) || eval_full(ev);
}

/* The value of "0", "name", "" and what follows: ".attribute", "[key]". */
static bool
find_field(struct call *c, struct str field, size_t *automatic, struct value *value_out)
{
    size_t end = 0;
    while (end < field.len && field.ptr[end] != '.' && field.ptr[end] != '[')
        end++;
    struct str head = str_slice(field, 0, end), rest = str_skip(field, end);
    int64_t index = (int64_t)*automatic;
    bool numbered = head.len == 0 || str_to_i64(head, 0, INT32_MAX, &index);
    *automatic += head.len == 0;
    if (numbered && (size_t)index >= c->given_count)
        return eval_fail(c->ev, EXPR_FAILED_VALUE, "there are too few values for the format");
    struct value v = numbered ? c->args[index] : value_undefined();
    bool found = numbered;
    for (size_t i = 0; !numbered && i < c->named_count; i++)
        if (str_eq(c->named[i].name, head)) {
            v = c->named[i].value;
            found = true;
        }
    if (!found)
        return eval_fail(c->ev, EXPR_FAILED_VALUE, "the format names \"%.*s\", which is not given", STR_ARG(head));
    while (rest.len) {
        bool item = rest.ptr[0] == '[';
        size_t at = 1;
        while (at < rest.len && (item ? rest.ptr[at] != ']' : rest.ptr[at] != '.' && rest.ptr[at] != '['))
            at++;
        struct str name = str_slice(rest, 1, at);
        int64_t place;
        bool by_number = item && str_to_i64(name, 0, INT32_MAX, &place);
        if (!eval_item(c->ev, v, by_number ? value_int(place) : value_str(name), &v))
            return false;
        rest = str_skip(rest, at + item);
    }
    *value_out = v;
    return true;
}

static bool
expand_field(struct call *c, struct buf *b, struct str inside, size_t *automatic)
{
    struct str field, format, conversion;
    struct spec spec;
    struct value v;
    str_cut(inside, ':', &field, &format);
    bool repr = str_cut(field, '!', &field, &conversion) && str_eq(conversion, STR("r"));
    if (!find_field(c, field, automatic, &v) || !parse_spec(c->ev, format, &spec))
        return false;
    if (v.type == VALUE_UNDEFINED)
        return eval_fail_undefined(c->ev, v);
    return repr ? add_text(b, v, &spec, true) || eval_full(c->ev) : add_formatted(c->ev, b, v, &spec);
}

bool
method_format(struct call *c, struct value *value_out)
{
    struct buf b;
    size_t automatic = 0;
    bool ok = true;
    buf_init(&b, LIMIT_EXPRESSION_RESULT_BYTES);
    for (struct str rest = c->subject.text; ok && rest.len;) {
        char first = rest.ptr[0];
        bool doubled = rest.len > 1 && rest.ptr[1] == first && (first == '{' || first == '}');
        ptrdiff_t close = str_find(rest, '}');
        ok = eval_charge(c->ev, 1);
        if (doubled || (first != '{' && first != '}')) {
            buf_add_char(&b, first);
            rest = str_skip(rest, doubled ? 2 : 1);
            ok = ok && (buf_ok(&b) || eval_full(c->ev));
        } else if (first == '}' || close < 0) {
            ok = eval_fail(c->ev, EXPR_FAILED_VALUE, "a single bracket stands in the format");
        } else {
            ok = ok && expand_field(c, &b, str_slice(rest, 1, (size_t)close), &automatic);
            rest = str_skip(rest, (size_t)close + 1);
        }
    }
    if (ok)
        return eval_take_buf(c->ev, &b, value_out);
    buf_release(&b);
    return false;
}
