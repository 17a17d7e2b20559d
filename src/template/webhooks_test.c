/*
 * The event table: what a body says by the template's words; what a template may not say.
 */
#include "base/test.h"

#include "base/clock.h"
#include "base/limits.h"
#include "template/test_builtin.h"
#include "template/webhooks.h"

#define HEAD                                                                                                   \
    "version: 6.0.0\ntype: DeclarativeSource\n"                                                                \
    "check: {type: CheckStream, stream_names: [people]}\n"                                                     \
    "streams:\n"                                                                                               \
    "  - type: DeclarativeStream\n"                                                                            \
    "    name: people\n"                                                                                       \
    "    retriever:\n"                                                                                         \
    "      type: SimpleRetriever\n"                                                                            \
    "      requester: {type: HttpRequester, url_base: https://api.acme.example, path: people}\n"               \
    "      record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: [data]}}\n"   \
    "metadata:\n  tidemark:\n    name: acme\n    webhooks:\n"
#define TABLE                                                                                                  \
    "      account: [$.portal, account.id]\n"                                                                  \
    "      type: [kind, \"header:X-Kind\"]\n"                                                                  \
    "      delivery_id: \"header:X-Delivery\"\n"                                                               \
    "      events:\n"                                                                                          \
    "        person.made:\n"                                                                                  \
    "          {stream: people, record: [person, \"$\"], set: {org: $.org.id}, drop: [kind],\n"               \
    "           version: [changes.*.at.now, person.at], intake: lead}\n"                                     \
    "        person.gone: {stream: people, id: person.id, time: at, deleted: true}\n"                          \
    "        person.touched: {stream: people, id: id, slice: {list: list.id}}\n"                               \
    "        both: [{stream: people, id: a}, {stream: people, id: b}]\n"

struct table {
    struct template *template;
    struct arena arena;
    struct http_header header[2];
    struct http_headers headers;
    struct webhook_body body;
    struct webhook_record *rows;
    size_t count;
    struct err err;
};

static void
load(struct table *t, const char *manifest)
{
    t->template = template_load(str_from_c(manifest), STR("acme"), &t->err);
    if (!t->template)
        fail_msg("%s", t->err.message);
    t->body.block = template_webhooks(t->template);
    assert_non_null(t->body.block);
}

static int
setup(void **state)
{
    struct table *t = calloc(1, sizeof(*t));
    arena_init(&t->arena, 1 << 24);
    t->header[0] = (struct http_header){STR("x-delivery"), STR("d-1")};
    t->header[1] = (struct http_header){STR("X-Kind"), STR("person.touched")};
    t->headers = (struct http_headers){t->header, 2};
    t->body = (struct webhook_body){.headers = &t->headers, .arena = &t->arena};
    load(t, HEAD TABLE);
    *state = t;
    return 0;
}

static int
teardown(void **state)
{
    struct table *t = *state;
    template_unref(t->template);
    arena_release(&t->arena);
    free(t);
    return 0;
}

static void
read_body(struct table *t, const char *body)
{
    t->body.body = json_parse(&t->arena, str_from_c(body), JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_API, &t->err);
    assert_non_null(t->body.body);
    assert_true(webhook_records(&t->body, &t->rows, &t->count, &t->err));
}

static void
assert_text(struct str text, const char *expected)
{
    if (!str_eq_c(text, expected))
        fail_msg("\"%.*s\" is not \"%s\"", STR_ARG(text), expected);
}

static void
test_a_record_is_found_dressed_and_dated(void **state)
{
    struct table *t = *state;
    read_body(t, "{\"kind\":\"person.made\",\"portal\":9007199254740993,\"org\":{\"id\":5},"
                 "\"person\":{\"id\":12345678901234567890,\"kind\":\"x\",\"name\":\"Ana\"},"
                 "\"changes\":[{\"name\":{\"now\":1}},{\"at\":{\"now\":\"2026-01-03T10:05:00Z\"}}]}");
    assert_int_equal(t->count, 1);
    assert_text(webhook_accounts(&t->body), "9007199254740993");
    assert_text(webhook_delivery(&t->body), "d-1");
    assert_text(t->rows[0].external_id, "12345678901234567890"); /* I-10 */
    assert_text(t->rows[0].version, "2026-01-03T10:05:00Z");
    assert_true(t->rows[0].lead && !t->rows[0].deleted);
    assert_text(json_to_text(&t->arena, t->rows[0].record), "{\"id\":12345678901234567890,\"name\":\"Ana\",\"org\":5}");
    int64_t us;
    assert_true(time_parse(STR("2026-01-03T10:05:00Z"), &us));
    assert_int_equal(t->rows[0].time_us, us);
    assert_true(webhook_is_dated(&t->body));
}

