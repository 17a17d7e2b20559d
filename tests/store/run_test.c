/*
 * Runs: one unfinished per connection, whose turn it is, leases, and what a person asks for.
 */
#include "tests/store/fixture.h"

#define LEASE_US (30 * US_PER_S)

static int64_t
new_tenant(struct fixture *f, const char *key)
{
    struct tenant tenant = {.key = str_from_c(key), .name = str_from_c(key)};
    assert_ok(store_tenant_create(f->db, &f->arena, &tenant, NOW, &f->err), f->err);
    return tenant.id;
}

static int64_t
new_connection(struct fixture *f, int64_t tenant)
{
    struct connection c = {.tenant = tenant, .template_name = STR("acme"), .name = STR("c"), .enabled = true};
    assert_ok(store_connection_create(f->db, &f->arena, &c, NOW, &f->err), f->err);
    return c.id;
}

/* A run of a new connection. */
static struct run
queue_run(struct fixture *f, int64_t tenant, enum priority priority, int64_t now_us)
{
    struct run run;
    struct run_new ask = {.tenant = tenant, .connection = new_connection(f, tenant), .priority = priority};
    assert_ok(store_run_create(f->db, &f->arena, &ask, now_us, &run, &f->err), f->err);
    return run;
}

static enum row
claim(struct fixture *f, const char *node, int64_t now_us, struct run *run)
{
    struct run_claim c = {str_from_c(node), now_us, now_us + LEASE_US};
    return store_run_claim(f->db, &f->arena, &c, run, &f->err);
}

/* I-13 */
static void
test_a_second_run_of_a_connection_is_refused_and_names_the_first(void **state)
{
    struct fixture *f = *state;
    struct run first, second;
    struct run_new ask = {.tenant = f->tenant.id, .connection = f->connection.id, .trigger = STR("api")};
    begin(f);
    assert_ok(store_run_create(f->db, &f->arena, &ask, NOW, &first, &f->err), f->err);
    assert_fails_with(store_run_create(f->db, &f->arena, &ask, NOW, &second, &f->err), f->err, E_SYNC_IN_PROGRESS);
    assert_true(str_eq_c(first.uuid, f->err.subject));
    struct job job;
    assert_int_equal(store_job_get(f->db, &f->arena, f->tenant.id, first.job, &job, &f->err), ROW_FOUND);
    assert_true(str_eq(job.name, f->connection.uuid));
    assert_int_equal(job.state, JOB_QUEUED);
    assert_true(str_eq(first.connection_uuid, f->connection.uuid));
    assert_str(first.template_name, "acme");
    commit(f);
}

struct racer {
    struct fixture *f;
    struct store *store;
    pthread_t thread;
    struct run run;
    struct arena arena;
    bool created;
    enum err_code code;
};

static bool
race_create(struct db *db, void *ctx, struct err *err)
{
    struct racer *r = ctx;
    struct run_new ask = {.tenant = r->f->tenant.id, .connection = r->f->connection.id};
    arena_clear(&r->arena);
    return store_run_create(db, &r->arena, &ask, NOW, &r->run, err);
}

static void *
race_main(void *arg)
{
    struct racer *r = arg;
    struct err err = {0};
    r->created = store_write(r->store, race_create, r, &err);
    r->code = err.code;
    return NULL;
}

/* I-13, at the same time from eight threads. */
static void
test_of_eight_threads_one_gets_the_run(void **state)
{
    struct fixture *f = *state;
    db_close(f->db);
    f->db = NULL;
    struct store_options options = fixture_options(f);
    struct store *store = store_open(&options, &f->err);
    assert_non_null(store);
    struct racer racers[8] = {0};
    for (size_t i = 0; i < ARRAY_LEN(racers); i++) {
        racers[i].f = f;
        racers[i].store = store;
        arena_init(&racers[i].arena, 1 << 20);
        pthread_create(&racers[i].thread, NULL, race_main, &racers[i]);
    }
    unsigned created = 0;
    for (size_t i = 0; i < ARRAY_LEN(racers); i++) {
        pthread_join(racers[i].thread, NULL);
        created += racers[i].created;
        assert_true(racers[i].created || racers[i].code == E_SYNC_IN_PROGRESS);
        arena_release(&racers[i].arena);
    }
    assert_int_equal(created, 1);
    store_close(store);
    assert_int_equal(sql_number(f, "SELECT count(*) FROM runs"), 1);
    assert_int_equal(sql_number(f, "SELECT count(*) FROM jobs"), 1);
}

