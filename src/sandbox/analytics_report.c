/*
 * Reports: visits by day, country, channel and device, added up to the dimensions that are asked for.
 *
 * Nothing is stored: the visits of a cell come from (seed, day, cell), those of the last three days from the property's edits too.
 * A report by city leaves rows out (thresholding), one by pagePath adds rows up in "(other)"; both say so.
 */
#include "base/limits.h"
#include "sandbox/analytics_priv.h"
#include "sandbox/core.h"

#define DIMENSIONS_MAX 9
#define METRICS_MAX 10
#define DAYS_MAX 1500
#define LIMIT_DEFAULT 10000
#define LIMIT_MAX 250000
#define OPEN_DAYS 3
#define ROW_MAX 200000

enum { COUNTRIES = 4, CHANNELS = 4, DEVICES = 3, CELLS = COUNTRIES * CHANNELS * DEVICES };

static const char *const countries[] = {"Brazil", "Portugal", "United States", "Argentina"};
static const char *const cities[] = {"Recife", "Lisbon", "Chicago", "Buenos Aires"};
static const char *const channels[] = {"Organic Search", "Paid Social", "Direct", "Referral"};
static const char *const sources[] = {"google", "facebook", "(direct)", "parceiro.example"};
static const char *const devices[] = {"mobile", "desktop", "tablet"};
static const char *const pages[] = {"/", "/precos", "/blog", "(other)"};

static const char *const dimension_names[] = {"date", "country", "city", "sessionDefaultChannelGroup", "sessionSource", "deviceCategory",
                                              "pagePath", "itemName"};
static const char *const metric_names[] = {"activeUsers", "newUsers", "sessions", "engagedSessions", "screenPageViews", "eventCount",
                                           "keyEvents", "totalRevenue"};

struct ask {
    int64_t since_us, until_us;
    size_t dimensions[DIMENSIONS_MAX], metrics[METRICS_MAX]; /* places in the tables */
    size_t dimension_count, metric_count;
    int64_t limit, offset;
};

struct row {
    int64_t day_us;
    uint32_t cell;           /* the first one that belongs to it: its dimensions */
    int64_t visits, cents;
};

static bool
place_of(const char *const *names, size_t count, struct str name, size_t *place_out)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq_c(name, names[i])) {
            *place_out = i;
            return true;
        }
    return false;
}

static bool
bad(struct sandbox_request *r, struct sandbox_reply *reply, struct str words)
{
    analytics_error(reply, 400, "INVALID_ARGUMENT", str_cstr(r->arena, words));
    return false;
}

static bool
unknown(struct sandbox_request *r, struct sandbox_reply *reply, struct str name, bool dimension)
{
    return bad(r, reply, str_format(r->arena, "Field %.*s is not a valid %s. For a list of valid dimensions and metrics, see the metadata.",
                                    STR_ARG(name), dimension ? "dimension" : "metric"));
}

static bool
read_names(struct sandbox_request *r, struct sandbox_reply *reply, yyjson_val *list, bool dimensions, struct ask *ask)
{
    size_t at, max;
    yyjson_val *item;
    const char *const *names = dimensions ? dimension_names : metric_names;
    size_t count = dimensions ? ARRAY_LEN(dimension_names) : ARRAY_LEN(metric_names);
    size_t most = dimensions ? DIMENSIONS_MAX : METRICS_MAX, *found = dimensions ? ask->dimensions : ask->metrics;
    size_t *n = dimensions ? &ask->dimension_count : &ask->metric_count;
    if (yyjson_arr_size(list) > most)
        return bad(r, reply, STR("Requests are limited to 9 dimensions and 10 metrics"));
    yyjson_arr_foreach(list, at, max, item) {
        struct str name = json_str(json_get_c(item, "name"));
        if (!place_of(names, count, name, &found[(*n)++]))
            return unknown(r, reply, name, dimensions);
        if (dimensions && str_eq_c(name, "itemName"))
            return bad(r, reply, STR("Please remove itemName to make the request compatible. "
                                     "The request's dimensions & metrics are incompatible."));
    }
    return true;
}

/* int64 comes as a number or, as the vendor's own clients send it, as text. */
static int64_t
number_of(yyjson_val *value, int64_t max, int64_t otherwise)
{
    int64_t number;
    bool ok = json_to_i64(value, &number) || str_to_i64(json_str(value), 0, max, &number);
    return ok && number >= 0 && number <= max ? number : otherwise;
}

