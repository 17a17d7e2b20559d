/*
 * HubSpot's objects as they are shown: properties made from a number and a revision, what a client wrote laid over them.
 *
 * Every property value is text or null, dates in RFC 3339 in UTC, numbers as written. Which ones come back unasked differs
 * by type. Source: the objects' descriptions of 2026-09 and the vendor's pages on default properties.
 */
#include "base/limits.h"
#include "sandbox/hubspot_priv.h"

#define PEOPLE_SALT 0x4855 /* not the people of another vendor */
#define COMPANY_FIRST INT64_C(9100000001)
#define OWNER_FIRST INT64_C(41629779)
#define OWNER_COUNT 5

void
hubspot_set(struct hs_properties *list, struct str name, struct str value)
{
    for (size_t i = 0; i < list->count; i++)
        if (str_eq(list->items[i].name, name)) {
            list->items[i].value = value;
            return;
        }
    if (list->count == HS_PROPERTIES_MAX)
        return;
    list->items[list->count].name = name;
    list->items[list->count++].value = value;
}

struct str
hubspot_value(const struct hs_properties *list, struct str name)
{
    for (size_t i = 0; i < list->count; i++)
        if (str_eq(list->items[i].name, name))
            return list->items[i].value;
    return STR_NONE;
}

static void
set(struct hs_properties *list, const char *name, struct str value)
{
    hubspot_set(list, str_from_c(name), value);
}

static void
set_number(struct hs_properties *list, const char *name, int64_t value)
{
    set(list, name, str_format(list->arena, "%lld", (long long)value));
}

static void
set_time(struct hs_properties *list, const char *name, int64_t us)
{
    char text[TIME_TEXT_BYTES];
    set(list, name, str_copy(list->arena, str_from_c(time_format_ms(us, text))));
}

#define ANY(list, random) str_from_c((list)[(random) % ARRAY_LEN(list)])

static void
make_owner(struct hs_properties *list, uint64_t random)
{
    set_number(list, "hubspot_owner_id", OWNER_FIRST + (int64_t)(random % OWNER_COUNT));
}

/* One of those that were there at the start, so that newcomers change nothing. */
static int64_t
company_of(const struct world *world, uint64_t random)
{
    int64_t count = world->vendor_numbers[HS_NUMBER_COMPANIES];
    return count > 0 ? COMPANY_FIRST + (int64_t)(random % (uint64_t)count) : 0;
}

static void
make_contact(struct world *world, const struct object *o, const struct person *p, uint64_t random, struct hs_properties *list)
{
    static const char *const stages[] = {"subscriber", "lead", "marketingqualifiedlead", "opportunity", "customer"};
    static const char *const statuses[] = {"NEW", "OPEN", "IN_PROGRESS", "CONNECTED"};
    (void)o;
    set(list, "firstname", p->first), set(list, "lastname", p->last);
    set(list, "email", random % 10 < 9 ? p->email : STR_NONE);
    set(list, "phone", random % 10 > 1 ? p->phone : STR_NONE);
    set(list, "company", p->company), set(list, "city", p->city), set(list, "country", p->country);
    set(list, "lifecyclestage", ANY(stages, random >> 8));
    set(list, "hs_lead_status", random % 3 ? ANY(statuses, random >> 12) : STR_NONE);
    int64_t company = random % 4 ? company_of(world, random >> 20) : 0;
    if (company)
        set_number(list, "associatedcompanyid", company);
}

static void
make_company(struct world *world, const struct object *o, const struct person *p, uint64_t random, struct hs_properties *list)
{
    static const char *const industries[] = {"RETAIL", "COMPUTER_SOFTWARE", "HOSPITAL_HEALTH_CARE", "EDUCATION_MANAGEMENT"};
    (void)world;
    set(list, "name", str_format(list->arena, "%.*s %u", STR_ARG(p->company), (unsigned)o->number + 1));
    set(list, "domain", str_format(list->arena, "company%u.example.com", (unsigned)o->number + 1));
    set(list, "industry", ANY(industries, random >> 8));
    set(list, "phone", p->phone), set(list, "city", p->city), set(list, "country", p->country);
    set_number(list, "numberofemployees", 1 + (int64_t)((random >> 16) % 500));
    set(list, "annualrevenue", random % 2 ? str_format(list->arena, "%u", 10000 * (unsigned)(1 + (random >> 24) % 900)) : STR_NONE);
}

