/*
 * Tokens. The signed ones were made by Node's crypto with throw-away keys; their claims are
 * {"sub":"user-1","tenantId":"org123","role":"admin","aud":["tidemark","x"],"iss":"https://id.example",
 *  "iat":1700000000,"exp":1700003600}.
 */
#include "base/test.h"

#include "base/clock.h"
#include "base/encode.h"
#include "crypt/digest.h"
#include "crypt/jwt.h"

#define SECRET "throw-away-jwt-secret-of-32-bytes!"
#define NOW_US (INT64_C(1700000060) * US_PER_S)
#define EXP_US (INT64_C(1700003600) * US_PER_S)

static const char hs256_token[] =
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1c2VyLTEiLCJ0ZW5hbnRJZCI6Im9yZzEyMyIsInJvbGUiOiJhZG1pbiIsImF1Z"
    "CI6WyJ0aWRlbWFyayIsIngiXSwiaXNzIjoiaHR0cHM6Ly9pZC5leGFtcGxlIiwiaWF0IjoxNzAwMDAwMDAwLCJleHAiOjE3MDAwMDM2MDB9.DW"
    "yW2fyLsiNs10Slo5XCWhJNzuKNMMdhb5wG3TxBR-o";
static const char rs256_token[] =
    "eyJhbGciOiJSUzI1NiIsImtpZCI6InIxIn0.eyJzdWIiOiJ1c2VyLTEiLCJ0ZW5hbnRJZCI6Im9yZzEyMyIsInJvbGUiOiJhZG1pbiIsImF1ZC"
    "I6WyJ0aWRlbWFyayIsIngiXSwiaXNzIjoiaHR0cHM6Ly9pZC5leGFtcGxlIiwiaWF0IjoxNzAwMDAwMDAwLCJleHAiOjE3MDAwMDM2MDB9.i09"
    "v4HNlTwDKRxKM93OnYEElw6TPrMRwXnH0t5A0t2q4XueXyd1cWRytqubKE9XUTh6S1IdEL0DnF1PQ5wXngnjs7XXHPmyeNvF8pEr84J-M_k4Ui"
    "TowNlGTKPUf3XQlT9MhTqnPtBcfuqCZgIWM_C-t4-svD96rXiEt4A27DlDLbevxM0O1QCMaDTbcI68uNGGNU6bis02vU3ckBMwwxCM0fbPBoIG"
    "J_8c8EylmDvdlFjbusyd8xOHQpIPDffHShXB8rEvGNHX7JOSxszHQ3tvR47vaGYa7bxBiy-G0vpyc4ls7AE75JH9N34H6ChMdNdPNSMFEtrsMt"
    "8d7gqbFIw";
static const char es256_token[] =
    "eyJhbGciOiJFUzI1NiIsImtpZCI6ImUxIn0.eyJzdWIiOiJ1c2VyLTEiLCJ0ZW5hbnRJZCI6Im9yZzEyMyIsInJvbGUiOiJhZG1pbiIsImF1ZC"
    "I6WyJ0aWRlbWFyayIsIngiXSwiaXNzIjoiaHR0cHM6Ly9pZC5leGFtcGxlIiwiaWF0IjoxNzAwMDAwMDAwLCJleHAiOjE3MDAwMDM2MDB9.7Rv"
    "hPNATHmAjDk8MAAJWBYKi8GyMmL1JN2VPPQUOk0x1vVKhwmH84C-djXtkK1rLKm6Xk9KE6YxmdfZizzohYg";
static const char eddsa_token[] =
    "eyJhbGciOiJFZERTQSIsImtpZCI6ImQxIn0.eyJzdWIiOiJ1c2VyLTEiLCJ0ZW5hbnRJZCI6Im9yZzEyMyIsInJvbGUiOiJhZG1pbiIsImF1ZC"
    "I6WyJ0aWRlbWFyayIsIngiXSwiaXNzIjoiaHR0cHM6Ly9pZC5leGFtcGxlIiwiaWF0IjoxNzAwMDAwMDAwLCJleHAiOjE3MDAwMDM2MDB9.y-s"
    "wzfxyez7oTDYlsWgeF1aLvTiyDoAfK0GytFoAmYu_BLxYrxpIsX2fbFAAcbPCeidL9a8d5bpuwgYxo25CBg";
