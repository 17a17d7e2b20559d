/*
 * Brazil, Canada, Mexico: postal codes and states.
 *
 * Brazil: the ranges of the CEP that Correios publishes per state, the zones of Decreto 2.784/1913 as Lei 12.876/2013 left them
 * (the west of Amazonas and Acre at UTC-5). Canada: the first letters of postal codes as Canada Post assigns them; the
 * parts of Ontario, British Columbia, Quebec and Labrador that keep their neighbour's time. Mexico: the first digits of
 * the codigo postal per state (Correos de Mexico); the zones of the Ley de los Husos Horarios of 2022, whose northern border
 * municipalities follow the United States.
 */
#include "engine/place_priv.h"

#define SAO_PAULO "America/Sao_Paulo"
#define MANAUS "America/Manaus"
#define EIRUNEPE "America/Eirunepe"
#define FORTALEZA "America/Fortaleza"

static const struct postal_range br_ranges[] = {
    {53990000, 53990999, "America/Noronha"},
    {69510000, 69519999, EIRUNEPE}, {69600000, 69609999, EIRUNEPE}, {69630000, 69669999, EIRUNEPE},
    {69830000, 69839999, EIRUNEPE}, {69850000, 69899999, EIRUNEPE},
    {1000000, 39999999, SAO_PAULO}, {40000000, 48999999, "America/Bahia"}, {49000000, 49999999, "America/Maceio"},
    {50000000, 56999999, "America/Recife"}, {57000000, 57999999, "America/Maceio"}, {58000000, 65999999, FORTALEZA},
    {66000000, 68999999, "America/Belem"}, {69000000, 69299999, MANAUS}, {69300000, 69399999, "America/Boa_Vista"},
    {69400000, 69899999, MANAUS}, {69900000, 69999999, "America/Rio_Branco"}, {70000000, 76799999, SAO_PAULO},
    {76800000, 76999999, "America/Porto_Velho"}, {77000000, 77999999, "America/Araguaina"},
    {78000000, 78899999, "America/Cuiaba"}, {78900000, 78999999, "America/Porto_Velho"},
    {79000000, 79999999, "America/Campo_Grande"}, {80000000, 99999999, SAO_PAULO},
};

static const struct place_state br_states[] = {
    {"ac", "acre", "America/Rio_Branco"}, {"al", "alagoas", "America/Maceio"}, {"ap", "amapa", "America/Belem"},
    {"am", "amazonas", MANAUS}, {"ba", "bahia", "America/Bahia"}, {"ce", "ceara", FORTALEZA},
    {"df", "distrito federal", SAO_PAULO}, {"es", "espirito santo", SAO_PAULO}, {"go", "goias", SAO_PAULO},
    {"ma", "maranhao", FORTALEZA}, {"mt", "mato grosso", "America/Cuiaba"},
    {"ms", "mato grosso do sul", "America/Campo_Grande"}, {"mg", "minas gerais", SAO_PAULO}, {"pa", "para", "America/Belem"},
    {"pb", "paraiba", FORTALEZA}, {"pr", "parana", SAO_PAULO}, {"pe", "pernambuco", "America/Recife"},
    {"pi", "piaui", FORTALEZA}, {"rj", "rio de janeiro", SAO_PAULO}, {"rn", "rio grande do norte", FORTALEZA},
    {"rs", "rio grande do sul", SAO_PAULO}, {"ro", "rondonia", "America/Porto_Velho"},
    {"rr", "roraima", "America/Boa_Vista"}, {"sc", "santa catarina", SAO_PAULO}, {"sp", "sao paulo", SAO_PAULO},
    {"se", "sergipe", "America/Maceio"}, {"to", "tocantins", "America/Araguaina"},
};

static const struct place_city br_cities[] = {
    {"am", "tabatinga", EIRUNEPE}, {"am", "benjamin constant", EIRUNEPE}, {"am", "eirunepe", EIRUNEPE},
    {"am", "labrea", EIRUNEPE}, {"am", "boca do acre", EIRUNEPE}, {"am", "envira", EIRUNEPE}, {"am", "pauini", EIRUNEPE},
    {"am", "ipixuna", EIRUNEPE}, {"am", "guajara", EIRUNEPE}, {"am", "itamarati", EIRUNEPE}, {"am", "jutai", EIRUNEPE},
    {"am", "atalaia do norte", EIRUNEPE}, {"am", "sao paulo de olivenca", EIRUNEPE},
    {"pe", "fernando de noronha", "America/Noronha"},
};

