/*
 * Door 001: jobs, in the words of that document.
 *
 * Its answers have no envelope of ours: each is spelled as printed there. Two of its words need care: `failed` also
 * stands for cancelled jobs (then with "cancelled": true), and `active` for a run that waits for its vendor.
 */
#include "door/door_priv.h"
#include "door/routes_priv.h"
#include "engine/job.h"

#define ASK_WAIT_MS 3000           /* a page that ends meanwhile lets the answer say "paused" (I-24) */
#define FINISHED_SHOWN 20
#define UNFINISHED_PAGE 500        /* read so many at a time */
#define LIST_OTHERWISE 20

static const char *
status_word(enum job_state state)
{
    return job_state_name(state == JOB_CANCELLED ? JOB_FAILED : state);
}

/* ---- writing ---- */

/* Expectations of a job that has no such thing any more are left out; of others null says "not known". */
static void
add_expectations(struct json_writer *w, const struct job_view *v)
{
    if (v->job.state == JOB_QUEUED)
        json_add_time(w, "estimatedStart", v->start_us);
    if (v->job.state == JOB_ACTIVE)
        json_add_time(w, "estimatedCompletion", v->completion_us);
}

static void
add_times(struct json_writer *w, const struct job *job)
{
    bool finished = job_state_is_terminal(job->state);
    json_add_time(w, "queuedAt", job->created_us);
    if (job->started_us)
        json_add_time(w, "startedAt", job->started_us);
    if (job->state == JOB_PAUSED)
        json_add_time(w, "pausedAt", job->paused_us);
    if (job->resumed_us && !finished)
        json_add_time(w, "resumedAt", job->resumed_us);
    if (finished)
        json_add_time(w, "completedAt", job->finished_us);
}

static void
add_asked(struct json_writer *w, const struct job_view *v)
{
    if (v->pause_asked)
        json_add_bool(w, "pauseRequested", true);
    if (v->cancel_asked)
        json_add_bool(w, "cancelRequested", true);
}

static void
add_head(struct json_writer *w, const struct job_view *v)
{
    json_add_str(w, "id", v->job.uuid);
    json_add_str(w, "name", v->job.name);
    json_add_c(w, "status", status_word(v->job.state));
    if (v->job.state == JOB_CANCELLED)
        json_add_bool(w, "cancelled", true);
}

static void
add_job(struct json_writer *w, const struct job_view *v)
{
    const struct job *job = &v->job;
    json_begin_object(w, NULL);
    add_head(w, v);
    json_add_str(w, "type", job->type);
    json_add_i64(w, "progress", v->progress);
    json_add_c(w, "priority", priority_name(job->priority));
    add_times(w, job);
    add_expectations(w, v);
    add_asked(w, v);
    if (job->tries)
        json_add_i64(w, "retries", job->tries);
    if (!str_is_none(job->schedule))
        json_add_raw(w, "schedule", job->schedule);
    json_add_str(w, "runId", v->run);
    if (job->error_code.len) {
        json_add_str(w, "errorCode", job->error_code);
        json_add_str(w, "errorMessage", job->error_message);
    }
    json_end_object(w);
}

/* ---- looking ---- */

struct numbers {
    int64_t tenant, last_sync_us;
    struct job_counts counts;
};

static bool
read_numbers(struct db *db, void *ctx, struct err *err)
{
    struct numbers *n = ctx;
    return store_job_counts(db, n->tenant, &n->counts, err) &&
           (n->tenant == 0 || store_job_last_sync(db, n->tenant, &n->last_sync_us, err));
}

static void
add_counts(struct json_writer *w, const struct job_counts *counts)
{
    json_add_i64(w, "activeJobs", counts->by_state[JOB_ACTIVE]);
    json_add_i64(w, "completedJobs", counts->by_state[JOB_COMPLETED]);
    json_add_i64(w, "failedJobs", counts->by_state[JOB_FAILED] + counts->by_state[JOB_CANCELLED]);
    json_add_i64(w, "queuedJobs", counts->by_state[JOB_QUEUED]);
    json_add_i64(w, "pausedJobs", counts->by_state[JOB_PAUSED]);
}

