/*
 * Sealing. The vectors of the older form were printed by Node's crypto (scryptSync(secret, 'salt', 32),
 * createCipheriv('aes-256-cbc')) with throw-away secrets.
 */
#include "base/test.h"

#include "base/alloc.h"
#include "base/encode.h"
#include "base/limits.h"
#include "crypt/seal.h"

#define OLD_SECRET "throw-away secret for test vectors 1"

static const struct {
    const char *plain, *sealed;
} node_vectors[] = {
    {"",
     "0e035ea2cf9127a1fa959b2c60bb9a7f:87a107467934cdb6efc8e4e4031bc3c5"},
    {"a",
     "9c03db77f12a101f39a26d2a6e416bbf:7aee281a7bcb123c9e844fa2992fe83d"},
    {"fifteen bytes..",
     "6ecd9d29cd5e333751ef47096a54c948:8ae174e0cabd9c22efc2360114c7140e"},
    {"sixteen bytes...",
     "1497feea29f0d448e9faea7a428f1d7c:4478a9fe46f37fb67420bd9ad2eca6d232bee7c135a3069dea20cb1443cb733a"},
    {"sk_test_Ol\xc3\xa1 Jo\xc3\xa3o \xf0\x9f\x8c\x8a",
     "e7095daadf79e4bb5e2369b6b1e0c6ca:729d0916cfcf023d85c697cb0dea73f566bf96db715e977077c6a151f9b4e659"},
    {"{\"apiKey\":\"k-123\",\"n\":[1,2,3]}{\"apiKey\":\"k-123\",\"n\":[1,2,3]}{\"apiKey\":\"k-123\",\"n\":"
     "[1,2,3]}",
     "afe48555def07c83bbe68af83b3b11ba:65d115875c7ec794766283770ea3c8c6ffcea3f78f942b4e831b40b4051f7933484"
     "47dbce5b3c89dce028b60e4eae82efcd70177bc6868860433e00f2bd1e2a34e7e1e0201919a30e42ed3a7905cf9c238c0333"
     "e31d4f723b9a63203c4fd440a"},
};

static const struct seal_place place = {
    {"tenant-1", 8}, {"connection", 10}, {"0192f0c1-0000-7000-8000-000000000001", 36}, {"credentials", 11}};

/* One master, one tenant's data key, an arena: what most tests need. Released by teardown. */
struct fixture {
    struct arena a;
    struct seal_master *m;
    struct seal_key key;
    struct str wrapped;
    struct secret plain;
    struct err err;
};

static int
setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    arena_init(&f->a, 64 * 1024 * 1024);
    f->m = seal_master_new(STR(OLD_SECRET), &f->err);
    assert_non_null(f->m);
    assert_ok(seal_key_new(f->m, place.tenant, &f->a, &f->key, &f->wrapped, &f->err), f->err);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;
    secret_release(&f->plain);
    seal_key_release(&f->key);
    seal_master_free(f->m);
    arena_release(&f->a);
    test_free(f);
    return 0;
}

static struct str
sealed_text(struct fixture *f, struct str plain)
{
    struct str sealed = STR_NONE;
    assert_ok(seal(&f->key, &place, plain, &f->a, &sealed, &f->err), f->err);
    return sealed;
}

static void
test_a_sealed_value_opens_at_its_place_and_shows_nothing_of_itself(void **state)
{
    struct fixture *f = *state;
    struct str sealed = sealed_text(f, STR("{\"apiKey\":\"canary-4711\"}"));
    assert_true(str_starts(sealed, STR("tms1.")));
    assert_false(str_contains(sealed, STR("canary")));
    assert_ok(seal_open(&f->key, &place, sealed, &f->plain, &f->err), f->err);
    assert_str(secret_reveal(&f->plain), "{\"apiKey\":\"canary-4711\"}");
}

static void
test_empty_and_binary_values_come_back_as_they_were(void **state)
{
    struct fixture *f = *state;
    assert_ok(seal_open(&f->key, &place, sealed_text(f, STR("")), &f->plain, &f->err), f->err);
    assert_int_equal(f->plain.len, 0);
    assert_ok(seal_open(&f->key, &place, sealed_text(f, STR("a\0\xff")), &f->plain, &f->err), f->err);
    assert_str(secret_reveal(&f->plain), "a\0\xff");
}

static void
test_sealing_twice_gives_two_texts(void **state)
{
    struct fixture *f = *state;
    assert_false(str_eq(sealed_text(f, STR("same")), sealed_text(f, STR("same"))));
}

