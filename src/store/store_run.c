/*
 * Runs: making, reading and counting them. Who works on them is store_run_move.c; what they have done
 * so far is store_run_progress.c.
 */
#include "store/store_run.h"

#include "base/limits.h"
#include "base/rng.h"
#include "store/store_priv.h"

static const char *const state_names[] = {
    [RUN_QUEUED] = "queued", [RUN_RUNNING] = "running",     [RUN_WAITING] = "waiting",     [RUN_PAUSED] = "paused",
    [RUN_SUCCEEDED] = "succeeded", [RUN_FAILED] = "failed", [RUN_CANCELLED] = "cancelled",
};
static const char *const verdict_names[] = {
    [VERDICT_NONE] = "", [VERDICT_COMPLETE] = "complete", [VERDICT_PARTIAL] = "partial", [VERDICT_SUSPICIOUS] = "suspicious",
};

const char *
run_state_name(enum run_state state)
{
    return state_names[state];
}

bool
run_state_from_name(struct str name, enum run_state *state_out)
{
    unsigned index;
    if (!name_find(state_names, ARRAY_LEN(state_names), name, &index))
        return false;
    *state_out = (enum run_state)index;
    return true;
}

bool
run_state_is_terminal(enum run_state state)
{
    return state >= RUN_SUCCEEDED;
}

bool
run_may_move(enum run_state from, enum run_state to)
{
    static const unsigned allowed[] = {
        [RUN_QUEUED] = RUN_STATE_BIT(RUN_RUNNING) | RUN_STATE_BIT(RUN_PAUSED) | RUN_STATE_BIT(RUN_CANCELLED),
        [RUN_RUNNING] = RUN_STATE_BIT(RUN_WAITING) | RUN_STATE_BIT(RUN_PAUSED) | RUN_STATE_BIT(RUN_SUCCEEDED) |
                        RUN_STATE_BIT(RUN_FAILED) | RUN_STATE_BIT(RUN_CANCELLED),
        [RUN_WAITING] = RUN_STATE_BIT(RUN_RUNNING) | RUN_STATE_BIT(RUN_PAUSED) | RUN_STATE_BIT(RUN_CANCELLED),
        [RUN_PAUSED] = RUN_STATE_BIT(RUN_RUNNING) | RUN_STATE_BIT(RUN_QUEUED) | RUN_STATE_BIT(RUN_CANCELLED),
        [RUN_SUCCEEDED] = 0,
        [RUN_FAILED] = 0,
        [RUN_CANCELLED] = 0,
    };
    return (allowed[from] & RUN_STATE_BIT(to)) != 0;
}

const char *
run_verdict_name(enum run_verdict verdict)
{
    return verdict == VERDICT_NONE ? NULL : verdict_names[verdict];
}

struct page_fence
run_fence(const struct run *run)
{
    return (struct page_fence){.tenant = run->tenant, .run = run->id, .epoch = run->epoch, .page_seq = run->page_seq + 1};
}

static void
read_lease(struct row_reader *r, struct run *run)
{
    run->epoch = read_i64(r);
    run->page_seq = read_i64(r);
    run->lease_node = read_text(r);
    run->lease_until_us = read_i64(r);
    run->not_before_us = read_i64(r);
    run->wait_code = read_text(r);
    run->wait_message = read_text(r);
    run->pause_asked = read_bool(r);
    run->cancel_asked = read_bool(r);
    run->crashes = read_i64(r);
    run->retries = read_i64(r);
}

void
read_counts(struct row_reader *r, struct page_counts *counts)
{
    counts->received = read_i64(r);
    counts->created = read_i64(r);
    counts->updated = read_i64(r);
    counts->skipped = read_i64(r);
    counts->deleted = read_i64(r);
    counts->errors = read_i64(r);
    counts->records_read = read_i64(r);
}

static void
read_end(struct row_reader *r, struct run *run)
{
    unsigned verdict = VERDICT_NONE;
    if (name_find(verdict_names, ARRAY_LEN(verdict_names), db_column_text(r->rows, r->column++), &verdict))
        run->verdict = (enum run_verdict)verdict;
    run->verdict_reason = read_text(r);
    run->error_code = read_text(r);
    run->error_message = read_text(r);
    run->created_us = read_i64(r);
    run->started_us = read_i64(r);
    run->finished_us = read_i64(r);
    run->updated_us = read_i64(r);
}

