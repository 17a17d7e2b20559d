/*
 * HighLevel's contacts: the search that pages by the sort values of the last item, and writing.
 *
 * A location does not allow duplicates: a second contact with the same e-mail or phone is refused with the first one's id,
 * as the vendor does by default. Source: contacts.json, and the developer page of the search for its body.
 */
#include "base/limits.h"
#include "sandbox/highlevel_priv.h"

#define PAGE_MAX 500
#define PAGE_DEFAULT 20
#define PEOPLE_SALT 0x484c /* not the people of another vendor */

struct fields {
    struct str first, last, name, email, phone, company, city, country, state, postal, source, timezone, address;
    yyjson_val *tags, *custom;
};

static void
take(yyjson_val *written, const char *key, struct str *field)
{
    yyjson_val *value = json_get_c(written, key);
    if (value != NULL)
        *field = json_str(value);
}

static struct fields
read_fields(struct world *world, uint32_t index, struct arena *a)
{
    struct err err = {0};
    struct person person = {0};
    const struct object *o = world_object(highlevel_of(world).contacts, index);
    struct fields f = {.source = STR("api")};
    if (o->number != OBJECT_NONE && person_make(a, world->seed ^ PEOPLE_SALT, o->number, o->revision, &person)) {
        uint64_t random = people_mix(world->seed ^ 29, o->number);
        f = (struct fields){.first = person.first, .last = person.last, .name = person.name, .company = person.company,
                            .city = person.city, .country = person.country_code, .source = STR("public api"),
                            .timezone = str_eq_c(person.country_code, "BR") ? STR("America/Sao_Paulo") : STR_NONE};
        f.email = random % 10 < 8 ? person.email : STR_NONE;
        f.phone = random % 10 > 1 ? person.phone : STR_NONE;
    }
    if (o->written == NULL)
        return f;
    yyjson_val *written = json_parse(a, (struct str){o->written, o->written_bytes}, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_API, &err);
    take(written, "firstName", &f.first), take(written, "lastName", &f.last), take(written, "name", &f.name);
    take(written, "email", &f.email), take(written, "phone", &f.phone), take(written, "companyName", &f.company);
    take(written, "city", &f.city), take(written, "country", &f.country), take(written, "state", &f.state);
    take(written, "postalCode", &f.postal), take(written, "source", &f.source), take(written, "timezone", &f.timezone);
    take(written, "address1", &f.address);
    f.tags = json_get_c(written, "tags"), f.custom = json_get_c(written, "customFields");
    if (json_get_c(written, "name") == NULL && (f.first.len || f.last.len))
        f.name = str_trim(str_format(a, "%.*s %.*s", STR_ARG(f.first), STR_ARG(f.last)));
    return f;
}

/* Left out where the vendor leaves it out. */
static void
add_given(struct json_writer *w, const char *key, struct str value)
{
    if (value.len)
        json_add_str(w, key, value);
}

static void
write_members(struct world *world, uint32_t index, struct arena *a, struct json_writer *w)
{
    struct collection *c = highlevel_of(world).contacts;
    const struct object *o = world_object(c, index);
    struct fields f = read_fields(world, index, a);
    highlevel_add_id(w, "id", world, c, o->id);
    json_add_str(w, "locationId", highlevel_location_of(world));
    add_given(w, "firstName", f.first), add_given(w, "lastName", f.last);
    add_given(w, "email", f.email), add_given(w, "phone", f.phone), add_given(w, "companyName", f.company);
    add_given(w, "address1", f.address), add_given(w, "city", f.city), add_given(w, "state", f.state);
    add_given(w, "country", f.country), add_given(w, "postalCode", f.postal), add_given(w, "timezone", f.timezone);
    add_given(w, "source", f.source);
    json_add_bool(w, "dnd", false);
    json_add_c(w, "type", "lead");
    if (yyjson_is_arr(f.tags)) {
        json_add_val(w, "tags", f.tags);
    } else {
        json_begin_array(w, "tags");
        json_end_array(w);
    }
    if (yyjson_is_arr(f.custom)) {
        json_add_val(w, "customFields", f.custom);
    } else {
        json_begin_array(w, "customFields");
        json_end_array(w);
    }
    json_add_time(w, "dateAdded", o->created_us);
    json_add_time(w, "dateUpdated", o->updated_us);
}