bool
jobs_status(struct request *r, struct err *err)
{
    struct numbers n = {0};
    char text[DURATION_TEXT_BYTES];
    if (!store_read(request_parts(r)->store, read_numbers, &n, err))
        return false;
    struct json_writer *w = reply_bare(r, 200);
    json_add_c(w, "version", TIDEMARK_VERSION);
    json_add_c(w, "status", "active");
    add_counts(w, &n.counts);
    json_add_c(w, "uptime", duration_format(clock_wall_us(request_parts(r)->clock) - r->door->started_us, text));
    return reply_end(r, err);
}

/* Appends the jobs of one kind; each page is an answer of its own, so that many jobs hold no reader for long. */
static bool
add_jobs(struct request *r, unsigned states, size_t limit, bool all, struct err *err)
{
    struct job_filter filter = {.states = states, .limit = limit};
    for (;;) {
        struct arena_mark mark = arena_mark(r->arena);
        struct job_view *rows = NULL;
        size_t count = 0;
        if (!engine_job_list(request_parts(r)->engine, r->arena, r->tenant.id, &filter, &rows, &count, NULL, err))
            return false;
        for (size_t i = 0; i < count; i++)
            add_job(&r->w, &rows[i]);
        filter.before = count ? rows[count - 1].job.id : 0;
        arena_rewind(r->arena, mark);
        if (!all || count < limit)
            return buf_ok(&r->reply.body) || err_set(err, E_TOO_LARGE, "There are too many jobs for one answer: use GET /sync/jobs");
    }
}

bool
jobs_info(struct request *r, struct err *err)
{
    struct numbers n = {.tenant = r->tenant.id};
    if (!store_read(request_parts(r)->store, read_numbers, &n, err))
        return false;
    struct json_writer *w = reply_bare(r, 200);
    json_begin_object(w, "organization");
    json_add_str(w, "id", r->tenant.key.len ? r->tenant.key : r->tenant.uuid);
    json_add_str(w, "name", r->tenant.name);
    json_end_object(w);
    json_begin_object(w, "syncStatus");
    json_add_time(w, "lastSync", n.last_sync_us);
    add_counts(w, &n.counts);
    json_end_object(w);
    json_begin_array(w, "syncJobs");
    if (!add_jobs(r, JOB_STATES_UNFINISHED, UNFINISHED_PAGE, true, err) ||
        !add_jobs(r, JOB_STATES_FINISHED, FINISHED_SHOWN, false, err))
        return false;
    json_end_array(w);
    return reply_end(r, err);
}

static bool
read_states(struct request *r, unsigned *states_out, struct err *err)
{
    static const struct {
        const char *word;
        unsigned states;
    } words[] = {
        {"queued", JOB_STATE_BIT(JOB_QUEUED)}, {"active", JOB_STATE_BIT(JOB_ACTIVE)}, {"paused", JOB_STATE_BIT(JOB_PAUSED)},
        {"completed", JOB_STATE_BIT(JOB_COMPLETED)}, {"failed", JOB_STATE_BIT(JOB_FAILED) | JOB_STATE_BIT(JOB_CANCELLED)},
    };
    static const char *const names[] = {"queued", "active", "paused", "completed", "failed", NULL};
    struct str word;
    *states_out = 0;
    if (!request_query_word(r, "status", names, &word, err))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_eq_c(word, words[i].word))
            *states_out = words[i].states;
    return true;
}

bool
jobs_list(struct request *r, struct err *err)
{
    struct paging paging;
    struct job_filter filter = {0};
    struct job_view *rows = NULL;
    size_t count = 0;
    int64_t total = 0;
    if (!request_paging(r, LIST_OTHERWISE, &paging, err) || !read_states(r, &filter.states, err))
        return false;
    filter.before = paging.after;
    filter.offset = paging.offset;
    filter.limit = (size_t)paging.limit;
    if (!engine_job_list(request_parts(r)->engine, r->arena, r->tenant.id, &filter, &rows, &count, &total, err))
        return false;
    struct json_writer *w = reply_begin(r, 200);
    json_begin_array(w, NULL);
    for (size_t i = 0; i < count; i++)
        add_job(w, &rows[i]);
    json_end_array(w);
    bool more = count == (size_t)paging.limit;
    return reply_end_counted_list(r, &paging, total, more ? list_cursor_text(r->arena, rows[count - 1].job.id) : STR_NONE, err);
}

/* ---- queueing ---- */

static bool
reply_queued(struct request *r, const struct job_view *v, struct err *err)
{
    struct json_writer *w = reply_bare(r, 201);
    json_add_bool(w, "success", true);
    json_begin_object(w, "job");
    add_head(w, v);
    json_add_time(w, "queuedAt", v->job.created_us);
    json_add_time(w, "estimatedStart", v->start_us);
    json_end_object(w);
    return reply_end(r, err);
}

