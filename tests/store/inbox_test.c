/*
 * The inbox in the store: a delivery once a week, queues with leases, events in order, what retention and deletion take.
 */
#include "tests/store/fixture.h"

#include "store/store_inbox.h"

#define NODE STR("node-1")

/* Adds an event of the fixture's connection; its uuid is made of n. True: it was new. */
static bool
add(struct fixture *f, int n, const char *delivery, int64_t received_us, int64_t due_us)
{
    bool duplicate;
    struct inbox_event e = {.tenant = f->tenant.id, .connection = f->connection.id,
                            .uuid = str_format(&f->arena, "00000000-0000-7000-8000-%012d", n), .type = STR("contact_updated"),
                            .external_id = STR("77"), .trust = STR("signed"), .status = due_us ? STR("pending") : STR("unhandled"),
                            .received_us = received_us, .due_us = due_us, .bytes = 3, .content = STR("\0\1\2")};
    begin(f);
    assert_ok(store_inbox_add(f->db, &e, delivery ? (struct str){delivery, INBOX_DELIVERY_BYTES} : STR_NONE, &duplicate, &f->err), f->err);
    commit(f);
    return !duplicate;
}

static struct inbox_queue
claim(struct fixture *f, struct str node, int64_t now_us, enum row expected)
{
    struct inbox_queue q = {.tenant = f->tenant.id, .connection = f->connection.id};
    begin(f);
    assert_int_equal(store_inbox_claim(f->db, &q, node, now_us, now_us + US_PER_S, &f->err), expected);
    commit(f);
    return q;
}

static size_t
due(struct fixture *f, const struct inbox_queue *q, int64_t now_us, int64_t join_us, struct inbox_event **rows)
{
    size_t count = 0;
    assert_ok(store_inbox_due(f->db, &f->arena, q, now_us, join_us, 10, rows, &count, &f->err), f->err);
    return count;
}

/* I-21 */
static void
test_a_delivery_is_taken_once_within_the_window(void **state)
{
    struct fixture *f = *state;
    assert_true(add(f, 1, "0123456789abcdef", NOW, NOW));
    assert_false(add(f, 2, "0123456789abcdef", NOW + INBOX_WINDOW_US, NOW));
    assert_true(add(f, 3, "0123456789abcdeg", NOW, NOW));
    assert_true(add(f, 4, "0123456789abcdef", NOW + INBOX_WINDOW_US + 1, NOW));
    assert_true(add(f, 5, NULL, NOW, NOW));
    assert_true(add(f, 6, NULL, NOW, NOW));
    assert_int_equal(sql_number(f, "SELECT count(*) FROM inbox_events"), 5);
}

/* ---- many deliveries, and what goes wrong between them ---- */

#define MODEL_DELIVERIES 400
#define MODEL_STEPS 3000
#define MODEL_TAIL_KEYS 16

struct model {
    struct fixture *f;
    struct rng rng;
    int64_t known[MODEL_DELIVERIES], before[MODEL_DELIVERIES], at_savepoint[MODEL_DELIVERIES]; /* when it came; 0: never */
    int64_t now_us;
};

static void
model_add(struct model *m)
{
    struct fixture *f = m->f;
    size_t n = rng_next(&m->rng) % MODEL_DELIVERIES;
    char delivery[INBOX_DELIVERY_BYTES + 1], uuid[UUID_TEXT_BYTES];
    bool duplicate;
    snprintf(delivery, sizeof(delivery), "%08x%08u", (unsigned)n * 2654435761u, (unsigned)n); /* in no order */
    m->now_us += 5 * US_PER_MINUTE; /* two weeks in all */
    struct inbox_event e = {.tenant = f->tenant.id, .connection = f->connection.id, .type = STR("t"), .trust = STR("signed"),
                            .uuid = str_from_c(uuid_v7(&m->rng, NOW, uuid)), .status = STR("pending"), .received_us = m->now_us,
                            .due_us = m->now_us, .content = STR("x")};
    assert_ok(store_inbox_add(f->db, &e, str_from_c(delivery), &duplicate, &f->err), f->err);
    bool expected = m->known[n] != 0 && m->known[n] >= m->now_us - INBOX_WINDOW_US;
    if (duplicate != expected)
        fail_msg("delivery %zu: %d", n, duplicate);
    if (!duplicate)
        m->known[n] = m->now_us;
}

static void
model_savepoint(struct model *m)
{
    struct fixture *f = m->f;
    memcpy(m->at_savepoint, m->known, sizeof(m->known));
    assert_ok(db_savepoint(f->db, &f->err), f->err);
    for (uint64_t i = rng_next(&m->rng) % 20; i > 0; i--)
        model_add(m);
    if (rng_next(&m->rng) % 2 == 0) {
        assert_ok(db_savepoint_keep(f->db, &f->err), f->err);
        return;
    }
    assert_ok(db_savepoint_undo(f->db, &f->err), f->err);
    memcpy(m->known, m->at_savepoint, sizeof(m->known));
}

