/* RD Station's objects as the vendor shows them: made from a number and a revision, what a client wrote laid over them. */
#include "base/limits.h"
#include "sandbox/rdstation_priv.h"
#include "sandbox/written.h"

#define PEOPLE_SALT 0x5244 /* not the people of another vendor */
#define ADDRESS "https://api.rd.services"
#define ZONE_US (-3 * US_PER_HOUR)

struct making {
    struct world *world;
    const struct object *object;
    struct arena *arena;
    struct json_writer *w;
    yyjson_val *written;
    struct person person;
    uint64_t random;
    bool made;            /* by the generator, not by a client */
};

static struct making
begin(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w)
{
    struct making m = {.world = world, .object = world_object(c, index), .arena = a, .w = w};
    uint64_t kind = (uint64_t)(c - world->collections);
    m.written = written_of(m.object, a);
    m.random = people_mix(world->seed ^ (kind + 501), m.object->number);
    m.made = m.object->number != OBJECT_NONE &&
             person_make(a, world->seed ^ (PEOPLE_SALT + kind), m.object->number, m.object->revision, &m.person);
    if (w != NULL)
        json_begin_object(w, NULL);
    return m;
}

void
rdstation_add_time(struct json_writer *w, struct arena *a, const char *key, int64_t us)
{
    char text[TIME_TEXT_BYTES];
    json_add_str(w, key, us ? str_format(a, "%.23s-03:00", time_format_ms(us + ZONE_US, text)) : STR_NONE);
}

/* A text that a client may have written, else the generator's for one in `share` objects. */
static void
add_text(struct making *m, const char *key, struct str made, unsigned share)
{
    bool has = m->made && people_mix(m->random, (uint64_t)key[0] * 256 + (uint64_t)key[1]) % share == 0;
    json_add_str(m->w, key, written_text(m->written, key, has ? made : STR_NONE));
}

/* "+5581912345678" as people type it here: "(81) 91234-5678"; others as they are. */
static struct str
local_phone(struct arena *a, struct str phone)
{
    if (!str_starts(phone, STR("+55")) || phone.len < 13)
        return phone;
    struct str area = str_slice(phone, 3, 5), first = str_slice(phone, 5, phone.len - 4), last = str_skip(phone, phone.len - 4);
    return str_format(a, "(%.*s) %.*s-%.*s", STR_ARG(area), STR_ARG(first), STR_ARG(last));
}

static void
add_links(struct making *m, struct str path)
{
    json_begin_array(m->w, "links");
    json_begin_object(m->w, NULL);
    json_add_c(m->w, "rel", "SELF");
    json_add_str(m->w, "href", str_format(m->arena, ADDRESS "/platform/contacts/%.*s", STR_ARG(path)));
    json_add_c(m->w, "media", "application/json");
    json_add_c(m->w, "type", "GET");
    json_end_object(m->w);
    json_end_array(m->w);
}

struct str
rdstation_email(struct world *world, struct collection *c, uint32_t index, struct arena *a)
{
    struct making m = begin(world, c, index, a, NULL);
    return written_text(m.written, "email", m.made ? m.person.email : STR_NONE);
}

void
rdstation_write_row(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w)
{
    struct making m = begin(world, c, index, a, w);
    struct str uuid = rdstation_uuid(world, m.object, a);
    json_add_str(w, "uuid", uuid);
    add_text(&m, "name", m.person.name, 1);
    add_text(&m, "email", m.person.email, 1);
    rdstation_add_time(w, a, "last_conversion_date", m.object->activity_us);
    rdstation_add_time(w, a, "created_at", m.object->created_us);
    add_links(&m, uuid);
    json_end_object(w);
}

static void
add_tags(struct making *m)
{
    yyjson_val *written = json_get_c(m->written, "tags");
    if (written != NULL) {
        json_add_val(m->w, "tags", written);
        return;
    }
    json_begin_array(m->w, "tags");
    if (m->made && m->random % 3 == 0)
        json_add_c(m->w, NULL, m->random % 2 ? "black-friday" : "newsletter");
    json_end_array(m->w);
}

static void
add_legal_bases(struct making *m)
{
    yyjson_val *written = json_get_c(m->written, "legal_bases");
    if (written != NULL) {
        json_add_val(m->w, "legal_bases", written);
        return;
    }
    json_begin_array(m->w, "legal_bases");
    json_begin_object(m->w, NULL);
    json_add_c(m->w, "category", "communications");
    json_add_c(m->w, "type", "consent");
    json_add_c(m->w, "status", m->random % 9 ? "granted" : "declined");
    json_end_object(m->w);
    json_end_array(m->w);
}

/* Custom fields that a client wrote: any name with this beginning exists. */
static void
add_custom(struct making *m)
{
    size_t at, max;
    yyjson_val *key, *item;
    yyjson_obj_foreach(m->written, at, max, key, item) {
        if (!str_starts(json_str(key), STR("cf_")))
            continue;
        json_add_key(m->w, json_str(key));
        json_add_val(m->w, NULL, item);
    }
}

void
rdstation_write_contact(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w)
{
    struct making m = begin(world, c, index, a, w);
    struct str uuid = rdstation_uuid(world, m.object, a);
    json_add_str(w, "uuid", uuid);
    add_text(&m, "name", m.person.name, 1);
    add_text(&m, "email", m.person.email, 1);
    add_text(&m, "job_title", STR("Gerente de Marketing"), 4);
    add_text(&m, "bio", STR("Prefere ser contatada à tarde"), 9);
    add_text(&m, "website", STR("https://www.example.com.br"), 6);
    add_text(&m, "personal_phone", m.made ? local_phone(a, m.person.phone) : STR_NONE, 2);
    add_text(&m, "mobile_phone", m.made ? local_phone(a, m.person.phone) : STR_NONE, 3);
    add_text(&m, "city", m.person.city, 1);
    add_text(&m, "country", m.person.country, 2);
    add_text(&m, "twitter", STR_NONE, 1);
    add_text(&m, "facebook", STR_NONE, 1);
    add_text(&m, "linkedin", STR_NONE, 1);
    add_tags(&m);
    json_begin_array(w, "extra_emails");
    json_end_array(w);
    add_legal_bases(&m);
    add_custom(&m);
    add_links(&m, uuid);
    json_end_object(w);
}

