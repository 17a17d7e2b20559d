/*
 * The drivers: values go in and out as they are, deferred statements fail in time, scripted ones prove what was asked.
 */
#include "tests/store/fixture.h"

#include "store/db_script.h"

static bool
set_meta(struct fixture *f, const char *name, struct str value)
{
    return db_exec(f->db, SQL_META_SET, DB_ARGS(DB_T(str_from_c(name)), DB_T(value)), NULL, &f->err);
}

static void
test_texts_and_bytes_come_back_as_they_went_in(void **state)
{
    struct fixture *f = *state;
    static const char bytes[] = "\x00\xff\x01 zero and more\x00";
    struct str texts[] = {STR(""), STR("plain"), STR("O'Brien \"quoted\" \\ back"), STR("S\xc3\xa3o Paulo \xf0\x9f\x8c\x8a")};
    begin(f);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct db_rows rows;
        assert_ok(set_meta(f, "text", texts[i]), f->err);
        assert_int_equal(db_query_row(f->db, SQL_META_GET, DB_ARGS(DB_T(STR("text"))), &rows, &f->err), ROW_FOUND);
        assert_false(db_column_is_null(&rows, 0));
        assert_true(str_eq(db_column_text(&rows, 0), texts[i]));
        db_finish(&rows);
    }
    struct record_write record = {.data = STR("{\"n\":90071992547409931,\"m\":\"12.50\"}")}; /* I-10 */
    uuid_v7_now(record.uuid);
    assert_ok(store_records_insert(f->db, f->tenant.id, f->stream.collection, &record, 1, NOW, &f->err), f->err);
    struct str raw = {bytes, sizeof(bytes)}, back;
    struct map_write map = {.record = record.record, .external_id = STR("1"), .raw = raw};
    assert_ok(store_maps_write(f->db, f->tenant.id, f->stream.id, &map, 1, NOW, NOW, &f->err), f->err);
    assert_int_equal(store_record_raw(f->db, &f->arena, f->tenant.id, map.map, &back, &f->err), ROW_FOUND);
    assert_int_equal(back.len, raw.len);
    assert_memory_equal(back.ptr, raw.ptr, raw.len);
    assert_int_equal(store_record_data(f->db, &f->arena, f->tenant.id, record.record, &back, &f->err), ROW_FOUND);
    assert_str(back, "{\"n\":90071992547409931,\"m\":\"12.50\"}");
    commit(f);
}

static void
test_two_results_of_one_statement_can_be_read_at_once(void **state)
{
    struct fixture *f = *state;
    struct db_rows outer, inner;
    begin(f);
    struct tenant other = {.key = STR("other"), .name = STR("x")};
    assert_ok(store_tenant_create(f->db, &f->arena, &other, NOW, &f->err), f->err);
    assert_ok(db_query(f->db, SQL_TENANT_LIST, DB_ARGS(DB_I(0), DB_I(10), DB_I(0)), &outer, &f->err), f->err);
    unsigned seen = 0;
    while (db_next(&outer, &f->err) == ROW_FOUND) {
        assert_int_equal(db_query_row(f->db, SQL_TENANT_LIST, DB_ARGS(DB_I(0), DB_I(10), DB_I(0)), &inner, &f->err), ROW_FOUND);
        db_finish(&inner);
        seen++;
    }
    assert_int_equal(seen, 2);
    commit(f);
}

/* I-2: the last statements of a page are deferred; one that fails takes the page with it. */
static void
test_a_deferred_statement_that_fails_fails_the_commit(void **state)
{
    struct fixture *f = *state;
    bool ok = true;
    begin(f);
    assert_ok(set_meta(f, "before", STR("x")), f->err);
    for (int i = 0; ok && i < 2; i++) /* the same page row twice */
        ok = db_defer(f->db, SQL_RUN_PAGE_INSERT,
                      DB_ARGS(DB_I(f->tenant.id), DB_I(1), DB_I(1), DB_I(1), DB_NULL, DB_I(0), DB_I(0), DB_I(0), DB_I(0), DB_I(0),
                              DB_I(0), DB_I(0), DB_I(NOW)), &f->err);
    if (ok)
        assert_fails_with(db_commit(f->db, &f->err), f->err, E_CONFLICT);
    else
        db_rollback(f->db);
    assert_int_equal(f->err.code, E_CONFLICT);
    assert_int_equal(sql_number(f, "SELECT count(*) FROM run_pages"), 0);
    assert_int_equal(sql_number(f, "SELECT count(*) FROM meta WHERE name = 'before'"), 0);
}

