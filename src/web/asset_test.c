#include "base/test.h"

#include "web/asset.h"

static void
test_every_asset_unpacks_to_its_size(void **state)
{
    (void)state;
    assert_true(web_asset_count > 0);
    for (size_t i = 0; i < web_asset_count; i++) {
        struct buf b;
        buf_init(&b, 16 * 1024 * 1024);
        assert_true(web_asset_unpack(&web_assets[i], &b));
        assert_int_equal(buf_str(&b).len, web_assets[i].bytes);
        buf_release(&b);
    }
}

static void
test_an_asset_larger_than_the_buffer_allows_is_refused(void **state)
{
    (void)state;
    const struct web_asset *asset = web_asset_find(STR("openapi.json"));
    struct buf b;
    assert_non_null(asset);
    buf_init(&b, asset->bytes - 1);
    assert_false(web_asset_unpack(asset, &b));
    buf_release(&b);
}

/* The page is there or not, as script/page left it: then whole, with what it loads. */
static void
test_a_page_comes_with_its_files(void **state)
{
    (void)state;
    size_t files = 0;
    for (size_t i = 0; i < web_asset_count; i++)
        files += str_starts(str_from_c(web_assets[i].name), STR("assets/"));
    assert_int_equal(web_asset_find(STR("index.html")) != NULL, files > 0);
}

static void
test_an_unknown_name_finds_nothing(void **state)
{
    (void)state;
    assert_null(web_asset_find(STR("openapi")));
    assert_null(web_asset_find(STR("../openapi.json")));
    assert_null(web_asset_find(STR("")));
}
