#include "crypt/jwt.h"

#include <string.h>

#include "base/clock.h"
#include "base/encode.h"
#include "crypt/digest.h"
#include "crypt/jwt_priv.h"

#define JWT_DEPTH_MAX 16
#define SECONDS_MAX INT64_C(100000000000) /* far beyond any calendar; keeps the product in range */
#define HEADER_HS256 "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9" /* {"alg":"HS256","typ":"JWT"} */

struct parts {
    struct str header, payload, signature; /* as they stand in the token */
    struct str signed_part;
};

static bool
refuse(struct err *err, const char *words)
{
    return err_set(err, E_UNAUTHORIZED, "%s", words);
}

static bool
split(struct str token, struct parts *parts_out)
{
    struct parts p;
    struct str rest;
    if (token.len > JWT_TEXT_BYTES_MAX || !str_cut(token, '.', &p.header, &rest) ||
        !str_cut(rest, '.', &p.payload, &p.signature) || str_find(p.signature, '.') >= 0 || p.signature.len == 0)
        return false;
    p.signed_part = str_span(token.ptr, p.signature.ptr - 1);
    *parts_out = p;
    return true;
}

/* A part that must be base64url of a JSON object. NULL otherwise. */
static yyjson_val *
read_object(struct arena *a, struct str part)
{
    struct str text;
    struct err ignored = {0};
    if (!base64_decode(a, part, BASE64_URL, &text))
        return NULL;
    yyjson_val *root = json_parse(a, text, JSON_UNIQUE_KEYS | JSON_NUMBERS_RAW, JWT_DEPTH_MAX, &ignored);
    return yyjson_is_obj(root) ? root : NULL;
}

/* NumericDate (RFC 7519 section 2): seconds, perhaps with a fraction, which is dropped. */
static bool
read_time(yyjson_val *value, int64_t *us_out)
{
    int64_t seconds;
    yyjson_val number;
    char text[64];
    struct str raw = yyjson_is_raw(value) ? (struct str){yyjson_get_raw(value), yyjson_get_len(value)} : STR_NONE;
    if (!raw.ptr || raw.len >= sizeof(text))
        return false;
    if (!json_to_i64(value, &seconds)) {
        memcpy(text, raw.ptr, raw.len);
        text[raw.len] = '\0';
        if (!yyjson_read_number(text, &number, 0, NULL, NULL) || !yyjson_is_real(&number) ||
            !(yyjson_get_real(&number) > -1e11 && yyjson_get_real(&number) < 1e11))
            return false;
        seconds = (int64_t)yyjson_get_real(&number);
    }
    if (seconds > SECONDS_MAX || seconds < -SECONDS_MAX)
        return false;
    *us_out = seconds * US_PER_S;
    return true;
}

static bool
check_times(yyjson_val *claims, int64_t leeway_us, int64_t now_us, struct err *err)
{
    int64_t expires, begins;
    if (!read_time(json_get_c(claims, "exp"), &expires))
        return refuse(err, "The token has no expiry time (exp)");
    if (now_us >= expires + leeway_us)
        return refuse(err, "The token has expired: sign in again");
    yyjson_val *not_before = json_get_c(claims, "nbf"), *issued = json_get_c(claims, "iat");
    if (not_before && (!read_time(not_before, &begins) || now_us < begins - leeway_us))
        return refuse(err, "The token is not valid yet");
    if (issued && (!read_time(issued, &begins) || now_us < begins - leeway_us))
        return refuse(err, "The token was issued in the future: check the clocks");
    return true;
}

static bool
audience_holds(yyjson_val *audience, struct str wanted)
{
    size_t index, max;
    yyjson_val *item;
    if (yyjson_is_str(audience))
        return str_eq(json_str(audience), wanted);
    yyjson_arr_foreach(audience, index, max, item) {
        if (yyjson_is_str(item) && str_eq(json_str(item), wanted))
            return true;
    }
    return false;
}

static bool
check_parties(yyjson_val *claims, const struct jwt_policy *policy, struct err *err)
{
    yyjson_val *issuer = json_get_c(claims, "iss");
    if (policy->issuer.ptr && (!yyjson_is_str(issuer) || !str_eq(json_str(issuer), policy->issuer)))
        return refuse(err, "The token is from another issuer");
    if (policy->audience.ptr && !audience_holds(json_get_c(claims, "aud"), policy->audience))
        return refuse(err, "The token is for another audience");
    return true;
}

