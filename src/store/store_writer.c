/*
 * SQLite's writer: one thread, which takes closures from three queues and groups those that wait into one
 * commit, so that many small writes share one sync of the disk.
 *
 * Short closures share the transaction as they are: a savepoint for each costs more than most of them do,
 * because whatever page they touch is copied for it. When one fails, all are undone, put back in front and run
 * again, which their rules allow (store.h), this time each in a savepoint of its own, so that the failing one
 * undoes itself alone; and so it stays for some groups, because failures come in company. A page of records, and
 * what follows it, always has a savepoint. What makes it hard is a failure that takes the whole transaction with
 * it (disk full, a failed savepoint): then the closures that had run are put back in front, too, and only the
 * one that failed gets the error. A commit that fails for a known reason is repeated closure by
 * closure, so that a small one is not lost with a large one. One whose outcome is unknown tells all
 * E_STORE_UNCERTAIN and opens the file anew; the second time in a row the process must end, because a
 * disk that fails twice is no place to write to (F4).
 *
 * Nobody learns a result before the commit has returned.
 */
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/log.h"
#include "store/store_impl.h"

#define GROUP_CLOSURES_MAX 512       /* in one commit */
#define GROUP_SHORT_MAX 128          /* short ones before a page that waits has its turn */
#define GROUP_US_MAX (10 * US_PER_MS) /* of running closures: the first one waits for the last */
#define CAREFUL_GROUPS 64            /* with savepoints, after a closure failed in a group without */
#define LAZY_US (20 * US_PER_MS)      /* so long a lazy one waits for company */
#define REOPEN_PAUSE_US 200000       /* between tries to open the file again */
#define REOPEN_TRIES 25
#define PRESSED_SHORT 4              /* so many short ones that waited for one commit are a crowd */
#define PRESSED_US (20 * US_PER_MS)  /* which is not over when one commit has fewer */
#define IO_FAILURES_MAX 2            /* in a row: then the process ends */

#define LANES (STORE_LAZY + 1)

struct entry {
    struct entry *next;
    store_fn *fn;
    void *ctx;
    store_done_fn *done;
    enum store_lane lane;
    bool on_heap;
};

struct queue {
    struct entry *first, *last;
    int64_t count;
};

struct writer {
    struct store_connect connect;
    const struct clock *clock;
    struct db *db;                   /* writer thread only; NULL while it cannot be opened */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake, settled;
    struct queue lanes[LANES];       /* under lock */
    int64_t lazy_due_us;             /* under lock: when lazy ones are taken alone */
    unsigned settling;               /* under lock: so many wait until nothing waits */
    bool stopping, working;          /* under lock */
    bool dozing;                     /* under lock: looks by itself within LAZY_US, so a lazy one need not wake it */
    int64_t taken;                   /* under lock: of those that wait, the ones in the group at work */
    bool disk_full, broken;          /* under lock */
    int64_t pressed_until_us;        /* under lock */
    /* Writer thread only. */
    bool rested;                     /* it has dozed for nothing since it worked last */
    struct queue group;
    unsigned solo;                   /* so many groups of one follow */
    unsigned careful;                /* so many groups with savepoints follow */
    bool savepoints;                 /* in this group, from here on */
    unsigned io_failures;
    void (*fatal)(void *ctx);
    void *fatal_ctx;
};

static void
queue_add(struct queue *q, struct entry *e)
{
    e->next = NULL;
    if (q->last)
        q->last->next = e;
    else
        q->first = e;
    q->last = e;
    q->count++;
}

static void
queue_add_front(struct queue *q, struct entry *e)
{
    e->next = q->first;
    q->first = e;
    if (!q->last)
        q->last = e;
    q->count++;
}

static struct entry *
queue_take(struct queue *q)
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

static void
finish(struct entry *e, bool ok, const struct err *err)
{
    void *heap = e->on_heap ? e : NULL; /* an entry of a waiting thread is gone when done returns */
    e->done(e->ctx, ok, err);
    free(heap);
}

