/*
 * Integrations (002, chapter 3): connections in that document's words.
 *
 * The operator sees those of all sub-accounts and names one by integer or UUID alone; a sub-account sees its own,
 * without secrets. One made here is off and `pending`: its first successful test switches it on (chapter 3,
 * "Integration Activation"); one that a person disconnected stays off until it is activated.
 */
#include "base/limits.h"
#include "door/audit_priv.h"
#include "door/door_priv.h"
#include "door/identity_priv.h"
#include "door/integrations_view_priv.h"
#include "door/routes_priv.h"

#define LIMIT_OTHERWISE 50
#define DESCRIPTION_BYTES_MAX 4000
#define WEBHOOK_SECRET_BYTES_MAX 1024

struct page_of {
    struct request *request;
    int64_t tenant;
    struct connection_filter filter;
    struct connection *rows;
    size_t count;
    int64_t total;
};

static bool
read_page(struct db *db, void *ctx, struct err *err)
{
    struct page_of *p = ctx;
    return store_connection_list(db, p->request->arena, p->tenant, &p->filter, &p->rows, &p->count, &p->total, err);
}

static bool
reply_page(struct request *r, struct page_of *p, enum integration_shape shape, struct err *err)
{
    struct paging paging;
    struct integration_view view;
    if (!request_paging(r, LIMIT_OTHERWISE, &paging, err) || !request_query_bool(r, "isActive", &p->filter.enabled, err))
        return false;
    p->filter.before = paging.after;
    p->filter.offset = paging.offset;
    p->filter.limit = (size_t)paging.limit;
    if (!store_read(request_parts(r)->store, read_page, p, err) || !integration_view_init(&view, r, shape, err))
        return false;
    struct json_writer *w = bare_list(r);
    for (size_t i = 0; i < p->count; i++) {
        json_begin_object(w, NULL);
        if (!integration_write(&view, &p->rows[i], err))
            return false;
        json_end_object(w);
    }
    struct str next = p->count == p->filter.limit ? list_cursor_text(r->arena, p->rows[p->count - 1].id) : STR_NONE;
    return bare_list_end(r, &paging, p->total, next, err);
}

static bool
filter_status(struct request *r, struct connection_filter *filter, struct err *err)
{
    enum connection_status status;
    struct str word;
    static const char *const statuses[] = {"pending", "active", "error", "disconnected", NULL};
    if (!request_query_word(r, "status", statuses, &word, err))
        return false;
    if (!str_is_none(word) && connection_status_from_name(word, &status))
        filter->status = (int)status;
    return true;
}

bool
integrations_list(struct request *r, struct err *err)
{
    struct tenant tenant = {0};
    struct template_row template;
    struct page_of p = {.request = r, .filter = CONNECTION_FILTER_ALL};
    struct str sub_account = request_query(r, "subAccountId"), name = request_query(r, "integrationTemplateId");
    if (!filter_status(r, &p.filter, err) || (!str_is_none(sub_account) && !find_sub_account(r, sub_account, &tenant, err)))
        return false;
    if (!str_is_none(name)) {
        if (!find_integration_template(r, name, &template, err))
            return false;
        p.filter.template_name = template.name;
    }
    p.tenant = tenant.id;
    return reply_page(r, &p, INTEGRATION_FOR_ADMIN, err);
}

bool
integrations_own(struct request *r, struct err *err)
{
    struct page_of p = {.request = r, .tenant = r->tenant.id, .filter = CONNECTION_FILTER_ALL};
    return filter_status(r, &p.filter, err) && reply_page(r, &p, INTEGRATION_FOR_TENANT, err);
}

bool
integrations_get(struct request *r, struct err *err)
{
    struct connection c;
    return find_integration(r, &c, err) && integration_reply(r, 200, &c, err);
}

/* ---- changing ---- */

struct audit_entry {
    struct request *request;
    int64_t tenant;
    const char *action;
    struct str subject;
};

static bool
write_audit(struct db *db, void *ctx, struct err *err)
{
    struct audit_entry *e = ctx;
    return audit_add(db, e->request, e->tenant, e->action, e->subject, err);
}

bool
integration_audit(struct request *r, const char *action, const struct connection *c, struct err *err)
{
    struct audit_entry entry = {r, c->tenant, action, c->uuid};
    return store_write(request_parts(r)->store, write_audit, &entry, err);
}

