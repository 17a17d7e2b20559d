/*
 * SQLite's writer, for its two files: store_writer.c (the queues, the thread, who waits) and store_writer_group.c (one
 * group of closures, from BEGIN to COMMIT).
 */
#ifndef TIDEMARK_STORE_STORE_WRITER_PRIV_H
#define TIDEMARK_STORE_STORE_WRITER_PRIV_H

#include <pthread.h>

#include "store/store_impl.h"

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

void writer_queue_add(struct queue *q, struct entry *e);
void writer_queue_add_front(struct queue *q, struct entry *e);
struct entry *writer_queue_take(struct queue *q);                 /* NULL: it is empty */

/*
 * The next closure of a group in which `shorts` short ones are; NULL: nothing waits. Short ones first, but a page is not
 * kept waiting for ever. Takes the lock.
 */
struct entry *writer_next(struct writer *w, unsigned shorts);

/*
 * One group, `e` first: begins, runs closures until nothing waits or the group is full, commits, and tells each. Those that
 * must run again are back in their lanes. Writer thread, without the lock.
 */
void writer_run_group(struct writer *w, struct entry *e);

#endif
