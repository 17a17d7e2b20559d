/*
 * What changed records become: old values, merge, history, bases (design, section 5).
 *
 * A record of one source is simply replaced. Where other sources, or a person here, have written to it
 * too, the page merges by base: the fields this source said last time. A base is copied only when it is
 * needed: an empty one means that the record still says what this source says.
 */
#include "engine/page.h"

#include "base/limits.h"
#include "engine/alias.h"
#include "engine/kind.h"
#include "engine/run_log.h"
#include "store/store_push.h"

struct apply {
    struct page_batch *batch;
    struct db *db;
};

static bool
apply_memory(struct err *err)
{
    return err_set(err, E_TOO_LARGE, "The page is larger than allowed");
}

static bool
needs_old(const struct page_item *item)
{
    switch (item->action) {
    case PAGE_LINK:
    case PAGE_UPDATE:
        return true;
    case PAGE_TOMBSTONE:
        return item->known->map != 0 && !item->known->deleted && !item->known->linked;
    case PAGE_SKIP:
    case PAGE_CREATE:
    case PAGE_REJECT:
        return false;
    }
    return false;
}

/* Gone here, and its record stays for the others that share it: unless they are gone too, which must not happen at the same moment. */
static bool
leaves_to_others(const struct page_item *item)
{
    return item->action == PAGE_TOMBSTONE && item->known->map != 0 && !item->known->deleted && item->known->linked;
}

/*
 * What was decided by what the maps said holds only as long as they say it: an event may have brought a newer state meanwhile, or a
 * person an edit.
 */
static bool
maps_stand(struct page_batch *b, struct db *db, struct err *err)
{
    const struct map_row **seen = ARENA_ARRAY(b->arena, const struct map_row *, b->item_count + 1);
    if (seen == NULL)
        return apply_memory(err);
    size_t count = 0;
    for (size_t i = 0; i < b->item_count; i++)
        if (b->items[i].known->map != 0 && (b->items[i].old != NULL || leaves_to_others(&b->items[i])))
            seen[count++] = b->items[i].known;
    return store_maps_are_as_seen(db, b->arena, b->context->tenant, seen, count, err);
}

/* All that are looked at, in one statement: records are locked in the order of their ids. */
static bool
hold_shared(struct page_batch *b, struct db *db, struct err *err)
{
    int64_t *records = ARENA_ARRAY(b->arena, int64_t, b->item_count + 1);
    bool any = false;
    size_t count = 0;
    if (records == NULL)
        return apply_memory(err);
    for (size_t i = 0; i < b->item_count; i++) {
        bool shared = leaves_to_others(&b->items[i]);
        any = any || shared;
        if (shared || needs_old(&b->items[i]))
            records[count++] = b->items[i].record;
    }
    return !any || store_records_hold(db, b->context->tenant, records, count, err);
}

static bool
load_old(struct page_batch *b, struct db *db, struct err *err)
{
    int64_t *records = ARENA_ARRAY(b->arena, int64_t, b->item_count + 1);
    struct record_row *rows = ARENA_ARRAY(b->arena, struct record_row, b->item_count + 1);
    if (records == NULL || rows == NULL)
        return apply_memory(err);
    if (!hold_shared(b, db, err))
        return false;
    size_t count = 0;
    for (size_t i = 0; i < b->item_count; i++) {
        struct page_item *item = &b->items[i];
        if (!needs_old(item))
            continue;
        /* Two ids of this stream may share a record (linked by hand): the second finds the first's place. */
        size_t k = 0;
        if (item->known->linked || item->action == PAGE_LINK)
            while (k < count && records[k] != item->record)
                k++;
        else
            k = count;
        if (k == count)
            records[count++] = item->record;
        item->old = &rows[k];
    }
    return (count == 0 || store_records_load(db, b->arena, b->context->tenant, records, count, rows, err)) && maps_stand(b, db, err);
}

/* The base of this map and what it calls otherwise, and room to give others theirs. */
static bool
find_bases(struct apply *w, struct page_item *item, struct base_row **rows_out, size_t *count_out,
           struct str *own_out, struct err *err)
{
    *own_out = STR_NONE;
    if (!store_bases_load(w->db, w->batch->arena, w->batch->context->tenant, item->record, rows_out, count_out, err))
        return false;
    for (size_t i = 0; i < *count_out; i++)
        if ((*rows_out)[i].map == item->known->map && item->known->map != 0) {
            *own_out = (*rows_out)[i].base;
            if (!item->alias_set)
                item->alias = (*rows_out)[i].alias;
        }
    return alias_translate(w->batch->arena, item->alias, item->mapped.data, &item->theirs, err);
}

/* The record is about to change: every other source that agreed with it keeps what it said. */
static bool
save_other_bases(struct apply *w, const struct page_item *item, const struct base_row *rows, size_t count,
                 struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (rows[i].map == item->known->map || !str_is_none(rows[i].base))
            continue;
        if (!store_base_save(w->db, w->batch->context->tenant, rows[i].map, item->old->data, err))
            return false;
    }
    return true;
}

static void
log_conflict(struct apply *w, const struct page_item *item, const struct merged *merged)
{
    struct page_batch *b = w->batch;
    if (merged->conflicts > 0 &&
        RUN_LOG(&b->lines, b->observed_us, LOG_WARN, STR("Both sides changed the same field"),
                LOG_S("stream", b->context->stream.name), LOG_S("externalId", item->mapped.external_id),
                LOG_S("fields", merged->conflict_fields)))
        b->line_count++;
}

