/*
 * A whole collection as a stream: NDJSON, one entity a line, or CSV (RFC 4180). Batches are read by id, so
 * memory stays flat and rows that come meanwhile do not shift the rest. Who may read no more gets no further batch.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/csv.h"
#include "door/door_priv.h"
#include "door/entities_priv.h"
#include "engine/kind.h"

#define BATCH_ROWS 500
#define EXPORT_ARENA_BYTES (256L * 1024 * 1024)

struct export {
    struct store *store;
    int64_t tenant, collection;
    struct identity_watch watch;
    struct str kind;            /* of the route table; STR_NONE: any */
    struct record_filter filter;
    char texts[2][256];         /* status and text of the filter */
    bool csv, began, ended;
    struct arena arena;         /* one batch */
    struct record *rows;
    size_t count;
};

/* Members of a kind that is none of ours stand together, as JSON. */
static const struct kind_field data_only[] = {{0}};

static const struct kind_field *
columns_of(struct str kind)
{
    const struct kind *known = kind_find(kind);
    return known ? known->fields : data_only;
}

static void
csv_value(struct buf *b, struct arena *a, yyjson_val *value)
{
    if (!value || yyjson_is_null(value))
        return;
    csv_cell(b, yyjson_is_str(value) ? json_str(value) : json_to_text(a, value));
}

static void
csv_time(struct buf *b, int64_t us)
{
    char text[TIME_TEXT_BYTES];
    buf_add_char(b, ',');
    if (us)
        buf_add_c(b, time_format_ms(us, text));
}

static void
csv_head(struct buf *b, struct str kind)
{
    buf_add_c(b, "id");
    for (const struct kind_field *column = columns_of(kind); column->name; column++)
        buf_addf(b, ",%s", column->name);
    if (!kind_find(kind))
        buf_add_c(b, ",data");
    buf_add_c(b, ",parentId,createdAt,updatedAt,deletedAt");
    buf_add_c(b, kind_find(kind) ? ",otherFields\r\n" : "\r\n");
}

/* Fields that have no column: nothing that was synced is left out. */
static bool
csv_others(struct buf *b, struct export *e, yyjson_val *data)
{
    struct str others;
    if (!kind_other_members(kind_find(e->kind), &e->arena, data, NULL, &others))
        return false;
    buf_add_char(b, ',');
    if (others.len)
        csv_cell(b, others);
    return true;
}

static bool
csv_row(struct buf *b, struct export *e, const struct record *record)
{
    struct err err = {0};
    yyjson_val *data = json_parse(&e->arena, record->data, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, &err);
    if (!data)
        return false;
    buf_add(b, record->uuid);
    for (const struct kind_field *column = columns_of(e->kind); column->name; column++) {
        buf_add_char(b, ',');
        csv_value(b, &e->arena, json_get_c(data, column->name));
    }
    if (!kind_find(e->kind)) {
        buf_add_char(b, ',');
        csv_value(b, &e->arena, data);
    }
    buf_add_char(b, ',');
    buf_add(b, record->parent_uuid);
    csv_time(b, record->created_us);
    csv_time(b, record->updated_us);
    csv_time(b, record->deleted_us);
    if (kind_find(e->kind) && !csv_others(b, e, data))
        return false;
    return buf_add_c(b, "\r\n");
}

static bool
ndjson_row(struct buf *b, const struct record *record)
{
    struct json_writer w;
    json_writer_init(&w, b);
    json_begin_object(&w, NULL);
    if (!entity_write(&w, record))
        return false;
    json_end_object(&w);
    return buf_add_char(b, '\n');
}

static bool
read_batch(struct db *db, void *ctx, struct err *err)
{
    struct export *e = ctx;
    struct record_place next = {0};
    if (!store_record_list(db, &e->arena, e->tenant, e->collection, &e->filter, &e->rows, &e->count, &next, err))
        return false;
    e->filter.after = next;
    e->ended = next.id == 0;
    return true;
}

static enum http_stream_more
pull(void *ctx, struct buf *piece, int64_t *wait_ms)
{
    (void)wait_ms;
    struct export *e = ctx;
    struct err err = {0};
    if (e->csv && !e->began)
        csv_head(piece, e->kind);
    e->began = true;
    if (e->ended || !e->collection)
        return STREAM_END;
    arena_clear(&e->arena);
    if (!identity_watch_holds(&e->watch, e->store, &e->arena))
        return STREAM_BREAK;
    if (!store_read(e->store, read_batch, e, &err))
        return STREAM_BREAK;
    for (size_t i = 0; i < e->count; i++)
        if (!(e->csv ? csv_row(piece, e, &e->rows[i]) : ndjson_row(piece, &e->rows[i])))
            return STREAM_BREAK;
    return e->ended ? STREAM_END : STREAM_MORE;
}

static void
done(void *ctx)
{
    struct export *e = ctx;
    arena_release(&e->arena);
    free(e);
}

/* The stream outlives the request's arena: its texts move in. */
static struct str
keep(char place[256], struct str text)
{
    size_t len = text.len < 256 ? text.len : 256;
    if (!text.ptr)
        return STR_NONE;
    memcpy(place, text.ptr, len);
    return (struct str){place, len};
}

bool
entity_export(struct request *r, const struct record_filter *filter, int64_t collection, bool csv, struct err *err)
{
    struct export *e = alloc_zeroed(1, sizeof(*e));
    if (!e)
        return err_no_memory(err);
    e->store = request_parts(r)->store;
    e->tenant = r->tenant.id;
    identity_watch_init(&e->watch, &r->door->identity, &r->who);
    e->collection = collection;
    e->kind = entity_kind(r);
    e->csv = csv;
    e->filter = *filter;
    e->filter.status = keep(e->texts[0], filter->status);
    e->filter.text = keep(e->texts[1], filter->text);
    e->filter.limit = BATCH_ROWS;
    e->filter.offset = 0;
    if (!filter->updated_since_us && !filter->text.len) /* what a search found comes in its own order */
        e->filter.order = RECORD_OLDEST;
    arena_init(&e->arena, EXPORT_ARENA_BYTES);
    r->reply = (struct reply){.status = 200, .body = r->reply.body, .pull = pull, .done = done, .stream = e,
                              .type = csv ? "text/csv; charset=utf-8" : "application/x-ndjson"};
    return true;
}
