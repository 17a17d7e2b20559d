/*
 * Match keys on SQLite: a tree of hashes, and a tail of changes that wait for their turn to go into it.
 *
 * The hash is keyed with a secret of the database, so that nobody can make two e-mails collide, and 32
 * further bits are compared: a chance collision links nothing instead of linking wrongly.
 *
 * Why a tail: a row beside the one before costs a microsecond, a random key a whole page (design, section 5).
 * A call that changes keys appends ONE row to the table match_tail: for each key what now holds, absolute, so
 * that the newest word about a key is the truth and merging it twice does no harm. The same entries stand in
 * memory (match_tail.h). Look-ups ask the memory, then the tree; nothing else writes the tree than the merge.
 *
 * Once more than LIMIT_MATCH_TAIL_KEYS wait, each call also merges about as many keys as it adds: a sweep goes
 * round the buckets of the hash for ever and takes the next few. Where it arrives, a bucket has gathered keys
 * for a whole round, and a page of the tree takes many at once; and no call ever waits for a great merge.
 *
 * How far the sweep has come is written in the very row that the call appends. sweep_id, the newest row when
 * this round began, names the round; sweep_bucket is the next bucket to go. So the table alone tells which
 * entries are in the tree: rows up to merged_id wholly (they are deleted a few at a time), a row of the round
 * before where its bucket came after the row or has come since, a row of this round where it came in between.
 * An entry that is read again although it was merged, in its own call, is the newest word all the same.
 *
 * As the sweep passes a bucket it also learns which keys the tree holds there, in a filter, so that new keys, which
 * most are, need not read the tree (a page each) to find that they are free.
 *
 * All of it happens in the caller's transaction. The memory is a mere copy of the table: db.c forgets it when a
 * transaction or savepoint that changed it is undone, and the next call reads it anew. So it holds neither more
 * nor less than the table, whatever failed and wherever the process died. A reader, whose snapshot is another
 * one each time, reads the table in each transaction that asks.
 */
#include <xxhash.h>

#include "base/check.h"
#include "base/limits.h"
#include "store/match_tail.h"
#include "store/store_page_priv.h"
#include "store/store_priv.h"

#define HASH_BYTES 8
#define RECORD_BYTES 8
#define REST_BYTES 4
#define ENTRY_BYTES (HASH_BYTES + RECORD_BYTES + REST_BYTES) /* in a row of the table; the tenant is the row's */
#define MERGE_KEYS_MIN 256       /* a call may merge twice what it adds and this many, until the tail fits again */
#define FILTER_GROWTH 2          /* room for that many times the keys that the tree holds */
#define TRIM_ROWS 4              /* merged rows that a call deletes: as many are added, so they do not pile up */
#define TAIL_ARENA_BYTES (64L * 1024 * 1024)

/* ---- entries as bytes ---- */

static char *
write_number(char *at, uint64_t number, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        *at++ = (char)(number >> (8 * i));
    return at;
}

static uint64_t
read_number(const char **at, size_t bytes)
{
    uint64_t number = 0;
    for (size_t i = 0; i < bytes; i++)
        number |= (uint64_t)(unsigned char)*(*at)++ << (8 * i);
    return number;
}

static char *
write_entry(char *at, const struct match_entry *e)
{
    at = write_number(at, e->hash, HASH_BYTES);
    at = write_number(at, (uint64_t)e->record, RECORD_BYTES);
    return write_number(at, e->rest, REST_BYTES);
}

static struct match_entry
read_entry(const char **at, int64_t tenant)
{
    struct match_entry e = {.tenant = (uint32_t)tenant};
    e.hash = read_number(at, HASH_BYTES);
    e.record = (int64_t)read_number(at, RECORD_BYTES);
    e.rest = (uint32_t)read_number(at, REST_BYTES);
    return e;
}

/* ---- from the table into memory ---- */

static bool
load_state(struct db *db, struct match_tail *tail, struct err *err)
{
    struct db_rows rows;
    enum row row = db_query_row(db, SQL_MATCH_TAIL_LAST, DB_NO_ARGS, &rows, err);
    if (row != ROW_FOUND)
        return row == ROW_NONE;
    tail->last_id = db_column_i64(&rows, 0);
    tail->merged_id = db_column_i64(&rows, 1);
    tail->sweep_id = db_column_i64(&rows, 2);
    tail->sweep_bucket = (unsigned)db_column_i64(&rows, 3);
    db_finish(&rows);
    return tail->sweep_bucket < MATCH_BUCKETS || err_set(err, E_STORE_CORRUPT, NULL);
}

