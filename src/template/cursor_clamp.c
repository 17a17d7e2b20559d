/*
 * Clamping of a cursor's slices to whole days, weeks or months.
 *
 * A lower bound goes up to the begin of the next period, and so do the bounds between slices; the end goes down. A day's
 * midnight goes up to the next one, a week's first day and a month's stay where they are when going up, and the week's
 * goes down a whole week: so other readers have it, and their states must fit.
 */
#include "template/plan_priv.h"

#include "base/clock.h"

static int64_t
midnight(int64_t us)
{
    struct civil c = civil_from_us(us);
    c.hour = c.minute = c.second = c.microsecond = 0;
    return civil_to_us(c);
}

static int64_t
days_to_weekday(const struct cursor *c, int64_t us)
{
    int today = (civil_weekday(civil_from_us(us)) + 6) % 7;
    return (c->weekday - today + 7) % 7;
}

static int64_t
month_begin(int64_t us, int further)
{
    struct civil c = civil_from_us(us);
    c.hour = c.minute = c.second = c.microsecond = 0;
    if (c.day == 1)
        return civil_to_us(c);
    c.day = 1;
    c.month += further;
    if (c.month > 12)
        c.month = 1, c.year++;
    return civil_to_us(c);
}

int64_t
clamp_ceiling(const struct cursor *c, int64_t us)
{
    switch (c->clamp) {
    case CLAMP_NONE: break;
    case CLAMP_DAY: return midnight(us) + 24 * US_PER_HOUR;
    case CLAMP_WEEK: return midnight(us) + days_to_weekday(c, us) * 24 * US_PER_HOUR;
    case CLAMP_MONTH: return month_begin(us, 1);
    }
    return us;
}

int64_t
clamp_floor(const struct cursor *c, int64_t us)
{
    switch (c->clamp) {
    case CLAMP_NONE: break;
    case CLAMP_DAY: return midnight(us);
    case CLAMP_WEEK: return midnight(us) + (days_to_weekday(c, us) - 7) * 24 * US_PER_HOUR;
    case CLAMP_MONTH: return month_begin(us, 0);
    }
    return us;
}

static bool
take_weekday(struct cursor *c, struct expr_scope *scope, struct err *err)
{
    static const char *const names[] = {"MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"};
    struct str name;
    if (!text_str(&c->plan->weekday, scope, &name, err))
        return false;
    for (int i = 0; i < 7; i++)
        if (str_eq_c(name, names[i])) {
            c->weekday = i;
            return true;
        }
    return err_set(err, E_TEMPLATE_INVALID, "Clamping to weeks needs target_details.weekday, such as MONDAY");
}

/* The end is the last moment of the last whole period. */
bool
clamp_init(struct cursor *c, struct expr_scope *scope, struct err *err)
{
    struct str target;
    if (!text_given(&c->plan->clamp))
        return true;
    if (!text_str(&c->plan->clamp, scope, &target, err))
        return false;
    c->clamp = str_eq(target, STR("DAY")) ? CLAMP_DAY : str_eq(target, STR("WEEK")) ? CLAMP_WEEK
               : str_eq(target, STR("MONTH")) ? CLAMP_MONTH : CLAMP_NONE;
    if (c->clamp == CLAMP_NONE)
        return err_set(err, E_TEMPLATE_INVALID, "A clamping's target is DAY, WEEK or MONTH");
    if (c->clamp == CLAMP_WEEK && !take_weekday(c, scope, err))
        return false;
    struct duration least = {.us = c->clamp == CLAMP_DAY ? US_PER_S : 24 * US_PER_HOUR};
    c->end_us = datetime_add(clamp_floor(c, c->end_us), c->has_granularity ? c->granularity : least, -1);
    return true;
}
