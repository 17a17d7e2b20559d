/*
 * Jobs on both databases: standing in line, starting, trying again, firing, what a person asks, purging.
 */
#include "tests/store/fixture.h"

static struct job
queue_at(struct fixture *f, const char *name, enum priority priority, int64_t now_us)
{
    struct job job = {.tenant = f->tenant.id, .connection = f->connection.id, .name = str_from_c(name), .type = STR("full"), .full = true,
                      .priority = priority, .waiting = true, .start_after_us = now_us,
                      .rank = now_us + (int64_t)priority * RUN_AGEING_US};
    assert_ok(store_job_create(f->db, &f->arena, &job, now_us, &f->err), f->err);
    assert_ok(store_job_start_next(f->db, job.tenant, job.connection, now_us, NULL, &f->err), f->err);
    return job;
}

static struct job
look(struct fixture *f, const struct job *job)
{
    struct job now;
    assert_int_equal(store_job_get(f->db, &f->arena, job->tenant, job->id, &now, &f->err), ROW_FOUND);
    return now;
}

static struct run
claim(struct fixture *f, int64_t now_us)
{
    struct run run;
    struct run_claim ask = {STR("node"), now_us, now_us + 30 * US_PER_S};
    assert_int_equal(store_run_claim(f->db, &f->arena, &ask, &run, &f->err), ROW_FOUND);
    return run;
}

static void
finish(struct fixture *f, const struct run *run, bool ok, int64_t now_us)
{
    struct page_fence fence = run_fence(run);
    struct run_end end = {.state = ok ? RUN_SUCCEEDED : RUN_FAILED, .verdict = ok ? VERDICT_COMPLETE : VERDICT_SUSPICIOUS,
                          .error_code = ok ? STR_NONE : STR("NETWORK")};
    assert_ok(store_run_finish(f->db, &fence, &end, now_us, &f->err), f->err);
}

/* The job whose run is claimed next. */
static struct job
next_job(struct fixture *f, int64_t now_us)
{
    struct run run = claim(f, now_us);
    struct job job;
    assert_int_equal(store_job_get(f->db, &f->arena, run.tenant, run.job, &job, &f->err), ROW_FOUND);
    finish(f, &run, true, now_us);
    return job;
}

/* I-13 */
static void
test_a_second_job_of_a_connection_waits_and_starts_when_the_first_ends(void **state)
{
    struct fixture *f = *state;
    begin(f);
    struct job first = queue_at(f, "first", PRIORITY_NORMAL, NOW), second = queue_at(f, "second", PRIORITY_NORMAL, NOW + 1);
    assert_false(look(f, &first).waiting);
    assert_true(look(f, &second).waiting);
    assert_int_equal(look(f, &second).state, JOB_QUEUED);
    struct run run = claim(f, NOW + 2);
    assert_int_equal(run.job, first.id);
    assert_true(run.full);
    assert_int_equal(look(f, &first).state, JOB_ACTIVE);
    finish(f, &run, true, NOW + 3);
    assert_int_equal(look(f, &first).state, JOB_COMPLETED);
    assert_false(look(f, &second).waiting);
    run = claim(f, NOW + 4);
    assert_int_equal(run.job, second.id);
    commit(f);
}

static void
test_the_line_goes_by_priority_then_by_age_and_an_old_low_one_is_not_starved(void **state)
{
    struct fixture *f = *state;
    begin(f);
    queue_at(f, "running", PRIORITY_NORMAL, NOW);
    struct job low = queue_at(f, "low", PRIORITY_LOW, NOW + 1), normal = queue_at(f, "normal", PRIORITY_NORMAL, NOW + 2),
               normal_two = queue_at(f, "normal two", PRIORITY_NORMAL, NOW + 3), high = queue_at(f, "high", PRIORITY_HIGH, NOW + 4),
               late = queue_at(f, "late", PRIORITY_HIGH, NOW + 3 * RUN_AGEING_US);
    next_job(f, NOW + 3 * RUN_AGEING_US + 1);
    const struct job *expected[] = {&high, &normal, &normal_two, &low, &late};
    for (size_t i = 0; i < ARRAY_LEN(expected); i++)
        assert_int_equal(next_job(f, NOW + 3 * RUN_AGEING_US + 1).id, expected[i]->id);
    commit(f);
}

