#include "store/store_page.h"

#include <xxhash.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/rng.h"
#include "store/store_event.h"
#include "store/store_page_priv.h"
#include "store/store_priv.h"
#include "store/store_request.h"
#include "store/store_state.h"

#define IDENT_BYTES 64
#define PACK_ARENA_BYTES (64L * 1024 * 1024)

void
page_record_read(struct row_reader *r, void *item)
{
    struct record_row *row = item;
    row->found = true;
    row->deleted = read_bool(r);
    row->data = read_text(r);
    row->title = read_text(r);
    row->status = read_text(r);
    row->occurred_us = read_i64(r);
    row->parent = read_i64(r);
}

bool
page_map_read(struct db_rows *rows, int first, struct arena *a, struct map_row *row)
{
    row->map = db_column_i64(rows, first);
    row->record = db_column_i64(rows, first + 1);
    struct str fingerprint = db_column_blob(rows, first + 2);
    if (fingerprint.len == FINGERPRINT_BYTES)
        memcpy(row->fingerprint, fingerprint.ptr, FINGERPRINT_BYTES);
    row->version = db_column_text_copy(rows, first + 3, a);
    row->observed_us = db_column_i64(rows, first + 4);
    row->deleted = db_column_bool(rows, first + 5);
    row->linked = db_column_bool(rows, first + 6);
    row->has_base = db_column_bool(rows, first + 7);
    row->erased = db_column_bool(rows, first + 8);
    return !str_is_none(row->version) || db_column_is_null(rows, first + 3);
}

static const struct page_batches *
batches(const struct db *db)
{
    return db_can(db, DB_ARRAYS) ? &page_batches_set : &page_batches_loop;
}

bool
store_map_lookup(struct db *db, struct arena *a, int64_t tenant, int64_t stream, const struct str *ids, size_t count,
                 struct map_row *rows_out, struct err *err)
{
    return count == 0 || batches(db)->map_lookup(db, a, tenant, stream, ids, count, rows_out, err);
}

bool
store_match_lookup(struct db *db, int64_t tenant, int64_t collection, const struct str *keys, size_t count,
                   int64_t *records_out, struct err *err)
{
    return count == 0 || batches(db)->match_lookup(db, tenant, collection, keys, count, records_out, err);
}

bool
store_match_claim(struct db *db, int64_t tenant, int64_t collection, const struct str *keys, const int64_t *records,
                  size_t count, struct err *err)
{
    return count == 0 || batches(db)->match_claim(db, tenant, collection, keys, records, count, err);
}

bool
store_maps_are_as_seen(struct db *db, struct arena *scratch, int64_t tenant, const struct map_row *const *seen, size_t count,
                       struct err *err)
{
    int64_t same;
    if (count == 0 || !db_can(db, DB_SKIP_LOCKED))
        return true;
    int64_t *maps = ARENA_ARRAY(scratch, int64_t, count), *records = ARENA_ARRAY(scratch, int64_t, count);
    int64_t *observed_us = ARENA_ARRAY(scratch, int64_t, count), *flags = ARENA_ARRAY(scratch, int64_t, count);
    if (maps == NULL || records == NULL || observed_us == NULL || flags == NULL)
        return STORE_ARENA_FULL(err);
    for (size_t i = 0; i < count; i++) {
        maps[i] = seen[i]->map;
        records[i] = seen[i]->record;
        observed_us[i] = seen[i]->observed_us;
        flags[i] = (seen[i]->linked ? 1 : 0) + (seen[i]->has_base ? 2 : 0) + (seen[i]->erased ? 4 : 0);
    }
    enum row row = db_query_i64(db, SQL_MAP_SEEN_SET, DB_ARGS(DB_I(tenant), DB_I_ARRAY(maps, count), DB_I_ARRAY(records, count),
                                                              DB_I_ARRAY(observed_us, count), DB_I_ARRAY(flags, count)),
                                &same, err);
    if (row != ROW_FOUND || same == (int64_t)count)
        return row == ROW_FOUND;
    return store_look_again(db, err);
}

