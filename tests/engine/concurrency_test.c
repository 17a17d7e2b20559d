/*
 * options.concurrency: requests in flight, and the same content, marks and counts as one after the other.
 */
#include "rig.h"

static struct sender plain;
static int in_flight, most_in_flight;

static void *
start(void *ctx, const struct http_request *request, struct err *err)
{
    void *call = plain.start(ctx, request, err);
    in_flight += call != NULL;
    most_in_flight = in_flight > most_in_flight ? in_flight : most_in_flight;
    return call;
}

static void
drop(void *call)
{
    in_flight -= call != NULL;
    plain.free(call);
}

static int
setup(void **state)
{
    struct rig *rig = rig_new();
    plain = rig->sender;
    in_flight = most_in_flight = 0;
    rig->engine->sender = (struct sender){start, plain.wait, plain.cancel, drop, plain.ctx};
    *state = rig;
    return 0;
}

struct order {
    struct rig *rig;
    const char *options;
    struct run run;
};

static bool
create(struct db *db, void *ctx, struct err *err)
{
    struct order *o = ctx;
    struct run_new ask = {.tenant = o->rig->tenant, .connection = o->rig->connection.id, .full = true, .entity = STR("contacts"),
                          .direction = STR_NONE, .trigger = STR("api"), .priority = PRIORITY_NORMAL,
                          .options = str_from_c(o->options)};
    return store_run_create(db, &o->rig->arena, &ask, store_now(db), &o->run, err);
}

static struct run
run_with(struct rig *rig, const char *options)
{
    struct order o = {rig, options, {0}};
    struct err err = {0};
    assert_ok(store_write(rig->store, create, &o, &err), err);
    while (rig_step(rig))
        ;
    return rig_look(rig, o.run.uuid);
}

static void
assert_each_page_once(struct rig *rig, int64_t pages)
{
    for (int64_t page = 0; page < pages; page++)
        if (rig->vendor.page_requests[page] != 1)
            fail_msg("page %d was asked for %d times", (int)page, (int)rig->vendor.page_requests[page]);
    assert_int_equal(rig->vendor.page_requests[pages], 0);
}

static void
test_pages_are_fetched_side_by_side_and_stored_in_order(void **state)
{
    struct rig *rig = *state;
    rig->vendor.page_size = 10;
    rig_fill(rig, 195);
    struct run run = run_with(rig, "{\"concurrency\":6}");
    assert_state(run, RUN_SUCCEEDED);
    assert_int_equal(run.verdict, VERDICT_COMPLETE);
    assert_counts(run, 195, 0, 0, 0, 0);
    assert_int_equal(most_in_flight, 6);
    assert_each_page_once(rig, 20);
    assert_int_equal(in_flight, 0);
}

static void
test_without_the_option_one_request_goes_after_the_other(void **state)
{
    struct rig *rig = *state;
    rig->vendor.page_size = 10;
    rig_fill(rig, 100);
    assert_state(run_with(rig, "{}"), RUN_SUCCEEDED);
    assert_int_equal(most_in_flight, 1);
    assert_each_page_once(rig, 10);
}

static void
test_nothing_is_guessed_beyond_the_total_that_was_told(void **state)
{
    struct rig *rig = *state;
    rig->vendor.page_size = 10;
    rig->vendor.declared_extra = -100;
    rig_fill(rig, 100);
    run_with(rig, "{\"concurrency\":8}");
    assert_int_equal(most_in_flight, 1);
}

/* The failed page is asked for again, and so is what was on its way behind it: never partly applied, nothing twice. */
static void
test_a_page_that_fails_among_many_loses_nothing(void **state)
{
    struct rig *rig = *state;
    rig->vendor.page_size = 10;
    rig->vendor.fault = RIG_STATUS;
    rig->vendor.fault_status = 500;
    rig->vendor.fault_from = 8;
    rig->vendor.fault_count = 1;
    rig_fill(rig, 195);
    struct run run = run_with(rig, "{\"concurrency\":5}");
    for (int i = 0; i < 10 && run.state == RUN_WAITING; i++) {
        rig_make_due(rig, &run);
        while (rig_step(rig))
            ;
        run = rig_look(rig, run.uuid);
    }
    assert_state(run, RUN_SUCCEEDED);
    assert_counts(run, 195, 0, 0, 0, 0);
    assert_int_equal(in_flight, 0);
    assert_int_equal(rig_count(rig, "contacts", true), 195);
}

/* ---- retries ---- */

#define HANDLER "type: DefaultErrorHandler\n"

/* A template's own max_retries counts the tries of a run that parks between them, too. */
static void
test_the_templates_max_retries_holds_over_parks(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    char *yaml = calloc(1, 1 << 16), *with = calloc(1, 1 << 16);
    FILE *f = fopen(ENGINE_TESTS "/desk.yaml", "r");
    assert_non_null(f);
    size_t len = fread(yaml, 1, (1 << 16) - 200, f);
    fclose(f);
    char *at = strstr(yaml, HANDLER);
    assert_non_null(at);
    at += strlen(HANDLER);
    snprintf(with, 1 << 16, "%.*s      max_retries: 2\n%.*s", (int)(at - yaml), yaml, (int)(len - (size_t)(at - yaml)), at);
    if (!registry_put(rig->templates, STR("desk"), str_from_c(with), &err))
        fail_msg("%s", err.message);
    free(yaml);
    free(with);
    rig->vendor.fault = RIG_STATUS;
    rig->vendor.fault_status = 503;
    rig->vendor.fault_retry_after = "30";
    rig->vendor.fault_from = 1;
    rig->vendor.fault_count = 100;
    rig_fill(rig, 5);
    struct run run = run_with(rig, "{}");
    int parks = 0;
    for (; parks < 10 && run.state == RUN_WAITING; parks++) {
        rig_make_due(rig, &run);
        while (rig_step(rig))
            ;
        run = rig_look(rig, run.uuid);
    }
    assert_state(run, RUN_FAILED);
    assert_int_equal(parks, 2);
    assert_int_equal(rig->vendor.requests, 3);
}