static void
test_a_failed_job_tries_again_so_often_and_no_oftener(void **state)
{
    struct fixture *f = *state;
    int64_t now_us = NOW;
    begin(f);
    struct job job = {.tenant = f->tenant.id, .connection = f->connection.id, .name = STR("stubborn"), .type = STR("full"),
                      .waiting = true, .start_after_us = NOW, .rank = NOW, .retries_max = 2};
    assert_ok(store_job_create(f->db, &f->arena, &job, NOW, &f->err), f->err);
    for (int try = 0; try < 3; try++) {
        assert_ok(store_job_start_next(f->db, job.tenant, job.connection, now_us, NULL, &f->err), f->err);
        struct run run = claim(f, now_us);
        finish(f, &run, false, now_us);
        struct job after = look(f, &job);
        if (try == 2)
            break;
        assert_int_equal(after.state, JOB_QUEUED);
        assert_true(after.waiting);
        assert_int_equal(after.tries, try + 1);
        int64_t delay_us = after.start_after_us - now_us;
        assert_true(delay_us >= 0 && delay_us <= (LIMIT_BACKOFF_BASE_MS * US_PER_MS << try));
        now_us = after.start_after_us;
    }
    assert_int_equal(look(f, &job).state, JOB_FAILED);
    assert_true(str_eq_c(look(f, &job).error_code, "NETWORK"));
    commit(f);
}

static struct job
repeating(struct fixture *f, int64_t due_us)
{
    struct job job = {.tenant = f->tenant.id, .connection = f->connection.id, .name = STR("nightly"), .type = STR("scheduled"),
                      .schedule = STR("{}"), .next_us = due_us, .priority = PRIORITY_NORMAL};
    assert_ok(store_job_create(f->db, &f->arena, &job, NOW, &f->err), f->err);
    return job;
}

/* I-26: two nodes see the same due time. */
static void
test_a_due_time_fires_once_whoever_looks(void **state)
{
    struct fixture *f = *state;
    struct job *due;
    size_t count;
    bool fired, again;
    begin(f);
    struct job job = repeating(f, NOW + 10);
    assert_ok(store_job_due(f->db, &f->arena, NOW + 9, 10, &due, &count, &f->err), f->err);
    assert_int_equal(count, 0);
    assert_ok(store_job_due(f->db, &f->arena, NOW + 10, 10, &due, &count, &f->err), f->err);
    assert_int_equal(count, 1);
    assert_ok(store_job_fire(f->db, &due[0], NOW + 1000, true, NOW + 11, &fired, &f->err), f->err);
    assert_ok(store_job_fire(f->db, &due[0], NOW + 1000, true, NOW + 11, &again, &f->err), f->err);
    assert_true(fired && !again);
    struct job after = look(f, &job);
    assert_true(after.waiting);
    assert_int_equal(after.next_us, NOW + 1000);
    assert_int_equal(after.fired_us, NOW + 10);
    /* Even when its time is moved back, a due time that has fired does not fire again. */
    struct job back = after;
    back.next_us = NOW + 1000;
    assert_ok(store_job_fire(f->db, &back, NOW + 10, true, NOW + 1001, &fired, &f->err), f->err);
    back.next_us = NOW + 10;
    assert_ok(store_job_fire(f->db, &back, NOW + 2000, true, NOW + 1002, &again, &f->err), f->err);
    assert_true(fired && !again);
    commit(f);
}

