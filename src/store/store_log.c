#include "store/store_log.h"

#include <zstd.h>

#include "base/limits.h"
#include "store/store_priv.h"

#define LOG_PACK_LEVEL 1
#define LOG_LINES_BYTES_MAX (64L * 1024 * 1024) /* unpacked lines of one chunk */

struct str
log_pack(struct arena *a, struct str lines)
{
    size_t bound = ZSTD_compressBound(lines.len);
    char *packed = arena_alloc_bytes(a, bound);
    if (!packed)
        return STR_NONE;
    size_t len = ZSTD_compress(packed, bound, lines.ptr ? lines.ptr : "", lines.len, LOG_PACK_LEVEL);
    return ZSTD_isError(len) ? STR_NONE : (struct str){packed, len};
}

bool
log_unpack(struct arena *a, struct str packed, struct str *lines_out, struct err *err)
{
    unsigned long long len = ZSTD_getFrameContentSize(packed.ptr, packed.len);
    if (len == ZSTD_CONTENTSIZE_UNKNOWN || len == ZSTD_CONTENTSIZE_ERROR || len > LOG_LINES_BYTES_MAX)
        return err_set(err, E_STORE_CORRUPT, "A part of a run's log is damaged");
    char *lines = arena_alloc_bytes(a, (size_t)len + 1);
    if (!lines)
        return STORE_ARENA_FULL(err);
    if (ZSTD_decompress(lines, (size_t)len, packed.ptr, packed.len) != len)
        return err_set(err, E_STORE_CORRUPT, "A part of a run's log is damaged");
    *lines_out = (struct str){lines, (size_t)len};
    return true;
}

/* Counts the lines in, or counts them as dropped when the run's log is full. */
static bool
make_room(struct db *db, int64_t tenant, int64_t run, int64_t line_count, bool *room_out, struct err *err)
{
    int64_t before, after;
    enum row row = db_query_i64(db, SQL_LOG_DROPPED, DB_ARGS(DB_I(tenant), DB_I(run)), &before, err);
    if (!store_row_must(row, E_RUN_NOT_FOUND, err))
        return false;
    row = db_query_i64(db, SQL_LOG_ROOM, DB_ARGS(DB_I(tenant), DB_I(run), DB_I(line_count), DB_I(LIMIT_RUN_LOG_LINES)),
                       &after, err);
    if (!store_row_must(row, E_RUN_NOT_FOUND, err))
        return false;
    *room_out = before == after;
    return true;
}

bool
store_log_append(struct db *db, struct arena *a, int64_t tenant, int64_t run, struct str lines, int64_t line_count,
                 int64_t now_us, struct err *err)
{
    bool room;
    if (!make_room(db, tenant, run, line_count, &room, err))
        return false;
    if (!room || lines.len == 0)
        return true;
    struct str packed = log_pack(a, lines);
    if (str_is_none(packed))
        return STORE_ARENA_FULL(err);
    return db_exec(db, SQL_LOG_INSERT, DB_ARGS(DB_I(tenant), DB_I(run), DB_I(line_count), DB_I(packed.len), DB_I(now_us),
                   DB_B(packed)), NULL, err);
}

static void
chunk_read(struct row_reader *r, void *item)
{
    struct log_chunk *chunk = item;
    chunk->seq = read_i64(r);
    chunk->line_count = read_i64(r);
    chunk->lines = read_blob(r); /* still packed */
}

bool
store_log_read(struct db *db, struct arena *a, int64_t tenant, int64_t run, int64_t after, size_t limit,
               struct log_chunk **rows_out, size_t *count_out, struct err *err)
{
    struct list list = LIST_OF(a, struct log_chunk);
    if (!store_rows(db, SQL_LOG_READ, DB_ARGS(DB_I(tenant), DB_I(run), DB_I(after), DB_I(limit)), &list, chunk_read, err))
        return false;
    struct log_chunk *chunks = list.items;
    for (size_t i = 0; i < list.count; i++)
        if (!log_unpack(a, chunks[i].lines, &chunks[i].lines, err))
            return false;
    *rows_out = chunks;
    *count_out = list.count;
    return true;
}
