/*
 * Places: which time zone an address lies in (contract, section 5, lead flow).
 *
 * From the most exact thing that is known to the least: postal code, state, city, country. What a country's zones are
 * called and how many it has comes from ICU (the tz database); which postal codes and states lie where is our own table of
 * public facts, named in docs/door-002.md. A guess is only made for a whole country, and then the zone of most of
 * its people. Pure but for ICU's own caches; any thread.
 */
#ifndef TIDEMARK_ENGINE_PLACE_H
#define TIDEMARK_ENGINE_PLACE_H

#include "base/str.h"

struct place {
    struct str postal_code, state, city, country; /* as a person typed them; STR_NONE: not known */
    struct str region;       /* ISO 3166 alpha-2 of the tenant: meant where no country is given; or STR_NONE */
};

#define PLACE_ZONE_BYTES 64

/* zone_out: "America/Sao_Paulo", NUL-terminated. False: nothing can be said. */
bool place_timezone(const struct place *place, char zone_out[PLACE_ZONE_BYTES]);

/* ISO 3166 alpha-2 of a country's name (English, Portuguese, Spanish, French, German, Italian), alpha-2 or alpha-3 code. */
bool place_country(struct str name, char code_out[3]);

#endif
