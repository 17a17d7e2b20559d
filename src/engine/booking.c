/*
 * Bookings: made and changed by people here.
 */
#include "engine/booking.h"

#include <unicode/ucal.h>
#include <unicode/ustring.h>

#include "base/rng.h"
#include "engine/edit_priv.h"
#include "engine/engine_priv.h"
#include "engine/page_merge.h"
#include "store/store_errand.h"
#include "store/store_event.h"
#include "store/store_history.h"
#include "store/store_stream.h"
#include "template/operation.h"

#define BOOKINGS STR("bookings")
#define TITLE_BYTES_MAX 200
#define CONNECTIONS_MAX 100

struct booking {
    struct engine *engine;
    struct arena *arena;
    const struct edit_by *by;
    yyjson_val *fields;
    struct str id;
    struct record old;                 /* changed: as it is */
    struct record lead;                /* id 0: none named */
    struct connection connection;      /* id 0: no calendar to block */
    yyjson_mut_doc *doc;
    yyjson_mut_val *data;
    struct record *out;
};

static bool
refuse(struct err *err, const char *pointer, const char *words)
{
    return err_invalid(err, pointer, "%s %s", pointer + 1, words);
}

/* A given text member; *text_out STR_NONE: not given. */
static bool
text_of(const struct booking *b, const char *pointer, struct str *text_out, struct err *err)
{
    yyjson_val *value = json_get_c(b->fields, pointer + 1);
    *text_out = STR_NONE;
    if (value == NULL || yyjson_is_null(value))
        return true;
    *text_out = json_str(value);
    if (str_is_none(*text_out) || text_out->len == 0 || text_out->len > TITLE_BYTES_MAX || str_find(*text_out, '\0') >= 0)
        return refuse(err, pointer, "must be a text of 1 to 200 bytes");
    return true;
}

/* An id: an integer of this server, or a UUID. */
static bool
id_of(const struct booking *b, const char *pointer, struct str *id_out, struct err *err)
{
    yyjson_val *value = json_get_c(b->fields, pointer + 1);
    int64_t number;
    if (!json_is_number(value))
        return text_of(b, pointer, id_out, err);
    *id_out = json_number_text(b->arena, value);
    return json_to_i64(value, &number) || refuse(err, pointer, "must be an id: a whole number or a UUID");
}

static void
put(struct booking *b, const char *name, struct str text)
{
    yyjson_mut_obj_put(b->data, yyjson_mut_str(b->doc, name),
                       str_is_none(text) ? yyjson_mut_null(b->doc) : yyjson_mut_strncpy(b->doc, text.ptr, text.len));
}

static struct str
now_of(const struct booking *b, const char *name)
{
    const char *text = yyjson_mut_get_str(yyjson_mut_obj_get(b->data, name));
    return text ? str_from_c(text) : STR_NONE;
}

static bool
is_zone(struct str name)
{
    UChar wide[128], canonical[128];
    UBool system = false;
    UErrorCode code = U_ZERO_ERROR;
    int32_t len = 0;
    u_strFromUTF8(wide, 128, &len, name.ptr, (int32_t)name.len, &code);
    ucal_getCanonicalTimeZoneID(wide, U_SUCCESS(code) ? len : 0, canonical, 128, &system, &code);
    return U_SUCCESS(code) && system;
}

static bool
take_time(struct booking *b, const char *pointer, struct err *err)
{
    struct str text;
    int64_t us;
    char shown[TIME_TEXT_BYTES];
    if (!text_of(b, pointer, &text, err))
        return false;
    if (!str_is_none(text) && (text.len < 16 || !time_parse(text, &us)))
        return refuse(err, pointer, "must be a time such as 2026-01-31T10:00:00Z");
    if (!str_is_none(text))
        put(b, pointer + 1, str_from_c(time_format_ms(us, shown)));
    return now_of(b, pointer + 1).len > 0 || refuse(err, pointer, "is required");
}

static bool
take_times(struct booking *b, struct err *err)
{
    int64_t start_us = 0, end_us = 0;
    if (!take_time(b, "/startTime", err) || !take_time(b, "/endTime", err))
        return false;
    if (!time_parse(now_of(b, "startTime"), &start_us) || !time_parse(now_of(b, "endTime"), &end_us) || end_us <= start_us)
        return refuse(err, "/endTime", "must lie behind startTime");
    return true;
}

static bool
take_words(struct booking *b, struct err *err)
{
    static const char *const statuses[] = {"pending", "confirmed", "cancelled", "completed"};
    struct str title, calendar, zone, status;
    if (!text_of(b, "/title", &title, err) || !text_of(b, "/calendarId", &calendar, err) ||
        !text_of(b, "/timezone", &zone, err) || !text_of(b, "/status", &status, err))
        return false;
    bool known = str_is_none(status);
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
        known = known || str_eq_c(status, statuses[i]);
    if (!known)
        return refuse(err, "/status", "is pending, confirmed, cancelled or completed");
    if (!str_is_none(zone) && !is_zone(zone))
        return refuse(err, "/timezone", "is no time zone such as America/Sao_Paulo");
    if (!str_is_none(title))
        put(b, "title", title);
    if (!str_is_none(calendar))
        put(b, "calendarId", calendar);
    if (!str_is_none(zone))
        put(b, "timezone", zone);
    if (!str_is_none(status) || now_of(b, "status").len == 0)
        put(b, "status", str_is_none(status) ? STR("pending") : status);
    return now_of(b, "title").len > 0 || refuse(err, "/title", "is required");
}

