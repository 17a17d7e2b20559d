#include "base/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#define BUF_FIRST_BYTES 256
#define I64_TEXT_BYTES 20 /* -9223372036854775808 */

void
buf_init(struct buf *b, size_t cap_bytes)
{
    *b = (struct buf){.cap = cap_bytes};
}

void
buf_release(struct buf *b)
{
    free(b->ptr);
    *b = (struct buf){.cap = b->cap};
}

void
buf_clear(struct buf *b)
{
    b->len = 0;
    b->failed = false;
}

bool
buf_ok(const struct buf *b)
{
    return !b->failed;
}

struct str
buf_str(const struct buf *b)
{
    return (struct str){b->ptr ? b->ptr : "", b->len};
}

static bool
buf_fail(struct buf *b)
{
    b->failed = true;
    return false;
}

static bool
grow(struct buf *b, size_t more)
{
    if (b->failed || more > b->cap - b->len)
        return buf_fail(b);
    size_t need = b->len + more;
    if (need <= b->size)
        return true;
    size_t size = b->size ? b->size : BUF_FIRST_BYTES;
    while (size < need)
        size = size > b->cap / 2 ? b->cap : size * 2;
    char *grown = alloc_resized(b->ptr, size);
    if (!grown)
        return buf_fail(b);
    b->ptr = grown;
    b->size = size;
    return true;
}

/* Nearly every append finds room: that way is short enough to stand in each of them. size may pass cap by a NUL. */
static inline bool
has_room(struct buf *b, size_t more)
{
    size_t most = b->size < b->cap ? b->size : b->cap;
    return (!b->failed && b->len <= most && more <= most - b->len) || grow(b, more);
}

bool
buf_reserve(struct buf *b, size_t more)
{
    return has_room(b, more);
}

bool
buf_add(struct buf *b, struct str s)
{
    if (s.len == 0)
        return !b->failed;
    if (!has_room(b, s.len))
        return false;
    memcpy(b->ptr + b->len, s.ptr, s.len);
    b->len += s.len;
    return true;
}

bool
buf_add_c(struct buf *b, const char *text)
{
    return buf_add(b, str_from_c(text));
}

bool
buf_add_char(struct buf *b, char c)
{
    if (!has_room(b, 1))
        return false;
    b->ptr[b->len++] = c;
    return true;
}

bool
buf_add_i64(struct buf *b, int64_t value)
{
    char text[I64_TEXT_BYTES], *begin = text + sizeof(text);
    uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
    do
        *--begin = (char)('0' + rest % 10);
    while (rest /= 10);
    if (value < 0)
        *--begin = '-';
    return buf_add(b, (struct str){begin, (size_t)(text + sizeof(text) - begin)});
}

bool
buf_addf(struct buf *b, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    /* One byte more than the text, for vsnprintf's NUL; the cap holds for the text alone. */
    bool ok = length >= 0 && (size_t)length <= b->cap - b->len;
    size_t cap = b->cap;
    if (ok) {
        b->cap++;
        ok = buf_reserve(b, (size_t)length + 1);
        b->cap = cap;
    }
    if (ok) {
        vsnprintf(b->ptr + b->len, (size_t)length + 1, format, again);
        b->len += (size_t)length;
    }
    va_end(again);
    va_end(args);
    return ok ? true : buf_fail(b);
}

void
buf_truncate(struct buf *b, size_t len)
{
    if (len < b->len)
        b->len = len;
}

static bool
add_escape(struct buf *b, unsigned char c)
{
    switch (c) {
    case '"': return buf_add(b, STR("\\\""));
    case '\\': return buf_add(b, STR("\\\\"));
    case '\n': return buf_add(b, STR("\\n"));
    case '\r': return buf_add(b, STR("\\r"));
    case '\t': return buf_add(b, STR("\\t"));
    default: return buf_addf(b, "\\u%04x", c);
    }
}

/* Bit 7 of each of eight bytes that JSON escapes: below 0x20, '"' and '\\'. Bytes from 0x80 on are plain. */
static uint64_t
escaped_bits(const char *eight)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
    uint64_t word;
    memcpy(&word, eight, sizeof(word));
    uint64_t quote = word ^ ones * '"', backslash = word ^ ones * '\\';
    return ((word - ones * 0x20) | (quote - ones) | (backslash - ones)) & ~word & high;
}

/* Bytes at the start of s that stand in a JSON string as they are; eight at a time. */
static size_t
plain_bytes(struct str s)
{
    size_t i = 0;
    while (i + 8 <= s.len && escaped_bits(s.ptr + i) == 0)
        i += 8;
    for (; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c < 0x20 || c == '"' || c == '\\')
            break;
    }
    return i;
}

bool
buf_add_json_str(struct buf *b, struct str s)
{
    if (!has_room(b, s.len + 2))
        return false;
    b->ptr[b->len++] = '"';
    while (s.len > 0) {
        size_t plain = plain_bytes(s);
        buf_add(b, str_slice(s, 0, plain));
        s = str_skip(s, plain);
        if (s.len == 0)
            break;
        add_escape(b, (unsigned char)s.ptr[0]);
        s = str_skip(s, 1);
    }
    return buf_add_char(b, '"');
}

bool
buf_add_percent(struct buf *b, struct str s, const char *keep)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     (c != 0 && (strchr("-._~", c) || strchr(keep, c)));
        if (plain)
            buf_add_char(b, (char)c);
        else
            buf_addf(b, "%%%02X", c);
    }
    return buf_ok(b);
}
