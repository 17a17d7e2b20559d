#include "store/match_tail.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#define BUCKET_GROWTH 16 /* entries; a full bucket has 128 where LIMIT_MATCH_TAIL_KEYS wait */

struct match_tail *
match_tail_new(void)
{
    return alloc_zeroed(1, sizeof(struct match_tail));
}

void
match_tail_free(struct match_tail *tail)
{
    if (!tail)
        return;
    for (unsigned i = 0; i < MATCH_BUCKETS; i++)
        free(tail->buckets[i].entries);
    free(tail);
}

/* The place of the first entry that is not below `hash`. */
static uint32_t
place_of(const struct match_bucket *bucket, uint64_t hash)
{
    uint32_t low = 0, end = bucket->count;
    while (low < end) {
        uint32_t middle = low + (end - low) / 2;
        if (bucket->entries[middle].hash < hash)
            low = middle + 1;
        else
            end = middle;
    }
    return low;
}

const struct match_entry *
match_tail_find(const struct match_tail *tail, uint64_t hash)
{
    const struct match_bucket *bucket = &tail->buckets[match_bucket_of(hash)];
    uint32_t place = place_of(bucket, hash);
    return place < bucket->count && bucket->entries[place].hash == hash ? &bucket->entries[place] : NULL;
}

static bool
make_room(struct match_bucket *bucket)
{
    if (bucket->count < bucket->size)
        return true;
    uint32_t size = bucket->size + BUCKET_GROWTH;
    struct match_entry *entries = alloc_resized(bucket->entries, size * sizeof(*entries));
    if (!entries)
        return false;
    bucket->entries = entries;
    bucket->size = size;
    return true;
}

bool
match_tail_put(struct match_tail *tail, const struct match_entry *entry)
{
    struct match_bucket *bucket = &tail->buckets[match_bucket_of(entry->hash)];
    uint32_t place = place_of(bucket, entry->hash);
    if (place < bucket->count && bucket->entries[place].hash == entry->hash) {
        bucket->entries[place] = *entry;
        return true;
    }
    if (!make_room(bucket))
        return false;
    struct match_entry *at = bucket->entries + place;
    memmove(at + 1, at, (bucket->count - place) * sizeof(*at));
    *at = *entry;
    bucket->count++;
    tail->count++;
    return true;
}

void
match_tail_drop(struct match_tail *tail, unsigned bucket)
{
    struct match_bucket *dropped = &tail->buckets[bucket];
    tail->count -= dropped->count;
    free(dropped->entries);
    *dropped = (struct match_bucket){0};
}
