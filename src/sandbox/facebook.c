/*
 * Facebook Ads (Graph and Marketing API): the routes, who may call them, how much.
 *
 * A token comes as Bearer or as the parameter access_token; an appsecret_proof, where one is sent, must be right. 600 calls an
 * hour are answered (the size facebook_ads.quota sets another number), then error 17 with status 400; every answer tells in
 * headers what share is used. Errors have status 400 whatever they are, as at the vendor.
 */
#include "base/encode.h"
#include "crypt/digest.h"
#include "sandbox/core.h"
#include "sandbox/facebook_priv.h"

#define CALLS_PER_HOUR 600

void
facebook_error(struct sandbox_reply *reply, int status, int code, int subcode, const char *type, const char *message)
{
    struct json_writer w;
    buf_clear(&reply->body);
    reply_json(reply, status);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_begin_object(&w, "error");
    json_add_c(&w, "message", message);
    json_add_c(&w, "type", type);
    if (code == 17 || code == 4)
        json_add_bool(&w, "is_transient", true);
    json_add_i64(&w, "code", code);
    if (subcode)
        json_add_i64(&w, "error_subcode", subcode);
    json_add_c(&w, "fbtrace_id", "AbCdEf");
    json_end_object(&w);
    json_end_object(&w);
}

/* "/v26.0/..." */
static bool
is_version(struct str segment)
{
    return segment.len >= 4 && segment.len <= 6 && segment.ptr[0] == 'v' && str_find(segment, '.') > 0;
}

static bool
claims(struct str path)
{
    struct str first, rest;
    str_cut(str_skip(path, 1), '/', &first, &rest);
    return is_version(first) && str_ends(first, STR(".0"));
}

static bool
is_control(const struct sandbox_request *r)
{
    return r->segment_count > 0 && str_starts(r->segments[0], STR("_"));
}

/* Facebook Login: where a person agrees, and where the code becomes a token. */
static bool
is_login(const struct sandbox_request *r)
{
    bool dialog = r->segment_count == 3 && str_eq_c(r->segments[1], "dialog") && str_eq_c(r->segments[2], "oauth");
    return dialog || (r->segment_count == 3 && str_eq_c(r->segments[1], "oauth") && str_eq_c(r->segments[2], "access_token"));
}

static struct str
token(const struct sandbox_request *r)
{
    struct str shown = http_header_get(r->headers, "authorization");
    if (is_control(r) || is_login(r))
        return STR("nobody's");
    if (str_starts_nocase(shown, STR("Bearer ")) || str_starts_nocase(shown, STR("OAuth ")))
        return str_trim(str_skip(shown, str_find(shown, ' ') + 1));
    return facebook_param(r, "access_token");
}

static void
refuse_token(struct sandbox_request *r, struct sandbox_reply *reply)
{
    if (str_eq_c(token(r), "expired"))
        return facebook_error(reply, 400, 190, 463, "OAuthException", "Error validating access token: Session has expired.");
    if (token(r).len)
        return facebook_error(reply, 400, 190, 0, "OAuthException", "Invalid OAuth access token - Cannot parse access token");
    facebook_error(reply, 400, 104, 0, "OAuthException", "An access token is required to request this resource.");
}

static void
refuse_rate(struct sandbox_request *r, struct sandbox_reply *reply)
{
    (void)r;
    facebook_error(reply, 400, 4, 0, "OAuthException", "(#4) Application request limit reached");
}

static bool
proof_is_right(struct sandbox_request *r)
{
    struct digest digest;
    struct err err = {0};
    struct buf b;
    struct str shown = facebook_param(r, "appsecret_proof");
    if (!shown.len)
        return true;
    buf_init(&b, 256);
    bool ok = digest_hmac(DIGEST_SHA256, STR(FB_APP_SECRET), token(r), &digest, &err) && hex_encode(&b, digest_bytes(&digest)) &&
              str_eq(buf_str(&b), shown);
    buf_release(&b);
    return ok;
}

