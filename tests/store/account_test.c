/*
 * Accounts on both databases: names of syncs, rows of a connection, sign-ins that work once.
 */
#include "tests/store/fixture.h"

#include "store/store_account.h"

#define BEGAN INT64_C(1795335439387000)

static struct run
new_run(struct fixture *f)
{
    struct run run;
    struct run_new ask = {.tenant = f->tenant.id, .connection = f->connection.id, .trigger = STR("manual"), .priority = PRIORITY_NORMAL};
    assert_ok(store_run_create(f->db, &f->arena, &ask, BEGAN, &run, &f->err), f->err);
    return run;
}

static void
test_a_sync_has_a_name_of_its_own_even_in_the_same_millisecond(void **state)
{
    struct fixture *f = *state;
    struct str first, second;
    struct account_sync sync;
    struct run run = new_run(f);
    assert_ok(store_account_sync_name(f->db, &f->arena, f->tenant.id, f->connection.id, run.id, STR("ana"), BEGAN, &first, &f->err), f->err);
    assert_str(first, "sync_ana_1795335439387");
    /* Another run, as of another connection of hers: the next free name. */
    struct run other = {.id = run.id + 1};
    assert_ok(store_account_sync_name(f->db, &f->arena, f->tenant.id, f->connection.id + 1, other.id, STR("ana"), BEGAN, &second, &f->err), f->err);
    assert_str(second, "sync_ana_1795335439388");
    assert_int_equal(store_account_sync_find(f->db, &f->arena, f->tenant.id, first, &sync, &f->err), ROW_FOUND);
    assert_int_equal(sync.run, run.id);
    assert_int_equal(store_account_sync_find(f->db, &f->arena, f->tenant.id + 1, first, &sync, &f->err), ROW_NONE);
    assert_int_equal(store_account_sync_of_run(f->db, &f->arena, f->tenant.id, run.id, &sync, &f->err), ROW_FOUND);
    assert_str(sync.user_id, "ana");
    int64_t found = 0;
    assert_int_equal(store_account_run_at(f->db, f->tenant.id, f->connection.id, BEGAN / 1000, &found, &f->err), ROW_FOUND);
    assert_int_equal(found, run.id);
    assert_int_equal(store_account_run_at(f->db, f->tenant.id, f->connection.id, BEGAN / 1000 + 1, &found, &f->err), ROW_NONE);
}

static void
test_names_of_runs_that_are_gone_are_forgotten(void **state)
{
    struct fixture *f = *state;
    struct str name, next;
    struct account_sync sync;
    assert_ok(store_account_sync_name(f->db, &f->arena, f->tenant.id, f->connection.id, 999999, STR("ana"), BEGAN, &name, &f->err), f->err);
    struct run run = new_run(f);
    assert_ok(store_account_sync_name(f->db, &f->arena, f->tenant.id, f->connection.id, run.id, STR("bia"), BEGAN, &next, &f->err), f->err);
    assert_int_equal(store_account_sync_find(f->db, &f->arena, f->tenant.id, name, &sync, &f->err), ROW_NONE);
}

static struct sign_in
open_sign_in(struct fixture *f, const char *hash, int64_t life_us)
{
    struct sign_in s = {.connection = f->connection.id, .asked_by = STR("user:ana"), .by_session = true,
                        .redirect_uri = STR("https://sync.example.com/back"), .return_to = STR_NONE, .verifier = STR("sealed"),
                        .created_us = BEGAN, .expires_us = BEGAN + life_us};
    assert_ok(store_sign_in_create(f->db, f->tenant.id, str_from_c(hash), &s, 2, &f->err), f->err);
    return s;
}

static void
test_a_sign_in_is_taken_once_and_in_time(void **state)
{
    struct fixture *f = *state;
    bool taken = false;
    struct sign_in s;
    open_sign_in(f, "h1", US_PER_MINUTE);
    assert_ok(store_sign_in_take(f->db, f->tenant.id + 1, STR("h1"), BEGAN, &taken, &f->err), f->err);
    assert_false(taken); /* another tenant's */
    assert_ok(store_sign_in_take(f->db, f->tenant.id, STR("h1"), BEGAN + US_PER_MINUTE, &taken, &f->err), f->err);
    assert_false(taken); /* too late */
    assert_ok(store_sign_in_take(f->db, f->tenant.id, STR("h1"), BEGAN + 1, &taken, &f->err), f->err);
    assert_true(taken);
    assert_ok(store_sign_in_take(f->db, f->tenant.id, STR("h1"), BEGAN + 2, &taken, &f->err), f->err);
    assert_false(taken); /* used */
    assert_int_equal(store_sign_in_get(f->db, &f->arena, f->tenant.id, STR("h1"), &s, &f->err), ROW_FOUND);
    assert_str(s.state, "exchanging"); /* what a crash here leaves */
    assert_ok(store_sign_in_end(f->db, f->tenant.id, STR("h1"), STR("no"), &f->err), f->err);
    assert_int_equal(store_sign_in_newest(f->db, &f->arena, f->tenant.id, f->connection.id, &s, &f->err), ROW_FOUND);
    assert_str(s.state, "failed");
    assert_true(str_is_none(s.verifier));
    assert_str(s.error_message, "no");
}

static void
test_open_sign_ins_of_a_tenant_are_bounded(void **state)
{
    struct fixture *f = *state;
    open_sign_in(f, "h1", US_PER_MINUTE);
    open_sign_in(f, "h2", US_PER_MINUTE);
    struct sign_in s = {.connection = f->connection.id, .asked_by = STR("user:ana"), .redirect_uri = STR("x"), .created_us = BEGAN,
                        .expires_us = BEGAN + 1};
    assert_false(store_sign_in_create(f->db, f->tenant.id, STR("h3"), &s, 2, &f->err));
    assert_int_equal(f->err.code, E_RATE_LIMITED);
    s.created_us = BEGAN + US_PER_HOUR; /* they ran out: there is room again */
    s.expires_us = s.created_us + 1;
    f->err = (struct err){0};
    assert_ok(store_sign_in_create(f->db, f->tenant.id, STR("h3"), &s, 2, &f->err), f->err);
}
