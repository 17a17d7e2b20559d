/*
 * Budgets of credentials: what a vendor still allows, over restarts and over nodes (engine/quota_book.h).
 */
#ifndef TIDEMARK_STORE_STORE_QUOTA_H
#define TIDEMARK_STORE_STORE_QUOTA_H

#include "store/db.h"

/* *windows_out: JSON in a; STR_NONE: nothing is known. `lock`: nobody else writes it before this transaction ends. */
MUST_USE bool store_quota_get(struct db *db, struct arena *a, int64_t tenant, struct str credential, bool lock,
                              struct str *windows_out, struct err *err);
MUST_USE bool store_quota_put(struct db *db, int64_t tenant, struct str credential, struct str windows, int64_t now_us,
                              struct err *err);
/* Rows not written since then go. */
MUST_USE bool store_quota_forget(struct db *db, int64_t before_us, struct err *err);

#endif
