/*
 * Zendesk's incremental exports and lists, one object, and writing.
 *
 * An export goes by the time of the last change, at most 1,000 a page, what was deleted included; it must begin a minute ago.
 * Users and tickets go on by a cursor, organizations by the end time of the page. Lists page by page[size] and page[after].
 */
#include <stdlib.h>

#include "base/limits.h"
#include "sandbox/core.h"
#include "sandbox/zendesk_priv.h"

#define EXPORT_MAX 1000
#define LIST_MAX 100
#define RECENT_US US_PER_MINUTE
#define HOST "https://your-subdomain.zendesk.com"

struct row {
    int64_t at_us, id;
    uint32_t index;
};

static int
by_time(const void *left, const void *right)
{
    const struct row *a = left, *b = right;
    int order = (a->at_us > b->at_us) - (a->at_us < b->at_us);
    return order ? order : (a->id > b->id) - (a->id < b->id);
}

static struct row *
changed_since(struct sandbox_request *r, struct collection *c, struct row from, size_t *count_out)
{
    struct row *rows = ARENA_ARRAY(r->arena, struct row, c->count + 1);
    *count_out = 0;
    for (uint32_t i = 0; rows != NULL && i < c->count; i++) {
        const struct object *o = world_object(c, i);
        struct row row = {o->updated_us, o->id, i};
        if (by_time(&row, &from) > 0)
            rows[(*count_out)++] = row;
    }
    if (rows != NULL)
        qsort(rows, *count_out, sizeof(*rows), by_time);
    return rows;
}

/* Where the page begins: behind a cursor "time-id", else at start_time. False: answered. */
static bool
read_start(struct sandbox_request *r, struct sandbox_reply *reply, struct row *from_out)
{
    struct str cursor = request_param(r, "cursor"), time, id;
    int64_t start_s;
    if (cursor.len && !r->loop) {
        str_cut(cursor, '-', &time, &id);
        if (str_to_i64(time, 0, INT64_MAX, &from_out->at_us) && str_to_i64(id, 0, INT64_MAX, &from_out->id))
            return true;
        zendesk_error(reply, 400, "InvalidValue", "The cursor is invalid");
        return false;
    }
    if (!str_to_i64(request_param(r, "start_time"), 0, INT64_C(100000000000), &start_s) && !cursor.len) {
        zendesk_error(reply, 400, "MissingParameter", "start_time is required");
        return false;
    }
    *from_out = (struct row){cursor.len ? -1 : start_s * US_PER_S, cursor.len ? 0 : -1, 0};
    if (cursor.len || from_out->at_us <= clock_wall_us(r->world->clock) - RECENT_US)
        return true;
    zendesk_error(reply, 422, "InvalidValue", "Too recent start_time. Use a start_time older than 60 seconds");
    return false;
}

static void
end_cursor_page(struct sandbox_request *r, struct json_writer *w, const struct row *last, bool end)
{
    struct str cursor = last ? str_format(r->arena, "%lld-%lld", (long long)last->at_us, (long long)last->id) : STR_NONE;
    json_add_str(w, "after_cursor", cursor);
    json_add_str(w, "after_url", last ? str_format(r->arena, HOST "%.*s?cursor=%.*s", STR_ARG(r->path), STR_ARG(cursor)) : STR_NONE);
    json_add_null(w, "before_cursor");
    json_add_null(w, "before_url");
    json_add_bool(w, "end_of_stream", end);
}

static void
end_time_page(struct sandbox_request *r, struct json_writer *w, const struct row *last, size_t count, bool end)
{
    long long end_s = last ? last->at_us / US_PER_S : 0;
    json_add_i64(w, "count", (int64_t)count);
    json_add_bool(w, "end_of_stream", end);
    if (last)
        json_add_i64(w, "end_time", end_s);
    else
        json_add_null(w, "end_time");
    json_add_str(w, "next_page", last ? str_format(r->arena, HOST "%.*s?start_time=%lld", STR_ARG(r->path), end_s) : STR_NONE);
}

static bool
same_second(const struct row *a, const struct row *b)
{
    return a->at_us / US_PER_S == b->at_us / US_PER_S;
}

static void
export_page(struct sandbox_request *r, struct sandbox_reply *reply, struct collection *c, zendesk_write_fn *write, bool cursors)
{
    struct row from;
    size_t count, served = 0;
    struct json_writer w;
    if (!read_start(r, reply, &from))
        return;
    size_t most = (size_t)request_number(r, "per_page", 1, EXPORT_MAX, EXPORT_MAX);
    struct row *rows = changed_since(r, c, from, &count);
    if (rows == NULL)
        return zendesk_error(reply, 500, "InternalError", "out of memory");
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_begin_array(&w, c->name);
    /* A page by time does not end within a second: it could not be gone on from. */
    for (; served < count && (served < most || (!cursors && same_second(&rows[served], &rows[served - 1]))); served++) {
        write(r->world, c, rows[served].index, r->arena, &w);
        reply_served(reply, c->name, rows[served].id);
    }
    json_end_array(&w);
    const struct row *last = served ? &rows[served - 1] : cursors && request_param(r, "cursor").len ? &from : NULL;
    if (cursors)
        end_cursor_page(r, &w, last, served == count);
    else
        end_time_page(r, &w, last, served, served == count);
    json_end_object(&w);
}

