/*
 * The PostgreSQL driver.
 *
 * Scalars go as text and PostgreSQL infers their types; arrays go in binary format with their types named,
 * because a page's arrays are most of the bytes. Results come in binary. Statements are prepared by name at
 * first use on each connection, unless a pooler without prepared statements stands between.
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
#include "base/log.h"
#include "sql.h"
#include "store/db.h"

#define POSTGRES_CONNECT_S "10"
#define POSTGRES_PARAMETERS_MAX 64
#define POSTGRES_ARRAYS_BYTES_MAX (256L * 1024 * 1024) /* the arrays of one statement */
#define NUMBER_TEXT_BYTES 24

enum { OID_BOOL = 16, OID_BYTEA = 17, OID_INT8 = 20, OID_INT2 = 21, OID_INT4 = 23, OID_TEXT = 25, OID_NUMERIC = 1700,
       OID_BYTEA_ARRAY = 1001, OID_TEXT_ARRAY = 1009, OID_INT8_ARRAY = 1016 };

struct db_postgres {
    struct db base;               /* first: a struct db * is a struct db_postgres * */
    PGconn *connection;
    bool prepare;
    bool committing;
    bool prepared[SQL_COUNT];
    struct buf arrays;            /* of the statement that is being sent */
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
    if (state_is(state, "57P") || state_is(state, "25006") || state_is(state, "08"))
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

static bool
postgres_script(struct db *db, const char *text, struct err *err)
{
    struct db_postgres *p = own(db);
    PGresult *result = PQexec(p->connection, text);
    bool ok = result_is_good(result) || fail(p, result, "script", err);
    PQclear(result);
    return ok;
}

/* ---- transactions ---- */

/*
 * Look-ups by arrays have one good plan, by index; on a table that was never analysed the planner finds
 * others that take a thousand times longer. So those are taken away from it, in the transaction only.
 */
static const char begin_write[] =
    "BEGIN; SET LOCAL synchronous_commit = on; SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; "
    "SET LOCAL enable_mergejoin = off";

static bool
postgres_begin(struct db *db, bool write, struct err *err)
{
    db->try_again = false;
    return postgres_script(db, write ? begin_write : "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", err);
}

static bool
postgres_commit(struct db *db, struct err *err)
{
    struct db_postgres *p = own(db);
    p->committing = true;
    PGresult *result = PQexec(p->connection, "COMMIT");
    bool ok = result_is_good(result) || fail(p, result, "commit", err);
    if (ok && strcmp(PQcmdStatus(result), "COMMIT") != 0)
        ok = err_set(err, E_STORE, "The transaction was rolled back");
    p->committing = false;
    PQclear(result);
    return ok;
}

static void
postgres_rollback(struct db *db)
{
    struct db_postgres *p = own(db);
    if (PQstatus(p->connection) == CONNECTION_OK && PQtransactionStatus(p->connection) != PQTRANS_IDLE)
        PQclear(PQexec(p->connection, "ROLLBACK"));
    if (PQstatus(p->connection) != CONNECTION_OK || PQtransactionStatus(p->connection) != PQTRANS_IDLE)
        db->lost = true;
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
prepare(struct db_postgres *p, unsigned number, const struct parameters *q, size_t count, struct err *err)
{
    const struct db_statement *statement = &sql_statements[number];
    PGresult *result = PQprepare(p->connection, statement->name, statement->postgres, (int)count, q->types);
    bool ok = result_is_good(result) || fail(p, result, statement->name, err);
    PQclear(result);
    p->prepared[number] = ok;
    return ok;
}

static PGresult *
execute(struct db_postgres *p, unsigned number, const struct parameters *q, size_t count, struct err *err)
{
    const struct db_statement *statement = &sql_statements[number];
    if (p->prepare && !p->prepared[number] && !prepare(p, number, q, count, err))
        return NULL;
    PGresult *result = p->prepare
        ? PQexecPrepared(p->connection, statement->name, (int)count, q->values, q->lengths, q->formats, 1)
        : PQexecParams(p->connection, statement->postgres, (int)count, q->types, q->values, q->lengths, q->formats, 1);
    if (result_is_good(result))
        return result;
    fail(p, result, statement->name, err);
    PQclear(result);
    return NULL;
}

static int64_t
rows_changed(PGresult *result)
{
    int64_t changed = 0;
    return str_to_i64(str_from_c(PQcmdTuples(result)), 0, INT64_MAX, &changed) ? changed : 0;
}

static bool
postgres_query(struct db *db, unsigned number, const struct db_value *values, size_t count, struct db_rows *rows,
               struct err *err)
{
    struct db_postgres *p = own(db);
    CHECK(number < SQL_COUNT && count <= POSTGRES_PARAMETERS_MAX);
    CHECK(sql_statements[number].postgres != NULL && count == sql_statements[number].parameters);
    struct parameters q = {0};
    buf_init(&q.texts, POSTGRES_ARRAYS_BYTES_MAX);
    PGresult *result = fill_parameters(p, &q, values, count, err) ? execute(p, number, &q, count, err) : NULL;
    buf_release(&q.texts);
    if (!result)
        return false;
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

static int64_t
postgres_now(struct db *db)
{
    struct db_postgres *p = own(db);
    PGresult *result = PQexec(p->connection, "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint::text");
    int64_t now_us = clock_wall_us(db->clock);
    if (result_is_good(result) && PQntuples(result) == 1 &&
        !str_to_i64(str_from_c(PQgetvalue(result, 0, 0)), 0, INT64_MAX, &now_us))
        UNREACHABLE("PostgreSQL's clock cannot be read");
    if (!result_is_good(result) && PQstatus(p->connection) == CONNECTION_BAD)
        db->lost = true; /* the next statement fails; until then our own clock is near enough */
    PQclear(result);
    return now_us;
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
