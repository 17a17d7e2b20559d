#include "template/expr/golden.h"

#include "template/expr/expr.h"
#include "template/expr/value_priv.h"

static void
test_literals_read_as_python_reads_them(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 64 * 1024 * 1024);
    yyjson_val *cases = json_get_c(golden_read(&a, "literal.json"), "cases"), *one;
    size_t index, max;
    assert_true(yyjson_arr_size(cases) >= 150);
    yyjson_arr_foreach(cases, index, max, one) {
        struct str text = json_str(json_get_c(one, "text")), python = json_str(json_get_c(one, "python"));
        struct buf b;
        buf_init(&b, 1 << 20);
        assert_true(value_add_repr(&b, value_from_literal(&a, text)));
        if (!str_eq(buf_str(&b), python))
            fail_msg("\"%.*s\": expected %.*s, got %.*s", STR_ARG(text), STR_ARG(python), STR_ARG(buf_str(&b)));
        buf_release(&b);
    }
    arena_release(&a);
}

static void
test_halves_of_a_character_are_joined_and_lone_ones_stay_text(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    assert_str(value_from_literal(&a, STR("'\\ud83c\\udf0a'")).text, "\xf0\x9f\x8c\x8a");
    assert_str(value_from_literal(&a, STR("'\\ud83c'")).text, "'\\ud83c'");
    arena_release(&a);
}

static void
test_deep_nesting_stays_text(void **state)
{
    (void)state;
    struct arena a;
    char deep[100000];
    arena_init(&a, 64 * 1024 * 1024);
    memset(deep, '[', sizeof(deep));
    assert_int_equal(value_from_literal(&a, (struct str){deep, sizeof(deep)}).type, VALUE_STR);
    memset(deep, '(', sizeof(deep));
    assert_int_equal(value_from_literal(&a, (struct str){deep, sizeof(deep)}).type, VALUE_STR);
    memset(deep, '-', sizeof(deep));
    assert_int_equal(value_from_literal(&a, (struct str){deep, sizeof(deep)}).type, VALUE_STR);
    arena_release(&a);
}

static void
test_a_full_arena_gives_text_not_a_crash(void **state)
{
    (void)state;
    for (size_t cap = 1; cap < 3000; cap += 7) {
        struct arena a;
        arena_init(&a, cap);
        struct value v = value_from_literal(&a, STR("{'a': [1, 2.5, 'x\\n', (1, -2)], 'b': {'c': None}}"));
        assert_true(v.type == VALUE_STR || v.type == VALUE_DICT);
        arena_release(&a);
    }
}
