#include "store/store_inbox.h"

#include "store/store_inbox_seen.h"
#include "store/store_priv.h"

/* The event's row, in the order of both statements that write one. */
#define EVENT_VALUES(e) DB_I((e)->tenant), DB_T((e)->uuid), DB_I((e)->connection), DB_T((e)->type), DB_T((e)->external_id), \
                        DB_T((e)->delivery), DB_T((e)->trust), DB_T((e)->status), DB_I0((e)->due_us), DB_I((e)->received_us), \
                        DB_I0((e)->finished_us), DB_I((e)->bytes), DB_B((e)->content)

static bool
take_at_once(struct db *db, const struct inbox_event *e, struct str delivery, int64_t since_us, bool *duplicate_out, struct err *err)
{
    int64_t changed = 0;
    if (!db_exec(db, SQL_INBOX_TAKE, DB_ARGS(EVENT_VALUES(e), DB_B(delivery), DB_I(since_us)), &changed, err))
        return false;
    *duplicate_out = changed == 0;
    return true;
}

static enum row
connection_stands(struct db *db, int64_t tenant, int64_t connection, bool deleting_too, struct err *err)
{
    int64_t one;
    return db_query_i64(db, SQL_INBOX_CONNECTION_STANDS, DB_ARGS(DB_I(tenant), DB_I(connection), DB_I(deleting_too ? 3 : 1)), &one, err);
}

bool
store_inbox_forget_gone(struct db *db, int64_t tenant, int64_t connection, struct err *err)
{
    static const enum sql parts[] = {SQL_CONNECTION_DELETE_INBOX, SQL_CONNECTION_DELETE_DELIVERIES, SQL_CONNECTION_DELETE_QUEUE};
    enum row row = connection_stands(db, tenant, connection, true, err);
    for (size_t i = 0; row == ROW_NONE && i < ARRAY_LEN(parts); i++)
        if (!db_exec(db, parts[i], DB_ARGS(DB_I(tenant), DB_I(connection)), NULL, err))
            return false;
    return row != ROW_FAILED;
}

bool
store_inbox_add(struct db *db, const struct inbox_event *e, struct str delivery, bool *duplicate_out, struct err *err)
{
    int64_t since_us = e->received_us - INBOX_WINDOW_US;
    bool known = false;
    if (delivery.len > 0 && !db_can(db, DB_ONE_WRITER))
        return take_at_once(db, e, delivery, since_us, duplicate_out, err);
    enum row stands = db_can(db, DB_ONE_WRITER) ? connection_stands(db, e->tenant, e->connection, false, err) : ROW_FOUND;
    if (stands != ROW_FOUND) {
        *duplicate_out = true;
        return stands == ROW_NONE;
    }
    if (delivery.len > 0 && !seen_take(db, e->tenant, e->connection, delivery, e->received_us, since_us, &known, err))
        return false;
    *duplicate_out = known;
    return known || db_defer(db, SQL_INBOX_ADD, DB_ARGS(EVENT_VALUES(e)), err);
}

static void
queue_read(struct row_reader *r, void *item)
{
    struct inbox_queue *q = item;
    q->tenant = read_i64(r);
    q->connection = read_i64(r);
}

bool
store_inbox_ready(struct db *db, struct arena *a, int64_t now_us, size_t limit, struct inbox_queue **rows_out,
                  size_t *count_out, struct err *err)
{
    struct list list = LIST_OF(a, struct inbox_queue);
    if (!store_rows(db, SQL_INBOX_READY, DB_ARGS(DB_I(now_us), DB_I(limit)), &list, queue_read, err))
        return false;
    *rows_out = list.items;
    *count_out = list.count;
    return true;
}

bool
store_inbox_next_due(struct db *db, int64_t now_us, int64_t *due_out, struct err *err)
{
    *due_out = INT64_MAX;
    return db_query_i64(db, SQL_INBOX_NEXT_DUE, DB_ARGS(DB_I(now_us)), due_out, err) != ROW_FAILED;
}

enum row
store_inbox_claim(struct db *db, struct inbox_queue *q, struct str node, int64_t now_us, int64_t until_us, struct err *err)
{
    struct db_rows rows;
    enum row row = db_query_row(db, SQL_INBOX_CLAIM, DB_ARGS(DB_I(q->tenant), DB_I(q->connection), DB_T(node), DB_I(now_us),
                                DB_I(until_us)), &rows, err);
    if (row != ROW_FOUND)
        return row;
    q->epoch = db_column_i64(&rows, 0);
    q->crashes = db_column_i64(&rows, 1);
    db_finish(&rows);
    return ROW_FOUND;
}

