/*
 * Handlers that run on the server's own thread: what they answer, what they wait for, who leaves meanwhile. The wait may be over
 * before the handler has returned, or long after it: each must be heard of once.
 */
#include "net/test_server.h"

#define WAITING 100
#define ROUNDS 2000

static struct http_exchange *_Atomic waiting[WAITING];
static atomic_int waiting_count, continued;
static struct http_exchange *_Atomic passed; /* to the thread that goes on with it */
static atomic_bool passing;

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
    atomic_store(&waiting_count, 0);
    atomic_store(&continued, 0);
    atomic_store(&passed, NULL);
    server_start((struct http_server_options){.at_once = at_once, .net_threads = net_threads, .handler_threads_max = 2});
}

static void
over(struct http_exchange *x, void *ctx)
{
    atomic_fetch_add(&continued, 1);
    if (ctx == &continued) { /* once more */
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
}

/* ---- waiting ---- */

static void
wait_handler(struct http_exchange *x, void *ctx)
{
    (void)ctx;
    atomic_store(&waiting[atomic_fetch_add(&waiting_count, 1)], x);
}

static void
start_waiting(int *fds, int count)
{
    special = wait_handler;
    for (int i = 0; i < count; i++) {
        fds[i] = dial();
        put(fds[i], "GET /waits HTTP/1.1\r\n" CLOSE "\r\n");
    }
    for (int i = 0; i < 5000 && atomic_load(&waiting_count) < count; i++)
        usleep(1000);
    assert_int_equal(atomic_load(&waiting_count), count);
}

static void
test_what_is_waited_for_goes_on_with_it(void **state)
{
    (void)state;
    int fds[WAITING];
    start(2);
    start_waiting(fds, WAITING);
    for (int i = 0; i < WAITING; i++)
        http_exchange_continue(atomic_load(&waiting[i]), over, i % 2 ? NULL : (void *)&continued);
    for (int i = 0; i < WAITING; i++) {
        assert_true(read_all(fds[i]));
        assert_reply("HTTP/1.1 200", "at once");
        close(fds[i]);
    }
    assert_int_equal(atomic_load(&continued), WAITING + WAITING / 2);
}

static void
test_f33_what_a_client_that_left_waited_for_is_heard_of(void **state)
{
    (void)state;
    int fds[WAITING];
    start(2);
    start_waiting(fds, WAITING);
    for (int i = 0; i < WAITING; i++)
        close(fds[i]);
    for (int i = 0; i < WAITING; i++)
        http_exchange_continue(atomic_load(&waiting[i]), over, NULL);
    wait_until_open(0, 0);
    assert_int_equal(atomic_load(&continued), WAITING);
}

static void *
continue_all(void *ctx)
{
    (void)ctx;
    usleep(50000);
    for (int i = 0; i < atomic_load(&waiting_count); i++)
        http_exchange_continue(atomic_load(&waiting[i]), over, NULL);
    return NULL;
}

static void
test_i38_a_stop_answers_those_that_wait(void **state)
{
    (void)state;
    int fds[WAITING];
    pthread_t thread;
    start(2);
    start_waiting(fds, WAITING);
    pthread_create(&thread, NULL, continue_all, NULL);
    http_server_drain(server, 5000);
    assert_int_equal(http_server_stats(server).exchanges_open, 0);
    pthread_join(thread, NULL);
    for (int i = 0; i < WAITING; i++) {
        assert_true(read_all(fds[i]));
        assert_reply("HTTP/1.1 200", "at once");
        close(fds[i]);
    }
}

static void
test_i38_what_is_waited_for_after_the_end_is_heard_of_and_freed(void **state)
{
    (void)state;
    int fds[2];
    start(2);
    start_waiting(fds, 2);
    http_server_drain(server, 20);
    http_server_free(server);
    server = NULL;
    continue_all(NULL);
    assert_int_equal(atomic_load(&continued), 2);
    close(fds[0]);
    close(fds[1]);
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
            http_exchange_continue(x, over, n % 3 == 1 ? NULL : (void *)&continued);
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
