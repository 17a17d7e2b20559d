/*
 * A shop's objects, whole: every member that a query may ask for, connections as plain lists. shopify_answer.c takes from them
 * what is asked. Made from a number and a revision, what a client wrote laid over.
 */
#include "sandbox/shopify_priv.h"
#include "sandbox/written.h"

#define PEOPLE_SALT 0x5350 /* not the people of another vendor */
#define CURRENCY "BRL"
#define MANY_ITEMS 45      /* one order in twenty has so many */
#define SHIPPING_CENTS 1990

struct making {
    struct world *world;
    struct collection *collection;
    const struct object *object;
    struct arena *arena;
    struct json_writer *w;
    yyjson_val *written;
    struct person person;
    uint64_t random;
    bool made;             /* by the generator, not by a client */
};

static struct making
look(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w)
{
    struct making m = {.world = world, .collection = c, .object = world_object(c, index), .arena = a, .w = w};
    uint64_t kind = (uint64_t)(c - world->collections);
    m.written = written_of(m.object, a);
    m.random = people_mix(world->seed ^ (kind + 601), m.object->number);
    m.made = m.object->number != OBJECT_NONE &&
             person_make(a, world->seed ^ (PEOPLE_SALT + kind), m.object->number, m.object->revision, &m.person);
    return m;
}

static void
add_time(struct making *m, const char *key, int64_t us)
{
    char text[TIME_TEXT_BYTES];
    json_add_str(m->w, key, us ? str_format(m->arena, "%.19sZ", time_format_ms(us, text)) : STR_NONE);
}

static void
add_gid(struct making *m, const char *type, int64_t id)
{
    json_add_str(m->w, "id", str_format(m->arena, "gid://shopify/%s/%lld", type, (long long)id));
}

static struct making
begin(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w, const char *type)
{
    struct making m = look(world, c, index, a, w);
    json_begin_object(w, NULL);
    add_gid(&m, type, m.object->id);
    json_add_str(w, "legacyResourceId", str_format(a, "%lld", (long long)m.object->id));
    add_time(&m, "createdAt", m.object->created_us);
    add_time(&m, "updatedAt", m.object->updated_us);
    return m;
}

static struct str
amount(struct arena *a, uint64_t cents)
{
    return str_format(a, "%llu.%02llu", (unsigned long long)cents / 100, (unsigned long long)cents % 100);
}

static void
add_money(struct making *m, const char *key, uint64_t cents)
{
    json_begin_object(m->w, key);
    json_add_str(m->w, "amount", amount(m->arena, cents));
    json_add_c(m->w, "currencyCode", CURRENCY);
    json_end_object(m->w);
}

static void
add_bag(struct making *m, const char *key, uint64_t cents)
{
    json_begin_object(m->w, key);
    add_money(m, "shopMoney", cents);
    add_money(m, "presentmentMoney", cents);
    json_end_object(m->w);
}

static void
add_tags(struct making *m, const char *one, const char *other)
{
    yyjson_val *written = json_get_c(m->written, "tags");
    if (written != NULL) {
        json_add_val(m->w, "tags", written);
        return;
    }
    json_begin_array(m->w, "tags");
    if (m->random % 3 != 0)
        json_add_c(m->w, NULL, m->random % 3 == 1 ? one : other);
    json_end_array(m->w);
}

/* One of those that were there at the start, so that newcomers change nothing. OBJECT_NONE: there were none. */
static uint32_t
one_of(const struct world *world, const struct collection *c, uint64_t random)
{
    int64_t count = world->vendor_numbers[SHOP_NUMBER_STARTED + (c - world->collections)];
    return count > 0 ? (uint32_t)(random % (uint64_t)count) : OBJECT_NONE;
}

/* ---- products ---- */

static uint64_t
price_of(const struct world *world, const struct collection *variants, uint32_t index)
{
    const struct object *o = world_object((struct collection *)(uintptr_t)variants, index);
    return 990 + people_mix(world->seed ^ 82, (uint64_t)o->id + o->revision) % 80000;
}

void
shopify_write_variant(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w)
{
    static const char *const colours[] = {"Rosa", "Vermelho", "Verde", "Preto"};
    struct making m = begin(world, c, index, a, w, "ProductVariant");
    const struct object *product = world_object(shopify_of(world).products, m.object->parent);
    json_add_c(w, "title", colours[m.random % 4]);
    json_add_c(w, "displayName", colours[m.random % 4]);
    json_add_str(w, "sku", str_format(a, "SKU-%lld", (long long)m.object->id));
    json_add_str(w, "price", amount(a, price_of(world, c, index)));
    json_add_null(w, "compareAtPrice");
    json_add_str(w, "barcode", m.random % 2 ? str_format(a, "789%010llu", (unsigned long long)(m.random % 10000000000)) : STR_NONE);
    json_add_i64(w, "position", 1);
    json_add_i64(w, "inventoryQuantity", (int64_t)(m.random >> 8) % 200);
    json_add_bool(w, "availableForSale", m.random % 7 != 0);
    json_add_bool(w, "taxable", true);
    json_begin_object(w, "product");
    add_gid(&m, "Product", product->id);
    json_add_str(w, "legacyResourceId", str_format(a, "%lld", (long long)product->id));
    json_end_object(w);
    json_end_object(w);
}

