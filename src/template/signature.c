#include "template/signature.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string.h>

#include "base/clock.h"
#include "base/encode.h"
#include "crypt/digest.h"

#define TOLERANCE_S_DEFAULT 300
#define TOLERANCE_S_MAX 86400
#define KEY_BYTES_MAX 16384

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

#define STANDARD_PATTERN "{id}.{timestamp}.{body}"

/* False: nothing has this name, or the request has no such thing. It is never taken for an empty one. */
static bool
part_of(struct str name, const struct scheme *s, const struct signature_request *request, struct str *part_out)
{
    struct str part = STR_NONE;
    if (str_eq(name, STR("body"))) {
        *part_out = request->body;
        return true;
    }
    if (str_eq(name, STR("timestamp")))
        part = s->timestamp;
    else if (str_eq(name, STR("method")))
        part = request->method;
    else if (str_eq(name, STR("url")))
        part = request->url;
    else if (str_eq(name, STR("id")) && is_standard(s->spec))
        part = header(request, STR("webhook-id"));
    *part_out = part;
    return !str_is_none(part);
}

/* A pattern's next piece: what stands before a {, and the name in it. */
enum piece {
    PIECE_LAST,            /* no { follows */
    PIECE_NAMED,
    PIECE_OPEN,            /* a { that is never closed */
};

static enum piece
next_piece(struct str *pattern, struct str *plain_out, struct str *name_out)
{
    if (!str_cut(*pattern, '{', plain_out, pattern))
        return PIECE_LAST;
    return str_cut(*pattern, '}', name_out, pattern) ? PIECE_NAMED : PIECE_OPEN;
}

static void
append(char *to, size_t *len, struct str text)
{
    if (to != NULL && text.len > 0)
        memcpy(to + *len, text.ptr, text.len);
    *len += text.len;
}

/* to NULL: only its length is wanted. False: a part is not there. */
static bool
fill_pattern(char *to, struct str pattern, const struct scheme *s, const struct signature_request *request, size_t *len_out)
{
    struct str plain, name, part;
    size_t len = 0;
    enum piece piece;
    while ((piece = next_piece(&pattern, &plain, &name)) == PIECE_NAMED) {
        if (!part_of(name, s, request, &part))
            return false;
        append(to, &len, plain);
        append(to, &len, part);
    }
    append(to, &len, plain);
    *len_out = len;
    return piece == PIECE_LAST;
}

/* Fills {body} and its like into the pattern. */
static bool
make_signed_text(struct scheme *s, const struct signature_request *request)
{
    struct str pattern = json_str_or(json_get_c(s->spec, "signed"), STR("{body}"));
    size_t len = 0;
    if (is_standard(s->spec))
        pattern = STR(STANDARD_PATTERN);
    if (str_eq(pattern, STR("{body}"))) {
        s->signed_text = request->body;
        return true;
    }
    if (!fill_pattern(NULL, pattern, s, request, &len))
        return false;
    char *text = arena_alloc_bytes(s->scratch, len + 1);
    if (text == NULL || !fill_pattern(text, pattern, s, request, &len))
        return false;
    s->signed_text = (struct str){text, len};
    return true;
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
    struct str decides = STR_NONE;
    yyjson_arr_foreach(schemes, index, max, spec) {
        struct scheme s = {.spec = spec, .scratch = scratch};
        struct str name = member(spec, "header");
        s.header_value = header(request, name);
        if (str_is_none(s.header_value) || !(str_is_none(decides) || str_eq_nocase(name, decides)))
            continue;
        decides = name;
        const struct signature_kind *kind = kind_of(spec);
        bool valid = kind && s.header_value.len && timestamp_is_fresh(&s, request) && make_signed_text(&s, request) &&
                     verify_with_any(kind, &s, secrets, secret_count);
        if (valid)
            return SIGNATURE_VALID;
    }
    return str_is_none(decides) ? SIGNATURE_ABSENT : SIGNATURE_WRONG;
}

/* ---- when a template is loaded: what the words above would leave out, or take for something else ---- */

static bool
is_part(struct str name)
{
    return str_eq(name, STR("body")) || str_eq(name, STR("timestamp")) || str_eq(name, STR("method")) || str_eq(name, STR("url"));
}

