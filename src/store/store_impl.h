/*
 * The two ways a store works: store_writer.c (SQLite: one writer thread with group commit) and
 * store_pool.c (PostgreSQL: connections for whoever writes), and who may wait for them. For store.c alone.
 */
#ifndef TIDEMARK_STORE_STORE_IMPL_H
#define TIDEMARK_STORE_STORE_IMPL_H

#include "store/store.h"

/* Opens one more connection of the kind asked for, wrapped when the options say so. NULL with err. */
typedef struct db *store_connect_fn(void *ctx, bool write, struct err *err);

struct store_connect {
    store_connect_fn *connect;
    void *ctx;
};

/* ---- store_hurry.c: threads that must not wait ---- */

bool hurry_is_on(void);                                          /* of this thread: store_hurry */
bool hurry_refuse(struct err *err);                              /* E_STORE_BUSY, and store_would_wait says so */
/* What a thread had done when it began to read: the system's words on it. */
struct hurried_read {
    int64_t at_us;               /* monotonic */
    int64_t computed_us;
    long sleeps;
};
struct hurried_read hurried_read_begin(const struct clock *clock);
/* After one that waited, or computed for long, *patient_until_us (monotonic) is when such threads may read again. */
void hurried_read_end(const struct hurried_read *read, const struct clock *clock, _Atomic int64_t *patient_until_us);

/* ---- store_pool.c: connections that are lent out ---- */

struct lender;
struct lender *lender_new(struct store_connect connect, bool write, unsigned size_max, struct err *err);
void lender_free(struct lender *p);                              /* accepts NULL; nothing may be lent out */
/* Waits up to LIMIT_STORE_WAIT_MS: E_STORE_BUSY. A lost connection is opened anew, with backoff between tries. */
struct db *lender_take(struct lender *p, struct err *err);
void lender_give(struct lender *p, struct db *db);
/* One transaction: the whole closure again after a deadlock and the like. */
MUST_USE bool lender_write(struct lender *p, store_fn *fn, void *ctx, struct err *err);
MUST_USE bool lender_read(struct lender *p, store_fn *fn, void *ctx, struct err *err);
/* The same once, on a connection that is idle now; *idle_out false: there is none, and nothing was done. */
MUST_USE bool lender_read_idle(struct lender *p, store_fn *fn, void *ctx, bool *idle_out, struct err *err);

/* Threads for writes that nobody waits for. */
#define RUNNER_THREADS_MAX 16
struct runner;
struct runner *runner_new(struct lender *writers, unsigned threads, struct err *err);
void runner_free(struct runner *r);                          /* runs what is queued; accepts NULL */
void runner_submit(struct runner *r, enum store_lane lane, store_fn *fn, void *ctx, store_done_fn *done);
int64_t runner_queue_length(struct runner *r);
void runner_settle(struct runner *r);                        /* waits until nothing is queued and nothing runs */

/* ---- store_listen.c: PostgreSQL's word that another node has queued something; a hint only ---- */

struct listener;
typedef void listener_fn(void *ctx);
struct listener *listener_new(const char *conninfo, listener_fn *heard, void *ctx, struct err *err);
void listener_free(struct listener *l);                      /* accepts NULL */

/* ---- store_writer.c ---- */

struct writer;
struct writer_options {
    struct store_connect connect;
    const struct clock *clock;
    void (*fatal)(void *ctx);    /* the file failed twice in a row; NULL: the process ends at once */
    void *fatal_ctx;
};
/* `first` is open and becomes the writer's; on failure it stays the caller's. */
struct writer *writer_new(const struct writer_options *options, struct db *first, struct err *err);
void writer_free(struct writer *w);                          /* runs what is queued; accepts NULL */
void writer_submit(struct writer *w, enum store_lane lane, store_fn *fn, void *ctx, store_done_fn *done);
void writer_settle(struct writer *w);                        /* waits until nothing is queued and nothing runs */
MUST_USE bool writer_run(struct writer *w, store_fn *fn, void *ctx, struct err *err);
struct writer_state {
    int64_t queue_length;
    bool disk_full, broken, pressed;
};
void writer_state(struct writer *w, struct writer_state *state_out);

#endif
