/*
 * Whether he who asked may still be answered: an answer that is made for minutes (the stream of events, a log that is followed)
 * must end with what its caller came in with.
 */
#include "door/identity_priv.h"

#include <stdio.h>

#include "store/store_session.h"

#define LOOK_EVERY_US (1 * US_PER_S) /* as long as another node may take to hear of a revocation */

struct look {
    const struct identity_watch *watch;
    struct arena *arena;
    int64_t now_us;
    bool holds;
};

void
identity_watch_init(struct identity_watch *w, const struct identity_options *o, const struct identity *who)
{
    *w = (struct identity_watch){.options = o, .tenant = who->tenant.id, .expires_us = who->expires_us,
                                 .looked_us = clock_monotonic_us(o->clock)};
    snprintf(w->subject, sizeof(w->subject), "%.*s", STR_ARG(who->subject));
    snprintf(w->session, sizeof(w->session), "%.*s", STR_ARG(who->session));
}

static bool
tenant_is_off(struct db *db, const struct look *l, struct err *err)
{
    struct tenant tenant;
    enum row row = l->watch->tenant ? store_tenant_get(db, l->arena, l->watch->tenant, &tenant, err) : ROW_NONE;
    return l->watch->tenant && (row != ROW_FOUND || tenant.disabled_us);
}

/* A session ends with its key: what it was made from need not be looked at. */
static bool
is_ended_session(struct db *db, const struct look *l, struct err *err)
{
    struct session session;
    struct str hash = str_from_c(l->watch->session);
    return hash.len && (store_session_find(db, l->arena, hash, l->now_us, &session, err) != ROW_FOUND || !session.live);
}

static bool
is_revoked(struct db *db, const struct look *l, struct err *err)
{
    struct str kind, id;
    struct api_key key;
    struct user user = {0};
    if (!l->watch->tenant || !str_cut(str_from_c(l->watch->subject), ':', &kind, &id))
        return false;
    if (str_eq(kind, STR("key")))
        return store_key_get(db, l->arena, l->watch->tenant, id, &key, err) != ROW_FOUND || key.revoked_us;
    return store_user_by_subject(db, l->arena, l->watch->tenant, id, &user, err) == ROW_FOUND && user.disabled_us;
}

static bool
look(struct db *db, void *ctx, struct err *err)
{
    struct look *l = ctx;
    bool over = tenant_is_off(db, l, err) || is_ended_session(db, l, err) || is_revoked(db, l, err);
    l->holds = !over && err->code == E_OK;
    return err->code == E_OK;
}

bool
identity_watch_holds(struct identity_watch *w, struct store *store, struct arena *a)
{
    struct err err = {0};
    int64_t now_us = clock_monotonic_us(w->options->clock);
    struct look l = {.watch = w, .arena = a, .now_us = clock_wall_us(w->options->clock)};
    if (w->expires_us && l.now_us >= w->expires_us)
        return false;
    if (now_us - w->looked_us < LOOK_EVERY_US)
        return true;
    w->looked_us = now_us;
    return store_read(store, look, &l, &err) && l.holds;
}
