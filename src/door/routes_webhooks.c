/*
 * Addresses that vendors call, and those through which people look at what came.
 */
#include "door/routes_priv.h"

#define CORE DIALECT_CORE
#define RAW (ROUTE_RAW | ROUTE_BODY_LARGE)

static const struct route routes[] = {
    {"GET", "/api/v1/webhooks/events", ACCESS_READ, CORE, 0, webhook_events_list},
    {"GET", "/api/v1/webhooks/events/:id", ACCESS_READ, CORE, 0, webhook_events_get},
    {"POST", "/api/v1/webhooks/events/:id/replay", ACCESS_UPDATE, CORE, ROUTE_CREATES, webhook_events_replay},
    {"POST", "/api/v1/webhooks/:connectionId", ACCESS_ANYONE, CORE, RAW | ROUTE_AT_ONCE, webhook_of_connection},
    {"GET", "/api/v1/webhooks/:connectionId", ACCESS_ANYONE, CORE, 0, webhook_greet_connection},
    {"POST", "/api/v1/sync/connections/:id/setup-webhook", ACCESS_UPDATE, CORE, ROUTE_BODY_OPTIONAL | ROUTE_CREATES | ROUTE_SECRET,
     webhook_setup},
    {"POST", "/api/v1/sync/:template/webhook", ACCESS_ANYONE, CORE, RAW | ROUTE_AT_ONCE, webhook_of_template},
    {"GET", "/api/v1/sync/:template/webhook", ACCESS_ANYONE, CORE, 0, webhook_greet_template},
    {"POST", "/api/webhook", ACCESS_ANYONE, DIALECT_STATUS, RAW | ROUTE_AT_ONCE, webhook_envelope},
    {"GET", "/api/webhook", ACCESS_ANYONE, DIALECT_STATUS, 0, webhook_greet_envelope},
};

const struct route_table routes_webhooks = {routes, ARRAY_LEN(routes)};