bool
store_inbox_fence(struct db *db, const struct inbox_queue *q, int64_t until_us, struct err *err)
{
    return db_exec_one(db, SQL_INBOX_FENCE, DB_ARGS(DB_I(q->tenant), DB_I(q->connection), DB_I(q->epoch), DB_I(until_us)),
                       E_FENCED, err);
}

bool
store_inbox_release(struct db *db, const struct inbox_queue *q, bool emptied, struct err *err)
{
    return db_exec(db, SQL_INBOX_RELEASE, DB_ARGS(DB_I(q->tenant), DB_I(q->connection), DB_I(q->epoch), DB_BOOL(emptied)), NULL,
                   err);
}

bool
store_inbox_forget_crashes(struct db *db, const struct inbox_queue *q, struct err *err)
{
    return db_exec(db, SQL_INBOX_FORGET_CRASHES, DB_ARGS(DB_I(q->tenant), DB_I(q->connection), DB_I(q->epoch)), NULL, err);
}

bool
store_inbox_take_back(struct db *db, struct str node, struct err *err)
{
    return db_exec(db, SQL_INBOX_TAKE_BACK, DB_ARGS(DB_T(node)), NULL, err);
}

static void
event_read(struct row_reader *r, void *item)
{
    struct inbox_event *e = item;
    e->id = read_i64(r);
    e->uuid = read_text(r);
    e->type = read_text(r);
    e->external_id = read_text(r);
    e->delivery = read_text(r);
    e->trust = read_text(r);
    e->status = read_text(r);
    e->attempts = read_i64(r);
    e->received_us = read_i64(r);
    e->content = read_blob(r);
}

static void
whole_event_read(struct row_reader *r, void *item)
{
    struct inbox_event *e = item;
    event_read(r, item);
    e->due_us = read_i64(r);
    e->error_code = read_text(r);
    e->error_message = read_text(r);
    e->finished_us = read_i64(r);
    e->bytes = read_i64(r);
    e->connection_uuid = read_text(r);
    e->template_name = read_text(r);
}

bool
store_inbox_due(struct db *db, struct arena *a, const struct inbox_queue *q, int64_t now_us, int64_t join_us,
                size_t limit, struct inbox_event **rows_out, size_t *count_out, struct err *err)
{
    struct list list = LIST_OF(a, struct inbox_event);
    if (!store_rows(db, SQL_INBOX_DUE, DB_ARGS(DB_I(q->tenant), DB_I(q->connection), DB_I(now_us), DB_I(now_us + join_us),
                    DB_I(limit)), &list, event_read, err))
        return false;
    *rows_out = list.items;
    *count_out = list.count;
    return true;
}

bool
store_inbox_changed(struct db *db, const struct inbox_queue *q, int64_t *changed_us_out, struct err *err)
{
    *changed_us_out = 0;
    return db_query_i64(db, SQL_INBOX_CONNECTION_CHANGED, DB_ARGS(DB_I(q->tenant), DB_I(q->connection)), changed_us_out, err) !=
           ROW_FAILED;
}

bool
store_inbox_attempt(struct db *db, int64_t tenant, int64_t event, struct err *err)
{
    return db_exec(db, SQL_INBOX_ATTEMPT, DB_ARGS(DB_I(tenant), DB_I(event)), NULL, err);
}

bool
store_inbox_finish(struct db *db, int64_t tenant, int64_t event, struct str status, struct str code, struct str message,
                   int64_t now_us, struct err *err)
{
    return db_defer(db, SQL_INBOX_FINISH, DB_ARGS(DB_I(tenant), DB_I(event), DB_T(status), DB_T(code), DB_T(message),
                    DB_I(now_us)), err);
}

bool
store_inbox_later(struct db *db, int64_t tenant, int64_t event, int64_t due_us, int64_t attempts, struct str code,
                  struct str message, struct err *err)
{
    return db_defer(db, SQL_INBOX_LATER, DB_ARGS(DB_I(tenant), DB_I(event), DB_I(due_us), DB_I(attempts), DB_T(code),
                    DB_T(message)), err);
}

bool
store_inbox_replay(struct db *db, int64_t tenant, struct str uuid, int64_t now_us, struct err *err)
{
    db_note_effect(db, "webhook_event", uuid);
    return db_exec_one(db, SQL_INBOX_REPLAY, DB_ARGS(DB_I(tenant), DB_T(uuid), DB_I(now_us)), E_NOT_FOUND, err);
}

