/*
 * Leads and bookings (002, chapters 4 and 11): a sub-account's own.
 *
 * Both are records; here they have that document's names, an integer `id` beside `uuid`, and no envelope.
 */
#include "base/limits.h"
#include "door/entities_priv.h"
#include "door/integrations_priv.h"
#include "door/routes_priv.h"
#include "engine/booking.h"
#include "store/store_record.h"
#include "store/store_stream.h"

#define LIMIT_OTHERWISE 50

struct rows {
    struct request *request;
    struct str kind, id;
    struct record_filter filter;
    struct record *rows, one;
    size_t count;
    struct record_place next;
    int64_t total;
    enum row found;
};

static const char *const own_members[] = {"id", "uuid", "createdAt", "updatedAt", "contactId"};

static bool
is_own(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(own_members); i++)
        if (str_eq_c(name, own_members[i]))
            return true;
    return false;
}

static bool
write_record(struct request *r, const struct record *record, struct err *err)
{
    struct json_writer *w = &r->w;
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_val *data = json_parse(r->arena, record->data, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, err);
    if (!data)
        return false;
    json_add_i64(w, "id", record->id);
    json_add_str(w, "uuid", record->uuid);
    yyjson_obj_foreach(data, index, max, key, value) {
        if (is_own(json_str(key)))
            continue;
        json_add_key(w, json_str(key));
        json_add_val(w, NULL, value);
    }
    if (str_eq_c(record->kind, "leads"))
        json_add_str(w, "contactId", record->parent_uuid.len ? record->parent_uuid : STR_NONE);
    json_add_time(w, "createdAt", record->created_us);
    json_add_time(w, "updatedAt", record->updated_us);
    return true;
}

static bool
reply_record(struct request *r, int status, const struct record *record, struct err *err)
{
    reply_bare(r, status);
    return write_record(r, record, err) && reply_end(r, err);
}

static bool
read_rows(struct db *db, void *ctx, struct err *err)
{
    struct rows *s = ctx;
    struct request *r = s->request;
    int64_t collection;
    s->count = 0;
    s->total = 0;
    enum row row = store_collection_find(db, r->tenant.id, s->kind, &collection, err);
    if (row != ROW_FOUND)
        return row == ROW_NONE;
    return store_record_list(db, r->arena, r->tenant.id, collection, &s->filter, &s->rows, &s->count, &s->next, err) &&
           store_record_count(db, r->tenant.id, collection, &s->filter, LIMIT_COUNT_EXACT + 1, &s->total, err);
}

/* statuses: those there are, which NULL ends; NULL: any word may be one. */
static bool
list(struct request *r, struct str kind, const char *const *statuses, struct err *err)
{
    struct paging paging = {.page = 1};
    struct rows s = {.request = r, .kind = kind};
    struct str cursor = request_query(r, "cursor");
    struct record_place after = {0};
    if (!str_is_none(cursor) && !entity_place_parse(r->arena, cursor, &after))
        return request_cursor_fault(err);
    if (!request_query_i64(r, "page", 1, PAGE_NUMBER_MAX, 1, &paging.page, err) ||
        !request_query_i64(r, "limit", 1, LIMIT_LIST_MAX, LIMIT_OTHERWISE, &paging.limit, err))
        return false;
    paging.after = after.id;
    paging.offset = after.id ? 0 : (size_t)((paging.page - 1) * paging.limit);
    struct str status = request_query(r, "status");
    if (statuses && !request_query_word(r, "status", statuses, &status, err))
        return false;
    s.filter = (struct record_filter){.order = RECORD_NEWEST, .status = status.len ? status : STR_NONE, .text = STR_NONE,
                                      .after = after, .offset = paging.offset, .limit = (size_t)paging.limit};
    if (!store_read(request_parts(r)->store, read_rows, &s, err))
        return false;
    struct json_writer *w = bare_list(r);
    for (size_t i = 0; i < s.count; i++) {
        json_begin_object(w, NULL);
        if (!write_record(r, &s.rows[i], err))
            return false;
        json_end_object(w);
    }
    struct str next = s.next.id > 0 ? entity_place_text(r->arena, s.next) : STR_NONE;
    json_end_array(w);
    return reply_end_counted_list(r, &paging, s.total, next, err);
}

static bool
read_one(struct db *db, void *ctx, struct err *err)
{
    struct rows *s = ctx;
    s->found = record_by_name(db, s->request->arena, s->request->tenant.id, s->kind, s->id, &s->one, err);
    return s->found != ROW_FAILED;
}

bool
leads_list(struct request *r, struct err *err)
{
    return list(r, STR("leads"), NULL, err);
}

bool
leads_get(struct request *r, struct err *err)
{
    struct rows s = {.request = r, .kind = STR("leads"), .id = request_path_param(r, 0)};
    if (!store_read(request_parts(r)->store, read_one, &s, err))
        return false;
    if (s.found != ROW_FOUND || s.one.deleted_us)
        return err_set(err, E_NOT_FOUND, "Lead not found");
    return reply_record(r, 200, &s.one, err);
}

/* ---- bookings ---- */

static struct edit_by
by_of(const struct request *r)
{
    return (struct edit_by){.tenant = r->tenant.id, .region = r->tenant.region, .actor = r->who.subject, .request_id = r->id,
                            .address = r->x->peer};
}

bool
bookings_list(struct request *r, struct err *err)
{
    static const char *const statuses[] = {"pending", "confirmed", "cancelled", "completed", NULL};
    return list(r, STR("bookings"), statuses, err);
}

bool
bookings_create(struct request *r, struct err *err)
{
    struct edit_by by = by_of(r);
    struct record record;
    return booking_create(request_parts(r)->engine, r->arena, &by, r->body, &record, err) && reply_record(r, 201, &record, err);
}

static bool
change(struct request *r, struct str id, struct err *err)
{
    struct edit_by by = by_of(r);
    struct record record;
    return booking_change(request_parts(r)->engine, r->arena, &by, id, r->body, &record, err) && reply_record(r, 200, &record, err);
}

bool
bookings_change(struct request *r, struct err *err)
{
    return change(r, request_path_param(r, 0), err);
}

/* The contract's `PATCH /api/bookings`: the body names it. */
bool
bookings_change_named(struct request *r, struct err *err)
{
    struct str id;
    if (!body_id(r, "id", &id, err))
        return false;
    if (str_is_none(id))
        return request_fault(r, err, "/id", "is required: the booking's id or uuid");
    return change(r, id, err);
}

static bool
reply_booking(struct request *r, int status, struct str id, struct err *err)
{
    struct rows s = {.request = r, .kind = STR("bookings"), .id = id};
    if (!store_read(request_parts(r)->store, read_one, &s, err))
        return false;
    if (s.found != ROW_FOUND || s.one.deleted_us)
        return err_set(err, E_NOT_FOUND, "Booking not found");
    return reply_record(r, status, &s.one, err);
}

bool
bookings_get(struct request *r, struct err *err)
{
    return reply_booking(r, 200, request_path_param(r, 0), err);
}

bool
bookings_create_again(struct request *r, struct str uuid, struct err *err)
{
    return reply_booking(r, 201, uuid, err);
}
