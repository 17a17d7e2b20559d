/*
 * One request, from its first line until its answer has left (http_answer.c).
 *
 * libmicrohttpd calls in this order, on the net thread of the connection: on_uri (request line), on_access
 * (head), on_access (pieces of the body), on_access (whole), on_access again after a resume, and
 * on_completed. Between "whole" and the resume the exchange belongs to whoever answers it.
 *
 * The one difficulty is the end of the server while a handler still holds an exchange. The state decides
 * who comes first: HANDED -> ANSWERED by the answer, HANDED -> ABANDONED by the server; the memory goes
 * with the last of two references, so a late answer finds an exchange that is only its own.
 *
 * A handler that runs at once, on the net thread, leaves the connection as it is until it returns: AT_ONCE. Then the thread
 * sees what came of it: ANSWERED, GOES_ON (what it waited for was faster), or still AT_ONCE, and only then is the connection
 * suspended and the exchange HANDED. What happens between those two steps has seen AT_ONCE and resumes nothing, so the
 * thread does.
 */
#include <stddef.h>
#include <string.h>

#include "base/alloc.h"
#include "net/http_server_priv.h"

#define BODY_FIRST_BYTES 4096 /* room for a chunked body at first; doubles */
#define SPARE_MAX 64
#define SPARE_ARENA_BYTES_MAX (112 * 1024) /* a request that took more gives it back */

/* The exchange whose handler runs on this thread, and what is to be resumed when it returns. */
static _Thread_local struct exchange *handling;
static _Thread_local bool resume_later;

/* ---- its memory: a few are kept for the next requests, with their arena's first block ---- */

static struct exchange *
spare_take(struct http_server *server)
{
    pthread_mutex_lock(&server->spare_lock);
    struct exchange *e = server->spare;
    if (e) {
        server->spare = e->spare_next;
        server->spare_count--;
    }
    pthread_mutex_unlock(&server->spare_lock);
    return e;
}

/* False: there are enough. */
static bool
spare_give(struct http_server *server, struct exchange *e)
{
    pthread_mutex_lock(&server->spare_lock);
    bool kept = server->spare_count < SPARE_MAX;
    if (kept) {
        e->spare_next = server->spare;
        server->spare = e;
        server->spare_count++;
    }
    pthread_mutex_unlock(&server->spare_lock);
    return kept;
}

void
exchange_spares_free(struct http_server *server)
{
    for (struct exchange *e; (e = spare_take(server));) {
        arena_release(&e->arena);
        buf_release(&e->kept);
        free(e);
    }
}

struct exchange *
exchange_new(struct http_server *server, struct http_entry *entry, struct MHD_Connection *connection)
{
    struct exchange *e = spare_take(server);
    struct arena arena;
    struct buf kept = {0};
    arena_init(&arena, LIMIT_REQUEST_ARENA_BYTES);
    if (e) {
        arena = e->arena;
        kept = e->kept;
        memset(e, 0, sizeof(*e));
    } else if (!(e = alloc_zeroed(1, sizeof(*e)))) {
        return NULL;
    }
    e->magic = EXCHANGE_MAGIC;
    e->server = server;
    e->entry = entry;
    e->connection = connection;
    atomic_init(&e->state, EXCHANGE_RECEIVING);
    atomic_init(&e->refs, 1);
    e->arena = arena;
    e->kept = kept;
    e->x = (struct http_exchange){.method = STR(""), .path = STR(""), .query = STR(""), .body = STR(""),
                                  .arena = &e->arena, .server = server};
    if (entry)
        e->x.peer = str_copy(&e->arena, str_from_c(entry->peer));
    return e;
}

/* The memory of an answer is kept for the next one. */
static void
reply_keep(struct exchange *e)
{
    struct buf *owned = &e->answer.owned;
    if (!e->kept.ptr && owned->size <= SPARE_REPLY_BYTES_MAX) {
        e->kept = *owned;
        *owned = (struct buf){0};
    }
    buf_release(owned);
}