/* ---- the CRM ---- */

static void
begin_crm(struct making *m)
{
    json_add_str(m->w, "id", rdstation_hex(m->object, m->arena));
    rdstation_add_time(m->w, m->arena, "created_at", m->object->created_us);
    rdstation_add_time(m->w, m->arena, "updated_at", m->object->updated_us);
}

static struct str
company_id(struct making *m, uint64_t random)
{
    int64_t count = m->world->vendor_numbers[RD_NUMBER_COMPANIES];
    struct collection *companies = rdstation_of(m->world).companies;
    return count == 0 ? STR_NONE : rdstation_hex(world_object(companies, (uint32_t)(random % (uint64_t)count)), m->arena);
}

static void
add_pair(struct making *m, const char *list, const char *key, struct str value, const char *type)
{
    yyjson_val *written = json_get_c(m->written, list);
    if (written != NULL) {
        json_add_val(m->w, list, written);
        return;
    }
    json_begin_array(m->w, list);
    if (value.len > 0) {
        json_begin_object(m->w, NULL);
        json_add_str(m->w, key, value);
        if (type != NULL)
            json_add_c(m->w, "type", type);
        json_end_object(m->w);
    }
    json_end_array(m->w);
}

static void
add_object(struct making *m, const char *key)
{
    yyjson_val *written = json_get_c(m->written, key);
    if (written != NULL) {
        json_add_val(m->w, key, written);
        return;
    }
    json_begin_object(m->w, key);
    json_end_object(m->w);
}

void
rdstation_write_crm_contact(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w)
{
    struct making m = begin(world, c, index, a, w);
    begin_crm(&m);
    add_text(&m, "name", m.person.name, 1);
    add_text(&m, "job_title", STR("Compradora"), 3);
    add_text(&m, "birthday", STR_NONE, 1);
    add_text(&m, "organization_id", company_id(&m, m.random >> 12), 2);
    add_pair(&m, "emails", "email", m.made && m.random % 8 ? m.person.email : STR_NONE, NULL);
    add_pair(&m, "phones", "phone", m.made && m.random % 3 ? local_phone(a, m.person.phone) : STR_NONE, "mobile");
    add_pair(&m, "social_profiles", "username", STR_NONE, "linkedin");
    add_legal_bases(&m);
    add_object(&m, "custom_fields");
    json_end_object(w);
}

void
rdstation_write_company(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w)
{
    struct making m = begin(world, c, index, a, w);
    begin_crm(&m);
    struct str name = m.made ? str_format(a, "%.*s %u", STR_ARG(m.person.company), (unsigned)m.object->number + 1) : STR_NONE;
    add_text(&m, "name", name, 1);
    add_text(&m, "description", STR("Cliente desde a feira de São Paulo"), 4);
    add_text(&m, "url", str_format(a, "https://empresa%u.example.com", (unsigned)m.object->number + 1), 2);
    add_text(&m, "owner_id", STR("622e7fb2f678470c001576f4"), 1);
    add_object(&m, "address");
    add_object(&m, "custom_fields");
    json_end_object(w);
}

/* Whole numbers and two decimals, as a number: what the vendor's page shows. */
static void
add_amount(struct making *m, const char *key, uint64_t cents)
{
    yyjson_val *written = json_get_c(m->written, key);
    if (written != NULL)
        json_add_val(m->w, key, written);
    else
        json_add_raw(m->w, key, str_format(m->arena, "%llu.%02llu", (unsigned long long)cents / 100, (unsigned long long)cents % 100));
}

void
rdstation_write_deal(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w)
{
    static const char *const statuses[] = {"ongoing", "ongoing", "won", "lost", "paused"};
    struct making m = begin(world, c, index, a, w);
    struct str status = str_from_c(statuses[(m.random % 5 + m.object->revision) % ARRAY_LEN(statuses)]);
    bool closed = str_eq_c(status, "won") || str_eq_c(status, "lost");
    begin_crm(&m);
    add_text(&m, "name", str_format(a, "Proposta %u: %.*s", (unsigned)m.object->number + 1, STR_ARG(m.person.company)), 1);
    add_text(&m, "status", status, 1);
    add_text(&m, "pipeline_id", STR("622e4cee111e87000d2f52a5"), 1);
    add_text(&m, "stage_id", str_format(a, "622e4cee412e87000d2f52a%u", (unsigned)(m.random >> 20) % 5), 1);
    add_text(&m, "owner_id", STR("622e7fb2f678470c001576f4"), 1);
    add_text(&m, "organization_id", company_id(&m, m.random >> 16), 1);
    add_text(&m, "expected_close_date", STR("2026-12-20"), 3);
    json_add_i64(w, "rating", (int64_t)(m.random % 5) + 1);
    add_amount(&m, "one_time_price", m.random % 5000000);
    add_amount(&m, "recurrence_price", 0);
    add_amount(&m, "total_price", m.random % 5000000);
    rdstation_add_time(w, a, "closed_at", closed ? m.object->updated_us : 0);
    json_begin_array(w, "contact_ids");
    json_end_array(w);
    add_object(&m, "custom_fields");
    json_end_object(w);
}
