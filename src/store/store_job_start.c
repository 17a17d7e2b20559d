/*
 * How a job comes to its run.
 *
 * A connection has one unfinished run at a time (I-13); jobs that want it stand in line, ordered by rank. Whoever
 * ends a run starts the next job in the same transaction, so nothing polls for it. The engine's sweep starts those
 * whose time comes without that: firings, retries, and what a crash of an older program left behind.
 */
#include "base/limits.h"
#include "store/store_priv.h"
#include "store/store_run.h"

/* A rank is at most the time from which its job may start, and its priority: of jobs that may start now none is later. */
#define RANK_MAX(now_us) ((now_us) + (int64_t)PRIORITY_LOW * RUN_AGEING_US)
#define START_ARENA_BYTES (4L * 1024 * 1024) /* one job and its run */

static bool
refuse_waiting(struct db *db, int64_t tenant, int64_t connection, enum err_code code, bool keep_schedules, int64_t now_us,
               struct err *err)
{
    return db_exec(db, SQL_JOB_REFUSE_WAITING, DB_ARGS(DB_I(tenant), DB_I(connection), DB_T(str_from_c(err_name(code))),
                   DB_T(str_from_c(err_words(code))), DB_I(now_us), DB_BOOL(keep_schedules)), NULL, err);
}

bool
store_job_orphan(struct db *db, int64_t tenant, int64_t connection, int64_t now_us, struct err *err)
{
    enum err_code code = E_CONNECTION_NOT_FOUND;
    return db_exec(db, SQL_JOB_ORPHAN, DB_ARGS(DB_I(tenant), DB_I(connection), DB_T(str_from_c(err_name(code))),
                   DB_T(str_from_c(err_words(code))), DB_I(now_us)), NULL, err);
}

/* Makes the run of a job. The job leaves its line in the same transaction, or nothing happens. */
static bool
start(struct db *db, struct arena *a, const struct job *job, int64_t now_us, bool *started_out, struct err *err)
{
    struct run run;
    bool second = job->target != 0 && job->connection == job->target;
    struct run_new ask = {.tenant = job->tenant, .connection = job->connection, .job = job->id, .full = job->full || second,
                          .entity = job->entity, .direction = job->direction, .trigger = STR("job"), .options = job->run_options,
                          .created_by = job->created_by, .priority = job->priority};
    struct err busy = {0};
    if (!store_run_create(db, a, &ask, now_us, &run, &busy)) {
        if (busy.code == E_SYNC_IN_PROGRESS)
            return true;
        busy.items = err->items;
        *err = busy;
        return false;
    }
    int64_t changed;
    *started_out = true;
    if (!db_exec(db, SQL_JOB_STARTED, DB_ARGS(DB_I(job->tenant), DB_I(job->id), DB_I(now_us)), &changed, err))
        return false;
    return changed == 1 || store_look_again(db, err); /* cancelled, paused or started since we found it: then another is next */
}

static bool
start_next(struct db *db, struct arena *a, int64_t tenant, int64_t connection, int64_t now_us, bool *started_out,
           struct err *err)
{
    struct job job;
    int64_t enabled;
    enum row row = store_row(db, SQL_JOB_NEXT_WAITING, DB_ARGS(DB_I(tenant), DB_I(connection), DB_I(now_us),
                             DB_I(RANK_MAX(now_us))), a, &job, sizeof(job), job_read, err);
    if (row != ROW_FOUND)
        return row == ROW_NONE;
    row = db_query_i64(db, SQL_JOB_CONNECTION, DB_ARGS(DB_I(tenant), DB_I(connection)), &enabled, err);
    if (row == ROW_FAILED)
        return false;
    if (row == ROW_NONE)
        return refuse_waiting(db, tenant, connection, E_CONNECTION_NOT_FOUND, false, now_us, err);
    if (!enabled)
        return refuse_waiting(db, tenant, connection, E_CONNECTION_DISABLED, true, now_us, err);
    return start(db, a, &job, now_us, started_out, err);
}

