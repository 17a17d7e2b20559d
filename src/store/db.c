#include "store/db.h"

#include "base/check.h"
#include "store/match_tail.h"
#include "store/seen_tail.h"

struct db_value
db_text_value(struct str text)
{
    if (str_is_none(text))
        return DB_NULL;
    return (struct db_value){.type = DB_VALUE_TEXT, .text = text};
}

struct db_value
db_blob_value(struct str bytes)
{
    if (str_is_none(bytes))
        return DB_NULL;
    return (struct db_value){.type = DB_VALUE_BLOB, .text = bytes};
}

struct db_value
db_optional_value(int64_t number)
{
    return number ? DB_I(number) : DB_NULL;
}

/* The tail in memory is a copy of a table: where the table's change is undone, it is read anew when next asked for. */
static void
forget_match_tail(struct db *db, bool when)
{
    if (!when)
        return;
    match_tail_free(db->match_tail);
    db->match_tail = NULL;
}

/* The same of the known deliveries; what was only added is taken away again. */
static void
forget_seen_tail(struct db *db)
{
    seen_tail_free(db->seen_tail);
    db->seen_tail = NULL;
}

static void
undo_seen_tail(struct db *db, bool savepoint)
{
    struct seen_tail *tail = db->seen_tail;
    if (tail && !seen_tail_undo(tail, savepoint ? &tail->savepoint : &tail->transaction))
        forget_seen_tail(db);
}

void
db_note_effect(struct db *db, const char *kind, struct str uuid)
{
    if (db->effect[0] == '\0')
        (void)snprintf(db->effect, sizeof(db->effect), "%s:%.*s", kind, STR_ARG(uuid));
}

void
db_close(struct db *db)
{
    if (!db)
        return;
    forget_match_tail(db, true);
    forget_seen_tail(db);
    db->driver->close(db);
}

bool
db_can(const struct db *db, enum db_capability capability)
{
    return (db->driver->capabilities & capability) != 0;
}

static bool
db_begin(struct db *db, bool write, struct err *err)
{
    CHECK(!db->in_transaction);
    db->try_again = false;
    db->first_new_record = INT64_MAX;
    if (write)
        db_tidy(db);
    if (!db->driver->begin(db, write, err))
        return false;
    forget_match_tail(db, !write); /* a reader's snapshot is another one each time */
    if (db->match_tail)
        db->match_tail->changed = db->match_tail->changed_in_savepoint = false;
    if (db->seen_tail) {
        seen_tail_mark(db->seen_tail, &db->seen_tail->transaction);
        seen_tail_mark(db->seen_tail, &db->seen_tail->savepoint);
    }
    db->in_transaction = true;
    return true;
}

bool
db_begin_write(struct db *db, struct err *err)
{
    return db_begin(db, true, err);
}

bool
db_begin_read(struct db *db, struct err *err)
{
    return db_begin(db, false, err);
}

bool
db_commit(struct db *db, struct err *err)
{
    CHECK(db->in_transaction);
    bool ok = db->driver->commit(db, err);
    if (!ok && err->code != E_STORE_UNCERTAIN)
        db->driver->rollback(db);
    forget_match_tail(db, !ok);
    if (!ok)
        forget_seen_tail(db);
    db->in_transaction = false;
    if (db->identity_changed && db->identity_generation)
        atomic_fetch_add(db->identity_generation, 1);
    db->identity_changed = false;
    return ok;
}

void
db_note_identity(struct db *db)
{
    db->identity_changed = true;
}

void
db_rollback(struct db *db)
{
    if (db->in_transaction)
        db->driver->rollback(db);
    forget_match_tail(db, db->in_transaction && db->match_tail && db->match_tail->changed);
    if (db->in_transaction)
        undo_seen_tail(db, false);
    db->in_transaction = false;
}

void
db_tidy(struct db *db)
{
    CHECK(!db->in_transaction);
    if (db->driver->tidy)
        db->driver->tidy(db);
}

void
db_closure_begins(struct db *db)
{
    db->first_new_record = INT64_MAX;
}

bool
db_savepoint(struct db *db, struct err *err)
{
    CHECK(db->in_transaction);
    db_closure_begins(db);
    if (db->match_tail)
        db->match_tail->changed_in_savepoint = false;
    if (db->seen_tail)
        seen_tail_mark(db->seen_tail, &db->seen_tail->savepoint);
    return db->driver->savepoint(db, err);
}

