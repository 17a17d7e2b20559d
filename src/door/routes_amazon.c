/*
 * Addresses of door 004.
 */
#include "door/routes_priv.h"

#define AMAZON "/api/v1/integrations/amazon"
#define MESSAGE DIALECT_MESSAGE

static const struct route routes[] = {
    {"POST", AMAZON "/sync", ACCESS_UPDATE, MESSAGE, ROUTE_BODY_OPTIONAL | ROUTE_CREATES, amazon_sync},
    {"GET", AMAZON "/status", ACCESS_READ, MESSAGE, 0, amazon_status},
    {"GET", AMAZON "/claims", ACCESS_READ, MESSAGE, 0, amazon_claims},
    {"GET", AMAZON "/inventory", ACCESS_READ, MESSAGE, 0, amazon_inventory},
    {"GET", AMAZON "/orders", ACCESS_READ, MESSAGE, 0, amazon_orders},
    {"GET", AMAZON "/auth/start", ACCESS_UPDATE, MESSAGE, 0, amazon_auth_start},
    {"GET", AMAZON "/auth/callback", ACCESS_ANYONE, MESSAGE, ROUTE_NO_TENANT, amazon_auth_callback},
    {"POST", AMAZON "/disconnect", ACCESS_UPDATE, MESSAGE, ROUTE_BODY_OPTIONAL, amazon_disconnect},
    {"GET", "/api/sync/status", ACCESS_READ, MESSAGE, 0, amazon_sync_status},
    {"POST", "/api/sync/cancel", ACCESS_UPDATE, MESSAGE, ROUTE_BODY, amazon_sync_cancel},
};
const struct route_table routes_amazon = {routes, ARRAY_LEN(routes)};
