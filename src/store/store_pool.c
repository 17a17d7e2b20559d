/*
 * Connections that are lent out: PostgreSQL's writers, and the readers of both databases.
 *
 * A closure that meets a deadlock, a serialization failure, or a connection that broke before COMMIT was
 * under way is run again as a whole, a few times, after a short random wait. One that broke during COMMIT
 * is not: nobody knows, and E_STORE_UNCERTAIN says so. When one connection is lost the idle ones are
 * closed too: the server was probably restarted, and each of them would fail once.
 */
#include <pthread.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/limits.h"
#include "base/rng.h"
#include "store/store_impl.h"

#define LENDER_SIZE_MAX 64
#define WRITE_TRIES 5                /* F10 */
#define AGAIN_BASE_MS 10
#define AGAIN_CAP_MS 500
#define RECONNECT_BASE_MS 50
#define RECONNECT_CAP_MS 1000

struct lender {
    struct store_connect connect;
    bool write;
    pthread_mutex_t lock;
    pthread_cond_t given;
    unsigned size_max;
    struct db *idle[LENDER_SIZE_MAX];     /* under lock; the latest given is taken first */
    unsigned idle_count;
    bool number_used[LENDER_SIZE_MAX];    /* under lock: of connections that exist or are being opened */
};

struct lender *
lender_new(struct store_connect connect, bool write, unsigned size_max, struct err *err)
{
    struct lender *p = alloc_zeroed(1, sizeof(*p));
    if (!p) {
        err_no_memory(err);
        return NULL;
    }
    p->connect = connect;
    p->write = write;
    p->size_max = size_max < LENDER_SIZE_MAX ? size_max : LENDER_SIZE_MAX;
    pthread_mutex_init(&p->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&p->given, &attributes);
    pthread_condattr_destroy(&attributes);
    return p;
}

/* Under lock. Forgets the connection's number; the caller closes it. */
static void
forget(struct lender *p, struct db *db)
{
    CHECK(db->number < LENDER_SIZE_MAX && p->number_used[db->number]);
    p->number_used[db->number] = false;
}

void
lender_free(struct lender *p)
{
    if (!p)
        return;
    for (unsigned i = 0; i < p->idle_count; i++) {
        forget(p, p->idle[i]);
        db_close(p->idle[i]);
    }
    for (unsigned i = 0; i < LENDER_SIZE_MAX; i++)
        CHECK(!p->number_used[i]);
    pthread_cond_destroy(&p->given);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

static bool
is_past(const struct timespec *deadline)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec > deadline->tv_sec || (now.tv_sec == deadline->tv_sec && now.tv_nsec >= deadline->tv_nsec);
}

/* Under lock. A number for a new connection, or -1. */
static int
free_number(struct lender *p)
{
    for (unsigned i = 0; i < p->size_max; i++) {
        if (p->number_used[i])
            continue;
        p->number_used[i] = true;
        return (int)i;
    }
    return -1;
}

/* Waits for an idle connection, or for the right to open one (db_out NULL, its number in number_out). */
static bool
take_place(struct lender *p, const struct timespec *deadline, struct db **db_out, int *number_out, struct err *err)
{
    bool ok = true;
    *db_out = NULL;
    *number_out = -1;
    pthread_mutex_lock(&p->lock);
    while (ok && p->idle_count == 0 && (*number_out = free_number(p)) < 0)
        ok = pthread_cond_timedwait(&p->given, &p->lock, deadline) == 0;
    if (ok && *number_out < 0)
        *db_out = p->idle[--p->idle_count];
    pthread_mutex_unlock(&p->lock);
    return ok || err_set(err, E_STORE_BUSY, NULL);
}

static void
give_up_place(struct lender *p, int number)
{
    pthread_mutex_lock(&p->lock);
    p->number_used[number] = false;
    pthread_cond_signal(&p->given);
    pthread_mutex_unlock(&p->lock);
}

