/*
 * Giving back the match keys of records that went (design, section 5).
 *
 * A key that a dead record keeps would make the next person with that e-mail or phone ambiguous, which links
 * nothing for ever. So whoever deletes records gives their keys back in the same closure; a record that comes
 * back claims them again, as a new one would.
 */
#ifndef TIDEMARK_ENGINE_MATCH_RELEASE_H
#define TIDEMARK_ENGINE_MATCH_RELEASE_H

#include "store/store_gone.h"
#include "store/store_page.h"

/* region: the tenant's default for phones. Keys that other records have are left alone. E_TOO_LARGE: the arena is full. */
MUST_USE bool match_keys_release(struct db *db, struct arena *scratch, int64_t tenant, struct str region,
                                 const struct record_gone *rows, size_t count, struct err *err);

#endif