const struct place_country place_br = {
    .code = "BR", .postal_digits = 8,
    .ranges = br_ranges, .range_count = ARRAY_LEN(br_ranges),
    .states = br_states, .state_count = ARRAY_LEN(br_states),
    .cities = br_cities, .city_count = ARRAY_LEN(br_cities),
};

#define TORONTO "America/Toronto"
#define WINNIPEG "America/Winnipeg"
#define HALIFAX "America/Halifax"
#define EDMONTON "America/Edmonton"
#define VANCOUVER "America/Vancouver"

/* Longer ones stand first. */
static const struct postal_prefix ca_prefixes[] = {
    {"a0p", "America/Goose_Bay"}, {"a0r", "America/Goose_Bay"}, {"a2v", "America/Goose_Bay"}, {"g4t", HALIFAX},
    {"p8n", WINNIPEG}, {"p8t", WINNIPEG}, {"p9a", WINNIPEG}, {"p9n", WINNIPEG}, {"p0v", WINNIPEG}, {"p0w", WINNIPEG},
    {"p0x", WINNIPEG}, {"p0y", WINNIPEG}, {"s9v", EDMONTON}, {"v1a", EDMONTON}, {"v1c", EDMONTON},
    {"v1g", "America/Dawson_Creek"}, {"v1j", "America/Dawson_Creek"}, {"v0c", "America/Dawson_Creek"},
    {"x0a", "America/Iqaluit"}, {"x0b", "America/Cambridge_Bay"}, {"x0c", "America/Rankin_Inlet"},
    {"a", "America/St_Johns"}, {"b", HALIFAX}, {"c", HALIFAX}, {"e", "America/Moncton"}, {"g", TORONTO}, {"h", TORONTO},
    {"j", TORONTO}, {"k", TORONTO}, {"l", TORONTO}, {"m", TORONTO}, {"n", TORONTO}, {"p", TORONTO}, {"r", WINNIPEG},
    {"s", "America/Regina"}, {"t", EDMONTON}, {"v", VANCOUVER}, {"x", EDMONTON}, {"y", "America/Whitehorse"},
};

static const struct place_state ca_states[] = {
    {"ab", "alberta", EDMONTON}, {"bc", "british columbia", VANCOUVER}, {"mb", "manitoba", WINNIPEG},
    {"nb", "new brunswick", "America/Moncton"}, {"nl", "newfoundland and labrador", "America/St_Johns"},
    {"nl", "newfoundland", "America/St_Johns"}, {"ns", "nova scotia", HALIFAX}, {"nt", "northwest territories", EDMONTON},
    {"nu", "nunavut", "America/Iqaluit"}, {"on", "ontario", TORONTO}, {"pe", "prince edward island", HALIFAX},
    {"qc", "quebec", TORONTO}, {"sk", "saskatchewan", "America/Regina"}, {"yt", "yukon", "America/Whitehorse"},
};

static const struct place_city ca_cities[] = {
    {"on", "kenora", WINNIPEG}, {"on", "dryden", WINNIPEG}, {"on", "fort frances", WINNIPEG}, {"on", "sioux lookout", WINNIPEG},
    {"bc", "cranbrook", EDMONTON}, {"bc", "kimberley", EDMONTON}, {"bc", "fernie", EDMONTON},
    {"bc", "dawson creek", "America/Dawson_Creek"}, {"bc", "fort st. john", "America/Dawson_Creek"},
    {"bc", "fort nelson", "America/Fort_Nelson"}, {"nl", "labrador city", "America/Goose_Bay"},
    {"nl", "goose bay", "America/Goose_Bay"}, {"nl", "wabush", "America/Goose_Bay"}, {"sk", "lloydminster", EDMONTON},
};

const struct place_country place_ca = {
    .code = "CA", .prefixes = ca_prefixes, .prefix_count = ARRAY_LEN(ca_prefixes),
    .states = ca_states, .state_count = ARRAY_LEN(ca_states),
    .cities = ca_cities, .city_count = ARRAY_LEN(ca_cities),
};

#define MEXICO_CITY "America/Mexico_City"
#define MAZATLAN "America/Mazatlan"
#define MONTERREY "America/Monterrey"
#define MATAMOROS "America/Matamoros"
#define TIJUANA "America/Tijuana"

