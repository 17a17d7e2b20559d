/*
 * A run that is interrupted anywhere ends as one that was not (I-2, I-4).
 *
 * The process "dies" at the Nth statement: from then on the database takes nothing more, as if nobody were
 * there to ask. Then everything is opened anew and the run goes on. N runs over all statements of a run.
 */
#include "rig.h"

#include "store/db_trace.h"
#include "store/store_log.h"

#define CONTACTS 9
#define STRIDE 3 /* every third statement here; TIDEMARK_TEST_EVERY=1 for all */

static void
fill(struct rig *rig)
{
    rig->vendor.page_size = 3;
    rig_fill(rig, CONTACTS);
    rig_contact(rig, 5)->email[0] = '\0';
    rig->vendor.orders[0] = (struct rig_order){1, 2, "10.50"};
    rig->vendor.order_count = 1;
}

/* A first load, then changes: what the interrupted run will find. */
static void
prepare(struct rig *rig)
{
    fill(rig);
    assert_state(rig_run(rig, false), RUN_SUCCEEDED);
    snprintf(rig_contact(rig, 1)->name, 48, "Renamed");
    rig_contact(rig, 1)->updated_s += 5000;
    rig_contact(rig, 2)->tombstone = true;
    rig_contact(rig, 2)->updated_s += 5000;
    rig_contact(rig, 3)->gone = true;
    rig_fill(rig, 1);
    rig->vendor.requests = 0;
    memset(rig->vendor.page_requests, 0, sizeof(rig->vendor.page_requests));
}

struct outcome {
    struct str contacts, orders;
    struct page_counts counts;
    int64_t missing, rejected;
    int64_t ends_told; /* in the run's log */
};

#define LOG_CHUNKS_MAX 100

struct log_look {
    struct rig *rig;
    const struct run *run;
    struct log_chunk *chunks;
    size_t count;
};

static bool
read_log(struct db *db, void *ctx, struct err *err)
{
    struct log_look *l = ctx;
    return store_log_read(db, &l->rig->arena, l->run->tenant, l->run->id, 0, LOG_CHUNKS_MAX, &l->chunks, &l->count, err);
}

static int64_t
lines_with(struct rig *rig, const struct run *run, const char *words)
{
    struct log_look l = {.rig = rig, .run = run};
    struct err err = {0};
    assert_ok(store_read(rig->store, read_log, &l, &err), err);
    int64_t count = 0;
    for (size_t i = 0; i < l.count; i++)
        for (const char *at = str_cstr(&rig->arena, l.chunks[i].lines); (at = strstr(at, words)) != NULL; at++)
            count++;
    return count;
}

static struct outcome
outcome_of(struct rig *rig, const struct run *run)
{
    return (struct outcome){rig_content(rig, "contacts"), rig_content(rig, "orders"), run->counts, run->missing,
                            rig_rejected(rig), lines_with(rig, run, "run succeeded")};
}

static void
assert_same(const struct outcome *got, const struct outcome *want, int64_t n)
{
    if (!str_eq(got->contacts, want->contacts) || !str_eq(got->orders, want->orders))
        fail_msg("died at %d:\n%.*s\nnot\n%.*s", (int)n, STR_ARG(got->contacts), STR_ARG(want->contacts));
    if (memcmp(&got->counts, &want->counts, sizeof(got->counts)) != 0)
        fail_msg("died at %d: other counts: created %d updated %d skipped %d deleted %d errors %d read %d", (int)n,
                 (int)got->counts.created, (int)got->counts.updated, (int)got->counts.skipped, (int)got->counts.deleted,
                 (int)got->counts.errors, (int)got->counts.records_read);
    assert_int_equal(got->missing, want->missing);
    assert_int_equal(got->rejected, want->rejected);
    if (got->ends_told != 1 || want->ends_told != 1)
        fail_msg("died at %d: the log tells of %d ends", (int)n, (int)got->ends_told);
}

static struct run
finish(struct rig *rig, struct run run)
{
    for (int i = 0; i < 20; i++) {
        while (rig_step(rig))
            ;
        run = rig_look(rig, run.uuid);
        if (run.state != RUN_WAITING)
            break;
        rig_make_due(rig, &run);
    }
    return run;
}

/* The undisturbed run, and how many statements it takes. */
static struct outcome
undisturbed(struct rig *rig, struct db_trace *trace, int64_t *statements_out)
{
    prepare(rig);
    atomic_store(&trace->calls, 0);
    struct run run = rig_start(rig, &rig->connection, true);
    run = finish(rig, run);
    *statements_out = atomic_load(&trace->calls);
    assert_state(run, RUN_SUCCEEDED);
    return outcome_of(rig, &run);
}

static int64_t
every(void)
{
    const char *text = getenv("TIDEMARK_TEST_EVERY");
    int64_t value = STRIDE;
    return text != NULL && str_to_i64(str_from_c(text), 1, 1000, &value) ? value : STRIDE;
}

