/*
 * What the files of the HTTP server share. Room-private.
 *
 * Threads: `net` threads belong to libmicrohttpd and run every callback of it; `pool` threads run handlers and
 * pulls of streams; one `accept` thread takes connections; one `reaper` thread watches deadlines. A
 * connection is suspended while its exchange is with a handler or its stream has nothing to send.
 *
 * Lock order: entries_lock, entry->lock, streams_lock, then libmicrohttpd's own. pool->lock and spare_lock are leaves.
 */
#ifndef TIDEMARK_NET_HTTP_SERVER_PRIV_H
#define TIDEMARK_NET_HTTP_SERVER_PRIV_H

#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/check.h"
#include "base/limits.h"
#include "net/http_server.h"

/* ---- http_pool.c: threads that grow with the work and end when idle ---- */

struct http_job {
    struct http_job *next;
    void (*run)(struct http_job *job);
    void (*discard)(struct http_job *job); /* instead of run, when the pool stops first */
};

struct http_worker;

struct http_pool {
    pthread_mutex_t lock;
    pthread_cond_t watch, ended;
    struct http_job *head, *tail; /* under lock, as all below */
    struct http_worker *idle, *workers;
    uint64_t submitted, taken;
    unsigned threads, running;    /* running: those that are not idle */
    unsigned surplus;             /* so many go to rest before their next job */
    unsigned threads_max, busy_wanted;
    int64_t idle_us;
    bool stopping, watching;
    bool watched;                 /* the watcher exists */
    pthread_t watcher;
};

MUST_USE bool http_pool_init(struct http_pool *pool, unsigned threads_max, int64_t idle_ms, struct err *err);
/* False when the pool is stopping; the job is untouched then. Any thread. */
MUST_USE bool http_pool_submit(struct http_pool *pool, struct http_job *job);
/* Discards what is queued, waits for what is running. */
void http_pool_stop(struct http_pool *pool);
unsigned http_pool_threads(struct http_pool *pool);
/* Starts a thread of the server with a small stack. Its signals must be blocked by the caller. */
MUST_USE bool http_thread_start(pthread_t *thread_out, size_t stack_bytes, bool detached, void *(*run)(void *), void *ctx);

/* ---- one connection ---- */

enum http_phase {
    PHASE_IDLE,     /* nothing known of a request; a part of its head may have arrived */
    PHASE_HEAD,     /* the request line has arrived */
    PHASE_BODY,     /* the head has */
    PHASE_HANDLING, /* with a handler: no deadline of ours */
    PHASE_WRITING,  /* the answer is on its way */
};

enum http_reaped {
    REAPED_NOT,
    REAPED_SILENT, /* idle for too long */
    REAPED_LATE,   /* the request took too long: 408 */
    REAPED_STALL,  /* the client takes nothing */
};

struct exchange;

struct http_entry {
    struct http_entry *next, *prev; /* under entries_lock */
    struct http_server *server;
    int fd;                         /* valid as long as the entry is listed */
    char peer[INET6_ADDRSTRLEN];
    pthread_mutex_t lock;
    struct exchange *exchange;      /* under lock; NULL between requests */
    atomic_int phase;               /* enum http_phase; written by the net thread */
    atomic_llong since_us;          /* when the phase began */
    atomic_llong body_bytes;
    atomic_uint requests;           /* finished ones */
    atomic_int reaped;              /* enum http_reaped; written by the reaper, under entries_lock */
    bool lingers;                   /* net thread: unread bytes may follow the answer */
    struct {                        /* reaper only: what it saw at its last look */
        int phase;
        unsigned requests;
        uint64_t received, acked;
        int64_t head_us;            /* when the head in progress began; 0: it has not */
        int64_t progress_us;        /* when the client last took something */
        bool known;
    } seen;
};

/* ---- http_exchange.c: one request and its answer ---- */

enum exchange_state {
    EXCHANGE_RECEIVING,
    EXCHANGE_HANDED,    /* with a handler; the connection is suspended */
    EXCHANGE_AT_ONCE,   /* with a handler on the net thread, which looks at the state when that returns */
    EXCHANGE_GOES_ON,   /* what it waited for has happened; the net thread goes on with it */
    EXCHANGE_ANSWERED,
    EXCHANGE_REFUSING,  /* the server answers by itself, on a net thread */
    EXCHANGE_ABANDONED, /* the server is gone: a late answer only frees */
};

struct reply_header {
    struct reply_header *next;
    const char *name, *value; /* in the arena, or static */
};

struct http_answer {
    int status;              /* 0: none yet */
    const char *content_type;
    struct str body;         /* in the arena, in owned, or static */
    struct buf owned;
    struct reply_header *headers, *headers_last;
    struct http_stream *stream;
    bool failed;             /* no memory for it */
};

#define EXCHANGE_MAGIC 0x45584348u
struct exchange {
    unsigned magic;
    struct http_exchange x;
    struct http_job job;
    http_handler_fn *go_on; /* what the job runs: the handler, or what goes on after a wait */
    void *go_on_ctx;
    struct http_server *server;
    struct http_entry *entry;
    struct MHD_Connection *connection;
    struct arena arena;
    atomic_int state; /* enum exchange_state */
    atomic_int refs;  /* the net thread's, and the handler's while handed */
    bool head_done, queued, open;
    size_t body_max, body_size;
    struct exchange *spare_next;
    struct err refusal; /* why the body was refused midway; code E_OK: it was not */
    struct http_answer answer;
    struct buf kept;    /* memory of an earlier answer */
};