static void
model_transaction(struct model *m)
{
    struct fixture *f = m->f;
    memcpy(m->before, m->known, sizeof(m->known));
    begin(f);
    for (uint64_t i = rng_next(&m->rng) % 30; i > 0; i--) {
        if (rng_next(&m->rng) % 8 == 0)
            model_savepoint(m);
        model_add(m);
    }
    if (rng_next(&m->rng) % 4 != 0) {
        commit(f);
        return;
    }
    db_rollback(f->db);
    memcpy(m->known, m->before, sizeof(m->known));
}

/* I-21, with the tail turning and merging all the time, undone, and read anew as after a start. */
static void
test_a_delivery_is_known_whatever_was_undone_and_after_every_start(void **state)
{
    struct fixture *f = *state;
    static struct model m;
    m = (struct model){.f = f, .now_us = NOW};
    rng_init(&m.rng, 20260101);
    f->db->seen_tail_keys = MODEL_TAIL_KEYS;
    for (int step = 0; step < MODEL_STEPS / 15; step++) {
        model_transaction(&m);
        if (on_postgres() || step % 16 != 15)
            continue;
        assert_true(sql_number(f, "SELECT count(*) FROM inbox_seen") <= 12 * MODEL_TAIL_KEYS);
        db_close(f->db);
        f->db = fixture_connect(f);
        f->db->seen_tail_keys = MODEL_TAIL_KEYS;
    }
    if (!on_postgres())
        assert_true(sql_number(f, "SELECT count(*) FROM inbox_deliveries") > MODEL_DELIVERIES / 2);
}

/* Any statement of it may fail: nothing is half known. */
static void
test_a_delivery_whose_event_was_not_kept_is_not_known(void **state)
{
    struct fixture *f = *state;
    bool duplicate;
    struct inbox_event e = {.tenant = f->tenant.id, .connection = f->connection.id, .uuid = STR("00000000-0000-7000-8000-000000000001"),
                            .type = STR("t"), .trust = STR("signed"), .status = STR("pending"), .received_us = NOW, .content = STR("x")};
    add(f, 1, "aaaaaaaaaaaaaaaa", NOW, NOW);
    begin(f);
    bool kept = store_inbox_add(f->db, &e, STR("bbbbbbbbbbbbbbbb"), &duplicate, &f->err) && db_commit(f->db, &f->err); /* its uuid is taken */
    assert_false(kept);
    db_rollback(f->db);
    assert_true(add(f, 2, "bbbbbbbbbbbbbbbb", NOW, NOW));
    assert_false(add(f, 3, "bbbbbbbbbbbbbbbb", NOW, NOW));
}

static void
test_a_queue_has_one_holder_and_counts_those_that_died(void **state)
{
    struct fixture *f = *state;
    add(f, 1, NULL, NOW, NOW);
    struct inbox_queue first = claim(f, NODE, NOW, ROW_FOUND);
    assert_int_equal(first.crashes, 0);
    claim(f, STR("node-2"), NOW, ROW_NONE);
    struct inbox_queue second = claim(f, STR("node-2"), NOW + US_PER_S, ROW_FOUND);
    assert_int_equal(second.crashes, 1);
    begin(f);
    assert_false(store_inbox_fence(f->db, &first, NOW, &f->err));
    assert_int_equal(f->err.code, E_FENCED);
    db_rollback(f->db);
    begin(f);
    assert_ok(store_inbox_fence(f->db, &second, NOW + US_PER_MINUTE, &f->err), f->err);
    assert_ok(store_inbox_release(f->db, &first, true, &f->err), f->err); /* too late: changes nothing */
    commit(f);
    claim(f, NODE, NOW + 2 * US_PER_S, ROW_NONE);
    begin(f);
    assert_ok(store_inbox_take_back(f->db, STR("node-2"), &f->err), f->err);
    commit(f);
    struct inbox_queue third = claim(f, STR("node-2"), NOW + 2 * US_PER_S, ROW_FOUND);
    assert_int_equal(third.crashes, 2);
    begin(f);
    assert_ok(store_inbox_release(f->db, &third, true, &f->err), f->err);
    commit(f);
    assert_int_equal(claim(f, NODE, NOW + 2 * US_PER_S, ROW_FOUND).crashes, 0);
}