bool
shopify_is_in(const struct world *world, const struct object *product, int64_t collection_id)
{
    return people_mix(world->seed ^ 83, (uint64_t)product->id ^ ((uint64_t)collection_id << 20)) % 4 == 0;
}

static void
add_collections(struct making *m)
{
    struct collection *c = shopify_of(m->world).collections;
    json_begin_array(m->w, "collections");
    for (uint32_t i = 0; i < c->count; i++)
        if (!world_object(c, i)->deleted && shopify_is_in(m->world, m->object, world_object(c, i)->id))
            shopify_write_collection(m->world, c, i, m->arena, m->w);
    json_end_array(m->w);
}

static void
add_variants(struct making *m)
{
    size_t count;
    uint64_t least = UINT64_MAX, most = 0;
    struct collection *variants = shopify_of(m->world).variants;
    uint32_t *items = world_children(m->arena, variants, m->object, &count);
    json_begin_array(m->w, "variants");
    for (size_t i = 0; items != NULL && i < count; i++) {
        uint64_t price = price_of(m->world, variants, items[i]);
        least = price < least ? price : least, most = price > most ? price : most;
        shopify_write_variant(m->world, variants, items[i], m->arena, m->w);
    }
    json_end_array(m->w);
    json_begin_object(m->w, "variantsCount");
    json_add_i64(m->w, "count", (int64_t)count);
    json_add_c(m->w, "precision", "EXACT");
    json_end_object(m->w);
    json_begin_object(m->w, "priceRangeV2");
    add_money(m, "minVariantPrice", items == NULL || count == 0 ? 0 : least);
    add_money(m, "maxVariantPrice", most);
    json_end_object(m->w);
}

void
shopify_write_product(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w)
{
    static const char *const kinds[] = {"Camiseta", "Caneca", "Boné", "Mochila", "Rede de algodão"};
    struct making m = begin(world, c, index, a, w, "Product");
    struct str title = str_format(a, "%s %.*s nº %u", kinds[m.random % 5], STR_ARG(m.person.last), (unsigned)m.object->number + 1);
    json_add_str(w, "title", m.made ? title : STR("Produto"));
    json_add_str(w, "handle", str_format(a, "produto-%lld", (long long)m.object->id));
    json_add_c(w, "description", "Feito à mão em Minas Gerais.");
    json_add_c(w, "descriptionHtml", "<p>Feito à mão em Minas Gerais.</p>");
    json_add_str(w, "vendor", m.person.company);
    json_add_c(w, "productType", kinds[m.random % 5]);
    json_add_c(w, "status", m.random % 9 == 0 ? "DRAFT" : m.random % 9 == 1 ? "ARCHIVED" : "ACTIVE");
    json_add_i64(w, "totalInventory", (int64_t)(m.random >> 12) % 500);
    json_add_bool(w, "tracksInventory", true);
    add_time(&m, "publishedAt", m.object->created_us);
    json_add_str(w, "onlineStoreUrl", str_format(a, "https://" SHOP_DOMAIN "/products/produto-%lld", (long long)m.object->id));
    add_tags(&m, "artesanato", "promoção");
    add_variants(&m);
    add_collections(&m);
    json_end_object(w);
}

void
shopify_write_collection(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w)
{
    static const char *const handles[] = {"summer-collection", "new-arrivals", "promocoes", "presentes"};
    static const char *const titles[] = {"Coleção de verão", "Novidades", "Promoções", "Presentes"};
    struct making m = begin(world, c, index, a, w, "Collection");
    uint32_t number = m.object->number;
    struct str title = number < 4 ? str_from_c(titles[number]) : str_format(a, "Coleção %u", (unsigned)number + 1);
    json_add_str(w, "title", m.object->revision ? str_format(a, "%.*s (%u)", STR_ARG(title), (unsigned)m.object->revision) : title);
    json_add_str(w, "handle", number < 4 ? str_from_c(handles[number]) : str_format(a, "colecao-%u", (unsigned)number + 1));
    json_add_c(w, "description", "");
    json_add_c(w, "descriptionHtml", "");
    json_add_c(w, "sortOrder", "BEST_SELLING");
    json_begin_object(w, "productsCount");
    json_add_i64(w, "count", (int64_t)(m.random % 40));
    json_add_c(w, "precision", "EXACT");
    json_end_object(w);
    json_end_object(w);
}

