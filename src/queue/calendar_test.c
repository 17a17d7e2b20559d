#include "base/test.h"

#include "queue/calendar.h"

/*
 * What is due, in a row. The instants were computed apart from the code under test: with Python's zoneinfo, minute by
 * minute, by the rules in calendar.h, and are written down here as data.
 */
static const struct {
    const char *repeat, *time, *zone, *anchor, *after;
    const char *due[8];
} cases[] = {
    {"daily", "02:30", "Europe/Berlin", "2026-01-01T00:00:00Z", "2026-03-27T12:00:00Z",
     {"2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z", "2026-03-31T00:30:00Z"}},
    {"daily", "02:30", "Europe/Berlin", "2026-01-01T00:00:00Z", "2026-10-23T12:00:00Z",
     {"2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z", "2026-10-27T01:30:00Z"}},
    {"daily", "02:00", "Europe/Berlin", "2026-01-01T00:00:00Z", "2026-10-24T12:00:00Z",
     {"2026-10-25T00:00:00Z", "2026-10-26T01:00:00Z", "2026-10-27T01:00:00Z"}},
    {"daily", "03:00", "Europe/Berlin", "2026-01-01T00:00:00Z", "2026-03-28T12:00:00Z",
     {"2026-03-29T01:00:00Z", "2026-03-30T01:00:00Z", "2026-03-31T01:00:00Z"}},
    {"daily", "02:30", "America/New_York", "2026-01-01T00:00:00Z", "2026-03-07T12:00:00Z",
     {"2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z", "2026-03-10T06:30:00Z"}},
    {"daily", "01:30", "America/New_York", "2026-01-01T00:00:00Z", "2026-10-31T12:00:00Z",
     {"2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z", "2026-11-03T06:30:00Z"}},
    {"daily", "02:15", "Australia/Lord_Howe", "2026-01-01T00:00:00Z", "2026-10-02T12:00:00Z",
     {"2026-10-02T15:45:00Z", "2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"}},
    {"daily", "01:45", "Australia/Lord_Howe", "2026-01-01T00:00:00Z", "2026-04-03T00:00:00Z",
     {"2026-04-03T14:45:00Z", "2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z", "2026-04-06T15:15:00Z"}},
    {"hourly", "00:15", "Australia/Lord_Howe", "2026-01-01T00:00:00Z", "2026-10-03T13:00:00Z",
     {"2026-10-03T13:45:00Z", "2026-10-03T14:45:00Z", "2026-10-03T15:30:00Z", "2026-10-03T16:15:00Z", "2026-10-03T17:15:00Z"}},
    {"hourly", "00:45", "Australia/Lord_Howe", "2026-01-01T00:00:00Z", "2026-04-04T13:00:00Z",
     {"2026-04-04T13:45:00Z", "2026-04-04T14:45:00Z", "2026-04-04T15:15:00Z", "2026-04-04T16:15:00Z", "2026-04-04T17:15:00Z"}},
    {"daily", "00:00", "America/Sao_Paulo", "2018-01-01T00:00:00Z", "2018-11-02T12:00:00Z",
     {"2018-11-03T03:00:00Z", "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z", "2018-11-06T02:00:00Z"}},
    {"daily", "23:30", "America/Sao_Paulo", "2018-01-01T00:00:00Z", "2018-02-16T12:00:00Z",
     {"2018-02-17T01:30:00Z", "2018-02-18T01:30:00Z", "2018-02-19T02:30:00Z", "2018-02-20T02:30:00Z"}},
    {"daily", "00:30", "Africa/Cairo", "2010-01-01T00:00:00Z", "2010-04-28T12:00:00Z",
     {"2010-04-28T22:30:00Z", "2010-04-29T22:00:00Z", "2010-04-30T21:30:00Z"}},
    {"daily", "23:30", "Africa/Cairo", "2010-01-01T00:00:00Z", "2010-09-29T12:00:00Z",
     {"2010-09-29T20:30:00Z", "2010-09-30T20:30:00Z", "2010-10-01T21:30:00Z", "2010-10-02T21:30:00Z"}},
    {"daily", "00:00", "Asia/Beirut", "2026-01-01T00:00:00Z", "2026-03-27T12:00:00Z",
     {"2026-03-27T22:00:00Z", "2026-03-28T22:00:00Z", "2026-03-29T21:00:00Z"}},
    {"daily", "10:00", "Pacific/Apia", "2011-01-01T00:00:00Z", "2011-12-28T12:00:00Z",
     {"2011-12-28T20:00:00Z", "2011-12-29T20:00:00Z", "2011-12-30T10:00:00Z", "2011-12-30T20:00:00Z"}},
    {"daily", "23:45", "America/Caracas", "2016-01-01T00:00:00Z", "2016-04-29T12:00:00Z",
     {"2016-04-30T04:15:00Z", "2016-05-01T04:15:00Z", "2016-05-02T03:45:00Z", "2016-05-03T03:45:00Z"}},
    {"daily", "02:45", "America/Caracas", "2016-01-01T00:00:00Z", "2016-04-29T12:00:00Z",
     {"2016-04-30T07:15:00Z", "2016-05-01T07:00:00Z", "2016-05-02T06:45:00Z", "2016-05-03T06:45:00Z"}},
    {"daily", "23:45", "Asia/Pyongyang", "2018-01-01T00:00:00Z", "2018-05-03T00:00:00Z",
     {"2018-05-03T15:15:00Z", "2018-05-04T15:00:00Z", "2018-05-05T14:45:00Z"}},
    {"daily", "06:00", "Asia/Kathmandu", "2026-01-01T00:00:00Z", "2026-06-01T00:00:00Z",
     {"2026-06-01T00:15:00Z", "2026-06-02T00:15:00Z"}},
    {"hourly", "00:20", "Asia/Kolkata", "2026-01-01T00:00:00Z", "2026-06-01T00:00:00Z",
     {"2026-06-01T00:50:00Z", "2026-06-01T01:50:00Z", "2026-06-01T02:50:00Z"}},
    {"daily", "02:30", "Pacific/Chatham", "2026-01-01T00:00:00Z", "2026-09-25T00:00:00Z",
     {"2026-09-25T13:45:00Z", "2026-09-26T13:45:00Z", "2026-09-27T12:45:00Z", "2026-09-28T12:45:00Z"}},
    {"daily", "03:00", "Pacific/Chatham", "2026-01-01T00:00:00Z", "2026-04-03T00:00:00Z",
     {"2026-04-03T13:15:00Z", "2026-04-04T13:15:00Z", "2026-04-05T14:15:00Z", "2026-04-06T14:15:00Z"}},
    {"daily", "12:00", "Pacific/Kiritimati", "2026-01-01T00:00:00Z", "2026-06-01T00:00:00Z",
     {"2026-06-01T22:00:00Z", "2026-06-02T22:00:00Z"}},
    {"daily", "12:00", "America/St_Johns", "2026-01-01T00:00:00Z", "2026-03-06T00:00:00Z",
     {"2026-03-06T15:30:00Z", "2026-03-07T15:30:00Z", "2026-03-08T14:30:00Z", "2026-03-09T14:30:00Z"}},
    {"daily", "01:30", "Europe/Dublin", "2026-01-01T00:00:00Z", "2026-03-27T12:00:00Z",
     {"2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z", "2026-03-31T00:30:00Z"}},
    {"daily", "01:30", "Europe/Dublin", "2026-01-01T00:00:00Z", "2026-10-23T12:00:00Z",
     {"2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z", "2026-10-27T01:30:00Z"}},
    {"daily", "02:30", "Africa/Casablanca", "2019-01-01T00:00:00Z", "2019-05-03T12:00:00Z",
     {"2019-05-04T01:30:00Z", "2019-05-05T01:30:00Z", "2019-05-06T02:30:00Z", "2019-05-07T02:30:00Z"}},
    {"daily", "02:30", "Africa/Casablanca", "2019-01-01T00:00:00Z", "2019-06-07T12:00:00Z",
     {"2019-06-08T02:30:00Z", "2019-06-09T02:00:00Z", "2019-06-10T01:30:00Z", "2019-06-11T01:30:00Z"}},
    {"daily", "01:30", "Antarctica/Troll", "2024-01-01T00:00:00Z", "2024-03-29T12:00:00Z",
     {"2024-03-30T01:30:00Z", "2024-03-31T01:00:00Z", "2024-03-31T23:30:00Z", "2024-04-01T23:30:00Z"}},
    {"daily", "01:30", "Antarctica/Troll", "2024-01-01T00:00:00Z", "2024-10-25T12:00:00Z",
     {"2024-10-25T23:30:00Z", "2024-10-26T23:30:00Z", "2024-10-28T01:30:00Z", "2024-10-29T01:30:00Z"}},
    {"hourly", "00:30", "Europe/Berlin", "2026-01-01T00:00:00Z", "2026-10-24T23:00:00Z",
     {"2026-10-24T23:30:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z", "2026-10-25T03:30:00Z"}},
    {"hourly", "00:30", "Europe/Berlin", "2026-01-01T00:00:00Z", "2026-03-28T23:00:00Z",
     {"2026-03-28T23:30:00Z", "2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z", "2026-03-29T02:30:00Z", "2026-03-29T03:30:00Z"}},
    {"hourly", "", "UTC", "2026-01-01T00:17:30Z", "2026-06-01T10:17:00Z",
     {"2026-06-01T11:17:00Z", "2026-06-01T12:17:00Z", "2026-06-01T13:17:00Z"}},
    {"weekly", "09:00", "America/Sao_Paulo", "2026-11-25T12:00:00Z", "2026-11-25T12:00:00Z",
     {"2026-12-02T12:00:00Z", "2026-12-09T12:00:00Z", "2026-12-16T12:00:00Z"}},
    {"weekly", "", "America/New_York", "2026-03-08T07:30:00Z", "2026-10-25T12:00:00Z",
     {"2026-11-01T08:30:00Z", "2026-11-08T08:30:00Z", "2026-11-15T08:30:00Z"}},
    {"weekly", "02:30", "Europe/Berlin", "2026-03-22T12:00:00Z", "2026-03-22T12:00:00Z",
     {"2026-03-29T01:00:00Z", "2026-04-05T00:30:00Z", "2026-04-12T00:30:00Z"}},
    {"monthly", "03:00", "UTC", "2026-01-31T00:00:00Z", "2026-01-30T00:00:00Z",
     {"2026-01-31T03:00:00Z", "2026-02-28T03:00:00Z", "2026-03-31T03:00:00Z", "2026-04-30T03:00:00Z", "2026-05-31T03:00:00Z", "2026-06-30T03:00:00Z"}},
    {"monthly", "03:00", "UTC", "2026-01-29T00:00:00Z", "2027-12-30T00:00:00Z",
     {"2028-01-29T03:00:00Z", "2028-02-29T03:00:00Z", "2028-03-29T03:00:00Z", "2028-04-29T03:00:00Z"}},
    {"monthly", "00:00", "Asia/Tokyo", "2026-01-30T15:30:00Z", "2026-01-30T15:30:00Z",
     {"2026-02-27T15:00:00Z", "2026-03-30T15:00:00Z", "2026-04-29T15:00:00Z"}},
    {"monthly", "12:00", "UTC", "2026-02-28T00:00:00Z", "2028-01-29T00:00:00Z",
     {"2028-02-28T12:00:00Z", "2028-03-28T12:00:00Z", "2028-04-28T12:00:00Z"}},
    {"30 3 * * 1-5", "", "UTC", "2026-01-01T00:00:00Z", "2026-11-20T04:00:00Z",
     {"2026-11-23T03:30:00Z", "2026-11-24T03:30:00Z", "2026-11-25T03:30:00Z"}},
    {"0 0 29 2 *", "", "UTC", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z",
     {"2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"}},
    {"0 0 29 2 *", "", "UTC", "2097-01-01T00:00:00Z", "2096-03-01T00:00:00Z",
     {"2104-02-29T00:00:00Z"}},
    {"0 12 13 * FRI", "", "UTC", "2026-01-01T00:00:00Z", "2026-11-01T00:00:00Z",
     {"2026-11-06T12:00:00Z", "2026-11-13T12:00:00Z", "2026-11-20T12:00:00Z", "2026-11-27T12:00:00Z", "2026-12-04T12:00:00Z"}},
    {"0 12 */2 * FRI", "", "UTC", "2026-01-01T00:00:00Z", "2026-11-01T00:00:00Z",
     {"2026-11-13T12:00:00Z", "2026-11-27T12:00:00Z", "2026-12-11T12:00:00Z"}},
    {"0 12 13 * */2", "", "UTC", "2026-01-01T00:00:00Z", "2026-11-01T00:00:00Z",
     {"2026-12-13T12:00:00Z", "2027-02-13T12:00:00Z"}},
    {"*/15 * * * *", "", "Europe/Berlin", "2026-01-01T00:00:00Z", "2026-03-29T00:40:00Z",
     {"2026-03-29T00:45:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:15:00Z", "2026-03-29T01:30:00Z"}},
    {"*/20 2 * * *", "", "Europe/Berlin", "2026-01-01T00:00:00Z", "2026-03-29T00:40:00Z",
     {"2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z", "2026-03-30T00:20:00Z", "2026-03-30T00:40:00Z"}},
    {"*/15 * * * *", "", "Europe/Berlin", "2026-01-01T00:00:00Z", "2026-10-25T00:40:00Z",
     {"2026-10-25T00:45:00Z", "2026-10-25T02:00:00Z", "2026-10-25T02:15:00Z", "2026-10-25T02:30:00Z"}},
    {"5/20 22-23 * 12 7", "", "UTC", "2026-01-01T00:00:00Z", "2026-12-06T23:00:00Z",
     {"2026-12-06T23:05:00Z", "2026-12-06T23:25:00Z", "2026-12-06T23:45:00Z", "2026-12-13T22:05:00Z"}},
    {"0 0 1 JAN,jul *", "", "America/New_York", "2026-01-01T00:00:00Z", "2026-01-01T05:00:00Z",
     {"2026-07-01T04:00:00Z", "2027-01-01T05:00:00Z", "2027-07-01T04:00:00Z"}},
    {"0 0 31 * *", "", "UTC", "2026-01-01T00:00:00Z", "2026-01-31T00:00:00Z",
     {"2026-03-31T00:00:00Z", "2026-05-31T00:00:00Z", "2026-07-31T00:00:00Z"}},
    {"59 23 31 12 *", "", "Pacific/Kiritimati", "2026-01-01T00:00:00Z", "2026-01-01T05:00:00Z",
     {"2026-12-31T09:59:00Z", "2027-12-31T09:59:00Z"}},
    {"0 0 * * sun,Wed", "", "UTC", "2026-01-01T00:00:00Z", "2026-11-22T00:00:00Z",
     {"2026-11-25T00:00:00Z", "2026-11-29T00:00:00Z", "2026-12-02T00:00:00Z"}},
    {"0-59/30 1,2 * * *", "", "America/New_York", "2026-01-01T00:00:00Z", "2026-11-01T04:00:00Z",
     {"2026-11-01T05:00:00Z", "2026-11-01T05:30:00Z", "2026-11-01T07:00:00Z", "2026-11-01T07:30:00Z", "2026-11-02T06:00:00Z", "2026-11-02T06:30:00Z"}},
};

