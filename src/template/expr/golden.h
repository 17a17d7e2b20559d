/*
 * For tests of this room: reading a golden file of tests/goldens. GOLDENS is the folder, from the build.
 */
#ifndef TIDEMARK_TEMPLATE_EXPR_GOLDEN_H
#define TIDEMARK_TEMPLATE_EXPR_GOLDEN_H

#include "base/test.h"

#include <stdio.h>

#include "json/json.h"

#define GOLDEN_BYTES_MAX (4 * 1024 * 1024)

/* The parsed file, in the arena; fails the test when it cannot be read. */
static inline yyjson_val *
golden_read(struct arena *a, const char *name)
{
    struct err err = {0};
    struct str path = str_format(a, "%s/%s", GOLDENS, name);
    char *text = arena_alloc_bytes(a, GOLDEN_BYTES_MAX);
    FILE *file = fopen(path.ptr, "rb");
    if (!file || !text)
        fail_msg("%s cannot be read", path.ptr);
    size_t length = fread(text, 1, GOLDEN_BYTES_MAX, file);
    fclose(file);
    yyjson_val *root = json_parse(a, (struct str){text, length}, JSON_NUMBERS_RAW, 128, &err);
    if (!root)
        fail_msg("%s: %s", path.ptr, err.message);
    return root;
}

#endif
