/*
 * The nouns: what belongs to a tenant is seen by that tenant alone, and each does what its header says.
 */
#include "tests/store/fixture.h"

#include "store/store_audit.h"
#include "store/store_session.h"
#include "store/store_data_key.h"
#include "store/store_priv.h"

/* I-32: a foreign id is an unknown id, for every function that reads or changes. */
static void
test_another_tenant_sees_and_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct arena *a = &f->arena;
    struct err *err = &f->err;
    struct tenant other = {.key = STR("other"), .name = STR("Other")};
    begin(f);
    assert_ok(store_tenant_create(f->db, a, &other, NOW, err), f->err);
    int64_t me = f->tenant.id, thief = other.id;
    int64_t record = fixture_add_record(f, "ext-1", "Ana");
    struct run_new ask = {.tenant = me, .connection = f->connection.id};
    struct run run, foreign;
    assert_ok(store_run_create(f->db, a, &ask, NOW, &run, err), f->err);
    struct rejected_write bad = {STR("bad"), STR("reason"), STR("{}")};
    assert_ok(store_rejected_write(f->db, me, f->stream.id, run.id, &bad, 1, NOW, err), f->err);
    assert_ok(store_log_append(f->db, a, me, run.id, STR("{}\n"), 1, NOW, err), f->err);
    assert_ok(store_state_save(f->db, me, f->stream.id, STR(""), STR("{}"), NOW, err), f->err);
    struct record found;
    assert_int_equal(store_record_get_by_id(f->db, a, me, record, &found, err), ROW_FOUND);

    struct connection c, *connections;
    struct stream s, *streams;
    struct state_row *states;
    struct rejected r, *rejecteds;
    struct log_chunk *chunks;
    struct run *runs;
    struct job job;
    struct record_source *sources;
    struct record_change *changes;
    struct record *records;
    struct record_place next;
    struct map_row row;
    struct str text, external = STR("ext-1"), uuid = found.uuid;
    size_t count;
    int64_t total;
    bool flag;
    assert_int_equal(store_connection_get(f->db, a, thief, f->connection.uuid, &c, err), ROW_NONE);
    assert_int_equal(store_connection_get_by_id(f->db, a, thief, f->connection.id, &c, err), ROW_NONE);
    struct connection_filter all = CONNECTION_FILTER_ALL;
    assert_ok(store_connection_list(f->db, a, thief, &all, &connections, &count, &total, err), f->err);
    assert_int_equal(count + (size_t)total, 0);
    c = f->connection;
    c.tenant = thief;
    c.name = STR("stolen");
    assert_fails_with(store_connection_update(f->db, &c, NOW, err), f->err, E_CONNECTION_NOT_FOUND);
    assert_fails_with(store_connection_delete(f->db, thief, f->connection.id, true, NOW, NULL, &flag, err), f->err,
                      E_CONNECTION_NOT_FOUND);
    struct connection_tokens tokens;
    assert_int_equal(store_connection_tokens(f->db, a, thief, f->connection.id, &tokens, err), ROW_NONE);
    assert_int_equal(store_stream_find(f->db, a, thief, f->connection.id, STR("people"), &s, err), ROW_NONE);
    assert_int_equal(store_stream_get(f->db, a, thief, f->stream.id, &s, err), ROW_NONE);
    assert_ok(store_stream_list(f->db, a, thief, f->connection.id, &streams, &count, err), f->err);
    assert_int_equal(count, 0);
    assert_int_equal(store_state_get(f->db, a, thief, f->stream.id, STR(""), &text, err), ROW_NONE);
    assert_ok(store_state_list(f->db, a, thief, f->connection.id, 0, 0, STR_NONE, 10, &states, &count, err), f->err);
    assert_int_equal(count, 0);
    assert_ok(store_state_reset(f->db, thief, f->connection.id, 0, &total, err), f->err);
    assert_int_equal(total, 0);
    assert_int_equal(store_run_get(f->db, a, thief, run.uuid, &foreign, err), ROW_NONE);
    assert_int_equal(store_run_get_by_id(f->db, a, thief, run.id, &foreign, err), ROW_NONE);
    assert_fails_with(store_run_ask(f->db, a, thief, run.uuid, RUN_ASK_CANCEL, NOW, &foreign, err), f->err, E_RUN_NOT_FOUND);
    struct run_filter filter = {.limit = 10};
    assert_ok(store_run_list(f->db, a, thief, &filter, &runs, &count, &total, err), f->err);
    assert_int_equal(count + (size_t)total, 0);
    assert_int_equal(store_job_get(f->db, a, thief, run.job, &job, err), ROW_NONE);
    assert_int_equal(store_job_find(f->db, a, thief, f->connection.uuid, &job, err), ROW_NONE);
    assert_fails_with(store_job_move(f->db, thief, run.job, -1, JOB_CANCELLED, NOW, err), f->err, E_CONFLICT);
    assert_ok(store_log_read(f->db, a, thief, run.id, 0, 10, &chunks, &count, err), f->err);
    assert_int_equal(count, 0);
    assert_ok(store_rejected_list(f->db, a, thief, f->connection.id, 0, 0, 0, 0, 10, &rejecteds, &count, &total, err), f->err);
    assert_int_equal(count + (size_t)total, 0);
    assert_ok(store_rejected_list(f->db, a, me, f->connection.id, 0, 0, 0, 0, 10, &rejecteds, &count, &total, err), f->err);
    assert_int_equal(count, 1);
    assert_int_equal(store_rejected_get(f->db, a, thief, rejecteds[0].uuid, &r, err), ROW_NONE);
    assert_int_equal(store_record_get(f->db, a, thief, STR("contacts"), uuid, &found, err), ROW_NONE);
    assert_int_equal(store_record_get_by_id(f->db, a, thief, record, &found, err), ROW_NONE);
    assert_int_equal(store_record_by_external(f->db, a, thief, f->stream.id, external, &found, err), ROW_NONE);
    struct record_filter any = {.limit = 10};
    assert_ok(store_record_list(f->db, a, thief, f->stream.collection, &any, &records, &count, &next, err), f->err);
    assert_int_equal(count, 0);
    assert_ok(store_record_sources(f->db, a, thief, record, &sources, &count, err), f->err);
    assert_int_equal(count, 0);
    assert_ok(store_record_history(f->db, a, thief, record, 10, &changes, &count, err), f->err);
    assert_int_equal(count, 0);
    assert_ok(store_map_lookup(f->db, a, thief, f->stream.id, &external, 1, &row, err), f->err);
    assert_int_equal(row.map, 0);
    assert_int_equal(store_record_data(f->db, a, thief, record, &text, err), ROW_NONE);
    commit(f);
    assert_int_equal(sql_number(f, "SELECT count(*) FROM connections WHERE name = 'stolen' OR deleting > 0"), 0);
    assert_int_equal(sql_number(f, "SELECT count(*) FROM cursor_state"), 1);
}

