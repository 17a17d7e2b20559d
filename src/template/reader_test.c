/*
 * The built-in template read from scripted answers, page by page.
 */
#include "base/test.h"

#include "base/clock.h"
#include "base/limits.h"
#include "template/mapping.h"
#include "template/reader.h"
#include "template/test_builtin.h"

#define NOW_US INT64_C(1767441600000000) /* 2026-01-03T12:00:00Z */

struct drive {
    struct template *template;
    struct arena keep, page;
    struct reader *reader;
    struct reader_event event;
    struct err err;
    struct http_reply reply;
    struct reader_options options;
};

static int
setup(void **state)
{
    struct drive *d = calloc(1, sizeof(*d));
    arena_init(&d->keep, 1 << 24);
    arena_init(&d->page, LIMIT_PAGE_ARENA_BYTES);
    d->template = template_load(builtin_yaml("chatwoot"), STR("chatwoot"), &d->err);
    if (!d->template)
        fail_msg("%s", d->err.message);
    d->options = (struct reader_options){.template = d->template, .now_us = NOW_US, .stream = STR("contacts")};
    d->options.config = json_parse(&d->keep, STR("{\"accountId\":\"1\",\"accessToken\":\"tok-123\",\"baseUrl\":\"https://chat.example.com\"}"),
                                   JSON_PLAIN, 8, &d->err);
    *state = d;
    return 0;
}

static int
teardown(void **state)
{
    struct drive *d = *state;
    reader_free(d->reader);
    template_unref(d->template);
    arena_release(&d->page);
    arena_release(&d->keep);
    free(d);
    return 0;
}

static enum reader_step
next(struct drive *d)
{
    return reader_next(d->reader, &d->page, &d->event, &d->err);
}

static void
open_stream(struct drive *d, const char *stream)
{
    reader_free(d->reader);
    d->options.stream = str_from_c(stream);
    d->reader = reader_new(&d->options, &d->err);
    if (!d->reader)
        fail_msg("%s", d->err.message);
}

static void
expect_request(struct drive *d, const char *url)
{
    enum reader_step step = next(d);
    if (step != READER_REQUEST)
        fail_msg("expected a request for %s, got step %d: %s", url, (int)step, d->err.message);
    if (!str_eq_c(d->event.request.url, url))
        fail_msg("expected %s, got %.*s", url, STR_ARG(d->event.request.url));
}

static void
answer(struct drive *d, int status, const char *body)
{
    d->reply = (struct http_reply){.status = status, .body = str_from_c(body), .sent_wall_us = NOW_US};
    reader_reply(d->reader, &d->reply);
}

static void
expect_page(struct drive *d, size_t records)
{
    enum reader_step step = next(d);
    if (step != READER_PAGE)
        fail_msg("expected a page, got step %d: %s", (int)step, d->err.message);
    assert_int_equal(d->event.record_count, records);
}

#define CONTACTS "https://chat.example.com/api/v1/accounts/1/contacts?page="
#define CONTACTS_1 CONTACTS "1&sort=-last_activity_at"
#define ANA "{\"id\":789,\"name\":\"Ana\",\"email\":\"ana@example.com\",\"phone_number\":\"+5581999990000\",\"identifier\":null," \
            "\"thumbnail\":\"\",\"additional_attributes\":{\"city\":\"Recife\"},\"last_activity_at\":1767434400}"
#define BOB "{\"id\":12345678901234567890,\"name\":\"Bob\",\"email\":null,\"phone_number\":null,\"identifier\":\"b-1\",\"last_activity_at\":1767430000}"

static void
test_a_short_page_is_not_the_end_while_the_vendor_counts_more(void **state)
{
    struct drive *d = *state;
    open_stream(d, "contacts");
    expect_request(d, CONTACTS_1);
    assert_str(d->event.request.headers.items[0].name, "api_access_token");
    assert_str(d->event.request.headers.items[0].value, "tok-123");
    answer(d, 200, "{\"meta\":{\"count\":3},\"payload\":[" ANA "," BOB "]}");
    expect_page(d, 2);
    assert_int_equal(d->event.declared_total, 3);
    assert_false(d->event.slice_done);
    assert_true(d->event.token_hash != 0);
    arena_clear(&d->page);
    expect_request(d, CONTACTS "2&sort=-last_activity_at");
    answer(d, 200, "{\"meta\":{\"count\":3},\"payload\":[]}");
    expect_page(d, 0);
    assert_true(d->event.slice_done);
    assert_int_equal(d->event.state_count, 1);
    assert_str(d->event.states[0].partition, "");
    assert_str(d->event.states[0].state, "{\"last_activity_at\":\"1767434400\"}");
    assert_int_equal(next(d), READER_DONE);
}

