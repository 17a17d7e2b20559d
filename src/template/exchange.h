/*
 * Recorded exchanges, and requests as JSON lines show them. For manifest_lines.c and tests.
 */
#ifndef TIDEMARK_TEMPLATE_EXCHANGE_H
#define TIDEMARK_TEMPLATE_EXCHANGE_H

#include "json/json.h"
#include "net/http_client.h"

/* {"method","url","query","headers","body"} in a; NULL when memory is out. */
yyjson_val *exchange_request_json(struct arena *a, const struct http_request *request);

struct exchanges {
    struct arena *arena;   /* the caller's */
    yyjson_val *list;      /* array of {match, reply}, or NULL */
    bool *used;
    struct str *asked;     /* the request that each exchange answered, where it may be repeated; else STR_NONE */
    struct http_reply reply;
    unsigned repeated;     /* answers given again to requests of parents */
};

enum exchange_repeats {
    EXCHANGE_ONCE,
    EXCHANGE_TOKEN,        /* the same request gets the same answer again */
    EXCHANGE_CACHED,       /* so it does when no other is left and the answer was good: what other readers keep in a cache */
};

MUST_USE bool exchanges_init(struct exchanges *x, struct arena *a, yyjson_val *list, struct err *err);
/* The answer to a request, or NULL: there is none. Valid until the next call. */
const struct http_reply *exchanges_answer(struct exchanges *x, yyjson_val *request, enum exchange_repeats repeats, int64_t now_us);

#endif