static void
test_tenants_are_found_by_uuid_key_and_number(void **state)
{
    struct fixture *f = *state;
    struct tenant found, again = {.key = STR("org123"), .name = STR("Org")}, twin = {.key = STR("org123"), .name = STR("x")};
    bool created;
    begin(f);
    assert_ok(store_tenant_create(f->db, &f->arena, &again, NOW, &f->err), f->err);
    const struct str names[] = {again.uuid, STR("org123"), str_format(&f->arena, "%lld", (long long)again.id)};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_int_equal(store_tenant_find(f->db, &f->arena, names[i], &found, &f->err), ROW_FOUND);
        assert_int_equal(found.id, again.id);
    }
    assert_int_equal(store_tenant_find(f->db, &f->arena, STR("nobody"), &found, &f->err), ROW_NONE);
    assert_fails_with(store_tenant_create(f->db, &f->arena, &twin, NOW, &f->err), f->err, E_CONFLICT);
    assert_ok(store_tenant_ensure_default(f->db, &f->arena, NOW, &found, &created, &f->err), f->err);
    assert_false(created);
    assert_str(found.key, "default");
    commit(f);
}

static void
test_a_key_works_until_it_is_revoked_or_past_its_time(void **state)
{
    struct fixture *f = *state;
    struct api_key key = {.tenant = f->tenant.id, .name = STR("ci"), .shown = STR("tm_abc"), .role = ROLE_ADMIN,
                          .permissions = PERMISSION_READ, .expires_us = NOW + US_PER_DAY}, found;
    int64_t count;
    begin(f);
    assert_ok(store_key_create(f->db, &f->arena, &key, STR("00ff"), NOW, &f->err), f->err);
    assert_int_equal(store_key_find(f->db, &f->arena, STR("00ff"), NOW, &found, &f->err), ROW_FOUND);
    assert_int_equal(found.tenant, f->tenant.id);
    assert_int_equal(found.role, ROLE_ADMIN);
    assert_int_equal(store_key_find(f->db, &f->arena, STR("00fe"), NOW, &found, &f->err), ROW_NONE);
    assert_int_equal(store_key_find(f->db, &f->arena, STR("00ff"), NOW + US_PER_DAY, &found, &f->err), ROW_NONE);
    assert_ok(store_key_touch(f->db, f->tenant.id, key.id, NOW + 5, &f->err), f->err);
    assert_ok(store_key_count(f->db, NOW, &count, &f->err), f->err);
    assert_int_equal(count, 1);
    assert_fails_with(store_key_revoke(f->db, f->tenant.id + 1, key.uuid, NOW, &f->err), f->err, E_NOT_FOUND);
    assert_ok(store_key_revoke(f->db, f->tenant.id, key.uuid, NOW, &f->err), f->err);
    assert_int_equal(store_key_find(f->db, &f->arena, STR("00ff"), NOW, &found, &f->err), ROW_NONE);
    struct api_key *keys;
    size_t n;
    assert_ok(store_key_list(f->db, &f->arena, 0, 0, 0, 10, &keys, &n, NULL, &f->err), f->err);
    assert_int_equal(n, 1);
    assert_int_equal(keys[0].last_used_us, NOW + 5);
    commit(f);
}

