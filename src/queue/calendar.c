/*
 * Calendars: when a repeating job is due, by the clock on a wall somewhere.
 *
 * Candidates are wall clock minutes in their order; each becomes an instant by ICU, which is told to take
 * the first of two and the end of a gap. Since candidates rise, so do their instants, and the first one
 * above `after` is the answer. Only `hourly`, an interval, looks at both instants of a repeated time.
 */
#include "queue/calendar.h"

#include <string.h>
#include <unicode/ucal.h>

#define CALENDAR_YEARS_MAX 9             /* 29 February can be eight years away (1896, 2096) */
#define DAYS_MAX (CALENDAR_YEARS_MAX * 366)
#define HOURS_AROUND 27                  /* hourly: how far both instants of an hour may lie apart, and more */
#define ZONE_UNITS CALENDAR_ZONE_BYTES
#define US_PER_DAY_MINUTES (24 * 60)

/* ---- the clock on the wall ---- */

struct wall {
    UCalendar *calendar;
};

static bool
wall_open(struct wall *w, const char *zone, struct err *err)
{
    UChar units[ZONE_UNITS];
    UErrorCode status = U_ZERO_ERROR;
    size_t len = strlen(zone);
    for (size_t i = 0; i < len; i++)
        units[i] = (UChar)(unsigned char)zone[i];
    w->calendar = ucal_open(units, (int32_t)len, "en_US", UCAL_GREGORIAN, &status);
    if (U_FAILURE(status))
        return err_set(err, E_INTERNAL, "Time zone data cannot be read");
    return true;
}

/* The wall clock's reading at an instant, as if it were UTC. */
static bool
wall_at(struct wall *w, int64_t us, int64_t *reading_out, struct err *err)
{
    UErrorCode status = U_ZERO_ERROR;
    int64_t ms = us >= 0 ? us / US_PER_MS : -((-us + US_PER_MS - 1) / US_PER_MS);
    ucal_setMillis(w->calendar, (UDate)ms, &status);
    int64_t offset_ms = ucal_get(w->calendar, UCAL_ZONE_OFFSET, &status);
    offset_ms += ucal_get(w->calendar, UCAL_DST_OFFSET, &status);
    if (U_FAILURE(status))
        return err_set(err, E_INTERNAL, "Time zone data cannot be read");
    *reading_out = us + offset_ms * US_PER_MS;
    return true;
}

/* The instant at which the wall shows that; of two the first, or the last; of none the end of the gap. */
static bool
wall_to_instant(struct wall *w, struct civil c, bool last, int64_t *us_out, struct err *err)
{
    UErrorCode status = U_ZERO_ERROR;
    ucal_setAttribute(w->calendar, UCAL_REPEATED_WALL_TIME, last ? UCAL_WALLTIME_LAST : UCAL_WALLTIME_FIRST);
    ucal_setAttribute(w->calendar, UCAL_SKIPPED_WALL_TIME, UCAL_WALLTIME_NEXT_VALID);
    ucal_clear(w->calendar);
    ucal_setDateTime(w->calendar, c.year, c.month - 1, c.day, c.hour, c.minute, 0, &status);
    double ms = ucal_getMillis(w->calendar, &status);
    if (U_FAILURE(status))
        return err_set(err, E_INTERNAL, "Time zone data cannot be read");
    *us_out = (int64_t)ms * US_PER_MS;
    return true;
}

/* ---- next ---- */

static bool
day_matches(const struct calendar *c, struct civil day)
{
    if (!(c->months & (1u << day.month)))
        return false;
    bool by_day = c->days & (1u << day.day);
    bool by_weekday = c->weekdays & (1u << civil_weekday(day));
    if (c->kind == CALENDAR_MONTHLY) {
        int last = civil_days_in_month(day.year, day.month);
        return by_day || (day.day == last && (c->days >> last) > 1);
    }
    return c->days_any || c->weekdays_any ? by_day && by_weekday : by_day || by_weekday;
}

