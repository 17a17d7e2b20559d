/*
 * Vendors that misbehave, and people who interfere.
 */
#include "rig.h"

#include "store/db_trace.h"

static int
setup(void **state)
{
    struct rig *rig = rig_new();
    rig_fill(rig, 35);
    *state = rig;
    return 0;
}

static void
fault(struct rig *rig, enum rig_fault kind, int64_t from, int64_t count)
{
    rig->vendor.fault = kind;
    rig->vendor.fault_from = from;
    rig->vendor.fault_count = count;
}

/* Does the run until it is finished, making it due whenever it is parked. Returns how often it was. */
static int
finish(struct rig *rig, struct run *run, int parks_max)
{
    int parks = 0;
    for (;;) {
        while (rig_step(rig))
            ;
        *run = rig_look(rig, run->uuid);
        if (run->state != RUN_WAITING || parks == parks_max)
            return parks;
        parks++;
        rig_make_due(rig, run);
    }
}

/* F12 */
static void
test_429_with_retry_after_parks_the_run_and_is_no_failure(void **state)
{
    struct rig *rig = *state;
    fault(rig, RIG_STATUS, 2, 1);
    rig->vendor.fault_status = 429;
    rig->vendor.fault_retry_after = "600"; /* long enough to look at it before it is over */
    struct run run = rig_start(rig, &rig->connection, true);
    int64_t before_us = clock_wall_us(clock_system());
    assert_true(rig_step(rig));
    int64_t after_us = clock_wall_us(clock_system());
    run = rig_look(rig, run.uuid);
    assert_state(run, RUN_WAITING);
    assert_str(run.wait_code, "RATE_LIMITED");
    if (run.not_before_us < before_us + 590 * US_PER_S || run.not_before_us > after_us + 660 * US_PER_S)
        fail_msg("waits %d ms", (int)((run.not_before_us - before_us) / 1000));
    assert_int_equal(run.retries, 0);
    assert_false(rig_step(rig)); /* not due yet, and no thread waits */
    assert_int_equal(finish(rig, &run, 3), 1);
    assert_state(run, RUN_SUCCEEDED);
    assert_counts(run, 35, 0, 0, 0, 0);
    assert_int_equal(rig->vendor.page_requests[0], 1); /* page 1 was not fetched again */
}

/* F16 */
static void
test_a_burst_of_500_is_tried_again(void **state)
{
    struct rig *rig = *state;
    fault(rig, RIG_STATUS, 3, 3);
    rig->vendor.fault_status = 500;
    struct run run = rig_start(rig, &rig->connection, true);
    finish(rig, &run, 10);
    assert_state(run, RUN_SUCCEEDED);
    assert_counts(run, 35, 0, 0, 0, 0);
}

static void
test_500_for_ever_ends_the_run_after_bounded_tries_and_keeps_its_pages(void **state)
{
    struct rig *rig = *state;
    fault(rig, RIG_STATUS, 3, 1000000);
    rig->vendor.fault_status = 503;
    struct run run = rig_start(rig, &rig->connection, true);
    finish(rig, &run, 50);
    assert_state(run, RUN_FAILED);
    assert_str(run.error_code, "VENDOR_UNAVAILABLE");
    assert_true(rig->vendor.requests < 60);
    assert_int_equal(rig_count(rig, "contacts", true), 20);
    /* The connection is in error and will be tested again. */
    struct err err = {0};
    struct connection c;
    fault(rig, RIG_FINE, 0, 0);
    assert_ok(engine_connection_test(rig->engine, &rig->arena, rig->tenant, rig->connection.uuid, &c, &err), err);
    assert_int_equal(c.status, CONNECTION_ACTIVE);
}

/* F21 */
static void
test_a_web_page_with_200_is_a_bad_page_not_an_empty_one(void **state)
{
    struct rig *rig = *state;
    rig_run(rig, false);
    fault(rig, RIG_HTML, rig->vendor.requests + 1, 1000000);
    struct run run = rig_start(rig, &rig->connection, true);
    finish(rig, &run, 50);
    assert_state(run, RUN_FAILED);
    assert_str(run.error_code, "BAD_PAGE");
    assert_true(run.retries <= LIMIT_RETRY_PAGE_PARSE); /* parked in between, yet counted together */
    assert_int_equal(rig_count(rig, "contacts", false), 35);
}

