/*
 * Reading a stream: begin, then page after page, then its end.
 *
 * The order for one page is: it has arrived; the next request leaves; this page is prepared and handed over,
 * once not too many before it are still on their way to the disk. So the vendor, this thread and the store work
 * at the same time, marks rise in order, and what is fetched in vain when the process dies is at most WORK_PAGES.
 */
#include "engine/work.h"

#include <xxhash.h>

#include "store/store_delete.h"
#include "store/store_state.h"

#define STATE_ROWS 500
#define RATE_LIMIT_PAUSE_MS 60000

struct state_read {
    struct work *work;
    struct buf json;
    int64_t after_stream;
    struct str after_partition;
    size_t rows, total;
};

/* One batch of the stream's states, appended as members of an object. */
static bool
read_states(struct db *db, void *ctx, struct err *err)
{
    struct state_read *r = ctx;
    const struct page_context *c = &work_stream(r->work)->context;
    struct state_row *rows = NULL;
    r->rows = 0;
    if (!store_state_list(db, r->work->arena, c->tenant, c->connection, c->stream.id, r->after_stream, r->after_partition,
                          STATE_ROWS, &rows, &r->rows, err))
        return false;
    for (size_t i = 0; i < r->rows; i++) {
        buf_add_char(&r->json, r->total + i == 0 ? '{' : ',');
        buf_add_json_str(&r->json, rows[i].partition);
        buf_add_char(&r->json, ':');
        buf_add(&r->json, rows[i].state);
        r->after_stream = rows[i].stream;
        r->after_partition = rows[i].partition;
    }
    r->total += r->rows;
    return true;
}

/* {partition: state, ...}, or NULL when the stream has none. */
static bool
load_states(struct work *w, yyjson_val **states_out, struct err *err)
{
    struct state_read r = {.work = w};
    buf_init(&r.json, LIMIT_RUN_ARENA_BYTES / 4);
    bool ok = true;
    do
        ok = store_read(w->engine->options.store, read_states, &r, err);
    while (ok && r.rows == STATE_ROWS);
    *states_out = NULL;
    if (ok && r.total > 0) {
        buf_add_char(&r.json, '}');
        ok = buf_ok(&r.json) || err_no_memory(err);
        if (ok)
            *states_out = json_parse(w->arena, buf_str(&r.json), JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, err);
        ok = ok && *states_out != NULL;
    }
    buf_release(&r.json);
    return ok;
}

struct token_read {
    struct work *work;
    uint64_t *hashes;
    size_t count;
};

static bool
read_tokens(struct db *db, void *ctx, struct err *err)
{
    struct token_read *r = ctx;
    const struct page_context *c = &work_stream(r->work)->context;
    return store_run_tokens(db, r->work->arena, c->tenant, r->work->run->id, c->stream.id, &r->hashes, &r->count, err);
}

/* What this run has asked for in this stream before it was interrupted (I-8). */
static bool
restore_loop(struct work *w, struct err *err)
{
    loop_begin_stream(&w->loop);
    if (str_is_none(work_stream(w)->reader_position))
        return true;
    struct token_read r = {.work = w};
    if (!store_read(w->engine->options.store, read_tokens, &r, err))
        return false;
    for (size_t i = 0; i < r.count; i++)
        if (!loop_restore_token(&w->loop, r.hashes[i], err))
            return false;
    return true;
}

static bool
forget_pass(struct db *db, void *ctx, struct err *err)
{
    struct work *w = ctx;
    return store_delete_forget(db, w->run->tenant, w->run->id, work_stream(w)->context.stream.id, err);
}

/* Full: asked for, nothing known, or made by another mapping. Decided once, then it stands in the position. */
static bool
decide_full(struct work *w, yyjson_val *states, struct err *err)
{
    struct work_stream *s = work_stream(w);
    if (s->version_changed) {
        s->full = true;
        s->phase = PHASE_READ;
        s->reader_position = STR_NONE;
        return work_write(w, forget_pass, w, err);
    }
    if (!str_is_none(s->reader_position) || s->phase == PHASE_DELETES)
        return true;
    /* A stream that was only ever read from `updatedSince` on has a mark but no full pass: a run that says so too may go on. */
    bool sound = str_eq(s->context.stream.version, s->version) ||
                 (s->context.stream.version.len == 0 && json_get_c(w->filters, "updatedSince") != NULL);
    s->full = w->run->full || states == NULL || !s->info.incremental || !sound;
    return true;
}

/* A stream that is read from its beginning waits behind everything else. */
static enum quota_class
quota_class_of(const struct work *w, const struct work_stream *s)
{
    if (s->full && s->info.incremental)
        return QUOTA_BACKFILL;
    bool scheduled = str_eq_c(w->run->trigger, "schedule") || str_eq_c(w->run->trigger, "job");
    return scheduled ? QUOTA_INCREMENTAL : QUOTA_MANUAL;
}