static void
test_events_come_in_order_and_those_of_a_moment_later_come_along(void **state)
{
    struct fixture *f = *state;
    struct inbox_event *rows;
    struct inbox_queue *ready;
    size_t count;
    struct inbox_queue q = {.tenant = f->tenant.id, .connection = f->connection.id};
    add(f, 1, NULL, NOW, NOW + 50);
    add(f, 2, NULL, NOW, NOW + 10);
    add(f, 3, NULL, NOW, NOW + 10);
    add(f, 4, NULL, NOW, 0);
    assert_int_equal(due(f, &q, NOW + 9, 1000, &rows), 0);
    assert_int_equal(due(f, &q, NOW + 10, 0, &rows), 2);
    assert_true(str_ends(rows[0].uuid, STR("2")) && str_ends(rows[1].uuid, STR("3")));
    assert_int_equal(rows[0].content.len, 3);
    assert_int_equal(due(f, &q, NOW + 10, 40, &rows), 3);
    assert_ok(store_inbox_ready(f->db, &f->arena, NOW + 9, 10, &ready, &count, &f->err), f->err);
    assert_int_equal(count, 0);
    assert_ok(store_inbox_ready(f->db, &f->arena, NOW + 10, 10, &ready, &count, &f->err), f->err);
    assert_int_equal(count, 1);
    assert_int_equal(ready[0].connection, f->connection.id);
    claim(f, NODE, NOW + 10, ROW_FOUND);
    assert_ok(store_inbox_ready(f->db, &f->arena, NOW + 10, 10, &ready, &count, &f->err), f->err);
    assert_int_equal(count, 0);
    int64_t next, pending;
    assert_ok(store_inbox_next_due(f->db, NOW + 20, &next, &f->err), f->err);
    assert_int_equal(next, NOW + 50);
    assert_ok(store_inbox_pending(f->db, &pending, &f->err), f->err);
    assert_int_equal(pending, 3);
}

static void
test_an_event_ends_waits_or_is_asked_for_again(void **state)
{
    struct fixture *f = *state;
    struct inbox_event *rows, one;
    struct inbox_queue q = {.tenant = f->tenant.id, .connection = f->connection.id};
    add(f, 1, NULL, NOW, NOW);
    assert_int_equal(due(f, &q, NOW, 0, &rows), 1);
    begin(f);
    assert_ok(store_inbox_later(f->db, f->tenant.id, rows[0].id, NOW + 5, 2, STR("VENDOR_UNAVAILABLE"), STR("away"), &f->err), f->err);
    assert_ok(store_inbox_attempt(f->db, f->tenant.id, rows[0].id, &f->err), f->err);
    commit(f);
    assert_int_equal(due(f, &q, NOW, 0, &rows), 0);
    assert_int_equal(due(f, &q, NOW + 5, 0, &rows), 1);
    assert_int_equal(rows[0].attempts, 3);
    begin(f);
    assert_ok(store_inbox_finish(f->db, f->tenant.id, rows[0].id, STR("failed"), STR("LIMIT"), STR("why"), NOW + 6, &f->err), f->err);
    commit(f);
    assert_int_equal(store_inbox_get(f->db, &f->arena, f->tenant.id, rows[0].uuid, &one, &f->err), ROW_FOUND);
    assert_true(str_eq_c(one.status, "failed") && str_eq_c(one.error_message, "why") && one.due_us == 0);
    assert_int_equal(store_inbox_get(f->db, &f->arena, f->tenant.id + 1, rows[0].uuid, &one, &f->err), ROW_NONE); /* I-32 */
    begin(f);
    assert_ok(store_inbox_replay(f->db, f->tenant.id, rows[0].uuid, NOW + 7, &f->err), f->err);
    assert_false(store_inbox_replay(f->db, f->tenant.id + 1, rows[0].uuid, NOW + 7, &f->err));
    assert_int_equal(f->err.code, E_NOT_FOUND);
    db_rollback(f->db);
}

