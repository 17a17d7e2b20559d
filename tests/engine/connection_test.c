/*
 * Connections: made, shown, changed, deleted; credentials sealed, refreshed once.
 */
#include "rig.h"

#include "engine/ends.h"

static struct connection_change
no_change(void)
{
    return (struct connection_change){.enabled = -1, .pointer_prefix = STR("/credentials")};
}

static bool
change(struct rig *rig, const struct connection_change *what, struct err *err)
{
    return engine_connection_change(rig->engine, &rig->arena, rig->tenant, rig->connection.uuid, what, false,
                                    &rig->connection, err);
}

/* I-30 */
static void
test_a_credential_is_sealed_whole_and_shown_masked(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    assert_false(str_contains(rig->connection.config, STR("a-long-secret-token")));
    assert_false(str_contains(rig->connection.config, STR("desk.example.com")));
    yyjson_val *shown = engine_connection_config(rig->engine, &rig->arena, &rig->connection, &err);
    assert_non_null(shown);
    assert_str(json_str(json_get_c(shown, "token")), "\xe2\x80\xa2\xe2\x80\xa2\xe2\x80\xa2\xe2\x80\xa2oken");
}

static void
test_a_sealed_credential_opens_for_its_own_connection_only(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    struct connection other = rig_connect(rig, "second");
    struct connection moved = other;
    moved.config = rig->connection.config;
    assert_null(engine_connection_config(rig->engine, &rig->arena, &moved, &err));
    assert_int_equal(err.code, E_CRYPT);
}

/* D3-D5: absent keeps, null removes, the masked echo keeps. */
static void
test_a_merge_patch_keeps_what_was_echoed(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    struct connection_change what = no_change();
    what.config = rig_json(rig, "{\"token\":\"\xe2\x80\xa2\xe2\x80\xa2\xe2\x80\xa2\xe2\x80\xa2oken\",\"note\":\"x\"}");
    assert_ok(change(rig, &what, &err), err);
    yyjson_val *shown = engine_connection_config(rig->engine, &rig->arena, &rig->connection, &err);
    assert_str(json_str(json_get_c(shown, "note")), "x");
    assert_str(json_str(json_get_c(shown, "token")), "\xe2\x80\xa2\xe2\x80\xa2\xe2\x80\xa2\xe2\x80\xa2oken");
    what.config = rig_json(rig, "{\"note\":null}");
    assert_ok(change(rig, &what, &err), err);
    shown = engine_connection_config(rig->engine, &rig->arena, &rig->connection, &err);
    assert_null(json_get_c(shown, "note"));
    rig_fill(rig, 2);
    assert_state(rig_run(rig, false), RUN_SUCCEEDED);
}

/* D27 */
static void
test_another_address_needs_the_credential_again(void **state)
{
    struct rig *rig = *state;
    struct err_item items[ERR_ITEMS_MAX];
    struct err err = {.items = items};
    struct connection_change what = no_change();
    what.config = rig_json(rig, "{\"baseUrl\":\"https://evil.example.net\"}");
    assert_fails_with(change(rig, &what, &err), err, E_VALIDATION_FAILED);
    assert_string_equal(items[0].pointer, "/credentials/baseUrl");
    what.config = rig_json(rig, "{\"baseUrl\":\"https://evil.example.net\",\"token\":\"\xe2\x80\xa2\xe2\x80\xa2\xe2\x80\xa2\xe2\x80\xa2oken\"}");
    assert_fails_with(change(rig, &what, &err), err, E_VALIDATION_FAILED);
    what.config = rig_json(rig, "{\"baseUrl\":\"https://new.example.net\",\"token\":\"another-secret\"}");
    assert_ok(change(rig, &what, &err), err);
}

