/*
 * Making tokens for others: a vendor that wants a JWT signed with a key it gave us.
 *
 * Unlike jwt.h this trusts its caller for the claims: the vendor judges them, not we. Pure, any thread.
 */
#ifndef TIDEMARK_CRYPT_JWT_MAKE_H
#define TIDEMARK_CRYPT_JWT_MAKE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

/* "HS256", "RS384", "PS256", "ES256", "EdDSA" ... (RFC 7518, RFC 8037). */
bool jwt_can_make(struct str algorithm);

/*
 * header and payload: JSON texts, signed as they stand. key: the secret of an HS algorithm, else a PEM private key;
 * passphrase: of an encrypted PEM, or STR_NONE. token_out lives in a. E_CONFIG says what is wrong with the key, never
 * what it is; E_NO_MEMORY.
 */
MUST_USE bool jwt_make(struct str algorithm, struct str key, struct str passphrase, struct str header, struct str payload,
                       struct arena *a, struct str *token_out, struct err *err);

#endif
