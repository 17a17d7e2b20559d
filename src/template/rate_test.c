/*
 * A header that tells a rate instead of a time: how long is waited for one request's worth.
 */
#include "base/test.h"

#include "base/clock.h"
#include "base/limits.h"
#include "template/reader.h"

#define NOW_US INT64_C(1767441600000000) /* 2026-01-03T12:00:00Z */
#define MANIFEST                                                                                                       \
    "version: 6.0.0\ntype: DeclarativeSource\ncheck: {type: CheckStream, stream_names: [items]}\nstreams:\n"           \
    "- type: DeclarativeStream\n  name: items\n  primary_key: [id]\n  retriever:\n    type: SimpleRetriever\n"         \
    "    requester:\n      type: HttpRequester\n      url_base: https://api.example.com\n      path: items\n"          \
    "      error_handler:\n        type: DefaultErrorHandler\n        backoff_strategies:\n"                           \
    "        - {type: WaitTimeFromHeader, header: X-Rate, x-tidemark-unit: per_second}\n"                              \
    "        - {type: ConstantBackoffStrategy, backoff_time_in_seconds: 60}\n"                                         \
    "    record_selector:\n      type: RecordSelector\n      extractor: {type: DpathExtractor, field_path: [items]}\n" \
    "spec: {type: Spec, connection_specification: {type: object, properties: {}}}\n"

static int64_t
wait_after(const char *rate)
{
    struct err err = {0};
    struct arena keep, page;
    struct reader_event event = {0};
    struct http_header header = {STR("X-Rate"), str_from_c(rate)};
    struct http_reply reply = {.status = 429, .body = STR("{}"), .sent_wall_us = NOW_US, .headers = {&header, rate ? 1 : 0}};
    arena_init(&keep, 1 << 20);
    arena_init(&page, LIMIT_PAGE_ARENA_BYTES);
    struct template *t = template_load(STR(MANIFEST), STR("rate"), &err);
    if (!t)
        fail_msg("%s", err.message);
    struct reader_options options = {.template = t, .stream = STR("items"), .now_us = NOW_US,
                                     .config = json_parse(&keep, STR("{}"), JSON_PLAIN, 4, &err)};
    struct reader *reader = reader_new(&options, &err);
    assert_non_null(reader);
    assert_int_equal(reader_next(reader, &page, &event, &err), READER_REQUEST);
    reader_reply(reader, &reply);
    assert_int_equal(reader_next(reader, &page, &event, &err), READER_WAIT);
    assert_true(event.rate_limited);
    int64_t wait_ms = event.wait_ms;
    reader_free(reader);
    template_unref(t);
    arena_release(&page);
    arena_release(&keep);
    return wait_ms;
}

static void
test_a_rate_becomes_the_time_of_one_request(void **state)
{
    (void)state;
    assert_int_equal(wait_after("0.5"), 2000 + 1000);
    int64_t minute = wait_after("0.0167");
    assert_true(minute > 60000 && minute < 61000);
}

static void
test_without_the_header_or_with_nonsense_the_next_strategy_speaks(void **state)
{
    (void)state;
    assert_int_equal(wait_after(NULL), 61000);
    assert_int_equal(wait_after("0"), 61000);
    assert_int_equal(wait_after("fast"), 61000);
    assert_int_equal(wait_after("-1"), 61000);
}
