/*
 * Time, handed in so that tests own it.
 *
 * Wall time is int64_t microseconds since 1970-01-01T00:00:00Z. Monotonic time has no epoch and is for
 * waits and durations only; a jump of the wall clock does not move it (I-19). Any thread.
 */
#ifndef TIDEMARK_BASE_CLOCK_H
#define TIDEMARK_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/str.h"

#define US_PER_MS INT64_C(1000)
#define US_PER_S INT64_C(1000000)
#define US_PER_MINUTE (60 * US_PER_S)
#define US_PER_HOUR (60 * US_PER_MINUTE)
#define US_PER_DAY (24 * US_PER_HOUR)

struct clock {
    int64_t (*wall_us)(void *ctx);
    int64_t (*monotonic_us)(void *ctx);
    void *ctx;
};

const struct clock *clock_system(void);
int64_t clock_wall_us(const struct clock *clock);
int64_t clock_monotonic_us(const struct clock *clock);
/* The system's monotonic time `us` (0 or more) from now, as a condition on CLOCK_MONOTONIC waits for it. */
struct timespec clock_deadline(int64_t us);

/* A clock that stands still until a test moves it. */
struct clock_manual {
    struct clock clock;
    int64_t wall, monotonic;
};
void clock_manual_init(struct clock_manual *manual, int64_t wall_us);
void clock_manual_advance(struct clock_manual *manual, int64_t us);

/* A calendar moment in UTC. */
struct civil {
    int year;             /* -9999 .. 9999 */
    int month, day;       /* 1 .. 12, 1 .. 31 */
    int hour, minute, second;
    int microsecond;
};
int64_t civil_to_us(struct civil c);       /* fields must be in range */
struct civil civil_from_us(int64_t us);
int civil_days_in_month(int year, int month);
int civil_weekday(struct civil c);         /* 0 Sunday .. 6 Saturday */

#define TIME_TEXT_BYTES 32
/* "2026-11-22T03:40:00.000Z" into text (contract, section 2). Returns text. */
const char *time_format_ms(int64_t us, char text[static TIME_TEXT_BYTES]);
/* The same with microseconds. */
const char *time_format_us(int64_t us, char text[static TIME_TEXT_BYTES]);
/* RFC 3339 with any offset, date alone ("2026-11-22", midnight UTC) too; lower case t, z and a blank are accepted. */
MUST_USE bool time_parse(struct str text, int64_t *us_out);

#define DURATION_TEXT_BYTES 48
/* For people (contract, section 2): "5m 30s", "5d 12h 30m", "45s", "0s". Returns text. */
const char *duration_format(int64_t us, char text[static DURATION_TEXT_BYTES]);
/* "90s", "15m", "2h", "1d" and sums such as "1h30m". False for anything else, zero or negative. */
MUST_USE bool duration_parse(struct str text, int64_t *us_out);

#endif
