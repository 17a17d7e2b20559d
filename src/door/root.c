/*
 * The page at "/": what this is and where to go on. No script, no outside address.
 */
#include "door/routes_priv.h"

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

bool
root_page(struct request *r, struct err *err)
{
    buf_addf(&r->reply.body, page, TIDEMARK_VERSION, request_parts(r)->sandbox ? " (sandbox)" : "");
    return reply_body(r, 200, "text/html; charset=utf-8", err);
}
