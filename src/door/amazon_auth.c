/*
 * Door 004: Login with Amazon, at the addresses of that document. The work is that of any template's sign-in.
 */
#include "door/amazon_priv.h"
#include "door/oauth_priv.h"

bool
amazon_auth_start(struct request *r, struct err *err)
{
    struct account_owner owner;
    struct connection c;
    struct oauth_begun begun;
    if (!amazon_connection(r, true, &owner, &c, err) ||
        !oauth_begin(r, c.uuid, "/api/v1/integrations/amazon/auth/callback", &begun, err))
        return false;
    if (oauth_wants_redirect(r))
        return oauth_redirect(r, begun.url, err);
    struct json_writer *w = amazon_reply(r);
    json_add_str(w, "authUrl", begun.url);
    json_add_str(w, "connectionId", begun.connection);
    json_add_time(w, "expiresAt", begun.expires_us);
    return reply_end(r, err);
}

bool
amazon_auth_callback(struct request *r, struct err *err)
{
    struct oauth_outcome outcome;
    struct err failed = {.items = err->items};
    bool ok = oauth_finish(r, &outcome, &failed);
    if (outcome.return_to.len || oauth_wants_redirect(r))
        return oauth_answer_browser(r, &outcome, ok ? NULL : &failed, err);
    if (!ok) {
        *err = failed;
        return false;
    }
    struct json_writer *w = amazon_reply(r);
    json_add_c(w, "message", "Amazon account connected");
    json_add_bool(w, "connected", outcome.connection.status == CONNECTION_ACTIVE);
    json_add_str(w, "connectionId", outcome.connection.uuid);
    return reply_end(r, err);
}