/* The first matching minute of this day, from minute_of_day on, whose instant lies after after_us. */
static bool
next_in_day(const struct calendar *c, struct wall *w, struct civil day, int from, int64_t after_us, int64_t *due_out,
            bool *found_out, struct err *err)
{
    *found_out = false;
    for (int minute = from; minute < US_PER_DAY_MINUTES; minute++) {
        day.hour = minute / 60;
        day.minute = minute % 60;
        if (!(c->hours & (1u << day.hour)) || !(c->minutes & (UINT64_C(1) << day.minute)))
            continue;
        int64_t due_us;
        if (!wall_to_instant(w, day, false, &due_us, err))
            return false;
        if (due_us <= after_us)
            continue;
        *due_out = due_us;
        *found_out = true;
        return true;
    }
    return true;
}

static bool
next_by_wall(const struct calendar *c, struct wall *w, int64_t after_us, int64_t *due_out, struct err *err)
{
    int64_t reading;
    if (!wall_at(w, after_us, &reading, err))
        return false;
    struct civil now = civil_from_us(reading);
    int from = now.hour * 60 + now.minute;
    struct civil midnight = {.year = now.year, .month = now.month, .day = now.day};
    int64_t day_us = civil_to_us(midnight);
    for (int i = 0; i <= DAYS_MAX; i++, day_us += US_PER_DAY, from = 0) {
        struct civil day = civil_from_us(day_us);
        bool found;
        if (!day_matches(c, day))
            continue;
        if (!next_in_day(c, w, day, from, after_us, due_out, &found, err))
            return false;
        if (found)
            return true;
    }
    return err_set(err, E_LIMIT, "This schedule is not due within %d years", CALENDAR_YEARS_MAX);
}

/* Does the wall show this hour at that instant? Not when a gap swallows it whole. */
static bool
shows_hour(struct wall *w, int64_t us, struct civil hour, bool *shows_out, struct err *err)
{
    int64_t reading;
    if (!wall_at(w, us, &reading, err))
        return false;
    struct civil shown = civil_from_us(reading);
    *shows_out = shown.hour == hour.hour && shown.day == hour.day;
    return true;
}

/* Hours that pass, not hours of the wall: both instants of a repeated time count, an hour that is skipped does not. */
static bool
next_hour(const struct calendar *c, struct wall *w, int64_t after_us, int64_t *due_out, struct err *err)
{
    int64_t reading, best = INT64_MAX;
    if (!wall_at(w, after_us, &reading, err))
        return false;
    struct civil hour = civil_from_us(reading);
    hour.minute = hour.second = hour.microsecond = 0;
    int64_t base = civil_to_us(hour) + __builtin_ctzll(c->minutes) * US_PER_MINUTE;
    for (int i = -HOURS_AROUND; i <= HOURS_AROUND; i++) {
        struct civil at = civil_from_us(base + i * US_PER_HOUR);
        for (int last = 0; last <= 1; last++) {
            int64_t due_us;
            bool shows;
            if (!wall_to_instant(w, at, last, &due_us, err) || !shows_hour(w, due_us, at, &shows, err))
                return false;
            if (shows && due_us > after_us && due_us < best)
                best = due_us;
        }
    }
    if (best == INT64_MAX)
        return err_set(err, E_LIMIT, "This schedule is not due within a day");
    *due_out = best;
    return true;
}

bool
calendar_next(const struct calendar *c, int64_t after_us, int64_t *due_us_out, struct err *err)
{
    struct wall w = {0};
    int64_t due_us = 0;
    bool ok = wall_open(&w, c->zone, err);
    if (ok && c->kind == CALENDAR_HOURLY)
        ok = next_hour(c, &w, after_us, &due_us, err);
    else if (ok)
        ok = next_by_wall(c, &w, after_us, &due_us, err);
    if (w.calendar != NULL)
        ucal_close(w.calendar);
    if (ok)
        *due_us_out = due_us;
    return ok;
}

/* ---- reading ---- */

static bool
refuse(struct err *err, const char *member, struct str value, const char *words)
{
    char place[32];
    snprintf(place, sizeof(place), "/schedule/%s", member);
    return err_invalid(err, place, "schedule.%s \"%.*s\" %s", member, STR_ARG(str_slice(value, 0, 60)), words);
}

