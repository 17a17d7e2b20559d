#include "base/test.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "json/json.h"

struct fixture {
    struct arena a;
    struct err err;
};

static int
setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    arena_init(&f->a, 64 * 1024 * 1024);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;
    alloc_fail_at(0, 0);
    arena_release(&f->a);
    test_free(f);
    return 0;
}

static yyjson_val *
parse(struct fixture *f, const char *text, unsigned flags)
{
    yyjson_val *value = json_parse(&f->a, str_from_c(text), flags, 64, &f->err);
    if (!value)
        fail_msg("%s: %s", text, f->err.message);
    return value;
}

static struct str
canonical(struct fixture *f, yyjson_val *value)
{
    struct buf b;
    buf_init(&b, 1024 * 1024);
    assert_true(json_write_canonical(&b, value));
    struct str text = str_copy(&f->a, buf_str(&b));
    buf_release(&b);
    return text;
}

static void
test_broken_documents_say_what_and_where(void **state)
{
    struct fixture *f = *state;
    static const char *const bad[] = {"", " ", "{", "[1,]", "{\"a\":1,}", "01", "1 2", "nul", "\"\xff\"", "\"\xed\xa0\x80\"",
                                      "\"\\ud800\"", "NaN", "'a'", "// c\n1", "\xef\xbb\xbf{}", "+1", "1.", ".5", "\"a\nb\""};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (json_parse(&f->a, str_from_c(bad[i]), JSON_PLAIN, 64, &f->err))
            fail_msg("%s was accepted", bad[i]);
        assert_int_equal(f->err.code, E_VALIDATION_FAILED);
    }
    assert_null(json_parse(&f->a, STR("{\"a\":tru}"), JSON_PLAIN, 64, &f->err));
    assert_non_null(strstr(f->err.message, "byte 5"));
    assert_non_null(json_parse(&f->a, STR("\xef\xbb\xbf" "1"), JSON_ALLOW_BOM, 64, &f->err));
    assert_non_null(parse(f, "\"\\u0000\"", JSON_PLAIN));
}

/* I-35, F20: the depth is looked at before anything recurses. */
static void
test_depth_is_limited_exactly_and_strings_do_not_count(void **state)
{
    struct fixture *f = *state;
    assert_non_null(json_parse(&f->a, STR("[[[1]]]"), JSON_PLAIN, 3, &f->err));
    assert_null(json_parse(&f->a, STR("[[[1]]]"), JSON_PLAIN, 2, &f->err));
    assert_int_equal(f->err.code, E_TOO_LARGE);
    assert_non_null(json_parse(&f->a, STR("[\"[[[[\\\"[[[[\",{}]"), JSON_PLAIN, 2, &f->err));
    size_t len = 4 * 1024 * 1024;
    char *deep = arena_alloc_bytes(&f->a, len);
    memset(deep, '[', len);
    assert_null(json_parse(&f->a, (struct str){deep, len}, JSON_PLAIN, LIMIT_JSON_DEPTH_VENDOR, &f->err));
    assert_int_equal(f->err.code, E_TOO_LARGE);
}

static void
test_a_document_larger_than_the_arena_is_too_large(void **state)
{
    struct fixture *f = *state;
    struct arena small;
    arena_init(&small, 1000);
    char *list = arena_alloc_bytes(&f->a, 4001);
    memset(list, ',', 4001);
    for (size_t i = 1; i < 4000; i += 2)
        list[i] = '1';
    list[0] = '[';
    list[4000] = ']';
    assert_null(json_parse(&small, (struct str){list, 4001}, JSON_PLAIN, 64, &f->err));
    assert_int_equal(f->err.code, E_TOO_LARGE);
    arena_release(&small);
}

