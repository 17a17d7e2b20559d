/*
 * Tenants: whose data it is.
 *
 * Inside, a tenant is a small integer that stands in every row; outside it is a UUID or its unique key
 * ("org123"). First start makes the tenant "default". Everything here is the operator's view: callers
 * check that they may see it.
 */
#ifndef TIDEMARK_STORE_STORE_TENANT_H
#define TIDEMARK_STORE_STORE_TENANT_H

#include "store/db.h"

#define TENANT_DEFAULT_KEY STR("default")
#define TENANT_KEY_BYTES_MAX 64

struct tenant {
    int64_t id;              /* from 1 */
    struct str uuid, key, name;
    struct str region;       /* ISO 3166 alpha-2 for phone numbers without a country, or STR_NONE */
    int64_t created_us, updated_us;
};

/* The tenant "default", made when no tenant exists yet. created_out may be NULL. */
MUST_USE bool store_tenant_ensure_default(struct db *db, struct arena *a, int64_t now_us, struct tenant *tenant_out,
                                          bool *created_out, struct err *err);
/* id, uuid and times of `tenant` are filled in; its texts stay the caller's. E_CONFLICT when the key exists. */
MUST_USE bool store_tenant_create(struct db *db, struct arena *a, struct tenant *tenant, int64_t now_us, struct err *err);
/* Changes name and region. E_TENANT_NOT_FOUND. */
MUST_USE bool store_tenant_update(struct db *db, int64_t tenant, struct str name, struct str region, int64_t now_us,
                                  struct err *err);
enum row store_tenant_get(struct db *db, struct arena *a, int64_t tenant, struct tenant *tenant_out, struct err *err);
/* By UUID, key, or integer in text: whatever a header, path or claim names. The one place that knows what names a tenant. */
enum row store_tenant_find(struct db *db, struct arena *a, struct str name, struct tenant *tenant_out, struct err *err);
/* Whether that name would find this tenant. */
bool store_tenant_has_name(const struct tenant *tenant, struct str name);
/* May it be a tenant's key? 1 to 64 letters, digits, '_', '-', '.', and not a number alone, which would name another by its integer. */
bool store_tenant_key_is_valid(struct str key);
/* Those with id > after, by id, at most limit. */
MUST_USE bool store_tenant_list(struct db *db, struct arena *a, int64_t after, size_t limit, struct tenant **rows_out,
                                size_t *count_out, struct err *err);
MUST_USE bool store_tenant_count(struct db *db, int64_t *count_out, struct err *err);

#endif
