/*
 * For the tests of this room: a sandbox on a port, and a client that asks it. One sandbox at a time; the
 * answers live until the next call of stop_sandbox.
 */
#ifndef TIDEMARK_SANDBOX_TEST_CLIENT_H
#define TIDEMARK_SANDBOX_TEST_CLIENT_H

#include "base/test.h"

#include "json/json.h"
#include "net/http_client.h"
#include "sandbox/sandbox.h"

#define TEST_NOW_US INT64_C(1795305600000000) /* 2026-11-22T00:00:00Z */

#pragma GCC diagnostic ignored "-Wunused-function" /* not every test needs every word */

static struct sandbox *sandbox;
static struct http_client *client;
static struct clock_manual test_clock;
static struct address_policy policy;
static struct arena arena;

struct answer {
    int status;
    struct str body;
    yyjson_val *json;        /* NULL when the body is none */
    struct http_headers headers;
    enum err_code code;
};

static void
start_with(struct sandbox_options *options)
{
    struct err err = {0};
    clock_manual_init(&test_clock, TEST_NOW_US);
    options->clock = &test_clock.clock;
    arena_init(&arena, INT64_C(2) << 30);
    address_policy_init(&policy);
    client = http_client_new(&(struct http_client_options){.policy = &policy}, &err);
    assert_non_null(client);
    sandbox = sandbox_new(options, &err);
    if (sandbox == NULL)
        fail_msg("%s", err.message);
}

/* Small worlds, so that tests under sanitizers are quick. */
static void
start_sandbox(const char *fault)
{
    struct err err = {0};
    struct sandbox_options options;
    sandbox_options_init(&options);
    assert_ok(sandbox_option_size(&options, STR("contacts=100"), &err), err);
    assert_ok(sandbox_option_size(&options, STR("conversations=60"), &err), err);
    if (fault != NULL)
        assert_ok(sandbox_option_fault(&options, str_from_c(fault), &err), err);
    start_with(&options);
}

static void
stop_sandbox(void)
{
    http_client_free(client);
    sandbox_free(sandbox);
    arena_release(&arena);
    client = NULL;
    sandbox = NULL;
}

static struct str
keep(struct str text)
{
    return str_copy(&arena, text);
}

static struct http_headers
keep_headers(const struct http_headers *headers)
{
    struct http_headers kept = {ARENA_ARRAY(&arena, struct http_header, headers->count + 1), headers->count};
    for (size_t i = 0; i < headers->count; i++)
        kept.items[i] = (struct http_header){keep(headers->items[i].name), keep(headers->items[i].value)};
    return kept;
}

static struct answer
ask_as(const char *token, const char *method, const char *target, const char *body)
{
    struct err err = {0};
    struct http_header headers[] = {
        {STR("Content-Type"), STR("application/json")},
        {STR("api_access_token"), str_from_c(token)},
    };
    struct str base = sandbox_url(sandbox);
    struct http_request request = {
        .method = str_from_c(method),
        .url = str_format(&arena, "%.*s%s", STR_ARG(base), target),
        .headers = {headers, token ? 2 : 1},
        .body = str_from_c(body),
        .operator_address = true,
        .total_ms = 30000,
    };
    struct http_call *call = http_client_start(client, &request, &err);
    if (call == NULL)
        fail_msg("%s: %s", target, err.message);
    const struct http_reply *reply = http_call_wait(call);
    struct answer answer = {
        .status = reply->status,
        .body = keep(reply->body),
        .headers = keep_headers(&reply->headers),
        .code = reply->code,
    };
    if (answer.code == E_OK && answer.body.len > 0)
        answer.json = json_parse(&arena, answer.body, JSON_NUMBERS_RAW, 64, &err);
    http_call_free(call);
    return answer;
}

static struct answer
get(const char *target)
{
    return ask_as("test", "GET", target, NULL);
}

static struct answer
send_json(const char *method, const char *target, const char *body)
{
    return ask_as("test", method, target, body);
}

static int64_t
number_at(const struct answer *answer, const char *pointer)
{
    int64_t number;
    yyjson_val *value = json_pointer(answer->json, str_from_c(pointer));
    if (!json_to_i64(value, &number))
        fail_msg("no number at %s in %.*s", pointer, STR_ARG(answer->body));
    return number;
}

static struct str
text_at(const struct answer *answer, const char *pointer)
{
    return json_str(json_pointer(answer->json, str_from_c(pointer)));
}

static size_t
count_at(const struct answer *answer, const char *pointer)
{
    yyjson_val *value = json_pointer(answer->json, str_from_c(pointer));
    assert_true(yyjson_is_arr(value));
    return yyjson_arr_size(value);
}

static size_t
count_lines(struct str text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += text.ptr[i] == '\n';
    return count;
}

#endif
