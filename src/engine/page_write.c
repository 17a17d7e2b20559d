/*
 * Writing what was decided, many rows at a time: records, keys, maps, bases, rejections.
 *
 * New records get UUIDs that grow within the page too, so that their index grows at its end. Updates go in
 * the order of record ids: two nodes that write the same linked records never wait for each other in a circle.
 */
#include "engine/page.h"

#include "engine/conflict.h"
#include "store/store_push.h"

#include <stdatomic.h>

#define TICKS_PER_MS 4096

struct write_work {
    struct page_batch *batch;
    struct db *db;
    int64_t now_us;
};

static bool
write_memory(struct err *err)
{
    return err_set(err, E_TOO_LARGE, "The page is larger than allowed");
}

/*
 * Ticks of 1/4096 ms, never given twice by this process: pages that are written in the same millisecond stay
 * in order too.
 */
static int64_t
take_ticks(int64_t now_us, size_t count)
{
    static _Atomic int64_t next_tick;
    int64_t now = now_us / US_PER_MS * TICKS_PER_MS + now_us % US_PER_MS * TICKS_PER_MS / US_PER_MS;
    int64_t seen = atomic_load(&next_tick);
    int64_t first;
    do
        first = seen > now ? seen : now;
    while (!atomic_compare_exchange_weak(&next_tick, &seen, first + (int64_t)count));
    return first;
}

/* A UUIDv7 whose twelve bits after the milliseconds are the tick in it (RFC 9562, section 6.2, method 3). */
static void
ordered_uuid(struct rng *rng, int64_t tick, char text[37])
{
    static const char digits[] = "0123456789abcdef";
    uuid_v7(rng, tick / TICKS_PER_MS * US_PER_MS, text);
    for (int i = 0; i < 3; i++)
        text[15 + i] = digits[((tick % TICKS_PER_MS) >> (4 * (2 - i))) & 15];
}

static void
fill_record(struct record_write *row, const struct page_item *item)
{
    row->record = item->record;
    row->data = item->data;
    row->title = item->title;
    row->status = item->status;
    row->occurred_us = item->mapped.occurred_us;
    row->parent = item->parent;
    row->deleted = item->action == PAGE_TOMBSTONE;
    row->changed = str_is_none(item->history) ? STR("") : item->history;
}

static bool
insert_records(struct write_work *w, struct err *err)
{
    struct page_batch *b = w->batch;
    struct record_write *rows = ARENA_ARRAY(b->arena, struct record_write, b->item_count + 1);
    if (rows == NULL)
        return write_memory(err);
    size_t count = 0;
    int64_t tick = take_ticks(w->now_us, b->item_count);
    for (size_t i = 0; i < b->item_count; i++) {
        if (b->items[i].action != PAGE_CREATE)
            continue;
        fill_record(&rows[count], &b->items[i]);
        rows[count].record = 0;
        ordered_uuid(b->context->rng, tick + (int64_t)count, rows[count].uuid);
        count++;
    }
    if (count == 0)
        return true;
    if (!store_records_insert(w->db, b->context->tenant, b->context->stream.collection, rows, count, w->now_us, err))
        return false;
    for (size_t i = 0, k = 0; i < b->item_count; i++)
        if (b->items[i].action == PAGE_CREATE)
            b->items[i].record = rows[k++].record;
    return true;
}

static int
by_record(const void *left, const void *right)
{
    int64_t a = ((const struct record_write *)left)->record, b = ((const struct record_write *)right)->record;
    return a < b ? -1 : a > b;
}

static bool
update_records(struct write_work *w, struct err *err)
{
    struct page_batch *b = w->batch;
    const struct page_context *c = b->context;
    struct record_write *rows = ARENA_ARRAY(b->arena, struct record_write, b->item_count + 1);
    if (rows == NULL)
        return write_memory(err);
    size_t count = 0;
    for (size_t i = 0; i < b->item_count; i++)
        if (b->items[i].old != NULL)
            fill_record(&rows[count++], &b->items[i]);
    if (count == 0)
        return true;
    qsort(rows, count, sizeof(*rows), by_record);
    return store_records_update(w->db, c->tenant, c->stream.collection, rows, count, c->connection, b->fence.run,
                                w->now_us, err);
}

