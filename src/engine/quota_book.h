/*
 * The budgets of all credentials: in memory, and in the store for other nodes and for after a restart.
 *
 * A credential is what the vendor counts by: connections with the same address and the same secrets share one. Whoever sends
 * a request asks first (quota_ask), says that it left, and shows the answer. Once a second what changed is written and what other
 * nodes wrote is read, in one transaction for all credentials that were used: no request ever waits for the store but the first one
 * of a credential. Any thread.
 */
#ifndef TIDEMARK_ENGINE_QUOTA_BOOK_H
#define TIDEMARK_ENGINE_QUOTA_BOOK_H

#include "engine/quota.h"
#include "store/store.h"

#define QUOTA_CREDENTIAL_BYTES 33 /* 32 hex digits and the end */
#define QUOTA_FLUSH_MS 1000

struct quota_book;
struct quota_use;           /* a credential in use */

/* NULL with err. store and clock outlive it. */
struct quota_book *quota_book_new(struct store *store, const struct clock *clock, struct err *err);
void quota_book_free(struct quota_book *book); /* accepts NULL; all uses must have ended; does not flush */

/* The first use of a credential reads what is known (blocks on the store; a failure there is nothing known). NULL: no memory. */
struct quota_use *quota_use_begin(struct quota_book *book, int64_t tenant, const char *credential);
void quota_use_end(struct quota_use *use); /* accepts NULL */

/*
 * May a request go? 0: yes, and it is counted: show its answer, or say that there is none. Else milliseconds; `words` says why.
 * charge: what it costs of the template's own budget, which is counted with what the vendor tells.
 */
int64_t quota_ask(struct quota_use *use, enum quota_class class, struct str scope, struct budget_charge charge, char *words,
                  size_t words_bytes);
/* The answer of a request that was allowed; NULL: there is none. budget: of that charge, or NULL. */
void quota_answered(struct quota_use *use, yyjson_val *limits, struct str scope, const struct budget *budget,
                    struct budget_charge charge, const struct http_reply *reply);
/* Reads the row once more, so that what another node has learnt is in it. Blocks on the store. */
void quota_look(struct quota_use *use, struct quota *quota_out);

/* What a template allows itself (api_budget), and how much of it is spent. */
#define QUOTA_REQUESTS_BYTES 160
struct quota_allowed {
    char requests[QUOTA_REQUESTS_BYTES]; /* which ones it counts, for a person; "": all */
    int64_t limit, used, span_us, reset_us;
};
struct quota_own {
    struct quota_allowed rates[BUDGET_METERS_MAX];
    size_t count;
};
/* Without the row: call quota_look before. */
void quota_look_own(struct quota_use *use, const struct budget *budget, struct quota_own *own_out);

/* Writes what changed, reads what others wrote. Once a second by the engine, and before it ends. */
MUST_USE bool quota_book_flush(struct quota_book *book, struct err *err);

#endif
