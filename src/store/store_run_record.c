/*
 * Ids of a page's records, packed by what became of them.
 *
 * A place in a list is one number: the change, the page, and how many of that row were shown. It is never 0, since changes
 * begin with 1.
 */
#include "store/store_run_record.h"

#include "store/store_priv.h"

#define PACK_ARENA_BYTES (64 * 1024 * 1024)
#define ROWS_AT_ONCE 64
#define PAGE_BITS 36
#define SKIP_BITS 24

/* ---- written ---- */

static bool
add_change(struct db *db, struct arena *a, int64_t tenant, int64_t run, int64_t page_seq, int64_t stream,
           const struct run_touch *touched, size_t count, enum run_change change, struct err *err)
{
    size_t n = 0;
    int64_t *ids = ARENA_ARRAY(a, int64_t, count);
    if (!ids)
        return STORE_ARENA_FULL(err);
    for (size_t i = 0; i < count; i++)
        if (touched[i].change == change)
            ids[n++] = touched[i].record;
    if (n == 0)
        return true;
    struct str packed = ids_pack(a, ids, n);
    if (str_is_none(packed))
        return STORE_ARENA_FULL(err);
    return db_defer(db, SQL_RUN_RECORD_INSERT, DB_ARGS(DB_I(tenant), DB_I(run), DB_I(change), DB_I(page_seq), DB_I(stream),
                    DB_I(n), DB_B(packed)), err);
}

bool
store_run_records_add(struct db *db, int64_t tenant, int64_t run, int64_t page_seq, int64_t stream,
                      const struct run_touch *touched, size_t count, struct err *err)
{
    struct arena scratch;
    bool ok = true;
    if (count == 0)
        return true;
    arena_init(&scratch, PACK_ARENA_BYTES);
    for (int change = RUN_CREATED; ok && change <= RUN_DELETED; change++) {
        ok = add_change(db, &scratch, tenant, run, page_seq, stream, touched, count, (enum run_change)change, err);
        arena_clear(&scratch);
    }
    arena_release(&scratch);
    return ok;
}

bool
store_run_records_missing(struct db *db, int64_t tenant, int64_t run, int64_t stream, const int64_t *records, size_t count,
                          struct err *err)
{
    struct arena scratch;
    if (count == 0)
        return true;
    arena_init(&scratch, PACK_ARENA_BYTES);
    struct str packed = ids_pack(&scratch, records, count);
    bool ok = str_is_none(packed) ? STORE_ARENA_FULL(err)
                                  : db_exec(db, SQL_RUN_RECORD_MISSING, DB_ARGS(DB_I(tenant), DB_I(run), DB_I(RUN_MISSING),
                                            DB_I(stream), DB_I(count), DB_B(packed)), NULL, err);
    arena_release(&scratch);
    return ok;
}

/* ---- read ---- */

struct place {
    int64_t change, page_seq, skip;   /* skip: entries of that row that were shown */
};

static int64_t
place_pack(struct place place)
{
    return place.change << (PAGE_BITS + SKIP_BITS) | place.page_seq << SKIP_BITS | place.skip;
}

static struct place
place_unpack(int64_t packed)
{
    return (struct place){packed >> (PAGE_BITS + SKIP_BITS), packed >> SKIP_BITS & ((INT64_C(1) << PAGE_BITS) - 1),
                          packed & ((INT64_C(1) << SKIP_BITS) - 1)};
}

struct reading {
    struct list rows;        /* of struct run_record */
    size_t limit;
    int64_t skip;            /* entries to pass over */
    int64_t at;              /* of the row being read */
    struct run_record row;   /* what is the same for all of it */
    int64_t next;
};

static bool
add_entry(void *ctx, int64_t record)
{
    struct reading *r = ctx;
    if (r->at++ < r->skip || r->next)
        return true;
    if (r->rows.count == r->limit) {
        r->next = place_pack((struct place){(int64_t)r->row.change, r->row.page_seq, r->at - 1});
        return true;
    }
    struct run_record *entry = list_add(&r->rows);
    if (!entry)
        return false;
    *entry = r->row;
    entry->record = record;
    return true;
}

struct packed_row {
    struct run_record row;
    int64_t entries;
    struct str records;
};

static void
packed_read(struct row_reader *r, void *item)
{
    struct packed_row *packed = item;
    packed->row.change = (enum run_change)read_i64(r);
    packed->row.page_seq = read_i64(r);
    packed->row.stream = read_i64(r);
    packed->entries = read_i64(r);
    packed->records = read_blob(r);
}

/* Rows that lie wholly before the place are not unpacked. */
static bool
take_row(struct reading *r, const struct packed_row *packed, struct err *err)
{
    r->row = packed->row;
    r->at = 0;
    if (r->skip < packed->entries && !ids_unpack(packed->records, add_entry, r, err))
        return false;
    r->skip = r->skip > packed->entries ? r->skip - packed->entries : 0;
    return true;
}

