/*
 * Which of two observations of a record is the newer one (I-22; design, section 5).
 *
 * The vendor's version decides where both sides have one of the same sort: whole numbers, times, or equal
 * texts. Otherwise it is the time at which OUR request was sent. Pure.
 */
#ifndef TIDEMARK_ENGINE_PAGE_ORDER_H
#define TIDEMARK_ENGINE_PAGE_ORDER_H

#include "base/str.h"

struct observation {
    struct str version;   /* STR_NONE or empty: the vendor gives none */
    int64_t observed_us;  /* database clock */
};

/* Is `later` older than what is known, so that it must not be applied? Equal ones are not. */
bool observation_is_older(const struct observation *later, const struct observation *known);
/* Do these two versions decide by themselves? */
bool observation_versions_compare(struct str a, struct str b);

#endif