static void
run_read(struct row_reader *r, void *item)
{
    struct run *run = item;
    run->id = read_i64(r);
    run->tenant = read_i64(r);
    run->connection = read_i64(r);
    run->job = read_i64(r);
    run->uuid = read_text(r);
    run->connection_uuid = read_text(r);
    run->connection_name = read_text(r);
    run->template_name = read_text(r);
    if (!run_state_from_name(db_column_text(r->rows, r->column++), &run->state))
        run->state = RUN_FAILED;
    run->full = read_bool(r);
    run->complete_set = read_bool(r);
    run->direction = read_text(r);
    run->entity = read_text(r);
    run->trigger = read_text(r);
    run->options = read_text(r);
    run->template_version = read_text(r);
    run->priority = (enum priority)read_i64(r);
    run->created_by = read_text(r);
    read_lease(r, run);
    read_counts(r, &run->counts);
    run->missing = read_i64(r);
    run->declared_total = read_i64_or(r, -1);
    run->log_lines = read_i64(r);
    run->log_lines_dropped = read_i64(r);
    run->requests = read_i64(r);
    read_end(r, run);
}

static enum row
run_row(struct db *db, struct arena *a, enum sql statement, int64_t tenant, struct db_value value, struct run *run_out,
        struct err *err)
{
    return store_row(db, statement, DB_ARGS(DB_I(tenant), value), a, run_out, sizeof(*run_out), run_read, err);
}

enum row
store_run_get_by_id(struct db *db, struct arena *a, int64_t tenant, int64_t run, struct run *run_out, struct err *err)
{
    return run_row(db, a, SQL_RUN_BY_ID, tenant, DB_I(run), run_out, err);
}

enum row
store_run_get(struct db *db, struct arena *a, int64_t tenant, struct str uuid, struct run *run_out, struct err *err)
{
    if (!uuid_is_valid(uuid))
        return ROW_NONE;
    struct str lower = str_lower(a, uuid);
    if (str_is_none(lower))
        return STORE_ARENA_FULL(err), ROW_FAILED;
    return run_row(db, a, SQL_RUN_BY_UUID, tenant, DB_T(lower), run_out, err);
}

enum row
store_run_unfinished(struct db *db, struct arena *a, int64_t tenant, int64_t connection, struct run *run_out,
                     struct err *err)
{
    return run_row(db, a, SQL_RUN_UNFINISHED, tenant, DB_I(connection), run_out, err);
}

enum row
store_run_newest(struct db *db, struct arena *a, int64_t tenant, int64_t connection, struct run *run_out, struct err *err)
{
    return run_row(db, a, SQL_RUN_NEWEST, tenant, DB_I(connection), run_out, err);
}

bool
run_next_turn(struct db *db, int64_t tenant, int64_t *turn_out, struct err *err)
{
    return store_row_must(db_query_i64(db, SQL_RUN_TURN, DB_ARGS(DB_I(tenant)), turn_out, err), E_STORE, err);
}

/* Making one. */

static bool
fail_in_progress(struct db *db, struct arena *a, const struct run_new *ask, struct err *err)
{
    struct run other;
    enum row row = store_run_unfinished(db, a, ask->tenant, ask->connection, &other, err);
    if (row == ROW_FAILED)
        return false;
    err_set(err, E_SYNC_IN_PROGRESS, NULL);
    if (row == ROW_FOUND)
        snprintf(err->subject, sizeof(err->subject), "%.*s", STR_ARG(other.uuid));
    return false;
}

/* The job that stands above a run of the doors without jobs: named after the connection's UUID. */
static bool
make_job(struct db *db, struct arena *a, const struct run_new *ask, int64_t now_us, int64_t *job_out, struct err *err)
{
    struct db_rows rows;
    enum row row = db_query_row(db, SQL_CONNECTION_BY_ID, DB_ARGS(DB_I(ask->tenant), DB_I(ask->connection)), &rows, err);
    if (!store_row_must(row, E_CONNECTION_NOT_FOUND, err))
        return false;
    struct str uuid = db_column_text_copy(&rows, 2, a);
    db_finish(&rows);
    if (str_is_none(uuid))
        return STORE_ARENA_FULL(err);
    struct job job = {.tenant = ask->tenant, .connection = ask->connection, .name = uuid, .priority = ask->priority,
                      .type = !str_is_none(ask->entity) ? STR("entity") : ask->full ? STR("full") : STR("incremental"),
                      .options = ask->options, .created_by = ask->created_by};
    if (!store_job_create(db, a, &job, now_us, err)) {
        if (err->code != E_CONFLICT) /* one of that name waits already: this is its run */
            return false;
        if (!store_row_must(store_job_find(db, a, ask->tenant, uuid, &job, err), E_CONFLICT, err))
            return false;
    }
    *job_out = job.id;
    return true;
}

