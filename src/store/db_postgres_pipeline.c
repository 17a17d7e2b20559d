/*
 * What was sent to PostgreSQL and whose result has not been read, and what its errors mean to us.
 *
 * After the first failure the server skips everything up to the next sync, so what follows it in the queue was
 * never run. A statement that must change exactly one row is judged here, when its result comes.
 */
#include "store/db_postgres_priv.h"

#include "base/check.h"
#include "base/log.h"

static bool
state_is(const char *state, const char *class_or_code)
{
    return state && strncmp(state, class_or_code, strlen(class_or_code)) == 0;
}

bool
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

bool
fail_result(struct db_postgres *p, const PGresult *result, const char *statement, struct err *err)
{
    if (PQstatus(p->connection) == CONNECTION_BAD)
        return fail_lost(p, err);
    return fail_state(p, result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL, statement, err);
}

bool
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

int64_t
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
        return fail_result(p, result, pending_name(q), err);
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
bool
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
        ok = fail_result(p, sync, "sync", err);
    PQclear(sync);
    if (ok || !*query_out)
        return ok;
    PQclear(*query_out);
    *query_out = NULL;
    return false;
}

/* Room for what is to be sent next. */
bool
enter_pipeline(struct db_postgres *p, struct err *err)
{
    PGresult *unused = NULL;
    if (p->pending_count + 2 > PENDING_MAX && !drain(p, &unused, err))
        return false;
    return PQpipelineStatus(p->connection) != PQ_PIPELINE_OFF || PQenterPipelineMode(p->connection) == 1 || fail_lost(p, err);
}

bool
leave_pipeline(struct db_postgres *p, struct err *err)
{
    PGresult *unused = NULL;
    bool ok = drain(p, &unused, err);
    if (PQpipelineStatus(p->connection) != PQ_PIPELINE_OFF && PQexitPipelineMode(p->connection) != 1 && ok)
        ok = fail_lost(p, err);
    return ok;
}

void
note_sent(struct db_postgres *p, struct pending q)
{
    CHECK(p->pending_count < PENDING_MAX);
    p->pending[p->pending_count++] = q;
}

bool
send_command(struct db_postgres *p, const char *text, struct pending q, struct err *err)
{
    if (!enter_pipeline(p, err))
        return false;
    if (PQsendQueryParams(p->connection, text, 0, NULL, NULL, NULL, NULL, 0) != 1)
        return fail_lost(p, err);
    note_sent(p, q);
    return true;
}
