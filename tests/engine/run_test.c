/*
 * Whole runs: create, skip, update, reject, tombstones, incremental, parents, verdicts.
 */
#include "rig.h"

static void
test_a_first_run_creates_every_record(void **state)
{
    struct rig *rig = *state;
    rig_fill(rig, 35);
    rig->vendor.orders[0] = (struct rig_order){1, 7, "12345678901234567890.10"};
    rig->vendor.orders[1] = (struct rig_order){2, 999, "5"};
    rig->vendor.order_count = 2;
    struct run run = rig_run(rig, false);
    assert_state(run, RUN_SUCCEEDED);
    assert_int_equal(run.verdict, VERDICT_COMPLETE);
    assert_counts(run, 37, 0, 0, 0, 0);
    assert_int_equal(rig_count(rig, "contacts", true), 35);
    assert_str(rig_data(rig, &rig->connection, "contacts", 7),
               "{\"customFields\":{\"desk_id\":\"7\"},\"email\":\"person7@example.com\",\"name\":\"Person 7\",\"phone\":null}");
    /* Money keeps its text (I-10); a parent is found in the same connection. */
    assert_str(rig_data(rig, &rig->connection, "orders", 1), "{\"contactId\":\"7\",\"total\":\"12345678901234567890.10\"}");
    assert_true(str_contains(rig_content(rig, "orders"), STR("parent=1 orders/1")));
    assert_true(str_contains(rig_content(rig, "orders"), STR("parent=0 orders/2")));
}

static void
test_an_unchanged_rerun_skips_everything(void **state)
{
    struct rig *rig = *state;
    rig_fill(rig, 35);
    rig_run(rig, false);
    struct str before = rig_content(rig, "contacts");
    struct run again = rig_run(rig, true);
    assert_state(again, RUN_SUCCEEDED);
    assert_counts(again, 0, 0, 35, 0, 0);
    assert_true(str_eq(before, rig_content(rig, "contacts")));
}

/* I-6: the incremental filter reaches back by the overlap, and the fingerprint hides what is read twice. */
static void
test_an_incremental_run_reads_what_changed(void **state)
{
    struct rig *rig = *state;
    rig_fill(rig, 200);
    rig_run(rig, false);
    struct rig_contact *changed = rig_contact(rig, 3);
    changed->updated_s = 1700009999;
    snprintf(changed->name, sizeof(changed->name), "Renamed");
    struct run run = rig_run(rig, false);
    assert_state(run, RUN_SUCCEEDED);
    assert_int_equal(run.counts.updated, 1);
    assert_true(run.counts.skipped < 100);
    assert_true(str_contains(rig_data(rig, &rig->connection, "contacts", 3), STR("Renamed")));
}

static void
test_a_parent_that_comes_later_is_found_by_the_next_run(void **state)
{
    struct rig *rig = *state;
    rig_fill(rig, 5);
    rig->vendor.orders[0] = (struct rig_order){1, 6, "1"};
    rig->vendor.order_count = 1;
    rig_run(rig, false);
    assert_true(str_contains(rig_content(rig, "orders"), STR("parent=0")));
    struct run same = rig_run(rig, true);
    assert_counts(same, 0, 0, 6, 0, 0);
    rig_fill(rig, 1);
    struct run run = rig_run(rig, true);
    assert_counts(run, 1, 1, 5, 0, 0);
    assert_true(str_contains(rig_content(rig, "orders"), STR("parent=1")));
}

static void
test_a_record_without_identity_is_rejected_and_kept(void **state)
{
    struct rig *rig = *state;
    rig_fill(rig, 12);
    rig_contact(rig, 4)->email[0] = '\0';
    struct run run = rig_run(rig, false);
    assert_state(run, RUN_SUCCEEDED);
    assert_int_equal(run.verdict, VERDICT_PARTIAL);
    assert_counts(run, 11, 0, 0, 0, 1);
    assert_int_equal(rig_rejected(rig), 1);
    /* Put right at the source, it leaves the list. */
    snprintf(rig_contact(rig, 4)->email, 64, "four@example.com");
    run = rig_run(rig, true);
    assert_counts(run, 1, 0, 11, 0, 0);
    assert_int_equal(rig_rejected(rig), 0);
}

