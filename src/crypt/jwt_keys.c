/*
 * Keys that verify tokens. RSA and elliptic curves are cjose's work; Ed25519, which its releases lack, and HMAC
 * are OpenSSL's.
 *
 * What makes it hard: an algorithm must never be the token's choice. A key here has exactly one, decided when it
 * was added, so a public RSA key can never be used as an HMAC secret.
 */
#include "crypt/jwt_priv.h"

#include <stdlib.h>

#include <cjose/cjose.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/encode.h"
#include "base/limits.h"
#include "crypt/digest.h"
#include "crypt/secret.h"
#include "json/writer.h"

#define KEYS_MAGIC 0x7a57c0deU
#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 8192 /* verifying with larger ones is a way to burn our time */
#define ED25519_BYTES 32
#define P256_BYTES 32
#define JWKS_DEPTH_MAX 16
#define JWK_BYTES_MAX (16 * 1024)

struct jwt_key {
    enum jwt_algorithm algorithm;
    struct secret kid;    /* empty: none */
    struct secret shared; /* HS256 */
    cjose_jwk_t *jwk;     /* RS256, ES256; owned */
    EVP_PKEY *okp;        /* EdDSA; owned */
};

struct jwt_keys {
    unsigned magic;
    size_t count;
    struct jwt_key keys[JWT_KEYS_MAX];
};

enum jwt_algorithm
jwt_algorithm_from_name(struct str name)
{
    static const struct {
        const char *name;
        enum jwt_algorithm algorithm;
    } names[] = {{"HS256", JWT_HS256}, {"RS256", JWT_RS256}, {"ES256", JWT_ES256}, {"EdDSA", JWT_EDDSA}};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq_c(name, names[i].name))
            return names[i].algorithm;
    return (enum jwt_algorithm)0;
}

struct jwt_keys *
jwt_keys_new(void)
{
    struct jwt_keys *keys = alloc_zeroed(1, sizeof(*keys));
    if (keys)
        keys->magic = KEYS_MAGIC;
    return keys;
}

static void
key_release(struct jwt_key *key)
{
    secret_release(&key->kid);
    secret_release(&key->shared);
    if (key->jwk)
        cjose_jwk_release(key->jwk);
    EVP_PKEY_free(key->okp);
    *key = (struct jwt_key){0};
}

void
jwt_keys_free(struct jwt_keys *keys)
{
    if (!keys)
        return;
    CHECK(keys->magic == KEYS_MAGIC);
    for (size_t i = 0; i < keys->count; i++)
        key_release(&keys->keys[i]);
    free(keys);
}

/* Moves key in; on failure it is released. */
static bool
keys_take(struct jwt_keys *keys, struct jwt_key *key, struct err *err)
{
    CHECK(keys->magic == KEYS_MAGIC);
    if (keys->count == JWT_KEYS_MAX) {
        key_release(key);
        return err_set(err, E_LIMIT, "More than %d keys for tokens", JWT_KEYS_MAX);
    }
    keys->keys[keys->count++] = *key;
    *key = (struct jwt_key){0};
    return true;
}

bool
jwt_keys_add_secret(struct jwt_keys *keys, struct str secret, struct err *err)
{
    struct jwt_key key = {.algorithm = JWT_HS256};
    if (secret.len < JWT_SECRET_BYTES_MIN)
        return err_set(err, E_CONFIG, "The JWT secret has %zu bytes: HS256 needs at least %d", secret.len,
                       JWT_SECRET_BYTES_MIN);
    return secret_set(&key.shared, secret, err) && keys_take(keys, &key, err);
}

/* ---- JWKS ---- */

/* The one algorithm that a key of this type verifies here, or 0. */
static enum jwt_algorithm
algorithm_of_type(yyjson_val *jwk)
{
    struct str kty = json_str(json_get_c(jwk, "kty")), crv = json_str(json_get_c(jwk, "crv"));
    if (str_eq(kty, STR("RSA")))
        return JWT_RS256;
    if (str_eq(kty, STR("EC")) && str_eq(crv, STR("P-256")))
        return JWT_ES256;
    if (str_eq(kty, STR("OKP")) && str_eq(crv, STR("Ed25519")))
        return JWT_EDDSA;
    return (enum jwt_algorithm)0;
}

