/*
 * Embedded files out: packed for clients that take gzip, and only when they changed (RFC 9110, section 13).
 */
#include "door/routes_priv.h"
#include "web/asset.h"

#define CACHE_ASK "no-cache"
#define CACHE_FOR_EVER "public, max-age=31536000, immutable"

static bool
list_holds(struct str list, const char *word)
{
    struct str one, value, parameters;
    while (list.len) {
        str_cut(list, ',', &one, &list);
        bool weighed = str_cut(one, ';', &value, &parameters);
        bool refused = weighed && (str_ends(parameters, STR("q=0")) || str_ends(parameters, STR("q=0.0")));
        if (str_eq_nocase(str_trim(value), str_from_c(word)) && !refused)
            return true;
    }
    return false;
}

/* `W/` is what a proxy makes of our tag when it changes the packing. */
static bool
client_has_it(const struct request *r, const struct web_asset *asset)
{
    struct str list = http_header_get(&r->x->headers, "If-None-Match"), one;
    while (list.len) {
        str_cut(list, ',', &one, &list);
        one = str_trim(one);
        if (str_starts(one, STR("W/")))
            one = str_skip(one, 2);
        if (str_eq_c(one, asset->etag))
            return true;
    }
    return false;
}

/* The smallest form that the client takes. */
static bool
add_body(struct request *r, const struct web_asset *asset)
{
    struct str taken = http_header_get(&r->x->headers, "Accept-Encoding");
    if (asset->brotli.len && list_holds(taken, "br")) {
        reply_add_header(r, "Content-Encoding", STR("br"));
        return buf_add(&r->reply.body, asset->brotli);
    }
    if (!list_holds(taken, "gzip"))
        return web_asset_unpack(asset, &r->reply.body);
    reply_add_header(r, "Content-Encoding", STR("gzip"));
    return buf_add(&r->reply.body, asset->gzip);
}

static bool
reply_asset(struct request *r, struct str name, const char *cache, struct err *err)
{
    const struct web_asset *asset = web_asset_find(name);
    if (!asset)
        return err_set(err, E_NOT_FOUND, "This build holds no %.*s", STR_ARG(str_slice(name, 0, 100)));
    r->reply.cache = cache;
    reply_add_header(r, "ETag", str_from_c(asset->etag));
    reply_add_header(r, "Vary", STR("Accept-Encoding"));
    if (client_has_it(r, asset))
        return reply_empty(r, 304);
    return add_body(r, asset) ? reply_body(r, 200, asset->type, err) : err_no_memory(err);
}

bool
assets_openapi(struct request *r, struct err *err)
{
    return reply_asset(r, STR("openapi.json"), CACHE_ASK, err);
}

/* Files of the pages: their names hold a digest of what is inside, so they never change. */
bool
assets_page_file(struct request *r, struct err *err)
{
    struct str name = str_format(r->arena, "assets/%.*s", STR_ARG(request_path_param(r, 0)));
    return name.ptr ? reply_asset(r, name, CACHE_FOR_EVER, err) : err_no_memory(err);
}
