#include "base/test.h"

#include "base/limits.h"
#include "engine/loop.h"

static struct loop_page
page_of(uint64_t token, uint64_t content)
{
    return (struct loop_page){.token_hash = token, .content_hash = content, .slice = STR(""), .bytes = 10};
}

/* I-8 */
static void
test_a_cursor_seen_before_stops_the_run(void **state)
{
    (void)state;
    struct loop_guard guard;
    struct err err = {0};
    loop_init(&guard, 0);
    for (uint64_t i = 1; i <= 1000; i++) {
        struct loop_page page = page_of(i * 77, i);
        assert_ok(loop_check_page(&guard, &page, 0, &err), err);
    }
    struct loop_page again = page_of(500 * 77, 2000);
    assert_fails_with(loop_check_page(&guard, &again, 0, &err), err, E_CURSOR_LOOP);
    loop_release(&guard);
}

static void
test_a_cursor_restored_after_a_restart_counts_as_seen(void **state)
{
    (void)state;
    struct loop_guard guard;
    struct err err = {0};
    loop_init(&guard, 0);
    assert_ok(loop_restore_token(&guard, 42, &err), err);
    struct loop_page again = page_of(42, 1);
    assert_fails_with(loop_check_page(&guard, &again, 0, &err), err, E_CURSOR_LOOP);
    loop_release(&guard);
}

static void
test_streams_have_cursors_of_their_own(void **state)
{
    (void)state;
    struct loop_guard guard;
    struct err err = {0};
    loop_init(&guard, 0);
    struct loop_page page = page_of(42, 1);
    assert_ok(loop_check_page(&guard, &page, 0, &err), err);
    loop_begin_stream(&guard);
    assert_ok(loop_check_page(&guard, &page, 0, &err), err);
    loop_release(&guard);
}

static void
test_empty_pages_without_end_stop_the_run(void **state)
{
    (void)state;
    struct loop_guard guard;
    struct err err = {0};
    loop_init(&guard, 0);
    int64_t passed = 0;
    for (uint64_t i = 1; i < 5000; i++) {
        struct loop_page page = page_of(i, 0);
        if (!loop_check_page(&guard, &page, 0, &err))
            break;
        passed++;
    }
    assert_int_equal(err.code, E_RUN_LIMIT);
    assert_in_range(passed, LIMIT_PAGES_WITHOUT_PROGRESS - 1, LIMIT_PAGES_WITHOUT_PROGRESS + 1);
    loop_release(&guard);
}

/* I-8, F25: the cursors differ, the page does not */
static void
test_the_same_page_again_and_again_stops_the_run(void **state)
{
    (void)state;
    struct loop_guard guard;
    struct err err = {0};
    loop_init(&guard, 0);
    uint64_t token = 1;
    struct loop_page page = page_of(token++, 5);
    for (int i = 0; i < LIMIT_SAME_PAGES; i++) { /* a shift or two does that too */
        assert_ok(loop_check_page(&guard, &page, 0, &err), err);
        page = page_of(token++, 5);
    }
    assert_fails_with(loop_check_page(&guard, &page, 0, &err), err, E_CURSOR_LOOP);
    page = page_of(token++, 6);
    assert_ok(loop_check_page(&guard, &page, 0, &err), err);
    loop_release(&guard);
}

static void
test_parents_without_children_are_progress(void **state)
{
    (void)state;
    struct loop_guard guard;
    struct err err = {0};
    loop_init(&guard, 0);
    for (uint64_t i = 1; i < 5000; i++) {
        char slice[32];
        snprintf(slice, sizeof(slice), "{\"parent\":%d}", (int)i);
        struct loop_page page = page_of(i, 0);
        page.slice = str_from_c(slice);
        assert_ok(loop_check_page(&guard, &page, 0, &err), err);
    }
    loop_release(&guard);
}

static void
test_a_run_ends_after_its_time(void **state)
{
    (void)state;
    struct loop_guard guard;
    struct err err = {0};
    loop_init(&guard, 0);
    struct loop_page page = page_of(1, 1);
    assert_fails_with(loop_check_page(&guard, &page, (LIMIT_RUN_HOURS + 1) * US_PER_HOUR, &err), err, E_RUN_LIMIT);
    loop_release(&guard);
}
