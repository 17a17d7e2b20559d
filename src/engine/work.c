/*
 * Handing a run back, and the commits on their way.
 *
 * A few pages may be on their way at once, so that a slow disk is asked for one sync and not for one a page. Each
 * carries the fence of the page before it, so where one fails, all behind it fail too, and go again after it.
 *
 * A page whose commit failed is tried again from memory while that makes sense: the store was busy, or it
 * is not known whether it was saved. In the latter case the run's own page_seq decides (F4, F9): it stands
 * where the page put it, or it does not.
 */
#include "engine/work.h"

#include "base/check.h"
#include "store/store_event.h"

#define BUSY_PAUSE_BASE_MS 50
#define BUSY_PAUSE_CAP_MS 2000
#define STORE_PARK_MS 5000

struct hand_back {
    struct work *work;
    int64_t wait_ms;
    const char *code;
    struct str message;
    bool count_retry;
    enum run_state state;
};

struct page_fence
work_fence(const struct work *w)
{
    struct page_fence fence = run_fence(w->run);
    fence.page_seq = w->committed_seq + w->commits.count + 1;
    return fence;
}

static void
pause_ms(int64_t ms)
{
    struct timespec wait = {ms / 1000, (ms % 1000) * 1000000};
    nanosleep(&wait, NULL);
}

static bool
worth_repeating(enum err_code code)
{
    return code == E_STORE_BUSY || code == E_STORE;
}

bool
work_write(struct work *w, store_fn *fn, void *ctx, struct err *err)
{
    for (unsigned tries = 1;; tries++) {
        if (work_tell_with(w, fn, ctx, err))
            return true;
        if (!worth_repeating(err->code) || tries >= w->engine->options.store_tries) {
            work_tell_end(w, err);
            return false;
        }
        pause_ms(backoff_ms(tries, BUSY_PAUSE_BASE_MS, BUSY_PAUSE_CAP_MS, &w->worker->rng));
    }
}

/* ---- commits on their way ---- */

static struct work_commit *
commit_at(struct work_commits *all, unsigned place)
{
    return &all->ring[(all->first + place) % WORK_COMMITS];
}

static void
commit_done(void *ctx, bool ok, const struct err *err)
{
    struct page_batch *batch = ctx;
    struct work_commit *c = batch->owner;
    struct work_commits *all = c->all;
    pthread_mutex_lock(&all->lock);
    c->finished = true;
    c->ok = ok;
    if (!ok)
        c->err = *err;
    pthread_cond_signal(&all->wake);
    pthread_mutex_unlock(&all->lock);
}

static void
commit_send(struct work *w, struct work_commit *c)
{
    c->finished = false;
    store_write_async(w->engine->options.store, STORE_PAGE, page_commit, c->batch, commit_done);
}

void
work_commit_start(struct work *w, struct page_batch *batch)
{
    struct work_commits *all = &w->commits;
    CHECK(all->count < WORK_COMMITS);
    struct page_fence fence = work_fence(w);
    struct work_commit *c = commit_at(all, all->count);
    page_ready(batch, &fence);
    *c = (struct work_commit){.all = all, .batch = batch};
    batch->owner = c;
    if (all->count++ == 0)
        all->tries = 1;
    commit_send(w, c);
}

static void
commit_wait_for(struct work_commits *all, struct work_commit *c)
{
    pthread_mutex_lock(&all->lock);
    while (!c->finished)
        pthread_cond_wait(&all->wake, &all->lock);
    pthread_mutex_unlock(&all->lock);
}

static void
commit_wait_for_all(struct work_commits *all)
{
    for (unsigned i = 0; i < all->count; i++)
        commit_wait_for(all, commit_at(all, i));
}

static bool
commit_is_finished(struct work_commits *all, const struct work_commit *c)
{
    pthread_mutex_lock(&all->lock);
    bool finished = c->finished;
    pthread_mutex_unlock(&all->lock);
    return finished;
}

struct seq_read {
    struct work *work;
    struct arena *arena;
    struct run run;
    enum row row;
};

static bool
read_run(struct db *db, void *ctx, struct err *err)
{
    struct seq_read *r = ctx;
    arena_clear(r->arena);
    r->row = store_run_get_by_id(db, r->arena, r->work->run->tenant, r->work->run->id, &r->run, err);
    return r->row != ROW_FAILED;
}

