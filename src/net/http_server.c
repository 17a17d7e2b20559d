/*
 * The HTTP server's life: listening, accepting, draining, ending.
 *
 * We accept connections ourselves and hand them to libmicrohttpd. That makes the limits and the drain
 * exact: its own quiesce can abort the process when a worker wakes at the wrong moment (0.9.75), and a
 * full process would make it spin.
 */
#include "net/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "net/http_server_priv.h"

#define HANDLER_THREADS_DEFAULT 64
#define CONNECTIONS_DEFAULT 4096
#define NET_THREADS_MIN 2
#define NET_THREADS_MAX 4
#define NET_STACK_BYTES (512 * 1024)
#define ACCEPT_STACK_BYTES (128 * 1024)
#define BACKLOG 1024
/*
 * libmicrohttpd's memory for one connection: head, parsed fields, answer head. Larger than our limits, so
 * that a head somewhat too large still reaches us and is refused in the door's words; not much larger, because
 * it is cleared after each request.
 */
#define CONNECTION_POOL_BYTES (32 * 1024)
#define CONNECTION_POOL_STEP_BYTES (16 * 1024)
#define HANDLER_IDLE_MS 10000
#define LINGER_MS 2000
#define ACCEPT_RETRY_MS 100 /* no descriptor free, or at the limit */
#define PORT_MAX 65535

/* ---- listening ---- */

static bool
parse_listen(struct str text, struct sockaddr_storage *address_out, socklen_t *length_out, struct err *err)
{
    ptrdiff_t colon = str_find_last(text, ':');
    struct str host = str_slice(text, 0, colon < 0 ? 0 : (size_t)colon);
    int64_t port = 0;
    char name[INET6_ADDRSTRLEN];
    bool bracketed = host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']';
    if (bracketed)
        host = str_slice(host, 1, host.len - 1);
    if (colon < 0 || host.len == 0 || host.len >= sizeof(name) ||
        !str_to_i64(str_skip(text, (size_t)colon + 1), 0, PORT_MAX, &port))
        return err_set(err, E_CONFIG, "\"%.*s\" is not an address to listen on: write 127.0.0.1:3000 or [::1]:3000",
                       STR_ARG(text));
    memcpy(name, host.ptr, host.len);
    name[host.len] = '\0';
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    memset(address_out, 0, sizeof(*address_out));
    if (!bracketed && inet_pton(AF_INET, name, &in.sin_addr) == 1) {
        memcpy(address_out, &in, sizeof(in));
        *length_out = sizeof(in);
    } else if (bracketed && inet_pton(AF_INET6, name, &in6.sin6_addr) == 1) {
        memcpy(address_out, &in6, sizeof(in6));
        *length_out = sizeof(in6);
    } else {
        return err_set(err, E_CONFIG, "\"%.*s\": the host must be a numeric address, such as 127.0.0.1 or [::1]",
                       STR_ARG(text));
    }
    return true;
}

static int
port_of(int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof(address);
    if (getsockname(fd, (struct sockaddr *)&address, &length) != 0)
        return 0;
    /* The port stands at the same place in both families. */
    return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

static bool
listen_on(struct http_server *server, struct str text, struct err *err)
{
    struct sockaddr_storage address;
    socklen_t length = 0;
    int one = 1;
    if (!parse_listen(text, &address, &length, err))
        return false;
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    server->listen_fd = fd;
    if (fd < 0)
        return err_set(err, E_UNAVAILABLE, "No socket can be opened: %s", strerrordesc_np(errno));
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, (struct sockaddr *)&address, length) != 0 || listen(fd, BACKLOG) != 0) {
        if (errno == EADDRINUSE)
            return err_set(err, E_UNAVAILABLE, "%.*s is in use: stop what listens there or choose another port",
                           STR_ARG(text));
        return err_set(err, E_UNAVAILABLE, "Cannot listen on %.*s: %s", STR_ARG(text), strerrordesc_np(errno));
    }
    server->port = port_of(fd);
    return true;
}

/* ---- accepting ---- */

static bool
is_full(struct http_server *server)
{
    return atomic_load(&server->entry_count) >= server->options.connections_max;
}

/* False when there is nothing to accept now. */
static bool
accept_one(struct http_server *server)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof(address);
    int fd = accept4(server->listen_fd, (struct sockaddr *)&address, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        (void)MHD_add_connection(server->daemon, fd, (struct sockaddr *)&address, length); /* closes fd if it cannot */
        return true;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        struct pollfd event = {.fd = server->accept_event, .events = POLLIN};
        poll(&event, 1, ACCEPT_RETRY_MS); /* until something closes */
        return false;
    }
    return errno == EINTR || errno == ECONNABORTED || errno == EPROTO;
}

