/*
 * Addresses of door 001. Fixed segments stand above parameters.
 */
#include "door/routes_priv.h"

#define STATUS DIALECT_STATUS

static const struct route routes[] = {
    {"GET", "/sync", ACCESS_STATUS, STATUS, ROUTE_NO_TENANT, jobs_status},
    {"GET", "/sync/info", ACCESS_READ, STATUS, ROUTE_ORGID, jobs_info},
    {"GET", "/sync/jobs", ACCESS_READ, STATUS, ROUTE_ORGID, jobs_list},
    {"POST", "/sync/queue", ACCESS_UPDATE, STATUS, ROUTE_ORGID | ROUTE_BODY | ROUTE_CREATES | ROUTE_READS_AT_ONCE, jobs_queue},
    {"GET", "/sync/purge", ACCESS_DELETE, STATUS, ROUTE_ORGID | ROUTE_CHANGES, jobs_purge},
    {"POST", "/sync/purge", ACCESS_DELETE, STATUS, ROUTE_ORGID | ROUTE_CREATES, jobs_purge},
    {"GET", "/sync/pause/:name", ACCESS_UPDATE, STATUS, ROUTE_ORGID | ROUTE_CHANGES, jobs_pause},
    {"POST", "/sync/pause/:name", ACCESS_UPDATE, STATUS, ROUTE_ORGID | ROUTE_CREATES, jobs_pause},
    {"GET", "/sync/resume/:name", ACCESS_UPDATE, STATUS, ROUTE_ORGID | ROUTE_CHANGES, jobs_resume},
    {"POST", "/sync/resume/:name", ACCESS_UPDATE, STATUS, ROUTE_ORGID | ROUTE_CREATES, jobs_resume},
    {"POST", "/sync/cancel/:name", ACCESS_UPDATE, STATUS, ROUTE_ORGID | ROUTE_CREATES, jobs_cancel},
};
const struct route_table routes_jobs = {routes, ARRAY_LEN(routes)};