static bool
make_reader(struct work *w, yyjson_val *states, struct err *err)
{
    struct work_stream *s = work_stream(w);
    struct reader_options o = {
        .template = w->account.template,
        .stream = s->info.name,
        .config = w->account.effective,
        .state = s->full ? NULL : states,
        .position = s->reader_position,
        .updated_since = json_str(json_get_c(w->filters, "updatedSince")),
        .now_us = s->context.now_us,
        .overlap_us = w->engine->options.overlap_ms * US_PER_MS,
        .concurrency = w->concurrency,
    };
    struct reader *reader = reader_new(&o, err);
    if (reader == NULL)
        return false;
    fetch_reader(&w->fetch, reader);
    w->fetch.quota_class = quota_class_of(w, s);
    w->fetch.quota_scope = s->info.name;
    guess_init(&w->fetch.guess, w->concurrency);
    return true;
}

static bool
begin(struct work *w, struct err *err)
{
    struct work_stream *s = work_stream(w);
    yyjson_val *states = NULL;
    s->context.config = w->account.effective;
    request_log_stream(w->requests, s->info.name);
    if (!load_states(w, &states, err) || !decide_full(w, states, err) || !restore_loop(w, err))
        return false;
    s->context.full = s->full && s->info.supports_deletes && !s->filtered;
    return s->phase == PHASE_DELETES || make_reader(w, states, err);
}

/* Later streams would fail in the same way: the connection or its vendor is the trouble. */
static bool
ends_the_run(enum err_code code)
{
    return verdict_blames_connection(code) || code == E_CONNECTION_NOT_FOUND || code == E_RUN_LIMIT;
}

static bool
is_store_code(enum err_code code)
{
    switch ((int)code) {
    case E_STORE:
    case E_STORE_BUSY:
    case E_STORE_FULL:
    case E_STORE_UNCERTAIN:
    case E_FENCED:
    case E_CANCELLED:
    case E_NO_MEMORY: return true;
    default: return false;
    }
}

struct failed_stream {
    struct work *work;
    enum err_code code;
    struct str message;
};

static bool
stream_failed_write(struct db *db, void *ctx, struct err *err)
{
    struct failed_stream *f = ctx;
    struct page_fence fence = run_fence(f->work->run);
    return store_run_stream_end(db, &fence, work_stream(f->work)->context.stream.id, str_from_c(err_name(f->code)),
                                f->message, store_now(db), err);
}

enum step_result
work_stream_failed(struct work *w, const struct err *why)
{
    struct work_stream *s = work_stream(w);
    struct err err = {0};
    struct failed_stream f = {w, why->code, work_clean(w, str_from_c(why->message))};
    if (!work_commit_wait(w, &err))
        return work_store_failed(w, &err);
    if (is_store_code(why->code))
        return work_store_failed(w, why);
    work_log(w, LOG_ERROR, err_name(why->code), s->info.name, f.message);
    if (!work_write(w, stream_failed_write, &f, &err))
        return work_store_failed(w, &err);
    s->failed = why->code;
    s->failed_message = f.message;
    w->step = ends_the_run(why->code) ? STEP_AT_FINISH : STEP_AT_END;
    return STEP_MORE;
}

enum step_result
work_stream_begin(struct work *w)
{
    while (w->stream_at < w->stream_count && (work_stream(w)->done || work_stream(w)->failed != E_OK))
        w->stream_at++;
    if (w->stream_at == w->stream_count) {
        w->step = STEP_AT_FINISH;
        return STEP_MORE;
    }
    struct err err = {0};
    return begin(w, &err) ? STEP_DONE : work_stream_failed(w, &err);
}

/* ---- a page ---- */

static uint64_t
page_token(const struct reader_event *event)
{
    if (event->token_hash == 0)
        return 0;
    /* The same "page 2" of two slices is not a loop. */
    uint64_t hash = XXH3_64bits_withSeed(event->slice.ptr, event->slice.len, event->token_hash);
    return hash == 0 ? 1 : hash;
}

static bool
has_nameless_reject(const struct page_batch *b)
{
    for (size_t i = 0; i < b->rejected_count; i++)
        if (b->rejected[i].external_id.len == 0)
            return true;
    return false;
}