/* F22: duplicate members are refused in requests, the last one wins in vendor data. */
static void
test_duplicate_members_are_refused_or_the_last_wins(void **state)
{
    struct fixture *f = *state;
    static const char *const twice[] = {"{\"a\":1,\"b\":2,\"a\":3}", "{\"x\":[{\"a\":1,\"\\u0061\":3}]}", "{\"\":1,\"\":3}"};
    for (size_t i = 0; i < ARRAY_LEN(twice); i++) {
        assert_null(json_parse(&f->a, str_from_c(twice[i]), JSON_UNIQUE_KEYS, 64, &f->err));
        assert_int_equal(f->err.code, E_VALIDATION_FAILED);
    }
    assert_null(json_parse(&f->a, STR("{\"a\":1,\"b\":2,\"a\":3}"), JSON_UNIQUE_KEYS, 64, &f->err));
    assert_string_equal(f->err.message, "The member \"a\" occurs twice in one object");
    parse(f, "{\"a\":1,\"b\":{\"a\":2},\"c\":[{\"a\":3},{\"a\":4}],\"A\":5}", JSON_UNIQUE_KEYS);
    yyjson_val *value = parse(f, twice[0], JSON_PLAIN);
    int64_t number = 0;
    assert_true(json_to_i64(json_get_c(value, "a"), &number) && number == 3);
    assert_true(json_to_i64(json_pointer(value, STR("/a")), &number) && number == 3);
    assert_str(canonical(f, value), "{\"a\":3,\"b\":2}");
    assert_true(json_equal(value, parse(f, "{\"b\":2,\"a\":3}", JSON_PLAIN)));
    assert_true(json_equal(parse(f, "{\"b\":2,\"a\":3}", JSON_PLAIN), value));
}

static void
test_a_duplicate_among_many_members_is_found_without_trouble(void **state)
{
    struct fixture *f = *state;
    struct buf b;
    buf_init(&b, 4 * 1024 * 1024);
    buf_add_char(&b, '{');
    for (int i = 0; i < 100000; i++)
        buf_addf(&b, "\"k%d\":%d,", i * 7919 % 100003, i);
    size_t len = b.len;
    buf_add(&b, STR("\"z\":0}"));
    assert_non_null(json_parse(&f->a, buf_str(&b), JSON_UNIQUE_KEYS, 64, &f->err));
    buf_truncate(&b, len);
    buf_add(&b, STR("\"k0\":0}"));
    assert_null(json_parse(&f->a, buf_str(&b), JSON_UNIQUE_KEYS, 64, &f->err));
    buf_release(&b);
}

/* I-10: ids above 2^53 and amounts keep their exact text. */
static void
test_raw_numbers_keep_their_text(void **state)
{
    struct fixture *f = *state;
    static const char text[] = "[9007199254740993,123456789012345678901234567890,1.10,-0.0,1e400,0.1E+2]";
    yyjson_val *value = parse(f, text, JSON_NUMBERS_RAW);
    assert_true(str_eq_c(json_to_text(&f->a, value), text));
    assert_str(json_number_text(&f->a, yyjson_arr_get(value, 2)), "1.10");
    value = parse(f, "[9007199254740993,123456789012345678901234567890,18446744073709551615,-5]", JSON_PLAIN);
    assert_str(json_to_text(&f->a, value), "[9007199254740993,123456789012345678901234567890,18446744073709551615,-5]");
    assert_str(json_number_text(&f->a, yyjson_arr_get(value, 1)), "123456789012345678901234567890");
    assert_str(json_number_text(&f->a, yyjson_arr_get(value, 3)), "-5");
    assert_true(str_is_none(json_number_text(&f->a, NULL)));
}

static void
test_whole_numbers_are_read_exactly_or_not_at_all(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *text;
        bool whole;
        int64_t value;
    } rows[] = {
        {"9007199254740993", true, 9007199254740993}, {"9007199254740993.0", true, 9007199254740993},
        {"9.007199254740993e15", true, 9007199254740993}, {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN}, {"9223372036854775808", false, 0}, {"-9223372036854775808.0", true, INT64_MIN},
        {"1e18", true, 1000000000000000000}, {"1e19", false, 0}, {"1e400", false, 0}, {"1e-400", false, 0}, {"0e999", true, 0},
        {"-0", true, 0}, {"-0.0", true, 0}, {"1.5", false, 0}, {"15e-1", false, 0}, {"150e-1", true, 15}, {"1.00", true, 1},
        {"4503599627370497.3", false, 0}, {"1.0000000000000000000000001", false, 0}, {"1e99999999999999999999", false, 0}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t value = 7;
        bool whole = json_to_i64(parse(f, rows[i].text, JSON_NUMBERS_RAW), &value);
        if (whole != rows[i].whole || value != (whole ? rows[i].value : 7))
            fail_msg("%s: %d %lld", rows[i].text, whole, (long long)value);
    }
    int64_t value = 7;
    assert_true(json_to_i64(parse(f, "1e3", JSON_PLAIN), &value) && value == 1000);
    assert_false(json_to_i64(parse(f, "18446744073709551615", JSON_PLAIN), &value));
    assert_false(json_to_i64(parse(f, "9007199254740993.0", JSON_PLAIN), &value)); /* as a double it is no longer exact */
    assert_false(json_to_i64(parse(f, "\"1\"", JSON_PLAIN), &value));
    assert_false(json_to_i64(NULL, &value));
}