struct claimer {
    struct store *store;
    pthread_t thread;
    struct arena arena;
    int64_t claimed[64];
    size_t count;
    enum row row;
    struct run run;
};

static bool
race_claim(struct db *db, void *ctx, struct err *err)
{
    struct claimer *c = ctx;
    struct run_claim ask = {STR("node/1"), NOW, NOW + LEASE_US};
    arena_clear(&c->arena);
    c->row = store_run_claim(db, &c->arena, &ask, &c->run, err);
    return c->row != ROW_FAILED;
}

static void *
claim_main(void *arg)
{
    struct claimer *c = arg;
    struct err err = {0};
    while (c->count < ARRAY_LEN(c->claimed) && store_write(c->store, race_claim, c, &err) && c->row == ROW_FOUND)
        c->claimed[c->count++] = c->run.id;
    return NULL;
}

/* F38 */
static void
test_each_run_is_claimed_once_by_eight_threads(void **state)
{
    struct fixture *f = *state;
    begin(f);
    int64_t tenants[] = {f->tenant.id, new_tenant(f, "b"), new_tenant(f, "c")};
    for (int i = 0; i < 48; i++)
        queue_run(f, tenants[i % 3], (enum priority)(i % 2), NOW + i);
    commit(f);
    db_close(f->db);
    f->db = NULL;
    struct store_options options = fixture_options(f);
    struct store *store = store_open(&options, &f->err);
    struct claimer claimers[8] = {0};
    struct id_set *seen = id_set_new();
    for (size_t i = 0; i < ARRAY_LEN(claimers); i++) {
        claimers[i].store = store;
        arena_init(&claimers[i].arena, 1 << 20);
        pthread_create(&claimers[i].thread, NULL, claim_main, &claimers[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(claimers); i++) {
        pthread_join(claimers[i].thread, NULL);
        for (size_t k = 0; k < claimers[i].count; k++) {
            assert_false(id_set_has(seen, claimers[i].claimed[k]));
            assert_true(id_set_add(seen, claimers[i].claimed[k]));
        }
        arena_release(&claimers[i].arena);
    }
    store_close(store);
    assert_int_equal(id_set_count(seen), 48);
    id_set_free(seen);
    assert_int_equal(sql_number(f, "SELECT count(*) FROM runs WHERE state = 'running' AND epoch = 1"), 48);
}

/* I-15, I-19: by the times given, not by any clock of its own. */
static void
test_a_lease_that_ran_out_is_taken_over_and_one_that_holds_is_not(void **state)
{
    struct fixture *f = *state;
    struct run run, other;
    begin(f);
    run = queue_run(f, f->tenant.id, PRIORITY_NORMAL, NOW);
    assert_int_equal(claim(f, "a", NOW, &run), ROW_FOUND);
    assert_int_equal(run.state, RUN_RUNNING);
    assert_int_equal(claim(f, "b", NOW + LEASE_US - 1, &other), ROW_NONE);
    int64_t due;
    assert_int_equal(store_run_next_due(f->db, &due, &f->err), ROW_FOUND);
    assert_int_equal(due, NOW + LEASE_US);
    struct page_fence fence = run_fence(&run);
    assert_ok(store_run_renew(f->db, &fence, NOW + 2 * LEASE_US, &f->err), f->err);
    assert_int_equal(claim(f, "b", NOW + LEASE_US + 1, &other), ROW_NONE);
    assert_int_equal(claim(f, "b", NOW + 2 * LEASE_US, &other), ROW_FOUND);
    assert_int_equal(other.id, run.id);
    assert_int_equal(other.epoch, run.epoch + 1);
    assert_int_equal(other.crashes, 1);
    commit(f);
}

static void
test_a_node_that_starts_takes_back_its_own_runs_at_once(void **state)
{
    struct fixture *f = *state;
    struct run run, other;
    int64_t count;
    begin(f);
    queue_run(f, f->tenant.id, PRIORITY_NORMAL, NOW);
    queue_run(f, f->tenant.id, PRIORITY_NORMAL, NOW);
    assert_int_equal(claim(f, "node-a/1", NOW, &run), ROW_FOUND);
    assert_int_equal(claim(f, "node-b/1", NOW, &other), ROW_FOUND);
    assert_ok(store_run_retake(f->db, STR("node-a"), NOW, &count, &f->err), f->err);
    assert_int_equal(count, 1);
    assert_int_equal(claim(f, "node-a/1", NOW, &other), ROW_FOUND);
    assert_int_equal(other.id, run.id);
    assert_int_equal(other.crashes, 1);
    commit(f);
}

/* I-18 */
static void
test_a_tenants_first_run_goes_before_the_many_of_another(void **state)
{
    struct fixture *f = *state;
    struct run run;
    begin(f);
    int64_t busy = new_tenant(f, "busy"), quiet = new_tenant(f, "quiet");
    for (int i = 0; i < 300; i++)
        queue_run(f, busy, PRIORITY_HIGH, NOW + i);
    for (int i = 0; i < 10; i++)
        assert_int_equal(claim(f, "a", NOW + 1000, &run), ROW_FOUND);
    struct run first = queue_run(f, quiet, PRIORITY_LOW, NOW + 2000);
    unsigned before = 0;
    do {
        assert_int_equal(claim(f, "a", NOW + 3000, &run), ROW_FOUND);
        before += run.tenant == busy;
    } while (run.id != first.id);
    assert_true(before <= 1);
    /* and from then on they take turns */
    for (int i = 0; i < 5; i++)
        queue_run(f, quiet, PRIORITY_NORMAL, NOW + 4000);
    unsigned of_quiet = 0;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(claim(f, "a", NOW + 5000, &run), ROW_FOUND);
        of_quiet += run.tenant == quiet;
    }
    assert_in_range(of_quiet, 4, 5);
    commit(f);
}

static void
test_a_tenant_that_was_idle_has_saved_up_no_turns(void **state)
{
    struct fixture *f = *state;
    struct run run;
    begin(f);
    int64_t busy = new_tenant(f, "busy"), idle = new_tenant(f, "idle");
    for (int i = 0; i < 50; i++) { /* busy has had many turns while nobody else wanted any */
        queue_run(f, busy, PRIORITY_NORMAL, NOW);
        assert_int_equal(claim(f, "a", NOW, &run), ROW_FOUND);
    }
    for (int i = 0; i < 20; i++)
        queue_run(f, idle, PRIORITY_NORMAL, NOW);
    for (int i = 0; i < 20; i++)
        queue_run(f, busy, PRIORITY_NORMAL, NOW);
    unsigned of_busy = 0;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(claim(f, "a", NOW, &run), ROW_FOUND);
        of_busy += run.tenant == busy;
    }
    assert_in_range(of_busy, 9, 11);
    commit(f);
}

