/*
 * HighLevel's locations and calendars: what bookings and the connection test need.
 */
#include "base/limits.h"
#include "sandbox/highlevel_priv.h"

static void
write_location(struct world *world, struct json_writer *w)
{
    json_begin_object(w, NULL);
    json_add_str(w, "id", highlevel_location_of(world));
    json_add_c(w, "companyId", "UAXssdawIWAWD");
    json_add_c(w, "name", "Example Dental Clinic");
    json_add_c(w, "email", "clinic@example.com");
    json_add_c(w, "city", "Recife");
    json_add_c(w, "state", "PE");
    json_add_c(w, "country", "BR");
    json_add_c(w, "timezone", "America/Recife");
    json_end_object(w);
}

void
highlevel_locations(struct sandbox_request *r, struct sandbox_reply *reply)
{
    int64_t accounts[64];
    struct json_writer w;
    struct str id = r->segment_count > 1 ? r->segments[1] : STR_NONE;
    if (!request_is(r, "GET") || r->segment_count != 2)
        return highlevel_error(reply, 404, "Not Found");
    bool search = str_eq_c(id, "search");
    struct world *world = highlevel_location(r, search ? STR(HL_LOCATION_DEFAULT) : id);
    if (world == NULL)
        return highlevel_error(reply, 400, "Location not found");
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    reply_json(reply, 200);
    int64_t count = search ? core_accounts(r->core, r->vendor, accounts, ARRAY_LEN(accounts)) : 1;
    if (search)
        json_begin_array(&w, "locations");
    else
        json_add_key(&w, STR("location"));
    for (int64_t i = 0; i < count; i++)
        write_location(search ? request_world(r, accounts[i]) : world, &w);
    if (search)
        json_end_array(&w);
    json_end_object(&w);
}

static void
list_calendars(struct sandbox_request *r, struct sandbox_reply *reply)
{
    static const char *const names[] = {"First appointment", "Follow-up"};
    struct world *world = highlevel_location(r, request_param(r, "locationId"));
    if (world == NULL)
        return highlevel_error(reply, 400, "locationId can't be undefined");
    struct collection *c = highlevel_of(world).calendars;
    struct json_writer w;
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_begin_array(&w, "calendars");
    for (uint32_t i = 0; i < c->count; i++) {
        json_begin_object(&w, NULL);
        highlevel_add_id(&w, "id", world, c, world_object(c, i)->id);
        json_add_str(&w, "locationId", highlevel_location_of(world));
        json_add_c(&w, "name", names[i % ARRAY_LEN(names)]);
        json_add_bool(&w, "isActive", true);
        json_add_c(&w, "calendarType", "event");
        json_add_i64(&w, "slotDuration", 30);
        json_end_object(&w);
    }
    json_end_array(&w);
    json_end_object(&w);
}

static void
show_slot(struct sandbox_request *r, struct sandbox_reply *reply, uint32_t index, yyjson_val *body)
{
    struct json_writer w;
    struct collection *slots = highlevel_of(r->world).slots;
    reply_json(reply, 201);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    highlevel_add_id(&w, "id", r->world, slots, world_object(slots, index)->id);
    json_add_str(&w, "locationId", highlevel_location_of(r->world));
    json_add_str(&w, "title", json_str_or(json_get_c(body, "title"), STR("Blocked")));
    json_add_str(&w, "startTime", json_str(json_get_c(body, "startTime")));
    json_add_str(&w, "endTime", json_str(json_get_c(body, "endTime")));
    json_add_str(&w, "calendarId", json_str_or(json_get_c(body, "calendarId"), STR("")));
    json_end_object(&w);
    reply_served(reply, "slots", world_object(slots, index)->id);
}

static void
write_event(struct sandbox_request *r, struct json_writer *w, const struct object *slot)
{
    struct err ignored = {0};
    struct str text = {slot->written, slot->written_bytes};
    yyjson_val *body = slot->written ? json_parse(r->arena, text, JSON_PLAIN, LIMIT_JSON_DEPTH_API, &ignored) : NULL;
    json_begin_object(w, NULL);
    highlevel_add_id(w, "id", r->world, highlevel_of(r->world).slots, slot->id);
    json_add_str(w, "locationId", highlevel_location_of(r->world));
    json_add_str(w, "title", json_str_or(json_get_c(body, "title"), STR("Blocked")));
    json_add_str(w, "startTime", json_str_or(json_get_c(body, "startTime"), STR("")));
    json_add_str(w, "endTime", json_str_or(json_get_c(body, "endTime"), STR("")));
    json_add_str(w, "calendarId", json_str_or(json_get_c(body, "calendarId"), STR("")));
    json_end_object(w);
}

