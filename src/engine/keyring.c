#include "engine/keyring.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "store/store_data_key.h"

#define KEYRING_CACHED_MAX 1024       /* tenants whose key stays unwrapped in memory */
#define KEYRING_SCRATCH_BYTES (64 * 1024)
#define KEYRING_LIST_ROWS 200

struct cached_key {
    int64_t tenant, row;   /* row: store_data_key's id */
    int64_t uses, created_us;
    bool newest;           /* the one that seals */
    struct seal_key key;
};

struct keyring {
    struct store *store;
    struct seal_master *master;
    bool legacy_form;
    pthread_mutex_t lock;
    struct cached_key *cached; /* under lock; owned */
    size_t count, oldest;      /* oldest: the place that is overwritten next when full */
};

/* What a store closure is asked for, and what it found. Texts live in `arena`. */
struct key_query {
    struct keyring *k;
    struct arena *arena;
    int64_t tenant;
    struct str tenant_uuid, key_id;
    struct data_key found;
    enum row row;
    struct seal_key key;   /* key_create */
};

static bool
check_page_of_keys(struct db *db, void *ctx, struct err *err)
{
    struct key_query *query = ctx;
    struct data_key *rows;
    size_t count = 0;
    arena_clear(query->arena);
    if (!store_data_key_list(db, query->arena, 0, query->found.id, KEYRING_LIST_ROWS, &rows, &count, err))
        return false;
    query->row = count ? ROW_FOUND : ROW_NONE;
    for (size_t i = 0; i < count; i++)
        if (!seal_master_knows(query->k->master, rows[i].wrapped))
            return err_set(err, E_KEY_MISSING, "Stored secrets were sealed with another key: start with the "
                           "API_KEY_ENCRYPTION_SECRET (or the key file of the data folder) that was used before, and add it as "
                           "API_KEY_ENCRYPTION_SECRET_OLD while keys are changed");
    if (count)
        query->found = rows[count - 1];
    return true;
}

/* All of them: a rotation that was broken off leaves some under either key. Nothing is derived or unwrapped for it. */
static bool
check_master(struct keyring *k, struct err *err)
{
    struct arena scratch;
    arena_init(&scratch, KEYRING_SCRATCH_BYTES * 16);
    struct key_query query = {.k = k, .arena = &scratch, .row = ROW_FOUND};
    bool ok = true;
    while (ok && query.row == ROW_FOUND)
        ok = store_read(k->store, check_page_of_keys, &query, err);
    arena_release(&scratch);
    return ok;
}

struct keyring *
keyring_new(struct store *store, struct seal_master *master, bool legacy_form, struct err *err)
{
    struct keyring *k = alloc_zeroed(1, sizeof(*k));
    struct cached_key *cached = alloc_zeroed(KEYRING_CACHED_MAX, sizeof(*cached));
    if (!k || !cached) {
        free(k);
        free(cached);
        err_no_memory(err);
        return NULL;
    }
    *k = (struct keyring){.store = store, .master = master, .legacy_form = legacy_form, .cached = cached};
    pthread_mutex_init(&k->lock, NULL);
    if (!check_master(k, err)) {
        keyring_free(k);
        return NULL;
    }
    return k;
}

void
keyring_free(struct keyring *k)
{
    if (!k)
        return;
    for (size_t i = 0; i < k->count; i++)
        seal_key_release(&k->cached[i].key);
    pthread_mutex_destroy(&k->lock);
    free(k->cached);
    free(k);
}

static bool
cache_find(struct keyring *k, int64_t tenant, struct str key_id, struct cached_key *out)
{
    bool found = false;
    pthread_mutex_lock(&k->lock);
    for (size_t i = 0; i < k->count && !found; i++) {
        const struct cached_key *c = &k->cached[i];
        found = c->tenant == tenant && (str_is_none(key_id) ? c->newest : str_eq_c(key_id, c->key.id));
        if (found)
            *out = *c;
    }
    pthread_mutex_unlock(&k->lock);
    return found;
}

static void
cache_put(struct keyring *k, const struct cached_key *key)
{
    pthread_mutex_lock(&k->lock);
    for (size_t i = 0; i < k->count; i++)
        if (k->cached[i].tenant == key->tenant && key->newest)
            k->cached[i].newest = false;
    size_t place = k->count < KEYRING_CACHED_MAX ? k->count++ : k->oldest++ % KEYRING_CACHED_MAX;
    seal_key_release(&k->cached[place].key);
    k->cached[place] = *key;
    pthread_mutex_unlock(&k->lock);
}

static bool
find_key(struct db *db, void *ctx, struct err *err)
{
    struct key_query *q = ctx;
    arena_clear(q->arena);
    q->row = str_is_none(q->key_id) ? store_data_key_newest(db, q->arena, q->tenant, &q->found, err)
                                    : store_data_key_find(db, q->arena, q->tenant, q->key_id, &q->found, err);
    return q->row != ROW_FAILED;
}

