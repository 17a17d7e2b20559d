/*
 * Leases: how a worker keeps the run it has claimed.
 *
 * The keeper walks its list under the lock only to copy fences out; the writes happen without it, and the
 * answer is brought back by run id, as the lease may have ended meanwhile.
 */
#include "queue/lease.h"

#include "base/alloc.h"
#include "base/check.h"
#include "base/log.h"

#define LEASES_MAX 256 /* more workers than any machine of ours has */

struct lease_keeper {
    struct store *store;
    const struct clock *clock;
    int64_t lease_ms, heartbeat_ms;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct lease *leases;   /* under lock */
    bool stopping;          /* under lock */
    pthread_t thread;
};

struct renewal {
    struct page_fence fence;
    int64_t lease_ms;
};

static bool
renew(struct db *db, void *ctx, struct err *err)
{
    struct renewal *r = ctx;
    return store_run_renew(db, &r->fence, store_now(db) + r->lease_ms * US_PER_MS, err);
}

/* Lock held. */
static void
lease_stop(struct lease *lease)
{
    if (lease->on_stop != NULL)
        lease->on_stop(lease->on_stop_ctx);
}

static size_t
leases_due(struct lease_keeper *k, struct renewal renewals[LEASES_MAX])
{
    int64_t now_us = clock_monotonic_us(k->clock);
    size_t count = 0;
    for (struct lease *l = k->leases; l != NULL && count < LEASES_MAX; l = l->next) {
        if (atomic_load(&l->lost))
            continue;
        if (now_us > atomic_load(&l->page_until_us)) {
            atomic_store(&l->lost, true);
            lease_stop(l);
            continue;
        }
        renewals[count++] = (struct renewal){l->fence, k->lease_ms};
    }
    return count;
}

static void
lease_answered(struct lease_keeper *k, const struct page_fence *fence, enum err_code code)
{
    pthread_mutex_lock(&k->lock);
    for (struct lease *l = k->leases; l != NULL; l = l->next) {
        if (l->fence.run != fence->run || l->fence.epoch != fence->epoch)
            continue;
        atomic_store(code == E_FENCED ? &l->lost : &l->asked, true);
        lease_stop(l);
    }
    pthread_mutex_unlock(&k->lock);
}

static void
heartbeat(struct lease_keeper *k, const struct renewal *renewals, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct err err = {0};
        struct renewal r = renewals[i];
        if (store_write(k->store, renew, &r, &err))
            continue;
        if (err.code == E_FENCED || err.code == E_CANCELLED)
            lease_answered(k, &r.fence, err.code);
        else
            log_err(LOG_WARN, "a lease could not be renewed", &err);
    }
}

static void
wait_heartbeat(struct lease_keeper *k)
{
    struct timespec until = clock_deadline(k->heartbeat_ms * US_PER_MS);
    while (!k->stopping && pthread_cond_timedwait(&k->wake, &k->lock, &until) == 0)
        ;
}

static void *
keeper_main(void *arg)
{
    struct lease_keeper *k = arg;
    struct renewal renewals[LEASES_MAX];
    pthread_mutex_lock(&k->lock);
    while (!k->stopping) {
        wait_heartbeat(k);
        if (k->stopping)
            break;
        size_t count = leases_due(k, renewals);
        pthread_mutex_unlock(&k->lock);
        heartbeat(k, renewals, count);
        pthread_mutex_lock(&k->lock);
    }
    pthread_mutex_unlock(&k->lock);
    return NULL;
}

struct lease_keeper *
lease_keeper_new(const struct lease_keeper_options *options, struct err *err)
{
    struct lease_keeper *k = alloc_zeroed(1, sizeof(*k));
    if (k == NULL) {
        err_no_memory(err);
        return NULL;
    }
    k->store = options->store;
    k->clock = options->clock;
    k->lease_ms = options->lease_ms > 0 ? options->lease_ms : LEASE_DEFAULT_MS;
    k->heartbeat_ms = options->heartbeat_ms > 0 ? options->heartbeat_ms : LEASE_HEARTBEAT_DEFAULT_MS;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&k->wake, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&k->lock, NULL);
    if (pthread_create(&k->thread, NULL, keeper_main, k) != 0) {
        free(k);
        err_set(err, E_INTERNAL, "The heartbeat thread could not be started");
        return NULL;
    }
    return k;
}

void
lease_keeper_free(struct lease_keeper *k)
{
    if (k == NULL)
        return;
    pthread_mutex_lock(&k->lock);
    CHECK(k->leases == NULL);
    k->stopping = true;
    pthread_cond_broadcast(&k->wake);
    pthread_mutex_unlock(&k->lock);
    pthread_join(k->thread, NULL);
    pthread_cond_destroy(&k->wake);
    pthread_mutex_destroy(&k->lock);
    free(k);
}

void
lease_begin(struct lease_keeper *k, struct lease *lease, const struct page_fence *fence, int64_t page_ms)
{
    *lease = (struct lease){.fence = *fence};
    lease_page_begin(k, lease, page_ms);
    pthread_mutex_lock(&k->lock);
    lease->next = k->leases;
    k->leases = lease;
    pthread_mutex_unlock(&k->lock);
}

void
lease_end(struct lease_keeper *k, struct lease *lease)
{
    pthread_mutex_lock(&k->lock);
    struct lease **place = &k->leases;
    while (*place != NULL && *place != lease)
        place = &(*place)->next;
    CHECK(*place == lease);
    *place = lease->next;
    lease->next = NULL;
    pthread_mutex_unlock(&k->lock);
}

void
lease_page_begin(struct lease_keeper *k, struct lease *lease, int64_t page_ms)
{
    atomic_store(&lease->page_until_us, clock_monotonic_us(k->clock) + page_ms * US_PER_MS);
}

void
lease_on_stop(struct lease_keeper *k, struct lease *lease, lease_stop_fn *fn, void *ctx)
{
    pthread_mutex_lock(&k->lock);
    lease->on_stop = fn;
    lease->on_stop_ctx = ctx;
    if (lease_is_stopped(lease))
        lease_stop(lease);
    pthread_mutex_unlock(&k->lock);
}

void
lease_ask(struct lease_keeper *k, int64_t run)
{
    pthread_mutex_lock(&k->lock);
    for (struct lease *l = k->leases; l != NULL; l = l->next) {
        if (run != 0 && l->fence.run != run)
            continue;
        atomic_store(&l->asked, true);
        lease_stop(l);
    }
    pthread_mutex_unlock(&k->lock);
}

void
lease_ask_all(struct lease_keeper *k)
{
    lease_ask(k, 0);
}

bool
lease_is_stopped(const struct lease *lease)
{
    return atomic_load(&lease->lost) || atomic_load(&lease->asked);
}

int64_t
lease_until_us(const struct lease_keeper *k, int64_t now_us)
{
    return now_us + k->lease_ms * US_PER_MS;
}
