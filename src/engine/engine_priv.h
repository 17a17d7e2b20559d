/*
 * The engine's inside, for files of this room.
 */
#ifndef TIDEMARK_ENGINE_ENGINE_PRIV_H
#define TIDEMARK_ENGINE_ENGINE_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/limits.h"
#include "base/log.h"
#include "engine/circuit.h"
#include "engine/engine.h"
#include "engine/fetch.h"
#include "engine/raw.h"
#include "queue/pool.h"

#define ENGINE_INTERVAL_DEFAULT_MS (15 * 60 * 1000)
#define ENGINE_FULL_INTERVAL_DEFAULT_MS (24 * 60 * 60 * 1000)
#define ENGINE_OVERLAP_DEFAULT_MS (60 * 1000)
#define ENGINE_STORE_TRIES_DEFAULT 5 /* of one page from memory (F10) */
#define ENGINE_RETENTION_EVERY_DEFAULT_MS (10 * 60 * 1000)

/* A worker's own tools, made once per thread. */
struct engine_worker {
    struct raw_packer *packer;
    struct rng rng;
};

struct catalogue;

#define ENGINE_BACKGROUND_THREADS 6

struct engine {
    struct engine_options options;
    struct sender sender;
    struct lease_keeper *keeper;
    struct pool *pool;
    struct circuit circuit;
    struct quota_book *quotas;       /* owned */
    struct lists *lists;             /* owned; of the vendors, that streams are made of */
    struct engine_worker *workers;   /* owned; one per worker of the pool and one for engine_run_here */
    struct catalogue *catalogue;     /* owned; templates as rows */
    struct fetch_numbers numbers;
    _Atomic int64_t pages, records, runs_succeeded, runs_failed;
    atomic_bool stopping;
    bool started;

    pthread_mutex_t lock;
    pthread_cond_t changed;          /* a run of this process ended or was handed back; under lock */
    uint64_t changes;                /* under lock */

    struct background_thread {
        pthread_t thread;
        bool started;
    } threads[ENGINE_BACKGROUND_THREADS]; /* one per row of the table in engine.c */
    pthread_cond_t background;       /* under lock: stop */
    void *errand_call;               /* under lock: of the sender; what the errand thread waits for */
    struct fetch *reconnect_fetch;   /* under lock: what the reconnect thread waits for */
};

/* Is there an endpoint for welcome messages? */
bool engine_has_ai(const struct engine *e);
/* The errand thread's own call, which engine_stop cancels; NULL: none any more. */
void engine_set_errand_call(struct engine *e, void *call);
/* data with one text member set (STR_NONE: null), canonical, in a. */
MUST_USE bool record_set_text(struct arena *a, struct str data, const char *member, struct str text, struct str *data_out,
                              struct err *err);

/* Wakes engine_run_wait. */
void engine_changed(struct engine *e);
/* Waits until a run of this process has changed its state, or ms have passed. */
void engine_wait_change(struct engine *e, int64_t ms);
/* Sleeps until ms have passed or the engine stops; false: it stops. Background threads. */
bool engine_sleep(struct engine *e, int64_t ms);
/* A pool_run_fn; run.c. */
void engine_do_run(void *engine, unsigned worker, struct run *run, struct lease *lease, struct arena *run_arena);
/* Background threads; background.c, retention.c. */
void *engine_schedule_main(void *engine);
void *engine_reconnect_main(void *engine);
/* Finishes deletions of connections that a process which died had begun (of another node too: batches may alternate). */
MUST_USE bool engine_deletions_finish(struct engine *e, struct err *err);
void *engine_search_main(void *engine);
void *engine_quota_main(void *engine);
void *engine_retention_main(void *engine);
/* One round of each, for tests: how many runs were queued, connections tested. */
MUST_USE bool engine_schedule_round(struct engine *e, int64_t *fired_out, struct err *err);
MUST_USE bool engine_reconnect_round(struct engine *e, int64_t *tested_out, struct err *err);

/*
 * The schedule of a connection: its own, {every, fullEvery} or {repeat, time, timezone, startAt, fullEvery}, the template's, or the
 * engine's default. 0: none.
 */
struct engine_schedule {
    int64_t interval_us, full_interval_us;
    bool repeats;               /* by the calendar; interval_us is 0 */
};
MUST_USE bool engine_schedule_of(const struct engine *e, const struct template *t, struct str schedule_json,
                                 struct engine_schedule *schedule_out, struct err *err);
/*
 * A connection's own schedule as a person sends it: checked, each fault at its member, and made the text that is kept; of one that
 * repeats *first_us_out is when it is due first, else 0.
 */
MUST_USE bool engine_schedule_accept(struct arena *a, yyjson_val *json, int64_t now_us, struct str *kept_out, int64_t *first_us_out,
                                     struct err *err);

/* The tenant's connection by its public id: E_CONNECTION_NOT_FOUND, another tenant's too. */
MUST_USE bool engine_connection_find(struct engine *e, struct arena *a, int64_t tenant, struct str id, struct connection *connection_out,
                                     struct err *err);
/*
 * Tests an open account at the vendor (blocks). False: E_INVALID_CREDENTIALS with the vendor's words, or
 * E_VENDOR_UNAVAILABLE; words are redacted.
 */
MUST_USE bool engine_test_account(struct engine *e, struct account *account, bool background, struct err *err);
/* Tests a stored connection and moves its status. */
MUST_USE bool engine_test_connection(struct engine *e, struct arena *a, int64_t tenant, int64_t connection, bool background,
                                     struct err *err);

#endif
