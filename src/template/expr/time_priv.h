/*
 * The time types of the expression language, for the files of this room: printing, strftime, ISO reading.
 *
 * A VALUE_DATETIME holds its UTC instant in `integer` and its zone's offset apart; what a person reads on
 * it (the wall fields) is the sum. Naive ones have offset 0 and are printed without a zone.
 */
#ifndef TIDEMARK_TEMPLATE_EXPR_TIME_PRIV_H
#define TIDEMARK_TEMPLATE_EXPR_TIME_PRIV_H

#include "base/buf.h"
#include "base/clock.h"
#include "template/expr/datetime.h"
#include "template/expr/value.h"

#define TIME_US_MIN (INT64_C(-62135596800) * US_PER_S)             /* 0001-01-01 */
#define TIME_US_MAX (INT64_C(253402300799) * US_PER_S + 999999)    /* 9999-12-31 23:59:59.999999 */

struct value value_datetime(int64_t us, int32_t offset_s, bool aware);
struct value value_date(int64_t us); /* cut to midnight */
struct value value_duration(struct duration d);
bool time_in_range(int64_t us);
struct civil time_wall(struct value datetime);

bool time_add_str(struct buf *b, struct value v);
bool time_add_repr(struct buf *b, struct value v);
bool time_add_iso(struct buf *b, struct value v, char separator); /* datetime and date */
/* digits of the second's fraction: 0, 3, 6; -1 for six where there is a fraction, else none. */
bool time_add_iso_digits(struct buf *b, struct value v, char separator, int digits);

/* Python's strftime over the wall fields; %s is the epoch second. False when the buffer is full. */
bool time_strftime(struct buf *b, struct value v, struct str format);
/* With the private directives of manifests too. STR_NONE when the arena is full or the format too long. */
struct str time_format_value(struct arena *a, struct value v, struct str format);
/* Python's strptime; aware only where the format has %z. */
MUST_USE bool time_strptime(struct str text, struct str format, struct value *value_out);
/* ISO 8601 dates and times, basic and extended, weeks and ordinals, as dateutil reads them. */
MUST_USE bool time_parse_iso(struct str text, struct value *value_out);

/* a + d and a - d for datetimes and dates; false when the result leaves the years 1 to 9999. */
MUST_USE bool time_shift(struct value time, struct value duration, int sign, struct value *value_out);

#endif
