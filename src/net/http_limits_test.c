/*
 * F33 to F35: requests that are too large, too slow or not HTTP are answered in the door's words.
 */
#include "net/test_server.h"

static int
setup(void **state)
{
    return server_setup(state);
}

static int
teardown(void **state)
{
    return server_teardown(state);
}

/* "GET /aaa... HTTP/1.1" of that many bytes without its line end. */
static void
put_line(int fd, size_t bytes)
{
    char *line = malloc(bytes + 1);
    memset(line, 'a', bytes);
    memcpy(line, "GET /", 5);
    memcpy(line + bytes - 9, " HTTP/1.1", 9);
    put_bytes(fd, line, bytes);
    put(fd, "\r\n" CLOSE "\r\n");
    free(line);
}

static void
ask_line(size_t bytes)
{
    int fd = dial();
    put_line(fd, bytes);
    assert_true(read_all(fd));
    close(fd);
}

static void
test_f35_a_long_request_line_is_414(void **state)
{
    (void)state;
    server_start((struct http_server_options){0});
    ask_line(LIMIT_REQUEST_LINE_BYTES);
    assert_reply("HTTP/1.1 200", NULL);
    ask_line(LIMIT_REQUEST_LINE_BYTES + 1);
    assert_reply("HTTP/1.1 414", "\"code\":\"URI_TOO_LONG\"");
    assert_reply("HTTP/1.1 414", "X-Refused: yes\r\n");
    ask_line(30000);
    assert_reply("HTTP/1.1 414", "URI_TOO_LONG");
    ask_line(300000); /* more than the library reads: its words, our status */
    assert_reply("HTTP/1.1 414", NULL);
    assert_int_equal(http_server_stats(server).requests, 1);
}

static void
ask_headers(size_t count, size_t value_bytes)
{
    int fd = dial();
    char value[40000];
    memset(value, 'v', value_bytes);
    value[value_bytes] = '\0';
    put(fd, "GET /h HTTP/1.1\r\n" CLOSE);
    for (size_t i = 0; i < count; i++)
        if (!put(fd, "X-H: ") || !put(fd, value) || !put(fd, "\r\n"))
            break;
    put(fd, "\r\n");
    assert_true(read_all(fd));
    close(fd);
}

static void
test_f35_many_or_large_headers_are_431(void **state)
{
    (void)state;
    server_start((struct http_server_options){0});
    ask_headers(LIMIT_HEADER_FIELDS - 2, 10);
    assert_reply("HTTP/1.1 200", NULL);
    ask_headers(LIMIT_HEADER_FIELDS - 1, 10);
    assert_reply("HTTP/1.1 431", "\"code\":\"HEADERS_TOO_LARGE\",\"path\":\"/h\"");
    ask_headers(1, LIMIT_HEADER_BYTES - 100);
    assert_reply("HTTP/1.1 200", NULL);
    ask_headers(1, LIMIT_HEADER_BYTES);
    assert_reply("HTTP/1.1 431", "HEADERS_TOO_LARGE");
    ask_headers(10, 30000); /* more than the library reads */
    assert_reply("HTTP/1.1 431", NULL);
}

/* All limits at once: it has room, and its answer has. */
static void
test_the_largest_head_is_taken(void **state)
{
    (void)state;
    server_start((struct http_server_options){0});
    char line[LIMIT_REQUEST_LINE_BYTES + 1], field[200];
    memset(line, 'a', LIMIT_REQUEST_LINE_BYTES);
    memcpy(line, "GET /", 5);
    memcpy(line + LIMIT_REQUEST_LINE_BYTES - 9, " HTTP/1.1", 9);
    int value_bytes = (LIMIT_HEADER_BYTES - 100) / (LIMIT_HEADER_FIELDS - 3) - 7;
    snprintf(field, sizeof(field), "X-H: %0*d\r\n", value_bytes, 0);
    int fd = dial();
    put_bytes(fd, line, LIMIT_REQUEST_LINE_BYTES);
    put(fd, "\r\n" CLOSE);
    for (int i = 0; i < LIMIT_HEADER_FIELDS - 3; i++)
        put(fd, field);
    put(fd, "\r\n");
    assert_true(read_all(fd));
    close(fd);
    assert_reply("HTTP/1.1 200", NULL);
}

