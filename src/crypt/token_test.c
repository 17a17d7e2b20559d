#include "base/test.h"

#include "base/log.h"
#include "crypt/secret.h"
#include "crypt/token.h"

static void
test_a_token_is_recognisable_and_its_hash_finds_it(void **state)
{
    (void)state;
    struct token token;
    struct err err = {0};
    char hash[TOKEN_HASH_BYTES];
    assert_ok(token_new(&token, &err), err);
    assert_int_equal(strlen(token.text), 46);
    assert_true(token_has_shape(str_from_c(token.text)));
    assert_ok(token_hash(str_from_c(token.text), hash, &err), err);
    assert_string_equal(hash, token.hash);
    assert_null(strstr(token.hash, token.text + 3));
    token_wipe(&token);
    assert_int_equal(token.text[5], 0);
}

static void
test_other_texts_have_not_the_shape(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "tm_", "eyJhbGciOiJIUzI1NiJ9.e30.x",
                                      "tm_0123456789012345678901234567890123456789012-",
                                      "tm_012345678901234567890123456789012345678901", "TM_0123456789012345678901234567890123456789012"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(token_has_shape(str_from_c(bad[i])));
    assert_true(token_has_shape(STR("tm_0123456789012345678901234567890123456789012")));
    assert_false(token_has_shape(STR("tm_01234567890123456789012345678901234567890\0" "2")));
}

/* I-29: a token that slips into a log line is not seen there. */
static void
test_a_token_is_redacted_in_log_lines(void **state)
{
    (void)state;
    struct token token;
    struct err err = {0};
    struct arena a;
    arena_init(&a, 64 * 1024);
    assert_ok(token_new(&token, &err), err);
    struct str line = str_format(&a, "key %s was used", token.text);
    assert_str(log_redact(&a, line), "key [redacted] was used");
    arena_release(&a);
}

/* 62 characters over 62,000 draws: each about 1,000 times, 6 sigma is 190. */
static void
test_characters_are_drawn_evenly(void **state)
{
    (void)state;
    struct arena a;
    struct str text;
    struct err err = {0};
    int counts[128] = {0};
    arena_init(&a, 1024 * 1024);
    assert_ok(random_text(&a, STR_NONE, 62000, &text, &err), err);
    for (size_t i = 0; i < text.len; i++)
        counts[(unsigned char)text.ptr[i] & 127]++;
    int seen = 0;
    for (int c = 0; c < 128; c++) {
        seen += counts[c] > 0;
        assert_true(counts[c] == 0 || (counts[c] > 800 && counts[c] < 1200));
    }
    assert_int_equal(seen, 62);
    assert_ok(random_text(&a, STR("whsec_"), 43, &text, &err), err);
    assert_int_equal(text.len, 49);
    assert_fails_with(random_text(&a, STR("x"), 2 * 1024 * 1024, &text, &err), err, E_TOO_LARGE);
    arena_release(&a);
}

static void
test_a_secret_is_copied_replaced_and_compared(void **state)
{
    (void)state;
    struct secret s = {0};
    struct err err = {0};
    char text[] = "first";
    assert_ok(secret_set(&s, str_from_c(text), &err), err);
    text[0] = 'x';
    assert_str(secret_reveal(&s), "first");
    assert_ok(secret_set(&s, str_skip(secret_reveal(&s), 1), &err), err); /* from itself */
    assert_str(secret_reveal(&s), "irst");
    assert_true(secret_equal(secret_reveal(&s), STR("irst")));
    assert_false(secret_equal(secret_reveal(&s), STR("irsT")));
    assert_false(secret_equal(secret_reveal(&s), STR("irs")));
    assert_true(secret_equal(STR_NONE, STR("")));
    secret_release(&s);
    secret_release(&s);
    assert_null(s.bytes);
}
