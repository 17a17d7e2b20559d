/*
 * HubSpot's objects: lists, one by its id, writing one or a batch, merging.
 *
 * A contact's e-mail is unique among the living: a second one is refused with the first one's id. Archiving keeps the object
 * for lists with archived=true. After a merge the id that lost leads to the one that won. Source: contacts and tickets, 2026-09;
 * the vendor's pages on limits (100 a batch) and errors.
 */
#include <string.h>

#include "base/limits.h"
#include "sandbox/hubspot_priv.h"

#define LIST_DEFAULT 10
#define LIST_MAX 100
#define BATCH_MAX 100
#define WANTED_MAX 64

/* ---- which properties */

static size_t
read_wanted(const struct sandbox_request *r, struct str *wanted, size_t size)
{
    size_t count = 0;
    wanted[count++] = STR("");
    for (size_t i = 0; i < r->pair_count && count < size; i++)
        if (str_eq_c(r->pairs[i].name, "properties"))
            wanted[count++] = r->pairs[i].value;
    return count;
}

static bool
wants_archived(const struct sandbox_request *r)
{
    return str_eq_c(request_param(r, "archived"), "true");
}

/* What a merge left behind: the winner's id stands where a living object has its activity. */
static int64_t
winner_of(const struct object *o)
{
    return o->deleted ? o->activity_us : 0;
}

/* ---- lists */

static void
write_next(struct sandbox_request *r, struct json_writer *w, int64_t after)
{
    json_begin_object(w, "paging");
    json_begin_object(w, "next");
    json_add_str(w, "after", str_format(r->arena, "%lld", (long long)after));
    json_add_str(w, "link", str_format(r->arena, "https://api.hubapi.com%.*s?after=%lld", STR_ARG(r->path), (long long)after));
    json_end_object(w);
    json_end_object(w);
}

static void
list(struct sandbox_request *r, struct sandbox_reply *reply, struct collection *c, bool owners)
{
    struct json_writer w;
    struct str wanted[WANTED_MAX];
    size_t wanted_count = read_wanted(r, wanted, ARRAY_LEN(wanted));
    int64_t limit = request_number(r, "limit", 0, owners ? 500 : LIST_MAX, -1);
    int64_t after = r->loop ? 0 : request_number(r, "after", 0, INT64_MAX, 0);
    int64_t served = 0, last = 0;
    bool archived = wants_archived(r), more = false;
    if (request_param(r, "limit").len == 0)
        limit = owners ? 100 : LIST_DEFAULT;
    if (limit < 0)
        return hubspot_error(r, reply, 400, "VALIDATION_ERROR", STR("Limit must be at most 100"));
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_begin_array(&w, "results");
    for (uint32_t i = 0; i < c->count && !more; i++) {
        const struct object *o = world_object(c, i);
        if (o->id <= after || o->deleted != archived || winner_of(o))
            continue;
        more = served == limit;
        if (more)
            break;
        if (owners)
            hubspot_write_owner(r->world, c, i, r->arena, &w);
        else
            hubspot_write(r->world, c, i, r->arena, wanted, wanted_count, &w);
        reply_served(reply, c->name, o->id);
        last = o->id;
        served++;
    }
    json_end_array(&w);
    if (more && served > 0)
        write_next(r, &w, last);
    json_end_object(&w);
}

/* ---- finding one */

static uint32_t
find_any(struct collection *c, int64_t id, bool archived)
{
    for (int hops = 0; hops < 100; hops++) {
        uint32_t live = world_find(c, id);
        if (live != OBJECT_NONE)
            return archived ? OBJECT_NONE : live;
        uint32_t i = 0;
        while (i < c->count && world_object(c, i)->id != id)
            i++;
        if (i == c->count)
            return OBJECT_NONE;
        if (!winner_of(world_object(c, i)))
            return archived ? i : OBJECT_NONE;
        id = winner_of(world_object(c, i));
    }
    return OBJECT_NONE;
}

enum { UNIQUE_EMAIL };

static struct str
email_of(struct world *world, struct collection *c, uint32_t index, struct arena *a)
{
    struct hs_properties list;
    hubspot_read(world, c, index, a, &list);
    return hubspot_value(&list, STR("email"));
}

