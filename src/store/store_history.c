#include "store/store_history.h"

#include "store/store_priv.h"
#include "store/store_search.h"

bool
store_history_add(struct db *db, int64_t tenant, int64_t record, int64_t version, struct str fields, struct str actor,
                  int64_t now_us, struct err *err)
{
    return db_exec(db, SQL_HISTORY_INSERT_ACTOR, DB_ARGS(DB_I(tenant), DB_I(record), DB_I(version), DB_I(now_us),
                   DB_T(fields), DB_T(actor)), NULL, err);
}

bool
store_history_overruled(struct db *db, int64_t tenant, int64_t record, int64_t connection, int64_t run, struct str fields,
                        int64_t now_us, struct err *err)
{
    return db_exec(db, SQL_HISTORY_INSERT_OVERRULED, DB_ARGS(DB_I(tenant), DB_I(record), DB_I(connection), DB_I(run), DB_I(now_us),
                   DB_T(fields), DB_T(STR(HISTORY_OVERRULED))), NULL, err);
}

/* ---- erasure ---- */

struct stream_number {
    int64_t stream, count;
};

static void
stream_number_read(struct row_reader *r, void *item)
{
    struct stream_number *n = item;
    n->stream = read_i64(r);
    n->count = read_i64(r);
}

static bool
numbers_of(struct db *db, struct arena *a, enum sql statement, const struct record *record, struct list *list, struct err *err)
{
    *list = LIST_OF(a, struct stream_number);
    return store_rows(db, statement, DB_ARGS(DB_I(record->tenant), DB_I(record->id)), list, stream_number_read, err);
}

/* Live maps become tombstones, rejected rows go. */
static bool
move_stream_counters(struct db *db, struct arena *a, const struct record *record, struct err *err)
{
    struct list maps, rejected;
    if (!numbers_of(db, a, SQL_ERASE_MAP_COUNTS, record, &maps, err) ||
        !numbers_of(db, a, SQL_ERASE_REJECTED_COUNTS, record, &rejected, err))
        return false;
    const struct stream_number *m = maps.items, *j = rejected.items;
    bool ok = true;
    for (size_t i = 0; ok && i < maps.count; i++)
        ok = db_exec(db, SQL_STREAM_COUNT, DB_ARGS(DB_I(record->tenant), DB_I(m[i].stream), DB_I(-m[i].count),
                     DB_I(m[i].count), DB_I(0)), NULL, err);
    for (size_t i = 0; ok && i < rejected.count; i++)
        ok = db_exec(db, SQL_STREAM_COUNT, DB_ARGS(DB_I(record->tenant), DB_I(j[i].stream), DB_I(0), DB_I(0),
                     DB_I(-j[i].count)), NULL, err);
    return ok;
}

static bool
erase_parts(struct db *db, const struct record *record, bool let_go, struct err *err)
{
    static const enum sql parts[] = {SQL_ERASE_RAW, SQL_ERASE_REJECTED, SQL_ERASE_INBOX, SQL_ERASE_HISTORY, SQL_ERASE_CHILDREN,
                                     SQL_ERASE_OUTBOX, SQL_ERASE_HOLDS, SQL_ERASE_RECORD};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if ((parts[i] != SQL_ERASE_CHILDREN || let_go || db_can(db, DB_ONE_WRITER)) &&
            !db_exec(db, parts[i], DB_ARGS(DB_I(record->tenant), DB_I(record->id)), NULL, err))
            return false;
    return true;
}

bool
store_record_erase(struct db *db, struct arena *a, const struct record *record, bool let_go, int64_t now_us, struct err *err)
{
    static const char nothing[FINGERPRINT_BYTES];
    struct str fingerprint = {nothing, sizeof(nothing)};
    bool gone = record->deleted_us != 0;
    db->truncate_log = true;
    if (db_can(db, DB_ARRAYS) &&
        !db_exec(db, SQL_CONNECTION_DELETE_KEYS, DB_ARGS(DB_I(record->tenant), DB_I(record->id)), NULL, err))
        return false;
    return move_stream_counters(db, a, record, err) && store_search_remove(db, record->tenant, record->id, err) &&
           erase_parts(db, record, let_go, err) &&
           db_exec(db, SQL_ERASE_MAPS, DB_ARGS(DB_I(record->tenant), DB_I(record->id), DB_I(now_us), DB_B(fingerprint)),
                   NULL, err) &&
           db_exec(db, SQL_ERASE_ANSWERS, DB_ARGS(DB_I(record->tenant), DB_T(record->uuid)), NULL, err) &&
           collection_count(db, record->tenant, record->collection, gone ? 0 : -1, gone ? -1 : 0, err);
}

/* ---- what speaks of it ---- */

static void
id_read(struct row_reader *r, void *item)
{
    *(int64_t *)item = read_i64(r);
}

bool
store_erase_descendants(struct db *db, struct arena *a, int64_t tenant, int64_t record, size_t limit, int64_t **ids_out,
                        size_t *count_out, struct err *err)
{
    struct list list = LIST_OF(a, int64_t);
    if (!store_rows(db, SQL_ERASE_DESCENDANTS, DB_ARGS(DB_I(tenant), DB_I(record), DB_I(limit)), &list, id_read, err))
        return false;
    *ids_out = list.items;
    *count_out = list.count;
    return true;
}

