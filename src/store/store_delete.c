#include "store/store_delete.h"

#include "base/alloc.h"
#include "store/store_event.h"
#include "store/store_page.h"
#include "store/store_priv.h"
#include "store/store_run_record.h"

#define CONFIRM_BATCH 500
#define CONFIRM_ARENA_BYTES (4 * 1024 * 1024)

static bool
add_seen(void *ctx, int64_t id)
{
    return id_set_add(ctx, id);
}

bool
store_delete_seen(struct db *db, int64_t tenant, int64_t run, int64_t stream, struct id_set *set, struct err *err)
{
    struct db_rows rows;
    if (!db_query(db, SQL_DELETE_SEEN, DB_ARGS(DB_I(tenant), DB_I(run), DB_I(stream)), &rows, err))
        return false;
    enum row row;
    while ((row = db_next(&rows, err)) == ROW_FOUND) {
        if (ids_unpack(db_column_blob(&rows, 0), add_seen, set, err))
            continue;
        db_finish(&rows);
        return false;
    }
    return row == ROW_NONE;
}

/* A map on the way through the stream. */
struct walked {
    struct delete_candidate candidate;
    bool old;              /* live, and neither made nor seen since the pass began */
};

static void
walked_read(struct row_reader *r, void *item)
{
    struct walked *walked = item;
    walked->candidate.map = read_i64(r);
    walked->candidate.record = read_i64(r);
    walked->candidate.external_id = read_text(r);
    walked->old = read_bool(r);
}

/* What a stretch gives. */
struct walk {
    struct db *db;
    struct arena *a;
    int64_t tenant, stream, began_us;
    const struct id_set *seen;
    struct str after;
    size_t most;           /* maps looked at */
    struct list found;     /* of struct delete_candidate */
    struct str last;
};

static bool
walk_add(struct walk *w, const struct delete_candidate *candidate)
{
    struct delete_candidate *found = list_add(&w->found);
    if (found)
        *found = *candidate;
    return found != NULL;
}

static bool
walk_rows(struct walk *w, struct err *err)
{
    struct list list = LIST_OF(w->a, struct walked);
    if (!store_rows(w->db, SQL_DELETE_WALK, DB_ARGS(DB_I(w->tenant), DB_I(w->stream), DB_T(w->after), DB_I(w->most),
                    DB_I(w->began_us)), &list, walked_read, err))
        return false;
    const struct walked *walked = list.items;
    for (size_t i = 0; i < list.count; i++)
        if (walked[i].old && !id_set_has(w->seen, walked[i].candidate.map) && !walk_add(w, &walked[i].candidate))
            return STORE_ARENA_FULL(err);
    w->last = list.count < w->most ? STR_NONE : walked[list.count - 1].candidate.external_id;
    return true;
}

/* A map that the pass did not see. */
static bool
walk_unseen(struct walk *w, int64_t map, struct str external_id, struct err *err)
{
    struct delete_candidate candidate = {.map = map};
    enum row row = db_query_i64(w->db, SQL_DELETE_CANDIDATE, DB_ARGS(DB_I(w->tenant), DB_I(map), DB_I(w->began_us)),
                                &candidate.record, err);
    if (row != ROW_FOUND)
        return row == ROW_NONE;
    candidate.external_id = str_copy(w->a, external_id);
    return (!str_is_none(candidate.external_id) && walk_add(w, &candidate)) || STORE_ARENA_FULL(err);
}

