/*
 * Which of two observations of a record is the newer one (I-22; design, section 5).
 */
#include "engine/page_order.h"

#include "base/clock.h"

static int
sign(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

/* True when both texts are of a sort that can be compared. */
static bool
versions_compare(struct str a, struct str b, int *order_out)
{
    if (a.len == 0 || b.len == 0)
        return false;
    int64_t left = 0, right = 0;
    if (str_eq(a, b))
        *order_out = 0;
    else if (str_to_i64(a, INT64_MIN, INT64_MAX, &left) && str_to_i64(b, INT64_MIN, INT64_MAX, &right))
        *order_out = sign(left, right);
    else if (time_parse(a, &left) && time_parse(b, &right))
        *order_out = sign(left, right);
    else
        return false;
    return true;
}

bool
observation_is_older(const struct observation *later, const struct observation *known)
{
    int order = 0;
    if (versions_compare(later->version, known->version, &order) && order != 0)
        return order < 0;
    return later->observed_us < known->observed_us;
}
