/*
 * Writes that tests watch: each sets a row of its own, knows what came of it, and may fail, take its time or stand at a gate.
 * Included by the test files, which are one program each.
 */
#ifndef TIDEMARK_TESTS_STORE_NOTES_H
#define TIDEMARK_TESTS_STORE_NOTES_H

#include "tests/store/fixture.h"

#include <semaphore.h>

/* By a clock that stands still a group of writes is as long as a test makes it, however slow the machine is. */
static struct store *
opened_by(struct fixture *f, struct db_trace *trace, const struct clock *clock)
{
    struct store_options options = fixture_options(f);
    options.clock = clock;
    options.wrap = trace ? db_trace_wrap : NULL;
    options.wrap_ctx = trace;
    struct store *store = store_open(&options, &f->err);
    if (!store)
        fail_msg("%s: %s", err_name(f->err.code), f->err.message);
    return store;
}

static struct store *
opened(struct fixture *f, struct db_trace *trace)
{
    return opened_by(f, trace, clock_system());
}

/* A closure that sets a row of its own in `meta`; may fail after it, and may take its time or wait at the gate before it. */
struct note {
    const char *name;
    bool fails;
    bool held;               /* its first run stands until open_gate: write_held */
    int64_t sleep_us;
    struct clock_manual *clock; /* NULL: none; else a run takes takes_us by it */
    int64_t takes_us;
    atomic_int runs;
    /* what came of it */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool finished, ok;
    enum err_code code;
    int place;               /* in the order of endings */
};

static atomic_int endings;
static sem_t begun, gate;

static bool
write_note(struct db *db, void *ctx, struct err *err)
{
    struct note *n = ctx;
    if (atomic_fetch_add(&n->runs, 1) == 0 && n->held) {
        sem_post(&begun);
        sem_wait(&gate);
    }
    if (n->sleep_us)
        usleep((useconds_t)n->sleep_us);
    if (n->clock)
        clock_manual_advance(n->clock, n->takes_us);
    if (!db_exec(db, SQL_META_SET, DB_ARGS(DB_T(str_from_c(n->name)), DB_T(STR("x"))), NULL, err))
        return false;
    return !n->fails || err_set(err, E_CONFLICT, "as asked");
}

static void
note_done(void *ctx, bool ok, const struct err *err)
{
    struct note *n = ctx;
    pthread_mutex_lock(&n->lock);
    n->place = atomic_fetch_add(&endings, 1);
    n->ok = ok;
    n->code = ok ? E_OK : err->code;
    n->finished = true;
    pthread_cond_signal(&n->wake);
    pthread_mutex_unlock(&n->lock);
}

static void
note_init(struct note *n, const char *name)
{
    memset(n, 0, sizeof(*n));
    n->name = name;
    pthread_mutex_init(&n->lock, NULL);
    pthread_cond_init(&n->wake, NULL);
}

/* Gives a write that stands at the gate until open_gate; returns when it stands there, so that what comes after gathers behind it. */
static void
write_held(struct store *store, struct note *n)
{
    n->held = true;
    assert_int_equal(sem_init(&begun, 0, 0), 0);
    assert_int_equal(sem_init(&gate, 0, 0), 0);
    store_write_async(store, STORE_SHORT, write_note, n, note_done);
    assert_int_equal(sem_wait(&begun), 0);
}

static void
open_gate(void)
{
    assert_int_equal(sem_post(&gate), 0);
}

static void
note_wait(struct note *n)
{
    pthread_mutex_lock(&n->lock);
    while (!n->finished)
        pthread_cond_wait(&n->wake, &n->lock);
    pthread_mutex_unlock(&n->lock);
}

static int64_t
notes(struct fixture *f)
{
    return sql_number(f, "SELECT count(*) FROM meta WHERE value = 'x'");
}

#endif
