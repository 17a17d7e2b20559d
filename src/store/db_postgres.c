/*
 * The PostgreSQL driver.
 *
 * Scalars go as text and PostgreSQL infers their types; arrays go in binary format with their types named,
 * because a page's arrays are most of the bytes. Results come in binary. Statements are prepared by name at
 * first use on each connection, unless a pooler without prepared statements stands between.
 *
 * Inside a transaction the connection is in pipeline mode: BEGIN, the settings and every statement of db_defer are sent without
 * waiting, and their results are read when an answer is needed. A page is some eight round trips instead of twenty. A deferred
 * statement that fails makes the next answer fail; one that must change a row is looked at before COMMIT is sent.
 *
 * Nothing needs a session: what a transaction depends on is set in it with SET LOCAL, so a transaction
 * pooler may stand between (F11). A connection that breaks while COMMIT is under way leaves E_STORE_UNCERTAIN; anywhere else
 * the transaction is known to be rolled back. A primary that has become read-only counts as lost, so that the pool
 * looks for the writer again (F8).
 */
#include "store/db_postgres_priv.h"

#include "base/alloc.h"
#include "base/check.h"
#include "base/limits.h"
#include "base/log.h"

#define POSTGRES_CONNECT_S "10"
#define PLANS_FIRST 4              /* a power of two */

static bool
postgres_script(struct db *db, const char *text, struct err *err)
{
    struct db_postgres *p = own(db);
    if (!leave_pipeline(p, err))
        return false;
    PGresult *result = PQexec(p->connection, text);
    bool ok = result_is_good(result) || fail_result(p, result, "script", err);
    PQclear(result);
    return ok;
}

/* ---- transactions ---- */

/*
 * Look-ups by arrays have one good plan, by index; on a table that was never analysed the planner finds
 * others that take a thousand times longer. So those are taken away from it, in the transaction only.
 *
 * A process that is stopped or cut off inside a transaction keeps its locks, those of its runs among them, which
 * others want to take over: the server ends it after a while (I-15). Who waits for a lock waits for a bounded time.
 */
#define CLOCK_TEXT "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint::text"
static void
make_write_settings(struct db_postgres *p, const struct db_postgres_options *options)
{
    snprintf(p->write_settings, sizeof(p->write_settings),
             "SELECT " CLOCK_TEXT ", set_config('synchronous_commit', 'on', true), set_config('enable_seqscan', 'off', true), "
             "set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true), "
             "set_config('lock_timeout', '%d', true), set_config('idle_in_transaction_session_timeout', '%d', true)",
             options->lock_wait_ms ? options->lock_wait_ms : LIMIT_STORE_WAIT_MS,
             options->idle_ms ? options->idle_ms : LIMIT_STORE_IDLE_MS);
}

/*
 * A statement's plan is made once for a connection, of the tables as they are then, and kept until they are analysed, which the server
 * does a minute later at best. Of empty tables any index will do: a first sync went through all of a tenant's maps for each of its
 * records. So plans are made anew after 4, 8, 16, ... transactions: as often as a table doubles.
 */
static bool
forget_plans(struct db_postgres *p, struct err *err)
{
    p->transactions++;
    bool due = p->transactions >= PLANS_FIRST && (p->transactions & (p->transactions - 1)) == 0;
    return !due || send_command(p, "DISCARD PLANS", (struct pending){.kind = PENDING_COMMAND}, err);
}

static bool
postgres_begin(struct db *db, bool write, struct err *err)
{
    struct db_postgres *p = own(db);
    db->try_again = false;
    p->began_us = 0;
    return send_command(p, write ? "BEGIN" : "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
                        (struct pending){.kind = PENDING_COMMAND}, err) &&
           send_command(p, write ? p->write_settings : "SELECT " CLOCK_TEXT, (struct pending){.kind = PENDING_CLOCK}, err) &&
           forget_plans(p, err);
}

/* A deferred statement that did not do what it must is known only to us: the server would commit. */
static bool
check_before_commit(struct db_postgres *p, struct err *err)
{
    PGresult *unused = NULL;
    for (unsigned i = 0; i < p->pending_count; i++)
        if (p->pending[i].kind == PENDING_EXEC_ONE)
            return drain(p, &unused, err);
    return true;
}

