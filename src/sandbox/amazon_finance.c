/*
 * Finances v0: events by the time they were posted, in lists by what they are.
 *
 * Oldest first; the request's bounds must lie two minutes in the past; more than 180 days give nothing. Now and then a
 * page is empty and has a token all the same, as the vendor's description says. Most events are what sellers call
 * claims; some are ordinary shipments and fees, which a reader must leave out.
 */
#include "sandbox/amazon_priv.h"

#define PER_PAGE 100
#define EMPTY_EVERY 3 /* so many pages, one is empty */

enum event_kind {
    EVENT_REFUND,
    EVENT_CHARGEBACK,
    EVENT_GUARANTEE,
    EVENT_ADJUSTMENT,
    EVENT_SAFET,
    EVENT_LIQUIDATION,
    EVENT_SHIPMENT,
    EVENT_FEE,
    EVENT_KINDS
};
static const char *const lists[EVENT_KINDS] = {
    "RefundEventList", "ChargebackEventList", "GuaranteeClaimEventList", "AdjustmentEventList",
    "SAFETReimbursementEventList", "FBALiquidationEventList", "ShipmentEventList", "ServiceFeeEventList",
};
static const char *const adjustments[] = {"FBAInventoryReimbursement", "WAREHOUSE_DAMAGE", "REVERSAL_REIMBURSEMENT", "PostageRefund",
                                          "LostOrDamagedReimbursement", "ReserveEvent"};

static enum event_kind
kind_of(uint64_t random)
{
    unsigned share = (unsigned)(random % 100);
    return share < 35 ? EVENT_REFUND : share < 70 ? EVENT_ADJUSTMENT : share < 75 ? EVENT_CHARGEBACK : share < 79 ? EVENT_GUARANTEE
         : share < 84 ? EVENT_SAFET : share < 88 ? EVENT_LIQUIDATION : share < 95 ? EVENT_SHIPMENT : EVENT_FEE;
}

static void
write_amount(struct json_writer *w, const char *key, struct arena *a, int64_t cents)
{
    json_begin_object(w, key);
    json_add_c(w, "CurrencyCode", "USD");
    json_add_raw(w, "CurrencyAmount", amazon_cents(a, cents)); /* a JSON number */
    json_end_object(w);
}

static void
write_component(struct json_writer *w, struct arena *a, const char *type_key, const char *type, const char *amount_key, int64_t cents)
{
    json_begin_object(w, NULL);
    json_add_c(w, type_key, type);
    write_amount(w, amount_key, a, cents);
    json_end_object(w);
}

static void
write_shipment(struct json_writer *w, struct arena *a, uint64_t random, struct amazon_product product, bool adjusts)
{
    int64_t cents = product.price_cents, sign = adjusts ? -1 : 1;
    json_add_str(w, "AmazonOrderId", amazon_order_id(a, 1 + (int64_t)(random >> 12) % 9999));
    json_add_str(w, "SellerOrderId", amazon_order_id(a, 1 + (int64_t)(random >> 12) % 9999));
    json_add_c(w, "MarketplaceName", "Amazon.com");
    json_begin_array(w, adjusts ? "ShipmentItemAdjustmentList" : "ShipmentItemList");
    json_begin_object(w, NULL);
    json_add_str(w, "SellerSKU", product.sku);
    if (adjusts)
        json_add_str(w, "OrderAdjustmentItemId", str_format(a, "%llu", (unsigned long long)(random >> 20)));
    else
        json_add_str(w, "OrderItemId", str_format(a, "%llu", (unsigned long long)(random >> 20)));
    json_add_i64(w, "QuantityShipped", 1);
    json_begin_array(w, adjusts ? "ItemChargeAdjustmentList" : "ItemChargeList");
    write_component(w, a, "ChargeType", "Principal", "ChargeAmount", sign * cents);
    write_component(w, a, "ChargeType", "Tax", "ChargeAmount", sign * (cents / 10));
    json_end_array(w);
    json_begin_array(w, adjusts ? "ItemFeeAdjustmentList" : "ItemFeeList");
    write_component(w, a, "FeeType", "Commission", "FeeAmount", -sign * (cents * 15 / 100));
    json_end_array(w);
    json_end_object(w);
    json_end_array(w);
}