static bool
check_pattern(yyjson_val *spec, struct str pattern, size_t index, struct err *err)
{
    struct str plain, name;
    bool has_body = false;
    enum piece piece;
    while ((piece = next_piece(&pattern, &plain, &name)) == PIECE_NAMED) {
        if (!is_part(name))
            return err_set(err, E_TEMPLATE_INVALID, "verify/%zu/signed: there is no {%.*s}; use {body}, {timestamp}, {method} and {url}",
                           index, (int)(name.len > 40 ? 40 : name.len), name.ptr);
        if (str_eq(name, STR("timestamp")) && json_get_c(spec, "timestamp") == NULL)
            return err_set(err, E_TEMPLATE_INVALID, "verify/%zu/signed: {timestamp} needs timestamp: {header: ..., unit: ...} beside it",
                           index);
        has_body = has_body || str_eq(name, STR("body"));
    }
    if (piece == PIECE_OPEN)
        return err_set(err, E_TEMPLATE_INVALID, "verify/%zu/signed: a { is never closed", index);
    return has_body || err_set(err, E_TEMPLATE_INVALID,
                               "verify/%zu/signed: {body} is missing: one signature would be right for any body", index);
}

static bool
check_signed(yyjson_val *spec, size_t index, struct err *err)
{
    yyjson_val *pattern = json_get_c(spec, "signed");
    if (pattern == NULL)
        return true;
    if (is_standard(spec))
        return err_set(err, E_TEMPLATE_INVALID, "verify/%zu/signed: standard_webhooks signs " STANDARD_PATTERN "; leave it out", index);
    return yyjson_is_str(pattern) ? check_pattern(spec, json_str(pattern), index, err)
                                  : err_set(err, E_TEMPLATE_INVALID, "verify/%zu/signed: must be a text", index);
}

static bool
check_timestamp(yyjson_val *spec, size_t index, struct err *err)
{
    yyjson_val *timestamp = json_get_c(spec, "timestamp"), *unit = json_get_c(timestamp, "unit");
    if (timestamp == NULL)
        return true;
    if (member(timestamp, "header").len == 0)
        return err_set(err, E_TEMPLATE_INVALID, "verify/%zu/timestamp/header: name the header with the time", index);
    struct str word = json_str(unit);
    return unit == NULL || str_eq(word, STR("s")) || str_eq(word, STR("ms")) || str_eq(word, STR("rfc3339")) ||
           err_set(err, E_TEMPLATE_INVALID, "verify/%zu/timestamp/unit: use s, ms or rfc3339", index);
}

static bool
check_encoding(yyjson_val *spec, size_t index, struct err *err)
{
    yyjson_val *encoding = json_get_c(spec, "encoding");
    struct str word = json_str(encoding);
    return encoding == NULL || str_eq(word, STR("hex")) || str_eq(word, STR("base64")) ||
           err_set(err, E_TEMPLATE_INVALID, "verify/%zu/encoding: use hex or base64", index);
}

static bool
check_tolerance(yyjson_val *spec, size_t index, struct err *err)
{
    yyjson_val *tolerance = json_get_c(spec, "tolerance_s");
    int64_t tolerance_s;
    return tolerance == NULL || (json_to_i64(tolerance, &tolerance_s) && tolerance_s >= 1 && tolerance_s <= TOLERANCE_S_MAX) ||
           err_set(err, E_TEMPLATE_INVALID, "verify/%zu/tolerance_s: 1 to %d seconds", index, TOLERANCE_S_MAX);
}

static bool
check_key(const struct signature_kind *kind, yyjson_val *spec, size_t index, struct err *err)
{
    EVP_PKEY *key = kind->keyed ? NULL : public_key(member(spec, "public_key"));
    bool ok = kind->keyed || key || member(spec, "public_key_field").len > 0;
    EVP_PKEY_free(key);
    return ok || err_set(err, E_TEMPLATE_INVALID, "verify/%zu/public_key: not a PEM public key", index);
}

static bool
check_scheme(yyjson_val *spec, size_t index, struct err *err)
{
    const struct signature_kind *kind = kind_of(spec);
    if (!kind)
        return err_set(err, E_TEMPLATE_INVALID, "verify/%zu/kind: there is no such signature kind", index);
    if (member(spec, "header").len == 0)
        return err_set(err, E_TEMPLATE_INVALID, "verify/%zu/header: name the header with the signature", index);
    return check_signed(spec, index, err) && check_timestamp(spec, index, err) && check_encoding(spec, index, err) &&
           check_tolerance(spec, index, err) && check_key(kind, spec, index, err);
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
