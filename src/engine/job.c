/*
 * Jobs as people and the schedule thread handle them: queue, look, pause, resume, cancel, purge, fire.
 */
#include "engine/job.h"

#include "base/limits.h"
#include "engine/engine_priv.h"
#include "engine/when.h"
#include "queue/calendar.h"

#define CONNECTIONS_LISTED 10
#define DUE_ROWS 100
#define ROUND_ARENA_BYTES (64L * 1024 * 1024)
#define LOOK_AGAIN_MS 50

static bool
is_idle(const struct engine *e)
{
    return e->started && pool_idle(e->pool) > 0;
}

/* ---- queueing ---- */

struct queue {
    struct engine *engine;
    struct arena *arena;
    int64_t tenant;
    struct job_plan plan;
    struct str place;           /* which is looked for now */
    bool target;                /* it is the second one */
    struct connection connection;
    struct job_queueing out;
};

static bool
fail_ambiguous(const struct connection *rows, size_t count, struct err *err)
{
    struct buf b;
    buf_init(&b, 2048);
    for (size_t i = 0; i < count; i++)
        buf_addf(&b, "%s%.*s (%.*s)", i ? ", " : "", STR_ARG(rows[i].uuid), STR_ARG(str_slice(rows[i].name, 0, 40)));
    err_set(err, E_CONNECTION_AMBIGUOUS, "Several connections of this platform exist: name one by its id: %.*s",
            STR_ARG(buf_str(&b)));
    buf_release(&b);
    return false;
}

/* The tenant's only enabled connection of a platform. */
static bool
find_by_template(struct queue *q, struct db *db, struct err *err)
{
    struct connection_filter filter = CONNECTION_FILTER_ALL;
    struct connection *rows = NULL;
    size_t count = 0;
    filter.template_name = q->place;
    filter.enabled = 1;
    filter.limit = CONNECTIONS_LISTED;
    if (!store_connection_list(db, q->arena, q->tenant, &filter, &rows, &count, NULL, err))
        return false;
    if (count == 0)
        return err_set(err, E_CONNECTION_NOT_FOUND, "There is no enabled connection of platform \"%.*s\"", STR_ARG(q->place));
    if (count > 1)
        return fail_ambiguous(rows, count, err);
    q->connection = rows[0];
    return true;
}

static bool
find_source(struct db *db, void *ctx, struct err *err)
{
    struct queue *q = ctx;
    if (!uuid_is_valid(q->place))
        return find_by_template(q, db, err);
    switch (store_connection_get(db, q->arena, q->tenant, q->place, &q->connection, err)) {
    case ROW_FOUND: return q->connection.enabled || err_set(err, E_CONNECTION_DISABLED, NULL);
    case ROW_NONE: return err_set(err, E_CONNECTION_NOT_FOUND, NULL);
    case ROW_FAILED: break;
    }
    return false;
}

static bool
check_template(struct queue *q, struct str name, struct err *err)
{
    struct template *t = registry_get(q->engine->options.templates, name, err);
    if (t == NULL && err->code == E_PLATFORM_NOT_SUPPORTED)
        err_add_item(err, q->target ? STR("/data/target") : STR("/data/source"), "%s", err->message);
    bool ok = t != NULL && (q->target ? job_request_check_target(t, &q->plan, err) : job_request_check(t, &q->plan, err));
    template_unref(t);
    return ok;
}

/* A platform that nobody knows is a slip in the request; one without a connection is something missing here. */
static bool
find_place(struct queue *q, struct str place, int64_t *connection_out, struct err *err)
{
    q->place = place;
    if (!uuid_is_valid(place) && !check_template(q, place, err))
        return false;
    if (!store_read(q->engine->options.store, find_source, q, err) || !check_template(q, q->connection.template_name, err))
        return false;
    *connection_out = q->connection.id;
    return true;
}

static bool
create_job(struct db *db, void *ctx, struct err *err)
{
    struct queue *q = ctx;
    struct job job = q->plan.job;
    int64_t now_us = store_now(db);
    bool ready = job.waiting && job.start_after_us <= now_us;
    q->out.started = false;
    if (!store_job_create(db, q->arena, &job, now_us, err) ||
        (ready && !store_job_start_next(db, job.tenant, job.connection, now_us, &q->out.started, err)))
        return false;
    if (ready && store_job_get(db, q->arena, job.tenant, job.id, &job, err) != ROW_FOUND)
        return false;
    return job_look(db, q->arena, &job, is_idle(q->engine), now_us, &q->out.view, err);
}

