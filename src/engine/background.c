/*
 * What happens without being asked: schedules fire, broken connections are tested again, text search follows.
 *
 * Threads of their own, because a test blocks on a vendor and a firing must not wait for that. All nodes look; the
 * row's own time is moved in the closure that creates the run, so each due time fires once (I-26).
 */
#include "engine/engine_priv.h"
#include "engine/catalogue.h"
#include "engine/job.h"
#include "engine/push.h"
#include "engine/search.h"
#include "engine/tenant.h"
#include "engine/when.h"
#include "queue/calendar.h"
#include "queue/schedule.h"

#define LOOK_MS 1000
#define SEARCH_LOOK_MS 300
#define SEARCH_BESIDE_PAGES 3 /* pauses so many times as long as it worked */
#define SEARCH_FAILED_MS 10000
#define SEARCH_GIVE_WAY_MS 50
#define SEARCH_GIVE_WAY_TIMES 40 /* then a batch goes anyway: a storm may last, and people search meanwhile */
#define DUE_ROWS 100
#define BUSY_AGAIN_US (10 * US_PER_S)   /* a firing that finds its connection busy waits; later ones join it */
#define PUSH_AGAIN_US (LOOK_MS * US_PER_MS / 2) /* and while changes are sent: at the next look, so that reading comes before more */
#define ROUND_ARENA_BYTES (64L * 1024 * 1024)

struct due_read {
    struct arena *arena;
    struct connection_due *rows;
    size_t count;
    bool reconnect;
};

static bool
read_due(struct db *db, void *ctx, struct err *err)
{
    struct due_read *d = ctx;
    int64_t now_us = store_now(db);
    arena_clear(d->arena);
    return d->reconnect ? store_connection_reconnects(db, d->arena, now_us, DUE_ROWS, &d->rows, &d->count, err)
                        : store_connection_due(db, d->arena, now_us, DUE_ROWS, &d->rows, &d->count, err);
}

/* ---- schedules ---- */

struct fire {
    struct engine *engine;
    struct arena *arena;
    const struct connection_due *due;
    struct connection connection;
    struct engine_schedule schedule;
    bool busy, fired;
    struct rng rng;
};

static bool
read_connection(struct db *db, void *ctx, struct err *err)
{
    struct fire *f = ctx;
    return store_connection_get_by_id(db, f->arena, f->due->tenant, f->due->connection, &f->connection, err) == ROW_FOUND ||
           err_set(err, E_CONNECTION_NOT_FOUND, NULL);
}

/* When a firing is looked at again, or comes next. */
static bool
next_firing(struct db *db, const struct fire *f, int64_t now_us, int64_t *next_us_out, struct err *err)
{
    struct run other;
    int64_t interval_us = f->due->full ? f->schedule.full_interval_us : f->schedule.interval_us;
    bool repeats = f->schedule.repeats && !f->due->full;
    *next_us_out = interval_us > 0 && !repeats ? schedule_next_us(f->due->due_us, interval_us, now_us) : 0;
    if (!f->busy)
        return !repeats || when_next(f->connection.schedule, now_us, next_us_out, err);
    enum row row = store_run_unfinished(db, f->arena, f->due->tenant, f->due->connection, &other, err);
    bool pushes = row == ROW_FOUND && str_eq_c(other.trigger, "push");
    *next_us_out = now_us + (pushes ? PUSH_AGAIN_US : BUSY_AGAIN_US);
    return row != ROW_FAILED;
}

static bool
fire(struct db *db, void *ctx, struct err *err)
{
    struct fire *f = ctx;
    int64_t now_us = store_now(db), next_us;
    f->fired = false;
    if (!next_firing(db, f, now_us, &next_us, err) || !store_connection_fire(db, f->due, next_us, &f->fired, err))
        return false;
    if (!f->fired || f->busy)
        return true;
    if (f->schedule.repeats && !f->due->full && now_us - f->due->due_us > CALENDAR_CATCH_UP_US) { /* missed too long ago (I-27) */
        f->fired = false;
        return true;
    }
    struct run run;
    struct run_new ask = {.tenant = f->due->tenant, .connection = f->due->connection, .full = f->due->full,
                          .direction = str_eq_c(f->connection.direction, "push") ? STR("push") : STR("pull"),
                          .trigger = STR("schedule"), .priority = PRIORITY_NORMAL};
    return store_run_create(db, f->arena, &ask, now_us, &run, err);
}

static bool
fire_one(struct engine *e, const struct connection_due *due, struct arena *a, bool *fired_out, struct err *err)
{
    struct fire f = {.engine = e, .arena = a, .due = due};
    *fired_out = false;
    if (!store_read(e->options.store, read_connection, &f, err))
        return false;
    struct template *t = registry_get(e->options.templates, f.connection.template_name, err);
    if (t == NULL || !engine_schedule_of(e, t, f.connection.schedule, &f.schedule, err)) {
        template_unref(t);
        f.busy = true; /* it cannot run now: look again later */
        return store_write(e->options.store, fire, &f, err);
    }
    template_unref(t);
    bool ok = store_write(e->options.store, fire, &f, err);
    if (!ok && err->code == E_SYNC_IN_PROGRESS) {
        f.busy = true;
        return store_write(e->options.store, fire, &f, err);
    }
    *fired_out = ok && f.fired;
    return ok;
}

