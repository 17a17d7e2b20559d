/*
 * Places: which time zone an address lies in.
 *
 * Texts are folded first (case, accents, white space), because people write "São Paulo", "SAO PAULO" and "Sao  paulo". A state
 * that a country does not have decides nothing. Where no country is given, a CEP with its hyphen says Brazil, a
 * Canadian code says Canada, a state of the United States together with a ZIP code of that state says so; else the tenant's
 * region is meant.
 */
#include "engine/place.h"

#include <unicode/ucal.h>
#include <unicode/uenum.h>
#include <unicode/uloc.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

#include "base/arena.h"
#include "engine/place_priv.h"

#define FOLDED_BYTES 128
#define WIDE_UNITS 256

static const struct place_country *const countries[] = {
    &place_us, &place_br, &place_ca, &place_mx, &place_au, &place_es, &place_pt,
};

/* Countries of several zones: the one where most people live. */
static const struct {
    const char code[3];
    const char *zone;
} defaults[] = {
    {"AQ", NULL}, {"AR", "America/Argentina/Buenos_Aires"}, {"AU", "Australia/Sydney"}, {"BR", "America/Sao_Paulo"},
    {"CA", "America/Toronto"}, {"CD", "Africa/Kinshasa"}, {"CL", "America/Santiago"}, {"CN", "Asia/Shanghai"},
    {"CY", "Asia/Nicosia"}, {"DE", "Europe/Berlin"}, {"EC", "America/Guayaquil"}, {"ES", "Europe/Madrid"},
    {"FM", "Pacific/Pohnpei"}, {"GL", "America/Nuuk"}, {"ID", "Asia/Jakarta"}, {"KI", "Pacific/Tarawa"},
    {"KZ", "Asia/Almaty"}, {"MH", "Pacific/Majuro"}, {"MN", "Asia/Ulaanbaatar"}, {"MX", "America/Mexico_City"},
    {"MY", "Asia/Kuala_Lumpur"}, {"NZ", "Pacific/Auckland"}, {"PF", "Pacific/Tahiti"}, {"PG", "Pacific/Port_Moresby"},
    {"PS", "Asia/Hebron"}, {"PT", "Europe/Lisbon"}, {"RU", "Europe/Moscow"}, {"UA", "Europe/Kyiv"}, {"UM", NULL},
    {"US", "America/New_York"}, {"UZ", "Asia/Tashkent"}, {"VN", "Asia/Ho_Chi_Minh"},
};

/* ---- texts ---- */

/* Lower case, accents off, single spaces, '.' off the end of abbreviations. Empty: nothing there, or too long. */
static void
fold(struct str text, char out[FOLDED_BYTES])
{
    UChar wide[WIDE_UNITS], parts[WIDE_UNITS];
    UErrorCode code = U_ZERO_ERROR;
    int32_t len = 0, kept = 0, bytes = 0;
    out[0] = '\0';
    text = str_trim(text);
    if (text.len == 0 || text.len >= FOLDED_BYTES || !str_is_utf8(text))
        return;
    u_strFromUTF8(wide, WIDE_UNITS, &len, text.ptr, (int32_t)text.len, &code);
    const UNormalizer2 *nfd = unorm2_getNFDInstance(&code);
    len = U_SUCCESS(code) ? unorm2_normalize(nfd, wide, len, parts, WIDE_UNITS, &code) : 0;
    len = U_SUCCESS(code) ? u_strFoldCase(wide, WIDE_UNITS, parts, len, U_FOLD_CASE_DEFAULT, &code) : 0;
    for (int32_t i = 0; U_SUCCESS(code) && i < len; i++) {
        bool space = wide[i] == ' ' || wide[i] == '\t' || wide[i] == '_';
        if (u_charType(wide[i]) == U_NON_SPACING_MARK || (space && kept > 0 && parts[kept - 1] == ' '))
            continue;
        parts[kept++] = space ? ' ' : wide[i];
    }
    u_strToUTF8(out, FOLDED_BYTES, &bytes, parts, kept, &code);
    if (U_FAILURE(code) || bytes >= FOLDED_BYTES)
        out[0] = '\0';
}

static bool
answer(const char *zone, char zone_out[PLACE_ZONE_BYTES])
{
    if (!zone)
        return false;
    snprintf(zone_out, PLACE_ZONE_BYTES, "%s", zone);
    return true;
}

/* ---- countries ---- */

