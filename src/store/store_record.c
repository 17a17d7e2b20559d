#include "store/store_record.h"

#include "store/store.h"
#include "store/store_priv.h"
#include "store/store_search.h"

#define SEARCH_ARENA_BYTES (256 * 1024)
/*
 * A row's updated_at is taken inside its transaction, which may commit a little later. Whoever follows by
 * updated_at must not pass such a row: with several writers the last seconds are left for the next call.
 */
#define FOLLOW_HORIZON_US (10 * US_PER_S)

static void
record_read(struct row_reader *r, void *item)
{
    struct record *record = item;
    record->id = read_i64(r);
    record->tenant = read_i64(r);
    record->collection = read_i64(r);
    record->uuid = read_text(r);
    record->kind = read_text(r);
    record->title = read_text(r);
    record->status = read_text(r);
    record->occurred_us = read_i64(r);
    record->parent = read_i64(r);
    record->parent_uuid = read_text(r);
    record->data = read_text(r);
    record->version = read_i64(r);
    record->created_us = read_i64(r);
    record->updated_us = read_i64(r);
    record->deleted_us = read_i64(r);
}

/* What lists show: each column of a hundred rows costs more than the rest of the request. */
static void
listed_read(struct row_reader *r, void *item)
{
    struct record *record = item;
    record->id = read_i64(r);
    record->uuid = read_text(r);
    record->kind = read_text(r);
    record->parent_uuid = read_text(r);
    record->data = read_text(r);
    record->version = read_i64(r);
    record->created_us = read_i64(r);
    record->updated_us = read_i64(r);
    record->deleted_us = read_i64(r);
}

/* What record_live brings of each record by itself. */
static void
live_shown_read(struct row_reader *r, void *item)
{
    struct record *record = item;
    record->uuid = read_text(r);
    record->parent_uuid = read_text(r);
    record->data = read_text(r);
    record->version = read_i64(r);
    record->created_us = read_i64(r);
    record->updated_us = read_i64(r);
}

static void
live_read(struct row_reader *r, void *item)
{
    struct record *record = item;
    live_shown_read(r, record);
    record->id = read_i64(r);
    record->kind = read_text(r);
}

enum row
store_record_get(struct db *db, struct arena *a, int64_t tenant, struct str kind, struct str uuid, struct record *record_out,
                 struct err *err)
{
    return store_row(db, SQL_RECORD_GET, DB_ARGS(DB_I(tenant), DB_T(uuid), DB_T(kind)), a, record_out, sizeof(*record_out),
                     record_read, err);
}

enum row
store_record_get_by_id(struct db *db, struct arena *a, int64_t tenant, int64_t record, struct record *record_out,
                       struct err *err)
{
    return store_row(db, SQL_RECORD_BY_ID, DB_ARGS(DB_I(tenant), DB_I(record)), a, record_out, sizeof(*record_out),
                     record_read, err);
}

static int
by_id(const void *left, const void *right)
{
    int64_t a = ((const struct record *)left)->id, b = ((const struct record *)right)->id;
    return a < b ? -1 : a > b;
}

