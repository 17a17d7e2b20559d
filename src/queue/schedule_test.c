#include "base/test.h"

#include "queue/schedule.h"

#define NOW INT64_C(1795320000000000) /* 2026-11-22T04:00:00Z */

static void
test_an_interval_keeps_its_rhythm(void **state)
{
    (void)state;
    int64_t quarter = 15 * US_PER_MINUTE;
    int64_t due = schedule_first_us(quarter, NOW);
    assert_int_equal(due, NOW + quarter);
    assert_int_equal(schedule_next_us(due, quarter, due + US_PER_S), due + quarter);
}

/* I-27 */
static void
test_a_downtime_is_caught_up_once(void **state)
{
    (void)state;
    int64_t quarter = 15 * US_PER_MINUTE;
    int64_t next = schedule_next_us(NOW, quarter, NOW + 20 * US_PER_HOUR + US_PER_S);
    assert_true(next > NOW + 20 * US_PER_HOUR + US_PER_S);
    assert_true(next <= NOW + 20 * US_PER_HOUR + US_PER_S + quarter);
    assert_int_equal((next - NOW) % quarter, 0);
}

static void
test_the_nightly_pass_falls_into_the_night(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 7);
    for (int i = 0; i < 1000; i++) {
        int64_t now = NOW + i * 83 * US_PER_MINUTE;
        int64_t first = schedule_first_full_us(US_PER_DAY, now, &rng);
        assert_true(first >= now + US_PER_DAY && first <= now + 2 * US_PER_DAY);
        assert_in_range((uint64_t)(first % US_PER_DAY), US_PER_HOUR, 5 * US_PER_HOUR);
    }
}

static void
test_reconnection_doubles_up_to_six_hours(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 7);
    int64_t longest[12] = {0};
    for (int failures = 1; failures < 12; failures++)
        for (int i = 0; i < 500; i++) {
            int64_t wait = schedule_reconnect_us(failures, NOW, &rng) - NOW;
            assert_true(wait >= 5 * US_PER_S);
            if (wait > longest[failures])
                longest[failures] = wait;
        }
    assert_true(longest[1] <= RECONNECT_BASE_US && longest[1] > RECONNECT_BASE_US / 2);
    assert_true(longest[3] <= 4 * RECONNECT_BASE_US && longest[3] > 2 * RECONNECT_BASE_US);
    assert_true(longest[11] <= RECONNECT_CAP_US && longest[11] > RECONNECT_CAP_US / 2);
}
