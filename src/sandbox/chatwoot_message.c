/*
 * Chatwoot's messages: two ways of writing one, the rules of app/finders/message_finder.rb, and sending one.
 *
 * Without parameters the newest 20; before=ID the 20 older ones; after=ID the 100 newer; both: up to 1,000
 * from `after` (inclusive) to `before` (exclusive). Always in ascending order.
 */
#include "base/limits.h"
#include "sandbox/chatwoot_priv.h"

#define NEWEST 20
#define AFTER 100
#define BETWEEN 1000

enum message_type
message_type(const struct object *message)
{
    return (enum message_type)(message->state & MESSAGE_TYPE_MASK);
}

/* What a message of the generator or of a client says. */
struct message_fields {
    struct str content;
    bool private;
    unsigned agent;              /* who sent it, 0: nobody of ours */
    struct str content_type, source_id;
};

static struct str
generated_content(struct world *world, const struct object *message, uint64_t random, struct arena *a)
{
    (void)world;
    enum message_type type = message_type(message);
    if (type == MESSAGE_ACTIVITY)
        return STR("Conversation was marked resolved by the team");
    if (type == MESSAGE_TEMPLATE)
        return STR("Get notified by email");
    struct str text = people_sentence(random >> 8, type == MESSAGE_INCOMING);
    return message->revision ? str_format(a, "%.*s (editada %u)", STR_ARG(text), message->revision) : text;
}

static struct message_fields
message_read(struct world *world, uint32_t index, struct arena *a)
{
    struct chatwoot cw = chatwoot_of(world);
    const struct object *message = world_object(cw.messages, index);
    uint64_t random = chatwoot_random(world, cw.messages, message);
    unsigned assignee = conversation_assignee(world, message->parent);
    struct message_fields f = {
        .private = message->state & MESSAGE_PRIVATE,
        .agent = assignee ? assignee : 1 + (unsigned)(random >> 40) % AGENTS,
        .content_type = STR("text"),
    };
    if (message->written == NULL) {
        f.content = generated_content(world, message, random, a);
        return f;
    }
    struct err err = {0};
    yyjson_val *written = json_parse(a, (struct str){message->written, message->written_bytes}, JSON_PLAIN,
                                     LIMIT_JSON_DEPTH_API, &err);
    f.content = json_str_or(json_get_c(written, "content"), STR(""));
    f.private = json_bool_or(json_get_c(written, "private"), false);
    f.content_type = json_str_or(json_get_c(written, "content_type"), f.content_type);
    f.source_id = json_str(json_get_c(written, "source_id"));
    return f;
}

struct str
message_content(struct world *world, uint32_t index, struct arena *a)
{
    return message_read(world, index, a).content;
}

static const char *
sender_kind(enum message_type type)
{
    return type == MESSAGE_INCOMING ? "Contact" : type == MESSAGE_OUTGOING ? "User" : NULL;
}

static void
write_sender(struct world *world, const struct object *message, const struct message_fields *f, struct arena *a,
             struct json_writer *w)
{
    struct chatwoot cw = chatwoot_of(world);
    uint32_t contact = world_object(cw.conversations, message->parent)->parent;
    enum message_type type = message_type(message);
    if (type == MESSAGE_INCOMING && contact != OBJECT_NONE)
        contact_write_event(world, contact, a, w, "sender");
    else if (type == MESSAGE_OUTGOING)
        agent_write_event(world, f->agent, a, w, "sender");
}

/* Members that both forms begin with. */
static void
write_head(const struct object *message, const struct message_fields *f, struct json_writer *w)
{
    json_add_i64(w, "id", message->id);
    json_add_str(w, "content", f->content);
}

static void
write_empty_object(struct json_writer *w, const char *key)
{
    json_begin_object(w, key);
    json_end_object(w);
}

void
message_write_listed(struct world *world, struct collection *c, uint32_t index, struct arena *a,
                     struct json_writer *w)
{
    struct chatwoot cw = chatwoot_of(world);
    const struct object *message = world_object(c, index);
    const struct object *conversation = world_object(cw.conversations, message->parent);
    struct message_fields f = message_read(world, index, a);
    json_begin_object(w, NULL);
    write_head(message, &f, w);
    json_add_i64(w, "inbox_id", conversation_inbox(world, message->parent, a));
    json_add_i64(w, "conversation_id", conversation->id);
    json_add_i64(w, "message_type", message_type(message));
    json_add_str(w, "content_type", f.content_type);
    json_add_c(w, "status", "sent");
    write_empty_object(w, "content_attributes");
    json_add_i64(w, "created_at", message->created_us / US_PER_S);
    json_add_bool(w, "private", f.private);
    json_add_str(w, "source_id", f.source_id);
    write_sender(world, message, &f, a, w);
    json_end_object(w);
}

static int64_t
sender_id(struct world *world, const struct object *message, const struct message_fields *f)
{
    struct chatwoot cw = chatwoot_of(world);
    uint32_t contact = world_object(cw.conversations, message->parent)->parent;
    if (message_type(message) == MESSAGE_OUTGOING)
        return f->agent;
    return contact == OBJECT_NONE ? 0 : world_object(cw.contacts, contact)->id;
}

