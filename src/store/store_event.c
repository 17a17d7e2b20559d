#include "store/store_event.h"

#include "store/store_priv.h"

#define PACKED_ARENA_BYTES (8 * 1024 * 1024)

/* `naming` is a statement whose third value names the collection: by kind, or by stream. */
static bool
add(struct db *db, unsigned statement, const struct event *event, struct db_value naming, struct err *err)
{
    struct arena scratch;
    arena_init(&scratch, PACKED_ARENA_BYTES);
    struct str packed = event->record_count ? ids_pack(&scratch, event->records, event->record_count) : STR_NONE;
    bool ok = event->record_count && str_is_none(packed)
                  ? STORE_ARENA_FULL(err)
                  : db_defer(db, statement, DB_ARGS(DB_I(event->tenant), DB_T(event->type), naming, DB_I0(event->connection),
                            DB_I0(event->run), DB_B(packed), DB_T(event->data), DB_I(event->at_us)), err);
    arena_release(&scratch);
    return ok;
}

bool
store_event_add(struct db *db, const struct event *event, struct err *err)
{
    return add(db, SQL_EVENT_ADD, event, DB_T(event->kind), err);
}

bool
store_event_add_of_stream(struct db *db, const struct event *event, int64_t stream, struct err *err)
{
    return add(db, SQL_EVENT_ADD_OF_STREAM, event, DB_I(stream), err);
}

/* A row as it is stored: its ids still packed. */
struct event_row {
    struct event event;
    struct str packed;
};

static void
event_read(struct row_reader *r, void *item)
{
    struct event_row *row = item;
    struct event *e = &row->event;
    e->place.transaction = read_i64(r);
    e->place.seq = read_i64(r);
    e->tenant = read_i64(r);
    e->connection = read_i64(r);
    e->run = read_i64(r);
    e->type = read_text(r);
    e->kind = read_text(r);
    e->data = read_text(r);
    row->packed = read_blob(r);
    e->at_us = read_i64(r);
    e->connection_uuid = read_text(r);
    e->run_uuid = read_text(r);
}

static bool
add_id(void *ctx, int64_t id)
{
    int64_t *place = list_add(ctx);
    if (place)
        *place = id;
    return place != NULL;
}

static bool
unpack_rows(struct arena *a, const struct event_row *rows, struct event *events, size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        struct list ids = LIST_OF(a, int64_t);
        if (!ids_unpack(rows[i].packed, add_id, &ids, err))
            return false;
        events[i] = rows[i].event;
        events[i].records = ids.items;
        events[i].record_count = ids.count;
    }
    return true;
}

bool
store_event_read(struct db *db, struct arena *a, int64_t tenant, struct event_place after, size_t limit,
                 struct event **rows_out, size_t *count_out, struct err *err)
{
    struct list list = LIST_OF(a, struct event_row);
    if (!store_rows(db, tenant ? SQL_EVENT_READ : SQL_EVENT_READ_ALL, DB_ARGS(DB_I(tenant), DB_I(after.transaction), DB_I(after.seq),
                    DB_I(limit)), &list, event_read, err))
        return false;
    struct event *events = ARENA_ARRAY(a, struct event, list.count + 1);
    if (!events)
        return STORE_ARENA_FULL(err);
    if (!unpack_rows(a, list.items, events, list.count, err))
        return false;
    *rows_out = events;
    *count_out = list.count;
    return true;
}

static void
place_read(struct row_reader *r, void *item)
{
    struct event_place *place = item;
    place->transaction = read_i64(r);
    place->seq = read_i64(r);
}

bool
store_event_newest(struct db *db, int64_t tenant, struct event_place *place_out, struct err *err)
{
    struct event_place place = {0};
    enum row row = store_row(db, tenant ? SQL_EVENT_NEWEST : SQL_EVENT_NEWEST_ALL, DB_ARGS(DB_I(tenant)), NULL, &place,
                             sizeof(place), place_read, err);
    if (row == ROW_FAILED)
        return false;
    *place_out = place;
    return true;
}

enum row
store_event_get(struct db *db, struct arena *a, int64_t tenant, int64_t seq, struct event *event_out, struct err *err)
{
    struct event_row stored;
    enum row row = store_row(db, SQL_EVENT_GET, DB_ARGS(DB_I(tenant), DB_I(seq)), a, &stored, sizeof(stored), event_read, err);
    if (row == ROW_FOUND && !unpack_rows(a, &stored, event_out, 1, err))
        return ROW_FAILED;
    return row;
}

static void
uuid_read(struct row_reader *r, void *item)
{
    *(struct str *)item = read_text(r);
}

/* The rows lie beside each other where a page wrote them. */
bool
store_event_uuids(struct db *db, struct arena *a, const struct event *event, struct str **uuids_out, size_t *count_out,
                  struct err *err)
{
    struct list list = LIST_OF(a, struct str);
    bool ok = true;
    if (db_can(db, DB_ARRAYS) && event->record_count)
        ok = store_rows(db, SQL_EVENT_RECORD_UUIDS, DB_ARGS(DB_I(event->tenant),
                        DB_I_ARRAY(event->records, event->record_count)), &list, uuid_read, err);
    for (size_t i = 0; ok && !db_can(db, DB_ARRAYS) && i < event->record_count; i++)
        ok = store_rows(db, SQL_EVENT_RECORD_UUID, DB_ARGS(DB_I(event->tenant), DB_I(event->records[i])), &list, uuid_read, err);
    *uuids_out = list.items;
    *count_out = list.count;
    return ok;
}
