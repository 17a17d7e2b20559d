/*
 * What a Chatwoot account holds: contacts, their conversations, the messages in them; and how it changes.
 *
 * Rows are laid out over the 400 days before WORLD_NEWEST_US, so that ids and times grow together as in a
 * real account. A conversation belongs to a contact that was there before it. Deleting a contact takes its
 * conversations along (dependent: destroy in the model).
 */
#include "base/check.h"
#include "sandbox/chatwoot_priv.h"

#define CONTACTS_DEFAULT 1000
#define CONVERSATIONS_DEFAULT 300
#define MESSAGES_DEFAULT 8
#define LONG_CONVERSATION 10 /* one in 32 has so many times the messages, so that paging back is needed */

const char *const chatwoot_statuses[STATUSES] = {"open", "resolved", "pending", "snoozed"};

struct chatwoot
chatwoot_of(struct world *world)
{
    return (struct chatwoot){&world->collections[0], &world->collections[1], &world->collections[2],
                             &world->collections[3]};
}

uint64_t
chatwoot_random(const struct world *world, const struct collection *c, const struct object *object)
{
    uint64_t salt = people_mix(world->seed, (uint64_t)(c - world->collections));
    return people_mix(salt, (uint64_t)object->id);
}

/* The time of the i-th of count objects, spread evenly with some noise. */
static bool
populate_contacts(struct world *world, struct collection *contacts, int64_t count, bool off_spec)
{
    for (int64_t i = 0; i < count; i++) {
        uint64_t random = people_mix(world->seed ^ 11, (uint64_t)i);
        int64_t gap = random % 8 == 0 ? (int64_t)(random >> 8) % 3 : 0; /* deleted long ago */
        uint32_t index = world_add(world, contacts, contacts->next_id + gap, world_spread(1, world->seed, i, count), OBJECT_NONE);
        if (index == OBJECT_NONE)
            return false;
        struct object *contact = world_object(contacts, index);
        uint64_t left = (uint64_t)(WORLD_NEWEST_US - contact->created_us);
        bool silent = off_spec && (random >> 20) % 50 == 0;
        contact->activity_us = silent ? 0 : contact->created_us + (int64_t)((random >> 16) % (left + 1));
    }
    return true;
}

static enum message_type
choose_type(uint64_t random, int64_t position)
{
    unsigned share = (unsigned)(random % 100);
    if (position == 0 || share < 48)
        return MESSAGE_INCOMING;
    return share < 90 ? MESSAGE_OUTGOING : share < 98 ? MESSAGE_ACTIVITY : MESSAGE_TEMPLATE;
}

/* Raises the activity of a conversation and, where the customer wrote, of the contact. */
static void
raise_activity(struct world *world, uint32_t conversation, int64_t at_us, enum message_type type)
{
    struct chatwoot cw = chatwoot_of(world);
    struct object *object = world_object(cw.conversations, conversation);
    object->activity_us = at_us;
    if (object->updated_us < at_us)
        object->updated_us = at_us;
    if (object->parent == OBJECT_NONE || type != MESSAGE_INCOMING)
        return;
    struct object *contact = world_object(cw.contacts, object->parent);
    if (contact->activity_us < at_us)
        contact->activity_us = at_us;
}

static uint32_t
add_message(struct world *world, uint32_t conversation, int64_t at_us, enum message_type type)
{
    struct collection *messages = chatwoot_of(world).messages;
    uint32_t index = world_add(world, messages, 0, at_us, conversation);
    if (index == OBJECT_NONE)
        return OBJECT_NONE;
    struct object *message = world_object(messages, index);
    bool private = type == MESSAGE_OUTGOING && chatwoot_random(world, messages, message) % 12 == 0;
    message->state = (uint8_t)((unsigned)type | (private ? MESSAGE_PRIVATE : 0));
    message->activity_us = at_us;
    raise_activity(world, conversation, at_us, type);
    return index;
}

static bool
populate_messages(struct world *world, uint32_t conversation, int64_t mean)
{
    struct collection *conversations = chatwoot_of(world).conversations;
    struct object *object = world_object(conversations, conversation);
    uint64_t random = chatwoot_random(world, conversations, object);
    int64_t count = mean > 0 ? 1 + (int64_t)(random % (uint64_t)(2 * mean)) : 0;
    int64_t at_us = object->created_us;
    if ((random >> 24) % 32 == 0)
        count *= LONG_CONVERSATION;
    for (int64_t i = 0; i < count; i++) {
        uint64_t step = people_mix(random, (uint64_t)i);
        if (add_message(world, conversation, at_us, choose_type(step, i)) == OBJECT_NONE)
            return false;
        at_us += (int64_t)(step >> 32) % (20 * US_PER_MINUTE);
    }
    return true;
}

