/*
 * Errands: small calls to the outside that must not be forgotten, done by a thread of their own.
 *
 * Written with what they are for (store_errand.h); tried at once, then with growing pauses; a failure that time does
 * not heal, or too many of them, ends them. What became of one is shown on its record.
 */
#ifndef TIDEMARK_ENGINE_ERRAND_H
#define TIDEMARK_ENGINE_ERRAND_H

#include "engine/engine_priv.h"
#include "store/store_errand.h"

struct errand_kind {
    const char *name;
    /* Does it; blocks on the outside, which may be ended by errand_stop. False with why. Texts live in a. */
    bool (*run)(struct engine *e, struct arena *a, const struct errand *errand, struct err *err);
    /* It failed: say so where people look. given_up: it will not be tried again. May be NULL. */
    bool (*failed)(struct engine *e, struct arena *a, const struct errand *errand, const struct err *why, bool given_up,
                   struct err *err);
};
extern const struct errand_kind errand_welcome; /* lead_welcome.c */
extern const struct errand_kind errand_booking; /* booking_push.c */

/* One round, for tests: how many were tried. */
MUST_USE bool engine_errand_round(struct engine *e, int64_t *tried_out, struct err *err);
/* The thread. */
void *engine_errand_main(void *engine);

#endif
