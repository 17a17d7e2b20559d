#include "engine/request_log.h"

#include <stdlib.h>

#include <xxhash.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/log.h"
#include "engine/request_mask.h"
#include "json/json.h"
#include "store/store_log.h"

#define SCRATCH_BYTES (4L * 1024 * 1024)
#define HALF_BYTES (128L * 1024) /* what is known of a request before its answer, as JSON */
#define REASON_BYTES 200
#define FAILED_MAX 16            /* requests between two pages that may be sent again */

struct line {
    size_t start, len;
    int64_t page;
    bool failed;
};

/* One that has to be sent again, perhaps. */
struct tried {
    uint64_t hash;
    int64_t attempt;
    char reason[REASON_BYTES];
};

struct request_log {
    struct sender sender;
    const struct clock *clock;
    int64_t offset_us;
    struct arena scratch;
    enum reader_purpose purpose;
    struct str stream;
    struct buf text;                   /* JSON objects, one after the other */
    struct line lines[REQUEST_LOG_COUNT_MAX];
    size_t count, of_page;             /* of_page: so many of them have their page */
    int64_t left_out, failed;
    int64_t since_us;                  /* monotonic: the oldest line; 0: there is none */
    struct tried tried[FAILED_MAX];
    size_t tried_at;
    struct tried last;                 /* the request answered last, with its attempt */
};

/* A request on its way: what is known before the answer comes. */
struct call {
    struct request_log *log;
    void *inner;
    struct buf half;
    uint64_t hash;
    int64_t attempt;
    bool noted;
};

static const char *const purpose_names[] = {
    [READER_FOR_PAGE] = "page", [READER_FOR_PARENT] = "parent", [READER_FOR_TOKEN] = "token", [READER_FOR_SCHEMA] = "schema",
};

/* ---- attempts ---- */

static void
tried_put(struct request_log *log, uint64_t hash, int64_t attempt, struct str reason)
{
    struct tried *t = &log->tried[log->tried_at++ % FAILED_MAX];
    *t = (struct tried){.hash = hash, .attempt = attempt};
    snprintf(t->reason, sizeof(t->reason), "%.*s", STR_ARG(str_slice(reason, 0, REASON_BYTES - 1)));
}

/* The newest one of that hash. */
static const struct tried *
tried_find(const struct request_log *log, uint64_t hash)
{
    for (size_t i = log->tried_at; i > 0 && i + FAILED_MAX > log->tried_at; i--)
        if (log->tried[(i - 1) % FAILED_MAX].hash == hash)
            return &log->tried[(i - 1) % FAILED_MAX];
    return NULL;
}

static uint64_t
hash_of(struct str method, struct str masked_url)
{
    return XXH3_64bits_withSeed(masked_url.ptr, masked_url.len, XXH3_64bits(method.ptr, method.len)) | 1;
}

void
request_log_wait(struct request_log *log, struct str reason)
{
    if (log != NULL && log->last.hash != 0)
        tried_put(log, log->last.hash, log->last.attempt, reason);
}

static void
tried_forget(struct request_log *log)
{
    log->tried_at = 0;
    memset(log->tried, 0, sizeof(log->tried));
    log->last = (struct tried){0};
}

void
request_log_goes_on(struct request_log *log, struct arena *scratch, const struct request_line *last)
{
    struct err ignored = {0};
    yyjson_val *line = last->failed ? json_parse(scratch, last->json, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_API, &ignored) : NULL;
    int64_t attempt, status;
    if (log == NULL || line == NULL || last->page != 0)
        return;
    if (!json_to_i64(json_get_c(line, "attempt"), &attempt))
        attempt = 1;
    struct str words = json_str(json_get_c(json_get_c(line, "error"), "message"));
    if (json_to_i64(json_get_c(line, "status"), &status))
        words = str_format(scratch, "Answered %lld", (long long)status);
    tried_put(log, hash_of(json_str(json_get_c(line, "method")), json_str(json_get_c(line, "url"))), attempt, words);
}

/* ---- lines ---- */

static void
add_time(struct buf *b, int64_t us)
{
    char text[TIME_TEXT_BYTES];
    buf_addf(b, "{\"time\":\"%s\"", time_format_ms(us, text));
}

static void
add_text(struct request_log *log, struct buf *b, const char *name, struct str text, size_t bytes_max)
{
    buf_addf(b, ",\"%s\":", name);
    if (str_is_none(text))
        buf_add_c(b, "null");
    else
        request_mask_text(b, &log->scratch, text, bytes_max);
}

