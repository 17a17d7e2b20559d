/*
 * Deadlines of slow clients.
 *
 * libmicrohttpd's own timeout counts idle time only, so a client that sends one byte now and then would
 * hold a connection for ever. This thread looks at every connection once a tick and asks the kernel how
 * many bytes came in and how many the client took; the net threads pay nothing but writing down in which
 * phase they are. It never writes to a socket: past a deadline it notes the reason and shuts the socket's
 * reading side, so that the net thread finds an end of input and answers 408 itself. A client that takes
 * nothing of its answer is reset.
 *
 * It also swallows what refused clients still send (linger): closing a socket with unread bytes makes
 * the kernel reset the connection, and the client would lose the answer that says why.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "net/http_server_priv.h"

#define REAPER_STACK_BYTES (256 * 1024)
#define TICK_PARTS 8                  /* a deadline is met within an eighth of itself */
#define TICK_MAX_US US_PER_S
#define TICK_MIN_US (5 * US_PER_MS)
#define LINGER_BYTES_MAX (16 * 1024 * 1024)
#define LINGER_READ_BYTES (64 * 1024)
#define UNSENT_BYTES_MAX (256 * 1024) /* kernel buffer of a reader that is slower than we write */

/* Kernel values of tcpi_state; netinet/tcp.h, which names them, clashes with linux/tcp.h. */
enum { STATE_CLOSE = 7, STATE_CLOSE_WAIT = 8, STATE_LAST_ACK = 9 };

int64_t
server_now_us(void)
{
    return clock_monotonic_us(clock_system());
}

bool
tcp_facts_get(int fd, struct tcp_facts *facts_out)
{
    struct tcp_info info;
    memset(&info, 0, sizeof(info));
    socklen_t length = sizeof(info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0)
        return false;
    int state = info.tcpi_state;
    *facts_out = (struct tcp_facts){
        .received = info.tcpi_bytes_received,
        .acked = info.tcpi_bytes_acked,
        .sent = info.tcpi_bytes_sent,
        .peer_left = state == STATE_CLOSE || state == STATE_CLOSE_WAIT || state == STATE_LAST_ACK,
    };
    return true;
}

void
reaper_kick(struct http_server *server)
{
    uint64_t one = 1;
    (void)!write(server->reaper_event, &one, sizeof(one));
}

/* ---- looking at one connection; under entries_lock ---- */