bool
store_match_is_ours(struct db *db, int64_t tenant, int64_t collection, const struct str *keys, const int64_t *records, size_t count,
                    int64_t *scratch, struct err *err)
{
    if (count == 0 || !db_can(db, DB_SKIP_LOCKED))
        return true;
    if (!store_match_lookup(db, tenant, collection, keys, count, scratch, err))
        return false;
    for (size_t i = 0; i < count; i++)
        if (scratch[i] != records[i])
            return store_look_again(db, err);
    return true;
}

bool
store_match_release(struct db *db, int64_t tenant, int64_t collection, const struct str *keys, const int64_t *records,
                    size_t count, struct err *err)
{
    return count == 0 || batches(db)->match_release(db, tenant, collection, keys, records, count, err);
}

bool
store_record_has_map_of(struct db *db, int64_t tenant, int64_t record, int64_t connection, bool *has_out, struct err *err)
{
    int64_t count;
    if (db_query_i64(db, SQL_RECORD_HAS_MAP_OF, DB_ARGS(DB_I(tenant), DB_I(record), DB_I(connection)), &count, err) !=
        ROW_FOUND)
        return false;
    *has_out = count > 0;
    return true;
}

bool
collection_count(struct db *db, int64_t tenant, int64_t collection, int64_t live, int64_t deleted, struct err *err)
{
    if (live == 0 && deleted == 0)
        return true;
    return db_defer(db, SQL_COLLECTION_COUNT, DB_ARGS(DB_I(tenant), DB_I(collection), DB_I(db->number), DB_I(live),
                    DB_I(deleted)), err);
}

bool
store_records_insert(struct db *db, int64_t tenant, int64_t collection, struct record_write *records, size_t count,
                     int64_t now_us, struct err *err)
{
    if (count == 0)
        return true;
    if (!batches(db)->records_insert(db, tenant, collection, records, count, now_us, err))
        return false;
    int64_t deleted = 0;
    for (size_t i = 0; i < count; i++) {
        deleted += records[i].deleted;
        if (records[i].record < db->first_new_record)
            db->first_new_record = records[i].record;
    }
    return collection_count(db, tenant, collection, (int64_t)count - deleted, deleted, err);
}

bool
store_records_update(struct db *db, int64_t tenant, int64_t collection, const struct record_write *records, size_t count,
                     int64_t connection, int64_t run, int64_t now_us, struct err *err)
{
    struct moved moved = {0};
    if (count == 0)
        return true;
    return batches(db)->records_update(db, tenant, records, count, connection, run, now_us, &moved, err) &&
           collection_count(db, tenant, collection, moved.live, moved.deleted, err);
}

bool
store_records_load(struct db *db, struct arena *a, int64_t tenant, const int64_t *records, size_t count,
                   struct record_row *rows_out, struct err *err)
{
    return count == 0 || batches(db)->records_load(db, a, tenant, records, count, rows_out, err);
}

bool
store_records_hold(struct db *db, int64_t tenant, const int64_t *records, size_t count, struct err *err)
{
    return count == 0 || !db_can(db, DB_SKIP_LOCKED) ||
           db_exec(db, SQL_RECORD_HOLD_SET, DB_ARGS(DB_I(tenant), DB_I_ARRAY(records, count)), NULL, err);
}

enum row
store_record_data(struct db *db, struct arena *a, int64_t tenant, int64_t record, struct str *data_out, struct err *err)
{
    struct db_rows rows;
    enum row row = db_query_row(db, SQL_RECORD_DATA, DB_ARGS(DB_I(tenant), DB_I(record)), &rows, err);
    if (row != ROW_FOUND)
        return row;
    struct str data = db_column_text_copy(&rows, 0, a);
    db_finish(&rows);
    if (str_is_none(data))
        return STORE_ARENA_FULL(err), ROW_FAILED;
    *data_out = data;
    return ROW_FOUND;
}

enum row
store_record_stands(struct db *db, int64_t tenant, int64_t record, struct err *err)
{
    int64_t one;
    return db_query_i64(db, SQL_RECORD_STANDS, DB_ARGS(DB_I(tenant), DB_I(record)), &one, err);
}

