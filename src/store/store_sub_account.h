/*
 * Sub-accounts: tenants as door 002 administers them, with their users.
 *
 * The tenant itself is store_tenant.h; here is what only that door asks for. Everything is the operator's view.
 */
#ifndef TIDEMARK_STORE_STORE_SUB_ACCOUNT_H
#define TIDEMARK_STORE_STORE_SUB_ACCOUNT_H

#include "store/store_user.h"

struct sub_account_counts {
    int64_t connections, users, strategies;
};
MUST_USE bool store_sub_account_counts(struct db *db, int64_t tenant, struct sub_account_counts *counts_out, struct err *err);
/* An empty one, with its users and keys. E_CONFLICT while it has connections, records or jobs. E_TENANT_NOT_FOUND. */
MUST_USE bool store_sub_account_delete(struct db *db, int64_t tenant, struct err *err);

/* users.id of "user:<sub>", the form in which makers are kept; 0: none, or a key. */
MUST_USE bool store_user_of_subject(struct db *db, struct str subject, int64_t *user_out, struct err *err);
/* Fills id, uuid and times. E_CONFLICT when the subject exists in that tenant. */
MUST_USE bool store_sub_account_user_create(struct db *db, struct arena *a, struct user *user, int64_t now_us, struct err *err);
/* The oldest user who is no admin: ROW_NONE when there is none. */
enum row store_sub_account_first_user(struct db *db, int64_t tenant, int64_t *user_out, struct err *err);
/* Name and email. E_NOT_FOUND. */
MUST_USE bool store_sub_account_user_update(struct db *db, const struct user *user, struct err *err);
/* With his strategies. E_NOT_FOUND. */
MUST_USE bool store_sub_account_user_delete(struct db *db, int64_t tenant, int64_t user, struct err *err);

#endif
