/*
 * Asynchronous streams: what happens before and after the download.
 *
 *     CREATE -> POLL -> (TARGETS) -> DOWNLOAD, page by page, target by target -> (REMOVE)
 *        ^       | failed, timed out, gone
 *        +-------+ (ABORT), ASYNC_TRIES times
 *
 * The vendor may take hours, so nobody waits here: a job that is not ready is a READER_WAIT that says so, and the run
 * parks. A job that was made must not be made again when the process dies meanwhile: the page without records that
 * follows its creation carries it in its position, and so does one for each job that failed. Times are ours, taken
 * from the answers; a job is too old only when the vendor has just said that it still runs, however long we were away.
 */
#include "template/async_priv.h"

#include "base/clock.h"
#include "base/limits.h"

#define JOB_TIMEOUT_MINUTES 60
#define JOB_TIMEOUT_MINUTES_MAX (7 * 24 * 60)
#define RETRY_WAIT_MS 5000
#define RETRY_WAIT_S_MAX (24 * 3600)
#define POLL_FIRST_MS 1000          /* a report that is quick is not waited for long, ... */
#define POLL_LAST_MS 30000          /* ... and one that takes an hour is not asked for every second */

/* ---- which request is meant */

const struct requester *
reader_requester(const struct reader *r)
{
    const struct async_plan *p = r->stream->async;
    if (!p)
        return &r->stream->requester;
    switch (r->job.stage) {
    case ASYNC_CREATE: return &p->create;
    case ASYNC_POLL: return &p->poll;
    case ASYNC_TARGETS: return &p->targets;
    case ASYNC_DOWNLOAD: break;
    case ASYNC_ABORT: return &p->abort;
    case ASYNC_REMOVE: return &p->remove;
    }
    return &r->stream->requester;
}

bool
async_is_aside(const struct reader *r)
{
    return r->stream->async && r->job.stage != ASYNC_DOWNLOAD;
}

uint64_t
async_salt(const struct reader *r)
{
    return r->stream->async ? (uint64_t)r->job.target * UINT64_C(0xd6e8feb86659fd93) : 0;
}

void
async_begin(struct reader *r)
{
    r->job = (struct async_job){.stage = ASYNC_CREATE};
}

/* ---- sending */

bool
async_request(struct reader *r, struct arena *page, struct expr_scope *scope, struct value token, struct str path_token,
              struct str auth_token, struct http_request *request_out, struct err *err)
{
    struct draft d = {.arena = page, .text = STR_NONE};
    if (r->job.stage == ASYNC_DOWNLOAD && !pager_apply(&r->stream->pager, &d, scope, token, err))
        return false;
    if (r->job.stage != ASYNC_DOWNLOAD)
        path_token = STR_NONE;
    if (!requester_build(reader_requester(r), &d, scope, path_token, auth_token, request_out, err))
        return false;
    request_out->once = r->job.stage == ASYNC_CREATE; /* sent again it would be a second job */
    return true;
}

bool
async_wait(struct reader *r, struct reader_event *event)
{
    if (r->job.wait_ms <= 0)
        return false;
    event->wait_ms = r->job.wait_ms;
    event->remote_job = true;
    event->wait_code = E_VENDOR_UNAVAILABLE;
    event->retries_max = INT32_MAX;
    event->wait_reason = r->job.stage == ASYNC_CREATE ? STR("The vendor's report failed: it is asked for again")
                                                      : STR("The vendor is still making the report");
    r->job.wait_ms = 0;
    return true;
}

/* ---- stages */

static bool
number_of(const struct text *text, struct expr_scope *scope, int64_t otherwise, int64_t max, int64_t *out,
          struct err *err)
{
    struct value v;
    *out = otherwise;
    if (!text_given(text))
        return true;
    if (!text_value(text, scope, &v, err))
        return false;
    int64_t number = v.type == VALUE_INT ? v.integer : 0;
    if (v.type == VALUE_STR && !str_to_i64(v.text, 0, max, &number))
        number = 0;
    if (number > 0)
        *out = number < max ? number : max;
    return true;
}

