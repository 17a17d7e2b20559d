#include "sandbox/test_client.h"

#define CONTACTS "/chatwoot/api/v1/accounts/1/contacts"
#define TRUTH "/_sandbox/truth/chatwoot/contacts"

static int
teardown(void **state)
{
    (void)state;
    stop_sandbox();
    return 0;
}

static void
expect_fault(const char *fault, enum err_code code, int status)
{
    start_sandbox(fault);
    struct answer answer = get(CONTACTS);
    if (answer.code != code || (code == E_OK && answer.status != status))
        fail_msg("%s: got %s, status %d", fault, err_name(answer.code), answer.status);
    struct answer next = get(CONTACTS);
    assert_int_equal(next.code, E_OK);
    assert_int_equal(next.status, 200);
}

static void
test_the_seed_makes_the_world(void **state)
{
    (void)state;
    start_sandbox(NULL);
    struct str first = get(TRUTH).body;
    struct answer messages = get("/_sandbox/truth/chatwoot/messages");
    assert_true(count_lines(first) > 90 && count_lines(messages.body) > 300);
    assert_int_equal(send_json("POST", "/_sandbox/reset", "{\"seed\":7}").status, 204);
    assert_false(str_eq(get(TRUTH).body, first));
    assert_int_equal(send_json("POST", "/_sandbox/reset", "{\"seed\":2026}").status, 204);
    assert_true(str_eq(get(TRUTH).body, first));
}

static void
test_the_truth_is_what_the_lists_show(void **state)
{
    (void)state;
    start_sandbox(NULL);
    struct answer list = get(CONTACTS);
    struct str truth = get(TRUTH).body, line;
    str_cut(truth, '\n', &line, &truth);
    assert_true(str_contains(list.body, line));
    assert_int_equal(count_lines(truth) + 1, (size_t)number_at(&list, "/meta/count"));
}

static void
test_mutations_are_different_objects_and_follow_the_seed(void **state)
{
    (void)state;
    const char *order = "{\"vendor\":\"chatwoot\",\"entity\":\"contacts\",\"create\":2,\"update\":\"10%\","
                        "\"touch\":3,\"delete\":5}";
    start_sandbox(NULL);
    struct answer first = send_json("POST", "/_sandbox/mutate", order);
    assert_int_equal(first.status, 200);
    assert_int_equal(count_at(&first, "/created"), 2);
    assert_int_equal(count_at(&first, "/updated"), 10);
    assert_int_equal(count_at(&first, "/touched"), 3);
    assert_int_equal(count_at(&first, "/deleted"), 5);
    struct str deleted = get(TRUTH "?deleted=true").body;
    assert_int_equal(count_lines(deleted), 5);
    assert_int_equal(count_lines(get("/_sandbox/journal/chatwoot").body), 2 + 10 + 3 + 5 +
                     (size_t)(count_lines(get("/_sandbox/truth/chatwoot/conversations?deleted=true").body) +
                              count_lines(get("/_sandbox/truth/chatwoot/messages?deleted=true").body)));
    struct str after = get(TRUTH).body;
    send_json("POST", "/_sandbox/reset", NULL);
    struct answer again = send_json("POST", "/_sandbox/mutate", order);
    assert_true(str_eq(first.body, again.body));
    assert_true(str_eq(get(TRUTH).body, after));
}

static void
test_a_plain_edit_leaves_the_activity_alone_and_a_touch_does_not(void **state)
{
    (void)state;
    start_sandbox(NULL);
    struct answer before = get(CONTACTS "?sort=created_at");
    int64_t id = number_at(&before, "/payload/0/id"), activity = number_at(&before, "/payload/0/last_activity_at");
    struct str order = str_format(&arena, "{\"vendor\":\"chatwoot\",\"entity\":\"contacts\",\"update\":[%lld]}",
                                  (long long)id);
    assert_int_equal(send_json("POST", "/_sandbox/mutate", str_cstr(&arena, order)).status, 200);
    struct answer edited = get(CONTACTS "?sort=created_at");
    assert_false(str_eq(text_at(&before, "/payload/0/name"), text_at(&edited, "/payload/0/name")));
    assert_int_equal(number_at(&edited, "/payload/0/last_activity_at"), activity);
    order = str_format(&arena, "{\"vendor\":\"chatwoot\",\"entity\":\"contacts\",\"touch\":[\"%lld\"]}", (long long)id);
    assert_int_equal(send_json("POST", "/_sandbox/mutate", str_cstr(&arena, order)).status, 200);
    struct answer touched = get(CONTACTS "?sort=-last_activity_at");
    assert_int_equal(number_at(&touched, "/payload/0/id"), id);
}

