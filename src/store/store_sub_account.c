/*
 * Sub-accounts: tenants as door 002 administers them, with their users.
 */
#include "store/store_sub_account.h"

#include "store/store_priv.h"

#define SUBJECT_PREFIX "user:"

static void
counts_read(struct row_reader *r, void *item)
{
    struct sub_account_counts *c = item;
    c->connections = read_i64(r);
    c->users = read_i64(r);
    c->strategies = read_i64(r);
}

bool
store_sub_account_counts(struct db *db, int64_t tenant, struct sub_account_counts *counts_out, struct err *err)
{
    return store_row(db, SQL_SUB_ACCOUNT_COUNTS, DB_ARGS(DB_I(tenant)), NULL, counts_out, sizeof(*counts_out), counts_read, err) ==
           ROW_FOUND;
}

bool
store_sub_account_delete(struct db *db, int64_t tenant, struct err *err)
{
    db_note_identity(db);
    static const enum sql steps[] = {
        SQL_SUB_ACCOUNT_DELETE_ERRANDS, SQL_SUB_ACCOUNT_DELETE_STRATEGIES, SQL_SUB_ACCOUNT_DELETE_USERS,
        SQL_SUB_ACCOUNT_DELETE_KEYS, SQL_SUB_ACCOUNT_DELETE_DATA_KEYS, SQL_SUB_ACCOUNT_DELETE_STREAMS,
        SQL_SUB_ACCOUNT_DELETE_COUNTS, SQL_SUB_ACCOUNT_DELETE_COLLECTIONS, SQL_SUB_ACCOUNT_DELETE_CHANGES,
    };
    int64_t in_use;
    if (db_query_i64(db, SQL_SUB_ACCOUNT_IN_USE, DB_ARGS(DB_I(tenant)), &in_use, err) != ROW_FOUND)
        return false;
    if (in_use)
        return err_set(err, E_CONFLICT, "This sub-account has integrations, records or jobs: remove them first");
    for (size_t i = 0; i < ARRAY_LEN(steps); i++)
        if (!db_exec(db, steps[i], DB_ARGS(DB_I(tenant)), NULL, err))
            return false;
    return db_exec_one(db, SQL_SUB_ACCOUNT_DELETE, DB_ARGS(DB_I(tenant)), E_TENANT_NOT_FOUND, err);
}

bool
store_user_of_subject(struct db *db, struct str subject, int64_t *user_out, struct err *err)
{
    *user_out = 0;
    if (!str_starts(subject, STR(SUBJECT_PREFIX)))
        return true;
    struct str name = str_skip(subject, strlen(SUBJECT_PREFIX));
    return db_query_i64(db, SQL_USER_OF_SUBJECT, DB_ARGS(DB_T(name)), user_out, err) != ROW_FAILED;
}

bool
store_sub_account_user_create(struct db *db, struct arena *a, struct user *u, int64_t now_us, struct err *err)
{
    u->uuid = store_new_uuid(a);
    if (str_is_none(u->uuid))
        return STORE_ARENA_FULL(err);
    if (u->subject.len == 0)
        u->subject = u->email.len ? u->email : u->uuid;
    u->created_us = u->seen_us = now_us;
    db_note_effect(db, "user", u->uuid);
    enum row row = db_query_i64(db, SQL_SUB_ACCOUNT_USER_INSERT,
        DB_ARGS(DB_I(u->tenant), DB_T(u->uuid), DB_T(u->subject), DB_T(u->name), DB_T(u->email),
                DB_T(str_from_c(user_role_name(u->role))), DB_I(now_us)), &u->id, err);
    return row == ROW_NONE ? err_set(err, E_CONFLICT, "A user with this subject exists") : row == ROW_FOUND;
}

enum row
store_sub_account_first_user(struct db *db, int64_t tenant, int64_t *user_out, struct err *err)
{
    return db_query_i64(db, SQL_SUB_ACCOUNT_FIRST_USER, DB_ARGS(DB_I(tenant)), user_out, err);
}

bool
store_sub_account_user_update(struct db *db, const struct user *u, struct err *err)
{
    return db_exec_one(db, SQL_SUB_ACCOUNT_USER_UPDATE, DB_ARGS(DB_I(u->tenant), DB_I(u->id), DB_T(u->name), DB_T(u->email)),
                       E_NOT_FOUND, err);
}

bool
store_sub_account_user_delete(struct db *db, int64_t tenant, int64_t user, struct err *err)
{
    return db_exec(db, SQL_STRATEGY_DELETE_OF_USER, DB_ARGS(DB_I(tenant), DB_I(user)), NULL, err) &&
           db_exec_one(db, SQL_SUB_ACCOUNT_USER_DELETE, DB_ARGS(DB_I(tenant), DB_I(user)), E_NOT_FOUND, err);
}
