/*
 * What the engine tells the change feed besides runs and pages: a connection's status, alerts.
 *
 * All are written in the transaction of their effect. A status is told when it has really changed: looked at before
 * and after, inside that transaction.
 */
#ifndef TIDEMARK_ENGINE_TELL_H
#define TIDEMARK_ENGINE_TELL_H

#include "store/store_connection.h"
#include "store/store_event.h"

struct tell_status {
    int64_t tenant, connection;
    bool known;                  /* false: it is gone or being deleted; nothing is told */
    bool renewed;                /* configured anew since the caller looked: what he learnt of it says nothing of it now */
    enum connection_status before;
};
/*
 * Holds the connection until the transaction ends, so that nobody changes its status between the two looks. `seen`: as the caller
 * used it, for `renewed`; or NULL.
 */
MUST_USE bool tell_status_before(struct db *db, int64_t tenant, int64_t connection, const struct connection *seen,
                                 struct tell_status *t, struct err *err);
/* connection.status_changed with status and previousStatus, when they differ. run: or 0. */
MUST_USE bool tell_status_after(struct db *db, const struct tell_status *t, int64_t run, int64_t now_us, struct err *err);
/* alert.raised. alert: "connection_failing", "delete_guard", "poison_page", "data_request", "account_erased". connection and run: or 0. */
MUST_USE bool tell_alert(struct db *db, int64_t tenant, int64_t connection, int64_t run, const char *alert, struct str message,
                         int64_t now_us, struct err *err);

#endif
