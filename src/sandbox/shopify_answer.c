/*
 * Answering a query: lists by page, one object, the shop; each as the selection asks for it.
 *
 * A list goes by the time of the last change (sortKey UPDATED_AT) or by id, forwards, at most 250 a page; a cursor is the place
 * of the object it stands at, so a change moves nothing past it. Of the search language updated_at:>=, created_at:>=, id:, id:>=,
 * product_id:, collection_id:, email: and status: are understood, joined by AND or a blank; another term is a fault.
 */
#include "base/encode.h"
#include "base/limits.h"
#include "sandbox/core.h"
#include "sandbox/shopify_priv.h"

#define CURSOR_BYTES_MAX 256

struct term {
    int64_t updated_us, created_us, id, least_id, product_id, collection_id;
    struct str email;
    bool by_time;                      /* sortKey UPDATED_AT */
    int64_t after_at, after_id;        /* the cursor */
};

static const struct list {
    const char *root, *one, *type;
    size_t collection;                 /* its place in the world */
    shopify_write_fn *write;
} lists[] = {
    {"products", "product", "Product", 0, shopify_write_product},
    {"productVariants", "productVariant", "ProductVariant", 1, shopify_write_variant},
    {"collections", "collection", "Collection", 2, shopify_write_collection},
    {"customers", "customer", "Customer", 3, shopify_write_customer},
    {"orders", "order", "Order", 4, shopify_write_order},
    {"webhookSubscriptions", "webhookSubscription", "WebhookSubscription", 5, shopify_write_webhook},
};

yyjson_val *
shopify_whole(struct shopify_answer *answer, shopify_write_fn *write, struct collection *c, uint32_t index)
{
    struct buf b;
    struct json_writer w;
    struct err ignored = {0};
    struct sandbox_request *r = answer->request;
    buf_init(&b, REPLY_BYTES_MAX);
    json_writer_init(&w, &b);
    write(r->world, c, index, r->arena, &w);
    struct str text = str_copy(r->arena, buf_str(&b));
    buf_release(&b);
    return json_parse(r->arena, text, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_API, &ignored);
}

uint32_t
shopify_find_gid(struct collection *c, struct str gid)
{
    int64_t id;
    struct str rest = gid, part = gid;
    while (str_starts(gid, STR("gid://")) && str_cut(rest, '/', &part, &rest))
        part = rest;
    return str_to_i64(part, 1, INT64_MAX, &id) ? world_find(c, id) : OBJECT_NONE;
}

/* ---- projecting ---- */

static void project_members(struct shopify_answer *answer, struct str type, yyjson_val *value, const struct graphql_field *first);

static void
project_value(struct shopify_answer *answer, struct str type, yyjson_val *value, const struct graphql_field *first)
{
    size_t at, max;
    yyjson_val *item;
    if (value == NULL || yyjson_is_null(value)) {
        json_add_null(answer->w, NULL);
    } else if (yyjson_is_arr(value)) {
        json_begin_array(answer->w, NULL);
        yyjson_arr_foreach(value, at, max, item)
            project_value(answer, type, item, first);
        json_end_array(answer->w);
    } else {
        answer->cost++;
        json_begin_object(answer->w, NULL);
        project_members(answer, type, value, first);
        json_end_object(answer->w);
    }
}

void
shopify_project(struct shopify_answer *answer, struct str key, struct str type, yyjson_val *value,
                const struct graphql_field *first)
{
    json_add_key(answer->w, key);
    project_value(answer, type, value, first);
}

/* What a page of a connection is made of. */
struct page {
    struct str type;
    yyjson_val **nodes;
    struct str *cursors;
    size_t count;
    bool more, before;
};

static void
write_page_info(struct shopify_answer *answer, const struct page *page, const struct graphql_field *first)
{
    json_begin_object(answer->w, NULL);
    for (const struct graphql_field *f = first; f != NULL; f = f->next) {
        json_add_key(answer->w, f->alias);
        if (str_eq_c(f->name, "hasNextPage"))
            json_add_bool(answer->w, NULL, page->more);
        else if (str_eq_c(f->name, "hasPreviousPage"))
            json_add_bool(answer->w, NULL, page->before);
        else if (str_eq_c(f->name, "endCursor"))
            json_add_str(answer->w, NULL, page->count > 0 ? page->cursors[page->count - 1] : STR_NONE);
        else
            json_add_str(answer->w, NULL, page->count > 0 ? page->cursors[0] : STR_NONE);
    }
    json_end_object(answer->w);
}