static uint32_t
find_by(struct sandbox_request *r, struct collection *c, struct str id, struct str property, bool archived)
{
    int64_t number;
    if (str_eq_c(property, "email"))
        return id.len ? world_find_unique(r->world, c, UNIQUE_EMAIL, email_of, id) : OBJECT_NONE;
    return str_to_i64(id, 1, INT64_MAX, &number) ? find_any(c, number, archived) : OBJECT_NONE;
}

static void
not_found(struct sandbox_request *r, struct sandbox_reply *reply)
{
    hubspot_error(r, reply, 404, "OBJECT_NOT_FOUND", STR("resource not found"));
}

static void
show(struct sandbox_request *r, struct sandbox_reply *reply, int status, struct collection *c, uint32_t index)
{
    struct json_writer w;
    struct str wanted[WANTED_MAX];
    size_t wanted_count = read_wanted(r, wanted, ARRAY_LEN(wanted));
    reply_json(reply, status);
    json_writer_init(&w, &reply->body);
    hubspot_write(r->world, c, index, r->arena, status == 200 && request_is(r, "GET") ? wanted : NULL, wanted_count, &w);
    reply_served(reply, c->name, world_object(c, index)->id);
}

/* ---- writing */

static struct str
merged_text(struct sandbox_request *r, const struct object *o, yyjson_val *properties)
{
    struct err err = {0};
    size_t index, max;
    yyjson_val *key, *item;
    struct str old = o != NULL && o->written != NULL ? (struct str){o->written, o->written_bytes} : STR("{}");
    yyjson_mut_doc *doc = json_mut_doc(r->arena);
    yyjson_mut_val *root = doc ? yyjson_val_mut_copy(doc, json_parse(r->arena, old, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_API, &err)) : NULL;
    if (root == NULL)
        return STR_NONE;
    yyjson_obj_foreach(properties, index, max, key, item) {
        yyjson_mut_obj_put(root, yyjson_val_mut_copy(doc, key), yyjson_val_mut_copy(doc, item));
    }
    yyjson_val *frozen = json_freeze(r->arena, root);
    return frozen ? json_to_text(r->arena, frozen) : STR_NONE;
}

static bool
email_is_good(struct str email)
{
    ptrdiff_t at = str_find(email, '@');
    return email.len == 0 || (at > 0 && str_find(str_skip(email, (size_t)at), '.') > 1 && str_find(email, ' ') < 0);
}

/* Why these properties cannot be written, or STR_NONE. */
static struct str
objection(struct sandbox_request *r, struct collection *c, uint32_t self, yyjson_val *properties, int *status_out)
{
    struct str email = json_str(json_get_c(properties, "email"));
    bool contact = c == hubspot_of(r->world).contacts;
    *status_out = 400;
    if (!yyjson_is_obj(properties))
        return STR("Invalid input JSON: properties is missing");
    if (contact && !email_is_good(email))
        return str_format(r->arena, "Property values were not valid: [{\"isValid\":false,\"message\":\"Email address %.*s is invalid\","
                          "\"error\":\"INVALID_EMAIL\",\"name\":\"email\"}]", STR_ARG(email));
    uint32_t twin = contact && email.len ? find_by(r, c, email, STR("email"), false) : OBJECT_NONE;
    if (twin == OBJECT_NONE || twin == self)
        return STR_NONE;
    *status_out = 409;
    return str_format(r->arena, "Contact already exists. Existing ID: %lld", (long long)world_object(c, twin)->id);
}

/* OBJECT_NONE: refused, words_out and status_out say why. */
static uint32_t
write_one(struct sandbox_request *r, struct collection *c, uint32_t self, yyjson_val *properties, int *status_out, struct str *words_out)
{
    *words_out = objection(r, c, self, properties, status_out);
    if (!str_is_none(*words_out))
        return OBJECT_NONE;
    struct str text = merged_text(r, self == OBJECT_NONE ? NULL : world_object(c, self), properties);
    *status_out = 500, *words_out = STR("internal error");
    if (str_is_none(text))
        return OBJECT_NONE;
    if (self != OBJECT_NONE)
        return world_write(r->world, c, self, text) ? self : OBJECT_NONE;
    int64_t now_us = clock_wall_us(r->world->clock);
    return world_add_written(r->world, c, now_us - now_us % US_PER_MS, OBJECT_NONE, text);
}

