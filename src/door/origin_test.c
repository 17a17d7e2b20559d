#include "base/test.h"

#include "door/origin_priv.h"

static struct arena arena;
static struct origins origins;
static struct err err;
static struct http_header headers[8];
static struct http_exchange x;

static int
setup(void **state)
{
    (void)state;
    arena_init(&arena, 1 << 16);
    err = (struct err){0};
    memset(&x, 0, sizeof(x));
    x.headers.items = headers;
    x.method = STR("POST");
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static void
call_from(const char *origin, const char *host, const char *type)
{
    x.headers.count = 0;
    if (origin)
        headers[x.headers.count++] = (struct http_header){STR("Origin"), str_from_c(origin)};
    if (host)
        headers[x.headers.count++] = (struct http_header){STR("Host"), str_from_c(host)};
    if (type)
        headers[x.headers.count++] = (struct http_header){STR("Content-Type"), str_from_c(type)};
}

#define assert_origin(origin, host, expected)                \
    do {                                                     \
        call_from((origin), (host), NULL);                        \
        assert_int_equal(origin_of(&origins, &x), expected); \
    } while (0)

static void
test_our_own_origin_is_the_public_url_or_the_address_that_was_called(void **state)
{
    (void)state;
    assert_ok(origins_init(&origins, &arena, STR("https://Sync.example.com/base"), STR_NONE, &err), err);
    assert_origin(NULL, "127.0.0.1:3000", ORIGIN_NONE);
    assert_origin("https://sync.example.com", "10.0.0.7:3000", ORIGIN_OWN);
    assert_origin("http://127.0.0.1:3000", "127.0.0.1:3000", ORIGIN_OWN);
    assert_origin("http://sync.example.com", "10.0.0.7:3000", ORIGIN_FOREIGN);
    assert_origin("https://sync.example.com.evil.test", "10.0.0.7:3000", ORIGIN_FOREIGN);
    assert_origin("https://evil.test", "127.0.0.1:3000", ORIGIN_FOREIGN);
    assert_origin("http://127.0.0.1:3001", "127.0.0.1:3000", ORIGIN_FOREIGN);
    assert_origin("null", "127.0.0.1:3000", ORIGIN_FOREIGN);
    assert_origin("", "", ORIGIN_FOREIGN);
    assert_origin("http://", "", ORIGIN_FOREIGN);
    assert_origin("file://127.0.0.1:3000", "127.0.0.1:3000", ORIGIN_FOREIGN);
}

static void
test_only_origins_can_be_allowed(void **state)
{
    (void)state;
    static const char *const bad[] = {"*", "https://*.example.com", "app.example.com", "https://app.example.com/", "ftp://a.b",
                                      "https://u:p@a.b", "https://a.b?x", "https://a.b#x", "null"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_fails_with(origins_init(&origins, &arena, STR_NONE, str_from_c(bad[i]), &err), err, E_CONFIG);
    assert_ok(origins_init(&origins, &arena, STR_NONE, STR(" https://App.example.com , http://localhost:5173"), &err), err);
    assert_origin("https://app.example.com", "127.0.0.1:3000", ORIGIN_ALLOWED);
    assert_origin("http://localhost:5173", "127.0.0.1:3000", ORIGIN_ALLOWED);
    assert_origin("http://localhost:5174", "127.0.0.1:3000", ORIGIN_FOREIGN);
    assert_origin("http://app.example.com", "127.0.0.1:3000", ORIGIN_FOREIGN);
}

static void
test_a_cookie_changes_something_only_from_known_origins_with_a_json_type(void **state)
{
    (void)state;
    assert_ok(origins_init(&origins, &arena, STR_NONE, STR("https://app.example.com"), &err), err);
    call_from("http://h:1", "h:1", "application/json; charset=utf-8");
    assert_ok(origin_may_change(&origins, &x, VIA_COOKIE, &err), err);
    call_from("https://app.example.com", "h:1", "application/json");
    assert_ok(origin_may_change(&origins, &x, VIA_COOKIE, &err), err);
    call_from("https://evil.test", "h:1", "application/json");
    assert_fails_with(origin_may_change(&origins, &x, VIA_COOKIE, &err), err, E_FORBIDDEN);
    assert_ok(origin_may_change(&origins, &x, VIA_BEARER, &err), err);
    call_from(NULL, "h:1", "application/json");
    assert_fails_with(origin_may_change(&origins, &x, VIA_COOKIE, &err), err, E_FORBIDDEN);
    static const char *const types[] = {"text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/plain;application/json"};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        call_from("http://h:1", "h:1", types[i]);
        assert_fails_with(origin_may_change(&origins, &x, VIA_COOKIE, &err), err, E_UNSUPPORTED_MEDIA_TYPE);
    }
    call_from("http://h:1", "h:1", NULL);
    assert_fails_with(origin_may_change(&origins, &x, VIA_COOKIE, &err), err, E_UNSUPPORTED_MEDIA_TYPE);
    x.method = STR("DELETE"); /* no form sends it */
    assert_ok(origin_may_change(&origins, &x, VIA_COOKIE, &err), err);
}

static void
test_the_demo_user_needs_no_origin_but_no_strange_one_either(void **state)
{
    (void)state;
    assert_ok(origins_init(&origins, &arena, STR_NONE, STR_NONE, &err), err);
    call_from(NULL, "localhost:3000", "application/json");
    assert_ok(origin_may_change(&origins, &x, VIA_DEMO, &err), err);
    call_from("https://evil.test", "localhost:3000", "application/json");
    assert_fails_with(origin_may_change(&origins, &x, VIA_DEMO, &err), err, E_FORBIDDEN);
    static const struct {
        const char *host;
        bool loopback;
    } hosts[] = {{"localhost:3000", true}, {"127.0.0.1", true}, {"[::1]:3000", true}, {"evil.test:3000", false},
                 {"localhost.evil.test", false}, {"127.0.0.1.evil.test", false}, {"", false}};
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        call_from(NULL, hosts[i].host, NULL);
        assert_int_equal(host_is_loopback(&x), hosts[i].loopback);
    }
}
