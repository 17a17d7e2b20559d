/*
 * SQLite's log, written in larger pieces: a VFS around the one that SQLite has.
 *
 * SQLite writes its log page by page, and each page in two calls: 24 bytes that head it, then the page. A group of
 * webhooks is some fifteen pages, so thirty calls of the system where one would do. Here writes that continue one another wait in
 * memory until their commit is whole; then they go to the file in one piece.
 *
 * Nothing waits longer than SQLite's own order of things allows: what waits is written before a sync, before anything else is
 * asked of the file, and at the end of a commit whatever PRAGMA synchronous says, for then other connections may read it. A write
 * that fails is reported by the call that made it go: one of those, or a later write of the same transaction.
 *
 * Only logs are handled here, all other files are the wrapped VFS's own. The writer's connection alone uses it.
 */
#ifndef TIDEMARK_STORE_WAL_FILE_H
#define TIDEMARK_STORE_WAL_FILE_H

/* Its name, for sqlite3_open_v2: it stands around what is SQLite's default now. NULL when there is no memory. Any thread. */
const char *wal_file_vfs(void);

#endif
