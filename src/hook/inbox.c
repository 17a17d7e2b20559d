/*
 * The inbox's own life: made, started, stopped; time; waking.
 */
#include "hook/inbox_priv.h"

#include <stdlib.h>
#include <time.h>

#include "base/alloc.h"
#include "base/check.h"

#define INBOX_ARENA_BYTES (1024 * 1024)

/* Whoever relays events to us may sign them in one of these ways, with the connection's secret (contract, section 7). */
static const char own_schemes[] =
    "[{\"kind\":\"standard_webhooks\",\"header\":\"webhook-signature\"},"
    "{\"kind\":\"hmac_sha256\",\"header\":\"x-webhook-signature\"}]";

static bool
read_start(struct db *db, void *ctx, struct err *err)
{
    struct inbox *in = ctx;
    int64_t pending = 0;
    inbox_clock(in, db);
    if (!store_inbox_pending(db, &pending, err))
        return false;
    atomic_store(&in->pending, pending);
    return true;
}

static bool
take_back(struct db *db, void *ctx, struct err *err)
{
    struct inbox *in = ctx;
    return store_inbox_take_back(db, in->node, err);
}

static void
fill_defaults(struct inbox_options *o)
{
    if (o->workers == 0)
        o->workers = INBOX_WORKERS_DEFAULT;
    if (o->workers > INBOX_WORKERS_MAX)
        o->workers = INBOX_WORKERS_MAX;
    if (o->lease_ms == 0)
        o->lease_ms = INBOX_LEASE_DEFAULT_MS;
    if (o->hints_per_s == 0)
        o->hints_per_s = INBOX_HINTS_PER_S_DEFAULT;
}

static bool
make_parts(struct inbox *in, struct err *err)
{
    const struct inbox_options *o = &in->options;
    in->url = o->public_url.len > 0 ? str_copy(&in->arena, o->public_url) : STR_NONE;
    in->node = str_copy(&in->arena, store_node_id(o->store));
    in->cache = target_cache_new();
    in->limiter = limiter_new(o->clock, o->hints_per_s, o->hints_per_s * INBOX_HINT_BURST);
    in->own_schemes = json_parse(&in->arena, str_from_c(own_schemes), JSON_PLAIN, 8, err);
    if (in->cache == NULL || in->limiter == NULL || in->own_schemes == NULL || str_is_none(in->node))
        return err_no_memory(err);
    for (size_t i = 0; i < INBOX_PACKERS; i++)
        if ((in->packers[i] = raw_packer_new(err)) == NULL)
            return false;
    return store_read(o->store, read_start, in, err);
}

struct inbox *
inbox_new(const struct inbox_options *options, struct err *err)
{
    CHECK(options->engine != NULL && options->store != NULL && options->templates != NULL && options->keys != NULL);
    struct inbox *in = alloc_zeroed(1, sizeof(*in));
    if (in == NULL) {
        err_no_memory(err);
        return NULL;
    }
    in->options = *options;
    fill_defaults(&in->options);
    arena_init(&in->arena, INBOX_ARENA_BYTES);
    pthread_mutex_init(&in->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&in->wake, &attr);
    pthread_cond_init(&in->stop, &attr);
    pthread_condattr_destroy(&attr);
    if (make_parts(in, err))
        return in;
    inbox_free(in);
    return NULL;
}

bool
inbox_start(struct inbox *in, struct err *err)
{
    if (!store_write(in->options.store, take_back, in, err))
        return false;
    in->heart_started = pthread_create(&in->heart, NULL, inbox_heart_main, in) == 0;
    for (unsigned i = 0; in->heart_started && i < in->options.workers; i++) {
        struct inbox_worker *w = &in->workers[i];
        w->inbox = in;
        w->started = pthread_create(&w->thread, NULL, inbox_worker_main, w) == 0;
        if (!w->started)
            return i > 0 || err_set(err, E_NO_MEMORY, "The webhook workers could not be started");
    }
    return in->heart_started || err_set(err, E_NO_MEMORY, "The webhook workers could not be started");
}

void
inbox_stop(struct inbox *in)
{
    pthread_mutex_lock(&in->lock);
    in->stopping = true;
    pthread_cond_broadcast(&in->wake);
    pthread_cond_broadcast(&in->stop);
    for (unsigned i = 0; i < INBOX_WORKERS_MAX; i++)
        if (in->workers[i].applier != NULL)
            applier_stop(in->workers[i].applier);
    pthread_mutex_unlock(&in->lock);
    for (unsigned i = 0; i < INBOX_WORKERS_MAX; i++)
        if (in->workers[i].started)
            pthread_join(in->workers[i].thread, NULL);
    if (in->heart_started)
        pthread_join(in->heart, NULL);
    for (unsigned i = 0; i < INBOX_WORKERS_MAX; i++)
        in->workers[i].started = false;
    in->heart_started = false;
}