static bool
writes_map(const struct page_item *item)
{
    if (item->action == PAGE_TOMBSTONE)
        return item->known->map != 0;
    return item->action == PAGE_CREATE || item->action == PAGE_LINK || item->action == PAGE_UPDATE;
}

static bool
fill_map(struct page_batch *b, struct map_write *row, struct page_item *item, struct err *err)
{
    bool gone = item->action == PAGE_TOMBSTONE;
    *row = (struct map_write){.map = item->known->map, .record = item->record, .external_id = item->mapped.external_id,
                              .version = item->mapped.version, .deleted = gone, .url = item->mapped.url};
    if (item->parent_missing)
        page_fingerprint_without_parent(item, row->fingerprint);
    else
        memcpy(row->fingerprint, gone ? item->known->fingerprint : item->fingerprint, FINGERPRINT_BYTES);
    if (gone)
        return true;
    if (!page_item_raw(b, item, err))
        return false;
    row->raw = item->raw;
    return true;
}

/* Gives every written item its map id back through *maps_out, in the order of items. */
static bool
write_maps(struct write_work *w, struct map_write **maps_out, struct err *err)
{
    struct page_batch *b = w->batch;
    struct map_write *rows = ARENA_ARRAY(b->arena, struct map_write, b->item_count + 1);
    if (rows == NULL)
        return write_memory(err);
    size_t count = 0;
    for (size_t i = 0; i < b->item_count; i++)
        if (writes_map(&b->items[i]) && !fill_map(b, &rows[count++], &b->items[i], err))
            return false;
    if (count > 0 && !store_maps_write(w->db, b->context->tenant, b->context->stream.id, rows, count, b->observed_us,
                                       w->now_us, err))
        return false;
    *maps_out = rows;
    return true;
}

/* What hangs on somebody who was erased goes the way of what hung on him then. */
static bool
bury_children(struct write_work *w, struct err *err)
{
    struct page_batch *b = w->batch;
    for (size_t i = 0; i < b->item_count; i++) {
        const struct page_item *item = &b->items[i];
        if (item->erased_parent != 0 && !store_map_bury(w->db, b->context->tenant, b->context->stream.id, item->erased_parent,
                                                        item->mapped.external_id, b->observed_us, w->now_us, err))
            return false;
    }
    return true;
}

static bool
write_bases(struct write_work *w, const struct map_write *maps, struct err *err)
{
    struct page_batch *b = w->batch;
    for (size_t i = 0, k = 0; i < b->item_count; i++) {
        const struct page_item *item = &b->items[i];
        if (!writes_map(item))
            continue;
        int64_t map = maps[k++].map;
        if (item->base_set && !store_base_save(w->db, b->context->tenant, map, item->base, err))
            return false;
        if (item->alias_set && !store_alias_save(w->db, b->context->tenant, map, item->alias, err))
            return false;
    }
    return true;
}

/* What the page leaves for deletes and for the feed. */
static bool
collect_ids(struct page_batch *b, const struct map_write *maps, struct err *err)
{
    b->seen_maps = ARENA_ARRAY(b->arena, int64_t, b->item_count + 1);
    b->changed_records = ARENA_ARRAY(b->arena, int64_t, b->item_count + page_follow_most(b) + 1);
    if (b->seen_maps == NULL || b->changed_records == NULL)
        return write_memory(err);
    b->seen_count = b->changed_count = 0;
    for (size_t i = 0, k = 0; i < b->item_count; i++) {
        const struct page_item *item = &b->items[i];
        int64_t map = writes_map(item) ? maps[k++].map : item->known->map;
        if (b->context->full && map != 0 && item->action != PAGE_TOMBSTONE)
            b->seen_maps[b->seen_count++] = map;
        if (item->action == PAGE_CREATE || item->old != NULL)
            b->changed_records[b->changed_count++] = item->record;
    }
    return true;
}

