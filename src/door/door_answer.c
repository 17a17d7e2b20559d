/*
 * How an answer leaves: the headers that all have, an error in the words of its door's dialect, and what is counted of it.
 *
 * The server refuses some requests before they are one (door_refuse: too large, too slow, no HTTP); those get the same headers and
 * the same dialect.
 */
#include "door/door_priv.h"

#include "base/check.h"
#include "base/log.h"
#include "door/dialect_priv.h"

#define RETRY_AFTER_OTHERWISE_MS 1000
#define CSP_NOTHING "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

static void
common_headers(struct http_exchange *x, struct str request_id, const struct reply *reply)
{
    http_reply_header(x, "X-Request-Id", request_id);
    if (reply && reply->cache)
        http_reply_header(x, "Cache-Control", str_from_c(reply->cache));
    else
        http_reply_header_fixed(x, "Cache-Control", "no-store");
    http_reply_header_fixed(x, "X-Content-Type-Options", "nosniff");
    http_reply_header_fixed(x, "X-Frame-Options", "DENY");
    http_reply_header_fixed(x, "Referrer-Policy", "no-referrer");
    if (reply && reply->csp)
        http_reply_header(x, "Content-Security-Policy", str_from_c(reply->csp));
    else
        http_reply_header_fixed(x, "Content-Security-Policy", CSP_NOTHING);
}

static void
error_headers(struct http_exchange *x, const struct err *err, const char *allow)
{
    char seconds[24];
    int status = dialect_status(err);
    if (status == 401)
        http_reply_header(x, "WWW-Authenticate", STR("Bearer realm=\"tidemark\""));
    if (status == 405)
        http_reply_header(x, "Allow", str_from_c(allow));
    if (status != 429 && status != 503 && !err->retry_after_ms)
        return;
    int64_t wait_ms = err->retry_after_ms > 0 ? err->retry_after_ms : RETRY_AFTER_OTHERWISE_MS;
    snprintf(seconds, sizeof(seconds), "%lld", (long long)((wait_ms + 999) / 1000));
    http_reply_header(x, "Retry-After", str_from_c(seconds));
}

void
door_reply_error(struct request *r, const struct err *err)
{
    if (dialect_status(err) >= 500 || !dialect_is_ours_to_tell(err))
        log_err(LOG_ERROR, "a request failed", err);
    if (r->reply.done)
        r->reply.done(r->reply.stream);
    r->reply.pull = NULL;
    r->reply.done = NULL;
    r->reply.cache = NULL;
    buf_clear(&r->reply.body);
    r->reply.type = dialect_write(r->dialect, r->as_problem, err, r->id, &r->reply.body);
    r->reply.status = dialect_status(err);
    error_headers(r->x, err, r->match.allow);
}

static void
count_answer(struct door *door, int status, int64_t began_us)
{
    int class = status / 100;
    if (class > 0 && class < STATUS_CLASSES)
        atomic_fetch_add_explicit(&door->answers[class], 1, memory_order_relaxed);
    int64_t took_us = clock_monotonic_us(door->parts.clock) - began_us;
    atomic_fetch_add_explicit(&door->answer_us, took_us, memory_order_relaxed);
}

void
door_send(struct request *r)
{
    struct http_exchange *x = r->x;
    struct reply reply = r->reply;
    CHECK(reply.status != 0);
    common_headers(x, r->id, &reply);
    origin_headers(&r->door->origins, x);
    count_answer(r->door, reply.status, r->began_us);
    log_write(LOG_DEBUG, "request", LOG_S("method", x->method), LOG_S("path", x->path), LOG_I("status", reply.status),
              LOG_S("who", r->who.subject));
    if (reply.pull)
        http_reply_stream(x, reply.status, reply.type, reply.pull, reply.done, reply.stream);
    else
        http_reply_buf(x, reply.status, reply.type, &reply.body);
    buf_release(&reply.body);
}

void
door_refuse(struct http_exchange *x, const struct err *err, void *ctx)
{
    struct door *door = ctx;
    struct buf body;
    buf_init(&body, REPLY_BYTES_MAX);
    struct str id = request_id_choose(x->arena, http_header_get(&x->headers, "X-Request-Id"));
    bool as_problem = request_wants_problem(http_header_get(&x->headers, "Accept"));
    const char *type = dialect_write(router_dialect_of(x->path), as_problem, err, id, &body);
    common_headers(x, id, NULL);
    origin_headers(&door->origins, x);
    error_headers(x, err, "");
    count_answer(door, dialect_status(err), clock_monotonic_us(door->parts.clock));
    http_reply(x, dialect_status(err), type, buf_str(&body));
    buf_release(&body);
}