void
highlevel_write_contact(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w)
{
    (void)c;
    char text[HL_ID_BYTES];
    const struct object *o = world_object(highlevel_of(world).contacts, index);
    struct fields f = read_fields(world, index, a);
    json_begin_object(w, NULL);
    write_members(world, index, a, w);
    add_given(w, "contactName", f.name);
    json_begin_array(w, "searchAfter");
    json_add_i64(w, NULL, o->updated_us / US_PER_MS);
    json_add_c(w, NULL, highlevel_id(world, highlevel_of(world).contacts, o->id, text));
    json_end_array(w);
    json_end_object(w);
}

/* ---- search */

struct search {
    bool by_added;
    struct str query;
};

static bool
found(const struct fields *f, struct str query, struct arena *a)
{
    struct str all = str_format(a, "%.*s %.*s %.*s", STR_ARG(f->name), STR_ARG(f->email), STR_ARG(f->phone));
    return query.len == 0 || str_find_str(str_lower(a, all), str_lower(a, query)) >= 0;
}

static bool
search_key(struct world *world, struct collection *c, uint32_t index, struct arena *scratch, const void *ctx, struct view_key *key_out)
{
    const struct search *s = ctx;
    const struct object *o = world_object(c, index);
    if (s->query.len) {
        struct fields f = read_fields(world, index, scratch);
        if (!found(&f, s->query, scratch))
            return false;
    }
    *key_out = (struct view_key){.text = STR(""), .number = (s->by_added ? o->created_us : o->updated_us) / US_PER_MS};
    return true;
}

static struct search
read_search(yyjson_val *body, bool *descending_out)
{
    yyjson_val *sort = yyjson_arr_get_first(json_get_c(body, "sort"));
    *descending_out = !str_eq_c(json_str(json_get_c(sort, "direction")), "asc");
    return (struct search){.by_added = !str_eq_c(json_str(json_get_c(sort, "field")), "dateUpdated"),
                           .query = json_str_or(json_get_c(body, "query"), STR(""))};
}

/* Where the page begins: behind [sort value, id]. */
static size_t
start_of(struct sandbox_request *r, const struct view *view, yyjson_val *after, const struct search *s, bool descending)
{
    int64_t ms;
    struct collection *c = highlevel_of(r->world).contacts;
    uint32_t last = highlevel_find(r->world, c, json_str(yyjson_arr_get(after, 1)));
    if (r->loop || !json_to_i64(yyjson_arr_get_first(after), &ms))
        return 0;
    int64_t id = last == OBJECT_NONE ? 0 : world_object(c, last)->id;
    for (size_t i = 0; i < view->count; i++) {
        const struct object *o = world_object(c, view->items[i]);
        int64_t own = (s->by_added ? o->created_us : o->updated_us) / US_PER_MS;
        bool behind = descending ? own < ms || (own == ms && o->id < id) : own > ms || (own == ms && o->id > id);
        if (behind)
            return i;
    }
    return view->count;
}

static void
search(struct sandbox_request *r, struct sandbox_reply *reply)
{
    bool descending;
    int64_t size = PAGE_DEFAULT, page = 1;
    yyjson_val *body = highlevel_body(r, reply);
    if (body == NULL)
        return;
    struct world *world = highlevel_location(r, json_str(json_get_c(body, "locationId")));
    if (world == NULL)
        return highlevel_error(reply, 422, "locationId must be a string");
    if (json_get_c(body, "pageLimit") != NULL && (!json_to_i64(json_get_c(body, "pageLimit"), &size) || size < 1 || size > PAGE_MAX))
        return highlevel_error(reply, 422, "pageLimit must not be greater than 500");
    struct search s = read_search(body, &descending);
    struct collection *c = highlevel_of(world).contacts;
    struct str name = str_format(r->arena, "%s %s %.*s", s.by_added ? "added" : "updated", descending ? "desc" : "asc", STR_ARG(s.query));
    const struct view *view = world_view(world, c, name.len < VIEW_NAME_BYTES ? name : STR(""), search_key, &s, descending);
    if (view == NULL)
        return highlevel_error(reply, 500, "Internal server error");
    size_t start = start_of(r, view, json_get_c(body, "searchAfter"), &s, descending);
    if (json_to_i64(json_get_c(body, "page"), &page) && page > 1)
        start = (size_t)(page - 1) * (size_t)size;
    struct json_writer w;
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_begin_array(&w, "contacts");
    for (size_t i = start; i < view->count && i < start + (size_t)size; i++) {
        char text[HL_ID_BYTES];
        highlevel_write_contact(world, c, view->items[i], r->arena, &w);
        reply_served_text(reply, "contacts", str_from_c(highlevel_id(world, c, world_object(c, view->items[i])->id, text)));
    }
    json_end_array(&w);
    json_add_i64(&w, "total", (int64_t)view->count);
    json_end_object(&w);
}