static bool
list_holds(yyjson_val *list, struct str wanted)
{
    size_t index, max;
    yyjson_val *item;
    yyjson_arr_foreach(list, index, max, item) {
        if (str_eq(json_str(item), wanted))
            return true;
    }
    return false;
}

static bool
is_for_verifying(yyjson_val *jwk, enum jwt_algorithm algorithm)
{
    yyjson_val *use = json_get_c(jwk, "use"), *alg = json_get_c(jwk, "alg"), *operations = json_get_c(jwk, "key_ops");
    return (!use || str_eq(json_str(use), STR("sig"))) &&
           (!alg || jwt_algorithm_from_name(json_str(alg)) == algorithm) &&
           (!operations || list_holds(operations, STR("verify")));
}

/* Whether a member is base64url of between bytes_min and bytes_max bytes. */
static bool
member_decodes(struct arena *a, yyjson_val *jwk, const char *member, size_t bytes_min, size_t bytes_max)
{
    struct str bytes;
    return base64_decode(a, json_str(json_get_c(jwk, member)), BASE64_URL, &bytes) && bytes.len >= bytes_min &&
           bytes.len <= bytes_max;
}

/* cjose asserts where it should refuse (an empty exponent ends the process), so it sees checked members only. */
static bool
members_are_sane(struct arena *a, yyjson_val *jwk, enum jwt_algorithm algorithm)
{
    if (algorithm == JWT_RS256)
        return member_decodes(a, jwk, "n", RSA_BITS_MIN / 8, RSA_BITS_MAX / 8) && member_decodes(a, jwk, "e", 1, 8);
    return member_decodes(a, jwk, "x", P256_BYTES, P256_BYTES) && member_decodes(a, jwk, "y", P256_BYTES, P256_BYTES);
}

/* The member in the one form of base64url that everybody reads alike. */
static void
add_number(struct arena *a, struct json_writer *w, yyjson_val *jwk, const char *member)
{
    struct str bytes;
    if (!base64_decode(a, json_str(json_get_c(jwk, member)), BASE64_URL, &bytes))
        return;
    struct buf text;
    buf_init(&text, JWK_BYTES_MAX);
    base64_encode(&text, bytes, BASE64_URL);
    json_add_str(w, member, buf_str(&text));
    buf_release(&text);
}

/* cjose gets the public members alone, so that nothing else in the document can mean anything. */
static cjose_jwk_t *
import_public(struct arena *a, yyjson_val *jwk)
{
    static const char *const names[] = {"kty", "crv"}, *const numbers[] = {"n", "e", "x", "y"};
    struct buf text;
    struct json_writer w;
    buf_init(&text, JWK_BYTES_MAX);
    json_writer_init(&w, &text);
    json_begin_object(&w, NULL);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (json_get_c(jwk, names[i]))
            json_add_str(&w, names[i], json_str(json_get_c(jwk, names[i])));
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        add_number(a, &w, jwk, numbers[i]);
    json_end_object(&w);
    cjose_err fault;
    cjose_jwk_t *imported = buf_ok(&text) ? cjose_jwk_import(text.ptr, text.len, &fault) : NULL;
    buf_release(&text);
    return imported;
}

static bool
rsa_size_is_sane(const cjose_jwk_t *jwk)
{
    cjose_err fault;
    size_t bits = cjose_jwk_get_keysize(jwk, &fault);
    return bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX;
}

static EVP_PKEY *
import_ed25519(struct arena *a, yyjson_val *jwk)
{
    struct str x;
    if (!base64_decode(a, json_str(json_get_c(jwk, "x")), BASE64_URL, &x) || x.len != ED25519_BYTES)
        return NULL;
    return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, (const unsigned char *)x.ptr, x.len);
}

static bool
key_import(struct arena *a, yyjson_val *jwk, struct jwt_key *key, struct err *err)
{
    if (key->algorithm == JWT_EDDSA)
        key->okp = import_ed25519(a, jwk);
    else if (members_are_sane(a, jwk, key->algorithm))
        key->jwk = import_public(a, jwk);
    if (!key->okp && !key->jwk)
        return err_set(err, E_CONFIG, "A key of the JWKS document cannot be read");
    if (key->algorithm == JWT_RS256 && !rsa_size_is_sane(key->jwk))
        return err_set(err, E_CONFIG, "An RSA key of the JWKS document has not between %d and %d bits", RSA_BITS_MIN,
                       RSA_BITS_MAX);
    return secret_set(&key->kid, json_str(json_get_c(jwk, "kid")), err);
}

