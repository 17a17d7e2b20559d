/*
 * Server-sent events: the change feed of a tenant as it grows (contract, sections 8 and 9).
 *
 * The id of an event is its place in the feed, so a client that comes back with Last-Event-ID misses nothing and gets
 * nothing twice; on PostgreSQL the feed is read below the oldest transaction in flight, so concurrent writers cannot
 * slip something in behind. A stream costs no thread; it is asked for more only when the client has taken what it was
 * given, so a slow reader holds no memory, and one that takes nothing is closed by the server (F44). A stream ends
 * after a while: the client comes back and shows its token again; and it ends with the right to it.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "door/door_priv.h"
#include "door/routes_priv.h"
#include "hook/event_view.h"

#define BATCH_EVENTS 50
#define PIECE_BYTES_MAX (1024 * 1024)    /* further events wait for the next piece */
#define STREAM_ARENA_BYTES (64L * 1024 * 1024)
#define STREAM_LIFE_US (15 * US_PER_MINUTE)
#define HEARTBEAT_US (15 * US_PER_S)
#define LOOK_EVERY_US (200 * US_PER_MS)
#define WAIT_MS 250
#define RETRY_MS 2000

void
event_gate_init(struct event_gate *gate)
{
    memset(gate, 0, sizeof(*gate));
    pthread_mutex_init(&gate->lock, NULL);
}

void
event_gate_release(struct event_gate *gate)
{
    pthread_mutex_destroy(&gate->lock);
}

/* Takes a place among the open streams. */
static bool
gate_enter(struct event_gate *gate, int64_t tenant, struct err *err)
{
    unsigned of_tenant = 0, free_place = EVENT_STREAMS_MAX;
    pthread_mutex_lock(&gate->lock);
    for (unsigned i = 0; i < EVENT_STREAMS_MAX; i++) {
        of_tenant += gate->tenants[i] == tenant;
        if (gate->tenants[i] == 0 && free_place == EVENT_STREAMS_MAX)
            free_place = i;
    }
    bool ok = free_place < EVENT_STREAMS_MAX && of_tenant < EVENT_STREAMS_TENANT_MAX;
    if (ok)
        gate->tenants[free_place] = tenant;
    pthread_mutex_unlock(&gate->lock);
    return ok || err_set(err, E_RATE_LIMITED, "Too many event streams are open: close one, or ask again later");
}

static void
gate_leave(struct event_gate *gate, int64_t tenant)
{
    pthread_mutex_lock(&gate->lock);
    for (unsigned i = 0; i < EVENT_STREAMS_MAX; i++)
        if (gate->tenants[i] == tenant) {
            gate->tenants[i] = 0;
            break;
        }
    pthread_mutex_unlock(&gate->lock);
}

/* ---- one stream ---- */

struct event_stream {
    struct door *door;
    int64_t tenant;
    struct identity_watch watch;
    struct event_place place;
    char types[EVENT_TYPES_BYTES_MAX];   /* empty: all */
    struct arena arena;
    int64_t began_us, wrote_us;          /* monotonic */
    bool began;
    struct buf *piece;
    struct event_place newest;
    size_t count;                        /* read by the last batch */
};

static int64_t
now_us(const struct event_stream *s)
{
    return clock_monotonic_us(s->door->parts.clock);
}

static bool
read_newest(struct db *db, void *ctx, struct err *err)
{
    struct event_stream *s = ctx;
    return store_event_newest(db, 0, &s->newest, err);
}

/* Has the feed of all tenants moved past this stream's place? */
static bool
feed_moved(struct event_stream *s, bool *moved_out, struct err *err)
{
    struct event_gate *gate = &s->door->events;
    pthread_mutex_lock(&gate->lock);
    bool look = now_us(s) - gate->looked_us >= LOOK_EVERY_US;
    if (look)
        gate->looked_us = now_us(s);
    s->newest = gate->newest;
    pthread_mutex_unlock(&gate->lock);
    if (look) {
        if (!store_read(s->door->parts.store, read_newest, s, err))
            return false;
        pthread_mutex_lock(&gate->lock);
        gate->newest = s->newest;
        pthread_mutex_unlock(&gate->lock);
    }
    *moved_out = s->newest.transaction != s->place.transaction ? s->newest.transaction > s->place.transaction
                                                               : s->newest.seq > s->place.seq;
    return true;
}

static void
write_place(struct event_stream *s)
{
    buf_addf(s->piece, "id: %lld-%lld\n", (long long)s->place.transaction, (long long)s->place.seq);
}

static bool
write_event(struct event_stream *s, struct db *db, const struct event *event, struct err *err)
{
    struct json_writer w;
    write_place(s);
    buf_addf(s->piece, "event: %.*s\ndata: ", STR_ARG(event->type));
    json_writer_init(&w, s->piece);
    if (!event_view(db, &s->arena, event, &w, err))
        return false;
    buf_add_c(s->piece, "\n\n");
    return buf_ok(s->piece);
}

