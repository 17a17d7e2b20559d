/*
 * Lists of the vendor that a connection's streams are made of (HttpComponentsResolver).
 *
 * They are read when a run begins and when the connection is tested, and kept for a while, so that whoever else opens the
 * account (lists of streams, checks of a name, webhooks) knows the streams without asking the vendor. Only in memory, by
 * connection, configuration and template: after a restart the next run reads them again.
 */
#ifndef TIDEMARK_ENGINE_LISTS_H
#define TIDEMARK_ENGINE_LISTS_H

#include "engine/account.h"
#include "queue/lease.h"

#define LISTS_KEPT_US (10 * US_PER_MINUTE) /* younger ones are not read again */

struct lists_ask {
    struct lease *lease;         /* of the run that it is for, or NULL */
    struct lease_keeper *keeper;
    int64_t run;                 /* its id, or 0 */
    bool last_try;               /* a vendor that wants to be asked later was asked often enough */
};
/*
 * Reads what the account's template needs and is not known freshly, and gives the account the template with those streams. A list
 * that alone cannot be read is left out: account->lists_failed says why, and its streams are those that were known before, if any.
 * Blocks on the vendor. E_VENDOR_RATE_LIMITED and E_VENDOR_UNAVAILABLE with retry_after_ms: come back then; else what all streams
 * would meet too, in words that say what was asked for.
 */
MUST_USE bool lists_read(struct account *account, const struct lists_ask *ask, struct err *err);

#endif