static void *
accept_run(void *ctx)
{
    struct http_server *server = ctx;
    while (!atomic_load(&server->accept_stop)) {
        atomic_store(&server->at_limit, is_full(server));
        bool full = is_full(server);
        struct pollfd polls[2] = {{.fd = server->accept_event, .events = POLLIN},
                                  {.fd = server->listen_fd, .events = POLLIN}};
        if (poll(polls, full ? 1 : 2, full ? ACCEPT_RETRY_MS : -1) < 0)
            continue;
        uint64_t events;
        if (polls[0].revents)
            (void)!read(server->accept_event, &events, sizeof(events));
        /* Asked again: a connection counts only when its net thread has taken it up. */
        if (!full && polls[1].revents && !is_full(server))
            (void)accept_one(server);
    }
    return NULL;
}

static bool
accept_start(struct http_server *server, struct err *err)
{
    server->accept_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (server->accept_event < 0)
        return err_set(err, E_UNAVAILABLE, "No descriptor is free: raise the limit of open files (ulimit -n)");
    server->accepting = http_thread_start(&server->accept_thread, ACCEPT_STACK_BYTES, false, accept_run, server);
    return server->accepting || err_set(err, E_UNAVAILABLE, "No thread can be started: raise the limit of processes");
}

/* Ends accepting and closes the port, so that new clients are refused at once. */
static void
accept_stop(struct http_server *server)
{
    uint64_t one = 1;
    if (server->accepting) {
        atomic_store(&server->accept_stop, true);
        (void)!write(server->accept_event, &one, sizeof(one));
        pthread_join(server->accept_thread, NULL);
        server->accepting = false;
    }
    if (server->listen_fd >= 0)
        close(server->listen_fd);
    server->listen_fd = -1;
}

/* ---- the daemon ---- */

static unsigned
net_threads(unsigned wanted)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (wanted)
        return wanted;
    if (cores < NET_THREADS_MIN)
        return NET_THREADS_MIN;
    return cores > NET_THREADS_MAX ? NET_THREADS_MAX : (unsigned)cores;
}

static bool
daemon_start(struct http_server *server, struct err *err)
{
    unsigned threads = net_threads(server->options.net_threads);
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_TURBO | MHD_ALLOW_SUSPEND_RESUME |
                     MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ITC;
    struct MHD_OptionItem pool[] = {{MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)threads, NULL}, {MHD_OPTION_END, 0, NULL}};
    if (threads < 2)
        pool[0] = pool[1]; /* libmicrohttpd refuses a pool of one */
    server->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, exchange_on_access, server, MHD_OPTION_ARRAY, pool, MHD_OPTION_URI_LOG_CALLBACK,
        exchange_on_uri, server, MHD_OPTION_NOTIFY_COMPLETED, exchange_on_completed, server,
        MHD_OPTION_NOTIFY_CONNECTION, entry_on_connection, server, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_POOL_BYTES, MHD_OPTION_CONNECTION_MEMORY_INCREMENT, (size_t)CONNECTION_POOL_STEP_BYTES,
        MHD_OPTION_THREAD_STACK_SIZE, (size_t)NET_STACK_BYTES, MHD_OPTION_CONNECTION_LIMIT,
        2 * server->options.connections_max + threads, MHD_OPTION_CONNECTION_TIMEOUT, 0u, MHD_OPTION_END);
    return server->daemon || err_set(err, E_UNAVAILABLE, "The HTTP server cannot start: %s", strerrordesc_np(errno));
}

static void
resolve_options(struct http_server *server, const struct http_server_options *options)
{
    server->options = *options;
    server->options.listen = STR_NONE;
    if (!server->options.handler_threads_max)
        server->options.handler_threads_max = HANDLER_THREADS_DEFAULT;
    if (!server->options.connections_max)
        server->options.connections_max = CONNECTIONS_DEFAULT;
    const struct http_server_test *test = &options->test;
    server->deadlines = (struct http_deadlines){
        .head = (test->head_ms ? test->head_ms : LIMIT_HEADER_DEADLINE_MS) * US_PER_MS,
        .body_grace = (test->body_grace_ms ? test->body_grace_ms : LIMIT_BODY_GRACE_MS) * US_PER_MS,
        .keep_alive = (test->keep_alive_ms ? test->keep_alive_ms : LIMIT_KEEP_ALIVE_MS) * US_PER_MS,
        .write_stall = (test->write_stall_ms ? test->write_stall_ms : LIMIT_WRITE_STALL_MS) * US_PER_MS,
        .linger = (test->linger_ms ? test->linger_ms : LINGER_MS) * US_PER_MS,
        .body_bytes_per_s = LIMIT_BODY_BYTES_PER_S,
    };
}