static void
test_priority_goes_first_then_age_and_an_old_low_one_is_not_starved(void **state)
{
    struct fixture *f = *state;
    struct run run, low, normal, second, high, young;
    begin(f);
    low = queue_run(f, f->tenant.id, PRIORITY_LOW, NOW);
    normal = queue_run(f, f->tenant.id, PRIORITY_NORMAL, NOW + 1);
    second = queue_run(f, f->tenant.id, PRIORITY_NORMAL, NOW + 2);
    high = queue_run(f, f->tenant.id, PRIORITY_HIGH, NOW + 3);
    const struct run *order[] = {&high, &normal, &second};
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        assert_int_equal(claim(f, "a", NOW + 10, &run), ROW_FOUND);
        assert_int_equal(run.id, order[i]->id);
    }
    young = queue_run(f, f->tenant.id, PRIORITY_HIGH, NOW + 3 * RUN_AGEING_US);
    assert_int_equal(claim(f, "a", NOW + 3 * RUN_AGEING_US, &run), ROW_FOUND);
    /* the leases of the three have run out by then: they are older than both and come back first */
    for (int i = 0; i < 3 && run.id != low.id; i++)
        assert_int_equal(claim(f, "a", NOW + 3 * RUN_AGEING_US, &run), ROW_FOUND);
    assert_int_equal(run.id, low.id);
    assert_int_equal(claim(f, "a", NOW + 3 * RUN_AGEING_US, &run), ROW_FOUND);
    assert_int_equal(run.id, young.id);
    commit(f);
}

