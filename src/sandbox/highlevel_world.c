/*
 * What a HighLevel location holds: contacts, a conversation for some of them, messages, two calendars.
 */
#include "base/hash.h"
#include "sandbox/highlevel_priv.h"

#define CONTACTS_DEFAULT 400
#define CONVERSATIONS_DEFAULT 80
#define MESSAGES_DEFAULT 6
#define OPPORTUNITIES_DEFAULT 130
#define APPOINTMENTS_DEFAULT 60
#define ID_NOISE 12
#define ID_DIGITS 8

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
#define ALPHABET (sizeof(alphabet) - 1)

struct highlevel
highlevel_of(struct world *world)
{
    struct collection *c = world->collections;
    return (struct highlevel){&c[0], &c[1], &c[2], &c[3], &c[4], &c[5], &c[6], &c[7], &c[8]};
}

const char *
highlevel_id(const struct world *world, const struct collection *c, int64_t id, char text[static HL_ID_BYTES])
{
    uint64_t noise = people_mix(people_mix(world->seed, (uint64_t)(c - world->collections) + 71), (uint64_t)id);
    for (int i = 0; i < ID_NOISE; i++, noise = people_mix(noise, (uint64_t)i))
        text[i] = alphabet[noise % ALPHABET];
    for (int i = ID_NOISE + ID_DIGITS - 1; i >= ID_NOISE; i--, id /= (int64_t)ALPHABET)
        text[i] = alphabet[(uint64_t)id % ALPHABET];
    text[ID_NOISE + ID_DIGITS] = '\0';
    return text;
}

uint32_t
highlevel_find(struct world *world, struct collection *c, struct str id)
{
    char text[HL_ID_BYTES];
    int64_t number = 0;
    if (id.len != ID_NOISE + ID_DIGITS)
        return OBJECT_NONE;
    for (size_t i = ID_NOISE; i < id.len; i++) {
        const char *at = memchr(alphabet, id.ptr[i], ALPHABET);
        if (at == NULL)
            return OBJECT_NONE;
        number = number * (int64_t)ALPHABET + (at - alphabet);
    }
    return str_eq_c(id, highlevel_id(world, c, number, text)) ? world_find(c, number) : OBJECT_NONE;
}

/* ---- locations: each is an account */

static int64_t
account_of(struct str location)
{
    if (str_eq_c(location, HL_LOCATION_DEFAULT))
        return 1;
    return (int64_t)(hash_add(HASH_START, location) >> 2) + 2;
}

struct world *
highlevel_location(struct sandbox_request *r, struct str location)
{
    if (location.len == 0 || location.len > 64)
        return NULL;
    struct world *world = request_world(r, account_of(location));
    if (world == NULL)
        return NULL;
    struct collection *locations = highlevel_of(world).locations;
    if (locations->count == 0 && world_add_written(world, locations, WORLD_NEWEST_US - WORLD_SPAN_US, OBJECT_NONE, location) == OBJECT_NONE)
        return NULL;
    return world;
}

struct str
highlevel_location_of(struct world *world)
{
    struct collection *locations = highlevel_of(world).locations;
    const struct object *o = locations->count ? world_object(locations, 0) : NULL;
    return o ? (struct str){o->written, o->written_bytes} : STR(HL_LOCATION_DEFAULT);
}

/* ---- at the start */

static uint32_t
add_message(struct world *world, uint32_t conversation, int64_t at_us, bool outbound, struct str written)
{
    struct highlevel hl = highlevel_of(world);
    uint32_t index = str_is_none(written) ? world_add(world, hl.messages, 0, at_us, conversation)
                                          : world_add_written(world, hl.messages, at_us, conversation, written);
    if (index == OBJECT_NONE)
        return OBJECT_NONE;
    world_object(hl.messages, index)->state = outbound;
    struct object *talk = world_object(hl.conversations, conversation);
    if (talk->activity_us < at_us)
        talk->activity_us = at_us;
    if (talk->updated_us < at_us)
        talk->updated_us = at_us;
    return index;
}

uint32_t
highlevel_add_message(struct world *world, uint32_t conversation, int64_t at_us, bool outbound, struct str written)
{
    uint32_t index = add_message(world, conversation, at_us, outbound, written);
    if (index != OBJECT_NONE)
        world_touch(world, highlevel_of(world).conversations, conversation);
    return index;
}

static bool
populate_messages(struct world *world, uint32_t conversation, int64_t mean)
{
    uint64_t random = people_mix(world->seed ^ 31, conversation);
    int64_t count = mean > 0 ? 1 + (int64_t)(random % (uint64_t)(2 * mean)) : 0;
    int64_t at_us = world_object(highlevel_of(world).conversations, conversation)->created_us;
    for (int64_t i = 0; i < count; i++) {
        uint64_t step = people_mix(random, (uint64_t)i);
        if (add_message(world, conversation, at_us, step % 2 == 1, STR_NONE) == OBJECT_NONE)
            return false;
        at_us += (1 + (int64_t)(step >> 40) % 5000000) * US_PER_MS;
    }
    return true;
}

