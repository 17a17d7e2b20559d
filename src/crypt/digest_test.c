/* Digests. Expected values: RFC 1321, FIPS 180-4 examples, RFC 4231 (HMAC). */
#include "base/test.h"

#include "crypt/digest.h"

static void
expect(enum digest_kind kind, struct str data, const char *expected)
{
    struct digest d;
    struct err err = {0};
    char text[DIGEST_TEXT_BYTES];
    assert_ok(digest_of(kind, data, &d, &err), err);
    assert_string_equal(digest_hex(&d, text), expected);
    assert_int_equal(strlen(expected), 2 * d.len);
}

static void
test_digests_are_those_of_the_standards(void **state)
{
    (void)state;
    expect(DIGEST_MD5, STR("abc"), "900150983cd24fb0d6963f7d28e17f72");
    expect(DIGEST_SHA1, STR("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
    expect(DIGEST_SHA256, STR("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    expect(DIGEST_SHA256, STR_NONE, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    expect(DIGEST_SHA384, STR("abc"), "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
                                      "8086072ba1e7cc2358baeca134c825a7");
    expect(DIGEST_SHA512, STR("abc"), "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                                      "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
}

static void
test_hmac_is_that_of_rfc_4231(void **state)
{
    (void)state;
    struct digest d;
    struct err err = {0};
    char text[DIGEST_TEXT_BYTES];
    assert_ok(digest_hmac(DIGEST_SHA256, STR("Jefe"), STR("what do ya want for nothing?"), &d, &err), err);
    assert_string_equal(digest_hex(&d, text), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    assert_ok(digest_hmac(DIGEST_SHA256, STR_NONE, STR_NONE, &d, &err), err);
    assert_string_equal(digest_hex(&d, text), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void
test_comparing_refuses_another_length_and_another_byte(void **state)
{
    (void)state;
    struct digest d;
    struct err err = {0};
    assert_ok(digest_of(DIGEST_SHA1, STR("abc"), &d, &err), err);
    assert_true(digest_equal(&d, digest_bytes(&d)));
    assert_false(digest_equal(&d, str_slice(digest_bytes(&d), 0, 19)));
    assert_false(digest_equal(&d, STR_NONE));
    struct digest other = d;
    other.bytes[19] ^= 1;
    assert_false(digest_equal(&d, digest_bytes(&other)));
}

static void
test_kinds_are_found_by_name(void **state)
{
    (void)state;
    enum digest_kind kind;
    assert_true(digest_kind_from_name(STR("SHA-256"), &kind));
    assert_int_equal(kind, DIGEST_SHA256);
    assert_true(digest_kind_from_name(STR("md5"), &kind));
    assert_int_equal(kind, DIGEST_MD5);
    assert_false(digest_kind_from_name(STR("sha2"), &kind));
    assert_false(digest_kind_from_name(STR_NONE, &kind));
}
