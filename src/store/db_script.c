#include "store/db_script.h"

#include "base/alloc.h"
#include "base/check.h"
#include "sql.h"

struct db_scripted {
    struct db base;          /* first */
    struct db_driver driver;
    const struct db_script_step *next;
};

static struct db_scripted *
own(struct db *db)
{
    return (struct db_scripted *)db;
}

static const struct db_script_step *
expect(struct db *db, const char *name)
{
    const struct db_script_step *step = own(db)->next;
    CHECK(step->statement != NULL);
    CHECK(strcmp(step->statement, name) == 0);
    own(db)->next++;
    return step;
}

static bool
answer(const struct db_script_step *step, struct err *err)
{
    return step->fails == E_OK || err_set(err, step->fails, NULL);
}

static void
script_close(struct db *db)
{
    free(own(db));
}

static bool
script_begin(struct db *db, bool write, struct err *err)
{
    (void)write;
    return answer(expect(db, "begin"), err);
}

static bool
script_commit(struct db *db, struct err *err)
{
    return answer(expect(db, "commit"), err);
}

static void
script_rollback(struct db *db)
{
    expect(db, "rollback");
}

static bool
script_savepoint(struct db *db, struct err *err)
{
    (void)db, (void)err;
    return true;
}

static bool
script_query(struct db *db, unsigned statement, const struct db_value *values, size_t count, struct db_rows *rows,
             struct err *err)
{
    (void)values;
    CHECK(count == sql_statements[statement].parameters);
    const struct db_script_step *step = expect(db, sql_statements[statement].name);
    if (!answer(step, err))
        return false;
    rows->handle = (void *)(uintptr_t)step;
    rows->count = (int64_t)step->row_count;
    rows->changed = step->changed;
    return true;
}

static enum row
script_next(struct db_rows *rows, struct err *err)
{
    (void)err;
    return ++rows->row < rows->count ? ROW_FOUND : ROW_NONE;
}

static const struct db_value *
column_of(const struct db_rows *rows, unsigned column)
{
    const struct db_script_step *step = rows->handle;
    CHECK(column < DB_SCRIPT_COLUMNS_MAX);
    return &step->rows[rows->row].columns[column];
}

static bool
script_is_null(const struct db_rows *rows, unsigned column)
{
    return column_of(rows, column)->type == DB_VALUE_NULL;
}

static int64_t
script_i64(const struct db_rows *rows, unsigned column)
{
    return column_of(rows, column)->number;
}

static struct str
script_text(const struct db_rows *rows, unsigned column)
{
    return column_of(rows, column)->text;
}

static int64_t
script_changed(const struct db_rows *rows)
{
    return rows->changed;
}

static void
script_finish(struct db_rows *rows)
{
    (void)rows;
}

static bool
script_script(struct db *db, const char *text, struct err *err)
{
    return answer(expect(db, text), err);
}

static int64_t
script_now(struct db *db)
{
    return clock_wall_us(db->clock);
}

static const struct db_driver driver_script = {
    .name = "script",
    .close = script_close,
    .begin = script_begin,
    .commit = script_commit,
    .rollback = script_rollback,
    .savepoint = script_savepoint,
    .savepoint_keep = script_savepoint,
    .savepoint_undo = script_savepoint,
    .query = script_query,
    .next = script_next,
    .is_null = script_is_null,
    .i64 = script_i64,
    .text = script_text,
    .blob = script_text,
    .changed = script_changed,
    .finish = script_finish,
    .script = script_script,
    .now_us = script_now,
};

struct db *
db_script_new(const struct db_script_step *steps, unsigned capabilities, const struct clock *clock)
{
    struct db_scripted *s = alloc_zeroed(1, sizeof(*s));
    if (!s)
        return NULL;
    s->driver = driver_script;
    s->driver.capabilities = capabilities;
    s->base = (struct db){.driver = &s->driver, .clock = clock, .first_new_record = INT64_MAX};
    s->next = steps;
    return &s->base;
}

bool
db_script_is_done(const struct db *db)
{
    return ((const struct db_scripted *)db)->next->statement == NULL;
}
