/* Who did what, in the same transaction as the deed. */
#ifndef TIDEMARK_DOOR_AUDIT_PRIV_H
#define TIDEMARK_DOOR_AUDIT_PRIV_H

#include "door/request_priv.h"
#include "store/store_audit.h"

static inline bool
audit_add(struct db *db, const struct request *r, int64_t tenant, const char *action, struct str subject, struct err *err)
{
    struct audit audit = {.tenant = tenant,
                          .actor = r->who.subject,
                          .action = str_from_c(action),
                          .subject = subject,
                          .request_id = r->id,
                          .address = r->x->peer};
    return store_audit_add(db, &audit, store_now(db), err);
}

#endif
