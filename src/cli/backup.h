/*
 * A committed moment of the embedded database in one file (I-40), and back.
 *
 * Copying the file while the server writes gives a torn one; this reads through the database's own means,
 * beside the running server, as one more reader. Secrets stay sealed in it and their key is never inside.
 */
#ifndef TIDEMARK_CLI_BACKUP_H
#define TIDEMARK_CLI_BACKUP_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

/*
 * from, to: database files. `to` must not exist; it appears whole or not at all, mode 0600. E_CONFLICT when it
 * exists, E_NOT_FOUND when there is nothing to back up, E_STORE_CORRUPT when the copy does not check.
 */
MUST_USE bool backup_copy(struct arena *a, struct str from, struct str to, struct err *err);

#endif
