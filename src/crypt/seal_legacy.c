/*
 * The documented older form of a stored secret: "{iv}:{ciphertext}" in hex, AES-256-CBC.
 *
 * What makes it hard is that it has no authentication. So the shape is matched exactly, the whole padding is
 * checked, the text must be UTF-8, and every failure has the same words: nothing can be probed through it.
 */
#include "crypt/seal_priv.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/alloc.h"
#include "base/encode.h"
#include "base/limits.h"
#include "crypt/token.h"

#define BLOCK_BYTES 16
#define IV_HEX_CHARS (2 * BLOCK_BYTES)

static bool
is_lower_hex(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!((s.ptr[i] >= '0' && s.ptr[i] <= '9') || (s.ptr[i] >= 'a' && s.ptr[i] <= 'f')))
            return false;
    return true;
}

bool
seal_is_legacy(struct str text)
{
    struct str iv, cipher;
    return str_cut(text, ':', &iv, &cipher) && iv.len == IV_HEX_CHARS && cipher.len > 0 &&
           cipher.len % (2 * BLOCK_BYTES) == 0 && is_lower_hex(iv) && is_lower_hex(cipher);
}

/* Length without PKCS#7 padding, or SIZE_MAX. Looks at every byte of the last block whatever it finds. */
static size_t
unpadded_bytes(const unsigned char *plain, size_t count)
{
    unsigned pad = plain[count - 1];
    unsigned wrong = pad == 0 || pad > BLOCK_BYTES;
    for (unsigned i = 1; i <= BLOCK_BYTES; i++)
        wrong |= (unsigned)(i <= pad) & (unsigned)(plain[count - i] != pad);
    return wrong ? SIZE_MAX : count - pad;
}

static bool
cbc_decrypt(const unsigned char key[SEAL_KEY_BYTES], struct str iv, struct str cipher, unsigned char *plain)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int len = 0, rest = 0;
    bool ok = ctx && EVP_DecryptInit_ex2(ctx, EVP_aes_256_cbc(), key, (const unsigned char *)iv.ptr, NULL) &&
              EVP_CIPHER_CTX_set_padding(ctx, 0) &&
              EVP_DecryptUpdate(ctx, plain, &len, (const unsigned char *)cipher.ptr, (int)cipher.len) &&
              EVP_DecryptFinal_ex(ctx, plain + len, &rest);
    EVP_CIPHER_CTX_free(ctx);
    return ok;
}

enum attempt { ATTEMPT_OPENED, ATTEMPT_WRONG, ATTEMPT_FAILED };

static enum attempt
open_with(struct seal_master *m, size_t index, struct str iv, struct str cipher, struct secret *plain_out,
          struct err *err)
{
    unsigned char key[SEAL_KEY_BYTES];
    struct secret plain = {.bytes = alloc_bytes(cipher.len), .len = cipher.len};
    if (!plain.bytes) {
        err_no_memory(err);
        return ATTEMPT_FAILED;
    }
    if (!seal_master_legacy_key(m, index, key, err)) {
        secret_release(&plain);
        return ATTEMPT_FAILED;
    }
    size_t bytes = cbc_decrypt(key, iv, cipher, (unsigned char *)plain.bytes)
                       ? unpadded_bytes((const unsigned char *)plain.bytes, plain.len) : SIZE_MAX;
    OPENSSL_cleanse(key, sizeof(key));
    struct str text = {plain.bytes, bytes};
    enum attempt attempt = ATTEMPT_WRONG;
    if (bytes != SIZE_MAX && str_is_utf8(text))
        attempt = secret_set(plain_out, text, err) ? ATTEMPT_OPENED : ATTEMPT_FAILED;
    secret_release(&plain);
    return attempt;
}

static bool
open_decoded(struct seal_master *m, size_t count, struct str iv, struct str cipher, struct secret *plain_out, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        enum attempt attempt = open_with(m, i, iv, cipher, plain_out, err);
        if (attempt != ATTEMPT_WRONG)
            return attempt == ATTEMPT_OPENED;
    }
    return seal_fault(err);
}

