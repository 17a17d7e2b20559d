/*
 * AES-256-GCM as sealing uses it: one nonce, one message, one tag, framed as base64url text.
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

bool
seal_fault(struct err *err)
{
    return err_set(err, E_CRYPT, "A stored secret could not be read: it was altered, moved, or made with another key");
}

bool
seal_id_is_valid(struct str id)
{
    if (id.len != SEAL_ID_BYTES - 1)
        return false;
    for (size_t i = 0; i < id.len; i++)
        if (!((id.ptr[i] >= '0' && id.ptr[i] <= '9') || (id.ptr[i] >= 'a' && id.ptr[i] <= 'f')))
            return false;
    return true;
}

void
seal_id_format(const unsigned char bytes[8], char id[SEAL_ID_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < 8; i++) {
        id[2 * i] = digits[bytes[i] >> 4];
        id[2 * i + 1] = digits[bytes[i] & 15];
    }
    id[SEAL_ID_BYTES - 1] = '\0';
}

bool
seal_add_part(struct buf *aad, struct str part)
{
    return buf_addf(aad, "%zu:", part.len) && buf_add(aad, part);
}

static bool
encrypt(const unsigned char key[SEAL_KEY_BYTES], struct str aad, struct str plain, unsigned char *frame)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    unsigned char *cipher = frame + SEAL_NONCE_BYTES;
    int len = 0, rest = 0;
    bool ok = ctx && EVP_EncryptInit_ex2(ctx, EVP_aes_256_gcm(), key, frame, NULL) &&
              EVP_EncryptUpdate(ctx, NULL, &len, (const unsigned char *)aad.ptr, (int)aad.len) &&
              EVP_EncryptUpdate(ctx, cipher, &len, (const unsigned char *)(plain.len ? plain.ptr : ""), (int)plain.len) &&
              EVP_EncryptFinal_ex(ctx, cipher + len, &rest) &&
              EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, SEAL_TAG_BYTES, cipher + plain.len);
    EVP_CIPHER_CTX_free(ctx);
    return ok;
}

bool
gcm_seal(const unsigned char key[SEAL_KEY_BYTES], struct str aad, struct str plain, struct buf *text, struct err *err)
{
    if (plain.len > LIMIT_SECRET_BYTES)
        return err_set(err, E_TOO_LARGE, "A secret may have at most %d bytes", LIMIT_SECRET_BYTES);
    size_t frame_bytes = plain.len + SEAL_FRAME_BYTES;
    unsigned char *frame = alloc_bytes(frame_bytes);
    if (!frame)
        return err_no_memory(err);
    bool ok = random_bytes(frame, SEAL_NONCE_BYTES, err);
    if (ok)
        ok = (encrypt(key, aad, plain, frame) &&
              base64_encode(text, (struct str){(const char *)frame, frame_bytes}, BASE64_URL)) ||
             err_no_memory(err);
    free(frame);
    return ok;
}

/* plain has room for cipher_bytes. Nothing in it may be used when the result is false. */
static bool
decrypt(const unsigned char key[SEAL_KEY_BYTES], struct str aad, const unsigned char *frame, size_t cipher_bytes,
        unsigned char *plain)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    const unsigned char *cipher = frame + SEAL_NONCE_BYTES;
    unsigned char tag[SEAL_TAG_BYTES];
    memcpy(tag, cipher + cipher_bytes, sizeof(tag));
    int len = 0, rest = 0;
    bool ok = ctx && EVP_DecryptInit_ex2(ctx, EVP_aes_256_gcm(), key, frame, NULL) &&
              EVP_DecryptUpdate(ctx, NULL, &len, (const unsigned char *)aad.ptr, (int)aad.len) &&
              EVP_DecryptUpdate(ctx, plain, &len, cipher, (int)cipher_bytes) &&
              EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, SEAL_TAG_BYTES, tag) &&
              EVP_DecryptFinal_ex(ctx, plain + len, &rest);
    EVP_CIPHER_CTX_free(ctx);
    return ok;
}

static bool
open_frame(const unsigned char key[SEAL_KEY_BYTES], struct str aad, struct str frame, struct secret *plain_out,
           struct err *err)
{
    if (frame.len < SEAL_FRAME_BYTES)
        return seal_fault(err);
    struct secret plain = {.len = frame.len - SEAL_FRAME_BYTES};
    plain.bytes = alloc_bytes(plain.len);
    if (!plain.bytes)
        return err_no_memory(err);
    if (!decrypt(key, aad, (const unsigned char *)frame.ptr, plain.len, (unsigned char *)plain.bytes)) {
        secret_release(&plain);
        return seal_fault(err);
    }
    secret_release(plain_out);
    *plain_out = plain;
    return true;
}

/*
 * base64 has texts that decode alike but differ in unused bits of the last character; a sealed text has one
 * form only, so the frame is encoded again and compared.
 */
static bool
is_the_one_form(struct str frame, struct str text)
{
    struct buf again;
    buf_init(&again, text.len + 4);
    bool same = base64_encode(&again, frame, BASE64_URL) && str_eq(buf_str(&again), text);
    buf_release(&again);
    return same;
}

bool
gcm_open(const unsigned char key[SEAL_KEY_BYTES], struct str aad, struct str text, struct secret *plain_out,
         struct err *err)
{
    if (text.len == 0 || text.len > (LIMIT_SECRET_BYTES + SEAL_FRAME_BYTES) / 3 * 4 + 4)
        return seal_fault(err);
    struct arena scratch;
    struct str frame;
    arena_init(&scratch, 2 * LIMIT_SECRET_BYTES);
    bool ok = base64_decode(&scratch, text, BASE64_URL, &frame) && is_the_one_form(frame, text);
    ok = ok ? open_frame(key, aad, frame, plain_out, err) : seal_fault(err);
    arena_release(&scratch);
    return ok;
}
