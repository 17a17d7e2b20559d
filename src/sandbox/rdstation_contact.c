/*
 * RD Station Marketing: segmentations and their contacts, one contact, writing, events.
 *
 * There is no list of all contacts: a segmentation is walked page by page until a page is empty. A contact is named by its
 * uuid, alone or as uuid:..., or as email:...; PATCH by e-mail makes the contact where there is none. One contact takes 24
 * changes a day.
 */
#include "sandbox/core.h"
#include "sandbox/rdstation_priv.h"
#include "sandbox/written.h"

#define PAGE_MAX 125
#define WRITES_PER_CONTACT 24
#define MANY 1000 /* a quota beyond this is a test's, which wants no limits */

enum { UNIQUE_EMAIL, UNIQUE_UUID };

static struct str
uuid_text(struct world *world, struct collection *c, uint32_t index, struct arena *a)
{
    return rdstation_uuid(world, world_object(c, index), a);
}

/* ---- segmentations ---- */

static void
write_segmentation(struct sandbox_request *r, struct json_writer *w, int64_t id, const char *name)
{
    json_begin_object(w, NULL);
    json_add_i64(w, "id", id);
    json_add_c(w, "name", name);
    json_add_bool(w, "standard", id == RD_STANDARD_SEGMENTATION);
    rdstation_add_time(w, r->arena, "created_at", WORLD_NEWEST_US - WORLD_SPAN_US);
    rdstation_add_time(w, r->arena, "updated_at", WORLD_NEWEST_US);
    json_add_c(w, "process_status", "processed");
    json_begin_array(w, "links");
    json_begin_object(w, NULL);
    json_add_c(w, "rel", "SELF");
    json_add_str(w, "href", str_format(r->arena, "https://api.rd.services/platform/segmentations/%lld/contacts", (long long)id));
    json_add_c(w, "media", "application/json");
    json_add_c(w, "type", "GET");
    json_end_object(w);
    json_end_array(w);
    json_end_object(w);
}

static void
list_segmentations(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct json_writer w;
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_begin_array(&w, "segmentations");
    if (request_page(r, "page") == 1) {
        write_segmentation(r, &w, RD_STANDARD_SEGMENTATION, "Todos os contatos da base");
        write_segmentation(r, &w, 2, "Oportunidades da Black Friday");
    }
    json_end_array(&w);
    json_end_object(&w);
}

/* The second segmentation holds every third contact. */
static bool
is_in(int64_t segmentation, const struct object *o)
{
    return !o->deleted && (segmentation == RD_STANDARD_SEGMENTATION || o->id % 3 == 0);
}

static void
list_contacts(struct sandbox_request *r, struct sandbox_reply *reply, struct str segment)
{
    struct json_writer w;
    int64_t segmentation, at = 0, size = request_number(r, "page_size", 1, PAGE_MAX, PAGE_MAX);
    int64_t first = (request_page(r, "page") - 1) * size;
    struct collection *c = rdstation_of(r->world).contacts;
    if (!str_to_i64(segment, 1, 2, &segmentation))
        return rdstation_error(reply, 404, "RESOURCE_NOT_FOUND", "Segmentation not found.");
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_begin_array(&w, "contacts");
    for (uint32_t i = 0; i < c->count && at < first + size; i++) {
        if (!is_in(segmentation, world_object(c, i)) || at++ < first)
            continue;
        rdstation_write_row(r->world, c, i, r->arena, &w);
        reply_served(reply, "contacts", world_object(c, i)->id);
    }
    json_end_array(&w);
    json_end_object(&w);
}

/* ---- one contact ---- */

static void
show(struct sandbox_request *r, struct sandbox_reply *reply, uint32_t index)
{
    struct json_writer w;
    struct collection *c = rdstation_of(r->world).contacts;
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    rdstation_write_contact(r->world, c, index, r->arena, &w);
    reply_served(reply, "contacts", world_object(c, index)->id);
}

static void
show_funnel(struct sandbox_request *r, struct sandbox_reply *reply, uint32_t index)
{
    struct json_writer w;
    yyjson_val *written = written_of(world_object(rdstation_of(r->world).contacts, index), r->arena);
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_add_str(&w, "lifecycle_stage", written_text(written, "_lifecycle_stage", STR("Lead")));
    json_add_bool(&w, "opportunity", !str_is_none(written_text(written, "_opportunity", STR_NONE)));
    json_add_null(&w, "contact_owner_email");
    json_add_i64(&w, "interest", 20);
    json_add_i64(&w, "fit", 0);
    json_add_c(&w, "origin", "Busca Paga | Google");
    json_end_object(&w);
}

