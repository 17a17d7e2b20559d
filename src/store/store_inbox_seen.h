/*
 * Deliveries that are known (I-21), where random keys are dear (SQLite). Inside a write transaction of the one writer.
 */
#ifndef TIDEMARK_STORE_STORE_INBOX_SEEN_H
#define TIDEMARK_STORE_STORE_INBOX_SEEN_H

#include "store/db.h"

/* *known_out: it came at since_us or later, and nothing is written. Else it is known from now on. E_STORE_CORRUPT. */
MUST_USE bool seen_take(struct db *db, int64_t tenant, int64_t connection, struct str delivery, int64_t received_us, int64_t since_us,
                        bool *known_out, struct err *err);
/* What the tail knows of a connection; its tree is the caller's. */
MUST_USE bool seen_forget_connection(struct db *db, int64_t tenant, int64_t connection, struct err *err);

#endif
