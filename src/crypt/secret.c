#include "crypt/secret.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "base/alloc.h"

bool
secret_set(struct secret *s, struct str text, struct err *err)
{
    char *copy = NULL;
    if (text.len > 0) {
        copy = alloc_bytes(text.len);
        if (!copy)
            return err_no_memory(err);
        memcpy(copy, text.ptr, text.len);
    }
    secret_release(s); /* after the copy: text may be what s holds */
    *s = (struct secret){copy, text.len};
    return true;
}

struct str
secret_reveal(const struct secret *s)
{
    return (struct str){s->bytes, s->len};
}

void
secret_release(struct secret *s)
{
    if (s->bytes)
        OPENSSL_cleanse(s->bytes, s->len);
    free(s->bytes);
    *s = (struct secret){0};
}

bool
secret_equal(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || CRYPTO_memcmp(a.ptr, b.ptr, a.len) == 0);
}
