/*
 * I-33, F26, F27: where requests may go, at every hop, and what may go along.
 */
#include "net/test_vendor.h"

static int
setup(void **state)
{
    return vendor_setup(state);
}

static int
teardown(void **state)
{
    return vendor_teardown(state);
}

static void
test_i33_urls_that_may_not_be_called_are_refused_at_the_start(void **state)
{
    (void)state;
    static const char *const bad[] = {"ftp://h/", "file:///etc/passwd", "gopher://h/", "http://", "x", "",
                                      "http://user:pw@127.0.0.1/", "http://h/\r\nX: y"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err err = {0};
        struct http_request request = {.url = str_from_c(bad[i])};
        assert_null(http_client_start(client, &request, &err));
        assert_int_equal(err.code, E_ADDRESS_REFUSED);
    }
    struct err err = {0};
    struct http_request plain = {.url = STR("http://example.com/")};
    policy.allow_http = false;
    assert_null(http_client_start(client, &plain, &err));
    assert_int_equal(err.code, E_ADDRESS_REFUSED);
}

static void
test_headers_that_would_break_the_request_are_refused(void **state)
{
    (void)state;
    struct http_header bad[] = {{STR("X"), STR("a\r\nEvil: 1")}, {STR("A B"), STR("x")}, {STR(""), STR("x")},
                                {STR("X"), STR("a\0b")}};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err err = {0};
        struct http_request request = {.url = STR("http://127.0.0.1/"), .headers = {&bad[i], 1}};
        assert_null(http_client_start(client, &request, &err));
        assert_int_equal(err.code, E_VALIDATION_FAILED);
    }
    struct err err = {0};
    struct http_request request = {.url = STR("http://127.0.0.1/"), .method = STR("GET /x HTTP/1.1\r\n")};
    assert_null(http_client_start(client, &request, &err));
    assert_int_equal(err.code, E_VALIDATION_FAILED);
}

static void
test_i33_f27_a_name_is_judged_by_the_address_behind_it(void **state)
{
    (void)state;
    vendor_start(&vendor, talk_plain);
    address_policy_init(&policy);
    policy.allow_http = true;
    static const char *const hosts[] = {"localhost", "127.0.0.1", "127.1", "2130706433", "0x7f000001", "[::ffff:127.0.0.1]",
                                        "0.0.0.0"};
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        char text[80];
        snprintf(text, sizeof(text), "http://%s:%d/", hosts[i], vendor.port);
        expect((struct http_request){.url = str_from_c(text)}, E_ADDRESS_REFUSED, 0, NULL);
    }
    assert_int_equal(atomic_load(&vendor.connections), 0); /* not even connected */
}

static void
test_i33_an_operators_address_passes_and_its_connection_is_not_lent(void **state)
{
    (void)state;
    vendor_start(&vendor, talk_plain);
    address_policy_init(&policy);
    policy.allow_http = true;
    expect((struct http_request){.operator_address = true}, E_OK, 200, "hello");
    /* The kept connection is there, but a tenant's request may not use it. */
    expect((struct http_request){0}, E_ADDRESS_REFUSED, 0, NULL);
    expect((struct http_request){.operator_address = true}, E_OK, 200, "hello");
}

static void
test_i33_an_operators_plain_http_passes(void **state)
{
    (void)state;
    vendor_start(&vendor, talk_plain);
    address_policy_init(&policy);
    expect((struct http_request){.operator_address = true}, E_OK, 200, "hello");
}

static char location[200];
static int redirect_status = 302;

static void
talk_redirect(int fd, int number)
{
    (void)number;
    char head[400];
    while (read_request(&vendor, fd)) {
        if (strstr(vendor.request, " /x ")) {
            snprintf(head, sizeof(head), "HTTP/1.1 %d Found\r\nLocation: %s\r\nContent-Length: 4\r\n\r\nmove",
                     redirect_status, location);
            say(fd, head);
        } else {
            say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nthen");
        }
    }
}

static void
talk_other(int fd, int number)
{
    (void)number;
    while (read_request(&other, fd))
        say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother");
}