static const char jwks[] =
    "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"mFazQQc5dLfoPo_8VZr4DqVk1T45qFlX1Bln8qPW_Rjri6ZVZS9BsocoamuWBjhSX4ugwmZwHE"
    "LhNH_wSKFkM5U36oFPF9RHGqzet1YWLffQjIMfPSt8HCBCzA80ySaNEt5othXtSZJig2V9yRqx_tBVSSpCY-jHtnDFPcPFp9FGyVu89hMuWyJd"
    "a-p0X3U0_25OyziHpUgaCTMRJH4O9BV8X8tH4RykS6noiKg-I-zV9Ejb9MdGORnCCtDaU4IdGOI5QvF4XhnA8ttX6_hldPnmwTPrOn_dS0NUeT"
    "jDh73d3nmmOr2rdpP9zMu5Yx1mE6xbZ6O5wHM7PDbqDVyNFw\",\"e\":\"AQAB\",\"kid\":\"r1\",\"use\":\"sig\",\"alg\":\"RS2"
    "56\"},{\"kty\":\"EC\",\"x\":\"8IKuwuQ5qqftxMvfoE-3BqnDs5dldygBwB24D9_TlzU\",\"y\":\"aybl-b_--t8NvZ2a_gu4IxrFOF"
    "P78pYouYFQCPTRaPA\",\"crv\":\"P-256\",\"kid\":\"e1\"},{\"crv\":\"Ed25519\",\"x\":\"IBvWBvgUi7TeHpAggH_VQhts9-O"
    "pqU1ZuLLdETyXoio\",\"kty\":\"OKP\",\"kid\":\"d1\"}]}";

struct fixture {
    struct arena a;
    struct jwt_keys *keys;
    yyjson_val *claims;
    struct err err;
};

static int
setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    arena_init(&f->a, 1024 * 1024);
    f->keys = jwt_keys_new();
    assert_ok(jwt_keys_add_secret(f->keys, STR(SECRET), &f->err), f->err);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;
    jwt_keys_free(f->keys);
    arena_release(&f->a);
    test_free(f);
    return 0;
}

static bool
verify(struct fixture *f, struct str token)
{
    return jwt_verify(f->keys, NULL, NOW_US, token, &f->a, &f->claims, &f->err);
}

/* A token with this header and these claims, properly signed with HS256 whatever the header says. */
static struct str
forge(struct fixture *f, const char *header, const char *claims)
{
    struct buf b;
    struct digest d;
    buf_init(&b, 4 * JWT_TEXT_BYTES_MAX);
    base64_encode(&b, str_from_c(header), BASE64_URL);
    buf_add_char(&b, '.');
    base64_encode(&b, str_from_c(claims), BASE64_URL);
    assert_ok(digest_hmac(DIGEST_SHA256, STR(SECRET), buf_str(&b), &d, &f->err), f->err);
    buf_add_char(&b, '.');
    base64_encode(&b, digest_bytes(&d), BASE64_URL);
    struct str token = str_copy(&f->a, buf_str(&b));
    buf_release(&b);
    return token;
}

#define HEADER "{\"alg\":\"HS256\"}"
#define CLAIMS "{\"sub\":\"u\",\"exp\":1700003600}"

static void
test_a_token_that_node_signed_is_accepted(void **state)
{
    struct fixture *f = *state;
    assert_ok(verify(f, str_from_c(hs256_token)), f->err);
    assert_str(json_str(json_get_c(f->claims, "sub")), "user-1");
    assert_str(json_str(json_get_c(f->claims, "tenantId")), "org123");
}

static void
test_public_keys_verify_what_their_private_ones_signed(void **state)
{
    struct fixture *f = *state;
    assert_false(verify(f, str_from_c(rs256_token)));
    assert_ok(jwt_keys_add_jwks(f->keys, str_from_c(jwks), JWT_RS256 | JWT_ES256 | JWT_EDDSA, &f->err), f->err);
    assert_ok(verify(f, str_from_c(rs256_token)), f->err);
    assert_ok(verify(f, str_from_c(es256_token)), f->err);
    assert_ok(verify(f, str_from_c(eddsa_token)), f->err);
}

