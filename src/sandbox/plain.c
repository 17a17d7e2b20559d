/*
 * The plain list: `GET /_sandbox/plain/contacts?page=1&limit=100`, contacts of about 940 bytes for
 * benchmarks. It belongs to no vendor, needs no token, and is made to cost next to nothing: a record is one
 * fixed text with a handful of places of fixed width, filled without printf. A page of 100 takes about 60 us, the sending included.
 *
 *     ids=uuid       ids in no order instead of 00000001, 00000002, ...
 *     after=N        the people from number N+1 on, so that two connections can have different ones
 *     version=N      the records show edit N (0: none); changed=P: only P percent of them do
 *
 * What POST /_sandbox/plain sets is meant where the query says nothing.
 */
#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "sandbox/core.h"
#include "sandbox/people.h"

#define PLAIN_PATH "/_sandbox/plain/contacts"
#define PLAIN_LIMIT_DEFAULT 100
#define PLAIN_LIMIT_MAX 10000
#define PLAIN_STARTED_US WORLD_NEWEST_US

#define ID_BYTES 36
#define EMAIL_TAIL_BYTES 8
#define PHONE_BYTES 8
#define NOTE                                                                                                     \
    "Prefere contato por e-mail pela manhã. Perguntou pelo plano anual e pela nota fiscal; pediu retorno "      \
    "depois do feriado. Was moved here from the old address book together with her orders of last year. "       \
    "Endereço conferido, entrega somente em horário comercial, portaria do bloco B. Aceitou receber novidades pelo WhatsApp e por e-mail."

struct plain_query {
    int64_t page, limit, records, version, changed_percent, after;
    uint64_t seed;
    bool uuid;
};

bool
plain_owns(struct str path)
{
    return str_eq_c(path, PLAIN_PATH);
}

static char *
put(char *at, const char *text, size_t len)
{
    memcpy(at, text, len);
    return at + len;
}

static char *
put_str(char *at, struct str text)
{
    return put(at, text.ptr, text.len);
}

/* `digits` decimal digits, zeros in front. */
static char *
put_number(char *at, uint64_t number, unsigned digits)
{
    for (unsigned i = digits; i > 0; i--, number /= 10)
        at[i - 1] = (char)('0' + number % 10);
    return at + digits;
}

static char *
put_hex(char *at, uint64_t number, unsigned digits)
{
    static const char hex[] = "0123456789abcdef";
    for (unsigned i = digits; i > 0; i--, number >>= 4)
        at[i - 1] = hex[number & 15];
    return at + digits;
}

/* 36 bytes either way, so that both kinds of id cost the same but for their order. */
static char *
put_id(char *at, const struct plain_query *q, uint64_t number)
{
    uint64_t high = q->uuid ? people_mix(q->seed, number) : 0;
    uint64_t low = q->uuid ? people_mix(number, q->seed ^ 1) : number;
    at = put_hex(at, high >> 32, 8);
    *at++ = '-';
    at = put_hex(at, high >> 16, 4);
    *at++ = '-';
    *at++ = '4';
    at = put_hex(at, high, 3);
    *at++ = '-';
    *at++ = '8';
    at = put_hex(at, low >> 52, 3);
    *at++ = '-';
    return put_hex(at, low, 12);
}

#define PUT(literal) at = put(at, "" literal, sizeof(literal) - 1)

static const char *const firsts[] = {"Ana", "Bruno", "Carla", "Davi", "Elisa", "Fabio", "Gilda", "Hugo"};
static const char *const lasts[] = {"Souza", "Silva", "Araujo", "Walker", "Bennett", "Ribeiro", "Xavier"};
static const char *const cities[] = {"Recife", "Curitiba", "Boston", "Cardiff", "Salvador"};

#define RECORD_BYTES_MAX 1200
#define TIME_BYTES 24

/* The times of a page: records differ only in whether they show the edit. */
struct plain_times {
    char created[TIME_TEXT_BYTES], updated[2][TIME_TEXT_BYTES];
};

static char *
put_record(char *at, const struct plain_query *q, const struct plain_times *times, uint64_t number)
{
    uint64_t random = people_mix(q->seed ^ UINT64_C(0x706c61696e), number);
    bool changed = q->version > 0 && (int64_t)((random >> 40) % 100) < q->changed_percent;
    uint64_t version = changed ? (uint64_t)q->version : 0;
    struct str first = str_from_c(firsts[random % ARRAY_LEN(firsts)]);
    struct str last = str_from_c(lasts[(random >> 8) % ARRAY_LEN(lasts)]);
    struct str city = str_from_c(cities[(random >> 16) % ARRAY_LEN(cities)]);

    PUT("{\"id\":\"");
    at = put_id(at, q, number);
    PUT("\",\"name\":\"");
    at = put_str(at, first);
    PUT(" ");
    at = put_str(at, last);
    PUT("\",\"email\":\"");
    at = put_hex(at, people_mix(q->seed, number), EMAIL_TAIL_BYTES); /* in no order, as real ones are */
    at = put_number(at, number, 8);
    PUT("@example.com\",\"phone_number\":\"+55119");
    at = put_number(at, number, PHONE_BYTES);
    PUT("\",\"company\":\"Padaria Estrela\",\"city\":\"");
    at = put_str(at, city);
    PUT("\",\"country\":\"Brazil\",\"language\":\"pt-BR\",\"blocked\":false,\"score\":");
    at = put_number(at, 100 + (random >> 24) % 900, 3);
    PUT(",\"version\":");
    at = put_number(at, 100 + version % 900, 3);
    PUT(",\"tags\":[\"cliente\",\"newsletter\",\"vip\"],\"custom_fields\":{\"plan\":\"anual\",\"segment\":\"varejo\","
        "\"source\":\"site\",\"owner\":\"vendas\",\"limit\":\"1500.00\"},\"address\":{\"street\":\"Rua das Palmeiras\","
        "\"number\":\"");
    at = put_number(at, 100 + (random >> 32) % 900, 3);
    PUT("\",\"district\":\"Boa Vista\",\"postal_code\":\"50050-100\"},\"notes\":\"" NOTE "\",\"created_at\":\"");
    at = put(at, times->created, TIME_BYTES);
    PUT("\",\"updated_at\":\"");
    at = put(at, times->updated[changed], TIME_BYTES);
    PUT("\"}");
    return at;
}

