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
#include "base/buf.h"
#include "base/limits.h"
#include "json/json.h"

#define RAW_LEVEL -1
#define RAW_WORTH_BYTES 128         /* shorter ones are kept plain */
#define RAW_KEEP_BYTES (256 * 1024) /* of scratch, from record to record; larger ones give it back */

enum raw_form { RAW_PLAIN, RAW_ZSTD };

struct raw_packer {
    pthread_mutex_t lock;  /* a page is prepared while the one before it is written, and both pack */
    ZSTD_CCtx *context;    /* under lock, as all below */
    struct buf text, packed;
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
    buf_init(&p->text, LIMIT_PAGE_ARENA_BYTES);
    buf_init(&p->packed, ZSTD_COMPRESSBOUND((size_t)LIMIT_PAGE_ARENA_BYTES) + 1);
    return p;
}

void
raw_packer_free(struct raw_packer *p)
{
    if (p == NULL)
        return;
    ZSTD_freeCCtx(p->context);
    buf_release(&p->text);
    buf_release(&p->packed);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

static bool
pack_plain(struct raw_packer *p, struct str text)
{
    buf_clear(&p->packed);
    buf_add_char(&p->packed, RAW_PLAIN);
    return buf_add(&p->packed, text);
}

static bool
pack(struct raw_packer *p, struct str text)
{
    if (text.len < RAW_WORTH_BYTES)
        return pack_plain(p, text);
    buf_clear(&p->packed);
    size_t bound = ZSTD_compressBound(text.len);
    if (!buf_reserve(&p->packed, bound + 1))
        return false;
    p->packed.ptr[0] = RAW_ZSTD;
    size_t size = ZSTD_compress2(p->context, p->packed.ptr + 1, bound, text.ptr, text.len);
    if (ZSTD_isError(size) || size >= text.len)
        return pack_plain(p, text);
    p->packed.len = size + 1;
    return true;
}

static struct str
pack_into(struct raw_packer *p, struct arena *a, struct str text)
{
    struct str packed = pack(p, text) ? str_copy(a, buf_str(&p->packed)) : STR_NONE;
    if (p->text.size > RAW_KEEP_BYTES)
        buf_release(&p->text);
    if (p->packed.size > RAW_KEEP_BYTES)
        buf_release(&p->packed);
    return packed;
}

struct str
raw_pack(struct raw_packer *p, struct arena *a, struct str text)
{
    pthread_mutex_lock(&p->lock);
    struct str packed = pack_into(p, a, text);
    pthread_mutex_unlock(&p->lock);
    return packed;
}

struct str
raw_pack_value(struct raw_packer *p, struct arena *a, yyjson_val *value)
{
    pthread_mutex_lock(&p->lock);
    buf_clear(&p->text);
    struct str packed = json_write(&p->text, value) ? pack_into(p, a, buf_str(&p->text)) : STR_NONE;
    pthread_mutex_unlock(&p->lock);
    return packed;
}

/* One context for whoever comes first: making one costs more than a record. Kept for the life of the process. */
static size_t
decompress(char *bytes, size_t size, struct str packed)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static ZSTD_DCtx *context; /* under lock */
    if (pthread_mutex_trylock(&lock) != 0)
        return ZSTD_decompress(bytes, size, packed.ptr, packed.len);
    if (context == NULL)
        context = ZSTD_createDCtx();
    size_t got = context != NULL ? ZSTD_decompressDCtx(context, bytes, size, packed.ptr, packed.len)
                                 : ZSTD_decompress(bytes, size, packed.ptr, packed.len);
    pthread_mutex_unlock(&lock);
    return got;
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
    size_t got = decompress(bytes, (size_t)size, rest);
    if (ZSTD_isError(got) || got != size)
        return corrupt(err);
    *text_out = (struct str){bytes, got};
    return true;
}
