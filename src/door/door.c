/*
 * What is common to all routes, in this order: request id, route, who, tenant, body, idempotency, handler,
 * answer. Whoever fails stops there, and its error leaves in the dialect of the route's door.
 */
#include "door/door_priv.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/log.h"
#include "door/audit_priv.h"
#include "door/dialect_priv.h"
#include "door/routes_priv.h"

#define DOOR_ARENA_BYTES (64 * 1024)
#define RETRY_AFTER_OTHERWISE_MS 1000
#define AT_ONCE_BODY_BYTES (64 * 1024)   /* a larger one takes so long to read that other connections would wait */
#define SESSION_OTHERWISE_US (12 * US_PER_HOUR)
#define CSP_NOTHING "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

static bool
copy_texts(struct door *door, const struct door_options *o)
{
    struct arena *a = &door->arena;
    door->parts.public_url = o->public_url.len ? str_copy(a, o->public_url) : STR_NONE;
    door->identity.local_key = o->local_key.len ? str_copy(a, o->local_key) : STR_NONE;
    door->identity.jwt_policy.issuer = o->jwt_issuer.len ? str_copy(a, o->jwt_issuer) : STR_NONE;
    door->identity.jwt_policy.audience = o->jwt_audience.len ? str_copy(a, o->jwt_audience) : STR_NONE;
    return (!o->local_key.len || door->identity.local_key.ptr) && (!o->public_url.len || door->parts.public_url.ptr) &&
           (!o->jwt_issuer.len || door->identity.jwt_policy.issuer.ptr) &&
           (!o->jwt_audience.len || door->identity.jwt_policy.audience.ptr);
}

static bool
make_parts(struct door *door, const struct door_options *o, struct err *err)
{
    door->looks = audit_looks_new(o->clock);
    door->tries = attempts_new(o->clock, LIMIT_TRIES, LIMIT_TRIES_WINDOW_S);
    door->identity = (struct identity_options){
        .store = o->store, .clock = o->clock, .jwt = o->jwt, .jwks = o->jwks, .auto_provision = o->auto_provision,
        .failures = attempts_new(o->clock, LIMIT_AUTH_FAILURES, LIMIT_AUTH_WINDOW_S),
        .cache = identity_cache_new(o->store, o->clock),
    };
    if (!door->looks || !door->tries || !door->identity.failures || !door->identity.cache || !copy_texts(door, o))
        return err_no_memory(err);
    return (!o->session_secret.len || secret_set(&door->session_secret, o->session_secret, err)) &&
           origins_init(&door->origins, &door->arena, o->public_url, o->cors_origins, err);
}

struct door *
door_new(const struct door_options *o, struct err *err)
{
    struct door *door = alloc_zeroed(1, sizeof(*door));
    if (!door) {
        err_no_memory(err);
        return NULL;
    }
    door->magic = DOOR_MAGIC;
    arena_init(&door->arena, DOOR_ARENA_BYTES);
    door->parts = (struct door_parts){.store = o->store, .engine = o->engine, .templates = o->templates, .inbox = o->inbox,
                                      .clock = o->clock, .sandbox = o->sandbox};
    door->keys = o->keys;
    door->policy = o->policy;
    event_gate_init(&door->events);
    door->metrics_public = o->metrics_public;
    door->status_private = o->status_private;
    door->get_changes_off = o->get_changes_off;
    door->started_us = clock_wall_us(o->clock);
    door->session_us = o->session_ms ? o->session_ms * US_PER_MS : SESSION_OTHERWISE_US;
    door->demo_user = o->demo_user;
    if (make_parts(door, o, err))
        return door;
    door_free(door);
    return NULL;
}

void
door_free(struct door *door)
{
    if (!door)
        return;
    CHECK(door->magic == DOOR_MAGIC);
    attempts_free(door->identity.failures);
    attempts_free(door->tries);
    identity_cache_free(door->identity.cache);
    audit_looks_free(door->looks);
    secret_release(&door->session_secret);
    event_gate_release(&door->events);
    arena_release(&door->arena);
    door->magic = 0;
    free(door);
}

void
door_set_server(struct door *door, const struct http_server *server)
{
    atomic_store(&door->server, server);
}

void
door_stopping(struct door *door)
{
    atomic_store(&door->stopping, true);
}

const struct door_parts *
request_parts(const struct request *r)
{
    return &r->door->parts;
}

/* ---- answering ---- */