static void
write_edge(struct shopify_answer *answer, const struct page *page, size_t i, const struct graphql_field *first)
{
    json_begin_object(answer->w, NULL);
    for (const struct graphql_field *f = first; f != NULL; f = f->next) {
        json_add_key(answer->w, f->alias);
        if (str_eq_c(f->name, "cursor"))
            json_add_str(answer->w, NULL, page->cursors[i]);
        else
            project_value(answer, page->type, page->nodes[i], f->first);
    }
    json_end_object(answer->w);
}

static void
write_connection(struct shopify_answer *answer, const struct page *page, const struct graphql_field *first)
{
    answer->cost += 2;
    json_begin_object(answer->w, NULL);
    for (const struct graphql_field *f = first; f != NULL; f = f->next) {
        json_add_key(answer->w, f->alias);
        if (str_eq_c(f->name, "pageInfo")) {
            write_page_info(answer, page, f->first);
        } else if (str_eq_c(f->name, "nodes") || str_eq_c(f->name, "edges")) {
            json_begin_array(answer->w, NULL);
            for (size_t i = 0; i < page->count; i++)
                if (f->name.ptr[0] == 'n')
                    project_value(answer, page->type, page->nodes[i], f->first);
                else
                    write_edge(answer, page, i, f->first);
            json_end_array(answer->w);
        } else {
            json_add_str(answer->w, NULL, str_format(answer->request->arena, "%.*sConnection", STR_ARG(page->type)));
        }
    }
    json_end_object(answer->w);
}

static bool
make_room(struct shopify_answer *answer, struct page *page, size_t count)
{
    page->nodes = ARENA_ARRAY(answer->request->arena, yyjson_val *, count + 1);
    page->cursors = ARENA_ARRAY(answer->request->arena, struct str, count + 1);
    if (page->nodes != NULL && page->cursors != NULL)
        return true;
    answer->fault = STR("Internal error");
    return false;
}

/* A list inside an object: its cursors are places, counted from 1. */
static void
project_inner(struct shopify_answer *answer, struct str type, yyjson_val *list, const struct graphql_field *f)
{
    size_t at, max;
    yyjson_val *item;
    struct page page = {.type = type};
    int64_t first = graphql_number(f, "first", SHOP_LIST_MAX), after = 0;
    (void)!str_to_i64(graphql_text(f, "after"), 0, INT32_MAX, &after);
    if (!make_room(answer, &page, yyjson_arr_size(list)))
        return;
    page.before = after > 0;
    yyjson_arr_foreach(list, at, max, item) {
        if ((int64_t)at < after)
            continue;
        page.more = (int64_t)page.count == first;
        if (page.more)
            break;
        page.nodes[page.count] = item;
        page.cursors[page.count++] = str_format(answer->request->arena, "%zu", at + 1);
    }
    write_connection(answer, &page, f->first);
}

static void
project_members(struct shopify_answer *answer, struct str type, yyjson_val *value, const struct graphql_field *first)
{
    for (const struct graphql_field *f = first; f != NULL; f = f->next) {
        if (f->name.len == 0) {
            if (str_is_none(f->on) || str_eq(f->on, type))
                project_members(answer, type, value, f->first);
            continue;
        }
        const struct shopify_type_field *known = shopify_field(type, f->name);
        yyjson_val *member = json_get(value, f->name);
        json_add_key(answer->w, f->alias);
        if (known == NULL)
            json_add_str(answer->w, NULL, type); /* __typename */
        else if (known->list)
            project_inner(answer, str_from_c(known->of), member, f);
        else if (known->of != NULL)
            project_value(answer, str_from_c(known->of), member, f->first);
        else
            json_add_val(answer->w, NULL, member);
    }
}

/* ---- lists ---- */

static bool
time_term(struct str text, int64_t *us_out)
{
    if (!str_starts(text, STR(">=")))
        return false;
    text = str_skip(text, 2);
    if (text.len >= 2 && (text.ptr[0] == '\'' || text.ptr[0] == '"'))
        text = str_slice(text, 1, text.len - 1);
    return time_parse(text, us_out);
}

