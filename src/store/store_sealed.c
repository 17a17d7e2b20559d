#include "store/store_sealed.h"

#include "store/store_priv.h"

static void
key_read(struct row_reader *r, void *item)
{
    struct sealed_key *k = item;
    k->id = read_i64(r);
    k->tenant = read_i64(r);
    k->tenant_uuid = read_text(r);
    k->wrapped = read_text(r);
}

bool
store_sealed_keys(struct db *db, struct arena *a, int64_t after, size_t limit, struct sealed_key **rows_out, size_t *count_out,
                  struct err *err)
{
    struct list list = LIST_OF(a, struct sealed_key);
    if (!store_rows(db, SQL_SEALED_KEYS, DB_ARGS(DB_I(after), DB_I(limit)), &list, key_read, err))
        return false;
    *rows_out = list.items;
    *count_out = list.count;
    return true;
}

static void
connection_read(struct row_reader *r, void *item)
{
    struct sealed_connection *c = item;
    c->id = read_i64(r);
    c->tenant = read_i64(r);
    c->tenant_uuid = read_text(r);
    c->uuid = read_text(r);
    for (size_t i = 0; i < SEALED_FIELDS; i++)
        c->values[i] = read_text(r);
}

bool
store_sealed_connections(struct db *db, struct arena *a, int64_t after, size_t limit, struct sealed_connection **rows_out,
                         size_t *count_out, struct err *err)
{
    struct list list = LIST_OF(a, struct sealed_connection);
    if (!store_rows(db, SQL_SEALED_CONNECTIONS, DB_ARGS(DB_I(after), DB_I(limit)), &list, connection_read, err))
        return false;
    *rows_out = list.items;
    *count_out = list.count;
    return true;
}

static void
subscription_read(struct row_reader *r, void *item)
{
    struct sealed_subscription *s = item;
    s->id = read_i64(r);
    s->tenant = read_i64(r);
    s->tenant_uuid = read_text(r);
    s->uuid = read_text(r);
    for (size_t i = 0; i < SEALED_SECRETS; i++)
        s->secrets[i] = read_text(r);
}

bool
store_sealed_subscriptions(struct db *db, struct arena *a, int64_t after, size_t limit, struct sealed_subscription **rows_out,
                           size_t *count_out, struct err *err)
{
    struct list list = LIST_OF(a, struct sealed_subscription);
    if (!store_rows(db, SQL_SEALED_SUBSCRIPTIONS, DB_ARGS(DB_I(after), DB_I(limit)), &list, subscription_read, err))
        return false;
    *rows_out = list.items;
    *count_out = list.count;
    return true;
}

static bool
put(struct db *db, unsigned statement, int64_t tenant, int64_t id, struct str new, struct str old, bool *changed_out, struct err *err)
{
    int64_t changed = 0;
    if (!db_exec(db, statement, DB_ARGS(DB_I(tenant), DB_I(id), DB_T(new), DB_T(old)), &changed, err))
        return false;
    *changed_out = changed > 0;
    return true;
}

bool
store_sealed_key_put(struct db *db, const struct sealed_key *key, struct str wrapped, bool *changed_out, struct err *err)
{
    return put(db, SQL_SEALED_KEY_PUT, key->tenant, key->id, wrapped, key->wrapped, changed_out, err);
}

bool
store_sealed_value_put(struct db *db, const struct sealed_connection *c, enum sealed_field field, struct str sealed,
                       bool *changed_out, struct err *err)
{
    static const unsigned statements[] = {SQL_SEALED_CONFIG_PUT, SQL_SEALED_TOKENS_PUT, SQL_SEALED_WEBHOOKS_PUT};
    _Static_assert(ARRAY_LEN(statements) == SEALED_FIELDS, "one statement for each field");
    return put(db, statements[field], c->tenant, c->id, sealed, c->values[field], changed_out, err);
}

bool
store_sealed_secret_put(struct db *db, const struct sealed_subscription *s, enum sealed_secret which, struct str sealed,
                        bool *changed_out, struct err *err)
{
    static const unsigned statements[] = {SQL_SEALED_SECRET_PUT, SQL_SEALED_SECRET_OLD_PUT};
    _Static_assert(ARRAY_LEN(statements) == SEALED_SECRETS, "one statement for each");
    return put(db, statements[which], s->tenant, s->id, sealed, s->secrets[which], changed_out, err);
}
