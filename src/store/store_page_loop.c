/*
 * The page's batches on SQLite: one cached statement per row.
 *
 * A row beside the one before costs a microsecond, a random key a whole page (design, section 5): ids are
 * taken by the page and grow, so records, maps and raw rows are appended. Match keys are random whatever
 * one does: store_match.c.
 */
#include "store/store_page_priv.h"

#include "base/check.h"
#include "store/store_priv.h"

static bool
loop_map_lookup(struct db *db, struct arena *a, int64_t tenant, int64_t stream, const struct str *ids, size_t count,
                struct map_row *rows_out, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        struct db_rows rows;
        rows_out[i] = (struct map_row){0};
        enum row row = db_query_row(db, SQL_MAP_LOOKUP, DB_ARGS(DB_I(tenant), DB_I(stream), DB_T(ids[i])), &rows, err);
        if (row == ROW_FAILED)
            return false;
        if (row == ROW_NONE)
            continue;
        bool fits = page_map_read(&rows, 0, a, &rows_out[i]);
        db_finish(&rows);
        if (!fits)
            return STORE_ARENA_FULL(err);
    }
    return true;
}

static bool
loop_records_insert(struct db *db, int64_t tenant, int64_t collection, struct record_write *records, size_t count,
                    int64_t now_us, struct err *err)
{
    int64_t first;
    if (!store_take_ids(db, "records", count, &first, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        struct record_write *w = &records[i];
        w->record = first + (int64_t)i;
        if (!db_exec(db, SQL_RECORD_INSERT,
                     DB_ARGS(DB_I(tenant), DB_I(collection), DB_I(w->record), DB_T(str_from_c(w->uuid)), DB_I0(w->parent),
                             DB_T(w->title), DB_T(w->status), DB_I0(w->occurred_us), DB_I(now_us),
                             w->deleted ? DB_I(now_us) : DB_NULL, DB_T(w->data)),
                     NULL, err))
            return false;
    }
    return true;
}

static bool
update_record(struct db *db, int64_t tenant, const struct record_write *w, int64_t connection, int64_t run, int64_t now_us,
              struct moved *moved, struct err *err)
{
    struct db_rows rows;
    enum row row = db_query_row(db, SQL_RECORD_DELETED, DB_ARGS(DB_I(tenant), DB_I(w->record)), &rows, err);
    if (!store_row_must(row, E_NOT_FOUND, err))
        return false;
    bool was_deleted = db_column_bool(&rows, 0);
    int64_t version = db_column_i64(&rows, 1);
    db_finish(&rows);
    int64_t change = (w->deleted ? 1 : 0) - (was_deleted ? 1 : 0);
    moved->deleted += change;
    moved->live -= change;
    if (!db_exec(db, SQL_RECORD_UPDATE, DB_ARGS(DB_I(tenant), DB_I(w->record), DB_I0(w->parent), DB_T(w->title),
                 DB_T(w->status), DB_I0(w->occurred_us), DB_I(now_us), DB_BOOL(w->deleted), DB_T(w->data)), NULL, err))
        return false;
    return w->changed.len == 0 ||
           db_exec(db, SQL_HISTORY_INSERT, DB_ARGS(DB_I(tenant), DB_I(w->record), DB_I(version), DB_I0(connection),
                   DB_I0(run), DB_I(now_us), DB_T(w->changed)), NULL, err);
}

static bool
loop_records_update(struct db *db, int64_t tenant, const struct record_write *records, size_t count, int64_t connection,
                    int64_t run, int64_t now_us, struct moved *moved, struct err *err)
{
    for (size_t i = 0; i < count; i++)
        if (!update_record(db, tenant, &records[i], connection, run, now_us, moved, err))
            return false;
    return true;
}

static bool
loop_records_load(struct db *db, struct arena *a, int64_t tenant, const int64_t *records, size_t count,
                  struct record_row *rows_out, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        rows_out[i] = (struct record_row){0};
        if (store_row(db, SQL_RECORD_LOAD, DB_ARGS(DB_I(tenant), DB_I(records[i])), a, &rows_out[i], sizeof(rows_out[i]),
                      page_record_read, err) == ROW_FAILED)
            return false;
    }
    return true;
}

static bool
insert_map(struct db *db, int64_t tenant, int64_t stream, const struct map_write *w, int64_t observed_us, int64_t now_us,
           struct err *err)
{
    struct str fingerprint = {(const char *)w->fingerprint, FINGERPRINT_BYTES};
    return db_exec(db, SQL_MAP_INSERT,
                   DB_ARGS(DB_I(tenant), DB_I(stream), DB_I(w->map), DB_T(w->external_id), DB_I(w->record),
                           DB_B(fingerprint), DB_T(w->version), DB_I(observed_us), DB_I(now_us),
                           w->deleted ? DB_I(now_us) : DB_NULL, DB_T(w->url)),
                   NULL, err);
}

static bool
update_map(struct db *db, int64_t tenant, const struct map_write *w, int64_t observed_us, int64_t now_us,
           struct moved *moved, struct err *err)
{
    int64_t was_deleted;
    enum row row = db_query_i64(db, SQL_MAP_DELETED, DB_ARGS(DB_I(tenant), DB_I(w->map)), &was_deleted, err);
    if (!store_row_must(row, E_NOT_FOUND, err))
        return false;
    int64_t change = (w->deleted ? 1 : 0) - was_deleted;
    moved->deleted += change;
    moved->live -= change;
    struct str fingerprint = {(const char *)w->fingerprint, FINGERPRINT_BYTES};
    return db_exec(db, SQL_MAP_UPDATE, DB_ARGS(DB_I(tenant), DB_I(w->map), DB_I(w->record), DB_B(fingerprint),
                   DB_T(w->version), DB_I(observed_us), DB_I(now_us), DB_BOOL(w->deleted), DB_T(w->url)), NULL, err);
}

static bool
write_map(struct db *db, int64_t tenant, int64_t stream, struct map_write *w, int64_t *next_id, int64_t observed_us,
          int64_t now_us, struct moved *moved, struct err *err)
{
    bool ok;
    if (w->map) {
        ok = update_map(db, tenant, w, observed_us, now_us, moved, err);
    } else {
        w->map = (*next_id)++;
        moved->live += w->deleted ? 0 : 1;
        moved->deleted += w->deleted ? 1 : 0;
        ok = insert_map(db, tenant, stream, w, observed_us, now_us, err);
    }
    return ok && (w->raw.len == 0 || db_exec(db, SQL_RAW_WRITE, DB_ARGS(DB_I(tenant), DB_I(w->map), DB_I(now_us),
                                             DB_B(w->raw)), NULL, err));
}

static bool
loop_maps_write(struct db *db, int64_t tenant, int64_t stream, struct map_write *maps, size_t count, int64_t observed_us,
                int64_t now_us, struct moved *moved, struct err *err)
{
    int64_t next_id = 0;
    size_t fresh = 0;
    for (size_t i = 0; i < count; i++)
        fresh += maps[i].map == 0;
    if (fresh && !store_take_ids(db, "entity_map", fresh, &next_id, err))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!write_map(db, tenant, stream, &maps[i], &next_id, observed_us, now_us, moved, err))
            return false;
    return true;
}

const struct page_batches page_batches_loop = {
    .map_lookup = loop_map_lookup,
    .match_lookup = tail_match_lookup,
    .match_claim = tail_match_claim,
    .match_release = tail_match_release,
    .records_insert = loop_records_insert,
    .records_update = loop_records_update,
    .records_load = loop_records_load,
    .maps_write = loop_maps_write,
};
