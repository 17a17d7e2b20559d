#include "web/asset.h"

#include <zlib.h>

#include "base/check.h"

#define GZIP_WINDOW_BITS (15 + 16)
#define PIECE_BYTES 4096

const struct web_asset *
web_asset_find(struct str name)
{
    for (size_t i = 0; i < web_asset_count; i++)
        if (str_eq_c(name, web_assets[i].name))
            return &web_assets[i];
    return NULL;
}

bool
web_asset_unpack(const struct web_asset *asset, struct buf *out)
{
    char piece[PIECE_BYTES];
    z_stream z = {.next_in = (Bytef *)(uintptr_t)asset->gzip.ptr, .avail_in = (uInt)asset->gzip.len};
    if (inflateInit2(&z, GZIP_WINDOW_BITS) != Z_OK)
        return false;
    int result = Z_OK;
    bool ok = true;
    while (ok && result == Z_OK) {
        z.next_out = (Bytef *)piece;
        z.avail_out = sizeof(piece);
        result = inflate(&z, Z_NO_FLUSH);
        ok = buf_add(out, (struct str){piece, sizeof(piece) - z.avail_out});
    }
    inflateEnd(&z);
    return ok && result == Z_STREAM_END;
}