static void
test_numbers_are_equal_by_value(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *left, *right;
        bool equal;
    } rows[] = {{"1", "1.0", true}, {"1.10", "1.1", true}, {"100", "1e2", true}, {"0", "-0.0", true}, {"0.1", "0.10", true},
                {"9007199254740993", "9007199254740992", false}, {"123456789012345678901", "123456789012345678901.0", true},
                {"123456789012345678901", "123456789012345678902", false}, {"1", "-1", false}, {"1", "10", false},
                {"1e400", "10e399", true}, {"1e400", "1e401", false}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        yyjson_val *left = parse(f, rows[i].left, JSON_NUMBERS_RAW), *right = parse(f, rows[i].right, JSON_NUMBERS_RAW);
        if (json_equal(left, right) != rows[i].equal || json_equal(right, left) != rows[i].equal)
            fail_msg("%s and %s", rows[i].left, rows[i].right);
    }
    assert_true(json_equal(parse(f, "0.1", JSON_NUMBERS_RAW), parse(f, "0.1", JSON_PLAIN)));
    assert_true(json_equal(parse(f, "1.0", JSON_PLAIN), parse(f, "1", JSON_PLAIN)));
    assert_false(json_equal(parse(f, "0.1", JSON_NUMBERS_RAW), parse(f, "0.2", JSON_PLAIN)));
    assert_false(json_equal(parse(f, "1", JSON_PLAIN), parse(f, "\"1\"", JSON_PLAIN)));
}

/* I-11: the same value always gives the same bytes. */
static void
test_canonical_form_does_not_depend_on_order_or_space(void **state)
{
    struct fixture *f = *state;
    yyjson_val *one = parse(f, "{\"b\":[1,{\"y\":null,\"x\":true}],\"a\":\"\\u00e9/\\/\",\"aa\":1.50,\"\":{}}", JSON_NUMBERS_RAW);
    yyjson_val *two = parse(f, " { \"\" : { } , \"aa\":1.50,\"a\":\"\xc3\xa9//\" ,\"b\":[1,{\"x\":true,\"y\":null}]}", JSON_NUMBERS_RAW);
    assert_str(canonical(f, one), "{\"\":{},\"a\":\"\xc3\xa9//\",\"aa\":1.50,\"b\":[1,{\"x\":true,\"y\":null}]}");
    assert_true(str_eq(canonical(f, one), canonical(f, two)));
    assert_true(json_equal(one, two));
    assert_false(json_equal(one, parse(f, "{}", JSON_PLAIN)));
}

static void
test_large_objects_are_compared_and_sorted_too(void **state)
{
    struct fixture *f = *state;
    struct buf up, down, other;
    buf_init(&up, 1024 * 1024);
    buf_init(&down, 1024 * 1024);
    buf_init(&other, 1024 * 1024);
    for (int i = 0; i < 20000; i++) {
        buf_addf(&up, "%c\"k%05d\":%d", i ? ',' : '{', i, i);
        buf_addf(&down, "%c\"k%05d\":%d", i ? ',' : '{', 19999 - i, 19999 - i);
        buf_addf(&other, "%c\"k%05d\":%d", i ? ',' : '{', i, i == 777 ? 0 : i);
    }
    buf_add_char(&up, '}');
    buf_add_char(&down, '}');
    buf_add(&other, STR(",\"k00777\":777}")); /* the last of duplicates counts */
    yyjson_val *a = json_parse(&f->a, buf_str(&up), JSON_PLAIN, 64, &f->err);
    yyjson_val *b = json_parse(&f->a, buf_str(&down), JSON_PLAIN, 64, &f->err);
    yyjson_val *c = json_parse(&f->a, buf_str(&other), JSON_PLAIN, 64, &f->err);
    int64_t begin = computed_us();
    assert_true(json_equal(a, b));
    assert_true(json_equal(b, a));
    assert_true(json_equal(a, c));
    assert_true(str_eq(canonical(f, a), canonical(f, b)));
    assert_true(str_eq(canonical(f, a), canonical(f, c)));
    assert_true(computed_us() - begin < 20 * US_PER_S);
    buf_release(&up);
    buf_release(&down);
    buf_release(&other);
}

