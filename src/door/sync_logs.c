/*
 * A run's log as NDJSON. It streams, because a log may be long; with ?follow=1 the stream stays open until
 * the run has ended, or the caller's right to it. With ?after=N one batch is given, and the header X-Log-Position is the
 * next N: for clients that would rather ask again.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "door/door_priv.h"
#include "door/routes_priv.h"
#include "door/views_priv.h"
#include "store/store_log.h"

#define NDJSON_TYPE "application/x-ndjson"
#define CHUNKS_AT_ONCE 32
#define FOLLOW_WAIT_MS 300
#define STREAM_ARENA_BYTES (64 * 1024 * 1024)

struct log_stream {
    const struct door *door;
    struct store *store;
    int64_t tenant, run, after;
    struct identity_watch watch;
    bool follow;
    struct arena arena;          /* one batch */
    struct log_chunk *rows;
    size_t count;
    bool ended;                  /* the run was finished before this batch was read */
};

static bool
read_batch(struct db *db, void *ctx, struct err *err)
{
    struct log_stream *s = ctx;
    struct run run;
    enum row row = store_run_get_by_id(db, &s->arena, s->tenant, s->run, &run, err);
    if (row == ROW_FAILED)
        return false;
    s->ended = row == ROW_NONE || run_state_is_terminal(run.state);
    return store_log_read(db, &s->arena, s->tenant, s->run, s->after, CHUNKS_AT_ONCE, &s->rows, &s->count, err);
}

static bool
append_batch(struct log_stream *s, struct buf *piece)
{
    for (size_t i = 0; i < s->count; i++) {
        buf_add(piece, s->rows[i].lines);
        s->after = s->rows[i].seq;
    }
    return buf_ok(piece);
}

static enum http_stream_more
pull(void *ctx, struct buf *piece, int64_t *wait_ms)
{
    struct log_stream *s = ctx;
    struct err err = {0};
    arena_clear(&s->arena);
    if (!identity_watch_holds(&s->watch, s->store, &s->arena))
        return STREAM_BREAK;
    if (!store_read(s->store, read_batch, s, &err) || !append_batch(s, piece))
        return STREAM_BREAK;
    if (s->count > 0)
        return STREAM_MORE;
    if (!s->follow || s->ended || atomic_load(&s->door->stopping))
        return STREAM_END;
    *wait_ms = FOLLOW_WAIT_MS;
    return STREAM_WAIT;
}

static void
done(void *ctx)
{
    struct log_stream *s = ctx;
    arena_release(&s->arena);
    free(s);
}

static struct log_stream *
stream_new(struct request *r, const struct run *run, int64_t after, bool follow)
{
    struct log_stream *s = alloc_zeroed(1, sizeof(*s));
    if (!s)
        return NULL;
    s->door = r->door;
    s->store = request_parts(r)->store;
    s->tenant = r->tenant.id;
    identity_watch_init(&s->watch, &r->door->identity, &r->who);
    s->run = run->id;
    s->after = after;
    s->follow = follow;
    arena_init(&s->arena, STREAM_ARENA_BYTES);
    return s;
}

static bool
reply_batch(struct request *r, struct log_stream *s, struct err *err)
{
    bool ok = store_read(s->store, read_batch, s, err) && append_batch(s, &r->reply.body);
    reply_add_header(r, "X-Log-Position", str_format(r->arena, "%lld", (long long)s->after));
    reply_add_header(r, "X-Log-Complete", s->ended && s->count == 0 ? STR("true") : STR("false"));
    done(s);
    return ok && reply_body(r, 200, NDJSON_TYPE, err);
}

bool
runs_logs(struct request *r, struct err *err)
{
    int follow;
    int64_t after;
    struct run run;
    if (!request_query_bool(r, "follow", &follow, err) ||
        !request_query_i64(r, "after", 0, INT64_MAX, -1, &after, err) || !find_run(r, request_path_param(r, 0), &run, err))
        return false;
    struct log_stream *s = stream_new(r, &run, after < 0 ? 0 : after, follow == 1);
    if (!s)
        return err_no_memory(err);
    if (after >= 0)
        return reply_batch(r, s, err);
    r->reply = (struct reply){.status = 200, .type = NDJSON_TYPE, .body = r->reply.body,
                              .pull = pull, .done = done, .stream = s};
    return true;
}
