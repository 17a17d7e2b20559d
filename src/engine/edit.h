/*
 * Local edits: what people and programs do to records here, without a sync.
 *
 * An edit is one write closure: the record, the bases of its sources (copied on write, design section 5), match keys,
 * history with who did it, the feed row, and a row that says it waits to be pushed. Which members may be written,
 * and what they must look like, is the table of kinds (kind.h); everything else in the request changes nothing.
 */
#ifndef TIDEMARK_ENGINE_EDIT_H
#define TIDEMARK_ENGINE_EDIT_H

#include "engine/engine.h"
#include "engine/kind.h"
#include "store/store.h"
#include "store/store_record.h"

/* Who does it, where; for history and audit. */
struct edit_by {
    int64_t tenant;
    struct str region;           /* the tenant's, for phones */
    struct str actor;            /* "user:<sub>", "key:<uuid>", "local" */
    struct str request_id, address;
    int64_t event;               /* edit_erase: the inbox's event that asks for it, which goes with its asker's last step; or 0 */
};

/*
 * Each of the three checks what can be checked without the database and gives the write that does it; the write and
 * *record_out live in a. fields: the request's members, numbers raw. Unknown members and ours (id, version, ...) are passed
 * over. A local record needs one member. `parentId` (and the kind's own word for it, "conversationId") names the parent.
 * E_VALIDATION_FAILED with an item per member, E_NOT_FOUND for a kind that cannot be edited here.
 */
MUST_USE bool edit_create(struct arena *a, const struct edit_by *by, struct str kind, yyjson_val *fields,
                          struct record *record_out, struct store_call *call_out, struct err *err);
/* Would edit_create and its write take it? Nothing is written. Blocks on the store. */
MUST_USE bool edit_check(struct engine *e, struct arena *a, const struct edit_by *by, struct str kind, yyjson_val *fields,
                         struct err *err);
/*
 * Members not sent stay; null removes; objects merge member by member. What changes nothing writes nothing. The write:
 * E_NOT_FOUND; E_CONFLICT for a deleted record, or when if_version is not 0 and not the record's.
 */
MUST_USE bool edit_change(struct arena *a, const struct edit_by *by, struct str kind, struct str uuid, int64_t if_version,
                          yyjson_val *fields, struct record *record_out, struct store_call *call_out, struct err *err);
/* Marks it deleted here; nothing is sent to a vendor. Twice is once. */
MUST_USE bool edit_delete(struct arena *a, const struct edit_by *by, struct str kind, struct str uuid,
                          struct store_call *call_out, struct err *err);

/* ---- erase.c ---- */

/*
 * LGPD, GDPR: data, raw, history, search text, rejected and inbox copies go; a tombstone keeps the next sync from
 * bringing it back. Audited.
 */
MUST_USE bool edit_erase(struct engine *e, const struct edit_by *by, struct str kind, struct str uuid, struct err *err);

struct unlink_ask {
    struct str record;           /* uuid, of any kind */
    struct str connection;       /* uuid */
    struct str external_id, stream; /* STR_NONE where the connection has one only */
};
/*
 * An external id that was linked wrongly becomes a record of its own, with what its source said last. record_out: the
 * new one. E_NOT_FOUND; E_CONFLICT: it is the record's only source, or several fit.
 */
MUST_USE bool edit_unlink(struct engine *e, struct arena *a, const struct edit_by *by, const struct unlink_ask *ask,
                          struct record *record_out, struct err *err);

#endif
