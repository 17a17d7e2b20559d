/*
 * API keys of a tenant. A key is shown once, when it is made; only its hash is stored.
 */
#include "crypt/token.h"
#include "door/audit_priv.h"
#include "door/routes_priv.h"

#define LIMIT_OTHERWISE 50
#define SHOWN_CHARS 8 /* "tm_" and five more: enough to tell keys apart */

struct keys {
    struct request *request;
    struct str uuid, hash;
    struct paging paging;
    struct api_key *rows, one;
    size_t count;
    int64_t total;
};

/* What a key may do: its own list, else its role's. */
static unsigned
effective(const struct api_key *key)
{
    unsigned all = PERMISSION_READ | PERMISSION_UPDATE | PERMISSION_DELETE;
    if (key->permissions)
        return key->permissions;
    return key->role == ROLE_ADMIN ? all : PERMISSION_READ | PERMISSION_UPDATE;
}

static void
write_key(struct json_writer *w, const struct api_key *key)
{
    json_add_str(w, "id", key->uuid);
    json_add_str(w, "name", key->name);
    json_add_str(w, "prefix", key->shown);
    json_add_c(w, "role", user_role_name(key->role));
    write_permissions(w, "permissions", effective(key));
    json_add_time(w, "createdAt", key->created_us);
    json_add_time(w, "lastUsedAt", key->last_used_us);
    json_add_time(w, "expiresAt", key->expires_us);
    json_add_time(w, "revokedAt", key->revoked_us);
}

static bool
read_list(struct db *db, void *ctx, struct err *err)
{
    struct keys *k = ctx;
    return store_key_list(db, k->request->arena, k->request->tenant.id, k->paging.after, k->paging.offset,
                          (size_t)k->paging.limit, &k->rows, &k->count, &k->total, err);
}

bool
keys_list(struct request *r, struct err *err)
{
    struct keys k = {.request = r};
    if (!request_paging(r, LIMIT_OTHERWISE, &k.paging, err) || !store_read(request_parts(r)->store, read_list, &k, err))
        return false;
    struct json_writer *w = reply_begin(r, 200);
    json_begin_array(w, NULL);
    for (size_t i = 0; i < k.count; i++) {
        json_begin_object(w, NULL);
        write_key(w, &k.rows[i]);
        json_end_object(w);
    }
    json_end_array(w);
    struct str next = k.count == (size_t)k.paging.limit ? list_cursor_text(r->arena, k.rows[k.count - 1].id) : STR_NONE;
    return reply_end_list(r, &k.paging, k.total, next, err);
}

static bool
read_one(struct db *db, void *ctx, struct err *err)
{
    struct keys *k = ctx;
    enum row row = store_key_get(db, k->request->arena, k->request->tenant.id, k->uuid, &k->one, err);
    k->count = row == ROW_FOUND;
    return row != ROW_FAILED;
}

bool
keys_get(struct request *r, struct err *err)
{
    struct keys k = {.request = r, .uuid = request_path_param(r, 0)};
    if (!store_read(request_parts(r)->store, read_one, &k, err))
        return false;
    if (!k.count)
        return err_set(err, E_NOT_FOUND, NULL);
    write_key(reply_object(r, 200), &k.one);
    return reply_object_end(r, err);
}

static bool
read_expiry(struct request *r, int64_t *expires_us_out, struct err *err)
{
    struct str text;
    if (!request_body_str(r, "expiresAt", LIMIT_NAME_BYTES, &text, err))
        return false;
    *expires_us_out = 0;
    if (!text.len)
        return true;
    if (!time_parse(text, expires_us_out))
        return request_fault(r, err, "/expiresAt", "must be a time such as 2027-01-31T00:00:00Z");
    return *expires_us_out > clock_wall_us(request_parts(r)->clock) ||
           request_fault(r, err, "/expiresAt", "has passed already");
}

static bool
read_ask(struct request *r, struct api_key *key, struct err *err)
{
    struct str role;
    if (!request_body_str(r, "name", LIMIT_NAME_BYTES, &key->name, err) ||
        !request_body_str(r, "role", LIMIT_NAME_BYTES, &role, err) ||
        !request_body_permissions(r, &key->permissions, err) || !read_expiry(r, &key->expires_us, err))
        return false;
    if (!key->name.len)
        return request_fault(r, err, "/name", "is required: say what the key is for");
    if (role.len && !user_role_from_name(role, &key->role))
        return request_fault(r, err, "/role", "must be user or admin");
    return true;
}

static bool
create(struct db *db, void *ctx, struct err *err)
{
    struct keys *k = ctx;
    struct request *r = k->request;
    return store_key_create(db, r->arena, &k->one, k->hash, store_now(db), err) &&
           audit_add(db, r, r->tenant.id, "key.create", k->one.uuid, err);
}

bool
keys_create(struct request *r, struct err *err)
{
    struct token token;
    struct keys k = {.request = r, .one = {.tenant = r->tenant.id, .role = ROLE_USER}};
    if (!read_ask(r, &k.one, err) || !token_new(&token, err))
        return false;
    k.hash = str_from_c(token.hash);
    k.one.shown = (struct str){token.text, SHOWN_CHARS};
    bool ok = store_write(request_parts(r)->store, create, &k, err);
    if (ok) {
        struct json_writer *w = reply_object(r, 201);
        write_key(w, &k.one);
        json_add_c(w, "key", token.text);
        ok = reply_object_end(r, err);
    }
    token_wipe(&token);
    return ok;
}

static bool
revoke(struct db *db, void *ctx, struct err *err)
{
    struct keys *k = ctx;
    struct request *r = k->request;
    return store_key_revoke(db, r->tenant.id, k->uuid, store_now(db), err) &&
           audit_add(db, r, r->tenant.id, "key.revoke", k->uuid, err);
}

bool
keys_revoke(struct request *r, struct err *err)
{
    struct keys k = {.request = r, .uuid = request_path_param(r, 0)};
    return store_write(request_parts(r)->store, revoke, &k, err) && reply_empty(r, 204);
}
