/*
 * The threads that run handlers.
 *
 * Handlers may block, so their number decides how many requests can wait at once; most of the time a
 * few are enough. A thread is started when more jobs wait than threads are idle, and ends after having
 * been idle for a while; one stays for ever, so that work gets done even when no thread can be started.
 * Jobs are links inside the caller's objects: queueing one never fails for want of memory.
 */
#include <errno.h>
#include <time.h>

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

static struct timespec
monotonic_after(int64_t us)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    int64_t ns = at.tv_nsec + us % US_PER_S * 1000;
    at.tv_sec += us / US_PER_S + ns / 1000000000;
    at.tv_nsec = ns % 1000000000;
    return at;
}

/* Under lock. NULL when this thread should end. */
static struct http_job *
job_take(struct http_pool *pool)
{
    pool->idle++;
    while (!pool->head && !pool->stopping) {
        struct timespec until = monotonic_after(pool->idle_us);
        int result = pthread_cond_timedwait(&pool->work, &pool->lock, &until);
        if (result == ETIMEDOUT && !pool->head && pool->threads > 1)
            break;
    }
    pool->idle--;
    struct http_job *job = pool->stopping ? NULL : pool->head;
    if (!job)
        return NULL;
    pool->head = job->next;
    if (!pool->head)
        pool->tail = NULL;
    pool->queued--;
    return job;
}

static void *
pool_thread(void *ctx)
{
    struct http_pool *pool = ctx;
    pthread_mutex_lock(&pool->lock);
    for (struct http_job *job; (job = job_take(pool)) != NULL;) {
        pthread_mutex_unlock(&pool->lock);
        job->run(job);
        pthread_mutex_lock(&pool->lock);
    }
    pool->threads--;
    pthread_cond_signal(&pool->ended);
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* Under lock. */
static bool
thread_add(struct http_pool *pool)
{
    pthread_t thread;
    if (!http_thread_start(&thread, HANDLER_STACK_BYTES, true, pool_thread, pool))
        return false;
    pool->threads++;
    return true;
}

bool
http_pool_init(struct http_pool *pool, unsigned threads_max, int64_t idle_ms, struct err *err)
{
    *pool = (struct http_pool){.threads_max = threads_max, .idle_us = idle_ms * US_PER_MS};
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, &attributes);
    pthread_cond_init(&pool->ended, NULL);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_lock(&pool->lock);
    bool started = thread_add(pool);
    pthread_mutex_unlock(&pool->lock);
    return started || err_set(err, E_UNAVAILABLE, "No thread can be started: raise the limit of processes (ulimit -u)");
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
        pool->queued++;
        if (pool->queued > pool->idle && pool->threads < pool->threads_max)
            (void)thread_add(pool); /* without it the job waits for a running thread */
        pthread_cond_signal(&pool->work);
    }
    pthread_mutex_unlock(&pool->lock);
    return accepted;
}

void
http_pool_stop(struct http_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    struct http_job *left = pool->head;
    pool->head = pool->tail = NULL;
    pool->queued = 0;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    while (left) {
        struct http_job *job = left;
        left = job->next; /* before discard, which may free it */
        job->discard(job);
    }
    pthread_mutex_lock(&pool->lock);
    while (pool->threads > 0)
        pthread_cond_wait(&pool->ended, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
    pthread_cond_destroy(&pool->work);
    pthread_cond_destroy(&pool->ended);
}

unsigned
http_pool_threads(struct http_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    unsigned threads = pool->threads;
    pthread_mutex_unlock(&pool->lock);
    return threads;
}
