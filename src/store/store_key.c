#include "store/store_key.h"

#include "store/store_priv.h"

static void
key_read(struct row_reader *r, void *item)
{
    struct api_key *k = item;
    k->id = read_i64(r);
    k->tenant = read_i64(r);
    k->uuid = read_text(r);
    k->name = read_text(r);
    k->shown = read_text(r);
    struct str role = db_column_text(r->rows, r->column++);
    if (!user_role_from_name(role, &k->role))
        k->role = ROLE_USER;
    k->permissions = (unsigned)read_i64(r);
    k->created_us = read_i64(r);
    k->last_used_us = read_i64(r);
    k->expires_us = read_i64(r);
    k->revoked_us = read_i64(r);
}

bool
store_key_create(struct db *db, struct arena *a, struct api_key *key, struct str hash, int64_t now_us, struct err *err)
{
    db_note_identity(db);
    key->uuid = store_new_uuid(a);
    if (str_is_none(key->uuid))
        return STORE_ARENA_FULL(err);
    db_note_effect(db, "key", key->uuid);
    key->created_us = now_us;
    enum row row = db_query_i64(db, SQL_KEY_INSERT, DB_ARGS(DB_I(key->tenant), DB_T(key->uuid), DB_T(hash), DB_T(key->name),
                                DB_T(key->shown), DB_T(str_from_c(user_role_name(key->role))), DB_I(key->permissions),
                                DB_I(now_us), DB_I0(key->expires_us)), &key->id, err);
    return store_row_must(row, E_CONFLICT, err);
}

enum row
store_key_find(struct db *db, struct arena *a, struct str hash, int64_t now_us, struct api_key *key_out, struct err *err)
{
    return store_row(db, SQL_KEY_FIND, DB_ARGS(DB_T(hash), DB_I(now_us)), a, key_out, sizeof(*key_out), key_read, err);
}

enum row
store_key_get(struct db *db, struct arena *a, int64_t tenant, struct str uuid, struct api_key *key_out, struct err *err)
{
    return store_row(db, SQL_KEY_GET, DB_ARGS(DB_I(tenant), DB_T(uuid)), a, key_out, sizeof(*key_out), key_read, err);
}

bool
store_key_touch(struct db *db, int64_t tenant, int64_t key, int64_t now_us, struct err *err)
{
    return db_exec(db, SQL_KEY_TOUCH, DB_ARGS(DB_I(tenant), DB_I(key), DB_I(now_us)), NULL, err);
}

bool
store_key_revoke(struct db *db, int64_t tenant, struct str uuid, int64_t now_us, struct err *err)
{
    db_note_identity(db);
    return db_exec_one(db, SQL_KEY_REVOKE, DB_ARGS(DB_I(tenant), DB_T(uuid), DB_I(now_us)), E_NOT_FOUND, err);
}

bool
store_key_list(struct db *db, struct arena *a, int64_t tenant, int64_t after, size_t offset, size_t limit, struct api_key **rows_out,
               size_t *count_out, int64_t *total_out, struct err *err)
{
    struct list list = LIST_OF(a, struct api_key);
    if (total_out && db_query_i64(db, SQL_KEY_TOTAL, DB_ARGS(DB_I(tenant)), total_out, err) != ROW_FOUND)
        return false;
    if (!store_rows(db, SQL_KEY_LIST, DB_ARGS(DB_I(tenant), DB_I(after), DB_I(limit), DB_I(offset)), &list, key_read, err))
        return false;
    *rows_out = list.items;
    *count_out = list.count;
    return true;
}

bool
store_key_count(struct db *db, int64_t now_us, int64_t *count_out, struct err *err)
{
    return db_query_i64(db, SQL_KEY_COUNT, DB_ARGS(DB_I(now_us)), count_out, err) == ROW_FOUND;
}