static void
test_words_that_mean_nothing_are_refused_by_name(void **state)
{
    struct rig *rig = *state;
    struct err_item items[ERR_ITEMS_MAX];
    struct err err = {.items = items};
    struct connection_change what = no_change();
    what.direction = STR("sideways");
    assert_fails_with(change(rig, &what, &err), err, E_VALIDATION_FAILED);
    assert_string_equal(items[0].pointer, "/direction");
    what = no_change();
    what.streams = rig_json(rig, "[\"contacts\",\"nothing\"]");
    assert_fails_with(change(rig, &what, &err), err, E_VALIDATION_FAILED);
    what = no_change();
    what.schedule = rig_json(rig, "{\"every\":\"soon\"}");
    assert_fails_with(change(rig, &what, &err), err, E_VALIDATION_FAILED);
    what = no_change();
    what.conflict_policy = STR("coin");
    assert_fails_with(change(rig, &what, &err), err, E_VALIDATION_FAILED);
}

static void
test_a_refused_credential_stores_nothing(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    struct connection c;
    rig->vendor.fault = RIG_STATUS;
    rig->vendor.fault_status = 401;
    rig->vendor.fault_body = "{\"message\":\"bad token a-long-secret-token\"}";
    rig->vendor.fault_from = 1;
    rig->vendor.fault_count = 1000;
    struct connection_change what = no_change();
    what.provider = STR("desk");
    what.api_key = STR("a-long-secret-token");
    assert_fails_with(engine_connection_create(rig->engine, &rig->arena, rig->tenant, &what, true, &c, &err), err,
                      E_INVALID_CREDENTIALS);
    assert_non_null(strstr(err.message, "Connection test failed: "));
    assert_null(strstr(err.message, "a-long-secret-token"));
}

static void
test_a_vendor_that_is_not_reached_leaves_the_connection_pending(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    struct connection c;
    rig->vendor.fault = RIG_NETWORK;
    rig->vendor.fault_from = 1;
    rig->vendor.fault_count = 1000;
    struct connection_change what = no_change();
    what.provider = STR("desk");
    what.api_key = STR("a-long-secret-token");
    assert_ok(engine_connection_create(rig->engine, &rig->arena, rig->tenant, &what, true, &c, &err), err);
    assert_int_equal(c.status, CONNECTION_PENDING);
    assert_true(c.reconnect_us > 0);
}

static void
test_a_platform_nobody_knows_is_refused_with_the_ones_there_are(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    struct connection c;
    struct connection_change what = no_change();
    what.provider = STR("nowhere");
    assert_fails_with(engine_connection_create(rig->engine, &rig->arena, rig->tenant, &what, true, &c, &err), err,
                      E_PLATFORM_NOT_SUPPORTED);
    assert_non_null(strstr(err.message, "desk"));
}

/* I-32 */
static void
test_another_tenants_connection_does_not_exist(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    struct run run;
    struct connection c;
    struct run_request request = {.connection = rig->connection.uuid};
    assert_fails_with(engine_run_start(rig->engine, &rig->arena, rig->tenant + 1, &request, &run, &err), err,
                      E_CONNECTION_NOT_FOUND);
    assert_fails_with(engine_connection_delete(rig->engine, rig->tenant + 1, rig->connection.uuid, false, &err), err,
                      E_CONNECTION_NOT_FOUND);
    struct connection_change what = no_change();
    what.name = STR("mine now");
    assert_fails_with(engine_connection_change(rig->engine, &rig->arena, rig->tenant + 1, rig->connection.uuid, &what, false,
                                               &c, &err), err, E_CONNECTION_NOT_FOUND);
}

static void
test_a_provider_with_two_connections_is_ambiguous(void **state)
{
    struct rig *rig = *state;
    struct err_item items[ERR_ITEMS_MAX];
    struct err err = {.items = items};
    struct run run;
    struct run_request request = {.provider = STR("desk")};
    assert_ok(engine_run_start(rig->engine, &rig->arena, rig->tenant, &request, &run, &err), err);
    rig_connect(rig, "second");
    assert_fails_with(engine_run_start(rig->engine, &rig->arena, rig->tenant, &request, &run, &err), err, E_CONNECTION_AMBIGUOUS);
    assert_int_equal(err.item_count, 2);
}

