/*
 * Deletes: what a full pass did not show is gone (I-9).
 *
 * Believed only after a pass that was complete, unfiltered, without failure, and that saw something. First
 * all candidates are counted; when they are more than is believable, the list is kept for a person and the run
 * goes on without deleting. Otherwise they go in batches, each a page with a mark of its own, so a restart
 * goes on where the last batch ended. Where the template can fetch one record by its id, each candidate is
 * asked for once more.
 *
 * Here a full pass is also held against the vendor's own total by different records: a vendor that gives a
 * page twice in the place of another one shows as many rows as it declared, and yet some were never seen.
 */
#include "engine/match_release.h"
#include "engine/work.h"

#include "store/store_delete.h"
#include "store/store_log.h"

#define WALK_ROWS 2000         /* maps looked at in one read */
#define RECHECK_ROWS 20        /* candidates asked for in one batch */
#define BATCH_ARENA_BYTES (64L * 1024 * 1024)

struct delete_work {
    struct work *work;
    struct work_stream *stream;
    struct arena *arena;
    struct arena_mark mark;
    struct str after, last;
    struct delete_candidate *rows;
    size_t count;
    int64_t live, deleted;
    struct page_fence fence;
};

static int64_t
began_us(const struct work *w)
{
    return w->run->started_us != 0 ? w->run->started_us : w->run->created_us;
}

static bool
read_seen(struct db *db, void *ctx, struct err *err)
{
    struct delete_work *d = ctx;
    return store_delete_seen(db, d->work->run->tenant, d->work->run->id, d->stream->context.stream.id, d->work->seen, err);
}

static bool
read_visited(struct db *db, void *ctx, struct err *err)
{
    struct delete_work *d = ctx;
    return store_delete_visited(db, d->work->run->tenant, d->work->run->id, d->stream->context.stream.id, d->work->visited, err);
}

static bool
read_live(struct db *db, void *ctx, struct err *err)
{
    struct delete_work *d = ctx;
    return store_delete_live_count(db, d->work->run->tenant, d->stream->context.stream.id, &d->live, err);
}

/* A vendor that can be asked for one record is asked; else the pass must have looked at the parent. */
static bool
goes_by_parents(const struct work_stream *s)
{
    return s->info.substream && !s->info.has_reads;
}

static bool
read_candidates(struct db *db, void *ctx, struct err *err)
{
    struct delete_work *d = ctx;
    arena_rewind(d->arena, d->mark);
    return store_delete_candidates(db, d->arena, d->work->run->tenant, d->stream->context.stream.id, d->work->seen,
                                   began_us(d->work), d->after, WALK_ROWS, &d->rows, &d->count, &d->last, err) &&
           (!goes_by_parents(d->stream) ||
            store_delete_of_visited(db, d->work->run->tenant, d->stream->context.parent_stream, d->work->visited, d->rows,
                                    &d->count, err));
}

static bool
load_seen(struct delete_work *d, struct err *err)
{
    struct work *w = d->work;
    id_set_free(w->seen);
    w->seen = id_set_new();
    if (w->seen == NULL)
        return err_no_memory(err);
    if (!store_read(w->engine->options.store, read_seen, d, err))
        return false;
    id_set_free(w->visited);
    w->visited = id_set_new();
    if (w->visited == NULL)
        return err_no_memory(err);
    if (goes_by_parents(d->stream) && !store_read(w->engine->options.store, read_visited, d, err))
        return false;
    /* What has no row here was shown too: rejected, sent as deleted, or filtered out by the template. */
    const struct page_counts *c = &d->stream->counts;
    d->stream->distinct = id_set_count(w->seen) + c->errors + c->deleted + (c->records_read - c->received);
    return true;
}

/* The place to go on from outlives the batch's memory. */
static bool
move_on(struct delete_work *d, struct str *after, struct err *err)
{
    struct str copy = str_is_none(d->last) ? STR_NONE : str_copy(d->work->arena, d->last);
    if (!str_is_none(d->last) && str_is_none(copy))
        return err_no_memory(err);
    *after = copy;
    return true;
}

/* Walks all maps of the stream; each batch of candidates goes to fn (NULL: only counted). */
static bool
walk_all(struct delete_work *d, store_fn *fn, int64_t *total_out, struct err *err)
{
    int64_t total = 0;
    d->after = STR_NONE;
    do {
        lease_page_begin(d->work->engine->keeper, d->work->lease, FETCH_PAGE_MS);
        if (!store_read(d->work->engine->options.store, read_candidates, d, err))
            return false;
        total += (int64_t)d->count;
        if (fn != NULL && d->count > 0 && !work_write(d->work, fn, d, err))
            return false;
        if (!move_on(d, &d->after, err))
            return false;
    } while (!str_is_none(d->after));
    *total_out = total;
    return true;
}

