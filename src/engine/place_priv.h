/*
 * The tables of places, for place.c and their tests.
 */
#ifndef TIDEMARK_ENGINE_PLACE_PRIV_H
#define TIDEMARK_ENGINE_PLACE_PRIV_H

#include <stdint.h>

#include "base/str.h"

/* Postal codes from first to last, as numbers or (Canada) by prefix; the first row that fits wins. */
struct postal_range {
    int32_t first, last;
    const char *zone;
};
struct postal_prefix {
    const char *prefix;
    const char *zone;
};
/* Folded: lower case, no accents. zone NULL: more than one, and no telling. */
struct place_state {
    const char *code, *name;
    const char *zone;
};
struct place_city {
    const char *state, *city;    /* state's code */
    const char *zone;
};

/* One country whose parts we know. */
struct place_country {
    const char *code;
    int postal_digits;           /* of a whole code; 0: letters, by prefix */
    const struct postal_range *ranges;
    size_t range_count;
    const struct postal_prefix *prefixes;
    size_t prefix_count;
    const struct place_state *states;
    size_t state_count;
    const struct place_city *cities;
    size_t city_count;
};

extern const struct place_country place_us, place_br, place_ca, place_mx, place_au, place_es, place_pt;

#endif
