#include "base/test.h"

#include "base/clock.h"
#include "base/limits.h"
#include "crypt/digest.h"
#include "template/signature.h"

#define ARENA_BYTES (16 * 1024 * 1024)

/* The vendors' published rules; the values are those of their documentation or were made by the rule with throw-away keys. */
static const char chatwoot[] =
    "[{\"kind\":\"hmac_sha256\",\"header\":\"X-Chatwoot-Signature\",\"prefix\":\"sha256=\",\"signed\":\"{timestamp}.{body}\","
    "\"timestamp\":{\"header\":\"X-Chatwoot-Timestamp\",\"unit\":\"s\"}}]";
static const char chatwoot_body[] =
    "{\"account\":{\"id\":1,\"name\":\"Acme Inc\"},\"additional_attributes\":{\"city\":\"Recife\",\"country\":\"Brazil\","
    "\"company_name\":\"Acme\"},\"avatar\":\"\",\"custom_attributes\":{},\"email\":\"ana@example.com\",\"id\":789,"
    "\"identifier\":null,\"name\":\"Ana Souza\",\"phone_number\":\"+5581999990000\",\"thumbnail\":\"\",\"blocked\":false,"
    "\"event\":\"contact_created\"}";
static const char hubspot[] =
    "[{\"kind\":\"hmac_sha256\",\"header\":\"X-HubSpot-Signature-v3\",\"encoding\":\"base64\","
    "\"signed\":\"{method}{url}{body}{timestamp}\","
    "\"timestamp\":{\"header\":\"X-HubSpot-Request-Timestamp\",\"unit\":\"ms\"}},"
    "{\"kind\":\"sha256\",\"header\":\"X-HubSpot-Signature\"},"
    "{\"kind\":\"sha256\",\"header\":\"X-HubSpot-Signature\",\"signed\":\"{method}{url}{body}\"}]";
static const char hubspot_body[] =
    "[{\"eventId\":1,\"subscriptionId\":12345,\"portalId\":62515,\"occurredAt\":1564113600000,\"subscriptionType\":"
    "\"contact.creation\",\"attemptNumber\":0,\"objectId\":123,\"changeSource\":\"CRM\",\"changeFlag\":\"NEW\",\"appId\":54321}]";
static const char meta[] = "[{\"kind\":\"hmac_sha256\",\"header\":\"X-Hub-Signature-256\",\"prefix\":\"sha256=\"}]";
static const char highlevel[] =
    "[{\"kind\":\"ed25519\",\"header\":\"x-ghl-signature\",\"encoding\":\"base64\",\"public_key\":\"-----BEGIN PUBLIC KEY-----\\n"
    "MCowBQYDK2VwAyEAA6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=\\n-----END PUBLIC KEY-----\\n\"}]";
static const char standard[] = "[{\"kind\":\"standard_webhooks\",\"header\":\"webhook-signature\"}]";

struct fixture {
    struct arena arena;
    struct err err;
};

static int
setup(void **state)
{
    static struct fixture fixture;
    arena_init(&fixture.arena, ARENA_BYTES);
    *state = &fixture;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;
    arena_release(&f->arena);
    return 0;
}

static enum signature_verdict
verify(struct fixture *f, const char *schemes, struct signature_request request, struct str secret, struct http_header *items,
       size_t count)
{
    yyjson_val *spec = json_parse(&f->arena, str_from_c(schemes), 0, LIMIT_JSON_DEPTH_API, &f->err);
    assert_non_null(spec);
    assert_ok(signature_schemes_check(spec, &f->err), f->err);
    struct http_headers headers = {items, count};
    request.headers = &headers;
    return signature_verify(spec, &request, &secret, 1, &f->arena);
}

static int64_t
seconds(int64_t s)
{
    return s * US_PER_S;
}

static enum signature_verdict
verify_chatwoot(struct fixture *f, const char *body, const char *secret, const char *signature, int64_t now_us)
{
    struct http_header items[] = {{STR("x-chatwoot-timestamp"), STR("1767434401")},
                                  {STR("x-chatwoot-signature"), str_from_c(signature)}};
    struct signature_request request = {.method = STR("POST"), .body = str_from_c(body), .now_us = now_us};
    return verify(f, chatwoot, request, str_from_c(secret), items, 2);
}

#define CHATWOOT_SECRET "dVkQzq5nq3bE2Yx9p1cZr7Ta"
#define CHATWOOT_SIGNATURE "sha256=9fa8bed6f6f5a86861b8f27cc7b0a8c31b6b7e153e5d8e8f516fdbb7c7c74f9a"