static enum row
insert_run(struct db *db, const struct run_new *ask, int64_t job, struct str uuid, int64_t now_us, int64_t *id_out,
           struct err *err)
{
    int64_t turn;
    if (!run_next_turn(db, ask->tenant, &turn, err))
        return ROW_FAILED;
    bool parked = ask->not_before_us > now_us;
    struct str direction = str_is_none(ask->direction) ? STR("pull") : ask->direction;
    return db_query_i64(db, SQL_RUN_INSERT,
        DB_ARGS(DB_I(ask->tenant), DB_T(uuid), DB_I(ask->connection), DB_I(job), DB_T(parked ? STR("waiting") : STR("queued")),
                DB_BOOL(ask->full), DB_BOOL(str_is_none(ask->entity)), DB_T(direction), DB_T(ask->entity), DB_T(ask->trigger),
                DB_T(ask->options), DB_I(ask->priority), DB_T(ask->created_by), parked ? DB_I(ask->not_before_us) : DB_NULL,
                DB_BOOL(!parked), DB_I(turn), DB_I(now_us + (int64_t)ask->priority * RUN_AGEING_US), DB_I(now_us)),
        id_out, err);
}

bool
store_run_create(struct db *db, struct arena *a, const struct run_new *ask, int64_t now_us, struct run *run_out,
                 struct err *err)
{
    struct run other;
    enum row row = store_run_unfinished(db, a, ask->tenant, ask->connection, &other, err);
    if (row != ROW_NONE)
        return row == ROW_FOUND && fail_in_progress(db, a, ask, err);
    int64_t id = 0, job = ask->job;
    struct str uuid = store_new_uuid(a);
    if (str_is_none(uuid))
        return STORE_ARENA_FULL(err);
    db_note_effect(db, "run", uuid);
    if (!job && !make_job(db, a, ask, now_us, &job, err))
        return false;
    row = insert_run(db, ask, job, uuid, now_us, &id, err);
    if (row == ROW_NONE) { /* another node was faster: its run is in the way, our job must not stay */
        if (!ask->job && !db_exec(db, SQL_JOB_DELETE_EMPTY, DB_ARGS(DB_I(ask->tenant), DB_I(job)), NULL, err))
            return false;
        return fail_in_progress(db, a, ask, err);
    }
    if (row == ROW_FAILED)
        return false;
    if (db_can(db, DB_SKIP_LOCKED) && !db_exec(db, SQL_RUN_NOTIFY, DB_NO_ARGS, NULL, err))
        return false;
    return store_row_must(store_run_get_by_id(db, a, ask->tenant, id, run_out, err), E_STORE, err);
}

/* Lists and counts. */

bool
store_run_list(struct db *db, struct arena *a, int64_t tenant, const struct run_filter *f, struct run **rows_out,
               size_t *count_out, int64_t *total_out, struct err *err)
{
    struct list list = LIST_OF(a, struct run);
    if (!store_rows(db, SQL_RUN_LIST, DB_ARGS(DB_I(tenant), DB_I(f->connection), DB_I(f->job), DB_I(f->states),
                    DB_I(f->before), DB_I(f->limit), DB_I(f->offset), DB_I(f->from_us), DB_I(f->to_us)), &list, run_read, err))
        return false;
    if (total_out && db_query_i64(db, SQL_RUN_TOTAL, DB_ARGS(DB_I(tenant), DB_I(f->connection), DB_I(f->job), DB_I(f->states),
                                  DB_I(LIMIT_COUNT_EXACT + 1), DB_I(f->from_us), DB_I(f->to_us)), total_out, err) != ROW_FOUND)
        return false;
    *rows_out = list.items;
    *count_out = list.count;
    return true;
}

bool
store_run_counts(struct db *db, int64_t tenant, struct run_counts *counts_out, struct err *err)
{
    struct run_counts counts = {0};
    struct db_rows rows;
    if (!db_query(db, SQL_RUN_COUNTS, DB_ARGS(DB_I(tenant)), &rows, err))
        return false;
    enum row row;
    while ((row = db_next(&rows, err)) == ROW_FOUND) {
        enum run_state state;
        if (run_state_from_name(db_column_text(&rows, 0), &state))
            counts.by_state[state] = db_column_i64(&rows, 1);
        counts.leased += db_column_i64(&rows, 2);
    }
    if (row == ROW_FAILED ||
        db_query_i64(db, SQL_RUN_OLDEST_READY, DB_ARGS(DB_I(tenant)), &counts.oldest_ready_us, err) == ROW_FAILED)
        return false;
    *counts_out = counts;
    return true;
}

bool
store_run_durations(struct db *db, int64_t tenant, int64_t connection, bool full, size_t limit, int64_t *durations_us_out,
                    size_t *count_out, struct err *err)
{
    struct db_rows rows;
    if (!db_query(db, SQL_RUN_DURATIONS, DB_ARGS(DB_I(tenant), DB_I(connection), DB_BOOL(full), DB_I(limit)), &rows, err))
        return false;
    size_t count = 0;
    enum row row;
    while ((row = db_next(&rows, err)) == ROW_FOUND)
        durations_us_out[count++] = db_column_i64(&rows, 0);
    if (row == ROW_FAILED)
        return false;
    *count_out = count;
    return true;
}
