/*
 * Deletions are the one thing that cannot be undone at a vendor: with `pushDeletes`, more of them at once than is believable are held
 * back as rejected records (I-9, the other way round). Whoever replays one has looked at it and confirms it.
 *
 * Judged once for a stream and a run, over what waits and what was held back before: a run that died half way is judged as it was.
 */
#include "engine/push.h"

#include "store/store_delete.h"

static bool
judge(struct db *db, const struct push_scene *s, struct push_guard *g, struct err *err)
{
    int64_t deletions = 0, live = 0;
    const struct page_context *c = s->context;
    if (!store_push_deletions(db, c->tenant, c->connection, c->stream.id, STR(PUSH_GUARD_WORDS), &deletions, err) ||
        !store_delete_live_count(db, c->tenant, c->stream.id, &live, err))
        return false;
    g->closed = verdict_is_unbelievable(deletions, live);
    g->known = true;
    return true;
}

bool
push_guard(struct db *db, const struct push_scene *s, struct push_guard *g, struct push_item *item, struct err *err)
{
    bool confirmed = false;
    const struct page_context *c = s->context;
    if (item->op != PUSH_DELETE)
        return true;
    if (!g->known && !judge(db, s, g, err))
        return false;
    if (!g->closed)
        return true;
    if (!store_push_deletion_held(db, c->tenant, c->stream.id, item->row.record, STR(PUSH_GUARD_WORDS), &confirmed, err))
        return false;
    if (confirmed)
        return true;
    item->op = PUSH_REJECT;
    item->reason = STR(PUSH_GUARD_WORDS);
    g->held = true;
    return true;
}
