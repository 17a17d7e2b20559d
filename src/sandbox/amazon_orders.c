/*
 * Orders v0: the list by last update or creation, one order, its items.
 *
 * Sorted oldest first by the time that was asked by; 100 a page; the token tells where the next page begins.
 */
#include "sandbox/amazon_priv.h"

#define PER_PAGE 100

static const char *const statuses[] = {
    [ORDER_PENDING] = "Pending", [ORDER_UNSHIPPED] = "Unshipped", [ORDER_SHIPPED] = "Shipped", [ORDER_CANCELLED] = "Canceled"};

/* ---- what both versions of the API tell, each in its words */

enum amazon_order_status
amazon_order_status(const struct object *order)
{
    unsigned at = order->state == ORDER_CANCELLED ? ORDER_CANCELLED : order->state + (order->revision > 2 ? 2 : order->revision);
    return order->state != ORDER_CANCELLED && at > ORDER_SHIPPED ? ORDER_SHIPPED : (enum amazon_order_status)at;
}

bool
amazon_order_is_by_vendor(struct world *world, uint32_t order)
{
    return amazon_random(world, amazon_of(world).orders, order) % 3 != 0;
}

struct amazon_line
amazon_line(struct world *world, uint32_t item, struct arena *a)
{
    struct amazon am = amazon_of(world);
    uint64_t products = am.inventory->count ? am.inventory->count : 60, random = amazon_random(world, am.items, item);
    const struct object *o = world_object(am.items, item);
    return (struct amazon_line){
        .id = str_format(a, "%014lld", (long long)o->id * 104729),
        .product = amazon_product(world, random % products, a),
        .quantity = 1 + (int64_t)((random >> 40) % 3),
        .shipped = amazon_order_status(world_object(am.orders, o->parent)) == ORDER_SHIPPED,
    };
}

static void
write_money(struct json_writer *w, const char *key, struct arena *a, int64_t cents)
{
    json_begin_object(w, key);
    json_add_c(w, "CurrencyCode", "USD");
    json_add_str(w, "Amount", amazon_cents(a, cents));
    json_end_object(w);
}

int64_t
amazon_order_cents(struct world *world, const struct object *order, struct arena *a, int64_t *pieces_out)
{
    struct amazon am = amazon_of(world);
    int64_t cents = 0;
    *pieces_out = 0;
    for (uint32_t i = order->first_child; i != OBJECT_NONE; i = world_object(am.items, i)->next_sibling) {
        struct amazon_line line = amazon_line(world, i, a);
        cents += line.product.price_cents * line.quantity;
        *pieces_out += line.quantity;
    }
    return cents;
}

/* ---- in the words of v0 */

void
amazon_write_order(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w)
{
    const struct object *order = world_object(c, index);
    bool by_vendor = amazon_order_is_by_vendor(world, index);
    enum amazon_order_status status = amazon_order_status(order);
    bool shipped = status == ORDER_SHIPPED;
    int64_t pieces, cents = amazon_order_cents(world, order, a, &pieces);
    json_begin_object(w, NULL);
    json_add_str(w, "AmazonOrderId", amazon_order_id(a, order->id));
    json_add_str(w, "PurchaseDate", amazon_time(a, order->created_us));
    json_add_str(w, "LastUpdateDate", amazon_time(a, order->updated_us));
    json_add_c(w, "OrderStatus", statuses[status]);
    json_add_c(w, "FulfillmentChannel", by_vendor ? "AFN" : "MFN");
    json_add_c(w, "SalesChannel", "Amazon.com");
    json_add_c(w, "ShipServiceLevel", by_vendor ? "Expedited" : "Std US D2D Dom");
    if (status != ORDER_PENDING) /* a pending order has no total yet */
        write_money(w, "OrderTotal", a, cents);
    json_add_i64(w, "NumberOfItemsShipped", shipped ? pieces : 0);
    json_add_i64(w, "NumberOfItemsUnshipped", shipped ? 0 : pieces);
    json_add_c(w, "PaymentMethod", "Other");
    json_add_raw(w, "PaymentMethodDetails", STR("[\"Standard\"]"));
    json_add_c(w, "MarketplaceId", AMAZON_MARKETPLACE);
    json_add_c(w, "ShipmentServiceLevelCategory", by_vendor ? "Expedited" : "Standard");
    json_add_c(w, "OrderType", "StandardOrder");
    json_add_str(w, "EarliestShipDate", amazon_time(a, order->created_us + US_PER_DAY));
    json_add_str(w, "LatestShipDate", amazon_time(a, order->created_us + 2 * US_PER_DAY));
    json_add_bool(w, "IsBusinessOrder", false);
    json_add_bool(w, "IsPrime", by_vendor);
    json_add_bool(w, "IsGlobalExpressEnabled", false);
    json_add_bool(w, "IsPremiumOrder", false);
    json_add_bool(w, "IsSoldByAB", false);
    json_add_bool(w, "IsISPU", false);
    json_end_object(w);
}

void
amazon_write_item(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w)
{
    struct amazon_line line = amazon_line(world, index, a);
    (void)c;
    json_begin_object(w, NULL);
    json_add_str(w, "ASIN", line.product.asin);
    json_add_str(w, "SellerSKU", line.product.sku);
    json_add_str(w, "OrderItemId", line.id);
    json_add_str(w, "Title", line.product.title);
    json_add_i64(w, "QuantityOrdered", line.quantity);
    json_add_i64(w, "QuantityShipped", line.shipped ? line.quantity : 0);
    write_money(w, "ItemPrice", a, line.product.price_cents * line.quantity);
    write_money(w, "ItemTax", a, line.product.price_cents * line.quantity / 10);
    json_add_c(w, "IsGift", "false");
    json_add_c(w, "ConditionId", "New");
    json_add_c(w, "ConditionSubtypeId", "New");
    json_end_object(w);
}

