/*
 * Reading times: strptime as Python has it, and ISO 8601.
 *
 * Python's strptime is a regular expression: a directive takes two digits if the rest then still fits,
 * else one. So this is a matcher that tries and comes back; formats are untrusted, so tries are counted.
 * Letters match in either case and a blank matches any blanks, as there.
 */
#include <string.h>

#include "base/limits.h"
#include "template/expr/time_priv.h"
#include "template/expr/value_priv.h"

#define DEFAULT_YEAR 1900

struct fields {
    int year, month, day, hour, minute, second, microsecond;
    int hour12, afternoon, day_of_year; /* -1: not given */
    bool aware;
    int offset_s;
};

struct matcher {
    unsigned steps_left;
    struct fields fields;
};

static bool
match(struct matcher *m, struct str text, struct str format);

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool
is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static int
digits_value(struct str digits)
{
    int value = 0;
    for (size_t i = 0; i < digits.len; i++)
        value = value * 10 + (digits.ptr[i] - '0');
    return value;
}

struct number_directive {
    char letter;
    size_t digits_min, digits_max;
    int low, high;
    size_t field; /* offset in struct fields */
};

#define FIELD(name) offsetof(struct fields, name)
static const struct number_directive number_directives[] = {
    {'Y', 4, 4, 0, 9999, FIELD(year)},     {'m', 1, 2, 1, 12, FIELD(month)},  {'d', 1, 2, 1, 31, FIELD(day)},
    {'H', 1, 2, 0, 23, FIELD(hour)},       {'I', 1, 2, 1, 12, FIELD(hour12)}, {'M', 1, 2, 0, 59, FIELD(minute)},
    {'S', 1, 2, 0, 61, FIELD(second)},     {'j', 1, 3, 1, 366, FIELD(day_of_year)},
};

/* Takes as many digits as fit the range, fewer when the rest does not match then. */
static bool
match_number(struct matcher *m, const struct number_directive *d, struct str text, struct str format)
{
    size_t digits = 0;
    while (digits < text.len && digits < d->digits_max && is_digit(text.ptr[digits]))
        digits++;
    for (; digits >= d->digits_min && digits > 0; digits--) {
        int value = digits_value(str_slice(text, 0, digits));
        if (value < d->low || value > d->high)
            continue;
        memcpy((char *)&m->fields + d->field, &value, sizeof(value));
        if (match(m, str_skip(text, digits), format))
            return true;
    }
    return false;
}

static bool
match_fraction(struct matcher *m, struct str text, struct str format)
{
    size_t digits = 0;
    while (digits < text.len && digits < 6 && is_digit(text.ptr[digits]))
        digits++;
    for (; digits > 0; digits--) {
        int value = digits_value(str_slice(text, 0, digits));
        for (size_t i = digits; i < 6; i++)
            value *= 10;
        m->fields.microsecond = value;
        if (match(m, str_skip(text, digits), format))
            return true;
    }
    return false;
}

static bool
take_two_digits(struct str *s, int max, int *value_out)
{
    if (s->len < 2 || !is_digit(s->ptr[0]) || !is_digit(s->ptr[1]))
        return false;
    *value_out = digits_value(str_slice(*s, 0, 2));
    *s = str_skip(*s, 2);
    return *value_out <= max;
}

/* Z, +hhmm, +hh:mm, with seconds too. */
static bool
take_zone(struct str *s, int *offset_s_out)
{
    int hours, minutes, seconds = 0;
    if (s->len && (s->ptr[0] == 'Z')) {
        *s = str_skip(*s, 1);
        *offset_s_out = 0;
        return true;
    }
    if (s->len == 0 || (s->ptr[0] != '+' && s->ptr[0] != '-'))
        return false;
    int sign = s->ptr[0] == '-' ? -1 : 1;
    *s = str_skip(*s, 1);
    if (!take_two_digits(s, 23, &hours))
        return false;
    bool colon = str_starts(*s, STR(":"));
    *s = str_skip(*s, colon);
    if (!take_two_digits(s, 59, &minutes))
        return false;
    struct str after = str_skip(*s, colon);
    if ((!colon || str_starts(*s, STR(":"))) && take_two_digits(&after, 59, &seconds))
        *s = after;
    else
        seconds = 0;
    *offset_s_out = sign * (hours * 3600 + minutes * 60 + seconds);
    return true;
}

static bool
match_zone(struct matcher *m, struct str text, struct str format)
{
    m->fields.aware = true;
    return take_zone(&text, &m->fields.offset_s) && match(m, text, format);
}

static bool
match_year_of_century(struct matcher *m, struct str text, struct str format)
{
    int year;
    if (!take_two_digits(&text, 99, &year))
        return false;
    m->fields.year = year <= 68 ? 2000 + year : 1900 + year;
    return match(m, text, format);
}

