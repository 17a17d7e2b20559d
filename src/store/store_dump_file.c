/*
 * The file of a dump: lines and rows in one zstd stream.
 */
#include "store/store_dump_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include <zstd.h>

#include "base/alloc.h"
#include "base/buf.h"

#define ROWS_BYTES (256 * 1024)             /* gathered before they are written */
#define PIECE_BYTES_MAX (INT64_C(1) << 30)  /* PostgreSQL's largest row */
#define LINE_BYTES_MAX (64 * 1024)
#define ZSTD_LEVEL 3

/* ---- writing ---- */

struct dump_writer {
    FILE *file;
    ZSTD_CStream *stream;
    char *room;              /* owned; ZSTD_CStreamOutSize() bytes */
    struct buf rows;
};

void
dump_writer_free(struct dump_writer *w)
{
    if (!w)
        return;
    if (w->file)
        fclose(w->file);
    ZSTD_freeCStream(w->stream);
    free(w->room);
    buf_release(&w->rows);
    free(w);
}

struct dump_writer *
dump_writer_new(const char *path, struct err *err)
{
    struct dump_writer *w = alloc_zeroed(1, sizeof(*w));
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (w && fd >= 0) {
        w->file = fdopen(fd, "wb");
        w->stream = ZSTD_createCStream();
        w->room = alloc_bytes(ZSTD_CStreamOutSize());
        buf_init(&w->rows, PIECE_BYTES_MAX);
    }
    if (w && w->file && w->stream && w->room) {
        ZSTD_CCtx_setParameter(w->stream, ZSTD_c_compressionLevel, ZSTD_LEVEL);
        ZSTD_CCtx_setParameter(w->stream, ZSTD_c_checksumFlag, 1);
        return w;
    }
    if (fd < 0)
        err_set(err, E_UNAVAILABLE, "%s cannot be written", path);
    else
        err_no_memory(err);
    if (fd >= 0 && (!w || !w->file))
        close(fd);
    dump_writer_free(w);
    return NULL;
}

static bool
compress_some(struct dump_writer *w, struct str bytes, ZSTD_EndDirective end, struct err *err)
{
    ZSTD_inBuffer in = {bytes.ptr, bytes.len, 0};
    size_t left;
    do {
        ZSTD_outBuffer out = {w->room, ZSTD_CStreamOutSize(), 0};
        left = ZSTD_compressStream2(w->stream, &out, &in, end);
        if (ZSTD_isError(left))
            return err_no_memory(err);
        if (fwrite(w->room, 1, out.pos, w->file) != out.pos)
            return err_set(err, errno == ENOSPC ? E_STORE_FULL : E_UNAVAILABLE, "The backup cannot be written");
    } while (in.pos < in.size || (end == ZSTD_e_end && left > 0));
    return true;
}

static bool
flush_rows(struct dump_writer *w, struct err *err)
{
    char line[64];
    if (w->rows.len == 0)
        return true;
    int len = snprintf(line, sizeof(line), "rows %zu\n", w->rows.len);
    bool ok = compress_some(w, (struct str){line, (size_t)len}, ZSTD_e_continue, err) &&
              compress_some(w, buf_str(&w->rows), ZSTD_e_continue, err);
    buf_clear(&w->rows);
    return ok;
}

bool
dump_write_rows(struct dump_writer *w, struct str bytes, struct err *err)
{
    if (!buf_add(&w->rows, bytes))
        return err_no_memory(err);
    return w->rows.len < ROWS_BYTES || flush_rows(w, err);
}

bool
dump_write_line(struct dump_writer *w, struct err *err, const char *format, ...)
{
    char line[LINE_BYTES_MAX];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(line, sizeof(line) - 1, format, args);
    va_end(args);
    if (len < 0 || (size_t)len >= sizeof(line) - 1)
        return err_set(err, E_TOO_LARGE, "A table has too many columns for a backup");
    line[len] = '\n';
    return flush_rows(w, err) && compress_some(w, (struct str){line, (size_t)len + 1}, ZSTD_e_continue, err);
}

