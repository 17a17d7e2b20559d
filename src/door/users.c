/*
 * People as tokens name them, and who the present caller is.
 */
#include "door/routes_priv.h"
#include "store/store_user.h"

#define LIMIT_OTHERWISE 50

struct users {
    struct request *request;
    int64_t after;
    size_t limit;
    struct user *rows;
    size_t count;
};

static bool
read_list(struct db *db, void *ctx, struct err *err)
{
    struct users *u = ctx;
    return store_user_list(db, u->request->arena, u->request->tenant.id, u->after, u->limit, &u->rows, &u->count, err);
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
    json_add_time(w, "createdAt", user->created_us);
    json_add_time(w, "seenAt", user->seen_us);
    json_end_object(w);
}

bool
users_list(struct request *r, struct err *err)
{
    struct paging paging;
    if (!request_paging(r, LIMIT_OTHERWISE, &paging, err))
        return false;
    struct users u = {.request = r, .after = paging.after, .limit = (size_t)paging.limit};
    if (!store_read(request_parts(r)->store, read_list, &u, err))
        return false;
    struct json_writer *w = reply_begin(r, 200);
    json_begin_array(w, NULL);
    for (size_t i = 0; i < u.count; i++)
        write_user(w, &u.rows[i]);
    json_end_array(w);
    struct str next = u.count == u.limit ? list_cursor_text(r->arena, u.rows[u.count - 1].id) : STR_NONE;
    return reply_end_list(r, &paging, -1, next, err);
}

bool
session_get(struct request *r, struct err *err)
{
    static const struct {
        unsigned bit;
        const char *name;
    } names[] = {{PERMISSION_READ, "content:read"}, {PERMISSION_UPDATE, "content:update"}, {PERMISSION_DELETE, "content:delete"}};
    struct json_writer *w = reply_object(r, 200);
    json_add_str(w, "subject", r->who.subject);
    json_add_c(w, "role", r->who.admin ? "admin" : "user");
    json_begin_array(w, "permissions");
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (r->who.permissions & names[i].bit)
            json_add_c(w, NULL, names[i].name);
    json_end_array(w);
    json_add_str(w, "tenantId", r->who.tenant.id ? r->who.tenant.uuid : STR_NONE);
    json_add_str(w, "tenantKey", r->who.tenant.id ? r->who.tenant.key : STR_NONE);
    return reply_object_end(r, err);
}
