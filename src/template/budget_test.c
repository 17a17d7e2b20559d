/*
 * api_budget: which requests a policy counts, what its meters allow, what answers teach.
 */
#include "base/test.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/rng.h"
#include "template/budget.h"
#include "template/manifest_lines.h"

#define NOW (INT64_C(1795320000) * US_PER_S)
#define MANIFEST                                                                                                       \
    "version: 6.0.0\ntype: DeclarativeSource\ncheck: {type: CheckStream, stream_names: [items]}\nstreams:\n"           \
    "- type: DeclarativeStream\n  name: items\n  primary_key: [id]\n  retriever:\n    type: SimpleRetriever\n"         \
    "    requester: {type: HttpRequester, url_base: 'https://api.example.com', path: items}\n"                         \
    "    paginator:\n      type: DefaultPaginator\n"                                                                   \
    "      page_token_option: {type: RequestOption, inject_into: request_parameter, field_name: page}\n"               \
    "      pagination_strategy: {type: PageIncrement, page_size: 1}\n"                                                 \
    "    record_selector:\n      type: RecordSelector\n      extractor: {type: DpathExtractor, field_path: [items]}\n" \
    "spec: {type: Spec, connection_specification: {type: object, properties: {}}}\n"

static struct arena arena;
static struct template *template;
static struct budget *budget;
static struct budget_meters own;

/* The template with this budget, for a configuration. */
static bool
make(const char *policies, const char *config, struct err *err)
{
    arena_init(&arena, 1 << 22);
    own = (struct budget_meters){0};
    budget = NULL;
    struct str yaml = str_format(&arena, "%sapi_budget:\n  type: HTTPAPIBudget\n%s", MANIFEST, policies);
    template = template_load(yaml, STR("acme"), err);
    yyjson_val *json = json_parse(&arena, str_from_c(config), JSON_PLAIN, 8, err);
    return template && json && budget_make(template, &arena, json, NOW, &budget, err);
}

static void
begin(const char *policies)
{
    struct err err = {0};
    if (!make(policies, "{\"many\":3}", &err))
        fail_msg("%s", err.message);
    assert_non_null(budget);
}

static void
end(void)
{
    template_unref(template);
    arena_release(&arena);
}

static struct budget_charge
charge_of(const char *method, const char *url)
{
    struct http_header header = {STR("X-Kind"), STR("slow")};
    struct http_request request = {.method = str_from_c(method), .url = str_from_c(url), .headers = {&header, 1}};
    return budget_charge_of(budget, &arena, &request);
}

static size_t
policy_of(const char *method, const char *url)
{
    struct budget_charge c = charge_of(method, url);
    return c.policy ? c.policy->first_meter + 1 : 0;
}

static void
test_the_first_policy_that_fits_counts_a_request(void **state)
{
    (void)state;
    begin("  policies:\n"
          "  - {type: FixedWindowCallRatePolicy, period: PT1M, call_limit: 9, matchers: [{url_base: 'https://api.example.com/', "
          "url_path_pattern: '^/v1/[a-z]+$', method: get}]}\n"
          "  - {type: MovingWindowCallRatePolicy, rates: [{limit: 3, interval: PT1S}], matchers: [{params: {kind: 7}}, "
          "{url_path_pattern: heavy, weight: 2}]}\n"
          "  - {type: MovingWindowCallRatePolicy, rates: [{limit: 3, interval: PT1S}], matchers: [{headers: {x-kind: slow}, "
          "method: DELETE}]}\n");
    assert_int_equal(policy_of("GET", "https://api.example.com/v1/items/?a=1"), 1);
    assert_int_equal(policy_of("POST", "https://api.example.com/v1/items"), 0);
    assert_int_equal(policy_of("GET", "https://api.example.com:8443/v1/items"), 0);
    assert_int_equal(policy_of("POST", "https://other.example.com/x?kind=7"), 2);
    assert_int_equal(policy_of("POST", "https://other.example.com/x?kind=7&kind=8"), 0);
    assert_int_equal(charge_of("POST", "https://other.example.com/heavy").weight, 2);
    assert_int_equal(policy_of("DELETE", "https://other.example.com"), 3);
    end();
}

