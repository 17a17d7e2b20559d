/*
 * Making tokens for others (RFC 7515, compact form).
 *
 * The one difficulty is ES256 and its kin: OpenSSL signs in DER, a token holds the two numbers side by side,
 * each as wide as the curve.
 */
#include "crypt/jwt_make.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "base/buf.h"
#include "base/encode.h"
#include "crypt/digest.h"

#define TOKEN_BYTES_MAX (64 * 1024)
#define SIGNATURE_BYTES_MAX 2048 /* RSA with 16,384 bits */
#define KEY_BYTES_MAX (64 * 1024)

enum family { FAMILY_HMAC, FAMILY_RSA, FAMILY_PSS, FAMILY_EC, FAMILY_ED };

struct algorithm {
    const char *name;
    enum family family;
    enum digest_kind hmac;
    const char *digest;
    int number_bytes; /* of one number of an EC signature */
};

static const struct algorithm algorithms[] = {
    {"HS256", FAMILY_HMAC, DIGEST_SHA256, NULL, 0}, {"HS384", FAMILY_HMAC, DIGEST_SHA384, NULL, 0},
    {"HS512", FAMILY_HMAC, DIGEST_SHA512, NULL, 0}, {"RS256", FAMILY_RSA, 0, "SHA256", 0},
    {"RS384", FAMILY_RSA, 0, "SHA384", 0},          {"RS512", FAMILY_RSA, 0, "SHA512", 0},
    {"PS256", FAMILY_PSS, 0, "SHA256", 0},          {"PS384", FAMILY_PSS, 0, "SHA384", 0},
    {"PS512", FAMILY_PSS, 0, "SHA512", 0},          {"ES256", FAMILY_EC, 0, "SHA256", 32},
    {"ES384", FAMILY_EC, 0, "SHA384", 48},          {"ES512", FAMILY_EC, 0, "SHA512", 66},
    {"EdDSA", FAMILY_ED, 0, NULL, 0},
};

static const struct algorithm *
find_algorithm(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(algorithms); i++)
        if (str_eq_c(name, algorithms[i].name))
            return &algorithms[i];
    return NULL;
}

bool
jwt_can_make(struct str algorithm)
{
    return find_algorithm(algorithm) != NULL;
}

static int
give_passphrase(char *text, int size, int writing, void *ctx)
{
    const struct str *passphrase = ctx;
    (void)writing;
    if (passphrase->len == 0 || passphrase->len > (size_t)size)
        return 0;
    memcpy(text, passphrase->ptr, passphrase->len);
    return (int)passphrase->len;
}

static EVP_PKEY *
read_key(struct str pem, struct str passphrase, struct err *err)
{
    BIO *bio = pem.len && pem.len <= KEY_BYTES_MAX ? BIO_new_mem_buf(pem.ptr, (int)pem.len) : NULL;
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, &passphrase) : NULL;
    BIO_free(bio);
    if (!key)
        err_set(err, E_CONFIG, "The private key cannot be read: it must be a PEM text (-----BEGIN PRIVATE KEY-----), "
                               "with its passphrase when it has one");
    return key;
}

static bool
key_fits(const struct algorithm *alg, EVP_PKEY *key)
{
    switch (alg->family) {
    case FAMILY_RSA:
    case FAMILY_PSS: return EVP_PKEY_is_a(key, "RSA") == 1;
    case FAMILY_EC: return EVP_PKEY_is_a(key, "EC") == 1 && (EVP_PKEY_get_bits(key) + 7) / 8 == alg->number_bytes;
    case FAMILY_ED: return EVP_PKEY_is_a(key, "ED25519") == 1 || EVP_PKEY_is_a(key, "ED448") == 1;
    case FAMILY_HMAC: break;
    }
    return false;
}

/* DER to the two numbers side by side. */
static bool
ec_signature(const unsigned char *der, size_t der_len, int number_bytes, unsigned char *out, size_t *len_out)
{
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)der_len);
    bool ok = pair && BN_bn2binpad(ECDSA_SIG_get0_r(pair), out, number_bytes) == number_bytes &&
              BN_bn2binpad(ECDSA_SIG_get0_s(pair), out + number_bytes, number_bytes) == number_bytes;
    ECDSA_SIG_free(pair);
    *len_out = 2 * (size_t)number_bytes;
    return ok;
}

static bool
sign_with(const struct algorithm *alg, EVP_PKEY *key, struct str text, unsigned char out[SIGNATURE_BYTES_MAX], size_t *len_out)
{
    unsigned char signature[SIGNATURE_BYTES_MAX];
    size_t len = sizeof(signature);
    EVP_PKEY_CTX *how = NULL;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ok = context && EVP_DigestSignInit_ex(context, &how, alg->digest, NULL, NULL, key, NULL) == 1;
    if (ok && alg->family == FAMILY_PSS)
        ok = EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING) == 1 &&
             EVP_PKEY_CTX_set_rsa_pss_saltlen(how, RSA_PSS_SALTLEN_DIGEST) == 1;
    ok = ok && EVP_DigestSign(context, signature, &len, (const unsigned char *)text.ptr, text.len) == 1;
    EVP_MD_CTX_free(context);
    if (!ok)
        return false;
    if (alg->family == FAMILY_EC)
        return ec_signature(signature, len, alg->number_bytes, out, len_out);
    memcpy(out, signature, len);
    *len_out = len;
    return true;
}

static bool
sign(const struct algorithm *alg, struct str key, struct str passphrase, struct buf *text, struct err *err)
{
    unsigned char signature[SIGNATURE_BYTES_MAX];
    struct digest mac;
    size_t len = 0;
    struct str bytes;
    if (alg->family == FAMILY_HMAC) {
        if (!digest_hmac(alg->hmac, key, buf_str(text), &mac, err))
            return false;
        bytes = digest_bytes(&mac);
    } else {
        EVP_PKEY *pkey = read_key(key, passphrase, err);
        if (!pkey)
            return false;
        bool ok = key_fits(alg, pkey) && sign_with(alg, pkey, buf_str(text), signature, &len);
        EVP_PKEY_free(pkey);
        if (!ok)
            return err_set(err, E_CONFIG, "The private key does not fit the algorithm %s", alg->name);
        bytes = (struct str){(const char *)signature, len};
    }
    buf_add_char(text, '.');
    return base64_encode(text, bytes, BASE64_URL);
}

bool
jwt_make(struct str algorithm, struct str key, struct str passphrase, struct str header, struct str payload,
         struct arena *a, struct str *token_out, struct err *err)
{
    const struct algorithm *alg = find_algorithm(algorithm);
    struct buf text;
    if (!alg)
        return err_set(err, E_CONFIG, "No token can be signed with the algorithm \"%.*s\"", STR_ARG(str_slice(algorithm, 0, 20)));
    buf_init(&text, TOKEN_BYTES_MAX);
    base64_encode(&text, header, BASE64_URL);
    buf_add_char(&text, '.');
    base64_encode(&text, payload, BASE64_URL);
    bool ok = buf_ok(&text) ? sign(alg, key, passphrase, &text, err) : err_set(err, E_TOO_LARGE, "The claims are too large for a token");
    struct str token = ok && buf_ok(&text) ? str_copy(a, buf_str(&text)) : STR_NONE;
    buf_release(&text);
    if (!token.ptr)
        return ok ? err_no_memory(err) : false;
    *token_out = token;
    return true;
}