static bool
read_from(struct db *db, struct reading *r, int64_t tenant, int64_t run, const struct run_record_filter *filter, struct place place,
          int64_t last_change, struct err *err)
{
    struct arena scratch;
    size_t count = ROWS_AT_ONCE;
    bool ok = true;
    arena_init(&scratch, PACK_ARENA_BYTES);
    while (ok && count == ROWS_AT_ONCE && !r->next) {
        arena_clear(&scratch);
        struct list list = LIST_OF(&scratch, struct packed_row);
        ok = store_rows(db, SQL_RUN_RECORD_LIST, DB_ARGS(DB_I(tenant), DB_I(run), DB_I(place.change), DB_I(last_change),
                        DB_I(place.page_seq), DB_I(filter->stream), DB_I(ROWS_AT_ONCE)), &list, packed_read, err);
        const struct packed_row *rows = list.items;
        count = list.count;
        for (size_t i = 0; ok && i < count && !r->next; i++)
            ok = take_row(r, &rows[i], err);
        if (count > 0)
            place = (struct place){(int64_t)rows[count - 1].row.change, rows[count - 1].row.page_seq + 1, 0};
    }
    arena_release(&scratch);
    return ok;
}

bool
store_run_records(struct db *db, struct arena *a, int64_t tenant, int64_t run, const struct run_record_filter *filter,
                  struct run_record **rows_out, size_t *count_out, int64_t *next_out, int64_t *total_out, struct err *err)
{
    int64_t first = filter->change == RUN_CHANGE_ANY ? RUN_CREATED : filter->change;
    int64_t last = filter->change == RUN_CHANGE_ANY ? RUN_DELETED : filter->change;
    struct place place = filter->after ? place_unpack(filter->after) : (struct place){first, 0, 0};
    struct reading r = {.rows = LIST_OF(a, struct run_record), .limit = filter->limit,
                        .skip = filter->after ? place.skip : (int64_t)filter->offset};
    if (place.change < first)
        place = (struct place){first, 0, 0};
    if (db_query_i64(db, SQL_RUN_RECORD_COUNT, DB_ARGS(DB_I(tenant), DB_I(run), DB_I(first), DB_I(last), DB_I(filter->stream)),
                     total_out, err) == ROW_FAILED ||
        !read_from(db, &r, tenant, run, filter, place, last, err))
        return false;
    *rows_out = r.rows.items;
    *count_out = r.rows.count;
    *next_out = r.next;
    return true;
}

/* ---- of all runs, by time ---- */

struct reading_between {
    struct list rows;        /* of struct read_record */
    size_t skip, limit;
    int64_t entries;         /* of the row being read */
    struct str records;
    struct read_record row;
};

static void
between_read(struct row_reader *r, void *item)
{
    struct reading_between *b = item;
    b->row.run_uuid = read_text(r);
    b->row.connection_uuid = read_text(r);
    b->row.connection_name = read_text(r);
    b->row.stream_name = read_text(r);
    b->row.change = (enum run_change)read_i64(r);
    b->entries = read_i64(r);
    b->records = read_blob(r);
}

static bool
add_between(void *ctx, int64_t record)
{
    struct reading_between *b = ctx;
    if (b->skip > 0) {
        b->skip--;
        return true;
    }
    if (b->rows.count == b->limit)
        return true;
    struct read_record *row = list_add(&b->rows);
    if (!row)
        return false;
    *row = b->row;
    row->record = record;
    return true;
}

/* The texts of a row live as long as the list. */
static bool
take_between(struct reading_between *all, const struct reading_between *row, struct arena *a, struct err *err)
{
    if (all->skip >= (size_t)row->entries) {
        all->skip -= (size_t)row->entries;
        return true;
    }
    all->row = row->row;
    all->row.run_uuid = str_copy(a, row->row.run_uuid);
    all->row.connection_uuid = str_copy(a, row->row.connection_uuid);
    all->row.connection_name = str_copy(a, row->row.connection_name);
    all->row.stream_name = str_is_none(row->row.stream_name) ? STR_NONE : str_copy(a, row->row.stream_name);
    return ids_unpack(row->records, add_between, all, err);
}

static bool
read_between(struct db *db, struct arena *a, int64_t tenant, int64_t from_us, int64_t to_us, struct reading_between *all, struct err *err)
{
    struct arena scratch;
    size_t count = ROWS_AT_ONCE;
    bool ok = true;
    arena_init(&scratch, PACK_ARENA_BYTES);
    for (int64_t offset = 0; ok && count == ROWS_AT_ONCE && all->rows.count < all->limit; offset += ROWS_AT_ONCE) {
        arena_clear(&scratch);
        struct list list = LIST_OF(&scratch, struct reading_between);
        ok = store_rows(db, SQL_RUN_RECORD_BETWEEN, DB_ARGS(DB_I(tenant), DB_I(from_us), DB_I(to_us), DB_I(ROWS_AT_ONCE), DB_I(offset)),
                        &list, between_read, err);
        const struct reading_between *rows = list.items;
        count = list.count;
        for (size_t i = 0; ok && i < count && all->rows.count < all->limit; i++)
            ok = take_between(all, &rows[i], a, err);
    }
    arena_release(&scratch);
    return ok;
}

bool
store_run_records_between(struct db *db, struct arena *a, int64_t tenant, int64_t from_us, int64_t to_us, size_t offset, size_t limit,
                          struct read_record **rows_out, size_t *count_out, int64_t *total_out, struct err *err)
{
    struct reading_between all = {.rows = LIST_OF(a, struct read_record), .skip = offset, .limit = limit};
    if (db_query_i64(db, SQL_RUN_RECORD_BETWEEN_COUNT, DB_ARGS(DB_I(tenant), DB_I(from_us), DB_I(to_us)), total_out, err) == ROW_FAILED ||
        !read_between(db, a, tenant, from_us, to_us, &all, err))
        return false;
    *rows_out = all.rows.items;
    *count_out = all.rows.count;
    return true;
}
