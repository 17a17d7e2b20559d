#include "sandbox/test_client.h"

#define API "/chatwoot/api/v1/accounts/1"

static int
setup(void **state)
{
    (void)state;
    start_sandbox(NULL);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    stop_sandbox();
    return 0;
}

static void
test_a_token_is_asked_for_and_the_word_invalid_is_refused(void **state)
{
    (void)state;
    assert_int_equal(ask_as("your-api-key", "GET", "/api/v1/profile", NULL).status, 200);
    assert_int_equal(ask_as("anything-else", "GET", API "/contacts", NULL).status, 200);
    struct answer refused = ask_as("invalid", "GET", API "/contacts", NULL);
    assert_int_equal(refused.status, 401);
    assert_str(refused.body, "{\"error\":\"Invalid Access Token\"}");
    assert_int_equal(ask_as(NULL, "GET", API "/contacts", NULL).status, 401);
}

static void
test_the_word_expired_works_for_a_while_then_never(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++)
        assert_int_equal(ask_as("expired", "GET", API "/contacts", NULL).status, 200);
    for (int i = 0; i < 3; i++)
        assert_int_equal(ask_as("expired", "GET", API "/contacts", NULL).status, 401);
    assert_int_equal(get(API "/contacts").status, 200);
}

static void
test_contacts_come_fifteen_a_page_newest_activity_first_each_once(void **state)
{
    (void)state;
    bool seen[1000] = {false};
    int64_t total = 0, count = 0, before = INT64_MAX;
    for (int page = 1; page <= 8; page++) {
        struct str target = str_format(&arena, API "/contacts?page=%d&sort=-last_activity_at", page);
        struct answer answer = get(str_cstr(&arena, target));
        size_t items = count_at(&answer, "/payload");
        count = number_at(&answer, "/meta/count");
        assert_true(items == 15 || total + (int64_t)items == count);
        for (size_t i = 0; i < items; i++) {
            struct str pointer = str_format(&arena, "/payload/%zu/", i);
            int64_t id = number_at(&answer, str_cstr(&arena, str_join2(&arena, pointer, STR("id"))));
            int64_t at = number_at(&answer, str_cstr(&arena, str_join2(&arena, pointer, STR("last_activity_at"))));
            assert_true(at <= before);
            assert_false(seen[id]);
            seen[id] = true;
            before = at;
        }
        total += (int64_t)items;
    }
    assert_int_equal(total, count);
    assert_in_range(count, 90, 99); /* those that nothing is known of are left out */
}

static void
test_the_page_number_comes_back_as_it_was_sent(void **state)
{
    (void)state;
    struct answer first = get(API "/contacts"), second = get(API "/contacts?page=2");
    assert_int_equal(number_at(&first, "/meta/current_page"), 1);
    assert_str(text_at(&second, "/meta/current_page"), "2");
}

static void
test_sorting_by_text_puts_missing_values_last_in_both_directions(void **state)
{
    (void)state;
    const char *const targets[] = {API "/contacts?sort=email&page=7", API "/contacts?sort=-email&page=7"};
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        struct answer answer = get(targets[i]);
        size_t items = count_at(&answer, "/payload");
        struct str pointer = str_format(&arena, "/payload/%zu/email", items - 1);
        assert_true(yyjson_is_null(json_pointer(answer.json, pointer)));
    }
}

static void
test_search_finds_by_email_without_regard_to_case(void **state)
{
    (void)state;
    struct answer all = get(API "/contacts?sort=email");
    struct str email = text_at(&all, "/payload/0/email");
    char upper[128];
    assert_true(email.len < sizeof(upper));
    for (size_t i = 0; i < email.len; i++)
        upper[i] = (char)(email.ptr[i] >= 'a' && email.ptr[i] <= 'z' ? email.ptr[i] - 32 : email.ptr[i]);
    struct str target = str_format(&arena, API "/contacts/search?q=%.*s", (int)email.len, upper);
    struct answer found = get(str_cstr(&arena, target));
    assert_int_equal(count_at(&found, "/payload"), 1);
    assert_true(str_eq(text_at(&found, "/payload/0/email"), email));
    assert_int_equal(get(API "/contacts/search?q=").status, 422);
}

