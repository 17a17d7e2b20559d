#include "store/store_retention.h"

#include "store/store_idempotency.h"
#include "store/store_inbox.h"
#include "store/store_priv.h"

/* A kind that goes by age alone: one statement, oldest first. */
static bool
sweep_by_age(struct db *db, unsigned statement, int64_t keep_us, int64_t now_us, int64_t *removed, struct err *err)
{
    if (keep_us == 0 || *removed > 0)
        return true;
    return db_exec(db, statement, DB_ARGS(DB_I(now_us - keep_us), DB_I(RETENTION_BATCH_ROWS)), removed, err);
}

static bool
sweep_log_bytes(struct db *db, int64_t bytes_max, int64_t *removed, struct err *err)
{
    int64_t bytes;
    if (bytes_max == 0 || *removed > 0)
        return true;
    if (db_query_i64(db, SQL_RETENTION_LOG_BYTES, DB_NO_ARGS, &bytes, err) != ROW_FOUND)
        return false;
    return bytes <= bytes_max ||
           (db_exec(db, SQL_RETENTION_OLDEST_LOGS, DB_ARGS(DB_I(RETENTION_BATCH_ROWS)), removed, err) &&
            db_exec(db, SQL_RETENTION_OLDEST_REQUESTS, DB_ARGS(DB_I(RETENTION_BATCH_ROWS)), NULL, err));
}

static bool
remove_run(struct db *db, int64_t tenant, int64_t run, int64_t *removed, struct err *err)
{
    static const unsigned parts[] = {SQL_RETENTION_RUN_PAGES, SQL_RETENTION_RUN_RECORDS, SQL_RETENTION_RUN_STREAMS,
                                     SQL_RETENTION_PASS_PAGES, SQL_RETENTION_LOGS_OF_RUN, SQL_RETENTION_REQUESTS_OF_RUN};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (!db_exec(db, parts[i], DB_ARGS(DB_I(tenant), DB_I(run)), NULL, err))
            return false;
    return db_exec(db, SQL_RETENTION_RUN, DB_ARGS(DB_I(tenant), DB_I(run)), removed, err);
}

struct old_run {
    int64_t tenant, id;
};

static void
old_run_read(struct row_reader *r, void *item)
{
    struct old_run *run = item;
    run->tenant = read_i64(r);
    run->id = read_i64(r);
}

/* One run a batch: its pages may be many. */
static bool
sweep_runs(struct db *db, int64_t keep_us, int64_t now_us, int64_t *removed, struct err *err)
{
    if (keep_us == 0 || *removed > 0)
        return true;
    struct old_run run;
    enum row row = store_row(db, SQL_RETENTION_OLD_RUN, DB_ARGS(DB_I(now_us - keep_us)), NULL, &run, sizeof(run),
                             old_run_read, err);
    return row == ROW_NONE || (row == ROW_FOUND && remove_run(db, run.tenant, run.id, removed, err));
}

/* Deliveries outlive their events' content only as long as they must be known again. */
static bool
sweep_inbox(struct db *db, const struct retention *keep, int64_t now_us, int64_t *removed, struct err *err)
{
    if (!sweep_by_age(db, SQL_RETENTION_INBOX, keep->inbox_us, now_us, removed, err) ||
        !sweep_by_age(db, SQL_RETENTION_DELIVERIES, INBOX_WINDOW_US, now_us, removed, err))
        return false;
    if (db_can(db, DB_ONE_WRITER) && !sweep_by_age(db, SQL_RETENTION_SEEN, INBOX_WINDOW_US, now_us, removed, err))
        return false;
    return keep->inbox_rows_max == 0 || *removed > 0 ||
           db_exec(db, SQL_RETENTION_INBOX_MANY, DB_ARGS(DB_I(keep->inbox_rows_max), DB_I(RETENTION_BATCH_ROWS)), removed, err);
}

bool
store_retention_sweep(struct db *db, const struct retention *keep, int64_t now_us, int64_t *removed_out, struct err *err)
{
    int64_t removed = 0;
    bool ok = sweep_by_age(db, SQL_RETENTION_RUN_LOGS, keep->run_log_us, now_us, &removed, err) &&
              sweep_by_age(db, SQL_RETENTION_RUN_REQUESTS, keep->run_log_us, now_us, &removed, err) &&
              sweep_log_bytes(db, keep->log_bytes_max, &removed, err) &&
              sweep_runs(db, keep->run_us, now_us, &removed, err) &&
              sweep_by_age(db, SQL_RETENTION_JOBS, keep->run_us, now_us, &removed, err) &&
              sweep_by_age(db, SQL_RETENTION_EVENTS, keep->event_us, now_us, &removed, err) &&
              sweep_by_age(db, SQL_DELIVERY_SWEEP, keep->event_us, now_us, &removed, err) &&
              sweep_by_age(db, SQL_PUSH_OUTBOX_SWEEP, keep->event_us, now_us, &removed, err) &&
              sweep_by_age(db, SQL_RETENTION_HISTORY, keep->history_us, now_us, &removed, err) &&
              sweep_by_age(db, SQL_RETENTION_CONFLICTS, keep->conflict_us, now_us, &removed, err) &&
              sweep_by_age(db, SQL_RETENTION_RAW, keep->raw_us, now_us, &removed, err) &&
              sweep_by_age(db, SQL_RETENTION_AUDIT, keep->audit_us, now_us, &removed, err) &&
              sweep_inbox(db, keep, now_us, &removed, err) &&
              sweep_by_age(db, SQL_RETENTION_IDEMPOTENCY, IDEMPOTENCY_KEEP_US, now_us, &removed, err);
    if (ok)
        *removed_out = removed;
    return ok;
}
