/*
 * FBA inventory summaries: 50 a page, in the order of their ids. `pagination` is only there while more follows.
 */
#include "sandbox/amazon_priv.h"

#define PER_PAGE 50

static void
write_details(uint64_t random, uint32_t revision, int64_t *total_out, struct json_writer *w)
{
    int64_t here = (int64_t)((random >> 8) + revision * 7) % 400, held = (int64_t)(random >> 20) % 20;
    int64_t working = (int64_t)(random >> 28) % 30, shipped = (int64_t)(random >> 36) % 30, receiving = (int64_t)(random >> 44) % 10;
    *total_out = here + held + working + shipped + receiving;
    json_begin_object(w, "inventoryDetails");
    json_add_i64(w, "fulfillableQuantity", here);
    json_add_i64(w, "inboundWorkingQuantity", working);
    json_add_i64(w, "inboundShippedQuantity", shipped);
    json_add_i64(w, "inboundReceivingQuantity", receiving);
    json_begin_object(w, "reservedQuantity");
    json_add_i64(w, "totalReservedQuantity", held);
    json_add_i64(w, "pendingCustomerOrderQuantity", held);
    json_add_i64(w, "pendingTransshipmentQuantity", 0);
    json_add_i64(w, "fcProcessingQuantity", 0);
    json_end_object(w);
    json_end_object(w);
}

void
amazon_write_stock(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w)
{
    const struct object *stock = world_object(c, index);
    struct amazon_product product = amazon_product(world, stock->number, a);
    uint64_t random = amazon_random(world, c, index);
    int64_t total;
    json_begin_object(w, NULL);
    json_add_str(w, "asin", product.asin);
    json_add_str(w, "fnSku", product.fnsku);
    json_add_str(w, "sellerSku", product.sku);
    json_add_c(w, "condition", random % 20 == 0 ? "UsedVeryGood" : "NewItem");
    write_details(random, stock->revision, &total, w);
    json_add_str(w, "lastUpdatedTime", amazon_time(a, stock->updated_us));
    json_add_str(w, "productName", product.title);
    json_add_i64(w, "totalQuantity", total);
    json_end_object(w);
}

static bool
in_id_order(struct world *world, struct collection *c, uint32_t index, struct arena *scratch, const void *ctx, struct view_key *key_out)
{
    (void)world, (void)scratch, (void)ctx;
    key_out->number = world_object(c, index)->id;
    return true;
}

static void
write_granularity(struct sandbox_request *r, struct json_writer *w)
{
    json_begin_object(w, "granularity");
    json_add_c(w, "granularityType", "Marketplace");
    json_add_str(w, "granularityId", request_param(r, "granularityId"));
    json_end_object(w);
}

void
amazon_stock_list(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct json_writer w;
    struct collection *inventory = amazon_of(r->world).inventory;
    int64_t from = 0, to;
    bool asked = str_eq_c(request_param(r, "granularityType"), "Marketplace") && request_param(r, "granularityId").len &&
                 request_param(r, "marketplaceIds").len;
    if (!asked) {
        amazon_error(reply, 400, "InvalidInput", "granularityType, granularityId and marketplaceIds are required.", "");
        return;
    }
    if (!amazon_page(r, reply, "nextToken", &from))
        return;
    const struct view *view = world_view(r->world, inventory, STR("id"), in_id_order, NULL, false);
    bool ours = view && str_eq_c(request_param(r, "marketplaceIds"), AMAZON_MARKETPLACE);
    int64_t count = ours ? (int64_t)view->count : 0;
    to = from + PER_PAGE < count ? from + PER_PAGE : count;
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    if (to < count) {
        json_begin_object(&w, "pagination");
        json_add_str(&w, "nextToken", amazon_page_token(r->arena, to));
        json_end_object(&w);
    }
    json_begin_object(&w, "payload");
    write_granularity(r, &w);
    json_begin_array(&w, "inventorySummaries");
    for (int64_t i = from; i < to; i++) {
        amazon_write_stock(r->world, inventory, view->items[i], r->arena, &w);
        reply_served(reply, "inventory", world_object(inventory, view->items[i])->id);
    }
    json_end_array(&w);
    json_end_object(&w);
    json_end_object(&w);
}
