#include "door/identity_priv.h"

#include "crypt/secret.h"
#include "crypt/token.h"

struct str
bearer_token(struct str header)
{
    if (!str_starts_nocase(header, STR("Bearer ")))
        return STR_NONE;
    struct str token = str_trim(str_skip(header, strlen("Bearer ")));
    return token.len ? token : STR_NONE;
}

struct str
cookie_value(struct str header, struct str name)
{
    struct str one, have, value;
    while (header.len) {
        str_cut(header, ';', &one, &header);
        if (str_cut(str_trim(one), '=', &have, &value) && str_eq(have, name) && value.len)
            return value;
    }
    return STR_NONE;
}

unsigned
role_permissions(enum user_role role)
{
    return role == ROLE_ADMIN ? PERMISSIONS_ADMIN : PERMISSIONS_USER;
}

struct str
identity_user_id(const struct identity *who)
{
    struct str kind, id;
    return str_cut(who->subject, ':', &kind, &id) ? id : who->subject;
}

bool
identity_refuse(const struct identity_options *o, struct str peer, struct err *err)
{
    int64_t wait_ms;
    if (attempts_add(o->failures, peer, &wait_ms))
        return err_set(err, E_UNAUTHORIZED, NULL);
    err_set(err, E_RATE_LIMITED, "Too many failed tries from this address: wait before the next");
    err->retry_after_ms = wait_ms;
    return false;
}

bool
identity_of_token(const struct identity_options *o, struct http_exchange *x, struct str token, struct identity *identity_out,
                  struct err *err)
{
    if (token_has_shape(token))
        return identity_by_key(o, x, token, identity_out, err);
    return identity_by_jwt(o, x, token, identity_out, err);
}

static bool
by_bearer(const struct identity_options *o, struct http_exchange *x, struct str token, struct identity *identity_out,
          struct err *err)
{
    if (!o->local_key.len || !secret_equal(token, o->local_key))
        return identity_of_token(o, x, token, identity_out, err);
    *identity_out = (struct identity){.admin = true, .permissions = PERMISSIONS_ADMIN, .subject = STR("local")};
    return true;
}

/* A key in a cookie is none of ours, and would be a guess that no form protects. */
static bool
by_cookie(const struct identity_options *o, struct http_exchange *x, struct str token, struct identity *identity_out,
          struct err *err)
{
    bool found;
    if (token_has_shape(token))
        return identity_refuse(o, x->peer, err);
    if (!identity_by_session(o, x, token, &found, identity_out, err))
        return false;
    return found || identity_by_jwt(o, x, token, identity_out, err);
}

bool
identity_find(const struct identity_options *o, struct http_exchange *x, struct identity *identity_out, struct err *err)
{
    struct str token = bearer_token(http_header_get(&x->headers, "Authorization"));
    enum identity_via via = VIA_BEARER;
    if (str_is_none(token)) {
        token = cookie_value(http_header_get(&x->headers, "Cookie"), STR(SESSION_COOKIE));
        via = VIA_COOKIE;
    }
    if (str_is_none(token))
        return err_set(err, E_UNAUTHORIZED, NULL); /* no guess was made: not counted */
    if (!(via == VIA_BEARER ? by_bearer : by_cookie)(o, x, token, identity_out, err))
        return false;
    identity_out->via = via;
    return true;
}

bool
identity_may(const struct identity *who, enum route_access access, struct err *err)
{
    static const struct {
        unsigned bit;
        const char *name;
    } needs[] = {[ACCESS_READ] = {PERMISSION_READ, "content:read"},
                 [ACCESS_UPDATE] = {PERMISSION_UPDATE, "content:update"},
                 [ACCESS_DELETE] = {PERMISSION_DELETE, "content:delete"},
                 [ACCESS_STATUS] = {PERMISSION_READ, "content:read"}};
    switch (access) {
    case ACCESS_ANYONE:
    case ACCESS_TOKEN: return true;
    case ACCESS_ADMIN:
    case ACCESS_METRICS:
        return who->admin || err_set(err, E_FORBIDDEN, "This needs a token with the role admin");
    case ACCESS_READ:
    case ACCESS_STATUS:
    case ACCESS_UPDATE:
    case ACCESS_DELETE:
        return (who->permissions & needs[access].bit) ||
               err_set(err, E_FORBIDDEN, "This token lacks the permission %s", needs[access].name);
    }
    return err_set(err, E_FORBIDDEN, NULL);
}