void
exchange_unref(struct exchange *e)
{
    CHECK(e->magic == EXCHANGE_MAGIC);
    if (atomic_fetch_sub(&e->refs, 1) != 1)
        return;
    if (e->answer.stream)
        stream_release_unsent(e->answer.stream);
    e->magic = 0;
    reply_keep(e);
    bool small = e->arena.used_bytes <= SPARE_ARENA_BYTES_MAX;
    if (small)
        arena_clear(&e->arena);
    if (small && atomic_load(&e->state) != EXCHANGE_ABANDONED && spare_give(e->server, e))
        return;
    arena_release(&e->arena);
    buf_release(&e->kept);
    free(e);
}

struct exchange *
exchange_of(struct http_exchange *x)
{
    struct exchange *e = (struct exchange *)((char *)x - offsetof(struct exchange, x));
    CHECK(e->magic == EXCHANGE_MAGIC);
    return e;
}

/* ---- the request arrives ---- */

/* RFC 9112, section 3.2.2: a server must take the absolute form too; only its path and query matter to us. */
static struct str
without_authority(struct str target)
{
    ptrdiff_t at = str_find_str(target, STR("://"));
    if (at < 0 || (!str_starts_nocase(target, STR("http://")) && !str_starts_nocase(target, STR("https://"))))
        return target;
    struct str rest = str_skip(target, (size_t)at + 3);
    for (size_t i = 0; i < rest.len; i++)
        if (rest.ptr[i] == '/' || rest.ptr[i] == '?')
            return str_skip(rest, i);
    return STR("");
}

void *
exchange_on_uri(void *ctx, const char *uri, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct http_entry *entry = info ? info->socket_context : NULL;
    struct exchange *e = entry ? exchange_new(ctx, entry, connection) : NULL;
    if (!e)
        return NULL;
    struct str target = str_copy(&e->arena, without_authority(str_from_c(uri ? uri : "")));
    if (str_is_none(target) || str_is_none(e->x.peer)) {
        exchange_unref(e);
        return NULL;
    }
    str_cut(target, '?', &e->x.path, &e->x.query);
    if (e->x.path.len == 0)
        e->x.path = STR("/");
    pthread_mutex_lock(&entry->lock);
    entry->exchange = e;
    pthread_mutex_unlock(&entry->lock);
    entry_phase(entry, PHASE_HEAD);
    return e;
}

/* A body of known length gets its room at once; pages that never arrive cost no memory. */
static bool
body_reserve(struct exchange *e, size_t bytes)
{
    if (bytes <= e->body_size)
        return true;
    size_t size = e->body_size ? e->body_size * 2 : BODY_FIRST_BYTES;
    while (size < bytes)
        size *= 2;
    char *grown = arena_grow(&e->arena, e->body_size ? (char *)(uintptr_t)e->x.body.ptr : NULL, e->x.body.len, size);
    if (!grown)
        return false;
    e->x.body.ptr = grown;
    e->body_size = size;
    return true;
}

static bool
body_append(struct exchange *e, const char *bytes, size_t count)
{
    if (count > e->body_max - e->x.body.len)
        return err_set(&e->refusal, E_TOO_LARGE, "The body is larger than the %zu bytes allowed here", e->body_max);
    if (!body_reserve(e, e->x.body.len + count))
        return err_no_memory(&e->refusal);
    memcpy((char *)(uintptr_t)e->x.body.ptr + e->x.body.len, bytes, count);
    e->x.body.len += count;
    atomic_fetch_add_explicit(&e->entry->body_bytes, (long long)count, memory_order_relaxed);
    return true;
}

static enum MHD_Result
refuse_now(struct exchange *e, const struct err *err, bool body_unread)
{
    e->entry->lingers |= body_unread;
    refuse_fill(e, err);
    return exchange_queue_answer(e);
}

/* ---- to the handler and back ---- */

static void
job_run(struct http_job *job)
{
    struct exchange *e = (struct exchange *)((char *)job - offsetof(struct exchange, job));
    struct http_server *server = e->server;
    struct MHD_Connection *connection = e->connection;
    handling = e;
    resume_later = false;
    e->go_on(&e->x, e->go_on_ctx);
    handling = NULL;
    if (resume_later)
        server_resume(server, connection);
}

/* The pool stops before a handler saw it. */
static void
job_discard(struct http_job *job)
{
    struct exchange *e = (struct exchange *)((char *)job - offsetof(struct exchange, job));
    struct err err = {0};
    err_set(&err, E_SHUTTING_DOWN, NULL);
    if (e->server->options.refuse)
        e->server->options.refuse(&e->x, &err, e->server->options.ctx);
    else
        http_reply(&e->x, err_http(E_SHUTTING_DOWN), "text/plain; charset=utf-8", STR("The server is stopping\n"));
}

