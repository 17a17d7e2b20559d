/*
 * The first page of a person: how it is, what needs him (most harmful first), how fresh each stream is, what the last
 * day brought; and what is known of a connection's quota. What is not known is null.
 */
#include "door/routes_priv.h"
#include "door/views_priv.h"
#include "engine/account.h"
#include "engine/ends.h"
#include "store/store_overview.h"

#define NEEDS_MAX 100
#define WARNINGS_MAX 20
#define WARNING_RANK 8  /* after those of the store */
#define STREAMS_MAX 500
#define ACTIVITY_CONNECTIONS_MAX 1000
#define ACTIVITY_HOURS_MAX 25000  /* of the last day, of all of them */
#define OVERDUE_US (10 * US_PER_MINUTE)  /* a schedule that should have fired so long ago */

struct overview {
    struct request *request;
    int64_t now_us;
    struct connection_counts connections;
    struct run_counts runs;
    struct overview_need *needs;
    struct overview_stream *streams;
    struct overview_hour *hours;
    size_t need_count, stream_count, hour_count;
    struct ends_warning *warnings;
    size_t warning_count;
    int64_t succeeded, failed;
};

static bool
read_overview(struct db *db, void *ctx, struct err *err)
{
    struct overview *o = ctx;
    struct arena *a = o->request->arena;
    int64_t tenant = o->request->tenant.id;
    o->now_us = store_now(db);
    int64_t since_us = o->now_us - US_PER_DAY;
    return store_connection_counts(db, tenant, &o->connections, err) && store_run_counts(db, tenant, &o->runs, err) &&
           store_overview_needs(db, a, tenant, o->now_us - OVERDUE_US, NEEDS_MAX, &o->needs, &o->need_count, err) &&
           store_overview_streams(db, a, tenant, STREAMS_MAX, &o->streams, &o->stream_count, err) &&
           store_overview_hours(db, a, tenant, since_us, &o->hours, &o->hour_count, err) &&
           store_overview_runs(db, tenant, since_us, &o->succeeded, &o->failed, err);
}

static void
write_health(struct json_writer *w, const struct overview *o, const struct store_health *health)
{
    bool stuck = !health->writable || health->disk_full;
    json_begin_object(w, "health");
    json_add_c(w, "status", stuck ? "failing" : o->need_count + o->warning_count ? "attention" : "ok");
    json_begin_object(w, "connections");
    json_add_i64(w, "total", o->connections.total);
    json_add_i64(w, "active", o->connections.active);
    json_add_i64(w, "pending", o->connections.pending);
    json_add_i64(w, "error", o->connections.error);
    json_add_i64(w, "disconnected", o->connections.disconnected);
    json_end_object(w);
    json_begin_object(w, "runs");
    json_add_i64(w, "queued", o->runs.by_state[RUN_QUEUED]);
    json_add_i64(w, "running", o->runs.by_state[RUN_RUNNING]);
    json_add_i64(w, "waiting", o->runs.by_state[RUN_WAITING]);
    json_add_i64(w, "paused", o->runs.by_state[RUN_PAUSED]);
    json_end_object(w);
    json_begin_object(w, "database");
    json_add_bool(w, "writable", health->writable);
    json_add_bool(w, "diskFull", health->disk_full);
    json_end_object(w);
    json_end_object(w);
}

/* What a vendor will switch off. What is switched off already fails by itself, and is told of above. */
static void
write_warning(struct json_writer *w, const struct ends_warning *n)
{
    json_begin_object(w, NULL);
    json_add_c(w, "kind", "version_ends");
    json_add_i64(w, "rank", WARNING_RANK);
    json_add_i64(w, "count", 1);
    json_add_str(w, "message", n->ends.message);
    json_add_str(w, "name", n->connection.name);
    json_add_str(w, "connectionId", n->connection.uuid);
    json_add_null(w, "runId");
    json_add_null(w, "subscriptionId");
    json_add_null(w, "since");
    json_add_str(w, "endsOn", n->ends.date);
    json_end_object(w);
}

static void
write_needs(struct json_writer *w, const struct overview *o, const struct store_health *health)
{
    json_begin_array(w, "needsYou");
    if (health->disk_full) {
        json_begin_object(w, NULL);
        json_add_c(w, "kind", "disk_full");
        json_add_i64(w, "rank", 0);
        json_add_i64(w, "count", 1);
        json_add_c(w, "message", "The disk is full: nothing can be written until there is room");
        json_end_object(w);
    }
    for (size_t i = 0; i < o->need_count; i++) {
        const struct overview_need *n = &o->needs[i];
        json_begin_object(w, NULL);
        json_add_str(w, "kind", n->kind);
        json_add_i64(w, "rank", n->rank);
        json_add_i64(w, "count", n->count);
        json_add_str(w, "message", n->message);
        json_add_str(w, "name", n->name);
        json_add_str(w, "connectionId", n->connection_uuid);
        json_add_str(w, "runId", n->run_uuid);
        json_add_str(w, "subscriptionId", n->subscription_uuid);
        json_add_time(w, "since", n->since_us);
        json_end_object(w);
    }
    for (size_t i = 0; i < o->warning_count; i++)
        write_warning(w, &o->warnings[i]);
    json_end_array(w);
}

