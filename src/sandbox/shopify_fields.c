/*
 * The fields of the Admin API's types that the sandbox can answer, named as in the vendor's schema of 2026-10. What is not here
 * is refused as the vendor refuses a field that does not exist.
 */
#include "sandbox/shopify_priv.h"

#define SCALAR(type, field) {type, field, NULL, false}
#define NODE(type) SCALAR(type, "id"), SCALAR(type, "legacyResourceId"), SCALAR(type, "createdAt"), SCALAR(type, "updatedAt")
#define OBJECT(type, field, of) {type, field, of, false}
#define LIST(type, field, of) {type, field, of, true}

static const struct shopify_type_field fields[] = {
    OBJECT("QueryRoot", "shop", "Shop"),
    OBJECT("QueryRoot", "currentAppInstallation", "AppInstallation"),
    LIST("QueryRoot", "products", "Product"),
    OBJECT("QueryRoot", "product", "Product"),
    OBJECT("QueryRoot", "productsCount", "Count"),
    LIST("QueryRoot", "productVariants", "ProductVariant"),
    OBJECT("QueryRoot", "productVariant", "ProductVariant"),
    LIST("QueryRoot", "collections", "Collection"),
    OBJECT("QueryRoot", "collection", "Collection"),
    LIST("QueryRoot", "customers", "Customer"),
    OBJECT("QueryRoot", "customer", "Customer"),
    OBJECT("QueryRoot", "customerByIdentifier", "Customer"),
    OBJECT("QueryRoot", "customersCount", "Count"),
    LIST("QueryRoot", "orders", "Order"),
    OBJECT("QueryRoot", "order", "Order"),
    OBJECT("QueryRoot", "ordersCount", "Count"),
    LIST("QueryRoot", "webhookSubscriptions", "WebhookSubscription"),
    OBJECT("Mutation", "customerCreate", "CustomerCreatePayload"),
    OBJECT("Mutation", "customerUpdate", "CustomerUpdatePayload"),
    OBJECT("Mutation", "customerSet", "CustomerSetPayload"),
    OBJECT("Mutation", "webhookSubscriptionCreate", "WebhookSubscriptionCreatePayload"),
    OBJECT("Mutation", "webhookSubscriptionDelete", "WebhookSubscriptionDeletePayload"),
    OBJECT("CustomerCreatePayload", "customer", "Customer"),
    OBJECT("CustomerCreatePayload", "userErrors", "UserError"),
    OBJECT("CustomerUpdatePayload", "customer", "Customer"),
    OBJECT("CustomerUpdatePayload", "userErrors", "UserError"),
    OBJECT("CustomerSetPayload", "customer", "Customer"),
    OBJECT("CustomerSetPayload", "userErrors", "CustomerSetUserError"),
    OBJECT("WebhookSubscriptionCreatePayload", "webhookSubscription", "WebhookSubscription"),
    OBJECT("WebhookSubscriptionCreatePayload", "userErrors", "UserError"),
    SCALAR("WebhookSubscriptionDeletePayload", "deletedWebhookSubscriptionId"),
    OBJECT("WebhookSubscriptionDeletePayload", "userErrors", "UserError"),
    SCALAR("UserError", "field"), SCALAR("UserError", "message"),
    SCALAR("CustomerSetUserError", "field"), SCALAR("CustomerSetUserError", "message"), SCALAR("CustomerSetUserError", "code"),
    SCALAR("Shop", "id"), SCALAR("Shop", "name"), SCALAR("Shop", "myshopifyDomain"), SCALAR("Shop", "currencyCode"),
    SCALAR("Shop", "ianaTimezone"), SCALAR("Shop", "email"),
    SCALAR("AppInstallation", "id"), OBJECT("AppInstallation", "accessScopes", "AccessScope"),
    SCALAR("AccessScope", "handle"), SCALAR("AccessScope", "description"),
    SCALAR("Count", "count"), SCALAR("Count", "precision"),
    SCALAR("MoneyV2", "amount"), SCALAR("MoneyV2", "currencyCode"),
    OBJECT("MoneyBag", "shopMoney", "MoneyV2"), OBJECT("MoneyBag", "presentmentMoney", "MoneyV2"),
    OBJECT("ProductPriceRangeV2", "minVariantPrice", "MoneyV2"), OBJECT("ProductPriceRangeV2", "maxVariantPrice", "MoneyV2"),
    SCALAR("PageInfo", "hasNextPage"), SCALAR("PageInfo", "hasPreviousPage"), SCALAR("PageInfo", "startCursor"),
    SCALAR("PageInfo", "endCursor"),

    NODE("Product"), SCALAR("Product", "title"), SCALAR("Product", "handle"), SCALAR("Product", "description"),
    SCALAR("Product", "descriptionHtml"), SCALAR("Product", "vendor"), SCALAR("Product", "productType"),
    SCALAR("Product", "status"), SCALAR("Product", "totalInventory"), SCALAR("Product", "tracksInventory"),
    SCALAR("Product", "publishedAt"), SCALAR("Product", "onlineStoreUrl"), SCALAR("Product", "tags"),
    OBJECT("Product", "variantsCount", "Count"), OBJECT("Product", "priceRangeV2", "ProductPriceRangeV2"),
    LIST("Product", "variants", "ProductVariant"), LIST("Product", "collections", "Collection"),

    NODE("ProductVariant"), SCALAR("ProductVariant", "title"), SCALAR("ProductVariant", "displayName"),
    SCALAR("ProductVariant", "sku"), SCALAR("ProductVariant", "price"), SCALAR("ProductVariant", "compareAtPrice"),
    SCALAR("ProductVariant", "barcode"), SCALAR("ProductVariant", "position"), SCALAR("ProductVariant", "inventoryQuantity"),
    SCALAR("ProductVariant", "availableForSale"), SCALAR("ProductVariant", "taxable"),
    OBJECT("ProductVariant", "product", "Product"),

    SCALAR("Collection", "id"), SCALAR("Collection", "legacyResourceId"), SCALAR("Collection", "updatedAt"),
    SCALAR("Collection", "title"), SCALAR("Collection", "handle"), SCALAR("Collection", "description"),
    SCALAR("Collection", "descriptionHtml"), SCALAR("Collection", "sortOrder"), OBJECT("Collection", "productsCount", "Count"),

    NODE("Customer"), SCALAR("Customer", "firstName"), SCALAR("Customer", "lastName"), SCALAR("Customer", "displayName"),
    SCALAR("Customer", "email"), SCALAR("Customer", "phone"), SCALAR("Customer", "note"), SCALAR("Customer", "locale"),
    SCALAR("Customer", "state"), SCALAR("Customer", "verifiedEmail"), SCALAR("Customer", "taxExempt"),
    SCALAR("Customer", "numberOfOrders"), SCALAR("Customer", "tags"), OBJECT("Customer", "amountSpent", "MoneyV2"),
    OBJECT("Customer", "defaultEmailAddress", "CustomerEmailAddress"),
    OBJECT("Customer", "defaultPhoneNumber", "CustomerPhoneNumber"), OBJECT("Customer", "defaultAddress", "MailingAddress"),
    SCALAR("CustomerEmailAddress", "emailAddress"), SCALAR("CustomerEmailAddress", "marketingState"),
    SCALAR("CustomerEmailAddress", "validFormat"),
    SCALAR("CustomerPhoneNumber", "phoneNumber"), SCALAR("CustomerPhoneNumber", "marketingState"),
    SCALAR("MailingAddress", "address1"), SCALAR("MailingAddress", "address2"), SCALAR("MailingAddress", "city"),
    SCALAR("MailingAddress", "province"), SCALAR("MailingAddress", "zip"), SCALAR("MailingAddress", "country"),
    SCALAR("MailingAddress", "countryCodeV2"), SCALAR("MailingAddress", "company"), SCALAR("MailingAddress", "phone"),

    NODE("Order"), SCALAR("Order", "name"), SCALAR("Order", "number"), SCALAR("Order", "email"), SCALAR("Order", "phone"),
    SCALAR("Order", "displayFinancialStatus"), SCALAR("Order", "displayFulfillmentStatus"), SCALAR("Order", "currencyCode"),
    SCALAR("Order", "processedAt"), SCALAR("Order", "cancelledAt"), SCALAR("Order", "closedAt"), SCALAR("Order", "sourceName"),
    SCALAR("Order", "note"), SCALAR("Order", "test"), SCALAR("Order", "tags"), OBJECT("Order", "customer", "Customer"),
    OBJECT("Order", "totalPriceSet", "MoneyBag"), OBJECT("Order", "currentTotalPriceSet", "MoneyBag"),
    OBJECT("Order", "subtotalPriceSet", "MoneyBag"), OBJECT("Order", "totalTaxSet", "MoneyBag"),
    OBJECT("Order", "totalShippingPriceSet", "MoneyBag"), OBJECT("Order", "totalDiscountsSet", "MoneyBag"),
    OBJECT("Order", "totalRefundedSet", "MoneyBag"), LIST("Order", "lineItems", "LineItem"),

    SCALAR("LineItem", "id"), SCALAR("LineItem", "title"), SCALAR("LineItem", "name"), SCALAR("LineItem", "sku"),
    SCALAR("LineItem", "variantTitle"), SCALAR("LineItem", "vendor"), SCALAR("LineItem", "quantity"),
    SCALAR("LineItem", "currentQuantity"), SCALAR("LineItem", "unfulfilledQuantity"),
    OBJECT("LineItem", "originalUnitPriceSet", "MoneyBag"), OBJECT("LineItem", "discountedTotalSet", "MoneyBag"),
    OBJECT("LineItem", "variant", "ProductVariant"), OBJECT("LineItem", "product", "Product"),

    NODE("WebhookSubscription"), SCALAR("WebhookSubscription", "topic"), SCALAR("WebhookSubscription", "uri"),
    SCALAR("WebhookSubscription", "callbackUrl"), SCALAR("WebhookSubscription", "format"),
};

const struct shopify_type_field *
shopify_field(struct str type, struct str field)
{
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (str_eq_c(field, fields[i].field) && str_eq_c(type, fields[i].type))
            return &fields[i];
    return NULL;
}
