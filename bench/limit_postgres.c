/*
 * The bare limit on PostgreSQL: fetch, parse, map, hash, and one set statement over binary arrays a page,
 * into the same tables as the product: records, entity_map, match_keys, raw (zstd level 1). One connection, one
 * transaction a page, synchronous_commit=on. What the product adds (fence, look-up, linking, log, cursor, feed)
 * is left out. With `noraw` only records and entity_map are written.
 *
 * usage: limit_postgres CONNECTION URL-with-page=-at-its-end PAGES [noraw]
 */
#include <arpa/inet.h>
#include <endian.h>
#include <libpq-fe.h>
#include <zstd.h>

#include "base/clock.h"
#include "base/rng.h"
#include "source.h"

#define ARRAY_BYTES_MAX (64L * 1024 * 1024)
#define OID_BYTEA 17
#define OID_TEXT 25
#define OID_BYTEA_ARRAY 1001
#define OID_TEXT_ARRAY 1009
#define OID_INT8 20

/* A one-dimensional array in PostgreSQL's binary format. */
struct array {
    struct buf bytes;
    uint32_t count;
};

static void
add_u32(struct buf *b, uint32_t value)
{
    uint32_t wire = htonl(value);
    buf_add(b, (struct str){(const char *)&wire, sizeof(wire)});
}

static void
array_begin(struct array *a, uint32_t item_type)
{
    buf_clear(&a->bytes);
    a->count = 0;
    add_u32(&a->bytes, 1);         /* dimensions */
    add_u32(&a->bytes, 0);         /* no NULLs */
    add_u32(&a->bytes, item_type);
    add_u32(&a->bytes, 0);         /* length: filled in at the end */
    add_u32(&a->bytes, 1);         /* lower bound */
}

static void
array_add(struct array *a, struct str item)
{
    add_u32(&a->bytes, (uint32_t)item.len);
    buf_add(&a->bytes, item);
    a->count++;
}

static void
array_add_raw(struct array *a, struct source *source, yyjson_val *record)
{
    static char packed[SOURCE_RECORD_BYTES_MAX];
    struct str text = json_to_text(&source->arena, record);
    size_t size = ZSTD_compress(packed, sizeof(packed), text.ptr, text.len, 1);
    if (ZSTD_isError(size))
        die("zstd", ZSTD_getErrorName(size));
    array_add(a, (struct str){packed, size});
}

static void
array_end(struct array *a)
{
    uint32_t wire = htonl(a->count);
    memcpy(a->bytes.ptr + 12, &wire, sizeof(wire));
}

enum { UUIDS, TITLES, DATAS, IDS, HASHES, EMAILS, RAWS, ARRAYS };

#define INSERT_BOTH                                                                                         \
    "WITH r AS (INSERT INTO records (tenant, collection, uuid, title, version, created_at, updated_at, data) "   \
    "SELECT 1, 1, u, t, 1, $8, $8, d::json FROM unnest($1, $2, $3) AS x(u, t, d) RETURNING id, uuid), "          \
    "m AS (INSERT INTO entity_map (tenant, stream, external_id, record, fingerprint, observed_at, created_at, "  \
    "updated_at) SELECT 1, 1, y.e, r.id, y.h, $8, $8, $8 FROM unnest($1, $4, $5) AS y(u, e, h) "                \
    "JOIN r ON r.uuid = y.u RETURNING id, external_id, record)"
static const char insert_all[] = INSERT_BOTH
    ", k AS (INSERT INTO match_keys (tenant, collection, key, record) SELECT 1, 1, z.k, r.id FROM unnest($1, $6) AS z(u, k) "
    "JOIN r ON r.uuid = z.u ON CONFLICT DO NOTHING) "
    "INSERT INTO raw (map, tenant, updated_at, data) SELECT m.id, 1, $8, w.d FROM unnest($4, $7) AS w(e, d) "
    "JOIN m ON m.external_id = w.e";
static const char insert_without_raw[] = INSERT_BOTH " SELECT count(*) FROM m WHERE $6::text[] IS NULL OR $7::bytea[] IS NULL";

static void
check(PGconn *conn, PGresult *result, ExecStatusType wanted)
{
    if (PQresultStatus(result) != wanted)
        die("PostgreSQL", PQerrorMessage(conn));
    PQclear(result);
}

