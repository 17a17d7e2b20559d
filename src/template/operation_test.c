/*
 * Declared operations: what is sent, what an answer means, and what a template may not do.
 */
#include "base/test.h"

#include "base/clock.h"
#include "base/limits.h"
#include "template/operation.h"

#define NOW_US INT64_C(1767441600000000) /* 2026-01-03T12:00:00Z */

#define HEAD                                                                                             \
    "version: 6.0.0\n"                                                                                   \
    "type: DeclarativeSource\n"                                                                          \
    "check: {type: CheckStream, stream_names: [people]}\n"                                               \
    "streams:\n"                                                                                         \
    "  - type: DeclarativeStream\n"                                                                      \
    "    name: people\n"                                                                                 \
    "    retriever:\n"                                                                                   \
    "      type: SimpleRetriever\n"                                                                      \
    "      requester:\n"                                                                                 \
    "        type: HttpRequester\n"                                                                      \
    "        url_base: https://api.acme.example/v1\n"                                                    \
    "        path: people\n"                                                                             \
    "        request_parameters: {limit: \"100\"}\n"                                                     \
    "        request_headers: {Version: \"2021-07-28\", X-Read: \"yes\"}\n"                              \
    "        authenticator: {type: BearerAuthenticator, api_token: \"{{ config['token'] }}\"}\n"         \
    "      record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: [data]}}\n" \
    "metadata:\n"                                                                                        \
    "  tidemark:\n"                                                                                      \
    "    name: acme\n"
#define ACTIONS                                                                                          \
    "    actions:\n"                                                                                     \
    "      find:\n"                                                                                      \
    "        path: \"people/{{ input['id'] }}\"\n"                                                       \
    "        input_schema: {type: object, required: [id], properties: {id: {type: string}, lang: {default: en}}}\n" \
    "        request_parameters: {lang: \"{{ input['lang'] }}\"}\n"                                      \
    "        result: person.name\n"                                                                      \
    "      any: {path: \"{{ input['path'] }}\"}\n"                                                        \
    "      create:\n"                                                                                    \
    "        http_method: POST\n"                                                                        \
    "        path: people\n"                                                                             \
    "        request_headers: {Version: \"2024-01-01\"}\n"                                               \
    "        request_body_json: {phone: \"{{ input['phone'] }}\", tags: \"{{ input['tags'] }}\",\n" \
    "                            note: \"{{ input['note'] }}\", account: \"{{ config['account'] }}\"}\n"    \
    "        result: \"{{ {'id': response['person']['id'], 'again': response.get('again', false)} }}\"\n" \
    "        success: \"{{ not response.get('errors') }}\"\n"                                            \
    "        message: \"{{ response['errors'][0]['text'] }}\"\n"                                         \
    "    webhooks:\n"                                                                                    \
    "      type: type\n"                                                                                 \
    "      events: {contact.created: {stream: people, record: payload, intake: lead}}\n"                 \
    "      remove:\n"                                                                                    \
    "        http_method: DELETE\n"                                                                      \
    "        path: \"hooks/{{ input['id'] }}\"\n"                                                        \
    "        error_handler: {type: DefaultErrorHandler, response_filters: [{type: HttpResponseFilter, http_codes: [404], action: IGNORE}]}\n" \
    "    writes:\n"                                                                                      \
    "      people:\n"                                                                                    \
    "        match: email\n"                                                                             \
    "        update: {http_method: PUT, path: \"people/{{ input['id'] }}\", request_body_json: \"{{ input['fields'] }}\"}\n"

struct drive {
    struct template *template;
    struct arena keep, page;
    struct reader *reader;
    struct reader_event event;
    struct err err;
    struct err_item items[ERR_ITEMS_MAX];
    struct http_reply reply;
    yyjson_val *config;
};

