/*
 * What a person asks of a job: pause, resume, cancel, purge.
 *
 * A job with an unfinished run is what its run is: the run is asked, and the job follows it. A job without one is
 * moved itself. Which of the two it is must not change in between, so the job's row is held first.
 */
#include "store/store_priv.h"
#include "store/store_run.h"

#define PURGE_ARENA_BYTES (64 * 1024)

static bool
move(struct db *db, const struct job *job, enum job_state to, int64_t now_us, struct err *err)
{
    return db_exec_one(db, SQL_JOB_ASK, DB_ARGS(DB_I(job->tenant), DB_I(job->id), DB_T(str_from_c(job_state_name(to))),
                       DB_I(now_us)), E_CONFLICT, err);
}

enum row
store_job_run(struct db *db, struct arena *a, const struct job *job, bool any, struct str *uuid_out, struct err *err)
{
    struct db_rows rows;
    struct db_value values[] = {DB_I(job->tenant), DB_I(job->id)};
    enum row row = db_query_row(db, SQL_JOB_RUN, values, ARRAY_LEN(values), &rows, err);
    if (row == ROW_NONE && any)
        row = db_query_row(db, SQL_JOB_RUN_NEWEST, values, ARRAY_LEN(values), &rows, err);
    if (row != ROW_FOUND)
        return row;
    struct str uuid = db_column_text_copy(&rows, 0, a);
    db_finish(&rows);
    if (str_is_none(uuid))
        return STORE_ARENA_FULL(err), ROW_FAILED;
    *uuid_out = uuid;
    return ROW_FOUND;
}

static bool
ask_run(struct db *db, struct arena *a, const struct job *job, struct str run, enum job_ask ask, int64_t now_us, struct err *err)
{
    static const enum run_ask asks[] = {
        [JOB_ASK_PAUSE] = RUN_ASK_PAUSE, [JOB_ASK_RESUME] = RUN_ASK_RESUME, [JOB_ASK_CANCEL] = RUN_ASK_CANCEL,
    };
    struct run after;
    return store_run_ask(db, a, job->tenant, run, asks[ask], now_us, &after, err);
}

static bool
ask_waiting(struct db *db, const struct job *job, enum job_ask ask, int64_t now_us, struct err *err)
{
    switch (ask) {
    case JOB_ASK_PAUSE: return job->state == JOB_PAUSED || move(db, job, JOB_PAUSED, now_us, err);
    case JOB_ASK_RESUME: return job->state != JOB_PAUSED || move(db, job, JOB_QUEUED, now_us, err);
    case JOB_ASK_CANCEL: return move(db, job, JOB_CANCELLED, now_us, err);
    }
    return true;
}

bool
store_job_ask(struct db *db, struct arena *a, const struct job *which, enum job_ask ask, int64_t next_us, int64_t now_us,
              struct job *job_out, struct err *err)
{
    struct job job;
    struct str run;
    struct db_value values[] = {DB_I(which->tenant), DB_I(which->id)};
    if (!db_exec(db, SQL_JOB_LOCK, values, ARRAY_LEN(values), NULL, err) ||
        !store_row_must(store_job_get(db, a, which->tenant, which->id, &job, err), E_JOB_NOT_FOUND, err))
        return false;
    if (job_state_is_terminal(job.state) && ask == JOB_ASK_CANCEL && job.state == JOB_CANCELLED) {
        *job_out = job;
        return true;
    }
    if (job_state_is_terminal(job.state))
        return err_set(err, E_CONFLICT, "The job has finished: it is %s", job_state_name(job.state));
    enum row row = store_job_run(db, a, &job, false, &run, err);
    if (row == ROW_FAILED)
        return false;
    if (!(row == ROW_FOUND ? ask_run(db, a, &job, run, ask, now_us, err) : ask_waiting(db, &job, ask, now_us, err)))
        return false;
    if (ask == JOB_ASK_RESUME && job.state == JOB_PAUSED &&
        (!db_exec(db, SQL_JOB_RESUMED, DB_ARGS(DB_I(job.tenant), DB_I(job.id), DB_I(now_us), DB_I0(next_us)), NULL, err) ||
         !store_job_start_next(db, job.tenant, job.connection, now_us, NULL, err)))
        return false;
    return store_row_must(store_job_get(db, a, job.tenant, job.id, job_out, err), E_JOB_NOT_FOUND, err);
}

/* ---- purge ---- */

static void
id_read(struct row_reader *r, void *item)
{
    *(int64_t *)item = read_i64(r);
}

static bool
purge_job(struct db *db, int64_t tenant, int64_t job, struct job_purge *purge, struct err *err)
{
    static const unsigned parts[] = {SQL_JOB_PURGE_PAGES, SQL_JOB_PURGE_RECORDS, SQL_JOB_PURGE_STREAMS, SQL_JOB_PURGE_PASSES,
                                     SQL_JOB_PURGE_LOGS, SQL_JOB_PURGE_REQUESTS, SQL_JOB_PURGE_RUNS};
    struct db_rows rows;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (!db_exec(db, parts[i], DB_ARGS(DB_I(tenant), DB_I(job)), NULL, err))
            return false;
    enum row row = db_query_row(db, SQL_JOB_PURGE, DB_ARGS(DB_I(tenant), DB_I(job)), &rows, err);
    if (row != ROW_FOUND)
        return row == ROW_NONE;
    if (str_eq_c(db_column_text(&rows, 0), "completed"))
        purge->completed++;
    else
        purge->failed++;
    db_finish(&rows);
    return true;
}

bool
store_job_purge(struct db *db, int64_t tenant, struct job_purge *purge, struct err *err)
{
    struct arena scratch;
    struct job_purge done = *purge;
    arena_init(&scratch, PURGE_ARENA_BYTES);
    struct list ids = LIST_OF(&scratch, int64_t);
    bool ok = store_rows(db, SQL_JOB_PURGE_LIST, DB_ARGS(DB_I(tenant), DB_I(purge->after), DB_I(JOB_PURGE_BATCH)), &ids, id_read,
                         err);
    for (size_t i = 0; ok && i < ids.count; i++) {
        done.after = ((const int64_t *)ids.items)[i];
        ok = purge_job(db, tenant, done.after, &done, err);
    }
    done.more = ids.count == JOB_PURGE_BATCH;
    arena_release(&scratch);
    if (ok)
        *purge = done;
    return ok;
}
