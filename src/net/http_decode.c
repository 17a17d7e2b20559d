/*
 * Unpacking with limits. The output grows piece by piece and each piece is checked before the next is
 * made, so a bomb costs at most one piece more than is allowed.
 */
#include "net/http_decode.h"

#include <limits.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/limits.h"

#define PIECE_BYTES (64 * 1024)
#define RATIO_FROM_BYTES (1024 * 1024) /* small bodies may be as regular as they like */
#define WINDOW_BITS_ANY (15 + 32)      /* zlib: gzip or zlib, told apart by the header */

static voidpf
zlib_alloc(voidpf opaque, uInt count, uInt bytes)
{
    (void)opaque;
    return alloc_zeroed(count, bytes);
}

static void
zlib_free(voidpf opaque, voidpf memory)
{
    (void)opaque;
    free(memory);
}

bool
http_decoder_init(struct http_decoder *d, struct str encoding, struct buf *out, struct err *err)
{
    *d = (struct http_decoder){.out = out};
    struct str name = str_trim(encoding);
    if (name.len == 0 || str_eq_nocase(name, STR("identity")))
        return true;
    d->packed = str_eq_nocase(name, STR("gzip")) || str_eq_nocase(name, STR("x-gzip")) ||
                str_eq_nocase(name, STR("deflate"));
    if (!d->packed)
        return err_set(err, E_BAD_PAGE, "The answer has a content encoding that was not asked for");
    d->z.zalloc = zlib_alloc;
    d->z.zfree = zlib_free;
    if (inflateInit2(&d->z, WINDOW_BITS_ANY) != Z_OK)
        return err_no_memory(err);
    d->unpacking = true;
    return true;
}

void
http_decoder_release(struct http_decoder *d)
{
    if (d->unpacking)
        inflateEnd(&d->z);
    d->unpacking = false;
}

static bool
reserve(struct http_decoder *d, size_t bytes, struct err *err)
{
    if (bytes > d->out->cap - d->out->len)
        return err_set(err, E_PAGE_TOO_LARGE, "The answer is larger than %zu bytes", d->out->cap);
    return buf_reserve(d->out, bytes) || err_no_memory(err);
}

static bool
check_ratio(const struct http_decoder *d, struct err *err)
{
    int64_t taken = d->received - (int64_t)d->z.avail_in;
    if (d->out->len <= RATIO_FROM_BYTES || (int64_t)d->out->len <= taken * LIMIT_VENDOR_RATIO)
        return true;
    return err_set(err, E_PAGE_TOO_LARGE, "The answer unpacks to more than %d times its size", LIMIT_VENDOR_RATIO);
}

/* One step of inflate into free room of `out`. */
static bool
unpack_step(struct http_decoder *d, struct err *err)
{
    size_t left = d->out->cap - d->out->len;
    size_t room = left < PIECE_BYTES ? left : PIECE_BYTES;
    unsigned char spare;
    if (room > 0 && !reserve(d, room, err))
        return false;
    d->z.next_out = room > 0 ? (unsigned char *)d->out->ptr + d->out->len : &spare;
    d->z.avail_out = room > 0 ? (uInt)room : 1;
    uInt before = d->z.avail_out;
    int result = inflate(&d->z, Z_NO_FLUSH);
    size_t made = before - d->z.avail_out;
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
        return result == Z_MEM_ERROR ? err_no_memory(err)
                                     : err_set(err, E_BAD_PAGE, "The answer's compressed data is broken");
    if (made > room) /* the spare byte was needed */
        return err_set(err, E_PAGE_TOO_LARGE, "The answer is larger than %zu bytes", d->out->cap);
    d->out->len += made;
    d->ended = result == Z_STREAM_END;
    return check_ratio(d, err);
}

static bool
unpack(struct http_decoder *d, struct str bytes, struct err *err)
{
    CHECK(bytes.len <= UINT_MAX);
    d->z.next_in = (unsigned char *)(uintptr_t)bytes.ptr;
    d->z.avail_in = (uInt)bytes.len;
    do {
        if (d->ended && d->z.avail_in > 0 && inflateReset(&d->z) != Z_OK) /* a further gzip member */
            return err_set(err, E_BAD_PAGE, "The answer's compressed data is broken");
        if (!unpack_step(d, err))
            return false;
    } while (d->z.avail_in > 0 || (d->z.avail_out == 0 && !d->ended));
    return true;
}

bool
http_decoder_feed(struct http_decoder *d, struct str bytes, struct err *err)
{
    if (bytes.len == 0)
        return true;
    d->received += (int64_t)bytes.len;
    if (d->packed)
        return unpack(d, bytes, err);
    return reserve(d, bytes.len, err) && buf_add(d->out, bytes);
}

bool
http_decoder_finish(struct http_decoder *d, struct err *err)
{
    if (d->packed && d->received > 0 && !d->ended)
        return err_set(err, E_BAD_PAGE, "The answer's compressed data ends too early");
    return true;
}
