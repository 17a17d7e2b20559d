/*
 * Connections as rows: switched off and on, fired once, tokens written by one, deleted and purged.
 */
#include "tests/store/fixture.h"

static void
test_a_connection_switched_off_is_disconnected_and_tested_when_on_again(void **state)
{
    struct fixture *f = *state;
    struct connection c;
    struct connection_result ok = {.tested = true, .status = CONNECTION_ACTIVE};
    struct connection_result bad = {.status = CONNECTION_ERROR, .error_code = STR("AUTH_EXPIRED"),
                                    .error_message = STR("connect again"), .reconnect_us = NOW + US_PER_MINUTE};
    begin(f);
    assert_ok(store_connection_result(f->db, f->tenant.id, f->connection.id, &bad, NOW, &f->err), f->err);
    assert_ok(store_connection_result(f->db, f->tenant.id, f->connection.id, &bad, NOW, &f->err), f->err);
    assert_int_equal(store_connection_get(f->db, &f->arena, f->tenant.id, f->connection.uuid, &c, &f->err), ROW_FOUND);
    assert_int_equal(c.status, CONNECTION_ERROR);
    assert_int_equal(c.failures, 2);
    assert_int_equal(c.last_tested_us, 0);
    struct connection_due *due;
    size_t count;
    bool taken;
    assert_ok(store_connection_reconnects(f->db, &f->arena, NOW + US_PER_MINUTE, 10, &due, &count, &f->err), f->err);
    assert_int_equal(count, 1);
    assert_ok(store_connection_reconnect_take(f->db, due, NOW + US_PER_HOUR, &taken, &f->err), f->err);
    assert_true(taken);
    assert_ok(store_connection_reconnect_take(f->db, due, NOW + US_PER_HOUR, &taken, &f->err), f->err);
    assert_false(taken);
    assert_ok(store_connection_result(f->db, f->tenant.id, f->connection.id, &ok, NOW + 7, &f->err), f->err);
    assert_int_equal(store_connection_get(f->db, &f->arena, f->tenant.id, f->connection.uuid, &c, &f->err), ROW_FOUND);
    assert_int_equal(c.status, CONNECTION_ACTIVE);
    assert_int_equal(c.failures + c.reconnect_us, 0);
    assert_int_equal(c.last_tested_us, NOW + 7);
    assert_true(str_is_none(c.error_message));
    c.enabled = false;
    assert_ok(store_connection_update(f->db, &c, NOW, &f->err), f->err);
    assert_ok(store_connection_result(f->db, f->tenant.id, f->connection.id, &ok, NOW + 7, &f->err), f->err);
    assert_int_equal(store_connection_get_by_id(f->db, &f->arena, f->tenant.id, c.id, &c, &f->err), ROW_FOUND);
    assert_int_equal(c.status, CONNECTION_DISCONNECTED);
    c.enabled = true;
    assert_ok(store_connection_update(f->db, &c, NOW, &f->err), f->err);
    assert_int_equal(store_connection_get_by_id(f->db, &f->arena, f->tenant.id, c.id, &c, &f->err), ROW_FOUND);
    assert_int_equal(c.status, CONNECTION_PENDING);
    commit(f);
}

/* I-26 */
static void
test_a_firing_is_taken_once(void **state)
{
    struct fixture *f = *state;
    struct connection_due *due;
    size_t count;
    bool fired;
    begin(f);
    struct connection c = f->connection;
    c.next_run_us = NOW;
    c.next_full_us = NOW + 1;
    assert_ok(store_connection_update(f->db, &c, NOW, &f->err), f->err);
    assert_ok(store_connection_due(f->db, &f->arena, NOW - 1, 10, &due, &count, &f->err), f->err);
    assert_int_equal(count, 0);
    assert_ok(store_connection_due(f->db, &f->arena, NOW + 1, 10, &due, &count, &f->err), f->err);
    assert_int_equal(count, 2);
    assert_false(due[0].full);
    assert_true(due[1].full);
    for (size_t i = 0; i < 2; i++) {
        assert_ok(store_connection_fire(f->db, &due[i], NOW + US_PER_HOUR, &fired, &f->err), f->err);
        assert_true(fired);
        assert_ok(store_connection_fire(f->db, &due[i], NOW + US_PER_HOUR, &fired, &f->err), f->err);
        assert_false(fired);
    }
    commit(f);
}

/* I-23 */
static void
test_one_refresh_at_a_time_and_no_other_update_writes_tokens(void **state)
{
    struct fixture *f = *state;
    struct connection_tokens tokens;
    int64_t tenant = f->tenant.id, id = f->connection.id;
    bool taken;
    begin(f);
    assert_ok(store_connection_tokens_lock(f->db, tenant, id, 0, STR("a"), NOW, NOW + US_PER_MINUTE, &taken, &f->err), f->err);
    assert_true(taken);
    assert_ok(store_connection_tokens_lock(f->db, tenant, id, 0, STR("b"), NOW, NOW + US_PER_MINUTE, &taken, &f->err), f->err);
    assert_false(taken);
    assert_fails_with(store_connection_tokens_save(f->db, tenant, id, STR("b"), 0, STR("stale"), 0, &f->err), f->err, E_FENCED);
    assert_ok(store_connection_tokens_save(f->db, tenant, id, STR("a"), 0, STR("sealed-1"), NOW + US_PER_HOUR, &f->err), f->err);
    assert_ok(store_connection_update(f->db, &f->connection, NOW, &f->err), f->err);
    assert_int_equal(store_connection_tokens(f->db, &f->arena, tenant, id, &tokens, &f->err), ROW_FOUND);
    assert_str(tokens.sealed, "sealed-1");
    assert_int_equal(tokens.version, 1);
    assert_int_equal(tokens.lock_until_us, 0);
    assert_ok(store_connection_tokens_lock(f->db, tenant, id, 0, STR("b"), NOW, NOW + US_PER_MINUTE, &taken, &f->err), f->err);
    assert_false(taken); /* it read an old version */
    assert_ok(store_connection_tokens_lock(f->db, tenant, id, 1, STR("b"), NOW, NOW + US_PER_MINUTE, &taken, &f->err), f->err);
    assert_true(taken);
    assert_ok(store_connection_tokens_lock(f->db, tenant, id, 1, STR("c"), NOW + US_PER_MINUTE, NOW + US_PER_HOUR, &taken,
                                           &f->err), f->err);
    assert_true(taken); /* whoever had it has died */
    commit(f);
}

