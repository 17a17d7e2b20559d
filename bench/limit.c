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
#include <sqlite3.h>
#include <stdint.h>
#include <xxhash.h>
#include <zstd.h>

#include "base/clock.h"
#include "base/rng.h"
#include "source.h"

enum mode { CREATE, SKIP, UPDATE };

struct limit {
    enum mode mode;
    bool raw;
    struct source source;
    sqlite3 *db;
    sqlite3_stmt *record_insert, *map_insert, *map_find, *record_update, *map_update, *match_insert, *raw_write;
    ZSTD_CCtx *zstd;
    struct rng rng;
    int64_t now_us, records;
};

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
write_raw(struct limit *l, int64_t map, yyjson_val *record)
{
    char packed[SOURCE_RECORD_BYTES_MAX];
    struct str text = json_to_text(&l->source.arena, record);
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
    bind_text(l->record_insert, 4, buf_str(&l->source.mapped));
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
    bind_text(l->record_update, 2, buf_str(&l->source.mapped));
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
    unsigned char fingerprint[SOURCE_HASH_BYTES];
    source_map(&l->source, record, fingerprint);
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
    yyjson_val *records = source_page(&l->source, url);
    l->now_us = clock_wall_us(clock_system());
    run(l, "BEGIN IMMEDIATE");
    size_t index, max;
    yyjson_val *record;
    yyjson_arr_foreach(records, index, max, record) {
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
    source_init(&l.source);
    rng_init(&l.rng, 1);
    l.zstd = ZSTD_createCCtx();
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
