/*
 * Applying what is due in a queue.
 *
 * A batch of events goes into one transaction, which also marks them as done: all of it or nothing. What else they need comes
 * after it (inbox_batch.h). What fails is tried again later, a bounded number of times, and then stays as failed, to be seen and
 * repeated by a person.
 *
 * After a holder of this queue died, events go one by one and are counted before they are tried, so that the one that ends the
 * process is found, and the others are not held up by it. It is among the first of the queue, as many as a batch holds: those
 * behind go in batches again. (While all went one by one, a queue that was never empty, as in a storm, was never quick again.)
 * One that had come a moment earlier may stand before it now, so it may not be found the first time; then it ends the next batch,
 * and nothing that comes later stands before it any more.
 */
#include "hook/inbox_batch.h"

#define BATCH_EVENTS 100
#define BATCH_EVENTS_PRESSED 50             /* while others wait: they wait for the whole of it */
#define BATCH_BYTES (8L * 1024 * 1024)     /* of packed events in one transaction */
#define BATCH_ARENA_BYTES LIMIT_PAGE_ARENA_BYTES
#define BATCH_OPENED_BYTES (BATCH_ARENA_BYTES / 4) /* of events unpacked and parsed; applying them takes as much again */
#define TRIES_MAX 8
#define GIVE_WAY_MS 5
#define GIVE_WAY_TIMES 20                   /* a burst is over soon, and until then every moment is its senders' */
#define BACKOFF_BASE_US (5 * US_PER_S)
#define BACKOFF_MAX_US (10 * US_PER_MINUTE)
#define APPLIER_KEEP_US (5 * US_PER_S)      /* then the connection is opened anew: its template may be another one */

/* ---- how an event fares ---- */

bool
batch_is_ours(const struct err *err)
{
    return err->code == E_FENCED || err->code == E_STORE || err->code == E_STORE_BUSY || err->code == E_STORE_FULL ||
           err->code == E_STORE_UNCERTAIN || err->code == E_NO_MEMORY || err->code == E_SHUTTING_DOWN || err->code == E_UNAVAILABLE;
}

void
batch_fail(struct work_event *e, const struct err *why)
{
    e->fate = err_retry(why->code) == RETRY_NEVER ? FATE_FAILED : FATE_LATER;
    if (why->code == E_AUTH_EXPIRED || why->code == E_INVALID_CREDENTIALS)
        e->fate = FATE_LATER; /* a person may connect again meanwhile */
    e->err = *why;
}

/* ---- the connection ---- */

static void
close_applier(struct drain *d)
{
    pthread_mutex_lock(&d->in->lock);
    d->worker->applier = NULL;
    pthread_mutex_unlock(&d->in->lock);
    applier_free(d->applier);
    d->applier = NULL;
}

static bool
open_applier(struct drain *d, struct err *err)
{
    int64_t now = clock_monotonic_us(d->in->options.clock);
    if (d->applier != NULL && now - d->opened_us < APPLIER_KEEP_US && applier_connection(d->applier)->updated_us == d->changed_us)
        return true;
    close_applier(d);
    d->applier = applier_new(d->in->options.engine, d->queue->tenant, d->queue->connection, err);
    d->opened_us = now;
    if (d->applier == NULL)
        return false;
    pthread_mutex_lock(&d->in->lock);
    d->worker->applier = d->applier;
    if (d->in->stopping)
        applier_stop(d->applier);
    pthread_mutex_unlock(&d->in->lock);
    return true;
}

/* ---- a batch ---- */

static bool
is_pressed(const struct drain *d)
{
    return store_is_pressed(d->in->options.store);
}

static bool
read_due(struct db *db, void *ctx, struct err *err)
{
    struct drain *d = ctx;
    arena_clear(&d->arena);
    d->now_us = store_now(db);
    size_t limit = d->careful > 0 ? 1 : is_pressed(d) ? BATCH_EVENTS_PRESSED : BATCH_EVENTS;
    return store_inbox_changed(db, d->queue, &d->changed_us, err) &&
           store_inbox_due(db, &d->arena, d->queue, d->now_us, INBOX_JOIN_US, limit, &d->rows, &d->count, err);
}

static bool
count_attempt(struct db *db, void *ctx, struct err *err)
{
    struct drain *d = ctx;
    return store_inbox_fence(db, d->queue, store_now(db) + d->in->options.lease_ms * US_PER_MS, err) &&
           store_inbox_attempt(db, d->queue->tenant, d->rows[0].id, err);
}

