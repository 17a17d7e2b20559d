#include "door/identity_priv.h"

#include "crypt/secret.h"
#include "crypt/token.h"
#include "store/store_user.h"

#define PERMISSIONS_ADMIN (PERMISSION_READ | PERMISSION_UPDATE | PERMISSION_DELETE)
#define PERMISSIONS_USER (PERMISSION_READ | PERMISSION_UPDATE)

struct str
bearer_token(struct str header)
{
    if (!str_starts_nocase(header, STR("Bearer ")))
        return STR_NONE;
    struct str token = str_trim(str_skip(header, strlen("Bearer ")));
    return token.len ? token : STR_NONE;
}

static bool
refuse(const struct identity_options *o, struct str peer, struct err *err)
{
    int64_t wait_ms;
    if (auth_failures_add(o->failures, peer, &wait_ms))
        return err_set(err, E_UNAUTHORIZED, NULL);
    err_set(err, E_RATE_LIMITED, "Too many failed tries from this address: wait before the next");
    err->retry_after_ms = wait_ms;
    return false;
}

/* ---- API keys ---- */

struct key_search {
    struct arena *arena;
    struct str hash;
    int64_t now_us;
    struct api_key key;
    struct tenant tenant;
    bool found;
};

static bool
search_key(struct db *db, void *ctx, struct err *err)
{
    struct key_search *s = ctx;
    enum row row = store_key_find(db, s->arena, s->hash, s->now_us, &s->key, err);
    if (row == ROW_FOUND)
        row = store_tenant_get(db, s->arena, s->key.tenant, &s->tenant, err);
    s->found = row == ROW_FOUND;
    return row != ROW_FAILED;
}

struct touch {
    int64_t tenant, key, now_us;
};

static bool
touch_key(struct db *db, void *ctx, struct err *err)
{
    struct touch *t = ctx;
    return store_key_touch(db, t->tenant, t->key, t->now_us, err);
}

static void
touch_done(void *ctx, bool ok, const struct err *err)
{
    (void)ok, (void)err; /* a hint: the next use tries again */
    free(ctx);
}

/* "Last used" may lag behind; nobody waits for it. */
static void
note_use(const struct identity_options *o, const struct api_key *key, int64_t now_us)
{
    if (now_us - key->last_used_us < US_PER_MINUTE)
        return;
    struct touch *t = malloc(sizeof(*t));
    if (!t)
        return;
    *t = (struct touch){key->tenant, key->id, now_us};
    store_write_async(o->store, STORE_SHORT, touch_key, t, touch_done);
}

static bool
find_by_key(const struct identity_options *o, struct http_exchange *x, struct str token, struct identity *identity_out,
            struct err *err)
{
    char hash[TOKEN_HASH_BYTES];
    if (!token_hash(token, hash, err))
        return false;
    struct key_search s = {.arena = x->arena, .hash = str_from_c(hash), .now_us = clock_wall_us(o->clock)};
    if (!store_read(o->store, search_key, &s, err))
        return false;
    if (!s.found)
        return refuse(o, x->peer, err);
    note_use(o, &s.key, s.now_us);
    bool admin = s.key.role == ROLE_ADMIN;
    *identity_out = (struct identity){
        .known = true,
        .admin = admin,
        .permissions = s.key.permissions ? s.key.permissions : admin ? PERMISSIONS_ADMIN : PERMISSIONS_USER,
        .tenant = s.tenant,
        .subject = str_format(x->arena, "key:%.*s", STR_ARG(s.key.uuid)),
    };
    return true;
}

/* ---- JSON Web Tokens ---- */

struct user_search {
    struct arena *arena;
    struct str tenant_name, subject, name, email;
    enum user_role role;
    int64_t now_us;
    struct tenant tenant;
    bool tenant_found, user_found;
};

static bool
search_user(struct db *db, void *ctx, struct err *err)
{
    struct user_search *s = ctx;
    struct user user;
    enum row row = store_tenant_find(db, s->arena, s->tenant_name, &s->tenant, err);
    s->tenant_found = row == ROW_FOUND;
    if (row == ROW_FOUND)
        row = store_user_find(db, s->arena, s->tenant.id, s->subject, &user, err);
    s->user_found = s->tenant_found && row == ROW_FOUND;
    return row != ROW_FAILED;
}

static bool
ensure_user(struct db *db, void *ctx, struct err *err)
{
    struct user_search *s = ctx;
    struct user user;
    return store_user_ensure(db, s->arena, s->tenant.id, s->subject, s->name, s->email, s->role, s->now_us, &user, err);
}

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

static unsigned
claimed_permissions(yyjson_val *claims)
{
    static const struct {
        const char *name;
        unsigned bit;
    } known[] = {{"content:read", PERMISSION_READ}, {"content:update", PERMISSION_UPDATE}, {"content:delete", PERMISSION_DELETE}};
    unsigned bits = 0;
    size_t index, max;
    yyjson_val *item, *list = json_get_c(claims, "permissions");
    if (!yyjson_is_arr(list))
        return 0;
    yyjson_arr_foreach(list, index, max, item) {
        for (size_t i = 0; i < ARRAY_LEN(known); i++)
            if (str_eq_c(json_str(item), known[i].name))
                bits |= known[i].bit;
    }
    return bits;
}

