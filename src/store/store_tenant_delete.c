/*
 * Tenants that are switched off, and deleting one in batches.
 *
 * Its connections go first, each as any connection does (store_connection_delete.c); then the records that nobody maps, some
 * at a time; then the rest, table by table, those that may be long in pieces. The row of the tenant goes last: a
 * crash in between leaves the mark, and the next round goes on.
 */
#include "store/store_priv.h"
#include "store/store_search.h"
#include "store/store_tenant.h"

#define DELETE_RECORDS 500
#define DELETE_ROWS 2000
#define DELETE_ARENA_BYTES (256 * 1024)

bool
store_tenant_switch(struct db *db, int64_t tenant, bool on, int64_t now_us, struct err *err)
{
    db_note_identity(db);
    if (db_exec_one(db, SQL_TENANT_SWITCH, DB_ARGS(DB_I(tenant), DB_I(now_us), DB_I(on)), E_CONFLICT, err))
        return true;
    return err->code == E_CONFLICT && err_set(err, E_CONFLICT, "This tenant is being deleted");
}

bool
store_tenant_mark(struct db *db, int64_t tenant, int64_t now_us, struct err *err)
{
    db_note_identity(db);
    return db_exec_one(db, SQL_TENANT_MARK, DB_ARGS(DB_I(tenant), DB_I(now_us)), E_TENANT_NOT_FOUND, err);
}

enum row
store_tenant_going(struct db *db, struct arena *a, struct tenant *tenant_out, struct err *err)
{
    return store_row(db, SQL_TENANT_GOING, DB_NO_ARGS, a, tenant_out, sizeof(*tenant_out), store_tenant_read, err);
}

static void
connection_read(struct row_reader *r, void *item)
{
    struct tenant_connection *c = item;
    c->uuid = read_text(r);
    c->deleting = read_i64(r);
}

enum row
store_tenant_connection(struct db *db, struct arena *a, int64_t tenant, struct tenant_connection *connection_out, struct err *err)
{
    return store_row(db, SQL_TENANT_CONNECTION, DB_ARGS(DB_I(tenant)), a, connection_out, sizeof(*connection_out), connection_read,
                     err);
}

bool
store_tenant_records_left(struct db *db, int64_t tenant, int64_t *records_out, struct err *err)
{
    return db_query_i64(db, SQL_TENANT_RECORDS_LEFT, DB_ARGS(DB_I(tenant)), records_out, err) == ROW_FOUND;
}

/* ---- one batch ---- */

struct doomed {
    int64_t id, collection;
};

static void
doomed_read(struct row_reader *r, void *item)
{
    struct doomed *d = item;
    d->id = read_i64(r);
    d->collection = read_i64(r);
}

static bool
delete_records(struct db *db, struct arena *scratch, int64_t tenant, struct gone_list *gone, int64_t *removed, struct err *err)
{
    struct list list = LIST_OF(scratch, struct doomed);
    if (!store_rows(db, SQL_TENANT_RECORDS, DB_ARGS(DB_I(tenant), DB_I(DELETE_RECORDS)), &list, doomed_read, err))
        return false;
    const struct doomed *d = list.items;
    for (size_t i = 0; i < list.count; i++)
        if (!record_purge(db, tenant, d[i].id, gone, err))
            return false;
    *removed = (int64_t)list.count;
    return true;
}

static bool
delete_long(struct db *db, int64_t tenant, int64_t *removed, struct err *err)
{
    static const enum sql parts[] = {SQL_TENANT_DROP_CHANGES, SQL_TENANT_DROP_DELIVERIES, SQL_TENANT_DROP_AUDIT, SQL_TENANT_DROP_ANSWERS};
    for (size_t i = 0; i < ARRAY_LEN(parts) && *removed == 0; i++)
        if (!db_exec(db, parts[i], DB_ARGS(DB_I(tenant), DB_I(DELETE_ROWS)), removed, err))
            return false;
    return true;
}

