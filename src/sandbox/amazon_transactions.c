/*
 * Finances 2024-06-19: the same events as transactions, each with an id and one amount.
 *
 * Oldest first; bounds and empty pages as in v0 (amazon_finance.c). Of the newest some are still deferred.
 * Source: finances_2024-06-19.json.
 */
#include "sandbox/amazon_priv.h"

#define PER_PAGE 100
#define DEFERRED_DAYS 7

static void
write_amount(struct json_writer *w, const char *key, struct arena *a, int64_t cents)
{
    json_begin_object(w, key);
    json_add_raw(w, "currencyAmount", amazon_cents(a, cents)); /* a JSON number */
    json_add_c(w, "currencyCode", "USD");
    json_end_object(w);
}

static void
write_related(struct json_writer *w, struct arena *a, const struct amazon_event *event)
{
    json_begin_array(w, "relatedIdentifiers");
    if (event->order > 0) {
        json_begin_object(w, NULL);
        json_add_c(w, "relatedIdentifierName", "ORDER_ID");
        json_add_str(w, "relatedIdentifierValue", amazon_order_id(a, event->order));
        json_end_object(w);
    }
    json_end_array(w);
}

static void
write_items(struct json_writer *w, struct arena *a, const struct amazon_event *event)
{
    json_begin_array(w, "items");
    json_begin_object(w, NULL);
    json_add_str(w, "description", event->product.title);
    write_amount(w, "totalAmount", a, event->cents);
    json_end_object(w);
    json_end_array(w);
}

/* A reserve is no claim in v0's lists of adjustments; here it is no adjustment to begin with. */
static const char *
type_of(const struct amazon_event *event)
{
    return event->reason && strcmp(event->reason, "ReserveEvent") == 0 ? "Reserve" : event->kind;
}

static void
write_transaction(struct world *world, uint32_t index, int64_t now_us, struct arena *a, struct json_writer *w)
{
    struct amazon_event event = amazon_event(world, index, a);
    const struct object *o = world_object(amazon_of(world).events, index);
    uint64_t id = amazon_random(world, amazon_of(world).events, index);
    bool deferred = now_us - o->created_us < DEFERRED_DAYS * US_PER_DAY && o->id % 2 == 0;
    json_begin_object(w, NULL);
    json_begin_object(w, "sellingPartnerMetadata");
    json_add_c(w, "sellingPartnerId", AMAZON_SELLER);
    json_add_c(w, "marketplaceId", AMAZON_MARKETPLACE);
    json_end_object(w);
    write_related(w, a, &event);
    json_add_c(w, "transactionType", type_of(&event));
    json_add_str(w, "transactionId", str_format(a, "amzn1:transaction:%llu", (unsigned long long)id));
    json_add_c(w, "transactionStatus", deferred ? "DEFERRED" : "RELEASED");
    json_add_c(w, "description", event.reason ? event.reason : event.kind);
    json_add_str(w, "postedDate", amazon_time(a, o->created_us));
    write_amount(w, "totalAmount", a, event.cents);
    write_items(w, a, &event);
    json_end_object(w);
}

void
amazon_transactions_list(struct sandbox_request *r, struct sandbox_reply *reply)
{
    struct json_writer w;
    struct event_page page;
    struct collection *events = amazon_of(r->world).events;
    if (!amazon_event_page(r, reply, &(struct event_names){"postedAfter", "postedBefore", "nextToken"}, PER_PAGE, &page))
        return;
    reply_json(reply, 200);
    json_writer_init(&w, &reply->body);
    json_begin_object(&w, NULL);
    json_begin_object(&w, "payload");
    if (!str_is_none(page.next))
        json_add_str(&w, "nextToken", page.next);
    json_begin_array(&w, "transactions");
    for (int64_t i = page.from; i < page.to; i++) {
        write_transaction(r->world, page.view->items[i], clock_wall_us(r->world->clock), r->arena, &w);
        reply_served(reply, "events", world_object(events, page.view->items[i])->id);
    }
    json_end_array(&w);
    json_end_object(&w);
    json_end_object(&w);
}
