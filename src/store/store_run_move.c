/*
 * Who works on a run: claims, leases, and every change of state.
 *
 * The one difficulty: a worker may wake up after another has taken its run. So each statement names run,
 * epoch and state and touches one row or nothing, and what "nothing" means is asked afterwards
 * (fence_refused), inside the same transaction.
 */
#include "base/check.h"
#include "base/limits.h"
#include "base/rng.h"
#include "store/store_push.h"
#include "store/store_priv.h"
#include "store/store_run.h"

#define CLAIM_TRIES 4            /* PostgreSQL: the run picked by turn may be taken while we look for its tenant's first */
#define WAKE_MAX 32              /* parked runs that one claim makes ready; as in the statement */
#define WAKE_ARENA_BYTES (16 * 1024)
#define JITTER_PARTS 1000000     /* as in the statement job_follow */

static bool
fence_refused(struct db *db, const struct page_fence *fence, struct err *err)
{
    struct db_rows rows;
    enum row row = db_query_row(db, SQL_RUN_FENCE_WHY, DB_ARGS(DB_I(fence->tenant), DB_I(fence->run)), &rows, err);
    if (row == ROW_FAILED)
        return false;
    if (row == ROW_NONE)
        return err_set(err, E_FENCED, "The run is gone");
    bool ours = db_column_i64(&rows, 0) == fence->epoch && str_eq_c(db_column_text(&rows, 1), "running");
    bool asked = db_column_bool(&rows, 3) || db_column_bool(&rows, 4);
    db_finish(&rows);
    if (ours && asked)
        return err_set(err, E_CANCELLED, "The run was asked to stop");
    return err_set(err, E_FENCED, NULL);
}

/* A statement with tenant, run, epoch first; one row or the reason why not. */
static bool
fenced_exec(struct db *db, enum sql statement, const struct page_fence *fence, const struct db_value *values, size_t count,
            struct err *err)
{
    struct db_value all[16] = {DB_I(fence->tenant), DB_I(fence->run), DB_I(fence->epoch)};
    CHECK(count + 3 <= ARRAY_LEN(all));
    for (size_t i = 0; i < count; i++)
        all[3 + i] = values[i];
    int64_t changed;
    if (!db_exec(db, statement, all, count + 3, &changed, err))
        return false;
    return changed == 1 || fence_refused(db, fence, err);
}

bool
store_page_fence(struct db *db, const struct page_fence *fence, int64_t lease_until_us, struct err *err)
{
    return fenced_exec(db, SQL_RUN_PAGE_FENCE, fence, DB_ARGS(DB_I(fence->page_seq), DB_I(lease_until_us)), err);
}

bool
store_push_fence(struct db *db, const struct page_fence *fence, int64_t lease_until_us, struct err *err)
{
    return fenced_exec(db, SQL_RUN_PUSH_FENCE, fence, DB_ARGS(DB_I(fence->page_seq), DB_I(lease_until_us)), err);
}

/* The first of two runs has succeeded: the job goes on at its other connection. */
static bool
job_advance(struct db *db, int64_t tenant, int64_t job, int64_t now_us, bool *advanced_out, struct err *err)
{
    int64_t changed = 0, target;
    if (!db_exec(db, SQL_JOB_ADVANCE, DB_ARGS(DB_I(tenant), DB_I(job), DB_I(now_us)), &changed, err))
        return false;
    *advanced_out = changed == 1;
    if (changed == 0)
        return true;
    return store_row_must(db_query_i64(db, SQL_JOB_PLACE, DB_ARGS(DB_I(tenant), DB_I(job)), &target, err), E_JOB_NOT_FOUND, err) &&
           store_job_start_next(db, tenant, target, now_us, NULL, err);
}

