/*
 * What a HubSpot account holds: contacts, companies, deals, tickets and the people who own them.
 */
#include "sandbox/hubspot_priv.h"

#define CONTACTS_DEFAULT 400
#define COMPANIES_DEFAULT 60
#define DEALS_DEFAULT 80
#define TICKETS_DEFAULT 50
#define OWNERS 5
#define OWNER_SPAN_DAYS 30

static const struct {
    const char *name, *singular, *type_id;
    int64_t first_id; /* apart from each other, so that a wrong look-up finds nothing */
} types[] = {
    {"contacts", "contact", "0-1", 201},
    {"companies", "company", "0-2", 9100000001},
    {"deals", "deal", "0-3", 17200000001},
    {"tickets", "ticket", "0-5", 25300000001},
    {"owners", "owner", "owner", 41629779},
};

struct hubspot
hubspot_of(struct world *world)
{
    struct collection *c = world->collections;
    return (struct hubspot){&c[0], &c[1], &c[2], &c[3], &c[4], &c[5], &c[6]};
}

struct collection *
hubspot_type(struct world *world, struct str name)
{
    for (size_t i = 0; i + 1 < ARRAY_LEN(types); i++)
        if (str_eq_c(name, types[i].name) || str_eq_c(name, types[i].singular) || str_eq_c(name, types[i].type_id))
            return &world->collections[i];
    return NULL;
}

bool
hubspot_populate(struct world *world, const struct sandbox_core *core)
{
    const int64_t sizes[] = {
        core_size(core, "hubspot", "contacts", CONTACTS_DEFAULT), core_size(core, "hubspot", "companies", COMPANIES_DEFAULT),
        core_size(core, "hubspot", "deals", DEALS_DEFAULT), core_size(core, "hubspot", "tickets", TICKETS_DEFAULT), OWNERS,
    };
    world->vendor_numbers[HS_NUMBER_COMPANIES] = sizes[1];
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct collection *c = world_add_collection(world, types[i].name, NULL);
        if (!world_fill(world, US_PER_MS, c, types[i].first_id, sizes[i]))
            return false;
    }
    return world_add_collection(world, "settings", NULL) != NULL && world_add_collection(world, "subscriptions", NULL) != NULL;
}

uint32_t
hubspot_create(struct world *world, struct collection *c, int64_t now_us)
{
    return world_add(world, c, 0, now_us - now_us % US_PER_MS, OBJECT_NONE);
}