static void
finish_group(struct writer *w, bool ok, const struct err *err)
{
    struct entry *e;
    while ((e = queue_take(&w->group)))
        finish(e, ok, err);
}

/* Short ones first, but a page is not kept waiting for ever. */
static struct entry *
next_entry(struct writer *w, unsigned shorts)
{
    pthread_mutex_lock(&w->lock);
    struct queue *q = &w->lanes[STORE_SHORT];
    if (q->count == 0 || (shorts >= GROUP_SHORT_MAX && w->lanes[STORE_PAGE].count > 0))
        q = &w->lanes[STORE_PAGE];
    if (q->count == 0)
        q = &w->lanes[STORE_LAZY];
    struct entry *e = queue_take(q);
    w->taken += e != NULL;
    pthread_mutex_unlock(&w->lock);
    return e;
}

/* The group runs again: its closures go back in front, in their order. */
static void
put_back(struct writer *w)
{
    struct queue reversed = {0};
    struct entry *e;
    while ((e = queue_take(&w->group)))
        queue_add_front(&reversed, e);
    pthread_mutex_lock(&w->lock);
    while ((e = queue_take(&reversed)))
        queue_add_front(&w->lanes[e->lane], e);
    pthread_mutex_unlock(&w->lock);
}

static void
note_full(struct writer *w, bool full)
{
    pthread_mutex_lock(&w->lock);
    bool changed = w->disk_full != full;
    w->disk_full = full;
    pthread_mutex_unlock(&w->lock);
    if (changed)
        log_write(full ? LOG_ERROR : LOG_INFO, full ? "the disk is full: nothing can be written" : "the disk has room again");
}

/* ---- the connection ---- */

static void
note_lost(struct writer *w)
{
    db_close(w->db);
    w->db = NULL;
    if (++w->io_failures < IO_FAILURES_MAX)
        return;
    log_write(LOG_ERROR, "the database file failed again: the process ends, look at the disk");
    pthread_mutex_lock(&w->lock);
    w->broken = true;
    pthread_mutex_unlock(&w->lock);
    if (!w->fatal)
        _exit(EXIT_FAILURE);
    w->fatal(w->fatal_ctx);
}

static bool
have_connection(struct writer *w, struct err *err)
{
    for (unsigned i = 0; !w->db && i < REOPEN_TRIES; i++) {
        if (i)
            usleep(REOPEN_PAUSE_US);
        w->db = w->connect.connect(w->connect.ctx, true, err);
    }
    return w->db != NULL;
}

/* ---- one group ---- */

enum outcome {
    KEPT,        /* in the transaction */
    UNDONE,      /* failed alone; the transaction goes on */
    ALL_UNDONE,  /* failed, and the transaction with it */
    UNKNOWN,     /* failed without a savepoint, after others: all of them again */
};

/* The first closure needs no savepoint: undoing it is undoing all. */
static enum outcome
run_closure(struct writer *w, struct entry *e, bool first, struct err *err)
{
    bool savepoint = !first && w->savepoints;
    db_closure_begins(w->db);
    if (savepoint && !db_savepoint(w->db, err))
        return ALL_UNDONE;
    if (e->fn(w->db, e->ctx, err))
        return !savepoint || db_savepoint_keep(w->db, err) ? KEPT : ALL_UNDONE;
    struct err undo;
    if (first || w->db->lost || err->code == E_STORE_FULL)
        return ALL_UNDONE;
    if (!savepoint)
        return UNKNOWN;
    return db_savepoint_undo(w->db, &undo) ? UNDONE : ALL_UNDONE;
}

static void
drop_transaction(struct writer *w)
{
    db_rollback(w->db);
    if (w->db->lost)
        note_lost(w);
}

static void
note_crowd(struct writer *w, unsigned shorts)
{
    if (shorts < PRESSED_SHORT)
        return;
    pthread_mutex_lock(&w->lock);
    w->pressed_until_us = clock_monotonic_us(clock_system()) + PRESSED_US;
    pthread_mutex_unlock(&w->lock);
}

