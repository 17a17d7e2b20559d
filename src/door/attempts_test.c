#include "base/test.h"

#include "door/identity_priv.h"

static struct clock_manual manual;
static struct attempts *failures;

static int
setup(void **state)
{
    (void)state;
    clock_manual_init(&manual, INT64_C(1800000000) * US_PER_S);
    failures = attempts_new(&manual.clock, LIMIT_AUTH_FAILURES, LIMIT_AUTH_WINDOW_S);
    return failures ? 0 : -1;
}

static int
teardown(void **state)
{
    (void)state;
    attempts_free(failures);
    return 0;
}

static void
fail_times(const char *peer, unsigned times)
{
    int64_t wait_ms;
    for (unsigned i = 0; i < times; i++)
        assert_true(attempts_add(failures, str_from_c(peer), &wait_ms));
}

static void
test_the_eleventh_failure_within_five_minutes_must_wait(void **state)
{
    (void)state;
    int64_t wait_ms = 0;
    fail_times("192.0.2.1", LIMIT_AUTH_FAILURES);
    clock_manual_advance(&manual, 60 * US_PER_S);
    assert_false(attempts_add(failures, STR("192.0.2.1"), &wait_ms));
    assert_int_equal(wait_ms, (LIMIT_AUTH_WINDOW_S - 60) * 1000);
}

static void
test_another_address_is_not_slowed_down(void **state)
{
    (void)state;
    int64_t wait_ms;
    fail_times("192.0.2.1", LIMIT_AUTH_FAILURES);
    assert_true(attempts_add(failures, STR("192.0.2.2"), &wait_ms));
}

static void
test_the_window_ends(void **state)
{
    (void)state;
    int64_t wait_ms;
    fail_times("2001:db8::1", LIMIT_AUTH_FAILURES);
    assert_false(attempts_add(failures, STR("2001:db8::1"), &wait_ms));
    clock_manual_advance(&manual, LIMIT_AUTH_WINDOW_S * US_PER_S);
    assert_true(attempts_add(failures, STR("2001:db8::1"), &wait_ms));
}

static void
test_many_addresses_do_not_grow_it(void **state)
{
    (void)state;
    char peer[32];
    int64_t wait_ms;
    for (int i = 0; i < 20000; i++) {
        snprintf(peer, sizeof(peer), "10.%d.%d.%d", i >> 16, (i >> 8) & 255, i & 255);
        assert_true(attempts_add(failures, str_from_c(peer), &wait_ms));
    }
}

static void
test_only_a_bearer_scheme_carries_a_token(void **state)
{
    (void)state;
    assert_str(bearer_token(STR("Bearer tm_abc")), "tm_abc");
    assert_str(bearer_token(STR("bearer  tm_abc ")), "tm_abc");
    assert_true(str_is_none(bearer_token(STR("Basic dXNlcjpwYXNz"))));
    assert_true(str_is_none(bearer_token(STR("Bearer "))));
    assert_true(str_is_none(bearer_token(STR_NONE)));
}

static void
test_a_missing_permission_is_named(void **state)
{
    (void)state;
    struct err err = {0};
    struct identity reader = {.permissions = PERMISSION_READ};
    assert_ok(identity_may(&reader, ACCESS_READ, &err), err);
    assert_fails_with(identity_may(&reader, ACCESS_UPDATE, &err), err, E_FORBIDDEN);
    assert_string_equal(err.message, "This token lacks the permission content:update");
    assert_fails_with(identity_may(&reader, ACCESS_DELETE, &err), err, E_FORBIDDEN);
    assert_fails_with(identity_may(&reader, ACCESS_ADMIN, &err), err, E_FORBIDDEN);
}

/* D18: the same words whether the other tenant exists or not; the store is not even asked. */
static void
test_a_tenants_token_reaches_its_own_tenant_only(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 16);
    struct tenant meant;
    struct err err = {0};
    struct identity who = {.tenant = {.id = 7, .uuid = STR("0193b2f0-0000-7000-8000-000000000007"), .key = STR("org7")}};
    assert_ok(identity_tenant(NULL, &who, &a, STR_NONE, &meant, &err), err);
    assert_int_equal(meant.id, 7);
    assert_ok(identity_tenant(NULL, &who, &a, STR("org7"), &meant, &err), err);
    assert_ok(identity_tenant(NULL, &who, &a, STR("7"), &meant, &err), err);
    assert_ok(identity_tenant(NULL, &who, &a, STR("0193B2F0-0000-7000-8000-000000000007"), &meant, &err), err);
    assert_fails_with(identity_tenant(NULL, &who, &a, STR("org8"), &meant, &err), err, E_FORBIDDEN);
    assert_fails_with(identity_tenant(NULL, &who, &a, STR(""), &meant, &err), err, E_FORBIDDEN);
    arena_release(&a);
}