static bool
hold(struct db *db, void *ctx, struct err *err)
{
    struct delete_work *d = ctx;
    struct page_fence fence = run_fence(d->work->run);
    int64_t now_us = store_now(db);
    return store_run_renew(db, &fence, now_us + d->stream->context.lease_ms * US_PER_MS, err) &&
           store_delete_hold(db, d->work->run->tenant, d->work->run->id, d->stream->context.stream.id, d->rows, d->count,
                             began_us(d->work), now_us, err);
}

/* May absence be believed at all? */
static bool
pass_is_sound(struct work *w, const struct work_stream *s)
{
    if (!s->context.full || s->nameless_rejects)
        return false;
    if (goes_by_parents(s) && s->context.parent_stream == 0)
        return false; /* nobody knows which parents were looked at */
    if (s->moved && !s->info.has_reads) {
        work_log(w, LOG_INFO, "the list changed while it was read: what it did not show is looked for by the next full pass",
                 s->info.name, STR_NONE);
        return false;
    }
    return declared_total(&s->declared) <= s->counts.records_read;
}

/* Records that the vendor declared and the pass did not see, although it read as many rows. */
static int64_t
unseen_count(const struct work_stream *s)
{
    int64_t declared = declared_total(&s->declared);
    return declared > s->distinct ? declared - s->distinct : 0;
}

/* Where many records come and go, a few may do so behind the reader's back; a page is more than a few. */
static bool
reconcile(const struct work_stream *s, struct err *err)
{
    int64_t declared = declared_total(&s->declared), unseen = unseen_count(s);
    return unseen == 0 || unseen * 100 <= declared * LIMIT_UNSEEN_PERCENT ||
           err_set(err, E_UNRECONCILED, "The vendor declared %lld records; among those it gave are %lld different ones",
                   (long long)declared, (long long)s->distinct);
}

/* Counts, and decides once. *go_out false: nothing is deleted by this run. */
static bool
decide(struct delete_work *d, bool *go_out, struct err *err)
{
    struct work_stream *s = d->stream;
    int64_t total = 0;
    *go_out = false;
    if (!load_seen(d, err) || !reconcile(s, err))
        return false;
    if (id_set_count(d->work->seen) == 0)
        return true; /* an empty source deletes nothing */
    if (unseen_count(s) > 0 && !s->info.has_reads)
        return true; /* some were not seen, and nobody can be asked for them */
    if (!store_read(d->work->engine->options.store, read_live, d, err) || !walk_all(d, NULL, &total, err))
        return false;
    if (verdict_is_unbelievable(total, d->live)) {
        s->guarded = true;
        work_log(d->work, LOG_WARN, "more records vanished than is believable: they wait for a person", s->info.name,
                 str_format(d->work->arena, "%lld of %lld", (long long)total, (long long)d->live));
        return walk_all(d, hold, &total, err);
    }
    s->delete_total = total;
    s->delete_after = STR_NONE;
    *go_out = total > 0;
    return true;
}

/* ---- asking once more ---- */

enum recheck { RECHECK_GONE, RECHECK_THERE, RECHECK_WAIT, RECHECK_STOPPED, RECHECK_FAILED };

static enum recheck
recheck_one(struct delete_work *d, struct str external_id, struct reader_event *event, struct err *err)
{
    struct work *w = d->work;
    struct reader_options o = {.template = w->account.template, .stream = d->stream->info.name,
                               .config = w->account.effective, .now_us = d->stream->context.now_us, .concurrency = 1};
    struct reader *reader = reader_new_single(&o, external_id, err);
    if (reader == NULL)
        return RECHECK_FAILED;
    fetch_reader(&w->fetch, reader);
    switch (fetch_next(&w->fetch, &w->pages[w->turn], event, err)) {
    case FETCH_PAGE: return event->record_count > 0 ? RECHECK_THERE : RECHECK_GONE;
    case FETCH_DONE: return RECHECK_GONE;
    case FETCH_WAIT: return RECHECK_WAIT;
    case FETCH_STOPPED: return RECHECK_STOPPED;
    case FETCH_FAILED: break;
    }
    return RECHECK_FAILED;
}