static bool
bury_one(struct db *db, int64_t tenant, int64_t stream, int64_t record, struct str external_id, int64_t observed_us, int64_t now_us,
         struct err *err)
{
    static const char nothing[FINGERPRINT_BYTES];
    struct str fingerprint = {nothing, sizeof(nothing)};
    int64_t id, changed;
    if (db_can(db, DB_ONE_WRITER))
        return store_take_ids(db, "entity_map", 1, &id, err) &&
               db_exec(db, SQL_MAP_BURY, DB_ARGS(DB_I(tenant), DB_I(stream), DB_I(id), DB_T(external_id), DB_I(record), DB_B(fingerprint),
                       DB_I(observed_us), DB_I(now_us)), NULL, err);
    if (!db_exec(db, SQL_MAP_BURY_SET, DB_ARGS(DB_I(tenant), DB_I(stream), DB_T(external_id), DB_I(record), DB_B(fingerprint),
                 DB_I(observed_us), DB_I(now_us)), &changed, err))
        return false;
    db->try_again = changed == 0;
    return changed == 1 || err_set(err, E_CONFLICT, "Another worker has just written this record");
}

bool
store_map_bury(struct db *db, int64_t tenant, int64_t stream, int64_t record, struct str external_id, int64_t observed_us, int64_t now_us,
               struct err *err)
{
    return bury_one(db, tenant, stream, record, external_id, observed_us, now_us, err) &&
           db_defer(db, SQL_STREAM_COUNT, DB_ARGS(DB_I(tenant), DB_I(stream), DB_I(0), DB_I(1), DB_I(0)), err);
}

/* A map that was not made together with its record links to one that stood before: both sides must know. */
static bool
share_linked(struct db *db, int64_t tenant, const struct map_write *maps, size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++)
        if (maps[i].map == 0 && maps[i].record < db->first_new_record &&
            !db_exec(db, SQL_MAP_SHARE, DB_ARGS(DB_I(tenant), DB_I(maps[i].record)), NULL, err))
            return false;
    return true;
}

/* The ids of new maps are filled in by the batch, so what is new is noted before. */
static bool
write_and_share(struct db *db, int64_t tenant, int64_t stream, struct map_write *maps, size_t count, int64_t observed_us,
                int64_t now_us, struct moved *moved, struct arena *scratch, struct err *err)
{
    struct map_write *before = NULL;
    size_t linking = 0;
    for (size_t i = 0; i < count; i++)
        linking += maps[i].map == 0 && maps[i].record < db->first_new_record;
    if (linking) {
        before = ARENA_ARRAY(scratch, struct map_write, count);
        if (!before)
            return STORE_ARENA_FULL(err);
        memcpy(before, maps, count * sizeof(*maps));
    }
    return batches(db)->maps_write(db, tenant, stream, maps, count, observed_us, now_us, moved, err) &&
           (!linking || share_linked(db, tenant, before, count, err));
}

bool
store_maps_write(struct db *db, int64_t tenant, int64_t stream, struct map_write *maps, size_t count, int64_t observed_us,
                 int64_t now_us, struct err *err)
{
    if (count == 0)
        return true;
    struct arena scratch;
    arena_init(&scratch, PACK_ARENA_BYTES);
    struct moved moved = {0};
    bool ok = write_and_share(db, tenant, stream, maps, count, observed_us, now_us, &moved, &scratch, err);
    arena_release(&scratch);
    if (!ok || (moved.live == 0 && moved.deleted == 0))
        return ok;
    return db_defer_one(db, SQL_STREAM_COUNT, DB_ARGS(DB_I(tenant), DB_I(stream), DB_I(moved.live), DB_I(moved.deleted),
                       DB_I(0)), E_NOT_FOUND, err);
}

static void
base_read(struct row_reader *r, void *item)
{
    struct base_row *row = item;
    row->map = read_i64(r);
    row->stream = read_i64(r);
    row->base = read_text(r);
    row->alias = read_text(r);
}

bool
store_bases_load(struct db *db, struct arena *a, int64_t tenant, int64_t record, struct base_row **rows_out,
                 size_t *count_out, struct err *err)
{
    struct list list = LIST_OF(a, struct base_row);
    if (!store_rows(db, SQL_BASE_LOAD, DB_ARGS(DB_I(tenant), DB_I(record)), &list, base_read, err))
        return false;
    *rows_out = list.items;
    *count_out = list.count;
    return true;
}

