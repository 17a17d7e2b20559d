/*
 * Amazon Selling Partner API: the routes, who may call them, and how often.
 *
 * Each operation has a bucket of tokens that refills at the vendor's published rate; an empty one answers 429
 * QuotaExceeded and, as the vendor, no Retry-After. The size `quota` multiplies the rates, for those who cannot wait.
 */
#include "base/encode.h"
#include "sandbox/amazon_priv.h"

struct usage {
    const char *limit;          /* requests a second, as the header shows it */
    int64_t micro_per_s;        /* the same in millionths */
    int64_t burst;
};
static const struct usage usages[OPERATIONS] = {
    [OPERATION_FINANCES] = {"0.5", 500000, 30},    [OPERATION_INVENTORY] = {"2.0", 2000000, 2},
    [OPERATION_ORDERS] = {"0.0167", 16700, 20},    [OPERATION_ITEMS] = {"0.5", 500000, 30},
    [OPERATION_SELLERS] = {"0.016", 16000, 15},        [OPERATION_TRANSACTIONS] = {"0.5", 500000, 10},
    [OPERATION_SEARCH_ORDERS] = {"0.0056", 5600, 20},  [OPERATION_GET_ORDER] = {"0.5", 500000, 30},
};
#define DENIED "Access to requested resource is denied."
#define TOKEN INT64_C(1000000)  /* one request */
#define NUMBERS_OF_BUCKETS (OPERATIONS + 1) /* then level and time of each bucket */
_Static_assert(NUMBERS_OF_BUCKETS + 2 * OPERATIONS <= VENDOR_NUMBERS, "the buckets stand in the world's numbers");

void
amazon_error(struct sandbox_reply *reply, int status, const char *code, const char *message, const char *details)
{
    struct json_writer w;
    buf_clear(&reply->body);
    reply_json(reply, status);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_begin_array(&w, "errors");
    json_begin_object(&w, NULL);
    json_add_c(&w, "code", code);
    json_add_c(&w, "message", message);
    json_add_c(&w, "details", details);
    json_end_object(&w);
    json_end_array(&w);
    json_end_object(&w);
}

struct str
amazon_page_token(struct arena *a, int64_t from)
{
    struct buf b;
    buf_init(&b, 128);
    base64_encode(&b, str_format(a, "tidemark:%lld", (long long)from), BASE64_STANDARD);
    struct str token = str_copy(a, buf_str(&b));
    buf_release(&b);
    return token;
}

bool
amazon_page(struct sandbox_request *r, struct sandbox_reply *reply, const char *name, int64_t *from_out)
{
    struct str token = r->loop ? STR_NONE : request_param(r, name), text;
    *from_out = 0;
    if (str_is_none(token))
        return true;
    if (base64_decode(r->arena, token, BASE64_STANDARD, &text) && str_starts(text, STR("tidemark:")) &&
        str_to_i64(str_skip(text, 9), 0, INT32_MAX, from_out))
        return true;
    amazon_error(reply, 400, "InvalidInput", "The token is invalid or has expired.", "");
    return false;
}

/* ---- who and what ---- */

static bool
path_is(const struct sandbox_request *r, const char *first, const char *second, size_t count)
{
    return r->segment_count == count && str_eq_c(r->segments[0], first) && str_eq_c(r->segments[1], second);
}

static int
operation_of(const struct sandbox_request *r)
{
    if (path_is(r, "finances", "v0", 3))
        return OPERATION_FINANCES;
    if (path_is(r, "finances", "2024-06-19", 3))
        return OPERATION_TRANSACTIONS;
    if (path_is(r, "orders", "2026-01-01", 3))
        return OPERATION_SEARCH_ORDERS;
    if (path_is(r, "orders", "2026-01-01", 4))
        return OPERATION_GET_ORDER;
    if (path_is(r, "fba", "inventory", 4))
        return OPERATION_INVENTORY;
    if (path_is(r, "orders", "v0", 5))
        return OPERATION_ITEMS;
    if (path_is(r, "orders", "v0", 3) || path_is(r, "orders", "v0", 4))
        return OPERATION_ORDERS;
    return path_is(r, "sellers", "v1", 3) ? OPERATION_SELLERS : OPERATIONS;
}

static bool
is_login(const struct sandbox_request *r)
{
    return path_is(r, "auth", "o2", 3) || path_is(r, "apps", "authorize", 3);
}

static bool
claims(struct str path)
{
    static const char *const own[] = {"/orders/v0/",     "/orders/2026-01-01/", "/finances/v0/", "/finances/2024-06-19/",
                                      "/fba/inventory/", "/sellers/v1/",        "/auth/o2/",     "/apps/authorize/"};
    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        if (str_starts(path, str_from_c(own[i])))
            return true;
    return false;
}

static struct str
token(const struct sandbox_request *r)
{
    if (path_is(r, "auth", "o2", 3))
        return amazon_token_shown(r);
    return is_login(r) ? STR("consent") : http_header_get(r->headers, "x-amz-access-token");
}

static void
refuse_token(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct str shown = token(r);
    if (is_login(r))
        amazon_token_refuse(r, reply);
    else if (str_is_none(shown) || shown.len == 0)
        amazon_error(reply, 403, "Unauthorized", DENIED, "Access token is missing in the request header.");
    else if (str_eq_c(shown, "invalid"))
        amazon_error(reply, 403, "Unauthorized", DENIED,
                     "The access token you provided is revoked, malformed or invalid.");
    else
        amazon_error(reply, 403, "Unauthorized", DENIED, "The access token you provided has expired.");
}