/* Longest first, as "Mar" also begins "March". */
static bool
match_name(struct matcher *m, const char *const *names, size_t count, size_t letters, int *place, struct str text,
           struct str format)
{
    for (size_t i = 0; i < count; i++) {
        struct str name = str_from_c(names[i]);
        if (letters)
            name = str_slice(name, 0, letters);
        if (!str_starts_nocase(text, name))
            continue;
        if (place)
            *place = (int)i;
        if (match(m, str_skip(text, name.len), format))
            return true;
    }
    return false;
}

static bool
match_month_name(struct matcher *m, size_t letters, struct str text, struct str format)
{
    static const char *const names[] = {"January", "February", "March", "April", "May", "June", "July",
                                        "August", "September", "October", "November", "December"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        m->fields.month = (int)i + 1;
        if (match_name(m, &names[i], 1, letters, NULL, text, format))
            return true;
    }
    return false;
}

static bool
match_word(struct matcher *m, char directive, struct str text, struct str format)
{
    static const char *const days[] = {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"};
    static const char *const halves[] = {"AM", "PM"};
    static const char *const zones[] = {"UTC", "GMT"};
    switch (directive) {
    case 'a': return match_name(m, days, ARRAY_LEN(days), 3, NULL, text, format);
    case 'A': return match_name(m, days, ARRAY_LEN(days), 0, NULL, text, format);
    case 'b': return match_month_name(m, 3, text, format);
    case 'B': return match_month_name(m, 0, text, format);
    case 'p': return match_name(m, halves, ARRAY_LEN(halves), 0, &m->fields.afternoon, text, format);
    case 'Z': return match_name(m, zones, ARRAY_LEN(zones), 0, NULL, text, format);
    default: return false;
    }
}

static bool
match_directive(struct matcher *m, char directive, struct str text, struct str format)
{
    for (size_t i = 0; i < ARRAY_LEN(number_directives); i++)
        if (number_directives[i].letter == directive)
            return match_number(m, &number_directives[i], text, format);
    switch (directive) {
    case 'f': return match_fraction(m, text, format);
    case 'z': return match_zone(m, text, format);
    case 'y': return match_year_of_century(m, text, format);
    case '%': return str_starts(text, STR("%")) && match(m, str_skip(text, 1), format);
    default: return match_word(m, directive, text, format);
    }
}

static bool
match_blanks(struct matcher *m, struct str text, struct str format)
{
    size_t blanks = 0;
    while (format.len && is_blank(format.ptr[0]))
        format = str_skip(format, 1);
    while (blanks < text.len && is_blank(text.ptr[blanks]))
        blanks++;
    return blanks > 0 && match(m, str_skip(text, blanks), format);
}

static bool
match(struct matcher *m, struct str text, struct str format)
{
    if (m->steps_left == 0)
        return false;
    m->steps_left--;
    while (format.len && format.ptr[0] != '%' && !is_blank(format.ptr[0])) {
        if (text.len == 0 || !str_eq_nocase(str_slice(text, 0, 1), str_slice(format, 0, 1)))
            return false;
        text = str_skip(text, 1);
        format = str_skip(format, 1);
    }
    if (format.len == 0)
        return text.len == 0;
    if (is_blank(format.ptr[0]))
        return match_blanks(m, text, format);
    return format.len > 1 && match_directive(m, format.ptr[1], text, str_skip(format, 2));
}

static bool
fields_to_value(struct fields f, struct value *value_out)
{
    if (f.hour12 >= 0)
        f.hour = f.hour12 % 12 + (f.afternoon == 1 ? 12 : 0);
    if (f.year < 1 || f.second > 59)
        return false;
    if (f.day_of_year > 0) {
        f.month = 1;
        f.day = f.day_of_year;
        while (f.month < 12 && f.day > civil_days_in_month(f.year, f.month))
            f.day -= civil_days_in_month(f.year, f.month++);
    }
    if (f.day > civil_days_in_month(f.year, f.month))
        return false;
    int64_t us = civil_to_us((struct civil){f.year, f.month, f.day, f.hour, f.minute, f.second, f.microsecond});
    us -= f.offset_s * US_PER_S;
    if (!time_in_range(us))
        return false;
    *value_out = value_datetime(us, f.offset_s, f.aware);
    return true;
}

bool
time_strptime(struct str text, struct str format, struct value *value_out)
{
    struct matcher m = {.steps_left = LIMIT_DATETIME_STEPS,
                        .fields = {.year = DEFAULT_YEAR, .month = 1, .day = 1, .hour12 = -1, .afternoon = -1, .day_of_year = -1}};
    if (format.len > LIMIT_DATETIME_FORMAT_BYTES || text.len > LIMIT_DATETIME_FORMAT_BYTES)
        return false;
    return match(&m, text, format) && fields_to_value(m.fields, value_out);
}

/* ---- ISO 8601 ---- */

static bool
take_digits(struct str *s, size_t count, int *value_out)
{
    if (s->len < count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!is_digit(s->ptr[i]))
            return false;
    *value_out = digits_value(str_slice(*s, 0, count));
    *s = str_skip(*s, count);
    return true;
}

/* YYYY-Www-D: day counts from the Monday of the week with January 4. */
static bool
take_week_date(struct str *s, bool dash, struct fields *f)
{
    int week, weekday = 1;
    if (!take_digits(s, 2, &week) || week < 1 || week > 53)
        return false;
    if (s->len && (dash ? s->ptr[0] == '-' : is_digit(s->ptr[0]))) {
        *s = str_skip(*s, dash);
        if (!take_digits(s, 1, &weekday) || weekday < 1 || weekday > 7)
            return false;
    }
    struct civil fourth = {.year = f->year, .month = 1, .day = 4};
    int64_t monday = civil_to_us(fourth) - (civil_weekday(fourth) + 6) % 7 * US_PER_DAY;
    struct civil day = civil_from_us(monday + ((week - 1) * 7 + weekday - 1) * US_PER_DAY);
    f->year = day.year;
    f->month = day.month;
    f->day = day.day;
    return true;
}

static bool
take_ordinal_date(struct str *s, struct fields *f)
{
    bool leap = civil_days_in_month(f->year, 2) == 29;
    return take_digits(s, 3, &f->day_of_year) && f->day_of_year >= 1 && f->day_of_year <= 365 + leap;
}

static size_t
count_digits(struct str s)
{
    size_t count = 0;
    while (count < s.len && is_digit(s.ptr[count]))
        count++;
    return count;
}

/* YYYY, YYYY-MM, YYYY-MM-DD, YYYYMMDD, weeks and ordinals. */
static bool
take_iso_date(struct str *s, struct fields *f)
{
    if (!take_digits(s, 4, &f->year) || f->year < 1)
        return false;
    if (s->len == 0)
        return true;
    bool dash = str_take_char(s, '-');
    if (str_take_char(s, 'W'))
        return take_week_date(s, dash, f);
    size_t digits = count_digits(*s);
    if (digits == 3)
        return take_ordinal_date(s, f);
    if (!take_digits(s, 2, &f->month) || f->month < 1 || f->month > 12)
        return false;
    if (s->len == 0)
        return dash;
    if (dash != str_take_char(s, '-'))
        return false;
    return take_digits(s, 2, &f->day) && f->day >= 1 && f->day <= civil_days_in_month(f->year, f->month);
}

static bool
take_iso_fraction(struct str *s, struct fields *f)
{
    if (!str_take_char(s, '.') && !str_take_char(s, ','))
        return true;
    int scale = 100000;
    if (count_digits(*s) == 0)
        return false;
    for (; s->len && is_digit(s->ptr[0]); *s = str_skip(*s, 1), scale /= 10)
        f->microsecond += (s->ptr[0] - '0') * scale;
    return true;
}

static bool
take_iso_zone(struct str *s, struct fields *f)
{
    int hours, minutes = 0;
    if (s->len == 0)
        return true;
    f->aware = true;
    if (str_take_char(s, 'Z') || str_take_char(s, 'z'))
        return s->len == 0;
    int sign = s->ptr[0] == '-' ? -1 : 1;
    if (!str_take_char(s, '+') && !str_take_char(s, '-'))
        return false;
    if (!take_digits(s, 2, &hours) || hours > 23)
        return false;
    if (s->len) {
        str_take_char(s, ':');
        if (!take_digits(s, 2, &minutes) || minutes > 59)
            return false;
    }
    f->offset_s = sign * (hours * 3600 + minutes * 60);
    return s->len == 0;
}

/* hh, hh:mm, hhmm, hh:mm:ss, hhmmss, with a fraction; 24:00 is midnight of the next day. */
static bool
take_iso_time(struct str *s, struct fields *f)
{
    if (!take_digits(s, 2, &f->hour) || f->hour > 24)
        return false;
    bool colon = str_take_char(s, ':');
    if (colon || (s->len && is_digit(s->ptr[0]))) {
        if (!take_digits(s, 2, &f->minute) || f->minute > 59)
            return false;
        bool seconds = colon ? str_take_char(s, ':') : s->len && is_digit(s->ptr[0]);
        if (seconds && (!take_digits(s, 2, &f->second) || f->second > 59 || !take_iso_fraction(s, f)))
            return false;
    }
    if (f->hour == 24 && (f->minute || f->second || f->microsecond))
        return false;
    return take_iso_zone(s, f);
}

bool
time_parse_iso(struct str s, struct value *value_out)
{
    struct fields f = {.year = DEFAULT_YEAR, .month = 1, .day = 1, .hour12 = -1, .day_of_year = -1};
    if (!take_iso_date(&s, &f))
        return false;
    if (s.len) {
        if (is_digit(s.ptr[0]) || (unsigned char)s.ptr[0] >= 0x80)
            return false;
        s = str_skip(s, 1);
        if (!take_iso_time(&s, &f))
            return false;
    }
    bool next_day = f.hour == 24;
    f.hour = next_day ? 0 : f.hour;
    if (!fields_to_value(f, value_out))
        return false;
    value_out->integer += next_day ? US_PER_DAY : 0;
    return time_in_range(value_out->integer);
}
