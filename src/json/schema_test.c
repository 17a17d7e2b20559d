#include "base/test.h"

#include "json/schema.h"

#define DRAFT_2020 "\"$schema\":\"https://json-schema.org/draft/2020-12/schema\","

struct fixture {
    struct arena a;
    struct schema *schema;
    struct err err;
    struct err_item items[ERR_ITEMS_MAX];
};

static int
setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    arena_init(&f->a, 256 * 1024 * 1024);
    f->err.items = f->items;
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;
    schema_free(f->schema);
    arena_release(&f->a);
    test_free(f);
    return 0;
}

static yyjson_val *
parse(struct fixture *f, struct str text)
{
    yyjson_val *value = json_parse(&f->a, text, JSON_NUMBERS_RAW, 128, &f->err);
    assert_non_null(value);
    return value;
}

static bool
compile(struct fixture *f, const char *text)
{
    schema_free(f->schema);
    f->schema = schema_compile(parse(f, str_from_c(text)), &f->err);
    return f->schema != NULL;
}

static bool
is_valid(struct fixture *f, const char *text)
{
    return schema_validate(f->schema, parse(f, str_from_c(text)), &f->err);
}

/* "pointer message" of item i. */
static void
assert_item(struct fixture *f, unsigned i, const char *pointer, const char *message)
{
    assert_true(i < f->err.item_count);
    assert_string_equal(f->items[i].pointer, pointer);
    assert_string_equal(f->items[i].message, message);
}

static const char form[] =
    "{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\"type\":\"object\",\"required\":[\"api_token\",\"a/b\"],"
    "\"additionalProperties\":false,\"properties\":{"
    "\"api_token\":{\"type\":\"string\",\"minLength\":8,\"airbyte_secret\":true},"
    "\"a/b\":{\"type\":\"integer\"},"
    "\"start_date\":{\"type\":\"string\",\"pattern\":\"^\\\\d{4}-\\\\d{2}-\\\\d{2}$\",\"pattern_descriptor\":\"YYYY-MM-DD\"},"
    "\"email\":{\"type\":\"string\",\"format\":\"email\"},"
    "\"region\":{\"enum\":[\"eu\",\"us\"]},"
    "\"limit\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":500,\"default\":100},"
    "\"nested\":{\"type\":\"object\",\"default\":{},\"properties\":{\"deep\":{\"type\":\"boolean\",\"default\":true}}}}}";

static void
test_a_value_that_fits_is_valid(void **state)
{
    struct fixture *f = *state;
    assert_true(compile(f, form));
    assert_ok(is_valid(f, "{\"api_token\":\"12345678\",\"a/b\":1,\"start_date\":\"2026-11-22\",\"email\":\"a@b.example\","
                          "\"region\":\"eu\",\"limit\":500}"), f->err);
}

static void
test_each_fault_is_one_item_at_its_pointer_in_words(void **state)
{
    struct fixture *f = *state;
    assert_true(compile(f, form));
    assert_fails_with(is_valid(f, "{\"api_token\":\"1234\",\"start_date\":\"22.11.2026\",\"email\":\"nobody\",\"region\":\"mars\","
                                  "\"limit\":0,\"nested\":[],\"other\":1}"), f->err, E_VALIDATION_FAILED);
    const char *const expected[][2] = {
        {"/api_token", "must have at least 8 characters"}, {"/a~1b", "is required"},
        {"/start_date", "must look like YYYY-MM-DD"}, {"/email", "must be an e-mail address"},
        {"/region", "must be one of eu, us"}, {"/limit", "must be at least 1"}, {"/nested", "must be an object"},
        {"/other", "is not known here: remove it"}};
    assert_int_equal(f->err.item_count, ARRAY_LEN(expected));
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        bool found = false;
        for (unsigned k = 0; k < f->err.item_count; k++)
            if (strcmp(f->items[k].pointer, expected[i][0]) == 0) {
                assert_string_equal(f->items[k].message, expected[i][1]);
                found = true;
            }
        if (!found)
            fail_msg("no item for %s", expected[i][0]);
    }
    assert_non_null(strstr(f->err.message, "and 7 more"));
}

