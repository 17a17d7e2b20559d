/*
 * Australia, and the islands of Spain and Portugal: postal codes and states.
 *
 * Australia: Australia Post's ranges per state; Broken Hill, Eucla, Lord Howe and the islands keep their own time. Spain and
 * Portugal: the first digits of postal codes (Correos, CTT) tell the Canaries, Ceuta, Madeira and the Azores.
 */
#include "engine/place_priv.h"

#define SYDNEY "Australia/Sydney"

static const struct postal_range au_ranges[] = {
    {2880, 2880, "Australia/Broken_Hill"}, {2898, 2898, "Australia/Lord_Howe"}, {6443, 6443, "Australia/Eucla"},
    {6798, 6798, "Indian/Christmas"}, {6799, 6799, "Indian/Cocos"},
    {200, 299, SYDNEY}, {800, 999, "Australia/Darwin"}, {1000, 2999, SYDNEY}, {3000, 3999, "Australia/Melbourne"},
    {4000, 4999, "Australia/Brisbane"}, {5000, 5999, "Australia/Adelaide"}, {6000, 6999, "Australia/Perth"},
    {7000, 7999, "Australia/Hobart"}, {8000, 8999, "Australia/Melbourne"}, {9000, 9999, "Australia/Brisbane"},
};

static const struct place_state au_states[] = {
    {"nsw", "new south wales", SYDNEY}, {"act", "australian capital territory", SYDNEY},
    {"vic", "victoria", "Australia/Melbourne"}, {"qld", "queensland", "Australia/Brisbane"},
    {"sa", "south australia", "Australia/Adelaide"}, {"wa", "western australia", "Australia/Perth"},
    {"tas", "tasmania", "Australia/Hobart"}, {"nt", "northern territory", "Australia/Darwin"},
};

static const struct place_city au_cities[] = {{"nsw", "broken hill", "Australia/Broken_Hill"}};

const struct place_country place_au = {
    .code = "AU", .postal_digits = 4,
    .ranges = au_ranges, .range_count = ARRAY_LEN(au_ranges),
    .states = au_states, .state_count = ARRAY_LEN(au_states),
    .cities = au_cities, .city_count = ARRAY_LEN(au_cities),
};

static const struct postal_range es_ranges[] = {
    {35000, 35999, "Atlantic/Canary"}, {38000, 38999, "Atlantic/Canary"}, {51000, 52999, "Africa/Ceuta"},
    {1000, 52999, "Europe/Madrid"},
};

const struct place_country place_es = {
    .code = "ES", .postal_digits = 5, .ranges = es_ranges, .range_count = ARRAY_LEN(es_ranges),
};

static const struct postal_range pt_ranges[] = {
    {9000000, 9499999, "Atlantic/Madeira"}, {9500000, 9999999, "Atlantic/Azores"}, {1000000, 9999999, "Europe/Lisbon"},
};

const struct place_country place_pt = {
    .code = "PT", .postal_digits = 7, .ranges = pt_ranges, .range_count = ARRAY_LEN(pt_ranges),
};
