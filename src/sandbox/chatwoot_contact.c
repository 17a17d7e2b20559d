/*
 * Chatwoot's contacts: reading a row, and writing it as the API shows it.
 *
 * Six in ten have e-mail and phone, others one of them, an identifier of another system, or nothing to be
 * known by: those are not listed. Source: app/views/api/v1/models/_contact.json.jbuilder.
 */
#include "base/limits.h"
#include "sandbox/chatwoot_priv.h"

static const char *const plans[] = {"free", "pro", "enterprise"};

static void
read_channels(struct contact_fields *f, const struct person *person, uint64_t random, struct arena *a)
{
    unsigned share = (unsigned)(random % 100);
    bool email = share < 60 || (share >= 75 && share < 93);
    bool phone = share < 75;
    f->email = email ? person->email : STR_NONE;
    f->phone = phone ? person->phone : STR_NONE;
    if (share >= 90 && share < 98)
        f->identifier = str_format(a, "crm-%llu", (unsigned long long)(random >> 20) % 100000000);
    char uuid[PEOPLE_UUID_BYTES];
    if (!email && phone) {
        f->inbox = 2;
        f->source_id = str_skip(person->phone, 1);
    } else if (!phone && email) {
        f->inbox = 3;
        f->source_id = person->email;
    } else {
        f->inbox = share % 2 ? 1 : 4;
        f->source_id = str_copy(a, str_from_c(people_uuid(random, 7, uuid)));
    }
}

static struct str
additional_json(struct arena *a, const struct person *person)
{
    return str_format(a,
                      "{\"city\":\"%.*s\",\"country\":\"%.*s\",\"country_code\":\"%.*s\",\"company_name\":\"%.*s\"}",
                      STR_ARG(person->city), STR_ARG(person->country), STR_ARG(person->country_code),
                      STR_ARG(person->company));
}

static void
read_generated(struct world *world, const struct object *object, struct contact_fields *f, struct arena *a)
{
    struct person person = {0};
    if (!person_make(a, world->seed, object->number, object->revision, &person))
        return;
    uint64_t random = people_mix(world->seed ^ 23, object->number);
    f->name = person.name;
    f->company = person.company;
    f->city = person.city;
    f->country = person.country;
    f->blocked = random % 97 == 0;
    f->additional = additional_json(a, &person);
    f->custom = random % 10 < 7
        ? str_format(a, "{\"plan\":\"%s\",\"score\":%u}", plans[(random >> 40) % ARRAY_LEN(plans)],
                     (unsigned)((random >> 44) % 100))
        : STR("{}");
    read_channels(f, &person, random, a);
}

static void
take_str(yyjson_val *written, const char *key, struct str *field)
{
    yyjson_val *value = json_get_c(written, key);
    if (value != NULL)
        *field = json_str(value);
}

static void
take_object(yyjson_val *written, const char *key, struct str *field, struct arena *a)
{
    yyjson_val *value = json_get_c(written, key);
    if (yyjson_is_obj(value))
        *field = json_to_text(a, value);
}

/* Edits made after a client wrote the whole contact show in its custom attributes. */
static void
add_edits(struct contact_fields *f, uint32_t revision, struct arena *a)
{
    struct str inside = str_slice(f->custom, 1, f->custom.len - 1);
    f->custom = str_format(a, "{%.*s%s\"edits\":%u}", STR_ARG(inside), inside.len ? "," : "", revision);
}

static void
read_written(const struct object *object, struct contact_fields *f, struct arena *a)
{
    struct err err = {0};
    struct str text = {object->written, object->written_bytes};
    yyjson_val *written = json_parse(a, text, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_API, &err);
    take_str(written, "name", &f->name);
    take_str(written, "email", &f->email);
    take_str(written, "phone_number", &f->phone);
    take_str(written, "identifier", &f->identifier);
    take_str(written, "source_id", &f->source_id);
    f->blocked = json_bool_or(json_get_c(written, "blocked"), f->blocked);
    int64_t inbox;
    if (json_to_i64(json_get_c(written, "inbox_id"), &inbox))
        f->inbox = (unsigned)inbox;
    take_object(written, "additional_attributes", &f->additional, a);
    take_object(written, "custom_attributes", &f->custom, a);
    yyjson_val *additional = json_get_c(written, "additional_attributes");
    f->company = json_str_or(json_get_c(additional, "company_name"), STR(""));
    f->city = json_str_or(json_get_c(additional, "city"), STR(""));
    f->country = json_str_or(json_get_c(additional, "country"), STR(""));
    if (object->revision > 0)
        add_edits(f, object->revision, a);
}

