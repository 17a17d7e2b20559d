/*
 * Shopify: one shop's GraphQL Admin API, its tokens, and the points that queries cost.
 *
 * A bucket of 2,000 points fills by 100 a second (the size shopify.quota sets another rate, the bucket is twenty times that). A
 * query is refused with status 200 and THROTTLED while the bucket holds less than it may cost, and charged what it did cost.
 * /admin/oauth/access_token gives a day's token for client credentials, an hour's and a refresh token that works once for a code
 * or a refresh token.
 */
#include "base/limits.h"
#include "sandbox/core.h"
#include "sandbox/shopify_priv.h"

#define RATE_DEFAULT 100
#define BUCKET_SECONDS 20
#define COST_MAX 1000
#define CLIENT_LIFE_S 86399
#define OFFLINE_LIFE_S 3600
#define REFRESH_LIFE_S 7776000
#define MILLI 1000 /* points are kept in thousandths */

static bool
claims(struct str path)
{
    return str_starts(path, STR("/admin/api/")) || str_starts(path, STR("/admin/oauth/"));
}

static bool
is_login(const struct sandbox_request *r)
{
    return r->segment_count == 3 && str_eq_c(r->segments[1], "oauth");
}

static struct str
token(const struct sandbox_request *r)
{
    if (!is_login(r))
        return http_header_get(r->headers, "x-shopify-access-token");
    if (str_eq_c(r->segments[2], "authorize"))
        return STR("test");
    struct str refresh = request_body_value(r, "refresh_token");
    return refresh.len > 0 ? refresh : request_body_value(r, "client_secret");
}

static void
refuse_token(struct sandbox_request *r, struct sandbox_reply *reply)
{
    reply_json(reply, is_login(r) ? 400 : 401);
    if (is_login(r))
        buf_add(&reply->body, STR("{\"error\":\"invalid_client\",\"error_description\":\"The client credentials are invalid\"}"));
    else
        buf_add(&reply->body, STR("{\"errors\":\"[API] Invalid API key or access token (unrecognized login or wrong password)\"}"));
}

static void
refuse_rate(struct sandbox_request *r, struct sandbox_reply *reply)
{
    (void)r;
    reply_json(reply, 429);
    buf_add(&reply->body, STR("{\"errors\":\"Exceeded 2 calls per second for api client. Reduce request rates to resume.\"}"));
}

/* ---- signing in ---- */

static void
consent(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct str back = request_param(r, "redirect_uri"), state = request_param(r, "state");
    reply_text(reply, 302, NULL, STR(""));
    reply_header(reply, "Location", str_format(r->arena, "%.*s?code=c0de&hmac=00&shop=" SHOP_DOMAIN "&state=%.*s",
                                               STR_ARG(back), STR_ARG(state)));
}

static void
give_token(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct json_writer w;
    char access[PEOPLE_UUID_BYTES];
    bool client = str_eq_c(request_body_value(r, "grant_type"), "client_credentials");
    bool known = client || request_body_value(r, "code").len || request_body_value(r, "refresh_token").len;
    reply_json(reply, known ? 200 : 400);
    if (!known) {
        buf_add(&reply->body, STR("{\"error\":\"invalid_request\",\"error_description\":\"grant_type is missing\"}"));
        return;
    }
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_add_c(&w, "access_token", people_uuid(r->core->options.seed ^ 98, (uint64_t)r->core->ledger.next_seq, access));
    json_add_c(&w, "scope", "read_products,read_orders,write_customers");
    json_add_i64(&w, "expires_in", client ? CLIENT_LIFE_S : OFFLINE_LIFE_S);
    if (!client) {
        json_add_c(&w, "refresh_token", people_uuid(r->core->options.seed ^ 99, (uint64_t)r->core->ledger.next_seq, access));
        json_add_i64(&w, "refresh_token_expires_in", REFRESH_LIFE_S);
    }
    json_end_object(&w);
}

/* ---- points ---- */

static int64_t
rate_of(const struct sandbox_request *r)
{
    return core_size(r->core, "shopify", "quota", RATE_DEFAULT);
}

static void
fill_bucket(struct sandbox_request *r)
{
    int64_t *numbers = r->world->vendor_numbers, now = clock_wall_us(r->world->clock), most = rate_of(r) * BUCKET_SECONDS * MILLI;
    int64_t since_us = numbers[SHOP_NUMBER_FILLED_US] ? now - numbers[SHOP_NUMBER_FILLED_US] : INT64_MAX;
    bool full = since_us < 0 || since_us > BUCKET_SECONDS * US_PER_S;
    numbers[SHOP_NUMBER_POINTS] = full ? most : numbers[SHOP_NUMBER_POINTS] + since_us * rate_of(r) / (US_PER_S / MILLI);
    if (numbers[SHOP_NUMBER_POINTS] > most)
        numbers[SHOP_NUMBER_POINTS] = most;
    numbers[SHOP_NUMBER_FILLED_US] = now;
}

static void
write_cost(struct sandbox_request *r, struct json_writer *w, int64_t requested, int64_t actual)
{
    json_begin_object(w, "extensions");
    json_begin_object(w, "cost");
    json_add_i64(w, "requestedQueryCost", requested);
    if (actual < 0)
        json_add_null(w, "actualQueryCost");
    else
        json_add_i64(w, "actualQueryCost", actual);
    json_begin_object(w, "throttleStatus");
    json_add_raw(w, "maximumAvailable", str_format(r->arena, "%lld.0", (long long)(rate_of(r) * BUCKET_SECONDS)));
    json_add_i64(w, "currentlyAvailable", r->world->vendor_numbers[SHOP_NUMBER_POINTS] / MILLI);
    json_add_raw(w, "restoreRate", str_format(r->arena, "%lld.0", (long long)rate_of(r)));
    json_end_object(w);
    json_end_object(w);
    json_end_object(w);
}

