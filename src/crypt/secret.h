/*
 * Secrets in memory. A struct secret owns its bytes, is wiped when released, and has no way to be
 * printed: whoever needs the text asks for it by name.
 */
#ifndef TIDEMARK_CRYPT_SECRET_H
#define TIDEMARK_CRYPT_SECRET_H

#include "base/err.h"
#include "base/str.h"

struct secret {
    char *bytes; /* owned, malloc'd; NULL when empty */
    size_t len;
};

MUST_USE bool secret_set(struct secret *s, struct str text, struct err *err); /* copies; releases what was there */
struct str secret_reveal(const struct secret *s);                            /* valid until released */
void secret_release(struct secret *s);                                       /* wipes; accepts a zeroed struct */
bool secret_equal(struct str a, struct str b);                               /* constant time in the contents */

#endif
