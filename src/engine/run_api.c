/*
 * What people may ask of runs: start, wait, cancel, pause, resume, confirm.
 *
 * All of it is rows: the worker that has the run, here or on another node, sees them at its next fence. A
 * worker of this process is told at once.
 */
#include "engine/account.h"
#include "engine/engine_priv.h"
#include "engine/match_release.h"
#include "engine/push.h"
#include "store/store_delete.h"
#include "store/store_tenant.h"

#define WAIT_LOOK_MS 250          /* other nodes finish runs too: look that often */
#define CONNECTIONS_LISTED 10

struct start {
    struct engine *engine;
    struct arena *arena;
    int64_t tenant;
    const struct run_request *request;
    struct connection connection;
    struct run *run_out;
};

static bool
is_direction(struct str direction)
{
    return direction.len == 0 || str_eq_c(direction, "pull") || str_eq_c(direction, "push") || str_eq_c(direction, "both");
}

/* The tenant's only enabled connection of that provider. */
static bool
find_by_provider(struct start *s, struct db *db, struct err *err)
{
    struct connection_filter filter = CONNECTION_FILTER_ALL;
    filter.template_name = s->request->provider;
    filter.enabled = 1;
    filter.limit = CONNECTIONS_LISTED;
    struct connection *rows = NULL;
    size_t count = 0;
    if (s->request->provider.len == 0)
        return err_invalid(err, "/connectionId", "Name the connection (connectionId) or its platform (provider)");
    if (!store_connection_list(db, s->arena, s->tenant, &filter, &rows, &count, NULL, err))
        return false;
    if (count == 0)
        return err_set(err, E_CONNECTION_NOT_FOUND, "There is no enabled connection of platform \"%.*s\"",
                       STR_ARG(s->request->provider));
    if (count > 1) {
        err_set(err, E_CONNECTION_AMBIGUOUS, NULL);
        for (size_t i = 0; i < count; i++)
            err_add_item(err, STR("/connectionId"), "%.*s (%.*s)", STR_ARG(rows[i].uuid), STR_ARG(rows[i].name));
        return false;
    }
    s->connection = rows[0];
    return true;
}

static bool
find_connection(struct db *db, void *ctx, struct err *err)
{
    struct start *s = ctx;
    if (s->request->connection.len == 0)
        return find_by_provider(s, db, err);
    switch (store_connection_get(db, s->arena, s->tenant, s->request->connection, &s->connection, err)) {
    case ROW_FOUND: break;
    case ROW_NONE: return err_set(err, E_CONNECTION_NOT_FOUND, NULL);
    case ROW_FAILED: return false;
    }
    if (!s->connection.enabled)
        return err_set(err, E_CONNECTION_DISABLED, NULL);
    return true;
}

/* The streams that this connection's configuration makes. */
static bool
makes_stream(struct start *s, struct str wanted)
{
    struct err ignored = {0};
    struct account account;
    if (!account_open(s->engine, s->arena, s->tenant, s->connection.id, &account, &ignored))
        return true; /* the run says why */
    bool found = template_reads(account.template, wanted);
    account_close(&account);
    return found;
}

/* Where nothing can be written, a run that was to send would only read, or fail later. */
static bool
check_direction(const struct start *s, const struct template *t, struct err *err)
{
    struct str direction = s->request->direction, entity = s->request->stream.len > 0 ? s->request->stream : STR_NONE;
    if (direction.len == 0 || str_eq_c(direction, "pull") || push_can_write(t, entity))
        return true;
    return err_invalid(err, "/direction", "This platform cannot be written to: its template has no `writes` for what was asked; "
                       "leave direction out, or say pull");
}

static bool
check_stream(struct start *s, struct err *err)
{
    struct str wanted = s->request->stream;
    struct err why = {0};
    struct template *t = registry_get(s->engine->options.templates, s->connection.template_name, &why);
    bool configure_only = t != NULL && template_info(t)->configure_only;
    if (t == NULL || configure_only) {
        template_unref(t);
        if (configure_only)
            return err_set(err, E_TEMPLATE_REFUSED, "This integration type can be configured, not synced: its template has no manifest");
        return wanted.len == 0 || err_set(err, why.code, "%s", why.message);
    }
    bool found = wanted.len == 0 || template_reads(t, wanted) || (template_depends_on_config(t) && makes_stream(s, wanted));
    bool ok = found ? check_direction(s, t, err)
                    : err_invalid(err, "/entityType", "This platform has no stream \"%.*s\"", STR_ARG(wanted));
    template_unref(t);
    return ok;
}