/* Nondecreasing cursors, and the last one newer than the pass: the list is read upwards and a record has moved to its end. */
static bool
shows_moved_records(const struct reader_event *event, int64_t began_us)
{
    int64_t before = INT64_MIN;
    for (size_t i = 0; i < event->record_count; i++) {
        int64_t cursor_us = event->records[i].cursor_us;
        if (cursor_us == INT64_MIN || cursor_us < before)
            return false;
        before = cursor_us;
    }
    bool whole_seconds = before % US_PER_S == 0; /* as many vendors tell them: the moment lies somewhere in that second */
    return before >= (whole_seconds ? began_us - US_PER_S : began_us);
}

/*
 * A list that is read upwards, and whose records move to its end while it is read: each one that goes pulls others over the edge
 * of a page that was read already, with the total unchanged. (A falling total makes the reader step back, template/drift.c.)
 * What such a pass did not see is not known to be gone (I-7, I-9).
 */
static void
note_shifts(struct work *w, struct work_stream *s, const struct reader_event *event)
{
    int64_t began_us = w->run->started_us != 0 ? w->run->started_us : w->run->created_us;
    s->moved = s->moved || (s->slice_pages > 0 && shows_moved_records(event, began_us));
    s->slice_pages = event->slice_done ? 0 : s->slice_pages + 1;
}

/* The parent that this page ends, as its own external id. */
static struct str
visited_parent(const struct work_stream *s, struct arena *a, const struct reader_event *event)
{
    struct err ignored = {0};
    if (!event->slice_done || event->slice.len == 0 || s->info.parent_field.len == 0)
        return STR_NONE;
    yyjson_val *slice = json_parse(a, event->slice, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, &ignored);
    yyjson_val *id = json_get(slice, s->info.parent_field);
    return yyjson_is_raw(id) ? (struct str){yyjson_get_raw(id), yyjson_get_len(id)} : json_str(id);
}

/* A loop is an error of the stream, but the page that shows it is sound: it is stored first. */
static bool
judge_progress(struct work *w, const struct page_batch *b, const struct reader_event *event, int64_t bytes,
               struct err *err)
{
    struct loop_page page = {b->token_hash, b->content_hash, event->slice, bytes};
    if (loop_check_page(&w->loop, &page, clock_monotonic_us(w->engine->options.clock), err))
        return true;
    if (err->code == E_NO_MEMORY)
        return false;
    w->pending = *err;
    return true;
}

/* Said once for a stream, in the run's log; and beside the verdict in the end. */
static void
note_notice(struct work *w, struct work_stream *s, const struct reader_event *event)
{
    if (event->notice.len == 0 || (s->notice.ptr && str_eq(s->notice, event->notice)))
        return;
    s->notice = work_clean(w, event->notice);
    work_log(w, LOG_WARN, "notice", s->info.name, s->notice);
}

static bool
prepare_batch(struct work *w, struct page_batch *b, struct arena *a, const struct reader_event *event, struct err *err)
{
    struct work_stream *s = work_stream(w);
    if (!page_prepare(b, &s->context, a, event, w->eager, err))
        return false;
    b->token_hash = page_token(event);
    b->stream_at = w->stream_at;
    s->rejects = s->rejects || b->rejected_count > 0;
    b->clear_rejected = s->context.stream.rejected > 0 || s->counts.errors > 0 || s->rejects;
    s->nameless_rejects = s->nameless_rejects || has_nameless_reject(b);
    note_shifts(w, s, event);
    note_notice(w, s, event);
    b->visited = visited_parent(s, a, event);
    declared_page(&s->declared, event->declared_total, event->slice_done);
    b->declared_total = declared_total(&s->declared);
    b->position = work_position(s, a, event->position);
    if (str_is_none(b->position))
        return err_set(err, E_TOO_LARGE, "The position of the run is larger than allowed");
    int64_t bytes = w->fetch.bytes;
    w->fetch.bytes = 0;
    return judge_progress(w, b, event, bytes, err);
}

static enum step_result
take_page(struct work *w, struct arena *a, const struct reader_event *event)
{
    struct err err = {0};
    struct page_batch *b = &w->batches[w->turn];
    w->turn = (w->turn + 1) % WORK_PAGES;
    request_log_page(w->requests, work_fence(w).page_seq);
    if (!w->yield_due)
        fetch_ahead(&w->fetch, &w->pages[w->turn]);
    if (!prepare_batch(w, b, a, event, &err)) {
        page_batch_release(b);
        return work_stream_failed(w, &err);
    }
    if (!work_commit_room(w, b, &err)) {
        page_batch_release(b);
        return work_store_failed(w, &err);
    }
    if (request_log_is_due(w->requests))
        b->requests = request_log_take(w->requests, b->arena);
    work_commit_start(w, b);
    if (w->pending.code != E_OK) {
        struct err why = w->pending;
        w->pending = (struct err){0};
        return work_stream_failed(w, &why);
    }
    return STEP_MORE;
}

