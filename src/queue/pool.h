/*
 * The workers: threads that claim runs and do them.
 *
 * At any time one of the idle workers is at the door: it claims, and when nothing is ready it sleeps until
 * something was queued, a parked run is due or a lease runs out. When it gets a run the next idle worker
 * takes its place, so that a poke wakes one thread and not all. What a run is, the owner says by a function;
 * it hands the run back itself (finish, park, yield) before it returns.
 */
#ifndef TIDEMARK_QUEUE_POOL_H
#define TIDEMARK_QUEUE_POOL_H

#include "queue/lease.h"

#define POOL_SWEEP_DEFAULT_MS 10000
#define POOL_WORKERS_MIN 8       /* most of a run is waiting for a vendor */
#define POOL_WORKERS_MAX 16

struct pool;

/* Does a claimed run. `run` and its texts live in `run_arena`, which is cleared afterwards. */
typedef void pool_run_fn(void *ctx, unsigned worker, struct run *run, struct lease *lease, struct arena *run_arena);

struct pool_options {
    struct store *store;
    const struct clock *clock;
    struct lease_keeper *keeper;
    unsigned workers;        /* 0: two per core, within the bounds above */
    int64_t lease_ms, sweep_ms;
    int64_t page_ms;         /* deadline of a page until the worker says otherwise */
    pool_run_fn *run;
    void *ctx;
};

/* No thread yet. NULL with err. */
struct pool *pool_new(const struct pool_options *options, struct err *err);
/* Takes back what this node held before it died, then starts the workers. */
MUST_USE bool pool_start(struct pool *p, struct err *err);
/* No more claims; returns when all workers have left or at the deadline: then false. Idempotent. */
bool pool_stop(struct pool *p, int64_t deadline_ms);
void pool_free(struct pool *p); /* stops first, without a deadline; accepts NULL */

/* Workers that have no run at the moment. */
unsigned pool_idle(const struct pool *p);
unsigned pool_workers(const struct pool *p);

/*
 * Claims that run, or the next one when run is 0, and does it on this thread: tools and tests.
 * *ran_out: false when nothing was ready.
 */
MUST_USE bool pool_run_one(struct pool *p, int64_t tenant, int64_t run, bool *ran_out, struct err *err);

#endif
