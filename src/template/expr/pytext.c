/*
 * Text as Python sees it: characters rather than bytes, escapes of string literals, numbers as int() and
 * float() read them.
 *
 * Bytes that are not UTF-8 may come from anywhere; each counts as one character of its own value, so that
 * every function here ends and stays inside the string.
 */
#include "template/expr/value_priv.h"

#include <math.h>
#include <string.h>
#include <unicode/uchar.h>
#include <unicode/ucasemap.h>

#define FLOAT_DIGITS_MAX 800 /* of one number read from text: past that no double changes */

static size_t
sequence_length(unsigned char lead)
{
    if (lead < 0x80)
        return 1;
    return lead >= 0xc2 && lead <= 0xdf ? 2 : (lead & 0xf0) == 0xe0 ? 3 : lead >= 0xf0 && lead <= 0xf4 ? 4 : 1;
}

size_t
pytext_step(struct str s, size_t at)
{
    size_t length = sequence_length((unsigned char)s.ptr[at]);
    if (length > s.len - at)
        return 1;
    for (size_t i = 1; i < length; i++)
        if (((unsigned char)s.ptr[at + i] & 0xc0) != 0x80)
            return 1;
    return length;
}

size_t
pytext_count(struct str s)
{
    size_t count = 0;
    for (size_t at = 0; at < s.len; at += pytext_step(s, at))
        count++;
    return count;
}

uint32_t
pytext_decode(struct str s, size_t at)
{
    size_t length = pytext_step(s, at);
    uint32_t character = (unsigned char)s.ptr[at];
    if (length == 1)
        return character;
    character &= 0xffu >> (length + 1);
    for (size_t i = 1; i < length; i++)
        character = character << 6 | ((unsigned char)s.ptr[at + i] & 0x3f);
    return character;
}

size_t
pytext_encode(uint32_t c, char out[static 4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return 0;
    size_t length = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = length; i-- > 1; c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)(leads[length] | c);
    return length;
}

size_t
pytext_offset(struct str s, size_t characters)
{
    size_t at = 0;
    for (; characters > 0 && at < s.len; characters--)
        at += pytext_step(s, at);
    return at;
}

struct str
pytext_slice(struct str s, size_t from, size_t to)
{
    size_t begin = pytext_offset(s, from);
    if (to <= from)
        return str_slice(s, begin, begin);
    return str_slice(s, begin, begin + pytext_offset(str_skip(s, begin), to - from));
}

bool
pytext_is_printable(uint32_t c)
{
    if (c < 0x7f)
        return c >= 0x20;
    switch (u_charType((UChar32)c)) {
    case U_CONTROL_CHAR:
    case U_FORMAT_CHAR:
    case U_SURROGATE:
    case U_PRIVATE_USE_CHAR:
    case U_UNASSIGNED:
    case U_LINE_SEPARATOR:
    case U_PARAGRAPH_SEPARATOR:
    case U_SPACE_SEPARATOR: return false;
    default: return true;
    }
}

bool
pytext_is_blank(uint32_t c)
{
    if (c < 0x80)
        return c == ' ' || (c >= 9 && c <= 13) || (c >= 0x1c && c <= 0x1f);
    return u_isUWhiteSpace((UChar32)c);
}

struct str
pytext_strip(struct str s, bool left, bool right)
{
    while (left && s.len && pytext_is_blank(pytext_decode(s, 0)))
        s = str_skip(s, pytext_step(s, 0));
    while (right && s.len) {
        size_t at = s.len - 1;
        while (at > 0 && s.len - at < 4 && ((unsigned char)s.ptr[at] & 0xc0) == 0x80)
            at--;
        if (at + pytext_step(s, at) != s.len || !pytext_is_blank(pytext_decode(s, at)))
            break;
        s.len = at;
    }
    return s;
}