/* ---- how much ---- */

static int64_t
quota_of(const struct sandbox_request *r)
{
    return core_size(r->core, FB_NAME, "quota", CALLS_PER_HOUR);
}

static int64_t
minutes_left(const struct world *world)
{
    return (US_PER_HOUR - clock_wall_us(world->clock) % US_PER_HOUR + US_PER_MINUTE - 1) / US_PER_MINUTE;
}

static bool
count_call(struct sandbox_request *r)
{
    int64_t *numbers = r->world->vendor_numbers, now = clock_wall_us(r->world->clock), window = now - now % US_PER_HOUR;
    if (numbers[FB_WINDOW] != window)
        numbers[FB_WINDOW] = window, numbers[FB_CALLS] = 0;
    return ++numbers[FB_CALLS] <= quota_of(r);
}

/* ---- one object by its id ---- */

struct kind {
    struct collection *collection;
    facebook_write_fn *write;
};

static bool
find(struct sandbox_request *r, struct str id, struct kind *kind_out, uint32_t *index_out)
{
    int64_t number;
    struct facebook fb = facebook_of(r->world);
    const struct kind kinds[] = {{fb.campaigns, facebook_write_campaign}, {fb.adsets, facebook_write_adset}, {fb.ads, facebook_write_ad},
                                 {fb.forms, facebook_write_form}, {fb.leads, facebook_write_lead}, {fb.reports, NULL}};
    if (!str_to_i64(id, 1, INT64_MAX, &number))
        return false;
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
        for (uint32_t i = 0; i < kinds[k].collection->count; i++)
            if (kinds[k].collection->objects[i].id == number) {
                *kind_out = kinds[k], *index_out = i;
                return true;
            }
    return false;
}

static void
unknown(struct sandbox_request *r, struct sandbox_reply *reply, struct str id)
{
    facebook_error(reply, 400, 100, 33, "GraphMethodException",
                   str_cstr(r->arena, str_format(r->arena, "Unsupported get request. Object with ID '%.*s' does not exist", STR_ARG(id))));
}

static void
serve_object(struct sandbox_request *r, struct sandbox_reply *reply, struct str id, struct str edge)
{
    struct kind kind;
    uint32_t index;
    struct facebook fb = facebook_of(r->world);
    if (!find(r, id, &kind, &index))
        return unknown(r, reply, id);
    if (kind.collection == fb.reports && str_eq_c(edge, "insights"))
        return facebook_report_rows(r, reply, index);
    if (kind.collection == fb.reports)
        return facebook_report_show(r, reply, index);
    if (kind.collection == fb.forms && str_eq_c(edge, "leads"))
        return facebook_list(r, reply, fb.leads, facebook_write_lead, index);
    if (edge.len)
        return unknown(r, reply, id);
    facebook_show(r, reply, kind.collection, kind.write, index);
}

/* ---- the account, the page, the app ---- */

static void
show_account(struct sandbox_request *r, struct sandbox_reply *reply, struct str id)
{
    struct json_writer w;
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_add_str(&w, "id", id);
    json_add_str(&w, "account_id", str_skip(id, 4));
    json_add_c(&w, "name", "Simulated ad account");
    json_add_i64(&w, "account_status", 1);
    json_add_c(&w, "currency", "BRL");
    json_add_c(&w, "timezone_name", "America/Sao_Paulo");
    json_end_object(&w);
    (void)r;
}

