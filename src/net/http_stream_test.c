/*
 * Answers that are made while they are sent.
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

static struct source {
    int pieces;                      /* how many it gives */
    size_t piece_bytes;
    enum http_stream_more at_end;
    int64_t wait_ms;
    atomic_int given, pulls, done;
    atomic_int allowed;              /* pieces it may give now; -1: all */
    struct http_stream *_Atomic stream;
} source;

static enum http_stream_more
pull(void *ctx, struct buf *piece, int64_t *wait_ms)
{
    struct source *s = ctx;
    assert_int_equal(piece->len, 0);
    atomic_fetch_add(&s->pulls, 1);
    int given = atomic_load(&s->given), allowed = atomic_load(&s->allowed);
    if (given == s->pieces)
        return s->at_end;
    if (allowed >= 0 && given >= allowed) {
        *wait_ms = s->wait_ms;
        return STREAM_WAIT;
    }
    for (size_t i = 0; i < s->piece_bytes; i++)
        buf_add_char(piece, (char)('a' + given % 26));
    atomic_fetch_add(&s->given, 1);
    return STREAM_MORE;
}

static void
done(void *ctx)
{
    struct source *s = ctx;
    atomic_fetch_add(&s->done, 1);
}

static void
handle_stream(struct http_exchange *x, void *ctx)
{
    (void)ctx;
    http_reply_header(x, "X-Stream", STR("1"));
    atomic_store(&source.stream, http_reply_stream(x, 200, "text/event-stream", pull, done, &source));
}

static void
source_set(int pieces, size_t piece_bytes, enum http_stream_more at_end)
{
    memset(&source, 0, sizeof(source));
    source.pieces = pieces;
    source.piece_bytes = piece_bytes;
    source.at_end = at_end;
    source.wait_ms = 60000;
    atomic_store(&source.allowed, -1);
    special = handle_stream;
}

static void
until(atomic_int *counter, int value)
{
    for (int i = 0; i < 60000 && atomic_load(counter) < value; i++)
        usleep(1000);
    assert_int_equal(atomic_load(counter), value);
}

static void
test_a_stream_is_sent_in_chunks_and_ended(void **state)
{
    (void)state;
    source_set(3, 5, STREAM_END);
    server_start((struct http_server_options){0});
    ask("GET /s HTTP/1.1\r\n" CLOSE "\r\n");
    assert_reply("HTTP/1.1 200", "Transfer-Encoding: chunked\r\n");
    assert_reply("HTTP/1.1 200", "5\r\naaaaa\r\n5\r\nbbbbb\r\n5\r\nccccc\r\n0\r\n\r\n");
    assert_reply("HTTP/1.1 200", "X-Stream: 1\r\n");
    until(&source.done, 1);
}

static void
test_large_pieces_are_whole_and_the_connection_is_kept(void **state)
{
    (void)state;
    source_set(2, 300000, STREAM_END);
    server_start((struct http_server_options){0});
    int fd = dial();
    put(fd, "GET /s HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(read_until(fd, "\r\n0\r\n\r\n"));
    size_t letters = 0;
    for (const char *p = strstr(reply_text, "\r\n\r\n"); *p; p++)
        letters += *p == 'a' || *p == 'b';
    assert_in_range(letters, 600000, 600100); /* chunk sizes are hex digits */
    put(fd, "POST /echo HTTP/1.1\r\n" CLOSE "Content-Length: 2\r\n\r\nok");
    assert_true(read_all(fd));
    assert_reply("HTTP/1.1 200", "ok");
    close(fd);
    until(&source.done, 1);
}

static void
test_http10_gets_the_stream_until_the_end(void **state)
{
    (void)state;
    source_set(3, 3, STREAM_END);
    server_start((struct http_server_options){0});
    ask("GET /s HTTP/1.0\r\n\r\n");
    assert_reply("HTTP/1.", "\r\n\r\naaabbbccc");
    until(&source.done, 1);
}

static void
test_a_broken_stream_shows_that_it_is_incomplete(void **state)
{
    (void)state;
    source_set(1, 5, STREAM_BREAK);
    server_start((struct http_server_options){0});
    int fd = dial();
    put(fd, "GET /s HTTP/1.1\r\n" CLOSE "\r\n");
    (void)read_all(fd);
    assert_reply("HTTP/1.1 200", "5\r\naaaaa\r\n");
    assert_null(strstr(reply_text, "0\r\n\r\n"));
    close(fd);
    until(&source.done, 1);
}

static void
test_a_reset_stream_ends_by_a_reset_not_by_an_orderly_close(void **state)
{
    (void)state;
    source_set(1, 5, STREAM_RESET);
    server_start((struct http_server_options){0});
    int fd = dial();
    put(fd, "GET /s HTTP/1.1\r\n" CLOSE "\r\n");
    assert_false(read_all(fd));
    assert_int_equal(errno, ECONNRESET);
    close(fd);
    until(&source.done, 1);
}

static void
handle_sized(struct http_exchange *x, void *ctx)
{
    (void)ctx;
    atomic_store(&source.stream, http_reply_stream_sized(x, 200, "text/plain", 20, pull, done, &source));
}

static void
ask_sized(int pieces, enum http_stream_more at_end)
{
    source_set(pieces, 5, at_end);
    special = handle_sized;
    server_start((struct http_server_options){0});
    ask("GET /s HTTP/1.1\r\n" CLOSE "\r\n");
    assert_reply("HTTP/1.1 200", "Content-Length: 20\r\n");
    assert_null(strstr(reply_text, "chunked"));
    until(&source.done, 1);
}

static void
test_a_stream_of_known_length_is_sent_with_its_length(void **state)
{
    (void)state;
    ask_sized(4, STREAM_END);
    assert_non_null(strstr(reply_text, "\r\n\r\naaaaabbbbbcccccddddd"));
}

static void
test_a_stream_that_ends_before_its_length_closes_the_connection(void **state)
{
    (void)state;
    ask_sized(2, STREAM_END);
    const char *body = strstr(reply_text, "\r\n\r\n");
    assert_string_equal(body, "\r\n\r\naaaaabbbbb");
}

static void
test_head_of_a_stream_pulls_nothing(void **state)
{
    (void)state;
    source_set(3, 5, STREAM_END);
    server_start((struct http_server_options){0});
    ask("HEAD /s HTTP/1.1\r\n" CLOSE "\r\n");
    assert_reply("HTTP/1.1 200", "X-Stream: 1\r\n");
    until(&source.done, 1);
    assert_int_equal(atomic_load(&source.pulls), 0);
}

static void
test_a_waiting_stream_goes_on_when_woken(void **state)
{
    (void)state;
    source_set(2, 5, STREAM_END);
    atomic_store(&source.allowed, 1);
    server_start((struct http_server_options){0});
    int fd = dial();
    put(fd, "GET /s HTTP/1.1\r\n" CLOSE "\r\n");
    assert_true(read_until(fd, "aaaaa"));
    struct pollfd silent = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&silent, 1, 100), 0);
    atomic_store(&source.allowed, 2);
    http_stream_wake(atomic_load(&source.stream));
    assert_true(read_all(fd));
    assert_non_null(strstr(reply_text, "bbbbb\r\n0\r\n\r\n"));
    close(fd);
    until(&source.done, 1);
}

