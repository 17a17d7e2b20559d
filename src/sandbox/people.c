/*
 * People who do not exist. The one difficulty is uniqueness without memory: the digits of a phone and
 * the tail of an e-mail are the number itself, sent through a multiplication that is a permutation of
 * its range (the factor has no divisor in common with the range), so no two numbers meet.
 */
#include "sandbox/people.h"

#include "base/check.h"

struct name {
    const char *text, *ascii;
};

static const struct name first_br[] = {
    {"Ana", "ana"}, {"João", "joao"}, {"Maria", "maria"}, {"Pedro", "pedro"}, {"Beatriz", "beatriz"},
    {"Luís", "luis"}, {"Camila", "camila"}, {"Rafael", "rafael"}, {"Júlia", "julia"}, {"Antônio", "antonio"},
    {"Larissa", "larissa"}, {"Gustavo", "gustavo"}, {"Fernanda", "fernanda"}, {"Thiago", "thiago"},
    {"Letícia", "leticia"}, {"Caio", "caio"}, {"Mariana", "mariana"}, {"André", "andre"}, {"Patrícia", "patricia"},
    {"Vinícius", "vinicius"}, {"Isabela", "isabela"}, {"Otávio", "otavio"}, {"Renata", "renata"}, {"Fábio", "fabio"},
    {"Débora", "debora"}, {"Murilo", "murilo"}, {"Sônia", "sonia"}, {"Caetano", "caetano"}, {"Yasmin", "yasmin"},
    {"Zélia", "zelia"}, {"Heitor", "heitor"},
};
static const struct name last_br[] = {
    {"Souza", "souza"}, {"Silva", "silva"}, {"Conceição", "conceicao"}, {"Araújo", "araujo"}, {"Ferreira", "ferreira"},
    {"Gonçalves", "goncalves"}, {"Oliveira", "oliveira"}, {"Magalhães", "magalhaes"}, {"Ribeiro", "ribeiro"},
    {"Brandão", "brandao"}, {"Cardoso", "cardoso"}, {"Assunção", "assuncao"}, {"Teixeira", "teixeira"},
    {"Falcão", "falcao"}, {"Monteiro", "monteiro"}, {"Simões", "simoes"}, {"Vasconcelos", "vasconcelos"},
    {"Guimarães", "guimaraes"}, {"Nogueira", "nogueira"}, {"Queirós", "queiros"}, {"Barbosa", "barbosa"},
    {"Leão", "leao"}, {"Xavier", "xavier"},
};
static const struct name first_en[] = {
    {"Alice", "alice"}, {"Oliver", "oliver"}, {"Emma", "emma"}, {"Jack", "jack"}, {"Grace", "grace"},
    {"Zoë", "zoe"}, {"Noah", "noah"}, {"Chloé", "chloe"}, {"Liam", "liam"}, {"Ruby", "ruby"}, {"Owen", "owen"},
    {"Hannah", "hannah"}, {"Siân", "sian"},
};
static const struct name last_en[] = {
    {"Walker", "walker"}, {"O'Connor", "oconnor"}, {"Hughes", "hughes"}, {"Bennett", "bennett"}, {"Clarke", "clarke"},
    {"Müller", "muller"}, {"Price", "price"}, {"Lloyd-Jones", "lloydjones"}, {"Foster", "foster"}, {"Núñez", "nunez"},
    {"Reed", "reed"},
};
/* The revision steps through the last names by LAST_STEP, so it must not divide their counts. */
#define LAST_STEP 7
_Static_assert(ARRAY_LEN(last_br) % LAST_STEP != 0 && ARRAY_LEN(last_en) % LAST_STEP != 0,
               "each edit must change the last name");

struct place {
    const char *city, *country, *code, *area; /* area: what stands before the subscriber number */
};
static const struct place places_br[] = {
    {"São Paulo", "Brazil", "BR", "11"}, {"Recife", "Brazil", "BR", "81"}, {"Rio de Janeiro", "Brazil", "BR", "21"},
    {"Belo Horizonte", "Brazil", "BR", "31"}, {"Curitiba", "Brazil", "BR", "41"}, {"Porto Alegre", "Brazil", "BR", "51"},
    {"Salvador", "Brazil", "BR", "71"}, {"Fortaleza", "Brazil", "BR", "85"}, {"Goiânia", "Brazil", "BR", "62"},
    {"Belém", "Brazil", "BR", "91"}, {"Florianópolis", "Brazil", "BR", "48"},
};
static const struct place places_us[] = {
    {"New York", "United States", "US", "212"}, {"San Francisco", "United States", "US", "415"},
    {"Miami", "United States", "US", "305"}, {"Boston", "United States", "US", "617"},
    {"Austin", "United States", "US", "512"},
};
static const struct place places_gb[] = {
    {"London", "United Kingdom", "GB", ""}, {"Manchester", "United Kingdom", "GB", ""},
    {"Cardiff", "United Kingdom", "GB", ""}, {"Edinburgh", "United Kingdom", "GB", ""},
};
static const char *const companies[] = {
    "Padaria Estrela", "Acme", "Clínica Sorriso", "Globex", "Mercado Central", "Initech", "Auto Peças Norte",
    "Umbrella Books", "Casa & Jardim", "Northwind Traders", "Pousada do Sol", "Wayside Motors", "Escola Horizonte",
};
static const char *const domains[] = {"example.com", "example.org", "example.net", "mail.example", "correio.example"};
static const char *const from_customers[] = {
    "Olá, meu pedido ainda não chegou.", "Hello! Is this still available?", "Bom dia, vocês entregam em Olinda?",
    "Obrigado, ajudou muito 🙏", "Quanto custa o plano anual?", "I was charged twice, can you check?",
    "Preciso da segunda via do boleto.", "Pode me ligar depois das 18h?", "Thanks, that works now.",
    "O link \"Meus pedidos\" abre em branco.\nUso o celular.", "Gostaria de trocar o tamanho.",
};
static const char *const from_agents[] = {
    "Olá! Como posso ajudar?", "Hi, I am looking into it for you.", "Vou verificar com o time de entregas.",
    "Enviamos o boleto para o seu e-mail.", "Your refund was issued today.", "Posso ajudar em algo mais?",
    "O prazo é de 3 a 5 dias úteis.", "Could you send me the order number?", "Resolvido por aqui ✅",
};

