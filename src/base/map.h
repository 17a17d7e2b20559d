/*
 * A hash map from text to a pointer. Keys are not copied: they must live as long as the map. Memory
 * comes from the arena given at init; nothing is removed one by one. One thread at a time.
 */
#ifndef TIDEMARK_BASE_MAP_H
#define TIDEMARK_BASE_MAP_H

#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

struct map_entry {
    struct str key;
    void *value;
    uint64_t hash;
};

struct map {
    struct arena *arena;
    struct map_entry *entries; /* open addressing; a NULL key.ptr is an empty place */
    size_t count, size;        /* size is 0 or a power of two */
};

void map_init(struct map *m, struct arena *a);
/* NULL where the key is missing; a stored NULL cannot be told apart, use map_has. */
void *map_get(const struct map *m, struct str key);
bool map_has(const struct map *m, struct str key);
/* Adds or replaces. False when the arena is full. */
MUST_USE bool map_put(struct map *m, struct str key, void *value);

#endif
