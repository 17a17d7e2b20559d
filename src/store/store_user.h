/*
 * Users: people of a tenant, as tokens name them.
 *
 * A `subject` is the `sub` of a JWT: any text, unique within its tenant. A new subject of a known tenant
 * becomes a user at first use. No passwords here.
 */
#ifndef TIDEMARK_STORE_STORE_USER_H
#define TIDEMARK_STORE_STORE_USER_H

#include "store/db.h"

enum user_role {
    ROLE_USER,
    ROLE_ADMIN,              /* the operator's role, over all tenants */
};
const char *user_role_name(enum user_role role);             /* "user", "admin" */
MUST_USE bool user_role_from_name(struct str name, enum user_role *role_out);

struct user {
    int64_t id, tenant;
    struct str uuid, subject;
    struct str name, email;  /* or STR_NONE */
    enum user_role role;
    int64_t created_us, seen_us; /* seen_us is moved at most once an hour */
};

/* Finds or makes the user; name and email are taken over when given. */
MUST_USE bool store_user_ensure(struct db *db, struct arena *a, int64_t tenant, struct str subject, struct str name,
                                struct str email, enum user_role role, int64_t now_us, struct user *user_out, struct err *err);
/* By UUID or subject. */
enum row store_user_find(struct db *db, struct arena *a, int64_t tenant, struct str name, struct user *user_out,
                         struct err *err);
/* Those with id > after, by id. */
MUST_USE bool store_user_list(struct db *db, struct arena *a, int64_t tenant, int64_t after, size_t limit,
                              struct user **rows_out, size_t *count_out, struct err *err);

#endif