/* Whoever waits hears of it before the log is copied: the copying costs them nothing but a core. */
static void
commit_group(struct writer *w)
{
    struct err err = {0};
    if (db_commit(w->db, &err)) {
        w->io_failures = 0;
        note_full(w, false);
        finish_group(w, true, NULL);
        db_tidy(w->db);
        return;
    }
    if (err.code == E_STORE_FULL)
        note_full(w, true);
    if (w->db->lost)
        note_lost(w);
    if (err.code != E_STORE_UNCERTAIN && w->group.count > 1) {
        w->solo = (unsigned)w->group.count;
        put_back(w);
        return;
    }
    finish_group(w, false, &err);
}

/* Returns true when the transaction goes on. */
static bool
add_to_group(struct writer *w, struct entry *e)
{
    struct err err = {0};
    w->savepoints = w->savepoints || e->lane == STORE_PAGE;
    switch (run_closure(w, e, w->group.count == 0, &err)) {
    case KEPT:
        queue_add(&w->group, e);
        return true;
    case UNDONE:
        finish(e, false, &err);
        return true;
    case UNKNOWN:
        w->careful = CAREFUL_GROUPS;
        queue_add(&w->group, e);
        drop_transaction(w);
        put_back(w);
        return false;
    case ALL_UNDONE:
        break;
    }
    if (err.code == E_STORE_FULL)
        note_full(w, true);
    drop_transaction(w);
    put_back(w);
    finish(e, false, &err);
    return false;
}

static void
run_group(struct writer *w, struct entry *e)
{
    struct err err = {0};
    if (!have_connection(w, &err) || !db_begin_write(w->db, &err)) {
        if (w->db && w->db->lost)
            note_lost(w);
        finish(e, false, &err);
        return;
    }
    unsigned closures_max = w->solo ? 1 : GROUP_CLOSURES_MAX, shorts = 0;
    w->solo -= w->solo > 0;
    w->savepoints = w->careful > 0;
    w->careful -= w->careful > 0;
    int64_t until_us = clock_monotonic_us(w->clock) + GROUP_US_MAX;
    for (unsigned n = 1; e; n++) {
        shorts += e->lane == STORE_SHORT;
        if (!add_to_group(w, e))
            return;
        bool full = n >= closures_max || clock_monotonic_us(w->clock) >= until_us;
        e = full ? NULL : next_entry(w, shorts);
    }
    note_crowd(w, shorts);
    if (w->group.count > 0)
        commit_group(w);
    else
        drop_transaction(w);
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
    return clock_monotonic_us(clock_system()) >= w->lazy_due_us;
}

/* False: the time has come. */
static bool
wait_until(struct writer *w, int64_t until_us)
{
    struct timespec until = {until_us / US_PER_S, until_us % US_PER_S * 1000};
    return pthread_cond_timedwait(&w->wake, &w->lock, &until) != ETIMEDOUT;
}

/* Nothing waits. Behind a request comes the row that says that it was: being woken for it would cost as much as the row. */
static void
doze(struct writer *w)
{
    w->dozing = true;
    w->rested = !wait_until(w, clock_monotonic_us(clock_system()) + LAZY_US);
    w->dozing = false;
}

static void
wait_due(struct writer *w)
{
    if (waiting(w) > 0) {
        (void)wait_until(w, w->lazy_due_us);
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
        struct entry *e = next_entry(w, 0);
        if (e)
            run_group(w, e);
    }
}

/* ---- for everybody ---- */

static void
submit(struct writer *w, struct entry *e)
{
    pthread_mutex_lock(&w->lock);
    queue_add(&w->lanes[e->lane], e);
    bool first_lazy = e->lane == STORE_LAZY && w->lanes[STORE_LAZY].count == 1;
    if (first_lazy)
        w->lazy_due_us = clock_monotonic_us(clock_system()) + LAZY_US;
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
                                       .pressed = clock_monotonic_us(clock_system()) < w->pressed_until_us};
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
