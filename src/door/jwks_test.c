/*
 * Published keys against an address that answers, changes and fails (the clock is the test's).
 */
#include "base/test.h"

#include "door/jwks.h"
#include "net/test_vendor.h"

#define NOW_US INT64_C(1767225600000000) /* 2026-01-01 */

static struct clock_manual manual;
static struct arena arena;
static struct jwks *jwks;
static _Atomic(const char *) document; /* what the address answers; NULL: 500 */
static atomic_bool hangs;              /* it does not answer yet */
static atomic_int refused;             /* of verify_late: so many were not let wait */

static void
talk(int fd, int number)
{
    (void)number;
    char head[128];
    while (read_request(&vendor, fd)) {
        while (atomic_load(&hangs))
            usleep(1000);
        const char *text = atomic_load(&document);
        snprintf(head, sizeof(head), "HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n", text ? "200 OK" : "500 No",
                 text ? strlen(text) : 0);
        say(fd, head);
        say(fd, text ? text : "");
        return;
    }
}

#include "door/jwks_test_keys.h"

static int
setup(void **state)
{
    vendor_setup(state);
    vendor_start(&vendor, talk);
    clock_manual_init(&manual, NOW_US);
    clock_manual_advance(&manual, US_PER_S);
    arena_init(&arena, 1 << 20);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/jwks.json", vendor.port);
    struct jwks_options options = {.client = client, .clock = &manual.clock, .url = str_from_c(url), .algorithms = JWT_ES256,
                                   .fetch_ms = 60000};
    struct err err = {0};
    jwks = jwks_new(&options, &err);
    assert_non_null(jwks);
    return 0;
}

static int
teardown(void **state)
{
    jwks_free(jwks);
    arena_release(&arena);
    return vendor_teardown(state);
}

static enum err_code
verify(const char *token)
{
    struct err err = {0};
    yyjson_val *claims;
    return jwks_verify(jwks, NULL, NOW_US, str_from_c(token), &arena, &claims, &err) ? E_OK : err.code;
}

static int
fetches(void)
{
    return atomic_load(&vendor.connections);
}

static void
test_keys_are_fetched_once_and_kept(void **state)
{
    (void)state;
    atomic_store(&document, document_a);
    for (int i = 0; i < 5; i++)
        assert_int_equal(verify(token_a), E_OK);
    assert_int_equal(fetches(), 1);
}

static void
test_an_unknown_key_id_is_looked_for_but_not_more_often_than_allowed(void **state)
{
    (void)state;
    atomic_store(&document, document_a);
    assert_int_equal(verify(token_a), E_OK);
    atomic_store(&document, document_ab);
    for (int i = 0; i < 10; i++)
        assert_int_equal(verify(token_b), E_UNAUTHORIZED);
    assert_int_equal(fetches(), 1); /* the first was just now */
    clock_manual_advance(&manual, LIMIT_JWKS_RETRY_S * US_PER_S);
    assert_int_equal(verify(token_b), E_OK);
    assert_int_equal(verify(token_a), E_OK);
    assert_int_equal(fetches(), 2);
}

static void
test_old_keys_serve_while_the_address_fails_but_not_for_ever(void **state)
{
    (void)state;
    atomic_store(&document, document_a);
    assert_int_equal(verify(token_a), E_OK);
    atomic_store(&document, NULL);
    clock_manual_advance(&manual, LIMIT_JWKS_FRESH_S * US_PER_S);
    assert_int_equal(verify(token_a), E_OK);
    clock_manual_advance(&manual, LIMIT_JWKS_RETRY_S * US_PER_S);
    assert_int_equal(verify(token_b), E_UNAUTHORIZED);
    atomic_store(&document, "{\"keys\":[]}");
    clock_manual_advance(&manual, LIMIT_JWKS_RETRY_S * US_PER_S);
    assert_int_equal(verify(token_b), E_UNAUTHORIZED);
    assert_int_equal(verify(token_a), E_OK);
    clock_manual_advance(&manual, LIMIT_JWKS_STALE_S * US_PER_S);
    assert_int_equal(verify(token_a), E_UNAVAILABLE);
}

static void
test_a_key_that_is_published_no_more_is_dropped(void **state)
{
    (void)state;
    atomic_store(&document, document_ab);
    assert_int_equal(verify(token_a), E_OK);
    atomic_store(&document, document_b);
    clock_manual_advance(&manual, LIMIT_JWKS_FRESH_S * US_PER_S);
    assert_int_equal(verify(token_a), E_OK); /* asks for the new document, and does not wait for it */
    for (int i = 0; i < 60000 && verify(token_a) == E_OK; i++)
        usleep(1000);
    assert_int_equal(verify(token_a), E_UNAUTHORIZED);
    assert_int_equal(verify(token_b), E_OK);
}

static void
test_without_any_key_nobody_is_let_in(void **state)
{
    (void)state;
    atomic_store(&document, NULL);
    assert_int_equal(verify(token_a), E_UNAVAILABLE);
    assert_int_equal(verify(token_a), E_UNAVAILABLE);
    assert_int_equal(fetches(), 1);
    atomic_store(&document, document_a);
    clock_manual_advance(&manual, LIMIT_JWKS_RETRY_S * US_PER_S);
    assert_int_equal(verify(token_a), E_OK);
}

static void *
verify_late(void *answer)
{
    struct err err = {0};
    yyjson_val *claims;
    struct arena own;
    arena_init(&own, 1 << 20);
    bool ok = jwks_verify(jwks, NULL, NOW_US, str_from_c(token_a), &own, &claims, &err);
    *(enum err_code *)answer = ok ? E_OK : err.code;
    atomic_fetch_add(&refused, err.code == E_UNAVAILABLE);
    arena_release(&own);
    return NULL;
}

static void
test_an_address_that_hangs_holds_few_threads(void **state)
{
    (void)state;
    enum err_code answers[2 * LIMIT_JWKS_WAITING];
    pthread_t threads[ARRAY_LEN(answers)];
    size_t let_in = 0;
    atomic_store(&document, document_a);
    atomic_store(&refused, 0);
    atomic_store(&hangs, true);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, verify_late, &answers[i]), 0);
    for (int i = 0; i < 30000 && atomic_load(&refused) < LIMIT_JWKS_WAITING; i++)
        usleep(1000);
    atomic_store(&hangs, false);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        pthread_join(threads[i], NULL);
        let_in += answers[i] == E_OK;
    }
    assert_int_equal(let_in, LIMIT_JWKS_WAITING);
    assert_int_equal(atomic_load(&refused), LIMIT_JWKS_WAITING);
}

static void
test_a_token_of_another_algorithm_makes_nobody_ask(void **state)
{
    (void)state;
    atomic_store(&document, document_a);
    assert_int_equal(verify(token_hs), E_UNAUTHORIZED);
    assert_int_equal(verify(token_none), E_UNAUTHORIZED);
    assert_int_equal(verify("no.token.atall"), E_UNAUTHORIZED);
    assert_int_equal(fetches(), 0);
}

static void
test_an_address_that_is_none_is_named(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "ftp://a.b/", "/jwks.json", "https://user:word@a.b/"};
    struct err err = {0};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct jwks_options options = {.client = client, .clock = &manual.clock, .url = str_from_c(bad[i]), .algorithms = JWT_ES256};
        assert_null(jwks_new(&options, &err));
        assert_int_equal(err.code, E_CONFIG);
    }
}
