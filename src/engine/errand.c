/*
 * Errands: small calls to the outside that must not be forgotten, done by a thread of their own.
 */
#include "engine/errand.h"

#define LOOK_MS 1000
#define ERRANDS_A_ROUND 20
#define ERRAND_LEASE_US (6 * US_PER_MINUTE)   /* above the longest call: nobody else takes it meanwhile */
#define ERRAND_PAUSE_MIN_US (5 * US_PER_S)
#define ERRAND_PAUSE_MAX_US (3600 * US_PER_S)
#define ERRAND_TRIES_MAX 20                   /* about half a day */
#define ERRAND_ARENA_BYTES (64L * 1024 * 1024)

static const struct errand_kind *const kinds[] = {&errand_welcome, &errand_booking};

struct step {
    struct arena *arena;
    struct str node;
    struct errand *rows;
    size_t count;
    struct errand *errand;
    bool taken;
    int64_t next_us;
    struct str error;
};

static bool
read_due(struct db *db, void *ctx, struct err *err)
{
    struct step *s = ctx;
    return store_errand_due(db, s->arena, store_now(db), ERRANDS_A_ROUND, &s->rows, &s->count, err);
}

static bool
take(struct db *db, void *ctx, struct err *err)
{
    struct step *s = ctx;
    return store_errand_take(db, s->errand, s->node, store_now(db) + ERRAND_LEASE_US, &s->taken, err);
}

static bool
done(struct db *db, void *ctx, struct err *err)
{
    struct step *s = ctx;
    return store_errand_done(db, s->errand, err);
}

static bool
again(struct db *db, void *ctx, struct err *err)
{
    struct step *s = ctx;
    int64_t now_us = store_now(db);
    return store_errand_again(db, s->errand, s->next_us > 0 ? now_us + s->next_us : 0, s->error, now_us, err);
}

static const struct errand_kind *
kind_of(const struct errand *errand)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (str_eq_c(errand->kind, kinds[i]->name))
            return kinds[i];
    return NULL;
}

/* Will time heal it? */
static bool
is_final(const struct err *why)
{
    return err_retry(why->code) == RETRY_NEVER && why->code != E_AUTH_EXPIRED && why->code != E_INVALID_CREDENTIALS;
}

static int64_t
pause_us(const struct errand *errand, const struct err *why)
{
    int64_t us = ERRAND_PAUSE_MIN_US;
    for (int64_t i = 0; i < errand->tries && us < ERRAND_PAUSE_MAX_US; i++)
        us *= 2;
    if (why->retry_after_ms * US_PER_MS > us)
        us = why->retry_after_ms * US_PER_MS;
    return us < ERRAND_PAUSE_MAX_US ? us : ERRAND_PAUSE_MAX_US;
}

static bool
run_failed(struct engine *e, struct step *s, const struct errand_kind *kind, const struct err *why, struct err *err)
{
    bool given_up = is_final(why) || s->errand->tries + 1 >= ERRAND_TRIES_MAX;
    s->next_us = given_up ? 0 : pause_us(s->errand, why);
    s->error = str_from_c(why->message);
    log_write(given_up ? LOG_WARN : LOG_INFO, "an errand failed", LOG_S("kind", s->errand->kind), LOG_I("errand", s->errand->id),
              LOG_C("code", err_name(why->code)), LOG_I("again_in_s", s->next_us / US_PER_S));
    if (kind->failed != NULL && !kind->failed(e, s->arena, s->errand, why, given_up, err))
        return false;
    return store_write(e->options.store, again, s, err);
}

static bool
run_one(struct engine *e, struct step *s, struct err *err)
{
    const struct errand_kind *kind = kind_of(s->errand);
    struct err why = {0};
    if (kind == NULL) /* a newer version's: leave it to a node that knows it */
        return true;
    if (!store_write(e->options.store, take, s, err) || !s->taken)
        return err->code == E_OK;
    if (kind->run(e, s->arena, s->errand, &why))
        return store_write(e->options.store, done, s, err);
    if (why.code == E_SHUTTING_DOWN || why.code == E_CANCELLED) { /* not its fault: at once, after the restart */
        s->next_us = 1;
        s->error = STR_NONE;
        return store_write(e->options.store, again, s, err);
    }
    return run_failed(e, s, kind, &why, err);
}

bool
engine_errand_round(struct engine *e, int64_t *tried_out, struct err *err)
{
    struct arena list, scratch;
    arena_init(&list, ERRAND_ARENA_BYTES);
    arena_init(&scratch, ERRAND_ARENA_BYTES);
    struct step s = {.arena = &list};
    bool ok = store_read(e->options.store, read_due, &s, err);
    *tried_out = 0;
    for (size_t i = 0; ok && i < s.count && !atomic_load(&e->stopping); i++) {
        struct err why = {0};
        struct step one = {.arena = &scratch, .node = store_node_id(e->options.store), .errand = &s.rows[i]};
        if (!run_one(e, &one, &why))
            log_err(LOG_WARN, "an errand could not be done", &why);
        *tried_out += one.taken;
        arena_clear(&scratch);
    }
    arena_release(&list);
    arena_release(&scratch);
    return ok;
}

static bool
take_back(struct db *db, void *ctx, struct err *err)
{
    const struct step *s = ctx;
    return store_errand_take_back(db, s->node, store_now(db), err);
}

void *
engine_errand_main(void *ctx)
{
    struct engine *e = ctx;
    struct step s = {.node = store_node_id(e->options.store)};
    struct err left = {0};
    if (!store_write(e->options.store, take_back, &s, &left))
        log_err(LOG_WARN, "errands that were under way could not be taken back; their leases will lapse", &left);
    do {
        struct err err = {0};
        int64_t tried;
        if (!engine_errand_round(e, &tried, &err))
            log_err(LOG_WARN, "errands could not be looked at", &err);
    } while (engine_sleep(e, LOOK_MS));
    return NULL;
}
