/*
 * A sub-account's users and their strategies (002): what the lead flow needs, kept by the admin.
 */
#include "base/limits.h"
#include "door/audit_priv.h"
#include "door/integrations_priv.h"
#include "door/routes_priv.h"
#include "store/store_strategy.h"
#include "store/store_sub_account.h"

#define LIMIT_OTHERWISE 50

struct parts {
    struct request *request;
    struct tenant tenant;
    struct paging paging;
    struct str id;
    struct user *users, user;
    struct strategy *strategies, strategy;
    size_t count;
    int64_t total;
    enum row found;
    struct str name, email, user_id;
};

static bool
parts_begin(struct request *r, struct parts *p, struct err *err)
{
    *p = (struct parts){.request = r, .id = request_path_param(r, 1)};
    return find_sub_account(r, request_path_param(r, 0), &p->tenant, err);
}

/* ---- users ---- */

static void
write_user(struct json_writer *w, const struct user *u)
{
    json_add_i64(w, "id", u->id);
    json_add_str(w, "uuid", u->uuid);
    json_add_i64(w, "subAccountId", u->tenant);
    json_add_str(w, "subject", u->subject);
    json_add_str(w, "name", u->name.len ? u->name : STR_NONE);
    json_add_str(w, "email", u->email.len ? u->email : STR_NONE);
    json_add_c(w, "role", user_role_name(u->role));
    json_add_time(w, "createdAt", u->created_us);
}

static bool
reply_user(struct request *r, int status, const struct user *u, struct err *err)
{
    write_user(reply_bare(r, status), u);
    return reply_end(r, err);
}

static bool
read_users(struct db *db, void *ctx, struct err *err)
{
    struct parts *p = ctx;
    return store_user_list(db, p->request->arena, p->tenant.id, p->paging.after, p->paging.offset, (size_t)p->paging.limit,
                           &p->users, &p->count, &p->total, err);
}

bool
sub_account_users_list(struct request *r, struct err *err)
{
    struct parts p;
    if (!parts_begin(r, &p, err) || !request_paging(r, LIMIT_OTHERWISE, &p.paging, err) ||
        !store_read(request_parts(r)->store, read_users, &p, err))
        return false;
    struct json_writer *w = bare_list(r);
    for (size_t i = 0; i < p.count; i++) {
        json_begin_object(w, NULL);
        write_user(w, &p.users[i]);
        json_end_object(w);
    }
    struct str next = p.count == (size_t)p.paging.limit ? list_cursor_text(r->arena, p.users[p.count - 1].id) : STR_NONE;
    return bare_list_end(r, &p.paging, p.total, next, err);
}

static bool
find_user(struct db *db, void *ctx, struct err *err)
{
    struct parts *p = ctx;
    p->found = store_user_get(db, p->request->arena, p->tenant.id, p->id, &p->user, err);
    return p->found != ROW_FAILED && (p->found == ROW_FOUND || err_set(err, E_NOT_FOUND, "User not found"));
}

bool
sub_account_users_get(struct request *r, struct err *err)
{
    struct parts p;
    return parts_begin(r, &p, err) && store_read(request_parts(r)->store, find_user, &p, err) && reply_user(r, 200, &p.user, err);
}

static bool
read_user_body(struct parts *p, struct err *err)
{
    return request_body_removable(p->request, "name", LIMIT_NAME_BYTES, &p->name, err) &&
           request_body_removable(p->request, "email", LIMIT_NAME_BYTES, &p->email, err);
}

static bool
create_user(struct db *db, void *ctx, struct err *err)
{
    struct parts *p = ctx;
    p->user.tenant = p->tenant.id;
    p->user.subject = p->id;
    p->user.name = p->name.len ? p->name : STR_NONE;
    p->user.email = p->email.len ? p->email : STR_NONE;
    return store_sub_account_user_create(db, p->request->arena, &p->user, store_now(db), err) &&
           audit_add(db, p->request, p->tenant.id, "user.create", p->user.uuid, err);
}

