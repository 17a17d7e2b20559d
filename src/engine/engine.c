/*
 * The engine's own life: threads made, started, stopped in reverse order, numbers for /metrics.
 */
#include "engine/engine_priv.h"
#include "engine/lists_kept.h"
#include "engine/catalogue.h"
#include "engine/errand.h"

#include "base/alloc.h"
#include "base/check.h"

static void
workers_free(struct engine *e, unsigned count)
{
    for (unsigned i = 0; e->workers != NULL && i < count; i++)
        raw_packer_free(e->workers[i].packer);
    free(e->workers);
    e->workers = NULL;
}

static bool
workers_new(struct engine *e, struct err *err)
{
    unsigned count = pool_workers(e->pool) + 1;
    e->workers = alloc_zeroed(count, sizeof(*e->workers));
    if (e->workers == NULL)
        return err_no_memory(err);
    for (unsigned i = 0; i < count; i++) {
        rng_init_system(&e->workers[i].rng);
        e->workers[i].packer = raw_packer_new(err);
        if (e->workers[i].packer == NULL)
            return false;
    }
    return true;
}

static void
fill_defaults(struct engine_options *o)
{
    if (o->interval_ms == 0)
        o->interval_ms = ENGINE_INTERVAL_DEFAULT_MS;
    if (o->full_interval_ms == 0)
        o->full_interval_ms = ENGINE_FULL_INTERVAL_DEFAULT_MS;
    if (o->overlap_ms == 0)
        o->overlap_ms = ENGINE_OVERLAP_DEFAULT_MS;
    if (o->store_tries == 0)
        o->store_tries = ENGINE_STORE_TRIES_DEFAULT;
    if (o->lease_ms == 0)
        o->lease_ms = LEASE_DEFAULT_MS;
    if (o->retention_every_ms == 0)
        o->retention_every_ms = ENGINE_RETENTION_EVERY_DEFAULT_MS;
}

static bool
make_parts(struct engine *e, struct err *err)
{
    const struct engine_options *o = &e->options;
    if (!circuit_init(&e->circuit, o->clock))
        return err_no_memory(err);
    e->quotas = quota_book_new(o->store, o->clock, err);
    e->lists = e->quotas ? lists_new(err) : NULL;
    if (e->lists == NULL)
        return false;
    struct lease_keeper_options keeper = {o->store, o->clock, o->lease_ms, o->heartbeat_ms};
    e->keeper = lease_keeper_new(&keeper, err);
    if (e->keeper == NULL)
        return false;
    struct pool_options pool = {.store = o->store, .clock = o->clock, .keeper = e->keeper, .workers = o->workers,
                                .lease_ms = o->lease_ms, .sweep_ms = o->sweep_ms, .page_ms = FETCH_PAGE_MS,
                                .run = engine_do_run, .ctx = e};
    e->pool = pool_new(&pool, err);
    return e->pool != NULL && workers_new(e, err);
}

struct engine *
engine_new(const struct engine_options *options, struct err *err)
{
    CHECK(options->store != NULL && options->templates != NULL && options->keys != NULL && options->clock != NULL);
    CHECK(options->client != NULL || options->sender != NULL);
    struct engine *e = alloc_zeroed(1, sizeof(*e));
    if (e == NULL) {
        err_no_memory(err);
        return NULL;
    }
    e->options = *options;
    fill_defaults(&e->options);
    e->catalogue = catalogue_new();
    e->sender = options->sender != NULL ? *options->sender : sender_of_client(options->client);
    pthread_mutex_init(&e->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&e->changed, &attr);
    pthread_cond_init(&e->background, &attr);
    pthread_condattr_destroy(&attr);
    if (e->catalogue == NULL ? err_no_memory(err) : make_parts(e, err))
        return e;
    engine_free(e);
    return NULL;
}

/* A name that the registry does not know: another node may have stored it. */
static void
look_for_templates(void *ctx)
{
    struct err err = {0};
    if (!catalogue_refresh(ctx, &err))
        log_err(LOG_WARN, "stored templates could not be looked at", &err);
}

/* What happens without being asked. */
static const struct {
    const char *name;
    void *(*main)(void *engine);
} background_threads[] = {
    {"schedule", engine_schedule_main},   {"reconnect", engine_reconnect_main}, {"search", engine_search_main},
    {"retention", engine_retention_main}, {"errand", engine_errand_main},       {"quota", engine_quota_main},
};
_Static_assert(ARRAY_LEN(background_threads) == ENGINE_BACKGROUND_THREADS, "one thread for each row");

void
engine_start(struct engine *e)
{
    struct err err = {0};
    e->started = true;
    registry_on_missing(e->options.templates, look_for_templates, e);
    if (e->options.background && !catalogue_ensure(e, &err))
        log_err(LOG_WARN, "the list of templates could not be written", &err);
    look_for_templates(e);
    err = (struct err){0};
    if (!pool_start(e->pool, &err))
        log_err(LOG_ERROR, "the workers could not be started", &err);
    if (!e->options.background)
        return;
    for (size_t i = 0; i < ARRAY_LEN(background_threads); i++) {
        e->threads[i].started = pthread_create(&e->threads[i].thread, NULL, background_threads[i].main, e) == 0;
        if (!e->threads[i].started)
            log_write(LOG_ERROR, "a background thread could not be started", LOG_C("thread", background_threads[i].name));
    }
}

