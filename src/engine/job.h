/*
 * Jobs: named requests above runs, which queue, may repeat, and try again.
 *
 * A job waits, `queued` and without a run, while its connection is busy; whoever ends the run there starts the next job.
 * Repeating ones are fired by the engine's schedule thread. All functions may be called from any thread; none calls a vendor.
 */
#ifndef TIDEMARK_ENGINE_JOB_H
#define TIDEMARK_ENGINE_JOB_H

#include "engine/engine.h"

#define JOB_CONCURRENCY_MAX 16      /* invariants, section 2 */
#define JOB_RETRIES_MAX 20
#define JOB_RETRIES_DEFAULT 3       /* with retryOnFail and no maxRetries */

/* As the request has it; what was not given is STR_NONE or NULL. */
struct job_request {
    struct str name, type, priority;
    yyjson_val *data, *options, *schedule; /* objects */
    struct str created_by;
};

/* A job and what can honestly be said about it. */
struct job_view {
    struct job job;
    struct str run;                 /* uuid of its unfinished, else its newest run; STR_NONE: it has none */
    bool pause_asked, cancel_asked; /* a worker still has a page of it */
    int progress;                   /* 0..100; 100 only when completed */
    int64_t start_us;               /* expected; 0: not known, or it has started */
    int64_t completion_us;          /* expected; 0: not known */
};

/* The queueing of a job: a write, and what it made. Lives in the arena of who asked. */
struct job_queueing {
    struct store_call call;
    struct job_view view;           /* after the commit, as is the next */
    bool started;                   /* a run was made: of this job, or of one that waited before it */
};
/*
 * Queues a job, by the call that it gives; it starts at once when its connection is free. E_VALIDATION_FAILED with words that
 * name the member, E_PLATFORM_NOT_SUPPORTED, E_CONNECTION_NOT_FOUND, E_CONNECTION_AMBIGUOUS, E_CONNECTION_DISABLED; and of the
 * call E_CONFLICT with the other job's uuid in err->subject when an unfinished one has that name.
 */
MUST_USE bool engine_job_queue(struct engine *e, struct arena *a, int64_t tenant, const struct job_request *request,
                               struct job_queueing **queueing_out, struct err *err);
/* After the commit: lets the workers know. */
void engine_job_queued(struct engine *e, const struct job_queueing *queueing);
/*
 * By name (its unfinished job, D19) or by id. Idempotent. A run that a worker holds follows after its page: the answer waits
 * for it, wait_ms at most. E_JOB_NOT_FOUND; E_CONFLICT for a finished job.
 */
MUST_USE bool engine_job_ask(struct engine *e, struct arena *a, int64_t tenant, struct str name, enum job_ask ask, int64_t wait_ms,
                             struct job_view *view_out, struct err *err);
/* By uuid, finished or not. E_JOB_NOT_FOUND. */
MUST_USE bool engine_job_find(struct engine *e, struct arena *a, int64_t tenant, struct str uuid, struct job_view *view_out,
                              struct err *err);
MUST_USE bool engine_job_list(struct engine *e, struct arena *a, int64_t tenant, const struct job_filter *filter,
                              struct job_view **rows_out, size_t *count_out, int64_t *total_out, struct err *err);
/* Removes the tenant's finished jobs with their runs and logs; the counts are what was removed (I-25). */
MUST_USE bool engine_job_purge(struct engine *e, int64_t tenant, struct job_purge *purged_out, struct err *err);

/* One look at what is due, for the schedule thread and tests: how many runs were started. */
MUST_USE bool engine_job_round(struct engine *e, int64_t *started_out, struct err *err);

/* ---- between the files of jobs ---- */

/* Reads a request into a job: all but the connection, which the template's name or id in *source_out names. */
struct job_plan {
    struct job job;
    struct str source;              /* a template's name or a connection's id: where the job begins */
    struct str target;              /* the same for its second run; STR_NONE: it has one */
    yyjson_val *filters;            /* or NULL */
};
MUST_USE bool job_request_read(struct arena *a, const struct job_request *request, int64_t now_us, struct job_plan *plan_out,
                               struct err *err);
/* The parts that need the template: does it have that entity, those filters? */
MUST_USE bool job_request_check(const struct template *t, const struct job_plan *plan, struct err *err);
/* The second place of a job: can it be written to? */
MUST_USE bool job_request_check_target(const struct template *t, const struct job_plan *plan, struct err *err);
/* Fills a view from the store; inside a read or a write. idle: a worker is free now. */
MUST_USE bool job_look(struct db *db, struct arena *a, const struct job *job, bool idle, int64_t now_us, struct job_view *view_out,
                       struct err *err);

#endif
