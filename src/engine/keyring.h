/*
 * The keyring: seals and opens a tenant's secrets, keeping each tenant's data key at hand.
 *
 * crypt/seal.h knows how; store/store_data_key.h keeps the wrapped keys; this brings the two together.
 * A tenant's first secret makes its first key. Unwrapped keys are cached (bounded) and wiped at the end.
 * Any thread; may block on the store.
 */
#ifndef TIDEMARK_ENGINE_KEYRING_H
#define TIDEMARK_ENGINE_KEYRING_H

#include "crypt/seal.h"
#include "store/store.h"

struct keyring;

/*
 * master is borrowed and must outlive the keyring. `legacy_form`: write the documented CBC form
 * (secret_format = "cbc"). Refuses to start with E_KEY_MISSING when stored keys are wrapped by a master
 * key that is not among those of `master` (F42).
 */
struct keyring *keyring_new(struct store *store, struct seal_master *master, bool legacy_form, struct err *err);
void keyring_free(struct keyring *k); /* accepts NULL */

/* place.tenant is the tenant's UUID; `tenant` its small integer. The sealed text lives in a. */
MUST_USE bool keyring_seal(struct keyring *k, int64_t tenant, const struct seal_place *place, struct str plain,
                           struct arena *a, struct str *sealed_out, struct err *err);
/* Opens ours and the documented CBC form; plain text is E_CRYPT, never passed through (D3-D5). */
MUST_USE bool keyring_open(struct keyring *k, int64_t tenant, const struct seal_place *place, struct str sealed,
                           struct secret *plain_out, struct err *err);

/* Where the secret of an outgoing webhook stands. */
struct seal_place keyring_subscription_place(struct str tenant_uuid, struct str subscription_uuid);

/* ---- rotation (rotation.h) ---- */

/* Is the data key wrapped by the master key of now? */
bool keyring_is_current(struct keyring *k, struct str wrapped);
MUST_USE bool keyring_unwraps(struct keyring *k, struct str tenant_uuid, struct str wrapped, struct err *err);
MUST_USE bool keyring_rewrap(struct keyring *k, struct str tenant_uuid, struct str wrapped, struct arena *a, struct str *wrapped_out,
                             struct err *err);
/*
 * Should the value be sealed anew: in the older form (where that is what is written here: not under the key of now), or under a
 * retired data key?
 */
bool keyring_is_stale(struct keyring *k, int64_t tenant, struct str sealed);

#endif