/* Ids in external order are nowhere near each other in the table: a look at each row would be a page each. */
static bool
walk_index(struct walk *w, struct err *err)
{
    struct db_rows rows;
    if (!db_query(w->db, SQL_DELETE_WALK_INDEX, DB_ARGS(DB_I(w->stream), DB_T(w->after), DB_I(w->most)), &rows, err))
        return false;
    enum row row;
    w->last = STR_NONE;
    for (size_t n = 1; (row = db_next(&rows, err)) == ROW_FOUND; n++) {
        struct str external_id = db_column_text(&rows, 1);
        int64_t map = db_column_i64(&rows, 0);
        bool ok = id_set_has(w->seen, map) || walk_unseen(w, map, external_id, err);
        if (ok && n == w->most) {
            w->last = str_copy(w->a, external_id);
            ok = !str_is_none(w->last) || STORE_ARENA_FULL(err);
        }
        if (ok)
            continue;
        db_finish(&rows);
        return false;
    }
    return row == ROW_NONE;
}

bool
store_delete_candidates(struct db *db, struct arena *a, int64_t tenant, int64_t stream, const struct id_set *seen,
                        int64_t began_us, struct str after, size_t walk, struct delete_candidate **rows_out,
                        size_t *count_out, struct str *last_out, struct err *err)
{
    struct walk w = {.db = db, .a = a, .tenant = tenant, .stream = stream, .began_us = began_us, .seen = seen,
                     .after = str_is_none(after) ? STR("") : after, .most = walk, .found = LIST_OF(a, struct delete_candidate)};
    if (!(db_can(db, DB_ARRAYS) ? walk_rows(&w, err) : walk_index(&w, err)))
        return false;
    *rows_out = w.found.items;
    *count_out = w.found.count;
    *last_out = w.last;
    return true;
}

bool
store_delete_visited(struct db *db, int64_t tenant, int64_t run, int64_t stream, struct id_set *set, struct err *err)
{
    return store_delete_seen(db, tenant, run, -stream, set, err);
}

bool
store_delete_of_visited(struct db *db, int64_t tenant, int64_t parent_stream, const struct id_set *visited,
                        struct delete_candidate *rows, size_t *count, struct err *err)
{
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++) {
        struct db_rows found;
        enum row row = db_query_row(db, SQL_DELETE_PARENT, DB_ARGS(DB_I(tenant), DB_I(rows[i].record), DB_I(parent_stream)),
                                    &found, err);
        if (row == ROW_FAILED)
            return false;
        if (row == ROW_NONE)
            continue;
        bool known = db_column_bool(&found, 1) || id_set_has(visited, db_column_i64(&found, 0));
        db_finish(&found);
        if (known)
            rows[kept++] = rows[i];
    }
    *count = kept;
    return true;
}

bool
store_delete_live_count(struct db *db, int64_t tenant, int64_t stream, int64_t *count_out, struct err *err)
{
    return store_row_must(db_query_i64(db, SQL_DELETE_LIVE_COUNT, DB_ARGS(DB_I(tenant), DB_I(stream)), count_out, err),
                          E_NOT_FOUND, err);
}

/* One batch of deletes: where it is, and what it did. */
struct deleting {
    struct db *db;
    int64_t tenant, stream, connection, run, began_us, now_us;
    int64_t maps;          /* marked */
    int64_t *missed;       /* the record of each of them */
    int64_t *records;      /* marked with them, for the feed */
    size_t record_count;
    struct gone_list *gone; /* NULL: nobody asks */
};

static bool
delete_record(struct deleting *d, int64_t record, struct err *err)
{
    struct db_rows rows;
    enum row row = db_query_row(d->db, SQL_DELETE_RECORD, DB_ARGS(DB_I(d->tenant), DB_I(record), DB_I(d->now_us)), &rows, err);
    if (row != ROW_FOUND)
        return row == ROW_NONE;
    int64_t version = db_column_i64(&rows, 0);
    bool kept = gone_add(d->gone, record, &rows, 1);
    db_finish(&rows);
    if (!kept)
        return STORE_ARENA_FULL(err);
    d->records[d->record_count++] = record;
    return db_exec(d->db, SQL_DELETE_HISTORY, DB_ARGS(DB_I(d->tenant), DB_I(record), DB_I(version - 1), DB_I0(d->connection),
                   DB_I0(d->run), DB_I(d->now_us)), NULL, err);
}

