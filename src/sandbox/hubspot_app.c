/*
 * HubSpot's webhook settings of an app: its one address, and what it is subscribed to (app-webhooks/2026-09).
 *
 * The developer's key stands in the query; any but `invalid` opens. The same subscription twice is refused with 409.
 */
#include "sandbox/hubspot_priv.h"
#include "sandbox/written.h"


static void
write_time(struct json_writer *w, const char *key, int64_t us)
{
    char text[TIME_TEXT_BYTES];
    json_add_c(w, key, time_format_ms(us, text));
}

static void
write_settings(struct sandbox_request *r, struct sandbox_reply *reply, const struct object *o)
{
    struct json_writer w;
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_add_str(&w, "targetUrl", written_text(written_of(o, r->arena), "targetUrl", STR("")));
    json_add_raw(&w, "throttling", STR("{\"maxConcurrentRequests\":10}"));
    write_time(&w, "createdAt", o->created_us);
    json_end_object(&w);
}

static uint32_t
first_of(struct collection *c)
{
    for (uint32_t i = 0; i < c->count; i++)
        if (!world_object(c, i)->deleted)
            return i;
    return OBJECT_NONE;
}

static void
serve_settings(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct collection *c = hubspot_of(r->world).settings;
    uint32_t index = first_of(c);
    if (request_is(r, "PUT")) {
        yyjson_val *body = hubspot_body(r, reply);
        if (body == NULL)
            return;
        if (json_str(json_get_c(body, "targetUrl")).len == 0 || json_get_c(body, "throttling") == NULL)
            return hubspot_error(r, reply, 400, "VALIDATION_ERROR", STR("targetUrl and throttling are required"));
        if (index == OBJECT_NONE)
            index = world_add_written(r->world, c, clock_wall_us(r->world->clock), OBJECT_NONE, STR("{}"));
        if (index == OBJECT_NONE || !written_add(r->world, c, index, body, r->arena))
            return hubspot_error(r, reply, 500, "INTERNAL_ERROR", STR("internal error"));
    }
    if (index == OBJECT_NONE)
        return hubspot_error(r, reply, 404, "OBJECT_NOT_FOUND", STR("No settings for this app"));
    if (request_is(r, "DELETE")) {
        world_remove(r->world, c, index);
        reply->status = 204;
        return;
    }
    write_settings(r, reply, world_object(c, index));
}

static void
write_subscription(struct sandbox_request *r, const struct object *o, struct json_writer *w)
{
    yyjson_val *written = written_of(o, r->arena);
    json_begin_object(w, NULL);
    json_add_str(w, "id", str_format(r->arena, "%lld", (long long)o->id));
    json_add_str(w, "eventType", written_text(written, "eventType", STR("")));
    if (json_get_c(written, "propertyName"))
        json_add_str(w, "propertyName", written_text(written, "propertyName", STR("")));
    json_add_bool(w, "active", json_bool_or(json_get_c(written, "active"), false));
    write_time(w, "createdAt", o->created_us);
    json_end_object(w);
}

static bool
is_there(struct sandbox_request *r, struct collection *c, yyjson_val *body)
{
    for (uint32_t i = 0; i < c->count; i++) {
        yyjson_val *written = world_object(c, i)->deleted ? NULL : written_of(world_object(c, i), r->arena);
        if (written != NULL && str_eq(written_text(written, "eventType", STR("")), json_str(json_get_c(body, "eventType"))) &&
            str_eq(written_text(written, "propertyName", STR("")), json_str_or(json_get_c(body, "propertyName"), STR(""))))
            return true;
    }
    return false;
}

static void
subscribe(struct sandbox_request *r, struct sandbox_reply *reply, struct collection *c)
{
    struct json_writer w;
    yyjson_val *body = hubspot_body(r, reply);
    if (body == NULL)
        return;
    struct str type = json_str(json_get_c(body, "eventType"));
    bool change = str_ends(type, STR(".propertyChange"));
    if (type.len == 0 || json_get_c(body, "active") == NULL || change != (json_str(json_get_c(body, "propertyName")).len > 0))
        return hubspot_error(r, reply, 400, "VALIDATION_ERROR", STR("eventType, active and, for changes alone, propertyName"));
    if (is_there(r, c, body))
        return hubspot_error(r, reply, 409, "CONFLICT", STR("This subscription exists already"));
    uint32_t index = world_add_written(r->world, c, clock_wall_us(r->world->clock), OBJECT_NONE, STR("{}"));
    if (index == OBJECT_NONE || !written_add(r->world, c, index, body, r->arena))
        return hubspot_error(r, reply, 500, "INTERNAL_ERROR", STR("internal error"));
    reply_json(reply, 201);
    json_writer_init(&w, &reply->body);
    write_subscription(r, world_object(c, index), &w);
}

static void
list_subscriptions(struct sandbox_request *r, struct sandbox_reply *reply, struct collection *c)
{
    struct json_writer w;
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_begin_array(&w, "results");
    for (uint32_t i = 0; i < c->count; i++)
        if (!world_object(c, i)->deleted)
            write_subscription(r, world_object(c, i), &w);
    json_end_array(&w);
    json_end_object(&w);
}

static void
serve_subscriptions(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct collection *c = hubspot_of(r->world).subscriptions;
    int64_t id;
    if (r->segment_count == 4 && request_is(r, "POST"))
        return subscribe(r, reply, c);
    if (r->segment_count == 4)
        return list_subscriptions(r, reply, c);
    uint32_t index = str_to_i64(r->segments[4], 1, INT64_MAX, &id) ? world_find(c, id) : OBJECT_NONE;
    if (index == OBJECT_NONE || !request_is(r, "DELETE"))
        return hubspot_error(r, reply, 404, "OBJECT_NOT_FOUND", STR("There is no such subscription"));
    world_remove(r->world, c, index);
    reply->status = 204;
}

void
hubspot_app(struct sandbox_request *r, struct sandbox_reply *reply)
{
    if (r->segment_count == 4 && str_eq_c(r->segments[3], "settings"))
        return serve_settings(r, reply);
    if (r->segment_count >= 4 && str_eq_c(r->segments[3], "subscriptions"))
        return serve_subscriptions(r, reply);
    hubspot_error(r, reply, 404, "OBJECT_NOT_FOUND", STR("Unable to find the requested path"));
}
