/*
 * A vendor for tests of the client: a thread on loopback that says what a test wants, piece by piece; and a
 * client that may call it. Included by the test files, which are one program each.
 */
#ifndef TIDEMARK_NET_TEST_VENDOR_H
#define TIDEMARK_NET_TEST_VENDOR_H

#include "base/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "net/http_client.h"

/* ---- the scripted vendor ---- */

#define REQUEST_BYTES 16384

static pthread_mutex_t request_lock = PTHREAD_MUTEX_INITIALIZER;

typedef void talk_fn(int fd, int number);

static struct vendor {
    int listen_fd, port;
    pthread_t thread;
    talk_fn *talk;
    atomic_bool stop;
    atomic_int connections;
    char request[REQUEST_BYTES]; /* the last head that was read; under request_lock */
} vendor, other;

static struct address_policy policy;
static struct http_client *client;
static char url[200];

/* Reads up to the end of a head (and what came along), for was_sent. */
static inline bool
read_request(struct vendor *v, int fd)
{
    char text[REQUEST_BYTES] = "";
    size_t len = 0;
    while (!strstr(text, "\r\n\r\n")) {
        ssize_t count = recv(fd, text + len, sizeof(text) - 1 - len, 0);
        if (count <= 0 || len + (size_t)count == sizeof(text) - 1)
            return false;
        len += (size_t)count;
        text[len] = '\0';
    }
    pthread_mutex_lock(&request_lock);
    memcpy(v->request, text, len + 1);
    pthread_mutex_unlock(&request_lock);
    return true;
}

static inline bool
was_sent(struct vendor *v, const char *part)
{
    pthread_mutex_lock(&request_lock);
    bool found = strstr(v->request, part) != NULL;
    pthread_mutex_unlock(&request_lock);
    return found;
}

static inline void
say_bytes(int fd, const void *bytes, size_t count)
{
    for (size_t at = 0; at < count;) {
        ssize_t sent = send(fd, (const char *)bytes + at, count - at, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        at += (size_t)sent;
    }
}

static inline void
say(int fd, const char *text)
{
    say_bytes(fd, text, strlen(text));
}

static void *
vendor_run(void *ctx)
{
    struct vendor *v = ctx;
    while (!atomic_load(&v->stop)) {
        int fd = accept(v->listen_fd, NULL, NULL);
        if (fd < 0)
            continue;
        int number = atomic_fetch_add(&v->connections, 1);
        if (!atomic_load(&v->stop))
            v->talk(fd, number);
        close(fd);
    }
    return NULL;
}

static inline void
vendor_start(struct vendor *v, talk_fn *talk)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    memset(v, 0, sizeof(*v));
    v->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(v->listen_fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(v->listen_fd, 100), 0);
    assert_int_equal(getsockname(v->listen_fd, (struct sockaddr *)&address, &length), 0);
    v->port = ntohs(address.sin_port);
    v->talk = talk;
    assert_int_equal(pthread_create(&v->thread, NULL, vendor_run, v), 0);
}

static inline void
vendor_stop(struct vendor *v)
{
    if (!v->port)
        return;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)v->port)};
    atomic_store(&v->stop, true);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)!connect(fd, (struct sockaddr *)&address, sizeof(address));
    pthread_join(v->thread, NULL);
    close(fd);
    close(v->listen_fd);
    v->port = 0;
}

/* ---- the client's side ---- */

/* Only what a test is about may be short: a vendor's thread may come late to anything else. */
static inline void
client_start(struct http_client_test test)
{
    struct err err = {0};
    test.in_flight_bytes = 3 * 1024 * 1024;
    struct http_client_options options = {.policy = &policy, .test = test};
    http_client_free(client);
    client = http_client_new(&options, &err);
    assert_non_null(client);
}

static inline int
vendor_setup(void **state)
{
    (void)state;
    struct err err = {0};
    address_policy_init(&policy);
    policy.allow_http = true;
    assert_ok(address_policy_allow(&policy, STR("127.0.0.1"), &err), err);
    assert_ok(address_policy_allow(&policy, STR("::1"), &err), err);
    client_start((struct http_client_test){0});
    return 0;
}

static inline int
vendor_teardown(void **state)
{
    (void)state;
    http_client_free(client);
    client = NULL;
    vendor_stop(&vendor);
    vendor_stop(&other);
    return 0;
}

static inline struct http_call *
start(struct http_request request)
{
    struct err err = {0};
    if (request.url.len == 0) {
        snprintf(url, sizeof(url), "http://127.0.0.1:%d/x", vendor.port);
        request.url = str_from_c(url);
    }
    struct http_call *call = http_client_start(client, &request, &err);
    if (!call)
        fail_msg("%s: %s", err_name(err.code), err.message);
    return call;
}

/* Asks once and expects this end. */
static inline void
expect(struct http_request request, enum err_code code, int status, const char *body)
{
    struct http_call *call = start(request);
    const struct http_reply *reply = http_call_wait(call);
    if (reply->code != code || reply->status != status)
        fail_msg("%s %d: %s, expected %s %d", err_name(reply->code), reply->status, reply->message, err_name(code),
                 status);
    if (body && !str_eq_c(reply->body, body))
        fail_msg("body is \"%.*s\"", STR_ARG(reply->body));
    if (code != E_OK) {
        assert_true(reply->message[0] != '\0');
        assert_true(reply->body.len == 0); /* never a part of it */
    }
    http_call_free(call);
}

static inline void
expect_talk(talk_fn *talk, enum err_code code, int status, const char *body)
{
    vendor_start(&vendor, talk);
    expect((struct http_request){0}, code, status, body);
}

static inline void
talk_plain(int fd, int number)
{
    (void)number;
    while (read_request(&vendor, fd))
        say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Rate: 7\r\n\r\nhello");
}

static inline void
talk_silent(int fd, int number)
{
    (void)number;
    (void)read_request(&vendor, fd);
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    poll(&poll_fd, 1, -1); /* until the client gives up */
}

#endif
