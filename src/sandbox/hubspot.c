/*
 * HubSpot: the routes, who may call them, what the vendor adds to every answer.
 *
 * A private app may ask 100 times in 10 seconds; the headers say how much is left, except on searches, of which five a second
 * are answered. A refusal names the policy and has no Retry-After. Paths carry a date (2026-09, 2026-03); the numbered ones (v3)
 * still answer. Source: the vendor's pages on usage limits, versions and errors, and its API descriptions.
 */
#include "base/limits.h"
#include "sandbox/core.h"
#include "sandbox/hubspot_priv.h"

#define WINDOW_US (10 * US_PER_S)
#define WINDOW_REQUESTS 100
#define SEARCHES_PER_S 5
#define DAY_REQUESTS 250000
#define TOKEN_LIFE_S 1800

/* Places in world->vendor_numbers. */
enum { NUMBER_WINDOW, NUMBER_IN_WINDOW, NUMBER_DAY, NUMBER_SECOND, NUMBER_IN_SECOND };

static struct str
correlation(struct sandbox_request *r)
{
    char text[PEOPLE_UUID_BYTES];
    return str_copy(r->arena, str_from_c(people_uuid(r->core->options.seed, (uint64_t)r->core->ledger.next_seq, text)));
}

static void
begin_error(struct sandbox_request *r, struct sandbox_reply *reply, struct json_writer *w, int status, const char *category,
            struct str words)
{
    buf_clear(&reply->body);
    reply_json(reply, status);
    json_writer_init(w, &reply->body);
    json_begin_object(w, NULL);
    json_add_c(w, "status", "error");
    json_add_str(w, "message", words);
    json_add_str(w, "correlationId", correlation(r));
    json_add_c(w, "category", category);
}

void
hubspot_error(struct sandbox_request *r, struct sandbox_reply *reply, int status, const char *category, struct str words)
{
    struct json_writer w;
    begin_error(r, reply, &w, status, category, words);
    json_end_object(&w);
}

yyjson_val *
hubspot_body(struct sandbox_request *r, struct sandbox_reply *reply)
{
    yyjson_val *body = request_object(r);
    if (body != NULL)
        return body;
    hubspot_error(r, reply, 400, "VALIDATION_ERROR", STR("Invalid input JSON"));
    return NULL;
}

static bool
claims(struct str path)
{
    return str_starts(path, STR("/crm/")) || str_starts(path, STR("/account-info/")) || str_starts(path, STR("/app-webhooks/"));
}

static bool
is_login(const struct sandbox_request *r)
{
    return r->segment_count == 3 && str_eq_c(r->segments[0], "oauth") && str_eq_c(r->segments[2], "token");
}

/* A developer's calls about his app are no portal's: they count for none. */
static bool
is_of_app(const struct sandbox_request *r)
{
    return r->segment_count > 0 && str_eq_c(r->segments[0], "app-webhooks");
}

static struct str
token(const struct sandbox_request *r)
{
    if (is_login(r)) {
        struct str refresh = request_form_value(r, "refresh_token");
        return refresh.len ? refresh : request_form_value(r, "code");
    }
    if (r->segment_count > 0 && str_eq_c(r->segments[0], "_webhooks"))
        return STR("test"); /* of the sandbox, not of the vendor */
    if (is_of_app(r))
        return request_param(r, "hapikey");
    return request_bearer(r);
}

static void
refuse_token(struct sandbox_request *r, struct sandbox_reply *reply)
{
    if (is_login(r))
        return hubspot_error(r, reply, 400, "VALIDATION_ERROR", STR("missing or unknown refresh token"));
    hubspot_error(r, reply, 401, http_header_get(r->headers, "authorization").len ? "EXPIRED_AUTHENTICATION" : "INVALID_AUTHENTICATION",
                  STR("Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more details at "
                      "https://developers.hubspot.com/docs/methods/auth/oauth-overview"));
}