static void
test_f35_a_large_body_is_413_and_need_not_be_sent(void **state)
{
    (void)state;
    server_start((struct http_server_options){0});
    int fd = dial();
    put(fd, "POST /small HTTP/1.1\r\nHost: h\r\nContent-Length: 101\r\n\r\n"); /* and nothing of it */
    assert_true(read_all(fd));
    assert_reply("HTTP/1.1 413", "\"code\":\"TOO_LARGE\",\"path\":\"/small\"");
    close(fd);
    fd = dial();
    put(fd, "POST /small HTTP/1.1\r\nHost: h\r\nContent-Length: 99999\r\nExpect: 100-continue\r\n\r\n");
    assert_true(read_all(fd));
    assert_reply("HTTP/1.1 413", "TOO_LARGE"); /* without a 100 before it */
    close(fd);
    ask("POST /small HTTP/1.1\r\n" CLOSE "Content-Length: 3\r\n\r\nabc");
    assert_reply("HTTP/1.1 200", NULL);
    ask("POST /x HTTP/1.1\r\n" CLOSE "Content-Length: 18446744073709551615\r\n\r\n");
    assert_reply("HTTP/1.1 4", NULL);
}

static void
test_f35_the_answer_reaches_a_client_that_goes_on_sending(void **state)
{
    (void)state;
    static char block[100000];
    server_start((struct http_server_options){0});
    int fd = dial();
    put(fd, "POST /small HTTP/1.1\r\nHost: h\r\nContent-Length: 2000000\r\n\r\n");
    for (int i = 0; i < 20; i++)
        assert_true(put_bytes(fd, block, sizeof(block))); /* swallowed, not reset */
    assert_true(read_all(fd));
    assert_reply("HTTP/1.1 413", "TOO_LARGE");
    close(fd);
}

static void
test_f35_a_chunked_body_that_grows_too_large_is_413(void **state)
{
    (void)state;
    server_start((struct http_server_options){0});
    int fd = dial();
    put(fd, "POST /small HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 11; i++)
        put(fd, "a\r\n0123456789\r\n");
    assert_true(read_all(fd));
    assert_reply("HTTP/1.1 413", "\"code\":\"TOO_LARGE\",\"path\":\"/small\"");
    assert_reply("HTTP/1.1 413", "X-Refused: yes\r\n");
    close(fd);
    wait_until_open(0, 0);
}

static void
test_what_is_not_http_is_400(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "NONSENSE\r\n\r\n",
        "\x16\x03\x01\x02\x05\r\n\r\n",
        "GET /x HTTP/1.1\r\n\r\n",                                             /* no host */
        "GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET x HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /\x01 HTTP/1.1\r\nHost: h\r\n\r\n",
        "G(T /x HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: h\r\nBad Name: x\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: h\r\nX: a\x01\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: h\r\nno colon here\r\n\r\n",
        "GET /x HTTP/9\r\nHost: h\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3x\r\n\r\nabc",
        "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
        "POST /x HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", /* not known there (6.1) */
    };
    server_start((struct http_server_options){0});
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        ask(bad[i]);
        if (strncmp(reply_text, "HTTP/1.1 400", 12) != 0)
            fail_msg("%s was answered: %.200s", bad[i], reply_text);
    }
    ask("NONSENSE\r\n\r\n");
    assert_reply("HTTP/1.1 400", "\"code\":\"VALIDATION_FAILED\"");
    assert_int_equal(http_server_stats(server).requests, 0);
    wait_until_open(0, 0);
}

