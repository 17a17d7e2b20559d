#include "store/store_tenant.h"

#include "base/rng.h"
#include "store/store_priv.h"

void
store_tenant_read(struct row_reader *r, void *item)
{
    struct tenant *t = item;
    t->id = read_i64(r);
    t->uuid = read_text(r);
    t->key = read_text(r);
    t->name = read_text(r);
    t->region = read_text(r);
    t->created_us = read_i64(r);
    t->updated_us = read_i64(r);
    t->disabled_us = read_i64(r);
    t->deleting_us = read_i64(r);
    t->deleted_rows = read_i64(r);
}

static enum row
tenant_row(struct db *db, struct arena *a, enum sql statement, struct db_value value, struct tenant *tenant_out,
           struct err *err)
{
    return store_row(db, statement, &value, 1, a, tenant_out, sizeof(*tenant_out), store_tenant_read, err);
}

bool
store_tenant_create(struct db *db, struct arena *a, struct tenant *tenant, int64_t now_us, struct err *err)
{
    db_note_identity(db);
    tenant->uuid = store_new_uuid(a);
    if (str_is_none(tenant->uuid))
        return STORE_ARENA_FULL(err);
    db_note_effect(db, "tenant", tenant->uuid);
    enum row row = db_query_i64(db, SQL_TENANT_INSERT, DB_ARGS(DB_T(tenant->uuid), DB_T(tenant->key), DB_T(tenant->name),
                                DB_T(tenant->region), DB_I(now_us)), &tenant->id, err);
    if (row == ROW_NONE)
        return err_set(err, E_CONFLICT, "A tenant with the key \"%.*s\" exists", STR_ARG(tenant->key));
    tenant->created_us = tenant->updated_us = now_us;
    return row == ROW_FOUND;
}

/* Two nodes may start at once on an empty database: the key decides who made it. */
static bool
create_default(struct db *db, struct arena *a, int64_t now_us, struct tenant *tenant_out, bool *created_out, struct err *err)
{
    struct tenant tenant = {.key = TENANT_DEFAULT_KEY, .name = STR("Default")};
    if (store_tenant_create(db, a, &tenant, now_us, err)) {
        *tenant_out = tenant;
        *created_out = true;
        return true;
    }
    if (err->code != E_CONFLICT)
        return false;
    return store_row_must(tenant_row(db, a, SQL_TENANT_BY_KEY, DB_T(TENANT_DEFAULT_KEY), tenant_out, err), E_STORE, err);
}

bool
store_tenant_ensure_default(struct db *db, struct arena *a, int64_t now_us, struct tenant *tenant_out, bool *created_out,
                            struct err *err)
{
    bool created = false;
    enum row row = tenant_row(db, a, SQL_TENANT_BY_KEY, DB_T(TENANT_DEFAULT_KEY), tenant_out, err);
    if (row == ROW_NONE)
        row = store_row(db, SQL_TENANT_LIST, DB_ARGS(DB_I(0), DB_I(1), DB_I(0)), a, tenant_out, sizeof(*tenant_out),
                        store_tenant_read, err);
    if (row == ROW_FAILED || (row == ROW_NONE && !create_default(db, a, now_us, tenant_out, &created, err)))
        return false;
    if (created_out)
        *created_out = created;
    return true;
}

bool
store_tenant_hold(struct db *db, int64_t tenant, struct err *err)
{
    return db_can(db, DB_ONE_WRITER) || db_exec(db, SQL_TENANT_HOLD, DB_ARGS(DB_I(tenant)), NULL, err);
}

bool
store_tenant_update(struct db *db, int64_t tenant, struct str name, struct str region, int64_t now_us, struct err *err)
{
    db_note_identity(db);
    return db_exec_one(db, SQL_TENANT_UPDATE, DB_ARGS(DB_I(tenant), DB_T(name), DB_T(region), DB_I(now_us)),
                       E_TENANT_NOT_FOUND, err);
}

enum row
store_tenant_get(struct db *db, struct arena *a, int64_t tenant, struct tenant *tenant_out, struct err *err)
{
    return tenant_row(db, a, SQL_TENANT_GET, DB_I(tenant), tenant_out, err);
}

enum row
store_tenant_find(struct db *db, struct arena *a, struct str name, struct tenant *tenant_out, struct err *err)
{
    int64_t id;
    enum row row = tenant_row(db, a, SQL_TENANT_BY_KEY, DB_T(name), tenant_out, err);
    if (row == ROW_NONE && uuid_is_valid(name)) {
        struct str lower = str_lower(a, name);
        if (str_is_none(lower))
            return STORE_ARENA_FULL(err), ROW_FAILED;
        row = tenant_row(db, a, SQL_TENANT_BY_UUID, DB_T(lower), tenant_out, err);
    }
    if (row == ROW_NONE && str_to_i64(name, 1, INT32_MAX, &id))
        row = tenant_row(db, a, SQL_TENANT_GET, DB_I(id), tenant_out, err);
    return row;
}

bool
store_tenant_has_name(const struct tenant *tenant, struct str name)
{
    int64_t number;
    return str_eq_nocase(name, tenant->uuid) || str_eq(name, tenant->key) ||
           (str_to_i64(name, 1, INT32_MAX, &number) && number == tenant->id);
}

bool
store_tenant_key_is_valid(struct str key)
{
    for (size_t i = 0; i < key.len; i++) {
        char c = key.ptr[i];
        bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
                    c == '.';
        if (!fits)
            return false;
    }
    int64_t number;
    return key.len > 0 && key.len <= TENANT_KEY_BYTES_MAX && !str_to_i64(key, 0, INT64_MAX, &number);
}

bool
store_tenant_list(struct db *db, struct arena *a, int64_t after, size_t offset, size_t limit, struct tenant **rows_out,
                  size_t *count_out, struct err *err)
{
    struct list list = LIST_OF(a, struct tenant);
    if (!store_rows(db, SQL_TENANT_LIST, DB_ARGS(DB_I(after), DB_I(limit), DB_I(offset)), &list, store_tenant_read, err))
        return false;
    *rows_out = list.items;
    *count_out = list.count;
    return true;
}

bool
store_tenant_count(struct db *db, int64_t *count_out, struct err *err)
{
    return db_query_i64(db, SQL_TENANT_COUNT, DB_NO_ARGS, count_out, err) == ROW_FOUND;
}
