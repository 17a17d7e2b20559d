/*
 * Sending an answer, whole or spoilt.
 *
 * A fault of the wire acts on the finished answer, so what the vendor was asked has been done by then: a
 * client that loses the answer of a write cannot know that it happened. What HTTP allows (a page cut in
 * the middle of its JSON) is sent as a normal answer; what it does not goes through a stream that breaks.
 */
#include <string.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/check.h"
#include "sandbox/core.h"

#define MIB (1024L * 1024)
#define DRIP_INTERVAL_MS 100
#define STREAM_PIECE_BYTES (256 * 1024)

static const char html_page[] =
    "<!DOCTYPE html>\n<html><head><title>We are down for maintenance</title></head>\n"
    "<body><h1>Back soon</h1><p>Please try again in a few minutes.</p></body></html>\n";
static const char error_page[] =
    "<!DOCTYPE html>\n<html><head><title>We're sorry, but something went wrong</title></head>\n"
    "<body><h1>We're sorry, but something went wrong.</h1></body></html>\n";

/* An answer on its way in pieces. Owned by the stream, freed by its done call. */
struct sending {
    char *bytes;             /* owned */
    size_t len, sent;
    int64_t blanks_left;     /* sent before the bytes */
    size_t piece_bytes;
    int64_t pause_ms;        /* between pieces; 0: none */
    bool pausing;
    enum http_stream_more end; /* STREAM_END, unless the answer is to break off */
    int64_t length;          /* announced; 0: sent in chunks */
};

static enum http_stream_more
pull(void *ctx, struct buf *piece, int64_t *wait_ms)
{
    struct sending *s = ctx;
    if (s->pausing) {
        s->pausing = false;
        *wait_ms = s->pause_ms;
        return STREAM_WAIT;
    }
    if (s->blanks_left > 0) {
        static const char blanks[4096] = {[0 ... 4095] = ' '};
        for (size_t i = 0; i < STREAM_PIECE_BYTES / sizeof(blanks) && s->blanks_left > 0; i++) {
            buf_add(piece, (struct str){blanks, sizeof(blanks)});
            s->blanks_left -= (int64_t)sizeof(blanks);
        }
        return STREAM_MORE;
    }
    if (s->sent == s->len)
        return s->end;
    size_t count = s->len - s->sent < s->piece_bytes ? s->len - s->sent : s->piece_bytes;
    buf_add(piece, (struct str){s->bytes + s->sent, count});
    s->sent += count;
    s->pausing = s->pause_ms > 0;
    return STREAM_MORE;
}

static void
done(void *ctx)
{
    struct sending *s = ctx;
    free(s->bytes);
    free(s);
}

static void
send_headers(struct http_exchange *x, const struct sandbox_reply *reply)
{
    for (size_t i = 0; i < reply->header_count; i++)
        http_reply_header(x, reply->headers[i].name, reply->headers[i].value);
}

/* Streams `body` as `how` says; a plain error when there is no memory. */
static void
send_stream(struct http_exchange *x, const struct sandbox_reply *reply, struct str body, struct sending how)
{
    struct sending *s = alloc_zeroed(1, sizeof(*s));
    char *bytes = alloc_bytes(body.len + 1);
    if (s == NULL || bytes == NULL) {
        free(s);
        free(bytes);
        http_reply(x, 503, "text/plain", STR("out of memory"));
        return;
    }
    if (body.len)
        memcpy(bytes, body.ptr, body.len);
    *s = how;
    s->bytes = bytes;
    s->len = body.len;
    if (s->piece_bytes == 0)
        s->piece_bytes = STREAM_PIECE_BYTES;
    if (s->length > 0)
        http_reply_stream_sized(x, reply->status, reply->content_type, s->length, pull, done, s);
    else
        http_reply_stream(x, reply->status, reply->content_type, pull, done, s);
}

