/*
 * HighLevel's conversations and messages: the search by last message, the export of all messages, sending one.
 *
 * The search goes on behind the sort value of the last item, so two conversations of one millisecond must not be cut
 * apart: a page is then longer than asked for, as long as the vendor's own would lose one.
 */
#include "base/limits.h"
#include "sandbox/highlevel_priv.h"

#define PAGE_MAX 100
#define PAGE_DEFAULT 20
#define EXPORT_MAX 500

static struct str
contact_text(struct world *world, uint32_t contact, const char *key, struct arena *a)
{
    struct buf b;
    struct json_writer w;
    struct err err = {0};
    buf_init(&b, LIMIT_RECORD_BYTES);
    json_writer_init(&w, &b);
    highlevel_write_contact(world, highlevel_of(world).contacts, contact, a, &w);
    yyjson_val *json = buf_ok(&b) ? json_parse(a, buf_str(&b), JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_API, &err) : NULL;
    buf_release(&b);
    return json_str_or(json_get_c(json, key), STR(""));
}

static struct str
message_text(struct world *world, uint32_t index, struct arena *a)
{
    struct err err = {0};
    const struct object *o = world_object(highlevel_of(world).messages, index);
    if (o->written == NULL)
        return people_sentence(people_mix(world->seed ^ 37, (uint64_t)o->id), o->state == 0);
    yyjson_val *written = json_parse(a, (struct str){o->written, o->written_bytes}, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_API, &err);
    return json_str_or(json_get_c(written, "message"), STR(""));
}

void
highlevel_write_conversation(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w)
{
    struct highlevel hl = highlevel_of(world);
    const struct object *o = world_object(c, index);
    uint32_t last = o->last_child;
    json_begin_object(w, NULL);
    highlevel_add_id(w, "id", world, c, o->id);
    highlevel_add_id(w, "contactId", world, hl.contacts, world_object(hl.contacts, o->parent)->id);
    json_add_str(w, "locationId", highlevel_location_of(world));
    json_add_str(w, "lastMessageBody", last == OBJECT_NONE ? STR("") : message_text(world, last, a));
    json_add_i64(w, "lastMessageDate", o->activity_us / US_PER_MS);
    json_add_c(w, "lastMessageType", "TYPE_SMS");
    json_add_c(w, "type", "TYPE_PHONE");
    json_add_i64(w, "unreadCount", (int64_t)(people_mix(world->seed ^ 41, (uint64_t)o->id) % 3));
    struct str name = contact_text(world, o->parent, "contactName", a);
    json_add_str(w, "fullName", name);
    json_add_str(w, "contactName", name);
    json_add_str(w, "email", contact_text(world, o->parent, "email", a));
    json_add_str(w, "phone", contact_text(world, o->parent, "phone", a));
    json_add_i64(w, "dateAdded", o->created_us / US_PER_MS);
    json_add_i64(w, "dateUpdated", o->updated_us / US_PER_MS);
    json_end_object(w);
}

static void
write_message_members(struct world *world, uint32_t index, struct arena *a, struct json_writer *w)
{
    struct highlevel hl = highlevel_of(world);
    const struct object *o = world_object(hl.messages, index), *talk = world_object(hl.conversations, o->parent);
    bool outbound = o->state != 0;
    highlevel_add_id(w, "id", world, hl.messages, o->id);
    json_add_i64(w, "type", 2);
    json_add_c(w, "messageType", "TYPE_SMS");
    json_add_str(w, "locationId", highlevel_location_of(world));
    highlevel_add_id(w, "contactId", world, hl.contacts, world_object(hl.contacts, talk->parent)->id);
    highlevel_add_id(w, "conversationId", world, hl.conversations, talk->id);
    json_add_time(w, "dateAdded", o->created_us);
    json_add_str(w, "body", message_text(world, index, a));
    json_add_c(w, "direction", outbound ? "outbound" : "inbound");
    json_add_c(w, "status", outbound ? "delivered" : "read");
    json_add_c(w, "contentType", "text/plain");
    if (outbound)
        json_add_c(w, "source", o->written == NULL ? "app" : "api");
}

