#include "engine/request_mask.h"

#include "base/limits.h"
#include "base/log.h"

#define MASK "[redacted]"

/* Parts of names, in small letters without '-' and '_'. */
static const char *const secret_parts[] = {
    "auth", "cookie", "credential", "jwt", "key", "passw", "pwd", "secret", "session", "signature", "signed", "token",
};
static const char *const secret_names[] = {"assertion", "code", "pass", "sid", "sig", "sign"};
/* A place in a list is no credential; neither are names that only sound like one. */
static const char *const open_names[] = {
    "aftertoken", "author", "authorid", "authors", "continuationtoken", "deltatoken", "idempotencykey", "keyword", "keywords",
    "nextpagetoken", "nextsynctoken", "nexttoken", "pagetoken", "sortkey", "synctoken", "wwwauthenticate",
};

#define NAME_BYTES_MAX 128

/* Small letters, '-' and '_' left out. A name too long to look at counts as secret: false. */
static bool
plain_name(struct str name, char *text, size_t *len_out)
{
    size_t len = 0;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (c == '-' || c == '_')
            continue;
        if (len == NAME_BYTES_MAX)
            return false;
        text[len++] = c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
    }
    *len_out = len;
    return true;
}

static bool
is_one_of(struct str name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq_c(name, names[i]))
            return true;
    return false;
}

bool
request_mask_is_secret_name(struct str name)
{
    char text[NAME_BYTES_MAX];
    size_t len;
    if (!plain_name(name, text, &len))
        return true;
    struct str plain = {text, len};
    if (is_one_of(plain, open_names, ARRAY_LEN(open_names)))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(secret_parts); i++)
        if (str_contains(plain, str_from_c(secret_parts[i])))
            return true;
    return is_one_of(plain, secret_names, ARRAY_LEN(secret_names));
}

static bool
ends_value(char c)
{
    return c == '&' || c == ';' || c == '#' || c == '>' || c == '"' || c == ' ' || c == ',';
}

/* What stands behind "name=" is masked where the name says so; returns how much of `text` was taken. */
static size_t
add_parameter(struct buf *b, struct str text)
{
    size_t name_len = 0, end;
    while (name_len < text.len && text.ptr[name_len] != '=' && !ends_value(text.ptr[name_len]))
        name_len++;
    if (name_len == text.len || text.ptr[name_len] != '=')
        return 0;
    for (end = name_len + 1; end < text.len && !ends_value(text.ptr[end]);)
        end++;
    bool hidden = end > name_len + 1 && request_mask_is_secret_name(str_slice(text, 0, name_len));
    buf_add(b, str_slice(text, 0, hidden ? name_len + 1 : end));
    if (hidden)
        buf_add_c(b, MASK);
    return end;
}

/* "//user:password@host": how long the part before the host is, its '@' included; 0: there is none. */
static size_t
userinfo_len(struct str text)
{
    for (size_t i = 0; i < text.len && text.ptr[i] != '/' && text.ptr[i] != '?' && text.ptr[i] != ' '; i++)
        if (text.ptr[i] == '@')
            return i + 1;
    return 0;
}

struct str
request_mask_url(struct arena *a, struct str text)
{
    struct buf b;
    buf_init(&b, text.len * 2 + LIMIT_VENDOR_HEADER_BYTES);
    for (size_t i = 0; i < text.len;) {
        char c = text.ptr[i++];
        buf_add_char(&b, c);
        if (c == '?' || c == '&' || c == ';' || c == '#')
            i += add_parameter(&b, str_skip(text, i));
        else if (c == '/' && i >= 2 && text.ptr[i - 2] == '/' && userinfo_len(str_skip(text, i)) > 0) {
            i += userinfo_len(str_skip(text, i));
            buf_add_c(&b, MASK "@");
        }
    }
    struct str masked = buf_ok(&b) ? str_copy(a, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    return str_is_none(masked) ? STR(MASK) : masked;
}

/* Not in the middle of a character. */
static struct str
cut(struct str text, size_t bytes_max)
{
    size_t len = bytes_max;
    if (text.len <= bytes_max)
        return text;
    while (len > 0 && ((unsigned char)text.ptr[len] & 0xc0) == 0x80)
        len--;
    return str_slice(text, 0, len);
}

void
request_mask_text(struct buf *json, struct arena *scratch, struct str text, size_t bytes_max)
{
    struct arena_mark mark = arena_mark(scratch);
    struct str clean = log_redact(scratch, text);
    buf_add_json_str(json, str_is_none(clean) || !str_is_utf8(clean) ? STR("(not readable)") : cut(clean, bytes_max));
    arena_rewind(scratch, mark);
}

/* "Bearer abc" tells that it is a bearer token, and nothing more. */
static struct str
masked_value(struct arena *scratch, const struct http_header *header)
{
    struct str scheme, rest;
    if (!request_mask_is_secret_name(header->name))
        return request_mask_url(scratch, header->value);
    bool has_scheme = str_eq_nocase(header->name, STR("Authorization")) && str_cut(header->value, ' ', &scheme, &rest) &&
                      scheme.len <= 16;
    struct str text = has_scheme ? str_format(scratch, "%.*s " MASK, STR_ARG(scheme)) : STR(MASK);
    return str_is_none(text) ? STR(MASK) : text;
}

void
request_mask_headers(struct buf *json, struct arena *scratch, const struct http_headers *headers)
{
    struct arena_mark mark = arena_mark(scratch);
    buf_add_char(json, '[');
    for (size_t i = 0; i < headers->count && i < LIMIT_REQUEST_KEPT_HEADERS; i++) {
        const struct http_header *header = &headers->items[i];
        buf_add_c(json, i == 0 ? "{\"name\":" : ",{\"name\":");
        request_mask_text(json, scratch, header->name, LIMIT_REQUEST_KEPT_HEADER_BYTES);
        buf_add_c(json, ",\"value\":");
        request_mask_text(json, scratch, masked_value(scratch, header), LIMIT_REQUEST_KEPT_HEADER_BYTES);
        buf_add_char(json, '}');
        arena_rewind(scratch, mark);
    }
    buf_add_char(json, ']');
}
