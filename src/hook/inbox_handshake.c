/*
 * The handshake: a vendor's GET before it sends anything. It wants its challenge back from whoever knows the verify token.
 */
#include "crypt/secret.h"
#include "hook/inbox_priv.h"

static struct str
parameter(const struct http_pair *query, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq(query[i].name, name))
            return query[i].value;
    return STR_NONE;
}

/* The token is a connection's webhook secret, or the one of its address. */
static bool
knows_token(const struct targets *t, struct str token)
{
    bool right = false;
    for (size_t i = 0; i < t->count; i++) {
        const struct webhook_keys *k = &t->rows[i].keys;
        right = (k->secret.len > 0 && secret_equal(token, k->secret)) || right;
        right = (k->token.len > 0 && secret_equal(token, k->token)) || right;
    }
    return right;
}

bool
inbox_handshake(struct inbox *in, const struct inbox_request *r, const struct http_pair *query, size_t count,
                struct str *challenge_out, struct err *err)
{
    bool addressed = r->address == INBOX_CONNECTION;
    int64_t wait_ms = 0;
    if (!limiter_take(in->limiter, r->peer, &wait_ms)) {
        err_set(err, E_RATE_LIMITED, NULL);
        err->retry_after_ms = wait_ms;
        return false;
    }
    if (r->address == INBOX_ENVELOPE)
        return err_set(err, E_METHOD_NOT_ALLOWED, "Events are sent to this address by POST");
    struct targets *t = targets_get(in, addressed, r->name, STR_NONE, true, err);
    if (t == NULL)
        return false;
    yyjson_val *handshake = json_get_c(t->block, "handshake");
    struct str challenge = parameter(query, count, json_str(json_get_c(handshake, "challenge")));
    struct str token = parameter(query, count, json_str(json_get_c(handshake, "token")));
    bool ok = true;
    if (addressed && t->count == 0)
        ok = err_set(err, E_CONNECTION_NOT_FOUND, NULL);
    else if (t->block == NULL)
        ok = err_set(err, E_NOT_FOUND, "There is no platform of that name that sends webhooks");
    else if (handshake == NULL || challenge.len == 0)
        ok = err_set(err, E_VALIDATION_FAILED, "Events are sent to this address by POST; a GET must carry the vendor's challenge");
    else if (token.len == 0 || !knows_token(t, token))
        ok = err_set(err, E_UNAUTHORIZED, "The verify token is wrong");
    *challenge_out = ok ? challenge : STR_NONE;
    targets_unref(t);
    return ok;
}
