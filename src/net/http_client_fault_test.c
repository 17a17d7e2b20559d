/*
 * F17 to F20, F28: a vendor that misbehaves. Never a part of an answer, always a named end.
 */
#include "net/test_vendor.h"

#include <zlib.h>

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
talk_short(int fd, int number)
{
    (void)number;
    if (read_request(&vendor, fd))
        say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"half\":");
}

static void
test_f19_a_short_body_is_a_bad_page(void **state)
{
    (void)state;
    expect_talk(talk_short, E_BAD_PAGE, 200, NULL);
}

static void
talk_cut_chunk(int fd, int number)
{
    (void)number;
    if (read_request(&vendor, fd))
        say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n");
}

static void
test_f19_a_cut_chunk_is_a_bad_page(void **state)
{
    (void)state;
    expect_talk(talk_cut_chunk, E_BAD_PAGE, 200, NULL);
}

static char packed[64 * 1024];
static size_t packed_len;

static void
pack_zeros(size_t count)
{
    static char zeros[65536];
    z_stream z = {.next_out = (unsigned char *)packed, .avail_out = sizeof(packed)};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    for (size_t done = 0; done < count; done += sizeof(zeros)) {
        z.next_in = (unsigned char *)zeros;
        z.avail_in = (uInt)(count - done < sizeof(zeros) ? count - done : sizeof(zeros));
        assert_int_equal(deflate(&z, Z_NO_FLUSH), Z_OK);
    }
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    packed_len = sizeof(packed) - z.avail_out;
    deflateEnd(&z);
}

static void
talk_packed(int fd, int number)
{
    (void)number;
    char head[200];
    snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n", packed_len);
    while (read_request(&vendor, fd)) {
        say(fd, head);
        say_bytes(fd, packed, packed_len);
    }
}

static void
test_gzip_is_unpacked(void **state)
{
    (void)state;
    pack_zeros(100);
    vendor_start(&vendor, talk_packed);
    struct http_call *call = start((struct http_request){0});
    const struct http_reply *reply = http_call_wait(call);
    assert_int_equal(reply->code, E_OK);
    assert_int_equal(reply->body.len, 100);
    http_call_free(call);
}

static void
test_f19_cut_gzip_is_a_bad_page(void **state)
{
    (void)state;
    pack_zeros(1000);
    packed_len -= 5; /* the length header says so too: only the gzip stream knows */
    expect_talk(talk_packed, E_BAD_PAGE, 200, NULL);
}

static void
test_f20_bombs_are_too_large(void **state)
{
    (void)state;
    pack_zeros(32 * 1024 * 1024);
    vendor_start(&vendor, talk_packed);
    expect((struct http_request){0}, E_PAGE_TOO_LARGE, 200, NULL); /* by ratio */
    vendor_stop(&vendor);
    pack_zeros(600 * 1024);
    vendor_start(&vendor, talk_packed);
    expect((struct http_request){.body_max = 500 * 1024}, E_PAGE_TOO_LARGE, 200, NULL); /* by size */
}

static void
talk_huge(int fd, int number)
{
    (void)number;
    static const char block[65536];
    if (!read_request(&vendor, fd))
        return;
    say(fd, "HTTP/1.1 200 OK\r\n\r\n");
    for (int i = 0; i < 200; i++)
        say_bytes(fd, block, sizeof(block));
}

static void
test_f20_a_body_without_length_is_stopped_at_the_cap(void **state)
{
    (void)state;
    vendor_start(&vendor, talk_huge);
    expect((struct http_request){.body_max = 1024 * 1024}, E_PAGE_TOO_LARGE, 200, NULL);
}

static void
test_f20_all_bodies_together_are_bounded(void **state)
{
    (void)state;
    vendor_start(&vendor, talk_huge); /* 12.5 MiB, of 3 allowed in this test */
    expect((struct http_request){0}, E_UNAVAILABLE, 200, NULL);
    vendor_stop(&vendor);
    vendor_start(&vendor, talk_plain); /* and the room is free again */
    expect((struct http_request){0}, E_OK, 200, "hello");
}

static void
talk_long(int fd, int number)
{
    (void)number;
    if (read_request(&vendor, fd))
        say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nx");
    (void)read_request(&vendor, fd); /* stays open: the client must not wait for it */
}

static void
test_f20_an_announced_length_past_the_cap_is_refused_at_once(void **state)
{
    (void)state;
    expect_talk(talk_long, E_PAGE_TOO_LARGE, 200, NULL);
}

static void
talk_drip(int fd, int number)
{
    (void)number;
    if (!read_request(&vendor, fd))
        return;
    say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    while (send(fd, "x", 1, MSG_NOSIGNAL) == 1)
        usleep(10000);
}

