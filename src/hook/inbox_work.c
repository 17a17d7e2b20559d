/*
 * The inbox's threads: workers that take queues, and the heart that renews their leases.
 *
 * A queue is a connection's events; one worker of all nodes holds it at a time, so a record's events go in order. A worker
 * looks for a queue when it is woken, when something falls due, and every second, because another node's events wake nobody
 * here.
 */
#include "hook/inbox_priv.h"

#include <time.h>

#define LOOK_MS 1000
#define LOOK_QUEUES 16
#define RECOUNT_US (10 * US_PER_S)
#define AFTER_FAILURE_MS 500
#define LEASE_TO_HEARTBEAT 6
#define LOOK_ARENA_BYTES (1024 * 1024)

struct look {
    struct inbox *in;
    struct arena *arena;
    struct inbox_queue *rows;
    size_t count;
    int64_t now_us, next_us;
    struct inbox_queue *queue;     /* being claimed or given back */
    bool claimed, emptied;
    bool counts;                   /* this worker recounts what waits */
    int64_t counted_us;
};

/* What other nodes took and did is in it. Seldom, by one worker, and only while little waits: it walks all that waits. */
static bool
recount(struct look *l, struct db *db, struct err *err)
{
    int64_t pending = 0;
    if (!l->counts || l->now_us - l->counted_us < RECOUNT_US)
        return true;
    l->counted_us = l->now_us;
    if (!store_inbox_pending(db, &pending, err))
        return false;
    atomic_store(&l->in->pending, pending);
    return true;
}

static bool
read_ready(struct db *db, void *ctx, struct err *err)
{
    struct look *l = ctx;
    arena_clear(l->arena);
    l->now_us = store_now(db);
    inbox_clock(l->in, db);
    l->next_us = INT64_MAX;
    if (!store_inbox_ready(db, l->arena, l->now_us, LOOK_QUEUES, &l->rows, &l->count, err))
        return false;
    if (l->count > 0)
        return true;
    return store_inbox_next_due(db, l->now_us, &l->next_us, err) && recount(l, db, err);
}

static bool
claim(struct db *db, void *ctx, struct err *err)
{
    struct look *l = ctx;
    int64_t now_us = store_now(db);
    enum row row = store_inbox_claim(db, l->queue, l->in->node, now_us, now_us + l->in->options.lease_ms * US_PER_MS, err);
    l->claimed = row == ROW_FOUND;
    return row != ROW_FAILED;
}

static bool
release(struct db *db, void *ctx, struct err *err)
{
    struct look *l = ctx;
    return store_inbox_release(db, l->queue, l->emptied, err);
}

static void
hold(struct inbox_worker *w, const struct inbox_queue *queue, bool holds)
{
    pthread_mutex_lock(&w->inbox->lock);
    w->queue = *queue;
    w->holds = holds;
    pthread_mutex_unlock(&w->inbox->lock);
}

/* One queue, from claim to release. */
static bool
work_on(struct inbox_worker *w, struct look *l, struct inbox_queue *queue)
{
    struct err err = {0};
    l->queue = queue;
    if (!store_write(w->inbox->options.store, claim, l, &err)) {
        log_err(LOG_WARN, "a queue of webhook events could not be taken", &err);
        return false;
    }
    if (!l->claimed)
        return true;
    hold(w, queue, true);
    enum drained drained = inbox_drain(w, queue);
    hold(w, queue, false);
    l->emptied = drained == DRAIN_EMPTY;
    if (!store_write(w->inbox->options.store, release, l, &err))
        log_err(LOG_WARN, "a queue of webhook events could not be given back; its lease will lapse", &err);
    return drained == DRAIN_EMPTY;
}

/* How long to wait before the next look. */
static int64_t
look_once(struct inbox_worker *w, struct look *l)
{
    struct err err = {0};
    if (!store_read(w->inbox->options.store, read_ready, l, &err)) {
        log_err(LOG_WARN, "the inbox could not be read", &err);
        return AFTER_FAILURE_MS;
    }
    /* Workers begin at different places, so that they do not all want the same one. */
    for (size_t i = 0; i < l->count && !inbox_is_stopping(w->inbox); i++) {
        struct inbox_queue queue = l->rows[(i + (size_t)(w - w->inbox->workers)) % l->count];
        if (!work_on(w, l, &queue))
            return AFTER_FAILURE_MS;
    }
    if (l->count > 0)
        return 0;
    int64_t ms = l->next_us == INT64_MAX ? LOOK_MS : (l->next_us - l->now_us) / US_PER_MS + 1;
    return ms < LOOK_MS ? ms : LOOK_MS;
}

void *
inbox_worker_main(void *arg)
{
    struct inbox_worker *w = arg;
    struct arena arena;
    arena_init(&arena, LOOK_ARENA_BYTES);
    struct look l = {.in = w->inbox, .arena = &arena, .counts = w == w->inbox->workers};
    uint64_t seen = 0;
    int64_t wait_ms = 0;
    while (inbox_wait(w->inbox, &seen, wait_ms))
        wait_ms = look_once(w, &l);
    arena_release(&arena);
    return NULL;
}

/* ---- the heart ---- */

static bool
renew(struct db *db, void *ctx, struct err *err)
{
    struct look *l = ctx;
    return store_inbox_fence(db, l->queue, store_now(db) + l->in->options.lease_ms * US_PER_MS, err);
}

static void
beat(struct inbox *in)
{
    for (unsigned i = 0; i < INBOX_WORKERS_MAX; i++) {
        pthread_mutex_lock(&in->lock);
        struct inbox_queue queue = in->workers[i].queue;
        bool holds = in->workers[i].holds;
        pthread_mutex_unlock(&in->lock);
        struct look l = {.in = in, .queue = &queue};
        struct err err = {0};
        if (holds && !store_write(in->options.store, renew, &l, &err) && err.code != E_FENCED)
            log_err(LOG_WARN, "the lease of a queue of webhook events could not be renewed", &err);
    }
}

void *
inbox_heart_main(void *arg)
{
    struct inbox *in = arg;
    int64_t every_ms = in->options.lease_ms / LEASE_TO_HEARTBEAT;
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    for (;;) {
        until.tv_sec += every_ms / 1000;
        until.tv_nsec += every_ms % 1000 * 1000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_mutex_lock(&in->lock);
        while (!in->stopping && pthread_cond_timedwait(&in->stop, &in->lock, &until) == 0)
            ;
        bool stopping = in->stopping;
        pthread_mutex_unlock(&in->lock);
        if (stopping)
            return NULL;
        beat(in);
    }
}