static void
test_users_are_made_at_first_use_and_keep_their_names(void **state)
{
    struct fixture *f = *state;
    struct user user, again;
    begin(f);
    assert_ok(store_user_ensure(f->db, &f->arena, f->tenant.id, STR("auth0|1"), STR("Ana"), STR_NONE, ROLE_USER, NOW, &user,
                                &f->err), f->err);
    assert_ok(store_user_ensure(f->db, &f->arena, f->tenant.id, STR("auth0|1"), STR_NONE, STR("a@b.c"), ROLE_USER, NOW + 1,
                                &again, &f->err), f->err);
    assert_int_equal(again.id, user.id);
    assert_str(again.name, "Ana");
    assert_str(again.email, "a@b.c");
    commit(f);
}

static void
test_a_token_does_not_change_what_an_admin_granted(void **state)
{
    struct fixture *f = *state;
    struct user user = {.tenant = f->tenant.id, .subject = STR("ana"), .role = ROLE_USER, .permissions = PERMISSION_READ}, again;
    begin(f);
    assert_ok(store_user_create(f->db, &f->arena, &user, NOW, &f->err), f->err);
    assert_fails_with(store_user_create(f->db, &f->arena, &user, NOW, &f->err), f->err, E_CONFLICT);
    assert_int_equal(store_user_find(f->db, &f->arena, f->tenant.id, STR("ana"), &user, &f->err), ROW_FOUND);
    user.disabled_us = NOW;
    assert_ok(store_user_update(f->db, &user, &f->err), f->err);
    assert_ok(store_user_ensure(f->db, &f->arena, f->tenant.id, STR("ana"), STR("Ana"), STR_NONE, ROLE_ADMIN, NOW + 1, &again,
                                &f->err), f->err);
    assert_int_equal(again.role, ROLE_USER);
    assert_int_equal(again.permissions, PERMISSION_READ);
    assert_int_equal(again.disabled_us, NOW);
    assert_str(again.name, "Ana");
    user.tenant++;
    assert_fails_with(store_user_update(f->db, &user, &f->err), f->err, E_NOT_FOUND);
    commit(f);
}

