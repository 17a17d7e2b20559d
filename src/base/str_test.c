#include "base/test.h"

static void
test_str_cut_splits_at_the_first_separator(void **state)
{
    (void)state;
    struct str head, tail;
    assert_true(str_cut(STR("a:b:c"), ':', &head, &tail));
    assert_str(head, "a");
    assert_str(tail, "b:c");
    assert_false(str_cut(STR("abc"), ':', &head, &tail));
    assert_str(head, "abc");
    assert_true(str_is_none(tail));
}

static void
test_str_take_char_steps_past_what_it_was_asked_for_and_nothing_else(void **state)
{
    (void)state;
    struct str s = STR("-1"), empty = STR_NONE;
    assert_false(str_take_char(&s, '+'));
    assert_str(s, "-1");
    assert_true(str_take_char(&s, '-'));
    assert_str(s, "1");
    assert_false(str_take_char(&empty, '-'));
    assert_true(str_is_none(empty));
}

static void
test_str_to_i64_takes_the_whole_range_and_nothing_else(void **state)
{
    (void)state;
    int64_t value = 7;
    assert_true(str_to_i64(STR("-9223372036854775808"), INT64_MIN, INT64_MAX, &value));
    assert_true(value == INT64_MIN);
    assert_true(str_to_i64(STR("9223372036854775807"), INT64_MIN, INT64_MAX, &value));
    assert_true(value == INT64_MAX);
    const char *const bad[] = {"", "-", "9223372036854775808", "-9223372036854775809", " 1", "1 ", "+1", "0x1", "1e3"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(str_to_i64(str_from_c(bad[i]), INT64_MIN, INT64_MAX, &value));
    assert_false(str_to_i64(STR("501"), 1, 500, &value));
    assert_true(value == INT64_MAX);
}

static void
test_str_is_ascii_sees_a_high_byte_at_each_place(void **state)
{
    (void)state;
    char text[] = "0123456789abcdefghi";
    assert_true(str_is_ascii(STR_NONE));
    assert_true(str_is_ascii(STR("a\0\x7f")));
    assert_true(str_is_ascii(str_from_c(text)));
    for (size_t i = 0; text[i] != '\0'; i++) {
        char kept = text[i];
        text[i] = '\x80';
        assert_false(str_is_ascii(str_from_c(text)));
        text[i] = kept;
    }
}

static void
test_str_is_utf8_refuses_surrogates_overlong_and_cut_sequences(void **state)
{
    (void)state;
    assert_true(str_is_utf8(STR("Jo\xc3\xa3o \xf0\x9f\x8c\x8a")));
    assert_false(str_is_utf8(STR("\xed\xa0\x80")));
    assert_false(str_is_utf8(STR("\xc0\xaf")));
    assert_false(str_is_utf8(STR("\xe2\x82")));
    assert_false(str_is_utf8(STR("\xf4\x90\x80\x80")));
}