bool
store_base_save(struct db *db, int64_t tenant, int64_t map, struct str base, struct err *err)
{
    return db_exec_one(db, SQL_BASE_SAVE, DB_ARGS(DB_I(tenant), DB_I(map), DB_T(base)), E_NOT_FOUND, err);
}

/* ---- rejected records ---- */

/* What a rejected record is known by: its external id, else a digest of what the vendor sent. */
static struct str
rejected_ident(const struct rejected_write *row, char text[IDENT_BYTES])
{
    if (row->external_id.len > 0)
        return row->external_id;
    XXH128_hash_t hash = XXH3_128bits(row->payload.ptr, row->payload.len);
    int len = snprintf(text, IDENT_BYTES, "\x01%016llx%016llx", (unsigned long long)hash.high64,
                       (unsigned long long)hash.low64);
    return (struct str){text, (size_t)len};
}

bool
store_rejected_write(struct db *db, int64_t tenant, int64_t stream, int64_t run, const struct rejected_write *rows,
                     size_t count, int64_t now_us, struct err *err)
{
    int64_t fresh = 0;
    for (size_t i = 0; i < count; i++) {
        char ident[IDENT_BYTES], uuid[UUID_TEXT_BYTES];
        int64_t times;
        if (db_query_i64(db, SQL_REJECTED_INSERT,
                         DB_ARGS(DB_I(tenant), DB_I(stream), DB_I(run), DB_T(str_from_c(uuid_v7_now(uuid))),
                                 DB_T(rejected_ident(&rows[i], ident)), DB_T(rows[i].external_id), DB_T(rows[i].reason),
                                 DB_T(rows[i].payload), DB_I(now_us)),
                         &times, err) != ROW_FOUND)
            return false;
        fresh += times == 1;
    }
    return fresh == 0 || db_defer_one(db, SQL_STREAM_COUNT, DB_ARGS(DB_I(tenant), DB_I(stream), DB_I(0), DB_I(0), DB_I(fresh)),
                                     E_NOT_FOUND, err);
}

/* Costs one look at the stream when nothing is rejected, which is nearly always. */
bool
store_rejected_clear(struct db *db, int64_t tenant, int64_t stream, const struct str *ids, size_t count, struct err *err)
{
    int64_t standing = 0, removed = 0;
    if (count == 0)
        return true;
    if (db_query_i64(db, SQL_STREAM_REJECTED, DB_ARGS(DB_I(tenant), DB_I(stream)), &standing, err) == ROW_FAILED)
        return false;
    for (size_t i = 0; i < count && standing > removed; i++) {
        int64_t changed;
        if (!db_exec(db, SQL_REJECTED_CLEAR, DB_ARGS(DB_I(tenant), DB_I(stream), DB_T(ids[i])), &changed, err))
            return false;
        removed += changed;
    }
    return removed == 0 || db_defer_one(db, SQL_STREAM_COUNT, DB_ARGS(DB_I(tenant), DB_I(stream), DB_I(0), DB_I(0),
                                       DB_I(-removed)), E_NOT_FOUND, err);
}

/* ---- what the page leaves behind ---- */

#define COUNT_VALUES(c)                                                                                                  \
    DB_I((c)->received), DB_I((c)->created), DB_I((c)->updated), DB_I((c)->skipped), DB_I((c)->deleted), DB_I((c)->errors), \
        DB_I((c)->records_read)