/* Has the sweep passed a bucket since a row was appended, in which it stood at `row_bucket` of round `row_round`? */
static bool
is_merged(const struct match_tail *tail, int64_t row_round, unsigned row_bucket, unsigned bucket)
{
    bool after_row = bucket >= row_bucket, passed = bucket < tail->sweep_bucket;
    return row_round == tail->sweep_id ? after_row && passed : after_row || passed;
}

static bool
load_row(struct match_tail *tail, struct db_rows *rows, struct err *err)
{
    int64_t tenant = db_column_i64(rows, 0), round = db_column_i64(rows, 1);
    unsigned bucket = (unsigned)db_column_i64(rows, 2);
    struct str keys = db_column_blob(rows, 3);
    if (keys.len % ENTRY_BYTES != 0)
        return err_set(err, E_STORE_CORRUPT, NULL);
    for (const char *at = keys.ptr; at < keys.ptr + keys.len;) {
        struct match_entry e = read_entry(&at, tenant);
        if (e.hash >> MATCH_HASH_BITS != 0)
            return err_set(err, E_STORE_CORRUPT, NULL);
        if (!is_merged(tail, round, bucket, match_bucket_of(e.hash)) && !match_tail_put(tail, &e))
            return err_no_memory(err);
    }
    return true;
}

static bool
load_rows(struct db *db, struct match_tail *tail, struct err *err)
{
    struct db_rows rows;
    if (!db_query(db, SQL_MATCH_TAIL_LOAD, DB_ARGS(DB_I(tail->merged_id)), &rows, err))
        return false;
    enum row row;
    while ((row = db_next(&rows, err)) == ROW_FOUND) {
        if (load_row(tail, &rows, err))
            continue;
        db_finish(&rows);
        return false;
    }
    return row == ROW_NONE;
}

/* What is read inside a transaction may be that transaction's own: it goes with it. */
static struct match_tail *
tail_of(struct db *db, struct err *err)
{
    if (db->match_tail)
        return db->match_tail;
    struct match_tail *tail = match_tail_new();
    if (!tail) {
        err_no_memory(err);
        return NULL;
    }
    tail->changed = tail->changed_in_savepoint = true;
    if (load_state(db, tail, err) && load_rows(db, tail, err))
        return db->match_tail = tail;
    match_tail_free(tail);
    return NULL;
}

/* ---- from the tail into the tree ---- */

static bool
merge_bucket(struct db *db, const struct match_bucket *bucket, struct err *err)
{
    for (uint32_t i = 0; i < bucket->count; i++) {
        const struct match_entry *e = &bucket->entries[i];
        struct db_value tenant = DB_I(e->tenant), hash = DB_I((int64_t)e->hash);
        bool ok = e->record == MATCH_NONE
            ? db_exec(db, SQL_MATCH_UNMERGE, DB_ARGS(tenant, hash), NULL, err)
            : db_exec(db, SQL_MATCH_MERGE, DB_ARGS(tenant, hash, DB_I(e->record), DB_I(e->rest)), NULL, err);
        if (!ok)
            return false;
    }
    return true;
}

/* All of a bucket anew, from the tree: the first time that the sweep comes by, and when its filter has become too small. */
static bool
fill_filter(struct db *db, struct match_tail *tail, unsigned bucket, struct err *err)
{
    const unsigned shift = MATCH_HASH_BITS - MATCH_BUCKET_BITS;
    struct db_value from = DB_I((int64_t)((uint64_t)bucket << shift));
    struct db_value until = bucket + 1 < MATCH_BUCKETS ? DB_I((int64_t)((uint64_t)(bucket + 1) << shift)) : DB_I(INT64_MAX);
    int64_t count = 0;
    struct db_rows rows;
    if (db_query_i64(db, SQL_MATCH_BUCKET_COUNT, DB_ARGS(from, until), &count, err) != ROW_FOUND)
        return false;
    if (!match_filter_begin(tail, bucket, (size_t)count * FILTER_GROWTH))
        return err_no_memory(err);
    if (!db_query(db, SQL_MATCH_BUCKET, DB_ARGS(from, until), &rows, err))
        return false;
    enum row row;
    while ((row = db_next(&rows, err)) == ROW_FOUND)
        match_filter_add(tail, (uint64_t)db_column_i64(&rows, 0));
    return row == ROW_NONE;
}

