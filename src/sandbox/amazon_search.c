/*
 * Orders 2026-01-01: the search by last update or creation, and one order; items stand inside their order.
 *
 * Of an order only what `includedData` names is told beside its bare facts. A search bound must lie two minutes in the
 * past. Source: orders_2026-01-01.json.
 */
#include "sandbox/amazon_priv.h"

#define PER_PAGE 100

static const char *const statuses[] = {
    [ORDER_PENDING] = "PENDING", [ORDER_UNSHIPPED] = "UNSHIPPED", [ORDER_SHIPPED] = "SHIPPED", [ORDER_CANCELLED] = "CANCELLED"};

/* What a request wants told of each order. */
struct wanted {
    bool buyer, recipient, proceeds, fulfillment;
};

static struct wanted
wanted_of(const struct sandbox_request *r)
{
    struct wanted wanted = {0};
    struct str rest = request_param(r, "includedData"), one;
    while (rest.len > 0) {
        str_cut(rest, ',', &one, &rest);
        wanted.buyer |= str_eq_c(one, "BUYER");
        wanted.recipient |= str_eq_c(one, "RECIPIENT");
        wanted.proceeds |= str_eq_c(one, "PROCEEDS");
        wanted.fulfillment |= str_eq_c(one, "FULFILLMENT");
    }
    return wanted;
}

static void
write_money(struct json_writer *w, const char *key, struct arena *a, int64_t cents)
{
    json_begin_object(w, key);
    json_add_str(w, "amount", amazon_cents(a, cents));
    json_add_c(w, "currencyCode", "USD");
    json_end_object(w);
}

/* ---- an item */

static void
write_product(struct json_writer *w, struct arena *a, const struct amazon_product *product)
{
    json_begin_object(w, "product");
    json_add_str(w, "asin", product->asin);
    json_add_str(w, "title", product->title);
    json_add_str(w, "sellerSku", product->sku);
    json_begin_object(w, "condition");
    json_add_c(w, "conditionType", "NEW");
    json_add_c(w, "conditionSubtype", "NEW");
    json_end_object(w);
    json_begin_object(w, "price");
    write_money(w, "unitPrice", a, product->price_cents);
    json_end_object(w);
    json_end_object(w);
}

static void
write_item_proceeds(struct json_writer *w, struct arena *a, int64_t cents)
{
    json_begin_object(w, "proceeds");
    write_money(w, "proceedsTotal", a, cents);
    json_begin_array(w, "breakdowns");
    json_begin_object(w, NULL);
    json_add_c(w, "type", "ITEM");
    write_money(w, "subtotal", a, cents);
    json_end_object(w);
    json_end_array(w);
    json_end_object(w);
}

static void
write_item(struct world *world, uint32_t index, struct wanted wanted, struct arena *a, struct json_writer *w)
{
    struct amazon_line line = amazon_line(world, index, a);
    json_begin_object(w, NULL);
    json_add_str(w, "orderItemId", line.id);
    json_add_i64(w, "quantityOrdered", line.quantity);
    write_product(w, a, &line.product);
    if (wanted.proceeds)
        write_item_proceeds(w, a, line.product.price_cents * line.quantity);
    if (wanted.fulfillment) {
        json_begin_object(w, "fulfillment");
        json_add_i64(w, "quantityFulfilled", line.shipped ? line.quantity : 0);
        json_add_i64(w, "quantityUnfulfilled", line.shipped ? 0 : line.quantity);
        json_end_object(w);
    }
    json_end_object(w);
}

/* ---- an order */

static void
write_channel(struct json_writer *w)
{
    json_begin_object(w, "salesChannel");
    json_add_c(w, "channelName", "AMAZON");
    json_add_c(w, "marketplaceId", AMAZON_MARKETPLACE);
    json_add_c(w, "marketplaceName", "Amazon.com");
    json_end_object(w);
}

static void
write_fulfillment(struct world *world, uint32_t index, struct arena *a, struct json_writer *w)
{
    const struct object *order = world_object(amazon_of(world).orders, index);
    bool by_vendor = amazon_order_is_by_vendor(world, index);
    json_begin_object(w, "fulfillment");
    json_add_c(w, "fulfillmentStatus", statuses[amazon_order_status(order)]);
    json_add_c(w, "fulfilledBy", by_vendor ? "AMAZON" : "MERCHANT");
    json_add_c(w, "fulfillmentServiceLevel", by_vendor ? "EXPEDITED" : "STANDARD");
    json_begin_object(w, "shipByWindow");
    json_add_str(w, "earliestDateTime", amazon_time(a, order->created_us + US_PER_DAY));
    json_add_str(w, "latestDateTime", amazon_time(a, order->created_us + 2 * US_PER_DAY));
    json_end_object(w);
    json_end_object(w);
}

