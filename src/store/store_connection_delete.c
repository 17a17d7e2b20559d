/*
 * Deleting a connection, in batches, so that no transaction is long.
 *
 * The mark comes first: from then on nobody sees the connection, and its unfinished run is cancelled
 * under a higher epoch, so that the worker which has it can write no more; so is the queue of its events. Then maps, then
 * runs, then the rest. A crash between batches leaves the mark, and the next start goes on.
 */
#include "store/store_connection.h"
#include "store/store_inbox_seen.h"
#include "store/store_job.h"
#include "store/store_priv.h"
#include "store/store_search.h"

#define DELETE_MAPS 500
#define DELETE_RUNS 10
#define DELETE_ARENA_BYTES (256 * 1024)

struct doomed {
    int64_t id, other;       /* map and record; run and job */
};

struct deletion {
    struct db *db;
    int64_t tenant, connection;
    bool purge;
    struct list doomed;
    struct gone_list *gone;  /* NULL: nobody asks */
};

static void
doomed_read(struct row_reader *r, void *item)
{
    struct doomed *d = item;
    d->id = read_i64(r);
    d->other = read_i64(r);
}

static bool
collect(struct deletion *del, enum sql statement, size_t limit, struct err *err)
{
    del->doomed.items = NULL;
    del->doomed.count = del->doomed.size = 0;
    return store_rows(del->db, statement, DB_ARGS(DB_I(del->tenant), DB_I(del->connection), DB_I(limit)), &del->doomed,
                      doomed_read, err);
}

static bool
run_pair(struct deletion *del, enum sql statement, int64_t id, struct err *err)
{
    return db_exec(del->db, statement, DB_ARGS(DB_I(del->tenant), DB_I(id)), NULL, err);
}

bool
record_purge(struct db *db, int64_t tenant, int64_t record, struct gone_list *gone, struct err *err)
{
    struct db_rows rows;
    enum row row = db_query_row(db, SQL_CONNECTION_DELETE_RECORD, DB_ARGS(DB_I(tenant), DB_I(record)), &rows, err);
    if (row != ROW_FOUND)
        return row == ROW_NONE;
    int64_t collection = db_column_i64(&rows, 0);
    bool deleted = db_column_bool(&rows, 2), kept = gone_add(gone, record, &rows, 0);
    db_finish(&rows);
    if (!kept)
        return STORE_ARENA_FULL(err);
    const struct db_value pair[] = {DB_I(tenant), DB_I(record)};
    return collection_count(db, tenant, collection, deleted ? 0 : -1, deleted ? -1 : 0, err) &&
           (!db_can(db, DB_ARRAYS) || db_exec(db, SQL_CONNECTION_DELETE_KEYS, pair, 2, NULL, err)) &&
           store_search_remove(db, tenant, record, err) && db_exec(db, SQL_CONFLICT_ERASE, pair, 2, NULL, err) &&
           db_exec(db, SQL_CONNECTION_DELETE_HISTORY, pair, 2, NULL, err);
}

static bool
delete_maps(struct deletion *del, struct err *err)
{
    const struct doomed *d = del->doomed.items;
    for (size_t i = 0; i < del->doomed.count; i++) {
        if (!run_pair(del, SQL_CONNECTION_DELETE_RAW, d[i].id, err) || !run_pair(del, SQL_CONNECTION_DELETE_MAP, d[i].id, err))
            return false;
        if (del->purge && !record_purge(del->db, del->tenant, d[i].other, del->gone, err))
            return false;
    }
    return true;
}

static bool
delete_runs(struct deletion *del, struct err *err)
{
    static const enum sql parts[] = {SQL_RUN_DELETE_LOGS, SQL_RUN_DELETE_REQUESTS, SQL_RUN_DELETE_PAGES, SQL_RUN_DELETE_RECORDS,
                                     SQL_RUN_DELETE_STREAMS, SQL_RUN_DELETE_PASSES, SQL_RUN_DELETE_HOLDS, SQL_RUN_DELETE};
    const struct doomed *d = del->doomed.items;
    for (size_t i = 0; i < del->doomed.count; i++) {
        for (size_t k = 0; k < ARRAY_LEN(parts); k++)
            if (!run_pair(del, parts[k], d[i].id, err))
                return false;
        if (!run_pair(del, SQL_JOB_DELETE_EMPTY, d[i].other, err))
            return false;
    }
    return true;
}

static bool
delete_rest(struct deletion *del, struct err *err)
{
    return run_pair(del, SQL_CONNECTION_DELETE_REJECTED, del->connection, err) &&
           run_pair(del, SQL_CONNECTION_DELETE_STATE, del->connection, err) &&
           run_pair(del, SQL_CONNECTION_DELETE_INBOX, del->connection, err) &&
           run_pair(del, SQL_CONNECTION_DELETE_DELIVERIES, del->connection, err) &&
           (!db_can(del->db, DB_ONE_WRITER) || seen_forget_connection(del->db, del->tenant, del->connection, err)) &&
           run_pair(del, SQL_CONNECTION_DELETE_QUEUE, del->connection, err) &&
           run_pair(del, SQL_CONFLICT_DELETE_CONNECTION, del->connection, err) &&
           run_pair(del, SQL_CONNECTION_DELETE_STREAMS, del->connection, err) &&
           run_pair(del, SQL_CONNECTION_DELETE, del->connection, err);
}

static bool
delete_batch(struct deletion *del, bool *done_out, struct err *err)
{
    if (!collect(del, SQL_CONNECTION_DELETE_MAPS, DELETE_MAPS, err))
        return false;
    if (del->doomed.count > 0)
        return delete_maps(del, err);
    if (!collect(del, SQL_CONNECTION_DELETE_RUNS, DELETE_RUNS, err))
        return false;
    if (del->doomed.count > 0)
        return delete_runs(del, err);
    *done_out = true;
    return delete_rest(del, err);
}

bool
store_connection_delete(struct db *db, int64_t tenant, int64_t connection, bool purge, int64_t now_us, struct gone_list *gone,
                        bool *done_out, struct err *err)
{
    int64_t mode = 0;
    if (!store_row_must(db_query_i64(db, SQL_CONNECTION_DELETE_MODE, DB_ARGS(DB_I(tenant), DB_I(connection)), &mode, err),
                        E_CONNECTION_NOT_FOUND, err))
        return false;
    bool done = false, ok;
    if (mode == 0) {
        ok = db_exec(db, SQL_INBOX_SHUT_OUT, DB_ARGS(DB_I(tenant), DB_I(connection)), NULL, err) &&
             db_exec_one(db, SQL_CONNECTION_DELETE_MARK, DB_ARGS(DB_I(tenant), DB_I(connection), DB_I(purge ? 2 : 1),
                         DB_I(now_us)), E_CONNECTION_NOT_FOUND, err) &&
             db_exec(db, SQL_CONNECTION_DELETE_CANCEL, DB_ARGS(DB_I(tenant), DB_I(connection), DB_I(now_us)), NULL, err) &&
             store_job_orphan(db, tenant, connection, now_us, err);
    } else {
        struct arena scratch;
        arena_init(&scratch, DELETE_ARENA_BYTES);
        struct deletion del = {db, tenant, connection, mode == 2, LIST_OF(&scratch, struct doomed), gone};
        ok = store_search_hold(db, err) && delete_batch(&del, &done, err);
        arena_release(&scratch);
    }
    if (ok)
        *done_out = done;
    return ok;
}
