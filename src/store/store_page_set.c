/*
 * The page's batches on PostgreSQL: one statement over whole arrays each, because a round trip costs more
 * than the row (design, section 5). What comes back names its place in the arrays, or its key.
 */
#include "base/check.h"
#include "base/map.h"
#include "store/store_page_priv.h"
#include "store/store_priv.h"

#define SET_ARENA_BYTES (512L * 1024 * 1024)

/* A column of the rows that are written, as arrays in a scratch arena. */
struct columns {
    struct arena a;
    size_t count;
    bool full;
};

static void
columns_init(struct columns *c, size_t count)
{
    *c = (struct columns){.count = count};
    arena_init(&c->a, SET_ARENA_BYTES);
}

static int64_t *
numbers(struct columns *c)
{
    int64_t *items = ARENA_ARRAY(&c->a, int64_t, c->count);
    c->full |= items == NULL;
    return items;
}

static struct str *
texts(struct columns *c)
{
    struct str *items = ARENA_ARRAY(&c->a, struct str, c->count);
    c->full |= items == NULL;
    return items;
}

/* ---- look-ups ---- */

static bool
set_map_lookup(struct db *db, struct arena *a, int64_t tenant, int64_t stream, const struct str *ids, size_t count,
               struct map_row *rows_out, struct err *err)
{
    struct db_rows rows;
    memset(rows_out, 0, count * sizeof(*rows_out));
    if (!db_query(db, SQL_MAP_LOOKUP_SET, DB_ARGS(DB_I(tenant), DB_I(stream), DB_T_ARRAY(ids, count)), &rows, err))
        return false;
    enum row row;
    while ((row = db_next(&rows, err)) == ROW_FOUND) {
        int64_t n = db_column_i64(&rows, 0);
        CHECK(n >= 1 && (size_t)n <= count);
        if (page_map_read(&rows, 1, a, &rows_out[n - 1]))
            continue;
        db_finish(&rows);
        return STORE_ARENA_FULL(err);
    }
    return row == ROW_NONE;
}

static bool
set_match_lookup(struct db *db, int64_t tenant, int64_t collection, const struct str *keys, size_t count,
                 int64_t *records_out, struct err *err)
{
    struct db_rows rows;
    memset(records_out, 0, count * sizeof(*records_out));
    if (!db_query(db, SQL_MATCH_LOOKUP_SET, DB_ARGS(DB_I(tenant), DB_I(collection), DB_T_ARRAY(keys, count)), &rows, err))
        return false;
    enum row row;
    while ((row = db_next(&rows, err)) == ROW_FOUND) {
        int64_t n = db_column_i64(&rows, 0);
        CHECK(n >= 1 && (size_t)n <= count);
        records_out[n - 1] = db_column_i64(&rows, 1);
    }
    return row == ROW_NONE;
}

static bool
set_match_claim(struct db *db, int64_t tenant, int64_t collection, const struct str *keys, const int64_t *records,
                size_t count, struct err *err)
{
    return db_defer(db, SQL_MATCH_CLAIM_SET, DB_ARGS(DB_I(tenant), DB_I(collection), DB_T_ARRAY(keys, count),
                   DB_I_ARRAY(records, count)), err);
}

static bool
set_match_release(struct db *db, int64_t tenant, int64_t collection, const struct str *keys, const int64_t *records,
                  size_t count, struct err *err)
{
    return db_defer(db, SQL_MATCH_RELEASE_SET, DB_ARGS(DB_I(tenant), DB_I(collection), DB_T_ARRAY(keys, count),
                   DB_I_ARRAY(records, count)), err);
}

/* ---- records ---- */

/* What inserts and updates bind alike. */
struct record_columns {
    struct columns c;
    int64_t *id, *parent, *occurred, *deleted;
    struct str *uuid, *title, *status, *data, *changed;
};

static bool
record_columns_init(struct record_columns *r, const struct record_write *records, size_t count)
{
    columns_init(&r->c, count);
    r->id = numbers(&r->c);
    r->parent = numbers(&r->c);
    r->occurred = numbers(&r->c);
    r->deleted = numbers(&r->c);
    r->uuid = texts(&r->c);
    r->title = texts(&r->c);
    r->status = texts(&r->c);
    r->data = texts(&r->c);
    r->changed = texts(&r->c);
    for (size_t i = 0; !r->c.full && i < count; i++) {
        const struct record_write *w = &records[i];
        r->id[i] = w->record;
        r->parent[i] = w->parent;
        r->occurred[i] = w->occurred_us;
        r->deleted[i] = w->deleted;
        r->uuid[i] = str_from_c(w->uuid);
        r->title[i] = w->title;
        r->status[i] = w->status;
        r->data[i] = w->data;
        r->changed[i] = w->changed.len ? w->changed : STR_NONE;
    }
    return !r->c.full;
}

