#include "template/expr/golden.h"

#include "base/clock.h"
#include "base/limits.h"
#include "template/expr/expr.h"
#include "template/expr/value_priv.h"

static struct arena arena;
static struct expr_scope scope;
static struct err err;

static int
setup(void **state)
{
    (void)state;
    arena_init(&arena, 256 * 1024 * 1024);
    err = (struct err){0};
    expr_scope_init(&scope, &arena, INT64_C(1705314030) * US_PER_S);
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
set_json(const char *name, const char *json)
{
    yyjson_val *value = json_parse(&arena, str_from_c(json), JSON_NUMBERS_RAW, 64, &err);
    assert_non_null(value);
    expr_scope_set(&scope, str_from_c(name), value_from_json(value));
}

static const char *
failure_name(enum expr_failure failure)
{
    static const char *const names[] = {"none", "syntax", "unknown", "undefined", "type", "value", "limit"};
    return names[failure];
}

static struct value
eval(const char *text)
{
    struct value v = {0};
    scope.steps_left = LIMIT_EXPRESSION_STEPS;
    assert_ok(expr_eval(expr_compile(&arena, str_from_c(text)), &scope, &v, &err), err);
    return v;
}

static void
fails(struct str text, enum expr_failure failure, enum err_code code)
{
    struct value v;
    scope.failure = EXPR_FAILED_NOT;
    scope.steps_left = LIMIT_EXPRESSION_STEPS;
    if (expr_eval(expr_compile(&arena, text), &scope, &v, &err))
        fail_msg("\"%.*s\" should have failed", STR_ARG(str_slice(text, 0, 100)));
    if (scope.failure != failure || err.code != code)
        fail_msg("\"%.*s\": %s: %s", STR_ARG(str_slice(text, 0, 100)), failure_name(scope.failure), err.message);
}

static void
check_golden(yyjson_val *one)
{
    struct value v;
    struct str text = json_str(json_get_c(one, "expr")), python = json_str(json_get_c(one, "python"));
    struct buf b;
    buf_init(&b, 1 << 20);
    scope.steps_left = LIMIT_EXPRESSION_STEPS;
    if (!expr_eval(expr_compile(&arena, text), &scope, &v, &err)) {
        struct str kind = json_str(json_get_c(one, "error"));
        if (!str_eq_c(kind, failure_name(scope.failure)))
            fail_msg("%.*s: expected %.*s %.*s, got %s: %s", STR_ARG(text), STR_ARG(kind), STR_ARG(python),
                     failure_name(scope.failure), err.message);
        return;
    }
    value_add_repr(&b, v.type == VALUE_UNDEFINED ? value_str(STR("")) : v);
    if (!str_eq(buf_str(&b), python))
        fail_msg("%.*s: expected %.*s, got %.*s", STR_ARG(text), STR_ARG(python), STR_ARG(buf_str(&b)));
    buf_release(&b);
}

static void
test_expressions_give_what_the_reference_gives(void **state)
{
    (void)state;
    yyjson_val *root = golden_read(&arena, "expr.json"), *one, *key;
    size_t index, max;
    assert_true(time_parse(json_str(json_get_c(root, "now")), &scope.now_us));
    yyjson_obj_foreach(json_get_c(root, "vars"), index, max, key, one) {
        expr_scope_set(&scope, json_str(key), value_from_json(one));
    }
    yyjson_val *cases = json_get_c(root, "cases");
    assert_true(yyjson_arr_size(cases) >= 300);
    yyjson_arr_foreach(cases, index, max, one) {
        check_golden(one);
    }
}

static void
test_missing_keys_are_undefined_alone_and_empty_in_text(void **state)
{
    (void)state;
    set_json("config", "{\"a\": 1}");
    assert_int_equal(eval("{{ config.b }}").type, VALUE_UNDEFINED);
    assert_int_equal(eval("{{ config['b'] }}").type, VALUE_UNDEFINED);
    assert_int_equal(eval("{{ config.b or none }}").type, VALUE_NONE);
    assert_str(eval("{{ config.b }}{{ config.c }}").text, "");
    fails(STR("{{ config.b.c }}"), EXPR_FAILED_UNDEFINED, E_EXPRESSION);
    fails(STR("{{ confg.a }}"), EXPR_FAILED_UNKNOWN, E_EXPRESSION);
}

static void
test_a_syntax_error_waits_for_the_evaluation_and_names_its_place(void **state)
{
    (void)state;
    struct expr *e = expr_compile(&arena, STR("abc {{ 1 + }}"));
    assert_non_null(e);
    assert_non_null(strstr(expr_syntax_error(e), "at byte 11"));
    fails(STR("abc {{ 1 + }}"), EXPR_FAILED_SYNTAX, E_EXPRESSION);
    assert_non_null(strstr(err.message, "abc {{ 1 + }}"));
    assert_null(expr_syntax_error(expr_compile(&arena, STR("{{ config.a }}"))));
}

static void
test_uses_knows_aliases(void **state)
{
    (void)state;
    struct expr *e = expr_compile(&arena, STR("{{ stream_partition.id }}{% set x = record.a %}"));
    assert_true(expr_uses(e, STR("stream_slice")));
    assert_true(expr_uses(e, STR("record")));
    assert_false(expr_uses(e, STR("x")));
    assert_true(expr_is_plain(expr_compile(&arena, STR("a { b } c"))));
    assert_false(expr_is_plain(e));
}

static bool
truth(const char *text)
{
    bool result = false;
    assert_ok(expr_eval_bool(expr_compile(&arena, str_from_c(text)), &scope, &result, &err), err);
    return result;
}

static void
test_booleans_are_false_by_a_fixed_list(void **state)
{
    (void)state;
    set_json("config", "{\"a\": 1, \"blank\": \" \", \"no\": null, \"f\": \"false\", \"z\": 0.0}");
    const char *const no[] = {"", "False", "false", "{}", "[]", "()", "0", "0.0", "{{ config.x }}", "{{ config.x.y }}",
                              "{{ 1 == 2 }}", "{{ config.f }}", "{{ config.z }}", "{{ [] }}", "{{ '' }}"};
    const char *const yes[] = {"true", "1", "no", "{{ config.no }}", "{{ config.blank }}", "{{ 1 == 1 }}", "{{ [0] }}", "None"};
    for (size_t i = 0; i < ARRAY_LEN(no); i++)
        if (truth(no[i]))
            fail_msg("\"%s\" should be false", no[i]);
    for (size_t i = 0; i < ARRAY_LEN(yes); i++)
        if (!truth(yes[i]))
            fail_msg("\"%s\" should be true", yes[i]);
    bool result;
    assert_fails_with(expr_eval_bool(expr_compile(&arena, STR("{{ nobody }}")), &scope, &result, &err), err, E_EXPRESSION);
    assert_fails_with(expr_eval_bool(expr_compile(&arena, STR("{{ 1 < 'a' }}")), &scope, &result, &err), err, E_EXPRESSION);
}

/* I-10: ids and amounts keep their exact text. */
static void
test_large_ids_and_long_amounts_stay_exact(void **state)
{
    (void)state;
    set_json("record", "{\"id\": 12345678901234567890123, \"amount\": 12345678901234567890.12, \"price\": 1.10, \"u\": 18446744073709551615}");
    assert_str(eval("id-{{ record.id }}").text, "id-12345678901234567890123");
    assert_str(eval("x{{ record.amount }}").text, "x12345678901234567890.12");
    assert_str(eval("x{{ record.price }}").text, "x1.1");
    yyjson_mut_doc *doc = json_mut_doc(&arena);
    struct buf b;
    buf_init(&b, 1000);
    json_write(&b, json_freeze(&arena, value_to_json(doc, eval("{{ [record.id, record.amount, record.price, record.u] }}"))));
    assert_str(buf_str(&b), "[12345678901234567890123,12345678901234567890.12,1.10,18446744073709551615]");
    buf_release(&b);
    fails(STR("{{ 9223372036854775807 + 1 }}"), EXPR_FAILED_VALUE, E_EXPRESSION);
}

static void
test_unsigned_numbers_of_a_plain_parse_stay_exact(void **state)
{
    (void)state;
    yyjson_val *json = json_parse(&arena, STR("{\"u\": 18446744073709551615}"), JSON_PLAIN, 10, &err);
    expr_scope_set(&scope, STR("record"), value_from_json(json));
    assert_str(eval("x{{ record.u }}").text, "x18446744073709551615");
    assert_true(value_is_true(eval("{{ record.u > 9223372036854775807 }}")));
}

static void
test_documents_of_others_are_never_changed(void **state)
{
    (void)state;
    set_json("config", "{\"list\": [1], \"map\": {}}");
    fails(STR("{{ config.list.append(2) }}"), EXPR_FAILED_TYPE, E_EXPRESSION);
    fails(STR("{{ config.map.update({'a': 1}) }}"), EXPR_FAILED_TYPE, E_EXPRESSION);
    assert_int_equal(value_count(eval("{{ config.list }}")), 1);
}

/* I-35: a template is untrusted, and each way to do too much ends in a named error. */
static void
test_too_much_work_ends_in_a_limit(void **state)
{
    (void)state;
    set_json("config", "{\"a\": \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\", \"l\": [1,2,3,4,5,6,7,8,9,10]}");
    const char *const hostile[] = {
        ("{% for a in config.l %}{% for b in config.l %}{% for c in config.l %}{% for d in config.l %}{% for e in config.l %}x"
         "{% endfor %}{% endfor %}{% endfor %}{% endfor %}{% endfor %}"),
        "{{ 'a' * 1000000000 }}",
        "{{ [1] * 1000000000 }}",
        "{{ '%999999999d' % 1 }}",
        "{{ '{:>999999999}'.format(1) }}",
        "{% set x = [] %}{% set _ = x.append(x) %}{{ x }}",
        "{% set x = [] %}{% set _ = x.append(x) %}{{ x == [x] }}",
        "{% set ns = namespace(x=[1]) %}{% for i in config.l %}{% for j in config.l %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{% endfor %}{{ ns.x }}",
        "{% set ns = namespace(s='aaaaaaaa') %}{% for i in config.l %}{% for j in config.l %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}{% endfor %}{{ ns.s }}",
        "{{ config.a | regex_search('^((a+)+)+$') }}",
        "{{ '5'.zfill(999999999) }}",
        "{% set x = [] %}{% set _ = x.append(x) %}{{ x | tojson }}",
    };
    for (size_t i = 0; i < ARRAY_LEN(hostile); i++)
        fails(str_from_c(hostile[i]), EXPR_FAILED_LIMIT, E_LIMIT);
}

static void
nest(const char *open, const char *middle, const char *close, size_t times)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_add_c(&b, "{{ ");
    for (size_t i = 0; i < times; i++)
        buf_add_c(&b, open);
    buf_add_c(&b, middle);
    for (size_t i = 0; i < times; i++)
        buf_add_c(&b, close);
    buf_add_c(&b, " }}");
    struct str text = str_copy(&arena, buf_str(&b));
    buf_release(&b);
    fails(text, EXPR_FAILED_SYNTAX, E_EXPRESSION);
}

