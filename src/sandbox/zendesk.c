/*
 * Zendesk: the routes, who may call them, what the vendor adds to every answer.
 *
 * An API token comes as Basic "email/token:TOKEN", an OAuth token as Bearer. 700 requests a minute are answered, ten of them
 * exports (the size zendesk.quota sets another number); then 429 with Retry-After. Source: the vendor's pages on limits and
 * authentication, and the recorded exchanges for the headers.
 */
#include "base/encode.h"
#include "base/limits.h"
#include "sandbox/core.h"
#include "sandbox/zendesk_priv.h"

#define REQUESTS_PER_MINUTE 700
#define EXPORTS_PER_MINUTE 10
#define TOKEN_LIFE_S 7200

/* Places in world->vendor_numbers. */
enum { NUMBER_WINDOW, NUMBER_REQUESTS, NUMBER_EXPORTS };

void
zendesk_error(struct sandbox_reply *reply, int status, const char *error, const char *description)
{
    struct json_writer w;
    buf_clear(&reply->body);
    reply_json(reply, status);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_add_c(&w, "error", error);
    json_add_c(&w, "description", description);
    json_end_object(&w);
}

yyjson_val *
zendesk_body(struct sandbox_request *r, struct sandbox_reply *reply)
{
    yyjson_val *body = request_object(r);
    if (body != NULL)
        return body;
    zendesk_error(reply, 400, "InvalidJSON", "The body is no JSON object");
    return NULL;
}

static bool
claims(struct str path)
{
    return str_starts(path, STR("/api/v2/"));
}

static bool
is_login(const struct sandbox_request *r)
{
    return r->segment_count == 2 && str_eq_c(r->segments[0], "oauth") && str_eq_c(r->segments[1], "tokens");
}

static struct str
token(const struct sandbox_request *r)
{
    struct str shown = http_header_get(r->headers, "authorization"), pair, login, secret;
    if (is_login(r))
        return request_body_value(r, "client_secret");
    if (str_starts_nocase(shown, STR("Bearer ")))
        return str_trim(str_skip(shown, 7));
    if (!str_starts_nocase(shown, STR("Basic ")) || !base64_decode(r->arena, str_trim(str_skip(shown, 6)), BASE64_STANDARD, &pair))
        return STR_NONE;
    str_cut(pair, ':', &login, &secret);
    return str_ends(login, STR("/token")) ? secret : STR_NONE;
}

static void
refuse_token(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct json_writer w;
    if (is_login(r))
        return zendesk_error(reply, 401, "invalid_client", "Client authentication failed");
    reply_json(reply, 401);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_add_c(&w, "error", "Couldn't authenticate you");
    json_end_object(&w);
}

static void
refuse_rate(struct sandbox_request *r, struct sandbox_reply *reply)
{
    (void)r;
    zendesk_error(reply, 429, "APIRateLimitExceeded", "You have exceeded the limit of requests per minute");
}

static int64_t
seconds_left(const struct world *world)
{
    return (US_PER_MINUTE - clock_wall_us(world->clock) % US_PER_MINUTE + US_PER_S - 1) / US_PER_S;
}

static bool
is_export(const struct sandbox_request *r)
{
    return r->segment_count > 3 && str_eq_c(r->segments[2], "incremental");
}

/* Whoever sets another number of exports gets as many more requests. */
static int64_t
most_requests(const struct sandbox_core *core)
{
    int64_t exports = core_size(core, "zendesk", "quota", EXPORTS_PER_MINUTE);
    return REQUESTS_PER_MINUTE * (exports > EXPORTS_PER_MINUTE ? exports / EXPORTS_PER_MINUTE : 1);
}

static bool
count_request(struct sandbox_request *r)
{
    int64_t *numbers = r->world->vendor_numbers, now = clock_wall_us(r->world->clock), window = now - now % US_PER_MINUTE;
    if (numbers[NUMBER_WINDOW] != window) {
        numbers[NUMBER_WINDOW] = window;
        numbers[NUMBER_REQUESTS] = numbers[NUMBER_EXPORTS] = 0;
    }
    numbers[NUMBER_EXPORTS] += is_export(r);
    return ++numbers[NUMBER_REQUESTS] <= most_requests(r->core) &&
           (!is_export(r) || numbers[NUMBER_EXPORTS] <= core_size(r->core, "zendesk", "quota", EXPORTS_PER_MINUTE));
}

