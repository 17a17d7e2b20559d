/*
 * What the files of the HTTP client share. Room-private.
 *
 * A call belongs to the client's thread from http_client_start until `done`; afterwards to its caller.
 * call->lock guards `done` and the hand-over in both directions.
 */
#ifndef TIDEMARK_NET_HTTP_CLIENT_PRIV_H
#define TIDEMARK_NET_HTTP_CLIENT_PRIV_H

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "net/http_client.h"
#include "net/http_decode.h"

#define EASY_SPARE_MAX 32

struct http_call {
    unsigned magic;
    struct http_client *client;      /* valid until done */
    struct http_call *next, *prev;   /* queue or list of active ones; client thread and client->lock */
    pthread_mutex_t lock;
    pthread_cond_t finished;
    atomic_bool done, cancelled;

    /* what is asked; immutable but for redirects */
    struct arena arena;
    char *url;
    struct str method, body;
    struct http_headers headers;
    unsigned redirects_left;
    bool once, operator_address;
    size_t body_max;
    int64_t total_us;
    void (*on_done)(void *ctx);
    void *on_done_ctx;

    /* client thread */
    CURL *easy;
    struct curl_slist *header_list;
    char error_text[CURL_ERROR_SIZE];
    struct err failure;              /* set by a callback; code E_OK: none */
    bool address_refused;            /* one of the addresses was, and none is connected yet */
    bool head_ended;                 /* what follows are trailers */
    size_t header_bytes, header_room;
    struct http_decoder decoder;
    bool decoding;
    const void *ssl;                 /* of the connection, once the head has come; NULL without TLS */
    bool farewell;                   /* the vendor ended TLS properly */
    struct buf body_buf;
    int64_t counted_bytes;           /* of body_buf, in the count of all bodies */
    int64_t begun_us, sent_us, first_byte_us, window_us, window_bytes; /* monotonic; 0: not yet */

    struct http_reply reply;
};

struct http_client {
    const struct address_policy *policy;
    CURLM *multi;
    pthread_t thread;
    bool running;
    char *user_agent, *ca_file;
    int64_t connect_ms, first_byte_us, drip_us, in_flight_max;
    pthread_mutex_t lock;
    struct http_call *queue_head, *queue_tail; /* under lock */
    bool stopping;                             /* under lock */
    atomic_int cancels;                        /* asked for and not yet looked at */
    /* client thread */
    struct http_call *active;
    CURL *spare[EASY_SPARE_MAX];
    size_t spare_count;
};

/* ---- http_call.c ---- */

#define CALL_MAGIC 0x43414c4cu
/* Copies the request. NULL with the error set. */
struct http_call *call_new(struct http_client *client, const struct http_request *request, struct err *err);
void call_destroy(struct http_call *call);
/* Makes the easy handle ready to be added. False with call->failure set. */
MUST_USE bool call_prepare(struct http_call *call);
/* Takes the result of the transfer. True when the call is to be prepared and sent again (a redirect). */
MUST_USE bool call_conclude(struct http_call *call, CURLcode result);
/* Sets reply.code from the failure, or from `code`, drops the body if it is not whole. */
void call_fail(struct http_call *call, enum err_code code, const char *words);

/* ---- http_redirect.c ---- */

/* True when the reply is a redirect that is to be followed: url, headers, method, body are changed then. */
MUST_USE bool call_redirect(struct http_call *call, struct err *err);
/* The scheme and the shape of the URL. E_ADDRESS_REFUSED. */
MUST_USE bool call_url_allowed(const struct http_call *call, struct str url, struct err *err);

/* ---- http_tls.c ---- */

/* While preparing; at the end of the answer's head; at the end of the transfer, before the handle is used again. */
CURLcode call_tls_setup(struct http_call *call);
void call_tls_head(struct http_call *call);
/* The body ends by closing, and the line was cut. */
bool call_tls_is_cut(struct http_call *call);

/* ---- http_client.c ---- */

/* Counts bytes of bodies over all clients of the process. False past the limit. */
MUST_USE bool in_flight_add(struct http_call *call, int64_t bytes);
void in_flight_drop(struct http_call *call);

#endif
