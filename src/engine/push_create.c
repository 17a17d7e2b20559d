/*
 * Creations: the one thing that must not be done twice.
 *
 * Who has the record's key there is linked and not created; where the vendor has a call for it, many are looked for at once. An intent
 * is committed before a creation leaves; one whose answer was lost is looked for first. Where a call for many leaves it open, too. A
 * vendor that does not answer with the record is asked for it: by the id that it told, else by the record's key.
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

/* What a look has shown of who has the item's key. */
static bool
take_sight(struct push_batch *b, struct push_item *item, enum push_found found, yyjson_val *record)
{
    if (found == PUSH_FOUND_NONE) {
        item->looked = true;
        item->unsure = false;
        return true;
    }
    item->end = PUSH_END_LINKED;
    item->answer = record;
    if (found == PUSH_FOUND_SEVERAL)
        push_batch_refuse(item, STR("Several records there have the same key: which of them is meant cannot be known"));
    return push_batch_keep_one(b, item);
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
    return take_sight(b, item, found, record);
}

static bool
look_first(struct push_batch *b, struct push_item *item)
{
    if (item->looked && !item->unsure)
        return true;
    if (has_key(b, item))
        return look(b, item);
    if (item->row.intent_us == 0)
        return true;
    push_batch_refuse(item, STR("It is not known whether this record was created there, and it has no key to look for it: "
                                "look there, then replay it"));
    return push_batch_keep_one(b, item);
}

/* ---- many looks at once */

/* What failed before goes alone, so that it does not take others along. */
static bool
may_look_with_others(const struct push_item *item)
{
    return is_creation(item) && !item->looked && !str_is_none(item->key_email) && item->row.tries == 0;
}

/* An e-mail that nobody has says nothing of the phone, where that is a key too. */
static bool
is_settled(const struct push_batch *b, const struct push_item *item, enum push_found found)
{
    bool by_phone = stream_of(b)->by_phone && !str_is_none(item->key_phone);
    return found != PUSH_FOUND_UNKNOWN && !(found == PUSH_FOUND_NONE && by_phone);
}

/* One call. What it leaves open, or a call that failed, is left for looks of its own. False: the run must stop here. */
static bool
look_part(struct push_batch *b, struct push_item *const *items, size_t count, struct push_sight *sights)
{
    struct err err = {0};
    int64_t wait_ms = 0;
    enum push_answer answer = push_look_many(b->work, items, count, sights, &wait_ms, &err);
    if (answer == PUSH_REFUSED || answer == PUSH_UNKNOWN)
        return true;
    if (answer != PUSH_ANSWERED) {
        b->stop = answer;
        b->wait_ms = wait_ms;
        b->err = err;
        return false;
    }
    b->work->push->failures = 0;
    for (size_t i = 0; i < count; i++)
        if (is_settled(b, items[i], sights[i].found) && !take_sight(b, items[i], sights[i].found, sights[i].record))
            return false;
    return true;
}

static bool
look_many(struct push_batch *b)
{
    size_t count;
    const struct push_stream *s = stream_of(b);
    if (s->match_many == NULL || !s->by_email)
        return true;
    struct push_item **items = push_batch_pick(b, &count, may_look_with_others);
    struct push_sight *sights = ARENA_ARRAY(&b->work->push->items, struct push_sight, s->match_max);
    if (items == NULL || sights == NULL) {
        b->stop = PUSH_FATAL;
        return err_no_memory(&b->err);
    }
    for (size_t i = 0; i + 1 < count; i += s->match_max) /* one alone is left for a call of its own */
        if (!look_part(b, items + i, count - i < s->match_max ? count - i : s->match_max, sights))
            return false;
    return true;
}

/* The vendor may know somebody by a key that the record was not looked for by, or knows since a moment. */
static bool
take_refusal(struct push_batch *b, struct push_item *item, const struct err *why)
{
    item->looked = false;
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
    item->unsure = true; /* until it is kept */
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

/* Committed before they leave. */
static bool
intend(struct push_batch *b, struct push_item *const *items, size_t count)
{
    if (push_intend(b->work, items, count, &b->err))
        return true;
    b->stop = PUSH_FATAL;
    return false;
}

static bool
create_one(struct push_batch *b, struct push_item *item)
{
    struct err err = {0};
    int64_t wait_ms = 0;
    struct work *w = b->work;
    if (!intend(b, &item, 1))
        return false;
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
create_left(struct push_batch *b, struct push_item *item)
{
    if (item->end != PUSH_END_NONE)
        return true;
    if (item->unsure && !look_first(b, item))
        return false;
    return item->end != PUSH_END_NONE || create_one(b, item);
}

static bool
is_certainly_open(const struct push_item *item)
{
    return is_creation(item) && !item->unsure;
}

/*
 * The vendor wants to be left alone: each call may bring one look further and no more, so what was found out is kept. Else a batch
 * that needs more calls than the vendor allows at a time would begin anew for ever.
 */
static void
keep_looks(struct push_batch *b)
{
    size_t count;
    struct err err = {0};
    if (b->stop != PUSH_WAIT)
        return;
    struct push_item **items = push_batch_pick(b, &count, is_certainly_open);
    if (push_stay(b->work, items, count, &err))
        return;
    b->stop = PUSH_FATAL;
    b->err = err;
}

/* In calls for as many as one may make; one alone is left for a call of its own. */
static bool
create_many(struct push_batch *b, struct push_item **items, size_t count)
{
    const struct push_stream *s = stream_of(b);
    for (size_t i = 0; i + 1 < count; i += s->create_max) {
        size_t part = count - i < s->create_max ? count - i : s->create_max;
        if (!intend(b, items + i, part) ||
            !push_batch_call_many(b, items + i, part, s->create_many, s->create_item, PUSH_END_CREATED))
            return false;
    }
    return true;
}

static bool
create_all(struct push_batch *b)
{
    size_t count;
    if (!look_many(b))
        return false;
    struct push_item **items = push_batch_pick(b, &count, is_creation);
    for (size_t i = 0; i < count; i++)
        if (!look_first(b, items[i]))
            return false;
    items = push_batch_pick(b, &count, is_creation);
    if (stream_of(b)->create_many != NULL && !create_many(b, items, keyed_first(items, count)))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!create_left(b, items[i]))
            return false;
    return true;
}

bool
push_create_all(struct push_batch *b)
{
    if (create_all(b))
        return true;
    keep_looks(b);
    return false;
}
