/* Zendesk's objects as the vendor shows them: made from a number and a revision, what a client wrote laid over them. */
#include "base/limits.h"
#include "sandbox/zendesk_priv.h"

#define PEOPLE_SALT 0x5a44 /* not the people of another vendor */
#define URL "https://your-subdomain.zendesk.com/api/v2/"

static void
add_seconds(struct json_writer *w, struct arena *a, const char *key, int64_t us)
{
    char text[TIME_TEXT_BYTES];
    json_add_str(w, key, us ? str_format(a, "%.19sZ", time_format_ms(us, text)) : STR_NONE);
}

static yyjson_val *
written_of(const struct object *o, struct arena *a)
{
    struct err err = {0};
    return o->written == NULL ? NULL
        : json_parse(a, (struct str){o->written, o->written_bytes}, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_API, &err);
}

static struct str
given(yyjson_val *written, const char *key, struct str otherwise)
{
    yyjson_val *value = json_get_c(written, key);
    return value == NULL ? otherwise : json_str(value);
}

/* One of those that were there at the start, so that newcomers change nothing. */
static int64_t
other_id(const struct world *world, struct collection *c, uint64_t random)
{
    int64_t count = world->vendor_numbers[ZD_NUMBER_USERS + (c - world->collections)];
    return count > 0 ? world_object(c, (uint32_t)(random % (uint64_t)count))->id : 0;
}

static void
add_id(struct json_writer *w, const char *key, int64_t id)
{
    if (id)
        json_add_i64(w, key, id);
    else
        json_add_null(w, key);
}

static void
begin(struct world *world, struct collection *c, const struct object *o, const char *path, struct arena *a, struct json_writer *w)
{
    (void)world, (void)c;
    json_begin_object(w, NULL);
    json_add_str(w, "url", str_format(a, URL "%s/%lld.json", path, (long long)o->id));
    json_add_i64(w, "id", o->id);
    add_seconds(w, a, "created_at", o->created_us);
    add_seconds(w, a, "updated_at", o->updated_us);
}

static bool
make(struct world *world, const struct object *o, unsigned kind, struct arena *a, struct person *person, uint64_t *random_out)
{
    *person = (struct person){0};
    *random_out = people_mix(world->seed ^ (kind + 301), o->number);
    return o->number != OBJECT_NONE && person_make(a, world->seed ^ (PEOPLE_SALT + kind), o->number, o->revision, person);
}

static void
empty_list(struct json_writer *w, const char *key)
{
    json_begin_array(w, key);
    json_end_array(w);
}

struct str
zendesk_email(struct world *world, struct collection *c, uint32_t index, struct arena *a)
{
    struct person p;
    uint64_t random;
    const struct object *o = world_object(c, index);
    bool made = make(world, o, 0, a, &p, &random);
    return given(written_of(o, a), "email", made && random % 10 < 9 ? p.email : STR_NONE);
}

void
zendesk_write_user(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w)
{
    struct person p;
    uint64_t random;
    const struct object *o = world_object(c, index);
    yyjson_val *written = written_of(o, a);
    bool made = make(world, o, 0, a, &p, &random);
    begin(world, c, o, "users", a, w);
    json_add_str(w, "name", given(written, "name", p.name));
    json_add_str(w, "email", zendesk_email(world, c, index, a));
    json_add_str(w, "phone", given(written, "phone", made && random % 3 ? p.phone : STR_NONE));
    json_add_str(w, "external_id", given(written, "external_id", STR_NONE));
    json_add_c(w, "role", made && o->number < 3 ? o->number == 0 ? "admin" : "agent" : "end-user");
    json_add_c(w, "time_zone", "Brasilia");
    json_add_c(w, "iana_time_zone", "America/Sao_Paulo");
    json_add_c(w, "locale", "pt-BR");
    add_id(w, "organization_id", made && random % 2 ? other_id(world, zendesk_of(world).organizations, random >> 20) : 0);
    json_add_bool(w, "active", !o->deleted);
    json_add_bool(w, "verified", true);
    json_add_bool(w, "suspended", false);
    empty_list(w, "tags");
    json_begin_object(w, "user_fields");
    json_end_object(w);
    json_end_object(w);
}

