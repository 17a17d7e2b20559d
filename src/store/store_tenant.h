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
#include "store/store_gone.h"

#define TENANT_DEFAULT_KEY STR("default")
#define TENANT_KEY_BYTES_MAX 64

struct tenant {
    int64_t id;              /* from 1 */
    struct str uuid, key, name;
    struct str region;       /* ISO 3166 alpha-2 for phone numbers without a country, or STR_NONE */
    int64_t created_us, updated_us;
    int64_t disabled_us;     /* 0: it is on */
    int64_t deleting_us;     /* 0: it stays; else it is off too, and goes */
    int64_t deleted_rows;    /* so far, connections apart */
};

/* The tenant "default", made when no tenant exists yet. created_out may be NULL. */
MUST_USE bool store_tenant_ensure_default(struct db *db, struct arena *a, int64_t now_us, struct tenant *tenant_out,
                                          bool *created_out, struct err *err);
/* id, uuid and times of `tenant` are filled in; its texts stay the caller's. E_CONFLICT when the key exists. */
MUST_USE bool store_tenant_create(struct db *db, struct arena *a, struct tenant *tenant, int64_t now_us, struct err *err);
/* Nobody else writes to its row until the transaction ends: before it is read to be written. One writer: nothing to do. */
MUST_USE bool store_tenant_hold(struct db *db, int64_t tenant, struct err *err);
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
MUST_USE bool store_tenant_list(struct db *db, struct arena *a, int64_t after, size_t offset, size_t limit,
                                struct tenant **rows_out, size_t *count_out, struct err *err);
MUST_USE bool store_tenant_count(struct db *db, int64_t *count_out, struct err *err);

/* ---- off, on, and gone: store_tenant_delete.c ---- */

/* Nothing of a tenant that is off runs, and its callers are refused; its data stays. E_CONFLICT for one that is being deleted. */
MUST_USE bool store_tenant_switch(struct db *db, int64_t tenant, bool on, int64_t now_us, struct err *err);
MUST_USE bool store_tenant_mark(struct db *db, int64_t tenant, int64_t now_us, struct err *err);
/* One that is marked, oldest mark first. */
enum row store_tenant_going(struct db *db, struct arena *a, struct tenant *tenant_out, struct err *err);
struct tenant_connection {
    struct str uuid;
    int64_t deleting;        /* 0: its deletion has not begun */
};
/* One connection of it that is left: they go first, as any connection goes. */
enum row store_tenant_connection(struct db *db, struct arena *a, int64_t tenant, struct tenant_connection *connection_out,
                                 struct err *err);
MUST_USE bool store_tenant_records_left(struct db *db, int64_t tenant, int64_t *records_out, struct err *err);
/*
 * One batch of what is left once its connections are gone; done_out: the row of the tenant has gone too. `gone` as in
 * store_connection_delete.
 */
MUST_USE bool store_tenant_delete(struct db *db, int64_t tenant, struct gone_list *gone, bool *done_out, struct err *err);
/* What others were writing while it went, once they have ended (store_erase_is_settled). One writer: there is nothing. */
MUST_USE bool store_tenant_sweep(struct db *db, int64_t tenant, struct err *err);

#endif
