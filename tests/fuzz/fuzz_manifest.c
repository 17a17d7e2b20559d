/*
 * Any bytes as a template: it loads or is refused with words; what loads is asked for the first requests of its
 * streams, and answered with the rest of the input. Nothing may crash, hang or leak.
 */
#include <stdint.h>
#include <string.h>

#include "base/limits.h"
#include "template/manifest_lines.h"
#include "template/reader.h"

#define STEPS_MAX 40
#define STREAMS_MAX 4

static void
play(const struct template *t, struct str stream, yyjson_val *config, struct str body)
{
    struct arena page;
    struct reader_event event;
    struct err err = {0};
    struct http_reply reply = {.status = 200, .body = body, .sent_wall_us = 1781526896000000};
    struct reader_options options = {.template = t, .stream = stream, .config = config, .position = STR_NONE,
                                     .updated_since = STR_NONE, .now_us = 1781526896000000};
    struct reader *r = reader_new(&options, &err);
    arena_init(&page, 1 << 24);
    for (int step = 0; r && step < STEPS_MAX; step++) {
        enum reader_step s = reader_next(r, &page, &event, &err);
        if (s == READER_DONE || s == READER_FAILED)
            break;
        if (s == READER_PAGE)
            arena_clear(&page);
        if (s == READER_REQUEST)
            reader_reply(r, &reply);
    }
    reader_free(r);
    arena_release(&page);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct err err = {0};
    struct str text = {(const char *)data, size}, yaml = text, body = STR("{\"items\":[{\"id\":1}],\"next\":2}");
    ptrdiff_t cut = str_find_str(text, STR("\n%%%\n"));
    if (cut >= 0)
        yaml = str_slice(text, 0, (size_t)cut), body = str_skip(text, (size_t)cut + 5);
    struct template *t = template_load(yaml, STR("fuzz"), &err);
    arena_init(&a, 1 << 20);
    yyjson_val *config = json_parse(&a, STR("{\"start\":\"2026-06-01T00:00:00Z\",\"token\":\"t\",\"kinds\":[\"a\"]}"), JSON_PLAIN, 8, &err);
    for (size_t i = 0; t && i < template_stream_count(t) && i < STREAMS_MAX; i++)
        play(t, template_stream_info(template_stream_at(t, i))->name, config, body);
    template_unref(t);
    arena_release(&a);
    return 0;
}
