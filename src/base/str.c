#include "base/str.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"

struct str
str_from_c(const char *text)
{
    return text ? (struct str){text, strlen(text)} : STR_NONE;
}

struct str
str_span(const char *begin, const char *end)
{
    return (struct str){begin, (size_t)(end - begin)};
}

bool
str_is_none(struct str s)
{
    return s.ptr == NULL;
}

bool
str_eq(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool
str_eq_c(struct str a, const char *text)
{
    return str_eq(a, str_from_c(text));
}

bool
str_eq_nocase(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || strncasecmp(a.ptr, b.ptr, a.len) == 0);
}

int
str_compare(struct str a, struct str b)
{
    size_t shared = a.len < b.len ? a.len : b.len;
    int order = shared ? memcmp(a.ptr, b.ptr, shared) : 0;
    if (order != 0)
        return order;
    return a.len < b.len ? -1 : a.len > b.len;
}

bool
str_starts(struct str s, struct str prefix)
{
    return s.len >= prefix.len && str_eq(str_slice(s, 0, prefix.len), prefix);
}

bool
str_starts_nocase(struct str s, struct str prefix)
{
    return s.len >= prefix.len && str_eq_nocase(str_slice(s, 0, prefix.len), prefix);
}

bool
str_ends(struct str s, struct str suffix)
{
    return s.len >= suffix.len && str_eq(str_skip(s, s.len - suffix.len), suffix);
}

bool
str_contains(struct str s, struct str part)
{
    return str_find_str(s, part) >= 0;
}

ptrdiff_t
str_find(struct str s, char c)
{
    const char *hit = s.len ? memchr(s.ptr, c, s.len) : NULL;
    return hit ? hit - s.ptr : -1;
}

ptrdiff_t
str_find_str(struct str s, struct str part)
{
    if (part.len == 0)
        return 0;
    const char *hit = s.len ? memmem(s.ptr, s.len, part.ptr, part.len) : NULL;
    return hit ? hit - s.ptr : -1;
}

ptrdiff_t
str_find_last(struct str s, char c)
{
    for (size_t i = s.len; i > 0; i--)
        if (s.ptr[i - 1] == c)
            return (ptrdiff_t)(i - 1);
    return -1;
}

struct str
str_slice(struct str s, size_t from, size_t to)
{
    if (to > s.len)
        to = s.len;
    if (from > to)
        from = to;
    return (struct str){s.ptr ? s.ptr + from : NULL, to - from};
}

struct str
str_skip(struct str s, size_t count)
{
    return str_slice(s, count, s.len);
}

static bool
is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str
str_trim(struct str s)
{
    while (s.len && is_blank(s.ptr[0]))
        s = str_skip(s, 1);
    while (s.len && is_blank(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

bool
str_cut(struct str s, char separator, struct str *head_out, struct str *tail_out)
{
    ptrdiff_t at = str_find(s, separator);
    *head_out = at < 0 ? s : str_slice(s, 0, (size_t)at);
    *tail_out = at < 0 ? STR_NONE : str_skip(s, (size_t)at + 1);
    return at >= 0;
}

bool
str_take_char(struct str *s, char c)
{
    if (s->len == 0 || s->ptr[0] != c)
        return false;
    *s = str_skip(*s, 1);
    return true;
}

struct str
str_copy(struct arena *a, struct str s)
{
    char *copy = arena_alloc_bytes(a, s.len + 1);
    if (!copy)
        return STR_NONE;
    if (s.len)
        memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return (struct str){copy, s.len};
}

struct str
str_join2(struct arena *a, struct str first, struct str second)
{
    char *copy = arena_alloc_bytes(a, first.len + second.len + 1);
    if (!copy)
        return STR_NONE;
    if (first.len)
        memcpy(copy, first.ptr, first.len);
    if (second.len)
        memcpy(copy + first.len, second.ptr, second.len);
    copy[first.len + second.len] = '\0';
    return (struct str){copy, first.len + second.len};
}

struct str
str_lower(struct arena *a, struct str s)
{
    char *copy = arena_alloc_bytes(a, s.len + 1);
    if (!copy)
        return STR_NONE;
    for (size_t i = 0; i < s.len; i++)
        copy[i] = s.ptr[i] >= 'A' && s.ptr[i] <= 'Z' ? (char)(s.ptr[i] + 32) : s.ptr[i];
    copy[s.len] = '\0';
    return (struct str){copy, s.len};
}

struct str
str_vformat(struct arena *a, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    char *text = length < 0 ? NULL : arena_alloc_bytes(a, (size_t)length + 1);
    if (text)
        vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text ? (struct str){text, (size_t)length} : STR_NONE;
}

struct str
str_format(struct arena *a, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct str s = str_vformat(a, format, args);
    va_end(args);
    return s;
}

char *
str_cstr(struct arena *a, struct str s)
{
    if (str_find(s, '\0') >= 0)
        return NULL;
    return (char *)(uintptr_t)str_copy(a, s).ptr;
}

bool
str_to_i64(struct str s, int64_t min, int64_t max, int64_t *value_out)
{
    bool negative = s.len > 0 && s.ptr[0] == '-';
    if (negative)
        s = str_skip(s, 1);
    if (s.len == 0)
        return false;
    int64_t value = 0; /* kept negative, so that INT64_MIN fits */
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, s.ptr[i] - '0', &value))
            return false;
    }
    if (!negative && value == INT64_MIN)
        return false;
    value = negative ? value : -value;
    if (value < min || value > max)
        return false;
    *value_out = value;
    return true;
}

/* The length of the valid UTF-8 sequence at p, or 0. */
static size_t
utf8_sequence(const unsigned char *p, size_t left)
{
    if (p[0] < 0x80)
        return 1;
    size_t len = p[0] >= 0xc2 && p[0] <= 0xdf ? 2 : (p[0] & 0xf0) == 0xe0 ? 3 : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4 : 0;
    if (len == 0 || len > left)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
    bool surrogate = p[0] == 0xed && p[1] > 0x9f;
    bool too_high = p[0] == 0xf4 && p[1] > 0x8f;
    return overlong || surrogate || too_high ? 0 : len;
}

/* Most text is plain: eight bytes of it at a time. */
static size_t
ascii_bytes(struct str s)
{
    size_t i = 0;
    for (uint64_t word; i + sizeof(word) <= s.len; i += sizeof(word)) {
        memcpy(&word, s.ptr + i, sizeof(word));
        if (word & UINT64_C(0x8080808080808080))
            break;
    }
    return i;
}

bool
str_is_ascii(struct str s)
{
    for (size_t i = ascii_bytes(s); i < s.len; i++)
        if ((unsigned char)s.ptr[i] >= 0x80)
            return false;
    return true;
}

bool
str_is_utf8(struct str s)
{
    for (size_t i = ascii_bytes(s); i < s.len;) {
        size_t step = utf8_sequence((const unsigned char *)s.ptr + i, s.len - i);
        if (step == 0)
            return false;
        i += step;
        if (step > 1)
            i += ascii_bytes(str_skip(s, i));
    }
    return true;
}
