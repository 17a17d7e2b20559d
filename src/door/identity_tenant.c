/*
 * The tenant that a request is about: one's own, or for an admin the one he names.
 */
#include "door/identity_priv.h"

struct search {
    struct arena *arena;
    struct str named;
    struct tenant tenant;
    bool found;
};

static bool
search_tenant(struct db *db, void *ctx, struct err *err)
{
    struct search *s = ctx;
    enum row row = store_tenant_find(db, s->arena, s->named, &s->tenant, err);
    s->found = row == ROW_FOUND;
    return row != ROW_FAILED;
}

static bool
search_only_tenant(struct db *db, void *ctx, struct err *err)
{
    struct search *s = ctx;
    struct tenant *rows;
    size_t count;
    if (!store_tenant_list(db, s->arena, 0, 0, 2, &rows, &count, err))
        return false;
    s->found = count == 1;
    if (s->found)
        s->tenant = rows[0];
    return true;
}

static bool
admin_tenant(const struct identity_options *o, struct arena *a, struct str named, struct tenant *tenant_out, struct err *err)
{
    struct search s = {.arena = a, .named = named};
    struct identity_found found = {0};
    bool any = str_is_none(named);
    enum identity_question question = any ? ASK_ONLY_TENANT : ASK_TENANT;
    if (!text_is_storable(named))
        return err_set(err, E_TENANT_NOT_FOUND, NULL);
    if (identity_cache_find(o->cache, question, any ? STR("") : named, a, &found)) {
        *tenant_out = found.tenant;
        return true;
    }
    uint64_t generation = identity_cache_begin(o->cache);
    if (!store_read(o->store, any ? search_only_tenant : search_tenant, &s, err))
        return false;
    if (!s.found && !any)
        return err_set(err, E_TENANT_NOT_FOUND, NULL);
    if (!s.found)
        return err_invalid(err, "X-Tenant-Id", "Several tenants exist: name one with the header X-Tenant-Id");
    found.tenant = *tenant_out = s.tenant;
    identity_cache_keep(o->cache, question, any ? STR("") : named, generation, &found);
    return true;
}

bool
identity_tenant(const struct identity_options *o, const struct identity *who, struct arena *a, struct str named,
                struct tenant *tenant_out, struct err *err)
{
    if (who->admin)
        return admin_tenant(o, a, named, tenant_out, err);
    if (!str_is_none(named) && !store_tenant_has_name(&who->tenant, named))
        return err_set(err, E_FORBIDDEN, "This token belongs to another tenant");
    *tenant_out = who->tenant;
    return true;
}

struct str
identity_named_tenant(const struct request *r)
{
    static const char *const headers[] = {"orgid", "X-Tenant-Id", "companyId"};
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        struct str value = http_header_get(&r->x->headers, headers[i]);
        if (value.len)
            return value;
    }
    struct str value = request_query(r, "companyId");
    return value.len ? value : STR_NONE;
}
