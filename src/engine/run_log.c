/*
 * Lines of a run's log: one JSON object each, without line breaks, secrets redacted.
 *
 * Texts that come from outside (a vendor's words, a record's fault) pass the redactor; what we write
 * ourselves has none to hide. A line that does not fit is taken back whole.
 */
#include "engine/run_log.h"

#include "base/arena.h"
#include "base/clock.h"

#define LINE_SCRATCH_BYTES (256 * 1024)

static const char *
level_name(enum log_level level)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    return names[level];
}

static void
add_text(struct buf *lines, struct arena *scratch, struct str text)
{
    struct str clean = log_redact(scratch, text);
    buf_add_json_str(lines, str_is_utf8(clean) ? clean : STR("(not readable)"));
}

static void
add_field(struct buf *lines, struct arena *scratch, const struct log_field *field)
{
    buf_add_char(lines, ',');
    buf_add_json_str(lines, str_from_c(field->name));
    buf_add_char(lines, ':');
    if (field->type == LOG_FIELD_I64)
        buf_add_i64(lines, field->number);
    else if (field->type == LOG_FIELD_BOOL)
        buf_add_c(lines, field->number ? "true" : "false");
    else if (str_is_none(field->text))
        buf_add_c(lines, "null");
    else
        add_text(lines, scratch, field->text);
}

bool
run_log_line(struct buf *lines, int64_t now_us, enum log_level level, struct str message,
             const struct log_field *fields, size_t field_count)
{
    if (lines->failed)
        return false;
    struct arena scratch;
    arena_init(&scratch, LINE_SCRATCH_BYTES);
    size_t before = lines->len;
    char time_text[TIME_TEXT_BYTES];
    buf_addf(lines, "{\"time\":\"%s\",\"level\":\"%s\",\"message\":", time_format_ms(now_us, time_text), level_name(level));
    add_text(lines, &scratch, message);
    for (size_t i = 0; i < field_count; i++)
        add_field(lines, &scratch, &fields[i]);
    buf_add_c(lines, "}\n");
    arena_release(&scratch);
    if (buf_ok(lines))
        return true;
    lines->failed = false;
    buf_truncate(lines, before);
    return false;
}
