/*
 * What both sides of HTTP share: header look-up, query strings, absolute URLs.
 *
 * All of it reads bytes from outside, so it is strict: a broken escape, a control character or a port out
 * of range is a refusal, never a guess. Which address a host stands for is not decided here but when the
 * connection is made (address_policy.h), so a URL that two parsers read differently gains nothing.
 */
#include "net/http.h"

#include "base/encode.h"

#define PORT_MAX 65535

struct str
http_header_get(const struct http_headers *headers, const char *name)
{
    struct str wanted = str_from_c(name);
    for (size_t i = 0; i < headers->count; i++)
        if (str_eq_nocase(headers->items[i].name, wanted))
            return headers->items[i].value;
    return STR_NONE;
}

bool
http_is_token(struct str s)
{
    static const bool separators[0x80] = {['"'] = true, ['('] = true, [')'] = true, [','] = true, ['/'] = true, [':'] = true,
                                          [';'] = true, ['<'] = true, ['='] = true, ['>'] = true, ['?'] = true, ['@'] = true,
                                          ['['] = true, ['\\'] = true, [']'] = true, ['{'] = true, ['}'] = true};
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c <= ' ' || c >= 0x7f || separators[c])
            return false;
    }
    return s.len > 0;
}

static size_t
count_pairs(struct str query)
{
    size_t count = query.len > 0;
    for (size_t i = 0; i < query.len; i++)
        count += query.ptr[i] == '&';
    return count;
}

static bool
pair_decode(struct arena *a, struct str text, struct http_pair *pair_out)
{
    struct str name, value;
    struct http_pair pair;
    if (!str_cut(text, '=', &name, &value))
        value = STR("");
    if (!percent_decode(a, name, true, &pair.name) || !percent_decode(a, value, true, &pair.value))
        return false;
    *pair_out = pair;
    return true;
}

bool
http_query_parse(struct arena *a, struct str query, struct http_pair **pairs_out, size_t *count_out)
{
    struct http_pair *pairs = ARENA_ARRAY(a, struct http_pair, count_pairs(query));
    if (!pairs)
        return false;
    size_t count = 0;
    for (struct str part, rest = query; rest.len > 0;) {
        str_cut(rest, '&', &part, &rest);
        if (part.len > 0 && !pair_decode(a, part, &pairs[count++]))
            return false;
    }
    *pairs_out = pairs;
    *count_out = count;
    return true;
}

bool
http_query_add(struct buf *b, struct str name, struct str value)
{
    if (b->len > 0 && b->ptr[b->len - 1] != '?' && b->ptr[b->len - 1] != '&')
        buf_add_char(b, '&');
    buf_add_percent(b, name, "");
    buf_add_char(b, '=');
    return buf_add_percent(b, value, "");
}

/* Blanks, control characters and backslashes have no place in a URL; readers disagree about what they mean. */
static bool
has_foreign_bytes(struct str url)
{
    for (size_t i = 0; i < url.len; i++)
        if ((unsigned char)url.ptr[i] <= ' ' || url.ptr[i] == 0x7f || url.ptr[i] == '\\')
            return true;
    return false;
}

static bool
parse_port(struct str text, int fallback, int *port_out)
{
    int64_t port = fallback;
    if (text.len > 0 && !str_to_i64(text, 1, PORT_MAX, &port))
        return false;
    *port_out = (int)port;
    return true;
}

/* "[::1]:8080": the host is what stands between the brackets. */
static bool
parse_bracketed(struct str text, struct str *host_out, struct str *port_out)
{
    struct str host, rest;
    if (!str_cut(str_skip(text, 1), ']', &host, &rest) || (rest.len > 0 && rest.ptr[0] != ':'))
        return false;
    for (size_t i = 0; i < host.len; i++)
        if (host.ptr[i] == '[')
            return false;
    *host_out = host;
    *port_out = rest.len > 0 ? str_skip(rest, 1) : STR("");
    return true;
}

static bool
parse_authority(struct str authority, struct http_url *url)
{
    ptrdiff_t at = str_find_last(authority, '@');
    url->has_userinfo = at >= 0;
    struct str text = str_skip(authority, (size_t)(at + 1));
    struct str port = STR("");
    if (text.len > 0 && text.ptr[0] == '[') {
        if (!parse_bracketed(text, &url->host, &port))
            return false;
    } else {
        str_cut(text, ':', &url->host, &port);
        if (str_find(url->host, ']') >= 0)
            return false;
    }
    return url->host.len > 0 && parse_port(port, str_eq_nocase(url->scheme, STR("https")) ? 443 : 80, &url->port);
}

static size_t
index_of_any(struct str s, const char *set)
{
    for (size_t i = 0; i < s.len; i++)
        if (strchr(set, s.ptr[i]))
            return i;
    return s.len;
}

bool
http_url_parse(struct str text, struct http_url *url_out)
{
    struct http_url url = {0};
    if (has_foreign_bytes(text))
        return false;
    ptrdiff_t colon = str_find(text, ':');
    if (colon < 0)
        return false;
    url.scheme = str_slice(text, 0, (size_t)colon);
    if (!str_eq_nocase(url.scheme, STR("http")) && !str_eq_nocase(url.scheme, STR("https")))
        return false;
    struct str rest = str_skip(text, (size_t)colon + 1);
    if (!str_starts(rest, STR("//")))
        return false;
    rest = str_skip(rest, 2);
    size_t authority = index_of_any(rest, "/?#");
    if (!parse_authority(str_slice(rest, 0, authority), &url))
        return false;
    rest = str_skip(rest, authority);
    str_cut(rest, '#', &rest, &url.fragment);
    str_cut(rest, '?', &url.path, &url.query);
    *url_out = url;
    return true;
}