static void
test_deleting_keeps_the_data_and_purging_takes_it(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    rig_fill(rig, 5);
    rig_run(rig, false);
    struct connection_change apart = no_change();
    apart.match = STR("none");
    struct connection second = rig_connect_with(rig, "second", &apart);
    rig_run_of(rig, &second, false);
    assert_int_equal(rig_count(rig, "contacts", true), 10);
    assert_ok(engine_connection_delete(rig->engine, rig->tenant, rig->connection.uuid, false, &err), err);
    assert_int_equal(rig_count(rig, "contacts", true), 10);
    assert_ok(engine_connection_delete(rig->engine, rig->tenant, second.uuid, true, &err), err);
    assert_int_equal(rig_count(rig, "contacts", true), 5);
}

/* ---- schedules ---- */

static bool
make_all_due(struct db *db, void *ctx, struct err *err)
{
    (void)ctx;
    return db_script(db, "UPDATE connections SET next_run_at = 1000000, next_full_at = NULL", err);
}

/* I-26, I-27 */
static void
test_a_schedule_fires_once_and_catches_up_once(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    int64_t fired = 0;
    rig_fill(rig, 3);
    assert_ok(engine_schedule_round(rig->engine, &fired, &err), err);
    assert_int_equal(fired, 0); /* the first firing comes one interval after creation */
    assert_ok(store_write(rig->store, make_all_due, NULL, &err), err);
    assert_ok(engine_schedule_round(rig->engine, &fired, &err), err);
    assert_int_equal(fired, 1);
    assert_ok(engine_schedule_round(rig->engine, &fired, &err), err);
    assert_int_equal(fired, 0);
    while (rig_step(rig))
        ;
    assert_int_equal(rig_count(rig, "contacts", true), 3);
}

static void
reschedule(struct rig *rig, const char *schedule, struct connection *connection_out)
{
    struct err err = {0};
    struct connection_change change = no_change();
    change.schedule = json_parse(&rig->arena, str_from_c(schedule), JSON_PLAIN, 4, &err);
    assert_ok(engine_connection_change(rig->engine, &rig->arena, rig->tenant, rig->connection.uuid, &change, false, connection_out, &err), err);
}

/* A due time of the calendar that was missed. */
static bool
make_missed(struct db *db, void *ctx, struct err *err)
{
    const int64_t *ago_us = ctx;
    char sql[128];
    snprintf(sql, sizeof(sql), "UPDATE connections SET next_run_at = %lld, next_full_at = NULL", (long long)(store_now(db) - *ago_us));
    return db_script(db, sql, err);
}

/* I-26, I-27: a connection by the calendar, about half a day ahead so that its time does not come while this runs. */
static void
test_a_schedule_by_the_calendar_fires_and_is_caught_up_for_a_day(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    struct connection c;
    int64_t fired = 0, hour_us = US_PER_HOUR, days_us = 3 * US_PER_DAY;
    char schedule[96];
    int hour = (int)((clock_wall_us(clock_system()) / US_PER_HOUR + 12) % 24);
    snprintf(schedule, sizeof(schedule), "{\"repeat\":\"daily\",\"time\":\"%02d:30\",\"timezone\":\"America/Bahia\"}", (hour + 21) % 24);
    reschedule(rig, schedule, &c);
    assert_int_equal(c.next_run_us % US_PER_DAY, hour * US_PER_HOUR + 30 * US_PER_MINUTE); /* UTC-3, without summer time */
    int64_t first_us = c.next_run_us;
    assert_ok(engine_schedule_round(rig->engine, &fired, &err), err);
    assert_int_equal(fired, 0); /* editing fires nothing */
    assert_ok(store_write(rig->store, make_missed, &days_us, &err), err);
    assert_ok(engine_schedule_round(rig->engine, &fired, &err), err);
    assert_int_equal(fired, 0); /* missed too long ago */
    assert_ok(engine_connection_find(rig->engine, &rig->arena, rig->tenant, rig->connection.uuid, &c, &err), err);
    assert_int_equal(c.next_run_us, first_us);
    assert_ok(store_write(rig->store, make_missed, &hour_us, &err), err);
    assert_ok(engine_schedule_round(rig->engine, &fired, &err), err);
    assert_int_equal(fired, 1);
    assert_ok(engine_connection_find(rig->engine, &rig->arena, rig->tenant, rig->connection.uuid, &c, &err), err);
    assert_int_equal(c.next_run_us, first_us);
    while (rig_step(rig))
        ;
}

