/*
 * Creations: the one thing that must not be done twice.
 *
 * Who has the record's key there is linked and not created. An intent is committed before a creation leaves; one whose answer was
 * lost is looked for first. Where a call for many leaves it open, too.
 */
#include "engine/push_batch.h"

static bool
is_creation(const struct push_item *item)
{
    return item->op == PUSH_CREATE && item->end == PUSH_END_NONE;
}

static bool
has_key(const struct push_batch *b, const struct push_item *item)
{
    const struct push_stream *s = &b->work->push->streams[b->work->stream_at];
    return (s->by_email && !str_is_none(item->key_email)) || (s->by_phone && !str_is_none(item->key_phone));
}

static bool
look(struct push_batch *b, struct push_item *item)
{
    enum push_found found;
    int64_t wait_ms = 0;
    struct err err = {0};
    yyjson_val *record = NULL;
    enum push_answer answer = push_look(b->work, item, &found, &record, &item->observed_us, &wait_ms, &err);
    if (answer != PUSH_ANSWERED)
        return push_batch_trouble(b, item, answer, wait_ms, &err);
    b->work->push->failures = 0;
    if (found == PUSH_FOUND_NONE)
        return true;
    item->end = PUSH_END_LINKED;
    item->answer = record;
    if (found == PUSH_FOUND_SEVERAL)
        push_batch_refuse(item, STR("Several records there have the same key: which of them is meant cannot be known"));
    return push_batch_keep_one(b, item);
}

static bool
look_first(struct push_batch *b, struct push_item *item)
{
    if (has_key(b, item))
        return look(b, item);
    if (item->row.intent_us == 0)
        return true;
    push_batch_refuse(item, STR("It is not known whether this record was created there, and it has no key to look for it: "
                                "look there, then replay it"));
    return push_batch_keep_one(b, item);
}

/* The vendor may know somebody by a key that the record was not looked for by, or knows since a moment. */
static bool
take_refusal(struct push_batch *b, struct push_item *item, const struct err *why)
{
    if (has_key(b, item) && !look(b, item))
        return false;
    return item->end != PUSH_END_NONE || push_batch_trouble(b, item, PUSH_REFUSED, 0, why);
}

static bool
create_one(struct push_batch *b, struct push_item *item)
{
    struct err err = {0};
    int64_t wait_ms = 0;
    struct work *w = b->work;
    enum push_answer answer = push_call(w, &w->push->items, w->push->streams[w->stream_at].create, push_input(&w->push->items, item),
                                        &item->answer, &item->observed_us, &wait_ms, &err);
    if (answer == PUSH_REFUSED)
        return take_refusal(b, item, &err);
    if (answer != PUSH_ANSWERED)
        return push_batch_trouble(b, item, answer, wait_ms, &err);
    w->push->failures = 0;
    item->end = PUSH_END_CREATED;
    return push_batch_keep_one(b, item);
}

/* Those without an e-mail could not be told apart in the answer. */
static size_t
keyed_first(struct push_item **items, size_t count)
{
    size_t keyed = 0;
    for (size_t i = 0; i < count; i++) {
        if (str_is_none(items[i]->key_email))
            continue;
        struct push_item *item = items[i];
        items[i] = items[keyed];
        items[keyed++] = item;
    }
    return keyed;
}

/* A creation that stood in a call for many and is not in its answer may have happened all the same. */
static bool
create_left(struct push_batch *b, struct push_item *item, bool was_sent)
{
    if (item->end != PUSH_END_NONE)
        return true;
    if (was_sent && !look_first(b, item))
        return false;
    return item->end != PUSH_END_NONE || create_one(b, item);
}

bool
push_create_all(struct push_batch *b)
{
    size_t count;
    struct push *p = b->work->push;
    const struct push_stream *s = &p->streams[b->work->stream_at];
    struct push_item **items = push_batch_pick(b, &count, is_creation);
    for (size_t i = 0; i < count; i++)
        if (!look_first(b, items[i]))
            return false;
    items = push_batch_pick(b, &count, is_creation);
    if (count == 0)
        return true;
    if (!push_intend(b->work, items, count, &b->err)) {
        b->stop = PUSH_FATAL;
        return false;
    }
    size_t keyed = s->create_many != NULL ? keyed_first(items, count) : 0;
    if (!push_batch_many(b, items, keyed, s->create_many, s->create_item, s->create_max, PUSH_END_CREATED))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!create_left(b, items[i], i < keyed && keyed > 1))
            return false;
    return true;
}