/* Contract, section 1: a firing that finds its connection busy waits, later ones join it. */
static void
test_firings_of_a_busy_connection_become_one_run(void **state)
{
    struct fixture *f = *state;
    bool fired;
    begin(f);
    queue_at(f, "busy", PRIORITY_NORMAL, NOW);
    struct run run = claim(f, NOW);
    struct job job = repeating(f, NOW + 10);
    for (int i = 1; i <= 3; i++) {
        struct job due = look(f, &job);
        assert_ok(store_job_fire(f->db, &due, NOW + 10 * (i + 1), true, NOW + 10 * i, &fired, &f->err), f->err);
        assert_true(fired);
        assert_ok(store_job_start_next(f->db, job.tenant, job.connection, NOW + 10 * i, NULL, &f->err), f->err);
    }
    finish(f, &run, true, NOW + 50);
    assert_int_equal(next_job(f, NOW + 51).id, job.id);
    assert_int_equal(look(f, &job).state, JOB_QUEUED);
    assert_false(look(f, &job).waiting);
    struct run none;
    struct run_claim ask = {STR("node"), NOW + 52, NOW + 99};
    assert_int_equal(store_run_claim(f->db, &f->arena, &ask, &none, &f->err), ROW_NONE);
    commit(f);
}

static void
test_a_paused_job_neither_fires_nor_starts_until_it_is_resumed(void **state)
{
    struct fixture *f = *state;
    struct job *due, after;
    size_t count;
    begin(f);
    queue_at(f, "busy", PRIORITY_NORMAL, NOW);
    struct job waits = queue_at(f, "waits", PRIORITY_NORMAL, NOW), nightly = repeating(f, NOW + 10);
    assert_ok(store_job_ask(f->db, &f->arena, &waits, JOB_ASK_PAUSE, 0, NOW + 5, &after, &f->err), f->err);
    assert_int_equal(after.state, JOB_PAUSED);
    assert_int_equal(after.paused_us, NOW + 5);
    assert_ok(store_job_ask(f->db, &f->arena, &waits, JOB_ASK_PAUSE, 0, NOW + 6, &after, &f->err), f->err);
    assert_int_equal(after.paused_us, NOW + 5); /* unchanged */
    assert_ok(store_job_ask(f->db, &f->arena, &nightly, JOB_ASK_PAUSE, 0, NOW + 6, &after, &f->err), f->err);
    next_job(f, NOW + 20);
    assert_true(look(f, &waits).waiting);
    assert_ok(store_job_due(f->db, &f->arena, NOW + 20, 10, &due, &count, &f->err), f->err);
    assert_int_equal(count, 0);
    assert_ok(store_job_ask(f->db, &f->arena, &waits, JOB_ASK_RESUME, 0, NOW + 21, &after, &f->err), f->err);
    assert_int_equal(after.resumed_us, NOW + 21);
    assert_false(after.waiting); /* the connection was free: it has its run */
    assert_ok(store_job_ask(f->db, &f->arena, &nightly, JOB_ASK_RESUME, NOW + 500, NOW + 22, &after, &f->err), f->err);
    assert_int_equal(after.next_us, NOW + 500); /* I-27: what was missed meanwhile does not fire */
    commit(f);
}

static void
test_pausing_and_cancelling_reach_the_run_of_a_job(void **state)
{
    struct fixture *f = *state;
    struct job after;
    begin(f);
    struct job job = queue_at(f, "job", PRIORITY_NORMAL, NOW), second = queue_at(f, "second", PRIORITY_NORMAL, NOW);
    struct run run = claim(f, NOW);
    assert_ok(store_job_ask(f->db, &f->arena, &job, JOB_ASK_PAUSE, 0, NOW + 1, &after, &f->err), f->err);
    assert_int_equal(after.state, JOB_ACTIVE); /* its worker has a page yet */
    struct page_fence fence = run_fence(&run);
    enum run_state stopped;
    assert_ok(store_run_stop(f->db, &fence, NOW + 2, &stopped, &f->err), f->err);
    assert_int_equal(look(f, &job).state, JOB_PAUSED);
    assert_ok(store_job_ask(f->db, &f->arena, &job, JOB_ASK_RESUME, 0, NOW + 3, &after, &f->err), f->err);
    assert_int_equal(after.state, JOB_ACTIVE);
    assert_ok(store_job_ask(f->db, &f->arena, &job, JOB_ASK_CANCEL, 0, NOW + 4, &after, &f->err), f->err);
    assert_int_equal(after.state, JOB_CANCELLED); /* nobody held it */
    assert_ok(store_job_ask(f->db, &f->arena, &job, JOB_ASK_CANCEL, 0, NOW + 5, &after, &f->err), f->err);
    assert_fails_with(store_job_ask(f->db, &f->arena, &job, JOB_ASK_PAUSE, 0, NOW + 5, &after, &f->err), f->err, E_CONFLICT);
    assert_int_equal(claim(f, NOW + 6).job, second.id); /* the line went on */
    commit(f);
}

