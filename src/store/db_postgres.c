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
#include <endian.h>
#include <libpq-fe.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/check.h"
#include "base/limits.h"
#include "base/log.h"
#include "sql.h"
#include "store/db.h"

#define POSTGRES_CONNECT_S "10"
#define POSTGRES_PARAMETERS_MAX 64
#define POSTGRES_ARRAYS_BYTES_MAX (256L * 1024 * 1024) /* the arrays of one statement */
#define NUMBER_TEXT_BYTES 24
#define SETTINGS_TEXT_BYTES 512

enum { OID_BOOL = 16, OID_BYTEA = 17, OID_INT8 = 20, OID_INT2 = 21, OID_INT4 = 23, OID_TEXT = 25, OID_NUMERIC = 1700,
       OID_BYTEA_ARRAY = 1001, OID_TEXT_ARRAY = 1009, OID_INT8_ARRAY = 1016 };

/* Something that was sent and whose result has not been read. */
struct pending {
    enum { PENDING_COMMAND, PENDING_PREPARE, PENDING_CLOCK, PENDING_EXEC, PENDING_EXEC_ONE, PENDING_QUERY, PENDING_COMMIT } kind;
    unsigned statement;
    enum err_code code;           /* PENDING_EXEC_ONE: when not one row changed */
};

#define PENDING_MAX 64

struct db_postgres {
    struct db base;               /* first: a struct db * is a struct db_postgres * */
    PGconn *connection;
    bool prepare;
    bool committing;
    bool prepared[SQL_COUNT];     /* or on its way */
    struct buf arrays;            /* of the statement that is being sent */
    struct pending pending[PENDING_MAX];
    unsigned pending_count;
    char write_settings[SETTINGS_TEXT_BYTES];
    int64_t began_us, began_monotonic_us; /* the database clock at the beginning of this transaction; 0: not known yet */
};

/* What PQexecParams wants, filled from db_values. Texts point into the values, numbers into `numbers`. */
struct parameters {
    Oid types[POSTGRES_PARAMETERS_MAX];
    const char *values[POSTGRES_PARAMETERS_MAX];
    int lengths[POSTGRES_PARAMETERS_MAX], formats[POSTGRES_PARAMETERS_MAX];
    size_t offsets[POSTGRES_PARAMETERS_MAX]; /* of arrays in db_postgres.arrays, which moves while it grows */
    char numbers[POSTGRES_PARAMETERS_MAX][NUMBER_TEXT_BYTES];
    struct buf texts;             /* NUL-terminated copies of texts */
};

static struct db_postgres *
own(struct db *db)
{
    return (struct db_postgres *)db;
}

/* ---- errors ---- */

static bool
state_is(const char *state, const char *class_or_code)
{
    return state && strncmp(state, class_or_code, strlen(class_or_code)) == 0;
}

static bool
fail_lost(struct db_postgres *p, struct err *err)
{
    p->base.lost = true;
    if (p->committing)
        return err_set(err, E_STORE_UNCERTAIN, NULL);
    p->base.try_again = true; /* rolled back with its connection: the closure may run again on another one */
    return err_set(err, E_STORE, "The connection to the database broke");
}

/* SQLSTATE to our codes (PostgreSQL manual, appendix A). Its texts go to the log only: they name tables and values. */
static bool
fail_state(struct db_postgres *p, const char *state, const char *statement, struct err *err)
{
    if (state_is(state, "23505"))
        return err_set(err, E_CONFLICT, NULL);
    if (state_is(state, "40001") || state_is(state, "40P01") || state_is(state, "55P03")) {
        p->base.try_again = true;
        return err_set(err, E_STORE_BUSY, NULL);
    }
    if (state_is(state, "53100"))
        return err_set(err, E_STORE_FULL, NULL);
    if (state_is(state, "57P") || state_is(state, "25006") || state_is(state, "25P03") || state_is(state, "08"))
        return fail_lost(p, err);
    if (state_is(state, "57014"))
        return err_set(err, E_STORE_BUSY, "The database took too long");
    log_write(LOG_ERROR, "database error", LOG_C("statement", statement), LOG_C("sqlState", state ? state : "none"),
              LOG_C("reason", PQerrorMessage(p->connection)));
    return err_set(err, E_STORE, NULL);
}