static const char *
category_of(int status)
{
    return status == 409 ? "CONFLICT" : status == 500 ? "INTERNAL_ERROR" : "VALIDATION_ERROR";
}

static void
write_and_show(struct sandbox_request *r, struct sandbox_reply *reply, struct collection *c, uint32_t self)
{
    int status;
    struct str words;
    yyjson_val *body = hubspot_body(r, reply);
    if (body == NULL)
        return;
    uint32_t index = write_one(r, c, self, json_get_c(body, "properties"), &status, &words);
    if (index == OBJECT_NONE)
        return hubspot_error(r, reply, status, category_of(status), words);
    show(r, reply, self == OBJECT_NONE ? 201 : 200, c, index);
}

static void
one(struct sandbox_request *r, struct sandbox_reply *reply, struct collection *c, struct str id)
{
    uint32_t index = find_by(r, c, id, request_param(r, "idProperty"), request_is(r, "GET") && wants_archived(r));
    if (request_is(r, "DELETE")) { /* gone already is as good */
        if (index != OBJECT_NONE)
            world_remove(r->world, c, index);
        return reply_text(reply, 204, NULL, STR(""));
    }
    if (index == OBJECT_NONE)
        return not_found(r, reply);
    if (request_is(r, "GET"))
        return show(r, reply, 200, c, index);
    if (request_is(r, "PATCH"))
        return write_and_show(r, reply, c, index);
    hubspot_error(r, reply, 405, "METHOD_NOT_ALLOWED", STR("Method not allowed"));
}

/* ---- merging */

/* "1234:1700000000000;..." of those merged into it, as the vendor's calculated property has it. */
static void
note_merge(struct sandbox_request *r, struct collection *c, uint32_t winner, int64_t loser_id)
{
    struct hs_properties list;
    hubspot_read(r->world, c, winner, r->arena, &list);
    struct str ids = hubspot_value(&list, STR("hs_merged_object_ids"));
    struct str vids = hubspot_value(&list, STR("hs_calculated_merged_vids"));
    long long id = loser_id, now_ms = clock_wall_us(r->world->clock) / US_PER_MS;
    struct buf b;
    struct json_writer w;
    struct err err = {0};
    buf_init(&b, REPLY_BYTES_MAX);
    json_writer_init(&w, &b);
    json_begin_object(&w, NULL);
    json_add_str(&w, "hs_merged_object_ids", str_format(r->arena, "%.*s%s%lld", STR_ARG(ids), ids.len ? ";" : "", id));
    if (c == hubspot_of(r->world).contacts)
        json_add_str(&w, "hs_calculated_merged_vids",
                     str_format(r->arena, "%.*s%s%lld:%lld", STR_ARG(vids), vids.len ? ";" : "", id, now_ms));
    json_end_object(&w);
    yyjson_val *properties = json_parse(r->arena, str_copy(r->arena, buf_str(&b)), JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_API, &err);
    struct str text = merged_text(r, world_object(c, winner), properties);
    if (!str_is_none(text))
        (void)!world_write(r->world, c, winner, text);
    buf_release(&b);
}

static void
merge(struct sandbox_request *r, struct sandbox_reply *reply, struct collection *c)
{
    yyjson_val *body = hubspot_body(r, reply);
    if (body == NULL)
        return;
    uint32_t winner = find_by(r, c, json_str(json_get_c(body, "primaryObjectId")), STR_NONE, false);
    uint32_t loser = find_by(r, c, json_str(json_get_c(body, "objectIdToMerge")), STR_NONE, false);
    if (winner == OBJECT_NONE || loser == OBJECT_NONE || winner == loser)
        return hubspot_error(r, reply, 400, "VALIDATION_ERROR", STR("The objects to merge must be two that exist"));
    note_merge(r, c, winner, world_object(c, loser)->id);
    world_remove(r->world, c, loser);
    world_object(c, loser)->activity_us = world_object(c, winner)->id;
    show(r, reply, 200, c, winner);
}

