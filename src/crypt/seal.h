/*
 * Sealing: secrets at rest.
 *
 * An envelope of two layers, AES-256-GCM both (invariants D1-D5, I-29 to I-31):
 *
 *   master key  derived from the text of API_KEY_ENCRYPTION_SECRET; never stored. It wraps
 *   data key    random, one or more per tenant; stored wrapped, as text. It seals
 *   value       bound to its place (tenant, kind, id, field): moved, swapped or altered it does not open.
 *
 * So changing the master key rewraps a row per tenant, and changing a data key re-seals a tenant's values,
 * both while serving: old masters stay able to unwrap until they are dropped, and every sealed text names
 * the data key it needs.
 *
 *   wrapped key    tmk1.<master id>.<data key id>.<base64url of nonce, ciphertext, tag>
 *   sealed value   tms1.<data key id>.<base64url of nonce, ciphertext, tag>
 *
 * Ids are 16 hex digits. Keeping rows, counting uses and choosing the newest key of a tenant is the
 * store's work; nothing here does I/O. A read never rewrites; who writes a value seals it anew.
 *
 * Values in the documented older form "{iv}:{ciphertext}" (AES-256-CBC, scrypt(secret, "salt", 32)) can be
 * opened and, for a database shared with older software, made. That form has no authentication: prefer ours.
 * Never guess by content that a client's text is sealed: text from outside is always plaintext (D5).
 */
#ifndef TIDEMARK_CRYPT_SEAL_H
#define TIDEMARK_CRYPT_SEAL_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "crypt/secret.h"

#define SEAL_KEY_BYTES 32
#define SEAL_ID_BYTES 17                       /* 16 hex digits and the NUL */
#define SEAL_KEY_USES_MAX (INT64_C(1) << 28)   /* then a tenant gets a new data key */
#define SEAL_KEY_AGE_MAX_US (INT64_C(90) * 24 * 3600 * 1000000)

/* Where a value lives. All four are bound; none may be changed without opening and sealing again. */
struct seal_place {
    struct str tenant;
    struct str kind;  /* "connection", "webhook", ... */
    struct str id;
    struct str field; /* "credentials", "secret", ... */
};

/*
 * The master keys of this process: one that wraps and older ones that still unwrap. Safe for any thread
 * once made; derivation (scrypt, tens of milliseconds) happens at first need, once per secret.
 */
struct seal_master;

/* secret: the text of API_KEY_ENCRYPTION_SECRET; copied, wiped on free. E_KEY_MISSING when empty. NULL on failure. */
struct seal_master *seal_master_new(struct str secret, struct err *err);
/* An older secret, for unwrapping only. Before the master is shared between threads. At most SEAL_OLD_MAX. E_LIMIT. */
#define SEAL_OLD_MAX 8
MUST_USE bool seal_master_add_old(struct seal_master *m, struct str secret, struct err *err);
void seal_master_free(struct seal_master *m); /* accepts NULL */
/* Names the present master key without revealing it. E_NO_MEMORY. */
MUST_USE bool seal_master_id(struct seal_master *m, char id[SEAL_ID_BYTES], struct err *err);

/* A data key in memory. A plain struct: wipe it with seal_key_release, also when it never worked. */
struct seal_key {
    char id[SEAL_ID_BYTES];
    unsigned char bytes[SEAL_KEY_BYTES];
};

/* A new random data key for the tenant, and its wrapped form (arena) for the store. E_NO_MEMORY, E_UNAVAILABLE. */
MUST_USE bool seal_key_new(struct seal_master *m, struct str tenant, struct arena *a, struct seal_key *key_out,
                           struct str *wrapped_out, struct err *err);
/*
 * E_KEY_MISSING: wrapped by a master key that is not among ours (F42: refuse, overwrite nothing).
 * E_CRYPT: altered, or another tenant's.
 */
MUST_USE bool seal_key_unwrap(struct seal_master *m, struct str tenant, struct str wrapped,
                              struct seal_key *key_out, struct err *err);
/* The same data key under the present master key. */
MUST_USE bool seal_key_rewrap(struct seal_master *m, struct str tenant, struct str wrapped, struct arena *a,
                              struct str *wrapped_out, struct err *err);
/* Whether `wrapped` is under the present master key: what a rotation has left to do. False on failure too. */
bool seal_key_is_current(struct seal_master *m, struct str wrapped);
/* Whether `wrapped` is under any of our master keys, the present or an older one. False on failure too. */
bool seal_master_knows(struct seal_master *m, struct str wrapped);
void seal_key_release(struct seal_key *key);

/* Seals plain (any bytes, up to LIMIT_SECRET_BYTES) into ASCII text in the arena. E_TOO_LARGE, E_NO_MEMORY. */
MUST_USE bool seal(const struct seal_key *key, const struct seal_place *place, struct str plain, struct arena *a,
                   struct str *sealed_out, struct err *err);
/* Replaces what plain_out held. E_CRYPT, one message whatever is wrong: altered, moved, or another key's. */
MUST_USE bool seal_open(const struct seal_key *key, const struct seal_place *place, struct str sealed,
                        struct secret *plain_out, struct err *err);
/* The id of the data key that `sealed` needs, as a part of it. False when it is not of our form. */
MUST_USE bool seal_key_id(struct str sealed, struct str *id_out);

/* Has the older form's shape: 32 hex digits, ':', whole blocks of 32, all lower case (D1). */
bool seal_is_legacy(struct str text);
/*
 * Opens the older form with the present secret, then with the older ones. E_CRYPT with one message for every
 * failure: shape, padding, text that is no UTF-8 (a wrong key passes the padding check one time in 256).
 */
MUST_USE bool seal_legacy_open(struct seal_master *m, struct str text, struct secret *plain_out, struct err *err);
/* Does it open with the present secret? */
bool seal_legacy_is_current(struct seal_master *m, struct str text);
/* Makes the older form, for secret_format = "cbc". plain must be UTF-8. E_TOO_LARGE, E_VALIDATION_FAILED. */
MUST_USE bool seal_legacy(struct seal_master *m, struct str plain, struct arena *a, struct str *text_out,
                          struct err *err);

#endif
