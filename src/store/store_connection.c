#include "store/store_connection.h"

#include "base/rng.h"
#include "store/store_priv.h"

static const char *const status_names[] = {
    [CONNECTION_PENDING] = "pending",
    [CONNECTION_ACTIVE] = "active",
    [CONNECTION_ERROR] = "error",
    [CONNECTION_DISCONNECTED] = "disconnected",
};

const char *
connection_status_name(enum connection_status status)
{
    return status_names[status];
}

bool
connection_status_from_name(struct str name, enum connection_status *status_out)
{
    unsigned index;
    if (!name_find(status_names, ARRAY_LEN(status_names), name, &index))
        return false;
    *status_out = (enum connection_status)index;
    return true;
}

static struct db_value
status_value(int status)
{
    return status < 0 ? DB_NULL : DB_T(str_from_c(status_names[status]));
}

static void
read_settings(struct row_reader *r, struct connection *c)
{
    c->config = read_text(r);
    c->account = read_text(r);
    c->streams = read_text(r);
    c->direction = read_text(r);
    c->schedule = read_text(r);
    c->match = read_text(r);
    c->conflict_policy = read_text(r);
    c->rules = read_text(r);
    c->webhook_trust = read_text(r);
    c->webhook_secret = read_text(r);
    c->mapping = read_text(r);
}

bool
connection_pushes(const struct connection *c)
{
    return str_eq_c(c->direction, "push") || str_eq_c(c->direction, "both");
}

static void
connection_read(struct row_reader *r, void *item)
{
    struct connection *c = item;
    c->id = read_i64(r);
    c->tenant = read_i64(r);
    c->uuid = read_text(r);
    c->template_name = read_text(r);
    c->template_version = read_text(r);
    c->name = read_text(r);
    c->enabled = read_bool(r);
    if (!connection_status_from_name(db_column_text(r->rows, r->column++), &c->status))
        c->status = CONNECTION_ERROR;
    c->error_code = read_text(r);
    c->error_message = read_text(r);
    read_settings(r, c);
    c->next_run_us = read_i64(r);
    c->next_full_us = read_i64(r);
    c->last_sync_us = read_i64(r);
    c->last_sync_status = read_text(r);
    c->last_tested_us = read_i64(r);
    c->failures = read_i64(r);
    c->reconnect_us = read_i64(r);
    c->alerted = read_bool(r);
    c->sandbox = read_bool(r);
    c->records = read_i64(r);
    c->created_us = read_i64(r);
    c->updated_us = read_i64(r);
    c->created_by = read_text(r);
    c->description = read_text(r);
}

bool
store_connection_create(struct db *db, struct arena *a, struct connection *c, int64_t now_us, struct err *err)
{
    if (c->uuid.len == 0)
        c->uuid = store_new_uuid(a);
    if (str_is_none(c->uuid))
        return STORE_ARENA_FULL(err);
    db_note_effect(db, "connection", c->uuid);
    if (!c->enabled && c->status != CONNECTION_PENDING)
        c->status = CONNECTION_DISCONNECTED;
    c->created_us = c->updated_us = now_us;
    enum row row = db_query_i64(db, SQL_CONNECTION_INSERT,
        DB_ARGS(DB_I(c->tenant), DB_T(c->uuid), DB_T(c->template_name), DB_T(c->template_version), DB_T(c->name),
                DB_BOOL(c->enabled), status_value((int)c->status), DB_T(c->error_code), DB_T(c->error_message), DB_T(c->config),
                DB_T(c->account), DB_T(c->streams), DB_T(c->direction), DB_T(c->schedule), DB_T(c->match),
                DB_T(c->conflict_policy), DB_T(c->rules), DB_T(c->webhook_trust), DB_T(c->webhook_secret), DB_T(c->mapping),
                DB_I0(c->next_run_us), DB_I0(c->next_full_us), DB_I0(c->last_tested_us), DB_I0(c->reconnect_us),
                DB_BOOL(c->sandbox), DB_T(c->created_by), DB_I(now_us), DB_T(c->description)),
        &c->id, err);
    return store_row_must(row, E_CONFLICT, err);
}

