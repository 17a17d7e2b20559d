/*
 * What a shop holds: products with variants, collections, customers, orders.
 */
#include "sandbox/shopify_priv.h"

#define PRODUCTS_DEFAULT 50
#define CUSTOMERS_DEFAULT 80
#define ORDERS_DEFAULT 30
#define COLLECTIONS_DEFAULT 8
#define VARIANTS_MAX 4

struct shopify
shopify_of(struct world *world)
{
    struct collection *c = world->collections;
    return (struct shopify){&c[0], &c[1], &c[2], &c[3], &c[4], &c[5]};
}

static bool
fill(struct world *world, struct collection *c, int64_t first_id, int64_t count)
{
    if (!world_fill(world, US_PER_S, c, first_id, count))
        return false;
    world->vendor_numbers[SHOP_NUMBER_STARTED + (c - world->collections)] = (int64_t)c->count;
    return true;
}

static bool
add_variants(struct world *world, uint32_t product)
{
    struct shopify s = shopify_of(world);
    int64_t at_us = world_object(s.products, product)->created_us;
    uint64_t count = 1 + people_mix(world->seed ^ 81, product) % VARIANTS_MAX;
    for (uint64_t i = 0; i < count; i++)
        if (world_add(world, s.variants, s.variants->count == 0 ? 808950810 : 0, at_us, product) == OBJECT_NONE)
            return false;
    return true;
}

bool
shopify_populate(struct world *world, const struct sandbox_core *core)
{
    struct collection *products = world_add_collection(world, "products", NULL);
    world_add_collection(world, "variants", products);
    struct collection *collections = world_add_collection(world, "collections", NULL);
    struct collection *customers = world_add_collection(world, "customers", NULL);
    struct collection *orders = world_add_collection(world, "orders", NULL);
    world_add_collection(world, "webhooks", NULL);
    if (!fill(world, products, 632910392, core_size(core, "shopify", "products", PRODUCTS_DEFAULT)) ||
        !fill(world, collections, 841564295, core_size(core, "shopify", "collections", COLLECTIONS_DEFAULT)) ||
        !fill(world, customers, 207119551, core_size(core, "shopify", "customers", CUSTOMERS_DEFAULT)) ||
        !fill(world, orders, 450789469, core_size(core, "shopify", "orders", ORDERS_DEFAULT)))
        return false;
    for (uint32_t i = 0; i < products->count; i++)
        if (!add_variants(world, i))
            return false;
    world->vendor_numbers[SHOP_NUMBER_STARTED + 1] = (int64_t)shopify_of(world).variants->count;
    return true;
}

uint32_t
shopify_create(struct world *world, struct collection *c, int64_t now_us)
{
    return world_add(world, c, 0, world_whole(US_PER_S, now_us), OBJECT_NONE);
}

uint32_t
shopify_create_product(struct world *world, struct collection *c, int64_t now_us)
{
    uint32_t index = shopify_create(world, c, now_us);
    return index != OBJECT_NONE && add_variants(world, index) ? index : OBJECT_NONE;
}