static void
refuse_rate(struct sandbox_request *r, struct sandbox_reply *reply)
{
    (void)r;
    amazon_error(reply, 429, "QuotaExceeded", "You exceeded your quota for the requested resource.", "");
}

/* ---- the rates ---- */

static bool
take_token(struct world *world, int operation)
{
    int64_t *level = &world->vendor_numbers[NUMBERS_OF_BUCKETS + 2 * operation], *seen_us = level + 1;
    int64_t now_us = clock_wall_us(world->clock), quota = world->vendor_numbers[OPERATIONS];
    const struct usage *u = &usages[operation];
    int64_t most = u->burst * TOKEN, since_us = now_us - *seen_us;
    if (*seen_us == 0 || since_us > US_PER_DAY)
        *level = most;
    else if (since_us > 0)
        *level += since_us / US_PER_MS * u->micro_per_s * quota / 1000;
    if (*level > most)
        *level = most;
    *seen_us = now_us;
    if (*level < TOKEN)
        return false;
    *level -= TOKEN;
    return true;
}

/* ---- routes ---- */

static void
sellers_show(struct sandbox_reply *reply)
{
    reply_json(reply, 200);
    buf_add(&reply->body, STR("{\"payload\":[{\"marketplace\":{\"id\":\"" AMAZON_MARKETPLACE "\","
                              "\"name\":\"Amazon.com\",\"countryCode\":\"US\","
                              "\"defaultCurrencyCode\":\"USD\",\"defaultLanguageCode\":\"en_US\",\"domainName\":\"www.amazon.com\"},"
                              "\"storeName\":\"Simulated store\","
                              "\"participation\":{\"isParticipating\":true,\"hasSuspendedListings\":false}}]}"));
}

static void
serve(struct sandbox_request *r, struct sandbox_reply *reply, int operation)
{
    switch (operation) {
    case OPERATION_FINANCES: amazon_events_list(r, reply); break;
    case OPERATION_INVENTORY: amazon_stock_list(r, reply); break;
    case OPERATION_ITEMS: amazon_order_show(r, reply, r->segments[3], true); break;
    case OPERATION_ORDERS:
        if (r->segment_count == 4)
            amazon_order_show(r, reply, r->segments[3], false);
        else
            amazon_orders_list(r, reply);
        break;
    case OPERATION_SELLERS: sellers_show(reply); break;
    case OPERATION_TRANSACTIONS: amazon_transactions_list(r, reply); break;
    case OPERATION_SEARCH_ORDERS: amazon_orders_search(r, reply); break;
    case OPERATION_GET_ORDER: amazon_order_get(r, reply, r->segments[3]); break;
    default: break;
    }
}

static void
handle(struct sandbox_request *r, struct sandbox_reply *reply)
{
    int operation = operation_of(r);
    if (!request_world(r, 1))
        amazon_error(reply, 500, "InternalFailure", "Out of memory", "");
    else if (path_is(r, "auth", "o2", 3) && request_is(r, "POST"))
        amazon_token(r, reply);
    else if (path_is(r, "apps", "authorize", 3) && request_is(r, "GET"))
        amazon_consent(r, reply);
    else if (operation == OPERATIONS || !request_is(r, "GET"))
        amazon_error(reply, 404, "NotFound", "The requested resource was not found.", "");
    else if (!take_token(r->world, operation))
        refuse_rate(r, reply);
    else
        serve(r, reply, operation);
}

static struct str
limit_text(struct sandbox_request *r, int operation)
{
    int64_t quota = r->world ? r->world->vendor_numbers[OPERATIONS] : 1;
    if (quota == 1)
        return str_from_c(usages[operation].limit);
    int64_t micro = usages[operation].micro_per_s * quota;
    return str_format(r->arena, "%lld.%04lld", (long long)(micro / 1000000), (long long)(micro % 1000000 / 100));
}

static void
finish(struct sandbox_request *r, struct sandbox_reply *reply)
{
    char uuid[PEOPLE_UUID_BYTES];
    int operation = operation_of(r);
    reply_header(reply, "x-amzn-RequestId",
                 str_copy(r->arena, str_from_c(people_uuid((uint64_t)clock_wall_us(clock_system()), (uint64_t)(uintptr_t)r->arena, uuid))));
    if (operation != OPERATIONS && reply->status < 500)
        reply_header(reply, "x-amzn-RateLimit-Limit", limit_text(r, operation));
}

const struct vendor vendor_amazon = {
    .name = AMAZON_NAME,
    .title = "Amazon Selling Partner",
    .config = "{\"clientId\":\"test\",\"clientSecret\":\"test\",\"refreshToken\":\"Atzr|simulated\","
              "\"applicationId\":\"amzn1.sp.solution.simulated\","
              "\"sellerId\":\"" AMAZON_SELLER "\",\"baseUrl\":\"%s\"}",
    .account = 1,
    .entities = {
        {"orders", NULL, amazon_write_order, amazon_create_order, NULL},
        {"order_items", NULL, amazon_write_item, NULL, NULL},
        {"inventory", NULL, amazon_write_stock, amazon_create_stock, NULL},
        {"events", NULL, amazon_write_event, amazon_create_event, NULL},
    },
    .claims = claims,
    .token = token,
    .refuse_token = refuse_token,
    .refuse_rate = refuse_rate,
    .populate = amazon_populate,
    .handle = handle,
    .finish = finish,
};
