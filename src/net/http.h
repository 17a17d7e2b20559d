/*
 * What both sides of HTTP share: methods, headers, query strings.
 */
#ifndef TIDEMARK_NET_HTTP_H
#define TIDEMARK_NET_HTTP_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct http_header {
    struct str name;  /* as written; compare with str_eq_nocase */
    struct str value;
};

struct http_headers {
    struct http_header *items;
    size_t count;
};

/* The first value of that name, or STR_NONE. */
struct str http_header_get(const struct http_headers *headers, const char *name);

/* What a method or the name of a header may be (RFC 9110, section 5.6.2). */
bool http_is_token(struct str s);

struct http_pair {
    struct str name, value; /* decoded */
};

/* "a=1&b=x%20y" decoded into pairs in their order; in the arena. False for a broken escape or a full arena. */
MUST_USE bool http_query_parse(struct arena *a, struct str query, struct http_pair **pairs_out, size_t *count_out);
/* Appends name=value, percent-encoded, with '&' between pairs. */
bool http_query_add(struct buf *b, struct str name, struct str value);

/* The parts of an absolute URL; slices of url. port is 80 or 443 when not written. */
struct http_url {
    struct str scheme, host, path, query, fragment; /* path starts with '/' or is empty; no '?' or '#' */
    int port;
    bool has_userinfo;
};
/* http and https only. */
MUST_USE bool http_url_parse(struct str url, struct http_url *url_out);

#endif
