/*
 * Logging in: tokens, their rotation, what happens when the vendor refuses one.
 */
#include "base/test.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/limits.h"
#include "template/reader.h"

#define NOW_US INT64_C(1781526896000000) /* 2026-06-15T12:34:56Z */

static const char manifest[] =
    "version: '1'\ntype: DeclarativeSource\ncheck: {type: CheckStream, stream_names: [items]}\n"
    "streams:\n"
    "- type: DeclarativeStream\n  name: items\n"
    "  retriever:\n    type: SimpleRetriever\n"
    "    requester:\n      type: HttpRequester\n      url_base: https://api.example.com/v1\n      path: items\n"
    "      authenticator:\n        type: OAuthAuthenticator\n"
    "        token_refresh_endpoint: https://login.example.com/token\n"
    "        client_id: id\n        client_secret: secret\n"
    "        refresh_token: \"{{ config['credentials']['refresh_token'] }}\"\n"
    "        %s\n"
    "    record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: [items]}}\n";

struct login {
    struct template *template;
    struct arena keep, page;
    struct reader *reader;
    struct reader_event event;
    struct http_reply reply;
    struct err err;
    struct reader_options options;
};

static struct login *
begin(bool single_use, const char *config)
{
    struct login *l = calloc(1, sizeof(*l));
    arena_init(&l->keep, 1 << 24);
    arena_init(&l->page, 1 << 24);
    char yaml[4096];
    snprintf(yaml, sizeof(yaml), manifest, single_use ? "refresh_token_updater: {}" : "grant_type: refresh_token");
    l->template = template_load(str_from_c(yaml), STR("t"), &l->err);
    if (!l->template)
        fail_msg("%s", l->err.message);
    l->options = (struct reader_options){.template = l->template, .stream = STR("items"), .now_us = NOW_US};
    l->options.config = json_parse(&l->keep, str_from_c(config), JSON_PLAIN, 16, &l->err);
    l->reader = reader_new(&l->options, &l->err);
    assert_non_null(l->reader);
    return l;
}

static void
end(struct login *l)
{
    reader_free(l->reader);
    template_unref(l->template);
    arena_release(&l->page);
    arena_release(&l->keep);
    free(l);
}

static enum reader_step
next(struct login *l)
{
    return reader_next(l->reader, &l->page, &l->event, &l->err);
}

static void
answer(struct login *l, int status, const char *body)
{
    l->reply = (struct http_reply){.status = status, .body = str_from_c(body), .sent_wall_us = NOW_US,
                                   .code = status ? E_OK : E_TIMEOUT, .message = "no answer"};
    reader_reply(l->reader, &l->reply);
}

static void
expect(struct login *l, enum reader_purpose purpose, const char *body_part)
{
    assert_int_equal(next(l), READER_REQUEST);
    assert_int_equal(l->event.purpose, purpose);
    if (purpose == READER_FOR_TOKEN && !str_contains(l->event.request.body, str_from_c(body_part)))
        fail_msg("the login says %.*s", STR_ARG(l->event.request.body));
    if (purpose == READER_FOR_PAGE)
        assert_true(str_eq_c(http_header_get(&l->event.request.headers, "Authorization"), body_part));
}

static struct str
patched(struct login *l, const char *pointer)
{
    return json_str(json_pointer(l->event.config_patch, str_from_c(pointer)));
}

static void
test_a_rotated_refresh_token_is_handed_out_before_it_is_used_I23(void **state)
{
    (void)state;
    struct login *l = begin(true, "{\"credentials\":{\"refresh_token\":\"r1\"}}");
    expect(l, READER_FOR_TOKEN, "refresh_token=r1");
    answer(l, 200, "{\"access_token\":\"a1\",\"refresh_token\":\"r2\",\"expires_in\":3600}");
    assert_int_equal(next(l), READER_TOKEN);
    assert_true(str_eq_c(patched(l, "/credentials/access_token"), "a1"));
    assert_true(str_eq_c(patched(l, "/credentials/refresh_token"), "r2"));
    assert_true(str_eq_c(patched(l, "/credentials/token_expiry_date"), "2026-06-15T13:34:56.000Z"));
    assert_int_equal(l->event.token_expires_us, NOW_US + US_PER_HOUR);
    expect(l, READER_FOR_PAGE, "Bearer a1");
    end(l);
}

