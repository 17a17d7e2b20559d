/*
 * Arenas: memory that is given back all at once.
 *
 * Four lifetimes exist (style, section 5): request, page, run, startup. A function that allocates
 * takes a `struct arena *a`, and its result lives until the arena is cleared, rewound past it or
 * released. Every arena has a cap in bytes; past it arena_alloc returns NULL and the caller answers
 * E_TOO_LARGE. An arena belongs to one thread at a time.
 *
 * Built with ARENA_EMULATE each allocation is its own heap block, so that address sanitizer sees an
 * overrun inside a region and a use after rewind. Sanitizer builds set it.
 */
#ifndef TIDEMARK_BASE_ARENA_H
#define TIDEMARK_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct arena_block;

struct arena {
    struct arena_block *newest; /* owned; malloc'd blocks, newest first */
    size_t used_bytes;          /* handed out since the last clear, alignment included */
    size_t cap_bytes;           /* arena_alloc fails when used_bytes would pass this */
    size_t block_bytes;         /* size of the next ordinary block */
};

struct arena_mark {
    struct arena_block *newest;
    size_t block_used;
    size_t used_bytes;
};

/* Fills the caller's struct; allocates nothing until first use. cap_bytes > 0. */
void arena_init(struct arena *a, size_t cap_bytes);
/* Frees everything. Accepts a zeroed struct. The arena may be used again afterwards. */
void arena_release(struct arena *a);
/* Forgets everything but keeps a block for reuse, of the size that was used where that is not much. */
void arena_clear(struct arena *a);

/* Zeroed memory, aligned for any type; NULL past the cap or when the system has no memory. */
void *arena_alloc(struct arena *a, size_t bytes);
/* The same for `count` items; NULL also when the product overflows. */
void *arena_alloc_array(struct arena *a, size_t count, size_t item_bytes);
/* Not zeroed and not aligned: for text. */
char *arena_alloc_bytes(struct arena *a, size_t bytes);
/*
 * Grows `old` (may be NULL) to new_bytes, in place where it is the newest allocation; else copies
 * old_bytes. New bytes are not zeroed. NULL as above, `old` stays valid then.
 */
void *arena_grow(struct arena *a, void *old, size_t old_bytes, size_t new_bytes);

/* Do the bytes at ptr come from this arena? Costs a step per block. */
bool arena_owns(const struct arena *a, const void *ptr);

#define ARENA_NEW(a, type) ((type *)arena_alloc((a), sizeof(type)))
#define ARENA_ARRAY(a, type, count) ((type *)arena_alloc_array((a), (count), sizeof(type)))

/* Bracket a loop body: what was allocated after the mark is given back by the rewind. */
struct arena_mark arena_mark(const struct arena *a);
void arena_rewind(struct arena *a, struct arena_mark mark);

#endif
