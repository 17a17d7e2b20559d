/*
 * Writes that wait share commits: each learns its own result, short ones go first, and those that nobody waits for ride along.
 */
#include "tests/store/notes.h"

static int
setup(void **state)
{
    *state = fixture_new();
    return 0;
}

/* Many small writes that wait share commits; each learns its own result. */
static void
test_writes_that_wait_are_grouped_and_a_failing_one_undoes_only_itself(void **state)
{
    struct fixture *f = *state;
    struct db_trace trace = {.at = DB_TRACE_COMMIT};
    struct clock_manual clock;
    clock_manual_init(&clock, NOW);
    struct store *store = opened_by(f, &trace, &clock.clock);
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p"};
    struct note n[ARRAY_LEN(names)];
    atomic_store(&trace.calls, 0);
    for (size_t i = 0; i < ARRAY_LEN(n); i++) {
        note_init(&n[i], names[i]);
        n[i].fails = i % 4 == 3;
        if (i == 0)
            write_held(store, &n[i]);
        else
            store_write_async(store, STORE_SHORT, write_note, &n[i], note_done);
    }
    open_gate();
    unsigned failed = 0;
    for (size_t i = 0; i < ARRAY_LEN(n); i++) {
        note_wait(&n[i]);
        assert_int_equal(n[i].ok, !n[i].fails);
        failed += n[i].fails;
        if (n[i].fails)
            assert_int_equal(n[i].code, E_CONFLICT);
    }
    assert_int_equal(notes(f), ARRAY_LEN(n) - failed);
    if (!on_postgres())
        assert_true(atomic_load(&trace.calls) <= 4);
    store_close(store);
}

/* Gives them all at once, the first one held, so that the others gather behind it, and waits for their ends. */
static void
write_together(struct store *store, struct note *n, size_t count)
{
    write_held(store, &n[0]);
    for (size_t i = 1; i < count; i++)
        store_write_async(store, STORE_SHORT, write_note, &n[i], note_done);
    open_gate();
    for (size_t i = 0; i < count; i++)
        note_wait(&n[i]);
}

#define CROWD 16

/* What can wait asks, and stands back; when the crowd has gone it is told so. */
static void
test_a_crowd_of_writes_is_known_while_it_lasts(void **state)
{
    struct fixture *f = *state;
    struct store *store = opened(f, NULL);
    struct note n[CROWD];
    char names[CROWD][8];
    assert_false(store_is_pressed(store));
    for (size_t i = 0; i < CROWD; i++) {
        snprintf(names[i], sizeof(names[i]), "n%zu", i);
        note_init(&n[i], names[i]);
    }
    write_held(store, &n[0]);
    for (size_t i = 1; i < CROWD; i++)
        store_write_async(store, STORE_SHORT, write_note, &n[i], note_done);
    if (!on_postgres())
        assert_true(store_is_pressed(store));
    open_gate();
    for (size_t i = 0; i < CROWD; i++)
        note_wait(&n[i]);
    for (int i = 0; store_is_pressed(store); i++) {
        assert_true(i < 60000);
        usleep(1000);
    }
    store_close(store);
}

/* By the store's clock: that one stands still here, and so the crowd stays. */
static void
test_a_crowd_has_gone_some_time_after_its_last_commit(void **state)
{
    struct fixture *f = *state;
    struct clock_manual manual;
    clock_manual_init(&manual, 1700000000 * US_PER_S);
    struct store_options options = fixture_options(f);
    options.clock = &manual.clock;
    if (on_postgres())
        return;
    struct store *store = store_open(&options, &f->err);
    assert_non_null(store);
    struct note n[CROWD];
    char names[CROWD][8];
    for (size_t i = 0; i < CROWD; i++) {
        snprintf(names[i], sizeof(names[i]), "n%zu", i);
        note_init(&n[i], names[i]);
    }
    write_together(store, n, CROWD);
    usleep(50000); /* longer than a crowd is remembered */
    assert_true(store_is_pressed(store));
    clock_manual_advance(&manual, US_PER_S);
    assert_false(store_is_pressed(store));
    store_close(store);
}