/* What lists show of a member that stays ours is ours too: the source's own column would say what the record does not. */
static void
take_ours(yyjson_val *data, yyjson_val *theirs, const char *member, struct str old, struct str *column)
{
    if (member == NULL)
        return;
    yyjson_val *ours = json_get_c(data, member), *said = json_get_c(theirs, member);
    if (ours == said || (ours != NULL && said != NULL && json_equal(ours, said)))
        return;
    struct str text = json_str(ours);
    *column = text.len > 0 ? text : old;
}

static bool
columns_of_merged(struct apply *w, struct page_item *item, struct err *err)
{
    const struct kind *kind = kind_find(w->batch->context->stream.kind);
    if (kind == NULL || str_eq(item->data, item->theirs))
        return true;
    yyjson_val *data = json_parse(w->batch->arena, item->data, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, err);
    yyjson_val *theirs = data == NULL ? NULL : json_parse(w->batch->arena, item->theirs, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, err);
    if (theirs == NULL)
        return false;
    take_ours(data, theirs, kind->title, item->old->title, &item->title);
    take_ours(data, theirs, kind->status, item->old->status, &item->status);
    return true;
}

/* Nothing the source leaves blank takes away what a list shows. */
static void
keep_columns(struct page_item *item)
{
    if (item->title.len == 0)
        item->title = item->old->title;
    if (item->status.len == 0)
        item->status = item->old->status;
    if (item->parent == 0)
        item->parent = item->old->parent;
    if (item->mapped.occurred_us == 0)
        item->mapped.occurred_us = item->old->occurred_us;
}

/* Is what seems to be their change only what we sent, and the answer has not come? */
static bool
merge_again(struct apply *w, struct page_item *item, struct str *base, struct merged *merged, struct err *err)
{
    struct page_batch *b = w->batch;
    struct str sent = STR_NONE;
    enum row row = store_push_sent(w->db, b->arena, b->context->tenant, b->context->connection, item->record, &sent, err);
    if (row != ROW_FOUND)
        return row == ROW_NONE;
    return alias_confirm(b->arena, *base, sent, item->theirs, base, err) &&
           merge_records(b->arena, *base, item->old->data, item->theirs, b->context->policy, merged, err);
}

/* The last write wins: what a person here wrote after them stays. */
static bool
merge_by_time(struct apply *w, struct page_item *item, struct str base, struct merged *merged, struct err *err)
{
    size_t count = 0;
    struct str *pointers = NULL;
    struct page_batch *b = w->batch;
    if (!page_conflict_newer_here(b, w->db, item, merged, &pointers, &count, err))
        return false;
    return count == 0 || merge_records_keeping(b->arena, base, item->old->data, item->theirs, b->context->policy, pointers, count,
                                               merged, err);
}

static bool
settle_conflicts(struct apply *w, struct page_item *item, struct str base, struct merged *merged, struct err *err)
{
    if (!str_is_none(base) && !merge_again(w, item, &base, merged, err))
        return false;
    bool by_time = merged->conflicts > 0 && !str_is_none(base) && w->batch->context->policy == CONFLICT_LAST_WRITE_WINS;
    if (by_time && !merge_by_time(w, item, base, merged, err))
        return false;
    return merged->conflicts == 0 || page_conflict_keep_lost(w->batch, w->db, item, merged, err);
}

static bool
merge_item(struct apply *w, struct page_item *item, struct err *err)
{
    struct base_row *rows = NULL;
    size_t count = 0;
    struct str base = STR_NONE;
    enum conflict_policy policy = w->batch->context->policy;
    if (!find_bases(w, item, &rows, &count, &base, err))
        return false;
    bool linking = item->action == PAGE_LINK;
    if (linking)
        base = item->agreed;
    else if (str_is_none(base))
        base = item->old->data; /* it agreed until now */
    struct merged merged;
    if (!merge_records(w->batch->arena, base, item->old->data, item->theirs, policy, &merged, err))
        return false;
    if (merged.conflicts > 0 && !settle_conflicts(w, item, base, &merged, err))
        return false;
    log_conflict(w, item, &merged);
    if (merged.changed && !save_other_bases(w, item, rows, count, err))
        return false;
    bool to_person = policy == CONFLICT_MANUAL && merged.conflict_values != NULL;
    item->merged = true;
    item->conflict = to_person ? json_to_text(w->batch->arena, merged.conflict_values) : STR_NONE;
    if (to_person && str_is_none(item->conflict))
        return apply_memory(err);
    item->data = merged.data;
    item->base = merged.agrees ? STR_NONE : item->theirs;
    item->base_set = linking ? !merged.agrees : true;
    keep_columns(item);
    return columns_of_merged(w, item, err);
}

static bool
apply_item(struct apply *w, struct page_item *item, struct err *err)
{
    if (item->old == NULL)
        return true;
    if (!item->old->found)
        return err_set(err, E_INTERNAL, "A mapped record is missing in the store");
    if (item->action == PAGE_TOMBSTONE) {
        item->data = item->old->data;
        item->title = item->old->title;
        item->status = item->old->status;
        item->parent = item->old->parent;
        item->history = STR("{\"deletedAt\":null}");
        return true;
    }
    if ((item->action == PAGE_LINK || item->known->linked || item->known->has_base) && !merge_item(w, item, err))
        return false;
    bool same = false;
    return merge_history(w->batch->arena, item->old->data, item->data, &item->history, &same, err);
}

bool
page_apply(struct page_batch *batch, struct db *db, struct err *err)
{
    struct apply w = {batch, db};
    if (!load_old(batch, db, err))
        return false;
    for (size_t i = 0; i < batch->item_count; i++)
        if (!apply_item(&w, &batch->items[i], err))
            return false;
    return true;
}
