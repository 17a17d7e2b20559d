#include "base/test.h"

#include "door/dialect_priv.h"

static struct buf out;
static struct err err;
static struct err_item items[ERR_ITEMS_MAX];

static int
setup(void **state)
{
    (void)state;
    buf_init(&out, 1 << 16);
    err = (struct err){.items = items};
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    buf_release(&out);
    return 0;
}

static struct str
written(enum dialect dialect, bool as_problem)
{
    buf_clear(&out);
    dialect_write(dialect, as_problem, &err, STR("req-1"), &out);
    return buf_str(&out);
}

/* Seed 000, "Error Handling". */
static void
test_core_shape_is_the_documented_one(void **state)
{
    (void)state;
    err_set(&err, E_CONNECTION_NOT_FOUND, NULL);
    assert_str(written(DIALECT_CORE, false),
               "{\"success\":false,\"error\":\"Connection not found\",\"code\":\"CONNECTION_NOT_FOUND\",\"details\":[]}");
}

static void
test_details_hold_one_item_per_fault_and_the_run_in_the_way(void **state)
{
    (void)state;
    err_set(&err, E_VALIDATION_FAILED, "bad");
    err_add_item(&err, STR("/credentials/apiKey"), "is required");
    assert_str(written(DIALECT_CORE, false), "{\"success\":false,\"error\":\"bad\",\"code\":\"VALIDATION_FAILED\",\"details\":"
                                             "[{\"pointer\":\"/credentials/apiKey\",\"message\":\"is required\"}]}");
    err_set(&err, E_SYNC_IN_PROGRESS, NULL);
    snprintf(err.subject, sizeof(err.subject), "run-9");
    assert_str(written(DIALECT_CORE, false),
               "{\"success\":false,\"error\":\"Another sync is running for this connection\","
               "\"code\":\"SYNC_IN_PROGRESS\",\"details\":[{\"runId\":\"run-9\"}]}");
}

static void
test_an_ambiguous_connection_lists_the_choices(void **state)
{
    (void)state;
    err_set(&err, E_CONNECTION_AMBIGUOUS, "choose");
    err_add_item(&err, STR("/connectionId"), "uuid-1 (Support (Recife))");
    assert_true(str_ends(written(DIALECT_CORE, false), STR("\"details\":[{\"connectionId\":\"uuid-1\",\"name\":\"Support (Recife)\"}]}")));
}

static void
test_the_other_doors_have_their_own_shapes(void **state)
{
    (void)state;
    err_set(&err, E_VALIDATION_FAILED, "Empty Data");
    assert_str(written(DIALECT_STATUS, false), "{\"statusCode\":400,\"message\":\"Empty Data\",\"error\":\"Bad Request\"}");
    err_set(&err, E_SYNC_IN_PROGRESS, "busy");
    assert_str(written(DIALECT_MESSAGE, false), "{\"success\":false,\"message\":\"busy\",\"error\":\"sync_in_progress\"}");
}

/* RFC 9457, section 3. */
static void
test_a_problem_has_type_title_status_and_detail(void **state)
{
    (void)state;
    err_set(&err, E_RUN_NOT_FOUND, NULL);
    assert_str(written(DIALECT_STATUS, true),
               "{\"type\":\"urn:tidemark:error:RUN_NOT_FOUND\",\"title\":\"Run not found\",\"status\":404,"
               "\"detail\":\"Run not found\",\"code\":\"RUN_NOT_FOUND\",\"requestId\":\"req-1\",\"errors\":[]}");
}

/* I-29: what a driver says stays inside. */
static void
test_failures_of_our_own_machinery_are_told_in_fixed_words(void **state)
{
    (void)state;
    static const enum err_code inside[] = {E_STORE, E_STORE_CORRUPT, E_CRYPT, E_KEY_MISSING, E_INTERNAL, E_NO_MEMORY, E_STORE_FULL};
    for (size_t i = 0; i < ARRAY_LEN(inside); i++) {
        err_set(&err, inside[i], "SELECT * FROM secrets at /var/lib");
        struct str text = written(DIALECT_CORE, false);
        assert_false(str_contains(text, STR("SELECT")));
        assert_false(str_contains(text, STR("STORE")));
        assert_true(dialect_status(&err) >= 500);
    }
    err_set(&err, E_VENDOR_UNAVAILABLE, "The vendor answered 503");
    assert_true(str_contains(written(DIALECT_CORE, false), STR("The vendor answered 503")));
}