static const struct postal_range mx_ranges[] = {
    {26000, 26099, MATAMOROS}, {26200, 26299, MATAMOROS}, {32000, 32799, "America/Ciudad_Juarez"},
    {32880, 32899, "America/Ojinaga"}, {63730, 63739, "America/Bahia_Banderas"}, {87300, 87499, MATAMOROS},
    {88000, 88299, MATAMOROS}, {88500, 88999, MATAMOROS},
    {1000, 20999, MEXICO_CITY}, {21000, 22999, TIJUANA}, {23000, 23999, MAZATLAN}, {24000, 24999, "America/Merida"},
    {25000, 27999, MONTERREY}, {28000, 30999, MEXICO_CITY}, {31000, 33999, "America/Chihuahua"}, {34000, 35999, MONTERREY},
    {36000, 62999, MEXICO_CITY}, {63000, 63999, MAZATLAN}, {64000, 67999, MONTERREY}, {68000, 76999, MEXICO_CITY},
    {77000, 77999, "America/Cancun"}, {78000, 79999, MEXICO_CITY}, {80000, 82999, MAZATLAN},
    {83000, 85999, "America/Hermosillo"}, {86000, 86999, MEXICO_CITY}, {87000, 89999, MONTERREY},
    {90000, 96999, MEXICO_CITY}, {97000, 97999, "America/Merida"}, {98000, 99999, MEXICO_CITY},
};

static const struct place_state mx_states[] = {
    {"ags", "aguascalientes", MEXICO_CITY}, {"bc", "baja california", TIJUANA}, {"bcs", "baja california sur", MAZATLAN},
    {"camp", "campeche", "America/Merida"}, {"chis", "chiapas", MEXICO_CITY}, {"chih", "chihuahua", "America/Chihuahua"},
    {"coah", "coahuila", MONTERREY}, {"col", "colima", MEXICO_CITY}, {"cdmx", "ciudad de mexico", MEXICO_CITY},
    {"dgo", "durango", MONTERREY}, {"gto", "guanajuato", MEXICO_CITY}, {"gro", "guerrero", MEXICO_CITY},
    {"hgo", "hidalgo", MEXICO_CITY}, {"jal", "jalisco", MEXICO_CITY}, {"mex", "mexico", MEXICO_CITY},
    {"mex", "estado de mexico", MEXICO_CITY}, {"mich", "michoacan", MEXICO_CITY}, {"mor", "morelos", MEXICO_CITY},
    {"nay", "nayarit", MAZATLAN}, {"nl", "nuevo leon", MONTERREY}, {"oax", "oaxaca", MEXICO_CITY},
    {"pue", "puebla", MEXICO_CITY}, {"qro", "queretaro", MEXICO_CITY}, {"qroo", "quintana roo", "America/Cancun"},
    {"slp", "san luis potosi", MEXICO_CITY}, {"sin", "sinaloa", MAZATLAN}, {"son", "sonora", "America/Hermosillo"},
    {"tab", "tabasco", MEXICO_CITY}, {"tamps", "tamaulipas", MONTERREY}, {"tlax", "tlaxcala", MEXICO_CITY},
    {"ver", "veracruz", MEXICO_CITY}, {"yuc", "yucatan", "America/Merida"}, {"zac", "zacatecas", MEXICO_CITY},
};

static const struct place_city mx_cities[] = {
    {"chih", "ciudad juarez", "America/Ciudad_Juarez"}, {"chih", "juarez", "America/Ciudad_Juarez"},
    {"chih", "ojinaga", "America/Ojinaga"}, {"tamps", "matamoros", MATAMOROS}, {"tamps", "reynosa", MATAMOROS},
    {"tamps", "nuevo laredo", MATAMOROS}, {"coah", "piedras negras", MATAMOROS}, {"coah", "ciudad acuna", MATAMOROS},
    {"nay", "bahia de banderas", "America/Bahia_Banderas"},
};

const struct place_country place_mx = {
    .code = "MX", .postal_digits = 5,
    .ranges = mx_ranges, .range_count = ARRAY_LEN(mx_ranges),
    .states = mx_states, .state_count = ARRAY_LEN(mx_states),
    .cities = mx_cities, .city_count = ARRAY_LEN(mx_cities),
};
