/*
 * Sessions of browsers: only the SHA-256 of a session's token is stored, as with API keys.
 */
#ifndef TIDEMARK_STORE_STORE_SESSION_H
#define TIDEMARK_STORE_STORE_SESSION_H

#include "store/store_user.h"

struct session {
    int64_t tenant;              /* 0: an admin of no tenant */
    struct str subject;          /* "user:<sub>", "key:<uuid>" */
    enum user_role role;
    unsigned permissions;        /* of enum permission, as they were when he signed in */
    int64_t api_key;             /* 0: not signed in with one */
    int64_t created_us, expires_us;
    bool live;                   /* not signed out, not past its time, its key still works */
};

/* hash: 64 hex digits. Old sessions are swept meanwhile. */
MUST_USE bool store_session_create(struct db *db, const struct session *session, struct str hash, int64_t now_us, struct err *err);
/* ROW_FOUND also for one that has ended: see `live`. */
enum row store_session_find(struct db *db, struct arena *a, struct str hash, int64_t now_us, struct session *session_out,
                            struct err *err);
/* Signs out; an unknown hash is fine. */
MUST_USE bool store_session_end(struct db *db, struct str hash, int64_t now_us, struct err *err);
/* All of one subject of a tenant. */
MUST_USE bool store_session_end_subject(struct db *db, int64_t tenant, struct str subject, int64_t now_us, struct err *err);

#endif
