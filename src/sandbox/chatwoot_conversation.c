/*
 * Chatwoot's conversations: the list with its counts, one of them, and its status.
 *
 * Sources: app/finders/conversation_finder.rb (status `open` unless asked otherwise; counts are taken
 * before the assignee filter; updated_within gives everything, unpaged),
 * app/views/api/v1/conversations/partials/_conversation.json.jbuilder. The ids are display ids.
 */
#include "base/limits.h"
#include "sandbox/chatwoot_priv.h"

#define ME 1 /* the agent whose token it is */

static const char *const labels[] = {"vip", "entrega", "boleto", "billing", "troca"};
static const char *const priorities[] = {NULL, NULL, NULL, NULL, "low", "medium", "high", "urgent"};

static uint64_t
random_of(struct world *world, uint32_t index)
{
    struct collection *c = chatwoot_of(world).conversations;
    return chatwoot_random(world, c, world_object(c, index));
}

unsigned
conversation_assignee(struct world *world, uint32_t index)
{
    uint64_t random = random_of(world, index) >> 12;
    return random % 10 < 6 ? 1 + (unsigned)(random >> 8) % AGENTS : 0;
}

int64_t
conversation_inbox(struct world *world, uint32_t index, struct arena *a)
{
    uint32_t contact = world_object(chatwoot_of(world).conversations, index)->parent;
    unsigned inbox = contact == OBJECT_NONE ? 0 : contact_read(world, contact, a).inbox;
    return inbox ? inbox : INBOXES;
}

/* Two bits choose how many, an edit moves on to the next ones. */
static bool
has_label(struct world *world, uint32_t index, size_t label)
{
    uint64_t random = random_of(world, index) >> 20;
    uint32_t revision = world_object(chatwoot_of(world).conversations, index)->revision;
    size_t count = random % 4 == 3 ? 2 : random % 4 == 2 || revision > 0 ? 1 : 0;
    size_t first = ((random >> 8) + revision) % ARRAY_LEN(labels);
    return (label + ARRAY_LEN(labels) - first) % ARRAY_LEN(labels) < count;
}

void
conversation_write_labels(struct world *world, uint32_t index, struct json_writer *w)
{
    json_begin_array(w, "labels");
    for (size_t i = 0; i < ARRAY_LEN(labels); i++)
        if (has_label(world, index, i))
            json_add_c(w, NULL, labels[i]);
    json_end_array(w);
}

/* What the last messages of a conversation tell; OBJECT_NONE where there is none. */
struct tail {
    uint32_t last, last_talk;
    int64_t unread;          /* incoming ones after the last answer */
    int64_t first_reply_us, waiting_since_us;
};

static struct tail
read_tail(struct world *world, uint32_t index)
{
    struct chatwoot cw = chatwoot_of(world);
    struct tail tail = {.last = OBJECT_NONE, .last_talk = OBJECT_NONE};
    uint32_t i = world_object(cw.conversations, index)->first_child;
    for (; i != OBJECT_NONE; i = world_object(cw.messages, i)->next_sibling) {
        const struct object *message = world_object(cw.messages, i);
        if (message->deleted)
            continue;
        enum message_type type = message_type(message);
        tail.last = i;
        if (type != MESSAGE_ACTIVITY)
            tail.last_talk = i;
        if (type == MESSAGE_INCOMING) {
            if (tail.unread++ == 0)
                tail.waiting_since_us = message->created_us;
        } else if (type == MESSAGE_OUTGOING) {
            tail.unread = tail.waiting_since_us = 0;
            if (tail.first_reply_us == 0)
                tail.first_reply_us = message->created_us;
        }
    }
    return tail;
}

int64_t
conversation_unread(struct world *world, uint32_t index)
{
    return read_tail(world, index).unread;
}

static void
write_meta(struct world *world, uint32_t index, struct arena *a, struct json_writer *w)
{
    const struct object *object = world_object(chatwoot_of(world).conversations, index);
    unsigned assignee = conversation_assignee(world, index);
    json_begin_object(w, "meta");
    if (object->parent != OBJECT_NONE)
        contact_write(world, object->parent, a, false, w, "sender");
    json_add_c(w, "channel", inbox_channel((unsigned)conversation_inbox(world, index, a)));
    if (assignee)
        agent_write(world, assignee, a, w, "assignee");
    json_add_bool(w, "hmac_verified", false);
    json_end_object(w);
}

static void
write_messages(struct world *world, const struct tail *tail, struct arena *a, struct json_writer *w)
{
    json_begin_array(w, "messages");
    if (tail->last != OBJECT_NONE)
        message_write_event(world, tail->last, a, w, NULL);
    json_end_array(w);
}