static void
test_the_whole_body_is_the_record_where_no_part_is(void **state)
{
    struct table *t = *state;
    read_body(t, "{\"kind\":\"person.made\",\"id\":7,\"name\":\"Flat\"}");
    assert_text(t->rows[0].external_id, "7");
    assert_text(json_to_text(&t->arena, t->rows[0].record), "{\"id\":7,\"name\":\"Flat\"}");
    assert_false(webhook_is_dated(&t->body));
}

static void
test_ids_alone_deletions_headers_and_several_records(void **state)
{
    struct table *t = *state;
    read_body(t, "{\"id\":1,\"list\":{\"id\":\"L\"}}"); /* its type is in a header */
    assert_text(webhook_type(&t->body), "person.touched");
    assert_null(t->rows[0].record);
    assert_text(json_to_text(&t->arena, t->rows[0].slice), "{\"list\":\"L\"}");
    read_body(t, "{\"kind\":\"person.gone\",\"person\":{\"id\":\"p\"},\"at\":1767434400.5}");
    assert_true(t->rows[0].deleted);
    assert_int_equal(t->rows[0].time_us, INT64_C(1767434400500000));
    read_body(t, "{\"kind\":\"both\",\"a\":1,\"b\":2}");
    assert_int_equal(t->count, 2);
    read_body(t, "{\"kind\":\"unheard.of\",\"a\":1}");
    assert_int_equal(t->count, 0);
    assert_false(webhook_is_handled(&t->body));
}

static void
test_lists_hold_events_of_their_own(void **state)
{
    struct table *t = *state;
    template_unref(t->template);
    load(t, HEAD "      type: field\n      account: $.0\n      each: [entry, changes]\n"
                 "      events: {leadgen: {stream: people, id: value.leadgen_id, time: value.created_time}}\n");
    read_body(t, "{\"entry\":[{\"changes\":[{\"field\":\"leadgen\",\"value\":{\"leadgen_id\":\"1\",\"created_time\":1767434398}},"
                 "{\"field\":\"other\",\"value\":{}}]},{\"changes\":[{\"field\":\"leadgen\",\"value\":{\"leadgen_id\":\"2\",\"created_time\":1}}]}]}");
    assert_int_equal(t->count, 2);
    assert_text(t->rows[1].external_id, "2");
    read_body(t, "{\"entry\":{\"changes\":7}}");
    assert_int_equal(t->count, 0);
    template_unref(t->template);
    load(t, HEAD "      type: subscriptionType\n      account: portalId\n      each: [\"\"]\n"
                 "      events: {contact.creation: {stream: people, id: objectId, time: occurredAt}}\n");
    read_body(t, "[{\"portalId\":62515,\"subscriptionType\":\"contact.creation\",\"objectId\":123,\"occurredAt\":1564113600000}]");
    assert_int_equal(t->count, 1);
    assert_text(webhook_accounts(&t->body), "62515");
    assert_int_equal(t->rows[0].time_us, INT64_C(1564113600000000));
}

