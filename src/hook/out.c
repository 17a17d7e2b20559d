#include "hook/out_priv.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/log.h"

#define LOOK_MS 300
#define FAILED_MS 5000
#define FREE_MAX 16

struct take {
    struct out *out;
    struct arena *arena;
    struct subscription *rows;
    size_t count;
    struct subscription *s;
    bool taken;
};

static bool
find_free(struct db *db, void *ctx, struct err *err)
{
    struct take *t = ctx;
    return store_subscription_free(db, t->arena, store_now(db), FREE_MAX, &t->rows, &t->count, err);
}

/* Two threads of this node must not share one: the lease is this node's and this epoch's. */
static bool
take(struct db *db, void *ctx, struct err *err)
{
    struct take *t = ctx;
    int64_t now_us = store_now(db), epoch = t->s->epoch;
    bool ok = store_subscription_take(db, t->s, t->out->node, now_us + OUT_LEASE_US, now_us, &t->taken, err);
    if (!t->taken)
        t->s->epoch = epoch;
    return ok;
}

static void
wake_others(struct out *o, size_t count)
{
    pthread_mutex_lock(&o->lock);
    o->wanted = count > 1 ? (unsigned)(count - 1) : 0;
    if (o->wanted)
        pthread_cond_broadcast(&o->wake);
    pthread_mutex_unlock(&o->lock);
}

static bool
round_with(struct out *o, struct out_thread *thread, struct arena *a, bool *did_out, struct err *err)
{
    struct take t = {.out = o, .arena = a};
    *did_out = false;
    if (!store_read(o->options.store, find_free, &t, err))
        return false;
    if (thread && thread->number == 0)
        wake_others(o, t.count);
    for (size_t i = 0; i < t.count && !*did_out && !atomic_load(&o->stopping); i++) {
        t.s = &t.rows[i];
        if (!store_write(o->options.store, take, &t, err))
            return false;
        if (!t.taken)
            continue;
        *did_out = true;
        if (!out_work(o, thread, a, t.s, err))
            return false;
    }
    return true;
}

bool
out_round(struct out *o, bool *did_out, struct err *err)
{
    struct arena a;
    arena_init(&a, OUT_ARENA_BYTES);
    bool ok = round_with(o, NULL, &a, did_out, err);
    arena_release(&a);
    return ok;
}

/* ---- threads ---- */

/* The first thread looks now and then; the others wait until it has found work for them. */
static void
rest(struct out_thread *thread, int64_t ms)
{
    struct out *o = thread->out;
    struct timespec until = clock_deadline(ms * US_PER_MS);
    pthread_mutex_lock(&o->lock);
    while (!atomic_load(&o->stopping)) {
        if (thread->number > 0 && o->wanted > 0) {
            o->wanted--;
            break;
        }
        int rc = thread->number > 0 ? pthread_cond_wait(&o->wake, &o->lock) : pthread_cond_timedwait(&o->wake, &o->lock, &until);
        if (thread->number == 0 && rc != 0)
            break;
    }
    pthread_mutex_unlock(&o->lock);
}

static void *
out_main(void *arg)
{
    struct out_thread *thread = arg;
    struct out *o = thread->out;
    struct arena a;
    arena_init(&a, OUT_ARENA_BYTES);
    while (!atomic_load(&o->stopping)) {
        struct err err = {0};
        bool did = false;
        bool ok = round_with(o, thread, &a, &did, &err);
        if (!ok)
            log_err(LOG_WARN, "events could not be delivered", &err);
        arena_clear(&a);
        if (!ok || !did)
            rest(thread, ok ? LOOK_MS : FAILED_MS);
    }
    arena_release(&a);
    return NULL;
}

struct out *
out_new(const struct out_options *options, struct err *err)
{
    struct out *o = alloc_zeroed(1, sizeof(*o));
    if (!o) {
        err_no_memory(err);
        return NULL;
    }
    o->options = *options;
    o->node = store_node_id(options->store);
    o->thread_count = options->threads ? options->threads : OUT_THREADS;
    if (o->thread_count > OUT_THREADS_MAX)
        o->thread_count = OUT_THREADS_MAX;
    pthread_mutex_init(&o->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&o->wake, &attr);
    pthread_condattr_destroy(&attr);
    return o;
}

static bool
free_node(struct db *db, void *ctx, struct err *err)
{
    struct out *o = ctx;
    return store_subscription_free_node(db, o->node, err);
}

void
out_start(struct out *o)
{
    struct err err = {0};
    if (!store_write(o->options.store, free_node, o, &err))
        log_err(LOG_WARN, "leases of an earlier start lapse by themselves", &err);
    for (unsigned i = 0; i < o->thread_count; i++) {
        struct out_thread *thread = &o->threads[i];
        thread->out = o;
        thread->number = i;
        thread->started = pthread_create(&thread->thread, NULL, out_main, thread) == 0;
        if (!thread->started)
            log_write(LOG_ERROR, "a thread for outgoing webhooks could not be started");
    }
}

void
out_stop(struct out *o)
{
    if (!o)
        return;
    pthread_mutex_lock(&o->lock);
    atomic_store(&o->stopping, true);
    for (unsigned i = 0; i < o->thread_count; i++)
        if (o->threads[i].call)
            o->options.sender.cancel(o->threads[i].call);
    pthread_cond_broadcast(&o->wake);
    pthread_mutex_unlock(&o->lock);
    for (unsigned i = 0; i < o->thread_count; i++) {
        if (o->threads[i].started)
            pthread_join(o->threads[i].thread, NULL);
        o->threads[i].started = false;
    }
}

void
out_free(struct out *o)
{
    if (!o)
        return;
    out_stop(o);
    pthread_cond_destroy(&o->wake);
    pthread_mutex_destroy(&o->lock);
    free(o);
}