static void
test_a_schedule_takes_no_member_that_it_does_not_know(void **state)
{
    static const struct {
        const char *schedule, *place;
    } rows[] = {{"{\"evry\":\"15m\"}", "/schedule/evry"}, {"{\"every\":15}", "/schedule/every"}, {"{\"fullEvery\":\"1s\"}", "/schedule/fullEvery"},
                {"{\"every\":\"1h\",\"repeat\":\"daily\"}", "/schedule/every"}, {"{\"time\":\"06:30\"}", "/schedule/time"},
                {"{\"repeat\":\"daily\",\"timezone\":\"Mars\"}", "/schedule/timezone"}, {"{\"repeat\":\"0 0 30 2 *\"}", "/schedule/repeat"}};
    struct rig *rig = *state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err_item items[ERR_ITEMS_MAX];
        struct err err = {.items = items};
        struct connection c;
        struct connection_change change = no_change();
        change.schedule = json_parse(&rig->arena, str_from_c(rows[i].schedule), JSON_PLAIN, 4, &err);
        assert_false(engine_connection_change(rig->engine, &rig->arena, rig->tenant, rig->connection.uuid, &change, false, &c, &err));
        assert_int_equal(err.code, E_VALIDATION_FAILED);
        assert_string_equal(items[0].pointer, rows[i].place);
    }
}

static void
test_a_firing_that_finds_its_connection_busy_waits(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    int64_t fired = 0;
    struct run busy = rig_start(rig, &rig->connection, false);
    assert_ok(store_write(rig->store, make_all_due, NULL, &err), err);
    assert_ok(engine_schedule_round(rig->engine, &fired, &err), err);
    assert_int_equal(fired, 0);
    while (rig_step(rig))
        ;
    assert_state(rig_look(rig, busy.uuid), RUN_SUCCEEDED);
    assert_ok(store_write(rig->store, make_all_due, NULL, &err), err);
    assert_ok(engine_schedule_round(rig->engine, &fired, &err), err);
    assert_int_equal(fired, 1);
}

static bool
make_reconnect_due(struct db *db, void *ctx, struct err *err)
{
    (void)ctx;
    return db_script(db, "UPDATE connections SET reconnect_at = 1000000 WHERE reconnect_at IS NOT NULL", err);
}

static void
test_a_broken_connection_is_tested_again_and_comes_back(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    struct connection c;
    int64_t tested = 0;
    rig->vendor.fault = RIG_STATUS;
    rig->vendor.fault_status = 401;
    rig->vendor.fault_from = 1;
    rig->vendor.fault_count = 1000;
    assert_fails_with(engine_connection_test(rig->engine, &rig->arena, rig->tenant, rig->connection.uuid, &c, &err), err,
                      E_INVALID_CREDENTIALS);
    assert_int_equal(c.status, CONNECTION_ERROR);
    assert_ok(engine_reconnect_round(rig->engine, &tested, &err), err);
    assert_int_equal(tested, 0);
    for (int i = 2; i <= 5; i++) {
        assert_ok(store_write(rig->store, make_reconnect_due, NULL, &err), err);
        assert_ok(engine_reconnect_round(rig->engine, &tested, &err), err);
        assert_int_equal(tested, 1);
    }
    rig->vendor.fault = RIG_FINE;
    assert_ok(store_write(rig->store, make_reconnect_due, NULL, &err), err);
    assert_ok(engine_reconnect_round(rig->engine, &tested, &err), err);
    assert_int_equal(tested, 1);
    assert_ok(engine_connection_test(rig->engine, &rig->arena, rig->tenant, rig->connection.uuid, &c, &err), err);
    assert_int_equal(c.status, CONNECTION_ACTIVE);
    assert_int_equal(c.failures, 0);
}