static void
test_a_replay_maps_rejected_records_again(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    struct replay_counts counts;
    rig_fill(rig, 3);
    rig_contact(rig, 2)->email[0] = '\0';
    rig_run(rig, false);
    assert_ok(engine_rejected_replay(rig->engine, rig->tenant, rig->connection.uuid, STR_NONE, &counts, &err), err);
    assert_int_equal(counts.tried, 1);
    assert_int_equal(counts.rejected, 1);
    yyjson_val *mapping = json_parse(&rig->arena, STR("{\"contacts\":{\"email\":\"{{ record['email'] or "
                                         "record['name']|replace(' ','')|lower + '@example.net' }}\"}}"),
                                     JSON_PLAIN, 8, &err);
    struct connection_change change = {.enabled = -1, .mapping = mapping};
    assert_ok(engine_connection_change(rig->engine, &rig->arena, rig->tenant, rig->connection.uuid, &change, false,
                                       &rig->connection, &err), err);
    assert_ok(engine_rejected_replay(rig->engine, rig->tenant, rig->connection.uuid, STR_NONE, &counts, &err), err);
    if (counts.accepted == 1)
        assert_int_equal(rig_rejected(rig), 0);
}

static void
test_a_tombstone_marks_the_record_deleted_and_a_return_brings_it_back(void **state)
{
    struct rig *rig = *state;
    rig_fill(rig, 3);
    rig_run(rig, false);
    rig_contact(rig, 2)->tombstone = true;
    rig_contact(rig, 2)->updated_s = 1700001000;
    struct run run = rig_run(rig, true);
    assert_counts(run, 0, 0, 2, 1, 0);
    assert_int_equal(rig_count(rig, "contacts", false), 2);
    assert_int_equal(rig_count(rig, "contacts", true), 3);
    rig_contact(rig, 2)->tombstone = false;
    rig_contact(rig, 2)->updated_s = 1700002000;
    run = rig_run(rig, true);
    assert_counts(run, 0, 1, 2, 0, 0);
    assert_int_equal(rig_count(rig, "contacts", false), 3);
}

/* I-22 */
static void
test_an_older_observation_loses(void **state)
{
    struct rig *rig = *state;
    rig_fill(rig, 2);
    rig_contact(rig, 1)->updated_s = 1700005000;
    rig_run(rig, false);
    snprintf(rig_contact(rig, 1)->name, 48, "Old news");
    rig_contact(rig, 1)->updated_s = 1700004000;
    struct run run = rig_run(rig, true);
    assert_counts(run, 0, 0, 2, 0, 0);
    assert_false(str_contains(rig_data(rig, &rig->connection, "contacts", 1), STR("Old news")));
}

/* I-7: a contact pushed in front shifts the pages: the one at the border is read twice and stored once. */
static void
test_shifting_pages_lose_nothing_and_double_nothing(void **state)
{
    struct rig *rig = *state;
    rig_fill(rig, 35);
    rig->vendor.insert_after_request = 2;
    struct run run = rig_run(rig, true);
    assert_state(run, RUN_SUCCEEDED);
    assert_int_equal(run.counts.created, 35);
    assert_int_equal(run.counts.skipped, 1);
    assert_int_equal(rig_count(rig, "contacts", true), 35);
}

static void
test_the_same_id_twice_on_a_page_is_one_record(void **state)
{
    struct rig *rig = *state;
    rig_fill(rig, 4);
    rig->vendor.contacts[3] = rig->vendor.contacts[0];
    rig->vendor.contacts[3].updated_s++;
    snprintf(rig->vendor.contacts[3].name, 48, "Newer");
    struct run run = rig_run(rig, true);
    assert_counts(run, 3, 0, 1, 0, 0);
    assert_true(str_contains(rig_data(rig, &rig->connection, "contacts", 1), STR("Newer")));
}

/* I-3 */
static void
test_fewer_rows_than_declared_are_suspicious(void **state)
{
    struct rig *rig = *state;
    rig_fill(rig, 15);
    rig->vendor.declared_extra = 3;
    struct run run = rig_run(rig, true);
    assert_state(run, RUN_FAILED);
    assert_int_equal(run.verdict, VERDICT_SUSPICIOUS);
    assert_str(run.error_code, "UNRECONCILED");
    assert_int_equal(rig_count(rig, "contacts", true), 15);
}

