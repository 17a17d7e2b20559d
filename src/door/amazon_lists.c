/*
 * Door 004: what was synced, as lists. The members are the columns of the views amazon_*, in camel case.
 */
#include "base/limits.h"
#include "door/amazon_priv.h"
#include "store/store_account.h"
#include "store/store_stream.h"

#define LIST_OTHERWISE 50

/* A list: the stream it shows, the parameters that ask for a column, and the members of a row. */
struct list_of {
    const char *stream;
    const char *status_parameter, *title_parameter; /* NULL: none */
    const char *const *members;   /* as mapped; NULL-terminated */
    const char *occurred;         /* the member that tells when it happened, or NULL */
    const char *items;            /* stream of what belongs to a row, or NULL */
};

struct listing {
    struct request *r;
    const struct list_of *list;
    struct connection connection;
    struct account_row_filter filter;
    struct account_row *rows;
    size_t count;
    int64_t total;
    bool wants_items;
    struct stream items;
    bool has_items;
};

static const char *const claim_members[] = {"claimId", "orderId", "amount", "currency", "status", "type", "description", "sku", NULL};
static const char *const stock_members[] = {"sku", "asin", "fnsku", "productName", "quantityAvailable", "quantityReserved",
                                            "quantityInbound", "quantityTotal", "condition", "warehouseLocation", "marketplaceId", NULL};
static const char *const order_members[] = {"orderId", "orderStatus", "fulfillmentChannel", "marketplaceId", "totalAmount",
                                            "currency", "lastUpdatedAt", NULL};
static const char *const item_members[] = {"orderId", "orderItemId", "sku", "asin", "title", "quantity", "itemPrice", "currency", NULL};

static const struct list_of lists[] = {
    {"claims", "status", "type", claim_members, "createdAt", NULL},
    {"inventory", "condition", "sku", stock_members, NULL, NULL},
    {"orders", "status", "orderId", order_members, "orderDate", "order_items"},
};

/* ---- reading ---- */

static bool
read_rows(struct db *db, void *ctx, struct err *err)
{
    struct listing *l = ctx;
    struct stream stream;
    int64_t tenant = l->r->tenant.id;
    enum row row = store_stream_find(db, l->r->arena, tenant, l->connection.id, str_from_c(l->list->stream), &stream, err);
    if (row != ROW_FOUND) /* nothing was synced yet */
        return row == ROW_NONE;
    l->filter.stream = stream.id;
    l->filter.collection = stream.collection;
    if (l->wants_items) {
        row = store_stream_find(db, l->r->arena, tenant, l->connection.id, str_from_c(l->list->items), &l->items, err);
        if (row == ROW_FAILED)
            return false;
        l->has_items = row == ROW_FOUND;
    }
    return store_account_rows(db, l->r->arena, tenant, &l->filter, &l->rows, &l->count, err) &&
           store_account_row_count(db, tenant, &l->filter, LIMIT_COUNT_EXACT + 1, &l->total, err);
}

struct item_search {
    struct listing *l;
    int64_t order;
    struct account_row *rows;
    size_t count;
};

static bool
read_items(struct db *db, void *ctx, struct err *err)
{
    struct item_search *s = ctx;
    struct account_row_filter filter = {.collection = s->l->items.collection, .stream = s->l->items.id, .status = STR_NONE,
                                        .title = STR_NONE, .parent = s->order, .limit = LIMIT_LIST_MAX};
    return store_account_rows(db, s->l->r->arena, s->l->r->tenant.id, &filter, &s->rows, &s->count, err);
}

static bool
read_filter(struct listing *l, const struct paging *paging, struct err *err)
{
    struct request *r = l->r;
    int items = -1;
    l->filter = (struct account_row_filter){.after = paging->after, .offset = paging->offset, .limit = (size_t)paging->limit};
    l->filter.status = l->list->status_parameter ? request_query(r, l->list->status_parameter) : STR_NONE;
    l->filter.title = l->list->title_parameter ? request_query(r, l->list->title_parameter) : STR_NONE;
    if (!request_query_time(r, "from", &l->filter.from_us, err) || !request_query_time(r, "to", &l->filter.to_us, err) ||
        !request_query_time(r, "syncedSince", &l->filter.synced_since_us, err) || !request_query_bool(r, "items", &items, err))
        return false;
    l->wants_items = items == 1 && l->list->items;
    return true;
}

/* ---- writing ---- */

static void
add_members(struct json_writer *w, yyjson_val *data, const char *const *members)
{
    for (size_t i = 0; members[i]; i++)
        json_add_val(w, members[i], json_get_c(data, members[i]));
}

static bool
add_items(struct listing *l, const struct account_row *order, struct json_writer *w, struct err *err)
{
    struct item_search s = {.l = l, .order = order->id};
    struct request *r = l->r;
    json_begin_array(w, "items");
    if (l->has_items && !store_read(request_parts(r)->store, read_items, &s, err))
        return false;
    for (size_t i = s.count; i > 0; i--) {
        yyjson_val *data = json_parse(r->arena, s.rows[i - 1].data, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, err);
        if (!data)
            return false;
        json_begin_object(w, NULL);
        json_add_str(w, "id", s.rows[i - 1].uuid);
        add_members(w, data, item_members);
        json_add_time(w, "syncedAt", s.rows[i - 1].synced_us);
        json_end_object(w);
    }
    json_end_array(w);
    return true;
}

static bool
add_row(struct listing *l, const struct account_row *row, struct json_writer *w, struct err *err)
{
    yyjson_val *data = json_parse(l->r->arena, row->data, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, err);
    if (!data)
        return false;
    json_begin_object(w, NULL);
    json_add_str(w, "id", row->uuid);
    json_add_str(w, "userId", account_maker(&l->connection));
    add_members(w, data, l->list->members);
    if (l->list->occurred)
        json_add_time(w, l->list->occurred, row->occurred_us);
    if (l->wants_items && !add_items(l, row, w, err))
        return false;
    json_add_time(w, "syncedAt", row->synced_us);
    json_add_bool(w, "isMock", l->connection.sandbox);
    json_add_c(w, "mockScenario", l->connection.sandbox ? "sandbox" : NULL);
    json_end_object(w);
    return true;
}

static bool
show(struct request *r, const struct list_of *list, struct err *err)
{
    struct listing l = {.r = r, .list = list};
    struct account_owner owner;
    struct paging paging;
    if (!request_paging(r, LIST_OTHERWISE, &paging, err) || !read_filter(&l, &paging, err) ||
        !amazon_connection(r, true, &owner, &l.connection, err) || !store_read(request_parts(r)->store, read_rows, &l, err))
        return false;
    struct json_writer *w = reply_begin(r, 200);
    json_begin_array(w, NULL);
    for (size_t i = 0; i < l.count; i++)
        if (!add_row(&l, &l.rows[i], w, err))
            return false;
    json_end_array(w);
    bool more = l.count == (size_t)paging.limit;
    return reply_end_counted_list(r, &paging, l.total, more ? list_cursor_text(r->arena, l.rows[l.count - 1].id) : STR_NONE, err);
}

bool
amazon_claims(struct request *r, struct err *err)
{
    return show(r, &lists[0], err);
}

bool
amazon_inventory(struct request *r, struct err *err)
{
    return show(r, &lists[1], err);
}

bool
amazon_orders(struct request *r, struct err *err)
{
    return show(r, &lists[2], err);
}