static void
test_cancelling_a_repeating_job_ends_its_schedule(void **state)
{
    struct fixture *f = *state;
    struct job after, *due;
    size_t count;
    bool fired;
    begin(f);
    struct job job = repeating(f, NOW + 10), one = look(f, &job);
    assert_ok(store_job_fire(f->db, &one, NOW + 20, true, NOW + 10, &fired, &f->err), f->err);
    assert_ok(store_job_start_next(f->db, job.tenant, job.connection, NOW + 10, NULL, &f->err), f->err);
    assert_ok(store_job_ask(f->db, &f->arena, &job, JOB_ASK_CANCEL, 0, NOW + 11, &after, &f->err), f->err);
    assert_int_equal(after.state, JOB_CANCELLED);
    assert_ok(store_job_due(f->db, &f->arena, NOW + 99, 10, &due, &count, &f->err), f->err);
    assert_int_equal(count, 0);
    commit(f);
}

static void
test_what_waits_for_a_connection_that_is_off_is_told_so(void **state)
{
    struct fixture *f = *state;
    bool fired;
    begin(f);
    f->connection.enabled = false;
    assert_ok(store_connection_update(f->db, &f->connection, NOW, &f->err), f->err);
    struct job once = queue_at(f, "once", PRIORITY_NORMAL, NOW), nightly = repeating(f, NOW + 10);
    assert_int_equal(look(f, &once).state, JOB_FAILED);
    assert_true(str_eq_c(look(f, &once).error_code, "CONNECTION_DISABLED"));
    struct job due = look(f, &nightly);
    assert_ok(store_job_fire(f->db, &due, NOW + 20, true, NOW + 10, &fired, &f->err), f->err);
    assert_ok(store_job_start_next(f->db, once.tenant, once.connection, NOW + 10, NULL, &f->err), f->err);
    assert_int_equal(look(f, &nightly).state, JOB_QUEUED); /* only this firing is missed */
    assert_int_equal(look(f, &nightly).next_us, NOW + 20);
    assert_false(look(f, &nightly).waiting);
    commit(f);
}

static void
test_the_sweep_finds_free_connections_with_waiting_jobs_only(void **state)
{
    struct fixture *f = *state;
    struct job_place *places;
    size_t count;
    struct job job = {.tenant = f->tenant.id, .connection = f->connection.id, .name = STR("later"), .type = STR("full"),
                      .waiting = true, .start_after_us = NOW + 10, .rank = NOW};
    begin(f);
    struct connection other = f->connection;
    other.uuid = STR_NONE;
    assert_ok(store_connection_create(f->db, &f->arena, &other, NOW, &f->err), f->err);
    assert_ok(store_job_create(f->db, &f->arena, &job, NOW, &f->err), f->err);
    job.connection = other.id;
    job.name = STR("later there");
    assert_ok(store_job_create(f->db, &f->arena, &job, NOW, &f->err), f->err);
    assert_ok(store_job_startable(f->db, &f->arena, NOW + 9, 10, &places, &count, &f->err), f->err);
    assert_int_equal(count, 0);
    assert_ok(store_job_startable(f->db, &f->arena, NOW + 10, 10, &places, &count, &f->err), f->err);
    assert_int_equal(count, 2);
    bool started;
    int64_t left = places[1].connection;
    assert_ok(store_job_start_next(f->db, places[0].tenant, places[0].connection, NOW + 10, &started, &f->err), f->err);
    assert_true(started);
    assert_ok(store_job_startable(f->db, &f->arena, NOW + 10, 10, &places, &count, &f->err), f->err);
    assert_int_equal(count, 1);
    assert_int_equal(places[0].connection, left);
    commit(f);
}