/* What the vendor says it was, not later than when it came. */
static int64_t
observed_us(const struct work_event *e, const struct webhook_record *r)
{
    return r->time_us < e->row->received_us ? r->time_us : e->row->received_us;
}

static void
make_item(struct drain *d, struct work_event *e, const struct webhook_record *r, struct apply_item *item)
{
    bool literal = str_eq(e->row->trust, STR("payload"));
    *item = (struct apply_item){.stream = r->stream, .external_id = r->external_id, .record = e->hint ? NULL : r->record,
                                .deleted = r->deleted, .version = r->version, .result = APPLY_FETCH};
    item->observed_us = observed_us(e, r);
    bool can_fetch = literal || (item->observed_us != 0 && r->record != NULL) || applier_can_fetch(d->applier, r->stream, r->slice);
    if (literal || (!can_fetch && !e->hint)) {
        item->certain = true;
        item->observed_us = item->observed_us != 0 ? item->observed_us : e->row->received_us;
    }
}

/* Whose events of a delivery are meant. A connection that does not know its own account takes those of the first. */
static struct str
account_of(const struct drain *d, const struct webhook_body *body)
{
    struct str own = applier_connection(d->applier)->account, first, rest;
    if (own.len > 0)
        return own;
    str_cut(webhook_accounts(body), WEBHOOK_ACCOUNT_SEPARATOR, &first, &rest);
    return first;
}

static bool
open_event(struct drain *d, struct work_event *e, struct err *err)
{
    if (!content_open(&d->arena, applier_template(d->applier), e->row->content, &e->headers, &e->body, err))
        return false;
    e->body.account = account_of(d, &e->body);
    if (!webhook_records(&e->body, &e->records, &e->count, err))
        return false;
    e->hint = str_eq(e->row->trust, STR("hint"));
    if (e->count > 0 && e->records[0].request != WEBHOOK_NEWS) {
        e->request_count = e->count;
        e->count = 0;
        return true;
    }
    e->items = ARENA_ARRAY(&d->arena, struct apply_item, e->count + 1);
    if (e->items == NULL)
        return err_no_memory(err);
    for (size_t i = 0; i < e->count; i++) {
        make_item(d, e, &e->records[i], &e->items[i]);
        e->lead = e->lead || (e->records[i].lead && !e->records[i].deleted);
    }
    return e->count > 0 || err_set(err, E_VALIDATION_FAILED, "The event names no record");
}

static bool
open_events(struct drain *d, struct err *err)
{
    size_t bytes = 0;
    d->events = ARENA_ARRAY(&d->arena, struct work_event, d->count + 1);
    if (d->events == NULL)
        return err_no_memory(err);
    for (size_t i = 0; i < d->count; i++) {
        struct err why = {0};
        bytes += d->rows[i].content.len;
        if (i > 0 && (bytes > BATCH_BYTES || d->arena.used_bytes > BATCH_OPENED_BYTES)) {
            d->count = i; /* the rest is due again at once */
            break;
        }
        d->events[i] = (struct work_event){.row = &d->rows[i]};
        if (!open_event(d, &d->events[i], &why)) {
            if (why.code == E_NO_MEMORY)
                return err_no_memory(err);
            d->events[i].fate = FATE_FAILED;
            d->events[i].err = why;
        }
    }
    return true;
}

/* ---- the transaction of what came ---- */

static bool
needs_fetch(const struct work_event *e)
{
    for (size_t i = 0; i < e->count; i++)
        if (e->items[i].result == APPLY_FETCH)
            return true;
    return false;
}

static void
note_rejected(struct work_event *e)
{
    for (size_t i = 0; i < e->count; i++) {
        if (e->items[i].result != APPLY_REJECTED || e->fate == FATE_FAILED)
            continue;
        e->fate = FATE_FAILED;
        e->rejected = true;
        err_set(&e->err, E_VALIDATION_FAILED, "%.*s", STR_ARG(e->items[i].reason));
    }
}

/* What an earlier try of the closure has settled was undone. */
static void
reopen(struct work_event *e)
{
    if (e->fate != FATE_WRITTEN && !e->rejected)
        return;
    e->fate = FATE_OPEN;
    e->rejected = false;
    e->err = (struct err){0};
}

