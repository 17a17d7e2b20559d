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
    int state;               /* -1 any, else enum job_state */
    int64_t before;          /* keyset: id < before; 0: from the newest */
    size_t offset, limit;
};
/* Newest first. total_out may be NULL. */
MUST_USE bool store_job_list(struct db *db, struct arena *a, int64_t tenant, const struct job_filter *filter,
                             struct job **rows_out, size_t *count_out, int64_t *total_out, struct err *err);

struct job_counts {
    int64_t by_state[JOB_CANCELLED + 1];
    int64_t total;
};
/* tenant 0: of all tenants. */
MUST_USE bool store_job_counts(struct db *db, int64_t tenant, struct job_counts *counts_out, struct err *err);

#endif
