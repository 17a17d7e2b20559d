/*
 * How an integration looks in door 002, and finding one.
 */
#include "door/integrations_view_priv.h"

#include "base/limits.h"
#include "store/store_sub_account.h"

#define TEMPLATES_MAX 2000
#define POINTER_BYTES 1024

struct lookup {
    struct request *request;
    struct integration_view *view;
    struct str id;
    struct connection connection;
    struct template_row template;
    struct str subject;
    int64_t user;
    enum row found;
};

static bool
read_templates(struct db *db, void *ctx, struct err *err)
{
    struct integration_view *v = ctx;
    return store_template_list(db, v->request->arena, 0, 0, TEMPLATES_MAX, false, &v->templates, &v->template_count, NULL, err);
}

bool
integration_view_init(struct integration_view *v, struct request *r, enum integration_shape shape, struct err *err)
{
    *v = (struct integration_view){.request = r, .shape = shape};
    return store_read(request_parts(r)->store, read_templates, v, err);
}

static bool
read_maker(struct db *db, void *ctx, struct err *err)
{
    struct lookup *l = ctx;
    return store_user_of_subject(db, l->subject, &l->user, err);
}

static bool
find_maker(struct integration_view *v, struct str subject, struct err *err)
{
    struct lookup l = {.subject = subject};
    if (str_is_none(subject) || str_eq(subject, v->maker))
        return (v->maker_id = str_is_none(subject) ? 0 : v->maker_id, true);
    if (!store_read(request_parts(v->request)->store, read_maker, &l, err))
        return false;
    v->maker = subject;
    v->maker_id = l.user;
    return true;
}

/* Copies what is no secret. */
static yyjson_mut_val *
without_secrets(const struct template *t, yyjson_mut_doc *doc, struct buf *pointer, yyjson_val *value)
{
    size_t index, max;
    yyjson_val *key, *member;
    if (!yyjson_is_obj(value))
        return yyjson_val_mut_copy(doc, value);
    yyjson_mut_val *object = yyjson_mut_obj(doc);
    yyjson_obj_foreach(value, index, max, key, member) {
        size_t before = pointer->len;
        json_pointer_add(pointer, json_str(key));
        if (!template_config_is_secret(t, buf_str(pointer)))
            yyjson_mut_obj_add(object, yyjson_val_mut_copy(doc, key), without_secrets(t, doc, pointer, member));
        buf_truncate(pointer, before);
    }
    return object;
}

static yyjson_val *
open_config(struct arena *a, const struct template *t, yyjson_val *masked)
{
    struct buf pointer;
    buf_init(&pointer, POINTER_BYTES);
    yyjson_mut_doc *doc = json_mut_doc(a);
    yyjson_mut_val *open = doc ? without_secrets(t, doc, &pointer, masked) : NULL;
    buf_release(&pointer);
    return open ? json_freeze(a, open) : NULL;
}

/* NULL with err. A template that is gone hides the configuration: nobody knows any more what is secret in it. */
static bool
write_config(struct integration_view *v, const struct connection *c, struct err *err)
{
    struct request *r = v->request;
    struct err why = {0};
    struct template *t = registry_get(request_parts(r)->templates, c->template_name, &why);
    yyjson_val *config = t ? engine_connection_config(request_parts(r)->engine, r->arena, c, err) : NULL;
    if (config && v->shape == INTEGRATION_FOR_TENANT && !(config = open_config(r->arena, t, config)))
        err_no_memory(err);
    bool ok = config || !t;
    template_unref(t);
    if (ok)
        json_add_val(&r->w, "config", config);
    return ok;
}

static void
write_template(struct integration_view *v, const struct connection *c)
{
    struct json_writer *w = &v->request->w;
    const struct template_row *row = NULL;
    for (size_t i = 0; i < v->template_count && !row; i++)
        if (str_eq(v->templates[i].name, c->template_name))
            row = &v->templates[i];
    if (row)
        json_add_i64(w, "integrationTemplateId", row->id);
    else
        json_add_null(w, "integrationTemplateId");
    json_begin_object(w, "integrationTemplate");
    if (row)
        json_add_i64(w, "id", row->id);
    else
        json_add_null(w, "id");
    json_add_str(w, "name", c->template_name);
    json_end_object(w);
}

static struct str
or_none(struct str text)
{
    return text.len ? text : STR_NONE;
}

static void
write_state(struct json_writer *w, const struct connection *c)
{
    json_add_bool(w, "isActive", c->enabled);
    json_add_c(w, "status", connection_status_name(c->status));
    json_add_time(w, "lastSyncAt", c->last_sync_us);
    json_add_time(w, "lastTestedAt", c->last_tested_us);
    json_add_str(w, "errorMessage", or_none(c->error_message));
    json_add_bool(w, "hasWebhookSecret", c->webhook_secret.len > 0);
    json_add_i64(w, "syncedRecords", c->records);
    json_add_time(w, "createdAt", c->created_us);
    json_add_time(w, "updatedAt", c->updated_us);
}

bool
integration_write(struct integration_view *v, const struct connection *c, struct err *err)
{
    struct json_writer *w = &v->request->w;
    if (!find_maker(v, c->created_by, err))
        return false;
    json_add_i64(w, "id", c->id);
    json_add_str(w, "uuid", c->uuid);
    json_add_i64(w, "subAccountId", c->tenant);
    write_template(v, c);
    json_add_str(w, "name", c->name);
    json_add_str(w, "description", or_none(c->description));
    if (!write_config(v, c, err))
        return false;
    write_state(w, c);
    if (v->maker_id)
        json_add_i64(w, "createdByAdminId", v->maker_id);
    else
        json_add_null(w, "createdByAdminId");
    return true;
}

bool
integration_reply(struct request *r, int status, const struct connection *c, struct err *err)
{
    struct integration_view view;
    if (!integration_view_init(&view, r, INTEGRATION_FOR_ADMIN, err))
        return false;
    reply_bare(r, status);
    return integration_write(&view, c, err) && reply_end(r, err);
}

static bool
search_integration(struct db *db, void *ctx, struct err *err)
{
    struct lookup *l = ctx;
    l->found = store_connection_find_any(db, l->request->arena, l->id, &l->connection, err);
    return l->found != ROW_FAILED;
}

bool
find_integration_named(struct request *r, struct str id, struct connection *connection_out, struct err *err)
{
    struct lookup l = {.request = r, .id = id};
    if (!store_read(request_parts(r)->store, search_integration, &l, err))
        return false;
    if (l.found != ROW_FOUND)
        return err_set(err, E_NOT_FOUND, "Integration not found");
    *connection_out = l.connection;
    return true;
}

bool
find_integration(struct request *r, struct connection *connection_out, struct err *err)
{
    return find_integration_named(r, request_path_param(r, 0), connection_out, err);
}

static bool
search_template(struct db *db, void *ctx, struct err *err)
{
    struct lookup *l = ctx;
    l->found = store_template_get(db, l->request->arena, l->id, &l->template, err);
    return l->found != ROW_FAILED;
}

bool
find_integration_template(struct request *r, struct str id, struct template_row *row_out, struct err *err)
{
    struct lookup l = {.request = r, .id = id};
    if (!store_read(request_parts(r)->store, search_template, &l, err))
        return false;
    if (l.found != ROW_FOUND)
        return err_set(err, E_NOT_FOUND, "Integration template not found");
    *row_out = l.template;
    return true;
}
