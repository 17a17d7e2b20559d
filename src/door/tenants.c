/*
 * Tenants, the operator's: made, named, listed. What is created here is written into the audit log.
 */
#include "door/audit_priv.h"
#include "door/routes_priv.h"

#define LIMIT_OTHERWISE 50

struct tenants {
    struct request *request;
    struct str named;
    struct str key, name, region;
    int64_t after;
    size_t limit;
    struct tenant *rows, one;
    size_t count;
    int64_t total;
    bool found;
};

static void
write_tenant(struct json_writer *w, const struct tenant *t)
{
    json_begin_object(w, NULL);
    json_add_str(w, "id", t->uuid);
    json_add_str(w, "key", t->key);
    json_add_str(w, "name", t->name);
    json_add_str(w, "region", t->region.len ? t->region : STR_NONE);
    json_add_time(w, "createdAt", t->created_us);
    json_add_time(w, "updatedAt", t->updated_us);
    json_end_object(w);
}

static bool
reply_tenant(struct request *r, int status, const struct tenant *t, struct err *err)
{
    write_tenant(reply_begin(r, status), t);
    return reply_end(r, err);
}

static bool
read_list(struct db *db, void *ctx, struct err *err)
{
    struct tenants *t = ctx;
    return store_tenant_list(db, t->request->arena, t->after, t->limit, &t->rows, &t->count, err) &&
           store_tenant_count(db, &t->total, err);
}

bool
tenants_list(struct request *r, struct err *err)
{
    struct paging paging;
    if (!request_paging(r, LIMIT_OTHERWISE, &paging, err))
        return false;
    /* Numbers are given once and never reused, so a page by number may be short by deleted ones; the cursor is exact. */
    struct tenants t = {.request = r, .after = paging.after ? paging.after : (int64_t)paging.offset,
                        .limit = (size_t)paging.limit};
    if (!store_read(request_parts(r)->store, read_list, &t, err))
        return false;
    struct json_writer *w = reply_begin(r, 200);
    json_begin_array(w, NULL);
    for (size_t i = 0; i < t.count; i++)
        write_tenant(w, &t.rows[i]);
    json_end_array(w);
    struct str next = t.count == t.limit ? list_cursor_text(r->arena, t.rows[t.count - 1].id) : STR_NONE;
    return reply_end_list(r, &paging, t.total, next, err);
}

static bool
is_region(struct str region)
{
    return region.len == 2 && region.ptr[0] >= 'A' && region.ptr[0] <= 'Z' && region.ptr[1] >= 'A' &&
           region.ptr[1] <= 'Z';
}

static bool
read_name_and_region(struct request *r, struct tenants *t, struct err *err)
{
    if (!request_body_str(r, "name", LIMIT_NAME_BYTES, &t->name, err) ||
        !request_body_str(r, "region", LIMIT_NAME_BYTES, &t->region, err))
        return false;
    return !t->region.len || is_region(t->region) ||
           request_fault(r, err, "/region", "must be two capital letters, such as BR (ISO 3166-1)");
}

static bool
create(struct db *db, void *ctx, struct err *err)
{
    struct tenants *t = ctx;
    struct request *r = t->request;
    t->one = (struct tenant){.key = t->key, .name = t->name, .region = t->region};
    return store_tenant_create(db, r->arena, &t->one, store_now(db), err) &&
           audit_add(db, r, t->one.id, "tenant.create", t->one.uuid, err);
}

bool
tenants_create(struct request *r, struct err *err)
{
    struct tenants t = {.request = r};
    if (!request_body_str(r, "key", LIMIT_NAME_BYTES, &t.key, err) || !read_name_and_region(r, &t, err))
        return false;
    if (!store_tenant_key_is_valid(t.key))
        return request_fault(r, err, "/key", "is required: 1 to 64 letters, digits, '_', '-', '.', not a number alone");
    if (!t.name.len)
        t.name = t.key;
    if (!store_write(request_parts(r)->store, create, &t, err))
        return err->code == E_CONFLICT ? err_set(err, E_CONFLICT, "A tenant with this key exists") : false;
    return reply_tenant(r, 201, &t.one, err);
}

static bool
read_one(struct db *db, void *ctx, struct err *err)
{
    struct tenants *t = ctx;
    enum row row = store_tenant_find(db, t->request->arena, t->named, &t->one, err);
    t->found = row == ROW_FOUND;
    return row != ROW_FAILED;
}

static bool
find_named(struct request *r, struct str named, struct tenants *t, struct err *err)
{
    t->request = r;
    t->named = named;
    if (!store_read(request_parts(r)->store, read_one, t, err))
        return false;
    return t->found || err_set(err, E_TENANT_NOT_FOUND, NULL);
}

static bool
find(struct request *r, struct tenants *t, struct err *err)
{
    return find_named(r, request_path_param(r, 0), t, err);
}

bool
tenants_create_again(struct request *r, struct str uuid, struct err *err)
{
    struct tenants t = {0};
    return find_named(r, uuid, &t, err) && reply_tenant(r, 201, &t.one, err);
}

bool
tenants_get(struct request *r, struct err *err)
{
    struct tenants t = {0};
    return find(r, &t, err) && reply_tenant(r, 200, &t.one, err);
}

static bool
change(struct db *db, void *ctx, struct err *err)
{
    struct tenants *t = ctx;
    struct str name = t->name.len ? t->name : t->one.name, region = t->region.len ? t->region : t->one.region;
    return store_tenant_update(db, t->one.id, name, region, store_now(db), err) &&
           audit_add(db, t->request, t->one.id, "tenant.change", t->one.uuid, err);
}

bool
tenants_change(struct request *r, struct err *err)
{
    struct tenants t = {0};
    if (!find(r, &t, err) || !read_name_and_region(r, &t, err) ||
        !store_write(request_parts(r)->store, change, &t, err))
        return false;
    return find(r, &t, err) && reply_tenant(r, 200, &t.one, err);
}
