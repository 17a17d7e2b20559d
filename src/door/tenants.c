/*
 * Tenants, the operator's: made, named, listed. What is created here is written into the audit log.
 */
#include "door/audit_priv.h"
#include "door/routes_priv.h"
#include "engine/tenant.h"

#define LIMIT_OTHERWISE 50

struct tenants {
    struct request *request;
    struct str named;
    struct str key, name, region;
    struct paging paging;
    struct tenant *rows, one;
    size_t count;
    int64_t total;
    int64_t *left, one_left; /* records of those that are going */
    bool found;
    enum tenant_switch how;
};

static void
write_tenant(struct json_writer *w, const struct tenant *t, int64_t records_left)
{
    json_begin_object(w, NULL);
    json_add_str(w, "id", t->uuid);
    json_add_str(w, "key", t->key);
    json_add_str(w, "name", t->name);
    json_add_str(w, "region", t->region.len ? t->region : STR_NONE);
    json_add_time(w, "createdAt", t->created_us);
    json_add_time(w, "updatedAt", t->updated_us);
    json_add_c(w, "status", t->deleting_us ? "deleting" : t->disabled_us ? "disabled" : "active");
    json_add_time(w, "disabledAt", t->disabled_us);
    if (t->deleting_us) {
        json_begin_object(w, "deletion");
        json_add_time(w, "startedAt", t->deleting_us);
        json_add_i64(w, "recordsLeft", records_left);
        json_end_object(w);
    }
    json_end_object(w);
}

static bool
reply_tenant(struct request *r, int status, const struct tenants *t, struct err *err)
{
    write_tenant(reply_begin(r, status), &t->one, t->one_left);
    return reply_end(r, err);
}

static bool
read_list(struct db *db, void *ctx, struct err *err)
{
    struct tenants *t = ctx;
    if (!store_tenant_list(db, t->request->arena, t->paging.after, t->paging.offset, (size_t)t->paging.limit, &t->rows,
                           &t->count, err) ||
        !store_tenant_count(db, &t->total, err))
        return false;
    t->left = ARENA_ARRAY(t->request->arena, int64_t, t->count + 1);
    bool ok = t->left || err_no_memory(err);
    for (size_t i = 0; ok && i < t->count; i++)
        ok = !t->rows[i].deleting_us || store_tenant_records_left(db, t->rows[i].id, &t->left[i], err);
    return ok;
}

bool
tenants_list(struct request *r, struct err *err)
{
    struct tenants t = {.request = r};
    if (!request_paging(r, LIMIT_OTHERWISE, &t.paging, err) || !store_read(request_parts(r)->store, read_list, &t, err))
        return false;
    struct json_writer *w = reply_begin(r, 200);
    json_begin_array(w, NULL);
    for (size_t i = 0; i < t.count; i++)
        write_tenant(w, &t.rows[i], t.left[i]);
    json_end_array(w);
    struct str next = t.count == (size_t)t.paging.limit ? list_cursor_text(r->arena, t.rows[t.count - 1].id) : STR_NONE;
    return reply_end_list(r, &t.paging, t.total, next, err);
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
    return reply_tenant(r, 201, &t, err);
}

static bool
read_one(struct db *db, void *ctx, struct err *err)
{
    struct tenants *t = ctx;
    enum row row = store_tenant_find(db, t->request->arena, t->named, &t->one, err);
    t->found = row == ROW_FOUND;
    t->one_left = 0;
    if (t->found && t->one.deleting_us && !store_tenant_records_left(db, t->one.id, &t->one_left, err))
        return false;
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
    return find_named(r, uuid, &t, err) && reply_tenant(r, 201, &t, err);
}

bool
tenants_get(struct request *r, struct err *err)
{
    struct tenants t = {0};
    return find(r, &t, err) && reply_tenant(r, 200, &t, err);
}

/* As it is now: it was looked at before, and both members are written. */
static bool
find_held(struct db *db, struct tenants *t, struct err *err)
{
    if (!store_tenant_hold(db, t->one.id, err))
        return false;
    enum row row = store_tenant_get(db, t->request->arena, t->one.id, &t->one, err);
    return row == ROW_FOUND || (row == ROW_NONE && err_set(err, E_TENANT_NOT_FOUND, NULL));
}

static bool
change(struct db *db, void *ctx, struct err *err)
{
    struct tenants *t = ctx;
    if (!find_held(db, t, err))
        return false;
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
    return find(r, &t, err) && reply_tenant(r, 200, &t, err);
}

/* ---- off, on, and gone ---- */

static bool
set_switch(struct request *r, enum tenant_switch how, const char *action, int status, struct err *err)
{
    struct tenants t = {0};
    if (!find(r, &t, err))
        return false;
    /* Of no tenant: it outlives the one it is about. */
    struct audit audit = {.actor = r->who.subject, .action = str_from_c(action), .subject = t.one.uuid, .request_id = r->id,
                          .address = r->x->peer, .detail = str_format(r->arena, "{\"key\":\"%.*s\"}", STR_ARG(t.one.key))};
    r->audited = true;
    if (!engine_tenant_switch(request_parts(r)->engine, t.one.id, how, &audit, err))
        return false;
    struct err gone = {0};
    if (!find(r, &t, &gone) && gone.code != E_TENANT_NOT_FOUND) { /* a small one may be gone already */
        *err = gone;
        return false;
    }
    if (how == TENANT_DELETE && !t.one.deleting_us)
        t.one.deleting_us = t.one.disabled_us = t.one.updated_us;
    return reply_tenant(r, status, &t, err);
}

bool
tenants_disable(struct request *r, struct err *err)
{
    return set_switch(r, TENANT_OFF, "tenant.disable", 200, err);
}

bool
tenants_enable(struct request *r, struct err *err)
{
    return set_switch(r, TENANT_ON, "tenant.enable", 200, err);
}

bool
tenants_delete(struct request *r, struct err *err)
{
    return set_switch(r, TENANT_DELETE, "tenant.delete", 202, err);
}