void
inbox_free(struct inbox *in)
{
    if (in == NULL)
        return;
    inbox_stop(in);
    target_cache_free(in->cache);
    limiter_free(in->limiter);
    for (size_t i = 0; i < INBOX_PACKERS; i++)
        raw_packer_free(in->packers[i]);
    pthread_cond_destroy(&in->wake);
    pthread_cond_destroy(&in->stop);
    pthread_mutex_destroy(&in->lock);
    arena_release(&in->arena);
    free(in);
}

void
inbox_set_url(struct inbox *in, struct str url)
{
    pthread_mutex_lock(&in->lock);
    if (str_is_none(in->url))
        in->url = str_copy(&in->arena, url);
    pthread_mutex_unlock(&in->lock);
}

/* ---- writing behind others ---- */

struct waiting {
    store_fn *fn;
    void *ctx;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool finished, ok;   /* under lock */
    struct err err;      /* under lock once finished */
};

static bool
run_waiting(struct db *db, void *ctx, struct err *err)
{
    struct waiting *w = ctx;
    return w->fn(db, w->ctx, err);
}

static void
waiting_done(void *ctx, bool ok, const struct err *err)
{
    struct waiting *w = ctx;
    pthread_mutex_lock(&w->lock);
    w->ok = ok;
    if (!ok)
        w->err = *err;
    w->finished = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

bool
inbox_write(struct inbox *in, store_fn *fn, void *ctx, struct err *err)
{
    struct waiting w = {.fn = fn, .ctx = ctx};
    pthread_mutex_init(&w.lock, NULL);
    pthread_cond_init(&w.wake, NULL);
    store_write_async(in->options.store, STORE_PAGE, run_waiting, &w, waiting_done);
    pthread_mutex_lock(&w.lock);
    while (!w.finished)
        pthread_cond_wait(&w.wake, &w.lock);
    pthread_mutex_unlock(&w.lock);
    if (!w.ok) {
        struct err_item *items = err->items;
        *err = w.err;
        err->items = items;
    }
    pthread_cond_destroy(&w.wake);
    pthread_mutex_destroy(&w.lock);
    return w.ok;
}

int64_t
inbox_now(const struct inbox *in)
{
    return clock_wall_us(in->options.clock) + atomic_load(&in->clock_offset_us);
}

void
inbox_clock(struct inbox *in, struct db *db)
{
    atomic_store(&in->clock_offset_us, store_now(db) - clock_wall_us(in->options.clock));
}

void
inbox_wake(struct inbox *in)
{
    pthread_mutex_lock(&in->lock);
    in->wakes++;
    pthread_cond_signal(&in->wake);
    pthread_mutex_unlock(&in->lock);
}

void
inbox_wake_queue(struct inbox *in, int64_t connection)
{
    bool held = false;
    pthread_mutex_lock(&in->lock);
    for (unsigned i = 0; i < INBOX_WORKERS_MAX; i++)
        held = held || (in->workers[i].holds && in->workers[i].queue.connection == connection);
    if (!held) {
        in->wakes++;
        pthread_cond_signal(&in->wake);
    }
    pthread_mutex_unlock(&in->lock);
}

bool
inbox_wait(struct inbox *in, uint64_t *seen, int64_t ms)
{
    struct timespec until = clock_deadline(ms * US_PER_MS);
    pthread_mutex_lock(&in->lock);
    while (!in->stopping && in->wakes == *seen && pthread_cond_timedwait(&in->wake, &in->lock, &until) == 0)
        ;
    *seen = in->wakes;
    bool goes_on = !in->stopping;
    pthread_mutex_unlock(&in->lock);
    return goes_on;
}

void
inbox_pause(struct inbox *in, int64_t ms)
{
    struct timespec until = clock_deadline(ms * US_PER_MS);
    pthread_mutex_lock(&in->lock);
    while (!in->stopping && pthread_cond_timedwait(&in->stop, &in->lock, &until) == 0)
        ;
    pthread_mutex_unlock(&in->lock);
}

bool
inbox_is_stopping(struct inbox *in)
{
    pthread_mutex_lock(&in->lock);
    bool stopping = in->stopping;
    pthread_mutex_unlock(&in->lock);
    return stopping;
}

void
inbox_stats(struct inbox *in, struct inbox_stats *s)
{
    *s = (struct inbox_stats){.accepted = in->accepted, .duplicates = in->duplicates, .hints = in->hints, .refused = in->refused,
                              .unknown = in->unknown, .unhandled = in->unhandled, .limited = in->limited,
                              .applied = in->applied, .failed = in->failed, .fetches = in->fetches, .pending = in->pending};
}
