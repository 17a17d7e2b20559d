/*
 * Deletions are the one thing that cannot be undone at a vendor: with `pushDeletes`, more of them at once than is believable are held
 * back as rejected records (I-9, the other way round). Whoever replays one has looked at it and confirms it.
 *
 * Judged for a stream and a batch, over what waits, what was held back before, and what was sent within LIMIT_PUSH_GUARD_HOURS without
 * anybody's looking at it: many small pushes are judged as one great one, and a run that died half way as it was. Sent ones are
 * counted by the hour, in the stream's row, in the transaction that keeps them: [[hour, count], ...].
 */
#include "engine/push.h"

#include "store/store_delete.h"

#define HOUR_US (60 * US_PER_MINUTE)

/* ---- what was sent of late */

/* Counts those of the window; with doc, copies them to list. */
static int64_t
sum_window(yyjson_val *hours, int64_t now_us, yyjson_mut_doc *doc, yyjson_mut_val *list)
{
    size_t i, count;
    yyjson_val *pair;
    int64_t sum = 0, hour = 0, sent = 0, first = now_us / HOUR_US - LIMIT_PUSH_GUARD_HOURS;
    yyjson_arr_foreach(hours, i, count, pair) {
        bool counts = json_to_i64(yyjson_arr_get(pair, 0), &hour) && json_to_i64(yyjson_arr_get(pair, 1), &sent) && hour > first;
        sum += counts ? sent : 0;
        if (counts && doc)
            yyjson_mut_arr_append(list, yyjson_val_mut_copy(doc, pair));
    }
    return sum;
}

static bool
load_window(struct db *db, struct arena *a, int64_t tenant, int64_t stream, yyjson_val **hours_out, struct err *err)
{
    struct err ignored = {0};
    struct str text = STR_NONE;
    if (!store_push_deletions_sent(db, a, tenant, stream, &text, err))
        return false;
    *hours_out = text.len ? json_parse(a, text, JSON_PLAIN, LIMIT_JSON_DEPTH_API, &ignored) : NULL;
    return true;
}

bool
push_guard_sent(struct db *db, struct arena *a, int64_t tenant, int64_t stream, int64_t deletions, int64_t now_us, struct err *err)
{
    yyjson_val *hours;
    if (deletions == 0)
        return true;
    if (!load_window(db, a, tenant, stream, &hours, err))
        return false;
    yyjson_mut_doc *doc = json_mut_doc(a);
    yyjson_mut_val *list = doc ? yyjson_mut_arr(doc) : NULL, *pair = list ? yyjson_mut_arr(doc) : NULL;
    if (pair == NULL)
        return err_no_memory(err);
    sum_window(hours, now_us, doc, list);
    yyjson_mut_arr_add_sint(doc, pair, now_us / HOUR_US);
    yyjson_mut_arr_add_sint(doc, pair, deletions);
    yyjson_mut_arr_append(list, pair);
    yyjson_val *frozen = json_freeze(a, list);
    struct str text = frozen ? json_to_text(a, frozen) : STR_NONE;
    return str_is_none(text) ? err_no_memory(err) : store_push_deletions_sent_set(db, tenant, stream, text, err);
}

/* ---- the judgement */

static bool
judge(struct db *db, const struct push_scene *s, struct push_guard *g, struct err *err)
{
    yyjson_val *hours;
    int64_t deletions = 0, live = 0;
    const struct page_context *c = s->context;
    if (!store_push_deletions(db, c->tenant, c->connection, c->stream.id, STR(PUSH_GUARD_WORDS), &deletions, err) ||
        !store_delete_live_count(db, c->tenant, c->stream.id, &live, err) ||
        !load_window(db, s->arena, c->tenant, c->stream.id, &hours, err))
        return false;
    int64_t sent = sum_window(hours, store_now(db), NULL, NULL);
    g->closed = verdict_is_unbelievable(deletions + sent, live + sent);
    g->known = true;
    return true;
}

bool
push_guard(struct db *db, const struct push_scene *s, struct push_guard *g, struct push_item *item, struct err *err)
{
    const struct page_context *c = s->context;
    if (item->op != PUSH_DELETE)
        return true;
    if (!g->known && !judge(db, s, g, err))
        return false;
    if (!store_push_deletion_held(db, c->tenant, c->stream.id, item->row.record, STR(PUSH_GUARD_WORDS), &item->confirmed, err))
        return false;
    if (!g->closed || item->confirmed)
        return true;
    item->op = PUSH_REJECT;
    item->reason = STR(PUSH_GUARD_WORDS);
    g->held = true;
    return true;
}