static void
test_of_a_delivery_for_several_accounts_each_gets_its_own(void **state)
{
    struct table *t = *state;
    read_body(t, "{\"object\":\"page\"}");
    template_unref(t->template);
    struct str yaml = builtin_yaml("facebook_ads");
    t->template = template_load(yaml, STR("facebook_ads"), &t->err);
    assert_non_null(t->template);
    t->body.block = template_webhooks(t->template);
    read_body(t, "{\"object\":\"page\",\"entry\":["
                 "{\"id\":\"1\",\"changes\":[{\"field\":\"leadgen\",\"value\":{\"leadgen_id\":\"11\",\"page_id\":\"1\"}}]},"
                 "{\"id\":\"2\",\"changes\":[{\"field\":\"leadgen\",\"value\":{\"leadgen_id\":\"22\",\"page_id\":\"2\"}}]},"
                 "{\"id\":\"1\",\"changes\":[{\"field\":\"leadgen\",\"value\":{\"leadgen_id\":\"12\",\"page_id\":\"1\"}}]}]}");
    assert_text(webhook_accounts(&t->body), "1\n2");
    assert_true(webhook_account_is_among(webhook_accounts(&t->body), STR("2")));
    assert_false(webhook_account_is_among(webhook_accounts(&t->body), STR("1\n2")));
    assert_int_equal(t->count, 3);
    t->body.account = STR("1");
    assert_true(webhook_records(&t->body, &t->rows, &t->count, &t->err));
    assert_int_equal(t->count, 2);
    assert_text(t->rows[0].external_id, "11");
    assert_text(t->rows[1].external_id, "12");
}

static void
test_strange_bodies_are_not_there(void **state)
{
    struct table *t = *state;
    static const char *const bodies[] = {"[]", "{}", "[1,2]", "{\"kind\":{}}", "{\"kind\":\"person.made\",\"person\":[]}",
                                         "{\"kind\":\"person.gone\",\"person\":\"x\"}", "{\"kind\":\"both\",\"a\":{},\"b\":null}"};
    t->headers.count = 0;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        read_body(t, bodies[i]);
        for (size_t k = 0; k < t->count; k++)
            assert_true(t->rows[k].external_id.len == 0);
    }
    int64_t us;
    assert_false(webhook_time(STR(""), &us));
    assert_false(webhook_time(STR("0"), &us));
    assert_false(webhook_time(STR("soon"), &us));
    assert_false(webhook_time(STR("12.x"), &us));
}

static void
test_a_faulty_table_is_named_when_the_template_is_loaded(void **state)
{
    static const struct {
        const char *block, *words;
    } faults[] = {
        {"      events: {a: {stream: people, id: id}}\n", "webhooks.type"},
        {"      type: kind\n      events: []\n", "webhooks.events"},
        {"      type: kind\n      events: {a: {stream: nobody, id: id}}\n", "events.a.stream"},
        {"      type: kind\n      events: {a: {stream: people}}\n", "needs a record or an id"},
        {"      type: kind\n      events: {a: {stream: people, id: {}}}\n", "events.a.id"},
        {"      type: kind\n      events: {a: {stream: people, id: id, set: [x]}}\n", "set and slice"},
        {"      type: kind\n      events: {a: {stream: people, id: id, intake: gold}}\n", "intake"},
        {"      type: kind\n      overload: 500\n      events: {a: {stream: people, id: id}}\n", "overload"},
        {"      type: kind\n      each: entry\n      events: {a: {stream: people, id: id}}\n", "each"},
        {"      type: kind\n      handshake: {challenge: c}\n      events: {a: {stream: people, id: id}}\n", "handshake"},
        {"      type: kind\n      verify: [{kind: magic, header: X}]\n      events: {a: {stream: people, id: id}}\n", "verify/0/kind"},
        {"      type: kind\n      verify: [{kind: hmac_sha256, header: X, signed: '{cookie}{body}'}]\n      events: {a: {stream: people, id: id}}\n",
         "metadata.tidemark.webhooks.verify/0/signed"},
        {"      type: kind\n      verify: [{kind: ed25519, header: X}]\n      events: {a: {stream: people, id: id}}\n", "public_key"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        char text[4096];
        struct err err = {0};
        snprintf(text, sizeof(text), "%s%s", HEAD, faults[i].block);
        struct template *t = template_load(str_from_c(text), STR("acme"), &err);
        if (t || err.code != E_TEMPLATE_INVALID || !strstr(err.message, faults[i].words))
            fail_msg("%s: %s", faults[i].words, err.message);
    }
}
