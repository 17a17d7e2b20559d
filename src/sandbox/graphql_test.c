/* GraphQL documents as the sandbox reads them: fields, aliases, variables, fragments, and what is refused with words. */
#include "sandbox/graphql.h"

#include "base/test.h"

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

static struct graphql_operation
good(const char *document, const char *variables)
{
    struct err err = {0};
    struct graphql_operation operation = {0};
    yyjson_val *values = json_parse(&arena, str_from_c(variables), JSON_NUMBERS_RAW, 16, &err);
    if (!graphql_read(&arena, str_from_c(document), STR_NONE, values, &operation, &err))
        fail_msg("%s: %s", document, err.message);
    return operation;
}

static void
test_fields_aliases_and_arguments_are_read(void **state)
{
    (void)state;
    struct graphql_operation o = good("query A($n: Int = 3, $q: String!) { # a comment\n"
                                      " few: products(first: $n, query: $q, sortKey: UPDATED_AT, list: [1, -2.5, null]) { nodes { id } } }",
                                      "{\"q\":\"id:1\"}");
    assert_false(o.mutation);
    assert_str(o.first->alias, "few");
    assert_str(o.first->name, "products");
    assert_int_equal(graphql_number(o.first, "first", 0), 3);
    assert_str(graphql_text(o.first, "query"), "id:1");
    assert_str(graphql_text(o.first, "sortKey"), "UPDATED_AT");
    assert_str(json_to_text(&arena, json_get_c(o.first->arguments, "list")), "[1,-2.5,null]");
    assert_str(o.first->first->first->name, "id");
    assert_null(o.first->next);
}

static void
test_fragments_and_conditions_choose_fields(void **state)
{
    (void)state;
    struct graphql_operation o = good("query($yes: Boolean!) { a @include(if: $yes) b @skip(if: $yes) ...F ... on Shop { d } } fragment F on Shop { c }",
                                      "{\"yes\":true}");
    assert_str(o.first->name, "a");
    struct graphql_field *named = o.first->next, *inner = named->next;
    assert_int_equal(named->name.len, 0);
    assert_str(named->first->name, "c");
    assert_str(inner->on, "Shop");
    assert_str(inner->first->name, "d");
    assert_null(inner->next);
}

static void
test_texts_may_hold_escapes_and_quotes(void **state)
{
    (void)state;
    struct graphql_operation o = good("mutation { make(input: {name: \"a \\\"b\\\" {\\u00e9}\", note: \"\"\"three \"quoted\" lines\"\"\"}) { id } }", "{}");
    assert_true(o.mutation);
    yyjson_val *input = json_get_c(o.first->arguments, "input");
    assert_str(json_str(json_get_c(input, "name")), "a \"b\" {\xc3\xa9}");
    assert_str(json_str(json_get_c(input, "note")), "three \"quoted\" lines");
}

static void
test_what_is_broken_is_refused_with_words(void **state)
{
    (void)state;
    static const char *const broken[] = {
        "", "{", "{}", "{ a", "{ a }}", "{ a { }", "{ a(b) }", "{ a(b: ) }", "{ a(b: \"x) }", "{ a(b: $c) }", "{ a(b: [1, 2) }", "{ ...F }", "{ a: }",
        "query(", "query($a) { b }", "query($a: Int!) { b }", "subscription { a }", "{ a } { b }", "fragment F on X { a }",
        "fragment F on X { ...F } { ...F }", "{ a(b: \"\"\"x) }", "{ a @include }{", "{ a(b: \"\\", "{ a(b: {c: {",
    };
    for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
        struct err err = {0};
        struct graphql_operation operation = {0};
        if (graphql_read(&arena, str_from_c(broken[i]), STR_NONE, NULL, &operation, &err))
            fail_msg("it was taken: %s", broken[i]);
        assert_int_equal(err.code, E_VALIDATION_FAILED);
        assert_true(err.message[0] != '\0');
    }
}

static void
test_depth_and_number_of_fields_are_bounded(void **state)
{
    (void)state;
    struct buf b;
    struct err err = {0};
    struct graphql_operation operation = {0};
    buf_init(&b, 1 << 20);
    for (int i = 0; i < 5000; i++)
        buf_add(&b, STR("{a"));
    assert_false(graphql_read(&arena, buf_str(&b), STR_NONE, NULL, &operation, &err));
    buf_clear(&b);
    buf_add(&b, STR("{ a(b: "));
    for (int i = 0; i < 5000; i++)
        buf_add_char(&b, '[');
    err = (struct err){0};
    assert_false(graphql_read(&arena, buf_str(&b), STR_NONE, NULL, &operation, &err));
    buf_clear(&b);
    buf_add(&b, STR("{ a"));
    for (int i = 0; i < 5000; i++)
        buf_add(&b, STR(" a"));
    buf_add(&b, STR(" }"));
    err = (struct err){0};
    assert_false(graphql_read(&arena, buf_str(&b), STR_NONE, NULL, &operation, &err));
    assert_int_equal(err.code, E_VALIDATION_FAILED);
    buf_release(&b);
}