/* I-17 */
static void
test_every_job_is_in_exactly_one_state(void **state)
{
    struct fixture *f = *state;
    struct job_counts counts;
    struct job after;
    begin(f);
    struct job jobs[6];
    static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
    for (int i = 0; i < 6; i++)
        jobs[i] = queue_at(f, names[i], PRIORITY_NORMAL, NOW + i);
    struct run run = claim(f, NOW + 9);
    finish(f, &run, true, NOW + 9);
    run = claim(f, NOW + 9);
    finish(f, &run, false, NOW + 9);
    claim(f, NOW + 9);
    assert_ok(store_job_ask(f->db, &f->arena, &jobs[3], JOB_ASK_PAUSE, 0, NOW + 10, &after, &f->err), f->err);
    assert_ok(store_job_ask(f->db, &f->arena, &jobs[4], JOB_ASK_CANCEL, 0, NOW + 10, &after, &f->err), f->err);
    assert_ok(store_job_counts(f->db, f->tenant.id, &counts, &f->err), f->err);
    int64_t sum = 0;
    for (enum job_state s = JOB_QUEUED; s <= JOB_CANCELLED; s++) {
        assert_int_equal(counts.by_state[s], 1);
        sum += counts.by_state[s];
        struct job_filter filter = {.states = JOB_STATE_BIT(s), .limit = 10};
        struct job *rows;
        size_t count;
        int64_t total;
        assert_ok(store_job_list(f->db, &f->arena, f->tenant.id, &filter, &rows, &count, &total, &f->err), f->err);
        assert_int_equal(count, 1);
        assert_int_equal(total, 1);
        assert_int_equal(rows[0].state, s);
    }
    assert_int_equal(sum, 6);
    commit(f);
}

/* I-25 */
static void
test_purge_removes_finished_jobs_of_that_tenant_and_says_how_many(void **state)
{
    struct fixture *f = *state;
    struct job_purge purge = {0};
    struct tenant other = {.key = STR("other"), .name = STR("Other")};
    begin(f);
    struct job done = queue_at(f, "done", PRIORITY_NORMAL, NOW), failed = queue_at(f, "failed", PRIORITY_NORMAL, NOW),
               gone = queue_at(f, "gone", PRIORITY_NORMAL, NOW), active = queue_at(f, "active", PRIORITY_NORMAL, NOW), after;
    struct run run = claim(f, NOW);
    finish(f, &run, true, NOW);
    run = claim(f, NOW);
    finish(f, &run, false, NOW);
    assert_ok(store_job_ask(f->db, &f->arena, &gone, JOB_ASK_CANCEL, 0, NOW, &after, &f->err), f->err);
    claim(f, NOW);
    assert_ok(store_tenant_create(f->db, &f->arena, &other, NOW, &f->err), f->err);
    commit(f);
    begin(f);
    assert_ok(store_job_purge(f->db, other.id, &purge, &f->err), f->err);
    assert_int_equal(purge.completed + purge.failed, 0);
    purge = (struct job_purge){0};
    assert_ok(store_job_purge(f->db, f->tenant.id, &purge, &f->err), f->err);
    assert_int_equal(purge.completed, 1);
    assert_int_equal(purge.failed, 2);
    assert_false(purge.more);
    assert_int_equal(store_job_get(f->db, &f->arena, f->tenant.id, done.id, &after, &f->err), ROW_NONE);
    assert_int_equal(store_job_get(f->db, &f->arena, f->tenant.id, failed.id, &after, &f->err), ROW_NONE);
    assert_int_equal(look(f, &active).state, JOB_ACTIVE);
    struct run_filter all = {.limit = 10};
    struct run *runs;
    size_t count;
    assert_ok(store_run_list(f->db, &f->arena, f->tenant.id, &all, &runs, &count, NULL, &f->err), f->err);
    assert_int_equal(count, 1);
    commit(f);
}

