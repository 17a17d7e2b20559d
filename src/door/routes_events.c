/*
 * Addresses of events out, and of what the page and the command line look at.
 */
#include "door/routes_priv.h"

#define CORE DIALECT_CORE
#define SUBSCRIPTIONS "/api/v1/webhook-subscriptions"

static const struct route routes[] = {
    {"GET", "/api/v1/events", ACCESS_READ, CORE, 0, events_stream},
    {"GET", SUBSCRIPTIONS, ACCESS_READ, CORE, 0, subscriptions_list},
    {"POST", SUBSCRIPTIONS, ACCESS_UPDATE, CORE, ROUTE_BODY | ROUTE_CREATES | ROUTE_SECRET, subscriptions_create},
    {"GET", SUBSCRIPTIONS "/:id", ACCESS_READ, CORE, 0, subscriptions_get},
    {"PATCH", SUBSCRIPTIONS "/:id", ACCESS_UPDATE, CORE, ROUTE_BODY, subscriptions_change},
    {"DELETE", SUBSCRIPTIONS "/:id", ACCESS_DELETE, CORE, 0, subscriptions_delete},
    {"POST", SUBSCRIPTIONS "/:id/secret", ACCESS_UPDATE, CORE, ROUTE_CREATES | ROUTE_SECRET, subscriptions_secret},
    {"GET", SUBSCRIPTIONS "/:id/deliveries", ACCESS_READ, CORE, 0, deliveries_list},
    {"GET", SUBSCRIPTIONS "/:id/deliveries/:deliveryId", ACCESS_READ, CORE, 0, deliveries_get},
    {"POST", SUBSCRIPTIONS "/:id/deliveries/:deliveryId/replay", ACCESS_UPDATE, CORE, ROUTE_CREATES, deliveries_replay},
    {"GET", "/api/v1/overview", ACCESS_READ, CORE, 0, overview_get},
    {"GET", "/api/v1/overview/activity", ACCESS_READ, CORE, 0, overview_activity},
    {"GET", "/api/v1/overview/records", ACCESS_READ, CORE, 0, overview_records},
    {"GET", "/api/v1/sync/connections/:id/quota", ACCESS_READ, CORE, 0, quota_show},
    {"POST", "/api/v1/templates/check", ACCESS_UPDATE, CORE, ROUTE_BODY | ROUTE_BODY_LARGE, templates_check},
    {"POST", "/api/v1/templates/preview", ACCESS_UPDATE, CORE, ROUTE_BODY | ROUTE_BODY_LARGE, templates_preview},
    {"POST", "/api/v1/templates/:name/try", ACCESS_UPDATE, CORE, ROUTE_BODY, templates_try},
};
const struct route_table routes_events = {routes, ARRAY_LEN(routes)};
