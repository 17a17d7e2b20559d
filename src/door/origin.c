#include "door/origin_priv.h"

#define EXPOSED "X-Request-Id, Retry-After, Idempotency-Replayed, Preference-Applied, ETag, X-Log-Position, X-Log-Complete"
#define ASKED                                                                                                  \
    "Authorization, Content-Type, Accept, Idempotency-Key, If-None-Match, Last-Event-ID, Prefer, X-Request-Id, X-Tenant-Id, " \
    "orgid, companyId"
#define PREFLIGHT_SECONDS "600"

/* "https://host:port" of a URL; STR_NONE when it is none. */
static struct str
origin_part(struct str url)
{
    struct http_url parts;
    if (!http_url_parse(url, &parts) || parts.has_userinfo || !parts.host.len)
        return STR_NONE;
    size_t scheme = parts.scheme.len + strlen("://");
    ptrdiff_t end = str_find(str_skip(url, scheme), '/');
    return end < 0 ? url : str_slice(url, 0, scheme + (size_t)end);
}

static bool
is_origin(struct str text)
{
    return str_eq(origin_part(text), text) && str_find(text, '?') < 0 && str_find(text, '#') < 0 && str_find(text, '*') < 0;
}

static bool
add_allowed(struct origins *o, struct arena *a, struct str text, struct err *err)
{
    if (!is_origin(text))
        return err_set(err, E_CONFIG, "cors.origins: \"%.*s\" is no origin such as https://app.example.com",
                       STR_ARG(str_slice(text, 0, 100)));
    if (o->allowed_count == ORIGINS_MAX)
        return err_set(err, E_CONFIG, "cors.origins: at most %d", ORIGINS_MAX);
    o->allowed[o->allowed_count++] = str_lower(a, text);
    return o->allowed[o->allowed_count - 1].ptr || err_no_memory(err);
}

bool
origins_init(struct origins *o, struct arena *a, struct str public_url, struct str list, struct err *err)
{
    struct str one;
    *o = (struct origins){.secure = str_starts_nocase(public_url, STR("https://"))};
    struct str own = origin_part(public_url);
    if (own.len) {
        o->own = str_lower(a, own);
        if (!o->own.ptr)
            return err_no_memory(err);
    }
    while (list.len) {
        str_cut(list, ',', &one, &list);
        one = str_trim(one);
        if (one.len && !add_allowed(o, a, one, err))
            return false;
    }
    return true;
}

/* Browsers leave the scheme's own port out of both. */
static bool
is_host(const struct http_exchange *x, struct str origin)
{
    struct str host = http_header_get(&x->headers, "Host");
    if (!host.len)
        return false;
    if (str_starts_nocase(origin, STR("http://")))
        return str_eq_nocase(str_skip(origin, strlen("http://")), host);
    return str_starts_nocase(origin, STR("https://")) && str_eq_nocase(str_skip(origin, strlen("https://")), host);
}

enum origin
origin_of(const struct origins *o, const struct http_exchange *x)
{
    struct str origin = http_header_get(&x->headers, "Origin");
    if (str_is_none(origin))
        return ORIGIN_NONE;
    if ((o->own.len && str_eq_nocase(origin, o->own)) || is_host(x, origin))
        return ORIGIN_OWN;
    for (size_t i = 0; i < o->allowed_count; i++)
        if (str_eq_nocase(origin, o->allowed[i]))
            return ORIGIN_ALLOWED;
    return ORIGIN_FOREIGN;
}

static bool
has_json_type(const struct http_exchange *x)
{
    struct str media, parameters;
    str_cut(http_header_get(&x->headers, "Content-Type"), ';', &media, &parameters);
    return str_eq_nocase(str_trim(media), STR("application/json"));
}

static bool
takes_body(struct str method)
{
    return str_eq(method, STR("POST")) || str_eq(method, STR("PUT")) || str_eq(method, STR("PATCH"));
}

bool
origin_may_change(const struct origins *o, const struct http_exchange *x, enum identity_via via, struct err *err)
{
    enum origin from = origin_of(o, x);
    if (via == VIA_BEARER || (via == VIA_DEMO && from == ORIGIN_NONE))
        return true;
    if (from != ORIGIN_OWN && from != ORIGIN_ALLOWED)
        return err_set(err, E_FORBIDDEN,
                       "A change over a cookie needs the Origin of this server or of one in cors.origins: send it, or a bearer token");
    if ((takes_body(x->method) || x->has_body) && !has_json_type(x))
        return err_set(err, E_UNSUPPORTED_MEDIA_TYPE, "A change over a cookie needs Content-Type: application/json");
    return true;
}

void
origin_headers(const struct origins *o, struct http_exchange *x)
{
    if (o->allowed_count == 0)
        return;
    http_reply_header(x, "Vary", STR("Origin"));
    if (origin_of(o, x) != ORIGIN_ALLOWED)
        return;
    http_reply_header(x, "Access-Control-Allow-Origin", http_header_get(&x->headers, "Origin"));
    http_reply_header(x, "Access-Control-Allow-Credentials", STR("true"));
    http_reply_header(x, "Access-Control-Expose-Headers", STR(EXPOSED));
}

bool
origin_preflight(const struct origins *o, struct request *r)
{
    struct http_exchange *x = r->x;
    if (!str_eq(x->method, STR("OPTIONS")) || !r->match.allow[0] || !http_header_get(&x->headers, "Access-Control-Request-Method").len ||
        origin_of(o, x) != ORIGIN_ALLOWED)
        return false;
    reply_add_header(r, "Access-Control-Allow-Methods", str_from_c(r->match.allow));
    reply_add_header(r, "Access-Control-Allow-Headers", STR(ASKED));
    reply_add_header(r, "Access-Control-Max-Age", STR(PREFLIGHT_SECONDS));
    return reply_empty(r, 204);
}

bool
host_is_loopback(const struct http_exchange *x)
{
    struct str host = http_header_get(&x->headers, "Host"), name, port;
    if (str_starts(host, STR("[::1]")))
        return true;
    str_cut(host, ':', &name, &port);
    return str_eq_nocase(name, STR("localhost")) || str_eq(name, STR("127.0.0.1"));
}
