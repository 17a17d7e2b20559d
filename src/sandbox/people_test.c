#include "base/test.h"

#include "base/map.h"
#include "sandbox/people.h"

#define ARENA_BYTES (256 * 1024 * 1024)

static void
test_the_same_number_is_the_same_person(void **state)
{
    (void)state;
    struct arena a;
    struct person one, again, other_seed;
    arena_init(&a, ARENA_BYTES);
    assert_true(person_make(&a, 7, 42, 0, &one));
    assert_true(person_make(&a, 7, 42, 0, &again));
    assert_true(person_make(&a, 8, 42, 0, &other_seed));
    assert_true(str_eq(one.name, again.name) && str_eq(one.email, again.email) && str_eq(one.phone, again.phone));
    assert_false(str_eq(one.email, other_seed.email));
    arena_release(&a);
}

static void
test_emails_and_phones_are_unique_and_well_formed(void **state)
{
    (void)state;
    struct arena a;
    struct map seen;
    arena_init(&a, ARENA_BYTES);
    map_init(&seen, &a);
    for (uint64_t i = 0; i < 20000; i++) {
        struct person p;
        assert_true(person_make(&a, 3, i, 0, &p));
        assert_false(map_has(&seen, p.email));
        assert_false(map_has(&seen, p.phone));
        assert_true(map_put(&seen, p.email, &a) && map_put(&seen, p.phone, &a));
        assert_true(str_is_utf8(p.name));
        assert_true(p.phone.ptr[0] == '+' && p.phone.len >= 12 && p.phone.len <= 14);
        for (size_t k = 0; k < p.email.len; k++)
            assert_true((unsigned char)p.email.ptr[k] > ' ' && (unsigned char)p.email.ptr[k] < 0x7f);
    }
    arena_release(&a);
}

static void
test_emails_come_in_no_order(void **state)
{
    (void)state;
    struct arena a;
    struct str before = STR("");
    int rises = 0;
    arena_init(&a, ARENA_BYTES);
    for (uint64_t i = 0; i < 1000; i++) {
        struct person p;
        assert_true(person_make(&a, 3, i, 0, &p));
        rises += str_compare(before, p.email) < 0;
        before = p.email;
    }
    assert_true(rises > 400 && rises < 600);
    arena_release(&a);
}

static void
test_each_edit_changes_the_name_and_keeps_email_and_phone(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, ARENA_BYTES);
    for (uint64_t i = 0; i < 200; i++)
        for (uint32_t revision = 0; revision < 30; revision++) {
            struct person old, new;
            assert_true(person_make(&a, 3, i, revision, &old) && person_make(&a, 3, i, revision + 1, &new));
            assert_false(str_eq(old.name, new.name));
            assert_true(str_eq(old.email, new.email) && str_eq(old.phone, new.phone));
        }
    arena_release(&a);
}
