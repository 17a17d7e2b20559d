#include "base/test.h"

#include "base/clock.h"
#include "engine/progress.h"

#define BEGAN_US (INT64_C(1000) * US_PER_S)
#define UNKNOWN (-1)

static struct run
running(void)
{
    return (struct run){.state = RUN_RUNNING, .created_us = BEGAN_US, .started_us = BEGAN_US};
}

static struct run_stream
stream_at(int64_t pages, int64_t records, int64_t total)
{
    return (struct run_stream){.stream_name = STR("contacts"), .counts = {.records_read = records}, .pages = pages,
                               .declared_first = total, .declared_last = total};
}

/* Ten seconds after the run began. */
static struct progress
after_ten_seconds(struct run run, const struct run_stream *streams, size_t count, int64_t usual_us)
{
    struct progress p;
    progress_of(&run, streams, count, usual_us, BEGAN_US + 10 * US_PER_S, &p);
    return p;
}

static void
test_progress_is_what_the_pages_brought_against_the_vendors_total(void **state)
{
    struct run_stream s = stream_at(4, 200, 500);
    struct progress p = after_ten_seconds(running(), &s, 1, 0);
    (void)state;
    assert_int_equal(p.percent, 40);
    assert_int_equal(p.pages, 4);
    assert_int_equal(p.records, 200);
    assert_int_equal(p.records_total, 500);
    assert_int_equal((int64_t)p.records_per_s, 20);
    assert_int_equal(p.left_us, 15 * US_PER_S);
}

static void
test_the_newest_total_counts_and_never_less_than_what_was_read(void **state)
{
    struct run_stream grown = stream_at(4, 200, 400), shrunk = stream_at(4, 200, 150);
    (void)state;
    grown.declared_last = 1000;
    assert_int_equal(after_ten_seconds(running(), &grown, 1, 0).percent, 20);
    struct progress p = after_ten_seconds(running(), &shrunk, 1, 0);
    assert_int_equal(p.records_total, 200);
    assert_int_equal(p.percent, 99);
    assert_int_equal(p.left_us, 0);
}

static void
test_it_is_a_hundred_only_when_the_run_is_finished(void **state)
{
    static const enum run_state unfinished[] = {RUN_RUNNING, RUN_WAITING, RUN_PAUSED}, ends[] = {RUN_SUCCEEDED, RUN_FAILED, RUN_CANCELLED};
    struct run_stream all = stream_at(5, 500, 500);
    struct run run = running();
    (void)state;
    all.done = true;
    for (size_t i = 0; i < ARRAY_LEN(unfinished); i++) {
        run.state = unfinished[i];
        assert_int_equal(after_ten_seconds(run, &all, 1, 0).percent, 99);
    }
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        run.state = ends[i];
        run.finished_us = BEGAN_US + 5 * US_PER_S;
        struct progress p = after_ten_seconds(run, &all, 1, 0);
        assert_int_equal(p.percent, 100);
        assert_int_equal(p.left_us, 0);
        assert_int_equal((int64_t)p.records_per_s, 100);
    }
}

static void
test_without_totals_it_is_streams_done_of_streams_planned(void **state)
{
    struct run_stream streams[] = {stream_at(4, 200, UNKNOWN), stream_at(1, 3, UNKNOWN), stream_at(0, 0, UNKNOWN), stream_at(0, 0, UNKNOWN)};
    (void)state;
    streams[0].done = true;
    struct progress p = after_ten_seconds(running(), streams, ARRAY_LEN(streams), 0);
    assert_int_equal(p.percent, 25);
    assert_int_equal(p.records_total, UNKNOWN);
    assert_int_equal(p.records, 203);
    assert_int_equal(p.left_us, UNKNOWN);
}

static void
test_the_time_left_is_unknown_when_nothing_is_known(void **state)
{
    struct run queued = {.state = RUN_QUEUED, .created_us = BEGAN_US};
    struct run_stream s = stream_at(0, 0, UNKNOWN), unread = stream_at(0, 0, 500);
    (void)state;
    assert_int_equal(after_ten_seconds(queued, NULL, 0, 0).left_us, UNKNOWN);
    assert_int_equal(after_ten_seconds(queued, NULL, 0, 0).percent, 0);
    assert_int_equal(after_ten_seconds(running(), &s, 1, 0).left_us, UNKNOWN);
    assert_int_equal(after_ten_seconds(running(), &unread, 1, 0).left_us, UNKNOWN);
}

static void
test_without_totals_the_usual_time_tells_and_is_never_negative(void **state)
{
    struct run_stream s = stream_at(2, 20, UNKNOWN);
    (void)state;
    assert_int_equal(after_ten_seconds(running(), &s, 1, 60 * US_PER_S).left_us, 50 * US_PER_S);
    assert_int_equal(after_ten_seconds(running(), &s, 1, 4 * US_PER_S).left_us, 0);
}
