/*
 * RD Station CRM v2: lists of contacts, organizations and deals, one, writing.
 *
 * A list pages by page[number] and page[size] (200 at most) and ends after 10,000 rows; filter is the vendor's query language,
 * of which updated_at and created_at with >= and <= are understood; sort[updated_at] and sort[created_at] order it.
 */
#include "sandbox/core.h"
#include "sandbox/rdstation_priv.h"
#include "sandbox/written.h"

#define PAGE_MAX 200
#define PAGE_DEFAULT 25
#define ROWS_MAX 10000
#define ZONE_US (3 * US_PER_HOUR) /* what a time in a filter is behind UTC */

struct listing {
    int64_t from_us, until_us;
    bool by_creation;
};

static bool
listing_key(struct world *world, struct collection *c, uint32_t index, struct arena *scratch, const void *ctx, struct view_key *key_out)
{
    const struct listing *l = ctx;
    const struct object *o = world_object(c, index);
    int64_t at_us = l->by_creation ? o->created_us : o->updated_us;
    (void)world, (void)scratch;
    *key_out = (struct view_key){.number = at_us};
    return at_us >= l->from_us && at_us < l->until_us;
}

/* One condition: `updated_at:>="2026-10-01 12:00:00"`. False: it is not understood. */
static bool
read_condition(struct arena *a, struct str text, struct listing *l, struct str *rest_out)
{
    int64_t at_us;
    bool created = str_starts(text, STR("created_at:")), least = str_find_str(text, STR(">=\"")) == 11;
    if ((!created && !str_starts(text, STR("updated_at:"))) || (!least && str_find_str(text, STR("<=\"")) != 11))
        return false;
    text = str_skip(text, 14);
    ptrdiff_t quote = str_find(text, '"');
    if (quote != 19 || !time_parse(str_format(a, "%.19sZ", text.ptr), &at_us))
        return false;
    l->by_creation = created;
    *(least ? &l->from_us : &l->until_us) = at_us + ZONE_US + (least ? 0 : US_PER_S);
    *rest_out = str_trim(str_skip(text, (size_t)quote + 1));
    return true;
}

static bool
read_filter(struct sandbox_request *r, struct listing *l)
{
    struct str filter = request_param(r, "filter");
    *l = (struct listing){.from_us = INT64_MIN, .until_us = INT64_MAX};
    while (filter.len > 0)
        if (!read_condition(r->arena, filter, l, &filter))
            return false;
    return true;
}

static void
end_list(struct sandbox_request *r, struct json_writer *w, int64_t page, int64_t size, bool more)
{
    struct str base = str_format(r->arena, "https://api.rd.services%.*s?page%%5Bsize%%5D=%lld&page%%5Bnumber%%5D=",
                                 STR_ARG(r->path), (long long)size);
    json_begin_object(w, "links");
    json_add_str(w, "first", str_format(r->arena, "%.*s1", STR_ARG(base)));
    if (more)
        json_add_str(w, "next", str_format(r->arena, "%.*s%lld", STR_ARG(base), (long long)page + 1));
    json_end_object(w);
}

static void
list(struct sandbox_request *r, struct sandbox_reply *reply, struct collection *c, rdstation_write_fn *write)
{
    struct json_writer w;
    struct listing l;
    int64_t size = request_number(r, "page[size]", 1, PAGE_MAX, PAGE_DEFAULT), page = request_page(r, "page[number]");
    if (!read_filter(r, &l))
        return rdstation_error(reply, 422, "INVALID_FILTER", "The filter could not be understood.");
    if (page * size > ROWS_MAX)
        return rdstation_error(reply, 422, "PAGE_LIMIT_EXCEEDED", "Only the first 10000 records can be listed.");
    if (!str_is_none(request_param(r, "sort[created_at]")))
        l.by_creation = true;
    bool descending = str_eq_c(request_param(r, l.by_creation ? "sort[created_at]" : "sort[updated_at]"), "desc");
    const struct view *view = world_view(r->world, c, STR(""), listing_key, &l, descending);
    if (view == NULL)
        return rdstation_error(reply, 500, "INTERNAL_ERROR", "out of memory");
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_begin_array(&w, "data");
    size_t at = (size_t)((page - 1) * size), end = at + (size_t)size;
    for (; at < view->count && at < end; at++) {
        write(r->world, c, view->items[at], r->arena, &w);
        reply_served(reply, c->name, world_object(c, view->items[at])->id);
    }
    json_end_array(&w);
    end_list(r, &w, page, size, at < view->count);
    json_end_object(&w);
}