static void
test_f17_a_slow_drip_is_a_timeout(void **state)
{
    (void)state;
    client_start((struct http_client_test){.drip_ms = 200});
    expect_talk(talk_drip, E_TIMEOUT, 200, NULL);
}

static void
test_f17_no_first_byte_is_a_timeout(void **state)
{
    (void)state;
    client_start((struct http_client_test){.first_byte_ms = 200});
    expect_talk(talk_silent, E_TIMEOUT, 0, NULL);
}

static void
test_f17_the_total_time_is_a_timeout(void **state)
{
    (void)state;
    vendor_start(&vendor, talk_silent);
    expect((struct http_request){.total_ms = 60}, E_TIMEOUT, 0, NULL);
}

static void
talk_reset(int fd, int number)
{
    (void)number;
    struct linger reset = {1, 0};
    if (read_request(&vendor, fd))
        say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
}

static void
test_f17_a_reset_midway_is_a_broken_connection(void **state)
{
    (void)state;
    expect_talk(talk_reset, E_NETWORK, 200, NULL);
}

static void
talk_close(int fd, int number)
{
    (void)number;
    (void)read_request(&vendor, fd);
}

static void
test_f17_closing_without_an_answer_is_a_broken_connection(void **state)
{
    (void)state;
    expect_talk(talk_close, E_NETWORK, 0, NULL);
}

static void
talk_flood(int fd, int number)
{
    (void)number;
    if (!read_request(&vendor, fd))
        return;
    say(fd, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 100000 && send(fd, "X-Some: header\r\n", 16, MSG_NOSIGNAL) == 16; i++)
        ;
}

static void
test_a_flood_of_headers_is_a_bad_page(void **state)
{
    (void)state;
    vendor_start(&vendor, talk_flood);
    struct http_call *call = start((struct http_request){0});
    assert_int_equal(http_call_wait(call)->code, E_BAD_PAGE);
    http_call_free(call);
}

static void
talk_big_header(int fd, int number)
{
    (void)number;
    static char line[70000];
    memset(line, 'x', sizeof(line) - 1);
    if (!read_request(&vendor, fd))
        return;
    say(fd, "HTTP/1.1 200 OK\r\nX-Big: ");
    say(fd, line);
    say(fd, "\r\nContent-Length: 0\r\n\r\n");
}

static void
test_a_header_block_past_the_limit_is_a_bad_page(void **state)
{
    (void)state;
    vendor_start(&vendor, talk_big_header);
    struct http_call *call = start((struct http_request){0});
    assert_int_equal(http_call_wait(call)->code, E_BAD_PAGE);
    http_call_free(call);
}

static void
talk_nonsense(int fd, int number)
{
    (void)number;
    if (read_request(&vendor, fd))
        say(fd, "I am not an HTTP server at all, sorry\r\n\r\n");
}

static void
test_what_is_not_http_is_a_bad_page(void **state)
{
    (void)state;
    vendor_start(&vendor, talk_nonsense);
    struct http_call *call = start((struct http_request){0});
    assert_int_equal(http_call_wait(call)->code, E_BAD_PAGE);
    http_call_free(call);
}

static void
test_a_refused_connection_says_so(void **state)
{
    (void)state;
    vendor_start(&vendor, talk_plain);
    int port = vendor.port;
    vendor_stop(&vendor);
    char text[60];
    snprintf(text, sizeof(text), "http://127.0.0.1:%d/secret?token=abc", port);
    struct http_call *call = start((struct http_request){.url = str_from_c(text)});
    const struct http_reply *reply = http_call_wait(call);
    assert_int_equal(reply->code, E_NETWORK);
    assert_int_equal(reply->status, 0);
    assert_null(strstr(reply->message, "abc")); /* I-29 */
    assert_null(strstr(reply->message, "secret"));
    http_call_free(call);
}

static void
test_a_name_that_does_not_exist_is_a_network_error(void **state)
{
    (void)state;
    expect((struct http_request){.url = STR("http://does-not-exist.invalid/")}, E_NETWORK, 0, NULL);
}

static void
talk_tls_garbage(int fd, int number)
{
    (void)number;
    char scrap[1000];
    (void)!recv(fd, scrap, sizeof(scrap), 0);
    say(fd, "HTTP/1.1 400 Bad Request\r\n\r\nthis port speaks plain HTTP");
}

static void
test_f28_a_plain_port_behind_https_is_refused(void **state)
{
    (void)state;
    vendor_start(&vendor, talk_tls_garbage);
    char text[60];
    snprintf(text, sizeof(text), "https://127.0.0.1:%d/", vendor.port);
    expect((struct http_request){.url = str_from_c(text)}, E_NETWORK, 0, NULL);
}
