/*
 * Runs: one pass over a connection's streams, and who may work on it.
 *
 * A run is claimed with a lease and an epoch. Every claim raises the epoch; every write of a worker names
 * run, epoch and (for pages) page_seq, and touches one row or nothing: a worker that lost its run can
 * write no more (I-14, E_FENCED). A run may be claimed when it is `ready`: queued, resumed, released
 * between pages, parked and due, or its lease has run out.
 *
 * Whose turn it is, in two steps. Between tenants: each ready run carries a `turn`, a virtual time that
 * rises by one with each run of its tenant and never stands behind that of others; the smallest turn
 * names the tenant. Within the tenant: the smallest rank, which is the time of queueing plus
 * RUN_AGEING_US per step of priority, so high goes first, first in first out within a priority, and an
 * old low one is not starved. The chosen run takes the turn. So a tenant's first run goes before
 * another's ten thousand (I-18), and a worker that releases a run after some pages lets others in.
 *
 * Pause and cancel are flags until a worker, or nobody, has the run: a run that nobody holds moves at
 * once, else the worker's next fence answers E_CANCELLED and it calls store_run_stop.
 *
 * All times are given (store_now inside the closure): tests own them.
 *
 *   queued -> running        claim                      running -> waiting      park
 *   waiting -> running       claim when due             running -> paused       asked, or poison
 *   queued, waiting -> paused  asked                    paused -> running, queued   resume
 *   running -> succeeded, failed    finish              any unfinished -> cancelled  asked
 */
#ifndef TIDEMARK_STORE_STORE_RUN_H
#define TIDEMARK_STORE_STORE_RUN_H

#include "store/store_job.h"
#include "store/store_page.h"

#define RUN_AGEING_US (10 * US_PER_MINUTE)

enum run_state {
    RUN_QUEUED,
    RUN_RUNNING,
    RUN_WAITING,             /* parked until not_before_us */
    RUN_PAUSED,
    RUN_SUCCEEDED,           /* terminal, as are the two below */
    RUN_FAILED,
    RUN_CANCELLED,
};
const char *run_state_name(enum run_state state);            /* "queued", ... */
MUST_USE bool run_state_from_name(struct str name, enum run_state *state_out);
bool run_state_is_terminal(enum run_state state);
/* The table of allowed transitions. */
bool run_may_move(enum run_state from, enum run_state to);

enum run_verdict {
    VERDICT_NONE,            /* not finished */
    VERDICT_COMPLETE,
    VERDICT_PARTIAL,
    VERDICT_SUSPICIOUS,
};
const char *run_verdict_name(enum run_verdict verdict);      /* NULL for VERDICT_NONE */

struct run {
    int64_t id, tenant, connection, job;
    struct str uuid;
    struct str connection_uuid, connection_name, template_name; /* as they are now */
    enum run_state state;
    bool full;               /* full pass, else incremental */
    bool complete_set;       /* all streams of the connection: no entity narrows it */
    struct str direction;    /* "pull", "push", "both" */
    struct str entity;       /* the one stream asked for, or STR_NONE: all */
    struct str trigger;      /* "api", "schedule", "cli", "webhook", "job", "sandbox" */
    struct str options;      /* JSON of the request, or STR_NONE */
    struct str template_version; /* it began with this one and keeps it, or STR_NONE */
    enum priority priority;
    struct str created_by;

    int64_t epoch;           /* raised by every claim */
    int64_t page_seq;        /* pages committed; the next page is page_seq + 1 */
    struct str lease_node;   /* STR_NONE: nobody has it */
    int64_t lease_until_us;
    int64_t not_before_us;   /* parked until then; 0: not parked */
    struct str wait_code;    /* why it is parked or paused: "RATE_LIMITED", "STORAGE_FULL", "POISON_PAGE"; or STR_NONE */
    struct str wait_message;
    bool pause_asked, cancel_asked;
    int64_t crashes;         /* claims in a row whose worker vanished without a page or a release (I-16) */
    int64_t retries;         /* of the current page; store_run_park counts them, a page resets them */

    struct page_counts counts; /* sums over its pages */
    int64_t missing;         /* found gone by a full pass */
    int64_t declared_total;  /* -1: not told; sum over streams that tell */
    int64_t log_lines, log_lines_dropped;
    int64_t requests;        /* sent to the vendor; some of the middle ones are not kept (store_request.h) */

    enum run_verdict verdict;
    struct str verdict_reason;
    struct str error_code, error_message; /* of a failed run */
    int64_t created_us, started_us, finished_us, updated_us; /* 0: not yet */
};

