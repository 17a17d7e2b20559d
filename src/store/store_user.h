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
    enum user_role role;     /* granted by an admin; a token's own claim comes first */
    unsigned permissions;    /* of enum permission, granted likewise; 0: those of the role */
    int64_t created_us;
    int64_t seen_us;         /* moved at most once an hour; 0: never */
    int64_t disabled_us;     /* 0: not; else his tokens are refused since then */
};

/* Finds or makes the user; name and email are taken over when given, the role only when he is new. */
MUST_USE bool store_user_ensure(struct db *db, struct arena *a, int64_t tenant, struct str subject, struct str name,
                                struct str email, enum user_role role, int64_t now_us, struct user *user_out, struct err *err);
/* uuid and id of `user` are filled in; its texts stay the caller's. E_CONFLICT when the subject exists. */
MUST_USE bool store_user_create(struct db *db, struct arena *a, struct user *user, int64_t now_us, struct err *err);
/* Nobody else writes to him until the transaction ends: before he is read to be written as a whole. One writer: nothing to do. */
MUST_USE bool store_user_hold(struct db *db, int64_t tenant, int64_t user, struct err *err);
/* Name, e-mail, role, permissions and disabled_us as they stand in `user`. E_NOT_FOUND. */
MUST_USE bool store_user_update(struct db *db, const struct user *user, struct err *err);
/* By subject alone: what a token says must not be taken for another's UUID. */
enum row store_user_by_subject(struct db *db, struct arena *a, int64_t tenant, struct str subject, struct user *user_out,
                               struct err *err);
/* By UUID or subject: what a person names. */
enum row store_user_find(struct db *db, struct arena *a, int64_t tenant, struct str name, struct user *user_out,
                         struct err *err);
/* By integer in text, or UUID: what an address names. */
enum row store_user_get(struct db *db, struct arena *a, int64_t tenant, struct str id, struct user *user_out, struct err *err);
/* Those with id > after, by id. total_out: of all pages; NULL: not asked for. */
MUST_USE bool store_user_list(struct db *db, struct arena *a, int64_t tenant, int64_t after, size_t offset, size_t limit,
                              struct user **rows_out, size_t *count_out, int64_t *total_out, struct err *err);

#endif
