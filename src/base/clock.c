#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t
read_clock(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * US_PER_S + now.tv_nsec / 1000;
}

static int64_t
system_wall(void *ctx)
{
    (void)ctx;
    return read_clock(CLOCK_REALTIME);
}

static int64_t
system_monotonic(void *ctx)
{
    (void)ctx;
    return read_clock(CLOCK_MONOTONIC);
}

const struct clock *
clock_system(void)
{
    static const struct clock system = {system_wall, system_monotonic, NULL};
    return &system;
}

int64_t
clock_wall_us(const struct clock *clock)
{
    return clock->wall_us(clock->ctx);
}

int64_t
clock_monotonic_us(const struct clock *clock)
{
    return clock->monotonic_us(clock->ctx);
}

struct timespec
clock_deadline(int64_t us)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    int64_t ns = at.tv_nsec + us % US_PER_S * 1000;
    at.tv_sec += us / US_PER_S + ns / 1000000000;
    at.tv_nsec = ns % 1000000000;
    return at;
}

static int64_t
manual_wall(void *ctx)
{
    return ((struct clock_manual *)ctx)->wall;
}

static int64_t
manual_monotonic(void *ctx)
{
    return ((struct clock_manual *)ctx)->monotonic;
}

void
clock_manual_init(struct clock_manual *manual, int64_t wall_us)
{
    *manual = (struct clock_manual){.clock = {manual_wall, manual_monotonic, manual}, .wall = wall_us};
}

void
clock_manual_advance(struct clock_manual *manual, int64_t us)
{
    manual->wall += us;
    manual->monotonic += us;
}

/* Days since 1970-01-01 in the proleptic Gregorian calendar: eras of 400 years that begin in March. */
static int64_t
days_from_civil(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static int64_t
floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

int64_t
civil_to_us(struct civil c)
{
    int64_t seconds = days_from_civil(c.year, c.month, c.day) * 86400 + c.hour * 3600 + c.minute * 60 + c.second;
    return seconds * US_PER_S + c.microsecond;
}

struct civil
civil_from_us(int64_t us)
{
    int64_t days = floor_div(us, US_PER_DAY);
    int64_t rest = us - days * US_PER_DAY;
    unsigned seconds = (unsigned)(rest / US_PER_S);
    int64_t shifted = days + 719468;
    int64_t era = floor_div(shifted, 146097);
    int64_t day_of_era = shifted - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_shifted = (5 * day_of_year + 2) / 153;
    struct civil c = {.day = (int)(day_of_year - (153 * month_shifted + 2) / 5 + 1),
                      .month = (int)(month_shifted < 10 ? month_shifted + 3 : month_shifted - 9)};
    c.year = (int)(year_of_era + era * 400 + (c.month <= 2));
    c.hour = (int)(seconds / 3600);
    c.minute = (int)(seconds / 60 % 60);
    c.second = (int)(seconds % 60);
    c.microsecond = (int)(rest - (int64_t)seconds * US_PER_S);
    return c;
}

int
civil_days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 && leap ? 29 : days[month - 1];
}

int
civil_weekday(struct civil c)
{
    int64_t days = days_from_civil(c.year, c.month, c.day);
    return (int)(((days + 4) % 7 + 7) % 7);
}

/* Two digits and what stands behind them. */
static char *
put_two(char *to, unsigned value, char behind)
{
    static const char pairs[] =
        "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849"
        "5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";
    memcpy(to, pairs + value % 100 * 2, 2);
    to[2] = behind;
    return to + 3;
}

/* By hand: a list writes hundreds of times, and snprintf took a sixth of it. */
static const char *
format_time(int64_t us, int digits, char text[static TIME_TEXT_BYTES])
{
    struct civil c = civil_from_us(us);
    unsigned year = (unsigned)c.year % 10000u, fraction = (unsigned)c.microsecond;
    char *to = text;
    /* A year outside four digits cannot be written in RFC 3339; such times are refused on the way in. */
    to = put_two(to, year / 100, '-') - 1;
    to = put_two(to, year, '-');
    to = put_two(to, (unsigned)c.month, '-');
    to = put_two(to, (unsigned)c.day, 'T');
    to = put_two(to, (unsigned)c.hour, ':');
    to = put_two(to, (unsigned)c.minute, ':');
    to = put_two(to, (unsigned)c.second, '.');
    to = put_two(to, fraction / 10000, 'Z') - 1;
    if (digits == 3) {
        *to++ = (char)('0' + fraction / 1000 % 10);
        *to++ = 'Z';
    } else {
        to = put_two(to, fraction / 100, 'Z') - 1;
        to = put_two(to, fraction, 'Z');
    }
    *to = '\0';
    return text;
}