static void
serve_account(struct sandbox_request *r, struct sandbox_reply *reply, struct str id, struct str edge)
{
    struct facebook fb = facebook_of(r->world);
    if (str_eq_c(edge, "insights"))
        return request_is(r, "POST") ? facebook_report_create(r, reply) : facebook_insights_now(r, reply);
    if (!request_is(r, "GET"))
        return facebook_error(reply, 400, 100, 0, "OAuthException", "(#100) Unsupported post request");
    if (str_eq_c(edge, "campaigns"))
        return facebook_list(r, reply, fb.campaigns, facebook_write_campaign, OBJECT_NONE);
    if (str_eq_c(edge, "adsets"))
        return facebook_list(r, reply, fb.adsets, facebook_write_adset, OBJECT_NONE);
    if (str_eq_c(edge, "ads"))
        return facebook_list(r, reply, fb.ads, facebook_write_ad, OBJECT_NONE);
    if (edge.len)
        return unknown(r, reply, id);
    show_account(r, reply, id);
}

static void
serve_subscription(struct sandbox_request *r, struct sandbox_reply *reply)
{
    if (request_is(r, "GET")) {
        reply_json(reply, 200);
        bool on = r->world->vendor_numbers[FB_SUBSCRIBED] != 0;
        buf_add_c(&reply->body, on ? "{\"data\":[{\"id\":\"" FB_APP "\",\"subscribed_fields\":[\"leadgen\"]}]}" : "{\"data\":[]}");
        return;
    }
    r->world->vendor_numbers[FB_SUBSCRIBED] = request_is(r, "POST");
    reply_json(reply, 200);
    buf_add(&reply->body, STR("{\"success\":true}"));
}

static void
serve(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct str id = r->segment_count > 1 ? r->segments[1] : STR(""), edge = r->segment_count > 2 ? r->segments[2] : STR("");
    if (str_starts(id, STR("act_")))
        return serve_account(r, reply, id, edge);
    if (str_eq_c(edge, "subscribed_apps") || str_eq_c(edge, "subscriptions"))
        return serve_subscription(r, reply);
    if (str_eq_c(edge, "leadgen_forms"))
        return facebook_list(r, reply, facebook_of(r->world).forms, facebook_write_form, OBJECT_NONE);
    if (str_eq_c(id, "me")) {
        reply_json(reply, 200);
        buf_add(&reply->body, STR("{\"data\":[{\"permission\":\"ads_read\",\"status\":\"granted\"},"
                                  "{\"permission\":\"leads_retrieval\",\"status\":\"granted\"}]}"));
        return;
    }
    serve_object(r, reply, id, edge);
}

#define LOGIN_CODE "simulated-code"

static void
log_in(struct sandbox_request *r, struct sandbox_reply *reply)
{
    if (str_eq_c(r->segments[1], "dialog")) {
        reply_text(reply, 302, "text/plain", STR(""));
        struct str back = request_param(r, "redirect_uri"), state = request_param(r, "state");
        reply_header(reply, "Location", str_format(r->arena, "%.*s?code=" LOGIN_CODE "&state=%.*s", STR_ARG(back), STR_ARG(state)));
        return;
    }
    struct str shortest = facebook_param(r, "fb_exchange_token");
    if (shortest.len > 0 && str_eq_c(facebook_param(r, "grant_type"), "fb_exchange_token")) {
        bool again = str_starts(shortest, STR("EAAB-long")); /* one that lives longer is changed for the next */
        if ((!again && !str_eq_c(shortest, "EAAB-short")) || !str_eq_c(facebook_param(r, "client_secret"), FB_APP_SECRET))
            return facebook_error(reply, 400, 190, 0, "OAuthException", "Invalid OAuth access token.");
        reply_json(reply, 200);
        buf_add_c(&reply->body, again ? "{\"access_token\":\"EAAB-renewed\",\"token_type\":\"bearer\",\"expires_in\":5183944}"
                                      : "{\"access_token\":\"EAAB-simulated\",\"token_type\":\"bearer\",\"expires_in\":5183944}");
        return;
    }
    bool known = str_eq_c(facebook_param(r, "code"), LOGIN_CODE) && str_eq_c(facebook_param(r, "client_secret"), FB_APP_SECRET);
    if (!known)
        return facebook_error(reply, 400, 100, 36009, "OAuthException", "This authorization code has been used or is another app's.");
    reply_json(reply, 200);
    buf_add(&reply->body, STR("{\"access_token\":\"EAAB-short\",\"token_type\":\"bearer\",\"expires_in\":5183}"));
}