static void
refuse(struct sandbox_request *r, struct sandbox_reply *reply, const char *policy, struct str words)
{
    struct json_writer w;
    begin_error(r, reply, &w, 429, "RATE_LIMITS", words);
    json_add_c(&w, "errorType", "RATE_LIMIT");
    json_add_c(&w, "policyName", policy);
    json_end_object(&w);
}

static void
refuse_rate(struct sandbox_request *r, struct sandbox_reply *reply)
{
    refuse(r, reply, "TEN_SECONDLY_ROLLING", STR("You have reached your ten_secondly_rolling limit."));
}

/* ---- what is allowed */

static bool
is_search(const struct sandbox_request *r)
{
    return r->segment_count > 0 && str_eq_c(r->segments[r->segment_count - 1], "search");
}

static bool
count_in(struct world *world, int64_t now, int64_t window_us, size_t window, size_t count, int64_t most)
{
    int64_t began = now - now % window_us;
    if (world->vendor_numbers[window] != began) {
        world->vendor_numbers[window] = began;
        world->vendor_numbers[count] = 0;
    }
    return ++world->vendor_numbers[count] <= most;
}

/* False: answered with 429. */
static bool
count_request(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct world *world = r->world;
    int64_t now = clock_wall_us(world->clock), most = core_size(r->core, "hubspot", "quota", WINDOW_REQUESTS);
    world->vendor_numbers[NUMBER_DAY]++;
    if (!count_in(world, now, WINDOW_US, NUMBER_WINDOW, NUMBER_IN_WINDOW, most)) {
        refuse_rate(r, reply);
        return false;
    }
    if (is_search(r) && !count_in(world, now, US_PER_S, NUMBER_SECOND, NUMBER_IN_SECOND, most / (WINDOW_REQUESTS / SEARCHES_PER_S))) {
        refuse(r, reply, "SECONDLY", STR("You have reached your secondly limit."));
        return false;
    }
    return true;
}

/* ---- routes */

static void
give_token(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct json_writer w;
    struct str shown = token(r);
    char access[PEOPLE_UUID_BYTES];
    uint64_t hash = 0;
    for (size_t i = 0; i < shown.len; i++)
        hash = people_mix(hash, (unsigned char)shown.ptr[i]);
    if (!request_form_value(r, "client_id").len || !request_form_value(r, "client_secret").len)
        return hubspot_error(r, reply, 400, "VALIDATION_ERROR", STR("missing or invalid client id or client secret"));
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_add_c(&w, "token_type", "bearer");
    json_add_str(&w, "refresh_token", request_form_value(r, "refresh_token").len ? shown : STR("refresh-of-a-new-connection"));
    json_add_c(&w, "access_token", people_uuid(hash, (uint64_t)r->core->ledger.next_seq, access));
    json_add_i64(&w, "expires_in", TOKEN_LIFE_S);
    json_end_object(&w);
}

static void
account_details(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct json_writer w;
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_add_i64(&w, "portalId", r->world->account);
    json_add_c(&w, "accountType", "DEVELOPER_TEST");
    json_add_c(&w, "timeZone", "America/Sao_Paulo");
    json_add_c(&w, "companyCurrency", "BRL");
    json_begin_array(&w, "additionalCurrencies");
    json_end_array(&w);
    json_add_c(&w, "utcOffset", "-03:00");
    json_add_i64(&w, "utcOffsetMilliseconds", -10800000);
    json_add_c(&w, "uiDomain", "app.hubspot.com");
    json_add_c(&w, "dataHostingLocation", "na1");
    json_end_object(&w);
}

static bool
is_dated(struct str text)
{
    return text.len == 7 && str_starts(text, STR("20")) && text.ptr[4] == '-';
}

