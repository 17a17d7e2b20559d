/*
 * Working on one subscription: events become deliveries, deliveries are sent, results are written.
 *
 * Every write begins with store_subscription_hold: whoever lost the lease meanwhile changes nothing, and the one who
 * has it sends again.
 */
#include "base/log.h"
#include "hook/event_view.h"
#include "hook/out_priv.h"

#define FAN_OUT_ROUNDS 20

struct work {
    struct out *out;
    struct out_thread *thread;
    struct arena *arena;         /* of the subscription */
    struct arena scratch;        /* of one step */
    struct subscription *s;
    struct tenant tenant;
    bool more;                   /* the feed has more */
    struct delivery *due;
    size_t due_count;
    struct attempt *attempt;
    int64_t not_before_us;
};

/* ---- events become deliveries ---- */

static bool
fan_out(struct db *db, void *ctx, struct err *err)
{
    struct work *w = ctx;
    struct event *events;
    size_t count;
    int64_t waiting, now_us = store_now(db);
    arena_clear(&w->scratch);
    w->more = false;
    if (!store_subscription_hold(db, w->s, now_us + OUT_LEASE_US, err) ||
        !store_delivery_waiting(db, w->s, OUT_WAITING_MAX, &waiting, err))
        return false;
    if (waiting >= OUT_WAITING_MAX)
        return true;
    if (!store_event_read(db, &w->scratch, w->s->tenant, w->s->place, OUT_EVENTS, &events, &count, err))
        return false;
    for (size_t i = 0; i < count; i++)
        if (event_type_is_wanted(w->s->types, events[i].type) && !store_delivery_add(db, w->s, &events[i], now_us, err))
            return false;
    w->more = count == OUT_EVENTS;
    return count == 0 || store_subscription_place(db, w->s, events[count - 1].place, err);
}

struct seen {
    struct work *work;
    bool any;
};

/* A look first: most rounds find nothing new, and a write is dear. */
static bool
has_events(struct db *db, void *ctx, struct err *err)
{
    struct seen *seen = ctx;
    struct work *w = seen->work;
    struct event *events;
    struct subscription now;
    size_t count;
    arena_clear(&w->scratch);
    enum row row = store_subscription_get(db, &w->scratch, w->s->tenant, w->s->uuid, &now, err);
    if (row != ROW_FOUND)
        return row == ROW_NONE ? err_set(err, E_FENCED, NULL) : false;
    w->s->place = now.place;
    if (!store_event_read(db, &w->scratch, w->s->tenant, w->s->place, 1, &events, &count, err))
        return false;
    seen->any = count > 0;
    return true;
}

static bool
take_events(struct work *w, struct err *err)
{
    w->more = true;
    for (unsigned i = 0; i < FAN_OUT_ROUNDS && w->more; i++) {
        struct seen seen = {w, false};
        if (!store_read(w->out->options.store, has_events, &seen, err))
            return false;
        if (!seen.any)
            return true;
        if (!store_write(w->out->options.store, fan_out, w, err))
            return false;
    }
    return true;
}

/* ---- deliveries are sent ---- */

static bool
read_due(struct db *db, void *ctx, struct err *err)
{
    struct work *w = ctx;
    enum row row = store_tenant_get(db, w->arena, w->s->tenant, &w->tenant, err);
    if (row != ROW_FOUND)
        return row == ROW_NONE ? err_set(err, E_TENANT_NOT_FOUND, NULL) : false;
    return store_delivery_due(db, w->arena, w->s, store_now(db), OUT_BATCH, &w->due, &w->due_count, err);
}

static bool
raise_alert(struct db *db, struct work *w, struct str reason, int64_t now_us, struct err *err)
{
    struct buf b;
    struct json_writer j;
    buf_init(&b, 4096);
    json_writer_init(&j, &b);
    json_begin_object(&j, NULL);
    json_add_c(&j, "alert", "webhook_subscription_disabled");
    json_add_str(&j, "subscriptionId", w->s->uuid);
    json_add_str(&j, "message", reason);
    json_end_object(&j);
    struct event event = {.tenant = w->s->tenant, .type = STR("alert.raised"), .data = buf_str(&b), .at_us = now_us};
    bool ok = buf_ok(&b) ? store_event_add(db, &event, err) : err_no_memory(err);
    buf_release(&b);
    return ok;
}

