/*
 * JSON Web Tokens: a signed claim is the identity (contract, section 9); the stored user fills what it leaves out.
 *
 * The difficulty is what a token may not do: choose its algorithm (crypt/jwt.h), name a tenant that is not there unless
 * the operator said so, or keep a role that an earlier token had. So nothing a token says is stored as a right.
 */
#include "door/identity_priv.h"

#include <stdlib.h>

#include "base/log.h"
#include "store/store_audit.h"

#define SEEN_STEP_US US_PER_HOUR

struct search {
    struct arena *arena;
    struct str tenant_name, subject, name, email;
    struct str address;
    int64_t now_us;
    struct tenant tenant;
    struct user user;
    bool tenant_found, user_found;
};

static bool
search_user(struct db *db, void *ctx, struct err *err)
{
    struct search *s = ctx;
    enum row row = store_tenant_find(db, s->arena, s->tenant_name, &s->tenant, err);
    s->tenant_found = row == ROW_FOUND;
    if (row == ROW_FOUND)
        row = store_user_by_subject(db, s->arena, s->tenant.id, s->subject, &s->user, err);
    s->user_found = s->tenant_found && row == ROW_FOUND;
    return row != ROW_FAILED;
}

static bool
ensure_user(struct db *db, void *ctx, struct err *err)
{
    struct search *s = ctx;
    return store_user_ensure(db, s->arena, s->tenant.id, s->subject, s->name, s->email, ROLE_USER, s->now_us, &s->user, err);
}

static bool
make_tenant(struct db *db, struct search *s, struct err *err)
{
    struct audit audit = {.actor = str_format(s->arena, "user:%.*s", STR_ARG(s->subject)), .action = STR("tenant.create"),
                          .detail = STR("{\"by\":\"auth.auto_provision\"}"), .address = s->address};
    s->tenant = (struct tenant){.key = s->tenant_name, .name = s->tenant_name};
    if (!store_tenant_create(db, s->arena, &s->tenant, s->now_us, err))
        return false;
    audit.tenant = s->tenant.id;
    audit.subject = s->tenant.uuid;
    return store_audit_add(db, &audit, s->now_us, err);
}

/* Two first tokens may come at once: whoever is second finds what the first made, at the first look or when his own is refused. */
static bool
provision(struct db *db, void *ctx, struct err *err)
{
    struct search *s = ctx;
    enum row row = store_tenant_find(db, s->arena, s->tenant_name, &s->tenant, err);
    if (row == ROW_NONE && !make_tenant(db, s, err)) {
        if (err->code != E_CONFLICT)
            return false;
        *err = (struct err){.items = err->items};
        row = store_tenant_find(db, s->arena, s->tenant_name, &s->tenant, err);
        if (row == ROW_NONE)
            return err_set(err, E_CONFLICT, NULL); /* and it is gone again */
    }
    if (row == ROW_FAILED)
        return false;
    return ensure_user(db, ctx, err);
}

/* ---- claims ---- */

/* A tenant's name in a claim: a text, or door 002's integer. */
static struct str
claimed_tenant(struct arena *a, yyjson_val *claims)
{
    static const char *const names[] = {"tenantId", "companyId", "orgId", "subAccountId"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        yyjson_val *value = json_get_c(claims, names[i]);
        struct str text = json_is_number(value) ? json_number_text(a, value) : json_str(value);
        if (text.len)
            return text;
    }
    return STR_NONE;
}

/* False: the token lists none. A list that names nothing we know gives nothing; neither does what is no list. */
static bool
claimed_permissions(yyjson_val *claims, unsigned *bits_out)
{
    size_t index, max;
    yyjson_val *item, *list = json_get_c(claims, "permissions");
    *bits_out = 0;
    if (!list || yyjson_is_null(list) || (yyjson_is_arr(list) && yyjson_arr_size(list) == 0))
        return false;
    yyjson_arr_foreach(list, index, max, item) {
        *bits_out |= permission_from_name(json_str(item));
    }
    return true;
}

/* The token's own role; without one what an admin granted the stored user. */
static enum user_role
role_of(yyjson_val *claims, const struct search *s)
{
    yyjson_val *claim = json_get_c(claims, "role");
    enum user_role role = ROLE_USER;
    if (!claim || yyjson_is_null(claim))
        return s->user_found ? s->user.role : ROLE_USER;
    return user_role_from_name(json_str(claim), &role) ? role : ROLE_USER;
}

