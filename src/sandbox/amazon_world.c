/*
 * What a simulated Amazon seller has: orders with items, stock, financial events; and how it changes.
 *
 * As with the other vendors nothing is kept but rows; texts are made from (seed, number, revision). An order's edit
 * moves it on: pending, unshipped, shipped.
 */
#include "sandbox/amazon_priv.h"

#define ORDERS_DEFAULT 25   /* each costs a request for its items, of which 30 are free */
#define INVENTORY_DEFAULT 60
#define EVENTS_DEFAULT 40
#define ITEMS_MAX 3

struct amazon
amazon_of(struct world *world)
{
    struct collection *c = world->collections;
    return (struct amazon){&c[0], &c[1], &c[2], &c[3], &c[4]};
}

uint64_t
amazon_random(struct world *world, const struct collection *c, uint32_t index)
{
    uint64_t salt = people_mix(world->seed ^ 0xA3A, (uint64_t)(c - world->collections));
    return people_mix(salt, (uint64_t)c->objects[index].id);
}

struct str
amazon_time(struct arena *a, int64_t us)
{
    struct civil t = civil_from_us(us);
    return str_format(a, "%04d-%02d-%02dT%02d:%02d:%02dZ", t.year, t.month, t.day, t.hour, t.minute, t.second);
}

struct str
amazon_cents(struct arena *a, int64_t cents)
{
    int64_t amount = cents < 0 ? -cents : cents;
    return str_format(a, "%s%lld.%02d", cents < 0 ? "-" : "", (long long)(amount / 100), (int)(amount % 100));
}

struct str
amazon_order_id(struct arena *a, int64_t id)
{
    return str_format(a, "%03d-%07lld-%07lld", (int)(701 + id % 200), (long long)((id * 7919) % 10000000), (long long)(id % 10000000));
}

struct amazon_product
amazon_product(struct world *world, uint64_t number, struct arena *a)
{
    static const char *const things[] = {"Ceramic mug", "Desk lamp", "Yoga mat", "Travel adapter", "Coffee grinder",
                                         "Canvas backpack", "Wall clock", "Phone stand", "Bamboo board", "Water bottle"};
    static const char *const kinds[] = {"blue", "black", "large", "small", "set of two", "green", "white"};
    static const char digits[] = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    uint64_t random = people_mix(world->seed ^ 0xB0B, number), rest = random;
    char asin[11] = "B0", fnsku[11] = "X0";
    for (int i = 2; i < 10; i++, rest /= 34) {
        asin[i] = digits[rest % 34];
        fnsku[i] = digits[(rest >> 3) % 34];
    }
    return (struct amazon_product){
        .sku = str_format(a, "TM-%05llu", (unsigned long long)number + 1),
        .asin = str_copy(a, (struct str){asin, 10}),
        .fnsku = str_copy(a, (struct str){fnsku, 10}),
        .title = str_format(a, "%s, %s", things[random % 10], kinds[(random >> 8) % 7]),
        .price_cents = 499 + (int64_t)((random >> 16) % 9500),
    };
}

/* The time of the i-th of count objects, spread evenly with some noise; whole seconds. */
static uint32_t
add_order(struct world *world, int64_t at_us)
{
    struct amazon am = amazon_of(world);
    uint32_t index = world_add(world, am.orders, 0, at_us, OBJECT_NONE);
    if (index == OBJECT_NONE)
        return OBJECT_NONE;
    uint64_t random = amazon_random(world, am.orders, index);
    unsigned share = (unsigned)(random % 100);
    world_object(am.orders, index)->state = share < 10 ? 0 : share < 25 ? 1 : share < 95 ? 2 : 3;
    for (uint64_t i = 0; i <= (random >> 8) % ITEMS_MAX; i++)
        if (world_add(world, am.items, 0, at_us, index) == OBJECT_NONE)
            return OBJECT_NONE;
    return index;
}

bool
amazon_populate(struct world *world, const struct sandbox_core *core)
{
    struct collection *orders = world_add_collection(world, "orders", NULL);
    world_add_collection(world, "order_items", orders);
    struct collection *inventory = world_add_collection(world, "inventory", NULL);
    struct collection *events = world_add_collection(world, "events", NULL);
    world_add_collection(world, "codes", NULL);
    int64_t order_count = core_size(core, AMAZON_NAME, "orders", ORDERS_DEFAULT);
    int64_t stock_count = core_size(core, AMAZON_NAME, "inventory", INVENTORY_DEFAULT);
    int64_t event_count = core_size(core, AMAZON_NAME, "events", EVENTS_DEFAULT);
    world->vendor_numbers[OPERATIONS] = core_size(core, AMAZON_NAME, "quota", 1);
    for (int64_t i = 0; i < order_count; i++)
        if (add_order(world, world_spread(US_PER_S, world->seed, i, order_count)) == OBJECT_NONE)
            return false;
    for (int64_t i = 0; i < stock_count; i++)
        if (world_add(world, inventory, 0, world_spread(US_PER_S, world->seed ^ 3, i, stock_count), OBJECT_NONE) == OBJECT_NONE)
            return false;
    for (int64_t i = 0; i < event_count; i++)
        if (world_add(world, events, 0, world_spread(US_PER_S, world->seed ^ 5, i, event_count), OBJECT_NONE) == OBJECT_NONE)
            return false;
    return true;
}

uint32_t
amazon_create_order(struct world *world, struct collection *c, int64_t now_us)
{
    (void)c;
    return add_order(world, world_whole(US_PER_S, now_us));
}

uint32_t
amazon_create_stock(struct world *world, struct collection *c, int64_t now_us)
{
    return world_add(world, c, 0, world_whole(US_PER_S, now_us), OBJECT_NONE);
}

uint32_t
amazon_create_event(struct world *world, struct collection *c, int64_t now_us)
{
    return world_add(world, c, 0, world_whole(US_PER_S, now_us), OBJECT_NONE);
}
