/*
 * The answer to a request: what a handler calls to make it, and how it leaves.
 *
 * A handler makes it on whatever thread it runs, in the exchange's memory, and hands the exchange back; then the net thread of the
 * connection makes libmicrohttpd's response of it.
 */
#include <string.h>

#include "net/http_server_priv.h"

/* ---- made by a handler ---- */

/* A header that would break out of its line is our own mistake or an attack: it is left out. */
static bool
header_is_sane(struct str name, struct str value)
{
    for (size_t i = 0; i < name.len; i++)
        if ((unsigned char)name.ptr[i] <= ' ' || name.ptr[i] == ':' || (unsigned char)name.ptr[i] >= 0x7f)
            return false;
    for (size_t i = 0; i < value.len; i++)
        if ((unsigned char)value.ptr[i] < ' ' || value.ptr[i] == 0x7f)
            return false;
    return name.len > 0;
}

static void
header_add(struct exchange *e, const char *name, const char *value)
{
    struct http_answer *answer = &e->answer;
    struct reply_header *header = ARENA_NEW(&e->arena, struct reply_header);
    if (!header || !name || !value) {
        answer->failed = true;
        return;
    }
    *header = (struct reply_header){.name = name, .value = value};
    if (answer->headers_last)
        answer->headers_last->next = header;
    else
        answer->headers = header;
    answer->headers_last = header;
}

void
http_reply_header(struct http_exchange *x, const char *name, struct str value)
{
    struct exchange *e = exchange_of(x);
    if (value.len > 0 && header_is_sane(str_from_c(name), value))
        header_add(e, str_cstr(&e->arena, str_from_c(name)), str_cstr(&e->arena, value));
}

void
http_reply_header_fixed(struct http_exchange *x, const char *name, const char *value)
{
    CHECK_SLOW(header_is_sane(str_from_c(name), str_from_c(value)));
    header_add(exchange_of(x), name, value);
}

static void
answer_set(struct exchange *e, int status, const char *content_type)
{
    CHECK(status >= 200 && status <= 599);
    CHECK(e->answer.status == 0);
    e->answer.status = status;
    if (content_type && !(e->answer.content_type = str_cstr(&e->arena, str_from_c(content_type))))
        e->answer.failed = true;
}

void
http_reply(struct http_exchange *x, int status, const char *content_type, struct str body)
{
    struct exchange *e = exchange_of(x);
    answer_set(e, status, content_type);
    e->answer.body = body;
    if (body.len > 0 && !arena_owns(&e->arena, body.ptr)) {
        e->answer.body = str_copy(&e->arena, body);
        e->answer.failed |= str_is_none(e->answer.body);
    }
    exchange_hand_back(e, false);
}

struct buf
http_reply_memory(struct http_exchange *x, size_t cap_bytes)
{
    struct exchange *e = exchange_of(x);
    struct buf b = e->kept;
    CHECK(cap_bytes >= SPARE_REPLY_BYTES_MAX);
    e->kept = (struct buf){0};
    b.cap = cap_bytes;
    buf_clear(&b);
    return b;
}

void
http_reply_buf(struct http_exchange *x, int status, const char *content_type, struct buf *body)
{
    struct exchange *e = exchange_of(x);
    answer_set(e, status, content_type);
    e->answer.body = buf_str(body);
    e->answer.owned = *body;
    *body = (struct buf){0};
    exchange_hand_back(e, false);
}

static struct http_stream *
reply_stream(struct http_exchange *x, int status, const char *content_type, int64_t length, http_stream_pull_fn *pull,
             http_stream_done_fn *done, void *ctx)
{
    struct exchange *e = exchange_of(x);
    answer_set(e, status, content_type);
    if (atomic_load(&e->state) == EXCHANGE_ABANDONED) { /* the server may be gone */
        done(ctx);
        exchange_hand_back(e, false);
        return NULL;
    }
    struct http_stream *stream = stream_new(e->server, e->connection, e->entry->fd, length, pull, done, ctx);
    e->answer.stream = stream;
    e->answer.failed |= !stream;
    return exchange_hand_back(e, true) ? stream : NULL;
}

struct http_stream *
http_reply_stream(struct http_exchange *x, int status, const char *content_type, http_stream_pull_fn *pull,
                  http_stream_done_fn *done, void *ctx)
{
    return reply_stream(x, status, content_type, -1, pull, done, ctx);
}

struct http_stream *
http_reply_stream_sized(struct http_exchange *x, int status, const char *content_type, int64_t length,
                        http_stream_pull_fn *pull, http_stream_done_fn *done, void *ctx)
{
    CHECK(length >= 0);
    return reply_stream(x, status, content_type, length, pull, done, ctx);
}

/* ---- it leaves, on the net thread ---- */

static bool
response_headers(struct MHD_Response *response, const struct http_answer *answer, bool last)
{
    bool ok = !answer->content_type ||
              MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->content_type) == MHD_YES;
    for (const struct reply_header *h = answer->headers; h; h = h->next)
        ok = MHD_add_response_header(response, h->name, h->value) == MHD_YES && ok;
    if (last)
        ok = MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close") == MHD_YES && ok;
    return ok;
}

static struct MHD_Response *
response_new(struct http_answer *answer)
{
    if (!answer->stream)
        return MHD_create_response_from_buffer(answer->body.len, (void *)(uintptr_t)answer->body.ptr,
                                               MHD_RESPMEM_PERSISTENT);
    struct http_stream *stream = answer->stream;
    answer->stream = NULL; /* the response owns it from here */
    return stream_response(stream);
}

enum MHD_Result
server_queue_no_memory(struct http_server *server, struct MHD_Connection *connection)
{
    return MHD_queue_response(connection, MHD_HTTP_SERVICE_UNAVAILABLE, server->no_memory);
}

enum MHD_Result
exchange_queue_answer(struct exchange *e)
{
    struct http_answer *answer = &e->answer;
    e->queued = true;
    entry_phase(e->entry, PHASE_WRITING);
    if (answer->failed)
        return server_queue_no_memory(e->server, e->connection);
    struct MHD_Response *response = response_new(answer);
    if (!response)
        return server_queue_no_memory(e->server, e->connection);
    bool last = atomic_load(&e->server->draining) || atomic_load(&e->state) == EXCHANGE_REFUSING;
    enum MHD_Result result = MHD_NO;
    if (response_headers(response, answer, last))
        result = MHD_queue_response(e->connection, (unsigned)answer->status, response);
    MHD_destroy_response(response);
    return result;
}
