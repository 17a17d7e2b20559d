/*
 * Signing in and out of browsers, and who the present caller is.
 *
 * A session's token is a JWT in form, as the cookie is documented, but what counts is its hash in the store: any node
 * knows it, and signing out, revoking the key or switching the user off ends it at once.
 */
#include "crypt/secret.h"
#include "crypt/token.h"
#include "door/audit_priv.h"
#include "door/door_priv.h"
#include "door/routes_priv.h"
#include "store/store_session.h"

#define TOKEN_BYTES_MAX 8192
#define CLAIMS_BYTES_MAX 8192
#define SESSION_CHARS 43 /* of 62: 256 bits */

static bool
reply_who(struct request *r, struct err *err)
{
    const struct tenant *tenant = &r->who.tenant;
    struct json_writer *w = reply_object(r, 200);
    json_add_str(w, "subject", r->who.subject);
    json_add_c(w, "role", r->who.admin ? "admin" : "user");
    write_permissions(w, "permissions", r->who.permissions);
    json_add_str(w, "tenantId", tenant->id ? tenant->uuid : STR_NONE);
    json_add_str(w, "tenantKey", tenant->id ? tenant->key : STR_NONE);
    json_add_str(w, "tenantName", tenant->id ? tenant->name : STR_NONE);
    json_add_time(w, "expiresAt", r->who.expires_us);
    json_add_bool(w, "sandbox", request_parts(r)->sandbox);
    return reply_object_end(r, err);
}

bool
session_get(struct request *r, struct err *err)
{
    return reply_who(r, err);
}

/* ---- the cookie ---- */

/* An allowed origin of another site gets the cookie only with SameSite=None, which browsers take with Secure alone. */
static void
set_cookie(struct request *r, struct str token, int64_t seconds)
{
    bool foreign = origin_of(&r->door->origins, r->x) == ORIGIN_ALLOWED;
    bool secure = foreign || r->door->origins.secure;
    reply_add_header(r, "Set-Cookie",
                     str_format(r->arena, SESSION_COOKIE "=%.*s; Path=/; Max-Age=%lld; HttpOnly; SameSite=%s%s", STR_ARG(token),
                                (long long)seconds, foreign ? "None" : "Lax", secure ? "; Secure" : ""));
}

/* ---- signing in ---- */

static struct str
claims_text(struct request *r, struct str id, int64_t now_us, int64_t expires_us)
{
    struct buf b;
    struct json_writer w;
    const struct jwt_policy *policy = &r->door->identity.jwt_policy;
    buf_init(&b, CLAIMS_BYTES_MAX);
    json_writer_init(&w, &b);
    json_begin_object(&w, NULL);
    json_add_str(&w, "sub", identity_user_id(&r->who));
    json_add_str(&w, SESSION_CLAIM, id);
    json_add_c(&w, "role", r->who.admin ? "admin" : "user");
    write_permissions(&w, "permissions", r->who.permissions);
    if (r->who.tenant.id)
        json_add_str(&w, "tenantId", r->who.tenant.uuid);
    if (policy->issuer.len)
        json_add_str(&w, "iss", policy->issuer);
    if (policy->audience.len)
        json_add_str(&w, "aud", policy->audience);
    json_add_i64(&w, "iat", now_us / US_PER_S);
    json_add_i64(&w, "exp", expires_us / US_PER_S);
    json_end_object(&w);
    struct str text = buf_ok(&b) ? str_copy(r->arena, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    return text;
}

struct signing_in {
    struct request *request;
    struct session session;
    struct str hash;
};

/* Who is being switched off at this moment was not yet when he was looked at, and his new session is not among those that end. */
static bool
is_not_off(struct db *db, struct request *r, struct err *err)
{
    struct user user;
    struct str subject = r->who.subject;
    if (!r->who.tenant.id || !str_starts(subject, STR("user:")))
        return true;
    subject = str_skip(subject, strlen("user:"));
    enum row row = store_user_by_subject(db, r->arena, r->who.tenant.id, subject, &user, err);
    if (row == ROW_FOUND && !store_user_hold(db, r->who.tenant.id, user.id, err))
        return false;
    if (row == ROW_FOUND)
        row = store_user_by_subject(db, r->arena, r->who.tenant.id, subject, &user, err);
    if (row != ROW_FOUND)
        return row == ROW_NONE;
    return !user.disabled_us || err_set(err, E_FORBIDDEN, "This user is switched off");
}

static bool
create(struct db *db, void *ctx, struct err *err)
{
    struct signing_in *s = ctx;
    struct request *r = s->request;
    return is_not_off(db, r, err) && store_session_create(db, &s->session, s->hash, store_now(db), err) &&
           (!r->who.admin || audit_add(db, r, r->who.tenant.id, "session.create", STR_NONE, err));
}

static bool
open_session(struct request *r, struct err *err)
{
    struct str id, token;
    char hash[TOKEN_HASH_BYTES];
    int64_t now_us = clock_wall_us(request_parts(r)->clock), expires_us = now_us + r->door->session_us;
    if (r->who.expires_us && r->who.expires_us < expires_us)
        expires_us = r->who.expires_us;
    if (!random_text(r->arena, STR(""), SESSION_CHARS, &id, err) ||
        !jwt_sign(secret_reveal(&r->door->session_secret), claims_text(r, id, now_us, expires_us), r->arena, &token, err) ||
        !token_hash(token, hash, err))
        return false;
    struct signing_in s = {.request = r,
                           .session = {.tenant = r->who.tenant.id, .subject = r->who.subject, .permissions = r->who.permissions,
                                       .role = r->who.admin ? ROLE_ADMIN : ROLE_USER, .api_key = r->who.api_key,
                                       .expires_us = expires_us},
                           .hash = str_from_c(hash)};
    if (!store_write(request_parts(r)->store, create, &s, err))
        return false;
    r->who.expires_us = expires_us;
    set_cookie(r, token, (expires_us - now_us) / US_PER_S);
    return true;
}

/* No other site may sign a browser in as somebody it chose. */
bool
session_create(struct request *r, struct err *err)
{
    struct str token;
    if (origin_of(&r->door->origins, r->x) == ORIGIN_FOREIGN)
        return err_set(err, E_FORBIDDEN, "This origin may not sign in here: it is not in cors.origins");
    if (!request_body_str(r, "token", TOKEN_BYTES_MAX, &token, err))
        return false;
    token = str_trim(token);
    if (!token.len)
        return request_fault(r, err, "/token", "is required: an API key or a JSON Web Token");
    if (!r->door->session_secret.len)
        return err_set(err, E_UNAVAILABLE, "This server keeps no sessions: use a bearer token");
    if (!identity_of_token(&r->door->identity, r->x, token, &r->who, err) || !open_session(r, err))
        return false;
    return reply_who(r, err);
}

static bool
end(struct db *db, void *ctx, struct err *err)
{
    struct signing_in *s = ctx;
    return store_session_end(db, s->hash, store_now(db), err);
}

/* Also for a session that is no more: then only the cookie goes. */
bool
session_delete(struct request *r, struct err *err)
{
    char hash[TOKEN_HASH_BYTES];
    struct str token = cookie_value(http_header_get(&r->x->headers, "Cookie"), STR(SESSION_COOKIE));
    if (token.len) {
        struct signing_in s = {.hash = {hash, TOKEN_HASH_BYTES - 1}};
        if (!origin_may_change(&r->door->origins, r->x, VIA_COOKIE, err) || !token_hash(token, hash, err) ||
            !store_write(request_parts(r)->store, end, &s, err))
            return false;
    }
    set_cookie(r, STR(""), 0);
    return reply_empty(r, 204);
}
