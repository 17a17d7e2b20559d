/*
 * The step of a run that pushes: a batch after the other, until nothing is due.
 *
 * A record that fails waits by itself; when the vendor fails, the run does.
 */
#include "engine/push_batch.h"

#include "base/alloc.h"
#include "json/writer.h"

#define BATCH_ARENA_BYTES (256L * 1024 * 1024)
#define VENDOR_WAIT_BASE_MS 1000

bool
push_new(struct work *w, struct err *err)
{
    struct push *p = ARENA_NEW(w->arena, struct push);
    if (p == NULL)
        return err_no_memory(err);
    arena_init(&p->items, BATCH_ARENA_BYTES);
    arena_init(&p->closure, BATCH_ARENA_BYTES);
    w->push = p;
    return true;
}

void
push_release(struct work *w)
{
    if (w->push == NULL)
        return;
    arena_release(&w->push->items);
    arena_release(&w->push->closure);
    w->push = NULL;
}

static bool
drop_foreign(struct db *db, void *ctx, struct err *err)
{
    struct work *w = ctx;
    int64_t collections[PUSH_COLLECTIONS_MAX] = {0};
    struct page_fence fence = run_fence(w->run);
    for (size_t i = 0; i < w->stream_count && i < PUSH_COLLECTIONS_MAX; i++)
        collections[i] = w->streams[i].context.stream.collection;
    if (!store_run_renew(db, &fence, store_now(db) + w->engine->options.lease_ms * US_PER_MS, err))
        return false;
    return !str_is_none(w->run->entity) || store_push_drop_foreign(db, w->run->tenant, w->run->connection, collections, err);
}

/* From one platform to another: what the first has. */
static bool
read_source(struct db *db, void *ctx, struct err *err)
{
    struct job job;
    struct work *w = ctx;
    enum row row = store_job_get(db, w->arena, w->run->tenant, w->run->job, &job, err);
    if (row == ROW_FOUND && job.source != 0)
        return store_stream_list(db, w->arena, w->run->tenant, job.source, &w->push->sources, &w->push->source_count, err);
    return row != ROW_FAILED;
}

bool
push_begin(struct work *w, struct err *err)
{
    struct push *p = w->push;
    struct err ignored = {0};
    struct str text = w->account.connection.rules;
    yyjson_val *rules = text.len == 0 ? NULL : json_parse(w->arena, text, JSON_PLAIN, LIMIT_JSON_DEPTH_API, &ignored);
    p->creates = json_bool_or(json_get_c(rules, "pushCreates"), true);
    p->deletes = json_bool_or(json_get_c(rules, "pushDeletes"), false);
    if (!store_read(w->engine->options.store, read_source, w, err))
        return false;
    p->streams = ARENA_ARRAY(w->arena, struct push_stream, w->stream_count);
    p->guards = ARENA_ARRAY(w->arena, struct push_guard, w->stream_count);
    if (p->streams == NULL || p->guards == NULL)
        return err_no_memory(err);
    for (size_t i = 0; i < w->stream_count; i++)
        p->guards[i] = (struct push_guard){0};
    for (size_t i = 0; i < w->stream_count; i++) {
        w->streams[i].context.pushing = true;
        if (!push_stream_read(w->arena, w->account.template, w->streams[i].info.name, &p->streams[i], err))
            return false;
    }
    return work_write(w, drop_foreign, w, err);
}

/* ---- a batch */

static size_t
batch_size(const struct push_stream *s)
{
    size_t many = s->create_max > s->update_max ? s->create_max : s->update_max;
    many = many > s->match_max ? many : s->match_max;
    return many > PUSH_BATCH ? many : PUSH_BATCH;
}

/*
 * A run that began by itself sends what waited when it began; what came since has the next one. So nobody who edits without end keeps the
 * platform from being read, whose turn comes between.
 */
static int64_t
waiting_since(const struct run *run, int64_t now_us)
{
    int64_t began_us = run->started_us > 0 ? run->started_us : run->created_us;
    return str_eq_c(run->trigger, "push") && began_us < now_us ? began_us : now_us;
}

static bool
take(struct db *db, void *ctx, struct err *err)
{
    struct push_batch *b = ctx;
    struct work *w = b->work;
    struct push *p = w->push;
    const struct page_context *c = &work_stream(w)->context;
    struct push_row *rows;
    struct push_scene scene = {.arena = &p->items, .stream = &p->streams[w->stream_at], .context = c,
        .creates = p->creates, .deletes = p->deletes};
    arena_clear(&p->items);
    int64_t now_us = store_now(db);
    if (!store_push_take(db, &p->items, c->tenant, c->connection, c->stream.collection, c->stream.id, now_us,
                         waiting_since(w->run, now_us), batch_size(scene.stream), &rows, &b->count, err))
        return false;
    b->items = ARENA_ARRAY(&p->items, struct push_item, b->count + 1);
    if (b->items == NULL)
        return err_no_memory(err);
    p->guards[w->stream_at].known = false;
    for (size_t i = 0; i < b->count; i++) {
        struct push_row *row = &b->items[i].row;
        b->items[i] = (struct push_item){.row = rows[i]};
        if (row->map != 0 || row->intent_us != 0 || now_us - row->looked_us >= PUSH_LOOKED_US)
            row->looked_us = 0;
        b->items[i].looked = row->looked_us > 0;
        if (!push_plan(db, &scene, &b->items[i], err) || !push_guard(db, &scene, &p->guards[w->stream_at], &b->items[i], err))
            return false;
    }
    work_stream(w)->guarded = p->guards[w->stream_at].held;
    return true;
}