static void
test_an_unlimited_policy_frees_what_a_later_one_would_count(void **state)
{
    (void)state;
    begin("  policies:\n  - {type: UnlimitedCallRatePolicy, matchers: [{url_path_pattern: ^/ping}]}\n"
          "  - {type: FixedWindowCallRatePolicy, period: PT1M, call_limit: 1, matchers: []}\n");
    for (int i = 0; i < 5; i++) {
        struct budget_charge c = charge_of("GET", "https://api.example.com/ping");
        assert_int_equal(budget_wait_us(NULL, &own, c, 0, NOW, NULL), 0);
        budget_spend(NULL, &own, c, NOW);
    }
    struct budget_charge c = charge_of("GET", "https://api.example.com/pong");
    budget_spend(NULL, &own, c, NOW);
    assert_true(budget_wait_us(NULL, &own, c, 0, NOW, NULL) >= US_PER_MINUTE);
    end();
}

/* Whatever is asked when: in no span are there more than the limit, and no wait is much longer than it must be. */
static void
test_no_span_ever_holds_more_than_its_limit(void **state)
{
    struct rng rng;
    int64_t times[600], now_us = NOW;
    size_t count = 0;
    (void)state;
    begin("  policies:\n  - {type: MovingWindowCallRatePolicy, rates: [{limit: 40, interval: PT10S}, {limit: '{{ config.many }}', "
          "interval: PT0.2S}], matchers: []}\n");
    struct budget_charge c = charge_of("GET", "https://api.example.com/items");
    rng_init(&rng, 7);
    while (count < ARRAY_LEN(times)) {
        const struct budget_rate *rate = NULL;
        int64_t wait_us = budget_wait_us(NULL, &own, c, 0, now_us, &rate);
        assert_true(wait_us == 0 || (rate && wait_us <= rate->span_us + rate->span_us / 16));
        now_us += wait_us ? wait_us : (int64_t)(rng_next(&rng) % 60000);
        if (wait_us)
            continue;
        budget_spend(NULL, &own, c, now_us);
        times[count++] = now_us;
    }
    for (size_t i = 0; i < count; i++) {
        assert_true(i < 40 || times[i] - times[i - 40] >= 10 * US_PER_S);
        assert_true(i < 3 || times[i] - times[i - 3] >= US_PER_S / 5);
    }
    assert_true(times[599] - times[0] < 600 / 40 * 11 * US_PER_S);
    end();
}

static void
test_lower_classes_leave_a_part(void **state)
{
    (void)state;
    begin("  policies:\n  - {type: FixedWindowCallRatePolicy, period: PT1M, call_limit: 10, matchers: []}\n");
    struct budget_charge c = charge_of("GET", "https://api.example.com/items");
    for (int i = 0; i < 8; i++)
        budget_spend(NULL, &own, c, NOW);
    assert_true(budget_wait_us(NULL, &own, c, 20, NOW, NULL) > 0);
    assert_int_equal(budget_wait_us(NULL, &own, c, 0, NOW, NULL), 0);
    end();
}

static struct http_reply
answer(int status, const char *name, const char *value)
{
    struct http_header *header = ARENA_NEW(&arena, struct http_header);
    *header = (struct http_header){str_from_c(name), str_from_c(value)};
    return (struct http_reply){.status = status, .headers = {header, 1}};
}

