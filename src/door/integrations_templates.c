/*
 * Integration templates (002, chapter 2): the list is public, changing it is the operator's.
 *
 * A row says what a person has set; where it says nothing the template's own text stands. How many integrations use
 * one is told to admins only: it counts over all tenants (D32).
 */
#include "base/limits.h"
#include "door/door_priv.h"
#include "door/integrations_view_priv.h"
#include "door/routes_priv.h"
#include "door/views_priv.h"
#include "engine/catalogue.h"
#include "store/store_audit.h"

#define LIMIT_OTHERWISE 100
#define TEXT_BYTES_MAX 2000
#define MARKDOWN_BYTES_MAX (256 * 1024)

/* Anyone may look; who says who he is and is an admin sees more. A wrong token is no reason to refuse. */
static bool
is_admin(struct request *r)
{
    return request_identify(r) && r->who.admin;
}

static struct str
first_of(struct str given, struct str own)
{
    return given.len ? given : own.len ? own : STR_NONE;
}

/* Where a vendor that knows one address per app sends its events. */
static struct str
webhook_url(struct request *r, const struct template_row *row, const struct template_info *info)
{
    struct str base = request_parts(r)->public_url;
    if (row->webhook_url.len || !base.len || !info || !json_get_c(info->tidemark, "webhooks"))
        return first_of(row->webhook_url, STR_NONE);
    return str_format(r->arena, "%.*s/api/v1/sync/%.*s/webhook", STR_ARG(base), STR_ARG(row->name));
}

static void
write_schema(struct json_writer *w, const struct template_row *row, const struct template_texts *texts)
{
    if (texts)
        json_add_val(w, "configSchema", texts->config_schema);
    else
        json_add_raw(w, "configSchema", row->config_schema);
}

static void
write_members(struct request *r, const struct template_row *row, const struct template_info *info, const struct template_texts *texts,
              bool admin)
{
    static const struct template_info none;
    const struct template_info *own = info ? info : &none;
    struct json_writer *w = &r->w;
    json_add_i64(w, "id", row->id);
    json_add_str(w, "uuid", row->uuid);
    json_add_str(w, "name", row->name);
    json_add_str(w, "displayName", first_of(row->display_name, own->display_name.len ? own->display_name : row->name));
    json_add_str(w, "description", first_of(row->description, texts ? texts->description : STR_NONE));
    json_add_str(w, "category", first_of(row->category, own->category.len ? own->category : STR("Other")));
    json_add_str(w, "icon", first_of(row->icon, own->icon));
    json_add_bool(w, "isActive", row->active);
    write_schema(w, row, texts);
    json_add_str(w, "setupInstructions", first_of(row->instructions, texts ? texts->instructions : STR_NONE));
    json_add_str(w, "webhookUrl", webhook_url(r, row, info));
    json_add_str(w, "apiVersion", first_of(row->api_version, own->api_version));
    json_add_bool(w, "canSync", info && !info->configure_only);
    json_add_bool(w, "builtIn", str_eq(row->origin, TEMPLATE_OF_SERVER));
    json_add_time(w, "createdAt", row->created_us);
    json_add_time(w, "updatedAt", row->updated_us);
    if (!admin)
        return;
    if (row->created_by_user)
        json_add_i64(w, "createdByAdminId", row->created_by_user);
    else
        json_add_null(w, "createdByAdminId");
    json_add_i64(w, "integrationsCount", row->connections);
}

/* A built-in one is compiled at its first use; one that does not load is shown without its own texts. */
static void
write_template(struct request *r, const struct template_row *row, bool admin)
{
    struct err ignored = {0};
    struct template *t = registry_get(request_parts(r)->templates, row->name, &ignored);
    struct template_texts texts;
    bool has_texts = t && template_texts(t, r->arena, request_query(r, "language"), &texts, &ignored);
    write_members(r, row, t ? template_info(t) : NULL, has_texts ? &texts : NULL, admin);
    template_unref(t);
}

static bool
reply_template(struct request *r, int status, const struct template_row *row, bool admin, struct err *err)
{
    reply_bare(r, status);
    write_template(r, row, admin);
    return reply_end(r, err);
}

struct templates {
    struct request *request;
    struct str id;
    struct paging paging;
    bool active_only;
    struct template_row *rows, one;
    size_t count;
    int64_t total;
    enum row found;
    const char *action;
    struct str subject;
};

static bool
read_list(struct db *db, void *ctx, struct err *err)
{
    struct templates *t = ctx;
    return store_template_list(db, t->request->arena, t->paging.after, t->paging.offset, (size_t)t->paging.limit, t->active_only,
                               &t->rows, &t->count, &t->total, err);
}

