/*
 * Google Analytics Data API: the routes, who may call them, how much.
 *
 * `token` gives an access token for an assertion that the simulated service account's key has signed. A report takes 10 of the
 * 40,000 tokens that a property has in an hour (the size google_analytics.quota sets another number); then 429. One property,
 * whatever number is asked for. An edit of it changes the figures of the last three days.
 */
#include "base/encode.h"
#include "crypt/jwt.h"
#include "sandbox/analytics_key.h"
#include "sandbox/analytics_priv.h"
#include "sandbox/core.h"

#define GRANT "urn:ietf:params:oauth:grant-type:jwt-bearer"

void
analytics_error(struct sandbox_reply *reply, int status, const char *name, const char *message)
{
    struct json_writer w;
    buf_clear(&reply->body);
    reply_json(reply, status);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_begin_object(&w, "error");
    json_add_i64(&w, "code", status);
    json_add_c(&w, "message", message);
    json_add_c(&w, "status", name);
    json_end_object(&w);
    json_end_object(&w);
}

static bool
claims(struct str path)
{
    return str_starts(path, STR("/v1beta/properties/"));
}

static bool
is_login(const struct sandbox_request *r)
{
    return r->segment_count == 1 && str_eq_c(r->segments[0], "token");
}

static struct str
token(const struct sandbox_request *r)
{
    if (is_login(r))
        return STR("login");
    return request_bearer(r);
}

static void
refuse_token(struct sandbox_request *r, struct sandbox_reply *reply)
{
    (void)r;
    analytics_error(reply, 401, "UNAUTHENTICATED",
                    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid "
                    "authentication credential.");
}

static void
refuse_rate(struct sandbox_request *r, struct sandbox_reply *reply)
{
    (void)r;
    analytics_error(reply, 429, "RESOURCE_EXHAUSTED", "Exhausted concurrent requests quota.");
}

/* ---- the login ---- */

static void
refuse_login(struct sandbox_reply *reply, const char *words)
{
    struct json_writer w;
    reply_json(reply, 400);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_add_c(&w, "error", "invalid_grant");
    json_add_c(&w, "error_description", words);
    json_end_object(&w);
}

static bool
assertion_holds(struct sandbox_request *r, yyjson_val **claims_out)
{
    struct err err = {0};
    struct jwt_keys *keys = jwt_keys_new();
    bool ok = keys && jwt_keys_add_jwks(keys, STR(GA_JWKS), JWT_RS256, &err) &&
              jwt_verify(keys, NULL, clock_wall_us(r->core->options.clock), request_form_value(r, "assertion"), r->arena, claims_out, &err);
    jwt_keys_free(keys);
    return ok;
}

static void
give_token(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct json_writer w;
    yyjson_val *said = NULL;
    char uuid[PEOPLE_UUID_BYTES];
    if (!str_eq_c(request_form_value(r, "grant_type"), GRANT) || !assertion_holds(r, &said))
        return refuse_login(reply, "Invalid JWT Signature.");
    struct str who = json_str(json_get_c(said, "iss"));
    if (!str_eq_c(who, GA_CLIENT_EMAIL) && !str_eq_c(who, "expired@simulated.example"))
        return refuse_login(reply, "Invalid grant: account not found");
    if (!str_ends(json_str(json_get_c(said, "aud")), STR("/token")) ||
        str_find_str(json_str(json_get_c(said, "scope")), STR("analytics.readonly")) < 0)
        return refuse_login(reply, "Invalid JWT: audience or scope");
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_add_c(&w, "access_token", str_eq_c(who, GA_CLIENT_EMAIL)
                                       ? people_uuid(r->core->options.seed, (uint64_t)r->core->ledger.next_seq, uuid) : "expired");
    json_add_i64(&w, "expires_in", 3599);
    json_add_c(&w, "token_type", "Bearer");
    json_end_object(&w);
}

