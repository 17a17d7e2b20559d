/*
 * Sorted lists of a collection, unique look-ups, and picking at random.
 *
 * A view is sorted once and kept until the world changes, because a client reads it page by page: 100,000
 * contacts are 6,700 pages of 15. A unique index never takes anything out: an entry that no longer holds
 * is found out when its object is read again, and forgotten when the index is next rebuilt.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "sandbox/people.h"
#include "sandbox/world_priv.h"

#define VIEW_TEXTS_BYTES (1024L * 1024 * 1024) /* keys of one sort */
#define OBJECT_SCRATCH_BYTES (64L * 1024 * 1024) /* reading one object */

struct sort_item {
    struct view_key key;
    uint32_t index;
};

static int
compare_items(const void *left_v, const void *right_v)
{
    const struct sort_item *left = left_v, *right = right_v;
    if (left->key.missing != right->key.missing)
        return left->key.missing ? 1 : -1;
    int order = str_compare(left->key.text, right->key.text);
    if (order == 0)
        order = (left->key.number > right->key.number) - (left->key.number < right->key.number);
    return order ? order : (left->index > right->index) - (left->index < right->index);
}

static int
compare_items_descending(const void *left_v, const void *right_v)
{
    const struct sort_item *left = left_v, *right = right_v;
    if (left->key.missing != right->key.missing)
        return left->key.missing ? 1 : -1;
    return -compare_items(left_v, right_v);
}

static struct view *
choose_view(struct collection *c, struct str name)
{
    for (unsigned i = 0; i < VIEWS_KEPT; i++)
        if (name.len > 0 && c->views[i].items != NULL && str_eq_c(name, c->views[i].name))
            return &c->views[i];
    struct view *view = &c->views[c->next_view];
    c->next_view = (c->next_view + 1) % VIEWS_KEPT;
    free(view->items);
    *view = (struct view){.made_at_change = -1};
    memcpy(view->name, name.ptr ? name.ptr : "", name.len);
    return view;
}

static bool
fill_view(struct world *world, struct collection *c, struct view *view, view_key_fn *key, const void *ctx,
          bool descending)
{
    struct arena scratch, texts;
    arena_init(&scratch, OBJECT_SCRATCH_BYTES);
    arena_init(&texts, VIEW_TEXTS_BYTES);
    struct sort_item *items = alloc_bytes((c->live + 1) * sizeof(*items));
    uint32_t *order = items ? alloc_resized(view->items, (c->live + 1) * sizeof(*order)) : NULL;
    if (order == NULL) {
        free(items);
        return false;
    }
    size_t count = 0;
    for (uint32_t i = 0; i < c->count; i++) {
        struct sort_item item = {.index = i};
        if (c->objects[i].deleted || !key(world, c, i, &scratch, ctx, &item.key))
            continue;
        CHECK(count < c->live);
        item.key.text = item.key.text.len ? str_copy(&texts, item.key.text) : STR_NONE;
        arena_clear(&scratch);
        items[count++] = item;
    }
    if (count > 1)
        qsort(items, count, sizeof(*items), descending ? compare_items_descending : compare_items);
    for (size_t i = 0; i < count; i++)
        order[i] = items[i].index;
    view->items = order;
    view->count = count;
    view->made_at_change = world->changes;
    free(items);
    arena_release(&scratch);
    arena_release(&texts);
    return true;
}

const struct view *
world_view(struct world *world, struct collection *c, struct str name, view_key_fn *key, const void *ctx,
           bool descending)
{
    if (name.len >= VIEW_NAME_BYTES)
        name = STR_NONE;
    struct view *view = choose_view(c, name);
    if (view->made_at_change == world->changes)
        return view;
    return fill_view(world, c, view, key, ctx, descending) ? view : NULL;
}

struct unique {
    unique_text_fn *text;
    uint32_t *places;  /* owned; open addressing by hash of the text; OBJECT_NONE is empty */
    size_t size;       /* a power of two, at least twice the entries */
    size_t entries;
};

void
unique_free(struct unique *unique)
{
    if (unique == NULL)
        return;
    free(unique->places);
    free(unique);
}

static uint64_t
hash_nocase(struct str text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a, then mixed */
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        hash = (hash ^ (c >= 'A' && c <= 'Z' ? c + 32u : c)) * UINT64_C(0x100000001b3);
    }
    return people_mix(hash, text.len);
}