static bool
delete_map(struct deleting *d, int64_t map, int64_t record, struct err *err)
{
    int64_t changed;
    if (!db_exec(d->db, SQL_DELETE_MAP, DB_ARGS(DB_I(d->tenant), DB_I(map), DB_I(d->began_us), DB_I(d->now_us),
                 DB_I(d->stream)), &changed, err))
        return false;
    if (changed == 0)
        return true;
    d->missed[d->maps++] = record;
    return delete_record(d, record, err);
}

static bool
move_counters(const struct deleting *d, struct err *err)
{
    int64_t collection, gone = (int64_t)d->record_count;
    if (d->maps == 0)
        return true;
    if (!store_row_must(db_query_i64(d->db, SQL_DELETE_COLLECTION, DB_ARGS(DB_I(d->tenant), DB_I(d->stream)), &collection,
                                     err), E_NOT_FOUND, err) ||
        !db_exec_one(d->db, SQL_STREAM_COUNT, DB_ARGS(DB_I(d->tenant), DB_I(d->stream), DB_I(-d->maps), DB_I(d->maps),
                     DB_I(0)), E_NOT_FOUND, err))
        return false;
    return gone == 0 || collection_count(d->db, d->tenant, collection, -gone, gone, err);
}

static bool
tell_feed(const struct deleting *d, struct err *err)
{
    struct event event = {.tenant = d->tenant, .connection = d->connection, .run = d->run, .type = STR("records.changed"),
                          .records = d->records, .record_count = d->record_count, .at_us = d->now_us};
    return d->record_count == 0 || store_event_add_of_stream(d->db, &event, d->stream, err);
}

/*
 * Whether a record goes depends on its other maps: whoever gives it one, or takes the last but one away at the same moment, holds the
 * record too (page_apply.c). Before the maps are touched, as pages do it.
 */
static bool
hold_records(struct deleting *d, const struct delete_candidate *rows, size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++)
        d->records[i] = rows[i].record;
    return store_records_hold(d->db, d->tenant, d->records, count, err);
}

static bool
delete_rows(struct deleting *d, const struct delete_candidate *rows, size_t count, struct err *err)
{
    d->records = alloc_zeroed(count, 2 * sizeof(*d->records));
    if (!d->records)
        return err_no_memory(err);
    d->missed = d->records + count;
    bool ok = hold_records(d, rows, count, err);
    for (size_t i = 0; i < count && ok; i++)
        ok = delete_map(d, rows[i].map, rows[i].record, err);
    ok = ok && move_counters(d, err) && tell_feed(d, err) &&
         store_run_records_missing(d->db, d->tenant, d->run, d->stream, d->missed, (size_t)d->maps, err);
    free(d->records);
    d->records = d->missed = NULL;
    return ok;
}

bool
store_delete_apply(struct db *db, int64_t tenant, int64_t stream, int64_t connection, int64_t run,
                   const struct delete_candidate *rows, size_t count, int64_t began_us, int64_t now_us,
                   struct gone_list *gone, int64_t *deleted_out, struct err *err)
{
    struct deleting d = {.db = db, .tenant = tenant, .stream = stream, .connection = connection, .run = run,
                         .began_us = began_us, .now_us = now_us, .gone = gone};
    if (count > 0 && !delete_rows(&d, rows, count, err))
        return false;
    *deleted_out = d.maps;
    return true;
}

bool
store_delete_forget(struct db *db, int64_t tenant, int64_t run, int64_t stream, struct err *err)
{
    return db_exec(db, SQL_DELETE_FORGET, DB_ARGS(DB_I(tenant), DB_I(run), DB_I(stream)), NULL, err);
}

bool
store_delete_hold(struct db *db, int64_t tenant, int64_t run, int64_t stream, const struct delete_candidate *rows,
                  size_t count, int64_t began_us, int64_t now_us, struct err *err)
{
    for (size_t i = 0; i < count; i++)
        if (!db_exec(db, SQL_DELETE_HOLD, DB_ARGS(DB_I(tenant), DB_I(run), DB_I(rows[i].map), DB_I(stream),
                     DB_I(rows[i].record), DB_I(began_us), DB_I(now_us)), NULL, err))
            return false;
    return true;
}

