/*
 * Calendars: when a repeating job is due, by the clock on a wall somewhere.
 *
 * Rules (I-26): `hourly` is an interval, so it fires in every hour that passes: twice in a repeated one, not at
 * all in one that is skipped. All others are wall clock times: a time that a change of the clock skips is due at the first instant
 * after the gap, a time that happens twice is due the first time only. `monthly` on a day that a month does
 * not have is due on its last day. Two times that fall on one instant are one firing.
 *
 * Zones are the IANA's, from ICU's data. Pure but for that data; any thread. Instants are microseconds UTC.
 */
#ifndef TIDEMARK_QUEUE_CALENDAR_H
#define TIDEMARK_QUEUE_CALENDAR_H

#include "base/clock.h"
#include "base/err.h"

#define CALENDAR_ZONE_BYTES 64
#define CALENDAR_TEXT_BYTES 128          /* of a cron expression */
#define CALENDAR_CATCH_UP_US US_PER_DAY  /* a firing missed by more than that is left out (I-27) */

enum calendar_kind {
    CALENDAR_HOURLY,
    CALENDAR_DAILY,
    CALENDAR_WEEKLY,
    CALENDAR_MONTHLY,
    CALENDAR_CRON,
};

struct calendar {
    enum calendar_kind kind;
    char zone[CALENDAR_ZONE_BYTES];      /* "UTC", "America/Sao_Paulo" */
    /* What matches, as bits. hourly, daily, weekly and monthly are written in the same way. */
    uint64_t minutes;                    /* 0..59 */
    uint32_t hours;                      /* 0..23 */
    uint32_t days;                       /* 1..31 */
    uint32_t months;                     /* 1..12 */
    uint32_t weekdays;                   /* 0 Sunday .. 6 */
    bool days_any, weekdays_any;         /* cron: the field begins with '*'; when neither does, one of them is enough */
};

/* As a person writes it. */
struct calendar_text {
    struct str repeat;                   /* "hourly", "daily", "weekly", "monthly", or five cron fields */
    struct str time;                     /* "HH:MM", or STR_NONE: that of the anchor; cron ignores it */
    struct str zone;                     /* STR_NONE: UTC (D20) */
    int64_t anchor_us;                   /* names the weekday, the day and, without `time`, the time */
};

/*
 * E_VALIDATION_FAILED with words that name the member: an unknown repeat, zone or time, a field out of range, or
 * an expression that never happens (30 February).
 */
MUST_USE bool calendar_parse(const struct calendar_text *text, struct calendar *calendar_out, struct err *err);
/* The first time it is due strictly after after_us. E_LIMIT: not within CALENDAR_YEARS_MAX. */
MUST_USE bool calendar_next(const struct calendar *calendar, int64_t after_us, int64_t *due_us_out, struct err *err);

#endif
