/*
 * Files that the server gives out, embedded when it is built: the pages and the API document.
 *
 * They stand gzipped in the binary, those of the pages in brotli too; a client that takes neither gets them unpacked.
 * Immutable; any thread.
 */
#ifndef TIDEMARK_WEB_ASSET_H
#define TIDEMARK_WEB_ASSET_H

#include "base/buf.h"

struct web_asset {
    const char *name;        /* "openapi.json" */
    const char *type;        /* its content type */
    const char *etag;        /* of what is inside, in quotes */
    struct str gzip;
    struct str brotli;       /* the same; empty: there is none */
    size_t bytes;            /* unpacked */
};

/* The table that the build makes (script/embed-assets.py). */
extern const struct web_asset web_assets[];
extern const size_t web_asset_count;

/* NULL: there is none of that name. */
const struct web_asset *web_asset_find(struct str name);
/* Appends it unpacked. False when the buffer's limit or memory ends. */
MUST_USE bool web_asset_unpack(const struct web_asset *asset, struct buf *out);

#endif
