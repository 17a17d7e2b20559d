#include "base/test.h"

#include "engine/page_merge.h"

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

static struct merged
merge(struct str base, struct str ours, struct str theirs, enum conflict_policy policy)
{
    struct merged merged = {0};
    struct err err = {0};
    assert_ok(merge_records(&arena, base, ours, theirs, policy, &merged, &err), err);
    return merged;
}

static void
test_fields_changed_on_one_side_only_always_merge(void **state)
{
    (void)state;
    struct merged m = merge(STR("{\"email\":\"a\",\"name\":\"x\",\"phone\":\"1\"}"),
                            STR("{\"email\":\"a\",\"name\":\"mine\",\"phone\":\"1\"}"),
                            STR("{\"email\":\"b\",\"name\":\"x\"}"), CONFLICT_MANUAL);
    assert_str(m.data, "{\"email\":\"b\",\"name\":\"mine\"}");
    assert_true(m.changed);
    assert_false(m.agrees);
    assert_int_equal(m.conflicts, 0);
}

static void
test_a_field_changed_on_both_sides_goes_by_policy(void **state)
{
    (void)state;
    struct str base = STR("{\"name\":\"x\"}"), ours = STR("{\"name\":\"mine\"}"), theirs = STR("{\"name\":\"yours\"}");
    assert_str(merge(base, ours, theirs, CONFLICT_LAST_WRITE_WINS).data, "{\"name\":\"yours\"}");
    assert_str(merge(base, ours, theirs, CONFLICT_SOURCE_WINS).data, "{\"name\":\"yours\"}");
    assert_str(merge(base, ours, theirs, CONFLICT_LOCAL_WINS).data, "{\"name\":\"mine\"}");
    struct merged manual = merge(base, ours, theirs, CONFLICT_MANUAL);
    assert_str(manual.data, "{\"name\":\"mine\"}");
    assert_int_equal(manual.conflicts, 1);
    assert_str(manual.conflict_fields, "name");
    assert_false(manual.changed);
}

static void
test_linking_fills_blanks_without_a_conflict(void **state)
{
    (void)state;
    struct merged m = merge(STR_NONE, STR("{\"customFields\":{\"a_id\":\"1\"},\"email\":\"a\",\"name\":\"\",\"phone\":\"1\"}"),
                            STR("{\"customFields\":{\"b_id\":\"2\"},\"email\":\"a\",\"name\":\"Ana\",\"phone\":null}"),
                            CONFLICT_LAST_WRITE_WINS);
    assert_str(m.data, "{\"customFields\":{\"a_id\":\"1\",\"b_id\":\"2\"},\"email\":\"a\",\"name\":\"Ana\",\"phone\":\"1\"}");
    assert_int_equal(m.conflicts, 0);
}

/* I-10 */
static void
test_large_numbers_keep_their_text(void **state)
{
    (void)state;
    struct merged m = merge(STR("{\"id\":1}"), STR("{\"id\":1,\"n\":12345678901234567890123}"),
                            STR("{\"id\":1.10}"), CONFLICT_SOURCE_WINS);
    assert_str(m.data, "{\"id\":1.10,\"n\":12345678901234567890123}");
}

static void
test_history_holds_old_values_of_changed_fields_only(void **state)
{
    (void)state;
    struct str history;
    bool nothing;
    struct err err = {0};
    assert_ok(merge_history(&arena, STR("{\"a\":1,\"b\":[1,2],\"c\":\"x\"}"), STR("{\"a\":1,\"b\":[2],\"d\":true}"),
                            &history, &nothing, &err), err);
    assert_str(history, "{\"b\":[1,2],\"c\":\"x\",\"d\":null}");
    assert_false(nothing);
    assert_ok(merge_history(&arena, STR("{\"a\":1}"), STR("{\"a\":1.0}"), &history, &nothing, &err), err);
    assert_true(nothing);
}