static void
test_a_reset_takes_sizes(void **state)
{
    (void)state;
    start_sandbox("429:count=forever");
    assert_int_equal(send_json("POST", "/_sandbox/reset", "{\"sizes\":{\"contacts\":20,\"plain\":3}}").status, 204);
    struct answer list = get(CONTACTS "?page=2"), plain = get("/_sandbox/plain/contacts");
    assert_in_range(number_at(&list, "/meta/count"), 15, 20);
    assert_int_equal(number_at(&plain, "/count"), 3);
    assert_int_equal(send_json("POST", "/_sandbox/reset", "{\"sizes\":{\"shoes\":20}}").status, 400);
    assert_int_equal(send_json("POST", "/_sandbox/reset", "{\"sizes\":[]}").status, 400);
    assert_int_equal(send_json("POST", "/_sandbox/reset", "{\"sizes\":{\"chatwoot.contacts\":1}}").status, 400);
    assert_int_equal(send_json("POST", "/_sandbox/reset", "{\"seed\":-1}").status, 400);
}

static void
test_bad_orders_are_refused_in_words(void **state)
{
    (void)state;
    start_sandbox(NULL);
    const char *const bad[] = {
        "{}", "{\"vendor\":\"nobody\"}", "{\"vendor\":\"chatwoot\",\"entity\":\"shoes\"}",
        "{\"vendor\":\"chatwoot\",\"entity\":\"contacts\",\"delete\":\"many\"}",
        "{\"vendor\":\"chatwoot\",\"entity\":\"contacts\",\"delete\":[999999]}",
        "{\"vendor\":\"chatwoot\",\"entity\":\"contacts\",\"create\":[1]}", "{", "[]",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct answer answer = send_json("POST", "/_sandbox/mutate", bad[i]);
        assert_int_equal(answer.status, 400);
        assert_true(text_at(&answer, "/error").len > 10);
    }
    assert_int_equal(get("/_sandbox/nothing").status, 404);
    assert_int_equal(get("/_sandbox/truth/chatwoot/shoes").status, 404);
    assert_int_equal(get("/nowhere").status, 404);
}

static void
test_the_ledger_has_every_request_with_what_it_served_and_no_token(void **state)
{
    (void)state;
    start_sandbox(NULL);
    get(CONTACTS "?page=2");
    send_json("POST", CONTACTS, "{\"name\":\"Zoe\"}");
    ask_as("canary-token-7431", "GET", CONTACTS "/999999", NULL);
    struct str ledger = get("/_sandbox/ledger").body;
    assert_int_equal(count_lines(ledger), 3);
    assert_true(str_contains(ledger, STR("\"target\":\"/api/v1/accounts/1/contacts?page=2\",\"status\":200")));
    assert_true(str_contains(ledger, STR("{\\\"name\\\":\\\"Zoe\\\"}")));
    assert_true(str_contains(ledger, STR("\"status\":404")));
    assert_false(str_contains(ledger, STR("canary")));
    assert_int_equal(count_lines(get("/_sandbox/ledger?since=2").body), 1);
    struct answer stats = get("/_sandbox/stats");
    assert_int_equal(number_at(&stats, "/requests/chatwoot"), 3);
}

static void
test_faults_come_and_go_by_the_control_route(void **state)
{
    (void)state;
    start_sandbox(NULL);
    struct answer added = send_json("POST", "/_sandbox/faults", "{\"faults\":[\"500:count=2\",\"html:after=2\"]}");
    assert_int_equal(count_at(&added, "/faults"), 2);
    assert_int_equal(get(CONTACTS).status, 500);
    struct answer list = get("/_sandbox/faults");
    assert_int_equal(number_at(&list, "/faults/0/fired"), 1);
    assert_int_equal(send_json("DELETE", "/_sandbox/faults", NULL).status, 204);
    assert_int_equal(get(CONTACTS).status, 200);
    struct answer refused = send_json("POST", "/_sandbox/faults", "{\"fault\":\"sometimes\"}");
    assert_int_equal(refused.status, 400);
    assert_true(str_contains(text_at(&refused, "/error"), STR("sometimes")));
}

