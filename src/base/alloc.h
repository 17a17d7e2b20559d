/*
 * The one door to the heap, so that a test can make the Nth allocation fail (I-37).
 *
 * Everything of ours that is not in an arena comes from here and is released with free(). Libraries
 * that take an allocator are given these functions. Any thread.
 */
#ifndef TIDEMARK_BASE_ALLOC_H
#define TIDEMARK_BASE_ALLOC_H

#include <stddef.h>
#include <stdint.h>

void *alloc_bytes(size_t bytes);                    /* NULL when there is none; not zeroed */
void *alloc_zeroed(size_t count, size_t item_bytes); /* NULL when there is none */
void *alloc_resized(void *old, size_t bytes);        /* as realloc */

/*
 * For tests: the Nth call from now (1 is the next one) fails, and with `lasting` every later one too.
 * 0 switches it off. alloc_calls() counts since the last setting.
 */
void alloc_fail_at(int64_t nth, int lasting);
int64_t alloc_calls(void);

/*
 * Has the process keep little of what was freed: runs come and go on several threads, and without this each leaves
 * megabytes behind. Once, before any thread is started.
 */
void alloc_tune(void);

#endif
