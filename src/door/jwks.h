/*
 * The keys that an identity provider publishes under an address (JWKS): fetched when they are first needed, kept,
 * and fetched again when they are old or a token names one that is not there.
 *
 * What makes it hard: strangers can send tokens with any key id, and the address may fail. So there is one fetch at a
 * time and LIMIT_JWKS_RETRY_S between two; old keys serve meanwhile, up to LIMIT_JWKS_STALE_S; only tokens that no key
 * fits wait for a fetch. A fetch that brings nothing usable changes nothing. Any thread.
 */
#ifndef TIDEMARK_DOOR_JWKS_H
#define TIDEMARK_DOOR_JWKS_H

#include "base/clock.h"
#include "crypt/jwt.h"
#include "net/http_client.h"

struct jwks;

struct jwks_options {
    struct http_client *client;  /* outlives it */
    const struct clock *clock;
    struct str url;              /* copied; the operator's, so the address policy lets it pass */
    unsigned algorithms;         /* which may be used: a sum of enum jwt_algorithm without JWT_HS256 */
    int64_t fetch_ms;            /* 0: LIMIT_JWKS_FETCH_MS; tests have more patience */
};

/* Fetches nothing yet. E_CONFIG for what is no http(s) address. */
struct jwks *jwks_new(const struct jwks_options *options, struct err *err);
void jwks_free(struct jwks *j); /* accepts NULL; while nobody verifies */
/*
 * As jwt_verify, by the published keys. May block for LIMIT_JWKS_FETCH_MS. E_UNAVAILABLE when there are no keys to judge by: the
 * address has not answered, or not for too long.
 */
MUST_USE bool jwks_verify(struct jwks *j, const struct jwt_policy *policy, int64_t now_us, struct str token, struct arena *a,
                          yyjson_val **claims_out, struct err *err);

#endif
