#include "template/signature.h"

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/clock.h"
#include "base/encode.h"
#include "crypt/digest.h"

#define TOLERANCE_S_DEFAULT 300
#define TOLERANCE_S_MAX 86400
#define SIGNED_BYTES_MAX (8 * 1024 * 1024) /* the largest webhook body and what is put around it */
#define KEY_BYTES_MAX 16384
#define AROUND_BODY_BYTES 512                  /* usual */

struct scheme {
    yyjson_val *spec;
    struct str header_value;
    struct str timestamp;  /* as the header wrote it, or STR_NONE */
    struct str signed_text;
    struct arena *scratch;
};

struct signature_kind {
    const char *name;
    bool keyed;            /* needs a secret; else a public key */
    bool (*verify)(const struct scheme *s, struct str secret);
};

static struct str
member(yyjson_val *spec, const char *name)
{
    return json_str(json_get_c(spec, name));
}

/* The raw bytes of the header's signature, its prefix taken off. */
static bool
signature_bytes(const struct scheme *s, struct str *bytes_out)
{
    struct str text = s->header_value, prefix = member(s->spec, "prefix");
    if (!str_starts(text, prefix))
        return false;
    text = str_skip(text, prefix.len);
    if (str_eq(member(s->spec, "encoding"), STR("base64")))
        return base64_decode(s->scratch, text, BASE64_STANDARD, bytes_out);
    return hex_decode(s->scratch, text, bytes_out);
}

static bool
verify_hmac(const struct scheme *s, struct str secret)
{
    struct digest digest;
    struct str given;
    struct err ignored = {0};
    return signature_bytes(s, &given) && digest_hmac(DIGEST_SHA256, secret, s->signed_text, &digest, &ignored) &&
           digest_equal(&digest, given);
}

static bool
verify_hash(const struct scheme *s, struct str secret)
{
    struct digest digest;
    struct str given, text = str_join2(s->scratch, secret, s->signed_text);
    struct err ignored = {0};
    return !str_is_none(text) && signature_bytes(s, &given) && digest_of(DIGEST_SHA256, text, &digest, &ignored) &&
           digest_equal(&digest, given);
}

static EVP_PKEY *
public_key(struct str pem)
{
    BIO *bio = pem.len && pem.len <= KEY_BYTES_MAX ? BIO_new_mem_buf(pem.ptr, (int)pem.len) : NULL;
    EVP_PKEY *key = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    return key;
}

/* md NULL: a scheme that hashes by itself (Ed25519). */
static bool
verify_public(const struct scheme *s, int type, const EVP_MD *md)
{
    struct str given;
    EVP_PKEY *key = public_key(member(s->spec, "public_key"));
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = key && ctx && EVP_PKEY_base_id(key) == type && signature_bytes(s, &given) &&
              EVP_DigestVerifyInit(ctx, NULL, md, NULL, key) == 1 &&
              EVP_DigestVerify(ctx, (const unsigned char *)given.ptr, given.len,
                               (const unsigned char *)s->signed_text.ptr, s->signed_text.len) == 1;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    return ok;
}

static bool
verify_ed25519(const struct scheme *s, struct str secret)
{
    (void)secret;
    return verify_public(s, EVP_PKEY_ED25519, NULL);
}

static bool
verify_rsa(const struct scheme *s, struct str secret)
{
    (void)secret;
    return verify_public(s, EVP_PKEY_RSA, EVP_sha256());
}

/* Standard Webhooks: "v1,<base64> v1,<base64>" over "id.timestamp.body", the secret base64 behind "whsec_". */
static bool
verify_standard(const struct scheme *s, struct str secret)
{
    struct digest digest;
    struct err ignored = {0};
    struct str key, one, rest = s->header_value;
    if (str_starts(secret, STR("whsec_")))
        secret = str_skip(secret, 6);
    if (!base64_decode(s->scratch, secret, BASE64_STANDARD, &key) ||
        !digest_hmac(DIGEST_SHA256, key, s->signed_text, &digest, &ignored))
        return false;
    bool found = false;
    while (rest.len) {
        struct str given;
        str_cut(rest, ' ', &one, &rest);
        if (str_starts(one, STR("v1,")) && base64_decode(s->scratch, str_skip(one, 3), BASE64_STANDARD, &given))
            found |= digest_equal(&digest, given);
    }
    return found;
}