/* Its filter by calendar and time is left to the caller here: everything that stands is shown. */
static void
list_slots(struct sandbox_request *r, struct sandbox_reply *reply)
{
    int64_t ignored_ms;
    struct json_writer w;
    struct world *world = highlevel_location(r, request_param(r, "locationId"));
    if (world == NULL || !str_to_i64(request_param(r, "startTime"), 0, INT64_MAX, &ignored_ms) ||
        !str_to_i64(request_param(r, "endTime"), 0, INT64_MAX, &ignored_ms) || request_param(r, "calendarId").len == 0)
        return highlevel_error(reply, 400, "locationId, calendarId, startTime and endTime are needed");
    struct collection *slots = highlevel_of(world).slots;
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_begin_array(&w, "events");
    for (uint32_t i = 0; i < slots->count; i++)
        if (!world_object(slots, i)->deleted)
            write_event(r, &w, world_object(slots, i));
    json_end_array(&w);
    json_end_object(&w);
}

static uint32_t
find_slot(struct sandbox_request *r, struct str id)
{
    int64_t accounts[64];
    int64_t count = core_accounts(r->core, r->vendor, accounts, ARRAY_LEN(accounts));
    for (int64_t i = 0; i < count; i++) {
        struct world *world = request_world(r, accounts[i]);
        uint32_t index = world ? highlevel_find(world, highlevel_of(world).slots, id) : OBJECT_NONE;
        if (index != OBJECT_NONE)
            return index;
    }
    return OBJECT_NONE;
}

static void
write_slot(struct sandbox_request *r, struct sandbox_reply *reply, struct str id)
{
    yyjson_val *body = highlevel_body(r, reply);
    if (body == NULL)
        return;
    uint32_t index = id.len ? find_slot(r, id) : OBJECT_NONE;
    if (id.len && index == OBJECT_NONE)
        return highlevel_error(reply, 404, "Event not found");
    struct world *world = highlevel_location(r, json_str(json_get_c(body, "locationId")));
    struct str start = json_str(json_get_c(body, "startTime")), end = json_str(json_get_c(body, "endTime"));
    if (world == NULL)
        return highlevel_error(reply, 422, "locationId must be a string");
    if (!id.len && (!start.len || !end.len || str_compare(start, end) >= 0))
        return highlevel_error(reply, 400, "The start time must be before the end time");
    struct collection *slots = highlevel_of(world).slots;
    int64_t now_us = clock_wall_us(world->clock);
    if (index == OBJECT_NONE)
        index = world_add_written(world, slots, now_us, 0, r->body);
    else if (!world_write(world, slots, index, r->body))
        index = OBJECT_NONE;
    if (index == OBJECT_NONE)
        return highlevel_error(reply, 500, "Internal server error");
    show_slot(r, reply, index, body);
}

/* ---- appointments */

static int64_t
starts_us(const struct object *o)
{
    return o->created_us - o->created_us % (30 * US_PER_MINUTE) + 7 * US_PER_DAY;
}

void
highlevel_write_appointment(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w)
{
    static const char *const statuses[] = {"confirmed", "new", "showed", "noshow", "cancelled"};
    struct highlevel hl = highlevel_of(world);
    const struct object *o = world_object(c, index);
    uint64_t random = people_mix(world->seed ^ 47, (uint64_t)o->id + 1000 * o->revision);
    (void)a;
    json_begin_object(w, NULL);
    highlevel_add_id(w, "id", world, c, o->id);
    json_add_c(w, "title", "First appointment");
    highlevel_add_id(w, "calendarId", world, hl.calendars, world_object(hl.calendars, index % 2)->id);
    json_add_str(w, "locationId", highlevel_location_of(world));
    highlevel_add_id(w, "contactId", world, hl.contacts, world_object(hl.contacts, highlevel_contact_of(world, o))->id);
    json_add_c(w, "groupId", "9NkT25Vor1v4aQatFsv2");
    json_add_c(w, "appointmentStatus", statuses[random % ARRAY_LEN(statuses)]);
    json_add_c(w, "assignedUserId", "YlWd2wuCAZQzh2cH1fVZ");
    json_begin_array(w, "users");
    json_end_array(w);
    json_add_time(w, "startTime", starts_us(o));
    json_add_time(w, "endTime", starts_us(o) + 30 * US_PER_MINUTE);
    json_add_time(w, "dateAdded", o->created_us);
    json_add_time(w, "dateUpdated", o->updated_us);
    json_end_object(w);
}

