/*
 * Sub-accounts (002): tenants, as that document's admin keeps them.
 */
#include "base/limits.h"
#include "base/rng.h"
#include "door/audit_priv.h"
#include "door/integrations_priv.h"
#include "door/routes_priv.h"
#include "store/store_sub_account.h"

#define LIMIT_OTHERWISE 50

struct sub_accounts {
    struct request *request;
    struct paging paging;
    struct tenant *rows, one;
    size_t count;
    int64_t total;
    struct sub_account_counts counts;
    struct str key, name, region;
};

static void
write_members(struct json_writer *w, const struct tenant *t)
{
    json_add_i64(w, "id", t->id);
    json_add_str(w, "uuid", t->uuid);
    json_add_str(w, "key", t->key);
    json_add_str(w, "name", t->name);
    json_add_str(w, "region", t->region.len ? t->region : STR_NONE);
    json_add_time(w, "createdAt", t->created_us);
    json_add_time(w, "updatedAt", t->updated_us);
}

static bool
read_list(struct db *db, void *ctx, struct err *err)
{
    struct sub_accounts *s = ctx;
    return store_tenant_list(db, s->request->arena, s->paging.after, s->paging.offset, (size_t)s->paging.limit, &s->rows, &s->count,
                             err) &&
           store_tenant_count(db, &s->total, err);
}

bool
sub_accounts_list(struct request *r, struct err *err)
{
    struct sub_accounts s = {.request = r};
    if (!request_paging(r, LIMIT_OTHERWISE, &s.paging, err) || !store_read(request_parts(r)->store, read_list, &s, err))
        return false;
    struct json_writer *w = bare_list(r);
    for (size_t i = 0; i < s.count; i++) {
        json_begin_object(w, NULL);
        write_members(w, &s.rows[i]);
        json_end_object(w);
    }
    struct str next = s.count == (size_t)s.paging.limit ? list_cursor_text(r->arena, s.rows[s.count - 1].id) : STR_NONE;
    return bare_list_end(r, &s.paging, s.total, next, err);
}

static bool
read_counts(struct db *db, void *ctx, struct err *err)
{
    struct sub_accounts *s = ctx;
    return store_sub_account_counts(db, s->one.id, &s->counts, err);
}

static bool
reply_one(struct request *r, int status, struct sub_accounts *s, struct err *err)
{
    if (!store_read(request_parts(r)->store, read_counts, s, err))
        return false;
    struct json_writer *w = reply_bare(r, status);
    write_members(w, &s->one);
    json_add_i64(w, "integrationsCount", s->counts.connections);
    json_add_i64(w, "usersCount", s->counts.users);
    json_add_i64(w, "strategiesCount", s->counts.strategies);
    return reply_end(r, err);
}

bool
sub_accounts_get(struct request *r, struct err *err)
{
    struct sub_accounts s = {.request = r};
    return find_sub_account(r, request_path_param(r, 0), &s.one, err) && reply_one(r, 200, &s, err);
}

static bool
is_region(struct str region)
{
    return region.len == 2 && region.ptr[0] >= 'A' && region.ptr[0] <= 'Z' && region.ptr[1] >= 'A' && region.ptr[1] <= 'Z';
}

/* As /api/v1/tenants takes it: no number alone, so that an integer in a path is always the integer id. */
static bool
is_key(struct str key)
{
    int64_t number;
    for (size_t i = 0; i < key.len; i++) {
        char c = key.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.'))
            return false;
    }
    return key.len > 0 && key.len <= 64 && !str_to_i64(key, 0, INT64_MAX, &number);
}