static void
test_an_algorithm_that_was_not_allowed_is_passed_over(void **state)
{
    struct fixture *f = *state;
    assert_ok(jwt_keys_add_jwks(f->keys, str_from_c(jwks), JWT_ES256, &f->err), f->err);
    assert_ok(verify(f, str_from_c(es256_token)), f->err);
    assert_false(verify(f, str_from_c(rs256_token)));
    assert_false(verify(f, str_from_c(eddsa_token)));
}

static void
test_no_altered_signature_is_accepted(void **state)
{
    struct fixture *f = *state;
    static const char *const tokens[] = {hs256_token, rs256_token, es256_token, eddsa_token};
    assert_ok(jwt_keys_add_jwks(f->keys, str_from_c(jwks), JWT_RS256 | JWT_ES256 | JWT_EDDSA, &f->err), f->err);
    for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
        struct str token = str_copy(&f->a, str_from_c(tokens[i]));
        char *at = (char *)(uintptr_t)token.ptr + token.len - 20;
        *at = *at == 'A' ? 'B' : 'A';
        assert_fails_with(verify(f, token), f->err, E_UNAUTHORIZED);
        assert_fails_with(verify(f, str_slice(token, 0, (size_t)str_find_last(token, '.') + 1)), f->err, E_UNAUTHORIZED);
    }
    assert_null(f->claims);
}

/* D26: the algorithm is the key's, never the token's. */
static void
test_the_token_cannot_choose_its_algorithm(void **state)
{
    struct fixture *f = *state;
    static const char *const headers[] = {
        "{\"alg\":\"none\"}", "{\"alg\":\"None\"}", "{\"alg\":\"hs256\"}", "{\"alg\":\"HS512\"}", "{\"alg\":\"RS256\"}",
        "{\"alg\":\"EdDSA\"}", "{\"alg\":[\"HS256\"]}", "{}", "[]", "\"HS256\"", "", "{\"alg\":\"HS256\"",
        "{\"alg\":\"none\",\"alg\":\"HS256\"}", "{\"alg\":\"HS256\",\"crit\":[\"exp\"]}",
        "{\"alg\":\"HS256\",\"crit\":[]}", "{\"alg\":\"HS256\",\"kid\":7}"};
    assert_ok(verify(f, forge(f, HEADER, CLAIMS)), f->err);
    for (size_t i = 0; i < ARRAY_LEN(headers); i++)
        assert_fails_with(verify(f, forge(f, headers[i], CLAIMS)), f->err, E_UNAUTHORIZED);
    assert_fails_with(verify(f, STR("eyJhbGciOiJub25lIn0.eyJleHAiOjE3MDAwMDM2MDB9.")), f->err, E_UNAUTHORIZED);
}

static void
test_a_public_key_is_no_shared_secret(void **state)
{
    struct fixture *f = *state;
    jwt_keys_free(f->keys);
    f->keys = jwt_keys_new();
    assert_ok(jwt_keys_add_jwks(f->keys, str_from_c(jwks), JWT_RS256, &f->err), f->err);
    assert_fails_with(verify(f, forge(f, HEADER, CLAIMS)), f->err, E_UNAUTHORIZED);
}

static void
test_keys_inside_the_token_are_not_looked_at(void **state)
{
    struct fixture *f = *state;
    assert_ok(verify(f, forge(f, "{\"alg\":\"HS256\",\"jku\":\"https://evil.example\",\"jwk\":{\"kty\":\"oct\",\"k\":\"AA\"}}",
                              CLAIMS)), f->err);
}

/* F22: duplicate members are refused in tokens. */
static void
test_claims_that_occur_twice_or_are_no_object_are_refused(void **state)
{
    struct fixture *f = *state;
    static const char *const claims[] = {
        "{\"sub\":\"a\",\"sub\":\"b\",\"exp\":1700003600}", "[1]", "\"x\"", "", "{", "{\"exp\":1700003600}x",
        "{\"exp\":1700003600,\"a\":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}"};
    for (size_t i = 0; i < ARRAY_LEN(claims); i++)
        assert_fails_with(verify(f, forge(f, HEADER, claims[i])), f->err, E_UNAUTHORIZED);
}