static struct db *
open_one(struct lender *p, int number, const struct timespec *deadline, struct err *err)
{
    struct rng rng;
    rng_init_system(&rng);
    for (unsigned attempt = 1;; attempt++) {
        struct db *db = p->connect.connect(p->connect.ctx, p->write, err);
        if (db) {
            db->number = (unsigned)number;
            return db;
        }
        if (is_past(deadline) || err->code != E_STORE)
            break;
        usleep((useconds_t)backoff_ms(attempt, RECONNECT_BASE_MS, RECONNECT_CAP_MS, &rng) * 1000);
    }
    give_up_place(p, number);
    return NULL;
}

struct db *
lender_take(struct lender *p, struct err *err)
{
    struct timespec deadline = clock_deadline(LIMIT_STORE_WAIT_MS * US_PER_MS);
    struct db *db;
    int number;
    if (!take_place(p, &deadline, &db, &number, err))
        return NULL;
    return db ? db : open_one(p, number, &deadline, err);
}

static void
drop_with_idle(struct lender *p, struct db *db)
{
    struct db *lost[LENDER_SIZE_MAX + 1] = {db};
    unsigned count = 1;
    pthread_mutex_lock(&p->lock);
    while (p->idle_count > 0)
        lost[count++] = p->idle[--p->idle_count];
    for (unsigned i = 0; i < count; i++)
        forget(p, lost[i]);
    pthread_cond_broadcast(&p->given);
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < count; i++)
        db_close(lost[i]);
}

void
lender_give(struct lender *p, struct db *db)
{
    CHECK(!db->in_transaction);
    if (db->lost) {
        drop_with_idle(p, db);
        return;
    }
    pthread_mutex_lock(&p->lock);
    p->idle[p->idle_count++] = db;
    pthread_cond_signal(&p->given);
    pthread_mutex_unlock(&p->lock);
}

/* Returns false with again_out when the whole closure may be repeated. */
static bool
write_once(struct lender *p, store_fn *fn, void *ctx, bool *again_out, struct err *err)
{
    struct db *db = lender_take(p, err);
    *again_out = false;
    if (!db)
        return false;
    bool ok = db_begin_write(db, err) && fn(db, ctx, err);
    ok = ok && db_commit(db, err);
    *again_out = !ok && db->try_again && err->code != E_STORE_UNCERTAIN;
    db_rollback(db);
    lender_give(p, db);
    return ok;
}

bool
lender_write(struct lender *p, store_fn *fn, void *ctx, struct err *err)
{
    struct rng rng;
    rng_init_system(&rng);
    for (unsigned attempt = 1;; attempt++) {
        bool again;
        if (write_once(p, fn, ctx, &again, err))
            return true;
        if (!again || attempt == WRITE_TRIES)
            return false;
        usleep((useconds_t)backoff_ms(attempt, AGAIN_BASE_MS, AGAIN_CAP_MS, &rng) * 1000);
    }
}

static bool
read_once(struct lender *p, struct db *db, store_fn *fn, void *ctx, bool *again_out, struct err *err)
{
    bool ok = db_begin_read(db, err) && fn(db, ctx, err);
    *again_out = !ok && db->try_again;
    db_rollback(db);
    lender_give(p, db);
    return ok;
}

bool
lender_read(struct lender *p, store_fn *fn, void *ctx, struct err *err)
{
    for (unsigned attempt = 1;; attempt++) {
        bool again;
        struct db *db = lender_take(p, err);
        if (!db)
            return false;
        bool ok = read_once(p, db, fn, ctx, &again, err);
        if (ok || !again || attempt == WRITE_TRIES)
            return ok;
    }
}

bool
lender_read_idle(struct lender *p, store_fn *fn, void *ctx, bool *idle_out, struct err *err)
{
    bool again;
    pthread_mutex_lock(&p->lock);
    struct db *db = p->idle_count ? p->idle[--p->idle_count] : NULL;
    pthread_mutex_unlock(&p->lock);
    *idle_out = db != NULL;
    return db && read_once(p, db, fn, ctx, &again, err);
}

/* ---- writes that nobody waits for ---- */

struct task {
    struct task *next;
    store_fn *fn;
    void *ctx;
    store_done_fn *done;
};

struct task_queue {
    struct task *first, **last;
};

