/*
 * What each record of a page becomes, from what the entity map knows of its id.
 *
 *   no map row                      create (or link: page_link.c)
 *   erased by a person              skip: it must not come back
 *   new, of a parent that was       skip, and its id is marked as erased: what hangs on somebody goes with him
 *   older than what is known        skip (I-22)
 *   tombstone                       tombstone
 *   same fingerprint, alive         skip
 *   else                            update; a record that was gone comes back
 *
 * A record whose parent is not known yet is stored without it, and its fingerprint is marked, so that the
 * next time it is seen it is taken up again although nothing else changed.
 */
#include "engine/page.h"
#include "engine/page_order.h"

static bool
decide_memory(struct err *err)
{
    return err_set(err, E_TOO_LARGE, "The page is larger than allowed");
}

void
page_fingerprint_without_parent(const struct page_item *item, unsigned char marked[FINGERPRINT_BYTES])
{
    memcpy(marked, item->fingerprint, FINGERPRINT_BYTES);
    marked[0] ^= 0x5a;
}

static bool
waits_for_parent(const struct page_item *item)
{
    unsigned char marked[FINGERPRINT_BYTES];
    page_fingerprint_without_parent(item, marked);
    return memcmp(marked, item->known->fingerprint, FINGERPRINT_BYTES) == 0;
}

static enum page_action
action_of(const struct page_batch *b, const struct page_item *item)
{
    const struct map_row *known = item->known;
    if (item->rejected)
        return PAGE_REJECT;
    if (known->erased)
        return PAGE_SKIP;
    if (known->map == 0)
        return item->mapped.deleted ? PAGE_TOMBSTONE : PAGE_CREATE;
    struct observation later = {item->mapped.version, b->observed_us};
    struct observation stored = {known->version, known->observed_us};
    if (observation_is_older(&later, &stored))
        return PAGE_SKIP;
    if (item->mapped.deleted)
        return PAGE_TOMBSTONE;
    bool same = memcmp(item->fingerprint, known->fingerprint, FINGERPRINT_BYTES) == 0;
    return same && !known->deleted ? PAGE_SKIP : PAGE_UPDATE;
}

static bool
lookup_maps(struct page_batch *b, struct db *db, struct err *err)
{
    struct str *ids = ARENA_ARRAY(b->arena, struct str, b->item_count + 1);
    struct map_row *rows = ARENA_ARRAY(b->arena, struct map_row, b->item_count + 1);
    if (ids == NULL || rows == NULL)
        return decide_memory(err);
    for (size_t i = 0; i < b->item_count; i++)
        ids[i] = b->items[i].mapped.external_id;
    if (b->looked_up != NULL && b->item_count == 1)
        rows[0] = *b->looked_up;
    else if (b->item_count > 0 && !store_map_lookup(db, b->arena, b->context->tenant, b->context->stream.id, ids,
                                               b->item_count, rows, err))
        return false;
    for (size_t i = 0; i < b->item_count; i++)
        b->items[i].known = &rows[i];
    return true;
}

static void
item_reset(struct page_item *item)
{
    item->old = NULL;
    item->record = item->parent = item->erased_parent = 0;
    item->data = item->mapped.data;
    item->title = item->mapped.title;
    item->status = item->mapped.status;
    item->history = item->base = STR_NONE;
    item->base_set = item->parent_missing = item->merged = false;
    item->conflict = item->theirs = item->agreed = item->alias = STR_NONE;
    item->alias_set = false;
}

static bool
needs_parent(const struct page_item *item)
{
    if (item->mapped.parent_id.len == 0)
        return false;
    return item->action == PAGE_CREATE || item->action == PAGE_UPDATE;
}

/* The place of id among the distinct ones; looked for from the end, as most pages have one parent. */
static size_t
place_of(struct str *ids, size_t *count, struct str id)
{
    for (size_t k = *count; k > 0; k--)
        if (str_eq(ids[k - 1], id))
            return k - 1;
    ids[*count] = id;
    return (*count)++;
}

/* Whoever was erased is no parent any more. */
static void
take_parent(struct page_item *item, const struct page_parent *parent, const struct map_row *row)
{
    item->parent = row->erased ? 0 : row->record;
    item->erased_parent = row->erased && parent->owns && item->action == PAGE_CREATE ? row->record : 0;
}

/* Parents of one stream for all items that name it. */
static bool
resolve_from(struct page_batch *b, struct db *db, const struct page_parent *parent, struct err *err)
{
    struct str *ids = ARENA_ARRAY(b->arena, struct str, b->item_count);
    size_t *places = ARENA_ARRAY(b->arena, size_t, b->item_count);
    if (ids == NULL || places == NULL)
        return decide_memory(err);
    size_t count = 0;
    for (size_t i = 0; i < b->item_count; i++)
        if (needs_parent(&b->items[i]) && str_eq(b->items[i].mapped.parent_stream, parent->name))
            places[i] = place_of(ids, &count, b->items[i].mapped.parent_id);
    if (count == 0)
        return true;
    struct map_row *rows = ARENA_ARRAY(b->arena, struct map_row, count);
    if (rows == NULL)
        return decide_memory(err);
    if (!store_map_lookup(db, b->arena, b->context->tenant, parent->stream, ids, count, rows, err))
        return false;
    for (size_t i = 0; i < b->item_count; i++)
        if (needs_parent(&b->items[i]) && str_eq(b->items[i].mapped.parent_stream, parent->name))
            take_parent(&b->items[i], parent, &rows[places[i]]);
    return true;
}

static bool
any_needs_parent(const struct page_batch *b)
{
    for (size_t i = 0; i < b->item_count; i++)
        if (needs_parent(&b->items[i]))
            return true;
    return false;
}

static bool
resolve_parents(struct page_batch *b, struct db *db, struct err *err)
{
    const struct page_context *c = b->context;
    bool ok = true;
    for (size_t i = 0; ok && i < c->parent_count && any_needs_parent(b); i++)
        ok = resolve_from(b, db, &c->parents[i], err);
    return ok;
}

/* A parent that is still missing is no news. */
static void
settle_missing_parents(struct page_batch *b)
{
    for (size_t i = 0; i < b->item_count; i++) {
        struct page_item *item = &b->items[i];
        if (!needs_parent(item) || item->parent != 0)
            continue;
        if (item->erased_parent != 0) {
            item->action = PAGE_SKIP;
            continue;
        }
        item->parent_missing = true;
        if (item->action == PAGE_UPDATE && !item->known->deleted && waits_for_parent(item))
            item->action = PAGE_SKIP;
    }
}

bool
page_decide(struct page_batch *b, struct db *db, struct err *err)
{
    if (!lookup_maps(b, db, err))
        return false;
    for (size_t i = 0; i < b->item_count; i++) {
        item_reset(&b->items[i]);
        b->items[i].action = action_of(b, &b->items[i]);
        b->items[i].record = b->items[i].known->record;
    }
    if (!resolve_parents(b, db, err))
        return false;
    settle_missing_parents(b);
    return true;
}
