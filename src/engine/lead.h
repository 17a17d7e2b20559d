/*
 * Leads: what becomes of a contact that a platform tells us of as a new lead (contract, section 5).
 *
 * Templates mark such events with `intake: lead`. The connection's sub-account gives the first user and his first
 * strategy; missing ones are null and raise an alert; the same contact again changes its lead.
 */
#ifndef TIDEMARK_ENGINE_LEAD_H
#define TIDEMARK_ENGINE_LEAD_H

#include "engine/engine.h"

/*
 * contact: the mapped contact, `external_id` its id at the vendor, `record` its records.id (0: none was written).
 * Called after the contact is committed; may be called again for the same event and then changes nothing.
 */
MUST_USE bool lead_intake(struct engine *e, struct arena *a, const struct connection *connection, struct str external_id,
                          int64_t record, yyjson_val *contact, struct err *err);

#endif