static void
unique_put(struct unique *unique, struct str text, uint32_t index)
{
    size_t place = (size_t)hash_nocase(text) & (unique->size - 1);
    while (unique->places[place] != OBJECT_NONE && unique->places[place] != index)
        place = (place + 1) & (unique->size - 1);
    if (unique->places[place] == OBJECT_NONE)
        unique->entries++;
    unique->places[place] = index;
}

static bool
unique_fill(struct world *world, struct collection *c, struct unique *unique)
{
    size_t size = 1024;
    while (size < c->count * 3)
        size *= 2;
    uint32_t *places = alloc_bytes(size * sizeof(*places));
    if (places == NULL)
        return false;
    memset(places, 0xff, size * sizeof(*places));
    free(unique->places);
    *unique = (struct unique){.text = unique->text, .places = places, .size = size};
    struct arena scratch;
    arena_init(&scratch, OBJECT_SCRATCH_BYTES);
    for (uint32_t i = 0; i < c->count; i++) {
        struct str text = c->objects[i].deleted ? STR_NONE : unique->text(world, c, i, &scratch);
        if (!str_is_none(text))
            unique_put(unique, text, i);
        arena_clear(&scratch);
    }
    arena_release(&scratch);
    return true;
}

void
unique_added(struct world *world, struct collection *c, uint32_t index)
{
    struct arena scratch;
    arena_init(&scratch, OBJECT_SCRATCH_BYTES);
    for (unsigned i = 0; i < UNIQUES_MAX; i++) {
        struct unique *unique = c->uniques[i];
        if (unique == NULL)
            continue;
        if ((unique->entries + 1) * 2 > unique->size) {
            /* Without memory it is made anew by the next look-up. */
            if (unique_fill(world, c, unique))
                continue;
            unique_free(unique);
            c->uniques[i] = NULL;
            continue;
        }
        struct str text = unique->text(world, c, index, &scratch);
        if (!str_is_none(text))
            unique_put(unique, text, index);
        arena_clear(&scratch);
    }
    arena_release(&scratch);
}

static struct unique *
unique_of(struct world *world, struct collection *c, unsigned slot, unique_text_fn *text)
{
    CHECK(slot < UNIQUES_MAX);
    if (c->uniques[slot] != NULL)
        return c->uniques[slot];
    struct unique *unique = alloc_zeroed(1, sizeof(*unique));
    if (unique == NULL)
        return NULL;
    unique->text = text;
    if (!unique_fill(world, c, unique)) {
        unique_free(unique);
        return NULL;
    }
    c->uniques[slot] = unique;
    return unique;
}

uint32_t
world_find_unique(struct world *world, struct collection *c, unsigned slot, unique_text_fn *text, struct str wanted)
{
    const struct unique *unique = unique_of(world, c, slot, text);
    if (unique == NULL)
        return OBJECT_NONE;
    struct arena scratch;
    arena_init(&scratch, OBJECT_SCRATCH_BYTES);
    uint32_t found = OBJECT_NONE;
    size_t place = (size_t)hash_nocase(wanted) & (unique->size - 1);
    for (; found == OBJECT_NONE && unique->places[place] != OBJECT_NONE; place = (place + 1) & (unique->size - 1)) {
        uint32_t index = unique->places[place];
        if (!c->objects[index].deleted && str_eq_nocase(text(world, c, index, &scratch), wanted))
            found = index;
        arena_clear(&scratch);
    }
    arena_release(&scratch);
    return found;
}

uint32_t *
world_pick(struct world *world, struct collection *c, size_t count, struct arena *a, size_t *count_out)
{
    *count_out = 0;
    uint32_t *live = alloc_bytes((c->live + 1) * sizeof(*live));
    if (count > c->live)
        count = c->live;
    uint32_t *picked = ARENA_ARRAY(a, uint32_t, count + 1);
    if (live == NULL || picked == NULL) {
        free(live);
        return NULL;
    }
    size_t live_count = 0;
    for (uint32_t i = 0; i < c->count; i++)
        if (!c->objects[i].deleted)
            live[live_count++] = i;
    for (size_t i = 0; i < count; i++) { /* the first steps of a shuffle */
        size_t other = i + (size_t)rng_below(&world->rng, live_count - i);
        uint32_t kept = live[other];
        live[other] = live[i];
        live[i] = picked[i] = kept;
    }
    free(live);
    *count_out = count;
    return picked;
}
