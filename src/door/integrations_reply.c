/*
 * Door 002's answers: bare objects with the fields of that document's models, lists as {data, meta}.
 */
#include "door/integrations_priv.h"

struct json_writer *
bare_list(struct request *r)
{
    json_begin_array(reply_bare(r, 200), "data");
    return &r->w;
}

bool
bare_list_end(struct request *r, const struct paging *paging, int64_t total, struct str next, struct err *err)
{
    json_end_array(&r->w);
    return reply_end_list(r, paging, total, next, err);
}

bool
body_id(struct request *r, const char *name, struct str *id_out, struct err *err)
{
    yyjson_val *value = json_get_c(r->body, name);
    if (!json_is_number(value))
        return request_body_str(r, name, LIMIT_NAME_BYTES, id_out, err);
    int64_t number;
    char pointer[ERR_POINTER_BYTES];
    snprintf(pointer, sizeof(pointer), "/%s", name);
    if (!json_to_i64(value, &number))
        return request_fault(r, err, pointer, "must be an id: a whole number or a text");
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
