/*
 * The HTTP server (libmicrohttpd), as the doors see it.
 *
 * An exchange is one request and its answer. When a request has arrived whole and within the limits
 * of base/limits.h, the server hands it to the handler on a thread of its own pool, where the handler
 * may block (on the store, on a vendor). The handler answers with one of the http_reply functions, now
 * or later and from any thread: until then the connection is suspended and costs no thread. Every
 * exchange must be answered exactly once; the exchange and its arena are gone when the answer has been
 * written or the client has left.
 *
 * What never reaches the handler, because the server answers it itself: 400 for what is not HTTP, 408,
 * 413, 414, 431, and 503 while draining. Those bodies go through `refuse`, so that they speak the right
 * dialect; `refuse` answers with http_reply before it returns. Only what libmicrohttpd refuses before we
 * see it (a head beyond some 40 KiB, an unknown HTTP version, a length or chunk that is no number) has the
 * right status with a short body of the library's.
 */
#ifndef TIDEMARK_NET_HTTP_SERVER_H
#define TIDEMARK_NET_HTTP_SERVER_H

#include "base/buf.h"
#include "net/http.h"

struct http_server;

struct http_exchange {
    /* The request; slices live in `arena`. */
    struct str method;            /* "GET" */
    struct str path;              /* raw, still percent-encoded, without query: "/api/v1/sync" */
    struct str query;             /* raw, without '?', or empty */
    struct http_headers headers;
    struct str body;              /* whole; empty when there is none */
    bool has_body;                /* a length above 0 or chunked was announced */
    struct str peer;              /* numeric address of the client */
    struct arena *arena;          /* request arena: capped, single-threaded, hand over with the exchange */
    void *user;                   /* the handler's own, e.g. who is asking; body_max and at_once may set it before */
    bool at_once;                 /* the handler runs on a server thread and must not wait for anything */
    struct http_server *server;
};

typedef void http_handler_fn(struct http_exchange *x, void *ctx);
/*
 * Answers (http_reply) for the server; runs on a server thread, must not block. Method, path, headers may be
 * empty: what has arrived is set.
 */
typedef void http_refuse_fn(struct http_exchange *x, const struct err *err, void *ctx);
/* The largest body accepted for this request (its method, path and headers are set). Must not block. */
typedef size_t http_body_max_fn(struct http_exchange *x, void *ctx);
/*
 * The request is whole: may its handler, and what goes on after each of its waits, run on the server's own thread? That
 * saves two changes of threads and holds up every connection of that thread meanwhile: only for what is short and
 * waits for nothing. Must not block.
 */
typedef bool http_at_once_fn(struct http_exchange *x, void *ctx);

/* Other deadlines for tests; 0: the limit of base/limits.h or the server's own. The program leaves all at 0. */
struct http_server_test {
    int64_t head_ms, body_grace_ms, keep_alive_ms, write_stall_ms, linger_ms;
    int64_t handler_idle_ms;
};

struct http_server_options {
    struct str listen;            /* "127.0.0.1:3000", "[::1]:0"; port 0 picks one */
    unsigned net_threads;         /* 0: chosen from the cores, 2..4 */
    unsigned handler_threads_max; /* 0: 64; threads start when needed and end when idle */
    unsigned connections_max;     /* 0: 4096; further ones wait in the backlog */
    http_handler_fn *handler;
    http_refuse_fn *refuse;       /* NULL: plain text */
    http_body_max_fn *body_max;   /* NULL: LIMIT_BODY_BYTES */
    http_at_once_fn *at_once;     /* NULL: none */
    void *ctx;
    struct http_server_test test;
};

/* NULL with E_CONFIG (bad address) or E_UNAVAILABLE (address in use; the message says which). */
struct http_server *http_server_new(const struct http_server_options *options, struct err *err);
/* The port listened on. */
int http_server_port(const struct http_server *server);
/*
 * No new connections; further requests on open ones get 503. Streams that wait are asked once more and
 * broken off if they still have nothing. Waits until every exchange is answered and every stream done, or
 * `deadline_ms` has passed.
 */
