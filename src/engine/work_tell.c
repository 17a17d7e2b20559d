/*
 * What a run tells of itself: lines of its log and what it asked of its vendor, outside a page.
 *
 * They go into the run's next transaction with what they tell of, and so cost no commit of their own, and are there
 * exactly when their effect is. Requests come before the effect, because a run that has ended takes none; lines after it.
 * When the effect is refused both wait for the next one; when the store fails they are lost, and nothing else is.
 */
#include "engine/work.h"

#include "store/store_log.h"

#define SCRATCH_BYTES (4L * WORK_TELL_BYTES) /* the lines, packed */

void
work_telling_init(struct work_telling *t)
{
    buf_init(&t->lines, WORK_TELL_BYTES);
    arena_init(&t->arena, 2L * REQUEST_LOG_BYTES_MAX);
}

void
work_telling_release(struct work_telling *t)
{
    buf_release(&t->lines);
    arena_release(&t->arena);
}

static void
forget(struct work_telling *t)
{
    buf_clear(&t->lines);
    arena_clear(&t->arena);
    t->line_count = 0;
    t->requests = (struct page_requests){0};
}

bool
work_log_write(struct work *w, struct db *db, int64_t now_us, const char *message, struct str detail, struct err *err)
{
    struct buf line;
    struct arena scratch;
    buf_init(&line, RUN_LOG_LINE_BYTES);
    arena_init(&scratch, SCRATCH_BYTES);
    bool ok = !RUN_LOG(&line, now_us, LOG_INFO, str_from_c(message), LOG_S("stream", STR_NONE), LOG_S("detail", detail)) ||
              store_log_append(db, &scratch, w->run->tenant, w->run->id, buf_str(&line), 1, now_us, err);
    arena_release(&scratch);
    buf_release(&line);
    return ok;
}

void
work_log(struct work *w, enum log_level level, const char *message, struct str stream, struct str detail)
{
    struct work_telling *t = &w->telling;
    int64_t now_us = clock_wall_us(w->engine->options.clock) + w->clock_offset_us;
    if (RUN_LOG(&t->lines, now_us, level, str_from_c(message), LOG_S("stream", stream), LOG_S("detail", detail)))
        t->line_count++;
}

void
work_tell_requests(struct work *w)
{
    if (w->telling.requests.made == 0)
        w->telling.requests = request_log_take(w->requests, &w->telling.arena);
}

/* ---- with an effect ---- */

struct effect {
    struct work *work;
    store_fn *fn;
    void *ctx;
};

static bool
append_lines(struct db *db, struct work *w, struct err *err)
{
    struct work_telling *t = &w->telling;
    struct arena scratch;
    arena_init(&scratch, SCRATCH_BYTES);
    bool ok = store_log_append(db, &scratch, w->run->tenant, w->run->id, buf_str(&t->lines), t->line_count, store_now(db), err);
    arena_release(&scratch);
    return ok;
}

static bool
effect_and_telling(struct db *db, void *ctx, struct err *err)
{
    struct effect *e = ctx;
    struct work_telling *t = &e->work->telling;
    struct page_fence fence = run_fence(e->work->run);
    return (t->requests.made == 0 || store_requests_append(db, &fence, &t->requests, store_now(db), err)) &&
           (e->fn == NULL || e->fn(db, e->ctx, err)) && (t->line_count == 0 || append_lines(db, e->work, err));
}

bool
work_tell_with(struct work *w, store_fn *fn, void *ctx, struct err *err)
{
    struct effect e = {w, fn, ctx};
    bool ok = store_write(w->engine->options.store, effect_and_telling, &e, err);
    if (ok)
        forget(&w->telling);
    return ok;
}

void
work_tell_end(struct work *w, const struct err *err)
{
    if (err->code != E_CANCELLED && err->code != E_CONFLICT)
        forget(&w->telling);
}

void
work_tell(struct work *w)
{
    struct err err = {0};
    if (w->telling.line_count + w->telling.requests.made == 0 || work_tell_with(w, NULL, NULL, &err))
        return;
    log_err(LOG_DEBUG, "what a run tells of itself was lost", &err);
    forget(&w->telling);
}
