/*
 * The inbox's inside, for files of this room.
 */
#ifndef TIDEMARK_HOOK_INBOX_PRIV_H
#define TIDEMARK_HOOK_INBOX_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/limits.h"
#include "base/log.h"
#include "engine/applier.h"
#include "engine/raw.h"
#include "engine/webhook_keys.h"
#include "hook/inbox.h"
#include "template/webhooks.h"

#define INBOX_WORKERS_DEFAULT 4
#define INBOX_WORKERS_MAX 16
#define INBOX_LEASE_DEFAULT_MS 30000
#define INBOX_HINTS_PER_S_DEFAULT 20
#define INBOX_HINT_BURST 10                 /* seconds' worth */
#define INBOX_CONNECTIONS_MAX 64            /* that one event goes to */
#define INBOX_HEADERS_MAX 16                /* kept with an event */
#define INBOX_PENDING_MAX 2000000           /* events that wait; more are refused until some are applied */
#define INBOX_STORE_QUEUE_MAX 20000         /* writes that wait for the database */
#define INBOX_JOIN_US (250 * US_PER_MS)     /* hints wait so long, so that a burst on one record is one fetch */
#define INBOX_PACKERS 8

/* ---- inbox_limit.c: how often an address may come without proof ---- */

struct limiter;
struct limiter *limiter_new(const struct clock *clock, int64_t per_s, int64_t burst);
void limiter_free(struct limiter *l);       /* accepts NULL */
/* Takes one. False: *wait_ms_out says when there is another. */
bool limiter_take(struct limiter *l, struct str peer, int64_t *wait_ms_out);

/* ---- inbox_connections.c: who an event is for ---- */

struct target {
    struct inbox_connection row;
    struct webhook_keys keys;
    yyjson_val *schemes;                    /* how it is signed, public keys of its configuration filled in; or NULL */
    struct str *vendor_secrets;             /* of the configuration: an app's, not this connection's */
    size_t vendor_secret_count;
};

/* Connections of one address, as they were a moment ago. Shared and counted; immutable. */
struct targets {
    struct arena arena;
    _Atomic int references;
    struct str key;
    int64_t loaded_us;                      /* monotonic */
    struct template *template;              /* a reference; NULL: no such template or connection */
    yyjson_val *block;                      /* of template_webhooks; NULL: takes none */
    struct str headers[INBOX_HEADERS_MAX];  /* that the block names */
    size_t header_count;
    struct target *rows;
    size_t count;
};

struct target_cache;
struct target_cache *target_cache_new(void);
void target_cache_free(struct target_cache *c); /* accepts NULL */
/*
 * account STR_NONE with `name` a template: all of the template. by_uuid: name is a connection's. fresh: not what was cached.
 * A reference; NULL with err: the store's codes, E_CRYPT, E_NO_MEMORY. Blocks on the store when it is not cached.
 */
struct targets *targets_get(struct inbox *in, bool by_uuid, struct str name, struct str account, bool fresh, struct err *err);
/* The same from what is cached alone: NULL when it is not. */
struct targets *targets_cached(struct inbox *in, bool by_uuid, struct str name, struct str account);
void targets_unref(struct targets *t);      /* accepts NULL */

/* ---- inbox_proof.c: is it true? ---- */

enum proof {
    PROOF_NONE,             /* a hint */
    PROOF_SIGNED,
    PROOF_TOKEN,
    PROOF_WRONG,
    PROOF_ELSEWHERE,        /* another account's, or the connection is switched off */
};

/* What somebody says. */
struct claim {
    const struct inbox *in;
    const struct inbox_request *r;
    struct str account;                     /* that the event names; or none */
    int64_t received_us;
};

struct judgement {
    enum proof proofs[INBOX_CONNECTIONS_MAX]; /* of each target */
    size_t taken, proven, wrong;            /* so many of them */
};
void claim_judge(const struct claim *claim, const struct targets *targets, struct judgement *judgement_out);
/* How far such an event is believed: "signed", "token", "payload", "hint". */
const char *trust_of(const struct target *target, enum proof proof);

/* ---- inbox_content.c ---- */

/* The kept form of what came; in a. STR_NONE: the arena is full. */
struct str content_pack(struct inbox *in, struct arena *a, const struct targets *t, const struct inbox_request *r);
/* An event that was kept, ready to be read by its template's table; headers_out is the caller's and must live as long. */
MUST_USE bool content_open(struct arena *a, const struct template *t, struct str content, struct http_headers *headers_out,
                           struct webhook_body *body_out, struct err *err);

/* ---- the inbox ---- */

struct inbox_worker {
    struct inbox *inbox;
    pthread_t thread;
    bool started;
    /* under the inbox's lock */
    struct inbox_queue queue;
    bool holds;                             /* its lease is to be renewed */
    struct applier *applier;                /* to stop what it waits for */
};

struct inbox {
    struct inbox_options options;
    struct arena arena;                     /* startup */
    struct str url;                         /* under lock until set */
    struct str node;
    struct target_cache *cache;
    struct limiter *limiter;
    yyjson_val *own_schemes;                /* x-webhook-signature, Standard Webhooks */
    struct raw_packer *packers[INBOX_PACKERS];
    _Atomic int64_t clock_offset_us;        /* database clock minus ours */
    _Atomic int64_t accepted, duplicates, hints, refused, unknown, unhandled, limited, applied, failed, fetches, pending;

    pthread_mutex_t lock;
    pthread_cond_t wake;                    /* under lock: something is due, or stop */
    pthread_cond_t stop;                    /* under lock: for the heart */
    uint64_t wakes;                         /* under lock */
    bool stopping;                          /* under lock */
    struct inbox_worker workers[INBOX_WORKERS_MAX];
    pthread_t heart;
    bool heart_started;
};

/* Now, by the database clock as far as we know it. */
int64_t inbox_now(const struct inbox *in);
void inbox_clock(struct inbox *in, struct db *db);
/* Sleeps until woken or ms have passed; *seen is what was seen of the wakes. False: the inbox stops. */
bool inbox_wait(struct inbox *in, uint64_t *seen, int64_t ms);
/* Sleeps so long, or until the inbox stops. */
void inbox_pause(struct inbox *in, int64_t ms);
bool inbox_is_stopping(struct inbox *in);
/* Something came for this connection: wakes a worker, unless one is at its queue and will look again. */
void inbox_wake_queue(struct inbox *in, int64_t connection);

/* A write that lets those that somebody waits for go first. Blocks until committed. */
MUST_USE bool inbox_write(struct inbox *in, store_fn *fn, void *ctx, struct err *err);

/* inbox_work.c: threads; arg is the worker, or the inbox. */
void *inbox_worker_main(void *worker);
void *inbox_heart_main(void *inbox);

/* ---- inbox_apply.c ---- */

enum drained {
    DRAIN_EMPTY,                            /* nothing is due any more */
    DRAIN_LOST,                             /* the queue is another's, or the inbox stops, or the store fails: leave it */
};
/* Applies what is due in a queue that this worker holds. */
enum drained inbox_drain(struct inbox_worker *w, struct inbox_queue *queue);

#endif