/* I-30: moved = failure. */
static void
test_a_value_moved_to_another_place_does_not_open(void **state)
{
    struct fixture *f = *state;
    struct str sealed = sealed_text(f, STR("secret"));
    struct seal_place moved[] = {place, place, place, place, place};
    moved[0].tenant = STR("tenant-2");
    moved[1].kind = STR("webhook");
    moved[2].id = STR("0192f0c1-0000-7000-8000-000000000002");
    moved[3].field = STR("credential");
    moved[4].tenant = STR("tenant-1connection"); /* the same bytes, cut elsewhere */
    moved[4].kind = STR("");
    for (size_t i = 0; i < ARRAY_LEN(moved); i++)
        assert_fails_with(seal_open(&f->key, &moved[i], sealed, &f->plain, &f->err), f->err, E_CRYPT);
    assert_null(f->plain.bytes);
}

/* I-30: altered = failure, at every single character, also in the bits that base64 leaves unused. */
static void
test_no_altered_character_is_accepted(void **state)
{
    struct fixture *f = *state;
    struct str sealed = sealed_text(f, STR("four"));
    char text[256];
    assert_true(sealed.len < sizeof(text));
    for (size_t i = 0; i < sealed.len; i++)
        for (int c = '!'; c < 127; c++) {
            if (c == sealed.ptr[i])
                continue;
            memcpy(text, sealed.ptr, sealed.len);
            text[i] = (char)c;
            assert_fails_with(seal_open(&f->key, &place, (struct str){text, sealed.len}, &f->plain, &f->err), f->err,
                              E_CRYPT);
        }
    for (size_t len = 0; len < sealed.len; len++)
        assert_fails_with(seal_open(&f->key, &place, str_slice(sealed, 0, len), &f->plain, &f->err), f->err, E_CRYPT);
}

static void
test_every_failure_to_open_has_the_same_words(void **state)
{
    struct fixture *f = *state;
    char first[ERR_MESSAGE_BYTES];
    struct str sealed = sealed_text(f, STR("secret"));
    assert_false(seal_open(&f->key, &place, str_slice(sealed, 0, sealed.len - 4), &f->plain, &f->err));
    memcpy(first, f->err.message, sizeof(first));
    assert_false(seal_open(&f->key, &place, STR("nonsense"), &f->plain, &f->err));
    assert_string_equal(f->err.message, first);
    assert_false(seal_legacy_open(f->m, STR("nonsense"), &f->plain, &f->err));
    assert_string_equal(f->err.message, first);
    assert_null(strstr(first, "secret\""));
}

static void
test_another_data_key_does_not_open(void **state)
{
    struct fixture *f = *state;
    struct seal_key other;
    struct str wrapped, id, sealed = sealed_text(f, STR("secret"));
    assert_ok(seal_key_new(f->m, place.tenant, &f->a, &other, &wrapped, &f->err), f->err);
    assert_fails_with(seal_open(&other, &place, sealed, &f->plain, &f->err), f->err, E_CRYPT);
    memcpy(other.id, f->key.id, sizeof(other.id)); /* also when it pretends to be the right one */
    assert_fails_with(seal_open(&other, &place, sealed, &f->plain, &f->err), f->err, E_CRYPT);
    assert_true(seal_key_id(sealed, &id));
    assert_true(str_eq_c(id, f->key.id));
    assert_false(seal_key_id(STR("tms1.short.AAAA"), &id));
}

static void
test_a_value_over_the_limit_is_refused(void **state)
{
    struct fixture *f = *state;
    size_t bytes = LIMIT_SECRET_BYTES;
    char *much = arena_alloc(&f->a, bytes + 1);
    struct str sealed = sealed_text(f, (struct str){much, bytes});
    assert_ok(seal_open(&f->key, &place, sealed, &f->plain, &f->err), f->err);
    assert_int_equal(f->plain.len, bytes);
    assert_fails_with(seal(&f->key, &place, (struct str){much, bytes + 1}, &f->a, &sealed, &f->err), f->err, E_TOO_LARGE);
}