void
zendesk_export(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct zendesk zd = zendesk_of(r->world);
    struct str what = r->segments[3];
    bool cursors = r->segment_count == 5;
    if (str_starts(what, STR("users")) && cursors)
        return export_page(r, reply, zd.users, zendesk_write_user, true);
    if (str_starts(what, STR("tickets")) && cursors)
        return export_page(r, reply, zd.tickets, zendesk_write_ticket, true);
    if (str_starts(what, STR("organizations")) && !cursors)
        return export_page(r, reply, zd.organizations, zendesk_write_organization, false);
    zendesk_error(reply, 404, "InvalidEndpoint", "Not found");
}

/* ---- lists */

static void
end_list(struct sandbox_request *r, struct json_writer *w, int64_t first, int64_t last, bool more)
{
    struct str after = str_format(r->arena, "%lld", (long long)last), before = str_format(r->arena, "%lld", (long long)first);
    json_begin_object(w, "meta");
    json_add_bool(w, "has_more", more);
    json_add_str(w, "after_cursor", after);
    json_add_str(w, "before_cursor", before);
    json_end_object(w);
    json_begin_object(w, "links");
    json_add_null(w, "prev");
    struct str next = str_format(r->arena, HOST "%.*s?page%%5Bafter%%5D=%.*s", STR_ARG(r->path), STR_ARG(after));
    json_add_str(w, "next", more ? next : STR_NONE);
    json_end_object(w);
}

static void
list(struct sandbox_request *r, struct sandbox_reply *reply, struct collection *c, const char *name, zendesk_write_fn *write,
     uint32_t parent)
{
    struct json_writer w;
    int64_t size = request_number(r, "page[size]", 1, LIST_MAX, LIST_MAX), served = 0, first = 0, last = 0;
    int64_t after = r->loop ? 0 : request_number(r, "page[after]", 0, INT64_MAX, 0);
    bool more = false;
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_begin_array(&w, name);
    for (uint32_t i = 0; i < c->count && !more; i++) {
        const struct object *o = world_object(c, i);
        if (o->deleted || o->id <= after || (parent != OBJECT_NONE && o->parent != parent))
            continue;
        more = served == size;
        if (more)
            break;
        write(r->world, c, i, r->arena, &w);
        reply_served(reply, c->name, o->id);
        last = o->id, first = served++ ? first : o->id;
    }
    json_end_array(&w);
    end_list(r, &w, first, last, more);
    json_end_object(&w);
}

/* ---- one */

static void
show(struct sandbox_request *r, struct sandbox_reply *reply, int status, struct collection *c, const char *singular,
     zendesk_write_fn *write, uint32_t index)
{
    struct json_writer w;
    reply_json(reply, status);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_add_key(&w, str_from_c(singular));
    write(r->world, c, index, r->arena, &w);
    json_end_object(&w);
    reply_served(reply, c->name, world_object(c, index)->id);
}

static uint32_t
find(struct collection *c, struct str id)
{
    int64_t number;
    if (str_ends(id, STR(".json")))
        id = str_slice(id, 0, id.len - 5);
    return str_to_i64(id, 1, INT64_MAX, &number) ? world_find(c, number) : OBJECT_NONE;
}

static bool
lay_over(struct sandbox_request *r, struct collection *c, uint32_t index, yyjson_val *members)
{
    struct err err = {0};
    size_t at, max;
    yyjson_val *key, *item;
    const struct object *o = world_object(c, index);
    struct str old = o->written != NULL ? (struct str){o->written, o->written_bytes} : STR("{}");
    yyjson_mut_doc *doc = json_mut_doc(r->arena);
    yyjson_mut_val *root = doc ? yyjson_val_mut_copy(doc, json_parse(r->arena, old, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_API, &err)) : NULL;
    if (root == NULL)
        return false;
    yyjson_obj_foreach(members, at, max, key, item) {
        yyjson_mut_obj_put(root, yyjson_val_mut_copy(doc, key), yyjson_val_mut_copy(doc, item));
    }
    yyjson_val *frozen = json_freeze(r->arena, root);
    return frozen && world_write(r->world, c, index, json_to_text(r->arena, frozen));
}

enum { UNIQUE_EMAIL };