/* The first reason stands, but for a stall; shutting down again does no harm and is an event again. */
static void
reap(struct http_entry *entry, enum http_reaped reason)
{
    int none = REAPED_NOT;
    if (reason != REAPED_STALL) {
        atomic_compare_exchange_strong(&entry->reaped, &none, reason);
        shutdown(entry->fd, SHUT_RD);
        return;
    }
    atomic_store(&entry->reaped, REAPED_STALL);
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    setsockopt(entry->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    shutdown(entry->fd, SHUT_RDWR);
}

/* Between requests, or in the first line of one. */
static void
look_idle(struct http_entry *entry, const struct http_deadlines *deadlines, uint64_t received, int64_t now_us)
{
    int64_t since_us = atomic_load(&entry->since_us);
    bool fresh = atomic_load(&entry->requests) == 0;
    if (!entry->seen.known) {
        entry->seen.known = true;
        entry->seen.received = fresh ? 0 : received;
        entry->seen.head_us = 0;
    }
    if (received > entry->seen.received && entry->seen.head_us == 0)
        entry->seen.head_us = fresh ? since_us : now_us;
    if (entry->seen.head_us != 0) {
        if (now_us - entry->seen.head_us > deadlines->head)
            reap(entry, REAPED_LATE);
        return;
    }
    if (now_us - since_us > (fresh ? deadlines->head : deadlines->keep_alive))
        reap(entry, REAPED_SILENT);
}

static void
look_head(struct http_entry *entry, const struct http_deadlines *deadlines, int64_t now_us)
{
    int64_t since_us = atomic_load(&entry->since_us);
    int64_t start_us = entry->seen.head_us ? entry->seen.head_us : since_us;
    if (now_us - start_us > deadlines->head)
        reap(entry, REAPED_LATE);
}

static void
look_body(struct http_entry *entry, const struct http_deadlines *deadlines, int64_t now_us)
{
    int64_t elapsed_us = now_us - atomic_load(&entry->since_us);
    if (elapsed_us <= deadlines->body_grace)
        return;
    if (atomic_load(&entry->body_bytes) < deadlines->body_bytes_per_s * elapsed_us / US_PER_S)
        reap(entry, REAPED_LATE);
}

static void
look_writing(struct http_entry *entry, const struct http_deadlines *deadlines, uint64_t acked, int64_t now_us)
{
    int unsent = 0;
    bool waits = ioctl(entry->fd, SIOCOUTQ, &unsent) == 0 && unsent > 0;
    if (!waits || !entry->seen.known || acked != entry->seen.acked) {
        entry->seen.known = true;
        entry->seen.acked = acked;
        entry->seen.progress_us = now_us;
        return;
    }
    if (now_us - entry->seen.progress_us > deadlines->write_stall)
        reap(entry, REAPED_STALL);
}

static void
look_at(struct http_entry *entry, const struct http_deadlines *deadlines, int64_t now_us)
{
    int phase = atomic_load(&entry->phase);
    unsigned requests = atomic_load(&entry->requests);
    struct tcp_facts facts = {0};
    if (phase != entry->seen.phase || requests != entry->seen.requests) {
        entry->seen.phase = phase;
        if (requests != entry->seen.requests)
            entry->seen.head_us = 0;
        entry->seen.requests = requests;
        entry->seen.known = false;
    }
    if (phase == PHASE_HANDLING || !tcp_facts_get(entry->fd, &facts))
        return;
    /*
     * libmicrohttpd reads once per event, so it misses an end that comes together with the last bytes; the
     * shutdown makes another event of it.
     */
    if (facts.peer_left && phase != PHASE_WRITING)
        reap(entry, REAPED_SILENT);
    else if (phase == PHASE_IDLE)
        look_idle(entry, deadlines, facts.received, now_us);
    else if (phase == PHASE_HEAD)
        look_head(entry, deadlines, now_us);
    else if (phase == PHASE_BODY)
        look_body(entry, deadlines, now_us);
    else if (phase == PHASE_WRITING)
        look_writing(entry, deadlines, facts.acked, now_us);
}

/* ---- lingering ---- */

void
reaper_linger(struct http_server *server, int fd)
{
    int copy = dup(fd);
    if (copy < 0)
        return;
    shutdown(copy, SHUT_WR);
    pthread_mutex_lock(&server->linger_lock);
    bool room = server->linger_count < LINGER_MAX;
    if (room)
        server->lingering[server->linger_count++] =
            (struct http_linger){copy, server_now_us() + server->deadlines.linger, LINGER_BYTES_MAX};
    pthread_mutex_unlock(&server->linger_lock);
    if (room)
        reaper_kick(server);
    else
        close(copy);
}

/* False when the client is done or has had enough of our time. */
static bool
linger_read(struct http_linger *linger, int64_t now_us)
{
    char scrap[LINGER_READ_BYTES];
    if (now_us >= linger->until_us)
        return false;
    for (;;) {
        ssize_t count = recv(linger->fd, scrap, sizeof(scrap), MSG_DONTWAIT);
        if (count < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
        if (count == 0 || (size_t)count > linger->left_bytes)
            return false;
        linger->left_bytes -= (size_t)count;
    }
}

/* Returns when the first of them is to be given up. Fills polls with those that remain. */
static int64_t
lingers_look(struct http_server *server, struct pollfd *polls, size_t *poll_count, int64_t now_us)
{
    int64_t next_us = INT64_MAX;
    size_t kept = 0;
    pthread_mutex_lock(&server->linger_lock);
    for (size_t i = 0; i < server->linger_count; i++) {
        struct http_linger linger = server->lingering[i];
        if (!linger_read(&linger, now_us)) {
            close(linger.fd);
            continue;
        }
        if (linger.until_us < next_us)
            next_us = linger.until_us;
        polls[(*poll_count)++] = (struct pollfd){.fd = linger.fd, .events = POLLIN};
        server->lingering[kept++] = linger;
    }
    server->linger_count = kept;
    pthread_mutex_unlock(&server->linger_lock);
    return next_us;
}

/* ---- the thread ---- */

static int64_t
smallest_tick(const struct http_deadlines *deadlines)
{
    int64_t least = deadlines->head;
    least = deadlines->body_grace < least ? deadlines->body_grace : least;
    least = deadlines->keep_alive < least ? deadlines->keep_alive : least;
    least = deadlines->write_stall < least ? deadlines->write_stall : least;
    least /= TICK_PARTS;
    if (least > TICK_MAX_US)
        return TICK_MAX_US;
    return least < TICK_MIN_US ? TICK_MIN_US : least;
}

static bool
entries_look(struct http_server *server, int64_t now_us)
{
    pthread_mutex_lock(&server->entries_lock);
    bool any = server->entries != NULL;
    for (struct http_entry *entry = server->entries; entry; entry = entry->next)
        if (atomic_load(&entry->reaped) != REAPED_STALL)
            look_at(entry, &server->deadlines, now_us);
    pthread_mutex_unlock(&server->entries_lock);
    return any;
}

static int
poll_timeout(int64_t next_us)
{
    if (next_us == INT64_MAX)
        return -1;
    int64_t wait_us = next_us - server_now_us();
    if (wait_us <= 0)
        return 0;
    int64_t wait_ms = (wait_us + US_PER_MS - 1) / US_PER_MS;
    return wait_ms > 60000 ? 60000 : (int)wait_ms;
}

static void *
reaper_run(void *ctx)
{
    struct http_server *server = ctx;
    struct pollfd polls[LINGER_MAX + 1];
    int64_t tick_us = smallest_tick(&server->deadlines), entries_us = 0, streams_us = 0;
    while (!atomic_load(&server->reaper_stop)) {
        size_t count = 1;
        polls[0] = (struct pollfd){.fd = server->reaper_event, .events = POLLIN};
        /* Whoever adds something during the look kicks; the event stays readable until the next round. */
        atomic_store(&server->reaper_next_us, INT64_MAX);
        int64_t now_us = server_now_us();
        if (now_us >= entries_us || entries_us == INT64_MAX) {
            entries_us = entries_look(server, now_us) ? now_us + tick_us : INT64_MAX;
            streams_us = 0;
        }
        streams_us = streams_look(server, now_us);
        int64_t next_us = lingers_look(server, polls, &count, now_us);
        next_us = entries_us < next_us ? entries_us : next_us;
        next_us = streams_us < next_us ? streams_us : next_us;
        atomic_store(&server->reaper_next_us, next_us);
        if (poll(polls, (nfds_t)count, poll_timeout(next_us)) < 0 && errno != EINTR)
            log_write(LOG_ERROR, "http reaper: poll failed", LOG_I("errno", errno));
        uint64_t kicks;
        (void)!read(server->reaper_event, &kicks, sizeof(kicks));
    }
    return NULL;
}

bool
reaper_start(struct http_server *server, struct err *err)
{
    server->reaper_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (server->reaper_event < 0)
        return err_set(err, E_UNAVAILABLE, "No descriptor is free: raise the limit of open files (ulimit -n)");
    server->reaping = http_thread_start(&server->reaper_thread, REAPER_STACK_BYTES, false, reaper_run, server);
    return server->reaping || err_set(err, E_UNAVAILABLE, "No thread can be started: raise the limit of processes");
}

void
reaper_stop(struct http_server *server)
{
    if (!server->reaping)
        return;
    atomic_store(&server->reaper_stop, true);
    reaper_kick(server);
    pthread_join(server->reaper_thread, NULL);
    server->reaping = false;
}

void
reaper_release(struct http_server *server)
{
    for (size_t i = 0; i < server->linger_count; i++)
        close(server->lingering[i].fd);
    server->linger_count = 0;
    if (server->reaper_event >= 0)
        close(server->reaper_event);
    server->reaper_event = -1;
}

/* ---- connections come and go; net threads ---- */

void
entry_phase(struct http_entry *entry, enum http_phase phase)
{
    atomic_store_explicit(&entry->since_us, server_now_us(), memory_order_relaxed);
    atomic_store_explicit(&entry->body_bytes, 0, memory_order_relaxed);
    atomic_store(&entry->phase, phase);
}

static void
peer_name(struct MHD_Connection *connection, char name_out[static INET6_ADDRSTRLEN])
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    struct sockaddr_storage address = {0};
    if (info && info->client_addr)
        memcpy(&address, info->client_addr,
               info->client_addr->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
    name_out[0] = '\0';
    if (address.ss_family == AF_INET) {
        inet_ntop(AF_INET, &((struct sockaddr_in *)&address)->sin_addr, name_out, INET6_ADDRSTRLEN);
        return;
    }
    const struct in6_addr *six = &((struct sockaddr_in6 *)&address)->sin6_addr;
    bool mapped = IN6_IS_ADDR_V4MAPPED(six);
    if (address.ss_family == AF_INET6)
        inet_ntop(mapped ? AF_INET : AF_INET6, six->s6_addr + (mapped ? 12 : 0), name_out, INET6_ADDRSTRLEN);
}

static struct http_entry *
entry_open(struct http_server *server, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct http_entry *entry = info ? alloc_zeroed(1, sizeof(*entry)) : NULL;
    if (!entry)
        return NULL;
    entry->server = server;
    entry->fd = info->connect_fd;
    peer_name(connection, entry->peer);
    pthread_mutex_init(&entry->lock, NULL);
    entry_phase(entry, PHASE_IDLE);
    int unsent_max = UNSENT_BYTES_MAX;
    setsockopt(entry->fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_max, sizeof(unsent_max));
    pthread_mutex_lock(&server->entries_lock);
    entry->next = server->entries;
    if (entry->next)
        entry->next->prev = entry;
    server->entries = entry;
    pthread_mutex_unlock(&server->entries_lock);
    atomic_fetch_add(&server->entry_count, 1);
    if (atomic_load(&server->reaper_next_us) == INT64_MAX)
        reaper_kick(server);
    return entry;
}

/* A request that ended before its first line was understood: libmicrohttpd closes without a word. */
static void
answer_unknown(struct http_server *server, struct http_entry *entry)
{
    struct tcp_facts facts;
    struct err err = {0};
    if (atomic_load(&entry->requests) > 0 || !tcp_facts_get(entry->fd, &facts) || facts.sent > 0 ||
        facts.received == 0 || facts.peer_left)
        return;
    int reaped = atomic_load(&entry->reaped);
    if (reaped == REAPED_LATE)
        err_set(&err, E_REQUEST_TIMEOUT, NULL);
    else if (reaped == REAPED_NOT)
        err_set(&err, E_VALIDATION_FAILED, "The request is not valid HTTP");
    else
        return;
    entry->lingers = true;
    refuse_raw(server, entry, NULL, &err);
}

static void
entry_close(struct http_server *server, struct http_entry *entry)
{
    if (!atomic_load(&server->draining))
        answer_unknown(server, entry);
    int unread = 0;
    (void)ioctl(entry->fd, FIONREAD, &unread);
    if ((entry->lingers || unread > 0) && atomic_load(&entry->reaped) != REAPED_STALL)
        reaper_linger(server, entry->fd);
    pthread_mutex_lock(&server->entries_lock);
    if (entry->prev)
        entry->prev->next = entry->next;
    else
        server->entries = entry->next;
    if (entry->next)
        entry->next->prev = entry->prev;
    pthread_mutex_unlock(&server->entries_lock);
    atomic_fetch_sub(&server->entry_count, 1);
    if (atomic_load(&server->at_limit)) {
        uint64_t one = 1;
        (void)!write(server->accept_event, &one, sizeof(one));
    }
    pthread_mutex_destroy(&entry->lock);
    free(entry);
}

void
entry_on_connection(void *ctx, struct MHD_Connection *connection, void **socket_context,
                    enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *socket_context = entry_open(ctx, connection);
    } else if (*socket_context) {
        entry_close(ctx, *socket_context);
        *socket_context = NULL;
    }
}
