/*
 * Who did what: every change by an admin, and every look of an admin into a tenant that is not his own (D33). Never a secret.
 */
#ifndef TIDEMARK_DOOR_AUDIT_PRIV_H
#define TIDEMARK_DOOR_AUDIT_PRIV_H

#include "door/request_priv.h"
#include "store/db.h"

/* In the transaction of the deed, for what the handler can name better than its route. subject: an id, or STR_NONE. */
MUST_USE bool audit_add(struct db *db, struct request *r, int64_t tenant, const char *action, struct str subject, struct err *err);

/* Looks that were written a while ago are not written again. Any thread. */
struct audit_looks;
struct audit_looks *audit_looks_new(const struct clock *clock);
void audit_looks_free(struct audit_looks *l);
/*
 * After the handler, for every request: writes a row where one is due and the handler wrote none. Nobody waits for it;
 * one that cannot be written is said in the log.
 */
void audit_request(struct request *r);

#endif
