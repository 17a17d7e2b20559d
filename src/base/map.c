#include "base/map.h"

#include "base/hash.h"

#define MAP_FIRST_SIZE 16

void
map_init(struct map *m, struct arena *a)
{
    *m = (struct map){.arena = a};
}

static uint64_t
hash_key(struct str s)
{
    uint64_t hash = hash_add(HASH_START, s);
    return hash ^ hash >> 29;
}

/* The place of the key, or the empty place where it belongs. size > 0. */
static struct map_entry *
find(const struct map *m, struct str key, uint64_t hash)
{
    for (size_t i = hash & (m->size - 1);; i = (i + 1) & (m->size - 1)) {
        struct map_entry *entry = &m->entries[i];
        if (!entry->key.ptr || (entry->hash == hash && str_eq(entry->key, key)))
            return entry;
    }
}

static bool
grow(struct map *m)
{
    struct map bigger = {.arena = m->arena, .count = m->count, .size = m->size ? m->size * 2 : MAP_FIRST_SIZE};
    bigger.entries = ARENA_ARRAY(m->arena, struct map_entry, bigger.size);
    if (!bigger.entries)
        return false;
    for (size_t i = 0; i < m->size; i++)
        if (m->entries[i].key.ptr)
            *find(&bigger, m->entries[i].key, m->entries[i].hash) = m->entries[i];
    *m = bigger;
    return true;
}

static struct str
not_null(struct str key)
{
    return key.ptr ? key : STR("");
}

void *
map_get(const struct map *m, struct str key)
{
    key = not_null(key);
    return m->size ? find(m, key, hash_key(key))->value : NULL;
}

bool
map_has(const struct map *m, struct str key)
{
    key = not_null(key);
    return m->size && find(m, key, hash_key(key))->key.ptr;
}

bool
map_put(struct map *m, struct str key, void *value)
{
    key = not_null(key);
    if (m->count + 1 > m->size / 4 * 3 && !grow(m))
        return false;
    uint64_t hash = hash_key(key);
    struct map_entry *entry = find(m, key, hash);
    m->count += entry->key.ptr == NULL;
    *entry = (struct map_entry){key, value, hash};
    return true;
}
