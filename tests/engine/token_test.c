/*
 * Tokens that are refreshed: one refresh at a time, stored before use (I-23).
 */
#include "rig.h"

#define OAUTH_YAML                                                                                       \
    "version: 6.0.0\n"                                                                                   \
    "type: DeclarativeSource\n"                                                                          \
    "check: {type: CheckStream, stream_names: [contacts]}\n"                                             \
    "streams:\n"                                                                                         \
    "  - type: DeclarativeStream\n"                                                                      \
    "    name: contacts\n"                                                                               \
    "    primary_key: [id]\n"                                                                            \
    "    schema_loader: {type: InlineSchemaLoader, schema: {type: object, properties: {}}}\n"            \
    "    retriever:\n"                                                                                   \
    "      type: SimpleRetriever\n"                                                                      \
    "      requester:\n"                                                                                 \
    "        type: HttpRequester\n"                                                                      \
    "        url_base: https://desk.example.com\n"                                                       \
    "        path: contacts\n"                                                                           \
    "        http_method: GET\n"                                                                         \
    "        authenticator:\n"                                                                           \
    "          type: OAuthAuthenticator\n"                                                               \
    "          token_refresh_endpoint: https://desk.example.com/token\n"                                 \
    "          client_id: \"{{ config['client_id'] }}\"\n"                                               \
    "          client_secret: \"{{ config['client_secret'] }}\"\n"                                       \
    "          refresh_token: \"{{ config['refresh_token'] }}\"\n"                                       \
    "          refresh_token_updater:\n"                                                                 \
    "            refresh_token_config_path: [refresh_token]\n"                                           \
    "            access_token_config_path: [access_token]\n"                                             \
    "            token_expiry_date_config_path: [token_expiry_date]\n"                                   \
    "      record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: [data]}}\n" \
    "spec:\n"                                                                                            \
    "  type: Spec\n"                                                                                     \
    "  connection_specification:\n"                                                                      \
    "    type: object\n"                                                                                 \
    "    additionalProperties: true\n"                                                                   \
    "    properties:\n"                                                                                  \
    "      client_id: {type: string}\n"                                                                  \
    "      client_secret: {type: string, airbyte_secret: true}\n"                                        \
    "      refresh_token: {type: string, airbyte_secret: true}\n"                                        \
    "      access_token: {type: string, airbyte_secret: true}\n"                                         \
    "metadata:\n"                                                                                        \
    "  tidemark: {name: oauthdesk, display_name: OAuth desk, version: \"1\", primary_secret: refresh_token}\n"

struct authority {
    struct rig *rig;
    int64_t refreshes;
    char seen[8][64];   /* refresh tokens that were presented, in order */
    bool refuse;
};

static struct authority authority;

static struct sender inner;

struct token_call {
    struct http_reply reply;
    char body[256];
};

static bool
is_token_call(const void *call)
{
    return *(const uint64_t *)call == 0x746f6b656e;
}

struct tagged {
    uint64_t tag;
    struct token_call call;
    void *inner;
};

static void *
send_request(void *ctx, const struct http_request *request, struct err *err)
{
    struct tagged *t = calloc(1, sizeof(*t));
    (void)ctx;
    if (!str_ends(request->url, STR("/token"))) {
        t->inner = inner.start(inner.ctx, request, err);
        return t;
    }
    t->tag = 0x746f6b656e;
    struct str body = request->body;
    struct str rest = STR_NONE;
    ptrdiff_t at = str_find_str(body, STR("refresh_token="));
    if (at >= 0 && str_contains(body, STR("grant_type=refresh_token")))
        rest = str_skip(body, (size_t)at + 14);
    while (str_starts(rest, STR("refresh_token&")) || str_starts(rest, STR("&"))) {
        at = str_find_str(str_skip(rest, 1), STR("refresh_token="));
        if (at < 0)
            break;
        rest = str_skip(rest, (size_t)at + 15);
    }
    struct str token = STR_NONE, tail;
    str_cut(rest, '&', &token, &tail);
    int64_t n = authority.refreshes++;
    snprintf(authority.seen[n % 8], sizeof(authority.seen[0]), "%.*s", (int)(token.len < 60 ? token.len : 60), token.ptr ? token.ptr : "");
    t->call.reply.status = authority.refuse ? 400 : 200;
    t->call.reply.sent_wall_us = clock_wall_us(clock_system());
    if (authority.refuse)
        snprintf(t->call.body, sizeof(t->call.body), "{\"error\":\"invalid_grant\"}");
    else
        snprintf(t->call.body, sizeof(t->call.body),
                 "{\"access_token\":\"access-number-%d\",\"refresh_token\":\"refresh-number-%d\",\"expires_in\":3600}", (int)n + 1,
                 (int)n + 1);
    t->call.reply.body = str_from_c(t->call.body);
    return t;
}

static const struct http_reply *
wait_reply(void *call)
{
    struct tagged *t = call;
    return is_token_call(call) ? &t->call.reply : inner.wait(t->inner);
}

static void
cancel_call(void *call)
{
    (void)call;
}

static void
free_call(void *call)
{
    struct tagged *t = call;
    if (t != NULL && t->inner != NULL)
        inner.free(t->inner);
    free(t);
}

