/*
 * Deleting a connection: marked first, then emptied in batches (store/store_connection_delete.c).
 *
 * Each batch is a transaction that gives the match keys of its purged records back too, so that whoever has
 * that e-mail next is linked or made plainly. A process that dies between two batches leaves the mark;
 * every start finishes what is marked.
 */
#include "engine/engine_priv.h"
#include "engine/job.h"
#include "engine/match_release.h"
#include "store/store_job.h"
#include "store/store_run.h"
#include "store/store_tenant.h"

#define DELETE_TRIES 100   /* a run at work leaves between two pages */
#define DELETE_PAUSE_MS 50
#define BATCH_ARENA_BYTES (128L * 1024 * 1024)

struct deletion {
    struct arena *arena;     /* of the whole deletion */
    struct arena batch;      /* cleared by each batch */
    int64_t tenant;
    struct str uuid, region;
    int64_t connection;
    struct run run;
    enum row unfinished;
    bool purge, done;
};

static bool
find(struct db *db, void *ctx, struct err *err)
{
    struct deletion *d = ctx;
    struct connection connection;
    enum row row = store_connection_get(db, d->arena, d->tenant, d->uuid, &connection, err);
    if (row == ROW_FOUND)
        d->connection = connection.id;
    return row == ROW_FOUND || (row == ROW_NONE && err_set(err, E_CONNECTION_NOT_FOUND, NULL));
}

static bool
find_region(struct db *db, void *ctx, struct err *err)
{
    struct deletion *d = ctx;
    struct tenant tenant;
    enum row row = store_tenant_get(db, d->arena, d->tenant, &tenant, err);
    if (row == ROW_FOUND)
        d->region = tenant.region;
    return row == ROW_FOUND || (row == ROW_NONE && err_set(err, E_TENANT_NOT_FOUND, NULL));
}

static bool
find_unfinished(struct db *db, void *ctx, struct err *err)
{
    struct deletion *d = ctx;
    d->unfinished = store_run_unfinished(db, d->arena, d->tenant, d->connection, &d->run, err);
    return d->unfinished != ROW_FAILED;
}

static bool
delete_batch(struct db *db, void *ctx, struct err *err)
{
    struct deletion *d = ctx;
    arena_clear(&d->batch);
    struct gone_list gone = {.arena = &d->batch};
    return store_connection_delete(db, d->tenant, d->connection, d->purge, store_now(db), &gone, &d->done, err) &&
           match_keys_release(db, &d->batch, d->tenant, d->region, gone.rows, gone.count, err);
}

static bool
fail_jobs(struct db *db, void *ctx, struct err *err)
{
    struct deletion *d = ctx;
    return store_job_orphan(db, d->tenant, d->connection, store_now(db), err);
}

/* A run at work is asked to end; its worker leaves it between two pages. Jobs that waited for it must not follow. */
static bool
end_run_of(struct engine *e, struct deletion *d, struct err *err)
{
    struct run ended;
    if (!store_write(e->options.store, fail_jobs, d, err) || !store_read(e->options.store, find_unfinished, d, err))
        return false;
    if (d->unfinished == ROW_NONE)
        return true;
    struct err why = {0};
    if (!engine_run_cancel(e, d->arena, d->tenant, d->run.uuid, &ended, &why))
        log_err(LOG_DEBUG, "the run of a deleted connection had ended already", &why);
    return true;
}

static bool
delete_all(struct engine *e, struct deletion *d, struct err *err)
{
    bool ok = store_read(e->options.store, find_region, d, err);
    arena_init(&d->batch, BATCH_ARENA_BYTES);
    for (int tries = 0; ok && !d->done;) {
        ok = store_write(e->options.store, delete_batch, d, err);
        if (!ok && err->code == E_SYNC_IN_PROGRESS && tries++ < DELETE_TRIES) {
            ok = true;
            d->done = false;
            struct timespec wait = {0, DELETE_PAUSE_MS * 1000000};
            nanosleep(&wait, NULL);
        }
    }
    arena_release(&d->batch);
    return ok;
}

bool
engine_connection_delete(struct engine *e, int64_t tenant, struct str id, bool purge, struct err *err)
{
    struct arena scratch;
    arena_init(&scratch, LIMIT_REQUEST_ARENA_BYTES);
    struct deletion d = {.arena = &scratch, .tenant = tenant, .uuid = id, .purge = purge};
    bool ok = store_read(e->options.store, find, &d, err) && end_run_of(e, &d, err) && delete_all(e, &d, err);
    arena_release(&scratch);
    return ok;
}

/* ---- what a process that died left half done ---- */

struct left {
    struct arena *arena;
    struct connection *rows;
    size_t count;
};

static bool
read_left(struct db *db, void *ctx, struct err *err)
{
    struct left *l = ctx;
    return store_connection_deleting(db, l->arena, &l->rows, &l->count, err);
}

bool
engine_deletions_finish(struct engine *e, struct err *err)
{
    struct arena scratch;
    arena_init(&scratch, LIMIT_REQUEST_ARENA_BYTES);
    struct left l = {.arena = &scratch};
    bool ok = store_read(e->options.store, read_left, &l, err);
    for (size_t i = 0; ok && i < l.count && !atomic_load(&e->stopping); i++) {
        struct deletion d = {.arena = &scratch, .tenant = l.rows[i].tenant, .connection = l.rows[i].id};
        ok = delete_all(e, &d, err);
    }
    arena_release(&scratch);
    return ok;
}
