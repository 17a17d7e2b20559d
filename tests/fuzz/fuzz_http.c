/*
 * Fuzzes what reads query strings, URLs and percent-escapes: no crash, and what is given back lies where it
 * may. The first byte chooses the reader.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/encode.h"
#include "net/http.h"

#define FUZZ_ARENA_BYTES (256 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static void
fuzz_query(struct arena *a, struct str text)
{
    struct http_pair *pairs;
    size_t pair_count, decoded_bytes = 0;
    if (!http_query_parse(a, text, &pairs, &pair_count))
        return;
    for (size_t i = 0; i < pair_count; i++)
        decoded_bytes += pairs[i].name.len + pairs[i].value.len;
    CHECK(decoded_bytes <= text.len);
}

static void
check_inside(struct str part, struct str whole)
{
    CHECK(part.len == 0 || (part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len));
}

static void
fuzz_url(struct str text)
{
    struct http_url url;
    if (!http_url_parse(text, &url))
        return;
    CHECK(url.host.len > 0);
    CHECK(url.port >= 1 && url.port <= 65535);
    CHECK(url.path.len == 0 || url.path.ptr[0] == '/');
    check_inside(url.scheme, text);
    check_inside(url.host, text);
    check_inside(url.path, text);
    check_inside(url.query, text);
    check_inside(url.fragment, text);
}

static void
fuzz_percent(struct arena *a, struct str text)
{
    struct str plain, again;
    struct buf b;
    if (!percent_decode(a, text, false, &plain))
        return;
    buf_init(&b, text.len * 3 + 1);
    CHECK(buf_add_percent(&b, plain, ""));
    CHECK(percent_decode(a, buf_str(&b), false, &again));
    CHECK(str_eq(plain, again));
    buf_release(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct arena a;
    if (count == 0 || count > FUZZ_ARENA_BYTES / 64)
        return 0;
    struct str text = {(const char *)bytes + 1, count - 1};
    arena_init(&a, FUZZ_ARENA_BYTES);
    if (bytes[0] % 3 == 0)
        fuzz_query(&a, text);
    else if (bytes[0] % 3 == 1)
        fuzz_url(text);
    else
        fuzz_percent(&a, text);
    arena_release(&a);
    return 0;
}
