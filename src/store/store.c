#include "store/store.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/log.h"
#include "base/rng.h"
#include "store/schema_priv.h"
#include "store/store_impl.h"
#include "store/store_open.h"
#include "sql.h"

#include <libpq-fe.h>
#include <sqlite3.h>

#define STORE_ARENA_BYTES (64 * 1024)
#define CONNECTIONS_DEFAULT 8
#define ENGINE_TEXT_BYTES 64
#define PRESSED_QUEUE 8 /* writes that wait */

struct store {
    struct arena arena;              /* texts that live as long as the store */
    const struct clock *clock;
    struct store_options options;
    const char *path;                /* SQLite: the file; PostgreSQL: the connection string */
    bool postgres, prepare;
    int lock_fd;                     /* -1: none */
    char node_id[UUID_TEXT_BYTES];
    char engine[ENGINE_TEXT_BYTES];
    uint64_t match_secret;
    _Atomic uint64_t identity_generation;
    struct lender *readers;
    struct writer *writer;           /* SQLite */
    struct lender *writers;          /* PostgreSQL, as are the two below */
    struct runner *runner;
    struct listener *listener;
    pthread_mutex_t work_lock;
    pthread_cond_t work;
    uint64_t pokes;                  /* under work_lock */
    _Atomic int64_t patient_until_us; /* until then (monotonic) no thread that must not wait reads: the disk was slow */
};

/* ---- opening ---- */

static struct db *
connect_one(void *ctx, bool write, struct err *err)
{
    struct store *st = ctx;
    struct db *db;
    if (st->postgres)
        db = db_postgres_open(&(struct db_postgres_options){.conninfo = st->path, .prepare = st->prepare, .clock = st->clock}, err);
    else
        db = db_sqlite_open(st->path, write ? DB_SQLITE_WRITER : DB_SQLITE_READER, st->clock, err);
    if (!db)
        return NULL;
    db->match_secret = st->match_secret;
    if (st->options.wrap)
        db = st->options.wrap(db, st->options.wrap_ctx);
    if (db)
        db->identity_generation = &st->identity_generation;
    return db;
}

/* A secret of this database that keys the hash of match keys: made once, by whoever is first. */
static bool
load_match_secret(struct store *st, struct db *db, struct err *err)
{
    struct rng rng;
    rng_init_system(&rng);
    struct str made = str_format(&st->arena, "%lld", (long long)(rng_next(&rng) >> 2));
    if (!db_begin_write(db, err))
        return false;
    struct db_rows rows;
    bool ok = db_exec(db, SQL_META_INIT, DB_ARGS(DB_T(STR("match_secret")), DB_T(made)), NULL, err) &&
              db_query_row(db, SQL_META_GET, DB_ARGS(DB_T(STR("match_secret"))), &rows, err) == ROW_FOUND;
    if (!ok) {
        db_rollback(db);
        return false;
    }
    int64_t secret = 0;
    ok = str_to_i64(db_column_text(&rows, 0), 0, INT64_MAX, &secret);
    db_finish(&rows);
    st->match_secret = db->match_secret = (uint64_t)secret;
    if (!ok) {
        db_rollback(db);
        return err_set(err, E_STORE_CORRUPT, NULL);
    }
    return db_commit(db, err);
}

static bool
bring_up_to_date(struct store *st, struct db *db, struct err *err)
{
    int version = 0;
    if (!db_begin_read(db, err))
        return false;
    bool ok = schema_version(db, &version, err);
    db_rollback(db);
    if (!ok)
        return false;
    if (!st->options.migrate && version < (int)migration_count)
        return err_set(err, E_STORE, "The database has schema %d, this program needs %u: run `tidemark migrate`", version,
                       migration_count);
    if (st->options.migrate && !schema_migrate(db, clock_wall_us(st->clock), err))
        return false;
    return load_match_secret(st, db, err);
}

static unsigned
or_default(unsigned count)
{
    return count ? count : CONNECTIONS_DEFAULT;
}

static bool
open_sqlite(struct store *st, struct err *err)
{
    int version;
    struct store_connect connect = {connect_one, st};
    st->lock_fd = folder_lock(str_cstr(&st->arena, str_join2(&st->arena, st->options.data_dir, STR("/tidemark.lock"))), err);
    if (st->lock_fd < 0 || !sqlite_file_make(st->path, err) ||
        !sqlite_file_check(st->path, st->clock, &version, err))
        return false;
    snprintf(st->engine, sizeof(st->engine), "sqlite %s", sqlite3_libversion());
    struct db *db = connect_one(st, true, err);
    if (!db)
        return false;
    struct writer_options options = {connect, st->clock, st->options.fatal, st->options.fatal_ctx};
    if (bring_up_to_date(st, db, err))
        st->writer = writer_new(&options, db, err);
    if (!st->writer) {
        db_close(db);
        return false;
    }
    st->readers = lender_new(connect, false, or_default(st->options.readers_max), err);
    return st->readers != NULL;
}

static void
heard_of_work(void *ctx)
{
    store_poke(ctx);
}