static void
test_purge_goes_in_batches_and_leaves_deletes_that_wait_for_a_person(void **state)
{
    struct fixture *f = *state;
    struct job_purge purge = {0};
    struct job after;
    begin(f);
    for (int i = 0; i < JOB_PURGE_BATCH + 5; i++) {
        char name[16];
        snprintf(name, sizeof(name), "job %d", i);
        struct job job = queue_at(f, name, PRIORITY_NORMAL, NOW);
        assert_ok(store_job_ask(f->db, &f->arena, &job, JOB_ASK_CANCEL, 0, NOW, &after, &f->err), f->err);
    }
    struct job held = queue_at(f, "held", PRIORITY_NORMAL, NOW);
    struct run run = claim(f, NOW);
    char text[200];
    snprintf(text, sizeof(text), "INSERT INTO delete_holds (tenant, run, map, stream, record, began_at, held_at) VALUES (%d, %d, 1, 1, 1, 1, 1)",
             (int)run.tenant, (int)run.id);
    assert_ok(db_script(f->db, text, &f->err), f->err);
    finish(f, &run, true, NOW);
    commit(f);
    int batches = 0;
    do {
        begin(f);
        assert_ok(store_job_purge(f->db, f->tenant.id, &purge, &f->err), f->err);
        commit(f);
        batches++;
    } while (purge.more);
    assert_int_equal(batches, 2);
    assert_int_equal(purge.failed, JOB_PURGE_BATCH + 5);
    begin(f);
    assert_int_equal(look(f, &held).state, JOB_COMPLETED);
    commit(f);
}

/* ---- every statement of every job function fails once: nothing half done stays ---- */

struct faulted {
    struct fixture *f;
    struct job job, repeating;
    struct run run;
};

static bool
do_create(struct faulted *w, struct err *err)
{
    w->job = (struct job){.tenant = w->f->tenant.id, .connection = w->f->connection.id, .name = STR("once"), .type = STR("full"),
                          .full = true, .priority = PRIORITY_NORMAL, .waiting = true, .start_after_us = NOW, .rank = NOW};
    return store_job_create(w->f->db, &w->f->arena, &w->job, NOW, err) &&
           store_job_start_next(w->f->db, w->job.tenant, w->job.connection, NOW, NULL, err);
}

static bool
do_create_repeating(struct faulted *w, struct err *err)
{
    w->repeating = (struct job){.tenant = w->f->tenant.id, .connection = w->f->connection.id, .name = STR("often"),
                                .type = STR("scheduled"), .full = true, .priority = PRIORITY_LOW,
                                .schedule = STR("{\"repeat\":\"hourly\"}"), .next_us = NOW};
    return store_job_create(w->f->db, &w->f->arena, &w->repeating, NOW, err);
}

static bool
do_fire(struct faulted *w, struct err *err)
{
    bool fired = false;
    struct job due;
    if (store_job_get(w->f->db, &w->f->arena, w->repeating.tenant, w->repeating.id, &due, err) != ROW_FOUND)
        return false;
    return store_job_fire(w->f->db, &due, NOW + US_PER_HOUR, true, NOW, &fired, err) &&
           store_job_start_next(w->f->db, due.tenant, due.connection, NOW, NULL, err);
}

static bool
do_claim(struct faulted *w, struct err *err)
{
    struct run_claim ask = {STR("node"), NOW, NOW + 30 * US_PER_S};
    return store_run_claim(w->f->db, &w->f->arena, &ask, &w->run, err) == ROW_FOUND;
}

/* The next one that waits gets its run in the same transaction. */
static bool
do_finish(struct faulted *w, struct err *err)
{
    struct page_fence fence = run_fence(&w->run);
    struct run_end end = {.state = RUN_SUCCEEDED, .verdict = VERDICT_COMPLETE, .error_code = STR_NONE};
    return store_run_finish(w->f->db, &fence, &end, NOW + US_PER_S, err);
}