static void
test_a_reader_made_from_a_position_asks_the_next_request_I4(void **state)
{
    struct drive *d = *state;
    open_stream(d, "contacts");
    expect_request(d, CONTACTS_1);
    answer(d, 200, "{\"meta\":{\"count\":2},\"payload\":[" ANA "]}");
    expect_page(d, 1);
    d->options.position = str_copy(&d->keep, d->event.position);
    open_stream(d, "contacts");
    expect_request(d, CONTACTS "2&sort=-last_activity_at");
    answer(d, 200, "{\"meta\":{\"count\":2},\"payload\":[]}");
    expect_page(d, 0);
    assert_str(d->event.states[0].state, "{\"last_activity_at\":\"1767434400\"}");
}

static const char lending[] =
    "version: 6.0.0\ntype: DeclarativeSource\ncheck: {type: CheckStream, stream_names: [lines]}\n"
    "definitions:\n"
    "  selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: [data]}}\n"
    "  orders: {type: DeclarativeStream, name: orders, primary_key: [id], retriever: {type: SimpleRetriever, record_selector: "
    "{$ref: \"#/definitions/selector\"}, requester: {type: HttpRequester, url_base: \"https://api.example.com\", path: orders}}}\n"
    "streams:\n"
    "- {type: DeclarativeStream, name: lines, primary_key: [id], retriever: {type: SimpleRetriever, record_selector: "
    "{$ref: \"#/definitions/selector\"}, requester: {type: HttpRequester, url_base: \"https://api.example.com\", "
    "path: \"orders/{{ stream_partition.order }}/lines\"}, partition_router: {type: SubstreamPartitionRouter, parent_stream_configs: "
    "[{type: ParentStreamConfig, stream: {$ref: \"#/definitions/orders\"}, parent_key: id, partition_field: order, "
    "lazy_read_pointer: [lines]}]}}}\n"
    "spec: {type: Spec, connection_specification: {type: object, properties: {}}}\n";

/* What a parent lent is not kept in positions: they would grow with it. */
static void
test_a_page_lent_by_a_parent_is_asked_for_after_a_restart_I4(void **state)
{
    struct drive *d = *state;
    template_unref(d->template);
    d->options.template = d->template = template_load(str_from_c(lending), STR("lending"), &d->err);
    assert_non_null(d->template);
    open_stream(d, "lines");
    expect_request(d, "https://api.example.com/orders");
    answer(d, 200, "{\"data\":[{\"id\":\"a\",\"lines\":{\"data\":[{\"id\":1},{\"id\":2}]}},{\"id\":\"b\",\"lines\":{\"data\":[{\"id\":3}]}}]}");
    expect_page(d, 2);
    assert_int_equal(d->event.observed_wall_us, NOW_US);
    d->options.position = str_copy(&d->keep, d->event.position);
    expect_page(d, 1);
    assert_int_equal(next(d), READER_DONE);
    open_stream(d, "lines");
    expect_request(d, "https://api.example.com/orders/b/lines");
    answer(d, 200, "{\"data\":[{\"id\":3}]}");
    expect_page(d, 1);
    assert_int_equal(next(d), READER_DONE);
}

static void
test_records_become_the_rows_one_would_write_by_hand(void **state)
{
    struct drive *d = *state;
    struct mapped row;
    struct mapping *m = mapping_compile(&d->keep, d->template, STR("contacts"), NULL, NULL, &d->err);
    assert_non_null(m);
    open_stream(d, "contacts");
    expect_request(d, CONTACTS_1);
    answer(d, 200, "{\"meta\":{\"count\":2},\"payload\":[" ANA "," BOB ",{\"id\":123},{\"id\":456,\"email\":\"x@y.z\",\"phone_number\":\"none\"}]}");
    expect_page(d, 4);
    assert_ok(mapping_apply(m, &d->page, d->event.records[0].value, NULL, d->options.config, NOW_US, &row, &d->err), d->err);
    assert_str(row.data, "{\"customFields\":{\"chatwoot_additional_attributes\":{\"city\":\"Recife\"},\"chatwoot_id\":\"789\","
                         "\"chatwoot_identifier\":null,\"chatwoot_thumbnail\":\"\"},\"email\":\"ana@example.com\",\"name\":\"Ana\","
                         "\"phone\":\"+5581999990000\"}");
    assert_str(row.external_id, "789");
    assert_str(row.email, "ana@example.com");
    assert_str(row.phone, "+5581999990000");
    assert_str(row.title, "Ana");
    assert_int_equal(row.occurred_us, INT64_C(1767434400000000));
    assert_true(str_is_none(row.rejected));
    assert_ok(mapping_apply(m, &d->page, d->event.records[1].value, NULL, d->options.config, NOW_US, &row, &d->err), d->err);
    assert_str(row.external_id, "12345678901234567890"); /* I-10 */
    assert_true(str_is_none(row.rejected));
    assert_ok(mapping_apply(m, &d->page, d->event.records[2].value, NULL, d->options.config, NOW_US, &row, &d->err), d->err);
    assert_str(row.rejected, "Contact 123: Email required");
    assert_ok(mapping_apply(m, &d->page, d->event.records[3].value, NULL, d->options.config, NOW_US, &row, &d->err), d->err);
    assert_str(row.rejected, "Contact 456: Invalid phone format");
}