static void
write_conversation_part(struct world *world, uint32_t conversation, struct arena *a, struct json_writer *w)
{
    const struct object *object = world_object(chatwoot_of(world).conversations, conversation);
    unsigned assignee = conversation_assignee(world, conversation);
    json_begin_object(w, "conversation");
    if (assignee)
        json_add_i64(w, "assignee_id", assignee);
    else
        json_add_null(w, "assignee_id");
    json_add_i64(w, "unread_count", conversation_unread(world, conversation));
    json_add_i64(w, "last_activity_at", object->activity_us / US_PER_S);
    json_begin_object(w, "contact_inbox");
    json_add_str(w, "source_id", object->parent == OBJECT_NONE ? STR("")
                                                               : contact_read(world, object->parent, a).source_id);
    json_end_object(w);
    json_end_object(w);
}

void
message_write_event(struct world *world, uint32_t index, struct arena *a, struct json_writer *w, const char *key)
{
    struct chatwoot cw = chatwoot_of(world);
    const struct object *message = world_object(cw.messages, index);
    struct message_fields f = message_read(world, index, a);
    const char *kind = sender_kind(message_type(message));
    json_begin_object(w, key);
    write_head(message, &f, w);
    json_add_i64(w, "account_id", world->account);
    json_add_i64(w, "inbox_id", conversation_inbox(world, message->parent, a));
    json_add_i64(w, "conversation_id", world_object(cw.conversations, message->parent)->id);
    json_add_i64(w, "message_type", message_type(message));
    json_add_i64(w, "created_at", message->created_us / US_PER_S);
    json_add_time(w, "updated_at", message->updated_us);
    json_add_bool(w, "private", f.private);
    json_add_c(w, "status", "sent");
    json_add_str(w, "source_id", f.source_id);
    json_add_str(w, "content_type", f.content_type);
    write_empty_object(w, "content_attributes");
    json_add_c(w, "sender_type", kind);
    if (kind != NULL)
        json_add_i64(w, "sender_id", sender_id(world, message, &f));
    else
        json_add_null(w, "sender_id");
    write_empty_object(w, "external_source_ids");
    write_empty_object(w, "additional_attributes");
    json_add_str(w, "processed_message_content", f.content);
    write_empty_object(w, "sentiment");
    write_conversation_part(world, message->parent, a, w);
    write_sender(world, message, &f, a, w);
    json_end_object(w);
}

/* The window [from, to) of a conversation's messages that the query asks for. */
static void
find_window(struct sandbox_request *r, struct collection *messages, const uint32_t *items, size_t count,
            size_t *from_out, size_t *to_out)
{
    int64_t before = r->loop ? 0 : request_number(r, "before", 1, INT64_MAX, 0);
    int64_t after = r->loop ? 0 : request_number(r, "after", 1, INT64_MAX, 0);
    size_t from = 0, to = count;
    while (before && to > 0 && world_object(messages, items[to - 1])->id >= before)
        to--;
    /* `after` alone leaves that message out; between two it is in. */
    int64_t first = after && !before ? after + 1 : after;
    while (after && from < to && world_object(messages, items[from])->id < first)
        from++;
    size_t most = after && before ? BETWEEN : after ? AFTER : NEWEST;
    if (to - from > most) {
        if (after)
            to = from + most;
        else
            from = to - most;
    }
    *from_out = from;
    *to_out = to;
}

static void
write_meta(struct sandbox_request *r, uint32_t conversation, struct json_writer *w)
{
    struct world *world = r->world;
    const struct object *object = world_object(chatwoot_of(world).conversations, conversation);
    unsigned assignee = conversation_assignee(world, conversation);
    json_begin_object(w, "meta");
    conversation_write_labels(world, conversation, w);
    write_empty_object(w, "additional_attributes");
    if (object->parent != OBJECT_NONE)
        contact_write_event(world, object->parent, r->arena, w, "contact");
    if (assignee)
        agent_write_event(world, assignee, r->arena, w, "assignee");
    json_add_null(w, "agent_last_seen_at");
    json_add_null(w, "assignee_last_seen_at");
    json_end_object(w);
}

void
messages_list(struct sandbox_request *r, struct sandbox_reply *reply, uint32_t conversation)
{
    struct chatwoot cw = chatwoot_of(r->world);
    struct json_writer w;
    size_t count, from, to;
    const uint32_t *items =
        world_children(r->arena, cw.messages, world_object(cw.conversations, conversation), &count);
    find_window(r, cw.messages, items, count, &from, &to);
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    write_meta(r, conversation, &w);
    json_begin_array(&w, "payload");
    for (size_t i = from; i < to; i++) {
        message_write_listed(r->world, cw.messages, items[i], r->arena, &w);
        reply_served(reply, "messages", world_object(cw.messages, items[i])->id);
    }
    json_end_array(&w);
    json_end_object(&w);
}

void
messages_create(struct sandbox_request *r, struct sandbox_reply *reply, uint32_t conversation)
{
    yyjson_val *body = chatwoot_body(r, reply);
    if (body == NULL)
        return;
    struct str type = json_str(json_get_c(body, "message_type"));
    if (!yyjson_is_str(json_get_c(body, "content"))) {
        chatwoot_invalid(reply, STR("Content can't be blank"), STR("content"));
        return;
    }
    uint32_t index = chatwoot_add_message(r->world, conversation, clock_wall_us(r->world->clock),
                                          str_eq_c(type, "incoming") ? MESSAGE_INCOMING : MESSAGE_OUTGOING,
                                          json_to_text(r->arena, body));
    if (index == OBJECT_NONE) {
        chatwoot_error(reply, 500, "Out of memory");
        return;
    }
    struct json_writer w;
    struct collection *messages = chatwoot_of(r->world).messages;
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    message_write_listed(r->world, messages, index, r->arena, &w);
    reply_served(reply, "messages", world_object(messages, index)->id);
}