struct runner {
    struct lender *writers;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_cond_t settled;
    struct task_queue lanes[2];       /* under lock; lazy ones are short */
    int64_t count, running;           /* under lock */
    bool stopping;                    /* under lock */
    pthread_t threads[RUNNER_THREADS_MAX];
    unsigned thread_count;
};

static struct task *
next_task(struct runner *r)
{
    struct task *t = NULL;
    pthread_mutex_lock(&r->lock);
    while (r->count == 0 && !r->stopping)
        pthread_cond_wait(&r->wake, &r->lock);
    if (r->count > 0) {
        struct task_queue *q = &r->lanes[r->lanes[STORE_SHORT].first ? STORE_SHORT : STORE_PAGE];
        t = q->first;
        q->first = t->next;
        if (!q->first)
            q->last = &q->first;
        r->count--;
        r->running++;
    }
    pthread_mutex_unlock(&r->lock);
    return t;
}

static void
note_task_done(struct runner *r)
{
    pthread_mutex_lock(&r->lock);
    if (--r->running == 0 && r->count == 0)
        pthread_cond_broadcast(&r->settled);
    pthread_mutex_unlock(&r->lock);
}

static void *
runner_main(void *arg)
{
    struct runner *r = arg;
    struct task *t;
    while ((t = next_task(r))) {
        struct err err = {0};
        bool ok = lender_write(r->writers, t->fn, t->ctx, &err);
        t->done(t->ctx, ok, ok ? NULL : &err);
        free(t);
        note_task_done(r);
    }
    return NULL;
}

void
runner_submit(struct runner *r, enum store_lane lane, store_fn *fn, void *ctx, store_done_fn *done)
{
    struct task *t = alloc_zeroed(1, sizeof(*t));
    if (!t) {
        struct err err;
        err_no_memory(&err);
        done(ctx, false, &err);
        return;
    }
    *t = (struct task){.fn = fn, .ctx = ctx, .done = done};
    pthread_mutex_lock(&r->lock);
    lane = lane == STORE_LAZY ? STORE_SHORT : lane;
    *r->lanes[lane].last = t;
    r->lanes[lane].last = &t->next;
    r->count++;
    pthread_cond_signal(&r->wake);
    pthread_mutex_unlock(&r->lock);
}

void
runner_settle(struct runner *r)
{
    pthread_mutex_lock(&r->lock);
    while (r->count + r->running > 0)
        pthread_cond_wait(&r->settled, &r->lock);
    pthread_mutex_unlock(&r->lock);
}

int64_t
runner_queue_length(struct runner *r)
{
    pthread_mutex_lock(&r->lock);
    int64_t count = r->count;
    pthread_mutex_unlock(&r->lock);
    return count;
}

struct runner *
runner_new(struct lender *writers, unsigned threads, struct err *err)
{
    struct runner *r = alloc_zeroed(1, sizeof(*r));
    if (!r) {
        err_no_memory(err);
        return NULL;
    }
    r->writers = writers;
    for (unsigned i = 0; i < ARRAY_LEN(r->lanes); i++)
        r->lanes[i].last = &r->lanes[i].first;
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->wake, NULL);
    pthread_cond_init(&r->settled, NULL);
    while (r->thread_count < threads && r->thread_count < RUNNER_THREADS_MAX &&
           pthread_create(&r->threads[r->thread_count], NULL, runner_main, r) == 0)
        r->thread_count++;
    if (r->thread_count > 0)
        return r;
    runner_free(r);
    err_set(err, E_NO_MEMORY, "The writers' threads could not be started");
    return NULL;
}

void
runner_free(struct runner *r)
{
    if (!r)
        return;
    pthread_mutex_lock(&r->lock);
    r->stopping = true;
    pthread_cond_broadcast(&r->wake);
    pthread_mutex_unlock(&r->lock);
    for (unsigned i = 0; i < r->thread_count; i++)
        pthread_join(r->threads[i], NULL);
    pthread_cond_destroy(&r->wake);
    pthread_cond_destroy(&r->settled);
    pthread_mutex_destroy(&r->lock);
    free(r);
}
