/*
 * strftime as Python has it on Linux: C's directives in English, and %f, %z, %Z, %s.
 */
#include "template/expr/time_priv.h"

static const char *const day_names[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
static const char *const month_names[] = {"January", "February", "March", "April", "May", "June", "July",
                                          "August", "September", "October", "November", "December"};

static int
day_of_year(struct civil c)
{
    int days = c.day;
    for (int month = 1; month < c.month; month++)
        days += civil_days_in_month(c.year, month);
    return days;
}

/* ISO 8601: the week with the year's first Thursday is week 1. weekday: 1 Monday .. 7 Sunday. */
static void
iso_week(struct civil c, int *year_out, int *week_out)
{
    int weekday = (civil_weekday(c) + 6) % 7 + 1, year = c.year;
    int week = (day_of_year(c) - weekday + 10) / 7;
    if (week < 1) {
        year--;
        struct civil last = {.year = year, .month = 12, .day = 31};
        int last_weekday = (civil_weekday(last) + 6) % 7 + 1;
        week = (day_of_year(last) - last_weekday + 10) / 7;
    } else if (week == 53) {
        struct civil first = {.year = year + 1, .month = 1, .day = 1};
        int first_weekday = (civil_weekday(first) + 6) % 7 + 1;
        if (first_weekday <= 4) {
            year++;
            week = 1;
        }
    }
    *year_out = year;
    *week_out = week;
}

static bool
add_zone(struct buf *b, struct value v, bool named)
{
    int32_t rest = v.offset_s < 0 ? -v.offset_s : v.offset_s;
    const char *sign = v.offset_s < 0 ? "-" : "+";
    if (!v.flag)
        return buf_ok(b);
    if (named)
        return rest == 0 ? buf_add_c(b, "UTC") : buf_addf(b, "UTC%s%02d:%02d", sign, rest / 3600, rest / 60 % 60);
    return buf_addf(b, "%s%02d%02d", sign, rest / 3600, rest / 60 % 60);
}

static int64_t
epoch_second(struct value v)
{
    int64_t us = v.integer + v.offset_s * US_PER_S; /* Python's %s reads the wall fields as local time, ours is UTC */
    return us / US_PER_S - (us % US_PER_S < 0);
}

static bool
add_week_directive(struct buf *b, struct civil c, char directive)
{
    int year, week, weekday = civil_weekday(c), day = day_of_year(c) - 1;
    iso_week(c, &year, &week);
    switch (directive) {
    case 'U': return buf_addf(b, "%02d", (day + 7 - weekday) / 7);
    case 'W': return buf_addf(b, "%02d", (day + 7 - (weekday + 6) % 7) / 7);
    case 'V': return buf_addf(b, "%02d", week);
    case 'G': return buf_addf(b, "%d", year);
    default: return buf_addf(b, "%02d", year % 100);
    }
}

static bool
add_directive(struct buf *b, struct value v, char directive)
{
    struct civil c = v.type == VALUE_DURATION ? (struct civil){.year = 1, .month = 1, .day = 1} : time_wall(v);
    int hour = c.hour % 12 == 0 ? 12 : c.hour % 12, weekday = civil_weekday(c);
    switch (directive) {
    case 'Y': return buf_addf(b, "%d", c.year);
    case 'C': return buf_addf(b, "%02d", c.year / 100);
    case 'y': return buf_addf(b, "%02d", c.year % 100);
    case 'm': return buf_addf(b, "%02d", c.month);
    case 'd': return buf_addf(b, "%02d", c.day);
    case 'e': return buf_addf(b, "%2d", c.day);
    case 'H': return buf_addf(b, "%02d", c.hour);
    case 'k': return buf_addf(b, "%2d", c.hour);
    case 'I': return buf_addf(b, "%02d", hour);
    case 'l': return buf_addf(b, "%2d", hour);
    case 'M': return buf_addf(b, "%02d", c.minute);
    case 'S': return buf_addf(b, "%02d", c.second);
    case 'f': return buf_addf(b, "%06d", c.microsecond);
    case 'p': return buf_add_c(b, c.hour < 12 ? "AM" : "PM");
    case 'P': return buf_add_c(b, c.hour < 12 ? "am" : "pm");
    case 'z': return add_zone(b, v, false);
    case 'Z': return add_zone(b, v, true);
    case 'j': return buf_addf(b, "%03d", day_of_year(c));
    case 'a': return buf_addf(b, "%.3s", day_names[weekday]);
    case 'A': return buf_add_c(b, day_names[weekday]);
    case 'b':
    case 'h': return buf_addf(b, "%.3s", month_names[c.month - 1]);
    case 'B': return buf_add_c(b, month_names[c.month - 1]);
    case 'w': return buf_addf(b, "%d", weekday);
    case 'u': return buf_addf(b, "%d", weekday ? weekday : 7);
    case 'U':
    case 'W':
    case 'V':
    case 'G':
    case 'g': return add_week_directive(b, c, directive);
    case 's': return buf_add_i64(b, epoch_second(v));
    case 'n': return buf_add_char(b, '\n');
    case 't': return buf_add_char(b, '\t');
    case '%': return buf_add_char(b, '%');
    case 'F': return time_strftime(b, v, STR("%Y-%m-%d"));
    case 'T':
    case 'X': return time_strftime(b, v, STR("%H:%M:%S"));
    case 'R': return time_strftime(b, v, STR("%H:%M"));
    case 'r': return time_strftime(b, v, STR("%I:%M:%S %p"));
    case 'D':
    case 'x': return time_strftime(b, v, STR("%m/%d/%y"));
    case 'c': return time_strftime(b, v, STR("%a %b %e %H:%M:%S %Y"));
    default: return buf_add_char(b, '%') && buf_add_char(b, directive);
    }
}

/* "%-d": without padding. */
static bool
add_unpadded(struct buf *b, struct value v, char directive)
{
    size_t begin = b->len, skip = 0;
    if (!add_directive(b, v, directive))
        return false;
    while (begin + skip + 1 < b->len && (b->ptr[begin + skip] == '0' || b->ptr[begin + skip] == ' '))
        skip++;
    for (size_t i = begin; i + skip < b->len; i++)
        b->ptr[i] = b->ptr[i + skip];
    buf_truncate(b, b->len - skip);
    return true;
}

bool
time_strftime(struct buf *b, struct value v, struct str format)
{
    for (size_t i = 0; i < format.len; i++) {
        if (format.ptr[i] != '%' || i + 1 == format.len) {
            buf_add_char(b, format.ptr[i]);
            continue;
        }
        char directive = format.ptr[++i];
        if (directive == '-' && i + 1 < format.len)
            add_unpadded(b, v, format.ptr[++i]);
        else
            add_directive(b, v, directive);
    }
    return buf_ok(b);
}
