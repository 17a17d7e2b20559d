/*
 * Conflicts: a source and somebody else changed the same field, and a person decides (contract, section 5).
 *
 * Only with conflictPolicy "manual". The record keeps what it says, the source's value waits in the conflict. A record has at most
 * one open conflict with a connection: later changes of the source change it, and when both sides come to say the same it ends by
 * itself ("agreed"). What the record says is read when the conflict is shown, so a local edit needs no other step; one that makes
 * both sides equal ends it. All of it happens in the transaction of the change.
 */
#ifndef TIDEMARK_ENGINE_CONFLICT_H
#define TIDEMARK_ENGINE_CONFLICT_H

#include "engine/edit.h"
#include "store/store_conflict.h"

/* What a page found out about a record. */
struct conflict_news {
    int64_t tenant, connection, run, record;
    struct str fields;       /* JSON array of {field, pointer, base, source}: both sides changed them; STR_NONE: none */
    struct str source;       /* what the source says now; JSON */
    struct str record_data;  /* what the record says now; JSON */
};
/* In the page's write closure. Opens (with conflict.opened), changes or ends. */
MUST_USE bool conflict_observe(struct db *db, struct arena *a, const struct conflict_news *news, int64_t now_us, struct err *err);
/* After a local change, in its write closure: ends what is settled by it. */
MUST_USE bool conflict_settle(struct db *db, struct arena *a, int64_t tenant, int64_t record, struct str record_data, struct str by,
                              int64_t now_us, struct err *err);

/* E_NOT_FOUND. */
MUST_USE bool engine_conflict_get(struct engine *e, struct arena *a, int64_t tenant, struct str uuid, struct conflict *conflict_out,
                                  struct err *err);
/* total_out: of the filter, whatever its place. */
MUST_USE bool engine_conflict_list(struct engine *e, struct arena *a, int64_t tenant, const struct conflict_filter *filter,
                                   struct conflict **rows_out, size_t *count_out, int64_t *total_out, struct err *err);
/*
 * Decides. choose is the text "source" or "local", or an object {field: value} that must name every field of the conflict. The
 * record changes with its history, and waits to be pushed. Deciding again as before changes nothing; otherwise E_CONFLICT.
 * E_NOT_FOUND, E_VALIDATION_FAILED.
 */
MUST_USE bool engine_conflict_resolve(struct engine *e, struct arena *a, const struct edit_by *by, struct str uuid, yyjson_val *choose,
                                      struct conflict *conflict_out, struct err *err);

#endif
