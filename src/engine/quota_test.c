/*
 * Budgets: what answers teach, and who may still go.
 */
#include "base/test.h"

#include "engine/quota.h"

#define NOW (INT64_C(1795320000) * US_PER_S)

static struct arena arena;
static struct quota q;

static yyjson_val *
rules(const char *windows)
{
    struct err err = {0};
    arena_init(&arena, 64 * 1024);
    q = (struct quota){0};
    return json_parse(&arena, str_format(&arena, "{\"windows\":[%s]}", windows), JSON_PLAIN, 16, &err);
}

/* "Name: value" pairs; ends with NULL. */
static struct http_reply
answer(int status, const char *const *pairs)
{
    static struct http_header headers[8];
    struct http_reply reply = {.status = status, .headers = {.items = headers}};
    for (; pairs[0] != NULL; pairs += 2)
        headers[reply.headers.count++] = (struct http_header){str_from_c(pairs[0]), str_from_c(pairs[1])};
    return reply;
}

#define ANSWER(status, ...) answer((status), (const char *const[]){__VA_ARGS__, NULL})

static void
learn(yyjson_val *limits, struct http_reply reply, int64_t now_us)
{
    assert_true(quota_learn(&q, limits, STR("orders"), &reply, 0, now_us));
}

static int64_t
wait_s(enum quota_class class, int64_t now_us)
{
    return quota_wait_us(&q, class, STR("orders"), now_us, NULL) / US_PER_S;
}

static void
test_lower_classes_leave_a_part_of_the_window(void **state)
{
    yyjson_val *limits = rules("{\"name\":\"w\",\"limit\":\"X-Max\",\"remaining\":\"X-Left\",\"reset\":\"X-Reset\"}");
    (void)state;
    learn(limits, ANSWER(200, "x-max", "100", "x-left", "21", "x-reset", "30"), NOW);
    assert_int_equal(wait_s(QUOTA_BACKFILL, NOW), 0);
    quota_spend(&q, STR("orders"), NOW);
    assert_int_equal(wait_s(QUOTA_BACKFILL, NOW), 30);
    assert_int_equal(wait_s(QUOTA_INCREMENTAL, NOW), 0);
    learn(limits, ANSWER(200, "X-Max", "100", "X-Left", "10", "X-Reset", "20"), NOW);
    assert_int_equal(wait_s(QUOTA_INCREMENTAL, NOW), 20);
    assert_int_equal(wait_s(QUOTA_MANUAL, NOW), 0);
    learn(limits, ANSWER(200, "X-Max", "100", "X-Left", "5", "X-Reset", "20"), NOW);
    assert_int_equal(wait_s(QUOTA_MANUAL, NOW), 20);
    assert_int_equal(wait_s(QUOTA_WEBHOOK, NOW), 0);
    learn(limits, ANSWER(200, "X-Max", "100", "X-Left", "0", "X-Reset", "20"), NOW);
    assert_int_equal(wait_s(QUOTA_WEBHOOK, NOW), 20);
    assert_int_equal(wait_s(QUOTA_BACKFILL, NOW + 20 * US_PER_S), 0); /* the window is over */
    arena_release(&arena);
}

static void
test_a_window_without_an_end_lasts_from_its_first_answer(void **state)
{
    yyjson_val *limits = rules("{\"name\":\"w\",\"limit\":\"X-Max\",\"remaining\":\"X-Left\",\"milliseconds\":\"X-Ms\"}");
    (void)state;
    learn(limits, ANSWER(200, "X-Max", "100", "X-Left", "99", "X-Ms", "10000"), NOW);
    learn(limits, ANSWER(200, "X-Max", "100", "X-Left", "20", "X-Ms", "10000"), NOW + 4 * US_PER_S);
    assert_int_equal(wait_s(QUOTA_BACKFILL, NOW + 4 * US_PER_S), 6);
    learn(limits, ANSWER(200, "X-Max", "100", "X-Left", "99", "X-Ms", "10000"), NOW + 11 * US_PER_S);
    learn(limits, ANSWER(200, "X-Max", "100", "X-Left", "20", "X-Ms", "10000"), NOW + 12 * US_PER_S);
    assert_int_equal(wait_s(QUOTA_BACKFILL, NOW + 12 * US_PER_S), 9);
    arena_release(&arena);
}