struct contact_fields
contact_read(struct world *world, uint32_t index, struct arena *a)
{
    const struct object *object = world_object(chatwoot_of(world).contacts, index);
    struct contact_fields f = {.id = object->id, .additional = STR("{}"), .custom = STR("{}"), .name = STR("")};
    if (object->number != OBJECT_NONE)
        read_generated(world, object, &f, a);
    if (object->written != NULL)
        read_written(object, &f, a);
    return f;
}

bool
contact_resolved(struct world *world, struct collection *c, uint32_t index, struct arena *a)
{
    (void)c;
    struct contact_fields f = contact_read(world, index, a);
    return f.email.len > 0 || f.phone.len > 0 || f.identifier.len > 0;
}

static void
write_contact_inboxes(const struct contact_fields *f, struct json_writer *w)
{
    json_begin_array(w, "contact_inboxes");
    if (f->inbox != 0) {
        json_begin_object(w, NULL);
        json_add_str(w, "source_id", f->source_id);
        inbox_write_brief(f->inbox, w, "inbox");
        json_end_object(w);
    }
    json_end_array(w);
}

void
contact_write(struct world *world, uint32_t index, struct arena *a, bool with_inboxes, struct json_writer *w,
              const char *key)
{
    const struct object *object = world_object(chatwoot_of(world).contacts, index);
    struct contact_fields f = contact_read(world, index, a);
    json_begin_object(w, key);
    json_add_raw(w, "additional_attributes", f.additional);
    json_add_c(w, "availability_status", "offline");
    json_add_str(w, "email", f.email);
    json_add_i64(w, "id", f.id);
    json_add_str(w, "name", f.name);
    json_add_str(w, "phone_number", f.phone);
    json_add_bool(w, "blocked", f.blocked);
    json_add_str(w, "identifier", f.identifier);
    json_add_c(w, "thumbnail", "");
    json_add_raw(w, "custom_attributes", f.custom);
    if (object->activity_us > 0)
        json_add_i64(w, "last_activity_at", object->activity_us / US_PER_S);
    json_add_i64(w, "created_at", object->created_us / US_PER_S);
    if (with_inboxes)
        write_contact_inboxes(&f, w);
    json_end_object(w);
}

void
contact_write_listed(struct world *world, struct collection *c, uint32_t index, struct arena *a,
                     struct json_writer *w)
{
    (void)c;
    contact_write(world, index, a, true, w, NULL);
}

void
contact_write_event(struct world *world, uint32_t index, struct arena *a, struct json_writer *w, const char *key)
{
    struct contact_fields f = contact_read(world, index, a);
    json_begin_object(w, key);
    json_add_raw(w, "additional_attributes", f.additional);
    json_add_raw(w, "custom_attributes", f.custom);
    json_add_str(w, "email", f.email);
    json_add_i64(w, "id", f.id);
    json_add_str(w, "identifier", f.identifier);
    json_add_str(w, "name", f.name);
    json_add_str(w, "phone_number", f.phone);
    json_add_c(w, "thumbnail", "");
    json_add_bool(w, "blocked", f.blocked);
    json_add_c(w, "type", "contact");
    json_end_object(w);
}

void
contacts_show(struct sandbox_request *r, struct sandbox_reply *reply, uint32_t index)
{
    struct json_writer w;
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    contact_write(r->world, index, r->arena, true, &w, "payload");
    json_end_object(&w);
    reply_served(reply, "contacts", world_object(chatwoot_of(r->world).contacts, index)->id);
}