static bool
postgres_commit(struct db *db, struct err *err)
{
    struct db_postgres *p = own(db);
    PGresult *unused = NULL;
    if (!check_before_commit(p, err) || !enter_pipeline(p, err))
        return false;
    p->committing = true;
    bool ok = send_command(p, "COMMIT", (struct pending){.kind = PENDING_COMMIT}, err) && drain(p, &unused, err);
    p->committing = false;
    struct err leave;
    if (!leave_pipeline(p, &leave))
        db->lost = true;
    return ok;
}

static void
postgres_rollback(struct db *db)
{
    struct db_postgres *p = own(db);
    struct err ignored;
    bool try_again = db->try_again; /* of the failure that led here */
    leave_pipeline(p, &ignored);
    if (PQstatus(p->connection) == CONNECTION_OK && PQtransactionStatus(p->connection) != PQTRANS_IDLE)
        PQclear(PQexec(p->connection, "ROLLBACK"));
    if (PQstatus(p->connection) != CONNECTION_OK || PQtransactionStatus(p->connection) != PQTRANS_IDLE)
        db->lost = true;
    db->try_again = try_again;
}

static bool
postgres_savepoint(struct db *db, struct err *err)
{
    return postgres_script(db, "SAVEPOINT closure", err);
}

static bool
postgres_savepoint_keep(struct db *db, struct err *err)
{
    return postgres_script(db, "RELEASE closure", err);
}

static bool
postgres_savepoint_undo(struct db *db, struct err *err)
{
    struct err ignored;
    leave_pipeline(own(db), &ignored); /* what was deferred is undone with the rest */
    return postgres_script(db, "ROLLBACK TO closure; RELEASE closure", err);
}

/* ---- statements ---- */

static bool
send_prepare(struct db_postgres *p, unsigned number, const struct parameters *q, size_t count, struct err *err)
{
    const struct db_statement *statement = &sql_statements[number];
    if (PQsendPrepare(p->connection, statement->name, statement->postgres, (int)count, q->types) != 1)
        return fail_lost(p, err);
    note_sent(p, (struct pending){.kind = PENDING_PREPARE, .statement = number});
    p->prepared[number] = true;
    return true;
}

static bool
send_bound(struct db_postgres *p, struct pending what, const struct parameters *q, size_t count, struct err *err)
{
    const struct db_statement *statement = &sql_statements[what.statement];
    if (!enter_pipeline(p, err) ||
        (p->prepare && !p->prepared[what.statement] && !send_prepare(p, what.statement, q, count, err)))
        return false;
    int sent = p->prepare
        ? PQsendQueryPrepared(p->connection, statement->name, (int)count, q->values, q->lengths, q->formats, 1)
        : PQsendQueryParams(p->connection, statement->postgres, (int)count, q->types, q->values, q->lengths, q->formats, 1);
    if (sent != 1)
        return fail_lost(p, err);
    note_sent(p, what);
    return true;
}

static bool
send_statement(struct db_postgres *p, struct pending what, const struct db_value *values, size_t count, struct err *err)
{
    CHECK(what.statement < SQL_COUNT && count <= POSTGRES_PARAMETERS_MAX);
    CHECK(sql_statements[what.statement].postgres != NULL && count == sql_statements[what.statement].parameters);
    struct parameters q = {0};
    buf_init(&q.texts, POSTGRES_ARRAYS_BYTES_MAX);
    bool ok = fill_parameters(p, &q, values, count, err) && send_bound(p, what, &q, count, err);
    buf_release(&q.texts);
    return ok;
}

static bool
postgres_defer(struct db *db, unsigned number, const struct db_value *values, size_t count, enum err_code one, struct err *err)
{
    struct pending what = {.kind = one ? PENDING_EXEC_ONE : PENDING_EXEC, .statement = number, .code = one};
    return send_statement(own(db), what, values, count, err);
}

