/*
 * Requests that wait without a thread: each is heard of once, whoever leaves meanwhile, whether its handler ran in the pool or on the
 * server's own thread.
 */
#include "net/test_server.h"

#define WAITING 100

static struct http_exchange *_Atomic waiting[WAITING];
static atomic_int waiting_count, continued;

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

static bool
at_once(struct http_exchange *x, void *ctx)
{
    (void)ctx;
    return !str_eq(x->path, STR("/pool"));
}

/* The two ways that handlers are run; a test goes through both. */
static const struct http_server_options ways[] = {
    {.handler_threads_max = 2},
    {.handler_threads_max = 2, .net_threads = 2, .at_once = at_once},
};

static void
hold(struct http_exchange *x, void *ctx)
{
    (void)ctx;
    atomic_store(&waiting[atomic_fetch_add(&waiting_count, 1)], x);
}

static void
over(struct http_exchange *x, void *ctx)
{
    atomic_fetch_add(&continued, 1);
    if (ctx == &continued) { /* once more */
        http_exchange_continue(x, over, NULL);
        return;
    }
    http_reply(x, 200, "text/plain", x->at_once ? STR("over at once") : STR("over"));
}

static void
start_waiting(const struct http_server_options *way, int *fds, int count)
{
    atomic_store(&waiting_count, 0);
    atomic_store(&continued, 0);
    special = hold;
    server_teardown(NULL); /* of the way before */
    server_start(*way);
    for (int i = 0; i < count; i++) {
        fds[i] = dial();
        put(fds[i], "GET /waits HTTP/1.1\r\n" CLOSE "\r\n");
    }
    for (int i = 0; i < 60000 && atomic_load(&waiting_count) < count; i++)
        usleep(1000);
    assert_int_equal(atomic_load(&waiting_count), count);
}

static void
assert_answered(const struct http_server_options *way, const int *fds)
{
    for (int i = 0; i < WAITING; i++) {
        assert_true(read_all(fds[i]));
        assert_reply("HTTP/1.1 200", way->at_once ? "over at once" : "over");
        close(fds[i]);
    }
}

static void
test_the_number_of_threads_does_not_limit_how_many_requests_wait(void **state)
{
    (void)state;
    int fds[WAITING];
    for (const struct http_server_options *way = ways; way < ways + ARRAY_LEN(ways); way++) {
        start_waiting(way, fds, WAITING);
        ask("GET /echo HTTP/1.1\r\n" CLOSE "\r\n"); /* the threads are free */
        assert_reply("HTTP/1.1 200", NULL);
        assert_true(http_server_stats(server).handler_threads <= 2);
        for (int i = 0; i < WAITING; i++)
            http_exchange_continue(atomic_load(&waiting[i]), over, i % 2 ? NULL : (void *)&continued);
        assert_answered(way, fds);
        assert_int_equal(atomic_load(&continued), WAITING + WAITING / 2);
    }
}

static void *
continue_all(void *ctx)
{
    useconds_t *pause_us = ctx;
    if (pause_us)
        usleep(*pause_us);
    for (int i = 0; i < atomic_load(&waiting_count); i++)
        http_exchange_continue(atomic_load(&waiting[i]), over, NULL);
    return NULL;
}

static void
test_f33_what_a_client_that_left_waited_for_goes_on(void **state)
{
    (void)state;
    int fds[WAITING];
    for (const struct http_server_options *way = ways; way < ways + ARRAY_LEN(ways); way++) {
        start_waiting(way, fds, WAITING);
        for (int i = 0; i < WAITING; i++)
            close(fds[i]);
        continue_all(NULL);
        wait_until_open(0, 0);
        assert_int_equal(atomic_load(&continued), WAITING);
    }
}

static void
test_i38_a_stop_answers_those_that_wait(void **state)
{
    (void)state;
    int fds[WAITING];
    useconds_t pause_us = 50000;
    for (const struct http_server_options *way = ways; way < ways + ARRAY_LEN(ways); way++) {
        pthread_t thread;
        start_waiting(way, fds, WAITING);
        pthread_create(&thread, NULL, continue_all, &pause_us);
        http_server_drain(server, PATIENCE_MS);
        assert_int_equal(http_server_stats(server).exchanges_open, 0);
        pthread_join(thread, NULL);
        assert_answered(way, fds);
    }
}

static void
test_i38_what_is_waited_for_after_the_end_is_heard_of_and_freed(void **state)
{
    (void)state;
    int fds[2];
    for (const struct http_server_options *way = ways; way < ways + ARRAY_LEN(ways); way++) {
        start_waiting(way, fds, 2);
        http_server_drain(server, 20);
        http_server_free(server);
        server = NULL;
        continue_all(NULL);
        assert_int_equal(atomic_load(&continued), 2);
        close(fds[0]);
        close(fds[1]);
    }
}
