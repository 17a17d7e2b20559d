#include "base/test.h"

#include "engine/verdict.h"

static struct verdict
judge(struct arena *a, struct verdict_stream stream)
{
    struct verdict verdict;
    verdict_of(a, &stream, 1, &verdict);
    return verdict;
}

static struct verdict_stream
good_stream(void)
{
    return (struct verdict_stream){
        .name = STR("contacts"),
        .counts = {.received = 10, .created = 4, .updated = 1, .skipped = 4, .deleted = 1, .records_read = 10},
        .declared = 10, .full = true, .finished = true,
    };
}

static struct arena arena;

static int
setup(void **state)
{
    (void)state;
    arena_init(&arena, 1 << 20);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

/* I-3 */
static void
test_a_run_that_adds_up_is_complete(void **state)
{
    (void)state;
    struct verdict v = judge(&arena, good_stream());
    assert_int_equal(v.kind, VERDICT_COMPLETE);
    assert_int_equal(v.code, E_OK);
}

static void
test_rows_missing_against_the_vendors_total_are_suspicious(void **state)
{
    (void)state;
    struct verdict_stream s = good_stream();
    s.declared = 11;
    struct verdict v = judge(&arena, s);
    assert_int_equal(v.kind, VERDICT_SUSPICIOUS);
    assert_int_equal(v.code, E_UNRECONCILED);
    assert_str(v.reason, "contacts: the vendor declared 11 records, 10 were read");
    s.full = false;
    assert_int_equal(judge(&arena, s).kind, VERDICT_COMPLETE);
    s.full = true;
    s.counts.records_read = 12;
    assert_int_equal(judge(&arena, s).kind, VERDICT_COMPLETE);
}

static void
test_rejected_records_and_held_deletes_are_partial(void **state)
{
    (void)state;
    struct verdict_stream s = good_stream();
    s.counts.errors = 1;
    s.counts.skipped = 3;
    assert_int_equal(judge(&arena, s).kind, VERDICT_PARTIAL);
    s.guarded = true;
    assert_int_equal(judge(&arena, s).code, E_DELETE_GUARD);
}

static void
test_a_failed_stream_fails_the_run_with_its_code(void **state)
{
    (void)state;
    struct verdict_stream s = good_stream();
    s.failed = E_CURSOR_LOOP;
    s.message = STR("it goes in a circle");
    struct verdict v = judge(&arena, s);
    assert_int_equal(v.kind, VERDICT_SUSPICIOUS);
    assert_int_equal(v.code, E_CURSOR_LOOP);
    assert_str(v.reason, "contacts: it goes in a circle");
}

static void
test_counts_that_do_not_sum_up_are_suspicious(void **state)
{
    (void)state;
    struct verdict_stream s = good_stream();
    s.counts.received = 11;
    assert_int_equal(judge(&arena, s).code, E_UNRECONCILED);
}

static void
test_the_declared_total_is_the_smaller_of_first_and_last_page(void **state)
{
    (void)state;
    struct declared d = DECLARED_INIT;
    assert_int_equal(declared_total(&d), -1);
    declared_page(&d, 100, false);
    declared_page(&d, 98, true);
    assert_int_equal(declared_total(&d), 98);
    declared_page(&d, 5, false);
    declared_page(&d, 7, true);
    assert_int_equal(declared_total(&d), 103);
    declared_page(&d, -1, true);
    assert_int_equal(declared_total(&d), -1);
}

static void
test_what_a_vendor_leaves_out_is_said_and_changes_no_verdict(void **state)
{
    (void)state;
    struct verdict_stream s = good_stream();
    s.notice = STR("figures are estimated");
    struct verdict v = judge(&arena, s);
    assert_int_equal(v.kind, VERDICT_COMPLETE);
    assert_int_equal(v.code, E_OK);
    assert_str(v.reason, "contacts: figures are estimated");
    s.counts.errors = 1, s.counts.received++;
    v = judge(&arena, s);
    assert_int_equal(v.kind, VERDICT_PARTIAL);
    assert_str(v.reason, "contacts: 1 records were rejected");
}
