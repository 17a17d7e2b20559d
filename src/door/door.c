/*
 * What is common to all routes, in this order: request id, route, who, tenant (door_admit.c), body, idempotency, handler,
 * answer (door_answer.c). Whoever fails stops there, and its error leaves in the dialect of the route's door.
 *
 * The difficulty is that a request may wait, for its key, its effect and the keeping of its answer, and no thread waits with it: each
 * part of the way ends in go_on, which hands over what is to be written or ends the request.
 */
#include "door/door_priv.h"

#include "base/check.h"
#include "base/log.h"
#include "door/audit_priv.h"

static bool
handle(struct request *r, struct err *err)
{
    if (r->idempotency.replay)
        return true;
    return r->idempotency.effect.len ? idempotency_again(r, err) : r->match.route->handle(r, err);
}

static bool
handle_with_key(struct request *r, bool ok, struct err *err)
{
    if (!ok || !idempotency_begun(r, r->door->keys, err))
        return false;
    idempotency_ride(r);
    return handle(r, err);
}

static bool
start(struct request *r, struct err *err)
{
    if (!request_read_body(r, err))
        return false;
    return idempotency_is_asked(r) ? idempotency_begin(r, handle_with_key, err) : handle(r, err);
}

bool
request_write(struct request *r, struct store_call call, request_then_fn *then)
{
    r->wait = (struct request_wait){.call = call, .then = then, .err = {.items = r->items}};
    return true;
}

static bool
wait_run(struct db *db, void *ctx, struct err *err)
{
    struct request *r = ctx;
    r->wait.err = (struct err){.items = r->items};
    if (r->wait.call.fn(db, r->wait.call.ctx, &r->wait.err))
        return true;
    err_copy(err, &r->wait.err);
    return false;
}

static void go_on(struct request *r, bool ok, struct err *err);

/* After the commit, or without it; on a thread of the pool. */
static void
waited(struct http_exchange *x, void *ctx)
{
    struct request *r = ctx;
    request_then_fn *then = r->wait.then;
    struct err err = {.items = r->items};
    (void)x;
    r->wait.call.fn = NULL;
    check_context(r->id.ptr, NULL, NULL);
    idempotency_ride(r);
    if (!r->wait.ok)
        err_copy(&err, &r->wait.err);
    go_on(r, then ? then(r, r->wait.ok, &err) : r->wait.ok, &err);
}

static void
wait_done(void *ctx, bool ok, const struct err *err)
{
    struct request *r = ctx;
    r->wait.ok = ok;
    if (!ok)
        err_copy(&r->wait.err, err);
    http_exchange_continue(r->x, waited, r);
}

static void
answer(struct request *r)
{
    audit_request(r);
    door_send(r);
}

/* The request belongs to whoever continues it as soon as its write is handed over. */
static void
hand_to_store(struct request *r)
{
    store_write_async(r->door->parts.store, STORE_SHORT, wait_run, r, wait_done);
}

static void
end(struct request *r, bool ok, struct err *err)
{
    idempotency_dismount();
    if (!ok && !origin_preflight(&r->door->origins, r))
        door_reply_error(r, err);
    r->ending = idempotency_end(r, r->door->keys, ok ? E_OK : err->code);
    if (r->ending)
        hand_to_store(r);
    else
        answer(r);
}

bool
request_to_pool(struct request *r)
{
    CHECK(r->x->at_once);
    r->moves = true;
    return true;
}

/* A part of the way is done: something is to be written, or the answer is known, or has been kept. */
static void
go_on(struct request *r, bool ok, struct err *err)
{
    if (r->moves) {
        buf_release(&r->reply.body);
        http_exchange_to_pool(r->x, door_handle, r->door);
    } else if (r->ending) {
        if (!ok)
            log_err(LOG_WARN, "an answer could not be kept for its Idempotency-Key", err);
        answer(r);
    } else if (ok && r->wait.call.fn) {
        hand_to_store(r);
    } else {
        end(r, ok, err);
    }
    idempotency_dismount();
    check_context(NULL, NULL, NULL);
}

static struct request *
request_new(struct door *door, struct http_exchange *x)
{
    struct request *r = ARENA_NEW(x->arena, struct request);
    if (!r)
        return NULL;
    r->door = door;
    r->x = x;
    r->began_us = clock_monotonic_us(door->parts.clock);
    r->arena = x->arena;
    r->id = request_id_choose(x->arena, http_header_get(&x->headers, "X-Request-Id"));
    r->dialect = router_dialect_of(x->path);
    r->as_problem = request_wants_problem(http_header_get(&x->headers, "Accept"));
    r->reply.body = http_reply_memory(x, REPLY_BYTES_MAX);
    return r;
}

void
door_handle(struct http_exchange *x, void *ctx)
{
    struct door *door = ctx;
    CHECK(door->magic == DOOR_MAGIC);
    struct request *r = request_new(door, x);
    if (!r) {
        http_reply(x, 503, NULL, STR(""));
        return;
    }
    check_context(r->id.ptr, NULL, NULL);
    struct err err = {.items = r->items};
    store_hurry(x->at_once);
    bool ok = door_admit(r, &err) && start(r, &err);
    if (store_would_wait())
        ok = request_to_pool(r);
    store_hurry(false);
    go_on(r, ok, &err);
}