/* Of somebody who was erased only that he came is kept, and that he was not taken. */
static void
blank_erased(struct page_batch *b)
{
    for (size_t i = 0; i < b->item_count; i++)
        for (size_t k = 0; b->items[i].known->erased && k < b->rejected_count; k++)
            if (str_eq(b->rejected[k].external_id, b->items[i].mapped.external_id)) {
                b->rejected[k].reason = STR("Erased here");
                b->rejected[k].payload = STR("{\"erased\":true}");
            }
}

static bool
write_rejected(struct write_work *w, struct err *err)
{
    struct page_batch *b = w->batch;
    const struct page_context *c = b->context;
    if (b->rejected_count > 0)
        blank_erased(b);
    if (b->rejected_count > 0 && !store_rejected_write(w->db, c->tenant, c->stream.id, b->fence.run, b->rejected,
                                                       b->rejected_count, w->now_us, err))
        return false;
    if (!b->clear_rejected)
        return true;
    struct str *ids = ARENA_ARRAY(b->arena, struct str, b->item_count + 1);
    if (ids == NULL)
        return write_memory(err);
    size_t count = 0;
    for (size_t i = 0; i < b->item_count; i++)
        if (!b->items[i].rejected)
            ids[count++] = b->items[i].mapped.external_id;
    return count == 0 || store_rejected_clear(w->db, c->tenant, c->stream.id, ids, count, err);
}

/* Where a person decides, what was merged may open a conflict, change the open one or end it. */
static bool
note_conflicts(struct write_work *w, struct err *err)
{
    struct page_batch *b = w->batch;
    const struct page_context *c = b->context;
    for (size_t i = 0; c->policy == CONFLICT_MANUAL && i < b->item_count; i++) {
        const struct page_item *item = &b->items[i];
        struct conflict_news news = {.tenant = c->tenant, .connection = c->connection, .run = b->fence.run, .record = item->record,
                                     .fields = item->conflict, .source = item->theirs, .record_data = item->data};
        if (item->merged && !conflict_observe(w->db, b->arena, &news, w->now_us, err))
            return false;
    }
    return true;
}

static bool
has_changed(const struct page_item *item)
{
    return item->action == PAGE_CREATE || item->action == PAGE_TOMBSTONE || (item->old != NULL && item->history.len > 0);
}

/* What changed waits for the other connections that push, and what this source does not agree with for itself. */
static bool
queue_push(struct write_work *w, struct err *err)
{
    struct page_batch *b = w->batch;
    const struct page_context *c = b->context;
    bool any = false;
    if (b->changed_count > 0 && !store_push_any(w->db, c->tenant, &any, err))
        return false;
    for (size_t i = 0; any && i < b->item_count; i++) {
        const struct page_item *item = &b->items[i];
        bool differs = c->pushes && !c->pushing && item->merged && !str_is_none(item->base);
        if (has_changed(item) && item->record != 0 &&
            !store_push_fan_out(w->db, c->tenant, c->connection, &item->record, 1, w->now_us, err))
            return false;
        if (differs && !store_push_queue_one(w->db, c->tenant, c->connection, item->record, w->now_us, err))
            return false;
    }
    return true;
}

bool
page_write(struct page_batch *batch, struct db *db, int64_t now_us, struct err *err)
{
    struct write_work w = {batch, db, now_us};
    struct map_write *maps = NULL;
    return insert_records(&w, err) && page_write_keys(batch, db, err) && update_records(&w, err) &&
           write_maps(&w, &maps, err) && bury_children(&w, err) && write_bases(&w, maps, err) && collect_ids(batch, maps, err) &&
           write_rejected(&w, err) && note_conflicts(&w, err) && queue_push(&w, err) &&
           page_follow(batch, db, now_us, err);
}