static void
test_deep_nesting_is_refused_not_followed(void **state)
{
    (void)state;
    nest("(", "1", ")", 10000);
    nest("[", "1", "]", 10000);
    nest("{1:", "1", "}", 10000);
    nest("not ", "1", "", 10000);
    nest("- ", "1", "", 10000);
    nest("", "1", " + 1", 10000);
    nest("", "x", ".x", 10000);
    nest("", "x", "|list", 6000);
    nest("", "x", "[0]", 10000);
    nest("1 if 1 else ", "1", "", 4000);
    nest("1 if ", "1", "", 5000);
    nest("'a'[", "0", "]", 9000);
}

static void
test_deep_statements_are_refused_not_followed(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1 << 20);
    for (size_t i = 0; i < 5000; i++)
        buf_add_c(&b, "{%if 1%}");
    fails(buf_str(&b), EXPR_FAILED_SYNTAX, E_EXPRESSION);
    buf_clear(&b);
    buf_add_c(&b, "{%if 0%}");
    for (size_t i = 0; i < 4000; i++)
        buf_add_c(&b, "{%elif 0%}");
    buf_add_c(&b, "{%endif%}");
    fails(buf_str(&b), EXPR_FAILED_SYNTAX, E_EXPRESSION);
    buf_release(&b);
}