static bool
postgres_query(struct db *db, unsigned number, const struct db_value *values, size_t count, struct db_rows *rows,
               struct err *err)
{
    struct db_postgres *p = own(db);
    PGresult *result = NULL;
    struct pending what = {.kind = PENDING_QUERY, .statement = number};
    if (!send_statement(p, what, values, count, err) || !drain(p, &result, err))
        return false;
    CHECK(result != NULL);
    rows->handle = result;
    rows->count = PQntuples(result);
    rows->changed = rows_changed(result);
    return true;
}

static enum row
postgres_next(struct db_rows *rows, struct err *err)
{
    (void)err;
    return ++rows->row < rows->count ? ROW_FOUND : ROW_NONE;
}

static int64_t
postgres_changed(const struct db_rows *rows)
{
    return rows->changed;
}

static void
postgres_finish(struct db_rows *rows)
{
    PQclear(rows->handle);
    rows->handle = NULL;
}

/*
 * The database clock, read with BEGIN and carried on by our monotonic one: a transaction is short, and a
 * round trip for each look would cost more than it tells.
 */
static int64_t
postgres_now(struct db *db)
{
    struct db_postgres *p = own(db);
    PGresult *unused = NULL;
    struct err err;
    if (p->began_us == 0 && !drain(p, &unused, &err))
        return clock_wall_us(db->clock); /* near enough: the next statement finds the transaction failed */
    if (p->began_us == 0)
        return clock_wall_us(db->clock);
    return p->began_us + clock_monotonic_us(db->clock) - p->began_monotonic_us;
}

static void
postgres_close(struct db *db)
{
    struct db_postgres *p = own(db);
    PQfinish(p->connection);
    buf_release(&p->arrays);
    free(p);
}

static const struct db_driver driver_postgres = {
    .name = "postgresql",
    .capabilities = DB_ARRAYS | DB_SKIP_LOCKED | DB_SEQUENCE_GAPS,
    .close = postgres_close,
    .begin = postgres_begin,
    .commit = postgres_commit,
    .rollback = postgres_rollback,
    .savepoint = postgres_savepoint,
    .savepoint_keep = postgres_savepoint_keep,
    .savepoint_undo = postgres_savepoint_undo,
    .defer = postgres_defer,
    .query = postgres_query,
    .next = postgres_next,
    .is_null = postgres_is_null,
    .i64 = postgres_i64,
    .text = postgres_bytes,
    .blob = postgres_bytes,
    .changed = postgres_changed,
    .finish = postgres_finish,
    .script = postgres_script,
    .now_us = postgres_now,
};

static void
ignore_notice(void *ctx, const PGresult *result)
{
    (void)ctx, (void)result;
}

/* The whole string counts as dbname and is expanded: a URL or keywords. What stands behind it wins. */
static PGconn *
connect_to(const char *conninfo)
{
    const char *const names[] = {"dbname", "client_encoding", "connect_timeout", "target_session_attrs", "application_name", NULL};
    const char *const values[] = {conninfo, "UTF8", POSTGRES_CONNECT_S, "read-write", "tidemark", NULL};
    return PQconnectdbParams(names, values, 1);
}

struct db *
db_postgres_open(const struct db_postgres_options *options, struct err *err)
{
    struct db_postgres *p = alloc_zeroed(1, sizeof(*p));
    if (!p) {
        err_no_memory(err);
        return NULL;
    }
    p->base = (struct db){.driver = &driver_postgres, .clock = options->clock, .first_new_record = INT64_MAX};
    p->prepare = options->prepare;
    make_write_settings(p, options);
    buf_init(&p->arrays, POSTGRES_ARRAYS_BYTES_MAX);
    p->connection = connect_to(options->conninfo);
    if (PQstatus(p->connection) != CONNECTION_OK) {
        /* The reason names host and user, never the password; it goes to the log, the caller gets plain words. */
        log_write(LOG_WARN, "cannot connect to the database", LOG_C("reason", PQerrorMessage(p->connection)));
        err_set(err, E_STORE, "PostgreSQL cannot be reached: check the `database` setting and that the server runs");
        postgres_close(&p->base);
        return NULL;
    }
    PQsetNoticeReceiver(p->connection, ignore_notice, NULL);
    return &p->base;
}