static void
common_headers(struct http_exchange *x, struct str request_id, const struct reply *reply)
{
    http_reply_header(x, "X-Request-Id", request_id);
    http_reply_header(x, "Cache-Control", str_from_c(reply && reply->cache ? reply->cache : "no-store"));
    http_reply_header(x, "X-Content-Type-Options", STR("nosniff"));
    http_reply_header(x, "X-Frame-Options", STR("DENY"));
    http_reply_header(x, "Referrer-Policy", STR("no-referrer"));
    http_reply_header(x, "Content-Security-Policy", str_from_c(reply && reply->csp ? reply->csp : CSP_NOTHING));
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

static void
reply_error(struct request *r, const struct err *err)
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

/* The exchange, its arena and so the request are gone when this returns. */
static void
send_reply(struct request *r)
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

/* ---- the way in ---- */

/* Found when the head had come, for the size of the body. */
struct head_match {
    enum route_result result;
    struct route_match match;
};

static enum route_result
match_path(struct request *r, struct str path)
{
    return router_match(route_tables, route_table_count, r->arena, r->x->method, path, &r->match);
}

static enum route_result
match_route(struct request *r)
{
    const struct head_match *head = r->x->user;
    if (!head)
        return match_path(r, r->x->path);
    r->match = head->match;
    return head->result;
}

static bool
find_route(struct request *r, struct err *err)
{
    enum route_result result = match_route(r);
    if (result == ROUTE_NO_PATH && root_is_page_address(r))
        result = match_path(r, STR("/"));
    switch (result) {
    case ROUTE_FOUND:
        r->dialect = r->match.route->dialect;
        return true;
    case ROUTE_NO_PATH: return err_set(err, E_NOT_FOUND, "There is nothing at this address");
    case ROUTE_NO_METHOD:
        return err_set(err, E_METHOD_NOT_ALLOWED, "This address takes %s, not %.*s", r->match.allow,
                       STR_ARG(str_slice(r->x->method, 0, 20)));
    case ROUTE_BAD_PATH: return err_set(err, E_VALIDATION_FAILED, "The address holds a broken %%-escape, or bytes that are no UTF-8 text");
    case ROUTE_NO_ROOM: break;
    }
    return err_no_memory(err);
}

static bool
read_query(struct request *r, struct err *err)
{
    if (r->x->query.len == 0)
        return true;
    if (!http_query_parse(r->arena, r->x->query, &r->query, &r->query_count))
        return err_set(err, E_VALIDATION_FAILED, "The query holds a broken %%-escape");
    for (size_t i = 0; i < r->query_count; i++)
        if (!text_is_storable(r->query[i].value))
            return err_set(err, E_VALIDATION_FAILED, "The query holds bytes that are no UTF-8 text");
    return true;
}

static bool
is_open(const struct request *r)
{
    enum route_access access = r->match.route->access;
    return access == ACCESS_ANYONE || (access == ACCESS_METRICS && r->door->metrics_public) ||
           (access == ACCESS_STATUS && !r->door->status_private);
}

/* A browser that looks ahead of its person must not pause anything. */
static bool
is_looking_ahead(const struct request *r)
{
    static const char *const headers[] = {"Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"};
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        struct str value = http_header_get(&r->x->headers, headers[i]);
        if (str_starts_nocase(value, STR("prefetch")) || str_starts_nocase(value, STR("prerender")))
            return true;
    }
    return false;
}

/* What door 001 adds: its GETs that change something (D16), and a tenant that must be named. */
static bool
check_flags(struct request *r, struct err *err)
{
    unsigned flags = r->match.route->flags;
    bool changes = (flags & ROUTE_CHANGES) != 0;
    snprintf(r->match.allow, sizeof(r->match.allow), "POST"); /* for that answer alone */
    if (changes && r->door->get_changes_off)
        return err_set(err, E_METHOD_NOT_ALLOWED, "Changing something by GET is switched off here: use POST");
    if (changes && (is_looking_ahead(r) || r->who.via != VIA_BEARER))
        return err_set(err, E_FORBIDDEN, "A GET that changes something needs a bearer token and must not be a prefetch: use POST");
    if ((flags & ROUTE_ORGID) && http_header_get(&r->x->headers, "orgid").len == 0)
        return err_set(err, E_VALIDATION_FAILED, "The header orgid is required: it names the organization");
    return true;
}

bool
request_changes(const struct request *r)
{
    struct str method = r->x->method;
    return (r->match.route->flags & ROUTE_CHANGES) || !(str_eq(method, STR("GET")) || str_eq(method, STR("HEAD")));
}