/* The fence of a worker's next page. */
struct page_fence run_fence(const struct run *run);

struct run_new {
    int64_t tenant, connection;
    int64_t job;             /* 0: one named after the connection's UUID is made */
    bool full;
    struct str entity, direction, trigger, options, created_by; /* direction STR_NONE: "pull" */
    enum priority priority;
    int64_t not_before_us;   /* 0: at once */
};
/*
 * Queues a run. Fills id, uuid, job of run_out and all else. E_SYNC_IN_PROGRESS with the existing run's uuid
 * in err.subject when the connection has an unfinished one (I-13); then nothing was written, and the
 * closure may go on.
 */
MUST_USE bool store_run_create(struct db *db, struct arena *a, const struct run_new *ask, int64_t now_us,
                               struct run *run_out, struct err *err);

struct run_claim {
    struct str node;         /* who: store_node_id, with a worker's number if you like */
    int64_t now_us, lease_until_us;
};
/*
 * Takes the next run: state running, epoch raised, the lease ours. ROW_NONE: nothing is ready.
 * Look at pause_asked, cancel_asked and crashes first.
 */
enum row store_run_claim(struct db *db, struct arena *a, const struct run_claim *claim, struct run *run_out, struct err *err);
/* The same for one run (`tidemark sync` straight on the file): ROW_NONE when it is not ready. */
enum row store_run_claim_one(struct db *db, struct arena *a, int64_t tenant, int64_t run, const struct run_claim *claim,
                             struct run *run_out, struct err *err);
/* When the next parked run is due or the next lease runs out: the longest useful sleep. ROW_NONE: never. */
enum row store_run_next_due(struct db *db, int64_t *due_us_out, struct err *err);
/* At start: what this node held before it died is ready again at once (prefix of `node`). Counts a crash. */
MUST_USE bool store_run_retake(struct db *db, struct str node, int64_t now_us, int64_t *count_out, struct err *err);
/* A restored backup: all epochs are raised, all leases dropped (I-40). */
MUST_USE bool store_run_raise_epochs(struct db *db, int64_t now_us, struct err *err);

/* The calls below carry the fence: E_FENCED when another worker has the run. page_seq of the fence is not looked at. */

/* A heartbeat. */
MUST_USE bool store_run_renew(struct db *db, const struct page_fence *fence, int64_t lease_until_us, struct err *err);
/* Was a pause or a cancel asked for? Then finish the page, or drop it, and call store_run_stop. */
MUST_USE bool store_run_asked(struct db *db, const struct page_fence *fence, bool *asked_out, struct err *err);
/* Between pages: others may have their turn, this run comes again after them. State stays running. */
MUST_USE bool store_run_yield(struct db *db, const struct page_fence *fence, int64_t now_us, struct err *err);
/* Orderly stop of the process: ready at once for any node, and first in turn. */
MUST_USE bool store_run_release(struct db *db, const struct page_fence *fence, int64_t now_us, struct err *err);
/* waiting, until not_before_us. count_retry: this was a failed try of the page. */
MUST_USE bool store_run_park(struct db *db, const struct page_fence *fence, int64_t not_before_us, const char *code,
                             struct str message, bool count_retry, int64_t now_us, struct err *err);
/* What was asked for happens: paused or cancelled (cancel wins). state_out: which. E_CONFLICT when nothing was asked. */
MUST_USE bool store_run_stop(struct db *db, const struct page_fence *fence, int64_t now_us, enum run_state *state_out,
                             struct err *err);
/* paused until a person resumes or cancels it: POISON_PAGE. */
MUST_USE bool store_run_pause_itself(struct db *db, const struct page_fence *fence, const char *code, struct str message,
                                     int64_t now_us, struct err *err);

struct run_end {
    enum run_state state;    /* RUN_SUCCEEDED or RUN_FAILED */
    enum run_verdict verdict;
    struct str verdict_reason;
    struct str error_code, error_message;
    bool moves_last_sync;    /* a successful sync: connection.last_sync_us */
};
/*
 * Ends the run. Its job ends with it when no other run of it is unfinished. Moves last_sync_us and
 * last_sync_status of the connection; on success clears its error and failures.
 */
MUST_USE bool store_run_finish(struct db *db, const struct page_fence *fence, const struct run_end *end, int64_t now_us,
                               struct err *err);
MUST_USE bool store_run_set_template_version(struct db *db, const struct page_fence *fence, struct str version,
                                             struct err *err);