static void
test_expiry_must_be_there_and_ahead(void **state)
{
    struct fixture *f = *state;
    static const char *const claims[] = {
        "{\"sub\":\"u\"}", "{\"exp\":null}", "{\"exp\":\"1700003600\"}", "{\"exp\":1e300}", "{\"exp\":-1e300}",
        "{\"exp\":99999999999999999999}", "{\"exp\":1700000060}", "{\"exp\":1700000059.9}"};
    for (size_t i = 0; i < ARRAY_LEN(claims); i++)
        assert_fails_with(verify(f, forge(f, HEADER, claims[i])), f->err, E_UNAUTHORIZED);
    assert_ok(verify(f, forge(f, HEADER, "{\"exp\":1700000061.5}")), f->err);
    assert_ok(verify(f, forge(f, HEADER, "{\"exp\":1.7000036e9}")), f->err);
    struct str token = str_from_c(hs256_token);
    assert_true(jwt_verify(f->keys, NULL, EXP_US - 1, token, &f->a, &f->claims, &f->err));
    assert_false(jwt_verify(f->keys, NULL, EXP_US, token, &f->a, &f->claims, &f->err));
}

static void
test_leeway_is_honoured_and_capped(void **state)
{
    struct fixture *f = *state;
    struct str token = str_from_c(hs256_token);
    struct jwt_policy policy = {.leeway_us = 30 * US_PER_S};
    assert_true(jwt_verify(f->keys, &policy, EXP_US + 29 * US_PER_S, token, &f->a, &f->claims, &f->err));
    assert_false(jwt_verify(f->keys, &policy, EXP_US + 30 * US_PER_S, token, &f->a, &f->claims, &f->err));
    policy.leeway_us = INT64_MAX;
    assert_false(jwt_verify(f->keys, &policy, EXP_US + JWT_LEEWAY_MAX_US, token, &f->a, &f->claims, &f->err));
}

static void
test_a_token_from_the_future_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_false(verify(f, forge(f, HEADER, "{\"exp\":1700003600,\"nbf\":1700000061}")));
    assert_false(verify(f, forge(f, HEADER, "{\"exp\":1700003600,\"iat\":1700000061}")));
    assert_false(verify(f, forge(f, HEADER, "{\"exp\":1700003600,\"nbf\":\"soon\"}")));
    assert_ok(verify(f, forge(f, HEADER, "{\"exp\":1700003600,\"nbf\":1700000060,\"iat\":1700000060}")), f->err);
}

static void
test_issuer_and_audience_count_when_configured(void **state)
{
    struct fixture *f = *state;
    struct str token = str_from_c(hs256_token), bare = forge(f, HEADER, CLAIMS);
    struct jwt_policy right = {.issuer = STR("https://id.example"), .audience = STR("tidemark")};
    struct jwt_policy issuer = {.issuer = STR("https://id.exampl")}, audience = {.audience = STR("tide")};
    assert_true(jwt_verify(f->keys, &right, NOW_US, token, &f->a, &f->claims, &f->err));
    assert_false(jwt_verify(f->keys, &right, NOW_US, bare, &f->a, &f->claims, &f->err));
    assert_false(jwt_verify(f->keys, &issuer, NOW_US, token, &f->a, &f->claims, &f->err));
    assert_false(jwt_verify(f->keys, &audience, NOW_US, token, &f->a, &f->claims, &f->err));
    assert_false(jwt_verify(f->keys, &audience, NOW_US, bare, &f->a, &f->claims, &f->err));
}

static void
test_texts_that_are_no_token_are_refused(void **state)
{
    struct fixture *f = *state;
    static const char *const texts[] = {"", ".", "..", "...", "a.b", "a.b.c", "a.b.c.d", "tm_abc", "=.=.="};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_fails_with(verify(f, str_from_c(texts[i])), f->err, E_UNAUTHORIZED);
    char *big = arena_alloc(&f->a, 20000);
    memset(big, 'A', 20000);
    assert_fails_with(verify(f, (struct str){big, 20000}), f->err, E_UNAUTHORIZED);
}

