#include "store/store_push.h"

#include "base/rng.h"
#include "store/store_priv.h"

#define IDENT_BYTES 32

bool
store_push_fan_out(struct db *db, int64_t tenant, int64_t source, const int64_t *records, size_t count, int64_t now_us, struct err *err)
{
    for (size_t i = 0; i < count; i++)
        if (!db_defer(db, SQL_PUSH_QUEUE, DB_ARGS(DB_I(tenant), DB_I(records[i]), DB_I(now_us), DB_I(source)), err))
            return false;
    return true;
}

bool
store_push_queue(struct db *db, int64_t tenant, int64_t record, int64_t now_us, struct err *err)
{
    return store_push_fan_out(db, tenant, 0, &record, 1, now_us, err);
}

bool
store_push_queue_one(struct db *db, int64_t tenant, int64_t connection, int64_t record, int64_t now_us, struct err *err)
{
    return db_defer(db, SQL_PUSH_QUEUE_ONE, DB_ARGS(DB_I(tenant), DB_I(record), DB_I(now_us), DB_I(connection)), err);
}

bool
store_push_any(struct db *db, int64_t tenant, bool *any_out, struct err *err)
{
    int64_t ignored;
    enum row row = db_query_i64(db, SQL_PUSH_ANY, DB_ARGS(DB_I(tenant)), &ignored, err);
    *any_out = row == ROW_FOUND;
    return row != ROW_FAILED;
}

/* ---- taking ---- */

static void
push_row_read(struct row_reader *r, void *item)
{
    struct push_row *row = item;
    row->record = read_i64(r);
    row->generation = read_i64(r);
    row->tries = read_i64(r);
    row->intent_us = read_i64(r);
    row->looked_us = read_i64(r);
    row->uuid = read_text(r);
    row->data = read_text(r);
    row->version = read_i64(r);
    row->deleted = read_bool(r);
    row->map = read_i64(r);
    row->external_id = read_text(r);
    row->base = read_text(r);
    row->alias = read_text(r);
    row->map_deleted = read_bool(r);
    row->erased = read_bool(r);
    row->raw = read_blob(r);
    row->fingerprint = read_blob(r);
}

/* A record that several ids of the stream share counts once: the first is the living one. */
static size_t
keep_first(struct push_row *rows, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || rows[kept - 1].record != rows[i].record)
            rows[kept++] = rows[i];
    return kept;
}

bool
store_push_take(struct db *db, struct arena *a, int64_t tenant, int64_t connection, int64_t collection, int64_t stream, int64_t now_us,
                int64_t since_us, size_t limit, struct push_row **rows_out, size_t *count_out, struct err *err)
{
    struct list list = LIST_OF(a, struct push_row);
    if (!store_rows(db, SQL_PUSH_TAKE, DB_ARGS(DB_I(tenant), DB_I(connection), DB_I(collection), DB_I(stream), DB_I(now_us), DB_I(limit),
                    DB_I(since_us)), &list, push_row_read, err))
        return false;
    *rows_out = list.items;
    *count_out = keep_first(list.items, list.count);
    return true;
}

bool
store_push_preview(struct db *db, struct arena *a, int64_t tenant, int64_t connection, int64_t collection, int64_t stream, bool all,
                   size_t limit, struct push_row **rows_out, size_t *count_out, struct err *err)
{
    struct list list = LIST_OF(a, struct push_row);
    bool ok = all ? store_rows(db, SQL_PUSH_PREVIEW_ALL, DB_ARGS(DB_I(tenant), DB_I(collection), DB_I(stream), DB_I(limit)), &list,
                               push_row_read, err)
                  : store_rows(db, SQL_PUSH_PREVIEW, DB_ARGS(DB_I(tenant), DB_I(connection), DB_I(collection), DB_I(stream), DB_I(limit)),
                               &list, push_row_read, err);
    if (!ok)
        return false;
    *rows_out = list.items;
    *count_out = keep_first(list.items, list.count);
    return true;
}

bool
store_push_drop_foreign(struct db *db, int64_t tenant, int64_t connection,
                    const int64_t collections[PUSH_COLLECTIONS_MAX], struct err *err)
{
    return db_exec(db, SQL_PUSH_DROP_FOREIGN, DB_ARGS(DB_I(tenant), DB_I(connection), DB_I(collections[0]), DB_I(collections[1]),
                   DB_I(collections[2]), DB_I(collections[3])), NULL, err);
}

bool
store_push_count(struct db *db, int64_t tenant, int64_t connection, int64_t now_us, struct push_waiting *waiting_out, struct err *err)
{
    struct db_rows rows;
    if (!store_row_must(db_query_row(db, SQL_PUSH_COUNT, DB_ARGS(DB_I(tenant), DB_I(connection), DB_I(now_us)),
        &rows, err), E_INTERNAL, err))
        return false;
    *waiting_out = (struct push_waiting){db_column_i64(&rows, 0), db_column_i64(&rows, 1), db_column_i64(&rows, 2)};
    db_finish(&rows);
    return true;
}

