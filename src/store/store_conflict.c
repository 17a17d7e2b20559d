#include "store/store_conflict.h"

#include "store/store_priv.h"

static void
conflict_read(struct row_reader *r, void *item)
{
    struct conflict *c = item;
    c->id = read_i64(r);
    c->uuid = read_text(r);
    c->connection = read_i64(r);
    c->record = read_i64(r);
    c->open = str_eq_c(read_text(r), "open");
    c->fields = read_text(r);
    c->choice = read_text(r);
    c->resolved_by = read_text(r);
    c->created_us = read_i64(r);
    c->updated_us = read_i64(r);
    c->resolved_us = read_i64(r);
    c->connection_uuid = read_text(r);
    c->connection_name = read_text(r);
    c->template_name = read_text(r);
    c->record_uuid = read_text(r);
    c->title = read_text(r);
    c->kind = read_text(r);
    c->data = read_text(r);
}

bool
store_conflict_add(struct db *db, struct arena *a, int64_t tenant, int64_t connection, int64_t record, struct str fields,
                   int64_t now_us, struct str *uuid_out, struct err *err)
{
    struct str uuid = store_new_uuid(a);
    if (str_is_none(uuid))
        return STORE_ARENA_FULL(err);
    if (!db_exec(db, SQL_CONFLICT_INSERT, DB_ARGS(DB_I(tenant), DB_T(uuid), DB_I(connection), DB_I(record), DB_T(fields), DB_I(now_us)),
                 NULL, err))
        return false;
    *uuid_out = uuid;
    return true;
}

enum row
store_conflict_open(struct db *db, struct arena *a, int64_t tenant, int64_t record, int64_t connection,
                    struct conflict *conflict_out, struct err *err)
{
    return store_row(db, SQL_CONFLICT_OPEN, DB_ARGS(DB_I(tenant), DB_I(record), DB_I(connection)), a, conflict_out,
                     sizeof(*conflict_out), conflict_read, err);
}

enum row
store_conflict_get(struct db *db, struct arena *a, int64_t tenant, struct str uuid, struct conflict *conflict_out, struct err *err)
{
    return store_row(db, SQL_CONFLICT_GET, DB_ARGS(DB_I(tenant), DB_T(uuid)), a, conflict_out, sizeof(*conflict_out), conflict_read,
                     err);
}

bool
store_conflict_of_record(struct db *db, struct arena *a, int64_t tenant, int64_t record, struct conflict **rows_out, size_t *count_out,
                         struct err *err)
{
    struct list list = LIST_OF(a, struct conflict);
    if (!store_rows(db, SQL_CONFLICT_OF_RECORD, DB_ARGS(DB_I(tenant), DB_I(record)), &list, conflict_read, err))
        return false;
    *rows_out = list.items;
    *count_out = list.count;
    return true;
}

bool
store_conflict_list(struct db *db, struct arena *a, int64_t tenant, const struct conflict_filter *f, struct conflict **rows_out,
                    size_t *count_out, struct err *err)
{
    struct list list = LIST_OF(a, struct conflict);
    if (!store_rows(db, SQL_CONFLICT_LIST, DB_ARGS(DB_I(tenant), DB_T(f->state), DB_T(f->connection), DB_T(f->record), DB_I(f->after),
                                                   DB_I(f->limit), DB_I(f->offset)), &list, conflict_read, err))
        return false;
    *rows_out = list.items;
    *count_out = list.count;
    return true;
}

bool
store_conflict_count(struct db *db, int64_t tenant, const struct conflict_filter *f, int64_t *count_out, struct err *err)
{
    return db_query_i64(db, SQL_CONFLICT_COUNT, DB_ARGS(DB_I(tenant), DB_T(f->state), DB_T(f->connection), DB_T(f->record)), count_out,
                        err) == ROW_FOUND;
}

bool
store_conflict_set_fields(struct db *db, int64_t tenant, int64_t conflict, struct str fields, int64_t now_us, struct err *err)
{
    return db_exec(db, SQL_CONFLICT_FIELDS, DB_ARGS(DB_I(tenant), DB_I(conflict), DB_T(fields), DB_I(now_us)), NULL, err);
}

bool
store_conflict_resolve(struct db *db, int64_t tenant, int64_t conflict, struct str choice, struct str by, int64_t now_us,
                       struct err *err)
{
    return db_exec_one(db, SQL_CONFLICT_RESOLVE, DB_ARGS(DB_I(tenant), DB_I(conflict), DB_T(choice), DB_T(by), DB_I(now_us)),
                       E_CONFLICT, err);
}

bool
store_conflict_erase(struct db *db, int64_t tenant, int64_t record, struct err *err)
{
    return db_exec(db, SQL_CONFLICT_ERASE, DB_ARGS(DB_I(tenant), DB_I(record)), NULL, err);
}
