/*
 * Health and numbers: for load balancers and for Prometheus (text format 0.0.4).
 */
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "door/door_priv.h"
#include "door/routes_priv.h"

#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

bool
health_live(struct request *r, struct err *err)
{
    struct buf *b = &r->reply.body;
    struct json_writer w;
    char text[DURATION_TEXT_BYTES];
    json_writer_init(&w, b);
    json_begin_object(&w, NULL);
    json_add_c(&w, "status", "ok");
    json_add_c(&w, "version", TIDEMARK_VERSION);
    json_add_c(&w, "uptime", duration_format(clock_wall_us(r->door->parts.clock) - r->door->started_us, text));
    json_end_object(&w);
    return reply_body(r, 200, "application/json; charset=utf-8", err);
}

/* One sentence, or NULL when all is well. */
static const char *
why_not_ready(const struct door *door, const struct store_health *health)
{
    if (atomic_load(&door->stopping))
        return "the server is stopping";
    if (health->disk_full)
        return "the disk is full";
    return health->writable ? NULL : "the database cannot be written";
}

bool
health_ready(struct request *r, struct err *err)
{
    struct store_health health;
    store_health(r->door->parts.store, &health);
    const char *why = why_not_ready(r->door, &health);
    struct json_writer w;
    json_writer_init(&w, &r->reply.body);
    json_begin_object(&w, NULL);
    json_add_c(&w, "status", why ? "unavailable" : "ready");
    json_add_c(&w, "reason", why);
    json_add_c(&w, "database", health.engine);
    json_add_i64(&w, "schemaVersion", health.schema_version);
    json_end_object(&w);
    return reply_body(r, why ? 503 : 200, "application/json; charset=utf-8", err);
}

static void
metric(struct buf *b, const char *name, const char *type, const char *help, int64_t value)
{
    buf_addf(b, "# HELP tidemark_%s %s\n# TYPE tidemark_%s %s\ntidemark_%s %lld\n", name, help, name, type, name,
             (long long)value);
}

struct numbers {
    struct run_counts runs;
    struct connection_counts connections;
    int64_t now_us;
};

static bool
read_numbers(struct db *db, void *ctx, struct err *err)
{
    struct numbers *n = ctx;
    n->now_us = store_now(db);
    return store_run_counts(db, 0, &n->runs, err) && store_connection_counts(db, 0, &n->connections, err);
}

static void
write_run_metrics(struct buf *b, const struct numbers *n)
{
    buf_add_c(b, "# HELP tidemark_runs Runs in the database by state.\n# TYPE tidemark_runs gauge\n");
    for (int state = 0; state <= RUN_CANCELLED; state++)
        buf_addf(b, "tidemark_runs{state=\"%s\"} %lld\n", run_state_name((enum run_state)state),
                 (long long)n->runs.by_state[state]);
    metric(b, "runs_leased", "gauge", "Runs that a worker of any node holds.", n->runs.leased);
    int64_t waited_us = n->runs.oldest_ready_us ? n->now_us - n->runs.oldest_ready_us : 0;
    metric(b, "oldest_ready_run_seconds", "gauge", "How long the oldest run that could start has waited.",
           waited_us / US_PER_S);
    buf_add_c(b, "# HELP tidemark_connections Connections by status.\n# TYPE tidemark_connections gauge\n");
    const struct connection_counts *c = &n->connections;
    buf_addf(b, "tidemark_connections{status=\"pending\"} %lld\n", (long long)c->pending);
    buf_addf(b, "tidemark_connections{status=\"active\"} %lld\n", (long long)c->active);
    buf_addf(b, "tidemark_connections{status=\"error\"} %lld\n", (long long)c->error);
    buf_addf(b, "tidemark_connections{status=\"disconnected\"} %lld\n", (long long)c->disconnected);
}

static void
write_engine_metrics(struct buf *b, const struct engine *engine)
{
    struct engine_stats s;
    engine_stats(engine, &s);
    metric(b, "runs_active", "gauge", "Runs that this process is reading.", s.runs_active);
    metric(b, "pages_committed_total", "counter", "Pages committed by this process.", s.pages_committed);
    metric(b, "records_received_total", "counter", "Records received by this process.", s.records_received);
    metric(b, "vendor_requests_total", "counter", "Requests sent to vendors.", s.vendor_requests);
    metric(b, "vendor_errors_total", "counter", "Requests to vendors that failed.", s.vendor_errors);
    metric(b, "runs_succeeded_total", "counter", "Runs that this process ended well.", s.runs_succeeded);
    metric(b, "runs_failed_total", "counter", "Runs that this process ended as failed.", s.runs_failed);
}