/* Adds `blanks` blanks and `body`, compressed, to b. */
static bool
gzip(struct buf *b, int64_t blanks, struct str body)
{
    z_stream z = {0};
    static Bytef pad[16384];
    Bytef room[16384];
    if (deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    memset(pad, ' ', sizeof(pad));
    int result = Z_OK;
    while (result == Z_OK) {
        if (z.avail_in == 0 && blanks > 0) {
            z.next_in = pad;
            z.avail_in = sizeof(pad);
            blanks -= (int64_t)sizeof(pad);
        } else if (z.avail_in == 0 && body.len > 0) {
            z.next_in = (Bytef *)(uintptr_t)body.ptr;
            z.avail_in = (uInt)body.len; /* REPLY_BYTES_MAX fits */
            body.len = 0;
        }
        z.next_out = room;
        z.avail_out = sizeof(room);
        result = deflate(&z, blanks > 0 || body.len > 0 ? Z_NO_FLUSH : Z_FINISH);
        buf_add(b, (struct str){(const char *)room, sizeof(room) - z.avail_out});
    }
    deflateEnd(&z);
    return result == Z_STREAM_END && buf_ok(b);
}

static void
send_gzip(struct http_exchange *x, const struct sandbox_reply *reply, const struct fault *fault)
{
    struct buf packed;
    buf_init(&packed, REPLY_BYTES_MAX);
    bool bomb = fault->kind == FAULT_GZIP_BOMB;
    if (!gzip(&packed, bomb ? fault->mib * MIB : 0, buf_str(&reply->body))) {
        http_reply(x, 503, "text/plain", STR("out of memory"));
    } else {
        size_t len = bomb ? packed.len : packed.len * (size_t)fault->at_percent / 100;
        http_reply_header(x, "Content-Encoding", STR("gzip"));
        http_reply(x, reply->status, reply->content_type, str_slice(buf_str(&packed), 0, len));
    }
    buf_release(&packed);
}

static void
send_deep(struct http_exchange *x, int64_t depth)
{
    struct buf b;
    buf_init(&b, REPLY_BYTES_MAX);
    for (int64_t i = 0; i < depth; i++)
        buf_add_char(&b, '[');
    for (int64_t i = 0; i < depth; i++)
        buf_add_char(&b, ']');
    http_reply(x, 200, "application/json", buf_str(&b));
    buf_release(&b);
}

/* The first letter inside a string becomes a byte that no UTF-8 text has. */
static void
spoil_utf8(struct buf *body)
{
    ptrdiff_t at = str_find_str(buf_str(body), STR("\":\""));
    if (at >= 0 && (size_t)at + 3 < body->len && body->ptr[at + 3] != '"')
        body->ptr[at + 3] = (char)0xff;
    else
        buf_add(body, STR("\xff"));
}

static void
send_plainly(struct http_exchange *x, const struct sandbox_reply *reply, struct str body)
{
    http_reply(x, reply->status, reply->content_type, body);
}

static void
send_spoilt(struct http_exchange *x, struct sandbox_reply *reply, const struct fault *fault)
{
    struct str body = buf_str(&reply->body);
    struct str cut = str_slice(body, 0, body.len * (size_t)fault->at_percent / 100);
    switch (fault->kind) {
    case FAULT_DRIP: {
        int64_t piece = fault->bytes_per_s * DRIP_INTERVAL_MS / 1000;
        int64_t pause = piece > 0 ? DRIP_INTERVAL_MS : 1000 / fault->bytes_per_s;
        send_stream(x, reply, body,
                    (struct sending){.end = STREAM_END, .piece_bytes = piece > 0 ? (size_t)piece : 1, .pause_ms = pause});
        return;
    }
    case FAULT_SHORT_LENGTH: /* an empty body has nothing to lack: one byte more is announced */
        send_stream(x, reply, cut, (struct sending){.end = STREAM_BREAK, .length = (int64_t)body.len + 1});
        return;
    case FAULT_RESET:
        send_stream(x, reply, cut, (struct sending){.end = STREAM_RESET});
        return;
    case FAULT_HUGE:
        send_stream(x, reply, body, (struct sending){.end = STREAM_END, .blanks_left = fault->mib * MIB});
        return;
    case FAULT_CUT_GZIP:
    case FAULT_GZIP_BOMB:
        send_gzip(x, reply, fault);
        return;
    case FAULT_TRUNCATED_JSON:
        send_plainly(x, reply, cut);
        return;
    case FAULT_DEEP:
        send_deep(x, fault->depth);
        return;
    case FAULT_HTML:
        http_reply(x, 200, "text/html; charset=utf-8", str_from_c(html_page));
        return;
    case FAULT_EMPTY:
        http_reply(x, 200, reply->content_type, STR_NONE);
        return;
    case FAULT_WRONG_TYPE:
        http_reply(x, 200, "application/json; charset=utf-8", STR("\"ok\""));
        return;
    case FAULT_BAD_UTF8:
        spoil_utf8(&reply->body);
        send_plainly(x, reply, buf_str(&reply->body));
        return;
    case FAULT_STATUS: /* is in the reply already */
        send_plainly(x, reply, body);
        return;
    case FAULT_DELAY:
    case FAULT_LOOP:
    case FAULT_SHIFT:
    case FAULT_KINDS:
        break;
    }
    UNREACHABLE("these faults do not answer");
}

void
reply_deliver(struct http_exchange *x, struct sandbox_reply *reply, const struct fault_hit *hit)
{
    if (hit->delay_ms > 0)
        nanosleep(&(struct timespec){hit->delay_ms / 1000, hit->delay_ms % 1000 * 1000000}, NULL);
    send_headers(x, reply);
    if (hit->has_answer)
        send_spoilt(x, reply, &hit->answer);
    else
        send_plainly(x, reply, buf_str(&reply->body));
    reply_release(reply);
}

/* RFC 9110, section 5.6.7: "Sun, 22 Nov 2026 04:20:00 GMT". */
static struct str
http_date(struct arena *a, int64_t us)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct civil c = civil_from_us(us);
    return str_format(a, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[civil_weekday(c)], c.day, months[c.month - 1],
                      c.year, c.hour, c.minute, c.second);
}

void
fault_answer(struct sandbox_request *request, struct sandbox_reply *reply, const struct fault *fault,
             const struct clock *clock)
{
    reply->header_count = 0;
    reply->entity = NULL;
    buf_clear(&reply->ids);
    buf_clear(&reply->body);
    if (fault->status == 429)
        request->vendor->refuse_rate(request, reply);
    else if (fault->status == 401)
        request->vendor->refuse_token(request, reply);
    else
        reply_text(reply, fault->status, "text/html; charset=utf-8", str_from_c(error_page));
    if (fault->retry_after == RETRY_AFTER_SECONDS)
        reply_header(reply, "Retry-After", str_format(request->arena, "%lld", (long long)fault->seconds));
    else if (fault->retry_after == RETRY_AFTER_DATE)
        reply_header(reply, "Retry-After",
                     http_date(request->arena, clock_wall_us(clock) + fault->seconds * US_PER_S));
}