static void
test_a_run_that_yields_lets_the_others_have_their_turn(void **state)
{
    struct fixture *f = *state;
    struct run first, run;
    begin(f);
    int64_t other = new_tenant(f, "other");
    queue_run(f, f->tenant.id, PRIORITY_NORMAL, NOW);
    queue_run(f, other, PRIORITY_NORMAL, NOW);
    assert_int_equal(claim(f, "a", NOW, &first), ROW_FOUND);
    int64_t seen[4];
    for (int i = 0; i < 4; i++) {
        struct page_fence fence = run_fence(i ? &run : &first);
        assert_ok(store_run_yield(f->db, &fence, NOW, &f->err), f->err);
        assert_int_equal(claim(f, "a", NOW, &run), ROW_FOUND);
        seen[i] = run.tenant;
        assert_int_equal(run.crashes, 0);
    }
    assert_true(seen[0] != seen[1] && seen[1] != seen[2] && seen[2] != seen[3]);
    commit(f);
}

static void
test_a_parked_run_comes_back_when_it_is_due(void **state)
{
    struct fixture *f = *state;
    struct run run, other;
    begin(f);
    queue_run(f, f->tenant.id, PRIORITY_NORMAL, NOW);
    assert_int_equal(claim(f, "a", NOW, &run), ROW_FOUND);
    struct page_fence fence = run_fence(&run);
    assert_ok(store_run_park(f->db, &fence, NOW + US_PER_MINUTE, "RATE_LIMITED", STR("slow down"), true, NOW, &f->err), f->err);
    assert_int_equal(store_run_get_by_id(f->db, &f->arena, run.tenant, run.id, &other, &f->err), ROW_FOUND);
    assert_int_equal(other.state, RUN_WAITING);
    assert_str(other.wait_code, "RATE_LIMITED");
    assert_int_equal(claim(f, "a", NOW + US_PER_MINUTE - 1, &other), ROW_NONE);
    int64_t due;
    assert_int_equal(store_run_next_due(f->db, &due, &f->err), ROW_FOUND);
    assert_int_equal(due, NOW + US_PER_MINUTE);
    assert_int_equal(claim(f, "a", NOW + US_PER_MINUTE, &other), ROW_FOUND);
    assert_int_equal(other.retries, 1);
    assert_int_equal(other.crashes, 0);
    assert_true(str_is_none(other.wait_code));
    commit(f);
}

/* I-24: a run that nobody holds moves at once; all of it can be asked twice. */
static void
test_pause_resume_and_cancel_are_idempotent(void **state)
{
    struct fixture *f = *state;
    struct run run, after;
    struct job job;
    begin(f);
    run = queue_run(f, f->tenant.id, PRIORITY_NORMAL, NOW);
    for (int i = 0; i < 2; i++) {
        assert_ok(store_run_ask(f->db, &f->arena, run.tenant, run.uuid, RUN_ASK_PAUSE, NOW, &after, &f->err), f->err);
        assert_int_equal(after.state, RUN_PAUSED);
    }
    assert_int_equal(claim(f, "a", NOW, &after), ROW_NONE);
    assert_int_equal(store_job_get(f->db, &f->arena, run.tenant, run.job, &job, &f->err), ROW_FOUND);
    assert_int_equal(job.state, JOB_PAUSED);
    for (int i = 0; i < 2; i++) {
        assert_ok(store_run_ask(f->db, &f->arena, run.tenant, run.uuid, RUN_ASK_RESUME, NOW, &after, &f->err), f->err);
        assert_int_equal(after.state, RUN_QUEUED);
    }
    for (int i = 0; i < 2; i++) {
        assert_ok(store_run_ask(f->db, &f->arena, run.tenant, run.uuid, RUN_ASK_CANCEL, NOW, &after, &f->err), f->err);
        assert_int_equal(after.state, RUN_CANCELLED);
    }
    assert_fails_with(store_run_ask(f->db, &f->arena, run.tenant, run.uuid, RUN_ASK_RESUME, NOW, &after, &f->err), f->err,
                      E_CONFLICT);
    assert_int_equal(store_job_get(f->db, &f->arena, run.tenant, run.job, &job, &f->err), ROW_FOUND);
    assert_int_equal(job.state, JOB_CANCELLED);
    commit(f);
}