static void
write_times(const struct object *object, const struct tail *tail, struct json_writer *w)
{
    char text[48];
    json_add_i64(w, "created_at", object->created_us / US_PER_S);
    int len = snprintf(text, sizeof(text), "%lld.%06d", (long long)(object->updated_us / US_PER_S),
                       (int)(object->updated_us % US_PER_S));
    json_add_raw(w, "updated_at", (struct str){text, (size_t)len});
    json_add_i64(w, "timestamp", object->activity_us / US_PER_S);
    json_add_i64(w, "first_reply_created_at", tail->first_reply_us / US_PER_S);
    json_add_i64(w, "unread_count", tail->unread);
}

static void
write_conversation(struct world *world, uint32_t index, struct arena *a, struct json_writer *w)
{
    const struct object *object = world_object(chatwoot_of(world).conversations, index);
    uint64_t random = random_of(world, index);
    struct tail tail = read_tail(world, index);
    char uuid[PEOPLE_UUID_BYTES];
    json_begin_object(w, NULL);
    write_meta(world, index, a, w);
    json_add_i64(w, "id", object->id);
    write_messages(world, &tail, a, w);
    json_add_i64(w, "account_id", world->account);
    json_add_c(w, "uuid", people_uuid(random, world->seed, uuid));
    json_add_raw(w, "additional_attributes", STR("{}"));
    json_add_i64(w, "agent_last_seen_at", tail.first_reply_us / US_PER_S);
    json_add_i64(w, "assignee_last_seen_at", 0);
    json_add_bool(w, "can_reply", true);
    json_add_i64(w, "contact_last_seen_at", 0);
    json_add_raw(w, "custom_attributes", STR("{}"));
    json_add_i64(w, "inbox_id", conversation_inbox(world, index, a));
    conversation_write_labels(world, index, w);
    json_add_bool(w, "muted", false);
    json_add_null(w, "snoozed_until");
    json_add_c(w, "status", chatwoot_statuses[object->state]);
    write_times(object, &tail, w);
    if (tail.last_talk != OBJECT_NONE)
        message_write_event(world, tail.last_talk, a, w, "last_non_activity_message");
    else
        json_add_null(w, "last_non_activity_message");
    json_add_i64(w, "last_activity_at", object->activity_us / US_PER_S);
    json_add_c(w, "priority", priorities[(random >> 52) % ARRAY_LEN(priorities)]);
    json_add_i64(w, "waiting_since", tail.waiting_since_us / US_PER_S);
    json_add_null(w, "sla_policy_id");
    json_end_object(w);
}

void
conversation_write_listed(struct world *world, struct collection *c, uint32_t index, struct arena *a,
                          struct json_writer *w)
{
    (void)c;
    write_conversation(world, index, a, w);
}

/* ---- lists ---- */

enum assignee_filter { ASSIGNEE_ALL, ASSIGNEE_ME, ASSIGNEE_NONE, ASSIGNEE_SOME };
static const char *const assignee_words[] = {"all", "me", "unassigned", "assigned"};

enum conversation_sort { BY_ACTIVITY, BY_CREATED, BY_PRIORITY, BY_WAITING, SORTS };
static const char *const sort_words[SORTS] = {"last_activity_at", "created_at", "priority", "waiting_since"};

#define LABELS_ASKED_MAX 8

struct conversation_query {
    int status;                 /* -1: all */
    int64_t inbox;              /* 0: all */
    int64_t contact;            /* index, -1: all */
    enum assignee_filter assignee;
    enum conversation_sort sort;
    bool descending;
    int64_t updated_since_us;   /* 0: whenever */
    struct str search;
    struct str labels[LABELS_ASKED_MAX];
    size_t label_count;
};

static bool
assignee_matches(enum assignee_filter filter, unsigned assignee)
{
    switch (filter) {
    case ASSIGNEE_ALL:
        return true;
    case ASSIGNEE_ME:
        return assignee == ME;
    case ASSIGNEE_NONE:
        return assignee == 0;
    case ASSIGNEE_SOME:
        return assignee != 0;
    }
    return false;
}

static bool
labels_match(struct world *world, uint32_t index, const struct conversation_query *q)
{
    for (size_t i = 0; i < q->label_count; i++)
        for (size_t k = 0; k < ARRAY_LEN(labels); k++)
            if (str_eq_c(q->labels[i], labels[k]) && has_label(world, index, k))
                return true;
    return q->label_count == 0;
}

static bool
search_matches(struct world *world, uint32_t index, struct str search, struct arena *a)
{
    struct chatwoot cw = chatwoot_of(world);
    uint32_t i = str_is_none(search) ? OBJECT_NONE : world_object(cw.conversations, index)->first_child;
    for (; i != OBJECT_NONE; i = world_object(cw.messages, i)->next_sibling)
        if (!world_object(cw.messages, i)->deleted && str_contains(message_content(world, i, a), search))
            return true;
    return str_is_none(search);
}

