/*
 * What people do to records here: edits with who made them, erasure, unlinking.
 *
 * The caller (engine/edit.c, engine/erase.c) decides; all of one deed runs in one write closure.
 */
#ifndef TIDEMARK_STORE_STORE_HISTORY_H
#define TIDEMARK_STORE_STORE_HISTORY_H

#include "store/store_page.h"
#include "store/store_record.h"

/* version: the one that was replaced. fields: JSON of the old values. */
MUST_USE bool store_history_add(struct db *db, int64_t tenant, int64_t record, int64_t version, struct str fields,
                                struct str actor, int64_t now_us, struct err *err);
/* What a source said and what was not taken, as {field: value}; the record stays as it is. actor is HISTORY_OVERRULED. */
#define HISTORY_OVERRULED "overruled"
MUST_USE bool store_history_overruled(struct db *db, int64_t tenant, int64_t record, int64_t connection, int64_t run, struct str fields,
                                      int64_t now_us, struct err *err);
/*
 * The record, its history, raw and rejected copies, search text and kept answers go; what it was called at its
 * sources stays as tombstones that keep a sync from bringing it back (map_row.erased). Counters move. Match keys and
 * the feed are the caller's. let_go: what hangs on it stays, without it; else the caller has taken that away before,
 * and finds what somebody else hangs on it meanwhile with store_erase_late.
 */
MUST_USE bool store_record_erase(struct db *db, struct arena *a, const struct record *record, bool let_go, int64_t now_us,
                                 struct err *err);

struct unlink_row {
    int64_t map, stream;
    struct str base;         /* what the source said last, or STR_NONE: what the record says */
    int64_t others;          /* further live maps of the record */
};
/* external_id and stream_name may be STR_NONE. ROW_NONE: no such map; E_CONFLICT: several, one must be named. */
enum row store_unlink_find(struct db *db, struct arena *a, int64_t tenant, int64_t record, struct str connection_uuid,
                           struct str external_id, struct str stream_name, struct unlink_row *row_out, struct err *err);
/* The map becomes that of another record, which agrees with it. */
MUST_USE bool store_unlink(struct db *db, int64_t tenant, int64_t map, int64_t record, int64_t now_us, struct err *err);

/* ---- what speaks of somebody who is erased ---- */

/* Records below one, deepest first, at most limit. */
MUST_USE bool store_erase_descendants(struct db *db, struct arena *a, int64_t tenant, int64_t record, size_t limit, int64_t **ids_out,
                                      size_t *count_out, struct err *err);
/*
 * Whoever was writing while somebody was erased has read before and commits after, and what he writes is seen by nobody until then.
 * When the horizon that was read after the erasure is settled, all those have ended, and one more look finds what they left.
 * One writer: there is nobody; `others` is false.
 */
struct erase_horizon {
    bool others;
    int64_t transaction, at_us;
};
MUST_USE bool store_erase_horizon(struct db *db, struct erase_horizon *horizon_out, struct err *err);
MUST_USE bool store_erase_is_settled(struct db *db, const struct erase_horizon *horizon, bool *settled_out, struct err *err);
/* What they hung on records that are gone. */
MUST_USE bool store_erase_late(struct db *db, struct arena *a, int64_t tenant, const int64_t *gone, size_t gone_count, size_t limit,
                               int64_t **ids_out, size_t *count_out, struct err *err);
struct erase_piece {
    int64_t id;
    struct str packed;       /* an event's content, or the packed lines of a log or of requests */
};
enum erase_where { ERASE_INBOX, ERASE_LOGS, ERASE_REQUESTS, ERASE_WHERE_COUNT };
MUST_USE bool store_erase_look(struct db *db, struct arena *a, int64_t tenant, enum erase_where where, int64_t after, size_t limit,
                               struct erase_piece **rows_out, size_t *count_out, struct err *err);
MUST_USE bool store_erase_event(struct db *db, int64_t tenant, int64_t event, struct err *err);
/* Other lines for a piece of ERASE_LOGS or ERASE_REQUESTS. */
MUST_USE bool store_erase_lines(struct db *db, int64_t tenant, enum erase_where where, int64_t id, struct str packed, struct err *err);
/* A word (an address, a number, a full name) out of every text that is kept beside records. */
MUST_USE bool store_erase_word(struct db *db, int64_t tenant, struct str word, struct err *err);

#endif
