/*
 * Leases: how a worker keeps the run it has claimed.
 *
 * A lease is a row with a deadline. Whoever holds it renews it; a dead worker's deadline passes and
 * another takes over. The keeper's one thread renews all leases of this process every heartbeat, but each
 * only while the page its worker is at is inside its own deadline: a worker that hangs loses its run too
 * (I-15). A worker that was lost to another is refused by the fence of every write (I-14); the keeper tells
 * it early, so that it does not go on in vain.
 */
#ifndef TIDEMARK_QUEUE_LEASE_H
#define TIDEMARK_QUEUE_LEASE_H

#include <pthread.h>
#include <stdatomic.h>

#include "store/store_run.h"

#define LEASE_DEFAULT_MS 30000
#define LEASE_HEARTBEAT_DEFAULT_MS 5000

struct lease_keeper;

/* Called when a lease is lost or its run is asked to stop: ends what the worker waits for. Must not block. */
typedef void lease_stop_fn(void *ctx);

/* The worker's struct; the keeper holds a pointer to it between lease_begin and lease_end. */
struct lease {
    struct page_fence fence;         /* page_seq is not looked at */
    atomic_bool lost;                /* another worker has the run, or we hung too long */
    atomic_bool asked;               /* a pause or cancel was asked for: look at the run between pages */
    _Atomic int64_t page_until_us;   /* monotonic; the heart beats until then */
    lease_stop_fn *on_stop;          /* under the keeper's lock */
    void *on_stop_ctx;
    struct lease *next;              /* under the keeper's lock */
};

struct lease_keeper_options {
    struct store *store;
    const struct clock *clock;
    int64_t lease_ms, heartbeat_ms;  /* 0: the defaults */
};

/* Starts the thread. NULL with E_NO_MEMORY or E_INTERNAL. */
struct lease_keeper *lease_keeper_new(const struct lease_keeper_options *options, struct err *err);
/* All leases must have ended. Accepts NULL. */
void lease_keeper_free(struct lease_keeper *keeper);

/* The run was claimed just now: its lease is kept from here on. Any thread. */
void lease_begin(struct lease_keeper *keeper, struct lease *lease, const struct page_fence *fence, int64_t page_ms);
/* No more heartbeats, and no call of on_stop after it returns. */
void lease_end(struct lease_keeper *keeper, struct lease *lease);
/* A page begins: it may take so long. The worker's own thread. */
void lease_page_begin(struct lease_keeper *keeper, struct lease *lease, int64_t page_ms);
/* NULL takes the callback away; it is called at once when the lease is stopped already. */
void lease_on_stop(struct lease_keeper *keeper, struct lease *lease, lease_stop_fn *fn, void *ctx);
/* Somebody asked this run to pause or end: tells its worker if it is ours. */
void lease_ask(struct lease_keeper *keeper, int64_t run);
/* The process stops: every worker is told. */
void lease_ask_all(struct lease_keeper *keeper);
/* Should the worker leave off now? */
bool lease_is_stopped(const struct lease *lease);
/* What lease_until_us a page of this worker should write. now_us: the store's clock. */
int64_t lease_until_us(const struct lease_keeper *keeper, int64_t now_us);

#endif
