#include "store/store_user.h"

#include "store/store_priv.h"

static const char *const role_names[] = {[ROLE_USER] = "user", [ROLE_ADMIN] = "admin"};

const char *
user_role_name(enum user_role role)
{
    return role_names[role];
}

bool
user_role_from_name(struct str name, enum user_role *role_out)
{
    unsigned index;
    if (!name_find(role_names, ARRAY_LEN(role_names), name, &index))
        return false;
    *role_out = (enum user_role)index;
    return true;
}

static void
user_read(struct row_reader *r, void *item)
{
    struct user *u = item;
    u->id = read_i64(r);
    u->tenant = read_i64(r);
    u->uuid = read_text(r);
    u->subject = read_text(r);
    u->name = read_text(r);
    u->email = read_text(r);
    struct str role = db_column_text(r->rows, r->column++);
    if (!user_role_from_name(role, &u->role))
        u->role = ROLE_USER;
    u->permissions = (unsigned)read_i64(r);
    u->created_us = read_i64(r);
    u->seen_us = read_i64(r);
    u->disabled_us = read_i64(r);
}

bool
store_user_create(struct db *db, struct arena *a, struct user *user, int64_t now_us, struct err *err)
{
    user->uuid = store_new_uuid(a);
    if (str_is_none(user->uuid))
        return STORE_ARENA_FULL(err);
    db_note_effect(db, "user", user->uuid);
    user->created_us = now_us;
    enum row row = db_query_i64(db, SQL_USER_INSERT, DB_ARGS(DB_I(user->tenant), DB_T(user->uuid), DB_T(user->subject),
                                DB_T(user->name), DB_T(user->email), DB_T(str_from_c(user_role_name(user->role))),
                                DB_I(user->permissions), DB_I(now_us)), &user->id, err);
    return store_row_must(row, E_CONFLICT, err);
}

bool
store_user_hold(struct db *db, int64_t tenant, int64_t user, struct err *err)
{
    return db_can(db, DB_ONE_WRITER) || db_exec(db, SQL_USER_HOLD, DB_ARGS(DB_I(tenant), DB_I(user)), NULL, err);
}

bool
store_user_update(struct db *db, const struct user *user, struct err *err)
{
    return db_exec_one(db, SQL_USER_UPDATE, DB_ARGS(DB_I(user->tenant), DB_I(user->id), DB_T(user->name), DB_T(user->email),
                       DB_T(str_from_c(user_role_name(user->role))), DB_I(user->permissions), DB_I0(user->disabled_us)),
                       E_NOT_FOUND, err);
}

bool
store_user_ensure(struct db *db, struct arena *a, int64_t tenant, struct str subject, struct str name, struct str email,
                  enum user_role role, int64_t now_us, struct user *user_out, struct err *err)
{
    struct str uuid = store_new_uuid(a);
    if (str_is_none(uuid))
        return STORE_ARENA_FULL(err);
    if (!db_exec(db, SQL_USER_ENSURE, DB_ARGS(DB_I(tenant), DB_T(uuid), DB_T(subject), DB_T(name), DB_T(email),
                 DB_T(str_from_c(user_role_name(role))), DB_I(now_us)), NULL, err))
        return false;
    return store_row_must(store_user_by_subject(db, a, tenant, subject, user_out, err), E_STORE, err);
}

enum row
store_user_by_subject(struct db *db, struct arena *a, int64_t tenant, struct str subject, struct user *user_out, struct err *err)
{
    return store_row(db, SQL_USER_BY_SUBJECT, DB_ARGS(DB_I(tenant), DB_T(subject)), a, user_out, sizeof(*user_out), user_read, err);
}

enum row
store_user_find(struct db *db, struct arena *a, int64_t tenant, struct str name, struct user *user_out, struct err *err)
{
    return store_row(db, SQL_USER_FIND, DB_ARGS(DB_I(tenant), DB_T(name)), a, user_out, sizeof(*user_out), user_read, err);
}

enum row
store_user_get(struct db *db, struct arena *a, int64_t tenant, struct str id, struct user *user_out, struct err *err)
{
    int64_t number = 0;
    struct str uuid = STR_NONE;
    enum row given = store_id_read(a, id, &number, &uuid, err);
    if (given != ROW_FOUND)
        return given;
    return store_row(db, SQL_USER_GET, DB_ARGS(DB_I(tenant), DB_I(number), DB_T(uuid)), a, user_out,
                     sizeof(*user_out), user_read, err);
}

bool
store_user_list(struct db *db, struct arena *a, int64_t tenant, int64_t after, size_t offset, size_t limit, struct user **rows_out,
                size_t *count_out, int64_t *total_out, struct err *err)
{
    struct list list = LIST_OF(a, struct user);
    if (total_out && db_query_i64(db, SQL_USER_TOTAL, DB_ARGS(DB_I(tenant)), total_out, err) != ROW_FOUND)
        return false;
    if (!store_rows(db, SQL_USER_LIST, DB_ARGS(DB_I(tenant), DB_I(after), DB_I(limit), DB_I(offset)), &list, user_read, err))
        return false;
    *rows_out = list.items;
    *count_out = list.count;
    return true;
}