/* /crm/objects/2026-09/TYPE/... and /crm/v3/objects/TYPE/...; owners likewise. */
static void
serve_crm(struct sandbox_request *r, struct sandbox_reply *reply)
{
    const struct str *s = r->segments;
    bool dated = r->segment_count > 2 && is_dated(s[2]);
    struct str area = r->segment_count > 2 ? dated ? s[1] : s[2] : STR("");
    if (!dated && (r->segment_count < 3 || !str_eq_c(s[1], "v3")))
        return hubspot_error(r, reply, 404, "OBJECT_NOT_FOUND", STR("Unable to find the requested path"));
    if (str_eq_c(area, "owners"))
        return hubspot_owners(r, reply, &s[3], r->segment_count - 3);
    struct collection *c = r->segment_count > 3 && str_eq_c(area, "objects") ? hubspot_type(r->world, s[3]) : NULL;
    if (c == NULL)
        return hubspot_error(r, reply, 400, "VALIDATION_ERROR", STR("Unable to infer object type"));
    hubspot_objects(r, reply, c, &s[4], r->segment_count - 4);
}

static void
handle(struct sandbox_request *r, struct sandbox_reply *reply)
{
    if (is_login(r) && request_is(r, "POST"))
        return give_token(r, reply);
    if (request_world(r, HS_PORTAL) == NULL)
        return hubspot_error(r, reply, 500, "INTERNAL_ERROR", STR("internal error"));
    struct str root = r->segment_count > 0 ? r->segments[0] : STR("");
    if (str_eq_c(root, "_webhooks"))
        return hubspot_webhook(r, reply);
    if (is_of_app(r))
        return hubspot_app(r, reply);
    if (!count_request(r, reply))
        return;
    if (str_eq_c(root, "crm"))
        return serve_crm(r, reply);
    if (str_eq_c(root, "account-info") && r->segment_count == 3 && str_eq_c(r->segments[2], "details"))
        return account_details(r, reply);
    hubspot_error(r, reply, 404, "OBJECT_NOT_FOUND", STR("Unable to find the requested path"));
}

static void
add_number(struct sandbox_request *r, struct sandbox_reply *reply, const char *name, int64_t number)
{
    reply_header(reply, name, str_format(r->arena, "%lld", (long long)(number > 0 ? number : 0)));
}

static void
finish(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct world *world = core_world(r->core, r->vendor, HS_PORTAL);
    reply_header(reply, "X-HubSpot-Correlation-Id", correlation(r));
    if (world == NULL || is_search(r) || is_login(r) || is_of_app(r))
        return;
    add_number(r, reply, "X-HubSpot-RateLimit-Daily", DAY_REQUESTS);
    add_number(r, reply, "X-HubSpot-RateLimit-Daily-Remaining", DAY_REQUESTS - world->vendor_numbers[NUMBER_DAY]);
    add_number(r, reply, "X-HubSpot-RateLimit-Interval-Milliseconds", WINDOW_US / US_PER_MS);
    add_number(r, reply, "X-HubSpot-RateLimit-Max", WINDOW_REQUESTS);
    add_number(r, reply, "X-HubSpot-RateLimit-Remaining", WINDOW_REQUESTS - world->vendor_numbers[NUMBER_IN_WINDOW]);
}

const struct vendor vendor_hubspot = {
    .name = "hubspot",
    .title = "HubSpot",
    .config = "{\"accessToken\":\"your-api-key\",\"baseUrl\":\"%s\"}",
    .account = HS_PORTAL,
    .entities = {
        {"contacts", NULL, hubspot_write_all, hubspot_create, NULL},
        {"companies", NULL, hubspot_write_all, hubspot_create, NULL},
        {"deals", NULL, hubspot_write_all, hubspot_create, NULL},
        {"tickets", NULL, hubspot_write_all, hubspot_create, NULL},
        {"owners", NULL, hubspot_write_owner, hubspot_create, NULL},
    },
    .claims = claims,
    .token = token,
    .refuse_token = refuse_token,
    .refuse_rate = refuse_rate,
    .populate = hubspot_populate,
    .handle = handle,
    .finish = finish,
};