void
highlevel_write_message(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w)
{
    (void)c;
    json_begin_object(w, NULL);
    write_message_members(world, index, a, w);
    json_end_object(w);
}

/* ---- search */

struct filter {
    uint32_t contact; /* OBJECT_NONE: all */
};

static bool
by_activity(struct world *world, struct collection *c, uint32_t index, struct arena *scratch, const void *ctx, struct view_key *key_out)
{
    const struct filter *f = ctx;
    const struct object *o = world_object(c, index);
    (void)world, (void)scratch;
    *key_out = (struct view_key){.text = STR(""), .number = o->activity_us / US_PER_MS};
    return f->contact == OBJECT_NONE || o->parent == f->contact;
}

static int64_t
activity_ms(struct collection *c, uint32_t index)
{
    return world_object(c, index)->activity_us / US_PER_MS;
}

static void
serve_object(struct sandbox_request *r, struct sandbox_reply *reply, const char *entity, struct collection *c, uint32_t index)
{
    char text[HL_ID_BYTES];
    reply_served_text(reply, entity, str_from_c(highlevel_id(r->world, c, world_object(c, index)->id, text)));
}

static void
search(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct filter f = {.contact = OBJECT_NONE};
    struct world *world = highlevel_location(r, request_param(r, "locationId"));
    if (world == NULL)
        return highlevel_error(reply, 400, "locationId can't be undefined");
    struct highlevel hl = highlevel_of(world);
    struct str contact = request_param(r, "contactId");
    if (contact.len && (f.contact = highlevel_find(world, hl.contacts, contact)) == OBJECT_NONE)
        return highlevel_error(reply, 400, "Contact not found");
    bool descending = !str_eq_c(request_param(r, "sort"), "asc");
    struct str name = str_format(r->arena, "activity %s %u", descending ? "desc" : "asc", f.contact);
    const struct view *view = world_view(world, hl.conversations, name, by_activity, &f, descending);
    if (view == NULL)
        return highlevel_error(reply, 500, "Internal server error");
    size_t size = (size_t)request_number(r, "limit", 1, PAGE_MAX, PAGE_DEFAULT), i = 0, shown = 0;
    int64_t after = r->loop ? -1 : request_number(r, "startAfterDate", 0, INT64_MAX, -1), last = -1;
    while (after >= 0 && i < view->count && (descending ? activity_ms(hl.conversations, view->items[i]) >= after
                                                        : activity_ms(hl.conversations, view->items[i]) <= after))
        i++;
    struct json_writer w;
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_begin_array(&w, "conversations");
    for (; i < view->count && (shown < size || activity_ms(hl.conversations, view->items[i]) == last); i++, shown++) {
        last = activity_ms(hl.conversations, view->items[i]);
        highlevel_write_conversation(world, hl.conversations, view->items[i], r->arena, &w);
        serve_object(r, reply, "conversations", hl.conversations, view->items[i]);
    }
    json_end_array(&w);
    json_add_i64(&w, "total", (int64_t)view->count);
    json_end_object(&w);
}

/* ---- messages */

static bool
by_creation(struct world *world, struct collection *c, uint32_t index, struct arena *scratch, const void *ctx, struct view_key *key_out)
{
    (void)world, (void)scratch, (void)ctx;
    *key_out = (struct view_key){.text = STR(""), .number = world_object(c, index)->created_us / US_PER_MS};
    return true;
}

/* The cursor is the last message's id: what follows it in the order. */
static size_t
behind(struct sandbox_request *r, const struct view *view, struct collection *c)
{
    uint32_t last = highlevel_find(r->world, c, request_param(r, "cursor"));
    for (size_t i = 0; !r->loop && last != OBJECT_NONE && i < view->count; i++)
        if (view->items[i] == last)
            return i + 1;
    return 0;
}

