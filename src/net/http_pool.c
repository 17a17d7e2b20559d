/*
 * The threads that run handlers.
 *
 * Handlers may block, so their number decides how many requests can wait at once; but waking a sleeping
 * thread for each short request costs more than the request. So a few threads (as many as cores) are
 * kept busy, and a watcher looks once a millisecond, while jobs wait, whether some have waited since its last
 * look: then it asks the system which of the threads sleep inside their jobs, and wakes or starts as many as are
 * missing for the cores. With 64 clients and a trivial handler this is 64,000 requests a second on two cores,
 * against 27,000 when every request wakes a thread.
 *
 * More threads than cores that all compute are worse than a queue: the system gives each its turn, a request is
 * interrupted by those behind it, and the slowest of a hundred lists took ten times as long as most. So a wait
 * alone adds no thread, and where those that slept have woken in numbers, some are laid to rest again.
 *
 * Idle threads are a stack, so that those at its bottom stay idle for long and end. One stays for ever: work
 * gets done even when no thread can be started. Jobs are links inside the caller's objects: queueing one
 * never fails for want of memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/http_server_priv.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STACK_FACTOR 8
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define STACK_FACTOR 8 /* instrumented frames are several times larger */
#endif
#endif
#ifndef STACK_FACTOR
#define STACK_FACTOR 1
#endif
#define HANDLER_STACK_BYTES (512 * 1024)
#define WATCH_STACK_BYTES (64 * 1024)
#define WATCH_US US_PER_MS
#define BUSY_MIN 2
#define SURPLUS_LOOKS 32 /* asking after all threads takes a while: only now and then */

bool
http_thread_start(pthread_t *thread_out, size_t stack_bytes, bool detached, void *(*run)(void *), void *ctx)
{
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0)
        return false;
    pthread_attr_setstacksize(&attributes, stack_bytes * STACK_FACTOR);
    pthread_attr_setdetachstate(&attributes, detached ? PTHREAD_CREATE_DETACHED : PTHREAD_CREATE_JOINABLE);
    int result = pthread_create(thread_out, &attributes, run, ctx);
    pthread_attr_destroy(&attributes);
    return result == 0;
}

struct http_worker {
    struct http_worker *next; /* idle ones, the last to fall idle first; under pool->lock */
    struct http_worker *other; /* all there are; under pool->lock */
    pthread_cond_t wake;
    bool woken;
    bool running;             /* not idle; under pool->lock */
    int state_fd;             /* the system's words on this thread; below 0: none */
    atomic_bool in_job;
};

static void
cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
}

/* ---- what the threads are at ---- */

/*
 * Does it compute, or wait for a core to do so? Asked first and whether it is in a job afterwards: what sleeps behind its
 * job waits for us. Without an answer (no /proc) it counts as asleep, and a thread is added for whatever waits.
 */
static bool
is_computing(struct http_worker *worker)
{
    char text[64]; /* "1234 (name) R ...": the name may hold anything but is at most 16 bytes long */
    ssize_t count = worker->state_fd < 0 ? -1 : pread(worker->state_fd, text, sizeof(text) - 1, 0);
    if (!atomic_load(&worker->in_job))
        return true;
    if (count <= 0)
        return false;
    text[count] = '\0';
    const char *behind = strrchr(text, ')');
    return behind && behind[1] == ' ' && behind[2] == 'R';
}

/* Under pool->lock. Counts no further than `most`. */
static unsigned
count_computing(struct http_pool *pool, unsigned most)
{
    unsigned count = 0;
    for (struct http_worker *worker = pool->workers; worker && count < most; worker = worker->other)
        count += worker->running && is_computing(worker);
    return count;
}

static void
worker_begin(struct http_pool *pool, struct http_worker *worker)
{
    *worker = (struct http_worker){.other = pool->workers, .running = true};
    worker->state_fd = open("/proc/thread-self/stat", O_RDONLY | O_CLOEXEC);
    pool->workers = worker;
    cond_init(&worker->wake);
}

static void
worker_end(struct http_pool *pool, struct http_worker *worker)
{
    struct http_worker **place = &pool->workers;
    while (*place != worker)
        place = &(*place)->other;
    *place = worker->other;
    if (worker->state_fd >= 0)
        close(worker->state_fd);
    pthread_cond_destroy(&worker->wake);
}

/* ---- all under pool->lock ---- */

static void
idle_remove(struct http_pool *pool, const struct http_worker *worker)
{
    struct http_worker **place = &pool->idle;
    while (*place && *place != worker)
        place = &(*place)->next;
    if (*place)
        *place = worker->next;
}

/* False when the worker has been idle for so long that it should end. */
static bool
idle_wait(struct http_pool *pool, struct http_worker *worker)
{
    struct timespec until = clock_deadline(pool->idle_us);
    worker->woken = false;
    worker->next = pool->idle;
    pool->idle = worker;
    pool->running--;
    worker->running = false;
    while (!worker->woken && !pool->stopping) {
        int result = pthread_cond_timedwait(&worker->wake, &pool->lock, &until);
        if (result != ETIMEDOUT || worker->woken)
            continue;
        if (pool->threads > 1)
            break;
        until = clock_deadline(pool->idle_us);
    }
    if (worker->woken)
        return true; /* the waker took it off the stack and counts it as running */
    idle_remove(pool, worker);
    pool->running++;
    worker->running = true;
    return false;
}

static struct http_job *
job_pop(struct http_pool *pool)
{
    struct http_job *job = pool->stopping ? NULL : pool->head;
    if (!job)
        return NULL;
    if (pool->surplus > 0) {
        pool->surplus--;
        if (pool->running > pool->busy_wanted)
            return NULL;
    }
    pool->head = job->next;
    if (!pool->head)
        pool->tail = NULL;
    pool->taken++;
    return job;
}

