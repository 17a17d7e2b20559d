/*
 * F33 to F35: requests that are too large, too slow or not HTTP are answered in the door's words.
 */
#include "net/test_server.h"

#include "net/http_server_priv.h"

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

/*
 * ---- slow clients: the deadlines are long until the server has come as far as a test wants it, and then 120 ms, so that only
 * what is to be late can be ----
 */

#define QUICK_US (120 * US_PER_MS)

static void
deadlines_set(int64_t all_us)
{
    pthread_mutex_lock(&server->entries_lock); /* the reaper reads them under it */
    struct http_deadlines *d = &server->deadlines;
    d->head = d->body_grace = d->keep_alive = d->write_stall = all_us;
    pthread_mutex_unlock(&server->entries_lock);
}

static void
patient_start(void)
{
    server_start((struct http_server_options){.test = {.head_ms = 80}}); /* the reaper looks often; nobody is here yet */
    deadlines_set(PATIENCE_MS * US_PER_MS);
}

typedef bool reached_fn(struct http_entry *entry, int64_t what);

/* Until it is so of the only connection. */
static void
wait_entry(reached_fn *reached, int64_t what)
{
    bool so = false;
    for (int i = 0; i < PATIENCE_MS && !so; i++) {
        usleep(i ? 1000 : 0);
        pthread_mutex_lock(&server->entries_lock);
        so = server->entries && reached(server->entries, what);
        pthread_mutex_unlock(&server->entries_lock);
    }
    assert_true(so);
}

static bool
is_in_phase(struct http_entry *entry, int64_t phase)
{
    return atomic_load(&entry->phase) == phase;
}

static bool
has_body(struct http_entry *entry, int64_t bytes)
{
    return atomic_load(&entry->body_bytes) >= bytes;
}

static bool
was_seen_in_phase(struct http_entry *entry, int64_t phase)
{
    return entry->seen.phase == phase && entry->seen.requests == atomic_load(&entry->requests);
}

static bool
forget_what_was_seen(struct http_entry *entry, int64_t nothing)
{
    entry->seen.phase = (int)nothing;
    return true;
}

/* Until the reaper has looked once more. */
static void
wait_for_a_look(enum http_phase phase)
{
    wait_entry(forget_what_was_seen, -1);
    wait_entry(was_seen_in_phase, phase);
}

/* Sends bytes one by one until the server answers or closes. */
static void
drip(int fd)
{
    struct pollfd answer = {.fd = fd, .events = POLLIN};
    while (put_bytes(fd, "a", 1) && poll(&answer, 1, 10) == 0)
        ;
}

/* The end comes behind the answer; a byte on its way when the server closes makes a reset of it. */
static void
read_to_the_end(int fd)
{
    assert_true(read_all(fd) || errno == ECONNRESET);
    close(fd);
}

static void
test_f34_a_slow_head_is_408(void **state)
{
    (void)state;
    patient_start();
    int fd = dial();
    put(fd, "GET /");
    deadlines_set(QUICK_US);
    drip(fd);
    read_to_the_end(fd);
    assert_reply("HTTP/1.1 408", "\"code\":\"REQUEST_TIMEOUT\"");
    deadlines_set(PATIENCE_MS * US_PER_MS);
    wait_until_open(0, 0);
    fd = dial();
    put(fd, "GET /known HTTP/1.1\r\nHost: h\r\n"); /* and then nothing */
    wait_entry(is_in_phase, PHASE_HEAD);
    deadlines_set(QUICK_US);
    assert_true(read_all(fd));
    assert_reply("HTTP/1.1 408", "\"path\":\"/known\"");
    close(fd);
    wait_until_open(0, 0);
}