/* ---- one */

static void
show(struct sandbox_request *r, struct sandbox_reply *reply, int status, uint32_t index, const char *flag, bool value)
{
    char text[HL_ID_BYTES];
    struct json_writer w;
    struct collection *c = highlevel_of(r->world).contacts;
    reply_json(reply, status);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    if (flag != NULL)
        json_add_bool(&w, flag, value);
    json_begin_object(&w, "contact");
    write_members(r->world, index, r->arena, &w);
    json_end_object(&w);
    json_end_object(&w);
    reply_served_text(reply, "contacts", str_from_c(highlevel_id(r->world, c, world_object(c, index)->id, text)));
}

/* ---- writing */

enum { UNIQUE_EMAIL, UNIQUE_PHONE };

static struct str
email_of(struct world *world, struct collection *c, uint32_t index, struct arena *a)
{
    (void)c;
    return read_fields(world, index, a).email;
}

static struct str
phone_of(struct world *world, struct collection *c, uint32_t index, struct arena *a)
{
    (void)c;
    return read_fields(world, index, a).phone;
}

/* Another contact with the same e-mail or phone; OBJECT_NONE. */
static uint32_t
twin_of(struct world *world, yyjson_val *body, const char **field_out)
{
    struct collection *c = highlevel_of(world).contacts;
    struct str email = json_str(json_get_c(body, "email")), phone = json_str(json_get_c(body, "phone"));
    uint32_t twin = email.len ? world_find_unique(world, c, UNIQUE_EMAIL, email_of, email) : OBJECT_NONE;
    *field_out = "email";
    if (twin != OBJECT_NONE || phone.len == 0)
        return twin;
    *field_out = "phone";
    return world_find_unique(world, c, UNIQUE_PHONE, phone_of, phone);
}

static void
refuse_twin(struct sandbox_request *r, struct sandbox_reply *reply, uint32_t twin, const char *field)
{
    struct json_writer w;
    struct collection *c = highlevel_of(r->world).contacts;
    reply_json(reply, 400);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_add_i64(&w, "statusCode", 400);
    json_add_c(&w, "message", "This location does not allow duplicated contacts.");
    json_begin_object(&w, "meta");
    json_add_c(&w, "matchingField", field);
    highlevel_add_id(&w, "contactId", r->world, c, world_object(c, twin)->id);
    json_end_object(&w);
    json_end_object(&w);
}

/* What was written before with the body's members laid over it. */
static struct str
merged(struct sandbox_request *r, const struct object *o, yyjson_val *body)
{
    struct err err = {0};
    struct str old = o != NULL && o->written != NULL ? (struct str){o->written, o->written_bytes} : STR("{}");
    yyjson_mut_doc *doc = json_mut_doc(r->arena);
    yyjson_mut_val *root = doc ? yyjson_val_mut_copy(doc, json_parse(r->arena, old, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_API, &err)) : NULL;
    size_t index, max;
    yyjson_val *key, *item;
    if (root == NULL)
        return STR_NONE;
    yyjson_obj_foreach(body, index, max, key, item)
        yyjson_mut_obj_put(root, yyjson_val_mut_copy(doc, key), yyjson_val_mut_copy(doc, item));
    yyjson_val *frozen = json_freeze(r->arena, root);
    return frozen ? json_to_text(r->arena, frozen) : STR_NONE;
}