bool
engine_job_queue(struct engine *e, struct arena *a, int64_t tenant, const struct job_request *request,
                 struct job_queueing **queueing_out, struct err *err)
{
    struct queue *q = ARENA_NEW(a, struct queue);
    if (!q)
        return err_no_memory(err);
    *q = (struct queue){.engine = e, .arena = a, .tenant = tenant};
    if (!job_request_read(a, request, clock_wall_us(e->options.clock), &q->plan, err))
        return false;
    struct job *job = &q->plan.job;
    job->tenant = tenant;
    if (!find_place(q, q->plan.source, &job->connection, err))
        return false;
    if (!str_is_none(q->plan.target)) {
        q->target = true;
        job->source = job->connection;
        if (!find_place(q, q->plan.target, &job->target, err))
            return false;
        if (job->target == job->source)
            return err_invalid(err, "/data/target", "Invalid job configuration: data.target is the same connection as data.source");
    }
    q->out.call = (struct store_call){create_job, q};
    *queueing_out = &q->out;
    return true;
}

/* A job that only waits is nothing for a worker. */
void
engine_job_queued(struct engine *e, const struct job_queueing *queueing)
{
    if (queueing->started)
        store_poke(e->options.store);
}

/* ---- asking ---- */

struct ask {
    struct engine *engine;
    struct arena *arena;
    int64_t tenant;
    struct str name;
    enum job_ask what;
    struct job job;
    struct job_view view;
    int64_t run;                    /* a worker has it, and should know */
};

static bool
find_job(struct db *db, struct ask *k, struct err *err)
{
    switch (store_job_find(db, k->arena, k->tenant, k->name, &k->job, err)) {
    case ROW_FOUND: return true;
    case ROW_NONE: return err_set(err, E_JOB_NOT_FOUND, NULL);
    case ROW_FAILED: break;
    }
    return false;
}

static bool
ask_job(struct db *db, void *ctx, struct err *err)
{
    struct ask *k = ctx;
    struct run run;
    int64_t now_us = store_now(db), next_us = 0;
    k->run = 0;
    if (!find_job(db, k, err))
        return false;
    if (k->what == JOB_ASK_RESUME && k->job.next_us > 0 && !when_next(k->job.schedule, now_us, &next_us, err))
        return false;
    if (!store_job_ask(db, k->arena, &k->job, k->what, next_us, now_us, &k->job, err) ||
        !job_look(db, k->arena, &k->job, is_idle(k->engine), now_us, &k->view, err))
        return false;
    if (str_is_none(k->view.run) || (!k->view.pause_asked && !k->view.cancel_asked))
        return true;
    enum row row = store_run_get(db, k->arena, k->tenant, k->view.run, &run, err);
    k->run = row == ROW_FOUND ? run.id : 0;
    return row != ROW_FAILED;
}

static bool
look_again(struct db *db, void *ctx, struct err *err)
{
    struct ask *k = ctx;
    enum row row = store_job_get(db, k->arena, k->tenant, k->job.id, &k->job, err);
    if (row != ROW_FOUND) /* purged meanwhile: what we saw last stands */
        return row == ROW_NONE;
    return job_look(db, k->arena, &k->job, is_idle(k->engine), store_now(db), &k->view, err);
}

static bool
look_at_job(struct db *db, void *ctx, struct err *err)
{
    struct ask *k = ctx;
    enum row row = store_job_find(db, k->arena, k->tenant, k->name, &k->job, err);
    if (row != ROW_FOUND)
        return row == ROW_NONE && err_set(err, E_JOB_NOT_FOUND, NULL);
    return job_look(db, k->arena, &k->job, is_idle(k->engine), store_now(db), &k->view, err);
}

bool
engine_job_find(struct engine *e, struct arena *a, int64_t tenant, struct str uuid, struct job_view *view_out,
                struct err *err)
{
    struct ask k = {.engine = e, .arena = a, .tenant = tenant, .name = uuid};
    if (!store_read(e->options.store, look_at_job, &k, err))
        return false;
    *view_out = k.view;
    return true;
}

bool
engine_job_ask(struct engine *e, struct arena *a, int64_t tenant, struct str name, enum job_ask ask, int64_t wait_ms,
               struct job_view *view_out, struct err *err)
{
    struct ask k = {.engine = e, .arena = a, .tenant = tenant, .name = name, .what = ask};
    if (!store_write(e->options.store, ask_job, &k, err))
        return false;
    if (k.run != 0)
        lease_ask(e->keeper, k.run);
    engine_changed(e);
    store_poke(e->options.store);
    int64_t until_us = clock_monotonic_us(clock_system()) + wait_ms * US_PER_MS;
    while ((k.view.pause_asked || k.view.cancel_asked) && !atomic_load(&e->stopping) &&
           clock_monotonic_us(clock_system()) < until_us) {
        engine_wait_change(e, LOOK_AGAIN_MS);
        if (!store_read(e->options.store, look_again, &k, err))
            return false;
    }
    *view_out = k.view;
    return true;
}

/* ---- lists ---- */

