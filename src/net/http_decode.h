/*
 * Bodies of vendors' answers: unpacked, counted, and refused in time. Room-private.
 *
 * We unpack ourselves rather than in libcurl, which does not notice a gzip stream that is cut short
 * (F19) and cannot compare what came in with what came out (F20).
 */
#ifndef TIDEMARK_NET_HTTP_DECODE_H
#define TIDEMARK_NET_HTTP_DECODE_H

#include <zlib.h>

#include "base/buf.h"
#include "base/err.h"

struct http_decoder {
    struct buf *out;         /* the caller's; its cap is the largest body allowed */
    bool packed, unpacking;  /* gzip or zlib; the z_stream is open */
    bool ended;              /* a packed stream came to its end */
    int64_t received;        /* bytes as they came */
    z_stream z;
};

/* encoding: the header's value; STR_NONE, "identity", "gzip", "x-gzip", "deflate". E_BAD_PAGE for others. */
MUST_USE bool http_decoder_init(struct http_decoder *d, struct str encoding, struct buf *out, struct err *err);
void http_decoder_release(struct http_decoder *d);
/* Appends to out. E_PAGE_TOO_LARGE past the cap or the ratio, E_BAD_PAGE for broken data, E_NO_MEMORY. */
MUST_USE bool http_decoder_feed(struct http_decoder *d, struct str bytes, struct err *err);
/* E_BAD_PAGE when a packed body is not whole. */
MUST_USE bool http_decoder_finish(struct http_decoder *d, struct err *err);

#endif