/* ---- answers ---- */

static void
answer_fault(struct sandbox_request *r, struct sandbox_reply *reply, struct str message, const char *code, int64_t requested)
{
    struct json_writer w;
    buf_clear(&reply->body);
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_begin_array(&w, "errors");
    json_begin_object(&w, NULL);
    json_add_str(&w, "message", message);
    json_begin_object(&w, "extensions");
    json_add_c(&w, "code", code);
    json_end_object(&w);
    json_end_object(&w);
    json_end_array(&w);
    if (requested >= 0)
        write_cost(r, &w, requested, -1);
    json_end_object(&w);
}

/* The document's faults as the whole answer; false when it has none, then *cost_out is what it may cost. */
static bool
refuse_document(struct sandbox_request *r, struct sandbox_reply *reply, const struct graphql_operation *operation, int64_t *cost_out)
{
    struct json_writer w;
    struct shopify_check check = {.errors = &w, .arena = r->arena};
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_begin_array(&w, "errors");
    *cost_out = shopify_cost(&check, operation->mutation ? STR("Mutation") : STR("QueryRoot"), operation->first,
                             operation->mutation ? STR("mutation") : STR("query"));
    json_end_array(&w);
    json_end_object(&w);
    return check.faults > 0;
}

static void
run(struct sandbox_request *r, struct sandbox_reply *reply, const struct graphql_operation *operation, int64_t requested)
{
    struct json_writer w;
    struct shopify_answer answer = {.request = r, .reply = reply, .w = &w, .fault = STR_NONE};
    buf_clear(&reply->body);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_begin_object(&w, "data");
    if (operation->mutation)
        shopify_mutation(&answer, operation->first);
    else
        shopify_query(&answer, operation->first);
    json_end_object(&w);
    if (!str_is_none(answer.fault))
        return answer_fault(r, reply, answer.fault, "BAD_REQUEST", requested);
    int64_t actual = answer.cost < requested ? answer.cost : requested;
    r->world->vendor_numbers[SHOP_NUMBER_POINTS] -= actual * MILLI;
    write_cost(r, &w, requested, actual);
    json_end_object(&w);
}

static void
serve(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct err err = {0};
    int64_t requested = 0;
    struct graphql_operation operation = {0};
    yyjson_val *body = json_parse(r->arena, r->body, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_API, &err);
    if (!yyjson_is_obj(body) || json_str(json_get_c(body, "query")).len == 0)
        return answer_fault(r, reply, STR("Required parameter missing or invalid: query"), "BAD_REQUEST", -1);
    if (!graphql_read(r->arena, json_str(json_get_c(body, "query")), json_str(json_get_c(body, "operationName")),
                      json_get_c(body, "variables"), &operation, &err))
        return answer_fault(r, reply, str_copy(r->arena, str_from_c(err.message)), "argumentLiteralsIncompatible", -1);
    if (refuse_document(r, reply, &operation, &requested))
        return;
    fill_bucket(r);
    if (requested > COST_MAX)
        return answer_fault(r, reply, str_format(r->arena, "Query cost is %lld, which exceeds the single query max cost limit (%d).",
                                                 (long long)requested, COST_MAX), "MAX_COST_EXCEEDED", requested);
    if (r->world->vendor_numbers[SHOP_NUMBER_POINTS] < requested * MILLI)
        return answer_fault(r, reply, STR("Throttled"), "THROTTLED", requested);
    run(r, reply, &operation, requested);
}

static void
handle(struct sandbox_request *r, struct sandbox_reply *reply)
{
    if (request_world(r, SHOP_ACCOUNT) == NULL)
        return reply_text(reply, 500, "text/plain", STR("out of memory"));
    if (is_login(r))
        return str_eq_c(r->segments[2], "authorize") ? consent(r, reply) : give_token(r, reply);
    if (r->segment_count == 4 && str_eq_c(r->segments[3], "graphql.json") && request_is(r, "POST"))
        return serve(r, reply);
    reply_json(reply, 404);
    buf_add(&reply->body, STR("{\"errors\":\"Not Found\"}"));
}

static void
finish(struct sandbox_request *r, struct sandbox_reply *reply)
{
    if (!is_login(r) && r->segment_count > 2)
        reply_header(reply, "X-Shopify-API-Version", r->segments[2]);
}

const struct vendor vendor_shopify = {
    .name = "shopify",
    .title = "Shopify",
    .config = "{\"shop\":\"your-shop\",\"accessToken\":\"your-api-key\",\"clientSecret\":\"" SHOP_SECRET "\",\"baseUrl\":\"%s\"}",
    .account = SHOP_ACCOUNT,
    .entities = {
        {"products", NULL, shopify_write_product, shopify_create_product, NULL},
        {"variants", NULL, shopify_write_variant, NULL, NULL},
        {"collections", NULL, shopify_write_collection, shopify_create, NULL},
        {"customers", NULL, shopify_write_customer, shopify_create, NULL},
        {"orders", NULL, shopify_write_order, shopify_create, NULL},
    },
    .claims = claims,
    .token = token,
    .refuse_token = refuse_token,
    .refuse_rate = refuse_rate,
    .populate = shopify_populate,
    .handle = handle,
    .finish = finish,
    .announce = shopify_announce,
};
