/*
 * What the files of the Amazon Selling Partner simulation share. Facts from the vendor's models (ordersV0,
 * financesV0, fbaInventory, sellers, orders_2026-01-01, finances_2024-06-19) and its pages on Login with Amazon and usage plans.
 */
#ifndef TIDEMARK_SANDBOX_AMAZON_PRIV_H
#define TIDEMARK_SANDBOX_AMAZON_PRIV_H

#include "sandbox/people.h"
#include "sandbox/vendor.h"

#define AMAZON_NAME "amazon_sp_api"
#define AMAZON_MARKETPLACE "ATVPDKIKX0DER"
#define AMAZON_SELLER "A1TIDEMARKSIM"

/* Operations with a rate of their own; places in the world's vendor_numbers. */
enum amazon_operation {
    OPERATION_FINANCES,
    OPERATION_INVENTORY,
    OPERATION_ORDERS,
    OPERATION_ITEMS,
    OPERATION_SELLERS,
    OPERATION_TRANSACTIONS,  /* finances 2024-06-19 */
    OPERATION_SEARCH_ORDERS, /* orders 2026-01-01 */
    OPERATION_GET_ORDER,
    OPERATIONS
};

/* ---- amazon_world.c: what a seller's account holds ---- */

struct amazon {
    struct collection *orders, *items, *inventory, *events, *codes;
};
struct amazon amazon_of(struct world *world);
bool amazon_populate(struct world *world, const struct sandbox_core *core);
uint64_t amazon_random(struct world *world, const struct collection *c, uint32_t index);
uint32_t amazon_create_order(struct world *world, struct collection *c, int64_t now_us);
uint32_t amazon_create_stock(struct world *world, struct collection *c, int64_t now_us);
uint32_t amazon_create_event(struct world *world, struct collection *c, int64_t now_us);

struct amazon_product {
    struct str sku, asin, fnsku, title;
    int64_t price_cents;
};
struct amazon_product amazon_product(struct world *world, uint64_t number, struct arena *a);
struct str amazon_order_id(struct arena *a, int64_t id);
/* "2026-10-01T12:00:00Z". */
struct str amazon_time(struct arena *a, int64_t us);
struct str amazon_cents(struct arena *a, int64_t cents); /* "-12.05" */

/* ---- amazon_orders.c, amazon_stock.c, amazon_finance.c: lists ---- */

void amazon_orders_list(struct sandbox_request *r, struct sandbox_reply *reply);
void amazon_order_show(struct sandbox_request *r, struct sandbox_reply *reply, struct str id, bool items);
void amazon_write_order(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w);
void amazon_write_item(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w);
enum amazon_order_status { ORDER_PENDING, ORDER_UNSHIPPED, ORDER_SHIPPED, ORDER_CANCELLED };
enum amazon_order_status amazon_order_status(const struct object *order);
bool amazon_order_is_by_vendor(struct world *world, uint32_t order);
/* What its items cost, and how many pieces they are. */
int64_t amazon_order_cents(struct world *world, const struct object *order, struct arena *a, int64_t *pieces_out);
/* Those changed, or created, in [since, before), oldest first. NULL: the answer is made. */
const struct view *amazon_order_view(struct sandbox_request *r, struct sandbox_reply *reply, bool created, int64_t since_us,
                                     int64_t before_us);
/* OBJECT_NONE: there is none of that id. */
uint32_t amazon_order_find(struct world *world, struct str id, struct arena *a);
struct amazon_line {
    struct str id;
    struct amazon_product product;
    int64_t quantity;
    bool shipped;
};
struct amazon_line amazon_line(struct world *world, uint32_t item, struct arena *a);
void amazon_stock_list(struct sandbox_request *r, struct sandbox_reply *reply);
void amazon_write_stock(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w);
void amazon_events_list(struct sandbox_request *r, struct sandbox_reply *reply);
void amazon_write_event(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w);

/* ---- amazon_search.c, amazon_transactions.c: the successors, 2026-01-01 and 2024-06-19 ---- */

void amazon_orders_search(struct sandbox_request *r, struct sandbox_reply *reply);
void amazon_order_get(struct sandbox_request *r, struct sandbox_reply *reply, struct str id);
void amazon_transactions_list(struct sandbox_request *r, struct sandbox_reply *reply);
/* The events that a request asks for: those of the view in [from, to). */
struct event_page {
    const struct view *view;
    int64_t from, to;
    struct str next;               /* the token of the page after it; STR_NONE: it is the last */
};
/* What a version calls the bounds and the token. */
struct event_names {
    const char *after, *before, *token;
};
/* False: the answer is made. */
bool amazon_event_page(struct sandbox_request *r, struct sandbox_reply *reply, const struct event_names *names, int64_t limit,
                       struct event_page *page_out);
/* One event as a transaction has it. */
struct amazon_event {
    const char *kind;              /* "Refund"; of v0's list, without "EventList" */
    const char *reason;            /* of an adjustment; else NULL */
    int64_t order, cents;          /* order 0: of none */
    struct amazon_product product;
};
struct amazon_event amazon_event(struct world *world, uint32_t index, struct arena *a);

/* ---- amazon_login.c: Login with Amazon ---- */

void amazon_consent(struct sandbox_request *r, struct sandbox_reply *reply);
void amazon_token(struct sandbox_request *r, struct sandbox_reply *reply);
/* The refresh token or code that a token request shows. */
struct str amazon_token_shown(const struct sandbox_request *r);
void amazon_token_refuse(struct sandbox_request *r, struct sandbox_reply *reply);

/* ---- amazon.c: answers that many need ---- */

void amazon_error(struct sandbox_reply *reply, int status, const char *code, const char *message, const char *details);
/* A page token: where the next page begins. -1: there is none; false: it is broken, the answer is made. */
bool amazon_page(struct sandbox_request *r, struct sandbox_reply *reply, const char *name, int64_t *from_out);
struct str amazon_page_token(struct arena *a, int64_t from);

#endif
