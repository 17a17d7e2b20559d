#include "store/store_open.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/rng.h"
#include "sql.h"
#include "store/schema_priv.h"

#define PREPARE_OFF STR("tidemark_prepare=off") /* in the URL: a pooler without prepared statements stands between */

#define QUICK_CHECK_BYTES_MAX (64L * 1024 * 1024) /* larger files would hold up the start: `doctor` checks them */
#define SQLITE_MAGIC "SQLite format 3"            /* the first 16 bytes, with their NUL */

bool
folder_make(const char *path, struct err *err)
{
    if (mkdir(path, 0700) == 0 || errno == EEXIST)
        return true;
    return err_set(err, E_STORE, "The data folder %s cannot be made: %s", path, strerror(errno));
}

/* The lock goes with the process, however it ends. The file stays. */
int
folder_lock(const char *lock_path, struct err *err)
{
    int fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        err_set(err, E_STORE, "The data folder cannot be written: %s: %s", lock_path, strerror(errno));
        return -1;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    close(fd);
    err_set(err, E_STORE_LOCKED, "Another process owns this data folder: stop it, "
            "talk to it (--url, --key), or wait until it says that it is ready");
    return -1;
}

static bool
write_node_id(const char *path, const char id[UUID_TEXT_BYTES], struct err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && write(fd, id, UUID_TEXT_BYTES - 1) == UUID_TEXT_BYTES - 1 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return ok || err_set(err, E_STORE, "%s cannot be written: %s", path, strerror(errno));
}

bool
node_id_get(const char *path, char id_out[37], struct err *err)
{
    char text[UUID_TEXT_BYTES] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd >= 0 ? read(fd, text, UUID_TEXT_BYTES - 1) : 0;
    if (fd >= 0)
        close(fd);
    if (len != UUID_TEXT_BYTES - 1 || !uuid_is_valid((struct str){text, UUID_TEXT_BYTES - 1})) {
        uuid_v7_now(text);
        if (!write_node_id(path, text, err))
            return false;
    }
    memcpy(id_out, text, UUID_TEXT_BYTES);
    return true;
}

/*
 * For its owner alone, also where the folder was made for others to read; what SQLite puts beside it is as it is. One that is there
 * is left as its owner has it, and not opened: closing it again would take the locks of other handles away.
 */
bool
sqlite_file_make(const char *path, struct err *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    return fd >= 0 || errno == EEXIST || err_set(err, E_STORE, "%s cannot be made: %s", path, strerror(errno));
}

static bool
fail_corrupt(struct err *err)
{
    return err_set(err, E_STORE_CORRUPT, "The database file is damaged or is none of ours: restore a backup, or move it away");
}

/* size_out 0: missing or empty. */
static bool
check_header(const char *path, int64_t *size_out, struct err *err)
{
    char head[sizeof(SQLITE_MAGIC)] = "";
    struct stat status = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno != ENOENT)
        return err_set(err, E_STORE, "%s cannot be read: %s", path, strerror(errno));
    ssize_t len = fd >= 0 && fstat(fd, &status) == 0 ? read(fd, head, sizeof(head)) : 0;
    if (fd >= 0)
        close(fd);
    *size_out = status.st_size;
    return status.st_size == 0 || (len == sizeof(head) && memcmp(head, SQLITE_MAGIC, sizeof(head)) == 0) || fail_corrupt(err);
}

static bool
check_contents(struct db *db, int64_t size, int *version_out, struct err *err)
{
    int64_t tables = 0;
    if (!schema_version(db, version_out, err) ||
        db_query_i64(db, SQL_SCHEMA_TABLES, DB_NO_ARGS, &tables, err) != ROW_FOUND)
        return false;
    if (*version_out == 0 && tables > 1) /* one: our list of migrations, made by a first start that was killed */
        return fail_corrupt(err);
    if (size > QUICK_CHECK_BYTES_MAX)
        return true;
    struct db_rows rows;
    if (db_query_row(db, SQL_QUICK_CHECK, DB_NO_ARGS, &rows, err) != ROW_FOUND)
        return false;
    bool sound = str_eq_c(db_column_text(&rows, 0), "ok");
    db_finish(&rows);
    return sound || fail_corrupt(err);
}

bool
sqlite_file_check(const char *path, const struct clock *clock, int *version_out, struct err *err)
{
    int64_t size = 0;
    if (!check_header(path, &size, err))
        return false;
    if (size == 0) {
        *version_out = 0;
        return true;
    }
    struct db *db = db_sqlite_open(path, DB_SQLITE_PROBE, clock, err);
    bool ok = db && db_begin_read(db, err) && check_contents(db, size, version_out, err);
    if (db)
        db_rollback(db);
    db_close(db);
    return ok;
}

bool
database_setting_check(struct str url, struct err *err)
{
    if (str_starts(url, STR("postgres://")) || str_starts(url, STR("postgresql://")))
        return true;
    struct str scheme, rest;
    if (str_cut(url, ':', &scheme, &rest) && str_starts(rest, STR("//")))
        return err_set(err, E_CONFIG, "`database` begins with \"%.*s://\": it is postgres://user@host/name, or left out for the "
                       "embedded database in the data folder", STR_ARG(str_slice(scheme, 0, scheme.len < 32 ? scheme.len : 32)));
    return str_find(url, '=') > 0 ||
           err_set(err, E_CONFIG, "`database` is postgres://user@host/name, or left out for the embedded database in the data folder");
}

/* Cuts our own word out of the connection string, with the separator in front of it (or, after '?', behind it). */
struct str
postgres_conninfo(struct arena *a, struct str url, bool *found_out)
{
    ptrdiff_t at = str_find_str(url, PREPARE_OFF);
    *found_out = at > 0;
    if (at <= 0)
        return url;
    struct str head = str_slice(url, 0, (size_t)at), tail = str_skip(url, (size_t)at + PREPARE_OFF.len);
    if (head.ptr[head.len - 1] == '?' && tail.len > 0)
        tail = str_skip(tail, 1);
    else
        head.len--;
    return str_join2(a, head, tail);
}
