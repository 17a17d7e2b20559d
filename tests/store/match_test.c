/*
 * Match keys against a plain model: random claims, releases, look-ups and records that go, in transactions
 * and savepoints that are kept or undone, with statements that fail and processes that die (I-2), on both
 * databases. On SQLite a small tail has its sweep go round all the while.
 */
#include "tests/store/fixture.h"

#include "store/match_tail.h"

#define KEYS 250
#define RECORDS 20
#define BATCH 12
#define STEPS 400            /* transactions of one run */
#define AMBIGUOUS (-1)

/* What holds: a record, 0 or AMBIGUOUS for each key, in two collections. */
struct model {
    int64_t owners[2][KEYS];
    bool gone[RECORDS];
};

struct bench {
    struct fixture *f;
    struct rng rng;
    struct db_trace trace;
    size_t tail_keys;
    int64_t collections[2];
    int64_t records[RECORDS];
    struct str keys[KEYS];
    struct model committed, now;
    int failures;                /* injected ones that hit */
};

static unsigned
below(struct bench *b, unsigned bound)
{
    return (unsigned)rng_below(&b->rng, bound);
}

static void
connect_traced(struct bench *b)
{
    b->f->db = db_trace_wrap(fixture_connect(b->f), &b->trace);
    b->f->db->match_tail_keys = b->tail_keys;
}

static void
restart(struct bench *b)
{
    db_close(b->f->db);
    connect_traced(b);
}

static void
bench_init(struct bench *b, struct fixture *f, uint64_t seed, size_t tail_keys)
{
    *b = (struct bench){.f = f, .tail_keys = tail_keys};
    rng_init(&b->rng, seed);
    restart(b);
    struct record_write records[RECORDS] = {0};
    for (int i = 0; i < RECORDS; i++) {
        uuid_v7_now(records[i].uuid);
        records[i].data = STR("{}");
    }
    b->collections[0] = f->stream.collection;
    begin(f);
    assert_ok(store_collection_ensure(f->db, f->tenant.id, STR("leads"), &b->collections[1], &f->err), f->err);
    assert_ok(store_records_insert(f->db, f->tenant.id, f->stream.collection, records, RECORDS, NOW, &f->err), f->err);
    commit(f);
    for (int i = 0; i < RECORDS; i++)
        b->records[i] = records[i].record;
    for (int i = 0; i < KEYS; i++)
        b->keys[i] = str_format(&f->arena, "email:person%d@example.com", i);
}

/* ---- the model ---- */

static void
model_claim(struct model *m, int c, int key, int64_t record)
{
    int64_t *owner = &m->owners[c][key];
    *owner = *owner == 0 || *owner == record ? record : AMBIGUOUS;
}

static void
model_release(struct model *m, int c, int key, int64_t record)
{
    if (m->owners[c][key] == record)
        m->owners[c][key] = 0;
}

static void
model_forget(struct model *m, int64_t record)
{
    for (int c = 0; c < 2; c++)
        for (int i = 0; i < KEYS; i++)
            if (m->owners[c][i] == record)
                m->owners[c][i] = 0;
}

static void
assert_agrees(struct bench *b, struct db *db, const struct model *m)
{
    int64_t found[KEYS];
    for (int c = 0; c < 2; c++) {
        assert_ok(store_match_lookup(db, b->f->tenant.id, b->collections[c], b->keys, KEYS, found, &b->f->err), b->f->err);
        for (int i = 0; i < KEYS; i++)
            assert_int_equal(found[i], m->owners[c][i]);
    }
}

/* ---- one step: false when an injected failure hit ---- */

static int64_t
any_record(struct bench *b)
{
    int n;
    do
        n = (int)below(b, RECORDS);
    while (b->now.gone[n]);
    return b->records[n];
}

static bool
change(struct bench *b)
{
    int c = (int)below(b, 2), places[BATCH];
    unsigned count = 1 + below(b, BATCH);
    bool claiming = below(b, 3) > 0;
    struct str keys[BATCH];
    int64_t records[BATCH];
    for (unsigned i = 0; i < count; i++) {
        places[i] = (int)below(b, KEYS);
        keys[i] = b->keys[places[i]];
        int64_t owner = b->now.owners[c][places[i]];
        records[i] = owner > 0 && below(b, 20) ? owner : any_record(b); /* ambiguous is for good: seldom */
    }
    struct db *db = b->f->db;
    int64_t tenant = b->f->tenant.id;
    if (!(claiming ? store_match_claim(db, tenant, b->collections[c], keys, records, count, &b->f->err)
                   : store_match_release(db, tenant, b->collections[c], keys, records, count, &b->f->err)))
        return false;
    for (unsigned i = 0; i < count; i++)
        (claiming ? model_claim : model_release)(&b->now, c, places[i], records[i]);
    return true;
}

