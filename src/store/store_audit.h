/*
 * Audit: who did what to what. Never a secret in it.
 */
#ifndef TIDEMARK_STORE_STORE_AUDIT_H
#define TIDEMARK_STORE_STORE_AUDIT_H

#include "store/db.h"

struct audit {
    int64_t id, tenant;      /* tenant 0: of none */
    struct str tenant_uuid;  /* given by the store */
    struct str actor;        /* user subject, key name, "system" */
    struct str action;       /* "connection.create" */
    struct str subject;      /* uuid of the thing, or STR_NONE */
    struct str detail;       /* JSON, or STR_NONE */
    struct str request_id, address; /* or STR_NONE */
    int64_t at_us;
    int64_t status;          /* HTTP status of the answer; 0: told with the deed, which then happened */
};
struct audit_filter {
    int64_t tenant;          /* 0: all */
    struct str actor;        /* or STR_NONE */
    int64_t before;          /* id < before; 0: from the newest */
    size_t offset, limit;
};
/* id and at_us are given by the store. */
MUST_USE bool store_audit_add(struct db *db, const struct audit *audit, int64_t now_us, struct err *err);
/* Newest first. */
MUST_USE bool store_audit_list(struct db *db, struct arena *a, const struct audit_filter *filter, struct audit **rows_out,
                               size_t *count_out, struct err *err);
/* How many match, whatever `before` says; at most count_max. */
MUST_USE bool store_audit_total(struct db *db, const struct audit_filter *filter, int64_t count_max, int64_t *total_out,
                                struct err *err);

#endif
