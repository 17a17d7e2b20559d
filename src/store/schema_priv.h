/*
 * The schema as the build embeds it (script/gen-sql.py), and what brings a database up to it. For files
 * of this room.
 */
#ifndef TIDEMARK_STORE_SCHEMA_PRIV_H
#define TIDEMARK_STORE_SCHEMA_PRIV_H

#include "store/db.h"

struct migration {
    int number;              /* from 1, without gaps; 0 ends the table */
    const char *name;
    const char *sqlite, *postgres;
};
extern const struct migration migrations[];
extern const unsigned migration_count;

struct view {
    int number;              /* unused */
    const char *name;
    const char *sqlite, *postgres;
};
extern const struct view views[];
extern const unsigned view_count;

/*
 * 0 for an empty database; E_STORE_NEWER when it knows more migrations than we do. Reads only.
 */
MUST_USE bool schema_version(struct db *db, int *version_out, struct err *err);
/*
 * Applies what is missing: one transaction each, one node at a time, re-runnable after a kill at any
 * statement (I-39). The views are dropped inside every migration and made anew inside the last.
 */
MUST_USE bool schema_migrate(struct db *db, int64_t now_us, struct err *err);
/* The same up to migration `last` only: for loading what an older program has saved. */
MUST_USE bool schema_migrate_to(struct db *db, int last, int64_t now_us, struct err *err);
/* Whether a migration has made that table: others in the same schema are not ours. */
bool schema_has_table(struct str name);

#endif
