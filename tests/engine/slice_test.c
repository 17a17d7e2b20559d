/*
 * A worker does a run for a slice of time (I-18): a run that is long gives its worker back between two pages when
 * somebody waits for one, and goes on later where it was.
 */
#include "rig.h"

#define SLICE_US (WORK_SLICE_US + US_PER_S)

/* The engine's clock, which jumps by a slice before some request. */
static struct clock_manual manual;
static int64_t jump_at;

static int64_t
wall(void *ctx)
{
    (void)ctx;
    return clock_wall_us(clock_system());
}

static void
on_request(void *ctx, int64_t number, struct str url)
{
    (void)ctx;
    (void)url;
    if (number == jump_at)
        clock_manual_advance(&manual, SLICE_US);
}

static int
setup(void **state)
{
    struct rig *rig = rig_new();
    rig->workers = 1; /* the test's thread: nobody is idle */
    rig_restart(rig);
    clock_manual_init(&manual, clock_wall_us(clock_system()));
    manual.clock.wall_us = wall;
    rig->engine->options.clock = &manual.clock;
    rig->vendor.on_request = on_request;
    rig->vendor.page_size = 10;
    jump_at = 0;
    rig_fill(rig, 100);
    *state = rig;
    return 0;
}

struct other {
    struct rig *rig;
    struct tenant tenant;
    struct run run;
};

static bool
make_tenant(struct db *db, void *ctx, struct err *err)
{
    struct other *o = ctx;
    o->tenant = (struct tenant){.key = STR("other"), .name = STR("Other")};
    return store_tenant_create(db, &o->rig->arena, &o->tenant, store_now(db), err);
}

/* Another tenant with a run that waits. */
static struct other
other_waits(struct rig *rig)
{
    struct other o = {.rig = rig};
    struct err err = {0};
    struct connection c;
    struct connection_change ask = {.enabled = -1, .match = STR("none"), .provider = STR("desk"), .api_key = STR("a-long-secret-token")};
    assert_ok(store_write(rig->store, make_tenant, &o, &err), err);
    assert_ok(engine_connection_create(rig->engine, &rig->arena, o.tenant.id, &ask, false, &c, &err), err);
    struct run_request request = {.connection = c.uuid};
    assert_ok(engine_run_start(rig->engine, &rig->arena, o.tenant.id, &request, &o.run, &err), err);
    return o;
}

static struct run
look(struct rig *rig, int64_t tenant, struct str uuid)
{
    struct err err = {0};
    struct run run;
    assert_ok(engine_run_wait(rig->engine, &rig->arena, tenant, uuid, 0, &run, &err), err);
    return run;
}

/* The next one, whosever it is. */
static bool
step_any(struct rig *rig)
{
    struct err err = {0};
    bool ran = false;
    assert_ok(engine_run_here(rig->engine, 0, STR_NONE, &ran, &err), err);
    return ran;
}

/* I-18 */
static void
test_a_run_gives_its_worker_to_another_tenants_after_its_slice(void **state)
{
    struct rig *rig = *state;
    struct run run = rig_start(rig, &rig->connection, true);
    struct other o = other_waits(rig);
    jump_at = 4;
    assert_true(rig_step(rig)); /* the worker has the long one first */
    run = rig_look(rig, run.uuid);
    assert_false(run_state_is_terminal(run.state));
    assert_true(run.counts.records_read > 0 && run.counts.records_read < 100);
    int64_t read = run.counts.records_read;
    jump_at = 0;
    assert_true(step_any(rig));
    assert_state(look(rig, o.tenant.id, o.run.uuid), RUN_SUCCEEDED);
    assert_int_equal(rig_look(rig, run.uuid).counts.records_read, read);
    while (step_any(rig))
        ;
    run = rig_look(rig, run.uuid);
    assert_state(run, RUN_SUCCEEDED);
    assert_int_equal(run.verdict, VERDICT_COMPLETE);
    assert_counts(run, 100, 0, 0, 0, 0);
}

static void
test_a_run_that_nobody_waits_behind_goes_on_past_its_slice(void **state)
{
    struct rig *rig = *state;
    struct run run = rig_start(rig, &rig->connection, true);
    jump_at = 4;
    assert_true(rig_step(rig));
    assert_state(rig_look(rig, run.uuid), RUN_SUCCEEDED);
}

static void
test_within_its_slice_a_run_keeps_its_worker(void **state)
{
    struct rig *rig = *state;
    struct run run = rig_start(rig, &rig->connection, true);
    struct other o = other_waits(rig);
    assert_true(rig_step(rig));
    assert_state(rig_look(rig, run.uuid), RUN_SUCCEEDED);
    assert_false(run_state_is_terminal(look(rig, o.tenant.id, o.run.uuid).state));
}