static bool
update_filter(struct db *db, struct match_tail *tail, unsigned bucket, struct err *err)
{
    const struct match_bucket *b = &tail->buckets[bucket];
    if (!match_filter_fits(tail, bucket, b->count))
        return fill_filter(db, tail, bucket, err);
    for (uint32_t i = 0; i < b->count; i++)
        if (b->entries[i].record != MATCH_NONE)
            match_filter_add(tail, b->entries[i].hash);
    return true;
}

/* A round is over: what stood in the table when it began is in the tree. */
static void
next_round(struct match_tail *tail)
{
    tail->merged_id = tail->sweep_id;
    tail->sweep_id = tail->last_id;
    tail->sweep_bucket = 0;
}

static bool
sweep(struct db *db, struct match_tail *tail, size_t added, struct err *err)
{
    size_t keys_max = db->match_tail_keys ? db->match_tail_keys : LIMIT_MATCH_TAIL_KEYS;
    size_t merged = 0, merged_max = 2 * added + MERGE_KEYS_MIN;
    while (tail->count > keys_max && merged < merged_max) {
        struct match_bucket *bucket = &tail->buckets[tail->sweep_bucket];
        merged += bucket->count;
        if (bucket->count > 0 && (!merge_bucket(db, bucket, err) || !update_filter(db, tail, tail->sweep_bucket, err)))
            return false;
        match_tail_drop(tail, tail->sweep_bucket);
        if (++tail->sweep_bucket == MATCH_BUCKETS)
            next_round(tail);
    }
    return true;
}

static bool
trim(struct db *db, struct match_tail *tail, struct err *err)
{
    if (tail->trimmed_id >= tail->merged_id)
        return true;
    int64_t gone = 0;
    if (!db_exec(db, SQL_MATCH_TAIL_TRIM, DB_ARGS(DB_I(tail->merged_id), DB_I(TRIM_ROWS)), &gone, err))
        return false;
    if (gone < TRIM_ROWS)
        tail->trimmed_id = tail->merged_id;
    return true;
}

/* The last row always stays: it is never below merged_id, so ids only grow. */
static bool
append(struct db *db, struct match_tail *tail, int64_t tenant, struct str keys, struct err *err)
{
    if (keys.len == 0)
        return true;
    if (!sweep(db, tail, keys.len / ENTRY_BYTES, err) || !trim(db, tail, err))
        return false;
    CHECK(tail->merged_id <= tail->last_id);
    return db_exec(db, SQL_MATCH_TAIL_APPEND, DB_ARGS(DB_I(tenant), DB_I(++tail->last_id), DB_I(tail->merged_id),
                   DB_I(tail->sweep_id), DB_I(tail->sweep_bucket), DB_B(keys)), NULL, err);
}

/* ---- what holds for a key ---- */

static struct match_entry
entry_of(const struct db *db, int64_t tenant, int64_t collection, struct str key)
{
    CHECK(tenant > 0 && tenant <= UINT32_MAX);
    uint64_t seed = db->match_secret ^ ((uint64_t)collection * UINT64_C(0x9e3779b97f4a7c15));
    XXH128_hash_t hash = XXH3_128bits_withSeed(key.ptr, key.len, seed);
    return (struct match_entry){.hash = hash.low64 >> (64 - MATCH_HASH_BITS), .rest = (uint32_t)hash.high64,
                                .tenant = (uint32_t)tenant};
}

/* What stands under the hash of `key`, whose record is then MATCH_NONE where nothing does. */
static bool
find_state(struct db *db, const struct match_tail *tail, const struct match_entry *key, struct match_entry *state_out,
           struct err *err)
{
    struct match_entry state = *key;
    state.record = MATCH_NONE;
    const struct match_entry *found = match_tail_find(tail, key->hash);
    if (found) {
        *state_out = found->tenant == key->tenant ? *found : state;
        return true;
    }
    if (!match_filter_may_hold(tail, key->hash)) {
        *state_out = state;
        return true;
    }
    struct db_rows rows;
    enum row row = db_query_row(db, SQL_MATCH_STATE, DB_ARGS(DB_I(key->tenant), DB_I((int64_t)key->hash)), &rows, err);
    if (row == ROW_FAILED)
        return false;
    if (row == ROW_FOUND) {
        state.record = db_column_i64(&rows, 0);
        state.rest = (uint32_t)db_column_i64(&rows, 1);
        db_finish(&rows);
    }
    *state_out = state;
    return true;
}

