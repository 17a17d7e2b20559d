/*
 * The world's objects: adding, changing, removing, and the journal of it. Sorting and look-ups are in
 * world_view.c. What needs care is that an index is the only lasting name of a row: the array moves when
 * it grows.
 */
#include "sandbox/world.h"

#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "sandbox/people.h"
#include "sandbox/world_priv.h"

struct world *
world_new(const void *vendor, int64_t account, uint64_t seed, const struct clock *clock)
{
    struct world *world = alloc_zeroed(1, sizeof(*world));
    if (world == NULL)
        return NULL;
    world->vendor = vendor;
    world->account = account;
    world->seed = people_mix(seed, (uint64_t)account);
    world->clock = clock;
    world->by = CHANGE_BY_SEED;
    rng_init(&world->rng, people_mix(world->seed, 1));
    return world;
}

static void
collection_release(struct collection *c)
{
    for (size_t i = 0; i < c->count; i++)
        free(c->objects[i].written);
    free(c->objects);
    for (unsigned i = 0; i < VIEWS_KEPT; i++)
        free(c->views[i].items);
    for (unsigned i = 0; i < UNIQUES_MAX; i++)
        unique_free(c->uniques[i]);
}

void
world_free(struct world *world)
{
    if (world == NULL)
        return;
    for (size_t i = 0; i < world->collection_count; i++)
        collection_release(&world->collections[i]);
    free(world->journal);
    free(world);
}

struct collection *
world_add_collection(struct world *world, const char *name, struct collection *parent)
{
    CHECK(world->collection_count < COLLECTIONS_MAX);
    struct collection *c = &world->collections[world->collection_count++];
    *c = (struct collection){.name = name, .parent = parent, .next_id = 1};
    if (parent != NULL) {
        CHECK(parent->children == NULL);
        parent->children = c;
    }
    return c;
}

struct collection *
world_collection(struct world *world, struct str name)
{
    for (size_t i = 0; i < world->collection_count; i++)
        if (str_eq_c(name, world->collections[i].name))
            return &world->collections[i];
    return NULL;
}

/* The ring grows by doubling to its full size; a change that finds no memory is only counted. */
static bool
journal_reserve(struct world *world)
{
    size_t needed = (size_t)world->journal_count + 1;
    if (needed <= world->journal_size || world->journal_size == JOURNAL_MAX)
        return true;
    size_t size = world->journal_size ? world->journal_size * 2 : 256;
    if (size > JOURNAL_MAX)
        size = JOURNAL_MAX;
    struct change *grown = alloc_resized(world->journal, size * sizeof(*grown));
    if (grown == NULL)
        return false;
    world->journal = grown;
    world->journal_size = size;
    return true;
}

static void
note_change(struct world *world, struct collection *c, uint32_t index, enum change_kind kind)
{
    world->changes++;
    if (world->by == CHANGE_BY_SEED || !journal_reserve(world))
        return;
    int64_t seq = ++world->journal_count;
    world->journal[(size_t)(seq - 1) % world->journal_size] = (struct change){
        .seq = seq,
        .at_us = clock_wall_us(world->clock),
        .object_id = c->objects[index].id,
        .collection = c,
        .kind = (uint8_t)kind,
        .by = (uint8_t)world->by,
    };
}

static bool
collection_reserve(struct collection *c)
{
    if (c->count < c->size)
        return true;
    if (c->count >= OBJECTS_MAX)
        return false;
    size_t size = c->size ? c->size + c->size / 2 : 64;
    struct object *grown = alloc_resized(c->objects, size * sizeof(*grown));
    if (grown == NULL)
        return false;
    c->objects = grown;
    c->size = size;
    return true;
}

static void
link_child(struct collection *c, uint32_t index, uint32_t parent)
{
    struct object *child = &c->objects[index];
    child->parent = parent;
    child->next_sibling = OBJECT_NONE;
    if (parent == OBJECT_NONE)
        return;
    CHECK(c->parent != NULL);
    struct object *above = world_object(c->parent, parent);
    if (above->last_child == OBJECT_NONE)
        above->first_child = index;
    else
        c->objects[above->last_child].next_sibling = index;
    above->last_child = index;
    above->child_count++;
}

static void
unlink_child(struct collection *c, uint32_t index)
{
    struct object *child = &c->objects[index];
    if (child->parent == OBJECT_NONE)
        return;
    struct object *above = world_object(c->parent, child->parent);
    uint32_t before = OBJECT_NONE;
    for (uint32_t i = above->first_child; i != index; i = c->objects[i].next_sibling)
        before = i;
    if (before == OBJECT_NONE)
        above->first_child = child->next_sibling;
    else
        c->objects[before].next_sibling = child->next_sibling;
    if (above->last_child == index)
        above->last_child = before;
    above->child_count--;
    child->parent = child->next_sibling = OBJECT_NONE;
}

