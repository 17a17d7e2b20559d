/*
 * The dry run of a push: what would be done with what waits, and the exact requests, secrets masked. Nothing is sent.
 */
#ifndef TIDEMARK_ENGINE_PUSH_PREVIEW_H
#define TIDEMARK_ENGINE_PUSH_PREVIEW_H

#include "engine/engine.h"
#include "net/http_client.h"

#define PUSH_PREVIEW_REQUESTS 4

struct push_preview_request {
    const char *what;            /* "look up", "create, when nobody is found", "update", "delete" */
    struct str method, url, body; /* body STR_NONE: none */
    struct http_header *headers;
    size_t header_count;
};

struct push_preview_item {
    const char *action;          /* "none", "create", "update", "delete", "reject" */
    struct str record;           /* uuid */
    struct str stream;
    struct str external_id;      /* or STR_NONE */
    struct str reason;           /* of "reject", or why no request could be made; STR_NONE */
    bool needs_token;            /* a new one would be asked for first: the request is not known */
    struct push_preview_request requests[PUSH_PREVIEW_REQUESTS];
    size_t request_count;
};

struct push_preview_ask {
    struct str stream;           /* a stream or a kind; STR_NONE: all */
    bool full;                   /* every record, not only what waits */
    size_t limit;                /* records looked at */
    bool creates, deletes;       /* the connection's rules; set inside */
};

struct push_preview {
    struct push_preview_item *items;
    size_t count;
    bool writes;                 /* the template can */
};

/* Single requests, also where many would go together. Texts live in a. E_VALIDATION_FAILED: the template cannot write that. */
MUST_USE bool engine_push_preview(struct engine *e, struct arena *a, const struct connection *connection,
                                  const struct push_preview_ask *ask, struct push_preview *preview_out, struct err *err);

#endif