static int64_t
at(const char *text)
{
    int64_t us;
    assert_true(time_parse(str_from_c(text), &us));
    return us;
}

static struct str
or_none(const char *text)
{
    return text[0] ? str_from_c(text) : STR_NONE;
}

static struct calendar
calendar(const char *repeat, const char *time, const char *zone, int64_t anchor_us)
{
    struct err err = {0};
    struct calendar c;
    struct calendar_text text = {or_none(repeat), or_none(time), or_none(zone), anchor_us};
    assert_ok(calendar_parse(&text, &c, &err), err);
    return c;
}

/* I-26 */
static void
test_every_kind_of_clock_change_is_due_as_an_independent_calendar_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct calendar c = calendar(cases[i].repeat, cases[i].time, cases[i].zone, at(cases[i].anchor));
        int64_t after_us = at(cases[i].after);
        for (size_t n = 0; n < ARRAY_LEN(cases[i].due) && cases[i].due[n]; n++) {
            struct err err = {0};
            char shown[TIME_TEXT_BYTES];
            assert_ok(calendar_next(&c, after_us, &after_us, &err), err);
            if (after_us != at(cases[i].due[n]))
                fail_msg("%s %s in %s: number %d is %s, not %s", cases[i].repeat, cases[i].time, cases[i].zone, (int)n + 1,
                         time_format_ms(after_us, shown), cases[i].due[n]);
        }
    }
}

