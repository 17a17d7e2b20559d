#include "store/match_tail.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

/*
 * A byte a key and two bits set: one of twenty new keys looks into the tree in vain. At most 2 MB for all buckets,
 * enough for 2 million keys; with 10 million every other new key looks in vain.
 */
#define FILTER_KEY_BYTES 1
#define FILTER_BYTES_MIN 16
#define FILTER_BYTES_MAX 1024
#define BUCKET_GROWTH 16 /* entries; a full bucket has 128 where LIMIT_MATCH_TAIL_KEYS wait */

struct match_tail *
match_tail_new(void)
{
    return alloc_zeroed(1, sizeof(struct match_tail));
}

static void
free_bucket(struct match_bucket *bucket)
{
    free(bucket->entries);
    free(bucket->filter.bits);
}

void
match_tail_free(struct match_tail *tail)
{
    if (!tail)
        return;
    for (unsigned i = 0; i < MATCH_BUCKETS; i++)
        free_bucket(&tail->buckets[i]);
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
    dropped->entries = NULL;
    dropped->count = dropped->size = 0;
}

/* ---- what the tree may hold ---- */

/* Two places in a filter, from bits of the hash that do not choose the bucket. */
static void
places_in(const struct match_filter *filter, uint64_t hash, uint32_t places_out[2])
{
    uint32_t last = filter->bytes * 8 - 1;
    places_out[0] = (uint32_t)hash & last;
    places_out[1] = (uint32_t)(hash >> 26) & last;
}

bool
match_filter_begin(struct match_tail *tail, unsigned bucket, size_t count)
{
    struct match_filter *filter = &tail->buckets[bucket].filter;
    uint32_t bytes = FILTER_BYTES_MIN;
    while (bytes < count * FILTER_KEY_BYTES && bytes < FILTER_BYTES_MAX)
        bytes *= 2;
    free(filter->bits);
    *filter = (struct match_filter){.bits = alloc_zeroed(bytes, 1), .bytes = bytes};
    return filter->bits != NULL;
}

void
match_filter_add(struct match_tail *tail, uint64_t hash)
{
    struct match_filter *filter = &tail->buckets[match_bucket_of(hash)].filter;
    uint32_t places[2];
    places_in(filter, hash, places);
    for (int i = 0; i < 2; i++)
        filter->bits[places[i] / 8] |= (unsigned char)(1u << places[i] % 8);
    filter->count++;
}

bool
match_filter_fits(const struct match_tail *tail, unsigned bucket, size_t more)
{
    const struct match_filter *filter = &tail->buckets[bucket].filter;
    return filter->bits && (filter->bytes == FILTER_BYTES_MAX || (filter->count + more) * FILTER_KEY_BYTES <= filter->bytes);
}

bool
match_filter_may_hold(const struct match_tail *tail, uint64_t hash)
{
    const struct match_filter *filter = &tail->buckets[match_bucket_of(hash)].filter;
    if (!filter->bits)
        return true;
    uint32_t places[2];
    places_in(filter, hash, places);
    return (filter->bits[places[0] / 8] >> places[0] % 8 & 1) && (filter->bits[places[1] / 8] >> places[1] % 8 & 1);
}