static void
export_messages(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct world *world = highlevel_location(r, request_param(r, "locationId"));
    if (world == NULL)
        return highlevel_error(reply, 400, "locationId can't be undefined");
    char text[HL_ID_BYTES] = "";
    struct collection *c = highlevel_of(world).messages;
    bool descending = !str_eq_c(request_param(r, "sortOrder"), "asc");
    const struct view *view = world_view(world, c, descending ? STR("created desc") : STR("created asc"), by_creation, NULL, descending);
    if (view == NULL)
        return highlevel_error(reply, 500, "Internal server error");
    size_t size = (size_t)request_number(r, "limit", 1, EXPORT_MAX, PAGE_DEFAULT), start = behind(r, view, c);
    struct json_writer w;
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_begin_array(&w, "messages");
    for (size_t i = start; i < view->count && i < start + size; i++) {
        highlevel_write_message(world, c, view->items[i], r->arena, &w);
        highlevel_id(world, c, world_object(c, view->items[i])->id, text);
        reply_served_text(reply, "messages", str_from_c(text));
    }
    json_end_array(&w);
    if (start + size < view->count)
        json_add_c(&w, "nextCursor", text);
    json_add_i64(&w, "total", (int64_t)view->count);
    json_end_object(&w);
}

static void
list_messages(struct sandbox_request *r, struct sandbox_reply *reply, uint32_t conversation)
{
    size_t count;
    struct highlevel hl = highlevel_of(r->world);
    uint32_t *items = world_children(r->arena, hl.messages, world_object(hl.conversations, conversation), &count);
    uint32_t last = highlevel_find(r->world, hl.messages, request_param(r, "lastMessageId"));
    size_t size = (size_t)request_number(r, "limit", 1, PAGE_MAX, PAGE_DEFAULT), end = count;
    for (size_t i = 0; !r->loop && i < count; i++)
        if (items[i] == last)
            end = i;
    size_t start = end > size ? end - size : 0;
    struct json_writer w;
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    if (start < end)
        highlevel_add_id(&w, "lastMessageId", r->world, hl.messages, world_object(hl.messages, items[start])->id);
    else
        json_add_c(&w, "lastMessageId", "");
    json_add_bool(&w, "nextPage", start > 0);
    json_begin_array(&w, "messages");
    for (size_t i = end; i > start; i--) {
        highlevel_write_message(r->world, hl.messages, items[i - 1], r->arena, &w);
        serve_object(r, reply, "messages", hl.messages, items[i - 1]);
    }
    json_end_array(&w);
    json_end_object(&w);
}

/* ---- one, whichever location it belongs to */

static uint32_t
find_in(struct sandbox_request *r, struct str id, bool message)
{
    int64_t accounts[64];
    int64_t count = core_accounts(r->core, r->vendor, accounts, ARRAY_LEN(accounts));
    for (int64_t i = 0; i < count; i++) {
        struct world *world = request_world(r, accounts[i]);
        if (world == NULL)
            continue;
        struct highlevel hl = highlevel_of(world);
        uint32_t index = highlevel_find(world, message ? hl.messages : hl.conversations, id);
        if (index != OBJECT_NONE)
            return index;
    }
    return OBJECT_NONE;
}

static void
show_message(struct sandbox_request *r, struct sandbox_reply *reply, uint32_t index)
{
    struct json_writer w;
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    highlevel_write_message(r->world, NULL, index, r->arena, &w);
    serve_object(r, reply, "messages", highlevel_of(r->world).messages, index);
}

