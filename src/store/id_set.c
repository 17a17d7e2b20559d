/*
 * A set of ids: sorted chunks of 65,536 ids, each a sorted array while it is sparse and a bitmap when it
 * is dense (the idea of Roaring bitmaps, Chambi, Lemire and others 2016). Map ids of a stream grow together,
 * so a million of them take some 130 KB.
 */
#include "base/alloc.h"
#include "base/check.h"
#include "store/store_delete.h"

#define CHUNK_BITS 16
#define CHUNK_IDS (1u << CHUNK_BITS)
#define CHUNK_SPARSE_MAX 4096 /* as an array of 16-bit numbers this is as large as the bitmap */
#define CHUNK_WORDS (CHUNK_IDS / 64)

struct chunk {
    int64_t high;        /* id >> CHUNK_BITS */
    uint32_t count, size;
    uint16_t *sparse;    /* owned; sorted; NULL once it is dense */
    uint64_t *dense;     /* owned; CHUNK_WORDS words; NULL while it is sparse */
};

struct id_set {
    struct chunk *chunks; /* owned; sorted by high */
    size_t count, size;
    int64_t ids;
};

struct id_set *
id_set_new(void)
{
    return alloc_zeroed(1, sizeof(struct id_set));
}

void
id_set_free(struct id_set *set)
{
    if (!set)
        return;
    for (size_t i = 0; i < set->count; i++) {
        free(set->chunks[i].sparse);
        free(set->chunks[i].dense);
    }
    free(set->chunks);
    free(set);
}

/* The place of the first chunk that is not before `high`. Ids come in order mostly: the last one is tried first. */
static size_t
chunk_place(const struct id_set *set, int64_t high)
{
    if (set->count && set->chunks[set->count - 1].high < high)
        return set->count;
    size_t low = 0, end = set->count;
    while (low < end) {
        size_t middle = low + (end - low) / 2;
        if (set->chunks[middle].high < high)
            low = middle + 1;
        else
            end = middle;
    }
    return low;
}

static struct chunk *
chunk_make(struct id_set *set, int64_t high)
{
    size_t place = chunk_place(set, high);
    if (place < set->count && set->chunks[place].high == high)
        return &set->chunks[place];
    if (set->count == set->size) {
        size_t size = set->size ? set->size * 2 : 16;
        struct chunk *grown = alloc_resized(set->chunks, size * sizeof(*grown));
        if (!grown)
            return NULL;
        set->chunks = grown;
        set->size = size;
    }
    memmove(&set->chunks[place + 1], &set->chunks[place], (set->count - place) * sizeof(*set->chunks));
    set->chunks[place] = (struct chunk){.high = high};
    set->count++;
    return &set->chunks[place];
}

static uint32_t
sparse_place(const struct chunk *c, uint16_t low)
{
    uint32_t begin = 0, end = c->count;
    if (end && c->sparse[end - 1] < low)
        return end;
    while (begin < end) {
        uint32_t middle = begin + (end - begin) / 2;
        if (c->sparse[middle] < low)
            begin = middle + 1;
        else
            end = middle;
    }
    return begin;
}

static bool
make_dense(struct chunk *c)
{
    uint64_t *words = alloc_zeroed(CHUNK_WORDS, sizeof(*words));
    if (!words)
        return false;
    for (uint32_t i = 0; i < c->count; i++)
        words[c->sparse[i] / 64] |= UINT64_C(1) << (c->sparse[i] % 64);
    free(c->sparse);
    c->sparse = NULL;
    c->dense = words;
    return true;
}

/* *added_out: it was not there before. */
static bool
sparse_add(struct chunk *c, uint16_t low, bool *added_out)
{
    uint32_t place = sparse_place(c, low);
    *added_out = place == c->count || c->sparse[place] != low;
    if (!*added_out)
        return true;
    if (c->count == c->size) {
        uint32_t size = c->size ? c->size * 2 : 8;
        uint16_t *grown = alloc_resized(c->sparse, size * sizeof(*grown));
        if (!grown)
            return false;
        c->sparse = grown;
        c->size = size;
    }
    memmove(&c->sparse[place + 1], &c->sparse[place], (c->count - place) * sizeof(*c->sparse));
    c->sparse[place] = low;
    return true;
}

bool
id_set_add(struct id_set *set, int64_t id)
{
    CHECK(id >= 0);
    uint16_t low = (uint16_t)(id & (CHUNK_IDS - 1));
    struct chunk *c = chunk_make(set, id >> CHUNK_BITS);
    if (!c || (!c->dense && c->count == CHUNK_SPARSE_MAX && !make_dense(c)))
        return false;
    bool added;
    if (c->dense) {
        uint64_t bit = UINT64_C(1) << (low % 64);
        added = !(c->dense[low / 64] & bit);
        c->dense[low / 64] |= bit;
    } else if (!sparse_add(c, low, &added)) {
        return false;
    }
    c->count += added;
    set->ids += added;
    return true;
}

bool
id_set_has(const struct id_set *set, int64_t id)
{
    size_t place = chunk_place(set, id >> CHUNK_BITS);
    if (id < 0 || place == set->count || set->chunks[place].high != id >> CHUNK_BITS)
        return false;
    const struct chunk *c = &set->chunks[place];
    uint16_t low = (uint16_t)(id & (CHUNK_IDS - 1));
    if (c->dense)
        return c->dense[low / 64] >> (low % 64) & 1;
    uint32_t at = sparse_place(c, low);
    return at < c->count && c->sparse[at] == low;
}

int64_t
id_set_count(const struct id_set *set)
{
    return set->ids;
}
