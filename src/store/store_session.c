#include "store/store_session.h"

#include "base/clock.h"
#include "store/store_priv.h"

#define SWEEP_ROWS 100
#define KEPT_US US_PER_DAY /* past their time: a late request is told apart from a guess */

bool
store_session_create(struct db *db, const struct session *s, struct str hash, int64_t now_us, struct err *err)
{
    return db_exec(db, SQL_SESSION_SWEEP, DB_ARGS(DB_I(now_us - KEPT_US), DB_I(SWEEP_ROWS)), NULL, err) &&
           db_exec(db, SQL_SESSION_INSERT, DB_ARGS(DB_I(s->tenant), DB_T(hash), DB_T(s->subject),
                   DB_T(str_from_c(user_role_name(s->role))), DB_I(s->permissions), DB_I0(s->api_key), DB_I(now_us),
                   DB_I(s->expires_us)), NULL, err);
}

static void
session_read(struct row_reader *r, void *item)
{
    struct session *s = item;
    s->tenant = read_i64(r);
    s->subject = read_text(r);
    struct str role = db_column_text(r->rows, r->column++);
    if (!user_role_from_name(role, &s->role))
        s->role = ROLE_USER;
    s->permissions = (unsigned)read_i64(r);
    s->api_key = read_i64(r);
    s->created_us = read_i64(r);
    s->expires_us = read_i64(r);
    s->live = read_bool(r);
}

enum row
store_session_find(struct db *db, struct arena *a, struct str hash, int64_t now_us, struct session *session_out, struct err *err)
{
    return store_row(db, SQL_SESSION_FIND, DB_ARGS(DB_T(hash), DB_I(now_us)), a, session_out, sizeof(*session_out), session_read,
                     err);
}

bool
store_session_end(struct db *db, struct str hash, int64_t now_us, struct err *err)
{
    return db_exec(db, SQL_SESSION_END, DB_ARGS(DB_T(hash), DB_I(now_us)), NULL, err);
}

bool
store_session_end_subject(struct db *db, int64_t tenant, struct str subject, int64_t now_us, struct err *err)
{
    return db_exec(db, SQL_SESSION_END_SUBJECT, DB_ARGS(DB_I(tenant), DB_T(subject), DB_I(now_us)), NULL, err);
}
