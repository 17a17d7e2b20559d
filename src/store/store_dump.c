/*
 * PostgreSQL into a file and back.
 *
 * All tables are read inside one REPEATABLE READ transaction, so the file is one committed moment, whatever is
 * written meanwhile (I-40). Loading makes the schema as old as the file, loads all rows in one transaction
 * that also raises the epochs of runs, and then brings the schema up to date: a file of an older program is
 * welcome, one of a newer program is refused.
 */
#include <unistd.h>

#include "sql.h"
#include "store/schema_priv.h"
#include "store/store_backup.h"
#include "store/store_dump_priv.h"
#include "store/store_open.h"
#include "store/store_run.h"

#define DUMP_FORMAT "tidemark-dump 1 "
#define TABLES_MAX 512

static struct db *
open_database(struct arena *a, struct str url, const struct clock *clock, struct err *err)
{
    bool prepare_off = false;
    if (!database_setting_check(url, err))
        return NULL;
    struct db_postgres_options options = {.conninfo = str_cstr(a, postgres_conninfo(a, url, &prepare_off)), .clock = clock};
    options.prepare = !prepare_off;
    if (options.conninfo)
        return db_postgres_open(&options, err);
    err_no_memory(err);
    return NULL;
}

/* ---- out ---- */

struct dump_table {
    char *name, *columns, *command;
};

struct dump {
    struct arena *a;
    struct db *db;
    struct dump_writer *writer;
    struct dump_table tables[TABLES_MAX];
    size_t table_count;
};

static char *
column_copy(struct dump *d, struct db_rows *rows, unsigned column)
{
    return str_cstr(d->a, db_column_text(rows, column));
}

/* A schema may be shared with other programs: only tables that a migration made are ours. */
static bool
list_tables(struct dump *d, struct err *err)
{
    struct db_rows rows;
    if (!db_query(d->db, SQL_DUMP_TABLES, DB_NO_ARGS, &rows, err))
        return false;
    enum row row;
    while ((row = db_next(&rows, err)) == ROW_FOUND) {
        if (!schema_has_table(db_column_text(&rows, 0)))
            continue;
        struct dump_table t = {column_copy(d, &rows, 0), column_copy(d, &rows, 1), column_copy(d, &rows, 2)};
        bool fits = d->table_count < TABLES_MAX && t.name && t.columns && t.command;
        if (fits) {
            d->tables[d->table_count++] = t;
            continue;
        }
        db_finish(&rows);
        return err_no_memory(err);
    }
    return row == ROW_NONE;
}

static bool
take_rows(void *ctx, struct str bytes, struct err *err)
{
    struct dump *d = ctx;
    return dump_write_rows(d->writer, bytes, err);
}

static bool
write_tables(struct dump *d, struct err *err)
{
    for (size_t i = 0; i < d->table_count; i++) {
        const struct dump_table *t = &d->tables[i];
        if (!dump_write_line(d->writer, err, "table %s %s", t->name, t->columns) ||
            !db_postgres_copy_out(d->db, t->command, take_rows, d, err))
            return err_prefix(err, "table %s: ", t->name);
    }
    return true;
}

/* Read after the rows: a sequence is never behind what was dumped. */
static bool
write_sequences(struct dump *d, struct err *err)
{
    struct db_rows rows;
    if (!db_query(d->db, SQL_DUMP_SEQUENCES, DB_NO_ARGS, &rows, err))
        return false;
    enum row row;
    while ((row = db_next(&rows, err)) == ROW_FOUND) {
        struct str name = db_column_text(&rows, 0);
        if (dump_write_line(d->writer, err, "sequence %.*s %lld", STR_ARG(name), (long long)db_column_i64(&rows, 1)))
            continue;
        db_finish(&rows);
        return false;
    }
    return row == ROW_NONE;
}

static bool
write_all(struct dump *d, struct err *err)
{
    int version = 0;
    if (!db_begin_read(d->db, err))
        return false;
    bool ok = schema_version(d->db, &version, err);
    if (ok && version == 0)
        ok = err_set(err, E_NOT_FOUND, "There is nothing to back up: this database has no tables of ours");
    ok = ok && list_tables(d, err) && dump_write_line(d->writer, err, DUMP_FORMAT "%d", version) && write_tables(d, err) &&
         write_sequences(d, err) && dump_write_line(d->writer, err, "end") && dump_writer_finish(d->writer, err);
    db_rollback(d->db);
    return ok;
}

bool
store_dump(struct arena *a, struct str url, struct str to, const struct clock *clock, struct err *err)
{
    char *path = str_cstr(a, to), *half = str_cstr(a, str_format(a, "%.*s.half.%d", STR_ARG(to), (int)getpid()));
    struct dump *d = ARENA_NEW(a, struct dump);
    if (!path || !half || !d)
        return err_no_memory(err);
    if (access(path, F_OK) == 0)
        return err_set(err, E_CONFLICT, "%s exists already: choose another name", path);
    d->a = a;
    d->db = open_database(a, url, clock, err);
    d->writer = d->db ? dump_writer_new(half, err) : NULL;
    bool ok = d->writer && write_all(d, err);
    dump_writer_free(d->writer);
    db_close(d->db);
    ok = ok && backup_publish(half, path, err);
    unlink(half);
    return ok;
}

/* ---- in ---- */

struct load {
    struct arena *a;
    struct db *db;
    struct dump_reader *reader;
    struct str next;         /* the line behind the rows of a table; lives until the reader moves on */
    bool has_next;
};