/* ICU also knows "GMT+3" and the like, and takes unknown names for GMT: only what it calls a system zone passes. */
static bool
read_zone(struct str zone, char zone_out[static CALENDAR_ZONE_BYTES], struct err *err)
{
    UChar units[ZONE_UNITS], canonical[CALENDAR_TEXT_BYTES];
    UErrorCode status = U_ZERO_ERROR;
    UBool is_system = false;
    if (zone.len == 0)
        zone = STR("UTC");
    bool ok = zone.len < CALENDAR_ZONE_BYTES;
    for (size_t i = 0; ok && i < zone.len; i++) {
        ok = zone.ptr[i] > ' ' && zone.ptr[i] < 0x7f;
        units[i] = (UChar)(unsigned char)zone.ptr[i];
    }
    if (ok)
        ucal_getCanonicalTimeZoneID(units, (int32_t)zone.len, canonical, CALENDAR_TEXT_BYTES, &is_system, &status);
    if (!ok || U_FAILURE(status) || !is_system)
        return refuse(err, "timezone", zone, "is not a time zone of the IANA, such as America/Sao_Paulo");
    memcpy(zone_out, zone.ptr, zone.len);
    zone_out[zone.len] = '\0';
    return true;
}

static bool
read_time(struct str time, int *hour_out, int *minute_out, struct err *err)
{
    struct str hour, minute;
    int64_t h, m;
    if (!str_cut(time, ':', &hour, &minute) || hour.len == 0 || hour.len > 2 || minute.len != 2 ||
        !str_to_i64(hour, 0, 23, &h) || !str_to_i64(minute, 0, 59, &m))
        return refuse(err, "time", time, "is not a time such as 03:30");
    *hour_out = (int)h;
    *minute_out = (int)m;
    return true;
}

struct cron_field {
    const char *name;
    int min, max;
    const char *const *names;   /* from min on, or NULL */
    int name_count;
};

static bool
read_number(const struct cron_field *f, struct str text, int *value_out)
{
    int64_t value;
    for (int i = 0; i < f->name_count; i++)
        if (str_eq_nocase(text, str_from_c(f->names[i]))) {
            *value_out = f->min + i;
            return true;
        }
    if (text.len == 0 || text.len > 2 || !str_to_i64(text, f->min, f->max, &value))
        return false;
    *value_out = (int)value;
    return true;
}

/* "*", "5", "1-5", each with "/2" behind it; "5/2" runs to the end. */
static bool
read_range(const struct cron_field *f, struct str text, uint64_t *bits)
{
    struct str range, step_text, low, high;
    int64_t step = 1;
    int from = f->min, to = f->max;
    bool stepped = str_cut(text, '/', &range, &step_text);
    if (stepped && !str_to_i64(step_text, 1, f->max, &step))
        return false;
    if (!str_eq_c(range, "*")) {
        bool is_range = str_cut(range, '-', &low, &high);
        if (!read_number(f, low, &from))
            return false;
        to = is_range || stepped ? to : from;
        if (is_range && (!read_number(f, high, &to) || to < from))
            return false;
    }
    for (int i = from; i <= to; i += (int)step)
        *bits |= UINT64_C(1) << i;
    return true;
}

static bool
read_field(const struct cron_field *f, struct str text, uint64_t *bits_out, struct err *err)
{
    uint64_t bits = 0;
    struct str rest = text, one;
    bool ok = text.len > 0, more = true;
    while (ok && more) {
        more = str_cut(rest, ',', &one, &rest);
        ok = read_range(f, one, &bits);
    }
    if (!ok)
        return err_invalid(err, "/schedule/repeat", "schedule.repeat: \"%.*s\" is not a cron field for %s (%d to %d)",
                       STR_ARG(str_slice(text, 0, 40)), f->name, f->min, f->max);
    *bits_out = bits;
    return true;
}

static const char *const month_names[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                          "jul", "aug", "sep", "oct", "nov", "dec"};
static const char *const weekday_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
enum { CRON_MINUTE, CRON_HOUR, CRON_DAY, CRON_MONTH, CRON_WEEKDAY, CRON_FIELDS };
static const struct cron_field cron_fields[CRON_FIELDS] = {
    {"the minute", 0, 59, NULL, 0},
    {"the hour", 0, 23, NULL, 0},
    {"the day", 1, 31, NULL, 0},
    {"the month", 1, 12, month_names, 12},
    {"the weekday", 0, 7, weekday_names, 7},
};

