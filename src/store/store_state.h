/*
 * Cursor state: the watermark of a stream, one row per partition.
 *
 * It moves only with a committed page (store_page_finish, in the page transaction), or when a person
 * resets or imports it. The position inside a run is another thing: store_run.h, run_streams.
 */
#ifndef TIDEMARK_STORE_STORE_STATE_H
#define TIDEMARK_STORE_STORE_STATE_H

#include "store/db.h"

struct state_row {
    int64_t stream;
    struct str stream_name;
    struct str partition;    /* canonical JSON of the slice, "" for a stream without partitions */
    struct str state;        /* JSON */
    int64_t updated_us;
};

enum row store_state_get(struct db *db, struct arena *a, int64_t tenant, int64_t stream, struct str partition,
                         struct str *state_out, struct err *err);
/*
 * Rows of a connection by (stream, partition), after the given place (stream 0: from the start), at most
 * limit. only_stream 0: all streams.
 */
MUST_USE bool store_state_list(struct db *db, struct arena *a, int64_t tenant, int64_t connection, int64_t only_stream,
                               int64_t after_stream, struct str after_partition, size_t limit, struct state_row **rows_out,
                               size_t *count_out, struct err *err);
/* Outside a page: import, and the end of a stream. */
MUST_USE bool store_state_save(struct db *db, int64_t tenant, int64_t stream, struct str partition, struct str state,
                               int64_t now_us, struct err *err);
/*
 * Makes the next run full. stream 0: all of the connection. Refused with E_SYNC_IN_PROGRESS while a run
 * of the connection is unfinished. removed_out (may be NULL): rows.
 */
MUST_USE bool store_state_reset(struct db *db, int64_t tenant, int64_t connection, int64_t stream, int64_t *removed_out,
                                struct err *err);

#endif