static void
test_hmac_over_timestamp_and_body_is_verified_and_an_altered_one_refused(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(verify_chatwoot(f, chatwoot_body, CHATWOOT_SECRET, CHATWOOT_SIGNATURE, seconds(1767434401)), SIGNATURE_VALID);
    assert_int_equal(verify_chatwoot(f, "{}", CHATWOOT_SECRET, CHATWOOT_SIGNATURE, seconds(1767434401)), SIGNATURE_WRONG);
    assert_int_equal(verify_chatwoot(f, chatwoot_body, "another", CHATWOOT_SIGNATURE, seconds(1767434401)), SIGNATURE_WRONG);
    assert_int_equal(verify_chatwoot(f, chatwoot_body, "", CHATWOOT_SIGNATURE, seconds(1767434401)), SIGNATURE_WRONG);
    assert_int_equal(verify_chatwoot(f, chatwoot_body, CHATWOOT_SECRET, &CHATWOOT_SIGNATURE[7], seconds(1767434401)), SIGNATURE_WRONG);
    assert_int_equal(verify_chatwoot(f, chatwoot_body, CHATWOOT_SECRET, "", seconds(1767434401)), SIGNATURE_WRONG);
}

/* I-21: off by more than 300 s is refused. */
static void
test_an_old_or_future_timestamp_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(verify_chatwoot(f, chatwoot_body, CHATWOOT_SECRET, CHATWOOT_SIGNATURE, seconds(1767434701)), SIGNATURE_VALID);
    assert_int_equal(verify_chatwoot(f, chatwoot_body, CHATWOOT_SECRET, CHATWOOT_SIGNATURE, seconds(1767434702)), SIGNATURE_WRONG);
    assert_int_equal(verify_chatwoot(f, chatwoot_body, CHATWOOT_SECRET, CHATWOOT_SIGNATURE, seconds(1767434100)), SIGNATURE_WRONG);
}

static void
test_no_signature_header_is_absent_not_wrong(void **state)
{
    struct fixture *f = *state;
    struct signature_request request = {.body = STR("{}")};
    assert_int_equal(verify(f, chatwoot, request, STR("secret"), NULL, 0), SIGNATURE_ABSENT);
    assert_int_equal(signature_verify(NULL, &request, NULL, 0, &f->arena), SIGNATURE_ABSENT);
}

static void
test_method_url_body_and_timestamp_are_signed_together(void **state)
{
    struct fixture *f = *state;
    struct http_header items[] = {{STR("X-HubSpot-Request-Timestamp"), STR("1716302400000")},
                                  {STR("X-HubSpot-Signature-v3"), STR("SGryJn2pELkoZWFlrsh41xrcZIB3bvOeinZX8fW24P8=")}};
    struct signature_request request = {.method = STR("POST"), .url = STR("https://tidemark.example/hooks/hubspot?a=1"),
                                        .body = str_from_c(hubspot_body), .now_us = seconds(1716302400)};
    struct str secret = STR("yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy");
    assert_int_equal(verify(f, hubspot, request, secret, items, 2), SIGNATURE_VALID);
    request.url = STR("http://tidemark.example/hooks/hubspot?a=1");
    assert_int_equal(verify(f, hubspot, request, secret, items, 2), SIGNATURE_WRONG);
}

static void
test_the_older_scheme_decides_when_only_its_header_is_there(void **state)
{
    struct fixture *f = *state;
    struct http_header items[] = {
        {STR("X-HubSpot-Signature"), STR("232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de")}};
    struct signature_request request = {.method = STR("POST"), .body = str_from_c(hubspot_body)};
    assert_int_equal(verify(f, hubspot, request, STR("yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"), items, 1), SIGNATURE_VALID);
    assert_int_equal(verify(f, hubspot, request, STR("zzzzzzzz-yyyy-yyyy-yyyy-yyyyyyyyyyyy"), items, 1), SIGNATURE_WRONG);
}

static void
test_a_prefixed_hmac_over_the_body_is_verified(void **state)
{
    struct fixture *f = *state;
    struct http_header items[] = {{STR("X-Hub-Signature-256"),
                                   STR("sha256=e6e9d7a842a48e17f43a34d6125d0d933e2aab92ee37f0993a4d493b50e3d438")}};
    struct signature_request request = {.body = STR("{\"object\":\"page\",\"entry\":[]}")};
    assert_int_equal(verify(f, meta, request, STR("app-secret"), items, 1), SIGNATURE_VALID);
    request.body = STR("{\"object\":\"page\",\"entry\":[ ]}");
    assert_int_equal(verify(f, meta, request, STR("app-secret"), items, 1), SIGNATURE_WRONG);
}