uint32_t
highlevel_contact_of(struct world *world, const struct object *o)
{
    uint64_t contacts = highlevel_of(world).contacts->count;
    return (uint32_t)(people_mix(world->seed ^ 43, (uint64_t)o->id) % (contacts ? contacts : 1));
}

/* Each belongs to a contact; without any there are none. */
static bool
populate_children(struct world *world, struct collection *c, int64_t count, int64_t people)
{
    for (int64_t i = 0; people > 0 && i < count; i++)
        if (world_add(world, c, 0, world_spread(US_PER_MS, world->seed, i, count), OBJECT_NONE) == OBJECT_NONE)
            return false;
    return true;
}

bool
highlevel_populate(struct world *world, const struct sandbox_core *core)
{
    struct collection *contacts = world_add_collection(world, "contacts", NULL);
    struct collection *conversations = world_add_collection(world, "conversations", contacts);
    world_add_collection(world, "messages", conversations);
    struct collection *calendars = world_add_collection(world, "calendars", NULL);
    world_add_collection(world, "slots", calendars);
    world_add_collection(world, "locations", NULL);
    world_add_collection(world, "opportunities", NULL);
    world_add_collection(world, "appointments", NULL);
    world_add_collection(world, "webhooks", NULL);
    int64_t people = core_size(core, "gohighlevel", "contacts", CONTACTS_DEFAULT);
    int64_t talks = core_size(core, "gohighlevel", "conversations", CONVERSATIONS_DEFAULT);
    int64_t mean = core_size(core, "gohighlevel", "messages", MESSAGES_DEFAULT);
    for (int64_t i = 0; i < people; i++)
        if (world_add(world, contacts, 0, world_spread(US_PER_MS, world->seed, i, people), OBJECT_NONE) == OBJECT_NONE)
            return false;
    /* The vendor has one conversation for a contact. */
    for (int64_t i = 0; i < talks && i < people; i++) {
        uint32_t contact = (uint32_t)(i * people / talks);
        int64_t at_us = world_object(contacts, contact)->created_us + US_PER_MINUTE;
        uint32_t index = world_add(world, conversations, 0, at_us, contact);
        if (index == OBJECT_NONE)
            return false;
        world_object(conversations, index)->activity_us = at_us;
        if (!populate_messages(world, index, mean))
            return false;
    }
    int64_t opportunities = core_size(core, "gohighlevel", "opportunities", OPPORTUNITIES_DEFAULT);
    int64_t appointments = core_size(core, "gohighlevel", "appointments", APPOINTMENTS_DEFAULT);
    if (!populate_children(world, highlevel_of(world).opportunities, opportunities, people) ||
        !populate_children(world, highlevel_of(world).appointments, appointments, people))
        return false;
    return world_add(world, calendars, 0, WORLD_NEWEST_US - WORLD_SPAN_US, OBJECT_NONE) != OBJECT_NONE &&
           world_add(world, calendars, 0, WORLD_NEWEST_US - WORLD_SPAN_US, OBJECT_NONE) != OBJECT_NONE;
}

/* ---- by chance */

static uint32_t
any_live(struct world *world, struct collection *c)
{
    for (int i = 0; i < 64 && c->live > 0; i++) {
        uint32_t index = (uint32_t)rng_below(&world->rng, c->count);
        if (!world_object(c, index)->deleted)
            return index;
    }
    return OBJECT_NONE;
}

uint32_t
highlevel_create_contact(struct world *world, struct collection *c, int64_t now_us)
{
    return world_add(world, c, 0, now_us - now_us % US_PER_MS, OBJECT_NONE);
}

uint32_t
highlevel_create_conversation(struct world *world, struct collection *c, int64_t now_us)
{
    uint32_t contact = highlevel_create_contact(world, highlevel_of(world).contacts, now_us);
    uint32_t index = contact == OBJECT_NONE ? OBJECT_NONE : world_add(world, c, 0, now_us - now_us % US_PER_MS, contact);
    return index == OBJECT_NONE || highlevel_add_message(world, index, now_us, false, STR_NONE) == OBJECT_NONE ? OBJECT_NONE : index;
}

uint32_t
highlevel_create_message(struct world *world, struct collection *c, int64_t now_us)
{
    (void)c;
    uint32_t conversation = any_live(world, highlevel_of(world).conversations);
    return conversation == OBJECT_NONE ? OBJECT_NONE : highlevel_add_message(world, conversation, now_us, false, STR_NONE);
}

void
highlevel_touch_conversation(struct world *world, struct collection *c, uint32_t index, int64_t now_us)
{
    (void)c;
    (void)highlevel_add_message(world, index, now_us, false, STR_NONE);
}