static void
change(struct sandbox_request *r, struct sandbox_reply *reply, uint32_t index, yyjson_val *body, const char *flag, bool value)
{
    struct collection *c = highlevel_of(r->world).contacts;
    struct str text = merged(r, world_object(c, index), body);
    if (str_is_none(text) || !world_write(r->world, c, index, text))
        return highlevel_error(reply, 500, "Internal server error");
    show(r, reply, 200, index, flag, value);
}

static void
create(struct sandbox_request *r, struct sandbox_reply *reply, bool upsert)
{
    const char *field;
    yyjson_val *body = highlevel_body(r, reply);
    if (body == NULL)
        return;
    struct world *world = highlevel_location(r, json_str(json_get_c(body, "locationId")));
    if (world == NULL)
        return highlevel_error(reply, 422, "locationId must be a string");
    uint32_t twin = twin_of(world, body, &field);
    if (twin != OBJECT_NONE && upsert)
        return change(r, reply, twin, body, "new", false);
    if (twin != OBJECT_NONE)
        return refuse_twin(r, reply, twin, field);
    struct str text = merged(r, NULL, body);
    int64_t now_us = clock_wall_us(world->clock);
    uint32_t index = str_is_none(text) ? OBJECT_NONE
        : world_add_written(world, highlevel_of(world).contacts, now_us - now_us % US_PER_MS, OBJECT_NONE, text);
    if (index == OBJECT_NONE)
        return highlevel_error(reply, 500, "Internal server error");
    show(r, reply, upsert ? 200 : 201, index, upsert ? "new" : NULL, true);
}

static void
update(struct sandbox_request *r, struct sandbox_reply *reply, uint32_t index)
{
    const char *field;
    yyjson_val *body = highlevel_body(r, reply);
    if (body == NULL)
        return;
    uint32_t twin = twin_of(r->world, body, &field);
    if (twin != OBJECT_NONE && twin != index)
        return refuse_twin(r, reply, twin, field);
    change(r, reply, index, body, "succeded", true);
}

/* A contact is looked for in every location that was used: its id names it alone. */
static uint32_t
find_contact(struct sandbox_request *r, struct str id)
{
    int64_t accounts[64];
    int64_t count = core_accounts(r->core, r->vendor, accounts, ARRAY_LEN(accounts));
    for (int64_t i = 0; i < count; i++) {
        struct world *world = request_world(r, accounts[i]);
        uint32_t index = world ? highlevel_find(world, highlevel_of(world).contacts, id) : OBJECT_NONE;
        if (index != OBJECT_NONE)
            return index;
    }
    return OBJECT_NONE;
}

static void
one(struct sandbox_request *r, struct sandbox_reply *reply)
{
    (void)highlevel_location(r, STR(HL_LOCATION_DEFAULT));
    uint32_t index = find_contact(r, r->segments[1]);
    if (index == OBJECT_NONE)
        return highlevel_error(reply, 400, "Contact not found");
    if (request_is(r, "GET"))
        return show(r, reply, 200, index, NULL, false);
    if (request_is(r, "PUT"))
        return update(r, reply, index);
    if (!request_is(r, "DELETE"))
        return highlevel_error(reply, 404, "Not Found");
    world_remove(r->world, highlevel_of(r->world).contacts, index);
    reply_json(reply, 200);
    buf_add_c(&reply->body, "{\"succeded\":true}");
}

void
highlevel_contacts(struct sandbox_request *r, struct sandbox_reply *reply)
{
    if (r->segment_count == 1 && request_is(r, "POST"))
        create(r, reply, false);
    else if (r->segment_count == 2 && str_eq_c(r->segments[1], "search") && request_is(r, "POST"))
        search(r, reply);
    else if (r->segment_count == 2 && str_eq_c(r->segments[1], "upsert") && request_is(r, "POST"))
        create(r, reply, true);
    else if (r->segment_count == 2)
        one(r, reply);
    else
        highlevel_error(reply, 404, "Not Found");
}
