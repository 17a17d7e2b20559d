#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#define BUF_FIRST_BYTES 256

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

bool
buf_reserve(struct buf *b, size_t more)
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

bool
buf_add(struct buf *b, struct str s)
{
    if (s.len == 0)
        return !b->failed;
    if (!buf_reserve(b, s.len))
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
    if (!buf_reserve(b, 1))
        return false;
    b->ptr[b->len++] = c;
    return true;
}

bool
buf_add_i64(struct buf *b, int64_t value)
{
    return buf_addf(b, "%lld", (long long)value);
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

bool
buf_add_json_str(struct buf *b, struct str s)
{
    buf_add_char(b, '"');
    size_t plain = 0; /* start of the bytes not yet appended */
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buf_add(b, str_slice(s, plain, i));
        add_escape(b, c);
        plain = i + 1;
    }
    buf_add(b, str_skip(s, plain));
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