bool
db_savepoint_keep(struct db *db, struct err *err)
{
    return db->driver->savepoint_keep(db, err);
}

bool
db_savepoint_undo(struct db *db, struct err *err)
{
    forget_match_tail(db, db->match_tail && db->match_tail->changed_in_savepoint);
    undo_seen_tail(db, true);
    return db->driver->savepoint_undo(db, err);
}

bool
db_query(struct db *db, unsigned statement, const struct db_value *values, size_t count, struct db_rows *rows,
         struct err *err)
{
    *rows = (struct db_rows){.db = db, .statement = statement, .row = -1};
    return db->driver->query(db, statement, values, count, rows, err);
}

enum row
db_next(struct db_rows *rows, struct err *err)
{
    enum row row = rows->db->driver->next(rows, err);
    if (row != ROW_FOUND)
        db_finish(rows);
    return row;
}

void
db_finish(struct db_rows *rows)
{
    if (rows->handle)
        rows->db->driver->finish(rows);
    rows->handle = NULL;
}

bool
db_exec(struct db *db, unsigned statement, const struct db_value *values, size_t count, int64_t *changed_out, struct err *err)
{
    struct db_rows rows;
    if (!db_query(db, statement, values, count, &rows, err))
        return false;
    enum row row = ROW_FOUND;
    while (row == ROW_FOUND)
        row = rows.db->driver->next(&rows, err);
    if (row == ROW_NONE && changed_out)
        *changed_out = rows.db->driver->changed(&rows);
    db_finish(&rows);
    return row == ROW_NONE;
}

bool
db_exec_one(struct db *db, unsigned statement, const struct db_value *values, size_t count, enum err_code code,
            struct err *err)
{
    int64_t changed = 0;
    if (!db_exec(db, statement, values, count, &changed, err))
        return false;
    return changed == 1 || err_set(err, code, NULL);
}

bool
db_defer(struct db *db, unsigned statement, const struct db_value *values, size_t count, struct err *err)
{
    return db->driver->defer ? db->driver->defer(db, statement, values, count, E_OK, err)
                             : db_exec(db, statement, values, count, NULL, err);
}

bool
db_defer_one(struct db *db, unsigned statement, const struct db_value *values, size_t count, enum err_code code,
             struct err *err)
{
    return db->driver->defer ? db->driver->defer(db, statement, values, count, code, err)
                             : db_exec_one(db, statement, values, count, code, err);
}

enum row
db_query_row(struct db *db, unsigned statement, const struct db_value *values, size_t count, struct db_rows *rows,
             struct err *err)
{
    if (!db_query(db, statement, values, count, rows, err))
        return ROW_FAILED;
    return db_next(rows, err);
}

enum row
db_query_i64(struct db *db, unsigned statement, const struct db_value *values, size_t count, int64_t *value_out,
             struct err *err)
{
    struct db_rows rows;
    enum row row = db_query_row(db, statement, values, count, &rows, err);
    if (row != ROW_FOUND)
        return row;
    if (db_column_is_null(&rows, 0))
        row = ROW_NONE;
    else
        *value_out = db_column_i64(&rows, 0);
    db_finish(&rows);
    return row;
}

bool
db_column_is_null(const struct db_rows *rows, unsigned column)
{
    return rows->db->driver->is_null(rows, column);
}

int64_t
db_column_i64(const struct db_rows *rows, unsigned column)
{
    return rows->db->driver->i64(rows, column);
}

bool
db_column_bool(const struct db_rows *rows, unsigned column)
{
    return db_column_i64(rows, column) != 0;
}

struct str
db_column_text(const struct db_rows *rows, unsigned column)
{
    return rows->db->driver->text(rows, column);
}

struct str
db_column_blob(const struct db_rows *rows, unsigned column)
{
    return rows->db->driver->blob(rows, column);
}

struct str
db_column_text_copy(const struct db_rows *rows, unsigned column, struct arena *a)
{
    struct str text = db_column_text(rows, column);
    return str_is_none(text) ? STR_NONE : str_copy(a, text);
}

bool
db_script(struct db *db, const char *text, struct err *err)
{
    return db->driver->script(db, text, err);
}
