/*
 * Retention: what is kept for a while only goes in small batches, so that nobody waits for a delete.
 */
#ifndef TIDEMARK_STORE_STORE_RETENTION_H
#define TIDEMARK_STORE_STORE_RETENTION_H

#include "store/db.h"

struct retention {           /* 0: keep for ever */
    int64_t run_log_us;      /* log lines of finished runs */
    int64_t run_us;          /* finished runs, their pages and jobs */
    int64_t event_us;
    int64_t history_us;
    int64_t conflict_us;     /* resolved ones */
    int64_t raw_us;          /* raw records not rewritten for so long */
    int64_t audit_us;
    int64_t log_bytes_max;   /* all run logs together; the oldest go first */
    int64_t inbox_us;        /* webhook events that are done */
    int64_t inbox_rows_max;  /* of them together; the oldest go first */
};
#define RETENTION_DEFAULT                                                                                    \
    ((struct retention){.run_log_us = 30 * US_PER_DAY, .run_us = 90 * US_PER_DAY, .event_us = 7 * US_PER_DAY, \
                        .history_us = 90 * US_PER_DAY, .conflict_us = 90 * US_PER_DAY, .audit_us = 365 * US_PER_DAY, \
                        .log_bytes_max = INT64_C(1) << 30, .inbox_us = 30 * US_PER_DAY, .inbox_rows_max = 2000000})
#define RETENTION_BATCH_ROWS 500

/*
 * One batch of one kind; call again, in another write, while removed_out > 0. Idempotency keys past their
 * day go too. Cursors, data and unfinished runs are never touched.
 */
MUST_USE bool store_retention_sweep(struct db *db, const struct retention *keep, int64_t now_us, int64_t *removed_out,
                                    struct err *err);

#endif