bool
jobs_queue_again(struct request *r, struct str uuid, struct err *err)
{
    struct job_view v;
    return engine_job_find(request_parts(r)->engine, r->arena, r->tenant.id, uuid, &v, err) && reply_queued(r, &v, err);
}

static bool
queued(struct request *r, bool ok, struct err *err)
{
    const struct job_queueing *queueing = r->left;
    if (!ok)
        return false;
    engine_job_queued(request_parts(r)->engine, queueing);
    return reply_queued(r, &queueing->view, err);
}

bool
jobs_queue(struct request *r, struct err *err)
{
    struct job_request ask = {.created_by = r->who.subject};
    struct job_queueing *queueing;
    if (!request_body_str(r, "name", LIMIT_NAME_BYTES, &ask.name, err) ||
        !request_body_str(r, "type", LIMIT_NAME_BYTES, &ask.type, err) ||
        !request_body_str(r, "priority", LIMIT_NAME_BYTES, &ask.priority, err) ||
        !request_body_object(r, "data", &ask.data, err) || !request_body_object(r, "options", &ask.options, err) ||
        !request_body_object(r, "schedule", &ask.schedule, err))
        return false;
    if (!engine_job_queue(request_parts(r)->engine, r->arena, r->tenant.id, &ask, &queueing, err))
        return false;
    r->left = queueing;
    return request_write(r, queueing->call, queued);
}

/* ---- steering ---- */

struct steering {
    enum job_ask ask;
    const char *done, *later;      /* a worker still has a page of it */
};

static bool
steer(struct request *r, const struct steering *s, struct err *err)
{
    struct job_view v;
    if (!engine_job_ask(request_parts(r)->engine, r->arena, r->tenant.id, request_path_param(r, 0), s->ask, ASK_WAIT_MS, &v, err))
        return false;
    struct json_writer *w = reply_bare(r, 200);
    json_add_bool(w, "success", true);
    json_add_c(w, "message", v.pause_asked || v.cancel_asked ? s->later : s->done);
    json_begin_object(w, "job");
    add_head(w, &v);
    json_add_i64(w, "progress", v.progress);
    if (s->ask == JOB_ASK_PAUSE)
        json_add_time(w, "pausedAt", v.job.state == JOB_PAUSED ? v.job.paused_us : 0);
    if (s->ask == JOB_ASK_RESUME)
        json_add_time(w, "resumedAt", v.job.resumed_us);
    if (s->ask == JOB_ASK_RESUME && v.job.state == JOB_QUEUED)
        json_add_time(w, "estimatedStart", v.start_us);
    if (s->ask == JOB_ASK_RESUME)
        json_add_time(w, "estimatedCompletion", v.completion_us);
    if (s->ask == JOB_ASK_CANCEL)
        json_add_time(w, "cancelledAt", v.job.state == JOB_CANCELLED ? v.job.finished_us : 0);
    add_asked(w, &v);
    json_end_object(w);
    return reply_end(r, err);
}

bool
jobs_pause(struct request *r, struct err *err)
{
    static const struct steering pause = {JOB_ASK_PAUSE, "Sync job paused successfully", "Sync job pauses after its present page"};
    return steer(r, &pause, err);
}

bool
jobs_resume(struct request *r, struct err *err)
{
    static const struct steering resume = {JOB_ASK_RESUME, "Sync job resumed successfully", "Sync job resumed successfully"};
    return steer(r, &resume, err);
}

bool
jobs_cancel(struct request *r, struct err *err)
{
    static const struct steering cancel = {JOB_ASK_CANCEL, "Sync job cancelled successfully", "Sync job ends after its present page"};
    return steer(r, &cancel, err);
}

bool
jobs_purge(struct request *r, struct err *err)
{
    struct job_purge purged = {0};
    if (!engine_job_purge(request_parts(r)->engine, r->tenant.id, &purged, err))
        return false;
    struct json_writer *w = reply_bare(r, 200);
    json_add_bool(w, "success", true);
    json_add_c(w, "message", "Sync jobs purged successfully");
    json_begin_object(w, "purgedJobs");
    json_add_i64(w, "completed", purged.completed);
    json_add_i64(w, "failed", purged.failed);
    json_end_object(w);
    return reply_end(r, err);
}