static bool
name_engine(struct store *st, struct db *db, struct err *err)
{
    struct db_rows rows;
    if (!db_begin_read(db, err))
        return false;
    enum row row = db_query_row(db, SQL_SERVER_VERSION, DB_NO_ARGS, &rows, err);
    if (row == ROW_FOUND) {
        snprintf(st->engine, sizeof(st->engine), "postgresql %.*s", STR_ARG(db_column_text(&rows, 0)));
        db_finish(&rows);
    }
    db_rollback(db);
    return row == ROW_FOUND;
}

static bool
open_postgres(struct store *st, struct err *err)
{
    struct store_connect connect = {connect_one, st};
    unsigned writers = or_default(st->options.writers_max);
    struct db *db = connect_one(st, true, err);
    bool ok = db && name_engine(st, db, err) && bring_up_to_date(st, db, err);
    db_close(db); /* it was opened before the secret was known */
    return ok && (st->readers = lender_new(connect, false, or_default(st->options.readers_max), err)) &&
           (st->writers = lender_new(connect, true, writers, err)) && (st->runner = runner_new(st->writers, writers, err)) &&
           (st->listener = listener_new(st->path, heard_of_work, st, err));
}

static bool
open_either(struct store *st, struct err *err)
{
    struct arena *a = &st->arena;
    bool prepare_off = false;
    if (st->postgres && !database_setting_check(st->options.url, err))
        return false;
    if (!str_is_none(st->options.data_dir)) {
        char *folder = str_cstr(a, st->options.data_dir);
        char *node = str_cstr(a, str_join2(a, st->options.data_dir, STR("/node-id")));
        if (!folder || !node)
            return err_set(err, E_STORE, "The path of the data folder is too long");
        if (!folder_make(folder, err) || !node_id_get(node, st->node_id, err))
            return false;
    } else {
        CHECK(st->postgres);
        uuid_v7_now(st->node_id);
    }
    st->path = str_cstr(a, st->postgres ? postgres_conninfo(a, st->options.url, &prepare_off)
                                        : str_join2(a, st->options.data_dir, STR("/tidemark.db")));
    st->prepare = !prepare_off;
    if (!st->path)
        return err_set(err, E_STORE, "The database setting is too long");
    return st->postgres ? open_postgres(st, err) : open_sqlite(st, err);
}

struct store *
store_open(const struct store_options *options, struct err *err)
{
    struct store *st = alloc_zeroed(1, sizeof(*st));
    if (!st) {
        err_no_memory(err);
        return NULL;
    }
    arena_init(&st->arena, STORE_ARENA_BYTES);
    st->options = *options;
    st->clock = options->clock;
    st->lock_fd = -1;
    st->options.url = str_is_none(options->url) ? STR_NONE : str_copy(&st->arena, options->url);
    st->options.data_dir = str_is_none(options->data_dir) ? STR_NONE : str_copy(&st->arena, options->data_dir);
    st->postgres = options->url.len > 0;
    pthread_mutex_init(&st->work_lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&st->work, &attributes);
    pthread_condattr_destroy(&attributes);
    if (open_either(st, err))
        return st;
    store_close(st);
    return NULL;
}

/* Readers before the writer: the last connection to close is the one that may checkpoint. */
void
store_close(struct store *st)
{
    if (!st)
        return;
    listener_free(st->listener);
    runner_free(st->runner);
    lender_free(st->readers);
    lender_free(st->writers);
    writer_free(st->writer);
    if (st->lock_fd >= 0)
        close(st->lock_fd);
    pthread_cond_destroy(&st->work);
    pthread_mutex_destroy(&st->work_lock);
    arena_release(&st->arena);
    free(st);
}

/* ---- reading and writing ---- */

static _Thread_local struct rider {
    store_rider_fn *fn;
    void *ctx;
} rider;

/* A closure with somebody riding along. */
struct ride {
    store_fn *fn;
    void *ctx;
    struct rider rider;
};

static bool
ride(struct db *db, void *ctx, struct err *err)
{
    struct ride *r = ctx;
    db->effect[0] = '\0';
    if (!r->fn(db, r->ctx, err))
        return false;
    return db->effect[0] == '\0' || r->rider.fn(db, r->rider.ctx, str_from_c(db->effect), err);
}

void
store_rider_set(store_rider_fn *fn, void *ctx)
{
    rider = (struct rider){fn, ctx};
}

bool
store_write(struct store *st, store_fn *fn, void *ctx, struct err *err)
{
    if (hurry_is_on())
        return hurry_refuse(err);
    struct ride with_rider = {fn, ctx, rider};
    if (rider.fn) {
        fn = ride;
        ctx = &with_rider;
    }
    return st->postgres ? lender_write(st->writers, fn, ctx, err) : writer_run(st->writer, fn, ctx, err);
}

struct call_note {
    const char *kind;
    struct str what;
};

static bool
note_call(struct db *db, void *ctx, struct err *err)
{
    const struct call_note *n = ctx;
    (void)err;
    db_note_effect(db, n->kind, n->what);
    return true;
}