enum row
store_connection_get_by_id(struct db *db, struct arena *a, int64_t tenant, int64_t connection,
                           struct connection *connection_out, struct err *err)
{
    return store_row(db, SQL_CONNECTION_BY_ID, DB_ARGS(DB_I(tenant), DB_I(connection)), a, connection_out,
                     sizeof(*connection_out), connection_read, err);
}

enum row
store_connection_get(struct db *db, struct arena *a, int64_t tenant, struct str id, struct connection *connection_out,
                     struct err *err)
{
    int64_t number;
    if (str_to_i64(id, 1, INT32_MAX, &number))
        return store_connection_get_by_id(db, a, tenant, number, connection_out, err);
    if (!uuid_is_valid(id))
        return ROW_NONE;
    struct str lower = str_lower(a, id);
    if (str_is_none(lower))
        return STORE_ARENA_FULL(err), ROW_FAILED;
    return store_row(db, SQL_CONNECTION_BY_UUID, DB_ARGS(DB_I(tenant), DB_T(lower)), a, connection_out,
                     sizeof(*connection_out), connection_read, err);
}

bool
store_connection_hold(struct db *db, int64_t tenant, int64_t connection, struct err *err)
{
    return db_can(db, DB_ONE_WRITER) || db_exec(db, SQL_CONNECTION_HOLD, DB_ARGS(DB_I(tenant), DB_I(connection)), NULL, err);
}

static void
owner_read(struct row_reader *r, void *item)
{
    struct connection *c = item;
    c->tenant = read_i64(r);
    c->id = read_i64(r);
}

enum row
store_connection_find_any(struct db *db, struct arena *a, struct str id, struct connection *connection_out, struct err *err)
{
    struct connection owner;
    int64_t number = 0;
    struct str uuid = STR_NONE;
    if (!str_to_i64(id, 1, INT32_MAX, &number)) {
        if (!uuid_is_valid(id))
            return ROW_NONE;
        uuid = str_lower(a, id);
        if (str_is_none(uuid))
            return STORE_ARENA_FULL(err), ROW_FAILED;
    }
    enum row row = store_row(db, SQL_CONNECTION_OWNER, DB_ARGS(DB_I(number), DB_T(uuid)), a, &owner, sizeof(owner), owner_read, err);
    return row == ROW_FOUND ? store_connection_get_by_id(db, a, owner.tenant, owner.id, connection_out, err) : row;
}

bool
store_connection_list(struct db *db, struct arena *a, int64_t tenant, const struct connection_filter *f,
                      struct connection **rows_out, size_t *count_out, int64_t *total_out, struct err *err)
{
    struct list list = LIST_OF(a, struct connection);
    struct db_value status = status_value(f->status);
    if (!store_rows(db, SQL_CONNECTION_LIST, DB_ARGS(DB_I(tenant), DB_T(f->template_name), DB_I(f->enabled), status,
                    DB_I(f->before), DB_I(f->limit), DB_I(f->offset)), &list, connection_read, err))
        return false;
    if (total_out && db_query_i64(db, SQL_CONNECTION_TOTAL, DB_ARGS(DB_I(tenant), DB_T(f->template_name), DB_I(f->enabled),
                                  status), total_out, err) != ROW_FOUND)
        return false;
    *rows_out = list.items;
    *count_out = list.count;
    return true;
}

bool
store_connection_update(struct db *db, const struct connection *c, int64_t now_us, struct err *err)
{
    return db_exec_one(db, SQL_CONNECTION_UPDATE,
        DB_ARGS(DB_I(c->tenant), DB_I(c->id), DB_T(c->name), DB_BOOL(c->enabled), DB_T(c->config), DB_T(c->account),
                DB_T(c->streams), DB_T(c->direction), DB_T(c->schedule), DB_T(c->match), DB_T(c->conflict_policy),
                DB_T(c->rules), DB_T(c->webhook_trust), DB_T(c->webhook_secret), DB_T(c->mapping), DB_I0(c->next_run_us),
                DB_I0(c->next_full_us), DB_BOOL(c->sandbox), DB_I(now_us), DB_T(c->description)),
        E_CONNECTION_NOT_FOUND, err);
}

