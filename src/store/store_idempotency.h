/*
 * Idempotency keys (I-28): the row is written in the transaction of the effect.
 *
 * First call store_idempotency_begin in the closure of the effect. Where the effect needs a vendor in
 * between, begin in one write, then finish in the write of the effect; a begun row whose process died is
 * free again after IDEMPOTENCY_RUNNING_US.
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
};
struct idempotency_answer {
    bool replay;             /* this is the first answer, to be given again; else go on */
    int64_t status;          /* HTTP */
    struct str body;         /* sealed by the caller when it holds a secret */
    struct str headers;      /* JSON or STR_NONE */
};
/* E_IDEMPOTENCY_CONFLICT: another body. E_IDEMPOTENCY_RUNNING: a twin is running. */
MUST_USE bool store_idempotency_begin(struct db *db, struct arena *a, const struct idempotency_key *key, int64_t now_us,
                                      struct idempotency_answer *answer_out, struct err *err);
MUST_USE bool store_idempotency_finish(struct db *db, const struct idempotency_key *key,
                                       const struct idempotency_answer *answer, int64_t now_us, struct err *err);
/* The effect failed: the key is free again. */
MUST_USE bool store_idempotency_forget(struct db *db, const struct idempotency_key *key, struct err *err);

#endif
