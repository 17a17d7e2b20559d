/*
 * Every address of the server. The first row that matches wins: fixed segments above parameters.
 */
#include "door/routes_priv.h"

#define SYNC "/api/v1/sync"
#define CORE DIALECT_CORE
#define STATUS DIALECT_STATUS

const struct route routes[] = {
    {"GET", "/", ACCESS_ANYONE, CORE, ROUTE_NO_TENANT, root_page},
    {"GET", "/healthz", ACCESS_ANYONE, CORE, ROUTE_NO_TENANT, health_live},
    {"GET", "/readyz", ACCESS_ANYONE, CORE, ROUTE_NO_TENANT, health_ready},
    {"GET", "/metrics", ACCESS_METRICS, CORE, ROUTE_NO_TENANT, health_metrics},

    {"GET", SYNC "/connections", ACCESS_READ, CORE, 0, connections_list},
    {"POST", SYNC "/connections", ACCESS_UPDATE, CORE, ROUTE_BODY | ROUTE_CREATES, connections_create},
    {"GET", SYNC "/connections/:id", ACCESS_READ, CORE, 0, connections_get},
    {"PATCH", SYNC "/connections/:id", ACCESS_UPDATE, CORE, ROUTE_BODY, connections_change},
    {"DELETE", SYNC "/connections/:id", ACCESS_DELETE, CORE, 0, connections_delete},
    {"POST", SYNC "/connections/:id/test", ACCESS_UPDATE, CORE, 0, connections_test},
    {"GET", SYNC "/connections/:id/state", ACCESS_READ, CORE, 0, state_get},
    {"DELETE", SYNC "/connections/:id/state", ACCESS_DELETE, CORE, 0, state_reset},
    {"POST", SYNC "/connections/:id/sync", ACCESS_UPDATE, CORE, ROUTE_BODY_OPTIONAL | ROUTE_CREATES, connection_sync},
    {"GET", SYNC "/connections/:id/rejected", ACCESS_READ, CORE, 0, rejected_list},
    {"POST", SYNC "/connections/:id/rejected/replay", ACCESS_UPDATE, CORE, ROUTE_BODY_OPTIONAL | ROUTE_CREATES,
     rejected_replay},
    {"POST", SYNC "/run", ACCESS_UPDATE, CORE, ROUTE_BODY | ROUTE_CREATES, run_start},
    {"GET", SYNC "/runs", ACCESS_READ, CORE, 0, runs_list},
    {"GET", SYNC "/runs/:id", ACCESS_READ, CORE, 0, runs_get},
    {"GET", SYNC "/runs/:id/logs", ACCESS_READ, CORE, 0, runs_logs},
    {"GET", SYNC "/runs/:id/deletes", ACCESS_READ, CORE, 0, deletes_list},
    {"POST", SYNC "/runs/:id/deletes/confirm", ACCESS_DELETE, CORE, ROUTE_CREATES, deletes_confirm},
    {"POST", SYNC "/runs/:id/cancel", ACCESS_UPDATE, CORE, ROUTE_CREATES, runs_cancel},
    {"POST", SYNC "/runs/:id/pause", ACCESS_UPDATE, CORE, ROUTE_CREATES, runs_pause},
    {"POST", SYNC "/runs/:id/resume", ACCESS_UPDATE, CORE, ROUTE_CREATES, runs_resume},

    {"GET", "/sync", ACCESS_STATUS, STATUS, ROUTE_NO_TENANT, jobs_status},
    {"GET", "/sync/info", ACCESS_READ, STATUS, ROUTE_ORGID, jobs_info},
    {"GET", "/sync/jobs", ACCESS_READ, STATUS, ROUTE_ORGID, jobs_list},
    {"POST", "/sync/queue", ACCESS_UPDATE, STATUS, ROUTE_ORGID | ROUTE_BODY | ROUTE_CREATES, jobs_queue},
    {"GET", "/sync/purge", ACCESS_DELETE, STATUS, ROUTE_ORGID | ROUTE_CHANGES, jobs_purge},
    {"POST", "/sync/purge", ACCESS_DELETE, STATUS, ROUTE_ORGID | ROUTE_CREATES, jobs_purge},
    {"GET", "/sync/pause/:name", ACCESS_UPDATE, STATUS, ROUTE_ORGID | ROUTE_CHANGES, jobs_pause},
    {"POST", "/sync/pause/:name", ACCESS_UPDATE, STATUS, ROUTE_ORGID | ROUTE_CREATES, jobs_pause},
    {"GET", "/sync/resume/:name", ACCESS_UPDATE, STATUS, ROUTE_ORGID | ROUTE_CHANGES, jobs_resume},
    {"POST", "/sync/resume/:name", ACCESS_UPDATE, STATUS, ROUTE_ORGID | ROUTE_CREATES, jobs_resume},
    {"POST", "/sync/cancel/:name", ACCESS_UPDATE, STATUS, ROUTE_ORGID | ROUTE_CREATES, jobs_cancel},

    {"GET", "/api/v1/templates", ACCESS_ANYONE, CORE, ROUTE_NO_TENANT, templates_list},
    {"GET", "/api/v1/templates/:name", ACCESS_ANYONE, CORE, ROUTE_NO_TENANT, templates_get},
    {"GET", "/api/v1/session", ACCESS_READ, CORE, ROUTE_NO_TENANT, session_get},
    {"GET", "/api/v1/tenants", ACCESS_ADMIN, CORE, ROUTE_NO_TENANT, tenants_list},
    {"POST", "/api/v1/tenants", ACCESS_ADMIN, CORE, ROUTE_NO_TENANT | ROUTE_BODY | ROUTE_CREATES, tenants_create},
    {"GET", "/api/v1/tenants/:id", ACCESS_ADMIN, CORE, ROUTE_NO_TENANT, tenants_get},
    {"PATCH", "/api/v1/tenants/:id", ACCESS_ADMIN, CORE, ROUTE_NO_TENANT | ROUTE_BODY, tenants_change},
    {"GET", "/api/v1/keys", ACCESS_ADMIN, CORE, 0, keys_list},
    {"POST", "/api/v1/keys", ACCESS_ADMIN, CORE, ROUTE_BODY | ROUTE_CREATES | ROUTE_SECRET, keys_create},
    {"DELETE", "/api/v1/keys/:id", ACCESS_ADMIN, CORE, 0, keys_revoke},
    {"GET", "/api/v1/users", ACCESS_ADMIN, CORE, 0, users_list},

    {"GET", "/api/v1/contacts", ACCESS_READ, CORE, 0, entities_list},
    {"GET", "/api/v1/contacts/:id", ACCESS_READ, CORE, 0, entities_get},
    {"GET", "/api/v1/conversations", ACCESS_READ, CORE, 0, entities_list},
    {"GET", "/api/v1/conversations/:id", ACCESS_READ, CORE, 0, entities_get},
    {"GET", "/api/v1/messages", ACCESS_READ, CORE, 0, entities_list},
    {"GET", "/api/v1/messages/:id", ACCESS_READ, CORE, 0, entities_get},
};
const size_t route_count = ARRAY_LEN(routes);