static bool
write_fate(struct drain *d, struct db *db, const struct work_event *e, int64_t now_us, struct err *err)
{
    struct str code = e->err.code != E_OK ? str_from_c(err_name(e->err.code)) : STR_NONE;
    struct str words = e->err.code != E_OK ? str_from_c(e->err.message) : e->words;
    int64_t attempts = e->row->attempts + 1;
    if (e->fate == FATE_APPLIED || e->fate == FATE_FAILED || attempts >= TRIES_MAX)
        return store_inbox_finish(db, d->queue->tenant, e->row->id, e->fate == FATE_APPLIED ? STR("applied") : STR("failed"), code,
                                  words, now_us, err);
    int64_t wait_us = BACKOFF_BASE_US << (attempts < 8 ? attempts - 1 : 7);
    wait_us = wait_us > BACKOFF_MAX_US ? BACKOFF_MAX_US : wait_us;
    wait_us = wait_us / 2 + (int64_t)(rng_next(&d->rng) % (uint64_t)(wait_us / 2));
    if (e->err.retry_after_ms * US_PER_MS > wait_us)
        wait_us = e->err.retry_after_ms * US_PER_MS;
    return store_inbox_later(db, d->queue->tenant, e->row->id, now_us + wait_us, attempts, code, words, err);
}

static bool
apply_events(struct db *db, void *ctx, struct err *err)
{
    struct drain *d = ctx;
    int64_t now_us = store_now(db);
    arena_rewind(&d->arena, d->mark);
    if (!store_inbox_fence(db, d->queue, now_us + d->in->options.lease_ms * US_PER_MS, err))
        return false;
    applier_begin(d->applier);
    for (size_t i = 0; i < d->count; i++) {
        struct work_event *e = &d->events[i];
        reopen(e);
        if (e->fate != FATE_OPEN || e->hint || e->request_count > 0)
            continue;
        if (!applier_apply(d->applier, db, &d->arena, e->items, e->count, e->row->received_us, err))
            return false;
        note_rejected(e);
        if (e->fate != FATE_OPEN || needs_fetch(e) || e->lead)
            continue;
        e->fate = FATE_APPLIED;
        if (!write_fate(d, db, e, now_us, err))
            return false;
        e->fate = FATE_WRITTEN;
    }
    return applier_end(d->applier, db, err);
}

/* One event at a time, where the batch cannot be written as a whole: the bad one fails alone. */
static bool
apply_one_by_one(struct drain *d, struct err *err)
{
    struct work_event *all = d->events;
    size_t count = d->count;
    bool ok = true;
    d->count = 1;
    for (size_t i = 0; ok && i < count; i++) {
        d->events = &all[i];
        d->mark = arena_mark(&d->arena);
        if (inbox_write(d->in, apply_events, d, err))
            continue;
        ok = !batch_is_ours(err);
        if (ok) {
            batch_fail(&all[i], err);
            *err = (struct err){0};
        }
    }
    d->events = all;
    d->count = count;
    return ok;
}

static bool
apply_batch(struct drain *d, struct err *err)
{
    d->mark = arena_mark(&d->arena);
    if (inbox_write(d->in, apply_events, d, err))
        return true;
    if (batch_is_ours(err))
        return false;
    *err = (struct err){0};
    for (size_t i = 0; i < d->count; i++)
        reopen(&d->events[i]);
    return apply_one_by_one(d, err);
}

/* ---- the end of a batch ---- */

static bool
settle(struct db *db, void *ctx, struct err *err)
{
    struct drain *d = ctx;
    int64_t now_us = store_now(db);
    if (!store_inbox_fence(db, d->queue, now_us + d->in->options.lease_ms * US_PER_MS, err))
        return false;
    for (size_t i = 0; i < d->count; i++)
        if (d->events[i].fate != FATE_WRITTEN && !write_fate(d, db, &d->events[i], now_us, err))
            return false;
    return true;
}

static bool
settle_batch(struct drain *d, struct err *err)
{
    bool any = false;
    for (size_t i = 0; i < d->count; i++) {
        struct work_event *e = &d->events[i];
        if (e->fate == FATE_OPEN)
            e->fate = FATE_APPLIED;
        any = any || e->fate != FATE_WRITTEN;
    }
    if (any && !inbox_write(d->in, settle, d, err))
        return false;
    for (size_t i = 0; i < d->count; i++) {
        enum fate fate = d->events[i].fate;
        bool over = fate != FATE_LATER || d->events[i].row->attempts + 1 >= TRIES_MAX;
        bool well = fate == FATE_APPLIED || fate == FATE_WRITTEN;
        atomic_fetch_add(well ? &d->in->applied : &d->in->failed, over);
        atomic_fetch_sub(&d->in->pending, over);
        if (over && !well)
            log_err(LOG_WARN, "a webhook event could not be applied", &d->events[i].err);
    }
    return true;
}

