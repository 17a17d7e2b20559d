/*
 * Run logs: one compressed row per page, read back as lines.
 *
 * A line is one JSON object without line break. The caller packs the lines of a page (log_pack) and hands
 * them to store_page_finish; what happens between pages goes through store_log_append. A run keeps at
 * most LIMIT_RUN_LOG_LINES; later ones are only counted.
 */
#ifndef TIDEMARK_STORE_STORE_LOG_H
#define TIDEMARK_STORE_STORE_LOG_H

#include "store/db.h"

/* Lines, each ended by \n, to what is stored; in a. STR_NONE: the arena is full. Any thread. */
struct str log_pack(struct arena *a, struct str lines);
/* E_STORE_CORRUPT for bytes that log_pack did not make. */
MUST_USE bool log_unpack(struct arena *a, struct str packed, struct str *lines_out, struct err *err);

/* Lines outside a page: start, parked, ended. lines is NDJSON, line_count lines. Needs no fence: it adds only. */
MUST_USE bool store_log_append(struct db *db, struct arena *a, int64_t tenant, int64_t run, struct str lines,
                               int64_t line_count, int64_t now_us, struct err *err);

struct log_chunk {
    int64_t seq;             /* give it back as `after` */
    int64_t line_count;
    struct str lines;        /* NDJSON */
};
/* Chunks with seq > after, in order, at most limit. */
MUST_USE bool store_log_read(struct db *db, struct arena *a, int64_t tenant, int64_t run, int64_t after, size_t limit,
                             struct log_chunk **rows_out, size_t *count_out, struct err *err);

#endif