struct str
pytext_lines(struct arena *a, struct str text)
{
    if (str_find(text, '\r') < 0)
        return text;
    char *copy = arena_alloc_bytes(a, text.len);
    size_t len = 0;
    for (size_t i = 0; copy && i < text.len; i++) {
        if (text.ptr[i] == '\r' && i + 1 < text.len && text.ptr[i + 1] == '\n')
            continue;
        copy[len++] = text.ptr[i] == '\r' ? '\n' : text.ptr[i];
    }
    return copy ? (struct str){copy, len} : STR_NONE;
}

/* ---- escapes ---- */

static int
hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool
take_hex(struct str *s, size_t digits, uint32_t *value_out)
{
    uint32_t value = 0;
    if (s->len < digits)
        return false;
    for (size_t i = 0; i < digits; i++) {
        int digit = hex_digit(s->ptr[i]);
        if (digit < 0)
            return false;
        value = value << 4 | (uint32_t)digit;
    }
    *s = str_skip(*s, digits);
    *value_out = value;
    return true;
}

static uint32_t
take_octal(struct str *s)
{
    uint32_t value = 0;
    for (size_t i = 0; i < 3 && s->len && s->ptr[0] >= '0' && s->ptr[0] <= '7'; i++, *s = str_skip(*s, 1))
        value = value << 3 | (uint32_t)(s->ptr[0] - '0');
    return value;
}

/*
 * \ud83d\ude00: JSON writes one character so; Python keeps two halves that only JSON joins again. We
 * join them at once, and refuse a lone half, which no UTF-8 can hold.
 */
static bool
join_surrogates(struct str *rest, uint32_t *character)
{
    uint32_t low;
    if (*character < 0xd800 || *character > 0xdfff)
        return true;
    if (*character > 0xdbff || !str_starts(*rest, STR("\\u")))
        return false;
    struct str after = str_skip(*rest, 2);
    if (!take_hex(&after, 4, &low) || low < 0xdc00 || low > 0xdfff)
        return false;
    *character = 0x10000 + ((*character - 0xd800) << 10) + (low - 0xdc00);
    *rest = after;
    return true;
}

static int
simple_escape(char c)
{
    switch (c) {
    case 'n': return '\n';
    case 't': return '\t';
    case 'r': return '\r';
    case 'a': return '\a';
    case 'b': return '\b';
    case 'f': return '\f';
    case 'v': return '\v';
    case '\\':
    case '\'':
    case '"': return c;
    default: return -1;
    }
}

/* One escape whose backslash is behind us; rest begins with its letter. Writes 0 to 4 bytes. */
static bool
take_escape(struct str *rest, char out[static 4], size_t *bytes_out)
{
    uint32_t character;
    if (rest->len == 0)
        return false;
    char c = rest->ptr[0];
    int simple = simple_escape(c);
    *bytes_out = 1;
    if (c >= '0' && c <= '7') {
        character = take_octal(rest);
    } else if (c == 'x' || c == 'u' || c == 'U') {
        *rest = str_skip(*rest, 1);
        if (!take_hex(rest, c == 'x' ? 2 : c == 'u' ? 4 : 8, &character) || !join_surrogates(rest, &character))
            return false;
    } else if (c == 'N') {
        return false;
    } else if (c == '\n' || simple >= 0) {
        *rest = str_skip(*rest, 1);
        out[0] = (char)simple;
        *bytes_out = simple >= 0;
        return true;
    } else {
        out[0] = '\\'; /* unknown: the backslash stays */
        return true;
    }
    *bytes_out = pytext_encode(character, out);
    return *bytes_out > 0;
}

