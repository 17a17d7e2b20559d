#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"

#define ARENA_ALIGN 16
#define ARENA_FIRST_BLOCK_BYTES 4096
#define ARENA_BLOCK_BYTES_MAX (4 * 1024 * 1024) /* a page or a batch of events fits: its memory stays, and is not asked for anew */
#define ARENA_SPARE 8 /* an eighth more than was used, so that a slightly larger page fits too */

struct arena_block {
    struct arena_block *older;
    size_t size;
    size_t used;
    _Alignas(ARENA_ALIGN) char bytes[];
};

void
arena_init(struct arena *a, size_t cap_bytes)
{
    CHECK(cap_bytes > 0);
    *a = (struct arena){.cap_bytes = cap_bytes, .block_bytes = ARENA_FIRST_BLOCK_BYTES};
}

static void
free_down_to(struct arena *a, const struct arena_block *keep)
{
    while (a->newest != keep) {
        struct arena_block *older = a->newest->older;
        free(a->newest);
        a->newest = older;
    }
}

void
arena_release(struct arena *a)
{
    free_down_to(a, NULL);
    a->used_bytes = 0;
    a->block_bytes = ARENA_FIRST_BLOCK_BYTES;
}

static bool
block_add(struct arena *a, size_t bytes)
{
    struct arena_block *block = alloc_bytes(sizeof(*block) + bytes);
    if (!block)
        return false;
    *block = (struct arena_block){.older = a->newest, .size = bytes};
    a->newest = block;
    return true;
}

#ifdef ARENA_EMULATE

void
arena_clear(struct arena *a)
{
    arena_release(a);
}

static char *
take(struct arena *a, size_t bytes, size_t align)
{
    (void)align;
    if (bytes > a->cap_bytes - a->used_bytes || !block_add(a, bytes))
        return NULL;
    a->newest->used = bytes;
    a->used_bytes += bytes;
    return a->newest->bytes;
}

static bool
grow_in_place(struct arena *a, void *old, size_t old_bytes, size_t new_bytes)
{
    (void)a, (void)old, (void)old_bytes, (void)new_bytes;
    return false;
}

#else

/* One block stays. If there were more, none does: the next one is made large enough for what there was. */
void
arena_clear(struct arena *a)
{
    if (a->newest && a->newest->older) {
        size_t used = a->used_bytes + a->used_bytes / ARENA_SPARE;
        free_down_to(a, NULL);
        a->block_bytes = used < ARENA_FIRST_BLOCK_BYTES ? ARENA_FIRST_BLOCK_BYTES
                         : used < ARENA_BLOCK_BYTES_MAX ? used : ARENA_BLOCK_BYTES_MAX;
    }
    if (a->newest)
        a->newest->used = 0;
    a->used_bytes = 0;
}

static bool
fits(const struct arena_block *block, size_t padding, size_t bytes)
{
    return block && padding <= block->size - block->used && bytes <= block->size - block->used - padding;
}

static char *
take(struct arena *a, size_t bytes, size_t align)
{
    size_t padding = a->newest ? -a->newest->used & (align - 1) : 0;
    if (bytes > a->cap_bytes - a->used_bytes)
        return NULL;
    if (!fits(a->newest, padding, bytes)) {
        size_t size = bytes > a->block_bytes ? bytes : a->block_bytes;
        if (!block_add(a, size))
            return NULL;
        if (a->block_bytes < ARENA_BLOCK_BYTES_MAX)
            a->block_bytes *= 2;
        padding = 0;
    }
    char *taken = a->newest->bytes + a->newest->used + padding;
    a->newest->used += padding + bytes;
    a->used_bytes += bytes;
    return taken;
}

static bool
grow_in_place(struct arena *a, void *old, size_t old_bytes, size_t new_bytes)
{
    struct arena_block *block = a->newest;
    size_t more = new_bytes - old_bytes;
    if (!old || !block || (char *)old + old_bytes != block->bytes + block->used ||
        more > block->size - block->used || more > a->cap_bytes - a->used_bytes)
        return false;
    block->used += more;
    a->used_bytes += more;
    return true;
}

#endif

void *
arena_alloc(struct arena *a, size_t bytes)
{
    void *taken = take(a, bytes, ARENA_ALIGN);
    if (taken)
        memset(taken, 0, bytes);
    return taken;
}

void *
arena_alloc_array(struct arena *a, size_t count, size_t item_bytes)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, item_bytes, &bytes))
        return NULL;
    return arena_alloc(a, bytes);
}

char *
arena_alloc_bytes(struct arena *a, size_t bytes)
{
    return take(a, bytes, 1);
}

void *
arena_grow(struct arena *a, void *old, size_t old_bytes, size_t new_bytes)
{
    CHECK(new_bytes >= old_bytes);
    if (grow_in_place(a, old, old_bytes, new_bytes))
        return old;
    void *grown = take(a, new_bytes, ARENA_ALIGN);
    if (grown && old_bytes)
        memcpy(grown, old, old_bytes);
    return grown;
}

bool
arena_owns(const struct arena *a, const void *ptr)
{
    for (const struct arena_block *block = a->newest; block; block = block->older)
        if ((uintptr_t)ptr >= (uintptr_t)block->bytes && (uintptr_t)ptr < (uintptr_t)block->bytes + block->used)
            return true;
    return false;
}

struct arena_mark
arena_mark(const struct arena *a)
{
    return (struct arena_mark){a->newest, a->newest ? a->newest->used : 0, a->used_bytes};
}

void
arena_rewind(struct arena *a, struct arena_mark mark)
{
    free_down_to(a, mark.newest);
    if (a->newest)
        a->newest->used = mark.block_used;
    a->used_bytes = mark.used_bytes;
}
