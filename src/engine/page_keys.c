/*
 * Match keys of what a page changes: old ones are released, new ones claimed (design, section 5).
 *
 * A claim is the lock that keeps two connections from creating one person twice, so all nodes take keys in the same order, and a page
 * that loses one it thought free is decided anew. What a record no longer says is read from the history of its update; a record that
 * goes gives all its keys back.
 */
#include "engine/page.h"

#include "base/limits.h"
#include "engine/match_key.h"

struct key_claim {
    struct str key;
    int64_t record;
};

struct key_list {
    struct key_claim *rows;
    size_t count;
};

struct key_work {
    struct page_batch *batch;
    struct key_list released, claimed, fresh;
};

static bool
list_init(struct arena *a, struct key_list *list, size_t most)
{
    list->rows = ARENA_ARRAY(a, struct key_claim, most);
    list->count = 0;
    return list->rows != NULL;
}

static void
list_add(struct key_list *list, struct str key, int64_t record)
{
    if (!str_is_none(key))
        list->rows[list->count++] = (struct key_claim){key, record};
}

static int
by_key(const void *left, const void *right)
{
    const struct key_claim *a = left, *b = right;
    int order = str_compare(a->key, b->key);
    return order != 0 ? order : a->record < b->record ? -1 : a->record > b->record;
}

typedef bool store_match_fn(struct db *db, int64_t tenant, int64_t collection, const struct str *keys,
                            const int64_t *records, size_t count, struct err *err);

static bool
list_write(struct page_batch *b, struct db *db, struct key_list *list, store_match_fn *write, struct err *err)
{
    if (list->count == 0)
        return true;
    struct str *keys = ARENA_ARRAY(b->arena, struct str, list->count);
    int64_t *records = ARENA_ARRAY(b->arena, int64_t, list->count);
    if (keys == NULL || records == NULL)
        return err_set(err, E_TOO_LARGE, "The page is larger than allowed");
    qsort(list->rows, list->count, sizeof(*list->rows), by_key);
    for (size_t i = 0; i < list->count; i++) {
        keys[i] = list->rows[i].key;
        records[i] = list->rows[i].record;
    }
    return write(db, b->context->tenant, b->context->stream.collection, keys, records, list->count, err);
}

static yyjson_val *
fields_of(struct page_batch *b, struct str text)
{
    struct err err = {0};
    return text.len == 0 ? NULL : json_parse(b->arena, text, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, &err);
}

static void
add_keys_of(struct page_batch *b, struct key_list *list, yyjson_val *fields, int64_t record)
{
    list_add(list, match_key_email(b->arena, json_str(json_get_c(fields, "email"))), record);
    list_add(list, match_key_phone(b->arena, json_str(json_get_c(fields, "phone")), b->context->region), record);
}

static void
claim_all(struct key_work *w, struct page_item *item)
{
    if (item->merged) {
        add_keys_of(w->batch, &w->claimed, fields_of(w->batch, item->data), item->record);
        return;
    }
    page_item_keys(w->batch, item);
    for (size_t i = 0; i < PAGE_KEYS_MAX; i++) {
        list_add(&w->claimed, item->keys[i], item->record);
        if (item->action == PAGE_CREATE && item->key_free[i])
            list_add(&w->fresh, item->keys[i], item->record);
    }
}

/* Two of this very page with one key make it ambiguous by themselves: what the page claims for more than one record is left out. */
static void
drop_shared(struct key_list *list, const struct key_list *claimed)
{
    size_t kept = 0, at = 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct key_claim *row = &list->rows[i];
        bool shared = false;
        while (at < claimed->count && str_compare(claimed->rows[at].key, row->key) < 0)
            at++;
        for (size_t k = at; k < claimed->count && str_eq(claimed->rows[k].key, row->key); k++)
            shared = shared || claimed->rows[k].record != row->record;
        if (!shared)
            list->rows[kept++] = *row;
    }
    list->count = kept;
}

/* Somebody else may have made the same person since this page looked: then it looks again, and links. */
static bool
check_fresh(struct key_work *w, struct db *db, struct err *err)
{
    struct page_batch *b = w->batch;
    struct key_list *list = &w->fresh;
    qsort(list->rows, list->count, sizeof(*list->rows), by_key);
    drop_shared(list, &w->claimed); /* sorted when it was written */
    int64_t *scratch = ARENA_ARRAY(b->arena, int64_t, list->count + 1);
    struct str *keys = ARENA_ARRAY(b->arena, struct str, list->count + 1);
    int64_t *records = ARENA_ARRAY(b->arena, int64_t, list->count + 1);
    if (scratch == NULL || keys == NULL || records == NULL)
        return err_set(err, E_TOO_LARGE, "The page is larger than allowed");
    for (size_t i = 0; i < list->count; i++) {
        keys[i] = list->rows[i].key;
        records[i] = list->rows[i].record;
    }
    return store_match_is_ours(db, b->context->tenant, b->context->stream.collection, keys, records, list->count, scratch, err);
}

static void
keys_of_update(struct key_work *w, struct page_item *item)
{
    if (item->known->deleted) {
        claim_all(w, item);
        return;
    }
    if (!str_contains(item->history, STR("\"email\":")) && !str_contains(item->history, STR("\"phone\":")))
        return;
    add_keys_of(w->batch, &w->released, fields_of(w->batch, item->history), item->record);
    claim_all(w, item);
}

static void
keys_of_item(struct key_work *w, struct page_item *item)
{
    switch (item->action) {
    case PAGE_CREATE:
    case PAGE_LINK:
        claim_all(w, item);
        break;
    case PAGE_UPDATE:
        keys_of_update(w, item);
        break;
    case PAGE_TOMBSTONE:
        if (item->old != NULL)
            add_keys_of(w->batch, &w->released, fields_of(w->batch, item->old->data), item->record);
        break;
    case PAGE_SKIP:
    case PAGE_REJECT:
        break;
    }
}

bool
page_write_keys(struct page_batch *batch, struct db *db, struct err *err)
{
    if (!batch->context->match)
        return true;
    struct key_work w = {.batch = batch};
    size_t most = batch->item_count * PAGE_KEYS_MAX + 1;
    if (!list_init(batch->arena, &w.released, most) || !list_init(batch->arena, &w.claimed, most) ||
        !list_init(batch->arena, &w.fresh, most))
        return err_set(err, E_TOO_LARGE, "The page is larger than allowed");
    for (size_t i = 0; i < batch->item_count; i++)
        keys_of_item(&w, &batch->items[i]);
    return list_write(batch, db, &w.released, store_match_release, err) &&
           list_write(batch, db, &w.claimed, store_match_claim, err) && check_fresh(&w, db, err);
}