static bool
server_start(struct http_server *server, const struct http_server_options *options, struct err *err)
{
    int64_t idle_ms = options->test.handler_idle_ms ? options->test.handler_idle_ms : HANDLER_IDLE_MS;
    static const char words[] = "The server is short of memory\n";
    server->no_memory = MHD_create_response_from_buffer(sizeof(words) - 1, (void *)(uintptr_t)words,
                                                        MHD_RESPMEM_PERSISTENT);
    if (!server->no_memory)
        return err_no_memory(err);
    return listen_on(server, options->listen, err) &&
           http_pool_init(&server->pool, server->options.handler_threads_max, idle_ms, err) &&
           reaper_start(server, err) && daemon_start(server, err) && accept_start(server, err);
}

static void
locks_init(struct http_server *server)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&server->entries_lock, NULL);
    pthread_mutex_init(&server->streams_lock, NULL);
    pthread_mutex_init(&server->spare_lock, NULL);
    pthread_mutex_init(&server->linger_lock, NULL);
    pthread_mutex_init(&server->open_lock, NULL);
    pthread_cond_init(&server->open_none, &attributes);
    pthread_condattr_destroy(&attributes);
}

struct http_server *
http_server_new(const struct http_server_options *options, struct err *err)
{
    CHECK(options->handler);
    struct http_server *server = alloc_zeroed(1, sizeof(*server));
    if (!server) {
        err_no_memory(err);
        return NULL;
    }
    server->listen_fd = server->accept_event = server->reaper_event = -1;
    resolve_options(server, options);
    locks_init(server);
    /* Signals are the main thread's; every thread of ours inherits this mask. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = server_start(server, options, err);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (started)
        return server;
    http_server_free(server);
    return NULL;
}

int
http_server_port(const struct http_server *server)
{
    return server->port;
}

void
server_resume(struct http_server *server, struct MHD_Connection *connection)
{
    atomic_fetch_add(&server->resuming, 1);
    MHD_resume_connection(connection);
    atomic_fetch_sub(&server->resuming, 1);
}

void
server_open_add(struct http_server *server)
{
    atomic_fetch_add(&server->open, 1);
}

void
server_open_drop(struct http_server *server)
{
    if (atomic_fetch_sub(&server->open, 1) != 1 || !atomic_load(&server->draining))
        return;
    pthread_mutex_lock(&server->open_lock);
    pthread_cond_broadcast(&server->open_none);
    pthread_mutex_unlock(&server->open_lock);
}

void
http_server_drain(struct http_server *server, int64_t deadline_ms)
{
    int64_t until_us = server_now_us() + deadline_ms * US_PER_MS;
    struct timespec until = {.tv_sec = until_us / US_PER_S, .tv_nsec = until_us % US_PER_S * 1000};
    accept_stop(server);
    atomic_store(&server->draining, true);
    streams_wake_all(server);
    pthread_mutex_lock(&server->open_lock);
    while (atomic_load(&server->open) > 0)
        if (pthread_cond_timedwait(&server->open_none, &server->open_lock, &until) == ETIMEDOUT)
            break;
    pthread_mutex_unlock(&server->open_lock);
}

/* What a handler took and has not answered: its connection goes on without an answer. */
static void
abandon_all(struct http_server *server)
{
    atomic_store(&server->ending, true);
    pthread_mutex_lock(&server->entries_lock);
    for (struct http_entry *entry = server->entries; entry; entry = entry->next) {
        pthread_mutex_lock(&entry->lock);
        if (entry->exchange)
            exchange_abandon(entry->exchange);
        pthread_mutex_unlock(&entry->lock);
    }
    pthread_mutex_unlock(&server->entries_lock);
}

void
http_server_free(struct http_server *server)
{
    if (!server)
        return;
    if (server->daemon) {
        http_server_drain(server, 0);
        http_pool_stop(&server->pool); /* waits for running handlers; nothing is handed over any more */
        abandon_all(server);
        while (atomic_load(&server->resuming) > 0)
            sched_yield();
        reaper_stop(server); /* before the daemon, which closes what it looks at */
        MHD_stop_daemon(server->daemon);
        reaper_release(server);
    } else {
        if (server->pool.threads_max)
            http_pool_stop(&server->pool);
        reaper_stop(server);
        reaper_release(server);
        accept_stop(server);
    }
    if (server->no_memory)
        MHD_destroy_response(server->no_memory);
    if (server->accept_event >= 0)
        close(server->accept_event);
    exchange_spares_free(server);
    free(server);
}

struct http_server_stats
http_server_stats(const struct http_server *server)
{
    return (struct http_server_stats){
        .requests = atomic_load(&server->requests),
        .refused = atomic_load(&server->refused),
        .at_once = atomic_load(&server->at_once),
        .connections_open = atomic_load(&server->entry_count),
        .exchanges_open = atomic_load(&server->open),
        .handler_threads = http_pool_threads((struct http_pool *)(uintptr_t)&server->pool),
    };
}