/* NULL when this thread should end. */
static struct http_job *
job_take(struct http_pool *pool, struct http_worker *worker)
{
    for (;;) {
        struct http_job *job = job_pop(pool);
        if (job || pool->stopping || !idle_wait(pool, worker))
            return job;
    }
}

static void *
pool_thread(void *ctx)
{
    struct http_pool *pool = ctx;
    struct http_worker worker;
    pthread_mutex_lock(&pool->lock);
    worker_begin(pool, &worker);
    for (struct http_job *job; (job = job_take(pool, &worker)) != NULL;) {
        pthread_mutex_unlock(&pool->lock);
        atomic_store(&worker.in_job, true);
        job->run(job);
        atomic_store(&worker.in_job, false);
        pthread_mutex_lock(&pool->lock);
    }
    pool->threads--;
    pool->running--;
    worker_end(pool, &worker);
    pthread_cond_signal(&pool->ended);
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* One more thread for the queue. False when there is none to be had. */
static bool
thread_add(struct http_pool *pool)
{
    struct http_worker *worker = pool->idle;
    pthread_t thread;
    if (worker) {
        pool->idle = worker->next;
        worker->woken = worker->running = true;
        pthread_cond_signal(&worker->wake);
    } else if (pool->threads == pool->threads_max ||
               !http_thread_start(&thread, HANDLER_STACK_BYTES, true, pool_thread, pool)) {
        return false;
    } else {
        pool->threads++;
    }
    pool->running++;
    return true;
}

/* ---- the watcher ---- */

/* As many more threads as the cores can take. Where there are no more, nobody need be asked. */
static void
add_missing(struct http_pool *pool)
{
    if (!pool->idle && pool->threads == pool->threads_max)
        return;
    unsigned computing = count_computing(pool, pool->busy_wanted);
    while (computing++ < pool->busy_wanted && !pool->stopping && thread_add(pool))
        ;
}

/* Those that compute beside more than the cores can take, at two looks in a row. */
static void
find_surplus(struct http_pool *pool, unsigned *computing_before)
{
    unsigned computing = pool->running > pool->busy_wanted ? count_computing(pool, pool->running) : 0;
    unsigned lasting = computing < *computing_before ? computing : *computing_before;
    pool->surplus = lasting > pool->busy_wanted ? lasting - pool->busy_wanted : 0;
    *computing_before = computing;
}

static void *
watch_run(void *ctx)
{
    struct http_pool *pool = ctx;
    uint64_t seen = 0;
    unsigned computing_before = 0;
    pthread_mutex_lock(&pool->lock);
    for (unsigned look = 1; !pool->stopping; look++) {
        pool->watching = pool->head != NULL;
        if (!pool->watching) {
            pthread_cond_wait(&pool->watch, &pool->lock);
            seen = pool->submitted;
            continue;
        }
        struct timespec until = clock_deadline(WATCH_US);
        pthread_cond_timedwait(&pool->watch, &pool->lock, &until);
        if (seen > pool->taken) /* something has waited since the last look at least */
            add_missing(pool);
        if (look % SURPLUS_LOOKS == 0)
            find_surplus(pool, &computing_before);
        seen = pool->submitted;
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* ---- the pool ---- */

bool
http_pool_init(struct http_pool *pool, unsigned threads_max, int64_t idle_ms, struct err *err)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    *pool = (struct http_pool){.threads_max = threads_max, .idle_us = idle_ms * US_PER_MS};
    pool->busy_wanted = cores < BUSY_MIN ? BUSY_MIN : (unsigned)cores;
    pthread_mutex_init(&pool->lock, NULL);
    cond_init(&pool->watch);
    cond_init(&pool->ended);
    pthread_mutex_lock(&pool->lock);
    bool started = thread_add(pool);
    pthread_mutex_unlock(&pool->lock);
    pool->watched = started && http_thread_start(&pool->watcher, WATCH_STACK_BYTES, false, watch_run, pool);
    return pool->watched || err_set(err, E_UNAVAILABLE, "No thread can be started: raise the limit of processes");
}

bool
http_pool_submit(struct http_pool *pool, struct http_job *job)
{
    pthread_mutex_lock(&pool->lock);
    bool accepted = !pool->stopping;
    if (accepted) {
        job->next = NULL;
        if (pool->tail)
            pool->tail->next = job;
        else
            pool->head = job;
        pool->tail = job;
        pool->submitted++;
        if (pool->running < pool->busy_wanted)
            (void)thread_add(pool); /* without it the job waits for a running thread */
        else if (!pool->watching)
            pthread_cond_signal(&pool->watch);
    }
    pthread_mutex_unlock(&pool->lock);
    return accepted;
}

static void
threads_end(struct http_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    for (struct http_worker *worker = pool->idle; worker; worker = worker->next)
        pthread_cond_signal(&worker->wake);
    pthread_cond_signal(&pool->watch);
    while (pool->threads > 0)
        pthread_cond_wait(&pool->ended, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
    if (pool->watched)
        pthread_join(pool->watcher, NULL);
    pthread_cond_destroy(&pool->watch);
    pthread_cond_destroy(&pool->ended);
}

void
http_pool_stop(struct http_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    struct http_job *left = pool->head;
    pool->head = pool->tail = NULL;
    pthread_mutex_unlock(&pool->lock);
    while (left) {
        struct http_job *job = left;
        left = job->next; /* before discard, which may free it */
        job->discard(job);
    }
    threads_end(pool);
}

unsigned
http_pool_threads(struct http_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    unsigned threads = pool->threads;
    pthread_mutex_unlock(&pool->lock);
    return threads;
}
