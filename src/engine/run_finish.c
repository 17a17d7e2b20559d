/*
 * The end of a run: its verdict, its connection's health, its event.
 */
#include "engine/work.h"

#include "engine/tell.h"
#include "json/writer.h"
#include "queue/schedule.h"
#include "store/store_event.h"
#include "store/store_job.h"

struct ending {
    struct work *work;
    struct run_end end;
    enum err_code code;
    struct connection_result result;
    bool has_result;         /* the run says something about the connection */
    struct str event;        /* JSON */
    bool alert;
    bool guarded;            /* deletes wait for a person */
};

static struct str
event_json(struct work *w, const struct run_end *end, enum err_code code)
{
    struct buf b;
    struct json_writer j;
    buf_init(&b, 64 * 1024);
    json_writer_init(&j, &b);
    json_begin_object(&j, NULL);
    json_add_str(&j, "runId", w->run->uuid);
    json_add_str(&j, "connectionId", w->run->connection_uuid);
    json_add_c(&j, "verdict", run_verdict_name(end->verdict));
    json_add_str(&j, "verdictReason", end->verdict_reason);
    json_add_c(&j, "code", code == E_OK ? NULL : err_name(code));
    json_end_object(&j);
    struct str text = buf_ok(&b) ? str_copy(w->arena, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    return text;
}

static bool
add_event(struct db *db, const struct ending *e, const char *type, int64_t now_us, struct err *err)
{
    const struct run *run = e->work->run;
    struct event event = {.tenant = run->tenant, .connection = run->connection, .run = run->id,
                          .type = str_from_c(type), .data = e->event, .at_us = now_us};
    return store_event_add(db, &event, err);
}

/* What a person should look at. */
static bool
raise_alerts(struct db *db, const struct ending *e, bool blames, int64_t now_us, struct err *err)
{
    const struct run *run = e->work->run;
    if (blames && e->alert &&
        !tell_alert(db, run->tenant, run->connection, run->id, "connection_failing", e->result.error_message, now_us, err))
        return false;
    return !e->guarded || tell_alert(db, run->tenant, run->connection, run->id, "delete_guard", e->end.verdict_reason, now_us, err);
}

/*
 * `both` asked of a connection that only reads: what a run of direction both finds is no change that waits to be sent, so a whole push
 * follows. It stands in line as a job does: another may have taken the connection. One that stands there already sends all, and is enough.
 */
static bool
follow_with_push(struct db *db, const struct ending *e, int64_t now_us, struct err *err)
{
    const struct run *run = e->work->run;
    struct job job = {.tenant = run->tenant, .connection = run->connection, .name = run->connection_uuid, .type = STR("full"),
                      .priority = PRIORITY_NORMAL, .full = true, .direction = STR("push"), .entity = run->entity, .data = STR_NONE,
                      .options = STR_NONE, .schedule = STR_NONE, .run_options = STR_NONE, .created_by = STR_NONE, .waiting = true,
                      .start_after_us = now_us, .rank = now_us + (int64_t)PRIORITY_NORMAL * RUN_AGEING_US};
    if (e->end.state != RUN_SUCCEEDED || !str_eq_c(run->direction, "both") || connection_pushes(&e->work->account.connection))
        return true;
    struct err why = {0};
    if (store_job_create(db, e->work->arena, &job, now_us, &why))
        return store_job_start_next(db, run->tenant, run->connection, now_us, NULL, err);
    if (why.code != E_CONFLICT)
        *err = why;
    return why.code == E_CONFLICT;
}

static bool
write_end(struct db *db, void *ctx, struct err *err)
{
    struct ending *e = ctx;
    struct work *w = e->work;
    struct page_fence fence = run_fence(w->run);
    struct tell_status status;
    int64_t now_us = store_now(db);
    bool ok = e->end.state == RUN_SUCCEEDED;
    if (!tell_status_before(db, w->run->tenant, w->run->connection, &w->account.connection, &status, err))
        return false;
    bool blames = e->has_result && !status.renewed;
    return store_run_finish(db, &fence, &e->end, now_us, err) &&
           add_event(db, e, ok ? "run.succeeded" : "run.failed", now_us, err) &&
           (!blames || store_connection_result(db, w->run->tenant, w->run->connection, &e->result, now_us, err)) &&
           tell_status_after(db, &status, w->run->id, now_us, err) && raise_alerts(db, e, blames, now_us, err) &&
           follow_with_push(db, e, now_us, err);
}

/* A broken connection is tested again later; after some failures in a row a person is told, once. */
static void
blame_connection(struct ending *e)
{
    struct work *w = e->work;
    const struct connection *c = &w->account.connection;
    int64_t failures = c->failures + 1;
    int64_t now_us = clock_wall_us(w->engine->options.clock) + w->clock_offset_us;
    e->has_result = true;
    e->alert = failures >= RECONNECT_ALERT_FAILURES && !c->alerted;
    e->result = (struct connection_result){
        .status = CONNECTION_ERROR,
        .error_code = e->end.error_code,
        .error_message = e->end.error_message,
        .reconnect_us = schedule_reconnect_us(failures, now_us, &w->worker->rng),
        .alerted = c->alerted || e->alert,
    };
}

static enum step_result
end_run(struct work *w, struct ending *e)
{
    struct err err = {0};
    e->work = w;
    e->end.moves_last_sync = e->end.state == RUN_SUCCEEDED;
    if (e->code != E_OK && e->end.state == RUN_FAILED) {
        e->end.error_code = str_from_c(err_name(e->code));
        e->end.error_message = e->end.verdict_reason;
        if (verdict_blames_connection(e->code) || e->code == E_PLATFORM_NOT_SUPPORTED)
            blame_connection(e);
    }
    e->event = event_json(w, &e->end, e->code);
    bool ok = e->end.state == RUN_SUCCEEDED;
    work_tell_requests(w);
    work_log(w, ok ? LOG_INFO : LOG_ERROR, ok ? "run succeeded" : "run failed", STR_NONE, e->end.verdict_reason);
    if (!work_write(w, write_end, e, &err)) {
        if (err.code == E_CANCELLED)
            return work_stop(w);
        if (err.code != E_FENCED)
            log_err(LOG_WARN, "the end of a run could not be written; its lease lapses", &err);
        return STEP_PARK;
    }
    ok ? w->engine->runs_succeeded++ : w->engine->runs_failed++;
    log_write(LOG_INFO, "run finished", LOG_C("state", run_state_name(e->end.state)),
              LOG_C("verdict", run_verdict_name(e->end.verdict)), LOG_S("reason", e->end.verdict_reason));
    store_poke(w->engine->options.store); /* the end may have started another run, and whoever is idle sleeps */
    engine_changed(w->engine);
    return STEP_PARK;
}

static struct verdict_stream
verdict_input(const struct work_stream *s)
{
    return (struct verdict_stream){
        .name = s->info.name,
        .counts = s->counts,
        .declared = declared_total(&s->declared),
        .full = s->full && !s->filtered,
        .finished = s->done,
        .guarded = s->guarded,
        .pushed = s->context.pushing,
        .failed = s->failed,
        .message = s->failed_message,
        .notice = s->notice,
    };
}

enum step_result
work_finish(struct work *w)
{
    struct err err = {0};
    if (!work_commit_wait(w, &err))
        return work_store_failed(w, &err);
    struct verdict_stream *streams = ARENA_ARRAY(w->arena, struct verdict_stream, w->stream_count + 1);
    if (streams == NULL) {
        err_no_memory(&err);
        return work_store_failed(w, &err);
    }
    bool guarded = false;
    for (size_t i = 0; i < w->stream_count; i++) {
        streams[i] = verdict_input(&w->streams[i]);
        guarded |= w->streams[i].guarded;
    }
    struct verdict verdict;
    verdict_of(w->arena, streams, w->stream_count, &verdict);
    if (w->lacks_streams)
        verdict_lack(w->account.lists_failed.code, work_clean(w, str_from_c(w->account.lists_failed.message)), &verdict);
    bool failed = verdict.kind == VERDICT_SUSPICIOUS;
    struct ending e = {.end = {.state = failed ? RUN_FAILED : RUN_SUCCEEDED, .verdict = verdict.kind,
                               .verdict_reason = verdict.reason},
                       .code = verdict.code, .guarded = guarded};
    return end_run(w, &e);
}

enum step_result
work_fail(struct work *w, const struct err *why)
{
    struct err err = {0};
    if (!work_commit_wait(w, &err) && err.code == E_FENCED)
        return STEP_PARK;
    struct ending e = {.end = {.state = RUN_FAILED, .verdict = VERDICT_SUSPICIOUS,
                               .verdict_reason = work_clean(w, str_from_c(why->message))},
                       .code = why->code};
    return end_run(w, &e);
}
