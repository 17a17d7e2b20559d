/*
 * The embedded database's backup. Copying the file while the server writes would give a torn one; this reads through
 * the database's own means, as one more reader.
 */
#include "store/store_backup.h"

#include "store/store_dump_priv.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#define BUSY_MS 10000

struct copying {
    char *from, *to, *half;       /* half: the copy until it is whole */
    sqlite3 *source, *target;
    struct err *err;
};

static bool
refuse(struct copying *c, enum err_code code, const char *what, sqlite3 *database)
{
    return err_set(c->err, code, "%s: %s", what, database ? sqlite3_errmsg(database) : "not enough memory");
}

/* Checkpoints are the owner's; a reader must not make one when it closes. */
static bool
open_source(struct copying *c)
{
    if (access(c->from, R_OK) != 0)
        return err_set(c->err, E_NOT_FOUND, "There is no database %s", c->from);
    if (sqlite3_open_v2(c->from, &c->source, SQLITE_OPEN_READONLY | SQLITE_OPEN_FULLMUTEX, NULL) != SQLITE_OK)
        return refuse(c, E_STORE, "The database cannot be opened", c->source);
    sqlite3_busy_timeout(c->source, BUSY_MS);
    sqlite3_db_config(c->source, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    return true;
}

static bool
open_target(struct copying *c)
{
    int fd = open(c->half, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(c->err, E_UNAVAILABLE, "%s cannot be written", c->half);
    close(fd);
    if (sqlite3_open_v2(c->half, &c->target, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
        return refuse(c, E_UNAVAILABLE, "The copy cannot be opened", c->target);
    return true;
}

/* One step over all pages is one read transaction: the copy is one moment, whatever is written meanwhile. */
static bool
copy_pages(struct copying *c)
{
    sqlite3_backup *backup = sqlite3_backup_init(c->target, "main", c->source, "main");
    if (!backup)
        return refuse(c, E_STORE, "The copy could not begin", c->target);
    int code = sqlite3_backup_step(backup, -1);
    sqlite3_backup_finish(backup);
    if (code == SQLITE_DONE)
        return true;
    if (code == SQLITE_FULL)
        return err_set(c->err, E_STORE_FULL, "The disk is full");
    return refuse(c, E_STORE, "The copy failed", c->target);
}

static int
first_text(void *ctx, int count, char **values, char **names)
{
    (void)names;
    bool *good = ctx;
    *good = count > 0 && values[0] && str_eq_c(STR("ok"), values[0]);
    return 0;
}

/* The journal mode is made plain, so that the copy is one file; then it is read through. */
static bool
check_copy(struct copying *c)
{
    bool good = false;
    if (sqlite3_exec(c->target, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_exec(c->target, "PRAGMA quick_check(1)", first_text, &good, NULL) != SQLITE_OK)
        return refuse(c, E_STORE_CORRUPT, "The copy cannot be read back", c->target);
    return good || err_set(c->err, E_STORE_CORRUPT, "The database is damaged: the copy does not pass its check");
}

/* Data first, then its name: after a power cut there is a whole copy or none. */
bool
backup_publish(const char *half, const char *to, struct err *err)
{
    int fd = open(half, O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    ok = ok && link(half, to) == 0;
    return ok || err_set(err, access(to, F_OK) == 0 ? E_CONFLICT : E_UNAVAILABLE, "%s cannot be made", to);
}

bool
store_backup_file(struct arena *a, struct str from, struct str to, struct err *err)
{
    struct copying c = {.from = str_cstr(a, from), .to = str_cstr(a, to), .err = err};
    c.half = str_cstr(a, str_format(a, "%.*s.half.%d", STR_ARG(to), (int)getpid()));
    if (!c.from || !c.to || !c.half)
        return err_no_memory(err);
    if (access(c.to, F_OK) == 0)
        return err_set(err, E_CONFLICT, "%s exists already: choose another name", c.to);
    bool ok = open_source(&c) && open_target(&c) && copy_pages(&c) && check_copy(&c);
    sqlite3_close(c.source);
    sqlite3_close(c.target);
    ok = ok && backup_publish(c.half, c.to, err);
    unlink(c.half);
    return ok;
}
