/*
 * Updates and deletions.
 *
 * What somebody changed there meanwhile must not be written over unseen: a record is looked at just before it is written, with others
 * in one call where the template has one for many.
 */
#include "engine/push_batch.h"

static bool
is_update(const struct push_item *item)
{
    return item->op == PUSH_UPDATE && item->end == PUSH_END_NONE;
}

static bool
is_deletion(const struct push_item *item)
{
    return item->op == PUSH_DELETE && item->end == PUSH_END_NONE;
}

/* ---- looking before writing: what somebody changed there meanwhile must not be written over unseen */

/* Nothing is kept yet: what is still so is to be written at once. */
static bool
judge_look(struct push_batch *b, struct push_item *item, yyjson_val *record)
{
    bool known = false;
    if (record != NULL && !push_is_known(b->work, item, record, &known, &b->err)) {
        b->stop = PUSH_FATAL;
        return false;
    }
    item->looked = known;
    item->looked_us = clock_monotonic_us(b->work->engine->options.clock);
    if (known)
        return true;
    item->answer = record;
    item->end = record != NULL ? PUSH_END_SEEN : PUSH_END_GONE;
    return true;
}

static bool
is_record(yyjson_val *record)
{
    return yyjson_is_obj(record);
}

static bool
look_one(struct push_batch *b, struct push_item *item)
{
    struct err err = {0};
    int64_t wait_ms = 0;
    yyjson_val *record = NULL;
    enum push_answer answer = push_read(b->work, item, &record, &wait_ms, &err);
    if (answer != PUSH_ANSWERED)
        return push_batch_trouble(b, item, answer, wait_ms, &err);
    b->work->push->failures = 0;
    return judge_look(b, item, is_record(record) ? record : NULL) && (item->end == PUSH_END_NONE || push_batch_keep_one(b, item));
}

/* Those that the answer does not name are looked at alone. */
static bool
look_many(struct push_batch *b, struct push_item *const *items, size_t count)
{
    struct err err = {0};
    size_t at, max;
    int64_t wait_ms = 0, observed_us;
    yyjson_val *results = NULL, *record;
    struct work *w = b->work;
    const struct push_stream *s = &w->push->streams[w->stream_at];
    enum push_answer answer = push_call(w, &w->push->items, s->read_many, push_input_many(&w->push->items, items,
        count, s->read_item), &results,
                                        &observed_us, &wait_ms, &err);
    b->err = err;
    b->wait_ms = wait_ms;
    if (answer == PUSH_REFUSED || answer == PUSH_UNKNOWN)
        return true;
    b->stop = answer;
    if (answer != PUSH_ANSWERED)
        return false;
    for (size_t i = 0; i < count; i++) {
        items[i]->observed_us = observed_us;
        yyjson_arr_foreach(results, at, max, record)
            if (items[i]->end == PUSH_END_NONE && !items[i]->looked && push_batch_is_result(b, items[i], record) &&
                !judge_look(b, items[i], record))
                return false;
    }
    return true;
}

/* Was it seen a moment ago, or does it change each time it is looked at? */
static bool
must_look(const struct push_batch *b, const struct push_item *item)
{
    int64_t now_us = clock_monotonic_us(b->work->engine->options.clock);
    bool fresh = item->looked && now_us - item->looked_us < PUSH_LOOK_US;
    return item->end == PUSH_END_NONE && !fresh && item->row.tries < PUSH_LOOKS_MAX;
}

/* ---- updates and deletions */

static bool
call_one(struct push_batch *b, struct push_item *item, const struct template_operation *operation, enum push_end end)
{
    struct err err = {0};
    int64_t wait_ms = 0;
    struct work *w = b->work;
    enum push_answer answer = push_call(w, &w->push->items, operation, push_input(&w->push->items, item),
        &item->answer, &item->observed_us,
                                        &wait_ms, &err);
    if (answer != PUSH_ANSWERED)
        return push_batch_trouble(b, item, answer, wait_ms, &err);
    w->push->failures = 0;
    item->end = end;
    return push_batch_keep_one(b, item);
}

static size_t
still_open(struct push_item **items, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (items[i]->end == PUSH_END_NONE)
            items[kept++] = items[i];
    return kept;
}

/* Seen together, written together, at once. */
static bool
update_part(struct push_batch *b, const struct push_stream *s, struct push_item **items, size_t count)
{
    if (s->read_many != NULL && !look_many(b, items, count))
        return false;
    b->stop = PUSH_ANSWERED;
    struct push_item **seen = ARENA_ARRAY(&b->work->push->items, struct push_item *, count + 1);
    if (seen == NULL) {
        b->stop = PUSH_FATAL;
        return err_no_memory(&b->err);
    }
    size_t open, seen_count = 0;
    for (size_t i = 0; i < count; i++)
        if (items[i]->end != PUSH_END_NONE)
            seen[seen_count++] = items[i];
    open = still_open(items, count);
    bool all = true; /* one that could not be seen: then each for itself */
    for (size_t i = 0; i < open; i++)
        all = all && (s->read_many == NULL || items[i]->looked || items[i]->row.tries >= PUSH_LOOKS_MAX);
    bool on = !all || open < 2 || push_batch_call_many(b, items, open, s->update_many, s->update_item, PUSH_END_UPDATED);
    return on && push_batch_keep(b, seen, seen_count);
}

static bool
update_one(struct push_batch *b, const struct push_stream *s, struct push_item *item)
{
    if (s->reads && must_look(b, item) && !look_one(b, item))
        return false;
    return item->end != PUSH_END_NONE || call_one(b, item, s->update, PUSH_END_UPDATED);
}

bool
push_update_all(struct push_batch *b)
{
    size_t count;
    const struct push_stream *s = &b->work->push->streams[b->work->stream_at];
    struct push_item **items = push_batch_pick(b, &count, is_update);
    if (!push_intend(b->work, items, count, &b->err)) {
        b->stop = PUSH_FATAL;
        return false;
    }
    for (size_t i = 0; s->update_many != NULL && i + 1 < count; i += s->update_max)
        if (!update_part(b, s, items + i, count - i < s->update_max ? count - i : s->update_max))
            return false;
    items = push_batch_pick(b, &count, is_update);
    for (size_t i = 0; i < count; i++)
        if (!update_one(b, s, items[i]))
            return false;
    return true;
}

bool
push_delete_all(struct push_batch *b)
{
    size_t count;
    const struct push_stream *s = &b->work->push->streams[b->work->stream_at];
    struct push_item **items = push_batch_pick(b, &count, is_deletion);
    for (size_t i = 0; i < count; i++)
        if (!call_one(b, items[i], s->delete, PUSH_END_DELETED))
            return false;
    return true;
}
