/*
 * Jobs: named requests above runs.
 *
 * Every run has a job. Doors 000, 003 and 004 make one named after the connection's UUID
 * (store_run_create does, when no job is given); door 001 makes its own, which may wait without a run,
 * repeat, and make several runs. At most one unfinished job per (tenant, name): E_CONFLICT.
 *
 * The state of a job follows its runs: store_run.h moves it in the same transaction.
 */
#ifndef TIDEMARK_STORE_STORE_JOB_H
#define TIDEMARK_STORE_STORE_JOB_H

#include "store/db.h"

enum job_state {
    JOB_QUEUED,              /* waits for a worker, for its connection, or for its next firing */
    JOB_ACTIVE,
    JOB_PAUSED,
    JOB_COMPLETED,           /* terminal, as are the two below */
    JOB_FAILED,
    JOB_CANCELLED,
};
const char *job_state_name(enum job_state state);            /* "queued", "active", ... */
MUST_USE bool job_state_from_name(struct str name, enum job_state *state_out);
bool job_state_is_terminal(enum job_state state);

enum priority {
    PRIORITY_HIGH,
    PRIORITY_NORMAL,
    PRIORITY_LOW,
};
const char *priority_name(enum priority priority);
MUST_USE bool priority_from_name(struct str name, enum priority *priority_out);

struct job {
    int64_t id, tenant;
    int64_t connection;      /* 0: none, or several */
    struct str uuid, name;
    struct str type;         /* "full", "incremental", "entity", "scheduled" */
    enum priority priority;
    enum job_state state;
    struct str data;         /* JSON: source, target, entity, filters; or STR_NONE */
    struct str options;      /* JSON: concurrency, retryOnFail, maxRetries; or STR_NONE */
    struct str schedule;     /* JSON of a repeating one, or STR_NONE */
    int64_t next_us;         /* next firing, or next try; 0: none */
    int64_t tries;
    struct str error_code, error_message;
    struct str created_by;   /* user subject, or STR_NONE */
    int64_t created_us, started_us, finished_us, updated_us;
    /* What its runs are */
    bool full;
    struct str entity;       /* one stream, or STR_NONE */
    struct str run_options;  /* JSON for run.options, or STR_NONE */
    struct str direction;    /* of its next run: "push", or STR_NONE: pull */
    int64_t source, target;  /* from one platform to another: two runs, `connection` is where the next one is; 0: it has one place */
    int64_t retries_max;     /* runs that may fail and be tried again; `tries` counts them */
    /* How it waits. A job of the other doors never does: its run is made with it */
    bool waiting;            /* due, and without a run: starts when its connection is free */
    int64_t start_after_us;  /* not before */
    int64_t rank;            /* the smallest of a connection goes first: start_after_us or before, and RUN_AGEING_US per step of priority */
    int64_t fired_us;        /* the due time that fired last; 0: none */
    int64_t paused_us, resumed_us; /* last time; 0: never */
};

/* Inserts as JOB_QUEUED; fills id, uuid (in a) and times. E_CONFLICT with the existing job's uuid in err.subject. */
MUST_USE bool store_job_create(struct db *db, struct arena *a, struct job *job, int64_t now_us, struct err *err);
enum row store_job_get(struct db *db, struct arena *a, int64_t tenant, int64_t job, struct job *job_out, struct err *err);
/* By UUID, else the newest unfinished job of that name (D19). */
enum row store_job_find(struct db *db, struct arena *a, int64_t tenant, struct str name, struct job *job_out, struct err *err);
/* Moves the state. False with E_CONFLICT when it is terminal already. `from`: -1 any. */
MUST_USE bool store_job_move(struct db *db, int64_t tenant, int64_t job, int from, enum job_state to, int64_t now_us,
                             struct err *err);

struct job_filter {
    unsigned states;         /* bits 1 << enum job_state; 0: any */
    int64_t before;          /* keyset: id < before; 0: from the newest */
    size_t offset, limit;
};
#define JOB_STATE_BIT(state) (1u << (state))
#define JOB_STATES_UNFINISHED (JOB_STATE_BIT(JOB_QUEUED) | JOB_STATE_BIT(JOB_ACTIVE) | JOB_STATE_BIT(JOB_PAUSED))
#define JOB_STATES_FINISHED (JOB_STATE_BIT(JOB_COMPLETED) | JOB_STATE_BIT(JOB_FAILED) | JOB_STATE_BIT(JOB_CANCELLED))
/* Newest first. total_out may be NULL. */
MUST_USE bool store_job_list(struct db *db, struct arena *a, int64_t tenant, const struct job_filter *filter,
                             struct job **rows_out, size_t *count_out, int64_t *total_out, struct err *err);

