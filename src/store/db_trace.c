#include "store/db_trace.h"

#include "base/alloc.h"
#include "base/log.h"
#include "sql.h"

struct db_traced {
    struct db base;          /* first */
    struct db *real;         /* owned */
    struct db_trace *trace;
    struct db_driver driver; /* a copy with the real one's name and capabilities */
};

static struct db_traced *
own(struct db *db)
{
    return (struct db_traced *)db;
}

/* The wrapped connection works on the state of the one that callers see, and the other way round. */
static void
copy_in(struct db_traced *t)
{
    t->real->in_transaction = t->base.in_transaction;
    t->real->number = t->base.number;
}

static bool
copy_out(struct db_traced *t, bool ok)
{
    t->base.lost |= t->real->lost;
    t->base.try_again |= t->real->try_again;
    return ok;
}

static bool
is_due(struct db_trace *trace, enum db_trace_at at)
{
    if (trace->at != at)
        return false;
    int64_t n = atomic_fetch_add(&trace->calls, 1) + 1;
    int64_t fail_at = atomic_load(&trace->fail_at);
    return fail_at > 0 && (n == fail_at || (trace->lasting && n > fail_at));
}

static void
traced_close(struct db *db)
{
    db_close(own(db)->real);
    free(own(db));
}

static bool
traced_begin(struct db *db, bool write, struct err *err)
{
    struct db_traced *t = own(db);
    copy_in(t);
    t->real->try_again = false;
    return copy_out(t, t->real->driver->begin(t->real, write, err));
}

static bool
traced_commit(struct db *db, struct err *err)
{
    struct db_traced *t = own(db);
    copy_in(t);
    if (is_due(t->trace, DB_TRACE_COMMIT))
        return err_set(err, E_STORE, "injected before commit");
    bool ok = copy_out(t, t->real->driver->commit(t->real, err));
    if (!ok || !is_due(t->trace, DB_TRACE_COMMIT_LOST))
        return ok;
    db->lost = true;
    return err_set(err, E_STORE_UNCERTAIN, "injected after commit");
}

static void
traced_rollback(struct db *db)
{
    copy_in(own(db));
    own(db)->real->driver->rollback(own(db)->real);
    copy_out(own(db), true);
}

static void
traced_tidy(struct db *db)
{
    struct db *real = own(db)->real;
    if (real->driver->tidy)
        real->driver->tidy(real);
}

static bool
traced_savepoint(struct db *db, struct err *err)
{
    return copy_out(own(db), own(db)->real->driver->savepoint(own(db)->real, err));
}

static bool
traced_savepoint_keep(struct db *db, struct err *err)
{
    return copy_out(own(db), own(db)->real->driver->savepoint_keep(own(db)->real, err));
}

static bool
traced_savepoint_undo(struct db *db, struct err *err)
{
    return copy_out(own(db), own(db)->real->driver->savepoint_undo(own(db)->real, err));
}

static bool
inject(struct db_traced *t, unsigned statement, struct err *err)
{
    if (t->trace->before != NULL)
        t->trace->before(t->trace->before_ctx, sql_statements[statement].name);
    if (is_due(t->trace, DB_TRACE_STATEMENT))
        return err_set(err, E_STORE, "injected at %s", sql_statements[statement].name);
    if (!is_due(t->trace, DB_TRACE_LOST))
        return true;
    t->base.lost = t->base.try_again = true;
    return err_set(err, E_STORE, "connection lost at %s", sql_statements[statement].name);
}

/* Rows are read from the real connection afterwards: rows->db names it. */
static bool
traced_query(struct db *db, unsigned statement, const struct db_value *values, size_t count, struct db_rows *rows,
             struct err *err)
{
    struct db_traced *t = own(db);
    if (t->trace->log)
        log_write(LOG_DEBUG, "statement", LOG_C("name", sql_statements[statement].name));
    if (!inject(t, statement, err))
        return false;
    copy_in(t);
    rows->db = t->real;
    return copy_out(t, t->real->driver->query(t->real, statement, values, count, rows, err));
}

static bool
traced_defer(struct db *db, unsigned statement, const struct db_value *values, size_t count, enum err_code one, struct err *err)
{
    struct db_traced *t = own(db);
    if (!inject(t, statement, err))
        return false;
    copy_in(t);
    return copy_out(t, t->real->driver->defer(t->real, statement, values, count, one, err));
}

static bool
traced_script(struct db *db, const char *text, struct err *err)
{
    if (is_due(own(db)->trace, DB_TRACE_STATEMENT))
        return err_set(err, E_STORE, "injected at a script");
    return copy_out(own(db), own(db)->real->driver->script(own(db)->real, text, err));
}

static int64_t
traced_now(struct db *db)
{
    return own(db)->real->driver->now_us(own(db)->real);
}

static const struct db_driver driver_traced = {
    .close = traced_close,
    .begin = traced_begin,
    .commit = traced_commit,
    .rollback = traced_rollback,
    .tidy = traced_tidy,
    .savepoint = traced_savepoint,
    .savepoint_keep = traced_savepoint_keep,
    .savepoint_undo = traced_savepoint_undo,
    .query = traced_query,
    .script = traced_script,
    .now_us = traced_now,
};

struct db *
db_trace_wrap(struct db *real, void *trace)
{
    struct db_traced *t = alloc_zeroed(1, sizeof(*t));
    if (!t)
        return real;
    t->driver = driver_traced;
    t->driver.name = real->driver->name;
    t->driver.capabilities = real->driver->capabilities;
    t->driver.defer = real->driver->defer ? traced_defer : NULL;
    t->base = *real;
    real->match_tail = NULL; /* they are the wrapper's now */
    real->seen_tail = NULL;
    t->base.driver = &t->driver;
    t->real = real;
    t->trace = trace;
    return &t->base;
}
