/*
 * Times and durations: the public face, with the private directives of manifests, and ISO 8601 durations.
 *
 * %s, %ms, %s_as_float and %epoch_microseconds count as private only where they are the whole format;
 * %_ms (milliseconds as three digits) may stand anywhere. That is how the reference has it.
 */
#include "template/expr/datetime.h"

#include <math.h>
#include <string.h>

#include "base/limits.h"
#include "template/expr/time_priv.h"
#include "template/expr/value_priv.h"

/* Multiplies a number of `unit` microseconds out, within the years 1 to 9999. */
static bool
epoch_from_integer(struct str text, int64_t unit, int64_t *us_out)
{
    int64_t count, us;
    if (!str_to_i64(str_trim(text), INT64_MIN, INT64_MAX, &count) || __builtin_mul_overflow(count, unit, &us) ||
        !time_in_range(us))
        return false;
    *us_out = us;
    return true;
}

/* Python reads a float and rounds half to even on the microsecond. */
static bool
epoch_from_float(struct str text, int64_t *us_out)
{
    double seconds;
    if (!pytext_to_float(text, &seconds) || !(fabs(seconds) < 1e12))
        return false;
    double whole;
    double rest = modf(seconds, &whole);
    int64_t us = (int64_t)whole * US_PER_S + (int64_t)nearbyint(rest * 1e6);
    if (!time_in_range(us))
        return false;
    *us_out = us;
    return true;
}

/* The format with each %_ms replaced; false when it is too long to be one. */
static bool
replace_milliseconds(struct str format, struct str with, char out[static LIMIT_DATETIME_FORMAT_BYTES], struct str *out_str)
{
    size_t len = 0;
    while (format.len) {
        bool private = str_starts(format, STR("%_ms"));
        struct str piece = private ? with : str_slice(format, 0, 1);
        if (len + piece.len > LIMIT_DATETIME_FORMAT_BYTES)
            return false;
        memcpy(out + len, piece.ptr, piece.len);
        len += piece.len;
        format = str_skip(format, private ? 4 : 1);
    }
    *out_str = (struct str){out, len};
    return true;
}

bool
datetime_parse(struct str text, struct str format, int64_t *us_out)
{
    char plain[LIMIT_DATETIME_FORMAT_BYTES];
    struct str plain_format;
    struct value v;
    if (str_eq(format, STR("%s")))
        return epoch_from_integer(text, US_PER_S, us_out);
    if (str_eq(format, STR("%ms")))
        return epoch_from_integer(text, US_PER_MS, us_out);
    if (str_eq(format, STR("%epoch_microseconds")))
        return epoch_from_integer(text, 1, us_out);
    if (str_eq(format, STR("%s_as_float")))
        return epoch_from_float(text, us_out);
    if (!replace_milliseconds(format, STR("%f"), plain, &plain_format) || !time_strptime(text, plain_format, &v))
        return false;
    *us_out = v.integer;
    return true;
}

/* int() of Python cuts toward zero. */
static struct str
format_epoch(struct arena *a, int64_t us, struct str format)
{
    if (str_eq(format, STR("%s")))
        return str_format(a, "%lld", (long long)(us / US_PER_S));
    if (str_eq(format, STR("%ms")))
        return str_format(a, "%lld", (long long)(us / US_PER_MS));
    if (str_eq(format, STR("%epoch_microseconds")))
        return str_format(a, "%lld", (long long)us);
    if (!str_eq(format, STR("%s_as_float")))
        return STR_NONE;
    char text[FLOAT_TEXT_BYTES];
    return str_copy(a, (struct str){text, float_to_python((double)us / 1e6, text)});
}

