/*
 * People as tokens name them: listed, made known beforehand, given a role, switched off.
 *
 * A token's claims come first; what is granted here counts where it names none. Switching a user off refuses his tokens and
 * ends his sessions; his row stays, because records and the audit log name him. A session has the rights it was made with, so
 * other rights end it too.
 */
#include "door/audit_priv.h"
#include "door/routes_priv.h"
#include "store/store_session.h"

#define LIMIT_OTHERWISE 50

struct users {
    struct request *request;
    struct paging paging;
    struct user *rows, one;
    struct str again;        /* instead of the path's */
    size_t count;
    int64_t total;
    bool found;
};

static bool
read_list(struct db *db, void *ctx, struct err *err)
{
    struct users *u = ctx;
    return store_user_list(db, u->request->arena, u->request->tenant.id, u->paging.after, u->paging.offset, (size_t)u->paging.limit,
                           &u->rows, &u->count, &u->total, err);
}

/* What a token without claims of its own may do. */
static unsigned
effective(const struct user *user)
{
    unsigned all = PERMISSION_READ | PERMISSION_UPDATE | PERMISSION_DELETE;
    if (user->permissions)
        return user->permissions;
    return user->role == ROLE_ADMIN ? all : PERMISSION_READ | PERMISSION_UPDATE;
}

static void
write_user(struct json_writer *w, const struct user *user)
{
    json_begin_object(w, NULL);
    json_add_str(w, "id", user->uuid);
    json_add_str(w, "subject", user->subject);
    json_add_str(w, "name", user->name.len ? user->name : STR_NONE);
    json_add_str(w, "email", user->email.len ? user->email : STR_NONE);
    json_add_c(w, "role", user_role_name(user->role));
    write_permissions(w, "permissions", effective(user));
    json_add_bool(w, "enabled", !user->disabled_us);
    json_add_time(w, "createdAt", user->created_us);
    json_add_time(w, "seenAt", user->seen_us);
    json_add_time(w, "disabledAt", user->disabled_us);
    json_end_object(w);
}

static bool
reply_user(struct request *r, int status, const struct user *user, struct err *err)
{
    write_user(reply_begin(r, status), user);
    return reply_end(r, err);
}

bool
users_list(struct request *r, struct err *err)
{
    struct users u = {.request = r};
    if (!request_paging(r, LIMIT_OTHERWISE, &u.paging, err) || !store_read(request_parts(r)->store, read_list, &u, err))
        return false;
    struct json_writer *w = reply_begin(r, 200);
    json_begin_array(w, NULL);
    for (size_t i = 0; i < u.count; i++)
        write_user(w, &u.rows[i]);
    json_end_array(w);
    struct str next = u.count == (size_t)u.paging.limit ? list_cursor_text(r->arena, u.rows[u.count - 1].id) : STR_NONE;
    return reply_end_list(r, &u.paging, u.total, next, err);
}

static bool
read_one(struct db *db, void *ctx, struct err *err)
{
    struct users *u = ctx;
    struct request *r = u->request;
    struct str id = u->again.len ? u->again : request_path_param(r, 0);
    enum row row = store_user_find(db, r->arena, r->tenant.id, id, &u->one, err);
    u->found = row == ROW_FOUND;
    return row != ROW_FAILED;
}

bool
users_get(struct request *r, struct err *err)
{
    struct users u = {.request = r};
    if (!store_read(request_parts(r)->store, read_one, &u, err))
        return false;
    return u.found ? reply_user(r, 200, &u.one, err) : err_set(err, E_NOT_FOUND, NULL);
}

bool
users_create_again(struct request *r, struct str uuid, struct err *err)
{
    struct users u = {.request = r, .again = uuid};
    if (!store_read(request_parts(r)->store, read_one, &u, err))
        return false;
    return u.found ? reply_user(r, 201, &u.one, err) : err_set(err, E_NOT_FOUND, NULL);
}

/* ---- changing ---- */

static bool
was_sent(const struct request *r, const char *name)
{
    return json_get_c(r->body, name) != NULL;
}

