#include "base/test.h"

#include <pthread.h>
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

#define THREADS 4
#define PACKS 3000

struct packing {
    struct raw_packer *packer;
    unsigned number;
    bool right;
};

static void *
pack_many(void *ctx)
{
    struct packing *p = ctx;
    struct arena arena;
    struct err err = {0};
    char text[1500];
    struct str back;
    arena_init(&arena, 1 << 20);
    p->right = true;
    for (unsigned n = 0; n < PACKS && p->right; n++) {
        for (size_t i = 0; i < sizeof(text); i++)
            text[i] = (char)('a' + (i * (p->number + 3) + n) % 23);
        struct str plain = {text, sizeof(text) - n % 1000};
        struct str packed = raw_pack(p->packer, &arena, plain);
        p->right = raw_unpack(&arena, packed, &back, &err) && str_eq(plain, back);
        arena_clear(&arena);
    }
    arena_release(&arena);
    return NULL;
}

/* A page is prepared while the one before it is written. */
static void
test_threads_may_share_a_packer(void **state)
{
    (void)state;
    struct err err = {0};
    struct raw_packer *packer = raw_packer_new(&err);
    pthread_t threads[THREADS];
    struct packing packings[THREADS];
    for (unsigned t = 0; t < THREADS; t++) {
        packings[t] = (struct packing){.packer = packer, .number = t};
        assert_int_equal(pthread_create(&threads[t], NULL, pack_many, &packings[t]), 0);
    }
    for (unsigned t = 0; t < THREADS; t++) {
        pthread_join(threads[t], NULL);
        assert_true(packings[t].right);
    }
    raw_packer_free(packer);
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
