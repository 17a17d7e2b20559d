/*
 * A server for tests: handlers chosen by path, and raw sockets to talk to it. Included by the test files,
 * which are one program each.
 */
#ifndef TIDEMARK_NET_TEST_SERVER_H
#define TIDEMARK_NET_TEST_SERVER_H

#include "base/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "net/http_server.h"

#define REPLY_BYTES (1024 * 1024)
#define PATIENCE_MS 60000 /* a hang has an end; no measure of speed */

static struct http_server *server;
static char reply_text[REPLY_BYTES + 1]; /* what the last read_* call got */
static size_t reply_len;
static struct http_exchange *_Atomic kept; /* by "/later" */
static sem_t gate;                         /* "/block" waits here */
static atomic_int inside;
static http_handler_fn *special; /* a test's own handler for every path that is not below */

static inline void
test_handler(struct http_exchange *x, void *ctx)
{
    (void)ctx;
    if (str_eq(x->path, STR("/echo"))) {
        http_reply_header(x, "X-Body", x->has_body ? STR("yes") : STR("no"));
        http_reply(x, 200, "text/plain", x->body);
    } else if (str_eq(x->path, STR("/later"))) {
        atomic_store(&kept, x);
    } else if (str_eq(x->path, STR("/block"))) {
        atomic_fetch_add(&inside, 1);
        while (sem_wait(&gate) != 0)
            ;
        atomic_fetch_sub(&inside, 1);
        http_reply(x, 200, "text/plain", STR("unblocked"));
    } else if (special) {
        special(x, ctx);
    } else {
        http_reply_header(x, "X-Query", x->query);
        http_reply_header(x, "X-Peer", x->peer);
        http_reply_header(x, "X-Evil", STR("a\r\nSet-Cookie: b"));
        http_reply(x, 200, "text/plain", str_format(x->arena, "%.*s %.*s", STR_ARG(x->method), STR_ARG(x->path)));
    }
}

static inline void
test_refuse(struct http_exchange *x, const struct err *err, void *ctx)
{
    (void)ctx;
    http_reply_header(x, "X-Refused", STR("yes"));
    http_reply(x, err_http(err->code), "application/json",
               str_format(x->arena, "{\"code\":\"%s\",\"path\":\"%.*s\"}", err_name(err->code), STR_ARG(x->path)));
}

static inline size_t
test_body_max(struct http_exchange *x, void *ctx)
{
    (void)ctx;
    return str_starts(x->path, STR("/small")) ? 100 : 64 * 1024;
}

static inline void
server_start(struct http_server_options options)
{
    struct err err = {0};
    options.listen = options.listen.len ? options.listen : STR("127.0.0.1:0");
    options.handler = test_handler;
    options.refuse = test_refuse;
    options.body_max = test_body_max;
    options.test.linger_ms = PATIENCE_MS; /* what a client still sends is swallowed however late it comes */
    server = http_server_new(&options, &err);
    if (!server)
        fail_msg("%s: %s", err_name(err.code), err.message);
}

static inline int
server_setup(void **state)
{
    (void)state;
    special = NULL;
    sem_init(&gate, 0, 0);
    atomic_store(&kept, NULL);
    atomic_store(&inside, 0);
    return 0;
}

static inline void
wait_until_open(int64_t exchanges, int64_t connections)
{
    struct http_server_stats stats = {0};
    for (int i = 0; i < 60000; i++) {
        stats = http_server_stats(server);
        if (stats.exchanges_open == exchanges && (connections < 0 || stats.connections_open == connections))
            return;
        usleep(1000);
    }
    fail_msg("%d exchanges and %d connections are open", (int)stats.exchanges_open, (int)stats.connections_open);
}

/* Whatever a test did, nothing may be left of it. */
static inline int
server_teardown(void **state)
{
    (void)state;
    if (server) {
        http_server_drain(server, PATIENCE_MS);
        struct http_server_stats stats = http_server_stats(server);
        http_server_free(server);
        server = NULL;
        assert_int_equal(stats.exchanges_open, 0);
    }
    return 0;
}

/* ---- the client's side ---- */

static inline int
dial(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)http_server_port(server))};
    struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

/* False when the server has closed. */
static inline bool
put_bytes(int fd, const void *bytes, size_t count)
{
    for (size_t at = 0; at < count;) {
        ssize_t sent = send(fd, (const char *)bytes + at, count - at, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        at += (size_t)sent;
    }
    return true;
}

static inline bool
put(int fd, const char *text)
{
    return put_bytes(fd, text, strlen(text));
}

/* What has come, at most `room`. A process that was stopped and goes on is told EINTR where a socket has a time limit. */
static inline ssize_t
take_bytes(int fd, void *to, size_t room)
{
    ssize_t count;
    do
        count = recv(fd, to, room, 0);
    while (count < 0 && errno == EINTR);
    return count;
}

/* Reads until the server closes. False when it resets instead, or takes too long. */
static inline bool
read_all(int fd)
{
    ssize_t count = 1;
    reply_len = 0;
    while (count > 0 && reply_len < REPLY_BYTES) {
        count = take_bytes(fd, reply_text + reply_len, REPLY_BYTES - reply_len);
        if (count > 0)
            reply_len += (size_t)count;
    }
    reply_text[reply_len] = '\0';
    return count == 0;
}

/* Reads until what has come holds `end`. */
static inline bool
read_until(int fd, const char *end)
{
    reply_len = 0;
    reply_text[0] = '\0';
    while (!strstr(reply_text, end)) {
        ssize_t count = take_bytes(fd, reply_text + reply_len, REPLY_BYTES - reply_len);
        if (count <= 0)
            return false;
        reply_len += (size_t)count;
        reply_text[reply_len] = '\0';
    }
    return true;
}

/* One exchange on a connection of its own; the answer is in reply_text. */
static inline void
ask(const char *request)
{
    int fd = dial();
    put(fd, request);
    if (!read_all(fd))
        fail_msg("no end of the answer, but: %s", reply_text);
    close(fd);
}

static inline void
assert_reply(const char *start, const char *part)
{
    if (strncmp(reply_text, start, strlen(start)) != 0)
        fail_msg("expected %s, got: %.300s", start, reply_text);
    if (part && !strstr(reply_text, part))
        fail_msg("expected \"%s\" in: %.600s", part, reply_text);
}

#define CLOSE "Host: h\r\nConnection: close\r\n"

#endif