/* ---- batches */

struct batch {
    struct sandbox_request *r;
    struct collection *c;
    struct json_writer *w;
    struct buf errors, missing;    /* missing: ids that a read did not find, as JSON texts */
    struct json_writer errors_writer;
    int64_t error_count;
    bool created;
};

static void
batch_error(struct batch *b, int status, struct str words, struct str trace)
{
    struct json_writer *w = &b->errors_writer;
    json_begin_object(w, NULL);
    json_add_c(w, "status", "error");
    json_add_c(w, "category", status == 404 ? "OBJECT_NOT_FOUND" : category_of(status));
    json_add_str(w, "message", words);
    json_begin_array(w, "errors");
    json_end_array(w);
    json_begin_object(w, "context");
    if (trace.len) {
        json_begin_array(w, "objectWriteTraceId");
        json_add_str(w, NULL, trace);
        json_end_array(w);
    }
    json_end_object(w);
    json_begin_object(w, "links");
    json_end_object(w);
    json_end_object(w);
    b->error_count++;
}

/* All that a read did not find stand in one error, by the ids they were asked for with. */
static void
batch_missing(struct batch *b)
{
    struct json_writer *w = &b->errors_writer;
    if (b->missing.len == 0)
        return;
    json_begin_object(w, NULL);
    json_add_c(w, "status", "error");
    json_add_c(w, "category", "OBJECT_NOT_FOUND");
    json_add_c(w, "message", "Could not get some objects, they may be deleted or not exist. Check that ids are valid.");
    json_begin_object(w, "context");
    json_begin_array(w, "ids");
    buf_add(&b->errors, buf_str(&b->missing));
    json_end_array(w);
    json_end_object(w);
    json_end_object(w);
    b->error_count++;
}

static void
batch_result(struct batch *b, uint32_t index, bool upsert, bool fresh, struct str trace)
{
    struct buf *body = b->w->buf;
    hubspot_write_all(b->r->world, b->c, index, b->r->arena, b->w);
    if (!upsert && !trace.len)
        return;
    buf_truncate(body, body->len - 1); /* its closing brace */
    b->w->comma = true;
    if (upsert)
        json_add_bool(b->w, "new", fresh);
    if (trace.len)
        json_add_str(b->w, "objectWriteTraceId", trace);
    json_end_object(b->w);
}

static void
batch_write(struct batch *b, yyjson_val *input, bool create, bool upsert)
{
    int status = 404;
    struct str words = STR("Could not get some objects, they may be deleted or not exist");
    struct str trace = json_str(json_get_c(input, "objectWriteTraceId")), property = json_str(json_get_c(input, "idProperty"));
    uint32_t self = create ? OBJECT_NONE : find_by(b->r, b->c, json_str(json_get_c(input, "id")), property, false);
    uint32_t index = OBJECT_NONE;
    if (create || upsert || self != OBJECT_NONE)
        index = write_one(b->r, b->c, self, json_get_c(input, "properties"), &status, &words);
    b->created = b->created || (index != OBJECT_NONE && self == OBJECT_NONE);
    if (index == OBJECT_NONE)
        batch_error(b, status, words, trace);
    else
        batch_result(b, index, upsert, self == OBJECT_NONE, trace);
}

static void
batch_read(struct batch *b, yyjson_val *body, yyjson_val *input)
{
    size_t at, max;
    yyjson_val *item;
    struct str wanted[WANTED_MAX];
    size_t count = 0;
    wanted[count++] = STR("");
    yyjson_arr_foreach(json_get_c(body, "properties"), at, max, item) {
        if (count < WANTED_MAX)
            wanted[count++] = json_str(item);
    }
    uint32_t index = find_by(b->r, b->c, json_str(json_get_c(input, "id")), json_str(json_get_c(body, "idProperty")), false);
    if (index == OBJECT_NONE) {
        buf_add_c(&b->missing, b->missing.len > 0 ? "," : "");
        buf_add_json_str(&b->missing, json_str(json_get_c(input, "id")));
    } else
        hubspot_write(b->r->world, b->c, index, b->r->arena, wanted, count, b->w);
}

