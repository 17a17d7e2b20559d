/*
 * Creations: the one thing that must not be done twice.
 *
 * Who has the record's key there is linked and not created. An intent is committed before a creation leaves; one whose answer was
 * lost is looked for first. Where a call for many leaves it open, too. A vendor that does not answer with the record is asked for it:
 * by the id that it told, else by the record's key.
 */
#include "engine/push_batch.h"

static struct push_stream *
stream_of(const struct push_batch *b)
{
    return &b->work->push->streams[b->work->stream_at];
}

static bool
is_creation(const struct push_item *item)
{
    return item->op == PUSH_CREATE && item->end == PUSH_END_NONE;
}

static bool
has_key(const struct push_batch *b, const struct push_item *item)
{
    const struct push_stream *s = stream_of(b);
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

/* ---- an answer that is not the record */

enum shown { SHOWN_RECORD, SHOWN_ID, SHOWN_NOTHING };

/* What a creation's answer shows; *id_out for SHOWN_ID. */
static enum shown
what_is_shown(struct push_batch *b, yyjson_val *answer, struct str *id_out)
{
    struct mapped mapped;
    struct str email, phone;
    struct err ignored = {0};
    struct arena *a = &b->work->push->items;
    *id_out = STR_NONE;
    if (yyjson_is_str(answer) || json_is_number(answer))
        *id_out = yyjson_is_str(answer) ? json_str(answer) : json_to_text(a, answer);
    if (!yyjson_is_obj(answer))
        return id_out->len > 0 ? SHOWN_ID : SHOWN_NOTHING;
    if (!push_keys_of(b->work, a, answer, &mapped, &email, &phone, &ignored))
        return SHOWN_RECORD; /* keeping it says what is wrong with it */
    if (mapped.external_id.len > 0 && stream_of(b)->answers_id)
        *id_out = mapped.external_id;
    return mapped.external_id.len == 0 ? SHOWN_NOTHING : stream_of(b)->answers_id ? SHOWN_ID : SHOWN_RECORD;
}

/* It is there. What could not be seen of it is looked for by its key later; without one a person has to look. */
static bool
take_unseen(struct push_batch *b, struct push_item *item, enum push_answer answer, int64_t wait_ms, struct err *why)
{
    bool to_stop = answer != PUSH_ANSWERED && answer != PUSH_REFUSED && answer != PUSH_UNKNOWN;
    if (to_stop)
        return push_batch_trouble(b, item, answer, wait_ms, why);
    if (why->code == E_OK)
        err_set(why, E_VENDOR_UNAVAILABLE, "it does not show it yet");
    err_prefix(why, "The vendor took the record as %.*s: ", STR_ARG(item->row.external_id.len ? item->row.external_id : STR("new")));
    if (has_key(b, item))
        return push_batch_trouble(b, item, PUSH_UNKNOWN, 0, why);
    push_batch_refuse(item, str_format(&b->work->push->items, "%s; look there before it is sent again", why->message));
    return push_batch_keep_one(b, item);
}

static bool
read_back(struct push_batch *b, struct push_item *item, struct str id)
{
    struct err err = {0};
    int64_t wait_ms = 0;
    yyjson_val *record = NULL;
    item->row.external_id = id;
    enum push_answer answer = push_read(b->work, item, &record, &wait_ms, &err);
    if (answer != PUSH_ANSWERED || !yyjson_is_obj(record))
        return take_unseen(b, item, answer, wait_ms, &err);
    item->answer = record;
    item->end = PUSH_END_CREATED;
    return push_batch_keep_one(b, item);
}

/* Nobody had the key a moment ago: who has it now is the one that was made. */
static bool
look_back(struct push_batch *b, struct push_item *item)
{
    struct err err = {0};
    int64_t wait_ms = 0;
    enum push_found found;
    yyjson_val *record = NULL;
    enum push_answer answer = push_look(b->work, item, &found, &record, &item->observed_us, &wait_ms, &err);
    if (answer != PUSH_ANSWERED || found == PUSH_FOUND_NONE)
        return take_unseen(b, item, answer, wait_ms, &err);
    item->answer = record;
    item->end = PUSH_END_CREATED;
    if (found == PUSH_FOUND_SEVERAL)
        push_batch_refuse(item, STR("Several records there have the same key: which of them is meant cannot be known"));
    return push_batch_keep_one(b, item);
}

/* The vendor has made it and says so; the record is in the answer, or is asked for. */
static bool
take_creation(struct push_batch *b, struct push_item *item)
{
    struct str id;
    enum shown shown = what_is_shown(b, item->answer, &id);
    if (shown == SHOWN_ID && stream_of(b)->reads)
        return read_back(b, item, id);
    if (shown != SHOWN_RECORD && has_key(b, item))
        return look_back(b, item);
    if (shown != SHOWN_RECORD)
        item->answer = NULL; /* keeping it says so */
    if (shown == SHOWN_ID)
        item->row.external_id = id;
    item->end = PUSH_END_CREATED;
    return push_batch_keep_one(b, item);
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
    return take_creation(b, item);
}

/*
 * Those that one call may make. Without an e-mail they could not be told apart in the answer, and what failed before goes alone, so that
 * it does not take others along.
 */
static size_t
keyed_first(struct push_item **items, size_t count)
{
    size_t keyed = 0;
    for (size_t i = 0; i < count; i++) {
        if (str_is_none(items[i]->key_email) || items[i]->row.tries > 0)
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
