/*
 * Goldens of our own: each folder of tests/goldens/manifest is one feature or rule. Its manifest is run through
 * manifest_requests, or manifest_replay where replies name what answers; the lines must equal expected.ndjson by value.
 * "*" there stands for any text.
 */
#include "base/test.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "template/manifest_lines.h"
#include "template/template.h"
#include "template/test_builtin.h"

#define NOW STR("2026-06-15T12:34:56Z")

static struct str
read_file(struct arena *a, const char *folder, const char *name)
{
    char path[1024];
    struct stat st;
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *f = fopen(path, "rb");
    if (!f)
        return STR_NONE;
    assert_int_equal(fstat(fileno(f), &st), 0);
    char *bytes = arena_alloc_bytes(a, (size_t)st.st_size + 1);
    size_t len = fread(bytes, 1, (size_t)st.st_size, f);
    fclose(f);
    return (struct str){bytes, len};
}

static bool
is_any(yyjson_val *expected)
{
    return yyjson_is_str(expected) && str_eq(json_str(expected), STR("*"));
}

/* Every member of the expected line; those that stand for any text only have to be there. */
static bool
line_equals(yyjson_val *expected, yyjson_val *got)
{
    size_t index, max, any = 0;
    yyjson_val *key, *item;
    yyjson_obj_foreach(expected, index, max, key, item) {
        yyjson_val *other = json_get(got, json_str(key));
        any += is_any(item);
        if (!other || (!is_any(item) && !json_equal(item, other)))
            return false;
    }
    return yyjson_obj_size(got) == yyjson_obj_size(expected) ||
           (json_get_c(expected, "stream") && yyjson_is_null(json_get_c(expected, "stream")) && any);
}

static bool
lines_equal(struct arena *a, struct str expected, struct str got)
{
    struct err err = {0};
    while (str_trim(expected).len || str_trim(got).len) {
        struct str want_line, got_line;
        str_cut(expected, '\n', &want_line, &expected);
        str_cut(got, '\n', &got_line, &got);
        yyjson_val *want = json_parse(a, want_line, JSON_NUMBERS_RAW, 128, &err);
        yyjson_val *have = json_parse(a, got_line, JSON_NUMBERS_RAW, 128, &err);
        if (!want || !have || !line_equals(want, have))
            return false;
    }
    return true;
}

static bool
golden_holds(const char *folder, const char *name)
{
    struct arena a;
    char *text = NULL;
    size_t len = 0;
    struct err err = {0};
    arena_init(&a, 1 << 26);
    struct manifest_input in = {.yaml = read_file(&a, folder, "manifest.yaml"), .name = str_from_c(name),
                                .config = read_file(&a, folder, "config.json"), .replies = read_file(&a, folder, "replies.json"),
                                .state = read_file(&a, folder, "state.json"), .now = NOW};
    struct str expected = read_file(&a, folder, "expected.ndjson");
    FILE *out = open_memstream(&text, &len);
    bool replay = str_find_str(expected, STR("\"records\"")) >= 0;
    bool ok = replay ? manifest_replay(&in, out, &err) : manifest_requests(&in, out, &err);
    fclose(out);
    bool refused = str_starts(expected, STR("{\"stream\": null"));
    bool equal = ok != refused && lines_equal(&a, expected, (struct str){text, len});
    if (!equal)
        fprintf(stderr, "golden %s:\n  expected %.*s  got      %.*s  %s\n", name, STR_ARG(expected), (int)len, text, err.message);
    free(text);
    arena_release(&a);
    return equal;
}

static void
test_every_golden_manifest_gives_the_expected_lines(void **state)
{
    char folder[1024];
    unsigned count = 0, failed = 0;
    struct dirent *entry;
    (void)state;
    DIR *dir = opendir(GOLDENS_DIR);
    assert_non_null(dir);
    while ((entry = readdir(dir))) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(folder, sizeof(folder), "%s/%s", GOLDENS_DIR, entry->d_name);
        count++;
        failed += !golden_holds(folder, entry->d_name);
    }
    closedir(dir);
    assert_true(count >= 60);
    if (failed)
        fail_msg("%u of %u goldens differ", failed, count);
}

static void
test_input_that_is_no_json_is_a_usage_error_and_writes_nothing(void **state)
{
    struct err err = {0};
    char *text = NULL;
    size_t len = 0;
    (void)state;
    FILE *out = open_memstream(&text, &len);
    struct manifest_input in = {.yaml = builtin_yaml("chatwoot"), .name = STR("x"), .config = STR("nonsense"), .now = NOW};
    assert_fails_with(manifest_requests(&in, out, &err), err, E_USAGE);
    fclose(out);
    assert_int_equal(len, 0);
    free(text);
}

static void
test_check_lists_streams_and_reasons(void **state)
{
    struct err err = {0};
    char *text = NULL;
    size_t len = 0;
    (void)state;
    FILE *out = open_memstream(&text, &len);
    struct manifest_input in = {.yaml = builtin_yaml("chatwoot"), .name = STR("x"), .now = NOW};
    assert_ok(manifest_check(&in, false, out, &err), err);
    fclose(out);
    assert_true(str_contains((struct str){text, len}, STR("3 of 3 streams")));
    free(text);
}