static void
batch_one(struct batch *b, struct str verb, yyjson_val *body, yyjson_val *input)
{
    if (str_eq_c(verb, "read"))
        return batch_read(b, body, input);
    batch_write(b, input, str_eq_c(verb, "create"), str_eq_c(verb, "upsert"));
}

static void
archive_all(struct sandbox_request *r, struct sandbox_reply *reply, struct collection *c, yyjson_val *inputs)
{
    size_t at, max;
    yyjson_val *input;
    yyjson_arr_foreach(inputs, at, max, input) {
        uint32_t index = find_by(r, c, json_str(json_get_c(input, "id")), STR_NONE, false);
        if (index != OBJECT_NONE)
            world_remove(r->world, c, index);
    }
    reply_text(reply, 204, NULL, STR(""));
}

static void
batch(struct sandbox_request *r, struct sandbox_reply *reply, struct collection *c, struct str verb)
{
    size_t at, max;
    struct json_writer w;
    yyjson_val *body = hubspot_body(r, reply), *inputs = json_get_c(body, "inputs"), *input;
    struct batch b = {.r = r, .c = c, .w = &w};
    if (body == NULL)
        return;
    if (!yyjson_is_arr(inputs) || yyjson_arr_size(inputs) > BATCH_MAX)
        return hubspot_error(r, reply, 400, "VALIDATION_ERROR", STR("inputs must be a list of at most 100"));
    if (str_eq_c(verb, "archive"))
        return archive_all(r, reply, c, inputs);
    buf_init(&b.errors, REPLY_BYTES_MAX);
    buf_init(&b.missing, REPLY_BYTES_MAX);
    json_writer_init(&b.errors_writer, &b.errors);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_add_c(&w, "status", "COMPLETE");
    json_begin_array(&w, "results");
    yyjson_arr_foreach(inputs, at, max, input) {
        batch_one(&b, verb, body, input);
    }
    json_end_array(&w);
    batch_missing(&b);
    if (b.error_count > 0) {
        json_add_i64(&w, "numErrors", b.error_count);
        json_begin_array(&w, "errors");
        buf_add(&reply->body, buf_str(&b.errors));
        json_end_array(&w);
    }
    json_add_time(&w, "startedAt", clock_wall_us(r->world->clock));
    json_add_time(&w, "completedAt", clock_wall_us(r->world->clock));
    json_end_object(&w);
    reply_json(reply, b.error_count > 0 ? 207 : str_eq_c(verb, "create") ? 201 : 200);
    buf_release(&b.errors);
    buf_release(&b.missing);
}

/* ---- routes */

void
hubspot_objects(struct sandbox_request *r, struct sandbox_reply *reply, struct collection *c, const struct str *rest, size_t rest_count)
{
    static const char *const verbs[] = {"read", "create", "update", "upsert", "archive"};
    bool post = request_is(r, "POST");
    if (rest_count == 0)
        return request_is(r, "GET") ? list(r, reply, c, false) : post ? write_and_show(r, reply, c, OBJECT_NONE) : not_found(r, reply);
    if (post && str_eq_c(rest[0], "search"))
        return hubspot_search(r, reply, c);
    if (post && str_eq_c(rest[0], "merge"))
        return merge(r, reply, c);
    for (size_t i = 0; post && rest_count == 2 && str_eq_c(rest[0], "batch") && i < ARRAY_LEN(verbs); i++)
        if (str_eq_c(rest[1], verbs[i]))
            return batch(r, reply, c, rest[1]);
    if (rest_count == 1)
        return one(r, reply, c, rest[0]);
    not_found(r, reply);
}

void
hubspot_owners(struct sandbox_request *r, struct sandbox_reply *reply, const struct str *rest, size_t rest_count)
{
    struct json_writer w;
    struct collection *c = hubspot_of(r->world).owners;
    if (rest_count == 0)
        return list(r, reply, c, true);
    uint32_t index = find_by(r, c, rest[0], STR_NONE, wants_archived(r));
    if (index == OBJECT_NONE)
        return not_found(r, reply);
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    hubspot_write_owner(r->world, c, index, r->arena, &w);
    reply_served(reply, c->name, world_object(c, index)->id);
}
