/*
 * A door is made and unmade: what it is made of, and the copies of the texts that it keeps.
 */
#include "door/door_priv.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/check.h"
#include "door/audit_priv.h"

#define DOOR_ARENA_BYTES (64 * 1024)
#define SESSION_OTHERWISE_US (12 * US_PER_HOUR)

static bool
copy_texts(struct door *door, const struct door_options *o)
{
    struct arena *a = &door->arena;
    door->parts.public_url = o->public_url.len ? str_copy(a, o->public_url) : STR_NONE;
    door->identity.local_key = o->local_key.len ? str_copy(a, o->local_key) : STR_NONE;
    door->identity.jwt_policy.issuer = o->jwt_issuer.len ? str_copy(a, o->jwt_issuer) : STR_NONE;
    door->identity.jwt_policy.audience = o->jwt_audience.len ? str_copy(a, o->jwt_audience) : STR_NONE;
    return (!o->local_key.len || door->identity.local_key.ptr) && (!o->public_url.len || door->parts.public_url.ptr) &&
           (!o->jwt_issuer.len || door->identity.jwt_policy.issuer.ptr) &&
           (!o->jwt_audience.len || door->identity.jwt_policy.audience.ptr);
}

static bool
make_parts(struct door *door, const struct door_options *o, struct err *err)
{
    door->looks = audit_looks_new(o->clock);
    door->tries = attempts_new(o->clock, LIMIT_TRIES, LIMIT_TRIES_WINDOW_S);
    door->identity = (struct identity_options){
        .store = o->store, .clock = o->clock, .jwt = o->jwt, .jwks = o->jwks, .auto_provision = o->auto_provision,
        .failures = attempts_new(o->clock, LIMIT_AUTH_FAILURES, LIMIT_AUTH_WINDOW_S),
        .cache = identity_cache_new(o->store, o->clock),
    };
    if (!door->looks || !door->tries || !door->identity.failures || !door->identity.cache || !copy_texts(door, o))
        return err_no_memory(err);
    return (!o->session_secret.len || secret_set(&door->session_secret, o->session_secret, err)) &&
           origins_init(&door->origins, &door->arena, o->public_url, o->cors_origins, err);
}

struct door *
door_new(const struct door_options *o, struct err *err)
{
    struct door *door = alloc_zeroed(1, sizeof(*door));
    if (!door) {
        err_no_memory(err);
        return NULL;
    }
    door->magic = DOOR_MAGIC;
    arena_init(&door->arena, DOOR_ARENA_BYTES);
    door->parts = (struct door_parts){.store = o->store, .engine = o->engine, .templates = o->templates, .inbox = o->inbox,
                                      .clock = o->clock, .sandbox = o->sandbox};
    door->keys = o->keys;
    door->policy = o->policy;
    event_gate_init(&door->events);
    door->metrics_public = o->metrics_public;
    door->status_private = o->status_private;
    door->get_changes_off = o->get_changes_off;
    door->started_us = clock_wall_us(o->clock);
    door->session_us = o->session_ms ? o->session_ms * US_PER_MS : SESSION_OTHERWISE_US;
    door->demo_user = o->demo_user;
    if (make_parts(door, o, err))
        return door;
    door_free(door);
    return NULL;
}

void
door_free(struct door *door)
{
    if (!door)
        return;
    CHECK(door->magic == DOOR_MAGIC);
    attempts_free(door->identity.failures);
    attempts_free(door->tries);
    identity_cache_free(door->identity.cache);
    audit_looks_free(door->looks);
    secret_release(&door->session_secret);
    event_gate_release(&door->events);
    arena_release(&door->arena);
    door->magic = 0;
    free(door);
}

void
door_set_server(struct door *door, const struct http_server *server)
{
    atomic_store(&door->server, server);
}

void
door_stopping(struct door *door)
{
    atomic_store(&door->stopping, true);
}

const struct door_parts *
request_parts(const struct request *r)
{
    return &r->door->parts;
}
