/*
 * Tokens that we make: API keys, addresses that cannot be guessed, session ids.
 *
 * An API key is "tm_" and 43 characters of base62: 256 bits, no character that breaks a double click or
 * a shell word, and a prefix that log lines and secret scanners know. Only its SHA-256 is stored: a
 * random 256-bit text needs no slow hash, and a lookup by hash tells a thief nothing by its timing.
 */
#ifndef TIDEMARK_CRYPT_TOKEN_H
#define TIDEMARK_CRYPT_TOKEN_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define TOKEN_PREFIX "tm_"
#define TOKEN_RANDOM_CHARS 43 /* of 62: the least that holds 256 bits */
#define TOKEN_TEXT_BYTES (3 + TOKEN_RANDOM_CHARS + 1)
#define TOKEN_HASH_BYTES 65

struct token {
    char text[TOKEN_TEXT_BYTES]; /* shown once, never stored; wipe with token_wipe */
    char hash[TOKEN_HASH_BYTES]; /* SHA-256 of text, 64 hex digits: what is stored and looked up */
};

/* Makes an API key. E_UNAVAILABLE when the system gives no randomness. Any thread. */
MUST_USE bool token_new(struct token *token_out, struct err *err);
void token_wipe(struct token *token);
/* The hash under which a presented key is looked up, whatever the text. E_NO_MEMORY. Any thread. */
MUST_USE bool token_hash(struct str text, char hash[TOKEN_HASH_BYTES], struct err *err);
/* Has the shape of an API key; says nothing about whether it is one. Tells it from a JWT. */
bool token_has_shape(struct str text);

/* Fills bytes from the system's cryptographic generator. E_UNAVAILABLE. Any thread. */
MUST_USE bool random_bytes(void *bytes, size_t count, struct err *err);
/* prefix + `chars` characters of base62, in the arena. E_TOO_LARGE, E_UNAVAILABLE. 43 chars are 256 bits. */
MUST_USE bool random_text(struct arena *a, struct str prefix, size_t chars, struct str *text_out, struct err *err);

#endif