static void
test_filter_joins_conditions_and_refuses_unknown_attributes(void **state)
{
    (void)state;
    struct answer found = send_json("POST", API "/contacts/filter",
        "{\"payload\":[{\"attribute_key\":\"city\",\"filter_operator\":\"equal_to\",\"values\":[\"recife\"],"
        "\"query_operator\":\"AND\"},{\"attribute_key\":\"created_at\",\"filter_operator\":\"is_greater_than\","
        "\"values\":[\"2026-01-01\"],\"query_operator\":null}]}");
    assert_int_equal(found.status, 200);
    assert_true(count_at(&found, "/payload") > 0);
    assert_str(text_at(&found, "/payload/0/additional_attributes/city"), "Recife");
    assert_true(number_at(&found, "/payload/0/created_at") > 1767225600);
    struct answer refused = send_json("POST", API "/contacts/filter",
        "{\"payload\":[{\"attribute_key\":\"shoe_size\",\"filter_operator\":\"equal_to\",\"values\":[\"41\"]}]}");
    assert_int_equal(refused.status, 422);
}

static void
test_a_contact_is_created_shown_changed_and_deleted(void **state)
{
    (void)state;
    struct answer created = send_json("POST", API "/contacts",
        "{\"inbox_id\":4,\"name\":\"Ana\",\"email\":\"ANA@Example.com\",\"phone_number\":\"+5581999990000\","
        "\"custom_attributes\":{\"plan\":\"pro\",\"big\":12345678901234567890}}");
    assert_int_equal(created.status, 200);
    int64_t id = number_at(&created, "/payload/contact/id");
    assert_str(text_at(&created, "/payload/contact/email"), "ana@example.com");
    assert_false(str_is_none(text_at(&created, "/payload/contact_inbox/source_id")));

    const char *path = str_cstr(&arena, str_format(&arena, API "/contacts/%lld", (long long)id));
    struct answer changed = send_json("PUT", path, "{\"name\":\"Ana S.\",\"custom_attributes\":{\"age\":30}}");
    assert_int_equal(changed.status, 200);
    struct answer shown = get(path);
    assert_str(text_at(&shown, "/payload/name"), "Ana S.");
    assert_str(text_at(&shown, "/payload/custom_attributes/plan"), "pro");
    assert_true(str_contains(shown.body, STR("\"big\":12345678901234567890"))); /* I-10 */
    assert_int_equal(number_at(&shown, "/payload/custom_attributes/age"), 30);

    assert_int_equal(send_json("DELETE", path, NULL).status, 200);
    assert_int_equal(get(path).status, 404);
    assert_str(get(path).body, "{\"error\":\"Resource could not be found\"}");
}

static void
test_invalid_contacts_are_refused_with_their_attributes(void **state)
{
    (void)state;
    struct answer all = get(API "/contacts?sort=email");
    struct str email = text_at(&all, "/payload/0/email");
    struct str body = str_format(&arena, "{\"email\":\"%.*s\"}", STR_ARG(email));
    struct answer taken = send_json("POST", API "/contacts", str_cstr(&arena, body));
    assert_int_equal(taken.status, 422);
    assert_str(taken.body, "{\"message\":\"Email has already been taken\",\"attributes\":[\"email\"]}");
    struct answer both = send_json("POST", API "/contacts", "{\"email\":\"no at\",\"phone_number\":\"0815\"}");
    assert_int_equal(count_at(&both, "/attributes"), 2);
    assert_int_equal(send_json("POST", API "/contacts", "{\"phone_number\":\"\",\"identifier\":\"x\"}").status, 200);
    assert_int_equal(send_json("POST", API "/contacts", "{\"identifier\":\"x\"}").status, 422);
    assert_int_equal(send_json("POST", API "/contacts", "{broken").status, 400);
}