static void
write_adjustment(struct json_writer *w, struct arena *a, uint64_t random, struct amazon_product product)
{
    json_add_c(w, "AdjustmentType", adjustments[(random >> 12) % ARRAY_LEN(adjustments)]);
    write_amount(w, "AdjustmentAmount", a, product.price_cents);
    json_begin_array(w, "AdjustmentItemList");
    json_begin_object(w, NULL);
    json_add_c(w, "Quantity", "1");
    write_amount(w, "PerUnitAmount", a, product.price_cents);
    write_amount(w, "TotalAmount", a, product.price_cents);
    json_add_str(w, "SellerSKU", product.sku);
    json_add_str(w, "FnSKU", product.fnsku);
    json_add_str(w, "ProductDescription", product.title);
    json_add_str(w, "ASIN", product.asin);
    json_add_str(w, "TransactionNumber", str_format(a, "%llu", (unsigned long long)(random >> 24)));
    json_end_object(w);
    json_end_array(w);
}

static void
write_members(struct json_writer *w, struct arena *a, enum event_kind kind, uint64_t random, struct amazon_product product)
{
    switch (kind) {
    case EVENT_REFUND:
    case EVENT_CHARGEBACK:
    case EVENT_GUARANTEE: write_shipment(w, a, random, product, true); break;
    case EVENT_SHIPMENT: write_shipment(w, a, random, product, false); break;
    case EVENT_ADJUSTMENT: write_adjustment(w, a, random, product); break;
    case EVENT_SAFET:
        json_add_str(w, "SAFETClaimId", str_format(a, "SC-%llu", (unsigned long long)(random >> 30)));
        write_amount(w, "ReimbursedAmount", a, product.price_cents);
        json_add_c(w, "ReasonCode", "Lost in transit");
        break;
    case EVENT_LIQUIDATION:
        json_add_str(w, "OriginalRemovalOrderId", str_format(a, "RO-%llu", (unsigned long long)(random >> 40)));
        write_amount(w, "LiquidationProceedsAmount", a, product.price_cents / 10);
        write_amount(w, "LiquidationFeeAmount", a, -(product.price_cents / 100));
        break;
    case EVENT_FEE:
        json_add_c(w, "FeeReason", "Monthly storage");
        json_begin_array(w, "FeeList");
        write_component(w, a, "FeeType", "FBAStorageFee", "FeeAmount", -product.price_cents / 50);
        json_end_array(w);
        break;
    case EVENT_KINDS: break;
    }
}

static enum event_kind
event_kind(struct world *world, struct collection *c, uint32_t index)
{
    return kind_of(amazon_random(world, c, index));
}

static void
write_one(struct world *world, struct collection *c, uint32_t index, struct arena *a, bool named, struct json_writer *w)
{
    uint64_t random = amazon_random(world, c, index);
    uint64_t products = amazon_of(world).inventory->count ? amazon_of(world).inventory->count : 60;
    enum event_kind kind = kind_of(random);
    json_begin_object(w, NULL);
    if (named)
        json_add_c(w, "event_list", lists[kind]);
    if (kind != EVENT_FEE)
        json_add_str(w, "PostedDate", amazon_time(a, world_object(c, index)->created_us));
    write_members(w, a, kind, random, amazon_product(world, (random >> 7) % products, a));
    json_end_object(w);
}

/* As the truth shows it: with its list, since it is not in one there. */
void
amazon_write_event(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w)
{
    write_one(world, c, index, a, true, w);
}

/* What the lists add up to, which is what the successor tells at once. */
static int64_t
cents_of(enum event_kind kind, int64_t price)
{
    int64_t sold = price + price / 10 - price * 15 / 100;
    switch (kind) {
    case EVENT_REFUND:
    case EVENT_CHARGEBACK:
    case EVENT_GUARANTEE: return -sold;
    case EVENT_SHIPMENT: return sold;
    case EVENT_ADJUSTMENT:
    case EVENT_SAFET: return price;
    case EVENT_LIQUIDATION: return price / 10 - price / 100;
    case EVENT_FEE: return -price / 50;
    case EVENT_KINDS: break;
    }
    return 0;
}

