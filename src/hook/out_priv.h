/* The delivery worker's inside, for files of this room. */
#ifndef TIDEMARK_HOOK_OUT_PRIV_H
#define TIDEMARK_HOOK_OUT_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "hook/out.h"

#define OUT_ARENA_BYTES (64L * 1024 * 1024)
#define OUT_LEASE_US (60 * US_PER_S)     /* far above the time of one attempt */
#define OUT_SEND_MS 15000                /* one attempt */
#define OUT_ANSWER_BYTES_MAX (64 * 1024) /* larger answers count as failed */
#define OUT_RESPONSE_BYTES 500           /* of an answer that are kept */
#define OUT_BATCH 20                     /* deliveries of one subscription before others have their turn */
#define OUT_EVENTS 100                   /* of the feed in one write */
#define OUT_WAITING_MAX 1000             /* deliveries that wait; more stay in the feed */
#define OUT_AFTER_FAILURE_US (5 * US_PER_S) /* nothing else goes to an address that just failed */
#define OUT_GIVE_UP_US US_PER_DAY        /* of nothing but failures */
#define OUT_THREADS_MAX 64

struct out_thread {
    struct out *out;
    unsigned number;
    void *call;                  /* under lock: what it waits for */
    pthread_t thread;
    bool started;
};

struct out {
    struct out_options options;
    struct str node;
    struct out_thread threads[OUT_THREADS_MAX];
    unsigned thread_count;
    atomic_bool stopping;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    unsigned wanted;             /* under lock: subscriptions that wait for a thread */
};

/* Works on one subscription whose lease was taken with `epoch`; gives it back. out_work.c */
MUST_USE bool out_work(struct out *o, struct out_thread *thread, struct arena *a, struct subscription *s, struct err *err);

/* One attempt; fills what it came to. out_send.c */
struct attempt {
    const struct subscription *subscription;
    const struct tenant *tenant;
    struct delivery *delivery;
    bool delivered;
    bool gone;                   /* 410: the address wants no more */
    bool unsent;                 /* we are stopping: it does not count */
    int64_t retry_after_us;      /* what the answer asked for; 0: nothing */
};
MUST_USE bool out_send(struct out *o, struct out_thread *thread, struct arena *a, struct attempt *attempt, struct err *err);
/* When attempt number `attempts` (from 1) has failed: how long to wait; 0: that was the last. */
int64_t out_retry_us(int64_t attempts);

#endif
