#include "base/test.h"

#include "sandbox/faults.h"

static struct fault_plan plan;
static struct err err;
static struct fault_hit hit;

static int
teardown(void **state)
{
    (void)state;
    fault_plan_clear(&plan);
    return 0;
}

static bool
strike(struct str target)
{
    return fault_plan_strike(&plan, STR("chatwoot"), STR("GET"), target, &hit);
}

static void
test_a_fault_waits_strikes_and_is_spent(void **state)
{
    (void)state;
    assert_ok(fault_plan_add(&plan, STR("429:after=2:count=2:retry-after=1:path=/contacts"), &err), err);
    assert_false(strike(STR("/conversations?page=1")));
    assert_false(strike(STR("/contacts?page=1")));
    assert_false(strike(STR("/contacts?page=2")));
    assert_true(strike(STR("/contacts?page=3")));
    assert_int_equal(hit.answer.status, 429);
    assert_int_equal(hit.answer.retry_after, RETRY_AFTER_SECONDS);
    assert_true(strike(STR("/contacts?page=3")));
    assert_false(strike(STR("/contacts?page=3")));
    assert_int_equal(plan.faults[0]->seen, 5);
}

static void
test_every_forever_method_vendor_and_glob_are_kept(void **state)
{
    (void)state;
    assert_ok(fault_plan_add(&plan, STR("500:every=3:count=forever:method=get:vendor=chatwoot:path=/v1/*page=2"), &err),
              err);
    assert_false(strike(STR("/v1/contacts?page=1")));
    for (int i = 0; i < 9; i++)
        assert_int_equal(strike(STR("/v1/contacts?sort=id&page=2")), i % 3 == 0);
    assert_false(fault_plan_strike(&plan, STR("other"), STR("GET"), STR("/v1/contacts?page=2"), &hit));
    assert_false(fault_plan_strike(&plan, STR("chatwoot"), STR("POST"), STR("/v1/contacts?page=2"), &hit));
}

static void
test_delays_shifts_and_loops_strike_beside_one_answer(void **state)
{
    (void)state;
    const char *const texts[] = {"delay:ms=5", "shift:do=delete:entity=contacts:objects=3:which=served", "loop",
                                 "html", "empty"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_ok(fault_plan_add(&plan, str_from_c(texts[i]), &err), err);
    assert_true(strike(STR("/x")));
    assert_true(hit.has_answer && hit.answer.kind == FAULT_HTML);
    assert_true(hit.loop && hit.delay_ms == 5 && hit.shift_count == 1);
    assert_true(hit.shifts[0].shift == SHIFT_DELETE && hit.shifts[0].objects == 3 && hit.shifts[0].served);
    assert_true(strike(STR("/x")));
    assert_int_equal(hit.answer.kind, FAULT_EMPTY); /* it kept its turn */
}

static void
test_retry_after_takes_seconds_dates_and_none(void **state)
{
    (void)state;
    assert_ok(fault_plan_add(&plan, STR("429:retry-after=date+30"), &err), err);
    assert_int_equal(plan.faults[0]->retry_after, RETRY_AFTER_DATE);
    assert_int_equal(plan.faults[0]->seconds, 30);
    assert_ok(fault_plan_add(&plan, STR("503:retry-after=none"), &err), err);
    assert_int_equal(plan.faults[1]->retry_after, RETRY_AFTER_NONE);
}

static void
test_nonsense_is_refused_with_the_part_that_is_wrong(void **state)
{
    (void)state;
    const char *const bad[] = {"", "200", "600", "sometimes", "429:", "429:after", "429:after=-1", "429:count=0",
                               "429:colour=red", "shift:do=explode", "drip:bytes-per-s=0", "429:retry-after=date5",
                               "reset:at=100", "500:handled=maybe", "429:path="};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_fails_with(fault_plan_add(&plan, str_from_c(bad[i]), &err), err, E_USAGE);
    assert_int_equal(plan.count, 0);
    assert_fails_with(fault_plan_add(&plan, STR("429:colour=red"), &err), err, E_USAGE);
    assert_true(str_contains(str_from_c(err.message), STR("colour=red")));
}
