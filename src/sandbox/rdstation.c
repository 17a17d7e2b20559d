/*
 * RD Station: the routes, who may call them, how much.
 *
 * Marketing and CRM count apart: 120 requests a minute each (the size rdstation.quota sets another number), then 429, told
 * with headers of their own by Marketing and with Retry-After by the CRM. A token that ended is told in WWW-Authenticate.
 */
#include "base/limits.h"
#include "sandbox/core.h"
#include "sandbox/rdstation_priv.h"

#define REQUESTS_PER_MINUTE 120

void
rdstation_error(struct sandbox_reply *reply, int status, const char *type, const char *message)
{
    struct json_writer w;
    buf_clear(&reply->body);
    reply_json(reply, status);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_begin_object(&w, "errors");
    json_add_c(&w, "error_type", type);
    json_add_c(&w, "error_message", message);
    json_end_object(&w);
    json_end_object(&w);
}

yyjson_val *
rdstation_body(struct sandbox_request *r, struct sandbox_reply *reply)
{
    yyjson_val *body = request_object(r);
    if (body != NULL)
        return body;
    rdstation_error(reply, 400, "BAD_REQUEST", "The body is no JSON object.");
    return NULL;
}

static bool
claims(struct str path)
{
    static const char *const firsts[] = {"/platform/",    "/crm/v2/",      "/auth/token", "/auth/dialog",
                                         "/oauth2/token", "/marketing/account_info", "/integrations/webhooks"};
    for (size_t i = 0; i < ARRAY_LEN(firsts); i++)
        if (str_starts(path, str_from_c(firsts[i])))
            return true;
    return false;
}

static bool
is_conversion(const struct sandbox_request *r)
{
    return r->segment_count == 2 && str_eq_c(r->segments[0], "platform") && str_eq_c(r->segments[1], "conversions");
}

static struct str
token(const struct sandbox_request *r)
{
    struct str shown = http_header_get(r->headers, "authorization");
    if (rdstation_is_login(r))
        return rdstation_login_token(r);
    if (is_conversion(r) && !str_starts_nocase(shown, STR("Bearer ")))
        return request_param(r, "api_key");
    return request_bearer(r);
}

static void
refuse_token(struct sandbox_request *r, struct sandbox_reply *reply)
{
    rdstation_error(reply, 401, "UNAUTHORIZED", "Invalid token.");
    reply_header(reply, "WWW-Authenticate", STR("Bearer realm=\"https://api.rd.services/\", error=\"expired_token\", "
                                                "error_description=\"The access token expired\""));
    (void)r;
}

static void
write_rate(struct sandbox_reply *reply, int64_t seconds)
{
    struct json_writer w;
    reply_json(reply, 429);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_add_c(&w, "error", "Rate limit exceeded");
    json_add_i64(&w, "max", REQUESTS_PER_MINUTE);
    json_add_i64(&w, "usage", REQUESTS_PER_MINUTE + 1);
    json_add_i64(&w, "remaining_time", seconds);
    json_end_object(&w);
}

static void
refuse_rate(struct sandbox_request *r, struct sandbox_reply *reply)
{
    (void)r;
    write_rate(reply, 60);
}

static bool
is_crm(const struct sandbox_request *r)
{
    return r->segment_count > 1 && str_eq_c(r->segments[0], "crm");
}

static bool
count_request(struct sandbox_request *r)
{
    int64_t *numbers = r->world->vendor_numbers, now = clock_wall_us(r->world->clock), window = now - now % US_PER_MINUTE;
    if (numbers[RD_NUMBER_WINDOW] != window) {
        numbers[RD_NUMBER_WINDOW] = window;
        numbers[RD_NUMBER_MARKETING] = numbers[RD_NUMBER_CRM] = 0;
    }
    int64_t most = core_size(r->core, "rdstation", "quota", REQUESTS_PER_MINUTE);
    return ++numbers[is_crm(r) ? RD_NUMBER_CRM : RD_NUMBER_MARKETING] <= most;
}

static void
refuse_quota(struct sandbox_request *r, struct sandbox_reply *reply)
{
    int64_t seconds = (US_PER_MINUTE - clock_wall_us(r->world->clock) % US_PER_MINUTE + US_PER_S - 1) / US_PER_S;
    struct str text = str_format(r->arena, "%lld", (long long)seconds);
    write_rate(reply, seconds);
    reply_header(reply, is_crm(r) ? "Retry-After" : "retry-after-quotas", text);
    if (!is_crm(r))
        reply_header(reply, "ratelimit-limit-quotas", str_format(r->arena, "%d", REQUESTS_PER_MINUTE));
}

static void
handle(struct sandbox_request *r, struct sandbox_reply *reply)
{
    if (request_world(r, RD_ACCOUNT) == NULL)
        return rdstation_error(reply, 500, "INTERNAL_ERROR", "out of memory");
    if (rdstation_is_login(r))
        return rdstation_login(r, reply);
    if (!count_request(r))
        return refuse_quota(r, reply);
    if (is_crm(r))
        return rdstation_crm(r, reply);
    struct str first = r->segment_count > 0 ? r->segments[0] : STR("");
    if (str_eq_c(first, "platform"))
        return rdstation_platform(r, reply);
    if (str_eq_c(first, "integrations") && r->segment_count > 1 && str_eq_c(r->segments[1], "webhooks"))
        return rdstation_webhooks(r, reply);
    if (str_eq_c(first, "marketing"))
        return reply_text(reply, 200, "application/json; charset=utf-8", STR("{\"name\":\"Loja Simulada\"}"));
    rdstation_error(reply, 404, "RESOURCE_NOT_FOUND", "The resource could not be found.");
}

static void
finish(struct sandbox_request *r, struct sandbox_reply *reply)
{
    (void)r, (void)reply;
}

const struct vendor vendor_rdstation = {
    .name = "rdstation",
    .title = "RD Station",
    .config = "{\"apiKey\":\"your-api-key\",\"workspaceId\":\"your-workspace-id\",\"baseUrl\":\"%s\"}",
    .account = RD_ACCOUNT,
    .entities = {
        {"contacts", NULL, rdstation_write_contact, rdstation_create, rdstation_convert},
        {"crm_contacts", NULL, rdstation_write_crm_contact, rdstation_create, NULL},
        {"companies", NULL, rdstation_write_company, rdstation_create, NULL},
        {"deals", NULL, rdstation_write_deal, rdstation_create, NULL},
    },
    .claims = claims,
    .token = token,
    .refuse_token = refuse_token,
    .refuse_rate = refuse_rate,
    .populate = rdstation_populate,
    .handle = handle,
    .finish = finish,
    .announce = rdstation_announce,
};
