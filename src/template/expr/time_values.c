/*
 * The time types as values: making, printing as Python does, shifting.
 */
#include "template/expr/time_priv.h"

struct value
value_datetime(int64_t us, int32_t offset_s, bool aware)
{
    return (struct value){.type = VALUE_DATETIME, .integer = us, .offset_s = aware ? offset_s : 0, .flag = aware};
}

struct value
value_date(int64_t us)
{
    int64_t rest = us % US_PER_DAY;
    return (struct value){.type = VALUE_DATE, .integer = us - (rest < 0 ? rest + US_PER_DAY : rest)};
}

struct value
value_duration(struct duration d)
{
    return (struct value){.type = VALUE_DURATION, .integer = d.us, .months = d.months};
}

bool
time_in_range(int64_t us)
{
    return us >= TIME_US_MIN && us <= TIME_US_MAX;
}

/* Outside the range only by an offset at its very edge; clamped, so that the fields are always sane. */
struct civil
time_wall(struct value v)
{
    int64_t us = v.integer + v.offset_s * US_PER_S;
    return civil_from_us(us < TIME_US_MIN ? TIME_US_MIN : us > TIME_US_MAX ? TIME_US_MAX : us);
}

static bool
add_offset(struct buf *b, int32_t offset_s)
{
    int32_t rest = offset_s < 0 ? -offset_s : offset_s;
    buf_addf(b, "%c%02d:%02d", offset_s < 0 ? '-' : '+', rest / 3600, rest / 60 % 60);
    return rest % 60 ? buf_addf(b, ":%02d", rest % 60) : buf_ok(b);
}

bool
time_add_iso_digits(struct buf *b, struct value v, char separator, int digits)
{
    struct civil c = time_wall(v);
    buf_addf(b, "%04d-%02d-%02d", c.year, c.month, c.day);
    if (v.type == VALUE_DATE)
        return buf_ok(b);
    buf_addf(b, "%c%02d:%02d:%02d", separator, c.hour, c.minute, c.second);
    if (digits == 3)
        buf_addf(b, ".%03d", c.microsecond / 1000);
    else if (digits == 6 || (digits < 0 && c.microsecond))
        buf_addf(b, ".%06d", c.microsecond);
    return v.flag ? add_offset(b, v.offset_s) : buf_ok(b);
}

bool
time_add_iso(struct buf *b, struct value v, char separator)
{
    return time_add_iso_digits(b, v, separator, -1);
}

/* "1 day, 2:03:04.000005"; before it the calendar part. Days are floored, so that the rest is positive. */
static bool
add_duration(struct buf *b, struct value v)
{
    int64_t days = v.integer / US_PER_DAY - (v.integer % US_PER_DAY < 0);
    int64_t rest = v.integer - days * US_PER_DAY;
    long long years = v.months / 12, months = v.months % 12;
    if (years)
        buf_addf(b, "%lld years, ", years);
    if (months)
        buf_addf(b, "%lld month%s, ", months, months <= 1 ? "" : "s");
    if (days)
        buf_addf(b, "%lld day%s, ", (long long)days, days == 1 || days == -1 ? "" : "s");
    buf_addf(b, "%lld:%02lld:%02lld", (long long)(rest / US_PER_HOUR), (long long)(rest / US_PER_MINUTE % 60),
             (long long)(rest / US_PER_S % 60));
    return rest % US_PER_S ? buf_addf(b, ".%06lld", (long long)(rest % US_PER_S)) : buf_ok(b);
}

bool
time_add_str(struct buf *b, struct value v)
{
    return v.type == VALUE_DURATION ? add_duration(b, v) : time_add_iso(b, v, ' ');
}

static bool
add_duration_repr(struct buf *b, struct value v)
{
    int64_t days = v.integer / US_PER_DAY - (v.integer % US_PER_DAY < 0);
    int64_t rest = v.integer - days * US_PER_DAY;
    const char *comma = "";
    buf_add_c(b, "datetime.timedelta(");
    if (days) {
        buf_addf(b, "days=%lld", (long long)days);
        comma = ", ";
    }
    if (rest / US_PER_S) {
        buf_addf(b, "%sseconds=%lld", comma, (long long)(rest / US_PER_S));
        comma = ", ";
    }
    if (rest % US_PER_S)
        buf_addf(b, "%smicroseconds=%lld", comma, (long long)(rest % US_PER_S));
    return buf_add_c(b, v.integer ? ")" : "0)");
}

bool
time_add_repr(struct buf *b, struct value v)
{
    struct civil c = time_wall(v);
    if (v.type == VALUE_DURATION)
        return add_duration_repr(b, v);
    if (v.type == VALUE_DATE)
        return buf_addf(b, "datetime.date(%d, %d, %d)", c.year, c.month, c.day);
    buf_addf(b, "datetime.datetime(%d, %d, %d, %d, %d", c.year, c.month, c.day, c.hour, c.minute);
    if (c.second || c.microsecond)
        buf_addf(b, ", %d", c.second);
    if (c.microsecond)
        buf_addf(b, ", %d", c.microsecond);
    return buf_add_c(b, v.flag ? ", tzinfo=datetime.timezone.utc)" : ")");
}

bool
time_shift(struct value time, struct value duration, int sign, struct value *value_out)
{
    struct duration d = {.us = duration.integer, .months = duration.months};
    int64_t wall = time.integer + time.offset_s * US_PER_S;
    if (time.type == VALUE_DATE) /* a date counts whole days only */
        d.us -= d.us % US_PER_DAY + (d.us % US_PER_DAY < 0 ? US_PER_DAY : 0);
    int64_t shifted = datetime_add(wall, d, sign);
    if (shifted <= TIME_US_MIN || shifted >= TIME_US_MAX)
        return false;
    *value_out = time;
    value_out->integer = shifted - time.offset_s * US_PER_S;
    return true;
}