/* Changes are only noted for connections that push by themselves. One that reads, asked to push, sends what does not agree. */
static bool
is_full(const struct start *s, struct str direction)
{
    return s->request->full || (str_eq_c(direction, "push") && !connection_pushes(&s->connection));
}

static bool
create_run(struct db *db, void *ctx, struct err *err)
{
    struct start *s = ctx;
    const struct run_request *r = s->request;
    struct str own = str_eq_c(s->connection.direction, "push") ? STR("push") : STR("pull");
    struct str direction = r->direction.len > 0 ? r->direction : own;
    struct run_new ask = {.tenant = s->tenant, .connection = s->connection.id, .full = is_full(s, direction),
                          .entity = r->stream.len > 0 ? r->stream : STR_NONE, .direction = direction,
                          .trigger = r->trigger.len > 0 ? r->trigger : STR("manual"), .priority = PRIORITY_NORMAL};
    return store_run_create(db, s->arena, &ask, store_now(db), s->run_out, err);
}

bool
engine_run_start(struct engine *e, struct arena *a, int64_t tenant, const struct run_request *request,
                 struct run *run_out, struct err *err)
{
    if (!is_direction(request->direction))
        return err_invalid(err, "/direction", "`direction` is pull, push or both");
    struct run run = {0};
    struct start s = {.engine = e, .arena = a, .tenant = tenant, .request = request, .run_out = &run};
    if (!store_read(e->options.store, find_connection, &s, err) || !check_stream(&s, err) ||
        !store_write(e->options.store, create_run, &s, err))
        return false;
    store_poke(e->options.store);
    *run_out = run;
    return true;
}

/* ---- waiting ---- */

struct run_look {
    struct arena *arena;
    int64_t tenant;
    struct str uuid;
    struct run run;
    enum row row;
};

static bool
look(struct db *db, void *ctx, struct err *err)
{
    struct run_look *l = ctx;
    l->row = store_run_get(db, l->arena, l->tenant, l->uuid, &l->run, err);
    if (l->row == ROW_NONE)
        return err_set(err, E_RUN_NOT_FOUND, NULL);
    return l->row == ROW_FOUND;
}

static void
wait_for_change(struct engine *e, uint64_t seen, int64_t ms)
{
    struct timespec until = clock_deadline(ms * US_PER_MS);
    pthread_mutex_lock(&e->lock);
    while (e->changes == seen && !atomic_load(&e->stopping) &&
           pthread_cond_timedwait(&e->changed, &e->lock, &until) == 0)
        ;
    pthread_mutex_unlock(&e->lock);
}

static uint64_t
changes_now(struct engine *e)
{
    pthread_mutex_lock(&e->lock);
    uint64_t changes = e->changes;
    pthread_mutex_unlock(&e->lock);
    return changes;
}

void
engine_wait_change(struct engine *e, int64_t ms)
{
    wait_for_change(e, changes_now(e), ms);
}

bool
engine_run_wait(struct engine *e, struct arena *a, int64_t tenant, struct str run_uuid, int64_t timeout_ms,
                struct run *run_out, struct err *err)
{
    int64_t until_us = clock_monotonic_us(clock_system()) + timeout_ms * US_PER_MS;
    for (;;) {
        uint64_t seen = changes_now(e);
        struct arena_mark mark = arena_mark(a);
        struct run_look l = {.arena = a, .tenant = tenant, .uuid = run_uuid};
        if (!store_read(e->options.store, look, &l, err))
            return false;
        int64_t left_ms = (until_us - clock_monotonic_us(clock_system())) / US_PER_MS;
        if (run_state_is_terminal(l.run.state) || left_ms <= 0 || atomic_load(&e->stopping)) {
            *run_out = l.run;
            return true;
        }
        arena_rewind(a, mark);
        wait_for_change(e, seen, left_ms < WAIT_LOOK_MS ? left_ms : WAIT_LOOK_MS);
    }
}

