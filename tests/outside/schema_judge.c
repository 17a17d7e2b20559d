/*
 * Says what our JSON Schema validator says: for script/schema-suite, which holds it against the official suite.
 *
 * Each line of standard input is {"schema": ..., "data": ...}; each line of output "valid", "invalid", or "refused" and why.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "json/schema.h"

static void
judge(struct arena *a, struct str line)
{
    struct err err = {0};
    yyjson_val *test = json_parse(a, line, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, &err);
    struct schema *schema = test ? schema_compile(json_get_c(test, "schema"), &err) : NULL;
    if (!schema)
        printf("refused %s\n", err.message);
    else if (schema_validate(schema, json_get_c(test, "data"), &err))
        puts("valid");
    else
        printf("%s\n", err.code == E_VALIDATION_FAILED ? "invalid" : err.message);
    schema_free(schema);
}

int
main(void)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t len;
    struct arena a;
    arena_init(&a, LIMIT_REQUEST_ARENA_BYTES);
    while ((len = getline(&line, &size, stdin)) > 0) {
        arena_clear(&a);
        judge(&a, str_trim((struct str){line, (size_t)len}));
    }
    free(line);
    arena_release(&a);
    return 0;
}
