/*
 * RD Station's webhooks. Marketing tells of conversions and of contacts that became an opportunity, with the whole contact,
 * and signs nothing. The CRM tells of contacts, organizations and deals, and repeats a header that the receiver chose.
 * Plain edits of a Marketing contact are told to nobody, as at the vendor.
 */
#include "base/limits.h"
#include "sandbox/core.h"
#include "sandbox/courier.h"
#include "sandbox/rdstation_priv.h"
#include "sandbox/written.h"

#define BODY_BYTES_MAX (64 * 1024)
#define CONVERSION_US US_PER_S /* a change so soon after a conversion is that one */

static struct str
webhook_id(const struct world *world, const struct collection *c, const struct object *o, struct arena *a)
{
    char text[PEOPLE_UUID_BYTES];
    uint64_t salt = (uint64_t)(c - world->collections);
    return str_copy(a, str_from_c(people_uuid(world->seed ^ (salt + 93), (uint64_t)o->id, text)));
}

static void
write_one(struct sandbox_request *r, struct collection *c, const struct object *o, const char *id_name, struct json_writer *w)
{
    size_t at, max;
    yyjson_val *key, *item;
    json_begin_object(w, NULL);
    json_add_str(w, id_name, webhook_id(r->world, c, o, r->arena));
    yyjson_obj_foreach(written_of(o, r->arena), at, max, key, item) {
        if (str_eq_c(json_str(key), "auth_key"))
            continue;
        json_add_key(w, json_str(key));
        json_add_val(w, NULL, item);
    }
    json_end_object(w);
}

static uint32_t
find(struct sandbox_request *r, struct collection *c, struct str id)
{
    for (uint32_t i = 0; i < c->count; i++)
        if (!world_object(c, i)->deleted && str_eq(id, webhook_id(r->world, c, world_object(c, i), r->arena)))
            return i;
    return OBJECT_NONE;
}

static void
list_all(struct sandbox_request *r, struct sandbox_reply *reply, struct collection *c, const char *list, const char *id_name)
{
    struct json_writer w;
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_begin_array(&w, list);
    for (uint32_t i = 0; i < c->count; i++)
        if (!world_object(c, i)->deleted)
            write_one(r, c, world_object(c, i), id_name, &w);
    json_end_array(&w);
    json_end_object(&w);
}

static uint32_t
add(struct sandbox_request *r, struct sandbox_reply *reply, struct collection *c, yyjson_val *members, const char *event)
{
    if (json_str(json_get_c(members, "url")).len == 0 || json_str(json_get_c(members, event)).len == 0) {
        rdstation_error(reply, 400, "CANNOT_BE_BLANK", "url and the event are required.");
        return OBJECT_NONE;
    }
    uint32_t index = world_add_written(r->world, c, clock_wall_us(r->world->clock), OBJECT_NONE, json_to_text(r->arena, members));
    if (index == OBJECT_NONE)
        rdstation_error(reply, 500, "INTERNAL_ERROR", "out of memory");
    return index;
}

static void
remove_one(struct sandbox_request *r, struct sandbox_reply *reply, struct collection *c, struct str id)
{
    uint32_t index = find(r, c, id);
    if (index == OBJECT_NONE)
        return rdstation_error(reply, 404, "RESOURCE_NOT_FOUND", "Webhook not found.");
    world_remove(r->world, c, index);
    reply_text(reply, 204, NULL, STR(""));
}

void
rdstation_webhooks(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct json_writer w;
    struct collection *c = rdstation_of(r->world).webhooks;
    if (r->segment_count > 2)
        return remove_one(r, reply, c, r->segments[2]);
    if (!request_is(r, "POST"))
        return list_all(r, reply, c, "webhooks", "uuid");
    yyjson_val *body = rdstation_body(r, reply);
    uint32_t index = body ? add(r, reply, c, body, "event_type") : OBJECT_NONE;
    if (index == OBJECT_NONE)
        return;
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    write_one(r, c, world_object(c, index), "uuid", &w);
}

void
rdstation_crm_webhooks(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct json_writer w;
    struct collection *c = rdstation_of(r->world).crm_webhooks;
    if (r->segment_count > 3)
        return remove_one(r, reply, c, r->segments[3]);
    if (!request_is(r, "POST"))
        return list_all(r, reply, c, "data", "id");
    yyjson_val *body = rdstation_body(r, reply);
    uint32_t index = body ? add(r, reply, c, json_get_c(body, "data"), "event_name") : OBJECT_NONE;
    if (index == OBJECT_NONE)
        return;
    reply_json(reply, 201);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_add_key(&w, STR("data"));
    write_one(r, c, world_object(c, index), "id", &w);
    json_end_object(&w);
}

