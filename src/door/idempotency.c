#include "door/idempotency_priv.h"

#include "base/log.h"
#include "crypt/digest.h"
#include "base/rng.h"
#include "door/dialect_priv.h"
#include "door/routes_priv.h"

#include <pthread.h>

struct step {
    struct request *request;
    const struct idempotency_key *key;
    struct idempotency_answer answer;
    struct arena *arena;
};

static bool
begin(struct db *db, void *ctx, struct err *err)
{
    struct step *s = ctx;
    s->answer = (struct idempotency_answer){0};
    return store_idempotency_begin(db, s->arena, s->key, store_now(db), &s->answer, err);
}

static bool
finish(struct db *db, void *ctx, struct err *err)
{
    struct step *s = ctx;
    return store_idempotency_finish(db, s->key, &s->answer, store_now(db), err);
}

static bool
forget(struct db *db, void *ctx, struct err *err)
{
    struct step *s = ctx;
    return store_idempotency_forget(db, s->key, err);
}

/* ---- whose key it is ---- */

static pthread_once_t process_once = PTHREAD_ONCE_INIT;
static char process_id[UUID_TEXT_BYTES];

static void
make_process_id(void)
{
    uuid_v7_now(process_id);
}

static struct str
owner_text(struct request *r)
{
    pthread_once(&process_once, make_process_id);
    return str_format(r->arena, "%.*s/%s", STR_ARG(store_node_id(request_parts(r)->store)), process_id);
}

/* ---- the effect ---- */

/* A store_rider_fn. */
static bool
note_effect(struct db *db, void *ctx, struct str effect, struct err *err)
{
    struct idempotency *i = ctx;
    struct str kind, what;
    (void)str_cut(effect, ':', &kind, &what);
    bool undone = str_eq_c(kind, "no-call");
    i->called = !undone && (i->called || str_eq_c(kind, "call"));
    if (undone)
        return store_idempotency_effect_undone(db, &i->key, str_slice(effect, strlen("no-"), effect.len), err);
    return store_idempotency_effect(db, &i->key, effect, err);
}

/* An answer with a secret, of a route of the operator's: no tenant's key could seal it, so it is made anew each time. */
#define KEPT "kept"

static bool
cannot_be_sealed(const struct request *r, const struct idempotency *i, int64_t status)
{
    return (r->match.route->flags & ROUTE_SECRET) && i->key.tenant == 0 && status < 400;
}

/* How an answer is made from what its request made. */
static const struct {
    route_fn *handle;
    const char *kind;
    bool (*again)(struct request *r, struct str uuid, struct err *err);
} makers[] = {
    {bookings_create, "record", bookings_create_again},
    {connection_sync, "run", connection_sync_again},
    {connections_create, "connection", connections_create_again},
    {deliveries_replay, "delivery", deliveries_replay_again},
    {entities_create, "record", entities_create_again},
    {integration_templates_create, "template", integration_templates_create_again},
    {integrations_create, "connection", integrations_create_again},
    {integrations_setup_webhook, KEPT, integrations_setup_webhook_again},
    {integrations_sync, "run", integrations_sync_again},
    {jobs_queue, "job", jobs_queue_again},
    {messages_post, "record", entities_create_again},
    {run_start, "run", run_start_again},
    {strategies_create, "strategy", strategies_create_again},
    {sub_account_users_create, "user", sub_account_users_create_again},
    {sub_accounts_create, "tenant", sub_accounts_create_again},
    {tenants_create, "tenant", tenants_create_again},
    {users_create, "user", users_create_again},
    {webhook_events_replay, "webhook_event", webhook_events_replay_again},
};

bool
idempotency_again(struct request *r, const struct idempotency *i, struct err *err)
{
    struct str kind, uuid;
    str_cut(i->effect, ':', &kind, &uuid);
    for (size_t k = 0; k < ARRAY_LEN(makers); k++) {
        if (makers[k].handle != r->match.route->handle || !str_eq_c(kind, makers[k].kind))
            continue;
        reply_add_header(r, "Idempotency-Replayed", STR("true"));
        return makers[k].again(r, uuid, err);
    }
    if (str_eq_c(kind, "call"))
        return err_set(err, E_VENDOR_UNCERTAIN, "The first request with this Idempotency-Key asked the vendor for %.*s, and the "
                       "server stopped before the answer came: it is not known whether that was done. Look there, and use a new "
                       "key to do it again", STR_ARG(uuid));
    return err_set(err, E_IDEMPOTENCY_DONE, "The first request with this Idempotency-Key was carried out (%.*s %.*s), but its "
                   "answer was lost when the server stopped: look at what it made, and use a new key to do it again",
                   STR_ARG(kind), STR_ARG(uuid));
}

/* ---- begin and end ---- */

