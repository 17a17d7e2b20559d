/*
 * Text search and what people do to records, in the store: fragments, tenants, erasure.
 */
#include "tests/store/fixture.h"

#include "store/store_delivery.h"
#include "store/store_history.h"
#include "store/store_search.h"

static int64_t
add(struct fixture *f, const char *external, const char *text)
{
    struct record_write record = {.title = str_from_c(text), .data = str_format(&f->arena, "{\"name\":\"%s\"}", external)};
    uuid_v7_now(record.uuid);
    assert_ok(store_records_insert(f->db, f->tenant.id, f->stream.collection, &record, 1, NOW, &f->err), f->err);
    struct map_write map = {.record = record.record, .external_id = str_from_c(external), .raw = STR("raw")};
    assert_ok(store_maps_write(f->db, f->tenant.id, f->stream.id, &map, 1, NOW, NOW, &f->err), f->err);
    struct search_record found = {.id = record.record, .tenant = f->tenant.id, .collection = f->stream.collection};
    assert_ok(store_search_put(f->db, &f->arena, &found, str_from_c(text), &f->err), f->err);
    return record.record;
}

static int64_t
count_of(struct fixture *f, int64_t tenant, const char *text, enum record_order order)
{
    struct record_filter filter = {.order = order, .text = str_from_c(text), .limit = 10};
    struct record *rows;
    size_t count;
    int64_t total = 0;
    struct record_place next;
    assert_ok(store_record_list(f->db, &f->arena, tenant, f->stream.collection, &filter, &rows, &count, &next, &f->err), f->err);
    assert_ok(store_record_count(f->db, tenant, f->stream.collection, &filter, 100, &total, &f->err), f->err);
    if (order != RECORD_UPDATED || db_can(f->db, DB_ONE_WRITER)) /* the last seconds are left for the next call */
        assert_int_equal(total, count);
    return total;
}