struct job_counts {
    int64_t by_state[JOB_CANCELLED + 1];
    int64_t total;
};
/* tenant 0: of all tenants. */
MUST_USE bool store_job_counts(struct db *db, int64_t tenant, struct job_counts *counts_out, struct err *err);

/* ---- waiting and starting; store_job_start.c ---- */

/*
 * A connection is free: the next job that waits for it gets its run, in this transaction. store_run.h calls it
 * wherever a run ends; the engine's sweep calls it for jobs whose time has come. What waits for a connection that is
 * gone fails; for one that is switched off a repeating job misses this firing, another fails. started_out may be NULL.
 */
MUST_USE bool store_job_start_next(struct db *db, int64_t tenant, int64_t connection, int64_t now_us, bool *started_out,
                                   struct err *err);
/* The connection is being deleted: its jobs without a run fail, so that none of them starts meanwhile. */
MUST_USE bool store_job_orphan(struct db *db, int64_t tenant, int64_t connection, int64_t now_us, struct err *err);
/* Repeating jobs whose time has come, of all tenants, the longest due first. */
MUST_USE bool store_job_due(struct db *db, struct arena *a, int64_t now_us, size_t limit, struct job **rows_out,
                            size_t *count_out, struct err *err);
/*
 * A due job fires: it waits from now on, or joins the firing that waits already. With run false it is only moved on to
 * next_us (a firing that was missed too long ago). *fired_out false: somebody else was faster (I-26).
 */
MUST_USE bool store_job_fire(struct db *db, const struct job *due, int64_t next_us, bool run, int64_t now_us, bool *fired_out,
                             struct err *err);
struct job_place {
    int64_t tenant, connection;
};
/* Free connections that a job waits for. */
MUST_USE bool store_job_startable(struct db *db, struct arena *a, int64_t now_us, size_t limit, struct job_place **rows_out,
                                  size_t *count_out, struct err *err);
/* How many jobs go before this waiting one. */
MUST_USE bool store_job_ahead(struct db *db, const struct job *job, int64_t *count_out, struct err *err);
/* How long the last runs of jobs of this name took, newest first; at most limit. */
MUST_USE bool store_job_durations(struct db *db, int64_t tenant, struct str name, size_t limit, int64_t *durations_us_out,
                                  size_t *count_out, struct err *err);

struct job_progress {
    int64_t streams;         /* planned; 0: not begun */
    int64_t thousandths;     /* done, of all streams together */
    int64_t told;            /* streams under way whose total is known */
};
MUST_USE bool store_job_progress(struct db *db, int64_t tenant, int64_t run, struct job_progress *progress_out, struct err *err);
/* 0: never. */
MUST_USE bool store_job_last_sync(struct db *db, int64_t tenant, int64_t *last_us_out, struct err *err);

/* ---- what a person asks; store_job_ask.c ---- */

enum job_ask {
    JOB_ASK_PAUSE,
    JOB_ASK_RESUME,
    JOB_ASK_CANCEL,
};
/*
 * Idempotent: pausing a paused job changes nothing. A run that a worker holds is asked and follows after its page; the job
 * then follows it. next_us: when a repeating job is due after a resume. E_CONFLICT for a finished job, but cancelling a
 * cancelled one is fine. job_out: how it stands afterwards.
 */
MUST_USE bool store_job_ask(struct db *db, struct arena *a, const struct job *job, enum job_ask ask, int64_t next_us, int64_t now_us,
                            struct job *job_out, struct err *err);
/* The uuid of the job's unfinished run, else of its newest when any is wanted. ROW_NONE: it has none. */
enum row store_job_run(struct db *db, struct arena *a, const struct job *job, bool any, struct str *uuid_out, struct err *err);

struct job_purge {
    int64_t after;           /* in and out: jobs up to this id were looked at */
    int64_t completed, failed; /* removed so far; failed: cancelled ones too */
    bool more;               /* call again, in another write */
};
#define JOB_PURGE_BATCH 50
/* Removes finished jobs of a tenant with their runs and logs, a batch at a time (I-25). Adds to `purge` only on success. */
MUST_USE bool store_job_purge(struct db *db, int64_t tenant, struct job_purge *purge, struct err *err);

#endif
