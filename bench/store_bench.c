/*
 * How near the page transaction comes to the bare loop: 100,000 records of 940 bytes, pages of 100, created,
 * read again unchanged, and all changed. No network, no JSON: the store alone (bench.py measures the whole).
 *
 * usage: store_bench [records] [postgres connection string]
 *
 * The bare loop, in the same run on the same data: SQLite, one transaction per page, one table with the
 * mapped columns and a unique external id, one with the raw record, FULL; what any program would have to do.
 */
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/rng.h"
#include "store/store.h"
#include "store/store_connection.h"
#include "store/store_page.h"
#include "store/store_run.h"
#include "store/store_stream.h"
#include "store/store_tenant.h"

#define PAGE 100
#define RECORD_BYTES 940
#define RAW_BYTES 140 /* what zstd leaves of one */

struct bench {
    struct store *store;
    struct arena arena;          /* of the whole bench */
    struct arena page_arena;
    struct tenant tenant;
    struct connection connection;
    struct stream stream;
    struct run run;
    struct page_fence fence;
    int64_t records, first, revision;
    char *text;                  /* RECORD_BYTES of JSON filling */
    bool random_ids;
};

/* Wall time is what counts; on a busy machine only processor time can be compared (BENCH_CPU). */
static int64_t
bench_us(void)
{
    struct timespec t;
    clock_gettime(getenv("BENCH_CPU") ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * US_PER_S + t.tv_nsec / 1000;
}

static void
die(const char *what, const struct err *err)
{
    fprintf(stderr, "%s: %s: %s\n", what, err_name(err->code), err->message);
    exit(EXIT_FAILURE);
}

/* Unordered, as real e-mails are: the same for the same n. */
static uint64_t
mix(uint64_t n)
{
    struct rng rng;
    rng_init(&rng, n);
    return rng_next(&rng);
}

static struct str
external_id(struct bench *b, int64_t n)
{
    if (b->random_ids)
        return str_format(&b->page_arena, "%016llx%016llx", (unsigned long long)mix((uint64_t)n),
                          (unsigned long long)mix((uint64_t)n + 77));
    return str_format(&b->page_arena, "%09lld", (long long)n);
}

static bool
set_up(struct db *db, void *ctx, struct err *err)
{
    struct bench *b = ctx;
    int64_t now = store_now(db);
    b->connection = (struct connection){.template_name = STR("bench"), .name = STR("bench"), .enabled = true};
    if (!store_tenant_ensure_default(db, &b->arena, now, &b->tenant, NULL, err))
        return false;
    b->connection.tenant = b->tenant.id;
    return store_connection_create(db, &b->arena, &b->connection, now, err) &&
           store_stream_ensure(db, &b->arena, b->tenant.id, b->connection.id, STR("people"), STR("contacts"), &b->stream, err);
}

static bool
start_run(struct db *db, void *ctx, struct err *err)
{
    struct bench *b = ctx;
    int64_t now = store_now(db);
    struct run_new ask = {.tenant = b->tenant.id, .connection = b->connection.id, .full = true};
    struct run_claim claim = {STR("bench"), now, now + US_PER_HOUR};
    if (!store_run_create(db, &b->arena, &ask, now, &b->run, err) ||
        store_run_claim(db, &b->arena, &claim, &b->run, err) != ROW_FOUND)
        return false;
    b->fence = run_fence(&b->run);
    return store_run_streams_init(db, &b->fence, &b->stream.id, 1, now, err);
}

static bool
end_run(struct db *db, void *ctx, struct err *err)
{
    struct bench *b = ctx;
    struct run_end end = {.state = RUN_SUCCEEDED, .verdict = VERDICT_COMPLETE};
    return store_run_finish(db, &b->fence, &end, store_now(db), err);
}

struct page {
    struct str ids[PAGE], keys[PAGE];
    struct map_row known[PAGE];
    struct record_write records[PAGE];
    struct map_write maps[PAGE];
    int64_t record_ids[PAGE], map_ids[PAGE];
    struct record_row before[PAGE];
};

static void
fill(struct bench *b, struct page *p)
{
    for (int i = 0; i < PAGE; i++) {
        int64_t n = b->first + i;
        p->ids[i] = external_id(b, n);
        p->keys[i] = str_format(&b->page_arena, "email:%016llx@example.com", (unsigned long long)mix((uint64_t)n));
        p->records[i] = (struct record_write){
            .data = str_format(&b->page_arena, "{\"email\":\"%.*s\",\"rev\":%lld,\"fill\":\"%s\"}", STR_ARG(p->keys[i]),
                               (long long)b->revision, b->text),
            .title = STR("A Person"), .changed = STR("{\"rev\":0}")};
        uuid_v7_now(p->records[i].uuid);
        p->maps[i] = (struct map_write){.external_id = p->ids[i], .raw = {b->text, RAW_BYTES}};
        uint64_t print = mix((uint64_t)(n * 10 + b->revision));
        memcpy(p->maps[i].fingerprint, &print, sizeof(print));
    }
}

static bool
write_changes(struct bench *b, struct page *p, struct db *db, int64_t now, struct page_counts *counts, struct err *err)
{
    int64_t t = b->tenant.id, c = b->stream.collection;
    if (p->known[0].map == 0) {
        counts->created = PAGE;
        int64_t matches[PAGE];
        if (!store_match_lookup(db, t, c, p->keys, PAGE, matches, err) ||
            !store_records_insert(db, t, c, p->records, PAGE, now, err))
            return false;
        for (int i = 0; i < PAGE; i++)
            p->record_ids[i] = p->maps[i].record = p->records[i].record;
        return store_match_claim(db, t, c, p->keys, p->record_ids, PAGE, err) &&
               store_maps_write(db, t, b->stream.id, p->maps, PAGE, now, now, err);
    }
    if (memcmp(p->known[0].fingerprint, p->maps[0].fingerprint, FINGERPRINT_BYTES) == 0) {
        counts->skipped = PAGE;
        return true;
    }
    counts->updated = PAGE;
    for (int i = 0; i < PAGE; i++) {
        p->record_ids[i] = p->records[i].record = p->maps[i].record = p->known[i].record;
        p->maps[i].map = p->known[i].map;
    }
    return store_records_load(db, &b->page_arena, t, p->record_ids, PAGE, p->before, err) &&
           store_records_update(db, t, c, p->records, PAGE, b->connection.id, b->run.id, now, err) &&
           store_maps_write(db, t, b->stream.id, p->maps, PAGE, now, now, err);
}

static bool
write_page(struct db *db, void *ctx, struct err *err)
{
    struct bench *b = ctx;
    struct page *p = ARENA_NEW(&b->page_arena, struct page);
    fill(b, p);
    int64_t now = store_now(db);
    if (!store_page_fence(db, &b->fence, now + US_PER_HOUR, err) ||
        !store_map_lookup(db, &b->page_arena, b->tenant.id, b->stream.id, p->ids, PAGE, p->known, err))
        return false;
    struct page_counts counts = {.received = PAGE, .records_read = PAGE};
    if (!write_changes(b, p, db, now, &counts, err) ||
        !store_rejected_clear(db, b->tenant.id, b->stream.id, p->ids, PAGE, err))
        return false;
    for (int i = 0; i < PAGE; i++)
        p->map_ids[i] = p->maps[i].map ? p->maps[i].map : p->known[i].map;
    struct str partition = STR(""), state = STR("{\"updated\":1}");
    struct page_mark mark = {.fence = b->fence, .tenant = b->tenant.id, .connection = b->connection.id,
                             .stream = b->stream.id, .counts = counts, .position = STR("{\"page\":7}"), .declared_total = -1,
                             .token_hash = (uint64_t)b->first + 1, .partitions = &partition, .states = &state, .state_count = 1,
                             .log = {b->text, 60}, .log_lines = 1, .changed_records = p->record_ids,
                             .changed_count = counts.skipped ? 0 : PAGE, .seen_maps = p->map_ids, .seen_count = PAGE,
                             .observed_us = now, .now_us = now};
    return store_page_finish(db, &mark, err);
}

static double
phase(struct bench *b)
{
    struct err err;
    if (!store_write(b->store, start_run, b, &err))
        die("start", &err);
    int64_t start = bench_us();
    for (b->first = 0; b->first < b->records; b->first += PAGE, b->fence.page_seq++) {
        arena_clear(&b->page_arena);
        if (!store_write(b->store, write_page, b, &err))
            die("page", &err);
    }
    double us = (double)(bench_us() - start) / (double)b->records;
    if (!store_write(b->store, end_run, b, &err))
        die("end", &err);
    return us;
}

/* ---- the bare loop ---- */

static void
must(int code, sqlite3 *db)
{
    if (code == SQLITE_OK || code == SQLITE_DONE || code == SQLITE_ROW)
        return;
    fprintf(stderr, "bare loop: %s\n", sqlite3_errmsg(db));
    exit(EXIT_FAILURE);
}

static const char *const bare_sql[] = {
    "INSERT INTO records (external_id, email, fingerprint, updated_at, data) VALUES (?1, ?2, ?3, ?4, ?5)",
    "SELECT id, fingerprint FROM records WHERE external_id = ?1",
    "UPDATE records SET email = ?2, fingerprint = ?3, updated_at = ?4, data = ?5 WHERE external_id = ?1",
};

static double
bare_phase(struct bench *b, sqlite3 *db, sqlite3_stmt **statements, int which)
{
    int64_t start = bench_us();
    for (b->first = 0; b->first < b->records; b->first += PAGE) {
        arena_clear(&b->page_arena);
        struct page *p = ARENA_NEW(&b->page_arena, struct page);
        fill(b, p);
        must(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), db);
        for (int i = 0; i < PAGE; i++) {
            sqlite3_stmt *s = statements[1];
            sqlite3_bind_text(s, 1, p->ids[i].ptr, (int)p->ids[i].len, SQLITE_STATIC);
            must(sqlite3_step(s), db);
            sqlite3_reset(s);
            if (which == 1)
                continue;
            s = statements[which];
            sqlite3_bind_text(s, 1, p->ids[i].ptr, (int)p->ids[i].len, SQLITE_STATIC);
            sqlite3_bind_text(s, 2, p->keys[i].ptr, (int)p->keys[i].len, SQLITE_STATIC);
            sqlite3_bind_blob(s, 3, p->maps[i].fingerprint, FINGERPRINT_BYTES, SQLITE_STATIC);
            sqlite3_bind_int64(s, 4, start);
            sqlite3_bind_text(s, 5, p->records[i].data.ptr, (int)p->records[i].data.len, SQLITE_STATIC);
            must(sqlite3_step(s), db);
            sqlite3_reset(s);
        }
        must(sqlite3_exec(db, "UPDATE cursor SET at = at + 1", NULL, NULL, NULL), db);
        must(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), db);
    }
    return (double)(bench_us() - start) / (double)b->records;
}