/* F19 */
static void
test_a_truncated_page_is_never_applied_in_part(void **state)
{
    struct rig *rig = *state;
    fault(rig, RIG_TRUNCATED, 2, 1);
    struct run run = rig_start(rig, &rig->connection, true);
    finish(rig, &run, 10);
    assert_state(run, RUN_SUCCEEDED);
    assert_counts(run, 35, 0, 0, 0, 0);
}

/* F17 */
static void
test_a_broken_connection_is_tried_again(void **state)
{
    struct rig *rig = *state;
    fault(rig, RIG_NETWORK, 2, 2);
    struct run run = rig_start(rig, &rig->connection, true);
    finish(rig, &run, 10);
    assert_state(run, RUN_SUCCEEDED);
    assert_counts(run, 35, 0, 0, 0, 0);
}

/* F14 */
static void
test_401_ends_the_run_at_once_and_the_connection_is_in_error(void **state)
{
    struct rig *rig = *state;
    fault(rig, RIG_STATUS, 3, 1000000);
    rig->vendor.fault_status = 401;
    rig->vendor.fault_body = "{\"error\":\"token a-long-secret-token expired\"}";
    struct run run = rig_start(rig, &rig->connection, true);
    finish(rig, &run, 10);
    assert_state(run, RUN_FAILED);
    assert_str(run.error_code, "AUTH_EXPIRED");
    assert_false(str_contains(run.error_message, STR("a-long-secret-token"))); /* I-29 */
    assert_true(rig->vendor.requests < 10);
    assert_int_equal(rig_count(rig, "contacts", true), 20);
    /* I-5: the watermark did not move past what was committed. */
    fault(rig, RIG_FINE, 0, 0);
    run = rig_run(rig, false);
    assert_state(run, RUN_SUCCEEDED);
    assert_int_equal(rig_count(rig, "contacts", true), 35);
}

/* ---- people ---- */

struct meddle {
    struct rig *rig;
    struct str uuid;
    int64_t at;
    int what;
};

/* Several pages may be on their way to the disk: what is asked for then would come before them all. */
static void
wait_for_a_page(const struct meddle *m, struct arena *a)
{
    struct err err = {0};
    struct run run = {0};
    while (run.counts.created == 0)
        assert_ok(engine_run_wait(m->rig->engine, a, m->rig->tenant, m->uuid, 1, &run, &err), err);
}

static void
on_request(void *ctx, int64_t number, struct str url)
{
    struct meddle *m = ctx;
    struct arena a;
    struct err err = {0};
    struct run run;
    (void)url;
    if (number != m->at)
        return;
    arena_init(&a, 1 << 20);
    if (m->what == RUN_ASK_PAUSE)
        wait_for_a_page(m, &a);
    if (m->what == RUN_ASK_CANCEL)
        assert_ok(engine_run_cancel(m->rig->engine, &a, m->rig->tenant, m->uuid, &run, &err), err);
    else
        assert_ok(engine_run_pause(m->rig->engine, &a, m->rig->tenant, m->uuid, &run, &err), err);
    arena_release(&a);
}

/* I-24 */
static void
test_a_cancel_takes_effect_at_the_next_page_and_nothing_is_written_after_it(void **state)
{
    struct rig *rig = *state;
    struct run run = rig_start(rig, &rig->connection, true);
    struct meddle m = {rig, run.uuid, 3, RUN_ASK_CANCEL};
    rig->vendor.on_request = on_request;
    rig->vendor.on_request_ctx = &m;
    while (rig_step(rig))
        ;
    run = rig_look(rig, run.uuid);
    assert_state(run, RUN_CANCELLED);
    assert_true(rig->vendor.requests <= 4);
    assert_int_equal(rig_count(rig, "contacts", true), run.counts.created);
    assert_true(run.counts.created <= 20);
    struct err err = {0};
    struct run again;
    assert_ok(engine_run_cancel(rig->engine, &rig->arena, rig->tenant, run.uuid, &again, &err), err);
}

static void
test_a_paused_run_goes_on_where_it_stopped(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    struct run run = rig_start(rig, &rig->connection, true), resumed;
    struct meddle m = {rig, run.uuid, 4, RUN_ASK_PAUSE};
    rig->vendor.on_request = on_request;
    rig->vendor.on_request_ctx = &m;
    while (rig_step(rig))
        ;
    run = rig_look(rig, run.uuid);
    assert_state(run, RUN_PAUSED);
    int64_t done = run.counts.created;
    assert_true(done >= 10 && done <= 30); /* the first page was stored before the fourth was asked for */
    assert_ok(engine_run_resume(rig->engine, &rig->arena, rig->tenant, run.uuid, &resumed, &err), err);
    while (rig_step(rig))
        ;
    run = rig_look(rig, run.uuid);
    assert_state(run, RUN_SUCCEEDED);
    assert_counts(run, 35, 0, 0, 0, 0);
    assert_int_equal(rig->vendor.page_requests[0], 1);
}