/* Without savepoints until one fails: then the others run once more, and with savepoints from there on. */
static void
test_a_failing_write_makes_its_group_run_again_and_those_after_it_only_once(void **state)
{
    struct fixture *f = *state;
    if (on_postgres())
        return;
    struct clock_manual clock;
    clock_manual_init(&clock, NOW);
    struct store *store = opened_by(f, NULL, &clock.clock);
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    for (int round = 0; round < 3; round++) {
        struct note n[ARRAY_LEN(names)];
        for (size_t i = 0; i < ARRAY_LEN(n); i++)
            note_init(&n[i], names[i]);
        n[5].fails = round > 0;
        write_together(store, n, ARRAY_LEN(n));
        for (size_t i = 0; i < ARRAY_LEN(n); i++) {
            bool again = round == 1 && i <= 5;
            assert_int_equal(n[i].ok, i != 5 || round == 0);
            assert_int_equal(atomic_load(&n[i].runs), again ? 2 : 1);
        }
        assert_int_equal(notes(f), ARRAY_LEN(n)); /* f is there from the first round */
    }
    store_close(store);
}

static void
test_short_writes_go_before_pages(void **state)
{
    struct fixture *f = *state;
    if (on_postgres()) /* there each has a connection of its own */
        return;
    struct store *store = opened(f, NULL);
    struct note first, page, small;
    note_init(&first, "first");
    note_init(&page, "page");
    note_init(&small, "small");
    write_held(store, &first);
    store_write_async(store, STORE_PAGE, write_note, &page, note_done);
    store_write_async(store, STORE_SHORT, write_note, &small, note_done);
    open_gate();
    note_wait(&first);
    note_wait(&page);
    note_wait(&small);
    assert_true(small.place < page.place);
    store_close(store);
}

/* A commit that fails is tried again one by one, so that nobody pays for another. */
static void
test_a_failed_group_commit_is_repeated_closure_by_closure(void **state)
{
    struct fixture *f = *state;
    if (on_postgres())
        return;
    struct db_trace trace = {.at = DB_TRACE_COMMIT};
    struct clock_manual clock;
    clock_manual_init(&clock, NOW);
    struct store *store = opened_by(f, &trace, &clock.clock);
    struct note n[4];
    static const char *const names[] = {"a", "b", "c", "d"};
    atomic_store(&trace.calls, 0);
    atomic_store(&trace.fail_at, 2);
    for (size_t i = 0; i < ARRAY_LEN(n); i++) {
        note_init(&n[i], names[i]);
        n[i].clock = i == 0 ? &clock : NULL;
        n[i].takes_us = 50000; /* longer than a group lasts: it commits alone, the others together */
        if (i == 0)
            write_held(store, &n[i]);
        else
            store_write_async(store, STORE_SHORT, write_note, &n[i], note_done);
    }
    open_gate();
    for (size_t i = 0; i < ARRAY_LEN(n); i++) {
        note_wait(&n[i]);
        assert_true(n[i].ok);
    }
    assert_int_equal(notes(f), 4);
    assert_true(atomic_load(&n[1].runs) == 2); /* in the group, and alone */
    store_close(store);
}

/* F9: the answer to COMMIT is lost. The caller is told that nobody knows; the store goes on. */
static void
test_a_commit_whose_answer_is_lost_is_uncertain_and_not_repeated(void **state)
{
    struct fixture *f = *state;
    struct db_trace trace = {.at = DB_TRACE_COMMIT_LOST};
    struct store *store = opened(f, &trace);
    struct note n, next;
    note_init(&n, "lost");
    note_init(&next, "next");
    atomic_store(&trace.calls, 0);
    atomic_store(&trace.fail_at, 1);
    assert_fails_with(store_write(store, write_note, &n, &f->err), f->err, E_STORE_UNCERTAIN);
    assert_int_equal(atomic_load(&n.runs), 1);
    assert_int_equal(notes(f), 1); /* it was saved: reading tells */
    assert_ok(store_write(store, write_note, &next, &f->err), f->err);
    assert_int_equal(notes(f), 2);
    store_close(store);
}

