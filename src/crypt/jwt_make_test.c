/*
 * Tokens for others: each is taken apart again and its signature judged by OpenSSL with the public half of the key.
 */
#include "base/test.h"

#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/encode.h"
#include "crypt/jwt_make.h"

#define HEADER STR("{\"alg\":\"?\"}")
#define CLAIMS STR("{\"iss\":\"me\"}")

struct fixture {
    struct arena a;
    struct err err;
};

static int
setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    arena_init(&f->a, 1024 * 1024);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;
    arena_release(&f->a);
    test_free(f);
    return 0;
}

static struct str
pem_of(struct fixture *f, EVP_PKEY *key, const char *passphrase)
{
    char *bytes;
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(1, PEM_write_bio_PKCS8PrivateKey(bio, key, passphrase ? EVP_aes_256_cbc() : NULL, passphrase,
                                                      passphrase ? (int)strlen(passphrase) : 0, NULL, NULL));
    long len = BIO_get_mem_data(bio, &bytes);
    struct str pem = str_copy(&f->a, (struct str){bytes, (size_t)len});
    BIO_free(bio);
    return pem;
}

static struct str
signature_of(struct fixture *f, struct str token, struct str *signed_out)
{
    struct str bytes;
    ptrdiff_t dot = str_find_last(token, '.');
    assert_true(dot > 0);
    *signed_out = str_slice(token, 0, (size_t)dot);
    assert_true(base64_decode(&f->a, str_skip(token, (size_t)dot + 1), BASE64_URL, &bytes));
    return bytes;
}

/* The two numbers of an EC signature, as OpenSSL wants them. */
static struct str
to_der(struct fixture *f, struct str pair)
{
    unsigned char *der = NULL;
    int half = (int)(pair.len / 2);
    const unsigned char *raw = (const unsigned char *)pair.ptr;
    ECDSA_SIG *signature = ECDSA_SIG_new();
    ECDSA_SIG_set0(signature, BN_bin2bn(raw, half, NULL), BN_bin2bn(raw + half, half, NULL));
    int len = i2d_ECDSA_SIG(signature, &der);
    struct str copy = str_copy(&f->a, (struct str){(char *)der, (size_t)len});
    OPENSSL_free(der);
    ECDSA_SIG_free(signature);
    return copy;
}

static bool
holds(struct fixture *f, EVP_PKEY *key, const char *digest, bool pair, struct str token)
{
    struct str text, signature = signature_of(f, token, &text);
    if (pair)
        signature = to_der(f, signature);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ok = EVP_DigestVerifyInit_ex(context, NULL, digest, NULL, NULL, key, NULL) == 1 &&
              EVP_DigestVerify(context, (const unsigned char *)signature.ptr, signature.len, (const unsigned char *)text.ptr, text.len) == 1;
    EVP_MD_CTX_free(context);
    return ok;
}

static void
test_token_holds_header_and_claims_as_they_were_given(void **state)
{
    struct fixture *f = *state;
    struct str token, header, claims, rest, signature;
    assert_ok(jwt_make(STR("HS256"), STR("k"), STR_NONE, HEADER, CLAIMS, &f->a, &token, &f->err), f->err);
    assert_true(str_cut(token, '.', &header, &rest) && str_cut(rest, '.', &claims, &signature));
    assert_true(base64_decode(&f->a, header, BASE64_URL, &header) && base64_decode(&f->a, claims, BASE64_URL, &claims));
    assert_true(str_eq(header, HEADER) && str_eq(claims, CLAIMS));
}

static void
test_each_kind_of_key_signs_what_its_public_half_accepts(void **state)
{
    struct fixture *f = *state;
    struct {
        const char *algorithm, *digest;
        EVP_PKEY *key;
        bool pair;
    } cases[] = {{"RS256", "SHA256", EVP_RSA_gen(2048), false}, {"RS512", "SHA512", EVP_RSA_gen(2048), false},
                 {"ES256", "SHA256", EVP_EC_gen("P-256"), true}, {"ES512", "SHA512", EVP_EC_gen("P-521"), true},
                 {"EdDSA", NULL, EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), false}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str token;
        assert_ok(jwt_make(str_from_c(cases[i].algorithm), pem_of(f, cases[i].key, NULL), STR_NONE, HEADER, CLAIMS, &f->a, &token,
                           &f->err), f->err);
        assert_true(holds(f, cases[i].key, cases[i].digest, cases[i].pair, token));
        EVP_PKEY_free(cases[i].key);
    }
}

static void
test_encrypted_key_needs_its_passphrase(void **state)
{
    struct fixture *f = *state;
    struct str token;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    struct str pem = pem_of(f, key, "open sesame");
    assert_ok(jwt_make(STR("ES256"), pem, STR("open sesame"), HEADER, CLAIMS, &f->a, &token, &f->err), f->err);
    assert_true(holds(f, key, "SHA256", true, token));
    assert_false(jwt_make(STR("ES256"), pem, STR("wrong"), HEADER, CLAIMS, &f->a, &token, &f->err));
    assert_int_equal(E_CONFIG, f->err.code);
    assert_false(jwt_make(STR("ES256"), pem, STR_NONE, HEADER, CLAIMS, &f->a, &token, &f->err));
    EVP_PKEY_free(key);
}

static void
test_key_of_another_kind_is_refused_without_being_shown(void **state)
{
    struct fixture *f = *state;
    struct str token;
    EVP_PKEY *key = EVP_EC_gen("P-384");
    assert_false(jwt_make(STR("RS256"), pem_of(f, key, NULL), STR_NONE, HEADER, CLAIMS, &f->a, &token, &f->err));
    assert_int_equal(E_CONFIG, f->err.code);
    assert_false(jwt_make(STR("ES256"), pem_of(f, key, NULL), STR_NONE, HEADER, CLAIMS, &f->a, &token, &f->err));
    assert_false(jwt_make(STR("RS256"), STR("s3cret-no-pem"), STR_NONE, HEADER, CLAIMS, &f->a, &token, &f->err));
    assert_null(strstr(f->err.message, "s3cret"));
    EVP_PKEY_free(key);
}

static void
test_algorithm_none_makes_nothing(void **state)
{
    struct fixture *f = *state;
    struct str token;
    assert_false(jwt_can_make(STR("none")));
    assert_false(jwt_make(STR("none"), STR("k"), STR_NONE, HEADER, CLAIMS, &f->a, &token, &f->err));
}