/* ---- the list ---- */

struct order_query {
    int64_t since_us, until_us;
    bool created;
};

static bool
order_key(struct world *world, struct collection *c, uint32_t index, struct arena *scratch, const void *ctx, struct view_key *key_out)
{
    const struct order_query *q = ctx;
    const struct object *order = world_object(c, index);
    (void)world, (void)scratch;
    key_out->number = q->created ? order->created_us : order->updated_us;
    key_out->number -= key_out->number % US_PER_S; /* as it is shown */
    return key_out->number >= q->since_us && key_out->number < q->until_us;
}

const struct view *
amazon_order_view(struct sandbox_request *r, struct sandbox_reply *reply, bool created, int64_t since_us, int64_t before_us)
{
    struct order_query q = {.created = created, .since_us = since_us, .until_us = before_us};
    const struct view *view = world_view(r->world, amazon_of(r->world).orders, STR_NONE, order_key, &q, false);
    if (!view)
        amazon_error(reply, 500, "InternalFailure", "Out of memory", "");
    return view;
}

static bool
read_query(struct sandbox_request *r, struct sandbox_reply *reply, struct order_query *q)
{
    struct str created = request_param(r, "CreatedAfter"), updated = request_param(r, "LastUpdatedAfter");
    int64_t now_us = clock_wall_us(r->world->clock);
    struct str since = str_is_none(created) ? updated : created;
    struct str until = request_param(r, str_is_none(created) ? "LastUpdatedBefore" : "CreatedBefore");
    *q = (struct order_query){.created = !str_is_none(created), .until_us = now_us};
    if (str_is_none(created) == str_is_none(updated) || !time_parse(since, &q->since_us) ||
        (!str_is_none(until) && !time_parse(until, &q->until_us))) {
        amazon_error(reply, 400, "InvalidInput", "Either the CreatedAfter parameter or the LastUpdatedAfter parameter is required.", "");
        return false;
    }
    if (request_param(r, "MarketplaceIds").len == 0) {
        amazon_error(reply, 400, "InvalidInput", "MarketplaceIds is required.", "");
        return false;
    }
    return true;
}

static void
write_list(struct sandbox_request *r, struct sandbox_reply *reply, const struct view *view, int64_t from, int64_t limit,
           struct json_writer *w)
{
    struct collection *orders = amazon_of(r->world).orders;
    int64_t to = from + limit;
    bool ours = str_contains(request_param(r, "MarketplaceIds"), STR(AMAZON_MARKETPLACE));
    json_begin_array(w, "Orders");
    for (int64_t i = from; ours && i < to && i < (int64_t)view->count; i++) {
        amazon_write_order(r->world, orders, view->items[i], r->arena, w);
        reply_served(reply, "orders", world_object(orders, view->items[i])->id);
    }
    json_end_array(w);
    if (ours && to < (int64_t)view->count)
        json_add_str(w, "NextToken", amazon_page_token(r->arena, to));
}

void
amazon_orders_list(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct json_writer w;
    struct order_query q;
    int64_t from = 0, limit = request_number(r, "MaxResultsPerPage", 1, PER_PAGE, PER_PAGE);
    if (!read_query(r, reply, &q) || !amazon_page(r, reply, "NextToken", &from))
        return;
    const struct view *view = amazon_order_view(r, reply, q.created, q.since_us, q.until_us);
    if (!view)
        return;
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_begin_object(&w, "payload");
    write_list(r, reply, view, from, limit, &w);
    json_add_str(&w, q.created ? "CreatedBefore" : "LastUpdatedBefore", amazon_time(r->arena, q.until_us));
    json_end_object(&w);
    json_end_object(&w);
}

/* ---- one order ---- */

uint32_t
amazon_order_find(struct world *world, struct str id, struct arena *a)
{
    struct collection *orders = amazon_of(world).orders;
    int64_t number;
    if (id.len != 19 || !str_to_i64(str_skip(id, 12), 0, INT64_MAX, &number))
        return OBJECT_NONE;
    uint32_t index = world_find(orders, number);
    return index != OBJECT_NONE && str_eq(amazon_order_id(a, number), id) ? index : OBJECT_NONE;
}

static void
write_items(struct sandbox_request *r, struct sandbox_reply *reply, uint32_t order, struct json_writer *w)
{
    struct amazon am = amazon_of(r->world);
    json_add_str(w, "AmazonOrderId", amazon_order_id(r->arena, world_object(am.orders, order)->id));
    json_begin_array(w, "OrderItems");
    for (uint32_t i = world_object(am.orders, order)->first_child; i != OBJECT_NONE; i = world_object(am.items, i)->next_sibling) {
        if (world_object(am.items, i)->deleted)
            continue;
        amazon_write_item(r->world, am.items, i, r->arena, w);
        reply_served(reply, "order_items", world_object(am.items, i)->id);
    }
    json_end_array(w);
}

void
amazon_order_show(struct sandbox_request *r, struct sandbox_reply *reply, struct str id, bool items)
{
    struct json_writer w;
    uint32_t index = amazon_order_find(r->world, id, r->arena);
    if (index == OBJECT_NONE) {
        amazon_error(reply, 404, "InvalidInput", "The requested order does not exist.", "");
        return;
    }
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    if (items) {
        json_begin_object(&w, "payload");
        write_items(r, reply, index, &w);
        json_end_object(&w);
    } else {
        json_add_key(&w, STR("payload"));
        amazon_write_order(r->world, amazon_of(r->world).orders, index, r->arena, &w);
        reply_served(reply, "orders", world_object(amazon_of(r->world).orders, index)->id);
    }
    json_end_object(&w);
}