static bool
fail(struct db_postgres *p, const PGresult *result, const char *statement, struct err *err)
{
    if (PQstatus(p->connection) == CONNECTION_BAD)
        return fail_lost(p, err);
    return fail_state(p, result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL, statement, err);
}

static bool
result_is_good(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY;
}

/* ---- the pipeline ---- */

static const char *
pending_name(const struct pending *q)
{
    bool named = q->kind == PENDING_PREPARE || q->kind == PENDING_EXEC || q->kind == PENDING_EXEC_ONE || q->kind == PENDING_QUERY;
    return named ? sql_statements[q->statement].name : "transaction";
}

static int64_t
rows_changed(PGresult *result)
{
    int64_t changed = 0;
    return str_to_i64(str_from_c(PQcmdTuples(result)), 0, INT64_MAX, &changed) ? changed : 0;
}

static void
note_clock(struct db_postgres *p, PGresult *result)
{
    if (PQntuples(result) == 1 && str_to_i64(str_from_c(PQgetvalue(result, 0, 0)), 0, INT64_MAX, &p->began_us))
        p->began_monotonic_us = clock_monotonic_us(p->base.clock);
}

/* What one result means. A query's own result is handed out. */
static bool
take_result(struct db_postgres *p, const struct pending *q, PGresult *result, PGresult **query_out, struct err *err)
{
    if (!result_is_good(result)) {
        if (q->kind == PENDING_PREPARE)
            p->prepared[q->statement] = false;
        return fail(p, result, pending_name(q), err);
    }
    if (q->kind == PENDING_CLOCK)
        note_clock(p, result);
    if (q->kind == PENDING_EXEC_ONE && rows_changed(result) != 1)
        return err_set(err, q->code, NULL);
    if (q->kind == PENDING_COMMIT && strcmp(PQcmdStatus(result), "COMMIT") != 0)
        return err_set(err, E_STORE, "The transaction was rolled back");
    if (q->kind == PENDING_QUERY)
        *query_out = result;
    return true;
}

/* The first of what follows a failure was never run: the server skips to the next sync. */
static void
skip_result(struct db_postgres *p, const struct pending *q)
{
    if (q->kind == PENDING_PREPARE)
        p->prepared[q->statement] = false;
}

static bool
read_pending(struct db_postgres *p, PGresult **query_out, struct err *err)
{
    bool ok = true;
    for (unsigned i = 0; i < p->pending_count; i++) {
        const struct pending *q = &p->pending[i];
        PGresult *result = PQgetResult(p->connection), *kept = NULL;
        if (!ok)
            skip_result(p, q);
        else
            ok = take_result(p, q, result, &kept, err);
        if (kept)
            *query_out = kept;
        else
            PQclear(result);
        PGresult *end = result ? PQgetResult(p->connection) : NULL; /* NULL ends each statement */
        CHECK(end == NULL || PQstatus(p->connection) != CONNECTION_OK);
        PQclear(end);
    }
    p->pending_count = 0;
    return ok;
}

/* Reads all that was sent. Without an error query_out is the result of the PENDING_QUERY, if there was one. */
static bool
drain(struct db_postgres *p, PGresult **query_out, struct err *err)
{
    if (p->pending_count == 0)
        return true;
    *query_out = NULL;
    if (PQpipelineSync(p->connection) != 1) {
        p->pending_count = 0;
        return fail_lost(p, err);
    }
    bool ok = read_pending(p, query_out, err);
    PGresult *sync = PQgetResult(p->connection);
    if (ok && PQresultStatus(sync) != PGRES_PIPELINE_SYNC)
        ok = fail(p, sync, "sync", err);
    PQclear(sync);
    if (ok || !*query_out)
        return ok;
    PQclear(*query_out);
    *query_out = NULL;
    return false;
}

/* Room for what is to be sent next. */
static bool
enter_pipeline(struct db_postgres *p, struct err *err)
{
    PGresult *unused = NULL;
    if (p->pending_count + 2 > PENDING_MAX && !drain(p, &unused, err))
        return false;
    return PQpipelineStatus(p->connection) != PQ_PIPELINE_OFF || PQenterPipelineMode(p->connection) == 1 || fail_lost(p, err);
}