bool
store_push_requeue(struct db *db, int64_t tenant, int64_t connection, int64_t stream, int64_t now_us, int64_t *count_out, struct err *err)
{
    return db_exec(db, SQL_PUSH_REQUEUE, DB_ARGS(DB_I(tenant), DB_I(connection), DB_I(stream), DB_I(now_us)), count_out, err);
}

/* ---- how far it is ---- */

#define PUSH_KEY(tenant, connection, record) DB_I(tenant), DB_I(connection), DB_I(record)

bool
store_push_done(struct db *db, int64_t tenant, int64_t connection, const struct push_row *row, int64_t now_us, bool *gone_out,
                struct err *err)
{
    int64_t removed = 0;
    if (!db_exec(db, SQL_PUSH_DONE, DB_ARGS(PUSH_KEY(tenant, connection, row->record), DB_I(row->generation)), &removed, err))
        return false;
    *gone_out = removed > 0;
    return removed > 0 || db_exec(db, SQL_PUSH_AGAIN, DB_ARGS(PUSH_KEY(tenant, connection, row->record), DB_I(now_us)), NULL, err);
}

bool
store_push_intend(struct db *db, int64_t tenant, int64_t connection, int64_t record, struct str sent, int64_t created_us, struct err *err)
{
    return db_exec(db, SQL_PUSH_INTEND, DB_ARGS(PUSH_KEY(tenant, connection, record), DB_I0(created_us), DB_T(sent)), NULL, err);
}

bool
store_push_stayed(struct db *db, int64_t tenant, int64_t connection, const struct push_row *row, int64_t looked_us, struct err *err)
{
    return db_exec(db, SQL_PUSH_STAYED, DB_ARGS(PUSH_KEY(tenant, connection, row->record), DB_I(row->generation), DB_I0(looked_us)), NULL,
                   err);
}

static void
sent_read(struct row_reader *r, void *item)
{
    *(struct str *)item = read_text(r);
}

enum row
store_push_sent(struct db *db, struct arena *a, int64_t tenant, int64_t connection, int64_t record, struct str *sent_out, struct err *err)
{
    return store_row(db, SQL_PUSH_SENT, DB_ARGS(PUSH_KEY(tenant, connection, record)), a, sent_out, sizeof(*sent_out), sent_read, err);
}

bool
store_push_later(struct db *db, int64_t tenant, int64_t connection, int64_t record, int64_t not_before_us, struct str why,
                 bool nothing_done, struct err *err)
{
    return db_exec(db, SQL_PUSH_LATER, DB_ARGS(PUSH_KEY(tenant, connection, record), DB_I(not_before_us), DB_T(why),
                   DB_BOOL(nothing_done)), NULL, err);
}

bool
store_push_agree(struct db *db, int64_t tenant, int64_t map, struct str base, struct str alias, struct err *err)
{
    return db_exec_one(db, SQL_PUSH_AGREE, DB_ARGS(DB_I(tenant), DB_I(map), DB_T(base), DB_T(alias)), E_NOT_FOUND, err);
}

bool
store_alias_save(struct db *db, int64_t tenant, int64_t map, struct str alias, struct err *err)
{
    return db_exec_one(db, SQL_ALIAS_SAVE, DB_ARGS(DB_I(tenant), DB_I(map), DB_T(alias)), E_NOT_FOUND, err);
}

/* ---- starting ---- */

static void
place_read(struct row_reader *r, void *item)
{
    struct push_place *p = item;
    p->tenant = read_i64(r);
    p->connection = read_i64(r);
}

bool
store_push_startable(struct db *db, struct arena *a, int64_t now_us, size_t limit, struct push_place **rows_out, size_t *count_out,
                     struct err *err)
{
    struct list list = LIST_OF(a, struct push_place);
    if (!store_rows(db, SQL_PUSH_STARTABLE, DB_ARGS(DB_I(now_us), DB_I(limit)), &list, place_read, err))
        return false;
    *rows_out = list.items;
    *count_out = list.count;
    return true;
}

/* ---- rejected ---- */

/* Not what a pull calls its own: the two must not replace each other. */
static struct str
ident_of(int64_t record, char text[IDENT_BYTES])
{
    int len = snprintf(text, IDENT_BYTES, "\x02push %lld", (long long)record);
    return (struct str){text, (size_t)len};
}

static bool
count_rejected(struct db *db, int64_t tenant, int64_t stream, int64_t more, struct err *err)
{
    return more == 0 || db_defer_one(db, SQL_STREAM_COUNT, DB_ARGS(DB_I(tenant), DB_I(stream), DB_I(0), DB_I(0),
        DB_I(more)), E_NOT_FOUND, err);
}