/* What a contact is asked for by: its index, and the member that named it. */
static uint32_t
find(struct sandbox_request *r, struct str segment, const char **by_out, struct str *value_out)
{
    struct collection *c = rdstation_of(r->world).contacts;
    bool email = str_starts(segment, STR("email:"));
    *by_out = email ? "email" : "uuid";
    *value_out = email ? str_skip(segment, 6) : str_starts(segment, STR("uuid:")) ? str_skip(segment, 5) : segment;
    return email ? world_find_unique(r->world, c, UNIQUE_EMAIL, rdstation_email, *value_out)
                 : world_find_unique(r->world, c, UNIQUE_UUID, uuid_text, *value_out);
}

static bool
has_twin(struct sandbox_request *r, yyjson_val *members, uint32_t index)
{
    struct collection *c = rdstation_of(r->world).contacts;
    struct str email = json_str(json_get_c(members, "email"));
    uint32_t other = email.len ? world_find_unique(r->world, c, UNIQUE_EMAIL, rdstation_email, email) : OBJECT_NONE;
    return other != OBJECT_NONE && other != index;
}

static bool
is_email(struct str text)
{
    ptrdiff_t at = str_find(text, '@');
    return at > 0 && str_find(str_skip(text, (size_t)at), '.') > 1;
}

static void
refuse_writes(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct json_writer w;
    reply_json(reply, 429);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_add_c(&w, "error", "Limite de atualizações do contato excedido");
    json_add_i64(&w, "max", WRITES_PER_CONTACT);
    json_add_i64(&w, "usage", WRITES_PER_CONTACT);
    json_add_i64(&w, "remaining_time", 86400);
    json_end_object(&w);
    reply_header(reply, "retry-after-quotas", STR("86400"));
    (void)r;
}

static void
make(struct sandbox_request *r, struct sandbox_reply *reply, yyjson_val *members, struct str email)
{
    struct collection *c = rdstation_of(r->world).contacts;
    yyjson_mut_doc *doc = json_mut_doc(r->arena);
    yyjson_mut_val *root = doc ? yyjson_val_mut_copy(doc, members) : NULL;
    if (root != NULL)
        yyjson_mut_obj_put(root, yyjson_mut_str(doc, "email"), yyjson_mut_strncpy(doc, email.ptr, email.len));
    yyjson_val *whole = root ? json_freeze(r->arena, root) : NULL;
    int64_t now_us = clock_wall_us(r->world->clock);
    uint32_t index = whole ? world_add_written(r->world, c, now_us - now_us % US_PER_MS, OBJECT_NONE, json_to_text(r->arena, whole))
                           : OBJECT_NONE;
    if (index == OBJECT_NONE)
        return rdstation_error(reply, 500, "INTERNAL_ERROR", "out of memory");
    show(r, reply, index);
}

static void
patch(struct sandbox_request *r, struct sandbox_reply *reply, uint32_t index, const char *by, struct str value)
{
    struct collection *c = rdstation_of(r->world).contacts;
    yyjson_val *members = rdstation_body(r, reply);
    bool by_email = by[0] == 'e';
    if (members == NULL)
        return;
    if (json_get_c(members, by) != NULL)
        return rdstation_error(reply, 400, "CONFLICTING_FIELD",
                               "The payload contains an attribute that was used to identify the resource.");
    if (index == OBJECT_NONE && !by_email)
        return rdstation_error(reply, 404, "RESOURCE_NOT_FOUND", "Lead not found.");
    if (by_email && !is_email(value))
        return rdstation_error(reply, 400, "INVALID_EMAIL", "Invalid email.");
    if (has_twin(r, members, index))
        return rdstation_error(reply, 400, "EMAIL_ALREADY_IN_USE", "Email already in use.");
    if (index == OBJECT_NONE)
        return make(r, reply, members, value);
    struct object *o = world_object(c, index);
    if (o->state >= WRITES_PER_CONTACT && core_size(r->core, "rdstation", "quota", 0) < MANY)
        return refuse_writes(r, reply);
    o->state = o->state < UINT8_MAX ? (uint8_t)(o->state + 1) : o->state;
    if (!written_add(r->world, c, index, members, r->arena))
        return rdstation_error(reply, 500, "INTERNAL_ERROR", "out of memory");
    show(r, reply, index);
}

static void
post(struct sandbox_request *r, struct sandbox_reply *reply)
{
    yyjson_val *members = rdstation_body(r, reply);
    struct str email = json_str(json_get_c(members, "email"));
    if (members == NULL)
        return;
    if (!is_email(email))
        return rdstation_error(reply, 400, "INVALID_EMAIL", "Invalid email.");
    if (has_twin(r, members, OBJECT_NONE))
        return rdstation_error(reply, 400, "EMAIL_ALREADY_IN_USE", "Email already in use.");
    make(r, reply, members, email);
}