static void
test_a_held_run_is_paused_by_its_worker_and_resumes_where_it_was(void **state)
{
    struct fixture *f = *state;
    struct run run, after;
    enum run_state stopped;
    bool asked;
    begin(f);
    queue_run(f, f->tenant.id, PRIORITY_NORMAL, NOW);
    assert_int_equal(claim(f, "a", NOW, &run), ROW_FOUND);
    struct page_fence fence = run_fence(&run);
    assert_fails_with(store_run_stop(f->db, &fence, NOW, &stopped, &f->err), f->err, E_CONFLICT);
    assert_ok(store_run_ask(f->db, &f->arena, run.tenant, run.uuid, RUN_ASK_PAUSE, NOW, &after, &f->err), f->err);
    assert_int_equal(after.state, RUN_RUNNING);
    assert_true(after.pause_asked);
    assert_ok(store_run_asked(f->db, &fence, &asked, &f->err), f->err);
    assert_true(asked);
    assert_ok(store_run_stop(f->db, &fence, NOW, &stopped, &f->err), f->err);
    assert_int_equal(stopped, RUN_PAUSED);
    assert_fails_with(store_run_renew(f->db, &fence, NOW, &f->err), f->err, E_FENCED);
    assert_ok(store_run_ask(f->db, &f->arena, run.tenant, run.uuid, RUN_ASK_RESUME, NOW, &after, &f->err), f->err);
    assert_int_equal(after.state, RUN_RUNNING);
    assert_int_equal(claim(f, "b", NOW, &after), ROW_FOUND);
    assert_int_equal(after.id, run.id);
    assert_false(after.pause_asked);
    commit(f);
}

static void
test_a_finished_run_tells_its_job_and_its_connection(void **state)
{
    struct fixture *f = *state;
    struct run run;
    struct job job;
    struct connection c;
    begin(f);
    struct run_new ask = {.tenant = f->tenant.id, .connection = f->connection.id};
    assert_ok(store_run_create(f->db, &f->arena, &ask, NOW, &run, &f->err), f->err);
    assert_int_equal(claim(f, "a", NOW + US_PER_S, &run), ROW_FOUND);
    struct page_fence fence = run_fence(&run);
    struct run_end end = {.state = RUN_SUCCEEDED, .verdict = VERDICT_PARTIAL, .verdict_reason = STR("1 rejected"),
                          .moves_last_sync = true};
    assert_ok(store_run_finish(f->db, &fence, &end, NOW + 5 * US_PER_S, &f->err), f->err);
    assert_int_equal(store_job_get(f->db, &f->arena, run.tenant, run.job, &job, &f->err), ROW_FOUND);
    assert_int_equal(job.state, JOB_COMPLETED);
    assert_int_equal(store_connection_get_by_id(f->db, &f->arena, f->tenant.id, f->connection.id, &c, &f->err), ROW_FOUND);
    assert_int_equal(c.last_sync_us, NOW + 5 * US_PER_S);
    assert_str(c.last_sync_status, "succeeded");
    assert_int_equal(c.status, CONNECTION_ACTIVE);
    int64_t durations[4];
    size_t count;
    assert_ok(store_run_durations(f->db, f->tenant.id, f->connection.id, false, 4, durations, &count, &f->err), f->err);
    assert_int_equal(count, 1);
    assert_int_equal(durations[0], 4 * US_PER_S);
    assert_ok(store_run_create(f->db, &f->arena, &ask, NOW, &run, &f->err), f->err); /* the connection is free again */
    struct run *runs;
    int64_t total;
    struct run_filter filter = {.connection = f->connection.id, .states = RUN_STATE_BIT(RUN_SUCCEEDED), .limit = 10};
    assert_ok(store_run_list(f->db, &f->arena, f->tenant.id, &filter, &runs, &count, &total, &f->err), f->err);
    assert_int_equal(count, 1);
    assert_int_equal(total, 1);
    assert_int_equal(runs[0].verdict, VERDICT_PARTIAL);
    struct run_counts counts;
    assert_ok(store_run_counts(f->db, f->tenant.id, &counts, &f->err), f->err);
    assert_int_equal(counts.by_state[RUN_QUEUED], 1);
    assert_int_equal(counts.by_state[RUN_SUCCEEDED], 1);
    assert_int_equal(counts.oldest_ready_us, NOW);
    commit(f);
}