static bool
read_query(struct sandbox_core *core, struct http_exchange *x, struct plain_query *query_out)
{
    struct http_pair *pairs;
    size_t count;
    if (!http_query_parse(x->arena, x->query, &pairs, &count))
        return false;
    *query_out = (struct plain_query){1, PLAIN_LIMIT_DEFAULT, core->plain.records, core->plain.version,
                                      core->plain.changed_percent, 0, core->options.seed, false};
    const struct {
        const char *name;
        int64_t *value, min, max;
    } numbers[] = {
        {"page", &query_out->page, 1, INT32_MAX},
        {"limit", &query_out->limit, 1, PLAIN_LIMIT_MAX},
        {"version", &query_out->version, 0, 899},
        {"after", &query_out->after, 0, INT32_MAX},
        {"changed", &query_out->changed_percent, 0, 100},
    };
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < ARRAY_LEN(numbers); k++)
            if (str_eq_c(pairs[i].name, numbers[k].name) &&
                !str_to_i64(pairs[i].value, numbers[k].min, numbers[k].max, numbers[k].value))
                return false;
        if (str_eq_c(pairs[i].name, "ids"))
            query_out->uuid = str_eq_c(pairs[i].value, "uuid");
    }
    return true;
}

static void
write_page(const struct plain_query *q, struct buf *b)
{
    int64_t from = (q->page - 1) * q->limit;
    int64_t to = from + q->limit < q->records ? from + q->limit : q->records;
    struct plain_times times;
    time_format_ms(PLAIN_STARTED_US - 100 * US_PER_DAY, times.created);
    time_format_ms(PLAIN_STARTED_US, times.updated[0]);
    time_format_ms(PLAIN_STARTED_US + q->version * US_PER_S, times.updated[1]);
    buf_addf(b, "{\"count\":%lld,\"page\":%lld,\"data\":[", (long long)q->records, (long long)q->page);
    for (int64_t i = from; i < to && buf_reserve(b, RECORD_BYTES_MAX + 1); i++) {
        char *at = b->ptr + b->len;
        if (i > from)
            *at++ = ',';
        at = put_record(at, q, &times, (uint64_t)(q->after + i) + 1);
        b->len = (size_t)(at - b->ptr);
    }
    buf_add_c(b, "]}");
}

static void
note(struct sandbox_core *core, struct http_exchange *x, const struct sandbox_reply *reply,
     const struct fault_hit *hit)
{
    struct ledger_entry entry = {
        .at_us = clock_wall_us(core->options.clock),
        .vendor = "plain",
        .status = reply->status,
        .bytes_sent = (int64_t)reply->body.len,
        .method = x->method,
        .target = str_format(x->arena, "%.*s?%.*s", STR_ARG(x->path), STR_ARG(x->query)),
    };
    if (hit->has_answer)
        snprintf(entry.fault, sizeof(entry.fault), "%s", fault_kind_name(hit->answer.kind));
    ledger_add(&core->ledger, &entry);
}

static void
refuse(struct sandbox_reply *reply, const struct fault_hit *hit, struct http_exchange *x)
{
    reply_text(reply, hit->answer.status, "text/plain", STR("Refused on request\n"));
    if (hit->answer.retry_after == RETRY_AFTER_SECONDS)
        reply_header(reply, "Retry-After", str_format(x->arena, "%lld", (long long)hit->answer.seconds));
}

void
plain_serve(struct sandbox_core *core, struct http_exchange *x)
{
    struct plain_query q;
    struct sandbox_reply reply;
    struct fault_hit hit;
    reply_init(&reply);
    pthread_mutex_lock(&core->lock);
    fault_plan_strike(&core->plan, STR("plain"), x->method, str_format(x->arena, "%.*s?%.*s", STR_ARG(x->path),
                      STR_ARG(x->query)), &hit);
    bool ok = read_query(core, x, &q);
    pthread_mutex_unlock(&core->lock);

    reply_json(&reply, 200);
    if (hit.has_answer && hit.answer.kind == FAULT_STATUS)
        refuse(&reply, &hit, x);
    else if (!ok)
        reply_text(&reply, 400, "text/plain", STR("page, limit, after, version or changed is out of range\n"));
    else {
        if (hit.loop)
            q.page = 1;
        buf_reserve(&reply.body, (size_t)q.limit * 1000);
        write_page(&q, &reply.body);
    }
    pthread_mutex_lock(&core->lock);
    note(core, x, &reply, &hit);
    pthread_mutex_unlock(&core->lock);
    reply_deliver(x, &reply, &hit);
}