/* ---- customers ---- */

struct str
shopify_email(struct world *world, struct collection *c, uint32_t index, struct arena *a)
{
    struct making m = look(world, c, index, a, NULL);
    return written_text(m.written, "email", m.made && m.random % 12 ? m.person.email : STR_NONE);
}

struct str
shopify_phone(struct world *world, struct collection *c, uint32_t index, struct arena *a)
{
    struct making m = look(world, c, index, a, NULL);
    return written_text(m.written, "phone", m.made && m.random % 3 ? m.person.phone : STR_NONE);
}

static void
add_contact(struct making *m, uint32_t index)
{
    struct str email = shopify_email(m->world, m->collection, index, m->arena);
    struct str phone = shopify_phone(m->world, m->collection, index, m->arena);
    json_add_str(m->w, "email", email);
    json_add_str(m->w, "phone", phone);
    if (email.len > 0) {
        json_begin_object(m->w, "defaultEmailAddress");
        json_add_str(m->w, "emailAddress", email);
        json_add_c(m->w, "marketingState", m->random % 2 ? "SUBSCRIBED" : "NOT_SUBSCRIBED");
        json_add_bool(m->w, "validFormat", true);
        json_end_object(m->w);
    } else {
        json_add_null(m->w, "defaultEmailAddress");
    }
    if (phone.len > 0) {
        json_begin_object(m->w, "defaultPhoneNumber");
        json_add_str(m->w, "phoneNumber", phone);
        json_add_c(m->w, "marketingState", "NOT_SUBSCRIBED");
        json_end_object(m->w);
    } else {
        json_add_null(m->w, "defaultPhoneNumber");
    }
}

static void
add_address(struct making *m)
{
    static const char *const members[] = {"address1", "address2", "city", "province", "zip", "country", "company", "phone"};
    yyjson_val *written = yyjson_arr_get_first(json_get_c(m->written, "addresses"));
    if (!m->made && written == NULL) {
        json_add_null(m->w, "defaultAddress");
        return;
    }
    const struct str made[] = {STR("Rua das Flores, 100"), STR_NONE,           m->person.city,    STR_NONE,
                               STR("01310-100"),           m->person.country, m->person.company, STR_NONE};
    json_begin_object(m->w, "defaultAddress");
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        json_add_str(m->w, members[i], written_text(written, members[i], written ? STR_NONE : made[i]));
    json_add_str(m->w, "countryCodeV2", written_text(written, "countryCode", written ? STR_NONE : m->person.country_code));
    json_end_object(m->w);
}

void
shopify_write_customer(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w)
{
    struct making m = begin(world, c, index, a, w, "Customer");
    struct str first = written_text(m.written, "firstName", m.made ? m.person.first : STR_NONE);
    struct str last = written_text(m.written, "lastName", m.made ? m.person.last : STR_NONE);
    struct str name = first.len && last.len ? str_format(a, "%.*s %.*s", STR_ARG(first), STR_ARG(last)) : first.len ? first : last;
    json_add_str(w, "firstName", first);
    json_add_str(w, "lastName", last);
    json_add_str(w, "displayName", name.len ? name : shopify_email(world, c, index, a).len ? shopify_email(world, c, index, a) : STR(""));
    add_contact(&m, index);
    add_address(&m);
    json_add_str(w, "note", written_text(m.written, "note", STR_NONE));
    json_add_str(w, "locale", written_text(m.written, "locale", STR("pt-BR")));
    json_add_c(w, "state", m.random % 4 ? "DISABLED" : "ENABLED");
    json_add_bool(w, "verifiedEmail", true);
    json_add_bool(w, "taxExempt", false);
    json_add_str(w, "numberOfOrders", str_format(a, "%u", m.made ? (unsigned)m.random % 9 : 0));
    add_money(&m, "amountSpent", m.made ? m.random % 900000 : 0);
    add_tags(&m, "vip", "atacado");
    json_end_object(w);
}

/* ---- orders ---- */

