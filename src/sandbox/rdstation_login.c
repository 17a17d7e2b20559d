/*
 * RD Station's sign-ins. Marketing: /auth/dialog and /auth/token, JSON or a form, a day's token, a refresh token that stays.
 * CRM: /oauth/authorize and /oauth2/token, a form, two hours, a refresh token that works once: the next one comes with the
 * answer. Any first refresh token is good; after that only the newest.
 */
#include "base/limits.h"
#include "sandbox/core.h"
#include "sandbox/rdstation_priv.h"

#define MARKETING_LIFE_S 86400
#define CRM_LIFE_S 7200

static bool
is_path(const struct sandbox_request *r, const char *first, const char *second)
{
    return r->segment_count == 2 && str_eq_c(r->segments[0], first) && str_eq_c(r->segments[1], second);
}

static bool
is_dialog(const struct sandbox_request *r)
{
    return is_path(r, "auth", "dialog") || is_path(r, "oauth", "authorize");
}

bool
rdstation_is_login(const struct sandbox_request *r)
{
    return is_path(r, "auth", "token") || is_path(r, "oauth2", "token") || is_dialog(r);
}

struct str
rdstation_login_token(const struct sandbox_request *r)
{
    struct str refresh = request_body_value(r, "refresh_token");
    return is_dialog(r) ? STR("test") : refresh.len > 0 ? refresh : request_body_value(r, "client_secret");
}

/* The person says yes at once. */
static void
consent(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct str back = request_param(r, "redirect_uri"), state = request_param(r, "state");
    if (str_is_none(back))
        back = request_param(r, "redirect_url");
    if (str_is_none(back) || str_is_none(request_param(r, "client_id")))
        return rdstation_error(reply, 400, "INVALID_REQUEST", "client_id and redirect_uri are required.");
    reply_text(reply, 302, NULL, STR(""));
    reply_header(reply, "Location", str_format(r->arena, "%.*s?code=a1b2c3&state=%.*s", STR_ARG(back), STR_ARG(state)));
}

static struct str
newest_refresh(const struct world *world, struct arena *a)
{
    char text[PEOPLE_UUID_BYTES];
    return str_copy(a, str_from_c(people_uuid(world->seed ^ 91, (uint64_t)world->vendor_numbers[RD_NUMBER_LOGINS], text)));
}

static void
give(struct sandbox_request *r, struct sandbox_reply *reply, struct str refresh, int64_t life_s)
{
    struct json_writer w;
    char access[PEOPLE_UUID_BYTES];
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_add_c(&w, "access_token", people_uuid(r->core->options.seed ^ 92, (uint64_t)r->core->ledger.next_seq, access));
    json_add_c(&w, "token_type", "Bearer");
    json_add_i64(&w, "expires_in", life_s);
    json_add_str(&w, "refresh_token", refresh);
    json_end_object(&w);
}

void
rdstation_login(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct str refresh = request_body_value(r, "refresh_token"), code = request_body_value(r, "code");
    int64_t *logins = &r->world->vendor_numbers[RD_NUMBER_LOGINS];
    if (is_dialog(r))
        return consent(r, reply);
    if (!request_is(r, "POST") || !request_body_value(r, "client_id").len || (!refresh.len && !code.len))
        return rdstation_error(reply, 400, "INVALID_REQUEST", "client_id, client_secret and code or refresh_token are required.");
    if (is_path(r, "auth", "token"))
        return give(r, reply, refresh.len ? refresh : STR("refresh"), MARKETING_LIFE_S);
    if (refresh.len && *logins > 0 && !str_eq(refresh, newest_refresh(r->world, r->arena)))
        return rdstation_error(reply, 400, "invalid_grant", "The refresh token was used already.");
    (*logins)++;
    give(r, reply, newest_refresh(r->world, r->arena), CRM_LIFE_S);
}