bool
store_job_start_next(struct db *db, int64_t tenant, int64_t connection, int64_t now_us, bool *started_out, struct err *err)
{
    struct arena scratch;
    bool started = false;
    arena_init(&scratch, START_ARENA_BYTES);
    bool ok = start_next(db, &scratch, tenant, connection, now_us, &started, err);
    arena_release(&scratch);
    if (ok && started_out)
        *started_out = started;
    return ok;
}

bool
store_job_due(struct db *db, struct arena *a, int64_t now_us, size_t limit, struct job **rows_out, size_t *count_out,
              struct err *err)
{
    struct list list = LIST_OF(a, struct job);
    if (!store_rows(db, SQL_JOB_DUE, DB_ARGS(DB_I(now_us), DB_I(limit)), &list, job_read, err))
        return false;
    *rows_out = list.items;
    *count_out = list.count;
    return true;
}

bool
store_job_fire(struct db *db, const struct job *due, int64_t next_us, bool run, int64_t now_us, bool *fired_out, struct err *err)
{
    int64_t changed;
    if (!db_exec(db, SQL_JOB_FIRE, DB_ARGS(DB_I(due->tenant), DB_I(due->id), DB_I(due->next_us), DB_I0(next_us), DB_BOOL(run),
                 DB_I(now_us), DB_I(now_us + (int64_t)due->priority * RUN_AGEING_US)), &changed, err))
        return false;
    *fired_out = changed == 1;
    return true;
}

static void
place_read(struct row_reader *r, void *item)
{
    struct job_place *place = item;
    place->tenant = read_i64(r);
    place->connection = read_i64(r);
}

bool
store_job_startable(struct db *db, struct arena *a, int64_t now_us, size_t limit, struct job_place **rows_out,
                    size_t *count_out, struct err *err)
{
    struct list list = LIST_OF(a, struct job_place);
    if (!store_rows(db, SQL_JOB_STARTABLE, DB_ARGS(DB_I(now_us), DB_I(limit), DB_I(RANK_MAX(now_us))), &list, place_read, err))
        return false;
    *rows_out = list.items;
    *count_out = list.count;
    return true;
}

bool
store_job_ahead(struct db *db, const struct job *job, int64_t *count_out, struct err *err)
{
    return store_row_must(db_query_i64(db, SQL_JOB_AHEAD, DB_ARGS(DB_I(job->tenant), DB_I(job->connection), DB_I(job->rank),
                                       DB_I(job->id)), count_out, err), E_STORE, err);
}

bool
store_job_durations(struct db *db, int64_t tenant, struct str name, size_t limit, int64_t *durations_us_out,
                    size_t *count_out, struct err *err)
{
    struct db_rows rows;
    size_t count = 0;
    enum row row;
    if (!db_query(db, SQL_JOB_DURATIONS, DB_ARGS(DB_I(tenant), DB_T(name), DB_I(limit)), &rows, err))
        return false;
    while ((row = db_next(&rows, err)) == ROW_FOUND)
        durations_us_out[count++] = db_column_i64(&rows, 0);
    if (row == ROW_FAILED)
        return false;
    *count_out = count;
    return true;
}

bool
store_job_progress(struct db *db, int64_t tenant, int64_t run, struct job_progress *progress_out, struct err *err)
{
    struct db_rows rows;
    enum row row = db_query_row(db, SQL_JOB_PROGRESS, DB_ARGS(DB_I(tenant), DB_I(run)), &rows, err);
    if (!store_row_must(row, E_STORE, err))
        return false;
    *progress_out = (struct job_progress){db_column_i64(&rows, 0), db_column_i64(&rows, 1), db_column_i64(&rows, 2)};
    db_finish(&rows);
    return true;
}

bool
store_job_last_sync(struct db *db, int64_t tenant, int64_t *last_us_out, struct err *err)
{
    int64_t last_us = 0;
    if (db_query_i64(db, SQL_JOB_LAST_SYNC, DB_ARGS(DB_I(tenant)), &last_us, err) == ROW_FAILED)
        return false;
    *last_us_out = last_us;
    return true;
}