static bool
signature_holds(const struct jwt_keys *keys, struct str token, const struct parts *parts, struct arena *a)
{
    struct str signature;
    yyjson_val *header = read_object(a, parts->header);
    yyjson_val *kid = json_get_c(header, "kid");
    enum jwt_algorithm algorithm = jwt_algorithm_from_name(json_str(json_get_c(header, "alg")));
    /* We know no critical extension, so any `crit`, also a malformed one, ends it (RFC 7515 section 4.1.11). */
    if (!header || !algorithm || json_get_c(header, "crit") || (kid && !yyjson_is_str(kid)) ||
        !base64_decode(a, parts->signature, BASE64_URL, &signature))
        return false;
    return jwt_signature_is_ours(keys, algorithm, json_str(kid), token, parts->signed_part, signature);
}

bool
jwt_peek(struct str token, struct arena *a, enum jwt_algorithm *algorithm_out, struct str *kid_out)
{
    struct parts parts;
    yyjson_val *header = split(token, &parts) ? read_object(a, parts.header) : NULL;
    if (!header)
        return false;
    *algorithm_out = jwt_algorithm_from_name(json_str(json_get_c(header, "alg")));
    *kid_out = json_str(json_get_c(header, "kid"));
    return true;
}

bool
jwt_verify(const struct jwt_keys *keys, const struct jwt_policy *policy, int64_t now_us, struct str token,
           struct arena *a, yyjson_val **claims_out, struct err *err)
{
    static const struct jwt_policy open_policy = {0};
    struct parts parts;
    if (!policy)
        policy = &open_policy;
    int64_t leeway_us = policy->leeway_us < 0                   ? 0
                        : policy->leeway_us > JWT_LEEWAY_MAX_US ? JWT_LEEWAY_MAX_US
                                                                : policy->leeway_us;
    if (!split(token, &parts) || !signature_holds(keys, token, &parts, a))
        return refuse(err, "The token is not valid");
    yyjson_val *claims = read_object(a, parts.payload);
    if (!claims)
        return refuse(err, "The token is not valid");
    if (!check_times(claims, leeway_us, now_us, err) || !check_parties(claims, policy, err))
        return false;
    *claims_out = claims;
    return true;
}

static bool
check_claims(struct str claims, struct arena *a, struct err *err)
{
    int64_t expires;
    yyjson_val *root = json_parse(a, claims, JSON_UNIQUE_KEYS | JSON_NUMBERS_RAW, JWT_DEPTH_MAX, err);
    if (!root)
        return false;
    if (!yyjson_is_obj(root) || !read_time(json_get_c(root, "exp"), &expires))
        return err_set(err, E_VALIDATION_FAILED, "Claims must be a JSON object with exp");
    return true;
}

bool
jwt_sign(struct str secret, struct str claims, struct arena *a, struct str *token_out, struct err *err)
{
    struct digest signature;
    if (secret.len < JWT_SECRET_BYTES_MIN)
        return err_set(err, E_CONFIG, "The JWT secret has %zu bytes: HS256 needs at least %d", secret.len,
                       JWT_SECRET_BYTES_MIN);
    if (!check_claims(claims, a, err))
        return false;
    struct buf text;
    buf_init(&text, JWT_TEXT_BYTES_MAX);
    buf_add(&text, STR(HEADER_HS256 "."));
    base64_encode(&text, claims, BASE64_URL);
    bool ok = buf_ok(&text) && digest_hmac(DIGEST_SHA256, secret, buf_str(&text), &signature, err);
    if (ok) {
        buf_add_char(&text, '.');
        base64_encode(&text, digest_bytes(&signature), BASE64_URL);
    }
    struct str token = ok && buf_ok(&text) ? str_copy(a, buf_str(&text)) : STR_NONE;
    buf_release(&text);
    if (!token.ptr)
        return err_set(err, E_TOO_LARGE, "The claims are too large for a token");
    *token_out = token;
    return true;
}
