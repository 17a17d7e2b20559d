/*
 * Places: postal code before state before city before country; lines that run through states; states without daylight
 * saving time; Brazil.
 */
#include "base/test.h"

#include <unistd.h>

#include <unicode/ucal.h>
#include <unicode/ustring.h>

#include "engine/place_priv.h"
#include "engine/place.h"

static const char *
zone(const char *postal, const char *state, const char *city, const char *country)
{
    static char out[PLACE_ZONE_BYTES];
    struct place p = {str_from_c(postal), str_from_c(state), str_from_c(city), str_from_c(country), STR_NONE};
    return place_timezone(&p, out) ? out : "none";
}

#define assert_zone(expected, postal, state, city, country) assert_string_equal(zone(postal, state, city, country), expected)

static void
test_states_without_daylight_saving_keep_their_own_zone(void **state)
{
    (void)state;
    assert_zone("America/Phoenix", "85001", "AZ", "Phoenix", "US");
    assert_zone("America/Phoenix", "", "Arizona", "", "United States");
    assert_zone("America/Denver", "86515", "AZ", "Window Rock", "US"); /* the Navajo Nation has it */
    assert_zone("Pacific/Honolulu", "96801", "HI", "Honolulu", "USA");
    assert_zone("America/Puerto_Rico", "00901", "PR", "San Juan", "US");
    assert_zone("America/Regina", "S4P 3Y2", "SK", "Regina", "Canada");
    assert_zone("Australia/Brisbane", "4000", "QLD", "Brisbane", "Australia");
    assert_zone("America/Hermosillo", "83000", "Sonora", "Hermosillo", "México");
}

static void
test_a_zip_code_on_the_other_side_of_a_line_wins_over_its_state(void **state)
{
    (void)state;
    assert_zone("America/Chicago", "32501", "FL", "Pensacola", "US");
    assert_zone("America/New_York", "33101", "FL", "Miami", "US");
    assert_zone("America/New_York", "32456", "FL", "Port Saint Joe", "US");
    assert_zone("America/Denver", "79901", "TX", "El Paso", "US");
    assert_zone("America/Denver", "79839", "TX", "Fort Hancock", "US");
    assert_zone("America/Chicago", "79855", "TX", "Van Horn", "US");
    assert_zone("America/New_York", "37902", "TN", "Knoxville", "US");
    assert_zone("America/Chicago", "37203", "TN", "Nashville", "US");
    assert_zone("America/Chicago", "46402", "IN", "Gary", "US");
    assert_zone("America/Chicago", "47708", "IN", "Evansville", "US");
    assert_zone("America/New_York", "46204", "IN", "Indianapolis", "US");
    assert_zone("America/Chicago", "49801", "MI", "Iron Mountain", "US");
    assert_zone("America/New_York", "49855", "MI", "Marquette", "US");
    assert_zone("America/Denver", "57701", "SD", "Rapid City", "US");
    assert_zone("America/Chicago", "57104", "SD", "Sioux Falls", "US");
    assert_zone("America/Los_Angeles", "83814", "ID", "Coeur d'Alene", "US");
    assert_zone("America/Denver", "83702", "ID", "Boise", "US");
    assert_zone("America/Denver", "97914", "OR", "Ontario", "US");
    assert_zone("America/Chicago", "42001", "KY", "Paducah", "US");
    assert_zone("America/Denver", "69361", "NE", "Scottsbluff", "US");
    assert_zone("America/New_York", "10001-1234", "NY", "New York", "US");
}

static void
test_without_a_postal_code_the_state_and_its_city_decide(void **state)
{
    (void)state;
    assert_zone("America/Denver", "", "Texas", "El Paso", "US");
    assert_zone("America/Chicago", "", "texas", "Houston", "US");
    assert_zone("America/Chicago", "", "FL", "pensacola", "");
    assert_zone("America/Los_Angeles", "", "CA", "", "us");
    assert_zone("America/Los_Angeles", "90210", "CA", "", "");
    assert_zone("America/Winnipeg", "", "ON", "Kenora", "CA");
    assert_zone("America/Toronto", "", "Québec", "Montréal", "Canada");
    assert_zone("America/Halifax", "B3H 4R2", "", "", "");
    assert_zone("America/St_Johns", "A1C 5S7", "NL", "St. John's", "CA");
    assert_zone("America/Tijuana", "22000", "BC", "Tijuana", "MX");
    assert_zone("America/Cancun", "", "Quintana Roo", "", "Mexico");
    assert_zone("America/Matamoros", "", "Tamaulipas", "Reynosa", "MX");
    assert_zone("Australia/Perth", "6000", "", "", "AU");
    assert_zone("Australia/Darwin", "0800", "NT", "Darwin", "AU");
    assert_zone("Atlantic/Canary", "35001", "", "Las Palmas", "España");
    assert_zone("Atlantic/Azores", "9500-321", "", "", "Portugal");
}