/* A buyer's address at the vendor is a relay of its own. */
static void
write_people(struct world *world, uint32_t index, struct wanted wanted, struct arena *a, struct json_writer *w)
{
    struct person person;
    uint64_t number = (uint64_t)world_object(amazon_of(world).orders, index)->id;
    if ((!wanted.buyer && !wanted.recipient) || !person_make(a, world->seed ^ 0xB1, number % PEOPLE_MAX, 0, &person))
        return;
    if (wanted.buyer) {
        json_begin_object(w, "buyer");
        json_add_str(w, "buyerName", person.name);
        json_add_str(w, "buyerEmail", str_format(a, "b%llu@marketplace.amazon.example", (unsigned long long)number));
        json_end_object(w);
    }
    if (wanted.recipient) {
        json_begin_object(w, "recipient");
        json_begin_object(w, "deliveryAddress");
        json_add_str(w, "name", person.name);
        json_add_str(w, "city", person.city);
        json_add_str(w, "countryCode", person.country_code);
        json_end_object(w);
        json_end_object(w);
    }
}

static void
write_order(struct world *world, uint32_t index, struct wanted wanted, struct arena *a, struct json_writer *w)
{
    struct amazon am = amazon_of(world);
    const struct object *order = world_object(am.orders, index);
    int64_t pieces, cents = amazon_order_cents(world, order, a, &pieces);
    json_begin_object(w, NULL);
    json_add_str(w, "orderId", amazon_order_id(a, order->id));
    json_add_str(w, "createdTime", amazon_time(a, order->created_us));
    json_add_str(w, "lastUpdatedTime", amazon_time(a, order->updated_us));
    write_channel(w);
    write_people(world, index, wanted, a, w);
    if (wanted.proceeds && amazon_order_status(order) != ORDER_PENDING) { /* a pending order has no total yet */
        json_begin_object(w, "proceeds");
        write_money(w, "grandTotal", a, cents);
        json_end_object(w);
    }
    if (wanted.fulfillment)
        write_fulfillment(world, index, a, w);
    json_begin_array(w, "orderItems");
    for (uint32_t i = order->first_child; i != OBJECT_NONE; i = world_object(am.items, i)->next_sibling)
        if (!world_object(am.items, i)->deleted)
            write_item(world, i, wanted, a, w);
    json_end_array(w);
    json_end_object(w);
}

/* ---- the search */

struct order_query {
    int64_t since_us, until_us; /* both are in */
    bool created;
};

static bool
read_query(struct sandbox_request *r, struct sandbox_reply *reply, struct order_query *q)
{
    struct str created = request_param(r, "createdAfter"), updated = request_param(r, "lastUpdatedAfter");
    int64_t latest_us = clock_wall_us(r->world->clock) - 2 * US_PER_MINUTE;
    bool by_creation = !str_is_none(created);
    struct str until = request_param(r, by_creation ? "createdBefore" : "lastUpdatedBefore");
    *q = (struct order_query){.created = by_creation, .until_us = latest_us};
    const char *fault = NULL;
    if (by_creation == !str_is_none(updated))
        fault = "You must provide exactly one of createdAfter and lastUpdatedAfter.";
    else if (!time_parse(by_creation ? created : updated, &q->since_us) || (!str_is_none(until) && !time_parse(until, &q->until_us)))
        fault = "A time of the request is not in ISO 8601 format.";
    else if (q->until_us > latest_us)
        fault = "The end of the search must be at least two minutes before the time of the request.";
    if (fault)
        amazon_error(reply, 400, "InvalidInput", fault, "");
    return fault == NULL;
}

static void
write_found(struct sandbox_request *r, struct sandbox_reply *reply, const struct view *view, int64_t from, int64_t limit,
            struct json_writer *w)
{
    struct collection *orders = amazon_of(r->world).orders;
    struct str asked = request_param(r, "marketplaceIds");
    int64_t count = asked.len == 0 || str_contains(asked, STR(AMAZON_MARKETPLACE)) ? (int64_t)view->count : 0;
    json_begin_array(w, "orders");
    for (int64_t i = from; i < from + limit && i < count; i++) {
        write_order(r->world, view->items[i], wanted_of(r), r->arena, w);
        reply_served(reply, "orders", world_object(orders, view->items[i])->id);
    }
    json_end_array(w);
    if (from + limit >= count)
        return;
    json_begin_object(w, "pagination");
    json_add_str(w, "nextToken", amazon_page_token(r->arena, from + limit));
    json_end_object(w);
}

void
amazon_orders_search(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct json_writer w;
    struct order_query q;
    int64_t from = 0, limit = request_number(r, "maxResultsPerPage", 1, PER_PAGE, PER_PAGE);
    if (!read_query(r, reply, &q) || !amazon_page(r, reply, "paginationToken", &from))
        return;
    const struct view *view = amazon_order_view(r, reply, q.created, q.since_us, q.until_us + 1);
    if (!view)
        return;
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    write_found(r, reply, view, from, limit, &w);
    json_add_str(&w, q.created ? "createdBefore" : "lastUpdatedBefore", amazon_time(r->arena, q.until_us));
    json_end_object(&w);
}

void
amazon_order_get(struct sandbox_request *r, struct sandbox_reply *reply, struct str id)
{
    struct json_writer w;
    struct amazon am = amazon_of(r->world);
    uint32_t index = amazon_order_find(r->world, id, r->arena);
    if (index == OBJECT_NONE) {
        amazon_error(reply, 404, "InvalidInput", "The requested order does not exist.", "");
        return;
    }
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_add_key(&w, STR("order"));
    write_order(r->world, index, wanted_of(r), r->arena, &w);
    json_end_object(&w);
    reply_served(reply, "orders", world_object(am.orders, index)->id);
}