static void
make_deal(struct world *world, const struct object *o, const struct person *p, uint64_t random, struct hs_properties *list)
{
    static const char *const stages[] = {"appointmentscheduled", "qualifiedtobuy", "presentationscheduled", "contractsent",
                                         "closedwon", "closedlost"};
    size_t stage = ((random >> 8) + o->revision) % ARRAY_LEN(stages);
    set(list, "dealname", str_format(list->arena, "%.*s, %.*s", STR_ARG(p->company), STR_ARG(p->name)));
    set(list, "amount", str_format(list->arena, "%u.%02u", (unsigned)(100 + (random >> 16) % 90000), (unsigned)(random >> 40) % 100));
    set(list, "deal_currency_code", STR("BRL"));
    set(list, "pipeline", STR("default")), set(list, "dealstage", str_from_c(stages[stage]));
    set(list, "hs_is_closed", stage >= 4 ? STR("true") : STR("false"));
    set(list, "hs_is_closed_won", stage == 4 ? STR("true") : STR("false"));
    set_time(list, "closedate", o->created_us + 30 * US_PER_DAY);
    int64_t company = company_of(world, random >> 20);
    if (company)
        set_number(list, "hs_primary_associated_company", company);
}

static void
make_ticket(struct world *world, const struct object *o, const struct person *p, uint64_t random, struct hs_properties *list)
{
    static const char *const priorities[] = {"LOW", "MEDIUM", "HIGH"};
    static const char *const categories[] = {"PRODUCT_ISSUE", "BILLING_ISSUE", "FEATURE_REQUEST", "GENERAL_INQUIRY"};
    uint64_t stage = 1 + ((random >> 8) + o->revision) % 4;
    (void)world;
    set(list, "subject", str_format(list->arena, "%.*s: #%u", STR_ARG(p->company), (unsigned)o->number + 1));
    set(list, "content", people_sentence(random >> 16, true));
    set(list, "hs_pipeline", STR("0"));
    set_number(list, "hs_pipeline_stage", (int64_t)stage);
    set(list, "hs_ticket_priority", random % 4 ? ANY(priorities, random >> 24) : STR_NONE);
    set(list, "hs_ticket_category", ANY(categories, random >> 28));
    set(list, "source_type", STR("EMAIL"));
    if (stage == 4)
        set_time(list, "closed_date", o->created_us + US_PER_DAY);
}

typedef void make_fn(struct world *, const struct object *, const struct person *, uint64_t random, struct hs_properties *);
static const struct {
    make_fn *make;
    const char *defaults[10];
} types[] = {
    {make_contact, {"createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"}},
    {make_company, {"createdate", "domain", "hs_lastmodifieddate", "hs_object_id", "name"}},
    {make_deal, {"amount", "closedate", "createdate", "dealname", "dealstage", "hs_lastmodifieddate", "hs_object_id", "pipeline"}},
    {make_ticket, {"content", "createdate", "hs_lastmodifieddate", "hs_object_id", "hs_pipeline", "hs_pipeline_stage",
                   "hs_ticket_category", "hs_ticket_priority", "subject"}},
};

static size_t
type_of(const struct world *world, const struct collection *c)
{
    return (size_t)(c - world->collections);
}

static void
lay_written(const struct object *o, struct arena *a, struct hs_properties *list)
{
    struct err err = {0};
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_val *written = o->written == NULL ? NULL
        : json_parse(a, (struct str){o->written, o->written_bytes}, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_API, &err);
    yyjson_obj_foreach(written, index, max, key, value) {
        struct str text = json_is_number(value) ? json_number_text(a, value) : json_str(value);
        hubspot_set(list, json_str(key), text.len ? text : STR_NONE);
    }
}

