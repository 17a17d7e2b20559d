/*
 * The keys of a connection's webhooks: what the vendor signs with, and the token of the registered address.
 *
 * They stand sealed in one column, bound to the connection (I-30), and are written by a person's change, by a rotation and
 * by registering. While a secret is being replaced the old one is right too, for a day.
 */
#ifndef TIDEMARK_ENGINE_WEBHOOK_KEYS_H
#define TIDEMARK_ENGINE_WEBHOOK_KEYS_H

#include "engine/keyring.h"
#include "json/json.h"

#define WEBHOOK_SECRET_OVERLAP_US (24 * US_PER_HOUR)
#define WEBHOOK_SECRET_BYTES_MIN 4
#define WEBHOOK_SECRET_BYTES_MAX 512
#define WEBHOOK_TOKEN_CHARS 43       /* of base62: 256 bits */

struct webhook_keys {                /* STR_NONE: there is none */
    struct str secret, previous;
    int64_t previous_until_us;
    struct str token;                /* of the address that was given to the vendor */
    struct str previous_token;       /* of the address before */
    int64_t previous_token_until_us;
    struct str webhook_id;           /* the vendor's, of what was registered */
};

struct webhook_keys_place {
    int64_t tenant;
    struct str tenant_uuid, connection_uuid;
};

/* sealed STR_NONE gives none. Texts live in a. E_CRYPT, E_KEY_MISSING. */
MUST_USE bool webhook_keys_open(struct keyring *k, const struct webhook_keys_place *place, struct arena *a, struct str sealed,
                                struct webhook_keys *keys_out, struct err *err);
/* sealed_out: STR_NONE when there is nothing to keep. */
MUST_USE bool webhook_keys_seal(struct keyring *k, const struct webhook_keys_place *place, struct arena *a,
                                const struct webhook_keys *keys, struct str *sealed_out, struct err *err);
/* A new secret in the place of the present one, which stays right for a while; an empty one takes all away at once. */
void webhook_keys_replace(struct webhook_keys *keys, struct str secret, int64_t now_us);
/* A new token in the place of the present one, whose address stays right for a while. */
void webhook_keys_replace_token(struct webhook_keys *keys, struct str token, int64_t now_us);
/* Opens, replaces, seals: for a person's change. Blocks on the store. */
MUST_USE bool webhook_keys_change(struct keyring *k, const struct webhook_keys_place *place, struct arena *a, struct str sealed,
                                  struct str secret, int64_t now_us, struct str *sealed_out, struct err *err);

#endif