bool
pytext_unescape(struct arena *a, struct str raw, bool is_raw, struct str *text_out)
{
    if (is_raw || str_find(raw, '\\') < 0) {
        *text_out = raw;
        return true;
    }
    char *text = arena_alloc_bytes(a, raw.len + 4);
    size_t len = 0;
    if (!text)
        return false;
    while (raw.len) {
        if (raw.ptr[0] != '\\') {
            text[len++] = raw.ptr[0];
            raw = str_skip(raw, 1);
            continue;
        }
        size_t bytes;
        char out[4];
        raw = str_skip(raw, 1);
        if (!take_escape(&raw, out, &bytes))
            return false;
        memcpy(text + len, out, bytes);
        len += bytes;
    }
    *text_out = (struct str){text, len};
    return true;
}

/* ---- case ---- */

static struct str
map_case(struct arena *a, struct str s, bool upper)
{
    UErrorCode status = U_ZERO_ERROR;
    if (s.len > INT32_MAX / 4)
        return STR_NONE;
    UCaseMap *map = ucasemap_open("", 0, &status);
    size_t room = s.len * 3 + 8;
    char *text = map ? arena_alloc_bytes(a, room) : NULL;
    int32_t length = 0;
    if (text)
        length = (upper ? ucasemap_utf8ToUpper : ucasemap_utf8ToLower)(map, text, (int32_t)room, s.ptr,
                                                                       (int32_t)s.len, &status);
    ucasemap_close(map);
    return text && U_SUCCESS(status) ? (struct str){text, (size_t)length} : STR_NONE;
}

struct str
pytext_lower(struct arena *a, struct str s)
{
    return str_is_ascii(s) ? str_lower(a, s) : map_case(a, s, false);
}

struct str
pytext_upper(struct arena *a, struct str s)
{
    if (!str_is_ascii(s))
        return map_case(a, s, true);
    char *text = arena_alloc_bytes(a, s.len + 1);
    for (size_t i = 0; text && i < s.len; i++)
        text[i] = s.ptr[i] >= 'a' && s.ptr[i] <= 'z' ? (char)(s.ptr[i] - 32) : s.ptr[i];
    return text ? (struct str){text, s.len} : STR_NONE;
}

/* ---- numbers ---- */

/* Digits with single underscores between them: copies the digits, returns the bytes consumed. */
static size_t
copy_digits(struct str s, char *out, size_t *len, bool *ok)
{
    size_t i = 0;
    for (; i < s.len; i++) {
        if (s.ptr[i] == '_') {
            if (i == 0 || s.ptr[i - 1] == '_' || i + 1 == s.len || s.ptr[i + 1] < '0' || s.ptr[i + 1] > '9')
                *ok = false;
        } else if (s.ptr[i] < '0' || s.ptr[i] > '9') {
            break;
        } else if (*len < FLOAT_DIGITS_MAX) {
            out[(*len)++] = s.ptr[i];
        } else {
            *ok = false;
        }
    }
    return i;
}

static bool
read_plain(const char *text, double *number_out)
{
    yyjson_val value;
    yyjson_read_err fault;
    if (yyjson_read_number(text, &value, YYJSON_READ_ALLOW_INF_AND_NAN, NULL, &fault)) {
        *number_out = yyjson_get_num(&value);
        return true;
    }
    return false;
}

/* Puts digits into the grammar of JSON ("007." is 7.0) and has them rounded correctly. */
bool
pytext_read_float(struct str s, double *number_out)
{
    char text[FLOAT_DIGITS_MAX + 64], whole[FLOAT_DIGITS_MAX + 8];
    size_t len = 0, digits = 0;
    bool ok = true;
    size_t used = copy_digits(s, whole, &len, &ok);
    digits = len;
    size_t zeros = 0;
    while (zeros + 1 < len && whole[zeros] == '0')
        zeros++;
    size_t at = 0;
    if (len == 0)
        text[at++] = '0';
    memcpy(text + at, whole + zeros, len - zeros);
    at += len - zeros;
    s = str_skip(s, used);
    text[at++] = '.';
    size_t fraction = at;
    if (s.len && s.ptr[0] == '.') {
        s = str_skip(s, 1);
        s = str_skip(s, copy_digits(s, text, &at, &ok));
        digits += at - fraction;
    }
    if (at == fraction)
        text[at++] = '0';
    if (digits == 0 || !ok || at > FLOAT_DIGITS_MAX)
        return false;
    if (s.len && (s.ptr[0] == 'e' || s.ptr[0] == 'E')) {
        text[at++] = 'e';
        s = str_skip(s, 1);
        if (s.len && (s.ptr[0] == '+' || s.ptr[0] == '-')) {
            text[at++] = s.ptr[0];
            s = str_skip(s, 1);
        }
        size_t exponent = at;
        s = str_skip(s, copy_digits(s, text, &at, &ok));
        if (at == exponent || !ok)
            return false;
    }
    text[at] = '\0';
    return s.len == 0 && read_plain(text, number_out);
}

