#include "base/hash.h"
#include "base/test.h"

/* The authors' own examples: what is kept today must be found again by every later version. */
static void
test_hash_gives_the_published_values(void **state)
{
    (void)state;
    assert_true(hash_add(HASH_START, STR("")) == UINT64_C(0xcbf29ce484222325));
    assert_true(hash_add(HASH_START, STR("a")) == UINT64_C(0xaf63dc4c8601ec8c));
    assert_true(hash_add(HASH_START, STR("foobar")) == UINT64_C(0x85944171f73967e8));
    assert_true(hash_add(hash_add(HASH_START, STR("foo")), STR("bar")) == UINT64_C(0x85944171f73967e8));
}

static void
test_hash_of_whole_texts_knows_where_one_ends(void **state)
{
    (void)state;
    uint64_t first = hash_add_whole(hash_add_whole(HASH_START, STR("ab")), STR("c"));
    uint64_t second = hash_add_whole(hash_add_whole(HASH_START, STR("a")), STR("bc"));
    assert_true(first != second);
}