static void
test_a_rate_holds_after_a_refusal_and_keeps_one_for_webhooks(void **state)
{
    yyjson_val *limits = rules("{\"name\":\"rate\",\"rate\":\"x-rate\",\"burst\":3,\"per_stream\":true}");
    (void)state;
    learn(limits, ANSWER(200, "x-rate", "0.1"), NOW);
    assert_int_equal(wait_s(QUOTA_BACKFILL, NOW), 0); /* what is saved up is not known until it is used up */
    learn(limits, ANSWER(429, "x-rate", "0.1"), NOW);
    assert_int_equal(wait_s(QUOTA_WEBHOOK, NOW), 10);
    assert_int_equal(wait_s(QUOTA_BACKFILL, NOW), 20);
    assert_int_equal(quota_wait_us(&q, QUOTA_BACKFILL, STR("inventory"), NOW, NULL), 0);
    assert_int_equal(wait_s(QUOTA_BACKFILL, NOW + 20 * US_PER_S), 0);
    quota_spend(&q, STR("orders"), NOW + 20 * US_PER_S);
    assert_int_equal(wait_s(QUOTA_WEBHOOK, NOW + 20 * US_PER_S), 0);
    assert_int_equal(wait_s(QUOTA_BACKFILL, NOW + 20 * US_PER_S), 10);
    assert_int_equal(wait_s(QUOTA_BACKFILL, NOW + 60 * US_PER_S), 0);
    arena_release(&arena);
}

static void
test_requests_on_their_way_count(void **state)
{
    yyjson_val *limits = rules("{\"name\":\"w\",\"limit\":\"X-Max\",\"remaining\":\"X-Left\",\"reset\":\"X-Reset\"}");
    struct http_reply reply = ANSWER(200, "X-Max", "10", "X-Left", "6", "X-Reset", "9");
    (void)state;
    assert_true(quota_learn(&q, limits, STR("orders"), &reply, 4, NOW));
    assert_int_equal(q.windows[0].remaining, 2);
    assert_int_equal(wait_s(QUOTA_BACKFILL, NOW), 9);
    arena_release(&arena);
}

static void
test_usual_names_are_found_without_a_rule(void **state)
{
    (void)state;
    rules("");
    struct http_reply reply = ANSWER(200, "X-RateLimit-Limit", "60, 60;w=1", "X-RateLimit-Remaining", "7", "X-RateLimit-Reset", "1795320044");
    assert_true(quota_learn(&q, NULL, STR("orders"), &reply, 0, NOW));
    assert_int_equal(q.windows[0].limit, 60);
    assert_int_equal(q.windows[0].remaining, 7);
    assert_int_equal(q.windows[0].reset_us, NOW + 44 * US_PER_S);
    struct http_reply silent = ANSWER(200, "Content-Type", "application/json");
    assert_false(quota_learn(&q, NULL, STR("orders"), &silent, 0, NOW));
    arena_release(&arena);
}

static void
test_a_refusal_with_a_time_holds_everybody(void **state)
{
    (void)state;
    rules("");
    struct http_reply reply = ANSWER(429, "Retry-After", "7");
    assert_true(quota_learn(&q, NULL, STR("orders"), &reply, 0, NOW));
    assert_int_equal(quota_wait_us(&q, QUOTA_WEBHOOK, STR("other"), NOW, NULL), 7 * US_PER_S);
    struct http_reply absurd = ANSWER(429, "Retry-After", "99999999");
    assert_true(quota_learn(&q, NULL, STR("orders"), &absurd, 0, NOW));
    assert_true(quota_wait_us(&q, QUOTA_WEBHOOK, STR("other"), NOW, NULL) <= US_PER_HOUR);
    arena_release(&arena);
}