/* A record goes, as when its connection is purged; what was ambiguous stays so. */
static bool
remove_record(struct bench *b)
{
    int n = (int)below(b, RECORDS);
    if (b->now.gone[n] || n < 4) /* some always stand */
        return true;
    struct db *db = b->f->db;
    struct db_rows rows;
    if (db_query_row(db, SQL_CONNECTION_DELETE_RECORD, DB_ARGS(DB_I(b->f->tenant.id), DB_I(b->records[n])), &rows, &b->f->err) !=
        ROW_FOUND)
        return false;
    db_finish(&rows);
    if (db_can(db, DB_ARRAYS) &&
        !db_exec(db, SQL_CONNECTION_DELETE_KEYS, DB_ARGS(DB_I(b->f->tenant.id), DB_I(b->records[n])), NULL, &b->f->err))
        return false;
    b->now.gone[n] = true;
    model_forget(&b->now, b->records[n]);
    return true;
}

static bool
some_changes(struct bench *b)
{
    for (unsigned i = below(b, 4); i > 0; i--)
        if (!(below(b, 60) == 0 ? remove_record(b) : change(b)))
            return false;
    return true;
}

/* A closure of a group: kept, undone by itself, or undone because a statement failed. */
static void
closure(struct bench *b)
{
    struct fixture *f = b->f;
    struct model before = b->now;
    assert_ok(db_savepoint(f->db, &f->err), f->err);
    if (below(b, 4) == 0) {
        atomic_store(&b->trace.calls, 0);
        atomic_store(&b->trace.fail_at, 1 + below(b, 40));
    }
    bool ok = some_changes(b);
    atomic_store(&b->trace.fail_at, 0);
    b->failures += !ok;
    if (ok && below(b, 4) > 0) {
        assert_ok(db_savepoint_keep(f->db, &f->err), f->err);
        return;
    }
    assert_ok(db_savepoint_undo(f->db, &f->err), f->err);
    b->now = before;
}

static void
transaction(struct bench *b)
{
    struct fixture *f = b->f;
    begin(f);
    bool ok = some_changes(b);
    assert_true(ok);
    for (unsigned i = below(b, 4); i > 0; i--)
        closure(b);
    if (below(b, 4) == 0)
        assert_agrees(b, f->db, &b->now);
    unsigned end = below(b, 8);
    if (end == 0)
        db_rollback(f->db);
    else if (end == 1)
        restart(b);              /* the process dies */
    else
        commit(f);
    if (end > 1)
        b->committed = b->now;
    b->now = b->committed;
}

/* Another connection that only reads, in a snapshot of its own. */
static void
assert_reader_agrees(struct bench *b)
{
    struct fixture *f = b->f;
    char path[128];
    snprintf(path, sizeof(path), "%s/tidemark.db", f->folder);
    struct db *reader = on_postgres() ? fixture_connect(f) : db_sqlite_open(path, DB_SQLITE_READER, clock_system(), &f->err);
    assert_non_null(reader);
    reader->match_secret = f->db->match_secret;
    for (int i = 0; i < 10; i++) { /* each time after a change */
        assert_ok(db_begin_read(reader, &f->err), f->err);
        assert_agrees(b, reader, &b->committed);
        assert_ok(db_commit(reader, &f->err), f->err);
        begin(f);
        assert_true(change(b));
        commit(f);
        b->committed = b->now;
    }
    db_close(reader);
}

/* A model in which all keys had become ambiguous would prove nothing. */
static void
assert_varied(const struct model *m)
{
    int free_keys = 0, owned = 0, ambiguous = 0;
    for (int i = 0; i < KEYS; i++) {
        int64_t owner = m->owners[0][i];
        *(owner == 0 ? &free_keys : owner > 0 ? &owned : &ambiguous) += 1;
    }
    assert_true(free_keys > KEYS / 10 && owned > KEYS / 10 && ambiguous > KEYS / 10);
}

static void
run_against_model(struct fixture *f, uint64_t seed, size_t tail_keys)
{
    struct bench b;
    bench_init(&b, f, seed, tail_keys);
    for (int i = 0; i < STEPS; i++) {
        transaction(&b);
        if (below(&b, 20) == 0)
            restart(&b);
    }
    begin(f);
    assert_agrees(&b, f->db, &b.now);
    db_rollback(f->db);
    assert_reader_agrees(&b);
    restart(&b);
    begin(f);
    assert_agrees(&b, f->db, &b.now);
    db_rollback(f->db);
    assert_true(b.failures > 0);
    assert_varied(&b.now);
}

