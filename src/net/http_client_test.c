/*
 * What goes well between the client and a vendor, and the life of calls and clients.
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

/* ---- what goes well ---- */

static void
test_a_whole_answer_arrives_with_its_headers_and_times(void **state)
{
    (void)state;
    vendor_start(&vendor, talk_plain);
    int64_t before = clock_wall_us(clock_system());
    struct http_call *call = start((struct http_request){0});
    const struct http_reply *reply = http_call_wait(call);
    assert_int_equal(reply->code, E_OK);
    assert_int_equal(reply->status, 200);
    assert_str(reply->body, "hello");
    assert_str(http_header_get(&reply->headers, "x-rate"), "7");
    assert_true(reply->sent_wall_us >= before && reply->sent_wall_us <= clock_wall_us(clock_system()));
    assert_true(reply->duration_us > 0);
    assert_ptr_equal(http_call_poll(call), reply);
    http_call_free(call);
    assert_true(was_sent(&vendor, "GET /x HTTP/1.1\r\n"));
    assert_true(was_sent(&vendor, "User-Agent: tidemark/"));
    assert_true(was_sent(&vendor, "Accept-Encoding: gzip\r\n"));
}

static void
test_the_request_is_sent_as_asked(void **state)
{
    (void)state;
    struct http_header items[] = {{STR("X-Key"), STR("k")}, {STR("X-Empty"), STR("")}, {STR("Content-Length"), STR("99")}};
    vendor_start(&vendor, talk_plain);
    expect((struct http_request){.method = STR("PATCH"), .headers = {items, 3}, .body = STR("{}")}, E_OK, 200, "hello");
    assert_true(was_sent(&vendor, "PATCH /x HTTP/1.1\r\n"));
    assert_true(was_sent(&vendor, "X-Key: k\r\n"));
    assert_true(was_sent(&vendor, "X-Empty:\r\n"));
    assert_true(was_sent(&vendor, "Content-Length: 2\r\n"));
    assert_false(was_sent(&vendor, "Content-Length: 99"));
    assert_false(was_sent(&vendor, "Content-Type"));
    assert_false(was_sent(&vendor, "Expect"));
    expect((struct http_request){.method = STR("POST")}, E_OK, 200, "hello");
    assert_true(was_sent(&vendor, "Content-Length: 0\r\n"));
    expect((struct http_request){.method = STR("DELETE")}, E_OK, 200, "hello");
    assert_true(was_sent(&vendor, "DELETE /x HTTP/1.1\r\n"));
}

static void
talk_head(int fd, int number)
{
    (void)number;
    while (read_request(&vendor, fd))
        say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n");
}

static void
test_head_has_no_body_whatever_its_length_says(void **state)
{
    (void)state;
    vendor_start(&vendor, talk_head);
    expect((struct http_request){.method = STR("HEAD")}, E_OK, 200, "");
    expect((struct http_request){.method = STR("HEAD")}, E_OK, 200, "");
    assert_int_equal(atomic_load(&vendor.connections), 1);
}

static void
talk_chunks(int fd, int number)
{
    (void)number;
    if (read_request(&vendor, fd))
        say(fd, "HTTP/1.1 100 Continue\r\nX-Not: me\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-Trailer: t\r\n\r\n");
}

static void
test_chunks_and_interim_answers_and_trailers(void **state)
{
    (void)state;
    vendor_start(&vendor, talk_chunks);
    struct http_call *call = start((struct http_request){0});
    const struct http_reply *reply = http_call_wait(call);
    assert_int_equal(reply->code, E_OK);
    assert_str(reply->body, "abcde");
    assert_true(str_is_none(http_header_get(&reply->headers, "X-Not")));
    assert_true(str_is_none(http_header_get(&reply->headers, "X-Trailer")));
    http_call_free(call);
}

static void
talk_204(int fd, int number)
{
    (void)number;
    if (read_request(&vendor, fd))
        say(fd, "HTTP/1.1 204 No Content\r\n\r\n");
}

static void
test_204_is_empty(void **state)
{
    (void)state;
    expect_talk(talk_204, E_OK, 204, "");
}

static void
talk_http10(int fd, int number)
{
    (void)number;
    if (read_request(&vendor, fd))
        say(fd, "HTTP/1.0 200 OK\r\n\r\nuntil the end");
}

