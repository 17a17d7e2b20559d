#include "store/store_priv.h"

#include "base/rng.h"

#define LIST_FIRST_ITEMS 16

int64_t
read_i64(struct row_reader *r)
{
    return db_column_i64(r->rows, r->column++);
}

int64_t
read_i64_or(struct row_reader *r, int64_t otherwise)
{
    unsigned column = r->column++;
    return db_column_is_null(r->rows, column) ? otherwise : db_column_i64(r->rows, column);
}

bool
read_bool(struct row_reader *r)
{
    return read_i64(r) != 0;
}

static struct str
keep(struct row_reader *r, struct str bytes)
{
    if (str_is_none(bytes) || !r->a)
        return bytes;
    struct str copy = str_copy(r->a, bytes);
    r->full |= str_is_none(copy);
    return copy;
}

struct str
read_text(struct row_reader *r)
{
    return keep(r, db_column_text(r->rows, r->column++));
}

struct str
read_blob(struct row_reader *r)
{
    return keep(r, db_column_blob(r->rows, r->column++));
}

void *
list_add(struct list *list)
{
    if (list->count == list->size) {
        size_t size = list->size ? list->size * 2 : LIST_FIRST_ITEMS;
        void *items = arena_grow(list->a, list->items, list->size * list->item_bytes, size * list->item_bytes);
        if (!items)
            return NULL;
        list->items = items;
        list->size = size;
    }
    void *item = (char *)list->items + list->count++ * list->item_bytes;
    memset(item, 0, list->item_bytes);
    return item;
}

bool
store_rows(struct db *db, unsigned statement, const struct db_value *values, size_t count, struct list *list, row_fn *read,
           struct err *err)
{
    struct db_rows rows;
    if (!db_query(db, statement, values, count, &rows, err))
        return false;
    enum row row;
    while ((row = db_next(&rows, err)) == ROW_FOUND) {
        void *item = list_add(list);
        struct row_reader reader = {.rows = &rows, .a = list->a};
        if (item)
            read(&reader, item);
        if (item && !reader.full)
            continue;
        db_finish(&rows);
        return STORE_ARENA_FULL(err);
    }
    return row == ROW_NONE;
}

enum row
store_row(struct db *db, unsigned statement, const struct db_value *values, size_t count, struct arena *a, void *item_out,
          size_t item_bytes, row_fn *read, struct err *err)
{
    struct db_rows rows;
    enum row row = db_query_row(db, statement, values, count, &rows, err);
    if (row != ROW_FOUND)
        return row;
    struct row_reader reader = {.rows = &rows, .a = a};
    memset(item_out, 0, item_bytes);
    read(&reader, item_out);
    db_finish(&rows);
    if (!reader.full)
        return ROW_FOUND;
    STORE_ARENA_FULL(err);
    return ROW_FAILED;
}

bool
store_look_again(struct db *db, struct err *err)
{
    db->try_again = true;
    return err_set(err, E_STORE_BUSY, NULL);
}

bool
store_row_must(enum row row, enum err_code code, struct err *err)
{
    if (row == ROW_NONE)
        return err_set(err, code, NULL);
    return row == ROW_FOUND;
}

struct str
store_new_uuid(struct arena *a)
{
    char text[UUID_TEXT_BYTES];
    return str_copy(a, str_from_c(uuid_v7_now(text)));
}

enum row
store_id_read(struct arena *a, struct str id, int64_t *number_out, struct str *uuid_out, struct err *err)
{
    if (str_to_i64(id, 1, INT32_MAX, number_out))
        return ROW_FOUND;
    if (!uuid_is_valid(id))
        return ROW_NONE;
    struct str uuid = str_lower(a, id);
    if (str_is_none(uuid))
        return STORE_ARENA_FULL(err), ROW_FAILED;
    *uuid_out = uuid;
    return ROW_FOUND;
}

bool
name_find(const char *const *names, size_t count, struct str name, unsigned *index_out)
{
    for (size_t i = 0; i < count; i++) {
        if (!str_eq_c(name, names[i]))
            continue;
        *index_out = (unsigned)i;
        return true;
    }
    return false;
}

bool
store_take_ids(struct db *db, const char *table, size_t count, int64_t *first_out, struct err *err)
{
    int64_t last = 0;
    struct str name = str_from_c(table);
    /* Two statements: RETURNING makes a table of its own for its one row, which costs more than both. */
    if (!db_exec_one(db, SQL_SEQUENCE_TAKE, DB_ARGS(DB_T(name), DB_I(count)), E_STORE_CORRUPT, err) ||
        !store_row_must(db_query_i64(db, SQL_SEQUENCE_LAST, DB_ARGS(DB_T(name)), &last, err), E_STORE_CORRUPT, err))
        return false;
    *first_out = last - (int64_t)count + 1;
    return true;
}