static void
test_merging_moves_conversations_and_deletes_the_other(void **state)
{
    (void)state;
    struct answer list = get(API "/conversations?status=all&sort_by=created_at_asc");
    int64_t mergee = number_at(&list, "/data/payload/0/meta/sender/id");
    struct answer contacts = get(API "/contacts?sort=-created_at");
    int64_t base = number_at(&contacts, "/payload/0/id");
    struct str body = str_format(&arena, "{\"base_contact_id\":%lld,\"mergee_contact_id\":%lld}", (long long)base,
                                 (long long)mergee);
    struct answer merged = send_json("POST", API "/actions/contact_merge", str_cstr(&arena, body));
    assert_int_equal(merged.status, 200);
    assert_int_equal(number_at(&merged, "/id"), base);
    struct answer after = get(API "/conversations?status=all&sort_by=created_at_asc");
    assert_int_equal(number_at(&after, "/data/payload/0/meta/sender/id"), base);
    struct str gone = str_format(&arena, API "/contacts/%lld", (long long)mergee);
    assert_int_equal(get(str_cstr(&arena, gone)).status, 404);
}

static void
test_conversations_are_open_ones_unless_all_are_asked_for(void **state)
{
    (void)state;
    struct answer open = get(API "/conversations"), all = get(API "/conversations?status=all");
    assert_int_equal(number_at(&all, "/data/meta/all_count"), 60);
    assert_true(number_at(&open, "/data/meta/all_count") < 60);
    assert_str(text_at(&open, "/data/payload/0/status"), "open");
    assert_int_equal(count_at(&all, "/data/payload"), 25);
    assert_int_equal(number_at(&all, "/data/meta/all_count"),
                     number_at(&all, "/data/meta/assigned_count") + number_at(&all, "/data/meta/unassigned_count"));
    struct answer last = get(API "/conversations?status=all&page=3");
    assert_int_equal(count_at(&last, "/data/payload"), 10);
    struct answer beyond = get(API "/conversations?status=all&page=4");
    assert_int_equal(count_at(&beyond, "/data/payload"), 0);
}

static void
test_updated_within_gives_all_of_them_without_pages(void **state)
{
    (void)state;
    struct answer none = get(API "/conversations?status=all&updated_within=60");
    assert_int_equal(count_at(&none, "/data/payload"), 0);
    send_json("POST", "/_sandbox/mutate",
              "{\"vendor\":\"chatwoot\",\"entity\":\"conversations\",\"touch\":40}");
    struct answer touched = get(API "/conversations?status=all&updated_within=60");
    assert_int_equal(count_at(&touched, "/data/payload"), 40);
}

/* Adds messages until there are `count`, all in conversation 1; gives its target. */
static const char *
fill_conversation(int64_t count)
{
    const char *target = API "/conversations/1/messages";
    for (int64_t i = 0; i < count; i++)
        assert_int_equal(send_json("POST", target, "{\"content\":\"more\",\"message_type\":\"incoming\"}").status, 200);
    return target;
}

static void
test_messages_are_paged_back_by_before_and_forth_by_after(void **state)
{
    (void)state;
    const char *target = fill_conversation(45);
    struct answer newest = get(target);
    assert_int_equal(count_at(&newest, "/payload"), 20);
    int64_t first = number_at(&newest, "/payload/0/id"), last = number_at(&newest, "/payload/19/id");
    assert_true(first < last);
    assert_int_equal(number_at(&newest, "/payload/0/message_type"), 0);

    struct str text = str_format(&arena, "%s?before=%lld", target, (long long)first);
    struct answer older = get(str_cstr(&arena, text));
    assert_int_equal(count_at(&older, "/payload"), 20);
    assert_true(number_at(&older, "/payload/19/id") < first);

    int64_t oldest = number_at(&older, "/payload/0/id");
    struct answer newer = get(str_cstr(&arena, str_format(&arena, "%s?after=%lld", target, (long long)oldest)));
    assert_int_equal(count_at(&newer, "/payload"), 39); /* without the one named */
    assert_true(number_at(&newer, "/payload/0/id") > oldest);

    text = str_format(&arena, "%s?after=%lld&before=%lld", target, (long long)oldest, (long long)last);
    struct answer between = get(str_cstr(&arena, text));
    assert_int_equal(count_at(&between, "/payload"), 39); /* from `after` on, up to `before` without it */
    assert_int_equal(number_at(&between, "/payload/0/id"), oldest);
}

