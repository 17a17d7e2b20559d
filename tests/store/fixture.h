/*
 * What the store's tests share: the same suite on both databases.
 *
 * TIDEMARK_TEST_STORE says which: "sqlite" (default) or "postgres", which needs TIDEMARK_TEST_PG with a
 * connection string; without it the program ends with 77, "skipped". Each program has a database of its
 * own there, each test a fresh schema.
 */
#ifndef TIDEMARK_TESTS_STORE_FIXTURE_H
#define TIDEMARK_TESTS_STORE_FIXTURE_H

#include "base/test.h"

#include <dirent.h>
#include <libpq-fe.h>
#include <sqlite3.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/rng.h"
#include "sql.h"
#include "store/db_trace.h"
#include "store/schema_priv.h"
#include "store/store.h"
#include "store/store_connection.h"
#include "store/store_delete.h"
#include "store/store_event.h"
#include "store/store_idempotency.h"
#include "store/store_job.h"
#include "store/store_key.h"
#include "store/store_log.h"
#include "store/store_page.h"
#include "store/store_record.h"
#include "store/store_rejected.h"
#include "store/store_retention.h"
#include "store/store_run.h"
#include "store/store_state.h"
#include "store/store_stream.h"
#include "store/store_tenant.h"
#include "store/store_user.h"

#define NOW INT64_C(1795320000000000) /* 2026-11-22T04:00:00Z */
#define FIXTURE_ARENA_BYTES (256L * 1024 * 1024)

struct fixture {
    struct arena arena;
    struct err err;
    struct db *db;               /* a connection of the test's own, migrated; NULL when the test opens a store */
    char folder[64];
    struct tenant tenant;
    struct connection connection;
    struct stream stream;
};

static bool
on_postgres(void)
{
    const char *which = getenv("TIDEMARK_TEST_STORE");
    return which && strcmp(which, "postgres") == 0;
}

static char fixture_conninfo[512];

static void
pg_script(const char *conninfo, const char *text)
{
    PGconn *connection = PQconnectdb(conninfo);
    if (PQstatus(connection) != CONNECTION_OK)
        fail_msg("%s", PQerrorMessage(connection));
    PGresult *result = PQexec(connection, text);
    if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
        fail_msg("%s: %s", text, PQerrorMessage(connection));
    PQclear(result);
    PQfinish(connection);
}

/* A database of this program's own. */
static int
fixture_group_setup(void **state)
{
    (void)state;
    if (!on_postgres())
        return 0;
    const char *conninfo = getenv("TIDEMARK_TEST_PG");
    if (!conninfo) {
        fprintf(stderr, "skipped: TIDEMARK_TEST_PG is not set\n");
        exit(77);
    }
    char text[128], keep[400];
    snprintf(keep, sizeof(keep), "%s", conninfo);
    snprintf(text, sizeof(text), "CREATE DATABASE tidemark_test_%d", (int)getpid());
    pg_script(conninfo, text);
    char *dbname = strstr(keep, "dbname=");
    if (dbname)
        *dbname = '\0';
    snprintf(fixture_conninfo, sizeof(fixture_conninfo), "%s dbname=tidemark_test_%d", keep, (int)getpid());
    return 0;
}

static int
fixture_group_teardown(void **state)
{
    (void)state;
    if (!on_postgres())
        return 0;
    char text[128];
    snprintf(text, sizeof(text), "DROP DATABASE IF EXISTS tidemark_test_%d WITH (FORCE)", (int)getpid());
    pg_script(getenv("TIDEMARK_TEST_PG"), text);
    return 0;
}

static struct db *
fixture_connect(struct fixture *f)
{
    struct db *db;
    if (on_postgres()) {
        struct db_postgres_options options = {.conninfo = fixture_conninfo, .prepare = true, .clock = clock_system(),
                                              .lock_wait_ms = 60000, .idle_ms = 600000};
        db = db_postgres_open(&options, &f->err);
    } else {
        char path[128];
        snprintf(path, sizeof(path), "%s/tidemark.db", f->folder);
        db = db_sqlite_open(path, DB_SQLITE_WRITER, clock_system(), &f->err);
    }
    if (!db)
        fail_msg("cannot connect: %s", f->err.message);
    db->match_secret = 42;
    return db;
}

static struct store_options
fixture_options(struct fixture *f)
{
    return (struct store_options){.url = on_postgres() ? str_from_c(fixture_conninfo) : STR_NONE,
                                  .data_dir = str_from_c(f->folder), .clock = clock_system(), .migrate = true};
}

