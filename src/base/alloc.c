#include "base/alloc.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>

#define HEAPS_MAX 2                      /* glibc would keep one for every thread, each with its own leftovers */
#define TRIM_BYTES (512 * 1024)          /* free at a heap's end before it is given back: less, and a burst gives and takes all the time */
#define MAPPED_BYTES_MIN (128 * 1024)    /* larger blocks go back to the system when freed; unset, glibc raises this */

static atomic_llong fail_at; /* 0: never */
static atomic_int fail_lasting;
static atomic_llong calls;

/* Counting costs one relaxed load in production, where fail_at stays 0. */
static int
must_fail(void)
{
    long long at = atomic_load_explicit(&fail_at, memory_order_relaxed);
    if (at == 0)
        return 0;
    long long call = atomic_fetch_add(&calls, 1) + 1;
    return call == at || (call > at && atomic_load(&fail_lasting));
}

void *
alloc_bytes(size_t bytes)
{
    return must_fail() ? NULL : malloc(bytes ? bytes : 1);
}

void *
alloc_zeroed(size_t count, size_t item_bytes)
{
    return must_fail() ? NULL : calloc(count ? count : 1, item_bytes ? item_bytes : 1);
}

void *
alloc_resized(void *old, size_t bytes)
{
    return must_fail() ? NULL : realloc(old, bytes ? bytes : 1);
}

void
alloc_fail_at(int64_t nth, int lasting)
{
    atomic_store(&calls, 0);
    atomic_store(&fail_lasting, lasting);
    atomic_store(&fail_at, nth);
}

int64_t
alloc_calls(void)
{
    return atomic_load(&calls);
}

void
alloc_tune(void)
{
    mallopt(M_ARENA_MAX, HEAPS_MAX);
    mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES_MIN);
    mallopt(M_TRIM_THRESHOLD, TRIM_BYTES);
}
