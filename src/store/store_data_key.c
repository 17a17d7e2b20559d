#include "store/store_data_key.h"

#include "store/store_priv.h"

static void
data_key_read(struct row_reader *r, void *item)
{
    struct data_key *k = item;
    k->id = read_i64(r);
    k->tenant = read_i64(r);
    k->key_id = read_text(r);
    k->wrapped = read_text(r);
    k->uses = read_i64(r);
    k->created_us = read_i64(r);
    k->retired_us = read_i64(r);
}

bool
store_data_key_create(struct db *db, struct data_key *key, int64_t now_us, struct err *err)
{
    key->created_us = now_us;
    enum row row = db_query_i64(db, SQL_DATA_KEY_INSERT, DB_ARGS(DB_I(key->tenant), DB_T(key->key_id), DB_T(key->wrapped),
                                DB_I(key->uses), DB_I(now_us)), &key->id, err);
    return store_row_must(row, E_CONFLICT, err);
}

enum row
store_data_key_newest(struct db *db, struct arena *a, int64_t tenant, struct data_key *key_out, struct err *err)
{
    return store_row(db, SQL_DATA_KEY_NEWEST, DB_ARGS(DB_I(tenant)), a, key_out, sizeof(*key_out), data_key_read, err);
}

enum row
store_data_key_find(struct db *db, struct arena *a, int64_t tenant, struct str key_id, struct data_key *key_out,
                    struct err *err)
{
    return store_row(db, SQL_DATA_KEY_FIND, DB_ARGS(DB_I(tenant), DB_T(key_id)), a, key_out, sizeof(*key_out), data_key_read,
                     err);
}

bool
store_data_key_list(struct db *db, struct arena *a, int64_t tenant, int64_t after, size_t limit, struct data_key **rows_out,
                    size_t *count_out, struct err *err)
{
    struct list list = LIST_OF(a, struct data_key);
    if (!store_rows(db, SQL_DATA_KEY_LIST, DB_ARGS(DB_I(tenant), DB_I(after), DB_I(limit)), &list, data_key_read, err))
        return false;
    *rows_out = list.items;
    *count_out = list.count;
    return true;
}

bool
store_data_key_used(struct db *db, int64_t tenant, int64_t id, int64_t uses, struct err *err)
{
    return db_exec_one(db, SQL_DATA_KEY_USED, DB_ARGS(DB_I(tenant), DB_I(id), DB_I(uses)), E_NOT_FOUND, err);
}

bool
store_data_key_retire(struct db *db, int64_t tenant, int64_t id, int64_t now_us, struct err *err)
{
    return db_exec_one(db, SQL_DATA_KEY_RETIRE, DB_ARGS(DB_I(tenant), DB_I(id), DB_I(now_us)), E_NOT_FOUND, err);
}
