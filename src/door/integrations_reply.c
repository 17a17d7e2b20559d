/*
 * Door 002's answers: bare objects with the fields of that document's models, lists as {data, meta}.
 */
#include "door/integrations_priv.h"

#define JSON_TYPE "application/json; charset=utf-8"

struct json_writer *
bare_object(struct request *r, int status)
{
    r->reply.status = status;
    r->reply.type = JSON_TYPE;
    buf_clear(&r->reply.body);
    json_writer_init(&r->w, &r->reply.body);
    json_begin_object(&r->w, NULL);
    return &r->w;
}

bool
bare_end(struct request *r, struct err *err)
{
    return reply_end(r, err);
}

struct json_writer *
bare_list(struct request *r)
{
    json_begin_array(bare_object(r, 200), "data");
    return &r->w;
}

bool
bare_list_end(struct request *r, const struct paging *paging, int64_t total, struct str next, struct err *err)
{
    json_end_array(&r->w);
    return reply_end_list(r, paging, total, next, err);
}

bool
body_text(struct request *r, const char *name, size_t len_max, struct str *text_out, struct err *err)
{
    if (!request_body_str(r, name, len_max, text_out, err))
        return false;
    if (yyjson_is_null(json_get_c(r->body, name)))
        *text_out = STR("");
    return true;
}

bool
body_id(struct request *r, const char *name, struct str *id_out, struct err *err)
{
    yyjson_val *value = json_get_c(r->body, name);
    if (!json_is_number(value))
        return request_body_str(r, name, LIMIT_NAME_BYTES, id_out, err);
    *id_out = json_number_text(r->arena, value);
    return !str_is_none(*id_out) || err_no_memory(err);
}

struct search {
    struct request *request;
    struct str id;
    struct tenant tenant;
    enum row found;
};

static bool
search(struct db *db, void *ctx, struct err *err)
{
    struct search *s = ctx;
    s->found = store_tenant_find(db, s->request->arena, s->id, &s->tenant, err);
    return s->found != ROW_FAILED;
}

bool
find_sub_account(struct request *r, struct str id, struct tenant *tenant_out, struct err *err)
{
    struct search s = {.request = r, .id = id};
    if (!store_read(request_parts(r)->store, search, &s, err))
        return false;
    if (s.found != ROW_FOUND)
        return err_set(err, E_NOT_FOUND, "Sub-account not found");
    *tenant_out = s.tenant;
    return true;
}