/* ---- others, at the same moment ---- */

#define AT_WORK "UPDATE runs SET state = 'running', ready = 0, started_at = 1, lease_until = 4000000000000000 WHERE finished_at IS NULL"
#define PARKED "UPDATE runs SET state = 'waiting', lease_until = NULL, not_before = 4000000000000000 WHERE finished_at IS NULL"

struct once {
    struct rig *rig;
    bool done;
};

static void
ask_meanwhile(void *ctx, const char *statement)
{
    struct once *o = ctx;
    if (strcmp(statement, "request_insert") == 0 && !o->done)
        rig_script_aside(o->rig, "UPDATE runs SET pause_asked = 1 WHERE state = 'running'");
    o->done |= strcmp(statement, "request_insert") == 0;
}

/* I-24: a run that must wait for its vendor, and is asked to pause at that moment, pauses now and not when it has waited. */
static void
test_i24_a_pause_is_not_put_off_by_a_run_that_parks_at_that_moment(void **state)
{
    (void)state;
    struct db_trace trace = {.at = DB_TRACE_COMMIT};
    struct rig *rig = rig_new_wrapped(db_trace_wrap, &trace);
    rig_fill(rig, 5);
    fault(rig, RIG_STATUS, 1, 1);
    rig->vendor.fault_status = 429;
    rig->vendor.fault_retry_after = "60";
    struct run run = rig_start(rig, &rig->connection, true);
    struct once once = {.rig = rig};
    struct meddle m = {rig, run.uuid, 1, -1};
    trace.before_ctx = &once;
    trace.before = rig->database[0] == '\0' ? NULL : ask_meanwhile;
    rig->vendor.on_request = on_request; /* with one writer nobody comes between: it is asked before */
    rig->vendor.on_request_ctx = rig->database[0] == '\0' ? &m : &(struct meddle){rig, run.uuid, -1, -1};
    assert_true(rig_step(rig));
    trace.before = NULL;
    assert_state(rig_look(rig, run.uuid), RUN_PAUSED);
    rig_free(rig);
}

static void
park_meanwhile(void *ctx, const char *statement)
{
    if (strcmp(statement, "run_ask_cancel") == 0)
        rig_script_aside(ctx, PARKED);
}

/* I-24. On PostgreSQL the run is parked between two looks at it; with one writer nobody comes between, so it is parked before. */
static void
test_i24_a_cancel_is_not_lost_when_the_run_is_parked_at_that_moment(void **state)
{
    (void)state;
    struct db_trace trace = {.at = DB_TRACE_COMMIT};
    struct rig *rig = rig_new_wrapped(db_trace_wrap, &trace);
    struct err err = {0};
    struct run run = rig_start(rig, &rig->connection, true), asked;
    rig_script_aside(rig, rig->database[0] == '\0' ? PARKED : AT_WORK);
    trace.before_ctx = rig;
    trace.before = rig->database[0] == '\0' ? NULL : park_meanwhile;
    assert_ok(engine_run_cancel(rig->engine, &rig->arena, rig->tenant, run.uuid, &asked, &err), err);
    trace.before = NULL;
    assert_state(asked, RUN_CANCELLED);
    rig_free(rig);
}

#define NEWER "UPDATE entity_map SET source_version = '1999999999', observed_at = observed_at + 1 WHERE external_id = '1'"

struct newer {
    struct rig *rig;
    int64_t times;
};

/* A page has looked at its records and decided; then somebody brings a newer state of one. */
static void
bring_newer(void *ctx, const char *statement)
{
    struct newer *n = ctx;
    if (strcmp(statement, "record_load_set") == 0 && n->times++ == 0)
        rig_script_aside(n->rig, NEWER);
}

static bool
read_version(struct db *db, void *ctx, struct err *err)
{
    struct rig *rig = ctx;
    struct map_row row;
    struct str id = STR("1");
    struct stream stream;
    if (store_stream_find(db, &rig->arena, rig->tenant, rig->connection.id, STR("contacts"), &stream, err) != ROW_FOUND ||
        !store_map_lookup(db, &rig->arena, rig->tenant, stream.id, &id, 1, &row, err))
        return false;
    assert_str(row.version, "1999999999");
    return true;
}