static bool
is_word(struct str s, const char *word)
{
    return str_eq_nocase(s, str_from_c(word));
}

bool
pytext_to_float(struct str s, double *number_out)
{
    double number;
    s = pytext_strip(s, true, true);
    bool negative = str_starts(s, STR("-"));
    if (negative || str_starts(s, STR("+")))
        s = str_skip(s, 1);
    if (is_word(s, "inf") || is_word(s, "infinity"))
        number = HUGE_VAL;
    else if (is_word(s, "nan"))
        number = (double)NAN;
    else if (!pytext_read_float(s, &number))
        return false;
    *number_out = negative ? -number : number;
    return true;
}

/* 0x, 0o, 0b are understood where the base says so, or is 0. */
static struct str
skip_base_prefix(struct str s, int *base)
{
    if (s.len < 2 || s.ptr[0] != '0')
        return s;
    int found = s.ptr[1] == 'x' || s.ptr[1] == 'X' ? 16 : s.ptr[1] == 'o' || s.ptr[1] == 'O' ? 8
              : s.ptr[1] == 'b' || s.ptr[1] == 'B' ? 2 : 0;
    if (found == 0 || (*base != 0 && *base != found))
        return s;
    *base = found;
    s = str_skip(s, 2);
    return str_starts(s, STR("_")) ? str_skip(s, 1) : s;
}

static int
digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'z' ? c - 'a' + 10 : 99;
}

static bool
strip_underscores(struct arena *a, struct str s, int base, struct str *digits_out)
{
    char *digits = arena_alloc_bytes(a, s.len + 1);
    size_t len = 0;
    if (!digits || s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        bool inside = i > 0 && i + 1 < s.len && s.ptr[i - 1] != '_';
        if (s.ptr[i] == '_' && inside)
            continue;
        if (digit_of(s.ptr[i]) >= base)
            return false;
        digits[len++] = s.ptr[i];
    }
    *digits_out = (struct str){digits, len};
    return true;
}

static bool
accumulate(struct str digits, int base, bool negative, struct value *value_out)
{
    int64_t value = 0;
    for (size_t i = 0; i < digits.len; i++)
        if (__builtin_mul_overflow(value, base, &value) || __builtin_sub_overflow(value, digit_of(digits.ptr[i]), &value))
            return false;
    if (!negative && value == INT64_MIN)
        return false;
    *value_out = value_int(negative ? value : -value);
    return true;
}

bool
pytext_to_int(struct arena *a, struct str s, int base, struct value *value_out)
{
    struct str digits;
    s = pytext_strip(s, true, true);
    bool negative = str_starts(s, STR("-"));
    if (negative || str_starts(s, STR("+")))
        s = str_skip(s, 1);
    s = skip_base_prefix(s, &base);
    if (base == 0)
        base = 10;
    if (base < 2 || base > 36 || !strip_underscores(a, s, base, &digits))
        return false;
    if (base != 10)
        return accumulate(digits, base, negative, value_out);
    *value_out = value_integer_from_text(a, negative ? str_join2(a, STR("-"), digits) : digits);
    return value_out->type != VALUE_UNDEFINED;
}