const char *
time_format_ms(int64_t us, char text[static TIME_TEXT_BYTES])
{
    return format_time(us, 3, text);
}

const char *
time_format_us(int64_t us, char text[static TIME_TEXT_BYTES])
{
    return format_time(us, 6, text);
}

static bool
take_number(struct str *s, size_t digits, int min, int max, int *value_out)
{
    int64_t value;
    if (s->len < digits || s->ptr[0] == '-' || !str_to_i64(str_slice(*s, 0, digits), min, max, &value))
        return false;
    *s = str_skip(*s, digits);
    *value_out = (int)value;
    return true;
}

/* ".5" is 500,000 us; digits past the sixth are cut off. */
static bool
take_fraction(struct str *s, int *microsecond_out)
{
    if (!str_take_char(s, '.'))
        return true;
    int value = 0, scale = 100000;
    size_t digits = 0;
    for (; s->len && s->ptr[0] >= '0' && s->ptr[0] <= '9'; *s = str_skip(*s, 1), digits++, scale /= 10)
        value += (s->ptr[0] - '0') * scale;
    *microsecond_out = value;
    return digits > 0;
}

static bool
take_offset(struct str *s, int64_t *offset_us_out)
{
    *offset_us_out = 0;
    if (str_take_char(s, 'Z') || str_take_char(s, 'z'))
        return true;
    int sign = str_take_char(s, '+') ? 1 : str_take_char(s, '-') ? -1 : 0;
    int hour, minute;
    if (sign == 0 || !take_number(s, 2, 0, 23, &hour))
        return false;
    str_take_char(s, ':');
    if (!take_number(s, 2, 0, 59, &minute))
        return false;
    *offset_us_out = sign * (hour * US_PER_HOUR + minute * US_PER_MINUTE);
    return true;
}

bool
time_parse(struct str s, int64_t *us_out)
{
    struct civil c = {0};
    if (!take_number(&s, 4, 1, 9999, &c.year) || !str_take_char(&s, '-') || !take_number(&s, 2, 1, 12, &c.month) ||
        !str_take_char(&s, '-') || !take_number(&s, 2, 1, 31, &c.day) || c.day > civil_days_in_month(c.year, c.month))
        return false;
    int64_t offset_us = 0;
    if (s.len > 0) {
        if (!(str_take_char(&s, 'T') || str_take_char(&s, 't') || str_take_char(&s, ' ')))
            return false;
        if (!take_number(&s, 2, 0, 23, &c.hour) || !str_take_char(&s, ':') || !take_number(&s, 2, 0, 59, &c.minute) ||
            !str_take_char(&s, ':') || !take_number(&s, 2, 0, 60, &c.second))
            return false;
        if (!take_fraction(&s, &c.microsecond) || !take_offset(&s, &offset_us) || s.len != 0)
            return false;
    }
    *us_out = civil_to_us(c) - offset_us;
    return true;
}

const char *
duration_format(int64_t us, char text[static DURATION_TEXT_BYTES])
{
    int64_t seconds = us < 0 ? 0 : us / US_PER_S;
    long long days = seconds / 86400, hours = seconds / 3600 % 24, minutes = seconds / 60 % 60, rest = seconds % 60;
    if (days)
        snprintf(text, DURATION_TEXT_BYTES, "%lldd %lldh %lldm", days, hours, minutes);
    else if (hours)
        snprintf(text, DURATION_TEXT_BYTES, "%lldh %lldm", hours, minutes);
    else if (minutes)
        snprintf(text, DURATION_TEXT_BYTES, "%lldm %llds", minutes, rest);
    else
        snprintf(text, DURATION_TEXT_BYTES, "%llds", rest);
    return text;
}

static int64_t
unit_us(char unit)
{
    switch (unit) {
    case 's': return US_PER_S;
    case 'm': return US_PER_MINUTE;
    case 'h': return US_PER_HOUR;
    case 'd': return US_PER_DAY;
    default: return 0;
    }
}

bool
duration_parse(struct str s, int64_t *us_out)
{
    int64_t total = 0;
    while (s.len) {
        size_t digits = 0;
        while (digits < s.len && s.ptr[digits] >= '0' && s.ptr[digits] <= '9')
            digits++;
        int64_t count, part;
        if (digits == s.len || !str_to_i64(str_slice(s, 0, digits), 0, INT64_MAX, &count))
            return false;
        int64_t unit = unit_us(s.ptr[digits]);
        if (!unit || __builtin_mul_overflow(count, unit, &part) || __builtin_add_overflow(total, part, &total))
            return false;
        s = str_skip(s, digits + 1);
    }
    if (total <= 0)
        return false;
    *us_out = total;
    return true;
}