static bool
take_record_ids(struct db *db, struct record_write *records, size_t count, struct err *err)
{
    struct db_rows rows;
    if (!db_query(db, SQL_RECORD_IDS, DB_ARGS(DB_I(count)), &rows, err))
        return false;
    size_t i = 0;
    enum row row;
    while ((row = db_next(&rows, err)) == ROW_FOUND)
        records[i++].record = db_column_i64(&rows, 0);
    CHECK(row == ROW_FAILED || i == count);
    return row == ROW_NONE;
}

static bool
set_records_insert(struct db *db, int64_t tenant, int64_t collection, struct record_write *records, size_t count,
                   int64_t now_us, struct err *err)
{
    if (!take_record_ids(db, records, count, err))
        return false;
    struct record_columns r;
    bool ok = record_columns_init(&r, records, count)
        ? db_defer(db, SQL_RECORD_INSERT_SET,
                  DB_ARGS(DB_I(tenant), DB_I(collection), DB_I(now_us), DB_I_ARRAY(r.id, count), DB_T_ARRAY(r.uuid, count),
                          DB_I_ARRAY(r.parent, count), DB_T_ARRAY(r.title, count), DB_T_ARRAY(r.status, count),
                          DB_I_ARRAY(r.occurred, count), DB_I_ARRAY(r.deleted, count), DB_T_ARRAY(r.data, count)),
                  err)
        : STORE_ARENA_FULL(err);
    arena_release(&r.c.a);
    return ok;
}

static bool
read_moved(struct db_rows *rows, size_t count, struct moved *moved, struct err *err)
{
    int64_t found = db_column_i64(rows, 0), revived = db_column_i64(rows, 1), deleted = db_column_i64(rows, 2);
    db_finish(rows);
    moved->live += revived - deleted;
    moved->deleted += deleted - revived;
    return found == (int64_t)count || err_set(err, E_NOT_FOUND, NULL);
}

static bool
set_records_update(struct db *db, int64_t tenant, const struct record_write *records, size_t count, int64_t connection,
                   int64_t run, int64_t now_us, struct moved *moved, struct err *err)
{
    struct record_columns r;
    struct db_rows rows;
    bool ok = record_columns_init(&r, records, count)
        ? db_query_row(db, SQL_RECORD_UPDATE_SET,
                       DB_ARGS(DB_I(tenant), DB_I(now_us), DB_I(connection), DB_I(run), DB_I_ARRAY(r.id, count),
                               DB_I_ARRAY(r.parent, count), DB_T_ARRAY(r.title, count), DB_T_ARRAY(r.status, count),
                               DB_I_ARRAY(r.occurred, count), DB_I_ARRAY(r.deleted, count), DB_T_ARRAY(r.data, count),
                               DB_T_ARRAY(r.changed, count)),
                       &rows, err) == ROW_FOUND
        : STORE_ARENA_FULL(err);
    ok = ok && read_moved(&rows, count, moved, err);
    arena_release(&r.c.a);
    return ok;
}

/* Ids come back in their own order; where they stood is looked up in a sorted copy. */
struct place {
    int64_t id;
    size_t at;
};

static int
place_compare(const void *left, const void *right)
{
    int64_t a = ((const struct place *)left)->id, b = ((const struct place *)right)->id;
    return a < b ? -1 : a > b;
}

static bool
read_records(struct db_rows *rows, struct arena *a, const struct place *places, size_t count, struct record_row *rows_out,
             struct err *err)
{
    enum row row;
    while ((row = db_next(rows, err)) == ROW_FOUND) {
        struct place key = {.id = db_column_i64(rows, 0)};
        const struct place *place = bsearch(&key, places, count, sizeof(*places), place_compare);
        CHECK(place != NULL);
        struct row_reader reader = {.rows = rows, .a = a, .column = 1};
        page_record_read(&reader, &rows_out[place->at]);
        if (!reader.full)
            continue;
        db_finish(rows);
        return STORE_ARENA_FULL(err);
    }
    return row == ROW_NONE;
}

static bool
set_records_load(struct db *db, struct arena *a, int64_t tenant, const int64_t *records, size_t count,
                 struct record_row *rows_out, struct err *err)
{
    struct arena scratch;
    arena_init(&scratch, SET_ARENA_BYTES);
    memset(rows_out, 0, count * sizeof(*rows_out));
    struct place *places = ARENA_ARRAY(&scratch, struct place, count);
    bool ok = places || STORE_ARENA_FULL(err);
    for (size_t i = 0; ok && i < count; i++)
        places[i] = (struct place){records[i], i};
    if (ok)
        qsort(places, count, sizeof(*places), place_compare);
    struct db_rows rows;
    ok = ok && db_query(db, SQL_RECORD_LOAD_SET, DB_ARGS(DB_I(tenant), DB_I_ARRAY(records, count)), &rows, err) &&
         read_records(&rows, a, places, count, rows_out, err);
    arena_release(&scratch);
    return ok;
}