static void
show_conversation(struct sandbox_request *r, struct sandbox_reply *reply, uint32_t index)
{
    struct json_writer w;
    struct highlevel hl = highlevel_of(r->world);
    const struct object *o = world_object(hl.conversations, index);
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    highlevel_add_id(&w, "id", r->world, hl.conversations, o->id);
    highlevel_add_id(&w, "contactId", r->world, hl.contacts, world_object(hl.contacts, o->parent)->id);
    json_add_str(&w, "locationId", highlevel_location_of(r->world));
    json_add_bool(&w, "deleted", false);
    json_add_bool(&w, "inbox", true);
    json_add_i64(&w, "type", 1);
    json_add_i64(&w, "unreadCount", 0);
    json_add_bool(&w, "starred", false);
    json_end_object(&w);
}

/* The contact's conversation, made when it has none. */
static uint32_t
conversation_of(struct world *world, uint32_t contact, int64_t now_us)
{
    struct highlevel hl = highlevel_of(world);
    for (uint32_t i = 0; i < hl.conversations->count; i++) {
        const struct object *o = world_object(hl.conversations, i);
        if (o->parent == contact && !o->deleted)
            return i;
    }
    return world_add(world, hl.conversations, 0, now_us, contact);
}

static void
send_message(struct sandbox_request *r, struct sandbox_reply *reply)
{
    int64_t accounts[64];
    yyjson_val *body = highlevel_body(r, reply);
    if (body == NULL)
        return;
    uint32_t contact = OBJECT_NONE;
    int64_t count = core_accounts(r->core, r->vendor, accounts, ARRAY_LEN(accounts));
    for (int64_t i = 0; i < count && contact == OBJECT_NONE; i++) {
        struct world *world = request_world(r, accounts[i]);
        contact = world ? highlevel_find(world, highlevel_of(world).contacts, json_str(json_get_c(body, "contactId"))) : OBJECT_NONE;
    }
    if (contact == OBJECT_NONE)
        return highlevel_error(reply, 400, "Contact not found");
    if (!json_str(json_get_c(body, "message")).len && !json_str(json_get_c(body, "html")).len)
        return highlevel_error(reply, 422, "There is no message or attachments for this message. Skip sending.");
    struct highlevel hl = highlevel_of(r->world);
    int64_t now_us = clock_wall_us(r->world->clock);
    now_us -= now_us % US_PER_MS;
    uint32_t talk = conversation_of(r->world, contact, now_us);
    uint32_t index = talk == OBJECT_NONE ? OBJECT_NONE : highlevel_add_message(r->world, talk, now_us, true, r->body);
    if (index == OBJECT_NONE)
        return highlevel_error(reply, 500, "Internal server error");
    struct json_writer w;
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    highlevel_add_id(&w, "conversationId", r->world, hl.conversations, world_object(hl.conversations, talk)->id);
    highlevel_add_id(&w, "messageId", r->world, hl.messages, world_object(hl.messages, index)->id);
    json_add_c(&w, "msg", "Message queued successfully.");
    json_add_c(&w, "status", "pending");
    json_end_object(&w);
}

void
highlevel_conversations(struct sandbox_request *r, struct sandbox_reply *reply)
{
    bool get = request_is(r, "GET");
    struct str second = r->segment_count > 1 ? r->segments[1] : STR_NONE, third = r->segment_count > 2 ? r->segments[2] : STR_NONE;
    (void)highlevel_location(r, STR(HL_LOCATION_DEFAULT));
    bool messages = str_eq_c(second, "messages");
    if (get && str_eq_c(second, "search") && r->segment_count == 2)
        return search(r, reply);
    if (messages && r->segment_count == 2 && request_is(r, "POST"))
        return send_message(r, reply);
    if (messages && get && str_eq_c(third, "export"))
        return export_messages(r, reply);
    uint32_t index = second.len ? find_in(r, messages ? third : second, messages) : OBJECT_NONE;
    if (index == OBJECT_NONE || !get)
        highlevel_error(reply, 404, messages ? "Message not found" : "Conversation not found");
    else if (messages)
        show_message(r, reply, index);
    else if (r->segment_count == 2)
        show_conversation(r, reply, index);
    else if (str_eq_c(third, "messages"))
        list_messages(r, reply, index);
    else
        highlevel_error(reply, 404, "Not Found");
}