static void
test_a_session_ends_by_time_by_signing_out_and_with_its_key(void **state)
{
    struct fixture *f = *state;
    struct api_key key = {.tenant = f->tenant.id, .name = STR("ci"), .shown = STR("tm_abc"), .role = ROLE_USER};
    struct session session = {.tenant = f->tenant.id, .subject = STR("key:1"), .permissions = 3, .expires_us = NOW + US_PER_DAY}, found;
    begin(f);
    assert_ok(store_key_create(f->db, &f->arena, &key, STR("aa"), NOW, &f->err), f->err);
    assert_ok(store_session_create(f->db, &session, STR("01"), NOW, &f->err), f->err);
    session.api_key = key.id;
    assert_ok(store_session_create(f->db, &session, STR("02"), NOW, &f->err), f->err);
    assert_int_equal(store_session_find(f->db, &f->arena, STR("01"), NOW, &found, &f->err), ROW_FOUND);
    assert_true(found.live);
    assert_int_equal(store_session_find(f->db, &f->arena, STR("01"), NOW + US_PER_DAY, &found, &f->err), ROW_FOUND);
    assert_false(found.live);
    assert_ok(store_session_end(f->db, STR("01"), NOW, &f->err), f->err);
    assert_int_equal(store_session_find(f->db, &f->arena, STR("01"), NOW, &found, &f->err), ROW_FOUND);
    assert_false(found.live);
    assert_int_equal(store_session_find(f->db, &f->arena, STR("02"), NOW, &found, &f->err), ROW_FOUND);
    assert_true(found.live);
    assert_ok(store_key_revoke(f->db, f->tenant.id, key.uuid, NOW, &f->err), f->err);
    assert_int_equal(store_session_find(f->db, &f->arena, STR("02"), NOW, &found, &f->err), ROW_FOUND);
    assert_false(found.live);
    assert_int_equal(store_session_find(f->db, &f->arena, STR("03"), NOW, &found, &f->err), ROW_NONE);
    commit(f);
}

static void
test_retention_takes_old_things_in_batches_and_leaves_the_rest(void **state)
{
    struct fixture *f = *state;
    struct run run = fixture_data_and_run(f);
    struct page_fence fence = run_fence(&run);
    struct run_end end = {.state = RUN_SUCCEEDED, .verdict = VERDICT_COMPLETE};
    begin(f);
    assert_ok(store_run_finish(f->db, &fence, &end, NOW, &f->err), f->err);
    struct audit audit = {.tenant = f->tenant.id, .actor = STR("ana"), .action = STR("connection.create")};
    assert_ok(store_audit_add(f->db, &audit, NOW, &f->err), f->err);
    struct run second;
    struct run_new ask = {.tenant = f->tenant.id, .connection = f->connection.id};
    assert_ok(store_run_create(f->db, &f->arena, &ask, NOW, &second, &f->err), f->err);
    commit(f);
    struct retention keep = RETENTION_DEFAULT;
    int64_t removed = 1, later = NOW + 400 * US_PER_DAY;
    for (int i = 0; i < 50 && removed > 0; i++) {
        begin(f);
        assert_ok(store_retention_sweep(f->db, &keep, later, &removed, &f->err), f->err);
        commit(f);
    }
    assert_int_equal(removed, 0);
    assert_int_equal(sql_number(f, "SELECT count(*) FROM runs"), 1); /* the unfinished one */
    assert_int_equal(sql_number(f, "SELECT count(*) FROM run_logs"), 0);
    assert_int_equal(sql_number(f, "SELECT count(*) FROM audit"), 0);
    assert_int_equal(sql_number(f, "SELECT count(*) FROM records"), 2);
    assert_int_equal(sql_number(f, "SELECT count(*) FROM cursor_state"), 1);
}

