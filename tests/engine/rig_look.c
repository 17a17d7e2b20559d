/*
 * Looking at what a rig's store holds.
 */
#include "rig.h"

#include <unistd.h>

#include "store/store_event.h"
#include "store/store_record.h"

#define EVENTS_MAX 1000
#define EVENTS_WAIT_MS 120000 /* as long as another test may keep a transaction open */

struct listing {
    struct rig *rig;
    const char *kind;
    bool deleted_too;
    struct buf text;
    size_t count;
    struct rejected *rejected;
    int64_t total;
    const struct connection *connection;
    const char *stream;
    char id[32];
    struct record record;
};

static bool
list_records(struct db *db, void *ctx, struct err *err)
{
    struct listing *l = ctx;
    struct arena *a = &l->rig->arena;
    int64_t collection;
    struct record *rows;
    struct record_place place = {0};
    enum row found = store_collection_find(db, l->rig->tenant, str_from_c(l->kind), &collection, err);
    buf_clear(&l->text);
    l->count = 0;
    if (found != ROW_FOUND)
        return found == ROW_NONE;
    do {
        struct record_filter filter = {.order = RECORD_OLDEST, .include_deleted = l->deleted_too, .after = place, .limit = 200};
        size_t count;
        if (!store_record_list(db, a, l->rig->tenant, collection, &filter, &rows, &count, &place, err))
            return false;
        for (size_t i = 0; i < count; i++) {
            struct record_source *sources;
            struct record whole;
            size_t source_count;
            if (store_record_get_by_id(db, a, l->rig->tenant, rows[i].id, &whole, err) != ROW_FOUND)
                return false;
            if (!store_record_sources(db, a, l->rig->tenant, rows[i].id, &sources, &source_count, err))
                return false;
            buf_addf(&l->text, "%.*s deleted=%d title=%.*s parent=%d", STR_ARG(rows[i].data), rows[i].deleted_us != 0,
                     STR_ARG(whole.title), whole.parent != 0);
            for (size_t k = 0; k < source_count; k++)
                buf_addf(&l->text, " %.*s/%.*s", STR_ARG(sources[k].stream_name), STR_ARG(sources[k].external_id));
            buf_add_char(&l->text, '\n');
        }
        l->count += count;
    } while (place.id != 0);
    return true;
}

struct str
rig_content(struct rig *rig, const char *kind)
{
    struct err err = {0};
    struct listing l = {.rig = rig, .kind = kind, .deleted_too = true};
    buf_init(&l.text, 64 << 20);
    assert_ok(store_read(rig->store, list_records, &l, &err), err);
    struct str text = str_copy(&rig->arena, buf_str(&l.text));
    buf_release(&l.text);
    return text;
}

size_t
rig_count(struct rig *rig, const char *kind, bool deleted_too)
{
    struct err err = {0};
    struct listing l = {.rig = rig, .kind = kind, .deleted_too = deleted_too};
    buf_init(&l.text, 64 << 20);
    assert_ok(store_read(rig->store, list_records, &l, &err), err);
    buf_release(&l.text);
    return l.count;
}

static bool
list_rejected(struct db *db, void *ctx, struct err *err)
{
    struct listing *l = ctx;
    return store_rejected_list(db, &l->rig->arena, l->rig->tenant, l->connection->id, 0, 0, 0, 0, 100, &l->rejected,
                               &l->count, &l->total, err);
}

int64_t
rig_rejected_of(struct rig *rig, const struct connection *connection)
{
    struct err err = {0};
    struct listing l = {.rig = rig, .connection = connection};
    assert_ok(store_read(rig->store, list_rejected, &l, &err), err);
    return l.total;
}

int64_t
rig_rejected(struct rig *rig)
{
    return rig_rejected_of(rig, &rig->connection);
}

static bool
find_one(struct db *db, void *ctx, struct err *err)
{
    struct listing *l = ctx;
    struct arena *a = &l->rig->arena;
    struct stream stream;
    l->record = (struct record){.data = STR_NONE};
    if (store_stream_find(db, a, l->rig->tenant, l->connection->id, str_from_c(l->stream), &stream, err) != ROW_FOUND)
        return true;
    return store_record_by_external(db, a, l->rig->tenant, stream.id, str_from_c(l->id), &l->record, err) != ROW_FAILED;
}

struct record
rig_record(struct rig *rig, const struct connection *connection, const char *stream, int64_t id)
{
    struct err err = {0};
    struct listing l = {.rig = rig, .connection = connection, .stream = stream};
    snprintf(l.id, sizeof(l.id), "%lld", (long long)id);
    assert_ok(store_read(rig->store, find_one, &l, &err), err);
    return l.record;
}

struct str
rig_data(struct rig *rig, const struct connection *connection, const char *stream, int64_t id)
{
    return rig_record(rig, connection, stream, id).data;
}

/* ---- events */

struct event_count {
    struct rig *rig;
    const char *type;
    int64_t connection, count;
};

static bool
count_events(struct db *db, void *ctx, struct err *err)
{
    struct event_count *c = ctx;
    struct event *rows;
    size_t count;
    c->count = 0;
    if (!store_event_read(db, &c->rig->arena, c->rig->tenant, (struct event_place){0}, EVENTS_MAX, &rows, &count, err))
        return false;
    for (size_t i = 0; i < count; i++)
        c->count += str_eq_c(rows[i].type, c->type) && (c->connection == 0 || rows[i].connection == c->connection);
    return true;
}

int64_t
rig_events(struct rig *rig, const char *type, int64_t connection, int64_t wanted)
{
    struct err err = {0};
    struct event_count c = {.rig = rig, .type = type, .connection = connection};
    assert_ok(store_read(rig->store, count_events, &c, &err), err);
    for (int i = 0; i < EVENTS_WAIT_MS && c.count < wanted; i++) {
        usleep(1000);
        assert_ok(store_read(rig->store, count_events, &c, &err), err);
    }
    return c.count;
}
