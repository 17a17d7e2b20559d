/*
 * The workers: threads that claim runs and do them.
 */
#include "queue/pool.h"

#include <unistd.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/log.h"

#define POKE_AGAIN_MS 50           /* while the pool stops */
#define PAUSE_AFTER_ERROR_MS 1000  /* the store does not answer: claim again after that */

struct worker {
    struct pool *pool;
    unsigned number;
    pthread_t thread;
    bool started;
};

struct pool {
    struct pool_options options;
    struct worker *workers;     /* owned */
    pthread_mutex_t door;       /* held by the one idle worker that claims and sleeps */
    pthread_mutex_t lock;
    pthread_cond_t left;
    unsigned running;           /* threads that have not left; under lock */
    atomic_uint busy;
    atomic_bool stopping;
};

struct claim {
    struct pool *pool;
    struct arena *arena;
    int64_t tenant, run_id;     /* 0: the next one */
    struct run run;
    enum row row;
    int64_t due_us;             /* of the next one when nothing is ready; INT64_MAX: never */
    int64_t now_us;
};

static unsigned
workers_by_cores(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    long wanted = 2 * (cores > 0 ? cores : 1);
    if (wanted < POOL_WORKERS_MIN)
        return POOL_WORKERS_MIN;
    return wanted > POOL_WORKERS_MAX ? POOL_WORKERS_MAX : (unsigned)wanted;
}

struct pool *
pool_new(const struct pool_options *options, struct err *err)
{
    struct pool *p = alloc_zeroed(1, sizeof(*p));
    if (p == NULL) {
        err_no_memory(err);
        return NULL;
    }
    p->options = *options;
    if (p->options.workers == 0)
        p->options.workers = workers_by_cores();
    if (p->options.sweep_ms == 0)
        p->options.sweep_ms = POOL_SWEEP_DEFAULT_MS;
    if (p->options.lease_ms == 0)
        p->options.lease_ms = LEASE_DEFAULT_MS;
    p->workers = alloc_zeroed(p->options.workers, sizeof(*p->workers));
    if (p->workers == NULL) {
        free(p);
        err_no_memory(err);
        return NULL;
    }
    pthread_mutex_init(&p->door, NULL);
    pthread_mutex_init(&p->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&p->left, &attr);
    pthread_condattr_destroy(&attr);
    return p;
}

static bool
claim_run(struct db *db, void *ctx, struct err *err)
{
    struct claim *c = ctx;
    arena_clear(c->arena);
    c->now_us = store_now(db);
    c->due_us = INT64_MAX;
    struct run_claim ask = {store_node_id(c->pool->options.store), c->now_us,
                            c->now_us + c->pool->options.lease_ms * US_PER_MS};
    c->row = c->run_id != 0 ? store_run_claim_one(db, c->arena, c->tenant, c->run_id, &ask, &c->run, err)
                            : store_run_claim(db, c->arena, &ask, &c->run, err);
    if (c->row == ROW_NONE && store_run_next_due(db, &c->due_us, err) == ROW_FAILED)
        return false;
    return c->row != ROW_FAILED;
}

static void
do_run(struct pool *p, unsigned number, struct claim *c)
{
    struct page_fence fence = run_fence(&c->run);
    struct lease lease;
    atomic_fetch_add(&p->busy, 1);
    lease_begin(p->options.keeper, &lease, &fence, p->options.page_ms);
    p->options.run(p->options.ctx, number, &c->run, &lease, c->arena);
    lease_end(p->options.keeper, &lease);
    atomic_fetch_sub(&p->busy, 1);
}

/* How long to sleep when nothing was ready. */
static int64_t
idle_ms(const struct pool *p, const struct claim *c)
{
    if (c->due_us == INT64_MAX || c->due_us - c->now_us > p->options.sweep_ms * US_PER_MS)
        return p->options.sweep_ms;
    int64_t ms = (c->due_us - c->now_us) / US_PER_MS + 1;
    return ms > 0 ? ms : 1;
}