static unsigned
permissions_of(yyjson_val *claims, const struct search *s, enum user_role role)
{
    unsigned bits;
    if (claimed_permissions(claims, &bits))
        return bits;
    return s->user_found && s->user.permissions ? s->user.permissions : role_permissions(role);
}

/* Verified, so it is a number; a fraction or an odd spelling only shortens a session. */
static int64_t
expiry_of(yyjson_val *claims)
{
    int64_t seconds;
    return json_to_i64(json_get_c(claims, "exp"), &seconds) && seconds < INT64_MAX / US_PER_S ? seconds * US_PER_S : 1;
}

static bool
is_storable(const struct search *s)
{
    return s->subject.len > 0 && s->subject.len <= LIMIT_NAME_BYTES && s->name.len <= LIMIT_NAME_BYTES &&
           s->email.len <= LIMIT_NAME_BYTES && text_is_storable(s->subject) && text_is_storable(s->name) &&
           text_is_storable(s->email) && text_is_storable(s->tenant_name);
}

/* ---- finding ---- */

static bool
verify(const struct identity_options *o, struct arena *a, struct str token, yyjson_val **claims_out, struct err *err)
{
    int64_t now_us = clock_wall_us(o->clock);
    if (o->jwt && jwt_verify(o->jwt, &o->jwt_policy, now_us, token, a, claims_out, err))
        return true;
    if (o->jwks)
        return jwks_verify(o->jwks, &o->jwt_policy, now_us, token, a, claims_out, err);
    return err_set(err, E_UNAUTHORIZED, NULL);
}

static bool
wants_note(const struct search *s)
{
    return !s->user_found || s->now_us - s->user.seen_us > SEEN_STEP_US || (s->name.len && !str_eq(s->name, s->user.name)) ||
           (s->email.len && !str_eq(s->email, s->user.email));
}

/* The tenant and the user behind a verified token. */
static bool
look_up(const struct identity_options *o, struct search *s, struct err *err)
{
    if (!s->tenant_name.len)
        return true;
    if (!store_read(o->store, search_user, s, err))
        return false;
    if (!s->tenant_found && o->auto_provision && store_tenant_key_is_valid(s->tenant_name)) {
        s->tenant_found = store_write(o->store, provision, s, err);
        return s->tenant_found;
    }
    if (s->user_found && s->user.disabled_us)
        return err_set(err, E_FORBIDDEN, "This user is switched off");
    /* Only a new user must be written before going on; a note of a known one may wait for a better day. */
    if (!s->tenant_found || !wants_note(s) || store_write(o->store, ensure_user, s, err))
        return true;
    if (!s->user_found)
        return false;
    log_err(LOG_WARN, "when a user was last seen could not be noted", err);
    *err = (struct err){.items = err->items};
    return true;
}

bool
identity_by_jwt(const struct identity_options *o, struct http_exchange *x, struct str token, struct identity *identity_out,
                struct err *err)
{
    yyjson_val *claims;
    if (!verify(o, x->arena, token, &claims, err))
        return err->code == E_UNAVAILABLE ? false : identity_refuse(o, x->peer, err);
    struct search s = {.arena = x->arena,
                       .tenant_name = claimed_tenant(x->arena, claims),
                       .subject = json_str(json_get_c(claims, "sub")),
                       .name = json_str(json_get_c(claims, "name")),
                       .email = json_str(json_get_c(claims, "email")),
                       .address = x->peer,
                       .now_us = clock_wall_us(o->clock)};
    if (json_get_c(claims, SESSION_CLAIM) || !is_storable(&s)) /* a session of ours is known by its hash alone */
        return identity_refuse(o, x->peer, err);
    if (!look_up(o, &s, err))
        return false;
    enum user_role role = role_of(claims, &s);
    if (!s.tenant_found && role != ROLE_ADMIN)
        return err_set(err, E_FORBIDDEN, "The token names no tenant that exists here");
    *identity_out = (struct identity){.admin = role == ROLE_ADMIN,
                                      .permissions = permissions_of(claims, &s, role),
                                      .tenant = s.tenant_found ? s.tenant : (struct tenant){0},
                                      .subject = str_format(x->arena, "user:%.*s", STR_ARG(s.subject)),
                                      .expires_us = expiry_of(claims)};
    return true;
}
