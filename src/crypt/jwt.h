/*
 * JSON Web Tokens: who is asking.
 *
 * The known ways to be fooled are closed by construction (invariants D25-D26): the algorithm comes from the
 * key, never from the token; `exp` must be there; a member that occurs twice refuses the token, as does a
 * `crit` that names anything; `jku`, `x5u`, `jwk`, `x5c` are never looked at. A token of unusual size or
 * depth is refused before its signature is computed. Compact serialisation (RFC 7515 section 7.1) only.
 */
#ifndef TIDEMARK_CRYPT_JWT_H
#define TIDEMARK_CRYPT_JWT_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "json/json.h"

#define JWT_TEXT_BYTES_MAX (8 * 1024)
#define JWT_SECRET_BYTES_MIN 32 /* RFC 7518, section 3.2: a key of at least the hash's size */
#define JWT_KEYS_MAX 64

enum jwt_algorithm {
    JWT_HS256 = 1,
    JWT_RS256 = 2,
    JWT_ES256 = 4,
    JWT_EDDSA = 8, /* Ed25519 */
};

/* A set of verification keys, each with its one algorithm. Immutable once shared; then any thread. */
struct jwt_keys;

/* 0 for a name that is none of ours, "none" among them. */
enum jwt_algorithm jwt_algorithm_from_name(struct str name);

struct jwt_keys *jwt_keys_new(void); /* NULL: no memory */
void jwt_keys_free(struct jwt_keys *keys); /* accepts NULL; wipes */
/* A shared secret for HS256. Copied. E_CONFIG when shorter than JWT_SECRET_BYTES_MIN; E_LIMIT past JWT_KEYS_MAX. */
MUST_USE bool jwt_keys_add_secret(struct jwt_keys *keys, struct str secret, struct err *err);
/*
 * The public keys of a JWKS document (RFC 7517) whose algorithm is among `algorithms` (a sum of the enum
 * without JWT_HS256). Keys of another kind or use and unusable ones are passed over; none left is E_CONFIG. Nothing
 * is fetched.
 */
MUST_USE bool jwt_keys_add_jwks(struct jwt_keys *keys, struct str jwks, unsigned algorithms, struct err *err);

struct jwt_policy {
    struct str issuer;   /* STR_NONE: not checked; else `iss` must be there and equal */
    struct str audience; /* STR_NONE: not checked; else `aud` (text or list) must hold it */
    int64_t leeway_us;   /* for exp, nbf and iat, at most JWT_LEEWAY_MAX_US */
};
#define JWT_LEEWAY_MAX_US INT64_C(300000000)

/*
 * Verifies token and gives its claims (an object in the arena, numbers raw) only when everything holds.
 * E_UNAUTHORIZED otherwise, with words for the caller that tell nothing about keys. policy NULL: no issuer, no
 * audience, no leeway. token is untrusted.
 */
MUST_USE bool jwt_verify(const struct jwt_keys *keys, const struct jwt_policy *policy, int64_t now_us,
                         struct str token, struct arena *a, yyjson_val **claims_out, struct err *err);
/*
 * Which key a token asks for, before anything is verified: its algorithm (0: none of ours) and kid (STR_NONE: none named), in a.
 * False for what is no token. What it says is only fit for choosing keys to look at.
 */
bool jwt_peek(struct str token, struct arena *a, enum jwt_algorithm *algorithm_out, struct str *kid_out);
/* Whether some key could have signed it. */
bool jwt_keys_hold(const struct jwt_keys *keys, enum jwt_algorithm algorithm, struct str kid);
/*
 * Signs a claims object (JSON text) with HS256. Fit for our own session cookie and for tests. E_CONFIG for a
 * short secret, E_VALIDATION_FAILED when claims is no JSON object with `exp`.
 */
MUST_USE bool jwt_sign(struct str secret, struct str claims, struct arena *a, struct str *token_out, struct err *err);

#endif
