/*
 * The SQLite driver.
 *
 * One connection writes and checkpoints, all others only read and never checkpoint: versions before
 * 3.51.3 can damage a write-ahead log when two connections write or checkpoint at once. No memory
 * mapping (an I/O error there is a signal, not a code). A full disk leaves the connection usable: SQLite
 * rolls back. Any other I/O error does not: what is on disk is unknown, the connection is `lost` and the
 * caller reopens and looks.
 */
#include "store/db.h"

#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/log.h"
#include "sql.h"
#include "store/wal_file.h"

#define SQLITE_BUSY_MS 5000               /* another program reads the file: checkpoints and locks wait so long */
#define WAL_PAGES 1000                    /* checkpoint at; those who wait for a commit are told before it (db_tidy) */
#define WAL_PAGES_BULK 4000               /* while pages of a sync arrive: what they touch again and again is copied once */
#define WAL_BULK_COMMIT_PAGES 64          /* a commit that large is a sync's */
#define WAL_BULK_COMMITS 32               /* so many smaller ones after the last large one, and the sync is over */
#define SQLITE_WRITER_CACHE "-18000"      /* KiB, negative as SQLite wants it; 24000 read 5 % fewer pages at a million records */
#define SQLITE_READER_CACHE "-2000"

/* What opens and closes transactions, prepared: parsing it costs more than running it. */
enum control { CONTROL_BEGIN_READ, CONTROL_BEGIN_WRITE, CONTROL_COMMIT, CONTROL_ROLLBACK, CONTROL_SAVEPOINT, CONTROL_RELEASE,
               CONTROL_COUNT };
static const char *const control_texts[CONTROL_COUNT] = {
    [CONTROL_BEGIN_READ] = "BEGIN",          [CONTROL_BEGIN_WRITE] = "BEGIN IMMEDIATE", [CONTROL_COMMIT] = "COMMIT",
    [CONTROL_ROLLBACK] = "ROLLBACK",         [CONTROL_SAVEPOINT] = "SAVEPOINT closure",
    [CONTROL_RELEASE] = "RELEASE closure",
};

struct db_sqlite {
    struct db base;                       /* first: a struct db * is a struct db_sqlite * */
    sqlite3 *handle;
    sqlite3_stmt *statements[SQL_COUNT];  /* prepared at first use */
    sqlite3_stmt *controls[CONTROL_COUNT];/* the same */
    bool committing;
    int wal_pages;                        /* of the log after the last commit */
    unsigned bulk_commits_left;           /* this many small commits still belong to a bulk of pages */
    bool checkpoint_due;
};

static struct db_sqlite *
own(struct db *db)
{
    return (struct db_sqlite *)db;
}

/*
 * SQLite knows one errno for a full disk. A quota and a largest file size are the same to us, and by the time SQLite
 * reports them as I/O errors their number is lost, so its calls to write go through these.
 */
static ssize_t
written_or_full(ssize_t written)
{
    if (written < 0 && (errno == EDQUOT || errno == EFBIG))
        errno = ENOSPC;
    return written;
}

static ssize_t
write_noting_full(int fd, const void *bytes, size_t count)
{
    return written_or_full(write(fd, bytes, count));
}

static ssize_t
pwrite_noting_full(int fd, const void *bytes, size_t count, off_t at)
{
    return written_or_full(pwrite(fd, bytes, count, at));
}

static bool
fail_io(struct db_sqlite *db, struct err *err)
{
    db->base.lost = true;
    log_write(LOG_ERROR, "database I/O error", LOG_C("reason", sqlite3_errmsg(db->handle)),
              LOG_I("sqliteCode", sqlite3_extended_errcode(db->handle)),
              LOG_I("systemError", sqlite3_system_errno(db->handle)));
    if (db->committing)
        return err_set(err, E_STORE_UNCERTAIN, NULL);
    return err_set(err, E_STORE, "The database file could not be read or written");
}

static bool
fail_constraint(struct db_sqlite *db, int extended, struct err *err)
{
    if (extended == SQLITE_CONSTRAINT_UNIQUE || extended == SQLITE_CONSTRAINT_PRIMARYKEY || extended == SQLITE_CONSTRAINT_ROWID)
        return err_set(err, E_CONFLICT, NULL);
    log_write(LOG_ERROR, "database constraint", LOG_C("reason", sqlite3_errmsg(db->handle)));
    return err_set(err, E_STORE, "The database refused a row");
}