/*
 * RFC 9112, 5.2: refused, or read as blanks. libmicrohttpd 0.9.75 makes a Content-Length of the first and swallows the request behind
 * it; those that read blanks serve both.
 */
static void
test_a_field_that_goes_on_in_the_next_line_hides_no_request(void **state)
{
    (void)state;
    static const char *const folded[] = {
        "GET /x HTTP/1.1\r\nHost: h\r\nContent-Len: 27\r\n gth\r\n\r\nGET /x HTTP/1.1\r\n" CLOSE "\r\n",
        "GET /x HTTP/1.1\r\nHost: h\r\nX-A:\r\n\tb\r\n c\r\nX-B: d\r\n\r\nGET /x HTTP/1.1\r\n" CLOSE "\r\n",
    };
    server_start((struct http_server_options){0});
    for (size_t i = 0; i < ARRAY_LEN(folded); i++) {
        int64_t before = http_server_stats(server).requests;
        ask(folded[i]);
        if (strncmp(reply_text, "HTTP/1.1 400", 12) != 0)
            assert_int_equal(http_server_stats(server).requests, before + 2);
    }
    wait_until_open(0, 0);
}

/* RFC 9112, 3.2 leaves two answers: libmicrohttpd says 400, and from 1.0 where the address would be right. */
static void
test_a_blank_in_the_address_is_not_served(void **state)
{
    (void)state;
    server_start((struct http_server_options){0});
    ask("GET /x y HTTP/1.1\r\nHost: h\r\n\r\n");
    if (strncmp(reply_text, "HTTP/1.1 301", 12) == 0)
        assert_reply("HTTP/1.1 301", "\r\nLocation: /x%20y\r\n");
    else
        assert_reply("HTTP/1.1 400", "\"code\":\"VALIDATION_FAILED\"");
    assert_int_equal(http_server_stats(server).requests, 0);
    wait_until_open(0, 0);
}

/* ---- slow clients: the deadlines are 120 ms here ---- */

static const struct http_server_options quick = {
    .test = {.head_ms = 120, .body_grace_ms = 120, .keep_alive_ms = 120, .write_stall_ms = 120},
};

/* Sends bytes one by one until the server answers or closes. */
static void
drip(int fd, const char *text, int wait_ms)
{
    struct pollfd answer = {.fd = fd, .events = POLLIN};
    for (; *text; text++) {
        if (!put_bytes(fd, text, 1) || poll(&answer, 1, wait_ms) > 0)
            return;
    }
}