/* All that is known when it leaves, but its time. */
static void
write_half(struct call *c, const struct http_request *request)
{
    struct request_log *log = c->log;
    struct buf *b = &c->half;
    struct str method = str_is_none(request->method) ? STR("GET") : request->method;
    struct str url = log_redact(&log->scratch, request_mask_url(&log->scratch, request->url));
    url = str_slice(str_is_none(url) ? STR("") : url, 0, LIMIT_REQUEST_KEPT_URL_BYTES);
    c->hash = hash_of(method, url);
    const struct tried *before = tried_find(log, c->hash);
    c->attempt = before == NULL ? 1 : before->attempt + 1;
    add_text(log, b, "stream", log->stream, LIMIT_NAME_BYTES);
    buf_addf(b, ",\"purpose\":\"%s\"", purpose_names[log->purpose]);
    add_text(log, b, "method", method, LIMIT_NAME_BYTES);
    add_text(log, b, "url", url, LIMIT_REQUEST_KEPT_URL_BYTES);
    buf_addf(b, ",\"attempt\":%lld", (long long)c->attempt);
    add_text(log, b, "retryReason", before == NULL ? STR_NONE : str_from_c(before->reason), REASON_BYTES);
    buf_add_c(b, ",\"requestHeaders\":");
    request_mask_headers(b, &log->scratch, &request->headers);
    buf_addf(b, ",\"requestBytes\":%zu", request->body.len);
    arena_clear(&log->scratch);
}

static const char *
outcome_of(const struct http_reply *reply)
{
    if (reply == NULL || reply->code == E_CANCELLED || reply->code == E_SHUTTING_DOWN)
        return "dropped";
    return reply->code == E_OK ? "answered" : "failed";
}

static const struct http_headers no_headers;

static void
write_answer(struct request_log *log, struct buf *b, const struct http_reply *reply)
{
    bool none = reply == NULL, failed = !none && reply->code != E_OK;
    buf_addf(b, ",\"outcome\":\"%s\",\"status\":", outcome_of(reply));
    if (none || reply->status == 0)
        buf_add_c(b, "null");
    else
        buf_add_i64(b, reply->status);
    buf_add_c(b, ",\"error\":");
    if (failed) {
        buf_addf(b, "{\"code\":\"%s\"", err_name(reply->code));
        add_text(log, b, "message", str_from_c(reply->message), REASON_BYTES);
        buf_add_char(b, '}');
    } else {
        buf_add_c(b, "null");
    }
    buf_add_c(b, ",\"responseHeaders\":");
    request_mask_headers(b, &log->scratch, none ? &no_headers : &reply->headers);
    int64_t tenths = none ? 0 : reply->duration_us / 100;
    buf_addf(b, ",\"bytes\":%zu,\"durationMs\":%lld.%lld}", none ? 0 : reply->body.len, (long long)(tenths / 10), (long long)(tenths % 10));
}

static void
line_add(struct request_log *log, struct call *c, const struct http_reply *reply, bool failed)
{
    size_t start = log->text.len;
    int64_t sent_us = reply != NULL && reply->sent_wall_us != 0 ? reply->sent_wall_us : clock_wall_us(log->clock);
    if (log->count < REQUEST_LOG_COUNT_MAX && buf_ok(&c->half)) {
        add_time(&log->text, sent_us + log->offset_us);
        buf_add(&log->text, buf_str(&c->half));
        write_answer(log, &log->text, reply);
    }
    arena_clear(&log->scratch);
    if (log->since_us == 0)
        log->since_us = clock_monotonic_us(log->clock);
    if (!buf_ok(&log->text) || log->text.len == start) {
        log->text.failed = false;
        buf_truncate(&log->text, start);
        log->left_out++;
        return;
    }
    log->lines[log->count++] = (struct line){.start = start, .len = log->text.len - start, .failed = failed};
    log->failed += failed;
}

/* The answer is there, or will not come. */
static void
note(struct call *c, const struct http_reply *reply)
{
    struct request_log *log = c->log;
    char words[REASON_BYTES];
    if (c->noted)
        return;
    c->noted = true;
    bool dropped = strcmp(outcome_of(reply), "dropped") == 0;
    bool failed = !dropped && (reply->code != E_OK || reply->status >= 400);
    line_add(log, c, reply, failed);
    if (dropped)
        return;
    log->last = (struct tried){.hash = c->hash, .attempt = c->attempt};
    if (reply->code != E_OK)
        snprintf(words, sizeof(words), "%s", reply->message);
    else
        snprintf(words, sizeof(words), "Answered %d", reply->status);
    if (failed)
        tried_put(log, c->hash, c->attempt, str_from_c(words));
}

