/*
 * Handlers that run on the server's own thread: what they answer, and waits that are over before the handler has returned. Longer ones
 * are in http_waiting_test.c.
 */
#include "net/test_server.h"

#define ROUNDS 2000

static struct http_exchange *_Atomic passed; /* to the thread that goes on with it */
static atomic_bool passing;
static char once_more; /* its address is a mark */

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

static void
start(unsigned net_threads)
{
    atomic_store(&passed, NULL);
    server_start((struct http_server_options){.at_once = at_once, .net_threads = net_threads, .handler_threads_max = 2});
}

static void
over(struct http_exchange *x, void *ctx)
{
    if (ctx == &once_more) {
        http_exchange_continue(x, over, NULL);
        return;
    }
    http_reply(x, 200, "text/plain", x->at_once ? STR("at once") : STR("pool"));
}

static void
test_a_handler_answers_on_the_servers_thread(void **state)
{
    (void)state;
    start(2);
    special = over;
    for (int i = 0; i < 3; i++) {
        ask("GET /here HTTP/1.1\r\n" CLOSE "\r\n");
        assert_reply("HTTP/1.1 200", "at once");
        ask("GET /pool HTTP/1.1\r\n" CLOSE "\r\n");
        assert_reply("HTTP/1.1 200", "pool");
        assert_int_equal(http_server_stats(server).at_once, i + 1);
    }
    ask("POST /echo HTTP/1.1\r\n" CLOSE "Content-Length: 5\r\n\r\nhello");
    assert_reply("HTTP/1.1 200", "hello");
}

static void
move(struct http_exchange *x, void *ctx)
{
    (void)ctx;
    http_exchange_to_pool(x, over, NULL);
}

static void
test_one_that_would_have_to_wait_goes_to_the_pool(void **state)
{
    (void)state;
    start(2);
    special = move;
    for (int i = 0; i < 50; i++) {
        ask("GET /here HTTP/1.1\r\n" CLOSE "\r\n");
        assert_reply("HTTP/1.1 200", "pool");
    }
    assert_int_equal(http_server_stats(server).at_once, 0);
}

/* ---- as fast as the handler returns ---- */

static void
pass_handler(struct http_exchange *x, void *ctx)
{
    (void)ctx;
    atomic_store(&passed, x);
}

/* Goes on with it, or answers it, while the handler is about to return. */
static void *
pass_on(void *ctx)
{
    (void)ctx;
    for (unsigned n = 0; atomic_load(&passing);) {
        struct http_exchange *x = atomic_exchange(&passed, NULL);
        if (!x)
            continue;
        n++;
        if (n % 3 == 0)
            http_reply(x, 200, "text/plain", STR("at once"));
        else
            http_exchange_continue(x, over, n % 3 == 1 ? NULL : (void *)&once_more);
    }
    return NULL;
}

static void
test_a_wait_that_is_over_before_the_handler_has_returned(void **state)
{
    (void)state;
    pthread_t thread;
    start(2);
    special = pass_handler;
    atomic_store(&passing, true);
    pthread_create(&thread, NULL, pass_on, NULL);
    for (int i = 0; i < ROUNDS; i++) {
        ask("GET /here HTTP/1.1\r\n" CLOSE "\r\n");
        assert_reply("HTTP/1.1 200", "at once");
    }
    atomic_store(&passing, false);
    pthread_join(thread, NULL);
}
