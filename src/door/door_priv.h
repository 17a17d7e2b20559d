/* The door itself, for the files that make it (door_new.c), run its requests (door.c and its parts) or show its state (health.c). */
#ifndef TIDEMARK_DOOR_DOOR_PRIV_H
#define TIDEMARK_DOOR_DOOR_PRIV_H

#include <stdatomic.h>

#include "crypt/secret.h"
#include "door/identity_priv.h"
#include "door/origin_priv.h"
#include "door/events_priv.h"
#include "net/address_policy.h"

#define DOOR_MAGIC 0x7d00f00d
#define STATUS_CLASSES 6

struct door {
    unsigned magic;
    struct arena arena;             /* the copied texts; immutable after door_new */
    struct door_parts parts;
    struct keyring *keys;
    struct identity_options identity;
    struct origins origins;
    struct audit_looks *looks;
    struct attempts *tries;         /* of credentials: of new ones by tenant, of a connection's by it (D32) */
    struct secret session_secret;   /* signs the tokens of sessions; empty: there are none */
    int64_t session_us;
    bool demo_user;
    const struct address_policy *policy; /* borrowed; NULL: addresses are judged when they are called */
    struct event_gate events;
    bool metrics_public, status_private, get_changes_off;
    int64_t started_us;             /* wall */
    _Atomic(const struct http_server *) server;
    atomic_bool stopping;
    atomic_int_fast64_t answers[STATUS_CLASSES]; /* by first digit of the status */
    atomic_int_fast64_t answer_us;  /* time spent on them, together */
};

/* door_admit.c: fills route, query, who and tenant. */
MUST_USE bool door_admit(struct request *r, struct err *err);
/* door_answer.c: an error instead of whatever the reply holds. */
void door_reply_error(struct request *r, const struct err *err);
/* The exchange, its arena and so the request are gone when this returns. */
void door_send(struct request *r);

#endif