/* I-29: what was typed may be a secret. */
static void
test_messages_never_repeat_the_value(void **state)
{
    struct fixture *f = *state;
    static const char *const schemas[] = {
        "{\"pattern\":\"^a$\"}", "{\"format\":\"email\"}", "{\"maxLength\":3}", "{\"enum\":[\"x\"]}", "{\"const\":\"x\"}",
        "{\"type\":\"integer\"}", "{\"not\":{}}", "{\"anyOf\":[{\"pattern\":\"^a$\"},{\"maxLength\":2}]}",
        "{\"format\":\"ipv4\"}", "{\"format\":\"date\"}", "{\"allOf\":[{\"pattern\":\"^a$\"}]}", "false"};
    for (size_t i = 0; i < ARRAY_LEN(schemas); i++) {
        assert_true(compile(f, schemas[i]));
        assert_fails_with(is_valid(f, "\"canary-4711\""), f->err, E_VALIDATION_FAILED);
        assert_null(strstr(f->err.message, "canary"));
        assert_int_equal(f->err.item_count, 1);
        assert_null(strstr(f->items[0].message, "canary"));
        assert_string_equal(f->items[0].pointer, "");
    }
}

static void
test_items_are_not_needed_and_are_counted_when_they_do_not_fit(void **state)
{
    struct fixture *f = *state;
    assert_true(compile(f, "{\"additionalProperties\":{\"type\":\"string\"},\"items\":{\"type\":\"string\"}}"));
    assert_fails_with(is_valid(f, "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18]"), f->err, E_VALIDATION_FAILED);
    assert_int_equal(f->err.item_count, ERR_ITEMS_MAX);
    assert_int_equal(f->err.items_left_out, 2);
    assert_item(f, 0, "/0", "must be text");
    f->err.items = NULL;
    assert_fails_with(is_valid(f, "[1]"), f->err, E_VALIDATION_FAILED);
    assert_string_equal(f->err.message, "/0 must be text");
}

/* The forms of credentials: the variant whose constants fit is the one that is spoken about. */
static void
test_the_chosen_variant_is_the_one_that_is_explained(void **state)
{
    struct fixture *f = *state;
    assert_true(compile(f, "{\"properties\":{\"credentials\":{\"oneOf\":["
                           "{\"required\":[\"kind\",\"token\"],\"properties\":{\"kind\":{\"const\":\"token\"},\"token\":{\"type\":\"string\"}}},"
                           "{\"required\":[\"kind\",\"client_id\"],\"properties\":{\"kind\":{\"const\":\"oauth\"}}}]}}}"));
    assert_ok(is_valid(f, "{\"credentials\":{\"kind\":\"token\",\"token\":\"x\"}}"), f->err);
    assert_fails_with(is_valid(f, "{\"credentials\":{\"kind\":\"oauth\"}}"), f->err, E_VALIDATION_FAILED);
    assert_int_equal(f->err.item_count, 1);
    assert_item(f, 0, "/credentials/client_id", "is required");
    assert_fails_with(is_valid(f, "{\"credentials\":{\"kind\":\"token\",\"token\":7}}"), f->err, E_VALIDATION_FAILED);
    assert_fails_with(is_valid(f, "{\"credentials\":{\"kind\":\"other\"}}"), f->err, E_VALIDATION_FAILED);
    assert_item(f, 0, "/credentials", "fits none, or more than one, of the allowed forms");
}

static void
test_drafts_are_told_apart(void **state)
{
    struct fixture *f = *state;
    assert_true(compile(f, "{" DRAFT_2020 "\"prefixItems\":[{\"type\":\"string\"}],\"items\":false}"));
    assert_true(is_valid(f, "[\"a\"]"));
    assert_false(is_valid(f, "[1]"));
    assert_false(is_valid(f, "[\"a\",1]"));
    assert_true(compile(f, "{\"prefixItems\":[{\"type\":\"string\"}],\"items\":[{\"type\":\"integer\"}],\"additionalItems\":false}"));
    assert_true(is_valid(f, "[1]"));
    assert_false(is_valid(f, "[1,1]"));
    assert_true(compile(f, "{\"$schema\":\"http://json-schema.org/schema#\",\"type\":[\"null\",\"string\"]}"));
    assert_true(is_valid(f, "null"));
    assert_fails_with(is_valid(f, "1"), f->err, E_VALIDATION_FAILED);
    assert_item(f, 0, "", "must be null or text");
    assert_true(compile(f, "{\"$schema\":\"https://json-schema.org/draft-07/schema\",\"const\":1}"));
    assert_true(is_valid(f, "1.0"));
}

