/*
 * The inbox, as people see it: search, one event with what came, replay.
 */
#include "door/routes_priv.h"
#include "hook/inbox.h"

#define SEARCH_BYTES_MAX 200

struct events {
    struct request *request;
    struct inbox_filter filter;
    struct inbox_event *rows;
    size_t count;
    int64_t total;
    struct inbox_event one;
    enum row row;
};

static bool
read_list(struct db *db, void *ctx, struct err *err)
{
    struct events *e = ctx;
    struct request *r = e->request;
    return store_inbox_list(db, r->arena, r->tenant.id, &e->filter, &e->rows, &e->count, err) &&
           store_inbox_total(db, r->arena, r->tenant.id, &e->filter, LIMIT_COUNT_EXACT + 1, &e->total, err);
}

static bool
read_one(struct db *db, void *ctx, struct err *err)
{
    struct events *e = ctx;
    struct request *r = e->request;
    e->row = store_inbox_get(db, r->arena, r->tenant.id, request_path_param(r, 0), &e->one, err);
    return e->row != ROW_FAILED;
}

static bool
replay(struct db *db, void *ctx, struct err *err)
{
    struct events *e = ctx;
    struct request *r = e->request;
    return store_inbox_replay(db, r->tenant.id, request_path_param(r, 0), store_now(db), err);
}

static void
add_event(struct json_writer *w, const struct inbox_event *e)
{
    json_add_str(w, "id", e->uuid);
    json_add_str(w, "connectionId", e->connection_uuid);
    json_add_str(w, "platform", e->template_name);
    json_add_str(w, "type", e->type);
    json_add_str(w, "externalId", e->external_id);
    json_add_str(w, "deliveryId", e->delivery);
    json_add_str(w, "trust", e->trust);
    json_add_str(w, "status", e->status);
    json_add_i64(w, "attempts", e->attempts);
    json_add_str(w, "errorCode", e->error_code);
    json_add_str(w, "errorMessage", e->error_message);
    json_add_i64(w, "bytes", e->bytes);
    json_add_time(w, "receivedAt", e->received_us);
    json_add_time(w, "dueAt", e->due_us);
    json_add_time(w, "finishedAt", e->finished_us);
}

static bool
read_words(struct request *r, struct inbox_filter *f, struct err *err)
{
    static const char *const names[] = {"connectionId", "type", "status", "q"};
    static const char *const statuses[] = {"pending", "applied", "failed", "unhandled", NULL};
    struct str *const places[] = {&f->connection, &f->type, &f->status, &f->text};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        *places[i] = request_query(r, names[i]);
        if (str_is_none(*places[i]))
            continue;
        if (places[i]->len == 0 || places[i]->len > SEARCH_BYTES_MAX) {
            char words[48];
            snprintf(words, sizeof(words), "must have 1 to %d characters", SEARCH_BYTES_MAX);
            return request_query_fault(names[i], words, err);
        }
    }
    return request_query_word(r, "status", statuses, &f->status, err);
}

bool
webhook_events_list(struct request *r, struct err *err)
{
    struct events e = {.request = r};
    struct paging paging;
    if (!request_paging(r, 50, &paging, err) || !read_words(r, &e.filter, err) ||
        !request_query_time(r, "from", &e.filter.from_us, err) || !request_query_time(r, "to", &e.filter.until_us, err))
        return false;
    e.filter.before = paging.after;
    e.filter.offset = paging.offset;
    e.filter.limit = (size_t)paging.limit + 1; /* one more tells whether there is another page */
    if (!store_read(request_parts(r)->store, read_list, &e, err))
        return false;
    bool more = e.count > (size_t)paging.limit;
    size_t count = more ? (size_t)paging.limit : e.count;
    struct json_writer *w = reply_begin(r, 200);
    json_begin_array(w, NULL);
    for (size_t i = 0; i < count; i++) {
        json_begin_object(w, NULL);
        add_event(w, &e.rows[i]);
        json_end_object(w);
    }
    json_end_array(w);
    struct str next = more ? list_cursor_text(r->arena, e.rows[count - 1].id) : STR_NONE;
    return reply_end_counted_list(r, &paging, e.total, next, err);
}

static bool
find_one(struct request *r, struct events *e, struct err *err)
{
    return store_read(request_parts(r)->store, read_one, e, err) &&
           (e->row == ROW_FOUND || err_set(err, E_NOT_FOUND, "Webhook event not found"));
}

bool
webhook_events_get(struct request *r, struct err *err)
{
    struct events e = {.request = r};
    struct err ignored = {0};
    yyjson_val *headers = NULL;
    struct str body;
    if (!find_one(r, &e, err) || !inbox_content(r->arena, e.one.content, &headers, &body, err))
        return false;
    yyjson_val *payload = json_parse(r->arena, body, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_API, &ignored);
    struct json_writer *w = reply_object(r, 200);
    add_event(w, &e.one);
    json_add_val(w, "headers", headers);
    json_add_val(w, "payload", payload);
    return reply_object_end(r, err);
}

bool
webhook_events_replay(struct request *r, struct err *err)
{
    struct events e = {.request = r};
    return find_one(r, &e, err) && store_write(request_parts(r)->store, replay, &e, err) &&
           webhook_events_replay_again(r, e.one.uuid, err);
}

bool
webhook_events_replay_again(struct request *r, struct str uuid, struct err *err)
{
    struct events e = {.request = r};
    (void)uuid; /* the path's */
    inbox_wake(request_parts(r)->inbox);
    if (!find_one(r, &e, err))
        return false;
    struct json_writer *w = reply_object(r, 202);
    add_event(w, &e.one);
    return reply_object_end(r, err);
}