bool
store_push_reject(struct db *db, int64_t tenant, const struct push_rejection *j, int64_t now_us, struct err *err)
{
    int64_t times;
    char ident[IDENT_BYTES], uuid[UUID_TEXT_BYTES];
    if (db_query_i64(db, SQL_PUSH_REJECT,
                     DB_ARGS(DB_I(tenant), DB_I(j->stream), DB_I(j->run), DB_T(str_from_c(uuid_v7_now(uuid))),
                         DB_T(ident_of(j->record, ident)),
                             DB_T(j->external_id), DB_T(j->reason), DB_T(j->payload), DB_I(now_us), DB_I(j->record)),
                     &times, err) != ROW_FOUND)
        return false;
    return count_rejected(db, tenant, j->stream, times == 1, err);
}

bool
store_push_deletions(struct db *db, int64_t tenant, int64_t connection, int64_t stream, struct str held_why, int64_t *count_out,
                     struct err *err)
{
    return db_query_i64(db, SQL_PUSH_DELETIONS, DB_ARGS(DB_I(tenant), DB_I(connection), DB_I(stream), DB_T(held_why)), count_out,
                        err) == ROW_FOUND;
}

bool
store_push_deletions_sent(struct db *db, struct arena *a, int64_t tenant, int64_t stream, struct str *sent_out, struct err *err)
{
    struct db_rows rows;
    enum row row = db_query_row(db, SQL_PUSH_DELETIONS_SENT, DB_ARGS(DB_I(tenant), DB_I(stream)), &rows, err);
    if (row != ROW_FOUND) {
        *sent_out = STR_NONE;
        return row == ROW_NONE;
    }
    *sent_out = db_column_text_copy(&rows, 0, a);
    db_finish(&rows);
    return true;
}

bool
store_push_deletions_sent_set(struct db *db, int64_t tenant, int64_t stream, struct str sent, struct err *err)
{
    return db_exec(db, SQL_PUSH_DELETIONS_SENT_SET, DB_ARGS(DB_I(tenant), DB_I(stream), DB_T(sent)), NULL, err);
}

bool
store_push_deletion_held(struct db *db, int64_t tenant, int64_t stream, int64_t record, struct str held_why, bool *held_out,
                         struct err *err)
{
    int64_t one;
    char ident[IDENT_BYTES];
    enum row row = db_query_i64(db, SQL_PUSH_DELETION_HELD, DB_ARGS(DB_I(tenant), DB_I(stream), DB_T(ident_of(record, ident)),
                                DB_T(held_why)), &one, err);
    *held_out = row == ROW_FOUND;
    return row != ROW_FAILED;
}

bool
store_push_accept(struct db *db, int64_t tenant, int64_t stream, int64_t record, struct err *err)
{
    char ident[IDENT_BYTES];
    int64_t removed = 0, standing = 0;
    if (db_query_i64(db, SQL_STREAM_REJECTED, DB_ARGS(DB_I(tenant), DB_I(stream)), &standing, err) == ROW_FAILED)
        return false;
    return standing == 0 || (db_exec(db, SQL_REJECTED_CLEAR, DB_ARGS(DB_I(tenant), DB_I(stream),
        DB_T(ident_of(record, ident))), &removed, err) &&
                             count_rejected(db, tenant, stream, -removed, err));
}

static void
twin_read(struct row_reader *r, void *item)
{
    struct push_twin *t = item;
    t->map = read_i64(r);
    t->record = read_i64(r);
    t->created_us = read_i64(r);
    t->maps = read_i64(r);
    t->changes = read_i64(r);
}

enum row
store_push_twin(struct db *db, struct arena *a, int64_t tenant, int64_t stream, struct str external_id, struct push_twin *twin_out,
                struct err *err)
{
    return store_row(db, SQL_PUSH_TWIN, DB_ARGS(DB_I(tenant), DB_I(stream), DB_T(external_id)), a, twin_out,
        sizeof(*twin_out), twin_read, err);
}

bool
store_map_move(struct db *db, int64_t tenant, int64_t map, int64_t record, struct str base, int64_t now_us, struct err *err)
{
    return db_exec_one(db, SQL_MAP_MOVE, DB_ARGS(DB_I(tenant), DB_I(map), DB_I(record), DB_T(base), DB_I(now_us)), E_NOT_FOUND, err);
}

bool
store_record_lives_at(struct db *db, int64_t tenant, int64_t record, int64_t connection, bool *lives_out, struct err *err)
{
    int64_t ignored;
    enum row row = db_query_i64(db, SQL_RECORD_LIVES_AT, DB_ARGS(DB_I(tenant), DB_I(record), DB_I(connection)), &ignored, err);
    *lives_out = row == ROW_FOUND;
    return row != ROW_FAILED;
}