static void
show(struct sandbox_request *r, struct sandbox_reply *reply, int status, struct collection *c, rdstation_write_fn *write, uint32_t index)
{
    struct json_writer w;
    reply_json(reply, status);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_add_key(&w, STR("data"));
    write(r->world, c, index, r->arena, &w);
    json_end_object(&w);
    reply_served(reply, c->name, world_object(c, index)->id);
}

static void
create(struct sandbox_request *r, struct sandbox_reply *reply, struct collection *c, rdstation_write_fn *write)
{
    yyjson_val *body = rdstation_body(r, reply), *data = json_get_c(body, "data");
    int64_t now_us = clock_wall_us(r->world->clock);
    if (body == NULL)
        return;
    if (json_str(json_get_c(data, "name")).len == 0)
        return rdstation_error(reply, 422, "CANNOT_BE_BLANK", "name cannot be blank.");
    uint32_t index = world_add_written(r->world, c, now_us - now_us % US_PER_MS, OBJECT_NONE, json_to_text(r->arena, data));
    if (index == OBJECT_NONE)
        return rdstation_error(reply, 500, "INTERNAL_ERROR", "out of memory");
    show(r, reply, 201, c, write, index);
}

static void
change(struct sandbox_request *r, struct sandbox_reply *reply, struct collection *c, rdstation_write_fn *write, uint32_t index)
{
    yyjson_val *body = rdstation_body(r, reply);
    if (body == NULL)
        return;
    if (!yyjson_is_obj(json_get_c(body, "data")))
        return rdstation_error(reply, 422, "CANNOT_BE_BLANK", "data cannot be blank.");
    if (!written_add(r->world, c, index, json_get_c(body, "data"), r->arena))
        return rdstation_error(reply, 500, "INTERNAL_ERROR", "out of memory");
    show(r, reply, 200, c, write, index);
}

static void
objects(struct sandbox_request *r, struct sandbox_reply *reply, struct collection *c, rdstation_write_fn *write)
{
    struct str id = r->segment_count > 3 ? r->segments[3] : STR("");
    if (id.len == 0)
        return request_is(r, "POST") ? create(r, reply, c, write) : list(r, reply, c, write);
    uint32_t index = rdstation_find_hex(c, id);
    if (index == OBJECT_NONE)
        return rdstation_error(reply, 404, "RESOURCE_NOT_FOUND", "The resource could not be found.");
    if (request_is(r, "PUT"))
        return change(r, reply, c, write, index);
    if (!request_is(r, "DELETE"))
        return show(r, reply, 200, c, write, index);
    world_remove(r->world, c, index);
    reply_text(reply, 204, NULL, STR(""));
}

static void
list_users(struct sandbox_reply *reply)
{
    reply_json(reply, 200);
    buf_add(&reply->body, STR("{\"data\":[{\"id\":\"622e7fb2f678470c001576f4\",\"name\":\"Beatriz Lima\","
                              "\"email\":\"beatriz@example.com\"}],\"links\":{}}"));
}

void
rdstation_crm(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct rdstation rd = rdstation_of(r->world);
    struct str what = r->segment_count > 2 ? r->segments[2] : STR("");
    if (str_eq_c(what, "contacts"))
        return objects(r, reply, rd.crm_contacts, rdstation_write_crm_contact);
    if (str_eq_c(what, "organizations"))
        return objects(r, reply, rd.companies, rdstation_write_company);
    if (str_eq_c(what, "deals"))
        return objects(r, reply, rd.deals, rdstation_write_deal);
    if (str_eq_c(what, "users"))
        return list_users(reply);
    if (str_eq_c(what, "webhooks"))
        return rdstation_crm_webhooks(r, reply);
    rdstation_error(reply, 404, "RESOURCE_NOT_FOUND", "The resource could not be found.");
}