static struct seal_place
place_of(const struct request *r, const struct idempotency_key *key)
{
    return (struct seal_place){r->tenant.uuid, STR("idempotency"), key->key, STR("answer")};
}

static struct str
route_text(struct request *r)
{
    return str_format(r->arena, "%.*s %.*s %.*s", STR_ARG(r->x->method), STR_ARG(r->x->path), STR_ARG(r->x->query));
}

static bool
replay(struct request *r, struct keyring *keys, const struct idempotency *i, const struct idempotency_answer *answer,
       struct err *err)
{
    struct str body = answer->body;
    struct secret opened = {0};
    if ((r->match.route->flags & ROUTE_SECRET) && body.len) {
        struct seal_place place = place_of(r, &i->key);
        if (!keyring_open(keys, r->tenant.id, &place, body, &opened, err))
            return false;
        body = secret_reveal(&opened);
    }
    r->reply.status = (int)answer->status;
    r->reply.type = !body.len ? NULL : answer->status >= 400 && r->as_problem ? PROBLEM_TYPE : JSON_TYPE;
    buf_clear(&r->reply.body);
    bool ok = buf_add(&r->reply.body, body);
    secret_release(&opened);
    reply_add_header(r, "Idempotency-Replayed", STR("true"));
    return ok || err_no_memory(err);
}

bool
idempotency_begin(struct request *r, struct keyring *keys, struct idempotency *i, struct err *err)
{
    *i = (struct idempotency){.effect = STR_NONE};
    struct str text = http_header_get(&r->x->headers, "Idempotency-Key");
    int64_t tenant = r->tenant.id ? r->tenant.id : r->who.tenant.id; /* 0: the operator's, about no tenant */
    if (str_is_none(text) || !(r->match.route->flags & ROUTE_CREATES))
        return true;
    if (text.len == 0 || text.len > LIMIT_IDEMPOTENCY_KEY_BYTES || !text_is_storable(text))
        return err_set(err, E_VALIDATION_FAILED, "The Idempotency-Key must have 1 to %d characters of UTF-8",
                       LIMIT_IDEMPOTENCY_KEY_BYTES);
    char hash[SHA256_TEXT_BYTES];
    if (!sha256_hex(r->x->body, hash, err))
        return false;
    i->key = (struct idempotency_key){tenant, route_text(r), text, str_copy(r->arena, str_from_c(hash)), owner_text(r), 0};
    struct step s = {.key = &i->key, .arena = r->arena};
    if (!store_write(request_parts(r)->store, begin, &s, err))
        return false;
    i->effect = STR(KEPT ":");
    if (s.answer.replay && cannot_be_sealed(r, i, s.answer.status))
        return true;
    if (s.answer.replay && !replay(r, keys, i, &s.answer, err))
        return false;
    i->replay = s.answer.replay;
    i->used = !s.answer.replay;
    i->effect = s.answer.effect;
    i->key.taken_us = s.answer.taken_us;
    if (i->used)
        store_rider_set(note_effect, i);
    return true;
}

/* What trying again can change is not kept, but what a vendor was asked for must not be asked for again. */
static bool
is_worth_keeping(const struct request *r, const struct idempotency *i, enum err_code code)
{
    return (i->called || (err_retry(code) == RETRY_NEVER && r->reply.status < 500)) && !r->reply.pull;
}

static bool
sealed_body(struct request *r, struct keyring *keys, const struct idempotency *i, struct str *body_out, struct err *err)
{
    *body_out = buf_str(&r->reply.body);
    if (cannot_be_sealed(r, i, r->reply.status)) {
        *body_out = STR("");
        return true;
    }
    if (!(r->match.route->flags & ROUTE_SECRET) || body_out->len == 0)
        return true;
    struct seal_place place = place_of(r, &i->key);
    return keyring_seal(keys, r->tenant.id, &place, *body_out, r->arena, body_out, err);
}

/*
 * The effect has happened; if its answer cannot be kept, the row frees itself after a while. Giving it free
 * now would let a second request repeat the effect at once.
 */
void
idempotency_end(struct request *r, struct keyring *keys, const struct idempotency *i, enum err_code code)
{
    if (!i->used)
        return;
    store_rider_set(NULL, NULL);
    struct err err = {0};
    struct step s = {.key = &i->key, .arena = r->arena, .answer = {.status = r->reply.status}};
    bool keep = is_worth_keeping(r, i, code) && code != E_IDEMPOTENCY_DONE;
    bool ok = !keep || sealed_body(r, keys, i, &s.answer.body, &err);
    ok = ok && store_write(request_parts(r)->store, keep ? finish : forget, &s, &err);
    if (!ok)
        log_err(LOG_WARN, "an answer could not be kept for its Idempotency-Key", &err);
}