static bool
fail_damaged(struct err *err)
{
    return err_set(err, E_STORE_CORRUPT, "The file is no backup of this program, or it is damaged or cut");
}

static bool
next_line(struct load *l, struct str *line_out, struct err *err)
{
    if (!l->has_next)
        return dump_read_line(l->reader, line_out, err);
    *line_out = l->next;
    l->has_next = false;
    return true;
}

/* The rows of one table: as many "rows" lines as there are. */
static bool
give_rows(void *ctx, struct str *bytes_out, struct err *err)
{
    struct load *l = ctx;
    int64_t bytes;
    if (l->has_next) {
        *bytes_out = STR("");
        return true;
    }
    if (!dump_read_line(l->reader, &l->next, err))
        return false;
    if (!str_starts(l->next, STR("rows "))) {
        l->has_next = true;
        *bytes_out = STR("");
        return true;
    }
    return (str_to_i64(str_skip(l->next, 5), 1, INT64_MAX, &bytes) || fail_damaged(err)) &&
           dump_read_rows(l->reader, (size_t)bytes, bytes_out, err);
}

static bool
load_table(struct load *l, struct str words, struct err *err)
{
    struct str name, columns;
    struct db_rows rows;
    if (!str_cut(words, ' ', &name, &columns) || !schema_has_table(name))
        return fail_damaged(err);
    if (db_query_row(l->db, SQL_DUMP_COPY_IN, DB_ARGS(DB_T(name), DB_T(columns)), &rows, err) != ROW_FOUND)
        return false;
    char *command = str_cstr(l->a, db_column_text(&rows, 0));
    db_finish(&rows);
    return command ? db_postgres_copy_in(l->db, command, give_rows, l, err) : err_no_memory(err);
}

static bool
load_sequence(struct load *l, struct str words, struct err *err)
{
    struct str name, number;
    int64_t value, set;
    if (!str_cut(words, ' ', &name, &number) || !str_to_i64(number, 0, INT64_MAX, &value))
        return fail_damaged(err);
    return db_query_i64(l->db, SQL_DUMP_SET_SEQUENCE, DB_ARGS(DB_T(name), DB_I(value)), &set, err) != ROW_FAILED;
}

static bool
load_lines(struct load *l, struct err *err)
{
    for (;;) {
        struct str line;
        if (!next_line(l, &line, err))
            return false;
        bool ok;
        if (str_eq_c(line, "end"))
            return true;
        if (str_starts(line, STR("table ")))
            ok = load_table(l, str_skip(line, 6), err);
        else if (str_starts(line, STR("sequence ")))
            ok = load_sequence(l, str_skip(line, 9), err);
        else
            ok = fail_damaged(err);
        if (!ok)
            return false;
    }
}

/* Somebody's data is not overwritten: a person makes a new database, or empties this one. */
static bool
check_empty(struct load *l, struct err *err)
{
    int64_t tenants = 0;
    if (db_query_i64(l->db, SQL_DUMP_TENANTS, DB_NO_ARGS, &tenants, err) == ROW_FAILED)
        return false;
    return tenants == 0 ||
           err_set(err, E_CONFLICT, "This database has data: restore into a new one (createdb) and point `database` at it");
}

static bool
load_rows(struct load *l, const struct clock *clock, struct err *err)
{
    if (!db_begin_write(l->db, err))
        return false;
    bool ok = check_empty(l, err) && db_exec(l->db, SQL_DUMP_CLEAR_META, DB_NO_ARGS, NULL, err) && load_lines(l, err) &&
              db_exec(l->db, SQL_DUMP_FEED_PLACES, DB_NO_ARGS, NULL, err) &&
              db_exec(l->db, SQL_DUMP_FEED, DB_NO_ARGS, NULL, err) &&
              store_run_raise_epochs(l->db, clock_wall_us(clock), err);
    if (ok)
        return db_commit(l->db, err);
    db_rollback(l->db);
    return false;
}

static bool
read_version(struct load *l, int64_t *version_out, struct err *err)
{
    struct str line;
    if (!dump_read_line(l->reader, &line, err))
        return false;
    if (!str_starts(line, STR(DUMP_FORMAT)) || !str_to_i64(str_skip(line, sizeof(DUMP_FORMAT) - 1), 1, 1000000, version_out))
        return fail_damaged(err);
    return *version_out <= (int64_t)migration_count ||
           err_set(err, E_STORE_NEWER, "The backup has schema %d, this program knows %u: use the newer program",
                   (int)*version_out, migration_count);
}

static bool
load_all(struct load *l, const struct clock *clock, struct err *err)
{
    int64_t version;
    int present = 0;
    if (!read_version(l, &version, err) || !schema_migrate_to(l->db, (int)version, clock_wall_us(clock), err) ||
        !db_begin_read(l->db, err))
        return false;
    bool ok = schema_version(l->db, &present, err) &&
              (present == version || err_set(err, E_CONFLICT, "This database is newer than the backup: restore into a new one"));
    db_rollback(l->db);
    return ok && load_rows(l, clock, err) && schema_migrate(l->db, clock_wall_us(clock), err);
}

bool
store_dump_load(struct arena *a, struct str url, struct str from, const struct clock *clock, struct err *err)
{
    char *path = str_cstr(a, from);
    if (!path)
        return err_no_memory(err);
    struct load l = {.a = a};
    l.reader = dump_reader_new(path, err);
    l.db = l.reader ? open_database(a, url, clock, err) : NULL;
    bool ok = l.db && load_all(&l, clock, err);
    db_close(l.db);
    dump_reader_free(l.reader);
    return ok;
}