/* Adds to the count of records found gone by a full pass, outside the sum of I-3. */
MUST_USE bool store_run_add_missing(struct db *db, const struct page_fence *fence, int64_t missing, struct err *err);

enum run_ask {
    RUN_ASK_PAUSE,
    RUN_ASK_RESUME,
    RUN_ASK_CANCEL,
};
/*
 * A person asks. Idempotent: pausing a paused run changes nothing. run_out: how it stands afterwards (a
 * flag where a worker holds it). E_RUN_NOT_FOUND; E_CONFLICT for a finished run, but cancelling a
 * cancelled one is fine.
 */
MUST_USE bool store_run_ask(struct db *db, struct arena *a, int64_t tenant, struct str uuid, enum run_ask ask, int64_t now_us,
                            struct run *run_out, struct err *err);

enum row store_run_get(struct db *db, struct arena *a, int64_t tenant, struct str uuid, struct run *run_out, struct err *err);
enum row store_run_get_by_id(struct db *db, struct arena *a, int64_t tenant, int64_t run, struct run *run_out, struct err *err);
/* The unfinished run of a connection. */
enum row store_run_unfinished(struct db *db, struct arena *a, int64_t tenant, int64_t connection, struct run *run_out,
                              struct err *err);
/* The newest run of a connection, finished or not. */
enum row store_run_newest(struct db *db, struct arena *a, int64_t tenant, int64_t connection, struct run *run_out,
                          struct err *err);

struct run_filter {
    int64_t connection;      /* 0: any */
    int64_t job;             /* 0: any */
    unsigned states;         /* bits 1 << enum run_state; 0: any */
    int64_t before;          /* keyset: id < before; 0: from the newest */
    size_t offset, limit;
    int64_t from_us, to_us;  /* begun before to, and not ended before from; 0: no matter when */
};
#define RUN_STATE_BIT(state) (1u << (state))
#define RUN_STATES_UNFINISHED \
    (RUN_STATE_BIT(RUN_QUEUED) | RUN_STATE_BIT(RUN_RUNNING) | RUN_STATE_BIT(RUN_WAITING) | RUN_STATE_BIT(RUN_PAUSED))
/* Newest first. total_out may be NULL. tenant 0: of all tenants (for the operator). */
MUST_USE bool store_run_list(struct db *db, struct arena *a, int64_t tenant, const struct run_filter *filter,
                             struct run **rows_out, size_t *count_out, int64_t *total_out, struct err *err);

struct run_counts {
    int64_t by_state[RUN_CANCELLED + 1];
    int64_t leased;          /* running and held by a worker now */
    int64_t oldest_ready_us; /* queued since; 0: nothing is ready */
};
/* tenant 0: of all tenants. */
MUST_USE bool store_run_counts(struct db *db, int64_t tenant, struct run_counts *counts_out, struct err *err);
/* How long this connection's last runs of that kind took, from start to end: newest first, at most limit. */
MUST_USE bool store_run_durations(struct db *db, int64_t tenant, int64_t connection, bool full, size_t limit,
                                  int64_t *durations_us_out, size_t *count_out, struct err *err);

/* Progress in one stream. */
struct run_stream {
    int64_t stream;
    struct str stream_name, kind;
    struct str position;     /* JSON of the engine: next page token, slice, index; or STR_NONE: not begun */
    struct page_counts counts;
    int64_t pages;
    int64_t declared_first, declared_last; /* vendor's total on the first and the last page; -1: not told */
    bool done;
    struct str error_code, error_message; /* the stream failed, or STR_NONE */
    int64_t started_us, updated_us;
};
/* Makes the rows of a run's streams (at its first claim); those that exist are left alone. */
MUST_USE bool store_run_streams_init(struct db *db, const struct page_fence *fence, const int64_t *streams, size_t count,
                                     int64_t now_us, struct err *err);
/* In the order they were given to init. */
MUST_USE bool store_run_streams(struct db *db, struct arena *a, int64_t tenant, int64_t run, struct run_stream **rows_out,
                                size_t *count_out, struct err *err);
/* A stream ended without a page of its own: done, or failed when error_code is given. */
MUST_USE bool store_run_stream_end(struct db *db, const struct page_fence *fence, int64_t stream, struct str error_code,
                                   struct str error_message, int64_t now_us, struct err *err);
/* Token hashes of the pages committed in this stream of this run, in order: for loop detection (I-8). */
MUST_USE bool store_run_tokens(struct db *db, struct arena *a, int64_t tenant, int64_t run, int64_t stream,
                               uint64_t **hashes_out, size_t *count_out, struct err *err);

#endif
