/*
 * What a Zendesk account holds: users, organizations, tickets, and comments below the tickets.
 */
#include "sandbox/zendesk_priv.h"

#define USERS_DEFAULT 300
#define ORGANIZATIONS_DEFAULT 40
#define TICKETS_DEFAULT 60
#define COMMENTS_DEFAULT 3

struct zendesk
zendesk_of(struct world *world)
{
    struct collection *c = world->collections;
    return (struct zendesk){&c[0], &c[1], &c[2], &c[3], &c[4]};
}

static bool
add_comments(struct world *world, uint32_t ticket, int64_t mean)
{
    struct zendesk zd = zendesk_of(world);
    int64_t at_us = world_object(zd.tickets, ticket)->created_us;
    int64_t count = mean > 0 ? 1 + (int64_t)(people_mix(world->seed ^ 67, ticket) % (uint64_t)(2 * mean)) : 0;
    for (int64_t i = 0; i < count; i++, at_us += 7 * US_PER_MINUTE)
        if (world_add(world, zd.comments, zd.comments->count == 0 ? 18399000000001 : 0, at_us, ticket) == OBJECT_NONE)
            return false;
    return true;
}

bool
zendesk_populate(struct world *world, const struct sandbox_core *core)
{
    struct collection *users = world_add_collection(world, "users", NULL);
    struct collection *organizations = world_add_collection(world, "organizations", NULL);
    struct collection *tickets = world_add_collection(world, "tickets", NULL);
    world_add_collection(world, "ticket_comments", tickets);
    world_add_collection(world, "webhooks", NULL);
    if (!world_fill(world, US_PER_S, users, 18200000000001, core_size(core, "zendesk", "users", USERS_DEFAULT)) ||
        !world_fill(world, US_PER_S, organizations, 18416000000001, core_size(core, "zendesk", "organizations", ORGANIZATIONS_DEFAULT)) ||
        !world_fill(world, US_PER_S, tickets, 1, core_size(core, "zendesk", "tickets", TICKETS_DEFAULT)))
        return false;
    world->vendor_numbers[ZD_NUMBER_USERS] = (int64_t)users->count;
    world->vendor_numbers[ZD_NUMBER_USERS + 1] = (int64_t)organizations->count;
    int64_t mean = core_size(core, "zendesk", "comments", COMMENTS_DEFAULT);
    for (uint32_t i = 0; i < tickets->count; i++)
        if (!add_comments(world, i, mean))
            return false;
    return true;
}

uint32_t
zendesk_create(struct world *world, struct collection *c, int64_t now_us)
{
    return world_add(world, c, 0, world_whole(US_PER_S, now_us), OBJECT_NONE);
}

uint32_t
zendesk_create_ticket(struct world *world, struct collection *c, int64_t now_us)
{
    uint32_t index = zendesk_create(world, c, now_us);
    bool ok = index != OBJECT_NONE && world_add(world, zendesk_of(world).comments, 0, world_whole(US_PER_S, now_us), index) != OBJECT_NONE;
    return ok ? index : OBJECT_NONE;
}

void
zendesk_touch_ticket(struct world *world, struct collection *c, uint32_t index, int64_t now_us)
{
    (void)c;
    if (world_add(world, zendesk_of(world).comments, 0, world_whole(US_PER_S, now_us), index) != OBJECT_NONE)
        world_touch(world, zendesk_of(world).tickets, index);
}
