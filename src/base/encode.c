#include "base/encode.h"

#include "base/arena.h"

static const char hex_digits[] = "0123456789abcdef";
static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

bool
hex_encode(struct buf *b, struct str bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char c = (unsigned char)bytes.ptr[i];
        buf_add_char(b, hex_digits[c >> 4]);
        buf_add_char(b, hex_digits[c & 15]);
    }
    return buf_ok(b);
}

static uint32_t
byte_at(struct str s, size_t i)
{
    return i < s.len ? (unsigned char)s.ptr[i] : 0;
}

bool
base64_encode(struct buf *b, struct str bytes, enum base64_alphabet alphabet)
{
    const char *digits = alphabet == BASE64_URL ? url_safe : standard;
    for (size_t i = 0; i < bytes.len; i += 3) {
        uint32_t group = byte_at(bytes, i) << 16 | byte_at(bytes, i + 1) << 8 | byte_at(bytes, i + 2);
        size_t left = bytes.len - i;
        for (unsigned k = 0; k < 4; k++) {
            if (k <= left)
                buf_add_char(b, digits[group >> (18 - 6 * k) & 63]);
            else if (alphabet == BASE64_STANDARD)
                buf_add_char(b, '=');
        }
    }
    return buf_ok(b);
}

static int
hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    char lower = (char)(c | 32);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool
hex_decode(struct arena *a, struct str text, struct str *bytes_out)
{
    char *bytes = text.len % 2 == 0 ? arena_alloc_bytes(a, text.len / 2 + 1) : NULL;
    if (!bytes)
        return false;
    for (size_t i = 0; i < text.len; i += 2) {
        int high = hex_value(text.ptr[i]), low = hex_value(text.ptr[i + 1]);
        if (high < 0 || low < 0)
            return false;
        bytes[i / 2] = (char)(high << 4 | low);
    }
    *bytes_out = (struct str){bytes, text.len / 2};
    return true;
}

static int
base64_value(char c, enum base64_alphabet alphabet)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    const char *last = alphabet == BASE64_URL ? "-_" : "+/";
    return c == last[0] ? 62 : c == last[1] ? 63 : -1;
}

bool
base64_decode(struct arena *a, struct str text, enum base64_alphabet alphabet, struct str *bytes_out)
{
    if (alphabet == BASE64_STANDARD && text.len % 4 != 0)
        return false;
    for (unsigned i = 0; i < 2 && text.len && text.ptr[text.len - 1] == '='; i++)
        text.len--;
    if (text.len % 4 == 1)
        return false;
    char *bytes = arena_alloc_bytes(a, text.len / 4 * 3 + 3);
    if (!bytes)
        return false;
    uint32_t group = 0;
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        int value = base64_value(text.ptr[i], alphabet);
        if (value < 0)
            return false;
        group = group << 6 | (uint32_t)value;
        if (i % 4 != 0)
            bytes[len++] = (char)(group >> (6 - 2 * (i % 4)) & 0xff);
    }
    *bytes_out = (struct str){bytes, len};
    return true;
}

bool
percent_decode(struct arena *a, struct str text, bool plus_is_blank, struct str *bytes_out)
{
    char *bytes = arena_alloc_bytes(a, text.len + 1);
    if (!bytes)
        return false;
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '%') {
            if (text.len - i < 3)
                return false;
            int high = hex_value(text.ptr[i + 1]);
            int low = hex_value(text.ptr[i + 2]);
            if (high < 0 || low < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && plus_is_blank) {
            c = ' ';
        }
        bytes[len++] = c;
    }
    *bytes_out = (struct str){bytes, len};
    return true;
}