/* A list that is there and names nothing we know gives nothing; no list gives the role's. */
static unsigned
permissions_of(yyjson_val *claims, bool admin)
{
    yyjson_val *list = json_get_c(claims, "permissions");
    if (yyjson_is_arr(list) && yyjson_arr_size(list) > 0)
        return claimed_permissions(claims);
    return admin ? PERMISSIONS_ADMIN : PERMISSIONS_USER;
}

static bool
claims_are_storable(const struct user_search *s)
{
    return text_is_storable(s->subject) && text_is_storable(s->name) && text_is_storable(s->email) &&
           text_is_storable(s->tenant_name);
}

static bool
find_by_jwt(const struct identity_options *o, struct http_exchange *x, struct str token, struct identity *identity_out,
            struct err *err)
{
    yyjson_val *claims;
    if (!o->jwt || !jwt_verify(o->jwt, &o->jwt_policy, clock_wall_us(o->clock), token, x->arena, &claims, err))
        return refuse(o, x->peer, err);
    bool admin = str_eq(json_str(json_get_c(claims, "role")), STR("admin"));
    struct user_search s = {.arena = x->arena,
                            .tenant_name = claimed_tenant(x->arena, claims),
                            .subject = json_str(json_get_c(claims, "sub")),
                            .name = json_str(json_get_c(claims, "name")),
                            .email = json_str(json_get_c(claims, "email")),
                            .role = admin ? ROLE_ADMIN : ROLE_USER,
                            .now_us = clock_wall_us(o->clock)};
    if (s.subject.len == 0 || s.subject.len > LIMIT_NAME_BYTES || !claims_are_storable(&s))
        return refuse(o, x->peer, err);
    if (s.tenant_name.len && !store_read(o->store, search_user, &s, err))
        return false;
    if (!s.tenant_found && !admin)
        return err_set(err, E_FORBIDDEN, "The token names no tenant that exists here");
    if (s.tenant_found && !s.user_found && !store_write(o->store, ensure_user, &s, err))
        return false;
    *identity_out = (struct identity){.known = true,
                                      .admin = admin,
                                      .permissions = permissions_of(claims, admin),
                                      .tenant = s.tenant,
                                      .subject = str_format(x->arena, "user:%.*s", STR_ARG(s.subject))};
    return true;
}

bool
identity_find(const struct identity_options *o, struct http_exchange *x, struct identity *identity_out, struct err *err)
{
    struct str token = bearer_token(http_header_get(&x->headers, "Authorization"));
    if (str_is_none(token))
        return err_set(err, E_UNAUTHORIZED, NULL); /* no guess was made: not counted */
    if (o->local_key.len && secret_equal(token, o->local_key)) {
        *identity_out = (struct identity){.known = true, .admin = true, .permissions = PERMISSIONS_ADMIN,
                                          .subject = STR("local")};
        return true;
    }
    if (token_has_shape(token))
        return find_by_key(o, x, token, identity_out, err);
    return find_by_jwt(o, x, token, identity_out, err);
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
    case ACCESS_ANYONE: return true;
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

/* ---- the tenant that is meant ---- */

struct tenant_search {
    struct arena *arena;
    struct str named;
    struct tenant tenant;
    bool found;
    size_t others;
};

static bool
search_tenant(struct db *db, void *ctx, struct err *err)
{
    struct tenant_search *s = ctx;
    enum row row = store_tenant_find(db, s->arena, s->named, &s->tenant, err);
    s->found = row == ROW_FOUND;
    return row != ROW_FAILED;
}

static bool
search_only_tenant(struct db *db, void *ctx, struct err *err)
{
    struct tenant_search *s = ctx;
    struct tenant *rows;
    size_t count;
    if (!store_tenant_list(db, s->arena, 0, 2, &rows, &count, err))
        return false;
    s->found = count == 1;
    s->others = count;
    if (s->found)
        s->tenant = rows[0];
    return true;
}

static bool
is_named(const struct tenant *tenant, struct str named)
{
    int64_t number;
    return str_eq_nocase(named, tenant->uuid) || str_eq(named, tenant->key) ||
           (str_to_i64(named, 1, INT64_MAX, &number) && number == tenant->id);
}

static bool
admin_tenant(struct store *store, struct arena *a, struct str named, struct tenant *tenant_out, struct err *err)
{
    struct tenant_search s = {.arena = a, .named = named};
    bool any = str_is_none(named);
    if (!text_is_storable(named))
        return err_set(err, E_TENANT_NOT_FOUND, NULL);
    if (!store_read(store, any ? search_only_tenant : search_tenant, &s, err))
        return false;
    if (!s.found && !any)
        return err_set(err, E_TENANT_NOT_FOUND, NULL);
    if (!s.found)
        return err_set(err, E_VALIDATION_FAILED, "Several tenants exist: name one with the header X-Tenant-Id");
    *tenant_out = s.tenant;
    return true;
}

bool
identity_tenant(struct store *store, const struct identity *who, struct arena *a, struct str named,
                struct tenant *tenant_out, struct err *err)
{
    if (who->admin)
        return admin_tenant(store, a, named, tenant_out, err);
    if (!str_is_none(named) && !is_named(&who->tenant, named))
        return err_set(err, E_FORBIDDEN, "This token belongs to another tenant");
    *tenant_out = who->tenant;
    return true;
}
