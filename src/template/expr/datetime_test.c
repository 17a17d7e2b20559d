#include "template/expr/golden.h"

#include "template/expr/datetime.h"
#include "template/expr/time_priv.h"

static struct arena arena;

static int
setup(void **state)
{
    (void)state;
    arena_init(&arena, 64 * 1024 * 1024);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static int64_t
number_at(yyjson_val *row, size_t index)
{
    int64_t number = 0;
    assert_true(json_to_i64(yyjson_arr_get(row, index), &number));
    return number;
}

static struct str
text_at(yyjson_val *row, size_t index)
{
    return json_str(yyjson_arr_get(row, index));
}

static void
check_moment(struct str text, bool ok, int64_t us, yyjson_val *expected)
{
    int64_t wanted;
    if (yyjson_is_null(expected)) {
        if (ok)
            fail_msg("\"%.*s\" should not be read", STR_ARG(text));
        return;
    }
    assert_true(json_to_i64(expected, &wanted));
    if (!ok || us != wanted)
        fail_msg("\"%.*s\": expected %lld, got %lld (%s)", STR_ARG(text), (long long)wanted, (long long)us, ok ? "read" : "refused");
}

static void
test_parse_reads_what_python_reads(void **state)
{
    (void)state;
    yyjson_val *rows = json_get_c(golden_read(&arena, "datetime.json"), "parse"), *row;
    size_t index, max;
    assert_true(yyjson_arr_size(rows) > 50);
    yyjson_arr_foreach(rows, index, max, row) {
        int64_t us = 0;
        bool ok = datetime_parse(text_at(row, 0), text_at(row, 1), &us);
        check_moment(text_at(row, 0), ok, us, yyjson_arr_get(row, 2));
    }
}

static void
test_iso_texts_are_read_as_dateutil_reads_them(void **state)
{
    (void)state;
    yyjson_val *rows = json_get_c(golden_read(&arena, "datetime.json"), "iso"), *row;
    size_t index, max;
    assert_true(yyjson_arr_size(rows) > 30);
    yyjson_arr_foreach(rows, index, max, row) {
        struct value v = {0};
        bool ok = time_parse_iso(text_at(row, 0), &v);
        check_moment(text_at(row, 0), ok, v.integer, yyjson_arr_get(row, 1));
    }
}

static void
test_format_writes_what_python_writes(void **state)
{
    (void)state;
    yyjson_val *rows = json_get_c(golden_read(&arena, "datetime.json"), "format"), *row;
    size_t index, max;
    yyjson_arr_foreach(rows, index, max, row) {
        struct str text = datetime_format(&arena, number_at(row, 0), text_at(row, 1));
        if (!str_eq(text, text_at(row, 2)))
            fail_msg("%lld as %.*s: expected %.*s, got %.*s", (long long)number_at(row, 0), STR_ARG(text_at(row, 1)),
                     STR_ARG(text_at(row, 2)), STR_ARG(text));
    }
}

static void
test_durations_are_read_as_iso_8601(void **state)
{
    (void)state;
    yyjson_val *rows = json_get_c(golden_read(&arena, "datetime.json"), "duration"), *row;
    size_t index, max;
    yyjson_arr_foreach(rows, index, max, row) {
        struct duration d = {0};
        bool ok = iso_duration_parse(text_at(row, 0), &d);
        yyjson_val *expected = yyjson_arr_get(row, 1);
        bool same = yyjson_is_null(expected) ? !ok : ok && d.months == number_at(expected, 0) && d.us == number_at(expected, 1);
        if (!same)
            fail_msg("\"%.*s\": %s, %lld months, %lld us", STR_ARG(text_at(row, 0)), ok ? "read" : "refused",
                     (long long)d.months, (long long)d.us);
    }
}

static void
test_adding_months_clamps_the_day(void **state)
{
    (void)state;
    yyjson_val *rows = json_get_c(golden_read(&arena, "datetime.json"), "add"), *row;
    size_t index, max;
    yyjson_arr_foreach(rows, index, max, row) {
        struct duration d;
        assert_true(iso_duration_parse(text_at(row, 1), &d));
        assert_int_equal(datetime_add(number_at(row, 0), d, number_at(row, 2)), number_at(row, 3));
    }
}

static void
test_sums_beyond_the_calendar_stop_at_its_ends(void **state)
{
    (void)state;
    struct duration large = {.months = INT32_MAX, .us = INT64_MAX / 4};
    assert_true(datetime_add(0, large, INT64_MAX) == TIME_US_MAX);
    assert_true(datetime_add(0, large, -INT64_MAX) == TIME_US_MIN);
    assert_true(datetime_add(INT64_MAX, (struct duration){.us = 1}, 1) == TIME_US_MAX);
}

static void
test_guess_reads_what_people_and_vendors_write(void **state)
{
    (void)state;
    const char *const same[] = {"2024-01-15T10:20:30Z", "2024-01-15 10:20:30", " 2024-01-15T12:20:30+0200 ", "20240115T102030Z",
                                "Mon, 15 Jan 2024 10:20:30 GMT", "Mon, 15 Jan 2024 12:20:30 +0200", "2024-01-15 10:20:30 UTC",
                                "2024-01-15 10:20:30 +0000", "2024/01/15 10:20:30"};
    for (size_t i = 0; i < ARRAY_LEN(same); i++) {
        int64_t us = 0;
        assert_true(datetime_guess(str_from_c(same[i]), &us));
        assert_true(us == INT64_C(1705314030) * US_PER_S);
    }
    int64_t us = 7;
    assert_false(datetime_guess(STR("soon"), &us));
    assert_true(us == 7);
}

/* F22: formats come from templates, which are untrusted. */
static void
test_a_hostile_format_ends(void **state)
{
    (void)state;
    char format[600], text[600];
    for (size_t i = 0; i < 600; i += 2)
        memcpy(format + i, "%d", 2);
    memset(text, '1', sizeof(text));
    int64_t us;
    assert_false(datetime_parse((struct str){text, 300}, (struct str){format, 500}, &us));
    assert_false(datetime_parse((struct str){text, 600}, (struct str){format, 600}, &us));
}
