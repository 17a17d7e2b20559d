/*
 * Audit: who did what to what. Never a secret in it.
 */
#ifndef TIDEMARK_STORE_STORE_AUDIT_H
#define TIDEMARK_STORE_STORE_AUDIT_H

#include "store/db.h"

struct audit {
    int64_t id, tenant;
    struct str actor;        /* user subject, key name, "system" */
    struct str action;       /* "connection.create" */
    struct str subject;      /* uuid of the thing, or STR_NONE */
    struct str detail;       /* JSON, or STR_NONE */
    struct str request_id, address; /* or STR_NONE */
    int64_t at_us;
};
/* id and at_us are given by the store. */
MUST_USE bool store_audit_add(struct db *db, const struct audit *audit, int64_t now_us, struct err *err);
/* Newest first, id < before (0: from the newest). */
MUST_USE bool store_audit_list(struct db *db, struct arena *a, int64_t tenant, int64_t before, size_t limit,
                               struct audit **rows_out, size_t *count_out, struct err *err);

#endif