/* Somebody gives another credential while the vendor is still looking at the one before. */
static void
give_another_credential(void *ctx, int64_t number, struct str url)
{
    struct rig *rig = ctx;
    struct err err = {0};
    struct connection_change what = no_change();
    (void)url;
    if (number > 1)
        return;
    what.config = rig_json(rig, "{\"token\":\"another-long-token\"}");
    assert_ok(change(rig, &what, &err), err);
}

/* What an old credential was refused for is no fault of the one that stands there now. */
static void
test_a_refusal_of_the_credential_before_says_nothing(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    struct connection c;
    rig->vendor.fault = RIG_STATUS, rig->vendor.fault_status = 401, rig->vendor.fault_from = 1, rig->vendor.fault_count = 1;
    rig->vendor.on_request = give_another_credential, rig->vendor.on_request_ctx = rig;
    assert_fails_with(engine_connection_test(rig->engine, &rig->arena, rig->tenant, rig->connection.uuid, &c, &err), err,
                      E_INVALID_CREDENTIALS);
    assert_int_equal(c.status, CONNECTION_PENDING);
    assert_int_equal(c.failures, 0);
    rig->vendor.requests = 0;
    assert_state(rig_run(rig, false), RUN_FAILED);
    assert_events(rig, "run.failed", rig->connection.id, 1);
    assert_events(rig, "connection.status_changed", rig->connection.id, 0);
    rig_fill(rig, 1);
    assert_state(rig_run(rig, false), RUN_SUCCEEDED);
}

/* Tests n times in the background. */
static void
reconnect_times(struct rig *rig, int n)
{
    struct err err = {0};
    int64_t tested = 0;
    for (int i = 0; i < n; i++) {
        assert_ok(store_write(rig->store, make_reconnect_due, NULL, &err), err);
        assert_ok(engine_reconnect_round(rig->engine, &tested, &err), err);
        assert_int_equal(tested, 1);
    }
}

/* Contract, section 1: after five failures in a row one alert, and the connection shows it until it works again. */
static void
test_a_row_of_failures_raises_one_alert(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    struct connection c;
    rig->vendor.fault = RIG_STATUS, rig->vendor.fault_status = 503, rig->vendor.fault_from = 1, rig->vendor.fault_count = 100000;
    for (int row = 1; row <= 2; row++) {
        assert_false(engine_connection_test(rig->engine, &rig->arena, rig->tenant, rig->connection.uuid, &c, &err));
        assert_false(c.alerted);
        reconnect_times(rig, 3);
        assert_events(rig, "alert.raised", rig->connection.id, row - 1);
        reconnect_times(rig, 1);
        assert_events(rig, "alert.raised", rig->connection.id, row);
        reconnect_times(rig, 4);
        assert_events(rig, "alert.raised", rig->connection.id, row);
        rig->vendor.fault = RIG_FINE;
        err = (struct err){0};
        reconnect_times(rig, 1);
        assert_events(rig, "alert.raised", rig->connection.id, row);
        assert_ok(engine_connection_test(rig->engine, &rig->arena, rig->tenant, rig->connection.uuid, &c, &err), err);
        assert_int_equal(c.status, CONNECTION_ACTIVE);
        assert_false(c.alerted);
        rig->vendor.fault = RIG_STATUS;
    }
}

/* A start has compiled none; the page's first request must not compile those that nobody speaks. */
static void
test_warnings_look_at_the_templates_that_are_spoken_alone(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    struct ends_warning *rows;
    struct str *names;
    size_t count, loaded = 0;
    assert_ok(engine_ends_warnings(rig->engine, &rig->arena, rig->tenant, 10, &rows, &count, &err), err);
    assert_int_equal(count, 0);
    size_t name_count = registry_names(rig->templates, &rig->arena, &names);
    assert_true(name_count > 1);
    for (size_t i = 0; i < name_count; i++) {
        struct template *t = registry_loaded(rig->templates, names[i]);
        loaded += t != NULL;
        template_unref(t);
    }
    assert_int_equal(loaded, 1);
}