/* I-37: whatever is short of memory, it is a clean error. */
static void
test_a_small_arena_gives_an_error_not_a_crash(void **state)
{
    (void)state;
    const char *const texts[] = {"{{ [1,2,3] | map('string') | join(',') }}", "{% for i in [3,1,2] | sort %}{{ loop.index }}{% endfor %}",
                                 "{{ {'a': 1} | string }}", "{{ 'a-b'.split('-') }}", "{{ 'abc' | regex_replace('b', 'x') }}",
                                 "{{ '{}'.format(1) ~ '%s' % 2 }}", "{{ now_utc().strftime('%Y') }}"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        for (size_t cap = 100; cap < 12000; cap += 97) {
            struct arena small;
            struct value v;
            arena_init(&small, cap);
            expr_scope_init(&scope, &small, 0);
            struct expr *e = expr_compile(&small, str_from_c(texts[i]));
            if (e && !expr_eval(e, &scope, &v, &err))
                assert_true(scope.failure == EXPR_FAILED_LIMIT || scope.failure == EXPR_FAILED_SYNTAX ||
                            scope.failure == EXPR_FAILED_VALUE);
            arena_release(&small);
        }
}

static void
test_values_become_json(void **state)
{
    (void)state;
    set_json("record", "{\"a\": [1, {\"b\": 2.50}]}");
    yyjson_mut_doc *doc = json_mut_doc(&arena);
    struct value dict = value_dict_new(&arena);
    assert_true(value_dict_put(&arena, dict, STR("time"), (struct value){.type = VALUE_DATETIME, .flag = true, .integer = 0}));
    assert_true(value_dict_put(&arena, dict, STR("record"), eval("{{ record }}")));
    assert_true(value_dict_put(&arena, dict, STR("none"), value_undefined()));
    assert_str(json_to_text(&arena, json_freeze(&arena, value_to_json(doc, dict))),
               "{\"time\":\"1970-01-01T00:00:00+00:00\",\"record\":{\"a\":[1,{\"b\":2.50}]},\"none\":null}");
}

static void
test_large_dicts_find_their_keys(void **state)
{
    (void)state;
    struct value dict = value_dict_new(&arena);
    for (int64_t i = 0; i < 5000; i++) {
        assert_true(value_dict_put(&arena, dict, str_format(&arena, "key %lld", (long long)i), value_int(i)));
        assert_true(value_dict_put_value(&arena, dict, value_int(i), value_int(-i)));
    }
    assert_int_equal(value_count(dict), 10000);
    assert_int_equal(value_get(dict, STR("key 4999")).integer, 4999);
    assert_int_equal(value_lookup(dict, value_float(4999)).integer, -4999);
    assert_int_equal(value_get(dict, STR("key 5000")).type, VALUE_UNDEFINED);
}