#define CONVERSATIONS "https://chat.example.com/api/v1/accounts/1/conversations?page="
#define MESSAGES(id) "https://chat.example.com/api/v1/accounts/1/conversations/" id "/messages"
#define CONVERSATION(id, at) "{\"id\":" id ",\"status\":\"open\",\"last_activity_at\":" at "}"
#define PAGE_OF(items) "{\"data\":{\"meta\":{\"all_count\":2},\"payload\":[" items "]}}"

static void
test_messages_visit_the_conversations_of_a_page(void **state)
{
    struct drive *d = *state;
    open_stream(d, "messages");
    expect_request(d, CONVERSATIONS "1&status=all&sort_by=last_activity_at_desc");
    assert_int_equal(d->event.purpose, READER_FOR_PARENT);
    answer(d, 200, PAGE_OF(CONVERSATION("7", "1767434400") "," CONVERSATION("8", "1767434000")));
    expect_request(d, MESSAGES("7"));
    assert_int_equal(d->event.purpose, READER_FOR_PAGE);
    answer(d, 200, "{\"payload\":[{\"id\":1,\"message_type\":0,\"created_at\":1767434400,\"conversation_id\":7}]}");
    expect_page(d, 1);
    assert_str(d->event.states[0].partition, "{\"conversation_id\":7,\"parent_slice\":{}}");
    assert_str(d->event.states[0].state, "{\"created_at\":\"1767434400\"}");
    expect_request(d, MESSAGES("8"));
    answer(d, 404, "{\"error\":\"gone\"}");
    expect_page(d, 0);
    assert_int_equal(next(d), READER_DONE);
    assert_int_equal(d->event.state_count, 1);
    assert_true(str_contains(d->event.states[0].state, STR("\"parent_state\":{\"conversations\":{\"last_activity_at\":\"1767434400\"}}")));
}

static void
test_a_web_page_or_an_empty_body_is_a_bad_page_F21(void **state)
{
    struct drive *d = *state;
    const char *bodies[] = {"<html>maintenance</html>", "", "{\"payload\":[", "{\"message\":\"down\"}"};
    open_stream(d, "contacts");
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        expect_request(d, CONTACTS_1);
        answer(d, 200, bodies[i]);
        enum reader_step step = next(d);
        if (i + 1 < ARRAY_LEN(bodies)) {
            assert_int_equal(step, READER_WAIT);
            assert_true(d->event.wait_ms > 0);
        } else {
            assert_int_equal(step, READER_FAILED);
            assert_int_equal(d->err.code, E_BAD_PAGE);
        }
    }
}

static void
test_the_base_url_is_cut_of_the_api_prefix(void **state)
{
    struct drive *d = *state;
    yyjson_val *config, *given = json_parse(&d->keep, STR("{\"apiKey\":\"k\",\"accountId\":123,\"apiUrl\":\"https://x.example.com/api/v1/\"}"),
                                            JSON_PLAIN, 8, &d->err);
    assert_ok(template_config_accept(d->template, &d->keep, given, STR("/credentials"), &config, &d->err), d->err);
    assert_str(json_str(json_get_c(config, "baseUrl")), "https://x.example.com");
    assert_str(json_str(json_get_c(config, "accountId")), "123");
    assert_str(json_str(json_get_c(config, "accessToken")), "k");
    assert_true(template_config_is_secret(d->template, STR("/accessToken")));
    assert_str(json_str(json_get_c(template_config_masked(d->template, &d->keep, config), "accessToken")), "••••");
}