static void
list_appointments(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct world *world = highlevel_location(r, request_param(r, "locationId"));
    int64_t from_ms = request_number(r, "startTime", 0, INT64_MAX / 1000, -1);
    int64_t until_ms = request_number(r, "endTime", 0, INT64_MAX / 1000, -1);
    if (world == NULL || from_ms < 0 || until_ms < 0 || !request_param(r, "calendarId").len)
        return highlevel_error(reply, 422, "locationId, startTime, endTime and one of calendarId, userId, groupId are required");
    struct highlevel hl = highlevel_of(world);
    uint32_t calendar = highlevel_find(world, hl.calendars, request_param(r, "calendarId"));
    struct json_writer w;
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_begin_array(&w, "events");
    for (uint32_t i = 0; i < hl.appointments->count; i++) {
        const struct object *o = world_object(hl.appointments, i);
        int64_t at_ms = starts_us(o) / US_PER_MS;
        if (o->deleted || i % 2 != calendar || at_ms < from_ms || at_ms > until_ms)
            continue;
        highlevel_write_appointment(world, hl.appointments, i, r->arena, &w);
        reply_served(reply, "appointments", o->id);
    }
    json_end_array(&w);
    json_end_object(&w);
}

static void
show_appointment(struct sandbox_request *r, struct sandbox_reply *reply, struct str id)
{
    int64_t accounts[64];
    struct json_writer w;
    int64_t count = core_accounts(r->core, r->vendor, accounts, ARRAY_LEN(accounts));
    for (int64_t i = 0; i < count; i++) {
        struct world *world = request_world(r, accounts[i]);
        uint32_t index = world ? highlevel_find(world, highlevel_of(world).appointments, id) : OBJECT_NONE;
        if (index == OBJECT_NONE)
            continue;
        reply_json(reply, 200);
        json_writer_init(&w, &reply->body);
        json_begin_object(&w, NULL);
        json_add_key(&w, STR("event"));
        highlevel_write_appointment(world, highlevel_of(world).appointments, index, r->arena, &w);
        json_end_object(&w);
        return;
    }
    highlevel_error(reply, 404, "Event not found");
}

void
highlevel_calendars(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct str second = r->segment_count > 1 ? r->segments[1] : STR_NONE, third = r->segment_count > 2 ? r->segments[2] : STR_NONE;
    bool events = str_eq_c(second, "events"), blocks = events && str_eq_c(third, "block-slots");
    (void)highlevel_location(r, STR(HL_LOCATION_DEFAULT));
    if (r->segment_count == 1 && request_is(r, "GET"))
        return list_calendars(r, reply);
    if (str_eq_c(second, "blocked-slots") && r->segment_count == 2 && request_is(r, "GET"))
        return list_slots(r, reply);
    if (events && r->segment_count == 2 && request_is(r, "GET"))
        return list_appointments(r, reply);
    if (events && str_eq_c(third, "appointments") && r->segment_count == 4 && request_is(r, "GET"))
        return show_appointment(r, reply, r->segments[3]);
    if (blocks && r->segment_count == 3 && request_is(r, "POST"))
        return write_slot(r, reply, STR_NONE);
    if (blocks && r->segment_count == 4 && request_is(r, "PUT"))
        return write_slot(r, reply, r->segments[3]);
    uint32_t index = events && r->segment_count == 3 && request_is(r, "DELETE") ? find_slot(r, third) : OBJECT_NONE;
    if (index == OBJECT_NONE)
        return highlevel_error(reply, 404, "Not Found");
    world_remove(r->world, highlevel_of(r->world).slots, index);
    reply_json(reply, 201);
    buf_add_c(&reply->body, "{\"succeeded\":true}");
}
