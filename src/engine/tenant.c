#include "engine/tenant.h"

#include "engine/edit_priv.h"
#include "engine/match_release.h"
#include "store/store_run.h"

#define BATCHES_A_ROUND 20
#define RUNS_A_ROUND 100
#define BATCH_ARENA_BYTES (128L * 1024 * 1024)

struct change {
    struct arena *arena;
    int64_t tenant;
    enum tenant_switch how;
    const struct audit *audit;
    struct run *runs;
    size_t run_count;
};

static bool
refuse_default(struct db *db, const struct change *c, struct err *err)
{
    struct tenant tenant;
    enum row row = store_tenant_get(db, c->arena, c->tenant, &tenant, err);
    if (row != ROW_FOUND)
        return row == ROW_NONE && err_set(err, E_TENANT_NOT_FOUND, NULL);
    return c->how == TENANT_ON || !str_eq(tenant.key, TENANT_DEFAULT_KEY) ||
           err_set(err, E_CONFLICT, "The tenant \"default\" is the operator's own: it stays");
}

static bool
change(struct db *db, void *ctx, struct err *err)
{
    struct change *c = ctx;
    int64_t now_us = store_now(db);
    arena_clear(c->arena);
    return refuse_default(db, c, err) &&
           (c->how == TENANT_DELETE ? store_tenant_mark(db, c->tenant, now_us, err)
                                    : store_tenant_switch(db, c->tenant, c->how == TENANT_ON, now_us, err)) &&
           store_audit_add(db, c->audit, now_us, err);
}

static bool
read_runs(struct db *db, void *ctx, struct err *err)
{
    struct change *c = ctx;
    struct run_filter filter = {.states = RUN_STATES_UNFINISHED, .limit = RUNS_A_ROUND};
    arena_clear(c->arena);
    return store_run_list(db, c->arena, c->tenant, &filter, &c->runs, &c->run_count, NULL, err);
}

/* What is at work ends between two pages. One that ends by itself meanwhile is none the worse. */
static bool
cancel_runs(struct engine *e, struct change *c, struct err *err)
{
    struct run ended;
    if (!store_read(e->options.store, read_runs, c, err))
        return false;
    for (size_t i = 0; i < c->run_count; i++) {
        struct err why = {0};
        if (!engine_run_cancel(e, c->arena, c->tenant, c->runs[i].uuid, &ended, &why))
            log_err(LOG_DEBUG, "a run of a tenant that is switched off had ended already", &why);
    }
    return true;
}

bool
engine_tenant_switch(struct engine *e, int64_t tenant, enum tenant_switch how, const struct audit *audit, struct err *err)
{
    struct arena scratch;
    arena_init(&scratch, BATCH_ARENA_BYTES);
    struct change c = {.arena = &scratch, .tenant = tenant, .how = how, .audit = audit};
    bool ok = store_write(e->options.store, change, &c, err) && (how == TENANT_ON || cancel_runs(e, &c, err));
    arena_release(&scratch);
    return ok;
}

/* ---- deleting ---- */

struct going {
    struct arena arena, batch;
    struct tenant tenant;
    struct tenant_connection connection;
    enum row row;
    bool done;
};

static bool
read_going(struct db *db, void *ctx, struct err *err)
{
    struct going *g = ctx;
    g->row = store_tenant_going(db, &g->arena, &g->tenant, err);
    return g->row != ROW_FAILED;
}

static bool
read_connection(struct db *db, void *ctx, struct err *err)
{
    struct going *g = ctx;
    g->row = store_tenant_connection(db, &g->arena, g->tenant.id, &g->connection, err);
    return g->row != ROW_FAILED;
}

static bool
delete_batch(struct db *db, void *ctx, struct err *err)
{
    struct going *g = ctx;
    arena_clear(&g->batch);
    struct gone_list gone = {.arena = &g->batch};
    return store_tenant_delete(db, g->tenant.id, &gone, &g->done, err) &&
           match_keys_release(db, &g->batch, g->tenant.id, g->tenant.region, gone.rows, gone.count, err);
}

static bool
sweep(struct db *db, void *ctx, struct err *err)
{
    struct going *g = ctx;
    return store_tenant_sweep(db, g->tenant.id, err);
}

/* Whoever was writing for it when its last row went. */
static bool
sweep_late(struct engine *e, struct going *g, struct err *err)
{
    bool others;
    return edit_settle(e, &others, err) && (!others || store_write(e->options.store, sweep, g, err));
}

/* Connections first. One whose deletion had begun goes on with those of every tenant. */
static bool
delete_connection(struct engine *e, struct going *g, struct err *err)
{
    if (g->connection.deleting)
        return engine_deletions_finish(e, err);
    return engine_connection_delete(e, g->tenant.id, g->connection.uuid, true, err);
}

static bool
delete_some(struct engine *e, struct going *g, struct err *err)
{
    bool ok = true;
    for (int i = 0; ok && !g->done && i < BATCHES_A_ROUND && !atomic_load(&e->stopping); i++) {
        ok = store_read(e->options.store, read_connection, g, err);
        if (ok && g->row == ROW_FOUND)
            ok = delete_connection(e, g, err);
        else if (ok)
            ok = store_write(e->options.store, delete_batch, g, err);
    }
    if (ok && g->done)
        ok = sweep_late(e, g, err);
    if (ok && g->done)
        log_write(LOG_INFO, "a tenant was deleted", LOG_S("tenant", g->tenant.uuid), LOG_S("key", g->tenant.key));
    return ok;
}

bool
engine_tenants_round(struct engine *e, struct err *err)
{
    struct going g = {0};
    arena_init(&g.arena, BATCH_ARENA_BYTES);
    arena_init(&g.batch, BATCH_ARENA_BYTES);
    bool ok = store_read(e->options.store, read_going, &g, err);
    if (ok && g.row == ROW_FOUND)
        ok = delete_some(e, &g, err);
    arena_release(&g.arena);
    arena_release(&g.batch);
    return ok;
}
