/*
 * Changing the key that secrets are sealed with, while serving (I-31).
 *
 * The new key seals and the old ones still open (secret_key, secret_keys_old). A step moves a bounded number of what the
 * old keys hold: tenants' data keys are wrapped anew; values of connections and secrets of outgoing webhooks are sealed anew
 * that stand in the older CBC form, which depends on the key itself, or under a data key that is retired. What lives for a
 * day at most (kept answers, sign-ins under way) is not moved. Steps can be repeated, run on several nodes at once and
 * be killed anywhere: each write replaces exactly what it has read. When nothing is left the old keys can go.
 */
#ifndef TIDEMARK_ENGINE_ROTATION_H
#define TIDEMARK_ENGINE_ROTATION_H

#include "engine/engine.h"

#define ROTATION_STEP 100      /* changes of one step */
#define ROTATION_FAULTS_MAX 100

struct rotation_fault {
    const char *kind;          /* "data key", "credentials", "tokens", "webhook keys", "webhook secret" */
    int64_t tenant;
    struct str id;             /* of the connection or the subscription; a data key's number */
    struct str reason;
};

struct rotation {
    int64_t keys, keys_left;     /* data keys; still under an older key */
    int64_t values, values_left; /* sealed values of connections and subscriptions; to be sealed anew */
    int64_t changed;             /* by this step */
    struct rotation_fault *faults; /* what does not open; in a */
    size_t fault_count;          /* at most ROTATION_FAULTS_MAX are kept */
    int64_t faults_total;
};

/* Moves up to ROTATION_STEP things; what does not open is left alone and told in faults. Blocks on the store. */
MUST_USE bool engine_keys_rotate(struct engine *e, struct arena *a, struct rotation *rotation_out, struct err *err);
/* Opens everything and changes nothing. */
MUST_USE bool engine_keys_verify(struct engine *e, struct arena *a, struct rotation *rotation_out, struct err *err);

#endif
