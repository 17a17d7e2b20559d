#include "door/jwks.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/limits.h"
#include "base/log.h"

#define JWKS_MAGIC 0x3b5c0f11
#define TEXT_ARENA_BYTES (16 * 1024)

/* One document's keys. Freed by whoever uses them last. */
struct key_set {
    struct jwt_keys *keys;
    unsigned users;              /* under jwks->lock */
};

struct jwks {
    unsigned magic;
    struct jwks_options options;
    struct arena texts;
    pthread_mutex_t lock;
    pthread_cond_t changed;      /* a fetch ended */
    struct key_set *present;     /* under lock, and so the rest; NULL: none yet */
    int64_t fetched_us, tried_us; /* monotonic; 0: never */
    struct http_call *call;      /* on its way, and nobody waits for it */
    bool awaited;                /* somebody took the call and waits for it */
    unsigned waiting;            /* how many wait for it, he included */
};

struct jwks *
jwks_new(const struct jwks_options *options, struct err *err)
{
    struct http_url url;
    if (!http_url_parse(options->url, &url) || url.has_userinfo) {
        err_set(err, E_CONFIG, "auth.jwks_url must be an https address without a password, such as https://id.example.com/jwks.json");
        return NULL;
    }
    struct jwks *j = alloc_zeroed(1, sizeof(*j));
    if (!j) {
        err_no_memory(err);
        return NULL;
    }
    j->magic = JWKS_MAGIC;
    j->options = *options;
    if (j->options.fetch_ms == 0)
        j->options.fetch_ms = LIMIT_JWKS_FETCH_MS;
    arena_init(&j->texts, TEXT_ARENA_BYTES);
    pthread_mutex_init(&j->lock, NULL);
    pthread_cond_init(&j->changed, NULL);
    j->options.url = str_copy(&j->texts, options->url);
    if (j->options.url.ptr)
        return j;
    jwks_free(j);
    err_no_memory(err);
    return NULL;
}

static void
set_drop(struct key_set *set)
{
    if (!set || --set->users > 0)
        return;
    jwt_keys_free(set->keys);
    free(set);
}

void
jwks_free(struct jwks *j)
{
    if (!j)
        return;
    CHECK(j->magic == JWKS_MAGIC);
    http_call_free(j->call);
    set_drop(j->present);
    pthread_cond_destroy(&j->changed);
    pthread_mutex_destroy(&j->lock);
    arena_release(&j->texts);
    j->magic = 0;
    free(j);
}

/* ---- one fetch ---- */

static struct key_set *
read_reply(const struct jwks *j, const struct http_reply *reply, struct err *err)
{
    if (reply->code != E_OK) {
        err_set(err, reply->code, "%s", reply->message);
        return NULL;
    }
    if (reply->status != 200) {
        err_set(err, E_VENDOR_REFUSED, "the address answered with status %d", reply->status);
        return NULL;
    }
    struct key_set *set = alloc_zeroed(1, sizeof(*set));
    if (set)
        *set = (struct key_set){.keys = jwt_keys_new(), .users = 1};
    if (set && set->keys && jwt_keys_add_jwks(set->keys, reply->body, j->options.algorithms, err))
        return set;
    if (!set || !set->keys)
        err_no_memory(err);
    set_drop(set);
    return NULL;
}

/* Under lock. The call is finished and freed. */
static void
take_reply(struct jwks *j, struct http_call *call)
{
    struct err err = {0};
    struct key_set *set = read_reply(j, http_call_wait(call), &err);
    http_call_free(call);
    if (!set) {
        log_err(LOG_WARN, "the keys for tokens could not be fetched from auth.jwks_url; those already there still serve", &err);
        return;
    }
    set_drop(j->present);
    j->present = set;
    j->fetched_us = clock_monotonic_us(j->options.clock);
}