static void
test_cursors_are_listed_in_pages_and_reset_only_while_nothing_runs(void **state)
{
    struct fixture *f = *state;
    int64_t tenant = f->tenant.id, removed;
    begin(f);
    for (int i = 0; i < 7; i++)
        assert_ok(store_state_save(f->db, tenant, f->stream.id, str_format(&f->arena, "{\"p\":%d}", i), STR("{\"c\":1}"), NOW,
                                   &f->err), f->err);
    int64_t stream = 0;
    struct str partition = STR_NONE;
    size_t total = 0, count;
    do {
        struct state_row *rows;
        assert_ok(store_state_list(f->db, &f->arena, tenant, f->connection.id, 0, stream, partition, 3, &rows, &count, &f->err),
                  f->err);
        total += count;
        if (count) {
            stream = rows[count - 1].stream;
            partition = rows[count - 1].partition;
            assert_str(rows[0].stream_name, "people");
        }
    } while (count > 0);
    assert_int_equal(total, 7);
    struct run run;
    struct run_new ask = {.tenant = tenant, .connection = f->connection.id};
    assert_ok(store_run_create(f->db, &f->arena, &ask, NOW, &run, &f->err), f->err);
    assert_fails_with(store_state_reset(f->db, tenant, f->connection.id, 0, &removed, &f->err), f->err, E_SYNC_IN_PROGRESS);
    assert_true(str_eq_c(run.uuid, f->err.subject));
    assert_ok(store_run_ask(f->db, &f->arena, tenant, run.uuid, RUN_ASK_CANCEL, NOW, &run, &f->err), f->err);
    assert_ok(store_state_reset(f->db, tenant, f->connection.id, 0, &removed, &f->err), f->err);
    assert_int_equal(removed, 7);
    commit(f);
}

static bool
sum_ids(void *ctx, int64_t id)
{
    *(int64_t *)ctx += id;
    return true;
}

static void
test_packed_ids_come_back_and_damaged_ones_are_refused(void **state)
{
    struct fixture *f = *state;
    const int64_t ids[] = {7, 8, 9, 100000, 3, -1, INT64_MAX / 4};
    int64_t sum = 0, expected = 0;
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        expected += ids[i];
    struct str packed = ids_pack(&f->arena, ids, ARRAY_LEN(ids));
    assert_ok(ids_unpack(packed, sum_ids, &sum, &f->err), f->err);
    assert_int_equal(sum, expected);
    assert_fails_with(ids_unpack(STR("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), sum_ids, &sum, &f->err), f->err,
                      E_STORE_CORRUPT);
    assert_fails_with(ids_unpack(str_slice(packed, 0, packed.len - 1), sum_ids, &sum, &f->err), f->err, E_STORE_CORRUPT);
}

static void
test_a_data_key_is_the_newest_until_it_is_retired(void **state)
{
    struct fixture *f = *state;
    struct data_key first = {.tenant = f->tenant.id, .key_id = STR("aa"), .wrapped = STR("w1")};
    struct data_key second = {.tenant = f->tenant.id, .key_id = STR("bb"), .wrapped = STR("w2")}, found;
    begin(f);
    assert_ok(store_data_key_create(f->db, &first, NOW, &f->err), f->err);
    assert_ok(store_data_key_create(f->db, &second, NOW, &f->err), f->err);
    assert_ok(store_data_key_used(f->db, f->tenant.id, second.id, 3, &f->err), f->err);
    assert_int_equal(store_data_key_newest(f->db, &f->arena, f->tenant.id, &found, &f->err), ROW_FOUND);
    assert_str(found.key_id, "bb");
    assert_int_equal(found.uses, 3);
    assert_ok(store_data_key_retire(f->db, f->tenant.id, second.id, NOW, &f->err), f->err);
    assert_int_equal(store_data_key_newest(f->db, &f->arena, f->tenant.id, &found, &f->err), ROW_FOUND);
    assert_str(found.key_id, "aa");
    assert_int_equal(store_data_key_find(f->db, &f->arena, f->tenant.id, STR("bb"), &found, &f->err), ROW_FOUND);
    assert_int_equal(store_data_key_find(f->db, &f->arena, f->tenant.id + 1, STR("bb"), &found, &f->err), ROW_NONE);
    commit(f);
}
