/*
 * The engine at work on its own threads: many runs, stops, takeovers, turns.
 */
#include "rig.h"

#include <unistd.h>

#define PATIENCE_MS 60000

static struct run
wait_for(struct rig *rig, int64_t tenant, struct str uuid)
{
    struct err err = {0};
    struct run run;
    assert_ok(engine_run_wait(rig->engine, &rig->arena, tenant, uuid, PATIENCE_MS, &run, &err), err);
    return run;
}

static void
test_many_connections_are_synced_at_once(void **state)
{
    struct rig *rig = *state;
    struct connection connections[6];
    struct run runs[6];
    struct connection_change apart = {.enabled = -1, .match = STR("none")};
    rig_fill(rig, 60);
    for (size_t i = 0; i < ARRAY_LEN(connections); i++)
        connections[i] = rig_connect_with(rig, "one of many", &apart);
    engine_start(rig->engine);
    for (size_t i = 0; i < ARRAY_LEN(connections); i++)
        runs[i] = rig_start(rig, &connections[i], false);
    for (size_t i = 0; i < ARRAY_LEN(connections); i++) {
        struct run run = wait_for(rig, rig->tenant, runs[i].uuid);
        assert_state(run, RUN_SUCCEEDED);
        assert_counts(run, 60, 0, 0, 0, 0);
    }
    assert_int_equal(rig_count(rig, "contacts", true), 360);
    struct engine_stats stats;
    engine_stats(rig->engine, &stats);
    for (int i = 0; i < PATIENCE_MS && stats.runs_succeeded < 6; i++) { /* a worker counts a run when its end is there to be read */
        usleep(1000);
        engine_stats(rig->engine, &stats);
    }
    assert_int_equal(stats.runs_succeeded, 6);
    assert_int_equal(stats.records_received, 360);
    engine_stop(rig->engine, PATIENCE_MS);
}

/* I-38 */
static void
test_a_stop_in_the_middle_leaves_the_run_for_the_next_process(void **state)
{
    struct rig *rig = *state;
    rig_fill(rig, 200);
    rig->vendor.hold_request = 12;
    engine_start(rig->engine);
    struct run run = rig_start(rig, &rig->connection, true);
    struct err err = {0};
    for (int i = 0; i < 1200 && rig_look(rig, run.uuid).counts.created < 50; i++)
        assert_ok(engine_run_wait(rig->engine, &rig->arena, rig->tenant, run.uuid, 50, &run, &err), err);
    engine_stop(rig->engine, 2000); /* the vendor never answers: it ends all the same */
    run = rig_look(rig, run.uuid);
    for (int i = 0; i < PATIENCE_MS && run.lease_node.len > 0; i++) { /* a worker that is late gives its run back later */
        usleep(1000);
        run = rig_look(rig, run.uuid);
    }
    assert_state(run, RUN_RUNNING);
    assert_int_equal(run.lease_node.len, 0);
    assert_int_equal(run.counts.created, (int64_t)rig_count(rig, "contacts", true));
    rig->vendor.hold_request = 0;
    rig_close(rig);
    rig_open(rig);
    engine_start(rig->engine);
    run = wait_for(rig, rig->tenant, run.uuid);
    assert_state(run, RUN_SUCCEEDED);
    assert_counts(run, 200, 0, 0, 0, 0);
    assert_int_equal(run.crashes, 0);
    assert_int_equal(rig->vendor.page_requests[0], 1);
    engine_stop(rig->engine, PATIENCE_MS);
}

/* I-24 */
static void
test_a_cancel_ends_a_request_that_is_on_its_way(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    rig_fill(rig, 100);
    rig->vendor.hold_request = 4;
    engine_start(rig->engine);
    struct run run = rig_start(rig, &rig->connection, true), asked;
    for (int i = 0; i < 1200 && rig_look(rig, run.uuid).counts.created < 20; i++)
        assert_ok(engine_run_wait(rig->engine, &rig->arena, rig->tenant, run.uuid, 50, &run, &err), err);
    assert_ok(engine_run_cancel(rig->engine, &rig->arena, rig->tenant, run.uuid, &asked, &err), err);
    run = wait_for(rig, rig->tenant, run.uuid);
    assert_state(run, RUN_CANCELLED); /* the vendor never answers that request */
    assert_int_equal(run.counts.created, (int64_t)rig_count(rig, "contacts", true));
    engine_stop(rig->engine, PATIENCE_MS);
}

struct other_tenant {
    struct rig *rig;
    struct tenant tenant;
};

static bool
make_tenant(struct db *db, void *ctx, struct err *err)
{
    struct other_tenant *o = ctx;
    o->tenant = (struct tenant){.key = STR("other"), .name = STR("Other")};
    return store_tenant_create(db, &o->rig->arena, &o->tenant, store_now(db), err);
}

/* I-18 */
static void
test_a_tenants_first_run_does_not_wait_behind_anothers_many(void **state)
{
    enum { MANY = 40 };
    struct rig *rig = *state;
    struct err err = {0};
    struct run many[MANY], run;
    struct connection_change apart = {.enabled = -1, .match = STR("none"), .provider = STR("desk"),
                                      .api_key = STR("a-long-secret-token")};
    struct other_tenant o = {.rig = rig};
    struct connection c;
    rig_fill(rig, 20);
    assert_ok(store_write(rig->store, make_tenant, &o, &err), err);
    for (int i = 0; i < MANY; i++) {
        c = rig_connect_with(rig, "one of many", &apart);
        many[i] = rig_start(rig, &c, false);
    }
    assert_ok(engine_connection_create(rig->engine, &rig->arena, o.tenant.id, &apart, false, &c, &err), err);
    struct run_request request = {.connection = c.uuid};
    assert_ok(engine_run_start(rig->engine, &rig->arena, o.tenant.id, &request, &run, &err), err);
    engine_start(rig->engine);
    run = wait_for(rig, o.tenant.id, run.uuid);
    assert_state(run, RUN_SUCCEEDED);
    int earlier = 0;
    for (int i = 0; i < MANY; i++) {
        struct run other = wait_for(rig, rig->tenant, many[i].uuid);
        assert_state(other, RUN_SUCCEEDED);
        earlier += other.started_us < run.started_us;
    }
    assert_true(earlier < MANY / 2);
    engine_stop(rig->engine, PATIENCE_MS);
}

/* I-15 */
static void
test_the_heart_stops_when_a_page_passes_its_deadline(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    rig_fill(rig, 1);
    rig_start(rig, &rig->connection, false);
    struct lease_keeper_options options = {rig->store, clock_system(), 1000, 5};
    struct lease_keeper *keeper = lease_keeper_new(&options, &err);
    assert_non_null(keeper);
    struct lease fine, hung;
    struct page_fence none = {.tenant = rig->tenant, .run = 999999, .epoch = 1};
    lease_begin(keeper, &hung, &none, 0);
    for (int i = 0; i < 12000 && !lease_is_stopped(&hung); i++)
        (void)engine_sleep(rig->engine, 5);
    assert_true(atomic_load(&hung.lost));
    lease_end(keeper, &hung);
    /* A run that another worker took is told so by its next heartbeat. */
    lease_begin(keeper, &fine, &none, 60000);
    for (int i = 0; i < 12000 && !lease_is_stopped(&fine); i++)
        (void)engine_sleep(rig->engine, 5);
    assert_true(atomic_load(&fine.lost));
    lease_end(keeper, &fine);
    lease_keeper_free(keeper);
}