static void
write_freshness(struct json_writer *w, const struct overview *o)
{
    json_begin_array(w, "freshness");
    for (size_t i = 0; i < o->stream_count; i++) {
        const struct overview_stream *s = &o->streams[i];
        json_begin_object(w, NULL);
        json_add_str(w, "connectionId", s->connection_uuid);
        json_add_str(w, "connectionName", s->connection_name);
        json_add_str(w, "provider", s->template_name);
        json_add_str(w, "stream", s->name);
        json_add_str(w, "kind", s->kind);
        json_add_i64(w, "records", s->records);
        json_add_i64(w, "deleted", s->deleted);
        json_add_i64(w, "rejected", s->rejected);
        json_add_time(w, "lastPageAt", s->last_page_us);
        json_add_time(w, "lastFullAt", s->last_full_us);
        json_end_object(w);
    }
    json_end_array(w);
}

static void
write_counts(struct json_writer *w, const struct page_counts *c)
{
    json_add_i64(w, "received", c->received);
    json_add_i64(w, "created", c->created);
    json_add_i64(w, "updated", c->updated);
    json_add_i64(w, "skipped", c->skipped);
    json_add_i64(w, "deleted", c->deleted);
    json_add_i64(w, "errors", c->errors);
}

static void
write_day(struct json_writer *w, const struct overview *o)
{
    struct page_counts all = {0};
    json_begin_object(w, "last24h");
    json_add_i64(w, "runsSucceeded", o->succeeded);
    json_add_i64(w, "runsFailed", o->failed);
    json_begin_array(w, "hours");
    for (size_t i = 0; i < o->hour_count; i++) {
        const struct page_counts *c = &o->hours[i].counts;
        all.received += c->received;
        all.created += c->created;
        all.updated += c->updated;
        all.skipped += c->skipped;
        all.deleted += c->deleted;
        all.errors += c->errors;
        json_begin_object(w, NULL);
        json_add_time(w, "at", o->hours[i].at_us);
        write_counts(w, c);
        json_end_object(w);
    }
    json_end_array(w);
    write_counts(w, &all);
    json_end_object(w);
}

bool
overview_get(struct request *r, struct err *err)
{
    struct overview o = {.request = r};
    struct store_health health;
    if (!store_read(request_parts(r)->store, read_overview, &o, err))
        return false;
    if (!engine_ends_warnings(request_parts(r)->engine, r->arena, r->tenant.id, WARNINGS_MAX, &o.warnings, &o.warning_count, err))
        return false;
    store_health(request_parts(r)->store, &health);
    struct json_writer *w = reply_object(r, 200);
    write_health(w, &o, &health);
    write_needs(w, &o, &health);
    write_freshness(w, &o);
    write_day(w, &o);
    return reply_object_end(r, err);
}

/* ---- activity ---- */

struct activity {
    struct request *request;
    struct overview_newest *runs;
    struct overview_activity *hours;
    size_t run_count, hour_count;
};

static bool
read_activity(struct db *db, void *ctx, struct err *err)
{
    struct activity *v = ctx;
    struct arena *a = v->request->arena;
    int64_t tenant = v->request->tenant.id;
    return store_overview_newest_runs(db, a, tenant, ACTIVITY_CONNECTIONS_MAX, &v->runs, &v->run_count, err) &&
           store_overview_activity(db, a, tenant, store_now(db) - US_PER_DAY, ACTIVITY_HOURS_MAX, &v->hours, &v->hour_count, err);
}

/* Sorted by connection, as the statement says. */
static void
write_hours(struct json_writer *w, const struct activity *v, struct str connection)
{
    json_begin_array(w, "hours");
    for (size_t i = 0; i < v->hour_count; i++) {
        const struct overview_activity *h = &v->hours[i];
        if (!str_eq(h->connection_uuid, connection))
            continue;
        json_begin_object(w, NULL);
        json_add_time(w, "at", h->at_us);
        json_add_i64(w, "received", h->received);
        json_add_i64(w, "errors", h->errors);
        json_end_object(w);
    }
    json_end_array(w);
}

static void
write_newest(struct json_writer *w, const struct activity *v, const struct overview_newest *n)
{
    enum run_state state;
    json_begin_object(w, NULL);
    json_add_str(w, "connectionId", n->connection_uuid);
    json_add_str(w, "runId", n->run_uuid);
    json_add_c(w, "status", run_state_from_name(n->state, &state) ? view_run_status(state) : NULL);
    json_add_str(w, "verdict", n->verdict);
    json_add_str(w, "verdictReason", n->verdict_reason);
    write_hours(w, v, n->connection_uuid);
    json_end_object(w);
}

bool
overview_activity(struct request *r, struct err *err)
{
    struct activity v = {.request = r};
    if (!store_read(request_parts(r)->store, read_activity, &v, err))
        return false;
    struct json_writer *w = reply_begin(r, 200);
    json_begin_array(w, NULL);
    for (size_t i = 0; i < v.run_count; i++)
        write_newest(w, &v, &v.runs[i]);
    json_end_array(w);
    return reply_end(r, err);
}

