/*
 * Switching a tenant off and on, and deleting one.
 *
 * Off: its runs are cancelled, nothing of it starts (schedules, jobs, reconnections, webhooks, deliveries), and its callers are
 * refused. Deleting is the same for good: the row is marked, and every node takes away what hangs on it in batches, connections
 * first (connection_delete.c). A process that dies in between leaves the mark; the next round goes on.
 */
#ifndef TIDEMARK_ENGINE_TENANT_H
#define TIDEMARK_ENGINE_TENANT_H

#include "engine/engine.h"
#include "store/store_audit.h"
#include "store/store_tenant.h"

enum tenant_switch { TENANT_ON, TENANT_OFF, TENANT_DELETE };

/*
 * audit: written with the deed. E_TENANT_NOT_FOUND; E_CONFLICT for the tenant "default", which is the operator's own, and for
 * switching one that is being deleted. Twice is once.
 */
MUST_USE bool engine_tenant_switch(struct engine *e, int64_t tenant, enum tenant_switch how, const struct audit *audit, struct err *err);
/* Goes on with deletions, a bounded while. */
MUST_USE bool engine_tenants_round(struct engine *e, struct err *err);

#endif