struct list_of {
    struct engine *engine;
    struct arena *arena;
    int64_t tenant;
    const struct job_filter *filter;
    struct job_view *views;
    size_t count;
    int64_t total;
    bool counted;
};

static bool
read_list(struct db *db, void *ctx, struct err *err)
{
    struct list_of *l = ctx;
    struct job *rows = NULL;
    int64_t now_us = store_now(db);
    if (!store_job_list(db, l->arena, l->tenant, l->filter, &rows, &l->count, l->counted ? &l->total : NULL, err))
        return false;
    l->views = ARENA_ARRAY(l->arena, struct job_view, l->count + 1);
    if (l->views == NULL)
        return err_no_memory(err);
    for (size_t i = 0; i < l->count; i++)
        if (!job_look(db, l->arena, &rows[i], is_idle(l->engine), now_us, &l->views[i], err))
            return false;
    return true;
}

bool
engine_job_list(struct engine *e, struct arena *a, int64_t tenant, const struct job_filter *filter,
                struct job_view **rows_out, size_t *count_out, int64_t *total_out, struct err *err)
{
    struct list_of l = {.engine = e, .arena = a, .tenant = tenant, .filter = filter, .counted = total_out != NULL};
    if (!store_read(e->options.store, read_list, &l, err))
        return false;
    *rows_out = l.views;
    *count_out = l.count;
    if (total_out != NULL)
        *total_out = l.total;
    return true;
}

/* ---- purge ---- */

struct purge {
    int64_t tenant;
    struct job_purge before, after;
};

static bool
purge_batch(struct db *db, void *ctx, struct err *err)
{
    struct purge *p = ctx;
    p->after = p->before;
    return store_job_purge(db, p->tenant, &p->after, err);
}

bool
engine_job_purge(struct engine *e, int64_t tenant, struct job_purge *purged_out, struct err *err)
{
    struct purge p = {.tenant = tenant};
    do {
        if (!store_write(e->options.store, purge_batch, &p, err))
            return false;
        p.before = p.after;
    } while (p.after.more);
    *purged_out = p.after;
    return true;
}

/* ---- what is due ---- */

struct round {
    struct arena *arena;
    struct job *due;
    struct job_place *places;
    size_t due_count, place_count;
};

static bool
read_due(struct db *db, void *ctx, struct err *err)
{
    struct round *r = ctx;
    return store_job_due(db, r->arena, store_now(db), DUE_ROWS, &r->due, &r->due_count, err);
}

static bool
read_startable(struct db *db, void *ctx, struct err *err)
{
    struct round *r = ctx;
    return store_job_startable(db, r->arena, store_now(db), DUE_ROWS, &r->places, &r->place_count, err);
}

struct fire {
    const struct job *job;
    bool fired;
};

/* One that was missed is caught up once, unless it was missed too long ago (I-27). */
static bool
fire(struct db *db, void *ctx, struct err *err)
{
    struct fire *f = ctx;
    int64_t now_us = store_now(db), next_us = 0;
    bool fresh = now_us - f->job->next_us <= CALENDAR_CATCH_UP_US;
    return when_next(f->job->schedule, now_us, &next_us, err) &&
           store_job_fire(db, f->job, next_us, fresh, now_us, &f->fired, err);
}

struct start {
    const struct job_place *place;
    bool started;
};

static bool
start(struct db *db, void *ctx, struct err *err)
{
    struct start *s = ctx;
    s->started = false;
    return store_job_start_next(db, s->place->tenant, s->place->connection, store_now(db), &s->started, err);
}

static void
fire_all(struct engine *e, const struct round *r)
{
    for (size_t i = 0; i < r->due_count; i++) {
        struct err why = {0};
        struct fire f = {.job = &r->due[i]};
        if (!store_write(e->options.store, fire, &f, &why))
            log_err(LOG_WARN, "a repeating job could not fire", &why);
    }
}

static int64_t
start_all(struct engine *e, const struct round *r)
{
    int64_t started = 0;
    for (size_t i = 0; i < r->place_count; i++) {
        struct err why = {0};
        struct start s = {.place = &r->places[i]};
        if (!store_write(e->options.store, start, &s, &why))
            log_err(LOG_WARN, "a waiting job could not be started", &why);
        started += s.started;
    }
    return started;
}

bool
engine_job_round(struct engine *e, int64_t *started_out, struct err *err)
{
    struct arena scratch;
    arena_init(&scratch, ROUND_ARENA_BYTES);
    struct round r = {.arena = &scratch};
    bool ok = store_read(e->options.store, read_due, &r, err);
    if (ok)
        fire_all(e, &r);
    ok = ok && store_read(e->options.store, read_startable, &r, err);
    int64_t started = ok ? start_all(e, &r) : 0;
    arena_release(&scratch);
    if (started > 0)
        store_poke(e->options.store);
    if (ok)
        *started_out = started;
    return ok;
}