static void
test_the_list_filters_and_takes_wildcards_literally(void **state)
{
    struct fixture *f = *state;
    struct inbox_event *rows;
    size_t count;
    for (int i = 1; i <= 3; i++)
        add(f, i, NULL, NOW + i, i == 2 ? 0 : NOW);
    static const struct {
        struct inbox_filter filter;
        size_t expected;
    } cases[] = {
        {{.limit = 10}, 3}, {{.limit = 2}, 2}, {{.status = STR("unhandled"), .limit = 10}, 1}, {{.text = STR("update"), .limit = 10}, 3},
        {{.text = STR("7%"), .limit = 10}, 0}, {{.text = STR("contact_u"), .limit = 10}, 3}, {{.text = STR("contact%u"), .limit = 10}, 0},
        {{.from_us = NOW + 2, .limit = 10}, 2}, {{.until_us = NOW + 2, .limit = 10}, 1}, {{.type = STR("x"), .limit = 10}, 0},
        {{.connection = STR("nobody"), .limit = 10}, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_ok(store_inbox_list(f->db, &f->arena, f->tenant.id, &cases[i].filter, &rows, &count, &f->err), f->err);
        if (count != cases[i].expected)
            fail_msg("case %zu: %zu", i, count);
    }
}

static void
test_retention_takes_what_is_done_and_keeps_what_waits(void **state)
{
    struct fixture *f = *state;
    struct retention keep = {.inbox_us = US_PER_DAY};
    int64_t removed;
    add(f, 1, "0123456789abcdef", NOW, 0);
    add(f, 2, "1123456789abcdef", NOW, NOW);
    for (int i = 0; i < 5; i++) {
        begin(f);
        assert_ok(store_retention_sweep(f->db, &keep, NOW + 8 * US_PER_DAY, &removed, &f->err), f->err);
        commit(f);
    }
    assert_int_equal(removed, 0);
    assert_int_equal(sql_number(f, "SELECT count(*) FROM inbox_events"), 1);
    assert_int_equal(sql_number(f, "SELECT count(*) FROM inbox_deliveries"), 0);
    if (!on_postgres())
        assert_int_equal(sql_number(f, "SELECT count(*) FROM inbox_seen"), 0);
}

static void
test_a_deleted_connection_leaves_no_delivery_behind(void **state)
{
    struct fixture *f = *state;
    bool done = false;
    add(f, 1, "0123456789abcdef", NOW, 0);
    for (int i = 0; i < 20 && !done; i++) {
        begin(f);
        assert_ok(store_connection_delete(f->db, f->tenant.id, f->connection.id, false, NOW, NULL, &done, &f->err), f->err);
        commit(f);
    }
    assert_int_equal(sql_number(f, "SELECT count(*) FROM inbox_deliveries"), 0);
    if (!on_postgres())
        assert_int_equal(sql_number(f, "SELECT count(*) FROM inbox_seen"), 0);
    char again[300];
    snprintf(again, sizeof(again), "INSERT INTO connections (id, tenant, uuid, template_name, name, enabled, status, created_at, updated_at) "
             "VALUES (%d, %d, 'u', 't', 'n', 1, 'active', 1, 1)", (int)f->connection.id, (int)f->tenant.id);
    begin(f);
    assert_ok(db_script(f->db, again, &f->err), f->err);
    commit(f);
    assert_true(add(f, 2, "0123456789abcdef", NOW, 0)); /* nor in memory */
}

/* Whoever was looked up a moment ago may be gone: nobody would ever take what came for him, or delete it. */
static void
test_nothing_is_kept_for_a_connection_that_is_being_deleted_or_gone(void **state)
{
    struct fixture *f = *state;
    bool done = false;
    assert_true(add(f, 1, "0123456789abcdef", NOW, NOW));
    for (int n = 2; !done; n++) {
        begin(f);
        assert_ok(store_connection_delete(f->db, f->tenant.id, f->connection.id, true, NOW, NULL, &done, &f->err), f->err);
        commit(f);
        assert_false(add(f, n, "0123456789abcdeg", NOW, NOW));
        (void)add(f, 100 + n, NULL, NOW, NOW);
    }
    assert_int_equal(sql_number(f, "SELECT count(*) FROM inbox_events"), 0);
    assert_int_equal(sql_number(f, "SELECT count(*) FROM inbox_deliveries"), 0);
}

/* What came in its very last moment goes with the first who looks. */
static void
test_what_came_for_a_connection_that_is_gone_is_forgotten(void **state)
{
    struct fixture *f = *state;
    assert_true(add(f, 1, "0123456789abcdef", NOW, NOW));
    struct inbox_queue q = claim(f, NODE, NOW, ROW_FOUND);
    begin(f);
    assert_ok(store_inbox_forget_gone(f->db, q.tenant, q.connection, &f->err), f->err);
    commit(f);
    assert_int_equal(sql_number(f, "SELECT count(*) FROM inbox_events"), 1);
    begin(f);
    assert_ok(store_inbox_forget_gone(f->db, q.tenant, q.connection + 1, &f->err), f->err);
    commit(f);
    assert_int_equal(sql_number(f, "SELECT count(*) FROM inbox_events"), 1);
    begin(f);
    assert_ok(db_script(f->db, "UPDATE inbox_events SET connection = 77; UPDATE inbox_queues SET connection = 77", &f->err), f->err);
    assert_ok(store_inbox_forget_gone(f->db, q.tenant, 77, &f->err), f->err);
    commit(f);
    assert_int_equal(sql_number(f, "SELECT count(*) FROM inbox_events"), 0);
    assert_int_equal(sql_number(f, "SELECT count(*) FROM inbox_queues"), 0);
}