/* ---- the lead, and whose calendar ---- */

enum row
record_by_name(struct db *db, struct arena *a, int64_t tenant, struct str kind, struct str id, struct record *record_out,
               struct err *err)
{
    int64_t number;
    if (!str_to_i64(id, 1, INT64_MAX, &number))
        return uuid_is_valid(id) ? store_record_get(db, a, tenant, kind, id, record_out, err) : ROW_NONE;
    struct record found;
    enum row row = store_record_get_by_id(db, a, tenant, number, &found, err);
    if (row != ROW_FOUND)
        return row;
    if (!str_eq(found.kind, kind))
        return ROW_NONE;
    *record_out = found;
    return ROW_FOUND;
}

static bool
take_lead(struct db *db, struct booking *b, struct err *err)
{
    struct str id;
    if (!id_of(b, "/leadId", &id, err))
        return false;
    if (str_is_none(id))
        return true;
    enum row row = record_by_name(db, b->arena, b->by->tenant, STR("leads"), id, &b->lead, err);
    if (row == ROW_NONE || (row == ROW_FOUND && b->lead.deleted_us))
        return refuse(err, "/leadId", "names no lead");
    if (row == ROW_FAILED)
        return false;
    yyjson_mut_obj_put(b->data, yyjson_mut_str(b->doc, "leadId"), yyjson_mut_sint(b->doc, b->lead.id));
    struct err ignored = {0};
    yyjson_val *lead = json_parse(b->arena, b->lead.data, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, &ignored);
    struct str zone = json_str(json_get_c(lead, "timezone"));
    if (zone.len > 0 && now_of(b, "timezone").len == 0)
        put(b, "timezone", zone);
    return true;
}

static bool
can_block(const struct booking *b, const struct connection *c)
{
    struct err ignored = {0};
    struct template *t = registry_get(b->engine->options.templates, c->template_name, &ignored);
    bool can = t != NULL && template_has_operation(t, STR("actions"), STR("create-block-slot"));
    template_unref(t);
    return can;
}

static bool
find_calendar(struct db *db, struct booking *b, struct err *err)
{
    struct connection *rows;
    size_t count;
    struct connection_filter filter = {.enabled = 1, .status = -1, .limit = CONNECTIONS_MAX};
    if (!store_connection_list(db, b->arena, b->by->tenant, &filter, &rows, &count, NULL, err))
        return false;
    for (size_t i = count; i > 0 && b->connection.id == 0; i--) /* newest first: the oldest is meant */
        if (can_block(b, &rows[i - 1]))
            b->connection = rows[i - 1];
    return true;
}

static bool
take_connection(struct db *db, struct booking *b, struct err *err)
{
    struct str id;
    if (!id_of(b, "/integrationId", &id, err))
        return false;
    int64_t stored = yyjson_mut_get_sint(yyjson_mut_obj_get(b->data, "integrationId"));
    if (str_is_none(id) && stored > 0)
        id = str_format(b->arena, "%lld", (long long)stored);
    if (str_is_none(id))
        return find_calendar(db, b, err);
    enum row row = store_connection_get(db, b->arena, b->by->tenant, id, &b->connection, err);
    if (row == ROW_NONE && stored > 0 && json_get_c(b->fields, "integrationId") == NULL)
        return true; /* its integration is gone: there is no slot to move */
    if (row == ROW_NONE || (row == ROW_FOUND && stored == 0 && !can_block(b, &b->connection)))
        return refuse(err, "/integrationId", "names no integration with a calendar");
    return row == ROW_FOUND;
}

/* ---- writing ---- */

static bool
take_all(struct db *db, struct booking *b, struct err *err)
{
    if (!take_times(b, err) || !take_words(b, err) || !take_lead(db, b, err) || !take_connection(db, b, err))
        return false;
    yyjson_mut_obj_put(b->data, yyjson_mut_str(b->doc, "subAccountId"), yyjson_mut_sint(b->doc, b->by->tenant));
    if (b->connection.id > 0)
        yyjson_mut_obj_put(b->data, yyjson_mut_str(b->doc, "integrationId"), yyjson_mut_sint(b->doc, b->connection.id));
    return true;
}

static bool
canonical(struct booking *b, struct str *text_out, struct err *err)
{
    yyjson_val *frozen = json_freeze(b->arena, b->data);
    struct buf text;
    buf_init(&text, LIMIT_RECORD_BYTES);
    bool ok = frozen != NULL && json_write_canonical(&text, frozen);
    *text_out = ok ? str_copy(b->arena, buf_str(&text)) : STR_NONE;
    buf_release(&text);
    return !str_is_none(*text_out) || err_no_memory(err);
}