static bool
read_change(struct request *r, struct connection_change *c, struct err *err)
{
    *c = (struct connection_change){.enabled = -1, .pointer_prefix = STR("/config"), .created_by = r->who.subject};
    return request_body_str(r, "name", LIMIT_NAME_BYTES, &c->name, err) &&
           request_body_removable(r, "description", DESCRIPTION_BYTES_MAX, &c->description, err) &&
           request_body_bool(r, "isActive", &c->enabled, err) && request_body_object(r, "config", &c->config, err) &&
           request_body_removable(r, "webhookSecret", WEBHOOK_SECRET_BYTES_MAX, &c->webhook_secret, err) &&
           request_body_removable_object(r, "schedule", &c->schedule, err) &&
           request_body_removable(r, "conflictPolicy", LIMIT_NAME_BYTES, &c->conflict_policy, err) &&
           request_body_removable(r, "webhookTrust", LIMIT_NAME_BYTES, &c->webhook_trust, err);
}

/* Named in the body, by a header, or the only one there is. */
static bool
read_sub_account(struct request *r, struct tenant *tenant_out, struct err *err)
{
    struct str id;
    if (!body_id(r, "subAccountId", &id, err))
        return false;
    if (!str_is_none(id))
        return find_sub_account(r, id, tenant_out, err);
    struct str header = http_header_get(&r->x->headers, "X-Tenant-Id");
    if (identity_tenant(&r->door->identity, &r->who, r->arena, header.len ? header : STR_NONE, tenant_out, err))
        return true;
    return err->code == E_VALIDATION_FAILED ? request_fault(r, err, "/subAccountId", "is required: several sub-accounts exist")
                                            : false;
}

/* This door's errors have one text and no list: all faults go into it. */
static bool
tell_faults(const struct request *r, struct err *err)
{
    struct buf b;
    buf_init(&b, ERR_ITEMS_MAX * sizeof(struct err_item));
    for (unsigned i = 0; err->code == E_VALIDATION_FAILED && i < err->item_count; i++)
        buf_addf(&b, "%s%s: %s", i ? "; " : "", r->items[i].pointer + (r->items[i].pointer[0] == '/'), r->items[i].message);
    if (buf_ok(&b) && err->item_count > 1 && b.len < sizeof(err->message)) /* the items stay: a problem lists them */
        snprintf(err->message, sizeof(err->message), "%.*s", STR_ARG(buf_str(&b)));
    buf_release(&b);
    return false;
}

bool
integrations_create(struct request *r, struct err *err)
{
    struct connection_change change;
    struct template_row template;
    struct tenant tenant;
    struct connection c;
    struct str template_id;
    int test;
    if (!read_change(r, &change, err) || !body_id(r, "integrationTemplateId", &template_id, err) ||
        !request_query_bool(r, "test", &test, err))
        return false;
    if (str_is_none(template_id))
        return request_fault(r, err, "/integrationTemplateId", "is required: the id of an integration template");
    if (!read_sub_account(r, &tenant, err) || !find_integration_template(r, template_id, &template, err))
        return false;
    if (!template.active)
        return request_fault(r, err, "/integrationTemplateId", "names a template that is not active");
    change.provider = template.name;
    change.enabled = change.enabled == 1;
    change.unactivated = true;
    if (!engine_connection_create(request_parts(r)->engine, r->arena, tenant.id, &change, test == 1, &c, err))
        return tell_faults(r, err);
    return integration_audit(r, "integration.create", &c, err) && integration_reply(r, 201, &c, err);
}

bool
integrations_create_again(struct request *r, struct str uuid, struct err *err)
{
    struct connection c;
    return find_integration_named(r, uuid, &c, err) && integration_reply(r, 201, &c, err);
}

bool
integrations_change(struct request *r, struct err *err)
{
    struct connection_change change;
    struct connection c;
    int test;
    if (!read_change(r, &change, err) || !request_query_bool(r, "test", &test, err) || !find_integration(r, &c, err))
        return false;
    if (!engine_connection_change(request_parts(r)->engine, r->arena, c.tenant, c.uuid, &change, test == 1, &c, err))
        return tell_faults(r, err);
    return integration_audit(r, "integration.change", &c, err) && integration_reply(r, 200, &c, err);
}

bool
integrations_delete(struct request *r, struct err *err)
{
    struct connection c;
    int purge;
    if (!request_query_bool(r, "purge", &purge, err) || !find_integration(r, &c, err))
        return false;
    inbox_unregister(request_parts(r)->inbox, r->arena, c.tenant, c.uuid);
    if (!engine_connection_delete(request_parts(r)->engine, c.tenant, c.uuid, purge == 1, err) ||
        !integration_audit(r, "integration.delete", &c, err))
        return false;
    return reply_empty(r, 204);
}