/* ---- tokens of the property ---- */

static int64_t
tokens_most(const struct sandbox_request *r)
{
    return core_size(r->core, GA_NAME, "quota", GA_TOKENS_PER_HOUR);
}

int64_t
analytics_tokens_left(const struct sandbox_request *r)
{
    int64_t left = tokens_most(r) - r->world->vendor_numbers[GA_TOKENS];
    return left > 0 ? left : 0;
}

static bool
take_tokens(struct sandbox_request *r)
{
    int64_t *numbers = r->world->vendor_numbers, now = clock_wall_us(r->world->clock), hour = now - now % US_PER_HOUR;
    if (numbers[GA_HOUR] != hour)
        numbers[GA_HOUR] = hour, numbers[GA_TOKENS] = 0;
    if (analytics_tokens_left(r) < GA_TOKENS_OF_A_REPORT)
        return false;
    numbers[GA_TOKENS] += GA_TOKENS_OF_A_REPORT;
    return true;
}

static void
handle(struct sandbox_request *r, struct sandbox_reply *reply)
{
    bool known = r->segment_count >= 3 && str_eq_c(r->segments[0], "v1beta") && str_eq_c(r->segments[1], "properties");
    if (request_world(r, GA_PROPERTY) == NULL)
        return analytics_error(reply, 500, "INTERNAL", "out of memory");
    if (is_login(r) && request_is(r, "POST"))
        return give_token(r, reply);
    if (known && str_starts(r->segments[2], STR("403")))
        return analytics_error(reply, 403, "PERMISSION_DENIED",
                               "User does not have sufficient permissions for this property. To learn more about Property ID, see "
                               "https://developers.google.com/analytics/devguides/reporting/data/v1/property-id.");
    if (known && r->segment_count == 4 && str_eq_c(r->segments[3], "metadata") && request_is(r, "GET"))
        return analytics_metadata(r, reply);
    if (!known || !str_ends(r->segments[2], STR(":runReport")) || !request_is(r, "POST"))
        return analytics_error(reply, 404, "NOT_FOUND", "Requested entity was not found.");
    if (!take_tokens(r))
        return analytics_error(reply, 429, "RESOURCE_EXHAUSTED", "Exhausted property tokens for a project per hour.");
    analytics_report(r, reply);
}

static void
finish(struct sandbox_request *r, struct sandbox_reply *reply)
{
    (void)r;
    reply_header(reply, "Vary", STR("X-Origin"));
}

/* ---- the world: a property, whose edits change what is still being processed ---- */

static bool
populate(struct world *world, const struct sandbox_core *core)
{
    struct collection *properties = world_add_collection(world, "properties", NULL);
    (void)core;
    return world_add(world, properties, GA_PROPERTY, WORLD_NEWEST_US, OBJECT_NONE) != OBJECT_NONE;
}

static void
write_property(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w)
{
    const struct object *o = world_object(c, index);
    (void)world;
    json_begin_object(w, NULL);
    json_add_str(w, "name", str_format(a, "properties/%lld", (long long)o->id));
    json_add_i64(w, "revision", o->revision);
    json_end_object(w);
}

const struct vendor vendor_analytics = {
    .name = GA_NAME,
    .title = "Google Analytics",
    .config = "{\"serviceAccountJson\":\"{\\\"type\\\":\\\"service_account\\\",\\\"client_email\\\":\\\"" GA_CLIENT_EMAIL
              "\\\",\\\"private_key\\\":\\\"" GA_PRIVATE_KEY "\\\"}\",\"propertyId\":\"987654321\",\"baseUrl\":\"%s\"}",
    .account = GA_PROPERTY,
    .entities = {{"properties", NULL, write_property, NULL, NULL}},
    .claims = claims,
    .token = token,
    .refuse_token = refuse_token,
    .refuse_rate = refuse_rate,
    .populate = populate,
    .handle = handle,
    .finish = finish,
};
