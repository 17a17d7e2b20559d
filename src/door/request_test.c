#include "base/test.h"

#include "door/request_priv.h"

static struct arena arena;
static struct err err;
static struct err_item items[ERR_ITEMS_MAX];
static struct request request;
static struct http_exchange exchange;

static int
setup(void **state)
{
    (void)state;
    arena_init(&arena, 4 << 20);
    err = (struct err){.items = items};
    exchange = (struct http_exchange){.arena = &arena};
    request = (struct request){.x = &exchange, .arena = &arena};
    buf_init(&request.reply.body, 1 << 16);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    buf_release(&request.reply.body);
    arena_release(&arena);
    return 0;
}

static bool
paging(const char *query, struct paging *paging_out)
{
    assert_true(http_query_parse(&arena, str_from_c(query), &request.query, &request.query_count));
    return request_paging(&request, 10, paging_out, &err);
}

static void
test_paging_has_its_defaults_and_its_offset(void **state)
{
    (void)state;
    struct paging p;
    assert_ok(paging("", &p), err);
    assert_int_equal(p.page, 1);
    assert_int_equal(p.limit, 10);
    assert_int_equal(p.offset, 0);
    assert_ok(paging("page=3&limit=500", &p), err);
    assert_int_equal(p.offset, 1000);
}

static void
test_a_bad_page_or_limit_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *query, *name;
    } bad[] = {{"page=0", "page"}, {"page=", "page"}, {"page=-1", "page"}, {"page=1.5", "page"}, {"page=1x", "page"},
               {"page=99999999999999999999", "page"}, {"limit=0", "limit"}, {"limit=501", "limit"}, {"limit=ten", "limit"},
               {"limit=+5", "limit"}, {"cursor=", "cursor"}, {"cursor=abc", "cursor"}, {"cursor=%00", "cursor"}};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct paging p;
        assert_fails_with(paging(bad[i].query, &p), err, E_VALIDATION_FAILED);
        if (!str_contains(str_from_c(err.message), str_from_c(bad[i].name)))
            fail_msg("%s: \"%s\" does not name %s", bad[i].query, err.message, bad[i].name);
    }
}

static void
test_a_cursor_comes_back_as_the_place_it_was_made_of(void **state)
{
    (void)state;
    static const int64_t places[] = {1, 42, INT64_MAX};
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        int64_t place;
        assert_true(list_cursor_parse(&arena, list_cursor_text(&arena, places[i]), &place));
        assert_int_equal(place, places[i]);
    }
}

static void
test_booleans_and_times_in_the_query_are_strict(void **state)
{
    (void)state;
    int value;
    int64_t us;
    assert_true(http_query_parse(&arena, STR("a=true&b=0&c=yes&t=2026-01-31T10:00:00Z&u=soon"), &request.query,
                                 &request.query_count));
    assert_ok(request_query_bool(&request, "a", &value, &err) && value == 1, err);
    assert_ok(request_query_bool(&request, "b", &value, &err) && value == 0, err);
    assert_ok(request_query_bool(&request, "missing", &value, &err) && value == -1, err);
    assert_fails_with(request_query_bool(&request, "c", &value, &err), err, E_VALIDATION_FAILED);
    assert_ok(request_query_time(&request, "t", &us, &err), err);
    assert_fails_with(request_query_time(&request, "u", &us, &err), err, E_VALIDATION_FAILED);
}

/* The route flags of a request that carries this body and content type. */
static bool
read_body(const char *type, const char *body, unsigned flags)
{
    static struct route route;
    static struct http_header header;
    route = (struct route){.method = "POST", .pattern = "/", .flags = flags};
    header = (struct http_header){STR("Content-Type"), str_from_c(type)};
    request.match.route = &route;
    request.body = NULL;
    exchange.headers = (struct http_headers){&header, type ? 1 : 0};
    exchange.body = str_from_c(body);
    return request_read_body(&request, &err);
}

static void
test_a_body_must_be_one_json_object(void **state)
{
    (void)state;
    assert_ok(read_body("application/json", "{\"a\":1}", ROUTE_BODY), err);
    assert_ok(read_body("Application/JSON; charset=utf-8", "{}", ROUTE_BODY), err);
    assert_non_null(request.body);
    assert_fails_with(read_body("application/json", "", ROUTE_BODY), err, E_VALIDATION_FAILED);
    assert_fails_with(read_body("application/json", "[1]", ROUTE_BODY), err, E_VALIDATION_FAILED);
    assert_fails_with(read_body("application/json", "{\"a\":1", ROUTE_BODY), err, E_VALIDATION_FAILED);
    assert_fails_with(read_body("application/json", "{\"a\":1,\"a\":2}", ROUTE_BODY), err, E_VALIDATION_FAILED);
    assert_fails_with(read_body("text/plain", "{}", ROUTE_BODY), err, E_UNSUPPORTED_MEDIA_TYPE);
    assert_fails_with(read_body(NULL, "{}", ROUTE_BODY), err, E_UNSUPPORTED_MEDIA_TYPE);
}

static void
test_a_packed_body_is_refused_with_words(void **state)
{
    struct http_header packed[] = {{STR("Content-Type"), STR("application/json")}, {STR("Content-Encoding"), STR("gzip")}};
    (void)state;
    assert_ok(read_body("application/json", "{}", ROUTE_BODY), err);
    exchange.headers = (struct http_headers){packed, 2};
    for (unsigned flags = 0; flags <= ROUTE_BODY; flags += ROUTE_BODY) { /* also where the handler reads the bytes itself */
        static struct route route;
        route = (struct route){.method = "POST", .pattern = "/", .flags = flags};
        request.match.route = &route;
        assert_fails_with(request_read_body(&request, &err), err, E_UNSUPPORTED_MEDIA_TYPE);
        assert_non_null(strstr(err.message, "Content-Encoding"));
    }
    packed[1].value = STR("identity");
    assert_ok(request_read_body(&request, &err), err);
}

