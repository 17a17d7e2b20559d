/*
 * Every address of the server, in tables by area. The first row that matches wins.
 */
#include "door/routes_priv.h"

const struct route_table *const route_tables[] = {
    &routes_system,
    &routes_identity,
    &routes_sync,
    &routes_jobs,
    &routes_integrations,
    &routes_amazon,
    &routes_oauth,
    &routes_entities,
    &routes_webhooks,
    &routes_conflicts,
    &routes_events,
};
const size_t route_table_count = ARRAY_LEN(route_tables);

/* ---- shown ---- */

static const char *
access_name(enum route_access access)
{
    switch (access) {
    case ACCESS_ANYONE: return "anyone";
    case ACCESS_TOKEN: return "token";
    case ACCESS_READ: return "content:read";
    case ACCESS_UPDATE: return "content:update";
    case ACCESS_DELETE: return "content:delete";
    case ACCESS_ADMIN: return "admin";
    case ACCESS_METRICS: return "metrics";
    case ACCESS_STATUS: return "status";
    }
    return "";
}

static const char *
dialect_name(enum dialect dialect)
{
    switch (dialect) {
    case DIALECT_CORE: return "core";
    case DIALECT_STATUS: return "status";
    case DIALECT_MESSAGE: return "message";
    }
    return "";
}

static void
add_flags(struct buf *b, unsigned flags)
{
    static const struct {
        unsigned flag;
        const char *name;
    } names[] = {
        {ROUTE_BODY, "body"}, {ROUTE_RAW, "body"}, {ROUTE_BODY_OPTIONAL, "body-optional"}, {ROUTE_CREATES, "creates"},
        {ROUTE_BODY_LARGE, "body-large"}, {ROUTE_NO_TENANT, "no-tenant"}, {ROUTE_CHANGES, "get-changes"},
        {ROUTE_SECRET, "secret"}, {ROUTE_ORGID, "orgid"},
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (flags & names[i].flag)
            buf_addf(b, " %s", names[i].name);
}

bool
door_routes_text(struct buf *b)
{
    for (size_t t = 0; t < route_table_count; t++)
        for (size_t i = 0; i < route_tables[t]->count; i++) {
            const struct route *route = &route_tables[t]->rows[i];
            buf_addf(b, "%s %s %s %s", route->method, route->pattern, access_name(route->access), dialect_name(route->dialect));
            add_flags(b, route->flags);
            buf_add_char(b, '\n');
        }
    return buf_ok(b);
}