static void
die_at(enum db_trace_at at, bool lasting, int64_t stride)
{
    struct db_trace trace = {.at = at};
    struct rig *still = rig_new_wrapped(db_trace_wrap, &trace);
    int64_t calls = 0;
    struct outcome want = undisturbed(still, &trace, &calls);
    assert_true(calls > 5);
    for (int64_t n = 1; n <= calls; n += stride) {
        struct db_trace dying = {.at = at, .lasting = lasting};
        struct rig *rig = rig_new_wrapped(db_trace_wrap, &dying);
        rig->store_tries = lasting ? 1 : 3;
        prepare(rig);
        rig_restart(rig);
        struct run run = rig_start(rig, &rig->connection, true);
        bool ran = false;
        struct err err = {0};
        atomic_store(&dying.calls, 0);
        atomic_store(&dying.fail_at, n);
        (void)!engine_run_here(rig->engine, rig->tenant, STR_NONE, &ran, &err);
        atomic_store(&dying.fail_at, 0);
        rig_restart(rig);
        run = finish(rig, run);
        assert_state(run, RUN_SUCCEEDED);
        struct outcome got = outcome_of(rig, &run);
        assert_same(&got, &want, n);
        for (int page = 0; page < CONTACTS; page++)
            assert_true(rig->vendor.page_requests[page] <= 2);
        rig_free(rig);
    }
    rig_free(still);
}

static void
test_a_run_that_dies_at_any_statement_ends_as_if_it_had_not_I2_I4(void **state)
{
    (void)state;
    die_at(DB_TRACE_STATEMENT, true, every());
}

/* F10 */
static void
test_a_statement_that_fails_once_changes_nothing(void **state)
{
    (void)state;
    die_at(DB_TRACE_STATEMENT, false, 5 * every());
}

/* F4, F9: committed, but nobody was told. */
static void
test_a_commit_whose_outcome_is_unknown_is_looked_up(void **state)
{
    (void)state;
    die_at(DB_TRACE_COMMIT_LOST, false, 1);
}

static void
test_a_commit_that_fails_is_done_again(void **state)
{
    (void)state;
    die_at(DB_TRACE_COMMIT, false, 1);
}

/* What it tells of itself costs no commit: its claim, its streams, the page, the last marks, the end of the stream and of the run. */
static void
test_a_run_that_finds_nothing_commits_six_times(void **state)
{
    (void)state;
    struct db_trace trace = {.at = DB_TRACE_COMMIT};
    struct rig *rig = rig_new_wrapped(db_trace_wrap, &trace);
    rig->heartbeat_ms = 60 * 60 * 1000; /* a heartbeat would be one more */
    rig_restart(rig);
    rig->vendor.page_size = 3;
    assert_state(rig_run(rig, false), RUN_SUCCEEDED);
    struct err err = {0};
    struct run run;
    struct run_request request = {.connection = rig->connection.uuid, .stream = STR("contacts")};
    assert_ok(engine_run_start(rig->engine, &rig->arena, rig->tenant, &request, &run, &err), err);
    atomic_store(&trace.calls, 0);
    assert_true(rig_step(rig));
    int64_t commits = atomic_load(&trace.calls);
    run = rig_look(rig, run.uuid);
    assert_state(run, RUN_SUCCEEDED);
    assert_int_equal(lines_with(rig, &run, "run started"), 1);
    assert_int_equal(lines_with(rig, &run, "run succeeded"), 1);
    assert_int_equal(commits, 6);
    rig_free(rig);
}

static bool
raise_epoch(struct db *db, void *ctx, struct err *err)
{
    (void)ctx;
    return store_run_raise_epochs(db, store_now(db), err);
}

struct takeover {
    struct rig *rig;
    int64_t at;
};

static void
on_request(void *ctx, int64_t number, struct str url)
{
    struct takeover *t = ctx;
    struct err err = {0};
    (void)url;
    if (number == t->at)
        assert_ok(store_write(t->rig->store, raise_epoch, NULL, &err), err);
}

/* I-14: another worker has taken the run over; the slow one writes nothing more. */
static void
test_a_worker_that_lost_its_run_is_fenced(void **state)
{
    (void)state;
    struct rig *rig = rig_new();
    rig->vendor.page_size = 5;
    rig_fill(rig, 40);
    struct run run = rig_start(rig, &rig->connection, true);
    struct takeover t = {rig, 4};
    rig->vendor.on_request = on_request;
    rig->vendor.on_request_ctx = &t;
    assert_true(rig_step(rig));
    size_t written = rig_count(rig, "contacts", true);
    assert_true(written <= 20);
    run = rig_look(rig, run.uuid);
    assert_state(run, RUN_RUNNING);
    assert_int_equal(written, run.counts.created);
    rig->vendor.on_request = NULL;
    run = finish(rig, run);
    assert_state(run, RUN_SUCCEEDED);
    assert_counts(run, 40, 0, 0, 0, 0);
    rig_free(rig);
}

struct crash {
    struct rig *rig;
};

static bool
crash_thrice(struct db *db, void *ctx, struct err *err)
{
    (void)ctx;
    return db_script(db, "UPDATE runs SET crashes = 3", err);
}

/* I-16 */
static void
test_a_page_that_stopped_the_process_three_times_pauses_the_run(void **state)
{
    (void)state;
    struct rig *rig = rig_new();
    struct err err = {0};
    struct run run, again;
    rig_fill(rig, 5);
    run = rig_start(rig, &rig->connection, true);
    assert_ok(store_write(rig->store, crash_thrice, NULL, &err), err);
    assert_true(rig_step(rig));
    run = rig_look(rig, run.uuid);
    assert_state(run, RUN_PAUSED);
    assert_str(run.wait_code, "POISON_PAGE");
    assert_int_equal(rig->vendor.requests, 0);
    assert_ok(engine_run_resume(rig->engine, &rig->arena, rig->tenant, run.uuid, &again, &err), err);
    run = finish(rig, run);
    assert_state(run, RUN_SUCCEEDED);
    rig_free(rig);
}
