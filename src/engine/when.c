#include "engine/when.h"

#include "base/limits.h"
#include "queue/calendar.h"

#define START_MAX_US (10 * 366 * US_PER_DAY) /* a startAt further away is a slip of the pen */
#define KEPT_ARENA_BYTES (512L * 1024)

static bool
read_text(yyjson_val *json, const char *place, struct str *text_out, struct err *err)
{
    yyjson_val *value = json_get_c(json, place + sizeof("/schedule/") - 1);
    *text_out = yyjson_is_null(value) ? STR_NONE : json_str(value);
    if (!value || yyjson_is_null(value))
        return true;
    if (str_is_none(*text_out) || text_out->len > LIMIT_NAME_BYTES || str_find(*text_out, '\0') >= 0)
        return err_invalid(err, place, "schedule.%s must be a text of at most 200 characters, without NUL",
                           place + sizeof("/schedule/") - 1);
    return true;
}

bool
when_read(yyjson_val *json, int64_t now_us, struct when *when_out, struct err *err)
{
    struct when w = {.start_us = now_us};
    if (!yyjson_is_obj(json))
        return err_invalid(err, "/schedule", "schedule must be an object with startAt, repeat, time, timezone");
    if (!read_text(json, "/schedule/startAt", &w.start, err) || !read_text(json, "/schedule/repeat", &w.repeat, err) ||
        !read_text(json, "/schedule/time", &w.time, err) || !read_text(json, "/schedule/timezone", &w.zone, err))
        return false;
    if (w.start.len > 0 && !time_parse(w.start, &w.start_us))
        return err_invalid(err, "/schedule/startAt", "schedule.startAt must be a time such as 2026-01-31T10:00:00Z");
    if (w.start.len == 0 && w.repeat.len == 0)
        return err_invalid(err, "/schedule", "schedule needs startAt or repeat");
    if (w.start_us > now_us + START_MAX_US)
        return err_invalid(err, "/schedule/startAt", "schedule.startAt lies more than ten years ahead");
    *when_out = w;
    return true;
}

static bool
calendar_of(const struct when *w, struct calendar *calendar_out, struct err *err)
{
    struct calendar_text text = {w->repeat, w->time, w->zone, w->start_us};
    return calendar_parse(&text, calendar_out, err);
}

bool
when_first(const struct when *when, int64_t now_us, int64_t *first_us_out, struct err *err)
{
    struct calendar c;
    int64_t from_us = when->start_us > now_us ? when->start_us : now_us;
    return calendar_of(when, &c, err) && calendar_next(&c, from_us - 1, first_us_out, err);
}

void
when_write(struct json_writer *w, const struct when *when)
{
    json_add_time(w, "startAt", when->start_us);
    if (when->repeat.len > 0)
        json_add_str(w, "repeat", when->repeat);
    if (when->time.len > 0)
        json_add_str(w, "time", when->time);
    json_add_str(w, "timezone", when->zone.len > 0 ? when->zone : STR("UTC"));
}

bool
when_next(struct str kept, int64_t after_us, int64_t *next_us_out, struct err *err)
{
    struct arena scratch;
    struct when when;
    struct calendar c;
    arena_init(&scratch, KEPT_ARENA_BYTES);
    yyjson_val *json = json_parse(&scratch, kept, JSON_PLAIN, LIMIT_JSON_DEPTH_API, err);
    bool ok = json != NULL && when_read(json, after_us, &when, err) && calendar_of(&when, &c, err);
    int64_t from_us = ok && when.start_us > after_us ? when.start_us - 1 : after_us;
    ok = ok && calendar_next(&c, from_us, next_us_out, err);
    arena_release(&scratch);
    return ok;
}
