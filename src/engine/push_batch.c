/*
 * What is common to all that is done with a batch: picking, keeping, what trouble means, and calls for many records at once.
 *
 * The answer to a call for many may name some and not others, in any order: each result is given to the item that it is of, and
 * what is not named is left for a call of its own, so that each failure has its own reason.
 */
#include "engine/push_batch.h"

#define WAIT_BASE_MS 5000
#define WAIT_CAP_MS (30 * 60 * 1000)

struct push_item **
push_batch_pick(struct push_batch *b, size_t *count_out, bool (*wanted)(const struct push_item *))
{
    struct push_item **list = ARENA_ARRAY(&b->work->push->items, struct push_item *, b->count + 1);
    *count_out = 0;
    for (size_t i = 0; list != NULL && i < b->count; i++)
        if (wanted(&b->items[i]))
            list[(*count_out)++] = &b->items[i];
    return list;
}

/* Keeps them; false: the run must stop. */
bool
push_batch_keep(struct push_batch *b, struct push_item *const *items, size_t count)
{
    if (push_keep(b->work, items, count, &b->err))
        return true;
    b->stop = PUSH_FATAL;
    return false;
}

bool
push_batch_keep_one(struct push_batch *b, struct push_item *item)
{
    return push_batch_keep(b, &item, 1);
}

/* The record waits; too often, and it is rejected. */
static void
put_off(struct push_batch *b, struct push_item *item, const struct err *why, bool nothing_done)
{
    item->reason = str_copy(&b->work->push->items, str_slice(str_from_c(why->message), 0, PUSH_WORDS_MAX));
    item->end = item->row.tries + 1 >= PUSH_TRIES_MAX ? PUSH_END_REJECTED : PUSH_END_LATER;
    item->nothing_done = nothing_done && item->row.intent_us == 0;
    item->wait_ms = backoff_ms((unsigned)item->row.tries + 1, WAIT_BASE_MS, WAIT_CAP_MS, &b->work->worker->rng);
    if (!item->nothing_done && item->op == PUSH_CREATE && item->wait_ms < PUSH_SETTLE_US / US_PER_MS)
        item->wait_ms = PUSH_SETTLE_US / US_PER_MS;
}

/* Did a vendor fail often enough that it, and not the records, is the trouble? */
static bool
vendor_failed(struct push_batch *b, const struct err *why)
{
    if (++b->work->push->failures < PUSH_FAILURES_MAX)
        return false;
    b->err = *why;
    b->stop = PUSH_UNKNOWN;
    return true;
}

/*
 * What a call that was not answered as hoped means for its record and for the run. False: the run must stop here.
 */
bool
push_batch_trouble(struct push_batch *b, struct push_item *item, enum push_answer answer, int64_t wait_ms, const struct err *why)
{
    b->err = *why;
    b->wait_ms = wait_ms;
    b->stop = answer;
    if (answer == PUSH_REFUSED) {
        item->end = PUSH_END_REJECTED;
        item->reason = str_copy(&b->work->push->items, str_slice(str_from_c(why->message), 0, PUSH_WORDS_MAX));
        b->stop = PUSH_ANSWERED;
        return push_batch_keep_one(b, item);
    }
    if (answer != PUSH_UNKNOWN)
        return false;
    put_off(b, item, why, item->op != PUSH_CREATE);
    b->stop = PUSH_ANSWERED;
    struct err kept = *why;
    return push_batch_keep_one(b, item) && !vendor_failed(b, &kept);
}

void
push_batch_refuse(struct push_item *item, struct str reason)
{
    item->end = PUSH_END_REJECTED;
    item->reason = reason;
}

/* ---- many at once */

/* The result that is this item's: by its id, else by its key. */
bool
push_batch_is_result(struct push_batch *b, const struct push_item *item, yyjson_val *record)
{
    struct mapped mapped;
    struct str email, phone;
    struct err ignored = {0};
    if (!yyjson_is_obj(record) || !push_keys_of(b->work, &b->work->push->items, record, &mapped, &email, &phone, &ignored))
        return false;
    if (item->row.map != 0)
        return str_eq(mapped.external_id, item->row.external_id);
    return !str_is_none(item->key_email) && str_eq(email, item->key_email);
}

static void
hand_out(struct push_batch *b, struct push_item *const *items, size_t count, yyjson_val *results, int64_t observed_us, enum push_end end)
{
    size_t at, max;
    yyjson_val *record;
    for (size_t i = 0; i < count; i++) {
        yyjson_arr_foreach(results, at, max, record) {
            if (items[i]->end != PUSH_END_NONE || !push_batch_is_result(b, items[i], record))
                continue;
            items[i]->end = end;
            items[i]->answer = record;
            items[i]->observed_us = observed_us;
        }
    }
}

/* Creations in a call whose answer was lost may still be on their way: they are looked for once that has settled, not at once. */
static bool
put_off_all(struct push_batch *b, struct push_item *const *items, size_t count, const struct err *why)
{
    b->stop = PUSH_ANSWERED;
    for (size_t i = 0; i < count; i++)
        put_off(b, items[i], why, false);
    return push_batch_keep(b, items, count) && !vendor_failed(b, why);
}

/* What a call for many leaves open may have happened all the same. */
static void
leave_open(struct push_item *const *items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        items[i]->unsure = items[i]->end == PUSH_END_NONE;
}

/* What the answer does not name is left for single calls. False: the run must stop here. */
bool
push_batch_call_many(struct push_batch *b, struct push_item *const *items, size_t count,
                     const struct template_operation *operation, yyjson_val *names, enum push_end end)
{
    struct err err = {0};
    int64_t wait_ms = 0, observed_us;
    yyjson_val *results = NULL;
    struct work *w = b->work;
    enum push_answer answer = push_call(w, &w->push->items, operation, push_input_many(&w->push->items, items, count, names), &results,
                                        &observed_us, &wait_ms, &err);
    b->err = err;
    b->wait_ms = wait_ms;
    if (answer == PUSH_UNKNOWN && end == PUSH_END_CREATED)
        return put_off_all(b, items, count, &err);
    if (answer == PUSH_REFUSED || answer == PUSH_UNKNOWN) {
        leave_open(items, count);
        return true;
    }
    b->stop = answer;
    if (answer != PUSH_ANSWERED)
        return false;
    w->push->failures = 0;
    hand_out(b, items, count, results, observed_us, end);
    leave_open(items, count);
    return push_batch_keep(b, items, count);
}