static uint32_t
add_row(struct collection *c, int64_t id, int64_t created_us, uint32_t parent)
{
    if (!collection_reserve(c))
        return OBJECT_NONE;
    CHECK(id == 0 || id >= c->next_id);
    uint32_t index = (uint32_t)c->count++;
    c->objects[index] = (struct object){
        .id = id ? id : c->next_id,
        .created_us = created_us,
        .updated_us = created_us,
        .number = OBJECT_NONE,
        .parent = OBJECT_NONE,
        .first_child = OBJECT_NONE,
        .last_child = OBJECT_NONE,
        .next_sibling = OBJECT_NONE,
    };
    c->next_id = c->objects[index].id + 1;
    c->live++;
    link_child(c, index, parent);
    return index;
}

uint32_t
world_add(struct world *world, struct collection *c, int64_t id, int64_t created_us, uint32_t parent)
{
    uint32_t index = add_row(c, id, created_us, parent);
    if (index == OBJECT_NONE)
        return OBJECT_NONE;
    c->objects[index].number = c->next_number++;
    unique_added(world, c, index);
    note_change(world, c, index, CHANGE_CREATE);
    return index;
}

uint32_t
world_add_written(struct world *world, struct collection *c, int64_t created_us, uint32_t parent, struct str written)
{
    uint32_t index = add_row(c, 0, created_us, parent);
    if (index == OBJECT_NONE)
        return OBJECT_NONE;
    if (!set_written(&c->objects[index], written)) {
        c->objects[index].deleted = true;
        c->live--;
        return OBJECT_NONE;
    }
    unique_added(world, c, index);
    note_change(world, c, index, CHANGE_CREATE);
    return index;
}

struct object *
world_object(struct collection *c, uint32_t index)
{
    CHECK(index < c->count);
    return &c->objects[index];
}

uint32_t
world_find(struct collection *c, int64_t id)
{
    size_t low = 0, high = c->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (c->objects[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < c->count && c->objects[low].id == id && !c->objects[low].deleted;
    return found ? (uint32_t)low : OBJECT_NONE;
}

void
world_touch(struct world *world, struct collection *c, uint32_t index)
{
    world_object(c, index)->updated_us = clock_wall_us(world->clock);
    note_change(world, c, index, CHANGE_UPDATE);
}

void
world_edit(struct world *world, struct collection *c, uint32_t index)
{
    world_object(c, index)->revision++;
    unique_added(world, c, index);
    world_touch(world, c, index);
}

bool
set_written(struct object *object, struct str written)
{
    char *copy = alloc_bytes(written.len ? written.len : 1);
    if (copy == NULL)
        return false;
    if (written.len)
        memcpy(copy, written.ptr, written.len);
    free(object->written);
    object->written = copy;
    object->written_bytes = (uint32_t)written.len;
    return true;
}

bool
world_write(struct world *world, struct collection *c, uint32_t index, struct str written)
{
    if (!set_written(world_object(c, index), written))
        return false;
    unique_added(world, c, index);
    world_touch(world, c, index);
    return true;
}

void
world_remove(struct world *world, struct collection *c, uint32_t index)
{
    struct object *object = world_object(c, index);
    if (object->deleted)
        return;
    object->deleted = true;
    object->updated_us = clock_wall_us(world->clock);
    c->live--;
    note_change(world, c, index, CHANGE_DELETE);
    if (c->children == NULL)
        return;
    /* At most COLLECTIONS_MAX deep: a collection has one parent, made before it. */
    for (uint32_t i = object->first_child; i != OBJECT_NONE; i = c->children->objects[i].next_sibling)
        world_remove(world, c->children, i);
}

void
world_move(struct world *world, struct collection *c, uint32_t index, uint32_t parent)
{
    unlink_child(c, index);
    link_child(c, index, parent);
    world_touch(world, c, index);
}

uint32_t *
world_children(struct arena *a, struct collection *children, const struct object *parent, size_t *count_out)
{
    *count_out = 0;
    if (parent->child_count == 0)
        return NULL;
    uint32_t *items = ARENA_ARRAY(a, uint32_t, parent->child_count);
    if (items == NULL)
        return NULL;
    for (uint32_t i = parent->first_child; i != OBJECT_NONE; i = children->objects[i].next_sibling)
        if (!children->objects[i].deleted)
            items[(*count_out)++] = i;
    return items;
}

int64_t
world_whole(int64_t grain_us, int64_t us)
{
    return us - us % grain_us;
}

int64_t
world_spread(int64_t grain_us, uint64_t seed, int64_t i, int64_t count)
{
    int64_t step = WORLD_SPAN_US / (count + 1);
    int64_t noise = (int64_t)(people_mix(seed, (uint64_t)i) % (uint64_t)(step ? step : 1));
    return world_whole(grain_us, WORLD_NEWEST_US - WORLD_SPAN_US + i * step + noise);
}

bool
world_fill(struct world *world, int64_t grain_us, struct collection *c, int64_t first_id, int64_t count)
{
    uint64_t seed = world->seed ^ (uint64_t)first_id;
    for (int64_t i = 0; i < count; i++)
        if (world_add(world, c, i == 0 ? first_id : 0, world_spread(grain_us, seed, i, count), OBJECT_NONE) == OBJECT_NONE)
            return false;
    return true;
}