static void
test_429_says_when_to_come_back_in_each_way(void **state)
{
    (void)state;
    start_sandbox("429:retry-after=7");
    send_json("POST", "/_sandbox/faults", "{\"faults\":[\"429:retry-after=date+60\",\"429\"]}");
    struct answer seconds = get(CONTACTS), date = get(CONTACTS), none = get(CONTACTS);
    assert_int_equal(seconds.status, 429);
    assert_str(seconds.body, "Retry later\n");
    assert_str(http_header_get(&seconds.headers, "Retry-After"), "7");
    assert_str(http_header_get(&date.headers, "Retry-After"), "Sun, 22 Nov 2026 00:01:00 GMT");
    assert_int_equal(none.status, 429);
    assert_true(str_is_none(http_header_get(&none.headers, "Retry-After")));
    assert_int_equal(get(CONTACTS).status, 200);
}

static void
test_a_whole_answer_can_be_the_wrong_one(void **state)
{
    (void)state;
    start_sandbox("html");
    send_json("POST", "/_sandbox/faults",
              "{\"faults\":[\"empty\",\"wrong-type\",\"truncated-json\",\"bad-utf8\",\"deep:depth=300\"]}");
    struct answer html = get(CONTACTS);
    assert_int_equal(html.status, 200);
    assert_true(str_starts(html.body, STR("<!DOCTYPE html>")));
    assert_int_equal(get(CONTACTS).body.len, 0);
    assert_str(get(CONTACTS).body, "\"ok\"");
    struct answer cut = get(CONTACTS);
    assert_int_equal(cut.code, E_OK);
    assert_true(cut.body.len > 100 && cut.json == NULL);
    struct answer spoilt = get(CONTACTS);
    assert_false(str_is_utf8(spoilt.body));
    assert_int_equal(get(CONTACTS).body.len, 600);
    assert_non_null(get(CONTACTS).json);
}

static void
test_a_connection_that_breaks_is_no_answer(void **state)
{
    (void)state;
    start_sandbox("reset");
    struct answer answer = get(CONTACTS);
    assert_int_equal(answer.code, E_NETWORK);
    assert_int_equal(get(CONTACTS).status, 200);
}

static void
test_a_body_shorter_than_announced_is_no_answer(void **state)
{
    (void)state;
    start_sandbox("short-length:at=30");
    struct answer answer = get(CONTACTS);
    assert_int_equal(answer.code, E_BAD_PAGE);
    assert_true(str_eq(http_header_get(&answer.headers, "Transfer-Encoding"), STR_NONE));
    int64_t announced;
    assert_true(str_to_i64(http_header_get(&answer.headers, "Content-Length"), 1, 1 << 20, &announced));
    assert_int_equal(get(CONTACTS).status, 200);
}

static void
test_a_cut_gzip_body_is_a_bad_page(void **state)
{
    (void)state;
    expect_fault("cut-gzip", E_BAD_PAGE, 0);
}

static void
test_a_gzip_bomb_is_too_large(void **state)
{
    (void)state;
    expect_fault("gzip-bomb:mib=80", E_PAGE_TOO_LARGE, 0);
}

static void
test_a_huge_page_is_too_large(void **state)
{
    (void)state;
    expect_fault("huge:mib=80", E_PAGE_TOO_LARGE, 0);
}

static void
test_a_dripping_answer_arrives_whole_in_the_end(void **state)
{
    (void)state;
    start_sandbox("drip:bytes-per-s=40000");
    struct answer slow = get(CONTACTS), quick = get(CONTACTS);
    assert_int_equal(slow.code, E_OK);
    assert_true(str_eq(slow.body, quick.body));
}

static void
test_a_handled_error_has_done_what_it_was_asked(void **state)
{
    (void)state;
    start_sandbox("503:handled=yes:method=POST");
    assert_int_equal(send_json("POST", CONTACTS, "{\"identifier\":\"once\"}").status, 503);
    assert_int_equal(send_json("POST", CONTACTS, "{\"identifier\":\"once\"}").status, 422);
    send_json("POST", "/_sandbox/faults", "{\"fault\":\"503:method=POST\"}");
    assert_int_equal(send_json("POST", CONTACTS, "{\"identifier\":\"twice\"}").status, 503);
    assert_int_equal(send_json("POST", CONTACTS, "{\"identifier\":\"twice\"}").status, 200);
}

