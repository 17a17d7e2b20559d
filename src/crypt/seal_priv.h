/*
 * What the files of sealing share: AES-256-GCM itself, the framing of a sealed text, and the master keys.
 */
#ifndef TIDEMARK_CRYPT_SEAL_PRIV_H
#define TIDEMARK_CRYPT_SEAL_PRIV_H

#include "base/buf.h"
#include "crypt/seal.h"

#define SEAL_NONCE_BYTES 12
#define SEAL_TAG_BYTES 16
#define SEAL_FRAME_BYTES (SEAL_NONCE_BYTES + SEAL_TAG_BYTES)

/* The keys that one secret text gives. */
struct master_keys {
    char id[SEAL_ID_BYTES];
    unsigned char wrap[SEAL_KEY_BYTES];
};

size_t seal_master_count(const struct seal_master *m); /* the present one first */
/* Derives at first need. The copies are the caller's to wipe. index < count. E_NO_MEMORY. */
MUST_USE bool seal_master_keys(struct seal_master *m, size_t index, struct master_keys *keys_out, struct err *err);
MUST_USE bool seal_master_legacy_key(struct seal_master *m, size_t index, unsigned char key[SEAL_KEY_BYTES],
                                     struct err *err);

/* The associated data: each part behind its length, so that no two lists of parts give the same bytes. */
bool seal_add_part(struct buf *aad, struct str part);

/* Appends base64url(nonce, ciphertext, tag) to text, with a fresh random nonce. */
MUST_USE bool gcm_seal(const unsigned char key[SEAL_KEY_BYTES], struct str aad, struct str plain, struct buf *text,
                       struct err *err);
/* The reverse. E_CRYPT with the one message for whatever is wrong. Replaces plain_out. */
MUST_USE bool gcm_open(const unsigned char key[SEAL_KEY_BYTES], struct str aad, struct str text,
                       struct secret *plain_out, struct err *err);
/* E_CRYPT with the message that every failed opening has. Returns false. */
bool seal_fault(struct err *err);
bool seal_id_is_valid(struct str id);
/* 16 hex digits of 8 bytes. */
void seal_id_format(const unsigned char bytes[8], char id[SEAL_ID_BYTES]);

#endif
