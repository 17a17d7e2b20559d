#include "door/idempotency_priv.h"

#include "base/log.h"
#include "crypt/digest.h"
#include "base/rng.h"
#include "door/dialect_priv.h"
#include "door/request_priv.h"
#include "door/routes_priv.h"

#include <pthread.h>

static bool
begin(struct db *db, void *ctx, struct err *err)
{
    struct request *r = ctx;
    struct idempotency *i = &r->idempotency;
    i->answer = (struct idempotency_answer){0};
    return store_idempotency_begin(db, r->arena, &i->key, store_now(db), &i->answer, err);
}

static bool
finish(struct db *db, void *ctx, struct err *err)
{
    struct request *r = ctx;
    return store_idempotency_finish(db, &r->idempotency.key, &r->idempotency.answer, store_now(db), err);
}

static bool
forget(struct db *db, void *ctx, struct err *err)
{
    struct request *r = ctx;
    return store_idempotency_forget(db, &r->idempotency.key, err);
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
cannot_be_sealed(const struct request *r, int64_t status)
{
    return (r->match.route->flags & ROUTE_SECRET) && r->idempotency.key.tenant == 0 && status < 400;
}

void
idempotency_ride(struct request *r)
{
    if (r->idempotency.used)
        store_rider_set(note_effect, &r->idempotency);
}

void
idempotency_dismount(void)
{
    store_rider_set(NULL, NULL);
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
idempotency_again(struct request *r, struct err *err)
{
    struct str kind, uuid;
    str_cut(r->idempotency.effect, ':', &kind, &uuid);
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
replay(struct request *r, struct keyring *keys, struct err *err)
{
    const struct idempotency *i = &r->idempotency;
    struct str body = i->answer.body;
    struct secret opened = {0};
    if ((r->match.route->flags & ROUTE_SECRET) && body.len) {
        struct seal_place place = place_of(r, &i->key);
        if (!keyring_open(keys, r->tenant.id, &place, body, &opened, err))
            return false;
        body = secret_reveal(&opened);
    }
    r->reply.status = (int)i->answer.status;
    r->reply.type = !body.len ? NULL : i->answer.status >= 400 && r->as_problem ? PROBLEM_TYPE : JSON_TYPE;
    buf_clear(&r->reply.body);
    bool ok = buf_add(&r->reply.body, body);
    secret_release(&opened);
    reply_add_header(r, "Idempotency-Replayed", STR("true"));
    return ok || err_no_memory(err);
}

bool
idempotency_is_asked(const struct request *r)
{
    return (r->match.route->flags & ROUTE_CREATES) && !str_is_none(http_header_get(&r->x->headers, "Idempotency-Key"));
}

bool
idempotency_begin(struct request *r, request_then_fn *then, struct err *err)
{
    struct str text = http_header_get(&r->x->headers, "Idempotency-Key");
    int64_t tenant = r->tenant.id ? r->tenant.id : r->who.tenant.id; /* 0: the operator's, about no tenant */
    char hash[SHA256_TEXT_BYTES];
    if (text.len == 0 || text.len > LIMIT_IDEMPOTENCY_KEY_BYTES || !text_is_storable(text))
        return err_invalid(err, "Idempotency-Key", "The Idempotency-Key must have 1 to %d characters of UTF-8",
                           LIMIT_IDEMPOTENCY_KEY_BYTES);
    if (!sha256_hex(r->x->body, hash, err))
        return false;
    r->idempotency.key = (struct idempotency_key){tenant, route_text(r), text, str_copy(r->arena, str_from_c(hash)),
                                                  owner_text(r), 0};
    return request_write(r, (struct store_call){begin, r}, then);
}

bool
idempotency_begun(struct request *r, struct keyring *keys, struct err *err)
{
    struct idempotency *i = &r->idempotency;
    i->effect = STR(KEPT ":");
    if (i->answer.replay && cannot_be_sealed(r, i->answer.status))
        return true;
    if (i->answer.replay && !replay(r, keys, err))
        return false;
    i->replay = i->answer.replay;
    i->used = !i->answer.replay;
    i->effect = i->answer.effect;
    i->key.taken_us = i->answer.taken_us;
    return true;
}

/* What trying again can change is not kept, but what a vendor was asked for must not be asked for again. */
static bool
is_worth_keeping(const struct request *r, enum err_code code)
{
    return (r->idempotency.called || (err_retry(code) == RETRY_NEVER && r->reply.status < 500)) && !r->reply.pull;
}

static bool
sealed_body(struct request *r, struct keyring *keys, struct str *body_out, struct err *err)
{
    *body_out = buf_str(&r->reply.body);
    if (cannot_be_sealed(r, r->reply.status)) {
        *body_out = STR("");
        return true;
    }
    if (!(r->match.route->flags & ROUTE_SECRET) || body_out->len == 0)
        return true;
    struct seal_place place = place_of(r, &r->idempotency.key);
    return keyring_seal(keys, r->tenant.id, &place, *body_out, r->arena, body_out, err);
}

/*
 * The effect has happened; if its answer cannot be kept, the row frees itself after a while. Giving it free
 * now would let a second request repeat the effect at once.
 */
bool
idempotency_end(struct request *r, struct keyring *keys, enum err_code code)
{
    struct idempotency *i = &r->idempotency;
    struct err err = {0};
    if (!i->used)
        return false;
    i->answer = (struct idempotency_answer){.status = r->reply.status};
    bool keep = is_worth_keeping(r, code) && code != E_IDEMPOTENCY_DONE;
    if (!keep || sealed_body(r, keys, &i->answer.body, &err))
        return request_write(r, (struct store_call){keep ? finish : forget, r}, NULL);
    log_err(LOG_WARN, "an answer could not be kept for its Idempotency-Key", &err);
    return false;
}