uint64_t
people_mix(uint64_t left, uint64_t right)
{
    /* splitmix64's finisher (Steele, Lea, Flood 2014) over both halves. */
    uint64_t x = left * UINT64_C(0x9E3779B97F4A7C15) + right + UINT64_C(0x632BE59BD9B4E019);
    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    return x ^ (x >> 31);
}

/* Another number below range for each number below range. */
static uint64_t
permute(uint64_t seed, uint64_t number, uint64_t range)
{
    /* A prime larger than any range here: no common divisor. */
    const uint64_t prime = UINT64_C(4294967291);
    return ((number % range) * (prime % range) + people_mix(seed, range) % range) % range;
}

static struct str
make_phone(struct arena *a, uint64_t seed, uint64_t number, const struct place *place)
{
    if (str_eq_c(str_from_c(place->code), "BR"))
        return str_format(a, "+55%s9%08d", place->area, (int)permute(seed, number, 100000000));
    if (str_eq_c(str_from_c(place->code), "US"))
        return str_format(a, "+1%s%07d", place->area, (int)(2000000 + permute(seed, number, 8000000)));
    return str_format(a, "+447%09d", (int)(100000000 + permute(seed, number, 300000000)));
}

static struct str
make_email(struct arena *a, uint64_t seed, uint64_t number, const char *first, const char *last, uint64_t random)
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    char tail[6];
    uint64_t rest = permute(seed, number, 36 * 36 * 36 * 36 * 36);
    for (int i = 4; i >= 0; i--, rest /= 36)
        tail[i] = digits[rest % 36];
    tail[5] = '\0';
    return str_format(a, "%s.%s.%s@%s", first, last, tail, domains[random % ARRAY_LEN(domains)]);
}

static const struct place *
choose_place(uint64_t random)
{
    unsigned share = (unsigned)(random % 100);
    uint64_t rest = random / 100;
    if (share < 74)
        return &places_br[rest % ARRAY_LEN(places_br)];
    if (share < 90)
        return &places_us[rest % ARRAY_LEN(places_us)];
    return &places_gb[rest % ARRAY_LEN(places_gb)];
}

bool
person_make(struct arena *a, uint64_t seed, uint64_t number, uint32_t revision, struct person *person_out)
{
    uint64_t random = people_mix(seed, number);
    const struct place *place = choose_place(random >> 8);
    bool brazilian = place->code[0] == 'B';
    const struct name *firsts = brazilian ? first_br : first_en;
    const struct name *lasts = brazilian ? last_br : last_en;
    size_t first_count = brazilian ? ARRAY_LEN(first_br) : ARRAY_LEN(first_en);
    size_t last_count = brazilian ? ARRAY_LEN(last_br) : ARRAY_LEN(last_en);
    const struct name *first = &firsts[(random >> 32) % first_count];
    uint64_t last_at = (random >> 40) % last_count;
    const struct name *last = &lasts[(last_at + (uint64_t)revision * LAST_STEP) % last_count];

    *person_out = (struct person){
        .name = str_format(a, "%s %s", first->text, last->text),
        .first = str_from_c(first->text),
        .last = str_from_c(last->text),
        .email = make_email(a, seed, number, first->ascii, lasts[last_at].ascii, random >> 48),
        .phone = make_phone(a, seed, number, place),
        .city = str_from_c(place->city),
        .country = str_from_c(place->country),
        .country_code = str_from_c(place->code),
        .company = str_from_c(companies[((random >> 52) + revision) % ARRAY_LEN(companies)]),
    };
    return !str_is_none(person_out->name) && !str_is_none(person_out->email) && !str_is_none(person_out->phone);
}

struct str
people_sentence(uint64_t random, bool from_customer)
{
    return str_from_c(from_customer ? from_customers[random % ARRAY_LEN(from_customers)]
                                    : from_agents[random % ARRAY_LEN(from_agents)]);
}

const char *
people_uuid(uint64_t left, uint64_t right, char text[static PEOPLE_UUID_BYTES])
{
    uint64_t high = people_mix(left, right), low = people_mix(right, left ^ UINT64_C(0xA5A5));
    int length = snprintf(text, PEOPLE_UUID_BYTES, "%08x-%04x-4%03x-%04x-%012llx", (unsigned)(high >> 32),
                          (unsigned)(high >> 16) & 0xffffu, (unsigned)high & 0xfffu,
                          0x8000u | ((unsigned)(low >> 48) & 0x3fffu),
                          (unsigned long long)(low & UINT64_C(0xffffffffffff)));
    CHECK(length == PEOPLE_UUID_BYTES - 1);
    return text;
}