/* SQLite's code to ours. The texts of SQLite go to the log only: they name tables and columns. */
static bool
fail(struct db_sqlite *db, int code, struct err *err)
{
    int extended = sqlite3_extended_errcode(db->handle);
    switch (code & 0xff) {
    case SQLITE_FULL:
        return err_set(err, E_STORE_FULL, NULL);
    case SQLITE_IOERR:
        return fail_io(db, err);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return err_set(err, E_STORE_BUSY, NULL);
    case SQLITE_NOMEM:
        return err_no_memory(err);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        db->base.lost = true;
        return err_set(err, E_STORE_CORRUPT, NULL);
    case SQLITE_CONSTRAINT:
        return fail_constraint(db, extended, err);
    case SQLITE_TOOBIG:
        return err_set(err, E_TOO_LARGE, NULL);
    default:
        log_write(LOG_ERROR, "database error", LOG_C("reason", sqlite3_errmsg(db->handle)), LOG_I("sqliteCode", extended));
        return err_set(err, E_STORE, NULL);
    }
}

static bool
sqlite_script(struct db *db, const char *text, struct err *err)
{
    int code = sqlite3_exec(own(db)->handle, text, NULL, NULL, NULL);
    return code == SQLITE_OK || fail(own(db), code, err);
}

static void
sqlite_close(struct db *db)
{
    struct db_sqlite *s = own(db);
    for (size_t i = 0; i < SQL_COUNT; i++)
        sqlite3_finalize(s->statements[i]);
    for (size_t i = 0; i < CONTROL_COUNT; i++)
        sqlite3_finalize(s->controls[i]);
    int code = sqlite3_close(s->handle);
    CHECK(code == SQLITE_OK);
    free(s);
}

/* Transactions. */

