/*
 * The log in larger pieces (store/wal_file.h): what waits in memory is never missing where somebody looks for it.
 */
#include "base/test.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/wal_file.h"

#define PAGE_BYTES 4096
#define ROWS 300

static char folder[64], path[96];
static sqlite3 *db;

/* ---- a VFS below the one that is tested: counts what is written to the log, and has no room when asked ---- */

static sqlite3_vfs *system_vfs, counting;
static sqlite3_io_methods counted;
static int (*real_write)(sqlite3_file *file, const void *from, int count, sqlite3_int64 at);
static int writes, largest;
static bool full;

static int
count_write(sqlite3_file *file, const void *from, int count, sqlite3_int64 at)
{
    if (full)
        return SQLITE_FULL;
    writes++;
    largest = count > largest ? count : largest;
    return real_write(file, from, count, at);
}

static int
open_counting(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *flags_out)
{
    (void)vfs;
    int code = system_vfs->xOpen(system_vfs, name, file, flags, flags_out);
    if (code != SQLITE_OK || !(flags & SQLITE_OPEN_WAL))
        return code;
    counted = *file->pMethods;
    real_write = counted.xWrite;
    counted.xWrite = count_write;
    file->pMethods = &counted;
    return code;
}

static sqlite3 *
connect(const char *vfs)
{
    sqlite3 *made;
    assert_int_equal(sqlite3_open_v2(path, &made, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, vfs), SQLITE_OK);
    return made;
}

static int
setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/tidemark-wal-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/t.db", folder);
    system_vfs = sqlite3_vfs_find(NULL);
    counting = *system_vfs;
    counting.zName = "counting";
    counting.xOpen = open_counting;
    sqlite3_vfs_register(&counting, 1);
    full = false;
    db = connect(wal_file_vfs());
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    char command[128];
    sqlite3_close(db);
    sqlite3_vfs_unregister(&counting);
    sqlite3_vfs_register(system_vfs, 1);
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    assert_int_equal(system(command), 0);
    return 0;
}

static void
run(const char *sql)
{
    char *why = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s: %s", sql, why);
}

static int64_t
ask(sqlite3 *of, const char *sql)
{
    sqlite3_stmt *s;
    assert_int_equal(sqlite3_prepare_v2(of, sql, -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    int64_t number = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return number;
}

/* Rows of a page or so each. */
static void
add_rows(int count)
{
    sqlite3_stmt *s;
    assert_int_equal(sqlite3_prepare_v2(db, "INSERT INTO t (v) VALUES (zeroblob(3000))", -1, &s, NULL), SQLITE_OK);
    for (int i = 0; i < count; i++) {
        assert_int_equal(sqlite3_step(s), SQLITE_DONE);
        sqlite3_reset(s);
    }
    sqlite3_finalize(s);
}

static void
begin_log(const char *synchronous)
{
    char text[64];
    run("PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB)");
    snprintf(text, sizeof(text), "PRAGMA synchronous=%s", synchronous);
    run(text);
}

static void
test_a_commit_is_one_write(void **state)
{
    (void)state;
    begin_log("FULL");
    add_rows(1);
    writes = largest = 0;
    run("BEGIN");
    add_rows(8);
    assert_int_equal(writes, 0);
    run("COMMIT");
    assert_int_equal(writes, 1);
    assert_true(largest > 8 * PAGE_BYTES);
}

static void
test_a_large_commit_goes_in_pieces_and_is_whole(void **state)
{
    (void)state;
    begin_log("FULL");
    run("BEGIN");
    add_rows(ROWS);
    run("COMMIT");
    sqlite3 *other = connect("counting");
    assert_int_equal(ask(other, "SELECT count(*) FROM t WHERE length(v) = 3000"), ROWS);
    sqlite3_close(other);
}

/* I-1: what is committed is there for others at once, also where nothing is synced. */
static void
test_nothing_waits_behind_a_commit_without_a_sync(void **state)
{
    (void)state;
    begin_log("OFF");
    sqlite3 *other = connect("counting");
    for (int i = 1; i <= 5; i++) {
        run("BEGIN");
        add_rows(3);
        run("COMMIT");
        assert_int_equal(ask(other, "SELECT count(*) FROM t WHERE length(v) = 3000"), 3 * i);
    }
    sqlite3_close(other);
}

/* With a cache of ten pages the rest waits in the log, is read back from it, and its pages are written there again. */
static void
test_what_a_transaction_spilled_is_read_back_and_undone(void **state)
{
    (void)state;
    begin_log("FULL");
    run("PRAGMA cache_size=10");
    add_rows(ROWS);
    run("BEGIN");
    run("UPDATE t SET v = zeroblob(2000)");
    assert_int_equal(ask(db, "SELECT count(*) FROM t WHERE length(v) = 2000"), ROWS);
    run("UPDATE t SET v = zeroblob(1000)");
    assert_int_equal(ask(db, "SELECT sum(length(v)) FROM t"), ROWS * 1000);
    run("ROLLBACK");
    assert_int_equal(ask(db, "SELECT count(*) FROM t WHERE length(v) = 3000"), ROWS);
    run("BEGIN; UPDATE t SET v = zeroblob(1000); COMMIT; PRAGMA wal_checkpoint(TRUNCATE)");
    sqlite3 *other = connect("counting");
    assert_int_equal(ask(other, "SELECT sum(length(v)) FROM t"), ROWS * 1000);
    assert_int_equal(ask(other, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"), 1);
    sqlite3_close(other);
}

/* F3: a full disk fails the commit and nothing else. */
static void
test_a_full_disk_fails_the_commit_and_leaves_what_was(void **state)
{
    (void)state;
    begin_log("FULL");
    add_rows(2);
    full = true;
    run("BEGIN");
    add_rows(5);
    assert_int_equal(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_FULL);
    sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    full = false;
    assert_int_equal(ask(db, "SELECT count(*) FROM t"), 2);
    add_rows(1);
    sqlite3 *other = connect("counting");
    assert_int_equal(ask(other, "SELECT count(*) FROM t WHERE length(v) = 3000"), 3);
    assert_int_equal(ask(other, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"), 1);
    sqlite3_close(other);
}