/* With the first `count` secrets, the present one first. */
static bool
open_text(struct seal_master *m, size_t count, struct str text, struct secret *plain_out, struct err *err)
{
    if (!seal_is_legacy(text) || text.len > 2 * (LIMIT_SECRET_BYTES + 2 * BLOCK_BYTES) + 1)
        return seal_fault(err);
    struct arena scratch;
    struct str iv, cipher;
    arena_init(&scratch, 2 * LIMIT_SECRET_BYTES);
    bool ok = hex_decode(&scratch, str_slice(text, 0, IV_HEX_CHARS), &iv) &&
              hex_decode(&scratch, str_skip(text, IV_HEX_CHARS + 1), &cipher);
    ok = ok ? open_decoded(m, count, iv, cipher, plain_out, err) : err_no_memory(err);
    arena_release(&scratch);
    return ok;
}

bool
seal_legacy_open(struct seal_master *m, struct str text, struct secret *plain_out, struct err *err)
{
    return open_text(m, seal_master_count(m), text, plain_out, err);
}

bool
seal_legacy_is_current(struct seal_master *m, struct str text)
{
    struct err ignored = {0};
    struct secret plain = {0};
    bool current = open_text(m, 1, text, &plain, &ignored);
    secret_release(&plain);
    return current;
}

static bool
cbc_encrypt(const unsigned char key[SEAL_KEY_BYTES], const unsigned char *iv, struct str plain, unsigned char *cipher,
            size_t *cipher_bytes_out)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int len = 0, rest = 0;
    bool ok = ctx && EVP_EncryptInit_ex2(ctx, EVP_aes_256_cbc(), key, iv, NULL) &&
              EVP_EncryptUpdate(ctx, cipher, &len, (const unsigned char *)(plain.len ? plain.ptr : ""), (int)plain.len) &&
              EVP_EncryptFinal_ex(ctx, cipher + len, &rest);
    EVP_CIPHER_CTX_free(ctx);
    *cipher_bytes_out = (size_t)len + (size_t)rest;
    return ok;
}

static bool
format_legacy(const unsigned char *iv, struct str cipher, struct arena *a, struct str *text_out, struct err *err)
{
    struct buf text;
    buf_init(&text, 4 * LIMIT_SECRET_BYTES);
    hex_encode(&text, (struct str){(const char *)iv, BLOCK_BYTES});
    buf_add_char(&text, ':');
    bool built = hex_encode(&text, cipher);
    struct str kept = built ? str_copy(a, buf_str(&text)) : STR_NONE;
    buf_release(&text);
    if (!kept.ptr)
        return err_set(err, E_TOO_LARGE, NULL);
    *text_out = kept;
    return true;
}

bool
seal_legacy(struct seal_master *m, struct str plain, struct arena *a, struct str *text_out, struct err *err)
{
    unsigned char key[SEAL_KEY_BYTES], iv[BLOCK_BYTES];
    size_t cipher_bytes;
    if (plain.len > LIMIT_SECRET_BYTES)
        return err_set(err, E_TOO_LARGE, "A secret may have at most %d bytes", LIMIT_SECRET_BYTES);
    if (!str_is_utf8(plain))
        return err_set(err, E_VALIDATION_FAILED, "This secret is not UTF-8 text, which secret_format = \"cbc\" needs");
    unsigned char *cipher = alloc_bytes(plain.len + BLOCK_BYTES);
    if (!cipher)
        return err_no_memory(err);
    bool ok = seal_master_legacy_key(m, 0, key, err) && random_bytes(iv, sizeof(iv), err);
    if (ok)
        ok = cbc_encrypt(key, iv, plain, cipher, &cipher_bytes)
                 ? format_legacy(iv, (struct str){(const char *)cipher, cipher_bytes}, a, text_out, err)
                 : err_no_memory(err);
    OPENSSL_cleanse(key, sizeof(key));
    free(cipher);
    return ok;
}