bool
store_connection_disconnect(struct db *db, int64_t tenant, int64_t connection, int64_t now_us, struct err *err)
{
    return db_exec_one(db, SQL_CONNECTION_DISCONNECT, DB_ARGS(DB_I(tenant), DB_I(connection), DB_I(now_us)),
                       E_CONNECTION_NOT_FOUND, err);
}

bool
store_connection_result(struct db *db, int64_t tenant, int64_t connection, const struct connection_result *result,
                        int64_t now_us, struct err *err)
{
    bool active = result->status == CONNECTION_ACTIVE;
    return db_exec_one(db, SQL_CONNECTION_RESULT,
        DB_ARGS(DB_I(tenant), DB_I(connection), status_value((int)result->status),
                active ? DB_NULL : DB_T(result->error_code), active ? DB_NULL : DB_T(result->error_message),
                DB_I0(active ? 0 : result->reconnect_us), DB_BOOL(result->alerted && !active), DB_BOOL(result->tested),
                DB_I(now_us)),
        E_CONNECTION_NOT_FOUND, err);
}

bool
store_connection_template_version(struct db *db, int64_t tenant, int64_t connection, struct str version, struct err *err)
{
    return db_exec_one(db, SQL_CONNECTION_TEMPLATE_VERSION, DB_ARGS(DB_I(tenant), DB_I(connection), DB_T(version)),
                       E_CONNECTION_NOT_FOUND, err);
}

/* Schedules. */

static void
due_read(struct row_reader *r, void *item)
{
    struct connection_due *due = item;
    due->tenant = read_i64(r);
    due->connection = read_i64(r);
    due->due_us = read_i64(r);
    due->full = read_bool(r);
}

static bool
due_list(struct db *db, enum sql statement, struct arena *a, int64_t now_us, size_t limit, struct connection_due **rows_out,
         size_t *count_out, struct err *err)
{
    struct list list = LIST_OF(a, struct connection_due);
    if (!store_rows(db, statement, DB_ARGS(DB_I(now_us), DB_I(limit)), &list, due_read, err))
        return false;
    *rows_out = list.items;
    *count_out = list.count;
    return true;
}

static bool
due_take(struct db *db, enum sql statement, const struct connection_due *due, int64_t next_us, bool *taken_out,
         struct err *err)
{
    int64_t changed;
    if (!db_exec(db, statement, DB_ARGS(DB_I(due->tenant), DB_I(due->connection), DB_I(due->due_us), DB_I0(next_us)),
                 &changed, err))
        return false;
    *taken_out = changed == 1;
    return true;
}

bool
store_connection_due(struct db *db, struct arena *a, int64_t now_us, size_t limit, struct connection_due **rows_out,
                     size_t *count_out, struct err *err)
{
    return due_list(db, SQL_CONNECTION_DUE, a, now_us, limit, rows_out, count_out, err);
}

bool
store_connection_fire(struct db *db, const struct connection_due *due, int64_t next_us, bool *fired_out, struct err *err)
{
    return due_take(db, due->full ? SQL_CONNECTION_FIRE_FULL : SQL_CONNECTION_FIRE, due, next_us, fired_out, err);
}

bool
store_connection_reconnects(struct db *db, struct arena *a, int64_t now_us, size_t limit, struct connection_due **rows_out,
                            size_t *count_out, struct err *err)
{
    return due_list(db, SQL_CONNECTION_RECONNECTS, a, now_us, limit, rows_out, count_out, err);
}

bool
store_connection_reconnect_take(struct db *db, const struct connection_due *due, int64_t next_us, bool *taken_out,
                                struct err *err)
{
    return due_take(db, SQL_CONNECTION_RECONNECT_TAKE, due, next_us, taken_out, err);
}

/* Tokens. */

static void
tokens_read(struct row_reader *r, void *item)
{
    struct connection_tokens *tokens = item;
    tokens->sealed = read_text(r);
    tokens->version = read_i64(r);
    tokens->expires_us = read_i64(r);
    tokens->lock_until_us = read_i64(r);
}