static bool
read_ask(struct sandbox_request *r, struct sandbox_reply *reply, struct ask *ask)
{
    struct err err = {0};
    yyjson_val *body = json_parse(r->arena, r->body.len ? r->body : STR("{}"), JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_API, &err);
    yyjson_val *range = yyjson_arr_get_first(json_get_c(body, "dateRanges"));
    *ask = (struct ask){.limit = number_of(json_get_c(body, "limit"), LIMIT_MAX, LIMIT_DEFAULT),
                        .offset = r->loop ? 0 : number_of(json_get_c(body, "offset"), INT32_MAX, 0)};
    struct str first = json_str(json_get_c(range, "startDate")), last = json_str(json_get_c(range, "endDate"));
    if (!request_day(first, &ask->since_us) || !request_day(last, &ask->until_us))
        return bad(r, reply, STR("The date range is invalid"));
    if (ask->since_us > ask->until_us || (ask->until_us - ask->since_us) / US_PER_DAY > DAYS_MAX)
        return bad(r, reply, STR("The start date must not be after the end date"));
    return read_names(r, reply, json_get_c(body, "dimensions"), true, ask) && read_names(r, reply, json_get_c(body, "metrics"), false, ask);
}

/* ---- figures ---- */

static const char *
text_of(size_t dimension, uint32_t cell)
{
    uint32_t country = cell % COUNTRIES, channel = cell / COUNTRIES % CHANNELS, device = cell / (COUNTRIES * CHANNELS);
    switch (dimension) {
    case 1: return countries[country];
    case 2: return cities[country];
    case 3: return channels[channel];
    case 4: return sources[channel];
    case 5: return devices[device];
    default: return pages[(country + channel) % 4];
    }
}

static bool
same_row(const struct ask *ask, const struct row *row, int64_t day_us, uint32_t cell)
{
    for (size_t i = 0; i < ask->dimension_count; i++) {
        if (ask->dimensions[i] == 0 ? row->day_us != day_us
                                    : strcmp(text_of(ask->dimensions[i], row->cell), text_of(ask->dimensions[i], cell)) != 0)
            return false;
    }
    return true;
}

static int64_t
visits_of(struct world *world, int64_t day_us, uint32_t cell)
{
    const struct object *property = world_object(&world->collections[0], 0);
    int64_t now_us = clock_wall_us(world->clock);
    uint64_t random = people_mix(world->seed ^ 0x6A, (uint64_t)(day_us / US_PER_DAY) * CELLS + cell);
    if (day_us > now_us - OPEN_DAYS * US_PER_DAY && property->revision)
        random = people_mix(random, property->revision);
    return day_us > now_us || random % 5 == 0 ? 0 : 1 + (int64_t)(random >> 8) % 90;
}

static void
add_cell(const struct ask *ask, struct row *rows, size_t *count, size_t first_of_day, int64_t day_us, uint32_t cell, int64_t visits)
{
    bool by_day = ask->dimension_count && ask->dimensions[0] == 0;
    for (size_t i = by_day ? first_of_day : 0; i < *count; i++)
        if (same_row(ask, &rows[i], day_us, cell)) {
            rows[i].visits += visits, rows[i].cents += visits * 37;
            return;
        }
    if (*count < ROW_MAX)
        rows[(*count)++] = (struct row){day_us, cell, visits, visits * 37};
}

static struct row *
make_rows(struct sandbox_request *r, const struct ask *ask, size_t *count_out)
{
    size_t days = (size_t)((ask->until_us - ask->since_us) / US_PER_DAY) + 1;
    struct row *rows = ARENA_ARRAY(r->arena, struct row, days * CELLS + 1);
    *count_out = 0;
    for (int64_t day_us = ask->since_us; rows && day_us <= ask->until_us; day_us += US_PER_DAY) {
        size_t first = *count_out;
        for (uint32_t cell = 0; cell < CELLS; cell++) {
            int64_t visits = visits_of(r->world, day_us, cell);
            if (visits)
                add_cell(ask, rows, count_out, first, day_us, cell, visits);
        }
    }
    return rows;
}

/* ---- writing ---- */

static struct str
metric_text(struct arena *a, size_t metric, const struct row *row)
{
    static const int64_t per_visit[] = {7, 3, 9, 6, 24, 61, 1};
    if (metric == ARRAY_LEN(metric_names) - 1)
        return str_format(a, "%lld.%02d", (long long)(row->cents / 100), (int)(row->cents % 100));
    return str_format(a, "%lld", (long long)(row->visits * per_visit[metric]));
}