/* A job shows its run's state in its own words. */
static bool
job_follow(struct db *db, int64_t tenant, int64_t run, enum job_state state, struct str code, struct str message,
           int64_t now_us, struct err *err)
{
    int64_t job;
    bool advanced = false;
    if (!store_row_must(db_query_i64(db, SQL_RUN_JOB, DB_ARGS(DB_I(tenant), DB_I(run)), &job, err), E_RUN_NOT_FOUND, err))
        return false;
    if (state == JOB_COMPLETED && !job_advance(db, tenant, job, now_us, &advanced, err))
        return false;
    if (advanced)
        return true;
    struct rng rng;
    rng_init_system(&rng);
    return db_exec(db, SQL_JOB_FOLLOW, DB_ARGS(DB_I(tenant), DB_I(job), DB_T(str_from_c(job_state_name(state))), DB_I(now_us),
                   DB_T(code), DB_I(LIMIT_BACKOFF_BASE_MS * US_PER_MS), DB_I(LIMIT_BACKOFF_CAP_MS * US_PER_MS),
                   DB_I(rng_below(&rng, JITTER_PARTS + 1)), DB_T(message)), NULL, err) &&
           (!job_state_is_terminal(state) || db_exec(db, SQL_JOB_REWIND, DB_ARGS(DB_I(tenant), DB_I(job)), NULL, err));
}

/* A run has ended: its connection takes the next job that waits for it. */
static bool
hand_over(struct db *db, int64_t tenant, int64_t run, int64_t now_us, struct err *err)
{
    int64_t connection;
    enum row row = db_query_i64(db, SQL_RUN_CONNECTION, DB_ARGS(DB_I(tenant), DB_I(run)), &connection, err);
    return store_row_must(row, E_RUN_NOT_FOUND, err) && store_job_start_next(db, tenant, connection, now_us, NULL, err);
}

/* ---- claiming ---- */

struct ready {
    int64_t tenant, run, turn;
};

static void
ready_read(struct row_reader *r, void *item)
{
    struct ready *ready = item;
    ready->tenant = read_i64(r);
    ready->run = read_i64(r);
}

/* Parked runs that are due go behind those of their tenant, so that many at once hold up nobody else. */
static bool
wake_parked(struct db *db, int64_t now_us, struct err *err)
{
    struct arena scratch;
    arena_init(&scratch, WAKE_ARENA_BYTES);
    struct list due = LIST_OF(&scratch, struct ready);
    bool ok = store_rows(db, SQL_RUN_PARKED_DUE, DB_ARGS(DB_I(now_us)), &due, ready_read, err);
    for (size_t i = 0; ok && i < due.count; i++) {
        const struct ready *run = (const struct ready *)due.items + i;
        int64_t turn;
        ok = run_next_turn(db, run->tenant, &turn, err) &&
             db_exec(db, SQL_RUN_WAKE, DB_ARGS(DB_I(run->tenant), DB_I(run->run), DB_I(turn)), NULL, err);
    }
    arena_release(&scratch);
    return ok;
}

static enum row
pick(struct db *db, struct ready *by_turn, struct ready *by_rank, struct err *err)
{
    struct db_rows rows;
    enum row row = db_query_row(db, SQL_RUN_PICK, DB_NO_ARGS, &rows, err);
    if (row != ROW_FOUND)
        return row;
    *by_turn = (struct ready){db_column_i64(&rows, 0), db_column_i64(&rows, 1), db_column_i64(&rows, 2)};
    db_finish(&rows);
    *by_rank = *by_turn;
    row = db_query_row(db, SQL_RUN_PICK_RANK, DB_ARGS(DB_I(by_turn->tenant)), &rows, err);
    if (row != ROW_FOUND)
        return row == ROW_NONE ? ROW_FOUND : row;
    *by_rank = (struct ready){by_turn->tenant, db_column_i64(&rows, 0), db_column_i64(&rows, 1)};
    db_finish(&rows);
    return ROW_FOUND;
}

static enum row
take(struct db *db, struct arena *a, const struct ready *run, int64_t turn, const struct run_claim *claim, struct run *run_out,
     struct err *err)
{
    int64_t changed;
    if (!db_exec(db, SQL_RUN_TAKE, DB_ARGS(DB_I(run->tenant), DB_I(run->run), DB_T(claim->node), DB_I(claim->lease_until_us),
                 DB_I(turn), DB_I(claim->now_us)), &changed, err))
        return ROW_FAILED;
    if (changed == 0)
        return ROW_NONE;
    if (!job_follow(db, run->tenant, run->run, JOB_ACTIVE, STR_NONE, STR_NONE, claim->now_us, err))
        return ROW_FAILED;
    return store_run_get_by_id(db, a, run->tenant, run->run, run_out, err);
}

