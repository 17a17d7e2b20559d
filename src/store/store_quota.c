/*
 * Budgets of credentials.
 */
#include "store/store_quota.h"

#include "store/store_priv.h"

bool
store_quota_get(struct db *db, struct arena *a, int64_t tenant, struct str credential, bool lock, struct str *windows_out,
                struct err *err)
{
    struct db_rows rows;
    enum row row = db_query_row(db, lock ? SQL_QUOTA_GET_LOCKED : SQL_QUOTA_GET, DB_ARGS(DB_I(tenant), DB_T(credential)),
                                &rows, err);
    *windows_out = STR_NONE;
    if (row != ROW_FOUND)
        return row == ROW_NONE;
    *windows_out = db_column_text_copy(&rows, 0, a);
    db_finish(&rows);
    return !str_is_none(*windows_out) || STORE_ARENA_FULL(err);
}

bool
store_quota_put(struct db *db, int64_t tenant, struct str credential, struct str windows, int64_t now_us, struct err *err)
{
    return db_exec(db, SQL_QUOTA_PUT, DB_ARGS(DB_I(tenant), DB_T(credential), DB_T(windows), DB_I(now_us)), NULL, err);
}

bool
store_quota_forget(struct db *db, int64_t before_us, struct err *err)
{
    return db_exec(db, SQL_QUOTA_FORGET, DB_ARGS(DB_I(before_us)), NULL, err);
}