struct str
time_format_value(struct arena *a, struct value v, struct str format)
{
    char plain[LIMIT_DATETIME_FORMAT_BYTES], digits[8];
    struct str plain_format, text = format_epoch(a, v.integer, format);
    if (!str_is_none(text))
        return text;
    int microsecond = time_wall(v).microsecond;
    int length = snprintf(digits, sizeof(digits), "%03d", microsecond / 1000 % 1000);
    struct buf b;
    buf_init(&b, LIMIT_EXPRESSION_RESULT_BYTES);
    bool ok = replace_milliseconds(format, (struct str){digits, (size_t)length}, plain, &plain_format) &&
              time_strftime(&b, v, plain_format);
    text = ok ? str_copy(a, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    return text;
}

struct str
datetime_format(struct arena *a, int64_t us, struct str format)
{
    return time_format_value(a, value_datetime(us, 0, true), format);
}

/* "Tue, 12 Mar 2024 10:00:00 GMT" and the like, then ISO with blanks around or before its zone. */
bool
datetime_guess(struct str text, int64_t *us_out)
{
    static const char *const formats[] = {"%a, %d %b %Y %H:%M:%S %z", "%a, %d %b %Y %H:%M:%S GMT", "%d %b %Y %H:%M:%S %z",
                                          "%Y-%m-%d %H:%M:%S %z", "%Y-%m-%d %H:%M:%S.%f %z", "%Y-%m-%d %H:%M:%S UTC",
                                          "%Y-%m-%d %H:%M:%S.%f UTC", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d"};
    struct value v;
    text = str_trim(text);
    if (time_parse_iso(text, &v)) {
        *us_out = v.integer;
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(formats); i++)
        if (time_strptime(text, str_from_c(formats[i]), &v)) {
            *us_out = v.integer;
            return true;
        }
    return false;
}

/* ---- durations ---- */

/* "12", "1.5" or "1,5" before a designator, in millionths. */
static bool
take_amount(struct str *s, int64_t *millionths_out)
{
    int64_t whole = 0, scale = 100000, fraction = 0;
    size_t digits = 0;
    while (digits < s->len && s->ptr[digits] >= '0' && s->ptr[digits] <= '9')
        digits++;
    if (digits == 0 || !str_to_i64(str_slice(*s, 0, digits), 0, INT64_C(1000000000000), &whole))
        return false;
    *s = str_skip(*s, digits);
    if (s->len && (s->ptr[0] == '.' || s->ptr[0] == ',')) {
        for (*s = str_skip(*s, 1); s->len && s->ptr[0] >= '0' && s->ptr[0] <= '9'; *s = str_skip(*s, 1), scale /= 10)
            fraction += (s->ptr[0] - '0') * scale;
    }
    *millionths_out = whole * 1000000 + fraction;
    return true;
}

struct unit {
    char designator;
    int64_t months, us;
};

/* Adds the parts that the units allow, in their order, until `T` or the end. */
static bool
take_parts(struct str *s, const struct unit *units, size_t count, struct duration *d, size_t *parts)
{
    size_t unit = 0;
    while (s->len && s->ptr[0] != 'T') {
        int64_t amount, us;
        if (!take_amount(s, &amount) || s->len == 0)
            return false;
        while (unit < count && units[unit].designator != s->ptr[0])
            unit++;
        if (unit == count || (units[unit].months && amount % 1000000 != 0))
            return false;
        d->months += units[unit].months * (amount / 1000000);
        if (__builtin_mul_overflow(amount / 1000000, units[unit].us, &us) ||
            __builtin_add_overflow(us, amount % 1000000 * (units[unit].us / 1000000), &us) ||
            __builtin_add_overflow(d->us, us, &d->us))
            return false;
        *s = str_skip(*s, 1);
        unit++;
        ++*parts;
    }
    return true;
}

bool
iso_duration_parse(struct str text, struct duration *duration_out)
{
    static const struct unit days[] = {{'Y', 12, 0}, {'M', 1, 0}, {'W', 0, 7 * US_PER_DAY}, {'D', 0, US_PER_DAY}};
    static const struct unit hours[] = {{'H', 0, US_PER_HOUR}, {'M', 0, US_PER_MINUTE}, {'S', 0, US_PER_S}};
    struct duration d = {0};
    size_t parts = 0;
    bool negative = str_starts(text, STR("-"));
    if (negative || str_starts(text, STR("+")))
        text = str_skip(text, 1);
    if (!str_starts(text, STR("P")))
        return false;
    text = str_skip(text, 1);
    if (!take_parts(&text, days, ARRAY_LEN(days), &d, &parts))
        return false;
    if (text.len) {
        text = str_skip(text, 1);
        if (!take_parts(&text, hours, ARRAY_LEN(hours), &d, &parts) || text.len)
            return false;
        parts++; /* "PT" alone is a duration to the reference, "P" is none */
    }
    if (parts == 0 || d.us > INT64_MAX / 4 || d.months > INT32_MAX)
        return false;
    *duration_out = negative ? (struct duration){-d.months, -d.us} : d;
    return true;
}

/* Clamped to the years 1 to 9999, so that no sum of large numbers wraps. */
static int64_t
clamp_time(int64_t us)
{
    return us < TIME_US_MIN ? TIME_US_MIN : us > TIME_US_MAX ? TIME_US_MAX : us;
}

static int64_t
add_months(int64_t us, int64_t months)
{
    struct civil c = civil_from_us(us);
    int64_t month = (int64_t)c.year * 12 + c.month - 1;
    if (__builtin_add_overflow(month, months, &month) || month < 12 || month >= 10000 * 12)
        return months < 0 ? TIME_US_MIN : TIME_US_MAX;
    c.year = (int)(month / 12);
    c.month = (int)(month % 12) + 1;
    int last = civil_days_in_month(c.year, c.month);
    c.day = c.day > last ? last : c.day;
    return civil_to_us(c);
}

int64_t
datetime_add(int64_t us, struct duration d, int64_t times)
{
    int64_t months, more;
    us = clamp_time(us);
    if (__builtin_mul_overflow(d.months, times, &months))
        months = (d.months < 0) == (times < 0) ? INT64_MAX : INT64_MIN;
    if (months)
        us = add_months(us, months);
    if (__builtin_mul_overflow(d.us, times, &more) || __builtin_add_overflow(us, more, &us))
        return (d.us < 0) == (times < 0) ? TIME_US_MAX : TIME_US_MIN;
    return clamp_time(us);
}