bool
engine_schedule_round(struct engine *e, int64_t *fired_out, struct err *err)
{
    struct arena due_arena, scratch;
    arena_init(&due_arena, ROUND_ARENA_BYTES);
    arena_init(&scratch, ROUND_ARENA_BYTES);
    struct due_read d = {.arena = &due_arena};
    bool ok = store_read(e->options.store, read_due, &d, err);
    int64_t fired = 0;
    for (size_t i = 0; ok && i < d.count; i++) {
        bool one = false;
        struct err why = {0};
        if (!fire_one(e, &d.rows[i], &scratch, &one, &why))
            log_err(LOG_WARN, "a schedule could not fire", &why);
        fired += one;
        arena_clear(&scratch);
    }
    if (fired > 0)
        store_poke(e->options.store);
    arena_release(&due_arena);
    arena_release(&scratch);
    if (ok)
        *fired_out = fired;
    return ok;
}

void *
engine_schedule_main(void *ctx)
{
    struct engine *e = ctx;
    do {
        struct err err = {0};
        int64_t fired = 0;
        if (!engine_schedule_round(e, &fired, &err))
            log_err(LOG_WARN, "schedules could not be looked at", &err);
        err = (struct err){0};
        if (!engine_job_round(e, &fired, &err))
            log_err(LOG_WARN, "waiting jobs could not be looked at", &err);
        err = (struct err){0};
        if (!engine_push_round(e, &fired, &err))
            log_err(LOG_WARN, "what waits to be pushed could not be looked at", &err);
        err = (struct err){0};
        if (!catalogue_refresh(e, &err))
            log_err(LOG_WARN, "stored templates could not be looked at", &err);
    } while (engine_sleep(e, LOOK_MS));
    return NULL;
}

/* ---- reconnection ---- */

struct take {
    const struct connection_due *due;
    int64_t next_us;
    bool taken;
};

static bool
take_reconnect(struct db *db, void *ctx, struct err *err)
{
    struct take *t = ctx;
    return store_connection_reconnect_take(db, t->due, t->next_us, &t->taken, err);
}

static bool
reconnect_one(struct engine *e, const struct connection_due *due, struct arena *a, bool *tested_out, struct err *err)
{
    /* The time is moved first, so that no other node tests it too; the result then sets the real one. */
    struct take t = {.due = due, .next_us = due->due_us + RECONNECT_CAP_US};
    *tested_out = false;
    if (!store_write(e->options.store, take_reconnect, &t, err) || !t.taken)
        return t.taken;
    *tested_out = true;
    struct err why = {0};
    if (!engine_test_connection(e, a, due->tenant, due->connection, true, &why))
        log_write(LOG_INFO, "a broken connection still does not work", LOG_I("connection", due->connection),
                  LOG_C("code", err_name(why.code)));
    return true;
}

bool
engine_reconnect_round(struct engine *e, int64_t *tested_out, struct err *err)
{
    struct arena due_arena, scratch;
    arena_init(&due_arena, ROUND_ARENA_BYTES);
    arena_init(&scratch, ROUND_ARENA_BYTES);
    struct due_read d = {.arena = &due_arena, .reconnect = true};
    bool ok = store_read(e->options.store, read_due, &d, err);
    int64_t tested = 0;
    for (size_t i = 0; ok && i < d.count && !atomic_load(&e->stopping); i++) {
        bool one = false;
        struct err why = {0};
        if (!reconnect_one(e, &d.rows[i], &scratch, &one, &why) && why.code != E_OK)
            log_err(LOG_WARN, "a broken connection could not be tested", &why);
        tested += one;
        arena_clear(&scratch);
    }
    arena_release(&due_arena);
    arena_release(&scratch);
    if (ok)
        *tested_out = tested;
    return ok;
}

void *
engine_reconnect_main(void *ctx)
{
    struct engine *e = ctx;
    struct err left = {0};
    if (!engine_deletions_finish(e, &left))
        log_err(LOG_WARN, "connections whose deletion had begun could not be removed", &left);
    do {
        struct err err = {0};
        int64_t tested = 0;
        if (!engine_reconnect_round(e, &tested, &err))
            log_err(LOG_WARN, "broken connections could not be looked at", &err);
        err = (struct err){0};
        if (!engine_tenants_round(e, &err))
            log_err(LOG_WARN, "a tenant could not be deleted and will be tried again", &err);
    } while (engine_sleep(e, LOOK_MS));
    return NULL;
}

/* ---- text search ---- */

/* How long to wait before the next batch: pages that are committed meanwhile go first. */
static int64_t
search_pause_ms(struct engine *e, int64_t began_us, int64_t *pages_seen)
{
    int64_t pages = atomic_load(&e->pages), took_ms = (clock_monotonic_us(e->options.clock) - began_us) / US_PER_MS;
    bool busy = pages != *pages_seen;
    *pages_seen = pages;
    return busy ? SEARCH_BESIDE_PAGES * (took_ms + 1) : 0;
}

/* Those that somebody waits for, who is about to be told that they are kept. False: the engine stops. */
static bool
search_gives_way(struct engine *e)
{
    for (int i = 0; i < SEARCH_GIVE_WAY_TIMES && store_is_pressed(e->options.store); i++)
        if (!engine_sleep(e, SEARCH_GIVE_WAY_MS))
            return false;
    return true;
}

void *
engine_search_main(void *ctx)
{
    struct engine *e = ctx;
    int64_t pages_seen = 0, pause_ms;
    do {
        struct err err = {0};
        bool more = false;
        int64_t began_us = clock_monotonic_us(e->options.clock);
        bool ok = search_round(e->options.store, &more, &err);
        if (!ok)
            log_err(LOG_WARN, "text search could not follow", &err);
        pause_ms = !ok ? SEARCH_FAILED_MS : more ? search_pause_ms(e, began_us, &pages_seen) : SEARCH_LOOK_MS;
    } while (engine_sleep(e, pause_ms) && search_gives_way(e));
    return NULL;
}