static void
test_a_schema_that_is_none_is_refused_with_its_place(void **state)
{
    struct fixture *f = *state;
    static const char *const bad[] = {
        "{\"type\":\"text\"}", "{\"type\":7}", "{\"properties\":[]}", "{\"required\":\"a\"}", "{\"pattern\":\"(\"}",
        "{\"patternProperties\":{\"(\":{}}}", "{\"minLength\":-1}", "{\"properties\":{\"a\":{\"type\":\"txt\"}}}", "7", "\"x\"", "null", "[]",
        "{\"$ref\":\"#/definitions/none\"}", "{" DRAFT_2020 "\"type\":\"text\"}",
        "{" DRAFT_2020 "\"properties\":{\"a\":{\"minLength\":\"x\"}}}", "{\"pattern\":\"(*LIMIT_MATCH=5)a\"}"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (compile(f, bad[i]))
            fail_msg("%s was accepted", bad[i]);
        assert_int_equal(f->err.code, E_VALIDATION_FAILED);
        assert_non_null(strstr(f->err.message, "chema"));
        assert_null(strstr(f->err.message, "schema.invalid"));
    }
    assert_false(compile(f, "{\"properties\":{\"a\":{\"type\":\"txt\"}}}"));
    assert_string_equal(f->items[0].pointer, "/properties/a/type");
}

static void
test_a_name_twice_in_required_means_nothing(void **state)
{
    struct fixture *f = *state;
    assert_true(compile(f, "{\"required\":[\"a\",\"a\"],\"properties\":{\"b\":{\"allOf\":[{\"required\":[\"c\",\"c\",\"d\"]}]}}}"));
    assert_true(is_valid(f, "{\"a\":1,\"b\":{\"c\":1,\"d\":2}}"));
    assert_false(is_valid(f, "{\"b\":{\"c\":1,\"d\":2}}"));
    assert_false(is_valid(f, "{\"a\":1,\"b\":{\"c\":1}}"));
}

/* D28: no remote references, and none to a file. */
static void
test_references_reach_only_into_the_same_document(void **state)
{
    struct fixture *f = *state;
    static const char *const remote[] = {
        "{\"$ref\":\"https://example.com/s.json\"}", "{\"$ref\":\"file:///etc/passwd\"}", "{\"$ref\":\"other.json#/a\"}",
        "{" DRAFT_2020 "\"$ref\":\"https://example.com/s.json\"}"};
    for (size_t i = 0; i < ARRAY_LEN(remote); i++) {
        if (compile(f, remote[i]))
            fail_msg("%s was accepted", remote[i]);
        assert_int_equal(f->err.code, E_VALIDATION_FAILED);
    }
    assert_true(compile(f, "{\"definitions\":{\"name\":{\"type\":\"string\"}},\"items\":{\"$ref\":\"#/definitions/name\"}}"));
    assert_true(is_valid(f, "[\"a\"]"));
    assert_false(is_valid(f, "[1]"));
}

static void
test_a_recursive_schema_follows_the_value(void **state)
{
    struct fixture *f = *state;
    assert_true(compile(f, "{\"properties\":{\"child\":{\"$ref\":\"#\"},\"n\":{\"type\":\"integer\"}}}"));
    assert_true(is_valid(f, "{\"child\":{\"child\":{\"n\":1}}}"));
    assert_fails_with(is_valid(f, "{\"child\":{\"child\":{\"n\":\"x\"}}}"), f->err, E_VALIDATION_FAILED);
    assert_item(f, 0, "/child/child/n", "must be a whole number");
}

/* The deepest value that the callers parse must be within the depth of steps. */
static void
test_a_value_as_deep_as_may_be_is_checked(void **state)
{
    struct fixture *f = *state;
    struct buf b;
    buf_init(&b, 10000);
    for (int i = 0; i < 120; i++)
        buf_add(&b, STR("{\"child\":"));
    buf_add(&b, STR("1"));
    for (int i = 0; i < 120; i++)
        buf_add(&b, STR("}"));
    assert_true(compile(f, "{\"definitions\":{\"n\":{\"properties\":{\"child\":{\"$ref\":\"#/definitions/n\"}}}},\"$ref\":\"#/definitions/n\"}"));
    yyjson_val *value = parse(f, buf_str(&b));
    assert_ok(schema_validate(f->schema, value, &f->err), f->err);
    buf_release(&b);
}

