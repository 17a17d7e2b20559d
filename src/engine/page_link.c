/*
 * Linking: a new external record that is a person we know from another connection (contract, section 3).
 *
 * The normalised e-mail, else the E.164 phone, must belong to exactly one contact of the tenant. One
 * contact takes at most one external record of the same connection, counted together with what this very
 * page links. A deleted contact is not linked to: its keys are free again.
 */
#include "engine/page.h"

struct link_work {
    struct page_batch *batch;
    struct db *db;
    size_t *owners;          /* item of each key */
    struct str *keys;
    int64_t *records;        /* whom the keys belong to */
    size_t key_count;
    int64_t *taken;          /* records linked by this page */
    size_t taken_count;
};

static bool
link_memory(struct err *err)
{
    return err_set(err, E_TOO_LARGE, "The page is larger than allowed");
}

/* All keys of all new records, in the order e-mail, phone. */
static bool
collect_keys(struct link_work *w, struct err *err)
{
    struct page_batch *b = w->batch;
    size_t most = b->item_count * PAGE_KEYS_MAX + 1;
    w->owners = ARENA_ARRAY(b->arena, size_t, most);
    w->keys = ARENA_ARRAY(b->arena, struct str, most);
    w->records = ARENA_ARRAY(b->arena, int64_t, most);
    w->taken = ARENA_ARRAY(b->arena, int64_t, b->item_count + 1);
    if (w->owners == NULL || w->keys == NULL || w->records == NULL || w->taken == NULL)
        return link_memory(err);
    for (size_t i = 0; i < b->item_count; i++) {
        struct page_item *item = &b->items[i];
        if (item->action != PAGE_CREATE)
            continue;
        page_item_keys(b, item);
        for (size_t k = 0; k < PAGE_KEYS_MAX; k++) {
            if (str_is_none(item->keys[k]))
                continue;
            w->owners[w->key_count] = i;
            w->keys[w->key_count++] = item->keys[k];
        }
    }
    return true;
}

/* Two people may share a phone: it links only where the contact has no e-mail that says otherwise. */
static bool
phone_may_link(struct link_work *w, const struct page_item *item, int64_t record, bool *may_out, struct err *err)
{
    *may_out = true;
    if (str_is_none(item->keys[0]))
        return true;
    struct str data = STR_NONE;
    enum row row = store_record_data(w->db, w->batch->arena, w->batch->context->tenant, record, &data, err);
    if (row == ROW_FAILED)
        return false;
    yyjson_val *fields = row == ROW_FOUND ? json_parse(w->batch->arena, data, JSON_NUMBERS_RAW, 128, err) : NULL;
    *may_out = json_str(json_get_c(fields, "email")).len == 0;
    return true;
}

static bool
is_free(struct link_work *w, int64_t record, bool *free_out, struct err *err)
{
    *free_out = false;
    for (size_t i = 0; i < w->taken_count; i++)
        if (w->taken[i] == record)
            return true;
    bool has = false;
    const struct page_context *c = w->batch->context;
    if (!store_record_has_map_of(w->db, c->tenant, record, c->connection, &has, err))
        return false;
    *free_out = !has;
    return true;
}

static bool
is_alive(struct link_work *w, int64_t record, bool *alive_out, struct err *err)
{
    struct record_row row = {0};
    if (!store_records_load(w->db, w->batch->arena, w->batch->context->tenant, &record, 1, &row, err))
        return false;
    *alive_out = row.found && !row.deleted;
    return true;
}

static bool
try_key(struct link_work *w, size_t key, struct err *err)
{
    struct page_item *item = &w->batch->items[w->owners[key]];
    int64_t record = w->records[key];
    if (record <= 0 || item->action != PAGE_CREATE)
        return true;
    bool phone = w->keys[key].ptr != item->keys[0].ptr;
    bool may = true, free_record = false, alive = false;
    if (phone && !phone_may_link(w, item, record, &may, err))
        return false;
    if (!may)
        return true;
    /* Alive first, which locks it: an event of the same connection may link another to it at this moment. */
    if (!is_alive(w, record, &alive, err) || !is_free(w, record, &free_record, err))
        return false;
    if (!free_record || !alive)
        return true;
    item->action = PAGE_LINK;
    item->record = record;
    w->taken[w->taken_count++] = record;
    return true;
}

/*
 * A record that we never saw and that has swallowed one we know goes on as that one: the id has changed, not the person. The others
 * that it has swallowed follow (page_follow.c).
 */
static bool
link_merged(struct link_work *w, struct page_item *item, struct err *err)
{
    struct map_row row;
    struct record_row record;
    struct str ids[PAGE_MERGED_MAX];
    size_t count = page_merged_ids(item->mapped.merged, ids);
    const struct page_context *c = w->batch->context;
    for (size_t i = 0; i < count && item->action == PAGE_CREATE; i++) {
        if (!store_map_lookup(w->db, w->batch->arena, c->tenant, c->stream.id, &ids[i], 1, &row, err))
            return false;
        if (row.map == 0 || row.deleted || row.erased)
            continue;
        if (!store_records_load(w->db, w->batch->arena, c->tenant, &row.record, 1, &record, err))
            return false;
        if (!record.found || record.deleted)
            continue;
        item->action = PAGE_LINK;
        item->record = row.record;
    }
    return true;
}

static void
note_free_keys(struct link_work *w)
{
    for (size_t i = 0; i < w->batch->item_count; i++)
        memset(w->batch->items[i].key_free, 0, sizeof(w->batch->items[i].key_free));
    for (size_t i = 0; i < w->key_count; i++) {
        struct page_item *item = &w->batch->items[w->owners[i]];
        item->key_free[w->keys[i].ptr != item->keys[0].ptr] = w->records[i] == 0;
    }
}

bool
page_link(struct page_batch *batch, struct db *db, struct err *err)
{
    const struct page_context *c = batch->context;
    struct link_work w = {.batch = batch, .db = db};
    for (size_t i = 0; i < batch->item_count; i++)
        if (batch->items[i].action == PAGE_CREATE && batch->items[i].mapped.merged.len > 0 && !link_merged(&w, &batch->items[i], err))
            return false;
    if (!c->match)
        return true;
    if (!collect_keys(&w, err))
        return false;
    if (w.key_count == 0)
        return true;
    if (!store_match_lookup(db, c->tenant, c->stream.collection, w.keys, w.key_count, w.records, err))
        return false;
    note_free_keys(&w);
    for (size_t i = 0; i < w.key_count; i++)
        if (!try_key(&w, i, err))
            return false;
    return true;
}
