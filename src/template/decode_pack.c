/*
 * Packed answers: gzip, and zip archives of several files.
 *
 * A small packed body can hold a huge one. What comes out is held against the same limits as an answer that the
 * HTTP client unpacked: so many bytes in all, and so many times what came in after the first MiB.
 */
#include "template/decode_priv.h"

#include <zip.h>
#include <zlib.h>

#include "base/limits.h"

#define PIECE_BYTES (64 * 1024)
#define RATIO_FREE_BYTES (1024 * 1024)
#define ZIP_FILES_MAX 10000

static bool
within_limits(size_t out, size_t in)
{
    return out <= LIMIT_VENDOR_BODY_BYTES && (out <= RATIO_FREE_BYTES || out / LIMIT_VENDOR_RATIO <= in);
}

static bool
is_gzip(struct str bytes)
{
    return str_starts(bytes, STR("\x1f\x8b"));
}

static bool
inflate_all(struct str bytes, struct buf *out, const char **fault_out)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)bytes.ptr, .avail_in = (uInt)bytes.len};
    unsigned char piece[PIECE_BYTES];
    int result = inflateInit2(&z, 16 + MAX_WBITS) == Z_OK ? Z_OK : Z_MEM_ERROR;
    if (result != Z_OK)
        return false;
    while (result == Z_OK) {
        z.next_out = piece, z.avail_out = sizeof(piece);
        result = inflate(&z, Z_NO_FLUSH);
        struct str made = {(const char *)piece, sizeof(piece) - z.avail_out};
        if (!buf_add(out, made) || !within_limits(out->len, bytes.len)) {
            *fault_out = "it unpacks to more than an answer may hold";
            break;
        }
        if (result == Z_STREAM_END && z.avail_in > 0) /* one file after another */
            result = inflateReset(&z);
        else if (result == Z_OK && z.avail_in == 0 && made.len == 0)
            break;
    }
    inflateEnd(&z);
    if (!*fault_out && result != Z_STREAM_END)
        *fault_out = "its gzip data is damaged or cut short";
    return !*fault_out;
}

bool
unpack_gzip(struct decoding *d, struct str bytes, struct str *bytes_out, const char **fault_out)
{
    struct buf out;
    *fault_out = NULL;
    *bytes_out = bytes;
    if (!is_gzip(bytes))
        return true;
    if (bytes.len > UINT32_MAX)
        return false;
    buf_init(&out, LIMIT_VENDOR_BODY_BYTES + PIECE_BYTES);
    bool ok = inflate_all(bytes, &out, fault_out);
    *bytes_out = ok ? str_copy(d->arena, buf_str(&out)) : STR_NONE;
    ok = ok && (bytes_out->ptr || out.len == 0);
    if (ok && out.len == 0)
        *bytes_out = STR("");
    buf_release(&out);
    return ok;
}

/* One file's bytes in the arena. */
static bool
read_file(struct decoding *d, zip_t *archive, zip_uint64_t index, size_t packed, size_t *total, struct str *bytes_out,
          const char **fault_out)
{
    zip_stat_t stat;
    *fault_out = "a file of its zip archive cannot be read";
    if (zip_stat_index(archive, index, 0, &stat) != 0 || !(stat.valid & ZIP_STAT_SIZE))
        return false;
    if (stat.size > LIMIT_VENDOR_BODY_BYTES || !within_limits(*total + (size_t)stat.size, packed)) {
        *fault_out = "it unpacks to more than an answer may hold";
        return false;
    }
    *total += (size_t)stat.size;
    char *bytes = arena_alloc_bytes(d->arena, (size_t)stat.size + 1);
    zip_file_t *file = bytes ? zip_fopen_index(archive, index, 0) : NULL;
    zip_int64_t got = file ? zip_fread(file, bytes, stat.size) : -1;
    bool ok = file && zip_fclose(file) == 0 && got == (zip_int64_t)stat.size;
    *bytes_out = (struct str){bytes, (size_t)stat.size};
    if (!bytes)
        *fault_out = NULL;
    return ok;
}

static bool
read_archive(struct decoding *d, zip_t *archive, size_t packed, const char **fault_out)
{
    zip_int64_t count = zip_get_num_entries(archive, 0);
    size_t total = 0;
    if (count > ZIP_FILES_MAX) {
        *fault_out = "its zip archive holds too many files";
        return false;
    }
    for (zip_int64_t i = 0; i < count; i++) {
        struct str bytes;
        const char *name = zip_get_name(archive, (zip_uint64_t)i, 0);
        if (name && str_ends(str_from_c(name), STR("/"))) /* a folder */
            continue;
        if (!read_file(d, archive, (zip_uint64_t)i, packed, &total, &bytes, fault_out) ||
            !decode_bytes(d, d->decoder->inner, bytes, fault_out))
            return false;
    }
    return true;
}

bool
unpack_zip(struct decoding *d, struct str bytes, const char **fault_out)
{
    zip_error_t problem;
    zip_error_init(&problem);
    zip_source_t *source = zip_source_buffer_create(bytes.ptr, bytes.len, 0, &problem);
    zip_t *archive = source ? zip_open_from_source(source, ZIP_RDONLY, &problem) : NULL;
    zip_error_fini(&problem);
    *fault_out = "it is no zip archive";
    if (!archive) {
        zip_source_free(source);
        return false;
    }
    *fault_out = NULL;
    bool ok = read_archive(d, archive, bytes.len, fault_out);
    zip_discard(archive);
    return ok;
}
