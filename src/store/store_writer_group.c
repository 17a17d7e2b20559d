/*
 * One group of SQLite's writer: closures that share a transaction, from BEGIN to COMMIT.
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
#include <unistd.h>

#include "base/log.h"
#include "store/store_writer_priv.h"

#define GROUP_CLOSURES_MAX 512       /* in one commit */
#define GROUP_US_MAX (10 * US_PER_MS) /* of running closures: the first one waits for the last */
#define CAREFUL_GROUPS 64            /* with savepoints, after a closure failed in a group without */
#define REOPEN_PAUSE_US 200000       /* between tries to open the file again */
#define REOPEN_TRIES 25
#define PRESSED_SHORT 4              /* so many short ones that waited for one commit are a crowd */
#define PRESSED_US (20 * US_PER_MS)  /* which is not over when one commit has fewer */
#define IO_FAILURES_MAX 2            /* in a row: then the process ends */

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
    while ((e = writer_queue_take(&w->group)))
        finish(e, ok, err);
}

/* The group runs again: its closures go back in front, in their order. */
static void
put_back(struct writer *w)
{
    struct queue reversed = {0};
    struct entry *e;
    while ((e = writer_queue_take(&w->group)))
        writer_queue_add_front(&reversed, e);
    pthread_mutex_lock(&w->lock);
    while ((e = writer_queue_take(&reversed)))
        writer_queue_add_front(&w->lanes[e->lane], e);
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

/* ---- the group ---- */

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
    w->pressed_until_us = clock_monotonic_us(w->clock) + PRESSED_US;
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
        writer_queue_add(&w->group, e);
        return true;
    case UNDONE:
        finish(e, false, &err);
        return true;
    case UNKNOWN:
        w->careful = CAREFUL_GROUPS;
        writer_queue_add(&w->group, e);
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

void
writer_run_group(struct writer *w, struct entry *e)
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
        e = full ? NULL : writer_next(w, shorts);
    }
    note_crowd(w, shorts);
    if (w->group.count > 0)
        commit_group(w);
    else
        drop_transaction(w);
}