static void
test_an_ed25519_signature_of_something_else_is_wrong(void **state)
{
    struct fixture *f = *state;
    struct http_header items[] = {{STR("X-GHL-Signature"), STR("4ZJn/fCxBy43bvoYd2+s+4ph/4MqTvHbujewrdUcfLr9B9ZA5SI23yUIObC2sN0"
                                                               "GFIJsnV1xGvIAki3FIt7QCA==")}};
    struct signature_request request = {.body = STR("{\"type\":\"ContactCreate\"}")};
    assert_int_equal(verify(f, highlevel, request, STR_NONE, items, 1), SIGNATURE_WRONG);
}

/* The example of the Standard Webhooks specification's reference libraries, with its published test secret. */
static void
test_standard_webhooks_take_any_of_several_signatures(void **state)
{
    struct fixture *f = *state;
    struct http_header items[] = {
        {STR("webhook-id"), STR("msg_p5jXN8AQM9LWM0D4loKWxJek")},
        {STR("webhook-timestamp"), STR("1614265330")},
        {STR("webhook-signature"), STR("v1,AAAA v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")}};
    struct signature_request request = {.body = STR("{\"test\": 2432232314}"), .now_us = seconds(1614265330)};
    struct str secret = STR("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    assert_int_equal(verify(f, standard, request, secret, items, 3), SIGNATURE_VALID);
    items[0].value = STR("msg_other");
    assert_int_equal(verify(f, standard, request, secret, items, 3), SIGNATURE_WRONG);
}

static void
test_schemes_that_cannot_work_are_refused_when_loaded(void **state)
{
    struct fixture *f = *state;
    const char *const bad[] = {
        "{}", "[{\"kind\":\"hmac_md4\",\"header\":\"x\"}]", "[{\"kind\":\"hmac_sha256\"}]",
        "[{\"kind\":\"hmac_sha256\",\"header\":\"x\",\"signed\":\"{cookie}\"}]",
        "[{\"kind\":\"hmac_sha256\",\"header\":\"x\",\"tolerance_s\":0}]",
        "[{\"kind\":\"ed25519\",\"header\":\"x\",\"public_key\":\"none\"}]"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        yyjson_val *spec = json_parse(&f->arena, str_from_c(bad[i]), 0, LIMIT_JSON_DEPTH_API, &f->err);
        assert_fails_with(signature_schemes_check(spec, &f->err), f->err, E_TEMPLATE_INVALID);
    }
}

/* What is wrong with a scheme, and that the words say where and what to do. */
static void
assert_refused(struct fixture *f, const char *scheme, const char *where, const char *what)
{
    struct err err = {0};
    yyjson_val *spec = json_parse(&f->arena, str_from_c(scheme), 0, LIMIT_JSON_DEPTH_API, &f->err);
    assert_non_null(spec);
    assert_fails_with(signature_schemes_check(spec, &err), err, E_TEMPLATE_INVALID);
    if (strstr(err.message, where) == NULL || strstr(err.message, what) == NULL)
        fail_msg("%s: \"%s\" does not say \"%s\" and \"%s\"", scheme, err.message, where, what);
}

static void
test_a_signed_text_whose_parts_do_not_exist_is_refused_when_loaded(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *scheme, *where, *what;
    } bad[] = {
        {"[{\"kind\":\"hmac_sha256\",\"header\":\"x\"},{\"kind\":\"hmac_sha256\",\"header\":\"y\",\"signed\":\"{cookie}.{body}\"}]",
         "verify/1/signed", "{cookie}"},
        {"[{\"kind\":\"hmac_sha256\",\"header\":\"x\",\"signed\":\"{Body}\"}]", "verify/0/signed", "{Body}"},
        {"[{\"kind\":\"hmac_sha256\",\"header\":\"x\",\"signed\":\"{}{body}\"}]", "verify/0/signed", "{}"},
        {"[{\"kind\":\"hmac_sha256\",\"header\":\"x\",\"signed\":\"{id}.{body}\"}]", "verify/0/signed", "{id}"},
        {"[{\"kind\":\"hmac_sha256\",\"header\":\"x\",\"signed\":\"{body}{url\"}]", "verify/0/signed", "never closed"},
        {"[{\"kind\":\"hmac_sha256\",\"header\":\"x\",\"signed\":\"{timestamp}.{body}\"}]", "verify/0/signed", "timestamp: {header"},
        {"[{\"kind\":\"hmac_sha256\",\"header\":\"x\",\"signed\":\"{method}{url}\"}]", "verify/0/signed", "{body} is missing"},
        {"[{\"kind\":\"hmac_sha256\",\"header\":\"x\",\"signed\":\"\"}]", "verify/0/signed", "{body} is missing"},
        {"[{\"kind\":\"hmac_sha256\",\"header\":\"x\",\"signed\":[\"{timestamp}\",\"{body}\"]}]", "verify/0/signed", "a text"},
        {"[{\"kind\":\"standard_webhooks\",\"header\":\"x\",\"signed\":\"{body}\"}]", "verify/0/signed", "leave it out"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_refused(f, bad[i].scheme, bad[i].where, bad[i].what);
}

static void
test_a_time_and_an_encoding_that_cannot_be_read_are_refused_when_loaded(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, "[{\"kind\":\"hmac_sha256\",\"header\":\"x\",\"timestamp\":{\"unit\":\"s\"}}]", "verify/0/timestamp/header", "name");
    assert_refused(f, "[{\"kind\":\"hmac_sha256\",\"header\":\"x\",\"timestamp\":\"x-time\"}]", "verify/0/timestamp", "name");
    assert_refused(f, "[{\"kind\":\"hmac_sha256\",\"header\":\"x\",\"timestamp\":{\"header\":\"t\",\"unit\":\"us\"}}]",
                   "verify/0/timestamp/unit", "rfc3339");
    assert_refused(f, "[{\"kind\":\"hmac_sha256\",\"header\":\"x\",\"encoding\":\"base46\"}]", "verify/0/encoding", "base64");
}

/* The vendor's own vectors of its versions 1 and 2, which share a header. */
static void
test_several_schemes_may_share_a_header_and_one_right_one_is_enough(void **state)
{
    struct fixture *f = *state;
    struct str secret = STR("yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy");
    struct http_header two[] = {{STR("X-HubSpot-Signature"), STR("eee2dddcc73c94d699f5e395f4b9d454a069a6855fbfa152e91e88823087200e")}};
    struct signature_request request = {.method = STR("GET"), .url = STR("https://www.example.com/webhook_uri"), .body = STR("")};
    assert_int_equal(verify(f, hubspot, request, secret, two, 1), SIGNATURE_VALID);
    request.url = STR("https://www.example.com/webhook_ur1");
    assert_int_equal(verify(f, hubspot, request, secret, two, 1), SIGNATURE_WRONG);
    struct http_header one[] = {{STR("X-HubSpot-Signature"), STR("232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de")}};
    request.body = str_from_c(hubspot_body);
    assert_int_equal(verify(f, hubspot, request, secret, one, 1), SIGNATURE_VALID);
    /* Another header does not mend a wrong one. */
    struct http_header both[] = {{STR("X-HubSpot-Signature-v3"), STR("AAAA")}, one[0]};
    assert_int_equal(verify(f, hubspot, request, secret, both, 2), SIGNATURE_WRONG);
}

/* Whatever was checked: a part that is not there is no empty part. Each signature is right for the text without the part. */
static void
test_a_part_that_is_not_there_is_never_left_out_of_what_is_signed(void **state)
{
    struct fixture *f = *state;
    static const char *const schemes[] = {
        "[{\"kind\":\"hmac_sha256\",\"header\":\"x\",\"signed\":\"{cookie}{body}\"}]",
        "[{\"kind\":\"hmac_sha256\",\"header\":\"x\",\"signed\":\"{body}{url\"}]",
        "[{\"kind\":\"hmac_sha256\",\"header\":\"x\",\"signed\":\"{timestamp}{body}\"}]",
        "[{\"kind\":\"hmac_sha256\",\"header\":\"x\",\"signed\":\"{url}{body}\"}]",
        "[{\"kind\":\"hmac_sha256\",\"header\":\"x\",\"signed\":\"{method}{body}\"}]"};
    struct digest digest;
    struct str secret = STR("secret");
    char hex[DIGEST_TEXT_BYTES];
    assert_ok(digest_hmac(DIGEST_SHA256, secret, STR("{}"), &digest, &f->err), f->err);
    struct http_header items[] = {{STR("x"), str_from_c(digest_hex(&digest, hex))}};
    struct http_headers headers = {items, 1};
    struct signature_request request = {.body = STR("{}"), .headers = &headers};
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        yyjson_val *spec = json_parse(&f->arena, str_from_c(schemes[i]), 0, LIMIT_JSON_DEPTH_API, &f->err);
        assert_int_equal(signature_verify(spec, &request, &secret, 1, &f->arena), SIGNATURE_WRONG);
    }
}