bool
dump_writer_finish(struct dump_writer *w, struct err *err)
{
    if (!flush_rows(w, err) || !compress_some(w, STR(""), ZSTD_e_end, err))
        return false;
    return fflush(w->file) == 0 || err_set(err, errno == ENOSPC ? E_STORE_FULL : E_UNAVAILABLE, "The backup cannot be written");
}

/* ---- reading ---- */

struct dump_reader {
    FILE *file;
    ZSTD_DStream *stream;
    char *packed;            /* owned; ZSTD_DStreamInSize() bytes */
    ZSTD_inBuffer in;
    struct buf bytes;        /* unpacked */
    size_t taken;            /* of them, by the last call */
};

void
dump_reader_free(struct dump_reader *r)
{
    if (!r)
        return;
    if (r->file)
        fclose(r->file);
    ZSTD_freeDStream(r->stream);
    free(r->packed);
    buf_release(&r->bytes);
    free(r);
}

struct dump_reader *
dump_reader_new(const char *path, struct err *err)
{
    struct dump_reader *r = alloc_zeroed(1, sizeof(*r));
    if (!r) {
        err_no_memory(err);
        return NULL;
    }
    r->file = fopen(path, "rbe");
    if (!r->file) {
        err_set(err, E_NOT_FOUND, "There is no file %s", path);
        free(r);
        return NULL;
    }
    r->stream = ZSTD_createDStream();
    r->packed = alloc_bytes(ZSTD_DStreamInSize());
    buf_init(&r->bytes, 2 * PIECE_BYTES_MAX);
    if (r->stream && r->packed)
        return r;
    err_no_memory(err);
    dump_reader_free(r);
    return NULL;
}

static bool
fail_damaged(struct err *err)
{
    return err_set(err, E_STORE_CORRUPT, "The file is no backup of this program, or it is damaged or cut");
}

static bool
read_packed(struct dump_reader *r, struct err *err)
{
    size_t count = fread(r->packed, 1, ZSTD_DStreamInSize(), r->file);
    r->in = (ZSTD_inBuffer){r->packed, count, 0};
    return count > 0 || fail_damaged(err);
}

/* Unpacks more behind what is there. */
static bool
unpack(struct dump_reader *r, struct err *err)
{
    if (r->in.pos == r->in.size && !read_packed(r, err))
        return false;
    if (!buf_reserve(&r->bytes, ZSTD_DStreamOutSize()))
        return err_no_memory(err);
    ZSTD_outBuffer out = {r->bytes.ptr + r->bytes.len, ZSTD_DStreamOutSize(), 0};
    size_t result = ZSTD_decompressStream(r->stream, &out, &r->in);
    if (ZSTD_isError(result))
        return fail_damaged(err);
    r->bytes.len += out.pos;
    return true;
}

/* Forgets what the last call gave. */
static void
drop_taken(struct dump_reader *r)
{
    size_t left = r->bytes.len - r->taken;
    if (r->taken > 0 && left > 0)
        memmove(r->bytes.ptr, r->bytes.ptr + r->taken, left);
    r->bytes.len = left;
    r->taken = 0;
}

bool
dump_read_line(struct dump_reader *r, struct str *line_out, struct err *err)
{
    drop_taken(r);
    ptrdiff_t end;
    while ((end = str_find(buf_str(&r->bytes), '\n')) < 0) {
        if (r->bytes.len > LINE_BYTES_MAX)
            return fail_damaged(err);
        if (!unpack(r, err))
            return false;
    }
    *line_out = (struct str){r->bytes.ptr, (size_t)end};
    r->taken = (size_t)end + 1;
    return true;
}

bool
dump_read_rows(struct dump_reader *r, size_t bytes, struct str *rows_out, struct err *err)
{
    drop_taken(r);
    if (bytes > PIECE_BYTES_MAX)
        return fail_damaged(err);
    while (r->bytes.len < bytes)
        if (!unpack(r, err))
            return false;
    *rows_out = (struct str){r->bytes.ptr, bytes};
    r->taken = bytes;
    return true;
}
