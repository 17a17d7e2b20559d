/*
 * Doing a run: steps in a table, and the loop that drives them.
 *
 * A worker does a run for a slice of time; when others wait for a worker by then, it gives the run back
 * between two pages and takes whoever's turn it is (I-18).
 */
#include "engine/work.h"
#include "engine/push.h"
#include "engine/tell.h"

#include "base/check.h"
#include "store/store_delete.h"

struct step {
    const char *name;
    enum step_result (*run)(struct work *w);
    enum step_at next;       /* after STEP_DONE */
};

static const struct step steps[] = {
    [STEP_AT_PREPARE] = {"prepare", work_prepare, STEP_AT_BEGIN},
    [STEP_AT_BEGIN] = {"begin", work_stream_begin, STEP_AT_READ},
    [STEP_AT_READ] = {"read", work_stream_read, STEP_AT_DELETES},
    [STEP_AT_DELETES] = {"deletes", work_stream_deletes, STEP_AT_END},
    [STEP_AT_END] = {"end", work_stream_end, STEP_AT_BEGIN},
    [STEP_AT_PUSH] = {"push", work_push, STEP_AT_FINISH},
    [STEP_AT_FINISH] = {"finish", work_finish, STEP_AT_FINISH},
};
_Static_assert(ARRAY_LEN(steps) == STEP_AT_COUNT, "every step has its row");

static bool
read_counts(struct db *db, void *ctx, struct err *err)
{
    return store_run_counts(db, 0, ctx, err);
}

/* The slice is over, nobody of ours is idle, and somebody waits. */
static bool
others_wait(struct work *w)
{
    int64_t now_us = clock_monotonic_us(w->engine->options.clock);
    if (now_us < w->slice_until_us)
        return false;
    w->slice_until_us = now_us + WORK_SLICE_US;
    if (pool_idle(w->engine->pool) > 0)
        return false;
    struct run_counts counts = {0};
    struct err err = {0};
    return store_read(w->engine->options.store, read_counts, &counts, &err) && counts.oldest_ready_us != 0;
}

static enum step_result
yield_now(struct work *w)
{
    struct err err = {0};
    return work_commit_wait(w, &err) ? work_yield(w) : work_store_failed(w, &err);
}

/* The process stops (I-38): the page on its way is the last one. */
static enum step_result
leave(struct work *w)
{
    struct err err = {0};
    return work_commit_wait(w, &err) ? work_stop(w) : work_store_failed(w, &err);
}

static void
drive(struct work *w)
{
    enum step_result result = STEP_MORE;
    const char *uuid = str_cstr(w->arena, w->run->uuid);
    while (result != STEP_PARK) {
        const struct step *step = &steps[w->step];
        check_context(NULL, uuid, step->name);
        if (atomic_load(&w->engine->stopping)) {
            result = leave(w);
            continue;
        }
        bool between_pages = w->step == STEP_AT_READ || w->step == STEP_AT_PUSH;
        if (w->yield_due && between_pages) {
            result = yield_now(w);
            continue;
        }
        w->yield_due = between_pages && others_wait(w);
        result = step->run(w);
        if (result != STEP_PARK && !between_pages && request_log_is_due(w->requests))
            work_tell_requests(w); /* else a page takes them along */
        if (result != STEP_PARK)
            work_tell(w);
        if (result == STEP_DONE)
            w->step = w->push != NULL && w->step == STEP_AT_PREPARE ? STEP_AT_PUSH : step->next;
    }
    check_context(NULL, NULL, NULL);
}

static void
work_init(struct work *w, struct engine *e, unsigned worker, struct run *run, struct lease *lease, struct arena *arena)
{
    *w = (struct work){.engine = e, .worker = &e->workers[worker], .run = run, .lease = lease, .arena = arena,
                       .committed_seq = run->page_seq, .eager = true};
    for (size_t i = 0; i < WORK_PAGES; i++)
        arena_init(&w->pages[i], LIMIT_PAGE_ARENA_BYTES);
    pthread_mutex_init(&w->commits.lock, NULL);
    pthread_cond_init(&w->commits.wake, NULL);
    int64_t now_us = clock_monotonic_us(e->options.clock);
    work_telling_init(&w->telling);
    loop_init(&w->loop, now_us);
    w->loop.pages = run->page_seq;
    w->slice_until_us = now_us + WORK_SLICE_US;
}

static void
work_release(struct work *w)
{
    struct err err = {0};
    if (w->commits.count > 0 && !work_commit_wait(w, &err) && err.code != E_FENCED && err.code != E_CANCELLED)
        log_err(LOG_WARN, "the last page of a run was not stored; it is read again", &err);
    lease_on_stop(w->engine->keeper, w->lease, NULL, NULL);
    fetch_release(&w->fetch);
    request_log_free(w->requests);
    work_telling_release(&w->telling);
    push_release(w);
    account_close(&w->account);
    loop_release(&w->loop);
    id_set_free(w->seen);
    id_set_free(w->visited);
    for (size_t i = 0; i < WORK_PAGES; i++) {
        page_batch_release(&w->batches[i]);
        arena_release(&w->pages[i]);
    }
    pthread_cond_destroy(&w->commits.wake);
    pthread_mutex_destroy(&w->commits.lock);
}

struct poison {
    struct run *run;
};

static bool
pause_poison(struct db *db, void *ctx, struct err *err)
{
    struct poison *p = ctx;
    struct page_fence fence = run_fence(p->run);
    struct str words = str_from_c(err_words(E_POISON_PAGE));
    int64_t now_us = store_now(db);
    return store_run_pause_itself(db, &fence, "POISON_PAGE", words, now_us, err) &&
           tell_alert(db, p->run->tenant, p->run->connection, p->run->id, "poison_page", words, now_us, err);
}

/* A page that has killed its worker so often waits for a person (I-16). */
static bool
is_poisoned(struct engine *e, struct run *run)
{
    if (run->crashes < LIMIT_POISON_ATTEMPTS)
        return false;
    struct poison p = {run};
    struct err err = {0};
    if (!store_write(e->options.store, pause_poison, &p, &err) && err.code != E_FENCED)
        log_err(LOG_WARN, "a run that stops the process could not be paused", &err);
    log_write(LOG_ERROR, "a run stopped the process three times at the same page and is paused", LOG_S("runId", run->uuid));
    engine_changed(e);
    return true;
}

void
engine_do_run(void *ctx, unsigned worker, struct run *run, struct lease *lease, struct arena *run_arena)
{
    struct engine *e = ctx;
    struct work w;
    if (is_poisoned(e, run))
        return;
    work_init(&w, e, worker, run, lease, run_arena);
    if (run->pause_asked || run->cancel_asked || atomic_load(&e->stopping))
        (void)work_stop(&w);
    else
        drive(&w);
    work_release(&w);
}