bool
integration_templates_list(struct request *r, struct err *err)
{
    bool admin = is_admin(r);
    struct str language;
    struct templates t = {.request = r, .active_only = !admin};
    if (!request_language(r, &language, err) || !request_paging(r, LIMIT_OTHERWISE, &t.paging, err) ||
        !store_read(request_parts(r)->store, read_list, &t, err))
        return false;
    struct json_writer *w = bare_list(r);
    for (size_t i = 0; i < t.count; i++) {
        json_begin_object(w, NULL);
        write_template(r, &t.rows[i], admin);
        json_end_object(w);
    }
    struct str next = t.count == (size_t)t.paging.limit ? list_cursor_text(r->arena, t.rows[t.count - 1].id) : STR_NONE;
    return bare_list_end(r, &t.paging, t.total, next, err);
}

static bool
read_one(struct db *db, void *ctx, struct err *err)
{
    struct templates *t = ctx;
    t->found = store_template_get(db, t->request->arena, t->id, &t->one, err);
    return t->found != ROW_FAILED;
}

bool
integration_templates_get(struct request *r, struct err *err)
{
    struct str language;
    struct templates t = {.request = r, .id = request_path_param(r, 0)};
    if (!request_language(r, &language, err) || !store_read(request_parts(r)->store, read_one, &t, err))
        return false;
    if (t.found != ROW_FOUND)
        return err_set(err, E_NOT_FOUND, "Integration template not found");
    return reply_template(r, 200, &t.one, is_admin(r), err);
}

/* ---- changing ---- */

/* The operator's deeds are in the audit log of the tenant `default`: templates belong to none. */
static bool
write_audit(struct db *db, void *ctx, struct err *err)
{
    struct templates *t = ctx;
    struct tenant tenant;
    struct request *r = t->request;
    if (!store_tenant_ensure_default(db, r->arena, store_now(db), &tenant, NULL, err))
        return false;
    struct audit audit = {.tenant = tenant.id, .actor = r->who.subject, .action = str_from_c(t->action), .subject = t->subject,
                          .request_id = r->id, .address = r->x->peer};
    r->audited = true;
    return store_audit_add(db, &audit, store_now(db), err);
}

static bool
audit_template(struct request *r, const char *action, struct str subject, struct err *err)
{
    struct templates t = {.request = r, .action = action, .subject = subject};
    return store_write(request_parts(r)->store, write_audit, &t, err);
}

static bool
read_change(struct request *r, struct template_change *c, struct err *err)
{
    *c = (struct template_change){.active = -1, .created_by = r->who.subject};
    c->manifest = json_get_c(r->body, "manifest");
    return request_body_str(r, "name", LIMIT_NAME_BYTES, &c->name, err) &&
           request_body_removable(r, "displayName", LIMIT_NAME_BYTES, &c->display_name, err) &&
           request_body_removable(r, "description", MARKDOWN_BYTES_MAX, &c->description, err) &&
           request_body_removable(r, "category", LIMIT_NAME_BYTES, &c->category, err) &&
           request_body_removable(r, "icon", TEXT_BYTES_MAX, &c->icon, err) &&
           request_body_removable(r, "setupInstructions", MARKDOWN_BYTES_MAX, &c->instructions, err) &&
           request_body_removable(r, "webhookUrl", TEXT_BYTES_MAX, &c->webhook_url, err) &&
           request_body_removable(r, "apiVersion", LIMIT_NAME_BYTES, &c->api_version, err) &&
           request_body_bool(r, "isActive", &c->active, err) && request_body_object(r, "configSchema", &c->config_schema, err);
}

bool
integration_templates_create(struct request *r, struct err *err)
{
    struct template_change change;
    struct template_row row;
    if (!read_change(r, &change, err))
        return false;
    if (!change.name.len)
        return request_fault(r, err, "/name", "is required: lower case letters, digits and '_'");
    if (yyjson_is_null(change.manifest))
        change.manifest = NULL;
    if (!engine_template_create(request_parts(r)->engine, r->arena, &change, &row, err) ||
        !audit_template(r, "template.create", row.uuid, err))
        return false;
    return reply_template(r, 201, &row, true, err);
}

bool
integration_templates_create_again(struct request *r, struct str uuid, struct err *err)
{
    struct template_row row;
    return find_integration_template(r, uuid, &row, err) && reply_template(r, 201, &row, true, err);
}

bool
integration_templates_change(struct request *r, struct err *err)
{
    struct template_change change;
    struct template_row row;
    if (!read_change(r, &change, err) ||
        !engine_template_change(request_parts(r)->engine, r->arena, request_path_param(r, 0), &change, &row, err) ||
        !audit_template(r, "template.change", row.uuid, err))
        return false;
    return reply_template(r, 200, &row, true, err);
}

bool
integration_templates_delete(struct request *r, struct err *err)
{
    struct str id = request_path_param(r, 0);
    if (!engine_template_delete(request_parts(r)->engine, r->arena, id, err) ||
        !audit_template(r, "template.delete", id, err))
        return false;
    return reply_empty(r, 204);
}
