#include "base/test.h"

#include "json/writer.h"

static void
test_commas_stand_where_they_belong(void **state)
{
    (void)state;
    struct buf b;
    struct json_writer w;
    buf_init(&b, 4096);
    json_writer_init(&w, &b);
    json_begin_object(&w, NULL);
    json_begin_array(&w, "empty");
    json_end_array(&w);
    json_begin_array(&w, "list");
    json_add_i64(&w, NULL, INT64_MIN);
    json_add_bool(&w, NULL, true);
    json_add_null(&w, NULL);
    json_begin_object(&w, NULL);
    json_end_object(&w);
    json_end_array(&w);
    json_add_key(&w, STR("from \"data\""));
    json_add_str(&w, NULL, STR("x"));
    json_add_raw(&w, "raw", STR("[1]"));
    json_add_raw(&w, "nothing", STR_NONE);
    json_add_time(&w, "never", 0);
    json_add_time(&w, "at", 1);
    json_add_val(&w, "missing", NULL);
    json_end_object(&w);
    assert_str(buf_str(&b), "{\"empty\":[],\"list\":[-9223372036854775808,true,null,{}],\"from \\\"data\\\"\":\"x\",\"raw\":[1],"
                            "\"nothing\":null,\"never\":null,\"at\":\"1970-01-01T00:00:00.000Z\",\"missing\":null}");
    buf_release(&b);
}

static void
test_bad_bytes_are_mended_in_values_and_names(void **state)
{
    (void)state;
    struct buf b;
    struct json_writer w;
    buf_init(&b, 4096);
    json_writer_init(&w, &b);
    json_begin_object(&w, NULL);
    json_add_str(&w, "a", STR("x\xffy\xe2\x82"));
    json_add_str(&w, "b", STR("\xed\xa0\x80"));
    json_add_key(&w, STR("k\xc0"));
    json_add_str(&w, NULL, STR("\x01\x1f\n\"\\"));
    json_end_object(&w);
    assert_str(buf_str(&b), "{\"a\":\"x\xef\xbf\xbdy\xef\xbf\xbd\xef\xbf\xbd\",\"b\":\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\","
                            "\"k\xef\xbf\xbd\":\"\\u0001\\u001f\\n\\\"\\\\\"}");
    buf_release(&b);
}

static void
test_a_full_buffer_is_seen_at_the_end(void **state)
{
    (void)state;
    struct buf b;
    struct json_writer w;
    buf_init(&b, 8);
    json_writer_init(&w, &b);
    json_begin_object(&w, NULL);
    json_add_c(&w, "key", "a value that is longer");
    json_end_object(&w);
    assert_false(buf_ok(&b));
    buf_release(&b);
}
