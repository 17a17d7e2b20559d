/*
 * The schema: migrations that survive a kill, databases that are refused, tenants in every key, views.
 */
#include "tests/store/fixture.h"

#include <pthread.h>

static int
setup(void **state)
{
    *state = fixture_new();
    return 0;
}

static void
script(struct fixture *f, const char *text)
{
    begin(f);
    assert_ok(db_script(f->db, text, &f->err), f->err);
    commit(f);
}

static void
test_every_statement_can_be_prepared(void **state)
{
    struct fixture *f = *state;
    f->db = fixture_connect(f);
    assert_ok(schema_migrate(f->db, NOW, &f->err), f->err);
    PGconn *pg = on_postgres() ? PQconnectdb(fixture_conninfo) : NULL;
    sqlite3 *lite = NULL;
    char path[128];
    snprintf(path, sizeof(path), "%s/tidemark.db", f->folder);
    if (!pg)
        assert_int_equal(sqlite3_open_v2(path, &lite, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    for (unsigned i = 0; i < SQL_COUNT; i++) {
        const struct db_statement *s = &sql_statements[i];
        if (pg && s->postgres) {
            PGresult *result = PQprepare(pg, s->name, s->postgres, 0, NULL);
            if (PQresultStatus(result) != PGRES_COMMAND_OK)
                fail_msg("%s: %s", s->name, PQerrorMessage(pg));
            PQclear(result);
        }
        sqlite3_stmt *statement = NULL;
        if (lite && s->sqlite && sqlite3_prepare_v2(lite, s->sqlite, -1, &statement, NULL) != SQLITE_OK)
            fail_msg("%s: %s", s->name, sqlite3_errmsg(lite));
        if (statement)
            assert_int_equal(sqlite3_bind_parameter_count(statement), s->parameters);
        sqlite3_finalize(statement);
    }
    sqlite3_close(lite);
    PQfinish(pg);
}

/* An empty database again. */
static void
wipe(struct fixture *f)
{
    if (on_postgres())
        pg_script(fixture_conninfo, "SET client_min_messages = error; DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        char path[128];
        snprintf(path, sizeof(path), "%s/tidemark.db%s", f->folder, ends[i]);
        unlink(path);
    }
}

/* I-39, F37: whichever statement the process dies at, the next start brings the schema to its end. */
static void
test_a_migration_that_is_killed_at_any_statement_is_done_by_the_next(void **state)
{
    struct fixture *f = *state;
    bool failed = true;
    int64_t nth = 1;
    for (; failed; nth++) {
        wipe(f);
        struct db_trace trace = {.at = DB_TRACE_STATEMENT, .fail_at = nth};
        f->db = db_trace_wrap(fixture_connect(f), &trace);
        failed = !schema_migrate(f->db, NOW, &f->err);
        db_close(f->db);
        f->db = fixture_connect(f);
        assert_ok(schema_migrate(f->db, NOW, &f->err), f->err);
        assert_int_equal(sql_number(f, "SELECT count(*) FROM schema_migrations"), migration_count);
        assert_int_equal(sql_number(f, "SELECT count(*) FROM external_entity_maps"), 0);
        db_close(f->db);
        f->db = NULL;
    }
    assert_true(nth > 10);
}

/* ---- two new nodes on an empty PostgreSQL ---- */

struct node {
    struct fixture *f;
    pthread_t thread;
    struct err err;
    bool ok;
};

static void *
migrate_as_node(void *ctx)
{
    struct node *n = ctx;
    struct db_postgres_options options = {.conninfo = fixture_conninfo, .prepare = true, .clock = clock_system()};
    struct db *db = db_postgres_open(&options, &n->err);
    n->ok = db && schema_migrate(db, NOW, &n->err);
    db_close(db);
    return NULL;
}

/* I-39, F37: one at a time does each step, the others find it done. */
static void
test_nodes_that_migrate_at_once_do_each_step_once(void **state)
{
    struct node nodes[4];
    if (!on_postgres())
        return; /* one process owns the file */
    for (size_t i = 0; i < ARRAY_LEN(nodes); i++) {
        nodes[i] = (struct node){.f = *state};
        assert_int_equal(pthread_create(&nodes[i].thread, NULL, migrate_as_node, &nodes[i]), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(nodes); i++) {
        pthread_join(nodes[i].thread, NULL);
        assert_ok(nodes[i].ok, nodes[i].err);
    }
    assert_int_equal(sql_number(*state, "SELECT count(*) FROM schema_migrations"), migration_count);
    assert_int_equal(sql_number(*state, "SELECT count(*) FROM external_entity_maps"), 0);
}

static void
test_the_schema_is_brought_up_to_date_once(void **state)
{
    struct fixture *f = *state;
    f->db = fixture_connect(f);
    assert_ok(schema_migrate(f->db, NOW, &f->err), f->err);
    assert_ok(schema_migrate(f->db, NOW + 1, &f->err), f->err);
    assert_int_equal(sql_number(f, "SELECT count(*) FROM schema_migrations"), migration_count);
}

static void
test_a_view_that_is_gone_or_old_is_made_anew(void **state)
{
    struct fixture *f = *state;
    f->db = fixture_connect(f);
    assert_ok(schema_migrate(f->db, NOW, &f->err), f->err);
    script(f, "DROP VIEW contacts; UPDATE meta SET value = 'old' WHERE name = 'views'");
    assert_ok(schema_migrate(f->db, NOW, &f->err), f->err);
    assert_int_equal(sql_number(f, "SELECT count(*) FROM contacts"), 0);
}

static char *
file_bytes(struct fixture *f, size_t *len)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/tidemark.db", f->folder);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *bytes = malloc(4 << 20);
    *len = fread(bytes, 1, 4 << 20, file);
    fclose(file);
    return bytes;
}

static void
assert_refused_untouched(struct fixture *f, enum err_code code)
{
    size_t before_len = 0, after_len = 0;
    char *before = on_postgres() ? NULL : file_bytes(f, &before_len);
    struct store_options options = fixture_options(f);
    struct store *store = store_open(&options, &f->err);
    assert_null(store);
    if (f->err.code != code)
        fail_msg("expected %s, got %s: %s", err_name(code), err_name(f->err.code), f->err.message);
    if (before) {
        char *after = file_bytes(f, &after_len);
        assert_int_equal(before_len, after_len);
        assert_memory_equal(before, after, before_len);
        free(after);
    }
    free(before);
}

/* F6, I-39 */
static void
test_a_newer_database_is_refused_untouched(void **state)
{
    struct fixture *f = *state;
    f->db = fixture_connect(f);
    assert_ok(schema_migrate(f->db, NOW, &f->err), f->err);
    script(f, "INSERT INTO schema_migrations (number, name, applied_at) VALUES (999, 'from the future', 0)");
    db_close(f->db);
    f->db = NULL;
    assert_refused_untouched(f, E_STORE_NEWER);
}

/* F6 */
static void
test_a_damaged_or_foreign_file_is_refused_untouched(void **state)
{
    struct fixture *f = *state;
    if (on_postgres())
        return;
    char path[128];
    snprintf(path, sizeof(path), "%s/tidemark.db", f->folder);
    FILE *file = fopen(path, "wb");
    fputs("this is no database at all, but somebody's notes", file);
    fclose(file);
    assert_refused_untouched(f, E_STORE_CORRUPT);
    unlink(path);
    f->db = fixture_connect(f); /* a database, but not ours */
    script(f, "CREATE TABLE recipes (id INTEGER); CREATE TABLE cooks (id INTEGER)");
    db_close(f->db);
    assert_refused_untouched(f, E_STORE_CORRUPT);
    unlink(path);
    f->db = fixture_connect(f);
    assert_ok(schema_migrate(f->db, NOW, &f->err), f->err);
    db_close(f->db);
    f->db = NULL;
    file = fopen(path, "r+b"); /* ours, with a page overwritten */
    fseek(file, 4096 * 9 + 3, SEEK_SET);
    for (int i = 0; i < 4000; i++)
        fputc(0x5a, file);
    fclose(file);
    assert_refused_untouched(f, E_STORE_CORRUPT);
}

static void
test_an_older_schema_is_refused_by_tools_that_may_not_migrate(void **state)
{
    struct fixture *f = *state;
    f->db = fixture_connect(f);
    db_close(f->db);
    f->db = NULL;
    struct store_options options = fixture_options(f);
    options.migrate = false;
    assert_null(store_open(&options, &f->err));
    assert_int_equal(f->err.code, E_STORE);
}

static void
test_one_process_owns_the_folder(void **state)
{
    struct fixture *f = *state;
    if (on_postgres())
        return;
    struct store_options options = fixture_options(f);
    struct store *first = store_open(&options, &f->err);
    assert_non_null(first);
    assert_null(store_open(&options, &f->err));
    assert_int_equal(f->err.code, E_STORE_LOCKED);
    store_close(first);
    first = store_open(&options, &f->err);
    assert_non_null(first);
    store_close(first);
}

/* design, section 5: a distributed PostgreSQL can place rows by tenant, row policies can guard them. */
static void
test_every_table_of_tenants_data_has_the_tenant_first_in_its_keys(void **state)
{
    struct fixture *f = *state;
    f->db = fixture_connect(f);
    assert_ok(schema_migrate(f->db, NOW, &f->err), f->err);
    const char *without = on_postgres()
        ? "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'"
          " WHERE c.relkind = 'r' AND c.relname NOT IN ('meta', 'templates', 'tenants', 'schema_migrations') AND NOT EXISTS"
          " (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant' AND a.attnotnull)"
        : "SELECT count(*) FROM sqlite_master m WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'"
          " AND m.name NOT LIKE 'search_text%' AND m.name NOT IN" /* FTS5's: its rows are those of records */
          " ('meta', 'templates', 'tenants', 'schema_migrations', 'sequences') AND NOT EXISTS"
          " (SELECT 1 FROM pragma_table_info(m.name) t WHERE t.name = 'tenant' AND t.\"notnull\" = 1)";
    assert_int_equal(sql_number(f, without), 0);
    if (!on_postgres())
        return;
    assert_int_equal(sql_number(f, "SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid"
        " JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'"
        " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]"
        " WHERE i.indisunique AND c.relname NOT IN ('meta', 'templates', 'tenants', 'schema_migrations') AND a.attname <> 'tenant'"), 0);
}

/* contract, section 3: exactly these columns, in this order. */
static void
test_the_views_have_the_documented_columns(void **state)
{
    struct fixture *f = *state;
    static const char *const documented[][2] = {
        {"external_entity_maps", "id,company_id,provider,connection_id,entity_type,external_id,internal_id,fingerprint,created_at,"
                                 "updated_at,deleted_at"},
        {"contacts", "id,tenant_id,name,email,phone,timezone,custom_fields,created_at,updated_at,deleted_at"},
        {"conversations", "id,tenant_id,contact_id,status,metadata,created_at,updated_at,deleted_at"},
        {"messages", "id,tenant_id,conversation_id,contact_id,direction,type,content,sent_at,metadata,created_at,updated_at,"
                     "deleted_at"},
        {"orders", "id,tenant_id,customer_id,number,status,total,currency,email,ordered_at,items,custom_fields,created_at,updated_at,"
                   "deleted_at"},
    };
    f->db = fixture_connect(f);
    assert_ok(schema_migrate(f->db, NOW, &f->err), f->err);
    for (size_t i = 0; i < ARRAY_LEN(documented); i++) {
        char text[900];
        if (on_postgres())
            snprintf(text, sizeof(text), "SELECT count(*) FROM (SELECT string_agg(column_name, ',' ORDER BY ordinal_position) AS l"
                     " FROM information_schema.columns WHERE table_name = '%s') x WHERE l = '%s'", documented[i][0], documented[i][1]);
        else
            snprintf(text, sizeof(text), "SELECT count(*) FROM (SELECT group_concat(name) AS l FROM pragma_table_info('%s'))"
                     " WHERE l = '%s'", documented[i][0], documented[i][1]);
        if (sql_number(f, text) != 1)
            fail_msg("view %s has other columns", documented[i][0]);
    }
}

static void
test_the_documents_query_shows_the_map(void **state)
{
    fixture_free(*state);
    struct fixture *f = *state = fixture_with_stream();
    struct record_write record = {.data = STR("{\"name\":\"Ana\",\"email\":\"ana@example.com\",\"customFields\":{\"vip\":true}}"),
                                  .title = STR("Ana")};
    uuid_v7_now(record.uuid);
    begin(f);
    assert_ok(store_records_insert(f->db, f->tenant.id, f->stream.collection, &record, 1, NOW, &f->err), f->err);
    struct map_write map = {.record = record.record, .external_id = STR("77")};
    assert_ok(store_maps_write(f->db, f->tenant.id, f->stream.id, &map, 1, NOW, NOW, &f->err), f->err);
    commit(f);
    assert_int_equal(sql_number(f, "SELECT count(*) FROM external_entity_maps WHERE provider = 'acme' AND entity_type = 'contacts'"
                                   " AND external_id = '77' AND length(fingerprint) = 32"
                                   " AND internal_id = (SELECT id FROM contacts WHERE name = 'Ana' AND email = 'ana@example.com')"), 1);
}