static bool
make_ready(struct db *db, int64_t now_us, struct err *err)
{
    return db_exec(db, SQL_RUN_EXPIRE, DB_ARGS(DB_I(now_us)), NULL, err) && wake_parked(db, now_us, err);
}

enum row
store_run_claim(struct db *db, struct arena *a, const struct run_claim *claim, struct run *run_out, struct err *err)
{
    if (!make_ready(db, claim->now_us, err))
        return ROW_FAILED;
    for (unsigned i = 0; i < CLAIM_TRIES; i++) {
        struct ready by_turn, by_rank;
        enum row row = pick(db, &by_turn, &by_rank, err);
        if (row != ROW_FOUND)
            return row;
        if (by_turn.run != by_rank.run && !db_exec(db, SQL_RUN_SET_TURN, DB_ARGS(DB_I(by_turn.tenant), DB_I(by_turn.run),
                                                   DB_I(by_rank.turn)), NULL, err))
            return ROW_FAILED;
        row = take(db, a, &by_rank, by_turn.turn, claim, run_out, err);
        if (row != ROW_NONE)
            return row;
    }
    return ROW_NONE;
}

enum row
store_run_claim_one(struct db *db, struct arena *a, int64_t tenant, int64_t run, const struct run_claim *claim,
                    struct run *run_out, struct err *err)
{
    if (!make_ready(db, claim->now_us, err))
        return ROW_FAILED;
    int64_t turn;
    if (!run_next_turn(db, tenant, &turn, err))
        return ROW_FAILED;
    struct ready ready = {.tenant = tenant, .run = run};
    return take(db, a, &ready, turn, claim, run_out, err);
}

enum row
store_run_next_due(struct db *db, int64_t *due_us_out, struct err *err)
{
    int64_t turn, parked, lease;
    enum row row = db_query_i64(db, SQL_RUN_ANY_READY, DB_NO_ARGS, &turn, err);
    if (row == ROW_FOUND)
        *due_us_out = 0;
    if (row != ROW_NONE)
        return row;
    enum row row_parked = db_query_i64(db, SQL_RUN_NEXT_PARKED, DB_NO_ARGS, &parked, err);
    if (row_parked == ROW_FAILED)
        return row_parked;
    enum row row_lease = db_query_i64(db, SQL_RUN_NEXT_LEASE, DB_NO_ARGS, &lease, err);
    if (row_lease == ROW_FAILED || (row_lease == ROW_NONE && row_parked == ROW_NONE))
        return row_lease;
    if (row_lease == ROW_NONE || (row_parked == ROW_FOUND && parked < lease))
        *due_us_out = parked;
    else
        *due_us_out = lease;
    return ROW_FOUND;
}

bool
store_run_retake(struct db *db, struct str node, int64_t now_us, int64_t *count_out, struct err *err)
{
    (void)now_us;
    CHECK(node.len > 0);
    return db_exec(db, SQL_RUN_RETAKE, DB_ARGS(DB_T(node)), count_out, err);
}

bool
store_run_raise_epochs(struct db *db, int64_t now_us, struct err *err)
{
    return db_exec(db, SQL_RUN_RAISE_EPOCHS, DB_ARGS(DB_I(now_us)), NULL, err);
}

/* ---- the worker that has it ---- */

bool
store_run_renew(struct db *db, const struct page_fence *fence, int64_t lease_until_us, struct err *err)
{
    if (!fenced_exec(db, SQL_RUN_RENEW, fence, DB_ARGS(DB_I(lease_until_us)), err))
        return false;
    return true;
}

bool
store_run_asked(struct db *db, const struct page_fence *fence, bool *asked_out, struct err *err)
{
    struct db_rows rows;
    enum row row = db_query_row(db, SQL_RUN_FENCE_WHY, DB_ARGS(DB_I(fence->tenant), DB_I(fence->run)), &rows, err);
    if (!store_row_must(row, E_FENCED, err))
        return false;
    bool ours = db_column_i64(&rows, 0) == fence->epoch && str_eq_c(db_column_text(&rows, 1), "running");
    bool asked = db_column_bool(&rows, 3) || db_column_bool(&rows, 4);
    db_finish(&rows);
    if (!ours)
        return err_set(err, E_FENCED, NULL);
    *asked_out = asked;
    return true;
}

