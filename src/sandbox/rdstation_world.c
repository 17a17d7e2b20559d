/*
 * What an RD Station account holds: contacts of Marketing, and contacts, companies and deals of the CRM.
 */
#include "base/check.h"
#include "sandbox/rdstation_priv.h"

#define CONTACTS_DEFAULT 80 /* one request each: fewer than a minute allows */
#define CRM_CONTACTS_DEFAULT 120
#define COMPANIES_DEFAULT 50
#define DEALS_DEFAULT 70
#define HEX_DIGITS 24

struct rdstation
rdstation_of(struct world *world)
{
    struct collection *c = world->collections;
    return (struct rdstation){&c[0], &c[1], &c[2], &c[3], &c[4], &c[5]};
}

static bool
fill(struct world *world, const char *name, int64_t first_id, int64_t count)
{
    struct collection *c = world_add_collection(world, name, NULL);
    return world_fill(world, US_PER_MS, c, first_id, count);
}

/* Four in five have converted at least once; the rest were imported. */
static void
set_conversions(struct world *world, struct collection *c)
{
    for (uint32_t i = 0; i < c->count; i++) {
        struct object *o = world_object(c, i);
        uint64_t random = people_mix(world->seed ^ 71, i);
        int64_t life_us = WORLD_NEWEST_US - o->created_us, later_us = (int64_t)(random >> 8) % (life_us / US_PER_MS + 1) * US_PER_MS;
        o->activity_us = random % 5 ? o->created_us + (later_us < 0 ? -later_us : later_us) : 0;
    }
}

bool
rdstation_populate(struct world *world, const struct sandbox_core *core)
{
    int64_t companies = core_size(core, "rdstation", "companies", COMPANIES_DEFAULT);
    world->vendor_numbers[RD_NUMBER_COMPANIES] = companies;
    if (!fill(world, "contacts", 501, core_size(core, "rdstation", "contacts", CONTACTS_DEFAULT)) ||
        !fill(world, "crm_contacts", 70001, core_size(core, "rdstation", "crm_contacts", CRM_CONTACTS_DEFAULT)) ||
        !fill(world, "companies", 80001, companies) ||
        !fill(world, "deals", 90001, core_size(core, "rdstation", "deals", DEALS_DEFAULT)))
        return false;
    set_conversions(world, rdstation_of(world).contacts);
    return fill(world, "webhooks", 1, 0) && fill(world, "crm_webhooks", 1, 0);
}

uint32_t
rdstation_create(struct world *world, struct collection *c, int64_t now_us)
{
    int64_t at_us = now_us - now_us % US_PER_MS;
    uint32_t index = world_add(world, c, 0, at_us, OBJECT_NONE);
    if (index != OBJECT_NONE && c == rdstation_of(world).contacts)
        world_object(c, index)->activity_us = at_us;
    return index;
}

void
rdstation_convert(struct world *world, struct collection *c, uint32_t index, int64_t now_us)
{
    world_object(c, index)->activity_us = now_us - now_us % US_PER_MS;
    world_touch(world, c, index);
}

struct str
rdstation_uuid(const struct world *world, const struct object *o, struct arena *a)
{
    char text[PEOPLE_UUID_BYTES];
    return str_copy(a, str_from_c(people_uuid(world->seed ^ 0x5244, (uint64_t)o->id, text)));
}

struct str
rdstation_hex(const struct object *o, struct arena *a)
{
    return str_format(a, "%08x%016llx", (unsigned)(o->created_us / US_PER_S), (unsigned long long)o->id);
}

uint32_t
rdstation_find_hex(struct collection *c, struct str hex)
{
    int64_t id = 0;
    if (hex.len != HEX_DIGITS)
        return OBJECT_NONE;
    for (size_t i = 8; i < hex.len; i++) {
        char digit = hex.ptr[i];
        bool letter = digit >= 'a' && digit <= 'f';
        if ((!letter && (digit < '0' || digit > '9')) || id > INT64_MAX / 16)
            return OBJECT_NONE;
        id = id * 16 + (letter ? digit - 'a' + 10 : digit - '0');
    }
    return world_find(c, id);
}