/* ---- maps ---- */

struct map_columns {
    struct columns c;
    int64_t *id, *record, *deleted, *raw_map;
    struct str *external, *fingerprint, *version, *url, *raw;
    struct map by_external;          /* external id -> struct map_write * */
    size_t raw_count;
};

static bool
map_columns_init(struct map_columns *m, struct map_write *maps, size_t count)
{
    columns_init(&m->c, count);
    m->id = numbers(&m->c);
    m->record = numbers(&m->c);
    m->deleted = numbers(&m->c);
    m->raw_map = numbers(&m->c);
    m->external = texts(&m->c);
    m->fingerprint = texts(&m->c);
    m->version = texts(&m->c);
    m->url = texts(&m->c);
    m->raw = texts(&m->c);
    m->raw_count = 0;
    map_init(&m->by_external, &m->c.a);
    for (size_t i = 0; !m->c.full && i < count; i++) {
        struct map_write *w = &maps[i];
        m->id[i] = w->map;
        m->record[i] = w->record;
        m->deleted[i] = w->deleted;
        m->external[i] = w->external_id;
        m->fingerprint[i] = (struct str){(const char *)w->fingerprint, FINGERPRINT_BYTES};
        m->version[i] = w->version;
        m->url[i] = w->url;
        m->c.full |= !map_put(&m->by_external, w->external_id, w);
    }
    return !m->c.full;
}

/* A map that we took for new and that was there: another worker made it since our look-up. All is looked up anew. */
static bool
fail_raced(struct db *db, struct err *err)
{
    db->try_again = true;
    return err_set(err, E_CONFLICT, "Another worker has just written this record");
}

static bool
read_written(struct db *db, struct db_rows *rows, struct map_columns *m, struct moved *moved, struct err *err)
{
    enum row row;
    while ((row = db_next(rows, err)) == ROW_FOUND) {
        struct map_write *w = map_get(&m->by_external, db_column_text(rows, 3));
        CHECK(w != NULL);
        bool is_new = db_column_bool(rows, 1), was_deleted = db_column_bool(rows, 2);
        if (w->map == 0 && !is_new) {
            db_finish(rows);
            return fail_raced(db, err);
        }
        w->map = db_column_i64(rows, 0);
        moved->live += (w->deleted ? 0 : 1) - (is_new || was_deleted ? 0 : 1);
        moved->deleted += (w->deleted ? 1 : 0) - (!is_new && was_deleted ? 1 : 0);
    }
    return row == ROW_NONE;
}

/* One without an id was made, and erased, by others since our look-up. */
static bool
all_have_ids(struct db *db, const struct map_write *maps, size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++)
        if (maps[i].map == 0)
            return fail_raced(db, err);
    return true;
}

static bool
write_raw(struct db *db, int64_t tenant, const struct map_write *maps, struct map_columns *m, size_t count, int64_t now_us,
          struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (maps[i].raw.len == 0)
            continue;
        m->raw_map[m->raw_count] = maps[i].map;
        m->raw[m->raw_count++] = maps[i].raw;
    }
    return m->raw_count == 0 ||
           db_defer(db, SQL_RAW_WRITE_SET, DB_ARGS(DB_I(tenant), DB_I(now_us), DB_I_ARRAY(m->raw_map, m->raw_count),
                   DB_B_ARRAY(m->raw, m->raw_count)), err);
}

static bool
set_maps_write(struct db *db, int64_t tenant, int64_t stream, struct map_write *maps, size_t count, int64_t observed_us,
               int64_t now_us, struct moved *moved, struct err *err)
{
    struct map_columns m;
    struct db_rows rows;
    bool ok = map_columns_init(&m, maps, count)
        ? db_query(db, SQL_MAP_WRITE_SET,
                   DB_ARGS(DB_I(tenant), DB_I(stream), DB_I(observed_us), DB_I(now_us), DB_I_ARRAY(m.id, count),
                           DB_I_ARRAY(m.record, count), DB_T_ARRAY(m.external, count), DB_B_ARRAY(m.fingerprint, count),
                           DB_T_ARRAY(m.version, count), DB_I_ARRAY(m.deleted, count), DB_T_ARRAY(m.url, count)),
                   &rows, err)
        : STORE_ARENA_FULL(err);
    ok = ok && read_written(db, &rows, &m, moved, err) && all_have_ids(db, maps, count, err) &&
         write_raw(db, tenant, maps, &m, count, now_us, err);
    arena_release(&m.c.a);
    return ok;
}

const struct page_batches page_batches_set = {
    .map_lookup = set_map_lookup,
    .match_lookup = set_match_lookup,
    .match_claim = set_match_claim,
    .match_release = set_match_release,
    .records_insert = set_records_insert,
    .records_update = set_records_update,
    .records_load = set_records_load,
    .maps_write = set_maps_write,
};