/* ---- telling ---- */

static void
write_conversion(struct world *world, uint32_t index, struct str event, struct arena *a, struct json_writer *w)
{
    struct collection *c = rdstation_of(world).contacts;
    json_begin_object(w, NULL);
    json_add_str(w, "event_type", event);
    json_add_c(w, "entity_type", "CONTACT");
    json_add_c(w, "event_identifier", "formulario-site");
    rdstation_add_time(w, a, "timestamp", clock_wall_us(world->clock));
    rdstation_add_time(w, a, "event_timestamp", world_object(c, index)->activity_us);
    json_add_key(w, STR("contact"));
    rdstation_write_contact(world, c, index, a, w);
    json_end_object(w);
}

static void
write_crm_event(struct world *world, const struct change *change, uint32_t index, struct str event, struct arena *a, struct json_writer *w)
{
    struct rdstation rd = rdstation_of(world);
    struct collection *c = world_collection(world, str_from_c(change->collection->name));
    rdstation_write_fn *write = c == rd.crm_contacts ? rdstation_write_crm_contact
        : c == rd.companies                          ? rdstation_write_company
                                                     : rdstation_write_deal;
    char uuid[PEOPLE_UUID_BYTES];
    json_begin_object(w, NULL);
    json_add_str(w, "event_name", event);
    json_add_c(w, "transaction_uuid", people_uuid(world->seed ^ 95, (uint64_t)change->seq, uuid));
    json_add_key(w, STR("document"));
    write(world, c, index, a, w);
    json_end_object(w);
}

static void
send(struct sandbox_core *core, yyjson_val *webhook, struct buf *body, struct arena *a)
{
    struct http_header headers[2] = {{STR("Content-Type"), STR("application/json")}};
    struct http_headers list = {headers, 1};
    struct str name = json_str(json_get_c(webhook, "auth_header"));
    if (name.len > 0)
        headers[list.count++] = (struct http_header){name, json_str_or(json_get_c(webhook, "auth_key"), STR(""))};
    if (buf_ok(body))
        courier_send(core->courier, json_str(json_get_c(webhook, "url")), &list, str_copy(a, buf_str(body)));
}

static struct str
crm_event(struct world *world, const struct change *change, struct arena *a)
{
    struct rdstation rd = rdstation_of(world);
    const char *noun = change->collection == rd.crm_contacts ? "contact" : change->collection == rd.companies ? "organization"
        : change->collection == rd.deals                     ? "deal"
                                                             : NULL;
    return noun == NULL || change->kind == CHANGE_DELETE
               ? STR_NONE
               : str_format(a, "crm_%s_%s", noun, change->kind == CHANGE_CREATE ? "created" : "updated");
}

void
rdstation_announce(struct sandbox_core *core, struct world *world, const struct change *change, struct arena *a)
{
    struct rdstation rd = rdstation_of(world);
    struct collection *c = world_collection(world, str_from_c(change->collection->name));
    uint32_t index = world_find(c, change->object_id);
    bool contact = c == rd.contacts;
    struct collection *webhooks = contact ? rd.webhooks : rd.crm_webhooks;
    struct str event = contact ? STR("WEBHOOK.CONVERTED") : crm_event(world, change, a);
    if (index == OBJECT_NONE || event.len == 0)
        return;
    int64_t since_us = change->at_us - world_object(c, index)->activity_us;
    if (contact && (since_us < 0 || since_us >= CONVERSION_US))
        return;
    for (uint32_t i = 0; i < webhooks->count; i++) {
        struct buf b;
        struct json_writer w;
        const struct object *o = world_object(webhooks, i);
        yyjson_val *webhook = o->deleted ? NULL : written_of(o, a);
        if (webhook == NULL || !str_eq(json_str(json_get_c(webhook, contact ? "event_type" : "event_name")), event))
            continue;
        buf_init(&b, BODY_BYTES_MAX);
        json_writer_init(&w, &b);
        if (contact)
            write_conversion(world, index, event, a, &w);
        else
            write_crm_event(world, change, index, event, a, &w);
        send(core, webhook, &b, a);
        buf_release(&b);
    }
}