static void
test_only_the_listed_moves_are_allowed(void **state)
{
    (void)state;
    static const unsigned moves[][2] = {
        {RUN_QUEUED, RUN_RUNNING},  {RUN_QUEUED, RUN_PAUSED},    {RUN_QUEUED, RUN_CANCELLED},  {RUN_RUNNING, RUN_WAITING},
        {RUN_RUNNING, RUN_PAUSED},  {RUN_RUNNING, RUN_SUCCEEDED}, {RUN_RUNNING, RUN_FAILED},   {RUN_RUNNING, RUN_CANCELLED},
        {RUN_WAITING, RUN_RUNNING}, {RUN_WAITING, RUN_PAUSED},   {RUN_WAITING, RUN_CANCELLED}, {RUN_PAUSED, RUN_RUNNING},
        {RUN_PAUSED, RUN_QUEUED},   {RUN_PAUSED, RUN_CANCELLED},
    };
    unsigned allowed = 0;
    for (enum run_state from = RUN_QUEUED; from <= RUN_CANCELLED; from++)
        for (enum run_state to = RUN_QUEUED; to <= RUN_CANCELLED; to++)
            allowed += run_may_move(from, to);
    assert_int_equal(allowed, ARRAY_LEN(moves));
    for (size_t i = 0; i < ARRAY_LEN(moves); i++)
        assert_true(run_may_move((enum run_state)moves[i][0], (enum run_state)moves[i][1]));
}

/* I-13: a job of its own name waits; a second of that name is refused. */
static void
test_jobs_have_one_unfinished_of_a_name(void **state)
{
    struct fixture *f = *state;
    struct job first = {.tenant = f->tenant.id, .name = STR("nightly"), .type = STR("full"), .priority = PRIORITY_LOW}, second;
    begin(f);
    assert_ok(store_job_create(f->db, &f->arena, &first, NOW, &f->err), f->err);
    second = first;
    assert_fails_with(store_job_create(f->db, &f->arena, &second, NOW, &f->err), f->err, E_CONFLICT);
    assert_true(str_eq_c(first.uuid, f->err.subject));
    assert_ok(store_job_move(f->db, first.tenant, first.id, JOB_QUEUED, JOB_CANCELLED, NOW, &f->err), f->err);
    assert_fails_with(store_job_move(f->db, first.tenant, first.id, -1, JOB_ACTIVE, NOW, &f->err), f->err, E_CONFLICT);
    assert_ok(store_job_create(f->db, &f->arena, &second, NOW, &f->err), f->err);
    struct job found;
    assert_int_equal(store_job_find(f->db, &f->arena, f->tenant.id, STR("nightly"), &found, &f->err), ROW_FOUND);
    assert_int_equal(found.id, second.id);
    struct job_counts counts;
    assert_ok(store_job_counts(f->db, f->tenant.id, &counts, &f->err), f->err);
    assert_int_equal(counts.total, 2); /* I-17 */
    commit(f);
}
