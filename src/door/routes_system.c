/*
 * Addresses of the server itself: health, numbers, templates, the page. Fixed segments stand above parameters.
 */
#include "door/routes_priv.h"

#define CORE DIALECT_CORE

static const struct route routes[] = {
    {"GET", "/", ACCESS_ANYONE, CORE, ROUTE_NO_TENANT, root_page},
    {"GET", "/assets/:file", ACCESS_ANYONE, CORE, ROUTE_NO_TENANT, assets_page_file},
    {"GET", "/healthz", ACCESS_ANYONE, CORE, ROUTE_NO_TENANT, health_live},
    {"GET", "/readyz", ACCESS_ANYONE, CORE, ROUTE_NO_TENANT, health_ready},
    {"GET", "/metrics", ACCESS_METRICS, CORE, ROUTE_NO_TENANT, health_metrics},
    {"GET", "/openapi.json", ACCESS_ANYONE, CORE, ROUTE_NO_TENANT, assets_openapi},
    {"GET", "/docs", ACCESS_ANYONE, CORE, ROUTE_NO_TENANT, root_reference},
    {"GET", "/api/v1/templates", ACCESS_ANYONE, CORE, ROUTE_NO_TENANT, templates_list},
    {"GET", "/api/v1/templates/:name", ACCESS_ANYONE, CORE, ROUTE_NO_TENANT, templates_get},
};
const struct route_table routes_system = {routes, ARRAY_LEN(routes)};