struct exchange *exchange_new(struct http_server *server, struct http_entry *entry, struct MHD_Connection *connection);
void exchange_unref(struct exchange *e);
void exchange_spares_free(struct http_server *server);
/* Ends the wait of a handler that never answered; the sweep at the server's end. entry->lock is held. */
void exchange_abandon(struct exchange *e);

struct exchange *exchange_of(struct http_exchange *x);
/*
 * The answer is complete: back to the net thread. The exchange may be gone when this returns. With `later`
 * the connection goes on only when the handler that runs on this thread has returned. False: nobody will send it.
 */
bool exchange_hand_back(struct exchange *e, bool later);

void *exchange_on_uri(void *server, const char *uri, struct MHD_Connection *connection);
enum MHD_Result exchange_on_access(void *server, struct MHD_Connection *connection, const char *url, const char *method,
                                   const char *version, const char *upload, size_t *upload_bytes, void **context);
void exchange_on_completed(void *server, struct MHD_Connection *connection, void **context,
                           enum MHD_RequestTerminationCode code);

/* ---- http_answer.c: what handlers make, and how it leaves ---- */

#define SPARE_REPLY_BYTES_MAX (128 * 1024) /* memory of an answer that took more is given back */

/* Net thread, once for each exchange. */
enum MHD_Result exchange_queue_answer(struct exchange *e);
enum MHD_Result server_queue_no_memory(struct http_server *server, struct MHD_Connection *connection);

/* ---- http_refuse.c: what the server answers by itself ---- */

/* Checks the head against limits and syntax; fills x.headers and the rest. False with the refusal in err. */
MUST_USE bool request_read_head(struct exchange *e, const char *method, const char *version, struct err *err);
/* Fills e->answer through the door's `refuse`, or as plain text. */
void refuse_fill(struct exchange *e, const struct err *err);
/* Writes a whole answer to the socket past libmicrohttpd, where that can no longer send one. e may be NULL. */
void refuse_raw(struct http_server *server, struct http_entry *entry, struct exchange *e, const struct err *err);

/* ---- http_stream.c ---- */

/* length below 0: not known. NULL when there is no memory or the server ends; `done` has been called then. */
struct http_stream *stream_new(struct http_server *server, struct MHD_Connection *connection, int fd, int64_t length,
                               http_stream_pull_fn *pull, http_stream_done_fn *done, void *ctx);
/* The body of the answer. NULL when there is no memory; the stream's `done` is called then too. */
struct MHD_Response *stream_response(struct http_stream *stream);
void stream_release_unsent(struct http_stream *stream);
/* Looks at waiting streams: asks those that are due, ends those whose client left. Returns when to look again. */
int64_t streams_look(struct http_server *server, int64_t now_us);
/* Wakes all that wait: the server drains. */
void streams_wake_all(struct http_server *server);

/* ---- http_reaper.c ---- */

struct tcp_facts {
    uint64_t received, acked, sent;
    bool peer_left;    /* the client closed its side or the connection is dead */
};
bool tcp_facts_get(int fd, struct tcp_facts *facts_out);
int64_t server_now_us(void);

MUST_USE bool reaper_start(struct http_server *server, struct err *err);
/* Ends the thread; net threads may go on. */
void reaper_stop(struct http_server *server);
/* After the net threads have ended. */
void reaper_release(struct http_server *server);
/* Makes the reaper look now. Any thread. */
void reaper_kick(struct http_server *server);
/* Takes over a duplicate of fd and swallows what the client still sends, so that it can read our answer. */
void reaper_linger(struct http_server *server, int fd);
void entry_phase(struct http_entry *entry, enum http_phase phase);
void entry_on_connection(void *server, struct MHD_Connection *connection, void **socket_context,
                         enum MHD_ConnectionNotificationCode code);

/* ---- http_server.c ---- */

#define LINGER_MAX 256

struct http_linger {
    int fd;
    int64_t until_us;
    size_t left_bytes;
};

struct http_deadlines { /* microseconds */
    int64_t head, body_grace, keep_alive, write_stall, linger;
    int64_t body_bytes_per_s;
};

struct http_server {
    struct http_server_options options; /* listen is not kept */
    struct http_deadlines deadlines;
    struct MHD_Daemon *daemon;
    struct MHD_Response *no_memory;     /* ready-made, for when there is none */
    struct http_pool pool;
    int port;

    int listen_fd;                      /* accept thread, closed by drain */
    int accept_event;
    pthread_t accept_thread;
    bool accepting;                     /* the thread exists */
    atomic_bool accept_stop, at_limit;

    pthread_mutex_t entries_lock;
    struct http_entry *entries;
    atomic_llong entry_count;

    pthread_mutex_t spare_lock;
    struct exchange *spare;             /* under spare_lock, as the next */
    unsigned spare_count;

    pthread_mutex_t streams_lock;
    struct http_stream *waiting;        /* under streams_lock */

    int reaper_event;
    pthread_t reaper_thread;
    bool reaping;                       /* the thread exists */
    atomic_bool reaper_stop;
    atomic_llong reaper_next_us;        /* when it looks again by itself */
    pthread_mutex_t linger_lock;
    struct http_linger lingering[LINGER_MAX];
    size_t linger_count;

    atomic_bool draining, ending;       /* ending: what waits is abandoned */
    atomic_llong resuming;              /* calls of MHD_resume_connection in progress */
    pthread_mutex_t open_lock;
    pthread_cond_t open_none;
    atomic_llong open;                  /* exchanges handed and not written, streams not done */
    atomic_llong requests, refused, at_once;
};

/* Lets a suspended connection go on; the exchange may be gone when it returns. */
void server_resume(struct http_server *server, struct MHD_Connection *connection);
void server_open_add(struct http_server *server);
void server_open_drop(struct http_server *server);

#endif
