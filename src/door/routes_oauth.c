/*
 * Addresses for signing in at vendors.
 */
#include "door/routes_priv.h"

static const struct route routes[] = {
    {"GET", "/api/v1/oauth/start", ACCESS_UPDATE, DIALECT_CORE, 0, oauth_start},
    {"GET", "/api/v1/oauth/callback", ACCESS_ANYONE, DIALECT_CORE, ROUTE_NO_TENANT, oauth_callback},
};
const struct route_table routes_oauth = {routes, ARRAY_LEN(routes)};
