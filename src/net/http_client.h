/*
 * The HTTP client (libcurl multi): one thread drives all requests to vendors.
 *
 * A request is started and later completes; nobody needs a thread while it is on its way. Limits of
 * base/limits.h hold for each: connect, first byte, total time, slow drip, decompressed size and
 * ratio, header size. Redirects are followed only where the request allows it; a redirect that is not
 * followed is an answer like any other. Each address is judged by the address policy at
 * connect time, after name resolution, so that rebinding cannot get around it (I-33, F27). TLS is
 * always verified. Proxies from the environment are not used.
 */
#ifndef TIDEMARK_NET_HTTP_CLIENT_H
#define TIDEMARK_NET_HTTP_CLIENT_H

#include "net/address_policy.h"
#include "net/http.h"

struct http_client;
struct http_call; /* one request on its way */

/* Shorter deadlines for tests; 0: the limit of base/limits.h. The program leaves all at 0. */
struct http_client_test {
    int64_t connect_ms, first_byte_ms;
    int64_t drip_ms;         /* the window in which LIMIT_DRIP_BYTES_PER_S is measured */
    int64_t in_flight_bytes; /* of all bodies together */
};

struct http_client_options {
    const struct address_policy *policy; /* must outlive the client */
    unsigned connections_per_host_max;   /* 0: 16 */
    unsigned connections_max;            /* 0: 256 */
    struct str user_agent;               /* STR_NONE: "tidemark/<version>" */
    struct str ca_file;                  /* PEM file of the operator's own authorities; STR_NONE: the system's */
    struct http_client_test test;
};

/* NULL with E_NO_MEMORY or E_INTERNAL. Thread-safe from then on. */
struct http_client *http_client_new(const struct http_client_options *options, struct err *err);
/* Ends requests under way with E_SHUTTING_DOWN, then the thread. Accepts NULL. */
void http_client_free(struct http_client *client);

struct http_request {
    struct str method;            /* "GET"; STR_NONE is GET */
    struct str url;               /* absolute, query included, already encoded */
    struct http_headers headers;
    struct str body;              /* STR_NONE: none */
    int64_t total_ms;             /* 0: LIMIT_TOTAL_MS */
    size_t body_max;              /* 0: LIMIT_VENDOR_BODY_BYTES */
    unsigned redirects_max;       /* 0 (default) .. 3; https only, same origin keeps credentials, else dropped */
    /* The operator's own address (settings file, variable, sandbox): the policy lets it pass (D27). */
    bool operator_address;
    /*
     * It may have an effect: it gets a connection of its own, because over a kept one that turns out to be dead it would be
     * sent again by itself.
     */
    bool once;
    /*
     * Called once when the reply is there (http_call_poll gives it), on the client's thread: must not block
     * nor free the call; who gives one frees the call only after it was called. NULL: nobody is told.
     */
    void (*on_done)(void *ctx);
    void *on_done_ctx;
};

/* When a connection of its own was opened, since the request's begin; 0: it did not come so far, or there was one already. */
struct http_opening {
    int64_t name_us;              /* the host's address was found */
    int64_t connected_us;
    int64_t tls_us;               /* and the far end has proven who it is; 0 for http too */
};

struct http_reply {
    int status;                   /* 0 when none arrived */
    struct http_headers headers;
    struct str body;              /* decompressed; empty unless code is E_OK */
    int64_t sent_wall_us;         /* our clock when the request was sent */
    int64_t duration_us;
    struct http_opening opening;
    enum err_code code;           /* E_OK, or why there is no whole answer: E_NETWORK, E_TIMEOUT, E_PAGE_TOO_LARGE,
                                     E_BAD_PAGE (broken encoding or short body), E_ADDRESS_REFUSED, E_SHUTTING_DOWN,
                                     E_CANCELLED, E_NO_MEMORY, E_UNAVAILABLE (too many bodies in memory at once) */
    bool unsent;                  /* code is not E_OK, and nothing of the request has left */
    char message[200];            /* for a person, when code is not E_OK; never a secret */
};

/*
 * Starts a request; the texts are copied. NULL with E_ADDRESS_REFUSED (the URL is not http(s), or its
 * scheme is refused, or it holds a password), E_VALIDATION_FAILED (a method or header that is not HTTP),
 * E_NO_MEMORY or E_SHUTTING_DOWN. Headers that frame the message (Content-Length, ...) are left out.
 * Finish with http_call_wait and http_call_free.
 */
struct http_call *http_client_start(struct http_client *client, const struct http_request *request, struct err *err);
/* Blocks until it is done. The reply lives in the call until http_call_free. */
const struct http_reply *http_call_wait(struct http_call *call);
/* NULL while it is on its way. */
const struct http_reply *http_call_poll(const struct http_call *call);
/* Asks it to end soon with E_CANCELLED. */
void http_call_cancel(struct http_call *call);
/* Cancels if needed, waits for that, frees. Accepts NULL. */
void http_call_free(struct http_call *call);

#endif