enum row
store_connection_tokens(struct db *db, struct arena *a, int64_t tenant, int64_t connection,
                        struct connection_tokens *tokens_out, struct err *err)
{
    return store_row(db, SQL_CONNECTION_TOKENS, DB_ARGS(DB_I(tenant), DB_I(connection)), a, tokens_out, sizeof(*tokens_out),
                     tokens_read, err);
}

bool
store_connection_tokens_lock(struct db *db, int64_t tenant, int64_t connection, int64_t version, struct str owner,
                             int64_t now_us, int64_t until_us, bool *taken_out, struct err *err)
{
    int64_t changed;
    if (!db_exec(db, SQL_CONNECTION_TOKENS_LOCK, DB_ARGS(DB_I(tenant), DB_I(connection), DB_I(version), DB_T(owner),
                 DB_I(now_us), DB_I(until_us)), &changed, err))
        return false;
    *taken_out = changed == 1;
    return true;
}

bool
store_connection_tokens_save(struct db *db, int64_t tenant, int64_t connection, struct str owner, int64_t version,
                             struct str sealed, int64_t expires_us, struct err *err)
{
    return db_exec_one(db, SQL_CONNECTION_TOKENS_SAVE, DB_ARGS(DB_I(tenant), DB_I(connection), DB_T(owner), DB_I(version),
                       DB_T(sealed), DB_I0(expires_us)), E_FENCED, err);
}

bool
store_connection_tokens_unlock(struct db *db, int64_t tenant, int64_t connection, struct str owner, struct err *err)
{
    return db_exec(db, SQL_CONNECTION_TOKENS_UNLOCK, DB_ARGS(DB_I(tenant), DB_I(connection), DB_T(owner)), NULL, err);
}

/* Counts. */

static void
count_status(struct connection_counts *counts, enum connection_status status, bool enabled, int64_t n)
{
    counts->total += n;
    counts->enabled += enabled ? n : 0;
    switch (status) {
    case CONNECTION_PENDING:
        counts->pending += n;
        break;
    case CONNECTION_ACTIVE:
        counts->active += n;
        break;
    case CONNECTION_ERROR:
        counts->error += n;
        break;
    case CONNECTION_DISCONNECTED:
        counts->disconnected += n;
        break;
    }
}

bool
store_connection_counts(struct db *db, int64_t tenant, struct connection_counts *counts_out, struct err *err)
{
    struct connection_counts counts = {0};
    struct db_rows rows;
    if (!db_query(db, SQL_CONNECTION_COUNTS, DB_ARGS(DB_I(tenant)), &rows, err))
        return false;
    enum row row;
    while ((row = db_next(&rows, err)) == ROW_FOUND) {
        enum connection_status status;
        if (connection_status_from_name(db_column_text(&rows, 0), &status))
            count_status(&counts, status, db_column_bool(&rows, 1), db_column_i64(&rows, 2));
    }
    if (row == ROW_FAILED)
        return false;
    *counts_out = counts;
    return true;
}

bool
store_connection_deleting(struct db *db, struct arena *a, struct connection **rows_out, size_t *count_out, struct err *err)
{
    struct list list = LIST_OF(a, struct connection);
    if (!store_rows(db, SQL_CONNECTION_DELETING, DB_NO_ARGS, &list, connection_read, err))
        return false;
    *rows_out = list.items;
    *count_out = list.count;
    return true;
}

static void
name_read(struct row_reader *r, void *item)
{
    *(struct str *)item = read_text(r);
}

bool
store_connection_templates(struct db *db, struct arena *a, int64_t tenant, size_t limit, struct str **names_out,
                           size_t *count_out, struct err *err)
{
    struct list list = LIST_OF(a, struct str);
    if (!store_rows(db, SQL_CONNECTION_TEMPLATES, DB_ARGS(DB_I(tenant), DB_I(limit)), &list, name_read, err))
        return false;
    *names_out = list.items;
    *count_out = list.count;
    return true;
}