static void
test_http10_ends_by_closing(void **state)
{
    (void)state;
    expect_talk(talk_http10, E_OK, 200, "until the end");
}

static void
talk_bytewise(int fd, int number)
{
    (void)number;
    const char *text = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
    if (read_request(&vendor, fd))
        for (; *text; text++)
            say_bytes(fd, text, 1);
}

static void
test_an_answer_in_single_bytes_is_whole(void **state)
{
    (void)state;
    expect_talk(talk_bytewise, E_OK, 200, "abc");
}

static void
test_keep_alive_is_used(void **state)
{
    (void)state;
    vendor_start(&vendor, talk_plain);
    for (int i = 0; i < 20; i++)
        expect((struct http_request){0}, E_OK, 200, "hello");
    assert_int_equal(atomic_load(&vendor.connections), 1);
}

/* ---- the life of calls and clients ---- */

static void
test_a_call_can_be_cancelled(void **state)
{
    (void)state;
    vendor_start(&vendor, talk_silent);
    struct http_call *call = start((struct http_request){0});
    assert_null(http_call_poll(call));
    http_call_cancel(call);
    assert_int_equal(http_call_wait(call)->code, E_CANCELLED);
    http_call_cancel(call); /* again, and too late: nothing */
    http_call_free(call);
    http_call_free(start((struct http_request){0})); /* freeing cancels */
    http_call_free(NULL);
}

static void
test_freeing_the_client_ends_what_is_under_way(void **state)
{
    (void)state;
    vendor_start(&vendor, talk_silent);
    struct http_call *calls[40];
    for (size_t i = 0; i < ARRAY_LEN(calls); i++)
        calls[i] = start((struct http_request){0});
    http_client_free(client);
    client = NULL;
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        const struct http_reply *reply = http_call_wait(calls[i]);
        assert_int_equal(reply->code, E_SHUTTING_DOWN);
        http_call_free(calls[i]);
    }
}

static atomic_int told;

static void
on_done(void *ctx)
{
    atomic_fetch_add((atomic_int *)ctx, 1);
}

static void
test_many_calls_at_once_share_connections_and_tell_when_done(void **state)
{
    (void)state;
    /* This vendor talks to one client at a time, so the calls must share what they have. */
    struct err err = {0};
    http_client_free(client);
    struct http_client_options options = {.policy = &policy, .connections_per_host_max = 1};
    client = http_client_new(&options, &err);
    assert_non_null(client);
    vendor_start(&vendor, talk_plain);
    struct http_call *calls[300];
    atomic_store(&told, 0);
    for (size_t i = 0; i < ARRAY_LEN(calls); i++)
        calls[i] = start((struct http_request){.on_done = on_done, .on_done_ctx = &told});
    for (size_t i = 0; i < ARRAY_LEN(calls); i++)
        assert_int_equal(http_call_wait(calls[i])->code, E_OK);
    for (int i = 0; i < 60000 && atomic_load(&told) < 300; i++)
        usleep(1000);
    assert_int_equal(atomic_load(&told), 300);
    for (size_t i = 0; i < ARRAY_LEN(calls); i++)
        http_call_free(calls[i]);
    assert_int_equal(atomic_load(&vendor.connections), 1);
}

static void *
caller_run(void *ctx)
{
    for (int i = 0; i < 25; i++) {
        struct err err = {0};
        struct http_request request = {.url = str_from_c(ctx)};
        struct http_call *call = http_client_start(client, &request, &err);
        if (!call || http_call_wait(call)->code != E_OK || !str_eq_c(http_call_wait(call)->body, "hello"))
            return ctx; /* failed */
        http_call_free(call);
    }
    return NULL;
}

static void
test_many_threads_may_call(void **state)
{
    (void)state;
    struct err err = {0};
    http_client_free(client);
    struct http_client_options options = {.policy = &policy, .connections_per_host_max = 1};
    client = http_client_new(&options, &err);
    vendor_start(&vendor, talk_plain);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/x", vendor.port);
    pthread_t threads[8];
    void *result;
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, caller_run, url), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        pthread_join(threads[i], &result);
        assert_null(result);
    }
}

static void
test_proxies_of_the_environment_are_not_used(void **state)
{
    (void)state;
    setenv("http_proxy", "http://127.0.0.1:1/", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1/", 1);
    expect_talk(talk_plain, E_OK, 200, "hello");
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
}
