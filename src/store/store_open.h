/*
 * What happens before a store is open: the data folder, its lock, its node id, and a look at the file
 * that changes nothing in it. For store.c alone.
 */
#ifndef TIDEMARK_STORE_STORE_OPEN_H
#define TIDEMARK_STORE_STORE_OPEN_H

#include "store/store.h"

/* Makes the folder (mode 0700) unless it is there. */
MUST_USE bool folder_make(const char *path, struct err *err);
/* The one process that owns the folder: E_STORE_LOCKED. Returns the descriptor that holds the lock, or -1. */
int folder_lock(const char *lock_path, struct err *err);
/* The connection string in a `database` setting: without our own word for poolers, which is told instead. */
struct str postgres_conninfo(struct arena *a, struct str url, bool *prepare_off_out);
/* E_CONFIG for a `database` setting that names no database we know: its words never show the setting, which may hold a password. */
MUST_USE bool database_setting_check(struct str url, struct err *err);
/* Reads or makes the node's id: a UUID. */
MUST_USE bool node_id_get(const char *path, char id_out[37], struct err *err);
/* An empty file of mode 0600, unless there is one. */
MUST_USE bool sqlite_file_make(const char *path, struct err *err);
/* E_STORE_NEWER, E_STORE_CORRUPT; version_out 0 for a missing or empty file. The file stays as it was. */
MUST_USE bool sqlite_file_check(const char *path, const struct clock *clock, int *version_out, struct err *err);

#endif