static void
test_a_fixed_window_follows_the_headers(void **state)
{
    (void)state;
    begin("  ratelimit_remaining_header: X-Left\n  ratelimit_reset_header: X-Again\n"
          "  policies:\n  - {type: FixedWindowCallRatePolicy, period: PT1H, call_limit: 10, matchers: []}\n");
    struct budget_charge c = charge_of("GET", "https://api.example.com/items");
    struct http_reply left = answer(200, "x-left", "1"), more = answer(200, "X-Left", "9"), again = answer(200, "x-again", "1795320030");
    budget_spend(NULL, &own, c, NOW);
    assert_true(budget_learn(budget, NULL, &own, c, &left, NOW));
    assert_int_equal(budget_wait_us(NULL, &own, c, 0, NOW, NULL), 0);
    budget_spend(NULL, &own, c, NOW);
    assert_true(budget_wait_us(NULL, &own, c, 0, NOW, NULL) > 50 * US_PER_MINUTE);
    assert_false(budget_learn(budget, NULL, &own, c, &more, NOW)); /* a limit of ours below the vendor's stays */
    assert_true(budget_learn(budget, NULL, &own, c, &again, NOW));
    assert_int_equal(budget_wait_us(NULL, &own, c, 0, NOW, NULL), 30 * US_PER_S);
    for (int i = 0; i < 9; i++)
        budget_spend(NULL, &own, c, NOW + 300 * US_PER_S);
    assert_int_equal(budget_wait_us(NULL, &own, c, 0, NOW + 300 * US_PER_S, NULL), 0);
    end();
}

static void
test_a_status_that_means_empty_empties_the_window(void **state)
{
    (void)state;
    begin("  status_codes_for_ratelimit_hit: [429, 503]\n"
          "  policies:\n  - {type: MovingWindowCallRatePolicy, rates: [{limit: 100, interval: PT8S}], matchers: []}\n");
    struct budget_charge c = charge_of("GET", "https://api.example.com/items");
    struct http_reply fine = answer(500, "x", "1"), hit = answer(503, "x", "1");
    budget_spend(NULL, &own, c, NOW);
    assert_false(budget_learn(budget, NULL, &own, c, &fine, NOW));
    assert_true(budget_learn(budget, NULL, &own, c, &hit, NOW));
    int64_t wait_us = budget_wait_us(NULL, &own, c, 0, NOW, NULL);
    assert_true(wait_us >= 8 * US_PER_S && wait_us <= 8500 * US_PER_MS);
    end();
}

static void
test_two_countings_add_up_and_come_apart(void **state)
{
    struct budget_meters kept = {0}, taken;
    (void)state;
    begin("  policies:\n  - {type: FixedWindowCallRatePolicy, period: PT1M, call_limit: 6, matchers: []}\n");
    struct budget_charge c = charge_of("GET", "https://api.example.com/items");
    for (int i = 0; i < 3; i++) {
        budget_spend(NULL, &own, c, NOW - i * 10 * US_PER_S);
        budget_spend(NULL, &kept, c, NOW - i * 9 * US_PER_S);
    }
    assert_true(budget_wait_us(&kept, &own, c, 0, NOW, NULL) > 0);
    taken = own;
    budget_spend(NULL, &own, c, NOW);
    budget_add(&kept, &taken);
    budget_subtract(&own, &taken);
    assert_true(budget_wait_us(&kept, NULL, c, 0, NOW, NULL) > 0);
    budget_shift(&kept, 7 * US_PER_S);
    budget_shift(&kept, -7 * US_PER_S);
    assert_true(budget_wait_us(&kept, NULL, c, 0, NOW, NULL) > 30 * US_PER_S);
    assert_int_equal(budget_wait_us(&kept, NULL, c, 0, NOW + 50 * US_PER_S, NULL), 0);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(budget_wait_us(NULL, &own, c, 0, NOW, NULL), 0); /* the one that came since */
        budget_spend(NULL, &own, c, NOW);
    }
    assert_true(budget_wait_us(NULL, &own, c, 0, NOW, NULL) > 0);
    end();
}

