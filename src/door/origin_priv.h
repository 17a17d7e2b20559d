/*
 * Where a browser's request comes from: our own pages, origins that the operator named (cors.origins), or strangers.
 *
 * A cookie travels by itself, so a changing request over one must come from a page of ours or an allowed one (D25). Our
 * own origin is public_url's, or the address that the browser itself called (Host): a page of another site cannot make
 * the two agree, and one that had its name rebound to our address has no cookie of ours.
 */
#ifndef TIDEMARK_DOOR_ORIGIN_PRIV_H
#define TIDEMARK_DOOR_ORIGIN_PRIV_H

#include "door/request_priv.h"

#define ORIGINS_MAX 32

struct origins {
    struct str own;              /* "https://sync.example.com", or STR_NONE: only Host counts */
    bool secure;                 /* public_url is https: cookies are Secure */
    struct str allowed[ORIGINS_MAX];
    size_t allowed_count;
};

enum origin {
    ORIGIN_NONE,                 /* no Origin header */
    ORIGIN_OWN,
    ORIGIN_ALLOWED,
    ORIGIN_FOREIGN,
};

/* list: comma separated origins; texts go into a. E_CONFIG names one that is none. */
MUST_USE bool origins_init(struct origins *o, struct arena *a, struct str public_url, struct str list, struct err *err);
enum origin origin_of(const struct origins *o, const struct http_exchange *x);
/*
 * May this request change something, as far as where it comes from goes? A bearer token: always. Else E_FORBIDDEN, or
 * E_UNSUPPORTED_MEDIA_TYPE for a POST, PUT or PATCH whose type a form could send too.
 */
MUST_USE bool origin_may_change(const struct origins *o, const struct http_exchange *x, enum identity_via via, struct err *err);
/* What a browser needs to let an allowed origin read the answer. Adds nothing when none are named. */
void origin_headers(const struct origins *o, struct http_exchange *x);
/* Answers an OPTIONS request that asks for an allowed origin (r->match.allow: the methods there are). False: it is none. */
bool origin_preflight(const struct origins *o, struct request *r);
/* Whether Host names this machine: what the demo-user asks for. */
bool host_is_loopback(const struct http_exchange *x);

#endif