static void
write_inbox_metrics(struct buf *b, struct inbox *inbox)
{
    struct inbox_stats s;
    inbox_stats(inbox, &s);
    metric(b, "webhooks_accepted_total", "counter", "Webhook events that were kept.", s.accepted);
    metric(b, "webhooks_duplicates_total", "counter", "Deliveries that had come before.", s.duplicates);
    metric(b, "webhooks_hints_total", "counter", "Events that nothing proved.", s.hints);
    metric(b, "webhooks_refused_total", "counter", "Wrong signatures and tokens.", s.refused);
    metric(b, "webhooks_unknown_total", "counter", "Events of accounts that nobody has connected.", s.unknown);
    metric(b, "webhooks_unhandled_total", "counter", "Events of a type that the template does not know.", s.unhandled);
    metric(b, "webhooks_limited_total", "counter", "Unproven events turned away because there were too many.", s.limited);
    metric(b, "webhooks_applied_total", "counter", "Events that were applied.", s.applied);
    metric(b, "webhooks_failed_total", "counter", "Events that could not be applied.", s.failed);
    metric(b, "webhooks_fetches_total", "counter", "Records fetched because an event was a hint or undated.", s.fetches);
    metric(b, "webhooks_pending", "gauge", "Events that wait to be applied.", s.pending);
}

static void
write_http_metrics(struct buf *b, const struct door *door)
{
    const struct http_server *server = atomic_load(&((struct door *)(uintptr_t)door)->server);
    buf_add_c(b, "# HELP tidemark_http_answers_total Answers by class of status.\n"
                 "# TYPE tidemark_http_answers_total counter\n");
    for (int class = 2; class < STATUS_CLASSES; class++)
        buf_addf(b, "tidemark_http_answers_total{class=\"%dxx\"} %lld\n", class,
                 (long long)atomic_load(&door->answers[class]));
    metric(b, "http_answer_microseconds_total", "counter", "Time spent on answers.", atomic_load(&door->answer_us));
    if (!server)
        return;
    struct http_server_stats s = http_server_stats(server);
    metric(b, "http_requests_total", "counter", "Requests that reached a handler.", s.requests);
    metric(b, "http_requests_at_once_total", "counter", "Of those, answered by the thread that read them: without the handler pool.",
           s.at_once);
    metric(b, "http_refused_total", "counter", "Requests refused before a handler.", s.refused);
    metric(b, "http_connections", "gauge", "Open client connections.", s.connections_open);
    metric(b, "http_handler_threads", "gauge", "Threads of the handler pool.", s.handler_threads);
}

/* Linux: resident pages are the second number of /proc/self/statm. */
static int64_t
resident_bytes(void)
{
    char text[128];
    FILE *f = fopen("/proc/self/statm", "r");
    size_t len = f ? fread(text, 1, sizeof(text), f) : 0;
    if (f)
        fclose(f);
    struct str size, resident, rest;
    int64_t pages = 0;
    str_cut((struct str){text, len}, ' ', &size, &rest);
    str_cut(rest, ' ', &resident, &rest);
    return str_to_i64(resident, 0, INT64_C(1) << 40, &pages) ? pages * sysconf(_SC_PAGESIZE) : 0;
}

static void
write_process_metrics(struct buf *b, const struct door *door)
{
    struct store_health health;
    store_health(door->parts.store, &health);
    metric(b, "store_queue_length", "gauge", "Writes that wait for the database.", health.queue_length);
    metric(b, "store_bytes", "gauge", "Size of the database.", health.database_bytes);
    metric(b, "store_writable", "gauge", "1 while the database takes writes.", health.writable);
    metric(b, "log_lines_dropped_total", "counter", "Log lines that could not be written.", log_lines_dropped());
    metric(b, "resident_bytes", "gauge", "Resident memory of this process.", resident_bytes());
    metric(b, "start_time_seconds", "gauge", "When this process started.", door->started_us / US_PER_S);
}

bool
health_metrics(struct request *r, struct err *err)
{
    struct numbers numbers = {0};
    if (!store_read(r->door->parts.store, read_numbers, &numbers, err))
        return false;
    struct buf *b = &r->reply.body;
    buf_addf(b, "# HELP tidemark_info Version of this process.\n# TYPE tidemark_info gauge\n"
                "tidemark_info{version=\"%s\"} 1\n", TIDEMARK_VERSION);
    write_run_metrics(b, &numbers);
    write_engine_metrics(b, r->door->parts.engine);
    write_inbox_metrics(b, r->door->parts.inbox);
    write_http_metrics(b, r->door);
    write_process_metrics(b, r->door);
    return reply_body(r, 200, METRICS_TYPE, err);
}