static const struct signature_kind kinds[] = {
    {.name = "hmac_sha256", .keyed = true, .verify = verify_hmac},
    {.name = "sha256", .keyed = true, .verify = verify_hash},
    {.name = "ed25519", .keyed = false, .verify = verify_ed25519},
    {.name = "rsa_sha256", .keyed = false, .verify = verify_rsa},
    {.name = "standard_webhooks", .keyed = true, .verify = verify_standard},
};

static const struct signature_kind *
kind_of(yyjson_val *spec)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (str_eq_c(member(spec, "kind"), kinds[i].name))
            return &kinds[i];
    return NULL;
}

static bool
is_standard(yyjson_val *spec)
{
    return str_eq(member(spec, "kind"), STR("standard_webhooks"));
}

/* ---- what is signed ---- */

static struct str
header(const struct signature_request *request, struct str name)
{
    for (size_t i = 0; i < request->headers->count; i++)
        if (str_eq_nocase(request->headers->items[i].name, name))
            return request->headers->items[i].value;
    return STR_NONE;
}

static bool
add_part(struct buf *b, struct str name, const struct scheme *s, const struct signature_request *request)
{
    if (str_eq(name, STR("body")))
        return buf_add(b, request->body);
    if (str_eq(name, STR("timestamp")))
        return buf_add(b, s->timestamp);
    if (str_eq(name, STR("method")))
        return buf_add(b, request->method);
    if (str_eq(name, STR("url")))
        return buf_add(b, request->url);
    return str_eq(name, STR("id")) && buf_add(b, header(request, STR("webhook-id")));
}

/* Fills {body} and its like into the pattern. */
static bool
make_signed_text(struct scheme *s, const struct signature_request *request)
{
    struct str pattern = json_str_or(json_get_c(s->spec, "signed"), STR("{body}")), plain, name;
    struct buf b;
    bool ok = true;
    if (is_standard(s->spec))
        pattern = STR("{id}.{timestamp}.{body}");
    if (str_eq(pattern, STR("{body}"))) {
        s->signed_text = request->body;
        return true;
    }
    buf_init(&b, SIGNED_BYTES_MAX);
    buf_reserve(&b, request->body.len + AROUND_BODY_BYTES);
    while (ok && str_cut(pattern, '{', &plain, &pattern))
        ok = buf_add(&b, plain) && str_cut(pattern, '}', &name, &pattern) && add_part(&b, name, s, request);
    ok = ok && buf_add(&b, plain) && buf_ok(&b);
    s->signed_text = ok ? str_copy(s->scratch, buf_str(&b)) : STR_NONE;
    buf_release(&b);
    return !str_is_none(s->signed_text);
}

static bool
timestamp_us(struct str text, struct str unit, int64_t *us_out)
{
    int64_t number;
    if (str_eq(unit, STR("rfc3339")))
        return time_parse(text, us_out);
    bool ms = str_eq(unit, STR("ms"));
    if (!str_to_i64(text, 0, INT64_MAX / US_PER_S, &number))
        return false;
    *us_out = number * (ms ? US_PER_MS : US_PER_S);
    return true;
}

static bool
timestamp_is_fresh(struct scheme *s, const struct signature_request *request)
{
    yyjson_val *spec = json_get_c(s->spec, "timestamp");
    if (!spec && !is_standard(s->spec))
        return true;
    struct str name = is_standard(s->spec) ? STR("webhook-timestamp") : member(spec, "header");
    int64_t tolerance_s, us;
    if (!json_to_i64(json_get_c(s->spec, "tolerance_s"), &tolerance_s))
        tolerance_s = TOLERANCE_S_DEFAULT;
    s->timestamp = header(request, name);
    if (!timestamp_us(s->timestamp, member(spec, "unit"), &us))
        return false;
    int64_t off = us > request->now_us ? us - request->now_us : request->now_us - us;
    return off <= tolerance_s * US_PER_S;
}

