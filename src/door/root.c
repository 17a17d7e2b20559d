/*
 * The page at "/" and at the addresses that it makes itself ("/connections"): a browser that asks for one of them gets
 * the page, which reads the address; and the reference of the API at "/docs". Their component libraries add style elements,
 * so each answer carries a nonce of its own; there is no inline script. A build without them (script/page) has plain ones.
 */
#include "crypt/token.h"
#include "door/routes_priv.h"
#include "web/asset.h"

#define NONCE_CHARS 22 /* of 62: 130 bits */
#define NONCE_PLACE STR("@NONCE@")
#define PAGE_BYTES_MAX 65536
#define CSP_PAGE                                                                                                     \
    "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-%.*s'; img-src 'self'; font-src 'self'; connect-src 'self'; " \
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

static const char page[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Tidemark</title>\n"
    "<meta name=\"viewport\" content=\"width=device-width\"></head><body>\n"
    "<h1>Tidemark %s%s</h1>\n"
    "<p>This server keeps a database in step with the platforms it is connected to.</p>\n"
    "<ul>\n"
    "<li><code>GET /api/v1/sync/connections</code>: what it is connected to (with <code>Authorization: Bearer &lt;key&gt;</code>)</li>\n"
    "<li><code>GET /api/v1/sync/runs</code>: what was synced, and whether it adds up</li>\n"
    "<li><code>GET /api/v1/contacts</code>, <code>/conversations</code>, <code>/messages</code>: the data</li>\n"
    "<li><a href=\"/docs\">/docs</a>: every address of the API (<a href=\"/openapi.json\">openapi.json</a>)</li>\n"
    "<li><a href=\"/api/v1/templates\">/api/v1/templates</a>: the platforms there are</li>\n"
    "<li><a href=\"/healthz\">/healthz</a>, <a href=\"/readyz\">/readyz</a>, <code>/metrics</code>: its health</li>\n"
    "</ul>\n"
    "<p>On the command line: <code>tidemark --help</code>. The documentation is in the folder <code>docs/</code>: "
    "<code>api.md</code>, <code>cli.md</code>, <code>configuration.md</code>.</p>\n"
    "</body></html>\n";

static const char plain_reference[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Tidemark API</title>\n"
    "<meta name=\"viewport\" content=\"width=device-width\"></head><body>\n"
    "<h1>Tidemark API</h1>\n"
    "<p>This build has no page for it. The whole API is described in <a href=\"/openapi.json\">/openapi.json</a> (OpenAPI 3.1), "
    "which API clients read.</p>\n"
    "</body></html>\n";

static bool
plain_page(struct request *r, struct err *err)
{
    buf_addf(&r->reply.body, page, TIDEMARK_VERSION, request_parts(r)->sandbox ? " (sandbox)" : "");
    return reply_body(r, 200, "text/html; charset=utf-8", err);
}

static bool
add_with_nonce(struct buf *b, struct str text, struct str nonce)
{
    for (ptrdiff_t at = str_find_str(text, NONCE_PLACE); at >= 0; at = str_find_str(text, NONCE_PLACE)) {
        if (!buf_add(b, str_slice(text, 0, (size_t)at)) || !buf_add(b, nonce))
            return false;
        text = str_skip(text, (size_t)at + NONCE_PLACE.len);
    }
    return buf_add(b, text);
}

static bool
whole_page(struct request *r, const struct web_asset *asset, struct err *err)
{
    struct str nonce;
    struct buf text;
    if (!random_text(r->arena, STR(""), NONCE_CHARS, &nonce, err))
        return false;
    struct str csp = str_format(r->arena, CSP_PAGE, STR_ARG(nonce));
    buf_init(&text, PAGE_BYTES_MAX);
    bool ok = csp.ptr && web_asset_unpack(asset, &text) && add_with_nonce(&r->reply.body, buf_str(&text), nonce);
    buf_release(&text);
    r->reply.csp = csp.ptr;
    return ok ? reply_body(r, 200, asset->type, err) : err_no_memory(err);
}

bool
root_page(struct request *r, struct err *err)
{
    const struct web_asset *asset = web_asset_find(STR("index.html"));
    return asset ? whole_page(r, asset, err) : plain_page(r, err);
}

bool
root_reference(struct request *r, struct err *err)
{
    const struct web_asset *asset = web_asset_find(STR("docs.html"));
    if (asset)
        return whole_page(r, asset, err);
    if (!buf_add(&r->reply.body, str_from_c(plain_reference)))
        return err_no_memory(err);
    return reply_body(r, 200, "text/html; charset=utf-8", err);
}

/* Only where nothing else is: an unknown address of the API stays a 404, whatever the client takes. */
bool
root_is_page_address(const struct request *r)
{
    static const char *const others[] = {"/api/", "/sync/", "/docs/", "/assets/"};
    struct str path = r->x->path;
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (str_starts(path, str_from_c(others[i])))
            return false;
    bool reads = str_eq(r->x->method, STR("GET")) || str_eq(r->x->method, STR("HEAD"));
    return reads && str_contains(http_header_get(&r->x->headers, "Accept"), STR("text/html")) && web_asset_find(STR("index.html"));
}