void http_server_drain(struct http_server *server, int64_t deadline_ms);
/*
 * After drain. Accepts NULL. Waits for handlers and pulls that run. An exchange that was taken and not
 * answered is given up: answering it later is allowed and frees it (its `server` must not be used then).
 */
void http_server_free(struct http_server *server);

/*
 * For a handler that returned without an answer, because it waits for something without holding a thread: runs go_on for
 * the same exchange, on a thread of the pool, where it may block or wait again; on its server thread where x->at_once.
 * From any thread, also before that handler has returned (which must not touch the exchange any more). It runs
 * whatever happened meanwhile: to the client, whose leaving is only seen by the answer, or to the server; when that
 * ends, on the calling thread. Not while http_server_free runs.
 */
void http_exchange_continue(struct http_exchange *x, http_handler_fn *go_on, void *ctx);
/* The same from a handler that finds it would have to wait: the exchange is at_once no more. Its last act. */
void http_exchange_to_pool(struct http_exchange *x, http_handler_fn *go_on, void *ctx);
/* Adds a header to the answer; before the reply. Texts are copied. One that is empty or would break its line is left out. */
void http_reply_header(struct http_exchange *x, const char *name, struct str value);
/* The same for texts that are our own and stay: they are neither copied nor looked at. */
void http_reply_header_fixed(struct http_exchange *x, const char *name, const char *value);
/* Answers. The body is copied unless it lies in x->arena. content_type NULL: none. */
void http_reply(struct http_exchange *x, int status, const char *content_type, struct str body);

/* The same with the memory of a buffer, which is taken over and left empty. */
void http_reply_buf(struct http_exchange *x, int status, const char *content_type, struct buf *body);
/* An empty buffer for that, as buf_init makes one, with the memory of an earlier answer; cap_bytes at least 128 KiB. */
struct buf http_reply_memory(struct http_exchange *x, size_t cap_bytes);

/*
 * Answers with a body made while it is sent. `pull` appends the next piece to `piece` on a pool thread,
 * may block, and is asked again only when the client has taken what it gave (so nothing piles up).
 *   STREAM_MORE   something was appended, ask again
 *   STREAM_WAIT   nothing now: ask again after http_stream_wake(), at the latest in wait_ms
 *   STREAM_END    that was all;   STREAM_BREAK  close the connection to show that it is incomplete
 *   STREAM_RESET  the same by a TCP reset instead of an orderly close (the sandbox plays a broken network)
 * `done` is called once in every case, also when the client left: release `ctx` there. It runs on a pool
 * thread (on another one at the server's end).
 *
 * Called by the handler on its own thread, nothing is pulled before the handler has returned, so it can
 * keep the result where http_stream_wake is called from. From another thread the stream may already be
 * done when this returns: hold a lock that `done` takes. NULL when the stream ended before it began;
 * `done` has been or will be called.
 */
enum http_stream_more { STREAM_MORE, STREAM_WAIT, STREAM_END, STREAM_BREAK, STREAM_RESET };
typedef enum http_stream_more http_stream_pull_fn(void *ctx, struct buf *piece, int64_t *wait_ms);
typedef void http_stream_done_fn(void *ctx);
struct http_stream;
struct http_stream *http_reply_stream(struct http_exchange *x, int status, const char *content_type,
                                      http_stream_pull_fn *pull, http_stream_done_fn *done, void *ctx);
/*
 * The same with a Content-Length: exactly `length` bytes are promised. A stream that gives fewer must end with
 * STREAM_BREAK or STREAM_RESET; STREAM_END before that many counts as a break.
 */
struct http_stream *http_reply_stream_sized(struct http_exchange *x, int status, const char *content_type,
                                            int64_t length, http_stream_pull_fn *pull, http_stream_done_fn *done,
                                            void *ctx);
/* From any thread, until done was called. */
void http_stream_wake(struct http_stream *stream);

struct http_server_stats {
    int64_t requests, refused, connections_open, exchanges_open, handler_threads;
    int64_t at_once;             /* of requests: answered by the thread that read them */
};
struct http_server_stats http_server_stats(const struct http_server *server);

#endif