static void
test_a_bodyless_request_with_a_json_type_stays_bodyless(void **state)
{
    (void)state;
    assert_ok(read_body("application/json", "", ROUTE_BODY_OPTIONAL), err);
    assert_null(request.body);
    assert_ok(read_body("application/json", "{}", ROUTE_BODY_OPTIONAL), err);
    assert_non_null(request.body);
}

static void
test_a_body_deeper_than_the_limit_is_refused(void **state)
{
    (void)state;
    char text[512] = "{\"a\":";
    size_t len = strlen(text);
    memset(text + len, '[', LIMIT_JSON_DEPTH_API);
    memset(text + len + LIMIT_JSON_DEPTH_API, ']', LIMIT_JSON_DEPTH_API);
    text[len + 2 * LIMIT_JSON_DEPTH_API] = '}';
    assert_fails_with(read_body("application/json", text, ROUTE_BODY), err, E_VALIDATION_FAILED);
}

static void
test_members_of_another_type_are_named_by_their_pointer(void **state)
{
    (void)state;
    struct str text;
    int flag;
    yyjson_val *object;
    assert_ok(read_body("application/json", "{\"zero\":\"a\\u0000b\",\"name\":5,\"enabled\":\"yes\",\"config\":[],\"nothing\":null}", ROUTE_BODY), err);
    assert_fails_with(request_body_str(&request, "name", 10, &text, &err), err, E_VALIDATION_FAILED);
    assert_string_equal(items[err.item_count - 1].pointer, "/name");
    assert_fails_with(request_body_str(&request, "zero", 10, &text, &err), err, E_VALIDATION_FAILED);
    assert_fails_with(request_body_bool(&request, "enabled", &flag, &err), err, E_VALIDATION_FAILED);
    assert_fails_with(request_body_object(&request, "config", &object, &err), err, E_VALIDATION_FAILED);
    assert_ok(request_body_str(&request, "nothing", 10, &text, &err), err);
    assert_true(str_is_none(text));
}

static void
test_a_sane_request_id_is_kept_and_another_replaced(void **state)
{
    (void)state;
    static const char *const insane[] = {"", "a b", "a\tb", "né", "a;b", "<script>"};
    assert_str(request_id_choose(&arena, STR("abc-1.2_X")), "abc-1.2_X");
    for (size_t i = 0; i < ARRAY_LEN(insane); i++)
        assert_int_equal(request_id_choose(&arena, str_from_c(insane[i])).len, 36);
    char longest[LIMIT_REQUEST_ID_BYTES + 1];
    memset(longest, 'a', sizeof(longest));
    assert_int_equal(request_id_choose(&arena, (struct str){longest, LIMIT_REQUEST_ID_BYTES}).len, LIMIT_REQUEST_ID_BYTES);
    assert_int_equal(request_id_choose(&arena, (struct str){longest, sizeof(longest)}).len, 36);
}

static void
test_prefer_says_how_long_to_wait(void **state)
{
    (void)state;
    assert_int_equal(prefer_wait_ms(STR("wait=5"), 30000), 5000);
    assert_int_equal(prefer_wait_ms(STR("handling=lenient, wait = 7"), 30000), 7000);
    assert_int_equal(prefer_wait_ms(STR("wait=600"), 30000), 30000);
    assert_int_equal(prefer_wait_ms(STR("respond-async, wait=5"), 30000), 0);
    assert_int_equal(prefer_wait_ms(STR("wait=soon"), 30000), -1);
    assert_int_equal(prefer_wait_ms(STR_NONE, 30000), -1);
}

static void
test_problems_are_given_to_whoever_asks_for_them(void **state)
{
    (void)state;
    assert_true(request_wants_problem(STR("application/problem+json")));
    assert_true(request_wants_problem(STR("text/html, application/problem+json;q=0.9")));
    assert_false(request_wants_problem(STR("application/json")));
    assert_false(request_wants_problem(STR("*/*")));
}

static void
test_a_list_ends_with_its_meta(void **state)
{
    (void)state;
    struct paging p;
    assert_ok(paging("page=2&limit=10", &p), err);
    struct json_writer *w = reply_begin(&request, 200);
    json_begin_array(w, NULL);
    json_end_array(w);
    assert_ok(reply_end_list(&request, &p, 21, STR_NONE, &err), err);
    assert_str(buf_str(&request.reply.body),
               "{\"success\":true,\"data\":[],\"meta\":{\"total\":21,\"page\":2,\"limit\":10,\"totalPages\":3}}");
}

static void
test_a_list_of_more_than_is_counted_says_so_and_goes_on(void **state)
{
    (void)state;
    struct paging p;
    assert_ok(paging("page=20&limit=500", &p), err);
    struct json_writer *w = reply_begin(&request, 200);
    json_begin_array(w, NULL);
    json_end_array(w);
    assert_ok(reply_end_counted_list(&request, &p, LIMIT_COUNT_EXACT + 1, STR("next"), &err), err);
    assert_str(buf_str(&request.reply.body), "{\"success\":true,\"data\":[],\"meta\":{\"total\":10000,\"totalAtLeast\":true,\"page\":20,"
               "\"limit\":500,\"totalPages\":20,\"nextCursor\":\"next\"}}");
}
