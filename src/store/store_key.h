/*
 * API keys: only the SHA-256 of a key is stored, with the few first characters that people tell them
 * apart by. A key belongs to a tenant; one with role admin may name any other (contract, section 2).
 */
#ifndef TIDEMARK_STORE_STORE_KEY_H
#define TIDEMARK_STORE_STORE_KEY_H

#include "store/db.h"
#include "store/store_user.h"

enum permission {
    PERMISSION_READ = 1,     /* content:read */
    PERMISSION_UPDATE = 2,   /* content:update */
    PERMISSION_DELETE = 4,   /* content:delete */
};

struct api_key {
    int64_t id, tenant;
    struct str uuid, name;
    struct str shown;        /* "tm_Ab3x", to tell keys apart */
    enum user_role role;
    unsigned permissions;    /* of enum permission; 0: those of the role */
    int64_t created_us, last_used_us, expires_us, revoked_us; /* 0: never */
};

/* hash: 64 hex digits. Fills id and uuid (in a) of key. E_CONFLICT for a hash that exists. */
MUST_USE bool store_key_create(struct db *db, struct arena *a, struct api_key *key, struct str hash, int64_t now_us,
                               struct err *err);
/* Whose key is this? ROW_NONE for unknown, revoked and expired ones. */
enum row store_key_find(struct db *db, struct arena *a, struct str hash, int64_t now_us, struct api_key *key_out,
                        struct err *err);
/* By UUID, a revoked one too. */
enum row store_key_get(struct db *db, struct arena *a, int64_t tenant, struct str uuid, struct api_key *key_out, struct err *err);
/* A hint, moved at most once a minute: costs nothing when it is recent. */
MUST_USE bool store_key_touch(struct db *db, int64_t tenant, int64_t key, int64_t now_us, struct err *err);
/* By UUID. E_NOT_FOUND. Revoking twice is fine. */
MUST_USE bool store_key_revoke(struct db *db, int64_t tenant, struct str uuid, int64_t now_us, struct err *err);
/* Those with id > after, by id, revoked ones too. tenant 0: of all tenants (for the operator).
 * total_out: of all pages; NULL: not asked for. */
MUST_USE bool store_key_list(struct db *db, struct arena *a, int64_t tenant, int64_t after, size_t offset, size_t limit,
                             struct api_key **rows_out, size_t *count_out, int64_t *total_out, struct err *err);
/* Keys that work, over all tenants: 0 means that first start has not made one. */
MUST_USE bool store_key_count(struct db *db, int64_t now_us, int64_t *count_out, struct err *err);

#endif