/* Those for which nobody waits share the commit of the next that somebody waits for; alone they are written a moment later. */
static void
test_a_lazy_write_rides_with_the_next_and_is_written_alone_where_none_comes(void **state)
{
    struct fixture *f = *state;
    struct db_trace trace = {.at = DB_TRACE_COMMIT};
    struct clock_manual clock;
    clock_manual_init(&clock, NOW);
    struct store *store = opened_by(f, &trace, &clock.clock);
    struct note lazy, asked, alone;
    note_init(&lazy, "lazy");
    note_init(&asked, "asked");
    note_init(&alone, "alone");
    atomic_store(&trace.calls, 0);
    store_write_async(store, STORE_LAZY, write_note, &lazy, note_done);
    assert_ok(store_write(store, write_note, &asked, &f->err), f->err);
    note_wait(&lazy);
    assert_true(lazy.ok);
    if (!on_postgres())
        assert_int_equal(atomic_load(&trace.calls), 1);
    store_write_async(store, STORE_LAZY, write_note, &alone, note_done);
    clock_manual_advance(&clock, US_PER_S);
    note_wait(&alone);
    assert_int_equal(notes(f), 3);
    store_close(store);
}

static void
test_settling_waits_for_all_that_was_given(void **state)
{
    struct fixture *f = *state;
    struct store *store = opened(f, NULL);
    struct note slow, page, lazy;
    store_settle(store); /* nothing waits */
    note_init(&slow, "slow");
    note_init(&page, "page");
    note_init(&lazy, "lazy");
    slow.sleep_us = 50000;
    store_write_async(store, STORE_SHORT, write_note, &slow, note_done);
    store_write_async(store, STORE_PAGE, write_note, &page, note_done);
    store_write_async(store, STORE_LAZY, write_note, &lazy, note_done);
    store_settle(store);
    assert_true(slow.ok);
    assert_true(page.ok);
    assert_true(lazy.ok);
    assert_int_equal(store_queue_length(store), 0);
    store_close(store);
}

static bool
ride_along(struct db *db, void *ctx, struct str effect, struct err *err)
{
    struct note *n = ctx;
    assert_str(effect, "thing:1");
    return write_note(db, n, err);
}

static bool
write_with_effect(struct db *db, void *ctx, struct err *err)
{
    db_note_effect(db, "thing", STR("1"));
    return write_note(db, ctx, err);
}

/* The rider of the thread that asked goes with the write, though that thread has taken it off when it runs. */
static void
test_a_rider_goes_with_a_write_that_nobody_waits_for(void **state)
{
    struct fixture *f = *state;
    struct store *store = opened(f, NULL);
    struct note first, n, bad, rider;
    note_init(&first, "first");
    note_init(&n, "with a rider");
    note_init(&bad, "with a rider that fails");
    note_init(&rider, "rider");
    write_held(store, &first);
    store_rider_set(ride_along, &rider);
    store_write_async(store, STORE_SHORT, write_with_effect, &n, note_done);
    store_rider_set(NULL, NULL);
    open_gate();
    note_wait(&first);
    note_wait(&n);
    assert_true(n.ok);
    assert_int_equal(notes(f), 3);
    rider.fails = true;
    store_rider_set(ride_along, &rider);
    store_write_async(store, STORE_SHORT, write_with_effect, &bad, note_done);
    store_rider_set(NULL, NULL);
    note_wait(&bad);
    assert_int_equal(bad.code, E_CONFLICT);
    assert_int_equal(notes(f), 3);
    store_close(store);
}

struct key_change {
    struct arena *arena;
    struct api_key key;
    bool revokes;
};

static bool
change_key(struct db *db, void *ctx, struct err *err)
{
    struct key_change *c = ctx;
    struct tenant tenant;
    if (c->revokes)
        return store_key_revoke(db, c->key.tenant, c->key.uuid, NOW, err);
    if (!store_tenant_ensure_default(db, c->arena, NOW, &tenant, NULL, err))
        return false;
    c->key.tenant = tenant.id;
    return store_key_create(db, c->arena, &c->key, STR("hash"), NOW, err);
}

/* What doors remember of a key must be forgotten before anybody hears that it was revoked. */
static void
test_a_committed_change_of_a_key_is_counted_before_it_is_told(void **state)
{
    struct fixture *f = *state;
    struct store *store = opened(f, NULL);
    struct key_change c = {.arena = &f->arena, .key = {.name = STR("k"), .shown = STR("tm_")}};
    struct note other;
    note_init(&other, "other");
    assert_ok(store_write(store, change_key, &c, &f->err), f->err);
    uint64_t before = store_identity_generation(store);
    assert_ok(store_write(store, write_note, &other, &f->err), f->err);
    assert_true(store_identity_generation(store) == before);
    c.revokes = true;
    assert_ok(store_write(store, change_key, &c, &f->err), f->err);
    assert_true(store_identity_generation(store) > before);
    store_close(store);
}