static bool
read_body(struct sub_accounts *s, struct err *err)
{
    struct request *r = s->request;
    if (!request_body_str(r, "name", LIMIT_NAME_BYTES, &s->name, err) || !request_body_str(r, "key", LIMIT_NAME_BYTES, &s->key, err) ||
        !request_body_removable(r, "region", LIMIT_NAME_BYTES, &s->region, err))
        return false;
    if (s->region.len && !is_region(s->region))
        return request_fault(r, err, "/region", "must be two capital letters, such as BR (ISO 3166-1)");
    return !s->key.len || is_key(s->key) ||
           request_fault(r, err, "/key", "must be 1 to 64 letters, digits, '_', '-', '.', not a number alone");
}

static bool
create(struct db *db, void *ctx, struct err *err)
{
    struct sub_accounts *s = ctx;
    struct request *r = s->request;
    s->one = (struct tenant){.key = s->key, .name = s->name, .region = s->region.len ? s->region : STR_NONE};
    return store_tenant_create(db, r->arena, &s->one, store_now(db), err) &&
           audit_add(db, r, s->one.id, "tenant.create", s->one.uuid, err);
}

bool
sub_accounts_create(struct request *r, struct err *err)
{
    struct sub_accounts s = {.request = r};
    char uuid[UUID_TEXT_BYTES];
    if (!read_body(&s, err))
        return false;
    if (!s.name.len)
        return request_fault(r, err, "/name", "is required");
    if (!s.key.len) /* the random part of a new UUID */
        s.key = str_format(r->arena, "sub-%.12s", uuid_v7_now(uuid) + 24);
    if (!store_write(request_parts(r)->store, create, &s, err))
        return err->code == E_CONFLICT ? err_set(err, E_CONFLICT, "A sub-account with this key exists") : false;
    return reply_one(r, 201, &s, err);
}

bool
sub_accounts_create_again(struct request *r, struct str uuid, struct err *err)
{
    struct sub_accounts s = {.request = r};
    return find_sub_account(r, uuid, &s.one, err) && reply_one(r, 201, &s, err);
}

/* As it is now: it was looked at before, and both members are written. */
static bool
find_held(struct db *db, struct sub_accounts *s, struct err *err)
{
    if (!store_tenant_hold(db, s->one.id, err))
        return false;
    enum row row = store_tenant_get(db, s->request->arena, s->one.id, &s->one, err);
    return row == ROW_FOUND || (row == ROW_NONE && err_set(err, E_TENANT_NOT_FOUND, NULL));
}

static bool
change(struct db *db, void *ctx, struct err *err)
{
    struct sub_accounts *s = ctx;
    if (!find_held(db, s, err))
        return false;
    struct str name = s->name.len ? s->name : s->one.name;
    struct str region = str_is_none(s->region) ? s->one.region : s->region.len ? s->region : STR_NONE;
    return store_tenant_update(db, s->one.id, name, region, store_now(db), err) &&
           audit_add(db, s->request, s->one.id, "tenant.change", s->one.uuid, err) &&
           store_tenant_get(db, s->request->arena, s->one.id, &s->one, err) == ROW_FOUND;
}

bool
sub_accounts_change(struct request *r, struct err *err)
{
    struct sub_accounts s = {.request = r};
    if (!find_sub_account(r, request_path_param(r, 0), &s.one, err) || !read_body(&s, err))
        return false;
    if (s.key.len && !str_eq(s.key, s.one.key))
        return request_fault(r, err, "/key", "cannot be changed: tokens and headers name the sub-account by it");
    return store_write(request_parts(r)->store, change, &s, err) && reply_one(r, 200, &s, err);
}

static bool
delete_one(struct db *db, void *ctx, struct err *err)
{
    struct sub_accounts *s = ctx;
    return audit_add(db, s->request, s->one.id, "tenant.delete", s->one.uuid, err) &&
           store_sub_account_delete(db, s->one.id, err);
}

bool
sub_accounts_delete(struct request *r, struct err *err)
{
    struct sub_accounts s = {.request = r};
    if (!find_sub_account(r, request_path_param(r, 0), &s.one, err))
        return false;
    return store_write(request_parts(r)->store, delete_one, &s, err) && reply_empty(r, 204);
}