/* ---- asking ---- */

struct ask {
    struct arena *arena;
    int64_t tenant;
    struct str uuid;
    enum run_ask what;
    struct run run;
};

static bool
ask_run(struct db *db, void *ctx, struct err *err)
{
    struct ask *k = ctx;
    return store_run_ask(db, k->arena, k->tenant, k->uuid, k->what, store_now(db), &k->run, err);
}

static bool
ask(struct engine *e, struct arena *a, int64_t tenant, struct str uuid, enum run_ask what, struct run *run_out,
    struct err *err)
{
    struct ask k = {.arena = a, .tenant = tenant, .uuid = uuid, .what = what};
    if (!store_write(e->options.store, ask_run, &k, err))
        return false;
    if (k.run.pause_asked || k.run.cancel_asked)
        lease_ask(e->keeper, k.run.id);
    engine_changed(e);
    store_poke(e->options.store);
    *run_out = k.run;
    return true;
}

bool
engine_run_cancel(struct engine *e, struct arena *a, int64_t tenant, struct str run_uuid, struct run *run_out, struct err *err)
{
    return ask(e, a, tenant, run_uuid, RUN_ASK_CANCEL, run_out, err);
}

bool
engine_run_pause(struct engine *e, struct arena *a, int64_t tenant, struct str run_uuid, struct run *run_out, struct err *err)
{
    return ask(e, a, tenant, run_uuid, RUN_ASK_PAUSE, run_out, err);
}

bool
engine_run_resume(struct engine *e, struct arena *a, int64_t tenant, struct str run_uuid, struct run *run_out, struct err *err)
{
    return ask(e, a, tenant, run_uuid, RUN_ASK_RESUME, run_out, err);
}

struct confirm {
    struct run_look look;
    int64_t deleted;
    bool more;
    struct arena scratch;    /* of one batch */
};

static bool
confirm_batch(struct db *db, void *ctx, struct err *err)
{
    struct confirm *c = ctx;
    struct tenant tenant;
    arena_clear(&c->scratch);
    struct gone_list gone = {.arena = &c->scratch};
    if (store_tenant_get(db, &c->scratch, c->look.tenant, &tenant, err) != ROW_FOUND)
        return err->code != E_OK ? false : err_set(err, E_TENANT_NOT_FOUND, NULL);
    return store_delete_confirm(db, c->look.tenant, c->look.run.id, store_now(db), &gone, &c->deleted, &c->more, err) &&
           match_keys_release(db, &c->scratch, c->look.tenant, tenant.region, gone.rows, gone.count, err);
}

bool
engine_deletes_confirm(struct engine *e, int64_t tenant, struct str run_uuid, int64_t *deleted_out, struct err *err)
{
    struct arena scratch;
    arena_init(&scratch, LIMIT_RUN_ARENA_BYTES);
    struct confirm c = {.look = {.arena = &scratch, .tenant = tenant, .uuid = run_uuid}};
    int64_t deleted = 0;
    arena_init(&c.scratch, LIMIT_RUN_ARENA_BYTES);
    bool ok = store_read(e->options.store, look, &c.look, err);
    do {
        c.deleted = 0;
        c.more = false;
        ok = ok && store_write(e->options.store, confirm_batch, &c, err);
        deleted += c.deleted;
    } while (ok && c.more);
    arena_release(&c.scratch);
    arena_release(&scratch);
    if (ok)
        *deleted_out = deleted;
    return ok;
}

bool
engine_run_here(struct engine *e, int64_t tenant, struct str run_uuid, bool *ran_out, struct err *err)
{
    struct arena scratch;
    arena_init(&scratch, LIMIT_RUN_ARENA_BYTES);
    struct run_look l = {.arena = &scratch, .tenant = tenant, .uuid = run_uuid};
    bool ok = str_is_none(run_uuid) || store_read(e->options.store, look, &l, err);
    ok = ok && pool_run_one(e->pool, tenant, l.run.id, ran_out, err);
    arena_release(&scratch);
    return ok;
}