/* Runs what is to be run at once, until it is answered or waits. */
static enum MHD_Result
run_at_once(struct exchange *e)
{
    do {
        atomic_store(&e->state, EXCHANGE_AT_ONCE);
        job_run(&e->job);
    } while (atomic_load(&e->state) == EXCHANGE_GOES_ON);
    if (atomic_load(&e->state) == EXCHANGE_ANSWERED) {
        if (e->x.at_once) /* else the pool was faster than this line */
            atomic_fetch_add_explicit(&e->server->at_once, 1, memory_order_relaxed);
        return exchange_queue_answer(e);
    }
    int running = EXCHANGE_AT_ONCE;
    MHD_suspend_connection(e->connection);
    if (!atomic_compare_exchange_strong(&e->state, &running, EXCHANGE_HANDED))
        server_resume(e->server, e->connection);
    else if (atomic_load(&e->server->ending))
        exchange_abandon(e);
    return MHD_YES;
}

static bool
is_for_at_once(struct exchange *e)
{
    const struct http_server_options *options = &e->server->options;
    return options->at_once && options->at_once(&e->x, options->ctx);
}

static enum MHD_Result
hand_over(struct exchange *e)
{
    struct http_server *server = e->server;
    struct err err = {0};
    if (atomic_load(&server->draining)) {
        err_set(&err, E_SHUTTING_DOWN, NULL);
        return refuse_now(e, &err, false);
    }
    e->open = true;
    server_open_add(server);
    atomic_fetch_add(&server->requests, 1);
    entry_phase(e->entry, PHASE_HANDLING);
    atomic_store(&e->refs, 2);
    e->go_on = server->options.handler;
    e->go_on_ctx = server->options.ctx;
    e->job = (struct http_job){.run = job_run, .discard = job_discard};
    e->x.at_once = is_for_at_once(e);
    if (e->x.at_once)
        return run_at_once(e);
    atomic_store(&e->state, EXCHANGE_HANDED);
    MHD_suspend_connection(e->connection);
    if (!http_pool_submit(&server->pool, &e->job))
        job_discard(&e->job);
    return MHD_YES;
}

static enum MHD_Result
take_head(struct exchange *e, const char *method, const char *version)
{
    struct err err = {0};
    e->head_done = true;
    bool ok = request_read_head(e, method, version, &err);
    if (!ok)
        return refuse_now(e, &err, true);
    if (e->x.has_body)
        entry_phase(e->entry, PHASE_BODY);
    return MHD_YES;
}

enum MHD_Result
exchange_on_access(void *ctx, struct MHD_Connection *connection, const char *url, const char *method,
                   const char *version, const char *upload, size_t *upload_bytes, void **context)
{
    (void)url; /* already decoded; ours is raw */
    struct exchange *e = *context;
    if (!e)
        return server_queue_no_memory(ctx, connection);
    CHECK(e->magic == EXCHANGE_MAGIC);
    if (!e->head_done)
        return take_head(e, method, version);
    if (*upload_bytes > 0) {
        if (!body_append(e, upload, *upload_bytes))
            return MHD_NO; /* on_completed answers with e->refusal */
        *upload_bytes = 0;
        return MHD_YES;
    }
    int state = atomic_load(&e->state);
    if (state == EXCHANGE_RECEIVING)
        return hand_over(e);
    if (state == EXCHANGE_GOES_ON)
        return run_at_once(e);
    return state == EXCHANGE_ANSWERED ? exchange_queue_answer(e) : MHD_NO;
}

/* An answer for a request that ended before libmicrohttpd would take one. False: none is due. */
static bool
late_refusal(const struct exchange *e, enum MHD_RequestTerminationCode code, struct err *err_out)
{
    if (e->queued || atomic_load(&e->state) != EXCHANGE_RECEIVING)
        return false;
    if (e->refusal.code != E_OK) {
        *err_out = e->refusal;
        return true;
    }
    if (atomic_load(&e->entry->reaped) == REAPED_LATE) {
        err_set(err_out, E_REQUEST_TIMEOUT, NULL);
        return true;
    }
    struct tcp_facts facts;
    bool ours = code == MHD_REQUEST_TERMINATED_WITH_ERROR && tcp_facts_get(e->entry->fd, &facts) && facts.sent == 0 &&
                !facts.peer_left;
    if (ours)
        err_set(err_out, E_VALIDATION_FAILED, "The request is not valid HTTP");
    return ours;
}