static bool
next_word(struct str *rest, struct str *word_out)
{
    *rest = str_trim(*rest);
    size_t len = 0;
    while (len < rest->len && rest->ptr[len] != ' ' && rest->ptr[len] != '\t')
        len++;
    *word_out = str_slice(*rest, 0, len);
    *rest = str_skip(*rest, len);
    return len > 0;
}

static bool
read_cron(struct str text, struct calendar *c, struct err *err)
{
    static const char words[] = "is neither hourly, daily, weekly, monthly nor five cron fields such as 30 3 * * 1-5";
    struct str fields[CRON_FIELDS], rest = text, more;
    uint64_t bits[CRON_FIELDS];
    if (text.len > CALENDAR_TEXT_BYTES)
        return refuse(err, "repeat", text, words);
    for (int i = 0; i < CRON_FIELDS; i++)
        if (!next_word(&rest, &fields[i]))
            return refuse(err, "repeat", text, words);
    if (next_word(&rest, &more))
        return refuse(err, "repeat", text, words);
    for (int i = 0; i < CRON_FIELDS; i++)
        if (!read_field(&cron_fields[i], fields[i], &bits[i], err))
            return false;
    c->minutes = bits[CRON_MINUTE];
    c->hours = (uint32_t)bits[CRON_HOUR];
    c->days = (uint32_t)bits[CRON_DAY];
    c->months = (uint32_t)bits[CRON_MONTH];
    c->weekdays = (uint32_t)((bits[CRON_WEEKDAY] | bits[CRON_WEEKDAY] >> 7) & 0x7f); /* 7 is Sunday too */
    c->days_any = fields[CRON_DAY].ptr[0] == '*';
    c->weekdays_any = fields[CRON_WEEKDAY].ptr[0] == '*';
    return true;
}

/* The four words: everything matches but what they name. */
static bool
read_word(const struct calendar_text *text, struct calendar *c, struct err *err)
{
    struct wall w = {0};
    int64_t reading = 0;
    bool ok = wall_open(&w, c->zone, err) && wall_at(&w, text->anchor_us, &reading, err);
    if (w.calendar != NULL)
        ucal_close(w.calendar);
    if (!ok)
        return false;
    struct civil anchor = civil_from_us(reading);
    int hour = anchor.hour, minute = anchor.minute;
    if (text->time.len > 0 && !read_time(text->time, &hour, &minute, err))
        return false;
    c->minutes = UINT64_C(1) << minute;
    c->hours = c->kind == CALENDAR_HOURLY ? UINT32_MAX : 1u << hour;
    c->days = c->kind == CALENDAR_MONTHLY ? 1u << anchor.day : UINT32_MAX;
    c->weekdays = c->kind == CALENDAR_WEEKLY ? 1u << civil_weekday(anchor) : UINT32_MAX;
    c->months = UINT32_MAX;
    c->days_any = c->weekdays_any = true;
    return true;
}

bool
calendar_parse(const struct calendar_text *text, struct calendar *calendar_out, struct err *err)
{
    static const char *const words[] = {
        [CALENDAR_HOURLY] = "hourly", [CALENDAR_DAILY] = "daily", [CALENDAR_WEEKLY] = "weekly", [CALENDAR_MONTHLY] = "monthly",
    };
    struct calendar c = {.kind = CALENDAR_CRON};
    struct str repeat = str_trim(text->repeat);
    int64_t due_us;
    if (!read_zone(text->zone, c.zone, err))
        return false;
    for (unsigned i = 0; i < ARRAY_LEN(words); i++)
        if (str_eq_c(repeat, words[i]))
            c.kind = (enum calendar_kind)i;
    if (!(c.kind == CALENDAR_CRON ? read_cron(repeat, &c, err) : read_word(text, &c, err)))
        return false;
    if (!calendar_next(&c, text->anchor_us, &due_us, err))
        return refuse(err, "repeat", repeat, "never happens");
    *calendar_out = c;
    return true;
}