/* A record that is gone has no keys: they are as good as free. */
static bool
drop_dead_owner(struct db *db, struct match_entry *state, struct err *err)
{
    int64_t record;
    if (state->record <= 0)
        return true;
    enum row row = db_query_i64(db, SQL_MATCH_OWNER, DB_ARGS(DB_I(state->tenant), DB_I(state->record)), &record, err);
    if (row == ROW_NONE)
        state->record = MATCH_NONE;
    return row != ROW_FAILED;
}

bool
tail_match_lookup(struct db *db, int64_t tenant, int64_t collection, const struct str *keys, size_t count,
                  int64_t *records_out, struct err *err)
{
    const struct match_tail *tail = tail_of(db, err);
    if (!tail)
        return false;
    for (size_t i = 0; i < count; i++) {
        struct match_entry key = entry_of(db, tenant, collection, keys[i]), state;
        if (!find_state(db, tail, &key, &state, err) || !drop_dead_owner(db, &state, err))
            return false;
        bool other = state.record != MATCH_NONE && state.rest != key.rest;
        records_out[i] = other ? MATCH_AMBIGUOUS : state.record;
    }
    return true;
}

/* ---- changes ---- */

/* state_out: what will hold; the same as before where nothing changes. */
typedef bool change_fn(struct db *db, const struct match_entry *key, int64_t record, struct match_entry *state, struct err *err);

/* The first to claim has it; a second makes it ambiguous, for good. */
static bool
claim(struct db *db, const struct match_entry *key, int64_t record, struct match_entry *state, struct err *err)
{
    bool own = state->record == record && state->rest == key->rest;
    if (own || state->record == MATCH_AMBIGUOUS)
        return true;
    if (!drop_dead_owner(db, state, err))
        return false;
    bool free_key = state->record == MATCH_NONE;
    state->record = free_key ? record : MATCH_AMBIGUOUS;
    state->rest = free_key ? key->rest : state->rest;
    return true;
}

static bool
release(struct db *db, const struct match_entry *key, int64_t record, struct match_entry *state, struct err *err)
{
    (void)db;
    (void)err;
    if (state->record == record && state->rest == key->rest)
        state->record = MATCH_NONE;
    return true;
}

static bool
change_one(struct db *db, struct match_tail *tail, const struct match_entry *key, int64_t record, change_fn *change, char **at,
           struct err *err)
{
    struct match_entry before, after;
    if (!find_state(db, tail, key, &before, err))
        return false;
    after = before;
    if (!change(db, key, record, &after, err))
        return false;
    if (after.record == before.record && after.rest == before.rest)
        return true;
    *at = write_entry(*at, &after);
    return match_tail_put(tail, &after) || err_no_memory(err);
}

static bool
change_all(struct db *db, int64_t tenant, int64_t collection, const struct str *keys, const int64_t *records, size_t count,
           change_fn *change, struct err *err)
{
    struct match_tail *tail = tail_of(db, err);
    if (!tail)
        return false;
    tail->changed = tail->changed_in_savepoint = true;
    struct arena scratch;
    arena_init(&scratch, TAIL_ARENA_BYTES);
    char *first = arena_alloc(&scratch, count * ENTRY_BYTES), *at = first;
    bool ok = first || STORE_ARENA_FULL(err);
    for (size_t i = 0; ok && i < count; i++) {
        struct match_entry key = entry_of(db, tenant, collection, keys[i]);
        ok = change_one(db, tail, &key, records[i], change, &at, err);
    }
    ok = ok && append(db, tail, tenant, (struct str){first, (size_t)(at - first)}, err);
    arena_release(&scratch);
    return ok;
}

bool
tail_match_claim(struct db *db, int64_t tenant, int64_t collection, const struct str *keys, const int64_t *records,
                 size_t count, struct err *err)
{
    return change_all(db, tenant, collection, keys, records, count, claim, err);
}

bool
tail_match_release(struct db *db, int64_t tenant, int64_t collection, const struct str *keys, const int64_t *records,
                   size_t count, struct err *err)
{
    return change_all(db, tenant, collection, keys, records, count, release, err);
}