static void
test_a_message_raises_the_activity_of_conversation_and_contact(void **state)
{
    (void)state;
    clock_manual_advance(&test_clock, US_PER_HOUR);
    send_json("POST", API "/conversations/1/messages", "{\"content\":\"oi\",\"message_type\":\"incoming\"}");
    struct answer list = get(API "/conversations?status=all");
    assert_int_equal(number_at(&list, "/data/payload/0/id"), 1);
    assert_int_equal(number_at(&list, "/data/payload/0/last_activity_at"), (TEST_NOW_US + US_PER_HOUR) / US_PER_S);
    assert_str(text_at(&list, "/data/payload/0/messages/0/content"), "oi");
    struct answer contacts = get(API "/contacts?sort=-last_activity_at");
    assert_int_equal(number_at(&contacts, "/payload/0/id"), number_at(&list, "/data/payload/0/meta/sender/id"));
}

static void
test_a_conversation_changes_its_status(void **state)
{
    (void)state;
    struct answer toggled = send_json("POST", API "/conversations/1/toggle_status", "{\"status\":\"snoozed\"}");
    assert_str(text_at(&toggled, "/payload/current_status"), "snoozed");
    struct answer shown = get(API "/conversations/1");
    assert_str(text_at(&shown, "/status"), "snoozed");
    assert_int_equal(get(API "/conversations/999").status, 404);
}

static void
test_webhooks_are_made_with_a_secret_changed_and_deleted(void **state)
{
    (void)state;
    const char *good = "{\"url\":\"https://example.com/hook\",\"subscriptions\":[\"contact_created\"]}";
    struct answer made = send_json("POST", API "/webhooks", good);
    assert_int_equal(made.status, 200);
    struct str secret = text_at(&made, "/payload/webhook/secret");
    assert_true(secret.len > 20);
    assert_int_equal(send_json("POST", API "/webhooks", good).status, 422);
    assert_int_equal(send_json("POST", API "/webhooks", "{\"url\":\"https://x.example\",\"subscriptions\":[\"no\"]}").status,
                     422);
    struct str path = str_format(&arena, API "/webhooks/%lld", (long long)number_at(&made, "/payload/webhook/id"));
    struct answer changed = send_json("PATCH", str_cstr(&arena, path), "{\"subscriptions\":[\"message_created\"]}");
    assert_true(str_eq(text_at(&changed, "/payload/webhook/secret"), secret));
    assert_int_equal(send_json("DELETE", str_cstr(&arena, path), NULL).status, 200);
    struct answer list = get(API "/webhooks");
    assert_int_equal(count_at(&list, "/payload/webhooks"), 0);
}

static void
test_accounts_are_worlds_of_their_own(void **state)
{
    (void)state;
    struct answer one = get(API "/contacts?sort=email");
    struct answer other = get("/chatwoot/api/v1/accounts/123/contacts?sort=email");
    assert_int_equal(other.status, 200);
    assert_false(str_eq(text_at(&one, "/payload/0/email"), text_at(&other, "/payload/0/email")));
    assert_int_equal(get("/chatwoot/api/v1/accounts/none/contacts").status, 404);
}

static void
test_an_unchanged_page_is_not_sent_again_to_who_has_it(void **state)
{
    (void)state;
    struct answer first = get(API "/inboxes");
    struct str etag = http_header_get(&first.headers, "ETag");
    assert_true(str_starts(etag, STR("W/\"")));
    assert_str(http_header_get(&first.headers, "Cache-Control"), "max-age=0, private, must-revalidate");
    assert_int_equal(count_at(&first, "/payload"), 4);
}
