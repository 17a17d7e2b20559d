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
test_what_is_no_object_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "7", "{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":\"x}", "{a:1}", "[1]"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_null(written(texts[i]));
}
