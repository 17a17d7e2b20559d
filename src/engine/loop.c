/*
 * Does this run get anywhere? (I-8)
 *
 * The set holds hashes only: eight bytes a page. What is hard is telling a loop from honest monotony: a
 * substream may visit a thousand parents without children, so a page counts as idle only while its slice
 * stays the same, and an empty page or one with exactly the ids of the page before brings nothing. Of the
 * latter a few are enough: no honest vendor gives the same records for page after page.
 */
#include "engine/loop.h"

#include <xxhash.h>

#include "base/alloc.h"
#include "base/limits.h"

#define TOKENS_FIRST_SIZE 64

void
loop_init(struct loop_guard *guard, int64_t monotonic_us)
{
    *guard = (struct loop_guard){.began_us = monotonic_us};
}

void
loop_release(struct loop_guard *guard)
{
    free(guard->tokens);
    guard->tokens = NULL;
    guard->token_count = guard->token_size = 0;
}

void
loop_begin_stream(struct loop_guard *guard)
{
    loop_release(guard);
    guard->slice_hash = guard->content_hash = 0;
    guard->idle_pages = guard->same_pages = 0;
}

/* The place of a hash, or the empty one where it belongs. */
static uint64_t *
token_place(uint64_t *tokens, size_t size, uint64_t hash)
{
    size_t i = (size_t)hash & (size - 1);
    while (tokens[i] != 0 && tokens[i] != hash)
        i = (i + 1) & (size - 1);
    return &tokens[i];
}

static bool
tokens_grow(struct loop_guard *guard, struct err *err)
{
    size_t size = guard->token_size == 0 ? TOKENS_FIRST_SIZE : guard->token_size * 2;
    uint64_t *tokens = alloc_zeroed(size, sizeof(*tokens));
    if (tokens == NULL)
        return err_no_memory(err);
    for (size_t i = 0; i < guard->token_size; i++)
        if (guard->tokens[i] != 0)
            *token_place(tokens, size, guard->tokens[i]) = guard->tokens[i];
    free(guard->tokens);
    guard->tokens = tokens;
    guard->token_size = size;
    return true;
}

/* True when it was new; *seen_out tells whether it was there. False: no memory. */
static bool
token_add(struct loop_guard *guard, uint64_t hash, bool *seen_out, struct err *err)
{
    if (guard->token_count * 2 >= guard->token_size && !tokens_grow(guard, err))
        return false;
    uint64_t *place = token_place(guard->tokens, guard->token_size, hash);
    *seen_out = *place == hash;
    if (!*seen_out) {
        *place = hash;
        guard->token_count++;
    }
    return true;
}

bool
loop_restore_token(struct loop_guard *guard, uint64_t token_hash, struct err *err)
{
    bool seen = false;
    return token_hash == 0 || token_add(guard, token_hash, &seen, err);
}

static bool
check_caps(struct loop_guard *guard, int64_t monotonic_us, struct err *err)
{
    if (guard->pages > LIMIT_RUN_PAGES)
        return err_set(err, E_RUN_LIMIT, "The run read more than %d pages", LIMIT_RUN_PAGES);
    if (guard->bytes > LIMIT_RUN_BYTES)
        return err_set(err, E_RUN_LIMIT, "The run read more than %lld bytes", (long long)LIMIT_RUN_BYTES);
    if (monotonic_us - guard->began_us > LIMIT_RUN_HOURS * US_PER_HOUR)
        return err_set(err, E_RUN_LIMIT, "The run took longer than %d hours", LIMIT_RUN_HOURS);
    return true;
}

static bool
check_progress(struct loop_guard *guard, const struct loop_page *page, struct err *err)
{
    uint64_t slice_hash = XXH3_64bits(page->slice.ptr, page->slice.len);
    bool same_slice = slice_hash == guard->slice_hash, same_content = page->content_hash == guard->content_hash;
    bool brings_nothing = page->content_hash == 0 || same_content;
    guard->idle_pages = same_slice && brings_nothing ? guard->idle_pages + 1 : 0;
    guard->same_pages = same_slice && same_content && page->content_hash != 0 ? guard->same_pages + 1 : 0;
    guard->slice_hash = slice_hash;
    guard->content_hash = page->content_hash;
    if (guard->same_pages >= LIMIT_SAME_PAGES)
        return err_set(err, E_CURSOR_LOOP, "The vendor gave the same page %d times in a row, whatever page was asked for",
                       LIMIT_SAME_PAGES);
    if (guard->idle_pages >= LIMIT_PAGES_WITHOUT_PROGRESS)
        return err_set(err, E_RUN_LIMIT, "%d pages in a row brought nothing new: the vendor's paging does not end",
                       LIMIT_PAGES_WITHOUT_PROGRESS);
    return true;
}

bool
loop_check_page(struct loop_guard *guard, const struct loop_page *page, int64_t monotonic_us, struct err *err)
{
    guard->pages++;
    guard->bytes += page->bytes;
    if (!check_caps(guard, monotonic_us, err) || !check_progress(guard, page, err))
        return false;
    if (page->token_hash == 0)
        return true;
    bool seen = false;
    if (!token_add(guard, page->token_hash, &seen, err))
        return false;
    if (seen)
        return err_set(err, E_CURSOR_LOOP, "The vendor's next page was already read in this run: its paging goes in a circle");
    return true;
}
