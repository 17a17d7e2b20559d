/*
 * A committed moment of a database in one file, and back (I-40). Secrets stay sealed in it; their key is never inside.
 *
 * The embedded database becomes another database file, copied through the database's own means beside the
 * running server. PostgreSQL becomes a file of our own: every table as COPY gives it, out of one REPEATABLE
 * READ snapshot. Both appear whole or not at all, mode 0600, and never overwrite a file.
 */
#ifndef TIDEMARK_STORE_STORE_BACKUP_H
#define TIDEMARK_STORE_STORE_BACKUP_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

/*
 * from, to: files of the embedded database. E_CONFLICT when `to` exists, E_NOT_FOUND when there is nothing to back up,
 * E_STORE_CORRUPT when the copy does not check.
 */
MUST_USE bool store_backup_file(struct arena *a, struct str from, struct str to, struct err *err);

/* Dumps the PostgreSQL of `url`. E_CONFLICT, E_UNAVAILABLE (the file), the store's codes. */
MUST_USE bool store_dump(struct arena *a, struct str url, struct str to, const struct clock *clock, struct err *err);
/*
 * Loads a dump into an empty database, brings it up to date and raises the epochs of its runs, so that no worker
 * of before can write; the rows appear in one transaction. E_CONFLICT when the database has data, E_STORE_NEWER for a dump of a newer
 * program, E_STORE_CORRUPT for a file that is none or is cut.
 */
MUST_USE bool store_dump_load(struct arena *a, struct str url, struct str from, const struct clock *clock, struct err *err);

#endif
