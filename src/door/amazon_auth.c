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
    oauth_write_begun(w, &begun);
    return reply_end(r, err);
}

bool
amazon_auth_callback(struct request *r, struct err *err)
{
    struct oauth_outcome outcome;
    bool answered;
    if (!oauth_finish(r, &answered, &outcome, err))
        return false;
    if (answered)
        return true;
    struct json_writer *w = amazon_reply(r);
    json_add_c(w, "message", "Amazon account connected");
    json_add_bool(w, "connected", outcome.connection.status == CONNECTION_ACTIVE);
    json_add_str(w, "connectionId", outcome.connection.uuid);
    return reply_end(r, err);
}