void
zendesk_write_organization(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w)
{
    struct person p;
    uint64_t random;
    const struct object *o = world_object(c, index);
    yyjson_val *written = written_of(o, a);
    bool made = make(world, o, 1, a, &p, &random);
    begin(world, c, o, "organizations", a, w);
    struct str name = made ? str_format(a, "%.*s %u", STR_ARG(p.company), (unsigned)o->number + 1) : STR_NONE;
    json_add_str(w, "name", given(written, "name", name));
    json_begin_array(w, "domain_names");
    if (made)
        json_add_str(w, NULL, str_format(a, "org%u.example.com", (unsigned)o->number + 1));
    json_end_array(w);
    json_add_str(w, "details", given(written, "details", STR_NONE));
    json_add_str(w, "notes", given(written, "notes", STR_NONE));
    json_add_str(w, "external_id", given(written, "external_id", STR_NONE));
    json_add_bool(w, "shared_tickets", false);
    json_add_bool(w, "shared_comments", false);
    json_add_null(w, "group_id");
    empty_list(w, "tags");
    json_begin_object(w, "organization_fields");
    json_end_object(w);
    add_seconds(w, a, "deleted_at", o->deleted ? o->updated_us : 0);
    json_end_object(w);
}

void
zendesk_write_ticket(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w)
{
    static const char *const statuses[] = {"new", "open", "pending", "hold", "solved", "closed"};
    static const char *const priorities[] = {"low", "normal", "high", "urgent"};
    static const char *const types[] = {"question", "incident", "problem", "task"};
    struct person p;
    uint64_t random;
    const struct object *o = world_object(c, index);
    yyjson_val *written = written_of(o, a);
    (void)make(world, o, 2, a, &p, &random);
    struct str status = str_from_c(statuses[((random >> 8) + o->revision) % ARRAY_LEN(statuses)]);
    begin(world, c, o, "tickets", a, w);
    json_add_str(w, "subject", given(written, "subject", str_format(a, "%.*s: #%lld", STR_ARG(p.company), (long long)o->id)));
    json_add_str(w, "description", given(written, "description", people_sentence(random >> 16, true)));
    json_add_str(w, "status", o->deleted ? STR("deleted") : given(written, "status", status));
    json_add_str(w, "priority", random % 4 ? str_from_c(priorities[(random >> 24) % ARRAY_LEN(priorities)]) : STR_NONE);
    json_add_str(w, "type", random % 3 ? str_from_c(types[(random >> 28) % ARRAY_LEN(types)]) : STR_NONE);
    add_id(w, "requester_id", other_id(world, zendesk_of(world).users, random >> 20));
    add_id(w, "submitter_id", other_id(world, zendesk_of(world).users, random >> 20));
    add_id(w, "assignee_id", random % 5 ? other_id(world, zendesk_of(world).users, 1 + (random >> 32) % 2) : 0);
    add_id(w, "organization_id", random % 2 ? other_id(world, zendesk_of(world).organizations, random >> 36) : 0);
    empty_list(w, "tags");
    empty_list(w, "custom_fields");
    json_add_bool(w, "is_public", true);
    json_add_i64(w, "generated_timestamp", o->updated_us / US_PER_S);
    json_end_object(w);
}

void
zendesk_write_comment(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w)
{
    const struct object *o = world_object(c, index);
    struct zendesk zd = zendesk_of(world);
    uint64_t random = people_mix(world->seed ^ 401, (uint64_t)o->id);
    struct str text = people_sentence(random, random % 2);
    json_begin_object(w, NULL);
    json_add_i64(w, "id", o->id);
    json_add_c(w, "type", "Comment");
    add_id(w, "author_id", other_id(world, zd.users, random >> 8));
    json_add_str(w, "body", text);
    json_add_str(w, "plain_body", text);
    json_add_bool(w, "public", random % 7 != 0);
    empty_list(w, "attachments");
    add_seconds(w, a, "created_at", o->created_us);
    json_end_object(w);
}