/* ---- the sender ---- */

static void
call_free(void *call)
{
    struct call *c = call;
    if (c == NULL)
        return;
    note(c, NULL);
    c->log->sender.free(c->inner);
    buf_release(&c->half);
    free(c);
}

/* It could not be sent at all: that is told like an answer. */
static void
note_unsent(struct call *c, const struct err *err)
{
    struct http_reply reply = {.code = err->code};
    snprintf(reply.message, sizeof(reply.message), "%.180s", err->message);
    note(c, &reply);
    c->inner = NULL;
    call_free(c);
}

static void *
call_start(void *ctx, const struct http_request *request, struct err *err)
{
    struct request_log *log = ctx;
    struct call *c = alloc_zeroed(1, sizeof(*c));
    if (c == NULL)
        return err_no_memory(err), NULL;
    c->log = log;
    buf_init(&c->half, HALF_BYTES);
    write_half(c, request);
    c->inner = log->sender.start(log->sender.ctx, request, err);
    if (c->inner == NULL) {
        note_unsent(c, err);
        return NULL;
    }
    return c;
}

static const struct http_reply *
call_wait(void *call)
{
    struct call *c = call;
    const struct http_reply *reply = c->log->sender.wait(c->inner);
    note(c, reply);
    return reply;
}

static void
call_cancel(void *call)
{
    struct call *c = call;
    c->log->sender.cancel(c->inner);
}

struct sender
request_log_sender(struct request_log *log)
{
    return (struct sender){.start = call_start, .wait = call_wait, .cancel = call_cancel, .free = call_free, .ctx = log};
}

/* ---- its life ---- */

struct request_log *
request_log_new(const struct sender *sender, const struct clock *clock)
{
    struct request_log *log = alloc_zeroed(1, sizeof(*log));
    if (log == NULL)
        return NULL;
    log->sender = *sender;
    log->clock = clock;
    arena_init(&log->scratch, SCRATCH_BYTES);
    buf_init(&log->text, REQUEST_LOG_BYTES_MAX);
    return log;
}

void
request_log_free(struct request_log *log)
{
    if (log == NULL)
        return;
    arena_release(&log->scratch);
    buf_release(&log->text);
    free(log);
}

void
request_log_offset(struct request_log *log, int64_t offset_us)
{
    log->offset_us = offset_us;
}

void
request_log_about(struct request_log *log, enum reader_purpose purpose)
{
    if (log != NULL)
        log->purpose = purpose;
}

void
request_log_stream(struct request_log *log, struct str stream)
{
    if (log != NULL)
        log->stream = stream;
}

void
request_log_page(struct request_log *log, int64_t page)
{
    if (log == NULL)
        return;
    for (; log->of_page < log->count; log->of_page++)
        log->lines[log->of_page].page = page;
    tried_forget(log);
}

bool
request_log_is_due(const struct request_log *log)
{
    return log != NULL && log->since_us != 0 &&
           (log->count >= REQUEST_LOG_COUNT || clock_monotonic_us(log->clock) - log->since_us >= REQUEST_LOG_US);
}

struct page_requests
request_log_take(struct request_log *log, struct arena *a)
{
    if (log == NULL || log->since_us == 0)
        return (struct page_requests){0};
    struct page_requests taken = {.made = (int64_t)log->count + log->left_out};
    struct buf lines;
    buf_init(&lines, REQUEST_LOG_BYTES_MAX + REQUEST_LOG_COUNT_MAX * 32);
    for (size_t i = 0; i < log->count; i++) {
        const struct line *line = &log->lines[i];
        buf_addf(&lines, "%c%lld ", line->failed ? '!' : '.', (long long)line->page);
        buf_add(&lines, str_slice(buf_str(&log->text), line->start, line->start + line->len));
        buf_add_char(&lines, '\n');
    }
    struct str packed = buf_ok(&lines) && log->count > 0 ? log_pack(a, buf_str(&lines)) : STR_NONE;
    buf_release(&lines);
    if (!str_is_none(packed)) {
        taken.packed = packed;
        taken.count = (int64_t)log->count;
        taken.failed = log->failed;
    }
    buf_clear(&log->text);
    log->count = log->of_page = 0;
    log->left_out = log->failed = log->since_us = 0;
    return taken;
}