static bool
add_all(struct jwt_keys *keys, struct arena *a, yyjson_val *list, unsigned algorithms, struct err *err)
{
    size_t index, max, before = keys->count;
    yyjson_val *jwk;
    yyjson_arr_foreach(list, index, max, jwk) {
        struct jwt_key key = {.algorithm = algorithm_of_type(jwk)};
        if (!(key.algorithm & algorithms) || !is_for_verifying(jwk, key.algorithm))
            continue;
        if (!key_import(a, jwk, &key, err)) {
            key_release(&key); /* one that cannot be used must not take the others with it */
            continue;
        }
        if (!keys_take(keys, &key, err))
            return false;
    }
    if (keys->count == before && err->code != E_CONFIG)
        return err_set(err, E_CONFIG, "The JWKS document has no key that may be used here");
    return keys->count > before;
}

bool
jwt_keys_add_jwks(struct jwt_keys *keys, struct str jwks, unsigned algorithms, struct err *err)
{
    CHECK(!(algorithms & JWT_HS256)); /* a published document must not bring shared secrets */
    struct arena scratch;
    arena_init(&scratch, 8 * LIMIT_BODY_BYTES);
    yyjson_val *root = jwks.len > LIMIT_BODY_BYTES ? NULL
                                                   : json_parse(&scratch, jwks, JSON_UNIQUE_KEYS, JWKS_DEPTH_MAX, err);
    yyjson_val *list = json_get_c(root, "keys");
    bool ok = yyjson_is_arr(list) ? add_all(keys, &scratch, list, algorithms, err)
                                  : err_set(err, E_CONFIG, "The JWKS document is not a JSON object with `keys`");
    arena_release(&scratch);
    return ok;
}

/* ---- signatures ---- */

static bool
hs256_matches(const struct jwt_key *key, struct str signed_part, struct str signature)
{
    struct digest expected;
    struct err ignored = {0};
    return digest_hmac(DIGEST_SHA256, secret_reveal(&key->shared), signed_part, &expected, &ignored) &&
           digest_equal(&expected, signature);
}

static bool
ed25519_matches(const struct jwt_key *key, struct str signed_part, struct str signature)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key->okp) == 1 &&
              EVP_DigestVerify(ctx, (const unsigned char *)signature.ptr, signature.len,
                               (const unsigned char *)signed_part.ptr, signed_part.len) == 1;
    EVP_MD_CTX_free(ctx);
    return ok;
}

/* The header was read by us first: its alg is the key's, and no member occurs twice, so cjose sees the same. */
static bool
cjose_matches(const struct jwt_key *key, struct str token)
{
    cjose_err fault;
    cjose_jws_t *jws = cjose_jws_import(token.ptr, token.len, &fault);
    bool ok = jws && cjose_jws_verify(jws, key->jwk, &fault);
    if (jws)
        cjose_jws_release(jws);
    return ok;
}

static bool
may_sign(const struct jwt_key *key, enum jwt_algorithm algorithm, struct str kid)
{
    return key->algorithm == algorithm && (!kid.ptr || !key->kid.len || str_eq(kid, secret_reveal(&key->kid)));
}

bool
jwt_keys_hold(const struct jwt_keys *keys, enum jwt_algorithm algorithm, struct str kid)
{
    CHECK(keys->magic == KEYS_MAGIC);
    for (size_t i = 0; i < keys->count; i++)
        if (may_sign(&keys->keys[i], algorithm, kid))
            return true;
    return false;
}

bool
jwt_signature_is_ours(const struct jwt_keys *keys, enum jwt_algorithm algorithm, struct str kid, struct str token,
                      struct str signed_part, struct str signature)
{
    CHECK(keys->magic == KEYS_MAGIC);
    for (size_t i = 0; i < keys->count; i++) {
        const struct jwt_key *key = &keys->keys[i];
        if (!may_sign(key, algorithm, kid))
            continue;
        bool ours = algorithm == JWT_HS256   ? hs256_matches(key, signed_part, signature)
                    : algorithm == JWT_EDDSA ? ed25519_matches(key, signed_part, signature)
                                             : cjose_matches(key, token);
        if (ours)
            return true;
    }
    return false;
}
