#include "base/test.h"

#include "door/router_priv.h"

static bool
handle(struct request *r, struct err *err)
{
    (void)r, (void)err;
    return true;
}

static const struct route routes[] = {
    {"GET", "/", ACCESS_ANYONE, DIALECT_CORE, 0, handle},
    {"GET", "/runs", ACCESS_READ, DIALECT_CORE, 0, handle},
    {"POST", "/runs", ACCESS_UPDATE, DIALECT_CORE, 0, handle},
    {"GET", "/runs/newest", ACCESS_READ, DIALECT_CORE, 0, handle},
    {"GET", "/runs/:id", ACCESS_READ, DIALECT_CORE, 0, handle},
    {"DELETE", "/runs/:id", ACCESS_DELETE, DIALECT_CORE, 0, handle},
    {"GET", "/runs/:id/pages/:page", ACCESS_READ, DIALECT_CORE, 0, handle},
    {"GET", "/purge", ACCESS_DELETE, DIALECT_STATUS, ROUTE_CHANGES, handle},
};
static const struct route_table table = {routes, ARRAY_LEN(routes)};
static const struct route_table *const tables[] = {&table};

static struct arena arena;

static int
setup(void **state)
{
    (void)state;
    arena_init(&arena, 1 << 20);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static enum route_result
match(const char *method, const char *path, struct route_match *m)
{
    return router_match(tables, ARRAY_LEN(tables), &arena, str_from_c(method), str_from_c(path), m);
}

static void
test_fixed_segment_wins_over_parameter(void **state)
{
    (void)state;
    struct route_match m;
    assert_int_equal(match("GET", "/runs/newest", &m), ROUTE_FOUND);
    assert_string_equal(m.route->pattern, "/runs/newest");
    assert_int_equal(match("GET", "/runs/abc", &m), ROUTE_FOUND);
    assert_string_equal(m.route->pattern, "/runs/:id");
    assert_str(m.params[0], "abc");
}

static void
test_an_address_is_found_again_as_it_was_found_first(void **state)
{
    (void)state;
    struct route_match m;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(match("GET", "/runs/a%2Fb/pages/7", &m), ROUTE_FOUND);
        assert_str(m.params[0], "a/b");
        assert_str(m.params[1], "7");
        assert_false(m.head);
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(match("HEAD", "/runs/a%2Fb/pages/7", &m), ROUTE_FOUND);
        assert_true(m.head);
    }
    assert_int_equal(match("PUT", "/runs/a%2Fb/pages/7", &m), ROUTE_NO_METHOD);
    assert_int_equal(match("HEAD", "/runs/a%2Fb/pages/", &m), ROUTE_NO_PATH);
    assert_int_equal(match("HEAD", "/runs/a%2Fb/pages/8", &m), ROUTE_FOUND);
    assert_str(m.params[1], "8");
}

static void
test_parameters_are_decoded_once_and_keep_an_encoded_slash(void **state)
{
    (void)state;
    struct route_match m;
    assert_int_equal(match("GET", "/runs/a%2Fb%2520/pages/7", &m), ROUTE_FOUND);
    assert_str(m.params[0], "a/b%20");
    assert_str(m.params[1], "7");
}

static void
test_broken_escape_is_a_bad_path(void **state)
{
    (void)state;
    struct route_match m;
    assert_int_equal(match("GET", "/runs/%zz", &m), ROUTE_BAD_PATH);
    assert_int_equal(match("GET", "/runs/%4", &m), ROUTE_BAD_PATH);
    assert_int_equal(match("GET", "/runs/a%00", &m), ROUTE_BAD_PATH);
    assert_int_equal(match("GET", "/runs/%ff", &m), ROUTE_BAD_PATH);
}

static void
test_unknown_path_and_empty_segments_are_not_found(void **state)
{
    (void)state;
    struct route_match m;
    static const char *const unknown[] = {"/nothing", "/runs/", "/runs//pages/7", "/runs/a/pages", "//", "", "runs",
                                          "/runs/a/pages/7/8"};
    for (size_t i = 0; i < ARRAY_LEN(unknown); i++)
        if (match("GET", unknown[i], &m) != ROUTE_NO_PATH)
            fail_msg("%s should have no route", unknown[i]);
    assert_int_equal(match("GET", "/", &m), ROUTE_FOUND);
}

static void
test_other_method_lists_what_is_allowed(void **state)
{
    (void)state;
    struct route_match m;
    assert_int_equal(match("PUT", "/runs", &m), ROUTE_NO_METHOD);
    assert_string_equal(m.allow, "GET, HEAD, POST");
    assert_int_equal(match("PATCH", "/runs/abc", &m), ROUTE_NO_METHOD);
    assert_string_equal(m.allow, "GET, HEAD, DELETE");
    assert_int_equal(match("get", "/runs", &m), ROUTE_NO_METHOD);
}

static void
test_head_is_served_by_get_unless_the_get_changes_state(void **state)
{
    (void)state;
    struct route_match m;
    assert_int_equal(match("HEAD", "/runs", &m), ROUTE_FOUND);
    assert_true(m.head);
    assert_int_equal(match("HEAD", "/purge", &m), ROUTE_NO_METHOD);
    assert_string_equal(m.allow, "GET");
}

static void
test_unknown_address_is_answered_in_the_dialect_of_its_door(void **state)
{
    (void)state;
    assert_int_equal(router_dialect_of(STR("/api/v1/sync/nothing")), DIALECT_CORE);
    assert_int_equal(router_dialect_of(STR("/sync/nothing")), DIALECT_STATUS);
    assert_int_equal(router_dialect_of(STR("/sync")), DIALECT_STATUS);
    assert_int_equal(router_dialect_of(STR("/syncing")), DIALECT_CORE);
    assert_int_equal(router_dialect_of(STR("/api/admin/nothing")), DIALECT_STATUS);
    assert_int_equal(router_dialect_of(STR("/api/v1/integrations/amazon/nothing")), DIALECT_MESSAGE);
}
