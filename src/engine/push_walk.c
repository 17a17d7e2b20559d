/*
 * A full push: every record of the kind goes into the outbox first, a batch at a time with its mark.
 *
 * Then it goes on as always; what agrees already costs a look. From one platform to another it is what the first one has.
 */
#include "engine/push_batch.h"

#include "store/store_record.h"

#define WALK_ROWS 500

/* The stream of that platform with most records of the kind; 0: there is none. */
static int64_t
source_of(const struct push *p, int64_t collection)
{
    const struct stream *most = NULL;
    for (size_t i = 0; i < p->source_count; i++)
        if (p->sources[i].collection == collection && (most == NULL || p->sources[i].records > most->records))
            most = &p->sources[i];
    return most == NULL ? 0 : most->id;
}

struct walk {
    struct work *work;
    struct work_stream *stream;
    struct record_place after;
    struct str position;
    bool done;
};

static bool
read_position(struct walk *k, struct err *err)
{
    struct str text = k->stream->reader_position, uuid;
    if (text.len == 0)
        return true;
    yyjson_val *json = json_parse(k->work->arena, text, JSON_PLAIN, LIMIT_JSON_DEPTH_API, err);
    if (json == NULL)
        return false;
    uuid = json_str(json_get_c(json, "uuid"));
    k->done = json_bool_or(json_get_c(json, "queued"), false);
    (void)!json_to_i64(json_get_c(json, "id"), &k->after.id);
    if (uuid.len == sizeof(k->after.uuid) - 1)
        memcpy(k->after.uuid, uuid.ptr, uuid.len);
    return true;
}

static struct str
position_text(struct walk *k)
{
    if (k->done)
        return STR("{\"queued\":true}");
    return str_format(&k->work->push->closure, "{\"id\":%lld,\"uuid\":\"%s\"}", (long long)k->after.id, k->after.uuid);
}

static bool
walk_rows(struct walk *k, struct db *db, int64_t now_us, struct err *err)
{
    struct work *w = k->work;
    struct record *rows;
    size_t count;
    int64_t since_us = 0;
    struct str since = json_str(json_get_c(w->filters, "updatedSince"));
    (void)!(since.len > 0 && time_parse(since, &since_us));
    struct record_filter filter = {.order = RECORD_OLDEST, .updated_since_us = since_us,
                                   .stream = source_of(w->push, k->stream->context.stream.collection),
                                       .status = STR_NONE, .text = STR_NONE,
                                   .after = k->after, .limit = WALK_ROWS};
    if (!store_record_list(db, &w->push->closure, w->run->tenant, k->stream->context.stream.collection, &filter,
        &rows, &count, &k->after, err))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!store_push_queue_one(db, w->run->tenant, w->run->connection, rows[i].id, now_us, err))
            return false;
    k->done = k->after.id == 0;
    return true;
}

static bool
walk_batch(struct db *db, void *ctx, struct err *err)
{
    struct walk *k = ctx;
    struct work *w = k->work;
    struct page_fence fence = work_fence(w);
    int64_t now_us = store_now(db);
    struct push_waiting waiting;
    arena_clear(&w->push->closure);
    k->after = (struct record_place){0};
    if (!read_position(k, err) || !store_page_fence(db, &fence, now_us + w->engine->options.lease_ms * US_PER_MS, err) ||
        !walk_rows(k, db, now_us, err) || !store_push_count(db, fence.tenant, w->run->connection, now_us, &waiting, err))
        return false;
    k->position = position_text(k);
    struct page_mark mark = {.fence = fence, .tenant = fence.tenant, .connection = w->run->connection,
        .stream = k->stream->context.stream.id,
                             .position = k->position, .declared_total = k->stream->counts.received + waiting.due, .now_us = now_us};
    return store_page_finish(db, &mark, err);
}

/* True: everything is queued. */
bool
push_is_queued(struct work *w)
{
    struct walk k = {.work = w, .stream = work_stream(w)};
    struct err ignored = {0};
    return !w->run->full || (read_position(&k, &ignored) && k.done);
}

enum step_result
push_queue_all(struct work *w)
{
    struct err err = {0};
    struct walk k = {.work = w, .stream = work_stream(w)};
    if (!work_write(w, walk_batch, &k, &err))
        return work_store_failed(w, &err);
    w->committed_seq++;
    k.stream->reader_position = str_copy(w->arena, k.position);
    return STEP_MORE;
}