static void
test_every_word_or_part_of_it_must_stand_in_the_text(void **state)
{
    struct fixture *f = *state;
    begin(f);
    add(f, "1", "ana maria silva ana@example.com +5581987654321");
    add(f, "2", "banana o'neil \\ \"quoted\" 100% a_b");
    add(f, "3", "\xe7\x8e\x8b\xe5\xb0\x8f\xe6\x98\x8e zhang");
    static const struct {
        const char *text;
        int64_t count;
    } asked[] = {
        {"ana", 2}, {"ana silva", 1}, {"silva ana", 1}, {"lva exam", 1}, {"87654", 1}, {"o'neil", 1}, {"\"quoted\"", 1},
        {"\\", 1}, {"100%", 1}, {"a_b", 1}, {"axb", 0}, {"%%%", 0}, {"anax", 0}, {"an", 3}, {"\xe7\x8e\x8b", 1},
        {"\xe7\x8e\x8b\xe5\xb0\x8f\xe6\x98\x8e", 1}, {"zha", 1}, {"nobody here", 0}, {"%", 1}, {"ana & | ! ( )", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        int64_t count = count_of(f, f->tenant.id, asked[i].text, RECORD_NEWEST);
        if (count != asked[i].count)
            fail_msg("\"%s\" finds %d", asked[i].text, (int)count);
        assert_int_equal(count_of(f, f->tenant.id, asked[i].text, RECORD_UPDATED), asked[i].count);
    }
    commit(f);
}

/* FTS5 writes what it has gathered at every savepoint, also at that of a statement which may write several rows. */
static void
test_records_of_one_transaction_make_one_piece_of_the_index(void **state)
{
    struct fixture *f = *state;
    char external[16];
    if (!db_can(f->db, DB_ONE_WRITER))
        return; /* a tree of PostgreSQL's own */
    int64_t before = sql_number(f, "SELECT count(*) FROM search_text_data");
    begin(f);
    for (int i = 0; i < 10; i++) {
        snprintf(external, sizeof(external), "%d", i);
        add(f, external, "ana maria silva");
    }
    commit(f);
    assert_int_equal(sql_number(f, "SELECT count(*) FROM search_text_data"), before + 1);
    begin(f);
    assert_int_equal(count_of(f, f->tenant.id, "silva", RECORD_NEWEST), 10);
    commit(f);
}

/* I-32 */
static void
test_another_tenant_finds_and_erases_nothing(void **state)
{
    struct fixture *f = *state;
    begin(f);
    struct tenant other = {.key = STR("other"), .name = STR("Other")};
    assert_ok(store_tenant_create(f->db, &f->arena, &other, NOW, &f->err), f->err);
    int64_t id = add(f, "1", "ana silva");
    assert_int_equal(count_of(f, other.id, "silva", RECORD_NEWEST), 0);
    assert_int_equal(count_of(f, other.id, "an", RECORD_NEWEST), 0);
    struct record record;
    assert_int_equal(store_record_get_by_id(f->db, &f->arena, f->tenant.id, id, &record, &f->err), ROW_FOUND);
    record.tenant = other.id;
    struct unlink_row row;
    assert_int_equal(store_unlink_find(f->db, &f->arena, other.id, id, f->connection.uuid, STR_NONE, STR_NONE, &row, &f->err), ROW_NONE);
    commit(f);
    struct subscription s = {.tenant = f->tenant.id, .url = STR("https://x"), .secret = STR("sealed"), .enabled = true}, found;
    begin(f);
    assert_ok(store_subscription_create(f->db, &f->arena, &s, NOW, &f->err), f->err);
    assert_int_equal(store_subscription_get(f->db, &f->arena, other.id, s.uuid, &found, &f->err), ROW_NONE);
    struct subscription stolen = s;
    stolen.tenant = other.id;
    assert_fails_with(store_subscription_update(f->db, &stolen, false, NOW, &f->err), f->err, E_NOT_FOUND);
    db_rollback(f->db);
}

/* A request that has made the record and is about to keep its answer finds its key gone. */
static void
test_an_answer_is_not_kept_of_a_record_that_was_erased_before_it_was_given(void **state)
{
    struct fixture *f = *state;
    struct record record;
    struct idempotency_answer answer;
    struct idempotency_key key = {.tenant = f->tenant.id, .route = STR("POST /y"), .key = STR("k"), .body_hash = STR("h"),
                                  .owner = STR("n/p")};
    begin(f);
    int64_t id = add(f, "ext-7", "secretname");
    assert_ok(store_idempotency_begin(f->db, &f->arena, &key, NOW, &answer, &f->err), f->err);
    key.taken_us = answer.taken_us;
    assert_int_equal(store_record_get_by_id(f->db, &f->arena, f->tenant.id, id, &record, &f->err), ROW_FOUND);
    struct str effect = str_format(&f->arena, "record:%.*s", STR_ARG(record.uuid));
    assert_ok(store_idempotency_effect(f->db, &key, effect, &f->err), f->err);
    assert_ok(store_record_erase(f->db, &f->arena, &record, false, NOW, &f->err), f->err);
    commit(f);
    assert_int_equal(sql_number(f, "SELECT count(*) FROM idempotency_keys"), 0);
    begin(f);
    answer = (struct idempotency_answer){.status = 201, .body = STR("{\"name\":\"secretname\"}")};
    assert_fails_with(store_idempotency_finish(f->db, &key, &answer, NOW, &f->err), f->err, E_CONFLICT);
    db_rollback(f->db);
}

static void
test_an_erased_record_leaves_its_tombstone_and_nothing_else(void **state)
{
    struct fixture *f = *state;
    struct record record;
    struct map_row row;
    struct str external = STR("ext-7");
    begin(f);
    int64_t id = add(f, "ext-7", "secretname");
    assert_ok(store_history_add(f->db, f->tenant.id, id, 1, STR("{\"name\":\"secretname\"}"), STR("user:x"), NOW, &f->err), f->err);
    struct rejected_write bad = {external, STR("reason"), STR("{\"name\":\"secretname\"}")};
    struct run_new ask = {.tenant = f->tenant.id, .connection = f->connection.id};
    struct run run;
    assert_ok(store_run_create(f->db, &f->arena, &ask, NOW, &run, &f->err), f->err);
    assert_ok(store_rejected_write(f->db, f->tenant.id, f->stream.id, run.id, &bad, 1, NOW, &f->err), f->err);
    assert_int_equal(store_record_get_by_id(f->db, &f->arena, f->tenant.id, id, &record, &f->err), ROW_FOUND);
    assert_ok(store_record_erase(f->db, &f->arena, &record, false, NOW, &f->err), f->err);
    assert_ok(store_map_lookup(f->db, &f->arena, f->tenant.id, f->stream.id, &external, 1, &row, &f->err), f->err);
    assert_true(row.erased && row.deleted && row.map != 0);
    commit(f);
    static const char *const empty[] = {"records", "raw", "record_history", "rejected_records", "search_text"};
    for (size_t i = 0; i < ARRAY_LEN(empty); i++) {
        char text[100];
        snprintf(text, sizeof(text), "SELECT count(*) FROM %s", empty[i]);
        if (sql_number(f, text) != 0)
            fail_msg("%s still holds something", empty[i]);
    }
    assert_int_equal(sql_number(f, "SELECT rejected FROM streams"), 0);
    assert_int_equal(sql_number(f, "SELECT records FROM streams"), 0);
    assert_int_equal(sql_number(f, "SELECT CAST(sum(live) + sum(deleted) AS bigint) FROM collection_counts"), 0);
}

static void
test_the_index_is_built_from_a_missing_state_and_follows_a_saved_one(void **state)
{
    struct fixture *f = *state;
    struct search_state s;
    bool taken = false;
    struct search_record *rows;
    size_t count;
    begin(f);
    add(f, "1", "one");
    add(f, "2", "two");
    assert_ok(store_search_state_take(f->db, &f->arena, &s, &taken, &f->err), f->err);
    assert_true(taken && s.building);
    assert_ok(store_search_walk(f->db, &f->arena, &s, 1, &rows, &count, &f->err), f->err);
    assert_int_equal(count, 1);
    s.tenant = rows[0].tenant;
    s.record = rows[0].id;
    assert_ok(store_search_walk(f->db, &f->arena, &s, 10, &rows, &count, &f->err), f->err);
    assert_int_equal(count, 1);
    s.building = false;
    assert_ok(store_search_state_save(f->db, &s, &f->err), f->err);
    commit(f);
    begin(f);
    assert_ok(store_search_state_take(f->db, &f->arena, &s, &taken, &f->err), f->err);
    assert_true(taken && !s.building);
    commit(f);
}
