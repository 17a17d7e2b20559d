/*
 * HighLevel's opportunities: the search, which goes on behind the creation time and id of the last one.
 *
 * Source: opportunities.json; version v3 writes the parameters in camel case.
 */
#include "sandbox/highlevel_priv.h"

#define PAGE_MAX 100
#define PAGE_DEFAULT 20
#define PIPELINE "VDm7RPYC2GLUvdpKmBfC"

void
highlevel_write_opportunity(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w)
{
    static const char *const statuses[] = {"open", "open", "won", "lost", "abandoned"};
    static const char *const stages[] = {"e93ba61a-53b3-45e7-985a-c7732dbcdb69", "7915dedc-8f18-44d5-8bc3-77c04e994a10"};
    struct highlevel hl = highlevel_of(world);
    const struct object *o = world_object(c, index);
    uint64_t random = people_mix(world->seed ^ 53, (uint64_t)o->id + 1000 * o->revision);
    (void)a;
    json_begin_object(w, NULL);
    highlevel_add_id(w, "id", world, c, o->id);
    json_add_str(w, "name", str_format(a, "Opportunity %lld", (long long)o->id));
    json_add_i64(w, "monetaryValue", (int64_t)(random % 100) * 50);
    json_add_c(w, "pipelineId", PIPELINE);
    json_add_c(w, "pipelineStageId", stages[random % ARRAY_LEN(stages)]);
    json_add_c(w, "assignedTo", "zT46WSCPbudrq4zhWMk6");
    json_add_c(w, "status", statuses[random % ARRAY_LEN(statuses)]);
    json_add_c(w, "source", "public api");
    json_add_time(w, "lastStatusChangeAt", o->updated_us);
    json_add_time(w, "lastStageChangeAt", o->updated_us);
    json_add_time(w, "createdAt", o->created_us);
    json_add_time(w, "updatedAt", o->updated_us);
    highlevel_add_id(w, "contactId", world, hl.contacts, world_object(hl.contacts, highlevel_contact_of(world, o))->id);
    json_add_str(w, "locationId", highlevel_location_of(world));
    json_end_object(w);
}

static bool
by_creation(struct world *world, struct collection *c, uint32_t index, struct arena *scratch, const void *ctx, struct view_key *key_out)
{
    const struct object *o = world_object(c, index);
    (void)world, (void)ctx;
    *key_out = (struct view_key){.text = str_format(scratch, "%020lld", (long long)(o->created_us / US_PER_MS)), .number = o->id};
    return true;
}

/* The place behind the last one of the page before. */
static size_t
behind(struct sandbox_request *r, const struct view *view, struct collection *c)
{
    uint32_t last = highlevel_find(r->world, c, request_param(r, "startAfterId"));
    for (size_t i = 0; !r->loop && last != OBJECT_NONE && i < view->count; i++)
        if (view->items[i] == last)
            return i + 1;
    return 0;
}

static void
search(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct str location = request_param(r, "location_id");
    struct world *world = highlevel_location(r, location.len ? location : request_param(r, "locationId"));
    if (world == NULL)
        return highlevel_error(reply, 422, "location_id must be a string");
    struct collection *c = highlevel_of(world).opportunities;
    const struct view *view = world_view(world, c, STR("added"), by_creation, NULL, false);
    if (view == NULL)
        return highlevel_error(reply, 500, "Internal server error");
    size_t size = (size_t)request_number(r, "limit", 1, PAGE_MAX, PAGE_DEFAULT), start = behind(r, view, c), i = start;
    char text[HL_ID_BYTES] = "";
    int64_t last_ms = 0;
    struct json_writer w;
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_begin_array(&w, "opportunities");
    for (; i < view->count && i < start + size; i++) {
        const struct object *o = world_object(c, view->items[i]);
        highlevel_write_opportunity(world, c, view->items[i], r->arena, &w);
        highlevel_id(world, c, o->id, text);
        last_ms = o->created_us / US_PER_MS;
        reply_served_text(reply, "opportunities", str_from_c(text));
    }
    json_end_array(&w);
    json_begin_object(&w, "meta");
    json_add_i64(&w, "total", (int64_t)view->count);
    if (i > start) {
        json_add_c(&w, "startAfterId", text);
        json_add_i64(&w, "startAfter", last_ms);
    }
    json_end_object(&w);
    json_end_object(&w);
}

void
highlevel_opportunities(struct sandbox_request *r, struct sandbox_reply *reply)
{
    int64_t accounts[64];
    struct json_writer w;
    struct str id = r->segment_count == 2 ? r->segments[1] : STR("");
    if (!request_is(r, "GET") || id.len == 0)
        return highlevel_error(reply, 404, "Not Found");
    if (str_eq_c(id, "search"))
        return search(r, reply);
    int64_t count = core_accounts(r->core, r->vendor, accounts, ARRAY_LEN(accounts));
    for (int64_t i = 0; i < count; i++) {
        struct world *world = request_world(r, accounts[i]);
        uint32_t index = world ? highlevel_find(world, highlevel_of(world).opportunities, id) : OBJECT_NONE;
        if (index == OBJECT_NONE)
            continue;
        reply_json(reply, 200);
        json_writer_init(&w, &reply->body);
        json_begin_object(&w, NULL);
        json_add_key(&w, STR("opportunity"));
        highlevel_write_opportunity(world, highlevel_of(world).opportunities, index, r->arena, &w);
        json_end_object(&w);
        return;
    }
    highlevel_error(reply, 404, "Opportunity not found");
}