static uint64_t
write_item(struct making *m, uint32_t variant, uint64_t number)
{
    struct shopify s = shopify_of(m->world);
    uint64_t random = people_mix(m->random, number), quantity = 1 + random % 3;
    uint64_t price = price_of(m->world, s.variants, variant);
    const struct object *v = world_object(s.variants, variant), *p = world_object(s.products, v->parent);
    struct str title = str_format(m->arena, "Produto %lld", (long long)p->id);
    json_begin_object(m->w, NULL);
    add_gid(m, "LineItem", m->object->id * 100 + (int64_t)number);
    json_add_str(m->w, "title", title);
    json_add_str(m->w, "name", title);
    json_add_str(m->w, "sku", str_format(m->arena, "SKU-%lld", (long long)v->id));
    json_add_c(m->w, "variantTitle", "Verde");
    json_add_c(m->w, "vendor", "Loja Simulada");
    json_add_i64(m->w, "quantity", (int64_t)quantity);
    json_add_i64(m->w, "currentQuantity", (int64_t)quantity);
    json_add_i64(m->w, "unfulfilledQuantity", m->object->revision ? 0 : (int64_t)quantity);
    add_bag(m, "originalUnitPriceSet", price);
    add_bag(m, "discountedTotalSet", price * quantity);
    json_begin_object(m->w, "variant");
    add_gid(m, "ProductVariant", v->id);
    json_add_str(m->w, "legacyResourceId", str_format(m->arena, "%lld", (long long)v->id));
    json_end_object(m->w);
    json_begin_object(m->w, "product");
    add_gid(m, "Product", p->id);
    json_add_str(m->w, "legacyResourceId", str_format(m->arena, "%lld", (long long)p->id));
    json_end_object(m->w);
    json_end_object(m->w);
    return price * quantity;
}

static uint64_t
add_items(struct making *m)
{
    uint64_t total = 0, count = m->object->number % 20 == 7 ? MANY_ITEMS : 1 + m->random % 5;
    struct collection *variants = shopify_of(m->world).variants;
    json_begin_array(m->w, "lineItems");
    for (uint64_t i = 0; i < count; i++) {
        uint32_t variant = one_of(m->world, variants, people_mix(m->random ^ 84, i));
        if (variant != OBJECT_NONE)
            total += write_item(m, variant, i + 1);
    }
    json_end_array(m->w);
    return total;
}

static void
add_customer(struct making *m)
{
    struct collection *customers = shopify_of(m->world).customers;
    uint32_t index = one_of(m->world, customers, m->random >> 16);
    if (index == OBJECT_NONE || m->random % 15 == 0) {
        json_add_null(m->w, "customer");
        json_add_null(m->w, "email");
        return;
    }
    json_add_key(m->w, STR("customer"));
    shopify_write_customer(m->world, customers, index, m->arena, m->w);
    json_add_str(m->w, "email", shopify_email(m->world, customers, index, m->arena));
}

void
shopify_write_order(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w)
{
    static const char *const financial[] = {"PENDING", "AUTHORIZED", "PAID", "PAID", "PARTIALLY_REFUNDED", "REFUNDED"};
    struct making m = begin(world, c, index, a, w, "Order");
    json_add_str(w, "name", str_format(a, "#%u", 1001 + (unsigned)m.object->number));
    json_add_i64(w, "number", 1001 + (int64_t)m.object->number);
    uint64_t items = add_items(&m);
    add_customer(&m);
    json_add_c(w, "displayFinancialStatus", financial[(m.random % 4 + m.object->revision) % ARRAY_LEN(financial)]);
    json_add_c(w, "displayFulfillmentStatus", m.object->revision ? "FULFILLED" : "UNFULFILLED");
    json_add_c(w, "currencyCode", CURRENCY);
    add_time(&m, "processedAt", m.object->created_us);
    add_time(&m, "cancelledAt", m.random % 17 == 0 ? m.object->updated_us : 0);
    add_time(&m, "closedAt", 0);
    json_add_c(w, "sourceName", "web");
    json_add_null(w, "note");
    json_add_bool(w, "test", false);
    json_add_null(w, "phone");
    add_bag(&m, "totalPriceSet", items + SHIPPING_CENTS);
    add_bag(&m, "currentTotalPriceSet", items + SHIPPING_CENTS);
    add_bag(&m, "subtotalPriceSet", items);
    add_bag(&m, "totalTaxSet", items / 20);
    add_bag(&m, "totalShippingPriceSet", SHIPPING_CENTS);
    add_bag(&m, "totalDiscountsSet", 0);
    add_bag(&m, "totalRefundedSet", 0);
    add_tags(&m, "presente", "assinatura");
    json_end_object(w);
}

void
shopify_write_webhook(struct world *world, struct collection *c, uint32_t index, struct arena *a, struct json_writer *w)
{
    struct making m = begin(world, c, index, a, w, "WebhookSubscription");
    json_add_str(w, "topic", written_text(m.written, "topic", STR("")));
    json_add_str(w, "uri", written_text(m.written, "uri", STR("")));
    json_add_str(w, "callbackUrl", written_text(m.written, "uri", STR("")));
    json_add_c(w, "format", "JSON");
    json_end_object(w);
}
