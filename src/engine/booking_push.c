/*
 * A booking's slot in the vendor's calendar: created, moved, removed, as the booking is now.
 *
 * The slot's id is the booking's `externalId`. A call whose outcome nobody knows is not repeated blindly, since the vendor would
 * block the time twice. Before a slot is asked for, the booking says `sending`; found so again (the process died, or the answer
 * was lost), the vendor is asked what stands in the calendar, where the template can (`list-block-slots`). One that is there is
 * taken; else the booking says `unknown` and waits for a person, who saves it again.
 */
#include "engine/booking.h"
#include "engine/errand.h"
#include "engine/operation.h"
#include "engine/page_merge.h"
#include "store/store_event.h"
#include "store/store_page.h"

#define ACTIONS STR("actions")
#define ERROR_BYTES_MAX 300
#define SENDING "sending"

struct push {
    struct arena *arena;
    const struct errand *errand;
    struct record record;
    struct connection connection;
    enum row found;
    struct str external_id;      /* as it shall be; STR_NONE: no slot */
    bool has_external_id;        /* it is to be written */
    const char *status;
    struct str error;
};

static bool
read_booking(struct db *db, void *ctx, struct err *err)
{
    struct push *p = ctx;
    p->found = store_record_get_by_id(db, p->arena, p->errand->tenant, p->errand->record, &p->record, err);
    if (p->found == ROW_FOUND)
        p->found = store_connection_get_by_id(db, p->arena, p->errand->tenant, p->errand->connection, &p->connection, err);
    return p->found != ROW_FAILED;
}

/* What became of it, into the record as it is now, and nobody edits it meanwhile. No history: a person did nothing. */
static bool
write_state(struct db *db, void *ctx, struct err *err)
{
    struct push *p = ctx;
    struct str data;
    struct record *r = &p->record;
    int64_t now_us = store_now(db);
    if (!store_records_hold(db, p->errand->tenant, &p->errand->record, 1, err))
        return false;
    if (store_record_get_by_id(db, p->arena, p->errand->tenant, p->errand->record, r, err) != ROW_FOUND)
        return err->code == E_OK;
    if (!record_set_text(p->arena, r->data, "syncStatus", str_from_c(p->status), &data, err) ||
        !record_set_text(p->arena, data, "syncError", p->error, &data, err) ||
        (p->has_external_id && !record_set_text(p->arena, data, "externalId", p->external_id, &data, err)))
        return false;
    struct record_write write = {.record = r->id, .data = data, .title = r->title, .status = r->status, .occurred_us = r->occurred_us,
                                 .parent = r->parent, .deleted = r->deleted_us != 0, .changed = STR("")};
    struct event event = {.tenant = r->tenant, .type = STR("records.changed"), .kind = r->kind, .records = &r->id,
                          .record_count = 1, .data = STR_NONE, .at_us = now_us};
    return str_eq(data, r->data) || (store_records_update(db, r->tenant, r->collection, &write, 1, 0, 0, now_us, err) &&
                                     store_event_add(db, &event, err));
}

static yyjson_val *
input_of(struct arena *a, yyjson_val *booking, struct str external_id)
{
    static const char *const members[] = {"calendarId", "title", "startTime", "endTime"};
    yyjson_mut_doc *doc = json_mut_doc(a);
    yyjson_mut_val *input = doc == NULL ? NULL : yyjson_mut_obj(doc);
    if (input == NULL)
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        if (json_str(json_get_c(booking, members[i])).len > 0)
            yyjson_mut_obj_add(input, yyjson_mut_str(doc, members[i]), yyjson_val_mut_copy(doc, json_get_c(booking, members[i])));
    if (external_id.len > 0)
        yyjson_mut_obj_add(input, yyjson_mut_str(doc, "id"), yyjson_mut_strncpy(doc, external_id.ptr, external_id.len));
    return json_freeze(a, input);
}

/* The id in what the vendor answered: the answer itself, or its member of one of the usual names, one level down too. */
static struct str
id_of(yyjson_val *result)
{
    static const char *const names[] = {"id", "_id", "eventId", "event", "blockSlot"};
    if (json_str(result).len > 0)
        return json_str(result);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        yyjson_val *value = json_get_c(result, names[i]);
        if (json_str(value).len > 0)
            return json_str(value);
        if (json_str(json_get_c(value, "id")).len > 0)
            return json_str(json_get_c(value, "id"));
    }
    return STR_NONE;
}

/* ---- was it done? ---- */

static bool
is_same_time(yyjson_val *slot, yyjson_val *booking, const char *name)
{
    int64_t a, b;
    return time_parse(json_str(json_get_c(slot, name)), &a) && time_parse(json_str(json_get_c(booking, name)), &b) && a == b;
}

/* The slot that a call before must have made: none if there are several, for one may be another booking's. */
static struct str
find_made(yyjson_val *slots, yyjson_val *booking)
{
    size_t i, count;
    yyjson_val *slot;
    struct str found = STR_NONE;
    yyjson_arr_foreach(slots, i, count, slot) {
        if (!is_same_time(slot, booking, "startTime") || !is_same_time(slot, booking, "endTime") ||
            !str_eq(json_str(json_get_c(slot, "title")), json_str(json_get_c(booking, "title"))))
            continue;
        if (found.len > 0)
            return STR_NONE;
        found = id_of(slot);
    }
    return found;
}