static void
delete_all(struct fixture *f, bool purge)
{
    bool done = false;
    for (int i = 0; i < 20 && !done; i++) {
        begin(f);
        assert_ok(store_connection_delete(f->db, f->tenant.id, f->connection.id, purge, NOW, NULL, &done, &f->err), f->err);
        commit(f);
        struct connection c;
        begin(f);
        assert_int_equal(store_connection_get(f->db, &f->arena, f->tenant.id, f->connection.uuid, &c, &f->err), ROW_NONE);
        commit(f);
    }
    assert_true(done);
    assert_int_equal(sql_number(f, "SELECT (SELECT count(*) FROM connections) + (SELECT count(*) FROM streams)"
                                   " + (SELECT count(*) FROM entity_map) + (SELECT count(*) FROM raw) + (SELECT count(*) FROM runs)"
                                   " + (SELECT count(*) FROM jobs) + (SELECT count(*) FROM cursor_state)"
                                   " + (SELECT count(*) FROM run_logs)"), 0);
}

static void
test_deleting_a_connection_keeps_its_records_and_shuts_out_its_worker(void **state)
{
    struct fixture *f = *state;
    struct run run = fixture_data_and_run(f);
    bool done;
    begin(f);
    assert_ok(store_connection_delete(f->db, f->tenant.id, f->connection.id, false, NOW, NULL, &done, &f->err), f->err);
    struct page_fence fence = run_fence(&run);
    assert_fails_with(store_page_fence(f->db, &fence, NOW + US_PER_HOUR, &f->err), f->err, E_FENCED);
    struct connection *deleting;
    size_t count;
    assert_ok(store_connection_deleting(f->db, &f->arena, &deleting, &count, &f->err), f->err);
    assert_int_equal(count, 1);
    commit(f);
    delete_all(f, false);
    assert_int_equal(sql_number(f, "SELECT count(*) FROM records"), 2);
}

static void
test_purging_a_connection_takes_the_records_that_nobody_else_maps(void **state)
{
    struct fixture *f = *state;
    fixture_data_and_run(f);
    struct connection second = {.tenant = f->tenant.id, .template_name = STR("acme"), .name = STR("b"), .enabled = true};
    struct stream stream;
    begin(f);
    assert_ok(store_connection_create(f->db, &f->arena, &second, NOW, &f->err), f->err);
    assert_ok(store_stream_ensure(f->db, &f->arena, f->tenant.id, second.id, STR("people"), STR("contacts"), &stream, &f->err),
              f->err);
    struct map_row row;
    struct str id = STR("ext-1");
    assert_ok(store_map_lookup(f->db, &f->arena, f->tenant.id, f->stream.id, &id, 1, &row, &f->err), f->err);
    struct map_write map = {.record = row.record, .external_id = STR("theirs")};
    assert_ok(store_maps_write(f->db, f->tenant.id, stream.id, &map, 1, NOW, NOW, &f->err), f->err);
    commit(f);
    bool done = false;
    for (int i = 0; i < 20 && !done; i++) {
        begin(f);
        assert_ok(store_connection_delete(f->db, f->tenant.id, f->connection.id, true, NOW, NULL, &done, &f->err), f->err);
        commit(f);
    }
    assert_int_equal(sql_number(f, "SELECT count(*) FROM records"), 1);
    assert_int_equal(sql_number(f, "SELECT sum(live) FROM collection_counts"), 1);
    assert_int_equal(sql_number(f, "SELECT count(*) FROM entity_map"), 1);
}

static size_t
count_spoken(struct fixture *f, int64_t tenant)
{
    struct str *names;
    size_t count;
    assert_ok(store_connection_templates(f->db, &f->arena, tenant, 10, &names, &count, &f->err), f->err);
    for (size_t i = 0; i < count; i++)
        assert_true(str_eq(names[i], f->connection.template_name));
    return count;
}

static void
test_the_templates_that_are_spoken_are_those_of_connections_at_work(void **state)
{
    struct fixture *f = *state;
    struct connection c = f->connection;
    begin(f);
    assert_int_equal(count_spoken(f, f->tenant.id), 1);
    assert_int_equal(count_spoken(f, f->tenant.id + 1), 0);
    c.enabled = false;
    assert_ok(store_connection_update(f->db, &c, NOW, &f->err), f->err);
    assert_int_equal(count_spoken(f, f->tenant.id), 0);
    c.enabled = true;
    assert_ok(store_connection_update(f->db, &c, NOW, &f->err), f->err);
    assert_int_equal(count_spoken(f, f->tenant.id), 1);
    commit(f);
    delete_all(f, false);
    begin(f);
    assert_int_equal(count_spoken(f, f->tenant.id), 0);
    commit(f);
}
