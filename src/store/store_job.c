#include "store/store_job.h"

#include "base/limits.h"
#include "base/rng.h"
#include "store/store_priv.h"

static const char *const state_names[] = {
    [JOB_QUEUED] = "queued",       [JOB_ACTIVE] = "active", [JOB_PAUSED] = "paused",
    [JOB_COMPLETED] = "completed", [JOB_FAILED] = "failed", [JOB_CANCELLED] = "cancelled",
};
static const char *const priority_names[] = {
    [PRIORITY_HIGH] = "high",
    [PRIORITY_NORMAL] = "normal",
    [PRIORITY_LOW] = "low",
};

const char *
job_state_name(enum job_state state)
{
    return state_names[state];
}

bool
job_state_from_name(struct str name, enum job_state *state_out)
{
    unsigned index;
    if (!name_find(state_names, ARRAY_LEN(state_names), name, &index))
        return false;
    *state_out = (enum job_state)index;
    return true;
}

bool
job_state_is_terminal(enum job_state state)
{
    return state >= JOB_COMPLETED;
}

const char *
priority_name(enum priority priority)
{
    return priority_names[priority];
}

bool
priority_from_name(struct str name, enum priority *priority_out)
{
    unsigned index;
    if (!name_find(priority_names, ARRAY_LEN(priority_names), name, &index))
        return false;
    *priority_out = (enum priority)index;
    return true;
}

void
job_read(struct row_reader *r, void *item)
{
    struct job *j = item;
    j->id = read_i64(r);
    j->tenant = read_i64(r);
    j->connection = read_i64(r);
    j->uuid = read_text(r);
    j->name = read_text(r);
    j->type = read_text(r);
    j->priority = (enum priority)read_i64(r);
    if (!job_state_from_name(db_column_text(r->rows, r->column++), &j->state))
        j->state = JOB_FAILED;
    j->data = read_text(r);
    j->options = read_text(r);
    j->schedule = read_text(r);
    j->next_us = read_i64(r);
    j->tries = read_i64(r);
    j->error_code = read_text(r);
    j->error_message = read_text(r);
    j->created_by = read_text(r);
    j->created_us = read_i64(r);
    j->started_us = read_i64(r);
    j->finished_us = read_i64(r);
    j->updated_us = read_i64(r);
    j->full = read_bool(r);
    j->entity = read_text(r);
    j->run_options = read_text(r);
    j->retries_max = read_i64(r);
    j->waiting = read_bool(r);
    j->start_after_us = read_i64(r);
    j->rank = read_i64(r);
    j->fired_us = read_i64(r);
    j->paused_us = read_i64(r);
    j->resumed_us = read_i64(r);
    j->direction = read_text(r);
    j->source = read_i64(r);
    j->target = read_i64(r);
}

static enum row
job_row(struct db *db, struct arena *a, enum sql statement, int64_t tenant, struct db_value value, struct job *job_out,
        struct err *err)
{
    return store_row(db, statement, DB_ARGS(DB_I(tenant), value), a, job_out, sizeof(*job_out), job_read, err);
}

static bool
fail_name_taken(struct db *db, struct arena *a, const struct job *job, struct err *err)
{
    struct job other;
    enum row row = job_row(db, a, SQL_JOB_BY_NAME, job->tenant, DB_T(job->name), &other, err);
    if (row == ROW_FAILED)
        return false;
    err_set(err, E_CONFLICT, "A job named \"%.*s\" is not finished yet", STR_ARG(job->name));
    if (row == ROW_FOUND)
        snprintf(err->subject, sizeof(err->subject), "%.*s", STR_ARG(other.uuid));
    return false;
}

bool
store_job_create(struct db *db, struct arena *a, struct job *job, int64_t now_us, struct err *err)
{
    job->uuid = store_new_uuid(a);
    if (str_is_none(job->uuid))
        return STORE_ARENA_FULL(err);
    db_note_effect(db, "job", job->uuid);
    job->state = JOB_QUEUED;
    job->created_us = job->updated_us = now_us;
    enum row row = db_query_i64(db, SQL_JOB_INSERT, DB_ARGS(DB_I(job->tenant), DB_T(job->uuid), DB_T(job->name),
                                DB_I0(job->connection), DB_T(job->type), DB_I(job->priority), DB_T(job->data),
                                DB_T(job->options), DB_T(job->schedule), DB_I0(job->next_us), DB_T(job->created_by),
                                DB_I(now_us), DB_BOOL(job->full), DB_T(job->entity), DB_T(job->run_options),
                                DB_I(job->retries_max), DB_BOOL(job->waiting), DB_I(job->start_after_us), DB_I(job->rank),
                                DB_T(job->direction), DB_I0(job->source), DB_I0(job->target)),
                                &job->id, err);
    return row == ROW_NONE ? fail_name_taken(db, a, job, err) : row == ROW_FOUND;
}

enum row
store_job_get(struct db *db, struct arena *a, int64_t tenant, int64_t job, struct job *job_out, struct err *err)
{
    return job_row(db, a, SQL_JOB_GET, tenant, DB_I(job), job_out, err);
}

enum row
store_job_find(struct db *db, struct arena *a, int64_t tenant, struct str name, struct job *job_out, struct err *err)
{
    enum row row = job_row(db, a, SQL_JOB_BY_NAME, tenant, DB_T(name), job_out, err);
    if (row != ROW_NONE || !uuid_is_valid(name))
        return row;
    return job_row(db, a, SQL_JOB_BY_UUID, tenant, DB_T(name), job_out, err);
}

bool
store_job_move(struct db *db, int64_t tenant, int64_t job, int from, enum job_state to, int64_t now_us, struct err *err)
{
    struct db_value before = from < 0 ? DB_NULL : DB_T(str_from_c(state_names[from]));
    return db_exec_one(db, SQL_JOB_MOVE, DB_ARGS(DB_I(tenant), DB_I(job), before, DB_T(str_from_c(state_names[to])),
                       DB_I(now_us)), E_CONFLICT, err);
}

bool
store_job_list(struct db *db, struct arena *a, int64_t tenant, const struct job_filter *f, struct job **rows_out,
               size_t *count_out, int64_t *total_out, struct err *err)
{
    struct list list = LIST_OF(a, struct job);
    if (!store_rows(db, SQL_JOB_LIST, DB_ARGS(DB_I(tenant), DB_I(f->states), DB_I(f->before), DB_I(f->limit), DB_I(f->offset)), &list,
                    job_read, err))
        return false;
    if (total_out && db_query_i64(db, SQL_JOB_TOTAL, DB_ARGS(DB_I(tenant), DB_I(f->states), DB_I(LIMIT_COUNT_EXACT + 1)), total_out,
                                  err) != ROW_FOUND)
        return false;
    *rows_out = list.items;
    *count_out = list.count;
    return true;
}

bool
store_job_counts(struct db *db, int64_t tenant, struct job_counts *counts_out, struct err *err)
{
    struct job_counts counts = {0};
    struct db_rows rows;
    if (!db_query(db, SQL_JOB_COUNTS, DB_ARGS(DB_I(tenant)), &rows, err))
        return false;
    enum row row;
    while ((row = db_next(&rows, err)) == ROW_FOUND) {
        enum job_state state;
        if (!job_state_from_name(db_column_text(&rows, 0), &state))
            continue;
        counts.by_state[state] = db_column_i64(&rows, 1);
        counts.total += counts.by_state[state];
    }
    if (row == ROW_FAILED)
        return false;
    *counts_out = counts;
    return true;
}