/* ---- the two public functions ---- */

static bool
verify_with_any(const struct signature_kind *kind, const struct scheme *s, const struct str *secrets, size_t count)
{
    if (!kind->keyed)
        return kind->verify(s, STR_NONE);
    bool valid = false; /* every secret is tried, so that the time does not tell which one was right */
    for (size_t i = 0; i < count; i++)
        if (secrets[i].len)
            valid |= kind->verify(s, secrets[i]);
    return valid;
}

enum signature_verdict
signature_verify(yyjson_val *schemes, const struct signature_request *request, const struct str *secrets,
                 size_t secret_count, struct arena *scratch)
{
    size_t index, max;
    yyjson_val *spec;
    yyjson_arr_foreach(schemes, index, max, spec) {
        struct scheme s = {.spec = spec, .scratch = scratch};
        s.header_value = header(request, member(spec, "header"));
        if (str_is_none(s.header_value))
            continue;
        const struct signature_kind *kind = kind_of(spec);
        bool valid = kind && s.header_value.len && timestamp_is_fresh(&s, request) && make_signed_text(&s, request) &&
                     verify_with_any(kind, &s, secrets, secret_count);
        return valid ? SIGNATURE_VALID : SIGNATURE_WRONG;
    }
    return SIGNATURE_ABSENT;
}

static bool
check_pattern(struct str pattern)
{
    struct str plain, name;
    while (str_cut(pattern, '{', &plain, &pattern))
        if (!str_cut(pattern, '}', &name, &pattern) ||
            !(str_eq(name, STR("body")) || str_eq(name, STR("timestamp")) || str_eq(name, STR("method")) ||
              str_eq(name, STR("url"))))
            return false;
    return true;
}

static bool
check_scheme(yyjson_val *spec, size_t index, struct err *err)
{
    const struct signature_kind *kind = kind_of(spec);
    int64_t tolerance_s = TOLERANCE_S_DEFAULT;
    yyjson_val *tolerance = json_get_c(spec, "tolerance_s");
    if (!kind)
        return err_set(err, E_TEMPLATE_INVALID, "verify/%zu/kind: there is no such signature kind", index);
    if (member(spec, "header").len == 0)
        return err_set(err, E_TEMPLATE_INVALID, "verify/%zu/header: name the header with the signature", index);
    if (!check_pattern(json_str_or(json_get_c(spec, "signed"), STR("{body}"))))
        return err_set(err, E_TEMPLATE_INVALID, "verify/%zu/signed: use {body}, {timestamp}, {method} and {url}", index);
    if (tolerance && (!json_to_i64(tolerance, &tolerance_s) || tolerance_s < 1 || tolerance_s > TOLERANCE_S_MAX))
        return err_set(err, E_TEMPLATE_INVALID, "verify/%zu/tolerance_s: 1 to %d seconds", index, TOLERANCE_S_MAX);
    EVP_PKEY *key = kind->keyed ? NULL : public_key(member(spec, "public_key"));
    bool ok = kind->keyed || key || member(spec, "public_key_field").len > 0;
    EVP_PKEY_free(key);
    return ok || err_set(err, E_TEMPLATE_INVALID, "verify/%zu/public_key: not a PEM public key", index);
}

bool
signature_schemes_check(yyjson_val *schemes, struct err *err)
{
    size_t index, max;
    yyjson_val *spec;
    if (!yyjson_is_arr(schemes))
        return err_set(err, E_TEMPLATE_INVALID, "verify: must be a list of schemes");
    yyjson_arr_foreach(schemes, index, max, spec) {
        if (!check_scheme(spec, index, err))
            return false;
    }
    return true;
}
