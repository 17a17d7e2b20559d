/*
 * The engine: what a connection, a test and a run are, whoever asks for them.
 *
 * The doors translate words and call these functions; they hold no logic of their own. The engine owns
 * the workers that read pages, the heartbeat of their leases, the schedule of connections, and the
 * background tests of broken connections. Everything that must survive a restart is in the store; the
 * engine can be killed at any moment and continues from the last mark (I-1, I-4).
 *
 * All functions may be called from any thread. Those that say so call a vendor and may block for minutes.
 */
#ifndef TIDEMARK_ENGINE_ENGINE_H
#define TIDEMARK_ENGINE_ENGINE_H

#include "engine/keyring.h"
#include "engine/registry.h"
#include "engine/sender.h"
#include "store/store.h"
#include "store/store_connection.h"
#include "store/store_retention.h"
#include "store/store_run.h"

struct engine;

/* An endpoint that speaks OpenAI's chat completions; no base_url or no model: off. Texts are the caller's. */
struct engine_ai {
    struct str base_url;            /* "https://api.openai.com/v1": "/chat/completions" is added */
    struct str model, api_key;
    struct str prompt;              /* of the system; empty: ours */
};

struct engine_options {
    struct store *store;
    struct http_client *client;
    struct registry *templates;     /* name -> template */
    struct keyring *keys;           /* seals and opens credentials */
    const struct clock *clock;
    /* The operator's address for a template (<NAME>_BASE_URL), or STR_NONE. */
    struct str (*address_override)(void *ctx, struct str template_name);
    void *address_ctx;
    struct engine_ai ai;            /* welcome messages for new leads */
    unsigned workers;               /* runs that are read at the same time; 0: chosen from the cores */
    int64_t lease_ms, heartbeat_ms, sweep_ms; /* 0: 30 s, 5 s, 10 s (I-15) */
    int64_t overlap_ms;             /* 0: 60 s (I-6) */
    int64_t interval_ms, full_interval_ms; /* default schedule; 0: 15 min, 24 h */
    struct retention retention;     /* how long logs, runs, events ... are kept; all 0: for ever */
    int64_t retention_every_ms;     /* how often what is older is looked for; 0: 10 min */
    unsigned store_tries;           /* of a write the store did not take; 0: 5. Tests set 1 */
    const struct sender *sender;    /* who answers requests; NULL: client. For tests and replays */
    bool background;                /* schedules and reconnection run (serve); false: only what is asked for (tools) */
};

/* NULL with err. Nothing runs before engine_start. */
struct engine *engine_new(const struct engine_options *options, struct err *err);
void engine_start(struct engine *e);
/* SIGTERM (I-38): stops claiming, lets pages finish until the deadline, drops the rest, releases leases. */
void engine_stop(struct engine *e, int64_t deadline_ms);
void engine_free(struct engine *e);

/* ---- connections ---- */

/* What a person may set. Pointers to what was not given are NULL (JSON) or STR_NONE. */
struct connection_change {
    struct str name;
    struct str provider;            /* template name; creation only */
    yyjson_val *config;             /* credentials and config merged; on change: merge patch, null removes, masked echo keeps */
    struct str api_key;             /* fills the primary secret */
    struct str pointer_prefix;      /* where config stood in the request, for error items: "/credentials" */
    int enabled;                    /* -1: not given */
    yyjson_val *streams, *schedule, *rules, *mapping;
    struct str direction, match, conflict_policy, webhook_trust;
    struct str description;         /* empty removes it */
    struct str webhook_secret;      /* write-only; empty removes it */
    struct str created_by;          /* creation only */
    bool unactivated;               /* creation only: off, and pending until its first successful test (door 002) */
};

/*
 * Creates a connection; tests the credential first unless `test` is false (blocks on the vendor). Refused: E_INVALID_CREDENTIALS
 * with "Connection test failed: <vendor's words>" and nothing is stored. Not reached: stored as pending and
 * tested again in the background. E_PLATFORM_NOT_SUPPORTED, E_VALIDATION_FAILED with items.
 */