static struct http_header credentials[] = {{STR("Authorization"), STR("Bearer s3cret")},
                                           {STR("X-Api-Key"), STR("s3cret")},
                                           {STR("Accept"), STR("application/json")}};

static void
test_a_redirect_is_an_answer_unless_it_may_be_followed(void **state)
{
    (void)state;
    snprintf(location, sizeof(location), "/y");
    vendor_start(&vendor, talk_redirect);
    struct http_call *call = start((struct http_request){0});
    assert_int_equal(http_call_wait(call)->status, 302);
    assert_str(http_call_wait(call)->body, "move");
    assert_str(http_header_get(&http_call_wait(call)->headers, "Location"), "/y");
    http_call_free(call);
}

static void
test_a_redirect_to_the_same_origin_keeps_credentials(void **state)
{
    (void)state;
    snprintf(location, sizeof(location), "../y?z=1");
    vendor_start(&vendor, talk_redirect);
    expect((struct http_request){.redirects_max = 3, .headers = {credentials, 3}}, E_OK, 200, "then");
    assert_true(was_sent(&vendor, "GET /y?z=1 "));
    assert_true(was_sent(&vendor, "Bearer s3cret"));
    assert_true(was_sent(&vendor, "X-Api-Key: s3cret"));
}

static void
test_i33_credentials_never_follow_to_another_origin(void **state)
{
    (void)state;
    vendor_start(&vendor, talk_redirect);
    vendor_start(&other, talk_other);
    snprintf(location, sizeof(location), "http://127.0.0.1:%d/y", other.port);
    expect((struct http_request){.redirects_max = 3, .headers = {credentials, 3}}, E_OK, 200, "other");
    assert_false(was_sent(&other, "s3cret"));
    assert_true(was_sent(&other, "Accept: application/json"));
    /* A body would be a credential too: it stays, and the caller sees the redirect. */
    redirect_status = 307;
    struct http_call *call = start((struct http_request){.redirects_max = 3, .method = STR("POST"), .body = STR("s3cret")});
    assert_int_equal(http_call_wait(call)->status, 307);
    http_call_free(call);
    redirect_status = 302;
}

static void
test_i33_each_hop_is_judged_anew(void **state)
{
    (void)state;
    vendor_start(&vendor, talk_redirect);
    vendor_start(&other, talk_other);
    snprintf(location, sizeof(location), "http://127.0.0.1:%d/y", other.port);
    address_policy_init(&policy);
    policy.allow_http = true;
    /* The first hop is the operator's own address; where it points is not. */
    expect((struct http_request){.redirects_max = 3, .operator_address = true}, E_ADDRESS_REFUSED, 0, NULL);
    assert_int_equal(atomic_load(&other.connections), 0);
    policy.allow_http = false;
    expect((struct http_request){.redirects_max = 3, .operator_address = true}, E_ADDRESS_REFUSED, 302, NULL);
    snprintf(location, sizeof(location), "file:///etc/passwd");
    expect((struct http_request){.redirects_max = 3, .operator_address = true}, E_ADDRESS_REFUSED, 302, NULL);
}

static void
test_redirects_are_counted(void **state)
{
    (void)state;
    snprintf(location, sizeof(location), "/x");
    vendor_start(&vendor, talk_redirect);
    expect((struct http_request){.redirects_max = 3}, E_OK, 302, "move");
    assert_int_equal(atomic_load(&vendor.connections), 1);
}

static void
test_a_post_becomes_get_as_the_status_says(void **state)
{
    (void)state;
    snprintf(location, sizeof(location), "/y");
    vendor_start(&vendor, talk_redirect);
    struct http_header type[] = {{STR("Content-Type"), STR("application/json")}};
    struct http_request post = {.redirects_max = 1, .method = STR("POST"), .body = STR("{}"), .headers = {type, 1}};
    redirect_status = 303;
    expect(post, E_OK, 200, "then");
    assert_true(was_sent(&vendor, "GET /y "));
    assert_false(was_sent(&vendor, "Content-"));
    redirect_status = 308;
    expect(post, E_OK, 200, "then");
    assert_true(was_sent(&vendor, "POST /y "));
    assert_true(was_sent(&vendor, "Content-Length: 2"));
    redirect_status = 302;
}