static void
test_a_wrapped_key_unwraps_for_its_tenant_only(void **state)
{
    struct fixture *f = *state;
    struct seal_key key = {0};
    assert_ok(seal_key_unwrap(f->m, place.tenant, f->wrapped, &key, &f->err), f->err);
    assert_memory_equal(key.bytes, f->key.bytes, SEAL_KEY_BYTES);
    assert_string_equal(key.id, f->key.id);
    assert_fails_with(seal_key_unwrap(f->m, STR("tenant-2"), f->wrapped, &key, &f->err), f->err, E_CRYPT);
    for (size_t i = 0; i < f->wrapped.len; i++) {
        char text[256];
        memcpy(text, f->wrapped.ptr, f->wrapped.len);
        text[i] = text[i] == 'a' ? 'b' : 'a';
        assert_false(seal_key_unwrap(f->m, place.tenant, (struct str){text, f->wrapped.len}, &key, &f->err));
    }
    seal_key_release(&key);
}

/* F42: a wrong master key is a clear refusal, not a decryption failure. */
static void
test_a_wrong_master_key_is_named_as_missing(void **state)
{
    struct fixture *f = *state;
    struct seal_key key = {0};
    struct seal_master *other = seal_master_new(STR("another secret"), &f->err);
    assert_fails_with(seal_key_unwrap(other, place.tenant, f->wrapped, &key, &f->err), f->err, E_KEY_MISSING);
    assert_null(strstr(f->err.message, "another secret"));
    seal_master_free(other);
    assert_null(seal_master_new(STR(""), &f->err));
    assert_int_equal(f->err.code, E_KEY_MISSING);
}

/* I-31: the new key wraps, old keys unwrap, rewrapping leaves nothing under the old one, the old one goes. */
static void
test_rotation_rewraps_under_the_new_master_and_retires_the_old(void **state)
{
    struct fixture *f = *state;
    struct seal_key key = {0};
    struct str sealed = sealed_text(f, STR("kept")), rewrapped;
    struct seal_master *next = seal_master_new(STR("the next secret"), &f->err);
    assert_ok(seal_master_add_old(next, STR(OLD_SECRET), &f->err), f->err);
    assert_true(seal_key_is_current(f->m, f->wrapped));
    assert_false(seal_key_is_current(next, f->wrapped));
    assert_ok(seal_key_unwrap(next, place.tenant, f->wrapped, &key, &f->err), f->err);
    assert_ok(seal_key_rewrap(next, place.tenant, f->wrapped, &f->a, &rewrapped, &f->err), f->err);
    assert_true(seal_key_is_current(next, rewrapped));
    seal_master_free(next);

    struct seal_master *alone = seal_master_new(STR("the next secret"), &f->err);
    assert_ok(seal_key_unwrap(alone, place.tenant, rewrapped, &key, &f->err), f->err);
    assert_ok(seal_open(&key, &place, sealed, &f->plain, &f->err), f->err);
    assert_str(secret_reveal(&f->plain), "kept");
    seal_master_free(alone);
    seal_key_release(&key);
}

static void
test_old_secrets_are_counted(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < SEAL_OLD_MAX; i++)
        assert_ok(seal_master_add_old(f->m, STR("old"), &f->err), f->err);
    assert_fails_with(seal_master_add_old(f->m, STR("old"), &f->err), f->err, E_LIMIT);
}

/* D1: values that the documented software wrote are read. */
static void
test_values_written_by_node_are_read(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(node_vectors); i++) {
        struct str sealed = str_from_c(node_vectors[i].sealed);
        assert_true(seal_is_legacy(sealed));
        assert_ok(seal_legacy_open(f->m, sealed, &f->plain, &f->err), f->err);
        assert_true(str_eq_c(secret_reveal(&f->plain), node_vectors[i].plain));
    }
}

static void
test_a_secret_text_beyond_ascii_gives_the_key_that_node_derives(void **state)
{
    struct fixture *f = *state;
    struct seal_master *m = seal_master_new(STR("Schl\xc3\xbcssel \xe2\x9c\x93"), &f->err);
    assert_ok(seal_legacy_open(m, STR("07070707070707070707070707070707:612e02c007f1202a8df1255b75056fff"), &f->plain, &f->err), f->err);
    assert_str(secret_reveal(&f->plain), "x");
    seal_master_free(m);
}

static void
test_the_older_form_can_be_written_and_read_again(void **state)
{
    struct fixture *f = *state;
    struct str text, again;
    assert_ok(seal_legacy(f->m, STR("Ol\xc3\xa1"), &f->a, &text, &f->err), f->err);
    assert_ok(seal_legacy(f->m, STR("Ol\xc3\xa1"), &f->a, &again, &f->err), f->err);
    assert_true(seal_is_legacy(text));
    assert_false(str_eq(text, again));
    assert_ok(seal_legacy_open(f->m, text, &f->plain, &f->err), f->err);
    assert_str(secret_reveal(&f->plain), "Ol\xc3\xa1");
    assert_fails_with(seal_legacy(f->m, STR("\xff"), &f->a, &text, &f->err), f->err, E_VALIDATION_FAILED);
}