static void
test_a_deferred_statement_that_must_change_a_row_fails_the_commit(void **state)
{
    struct fixture *f = *state;
    begin(f);
    assert_ok(set_meta(f, "before", STR("x")), f->err);
    if (db_defer_one(f->db, SQL_STREAM_COUNT, DB_ARGS(DB_I(f->tenant.id), DB_I(999), DB_I(1), DB_I(0), DB_I(0)), E_NOT_FOUND,
                     &f->err))
        assert_fails_with(db_commit(f->db, &f->err), f->err, E_NOT_FOUND);
    else
        db_rollback(f->db);
    assert_int_equal(f->err.code, E_NOT_FOUND);
    assert_int_equal(sql_number(f, "SELECT count(*) FROM meta WHERE name = 'before'"), 0);
    begin(f); /* and the connection works on */
    assert_ok(set_meta(f, "after", STR("x")), f->err);
    commit(f);
}

static void
test_many_deferred_statements_are_more_than_fit_at_once(void **state)
{
    struct fixture *f = *state;
    begin(f);
    for (int i = 0; i < 300; i++)
        assert_ok(db_defer_one(f->db, SQL_STREAM_COUNT, DB_ARGS(DB_I(f->tenant.id), DB_I(f->stream.id), DB_I(1), DB_I(0),
                  DB_I(0)), E_NOT_FOUND, &f->err), f->err);
    commit(f);
    assert_int_equal(sql_number(f, "SELECT records FROM streams"), 300);
}

static int64_t
file_bytes(const struct fixture *f)
{
    char path[96];
    struct stat facts;
    snprintf(path, sizeof(path), "%s/tidemark.db", f->folder);
    assert_int_equal(stat(path, &facts), 0);
    return facts.st_size;
}

#define LOG_COMMITS 60
#define LOG_VALUE_BYTES (64 * 1024)

/* Whoever's commit fills SQLite's log is told before it is copied into the file: by db_tidy, else by the next write. */
static void
test_the_log_is_copied_when_nobody_waits(void **state)
{
    struct fixture *f = *state;
    if (!db_can(f->db, DB_ONE_WRITER))
        return; /* nothing of the kind there */
    char *bytes = arena_alloc_bytes(&f->arena, LOG_VALUE_BYTES), name[16];
    memset(bytes, 'x', LOG_VALUE_BYTES);
    db_tidy(f->db);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < LOG_COMMITS; i++) {
            snprintf(name, sizeof(name), "%d-%d", round, i);
            begin(f);
            assert_ok(set_meta(f, name, (struct str){bytes, LOG_VALUE_BYTES}), f->err);
            int64_t before = file_bytes(f);
            commit(f);
            assert_int_equal(file_bytes(f), before);
            if (round == 0)
                db_tidy(f->db);
        }
        if (round == 1)
            db_tidy(f->db);
        assert_true(file_bytes(f) > (round + 1) * LOG_COMMITS / 2 * LOG_VALUE_BYTES);
    }
}

static void
test_an_error_inside_a_savepoint_leaves_the_rest(void **state)
{
    struct fixture *f = *state;
    begin(f);
    assert_ok(set_meta(f, "kept", STR("x")), f->err);
    assert_ok(db_savepoint(f->db, &f->err), f->err);
    assert_ok(set_meta(f, "undone", STR("x")), f->err);
    assert_ok(db_savepoint_undo(f->db, &f->err), f->err);
    assert_ok(db_savepoint(f->db, &f->err), f->err);
    assert_ok(set_meta(f, "kept too", STR("x")), f->err);
    assert_ok(db_savepoint_keep(f->db, &f->err), f->err);
    commit(f);
    assert_int_equal(sql_number(f, "SELECT count(*) FROM meta WHERE value = 'x'"), 2);
}

