/*
 * I-37, F31, F32: an allocation fails, descriptors run out. Every time the next request is served again.
 */
#include "net/test_server.h"

#include <sys/resource.h>

#include "base/alloc.h"
#include "net/http_client.h"

static struct address_policy policy;
static struct http_client *client;
static char url[100];

static int
setup(void **state)
{
    return server_setup(state);
}

static int
teardown(void **state)
{
    alloc_fail_at(0, 0);
    http_client_free(client);
    client = NULL;
    return server_teardown(state);
}

static void
both_start(void)
{
    struct err err = {0};
    struct http_client_options options = {.policy = &policy};
    server_start((struct http_server_options){0});
    address_policy_init(&policy);
    client = http_client_new(&options, &err);
    assert_non_null(client);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/echo", http_server_port(server));
}

/* E_OK, or how it failed; an answer of 503 counts as a failure that was told. */
static enum err_code
ask_once(void)
{
    struct err err = {0};
    struct http_header items[] = {{STR("X-A"), STR("b")}};
    struct http_request request = {.method = STR("POST"), .url = str_from_c(url), .body = STR("body"),
                                   .headers = {items, 1}, .operator_address = true, .total_ms = PATIENCE_MS};
    struct http_call *call = http_client_start(client, &request, &err);
    if (!call)
        return err.code;
    const struct http_reply *reply = http_call_wait(call);
    enum err_code code = reply->code;
    if (code == E_OK && reply->status == 503)
        code = E_UNAVAILABLE;
    else if (code == E_OK)
        assert_str(reply->body, "body");
    http_call_free(call);
    return code;
}

static void
test_i37_any_allocation_may_fail_once(void **state)
{
    (void)state;
    both_start();
    assert_int_equal(ask_once(), E_OK);
    bool reached_end = false;
    int failures = 0;
    for (int nth = 1; nth < 2000 && !reached_end; nth++) {
        alloc_fail_at(nth, 0);
        enum err_code code = ask_once();
        reached_end = alloc_calls() < nth;
        alloc_fail_at(0, 0);
        failures += code != E_OK;
        if (code != E_OK && code != E_NO_MEMORY && code != E_UNAVAILABLE && code != E_NETWORK)
            fail_msg("allocation %d: %s", nth, err_name(code));
        assert_int_equal(ask_once(), E_OK);
    }
    assert_true(reached_end);
    assert_true(failures > 5);
    wait_until_open(0, -1);
}

static void
test_i37_lasting_shortage_is_survived(void **state)
{
    (void)state;
    both_start();
    for (int nth = 1; nth < 60; nth += 3) {
        alloc_fail_at(nth, 1);
        (void)ask_once();
        alloc_fail_at(0, 0);
        assert_int_equal(ask_once(), E_OK);
    }
}

static void
test_i37_starting_fails_cleanly_at_any_allocation(void **state)
{
    (void)state;
    address_policy_init(&policy);
    bool reached_end = false;
    for (int nth = 1; nth < 200 && !reached_end; nth++) {
        struct err err = {0};
        struct http_server_options options = {.listen = STR("127.0.0.1:0"), .handler = test_handler};
        struct http_client_options client_options = {.policy = &policy, .ca_file = STR("/none"), .user_agent = STR("t")};
        alloc_fail_at(nth, 0);
        struct http_server *one = http_server_new(&options, &err);
        struct http_client *two = http_client_new(&client_options, &err);
        reached_end = alloc_calls() < nth;
        alloc_fail_at(0, 0);
        assert_true((one && two) || err.code == E_NO_MEMORY);
        http_server_free(one);
        http_client_free(two);
    }
    assert_true(reached_end);
}

static void
test_f32_running_out_of_descriptors_ends_when_they_are_back(void **state)
{
    (void)state;
    struct rlimit before, few;
    int taken[256];
    size_t count = 0;
    server_start((struct http_server_options){.test = {.handler_idle_ms = 10 * PATIENCE_MS}}); /* one that ends gives a descriptor back */
    getrlimit(RLIMIT_NOFILE, &before);
    few = before;
    few.rlim_cur = 200;
    setrlimit(RLIMIT_NOFILE, &few);
    int fd = dial(); /* while there are some */
    put(fd, "GET /one HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(read_until(fd, "GET /one"));
    int waiting = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    while (count < ARRAY_LEN(taken) && (taken[count] = dup(fd)) >= 0)
        count++;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)http_server_port(server))};
    struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
    setsockopt(waiting, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    assert_int_equal(connect(waiting, (struct sockaddr *)&address, sizeof(address)), 0);
    put(waiting, "GET /two HTTP/1.1\r\n" CLOSE "\r\n");
    struct pollfd silent = {.fd = waiting, .events = POLLIN};
    int early = poll(&silent, 1, 150); /* the server has no descriptor for it */
    put(fd, "GET /three HTTP/1.1\r\nHost: h\r\n\r\n"); /* those it has go on */
    bool served = read_until(fd, "GET /three");
    while (count > 0)
        close(taken[--count]);
    bool recovered = read_all(waiting);
    setrlimit(RLIMIT_NOFILE, &before);
    assert_int_equal(early, 0);
    assert_true(served);
    assert_true(recovered);
    assert_reply("HTTP/1.1 200", "GET /two");
    close(waiting);
    close(fd);
}
