/*
 * HighLevel: the routes, who may call them, what the vendor adds to every answer.
 *
 * Every request needs a Version header. A location may ask 100 times in 10 seconds; the headers say how much is left, and
 * there is no Retry-After. Any location id is a location of its own. Source: the vendor's OpenAPI files and its pages on
 * authorization and rate limits.
 */
#include "base/limits.h"
#include "sandbox/core.h"
#include "sandbox/highlevel_priv.h"

#define WINDOW_US (10 * US_PER_S)
#define WINDOW_REQUESTS 100
#define DAY_REQUESTS 200000
#define TOKEN_LIFE_S 86399

/* Places in world->vendor_numbers. */
enum { NUMBER_WINDOW, NUMBER_IN_WINDOW, NUMBER_DAY };

void
highlevel_error(struct sandbox_reply *reply, int status, const char *words)
{
    static const struct {
        int status;
        const char *name;
    } names[] = {{400, "Bad Request"}, {401, "Unauthorized"}, {404, "Not Found"}, {422, "Unprocessable Entity"},
                 {429, "Too Many Requests"}};
    struct json_writer w;
    buf_clear(&reply->body);
    reply_json(reply, status);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_add_i64(&w, "statusCode", status);
    if (status == 422) {
        json_begin_array(&w, "message");
        json_add_c(&w, NULL, words);
        json_end_array(&w);
    } else {
        json_add_c(&w, "message", words);
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (names[i].status == status)
            json_add_c(&w, "error", names[i].name);
    json_end_object(&w);
}

yyjson_val *
highlevel_body(struct sandbox_request *r, struct sandbox_reply *reply)
{
    yyjson_val *body = request_object(r);
    if (body != NULL)
        return body;
    highlevel_error(reply, 400, "Unexpected token in JSON");
    return NULL;
}

void
highlevel_add_id(struct json_writer *w, const char *key, const struct world *world, const struct collection *c, int64_t id)
{
    char text[HL_ID_BYTES];
    json_add_c(w, key, highlevel_id(world, c, id, text));
}

static bool
claims(struct str path)
{
    static const char *const roots[] = {"/contacts/", "/conversations/", "/calendars/", "/locations/", "/opportunities/"};
    for (size_t i = 0; i < ARRAY_LEN(roots); i++)
        if (str_starts(path, str_from_c(roots[i])))
            return true;
    return false;
}

static bool
is_oauth(const struct sandbox_request *r)
{
    return r->segment_count == 2 && str_eq_c(r->segments[0], "oauth") && str_eq_c(r->segments[1], "token");
}

static struct str
token(const struct sandbox_request *r)
{
    if (is_oauth(r)) {
        struct str refresh = request_form_value(r, "refresh_token");
        return refresh.len ? refresh : request_form_value(r, "code");
    }
    return request_bearer(r);
}

static void
refuse_token(struct sandbox_request *r, struct sandbox_reply *reply)
{
    highlevel_error(reply, 401, is_oauth(r) ? "This refresh token is invalid" : "Invalid JWT");
}

static void
refuse_rate(struct sandbox_request *r, struct sandbox_reply *reply)
{
    (void)r;
    highlevel_error(reply, 429, "Too Many Requests");
}

/* Access for a day, and a refresh token that works once. */
static void
give_token(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct json_writer w;
    struct str shown = token(r);
    char next[PEOPLE_UUID_BYTES], access[PEOPLE_UUID_BYTES];
    uint64_t hash = 0;
    for (size_t i = 0; i < shown.len; i++)
        hash = people_mix(hash, (unsigned char)shown.ptr[i]);
    if (!request_form_value(r, "client_id").len || !request_form_value(r, "client_secret").len)
        return highlevel_error(reply, 400, "client_id and client_secret are required");
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_add_c(&w, "access_token", people_uuid(hash, 1, access));
    json_add_c(&w, "token_type", "Bearer");
    json_add_i64(&w, "expires_in", TOKEN_LIFE_S);
    json_add_c(&w, "refresh_token", people_uuid(hash, 2, next));
    json_add_c(&w, "scope", "contacts.readonly contacts.write conversations.readonly");
    json_add_c(&w, "userType", "Location");
    json_add_c(&w, "locationId", HL_LOCATION_DEFAULT);
    json_add_c(&w, "companyId", "UAXssdawIWAWD");
    json_add_c(&w, "userId", "pZTfWLexSUqZBTGXJpGL");
    json_end_object(&w);
}

/* Counts the request; false: this location has asked too often. */
static bool
count_request(struct sandbox_request *r)
{
    struct world *world = highlevel_location(r, STR(HL_LOCATION_DEFAULT));
    if (world == NULL)
        return true;
    int64_t *n = world->vendor_numbers, now_us = clock_wall_us(world->clock), window = now_us / WINDOW_US;
    if (n[NUMBER_WINDOW] != window)
        n[NUMBER_WINDOW] = window, n[NUMBER_IN_WINDOW] = 0;
    n[NUMBER_DAY]++;
    return ++n[NUMBER_IN_WINDOW] <= WINDOW_REQUESTS;
}

static const struct root {
    const char *name;
    void (*serve)(struct sandbox_request *r, struct sandbox_reply *reply);
} roots[] = {
    {"contacts", highlevel_contacts}, {"conversations", highlevel_conversations}, {"calendars", highlevel_calendars},
    {"locations", highlevel_locations}, {"opportunities", highlevel_opportunities}, {"_webhooks", highlevel_webhook},
};

static void
handle(struct sandbox_request *r, struct sandbox_reply *reply)
{
    if (is_oauth(r) && request_is(r, "POST"))
        return give_token(r, reply);
    bool own = r->segment_count > 0 && str_eq_c(r->segments[0], "_webhooks");
    if (!own && !count_request(r))
        return refuse_rate(r, reply);
    if (!own && !http_header_get(r->headers, "version").len)
        return highlevel_error(reply, 401, "version header was not found.");
    for (size_t i = 0; r->segment_count > 0 && i < ARRAY_LEN(roots); i++)
        if (str_eq_c(r->segments[0], roots[i].name))
            return roots[i].serve(r, reply);
    highlevel_error(reply, 404, "Not Found");
}

static void
finish(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct world *world = core_world(r->core, r->vendor, 1);
    int64_t left = world ? WINDOW_REQUESTS - world->vendor_numbers[NUMBER_IN_WINDOW] : WINDOW_REQUESTS;
    int64_t left_today = world ? DAY_REQUESTS - world->vendor_numbers[NUMBER_DAY] : DAY_REQUESTS;
    reply_header(reply, "X-RateLimit-Max", str_format(r->arena, "%d", WINDOW_REQUESTS));
    reply_header(reply, "X-RateLimit-Remaining", str_format(r->arena, "%lld", (long long)(left > 0 ? left : 0)));
    reply_header(reply, "X-RateLimit-Interval-Milliseconds", STR("10000"));
    reply_header(reply, "X-RateLimit-Limit-Daily", str_format(r->arena, "%d", DAY_REQUESTS));
    reply_header(reply, "X-RateLimit-Daily-Remaining", str_format(r->arena, "%lld", (long long)(left_today > 0 ? left_today : 0)));
}

const struct vendor vendor_highlevel = {
    .name = "gohighlevel",
    .title = "GoHighLevel",
    .config = "{\"apiKey\":\"your-api-key\",\"locationId\":\"" HL_LOCATION_DEFAULT "\",\"baseUrl\":\"%s\"}",
    .account = 1,
    .entities = {
        {"contacts", NULL, highlevel_write_contact, highlevel_create_contact, NULL},
        {"conversations", NULL, highlevel_write_conversation, highlevel_create_conversation, highlevel_touch_conversation},
        {"messages", NULL, highlevel_write_message, highlevel_create_message, NULL},
        {"opportunities", NULL, highlevel_write_opportunity, NULL, NULL},
        {"appointments", NULL, highlevel_write_appointment, NULL, NULL},
    },
    .claims = claims,
    .token = token,
    .refuse_token = refuse_token,
    .refuse_rate = refuse_rate,
    .populate = highlevel_populate,
    .handle = handle,
    .finish = finish,
    .announce = highlevel_announce,
};