void
hubspot_read(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct hs_properties *list)
{
    struct person person = {0};
    const struct object *o = world_object(c, index);
    size_t type = type_of(world, c);
    uint64_t random = people_mix(world->seed ^ (type + 101), o->number);
    list->arena = a;
    list->count = 0;
    if (o->number != OBJECT_NONE && type < ARRAY_LEN(types) &&
        person_make(a, world->seed ^ (PEOPLE_SALT + type), o->number, o->revision, &person)) {
        types[type].make(world, o, &person, random, list);
        make_owner(list, random >> 44);
    }
    lay_written(o, a, list);
    set_number(list, "hs_object_id", o->id);
    set_time(list, "createdate", o->created_us);
    set_time(list, type == 0 ? "lastmodifieddate" : "hs_lastmodifieddate", o->updated_us);
}

static void
write_property(const struct hs_properties *list, struct str name, struct json_writer *w)
{
    json_add_key(w, name);
    json_add_str(w, NULL, hubspot_value(list, name));
}

static bool
came_before(const struct str *names, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq(names[i], name))
            return true;
    return false;
}

/* The default ones always come; each name once. */
static void
write_wanted(const struct hs_properties *list, size_t type, const struct str *wanted, size_t wanted_count, struct json_writer *w)
{
    struct str names[2 * HS_PROPERTIES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_LEN(types[type].defaults) && types[type].defaults[i] != NULL; i++)
        names[count++] = str_from_c(types[type].defaults[i]);
    for (size_t i = 0; i < wanted_count; i++) {
        struct str one, rest = wanted[i];
        for (bool more = rest.len > 0; more && count < ARRAY_LEN(names);) {
            more = str_cut(rest, ',', &one, &rest);
            if (one.len > 0 && !came_before(names, count, one))
                names[count++] = one;
        }
    }
    for (size_t i = 0; i < count; i++)
        write_property(list, names[i], w);
}

void
hubspot_write(struct world *world, struct collection *c, uint32_t index, struct arena *a, const struct str *wanted, size_t wanted_count,
              struct json_writer *w)
{
    struct hs_properties list;
    const struct object *o = world_object(c, index);
    hubspot_read(world, c, index, a, &list);
    json_begin_object(w, NULL);
    json_add_str(w, "id", str_format(a, "%lld", (long long)o->id));
    json_begin_object(w, "properties");
    if (wanted == NULL)
        for (size_t i = 0; i < list.count; i++)
            write_property(&list, list.items[i].name, w);
    else
        write_wanted(&list, type_of(world, c), wanted, wanted_count, w);
    json_end_object(w);
    json_add_time(w, "createdAt", o->created_us);
    json_add_time(w, "updatedAt", o->updated_us);
    json_add_bool(w, "archived", o->deleted);
    if (o->deleted)
        json_add_time(w, "archivedAt", o->updated_us);
    json_add_str(w, "url", str_format(a, "https://app.hubspot.com/contacts/%d/record/0-%zu/%lld", HS_PORTAL,
                                      type_of(world, c) == 3 ? (size_t)5 : type_of(world, c) + 1, (long long)o->id));
    json_end_object(w);
}

void
hubspot_write_all(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w)
{
    hubspot_write(world, c, index, a, NULL, 0, w);
}

void
hubspot_write_owner(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w)
{
    struct person person = {0};
    const struct object *o = world_object(c, index);
    if (!person_make(a, world->seed ^ (PEOPLE_SALT + 4), o->number, o->revision, &person))
        return;
    json_begin_object(w, NULL);
    json_add_str(w, "id", str_format(a, "%lld", (long long)o->id));
    json_add_str(w, "email", person.email);
    json_add_c(w, "type", "PERSON");
    json_add_str(w, "firstName", person.first);
    json_add_str(w, "lastName", person.last);
    json_add_i64(w, "userId", 1000 + (int64_t)o->number);
    json_add_i64(w, "userIdIncludingInactive", 1000 + (int64_t)o->number);
    json_add_time(w, "createdAt", o->created_us);
    json_add_time(w, "updatedAt", o->updated_us);
    json_add_bool(w, "archived", o->deleted);
    json_end_object(w);
}