struct amazon_event
amazon_event(struct world *world, uint32_t index, struct arena *a)
{
    static const char *const kinds[EVENT_KINDS] = {"Refund", "Chargeback", "GuaranteeClaim", "Adjustment", "SAFETReimbursement",
                                                   "FBALiquidation", "Shipment", "ServiceFee"};
    uint64_t random = amazon_random(world, amazon_of(world).events, index);
    uint64_t products = amazon_of(world).inventory->count ? amazon_of(world).inventory->count : 60;
    enum event_kind kind = kind_of(random);
    struct amazon_product product = amazon_product(world, (random >> 7) % products, a);
    bool has_order = kind == EVENT_REFUND || kind == EVENT_CHARGEBACK || kind == EVENT_GUARANTEE || kind == EVENT_SHIPMENT;
    return (struct amazon_event){
        .kind = kinds[kind],
        .reason = kind == EVENT_ADJUSTMENT ? adjustments[(random >> 12) % ARRAY_LEN(adjustments)] : NULL,
        .order = has_order ? 1 + (int64_t)(random >> 12) % 9999 : 0,
        .cents = cents_of(kind, product.price_cents),
        .product = product,
    };
}

struct event_query {
    int64_t after_us, before_us;
};

static bool
event_key(struct world *world, struct collection *c, uint32_t index, struct arena *scratch, const void *ctx, struct view_key *key_out)
{
    const struct event_query *q = ctx;
    (void)world, (void)scratch;
    key_out->number = world_object(c, index)->created_us;
    return key_out->number >= q->after_us && key_out->number < q->before_us;
}

static bool
read_query(struct sandbox_request *r, struct sandbox_reply *reply, const struct event_names *names, struct event_query *q)
{
    struct str after = request_param(r, names->after), before = request_param(r, names->before);
    int64_t latest_us = clock_wall_us(r->world->clock) - 2 * US_PER_MINUTE;
    *q = (struct event_query){0, latest_us};
    if ((!str_is_none(after) && !time_parse(after, &q->after_us)) || (!str_is_none(before) && !time_parse(before, &q->before_us))) {
        amazon_error(reply, 400, "InvalidInput", "PostedAfter or PostedBefore is no date-time.", "");
        return false;
    }
    if (q->after_us > latest_us || q->before_us > latest_us || q->before_us <= q->after_us) {
        amazon_error(reply, 400, "InvalidInput", "PostedBefore must be later than PostedAfter and two minutes in the past.", "");
        return false;
    }
    if (q->before_us - q->after_us > 180 * US_PER_DAY)
        q->after_us = q->before_us; /* the answer is empty then */
    return true;
}

bool
amazon_event_page(struct sandbox_request *r, struct sandbox_reply *reply, const struct event_names *names, int64_t limit,
                  struct event_page *page_out)
{
    struct event_query q;
    int64_t place = 0;
    if (!read_query(r, reply, names, &q) || !amazon_page(r, reply, names->token, &place))
        return false;
    const struct view *view = world_view(r->world, amazon_of(r->world).events, STR_NONE, event_key, &q, false);
    if (!view) {
        amazon_error(reply, 500, "InternalFailure", "Out of memory", "");
        return false;
    }
    /* An odd place is the empty page before what follows. */
    bool empty = place % 2 == 1;
    int64_t count = (int64_t)view->count, from = place / 2, to = empty ? from : from + limit;
    bool empty_is_next = !empty && (to / limit) % EMPTY_EVERY == 1;
    *page_out = (struct event_page){.view = view, .from = from, .to = to < count ? to : count,
                                    .next = to < count ? amazon_page_token(r->arena, 2 * to + empty_is_next) : STR_NONE};
    return true;
}

static void
write_lists(struct sandbox_request *r, struct sandbox_reply *reply, const struct event_page *page, struct json_writer *w)
{
    struct collection *events = amazon_of(r->world).events;
    json_begin_object(w, "FinancialEvents");
    for (int kind = 0; kind < EVENT_KINDS; kind++) {
        json_begin_array(w, lists[kind]);
        for (int64_t i = page->from; i < page->to; i++) {
            uint32_t event = page->view->items[i];
            if (event_kind(r->world, events, event) != (enum event_kind)kind)
                continue;
            write_one(r->world, events, event, r->arena, false, w);
            reply_served(reply, "events", world_object(events, event)->id);
        }
        json_end_array(w);
    }
    json_end_object(w);
}

void
amazon_events_list(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct json_writer w;
    struct event_page page;
    int64_t limit = request_number(r, "MaxResultsPerPage", 1, PER_PAGE, PER_PAGE);
    if (!amazon_event_page(r, reply, &(struct event_names){"PostedAfter", "PostedBefore", "NextToken"}, limit, &page))
        return;
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_begin_object(&w, "payload");
    if (!str_is_none(page.next))
        json_add_str(&w, "NextToken", page.next);
    write_lists(r, reply, &page, &w);
    json_end_object(&w);
    json_end_object(&w);
}
