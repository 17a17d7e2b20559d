/*
 * SQLite's writer: one thread, which takes closures from three queues and groups those that wait into one
 * commit (store_writer_group.c), so that many small writes share one sync of the disk.
 *
 * What makes it hard is when to wake and when to wait. Short closures go before pages, but not for ever; lazy ones,
 * for which nobody waits, go along with the next commit or alone when their time has come, and being woken for one
 * would cost as much as the row; and who stops the store or lets it settle must see all of them done.
 */
#include "store/store_writer_priv.h"

#include <errno.h>

#include "base/alloc.h"
#include "base/check.h"

#define GROUP_SHORT_MAX 128          /* short ones before a page that waits has its turn */
#define LAZY_US (20 * US_PER_MS)      /* so long a lazy one waits for company */

void
writer_queue_add(struct queue *q, struct entry *e)
{
    e->next = NULL;
    if (q->last)
        q->last->next = e;
    else
        q->first = e;
    q->last = e;
    q->count++;
}

void
writer_queue_add_front(struct queue *q, struct entry *e)
{
    e->next = q->first;
    q->first = e;
    if (!q->last)
        q->last = e;
    q->count++;
}

struct entry *
writer_queue_take(struct queue *q)
{
    struct entry *e = q->first;
    if (!e)
        return NULL;
    q->first = e->next;
    if (!q->first)
        q->last = NULL;
    q->count--;
    return e;
}

struct entry *
writer_next(struct writer *w, unsigned shorts)
{
    pthread_mutex_lock(&w->lock);
    struct queue *q = &w->lanes[STORE_SHORT];
    if (q->count == 0 || (shorts >= GROUP_SHORT_MAX && w->lanes[STORE_PAGE].count > 0))
        q = &w->lanes[STORE_PAGE];
    if (q->count == 0)
        q = &w->lanes[STORE_LAZY];
    struct entry *e = writer_queue_take(q);
    w->taken += e != NULL;
    pthread_mutex_unlock(&w->lock);
    return e;
}

/* ---- all under w->lock ---- */

static int64_t
waiting(const struct writer *w)
{
    int64_t count = 0;
    for (unsigned i = 0; i < LANES; i++)
        count += w->lanes[i].count;
    return count;
}

static bool
is_due(const struct writer *w)
{
    int64_t count = waiting(w), lazy = w->lanes[STORE_LAZY].count;
    if (count == 0 || count > lazy || w->stopping || w->settling > 0)
        return count > 0;
    return clock_monotonic_us(w->clock) >= w->lazy_due_us;
}

/* False: the time has come. */
static bool
wait_for(struct writer *w, int64_t us)
{
    struct timespec until = clock_deadline(us);
    return pthread_cond_timedwait(&w->wake, &w->lock, &until) != ETIMEDOUT;
}

/* Nothing waits. Behind a request comes the row that says that it was: being woken for it would cost as much as the row. */
static void
doze(struct writer *w)
{
    w->dozing = true;
    w->rested = !wait_for(w, LAZY_US);
    w->dozing = false;
}

static void
wait_due(struct writer *w)
{
    if (waiting(w) > 0) {
        int64_t left_us = w->lazy_due_us - clock_monotonic_us(w->clock);
        (void)wait_for(w, left_us > 0 ? left_us : 0);
        return;
    }
    pthread_cond_broadcast(&w->settled);
    if (w->rested)
        pthread_cond_wait(&w->wake, &w->lock);
    else
        doze(w);
}

static void *
writer_main(void *arg)
{
    struct writer *w = arg;
    for (;;) {
        pthread_mutex_lock(&w->lock);
        w->working = false;
        w->taken = 0;
        w->rested = false;
        while (!is_due(w) && !w->stopping)
            wait_due(w);
        w->working = waiting(w) > 0;
        bool idle = !w->working;
        pthread_mutex_unlock(&w->lock);
        if (idle)
            return NULL;
        struct entry *e = writer_next(w, 0);
        if (e)
            writer_run_group(w, e);
    }
}

/* ---- for everybody ---- */

