/*
 * Runs that begin by themselves: what waits in an outbox starts one as soon as its connection is free.
 *
 * A two-way connection is read to its end once before: else everything here would be looked for there one by one, that the first
 * pass links anyway.
 */
#include "engine/push.h"

#define PLACES 100
#define ROUND_ARENA_BYTES (16L * 1024 * 1024)

struct round {
    struct engine *engine;
    struct arena *arena;
    struct push_place *places;
    size_t count;
    const struct push_place *place;
    bool started;
};

static bool
read_places(struct db *db, void *ctx, struct err *err)
{
    struct round *r = ctx;
    return store_push_startable(db, r->arena, store_now(db), PLACES, &r->places, &r->count, err);
}

bool
push_can_write(const struct template *t, struct str entity)
{
    yyjson_val *writes = json_get_c(template_info(t)->tidemark, "writes");
    for (size_t i = 0; i < template_stream_count(t); i++) {
        const struct stream_info *info = template_stream_info(template_stream_at(t, i));
        bool named = str_is_none(entity) || str_eq(info->name, entity) || str_eq(info->kind, entity);
        if (named && json_get_c(json_get(writes, info->name), "fields") != NULL)
            return true;
    }
    return false;
}

static bool
start(struct db *db, void *ctx, struct err *err)
{
    struct round *r = ctx;
    struct run run;
    struct connection c;
    const int64_t none[PUSH_COLLECTIONS_MAX] = {0};
    enum row row = store_connection_get_by_id(db, r->arena, r->place->tenant, r->place->connection, &c, err);
    if (row != ROW_FOUND)
        return row == ROW_NONE;
    struct err why = {0};
    struct template *t = registry_get(r->engine->options.templates, c.template_name, &why);
    bool writes = t == NULL || push_can_write(t, STR_NONE);
    template_unref(t);
    if (!writes)
        return store_push_drop_foreign(db, c.tenant, c.id, none, err);
    struct run_new ask = {.tenant = c.tenant, .connection = c.id, .direction = STR("push"), .entity = STR_NONE, .options = STR_NONE,
                          .created_by = STR_NONE, .trigger = STR("push"), .priority = PRIORITY_HIGH};
    r->started = store_run_create(db, r->arena, &ask, store_now(db), &run, err);
    return r->started || err->code == E_SYNC_IN_PROGRESS;
}

bool
engine_push_round(struct engine *e, int64_t *started_out, struct err *err)
{
    struct arena arena;
    arena_init(&arena, ROUND_ARENA_BYTES);
    struct round r = {.engine = e, .arena = &arena};
    bool ok = store_read(e->options.store, read_places, &r, err);
    int64_t started = 0;
    for (size_t i = 0; ok && i < r.count; i++) {
        struct err why = {0};
        r.place = &r.places[i];
        r.started = false;
        if (!store_write(e->options.store, start, &r, &why) && why.code != E_SYNC_IN_PROGRESS)
            log_err(LOG_WARN, "a push could not be started", &why);
        started += r.started;
    }
    arena_release(&arena);
    if (started > 0)
        store_poke(e->options.store);
    if (ok)
        *started_out = started;
    return ok;
}