/* Stands at the door until there is a run. False: the pool stops. */
static bool
wait_for_run(struct pool *p, struct claim *c)
{
    bool found = false;
    pthread_mutex_lock(&p->door);
    while (!atomic_load(&p->stopping) && !found) {
        struct err err = {0};
        int64_t wait_ms = PAUSE_AFTER_ERROR_MS;
        if (store_write(p->options.store, claim_run, c, &err)) {
            found = c->row == ROW_FOUND;
            wait_ms = idle_ms(p, c);
        } else {
            log_err(LOG_WARN, "no run could be claimed", &err);
        }
        if (!found && !atomic_load(&p->stopping))
            store_wait_work(p->options.store, wait_ms);
    }
    pthread_mutex_unlock(&p->door);
    return found;
}

static void *
worker_main(void *arg)
{
    struct worker *w = arg;
    struct pool *p = w->pool;
    struct arena arena;
    arena_init(&arena, LIMIT_RUN_ARENA_BYTES);
    struct claim claim = {.pool = p, .arena = &arena};
    while (wait_for_run(p, &claim)) {
        do_run(p, w->number, &claim);
        arena_clear(&arena);
    }
    arena_release(&arena);
    pthread_mutex_lock(&p->lock);
    p->running--;
    pthread_cond_broadcast(&p->left);
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static bool
retake(struct db *db, void *ctx, struct err *err)
{
    struct pool *p = ctx;
    int64_t count = 0;
    return store_run_retake(db, store_node_id(p->options.store), store_now(db), &count, err);
}

bool
pool_start(struct pool *p, struct err *err)
{
    if (!store_write(p->options.store, retake, p, err))
        return false;
    for (unsigned i = 0; i < p->options.workers; i++) {
        struct worker *w = &p->workers[i];
        *w = (struct worker){.pool = p, .number = i};
        pthread_mutex_lock(&p->lock);
        w->started = pthread_create(&w->thread, NULL, worker_main, w) == 0;
        p->running += w->started;
        pthread_mutex_unlock(&p->lock);
        if (!w->started)
            return err_set(err, E_INTERNAL, "Worker %u could not be started", i);
    }
    return true;
}

/* Pokes again and again: a worker may have been on its way to sleep when the first poke came. */
static bool
wait_until_left(struct pool *p, int64_t deadline_ms)
{
    int64_t until_us = clock_monotonic_us(clock_system()) + deadline_ms * US_PER_MS;
    pthread_mutex_lock(&p->lock);
    while (p->running > 0 && clock_monotonic_us(clock_system()) < until_us) {
        struct timespec until = clock_deadline(POKE_AGAIN_MS * US_PER_MS);
        store_poke(p->options.store);
        pthread_cond_timedwait(&p->left, &p->lock, &until);
    }
    bool all = p->running == 0;
    pthread_mutex_unlock(&p->lock);
    return all;
}

bool
pool_stop(struct pool *p, int64_t deadline_ms)
{
    atomic_store(&p->stopping, true);
    return wait_until_left(p, deadline_ms);
}

void
pool_free(struct pool *p)
{
    if (p == NULL)
        return;
    while (!pool_stop(p, LEASE_DEFAULT_MS))
        log_write(LOG_WARN, "a worker does not leave its run");
    for (unsigned i = 0; i < p->options.workers; i++)
        if (p->workers[i].started)
            pthread_join(p->workers[i].thread, NULL);
    pthread_cond_destroy(&p->left);
    pthread_mutex_destroy(&p->lock);
    pthread_mutex_destroy(&p->door);
    free(p->workers);
    free(p);
}

unsigned
pool_idle(const struct pool *p)
{
    unsigned busy = atomic_load(&p->busy);
    return busy < p->options.workers ? p->options.workers - busy : 0;
}

unsigned
pool_workers(const struct pool *p)
{
    return p->options.workers;
}

bool
pool_run_one(struct pool *p, int64_t tenant, int64_t run, bool *ran_out, struct err *err)
{
    struct arena arena;
    arena_init(&arena, LIMIT_RUN_ARENA_BYTES);
    struct claim claim = {.pool = p, .arena = &arena, .tenant = tenant, .run_id = run};
    bool ok = store_write(p->options.store, claim_run, &claim, err);
    bool found = ok && claim.row == ROW_FOUND;
    if (found)
        do_run(p, p->options.workers, &claim);
    arena_release(&arena);
    if (ok)
        *ran_out = found;
    return ok;
}