/* Was the page saved after all? False with err: nobody can say, or another worker has the run. */
static bool
commit_was_saved(struct work *w, bool *saved_out, struct err *err)
{
    struct arena scratch;
    arena_init(&scratch, LIMIT_RUN_ARENA_BYTES);
    struct seq_read r = {.work = w, .arena = &scratch};
    bool ok = store_read(w->engine->options.store, read_run, &r, err);
    if (ok && (r.row != ROW_FOUND || r.run.epoch != w->run->epoch))
        ok = err_set(err, E_FENCED, NULL);
    if (ok)
        *saved_out = r.run.page_seq >= commit_at(&w->commits, 0)->batch->fence.page_seq;
    arena_release(&scratch);
    return ok;
}

static void
commit_took(struct work *w, struct page_batch *b)
{
    const struct page_counts *c = &b->counts;
    struct page_counts *sum = &w->streams[b->stream_at].counts;
    w->committed_seq = b->fence.page_seq;
    sum->received += c->received;
    sum->created += c->created;
    sum->updated += c->updated;
    sum->skipped += c->skipped;
    sum->deleted += c->deleted;
    sum->errors += c->errors;
    sum->records_read += c->records_read;
    w->eager = c->created + c->updated > c->skipped;
    w->run->retries = 0;
    w->engine->pages++;
    w->engine->records += c->received;
    page_batch_release(b);
}

/* One try's end of the first one. *again_out: it is worth another. */
static bool
commit_judge(struct work *w, bool *again_out, struct err *err)
{
    struct work_commit *c = commit_at(&w->commits, 0);
    unsigned tries = w->commits.tries, tries_max = w->engine->options.store_tries;
    *again_out = false;
    if (c->ok) {
        commit_took(w, c->batch);
        return true;
    }
    *err = c->err;
    if (err->code == E_STORE_UNCERTAIN) {
        bool saved = false;
        if (!commit_was_saved(w, &saved, err))
            return false;
        if (saved) {
            commit_took(w, c->batch);
            return true;
        }
        *again_out = tries < tries_max;
        return *again_out || err_set(err, E_STORE, NULL);
    }
    /* A conflict is a key that somebody else took at the same moment: the next look-up sees it. */
    *again_out = (worth_repeating(err->code) || err->code == E_CONFLICT) && tries < tries_max;
    return *again_out;
}

/* What came after a page that failed has failed at its fence: all go again, in their order. */
static void
commit_again(struct work *w)
{
    struct work_commits *all = &w->commits;
    commit_wait_for_all(all);
    pause_ms(backoff_ms(all->tries++, BUSY_PAUSE_BASE_MS, BUSY_PAUSE_CAP_MS, &w->worker->rng));
    for (unsigned i = 0; i < all->count; i++)
        commit_send(w, commit_at(all, i));
}

static void
commit_give_up(struct work_commits *all)
{
    commit_wait_for_all(all);
    for (unsigned i = 0; i < all->count; i++)
        page_batch_release(commit_at(all, i)->batch);
    all->count = 0;
}

/* Waits until the first one is stored. */
static bool
commit_settle(struct work *w, struct err *err)
{
    struct work_commits *all = &w->commits;
    bool ok, again;
    do {
        commit_wait_for(all, commit_at(all, 0));
        ok = commit_judge(w, &again, err);
        if (again)
            commit_again(w);
    } while (again);
    if (!ok) {
        commit_give_up(all);
        return false;
    }
    all->first = (all->first + 1) % WORK_COMMITS;
    all->count--;
    all->tries = 1;
    return true;
}

bool
work_commit_wait(struct work *w, struct err *err)
{
    while (w->commits.count > 0)
        if (!commit_settle(w, err))
            return false;
    return true;
}

/* PostgreSQL runs closures side by side, and large pages must not wait in numbers. */
static unsigned
commits_max(struct work *w, const struct page_batch *next)
{
    size_t bytes = next->arena->used_bytes;
    for (unsigned i = 0; i < w->commits.count; i++)
        bytes += commit_at(&w->commits, i)->batch->bytes;
    return store_keeps_order(w->engine->options.store) && bytes <= WORK_COMMITS_BYTES ? WORK_COMMITS : 1;
}

