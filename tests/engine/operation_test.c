/*
 * Declared operations with the real store: whose they are, what is sent again, whose token is used.
 */
#include "rig.h"

#include "engine/operation.h"

#define OPERATIONS_YAML                                                                                  \
    RIG_DESK_YAML("https://desk.example.com")                                                            \
    "spec:\n"                                                                                            \
    "  type: Spec\n"                                                                                     \
    "  connection_specification: {type: object, properties: {token: {type: string, airbyte_secret: true}}}\n" \
    "metadata:\n"                                                                                        \
    "  tidemark:\n"                                                                                      \
    "    name: actdesk\n"                                                                                \
    "    primary_secret: token\n"                                                                        \
    "    actions:\n"                                                                                     \
    "      count: {path: contacts, result: count}\n"                                                     \
    "      create: {path: contacts, http_method: POST, request_body_json: \"{{ input }}\", input_schema: {type: object, required: [name]}}\n"

static struct connection
connect_desk(struct rig *rig)
{
    struct err err = {0};
    struct connection c;
    struct connection_change change = {.enabled = -1, .provider = STR("actdesk")};
    change.config = json_parse(&rig->arena, STR("{\"token\":\"a-secret-token\"}"), JSON_PLAIN, 8, &err);
    if (!engine_connection_create(rig->engine, &rig->arena, rig->tenant, &change, false, &c, &err))
        fail_msg("%s %s", err_name(err.code), err.message);
    return c;
}

static int
setup(void **state)
{
    struct rig *rig = rig_new();
    struct err err = {0};
    if (!registry_put(rig->templates, STR("actdesk"), STR(OPERATIONS_YAML), &err))
        fail_msg("%s", err.message);
    *state = rig;
    return 0;
}

static bool
act(struct rig *rig, const struct connection *c, int64_t tenant, const char *name, const char *input, yyjson_val **result_out,
    struct err *err)
{
    struct operation_call call = {.tenant = tenant, .connection = c->uuid, .section = STR("actions"), .name = str_from_c(name)};
    struct err ignored = {0};
    call.input = input ? json_parse(&rig->arena, str_from_c(input), JSON_PLAIN, 8, &ignored) : NULL;
    return engine_operation(rig->engine, &rig->arena, &call, result_out, err);
}

static void
test_an_action_gives_the_named_part_of_the_answer(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    yyjson_val *result = NULL;
    rig_fill(rig, 3);
    struct connection c = connect_desk(rig);
    assert_ok(act(rig, &c, rig->tenant, "count", NULL, &result, &err), err);
    assert_str(json_to_text(&rig->arena, result), "3");
}

/* I-32 */
static void
test_another_tenants_connection_is_not_there(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    yyjson_val *result = NULL;
    struct connection c = connect_desk(rig);
    int64_t before = rig->vendor.requests;
    assert_false(act(rig, &c, rig->tenant + 1, "count", NULL, &result, &err));
    assert_int_equal(err.code, E_CONNECTION_NOT_FOUND);
    assert_int_equal(rig->vendor.requests, before);
}

static void
test_an_unknown_action_is_answered_with_those_there_are(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    yyjson_val *result = NULL;
    struct connection c = connect_desk(rig);
    assert_false(act(rig, &c, rig->tenant, "explode", NULL, &result, &err));
    assert_int_equal(err.code, E_NOT_FOUND);
    assert_non_null(strstr(err.message, "count, create"));
    assert_false(act(rig, &c, rig->tenant, "create", "{}", &result, &err));
    assert_int_equal(err.code, E_VALIDATION_FAILED);
    assert_int_equal(rig->vendor.requests, 0);
}

static void
test_a_lost_answer_is_not_asked_for_again(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    yyjson_val *result = NULL;
    struct connection c = connect_desk(rig);
    rig->vendor.fault = RIG_NETWORK;
    rig->vendor.fault_from = 1, rig->vendor.fault_count = 100;
    assert_false(act(rig, &c, rig->tenant, "create", "{\"name\":\"Ana\"}", &result, &err));
    assert_int_equal(err.code, E_VENDOR_UNCERTAIN);
    assert_non_null(strstr(err.message, "not known whether"));
    assert_int_equal(rig->vendor.requests, 1);
}

static void
test_a_long_wait_is_given_back_with_its_time(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    yyjson_val *result = NULL;
    struct connection c = connect_desk(rig);
    rig->vendor.fault = RIG_STATUS, rig->vendor.fault_status = 429, rig->vendor.fault_retry_after = "40";
    rig->vendor.fault_from = 1, rig->vendor.fault_count = 100;
    assert_false(act(rig, &c, rig->tenant, "create", "{\"name\":\"Ana\"}", &result, &err));
    assert_int_equal(err.code, E_VENDOR_RATE_LIMITED);
    assert_in_range(err.retry_after_ms, 40000, 42000);
}

/* I-29: a vendor that quotes the credential back. */
static void
test_the_vendors_words_hold_no_secret(void **state)
{
    struct rig *rig = *state;
    struct err err = {0};
    yyjson_val *result = NULL;
    struct connection c = connect_desk(rig);
    rig->vendor.fault = RIG_STATUS, rig->vendor.fault_status = 403;
    rig->vendor.fault_body = "{\"message\":\"token a-secret-token may not\"}";
    rig->vendor.fault_from = 1, rig->vendor.fault_count = 100;
    assert_false(act(rig, &c, rig->tenant, "create", "{\"name\":\"Ana\"}", &result, &err));
    assert_int_equal(err.code, E_VENDOR_REFUSED);
    assert_null(strstr(err.message, "a-secret-token"));
    assert_non_null(strstr(err.message, "may not"));
}
