/*
 * POST /api/v1/messages: with `connectionId` the message is sent by the vendor (002, chapter 10, "Outbound"), where the
 * connection's template can send; without it is a message of one's own, kept here.
 *
 * What was sent is not written here at once: it comes back by webhook or with the next sync, under the vendor's id, and
 * would else be there twice.
 */
#include "base/limits.h"
#include "base/rng.h"
#include "door/entities_priv.h"
#include "door/routes_priv.h"
#include "door/views_priv.h"
#include "engine/operation.h"

#define CONTENT_BYTES_MAX (64 * 1024)

struct receiver {
    struct request *request;
    const struct connection *connection;
    struct str id;               /* as the caller names the contact: ours or the vendor's */
    struct str external_id;
};

/* Our contact's id becomes what this connection's vendor calls it. */
static bool
find_receiver(struct db *db, void *ctx, struct err *err)
{
    struct receiver *s = ctx;
    struct arena *a = s->request->arena;
    struct record contact;
    struct record_source *rows;
    size_t count;
    s->external_id = STR_NONE;
    enum row row = store_record_get(db, a, s->request->tenant.id, STR("contacts"), s->id, &contact, err);
    if (row != ROW_FOUND)
        return row == ROW_NONE;
    if (!store_record_sources(db, a, s->request->tenant.id, contact.id, &rows, &count, err))
        return false;
    for (size_t i = 0; i < count; i++)
        if (rows[i].connection == s->connection->id && !rows[i].deleted_us)
            s->external_id = rows[i].external_id;
    return true;
}

static bool
read_receiver(struct request *r, struct receiver *s, struct err *err)
{
    if (!request_body_str(r, "contactId", LIMIT_NAME_BYTES, &s->id, err))
        return false;
    if (!s->id.len)
        return request_fault(r, err, "/contactId", "is required: whom to send it to");
    if (!uuid_is_valid(s->id)) {
        s->external_id = s->id;
        return true;
    }
    if (!store_read(request_parts(r)->store, find_receiver, s, err))
        return false;
    return s->external_id.len || request_fault(r, err, "/contactId", "names no contact that this connection knows");
}

static void
put(yyjson_mut_doc *doc, yyjson_mut_val *input, const char *name, struct str value)
{
    if (value.len)
        yyjson_mut_obj_put(input, yyjson_mut_str(doc, name), yyjson_mut_strncpy(doc, value.ptr, value.len));
}

static bool
send_message(struct request *r, struct str connection_id, struct err *err)
{
    struct connection c;
    struct receiver to = {.request = r, .connection = &c};
    struct str content, type, subject;
    yyjson_val *result = NULL;
    int dry;
    if (!request_query_bool(r, "dryRun", &dry, err))
        return false;
    if (dry == 1)
        return err_invalid(err, "dryRun", "A message that a platform is to send cannot be tried: leave out dryRun or connectionId");
    if (!find_connection(r, connection_id, &c, err) || !request_body_str(r, "content", CONTENT_BYTES_MAX, &content, err) ||
        !request_body_str(r, "type", LIMIT_NAME_BYTES, &type, err) ||
        !request_body_str(r, "subject", LIMIT_NAME_BYTES, &subject, err) || !read_receiver(r, &to, err))
        return false;
    if (!content.len)
        return request_fault(r, err, "/content", "is required");
    yyjson_mut_doc *doc = json_mut_doc(r->arena);
    yyjson_mut_val *input = doc ? yyjson_mut_obj(doc) : NULL;
    if (!input)
        return err_no_memory(err);
    put(doc, input, "contactId", to.external_id);
    put(doc, input, "message", content);
    put(doc, input, "type", type);
    put(doc, input, "subject", subject);
    struct operation_call call = {.tenant = r->tenant.id, .connection = c.uuid, .section = STR("writes.messages"),
                                  .name = STR("create"), .input = json_freeze(r->arena, input)};
    if (!call.input)
        return err_no_memory(err);
    if (!engine_operation(request_parts(r)->engine, r->arena, &call, &result, err))
        return false;
    struct json_writer *w = reply_object(r, 202);
    json_add_c(w, "status", "sent");
    json_add_str(w, "connectionId", c.uuid);
    json_add_val(w, "result", result);
    return reply_object_end(r, err);
}

bool
messages_post(struct request *r, struct err *err)
{
    struct str connection, subject;
    if (!request_body_str(r, "connectionId", LIMIT_NAME_BYTES, &connection, err) ||
        !request_body_str(r, "subject", LIMIT_NAME_BYTES, &subject, err))
        return false;
    return connection.len ? send_message(r, connection, err) : entities_create(r, err);
}