static void
write_page(PGconn *conn, struct array *arrays, int64_t now_us)
{
    const char *values[ARRAYS + 1];
    int lengths[ARRAYS + 1], formats[ARRAYS + 1];
    for (unsigned i = 0; i < ARRAYS; i++) {
        array_end(&arrays[i]);
        values[i] = arrays[i].bytes.ptr;
        lengths[i] = (int)arrays[i].bytes.len;
        formats[i] = 1;
    }
    uint64_t wire = htobe64((uint64_t)now_us);
    values[ARRAYS] = (const char *)&wire;
    lengths[ARRAYS] = sizeof(wire);
    formats[ARRAYS] = 1;
    check(conn, PQexec(conn, "BEGIN; SET LOCAL synchronous_commit = on"), PGRES_COMMAND_OK);
    PGresult *result = PQexecPrepared(conn, "page", ARRAYS + 1, values, lengths, formats, 1);
    check(conn, result, PQresultStatus(result) == PGRES_TUPLES_OK ? PGRES_TUPLES_OK : PGRES_COMMAND_OK);
    check(conn, PQexec(conn, "COMMIT"), PGRES_COMMAND_OK);
}

static int64_t
take_page(PGconn *conn, struct source *source, struct array *arrays, struct rng *rng, const char *url)
{
    static const uint32_t types[ARRAYS] = {OID_TEXT, OID_TEXT, OID_TEXT, OID_TEXT, OID_BYTEA, OID_TEXT, OID_BYTEA};
    yyjson_val *records = source_page(source, url), *record;
    int64_t now_us = clock_wall_us(clock_system());
    for (unsigned i = 0; i < ARRAYS; i++)
        array_begin(&arrays[i], types[i]);
    size_t index, max;
    yyjson_arr_foreach(records, index, max, record) {
        unsigned char hash[SOURCE_HASH_BYTES];
        char uuid[UUID_TEXT_BYTES];
        source_map(source, record, hash);
        array_add(&arrays[UUIDS], str_from_c(uuid_v7(rng, now_us, uuid)));
        array_add(&arrays[TITLES], json_str(json_get_c(record, "name")));
        array_add(&arrays[DATAS], buf_str(&source->mapped));
        array_add(&arrays[IDS], json_str(json_get_c(record, "id")));
        array_add(&arrays[HASHES], (struct str){(const char *)hash, sizeof(hash)});
        array_add(&arrays[EMAILS], json_str(json_get_c(record, "email")));
        array_add_raw(&arrays[RAWS], source, record);
    }
    write_page(conn, arrays, now_us);
    return (int64_t)yyjson_arr_size(records);
}

int
main(int argc, char **argv)
{
    int64_t pages;
    if (argc < 4 || !str_to_i64(str_from_c(argv[3]), 1, 10000000, &pages))
        die("usage", "limit_postgres CONNECTION URL PAGES");
    PGconn *conn = PQconnectdb(argv[1]);
    if (PQstatus(conn) != CONNECTION_OK)
        die("PostgreSQL", PQerrorMessage(conn));
    static const Oid types[] = {OID_TEXT_ARRAY, OID_TEXT_ARRAY, OID_TEXT_ARRAY, OID_TEXT_ARRAY, OID_BYTEA_ARRAY,
                                OID_TEXT_ARRAY, OID_BYTEA_ARRAY, OID_INT8};
    /* The product's rows go first and are counted there; here they would only be in the way. */
    check(conn, PQexec(conn, "TRUNCATE records, entity_map, match_keys, raw"), PGRES_COMMAND_OK);
    check(conn, PQprepare(conn, "page", argc > 4 ? insert_without_raw : insert_all, ARRAYS + 1, types), PGRES_COMMAND_OK);
    struct source source = {0};
    source_init(&source);
    struct array arrays[ARRAYS];
    for (unsigned i = 0; i < ARRAYS; i++)
        buf_init(&arrays[i].bytes, ARRAY_BYTES_MAX);
    struct rng rng;
    rng_init(&rng, 1);
    int64_t records = 0, began = clock_monotonic_us(clock_system());
    for (int64_t page = 1; page <= pages; page++) {
        char url[2048];
        snprintf(url, sizeof(url), "%s%lld", argv[2], (long long)page);
        records += take_page(conn, &source, arrays, &rng, url);
    }
    int64_t took = clock_monotonic_us(clock_system()) - began;
    printf("{\"records\":%lld,\"seconds\":%.6f}\n", (long long)records, (double)took / 1e6);
    PQfinish(conn);
    return 0;
}