static void
test_the_database_clock_goes_on_within_a_transaction(void **state)
{
    struct fixture *f = *state;
    int64_t before = clock_wall_us(clock_system());
    begin(f);
    int64_t first = store_now(f->db);
    usleep(3000);
    int64_t second = store_now(f->db);
    commit(f);
    int64_t after = clock_wall_us(clock_system());
    assert_true(second - first >= 2000 && second - first < after - before + 5 * US_PER_S);
    assert_true(first > before - US_PER_MINUTE && first < after + US_PER_MINUTE);
}

/* F11: a pooler without prepared statements. */
static void
test_statements_work_unprepared(void **state)
{
    struct fixture *f = *state;
    if (!on_postgres())
        return;
    db_close(f->db);
    f->db = db_postgres_open(&(struct db_postgres_options){.conninfo = fixture_conninfo, .clock = clock_system()}, &f->err);
    assert_non_null(f->db);
    begin(f);
    assert_ok(set_meta(f, "unprepared", STR("x")), f->err);
    struct run run;
    struct run_new ask = {.tenant = f->tenant.id, .connection = f->connection.id};
    assert_ok(store_run_create(f->db, &f->arena, &ask, NOW, &run, &f->err), f->err);
    commit(f);
    assert_int_equal(sql_number(f, "SELECT count(*) FROM runs"), 1);
}

static struct db *
impatient(struct fixture *f, int lock_wait_ms, int idle_ms)
{
    struct db *db = db_postgres_open(&(struct db_postgres_options){.conninfo = fixture_conninfo, .prepare = true,
                                     .clock = clock_system(), .lock_wait_ms = lock_wait_ms, .idle_ms = idle_ms}, &f->err);
    assert_non_null(db);
    return db;
}

#define HOUR_MS (60 * 60 * 1000)

static void
run(struct db *db, struct fixture *f, const char *script)
{
    assert_ok(db_script(db, script, &f->err), f->err);
}

static bool
write_held(struct db *db, struct err *err)
{
    int64_t count;
    return db_begin_write(db, err) &&
           db_exec(db, SQL_META_SET, DB_ARGS(DB_T(STR("held")), DB_T(STR("x"))), NULL, err) &&
           db_query_i64(db, SQL_TENANT_COUNT, DB_NO_ARGS, &count, err) == ROW_FOUND; /* so that it was run */
}

/* I-15, F36, F39: a process that is stopped inside a transaction must not keep its runs from being taken over. */
static void
test_a_writer_that_says_nothing_loses_its_locks(void **state)
{
    struct fixture *f = *state;
    if (!on_postgres())
        return;
    struct db *stopped = impatient(f, 0, HOUR_MS), *other = impatient(f, 50, 0);
    assert_ok(write_held(stopped, &f->err), f->err);
    assert_fails_with(write_held(other, &f->err), f->err, E_STORE_BUSY);
    assert_true(other->try_again);
    db_rollback(other);
    db_close(other);
    other = impatient(f, HOUR_MS, 0);
    run(stopped, f, "CREATE TEMPORARY TABLE patience (idle text CHECK (idle = '1h')); "
                    "INSERT INTO patience VALUES (current_setting('idle_in_transaction_session_timeout'))");
    run(stopped, f, "SET idle_in_transaction_session_timeout = 100"); /* the hour has passed */
    assert_ok(write_held(other, &f->err), f->err);
    assert_ok(db_commit(other, &f->err), f->err);
    assert_false(db_exec(stopped, SQL_META_SET, DB_ARGS(DB_T(STR("held")), DB_T(STR("y"))), NULL, &f->err) &&
                 db_commit(stopped, &f->err));
    assert_true(stopped->lost);
    db_rollback(stopped);
    db_close(stopped);
    db_close(other);
}

