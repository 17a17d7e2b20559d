/*
 * The vendor's record as it came, kept small beside the mapped one.
 *
 * A negative level: a record is about a kilobyte, where the stronger levels cost three times as much and
 * gain a few percent.
 */
#include "engine/raw.h"

#include <pthread.h>
#include <zstd.h>

#include "base/alloc.h"
#include "base/limits.h"

#define RAW_LEVEL -1
#define RAW_WORTH_BYTES 128 /* shorter ones are kept plain */

enum raw_form { RAW_PLAIN, RAW_ZSTD };

struct raw_packer {
    pthread_mutex_t lock;  /* a page is prepared while the one before it is written, and both pack */
    ZSTD_CCtx *context;    /* under lock */
};

struct raw_packer *
raw_packer_new(struct err *err)
{
    struct raw_packer *p = alloc_zeroed(1, sizeof(*p));
    ZSTD_CCtx *context = ZSTD_createCCtx();
    if (p == NULL || context == NULL) {
        free(p);
        ZSTD_freeCCtx(context);
        err_no_memory(err);
        return NULL;
    }
    ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, RAW_LEVEL);
    p->context = context;
    pthread_mutex_init(&p->lock, NULL);
    return p;
}

void
raw_packer_free(struct raw_packer *p)
{
    if (p == NULL)
        return;
    ZSTD_freeCCtx(p->context);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

static struct str
raw_plain(struct arena *a, struct str text)
{
    char *bytes = arena_alloc_bytes(a, text.len + 1);
    if (bytes == NULL)
        return STR_NONE;
    bytes[0] = RAW_PLAIN;
    memcpy(bytes + 1, text.ptr, text.len);
    return (struct str){bytes, text.len + 1};
}

struct str
raw_pack(struct raw_packer *p, struct arena *a, struct str text)
{
    if (text.len < RAW_WORTH_BYTES)
        return raw_plain(a, text);
    struct arena_mark mark = arena_mark(a);
    size_t bound = ZSTD_compressBound(text.len);
    char *bytes = arena_alloc_bytes(a, bound + 1);
    if (bytes == NULL)
        return STR_NONE;
    bytes[0] = RAW_ZSTD;
    pthread_mutex_lock(&p->lock);
    size_t size = ZSTD_compress2(p->context, bytes + 1, bound, text.ptr, text.len);
    pthread_mutex_unlock(&p->lock);
    if (ZSTD_isError(size) || size >= text.len) {
        arena_rewind(a, mark);
        return raw_plain(a, text);
    }
    return (struct str){bytes, size + 1};
}

static bool
corrupt(struct err *err)
{
    return err_set(err, E_STORE_CORRUPT, "A raw record is not readable");
}

bool
raw_unpack(struct arena *a, struct str packed, struct str *text_out, struct err *err)
{
    if (packed.len == 0)
        return corrupt(err);
    struct str rest = str_skip(packed, 1);
    if (packed.ptr[0] == RAW_PLAIN) {
        *text_out = rest;
        return true;
    }
    unsigned long long size = ZSTD_getFrameContentSize(rest.ptr, rest.len);
    if (packed.ptr[0] != RAW_ZSTD || size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN)
        return corrupt(err);
    if (size > LIMIT_VENDOR_BODY_BYTES)
        return err_set(err, E_TOO_LARGE, "A raw record is larger than allowed");
    char *bytes = arena_alloc_bytes(a, (size_t)size + 1);
    if (bytes == NULL)
        return err_set(err, E_TOO_LARGE, "There is no room for a raw record");
    size_t got = ZSTD_decompress(bytes, (size_t)size, rest.ptr, rest.len);
    if (ZSTD_isError(got) || got != size)
        return corrupt(err);
    *text_out = (struct str){bytes, got};
    return true;
}
