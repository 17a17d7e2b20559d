/*
 * The courier: brings the vendors' webhooks to whoever registered them.
 *
 * A bounded queue and one thread. By default each delivery is tried once, as the vendors' own senders mostly do; on request it
 * tries again, and loses, repeats, delays and reorders deliveries, which every vendor does sometimes. What happened is counted.
 * Any thread.
 */
#ifndef TIDEMARK_SANDBOX_COURIER_H
#define TIDEMARK_SANDBOX_COURIER_H

#include "json/writer.h"
#include "net/http.h"

#define COURIER_QUEUE_MAX 100000
#define COURIER_RETRIES_MAX 20

struct courier_plan {              /* shares in percent */
    int64_t lost, repeated, late, reordered;
    int64_t late_ms;
    int64_t retries;               /* after a failure or an answer that is not 2xx */
};

struct courier;
/* NULL with err. */
struct courier *courier_new(uint64_t seed, struct err *err);
/* Drops what waits. Accepts NULL. */
void courier_free(struct courier *c);

/* Takes copies; returns at once. A full queue drops it and counts that. */
void courier_send(struct courier *c, struct str url, const struct http_headers *headers, struct str body);
void courier_set_plan(struct courier *c, const struct courier_plan *plan);
struct courier_plan courier_plan(struct courier *c);
/* {plan..., queued, sent, failed, lost, repeated, late, reordered, dropped} as members of the object begun. */
void courier_write(struct courier *c, struct json_writer *w);

#endif