bool
work_commit_room(struct work *w, const struct page_batch *next, struct err *err)
{
    struct work_commits *all = &w->commits;
    unsigned most = commits_max(w, next);
    while (all->count > 0 && (all->count >= most || commit_is_finished(all, commit_at(all, 0))))
        if (!commit_settle(w, err))
            return false;
    return true;
}

/* ---- handing back ---- */

struct str
work_clean(struct work *w, struct str text)
{
    struct str clean = log_redact(w->arena, text);
    return str_is_none(clean) ? STR("") : clean;
}

/* The end of a run's journey on this worker when even the handing back failed: the lease lapses by itself. */
static enum step_result
handed(struct work *w, bool ok, const struct err *err, const char *what)
{
    if (!ok && err->code != E_FENCED)
        log_err(LOG_WARN, what, err);
    engine_changed(w->engine);
    return STEP_PARK;
}

static bool
park(struct db *db, void *ctx, struct err *err)
{
    struct hand_back *h = ctx;
    struct page_fence fence = run_fence(h->work->run);
    int64_t now_us = store_now(db);
    return store_run_park(db, &fence, now_us + h->wait_ms * US_PER_MS, h->code, h->message, h->count_retry, now_us, err);
}

enum step_result
work_park(struct work *w, int64_t wait_ms, const char *code, struct str message, bool count_retry)
{
    struct hand_back h = {.work = w, .wait_ms = wait_ms, .code = code, .message = work_clean(w, message),
                          .count_retry = count_retry};
    struct err err = {0};
    work_tell_requests(w);
    work_log(w, LOG_INFO, "waiting", STR_NONE, message);
    bool ok = work_write(w, park, &h, &err);
    store_poke(w->engine->options.store); /* who waits for work has not known of this moment */
    if (!ok && err.code == E_CANCELLED)
        return work_stop(w);
    return handed(w, ok, &err, "a run could not be parked; its lease lapses");
}

static bool
yield(struct db *db, void *ctx, struct err *err)
{
    struct hand_back *h = ctx;
    struct page_fence fence = run_fence(h->work->run);
    return store_run_yield(db, &fence, store_now(db), err);
}

enum step_result
work_yield(struct work *w)
{
    struct hand_back h = {.work = w};
    struct err err = {0};
    work_tell_requests(w);
    bool ok = work_write(w, yield, &h, &err);
    if (!ok && err.code == E_CANCELLED)
        return work_stop(w);
    return handed(w, ok, &err, "a run could not be handed on; its lease lapses");
}

static bool
stop(struct db *db, void *ctx, struct err *err)
{
    struct hand_back *h = ctx;
    struct page_fence fence = run_fence(h->work->run);
    return store_run_stop(db, &fence, store_now(db), &h->state, err);
}

static bool
release(struct db *db, void *ctx, struct err *err)
{
    struct hand_back *h = ctx;
    struct page_fence fence = run_fence(h->work->run);
    return store_run_release(db, &fence, store_now(db), err);
}

/* Stopped because it was asked for (I-24), because the lease went, or because the process stops (I-38). */
enum step_result
work_stop(struct work *w)
{
    struct hand_back h = {.work = w};
    struct err err = {0};
    if (atomic_load(&w->lease->lost))
        return handed(w, true, &err, "");
    work_tell_requests(w);
    bool ok = work_write(w, stop, &h, &err);
    if (!ok && err.code == E_CONFLICT) /* nobody asked: it is the process that stops */
        ok = work_write(w, release, &h, &err);
    return handed(w, ok, &err, "a run could not be stopped; its lease lapses");
}

enum step_result
work_store_failed(struct work *w, const struct err *err)
{
    switch ((int)err->code) {
    case E_FENCED: return handed(w, true, err, "");
    case E_CANCELLED: return work_stop(w);
    case E_STORE_FULL: return work_park(w, WORK_STORAGE_WAIT_US / US_PER_MS, "STORAGE_FULL", STR("The disk is full"), false);
    case E_STORE:
    case E_STORE_BUSY:
    case E_STORE_UNCERTAIN:
    case E_NO_MEMORY: return work_park(w, STORE_PARK_MS, err_name(err->code), str_from_c(err->message), false);
    default: return work_fail(w, err);
    }
}