static bool
is_region_name(const char *locale, const char *region, const char *folded)
{
    UChar wide[WIDE_UNITS];
    char name[FOLDED_BYTES], text[FOLDED_BYTES], id[16];
    UErrorCode code = U_ZERO_ERROR;
    int32_t bytes = 0;
    snprintf(id, sizeof(id), "und_%s", region);
    int32_t len = uloc_getDisplayCountry(id, locale, wide, WIDE_UNITS, &code);
    u_strToUTF8(text, FOLDED_BYTES, &bytes, wide, U_SUCCESS(code) ? len : 0, &code);
    if (U_FAILURE(code) || bytes >= FOLDED_BYTES)
        return false;
    fold((struct str){text, (size_t)bytes}, name);
    return strcmp(name, folded) == 0;
}

static bool
other_name(const char *folded, char code_out[3])
{
    static const struct {
        const char *name, *code;
    } names[] = {{"usa", "US"}, {"u.s.a.", "US"}, {"u.s.", "US"}, {"united states of america", "US"}, {"eua", "US"},
                 {"uk", "GB"}, {"u.k.", "GB"}, {"great britain", "GB"}, {"england", "GB"}, {"scotland", "GB"},
                 {"wales", "GB"}, {"holland", "NL"}, {"czech republic", "CZ"}, {"brasil", "BR"}, {"mexico", "MX"}};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(folded, names[i].name) == 0)
            return snprintf(code_out, 3, "%s", names[i].code) > 0;
    return false;
}

bool
place_country(struct str name, char code_out[3])
{
    static const char *const locales[] = {"en", "pt", "es", "fr", "de", "it"};
    char folded[FOLDED_BYTES];
    fold(name, folded);
    if (!folded[0])
        return false;
    if (other_name(folded, code_out))
        return true;
    for (const char *const *region = uloc_getISOCountries(); *region; region++) {
        char id[16];
        snprintf(id, sizeof(id), "und_%s", *region);
        bool is = strlen(folded) == 2 ? str_eq_nocase(str_from_c(folded), str_from_c(*region))
                  : strlen(folded) == 3 && str_eq_nocase(str_from_c(folded), str_from_c(uloc_getISO3Country(id)));
        for (size_t i = 0; !is && strlen(folded) > 3 && i < ARRAY_LEN(locales); i++)
            is = is_region_name(locales[i], *region, folded);
        if (is)
            return snprintf(code_out, 3, "%s", *region) > 0;
    }
    return false;
}

static const struct place_country *
known_country(const char *code)
{
    for (size_t i = 0; i < ARRAY_LEN(countries); i++)
        if (strcmp(countries[i]->code, code) == 0)
            return countries[i];
    return NULL;
}

/* ---- postal codes ---- */

/* The digits of a code, with zeros behind where only its beginning was given ("01310"); -1: it is none. */
static int32_t
postal_number(struct str postal, int digits)
{
    int32_t number = 0;
    int count = 0, more = 0;
    for (size_t i = 0; i < postal.len; i++) {
        char c = postal.ptr[i];
        if (c >= '0' && c <= '9' && count == digits)
            more++;
        else if (c >= '0' && c <= '9') {
            number = number * 10 + (c - '0');
            count++;
        } else if (c != '-' && c != ' ' && c != '.')
            return -1;
    }
    if (count < 4 || (count < digits && digits == 5) || (more > 0 && (digits != 5 || more != 4))) /* ZIP+4 */
        return -1;
    for (; count < digits; count++)
        number *= 10;
    return number;
}

static const char *
zone_of_letters(const struct place_country *c, struct str postal)
{
    char folded[FOLDED_BYTES];
    fold(postal, folded);
    bool code = folded[0] >= 'a' && folded[0] <= 'z' && folded[1] >= '0' && folded[1] <= '9';
    for (size_t i = 0; code && i < c->prefix_count; i++)
        if (strncmp(folded, c->prefixes[i].prefix, strlen(c->prefixes[i].prefix)) == 0)
            return c->prefixes[i].zone;
    return NULL;
}

static const char *
zone_of_postal(const struct place_country *c, struct str postal)
{
    if (!c->postal_digits)
        return zone_of_letters(c, postal);
    int32_t number = postal_number(postal, c->postal_digits);
    for (size_t i = 0; number >= 0 && i < c->range_count; i++)
        if (number >= c->ranges[i].first && number <= c->ranges[i].last)
            return c->ranges[i].zone;
    return NULL;
}

/* ---- states and cities ---- */

/* "SP", "São Paulo", "BR-SP", "São Paulo - SP". */
static const struct place_state *
find_state(const struct place_country *c, struct str text)
{
    char folded[FOLDED_BYTES], prefix[8];
    fold(text, folded);
    snprintf(prefix, sizeof(prefix), "%c%c-", c->code[0] | 0x20, c->code[1] | 0x20);
    const char *name = strncmp(folded, prefix, 3) == 0 ? folded + 3 : folded;
    for (size_t i = 0; name[0] && i < c->state_count; i++)
        if (strcmp(name, c->states[i].code) == 0 || strcmp(name, c->states[i].name) == 0)
            return &c->states[i];
    return NULL;
}