static void
test_a_waiting_stream_is_asked_again_in_time(void **state)
{
    (void)state;
    source_set(2, 5, STREAM_END);
    source.wait_ms = 50;
    atomic_store(&source.allowed, 1);
    int64_t begun = clock_monotonic_us(clock_system());
    server_start((struct http_server_options){0});
    int fd = dial();
    put(fd, "GET /s HTTP/1.1\r\n" CLOSE "\r\n");
    assert_true(read_until(fd, "aaaaa"));
    for (int i = 0; i < PATIENCE_MS && atomic_load(&source.pulls) < 2; i++)
        usleep(1000);
    atomic_store(&source.allowed, 2); /* nobody wakes it */
    assert_true(read_all(fd));
    close(fd);
    until(&source.done, 1);
    /* Two pieces, the end, and a wait every 50 ms, however long it took. */
    int64_t waits = (clock_monotonic_us(clock_system()) - begun) / (50 * US_PER_MS);
    assert_in_range(atomic_load(&source.pulls), 4, 4 + waits);
}

static void
test_f33_a_client_that_leaves_ends_a_waiting_stream(void **state)
{
    (void)state;
    source_set(2, 5, STREAM_END);
    atomic_store(&source.allowed, 1);
    server_start((struct http_server_options){0});
    int fd = dial();
    put(fd, "GET /s HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(read_until(fd, "aaaaa"));
    close(fd);
    until(&source.done, 1);
    wait_until_open(0, 0);
}

static void
test_f44_a_client_that_never_reads_costs_one_piece_and_is_reset(void **state)
{
    (void)state;
    source_set(1000000, 65536, STREAM_END);
    server_start((struct http_server_options){.test = {.write_stall_ms = 300}});
    int fd = dial();
    put(fd, "GET /s HTTP/1.1\r\nHost: h\r\n\r\n");
    until(&source.done, 1);
    /* What fits into two socket buffers, and no more: 16 MiB is far above, 64 GiB were to be had. */
    assert_true(atomic_load(&source.given) < 256);
    close(fd);
    wait_until_open(0, 0);
}

static void
test_a_client_that_leaves_midway_ends_the_stream(void **state)
{
    (void)state;
    source_set(1000000, 1000, STREAM_END);
    server_start((struct http_server_options){0});
    for (int i = 0; i < 5; i++) {
        int fd = dial();
        put(fd, "GET /s HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_true(read_until(fd, "aaa"));
        close(fd);
        until(&source.done, i + 1);
        atomic_store(&source.given, 0);
    }
    wait_until_open(0, 0);
}

static void
test_i38_draining_breaks_off_streams_that_wait(void **state)
{
    (void)state;
    source_set(2, 5, STREAM_END);
    atomic_store(&source.allowed, 1);
    server_start((struct http_server_options){0});
    int fd = dial();
    put(fd, "GET /s HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(read_until(fd, "aaaaa"));
    int64_t begun = clock_monotonic_us(clock_system());
    http_server_drain(server, 2 * PATIENCE_MS);
    assert_true(clock_monotonic_us(clock_system()) - begun < PATIENCE_MS * US_PER_MS); /* not by its deadline */
    assert_int_equal(atomic_load(&source.done), 1);
    (void)read_all(fd);
    assert_null(strstr(reply_text, "0\r\n\r\n")); /* not as if it were complete */
    close(fd);
}

static void
test_i38_the_end_stops_a_stream_that_never_ends(void **state)
{
    (void)state;
    source_set(1000000000, 100, STREAM_END);
    server_start((struct http_server_options){0});
    int fd = dial();
    put(fd, "GET /s HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(read_until(fd, "aaa"));
    http_server_drain(server, 50);
    http_server_free(server);
    server = NULL;
    assert_int_equal(atomic_load(&source.done), 1);
    close(fd);
}