static void
bare(struct bench *b, const char *path, double us[3])
{
    sqlite3 *db;
    sqlite3_stmt *statements[3];
    must(sqlite3_open(path, &db), db);
    must(sqlite3_exec(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-24000;"
                      "CREATE TABLE records (id INTEGER PRIMARY KEY, external_id TEXT UNIQUE, email TEXT, fingerprint BLOB,"
                      " updated_at INTEGER, data TEXT);"
                      "CREATE INDEX records_email ON records (email); CREATE TABLE cursor (at INTEGER);"
                      "INSERT INTO cursor VALUES (0)", NULL, NULL, NULL), db);
    for (int i = 0; i < 3; i++)
        must(sqlite3_prepare_v2(db, bare_sql[i], -1, &statements[i], NULL), db);
    for (int i = 0; i < 3; i++) {
        b->revision = i == 2;
        us[i] = bare_phase(b, db, statements, i);
    }
    for (int i = 0; i < 3; i++)
        sqlite3_finalize(statements[i]);
    sqlite3_close(db);
}

/* Making the data costs both sides the same; it is no part of either. */
static double
fill_us(struct bench *b)
{
    int64_t start = bench_us();
    for (b->first = 0; b->first < b->records; b->first += PAGE) {
        arena_clear(&b->page_arena);
        fill(b, ARENA_NEW(&b->page_arena, struct page));
    }
    return (double)(bench_us() - start) / (double)b->records;
}

