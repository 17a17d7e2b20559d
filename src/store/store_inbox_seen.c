/*
 * Deliveries that are known, on SQLite: a tree of digests, and a tail of the newest ones (seen_tail.h says why).
 *
 * A new delivery is a row at the end of the table inbox_seen, and an entry in memory. Once LIMIT_SEEN_TAIL_KEYS are
 * there they turn old, and from then on each new delivery takes a few old ones into the tree, in its order; when all are
 * there, their rows go from the table, a few at a time too. So nobody waits for a great merge.
 *
 * How far the merge has come is known in memory alone. After a start all rows of the table are young again: some may be in the
 * tree already, and going there twice does no harm. The memory is a copy of the table as the transaction sees it: db.c undoes
 * it with a transaction or savepoint, or forgets it, and then the next call reads the table anew.
 */
#include "store/store_inbox_seen.h"

#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "store/seen_tail.h"
#include "store/store_priv.h"

#define MERGE_KEYS 2             /* for each one added: done before as many again are young */
#define TRIM_ROWS 64             /* of a page or so: it is written once */

/* ---- from the table into memory ---- */

static bool
read_entry(const struct db_rows *rows, struct seen_entry *e)
{
    struct str delivery = db_column_blob(rows, 3);
    *e = (struct seen_entry){.tenant = db_column_i64(rows, 1), .connection = db_column_i64(rows, 2),
                             .received_us = db_column_i64(rows, 4)};
    if (delivery.len != SEEN_DELIVERY_BYTES)
        return false;
    memcpy(e->delivery, delivery.ptr, SEEN_DELIVERY_BYTES);
    return true;
}

/* The same delivery again, after its window: the later row counts. */
static bool
take_row(struct seen_tail *tail, const struct db_rows *rows, struct err *err)
{
    struct seen_entry e, *known;
    if (!read_entry(rows, &e))
        return err_set(err, E_STORE_CORRUPT, NULL);
    tail->last_id = db_column_i64(rows, 0);
    known = seen_tail_find(tail, &e);
    if (!known)
        return seen_tail_put(tail, &e) || err_no_memory(err);
    known->received_us = e.received_us;
    return true;
}

static bool
load(struct db *db, struct seen_tail *tail, struct err *err)
{
    struct db_rows rows;
    if (!db_query(db, SQL_INBOX_SEEN_LOAD, DB_NO_ARGS, &rows, err))
        return false;
    enum row row;
    while ((row = db_next(&rows, err)) == ROW_FOUND) {
        if (take_row(tail, &rows, err))
            continue;
        db_finish(&rows);
        return false;
    }
    return row == ROW_NONE;
}

/* What is read inside a transaction may be that transaction's own: it goes with it. */
static struct seen_tail *
tail_of(struct db *db, struct err *err)
{
    if (db->seen_tail)
        return db->seen_tail;
    struct seen_tail *tail = seen_tail_new();
    if (!tail) {
        err_no_memory(err);
        return NULL;
    }
    if (load(db, tail, err)) {
        seen_tail_reshape(tail);
        return db->seen_tail = tail;
    }
    seen_tail_free(tail);
    return NULL;
}

/* ---- from the tail into the tree ---- */

static bool
merge_some(struct db *db, struct seen_tail *tail, struct err *err)
{
    for (unsigned i = 0; i < MERGE_KEYS && tail->merged_count < tail->old_count; i++) {
        const struct seen_entry *e = &tail->old[tail->merged_count];
        struct str delivery = {(const char *)e->delivery, SEEN_DELIVERY_BYTES};
        if (!db_exec(db, SQL_INBOX_SEEN_MERGE, DB_ARGS(DB_I(e->tenant), DB_I(e->connection), DB_B(delivery), DB_I(e->received_us)),
                     NULL, err))
            return false;
        tail->merged_count++;
    }
    if (tail->merged_count < tail->old_count)
        return true;
    tail->trim_id = tail->old_last_id;
    seen_tail_drop_old(tail);
    return true;
}

static bool
trim_some(struct db *db, struct seen_tail *tail, struct err *err)
{
    int64_t gone = 0;
    if (!db_exec(db, SQL_INBOX_SEEN_TRIM, DB_ARGS(DB_I(tail->trim_id), DB_I(TRIM_ROWS)), &gone, err))
        return false;
    if (gone < TRIM_ROWS) {
        tail->trim_id = 0;
        seen_tail_reshape(tail);
    }
    return true;
}

/* The tail's own work, a little with each delivery. */
static bool
move_on(struct db *db, struct seen_tail *tail, struct err *err)
{
    size_t keys_max = db->seen_tail_keys ? db->seen_tail_keys : LIMIT_SEEN_TAIL_KEYS;
    if (tail->trim_id != 0)
        return trim_some(db, tail, err);
    if (!tail->old && tail->young_count >= keys_max)
        seen_tail_turn(tail);
    return !tail->old || merge_some(db, tail, err);
}

/* ---- taking one ---- */

static bool
is_in_tree(struct db *db, const struct seen_entry *e, int64_t since_us, bool *known_out, struct err *err)
{
    int64_t received_us = 0;
    struct str delivery = {(const char *)e->delivery, SEEN_DELIVERY_BYTES};
    enum row row = db_query_i64(db, SQL_INBOX_SEEN_FIND, DB_ARGS(DB_I(e->tenant), DB_I(e->connection), DB_B(delivery)), &received_us,
                                err);
    *known_out = row == ROW_FOUND && received_us >= since_us;
    return row != ROW_FAILED;
}

static bool
append(struct db *db, struct seen_tail *tail, const struct seen_entry *e, struct seen_entry *known, struct err *err)
{
    struct str delivery = {(const char *)e->delivery, SEEN_DELIVERY_BYTES};
    if (!db_exec(db, SQL_INBOX_SEEN_ADD, DB_ARGS(DB_I(e->tenant), DB_I(tail->last_id + 1), DB_I(e->connection), DB_B(delivery),
                 DB_I(e->received_us)), NULL, err))
        return false;
    tail->last_id++;
    if (!known)
        return seen_tail_put(tail, e) || err_no_memory(err);
    seen_tail_reshape(tail);
    known->received_us = e->received_us;
    return true;
}

bool
seen_take(struct db *db, int64_t tenant, int64_t connection, struct str delivery, int64_t received_us, int64_t since_us,
          bool *known_out, struct err *err)
{
    struct seen_entry e = {.tenant = tenant, .connection = connection, .received_us = received_us};
    CHECK(delivery.len == SEEN_DELIVERY_BYTES);
    memcpy(e.delivery, delivery.ptr, SEEN_DELIVERY_BYTES);
    struct seen_tail *tail = tail_of(db, err);
    if (!tail || !move_on(db, tail, err))
        return false;
    struct seen_entry *known = seen_tail_find(tail, &e);
    *known_out = known && known->received_us >= since_us;
    if (!known && !is_in_tree(db, &e, since_us, known_out, err))
        return false;
    return *known_out || append(db, tail, &e, known, err);
}

bool
seen_forget_connection(struct db *db, int64_t tenant, int64_t connection, struct err *err)
{
    if (!db_exec(db, SQL_INBOX_SEEN_OF_CONNECTION, DB_ARGS(DB_I(tenant), DB_I(connection)), NULL, err))
        return false;
    seen_tail_free(db->seen_tail);
    db->seen_tail = NULL;
    return true;
}