static int64_t
sort_number(struct world *world, uint32_t index, enum conversation_sort sort)
{
    const struct object *object = world_object(chatwoot_of(world).conversations, index);
    switch (sort) {
    case BY_ACTIVITY:
        return object->activity_us;
    case BY_CREATED:
        return object->created_us;
    case BY_PRIORITY:
        return (int64_t)((random_of(world, index) >> 52) % ARRAY_LEN(priorities));
    case BY_WAITING:
        return read_tail(world, index).waiting_since_us;
    case SORTS:
        break;
    }
    return 0;
}

static bool
conversation_key(struct world *world, struct collection *c, uint32_t index, struct arena *scratch, const void *ctx,
                 struct view_key *key_out)
{
    const struct conversation_query *q = ctx;
    const struct object *object = world_object(c, index);
    if (q->status >= 0 && object->state != q->status)
        return false;
    if (q->contact >= 0 && object->parent != (uint32_t)q->contact)
        return false;
    if (object->updated_us < q->updated_since_us || !assignee_matches(q->assignee, conversation_assignee(world, index)))
        return false;
    if (q->inbox != 0 && conversation_inbox(world, index, scratch) != q->inbox)
        return false;
    if (!labels_match(world, index, q) || !search_matches(world, index, q->search, scratch))
        return false;
    key_out->number = sort_number(world, index, q->sort);
    return true;
}

static void
read_status(struct sandbox_request *r, struct conversation_query *q)
{
    struct str status = request_param(r, "status");
    q->status = STATUS_OPEN;
    if (str_eq_c(status, "all") || !str_is_none(q->search)) /* a search looks everywhere */
        q->status = -1;
    for (int i = 0; i < STATUSES; i++)
        if (str_eq_c(status, chatwoot_statuses[i]))
            q->status = i;
}

static void
read_sort(struct sandbox_request *r, struct conversation_query *q)
{
    struct str sort = request_param(r, "sort_by");
    q->sort = BY_ACTIVITY;
    q->descending = true;
    for (int i = 0; i < SORTS; i++) {
        struct str word = str_from_c(sort_words[i]);
        if (!str_starts(sort, word))
            continue;
        q->sort = (enum conversation_sort)i;
        q->descending = !str_ends(sort, STR("_asc"));
    }
}

static struct conversation_query
read_query(struct sandbox_request *r)
{
    struct conversation_query q = {.search = request_param(r, "q"), .contact = -1};
    read_status(r, &q);
    read_sort(r, &q);
    q.inbox = request_number(r, "inbox_id", 1, INT64_MAX, 0);
    struct str assignee = request_param(r, "assignee_type");
    for (size_t i = 0; i < ARRAY_LEN(assignee_words); i++)
        if (str_eq_c(assignee, assignee_words[i]))
            q.assignee = (enum assignee_filter)i;
    int64_t within_s = request_number(r, "updated_within", 1, INT32_MAX, 0);
    if (within_s > 0)
        q.updated_since_us = clock_wall_us(r->world->clock) - within_s * US_PER_S;
    for (size_t i = 0; i < r->pair_count && q.label_count < LABELS_ASKED_MAX; i++)
        if (str_eq_c(r->pairs[i].name, "labels[]") || str_eq_c(r->pairs[i].name, "labels"))
            q.labels[q.label_count++] = r->pairs[i].value;
    return q;
}

/* The view's name is everything that it depends on. */
static const struct view *
find(struct sandbox_request *r, const struct conversation_query *q)
{
    struct buf name;
    buf_init(&name, 4096);
    buf_addf(&name, "%d:%lld:%lld:%d:%d%d:%.*s", q->status, (long long)q->inbox, (long long)q->contact,
             (int)q->assignee, (int)q->sort, q->descending, STR_ARG(q->search));
    for (size_t i = 0; i < q->label_count; i++)
        buf_addf(&name, ":%.*s", STR_ARG(q->labels[i]));
    bool lasting = q->updated_since_us == 0 && buf_ok(&name); /* else it changes with the clock */
    const struct view *view = world_view(r->world, chatwoot_of(r->world).conversations,
                                         lasting ? buf_str(&name) : STR_NONE, conversation_key, q, q->descending);
    buf_release(&name);
    return view;
}

static int64_t
count_with(struct sandbox_request *r, struct conversation_query q, enum assignee_filter assignee)
{
    q.assignee = assignee;
    const struct view *view = find(r, &q);
    return view ? (int64_t)view->count : 0;
}

static void
write_counts(struct sandbox_request *r, const struct conversation_query *q, struct json_writer *w)
{
    int64_t all = count_with(r, *q, ASSIGNEE_ALL), unassigned = count_with(r, *q, ASSIGNEE_NONE);
    json_begin_object(w, "meta");
    json_add_i64(w, "mine_count", count_with(r, *q, ASSIGNEE_ME));
    json_add_i64(w, "assigned_count", all - unassigned);
    json_add_i64(w, "unassigned_count", unassigned);
    json_add_i64(w, "all_count", all);
    json_end_object(w);
}