static void
give_token(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct json_writer w;
    char access[PEOPLE_UUID_BYTES];
    struct str grant = request_body_value(r, "grant_type");
    bool client = str_eq_c(grant, "client_credentials");
    if (!request_body_value(r, "client_id").len || (!client && !str_eq_c(grant, "refresh_token") && !str_eq_c(grant, "authorization_code")))
        return zendesk_error(reply, 400, "unsupported_grant_type", "The authorization grant type is not supported");
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_add_c(&w, "access_token", people_uuid(r->core->options.seed, (uint64_t)r->core->ledger.next_seq, access));
    if (!client)
        json_add_c(&w, "refresh_token", people_uuid(r->core->options.seed ^ 5, (uint64_t)r->core->ledger.next_seq, access));
    json_add_c(&w, "token_type", "bearer");
    json_add_c(&w, "scope", "read");
    json_add_i64(&w, "expires_in", TOKEN_LIFE_S);
    json_end_object(&w);
}

/* The admin is the first user. */
static void
serve_me(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct json_writer w;
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_add_key(&w, STR("user"));
    zendesk_write_user(r->world, zendesk_of(r->world).users, 0, r->arena, &w);
    json_end_object(&w);
}

static void
serve(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct zendesk zd = zendesk_of(r->world);
    struct str what = r->segment_count > 2 ? r->segments[2] : STR("");
    if (is_export(r))
        return zendesk_export(r, reply);
    if (str_starts(what, STR("webhooks")))
        return zendesk_webhooks(r, reply);
    if (str_starts(what, STR("users")) && r->segment_count == 4 && str_starts(r->segments[3], STR("me")) && zd.users->count > 0)
        return serve_me(r, reply);
    if (str_starts(what, STR("users")))
        return zendesk_objects(r, reply, zd.users, "user", zendesk_write_user);
    if (str_starts(what, STR("organizations")))
        return zendesk_objects(r, reply, zd.organizations, "organization", zendesk_write_organization);
    if (str_starts(what, STR("tickets")))
        return zendesk_objects(r, reply, zd.tickets, "ticket", zendesk_write_ticket);
    zendesk_error(reply, 404, "InvalidEndpoint", "Not found");
}

static void
handle(struct sandbox_request *r, struct sandbox_reply *reply)
{
    if (is_login(r) && request_is(r, "POST"))
        return give_token(r, reply);
    if (request_world(r, ZD_ACCOUNT) == NULL)
        return zendesk_error(reply, 500, "InternalError", "out of memory");
    if (count_request(r))
        return serve(r, reply);
    refuse_rate(r, reply);
    reply_header(reply, "Retry-After", str_format(r->arena, "%lld", (long long)seconds_left(r->world)));
}

static void
finish(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct world *world = core_world(r->core, r->vendor, ZD_ACCOUNT);
    int64_t all = most_requests(r->core), left = world ? all - world->vendor_numbers[NUMBER_REQUESTS] : 0;
    struct str most = str_format(r->arena, "%lld", (long long)all);
    struct str rest = str_format(r->arena, "%lld", (long long)(left > 0 ? left : 0));
    if (world == NULL || is_login(r))
        return;
    reply_header(reply, "x-rate-limit", most);
    reply_header(reply, "rate-limit", most);
    reply_header(reply, "x-rate-limit-remaining", rest);
    reply_header(reply, "rate-limit-remaining", rest);
    reply_header(reply, "rate-limit-reset", str_format(r->arena, "%lld", (long long)seconds_left(world)));
}

const struct vendor vendor_zendesk = {
    .name = "zendesk",
    .title = "Zendesk",
    .config = "{\"email\":\"you@example.com\",\"apiToken\":\"your-api-key\",\"subdomain\":\"your-subdomain\",\"baseUrl\":\"%s\"}",
    .account = ZD_ACCOUNT,
    .entities = {
        {"users", NULL, zendesk_write_user, zendesk_create, NULL},
        {"organizations", NULL, zendesk_write_organization, zendesk_create, NULL},
        {"tickets", NULL, zendesk_write_ticket, zendesk_create_ticket, zendesk_touch_ticket},
        {"ticket_comments", NULL, zendesk_write_comment, NULL, NULL},
    },
    .claims = claims,
    .token = token,
    .refuse_token = refuse_token,
    .refuse_rate = refuse_rate,
    .populate = zendesk_populate,
    .handle = handle,
    .finish = finish,
    .announce = zendesk_announce,
};