static void
test_f34_a_slow_head_is_408(void **state)
{
    (void)state;
    server_start(quick);
    int fd = dial();
    drip(fd, "GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 10);
    assert_true(read_all(fd) || errno == ECONNRESET); /* after the answer */
    assert_reply("HTTP/1.1 408", "\"code\":\"REQUEST_TIMEOUT\"");
    close(fd);
    fd = dial();
    put(fd, "GET /known HTTP/1.1\r\nHost: h\r\n"); /* and then nothing */
    assert_true(read_all(fd));
    assert_reply("HTTP/1.1 408", "\"path\":\"/known\"");
    close(fd);
    wait_until_open(0, 0);
}

static void
test_f34_a_slow_head_on_a_kept_connection_is_closed(void **state)
{
    (void)state;
    /* Not by the time that an idle one is kept: by the head's. */
    server_start((struct http_server_options){.test = {.head_ms = 120, .body_grace_ms = 120, .keep_alive_ms = 60000, .write_stall_ms = 120}});
    char slow[601] = "GET /";
    memset(slow + 5, 'a', sizeof(slow) - 6); /* six seconds of it */
    int fd = dial();
    put(fd, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(read_until(fd, "GET /x"));
    usleep(30000); /* the reaper has seen it idle */
    int64_t begun = clock_monotonic_us(clock_system());
    drip(fd, slow, 10);
    assert_true(read_all(fd) || errno == ECONNRESET); /* a byte on its way when it closes makes a reset of it */
    assert_true(clock_monotonic_us(clock_system()) - begun < 5 * US_PER_S);
    close(fd);
}

static void
test_f34_a_slow_body_is_408(void **state)
{
    (void)state;
    server_start(quick);
    int fd = dial();
    put(fd, "POST /slow HTTP/1.1\r\nHost: h\r\nContent-Length: 10000\r\n\r\n");
    drip(fd, "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", 10); /* 100 B/s */
    assert_true(read_all(fd));
    assert_reply("HTTP/1.1 408", "\"code\":\"REQUEST_TIMEOUT\",\"path\":\"/slow\"");
    close(fd);
    wait_until_open(0, 0);
}

static void
test_f34_a_body_that_is_fast_enough_may_take_its_time(void **state)
{
    (void)state;
    server_start(quick);
    int fd = dial();
    char piece[1001], first[1200];
    memset(piece, 'c', sizeof(piece));
    piece[1000] = '\0';
    snprintf(first, sizeof(first), "POST /echo HTTP/1.1\r\n" CLOSE "Content-Length: 20000\r\n\r\n%s", piece);
    put(fd, first);
    for (int i = 1; i < 20; i++) { /* 1000 bytes in 20 ms, over four deadlines; what is asked for is 500 in a second */
        usleep(20000);
        put(fd, piece);
    }
    assert_true(read_all(fd));
    assert_reply("HTTP/1.1 200", NULL);
    close(fd);
}

static void
test_silent_and_idle_connections_are_closed_without_a_word(void **state)
{
    (void)state;
    server_start(quick);
    int fd = dial();
    assert_true(read_all(fd));
    assert_int_equal(reply_len, 0);
    close(fd);
    fd = dial();
    put(fd, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(read_all(fd)); /* the answer, and the end once it is idle */
    assert_reply("HTTP/1.1 200", "GET /x");
    close(fd);
}

static void
test_a_slow_handler_has_no_deadline(void **state)
{
    (void)state;
    server_start(quick);
    int fd = dial();
    put(fd, "GET /block HTTP/1.1\r\n" CLOSE "\r\n");
    usleep(400000); /* longer than any deadline here */
    sem_post(&gate);
    assert_true(read_all(fd));
    assert_reply("HTTP/1.1 200", "unblocked");
    close(fd);
}

static void
handle_huge(struct http_exchange *x, void *ctx)
{
    (void)ctx;
    size_t bytes = 32 * 1024 * 1024;
    char *body = arena_alloc_bytes(x->arena, bytes);
    memset(body, 'h', bytes);
    http_reply(x, 200, NULL, (struct str){body, bytes});
}

static void
test_f44_a_client_that_takes_nothing_is_reset(void **state)
{
    (void)state;
    special = handle_huge;
    server_start(quick);
    int fd = dial();
    put(fd, "GET /huge HTTP/1.1\r\nHost: h\r\n\r\n");
    for (int i = 0; i < 60000 && http_server_stats(server).requests < 1; i++)
        usleep(1000);
    wait_until_open(0, 0);
    close(fd);
}

static void
test_a_client_that_takes_slowly_is_served(void **state)
{
    (void)state;
    special = handle_huge;
    server_start((struct http_server_options){.test = {.head_ms = 120, .body_grace_ms = 120, .keep_alive_ms = 120, .write_stall_ms = 1000}});
    int fd = dial();
    char *scrap = malloc(1024 * 1024);
    put(fd, "GET /huge HTTP/1.1\r\n" CLOSE "\r\n");
    size_t got = 0;
    for (ssize_t count = 1; count > 0; got += (size_t)count) {
        count = take_bytes(fd, scrap, 1024 * 1024);
        assert_true(count >= 0);
        if (got < 24 * 1024 * 1024)
            usleep(60000); /* each time far less than the server allows, together more */
    }
    assert_true(got > 32 * 1024 * 1024);
    free(scrap);
    close(fd);
}
