/*
 * What is sealed, of all tenants: for the rotation of keys and for checking that everything opens.
 *
 * Each write says what it replaces, so that whoever changed a value meanwhile wins.
 */
#ifndef TIDEMARK_STORE_STORE_SEALED_H
#define TIDEMARK_STORE_STORE_SEALED_H

#include "store/db.h"

struct sealed_key {
    int64_t id, tenant;
    struct str tenant_uuid, wrapped;
};
enum sealed_field { SEALED_CONFIG, SEALED_TOKENS, SEALED_WEBHOOKS, SEALED_FIELDS };
struct sealed_connection {
    int64_t id, tenant;
    struct str tenant_uuid, uuid;
    struct str values[SEALED_FIELDS]; /* as the row has them: a JSON string; or STR_NONE */
};
enum sealed_secret { SEALED_SECRET, SEALED_SECRET_OLD, SEALED_SECRETS };
struct sealed_subscription {
    int64_t id, tenant;
    struct str tenant_uuid, uuid;
    struct str secrets[SEALED_SECRETS]; /* or STR_NONE */
};

MUST_USE bool store_sealed_keys(struct db *db, struct arena *a, int64_t after, size_t limit, struct sealed_key **rows_out,
                                size_t *count_out, struct err *err);
MUST_USE bool store_sealed_connections(struct db *db, struct arena *a, int64_t after, size_t limit,
                                       struct sealed_connection **rows_out, size_t *count_out, struct err *err);
MUST_USE bool store_sealed_subscriptions(struct db *db, struct arena *a, int64_t after, size_t limit,
                                         struct sealed_subscription **rows_out, size_t *count_out, struct err *err);
/* *changed_out false: it is not `old` any more. */
MUST_USE bool store_sealed_key_put(struct db *db, const struct sealed_key *key, struct str wrapped, bool *changed_out, struct err *err);
MUST_USE bool store_sealed_value_put(struct db *db, const struct sealed_connection *connection, enum sealed_field field,
                                     struct str sealed, bool *changed_out, struct err *err);
MUST_USE bool store_sealed_secret_put(struct db *db, const struct sealed_subscription *subscription, enum sealed_secret which,
                                      struct str sealed, bool *changed_out, struct err *err);

#endif
