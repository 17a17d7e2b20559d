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

/* "1767434400.123456": both with a point or one without, as many places as they like. */
static bool
decimals_compare(struct str a, struct str b, int *order_out)
{
    struct str whole_a, rest_a, whole_b, rest_b;
    int64_t left = 0, right = 0;
    str_cut(a, '.', &whole_a, &rest_a);
    str_cut(b, '.', &whole_b, &rest_b);
    if (!str_to_i64(whole_a, 0, INT64_MAX, &left) || !str_to_i64(whole_b, 0, INT64_MAX, &right))
        return false;
    *order_out = sign(left, right);
    for (size_t i = 0; *order_out == 0 && (i < rest_a.len || i < rest_b.len); i++) {
        char x = i < rest_a.len ? rest_a.ptr[i] : '0', y = i < rest_b.len ? rest_b.ptr[i] : '0';
        if (x < '0' || x > '9' || y < '0' || y > '9')
            return false;
        *order_out = sign(x, y);
    }
    return true;
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
    else if (decimals_compare(a, b, order_out))
        return true;
    else if (time_parse(a, &left) && time_parse(b, &right))
        *order_out = sign(left, right);
    else
        return false;
    return true;
}

bool
observation_versions_compare(struct str a, struct str b)
{
    int order = 0;
    return versions_compare(a, b, &order) && order != 0;
}

bool
observation_is_older(const struct observation *later, const struct observation *known)
{
    int order = 0;
    if (versions_compare(later->version, known->version, &order) && order != 0)
        return order < 0;
    return later->observed_us < known->observed_us;
}