static bool
leave_pipeline(struct db_postgres *p, struct err *err)
{
    PGresult *unused = NULL;
    bool ok = drain(p, &unused, err);
    if (PQpipelineStatus(p->connection) != PQ_PIPELINE_OFF && PQexitPipelineMode(p->connection) != 1 && ok)
        ok = fail_lost(p, err);
    return ok;
}

static void
note_sent(struct db_postgres *p, struct pending q)
{
    CHECK(p->pending_count < PENDING_MAX);
    p->pending[p->pending_count++] = q;
}

static bool
send_command(struct db_postgres *p, const char *text, struct pending q, struct err *err)
{
    if (!enter_pipeline(p, err))
        return false;
    if (PQsendQueryParams(p->connection, text, 0, NULL, NULL, NULL, NULL, 0) != 1)
        return fail_lost(p, err);
    note_sent(p, q);
    return true;
}

static bool
postgres_script(struct db *db, const char *text, struct err *err)
{
    struct db_postgres *p = own(db);
    if (!leave_pipeline(p, err))
        return false;
    PGresult *result = PQexec(p->connection, text);
    bool ok = result_is_good(result) || fail(p, result, "script", err);
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

static bool
postgres_begin(struct db *db, bool write, struct err *err)
{
    struct db_postgres *p = own(db);
    db->try_again = false;
    p->began_us = 0;
    return send_command(p, write ? "BEGIN" : "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
                        (struct pending){.kind = PENDING_COMMAND}, err) &&
           send_command(p, write ? p->write_settings : "SELECT " CLOCK_TEXT, (struct pending){.kind = PENDING_CLOCK}, err);
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

/* ---- values ---- */

static bool
add_u32(struct buf *b, uint32_t value)
{
    uint32_t wire = htobe32(value);
    return buf_add(b, (struct str){(const char *)&wire, sizeof(wire)});
}

static bool
add_item(struct buf *b, const struct db_value *value, size_t i)
{
    if (value->type == DB_VALUE_I64_ARRAY) {
        uint64_t wire = htobe64((uint64_t)value->numbers[i]);
        return add_u32(b, sizeof(wire)) && buf_add(b, (struct str){(const char *)&wire, sizeof(wire)});
    }
    struct str text = value->texts[i];
    return str_is_none(text) ? add_u32(b, UINT32_MAX) : add_u32(b, (uint32_t)text.len) && buf_add(b, text);
}

static bool
has_null(const struct db_value *value)
{
    for (size_t i = 0; value->type != DB_VALUE_I64_ARRAY && i < value->count; i++)
        if (str_is_none(value->texts[i]))
            return true;
    return false;
}

/* A one-dimensional array as array_recv reads it: dimensions, NULL flag, item type, then length and lower bound. */
static bool
add_array(struct buf *b, const struct db_value *value, uint32_t item_type)
{
    add_u32(b, value->count ? 1 : 0);
    add_u32(b, has_null(value) ? 1 : 0);
    add_u32(b, item_type);
    if (value->count) {
        add_u32(b, (uint32_t)value->count);
        add_u32(b, 1);
    }
    for (size_t i = 0; i < value->count; i++)
        add_item(b, value, i);
    return buf_ok(b);
}

static void
set_array(struct db_postgres *p, struct parameters *q, size_t i, const struct db_value *value, Oid array, uint32_t item)
{
    q->offsets[i] = p->arrays.len;
    add_array(&p->arrays, value, item);
    q->lengths[i] = (int)(p->arrays.len - q->offsets[i]);
    q->types[i] = array;
    q->formats[i] = 1;
}

/* libpq reads text parameters to their NUL. */
static void
set_text(struct parameters *q, size_t i, struct str text)
{
    q->offsets[i] = q->texts.len;
    buf_add(&q->texts, text);
    buf_add_char(&q->texts, '\0');
}

static void
set_value(struct db_postgres *p, struct parameters *q, size_t i, const struct db_value *value)
{
    switch (value->type) {
    case DB_VALUE_NULL:
        break;
    case DB_VALUE_I64:
        snprintf(q->numbers[i], NUMBER_TEXT_BYTES, "%lld", (long long)value->number);
        q->values[i] = q->numbers[i];
        break;
    case DB_VALUE_TEXT:
        set_text(q, i, value->text);
        break;
    case DB_VALUE_BLOB:
        q->values[i] = value->text.ptr ? value->text.ptr : "";
        q->lengths[i] = (int)value->text.len;
        q->types[i] = OID_BYTEA;
        q->formats[i] = 1;
        break;
    case DB_VALUE_I64_ARRAY:
        set_array(p, q, i, value, OID_INT8_ARRAY, OID_INT8);
        break;
    case DB_VALUE_TEXT_ARRAY:
        set_array(p, q, i, value, OID_TEXT_ARRAY, OID_TEXT);
        break;
    case DB_VALUE_BLOB_ARRAY:
        set_array(p, q, i, value, OID_BYTEA_ARRAY, OID_BYTEA);
        break;
    }
}

static bool
fill_parameters(struct db_postgres *p, struct parameters *q, const struct db_value *values, size_t count, struct err *err)
{
    buf_clear(&p->arrays);
    for (size_t i = 0; i < count; i++) {
        if (values[i].type == DB_VALUE_TEXT && str_find(values[i].text, '\0') >= 0)
            return err_set(err, E_VALIDATION_FAILED, "A text with a NUL character cannot be stored");
        set_value(p, q, i, &values[i]);
    }
    if (!buf_ok(&p->arrays) || !buf_ok(&q->texts))
        return err_set(err, E_TOO_LARGE, NULL);
    for (size_t i = 0; i < count; i++) {
        if (values[i].type == DB_VALUE_TEXT)
            q->values[i] = q->texts.ptr + q->offsets[i];
        else if (values[i].type >= DB_VALUE_I64_ARRAY)
            q->values[i] = p->arrays.ptr + q->offsets[i];
    }
    return true;
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

/* ---- columns, in binary ---- */

static bool
postgres_is_null(const struct db_rows *rows, unsigned column)
{
    return PQgetisnull(rows->handle, (int)rows->row, (int)column);
}

static struct str
postgres_bytes(const struct db_rows *rows, unsigned column)
{
    if (postgres_is_null(rows, column))
        return STR_NONE;
    return (struct str){PQgetvalue(rows->handle, (int)rows->row, (int)column),
                        (size_t)PQgetlength(rows->handle, (int)rows->row, (int)column)};
}

static uint64_t
big_endian(struct str bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes.len; i++)
        value = value << 8 | (unsigned char)bytes.ptr[i];
    return value;
}

/* The whole part of a numeric: sums of bigint come as such. Base 10,000 digits; weight is that of the first. */
static int64_t
numeric_to_i64(struct str bytes)
{
    CHECK(bytes.len >= 8);
    size_t digits = (size_t)big_endian(str_slice(bytes, 0, 2));
    int weight = (int16_t)big_endian(str_slice(bytes, 2, 4));
    bool negative = big_endian(str_slice(bytes, 4, 6)) == 0x4000;
    int64_t value = 0;
    for (int place = 0; place <= weight; place++) {
        size_t at = 8 + 2 * (size_t)place;
        value = value * 10000 + ((size_t)place < digits ? (int64_t)big_endian(str_slice(bytes, at, at + 2)) : 0);
    }
    return negative ? -value : value;
}

static int64_t
postgres_i64(const struct db_rows *rows, unsigned column)
{
    struct str bytes = postgres_bytes(rows, column);
    if (str_is_none(bytes))
        return 0;
    switch (PQftype(rows->handle, (int)column)) {
    case OID_BOOL: return (int64_t)big_endian(bytes);
    case OID_INT2: return (int16_t)big_endian(bytes);
    case OID_INT4: return (int32_t)big_endian(bytes);
    case OID_INT8: return (int64_t)big_endian(bytes);
    case OID_NUMERIC: return numeric_to_i64(bytes);
    default: UNREACHABLE("a column that is read as a number has another type");
    }
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
