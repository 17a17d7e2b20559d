/* What local edits, erasure and unlinking share. */
#ifndef TIDEMARK_ENGINE_EDIT_PRIV_H
#define TIDEMARK_ENGINE_EDIT_PRIV_H

#include "engine/edit.h"
#include "engine/engine_priv.h"
#include "store/store_page.h"

/*
 * What a request may write, checked and brought into its stored form: an object in a; null where a member is to go.
 * *parent_out: the parent that was named, STR_NONE: none was, "": it is to go.
 */
MUST_USE bool edit_accept(struct arena *a, const struct kind *kind, struct str region, yyjson_val *fields,
                          yyjson_val **accepted_out, struct str *parent_out, struct err *err);
/* accepted over data (JSON text, or STR_NONE for a new record), as canonical JSON in a. */
MUST_USE bool edit_merge(struct arena *a, struct str data, yyjson_val *accepted, struct str *merged_out, struct err *err);

/* A record in one write, under its lock. ROW_NONE: E_NOT_FOUND is the caller's. */
enum row edit_load(struct db *db, struct arena *a, int64_t tenant, struct str kind, struct str uuid,
                   struct record *record_out, struct err *err);
/* Releases the match keys of `before`, claims those of `after`; either may be STR_NONE. Contacts only. */
MUST_USE bool edit_keys(struct db *db, struct arena *a, const struct edit_by *by, const struct record *record,
                        struct str before, struct str after, struct err *err);
/* records.changed. data: JSON or STR_NONE. */
MUST_USE bool edit_tell(struct db *db, const struct edit_by *by, struct str kind, const int64_t *records, size_t count,
                        struct str data, int64_t now_us, struct err *err);
MUST_USE bool edit_audit(struct db *db, const struct edit_by *by, const char *action, struct str subject, int64_t now_us,
                         struct err *err);

/*
 * After an erasure: until all have ended who were writing then, so that what they left can be seen; some seconds at most.
 * others_out: there may have been any. Blocks; not within a closure.
 */
MUST_USE bool edit_settle(struct engine *e, bool *others_out, struct err *err);

/* Every source that agreed with the record keeps what it said (copy on write). */
MUST_USE bool edit_save_bases(struct db *db, struct arena *a, const struct record *record, struct err *err);

#endif