static void
one(struct sandbox_request *r, struct sandbox_reply *reply)
{
    const char *by;
    struct str value;
    uint32_t index = find(r, r->segments[2], &by, &value);
    if (request_is(r, "PATCH"))
        return patch(r, reply, index, by, value);
    if (index == OBJECT_NONE)
        return rdstation_error(reply, 404, "RESOURCE_NOT_FOUND", "Lead not found.");
    if (r->segment_count > 3 && str_eq_c(r->segments[3], "funnels"))
        return show_funnel(r, reply, index);
    if (!request_is(r, "DELETE"))
        return show(r, reply, index);
    world_remove(r->world, rdstation_of(r->world).contacts, index);
    reply_text(reply, 204, NULL, STR(""));
}

/* ---- events ---- */

/* What a conversion's payload calls the contact's members by other names is left alone. */
static yyjson_val *
contact_members(struct sandbox_request *r, yyjson_val *payload, struct str type)
{
    static const char *const names[] = {"name", "job_title", "website", "personal_phone", "mobile_phone", "city", "tags"};
    yyjson_mut_doc *doc = json_mut_doc(r->arena);
    yyjson_mut_val *root = doc ? yyjson_mut_obj(doc) : NULL;
    for (size_t i = 0; root != NULL && i < ARRAY_LEN(names); i++)
        if (json_get_c(payload, names[i]) != NULL)
            yyjson_mut_obj_put(root, yyjson_mut_str(doc, names[i]), yyjson_val_mut_copy(doc, json_get_c(payload, names[i])));
    if (root != NULL && str_eq_c(type, "OPPORTUNITY"))
        yyjson_mut_obj_put(root, yyjson_mut_str(doc, "_opportunity"), yyjson_mut_str(doc, "true"));
    return root ? json_freeze(r->arena, root) : NULL;
}

static void
post_event(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct json_writer w;
    char uuid[PEOPLE_UUID_BYTES];
    struct collection *c = rdstation_of(r->world).contacts;
    yyjson_val *body = rdstation_body(r, reply), *payload = json_get_c(body, "payload");
    struct str email = json_str(json_get_c(payload, "email")), type = json_str(json_get_c(body, "event_type"));
    int64_t now_us = clock_wall_us(r->world->clock);
    if (body == NULL)
        return;
    if (!is_email(email) || type.len == 0 || !str_eq_c(json_str(json_get_c(body, "event_family")), "CDP"))
        return rdstation_error(reply, 400, "INVALID_EVENT", "event_type, event_family CDP and payload.email are required.");
    if (str_eq_c(type, "CONVERSION") && json_str(json_get_c(payload, "conversion_identifier")).len == 0)
        return rdstation_error(reply, 400, "CANNOT_BE_BLANK", "conversion_identifier cannot be blank.");
    yyjson_val *members = contact_members(r, payload, type);
    uint32_t index = world_find_unique(r->world, c, UNIQUE_EMAIL, rdstation_email, email);
    if (index == OBJECT_NONE && members != NULL) {
        make(r, reply, members, email);
        index = (uint32_t)c->count - 1;
    }
    if (members == NULL || reply->status >= 400 || !written_add(r->world, c, index, members, r->arena))
        return rdstation_error(reply, 500, "INTERNAL_ERROR", "out of memory");
    if (str_eq_c(type, "CONVERSION"))
        rdstation_convert(r->world, c, index, now_us);
    buf_clear(&reply->body);
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_add_c(&w, "event_uuid", people_uuid((uint64_t)now_us, (uint64_t)r->world->changes, uuid));
    json_end_object(&w);
}

void
rdstation_platform(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct str what = r->segment_count > 1 ? r->segments[1] : STR(""), third = r->segment_count > 2 ? r->segments[2] : STR("");
    if (str_eq_c(what, "segmentations") && third.len == 0)
        return list_segmentations(r, reply);
    if (str_eq_c(what, "segmentations") && r->segment_count == 4 && str_eq_c(r->segments[3], "contacts"))
        return list_contacts(r, reply, third);
    if (str_eq_c(what, "contacts") && third.len > 0)
        return one(r, reply);
    if (str_eq_c(what, "contacts") && request_is(r, "POST"))
        return post(r, reply);
    if ((str_eq_c(what, "events") || str_eq_c(what, "conversions")) && request_is(r, "POST"))
        return post_event(r, reply);
    rdstation_error(reply, 404, "RESOURCE_NOT_FOUND", "The resource could not be found.");
}