static int
setup(void **state)
{
    struct drive *d = calloc(1, sizeof(*d));
    arena_init(&d->keep, 1 << 24);
    arena_init(&d->page, LIMIT_PAGE_ARENA_BYTES);
    d->template = template_load(STR(HEAD ACTIONS), STR("acme"), &d->err);
    if (!d->template)
        fail_msg("%s", d->err.message);
    d->config = json_parse(&d->keep, STR("{\"token\":\"tok-1\",\"account\":\"007\"}"), JSON_PLAIN, 8, &d->err);
    d->err.items = d->items;
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

static bool
begin(struct drive *d, const char *section, const char *name, const char *input)
{
    struct reader_options options = {.template = d->template, .config = d->config, .now_us = NOW_US};
    const struct template_operation *o = template_operation_find(d->template, str_from_c(section), str_from_c(name));
    yyjson_val *given = json_parse(&d->keep, str_from_c(input), JSON_PLAIN, 32, &d->err);
    assert_non_null(o);
    assert_non_null(given);
    reader_free(d->reader);
    d->reader = NULL;
    if (!template_operation_accept(o, &d->keep, given, &given, &d->err))
        return false;
    d->reader = reader_new_operation(&options, o, given, &d->err);
    assert_non_null(d->reader);
    return true;
}

static enum reader_step
next(struct drive *d)
{
    return reader_next(d->reader, &d->page, &d->event, &d->err);
}

static void
ask(struct drive *d, const char *section, const char *name, const char *input)
{
    if (!begin(d, section, name, input) || next(d) != READER_REQUEST)
        fail_msg("%s", d->err.message);
}

static enum reader_step
answer(struct drive *d, int status, const char *body)
{
    d->reply = (struct http_reply){.status = status, .body = str_from_c(body), .sent_wall_us = NOW_US};
    reader_reply(d->reader, &d->reply);
    return next(d);
}

static enum reader_step
lose(struct drive *d, enum err_code code, bool unsent)
{
    d->reply = (struct http_reply){.code = code, .unsent = unsent, .message = "the line went dead", .sent_wall_us = NOW_US};
    reader_reply(d->reader, &d->reply);
    return next(d);
}

static void
expect_result(struct drive *d, const char *json)
{
    assert_int_equal(d->event.record_count, 1);
    struct str text = json_to_text(&d->page, d->event.records[0].value);
    if (!str_eq_c(text, json))
        fail_msg("expected %s, got %.*s", json, STR_ARG(text));
}

static void
expect_words(const struct drive *d, enum err_code code, const char *words)
{
    if (d->err.code != code || !strstr(d->err.message, words))
        fail_msg("expected %s with \"%s\", got %s: %s", err_name(code), words, err_name(d->err.code), d->err.message);
}

static void
test_a_call_is_the_templates_requester_with_its_own_fields(void **state)
{
    struct drive *d = *state;
    ask(d, "actions", "find", "{\"id\":\"a 1\"}");
    assert_str(d->event.request.method, "GET");
    assert_str(d->event.request.url, "https://api.acme.example/v1/people/a%201?lang=en");
    assert_str(http_header_get(&d->event.request.headers, "Authorization"), "Bearer tok-1");
    assert_str(http_header_get(&d->event.request.headers, "X-Read"), "yes");
    assert_false(d->event.request.once);
    assert_int_equal(answer(d, 200, "{\"person\":{\"name\":\"Ana\"}}"), READER_PAGE);
    expect_result(d, "\"Ana\"");
    assert_int_equal(next(d), READER_DONE);
}

static void
test_values_keep_the_types_of_the_input(void **state)
{
    struct drive *d = *state;
    ask(d, "actions", "create", "{\"phone\":\"0012\",\"tags\":[\"1\",2,\"None\"],\"note\":\"{'a': 1}\"}");
    assert_str(d->event.request.method, "POST");
    assert_str(http_header_get(&d->event.request.headers, "Version"), "2024-01-01");
    assert_str(d->event.request.body, "{\"phone\":\"0012\",\"tags\":[\"1\",2,\"None\"],\"note\":\"{'a': 1}\",\"account\":\"007\"}");
    assert_true(d->event.request.once);
    assert_int_equal(answer(d, 201, "{\"person\":{\"id\":\"0042\"}}"), READER_PAGE);
    expect_result(d, "{\"id\":\"0042\",\"again\":false}");
    ask(d, "writes.people", "update", "{\"id\":\"7\",\"fields\":{\"email\":null,\"name\":\"\"}}");
    assert_str(d->event.request.body, "{\"email\":null,\"name\":\"\"}");
}

static void
test_ids_of_any_size_come_back_exactly(void **state)
{
    struct drive *d = *state;
    ask(d, "actions", "create", "{\"phone\":\"1\"}");
    assert_int_equal(answer(d, 200, "{\"person\":{\"id\":12345678901234567890123}}"), READER_PAGE);
    expect_result(d, "{\"id\":12345678901234567890123,\"again\":false}");
}

static void
test_input_that_does_not_fit_is_named(void **state)
{
    struct drive *d = *state;
    assert_false(begin(d, "actions", "find", "{\"id\":7}"));
    assert_int_equal(d->err.code, E_VALIDATION_FAILED);
    assert_int_equal(d->err.item_count, 1);
    assert_string_equal(d->err.items[0].pointer, "/id");
    d->err.item_count = 0;
    assert_false(begin(d, "actions", "find", "[]"));
    assert_int_equal(d->err.code, E_VALIDATION_FAILED);
}

static void
test_input_cannot_lead_elsewhere(void **state)
{
    static const char *const paths[] = {"https://evil.example/x", "//evil.example/x", "people/../../admin", "%2E%2e/x"};
    struct drive *d = *state;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        char input[80];
        snprintf(input, sizeof(input), "{\"path\":\"%s\"}", paths[i]);
        assert_true(begin(d, "actions", "any", input));
        enum reader_step step = next(d);
        if (step == READER_REQUEST && !str_starts(d->event.request.url, STR("https://api.acme.example/v1/")))
            fail_msg("%s led to %.*s", paths[i], STR_ARG(d->event.request.url));
        if (i != 1)
            expect_words(d, E_VALIDATION_FAILED, "another address");
    }
    ask(d, "actions", "any", "{\"path\":\"people/1\"}");
}