static void
test_brazil_by_cep_state_and_name(void **state)
{
    (void)state;
    assert_zone("America/Sao_Paulo", "01310-100", "SP", "São Paulo", "BR");
    assert_zone("America/Sao_Paulo", "01310-100", "", "", "");
    assert_zone("America/Manaus", "69005-010", "AM", "Manaus", "Brasil");
    assert_zone("America/Eirunepe", "69640-000", "AM", "Tabatinga", "BR");
    assert_zone("America/Eirunepe", "", "Amazonas", "Eirunepé", "BR");
    assert_zone("America/Rio_Branco", "69900-000", "AC", "", "Brazil");
    assert_zone("America/Boa_Vista", "69301000", "", "", "BR");
    assert_zone("America/Porto_Velho", "76801-000", "RO", "", "BR");
    assert_zone("America/Cuiaba", "", "Mato Grosso", "", "BRA");
    assert_zone("America/Campo_Grande", "", "mato grosso do sul", "", "BR");
    assert_zone("America/Noronha", "53990-000", "PE", "Fernando de Noronha", "BR");
    assert_zone("America/Recife", "50030-230", "PE", "Recife", "BR");
    assert_zone("America/Bahia", "", "BR-BA", "Salvador", "BR");
    assert_zone("America/Fortaleza", "", "CEARÁ", "", "BR");
    assert_zone("America/Sao_Paulo", "", "", "Brasília", "BR");
}

static void
test_a_country_alone_gives_its_only_zone_or_that_of_most_people(void **state)
{
    (void)state;
    assert_zone("Europe/Paris", "75001", "", "Paris", "France");
    assert_zone("Asia/Tokyo", "", "", "", "JPN");
    assert_zone("Europe/London", "", "", "", "UK");
    assert_zone("Europe/Berlin", "", "", "", "Alemanha");
    assert_zone("America/New_York", "", "", "", "EUA");
    assert_zone("Europe/Moscow", "", "", "", "RU");
    assert_zone("Asia/Vladivostok", "", "", "Vladivostok", "Russia");
    assert_zone("Europe/Lisbon", "", "", "Lisbon", "");
}

static void
test_nothing_known_is_said_to_be_nothing(void **state)
{
    (void)state;
    char out[PLACE_ZONE_BYTES];
    assert_zone("none", "", "", "", "");
    assert_zone("none", "12345", "", "", "");
    assert_zone("none", "", "", "Springfield", "");
    assert_zone("none", "", "", "", "Atlantis");
    assert_zone("America/New_York", "99999999999999999999", "ZZ", "\xff\xfe", "US");
    struct place p = {.postal_code = STR("80010-000"), .region = STR("BR")};
    assert_true(place_timezone(&p, out));
    assert_string_equal(out, "America/Sao_Paulo");
}

/* Every zone of the tables is one that ICU's time zone data knows, or, where that is older, the system's. */
static void
test_every_zone_of_the_tables_exists(void **state)
{
    (void)state;
    const struct place_country *all[] = {&place_us, &place_br, &place_ca, &place_mx, &place_au, &place_es, &place_pt};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        size_t n = all[i]->range_count + all[i]->prefix_count + all[i]->state_count + all[i]->city_count;
        for (size_t j = 0; j < n; j++) {
            size_t k = j;
            const char *name = k < all[i]->range_count                                   ? all[i]->ranges[k].zone
                               : (k -= all[i]->range_count) < all[i]->prefix_count ? all[i]->prefixes[k].zone
                               : (k -= all[i]->prefix_count) < all[i]->state_count ? all[i]->states[k].zone
                                                                                   : all[i]->cities[k - all[i]->state_count].zone;
            UChar wide[64], canonical[64];
            UBool system = false;
            UErrorCode code = U_ZERO_ERROR;
            u_charsToUChars(name, wide, (int32_t)strlen(name) + 1);
            ucal_getCanonicalTimeZoneID(wide, -1, canonical, 64, &system, &code);
            char path[128];
            snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", name);
            if ((U_FAILURE(code) || !system) && access(path, R_OK) != 0)
                fail_msg("no such zone: %s", name);
        }
    }
}
