#include "base/test.h"

#include "base/clock.h"

static void
test_time_parse_and_format_are_inverse(void **state)
{
    (void)state;
    char text[TIME_TEXT_BYTES];
    int64_t us;
    assert_true(time_parse(STR("2024-02-29T23:59:59.1234567+05:30"), &us));
    assert_string_equal(time_format_us(us, text), "2024-02-29T18:29:59.123456Z");
    assert_true(time_parse(STR("1969-12-31"), &us));
    assert_true(us == -US_PER_DAY);
    assert_string_equal(time_format_ms(us, text), "1969-12-31T00:00:00.000Z");
    assert_true(time_parse(STR("9999-12-31T23:59:59.987654Z"), &us));
    assert_string_equal(time_format_ms(us, text), "9999-12-31T23:59:59.987Z");
    assert_string_equal(time_format_us(us, text), "9999-12-31T23:59:59.987654Z");
    assert_string_equal(time_format_us(-1, text), "1969-12-31T23:59:59.999999Z");
}

static void
test_time_parse_refuses_what_is_not_a_time(void **state)
{
    (void)state;
    int64_t us;
    const char *const bad[] = {"", "2023-02-29", "2024-13-01", "2024-01-01T24:00:00Z", "2024-01-01T00:00:00",
                               "2024-01-01T00:00:00.Z", "2024-01-01T00:00:00Zx", "-024-01-01", "yesterday"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(time_parse(str_from_c(bad[i]), &us));
}

static void
test_durations_read_as_people_write_them(void **state)
{
    (void)state;
    char text[DURATION_TEXT_BYTES];
    assert_string_equal(duration_format(330 * US_PER_S, text), "5m 30s");
    assert_string_equal(duration_format(5 * US_PER_DAY + 12 * US_PER_HOUR + 30 * US_PER_MINUTE, text), "5d 12h 30m");
    int64_t us;
    assert_true(duration_parse(STR("1h30m"), &us));
    assert_true(us == 90 * US_PER_MINUTE);
    assert_false(duration_parse(STR("0s"), &us));
    assert_false(duration_parse(STR("15"), &us));
    assert_false(duration_parse(STR("999999999999999d"), &us));
}

static void
test_clock_deadline_lies_as_far_ahead_as_was_asked(void **state)
{
    (void)state;
    const int64_t ahead_us[] = {0, 999999, US_PER_S, 90 * US_PER_DAY + 1};
    for (size_t i = 0; i < ARRAY_LEN(ahead_us); i++) {
        int64_t before_us = clock_monotonic_us(clock_system());
        struct timespec at = clock_deadline(ahead_us[i]);
        int64_t after_us = clock_monotonic_us(clock_system());
        int64_t at_us = (int64_t)at.tv_sec * US_PER_S + at.tv_nsec / 1000;
        assert_true(at.tv_nsec >= 0 && at.tv_nsec < 1000000000);
        assert_true(at_us >= before_us + ahead_us[i] && at_us <= after_us + ahead_us[i]);
    }
}
