/*
 * Addresses of entities: the same for each kind of engine/kind.h, and for the streams that have none. Fixed segments
 * stand above parameters.
 */
#include "door/routes_priv.h"

#define CORE DIALECT_CORE
#define KIND(name)                                                                                                   \
    {"GET", "/api/v1/" name, ACCESS_READ, CORE, ROUTE_READS_AT_ONCE, entities_list},                                 \
    {"POST", "/api/v1/" name, ACCESS_UPDATE, CORE, ROUTE_BODY | ROUTE_CREATES, entities_create},                     \
    {"GET", "/api/v1/" name "/:id", ACCESS_READ, CORE, 0, entities_get},                                             \
    {"PATCH", "/api/v1/" name "/:id", ACCESS_UPDATE, CORE, ROUTE_BODY, entities_change},                             \
    {"DELETE", "/api/v1/" name "/:id", ACCESS_DELETE, CORE, 0, entities_delete}

static const struct route routes[] = {
    KIND("contacts"),
    KIND("conversations"),
    {"POST", "/api/v1/messages", ACCESS_UPDATE, CORE, ROUTE_BODY | ROUTE_CREATES, messages_post},
    KIND("messages"),
    KIND("leads"),
    KIND("companies"),
    KIND("deals"),
    KIND("tickets"),
    KIND("products"),
    KIND("orders"),
    KIND("customers"),
    {"POST", "/api/v1/records/:id/unlink", ACCESS_UPDATE, CORE, ROUTE_BODY, records_unlink},
    {"GET", "/api/v1/records/:id", ACCESS_READ, CORE, 0, entities_get},
    {"DELETE", "/api/v1/records/:id", ACCESS_DELETE, CORE, 0, entities_delete},
    {"GET", "/api/v1/records/:connectionId/:stream", ACCESS_READ, CORE, 0, entities_list_stream},
};
const struct route_table routes_entities = {routes, ARRAY_LEN(routes)};