static void
test_the_older_form_is_opened_with_an_older_secret_too(void **state)
{
    struct fixture *f = *state;
    struct seal_master *next = seal_master_new(STR("the next secret"), &f->err);
    assert_ok(seal_master_add_old(next, STR(OLD_SECRET), &f->err), f->err);
    assert_ok(seal_legacy_open(next, str_from_c(node_vectors[4].sealed), &f->plain, &f->err), f->err);
    assert_true(str_eq_c(secret_reveal(&f->plain), node_vectors[4].plain));
    seal_master_free(next);
}

static void
test_only_the_exact_shape_counts_as_the_older_form(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", ":", "00:00", "0e035ea2cf9127a1fa959b2c60bb9a7f", "0e035ea2cf9127a1fa959b2c60bb9a7f:",
        "0e035ea2cf9127a1fa959b2c60bb9a7f:87a107467934cdb6efc8e4e4031bc3",
        "0E035ea2cf9127a1fa959b2c60bb9a7f:87a107467934cdb6efc8e4e4031bc3c5",
        "0e035ea2cf9127a1fa959b2c60bb9a7f:87a107467934cdb6efc8e4e4031bc3c5\n",
        "0e035ea2cf9127a1fa959b2c60bb9a7f:87a107467934cdb6efc8e4e4031bc3c5:87a107467934cdb6efc8e4e4031bc3c5",
        "https://user:pass"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(seal_is_legacy(str_from_c(bad[i])));
}

/* D1: the full padding is checked. Each byte of the IV turns one byte of a one-block plaintext. */
static void
test_broken_padding_of_the_older_form_is_refused(void **state)
{
    struct fixture *f = *state;
    struct str iv;
    char text[66];
    memcpy(text, node_vectors[1].sealed, 66); /* "a" and fifteen bytes of 15 */
    for (size_t i = 1; i < 16; i++) {
        memcpy(text, node_vectors[1].sealed, 32);
        assert_true(hex_decode(&f->a, (struct str){text + 2 * i, 2}, &iv));
        unsigned turned = (unsigned char)iv.ptr[0] ^ 1U;
        text[2 * i] = "0123456789abcdef"[turned >> 4];
        text[2 * i + 1] = "0123456789abcdef"[turned & 15];
        assert_fails_with(seal_legacy_open(f->m, (struct str){text, 65}, &f->plain, &f->err), f->err, E_CRYPT);
    }
}

static void
test_the_older_form_with_a_wrong_secret_is_refused(void **state)
{
    struct fixture *f = *state;
    struct seal_master *wrong = seal_master_new(STR("wrong"), &f->err);
    for (size_t i = 0; i < ARRAY_LEN(node_vectors); i++)
        assert_fails_with(seal_legacy_open(wrong, str_from_c(node_vectors[i].sealed), &f->plain, &f->err), f->err,
                          E_CRYPT);
    seal_master_free(wrong);
}

/* I-37: whichever allocation fails, the answer is an error, nothing is half written and nothing leaks. */
static void
test_any_failing_allocation_is_an_error(void **state)
{
    struct fixture *f = *state;
    struct str legacy = str_from_c(node_vectors[3].sealed);
    int nth = 1;
    for (bool done = false; !done; nth++) {
        struct arena a;
        struct seal_key key = {0};
        struct secret plain = {0};
        struct str wrapped = STR_NONE, sealed = STR_NONE;
        arena_init(&a, 1024 * 1024);
        alloc_fail_at(nth, 1);
        done = seal_key_new(f->m, place.tenant, &a, &key, &wrapped, &f->err) &&
               seal(&key, &place, STR("secret"), &a, &sealed, &f->err) &&
               seal_open(&key, &place, sealed, &plain, &f->err) && seal_legacy_open(f->m, legacy, &plain, &f->err);
        alloc_fail_at(0, 0);
        assert_true(done || f->err.code == E_NO_MEMORY || f->err.code == E_TOO_LARGE || f->err.code == E_CRYPT);
        secret_release(&plain);
        arena_release(&a);
        assert_true(nth < 200);
    }
    assert_true(nth > 10);
}
