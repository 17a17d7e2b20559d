#include "crypt/token.h"

#include <limits.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "crypt/digest.h"

#define BASE62_BYTE_LIMIT 248 /* 4 * 62: bytes from here on would make the first characters likelier */

static const char base62[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

_Static_assert(TOKEN_TEXT_BYTES == sizeof(TOKEN_PREFIX) + TOKEN_RANDOM_CHARS, "prefix, characters, NUL");

bool
random_bytes(void *bytes, size_t count, struct err *err)
{
    if (count > INT_MAX || RAND_bytes(bytes, (int)count) != 1)
        return err_set(err, E_UNAVAILABLE, "The system gives no random numbers");
    return true;
}

static bool
random_base62(char *text, size_t chars, struct err *err)
{
    unsigned char pool[64];
    bool ok = true;
    for (size_t have = 0, at = sizeof(pool); ok && have < chars; at++) {
        if (at == sizeof(pool)) {
            ok = random_bytes(pool, sizeof(pool), err);
            at = 0;
        }
        if (ok && pool[at] < BASE62_BYTE_LIMIT)
            text[have++] = base62[pool[at] % 62];
    }
    OPENSSL_cleanse(pool, sizeof(pool));
    return ok;
}

bool
random_text(struct arena *a, struct str prefix, size_t chars, struct str *text_out, struct err *err)
{
    char *text = arena_alloc_bytes(a, prefix.len + chars);
    if (!text)
        return err_set(err, E_TOO_LARGE, NULL);
    if (prefix.len)
        memcpy(text, prefix.ptr, prefix.len);
    if (!random_base62(text + prefix.len, chars, err))
        return false;
    *text_out = (struct str){text, prefix.len + chars};
    return true;
}

bool
token_new(struct token *token_out, struct err *err)
{
    struct token token = {.text = TOKEN_PREFIX};
    bool ok = random_base62(token.text + sizeof(TOKEN_PREFIX) - 1, TOKEN_RANDOM_CHARS, err) &&
              token_hash(str_from_c(token.text), token.hash, err);
    if (ok)
        *token_out = token;
    token_wipe(&token);
    return ok;
}

void
token_wipe(struct token *token)
{
    OPENSSL_cleanse(token, sizeof(*token));
}

bool
token_hash(struct str text, char hash[TOKEN_HASH_BYTES], struct err *err)
{
    return sha256_hex(text, hash, err);
}

bool
token_has_shape(struct str text)
{
    if (text.len != TOKEN_TEXT_BYTES - 1 || !str_starts(text, STR(TOKEN_PREFIX)))
        return false;
    for (size_t i = sizeof(TOKEN_PREFIX) - 1; i < text.len; i++)
        if (!text.ptr[i] || !strchr(base62, text.ptr[i]))
            return false;
    return true;
}