/* create_or_update and plain creation of a user; a user is known by the e-mail. */
static void
create(struct sandbox_request *r, struct sandbox_reply *reply, struct collection *c, const char *singular, zendesk_write_fn *write,
       bool upsert)
{
    yyjson_val *body = zendesk_body(r, reply), *members = json_get_c(body, singular);
    bool user = c == zendesk_of(r->world).users;
    if (body == NULL)
        return;
    struct str email = json_str(json_get_c(members, "email"));
    if (!yyjson_is_obj(members) || (!user ? false : json_str(json_get_c(members, "name")).len == 0))
        return zendesk_error(reply, 422, "RecordInvalid", "Record validation errors");
    uint32_t twin = user && email.len ? world_find_unique(r->world, c, UNIQUE_EMAIL, zendesk_email, email) : OBJECT_NONE;
    if (twin != OBJECT_NONE && !upsert)
        return zendesk_error(reply, 422, "RecordInvalid", "Email: is already being used by another user");
    if (twin != OBJECT_NONE) {
        bool ok = lay_over(r, c, twin, members);
        return ok ? show(r, reply, 200, c, singular, write, twin) : zendesk_error(reply, 500, "InternalError", "out of memory");
    }
    int64_t now_us = clock_wall_us(r->world->clock);
    uint32_t index = world_add_written(r->world, c, now_us - now_us % US_PER_S, OBJECT_NONE, json_to_text(r->arena, members));
    if (index == OBJECT_NONE)
        return zendesk_error(reply, 500, "InternalError", "out of memory");
    show(r, reply, 201, c, singular, write, index);
}

/* users/search?query=email:"..." (an exact address; other words find nobody here) */
static void
search(struct sandbox_request *r, struct sandbox_reply *reply, struct collection *c, zendesk_write_fn *write)
{
    struct json_writer w;
    struct str query = request_param(r, "query"), email = str_trim(str_starts(query, STR("email:")) ? str_skip(query, 6) : STR(""));
    if (email.len > 1 && email.ptr[0] == '"')
        email = str_slice(email, 1, email.len - 1);
    uint32_t found = email.len ? world_find_unique(r->world, c, UNIQUE_EMAIL, zendesk_email, email) : OBJECT_NONE;
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_begin_array(&w, "users");
    if (found != OBJECT_NONE) {
        write(r->world, c, found, r->arena, &w);
        reply_served(reply, c->name, world_object(c, found)->id);
    }
    json_end_array(&w);
    json_add_null(&w, "next_page");
    json_add_null(&w, "previous_page");
    json_add_i64(&w, "count", found != OBJECT_NONE);
    json_end_object(&w);
}

static bool
is_taken(struct sandbox_request *r, struct collection *c, uint32_t self, yyjson_val *members)
{
    struct str email = json_str(json_get_c(members, "email"));
    bool user = c == zendesk_of(r->world).users;
    uint32_t twin = user && email.len ? world_find_unique(r->world, c, UNIQUE_EMAIL, zendesk_email, email) : OBJECT_NONE;
    return twin != OBJECT_NONE && twin != self;
}

static void
one(struct sandbox_request *r, struct sandbox_reply *reply, struct collection *c, const char *singular, zendesk_write_fn *write,
    uint32_t index)
{
    if (request_is(r, "GET"))
        return show(r, reply, 200, c, singular, write, index);
    if (request_is(r, "DELETE")) {
        world_remove(r->world, c, index);
        if (c == zendesk_of(r->world).users)
            return show(r, reply, 200, c, singular, write, index);
        return reply_text(reply, 204, NULL, STR(""));
    }
    yyjson_val *body = zendesk_body(r, reply);
    if (body != NULL && is_taken(r, c, index, json_get_c(body, singular)))
        return zendesk_error(reply, 422, "RecordInvalid", "Email: is already being used by another user");
    if (body != NULL && lay_over(r, c, index, json_get_c(body, singular)))
        return show(r, reply, 200, c, singular, write, index);
    if (body != NULL)
        zendesk_error(reply, 500, "InternalError", "out of memory");
}

void
zendesk_objects(struct sandbox_request *r, struct sandbox_reply *reply, struct collection *c, const char *singular, zendesk_write_fn *write)
{
    struct zendesk zd = zendesk_of(r->world);
    struct str id = r->segment_count > 3 ? r->segments[3] : STR("");
    if (id.len == 0)
        return request_is(r, "POST") ? create(r, reply, c, singular, write, false) : list(r, reply, c, c->name, write, OBJECT_NONE);
    if (c == zd.users && str_starts(id, STR("search")) && request_is(r, "GET"))
        return search(r, reply, c, write);
    if (str_starts(id, STR("create_or_update")) && request_is(r, "POST"))
        return create(r, reply, c, singular, write, true);
    uint32_t index = find(c, id);
    if (index == OBJECT_NONE)
        return zendesk_error(reply, 404, "RecordNotFound", "Not found");
    if (r->segment_count == 4)
        return one(r, reply, c, singular, write, index);
    if (c == zd.tickets && r->segment_count == 5 && str_starts(r->segments[4], STR("comments")))
        return list(r, reply, zd.comments, "comments", zendesk_write_comment, index);
    zendesk_error(reply, 404, "InvalidEndpoint", "Not found");
}