bool
store_inbox_pending(struct db *db, int64_t *count_out, struct err *err)
{
    return db_query_i64(db, SQL_INBOX_PENDING, DB_NO_ARGS, count_out, err) == ROW_FOUND;
}

/* "%a\_b%" for a part of a text. */
static struct str
like_text(struct arena *a, struct str part)
{
    if (part.len == 0)
        return STR_NONE;
    char *bytes = arena_alloc_bytes(a, part.len * 2 + 2);
    size_t len = 0;
    if (bytes == NULL)
        return STR_NONE;
    bytes[len++] = '%';
    for (size_t i = 0; i < part.len; i++) {
        if (part.ptr[i] == '%' || part.ptr[i] == '_' || part.ptr[i] == '\\')
            bytes[len++] = '\\';
        bytes[len++] = part.ptr[i];
    }
    bytes[len++] = '%';
    return (struct str){bytes, len};
}

bool
store_inbox_list(struct db *db, struct arena *a, int64_t tenant, const struct inbox_filter *f, struct inbox_event **rows_out,
                 size_t *count_out, struct err *err)
{
    struct list list = LIST_OF(a, struct inbox_event);
    unsigned statement = f->status.len > 0 ? SQL_INBOX_LIST_OF_STATUS : SQL_INBOX_LIST;
    if (!store_rows(db, statement, DB_ARGS(DB_I(tenant), DB_T(f->connection), DB_T(f->type), DB_T(f->status), DB_I(f->from_us),
                    DB_I(f->until_us), DB_T(like_text(a, f->text)), DB_I(f->before), DB_I(f->limit), DB_I(f->offset)), &list,
                    whole_event_read, err))
        return false;
    *rows_out = list.items;
    *count_out = list.count;
    return true;
}

bool
store_inbox_total(struct db *db, struct arena *a, int64_t tenant, const struct inbox_filter *f, int64_t count_max,
                  int64_t *total_out, struct err *err)
{
    unsigned statement = f->status.len > 0 ? SQL_INBOX_TOTAL_OF_STATUS : SQL_INBOX_TOTAL;
    return db_query_i64(db, statement, DB_ARGS(DB_I(tenant), DB_T(f->connection), DB_T(f->type), DB_T(f->status), DB_I(f->from_us),
                        DB_I(f->until_us), DB_T(like_text(a, f->text)), DB_I(count_max)), total_out, err) == ROW_FOUND;
}

enum row
store_inbox_get(struct db *db, struct arena *a, int64_t tenant, struct str uuid, struct inbox_event *event_out, struct err *err)
{
    return store_row(db, SQL_INBOX_GET, DB_ARGS(DB_I(tenant), DB_T(uuid)), a, event_out, sizeof(*event_out), whole_event_read,
                     err);
}

static void
connection_read(struct row_reader *r, void *item)
{
    struct inbox_connection *c = item;
    c->tenant = read_i64(r);
    c->id = read_i64(r);
    c->uuid = read_text(r);
    c->account = read_text(r);
    c->enabled = read_bool(r);
    c->trust = read_text(r);
    c->keys = read_text(r);
    c->config = read_text(r);
    c->tenant_uuid = read_text(r);
    c->template_name = read_text(r);
}

bool
store_inbox_connections(struct db *db, struct arena *a, struct str template_name, struct str account, size_t limit,
                        struct inbox_connection **rows_out, size_t *count_out, struct err *err)
{
    struct list list = LIST_OF(a, struct inbox_connection);
    if (!store_rows(db, SQL_INBOX_CONNECTIONS_OF_ACCOUNT, DB_ARGS(DB_T(template_name), DB_T(account), DB_I(limit)), &list,
                    connection_read, err))
        return false;
    *rows_out = list.items;
    *count_out = list.count;
    return true;
}

enum row
store_inbox_connection(struct db *db, struct arena *a, struct str uuid, struct inbox_connection *connection_out, struct err *err)
{
    return store_row(db, SQL_INBOX_CONNECTION_OF_UUID, DB_ARGS(DB_T(uuid)), a, connection_out, sizeof(*connection_out),
                     connection_read, err);
}

bool
store_inbox_keys_set(struct db *db, int64_t tenant, int64_t connection, struct str keys, struct str before, struct err *err)
{
    return db_exec_one(db, SQL_INBOX_KEYS_SET, DB_ARGS(DB_I(tenant), DB_I(connection), DB_T(keys), DB_T(before)), E_CONFLICT, err);
}
