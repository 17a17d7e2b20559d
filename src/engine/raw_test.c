#include "base/test.h"

#include <string.h>

#include "engine/raw.h"

static void
test_what_is_packed_comes_back(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 22);
    struct err err = {0};
    struct raw_packer *packer = raw_packer_new(&err);
    char text[4000];
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)('a' + i % 7 + i % 3);
    const size_t lengths[] = {0, 1, 100, 200, 4000};
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        struct str plain = {text, lengths[i]}, back = STR_NONE;
        struct str packed = raw_pack(packer, &arena, plain);
        assert_false(str_is_none(packed));
        assert_ok(raw_unpack(&arena, packed, &back, &err), err);
        assert_true(str_eq(plain, back));
    }
    raw_packer_free(packer);
    arena_release(&arena);
}

static void
test_foreign_bytes_are_refused(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct err err = {0};
    struct str text;
    assert_fails_with(raw_unpack(&arena, STR(""), &text, &err), err, E_STORE_CORRUPT);
    assert_fails_with(raw_unpack(&arena, STR("\1zzzz"), &text, &err), err, E_STORE_CORRUPT);
    assert_fails_with(raw_unpack(&arena, STR("\7zzzz"), &text, &err), err, E_STORE_CORRUPT);
    arena_release(&arena);
}