static struct record_write
write_of(const struct booking *b, struct str data)
{
    int64_t start_us = 0;
    bool ok = time_parse(now_of(b, "startTime"), &start_us);
    return (struct record_write){.record = b->old.id, .data = data, .title = str_copy(b->arena, now_of(b, "title")),
                                 .status = str_copy(b->arena, now_of(b, "status")), .occurred_us = ok ? start_us : 0,
                                 .parent = b->lead.id > 0 ? b->lead.id : b->old.parent, .changed = STR("")};
}

static bool
finish(struct db *db, struct booking *b, int64_t record, int64_t version, struct str history, int64_t now_us, struct err *err)
{
    struct event event = {.tenant = b->by->tenant, .type = STR("records.changed"), .kind = BOOKINGS, .records = &record,
                          .record_count = 1, .data = STR_NONE, .at_us = now_us};
    return store_history_add(db, b->by->tenant, record, version, history, b->by->actor, now_us, err) &&
           store_event_add(db, &event, err) &&
           (b->connection.id == 0 ||
            store_errand_add(db, b->by->tenant, STR("booking"), record, b->connection.id, now_us, err)) &&
           store_record_get_by_id(db, b->arena, b->by->tenant, record, b->out, err) == ROW_FOUND;
}

static bool
create(struct db *db, void *ctx, struct err *err)
{
    struct booking *b = ctx;
    struct str data;
    int64_t collection, now_us = store_now(db);
    b->connection = (struct connection){0};
    b->doc = json_mut_doc(b->arena);
    b->data = b->doc == NULL ? NULL : yyjson_mut_obj(b->doc);
    if (b->data == NULL)
        return err_no_memory(err);
    if (!take_all(db, b, err))
        return false;
    put(b, "externalId", STR_NONE);
    put(b, "syncStatus", b->connection.id > 0 ? STR("pending") : STR("none"));
    put(b, "syncError", STR_NONE);
    if (!canonical(b, &data, err) || !store_collection_ensure(db, b->by->tenant, BOOKINGS, &collection, err))
        return false;
    struct record_write write = write_of(b, data);
    uuid_v7_now(write.uuid);
    db_note_effect(db, "record", str_from_c(write.uuid));
    return store_records_insert(db, b->by->tenant, collection, &write, 1, now_us, err) &&
           finish(db, b, write.record, 0, STR("{}"), now_us, err);
}

bool
booking_create(struct engine *e, struct arena *a, const struct edit_by *by, yyjson_val *fields, struct record *record_out,
               struct err *err)
{
    struct booking b = {.engine = e, .arena = a, .by = by, .fields = fields, .out = record_out};
    return store_write(e->options.store, create, &b, err);
}

static bool
change(struct db *db, void *ctx, struct err *err)
{
    struct booking *b = ctx;
    struct str data, history;
    bool same;
    int64_t now_us = store_now(db);
    b->connection = (struct connection){0};
    enum row row = record_by_name(db, b->arena, b->by->tenant, BOOKINGS, b->id, &b->old, err);
    if (row == ROW_FOUND) /* once more, under its lock: somebody may delete it at this moment */
        row = edit_load(db, b->arena, b->by->tenant, BOOKINGS, b->old.uuid, &b->old, err);
    if (row == ROW_NONE || (row == ROW_FOUND && b->old.deleted_us))
        return err_set(err, E_NOT_FOUND, "Booking not found");
    if (row == ROW_FAILED)
        return false;
    yyjson_val *stored = json_parse(b->arena, b->old.data, JSON_PLAIN, LIMIT_JSON_DEPTH_VENDOR, err);
    b->doc = json_mut_doc(b->arena);
    b->data = stored == NULL || b->doc == NULL ? NULL : yyjson_val_mut_copy(b->doc, stored);
    if (b->data == NULL)
        return stored == NULL ? false : err_no_memory(err);
    if (!take_all(db, b, err) || !canonical(b, &data, err) || !merge_history(b->arena, b->old.data, data, &history, &same, err))
        return false;
    if (same) {
        *b->out = b->old;
        return true;
    }
    /* One that is being sent, or was when the process died, is looked for at the vendor first (booking_push.c). */
    if (b->connection.id > 0 && !str_eq_c(now_of(b, "syncStatus"), "sending"))
        put(b, "syncStatus", STR("pending"));
    if (!canonical(b, &data, err))
        return false;
    struct record_write write = write_of(b, data);
    return store_records_update(db, b->by->tenant, b->old.collection, &write, 1, 0, 0, now_us, err) &&
           finish(db, b, b->old.id, b->old.version, history, now_us, err);
}

bool
booking_change(struct engine *e, struct arena *a, const struct edit_by *by, struct str id, yyjson_val *fields,
               struct record *record_out, struct err *err)
{
    struct booking b = {.engine = e, .arena = a, .by = by, .fields = fields, .id = id, .out = record_out};
    return store_write(e->options.store, change, &b, err);
}