static void
test_a_loop_gives_the_first_page_again(void **state)
{
    (void)state;
    start_sandbox("loop:after=1:count=forever");
    struct answer first = get(CONTACTS "?page=1"), second = get(CONTACTS "?page=2");
    assert_int_equal(number_at(&first, "/payload/0/id"), number_at(&second, "/payload/0/id"));
}

static void
test_a_shift_moves_the_items_of_the_next_page(void **state)
{
    (void)state;
    start_sandbox("shift:after=1:do=delete:which=served:objects=2:path=/contacts");
    struct answer first = get(CONTACTS "?page=1"), second = get(CONTACTS "?page=2");
    struct answer whole = get(CONTACTS "?page=1");
    assert_int_equal(number_at(&first, "/meta/count"), number_at(&second, "/meta/count") + 2);
    /* What stood first on page 2 has slipped to page 1 and was never seen (F24). */
    assert_int_equal(number_at(&whole, "/payload/12/id"), number_at(&first, "/payload/14/id"));
    assert_true(number_at(&whole, "/payload/14/id") < number_at(&second, "/payload/0/id"));
}

static void
test_a_throttle_answers_429_until_the_minute_is_over(void **state)
{
    (void)state;
    struct sandbox_options options;
    sandbox_options_init(&options);
    options.requests_per_minute = 2;
    start_with(&options);
    assert_int_equal(get(CONTACTS).status, 200);
    assert_int_equal(get(CONTACTS).status, 200);
    struct answer refused = get(CONTACTS);
    assert_int_equal(refused.status, 429);
    assert_str(http_header_get(&refused.headers, "Retry-After"), "60");
    clock_manual_advance(&test_clock, US_PER_MINUTE);
    assert_int_equal(get(CONTACTS).status, 200);
}

static void
test_the_plain_list_has_its_size_pages_and_versions(void **state)
{
    (void)state;
    start_sandbox(NULL);
    send_json("POST", "/_sandbox/plain", "{\"records\":250}");
    struct answer first = get("/_sandbox/plain/contacts?limit=100"), last = get("/_sandbox/plain/contacts?page=3");
    assert_int_equal(count_at(&first, "/data"), 100);
    assert_int_equal(count_at(&last, "/data"), 50);
    assert_int_equal(number_at(&first, "/count"), 250);
    assert_in_range(first.body.len, 92000, 96000); /* 940 bytes a record */
    assert_str(text_at(&first, "/data/1/id"), "00000000-0000-4000-8000-000000000002");
    struct answer uuid = get("/_sandbox/plain/contacts?ids=uuid");
    assert_int_equal(text_at(&uuid, "/data/1/id").len, 36);
    assert_false(str_starts(text_at(&uuid, "/data/1/id"), STR("00000000")));
    struct answer changed = get("/_sandbox/plain/contacts?version=1");
    assert_str(text_at(&changed, "/data/7/updated_at"), "2026-11-01T00:00:01.000Z");
    assert_int_equal(get("/_sandbox/plain/contacts?page=0").status, 400);
}

static void
test_a_vendor_says_how_to_connect_to_it(void **state)
{
    (void)state;
    struct err err = {0};
    start_sandbox(NULL);
    bool known = false;
    for (size_t i = 0; i < sandbox_vendor_count(sandbox); i++) {
        struct sandbox_vendor vendor = sandbox_vendor_at(sandbox, i);
        known = known || str_eq_c(vendor.name, "chatwoot");
        yyjson_val *config = json_parse(&arena, vendor.config, JSON_PLAIN, 8, &err);
        assert_true(str_eq(json_str(json_get_c(config, "baseUrl")), vendor.base_url));
        assert_true(str_starts(vendor.base_url, sandbox_url(sandbox)));
    }
    assert_true(known);
}

static void
test_options_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    struct err err = {0};
    struct sandbox_options options;
    start_sandbox(NULL);
    sandbox_options_init(&options);
    assert_fails_with(sandbox_option_size(&options, STR("contacts"), &err), err, E_USAGE);
    assert_fails_with(sandbox_option_size(&options, STR("contacts=many"), &err), err, E_USAGE);
    assert_fails_with(sandbox_option_size(&options, STR("shoes=1"), &err), err, E_USAGE);
    assert_fails_with(sandbox_option_fault(&options, STR("shoes"), &err), err, E_USAGE);
    options.listen = str_format(&arena, "127.0.0.1:%d", sandbox_port(sandbox));
    assert_null(sandbox_new(&options, &err));
    assert_int_equal(err.code, E_UNAVAILABLE);
}
