#include "store/store_state.h"

#include "store/store_priv.h"
#include "store/store_run.h"

#define STATE_ARENA_BYTES (64 * 1024)

enum row
store_state_get(struct db *db, struct arena *a, int64_t tenant, int64_t stream, struct str partition, struct str *state_out,
                struct err *err)
{
    struct db_rows rows;
    enum row row = db_query_row(db, SQL_STATE_GET, DB_ARGS(DB_I(tenant), DB_I(stream), DB_T(partition)), &rows, err);
    if (row != ROW_FOUND)
        return row;
    *state_out = db_column_text_copy(&rows, 0, a);
    db_finish(&rows);
    return str_is_none(*state_out) ? (STORE_ARENA_FULL(err), ROW_FAILED) : ROW_FOUND;
}

static void
state_read(struct row_reader *r, void *item)
{
    struct state_row *s = item;
    s->stream = read_i64(r);
    s->stream_name = read_text(r);
    s->partition = read_text(r);
    s->state = read_text(r);
    s->updated_us = read_i64(r);
}

bool
store_state_list(struct db *db, struct arena *a, int64_t tenant, int64_t connection, int64_t only_stream,
                 int64_t after_stream, struct str after_partition, size_t limit, struct state_row **rows_out,
                 size_t *count_out, struct err *err)
{
    struct list list = LIST_OF(a, struct state_row);
    struct str after = str_is_none(after_partition) ? STR("") : after_partition;
    if (!store_rows(db, SQL_STATE_LIST, DB_ARGS(DB_I(tenant), DB_I(connection), DB_I(only_stream), DB_I(after_stream),
                    DB_T(after), DB_I(limit)), &list, state_read, err))
        return false;
    *rows_out = list.items;
    *count_out = list.count;
    return true;
}

bool
store_state_save(struct db *db, int64_t tenant, int64_t stream, struct str partition, struct str state, int64_t now_us,
                 struct err *err)
{
    return db_defer_one(db, SQL_STATE_SAVE, DB_ARGS(DB_I(tenant), DB_I(stream), DB_T(partition), DB_T(state), DB_I(now_us)),
                       E_NOT_FOUND, err);
}

/* A run that is under way would write its old position over the reset. */
static bool
refuse_while_running(struct db *db, int64_t tenant, int64_t connection, struct err *err)
{
    struct arena scratch;
    arena_init(&scratch, STATE_ARENA_BYTES);
    struct run run;
    enum row row = store_run_unfinished(db, &scratch, tenant, connection, &run, err);
    if (row == ROW_FOUND) {
        err_set(err, E_SYNC_IN_PROGRESS, "A sync of this connection is under way: cancel it first");
        snprintf(err->subject, sizeof(err->subject), "%.*s", STR_ARG(run.uuid));
    }
    arena_release(&scratch);
    return row == ROW_NONE;
}

bool
store_state_reset(struct db *db, int64_t tenant, int64_t connection, int64_t stream, int64_t *removed_out, struct err *err)
{
    if (!refuse_while_running(db, tenant, connection, err))
        return false;
    return db_exec(db, SQL_STATE_RESET, DB_ARGS(DB_I(tenant), DB_I(connection), DB_I(stream)), removed_out, err);
}