/* E_LIMIT: nobody knows. E_VENDOR_UNCERTAIN: the vendor could not be asked yet. Otherwise the slot is the booking's now. */
static bool
look_back(struct engine *e, struct push *p, yyjson_val *booking, struct err *err)
{
    struct err why = {0};
    yyjson_val *slots = NULL;
    struct operation_call call = {.tenant = p->connection.tenant, .connection = p->connection.uuid, .section = ACTIONS,
                                  .name = STR("list-block-slots"), .input = input_of(p->arena, booking, STR_NONE)};
    if (call.input == NULL)
        return err_no_memory(err);
    if (!engine_operation(e, p->arena, &call, &slots, &why) && why.code != E_NOT_FOUND && err_retry(why.code) == RETRY_LATER) {
        *err = why;
        err->code = E_VENDOR_UNCERTAIN;
        return false;
    }
    p->external_id = find_made(slots, booking);
    p->has_external_id = p->external_id.len > 0;
    return p->has_external_id ||
           err_set(err, E_LIMIT, "It is not known whether the vendor blocked this time: look there, and save the booking again");
}

/* Which action makes the calendar agree with the booking; NULL: it does already. */
static const char *
action_of(yyjson_val *booking, bool deleted, struct str external_id)
{
    bool cancelled = deleted || str_eq_c(json_str(json_get_c(booking, "status")), "cancelled");
    if (cancelled)
        return external_id.len > 0 ? "delete-block-slot" : NULL;
    return external_id.len > 0 ? "update-block-slot" : "create-block-slot";
}

static bool
call_vendor(struct engine *e, struct push *p, yyjson_val *booking, const char *action, struct err *err)
{
    yyjson_val *result = NULL;
    struct operation_call call = {.tenant = p->connection.tenant, .connection = p->connection.uuid, .section = ACTIONS,
                                  .name = str_from_c(action), .input = input_of(p->arena, booking, p->external_id)};
    if (call.input == NULL)
        return err_no_memory(err);
    if (!engine_operation(e, p->arena, &call, &result, err))
        return false;
    p->has_external_id = true;
    if (str_eq_c(call.name, "delete-block-slot"))
        p->external_id = STR_NONE;
    else if (id_of(result).len > 0)
        p->external_id = id_of(result);
    return true;
}

/* On the disk before the call goes out. */
static bool
say_sending(struct engine *e, struct push *p, struct err *err)
{
    p->status = SENDING;
    bool ok = store_write(e->options.store, write_state, p, err);
    p->status = "synced";
    return ok;
}

/* The answer was lost: the vendor may tell. */
static bool
look_back_at_once(struct engine *e, struct push *p, yyjson_val *booking, struct err *err)
{
    *err = (struct err){0};
    return look_back(e, p, booking, err) && store_write(e->options.store, write_state, p, err);
}

static bool
booking_run(struct engine *e, struct arena *a, const struct errand *errand, struct err *err)
{
    struct push p = {.arena = a, .errand = errand, .status = "synced", .error = STR_NONE};
    if (!store_read(e->options.store, read_booking, &p, err))
        return false;
    if (p.found != ROW_FOUND)
        return true;
    yyjson_val *booking = json_parse(a, p.record.data, JSON_PLAIN, LIMIT_JSON_DEPTH_VENDOR, err);
    if (booking == NULL)
        return false;
    p.external_id = json_str(json_get_c(booking, "externalId"));
    const char *action = action_of(booking, p.record.deleted_us != 0, p.external_id);
    bool creates = action != NULL && strcmp(action, "create-block-slot") == 0;
    if (creates && str_eq_c(json_str(json_get_c(booking, "syncStatus")), SENDING))
        return look_back(e, &p, booking, err) && store_write(e->options.store, write_state, &p, err);
    if (creates && !say_sending(e, &p, err))
        return false;
    if (action != NULL && !call_vendor(e, &p, booking, action, err)) {
        if (err->code == E_VENDOR_UNCERTAIN && creates)
            return look_back_at_once(e, &p, booking, err);
        if (err->code == E_VENDOR_UNCERTAIN)
            err->code = E_LIMIT;
        return false;
    }
    return store_write(e->options.store, write_state, &p, err);
}

static bool
booking_failed(struct engine *e, struct arena *a, const struct errand *errand, const struct err *why, bool given_up,
               struct err *err)
{
    bool unsure = why->code == E_VENDOR_UNCERTAIN;
    const char *status = why->code == E_LIMIT || (unsure && given_up) ? "unknown" : unsure ? SENDING : given_up ? "failed" : "retrying";
    struct push p = {.arena = a, .errand = errand, .status = status,
                     .error = str_copy(a, str_slice(str_from_c(why->message), 0, ERROR_BYTES_MAX))};
    return store_write(e->options.store, write_state, &p, err);
}

const struct errand_kind errand_booking = {.name = "booking", .run = booking_run, .failed = booking_failed};
