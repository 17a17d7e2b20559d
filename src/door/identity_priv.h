/*
 * Who is asking, what he may do, and which tenant is meant (contract, section 2).
 *
 * A bearer token is an API key, a JWT, or the local key of this process; the cookie session_token is a session of ours
 * or a JWT. Nobody is told more than "missing or invalid"; repeated failures from one address are slowed down
 * (LIMIT_AUTH_FAILURES in LIMIT_AUTH_WINDOW_S). A valid token always passes: behind a proxy all clients share one
 * address, and a stranger must not be able to lock them out; keys of 256 bits need no protection by counting.
 *
 * identity.c chooses, identity_key.c knows keys and sessions, identity_jwt.c tokens, identity_tenant.c the tenant;
 * identity_cache.c remembers for a moment, identity_watch.c looks again.
 */
#ifndef TIDEMARK_DOOR_IDENTITY_PRIV_H
#define TIDEMARK_DOOR_IDENTITY_PRIV_H

#include "crypt/token.h"
#include "door/jwks.h"
#include "door/request_priv.h"

#define SESSION_COOKIE "session_token"
#define SESSION_CLAIM "tidemark_session" /* marks the tokens of our own sessions */
#define PERMISSIONS_ADMIN (PERMISSION_READ | PERMISSION_UPDATE | PERMISSION_DELETE)
#define PERMISSIONS_USER (PERMISSION_READ | PERMISSION_UPDATE)

/* How often somebody has tried within a while: failures by address, trials by tenant. Bounded: an old entry gives way. Any thread. */
struct attempts;
/* At most max in window_s seconds, from the first one on. */
struct attempts *attempts_new(const struct clock *clock, unsigned max, int64_t window_s);
void attempts_free(struct attempts *f); /* accepts NULL */
/* Counts one. True while he may go on trying; else *wait_ms_out says how long not. */
bool attempts_add(struct attempts *f, struct str who, int64_t *wait_ms_out);

/* ---- identity_cache.c ---- */

enum identity_question { ASK_KEY, ASK_TENANT, ASK_ONLY_TENANT };
struct identity_found {
    struct api_key key;              /* of ASK_KEY */
    struct tenant tenant;
};
struct identity_cache;
struct identity_cache *identity_cache_new(struct store *store, const struct clock *clock);
void identity_cache_free(struct identity_cache *c); /* accepts NULL */
/* A copy in a; whether a key has run out is the caller's to see. */
MUST_USE bool identity_cache_find(struct identity_cache *c, enum identity_question question, struct str name, struct arena *a,
                                  struct identity_found *found_out);
/* Before the database is asked; what was found is then kept with this number. */
uint64_t identity_cache_begin(struct identity_cache *c);
void identity_cache_keep(struct identity_cache *c, enum identity_question question, struct str name, uint64_t generation,
                         const struct identity_found *found);

struct identity_options {
    struct store *store;
    struct identity_cache *cache;
    const struct clock *clock;
    const struct jwt_keys *jwt;      /* shared secrets; NULL: none */
    struct jwks *jwks;               /* published keys; NULL: none */
    struct jwt_policy jwt_policy;
    bool auto_provision;             /* a valid token may name a tenant that does not exist yet */
    struct str local_key;
    struct attempts *failures;
};

/*
 * From the Authorization header, else the cookie. E_UNAUTHORIZED, E_RATE_LIMITED, E_FORBIDDEN (a token of a tenant that
 * does not exist, a user who is switched off), E_UNAVAILABLE. Blocks on the store.
 */
MUST_USE bool identity_find(const struct identity_options *o, struct http_exchange *x, struct identity *identity_out,
                            struct err *err);
/* The same from a text, for signing in. */
MUST_USE bool identity_of_token(const struct identity_options *o, struct http_exchange *x, struct str token,
                                struct identity *identity_out, struct err *err);
/* May he take this route? E_FORBIDDEN says what is missing. */
MUST_USE bool identity_may(const struct identity *who, enum route_access access, struct err *err);
/*
 * The tenant that the request is about. named: from the header or query, or STR_NONE. E_FORBIDDEN for another
 * tenant than one's own, the same bytes whether it exists or not (D18); for an admin E_TENANT_NOT_FOUND.
 */
MUST_USE bool identity_tenant(const struct identity_options *o, const struct identity *who, struct arena *a, struct str named,
                              struct tenant *tenant_out, struct err *err);
/* What the request names: orgid, X-Tenant-Id, companyId, as headers or the last one in the query. STR_NONE: nothing. */
struct str identity_named_tenant(const struct request *r);
/* "Bearer abc" -> "abc"; STR_NONE for anything else. */
struct str bearer_token(struct str header);
/* A cookie's value, or STR_NONE. */
struct str cookie_value(struct str header, struct str name);
/* The role's permissions. */
unsigned role_permissions(enum user_role role);

/* ---- identity_watch.c ---- */

/* What a long answer keeps of who asked for it. */
struct identity_watch {
    const struct identity_options *options;
    int64_t tenant, expires_us;      /* 0: none */
    int64_t looked_us;               /* monotonic */
    char subject[LIMIT_NAME_BYTES + 16], session[TOKEN_HASH_BYTES];
};
void identity_watch_init(struct identity_watch *w, const struct identity_options *o, const struct identity *who);
/*
 * False: his key, session, user or tenant is no more, or its time is over. Asks the store at most once a second. Blocks on it;
 * where it cannot be asked, false.
 */
bool identity_watch_holds(struct identity_watch *w, struct store *store, struct arena *a);

/* ---- between the files ---- */

/* Counts a failure; always false. */
bool identity_refuse(const struct identity_options *o, struct str peer, struct err *err);
MUST_USE bool identity_by_key(const struct identity_options *o, struct http_exchange *x, struct str token,
                              struct identity *identity_out, struct err *err);
/* found_out false: no session of that token; the answer is not given yet. */
MUST_USE bool identity_by_session(const struct identity_options *o, struct http_exchange *x, struct str token, bool *found_out,
                                  struct identity *identity_out, struct err *err);
MUST_USE bool identity_by_jwt(const struct identity_options *o, struct http_exchange *x, struct str token,
                              struct identity *identity_out, struct err *err);

#endif
