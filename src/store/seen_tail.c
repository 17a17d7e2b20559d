#include "store/seen_tail.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"

#define YOUNG_FIRST 64
#define SLOTS_PER_ENTRY 2

struct seen_tail *
seen_tail_new(void)
{
    return alloc_zeroed(1, sizeof(struct seen_tail));
}

void
seen_tail_free(struct seen_tail *tail)
{
    if (!tail)
        return;
    free(tail->young);
    free(tail->slots);
    free(tail->old);
    free(tail);
}

/* As the tree is sorted: connection, then delivery. */
static int
compare(const void *left, const void *right)
{
    const struct seen_entry *a = left, *b = right;
    if (a->connection != b->connection)
        return a->connection < b->connection ? -1 : 1;
    return memcmp(a->delivery, b->delivery, SEEN_DELIVERY_BYTES);
}

/* The delivery is a digest: its bytes are as good as any hash of them. */
static size_t
slot_of(const struct seen_tail *tail, const struct seen_entry *key)
{
    uint64_t hash;
    memcpy(&hash, key->delivery, sizeof(hash));
    hash ^= (uint64_t)key->connection * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(hash >> 7) & (tail->slot_count - 1);
}

/* The slot that holds the key, or the free one where it belongs. */
static uint32_t *
find_slot(const struct seen_tail *tail, const struct seen_entry *key)
{
    size_t slot = slot_of(tail, key);
    while (tail->slots[slot] != 0 && compare(&tail->young[tail->slots[slot] - 1], key) != 0)
        slot = (slot + 1) & (tail->slot_count - 1);
    return &tail->slots[slot];
}

struct seen_entry *
seen_tail_find(struct seen_tail *tail, const struct seen_entry *key)
{
    uint32_t place = tail->young_count > 0 ? *find_slot(tail, key) : 0;
    if (place != 0)
        return &tail->young[place - 1];
    return tail->old ? bsearch(key, tail->old, tail->old_count, sizeof(*key), compare) : NULL;
}

static bool
make_room(struct seen_tail *tail)
{
    if (tail->young_count < tail->young_size)
        return true;
    size_t size = tail->young_size ? tail->young_size * 2 : YOUNG_FIRST;
    struct seen_entry *young = alloc_resized(tail->young, size * sizeof(*young));
    if (!young)
        return false;
    tail->young = young;
    uint32_t *slots = alloc_zeroed(size * SLOTS_PER_ENTRY, sizeof(*slots));
    if (!slots)
        return false;
    free(tail->slots);
    tail->slots = slots;
    tail->slot_count = size * SLOTS_PER_ENTRY;
    tail->young_size = size;
    for (size_t i = 0; i < tail->young_count; i++)
        *find_slot(tail, &young[i]) = (uint32_t)i + 1;
    return true;
}

bool
seen_tail_put(struct seen_tail *tail, const struct seen_entry *entry)
{
    if (!make_room(tail))
        return false;
    uint32_t *slot = find_slot(tail, entry);
    CHECK(*slot == 0);
    tail->young[tail->young_count++] = *entry;
    *slot = (uint32_t)tail->young_count;
    return true;
}

void
seen_tail_reshape(struct seen_tail *tail)
{
    tail->transaction.reshaped = tail->savepoint.reshaped = true;
}

void
seen_tail_turn(struct seen_tail *tail)
{
    CHECK(!tail->old);
    seen_tail_reshape(tail);
    tail->old = tail->young;
    tail->old_count = tail->young_count;
    tail->old_last_id = tail->last_id;
    tail->merged_count = 0;
    qsort(tail->old, tail->old_count, sizeof(*tail->old), compare);
    free(tail->slots);
    tail->young = NULL;
    tail->slots = NULL;
    tail->young_count = tail->young_size = tail->slot_count = 0;
}

void
seen_tail_drop_old(struct seen_tail *tail)
{
    seen_tail_reshape(tail);
    free(tail->old);
    tail->old = NULL;
    tail->old_count = tail->merged_count = 0;
}

void
seen_tail_mark(struct seen_tail *tail, struct seen_mark *mark)
{
    *mark = (struct seen_mark){.young_count = tail->young_count, .merged_count = tail->merged_count, .last_id = tail->last_id};
}

/* The newest goes first, so that no later one can have passed over its slot. */
bool
seen_tail_undo(struct seen_tail *tail, const struct seen_mark *mark)
{
    if (mark->reshaped)
        return false;
    while (tail->young_count > mark->young_count) {
        *find_slot(tail, &tail->young[tail->young_count - 1]) = 0;
        tail->young_count--;
    }
    tail->merged_count = mark->merged_count;
    tail->last_id = mark->last_id;
    return true;
}
