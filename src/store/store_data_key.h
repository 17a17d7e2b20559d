/*
 * Data keys: each tenant's own key for its secrets, stored wrapped by the master key (crypt/seal.h).
 *
 * Nothing here can unwrap. The newest row that is not retired seals; older ones still open. `uses` counts
 * sealed values, so that a key is replaced before GCM's random nonces wear out (D1-D2).
 */
#ifndef TIDEMARK_STORE_STORE_DATA_KEY_H
#define TIDEMARK_STORE_STORE_DATA_KEY_H

#include "store/db.h"

struct data_key {
    int64_t id, tenant;
    struct str key_id;       /* 16 hex digits, unique in the tenant */
    struct str wrapped;      /* the text of crypt/seal.h */
    int64_t uses;
    int64_t created_us, retired_us; /* 0: still seals */
};

/* Fills id. E_CONFLICT when the tenant has that key_id. */
MUST_USE bool store_data_key_create(struct db *db, struct data_key *key, int64_t now_us, struct err *err);
/* The newest that is not retired. */
enum row store_data_key_newest(struct db *db, struct arena *a, int64_t tenant, struct data_key *key_out, struct err *err);
enum row store_data_key_find(struct db *db, struct arena *a, int64_t tenant, struct str key_id, struct data_key *key_out,
                             struct err *err);
/* All, oldest first; tenant 0: of all tenants, those with id > after. */
MUST_USE bool store_data_key_list(struct db *db, struct arena *a, int64_t tenant, int64_t after, size_t limit,
                                  struct data_key **rows_out, size_t *count_out, struct err *err);
MUST_USE bool store_data_key_used(struct db *db, int64_t tenant, int64_t id, int64_t uses, struct err *err);
MUST_USE bool store_data_key_retire(struct db *db, int64_t tenant, int64_t id, int64_t now_us, struct err *err);

#endif