bool
store_run_yield(struct db *db, const struct page_fence *fence, int64_t now_us, struct err *err)
{
    int64_t turn;
    return run_next_turn(db, fence->tenant, &turn, err) &&
           fenced_exec(db, SQL_RUN_YIELD, fence, DB_ARGS(DB_I(turn), DB_I(now_us)), err);
}

bool
store_run_release(struct db *db, const struct page_fence *fence, int64_t now_us, struct err *err)
{
    return fenced_exec(db, SQL_RUN_RELEASE, fence, DB_ARGS(DB_I(now_us)), err);
}

bool
store_run_park(struct db *db, const struct page_fence *fence, int64_t not_before_us, const char *code, struct str message,
               bool count_retry, int64_t now_us, struct err *err)
{
    return fenced_exec(db, SQL_RUN_PARK, fence, DB_ARGS(DB_I(not_before_us), DB_T(str_from_c(code)), DB_T(message),
                       DB_BOOL(count_retry), DB_I(now_us)), err);
}

bool
store_run_stop(struct db *db, const struct page_fence *fence, int64_t now_us, enum run_state *state_out, struct err *err)
{
    struct db_rows rows;
    enum row row = db_query_row(db, SQL_RUN_STOP, DB_ARGS(DB_I(fence->tenant), DB_I(fence->run), DB_I(fence->epoch),
                                DB_I(now_us)), &rows, err);
    if (row == ROW_FAILED)
        return false;
    if (row == ROW_NONE) {
        bool asked;
        if (!store_run_asked(db, fence, &asked, err))
            return false;
        return err_set(err, E_CONFLICT, "Nobody asked this run to stop");
    }
    bool cancelled = str_eq_c(db_column_text(&rows, 0), "cancelled");
    db_finish(&rows);
    *state_out = cancelled ? RUN_CANCELLED : RUN_PAUSED;
    return job_follow(db, fence->tenant, fence->run, cancelled ? JOB_CANCELLED : JOB_PAUSED, STR_NONE, STR_NONE, now_us, err) &&
           (!cancelled || hand_over(db, fence->tenant, fence->run, now_us, err));
}

bool
store_run_pause_itself(struct db *db, const struct page_fence *fence, const char *code, struct str message, int64_t now_us,
                       struct err *err)
{
    return fenced_exec(db, SQL_RUN_PAUSE_ITSELF, fence, DB_ARGS(DB_T(str_from_c(code)), DB_T(message), DB_I(now_us)), err) &&
           job_follow(db, fence->tenant, fence->run, JOB_PAUSED, str_from_c(code), message, now_us, err);
}

static bool
tell_connection(struct db *db, const struct page_fence *fence, const struct run_end *end, int64_t now_us, struct err *err)
{
    int64_t connection;
    if (!store_row_must(db_query_i64(db, SQL_RUN_CONNECTION, DB_ARGS(DB_I(fence->tenant), DB_I(fence->run)), &connection, err),
                        E_RUN_NOT_FOUND, err))
        return false;
    return db_exec(db, SQL_CONNECTION_SYNCED, DB_ARGS(DB_I(fence->tenant), DB_I(connection),
                   DB_T(str_from_c(run_state_name(end->state))), DB_BOOL(end->moves_last_sync), DB_I(now_us)), NULL, err);
}

bool
store_run_finish(struct db *db, const struct page_fence *fence, const struct run_end *end, int64_t now_us, struct err *err)
{
    CHECK(end->state == RUN_SUCCEEDED || end->state == RUN_FAILED);
    CHECK(end->verdict != VERDICT_NONE || end->state == RUN_FAILED);
    if (!fenced_exec(db, SQL_RUN_FINISH, fence, DB_ARGS(DB_T(str_from_c(run_state_name(end->state))),
                     DB_T(str_from_c(run_verdict_name(end->verdict))), DB_T(end->verdict_reason), DB_T(end->error_code),
                     DB_T(end->error_message), DB_I(now_us)), err))
        return false;
    enum job_state job = end->state == RUN_SUCCEEDED ? JOB_COMPLETED : JOB_FAILED;
    return job_follow(db, fence->tenant, fence->run, job, end->error_code, end->error_message, now_us, err) &&
           tell_connection(db, fence, end, now_us, err) && hand_over(db, fence->tenant, fence->run, now_us, err);
}

