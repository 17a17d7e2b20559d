/*
 * Rejected records: kept with payload and reason, listed, replayed (contract, section 1). They are
 * written in the page transaction (store_page.h).
 */
#ifndef TIDEMARK_STORE_STORE_REJECTED_H
#define TIDEMARK_STORE_STORE_REJECTED_H

#include "store/db.h"

struct rejected {
    int64_t id, stream, run;
    struct str uuid;
    struct str stream_name, kind;
    struct str external_id;  /* or STR_NONE */
    struct str reason;
    struct str payload;      /* the vendor's record as JSON */
    int64_t first_us, last_us;
    int64_t times;           /* how often it was rejected */
    int64_t push_record;     /* it was to be sent: our record, and payload is what was sent; 0: it was read */
};

/* Newest first: id < before (0: from the newest). stream 0, run 0: any. total_out may be NULL. */
MUST_USE bool store_rejected_list(struct db *db, struct arena *a, int64_t tenant, int64_t connection, int64_t stream,
                                  int64_t run, int64_t before, size_t offset, size_t limit, struct rejected **rows_out, size_t *count_out,
                                  int64_t *total_out, struct err *err);
/* Those of one run, oldest first, for errors[] of a run. */
MUST_USE bool store_rejected_of_run(struct db *db, struct arena *a, int64_t tenant, int64_t run, size_t limit,
                                    struct rejected **rows_out, size_t *count_out, struct err *err);
enum row store_rejected_get(struct db *db, struct arena *a, int64_t tenant, struct str uuid, struct rejected *rejected_out,
                            struct err *err);
/* Replayed: a row goes when its record was accepted, else its reason is the new one. */
MUST_USE bool store_rejected_replayed(struct db *db, int64_t tenant, int64_t rejected, bool accepted, struct str reason,
                                      int64_t now_us, struct err *err);

#endif
