/*
 * The doors: HTTP in, the core's calls, HTTP out.
 *
 * A door translates words and owns no data or logic of its own (contract, section 1). One route table
 * holds every address; what is common to all routes (who is asking, which tenant, body, idempotency,
 * error dialect, headers) is done once, around the handler.
 *
 *     struct door *door = door_new(&options, &err);
 *     struct http_server_options server = {.handler = door_handle, .refuse = door_refuse, .body_max = door_body_max,
 *                                          .at_once = door_at_once, .ctx = door};
 *
 * A door is used by many threads at once; it must outlive the server.
 */
#ifndef TIDEMARK_DOOR_DOOR_H
#define TIDEMARK_DOOR_DOOR_H

#include "crypt/jwt.h"
#include "door/jwks.h"
#include "engine/engine.h"
#include "engine/keyring.h"
#include "engine/registry.h"
#include "hook/inbox.h"
#include "net/address_policy.h"
#include "net/http_server.h"
#include "store/store.h"

struct door;

struct door_options {
    struct store *store;
    struct engine *engine;
    struct registry *templates;
    struct inbox *inbox;            /* webhooks in */
    struct keyring *keys;           /* seals stored answers that hold a secret */
    const struct clock *clock;
    const struct jwt_keys *jwt;     /* shared secrets that tokens are signed with; NULL: none */
    struct jwks *jwks;              /* published keys; NULL: none */
    struct str jwt_issuer, jwt_audience; /* STR_NONE: not checked */
    bool auto_provision;            /* a valid token may name a tenant that does not exist yet: it is made */
    struct str session_secret;      /* signs the tokens of sessions; STR_NONE: nobody can sign in */
    int64_t session_ms;             /* how long a session lasts; 0: 12 hours */
    struct str cors_origins;        /* comma separated; or STR_NONE */
    bool demo_user;                 /* door 004 without a token, from this machine: the sandbox's alone (D21) */
    struct str public_url;          /* without a '/' at the end, or STR_NONE */
    struct str local_key;           /* a bearer token of this process alone, with the admin's role; STR_NONE: none */
    bool metrics_public;
    bool status_private;            /* GET /sync needs a token too */
    bool get_changes_off;           /* purge, pause and resume by POST only */
    bool sandbox;                   /* shown on the page at "/" */
    const struct address_policy *policy; /* what subscriptions may name; NULL: judged when it is called */
};

/* Borrows everything in options; copies its texts. NULL with E_NO_MEMORY, E_CONFIG (cors_origins). */
struct door *door_new(const struct door_options *options, struct err *err);
void door_free(struct door *door); /* accepts NULL; after the server is gone */
/* Late wiring: the server whose numbers /metrics shows. Before the first request that asks for them. */
void door_set_server(struct door *door, const struct http_server *server);
/* From now on /readyz says no: a load balancer looks elsewhere while requests under way end. */
void door_stopping(struct door *door);

/* For http_server_options; ctx is the door. */
void door_handle(struct http_exchange *x, void *ctx);
void door_refuse(struct http_exchange *x, const struct err *err, void *ctx);
size_t door_body_max(struct http_exchange *x, void *ctx);
/* After it. */
bool door_at_once(struct http_exchange *x, void *ctx);

/* The route table, for documentation and tests: one line "METHOD /path/:id access dialect flag..." per route. */
bool door_routes_text(struct buf *b);

#endif