/* I-3: as many rows as declared, but not as many records */
static void
test_a_page_given_twice_in_the_place_of_another_is_suspicious(void **state)
{
    struct rig *rig = *state;
    rig_fill(rig, 35);
    rig_run(rig, false);
    rig->vendor.repeat_at_request = rig->vendor.requests + 3;
    struct run run = rig_run(rig, true);
    assert_state(run, RUN_FAILED);
    assert_str(run.error_code, "UNRECONCILED");
    assert_int_equal(run.missing, 0);
    assert_int_equal(rig_count(rig, "contacts", false), 35);
    assert_state(rig_run(rig, true), RUN_SUCCEEDED);
}

/* I-8 */
static void
test_a_cursor_that_goes_in_a_circle_ends_the_stream(void **state)
{
    struct rig *rig = *state;
    rig_fill(rig, 15);
    rig->vendor.cursor_loop = true;
    struct run run = rig_run(rig, true);
    assert_state(run, RUN_FAILED);
    assert_str(run.error_code, "CURSOR_LOOP");
    assert_true(rig->vendor.requests < 10);
}

/* I-13 */
static void
test_a_second_run_of_a_busy_connection_is_refused_with_the_first_ones_id(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    struct run first = rig_start(rig, &rig->connection, false), second;
    struct run_request request = {.connection = rig->connection.uuid};
    assert_fails_with(engine_run_start(rig->engine, &rig->arena, rig->tenant, &request, &second, &err), err, E_SYNC_IN_PROGRESS);
    assert_true(str_eq_c(first.uuid, err.subject));
}

static void
test_one_stream_may_be_asked_for(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    struct run run;
    rig_fill(rig, 3);
    rig->vendor.order_count = 1;
    rig->vendor.orders[0] = (struct rig_order){1, 1, "1"};
    struct run_request request = {.connection = rig->connection.uuid, .stream = STR("contacts")};
    assert_ok(engine_run_start(rig->engine, &rig->arena, rig->tenant, &request, &run, &err), err);
    while (rig_step(rig))
        ;
    assert_counts(rig_look(rig, run.uuid), 3, 0, 0, 0, 0);
    request.stream = STR("nothing");
    assert_fails_with(engine_run_start(rig->engine, &rig->arena, rig->tenant, &request, &run, &err), err, E_VALIDATION_FAILED);
}

/* A changed mapping makes the next run full: nothing else shows that all records are old. */
static void
test_a_changed_mapping_reads_everything_again(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    rig_fill(rig, 30);
    rig_run(rig, false);
    yyjson_val *mapping = json_parse(&rig->arena, STR("{\"contacts\":{\"nickname\":\"name\"}}"), JSON_PLAIN, 8, &err);
    struct connection_change change = {.enabled = -1, .mapping = mapping};
    assert_ok(engine_connection_change(rig->engine, &rig->arena, rig->tenant, rig->connection.uuid, &change, false,
                                       &rig->connection, &err), err);
    struct run run = rig_run(rig, false);
    assert_counts(run, 0, 30, 0, 0, 0);
    assert_true(str_contains(rig_data(rig, &rig->connection, "contacts", 3), STR("nickname")));
}

/* A run keeps what it began with, or begins anew: a position of another mapping is not gone on from. */
static void
test_a_mapping_changed_under_a_parked_run_begins_the_stream_anew(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    rig_fill(rig, 30);
    rig->vendor.fault = RIG_STATUS;
    rig->vendor.fault_status = 429;
    rig->vendor.fault_retry_after = "60";
    rig->vendor.fault_from = 3;
    rig->vendor.fault_count = 1;
    struct run run = rig_start(rig, &rig->connection, true);
    assert_true(rig_step(rig));
    run = rig_look(rig, run.uuid);
    assert_state(run, RUN_WAITING);
    yyjson_val *mapping = json_parse(&rig->arena, STR("{\"contacts\":{\"nickname\":\"name\"}}"), JSON_PLAIN, 8, &err);
    struct connection_change change = {.enabled = -1, .mapping = mapping};
    assert_ok(engine_connection_change(rig->engine, &rig->arena, rig->tenant, rig->connection.uuid, &change, false,
                                       &rig->connection, &err), err);
    rig_make_due(rig, &run);
    while (rig_step(rig))
        ;
    run = rig_look(rig, run.uuid);
    assert_state(run, RUN_SUCCEEDED);
    assert_int_equal(rig->vendor.page_requests[0], 2);
    assert_true(str_contains(rig_data(rig, &rig->connection, "contacts", 1), STR("nickname")));
    assert_true(str_contains(rig_data(rig, &rig->connection, "contacts", 30), STR("nickname")));
}