static bool
read_term(struct str name, struct str value, struct term *t)
{
    if (str_eq_c(name, "updated_at"))
        return time_term(value, &t->updated_us);
    if (str_eq_c(name, "created_at"))
        return time_term(value, &t->created_us);
    if (value.len >= 2 && (value.ptr[0] == '\'' || value.ptr[0] == '"'))
        value = str_slice(value, 1, value.len - 1);
    if (str_eq_c(name, "email")) {
        t->email = value;
        return true;
    }
    if (str_eq_c(name, "id") && str_starts(value, STR(">=")))
        return str_to_i64(str_skip(value, 2), 1, INT64_MAX, &t->least_id);
    return str_eq_c(name, "status") || (str_eq_c(name, "id") && str_to_i64(value, 1, INT64_MAX, &t->id)) ||
           (str_eq_c(name, "product_id") && str_to_i64(value, 1, INT64_MAX, &t->product_id)) ||
           (str_eq_c(name, "collection_id") && str_to_i64(value, 1, INT64_MAX, &t->collection_id));
}

static bool
read_search(struct str search, struct term *t)
{
    while (search.len > 0) {
        struct str word, name, value;
        str_cut(str_trim(search), ' ', &word, &search);
        if (word.len == 0 || str_eq_c(word, "AND"))
            continue;
        if (!str_cut(word, ':', &name, &value) || !read_term(name, value, t))
            return false;
    }
    return true;
}

static bool
read_cursor(struct arena *a, struct str cursor, struct term *t)
{
    struct str text, at, id;
    t->after_at = t->after_id = INT64_MIN;
    if (cursor.len == 0)
        return true;
    return base64_decode(a, cursor, BASE64_STANDARD, &text) && str_cut(text, '-', &at, &id) &&
           str_to_i64(at, 0, INT64_MAX, &t->after_at) && str_to_i64(id, 0, INT64_MAX, &t->after_id);
}

static struct str
write_cursor(struct arena *a, const struct term *t, const struct object *o)
{
    struct buf b;
    int64_t at = t->by_time ? o->updated_us / US_PER_S : 0;
    buf_init(&b, CURSOR_BYTES_MAX);
    base64_encode(&b, str_format(a, "%lld-%lld", (long long)at, (long long)o->id), BASE64_STANDARD);
    struct str text = str_copy(a, buf_str(&b));
    buf_release(&b);
    return text;
}

static bool
view_key(struct world *world, struct collection *c, uint32_t index, struct arena *scratch, const void *ctx, struct view_key *key_out)
{
    const struct term *t = ctx;
    const struct object *o = world_object(c, index);
    int64_t at = t->by_time ? o->updated_us / US_PER_S : 0;
    *key_out = (struct view_key){.number = at};
    if (o->updated_us / US_PER_S * US_PER_S < t->updated_us || o->created_us < t->created_us)
        return false;
    if (o->id < t->least_id || (t->id && o->id != t->id))
        return false;
    if (at < t->after_at || (at == t->after_at && o->id <= t->after_id))
        return false;
    if (t->product_id && world_object(c->parent, o->parent)->id != t->product_id)
        return false;
    if (t->collection_id && !shopify_is_in(world, o, t->collection_id))
        return false;
    return t->email.len == 0 || str_eq_nocase(shopify_email(world, c, index, scratch), t->email);
}

static void
answer_list(struct shopify_answer *answer, const struct list *list, const struct graphql_field *f)
{
    struct sandbox_request *r = answer->request;
    struct collection *c = &r->world->collections[list->collection];
    struct page page = {.type = str_from_c(list->type)};
    bool by_time = str_eq_c(graphql_text(f, "sortKey"), "UPDATED_AT");
    struct term t = {.updated_us = INT64_MIN, .created_us = INT64_MIN, .by_time = by_time};
    if (!read_search(graphql_text(f, "query"), &t) || (t.product_id && c->parent == NULL)) {
        answer->fault = STR("Invalid search query");
        return;
    }
    if (!read_cursor(r->arena, r->loop ? STR_NONE : graphql_text(f, "after"), &t)) {
        answer->fault = STR("Invalid cursor for current pagination sort.");
        return;
    }
    const struct view *view = world_view(r->world, c, STR(""), view_key, &t, false);
    size_t first = (size_t)graphql_number(f, "first", 0);
    if (view == NULL || !make_room(answer, &page, first))
        return;
    page.before = t.after_id != INT64_MIN;
    page.more = view->count > first;
    for (; page.count < first && page.count < view->count; page.count++) {
        uint32_t index = view->items[page.count];
        page.nodes[page.count] = shopify_whole(answer, list->write, c, index);
        page.cursors[page.count] = write_cursor(r->arena, &t, world_object(c, index));
        reply_served(answer->reply, c->name, world_object(c, index)->id);
    }
    write_connection(answer, &page, f->first);
}