/* All of the batch waits, or fails, for one reason. */
static bool
fail_batch(struct drain *d, const struct err *why, struct err *err)
{
    d->events = ARENA_ARRAY(&d->arena, struct work_event, d->count + 1);
    if (d->events == NULL)
        return err_no_memory(err);
    for (size_t i = 0; i < d->count; i++) {
        d->events[i] = (struct work_event){.row = &d->rows[i]};
        batch_fail(&d->events[i], why);
        if (why->code == E_PLATFORM_NOT_SUPPORTED || why->code == E_CRYPT || why->code == E_KEY_MISSING)
            d->events[i].fate = FATE_LATER;
    }
    return settle_batch(d, err);
}

static bool
is_poison(const struct drain *d)
{
    return d->queue->crashes >= LIMIT_POISON_ATTEMPTS && d->rows[0].attempts >= LIMIT_POISON_ATTEMPTS;
}

static bool
forget_crashes(struct db *db, void *ctx, struct err *err)
{
    struct drain *d = ctx;
    return store_inbox_forget_crashes(db, d->queue, err);
}

/* Nobody else will ever take what came for it in its last moment. */
static bool
forget_gone(struct db *db, void *ctx, struct err *err)
{
    struct drain *d = ctx;
    return store_inbox_forget_gone(db, d->queue->tenant, d->queue->connection, err);
}

/* An event went well, or was given up. Behind the last that may end the process nothing is left of the death that made us careful. */
static bool
grow_bold(struct drain *d, struct err *err)
{
    if (d->careful == 0 || --d->careful > 0)
        return true;
    d->queue->crashes = 0;
    return inbox_write(d->in, forget_crashes, d, err);
}

static bool
do_batch(struct drain *d, struct err *err)
{
    struct err why = {0};
    if (d->careful > 0) {
        if (is_poison(d)) {
            err_set(&why, E_POISON_PAGE, "This event stopped the process %d times", LIMIT_POISON_ATTEMPTS);
            return fail_batch(d, &why, err);
        }
        if (!inbox_write(d->in, count_attempt, d, err))
            return false;
    }
    if (!open_applier(d, &why)) {
        if (why.code == E_CONNECTION_NOT_FOUND && !inbox_write(d->in, forget_gone, d, err))
            return false;
        if (batch_is_ours(&why) || why.code == E_CONNECTION_NOT_FOUND) {
            *err = why;
            return false;
        }
        return fail_batch(d, &why, err);
    }
    return open_events(d, err) && apply_batch(d, err) && batch_fetch(d, err) && batch_leads(d, err) &&
           batch_requests(d, err) && settle_batch(d, err);
}

/* Those that wait to be kept go first: their vendors wait too. Not for long, or nothing would ever be applied. */
static void
give_way(struct drain *d)
{
    for (int i = 0; i < GIVE_WAY_TIMES && is_pressed(d); i++)
        inbox_pause(d->in, GIVE_WAY_MS);
}

static bool
drain_on(struct drain *d, enum drained *result_out)
{
    struct err err = {0};
    *result_out = DRAIN_LOST;
    if (inbox_is_stopping(d->in))
        return false;
    bool ok = store_read(d->in->options.store, read_due, d, &err);
    if (ok && d->count == 0) {
        *result_out = DRAIN_EMPTY;
        return false;
    }
    ok = ok && do_batch(d, &err) && grow_bold(d, &err);
    give_way(d);
    if (!ok && err.code != E_FENCED && err.code != E_SHUTTING_DOWN && err.code != E_CONNECTION_NOT_FOUND)
        log_err(LOG_WARN, "webhook events could not be applied and will be tried again", &err);
    return ok;
}

enum drained
inbox_drain(struct inbox_worker *w, struct inbox_queue *queue)
{
    struct drain d = {.in = w->inbox, .worker = w, .queue = queue, .careful = queue->crashes > 0 ? BATCH_EVENTS : 0};
    enum drained result;
    rng_init_system(&d.rng);
    arena_init(&d.arena, BATCH_ARENA_BYTES);
    arena_init(&d.page, LIMIT_PAGE_ARENA_BYTES);
    while (drain_on(&d, &result))
        ;
    close_applier(&d);
    arena_release(&d.arena);
    arena_release(&d.page);
    return result;
}