static void
test_json_and_back_with_another_clock(void **state)
{
    yyjson_val *limits = rules("{\"name\":\"w\",\"limit\":\"X-Max\",\"remaining\":\"X-Left\",\"reset\":\"X-Reset\"}");
    struct quota back;
    struct buf b;
    (void)state;
    learn(limits, ANSWER(200, "X-Max", "100", "X-Left", "20", "X-Reset", "30"), NOW);
    buf_init(&b, 4096);
    assert_true(quota_write(&q, NULL, 5 * US_PER_S, &b));
    quota_read(buf_str(&b), 5 * US_PER_S, &back, NULL);
    assert_int_equal(back.count, 1);
    assert_int_equal(back.windows[0].reset_us, NOW + 30 * US_PER_S);
    assert_int_equal(back.windows[0].remaining, 20);
    assert_false(quota_merge(&q, &back));
    back.windows[0].remaining = 4;
    back.windows[0].seen_us++;
    assert_true(quota_merge(&q, &back));
    assert_int_equal(q.windows[0].remaining, 4);
    quota_read(STR("{\"no\":"), 0, &back, NULL);
    assert_int_equal(back.count, 0);
    buf_release(&b);
    arena_release(&arena);
}

static void
test_more_windows_than_there_is_room_for(void **state)
{
    (void)state;
    yyjson_val *limits = rules("{\"name\":\"w\",\"limit\":\"X-Max\",\"remaining\":\"X-Left\",\"per_stream\":true}");
    struct http_reply reply = ANSWER(200, "X-Max", "100", "X-Left", "20");
    for (int i = 0; i < 3 * QUOTA_WINDOWS_MAX; i++)
        assert_true(quota_learn(&q, limits, str_format(&arena, "stream%d", i), &reply, 0, NOW + i));
    assert_int_equal(q.count, QUOTA_WINDOWS_MAX);
    arena_release(&arena);
}

static void
test_percentages_in_a_header_are_a_window_of_a_hundred(void **state)
{
    yyjson_val *limits = rules("{\"name\":\"account\",\"usage\":\"X-Usage\",\"seconds\":300}");
    (void)state;
    learn(limits, ANSWER(200, "x-usage", "{\"1\":[{\"type\":\"a\",\"call_count\":28,\"total_time\":85,\"total_cputime\":25,"
                                         "\"estimated_time_to_regain_access\":0}]}"), NOW);
    assert_int_equal(q.windows[0].remaining, 15);
    assert_int_equal(wait_s(QUOTA_MANUAL, NOW), 0);
    assert_int_equal(wait_s(QUOTA_BACKFILL, NOW), 300);
    struct http_reply nonsense = ANSWER(200, "x-usage", "{\"1\":[{\"call_count\":\"much\"}]}");
    assert_false(quota_learn(&q, limits, STR("orders"), &nonsense, 0, NOW));
    learn(limits, ANSWER(400, "X-Usage", "{\"1\":[{\"call_count\":131,\"estimated_time_to_regain_access\":19}]}"), NOW);
    assert_int_equal(wait_s(QUOTA_WEBHOOK, NOW), 19 * 60);
    arena_release(&arena);
}

static void
test_what_is_left_may_stand_in_the_answer_itself(void **state)
{
    yyjson_val *limits = rules("{\"name\":\"tokens\",\"body\":\"quota.hour\",\"most\":40000,\"seconds\":1800}");
    struct http_reply reply = ANSWER(200, "x", "y"), silent = ANSWER(200, "x", "y");
    (void)state;
    reply.body = STR("{\"rows\":[],\"quota\":{\"hour\":{\"consumed\":10,\"remaining\":6000}}}");
    silent.body = STR("{\"rows\":[],\"quota\":{\"hour\":[6000]}}");
    assert_true(quota_learn(&q, limits, STR("orders"), &reply, 0, NOW));
    assert_int_equal(q.windows[0].limit, 40000);
    assert_int_equal(wait_s(QUOTA_INCREMENTAL, NOW), 0);
    assert_int_equal(wait_s(QUOTA_BACKFILL, NOW), 1800);
    assert_false(quota_learn(&q, limits, STR("orders"), &silent, 0, NOW));
    silent.body = STR("quota of broken JSON {");
    assert_false(quota_learn(&q, limits, STR("orders"), &silent, 0, NOW));
    arena_release(&arena);
}