bool
store_erase_horizon(struct db *db, struct erase_horizon *horizon_out, struct err *err)
{
    struct db_rows rows;
    *horizon_out = (struct erase_horizon){.others = !db_can(db, DB_ONE_WRITER)};
    if (!horizon_out->others)
        return true;
    if (db_query_row(db, SQL_ERASE_HORIZON, DB_NO_ARGS, &rows, err) != ROW_FOUND)
        return false;
    horizon_out->transaction = db_column_i64(&rows, 0);
    horizon_out->at_us = db_column_i64(&rows, 1);
    db_finish(&rows);
    return true;
}

bool
store_erase_is_settled(struct db *db, const struct erase_horizon *h, bool *settled_out, struct err *err)
{
    struct db_rows rows;
    *settled_out = true;
    if (!h->others)
        return true;
    if (db_query_row(db, SQL_ERASE_IS_SETTLED, DB_ARGS(DB_I(h->transaction), DB_I(h->at_us)), &rows, err) != ROW_FOUND)
        return false;
    *settled_out = db_column_bool(&rows, 0);
    db_finish(&rows);
    return true;
}

bool
store_erase_late(struct db *db, struct arena *a, int64_t tenant, const int64_t *gone, size_t gone_count, size_t limit,
                 int64_t **ids_out, size_t *count_out, struct err *err)
{
    struct list list = LIST_OF(a, int64_t);
    if (gone_count > 0 && !db_can(db, DB_ONE_WRITER) &&
        !store_rows(db, SQL_ERASE_LATE, DB_ARGS(DB_I(tenant), DB_I_ARRAY(gone, gone_count), DB_I(limit)), &list, id_read, err))
        return false;
    *ids_out = list.items;
    *count_out = list.count;
    return true;
}

static void
piece_read(struct row_reader *r, void *item)
{
    struct erase_piece *piece = item;
    piece->id = read_i64(r);
    piece->packed = read_blob(r);
}

bool
store_erase_look(struct db *db, struct arena *a, int64_t tenant, enum erase_where where, int64_t after, size_t limit,
                 struct erase_piece **rows_out, size_t *count_out, struct err *err)
{
    struct list list = LIST_OF(a, struct erase_piece);
    static const enum sql looks[ERASE_WHERE_COUNT] = {
        [ERASE_INBOX] = SQL_ERASE_LOOK_INBOX, [ERASE_LOGS] = SQL_ERASE_LOOK_LOGS, [ERASE_REQUESTS] = SQL_ERASE_LOOK_REQUESTS};
    if (!store_rows(db, looks[where], DB_ARGS(DB_I(tenant), DB_I(after), DB_I(limit)), &list, piece_read, err))
        return false;
    *rows_out = list.items;
    *count_out = list.count;
    return true;
}

bool
store_erase_event(struct db *db, int64_t tenant, int64_t event, struct err *err)
{
    return db_exec(db, SQL_ERASE_EVENT, DB_ARGS(DB_I(tenant), DB_I(event)), NULL, err);
}

bool
store_erase_lines(struct db *db, int64_t tenant, enum erase_where where, int64_t id, struct str packed, struct err *err)
{
    enum sql statement = where == ERASE_LOGS ? SQL_ERASE_LOG : SQL_ERASE_REQUESTS;
    return db_exec(db, statement, DB_ARGS(DB_I(tenant), DB_I(id), DB_B(packed), DB_I(packed.len)), NULL, err);
}

bool
store_erase_word(struct db *db, int64_t tenant, struct str word, struct err *err)
{
    static const enum sql parts[] = {SQL_ERASE_WORD_REJECTED, SQL_ERASE_WORD_CHANGES, SQL_ERASE_WORD_DELIVERIES,
                                     SQL_ERASE_WORD_RUNS, SQL_ERASE_WORD_RUN_STREAMS, SQL_ERASE_WORD_JOBS,
                                     SQL_ERASE_WORD_CONNECTIONS, SQL_ERASE_WORD_OUTBOX, SQL_ERASE_WORD_ERRANDS,
                                     SQL_ERASE_WORD_INBOX, SQL_ERASE_WORD_ANSWERS};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (!db_exec(db, parts[i], DB_ARGS(DB_I(tenant), DB_T(word)), NULL, err))
            return false;
    db->truncate_log = true;
    return true;
}

/* ---- unlinking ---- */

static void
unlink_read(struct row_reader *r, void *item)
{
    struct unlink_row *row = item;
    row->map = read_i64(r);
    row->stream = read_i64(r);
    row->base = read_text(r);
    row->others = read_i64(r);
}

enum row
store_unlink_find(struct db *db, struct arena *a, int64_t tenant, int64_t record, struct str connection_uuid,
                  struct str external_id, struct str stream_name, struct unlink_row *row_out, struct err *err)
{
    struct list list = LIST_OF(a, struct unlink_row);
    if (!store_rows(db, SQL_UNLINK_FIND, DB_ARGS(DB_I(tenant), DB_I(record), DB_T(connection_uuid), DB_T(external_id),
                    DB_T(stream_name)), &list, unlink_read, err))
        return ROW_FAILED;
    if (list.count == 0)
        return ROW_NONE;
    if (list.count > 1) {
        err_set(err, E_CONFLICT, "This connection has several external ids for the record: name one with externalId and stream");
        return ROW_FAILED;
    }
    *row_out = *(const struct unlink_row *)list.items;
    return ROW_FOUND;
}

bool
store_unlink(struct db *db, int64_t tenant, int64_t map, int64_t record, int64_t now_us, struct err *err)
{
    return db_exec_one(db, SQL_UNLINK_MAP, DB_ARGS(DB_I(tenant), DB_I(map), DB_I(record), DB_I(now_us)), E_NOT_FOUND, err);
}
