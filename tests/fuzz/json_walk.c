/* JSON from outside: parsing with every flag, then each walker over what was parsed. */
#include "base/check.h"
#include "base/limits.h"
#include "json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
walk(struct arena *a, yyjson_val *root)
{
    int64_t number;
    struct buf one, two;
    struct err err = {0};
    buf_init(&one, 16 * 1024 * 1024);
    buf_init(&two, 16 * 1024 * 1024);
    if (json_write_canonical(&one, root)) {
        /* the canonical form reads back as an equal value with the same canonical form */
        yyjson_val *again = json_parse(a, buf_str(&one), JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, &err);
        CHECK(again && json_write_canonical(&two, again));
        CHECK(str_eq(buf_str(&one), buf_str(&two)));
        CHECK(json_equal(again, again));
    }
    (void)json_equal(root, json_pointer(root, STR("/a/0/~1b")));
    (void)!json_to_i64(root, &number);
    (void)json_number_text(a, root);
    buf_release(&one);
    buf_release(&two);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct err err = {0};
    struct str text = {(const char *)data + (size > 0), size ? size - 1 : 0};
    arena_init(&a, 64 * 1024 * 1024);
    yyjson_val *root = json_parse(&a, text, size ? data[0] & 7 : 0, LIMIT_JSON_DEPTH_VENDOR, &err);
    if (root)
        walk(&a, root);
    arena_release(&a);
    return 0;
}