bool
store_note_call(struct store *st, struct str what, bool undone, struct err *err)
{
    struct call_note n = {undone ? "no-call" : "call", what};
    return !rider.fn || store_write(st, note_call, &n, err);
}

bool
store_keeps_order(const struct store *st)
{
    return !st->postgres;
}

static void
submit(struct store *st, enum store_lane lane, store_fn *fn, void *ctx, store_done_fn *done)
{
    if (st->postgres)
        runner_submit(st->runner, lane, fn, ctx, done);
    else
        writer_submit(st->writer, lane, fn, ctx, done);
}

/* A ride that nobody's stack holds. */
struct long_ride {
    struct ride ride;
    store_done_fn *done;
};

static bool
ride_long(struct db *db, void *ctx, struct err *err)
{
    struct long_ride *r = ctx;
    return ride(db, &r->ride, err);
}

static void
long_ride_done(void *ctx, bool ok, const struct err *err)
{
    struct long_ride *r = ctx;
    r->done(r->ride.ctx, ok, err);
    free(r);
}

void
store_write_async(struct store *st, enum store_lane lane, store_fn *fn, void *ctx, store_done_fn *done)
{
    struct err err = {0};
    if (!rider.fn) {
        submit(st, lane, fn, ctx, done);
        return;
    }
    struct long_ride *r = alloc_zeroed(1, sizeof(*r));
    if (!r) {
        err_no_memory(&err);
        done(ctx, false, &err);
        return;
    }
    *r = (struct long_ride){{fn, ctx, rider}, done};
    submit(st, lane, ride_long, r, long_ride_done);
}

void
store_settle(struct store *st)
{
    if (st->postgres)
        runner_settle(st->runner);
    else
        writer_settle(st->writer);
}

bool
store_read(struct store *st, store_fn *fn, void *ctx, struct err *err)
{
    bool idle = false;
    if (!hurry_is_on())
        return lender_read(st->readers, fn, ctx, err);
    struct hurried_read read = hurried_read_begin(st->clock);
    bool ok = !st->postgres && lender_read_idle(st->readers, fn, ctx, &idle, err);
    if (!idle)
        return hurry_refuse(err);
    hurried_read_end(&read, st->clock, &st->patient_until_us);
    return ok;
}

bool
store_reads_at_once(const struct store *st)
{
    return !st->postgres && clock_monotonic_us(st->clock) >= atomic_load(&st->patient_until_us);
}

int64_t
store_now(struct db *db)
{
    return db->driver->now_us(db);
}

/* ---- waiting for work ---- */

void
store_poke(struct store *st)
{
    pthread_mutex_lock(&st->work_lock);
    st->pokes++;
    pthread_cond_broadcast(&st->work);
    pthread_mutex_unlock(&st->work_lock);
}

/* A poke that came since this thread last looked counts: it may have come between its claim and this call. */
void
store_wait_work(struct store *st, int64_t timeout_ms)
{
    static _Thread_local uint64_t seen;
    struct timespec until = clock_deadline(timeout_ms * US_PER_MS);
    pthread_mutex_lock(&st->work_lock);
    while (st->pokes == seen && pthread_cond_timedwait(&st->work, &st->work_lock, &until) == 0)
        ;
    seen = st->pokes;
    pthread_mutex_unlock(&st->work_lock);
}

/* ---- health ---- */

static int64_t
file_bytes(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 ? status.st_size : 0;
}

static bool
read_bytes(struct db *db, void *ctx, struct err *err)
{
    return db_query_i64(db, SQL_DATABASE_BYTES, DB_NO_ARGS, ctx, err) == ROW_FOUND;
}

void
store_health(struct store *st, struct store_health *health_out)
{
    struct store_health health = {.engine = st->engine, .schema_version = (int)migration_count};
    struct err err;
    if (st->postgres) {
        health.writable = store_read(st, read_bytes, &health.database_bytes, &err);
        health.queue_length = runner_queue_length(st->runner);
    } else {
        struct writer_state state;
        writer_state(st->writer, &state);
        health.disk_full = state.disk_full;
        health.writable = !state.disk_full && !state.broken;
        health.queue_length = state.queue_length;
        health.database_bytes = file_bytes(st->path);
    }
    *health_out = health;
}

int64_t
store_queue_length(struct store *st)
{
    struct writer_state state;
    if (st->postgres)
        return runner_queue_length(st->runner);
    writer_state(st->writer, &state);
    return state.queue_length;
}

bool
store_is_pressed(struct store *st)
{
    struct writer_state state;
    if (st->postgres)
        return runner_queue_length(st->runner) > PRESSED_QUEUE;
    writer_state(st->writer, &state);
    return state.pressed || state.queue_length > PRESSED_QUEUE;
}

uint64_t
store_identity_generation(struct store *st)
{
    return atomic_load(&st->identity_generation);
}

struct str
store_node_id(const struct store *st)
{
    return str_from_c(st->node_id);
}