static void
write_page(struct sandbox_request *r, struct sandbox_reply *reply, const struct view *view, size_t from, size_t to,
           struct json_writer *w)
{
    json_begin_array(w, "payload");
    for (size_t i = from; i < to && i < view->count; i++) {
        write_conversation(r->world, view->items[i], r->arena, w);
        reply_served(reply, "conversations", world_object(chatwoot_of(r->world).conversations, view->items[i])->id);
    }
    json_end_array(w);
}

void
conversations_list(struct sandbox_request *r, struct sandbox_reply *reply, bool only_counts)
{
    struct conversation_query q = read_query(r);
    struct json_writer w;
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    if (!only_counts)
        json_begin_object(&w, "data");
    write_counts(r, &q, &w);
    const struct view *view = find(r, &q);
    if (view == NULL) {
        buf_clear(&reply->body);
        chatwoot_error(reply, 500, "Out of memory");
        return;
    }
    if (!only_counts) {
        size_t from = (size_t)(request_page(r, "page") - 1) * CONVERSATIONS_PER_PAGE;
        bool unpaged = q.updated_since_us > 0;
        write_page(r, reply, view, unpaged ? 0 : from, unpaged ? view->count : from + CONVERSATIONS_PER_PAGE, &w);
        json_end_object(&w);
    }
    json_end_object(&w);
}

#define OF_CONTACT_MAX 20

void
conversations_of_contact(struct sandbox_request *r, struct sandbox_reply *reply, uint32_t contact)
{
    struct conversation_query q = {.status = -1, .contact = contact, .search = STR_NONE, .descending = true};
    struct json_writer w;
    const struct view *view = find(r, &q);
    if (view == NULL) {
        chatwoot_error(reply, 500, "Out of memory");
        return;
    }
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    write_page(r, reply, view, 0, OF_CONTACT_MAX, &w);
    json_end_object(&w);
}

void
conversations_show(struct sandbox_request *r, struct sandbox_reply *reply, uint32_t index)
{
    struct json_writer w;
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    write_conversation(r->world, index, r->arena, &w);
    reply_served(reply, "conversations", world_object(chatwoot_of(r->world).conversations, index)->id);
}

static int
status_named(struct str name)
{
    for (int i = 0; i < STATUSES; i++)
        if (str_eq_c(name, chatwoot_statuses[i]))
            return i;
    return -1;
}

void
conversations_create(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct chatwoot cw = chatwoot_of(r->world);
    int64_t contact_id = 0, now_us = clock_wall_us(r->world->clock);
    yyjson_val *body = chatwoot_body(r, reply);
    if (body == NULL)
        return;
    bool named = json_to_i64(json_get_c(body, "contact_id"), &contact_id);
    uint32_t contact = named ? world_find(cw.contacts, contact_id) : OBJECT_NONE;
    uint32_t index = contact == OBJECT_NONE ? OBJECT_NONE : world_add(r->world, cw.conversations, 0, now_us, contact);
    if (index == OBJECT_NONE) {
        chatwoot_not_found(reply);
        return;
    }
    struct object *object = world_object(cw.conversations, index);
    int status = status_named(json_str(json_get_c(body, "status")));
    object->activity_us = now_us;
    object->state = (uint8_t)(status < 0 ? STATUS_OPEN : status);
    yyjson_val *message = json_get_c(body, "message");
    if (message != NULL)
        (void)chatwoot_add_message(r->world, index, now_us, MESSAGE_OUTGOING, json_to_text(r->arena, message));
    conversations_show(r, reply, index);
}

void
conversations_toggle(struct sandbox_request *r, struct sandbox_reply *reply, uint32_t index)
{
    struct collection *conversations = chatwoot_of(r->world).conversations;
    yyjson_val *body = chatwoot_body(r, reply);
    if (body == NULL)
        return;
    struct object *object = world_object(conversations, index);
    int status = status_named(json_str(json_get_c(body, "status")));
    if (status < 0) /* without one it toggles */
        status = object->state == STATUS_OPEN ? STATUS_RESOLVED : STATUS_OPEN;
    object->state = (uint8_t)status;
    object->activity_us = clock_wall_us(r->world->clock);
    world_touch(r->world, conversations, index);
    struct json_writer w;
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_add_raw(&w, "meta", STR("{}"));
    json_begin_object(&w, "payload");
    json_add_bool(&w, "success", true);
    json_add_c(&w, "current_status", chatwoot_statuses[status]);
    json_add_i64(&w, "conversation_id", object->id);
    json_end_object(&w);
    json_end_object(&w);
}