static struct fixture *
fixture_new(void)
{
    struct fixture *f = calloc(1, sizeof(*f));
    arena_init(&f->arena, FIXTURE_ARENA_BYTES);
    snprintf(f->folder, sizeof(f->folder), "/tmp/tidemark-store.XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    if (on_postgres())
        pg_script(fixture_conninfo, "SET client_min_messages = error; DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    return f;
}

static void
begin(struct fixture *f)
{
    assert_ok(db_begin_write(f->db, &f->err), f->err);
}

static void
commit(struct fixture *f)
{
    assert_ok(db_commit(f->db, &f->err), f->err);
}

/* A migrated database with a tenant, a connection of it and a stream "contacts". */
static struct fixture *
fixture_with_stream(void)
{
    struct fixture *f = fixture_new();
    f->db = fixture_connect(f);
    assert_ok(schema_migrate(f->db, NOW, &f->err), f->err);
    begin(f);
    assert_ok(store_tenant_ensure_default(f->db, &f->arena, NOW, &f->tenant, NULL, &f->err), f->err);
    f->connection = (struct connection){.tenant = f->tenant.id, .template_name = STR("acme"), .name = STR("Acme"),
                                        .enabled = true, .config = STR("{}")};
    assert_ok(store_connection_create(f->db, &f->arena, &f->connection, NOW, &f->err), f->err);
    assert_ok(store_stream_ensure(f->db, &f->arena, f->tenant.id, f->connection.id, STR("people"), STR("contacts"),
                                  &f->stream, &f->err), f->err);
    commit(f);
    return f;
}

static void
fixture_free(struct fixture *f)
{
    if (f->db)
        db_rollback(f->db);
    db_close(f->db);
    DIR *dir = opendir(f->folder);
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        char path[400];
        snprintf(path, sizeof(path), "%s/%s", f->folder, entry->d_name);
        if (entry->d_name[0] != '.')
            unlink(path);
    }
    if (dir)
        closedir(dir);
    rmdir(f->folder);
    arena_release(&f->arena);
    free(f);
}

/* Around each test of a file that has no such functions of its own (script/gen-test-main.py). */
static int
fixture_setup(void **state)
{
    *state = fixture_with_stream();
    return 0;
}

static int
fixture_teardown(void **state)
{
    fixture_free(*state);
    return 0;
}

static int64_t
sqlite_number(const char *path, const char *text)
{
    sqlite3 *handle;
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_open_v2(path, &handle, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    sqlite3_exec(handle, "PRAGMA wal_autocheckpoint=0", NULL, NULL, NULL);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    if (sqlite3_prepare_v2(handle, text, -1, &statement, NULL) != SQLITE_OK)
        fail_msg("%s: %s", text, sqlite3_errmsg(handle));
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(handle);
    return number;
}

/* The first column of the first row of plain SQL, through a connection of its own so that only what is committed counts. */
static int64_t
sql_number(struct fixture *f, const char *text)
{
    int64_t number = 0;
    if (on_postgres()) {
        PGconn *connection = PQconnectdb(fixture_conninfo);
        PGresult *result = PQexec(connection, text);
        if (PQresultStatus(result) != PGRES_TUPLES_OK)
            fail_msg("%s: %s", text, PQerrorMessage(connection));
        assert_true(str_to_i64(str_from_c(PQgetvalue(result, 0, 0)), INT64_MIN, INT64_MAX, &number) ||
                    PQgetisnull(result, 0, 0));
        PQclear(result);
        PQfinish(connection);
        return number;
    }
    char path[128];
    snprintf(path, sizeof(path), "%s/tidemark.db", f->folder);
    return sqlite_number(path, text);
}

static int64_t
fixture_add_record(struct fixture *f, const char *external, const char *name)
{
    struct record_write record = {.title = str_from_c(name),
                                  .data = str_format(&f->arena, "{\"name\":\"%s\"}", name)};
    uuid_v7_now(record.uuid);
    assert_ok(store_records_insert(f->db, f->tenant.id, f->stream.collection, &record, 1, NOW, &f->err), f->err);
    struct map_write map = {.record = record.record, .external_id = str_from_c(external), .raw = STR("raw")};
    assert_ok(store_maps_write(f->db, f->tenant.id, f->stream.id, &map, 1, NOW, NOW, &f->err), f->err);
    return record.record;
}

static struct run
fixture_data_and_run(struct fixture *f)
{
    struct run run;
    struct run_new ask = {.tenant = f->tenant.id, .connection = f->connection.id};
    struct run_claim claim = {STR("a"), NOW, NOW + US_PER_HOUR};
    begin(f);
    fixture_add_record(f, "ext-1", "Ana");
    fixture_add_record(f, "ext-2", "Bo");
    assert_ok(store_run_create(f->db, &f->arena, &ask, NOW, &run, &f->err), f->err);
    assert_int_equal(store_run_claim(f->db, &f->arena, &claim, &run, &f->err), ROW_FOUND);
    assert_ok(store_log_append(f->db, &f->arena, f->tenant.id, run.id, STR("{}\n"), 1, NOW, &f->err), f->err);
    assert_ok(store_state_save(f->db, f->tenant.id, f->stream.id, STR(""), STR("{}"), NOW, &f->err), f->err);
    commit(f);
    return run;
}

#endif
