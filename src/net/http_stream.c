/*
 * Answers that are made while they are sent.
 *
 * Two sides take turns. The net thread asks for bytes (stream_read); when it has sent all of a piece it
 * suspends the connection and a pool thread pulls the next. While the stream has nothing to say it stays
 * suspended, on the list of waiting ones, until somebody wakes it, its time is up, or the reaper sees that
 * the client left (libmicrohttpd does not look at suspended connections).
 *
 *     READY --all sent--> PULLING --MORE, END, BREAK--> READY
 *                         PULLING --WAIT--> WAITING --wake, time, drain--> PULLING
 *                                           WAITING --client left--> READY (gone)
 *
 * So at most one piece exists per stream: a client that never reads costs one piece and its socket buffer.
 */
#include <string.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "net/http_server_priv.h"

#define STREAM_PIECE_BYTES_MAX (4 * 1024 * 1024) /* one pull may not give more */
#define STREAM_BLOCK_BYTES (32 * 1024)           /* what libmicrohttpd asks for at once, without chunks */
#define STREAM_WAIT_MS_DEFAULT 1000
#define STREAM_WAIT_MS_MAX (60 * 60 * 1000)
#define STREAM_EMPTY_MS 10                       /* MORE without bytes is asked again after that */
#define STREAM_MAGIC 0x5354524du

enum stream_state {
    STREAM_READY,   /* the net thread may take from the piece or ask for more */
    STREAM_PULLING, /* with a pool thread */
    STREAM_WAITING, /* on the server's list; the connection is suspended */
};

struct http_stream {
    unsigned magic;
    struct http_job job;
    struct http_server *server;
    struct MHD_Connection *connection;
    int fd;
    int64_t length;             /* promised; below 0: not known, sent in chunks */
    http_stream_pull_fn *pull;
    http_stream_done_fn *done;
    void *ctx;
    /* under server->streams_lock */
    enum stream_state state;
    enum http_stream_more said; /* by the last pull */
    bool woken;                 /* while it was not waiting */
    bool gone;                  /* break it off */
    int64_t wait_ms;
    int64_t due_us;
    struct http_stream *next, *prev;
    /* of whoever has the turn */
    struct buf piece;
    size_t taken;
};

static struct http_stream *
stream_of(struct http_job *job)
{
    struct http_stream *stream = (struct http_stream *)((char *)job - offsetof(struct http_stream, job));
    CHECK(stream->magic == STREAM_MAGIC);
    return stream;
}

/* ---- under streams_lock ---- */

static void
list_add(struct http_stream *stream)
{
    struct http_server *server = stream->server;
    stream->prev = NULL;
    stream->next = server->waiting;
    if (stream->next)
        stream->next->prev = stream;
    server->waiting = stream;
}

static void
list_remove(struct http_stream *stream)
{
    if (stream->prev)
        stream->prev->next = stream->next;
    else
        stream->server->waiting = stream->next;
    if (stream->next)
        stream->next->prev = stream->prev;
}

static void
go_on(struct http_stream *stream)
{
    stream->state = STREAM_READY;
    server_resume(stream->server, stream->connection);
}

static void
pull_start(struct http_stream *stream)
{
    stream->state = STREAM_PULLING;
    stream->woken = false;
    if (http_pool_submit(&stream->server->pool, &stream->job))
        return;
    stream->gone = true; /* the server ends */
    go_on(stream);
}

static void
wait_start(struct http_stream *stream)
{
    struct http_server *server = stream->server;
    if (stream->woken) {
        pull_start(stream);
        return;
    }
    if (atomic_load(&server->draining)) {
        stream->gone = true;
        go_on(stream);
        return;
    }
    stream->state = STREAM_WAITING;
    stream->due_us = server_now_us() + stream->wait_ms * US_PER_MS;
    list_add(stream);
    if (stream->due_us < atomic_load(&server->reaper_next_us))
        reaper_kick(server);
}

static void
wait_end(struct http_stream *stream)
{
    list_remove(stream);
    pull_start(stream);
}

/* ---- pool thread ---- */

static int64_t
clamp_wait(int64_t wait_ms)
{
    if (wait_ms < 1)
        return 1;
    return wait_ms > STREAM_WAIT_MS_MAX ? STREAM_WAIT_MS_MAX : wait_ms;
}

static void
pull_run(struct http_job *job)
{
    struct http_stream *stream = stream_of(job);
    struct http_server *server = stream->server;
    int64_t wait_ms = STREAM_WAIT_MS_DEFAULT;
    buf_clear(&stream->piece);
    stream->taken = 0;
    enum http_stream_more said = stream->pull(stream->ctx, &stream->piece, &wait_ms);
    if (!buf_ok(&stream->piece))
        said = STREAM_BREAK;
    if (said == STREAM_MORE && stream->piece.len == 0) {
        said = STREAM_WAIT;
        wait_ms = STREAM_EMPTY_MS;
    }
    pthread_mutex_lock(&server->streams_lock);
    stream->said = said;
    stream->wait_ms = clamp_wait(wait_ms);
    if (said == STREAM_WAIT && stream->piece.len == 0)
        wait_start(stream);
    else
        go_on(stream);
    pthread_mutex_unlock(&server->streams_lock);
}

static void
pull_discard(struct http_job *job)
{
    struct http_stream *stream = stream_of(job);
    struct http_server *server = stream->server;
    pthread_mutex_lock(&server->streams_lock);
    stream->gone = true;
    go_on(stream);
    pthread_mutex_unlock(&server->streams_lock);
}

