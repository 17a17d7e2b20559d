/*
 * Signing in at a vendor for any template whose manifest declares it.
 *
 * /start wants a person (a token or a cookie); /callback is where the vendor sends his browser, so it has no token of ours:
 * its state proves it. A sign-in begun with a cookie must come back with the same person's.
 */
#include "door/oauth_priv.h"

#include "door/dialect_priv.h"
#include "door/door_priv.h"
#include "door/origin_priv.h"
#include "door/routes_priv.h"

#define RETURN_TO_BYTES 1000
#define HTML_TYPE "text/html; charset=utf-8"

/* ---- where to ---- */

/* What vendors and browsers call us by. Without a setting the address of a browser on this machine will do. */
static bool
own_address(struct request *r, struct str *url_out, struct err *err)
{
    struct str host = http_header_get(&r->x->headers, "Host");
    *url_out = request_parts(r)->public_url;
    if (url_out->len)
        return true;
    if (host.len == 0 || !host_is_loopback(r->x))
        return err_set(err, E_VALIDATION_FAILED, "Set public_url: the vendor must know where to send the browser back to");
    *url_out = str_join2(r->arena, STR("http://"), host);
    return url_out->ptr || err_no_memory(err);
}

/* A path of our own: anything else would send people, and what they trust, elsewhere. */
static bool
read_return_to(struct request *r, struct str *path_out, struct err *err)
{
    struct str path = request_query(r, "returnTo");
    *path_out = path;
    if (str_is_none(path))
        return true;
    bool own = path.len > 0 && path.len <= RETURN_TO_BYTES && path.ptr[0] == '/' &&
               (path.len == 1 || (path.ptr[1] != '/' && path.ptr[1] != '\\'));
    for (size_t i = 0; own && i < path.len; i++)
        own = (unsigned char)path.ptr[i] > ' ' && path.ptr[i] != 0x7f && path.ptr[i] != '\\';
    return own || request_query_fault("returnTo", "must be a path of this server, like /connections", err);
}

bool
oauth_begin(struct request *r, struct str connection, const char *path, struct oauth_begun *begun_out, struct err *err)
{
    struct str base;
    struct oauth_ask ask = {.tenant = r->tenant.id, .connection = connection, .asked_by = r->who.subject,
                            .by_session = r->who.via != VIA_BEARER && r->who.via != VIA_DEMO};
    if (!own_address(r, &base, err) || !read_return_to(r, &ask.return_to, err))
        return false;
    ask.redirect_uri = str_join2(r->arena, base, str_from_c(path));
    if (!ask.redirect_uri.ptr)
        return err_no_memory(err);
    return engine_oauth_begin(request_parts(r)->engine, r->arena, &ask, begun_out, err);
}

bool
oauth_wants_redirect(const struct request *r)
{
    return str_contains(http_header_get(&r->x->headers, "Accept"), STR("text/html"));
}

bool
oauth_redirect(struct request *r, struct str url, struct err *err)
{
    (void)err;
    reply_add_header(r, "Location", url);
    return reply_empty(r, 302);
}

/* ---- coming back ---- */

static yyjson_val *
query_object(struct request *r)
{
    yyjson_mut_doc *doc = json_mut_doc(r->arena);
    yyjson_mut_val *object = doc ? yyjson_mut_obj(doc) : NULL;
    for (size_t i = 0; object && i < r->query_count; i++)
        yyjson_mut_obj_put(object, yyjson_mut_strncpy(doc, r->query[i].name.ptr, r->query[i].name.len),
                           yyjson_mut_strncpy(doc, r->query[i].value.ptr ? r->query[i].value.ptr : "", r->query[i].value.len));
    return object ? json_freeze(r->arena, object) : NULL;
}

static bool
finish(struct request *r, struct oauth_outcome *outcome_out, struct err *err)
{
    struct oauth_callback callback = {.parameters = query_object(r), .subject = STR_NONE};
    *outcome_out = (struct oauth_outcome){.return_to = STR_NONE};
    if (!callback.parameters)
        return err_no_memory(err);
    if (request_identify(r))
        callback.subject = r->who.subject;
    return engine_oauth_finish(request_parts(r)->engine, r->arena, &callback, outcome_out, err);
}