static bool
disable(struct db *db, struct work *w, struct str reason, int64_t now_us, struct err *err)
{
    bool disabled = false;
    return store_subscription_disable(db, w->s, reason, now_us, &disabled, err) &&
           (!disabled || raise_alert(db, w, reason, now_us, err));
}

static bool
note_failure(struct db *db, struct work *w, int64_t now_us, struct err *err)
{
    struct delivery *d = w->attempt->delivery;
    int64_t wait_us = w->attempt->gone ? 0 : out_retry_us(d->attempts + 1);
    if (wait_us && w->attempt->retry_after_us > wait_us)
        wait_us = w->attempt->retry_after_us;
    d->state = wait_us ? STR("pending") : STR("failed");
    d->next_us = wait_us ? now_us + wait_us : 0;
    w->not_before_us = now_us + OUT_AFTER_FAILURE_US;
    if (!store_delivery_tried(db, d, err) || !store_subscription_failed(db, w->s, now_us, err))
        return false;
    if (w->attempt->gone)
        return disable(db, w, STR("The address answered 410 Gone: it wants no more events"), now_us, err);
    int64_t since_us = w->s->failing_since_us;
    if (wait_us || !since_us || now_us - since_us < OUT_GIVE_UP_US)
        return true;
    return disable(db, w, STR("Nothing could be delivered for more than a day"), now_us, err);
}

static bool
note_attempt(struct db *db, void *ctx, struct err *err)
{
    struct work *w = ctx;
    struct delivery *d = w->attempt->delivery;
    int64_t now_us = store_now(db);
    if (!store_subscription_hold(db, w->s, now_us + OUT_LEASE_US, err))
        return false;
    d->last_us = now_us;
    if (!w->attempt->delivered)
        return note_failure(db, w, now_us, err);
    d->state = STR("delivered");
    d->next_us = 0;
    return store_delivery_tried(db, d, err) && store_subscription_succeeded(db, w->s, now_us, err);
}

/* *go_on_out false: nothing more goes to this address now. */
static bool
deliver(struct work *w, struct delivery *d, bool *go_on_out, struct err *err)
{
    struct attempt attempt = {.subscription = w->s, .tenant = &w->tenant, .delivery = d};
    *go_on_out = false;
    if (!out_send(w->out, w->thread, &w->scratch, &attempt, err))
        return false;
    if (attempt.unsent)
        return true;
    w->attempt = &attempt;
    bool ok = store_write(w->out->options.store, note_attempt, w, err);
    w->attempt = NULL;
    if (attempt.delivered)
        w->s->failing_since_us = 0;
    *go_on_out = ok && attempt.delivered;
    return ok;
}

static bool
send_due(struct work *w, struct err *err)
{
    if (!store_read(w->out->options.store, read_due, w, err))
        return false;
    bool go_on = true;
    for (size_t i = 0; i < w->due_count && go_on && !atomic_load(&w->out->stopping); i++) {
        arena_clear(&w->scratch);
        if (!deliver(w, &w->due[i], &go_on, err))
            return false;
    }
    return true;
}

static bool
release(struct db *db, void *ctx, struct err *err)
{
    struct work *w = ctx;
    return store_subscription_release(db, w->s, w->not_before_us, store_now(db), err);
}

bool
out_work(struct out *o, struct out_thread *thread, struct arena *a, struct subscription *s, struct err *err)
{
    struct work w = {.out = o, .thread = thread, .arena = a, .s = s};
    struct err late = {0};
    arena_init(&w.scratch, OUT_ARENA_BYTES);
    bool ok = take_events(&w, err) && send_due(&w, err);
    if (!ok && err->code == E_FENCED)
        ok = true; /* another node has it now, or a person switched it off */
    if (!store_write(o->options.store, release, &w, &late) && ok)
        ok = err_set(err, late.code, "%s", late.message);
    arena_release(&w.scratch);
    return ok;
}