static bool
control(struct db *db, enum control which, struct err *err)
{
    struct db_sqlite *s = own(db);
    int code = SQLITE_OK;
    if (!s->controls[which])
        code = sqlite3_prepare_v3(s->handle, control_texts[which], -1, SQLITE_PREPARE_PERSISTENT, &s->controls[which], NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(s->controls[which]);
    if (code == SQLITE_DONE) {
        sqlite3_reset(s->controls[which]);
        return true;
    }
    fail(s, code, err);
    sqlite3_reset(s->controls[which]);
    return false;
}

static bool
sqlite_begin(struct db *db, bool write, struct err *err)
{
    return control(db, write ? CONTROL_BEGIN_WRITE : CONTROL_BEGIN_READ, err);
}

static bool
sqlite_commit(struct db *db, struct err *err)
{
    own(db)->committing = true;
    bool ok = control(db, CONTROL_COMMIT, err);
    own(db)->committing = false;
    return ok;
}

/*
 * SQLite calls this after each commit with the length of its log. A fixed length is wrong twice: a short one
 * copies the pages of random keys once per page of a sync, a long one holds up a webhook. Those whose commit this was
 * do not wait for the copying: it is done by sqlite_tidy.
 */
static int
sqlite_committed(void *ctx, sqlite3 *handle, const char *name, int pages)
{
    struct db_sqlite *s = ctx;
    int grown = pages > s->wal_pages ? pages - s->wal_pages : pages; /* shorter: it began anew */
    s->wal_pages = pages;
    if (grown >= WAL_BULK_COMMIT_PAGES)
        s->bulk_commits_left = WAL_BULK_COMMITS;
    else
        s->bulk_commits_left -= s->bulk_commits_left > 0;
    if (s->base.truncate_log) /* waits for readers a while; where they stay it is tried again */
        s->base.truncate_log = sqlite3_wal_checkpoint_v2(handle, name, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) != SQLITE_OK;
    else if (pages >= (s->bulk_commits_left > 0 ? WAL_PAGES_BULK : WAL_PAGES))
        s->checkpoint_due = true;
    return SQLITE_OK; /* an error of a checkpoint is no error of the commit, and comes again with the next one */
}

static void
sqlite_tidy(struct db *db)
{
    struct db_sqlite *s = own(db);
    if (s->checkpoint_due)
        sqlite3_wal_checkpoint_v2(s->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    s->checkpoint_due = false;
}

static void
sqlite_rollback(struct db *db)
{
    struct err ignored;
    if (!sqlite3_get_autocommit(own(db)->handle) && !control(db, CONTROL_ROLLBACK, &ignored))
        db->lost = true;
}

static bool
sqlite_savepoint(struct db *db, struct err *err)
{
    return control(db, CONTROL_SAVEPOINT, err);
}

static bool
sqlite_savepoint_keep(struct db *db, struct err *err)
{
    return control(db, CONTROL_RELEASE, err);
}

static bool
sqlite_savepoint_undo(struct db *db, struct err *err)
{
    if (sqlite3_get_autocommit(own(db)->handle)) /* SQLite has rolled back everything by itself */
        return err_set(err, E_STORE, "The transaction was rolled back");
    return sqlite_script(db, "ROLLBACK TO closure; RELEASE closure", err);
}

/* Statements. */

static int
bind_value(sqlite3_stmt *statement, int index, const struct db_value *value)
{
    switch (value->type) {
    case DB_VALUE_NULL:
        return sqlite3_bind_null(statement, index);
    case DB_VALUE_I64:
        return sqlite3_bind_int64(statement, index, value->number);
    case DB_VALUE_TEXT:
        return sqlite3_bind_text64(statement, index, value->text.ptr, value->text.len, SQLITE_STATIC, SQLITE_UTF8);
    case DB_VALUE_BLOB:
        return sqlite3_bind_blob64(statement, index, value->text.ptr, value->text.len, SQLITE_STATIC);
    case DB_VALUE_I64_ARRAY:
    case DB_VALUE_TEXT_ARRAY:
    case DB_VALUE_BLOB_ARRAY:
        break;
    }
    UNREACHABLE("arrays need DB_ARRAYS");
}

/* From the cache, unless a result of the same statement is being read. */
static bool
get_statement(struct db_sqlite *db, unsigned number, struct db_rows *rows, struct err *err)
{
    CHECK(number < SQL_COUNT);
    CHECK(sql_statements[number].sqlite != NULL);
    sqlite3_stmt *cached = db->statements[number];
    if (cached && !sqlite3_stmt_busy(cached)) {
        rows->handle = cached;
        return true;
    }
    sqlite3_stmt *fresh = NULL;
    int code = sqlite3_prepare_v3(db->handle, sql_statements[number].sqlite, -1, cached ? 0 : SQLITE_PREPARE_PERSISTENT,
                                  &fresh, NULL);
    if (code != SQLITE_OK) {
        fail(db, code, err);
        return err_prefix(err, "%s: ", sql_statements[number].name);
    }
    if (!cached)
        db->statements[number] = fresh;
    rows->own_handle = cached != NULL;
    rows->handle = fresh;
    return true;
}

static void
sqlite_finish(struct db_rows *rows)
{
    sqlite3_stmt *statement = rows->handle;
    if (rows->own_handle)
        sqlite3_finalize(statement);
    else
        sqlite3_reset(statement);
}

static bool
sqlite_query(struct db *db, unsigned number, const struct db_value *values, size_t count, struct db_rows *rows,
             struct err *err)
{
    struct db_sqlite *s = own(db);
    if (!get_statement(s, number, rows, err))
        return false;
    CHECK(count == sql_statements[number].parameters);
    for (size_t i = 0; i < count; i++) {
        int code = bind_value(rows->handle, (int)i + 1, &values[i]);
        if (code == SQLITE_OK)
            continue;
        fail(s, code, err);
        db_finish(rows);
        return false;
    }
    return true;
}

static enum row
sqlite_next(struct db_rows *rows, struct err *err)
{
    struct db_sqlite *s = own(rows->db);
    int code = sqlite3_step(rows->handle);
    if (code == SQLITE_ROW) {
        rows->row++;
        return ROW_FOUND;
    }
    if (code == SQLITE_DONE) {
        rows->changed = sqlite3_changes64(s->handle);
        return ROW_NONE;
    }
    fail(s, code, err);
    return ROW_FAILED;
}

static int64_t
sqlite_changed(const struct db_rows *rows)
{
    return rows->changed;
}

static bool
sqlite_is_null(const struct db_rows *rows, unsigned column)
{
    return sqlite3_column_type(rows->handle, (int)column) == SQLITE_NULL;
}

static int64_t
sqlite_i64(const struct db_rows *rows, unsigned column)
{
    return sqlite3_column_int64(rows->handle, (int)column);
}

static struct str
sqlite_bytes(const struct db_rows *rows, unsigned column)
{
    if (sqlite_is_null(rows, column))
        return STR_NONE;
    const char *bytes = sqlite3_column_blob(rows->handle, (int)column);
    size_t len = (size_t)sqlite3_column_bytes(rows->handle, (int)column);
    return bytes ? (struct str){bytes, len} : STR("");
}

static struct str
sqlite_text(const struct db_rows *rows, unsigned column)
{
    const char *text = (const char *)sqlite3_column_text(rows->handle, (int)column);
    if (!text) /* NULL, or no memory for another form of it */
        return sqlite_is_null(rows, column) ? STR_NONE : STR("");
    return (struct str){text, (size_t)sqlite3_column_bytes(rows->handle, (int)column)};
}

static int64_t
sqlite_now(struct db *db)
{
    return clock_wall_us(db->clock);
}

static const struct db_driver driver_sqlite = {
    .name = "sqlite",
    .capabilities = DB_ONE_WRITER,
    .close = sqlite_close,
    .begin = sqlite_begin,
    .commit = sqlite_commit,
    .tidy = sqlite_tidy,
    .rollback = sqlite_rollback,
    .savepoint = sqlite_savepoint,
    .savepoint_keep = sqlite_savepoint_keep,
    .savepoint_undo = sqlite_savepoint_undo,
    .query = sqlite_query,
    .next = sqlite_next,
    .is_null = sqlite_is_null,
    .i64 = sqlite_i64,
    .text = sqlite_text,
    .blob = sqlite_bytes,
    .changed = sqlite_changed,
    .finish = sqlite_finish,
    .script = sqlite_script,
    .now_us = sqlite_now,
};

/* application_id marks the file as ours for file(1) and for people: "Tide". */
static const char writer_pragmas[] =
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
    "PRAGMA journal_size_limit=67108864; PRAGMA cache_size=" SQLITE_WRITER_CACHE "; PRAGMA mmap_size=0;"
    "PRAGMA temp_store=MEMORY; PRAGMA secure_delete=ON; PRAGMA application_id=1416193125;";
static const char reader_pragmas[] =
    "PRAGMA query_only=1; PRAGMA wal_autocheckpoint=0; PRAGMA cache_size=" SQLITE_READER_CACHE "; PRAGMA mmap_size=0;"
    "PRAGMA temp_store=MEMORY;";
static const char probe_pragmas[] = "PRAGMA query_only=1; PRAGMA wal_autocheckpoint=0; PRAGMA mmap_size=0;";

static bool
set_up(struct db_sqlite *s, enum db_sqlite_role role, struct err *err)
{
    sqlite3_busy_timeout(s->handle, SQLITE_BUSY_MS);
    sqlite3_db_config(s->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(s->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(s->handle, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    /* Else a statement with LIKE and a parameter is planned anew each time: a list of 100 took twice as long. */
    sqlite3_db_config(s->handle, SQLITE_DBCONFIG_ENABLE_QPSG, 1, NULL);
    if (role != DB_SQLITE_WRITER)
        sqlite3_db_config(s->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    if (role == DB_SQLITE_WRITER) {
        sqlite3_wal_hook(s->handle, sqlite_committed, s); /* in place of wal_autocheckpoint */
        return sqlite_script(&s->base, writer_pragmas, err);
    }
    return sqlite_script(&s->base, role == DB_SQLITE_READER ? reader_pragmas : probe_pragmas, err);
}

/* Savepoints keep their undo pages in memory: a file for each would cost more than the page. */
static void
configure_library(void)
{
    sqlite3_config(SQLITE_CONFIG_STMTJRNL_SPILL, -1);
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    _Static_assert(sizeof(off_t) == 8, "pwrite and pwrite64 are the same");
    vfs->xSetSystemCall(vfs, "write", (sqlite3_syscall_ptr)write_noting_full);
    vfs->xSetSystemCall(vfs, "pwrite", (sqlite3_syscall_ptr)pwrite_noting_full);
    vfs->xSetSystemCall(vfs, "pwrite64", (sqlite3_syscall_ptr)pwrite_noting_full);
}

struct db *
db_sqlite_open(const char *path, enum db_sqlite_role role, const struct clock *clock, struct err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, configure_library);
    struct db_sqlite *s = alloc_zeroed(1, sizeof(*s));
    if (!s) {
        err_no_memory(err);
        return NULL;
    }
    s->base = (struct db){.driver = &driver_sqlite, .clock = clock, .first_new_record = INT64_MAX};
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READWRITE |
                (role == DB_SQLITE_WRITER ? SQLITE_OPEN_CREATE : 0);
    const char *vfs = role == DB_SQLITE_WRITER ? wal_file_vfs() : NULL;
    int code = sqlite3_open_v2(path, &s->handle, flags, vfs);
    if ((code != SQLITE_OK && fail(s, code, err) == false) || !set_up(s, role, err)) {
        sqlite3_close(s->handle);
        free(s);
        return NULL;
    }
    return &s->base;
}
