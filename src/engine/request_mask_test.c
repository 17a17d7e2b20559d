#include "base/test.h"

#include "base/limits.h"
#include "base/log.h"
#include "engine/request_mask.h"

static struct arena arena;

static void
assert_url(const char *url, const char *masked)
{
    arena_init(&arena, 1024 * 1024);
    struct str got = request_mask_url(&arena, str_from_c(url));
    if (!str_eq_c(got, masked))
        fail_msg("%s became %.*s, not %s", url, STR_ARG(got), masked);
    arena_release(&arena);
}

/* I-29 */
static void
test_names_that_speak_of_credentials_are_known_in_every_spelling(void **state)
{
    (void)state;
    static const char *const secret[] = {"Authorization", "X-Shopify-Access-Token", "api_access_token", "x-amz-access-token", "hapikey", "apiKey",
        "client_secret", "refresh_token", "Cookie", "Set-Cookie", "X-Amz-Signature", "X-Amz-Credential", "password", "passwd", "appsecret_proof",
        "sig", "code", "X-Session-Id", "private-key", "Proxy-Authorization", "id_token_hint"};
    static const char *const open[] = {"Content-Type", "page", "pageToken", "NextToken", "next_page_token", "X-Request-Id", "Date", "Version",
        "assignee_type", "X-RateLimit-Remaining", "author_id", "status_code", "design", "Idempotency-Key", "updated_since", "WWW-Authenticate"};
    for (size_t i = 0; i < ARRAY_LEN(secret); i++)
        if (!request_mask_is_secret_name(str_from_c(secret[i])))
            fail_msg("%s shows", secret[i]);
    for (size_t i = 0; i < ARRAY_LEN(open); i++)
        if (request_mask_is_secret_name(str_from_c(open[i])))
            fail_msg("%s is hidden", open[i]);
}

static void
test_values_behind_secret_names_go_out_of_addresses(void **state)
{
    (void)state;
    assert_url("https://a.example/x?page=2&per=50", "https://a.example/x?page=2&per=50");
    assert_url("https://a.example/x?access_token=abc&page=2", "https://a.example/x?access_token=[redacted]&page=2");
    assert_url("https://a.example/x?page=2&api_key=a/b%2Fc?d", "https://a.example/x?page=2&api_key=[redacted]");
    assert_url("https://a.example/x#id_token=abc", "https://a.example/x#id_token=[redacted]");
    assert_url("https://ana:geheim@a.example/x@y?q=m@n", "https://[redacted]@a.example/x@y?q=m@n");
    assert_url("<https://a.example/x?cursor=1&token=abc>; rel=\"next\"", "<https://a.example/x?cursor=1&token=[redacted]>; rel=\"next\"");
    assert_url("https://a.example/x?token=&flag&=v", "https://a.example/x?token=&flag&=v");
    assert_url("https://a.example/x?", "https://a.example/x?");
    assert_url("", "");
}

static struct str
headers_json(const struct http_header *items, size_t count)
{
    struct buf json;
    struct arena scratch;
    arena_init(&arena, 4 * 1024 * 1024);
    arena_init(&scratch, 4 * 1024 * 1024);
    buf_init(&json, 1024 * 1024);
    request_mask_headers(&json, &scratch, &(struct http_headers){(struct http_header *)(uintptr_t)items, count});
    assert_true(buf_ok(&json));
    struct str text = str_copy(&arena, buf_str(&json));
    buf_release(&json);
    arena_release(&scratch);
    return text;
}

static void
test_headers_show_what_is_no_secret(void **state)
{
    (void)state;
    log_secret_add(STR("stored-canary-1"));
    const struct http_header items[] = {{STR("Authorization"), STR("Basic YW5hOmdlaGVpbQ==")}, {STR("authorization"), STR("nothing-before-it")},
        {STR("X-Location"), STR("https://b.example/?token=abc")}, {STR("X-Plain"), STR("with stored-canary-1 inside")},
        {STR("Accept"), STR("application/json")}, {STR("X-Latin"), STR("caf\xe9")}};
    struct str text = headers_json(items, ARRAY_LEN(items));
    assert_str(text, "[{\"name\":\"Authorization\",\"value\":\"Basic [redacted]\"},{\"name\":\"authorization\",\"value\":\"[redacted]\"},"
                       "{\"name\":\"X-Location\",\"value\":\"https://b.example/?token=[redacted]\"},"
                       "{\"name\":\"X-Plain\",\"value\":\"with [redacted] inside\"},"
                       "{\"name\":\"Accept\",\"value\":\"application/json\"},{\"name\":\"X-Latin\",\"value\":\"(not readable)\"}]");
    arena_release(&arena);
    log_secret_drop(STR("stored-canary-1"));
}

/* Redacted first: half a secret would no longer be known for one. */
static void
test_long_values_are_cut_after_redacting(void **state)
{
    (void)state;
    char value[LIMIT_REQUEST_KEPT_HEADER_BYTES + 8];
    memset(value, 'x', sizeof(value));
    memcpy(value + LIMIT_REQUEST_KEPT_HEADER_BYTES - 9, "stored-canary-2", 15);
    log_secret_add(STR("stored-canary-2"));
    struct str text = headers_json((const struct http_header[]){{STR("X-Long"), {value, sizeof(value)}}}, 1);
    assert_true(text.len < LIMIT_REQUEST_KEPT_HEADER_BYTES + 64);
    assert_false(str_contains(text, STR("stored")));
    arena_release(&arena);
    log_secret_drop(STR("stored-canary-2"));
}

static void
test_more_headers_than_are_kept_are_left_out(void **state)
{
    (void)state;
    struct http_header items[LIMIT_REQUEST_KEPT_HEADERS + 5];
    for (size_t i = 0; i < ARRAY_LEN(items); i++)
        items[i] = (struct http_header){i < LIMIT_REQUEST_KEPT_HEADERS ? STR("X-In") : STR("X-Out"), STR("v")};
    struct str text = headers_json(items, ARRAY_LEN(items));
    assert_true(str_contains(text, STR("X-In")));
    assert_false(str_contains(text, STR("X-Out")));
    arena_release(&arena);
}

/* The redactor's shortcut forgets nothing when another secret goes. */
static void
test_a_secret_that_goes_takes_no_other_along(void **state)
{
    (void)state;
    arena_init(&arena, 1024 * 1024);
    log_secret_add(STR("same-beginning-1"));
    log_secret_add(STR("same-beginning-2"));
    log_secret_add(STR("another-one"));
    assert_str(log_redact(&arena, STR("same-beginning-1,same-beginning-2,another-one,another")), "[redacted],[redacted],[redacted],another");
    log_secret_drop(STR("same-beginning-1"));
    assert_str(log_redact(&arena, STR("same-beginning-1,same-beginning-2another-one")), "same-beginning-1,[redacted][redacted]");
    log_secret_drop(STR("same-beginning-2"));
    log_secret_drop(STR("another-one"));
    assert_str(log_redact(&arena, STR("another-one tm_0123456789abcdef whsec_0123456789")), "another-one [redacted] [redacted]");
    arena_release(&arena);
}
