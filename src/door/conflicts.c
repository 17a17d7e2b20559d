/*
 * Conflicts: listed, shown, decided (contract, section 5; engine/conflict.h).
 */
#include "door/routes_priv.h"
#include "engine/conflict.h"

#define LIMIT_OTHERWISE 50

/* Each field with what both sides say; the record's word is read from it now. */
static bool
write_fields(struct request *r, struct json_writer *w, const struct conflict *c, struct err *err)
{
    size_t i, count;
    yyjson_val *field;
    yyjson_val *fields = json_parse(r->arena, c->fields, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, err);
    yyjson_val *record = json_parse(r->arena, c->data, JSON_NUMBERS_RAW, LIMIT_JSON_DEPTH_VENDOR, err);
    if (fields == NULL || record == NULL)
        return false;
    json_begin_array(w, "fields");
    yyjson_arr_foreach(fields, i, count, field) {
        json_begin_object(w, NULL);
        json_add_val(w, "field", json_get_c(field, "field"));
        json_add_val(w, "base", json_get_c(field, "base"));
        json_add_val(w, "local", json_pointer(record, json_str(json_get_c(field, "pointer"))));
        json_add_val(w, "source", json_get_c(field, "source"));
        json_end_object(w);
    }
    json_end_array(w);
    return true;
}

static bool
write_conflict(struct request *r, struct json_writer *w, const struct conflict *c, struct err *err)
{
    json_begin_object(w, NULL);
    json_add_str(w, "id", c->uuid);
    json_add_c(w, "status", c->open ? "open" : "resolved");
    json_add_str(w, "kind", c->kind);
    json_add_str(w, "recordId", c->record_uuid);
    json_add_str(w, "title", c->title);
    json_add_str(w, "connectionId", c->connection_uuid);
    json_add_str(w, "connectionName", c->connection_name);
    json_add_str(w, "provider", c->template_name);
    bool ok = write_fields(r, w, c, err);
    json_add_str(w, "choice", c->choice);
    json_add_str(w, "resolvedBy", c->resolved_by);
    json_add_time(w, "createdAt", c->created_us);
    json_add_time(w, "updatedAt", c->updated_us);
    json_add_time(w, "resolvedAt", c->resolved_us);
    json_end_object(w);
    return ok;
}

static bool
reply_one(struct request *r, const struct conflict *c, struct err *err)
{
    struct json_writer *w = reply_begin(r, 200);
    return write_conflict(r, w, c, err) && reply_end(r, err);
}

static bool
read_filter(struct request *r, struct conflict_filter *f, struct paging *paging, struct err *err)
{
    struct str state = request_query(r, "status");
    if (!request_paging(r, LIMIT_OTHERWISE, paging, err))
        return false;
    if (str_is_none(state))
        state = STR("open");
    if (!str_eq_c(state, "open") && !str_eq_c(state, "resolved") && !str_eq_c(state, "all"))
        return request_fault(r, err, "status", "is open, resolved or all");
    *f = (struct conflict_filter){.state = str_eq_c(state, "all") ? STR_NONE : state, .connection = request_query(r, "connectionId"),
                                  .record = request_query(r, "recordId"), .after = paging->after, .offset = paging->offset,
                                  .limit = (size_t)paging->limit};
    return true;
}

bool
conflicts_list(struct request *r, struct err *err)
{
    struct paging paging;
    struct conflict_filter filter;
    struct conflict *rows;
    size_t count;
    int64_t total;
    if (!read_filter(r, &filter, &paging, err) ||
        !engine_conflict_list(request_parts(r)->engine, r->arena, r->tenant.id, &filter, &rows, &count, &total, err))
        return false;
    struct json_writer *w = reply_begin(r, 200);
    json_begin_array(w, NULL);
    for (size_t i = 0; i < count; i++)
        if (!write_conflict(r, w, &rows[i], err))
            return false;
    json_end_array(w);
    struct str next = count == filter.limit ? list_cursor_text(r->arena, rows[count - 1].id) : STR_NONE;
    return reply_end_list(r, &paging, total, next, err);
}

bool
conflicts_get(struct request *r, struct err *err)
{
    struct conflict c;
    return engine_conflict_get(request_parts(r)->engine, r->arena, r->tenant.id, request_path_param(r, 0), &c, err) &&
           reply_one(r, &c, err);
}

bool
conflicts_resolve(struct request *r, struct err *err)
{
    struct conflict c;
    struct edit_by by = {.tenant = r->tenant.id, .region = r->tenant.region, .actor = r->who.subject, .request_id = r->id,
                         .address = r->x->peer};
    r->audited = true;
    return engine_conflict_resolve(request_parts(r)->engine, r->arena, &by, request_path_param(r, 0), json_get_c(r->body, "choose"), &c,
                                   err) &&
           reply_one(r, &c, err);
}
