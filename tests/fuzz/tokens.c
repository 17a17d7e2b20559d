/* What a stranger may hand in as a token, a sealed value or a key: nothing of it may be accepted. */
#include "base/check.h"
#include "crypt/jwt.h"
#include "crypt/seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct jwt_keys *
keys_of_test(struct err *err)
{
    struct jwt_keys *keys = jwt_keys_new();
    CHECK(keys && jwt_keys_add_secret(keys, STR("a secret of thirty-two bytes, fixed"), err));
    return keys;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct jwt_keys *keys;
    struct str text = {(const char *)data, size};
    struct seal_key key = {.id = "0123456789abcdef", .bytes = {7}};
    struct seal_place place = {STR("t"), STR("k"), STR("i"), STR("f")};
    struct secret plain = {0};
    struct err err = {0};
    struct arena a;
    yyjson_val *claims;
    if (!keys)
        keys = keys_of_test(&err);
    arena_init(&a, 16 * 1024 * 1024);
    CHECK(!jwt_verify(keys, NULL, 0, text, &a, &claims, &err));
    CHECK(!seal_open(&key, &place, text, &plain, &err));
    struct jwt_keys *more = jwt_keys_new();
    if (more)
        (void)!jwt_keys_add_jwks(more, text, JWT_RS256 | JWT_ES256 | JWT_EDDSA, &err);
    jwt_keys_free(more);
    arena_release(&a);
    return 0;
}
