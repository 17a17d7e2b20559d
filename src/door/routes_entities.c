/*
 * Addresses of entities out. Fixed segments stand above parameters.
 */
#include "door/routes_priv.h"

#define CORE DIALECT_CORE

static const struct route routes[] = {
    {"GET", "/api/v1/contacts", ACCESS_READ, CORE, 0, entities_list},
    {"GET", "/api/v1/contacts/:id", ACCESS_READ, CORE, 0, entities_get},
    {"GET", "/api/v1/conversations", ACCESS_READ, CORE, 0, entities_list},
    {"GET", "/api/v1/conversations/:id", ACCESS_READ, CORE, 0, entities_get},
    {"GET", "/api/v1/messages", ACCESS_READ, CORE, 0, entities_list},
    {"GET", "/api/v1/messages/:id", ACCESS_READ, CORE, 0, entities_get},
};
const struct route_table routes_entities = {routes, ARRAY_LEN(routes)};