static bool
is_idle(const struct push_item *item)
{
    return item->op == PUSH_NOTHING || item->op == PUSH_REJECT;
}

static bool
keep_idle(struct push_batch *b)
{
    size_t count;
    struct push_item **items = push_batch_pick(b, &count, is_idle);
    for (size_t i = 0; i < count; i++)
        items[i]->end = items[i]->op == PUSH_REJECT ? PUSH_END_REJECTED : PUSH_END_SKIPPED;
    return push_batch_keep(b, items, count);
}

/* ---- the step */

static enum step_result
stop_for_vendor(struct work *w, struct push_batch *b)
{
    unsigned tries = (unsigned)w->run->retries + 1;
    if (tries > LIMIT_RETRY_5XX) {
        b->err.code = E_VENDOR_UNAVAILABLE;
        return work_fail(w, &b->err);
    }
    return work_park(w, backoff_ms(tries, VENDOR_WAIT_BASE_MS, LIMIT_BACKOFF_CAP_MS, &w->worker->rng), "RETRY",
        str_from_c(b->err.message), true);
}

static enum step_result
stop_here(struct work *w, struct push_batch *b)
{
    int64_t wait_ms = b->wait_ms > 0 ? b->wait_ms : LIMIT_BACKOFF_CAP_MS;
    switch (b->stop) {
    case PUSH_STOPPED: return work_stop(w);
    case PUSH_WAIT:
        return work_park(w, wait_ms < LIMIT_RETRY_AFTER_MS ? wait_ms : LIMIT_RETRY_AFTER_MS, "RATE_LIMITED",
            str_from_c(b->err.message), false);
    case PUSH_UNKNOWN: return stop_for_vendor(w, b);
    case PUSH_FATAL:
    case PUSH_ANSWERED:
    case PUSH_REFUSED: break;
    }
    return work_store_failed(w, &b->err);
}

static bool
end_stream(struct db *db, void *ctx, struct err *err)
{
    struct work *w = ctx;
    struct page_fence fence = run_fence(w->run);
    return store_run_stream_end(db, &fence, work_stream(w)->context.stream.id, STR_NONE, STR_NONE, store_now(db), err);
}

struct look_ahead {
    struct work *work;
    struct push_waiting waiting;
    int64_t now_us;
};

static bool
look_ahead(struct db *db, void *ctx, struct err *err)
{
    struct look_ahead *k = ctx;
    k->now_us = store_now(db);
    return store_push_count(db, k->work->run->tenant, k->work->run->connection, k->now_us, &k->waiting, err);
}

/* Who asked for this run wants to know how it ends: what must wait is waited for. One that began by itself comes again. */
static bool
must_wait(struct work *w, int64_t *wait_ms_out, struct err *err)
{
    struct look_ahead k = {.work = w};
    *wait_ms_out = 0;
    if (str_eq_c(w->run->trigger, "push"))
        return true;
    if (!store_read(w->engine->options.store, look_ahead, &k, err))
        return false;
    if (k.waiting.count > 0 && k.waiting.due == 0)
        *wait_ms_out = (k.waiting.next_us - k.now_us) / US_PER_MS + 1;
    return true;
}

static enum step_result
next_stream(struct work *w)
{
    struct err err = {0};
    int64_t wait_ms;
    if (!must_wait(w, &wait_ms, &err))
        return work_store_failed(w, &err);
    if (wait_ms > 0)
        return work_park(w, wait_ms, "RETRY", STR("Some records are to be sent again"), false);
    if (!work_write(w, end_stream, w, &err))
        return work_store_failed(w, &err);
    work_stream(w)->done = true;
    w->stream_at++;
    return STEP_MORE;
}

enum step_result
work_push(struct work *w)
{
    struct push_batch b = {.work = w};
    struct err err = {0};
    while (w->stream_at < w->stream_count && work_stream(w)->done)
        w->stream_at++;
    if (w->stream_at == w->stream_count)
        return STEP_DONE;
    if (lease_is_stopped(w->lease))
        return work_stop(w);
    if (!push_is_queued(w))
        return push_queue_all(w);
    if (!store_read(w->engine->options.store, take, &b, &err))
        return work_store_failed(w, &err);
    if (b.count == 0)
        return next_stream(w);
    bool on = keep_idle(&b) && push_update_all(&b) && push_create_all(&b) && push_delete_all(&b);
    return on ? STEP_MORE : stop_here(w, &b);
}