static void
test_what_is_signed_here_verifies_here(void **state)
{
    struct fixture *f = *state;
    struct str token;
    assert_ok(jwt_sign(STR(SECRET), STR(CLAIMS), &f->a, &token, &f->err), f->err);
    assert_ok(verify(f, token), f->err);
    assert_fails_with(jwt_sign(STR("short"), STR(CLAIMS), &f->a, &token, &f->err), f->err, E_CONFIG);
    assert_fails_with(jwt_sign(STR(SECRET), STR("{}"), &f->a, &token, &f->err), f->err, E_VALIDATION_FAILED);
}

static void
test_a_second_secret_serves_while_the_first_is_retired(void **state)
{
    struct fixture *f = *state;
    struct str token;
    assert_ok(jwt_sign(STR("another secret that has 32 bytes and more"), STR(CLAIMS), &f->a, &token, &f->err), f->err);
    assert_false(verify(f, token));
    assert_ok(jwt_keys_add_secret(f->keys, STR("another secret that has 32 bytes and more"), &f->err), f->err);
    assert_ok(verify(f, token), f->err);
    assert_fails_with(jwt_keys_add_secret(f->keys, STR("short"), &f->err), f->err, E_CONFIG);
}

static void
test_unusable_jwks_documents_are_named(void **state)
{
    struct fixture *f = *state;
    static const char *const documents[] = {
        "", "[]", "{}", "{\"keys\":[]}", "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}", "{\"keys\":[1,null,{}]}",
        "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}", "{\"keys\":[{\"kty\":\"RSA\"}]}",
        "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"\",\"e\":\"\"}]}", "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"\",\"y\":\"\"}]}",
        "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}]}",
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAA\",\"y\":\"AAAA\"}]}",
        "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"use\":\"enc\",\"x\":\"IBvWBvgUi7TeHpAggH_VQhts9-OpqU1ZuLLdETyXoio\"}]}"};
    for (size_t i = 0; i < ARRAY_LEN(documents); i++)
        assert_fails_with(jwt_keys_add_jwks(f->keys, str_from_c(documents[i]), JWT_RS256 | JWT_ES256 | JWT_EDDSA, &f->err),
                          f->err, E_CONFIG);
}

static void
test_an_unusable_key_does_not_take_the_others_with_it(void **state)
{
    struct fixture *f = *state;
    struct buf b;
    buf_init(&b, 64 * 1024);
    buf_addf(&b, "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"},{\"kty\":\"EC\",\"crv\":\"P-256\"},%s", strchr(jwks, '[') + 1);
    assert_ok(jwt_keys_add_jwks(f->keys, buf_str(&b), JWT_RS256 | JWT_ES256 | JWT_EDDSA, &f->err), f->err);
    assert_ok(verify(f, str_from_c(rs256_token)), f->err);
    buf_release(&b);
}

static void
test_the_key_a_token_asks_for_is_known_without_trusting_it(void **state)
{
    struct fixture *f = *state;
    enum jwt_algorithm algorithm;
    struct str kid;
    assert_ok(jwt_keys_add_jwks(f->keys, str_from_c(jwks), JWT_ES256, &f->err), f->err);
    assert_true(jwt_peek(str_from_c(es256_token), &f->a, &algorithm, &kid));
    assert_int_equal(algorithm, JWT_ES256);
    assert_true(jwt_keys_hold(f->keys, algorithm, kid));
    assert_false(jwt_keys_hold(f->keys, algorithm, STR("another")));
    assert_true(jwt_peek(str_from_c(rs256_token), &f->a, &algorithm, &kid));
    assert_false(jwt_keys_hold(f->keys, algorithm, kid));
    assert_false(jwt_peek(STR("a.b"), &f->a, &algorithm, &kid));
    assert_false(jwt_peek(STR("e30"), &f->a, &algorithm, &kid));
}