static bool
ask_often(struct faulted *w, enum job_ask ask, struct err *err)
{
    struct job now, after;
    if (store_job_get(w->f->db, &w->f->arena, w->repeating.tenant, w->repeating.id, &now, err) != ROW_FOUND)
        return false;
    return store_job_ask(w->f->db, &w->f->arena, &now, ask, NOW + US_PER_HOUR, NOW + 2 * US_PER_S, &after, err);
}

static bool
do_pause(struct faulted *w, struct err *err)
{
    return ask_often(w, JOB_ASK_PAUSE, err);
}

static bool
do_resume(struct faulted *w, struct err *err)
{
    return ask_often(w, JOB_ASK_RESUME, err);
}

static bool
do_cancel(struct faulted *w, struct err *err)
{
    return ask_often(w, JOB_ASK_CANCEL, err);
}

static bool
do_purge(struct faulted *w, struct err *err)
{
    struct job_purge purge = {0};
    return store_job_purge(w->f->db, w->f->tenant.id, &purge, err);
}

#define JOBS_DIGEST                                                                                                     \
    "SELECT COALESCE(sum(id * 7 + length(state) * 1000 + waiting * 100000 + COALESCE(next_at, 0) % 999 + tries), 0) FROM jobs"
#define RUNS_DIGEST "SELECT COALESCE(sum(id * 7 + length(state) * 1000 + ready * 100000 + epoch * 31), 0) FROM runs"

static void
fail_every_statement(struct faulted *w, struct db_trace *trace, const char *name, bool (*step)(struct faulted *, struct err *))
{
    struct fixture *f = w->f;
    int64_t jobs = sql_number(f, JOBS_DIGEST), runs = sql_number(f, RUNS_DIGEST);
    for (int64_t nth = 1; nth < 200; nth++) {
        struct faulted before = *w;
        begin(f);
        atomic_store(&trace->calls, 0);
        atomic_store(&trace->fail_at, nth);
        bool ok = step(w, &f->err);
        bool struck = atomic_load(&trace->calls) >= nth;
        atomic_store(&trace->fail_at, 0);
        if (!struck) {
            assert_ok(ok, f->err);
            commit(f);
            assert_true(nth > 1);
            return;
        }
        if (ok)
            fail_msg("%s: statement %d failed and nobody noticed", name, (int)nth);
        db_rollback(f->db);
        *w = before;
        assert_int_equal(sql_number(f, JOBS_DIGEST), jobs);
        assert_int_equal(sql_number(f, RUNS_DIGEST), runs);
    }
    fail_msg("%s has no end", name);
}

static void
test_i37_any_statement_of_a_job_function_may_fail(void **state)
{
    struct db_trace trace = {.at = DB_TRACE_STATEMENT};
    struct faulted w = {.f = *state};
    w.f->db = db_trace_wrap(w.f->db, &trace);
    fail_every_statement(&w, &trace, "create", do_create);
    fail_every_statement(&w, &trace, "create repeating", do_create_repeating);
    fail_every_statement(&w, &trace, "fire", do_fire);
    assert_int_equal(sql_number(w.f, "SELECT count(*) FROM sync_jobs WHERE status = 'queued' AND priority = 'low'"), 1);
    fail_every_statement(&w, &trace, "claim", do_claim);
    fail_every_statement(&w, &trace, "finish", do_finish);
    assert_int_equal(sql_number(w.f, "SELECT count(*) FROM sync_jobs WHERE status = 'completed'"), 1);
    assert_int_equal(sql_number(w.f, "SELECT count(*) FROM sync_runs r JOIN sync_jobs j ON j.id = r.job_id"), 2);
    fail_every_statement(&w, &trace, "pause", do_pause);
    fail_every_statement(&w, &trace, "resume", do_resume);
    fail_every_statement(&w, &trace, "cancel", do_cancel);
    fail_every_statement(&w, &trace, "purge", do_purge);
    assert_int_equal(sql_number(w.f, "SELECT count(*) FROM sync_jobs"), 0);
}
