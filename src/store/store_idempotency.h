/*
 * Idempotency keys (I-28): the row is written in the transaction of the effect.
 *
 * Begin takes the key in a write of its own, because many effects need a vendor before them. The write of the
 * effect carries store_idempotency_effect as its rider (store.h): what was made stands in the row from the
 * same commit on, and an effect whose key was taken away meanwhile is rolled back. Finish adds the answer.
 *
 *     begun             a twin is running; free again when its process died (this node's: at once, another's:
 *                       after IDEMPOTENCY_RUNNING_US)
 *     begun, effect     it was done; its answer is on the way, or was lost with the process: then the effect is told
 *     finished          the answer is given again, for a day
 */
#ifndef TIDEMARK_STORE_STORE_IDEMPOTENCY_H
#define TIDEMARK_STORE_STORE_IDEMPOTENCY_H

#include "store/db.h"

#define IDEMPOTENCY_KEEP_US US_PER_DAY
#define IDEMPOTENCY_RUNNING_US (2 * US_PER_MINUTE)

struct idempotency_key {
    int64_t tenant;
    struct str route;        /* "POST /api/v1/sync/connections" */
    struct str key;          /* at most LIMIT_IDEMPOTENCY_KEY_BYTES */
    struct str body_hash;    /* hex digest of the body */
    struct str owner;        /* "<node id>/<id of this process>", or STR_NONE */
    int64_t taken_us;        /* filled from the answer after begin: names this taking of the key */
};
struct idempotency_answer {
    bool replay;             /* this is the first answer, to be given again; else go on */
    struct str effect;       /* "run:<uuid>": it was done, and has no answer yet. STR_NONE: go on */
    int64_t taken_us;
    int64_t status;          /* HTTP */
    struct str body;         /* sealed by the caller when it holds a secret */
    struct str headers;      /* JSON or STR_NONE */
};
/* E_IDEMPOTENCY_CONFLICT: another body. E_IDEMPOTENCY_RUNNING: a twin is running. */
MUST_USE bool store_idempotency_begin(struct db *db, struct arena *a, const struct idempotency_key *key, int64_t now_us,
                                      struct idempotency_answer *answer_out, struct err *err);
MUST_USE bool store_idempotency_finish(struct db *db, const struct idempotency_key *key,
                                       const struct idempotency_answer *answer, int64_t now_us, struct err *err);
/* In the transaction of the effect. E_IDEMPOTENCY_RUNNING: somebody else has the key by now, roll back. */
MUST_USE bool store_idempotency_effect(struct db *db, const struct idempotency_key *key, struct str effect,
                                       struct err *err);
/* It was a call to the outside, and nothing was done there. */
MUST_USE bool store_idempotency_effect_undone(struct db *db, const struct idempotency_key *key, struct str effect,
                                              struct err *err);
/* Was something made with this key (tenant, route and key count)? */
MUST_USE bool store_idempotency_has(struct db *db, const struct idempotency_key *key, bool *has_out, struct err *err);
/* The effect failed: the key is free again, unless something was made after all. */
MUST_USE bool store_idempotency_forget(struct db *db, const struct idempotency_key *key, struct err *err);

#endif