/* In this order, because some point to others. */
static const enum sql rest[] = {
    SQL_TENANT_DROP_WEBHOOK_SUBSCRIPTIONS, SQL_TENANT_DROP_PUSH_OUTBOX, SQL_TENANT_DROP_QUOTAS,
    SQL_TENANT_DROP_ERRANDS, SQL_TENANT_DROP_SIGN_INS, SQL_TENANT_DROP_ACCOUNT_SYNCS,
    SQL_TENANT_DROP_CONFLICTS, SQL_TENANT_DROP_RUNS, SQL_TENANT_DROP_JOBS,
    SQL_TENANT_DROP_INBOX_QUEUES, SQL_TENANT_DROP_CURSOR_STATE, SQL_TENANT_DROP_STRATEGIES,
    SQL_TENANT_DROP_SESSIONS, SQL_TENANT_DROP_API_KEYS, SQL_TENANT_DROP_USERS,
    SQL_TENANT_DROP_STREAMS, SQL_TENANT_DROP_COLLECTION_COUNTS, SQL_TENANT_DROP_COLLECTIONS,
    SQL_TENANT_DROP_DATA_KEYS,
};
/* What went with the connections. Only where the tenant stands first in every key does it cost nothing to look once more. */
static const enum sql leftovers[] = {
    SQL_TENANT_DROP_RECORD_HISTORY, SQL_TENANT_DROP_REJECTED_RECORDS, SQL_TENANT_DROP_DELETE_HOLDS,
    SQL_TENANT_DROP_PASS_PAGES, SQL_TENANT_DROP_RUN_LOGS, SQL_TENANT_DROP_RUN_REQUESTS, SQL_TENANT_DROP_RUN_PAGES,
    SQL_TENANT_DROP_RUN_RECORDS, SQL_TENANT_DROP_RUN_STREAMS, SQL_TENANT_DROP_INBOX_EVENTS, SQL_TENANT_DROP_INBOX_DELIVERIES,
    SQL_TENANT_DROP_RAW, SQL_TENANT_DROP_ENTITY_MAP, SQL_TENANT_DROP_MATCH_KEYS,
};

static bool
delete_from(struct db *db, int64_t tenant, const enum sql *parts, size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++)
        if (!db_exec(db, parts[i], DB_ARGS(DB_I(tenant)), NULL, err))
            return false;
    return true;
}

static bool
delete_rest(struct db *db, int64_t tenant, struct err *err)
{
    return (!db_can(db, DB_ARRAYS) || delete_from(db, tenant, leftovers, ARRAY_LEN(leftovers), err)) &&
           delete_from(db, tenant, rest, ARRAY_LEN(rest), err) && db_exec(db, SQL_TENANT_DELETE, DB_ARGS(DB_I(tenant)), NULL, err);
}

bool
store_tenant_sweep(struct db *db, int64_t tenant, struct err *err)
{
    static const enum sql late[] = {SQL_TENANT_DROP_SEARCH_TEXT, SQL_TENANT_DROP_RECORDS, SQL_TENANT_DROP_LATE_DELIVERIES};
    int64_t removed = 1;
    if (db_can(db, DB_ONE_WRITER))
        return true;
    while (removed > 0) {
        removed = 0;
        if (!delete_long(db, tenant, &removed, err))
            return false;
    }
    return store_search_hold(db, err) && delete_from(db, tenant, late, ARRAY_LEN(late), err) &&
           delete_from(db, tenant, leftovers, ARRAY_LEN(leftovers), err) && delete_from(db, tenant, rest, ARRAY_LEN(rest), err);
}

bool
store_tenant_delete(struct db *db, int64_t tenant, struct gone_list *gone, bool *done_out, struct err *err)
{
    db_note_identity(db);
    struct arena scratch;
    int64_t removed = 0;
    arena_init(&scratch, DELETE_ARENA_BYTES);
    bool ok = store_search_hold(db, err) && delete_records(db, &scratch, tenant, gone, &removed, err) &&
              (removed > 0 || delete_long(db, tenant, &removed, err)) &&
              (removed > 0 ? db_exec(db, SQL_TENANT_PROGRESS, DB_ARGS(DB_I(tenant), DB_I(removed)), NULL, err)
                           : delete_rest(db, tenant, err));
    arena_release(&scratch);
    if (ok)
        *done_out = removed == 0;
    return ok;
}