static void
handle(struct sandbox_request *r, struct sandbox_reply *reply)
{
    if (request_world(r, FB_ACCOUNT) == NULL)
        return facebook_error(reply, 500, 1, 0, "OAuthException", "out of memory");
    if (is_control(r) && str_eq_c(r->segments[0], "_reports"))
        return facebook_reports_set(r, reply);
    if (is_control(r))
        return facebook_webhook(r, reply);
    if (is_login(r))
        return log_in(r, reply);
    if (!proof_is_right(r))
        return facebook_error(reply, 400, 100, 0, "GraphMethodException", "Invalid appsecret_proof provided in the API argument");
    if (r->segment_count < 2 || !is_version(r->segments[0]))
        return facebook_error(reply, 400, 2500, 0, "OAuthException", "Unknown path components");
    if (!count_call(r))
        return facebook_error(reply, 400, 17, 2446079, "OAuthException", "User request limit reached");
    serve(r, reply);
}

static void
finish(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct world *world = core_world(r->core, r->vendor, FB_ACCOUNT);
    if (world == NULL || is_control(r) || is_login(r))
        return;
    int64_t used = world->vendor_numbers[FB_CALLS] * 100 / quota_of(r), minutes = used > 100 ? minutes_left(world) : 0;
    int64_t share = used > 100 ? used : used * 7 / 10; /* time counts too at the vendor: it is over before calls are at 100 */
    bool insights = str_find_str(r->path, STR("insights")) >= 0;
    reply_header(reply, "X-Business-Use-Case-Usage",
                 str_format(r->arena, "{\"%d\":[{\"type\":\"%s\",\"call_count\":%lld,\"total_cputime\":%lld,\"total_time\":%lld,"
                                      "\"estimated_time_to_regain_access\":%lld,\"ads_api_access_tier\":\"standard_access\"}]}",
                            FB_ACCOUNT, insights ? "ads_insights" : "ads_management", (long long)share, (long long)(share / 2),
                            (long long)(share / 2), (long long)minutes));
    reply_header(reply, "X-App-Usage",
                 str_format(r->arena, "{\"call_count\":%lld,\"total_cputime\":1,\"total_time\":1}", (long long)(share / 4)));
    if (insights)
        reply_header(reply, "X-FB-Ads-Insights-Throttle", str_format(r->arena, "{\"app_id_util_pct\":%lld,\"acc_id_util_pct\":%lld}",
                                                                     (long long)(share / 4), (long long)share));
    reply_header(reply, "facebook-api-version", r->segment_count ? r->segments[0] : STR("v26.0"));
}

const struct vendor vendor_facebook = {
    .name = FB_NAME,
    .title = "Facebook Ads",
    .config = "{\"accessToken\":\"your-api-key\",\"adAccountId\":\"1234567890\",\"appSecret\":\"" FB_APP_SECRET "\","
              "\"pageId\":\"" FB_PAGE "\",\"baseUrl\":\"%s\"}",
    .account = FB_ACCOUNT,
    .entities = {
        {"campaigns", NULL, facebook_write_campaign, facebook_create, NULL},
        {"adsets", NULL, facebook_write_adset, facebook_create, NULL},
        {"ads", NULL, facebook_write_ad, facebook_create, NULL},
        {"lead_forms", NULL, facebook_write_form, facebook_create, NULL},
        {"leads", NULL, facebook_write_lead, facebook_create, NULL},
    },
    .claims = claims,
    .token = token,
    .refuse_token = refuse_token,
    .refuse_rate = refuse_rate,
    .populate = facebook_populate,
    .handle = handle,
    .finish = finish,
};