static void
test_a_clock_that_is_put_back_holds_nobody_for_longer(void **state)
{
    (void)state;
    begin("  policies:\n  - {type: FixedWindowCallRatePolicy, period: PT1M, call_limit: 2, matchers: []}\n");
    struct budget_charge c = charge_of("GET", "https://api.example.com/items");
    budget_spend(NULL, &own, c, NOW);
    budget_spend(NULL, &own, c, NOW);
    int64_t before_us = NOW - 24 * US_PER_HOUR;
    assert_int_equal(budget_wait_us(NULL, &own, c, 0, before_us, NULL), 0);
    budget_spend(NULL, &own, c, before_us);
    budget_spend(NULL, &own, c, before_us);
    assert_true(budget_wait_us(NULL, &own, c, 0, before_us, NULL) <= 64 * US_PER_S);
    end();
}

static void
expect_refused(const char *policies, const char *config, enum err_code code, const char *words)
{
    struct err err = {0};
    assert_false(make(policies, config, &err));
    assert_int_equal(err.code, code);
    if (!str_contains(str_from_c(err.message), str_from_c(words)))
        fail_msg("%s", err.message);
    end();
}

static void
test_a_budget_that_makes_no_sense_is_told(void **state)
{
    (void)state;
    expect_refused("  policies: [{type: Other}]\n", "{}", E_TEMPLATE_INVALID, "api_budget");
    expect_refused("  policies: [{type: MovingWindowCallRatePolicy, rates: []}]\n", "{}", E_TEMPLATE_INVALID, "needs rates");
    expect_refused("  policies: [{type: FixedWindowCallRatePolicy, period: soon, call_limit: 1}]\n", "{}", E_TEMPLATE_INVALID, "interval");
    expect_refused("  policies: [{type: UnlimitedCallRatePolicy, matchers: [{url_path_pattern: '('}]}]\n", "{}", E_TEMPLATE_INVALID,
                   "regular expression");
    expect_refused("  policies: [{type: FixedWindowCallRatePolicy, period: PT1S, call_limit: '{{ config.many }}'}]\n",
                   "{\"many\":\"lots\"}", E_EXPRESSION, "lots");
}

/* ---- tidemark manifest read */

struct world {
    int64_t now_us;
    unsigned requests;
    int64_t waited_ms;
    struct http_reply reply;
};

static int64_t
world_now(void *ctx)
{
    return ((struct world *)ctx)->now_us;
}

static const struct http_reply *
world_fetch(void *ctx, const struct http_request *request, struct err *err)
{
    struct world *w = ctx;
    (void)request, (void)err;
    w->reply = (struct http_reply){.status = 200, .body = w->requests++ < 9 ? STR("{\"items\":[{\"id\":1}]}") : STR("{\"items\":[]}")};
    return &w->reply;
}

static bool
world_wait(void *ctx, int64_t wait_ms, struct str reason)
{
    struct world *w = ctx;
    assert_true(str_contains(reason, STR("api_budget")));
    w->now_us += wait_ms * US_PER_MS;
    w->waited_ms += wait_ms;
    return true;
}

static void
test_reading_a_stream_keeps_the_budget_and_waits_no_longer(void **state)
{
    struct err err = {0};
    struct world w = {.now_us = NOW};
    char *text = NULL;
    size_t len = 0;
    (void)state;
    begin("  policies:\n  - {type: MovingWindowCallRatePolicy, rates: [{limit: 2, interval: PT2S}], matchers: []}\n");
    FILE *out = open_memstream(&text, &len);
    struct manifest_fetcher fetcher = {.fetch = world_fetch, .wait = world_wait, .ctx = &w, .now_us = world_now};
    struct manifest_input in = {.yaml = template_info(template)->source, .name = STR("acme"), .config = STR("{}"),
                                .now = STR("2026-06-15T12:34:56Z")};
    assert_ok(manifest_read(&in, STR("items"), STR_NONE, MANIFEST_READ_RECORDS, 0, &fetcher, out, &err), err);
    fclose(out);
    assert_int_equal(w.requests, 10);
    assert_true(w.waited_ms >= 4 * 2000 && w.waited_ms <= 4 * 2125 + 10);
    free(text);
    end();
}