static enum step_result
take_wait(struct work *w, const struct reader_event *event)
{
    struct err err = {0};
    if (!work_commit_wait(w, &err))
        return work_store_failed(w, &err);
    int64_t wait_ms = event->wait_ms < LIMIT_RETRY_AFTER_MS ? event->wait_ms : LIMIT_RETRY_AFTER_MS;
    if (event->rate_limited)
        return work_park(w, wait_ms, "RATE_LIMITED", event->wait_reason, false);
    if (event->remote_job)
        return work_park(w, wait_ms, "REMOTE_JOB", event->wait_reason, false);
    if (w->run->retries + (int64_t)event->attempt > event->retries_max) {
        err_set(&err, event->wait_code, "Gave up after %lld tries: %.*s", (long long)event->retries_max + 1,
                STR_ARG(event->wait_reason));
        return work_stream_failed(w, &err);
    }
    return work_park(w, wait_ms, "RETRY", event->wait_reason, true);
}

/* A vendor that only ever says "slow down" is obeyed for as long as it takes (F12). */
static enum step_result
take_failure(struct work *w, const struct err *why)
{
    struct err err = {0};
    if (why->code != E_VENDOR_RATE_LIMITED)
        return work_stream_failed(w, why);
    if (!work_commit_wait(w, &err))
        return work_store_failed(w, &err);
    int64_t wait_ms = why->retry_after_ms > RATE_LIMIT_PAUSE_MS ? why->retry_after_ms : RATE_LIMIT_PAUSE_MS;
    return work_park(w, wait_ms < LIMIT_RETRY_AFTER_MS ? wait_ms : LIMIT_RETRY_AFTER_MS, "RATE_LIMITED",
                     str_from_c(why->message), false);
}

struct final_states {
    struct work *work;
    const struct reader_event *event;
};

static bool
save_final_states(struct db *db, void *ctx, struct err *err)
{
    struct final_states *f = ctx;
    const struct page_context *c = &work_stream(f->work)->context;
    struct page_fence fence = run_fence(f->work->run);
    int64_t now_us = store_now(db);
    if (!store_run_renew(db, &fence, now_us + c->lease_ms * US_PER_MS, err))
        return false;
    for (size_t i = 0; i < f->event->state_count; i++)
        if (!store_state_save(db, c->tenant, c->stream.id, f->event->states[i].partition, f->event->states[i].state, now_us, err))
            return false;
    return true;
}

/* Read to its end: the last watermarks, which belong to no page. */
static enum step_result
take_done(struct work *w, const struct reader_event *event)
{
    struct err err = {0};
    struct final_states f = {w, event};
    if (!work_commit_wait(w, &err))
        return work_store_failed(w, &err);
    bool keeps = event->state_count > 0 && !work_stream(w)->context.forget_states;
    if (keeps && !work_write(w, save_final_states, &f, &err))
        return work_store_failed(w, &err);
    return STEP_DONE;
}

enum step_result
work_stream_read(struct work *w)
{
    if (work_stream(w)->phase == PHASE_DELETES)
        return STEP_DONE;
    struct err err = {0};
    struct reader_event event;
    struct arena *a = &w->pages[w->turn];
    switch (fetch_next(&w->fetch, a, &event, &err)) {
    case FETCH_PAGE: return take_page(w, a, &event);
    case FETCH_WAIT: return take_wait(w, &event);
    case FETCH_DONE: return take_done(w, &event);
    case FETCH_FAILED: return take_failure(w, &err);
    case FETCH_STOPPED: break;
    }
    return work_commit_wait(w, &err) ? work_stop(w) : work_store_failed(w, &err);
}

/* ---- its end ---- */

static bool
end_stream(struct db *db, void *ctx, struct err *err)
{
    struct work *w = ctx;
    struct work_stream *s = work_stream(w);
    const struct page_context *c = &s->context;
    struct page_fence fence = run_fence(w->run);
    int64_t now_us = store_now(db);
    if (!store_run_stream_end(db, &fence, c->stream.id, STR_NONE, STR_NONE, now_us, err))
        return false;
    if (s->full && !s->filtered && !store_stream_full_done(db, c->tenant, c->stream.id, s->version, now_us, err))
        return false;
    return !s->context.full || s->guarded || store_delete_forget(db, c->tenant, w->run->id, c->stream.id, err);
}

enum step_result
work_stream_end(struct work *w)
{
    struct err err = {0};
    struct work_stream *s = work_stream(w);
    if (s->failed == E_OK) {
        if (!work_write(w, end_stream, w, &err))
            return work_store_failed(w, &err);
        s->done = true;
    }
    fetch_reader(&w->fetch, NULL);
    w->stream_at++;
    w->step = STEP_AT_BEGIN;
    return STEP_MORE;
}
