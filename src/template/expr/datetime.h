/*
 * Times and durations as templates write them: strftime directives and the private ones %s, %ms, %_ms,
 * %s_as_float, %epoch_microseconds; ISO 8601 durations with calendar months and years.
 */
#ifndef TIDEMARK_TEMPLATE_EXPR_DATETIME_H
#define TIDEMARK_TEMPLATE_EXPR_DATETIME_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

/* Parses text by one format; naive times are UTC. Leading and trailing text of the format must match. */
MUST_USE bool datetime_parse(struct str text, struct str format, int64_t *us_out);
/* Writes us in UTC by a format. STR_NONE when the arena is full. */
struct str datetime_format(struct arena *a, int64_t us, struct str format);
/* As a human or an API writes it: RFC 3339, blanks, no zone, compact offsets, date alone, RFC 822. */
MUST_USE bool datetime_guess(struct str text, int64_t *us_out);

struct duration {
    int64_t months; /* P1Y is 12 */
    int64_t us;
};
MUST_USE bool iso_duration_parse(struct str text, struct duration *duration_out);
/* Adds `times` times; the day is clamped to the month's length. */
int64_t datetime_add(int64_t us, struct duration d, int64_t times);

#endif
