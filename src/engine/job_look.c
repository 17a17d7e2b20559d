/*
 * What can honestly be said about a job: how far it is, when it will start, when it will end.
 *
 * Expectations come from this job's own history (finished runs of jobs of its name) and from the rate of the run at
 * work, never from a constant. Where neither says anything the answer is 0, "not known".
 */
#include "engine/job.h"

#define HISTORY_RUNS 5
#define RATE_THOUSANDTHS_MIN 10     /* below one percent a rate is noise */

static int
compare_i64(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

/* The median of the last runs; 0: there are none. */
static bool
usual_duration(struct db *db, const struct job *job, int64_t *duration_us_out, struct err *err)
{
    int64_t durations[HISTORY_RUNS];
    size_t count = 0;
    if (!store_job_durations(db, job->tenant, job->name, HISTORY_RUNS, durations, &count, err))
        return false;
    qsort(durations, count, sizeof(durations[0]), compare_i64);
    *duration_us_out = count == 0 ? 0 : durations[count / 2];
    return true;
}

/* When a run at work will end. A run that was paused has no rate, its history may still tell. */
static bool
expect_end(struct db *db, const struct job *job, const struct run *run, const struct job_progress *p, int64_t now_us,
           int64_t *end_us_out, struct err *err)
{
    int64_t done = p->streams == 0 ? 0 : p->thousandths / p->streams, usual_us = 0;
    *end_us_out = 0;
    if ((run->state != RUN_RUNNING && run->state != RUN_WAITING) || run->started_us == 0)
        return true;
    if (job->resumed_us <= run->started_us && done >= RATE_THOUSANDTHS_MIN && done < 1000) {
        *end_us_out = now_us + (now_us - run->started_us) / done * (1000 - done);
        return true;
    }
    if (!usual_duration(db, job, &usual_us, err))
        return false;
    if (usual_us > 0 && run->started_us + usual_us > now_us)
        *end_us_out = run->started_us + usual_us;
    return true;
}

static int
percent(const struct job *job, const struct job_progress *p)
{
    if (job->state == JOB_COMPLETED)
        return 100;
    int64_t done = p->streams == 0 ? 0 : p->thousandths / p->streams / 10;
    return done > 99 ? 99 : (int)done;
}

/* A job in line: behind the run that has its connection, and behind those before it. */
static bool
expect_start(struct db *db, struct arena *a, const struct job *job, int64_t now_us, int64_t *start_us_out, struct err *err)
{
    struct run run;
    struct job other;
    struct job_progress p;
    int64_t ahead = 0, end_us = 0;
    *start_us_out = 0;
    if (!job->waiting) {
        *start_us_out = job->next_us;
        return true;
    }
    if (job->start_after_us > now_us) {
        *start_us_out = job->start_after_us;
        return true;
    }
    if (!store_job_ahead(db, job, &ahead, err))
        return false;
    enum row row = store_run_unfinished(db, a, job->tenant, job->connection, &run, err);
    if (row != ROW_FOUND || ahead > 0)
        return row != ROW_FAILED;
    row = store_job_get(db, a, job->tenant, run.job, &other, err);
    if (row != ROW_FOUND)
        return row == ROW_NONE;
    if (!store_job_progress(db, job->tenant, run.id, &p, err) || !expect_end(db, &other, &run, &p, now_us, &end_us, err))
        return false;
    *start_us_out = end_us;
    return true;
}

static bool
look_at_run(struct db *db, struct arena *a, struct job_view *v, bool idle, int64_t now_us, struct err *err)
{
    struct run run;
    struct job_progress p;
    enum row row = store_run_get(db, a, v->job.tenant, v->run, &run, err);
    if (row != ROW_FOUND)
        return row == ROW_NONE;
    if (!store_job_progress(db, run.tenant, run.id, &p, err))
        return false;
    v->progress = percent(&v->job, &p);
    if (run_state_is_terminal(run.state))
        return true;
    v->pause_asked = run.pause_asked;
    v->cancel_asked = run.cancel_asked;
    if (run.state == RUN_QUEUED && idle)
        v->start_us = now_us;
    return expect_end(db, &v->job, &run, &p, now_us, &v->completion_us, err);
}

bool
job_look(struct db *db, struct arena *a, const struct job *job, bool idle, int64_t now_us, struct job_view *view_out, struct err *err)
{
    struct job_view v = {.job = *job, .run = STR_NONE, .progress = job->state == JOB_COMPLETED ? 100 : 0};
    bool finished = job_state_is_terminal(job->state), in_line = job->state == JOB_QUEUED && (job->waiting || job->next_us > 0);
    enum row row = in_line && job->waiting ? ROW_NONE : store_job_run(db, a, job, finished, &v.run, err);
    if (row == ROW_FAILED)
        return false;
    if (row == ROW_FOUND ? !look_at_run(db, a, &v, idle, now_us, err)
                         : in_line && !expect_start(db, a, job, now_us, &v.start_us, err))
        return false;
    *view_out = v;
    return true;
}
