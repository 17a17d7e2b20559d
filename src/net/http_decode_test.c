/* F19, F20: compressed answers that are cut, broken, or bombs. */
#include "base/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "net/http_decode.h"

/* Packs `bytes` zeros or text as gzip; the caller frees. */
static struct str
pack(const void *bytes, size_t count)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t room = count + 1024;
    char *packed = malloc(room);
    z.next_in = (unsigned char *)(uintptr_t)bytes;
    z.avail_in = (uInt)count;
    z.next_out = (unsigned char *)packed;
    z.avail_out = (uInt)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t made = room - z.avail_out;
    deflateEnd(&z);
    return (struct str){packed, made};
}

static enum err_code
decode(struct str encoding, struct str bytes, size_t step, size_t max, struct buf *out)
{
    struct http_decoder d;
    struct err err = {0};
    buf_init(out, max);
    bool ok = http_decoder_init(&d, encoding, out, &err);
    for (size_t at = 0; ok && at < bytes.len; at += step)
        ok = http_decoder_feed(&d, str_slice(bytes, at, at + step), &err);
    ok = ok && http_decoder_finish(&d, &err);
    http_decoder_release(&d);
    return ok ? E_OK : err.code;
}

static void
test_gzip_is_unpacked_in_pieces_of_any_size(void **state)
{
    (void)state;
    char text[5000];
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)('a' + i % 23);
    struct str packed = pack(text, sizeof(text));
    for (size_t step = 1; step <= packed.len; step = step * 2 + 1) {
        struct buf out;
        assert_int_equal(decode(STR("gzip"), packed, step, 10000, &out), E_OK);
        assert_int_equal(out.len, sizeof(text));
        assert_memory_equal(out.ptr, text, sizeof(text));
        buf_release(&out);
    }
    free((char *)(uintptr_t)packed.ptr);
}

static void
test_f19_gzip_cut_at_any_byte_is_a_bad_page(void **state)
{
    (void)state;
    struct str packed = pack("hello hello hello", 17);
    for (size_t cut = 1; cut < packed.len; cut++) {
        struct buf out;
        assert_int_equal(decode(STR("x-gzip"), str_slice(packed, 0, cut), 7, 1000, &out), E_BAD_PAGE);
        buf_release(&out);
    }
    free((char *)(uintptr_t)packed.ptr);
}

static void
test_broken_and_unknown_encodings_are_bad_pages(void **state)
{
    (void)state;
    struct buf out;
    assert_int_equal(decode(STR("gzip"), STR("this is no gzip"), 100, 1000, &out), E_BAD_PAGE);
    buf_release(&out);
    assert_int_equal(decode(STR("br"), STR("x"), 1, 1000, &out), E_BAD_PAGE);
    buf_release(&out);
    struct str packed = pack("hello hello hello", 17);
    char *bytes = (char *)(uintptr_t)packed.ptr;
    bytes[packed.len - 6] ^= 1; /* the checksum */
    assert_int_equal(decode(STR("gzip"), packed, 100, 1000, &out), E_BAD_PAGE);
    buf_release(&out);
    free(bytes);
}

static void
test_two_gzip_members_are_one_body(void **state)
{
    (void)state;
    struct str packed = pack("abc", 3);
    char twice[256];
    memcpy(twice, packed.ptr, packed.len);
    memcpy(twice + packed.len, packed.ptr, packed.len);
    struct buf out;
    assert_int_equal(decode(STR("gzip"), (struct str){twice, packed.len * 2}, 5, 1000, &out), E_OK);
    assert_str(buf_str(&out), "abcabc");
    buf_release(&out);
    memcpy(twice + packed.len, "junk", 4);
    assert_int_equal(decode(STR("gzip"), (struct str){twice, packed.len + 4}, 500, 1000, &out), E_BAD_PAGE);
    buf_release(&out);
    free((char *)(uintptr_t)packed.ptr);
}

static void
test_sizes_at_and_past_the_cap(void **state)
{
    (void)state;
    char text[300];
    memset(text, 'x', sizeof(text));
    struct str packed = pack(text, sizeof(text));
    struct buf out;
    assert_int_equal(decode(STR("gzip"), packed, 4, 300, &out), E_OK);
    buf_release(&out);
    assert_int_equal(decode(STR("gzip"), packed, 4, 299, &out), E_PAGE_TOO_LARGE);
    buf_release(&out);
    assert_int_equal(decode(STR_NONE, (struct str){text, 300}, 100, 300, &out), E_OK);
    buf_release(&out);
    assert_int_equal(decode(STR_NONE, (struct str){text, 300}, 100, 299, &out), E_PAGE_TOO_LARGE);
    buf_release(&out);
    free((char *)(uintptr_t)packed.ptr);
}

static void
test_f20_a_bomb_is_stopped_by_its_ratio(void **state)
{
    (void)state;
    size_t size = 16 * 1024 * 1024;
    char *zeros = calloc(1, size);
    struct str packed = pack(zeros, size);
    assert_true(size / packed.len > LIMIT_VENDOR_RATIO);
    struct buf out;
    assert_int_equal(decode(STR("gzip"), packed, 16384, LIMIT_VENDOR_BODY_BYTES, &out), E_PAGE_TOO_LARGE);
    assert_true(out.len < size / 2); /* stopped on the way, not at the end */
    buf_release(&out);
    free((char *)(uintptr_t)packed.ptr);
    packed = pack(zeros, 1024 * 1024); /* up to here the ratio does not matter */
    assert_int_equal(decode(STR("gzip"), packed, 16384, LIMIT_VENDOR_BODY_BYTES, &out), E_OK);
    buf_release(&out);
    free((char *)(uintptr_t)packed.ptr);
    free(zeros);
}

static void
test_an_empty_body_may_claim_any_encoding_we_know(void **state)
{
    (void)state;
    struct buf out;
    assert_int_equal(decode(STR("gzip"), STR(""), 1, 10, &out), E_OK);
    buf_release(&out);
}
