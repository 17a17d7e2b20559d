/*
 * Addresses that an operator needs when two sides disagree, and when keys change.
 */
#include "door/routes_priv.h"

#define CORE DIALECT_CORE

static const struct route routes[] = {
    {"GET", "/api/v1/conflicts", ACCESS_READ, CORE, 0, conflicts_list},
    {"GET", "/api/v1/conflicts/:id", ACCESS_READ, CORE, 0, conflicts_get},
    {"POST", "/api/v1/conflicts/:id/resolve", ACCESS_UPDATE, CORE, ROUTE_BODY, conflicts_resolve},
    {"POST", "/api/v1/secrets/rotate", ACCESS_ADMIN, CORE, ROUTE_NO_TENANT | ROUTE_CREATES, secrets_rotate},
    {"GET", "/api/v1/secrets/verify", ACCESS_ADMIN, CORE, ROUTE_NO_TENANT, secrets_verify},
};
const struct route_table routes_conflicts = {routes, ARRAY_LEN(routes)};