static void
test_a_canonical_form_without_memory_fails_rather_than_lies(void **state)
{
    struct fixture *f = *state;
    struct buf text, b;
    buf_init(&text, 100000);
    for (int i = 0; i < 200; i++)
        buf_addf(&text, "%c\"k%d\":1", i ? ',' : '{', 1000 - i);
    buf_add_char(&text, '}');
    yyjson_val *value = json_parse(&f->a, buf_str(&text), JSON_PLAIN, 64, &f->err);
    buf_init(&b, 100000);
    buf_reserve(&b, 10000);
    alloc_fail_at(1, 1);
    assert_false(json_write_canonical(&b, value));
    assert_true(json_equal(value, value));
    alloc_fail_at(0, 0);
    assert_false(buf_ok(&b));
    buf_release(&b);
    buf_release(&text);
}

/* RFC 6901, section 5. */
static void
test_pointers_are_those_of_rfc_6901(void **state)
{
    struct fixture *f = *state;
    yyjson_val *root = parse(f, "{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"m~n\":8,\"~1\":9,\"x\":{\"y\":[{\"z\":5}]}}", JSON_PLAIN);
    static const struct {
        const char *pointer, *expected;
    } rows[] = {{"/foo", "[\"bar\",\"baz\"]"}, {"/foo/0", "\"bar\""}, {"/foo/1", "\"baz\""}, {"/", "0"}, {"/a~1b", "1"}, {"/c%d", "2"},
                {"/m~0n", "8"}, {"/~01", "9"}, {"/x/y/0/z", "5"}, {"/foo/2", NULL}, {"/foo/01", NULL}, {"/foo/-", NULL}, {"/foo/-1", NULL},
                {"foo", NULL}, {"/a/b", NULL}, {"/m~n", NULL}, {"/foo/", NULL}, {"/x/y/0/z/q", NULL}, {"/foo/99999999999", NULL}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        yyjson_val *found = json_pointer(root, str_from_c(rows[i].pointer));
        if ((found != NULL) != (rows[i].expected != NULL))
            fail_msg("%s", rows[i].pointer);
        if (found)
            assert_true(str_eq_c(json_to_text(&f->a, found), rows[i].expected));
    }
    assert_ptr_equal(json_pointer(root, STR_NONE), root);
    assert_null(json_pointer(NULL, STR("/a")));
    struct buf b;
    buf_init(&b, 100);
    assert_true(json_pointer_add(&b, STR("a/~b")));
    assert_str(buf_str(&b), "/a~1~0b");
    buf_release(&b);
}

static void
test_a_frozen_value_is_the_mutable_one(void **state)
{
    struct fixture *f = *state;
    yyjson_mut_doc *doc = json_mut_doc(&f->a);
    yyjson_mut_val *object = yyjson_mut_obj(doc);
    yyjson_mut_obj_add_str(doc, object, "a", "b");
    yyjson_mut_obj_add_val(doc, object, "n", yyjson_mut_raw(doc, "1.10"));
    assert_str(json_to_text(&f->a, json_freeze(&f->a, object)), "{\"a\":\"b\",\"n\":1.10}");
}

static void
test_readers_accept_nothing(void **state)
{
    (void)state;
    assert_null(json_get_c(NULL, "a"));
    assert_true(str_is_none(json_str(NULL)));
    assert_true(json_bool_or(NULL, true));
    assert_str(json_str_or(NULL, STR("x")), "x");
    assert_false(json_is_number(NULL));
    assert_true(json_equal(NULL, NULL));
}
