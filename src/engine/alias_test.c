/*
 * Agreements: what was sent, what the vendor made of it, and what a person changed meanwhile.
 */
#include "base/test.h"

#include "engine/alias.h"
#include "engine/page_merge.h"

static struct arena arena;
static struct err err;

static struct agreement
agree(const char *base, const char *sent, const char *theirs)
{
    struct agreement a = {0};
    if (arena.cap_bytes == 0)
        arena_init(&arena, 1 << 20);
    assert_ok(alias_agree(&arena, base ? str_from_c(base) : STR_NONE, str_from_c(sent), str_from_c(theirs), STR_NONE, &a, &err), err);
    return a;
}

static struct merged
merge(struct str base, const char *ours, struct str theirs)
{
    struct merged m = {0};
    assert_ok(merge_records(&arena, base, str_from_c(ours), theirs, CONFLICT_LAST_WRITE_WINS, &m, &err), err);
    return m;
}

static void
test_what_the_vendor_spells_otherwise_is_one_value(void **state)
{
    (void)state;
    struct str theirs;
    struct agreement a = agree("{\"email\":\"old@x.com\",\"name\":\"A\"}", "{\"email\":\"New@X.com\",\"name\":\"A\"}",
                               "{\"email\":\"new@x.com\",\"name\":\"A\"}");
    assert_str(a.base, "{\"email\":\"New@X.com\",\"name\":\"A\"}");
    assert_str(a.alias, "{\"/email\":[\"New@X.com\",\"new@x.com\"]}");
    assert_ok(alias_translate(&arena, a.alias, STR("{\"email\":\"new@x.com\",\"name\":\"B\"}"), &theirs, &err), err);
    assert_str(theirs, "{\"email\":\"New@X.com\",\"name\":\"B\"}");
    assert_ok(alias_translate(&arena, a.alias, STR("{\"email\":\"other@x.com\"}"), &theirs, &err), err);
    assert_str(theirs, "{\"email\":\"other@x.com\"}");
    arena_release(&arena);
}

/* Somebody's change of another field in the same answer is theirs, not a spelling. */
static void
test_only_what_was_sent_is_agreed_on(void **state)
{
    (void)state;
    struct agreement a = agree("{\"name\":\"A\",\"phone\":\"1\"}", "{\"name\":\"B\",\"phone\":\"1\"}", "{\"name\":\"B\",\"phone\":\"2\"}");
    assert_str(a.base, "{\"name\":\"B\",\"phone\":\"1\"}");
    assert_true(str_is_none(a.alias));
    struct merged m = merge(a.base, "{\"name\":\"B\",\"phone\":\"1\"}", STR("{\"name\":\"B\",\"phone\":\"2\"}"));
    assert_str(m.data, "{\"name\":\"B\",\"phone\":\"2\"}");
    assert_int_equal(m.conflicts, 0);
    arena_release(&arena);
}

/* A vendor that does not have the field must not empty ours. */
static void
test_what_the_vendor_does_not_show_takes_nothing_away(void **state)
{
    (void)state;
    struct agreement a = agree("{\"city\":\"Old\",\"name\":\"A\"}", "{\"city\":\"Recife\",\"name\":\"B\"}", "{\"name\":\"B\"}");
    assert_str(a.base, "{\"name\":\"B\"}");
    struct merged m = merge(a.base, "{\"city\":\"Recife\",\"name\":\"B\"}", STR("{\"name\":\"B\"}"));
    assert_str(m.data, "{\"city\":\"Recife\",\"name\":\"B\"}");
    a = agree(NULL, "{\"customFields\":{\"a\":\"1\",\"b\":\"2\"},\"name\":\"B\"}", "{\"customFields\":{\"a\":\"1\"},\"name\":\"B\"}");
    assert_str(a.base, "{\"customFields\":{\"a\":\"1\"},\"name\":\"B\"}");
    assert_true(str_is_none(a.alias));
    arena_release(&arena);
}

static void
test_emptying_a_field_is_agreed_on_too(void **state)
{
    (void)state;
    struct agreement a = agree("{\"name\":\"A\",\"phone\":\"1\"}", "{\"name\":\"A\",\"phone\":null}", "{\"name\":\"A\",\"phone\":null}");
    assert_str(a.base, "{\"name\":\"A\"}");
    assert_true(str_is_none(a.alias));
    arena_release(&arena);
}

/* The answer was lost, a person went on: what comes back is our own write and no change of theirs. */
static void
test_our_own_write_does_not_win_against_a_newer_edit(void **state)
{
    (void)state;
    struct str base = STR_NONE, theirs = STR("{\"name\":\"Sent\",\"phone\":\"9\"}");
    const char *ours = "{\"name\":\"Newer\",\"phone\":\"1\"}";
    arena_init(&arena, 1 << 20);
    struct merged m = merge(STR("{\"name\":\"Old\",\"phone\":\"1\"}"), ours, theirs);
    assert_int_equal(m.conflicts, 1);
    assert_ok(alias_confirm(&arena, STR("{\"name\":\"Old\",\"phone\":\"1\"}"), STR("{\"name\":\"Sent\",\"phone\":\"1\"}"), theirs, &base, &err), err);
    m = merge(base, ours, theirs);
    assert_int_equal(m.conflicts, 0);
    assert_str(m.data, "{\"name\":\"Newer\",\"phone\":\"9\"}");
    arena_release(&arena);
}