/* I-36: references in circles would exhaust the stack, doubling ones the time. */
static void
test_references_in_circles_and_doubling_ones_hit_a_limit(void **state)
{
    struct fixture *f = *state;
    assert_true(compile(f, "{\"definitions\":{\"a\":{\"$ref\":\"#/definitions/b\"},\"b\":{\"$ref\":\"#/definitions/a\"}},"
                           "\"allOf\":[{\"$ref\":\"#/definitions/a\"}]}"));
    assert_fails_with(is_valid(f, "1"), f->err, E_LIMIT);
    struct buf b;
    buf_init(&b, 100000);
    buf_add(&b, STR("{\"definitions\":{\"d0\":{\"type\":\"integer\"}"));
    for (int i = 1; i < 40; i++)
        buf_addf(&b, ",\"d%d\":{\"allOf\":[{\"$ref\":\"#/definitions/d%d\"},{\"$ref\":\"#/definitions/d%d\"}]}", i, i - 1, i - 1);
    buf_add(&b, STR("},\"allOf\":[{\"$ref\":\"#/definitions/d39\"}]}"));
    schema_free(f->schema);
    f->schema = schema_compile(parse(f, buf_str(&b)), &f->err);
    assert_non_null(f->schema);
    int64_t begin = computed_us();
    assert_fails_with(is_valid(f, "1"), f->err, E_LIMIT);
    assert_true(computed_us() - begin < 60 * US_PER_S);
    buf_release(&b);
    assert_true(compile(f, "{\"type\":\"integer\"}")); /* the budget is each validation's own */
    assert_true(is_valid(f, "1"));
}

/* std::regex dies on this; a nested quantifier never ends without a limit. */
static void
test_a_long_string_and_a_nested_quantifier_neither_crash_nor_hang(void **state)
{
    struct fixture *f = *state;
    size_t len = 2 * 1024 * 1024;
    char *text = arena_alloc_bytes(&f->a, len + 3);
    memset(text, 'a', len + 3);
    text[0] = text[len + 2] = '"';
    text[len + 1] = '!';
    yyjson_val *value = parse(f, (struct str){text, len + 3});
    static const char *const patterns[] = {
        "{\"pattern\":\"^(a+)+$\"}", "{\"pattern\":\"^(a|aa)+$\"}", "{\"pattern\":\"^(a*)*b$\"}", "{\"pattern\":\"(.*)*x\"}",
        "{\"pattern\":\"^([a-z]|[a-y])*$\"}", "{\"pattern\":\"(?:(?:a?){30}){30}b\"}"};
    for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
        int64_t begin = computed_us();
        assert_true(compile(f, patterns[i]));
        assert_false(schema_validate(f->schema, value, &f->err));
        assert_true(f->err.code == E_LIMIT || f->err.code == E_VALIDATION_FAILED);
        assert_true(computed_us() - begin < 30 * US_PER_S);
    }
    assert_true(compile(f, "{\"pattern\":\"^(a+)+$\"}"));
    assert_fails_with(is_valid(f, "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\""), f->err, E_LIMIT);
    assert_true(compile(f, "{\"pattern\":\"^[a!]+$\"}"));
    assert_ok(schema_validate(f->schema, value, &f->err), f->err);
}

static void
test_patterns_read_as_in_ecmascript(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *pattern, *text;
        bool matches;
    } rows[] = {
        {"{\"pattern\":\"a$\"}", "\"a\\n\"", false},     {"{\"pattern\":\"b\"}", "\"abc\"", true},
        {"{\"pattern\":\"^\\\\u00e9$\"}", "\"\\u00e9\"", true}, {"{\"pattern\":\"^.$\"}", "\"\\ud83c\\udf0a\"", true},
        {"{\"pattern\":\"^[^]$\"}", "\"x\"", true},      {"{\"pattern\":\"[]\"}", "\"x\"", false},
        {"{\"pattern\":\"^\\\\d$\"}", "\"\\u0663\"", false}, {"{\"pattern\":\"^(?:(a)|b)\\\\1$\"}", "\"b\"", true},
        {"{\"pattern\":\"^\\\\x41$\"}", "\"A\"", true},  {"{\"pattern\":\"^\\\\p{L}+$\"}", "\"\\u00e9\"", true}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_true(compile(f, rows[i].pattern));
        if (is_valid(f, rows[i].text) != rows[i].matches)
            fail_msg("%s on %s", rows[i].pattern, rows[i].text);
    }
}

static void
test_unique_items_of_a_huge_list_hits_a_limit(void **state)
{
    struct fixture *f = *state;
    struct buf b;
    buf_init(&b, 1000000);
    buf_add_char(&b, '[');
    for (int i = 0; i < 100000; i++)
        buf_addf(&b, "%d,", i);
    buf_add(&b, STR("0]"));
    assert_true(compile(f, "{\"uniqueItems\":true}"));
    assert_fails_with(schema_validate(f->schema, parse(f, buf_str(&b)), &f->err), f->err, E_LIMIT);
    buf_release(&b);
    assert_false(is_valid(f, "[1,2,1.0]"));
    assert_true(is_valid(f, "[1,2,\"1\"]"));
}

