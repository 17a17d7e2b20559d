/*
 * Every address of the server, in tables by area. The first row that matches wins.
 */
#include "door/routes_priv.h"

const struct route_table *const route_tables[] = {
    &routes_system,
    &routes_identity,
    &routes_sync,
    &routes_jobs,
    &routes_entities,
};
const size_t route_table_count = ARRAY_LEN(route_tables);