static void
submit(struct writer *w, struct entry *e)
{
    pthread_mutex_lock(&w->lock);
    writer_queue_add(&w->lanes[e->lane], e);
    bool first_lazy = e->lane == STORE_LAZY && w->lanes[STORE_LAZY].count == 1;
    if (first_lazy)
        w->lazy_due_us = clock_monotonic_us(w->clock) + LAZY_US;
    if ((first_lazy && !w->dozing) || e->lane != STORE_LAZY)
        pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

void
writer_submit(struct writer *w, enum store_lane lane, store_fn *fn, void *ctx, store_done_fn *done)
{
    struct entry *e = alloc_zeroed(1, sizeof(*e));
    if (!e) {
        struct err err;
        err_no_memory(&err);
        done(ctx, false, &err);
        return;
    }
    *e = (struct entry){.fn = fn, .ctx = ctx, .done = done, .lane = lane, .on_heap = true};
    submit(w, e);
}

/* A thread that waits: its entry lives on its stack. fn and done share one ctx, so both go through this. */
struct waiter {
    store_fn *fn;
    void *ctx;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool finished, ok;
    struct err *err;
};

static bool
waiter_run(struct db *db, void *ctx, struct err *err)
{
    struct waiter *waiter = ctx;
    if (waiter->fn(db, waiter->ctx, waiter->err)) /* its own err, so that items find their room */
        return true;
    err_copy(err, waiter->err);
    return false;
}

static void
waiter_done(void *ctx, bool ok, const struct err *err)
{
    struct waiter *waiter = ctx;
    pthread_mutex_lock(&waiter->lock);
    if (!ok)
        err_copy(waiter->err, err);
    waiter->ok = ok;
    waiter->finished = true;
    pthread_cond_signal(&waiter->wake);
    pthread_mutex_unlock(&waiter->lock);
}

bool
writer_run(struct writer *w, store_fn *fn, void *ctx, struct err *err)
{
    CHECK(!pthread_equal(pthread_self(), w->thread)); /* a closure that writes through the store would wait for itself */
    struct waiter waiter = {.fn = fn, .ctx = ctx, .err = err};
    pthread_mutex_init(&waiter.lock, NULL);
    pthread_cond_init(&waiter.wake, NULL);
    struct entry e = {.fn = waiter_run, .ctx = &waiter, .done = waiter_done, .lane = STORE_SHORT};
    submit(w, &e);
    pthread_mutex_lock(&waiter.lock);
    while (!waiter.finished)
        pthread_cond_wait(&waiter.wake, &waiter.lock);
    pthread_mutex_unlock(&waiter.lock);
    pthread_cond_destroy(&waiter.wake);
    pthread_mutex_destroy(&waiter.lock);
    return waiter.ok;
}

void
writer_settle(struct writer *w)
{
    pthread_mutex_lock(&w->lock);
    w->settling++;
    pthread_cond_signal(&w->wake);
    while (w->working || waiting(w) > 0)
        pthread_cond_wait(&w->settled, &w->lock);
    w->settling--;
    pthread_mutex_unlock(&w->lock);
}

void
writer_state(struct writer *w, struct writer_state *state_out)
{
    pthread_mutex_lock(&w->lock);
    *state_out = (struct writer_state){.queue_length = waiting(w) + w->taken, .disk_full = w->disk_full, .broken = w->broken,
                                       .pressed = clock_monotonic_us(w->clock) < w->pressed_until_us};
    pthread_mutex_unlock(&w->lock);
}

struct writer *
writer_new(const struct writer_options *options, struct db *first, struct err *err)
{
    struct writer *w = alloc_zeroed(1, sizeof(*w));
    if (!w) {
        err_no_memory(err);
        return NULL;
    }
    w->connect = options->connect;
    w->clock = options->clock;
    w->fatal = options->fatal;
    w->fatal_ctx = options->fatal_ctx;
    w->db = first;
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&w->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_cond_init(&w->settled, NULL);
    if (pthread_create(&w->thread, NULL, writer_main, w) == 0)
        return w;
    free(w);
    err_set(err, E_NO_MEMORY, "The writer's thread could not be started");
    return NULL;
}

void
writer_free(struct writer *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    db_close(w->db);
    pthread_cond_destroy(&w->wake);
    pthread_cond_destroy(&w->settled);
    pthread_mutex_destroy(&w->lock);
    free(w);
}
