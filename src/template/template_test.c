/*
 * Loading templates: what is wrong is named by line and pointer, hostile files are bounded.
 */
#include "base/test.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/limits.h"
#include "template/template.h"
#include "template/test_builtin.h"

#define HEAD "version: '1'\ntype: DeclarativeSource\ncheck: {type: CheckStream, stream_names: [a]}\n"

static struct template *
load(const char *yaml, struct err *err)
{
    return template_load(str_from_c(yaml), STR("Test File"), err);
}

static void
test_yaml_errors_have_line_and_column(void **state)
{
    struct err err = {0};
    (void)state;
    assert_null(load("a: 1\nb: [1, 2\nc: 3\n", &err));
    assert_int_equal(err.code, E_TEMPLATE_INVALID);
    assert_true(strstr(err.message, "line ") && strstr(err.message, "column "));
}

static void
test_missing_and_wrong_fields_are_named_by_pointer_and_line(void **state)
{
    struct err_item items[ERR_ITEMS_MAX];
    struct err err = {.items = items};
    (void)state;
    assert_null(load(HEAD "streams:\n- type: DeclarativeStream\n  name: a\n  retriever:\n    type: SimpleRetriever\n"
                          "    requester: {type: HttpRequester, url_base: 'https://x', path: [1]}\n", &err));
    assert_int_equal(err.code, E_TEMPLATE_INVALID);
    assert_int_equal(err.item_count, 2);
    assert_string_equal(items[0].pointer, "/streams/0/retriever");
    assert_string_equal(items[0].message, "SimpleRetriever needs record_selector");
    assert_string_equal(items[1].pointer, "/streams/0/retriever/requester/path");
    assert_string_equal(items[1].message, "path must be a text");
    assert_true(strstr(err.message, "line 8") != NULL);
}

static void
test_a_template_without_any_readable_stream_is_refused(void **state)
{
    struct err err = {0};
    (void)state;
    assert_null(load(HEAD "streams:\n- {type: DeclarativeStream, name: a, retriever: {type: CustomRetriever, class_name: x.y.Slow}}\n", &err));
    assert_int_equal(err.code, E_TEMPLATE_REFUSED);
    assert_true(strstr(err.message, "class Slow") != NULL);
}

static void
test_aliases_that_multiply_are_bounded(void **state)
{
    struct buf b;
    struct err err = {0};
    (void)state;
    buf_init(&b, 1 << 20);
    buf_add_c(&b, HEAD "x0: &x0 {type: T, a: 1}\n");
    for (int i = 1; i < 40; i++)
        buf_addf(&b, "x%d: &x%d {type: T, a: *x%d, b: *x%d}\n", i, i, i - 1, i - 1);
    buf_add_c(&b, "streams: []\n");
    assert_null(template_load(buf_str(&b), STR("t"), &err));
    assert_true(err.code == E_TOO_LARGE || err.code == E_TEMPLATE_INVALID);
    buf_release(&b);
}

static void
test_deep_nesting_is_refused_with_words(void **state)
{
    struct buf b;
    struct err err = {0};
    (void)state;
    buf_init(&b, 1 << 20);
    for (int i = 0; i < 5000; i++)
        buf_add_char(&b, '[');
    assert_null(template_load(buf_str(&b), STR("t"), &err));
    assert_int_equal(err.code, E_TEMPLATE_INVALID);
    buf_release(&b);
}

#define STREAM "streams:\n- type: DeclarativeStream\n  name: a\n  retriever:\n    type: SimpleRetriever\n    requester: {type: HttpRequester, " \
               "url_base: 'https://x', path: a}\n    record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: []}}\n"
#define FIELDS(text) HEAD STREAM "metadata: {tidemark: {entities: {a: {kind: contacts, fields: {" text "}}}}}\n"

static void
test_a_mapping_that_cannot_be_is_refused_when_the_template_is_loaded(void **state)
{
    static const char *const wrong[] = {FIELDS("createdAt: created_at"), FIELDS("id.x: id"), FIELDS("name: '{{ a b }}'"), FIELDS("a: x, a.b: y")};
    struct err err = {0};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        assert_null(load(wrong[i], &err));
        assert_int_equal(err.code, E_TEMPLATE_INVALID);
        assert_true(strstr(err.message, "metadata.tidemark.entities.a: ") != NULL);
    }
    struct template *t = load(FIELDS("sourceCreatedAt: created_at, ids: id"), &err);
    assert_non_null(t);
    template_unref(t);
}

static void
test_every_builtin_template_loads_and_all_its_streams_can_be_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < template_builtin_count; i++) {
        struct err err = {0};
        struct template *t = template_load(template_builtins[i].yaml, str_from_c(template_builtins[i].name), &err);
        if (!t)
            fail_msg("%s: %s", template_builtins[i].name, err.message);
        assert_string_equal(str_eq_c(template_info(t)->name, template_builtins[i].name) ? "same" : "other", "same");
        for (size_t s = 0; s < template_stream_count(t); s++)
            assert_true(str_is_none(template_stream_info(template_stream_at(t, s))->refused));
        template_unref(t);
    }
}

static void
test_the_chatwoot_template_says_what_the_engine_needs(void **state)
{
    struct err err = {0};
    (void)state;
    struct template *t = template_load(builtin_yaml("chatwoot"), STR("x"), &err);
    const struct stream_info *contacts = template_stream_info(template_stream_find(t, STR("contacts")));
    assert_true(contacts->mapped && contacts->incremental && contacts->supports_deletes && contacts->has_reads && contacts->synced);
    assert_str(template_info(t)->primary_secret, "accessToken");
    assert_str(template_info(t)->base_url_field, "baseUrl");
    assert_int_equal(template_info(t)->interval_us, INT64_C(900000000));
    assert_true(template_stream_info(template_stream_find(t, STR("messages")))->supports_deletes);
    template_unref(t);
}

static void
test_every_allocation_of_loading_may_fail_I37(void **state)
{
    (void)state;
    for (int64_t nth = 1; nth < 400; nth += 7) {
        struct err err = {0};
        alloc_fail_at(nth, 0);
        struct template *t = template_load(builtin_yaml("chatwoot"), STR("x"), &err);
        alloc_fail_at(0, 0);
        assert_true(t || err.code != E_OK);
        template_unref(t);
    }
}