static void
add_escaped(struct buf *b, struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c == '<' || c == '>' || c == '&' || c == '"' || c == '\'')
            buf_addf(b, "&#%d;", c);
        else
            buf_add_char(b, (char)c);
    }
}

static void
add_query_text(struct buf *b, struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        buf_addf(b, "%%%02X", (unsigned char)text.ptr[i]);
}

static struct str
words_of(const struct err *failed)
{
    bool tell = dialect_is_ours_to_tell(failed) && failed->message[0];
    return str_from_c(tell ? failed->message : err_words(dialect_code(failed)));
}

static bool
send_back(struct request *r, struct str path, const struct err *failed, struct err *err)
{
    struct buf b;
    buf_init(&b, LIMIT_HEADER_BYTES);
    buf_addf(&b, "%.*s%csignIn=%s", STR_ARG(path), str_contains(path, STR("?")) ? '&' : '?', failed ? "failed" : "done");
    if (failed) {
        buf_add(&b, STR("&message="));
        add_query_text(&b, words_of(failed));
    }
    struct str url = buf_ok(&b) ? str_copy(r->arena, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    return url.ptr ? oauth_redirect(r, url, err) : err_no_memory(err);
}

static bool
answer_browser(struct request *r, const struct oauth_outcome *outcome, const struct err *failed, struct err *err)
{
    if (outcome->return_to.len)
        return send_back(r, outcome->return_to, failed, err);
    struct buf *b = &r->reply.body;
    buf_clear(b);
    buf_add(b, STR("<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Tidemark</title><body><h1>"));
    buf_add(b, failed ? STR("The sign-in did not work") : STR("Connected"));
    buf_add(b, STR("</h1><p>"));
    if (failed) {
        add_escaped(b, words_of(failed));
    } else {
        add_escaped(b, outcome->platform);
        buf_add(b, STR(" is connected. You may close this page."));
    }
    buf_add(b, STR("</p></body></html>\n"));
    return reply_body(r, failed ? dialect_status(failed) : 200, HTML_TYPE, err);
}

bool
oauth_finish(struct request *r, bool *answered_out, struct oauth_outcome *outcome_out, struct err *err)
{
    struct err failed = {.items = err->items};
    bool ok = finish(r, outcome_out, &failed);
    *answered_out = outcome_out->return_to.len || oauth_wants_redirect(r);
    if (*answered_out)
        return answer_browser(r, outcome_out, ok ? NULL : &failed, err);
    if (!ok)
        *err = failed;
    return ok;
}

void
oauth_write_begun(struct json_writer *w, const struct oauth_begun *begun)
{
    json_add_str(w, "authUrl", begun->url);
    json_add_str(w, "connectionId", begun->connection);
    json_add_time(w, "expiresAt", begun->expires_us);
}

/* ---- routes for any template ---- */

bool
oauth_start(struct request *r, struct err *err)
{
    struct oauth_begun begun;
    struct str connection = request_query(r, "connectionId");
    if (connection.len == 0)
        return request_query_fault("connectionId", "is required", err);
    if (!oauth_begin(r, connection, "/api/v1/oauth/callback", &begun, err))
        return false;
    if (oauth_wants_redirect(r))
        return oauth_redirect(r, begun.url, err);
    struct json_writer *w = reply_object(r, 200);
    oauth_write_begun(w, &begun);
    return reply_object_end(r, err);
}

bool
oauth_callback(struct request *r, struct err *err)
{
    struct oauth_outcome outcome;
    bool answered;
    if (!oauth_finish(r, &answered, &outcome, err))
        return false;
    if (answered)
        return true;
    struct json_writer *w = reply_object(r, 200);
    json_add_bool(w, "connected", outcome.connection.status == CONNECTION_ACTIVE);
    json_add_str(w, "connectionId", outcome.connection.uuid);
    json_add_str(w, "platform", outcome.connection.template_name);
    bool works = outcome.connection.status == CONNECTION_ACTIVE;
    json_add_c(w, "status", works ? "connected" : connection_status_name(outcome.connection.status));
    json_add_str(w, "errorMessage", outcome.connection.error_message.len ? outcome.connection.error_message : STR_NONE);
    return reply_object_end(r, err);
}
