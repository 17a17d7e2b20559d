/*
 * Addresses of identity: session, tenants, keys, users. Fixed segments stand above parameters.
 */
#include "door/routes_priv.h"

#define CORE DIALECT_CORE

static const struct route routes[] = {
    {"GET", "/api/v1/session", ACCESS_TOKEN, CORE, ROUTE_NO_TENANT, session_get},
    {"POST", "/api/v1/session", ACCESS_ANYONE, CORE, ROUTE_NO_TENANT | ROUTE_BODY, session_create},
    {"DELETE", "/api/v1/session", ACCESS_ANYONE, CORE, ROUTE_NO_TENANT, session_delete},
    {"GET", "/api/v1/tenants", ACCESS_ADMIN, CORE, ROUTE_NO_TENANT, tenants_list},
    {"POST", "/api/v1/tenants", ACCESS_ADMIN, CORE, ROUTE_NO_TENANT | ROUTE_BODY | ROUTE_CREATES, tenants_create},
    {"GET", "/api/v1/tenants/:id", ACCESS_ADMIN, CORE, ROUTE_NO_TENANT, tenants_get},
    {"PATCH", "/api/v1/tenants/:id", ACCESS_ADMIN, CORE, ROUTE_NO_TENANT | ROUTE_BODY, tenants_change},
    {"DELETE", "/api/v1/tenants/:id", ACCESS_ADMIN, CORE, ROUTE_NO_TENANT, tenants_delete},
    {"POST", "/api/v1/tenants/:id/disable", ACCESS_ADMIN, CORE, ROUTE_NO_TENANT | ROUTE_CREATES, tenants_disable},
    {"POST", "/api/v1/tenants/:id/enable", ACCESS_ADMIN, CORE, ROUTE_NO_TENANT | ROUTE_CREATES, tenants_enable},
    {"GET", "/api/v1/keys", ACCESS_ADMIN, CORE, 0, keys_list},
    {"POST", "/api/v1/keys", ACCESS_ADMIN, CORE, ROUTE_BODY | ROUTE_CREATES | ROUTE_SECRET, keys_create},
    {"GET", "/api/v1/keys/:id", ACCESS_ADMIN, CORE, 0, keys_get},
    {"DELETE", "/api/v1/keys/:id", ACCESS_ADMIN, CORE, 0, keys_revoke},
    {"GET", "/api/v1/users", ACCESS_ADMIN, CORE, 0, users_list},
    {"POST", "/api/v1/users", ACCESS_ADMIN, CORE, ROUTE_BODY | ROUTE_CREATES, users_create},
    {"GET", "/api/v1/users/:id", ACCESS_ADMIN, CORE, 0, users_get},
    {"PATCH", "/api/v1/users/:id", ACCESS_ADMIN, CORE, ROUTE_BODY, users_change},
    {"DELETE", "/api/v1/users/:id", ACCESS_ADMIN, CORE, 0, users_disable},
    {"GET", "/api/v1/audit", ACCESS_ADMIN, CORE, ROUTE_NO_TENANT, audit_list},
};
const struct route_table routes_identity = {routes, ARRAY_LEN(routes)};