/* I-2 */
static void
test_keys_agree_with_a_plain_model_while_the_tail_is_merged(void **state)
{
    struct fixture *f = *state;
    run_against_model(f, 1, 10);
    if (on_postgres())
        return;
    assert_true(sql_number(f, "SELECT count(*) FROM match_keys") > 0);
    assert_int_equal(sql_number(f, "SELECT count(*) FROM match_keys WHERE record = 0"), 0); /* what is released goes */
}

/* I-2 */
static void
test_keys_agree_with_a_plain_model_while_nothing_is_merged(void **state)
{
    struct fixture *f = *state;
    run_against_model(f, 2, 0);
    if (!on_postgres())
        assert_int_equal(sql_number(f, "SELECT count(*) FROM match_keys"), 0);
}

/* Keys that nobody took before, in pages. */
static void
claim_fresh(struct bench *b, int first, int count)
{
    struct fixture *f = b->f;
    begin(f);
    for (int i = first; i < first + count; i++) {
        struct str key = str_format(&f->arena, "phone:+55%d", i);
        assert_ok(store_match_claim(f->db, f->tenant.id, b->collections[0], &key, &b->records[0], 1, &f->err), f->err);
    }
    commit(f);
}

static void
assert_all_claimed(struct bench *b, int count)
{
    struct fixture *f = b->f;
    begin(f);
    for (int i = 0; i < count; i++) {
        struct str key = str_format(&f->arena, "phone:+55%d", i);
        int64_t found;
        assert_ok(store_match_lookup(f->db, f->tenant.id, b->collections[0], &key, 1, &found, &f->err), f->err);
        assert_int_equal(found, b->records[0]);
    }
    commit(f);
}

/* I-35 */
static void
test_the_tail_stays_within_its_limit_in_memory_and_on_disk(void **state)
{
    struct fixture *f = *state;
    struct bench b;
    const size_t limit = 1000;
    if (on_postgres())
        return;
    bench_init(&b, f, 3, limit);
    for (int first = 0; first < 10000; first += 200) {
        claim_fresh(&b, first, 200);
        assert_true(f->db->match_tail->count <= limit);
        assert_true(sql_number(f, "SELECT count(*) FROM match_tail") <= (int64_t)(5 * limit)); /* two rounds of twice as many */
    }
    assert_true(sql_number(f, "SELECT count(*) FROM match_keys") >= 9000);
    for (int i = 0; i < 20; i++) { /* a restart wherever the sweep stands; then more is merged than added until it fits */
        restart(&b);
        assert_all_claimed(&b, 10000 + 30 * i);
        assert_true(f->db->match_tail->count <= limit + 2 * 300); /* and what the last call had merged at once */
        claim_fresh(&b, 10000 + 30 * i, 30);
        assert_true(f->db->match_tail->count <= limit);
    }
}

/* A page of the tree for each new key is what made a large database slow. */
static void
test_new_keys_are_free_without_a_look_into_the_tree(void **state)
{
    struct fixture *f = *state;
    struct bench b;
    if (on_postgres())
        return;
    bench_init(&b, f, 5, 500);
    for (int first = 0; first < 20000; first += 200)
        claim_fresh(&b, first, 200);
    begin(f);
    atomic_store(&b.trace.calls, 0);
    for (int i = 20000; i < 21000; i++) {
        struct str key = str_format(&f->arena, "phone:+55%d", i);
        int64_t found;
        assert_ok(store_match_lookup(f->db, f->tenant.id, b.collections[0], &key, 1, &found, &f->err), f->err);
        assert_int_equal(found, 0);
    }
    assert_true(atomic_load(&b.trace.calls) < 200);
    commit(f);
    assert_all_claimed(&b, 20000);
}

static void
test_a_tail_that_is_damaged_is_told_and_not_believed(void **state)
{
    static const char *const damages[] = {
        "UPDATE match_tail SET keys = x'010203'",
        "UPDATE match_tail SET keys = x'00000000000000ff000000000000000000000000'",
        "UPDATE match_tail SET sweep_bucket = 99999",
    };
    struct fixture *f = *state;
    struct bench b;
    if (on_postgres())
        return;
    bench_init(&b, f, 4, 0);
    for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
        claim_fresh(&b, 0, 3);
        begin(f);
        assert_ok(db_script(f->db, damages[i], &f->err), f->err);
        commit(f);
        restart(&b);
        int64_t found;
        begin(f);
        assert_fails_with(store_match_lookup(f->db, f->tenant.id, b.collections[0], b.keys, 1, &found, &f->err), f->err,
                          E_STORE_CORRUPT);
        assert_ok(db_script(f->db, "DELETE FROM match_tail", &f->err), f->err);
        commit(f);
        restart(&b);
    }
}
