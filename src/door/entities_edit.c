/*
 * Local edits of entities: the request's words for engine/edit.h.
 */
#include "door/entities_priv.h"
#include "door/routes_priv.h"
#include "engine/edit.h"
#include "store/store_idempotency.h"

#define NAME_BYTES_MAX 1000

static struct edit_by
by_of(const struct request *r)
{
    return (struct edit_by){.tenant = r->tenant.id, .region = r->tenant.region, .actor = r->who.subject,
                            .request_id = r->id, .address = r->x->peer};
}

/* If-Match: "5" asks that the record is at version 5. */
static bool
read_version(const struct request *r, int64_t *version_out, struct err *err)
{
    struct str text = str_trim(http_header_get(&r->x->headers, "If-Match"));
    *version_out = 0;
    if (text.len == 0 || str_eq(text, STR("*")))
        return true;
    if (text.len > 2 && text.ptr[0] == '"' && str_ends(text, STR("\"")))
        text = str_slice(text, 1, text.len - 1);
    return str_to_i64(text, 1, INT64_MAX, version_out) ||
           err_invalid(err, "If-Match", "The header If-Match must be a record's version, for example \"5\"");
}

/* What would become of it? `key`: the Idempotency-Key that the real one would carry. */
struct tried {
    struct request *request;
    struct idempotency_key key;
    bool done;
};

static bool
look_for_key(struct db *db, void *ctx, struct err *err)
{
    struct tried *t = ctx;
    return store_idempotency_has(db, &t->key, &t->done, err);
}

static bool
try_create(struct request *r, const struct edit_by *by, struct err *err)
{
    struct str route = str_format(r->arena, "%.*s %.*s ", STR_ARG(r->x->method), STR_ARG(r->x->path));
    struct tried t = {.request = r, .key = {.tenant = r->tenant.id, .route = route, .key = request_query(r, "key")}};
    if (!edit_check(request_parts(r)->engine, r->arena, by, entity_kind(r), r->body, err) ||
        (t.key.key.len && !store_read(request_parts(r)->store, look_for_key, &t, err)))
        return false;
    struct json_writer *w = reply_object(r, 200);
    json_add_bool(w, "dryRun", true);
    json_add_c(w, "would", t.done ? "repeat" : "create");
    return reply_object_end(r, err);
}

/* Shows the record that r->left holds, as it is after the commit. */
static bool
edited(struct request *r, bool ok, struct err *err)
{
    const struct record *record = r->left;
    bool created = r->match.route->flags & ROUTE_CREATES;
    return ok && entity_reply(r, created ? 201 : 200, record->kind, record->uuid, err);
}

static struct record *
leave_record(struct request *r, struct err *err)
{
    r->left = ARENA_NEW(r->arena, struct record);
    if (!r->left)
        err_no_memory(err);
    return r->left;
}

bool
entities_create(struct request *r, struct err *err)
{
    struct edit_by by = by_of(r);
    struct record *record = leave_record(r, err);
    struct store_call call;
    int dry;
    if (!record || !request_query_bool(r, "dryRun", &dry, err))
        return false;
    if (dry == 1)
        return try_create(r, &by, err);
    return edit_create(r->arena, &by, entity_kind(r), r->body, record, &call, err) && request_write(r, call, edited);
}

bool
entities_create_again(struct request *r, struct str uuid, struct err *err)
{
    return entity_reply(r, 201, entity_kind(r), uuid, err);
}

bool
entities_change(struct request *r, struct err *err)
{
    struct edit_by by = by_of(r);
    struct record *record = leave_record(r, err);
    struct store_call call;
    int64_t version;
    return record && read_version(r, &version, err) &&
           edit_change(r->arena, &by, entity_kind(r), request_path_param(r, 0), version, r->body, record, &call, err) &&
           request_write(r, call, edited);
}

static bool
deleted(struct request *r, bool ok, struct err *err)
{
    (void)err;
    return ok && reply_empty(r, 204);
}

bool
entities_delete(struct request *r, struct err *err)
{
    int erase;
    struct edit_by by = by_of(r);
    struct store_call call;
    struct str uuid = request_path_param(r, 0);
    if (!request_query_bool(r, "erase", &erase, err))
        return false;
    if (erase == 1 && !r->who.admin)
        return err_set(err, E_FORBIDDEN, "Erasing data for ever needs the admin's role");
    if (erase == 1)
        return edit_erase(request_parts(r)->engine, &by, entity_kind(r), uuid, err) && reply_empty(r, 204);
    return edit_delete(r->arena, &by, entity_kind(r), uuid, &call, err) && request_write(r, call, deleted);
}

bool
records_unlink(struct request *r, struct err *err)
{
    struct edit_by by = by_of(r);
    struct record record;
    struct unlink_ask ask = {.record = request_path_param(r, 0)};
    if (!request_body_str(r, "connectionId", NAME_BYTES_MAX, &ask.connection, err) ||
        !request_body_str(r, "externalId", NAME_BYTES_MAX, &ask.external_id, err) ||
        !request_body_str(r, "stream", NAME_BYTES_MAX, &ask.stream, err))
        return false;
    if (!ask.connection.len)
        return request_fault(r, err, "/connectionId", "is required: the connection whose record is to be taken apart");
    return edit_unlink(request_parts(r)->engine, r->arena, &by, &ask, &record, err) &&
           entity_reply(r, 200, record.kind, record.uuid, err);
}