static int
setup(void **state)
{
    struct rig *rig = rig_new();
    struct err err = {0};
    authority = (struct authority){.rig = rig};
    inner = rig->sender;
    rig->engine->sender = (struct sender){send_request, wait_reply, cancel_call, free_call, NULL};
    if (!registry_put(rig->templates, STR("oauthdesk"), STR(OAUTH_YAML), &err))
        fail_msg("%s", err.message);
    *state = rig;
    return 0;
}

static struct connection
connect_oauth(struct rig *rig)
{
    struct err err = {0};
    struct connection c;
    struct connection_change change = {.enabled = -1, .provider = STR("oauthdesk")};
    change.config = json_parse(&rig->arena, STR("{\"client_id\":\"me\",\"client_secret\":\"my-client-secret\",\"refresh_token\":\"refresh-first\"}"),
                               JSON_PLAIN, 8, &err);
    if (!engine_connection_create(rig->engine, &rig->arena, rig->tenant, &change, false, &c, &err))
        fail_msg("%s %s", err_name(err.code), err.message);
    return c;
}

static void
test_a_rotated_token_is_stored_and_used_by_the_next_run(void **state)
{
    struct rig *rig = *state;
    rig_fill(rig, 3);
    struct connection c = connect_oauth(rig);
    assert_state(rig_run_of(rig, &c, true), RUN_SUCCEEDED);
    assert_int_equal(authority.refreshes, 1);
    assert_string_equal(authority.seen[0], "refresh-first");
    /* Still valid: nobody asks again. */
    assert_state(rig_run_of(rig, &c, true), RUN_SUCCEEDED);
    assert_int_equal(authority.refreshes, 1);
    rig_restart(rig);
    rig->engine->sender = (struct sender){send_request, wait_reply, cancel_call, free_call, NULL};
    inner = rig->sender;
    struct err err = {0};
    assert_ok(registry_put(rig->templates, STR("oauthdesk"), STR(OAUTH_YAML), &err), err);
    assert_state(rig_run_of(rig, &c, true), RUN_SUCCEEDED);
    assert_int_equal(authority.refreshes, 1);
}

static bool
forget_expiry(struct db *db, void *ctx, struct err *err)
{
    (void)ctx;
    return db_script(db, "UPDATE connections SET tokens_lock_until = NULL", err);
}

static void
test_a_new_credential_overrules_the_tokens_of_the_old_one(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    rig_fill(rig, 3);
    struct connection c = connect_oauth(rig);
    assert_state(rig_run_of(rig, &c, true), RUN_SUCCEEDED);
    struct connection_change change = {.enabled = -1};
    change.config = json_parse(&rig->arena, STR("{\"refresh_token\":\"refresh-by-hand\"}"), JSON_PLAIN, 8, &err);
    assert_ok(engine_connection_change(rig->engine, &rig->arena, rig->tenant, c.uuid, &change, false, &c, &err), err);
    assert_ok(store_write(rig->store, forget_expiry, NULL, &err), err);
    assert_state(rig_run_of(rig, &c, true), RUN_SUCCEEDED);
    assert_int_equal(authority.refreshes, 2);
    assert_string_equal(authority.seen[1], "refresh-by-hand");
}

static void
test_a_refresh_that_is_refused_keeps_the_pair_and_frees_the_lock(void **state)
{
    struct rig *rig = *state;
    rig_fill(rig, 3);
    struct connection c = connect_oauth(rig);
    authority.refuse = true;
    struct run run = rig_run_of(rig, &c, true);
    assert_state(run, RUN_FAILED);
    authority.refuse = false;
    run = rig_run_of(rig, &c, true);
    assert_state(run, RUN_SUCCEEDED);
    assert_string_equal(authority.seen[1], "refresh-first");
}

/* I-23: two workers, perhaps of two nodes, find the token expired at the same moment. */
static void
test_only_one_of_two_may_refresh_and_the_other_reads_what_it_brought(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    struct arena first_arena, second_arena;
    struct account first = {0}, second = {0};
    bool taken = false, changed = false;
    struct connection c = connect_oauth(rig);
    arena_init(&first_arena, 1 << 22);
    arena_init(&second_arena, 1 << 22);
    assert_ok(account_open(rig->engine, &first_arena, rig->tenant, c.id, &first, &err), err);
    assert_ok(account_open(rig->engine, &second_arena, rig->tenant, c.id, &second, &err), err);
    assert_ok(account_refresh_begin(&first, &taken, &err), err);
    assert_true(taken);
    assert_ok(account_refresh_begin(&second, &taken, &err), err);
    assert_false(taken);
    assert_ok(account_reload_tokens(&second, &changed, &err), err);
    assert_false(changed);
    yyjson_val *patch = json_parse(&rig->arena, STR("{\"access_token\":\"access-of-first\",\"refresh_token\":\"refresh-of-first\"}"),
                                   JSON_PLAIN, 4, &err);
    assert_ok(account_refresh_save(&first, patch, 0, &err), err);
    assert_ok(account_reload_tokens(&second, &changed, &err), err);
    assert_true(changed);
    assert_str(json_str(json_get_c(second.effective, "access_token")), "access-of-first");
    /* A late save of somebody who lost the lock writes nothing. */
    yyjson_val *late = json_parse(&rig->arena, STR("{\"access_token\":\"late\"}"), JSON_PLAIN, 4, &err);
    assert_false(account_refresh_save(&second, late, 0, &err));
    account_close(&first);
    account_close(&second);
    arena_release(&first_arena);
    arena_release(&second_arena);
}
