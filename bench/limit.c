/*
 * The bare limit: what a machine can do when nothing but the work itself is done.
 *
 * One thread, one loop: fetch a page (libcurl, one kept connection), parse it (yyjson), pick the mapped
 * fields, hash them (XXH3-128), and bind rows to the same tables as the product: records, entity_map,
 * match_keys, raw (zstd level 1). One transaction a page, synchronous=FULL. No fence, no counters, no log, no cursor, no change
 * feed, no verdict, no linking: what is missing against the product is what the product is for.
 *
 * usage: limit DATABASE URL-with-page=-at-its-end PAGES create|skip|update [noraw]
 * The database must have the product's schema (`tidemark migrate`). Prints records and seconds.
 */
#include <curl/curl.h>
#include <sqlite3.h>
#include <stdint.h>
#include <xxhash.h>
#include <zstd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/rng.h"
#include "json/json.h"

#define PAGE_ARENA_BYTES (64L * 1024 * 1024)
#define RAW_BYTES_MAX 65536
#define TENANT 1
#define COLLECTION 1
#define STREAM 1

enum mode { CREATE, SKIP, UPDATE };

struct limit {
    enum mode mode;
    bool raw;
    CURL *curl;
    struct buf body, mapped;
    struct arena arena;
    sqlite3 *db;
    sqlite3_stmt *record_insert, *map_insert, *map_find, *record_update, *map_update, *match_insert, *raw_write;
    ZSTD_CCtx *zstd;
    struct rng rng;
    int64_t now_us, records;
};

static void
die(const char *what, const char *why)
{
    fprintf(stderr, "limit: %s: %s\n", what, why);
    exit(1);
}

static size_t
receive(char *data, size_t size, size_t count, void *ctx)
{
    return buf_add(ctx, (struct str){data, size * count}) ? size * count : 0;
}

static sqlite3_stmt *
prepare(struct limit *l, const char *sql)
{
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v3(l->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) != SQLITE_OK)
        die(sql, sqlite3_errmsg(l->db));
    return statement;
}

