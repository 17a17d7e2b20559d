#include "store/wal_file.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"

#define HELD_BYTES_MAX (128 * 1024)  /* 31 pages with their heads; a longer commit goes in several pieces */

/* The log's format (sqlite.org/fileformat2.html, section 4.1): "size of the database after this commit", or 0. */
#define FRAME_HEAD_BYTES 24
#define FRAME_COMMIT_AT 4
#define FRAME_COMMIT_BYTES 4

/* One thread at a time, as its connection. */
struct wal_file {
    sqlite3_file base;      /* first: SQLite's pointer is ours */
    char *held;             /* owned; HELD_BYTES_MAX, or NULL: none was needed, or there is no memory */
    int held_bytes;
    sqlite3_int64 held_at;  /* where they belong */
    bool ends_commit;       /* the next write is the last page of a commit */
    sqlite3_file real[];    /* real_vfs->szOsFile bytes */
};

static pthread_mutex_t vfs_lock = PTHREAD_MUTEX_INITIALIZER;
static sqlite3_vfs *real_vfs; /* under vfs_lock; changes in tests alone */

static struct wal_file *
own(sqlite3_file *file)
{
    return (struct wal_file *)file;
}

static const sqlite3_io_methods *
methods_of(struct wal_file *f)
{
    return f->real->pMethods;
}

/* After a failure nothing is held: the transaction is undone, and with it what was to be written. */
static int
write_held(struct wal_file *f)
{
    int bytes = f->held_bytes;
    f->held_bytes = 0;
    return bytes == 0 ? SQLITE_OK : methods_of(f)->xWrite(f->real, f->held, bytes, f->held_at);
}

/* False: it has to be written at once. */
static bool
hold(struct wal_file *f, const void *from, int count, sqlite3_int64 at)
{
    if (f->held == NULL)
        f->held = alloc_bytes(HELD_BYTES_MAX);
    if (f->held == NULL || count > HELD_BYTES_MAX - f->held_bytes)
        return false;
    if (f->held_bytes == 0)
        f->held_at = at;
    memcpy(f->held + f->held_bytes, from, (size_t)count);
    f->held_bytes += count;
    return true;
}

static bool
is_commit_head(const void *from, int count)
{
    static const char no_commit[FRAME_COMMIT_BYTES];
    return count == FRAME_HEAD_BYTES && memcmp((const char *)from + FRAME_COMMIT_AT, no_commit, FRAME_COMMIT_BYTES) != 0;
}

static int
wal_write(sqlite3_file *file, const void *from, int count, sqlite3_int64 at)
{
    struct wal_file *f = own(file);
    bool whole = f->ends_commit, continues = f->held_bytes == 0 || f->held_at + f->held_bytes == at;
    int code = SQLITE_OK;
    f->ends_commit = is_commit_head(from, count);
    if (!continues || count > HELD_BYTES_MAX - f->held_bytes)
        code = write_held(f);
    if (code != SQLITE_OK)
        return code;
    if (!hold(f, from, count, at))
        return methods_of(f)->xWrite(f->real, from, count, at);
    return whole ? write_held(f) : SQLITE_OK;
}

static int
wal_read(sqlite3_file *file, void *to, int count, sqlite3_int64 at)
{
    struct wal_file *f = own(file);
    int code = write_held(f);
    return code != SQLITE_OK ? code : methods_of(f)->xRead(f->real, to, count, at);
}

static int
wal_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct wal_file *f = own(file);
    int code = write_held(f);
    return code != SQLITE_OK ? code : methods_of(f)->xTruncate(f->real, size);
}

static int
wal_sync(sqlite3_file *file, int flags)
{
    struct wal_file *f = own(file);
    int code = write_held(f);
    return code != SQLITE_OK ? code : methods_of(f)->xSync(f->real, flags);
}

static int
wal_size(sqlite3_file *file, sqlite3_int64 *size_out)
{
    struct wal_file *f = own(file);
    int code = write_held(f);
    return code != SQLITE_OK ? code : methods_of(f)->xFileSize(f->real, size_out);
}

static int
wal_control(sqlite3_file *file, int op, void *arg)
{
    struct wal_file *f = own(file);
    int code = write_held(f);
    return code != SQLITE_OK ? code : methods_of(f)->xFileControl(f->real, op, arg);
}

static int
wal_close(sqlite3_file *file)
{
    struct wal_file *f = own(file);
    int code = write_held(f), closed = methods_of(f)->xClose(f->real);
    free(f->held);
    f->held = NULL;
    return code != SQLITE_OK ? code : closed;
}

/* A log is not locked: its database is. */
static int
wal_lock(sqlite3_file *file, int level)
{
    return methods_of(own(file))->xLock(own(file)->real, level);
}

static int
wal_unlock(sqlite3_file *file, int level)
{
    return methods_of(own(file))->xUnlock(own(file)->real, level);
}

static int
wal_reserved(sqlite3_file *file, int *reserved_out)
{
    return methods_of(own(file))->xCheckReservedLock(own(file)->real, reserved_out);
}

static int
wal_sector(sqlite3_file *file)
{
    return methods_of(own(file))->xSectorSize(own(file)->real);
}

static int
wal_characteristics(sqlite3_file *file)
{
    return methods_of(own(file))->xDeviceCharacteristics(own(file)->real);
}

static const sqlite3_io_methods wal_methods = {
    .iVersion = 1, /* no shared memory, no mapping: those are the database file's */
    .xClose = wal_close,
    .xRead = wal_read,
    .xWrite = wal_write,
    .xTruncate = wal_truncate,
    .xSync = wal_sync,
    .xFileSize = wal_size,
    .xLock = wal_lock,
    .xUnlock = wal_unlock,
    .xCheckReservedLock = wal_reserved,
    .xFileControl = wal_control,
    .xSectorSize = wal_sector,
    .xDeviceCharacteristics = wal_characteristics,
};

static int
open_file(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *flags_out)
{
    struct wal_file *f = own(file);
    (void)vfs;
    if (!(flags & SQLITE_OPEN_WAL))
        return real_vfs->xOpen(real_vfs, path, file, flags, flags_out);
    memset(f, 0, sizeof(*f));
    int code = real_vfs->xOpen(real_vfs, path, f->real, flags, flags_out);
    if (methods_of(f)) /* also after a failure: then it must be closed */
        f->base.pMethods = &wal_methods;
    return code;
}

const char *
wal_file_vfs(void)
{
    static sqlite3_vfs vfs;
    static const char name[] = "tidemark";
    int code = SQLITE_OK;
    pthread_mutex_lock(&vfs_lock);
    if (real_vfs != sqlite3_vfs_find(NULL)) {
        real_vfs = sqlite3_vfs_find(NULL);
        vfs = *real_vfs;
        vfs.zName = name;
        vfs.szOsFile = (int)sizeof(struct wal_file) + real_vfs->szOsFile;
        vfs.xOpen = open_file;
        code = sqlite3_vfs_register(&vfs, 0);
    }
    pthread_mutex_unlock(&vfs_lock);
    return code == SQLITE_OK ? name : NULL;
}