/* Lays what was sent over the user; null takes away. */
static bool
read_change(struct request *r, struct user *user, struct err *err)
{
    struct str name, email, role;
    unsigned permissions;
    int enabled;
    if (!request_body_str(r, "name", LIMIT_NAME_BYTES, &name, err) ||
        !request_body_str(r, "email", LIMIT_NAME_BYTES, &email, err) ||
        !request_body_str(r, "role", LIMIT_NAME_BYTES, &role, err) || !request_body_bool(r, "enabled", &enabled, err) ||
        !request_body_permissions(r, &permissions, err))
        return false;
    if (role.len && !user_role_from_name(role, &user->role))
        return request_fault(r, err, "/role", "must be user or admin");
    if (was_sent(r, "name"))
        user->name = name;
    if (was_sent(r, "email"))
        user->email = email;
    if (was_sent(r, "permissions"))
        user->permissions = permissions;
    if (enabled == 1)
        user->disabled_us = 0;
    else if (enabled == 0 && !user->disabled_us)
        user->disabled_us = clock_wall_us(request_parts(r)->clock);
    return true;
}

static bool
create(struct db *db, void *ctx, struct err *err)
{
    struct users *u = ctx;
    struct request *r = u->request;
    return store_user_create(db, r->arena, &u->one, store_now(db), err) &&
           (!u->one.disabled_us || store_user_update(db, &u->one, err)) &&
           audit_add(db, r, r->tenant.id, "user.create", u->one.uuid, err);
}

bool
users_create(struct request *r, struct err *err)
{
    struct users u = {.request = r, .one = {.tenant = r->tenant.id, .role = ROLE_USER}};
    if (!request_body_str(r, "subject", LIMIT_NAME_BYTES, &u.one.subject, err) || !read_change(r, &u.one, err))
        return false;
    if (!u.one.subject.len)
        return request_fault(r, err, "/subject", "is required: the sub of the user's tokens");
    if (!store_write(request_parts(r)->store, create, &u, err))
        return err->code == E_CONFLICT ? err_set(err, E_CONFLICT, "A user with this subject exists") : false;
    return reply_user(r, 201, &u.one, err);
}

/* His whole row is written: what somebody else changes of him at the same moment, who may be switching him off, must not get lost. */
static bool
find_held(struct db *db, struct users *u, struct err *err)
{
    u->one = (struct user){0};
    if (!read_one(db, u, err))
        return false;
    if (u->found && (!store_user_hold(db, u->request->tenant.id, u->one.id, err) || !read_one(db, u, err)))
        return false;
    return u->found || err_set(err, E_NOT_FOUND, NULL);
}

static bool
change(struct db *db, void *ctx, struct err *err)
{
    struct users *u = ctx;
    struct request *r = u->request;
    if (!find_held(db, u, err))
        return false;
    struct user before = u->one;
    if (!read_change(r, &u->one, err))
        return false;
    bool signs_out = u->one.disabled_us || u->one.role != before.role || u->one.permissions != before.permissions;
    struct str subject = str_format(r->arena, "user:%.*s", STR_ARG(u->one.subject));
    return store_user_update(db, &u->one, err) &&
           (!signs_out || store_session_end_subject(db, r->tenant.id, subject, store_now(db), err)) &&
           audit_add(db, r, r->tenant.id, "user.change", u->one.uuid, err);
}

bool
users_change(struct request *r, struct err *err)
{
    struct users u = {.request = r};
    return store_write(request_parts(r)->store, change, &u, err) && reply_user(r, 200, &u.one, err);
}

static bool
disable(struct db *db, void *ctx, struct err *err)
{
    struct users *u = ctx;
    struct request *r = u->request;
    if (!find_held(db, u, err))
        return false;
    if (!u->one.disabled_us)
        u->one.disabled_us = store_now(db);
    struct str subject = str_format(r->arena, "user:%.*s", STR_ARG(u->one.subject));
    return store_user_update(db, &u->one, err) && store_session_end_subject(db, r->tenant.id, subject, store_now(db), err) &&
           audit_add(db, r, r->tenant.id, "user.disable", u->one.uuid, err);
}

bool
users_disable(struct request *r, struct err *err)
{
    struct users u = {.request = r};
    return store_write(request_parts(r)->store, disable, &u, err) && reply_empty(r, 204);
}