static void
test_a_401_midway_gets_one_new_token_with_the_new_refresh_token_F14(void **state)
{
    (void)state;
    struct login *l = begin(true, "{\"credentials\":{\"refresh_token\":\"r1\"}}");
    expect(l, READER_FOR_TOKEN, "refresh_token=r1");
    answer(l, 200, "{\"access_token\":\"a1\",\"refresh_token\":\"r2\"}");
    assert_int_equal(next(l), READER_TOKEN);
    expect(l, READER_FOR_PAGE, "Bearer a1");
    answer(l, 401, "{}");
    expect(l, READER_FOR_TOKEN, "refresh_token=r2");
    answer(l, 200, "{\"access_token\":\"a2\",\"refresh_token\":\"r3\"}");
    assert_int_equal(next(l), READER_TOKEN);
    expect(l, READER_FOR_PAGE, "Bearer a2");
    answer(l, 401, "{\"error\":\"revoked\"}");
    assert_int_equal(next(l), READER_FAILED);
    assert_int_equal(l->err.code, E_AUTH_EXPIRED);
    end(l);
}

static void
test_a_lost_answer_to_a_single_use_login_is_not_repeated(void **state)
{
    (void)state;
    struct login *l = begin(true, "{\"credentials\":{\"refresh_token\":\"r1\"}}");
    expect(l, READER_FOR_TOKEN, "refresh_token=r1");
    answer(l, 0, "");
    assert_int_equal(next(l), READER_FAILED);
    assert_int_equal(l->err.code, E_VENDOR_UNAVAILABLE);
    end(l);
}

static void
test_a_stored_token_is_used_until_it_expires(void **state)
{
    (void)state;
    struct login *l = begin(false, "{\"credentials\":{\"refresh_token\":\"r\"}}");
    expect(l, READER_FOR_TOKEN, "refresh_token=r");
    answer(l, 200, "{\"access_token\":\"a1\",\"expires_in\":3600}");
    assert_int_equal(next(l), READER_TOKEN);
    char config[1024];
    struct str tokens = json_to_text(&l->keep, json_get_c(l->event.config_patch, "x-tidemark-tokens"));
    snprintf(config, sizeof(config), "{\"credentials\":{\"refresh_token\":\"r\"},\"x-tidemark-tokens\":%.*s}", STR_ARG(tokens));
    struct login *later = begin(false, config);
    expect(later, READER_FOR_PAGE, "Bearer a1");
    end(later);
    later = begin(false, config);
    later->options.now_us = NOW_US + 2 * US_PER_HOUR;
    reader_free(later->reader);
    later->reader = reader_new(&later->options, &later->err);
    expect(later, READER_FOR_TOKEN, "refresh_token=r");
    end(later);
    end(l);
}

static void
test_a_refused_login_is_an_expired_credential(void **state)
{
    (void)state;
    struct login *l = begin(false, "{\"credentials\":{\"refresh_token\":\"r\"}}");
    expect(l, READER_FOR_TOKEN, "refresh_token=r");
    answer(l, 400, "{\"error\":\"invalid_grant\"}");
    assert_int_equal(next(l), READER_FAILED);
    assert_int_equal(l->err.code, E_AUTH_EXPIRED);
    end(l);
}

static void
test_somebody_elses_new_token_is_taken_over(void **state)
{
    (void)state;
    struct login *l = begin(true, "{\"credentials\":{\"refresh_token\":\"r1\"}}");
    expect(l, READER_FOR_TOKEN, "refresh_token=r1");
    reader_config_replace(l->reader, json_parse(&l->keep, STR("{\"credentials\":{\"refresh_token\":\"r2\",\"access_token\":\"theirs\","
                                                              "\"token_expiry_date\":\"2026-06-15T13:00:00Z\"}}"), JSON_PLAIN, 8, &l->err));
    expect(l, READER_FOR_PAGE, "Bearer theirs");
    end(l);
}

static void
test_an_http_date_in_retry_after_is_understood_F12(void **state)
{
    (void)state;
    struct login *l = begin(true, "{\"credentials\":{\"refresh_token\":\"r\",\"access_token\":\"a\",\"token_expiry_date\":\"2026-06-15T13:00:00Z\"}}");
    struct http_header date = {STR("Retry-After"), STR("Mon, 15 Jun 2026 12:35:26 GMT")};
    expect(l, READER_FOR_PAGE, "Bearer a");
    answer(l, 429, "slow down");
    l->reply.headers = (struct http_headers){&date, 1};
    assert_int_equal(next(l), READER_WAIT);
    assert_true(l->event.rate_limited);
    assert_int_equal(l->event.wait_ms, 31000);
    expect(l, READER_FOR_PAGE, "Bearer a");
    answer(l, 429, "slow down"); /* and none at all: backed off */
    assert_int_equal(next(l), READER_WAIT);
    assert_true(l->event.wait_ms >= LIMIT_BACKOFF_BASE_MS);
    end(l);
}
