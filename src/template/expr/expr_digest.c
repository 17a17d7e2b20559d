/*
 * Filters that hash: hex digests of str(value), with an optional salt, and HMAC-SHA-256.
 */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/encode.h"
#include "template/expr/expr_priv.h"

/* Python's names for digests; the ones that need a length (shake) are not offered. */
static const char *
digest_name(struct str name)
{
    static const struct {
        const char *python, *openssl;
    } digests[] = {{"md5", "MD5"},           {"sha1", "SHA1"},         {"sha224", "SHA224"},     {"sha256", "SHA256"},
                   {"sha384", "SHA384"},     {"sha512", "SHA512"},     {"sha3_224", "SHA3-224"}, {"sha3_256", "SHA3-256"},
                   {"sha3_384", "SHA3-384"}, {"sha3_512", "SHA3-512"}, {"blake2b", "BLAKE2B-512"}, {"blake2s", "BLAKE2S-256"}};
    for (size_t i = 0; i < ARRAY_LEN(digests); i++)
        if (str_eq_c(name, digests[i].python))
            return digests[i].openssl;
    return NULL;
}

static bool
digest(const char *name, struct str text, struct str salt, unsigned char out[static EVP_MAX_MD_SIZE], unsigned *length)
{
    EVP_MD *method = EVP_MD_fetch(NULL, name, NULL);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ok = method && context && EVP_DigestInit_ex2(context, method, NULL) && EVP_DigestUpdate(context, text.ptr, text.len) &&
              EVP_DigestUpdate(context, salt.ptr, salt.len) && EVP_DigestFinal_ex(context, out, length);
    EVP_MD_CTX_free(context);
    EVP_MD_free(method);
    return ok;
}

static bool
give_hex(struct call *c, const unsigned char *bytes, unsigned length, struct value *value_out)
{
    struct buf b;
    buf_init(&b, 2 * EVP_MAX_MD_SIZE);
    hex_encode(&b, (struct str){(const char *)bytes, length});
    return eval_take_buf(c->ev, &b, value_out);
}

bool
filter_hash(struct call *c, struct value *value_out)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    struct str text, type = STR("md5"), salt = STR("");
    if (!eval_text(c->ev, c->subject, &text) || (call_given(c, 0) && !call_str(c, c->args[0], &type)))
        return false;
    if (call_given(c, 1) && value_is_true(c->args[1]) && !eval_text(c->ev, c->args[1], &salt))
        return false;
    const char *name = digest_name(type);
    if (!name)
        return eval_fail(c->ev, EXPR_FAILED_VALUE, "there is no hash \"%.*s\"", STR_ARG(str_slice(type, 0, 40)));
    if (!eval_charge(c->ev, 10 + text.len / BYTES_PER_STEP))
        return false;
    if (!digest(name, text, salt, bytes, &length))
        return eval_fail(c->ev, EXPR_FAILED_VALUE, "the hash \"%.*s\" is not available here", STR_ARG(type));
    return give_hex(c, bytes, length, value_out);
}

bool
filter_hmac(struct call *c, struct value *value_out)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    size_t length = 0;
    struct str text, key, type = STR("sha256");
    if (!eval_text(c->ev, c->subject, &text) || !eval_text(c->ev, c->args[0], &key) ||
        (call_given(c, 1) && !call_str(c, c->args[1], &type)))
        return false;
    if (!str_eq(type, STR("sha256")))
        return eval_fail(c->ev, EXPR_FAILED_VALUE, "hmac knows sha256 only");
    if (!eval_charge(c->ev, 10 + text.len / BYTES_PER_STEP))
        return false;
    if (!EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key.ptr, key.len, (const unsigned char *)text.ptr, text.len,
                   bytes, sizeof(bytes), &length))
        return eval_fail(c->ev, EXPR_FAILED_VALUE, "hmac is not available here");
    return give_hex(c, bytes, (unsigned)length, value_out);
}