static void
test_a_refusal_has_the_vendors_words(void **state)
{
    struct drive *d = *state;
    ask(d, "actions", "create", "{\"phone\":\"1\"}");
    assert_int_equal(answer(d, 422, "{\"message\":\"phone is not a number\"}"), READER_FAILED);
    expect_words(d, E_VENDOR_REFUSED, "The vendor refused (422): phone is not a number");
    ask(d, "actions", "create", "{\"phone\":\"1\"}");
    assert_int_equal(answer(d, 200, "{\"errors\":[{\"text\":\"not so\"}]}"), READER_FAILED);
    expect_words(d, E_VENDOR_REFUSED, "not so");
    ask(d, "actions", "create", "{\"phone\":\"1\"}");
    assert_int_equal(answer(d, 401, "{}"), READER_FAILED);
    expect_words(d, E_INVALID_CREDENTIALS, "401");
    ask(d, "actions", "create", "{\"phone\":\"1\"}");
    assert_int_equal(answer(d, 302, ""), READER_FAILED);
    expect_words(d, E_VENDOR_REFUSED, "302");
}

static void
test_a_call_with_an_effect_is_not_sent_again(void **state)
{
    struct drive *d = *state;
    ask(d, "actions", "create", "{\"phone\":\"1\"}");
    assert_int_equal(lose(d, E_TIMEOUT, false), READER_FAILED);
    expect_words(d, E_VENDOR_UNCERTAIN, "not known whether");
    assert_int_equal(next(d), READER_FAILED);
    ask(d, "actions", "create", "{\"phone\":\"1\"}");
    assert_int_equal(answer(d, 503, "{\"message\":\"later\"}"), READER_FAILED);
    expect_words(d, E_VENDOR_UNCERTAIN, "not known whether");
    ask(d, "actions", "create", "{\"phone\":\"1\"}");
    assert_int_equal(answer(d, 200, "<html>"), READER_FAILED);
    expect_words(d, E_VENDOR_UNCERTAIN, "not known whether");
    ask(d, "actions", "create", "{\"phone\":\"1\"}");
    assert_int_equal(lose(d, E_NETWORK, true), READER_FAILED);
    expect_words(d, E_VENDOR_UNAVAILABLE, "nothing was done");
}