/* Under lock. Starts a fetch unless one is on its way or was tried just now. */
static void
start_fetch(struct jwks *j, int64_t now_us)
{
    struct err err = {0};
    if (j->call || j->awaited || (j->tried_us && now_us - j->tried_us < LIMIT_JWKS_RETRY_S * US_PER_S))
        return;
    j->tried_us = now_us;
    struct http_header headers[] = {{STR("Accept"), STR("application/jwk-set+json, application/json")}};
    struct http_request request = {.method = STR("GET"), .url = j->options.url, .headers = {headers, 1},
                                   .total_ms = j->options.fetch_ms, .body_max = LIMIT_BODY_BYTES, .operator_address = true};
    j->call = http_client_start(j->options.client, &request, &err);
    if (!j->call)
        log_err(LOG_WARN, "the keys for tokens could not be fetched from auth.jwks_url", &err);
}

/* Under lock, which is given up meanwhile. */
static void
await_fetch(struct jwks *j)
{
    struct http_call *call = j->call;
    if (!call) {
        while (j->awaited)
            pthread_cond_wait(&j->changed, &j->lock);
        return;
    }
    j->call = NULL;
    j->awaited = true;
    pthread_mutex_unlock(&j->lock);
    http_call_wait(call); /* ends by its own deadline */
    pthread_mutex_lock(&j->lock);
    take_reply(j, call);
    j->awaited = false;
    pthread_cond_broadcast(&j->changed);
}

/* ---- the keys for one token ---- */

static bool
holds(const struct jwks *j, enum jwt_algorithm algorithm, struct str kid)
{
    return j->present && jwt_keys_hold(j->present->keys, algorithm, kid);
}

/* Under lock. False: so many wait for the keys already that others would find no thread. */
static bool
fetch_for(struct jwks *j, int64_t now_us)
{
    start_fetch(j, now_us);
    if (!j->call && !j->awaited)
        return true;
    if (j->waiting == LIMIT_JWKS_WAITING)
        return false;
    j->waiting++;
    await_fetch(j);
    j->waiting--;
    return true;
}

/* Under lock. Keys that are too old are as none. */
static void
look_after(struct jwks *j, int64_t now_us)
{
    if (j->call && http_call_poll(j->call)) {
        struct http_call *call = j->call;
        j->call = NULL;
        take_reply(j, call);
    }
    if (j->present && now_us - j->fetched_us >= LIMIT_JWKS_STALE_S * US_PER_S) {
        set_drop(j->present);
        j->present = NULL;
    }
    if (!j->present || now_us - j->fetched_us >= LIMIT_JWKS_FRESH_S * US_PER_S)
        start_fetch(j, now_us);
}

/* NULL: there are none. Give it back with give_set. */
static struct key_set *
take_set(struct jwks *j, enum jwt_algorithm algorithm, struct str kid)
{
    pthread_mutex_lock(&j->lock);
    int64_t now_us = clock_monotonic_us(j->options.clock);
    look_after(j, now_us);
    bool looked = holds(j, algorithm, kid) || fetch_for(j, now_us);
    struct key_set *set = looked ? j->present : NULL;
    if (set)
        set->users++;
    pthread_mutex_unlock(&j->lock);
    return set;
}

static void
give_set(struct jwks *j, struct key_set *set)
{
    pthread_mutex_lock(&j->lock);
    set_drop(set);
    pthread_mutex_unlock(&j->lock);
}

bool
jwks_verify(struct jwks *j, const struct jwt_policy *policy, int64_t now_us, struct str token, struct arena *a,
            yyjson_val **claims_out, struct err *err)
{
    CHECK(j->magic == JWKS_MAGIC);
    enum jwt_algorithm algorithm;
    struct str kid;
    if (!jwt_peek(token, a, &algorithm, &kid) || !(algorithm & j->options.algorithms))
        return err_set(err, E_UNAUTHORIZED, "The token is not valid");
    struct key_set *set = take_set(j, algorithm, kid);
    if (!set)
        return err_set(err, E_UNAVAILABLE, "The keys that tokens are verified with cannot be fetched right now");
    bool ok = jwt_verify(set->keys, policy, now_us, token, a, claims_out, err);
    give_set(j, set);
    return ok;
}
