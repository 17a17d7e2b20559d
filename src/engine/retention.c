/*
 * Retention: what is kept for a while only goes, in small batches between which others write.
 *
 * Every node does it; a batch is one short write, so two nodes share the work rather than repeat it. Killed anywhere,
 * the rest goes at the next round.
 */
#include "engine/engine_priv.h"

#include "base/log.h"

#define BATCH_PAUSE_MS 20

struct sweep {
    const struct retention *keep;
    int64_t removed;
};

static bool
sweep_batch(struct db *db, void *ctx, struct err *err)
{
    struct sweep *s = ctx;
    return store_retention_sweep(db, s->keep, store_now(db), &s->removed, err);
}

/* All that is too old. False: the store did not do it. */
static bool
sweep_all(struct engine *e, int64_t *removed_out, struct err *err)
{
    struct sweep s = {.keep = &e->options.retention};
    *removed_out = 0;
    do {
        s.removed = 0;
        if (!store_write(e->options.store, sweep_batch, &s, err))
            return false;
        *removed_out += s.removed;
    } while (s.removed > 0 && engine_sleep(e, BATCH_PAUSE_MS));
    return true;
}

void *
engine_retention_main(void *ctx)
{
    struct engine *e = ctx;
    while (engine_sleep(e, e->options.retention_every_ms)) {
        struct err err = {0};
        int64_t removed;
        if (!sweep_all(e, &removed, &err))
            log_err(LOG_WARN, "what is too old could not be removed", &err);
        else if (removed > 0)
            log_write(LOG_INFO, "what is too old was removed", LOG_I("rows", removed));
    }
    return NULL;
}