/* A page without records: it carries the job in its position. */
static enum page_step
note_job(struct reader *r, struct arena *page, enum async_stage stage, struct reader_event *event, struct err *err)
{
    r->job.stage = stage;
    r->attempt = r->parse_attempt = 0, r->refreshed = false;
    r->phase = PHASE_SEND;
    if (!async_show(r, err))
        return PAGE_FAILED;
    return page_describe(r, page, event, err) ? PAGE_READY : PAGE_FAILED;
}

static enum page_step
go_on(struct reader *r, enum async_stage stage, struct err *err)
{
    r->job.stage = stage;
    r->attempt = r->parse_attempt = 0, r->refreshed = false;
    return async_show(r, err) ? PAGE_AGAIN : PAGE_FAILED;
}

static enum page_step
end_slice(struct reader *r, struct arena *page, struct reader_event *event, struct err *err)
{
    r->attempt = r->parse_attempt = 0, r->refreshed = false;
    r->phase = PHASE_NEXT;
    return page_close(r, page, event, err) && page_describe(r, page, event, err) ? PAGE_READY : PAGE_FAILED;
}

static enum page_step
give_up(struct reader *r, struct err *err)
{
    err_set(err, E_VENDOR_REFUSED, "Stream %.*s: the vendor's report failed %u times, at last with \"%s\"", STR_ARG(r->stream->info.name),
            r->job.tries, r->job.words);
    return PAGE_FAILED;
}

/* This job comes to nothing. */
static enum page_step
job_failed(struct reader *r, struct arena *page, struct expr_scope *scope, bool at_once, struct reader_event *event, struct err *err)
{
    int64_t wait_s;
    if (r->job.tries >= ASYNC_TRIES)
        return give_up(r, err);
    if (!number_of(&r->stream->async->retry_wait_s, scope, 0, RETRY_WAIT_S_MAX, &wait_s, err))
        return PAGE_FAILED;
    r->job.creation = r->job.polling = NULL;
    r->job.wait_ms = r->options.as_reference ? 0 : wait_s && !at_once ? wait_s * 1000 : RETRY_WAIT_MS;
    return note_job(r, page, ASYNC_CREATE, event, err);
}

static enum page_step
job_timed_out(struct reader *r, struct arena *page, struct expr_scope *scope, struct reader_event *event, struct err *err)
{
    snprintf(r->job.words, sizeof(r->job.words), "it was not ready in time");
    return r->stream->async->has_abort ? go_on(r, ASYNC_ABORT, err) : job_failed(r, page, scope, true, event, err);
}

static enum page_step
still_running(struct reader *r, struct arena *page, struct expr_scope *scope, struct reader_event *event, struct err *err)
{
    int64_t minutes, age_us = r->root->wall_us - r->job.created_us;
    if (!number_of(&r->stream->async->timeout_minutes, scope, JOB_TIMEOUT_MINUTES, JOB_TIMEOUT_MINUTES_MAX, &minutes, err))
        return PAGE_FAILED;
    if (age_us > minutes * 60 * US_PER_S)
        return job_timed_out(r, page, scope, event, err);
    int64_t wait_ms = age_us / 2 / 1000;
    r->job.wait_ms = wait_ms < POLL_FIRST_MS ? POLL_FIRST_MS : wait_ms > POLL_LAST_MS ? POLL_LAST_MS : wait_ms;
    return PAGE_AGAIN;
}

/* ---- answers */

static struct str
status_text(struct reader *r, struct arena *page, struct expr_scope *scope, yyjson_val *body, struct err *err)
{
    struct value_span span = {0};
    if (!selector_extract(&r->stream->async->status, scope, body, &span, err))
        return STR_NONE;
    struct value v = span.count ? value_from_json(span.items[0]) : value_none();
    return v.type == VALUE_STR ? v.text : value_to_python(page, v);
}