static const char *
zone_of_city_in(const struct place_country *c, const struct place_state *state, const char *city)
{
    for (size_t i = 0; city[0] && i < c->city_count; i++)
        if (strcmp(c->cities[i].city, city) == 0 && (!state || strcmp(c->cities[i].state, state->code) == 0))
            return c->cities[i].zone;
    return NULL;
}

/* Is the city one that a zone is named after? region NULL: anywhere. One answer only. */
static bool
zone_named_after(const char *city, const char *region, char zone_out[PLACE_ZONE_BYTES])
{
    UErrorCode code = U_ZERO_ERROR;
    char name[FOLDED_BYTES];
    const char *id;
    int32_t len;
    bool found = false;
    UEnumeration *ids = ucal_openTimeZoneIDEnumeration(UCAL_ZONE_TYPE_CANONICAL_LOCATION, region, NULL, &code);
    while (city[0] && U_SUCCESS(code) && (id = uenum_next(ids, &len, &code)) != NULL && !found) {
        const char *last = strrchr(id, '/');
        fold(str_from_c(last ? last + 1 : id), name);
        found = strcmp(name, city) == 0 && answer(id, zone_out);
    }
    uenum_close(ids);
    return found;
}

static bool
zone_of_country(const char *region, char zone_out[PLACE_ZONE_BYTES])
{
    for (size_t i = 0; i < ARRAY_LEN(defaults); i++)
        if (strcmp(defaults[i].code, region) == 0)
            return answer(defaults[i].zone, zone_out);
    UErrorCode code = U_ZERO_ERROR;
    int32_t len;
    UEnumeration *ids = ucal_openTimeZoneIDEnumeration(UCAL_ZONE_TYPE_CANONICAL_LOCATION, region, NULL, &code);
    const char *id = U_SUCCESS(code) ? uenum_next(ids, &len, &code) : NULL;
    bool only = id && answer(id, zone_out) && uenum_next(ids, &len, &code) == NULL;
    uenum_close(ids);
    return only;
}

/* ---- all together ---- */

static bool
has_shape(struct str postal, const char *shape) /* 9: a digit, A: a letter, else itself */
{
    postal = str_trim(postal);
    if (postal.len != strlen(shape))
        return false;
    for (size_t i = 0; i < postal.len; i++) {
        char c = postal.ptr[i];
        bool digit = c >= '0' && c <= '9', letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
        if (shape[i] == '9' ? !digit : shape[i] == 'A' ? !letter : c != shape[i])
            return false;
    }
    return true;
}

/* What the address itself says of a country that nobody named. */
static bool
guess_country(const struct place *p, char code_out[3])
{
    const struct place_state *us = find_state(&place_us, p->state);
    if (has_shape(p->postal_code, "99999-999"))
        return snprintf(code_out, 3, "BR") > 0;
    if (has_shape(p->postal_code, "A9A 9A9") || has_shape(p->postal_code, "A9A9A9"))
        return snprintf(code_out, 3, "CA") > 0;
    bool zip = has_shape(p->postal_code, "99999") || has_shape(p->postal_code, "99999-9999");
    if (us && zip && zone_of_postal(&place_us, p->postal_code))
        return snprintf(code_out, 3, "US") > 0;
    return p->region.len == 2 && snprintf(code_out, 3, "%.*s", STR_ARG(p->region)) > 0;
}

static bool
zone_inside(const struct place_country *c, const struct place *p, const char *city, char zone_out[PLACE_ZONE_BYTES])
{
    const char *zone = zone_of_postal(c, p->postal_code);
    const struct place_state *state = find_state(c, p->state);
    if (!zone && (state || p->state.len == 0))
        zone = zone_of_city_in(c, state, city);
    if (!zone && state)
        zone = state->zone;
    return answer(zone, zone_out);
}

bool
place_timezone(const struct place *p, char zone_out[PLACE_ZONE_BYTES])
{
    char region[3], city[FOLDED_BYTES];
    fold(p->city, city);
    if (!place_country(p->country, region) && !guess_country(p, region)) {
        const struct place_state *us = find_state(&place_us, p->state);
        return (us && zone_inside(&place_us, p, city, zone_out)) || zone_named_after(city, NULL, zone_out);
    }
    const struct place_country *known = known_country(region);
    return (known && zone_inside(known, p, city, zone_out)) || zone_named_after(city, region, zone_out) ||
           zone_of_country(region, zone_out);
}
