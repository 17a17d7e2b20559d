/*
 * Between jwt.c, which reads tokens, and jwt_keys.c, which knows keys and signatures.
 */
#ifndef TIDEMARK_CRYPT_JWT_PRIV_H
#define TIDEMARK_CRYPT_JWT_PRIV_H

#include "crypt/jwt.h"

/*
 * Whether one of the keys of that algorithm made the signature. token: the whole compact text; signed_part: all before
 * its second dot; signature: decoded. A kid (STR_NONE when there is none) passes over keys that have another.
 */
bool jwt_signature_is_ours(const struct jwt_keys *keys, enum jwt_algorithm algorithm, struct str kid,
                           struct str token, struct str signed_part, struct str signature);

#endif