bool
store_run_set_template_version(struct db *db, const struct page_fence *fence, struct str version, struct err *err)
{
    return fenced_exec(db, SQL_RUN_TEMPLATE_VERSION, fence, DB_ARGS(DB_T(version)), err);
}

bool
store_run_add_missing(struct db *db, const struct page_fence *fence, int64_t missing, struct err *err)
{
    return fenced_exec(db, SQL_RUN_ADD_MISSING, fence, DB_ARGS(DB_I(missing)), err);
}

/* ---- a person asks ---- */

static bool
move_now(struct db *db, const struct run *run, enum sql at_once, enum sql flag, enum job_state job, int64_t now_us,
         struct err *err)
{
    int64_t changed;
    struct db_value values[] = {DB_I(run->tenant), DB_I(run->id), DB_I(now_us)};
    if (!db_exec(db, at_once, values, ARRAY_LEN(values), &changed, err))
        return false;
    if (changed == 1)
        return job_follow(db, run->tenant, run->id, job, STR_NONE, STR_NONE, now_us, err) &&
               (job != JOB_CANCELLED || hand_over(db, run->tenant, run->id, now_us, err));
    return db_exec(db, flag, values, ARRAY_LEN(values), &changed, err) && (changed == 1 || store_look_again(db, err));
}

static bool
resume(struct db *db, const struct run *run, int64_t now_us, struct err *err)
{
    int64_t turn, changed;
    if (run->state == RUN_RUNNING && run->pause_asked)
        return db_exec(db, SQL_RUN_UNASK_PAUSE, DB_ARGS(DB_I(run->tenant), DB_I(run->id), DB_I(now_us)), &changed, err) &&
               (changed == 1 || store_look_again(db, err));
    if (run->state != RUN_PAUSED)
        return true;
    if (!run_next_turn(db, run->tenant, &turn, err) ||
        !db_exec(db, SQL_RUN_RESUME, DB_ARGS(DB_I(run->tenant), DB_I(run->id), DB_I(now_us), DB_I(turn),
                 DB_I(now_us + (int64_t)run->priority * RUN_AGEING_US)), &changed, err))
        return false;
    if (changed == 0)
        return store_look_again(db, err);
    enum job_state job = run->started_us ? JOB_ACTIVE : JOB_QUEUED;
    if (!job_follow(db, run->tenant, run->id, job, STR_NONE, STR_NONE, now_us, err))
        return false;
    return !db_can(db, DB_SKIP_LOCKED) || db_exec(db, SQL_RUN_NOTIFY, DB_NO_ARGS, NULL, err);
}

bool
store_run_ask(struct db *db, struct arena *a, int64_t tenant, struct str uuid, enum run_ask ask, int64_t now_us,
              struct run *run_out, struct err *err)
{
    struct run run;
    if (!store_row_must(store_run_get(db, a, tenant, uuid, &run, err), E_RUN_NOT_FOUND, err))
        return false;
    bool ok = true;
    if (run_state_is_terminal(run.state) && !(ask == RUN_ASK_CANCEL && run.state == RUN_CANCELLED))
        return err_set(err, E_CONFLICT, "The run has finished: it is %s", run_state_name(run.state));
    switch (ask) {
    case RUN_ASK_PAUSE:
        ok = run.state == RUN_PAUSED || move_now(db, &run, SQL_RUN_PAUSE_NOW, SQL_RUN_ASK_PAUSE, JOB_PAUSED, now_us, err);
        break;
    case RUN_ASK_RESUME:
        ok = resume(db, &run, now_us, err);
        break;
    case RUN_ASK_CANCEL:
        ok = run.state == RUN_CANCELLED ||
             move_now(db, &run, SQL_RUN_CANCEL_NOW, SQL_RUN_ASK_CANCEL, JOB_CANCELLED, now_us, err);
        break;
    }
    return ok && store_row_must(store_run_get_by_id(db, a, tenant, run.id, run_out, err), E_RUN_NOT_FOUND, err);
}