static void
stream_free(struct http_stream *stream)
{
    stream->done(stream->ctx);
    stream->magic = 0;
    buf_release(&stream->piece);
    free(stream);
}

static void
done_run(struct http_job *job)
{
    struct http_stream *stream = stream_of(job);
    struct http_server *server = stream->server;
    stream_free(stream);
    server_open_drop(server);
}

/* ---- net thread ---- */

static ssize_t
take(struct http_stream *stream, char *to, size_t room)
{
    size_t left = stream->piece.len - stream->taken;
    size_t count = left < room ? left : room;
    memcpy(to, stream->piece.ptr + stream->taken, count);
    stream->taken += count;
    return (ssize_t)count;
}

/*
 * Sends a reset at once. SO_LINGER alone does not do it: libmicrohttpd shuts the socket down before it closes it,
 * so the client would see an orderly end first. Dissolving the association (connect to nowhere) resets on Linux;
 * elsewhere the close that follows does.
 */
static void
reset_now(int fd)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
    if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)) == 0)
        (void)connect(fd, &nowhere, sizeof(nowhere)); /* the answer is broken off in any case */
}

/* Nothing is left of the piece. */
static ssize_t
ask_for_more(struct http_stream *stream)
{
    if (stream->said == STREAM_RESET)
        reset_now(stream->fd);
    if (stream->gone || stream->said == STREAM_BREAK || stream->said == STREAM_RESET)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (stream->said == STREAM_END)
        return stream->length < 0 ? MHD_CONTENT_READER_END_OF_STREAM : MHD_CONTENT_READER_END_WITH_ERROR;
    MHD_suspend_connection(stream->connection);
    if (stream->said == STREAM_WAIT)
        wait_start(stream);
    else
        pull_start(stream);
    return 0;
}

static ssize_t
stream_read(void *ctx, uint64_t position, char *to, size_t room)
{
    (void)position;
    struct http_stream *stream = ctx;
    CHECK(stream->magic == STREAM_MAGIC);
    pthread_mutex_lock(&stream->server->streams_lock);
    CHECK(stream->state == STREAM_READY);
    bool has_bytes = stream->piece.len > stream->taken && !stream->gone;
    ssize_t result = has_bytes ? 0 : ask_for_more(stream);
    pthread_mutex_unlock(&stream->server->streams_lock);
    return has_bytes ? take(stream, to, room) : result;
}

/* The answer was sent or the connection is closed; it is not suspended, so nobody else has the turn. */
static void
stream_closed(void *ctx)
{
    struct http_stream *stream = ctx;
    CHECK(stream->magic == STREAM_MAGIC);
    stream->job = (struct http_job){.run = done_run, .discard = done_run};
    if (!http_pool_submit(&stream->server->pool, &stream->job))
        done_run(&stream->job);
}

struct MHD_Response *
stream_response(struct http_stream *stream)
{
    uint64_t size = stream->length < 0 ? MHD_SIZE_UNKNOWN : (uint64_t)stream->length;
    struct MHD_Response *response =
        MHD_create_response_from_callback(size, STREAM_BLOCK_BYTES, stream_read, stream, stream_closed);
    if (response)
        server_open_add(stream->server);
    else
        stream_free(stream);
    return response;
}

void
stream_release_unsent(struct http_stream *stream)
{
    stream_free(stream);
}

struct http_stream *
stream_new(struct http_server *server, struct MHD_Connection *connection, int fd, int64_t length,
           http_stream_pull_fn *pull, http_stream_done_fn *done, void *ctx)
{
    struct http_stream *stream = alloc_zeroed(1, sizeof(*stream));
    if (!stream) {
        done(ctx);
        return NULL;
    }
    *stream = (struct http_stream){.magic = STREAM_MAGIC, .server = server, .connection = connection, .fd = fd,
                                   .length = length, .pull = pull, .done = done, .ctx = ctx, .said = STREAM_MORE};
    stream->job = (struct http_job){.run = pull_run, .discard = pull_discard};
    buf_init(&stream->piece, STREAM_PIECE_BYTES_MAX);
    return stream;
}

/* ---- any thread ---- */

void
http_stream_wake(struct http_stream *stream)
{
    CHECK(stream->magic == STREAM_MAGIC);
    struct http_server *server = stream->server;
    pthread_mutex_lock(&server->streams_lock);
    if (stream->state == STREAM_WAITING)
        wait_end(stream);
    else
        stream->woken = true;
    pthread_mutex_unlock(&server->streams_lock);
}

void
streams_wake_all(struct http_server *server)
{
    pthread_mutex_lock(&server->streams_lock);
    while (server->waiting)
        wait_end(server->waiting);
    pthread_mutex_unlock(&server->streams_lock);
}

int64_t
streams_look(struct http_server *server, int64_t now_us)
{
    int64_t next_us = INT64_MAX;
    struct tcp_facts facts;
    pthread_mutex_lock(&server->streams_lock);
    for (struct http_stream *stream = server->waiting, *next; stream; stream = next) {
        next = stream->next;
        if (tcp_facts_get(stream->fd, &facts) && facts.peer_left) {
            stream->gone = true;
            list_remove(stream);
            go_on(stream);
        } else if (stream->due_us <= now_us) {
            wait_end(stream);
        } else if (stream->due_us < next_us) {
            next_us = stream->due_us;
        }
    }
    pthread_mutex_unlock(&server->streams_lock);
    return next_us;
}