static void
write_row(struct sandbox_request *r, const struct ask *ask, const struct row *row, struct json_writer *w)
{
    struct civil day = civil_from_us(row->day_us);
    json_begin_object(w, NULL);
    json_begin_array(w, "dimensionValues");
    for (size_t i = 0; i < ask->dimension_count; i++) {
        json_begin_object(w, NULL);
        if (ask->dimensions[i] == 0)
            json_add_str(w, "value", str_format(r->arena, "%04d%02d%02d", day.year, day.month, day.day));
        else
            json_add_c(w, "value", text_of(ask->dimensions[i], row->cell));
        json_end_object(w);
    }
    json_end_array(w);
    json_begin_array(w, "metricValues");
    for (size_t i = 0; i < ask->metric_count; i++) {
        json_begin_object(w, NULL);
        json_add_str(w, "value", metric_text(r->arena, ask->metrics[i], row));
        json_end_object(w);
    }
    json_end_array(w);
    json_end_object(w);
}

static void
write_headers(const struct ask *ask, struct json_writer *w)
{
    json_begin_array(w, "dimensionHeaders");
    for (size_t i = 0; i < ask->dimension_count; i++) {
        json_begin_object(w, NULL);
        json_add_c(w, "name", dimension_names[ask->dimensions[i]]);
        json_end_object(w);
    }
    json_end_array(w);
    json_begin_array(w, "metricHeaders");
    for (size_t i = 0; i < ask->metric_count; i++) {
        json_begin_object(w, NULL);
        json_add_c(w, "name", metric_names[ask->metrics[i]]);
        json_add_c(w, "type", ask->metrics[i] == ARRAY_LEN(metric_names) - 1 ? "TYPE_CURRENCY" : "TYPE_INTEGER");
        json_end_object(w);
    }
    json_end_array(w);
}

static void
write_quota(struct sandbox_request *r, struct json_writer *w)
{
    static const char *const names[] = {"tokensPerDay", "tokensPerHour", "concurrentRequests", "serverErrorsPerProjectPerHour",
                                        "potentiallyThresholdedRequestsPerHour", "tokensPerProjectPerHour"};
    const int64_t left[] = {199990, analytics_tokens_left(r), 10, 10, 120, 13990};
    json_begin_object(w, "propertyQuota");
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        json_begin_object(w, names[i]);
        json_add_i64(w, "consumed", i < 2 || i == 5 ? GA_TOKENS_OF_A_REPORT : 0);
        json_add_i64(w, "remaining", left[i]);
        json_end_object(w);
    }
    json_end_object(w);
}

static void
write_facts(const struct ask *ask, struct json_writer *w)
{
    bool city = false, page = false;
    for (size_t i = 0; i < ask->dimension_count; i++) {
        city |= ask->dimensions[i] == 2;
        page |= ask->dimensions[i] == 6;
    }
    json_begin_object(w, "metadata");
    json_add_c(w, "currencyCode", "BRL");
    json_add_c(w, "timeZone", "America/Sao_Paulo");
    if (city)
        json_add_bool(w, "subjectToThresholding", true);
    if (page)
        json_add_bool(w, "dataLossFromOtherRow", true);
    json_end_object(w);
}

void
analytics_report(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct ask ask;
    struct json_writer w;
    size_t count;
    if (!read_ask(r, reply, &ask))
        return;
    struct row *rows = make_rows(r, &ask, &count);
    if (!rows)
        return analytics_error(reply, 500, "INTERNAL", "out of memory");
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    write_headers(&ask, &w);
    if ((size_t)ask.offset < count) { /* as in all answers of this vendor, what is empty or zero is left out */
        json_begin_array(&w, "rows");
        for (size_t i = (size_t)ask.offset; i < count && (int64_t)i < ask.offset + ask.limit; i++)
            write_row(r, &ask, &rows[i], &w);
        json_end_array(&w);
    }
    if (count)
        json_add_i64(&w, "rowCount", (int64_t)count);
    write_facts(&ask, &w);
    write_quota(r, &w);
    json_add_c(&w, "kind", "analyticsData#runReport");
    json_end_object(&w);
}

static void
write_fields(struct json_writer *w, const char *list, const char *const *names, size_t count)
{
    json_begin_array(w, list);
    for (size_t i = 0; i < count; i++) {
        json_begin_object(w, NULL);
        json_add_c(w, "apiName", names[i]);
        json_add_c(w, "uiName", names[i]);
        json_add_c(w, "category", "Other");
        json_end_object(w);
    }
    json_end_array(w);
}

void
analytics_metadata(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct json_writer w;
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_add_str(&w, "name", str_format(r->arena, "properties/%.*s/metadata", STR_ARG(r->segments[2])));
    write_fields(&w, "dimensions", dimension_names, ARRAY_LEN(dimension_names));
    write_fields(&w, "metrics", metric_names, ARRAY_LEN(metric_names));
    json_end_object(&w);
}
