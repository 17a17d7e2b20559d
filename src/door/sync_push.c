/*
 * What would be sent: the dry run of a push.
 */
#include "door/routes_priv.h"
#include "door/views_priv.h"
#include "engine/push_preview.h"

#define RECORDS_OTHERWISE 50
#define RECORDS_MAX 500

static void
write_request(struct json_writer *w, const struct push_preview_request *q)
{
    json_begin_object(w, NULL);
    json_add_c(w, "what", q->what);
    json_add_str(w, "method", q->method);
    json_add_str(w, "url", q->url);
    json_begin_object(w, "headers");
    for (size_t i = 0; i < q->header_count; i++) {
        json_add_key(w, q->headers[i].name);
        json_add_str(w, NULL, q->headers[i].value);
    }
    json_end_object(w);
    json_add_str(w, "body", q->body);
    json_end_object(w);
}

static void
write_item(struct json_writer *w, const struct push_preview_item *item)
{
    json_begin_object(w, NULL);
    json_add_str(w, "recordId", item->record);
    json_add_str(w, "stream", item->stream);
    json_add_str(w, "externalId", item->external_id);
    json_add_c(w, "action", item->action);
    json_add_str(w, "reason", item->reason);
    json_add_bool(w, "needsToken", item->needs_token);
    json_begin_array(w, "requests");
    for (size_t i = 0; i < item->request_count; i++)
        write_request(w, &item->requests[i]);
    json_end_array(w);
    json_end_object(w);
}

bool
push_preview(struct request *r, struct err *err)
{
    int full;
    int64_t limit;
    struct connection connection;
    struct push_preview preview;
    struct push_preview_ask ask = {.stream = request_query(r, "stream")};
    if (!request_query_i64(r, "limit", 1, RECORDS_MAX, RECORDS_OTHERWISE, &limit, err) || !request_query_bool(r, "full", &full, err) ||
        !find_connection(r, request_path_param(r, 0), &connection, err))
        return false;
    ask.full = full == 1;
    ask.limit = (size_t)limit;
    if (!engine_push_preview(request_parts(r)->engine, r->arena, &connection, &ask, &preview, err))
        return false;
    struct json_writer *w = reply_begin(r, 200);
    json_begin_array(w, NULL);
    for (size_t i = 0; i < preview.count; i++)
        write_item(w, &preview.items[i]);
    json_end_array(w);
    return reply_end(r, err);
}
