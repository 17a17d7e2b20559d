/*
 * The lists behind a run's counters: which records it created, updated, left as they were, deleted. And those behind an hour's.
 */
#include "door/entities_priv.h"
#include "door/routes_priv.h"
#include "door/views_priv.h"
#include "store/store_run_record.h"

#define LIMIT_OTHERWISE 100

static const char *const change_words[] = {[RUN_CREATED] = "created", [RUN_UPDATED] = "updated", [RUN_UNCHANGED] = "skipped",
                                           [RUN_DELETED] = "deleted", [RUN_MISSING] = "missing", NULL};

struct touched {
    struct request *request;
    const struct run *run;
    struct str stream_name;      /* STR_NONE: any */
    struct run_record_filter filter;
    struct run_stream *streams;  /* of the run */
    size_t stream_count;
    struct run_record *rows;
    struct record *records;      /* of each row; id 0: not here */
    size_t count;
    int64_t next, total;
};

static bool
read_change(struct request *r, enum run_change *change_out, struct err *err)
{
    struct str word;
    *change_out = RUN_CHANGE_ANY;
    if (!request_query_word(r, "change", change_words + RUN_CREATED, &word, err))
        return false;
    for (unsigned i = RUN_CREATED; change_words[i]; i++)
        if (str_eq_c(word, change_words[i]))
            *change_out = (enum run_change)i;
    return true;
}

static bool
find_stream(struct touched *t)
{
    if (str_is_none(t->stream_name))
        return true;
    for (size_t i = 0; i < t->stream_count; i++)
        if (str_eq(t->streams[i].stream_name, t->stream_name))
            t->filter.stream = t->streams[i].stream;
    return t->filter.stream != 0;
}

static bool
read_records(struct db *db, struct touched *t, struct err *err)
{
    struct arena *a = t->request->arena;
    int64_t *ids = ARENA_ARRAY(a, int64_t, t->count + 1);
    t->records = ARENA_ARRAY(a, struct record, t->count + 1);
    if (!ids || !t->records)
        return err_no_memory(err);
    for (size_t i = 0; i < t->count; i++)
        ids[i] = t->rows[i].record;
    return store_records_by_ids(db, a, t->request->tenant.id, ids, t->count, t->records, err);
}

static bool
read_touched(struct db *db, void *ctx, struct err *err)
{
    struct touched *t = ctx;
    const struct request *r = t->request;
    if (!store_run_streams(db, r->arena, r->tenant.id, t->run->id, &t->streams, &t->stream_count, err))
        return false;
    if (!find_stream(t))
        return true; /* the run has none of that name: nothing */
    return store_run_records(db, r->arena, r->tenant.id, t->run->id, &t->filter, &t->rows, &t->count, &t->next, &t->total, err) &&
           read_records(db, t, err);
}

static struct str
name_of(const struct touched *t, int64_t stream)
{
    for (size_t i = 0; i < t->stream_count; i++)
        if (t->streams[i].stream == stream)
            return t->streams[i].stream_name;
    return STR_NONE;
}

/* As it is now; id 0: it is not here any more. */
static bool
write_record(struct json_writer *w, const struct record *record)
{
    if (!record->id) {
        json_add_null(w, "record");
        return true;
    }
    json_begin_object(w, "record");
    bool ok = entity_write(w, record);
    json_end_object(w);
    return ok;
}

static bool
write_row(struct json_writer *w, const struct touched *t, size_t i)
{
    bool ok;
    json_begin_object(w, NULL);
    json_add_c(w, "change", change_words[t->rows[i].change]);
    json_add_str(w, "stream", name_of(t, t->rows[i].stream));
    ok = write_record(w, &t->records[i]);
    json_end_object(w);
    return ok;
}

bool
runs_records(struct request *r, struct err *err)
{
    struct run run;
    struct paging paging;
    struct touched t = {.request = r, .run = &run, .stream_name = request_query(r, "stream")};
    if (!request_paging(r, LIMIT_OTHERWISE, &paging, err) || !read_change(r, &t.filter.change, err) ||
        !find_run(r, request_path_param(r, 0), &run, err))
        return false;
    t.filter.after = paging.after;
    t.filter.offset = paging.offset;
    t.filter.limit = (size_t)paging.limit;
    if (!store_read(request_parts(r)->store, read_touched, &t, err))
        return false;
    struct json_writer *w = reply_begin(r, 200);
    json_begin_array(w, NULL);
    for (size_t i = 0; i < t.count; i++)
        if (!write_row(w, &t, i))
            return err_set(err, E_TOO_LARGE, "The page is too large: ask for a smaller one");
    json_end_array(w);
    return reply_end_list(r, &paging, t.total, t.next ? list_cursor_text(r->arena, t.next) : STR_NONE, err);
}

/* ---- of all runs, by time ---- */

struct between {
    struct request *request;
    int64_t from_us, to_us;
    size_t offset, limit;
    struct read_record *rows;
    struct record *records;      /* of each row; id 0: not here */
    size_t count;
    int64_t total;
};

static bool
read_between(struct db *db, void *ctx, struct err *err)
{
    struct between *b = ctx;
    const struct request *r = b->request;
    if (!store_run_records_between(db, r->arena, r->tenant.id, b->from_us, b->to_us, b->offset, b->limit, &b->rows, &b->count,
                                   &b->total, err))
        return false;
    int64_t *ids = ARENA_ARRAY(r->arena, int64_t, b->count + 1);
    b->records = ARENA_ARRAY(r->arena, struct record, b->count + 1);
    if (!ids || !b->records)
        return err_no_memory(err);
    for (size_t i = 0; i < b->count; i++)
        ids[i] = b->rows[i].record;
    return store_records_by_ids(db, r->arena, r->tenant.id, ids, b->count, b->records, err);
}

static bool
write_between(struct json_writer *w, const struct between *b, size_t i)
{
    bool ok;
    const struct read_record *row = &b->rows[i];
    json_begin_object(w, NULL);
    json_add_c(w, "change", change_words[row->change]);
    json_add_str(w, "stream", row->stream_name);
    json_add_str(w, "runId", row->run_uuid);
    json_add_str(w, "connectionId", row->connection_uuid);
    json_add_str(w, "connectionName", row->connection_name);
    ok = write_record(w, &b->records[i]);
    json_end_object(w);
    return ok;
}

/* What the bars of an hour count, without what was rejected. The cursor is how many came before. */
bool
overview_records(struct request *r, struct err *err)
{
    struct paging paging;
    struct between b = {.request = r};
    if (!request_paging(r, LIMIT_OTHERWISE, &paging, err) || !request_query_time(r, "from", &b.from_us, err) ||
        !request_query_time(r, "to", &b.to_us, err))
        return false;
    if (!b.from_us || b.to_us <= b.from_us || b.to_us - b.from_us > US_PER_DAY)
        return request_query_fault(b.from_us ? "to" : "from", "must be a time; to is after from by at most a day", err);
    b.offset = paging.after ? (size_t)paging.after : paging.offset;
    b.limit = (size_t)paging.limit;
    if (!store_read(request_parts(r)->store, read_between, &b, err))
        return false;
    struct json_writer *w = reply_begin(r, 200);
    json_begin_array(w, NULL);
    for (size_t i = 0; i < b.count; i++)
        if (!write_between(w, &b, i))
            return err_set(err, E_TOO_LARGE, "The page is too large: ask for a smaller one");
    json_end_array(w);
    int64_t end = (int64_t)(b.offset + b.count);
    return reply_end_list(r, &paging, b.total, end < b.total && b.count ? list_cursor_text(r->arena, end) : STR_NONE, err);
}