static void
run(struct limit *l, const char *sql)
{
    if (sqlite3_exec(l->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        die(sql, sqlite3_errmsg(l->db));
}

static void
open_database(struct limit *l, const char *path)
{
    if (sqlite3_open_v2(path, &l->db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
        die(path, sqlite3_errmsg(l->db));
    run(l, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-65536; PRAGMA wal_autocheckpoint=1000");
    l->record_insert = prepare(l, "INSERT INTO records (tenant, collection, uuid, title, version, created_at, updated_at, data) "
                                  "VALUES (1, 1, ?1, ?2, 1, ?3, ?3, ?4)");
    l->map_insert = prepare(l, "INSERT INTO entity_map (tenant, stream, external_id, record, fingerprint, observed_at, created_at, "
                               "updated_at) VALUES (1, 1, ?1, ?2, ?3, ?4, ?4, ?4)");
    l->map_find = prepare(l, "SELECT id, record, fingerprint FROM entity_map WHERE stream = 1 AND external_id = ?1");
    l->record_update = prepare(l, "UPDATE records SET data = ?2, title = ?3, version = version + 1, updated_at = ?4 WHERE id = ?1");
    l->map_update = prepare(l, "UPDATE entity_map SET fingerprint = ?2, observed_at = ?3, updated_at = ?3 WHERE id = ?1");
    l->match_insert = prepare(l, "INSERT OR IGNORE INTO match_keys (hash, tenant, record, rest) VALUES (?1, 1, ?2, 0)");
    l->raw_write = prepare(l, "INSERT OR REPLACE INTO raw (map, tenant, updated_at, data) VALUES (?1, 1, ?2, ?3)");
}

static void
step(struct limit *l, sqlite3_stmt *statement)
{
    if (sqlite3_step(statement) != SQLITE_DONE)
        die("step", sqlite3_errmsg(l->db));
    sqlite3_reset(statement);
}

static void
bind_text(sqlite3_stmt *statement, int place, struct str text)
{
    sqlite3_bind_text(statement, place, text.ptr, (int)text.len, SQLITE_STATIC);
}

static void
add_field(struct buf *b, const char *name, yyjson_val *value)
{
    buf_addf(b, "%s\"%s\":", b->len > 1 ? "," : "", name);
    if (value)
        json_write_canonical(b, value);
    else
        buf_add_c(b, "null");
}

/* The fields of bench/plain.yaml, in canonical order. */
static void
map_record(struct limit *l, yyjson_val *record)
{
    buf_clear(&l->mapped);
    buf_add_char(&l->mapped, '{');
    add_field(&l->mapped, "city", json_get_c(record, "city"));
    add_field(&l->mapped, "company", json_get_c(record, "company"));
    add_field(&l->mapped, "customFields", json_get_c(record, "custom_fields"));
    add_field(&l->mapped, "email", json_get_c(record, "email"));
    add_field(&l->mapped, "name", json_get_c(record, "name"));
    add_field(&l->mapped, "phone", json_get_c(record, "phone_number"));
    add_field(&l->mapped, "tags", json_get_c(record, "tags"));
    add_field(&l->mapped, "version", json_get_c(record, "version"));
    buf_add_char(&l->mapped, '}');
}

static void
write_raw(struct limit *l, int64_t map, yyjson_val *record)
{
    char packed[RAW_BYTES_MAX];
    struct str text = json_to_text(&l->arena, record);
    size_t size = ZSTD_compressCCtx(l->zstd, packed, sizeof(packed), text.ptr, text.len, 1);
    if (ZSTD_isError(size))
        die("zstd", ZSTD_getErrorName(size));
    sqlite3_bind_int64(l->raw_write, 1, map);
    sqlite3_bind_int64(l->raw_write, 2, l->now_us);
    sqlite3_bind_blob(l->raw_write, 3, packed, (int)size, SQLITE_STATIC);
    step(l, l->raw_write);
}

static void
create(struct limit *l, yyjson_val *record, const unsigned char *fingerprint)
{
    char uuid[UUID_TEXT_BYTES];
    bind_text(l->record_insert, 1, str_from_c(uuid_v7(&l->rng, l->now_us, uuid)));
    bind_text(l->record_insert, 2, json_str(json_get_c(record, "name")));
    sqlite3_bind_int64(l->record_insert, 3, l->now_us);
    bind_text(l->record_insert, 4, buf_str(&l->mapped));
    step(l, l->record_insert);
    int64_t id = sqlite3_last_insert_rowid(l->db);
    bind_text(l->map_insert, 1, json_str(json_get_c(record, "id")));
    sqlite3_bind_int64(l->map_insert, 2, id);
    sqlite3_bind_blob(l->map_insert, 3, fingerprint, 16, SQLITE_STATIC);
    sqlite3_bind_int64(l->map_insert, 4, l->now_us);
    step(l, l->map_insert);
    int64_t map = sqlite3_last_insert_rowid(l->db);
    struct str email = json_str(json_get_c(record, "email"));
    sqlite3_bind_int64(l->match_insert, 1, (int64_t)(XXH3_64bits(email.ptr, email.len) >> 1));
    sqlite3_bind_int64(l->match_insert, 2, id);
    step(l, l->match_insert);
    if (l->raw)
        write_raw(l, map, record);
}

static void
update(struct limit *l, yyjson_val *record, int64_t map, int64_t id, const unsigned char *fingerprint)
{
    sqlite3_bind_int64(l->record_update, 1, id);
    bind_text(l->record_update, 2, buf_str(&l->mapped));
    bind_text(l->record_update, 3, json_str(json_get_c(record, "name")));
    sqlite3_bind_int64(l->record_update, 4, l->now_us);
    step(l, l->record_update);
    sqlite3_bind_int64(l->map_update, 1, map);
    sqlite3_bind_blob(l->map_update, 2, fingerprint, 16, SQLITE_STATIC);
    sqlite3_bind_int64(l->map_update, 3, l->now_us);
    step(l, l->map_update);
    if (l->raw)
        write_raw(l, map, record);
}

static void
take(struct limit *l, yyjson_val *record)
{
    unsigned char fingerprint[16];
    map_record(l, record);
    XXH128_canonicalFromHash((XXH128_canonical_t *)fingerprint, XXH3_128bits(l->mapped.ptr, l->mapped.len));
    l->records++;
    if (l->mode == CREATE) {
        create(l, record, fingerprint);
        return;
    }
    bind_text(l->map_find, 1, json_str(json_get_c(record, "id")));
    if (sqlite3_step(l->map_find) != SQLITE_ROW)
        die("map_find", "the record is missing");
    int64_t map = sqlite3_column_int64(l->map_find, 0), id = sqlite3_column_int64(l->map_find, 1);
    bool same = memcmp(sqlite3_column_blob(l->map_find, 2), fingerprint, 16) == 0;
    sqlite3_reset(l->map_find);
    if (l->mode == SKIP ? !same : same)
        die("map_find", l->mode == SKIP ? "a record changed" : "a record did not change");
    if (!same)
        update(l, record, map, id, fingerprint);
}

static void
take_page(struct limit *l, const char *url)
{
    struct err err = {0};
    buf_clear(&l->body);
    arena_clear(&l->arena);
    curl_easy_setopt(l->curl, CURLOPT_URL, url);
    CURLcode code = curl_easy_perform(l->curl);
    if (code != CURLE_OK)
        die(url, curl_easy_strerror(code));
    yyjson_val *root = json_parse(&l->arena, buf_str(&l->body), JSON_NUMBERS_RAW, 64, &err);
    if (!root)
        die(url, err.message);
    l->now_us = clock_wall_us(clock_system());
    run(l, "BEGIN IMMEDIATE");
    size_t index, max;
    yyjson_val *record;
    yyjson_arr_foreach(json_get_c(root, "data"), index, max, record) {
        take(l, record);
    }
    run(l, "COMMIT");
}

int
main(int argc, char **argv)
{
    int64_t pages;
    if (argc < 5 || !str_to_i64(str_from_c(argv[3]), 1, 10000000, &pages))
        die("usage", "limit DATABASE URL PAGES create|skip|update [noraw]");
    struct limit l = {.raw = argc < 6};
    struct str mode = str_from_c(argv[4]);
    l.mode = str_eq(mode, STR("create")) ? CREATE : str_eq(mode, STR("skip")) ? SKIP : UPDATE;
    arena_init(&l.arena, PAGE_ARENA_BYTES);
    buf_init(&l.body, PAGE_ARENA_BYTES);
    buf_init(&l.mapped, RAW_BYTES_MAX);
    rng_init(&l.rng, 1);
    l.zstd = ZSTD_createCCtx();
    l.curl = curl_easy_init();
    curl_easy_setopt(l.curl, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(l.curl, CURLOPT_WRITEDATA, &l.body);
    open_database(&l, argv[1]);
    int64_t began = clock_monotonic_us(clock_system());
    for (int64_t page = 1; page <= pages; page++) {
        char url[2048];
        snprintf(url, sizeof(url), "%s%lld", argv[2], (long long)page);
        take_page(&l, url);
    }
    int64_t took = clock_monotonic_us(clock_system()) - began;
    printf("{\"records\":%lld,\"seconds\":%.6f}\n", (long long)l.records, (double)took / 1e6);
    return 0;
}