/* One statement brings them in the order of ids; each place looks for its own. */
static bool
by_ids_at_once(struct db *db, struct arena *a, int64_t tenant, const int64_t *ids, size_t count, struct record *rows_out,
               struct err *err)
{
    struct list list = LIST_OF(a, struct record);
    if (!store_rows(db, SQL_RECORD_BY_IDS, DB_ARGS(DB_I(tenant), DB_I_ARRAY(ids, count)), &list, record_read, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        struct record key = {.id = ids[i]};
        const struct record *found = list.count ? bsearch(&key, list.items, list.count, sizeof(key), by_id) : NULL;
        rows_out[i] = found ? *found : (struct record){0};
    }
    return true;
}

bool
store_records_by_ids(struct db *db, struct arena *a, int64_t tenant, const int64_t *ids, size_t count, struct record *rows_out,
                     struct err *err)
{
    if (count > 0 && db_can(db, DB_ARRAYS))
        return by_ids_at_once(db, a, tenant, ids, count, rows_out, err);
    for (size_t i = 0; i < count; i++) {
        rows_out[i] = (struct record){0};
        if (store_record_get_by_id(db, a, tenant, ids[i], &rows_out[i], err) == ROW_FAILED)
            return false;
    }
    return true;
}

enum row
store_record_by_external(struct db *db, struct arena *a, int64_t tenant, int64_t stream, struct str external_id,
                         struct record *record_out, struct err *err)
{
    return store_row(db, SQL_RECORD_BY_EXTERNAL, DB_ARGS(DB_I(tenant), DB_I(stream), DB_T(external_id)), a, record_out,
                     sizeof(*record_out), record_read, err);
}

static unsigned
list_statement(enum record_order order)
{
    return order == RECORD_NEWEST ? SQL_RECORD_NEWEST : order == RECORD_OLDEST ? SQL_RECORD_OLDEST : SQL_RECORD_UPDATED;
}

/* 0: what lives, 1: all, 2: what was deleted. */
#define DELETION(f) DB_I((f)->only_deleted ? 2 : (f)->include_deleted ? 1 : 0)
#define FILTER_VALUES(tenant, collection, f)                                                                         \
    DB_I(tenant), DB_I(collection), DB_I((f)->updated_since_us), DELETION(f), DB_I((f)->stream),   \
        DB_T((f)->status), DB_I((f)->parent)

/* Where a list goes on; at first beyond all UUIDs (in every collation a letter follows the hex digits). */
static struct str
uuid_place(const struct record_filter *filter)
{
    if (filter->after.uuid[0])
        return str_from_c(filter->after.uuid);
    return filter->order == RECORD_NEWEST ? STR("z") : STR("");
}

static int64_t
updated_place(const struct record_filter *filter)
{
    return filter->after.id ? filter->after.updated_us : filter->updated_since_us;
}

static struct record_place
place_of(const struct record *record)
{
    struct record_place place = {.updated_us = record->updated_us, .id = record->id};
    snprintf(place.uuid, sizeof(place.uuid), "%.*s", STR_ARG(record->uuid));
    return place;
}

/* What a list is read with. */
struct question {
    unsigned statement;
    row_fn *read, *read_most;    /* read_most: without what is the same in all rows; NULL: nothing is */
    struct db_value values[16];
    size_t count;
};

/* By words: an index finds the rows, newest first or by last change. */
static struct question
question_of_words(int64_t tenant, int64_t collection, const struct record_filter *filter, const struct search_terms *terms,
                  int64_t horizon_us)
{
    struct db_value values[] = {
        FILTER_VALUES(tenant, collection, filter), DB_T(terms->match), DB_T(terms->words[0]), DB_T(terms->words[1]),
        DB_T(terms->words[2]), DB_I(filter->after.id), DB_I(filter->limit + 1), DB_I(filter->offset),
        DB_I(updated_place(filter)), DB_I(horizon_us)};
    bool updated = filter->order == RECORD_UPDATED;
    struct question q = {updated ? SQL_SEARCH_UPDATED : SQL_SEARCH_NEWEST, .read = listed_read,
                         .count = ARRAY_LEN(values) - (updated ? 0 : 2)};
    _Static_assert(sizeof(values) <= sizeof(q.values), "all of them fit");
    memcpy(q.values, values, sizeof(values));
    return q;
}

static bool
asks_for_nothing(const struct record_filter *filter)
{
    return !filter->updated_since_us && !filter->stream && str_is_none(filter->status) && !filter->parent &&
           str_is_none(filter->text);
}

static struct question
question_of_live(int64_t tenant, int64_t collection, const struct record_filter *filter)
{
    return (struct question){SQL_RECORD_LIVE, live_read, live_shown_read,
                             {DB_I(tenant), DB_I(collection), DB_T(uuid_place(filter)), DB_I(filter->limit + 1), DB_I(filter->offset)},
                             5};
}

/* One more than asked for tells whether there is a next page. */
static bool
question_make(struct db *db, struct arena *a, int64_t tenant, int64_t collection, const struct record_filter *filter,
              struct question *question_out, struct err *err)
{
    struct search_terms terms;
    int64_t horizon_us = db_can(db, DB_ONE_WRITER) ? INT64_MAX : store_now(db) - FOLLOW_HORIZON_US;
    if (filter->order == RECORD_NEWEST && !filter->include_deleted && !filter->only_deleted && asks_for_nothing(filter)) {
        *question_out = question_of_live(tenant, collection, filter);
        return true;
    }
    if (!store_search_terms(db, a, filter->text, &terms, err))
        return false;
    if (terms.match.len) {
        *question_out = question_of_words(tenant, collection, filter, &terms, horizon_us);
        return true;
    }
    struct db_value values[] = {
        FILTER_VALUES(tenant, collection, filter), DB_T(terms.like), DB_T(uuid_place(filter)),
        DB_I(filter->limit + 1), DB_I(filter->offset), DB_I(updated_place(filter)), DB_I(horizon_us)};
    bool updated = filter->order == RECORD_UPDATED;
    if (updated)
        values[8] = DB_I(filter->after.id);
    *question_out = (struct question){list_statement(filter->order), .read = listed_read,
                                      .count = ARRAY_LEN(values) - (updated ? 0 : 2)};
    _Static_assert(sizeof(values) <= sizeof(question_out->values), "all of them fit");
    memcpy(question_out->values, values, sizeof(values));
    return true;
}

bool
store_record_list(struct db *db, struct arena *a, int64_t tenant, int64_t collection, const struct record_filter *filter,
                  struct record **rows_out, size_t *count_out, struct record_place *next_out, struct err *err)
{
    struct list list = LIST_OF(a, struct record);
    struct question q;
    if (!question_make(db, a, tenant, collection, filter, &q, err) ||
        !store_rows(db, q.statement, q.values, q.count, &list, q.read, err))
        return false;
    struct record *rows = list.items;
    bool more = list.count > filter->limit;
    size_t count = more ? filter->limit : list.count;
    *next_out = more && count ? place_of(&rows[count - 1]) : (struct record_place){0};
    *rows_out = rows;
    *count_out = count;
    return true;
}

/* A list that goes by, row by row. */
struct walk {
    struct question question;
    struct db_rows rows;
    size_t count, limit;
    struct str kind;         /* the first one's, kept */
    struct record_place last;
};

/* The first row is read whole for what all have in common, the last one for the place where the next page begins. */
static bool
walk_read(struct walk *w, struct arena *a, struct record *record_out, struct err *err)
{
    struct row_reader reader = {.rows = &w->rows}; /* no arena: the texts stay where they are */
    const struct question *q = &w->question;
    bool first = w->count == 0, last = ++w->count == w->limit;
    *record_out = (struct record){.kind = w->kind};
    (first || last || !q->read_most ? q->read : q->read_most)(&reader, record_out);
    if (first && q->read_most && str_is_none(w->kind = record_out->kind = str_copy(a, record_out->kind)))
        return STORE_ARENA_FULL(err);
    if (last)
        w->last = place_of(record_out);
    return true;
}

bool
store_record_each(struct db *db, struct arena *a, int64_t tenant, int64_t collection, const struct record_filter *filter,
                  record_fn *each, void *ctx, size_t *count_out, struct record_place *next_out, struct err *err)
{
    struct walk w = {.limit = filter->limit};
    struct record record;
    struct record_place next = {0};
    enum row row;
    if (!question_make(db, a, tenant, collection, filter, &w.question, err) ||
        !db_query(db, w.question.statement, w.question.values, w.question.count, &w.rows, err))
        return false;
    while ((row = db_next(&w.rows, err)) == ROW_FOUND) {
        if (w.count == w.limit) {
            next = w.last;
        } else if (!walk_read(&w, a, &record, err) || !each(ctx, &record, err)) {
            db_finish(&w.rows);
            return false;
        }
    }
    *next_out = next;
    *count_out = w.count;
    return row == ROW_NONE;
}

bool
store_record_count(struct db *db, int64_t tenant, int64_t collection, const struct record_filter *filter, int64_t most,
                   int64_t *count_out, struct err *err)
{
    if (asks_for_nothing(filter))
        return db_query_i64(db, SQL_RECORD_TOTAL, DB_ARGS(DB_I(tenant), DB_I(collection), DELETION(filter)),
                            count_out, err) == ROW_FOUND;
    struct arena scratch;
    struct search_terms terms;
    arena_init(&scratch, SEARCH_ARENA_BYTES);
    enum row row = ROW_FAILED;
    if (!store_search_terms(db, &scratch, filter->text, &terms, err))
        row = ROW_FAILED;
    else if (terms.match.len)
        row = db_query_i64(db, SQL_SEARCH_COUNT, DB_ARGS(FILTER_VALUES(tenant, collection, filter), DB_T(terms.match),
                           DB_T(terms.words[0]), DB_T(terms.words[1]), DB_T(terms.words[2]), DB_I(most)), count_out, err);
    else
        row = db_query_i64(db, SQL_RECORD_COUNT, DB_ARGS(FILTER_VALUES(tenant, collection, filter), DB_T(terms.like),
                           DB_I(most)), count_out, err);
    arena_release(&scratch);
    return row == ROW_FOUND;
}

static void
source_read(struct row_reader *r, void *item)
{
    struct record_source *source = item;
    source->map = read_i64(r);
    source->connection = read_i64(r);
    source->stream = read_i64(r);
    source->connection_uuid = read_text(r);
    source->connection_name = read_text(r);
    source->template_name = read_text(r);
    source->stream_name = read_text(r);
    source->external_id = read_text(r);
    source->url = read_text(r);
    source->version = read_text(r);
    source->observed_us = read_i64(r);
    source->created_us = read_i64(r);
    source->updated_us = read_i64(r);
    source->deleted_us = read_i64(r);
}

bool
store_record_sources(struct db *db, struct arena *a, int64_t tenant, int64_t record, struct record_source **rows_out,
                     size_t *count_out, struct err *err)
{
    struct list list = LIST_OF(a, struct record_source);
    if (!store_rows(db, SQL_RECORD_SOURCES, DB_ARGS(DB_I(tenant), DB_I(record)), &list, source_read, err))
        return false;
    *rows_out = list.items;
    *count_out = list.count;
    return true;
}

static void
raw_read(struct row_reader *r, void *item)
{
    *(struct str *)item = read_blob(r);
}

enum row
store_record_raw(struct db *db, struct arena *a, int64_t tenant, int64_t map, struct str *raw_out, struct err *err)
{
    return store_row(db, SQL_RECORD_RAW, DB_ARGS(DB_I(tenant), DB_I(map)), a, raw_out, sizeof(*raw_out), raw_read, err);
}

static void
change_read(struct row_reader *r, void *item)
{
    struct record_change *change = item;
    change->id = read_i64(r);
    change->version = read_i64(r);
    change->connection = read_i64(r);
    change->run = read_i64(r);
    change->fields = read_text(r);
    change->at_us = read_i64(r);
    change->actor = read_text(r);
    change->connection_uuid = read_text(r);
    change->run_uuid = read_text(r);
}

bool
store_record_history(struct db *db, struct arena *a, int64_t tenant, int64_t record, size_t limit,
                     struct record_change **rows_out, size_t *count_out, struct err *err)
{
    struct list list = LIST_OF(a, struct record_change);
    if (!store_rows(db, SQL_RECORD_CHANGES, DB_ARGS(DB_I(tenant), DB_I(record), DB_I(limit)), &list, change_read, err))
        return false;
    *rows_out = list.items;
    *count_out = list.count;
    return true;
}
