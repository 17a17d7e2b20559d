#include "base/test.h"

#include "net/http.h"

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

static void
test_header_names_are_compared_without_case(void **state)
{
    (void)state;
    struct http_header items[] = {{STR("Content-Type"), STR("a")}, {STR("content-type"), STR("b")}};
    struct http_headers headers = {items, 2};
    assert_str(http_header_get(&headers, "CONTENT-TYPE"), "a");
    assert_true(str_is_none(http_header_get(&headers, "Content")));
}

static void
test_query_is_decoded_in_order(void **state)
{
    (void)state;
    struct http_pair *pairs;
    size_t count;
    assert_true(http_query_parse(&arena, STR("a=1&b=x%20y+z&&c&=d&a=%3D%26"), &pairs, &count));
    assert_int_equal(count, 5);
    assert_str(pairs[1].name, "b");
    assert_str(pairs[1].value, "x y z");
    assert_str(pairs[2].name, "c");
    assert_str(pairs[2].value, "");
    assert_str(pairs[3].name, "");
    assert_str(pairs[4].value, "=&");
    assert_true(http_query_parse(&arena, STR(""), &pairs, &count));
    assert_int_equal(count, 0);
}

static void
test_query_with_a_broken_escape_is_refused(void **state)
{
    (void)state;
    struct http_pair *pairs;
    size_t count;
    assert_false(http_query_parse(&arena, STR("a=%2"), &pairs, &count));
    assert_false(http_query_parse(&arena, STR("%zz=1"), &pairs, &count));
    struct arena small;
    arena_init(&small, 64);
    assert_false(http_query_parse(&small, STR("a=1&b=2&c=3&d=4"), &pairs, &count));
    arena_release(&small);
}

static void
test_query_is_built_with_escapes(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 200);
    buf_add_c(&b, "/x?");
    assert_true(http_query_add(&b, STR("a b"), STR("1&2")));
    assert_true(http_query_add(&b, STR("c"), STR("")));
    assert_str(buf_str(&b), "/x?a%20b=1%262&c=");
    buf_release(&b);
}

static void
test_url_is_taken_apart(void **state)
{
    (void)state;
    struct http_url url;
    assert_true(http_url_parse(STR("https://api.example.com/v1/x?a=1#top"), &url));
    assert_str(url.scheme, "https");
    assert_str(url.host, "api.example.com");
    assert_int_equal(url.port, 443);
    assert_str(url.path, "/v1/x");
    assert_str(url.query, "a=1");
    assert_str(url.fragment, "top");
    assert_false(url.has_userinfo);
    assert_true(http_url_parse(STR("HTTP://user:pw@[::1]:8080"), &url));
    assert_str(url.host, "::1");
    assert_int_equal(url.port, 8080);
    assert_true(url.has_userinfo);
    assert_str(url.path, "");
    assert_true(http_url_parse(STR("http://h?q"), &url));
    assert_str(url.query, "q");
    assert_int_equal(url.port, 80);
    assert_true(http_url_parse(STR("http://h#f?x"), &url));
    assert_str(url.fragment, "f?x");
    assert_true(url.query.len == 0);
}

static void
test_urls_that_readers_disagree_about_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "http", "http:", "http:/x", "ftp://h/", "file:///etc", "http://", "http:///x", "http://:80/", "http://h:0/",
        "http://h:65536/", "http://h:8a/", "http://[::1/", "http://[::1]x/", "http://a b/", "http://a\\@b/",
        "http://h/\r\nX: y", "http://::1/", "http://h]/", " http://h/", "http://[[::1]/",
    };
    struct http_url url;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (http_url_parse(str_from_c(bad[i]), &url))
            fail_msg("accepted: %s", bad[i]);
}