static void
stop_background(struct engine *e)
{
    pthread_mutex_lock(&e->lock);
    atomic_store(&e->stopping, true);
    pthread_cond_broadcast(&e->background);
    pthread_cond_broadcast(&e->changed);
    if (e->reconnect_fetch != NULL)
        fetch_stop(e->reconnect_fetch);
    if (e->errand_call != NULL)
        e->sender.cancel(e->errand_call);
    pthread_mutex_unlock(&e->lock);
    for (size_t i = 0; i < ARRAY_LEN(e->threads); i++) {
        if (e->threads[i].started)
            pthread_join(e->threads[i].thread, NULL);
        e->threads[i].started = false;
    }
}

/* The last one: what it fails to write is lost, and the next start begins with what an earlier second wrote. */
static void
flush_last_quotas(struct engine *e)
{
    struct err err = {0};
    if (e->quotas != NULL && !quota_book_flush(e->quotas, &err))
        log_err(LOG_WARN, "what platforms last told of their limits is lost: it is learnt anew from their next answers", &err);
}

/* What could not be written stays in memory and goes with the next second; a store that is away is told of once. */
void *
engine_quota_main(void *ctx)
{
    struct engine *e = ctx;
    bool failing = false;
    while (engine_sleep(e, QUOTA_FLUSH_MS)) {
        struct err err = {0};
        bool ok = quota_book_flush(e->quotas, &err);
        if (!ok && !failing)
            log_err(LOG_WARN, "what platforms told of their limits could not be stored and stays in memory until it can", &err);
        else if (ok && failing)
            log_write(LOG_INFO, "what platforms told of their limits is stored again");
        failing = !ok;
    }
    return NULL;
}

void
engine_stop(struct engine *e, int64_t deadline_ms)
{
    atomic_store(&e->stopping, true);
    /* Two thirds of the time for pages to finish by themselves; then what waits for a vendor is dropped. */
    if (e->started && !pool_stop(e->pool, deadline_ms * 2 / 3)) {
        lease_ask_all(e->keeper);
        if (!pool_stop(e->pool, deadline_ms - deadline_ms * 2 / 3))
            log_write(LOG_WARN, "a worker did not leave its page in time; its lease will lapse");
    }
    stop_background(e);
    flush_last_quotas(e);
}

void
engine_free(struct engine *e)
{
    if (e == NULL)
        return;
    stop_background(e);
    if (e->started)
        registry_on_missing(e->options.templates, NULL, NULL);
    if (e->keeper != NULL)
        lease_ask_all(e->keeper);
    unsigned workers = e->pool == NULL ? 0 : pool_workers(e->pool) + 1;
    pool_free(e->pool);
    workers_free(e, workers);
    lease_keeper_free(e->keeper);
    catalogue_free(e->catalogue);
    circuit_release(&e->circuit);
    quota_book_free(e->quotas);
    lists_free(e->lists);
    pthread_cond_destroy(&e->changed);
    pthread_cond_destroy(&e->background);
    pthread_mutex_destroy(&e->lock);
    free(e);
}

void
engine_set_errand_call(struct engine *e, void *call)
{
    pthread_mutex_lock(&e->lock);
    e->errand_call = call;
    if (call != NULL && atomic_load(&e->stopping))
        e->sender.cancel(call);
    pthread_mutex_unlock(&e->lock);
}

void
engine_changed(struct engine *e)
{
    pthread_mutex_lock(&e->lock);
    e->changes++;
    pthread_cond_broadcast(&e->changed);
    pthread_mutex_unlock(&e->lock);
}

bool
engine_sleep(struct engine *e, int64_t ms)
{
    struct timespec until = clock_deadline(ms * US_PER_MS);
    pthread_mutex_lock(&e->lock);
    while (!atomic_load(&e->stopping) && pthread_cond_timedwait(&e->background, &e->lock, &until) == 0)
        ;
    pthread_mutex_unlock(&e->lock);
    return !atomic_load(&e->stopping);
}

static bool
read_counts(struct db *db, void *ctx, struct err *err)
{
    return store_run_counts(db, 0, ctx, err);
}

void
engine_stats(const struct engine *e, struct engine_stats *stats_out)
{
    struct run_counts counts = {0};
    struct err err = {0};
    if (!store_read(e->options.store, read_counts, &counts, &err))
        counts = (struct run_counts){0};
    *stats_out = (struct engine_stats){
        .runs_active = pool_workers(e->pool) - pool_idle(e->pool),
        .runs_queued = counts.by_state[RUN_QUEUED],
        .pages_committed = e->pages,
        .records_received = e->records,
        .vendor_requests = e->numbers.requests,
        .vendor_errors = e->numbers.errors,
        .runs_succeeded = e->runs_succeeded,
        .runs_failed = e->runs_failed,
        .stopping = atomic_load(&e->stopping),
    };
}
