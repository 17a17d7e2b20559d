/*
 * A set of hashes: page tokens and partitions that were met before. A table with open addressing, its own memory; without
 * memory it forgets rather than fails, and a run's other caps end a loop.
 */
#include "template/reader_priv.h"

#include "base/alloc.h"

static bool
seen_grow(struct seen *seen)
{
    size_t size = seen->size ? seen->size * 2 : 64;
    uint64_t *slots = alloc_zeroed(size, sizeof(*slots));
    if (!slots)
        return false;
    for (size_t i = 0; i < seen->size; i++) {
        size_t at = (size_t)seen->slots[i] & (size - 1);
        while (seen->slots[i] && slots[at])
            at = (at + 1) & (size - 1);
        if (seen->slots[i])
            slots[at] = seen->slots[i];
    }
    free(seen->slots);
    seen->slots = slots, seen->size = size;
    return true;
}

bool
seen_add(struct seen *seen, uint64_t hash)
{
    if (hash == 0 || (seen->count * 2 >= seen->size && !seen_grow(seen)))
        return true; /* no memory: the run's other caps still end a loop */
    size_t at = (size_t)hash & (seen->size - 1);
    for (; seen->slots[at]; at = (at + 1) & (seen->size - 1))
        if (seen->slots[at] == hash)
            return false;
    seen->slots[at] = hash;
    seen->count++;
    return true;
}

void
seen_release(struct seen *seen)
{
    free(seen->slots);
    *seen = (struct seen){0};
}
