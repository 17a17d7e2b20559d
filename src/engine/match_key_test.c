#include "base/test.h"

#include "engine/match_key.h"

static struct arena arena;

static int
setup(void **state)
{
    (void)state;
    arena_init(&arena, 1 << 20);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static void
test_letter_case_and_blanks_do_not_matter(void **state)
{
    (void)state;
    assert_str(match_key_email(&arena, STR("  Ana.Souza@Example.COM ")), "email:ana.souza@example.com");
}

static void
test_composed_and_decomposed_letters_are_the_same_person(void **state)
{
    (void)state;
    struct str composed = match_key_email(&arena, STR("JOS\xc3\x89@example.com"));
    struct str decomposed = match_key_email(&arena, STR("jose\xcc\x81@example.com"));
    assert_false(str_is_none(composed));
    assert_true(str_eq(composed, decomposed));
}

static void
test_what_is_no_address_links_nothing(void **state)
{
    (void)state;
    assert_true(str_is_none(match_key_email(&arena, STR(""))));
    assert_true(str_is_none(match_key_email(&arena, STR("unknown"))));
    assert_true(str_is_none(match_key_email(&arena, STR("@example.com"))));
    assert_true(str_is_none(match_key_email(&arena, STR("bad\xff@example.com"))));
}

static void
test_phones_are_compared_in_e164(void **state)
{
    (void)state;
    assert_str(match_key_phone(&arena, STR("+55 (81) 99999-0000"), STR_NONE), "phone:+5581999990000");
    assert_str(match_key_phone(&arena, STR("(81) 99999-0000"), STR("BR")), "phone:+5581999990000");
    assert_true(str_is_none(match_key_phone(&arena, STR("12"), STR("BR"))));
}