/* I-22. One writer: nobody comes between, so the newer state is there before. */
static void
test_i22_a_newer_state_that_comes_while_a_page_is_written_stays(void **state)
{
    (void)state;
    struct db_trace trace = {.at = DB_TRACE_COMMIT};
    struct rig *rig = rig_new_wrapped(db_trace_wrap, &trace);
    struct err err = {0};
    struct newer newer = {.rig = rig};
    rig_fill(rig, 5);
    assert_state(rig_run(rig, true), RUN_SUCCEEDED);
    snprintf(rig_contact(rig, 1)->name, 48, "Older");
    snprintf(rig_contact(rig, 2)->name, 48, "Changed");
    rig_contact(rig, 1)->updated_s += 10;
    rig_contact(rig, 2)->updated_s += 10;
    trace.before_ctx = &newer;
    trace.before = bring_newer;
    if (rig->database[0] == '\0')
        rig_script_aside(rig, NEWER);
    assert_counts(rig_run(rig, true), 0, 1, 4, 0, 0);
    trace.before = NULL;
    assert_ok(store_read(rig->store, read_version, rig, &err), err);
    rig_free(rig);
}

/* ---- the disk ---- */

/* SQLite gets no more pages (it raises the limit to what is in use); PostgreSQL says of each new record what it says of a full disk. */
#define FULL_SQLITE "PRAGMA max_page_count = 1"
#define ROOM_SQLITE "PRAGMA max_page_count = 1073741823"
#define FULL_POSTGRES                                                                                             \
    "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "                                       \
    "RAISE EXCEPTION 'No space left on device' USING ERRCODE = 'disk_full'; END $$; "                               \
    "CREATE TRIGGER no_room BEFORE INSERT ON records EXECUTE FUNCTION no_room()"
#define ROOM_POSTGRES "DROP TRIGGER no_room ON records"

static bool
run_script(struct db *db, void *ctx, struct err *err)
{
    return db_script(db, ctx, err);
}

static void
make_room(struct rig *rig, bool room)
{
    struct err err = {0};
    bool postgres = rig->database[0] != '\0';
    const char *script = room ? (postgres ? ROOM_POSTGRES : ROOM_SQLITE) : (postgres ? FULL_POSTGRES : FULL_SQLITE);
    assert_ok(store_write(rig->store, run_script, (void *)(uintptr_t)script, &err), err);
}

/* F3: no half page, reads go on, and the run resumes alone when there is room. */
static void
test_a_full_disk_parks_the_run_until_there_is_room(void **state)
{
    struct rig *rig = *state;
    rig->vendor.page_size = 200;
    rig_fill(rig, 1000);
    struct run run = rig_start(rig, &rig->connection, true);
    make_room(rig, false);
    rig->store_tries = 1;
    assert_true(rig_step(rig));
    run = rig_look(rig, run.uuid);
    assert_int_equal(rig_count(rig, "contacts", true), run.counts.created);
    assert_true(run.counts.created < 1035);
    /* Where there is no page for anything, not even the run's own row can say that it waits. */
    assert_true(run.state == RUN_WAITING || (run.state == RUN_RUNNING && rig->database[0] == '\0'));
    if (run.state == RUN_WAITING)
        assert_str(run.wait_code, "STORAGE_FULL");
    make_room(rig, true);
    rig_restart(rig);
    finish(rig, &run, 5);
    assert_state(run, RUN_SUCCEEDED);
    assert_int_equal(rig_count(rig, "contacts", true), 1035);
}

/* F15-16: other runs found the host dead: this one leaves it alone without asking, parks, and goes on when it lives again. */
static void
test_f16_a_host_that_others_found_dead_is_left_alone_by_a_run(void **state)
{
    struct rig *rig = *state;
    struct str host = STR("desk.example.com");
    for (int i = 0; i < CIRCUIT_FAILURES; i++)
        circuit_report(&rig->engine->circuit, host, false);
    rig->vendor.requests = 0;
    struct run run = rig_start(rig, &rig->connection, true);
    assert_true(rig_step(rig));
    run = rig_look(rig, run.uuid);
    assert_state(run, RUN_WAITING);
    assert_int_equal(rig->vendor.requests, 0);
    assert_true(str_contains(run.wait_message, STR("left alone")));
    circuit_report(&rig->engine->circuit, host, true);
    rig_make_due(rig, &run);
    assert_true(rig_step(rig));
    run = rig_look(rig, run.uuid);
    assert_state(run, RUN_SUCCEEDED);
    assert_counts(run, 35, 0, 0, 0, 0);
}