static void
test_a_call_that_was_not_done_waits_and_one_without_effect_is_repeated(void **state)
{
    struct drive *d = *state;
    ask(d, "actions", "create", "{\"phone\":\"1\"}");
    assert_int_equal(answer(d, 429, "{}"), READER_WAIT);
    assert_true(d->event.rate_limited);
    assert_int_equal(next(d), READER_REQUEST);
    ask(d, "actions", "find", "{\"id\":\"1\"}");
    assert_int_equal(lose(d, E_TIMEOUT, false), READER_WAIT);
    assert_int_equal(next(d), READER_REQUEST);
    assert_int_equal(answer(d, 503, "{}"), READER_WAIT);
    assert_int_equal(next(d), READER_REQUEST);
    assert_int_equal(answer(d, 200, "{\"person\":{\"name\":\"Ana\"}}"), READER_PAGE);
}

static void
test_what_is_gone_already_can_count_as_done(void **state)
{
    struct drive *d = *state;
    ask(d, "webhooks", "remove", "{\"id\":\"9\"}");
    assert_str(d->event.request.method, "DELETE");
    assert_int_equal(answer(d, 404, "{\"message\":\"unknown\"}"), READER_PAGE);
    expect_result(d, "null");
    ask(d, "webhooks", "remove", "{\"id\":\"9\"}");
    assert_int_equal(answer(d, 204, ""), READER_PAGE);
    expect_result(d, "null");
}

static void
test_only_members_with_an_address_are_operations(void **state)
{
    struct drive *d = *state;
    assert_true(template_has_operation(d->template, STR("writes.people"), STR("update")));
    assert_false(template_has_operation(d->template, STR("writes.people"), STR("match")));
    assert_false(template_has_operation(d->template, STR("webhooks"), STR("events")));
    assert_int_equal(template_operation_count(d->template), 5);
}

static void
test_a_broken_declaration_is_found_on_load(void **state)
{
    static const struct {
        const char *yaml, *pointer, *words;
    } rows[] = {
        {"    actions: {go: {path: x, stream: nobody}}\n", "/metadata/tidemark/actions/go", "no stream nobody"},
        {"    actions: {go: {path: x, input_schema: {type: 7}}}\n", "/metadata/tidemark/actions/go", "input_schema"},
        {"    writes: {people: {create: {path: x, authenticator: {type: CustomAuthenticator, class_name: a.B}}}}\n",
         "/metadata/tidemark/writes.people/create", "needs Python"},
        {"    webhooks: {register: {path: x, result: 5}}\n", "/metadata/tidemark/webhooks/register", "result"},
    };
    struct drive *d = *state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str text = str_join2(&d->keep, STR(HEAD), str_from_c(rows[i].yaml));
        d->err.item_count = 0;
        assert_null(template_load(text, STR("acme"), &d->err));
        expect_words(d, E_TEMPLATE_INVALID, rows[i].words);
        assert_string_equal(d->err.items[0].pointer, rows[i].pointer);
    }
}

static void
test_a_look_for_many_without_one_for_each_is_refused(void **state)
{
    struct drive *d = *state;
    struct str text = str_join2(&d->keep, STR(HEAD), STR("    writes: {people: {match_many: {path: x}}}\n"));
    d->err.item_count = 0;
    assert_null(template_load(text, STR("acme"), &d->err));
    expect_words(d, E_TEMPLATE_INVALID, "writes.people.match_many needs `match`");
}
