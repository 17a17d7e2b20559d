/*
 * Migrations: what is missing is applied in order, each in one transaction with the row that says so.
 *
 * Killed anywhere, the next start goes on with the same migration from its beginning. Views name columns,
 * so they are dropped before a migration and made anew inside the last one; a changed view without a
 * migration is noticed by its digest and rebuilt too.
 */
#include "store/schema_priv.h"

#include <xxhash.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/log.h"
#include "sql.h"

#define DROP_TEXT_BYTES (64 * 1024)

static const char create_table[] =
    "CREATE TABLE IF NOT EXISTS schema_migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at BIGINT NOT NULL)";

static bool
is_sqlite(const struct db *db)
{
    return db_can(db, DB_ONE_WRITER);
}

bool
schema_version(struct db *db, int *version_out, struct err *err)
{
    int64_t exists = 0, version = 0;
    if (db_query_i64(db, SQL_SCHEMA_EXISTS, DB_NO_ARGS, &exists, err) == ROW_FAILED)
        return false;
    if (exists && db_query_i64(db, SQL_SCHEMA_VERSION, DB_NO_ARGS, &version, err) == ROW_FAILED)
        return false;
    if (version > (int64_t)migration_count)
        return err_set(err, E_STORE_NEWER, "The database has schema %d, this program knows %u: use the newer program",
                       (int)version, migration_count);
    *version_out = (int)version;
    return true;
}

static bool
drop_views(struct db *db, struct err *err)
{
    struct buf text;
    buf_init(&text, DROP_TEXT_BYTES);
    for (unsigned i = 0; i < view_count; i++)
        buf_addf(&text, "DROP VIEW IF EXISTS %s;\n", views[i].name);
    buf_add_char(&text, '\0');
    bool ok = buf_ok(&text) ? db_script(db, text.ptr, err) : err_no_memory(err);
    buf_release(&text);
    return ok;
}

static void
views_digest(const struct db *db, char digest[17])
{
    uint64_t hash = 0;
    for (unsigned i = 0; i < view_count; i++) {
        const char *text = is_sqlite(db) ? views[i].sqlite : views[i].postgres;
        hash = XXH3_64bits_withSeed(text, strlen(text), hash);
    }
    snprintf(digest, 17, "%016llx", (unsigned long long)hash);
}

static bool
create_views(struct db *db, struct err *err)
{
    char digest[17];
    views_digest(db, digest);
    for (unsigned i = 0; i < view_count; i++)
        if (!db_script(db, is_sqlite(db) ? views[i].sqlite : views[i].postgres, err))
            return err_prefix(err, "view %s: ", views[i].name);
    return db_exec(db, SQL_META_SET, DB_ARGS(DB_T(STR("views")), DB_T(str_from_c(digest))), NULL, err);
}

static bool
views_are_current(struct db *db, bool *current_out, struct err *err)
{
    char digest[17];
    views_digest(db, digest);
    struct db_rows rows;
    enum row row = db_query_row(db, SQL_META_GET, DB_ARGS(DB_T(STR("views"))), &rows, err);
    if (row == ROW_FAILED)
        return false;
    *current_out = row == ROW_FOUND && str_eq_c(db_column_text(&rows, 0), digest);
    db_finish(&rows);
    return true;
}

static bool
apply(struct db *db, const struct migration *m, int64_t now_us, struct err *err)
{
    if (!drop_views(db, err) || !db_script(db, is_sqlite(db) ? m->sqlite : m->postgres, err))
        return err_prefix(err, "migration %04d_%s: ", m->number, m->name);
    if (!db_exec(db, SQL_SCHEMA_APPLIED, DB_ARGS(DB_I(m->number), DB_T(str_from_c(m->name)), DB_I(now_us)), NULL, err))
        return false;
    log_write(LOG_INFO, "schema migration applied", LOG_I("number", m->number), LOG_C("name", m->name));
    return m->number < (int)migration_count || create_views(db, err);
}

/* One step inside its transaction. done_out: nothing was left to do. */
static bool
step(struct db *db, int last, int64_t now_us, bool *done_out, struct err *err)
{
    if (!is_sqlite(db) && (!db_exec(db, SQL_SCHEMA_PATIENCE, DB_NO_ARGS, NULL, err) ||
                           !db_exec(db, SQL_SCHEMA_LOCK, DB_NO_ARGS, NULL, err)))
        return false;
    if (!db_script(db, create_table, err))
        return false;
    int version;
    if (!schema_version(db, &version, err))
        return false;
    if (version < last)
        return apply(db, &migrations[version], now_us, err);
    if (version < (int)migration_count) {
        *done_out = true; /* stops on the way: the last one makes the views */
        return true;
    }
    if (!views_are_current(db, done_out, err))
        return false;
    return *done_out || (drop_views(db, err) && create_views(db, err));
}

bool
schema_migrate_to(struct db *db, int last, int64_t now_us, struct err *err)
{
    CHECK(last <= (int)migration_count);
    bool done = false;
    for (unsigned i = 0; i <= migration_count + 1 && !done; i++) {
        if (!db_begin_write(db, err))
            return false;
        if (!step(db, last, now_us, &done, err)) {
            db_rollback(db);
            return false;
        }
        if (!db_commit(db, err))
            return false;
    }
    CHECK(done);
    return true;
}

bool
schema_migrate(struct db *db, int64_t now_us, struct err *err)
{
    return schema_migrate_to(db, (int)migration_count, now_us, err);
}

bool
schema_has_table(struct str name)
{
    char text[128];
    int len = snprintf(text, sizeof(text), "CREATE TABLE %.*s (", STR_ARG(name));
    for (unsigned i = 0; i < migration_count && len > 0 && (size_t)len < sizeof(text); i++)
        if (strstr(migrations[i].postgres, text))
            return true;
    return false;
}
