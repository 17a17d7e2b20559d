/*
 * Addresses of doors 000 and 003. Fixed segments stand above parameters.
 */
#include "door/routes_priv.h"

#define SYNC "/api/v1/sync"
#define CORE DIALECT_CORE

static const struct route routes[] = {
    {"GET", SYNC "/connections", ACCESS_READ, CORE, 0, connections_list},
    {"POST", SYNC "/connections", ACCESS_UPDATE, CORE, ROUTE_BODY | ROUTE_CREATES, connections_create},
    {"GET", SYNC "/connections/:id", ACCESS_READ, CORE, 0, connections_get},
    {"PATCH", SYNC "/connections/:id", ACCESS_UPDATE, CORE, ROUTE_BODY, connections_change},
    {"DELETE", SYNC "/connections/:id", ACCESS_DELETE, CORE, 0, connections_delete},
    {"POST", SYNC "/connections/:id/test", ACCESS_UPDATE, CORE, 0, connections_test},
    {"GET", SYNC "/connections/:id/state", ACCESS_READ, CORE, 0, state_get},
    {"DELETE", SYNC "/connections/:id/state", ACCESS_DELETE, CORE, 0, state_reset},
    {"GET", SYNC "/connections/:id/push", ACCESS_UPDATE, CORE, 0, push_preview},
    {"POST", SYNC "/connections/:id/sync", ACCESS_UPDATE, CORE, ROUTE_BODY_OPTIONAL | ROUTE_CREATES, connection_sync},
    {"GET", SYNC "/connections/:id/rejected", ACCESS_READ, CORE, 0, rejected_list},
    {"POST", SYNC "/connections/:id/rejected/replay", ACCESS_UPDATE, CORE, ROUTE_BODY_OPTIONAL | ROUTE_CREATES,
     rejected_replay},
    {"POST", SYNC "/run", ACCESS_UPDATE, CORE, ROUTE_BODY | ROUTE_CREATES, run_start},
    {"GET", SYNC "/runs", ACCESS_READ, CORE, 0, runs_list},
    {"GET", SYNC "/runs/:id", ACCESS_READ, CORE, 0, runs_get},
    {"GET", SYNC "/runs/:id/logs", ACCESS_READ, CORE, 0, runs_logs},
    {"GET", SYNC "/runs/:id/requests", ACCESS_READ, CORE, 0, runs_requests},
    {"GET", SYNC "/runs/:id/records", ACCESS_READ, CORE, 0, runs_records},
    {"GET", SYNC "/runs/:id/deletes", ACCESS_READ, CORE, 0, deletes_list},
    {"POST", SYNC "/runs/:id/deletes/confirm", ACCESS_DELETE, CORE, ROUTE_CREATES, deletes_confirm},
    {"POST", SYNC "/runs/:id/cancel", ACCESS_UPDATE, CORE, ROUTE_CREATES, runs_cancel},
    {"POST", SYNC "/runs/:id/pause", ACCESS_UPDATE, CORE, ROUTE_CREATES, runs_pause},
    {"POST", SYNC "/runs/:id/resume", ACCESS_UPDATE, CORE, ROUTE_CREATES, runs_resume},
};
const struct route_table routes_sync = {routes, ARRAY_LEN(routes)};