void
exchange_on_completed(void *ctx, struct MHD_Connection *connection, void **context,
                      enum MHD_RequestTerminationCode code)
{
    (void)connection;
    struct http_server *server = ctx;
    struct exchange *e = *context;
    if (!e)
        return;
    *context = NULL;
    struct err err = {0};
    int goes_on = EXCHANGE_GOES_ON;
    if (atomic_compare_exchange_strong(&e->state, &goes_on, EXCHANGE_ABANDONED))
        job_run(&e->job); /* its client left; whoever waits must still hear of it */
    if (late_refusal(e, code, &err)) {
        e->entry->lingers = true;
        refuse_raw(server, e->entry, e, &err);
    }
    struct http_entry *entry = e->entry;
    pthread_mutex_lock(&entry->lock);
    entry->exchange = NULL;
    pthread_mutex_unlock(&entry->lock);
    atomic_fetch_add(&entry->requests, 1);
    entry_phase(entry, PHASE_IDLE);
    bool open = e->open;
    exchange_unref(e);
    if (open)
        server_open_drop(server);
}

void
exchange_abandon(struct exchange *e)
{
    int handed = EXCHANGE_HANDED;
    if (atomic_compare_exchange_strong(&e->state, &handed, EXCHANGE_ABANDONED))
        server_resume(e->server, e->connection);
}

/* ---- what handlers call ---- */

/* To the net thread, from one that waited for it. False: it is abandoned. */
static bool
go_on_at_once(struct exchange *e)
{
    struct http_server *server = e->server;
    struct MHD_Connection *connection = e->connection;
    int state = EXCHANGE_AT_ONCE;
    if (atomic_compare_exchange_strong(&e->state, &state, EXCHANGE_GOES_ON))
        return true;
    if (state != EXCHANGE_HANDED || !atomic_compare_exchange_strong(&e->state, &state, EXCHANGE_GOES_ON))
        return false;
    server_resume(server, connection);
    return true;
}

/* What was waited for has happened, so it must be heard of even when the pool takes no more. */
void
http_exchange_continue(struct http_exchange *x, http_handler_fn *go_on, void *ctx)
{
    struct exchange *e = exchange_of(x);
    e->go_on = go_on;
    e->go_on_ctx = ctx;
    e->job = (struct http_job){.run = job_run, .discard = job_run};
    if (e->x.at_once && go_on_at_once(e))
        return;
    if (atomic_load(&e->state) == EXCHANGE_ABANDONED || !http_pool_submit(&e->server->pool, &e->job))
        job_run(&e->job);
}

void
http_exchange_to_pool(struct http_exchange *x, http_handler_fn *go_on, void *ctx)
{
    struct exchange *e = exchange_of(x);
    CHECK(handling == e);
    CHECK(e->x.at_once);
    e->x.at_once = false;
    http_exchange_continue(x, go_on, ctx);
}

bool
exchange_hand_back(struct exchange *e, bool later)
{
    int handed = EXCHANGE_HANDED, at_once = EXCHANGE_AT_ONCE;
    struct http_server *server = e->server;
    struct MHD_Connection *connection = e->connection;
    if (atomic_compare_exchange_strong(&e->state, &at_once, EXCHANGE_ANSWERED)) {
        exchange_unref(e); /* the net thread sees it when the handler has returned, or has seen it by now */
        return true;
    }
    if (!atomic_compare_exchange_strong(&e->state, &handed, EXCHANGE_ANSWERED)) {
        CHECK(handed == EXCHANGE_REFUSING || handed == EXCHANGE_ABANDONED); /* else it was answered twice */
        if (handed == EXCHANGE_ABANDONED)
            exchange_unref(e);
        return handed == EXCHANGE_REFUSING;
    }
    atomic_fetch_sub(&e->refs, 1); /* the net thread has the other one */
    if (later && handling == e)
        resume_later = true;
    else
        server_resume(server, connection);
    return true;
}