/* I-26: due times rise strictly, so each fires once, from whatever instant one asks. */
static void
test_next_is_strictly_later_from_any_instant(void **state)
{
    (void)state;
    static const char *const zones[] = {"Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo", "Africa/Casablanca",
                                        "Antarctica/Troll", "Asia/Beirut", "Pacific/Apia"};
    static const char *const repeats[] = {"hourly", "daily", "*/7 * * * *", "30 1,2,3 * * *", "59 23 * * *"};
    for (size_t z = 0; z < ARRAY_LEN(zones); z++)
        for (size_t r = 0; r < ARRAY_LEN(repeats); r++) {
            struct calendar c = calendar(repeats[r], "02:30", zones[z], at("2011-01-01T00:00:00Z"));
            int64_t day_us = at(z == 6 ? "2011-12-28T00:00:00Z" : "2011-03-01T00:00:00Z"), due_us, before_us = 0;
            for (int64_t t = day_us; t < day_us + (z == 6 ? 4 : 60) * US_PER_DAY; t += 47 * US_PER_MINUTE + 13 * US_PER_S) {
                struct err err = {0};
                assert_ok(calendar_next(&c, t, &due_us, &err), err);
                assert_true(due_us > t);
                assert_true(due_us >= before_us);
                assert_int_equal(due_us % US_PER_MINUTE, 0);
                before_us = due_us;
            }
        }
}

