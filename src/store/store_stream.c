#include "store/store_stream.h"

#include "store/store_priv.h"

static void
stream_read(struct row_reader *r, void *item)
{
    struct stream *s = item;
    s->id = read_i64(r);
    s->tenant = read_i64(r);
    s->connection = read_i64(r);
    s->collection = read_i64(r);
    s->name = read_text(r);
    s->kind = read_text(r);
    s->records = read_i64(r);
    s->deleted = read_i64(r);
    s->rejected = read_i64(r);
    s->last_full_us = read_i64(r);
    s->last_run = read_i64(r);
    s->version = read_text(r);
}

enum row
store_collection_find(struct db *db, int64_t tenant, struct str kind, int64_t *collection_out, struct err *err)
{
    return db_query_i64(db, SQL_COLLECTION_FIND, DB_ARGS(DB_I(tenant), DB_T(kind)), collection_out, err);
}

bool
store_collection_ensure(struct db *db, int64_t tenant, struct str kind, int64_t *collection_out, struct err *err)
{
    enum row row = store_collection_find(db, tenant, kind, collection_out, err);
    if (row != ROW_NONE)
        return row == ROW_FOUND;
    if (!db_exec(db, SQL_COLLECTION_INSERT, DB_ARGS(DB_I(tenant), DB_T(kind)), NULL, err))
        return false;
    return store_row_must(store_collection_find(db, tenant, kind, collection_out, err), E_STORE, err);
}

enum row
store_stream_find(struct db *db, struct arena *a, int64_t tenant, int64_t connection, struct str name,
                  struct stream *stream_out, struct err *err)
{
    return store_row(db, SQL_STREAM_FIND, DB_ARGS(DB_I(tenant), DB_I(connection), DB_T(name)), a, stream_out,
                     sizeof(*stream_out), stream_read, err);
}

bool
store_stream_ensure(struct db *db, struct arena *a, int64_t tenant, int64_t connection, struct str name, struct str kind,
                    struct stream *stream_out, struct err *err)
{
    enum row row = store_stream_find(db, a, tenant, connection, name, stream_out, err);
    if (row == ROW_FAILED)
        return false;
    if (row == ROW_FOUND && str_eq(stream_out->kind, kind))
        return true;
    int64_t collection;
    if (!store_collection_ensure(db, tenant, kind, &collection, err) ||
        !db_exec(db, SQL_STREAM_ENSURE, DB_ARGS(DB_I(tenant), DB_I(connection), DB_T(name), DB_I(collection)), NULL, err))
        return false;
    return store_row_must(store_stream_find(db, a, tenant, connection, name, stream_out, err), E_STORE, err);
}

enum row
store_stream_get(struct db *db, struct arena *a, int64_t tenant, int64_t stream, struct stream *stream_out, struct err *err)
{
    return store_row(db, SQL_STREAM_GET, DB_ARGS(DB_I(tenant), DB_I(stream)), a, stream_out, sizeof(*stream_out), stream_read,
                     err);
}

bool
store_stream_list(struct db *db, struct arena *a, int64_t tenant, int64_t connection, struct stream **rows_out,
                  size_t *count_out, struct err *err)
{
    struct list list = LIST_OF(a, struct stream);
    if (!store_rows(db, SQL_STREAM_LIST, DB_ARGS(DB_I(tenant), DB_I(connection)), &list, stream_read, err))
        return false;
    *rows_out = list.items;
    *count_out = list.count;
    return true;
}

bool
store_stream_full_done(struct db *db, int64_t tenant, int64_t stream, struct str version, int64_t now_us, struct err *err)
{
    return db_exec_one(db, SQL_STREAM_FULL_DONE, DB_ARGS(DB_I(tenant), DB_I(stream), DB_T(version), DB_I(now_us)),
                       E_NOT_FOUND, err);
}