/* In the writer, so that two first secrets of a tenant agree on one key; another node may still add a second, which opens as well. */
static bool
find_or_create_key(struct db *db, void *ctx, struct err *err)
{
    struct key_query *q = ctx;
    if (!find_key(db, q, err))
        return false;
    bool worn = q->row == ROW_FOUND && (q->found.uses >= SEAL_KEY_USES_MAX ||
                                        store_now(db) - q->found.created_us >= SEAL_KEY_AGE_MAX_US);
    if (q->row == ROW_FOUND && !worn)
        return true;
    if (worn && !store_data_key_retire(db, q->tenant, q->found.id, store_now(db), err))
        return false;
    struct data_key row = {.tenant = q->tenant};
    if (!seal_key_new(q->k->master, q->tenant_uuid, q->arena, &q->key, &row.wrapped, err))
        return false;
    row.key_id = str_from_c(q->key.id);
    row.created_us = store_now(db);
    q->found = row;
    bool ok = store_data_key_create(db, &q->found, row.created_us, err);
    q->row = ROW_FOUND;
    return ok;
}

static bool
load_key(struct keyring *k, struct key_query *q, bool create, struct cached_key *out, struct err *err)
{
    if (!(create ? store_write(k->store, find_or_create_key, q, err) : store_read(k->store, find_key, q, err)))
        return false;
    if (q->row != ROW_FOUND)
        return err_set(err, E_CRYPT, "A stored secret needs a key that is no longer there");
    *out = (struct cached_key){.tenant = q->tenant, .row = q->found.id, .uses = q->found.uses,
                               .created_us = q->found.created_us, .newest = create};
    if (!seal_key_unwrap(k->master, q->tenant_uuid, q->found.wrapped, &out->key, err))
        return false;
    cache_put(k, out);
    return true;
}

static bool
get_key(struct keyring *k, int64_t tenant, struct str tenant_uuid, struct str key_id, struct cached_key *out, struct err *err)
{
    if (cache_find(k, tenant, key_id, out))
        return true;
    struct arena scratch;
    arena_init(&scratch, KEYRING_SCRATCH_BYTES);
    struct key_query query = {.k = k, .arena = &scratch, .tenant = tenant, .tenant_uuid = tenant_uuid, .key_id = key_id};
    bool ok = load_key(k, &query, str_is_none(key_id), out, err);
    seal_key_release(&query.key);
    arena_release(&scratch);
    return ok;
}

struct use {
    int64_t tenant, row;
};

static bool
count_use(struct db *db, void *ctx, struct err *err)
{
    const struct use *use = ctx;
    return store_data_key_used(db, use->tenant, use->row, 1, err);
}

bool
keyring_seal(struct keyring *k, int64_t tenant, const struct seal_place *place, struct str plain, struct arena *a,
             struct str *sealed_out, struct err *err)
{
    if (k->legacy_form)
        return seal_legacy(k->master, plain, a, sealed_out, err);
    struct cached_key key;
    if (!get_key(k, tenant, place->tenant, STR_NONE, &key, err))
        return false;
    struct use use = {tenant, key.row};
    /* Counted before it is used: a crash between the two counts one too many, never one too few. */
    bool ok = store_write(k->store, count_use, &use, err) && seal(&key.key, place, plain, a, sealed_out, err);
    seal_key_release(&key.key);
    return ok;
}

bool
keyring_open(struct keyring *k, int64_t tenant, const struct seal_place *place, struct str sealed,
             struct secret *plain_out, struct err *err)
{
    if (seal_is_legacy(sealed))
        return seal_legacy_open(k->master, sealed, plain_out, err);
    struct str key_id;
    if (!seal_key_id(sealed, &key_id))
        return err_set(err, E_CRYPT, NULL);
    struct cached_key key;
    if (!get_key(k, tenant, place->tenant, key_id, &key, err))
        return false;
    bool ok = seal_open(&key.key, place, sealed, plain_out, err);
    seal_key_release(&key.key);
    return ok;
}

struct seal_place
keyring_subscription_place(struct str tenant_uuid, struct str subscription_uuid)
{
    return (struct seal_place){tenant_uuid, STR("webhook_subscription"), subscription_uuid, STR("secret")};
}

/* ---- rotation ---- */

bool
keyring_is_current(struct keyring *k, struct str wrapped)
{
    return seal_key_is_current(k->master, wrapped);
}

bool
keyring_unwraps(struct keyring *k, struct str tenant_uuid, struct str wrapped, struct err *err)
{
    struct seal_key key = {0};
    bool ok = seal_key_unwrap(k->master, tenant_uuid, wrapped, &key, err);
    seal_key_release(&key);
    return ok;
}

bool
keyring_rewrap(struct keyring *k, struct str tenant_uuid, struct str wrapped, struct arena *a, struct str *wrapped_out, struct err *err)
{
    return seal_key_rewrap(k->master, tenant_uuid, wrapped, a, wrapped_out, err);
}

bool
keyring_is_stale(struct keyring *k, int64_t tenant, struct str sealed)
{
    struct arena scratch;
    struct err ignored = {0};
    struct key_query query = {.k = k, .arena = &scratch, .tenant = tenant};
    if (seal_is_legacy(sealed))
        return !k->legacy_form || !seal_legacy_is_current(k->master, sealed);
    if (!seal_key_id(sealed, &query.key_id))
        return false;
    arena_init(&scratch, KEYRING_SCRATCH_BYTES);
    bool found = store_read(k->store, find_key, &query, &ignored) && query.row == ROW_FOUND;
    bool stale = found && query.found.retired_us != 0;
    arena_release(&scratch);
    return stale;
}