static bool
status_find(const struct async_plan *p, struct str text, enum async_status *status_out)
{
    for (size_t i = 0; i < ASYNC_STATUS_COUNT; i++)
        for (size_t k = 0; k < p->words[i].count; k++)
            if (str_eq(p->words[i].items[k], text)) {
                *status_out = (enum async_status)i;
                return true;
            }
    return false;
}

/* The places to download from; none at all is a slice without records. */
static enum page_step
take_targets(struct reader *r, struct arena *page, struct expr_scope *scope, yyjson_val *body, struct reader_event *event,
             struct err *err)
{
    struct value_span span = {0};
    if (!selector_extract(&r->stream->async->target_path, scope, body, &span, err))
        return PAGE_FAILED;
    yyjson_mut_doc *doc = json_mut_doc(&r->slice_arena);
    yyjson_mut_val *list = doc ? yyjson_mut_arr(doc) : NULL;
    for (size_t i = 0; list && i < span.count; i++)
        yyjson_mut_arr_append(list, yyjson_val_mut_copy(doc, span.items[i]));
    r->job.targets = list ? json_freeze(&r->slice_arena, list) : NULL;
    r->job.target = 0;
    if (!r->job.targets) {
        err_no_memory(err);
        return PAGE_FAILED;
    }
    return span.count ? go_on(r, ASYNC_DOWNLOAD, err) : end_slice(r, page, event, err);
}

static enum page_step
take_ready(struct reader *r, struct arena *page, struct expr_scope *scope, yyjson_val *body, struct reader_event *event,
           struct err *err)
{
    const struct async_plan *p = r->stream->async;
    if (!async_keep_answer(r, body, &r->job.polling, err))
        return PAGE_FAILED;
    if (p->has_target_request)
        return go_on(r, ASYNC_TARGETS, err);
    if (p->has_targets)
        return take_targets(r, page, scope, body, event, err);
    return go_on(r, ASYNC_DOWNLOAD, err);
}

static enum page_step
take_poll(struct reader *r, struct arena *page, struct expr_scope *scope, yyjson_val *body, struct reader_event *event,
          struct err *err)
{
    enum async_status status;
    struct str text = status_text(r, page, scope, body, err);
    if (!text.ptr)
        return PAGE_FAILED;
    if (!status_find(r->stream->async, text, &status)) {
        err_set(err, E_VENDOR_REFUSED, "Stream %.*s: the template does not know the report status \"%.*s\"",
                STR_ARG(r->stream->info.name), (int)(text.len > 100 ? 100 : text.len), text.ptr);
        return PAGE_FAILED;
    }
    snprintf(r->job.words, sizeof(r->job.words), "%.*s", (int)(text.len > 60 ? 60 : text.len), text.ptr);
    switch (status) {
    case ASYNC_RUNNING: return still_running(r, page, scope, event, err);
    case ASYNC_COMPLETED: return take_ready(r, page, scope, body, event, err);
    case ASYNC_SKIPPED: return end_slice(r, page, event, err);
    case ASYNC_TIMED_OUT: return job_timed_out(r, page, scope, event, err);
    case ASYNC_FAILED:
    case ASYNC_STATUS_COUNT: break;
    }
    return job_failed(r, page, scope, false, event, err);
}

static enum page_step
take_created(struct reader *r, struct arena *page, yyjson_val *body, struct reader_event *event, struct err *err)
{
    if (!async_keep_answer(r, body, &r->job.creation, err))
        return PAGE_FAILED;
    r->job.created_us = r->root->wall_us;
    r->job.tries++;
    return note_job(r, page, ASYNC_POLL, event, err);
}

/* Whatever the vendor says of it: the report has been read, or is given up. */
static enum page_step
take_cleaned(struct reader *r, struct arena *page, struct expr_scope *scope, struct reader_event *event, struct err *err)
{
    if (r->job.stage == ASYNC_ABORT)
        return job_failed(r, page, scope, true, event, err);
    r->job.owes_removal = false;
    r->attempt = 0, r->refreshed = false;
    r->phase = PHASE_NEXT;
    return PAGE_AGAIN;
}

