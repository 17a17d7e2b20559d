/*
 * Digests and HMACs: of signed webhooks, of API keys, of content.
 *
 * MD5 and SHA-1 are here because vendors sign with them or send them; nothing of ours trusts them.
 * Every function may be called from any thread. Failure means that the system has no memory.
 */
#ifndef TIDEMARK_CRYPT_DIGEST_H
#define TIDEMARK_CRYPT_DIGEST_H

#include "base/err.h"
#include "base/str.h"

enum digest_kind {
    DIGEST_MD5,
    DIGEST_SHA1,
    DIGEST_SHA256,
    DIGEST_SHA384,
    DIGEST_SHA512,
};

#define DIGEST_BYTES_MAX 64
#define DIGEST_TEXT_BYTES (2 * DIGEST_BYTES_MAX + 1)

struct digest {
    unsigned char bytes[DIGEST_BYTES_MAX];
    size_t len; /* 16, 20, 32, 48 or 64 */
};

/* "md5", "sha1", "sha256", "sha384", "sha512", any case, with or without a dash. False for another name. */
MUST_USE bool digest_kind_from_name(struct str name, enum digest_kind *kind_out);

/* E_NO_MEMORY. */
MUST_USE bool digest_of(enum digest_kind kind, struct str data, struct digest *digest_out, struct err *err);
/* RFC 2104. The key may be of any length, also empty. E_NO_MEMORY. */
MUST_USE bool digest_hmac(enum digest_kind kind, struct str key, struct str data, struct digest *digest_out,
                          struct err *err);

/* The raw bytes, valid as long as d. */
struct str digest_bytes(const struct digest *d);
/* Lower case hex into text. Returns text. */
const char *digest_hex(const struct digest *d, char text[DIGEST_TEXT_BYTES]);
/* Compares raw bytes in time that depends on lengths only. Another length is a difference. */
bool digest_equal(const struct digest *d, struct str raw);

#define SHA256_TEXT_BYTES 65
/* The SHA-256 of data as 64 hex digits into text: what is stored of an API key. E_NO_MEMORY. */
MUST_USE bool sha256_hex(struct str data, char text[SHA256_TEXT_BYTES], struct err *err);

#endif
