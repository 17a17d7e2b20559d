#include "base/test.h"

#include "door/entities_priv.h"

#define OURS "\"id\":\"01a20374-7572-7975-b82c-776d3742f7d0\",\"kind\":\"contacts\""
#define TIMES ",\"parentId\":null,\"createdAt\":\"2026-01-31T10:00:00.000Z\",\"updatedAt\":\"2026-12-09T23:59:58.007Z\"," \
              "\"deletedAt\":null,\"version\":3}"

/* What becomes of a stored text; NULL: it is refused. */
static const char *
written(const char *data)
{
    static char text[2048];
    struct buf b;
    struct json_writer w;
    struct record record = {.uuid = STR("01a20374-7572-7975-b82c-776d3742f7d0"), .kind = STR("contacts"), .data = str_from_c(data),
                            .parent_uuid = STR_NONE, .version = 3};
    assert_true(time_parse(STR("2026-01-31T10:00:00Z"), &record.created_us));
    assert_true(time_parse(STR("2026-12-09T23:59:58.007Z"), &record.updated_us));
    buf_init(&b, sizeof(text) - 1);
    json_writer_init(&w, &b);
    json_begin_object(&w, NULL);
    bool ok = entity_write(&w, &record);
    json_end_object(&w);
    assert_true(buf_ok(&b));
    snprintf(text, sizeof(text), "%.*s", STR_ARG(buf_str(&b)));
    buf_release(&b);
    return ok ? text : NULL;
}

static void
test_fields_stand_between_our_members_as_they_are_stored(void **state)
{
    (void)state;
    assert_string_equal(written("{}"), "{" OURS TIMES);
    assert_string_equal(written("{\"a\":1,\"b\":[{\"c\":\"x,}\\\"y\"}],\"d\":\"\\\\\"}"),
                        "{" OURS ",\"a\":1,\"b\":[{\"c\":\"x,}\\\"y\"}],\"d\":\"\\\\\"" TIMES);
}

static void
test_a_field_with_one_of_our_names_gives_way(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        {"{\"id\":7}", ""},
        {"{\"id\":7,\"a\":1}", ",\"a\":1"},
        {"{\"a\":1,\"version\":\"x\"}", ",\"a\":1"},
        {"{\"a\":1,\"kind\":{\"b\":[1,2]},\"c\":2}", ",\"a\":1,\"c\":2"},
        {"{\"createdAt\":1,\"updatedAt\":2,\"a\":1,\"parentId\":\"}\",\"history\":[],\"b\":null,\"externalIds\":[\"]\"]}", ",\"a\":1,\"b\":null"},
        {"{\"ids\":1,\"kin\":2,\"a\":{\"id\":3,\"version\":4},\"b\":\"\\\"id\\\":5\"}",
         ",\"ids\":1,\"kin\":2,\"a\":{\"id\":3,\"version\":4},\"b\":\"\\\"id\\\":5\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        char expected[1024];
        snprintf(expected, sizeof(expected), "{" OURS "%s" TIMES, texts[i][1]);
        assert_string_equal(written(texts[i][0]), expected);
    }
}

static void
test_each_of_our_names_gives_way_at_the_top_alone(void **state)
{
    (void)state;
    static const char *const names[] = {"id", "kind", "createdAt", "updatedAt", "deletedAt", "version", "parentId", "externalIds",
                                        "history"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char text[256], expected[512];
        snprintf(text, sizeof(text), "{\"a\":{\"%s\":1},\"%s\":[2,{\"b\":\"}\"}],\"%sx\":3}", names[i], names[i], names[i]);
        snprintf(expected, sizeof(expected), "{" OURS ",\"a\":{\"%s\":1},\"%sx\":3" TIMES, names[i], names[i]);
        assert_string_equal(written(text), expected);
    }
}

/* Quotes are looked for eight bytes at a time: each place in a word, and each number of backslashes before it. */
static void
test_a_text_ends_at_its_own_quote_wherever_it_stands(void **state)
{
    (void)state;
    for (size_t len = 0; len < 20; len++)
        for (size_t at = 0; at <= len; at++)
            for (size_t slashes = 0; slashes < 5; slashes++) {
                char text[128], expected[512];
                struct buf b;
                buf_init(&b, sizeof(text) - 1);
                for (size_t i = 0; i < len; i++) {
                    for (size_t k = 0; i == at && k < slashes; k++)
                        buf_add_char(&b, '\\');
                    buf_add_char(&b, i == at && slashes % 2 ? '"' : i % 3 == 0 ? '!' : i % 3 == 1 ? '#' : '\xa3');
                }
                snprintf(text, sizeof(text), "{\"id\":\"%.*s\",\"v\":\"%.*s\"}", STR_ARG(buf_str(&b)), STR_ARG(buf_str(&b)));
                snprintf(expected, sizeof(expected), "{" OURS ",\"v\":\"%.*s\"" TIMES, STR_ARG(buf_str(&b)));
                buf_release(&b);
                assert_string_equal(written(text), expected);
            }
}

static void
test_times_are_those_of_the_record(void **state)
{
    (void)state;
    struct buf b;
    struct json_writer w;
    struct record record = {.uuid = STR("u"), .kind = STR("a \"kind\""), .data = STR("{}"), .parent_uuid = STR("p"), .version = 1,
                            .created_us = 1000, .updated_us = 1000, .deleted_us = US_PER_DAY};
    buf_init(&b, 1000);
    json_writer_init(&w, &b);
    json_begin_array(&w, NULL);
    json_begin_object(&w, NULL);
    assert_true(entity_write(&w, &record));
    json_add_null(&w, "more");
    json_end_object(&w);
    json_end_array(&w);
    assert_true(str_eq_c(buf_str(&b), "[{\"id\":\"u\",\"kind\":\"a \\\"kind\\\"\",\"parentId\":\"p\",\"createdAt\":\"1970-01-01T00:00:00.001Z\","
                         "\"updatedAt\":\"1970-01-01T00:00:00.001Z\",\"deletedAt\":\"1970-01-02T00:00:00.000Z\",\"version\":1,\"more\":null}]"));
    buf_release(&b);
}

static void
test_an_answer_that_is_too_small_says_so(void **state)
{
    (void)state;
    struct buf b;
    struct json_writer w;
    struct record record = {.uuid = STR("u"), .kind = STR("k"), .data = STR("{\"a\":\"0123456789\"}"), .version = 1};
    for (size_t cap = 1; cap < 300; cap++) {
        buf_init(&b, cap);
        json_writer_init(&w, &b);
        assert_true(entity_write(&w, &record));
        assert_true(buf_str(&b).len <= cap);
        assert_true(!buf_ok(&b) || buf_str(&b).len == strlen("\"id\":\"u\",\"kind\":\"k\",\"a\":\"0123456789\",\"parentId\":null,"
                                                           "\"createdAt\":null,\"updatedAt\":null,\"deletedAt\":null,\"version\":1"));
        buf_release(&b);
    }
}

static void
test_what_is_no_object_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "7", "{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":\"x}", "{a:1}", "[1]"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_null(written(texts[i]));
}
