/* A schema and a value in one input, one JSON text per line: both from strangers. */
#include "base/limits.h"
#include "json/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct err_item items[ERR_ITEMS_MAX];
    struct err err = {.items = items};
    struct str text = {(const char *)data, size}, first, second;
    arena_init(&a, 64 * 1024 * 1024);
    (void)str_cut(text, '\n', &first, &second);
    yyjson_val *document = json_parse(&a, first, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_API, &err);
    yyjson_val *value = json_parse(&a, second, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, &err);
    struct schema *schema = document ? schema_compile(document, &err) : NULL;
    if (schema && value) {
        yyjson_val *filled = schema_apply_defaults(schema, &a, value, &err);
        (void)!schema_validate(schema, filled ? filled : value, &err);
    }
    schema_free(schema);
    arena_release(&a);
    return 0;
}
