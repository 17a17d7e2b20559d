#include "base/test.h"

#include "engine/page_order.h"

static bool
older(struct str version, int64_t at, struct str known_version, int64_t known_at)
{
    struct observation later = {version, at}, known = {known_version, known_at};
    return observation_is_older(&later, &known);
}

/* I-22 */
static void
test_the_vendors_version_decides(void **state)
{
    (void)state;
    assert_true(older(STR("9"), 200, STR("10"), 100));
    assert_false(older(STR("10"), 50, STR("9"), 100));
    assert_true(older(STR("2026-01-01T00:00:00Z"), 200, STR("2026-01-01T03:00:00+02:00"), 100));
    assert_false(older(STR("2026-01-01T00:00:01Z"), 50, STR("2026-01-01T00:00:00.5Z"), 100));
}

static void
test_without_a_version_the_time_of_our_request_decides(void **state)
{
    (void)state;
    assert_true(older(STR_NONE, 50, STR_NONE, 100));
    assert_false(older(STR_NONE, 100, STR_NONE, 100));
    assert_false(older(STR("7"), 101, STR("7"), 100));
    assert_true(older(STR("7"), 99, STR("7"), 100));
    assert_true(older(STR("abc"), 99, STR("7"), 100));
    assert_false(older(STR_NONE, 101, STR("7"), 100));
}
