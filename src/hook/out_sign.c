/*
 * Signatures of what we send: https://www.standardwebhooks.com, symmetric v1.
 *
 * Signed is "<id>.<timestamp>.<body>" with HMAC-SHA256; the key is what stands in base64 behind "whsec_".
 */
#include "base/encode.h"
#include "crypt/digest.h"
#include "crypt/token.h"
#include "hook/out.h"

#define SECRET_PREFIX "whsec_"
#define SECRET_BYTES 32
#define SIGNATURE_BYTES_MAX 1024

bool
out_secret_new(struct arena *a, struct str *secret_out, struct err *err)
{
    unsigned char bytes[SECRET_BYTES];
    struct buf b;
    if (!random_bytes(bytes, sizeof(bytes), err))
        return false;
    buf_init(&b, SIGNATURE_BYTES_MAX);
    buf_add_c(&b, SECRET_PREFIX);
    base64_encode(&b, (struct str){(const char *)bytes, sizeof(bytes)}, BASE64_STANDARD);
    struct str secret = buf_ok(&b) ? str_copy(a, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    if (str_is_none(secret))
        return err_no_memory(err);
    *secret_out = secret;
    return true;
}

struct seal_place
out_secret_place(const struct tenant *tenant, struct str subscription_uuid)
{
    return keyring_subscription_place(tenant->uuid, subscription_uuid);
}

static bool
add_signature(struct buf *b, struct arena *a, struct str text, struct str secret, struct err *err)
{
    struct digest digest;
    struct str key;
    if (!str_starts(secret, STR(SECRET_PREFIX)) ||
        !base64_decode(a, str_skip(secret, strlen(SECRET_PREFIX)), BASE64_STANDARD, &key) || key.len == 0)
        return err_set(err, E_CRYPT, NULL);
    if (!digest_hmac(DIGEST_SHA256, key, text, &digest, err))
        return false;
    buf_add_c(b, b->len ? " v1," : "v1,");
    return base64_encode(b, digest_bytes(&digest), BASE64_STANDARD) || err_no_memory(err);
}

bool
out_sign(struct arena *a, struct str id, int64_t timestamp_s, struct str body, const struct str *secrets, size_t secret_count,
         struct str *signature_out, struct err *err)
{
    struct str head = str_format(a, "%.*s.%lld.", STR_ARG(id), (long long)timestamp_s);
    struct str text = str_join2(a, head, body);
    struct buf b;
    if (!text.ptr)
        return err_no_memory(err);
    buf_init(&b, SIGNATURE_BYTES_MAX);
    bool ok = true;
    for (size_t i = 0; ok && i < secret_count; i++)
        ok = add_signature(&b, a, text, secrets[i], err);
    struct str signature = ok ? str_copy(a, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    if (ok && str_is_none(signature))
        return err_no_memory(err);
    if (ok)
        *signature_out = signature;
    return ok;
}