/* The vendor does not know the job any more: a run that was paused for days meets that. */
static bool
is_gone(const struct reader *r, enum page_step verdict, bool ended)
{
    int status = r->reply->status;
    if (r->job.stage != ASYNC_POLL)
        return false;
    return ended || (verdict == PAGE_FAILED && (status == 404 || status == 410) && !r->options.as_reference);
}

static enum page_step
take_verdict(struct reader *r, struct arena *page, struct expr_scope *scope, yyjson_val *body, bool ended, struct reader_event *event,
             struct err *err)
{
    if (ended)
        return end_slice(r, page, event, err);
    if (r->job.stage != ASYNC_CREATE && !yyjson_is_ctn(body))
        return page_bad(r, page, "the answer about the report is no object", event, err);
    switch (r->job.stage) {
    case ASYNC_CREATE: return take_created(r, page, body, event, err);
    case ASYNC_POLL: return take_poll(r, page, scope, body, event, err);
    case ASYNC_TARGETS: return take_targets(r, page, scope, body, event, err);
    case ASYNC_DOWNLOAD:
    case ASYNC_ABORT:
    case ASYNC_REMOVE: break;
    }
    return take_cleaned(r, page, scope, event, err);
}

enum page_step
async_take(struct reader *r, struct arena *page, struct reader_event *event, struct err *err)
{
    struct scene scene;
    struct expr_scope scope;
    const char *fault = NULL;
    bool ended = false;
    reader_scene(r, page, value_undefined(), &scene);
    scene_scope(&scene, &scope);
    if (r->job.stage == ASYNC_ABORT || r->job.stage == ASYNC_REMOVE)
        return take_cleaned(r, page, &scope, event, err);
    const struct decoder plain = {.kind = DECODE_JSON};
    const struct decoder *decoder = r->reply->status >= 400 ? &plain : &r->stream->async->decoder;
    yyjson_val *body = r->reply->body.len ? decoder_read(decoder, page, r->reply->body, &fault) : NULL;
    enum page_step verdict = page_judge(r, &scope, page, body, &ended, event, err);
    if (is_gone(r, verdict, ended)) {
        *err = (struct err){0};
        snprintf(r->job.words, sizeof(r->job.words), "the vendor does not know it any more");
        return job_failed(r, page, &scope, true, event, err);
    }
    return verdict == PAGE_READY ? take_verdict(r, page, &scope, body, ended, event, err) : verdict;
}

/* ---- around the download */

bool
async_next_target(struct reader *r, bool *more_out, struct err *err)
{
    struct async_job *j = &r->job;
    *more_out = j->targets && j->target + 1 < yyjson_arr_size(j->targets);
    if (*more_out) {
        j->target++;
        return async_show(r, err);
    }
    j->owes_removal = r->stream->async->has_remove;
    return true;
}

bool
async_remove(struct reader *r)
{
    if (!r->job.owes_removal || !r->slice)
        return false;
    r->job.stage = ASYNC_REMOVE;
    r->phase = PHASE_SEND;
    return true;
}

/* ---- as a parent */

bool
async_must_tell(const struct reader *parent, const struct reader_event *event)
{
    return parent->stream->async && event->record_count == 0 && !event->slice_done;
}

enum reader_step
async_tell(struct reader *r, struct arena *page, struct reader_event *event, struct err *err)
{
    struct buf b;
    buf_init(&b, LIMIT_RUN_ARENA_BYTES);
    bool ok = position_write(r, &b);
    int64_t sent_us = event->observed_wall_us;
    *event = (struct reader_event){.declared_total = -1, .observed_wall_us = sent_us, .slice = STR("")};
    event->position = ok ? str_copy(page, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    if (event->position.ptr)
        return READER_PAGE;
    err_set(err, E_PAGE_TOO_LARGE, "The place in the stream does not fit in memory");
    return reader_fail(r);
}