static void
test_what_is_no_schedule_is_refused_and_named(void **state)
{
    (void)state;
    static const struct {
        const char *repeat, *time, *zone, *words;
    } bad[] = {
        {"yearly", "", "", "repeat"},          {"* * * *", "", "", "repeat"},        {"* * * * * *", "", "", "repeat"},
        {"60 * * * *", "", "", "minute"},      {"* 24 * * *", "", "", "hour"},       {"* * 0 * *", "", "", "the day"},
        {"* * 32 * *", "", "", "the day"},     {"* * * 13 *", "", "", "month"},      {"* * * * 8", "", "", "weekday"},
        {"*/0 * * * *", "", "", "minute"},     {"5-1 * * * *", "", "", "minute"},    {"1, * * * *", "", "", "minute"},
        {"a * * * *", "", "", "minute"},       {"-1 * * * *", "", "", "minute"},     {"1--2 * * * *", "", "", "minute"},
        {"0 0 30 2 *", "", "", "never"},       {"0 0 31 4,6 *", "", "", "never"},    {"@daily", "", "", "repeat"},
        {"daily", "24:00", "", "time"},        {"daily", "7", "", "time"},           {"daily", "07:5", "", "time"},
        {"daily", "07:60", "", "time"},        {"daily", "-1:00", "", "time"},       {"daily", "07:00:00", "", "time"},
        {"daily", "07:00", "Mars/Base", "timezone"}, {"daily", "07:00", "GMT+3:77", "timezone"},
        {"daily", "07:00", "Europe/Berlin\n", "timezone"}, {"daily", "07:00", "europe/berlin ", "timezone"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err err = {0};
        struct calendar c;
        struct calendar_text text = {or_none(bad[i].repeat), or_none(bad[i].time), or_none(bad[i].zone), 0};
        if (calendar_parse(&text, &c, &err))
            fail_msg("%s %s %s was taken", bad[i].repeat, bad[i].time, bad[i].zone);
        assert_int_equal(err.code, E_VALIDATION_FAILED);
        if (!strstr(err.message, bad[i].words))
            fail_msg("\"%s\" does not name %s", err.message, bad[i].words);
    }
}

/* D20 */
static void
test_without_a_zone_it_is_utc(void **state)
{
    (void)state;
    struct calendar c = calendar("daily", "07:00", "", 0);
    struct err err = {0};
    int64_t due_us;
    assert_ok(calendar_next(&c, at("2026-07-01T08:00:00Z"), &due_us, &err), err);
    assert_int_equal(due_us, at("2026-07-02T07:00:00Z"));
}