static void
answer_count(struct shopify_answer *answer, const struct list *list, const struct graphql_field *f)
{
    struct collection *c = &answer->request->world->collections[list->collection];
    struct term t = {.updated_us = INT64_MIN, .created_us = INT64_MIN, .after_at = INT64_MIN, .after_id = INT64_MIN};
    if (!read_search(graphql_text(f, "query"), &t)) {
        answer->fault = STR("Invalid search query");
        return;
    }
    const struct view *view = world_view(answer->request->world, c, STR(""), view_key, &t, false);
    struct err ignored = {0};
    int64_t count = view ? (int64_t)view->count : 0, limit = graphql_number(f, "limit", 10000);
    struct str text = str_format(answer->request->arena, "{\"count\":%lld,\"precision\":\"%s\"}",
                                 (long long)(count < limit ? count : limit), count < limit ? "EXACT" : "AT_LEAST");
    project_value(answer, STR("Count"), json_parse(answer->request->arena, text, JSON_NUMBERS_RAW, 4, &ignored), f->first);
}

static void
answer_one(struct shopify_answer *answer, const struct list *list, struct str gid, const struct graphql_field *f)
{
    struct collection *c = &answer->request->world->collections[list->collection];
    uint32_t index = shopify_find_gid(c, gid);
    yyjson_val *value = index == OBJECT_NONE ? NULL : shopify_whole(answer, list->write, c, index);
    if (index != OBJECT_NONE)
        reply_served(answer->reply, c->name, world_object(c, index)->id);
    project_value(answer, str_from_c(list->type), value, f->first);
}

enum { UNIQUE_EMAIL, UNIQUE_PHONE };

static void
answer_customer_by(struct shopify_answer *answer, const struct list *list, const struct graphql_field *f)
{
    struct world *world = answer->request->world;
    yyjson_val *by = json_get_c(f->arguments, "identifier");
    struct str email = json_str(json_get_c(by, "emailAddress")), phone = json_str(json_get_c(by, "phoneNumber"));
    struct collection *c = shopify_of(world).customers;
    uint32_t index = email.len  ? world_find_unique(world, c, UNIQUE_EMAIL, shopify_email, email)
                     : phone.len ? world_find_unique(world, c, UNIQUE_PHONE, shopify_phone, phone)
                                 : shopify_find_gid(c, json_str(json_get_c(by, "id")));
    yyjson_val *value = index == OBJECT_NONE ? NULL : shopify_whole(answer, list->write, c, index);
    project_value(answer, STR("Customer"), value, f->first);
}

static void
answer_fixed(struct shopify_answer *answer, const struct graphql_field *f)
{
    static const char shop[] =
        "{\"id\":\"gid://shopify/Shop/690933842\",\"name\":\"Loja Simulada\",\"myshopifyDomain\":\"" SHOP_DOMAIN "\","
        "\"currencyCode\":\"BRL\",\"ianaTimezone\":\"America/Sao_Paulo\",\"email\":\"loja@example.com\"}";
    static const char app[] =
        "{\"id\":\"gid://shopify/AppInstallation/1\",\"accessScopes\":[{\"handle\":\"read_products\",\"description\":\"\"},"
        "{\"handle\":\"read_orders\",\"description\":\"\"},{\"handle\":\"write_customers\",\"description\":\"\"}]}";
    struct err ignored = {0};
    bool is_shop = str_eq_c(f->name, "shop");
    yyjson_val *value = json_parse(answer->request->arena, str_from_c(is_shop ? shop : app), JSON_NUMBERS_RAW, 8, &ignored);
    project_value(answer, is_shop ? STR("Shop") : STR("AppInstallation"), value, f->first);
}

static void
answer_root(struct shopify_answer *answer, const struct graphql_field *f)
{
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        if (str_eq_c(f->name, lists[i].root))
            return answer_list(answer, &lists[i], f);
        if (str_eq_c(f->name, lists[i].one))
            return answer_one(answer, &lists[i], graphql_text(f, "id"), f);
        if (str_ends(f->name, STR("Count")) && str_eq_c(str_slice(f->name, 0, f->name.len - 5), lists[i].root))
            return answer_count(answer, &lists[i], f);
    }
    if (str_eq_c(f->name, "customerByIdentifier"))
        return answer_customer_by(answer, &lists[3], f);
    answer_fixed(answer, f);
}

void
shopify_query(struct shopify_answer *answer, const struct graphql_field *first)
{
    for (const struct graphql_field *f = first; f != NULL && str_is_none(answer->fault); f = f->next) {
        if (f->name.len == 0) {
            shopify_query(answer, f->first);
            continue;
        }
        json_add_key(answer->w, f->alias);
        answer_root(answer, f);
    }
}
