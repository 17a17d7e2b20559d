/*
 * What is known by its hash: API keys, and the sessions of browsers that signed in.
 */
#include "door/identity_priv.h"

#include <stdlib.h>

#include "crypt/token.h"
#include "store/store_session.h"

struct search {
    struct arena *arena;
    struct str hash;
    int64_t now_us;
    struct api_key key;
    struct session session;
    struct tenant tenant;
    bool found;
};

static bool
begin(const struct identity_options *o, struct http_exchange *x, struct str token, char hash[TOKEN_HASH_BYTES], struct search *s,
      struct err *err)
{
    if (!token_hash(token, hash, err))
        return false;
    *s = (struct search){.arena = x->arena, .hash = {hash, TOKEN_HASH_BYTES - 1}, .now_us = clock_wall_us(o->clock)};
    return true;
}

/* ---- API keys ---- */

static bool
search_key(struct db *db, void *ctx, struct err *err)
{
    struct search *s = ctx;
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
    store_write_async(o->store, STORE_LAZY, touch_key, t, touch_done);
}

/* *found_out false: there is no such key. */
static bool
find_key(const struct identity_options *o, struct search *s, bool *found_out, struct identity_found *key_out, struct err *err)
{
    *found_out = true;
    if (identity_cache_find(o->cache, ASK_KEY, s->hash, s->arena, key_out))
        return true;
    uint64_t generation = identity_cache_begin(o->cache);
    if (!store_read(o->store, search_key, s, err))
        return false;
    *found_out = s->found;
    if (!s->found)
        return true;
    *key_out = (struct identity_found){s->key, s->tenant};
    identity_cache_keep(o->cache, ASK_KEY, s->hash, generation, key_out);
    note_use(o, &s->key, s->now_us);
    return true;
}

bool
identity_by_key(const struct identity_options *o, struct http_exchange *x, struct str token, struct identity *identity_out,
                struct err *err)
{
    char hash[TOKEN_HASH_BYTES];
    struct search s;
    struct identity_found f;
    bool found;
    if (!begin(o, x, token, hash, &s, err) || !find_key(o, &s, &found, &f, err))
        return false;
    if (!found || (f.key.expires_us && f.key.expires_us <= s.now_us))
        return identity_refuse(o, x->peer, err);
    *identity_out = (struct identity){
        .admin = f.key.role == ROLE_ADMIN,
        .permissions = f.key.permissions ? f.key.permissions : role_permissions(f.key.role),
        .tenant = f.tenant,
        .subject = str_format(x->arena, "key:%.*s", STR_ARG(f.key.uuid)),
        .api_key = f.key.id,
        .expires_us = f.key.expires_us,
    };
    return true;
}

/* ---- sessions ---- */

static bool
search_session(struct db *db, void *ctx, struct err *err)
{
    struct search *s = ctx;
    enum row row = store_session_find(db, s->arena, s->hash, s->now_us, &s->session, err);
    s->found = row == ROW_FOUND;
    if (row == ROW_FOUND && s->session.tenant)
        row = store_tenant_get(db, s->arena, s->session.tenant, &s->tenant, err);
    return row != ROW_FAILED;
}

bool
identity_by_session(const struct identity_options *o, struct http_exchange *x, struct str token, bool *found_out,
                    struct identity *identity_out, struct err *err)
{
    char hash[TOKEN_HASH_BYTES];
    struct search s;
    if (!begin(o, x, token, hash, &s, err) || !store_read(o->store, search_session, &s, err))
        return false;
    *found_out = s.found;
    if (!s.found)
        return true;
    if (!s.session.live)
        return err_set(err, E_UNAUTHORIZED, "The session has ended: sign in again"); /* a browser that was left open is no guess */
    *identity_out = (struct identity){
        .admin = s.session.role == ROLE_ADMIN,
        .permissions = s.session.permissions,
        .tenant = s.tenant,
        .subject = s.session.subject,
        .api_key = s.session.api_key,
        .expires_us = s.session.expires_us,
        .session = str_copy(x->arena, s.hash),
    };
    return true;
}