static bool
read_batch(struct db *db, void *ctx, struct err *err)
{
    struct event_stream *s = ctx;
    struct event *events;
    struct str types = s->types[0] ? str_from_c(s->types) : STR_NONE;
    if (!store_event_read(db, &s->arena, s->tenant, s->place, BATCH_EVENTS, &events, &s->count, err))
        return false;
    for (size_t i = 0; i < s->count && s->piece->len < PIECE_BYTES_MAX; i++) {
        s->place = events[i].place;
        if (event_type_is_wanted(types, events[i].type) && !write_event(s, db, &events[i], err))
            return false;
    }
    return true;
}

/* An id without data moves Last-Event-ID past what was not asked for. */
static void
write_heartbeat(struct event_stream *s)
{
    write_place(s);
    buf_add_c(s->piece, ": still here\n\n");
}

static enum http_stream_more
pull(void *ctx, struct buf *piece, int64_t *wait_ms)
{
    struct event_stream *s = ctx;
    struct err err = {0};
    bool moved = false;
    s->piece = piece;
    if (!s->began)
        buf_addf(piece, "retry: %d\n\n", RETRY_MS);
    s->began = true;
    if (atomic_load(&s->door->stopping) || now_us(s) - s->began_us > STREAM_LIFE_US)
        return STREAM_END;
    arena_clear(&s->arena);
    if (!identity_watch_holds(&s->watch, s->door->parts.store, &s->arena))
        return STREAM_END;
    if (!feed_moved(s, &moved, &err) || (moved && !store_read(s->door->parts.store, read_batch, s, &err)))
        return STREAM_BREAK;
    if (moved && s->count == 0)
        s->place = s->newest; /* others' events: all of this tenant's up to there were seen */
    if (piece->len == 0 && moved && s->count > 0)
        return *wait_ms = 0, STREAM_WAIT; /* nothing of it was asked for: look on at once */
    if (piece->len == 0 && now_us(s) - s->wrote_us >= HEARTBEAT_US)
        write_heartbeat(s);
    if (piece->len > 0) {
        s->wrote_us = now_us(s);
        return STREAM_MORE;
    }
    *wait_ms = WAIT_MS;
    return STREAM_WAIT;
}

static void
done(void *ctx)
{
    struct event_stream *s = ctx;
    gate_leave(&s->door->events, s->tenant);
    arena_release(&s->arena);
    free(s);
}

/* ---- opening one ---- */

static bool
read_place(const struct request *r, struct event_place *place_out, bool *given_out, struct err *err)
{
    struct str text = http_header_get(&r->x->headers, "Last-Event-ID"), transaction, seq;
    if (!text.len)
        text = request_query(r, "lastEventId");
    *given_out = text.len > 0;
    if (!*given_out)
        return true;
    if (str_cut(text, '-', &transaction, &seq) && str_to_i64(transaction, 0, INT64_MAX, &place_out->transaction) &&
        str_to_i64(seq, 0, INT64_MAX, &place_out->seq))
        return true;
    const char *place = str_is_none(request_query(r, "lastEventId")) ? "Last-Event-ID" : "lastEventId";
    return err_invalid(err, place, "%s is not the id of an event that this server gave", place);
}

static bool
read_types(const struct request *r, char types[EVENT_TYPES_BYTES_MAX], struct err *err)
{
    struct str text = request_query(r, "types"), one, rest = text;
    types[0] = '\0';
    if (str_is_none(text))
        return true;
    while (rest.len) {
        str_cut(rest, ',', &one, &rest);
        if (!event_type_is_known(one))
            return request_query_fault("types", "knows run.succeeded, run.failed, connection.status_changed, records.changed, "
                                                "conflict.opened and alert.raised", err);
    }
    if (text.len == 0 || text.len >= EVENT_TYPES_BYTES_MAX)
        return request_query_fault("types", "names event types, separated by commas", err);
    snprintf(types, EVENT_TYPES_BYTES_MAX, "%.*s", STR_ARG(text));
    return true;
}

static bool
read_tenant_newest(struct db *db, void *ctx, struct err *err)
{
    struct event_stream *s = ctx;
    return store_event_newest(db, s->tenant, &s->place, err);
}

bool
events_stream(struct request *r, struct err *err)
{
    bool given;
    struct event_stream *s = alloc_zeroed(1, sizeof(*s));
    if (!s)
        return err_no_memory(err);
    s->door = r->door;
    s->tenant = r->tenant.id;
    identity_watch_init(&s->watch, &r->door->identity, &r->who);
    if (!read_types(r, s->types, err) || !read_place(r, &s->place, &given, err) ||
        (!given && !store_read(request_parts(r)->store, read_tenant_newest, s, err)) ||
        !gate_enter(&r->door->events, s->tenant, err)) {
        free(s);
        return false;
    }
    arena_init(&s->arena, STREAM_ARENA_BYTES);
    s->began_us = s->wrote_us = now_us(s);
    reply_add_header(r, "X-Accel-Buffering", STR("no"));
    r->reply = (struct reply){.status = 200, .type = "text/event-stream", .body = r->reply.body, .pull = pull, .done = done,
                              .stream = s};
    return true;
}