static void
held_read(struct row_reader *r, void *item)
{
    struct delete_held *held = item;
    held->map = read_i64(r);
    held->stream_name = read_text(r);
    held->kind = read_text(r);
    held->external_id = read_text(r);
    held->record_uuid = read_text(r);
    held->title = read_text(r);
    held->held_us = read_i64(r);
}

bool
store_delete_held(struct db *db, struct arena *a, int64_t tenant, int64_t run, int64_t after, size_t limit,
                  struct delete_held **rows_out, size_t *count_out, int64_t *total_out, struct err *err)
{
    struct list list = LIST_OF(a, struct delete_held);
    if (total_out && db_query_i64(db, SQL_DELETE_HELD_COUNT, DB_ARGS(DB_I(tenant), DB_I(run)), total_out, err) == ROW_FAILED)
        return false;
    if (!store_rows(db, SQL_DELETE_HELD, DB_ARGS(DB_I(tenant), DB_I(run), DB_I(after), DB_I(limit)), &list, held_read, err))
        return false;
    *rows_out = list.items;
    *count_out = list.count;
    return true;
}

struct held_back {
    struct delete_candidate candidate;
    int64_t stream, began_us, connection;
};

static void
held_back_read(struct row_reader *r, void *item)
{
    struct held_back *held = item;
    held->candidate.map = read_i64(r);
    held->candidate.record = read_i64(r);
    held->stream = read_i64(r);
    held->began_us = read_i64(r);
    held->connection = read_i64(r);
}

static bool
release_all(struct db *db, int64_t tenant, int64_t run, const struct held_back *rows, size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++)
        if (!db_exec(db, SQL_DELETE_RELEASE, DB_ARGS(DB_I(tenant), DB_I(run), DB_I(rows[i].candidate.map)), NULL, err))
            return false;
    return true;
}

/* All rows are of one stream and of one pass, so they share stream, connection and began_us. */
static bool
confirm_rows(struct db *db, struct arena *a, int64_t tenant, int64_t run, const struct held_back *rows, size_t count,
             int64_t now_us, struct gone_list *gone, int64_t *deleted_out, struct err *err)
{
    struct delete_candidate *candidates = ARENA_ARRAY(a, struct delete_candidate, count);
    if (!candidates)
        return STORE_ARENA_FULL(err);
    for (size_t i = 0; i < count; i++)
        candidates[i] = rows[i].candidate;
    return store_delete_apply(db, tenant, rows[0].stream, rows[0].connection, run, candidates, count, rows[0].began_us, now_us,
                              gone, deleted_out, err) &&
           release_all(db, tenant, run, rows, count, err) &&
           db_exec(db, SQL_DELETE_RUN_MISSING, DB_ARGS(DB_I(tenant), DB_I(run), DB_I(*deleted_out)), NULL, err);
}

bool
store_delete_confirm(struct db *db, int64_t tenant, int64_t run, int64_t now_us, struct gone_list *gone, int64_t *deleted_out,
                     bool *more_out, struct err *err)
{
    struct arena a;
    arena_init(&a, CONFIRM_ARENA_BYTES);
    struct list list = LIST_OF(&a, struct held_back);
    int64_t deleted = 0;
    bool ok = store_rows(db, SQL_DELETE_BATCH, DB_ARGS(DB_I(tenant), DB_I(run), DB_I(CONFIRM_BATCH)), &list, held_back_read,
                         err) &&
              (list.count == 0 || confirm_rows(db, &a, tenant, run, list.items, list.count, now_us, gone, &deleted, err));
    arena_release(&a);
    if (!ok)
        return false;
    *deleted_out = deleted;
    *more_out = list.count > 0;
    return true;
}
