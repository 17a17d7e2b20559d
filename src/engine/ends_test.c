/*
 * What ends at a vendor: by the calendar, for whom.
 */
#include "base/test.h"

#include "engine/ends.h"

#define YAML                                                                                                       \
    "version: 6.0.0\ntype: DeclarativeSource\ncheck: {type: CheckStream, stream_names: [a]}\n"                       \
    "streams:\n  - type: DeclarativeStream\n    name: a\n    primary_key: [id]\n"                                    \
    "    schema_loader: {type: InlineSchemaLoader, schema: {type: object, properties: {}}}\n"                        \
    "    retriever:\n      type: SimpleRetriever\n"                                                                  \
    "      requester: {type: HttpRequester, url_base: \"https://a.example.com\", path: a, http_method: GET}\n"       \
    "      record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: []}}\n"             \
    "spec: {type: Spec, connection_specification: {type: object, properties: {authType: {type: string, default: token}}}}\n" \
    "metadata:\n  tidemark:\n    name: ends\n    versions:\n"                                                        \
    "      - {api: Far, version: v9, ends: \"2030-01-01\"}\n"                                                        \
    "      - {api: Tokens, successor: oauth, ends: \"2027-04-30\", when: {authType: token}}\n"       \
    "      - {api: Old, version: v1, successor: v2, ends: \"2025-12-31\", when: {apiVersion: [v1, \"1\"]}, replaced: true}\n" \
    "      - {api: Close, version: v3, ends: \"2027-04-30\", warn_days: 10, streams: [a]}\n"                         \
    "      - {api: Broken, version: v0, ends: some day}\n"

static struct arena arena;
static struct template *template;
static struct ends *ends;
static size_t count;

static void
ask(const char *config, const char *day)
{
    struct err err = {0};
    int64_t now_us;
    assert_true(time_parse(str_from_c(day), &now_us));
    yyjson_val *value = config == NULL ? NULL : json_parse(&arena, str_from_c(config), JSON_PLAIN, 8, &err);
    assert_true(ends_of(template, &arena, value, now_us, &ends, &count, &err));
}

static int
setup(void **state)
{
    struct err err = {0};
    (void)state;
    arena_init(&arena, 1024 * 1024);
    template = template_load(STR(YAML), STR("ends"), &err);
    if (template == NULL)
        fail_msg("%s", err.message);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    template_unref(template);
    arena_release(&arena);
    return 0;
}

static void
test_a_warning_begins_so_many_days_ahead(void **state)
{
    (void)state;
    ask("{}", "2026-10-31");
    assert_int_equal(count, 3); /* nearest first; neither the broken one nor the one for others */
    assert_str(ends[0].date, "2027-04-30");
    assert_int_equal(ends[0].days, 181);
    assert_int_equal(ends[0].state, ENDS_PLANNED);
    ask("{}", "2026-11-01T23:59:59Z");
    assert_int_equal(ends[0].days, 180);
    bool soon = false;
    for (size_t i = 0; i < count; i++) {
        soon = soon || (str_eq_c(ends[i].api, "Tokens") && ends[i].state == ENDS_SOON);
        assert_true(!str_eq_c(ends[i].api, "Close") || ends[i].state == ENDS_PLANNED);
    }
    assert_true(soon);
}

static void
test_on_the_day_it_still_works_and_the_day_after_it_has_ended(void **state)
{
    (void)state;
    ask("{\"authType\":\"token\"}", "2027-04-30T12:00:00Z");
    assert_int_equal(ends[0].days, 0);
    assert_int_equal(ends[0].state, ENDS_SOON);
    ask("{\"authType\":\"token\"}", "2027-05-01");
    assert_int_equal(ends[0].state, ENDS_PAST);
    assert_int_equal(ends[0].days, -1);
    size_t tokens = str_eq_c(ends[0].api, "Tokens") ? 0 : 1;
    assert_str(ends[tokens].message, "Tokens ended on 2027-04-30; its successor is oauth");
}

static void
test_it_concerns_those_who_are_configured_so(void **state)
{
    (void)state;
    ask("{\"authType\":\"oauth\"}", "2027-01-01");
    assert_int_equal(count, 2);
    ask("{\"authType\":\"oauth\",\"apiVersion\":\"1\"}", "2027-01-01");
    assert_int_equal(count, 3);
    assert_int_equal(ends[0].state, ENDS_REPLACED);
    assert_str(ends[0].message, "Old v1 ended on 2025-12-31; v2 is spoken in its place");
    ask(NULL, "2027-01-01"); /* nobody in particular: everything */
    assert_int_equal(count, 4);
}