/* I-10: an id above 2^53 is a whole number, and its neighbour is another one. */
static void
test_numbers_beyond_doubles_are_whole_and_distinct(void **state)
{
    struct fixture *f = *state;
    assert_true(compile(f, "{\"type\":\"integer\"}"));
    static const char *const whole[] = {"9007199254740993", "-9223372036854775808", "18446744073709551615",
                                        "123456789012345678901234567890", "1e3", "1.0", "1e300"};
    for (size_t i = 0; i < ARRAY_LEN(whole); i++)
        if (!is_valid(f, whole[i]))
            fail_msg("%s is a whole number", whole[i]);
    assert_false(is_valid(f, "1.5"));
    assert_true(compile(f, "{\"const\":9007199254740993}"));
    assert_true(is_valid(f, "9007199254740993"));
    assert_false(is_valid(f, "9007199254740992"));
    assert_fails_with(is_valid(f, "1e999"), f->err, E_LIMIT);
}

static struct str
with_defaults(struct fixture *f, const char *text)
{
    yyjson_val *filled = schema_apply_defaults(f->schema, &f->a, parse(f, str_from_c(text)), &f->err);
    assert_non_null(filled);
    return json_to_text(&f->a, filled);
}

static void
test_defaults_fill_what_is_absent_and_nothing_else(void **state)
{
    struct fixture *f = *state;
    assert_true(compile(f, form));
    assert_str(with_defaults(f, "{\"api_token\":\"x\"}"), "{\"api_token\":\"x\",\"limit\":100,\"nested\":{\"deep\":true}}");
    assert_str(with_defaults(f, "{\"limit\":null,\"nested\":{\"deep\":false}}"), "{\"limit\":null,\"nested\":{\"deep\":false}}");
    yyjson_val *full = parse(f, STR("{\"limit\":5,\"nested\":{\"deep\":true}}"));
    assert_ptr_equal(schema_apply_defaults(f->schema, &f->a, full, &f->err), full);
    assert_str(with_defaults(f, "[1]"), "[1]");
}

static void
test_defaults_keep_exact_numbers_of_the_value(void **state)
{
    struct fixture *f = *state;
    assert_true(compile(f, "{\"properties\":{\"a\":{\"default\":[1,\"x\",null,true,{\"b\":2.5}]},\"c/d\":{\"default\":9007199254740993}}}"));
    assert_str(with_defaults(f, "{\"id\":123456789012345678901234567890,\"money\":1.10}"),
               "{\"id\":123456789012345678901234567890,\"money\":1.10,\"a\":[1,\"x\",null,true,{\"b\":2.5}],\"c/d\":9007199254740993}");
}

static void
test_defaults_of_a_variant_that_does_not_apply_stay_out(void **state)
{
    struct fixture *f = *state;
    assert_true(compile(f, "{\"oneOf\":["
                           "{\"required\":[\"kind\"],\"properties\":{\"kind\":{\"const\":\"a\"},\"x\":{\"default\":1}}},"
                           "{\"required\":[\"kind\"],\"properties\":{\"kind\":{\"const\":\"b\"},\"y\":{\"default\":2}}}]}"));
    assert_str(with_defaults(f, "{\"kind\":\"b\"}"), "{\"kind\":\"b\",\"y\":2}");
    assert_str(with_defaults(f, "{}"), "{}");
    assert_true(compile(f, "{\"allOf\":[{\"properties\":{\"x\":{\"default\":1}},\"required\":[\"z\"]}]}"));
    assert_str(with_defaults(f, "{}"), "{\"x\":1}");
}

static void
test_a_schema_over_the_limits_is_refused(void **state)
{
    struct fixture *f = *state;
    size_t len = 3 * 1024 * 1024;
    char *text = arena_alloc_bytes(&f->a, len);
    memset(text, 'x', len);
    memcpy(text, "{\"title\":\"", 10);
    memcpy(text + len - 2, "\"}", 2);
    assert_null(schema_compile(parse(f, (struct str){text, len}), &f->err));
    assert_int_equal(f->err.code, E_LIMIT);
    memset(text, 'a', 40000);
    memcpy(text, "{\"pattern\":\"", 12);
    memcpy(text + 39998, "\"}", 2);
    assert_null(schema_compile(parse(f, (struct str){text, 40000}), &f->err));
    assert_int_equal(f->err.code, E_VALIDATION_FAILED);
}
