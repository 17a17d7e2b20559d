#include "crypt/digest.h"

#include <pthread.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "base/check.h"
#include "crypt/secret.h"

static const struct {
    const char *names[2];
    const char *fetch_name;
} kinds[] = {
    [DIGEST_MD5] = {{"md5", "md-5"}, "MD5"},
    [DIGEST_SHA1] = {{"sha1", "sha-1"}, "SHA1"},
    [DIGEST_SHA256] = {{"sha256", "sha-256"}, "SHA2-256"},
    [DIGEST_SHA384] = {{"sha384", "sha-384"}, "SHA2-384"},
    [DIGEST_SHA512] = {{"sha512", "sha-512"}, "SHA2-512"},
};

/* Fetched once and kept: an implicit fetch costs more than the digest of a short text. */
static EVP_MD *methods[ARRAY_LEN(kinds)];
static EVP_MAC_CTX *keyless[ARRAY_LEN(kinds)]; /* HMACs that wait for a key: copied, never used themselves */
static pthread_once_t methods_once = PTHREAD_ONCE_INIT;

static EVP_MAC_CTX *
make_keyless(EVP_MAC *hmac, const char *digest_name)
{
    EVP_MAC_CTX *ctx = hmac ? EVP_MAC_CTX_new(hmac) : NULL;
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t)digest_name, 0),
                           OSSL_PARAM_construct_end()};
    if (ctx && EVP_MAC_CTX_set_params(ctx, params))
        return ctx;
    EVP_MAC_CTX_free(ctx);
    return NULL;
}

static void
fetch_methods(void)
{
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        methods[i] = EVP_MD_fetch(NULL, kinds[i].fetch_name, NULL);
        keyless[i] = make_keyless(hmac, kinds[i].fetch_name);
    }
    EVP_MAC_free(hmac); /* each context holds it */
}

static const EVP_MD *
method_of(enum digest_kind kind)
{
    CHECK((size_t)kind < ARRAY_LEN(kinds));
    pthread_once(&methods_once, fetch_methods);
    return methods[kind];
}

bool
digest_kind_from_name(struct str name, enum digest_kind *kind_out)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        for (size_t k = 0; k < ARRAY_LEN(kinds[i].names); k++)
            if (str_eq_nocase(name, str_from_c(kinds[i].names[k]))) {
                *kind_out = (enum digest_kind)i;
                return true;
            }
    return false;
}

bool
digest_of(enum digest_kind kind, struct str data, struct digest *digest_out, struct err *err)
{
    const EVP_MD *method = method_of(kind);
    struct digest d = {0};
    unsigned len = 0;
    if (!method || !EVP_Digest(data.ptr ? data.ptr : "", data.len, d.bytes, &len, method, NULL))
        return err_no_memory(err);
    d.len = len;
    *digest_out = d;
    return true;
}

bool
digest_hmac(enum digest_kind kind, struct str key, struct str data, struct digest *digest_out, struct err *err)
{
    struct digest d = {0};
    EVP_MAC_CTX *ctx = method_of(kind) && keyless[kind] ? EVP_MAC_CTX_dup(keyless[kind]) : NULL;
    bool ok = ctx && EVP_MAC_init(ctx, (const unsigned char *)(key.ptr ? key.ptr : ""), key.len, NULL) &&
              EVP_MAC_update(ctx, (const unsigned char *)(data.ptr ? data.ptr : ""), data.len) &&
              EVP_MAC_final(ctx, d.bytes, &d.len, sizeof(d.bytes));
    EVP_MAC_CTX_free(ctx);
    if (!ok)
        return err_no_memory(err);
    *digest_out = d;
    return true;
}

struct str
digest_bytes(const struct digest *d)
{
    return (struct str){(const char *)d->bytes, d->len};
}

const char *
digest_hex(const struct digest *d, char text[DIGEST_TEXT_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < d->len; i++) {
        text[2 * i] = digits[d->bytes[i] >> 4];
        text[2 * i + 1] = digits[d->bytes[i] & 15];
    }
    text[2 * d->len] = '\0';
    return text;
}

bool
digest_equal(const struct digest *d, struct str raw)
{
    return secret_equal(digest_bytes(d), raw);
}

bool
sha256_hex(struct str data, char text[SHA256_TEXT_BYTES], struct err *err)
{
    struct digest d;
    char hex[DIGEST_TEXT_BYTES];
    if (!digest_of(DIGEST_SHA256, data, &d, err))
        return false;
    memcpy(text, digest_hex(&d, hex), SHA256_TEXT_BYTES);
    return true;
}