/* ---- quota ---- */

struct parked {
    struct request *request;
    int64_t connection;
    struct overview_parked parked;
    bool found;
};

static bool
read_parked(struct db *db, void *ctx, struct err *err)
{
    struct parked *p = ctx;
    enum row row = store_overview_parked(db, p->request->arena, p->request->tenant.id, p->connection, &p->parked, err);
    p->found = row == ROW_FOUND;
    return row != ROW_FAILED;
}

static void
add_known(struct json_writer *w, const char *name, int64_t value)
{
    if (value < 0)
        json_add_null(w, name);
    else
        json_add_i64(w, name, value);
}

/* The window that matters now stands at the top, as most vendors have but one. */
static void
add_tightest(struct json_writer *w, const struct quota *quota, int64_t now_us)
{
    const struct quota_window *tightest = quota_tightest(quota, now_us);
    add_known(w, "limit", tightest == NULL ? -1 : tightest->limit);
    add_known(w, "remaining", tightest == NULL ? -1 : tightest->remaining);
    json_add_time(w, "resetAt", tightest == NULL ? 0 : tightest->reset_us);
}

/* 16,700 in a million seconds is "0.0167". */
static void
add_rate(struct request *r, struct json_writer *w, int64_t rate_micro)
{
    json_add_str(w, "perSecond", rate_micro == 0 ? STR_NONE
                 : str_format(r->arena, "%lld.%06lld", (long long)(rate_micro / US_PER_S), (long long)(rate_micro % US_PER_S)));
}

static void
add_window(struct request *r, struct json_writer *w, const struct quota_window *one)
{
    json_begin_object(w, NULL);
    json_add_c(w, "name", one->name);
    add_known(w, "limit", one->limit);
    add_known(w, "remaining", one->rate_micro > 0 ? -1 : one->remaining);
    json_add_time(w, "resetAt", one->reset_us);
    add_known(w, "seconds", one->span_us > 0 ? (one->span_us + US_PER_S - 1) / US_PER_S : -1);
    add_rate(r, w, one->rate_micro);
    json_begin_object(w, "leftForOthers");
    json_add_i64(w, "manual", quota_reserve(one, QUOTA_MANUAL));
    json_add_i64(w, "incremental", quota_reserve(one, QUOTA_INCREMENTAL));
    json_add_i64(w, "backfill", quota_reserve(one, QUOTA_BACKFILL));
    json_end_object(w);
    json_add_time(w, "toldAt", one->seen_us);
    json_end_object(w);
}

static void
add_windows(struct request *r, struct json_writer *w, const struct quota *quota)
{
    json_begin_array(w, "windows");
    for (size_t i = 0; i < quota->count; i++)
        add_window(r, w, &quota->windows[i]);
    json_end_array(w);
}

/* What the template allows itself, whatever the platform says. */
static void
add_own(struct json_writer *w, const struct quota_own *own)
{
    json_begin_array(w, "templateBudget");
    for (size_t i = 0; i < own->count; i++) {
        const struct quota_allowed *one = &own->rates[i];
        json_begin_object(w, NULL);
        json_add_c(w, "requests", one->requests[0] ? one->requests : NULL);
        json_add_i64(w, "limit", one->limit);
        json_add_i64(w, "remaining", one->used < one->limit ? one->limit - one->used : 0);
        json_add_i64(w, "seconds", (one->span_us + US_PER_S - 1) / US_PER_S);
        json_add_time(w, "resetAt", one->reset_us);
        json_end_object(w);
    }
    json_end_array(w);
}

bool
quota_show(struct request *r, struct err *err)
{
    struct connection connection;
    struct quota quota;
    struct quota_own own = {.count = 0};
    struct err ignored = {0};
    struct parked p = {.request = r};
    if (!find_connection(r, request_path_param(r, 0), &connection, err))
        return false;
    p.connection = connection.id;
    if (!store_read(request_parts(r)->store, read_parked, &p, err))
        return false;
    /* A connection whose template or key is gone is told by its status: here nothing is known. */
    if (!account_quota(request_parts(r)->engine, r->tenant.id, connection.id, &quota, &own, &ignored))
        quota = (struct quota){0};
    struct json_writer *w = reply_object(r, 200);
    json_add_str(w, "connectionId", connection.uuid);
    add_tightest(w, &quota, clock_wall_us(request_parts(r)->clock));
    json_add_time(w, "toldAt", quota.seen_us);
    add_windows(r, w, &quota);
    add_own(w, &own);
    json_add_time(w, "waitingUntil", p.found ? p.parked.until_us : 0);
    json_add_str(w, "waitingCode", p.found ? p.parked.code : STR_NONE);
    json_add_str(w, "waitingMessage", p.found ? p.parked.message : STR_NONE);
    json_add_str(w, "waitingRunId", p.found ? p.parked.run_uuid : STR_NONE);
    return reply_object_end(r, err);
}