/* Leaves those that are really gone. A vendor that cannot say so keeps the record: nothing is deleted on a doubt. */
static enum recheck
recheck(struct delete_work *d, struct reader_event *event, struct err *err)
{
    size_t kept = 0;
    if (d->count > RECHECK_ROWS) {
        d->count = RECHECK_ROWS;
        d->last = d->rows[RECHECK_ROWS - 1].external_id;
    }
    for (size_t i = 0; i < d->count; i++) {
        switch (recheck_one(d, d->rows[i].external_id, event, err)) {
        case RECHECK_GONE: d->rows[kept++] = d->rows[i]; break;
        case RECHECK_THERE:
        case RECHECK_FAILED: break;
        case RECHECK_WAIT:
            if (i == 0)
                return RECHECK_WAIT;
            d->last = d->rows[i - 1].external_id; /* those asked for are not asked for again */
            d->count = i;
            break;
        case RECHECK_STOPPED: return RECHECK_STOPPED;
        }
    }
    d->count = kept;
    *err = (struct err){0};
    return RECHECK_GONE;
}

/* ---- a batch ---- */

static bool
delete_batch(struct db *db, void *ctx, struct err *err)
{
    struct delete_work *d = ctx;
    struct work *w = d->work;
    const struct page_context *c = &d->stream->context;
    int64_t now_us = store_now(db);
    if (!store_page_fence(db, &d->fence, now_us + c->lease_ms * US_PER_MS, err))
        return false;
    struct arena_mark mark = arena_mark(d->arena);
    struct gone_list gone = {.arena = d->arena};
    if (!store_delete_apply(db, c->tenant, c->stream.id, c->connection, w->run->id, d->rows, d->count, began_us(w), now_us,
                            &gone, &d->deleted, err) ||
        !match_keys_release(db, d->arena, c->tenant, c->region, gone.rows, gone.count, err) ||
        !store_run_add_missing(db, &d->fence, d->deleted, err))
        return false;
    struct page_mark page = {.fence = d->fence, .tenant = c->tenant, .connection = c->connection, .stream = c->stream.id,
                             .position = work_position(d->stream, d->arena, STR_NONE), .declared_total = -1,
                             .observed_us = now_us, .now_us = now_us};
    bool ok = !str_is_none(page.position) ? store_page_finish(db, &page, err) : err_no_memory(err);
    arena_rewind(d->arena, mark);
    return ok;
}

static enum step_result
next_batch(struct delete_work *d)
{
    struct work *w = d->work;
    struct work_stream *s = d->stream;
    struct err err = {0};
    struct reader_event event;
    lease_page_begin(w->engine->keeper, w->lease, FETCH_PAGE_MS);
    d->after = s->delete_after;
    if (w->seen == NULL && !load_seen(d, &err))
        return work_store_failed(w, &err);
    if (!store_read(w->engine->options.store, read_candidates, d, &err))
        return work_store_failed(w, &err);
    if (s->info.has_reads && d->count > 0) {
        switch (recheck(d, &event, &err)) {
        case RECHECK_WAIT: return work_park(w, event.wait_ms, "RATE_LIMITED", event.wait_reason, false);
        case RECHECK_STOPPED: return work_stop(w);
        case RECHECK_GONE:
        case RECHECK_THERE:
        case RECHECK_FAILED: break;
        }
    }
    struct str after = STR_NONE;
    if (!move_on(d, &after, &err))
        return work_store_failed(w, &err);
    bool more = !str_is_none(after);
    s->phase = PHASE_DELETES;
    s->delete_after = more ? after : s->delete_after;
    d->fence = work_fence(w);
    if (d->count > 0) {
        if (!work_write(w, delete_batch, d, &err))
            return work_store_failed(w, &err);
        w->committed_seq = d->fence.page_seq;
    }
    return more ? STEP_MORE : STEP_DONE;
}

enum step_result
work_stream_deletes(struct work *w)
{
    struct err err = {0};
    struct arena scratch;
    struct work_stream *s = work_stream(w);
    arena_init(&scratch, BATCH_ARENA_BYTES);
    struct delete_work d = {.work = w, .stream = s, .arena = &scratch, .mark = arena_mark(&scratch)};
    enum step_result result = STEP_DONE;
    if (s->phase == PHASE_READ && pass_is_sound(w, s)) {
        bool go = false;
        if (!decide(&d, &go, &err))
            result = work_stream_failed(w, &err);
        else if (go)
            s->phase = PHASE_DELETES;
    }
    if (result == STEP_DONE && s->phase == PHASE_DELETES)
        result = next_batch(&d);
    if (result != STEP_MORE || w->step != STEP_AT_DELETES) {
        id_set_free(w->seen);
        id_set_free(w->visited);
        w->seen = w->visited = NULL;
    }
    arena_release(&scratch);
    return result;
}