static void
test_the_scripted_driver_answers_what_its_script_says(void **state)
{
    struct fixture *f = *state;
    const struct db_script_row three = {.columns = {DB_I(3)}};
    const struct db_script_step steps[] = {{.statement = "begin"},
                                           {.statement = "tenant_count", .rows = &three, .row_count = 1},
                                           {.statement = "tenant_update", .changed = 0},
                                           {.statement = "commit", .fails = E_STORE_UNCERTAIN},
                                           {0}};
    struct db *db = db_script_new(steps, 0, clock_system());
    int64_t count;
    assert_ok(db_begin_write(db, &f->err), f->err);
    assert_ok(store_tenant_count(db, &count, &f->err), f->err);
    assert_int_equal(count, 3);
    assert_fails_with(store_tenant_update(db, 7, STR("x"), STR_NONE, NOW, &f->err), f->err, E_TENANT_NOT_FOUND);
    assert_fails_with(db_commit(db, &f->err), f->err, E_STORE_UNCERTAIN);
    assert_true(db_script_is_done(db));
    db_close(db);
}

static void
test_id_sets_hold_sparse_and_dense_ids(void **state)
{
    (void)state;
    struct id_set *set = id_set_new();
    for (int64_t i = 0; i < 200000; i++)
        assert_true(id_set_add(set, i * 2));
    for (int64_t i = 0; i < 1000; i++)
        assert_true(id_set_add(set, INT64_C(1) << 40 | i * 7919 * 65536));
    assert_true(id_set_add(set, 0)); /* again */
    assert_int_equal(id_set_count(set), 201000);
    for (int64_t i = 0; i < 200000; i += 777)
        assert_true(id_set_has(set, i * 2) && !id_set_has(set, i * 2 + 1));
    assert_true(id_set_has(set, INT64_C(1) << 40 | INT64_C(999) * 7919 * 65536));
    assert_false(id_set_has(set, INT64_MAX));
    id_set_free(set);
}

/* ---- plans */

#define PLAN_ROUNDS_MAX 100

#define KEEP_PLAN                                                                                                          \
    "DO $$ DECLARE line text; whole text := ''; BEGIN FOR line IN EXECUTE 'EXPLAIN EXECUTE probe(1)' LOOP whole := whole || line; " \
    "END LOOP; INSERT INTO plans VALUES (whole); END $$"

/*
 * False: it was made anew before its time. A session that lags behind what others change in their catalogs, in whatever database, makes
 * all its plans anew.
 */
static bool
keeps_a_plan_of_an_empty_table(struct fixture *f)
{
    run(f->db, f, "CREATE TEMPORARY TABLE plans (plan text); CREATE TEMPORARY TABLE grown (a integer, b text); CREATE INDEX ON grown (a); "
                  "PREPARE probe (integer) AS SELECT b FROM grown WHERE a = $1");
    run(f->db, f, KEEP_PLAN);
    run(f->db, f, "INSERT INTO grown SELECT n, 'x' FROM generate_series(1, 20000) AS n");
    run(f->db, f, KEEP_PLAN);
    if (db_script(f->db, "CREATE TEMPORARY TABLE kept (n bigint CHECK (n = 1)); INSERT INTO kept SELECT count(DISTINCT plan) FROM plans", &f->err))
        return true;
    f->err = (struct err){0};
    run(f->db, f, "DEALLOCATE probe; DROP TABLE plans, grown");
    return false;
}

/* PostgreSQL keeps it until the table is analysed, a minute later at best; meanwhile a first sync takes minutes in place of seconds. */
static void
test_a_plan_that_was_made_of_an_empty_table_does_not_last(void **state)
{
    struct fixture *f = *state;
    if (db_can(f->db, DB_ONE_WRITER))
        return; /* a plan of SQLite's does not depend on how much there is */
    run(f->db, f, "SET plan_cache_mode = force_generic_plan");
    for (int round = 0; !keeps_a_plan_of_an_empty_table(f); round++)
        assert_true(round < PLAN_ROUNDS_MAX);
    for (int i = 0; i < 64; i++) {
        begin(f);
        commit(f);
    }
    run(f->db, f, KEEP_PLAN);
    run(f->db, f, "CREATE TEMPORARY TABLE made_anew (n bigint CHECK (n = 2)); INSERT INTO made_anew SELECT count(DISTINCT plan) FROM plans");
}