MUST_USE bool engine_connection_create(struct engine *e, struct arena *a, int64_t tenant, const struct connection_change *change,
                                       bool test, struct connection *connection_out, struct err *err);
/* Changing the base URL needs the primary secret in the same change (D27). E_CONNECTION_NOT_FOUND. */
MUST_USE bool engine_connection_change(struct engine *e, struct arena *a, int64_t tenant, struct str id,
                                       const struct connection_change *change, bool test,
                                       struct connection *connection_out, struct err *err);
MUST_USE bool engine_connection_delete(struct engine *e, int64_t tenant, struct str id, bool purge, struct err *err);
/* Tests now and moves the status; blocks on the vendor. E_INVALID_CREDENTIALS or E_VENDOR_UNAVAILABLE. */
MUST_USE bool engine_connection_test(struct engine *e, struct arena *a, int64_t tenant, struct str id,
                                     struct connection *connection_out, struct err *err);
/* The stored configuration with secrets masked, for replies. NULL when it cannot be opened (err) or memory is out. */
yyjson_val *engine_connection_config(struct engine *e, struct arena *a, const struct connection *connection, struct err *err);

/* ---- runs ---- */

struct run_request {
    struct str connection;          /* uuid, or STR_NONE: the only enabled one of `provider` */
    struct str provider;
    struct str stream;              /* entityType: one stream, or STR_NONE */
    bool full;
    struct str direction;           /* "pull" (default), "push", "both" */
    struct str trigger;             /* "manual", "schedule", ... */
};
/*
 * Queues a run and returns at once. E_SYNC_IN_PROGRESS with the other run's uuid in err->subject,
 * E_CONNECTION_NOT_FOUND, E_CONNECTION_AMBIGUOUS (items list them), E_CONNECTION_DISABLED, E_VALIDATION_FAILED.
 */
MUST_USE bool engine_run_start(struct engine *e, struct arena *a, int64_t tenant, const struct run_request *request,
                               struct run *run_out, struct err *err);
/* Waits until the run is finished or timeout_ms passed; run_out is its state then. Cheap for many waiters. */
MUST_USE bool engine_run_wait(struct engine *e, struct arena *a, int64_t tenant, struct str run_uuid, int64_t timeout_ms,
                              struct run *run_out, struct err *err);
/* Idempotent; effective between pages (I-24). E_RUN_NOT_FOUND; E_CONFLICT for a finished run (pause, resume). */
MUST_USE bool engine_run_cancel(struct engine *e, struct arena *a, int64_t tenant, struct str run_uuid,
                                struct run *run_out, struct err *err);
MUST_USE bool engine_run_pause(struct engine *e, struct arena *a, int64_t tenant, struct str run_uuid, struct run *run_out,
                               struct err *err);
MUST_USE bool engine_run_resume(struct engine *e, struct arena *a, int64_t tenant, struct str run_uuid,
                                struct run *run_out, struct err *err);
/* Deletes what the guard held back. *deleted_out: how many. */
MUST_USE bool engine_deletes_confirm(struct engine *e, int64_t tenant, struct str run_uuid, int64_t *deleted_out, struct err *err);
/* Maps rejected records of a connection again; `stream` may be STR_NONE. */
struct replay_counts {
    int64_t tried, accepted, rejected;
};
MUST_USE bool engine_rejected_replay(struct engine *e, int64_t tenant, struct str connection, struct str stream,
                                     struct replay_counts *counts_out, struct err *err);

/* For /metrics and /readyz. */

/*
 * Does a queued run on this thread, to its end, its parking or its pause: tools and tests, without
 * engine_start. run_uuid STR_NONE: the next one. *ran_out false: nothing was ready.
 */
MUST_USE bool engine_run_here(struct engine *e, int64_t tenant, struct str run_uuid, bool *ran_out, struct err *err);

struct engine_stats {
    int64_t runs_active, runs_queued, pages_committed, records_received, vendor_requests, vendor_errors, runs_succeeded, runs_failed;
    bool stopping;
};
void engine_stats(const struct engine *e, struct engine_stats *stats_out);

#endif