bool
sub_account_users_create(struct request *r, struct err *err)
{
    struct parts p;
    if (!parts_begin(r, &p, err) || !read_user_body(&p, err) || !request_body_str(r, "subject", LIMIT_NAME_BYTES, &p.id, err))
        return false;
    if (!p.name.len && !p.email.len)
        return request_fault(r, err, "/name", "is required, or an email");
    return store_write(request_parts(r)->store, create_user, &p, err) && reply_user(r, 201, &p.user, err);
}

bool
sub_account_users_create_again(struct request *r, struct str uuid, struct err *err)
{
    struct parts p;
    if (!parts_begin(r, &p, err))
        return false;
    p.id = uuid;
    return store_read(request_parts(r)->store, find_user, &p, err) && reply_user(r, 201, &p.user, err);
}

static void
set_text(struct str *field, struct str given)
{
    if (!str_is_none(given))
        *field = given.len ? given : STR_NONE;
}

static bool
change_user(struct db *db, void *ctx, struct err *err)
{
    struct parts *p = ctx;
    if (!find_user(db, ctx, err) || !store_user_hold(db, p->tenant.id, p->user.id, err) || !find_user(db, ctx, err))
        return false;
    set_text(&p->user.name, p->name);
    set_text(&p->user.email, p->email);
    return store_sub_account_user_update(db, &p->user, err) &&
           audit_add(db, p->request, p->tenant.id, "user.change", p->user.uuid, err);
}

bool
sub_account_users_change(struct request *r, struct err *err)
{
    struct parts p;
    return parts_begin(r, &p, err) && read_user_body(&p, err) && store_write(request_parts(r)->store, change_user, &p, err) &&
           reply_user(r, 200, &p.user, err);
}

static bool
delete_user(struct db *db, void *ctx, struct err *err)
{
    struct parts *p = ctx;
    return find_user(db, ctx, err) && store_sub_account_user_delete(db, p->tenant.id, p->user.id, err) &&
           audit_add(db, p->request, p->tenant.id, "user.delete", p->user.uuid, err);
}

bool
sub_account_users_delete(struct request *r, struct err *err)
{
    struct parts p;
    return parts_begin(r, &p, err) && store_write(request_parts(r)->store, delete_user, &p, err) && reply_empty(r, 204);
}

/* ---- strategies ---- */

static void
write_strategy(struct json_writer *w, const struct strategy *s)
{
    json_add_i64(w, "id", s->id);
    json_add_str(w, "uuid", s->uuid);
    json_add_i64(w, "subAccountId", s->tenant);
    json_add_i64(w, "regularUserId", s->user);
    json_add_str(w, "name", s->name);
    json_add_time(w, "createdAt", s->created_us);
    json_add_time(w, "updatedAt", s->updated_us);
}

static bool
reply_strategy(struct request *r, int status, const struct strategy *s, struct err *err)
{
    write_strategy(reply_bare(r, status), s);
    return reply_end(r, err);
}

static bool
read_strategies(struct db *db, void *ctx, struct err *err)
{
    struct parts *p = ctx;
    return store_strategy_list(db, p->request->arena, p->tenant.id, p->user.id, p->paging.after, p->paging.offset,
                               (size_t)p->paging.limit, &p->strategies, &p->count, &p->total, err);
}

bool
strategies_list(struct request *r, struct err *err)
{
    struct parts p;
    if (!parts_begin(r, &p, err) || !request_paging(r, LIMIT_OTHERWISE, &p.paging, err) ||
        !request_query_i64(r, "regularUserId", 1, INT32_MAX, 0, &p.user.id, err) ||
        !store_read(request_parts(r)->store, read_strategies, &p, err))
        return false;
    struct json_writer *w = bare_list(r);
    for (size_t i = 0; i < p.count; i++) {
        json_begin_object(w, NULL);
        write_strategy(w, &p.strategies[i]);
        json_end_object(w);
    }
    struct str next = p.count == (size_t)p.paging.limit ? list_cursor_text(r->arena, p.strategies[p.count - 1].id) : STR_NONE;
    return bare_list_end(r, &p.paging, p.total, next, err);
}

