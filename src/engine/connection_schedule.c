/*
 * When a connection syncs by itself: every so often, or by the calendar as a job does (contract, sections 3 and 4).
 *
 * What a person sends is checked once, each fault at its member, and kept as text; the schedule thread reads that text at each firing.
 */
#include "engine/engine_priv.h"
#include "engine/members.h"
#include "engine/when.h"
#include "queue/schedule.h"

/* A duration; a missing one leaves *us_out. */
static bool
read_duration(yyjson_val *json, const char *place, int64_t *us_out, struct err *err)
{
    const char *member = place + sizeof("/schedule/") - 1;
    yyjson_val *value = json_get_c(json, member);
    int64_t us;
    if (!value || yyjson_is_null(value))
        return true;
    if (!duration_parse(json_str(value), &us))
        return err_invalid(err, place, "schedule.%s is not a duration such as 15m, 2h or 1d", member);
    if (us < SCHEDULE_INTERVAL_MIN_US || us > SCHEDULE_INTERVAL_MAX_US)
        return err_invalid(err, place, "schedule.%s must lie between 10s and 366d", member);
    *us_out = us;
    return true;
}

static bool
is_given(yyjson_val *json, const char *member)
{
    yyjson_val *value = json_get_c(json, member);
    return value && !yyjson_is_null(value);
}

static bool
read_schedule(yyjson_val *json, struct engine_schedule *s, struct err *err)
{
    s->repeats = is_given(json, "repeat");
    return read_duration(json, "/schedule/every", &s->interval_us, err) &&
           read_duration(json, "/schedule/fullEvery", &s->full_interval_us, err);
}

bool
engine_schedule_of(const struct engine *e, const struct template *t, struct str schedule_json,
                   struct engine_schedule *schedule_out, struct err *err)
{
    const struct template_info *info = template_info(t);
    struct engine_schedule s = {
        .interval_us = info->interval_us > 0 ? info->interval_us : e->options.interval_ms * US_PER_MS,
        .full_interval_us = info->full_interval_us > 0 ? info->full_interval_us : e->options.full_interval_ms * US_PER_MS,
    };
    if (info->configure_only)
        s = (struct engine_schedule){0};
    else if (schedule_json.len > 0) {
        struct arena scratch;
        arena_init(&scratch, LIMIT_BODY_BYTES * 4);
        yyjson_val *json = json_parse(&scratch, schedule_json, JSON_PLAIN, LIMIT_JSON_DEPTH_API, err);
        bool ok = json != NULL && read_schedule(json, &s, err);
        arena_release(&scratch);
        if (!ok)
            return false;
    }
    if (s.repeats)
        s.interval_us = 0;
    *schedule_out = s;
    return true;
}

/* What belongs to the calendar says nothing without `repeat`, and `every` is another rhythm. */
static bool
check_rhythm(yyjson_val *json, bool repeats, struct err *err)
{
    static const char *const calendar[] = {"/schedule/startAt", "/schedule/time", "/schedule/timezone"};
    if (repeats)
        return !is_given(json, "every") || err_invalid(err, "/schedule/every", "schedule takes every or repeat, not both");
    for (size_t i = 0; i < ARRAY_LEN(calendar); i++) {
        const char *member = calendar[i] + sizeof("/schedule/") - 1;
        if (is_given(json, member))
            return err_invalid(err, calendar[i], "schedule.%s goes with repeat: hourly, daily, weekly, monthly, or five cron fields",
                               member);
    }
    return true;
}

static bool
keep_schedule(struct arena *a, yyjson_val *json, const struct when *when, struct str *kept_out, struct err *err)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, LIMIT_BODY_BYTES);
    json_writer_init(&w, &b);
    json_begin_object(&w, NULL);
    if (when)
        when_write(&w, when);
    if (is_given(json, "every"))
        json_add_str(&w, "every", json_str(json_get_c(json, "every")));
    if (is_given(json, "fullEvery"))
        json_add_str(&w, "fullEvery", json_str(json_get_c(json, "fullEvery")));
    json_end_object(&w);
    *kept_out = buf_ok(&b) ? str_copy(a, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    return !str_is_none(*kept_out) || err_no_memory(err);
}

bool
engine_schedule_accept(struct arena *a, yyjson_val *json, int64_t now_us, struct str *kept_out, int64_t *first_us_out, struct err *err)
{
    static const char *const names[] = {"every", "fullEvery", "repeat", "time", "timezone", "startAt", NULL};
    struct engine_schedule s = {0};
    struct when when;
    *first_us_out = 0;
    if (!members_check(json, "/schedule", names, err) || !read_schedule(json, &s, err) || !check_rhythm(json, s.repeats, err))
        return false;
    if (s.repeats && (!when_read(json, now_us, &when, err) || !when_first(&when, now_us, first_us_out, err)))
        return false;
    return keep_schedule(a, json, s.repeats ? &when : NULL, kept_out, err);
}