static void
test_f34_a_slow_head_on_a_kept_connection_is_closed(void **state)
{
    (void)state;
    patient_start();
    int fd = dial();
    put(fd, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(read_until(fd, "GET /x"));
    wait_entry(is_in_phase, PHASE_IDLE);
    wait_entry(was_seen_in_phase, PHASE_IDLE);
    put(fd, "GET /");
    pthread_mutex_lock(&server->entries_lock);
    server->deadlines.head = QUICK_US; /* by the head's time, not by that of an idle one */
    server->deadlines.keep_alive = US_PER_DAY;
    pthread_mutex_unlock(&server->entries_lock);
    drip(fd);
    read_to_the_end(fd);
    assert_null(strstr(reply_text, "414")); /* as when it had been waited for for ever */
}

static void
test_f34_a_slow_body_is_408(void **state)
{
    (void)state;
    patient_start();
    int fd = dial();
    put(fd, "POST /slow HTTP/1.1\r\nHost: h\r\nContent-Length: 30000\r\n\r\n");
    wait_entry(is_in_phase, PHASE_BODY);
    deadlines_set(QUICK_US);
    drip(fd); /* 100 B/s */
    read_to_the_end(fd);
    assert_reply("HTTP/1.1 408", "\"code\":\"REQUEST_TIMEOUT\",\"path\":\"/slow\"");
    wait_until_open(0, 0);
}

static void
test_f34_a_body_that_is_fast_enough_may_take_its_time(void **state)
{
    (void)state;
    patient_start();
    int fd = dial();
    char piece[1001], first[1200];
    memset(piece, 'c', sizeof(piece));
    piece[1000] = '\0';
    snprintf(first, sizeof(first), "POST /echo HTTP/1.1\r\n" CLOSE "Content-Length: 5000\r\n\r\n%s", piece);
    put(fd, first);
    wait_entry(has_body, 1000);
    pthread_mutex_lock(&server->entries_lock);
    server->deadlines.body_bytes_per_s = 1; /* of which there are enough for a quarter of an hour */
    pthread_mutex_unlock(&server->entries_lock);
    deadlines_set(1);
    for (int64_t i = 2; i <= 5; i++) {
        wait_for_a_look(PHASE_BODY); /* past the deadline */
        put(fd, piece);
        if (i < 5)
            wait_entry(has_body, 1000 * i);
    }
    deadlines_set(PATIENCE_MS * US_PER_MS);
    assert_true(read_all(fd));
    assert_reply("HTTP/1.1 200", NULL);
    close(fd);
}

static void
test_silent_and_idle_connections_are_closed_without_a_word(void **state)
{
    (void)state;
    patient_start();
    deadlines_set(QUICK_US);
    int fd = dial();
    assert_true(read_all(fd));
    assert_int_equal(reply_len, 0);
    close(fd);
    deadlines_set(PATIENCE_MS * US_PER_MS);
    fd = dial();
    put(fd, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(read_until(fd, "GET /x"));
    assert_reply("HTTP/1.1 200", NULL);
    deadlines_set(QUICK_US);
    assert_true(read_all(fd)); /* the end once it is idle */
    assert_int_equal(reply_len, 0);
    close(fd);
}

static void
test_a_slow_handler_has_no_deadline(void **state)
{
    (void)state;
    patient_start();
    int fd = dial();
    put(fd, "GET /block HTTP/1.1\r\n" CLOSE "\r\n");
    wait_entry(is_in_phase, PHASE_HANDLING);
    deadlines_set(1);
    for (int i = 0; i < 3; i++)
        wait_for_a_look(PHASE_HANDLING);
    deadlines_set(PATIENCE_MS * US_PER_MS);
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
    patient_start();
    int fd = dial();
    put(fd, "GET /huge HTTP/1.1\r\nHost: h\r\n\r\n");
    wait_entry(is_in_phase, PHASE_WRITING);
    deadlines_set(QUICK_US);
    wait_until_open(0, 0);
    close(fd);
}

/* The reaper has seen that the client took something, after what it saw at `seen`. */
static bool
took_something(struct http_entry *entry, int64_t seen)
{
    return entry->seen.known && entry->seen.acked > (uint64_t)seen;
}

/* As if so much time had passed since the client last took something; gives how much it has taken. */
static int64_t
time_passes(int64_t us)
{
    pthread_mutex_lock(&server->entries_lock);
    struct http_entry *entry = server->entries;
    entry->seen.progress_us -= us;
    int64_t acked = (int64_t)entry->seen.acked;
    pthread_mutex_unlock(&server->entries_lock);
    return acked;
}

static size_t
take_some(int fd, char *scrap, size_t most)
{
    size_t got = 0;
    for (ssize_t count = 1; got < most && count > 0; got += (size_t)count) {
        count = take_bytes(fd, scrap, 1024 * 1024);
        assert_true(count >= 0);
    }
    return got;
}

static void
test_a_client_that_takes_slowly_is_served(void **state)
{
    (void)state;
    special = handle_huge;
    patient_start();
    int fd = dial();
    char *scrap = malloc(1024 * 1024);
    put(fd, "GET /huge HTTP/1.1\r\n" CLOSE "\r\n");
    size_t got = take_some(fd, scrap, 1);
    wait_entry(is_in_phase, PHASE_WRITING);
    wait_entry(took_something, 0);
    for (int i = 0; i < 4; i++) { /* each time less than the server allows, together more */
        int64_t seen = time_passes(PATIENCE_MS * US_PER_MS / 3);
        got += take_some(fd, scrap, 4 * 1024 * 1024);
        wait_entry(took_something, seen);
    }
    got += take_some(fd, scrap, SIZE_MAX);
    assert_true(got > 32 * 1024 * 1024);
    free(scrap);
    close(fd);
}
