/*
 * Who answers a reader's requests: the HTTP client, or a table of a test.
 */
#ifndef TIDEMARK_ENGINE_SENDER_H
#define TIDEMARK_ENGINE_SENDER_H

#include "net/http_client.h"

struct sender {
    /* The texts are copied. NULL with err: it cannot be sent at all. */
    void *(*start)(void *ctx, const struct http_request *request, struct err *err);
    /* Blocks until it is answered, or was cancelled. The reply lives until free. */
    const struct http_reply *(*wait)(void *call);
    void (*cancel)(void *call);  /* any thread */
    void (*free)(void *call);    /* accepts NULL */
    void *ctx;
};

struct sender sender_of_client(struct http_client *client);

#endif