int
main(int argc, char **argv)
{
    static const char *const names[] = {"create", "skip", "update"};
    struct bench b = {.records = 100000};
    struct err err;
    char folder[] = "/tmp/tidemark-bench.XXXXXX", path[64];
    if (argc > 1 && !str_to_i64(str_from_c(argv[1]), PAGE, 100000000, &b.records))
        return EXIT_FAILURE;
    b.random_ids = getenv("BENCH_RANDOM_IDS") != NULL;
    if (!mkdtemp(folder))
        return EXIT_FAILURE;
    b.text = malloc(RECORD_BYTES);
    for (int i = 0; i < RECORD_BYTES; i++)
        b.text[i] = (char)('a' + mix((uint64_t)i) % 26);
    b.text[RECORD_BYTES - 70] = '\0';
    arena_init(&b.arena, 1 << 26);
    arena_init(&b.page_arena, 1 << 26);
    double bare_us[3] = {0}, making_us = fill_us(&b);
    snprintf(path, sizeof(path), "%s/bare.db", folder);
    bare(&b, path, bare_us);
    struct store_options options = {.data_dir = str_from_c(folder), .clock = clock_system(), .migrate = true,
                                    .url = argc > 2 ? str_from_c(argv[2]) : STR_NONE};
    b.store = store_open(&options, &err);
    if (!b.store || !store_write(b.store, set_up, &b, &err))
        die("open", &err);
    printf("%-8s %12s %12s %8s\n", "", "us/record", "bare", "ratio");
    for (int i = 0; i < 3; i++) {
        b.revision = i == 2;
        double us = phase(&b) - making_us, limit_us = bare_us[i] - making_us;
        printf("%-8s %12.2f %12.2f %8.2f\n", names[i], us, limit_us, limit_us / us);
    }
    store_close(b.store);
    char command[128];
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