bool
request_identify(struct request *r)
{
    struct err ignored = {0};
    return r->who.via != VIA_NOTHING || identity_find(&r->door->identity, r->x, &r->who, &ignored);
}

/* The sandbox lets door 004's documented demo-user in without a token, from this machine alone. */
static bool
is_demo(const struct request *r)
{
    const struct http_headers *headers = &r->x->headers;
    return r->door->demo_user && r->match.route->dialect == DIALECT_MESSAGE && host_is_loopback(r->x) &&
           str_is_none(http_header_get(headers, "Authorization")) &&
           str_is_none(cookie_value(http_header_get(headers, "Cookie"), STR(SESSION_COOKIE)));
}

static bool
find_demo(struct request *r, struct err *err)
{
    struct identity operator = {.admin = true};
    r->who = (struct identity){.via = VIA_DEMO, .permissions = PERMISSIONS_USER, .subject = STR("user:demo-user")};
    return identity_tenant(&r->door->identity, &operator, r->arena, TENANT_DEFAULT_KEY, &r->who.tenant, err);
}

/* Signing out is nobody's harm. */
static bool
check_switch(const struct request *r, struct err *err)
{
    const struct route *route = r->match.route;
    bool leaves = route->access == ACCESS_TOKEN && strcmp(route->method, "DELETE") == 0;
    return !r->who.tenant.disabled_us || leaves || err_set(err, E_TENANT_DISABLED, NULL);
}

/* The operator may look at a tenant that is switched off; nothing of it changes. */
static bool
check_tenant(const struct request *r, struct err *err)
{
    if (!r->tenant.disabled_us || !request_changes(r))
        return true;
    if (r->tenant.deleting_us)
        return err_set(err, E_TENANT_DISABLED, "This tenant is being deleted");
    return err_set(err, E_TENANT_DISABLED, "This tenant is switched off: switch it on first (tidemark tenants enable)");
}

static bool
authorize(struct request *r, struct err *err)
{
    const struct route *route = r->match.route;
    if (is_open(r))
        return true;
    if (!(is_demo(r) ? find_demo(r, err) : identity_find(&r->door->identity, r->x, &r->who, err)) ||
        !check_switch(r, err) || !identity_may(&r->who, route->access, err) || !check_flags(r, err))
        return false;
    if (request_changes(r) && !origin_may_change(&r->door->origins, r->x, r->who.via, err))
        return false;
    if (route->flags & ROUTE_NO_TENANT)
        return true;
    return identity_tenant(&r->door->identity, &r->who, r->arena, identity_named_tenant(r), &r->tenant, err) && check_tenant(r, err);
}

/* ---- the handler, and what it waits for ---- */

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
    send_reply(r);
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
        reply_error(r, err);
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
    bool ok = find_route(r, &err) && read_query(r, &err) && authorize(r, &err) && start(r, &err);
    if (store_would_wait())
        ok = request_to_pool(r);
    store_hurry(false);
    go_on(r, ok, &err);
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

size_t
door_body_max(struct http_exchange *x, void *ctx)
{
    (void)ctx;
    struct head_match *head = ARENA_NEW(x->arena, struct head_match);
    if (!head)
        return LIMIT_BODY_BYTES;
    head->result = router_match(route_tables, route_table_count, x->arena, x->method, x->path, &head->match);
    x->user = head;
    bool large = head->result == ROUTE_FOUND && (head->match.route->flags & ROUTE_BODY_LARGE);
    return large ? LIMIT_BODY_LARGE_BYTES : LIMIT_BODY_BYTES;
}

/* A token may need a key that must be fetched first; and a request with a key that was begun anew would find it taken. */
static bool
may_read_at_once(const struct door *door, const struct http_exchange *x)
{
    return store_reads_at_once(door->parts.store) && !door->identity.jwks &&
           str_is_none(http_header_get(&x->headers, "Idempotency-Key"));
}

bool
door_at_once(struct http_exchange *x, void *ctx)
{
    const struct door *door = ctx;
    const struct head_match *head = x->user;
    if (!head || head->result != ROUTE_FOUND || x->body.len > AT_ONCE_BODY_BYTES)
        return false;
    unsigned flags = head->match.route->flags;
    return (flags & ROUTE_AT_ONCE) || ((flags & ROUTE_READS_AT_ONCE) && may_read_at_once(door, x));
}