static bool
find_strategy(struct db *db, void *ctx, struct err *err)
{
    struct parts *p = ctx;
    p->found = store_strategy_get(db, p->request->arena, p->tenant.id, p->id, &p->strategy, err);
    return p->found != ROW_FAILED && (p->found == ROW_FOUND || err_set(err, E_NOT_FOUND, "Strategy not found"));
}

bool
strategies_get(struct request *r, struct err *err)
{
    struct parts p;
    return parts_begin(r, &p, err) && store_read(request_parts(r)->store, find_strategy, &p, err) &&
           reply_strategy(r, 200, &p.strategy, err);
}

/* The user named in the body must be this sub-account's; another's is not there. */
static bool
resolve_user(struct db *db, struct parts *p, struct err *err)
{
    if (str_is_none(p->user_id))
        return true;
    enum row row = store_user_get(db, p->request->arena, p->tenant.id, p->user_id, &p->user, err);
    if (row == ROW_NONE)
        return err_invalid(err, "/regularUserId", "regularUserId names no user of this sub-account");
    p->strategy.user = p->user.id;
    return row == ROW_FOUND;
}

static bool
create_strategy(struct db *db, void *ctx, struct err *err)
{
    struct parts *p = ctx;
    p->strategy.tenant = p->tenant.id;
    p->strategy.name = p->name;
    return resolve_user(db, p, err) && store_strategy_create(db, p->request->arena, &p->strategy, store_now(db), err) &&
           audit_add(db, p->request, p->tenant.id, "strategy.create", p->strategy.uuid, err);
}

static bool
read_strategy_body(struct parts *p, struct err *err)
{
    return request_body_str(p->request, "name", LIMIT_NAME_BYTES, &p->name, err) &&
           body_id(p->request, "regularUserId", &p->user_id, err);
}

bool
strategies_create(struct request *r, struct err *err)
{
    struct parts p;
    if (!parts_begin(r, &p, err) || !read_strategy_body(&p, err))
        return false;
    if (!p.name.len)
        return request_fault(r, err, "/name", "is required");
    if (str_is_none(p.user_id))
        return request_fault(r, err, "/regularUserId", "is required: a user of this sub-account");
    return store_write(request_parts(r)->store, create_strategy, &p, err) && reply_strategy(r, 201, &p.strategy, err);
}

bool
strategies_create_again(struct request *r, struct str uuid, struct err *err)
{
    struct parts p;
    if (!parts_begin(r, &p, err))
        return false;
    p.id = uuid;
    return store_read(request_parts(r)->store, find_strategy, &p, err) && reply_strategy(r, 201, &p.strategy, err);
}

static bool
change_strategy(struct db *db, void *ctx, struct err *err)
{
    struct parts *p = ctx;
    if (!find_strategy(db, ctx, err) || !store_strategy_hold(db, p->tenant.id, p->strategy.id, err) || !find_strategy(db, ctx, err) ||
        !resolve_user(db, p, err))
        return false;
    if (p->name.len)
        p->strategy.name = p->name;
    p->strategy.updated_us = store_now(db);
    return store_strategy_update(db, &p->strategy, p->strategy.updated_us, err) &&
           audit_add(db, p->request, p->tenant.id, "strategy.change", p->strategy.uuid, err);
}

bool
strategies_change(struct request *r, struct err *err)
{
    struct parts p;
    return parts_begin(r, &p, err) && read_strategy_body(&p, err) &&
           store_write(request_parts(r)->store, change_strategy, &p, err) && reply_strategy(r, 200, &p.strategy, err);
}

static bool
delete_strategy(struct db *db, void *ctx, struct err *err)
{
    struct parts *p = ctx;
    return find_strategy(db, ctx, err) && store_strategy_delete(db, p->tenant.id, p->strategy.id, err) &&
           audit_add(db, p->request, p->tenant.id, "strategy.delete", p->strategy.uuid, err);
}

bool
strategies_delete(struct request *r, struct err *err)
{
    struct parts p;
    return parts_begin(r, &p, err) && store_write(request_parts(r)->store, delete_strategy, &p, err) && reply_empty(r, 204);
}