static uint8_t
choose_status(uint64_t random, bool off_spec)
{
    unsigned share = (unsigned)(random % 100);
    if (share >= 97 && off_spec)
        return STATUS_SNOOZED; /* real, but missing from the enum of the OpenAPI file */
    return share < 40 ? STATUS_OPEN : share < 90 ? STATUS_RESOLVED : STATUS_PENDING;
}

static bool
populate_conversations(struct world *world, int64_t count, int64_t mean_messages, bool off_spec)
{
    struct chatwoot cw = chatwoot_of(world);
    for (int64_t i = 0; i < count && cw.contacts->count > 0; i++) {
        int64_t before = (int64_t)cw.contacts->count * (i + 1) / (count + 1);
        uint64_t random = people_mix(world->seed ^ 13, (uint64_t)i);
        uint32_t contact = before > 0 ? (uint32_t)(random % (uint64_t)before) : 0;
        int64_t created_us = world_spread(1, world->seed ^ 17, i, count);
        uint32_t index = world_add(world, cw.conversations, 0, created_us, contact);
        if (index == OBJECT_NONE)
            return false;
        struct object *object = world_object(cw.conversations, index);
        object->state = choose_status(random >> 32, off_spec);
        object->activity_us = created_us;
        if (!populate_messages(world, index, mean_messages))
            return false;
    }
    return true;
}

bool
chatwoot_populate(struct world *world, const struct sandbox_core *core)
{
    struct collection *contacts = world_add_collection(world, "contacts", NULL);
    struct collection *conversations = world_add_collection(world, "conversations", contacts);
    world_add_collection(world, "messages", conversations);
    world_add_collection(world, "webhooks", NULL);
    bool off_spec = core_off_spec(core);
    int64_t contact_count = core_size(core, "chatwoot", "contacts", CONTACTS_DEFAULT);
    int64_t conversation_count = core_size(core, "chatwoot", "conversations", CONVERSATIONS_DEFAULT);
    int64_t mean_messages = core_size(core, "chatwoot", "messages", MESSAGES_DEFAULT);
    return populate_contacts(world, contacts, contact_count, off_spec) &&
        populate_conversations(world, conversation_count, mean_messages, off_spec);
}

uint32_t
chatwoot_add_message(struct world *world, uint32_t conversation, int64_t now_us, enum message_type type,
                     struct str written)
{
    struct chatwoot cw = chatwoot_of(world);
    uint32_t index;
    if (str_is_none(written)) {
        index = add_message(world, conversation, now_us, type);
    } else {
        index = world_add_written(world, cw.messages, now_us, conversation, written);
        if (index != OBJECT_NONE) {
            world_object(cw.messages, index)->state = (uint8_t)type;
            raise_activity(world, conversation, now_us, type);
        }
    }
    if (index != OBJECT_NONE)
        world_touch(world, cw.conversations, conversation);
    return index;
}

uint32_t
chatwoot_create_contact(struct world *world, struct collection *c, int64_t now_us)
{
    uint32_t index = world_add(world, c, 0, now_us, OBJECT_NONE);
    if (index != OBJECT_NONE)
        world_object(c, index)->activity_us = now_us;
    return index;
}

/* Some live object of a collection, or OBJECT_NONE. Bounded: after a few misses the first live one. */
static uint32_t
any_live(struct world *world, struct collection *c)
{
    for (int i = 0; i < 64 && c->live > 0; i++) {
        uint32_t index = (uint32_t)rng_below(&world->rng, c->count);
        if (!world_object(c, index)->deleted)
            return index;
    }
    for (uint32_t i = 0; c->live > 0 && i < c->count; i++)
        if (!world_object(c, i)->deleted)
            return i;
    return OBJECT_NONE;
}

uint32_t
chatwoot_create_conversation(struct world *world, struct collection *c, int64_t now_us)
{
    uint32_t contact = any_live(world, chatwoot_of(world).contacts);
    uint32_t index = contact == OBJECT_NONE ? OBJECT_NONE : world_add(world, c, 0, now_us, contact);
    if (index == OBJECT_NONE)
        return OBJECT_NONE;
    return chatwoot_add_message(world, index, now_us, MESSAGE_INCOMING, STR_NONE) == OBJECT_NONE ? OBJECT_NONE : index;
}

uint32_t
chatwoot_create_message(struct world *world, struct collection *c, int64_t now_us)
{
    (void)c;
    uint32_t conversation = any_live(world, chatwoot_of(world).conversations);
    return conversation == OBJECT_NONE
        ? OBJECT_NONE
        : chatwoot_add_message(world, conversation, now_us, MESSAGE_INCOMING, STR_NONE);
}

void
chatwoot_touch_contact(struct world *world, struct collection *c, uint32_t index, int64_t now_us)
{
    (void)world;
    world_object(c, index)->activity_us = now_us;
}

void
chatwoot_touch_conversation(struct world *world, struct collection *c, uint32_t index, int64_t now_us)
{
    (void)c;
    (void)chatwoot_add_message(world, index, now_us, MESSAGE_INCOMING, STR_NONE);
}