static bool
finish_counters(struct db *db, const struct page_mark *m, struct err *err)
{
    const struct page_counts *c = &m->counts;
    struct db_value total = m->declared_total < 0 ? DB_NULL : DB_I(m->declared_total);
    struct db_value token = m->token_hash ? DB_I((int64_t)m->token_hash) : DB_NULL;
    return db_defer(db, SQL_RUN_ADD_PAGE, DB_ARGS(DB_I(m->tenant), DB_I(m->fence.run), COUNT_VALUES(c), DB_I(m->log_lines),
                   DB_I(LIMIT_RUN_LOG_LINES), DB_I(m->now_us)), err) &&
           db_defer_one(db, SQL_RUN_STREAM_PAGE, DB_ARGS(DB_I(m->tenant), DB_I(m->fence.run), DB_I(m->stream), COUNT_VALUES(c),
                       DB_T(m->position), total, DB_BOOL(m->stream_done), DB_I(m->now_us)), E_NOT_FOUND, err) &&
           db_defer(db, SQL_RUN_PAGE_INSERT, DB_ARGS(DB_I(m->tenant), DB_I(m->fence.run), DB_I(m->fence.page_seq),
                   DB_I(m->stream), token, COUNT_VALUES(c), DB_I(m->now_us)), err) &&
           db_defer(db, SQL_STREAM_TOUCHED, DB_ARGS(DB_I(m->tenant), DB_I(m->stream), DB_I(m->fence.run)), err);
}

static bool
finish_state(struct db *db, const struct page_mark *m, struct err *err)
{
    for (size_t i = 0; i < m->state_count; i++)
        if (!store_state_save(db, m->tenant, m->stream, m->partitions[i], m->states[i], m->now_us, err))
            return false;
    return true;
}

static bool
finish_log(struct db *db, const struct page_mark *m, struct err *err)
{
    return m->log.len == 0 ||
           db_defer(db, SQL_LOG_INSERT_CAPPED, DB_ARGS(DB_I(m->tenant), DB_I(m->fence.run), DB_I(m->log_lines),
                   DB_I(m->log.len), DB_I(m->now_us), DB_B(m->log), DB_I(LIMIT_RUN_LOG_LINES)), err);
}

bool
store_map_observed(struct db *db, int64_t tenant, int64_t stream, struct str external_id, int64_t observed_us, struct err *err)
{
    return db_defer(db, SQL_MAP_OBSERVED, DB_ARGS(DB_I(tenant), DB_I(stream), DB_T(external_id), DB_I(observed_us)), err);
}

static bool
finish_feed(struct db *db, const struct page_mark *m, struct err *err)
{
    struct event event = {.tenant = m->tenant, .connection = m->connection, .run = m->fence.run,
                          .type = STR("records.changed"), .records = m->changed_records, .record_count = m->changed_count,
                          .at_us = m->now_us};
    return m->changed_count == 0 || store_event_add_of_stream(db, &event, m->stream, err);
}

/* One row of a pass: of what a page saw, under its stream; of the parents it visited, under the stream's negative. */
static bool
add_pass_row(struct db *db, const struct page_mark *m, int64_t under, const int64_t *maps, size_t count, struct err *err)
{
    if (count == 0)
        return true;
    struct arena scratch;
    arena_init(&scratch, PACK_ARENA_BYTES);
    struct str packed = ids_pack(&scratch, maps, count);
    bool ok = !str_is_none(packed) ? db_defer(db, SQL_PASS_PAGE_INSERT, DB_ARGS(DB_I(m->tenant), DB_I(m->fence.run),
                                             DB_I(under), DB_I(m->fence.page_seq), DB_B(packed)), err)
                                   : STORE_ARENA_FULL(err);
    arena_release(&scratch);
    return ok;
}

static bool
finish_pass(struct db *db, const struct page_mark *m, struct err *err)
{
    return add_pass_row(db, m, m->stream, m->seen_maps, m->seen_count, err) &&
           add_pass_row(db, m, -m->stream, m->visited_maps, m->visited_count, err);
}

bool
store_page_finish(struct db *db, const struct page_mark *m, struct err *err)
{
    const struct page_counts *c = &m->counts;
    CHECK(c->received == c->created + c->updated + c->skipped + c->deleted + c->errors);
    CHECK(m->tenant == m->fence.tenant);
    return finish_log(db, m, err) && store_requests_append(db, &m->fence, &m->requests, m->now_us, err) &&
           finish_counters(db, m, err) && finish_state(db, m, err) && finish_feed(db, m, err) && finish_pass(db, m, err) &&
           store_run_records_add(db, m->tenant, m->fence.run, m->fence.page_seq, m->stream, m->touched, m->touched_count, err);
}
